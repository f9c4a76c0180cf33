"""Periods of time and the regular intervals in them, in UTC."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auroral_stats.errors import UsageError

__all__ = ["Period", "interval_starts", "merge_periods"]

#: First instant and the instant after the last, datetime64[ns], UTC.
Period = tuple[np.datetime64, np.datetime64]


def _utc(value: Any, what: str) -> np.datetime64:
    try:
        stamp = pd.Timestamp(value)
    except (ValueError, TypeError) as error:
        raise UsageError(
            f"{what} is {value!r}; expected a UTC date such as 2014-03-10 or 2014-03-10T06:00."
        ) from error
    if pd.isna(stamp):
        raise UsageError(f"{what} is {value!r}; expected a UTC date such as 2014-03-10.")
    if stamp.tzinfo is not None:
        stamp = stamp.tz_convert("UTC").tz_localize(None)
    return stamp.as_unit("ns").to_datetime64()


def merge_periods(
    start: Any = None, end: Any = None, periods: Iterable[tuple[Any, Any]] | None = None
) -> tuple[Period, ...]:
    """Return one period, or many, sorted and without overlap.

    Parameters
    ----------
    start, end : datetime-like, optional
        UTC; the end is not included. Or:
    periods : iterable of (start, end), optional
        Many periods, in any order.

    Returns
    -------
    tuple of (start, end)
        datetime64[ns], ascending; periods that touch are joined.

    Raises
    ------
    UsageError
        If neither or both forms are given, or a period is empty.

    Examples
    --------
    >>> merged = merge_periods(periods=[("2014-03-02", "2014-03-04"), ("2014-03-01", "2014-03-03")])
    >>> [str(t)[:10] for t in merged[0]]
    ['2014-03-01', '2014-03-04']
    """
    if periods is None:
        if start is None or end is None:
            raise UsageError("no period: give start and end, or periods.")
        periods = [(start, end)]
    elif start is not None or end is not None:
        raise UsageError("start and end cannot be given together with periods.")
    pairs = sorted((_utc(a, "start"), _utc(b, "end")) for a, b in periods)
    if not pairs:
        raise UsageError("no period: the list of periods is empty.")
    merged: list[Period] = []
    for a, b in pairs:
        if not a < b:
            raise UsageError(f"the period from {a} to {b} is empty. Give a start before the end.")
        if merged and a <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], b))
        else:
            merged.append((a, b))
    return tuple(merged)


def interval_starts(periods: Sequence[Period], minutes: int) -> NDArray[np.datetime64]:
    """Return the starts of all intervals that overlap the periods.

    Parameters
    ----------
    periods : sequence of (start, end)
        From :func:`merge_periods`.
    minutes : int
        Length of an interval; intervals begin at multiples of it since midnight UTC.

    Returns
    -------
    ndarray of datetime64[ns]
        Ascending, unique.

    Examples
    --------
    >>> starts = interval_starts(merge_periods("2014-03-01T04:30", "2014-03-01T09:00"), 180)
    >>> [str(t)[11:16] for t in starts]
    ['03:00', '06:00']
    """
    step = minutes * 60_000_000_000
    numbers = [
        np.arange(int(a.astype(np.int64)) // step, -(-int(b.astype(np.int64)) // step))
        for a, b in periods
    ]
    joined = np.concatenate(numbers)
    # Periods are apart, yet two may touch the same interval.
    joined = joined[np.diff(joined, prepend=joined[0] - 1) > 0]
    return (joined * step).astype("datetime64[ns]")
