"""Which labels of two stores are of the same frame: by site and time, one month at a time.

Two people, a person and a model, or two models may have labelled the same frames. Times of one
frame can differ where one store has the start of the exposure as the camera wrote it and the other
a rounded one, so that the nearest label within a tolerance may be taken instead of the same time.
Partitions are read as they are needed, so that memory stays that of a site-month of either store.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from auroral_stats.errors import UsageError
from auroral_stats.label_store import (
    Instant,
    LabelStore,
    iter_partitions,
    read_partition,
    utc_instant,
)

__all__ = [
    "LONGEST_TOLERANCE",
    "PairedLabels",
    "check_tolerance",
    "match_times",
    "paired_labels",
]

#: Longest distance in seconds at which two labels may be taken for those of one frame.
LONGEST_TOLERANCE = 600.0

_FAR = np.iinfo(np.int64).max


class PairedLabels(NamedTuple):
    """Labels of one site that are of the same frames, and the times of those in one store alone.

    ``time`` (n,) is that of the first store, datetime64[ms] in UTC; ``label_a`` and ``label_b``
    (n,) are numbers in the order of :data:`auroral_stats.labels.CLASSES`; ``alone_a`` (k,) and
    ``alone_b`` (m,) are times of labels without a partner.
    """

    site: str
    time: NDArray[np.datetime64]
    label_a: NDArray[np.uint8]
    label_b: NDArray[np.uint8]
    alone_a: NDArray[np.datetime64]
    alone_b: NDArray[np.datetime64]


class _Rows(NamedTuple):
    """Labels of one store, sorted by time."""

    time: NDArray[np.datetime64]
    label: NDArray[np.uint8]

    def part(self, rows: slice) -> _Rows:
        return _Rows(self.time[rows], self.label[rows])

    def followed_by(self, other: _Rows) -> _Rows:
        pairs = zip(self, other, strict=True)
        return _Rows(*(np.concatenate(pair) for pair in pairs)) if self.time.size else other


_NO_ROWS = _Rows(np.empty(0, "M8[ms]"), np.empty(0, np.uint8))


def match_times(
    a: NDArray[np.datetime64], b: NDArray[np.datetime64], tolerance: float = 0.0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pair the times of two lists, the nearest first, each time at most once.

    Of all pairs no further apart than ``tolerance`` the closest is taken, then the closest of those
    that are left, and so on. Of two pairs at the same distance, one whose time in ``b`` is the
    later of the two goes first.

    Parameters
    ----------
    a, b : ndarray of datetime64, (n,) and (m,)
        Sorted, each time once; compared to the millisecond.
    tolerance : float
        Seconds; 0 pairs equal times only.

    Returns
    -------
    first, second : ndarray of int64, (k,)
        Places in ``a`` and in ``b`` of each pair, in order of time.

    Examples
    --------
    >>> a = np.array(["2014-03-10T06:02:00.100", "2014-03-10T06:02:03.100"], "M8[ms]")
    >>> b = np.array(["2014-03-10T06:02:00", "2014-03-10T06:02:02", "2014-03-10T06:02:04"], "M8[ms]")
    >>> [places.tolist() for places in match_times(a, b, tolerance=1.0)]
    [[0, 1], [0, 2]]
    """
    ta, tb = (times.astype("M8[ms]").view(np.int64) for times in (a, b))
    at = np.minimum(np.searchsorted(tb, ta), max(tb.size - 1, 0))
    same = tb[at] == ta if tb.size else np.zeros(ta.size, bool)
    firsts, seconds = [np.flatnonzero(same)], [at[same]]
    limit = round(1000 * tolerance)
    if limit:
        rest_a, rest_b = np.flatnonzero(~same), np.delete(np.arange(tb.size), at[same])
        while rest_a.size and rest_b.size:
            one, other, rest_a, rest_b = _nearest_pairs(ta, tb, rest_a, rest_b, limit)
            firsts.append(one)
            seconds.append(other)
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    order = np.argsort(first, kind="stable")
    return first[order], second[order]


def _nearest_pairs(
    ta: NDArray[np.int64],
    tb: NDArray[np.int64],
    rest_a: NDArray[np.int64],
    rest_b: NDArray[np.int64],
    limit: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs of which each is the nearest of the other, and what is left to be paired.

    Two pairs that share a time are never equal in distance and direction, so the closest pair of
    all is always among these: each call takes at least one, or leaves nothing.
    """
    a, b = ta[rest_a], tb[rest_b]
    above = np.searchsorted(b, a)
    later, earlier = _distance(a, b, above), _distance(a, b, above - 1)
    of_a, far_a = np.where(later <= earlier, above, above - 1), np.minimum(later, earlier)
    below = np.searchsorted(a, b) - 1
    earlier, later = _distance(b, a, below), _distance(b, a, below + 1)
    of_b, far_b = np.where(earlier <= later, below, below + 1), np.minimum(earlier, later)
    mutual = (of_b[of_a] == np.arange(a.size)) & (far_a <= limit)
    taken_b = np.zeros(b.size, bool)
    taken_b[of_a[mutual]] = True
    # Distances only grow as times are taken: what is too far now stays alone.
    return (
        rest_a[mutual],
        rest_b[of_a[mutual]],
        rest_a[~mutual & (far_a <= limit)],
        rest_b[~taken_b & (far_b <= limit)],
    )


def _distance(
    times: NDArray[np.int64], others: NDArray[np.int64], place: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return how far each time is from the other at ``place``; as far as can be where none is."""
    there = (place >= 0) & (place < others.size)
    away = np.abs(times - others[np.clip(place, 0, others.size - 1)])
    return np.where(there, away, _FAR)


def paired_labels(
    store_a: LabelStore,
    store_b: LabelStore,
    *,
    sites: Iterable[str] | None = None,
    start: Instant | None = None,
    end: Instant | None = None,
    tolerance: float = 0.0,
) -> Iterator[PairedLabels]:
    """Yield the labels that two stores have of the same frames, in stretches of about a month.

    Parameters
    ----------
    store_a, store_b : LabelStore
        From :func:`auroral_stats.labels.open_labels`.
    sites : iterable of str, optional
        Site codes; by default all that either store holds.
    start, end : time, optional
        Only labels in [start, end), UTC.
    tolerance : float
        Seconds, as in :func:`match_times`. Pairs across the end of a month are found too.

    Yields
    ------
    PairedLabels
        Site by site, in order of time.

    Raises
    ------
    UsageError
        If a site is in neither store, the tolerance is negative or longer than
        :data:`LONGEST_TOLERANCE`, or ``end`` is not after ``start``.
    DataError
        If a partition cannot be trusted.

    Examples
    --------
    >>> import tempfile
    >>> from auroral_stats.labels import StoreInfo, open_labels, write_labels
    >>> time = np.array(["2014-03-10T06:02:00", "2014-03-10T06:02:03"], "M8[ms]")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name, labels in (("a", ["arc", "arc"]), ("b", ["arc", "clear"])):
    ...         info = StoreInfo(f"import:{name}", False)
    ...         _ = write_labels(f"{folder}/{name}", "gill", time, labels, info=info)
    ...     stores = [open_labels(f"{folder}/{name}") for name in "ab"]
    ...     [(pair.label_a.tolist(), pair.label_b.tolist()) for pair in paired_labels(*stores)]
    [([0, 0], [0, 5])]
    """
    check_tolerance(tolerance)
    low = None if start is None else utc_instant(start, "start")
    high = None if end is None else utc_instant(end, "end")
    if low is not None and high is not None and high <= low:
        raise UsageError(f"end ({end}) is not after start ({start}); swap or move them.")
    stores = (store_a, store_b)
    found = [
        {(p.site, p.year, p.month): p for p in iter_partitions(store, chosen, low, high)}
        for store, chosen in zip(stores, _sites_of(stores, sites), strict=True)
    ]
    months = sorted({*found[0], *found[1]})
    held = [_NO_ROWS, _NO_ROWS]
    for number, month in enumerate(months):
        for which, store in enumerate(stores):
            if month in found[which]:
                rows = read_partition(found[which][month], info=store.info, start=low, end=high)
                held[which] = held[which].followed_by(_Rows(rows["time"], rows["label"]))
        last = number + 1 == len(months) or months[number + 1][0] != month[0]
        ready, held = _ready(held, 0.0 if last else tolerance)
        yield _pairs(month[0], ready, tolerance)


def check_tolerance(tolerance: float) -> None:
    """Refuse a tolerance at which labels would be of other frames.

    Parameters
    ----------
    tolerance : float
        Seconds.

    Raises
    ------
    UsageError
        If it is negative or longer than :data:`LONGEST_TOLERANCE`.
    """
    if not 0 <= tolerance <= LONGEST_TOLERANCE:
        raise UsageError(
            f"--tolerance {tolerance:g}: expected 0 to {LONGEST_TOLERANCE:g} s; frames further "
            "apart are not the same picture."
        )


def _sites_of(
    stores: Iterable[LabelStore], sites: Iterable[str] | None
) -> Iterator[tuple[str, ...]]:
    """Give the sites to be read from each store; refuse one that is in none of them."""
    known = {site for store in stores for site in store.sites}
    asked = known if sites is None else {site.strip().lower() for site in sites}
    if absent := sorted(asked - known):
        raise UsageError(
            f"no labels of {', '.join(absent)} in either store; they hold "
            f"{', '.join(sorted(known)) or 'no labels at all'}."
        )
    for store in stores:
        yield tuple(site for site in store.sites if site in asked)


def _ready(held: list[_Rows], tolerance: float) -> tuple[list[_Rows], list[_Rows]]:
    """Part the rows where no pair can span: those that later ones cannot change, and the rest."""
    if not tolerance:
        return held, [_NO_ROWS, _NO_ROWS]
    times = np.sort(np.concatenate([rows.time for rows in held]), kind="stable")
    gaps = np.flatnonzero(np.diff(times) > np.timedelta64(round(1000 * tolerance), "ms"))
    if not gaps.size:
        return [_NO_ROWS, _NO_ROWS], held
    first = times[gaps[-1] + 1]
    at = [int(np.searchsorted(rows.time, first)) for rows in held]
    ready = [rows.part(slice(place)) for rows, place in zip(held, at, strict=True)]
    return ready, [rows.part(slice(place, None)) for rows, place in zip(held, at, strict=True)]


def _pairs(site: str, rows: list[_Rows], tolerance: float) -> PairedLabels:
    a, b = rows
    first, second = match_times(a.time, b.time, tolerance)
    return PairedLabels(
        site,
        a.time[first],
        a.label[first],
        b.label[second],
        np.delete(a.time, first),
        np.delete(b.time, second),
    )
