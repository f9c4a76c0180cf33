"""Quiet levels of the magnetic field.

Three baselines stand beside each other, because no one of them is right: which is used changes a
horizontal disturbance, and :func:`baseline_sensitivity` says by how much. All functions are pure,
take the time axis first and leave what is missing NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from auroral_stats.despiking import despike
from auroral_stats.disturbance import bay_depth, dbdt, finite_median, horizontal, positive_bay
from auroral_stats.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "BASELINES",
    "RUNNING_MARGIN_DAYS",
    "Baseline",
    "baseline_sensitivity",
    "day_baseline",
    "median_baseline",
    "running_baseline",
]

Values = NDArray[Any]
Levels = NDArray[np.float64]

#: Days of data that the running baseline needs on either side: half of 17, and one to lean on.
RUNNING_MARGIN_DAYS = 9

#: Quiet levels farther apart than this are not joined by a curve.
_LONGEST_GAP_DAYS = 17

#: Fewest hours that a quiet level may rest on, of those that are at hand in the window.
_LEAST_HOURS = 24

#: Fewest minutes of an hour for its level and unrest to count.
_LEAST_MINUTES = 30


def running_baseline(
    time: NDArray[np.datetime64], b: Values, *, days: int = 17, quietest: float = 0.25
) -> Levels:
    """Return a slowly varying quiet level: the default baseline.

    For each UT day the hours of the window of ``days`` days around it are ranked by their unrest
    (the standard deviation of the minutes in the hour, all components together). The level of the
    day is the median, over the quietest quarter of the hours, of the hours' medians. A monotone
    cubic (PCHIP) through these levels, placed at noon, joins the days without a seam.

    The window is that of the yearly trend of SuperMAG (Gjerloev 2012, 10.1029/2012JA017683). What
    differs: SuperMAG takes the most probable value of each day's distribution, this takes
    measured hours, chosen by their own quietness; SuperMAG also removes a daily curve (a separate
    level each half hour of the day) and a yearly offset. **Here the daily variation stays in the
    disturbance**, some tens of nT at auroral latitudes. Nothing is rotated.

    Parameters
    ----------
    time : array of datetime64
        Starts of the minutes, ascending, UTC.
    b : array
        1-min means, nT, (time,) or (time, component).
    days : int
        Odd number of days of the window.
    quietest : float
        Share of the hours that count as quiet.

    Returns
    -------
    array of float64
        nT, as ``b``. At the ends of the data the window is cut short, so load
        :data:`RUNNING_MARGIN_DAYS` more on either side. NaN where the window has less than 24
        hours of data.

    Raises
    ------
    UsageError
        If the times do not fit, the window is even, or the share not in (0, 1].

    Examples
    --------
    >>> time = np.arange("2014-03-01", "2014-03-20", dtype="M8[m]")
    >>> field = 60_000 + 0.001 * np.arange(time.size)  # 1.44 nT a day
    >>> float(np.round(field - running_baseline(time, field), 1)[time.size // 2])
    0.0
    """
    if days < 1 or days % 2 == 0 or not 0.0 < quietest <= 1.0:
        raise UsageError(
            f"days and quietest are {days} and {quietest}; expected an odd number of days and a "
            "share in (0, 1]."
        )
    minute, columns = _minutes_and_columns(time, b)
    result = np.full(columns.shape, np.nan)
    if minute.size:
        hour, level, unrest = _hours(minute, columns)
        day = np.unique(minute // 1440)
        noon = day.astype(np.float64) + 0.5
        nodes = _quiet_levels(day, hour, level, unrest, days // 2, quietest)
        for k in range(columns.shape[1]):
            result[:, k] = _joined(noon, nodes[:, k], minute / 1440.0)
    return result.reshape(b.shape)


def day_baseline(time: NDArray[np.datetime64], b: Values, *, coverage: float = 0.5) -> Levels:
    """Return the median of each UT day.

    It resets at midnight, and a day of storm lifts it towards the storm.

    Parameters
    ----------
    time, b
        As for :func:`running_baseline`.
    coverage : float
        Share of the day's 1440 minutes that must be there.

    Returns
    -------
    array of float64
        nT, as ``b``; NaN for a day with too few.

    Raises
    ------
    UsageError
        If the times do not fit.

    Examples
    --------
    >>> time = np.arange("2014-03-01", "2014-03-03", dtype="M8[m]")
    >>> np.unique(day_baseline(time, np.repeat([5.0, 9.0], 1440))).tolist()
    [5.0, 9.0]
    """
    minute, columns = _minutes_and_columns(time, b)
    return _grouped_median(minute // 1440, columns, int(coverage * 1440)).reshape(b.shape)


def median_baseline(time: NDArray[np.datetime64], b: Values) -> Levels:
    """Return the median of what was loaded, after clipping and despiking, as ``thm_make_ae`` does.

    Data whose axis is interrupted for more than a day are several loads, each with its median.

    Parameters
    ----------
    time, b
        As for :func:`running_baseline`.

    Returns
    -------
    array of float64
        nT, as ``b``.

    Raises
    ------
    UsageError
        If the times do not fit.

    Examples
    --------
    >>> time = np.arange("2014-03-01", "2014-03-02", dtype="M8[m]")
    >>> np.unique(median_baseline(time, np.r_[9000.0, np.full(1439, 7.0)])).tolist()
    [7.0]
    """
    minute, columns = _minutes_and_columns(time, b)
    load = np.concatenate([[0], np.cumsum(np.diff(minute) > 1440)])[: minute.size]
    cleaned = np.array(columns)
    for number in np.unique(load):
        cleaned[load == number] = despike(columns[load == number], 60.0)
    return _grouped_median(load, cleaned, 1).reshape(b.shape)


@dataclass(frozen=True)
class Baseline:
    """A baseline that can be chosen by name.

    Attributes
    ----------
    name : str
        Key in :data:`BASELINES`.
    long_name : str
    compute : callable
        Takes times and 1-min means, (time, component), and returns the level at each minute.
    """

    name: str
    long_name: str
    compute: Callable[[NDArray[np.datetime64], Values], Levels]


#: The baselines by name; the first is the default.
BASELINES: dict[str, Baseline] = {
    baseline.name: baseline
    for baseline in (
        Baseline("running", "17-day running quiet level", running_baseline),
        Baseline("day", "median of the UT day", day_baseline),
        Baseline("median", "median of the data loaded", median_baseline),
    )
}


def baseline_sensitivity(
    time: NDArray[np.datetime64],
    field: Values,
    *,
    baselines: Sequence[str] = tuple(BASELINES),
    minutes: NDArray[np.bool_] | None = None,
) -> pd.DataFrame:
    """Return how the measures differ between baselines.

    Each measure is computed after subtraction of each baseline, also those that need none, so that
    the seams of a baseline show.

    Parameters
    ----------
    time : array of datetime64
        Starts of the minutes, ascending, UTC.
    field : array
        1-min means, nT, (time, 2 or more): H, D, ...
    baselines : sequence of str
        Names in :data:`BASELINES`; the others are compared with the first.
    minutes : array of bool, optional
        Which minutes count; all by default. Baselines are made from all.

    Returns
    -------
    pandas.DataFrame
        A row a measure and baseline: ``measure``, ``units``, ``baseline``, ``minutes`` (that have
        a value), ``median``, ``p95`` and ``maximum`` of its absolute value, and
        ``median_difference`` and ``maximum_difference``, of the absolute difference from the
        first baseline, minute by minute.

    Raises
    ------
    UsageError
        If a baseline is unknown, or there are less than two components.

    Examples
    --------
    >>> time = np.arange("2014-03-01", "2014-03-20", dtype="M8[m]")
    >>> field = np.full((time.size, 2), 100.0)
    >>> table = baseline_sensitivity(time, field)
    >>> table.loc[table.measure == "dbdt", "baseline"].tolist()
    ['running', 'day', 'median']
    """
    import pandas as pd

    unknown = [name for name in baselines if name not in BASELINES]
    if unknown or not baselines:
        raise UsageError(
            f"baselines {', '.join(unknown) or '(none)'}: expected some of {', '.join(BASELINES)}."
        )
    if field.ndim != 2 or field.shape[1] < 2:
        raise UsageError(f"field has shape {field.shape}; expected (time, component), H and D.")
    chosen = slice(None) if minutes is None else minutes
    first: dict[str, Values] = {}
    rows = []
    for name in baselines:
        rest = field - BASELINES[name].compute(time, field)
        measures = {
            "horizontal": (horizontal(rest[:, 0], rest[:, 1]), "nT"),
            "dbdt": (dbdt(rest[:, 0], rest[:, 1], 60.0, time=time), "nT/s"),
            "bay_depth": (bay_depth(rest[:, 0], time=time), "nT"),
            "positive_bay": (positive_bay(rest[:, 0], time=time), "nT"),
        }
        for measure, (values, units) in measures.items():
            counted = values[chosen]
            apart = np.abs(counted - first.setdefault(measure, counted))
            size = np.abs(counted)
            rows.append(
                {
                    "measure": measure,
                    "units": units,
                    "baseline": name,
                    "minutes": int(np.isfinite(size).sum()),
                    "median": _quantile(size, 0.5),
                    "p95": _quantile(size, 0.95),
                    "maximum": _quantile(size, 1.0),
                    "median_difference": _quantile(apart, 0.5),
                    "maximum_difference": _quantile(apart, 1.0),
                }
            )
    order = {measure: k for k, measure in enumerate(first)}
    table = pd.DataFrame(rows).sort_values("measure", key=lambda m: m.map(order), kind="stable")
    return table.reset_index(drop=True)


def _quantile(values: Values, share: float) -> float:
    finite = values[np.isfinite(values)]
    return float(np.quantile(finite, share)) if finite.size else float("nan")


def _minutes_and_columns(
    time: NDArray[np.datetime64], b: Values
) -> tuple[NDArray[np.int64], Levels]:
    """Return whole minutes since 1970 and (time, component), checked."""
    minute = np.asarray(time).astype("datetime64[m]").astype(np.int64)
    if minute.shape != b.shape[:1]:
        raise UsageError(f"time has shape {minute.shape} for {b.shape[0]} values of the field.")
    if np.any(np.diff(minute) <= 0):
        raise UsageError("time is not ascending, or has a minute twice. Sort it first.")
    return minute, np.asarray(b, dtype=np.float64).reshape(len(b), -1)


def _grouped_median(group: NDArray[np.int64], columns: Levels, least: int) -> Levels:
    """Return, for each row, the median of its group; ``group`` does not descend."""
    result = np.full(columns.shape, np.nan)
    starts = np.flatnonzero(np.diff(group, prepend=group[:1] - 1))
    for first, last in zip(starts, [*starts[1:], group.size], strict=True):
        result[first:last] = finite_median(columns[first:last].T, least)
    return result


def _hours(minute: NDArray[np.int64], columns: Levels) -> tuple[NDArray[np.int64], Levels, Levels]:
    """Return the hours that have data, their median (hour, component) and their unrest (hour,)."""
    hour, row = np.unique(minute // 60, return_inverse=True)
    table = np.full((hour.size, columns.shape[1], 60), np.nan)
    table[row, :, minute % 60] = columns
    level = finite_median(table, _LEAST_MINUTES)
    there = np.isfinite(table)
    count = np.maximum(there.sum(axis=-1), 1)
    # Variance about the median rather than the mean: one pass less, and as good for ranking.
    variance = np.where(there, (table - level[..., None]) ** 2, 0.0).sum(axis=-1) / count
    return hour, level, np.sqrt(np.where(np.isfinite(level), variance, np.nan).sum(axis=-1))


def _quiet_levels(
    day: NDArray[np.int64],
    hour: NDArray[np.int64],
    level: Levels,
    unrest: Levels,
    half: int,
    quietest: float,
) -> Levels:
    """Return the level of each day: the median of the quietest hours around it."""
    nodes = np.full((day.size, level.shape[1]), np.nan)
    first = np.searchsorted(hour, 24 * (day - half), "left")
    last = np.searchsorted(hour, 24 * (day + half + 1), "left")
    for k in range(day.size):
        window = unrest[first[k] : last[k]]
        there = int(np.isfinite(window).sum())
        if there >= _LEAST_HOURS:
            size = max(int(np.ceil(quietest * there)), _LEAST_HOURS)
            # Of hours that are quiet alike (to 0.01 nT) the nearest count; NaN comes last.
            distance = np.abs(hour[first[k] : last[k]] + 0.5 - (24 * day[k] + 12))
            quiet = first[k] + np.lexsort((distance, np.round(window, 2)))[:size]
            nodes[k] = finite_median(level[quiet].T)
    return nodes


def _joined(place: Levels, value: Levels, at: Levels) -> Levels:
    """Join values by a monotone cubic; flat for half a day beyond the ends and wide gaps."""
    from scipy.interpolate import PchipInterpolator

    result = np.full(at.size, np.nan)
    place, value = place[np.isfinite(value)], value[np.isfinite(value)]
    breaks = np.flatnonzero(np.diff(place) > _LONGEST_GAP_DAYS) + 1
    for x, y in zip(np.split(place, breaks), np.split(value, breaks), strict=True):
        if not x.size:
            continue
        mine = (at >= x[0] - 0.5) & (at < x[-1] + 0.5)
        inside = np.clip(at[mine], x[0], x[-1])
        result[mine] = PchipInterpolator(x, y)(inside) if x.size > 1 else y[0]
    return result
