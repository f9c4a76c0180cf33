"""Values about many moments at once, and never across a gap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auroral_stats.brief import Brief
from auroral_stats.errors import DataError

__all__ = ["EpochAxis", "EpochSeries", "epoch_axis", "gather"]

Array = NDArray[np.float64]
Minutes = NDArray[np.int64]


@dataclass(frozen=True, repr=False)
class EpochAxis(Brief):
    """Where the interval that holds a minute stands among those that there are.

    Attributes
    ----------
    start : ndarray of int64, (n,)
        Start of each interval, in minutes since 1970.
    cadence : int
        Minutes.
    row : ndarray of int32
        Row of each interval from the first to the last, and n where there is none.
    """

    start: Minutes
    cadence: int
    row: NDArray[np.int32]

    def rows(self, minute: Minutes) -> NDArray[np.int32]:
        """Return the row of the interval that holds each minute; n where there is none."""
        number = (minute - self.start[0]) // self.cadence
        inside = (number >= 0) & (number < self.row.size)
        found = self.row[np.where(inside, number, 0)]
        return np.where(inside, found, np.int32(self.start.size))


@dataclass(frozen=True, repr=False)
class EpochSeries(Brief):
    """One quantity on its axis.

    Attributes
    ----------
    axis : EpochAxis
    values : ndarray, (n + 1,)
        NaN where missing, and at the end, which stands for intervals that there are none of.
    """

    axis: EpochAxis
    values: Array


def epoch_axis(times: NDArray[np.datetime64], cadence: int) -> EpochAxis:
    """Return the axis of some intervals.

    Parameters
    ----------
    times : ndarray of datetime64, (n,)
        Start of each interval; increasing, a multiple of ``cadence`` apart (gaps are allowed).
    cadence : int
        Minutes.

    Returns
    -------
    EpochAxis

    Raises
    ------
    DataError
        If the times do not increase so, or there are none.

    Examples
    --------
    >>> axis = epoch_axis(np.array(["2014-03-10T00:00", "2014-03-10T03:00"], "M8[m]"), 60)
    >>> minute = np.array(["2014-03-10T00:59", "2014-03-10T01:00", "2014-03-10T03:01"], "M8[m]")
    >>> axis.rows(minute.astype(np.int64)).tolist()
    [0, 2, 1]
    """
    start = times.astype("datetime64[m]").astype(np.int64)
    step = np.diff(start)
    if start.size == 0 or np.any(step <= 0) or np.any(step % cadence):
        raise DataError(
            f"times must increase in steps of {cadence} min; they do not. Join the data again."
        )
    number = (start - start[0]) // cadence
    row = np.full(int(number[-1]) + 1, start.size, dtype=np.int32)
    row[number] = np.arange(start.size)
    return EpochAxis(start, cadence, row)


def gather(series: Sequence[EpochSeries], group: Minutes, time: Minutes, lag: Minutes) -> Array:
    """Return the values about each time.

    Parameters
    ----------
    series : sequence of EpochSeries
    group : ndarray of int64, (onset,)
        Which series each onset reads.
    time : ndarray of int64, (onset,)
        Minutes since 1970.
    lag : ndarray of int64, (lag,)
        Minutes.

    Returns
    -------
    ndarray, (onset, lag)
        Of the interval that holds time + lag; NaN where there is none.
    """
    if len(series) == 1:
        return np.asarray(series[0].values[series[0].axis.rows(time[:, None] + lag)])
    result = np.full((time.size, lag.size), np.nan)
    for number, one in enumerate(series):
        rows = np.flatnonzero(group == number)
        result[rows] = one.values[one.axis.rows(time[rows, None] + lag)]
    return result
