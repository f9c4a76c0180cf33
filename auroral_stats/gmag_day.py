"""A day of magnetometer samples into 1-min means, and into the samples that Pi2 power needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from auroral_stats.brief import Brief
from auroral_stats.despiking import despike

__all__ = ["LARGEST_DISTURBANCE", "DayMeans", "day_means"]

#: nT from the median of the day. The greatest storms reached some 4,000 nT.
LARGEST_DISTURBANCE = 5_000.0

#: Faster data are averaged to this cadence (s) before Pi2 power; at 40 s this costs 5 % of power.
_FAST_STEP = 5.0
_SLOWEST_FAST_STEP = 10.0
_DAY = 86_400.0


@dataclass(frozen=True, repr=False)
class DayMeans(Brief):
    """One UT day of one magnetometer.

    Attributes
    ----------
    means : array, (1440, 3)
        nT; NaN where too few of a minute's samples are there.
    step_seconds : float
        Cadence of the samples; NaN if there are less than two.
    fast : array, (86400 / fast_step, 2), or None
        The first two components at a cadence of at most 10 s; None where the data are slower.
    fast_step : float
        s.
    removed : int
        Values taken out as spikes.
    """

    means: NDArray[np.float64]
    step_seconds: float
    fast: NDArray[np.float64] | None = None
    fast_step: float = float("nan")
    removed: int = 0
    _UNITS: ClassVar[Mapping[str, str]] = {
        "means": "nT",
        "fast": "nT",
        "step_seconds": "s",
        "fast_step": "s",
    }


def day_means(
    seconds: NDArray[np.float64], field: NDArray[Any], *, coverage: float = 0.5
) -> DayMeans:
    """Return the 1-min means of one UT day of samples.

    Parameters
    ----------
    seconds : array, (time,)
        Since the start of the day, in any order. Samples outside the day belong to another file
        and are left out; of a time that comes twice the last sample counts.
    field : array, (time, 3)
        nT, NaN where missing.
    coverage : float
        Share of a minute's samples that its mean needs, for each component alone.

    Returns
    -------
    DayMeans
        Stamped with the start of the minute. Spikes are taken out at the cadence of the data,
        before anything is averaged (:func:`auroral_stats.despiking.despike`), as are values more
        than 5,000 nT from the median of the day. Samples more than 90 s apart make no means.

    Examples
    --------
    >>> seconds = np.arange(0, 86_400, 10.0)
    >>> day = day_means(seconds, np.column_stack([seconds % 3600] * 3))
    >>> day.means[1].tolist(), day.step_seconds
    ([85.0, 85.0, 85.0], 10.0)
    """
    step, regular = _cadence(seconds)
    if not 0.0 < step <= 90.0:
        return DayMeans(np.full((1440, 3), np.nan), step)
    per_minute = max(round(60.0 / step), 1)
    # Stamps are rounded and clocks drift a little; a cadence of 8 s is something else.
    if abs(60.0 / step - per_minute) > 1e-3 * per_minute:
        return _means_off_grid(seconds, field, step, coverage)
    step = 60.0 / per_minute
    whole = regular and seconds.size == round(_DAY / step) and 0.0 <= seconds[0] < 1e-3
    grid = field if whole else _on_grid(seconds, field, step)
    cleaned = despike(grid, step, limit=LARGEST_DISTURBANCE)
    removed = 0 if cleaned is grid else int(np.isnan(cleaned).sum() - np.isnan(grid).sum())
    if step > _SLOWEST_FAST_STEP:
        sums, counts = _block_sums(cleaned, per_minute)
        counts = np.full(sums.shape, float(per_minute)) if counts is None else counts
        return DayMeans(_mean(sums, counts, coverage * per_minute), step, removed=removed)
    # As many samples in a block as fit in 5 s, such that whole blocks make a minute.
    most = max(int(_FAST_STEP / step + 1e-9), 1)
    size = next(size for size in range(most, 0, -1) if per_minute % size == 0)
    sums, counts = _block_sums(cleaned, size)
    minutes = (1440, per_minute // size, 3)
    if counts is None:  # nothing is missing, as on nearly every day
        means = np.einsum("mbc->mc", sums.reshape(minutes)) / per_minute
        return DayMeans(means, step, sums[:, :2] / size, size * step, removed)
    means = _mean(
        sums.reshape(minutes).sum(axis=1),
        counts.reshape(minutes).sum(axis=1),
        coverage * per_minute,
    )
    return DayMeans(means, step, _mean(sums, counts, 1.0)[:, :2], size * step, removed)


def _cadence(seconds: NDArray[np.float64]) -> tuple[float, bool]:
    """Return the step between samples, from their stamps, and whether all steps are alike."""
    steps = np.diff(seconds)
    if not steps.size:
        return float("nan"), False
    least, most = steps.min(), steps.max()
    if least > 0.0 and most - least <= 1e-3 * least:
        return float(seconds[-1] - seconds[0]) / steps.size, True
    steps = np.diff(np.unique(seconds[np.isfinite(seconds)]))
    return (float(np.round(np.median(steps), 3)) if steps.size else float("nan")), False


def _on_grid(seconds: NDArray[np.float64], field: NDArray[Any], step: float) -> NDArray[Any]:
    """Return the day on a regular grid of stamps, (86400 / step, 3); NaN where there is none.

    A stamp counts for the last grid point before it, or half a millisecond after it, so that no
    sample changes its minute.
    """
    size = round(_DAY / step)
    # NaN compares false and is left out here.
    there = np.flatnonzero((seconds > -5e-4) & (seconds < _DAY - 5e-4))
    place = ((seconds[there] + 5e-4) // step).astype(np.intp)
    order = np.argsort(seconds[there], kind="stable")
    grid = np.full((size, 3), np.nan, dtype=field.dtype)
    grid[place[order]] = field[there[order]]
    return grid


def _block_sums(
    grid: NDArray[Any], size: int
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Return the sum and the number of the finite values of each block of ``size`` rows.

    The number is None if nothing is missing.
    """
    blocks = grid.reshape(-1, size, 3)
    sums = np.zeros((len(blocks), 3))
    for k in range(size):  # long slices rather than short sums: several times as fast
        sums += blocks[:, k]
    if np.isfinite(sums).all():
        return sums, None
    there = np.isfinite(blocks)
    return np.where(there, blocks, 0.0).sum(axis=1, dtype=np.float64), there.sum(axis=1) * 1.0


def _mean(
    sums: NDArray[np.float64], counts: NDArray[np.float64], least: float
) -> NDArray[np.float64]:
    return np.where(counts >= max(least - 1e-9, 1.0), sums / np.maximum(counts, 1.0), np.nan)


def _means_off_grid(
    seconds: NDArray[np.float64], field: NDArray[Any], step: float, coverage: float
) -> DayMeans:
    """Return the means of samples whose cadence is no whole fraction of a minute."""
    stamps, last = np.unique(seconds[::-1], return_index=True)
    inside = (stamps > -5e-4) & (stamps < _DAY - 5e-4)
    stamps, rows = stamps[inside], (seconds.size - 1 - last)[inside]
    cleaned = despike(np.asarray(field[rows], dtype=np.float64), step, limit=LARGEST_DISTURBANCE)
    removed = int(np.isnan(cleaned).sum() - np.isnan(field[rows]).sum())
    minute = ((stamps + 5e-4) // 60.0).astype(np.intp)
    sums, counts = np.zeros((1440, 3)), np.zeros((1440, 3))
    for k in range(3):
        there = np.isfinite(cleaned[:, k])
        sums[:, k] = np.bincount(minute[there], cleaned[there, k], 1440)
        counts[:, k] = np.bincount(minute[there], minlength=1440)
    return DayMeans(_mean(sums, counts, coverage * 60.0 / step), step, removed=removed)
