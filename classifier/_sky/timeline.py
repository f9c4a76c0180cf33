"""Which classes make up the sky at a time: labels turned into weights that change quickly, not at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auroral_stats.labels import CLASSES

__all__ = ["GAP_SECONDS", "Timeline", "timeline_of"]

#: Times further apart than this do not know of each other.
GAP_SECONDS = 60.0
#: Half of the time that a change takes: of aurora, and of cloud and haze.
_QUICK, _SLOW = 6.0, 40.0
_CLOUDY, _MOON = CLASSES.index("cloudy"), CLASSES.index("moon")


@dataclass(frozen=True, eq=False)
class Timeline:
    """Labels over time, as runs.

    Attributes
    ----------
    start : numpy.ndarray of float64, (run,)
        Seconds at which each run takes over from the one before, increasing.
    code : numpy.ndarray of int64, (run,)
        Class of each run, in the order of ``auroral_stats.labels.CLASSES``.
    half : numpy.ndarray of float64, (run,)
        Half of the time that the change at ``start`` takes; 0 where there is a gap before it.
    """

    start: NDArray[np.float64]
    code: NDArray[np.int64]
    half: NDArray[np.float64]

    def weights(self, seconds: float) -> NDArray[np.float64]:
        """Return the weight of each class at a time, (6,); they add up to 1."""
        found = np.zeros(len(CLASSES))
        run = max(int(np.searchsorted(self.start, seconds, side="right")) - 1, 0)
        share = 1.0
        for change, other in ((run, run - 1), (run + 1, run + 1)):
            if not 0 < change < self.start.size or self.half[change] <= 0.0:
                continue
            away = abs(seconds - self.start[change]) / self.half[change]
            if away < 1.0:
                part = 0.5 * (1.0 - away) ** 2 * (1.0 + 0.5 * away)
                found[self.code[other]] += part
                share -= part
        found[self.code[run]] += share
        return found


def timeline_of(seconds: NDArray[np.float64], code: NDArray[np.int64]) -> Timeline:
    """Return the timeline of labelled frames.

    Parameters
    ----------
    seconds : numpy.ndarray of float64, (frame,)
        Increasing.
    code : numpy.ndarray of int64, (frame,)

    Returns
    -------
    Timeline
        At every frame its own class has the largest weight.

    Examples
    --------
    >>> line = timeline_of(np.arange(0.0, 60.0, 3.0), np.array([0] * 10 + [2] * 10))
    >>> line.weights(3.0).tolist(), bool(line.weights(27.0)[0] > 0.5 > line.weights(30.0)[0])
    ([1.0, 0.0, 0.0, 0.0, 0.0, 0.0], True)
    """
    gap = np.diff(seconds) > GAP_SECONDS
    change = np.flatnonzero((np.diff(code) != 0) | gap) + 1
    first = np.concatenate([[0], change])
    before = np.maximum(first - 1, 0)
    start = 0.5 * (seconds[first] + seconds[before])
    parted = np.concatenate([[True], gap[change - 1]])
    start = np.where(parted, seconds[first], start)
    runs = code[first]
    # frames before a gap keep their run until the gap is over
    last = np.concatenate([change - 1, [seconds.size - 1]])
    length = seconds[last] - seconds[first]
    previous = np.concatenate([[0.0], length[:-1]])
    slow = (runs == _CLOUDY) | (runs == _MOON)
    slow |= np.concatenate([[False], slow[:-1]])
    half = np.where(slow, _SLOW, _QUICK)
    # a change must be over before the next begins
    half = np.minimum(half, 0.5 * np.minimum(length, previous) + 1.5)
    return Timeline(start, runs.astype(np.int64), np.where(parted, 0.0, half))
