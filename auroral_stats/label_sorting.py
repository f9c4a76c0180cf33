"""Sort labels that come in any order into site-months, on disk, and settle repeats and conflicts."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from auroral_stats.label_rows import CLASSES, CONFLICT, NEW, LabelRows, match_rows

#: A row on its way: its number in the table, time (ms), label, stored probabilities (all 0: none).
_RECORD = np.dtype([("row", "i8"), ("time", "i8"), ("label", "u1"), ("p", "u1", (len(CLASSES),))])
_SUFFIX = ".records"


class Resolved(NamedTuple):
    """What becomes of the rows of one site-month.

    ``new`` are to be written, sorted; ``duplicate`` counts rows that are there already; ``accepted``
    are the times of both; ``torn`` and ``opposed`` are records with a label that another row of the
    table, or the store, contradicts.
    """

    new: LabelRows
    duplicate: int
    accepted: np.ndarray
    torn: np.ndarray
    opposed: np.ndarray

    def refused(self, site: str) -> Iterator[tuple[object, ...]]:
        """Yield row number, site, time, label and reason of the rows that are not accepted."""
        for records, reason in (
            (self.torn, "the table has different labels for this site and time"),
            (self.opposed, "the store has another label for this site and time"),
        ):
            for record in np.sort(records, order="row"):
                time = np.datetime64(int(record["time"]), "ms")
                yield int(record["row"]), site, f"{time}Z", CLASSES[record["label"]], reason


def spill(
    folder: Path,
    codes: Sequence[str],
    site: np.ndarray,
    rows: LabelRows,
    number: np.ndarray,
    good: np.ndarray,
) -> None:
    """Append good rows to one file for each site-month in ``folder``.

    Parameters
    ----------
    folder : Path
        Temporary folder.
    codes : sequence of str
        Site codes.
    site : ndarray of int, (n,)
        Index of each row into ``codes``.
    rows : LabelRows, n rows
        In any order.
    number : ndarray of int, (n,)
        Number of each row in its table.
    good : ndarray of bool, (n,)
        Which rows to take.
    """
    index = np.flatnonzero(good)
    records = np.empty(index.size, _RECORD)
    records["row"] = number[index]
    records["time"] = rows.time[index].view(np.int64)
    records["label"] = rows.label[index]
    records["p"] = np.maximum(rows.probability[index], 0)
    # Two texts of a chunk may name one site (GILL, gill): sites by code, not by text.
    names, by_name = np.unique(np.array(codes, str), return_inverse=True)
    months = rows.time[index].astype("M8[M]").astype(np.int64)
    key = by_name[site[index]] * 10_000 + months
    order = np.argsort(key, kind="stable")
    key, records = key[order], records[order]
    edges = np.flatnonzero(np.diff(key, prepend=-1, append=-1))
    for first, end in itertools.pairwise(edges.tolist()):
        which, month = divmod(int(key[first]), 10_000)
        with (folder / f"{names[which]}-{month:05d}{_SUFFIX}").open("ab") as file:
            records[first:end].tofile(file)


def sorted_months(folder: Path) -> Iterator[tuple[tuple[str, int, int], np.ndarray]]:
    """Yield site, year, month and the records of each file that :func:`spill` wrote; remove it."""
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        site, month = path.name.removesuffix(_SUFFIX).split("-")
        records = np.fromfile(path, _RECORD)
        path.unlink()
        yield (site, 1970 + int(month) // 12, 1 + int(month) % 12), records


def resolve(records: np.ndarray, old: LabelRows) -> Resolved:
    """Settle which records of a site-month are new, repeated or contradicted.

    The result does not depend on the order of the records: of repeats with different probabilities
    the one with the smallest (compared class by class) is kept.

    Parameters
    ----------
    records : ndarray of records, (n,)
        From :func:`sorted_months`.
    old : LabelRows
        What the store has for the site-month.
    """
    p = records["p"]
    ties = tuple(p.T[::-1]) if p.any() else ()
    records = records[np.lexsort((*ties, records["label"], records["time"]))]
    starts = np.append(True, np.diff(records["time"]) != 0)
    group = np.cumsum(starts) - 1
    torn = np.zeros(group[-1] + 1, bool)
    torn[group[1:][~starts[1:] & (np.diff(records["label"]) != 0)]] = True
    first = records[starts]
    known = first["p"].any(axis=1, keepdims=True)
    rows = LabelRows(
        first["time"].view("M8[ms]"),
        first["label"],
        np.where(known, first["p"].astype(np.int16), np.int16(-1)),
    )
    status = match_rows(old, rows)
    opposed = ~torn & (status == CONFLICT)
    taken = ~torn & (status == NEW)
    refused = torn | opposed
    return Resolved(
        new=rows.take(taken),
        duplicate=int((~refused[group]).sum() - taken.sum()),
        accepted=rows.time[~refused],
        torn=records[torn[group]],
        opposed=records[opposed[group]],
    )
