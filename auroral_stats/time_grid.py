"""Times given by a caller, and interpolation on a regular grid of them.

Times are UTC: ``numpy.datetime64`` values and naive datetimes are UTC by definition, datetimes with
an offset are converted, and the time zone of the machine plays no part.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auroral_stats.errors import UsageError

__all__ = ["EPOCH", "check_span", "interpolate_on_grid", "utc_times"]

#: Origin of the grids, and of the day counts handed to astronomical routines.
EPOCH = np.datetime64("1970-01-01T00:00:00", "ms")


def utc_times(time: Any) -> NDArray[np.datetime64]:
    """Return ``time`` as datetime64 in UTC, in its own resolution and shape.

    Parameters
    ----------
    time : array_like of datetime
        numpy.datetime64, pandas or xarray times, datetime objects, or ISO 8601 text. What carries
        an offset or a zone is converted to UTC, what carries none is UTC.

    Returns
    -------
    numpy.ndarray of datetime64

    Raises
    ------
    UsageError
        Values that are not times, or are NaT.

    Examples
    --------
    >>> utc_times(["2014-03-10T06:02", "2014-03-10T01:03-05:00"]).astype("datetime64[m]").tolist()
    [datetime.datetime(2014, 3, 10, 6, 2), datetime.datetime(2014, 3, 10, 6, 3)]
    """
    array = np.asarray(time)  # pandas times with a zone become objects, and so keep it
    if array.size == 0:
        return array.astype("datetime64[ms]")
    if array.dtype.kind in "OUT":
        import pandas as pd

        if any(isinstance(value, (bool, int, float, np.number)) for value in array.flat):
            raise UsageError("time: numbers came among the values; datetimes were expected")
        try:
            parsed = pd.to_datetime(array.ravel(), utc=True, format="ISO8601")
        except (ValueError, TypeError, OverflowError) as error:
            reason = str(error).splitlines()[0]
            raise UsageError(f"time: not readable as datetimes ({reason})") from None
        array = parsed.tz_localize(None).to_numpy().reshape(array.shape)
    elif array.dtype.kind != "M":
        raise UsageError(
            f"time: values of type {array.dtype} came; numpy datetime64 (UTC), datetimes or"
            " ISO 8601 text were expected"
        )
    missing = np.isnat(array)
    if missing.any():
        raise UsageError(
            f"time: {missing.sum()} of {missing.size} values are NaT (missing), the first at"
            f" position {int(np.flatnonzero(missing)[0])}; drop them first"
        )
    return array


def check_span(
    utc: NDArray[np.datetime64], start: np.datetime64, end: np.datetime64, model: str
) -> None:
    """Refuse times outside [start, end), the span in which ``model`` is valid.

    Parameters
    ----------
    utc : numpy.ndarray of datetime64
        Times, any shape, without NaT.
    start, end : numpy.datetime64
        The span; ``end`` is outside.
    model : str
        What is valid in the span, as the subject of "covers".

    Raises
    ------
    UsageError
        A time lies outside.

    Examples
    --------
    >>> year = np.arange("2008", "2010", dtype="datetime64[Y]")
    >>> check_span(year, np.datetime64("2005"), np.datetime64("2009"), "the almanac")
    Traceback (most recent call last):
        ...
    auroral_stats.errors.UsageError: time: 2008-01-01 to 2009-01-01 came, but the almanac covers ...
    """
    if not utc.size:
        return
    # Nanoseconds end in 1677, and NumPy would wrap an earlier start round without a word.
    earliest, latest = (value.astype("datetime64[ms]") for value in (utc.min(), utc.max()))
    if earliest < start or latest >= end:
        first, last, begin, stop = (
            np.datetime_as_string(value, "D") for value in (earliest, latest, start, end)
        )
        raise UsageError(
            f"time: {first} to {last} came, but {model} covers {begin} until before {stop};"
            " leave the other times out"
        )


def interpolate_on_grid(
    utc: NDArray[np.datetime64],
    step: np.timedelta64,
    tabulate: Callable[[NDArray[np.datetime64]], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Interpolate a smooth function of time from a regular grid, evaluated where it is needed.

    Four-point Lagrange interpolation; the error is at most ``9/384 h^4 max|f''''|`` (Abramowitz and
    Stegun 25.2.13). Only the grid cells that hold a time are visited, so the cost follows the times
    and not the span between the first and the last.

    Parameters
    ----------
    utc : numpy.ndarray of datetime64, (time,)
        Times, in any order.
    step : numpy.timedelta64
        Spacing of the grid, whole milliseconds.
    tabulate : callable
        Maps grid times, datetime64[ms] (node,), to values (node, k).

    Returns
    -------
    numpy.ndarray of float64, (time, k)

    Examples
    --------
    >>> hour = np.timedelta64(1, "h")
    >>> cube = lambda utc: ((utc - EPOCH) / hour)[:, None] ** 3
    >>> interpolate_on_grid(np.array([EPOCH + np.timedelta64(150, "m")]), hour, cube).tolist()
    [[15.625]]
    """
    width = int(step / np.timedelta64(1, "ms"))
    cell, rest = np.divmod((utc - EPOCH) // np.timedelta64(1, "ms"), width)
    nodes = np.unique(np.unique(cell)[:, None] + np.arange(-1, 3))
    values = tabulate(EPOCH + nodes * np.timedelta64(width, "ms"))
    left = np.searchsorted(nodes, cell - 1)  # its three successors follow it without a gap
    x = (rest / width)[:, None]
    result: NDArray[np.float64] = -x * (x - 1.0) * (x - 2.0) / 6.0 * values[left]
    result += (x + 1.0) * (x - 1.0) * (x - 2.0) / 2.0 * values[left + 1]
    result -= (x + 1.0) * x * (x - 2.0) / 2.0 * values[left + 2]
    result += (x + 1.0) * x * (x - 1.0) / 6.0 * values[left + 3]
    return result
