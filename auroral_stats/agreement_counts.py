"""Frames with two labels, counted by night and group: what every measure of agreement rests on.

Counts add, so that a month of either store is all that is in memory at a time, however many years
were labelled.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auroral_stats.brief import Brief
from auroral_stats.drivers import DRIVERS
from auroral_stats.label_pairs import PairedLabels, paired_labels
from auroral_stats.label_store import Instant, LabelStore
from auroral_stats.labels import CLASSES
from auroral_stats.minutes import night_of

__all__ = ["ALL", "GROUPINGS", "PairCounts", "count_pairs"]

#: What frames can be parted by, all of UTC time but the first.
GROUPINGS = ("site", "month", "season", "year", "hour")

#: Name of the group that holds every frame.
ALL = "all"

#: Above any number of a value, so that night and value make one number.
_VALUES = 100_000


@dataclass(frozen=True, repr=False)
class PairCounts(Brief):
    """Frames with two labels, by night and group.

    Attributes
    ----------
    values : tuple of str
        Names of the groups, such as site codes.
    night : ndarray of datetime64[D], (night,)
        Nights with a frame that both stores have, increasing.
    counts : ndarray of int64, (night, group, class, class)
        Frames by the label of the first store and that of the second.
    alone_a, alone_b : ndarray of int64, (group,)
        Frames that one store has and the other has not.
    left_out : ndarray of int64, (group,)
        Frames that both have, with a class that is not compared.
    """

    values: tuple[str, ...]
    night: NDArray[np.datetime64]
    counts: NDArray[np.int64]
    alone_a: NDArray[np.int64]
    alone_b: NDArray[np.int64]
    left_out: NDArray[np.int64]


class _Sums:
    """Sums of one grouping, a month after the other."""

    def __init__(self, grouping: str, sites: Sequence[str], classes: int) -> None:
        self.grouping, self.sites, self.classes = grouping, sites, classes
        self.keys = [np.empty(0, np.int64)]
        self.cells = [np.empty((0, classes**2), np.int64)]
        self.others: dict[str, dict[int, int]] = {"alone_a": {}, "alone_b": {}, "left_out": {}}

    def add(self, paired: PairedLabels, cell: NDArray[np.int64], night: NDArray[np.int64]) -> None:
        """Take in a stretch; ``cell`` is -1 where a label is not compared."""
        value = self._values(paired.time, paired.site)
        there = cell >= 0
        for name, values in (
            ("alone_a", self._values(paired.alone_a, paired.site)),
            ("alone_b", self._values(paired.alone_b, paired.site)),
            ("left_out", value[~there]),
        ):
            for number, frames in zip(*np.unique(values, return_counts=True), strict=True):
                held = self.others[name]
                held[int(number)] = held.get(int(number), 0) + int(frames)
        key, inverse = np.unique(night[there] * _VALUES + value[there], return_inverse=True)
        size = self.classes**2
        flat = np.bincount(inverse * size + cell[there], minlength=key.size * size)
        self.keys.append(key)
        self.cells.append(flat.reshape(key.size, size))

    def total(self) -> PairCounts:
        """Return the sums over night and group."""
        key, inverse = np.unique(np.concatenate(self.keys), return_inverse=True)
        sums = np.zeros((key.size, self.classes**2), np.int64)
        np.add.at(sums, inverse, np.concatenate(self.cells))
        nights, at_night = np.unique(key // _VALUES, return_inverse=True)
        numbers = sorted({*(key % _VALUES).tolist(), *(n for d in self.others.values() for n in d)})
        at_value = np.searchsorted(numbers, key % _VALUES)
        shape = (nights.size, len(numbers), self.classes, self.classes)
        counts = np.zeros(shape, np.int64)
        counts[at_night, at_value] = sums.reshape(-1, *shape[2:])
        others = {
            name: np.array([held.get(number, 0) for number in numbers], np.int64)
            for name, held in self.others.items()
        }
        return PairCounts(tuple(map(self._name, numbers)), nights.astype("M8[D]"), counts, **others)

    def _values(self, time: NDArray[np.datetime64], site: str) -> NDArray[np.int64]:
        """Return the number of the group of each time."""
        if self.grouping in {ALL, "site"}:
            number = 0 if self.grouping == ALL else self.sites.index(site)
            return np.full(time.size, number, np.int64)
        if self.grouping == "hour":
            return time.astype("M8[h]").astype(np.int64) % 24
        months = time.astype("M8[M]").astype(np.int64)
        if self.grouping == "year":
            return months // 12 + 1970
        month = months % 12 + 1
        return month if self.grouping == "month" else month % 12 // 3

    def _name(self, number: int) -> str:
        if self.grouping == ALL:
            return ""
        if self.grouping == "site":
            return self.sites[number]
        return str(DRIVERS["season"].categories[number] if self.grouping == "season" else number)


def count_pairs(
    store_a: LabelStore,
    store_b: LabelStore,
    members: Sequence[Sequence[str]],
    *,
    by: Sequence[str] = (),
    sites: Iterable[str] | None = None,
    start: Instant | None = None,
    end: Instant | None = None,
    tolerance: float = 0.0,
) -> dict[str, PairCounts]:
    """Count the frames that two stores have labelled, by night, group and the two labels.

    Parameters
    ----------
    store_a, store_b : LabelStore
        From :func:`auroral_stats.labels.open_labels`.
    members : sequence of sequence of str
        For each class that is compared, which of the six belong to it; frames of a class that
        belongs to none are left out.
    by : sequence of str
        Of :data:`GROUPINGS`.
    sites, start, end, tolerance
        As for :func:`auroral_stats.label_pairs.paired_labels`.

    Returns
    -------
    dict of str to PairCounts
        One entry for each grouping, and one for :data:`ALL`.

    Raises
    ------
    UsageError, DataError
        As :func:`auroral_stats.label_pairs.paired_labels`.
    """
    known = sorted({*store_a.sites, *store_b.sites})
    number = np.full(len(CLASSES), -1, np.int64)
    for place, names in enumerate(members):
        number[[CLASSES.index(name) for name in names]] = place
    sums = {name: _Sums(name, known, len(members)) for name in (ALL, *by)}
    for paired in paired_labels(
        store_a, store_b, sites=sites, start=start, end=end, tolerance=tolerance
    ):
        a, b = number[paired.label_a], number[paired.label_b]
        cell = np.where((a >= 0) & (b >= 0), a * len(members) + b, -1)
        night = night_of(paired.time).astype(np.int64)
        for grouping in sums.values():
            grouping.add(paired, cell, night)
    return {name: grouping.total() for name, grouping in sums.items()}
