"""Rows of labels as arrays: checked, in the order of the store, matched and merged.

:mod:`auroral_stats.labels` is the public door to the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from auroral_stats.errors import DataError, UsageError

CLASSES = ("arc", "diffuse", "discrete", "cloudy", "moon", "clear")
PROBABILITY_COLUMNS = tuple(f"p_{name}" for name in CLASSES)

#: Times of labels are in [EARLIEST, LATEST).
EARLIEST, LATEST = np.datetime64("1970-01-01", "ms"), np.datetime64("2200-01-01", "ms")

#: What a new row is to the rows that are there.
NEW, SAME, CONFLICT = 0, 1, 2


class LabelRows(NamedTuple):
    """Rows of one site: what a partition file holds, as arrays.

    ``time`` (n,) datetime64[ms] UTC; ``label`` (n,) uint8 in the order of :data:`CLASSES`;
    ``probability`` (n, 6) int16, 0..255 as stored, -1 where the source gives none.
    """

    time: np.ndarray
    label: np.ndarray
    probability: np.ndarray

    def take(self, index: np.ndarray | slice) -> LabelRows:
        """Return the rows at ``index`` (positions or a mask)."""
        return LabelRows(self.time[index], self.label[index], self.probability[index])


def quantise_probabilities(p: ArrayLike) -> np.ndarray:
    """Return probabilities as whole 255ths that still sum to one in every row.

    Largest remainder: each 255 p is rounded down, and the units that are then missing go to the
    classes with the largest remainders (the first of equals). Every value stays within 1/255 of p
    and the order of the classes is kept.

    Parameters
    ----------
    p : array_like, shape (n, 6)
        Probabilities in the order of :data:`CLASSES`, each row summing to 1 within 0.01.

    Returns
    -------
    ndarray of uint8, shape (n, 6)

    Raises
    ------
    DataError
        If the shape is another, or a row is negative, not finite or does not sum to 1.

    Examples
    --------
    >>> quantise_probabilities([[0.5, 0.5, 0, 0, 0, 0]])
    array([[128, 127,   0,   0,   0,   0]], dtype=uint8)
    """
    p = np.asarray(p, np.float64)
    if p.ndim != 2 or p.shape[1] != len(CLASSES):
        raise DataError(f"probabilities have the shape {p.shape}, expected (n, {len(CLASSES)})")
    total = p.sum(axis=1, keepdims=True)
    bad = ~((np.abs(total[:, 0] - 1) <= 0.01) & (p >= 0).all(axis=1))
    if bad.any():
        row = int(bad.argmax())
        raise DataError(
            f"probabilities of {int(bad.sum())} rows are not finite, are negative or do not sum "
            f"to 1; the first is row {row}: {p[row].tolist()}. Give softmax outputs, in 0..1."
        )
    scaled = 255 * p / total
    units = np.floor(scaled)
    missing = np.rint(255 - units.sum(axis=1)).astype(np.int64)
    order = np.argsort(units - scaled, axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(len(CLASSES))[None, :], axis=1)
    stored: np.ndarray = (units + (rank < missing[:, None])).astype(np.uint8)
    return stored


def site_months(
    site: str | Sequence[str] | np.ndarray,
    time: ArrayLike,
    label: ArrayLike,
    probabilities: ArrayLike | None,
) -> list[tuple[tuple[str, int, int], LabelRows]]:
    """Check rows and sort them into site-months; rows that are there twice are kept once."""
    given = np.asarray(time)
    if given.dtype.kind != "M" or given.ndim != 1:
        raise UsageError(
            f"time is {given.ndim}-dimensional {given.dtype}; expected a 1-dimensional array of "
            "datetime64 in UTC (convert times with a zone first)."
        )
    n = given.size
    codes = np.char.lower(np.char.strip(np.broadcast_to(np.asarray(site, str), n)))
    rows = LabelRows(given.astype("M8[ms]"), _numbers(label), _stored(probabilities, n))
    if rows.label.shape != (n,) or rows.probability.shape != (n, len(CLASSES)):
        raise UsageError(
            f"time has {n} values, label {rows.label.shape}, probabilities "
            f"{rows.probability.shape}; expected ({n},), ({n},) and ({n}, {len(CLASSES)})."
        )
    # A year of other than four digits would not be found again; NaT is in no range.
    if (odd := ~((rows.time >= EARLIEST) & (rows.time < LATEST))).any():
        row = int(odd.argmax())
        raise DataError(f"time of row {row} is {rows.time[row]}; expected one in 1970..2199")
    if faults := probability_faults(rows):
        raise DataError(f"labels cannot be stored: {'; '.join(faults)}")
    sites, which = np.unique(codes, return_inverse=True)
    for code in sites:
        if not (code.isascii() and code.isalnum()) or code.isdigit():
            raise DataError(
                f"site is {str(code)!r}; expected a code of letters and digits such as gill"
            )
    months = rows.time.astype("M8[M]").astype(np.int64)
    order = np.lexsort((rows.label, rows.time, months, which))
    rows, which, months = rows.take(order), which[order], months[order]
    again = (np.diff(rows.time) == 0) & (np.diff(which) == 0)
    if (clash := again & (np.diff(rows.label) != 0)).any():
        row = int(clash.argmax())
        raise DataError(
            f"{sites[which[row]]} at {rows.time[row]} is given twice, as "
            f"{CLASSES[rows.label[row]]} and {CLASSES[rows.label[row + 1]]}; give it once."
        )
    edges = np.flatnonzero(np.diff(which) | np.diff(months)) + 1
    groups = []
    for part in np.split(np.arange(n), edges):
        if part.size:
            year, month = divmod(int(months[part[0]]), 12)
            groups.append(((str(sites[which[part[0]]]), 1970 + year, 1 + month), rows.take(part)))
    return groups


def _numbers(label: ArrayLike) -> np.ndarray:
    """Return class numbers (uint8) of class names or numbers."""
    given = np.asarray(label)
    if given.dtype.kind in "US":
        numbers = np.full(given.shape, -1)
        for number, name in enumerate(CLASSES):
            numbers[given == name] = number
    elif given.dtype.kind in "iu" or given.size == 0:
        numbers = given.astype(np.int64)
    else:
        raise UsageError(f"label is {given.dtype}; expected class names or whole numbers")
    bad = (numbers < 0) | (numbers >= len(CLASSES))
    if bad.any():
        listed = ", ".join(f"{number} {name}" for number, name in enumerate(CLASSES))
        raise DataError(
            f"label of row {int(bad.argmax())} is {given[bad][0]!r}; expected one of {listed}."
        )
    return numbers.astype(np.uint8)


def _stored(probabilities: ArrayLike | None, n: int) -> np.ndarray:
    """Return probabilities as they are stored: (n, 6) int16 in 0..255, -1 where there are none."""
    if probabilities is None:
        return np.full((n, len(CLASSES)), -1, np.int16)
    p = np.asarray(probabilities)
    if p.dtype == np.uint8:
        return p.astype(np.int16)
    p = p.astype(np.float64)
    stored = np.full(p.shape, -1, np.int16)
    known = ~np.isnan(p).all(axis=-1) if p.ndim == 2 else slice(None)
    stored[known] = quantise_probabilities(p[known])
    return stored


def probability_faults(rows: LabelRows) -> list[str]:
    """Return what is wrong with the probabilities of ``rows``, one line a kind."""
    p = rows.probability
    known = (p >= 0).all(axis=1)
    chosen = p[np.arange(len(p)), np.minimum(rows.label, len(CLASSES) - 1)]
    kinds = {
        "some probabilities are null and others not": (p >= 0).any(axis=1) & ~known,
        "probabilities do not sum to 255": known & (p.sum(axis=1) != 255),
        "label is not the class with the highest probability": known & (chosen < p.max(axis=1)),
    }
    return [
        f"{what} ({int(bad.sum())} rows, the first is row {int(bad.argmax())})"
        for what, bad in kinds.items()
        if bad.any()
    ]


def relabel(label: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Return label numbers in the order of :data:`CLASSES`, from those in the order of ``classes``.

    Examples
    --------
    >>> clear_first = ("clear", "arc", "diffuse", "discrete", "cloudy", "moon")
    >>> relabel(np.array([0, 5], np.uint8), clear_first)
    array([5, 4], dtype=uint8)
    """
    if tuple(classes) == CLASSES:
        return label
    numbers: np.ndarray = np.array([CLASSES.index(name) for name in classes], np.uint8)
    return np.take(numbers, label)


def match_rows(old: LabelRows, new: LabelRows) -> np.ndarray:
    """Return for each new row whether it is NEW, the SAME as an old one, or in CONFLICT.

    Rows of ``old`` are sorted by time. New rows repeat each other only with the same label; the
    repeats are the SAME.

    Examples
    --------
    >>> none = np.full((2, 6), -1, np.int16)
    >>> old = LabelRows(np.array([10, 20], "M8[ms]"), np.array([0, 0], np.uint8), none)
    >>> new = LabelRows(np.array([20, 30], "M8[ms]"), np.array([5, 0], np.uint8), none)
    >>> match_rows(old, new).tolist() == [CONFLICT, NEW]
    True
    """
    status = np.full(new.time.size, NEW, np.uint8)
    if old.time.size:
        at = np.minimum(np.searchsorted(old.time, new.time), old.time.size - 1)
        there = old.time[at] == new.time
        status[there] = np.where(old.label[at] == new.label, SAME, CONFLICT)[there]
    status[1:][np.diff(new.time) == 0] = SAME
    return status


def merge_rows(old: LabelRows, new: LabelRows) -> LabelRows:
    """Return the rows of both, sorted by time."""
    both = LabelRows(*(np.concatenate(pair) for pair in zip(old, new, strict=True)))
    return both.take(np.argsort(both.time, kind="stable"))
