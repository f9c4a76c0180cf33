"""Which time stamps of a file can be believed, judged by its name and by each other."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from classifier.frame_names import FrameName

__all__ = ["TOLERANCE", "time_faults"]

#: A camera's clock may be so far off the minute or hour that its file is named after.
TOLERANCE = np.timedelta64(2, "m")


def time_faults(
    time: NDArray[np.datetime64],
    name: FrameName | None,
    same_image: Callable[[int, int], bool],
) -> dict[int, str]:
    """Find records whose times cannot be believed.

    A time more than two minutes away from what the file is named after is refused. A record with
    the time and the image of an earlier one is a repetition. The others must increase: where they
    do not, those records are kept that belong to every longest increasing sequence, so that one
    stray time costs one record, and of two records that contradict each other none is kept.

    Parameters
    ----------
    time : ndarray of datetime64, (record,)
        UTC, in the order of the file; NaT are passed over.
    name : FrameName or None
        What the name of the file says.
    same_image : callable
        Whether two records, given by index, hold the same image.

    Returns
    -------
    dict of int to str
        Reasons by index.

    Examples
    --------
    >>> stamps = np.array(["2014-03-10T06:00:%02d" % s for s in (0, 3, 59, 9, 12)], "M8[us]")
    >>> time_faults(stamps, None, lambda first, second: False)
    {2: 'its time 2014-03-10T06:00:59.000000 is out of order'}
    """
    faults: dict[int, str] = {}
    # Nearly all files pass at a glance; comparisons with NaT are false.
    in_order = time.size and np.all(time[1:] > time[:-1]) and not np.isnat(time[0])
    if in_order and (
        name is None or (time[0] >= name.start - TOLERANCE and time[-1] < name.end + TOLERANCE)
    ):
        return faults
    if name is not None:
        early, late = time < name.start - TOLERANCE, time >= name.end + TOLERANCE
        for index in np.flatnonzero(early | late).tolist():
            faults[index] = (
                f"its time {time[index]} is not within {_minutes(name)} that the file is named after"
            )
    left = [i for i in np.flatnonzero(~np.isnat(time)).tolist() if i not in faults]
    if not np.all(time[left[1:]] > time[left[:-1]]):
        first: dict[np.datetime64, int] = {}
        for index in left:
            other = first.setdefault(time[index], index)
            if other != index and same_image(other, index):
                faults[index] = "it repeats an earlier record"
        left = [index for index in left if index not in faults]
        faults |= _out_of_order(time, left)
    return faults


def _minutes(name: FrameName) -> str:
    return f"the minute {name.start}" if name.minutes == 1 else f"the hour {name.start}"


def _out_of_order(time: NDArray[np.datetime64], left: list[int]) -> dict[int, str]:
    stamps: list[int] = time[left].astype("datetime64[us]").astype(np.int64).tolist()
    before = _longest_ending(stamps)
    after = _longest_ending([-stamp for stamp in reversed(stamps)])[::-1]
    longest = max(before, default=0)
    # At each place of a longest sequence stands one record in all of them, or one of several.
    on_one = [b for b, a in zip(before, after, strict=True) if b + a - 1 == longest]
    places = Counter(on_one)
    return {
        index: f"its time {time[index]} is out of order"
        for index, b, a in zip(left, before, after, strict=True)
        if b + a - 1 != longest or places[b] > 1
    }


def _longest_ending(stamps: Sequence[int]) -> list[int]:
    """Return how long the longest increasing sequence is that ends at each of ``stamps``."""
    tails: list[int] = []
    lengths = []
    for stamp in stamps:
        at = bisect_left(tails, stamp)
        tails[at : at + 1] = [stamp]
        lengths.append(at + 1)
    return lengths
