"""The magnetometer of one site on a regular axis of minutes: what every measure is made from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from auroral_stats.brief import Brief
from auroral_stats.disturbance import least_count
from auroral_stats.errors import DataError

__all__ = ["FORWARD_COVERAGE", "StationMinutes", "forward_maximum", "station_minutes"]

Array = NDArray[np.float64]

#: Share of the minutes of a forward window that must be there.
FORWARD_COVERAGE = 0.9
#: Gaps are shortened to this many minutes: longer than any window that a measure looks through.
_LONGEST_GAP = 240


@dataclass(frozen=True, repr=False)
class StationMinutes(Brief):
    """One station on a regular axis of minutes, NaN where missing.

    Attributes
    ----------
    h, d : ndarray, (n,)
        1-min means of the horizontal components (nT), no baseline removed.
    dh, dd : ndarray, (n,)
        The same with the baseline removed (nT).
    pi2 : ndarray, (n,)
        Power in the Pi2 band (nT^2).
    """

    h: Array
    d: Array
    dh: Array
    dd: Array
    pi2: Array


def _regular(minutes: NDArray[np.datetime64]) -> tuple[NDArray[np.int64], int]:
    """Return where each minute stands on a regular axis, and its length.

    Magnetometer minutes are kept around nights with frames only. On the regular axis the gaps
    are NaN, and long ones are shortened: years without frames need no memory.
    """
    number = minutes.astype("datetime64[m]").astype(np.int64)
    if number.size == 0:
        return number, 0
    step = np.diff(number)
    if np.any(step <= 0):
        raise DataError(
            "the magnetometer minutes of the joined data do not increase. Join again with --mag."
        )
    at = np.concatenate([[0], np.cumsum(np.minimum(step, _LONGEST_GAP))])
    return at, int(at[-1]) + 1


def station_minutes(
    data: xr.Dataset, site: int, baseline: str = "running"
) -> tuple[StationMinutes, NDArray[np.int64]]:
    """Return the magnetometer of one site on a regular axis of minutes.

    Parameters
    ----------
    data : xarray.Dataset
        Joined data with ``mag``; ``mag_baseline`` and ``pi2`` are NaN where they are not there.
    site : int
        Position along the dimension ``site``.
    baseline : str
        Of :data:`auroral_stats.measures.BASELINES`.

    Returns
    -------
    series : StationMinutes
    at : ndarray of int64, (mag_time,)
        Where each minute of ``mag_time`` stands on the regular axis.
    """
    at, size = _regular(data["mag_time"].to_numpy())

    def on_axis(values: xr.DataArray) -> Array:
        made = np.full(size, np.nan)
        made[at] = values.to_numpy()
        return made

    def component(name: str) -> tuple[Array, Array]:
        raw = data["mag"].isel(site=site).sel(component=name)
        level = on_axis(raw)
        if "mag_baseline" not in data:
            return level, np.full(size, np.nan)
        removed = data["mag_baseline"].isel(site=site).sel(component=name, baseline=baseline)
        return level, level - on_axis(removed)

    h, dh = component("H")
    d, dd = component("D")
    pi2 = on_axis(data["pi2"].isel(site=site)) if "pi2" in data else np.full(size, np.nan)
    return StationMinutes(h, d, dh, dd, pi2), at


def forward_maximum(values: Array, minutes: int) -> Array:
    """Return the maximum over each minute and those that follow it.

    Parameters
    ----------
    values : ndarray, (n,)
        On a regular axis of minutes, NaN where missing.
    minutes : int
        Length of the window: m to m + minutes - 1.

    Returns
    -------
    ndarray, (n,)
        NaN where fewer than 90 % of the minutes are there.

    Examples
    --------
    >>> forward_maximum(np.array([1.0, 3.0, 2.0, np.nan]), 2).tolist()
    [3.0, 3.0, nan, nan]
    """
    there = np.isfinite(values)
    known = np.where(there, values, np.nan)
    highest, number = known.copy(), there.astype(np.int64)
    # One step of the window at a time: memory is that of the values, not of all windows.
    for step in range(1, min(minutes, values.size)):
        np.fmax(highest[:-step], known[step:], out=highest[:-step])
        number[:-step] += there[step:]
    highest[number < least_count(FORWARD_COVERAGE, minutes)] = np.nan
    return highest
