"""From the ledger into the label store: one site and month at a time, whole."""

from __future__ import annotations

import csv
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from auroral_stats.labels import Partition, StoreInfo, read_partition, write_labels
from auroral_stats.whole_file import write_whole
from classifier.label_plan import partition_file
from classifier.ledger import bad_records, mark_stored, partition_rows

__all__ = ["BAD_FRAMES_NAME", "Published", "publish", "without_repeats", "write_bad_frames"]

BAD_FRAMES_NAME = "_bad_frames.csv"

#: Frames of one site from different kinds of file that are closer than this are the same exposure:
#: half the shortest time from one exposure to the next.
SAME_EXPOSURE_MS = 500

_STAGED = "_relabelled"


@dataclass(frozen=True)
class Published:
    """What became of the rows of a partition.

    Attributes
    ----------
    written : int
        New rows in the store.
    repeats : int
        Rows that were left out, because another file had the same frame.
    """

    written: int
    repeats: int


def without_repeats(
    time: NDArray[np.int64], rank: NDArray[np.int64], stored: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return which frames of a site are no repeats of others.

    Parameters
    ----------
    time : ndarray of int, (frame,)
        Start of exposure, ms.
    rank : ndarray of int, (frame,)
        Of the kind of file; the lowest is preferred. Within a kind, only frames of the same
        millisecond repeat each other, and the first is kept; between kinds, whose clocks are
        written with different precision, those of the same exposure (closer than 0.5 s).
    stored : ndarray of int
        Times that are in the store already, which are preferred to all.

    Returns
    -------
    ndarray of bool, (frame,)

    Examples
    --------
    >>> time, rank = np.array([0, 3000, 3000, 6000, 1, 9000]), np.array([0, 0, 0, 0, 1, 1])
    >>> without_repeats(time, rank, np.array([6000])).tolist()
    [True, True, False, False, False, True]
    """
    keep = np.zeros(len(time), bool)
    taken = np.sort(stored)
    for kind in np.unique(rank):
        index = np.flatnonzero(rank == kind)
        index = index[np.sort(np.unique(time[index], return_index=True)[1])]
        if taken.size:
            after = np.searchsorted(taken, time[index])
            gap = np.minimum(
                np.abs(time[index] - taken[np.maximum(after - 1, 0)]),
                np.abs(time[index] - taken[np.minimum(after, taken.size - 1)]),
            )
            index = index[gap >= SAME_EXPOSURE_MS]
        keep[index] = True
        taken = np.union1d(taken, time[index])
    return keep


def publish(
    ledger: sqlite3.Connection, store: Path, site: str, month: str, info: StoreInfo, run: int
) -> Published:
    """Write a partition of which the ledger has all rows.

    Rows that are in the store stay, unless the partition is to be made again. If the program is
    killed anywhere in here, the next call does the same once more, with the same result.

    Parameters
    ----------
    ledger : sqlite3.Connection
    store : Path
    site, month : str
    info : StoreInfo
    run : int

    Returns
    -------
    Published

    Raises
    ------
    DataError
        If the store cannot be written, or holds other labels.
    """
    rows, rank = partition_rows(ledger, site, month)
    path = partition_file(store, site, month)
    (again,) = ledger.execute(
        "SELECT rewrite FROM partitions WHERE site = ? AND month = ?", (site, month)
    ).fetchone()
    stored = np.empty(0, np.int64)
    if path.exists() and not again:
        year, number = (int(part) for part in month.split("-"))
        there = read_partition(Partition(site, year, number, path), ("time",), info=info)
        stored = there["time"].astype("M8[ms]").astype(np.int64)
    keep = without_repeats(rows["time"], rank, stored)
    written = int(keep.sum())
    # A partition that is made again is made as a store of its own, and takes the place of the old.
    target = store / _STAGED if again else store
    if again:
        shutil.rmtree(target, ignore_errors=True)
    if written:
        p = np.ascontiguousarray(rows["p"][keep])
        time = rows["time"][keep].astype("M8[ms]")
        write_labels(target, site, time, p.argmax(axis=1), p, info=info, on_conflict="keep")
    if again:
        if written:
            partition_file(target, site, month).replace(path)
        else:
            path.unlink(missing_ok=True)
        shutil.rmtree(target, ignore_errors=True)
    size = path.stat().st_size if path.exists() else 0
    mark_stored(ledger, site, month, rows=written + len(stored), size=size, run=run)
    return Published(written, len(rows) - written)


def write_bad_frames(ledger: sqlite3.Connection, store: Path, *, simulated: bool | None) -> Path:
    """List all records that gave no label: file, record, reason and whether data are simulated.

    Parameters
    ----------
    ledger : sqlite3.Connection
    store : Path
    simulated : bool or None
        None if no file told.

    Returns
    -------
    Path
        ``_bad_frames.csv`` in the store. Paths are relative to the archive; a file that could not
        be read at all has no number of a record.
    """
    flag = "" if simulated is None else str(simulated).lower()

    def write(path: Path) -> None:
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(["file", "record", "reason", "simulated"])
            for name, number, reason in bad_records(ledger):
                table.writerow([name, "" if number is None else number, reason, flag])

    return write_whole(store / BAD_FRAMES_NAME, write)
