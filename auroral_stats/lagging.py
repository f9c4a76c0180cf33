"""The driver that came before each minute: lag and window, and nothing from later on.

OMNI data are already at the bow-shock nose and stamped at the start of their interval, so the
only shift is the lag asked for, and nothing later than the interval that contains minute - lag is
ever used.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from auroral_stats.drivers import Driver, default_lag_window, months_to_seasons
from auroral_stats.errors import DataError, UsageError

__all__ = [
    "LOOK_BACK_MINUTES",
    "MIN_COVERAGE",
    "driver_at",
    "frames_driver",
    "lag_and_window",
    "lagged",
]

#: Joined data hold drivers for this long before each frame; lag and window together fit in it.
LOOK_BACK_MINUTES = 3 * 1440
#: Share of the intervals of a window that must be present.
MIN_COVERAGE = 0.75


def lagged(
    values: NDArray[np.float64],
    times: NDArray[np.datetime64],
    minutes: NDArray[np.datetime64],
    *,
    cadence: int,
    lag: int,
    window: int,
) -> NDArray[np.float64]:
    """Return the driver that precedes each minute, causally.

    Parameters
    ----------
    values : ndarray, (n,)
        Driver, NaN where missing.
    times : ndarray of datetime64, (n,)
        Start of each interval; increasing, a multiple of ``cadence`` apart (gaps are allowed).
    minutes : ndarray of datetime64, (m,)
        Start of the minutes to be paired.
    cadence, lag, window : int
        Minutes.

    Returns
    -------
    ndarray, (m,)
        ``window`` = 0: the value of the interval that contains minute - lag. Otherwise the mean
        of the intervals that start in (minute - lag - window, minute - lag], NaN where fewer
        than 75 % of them are there. Nothing later than minute - lag is ever used.

    Raises
    ------
    UsageError
        If the lag is negative, the window not a multiple of the cadence, or both together reach
        back further than joined data do.

    Examples
    --------
    >>> times = np.arange("2014-03-10T00:00", "2014-03-10T00:04", dtype="M8[m]")
    >>> lagged(np.array([1.0, 2.0, 3.0, 4.0]), times, times, cadence=1, lag=1, window=2).tolist()
    [nan, nan, 1.5, 2.5]
    """
    if lag < 0:
        raise UsageError(f"lag {lag} min looks into the future; expected 0 or more.")
    if window < 0 or window % cadence:
        raise UsageError(
            f"window {window} min is not a multiple of the driver's cadence of {cadence} min; "
            f"expected 0 or {cadence}, {2 * cadence}, {3 * cadence}, ... min."
        )
    if lag + window > LOOK_BACK_MINUTES:
        raise UsageError(
            f"lag {lag} and window {window} min reach back {lag + window} min; joined data hold "
            f"drivers for {LOOK_BACK_MINUTES} min before a frame. Use less."
        )
    result = np.full(minutes.shape, np.nan)
    if times.size == 0:
        return result
    minute = np.timedelta64(1, "m")
    start = times[0]
    slot = ((times - start) // minute).astype(np.int64)
    if np.any(slot % cadence) or np.any(np.diff(slot) <= 0):
        raise DataError(
            f"driver times must increase in steps of {cadence} min; they do not. "
            "Read the OMNI files again, or sort the joined file by its driver time."
        )
    slot //= cadence
    count = window // cadence
    # Room after the last value: a window that ends there may still hold three quarters.
    dense = np.full(slot[-1] + 1 + max(count - 1, 0), np.nan)
    dense[slot] = values
    if count > 1:
        dense = _trailing_mean(dense, count)
    # Floor division of a negative timedelta rounds down, as it must before the first interval.
    at = ((minutes - start) // minute).astype(np.int64) - lag
    at //= cadence
    inside = (at >= 0) & (at < dense.size)
    result[inside] = dense[at[inside]]
    return result


def _trailing_mean(values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return the mean over each value and the ``count - 1`` before it, where 75 % are finite.

    A running sum over years loses digits and lets one value change all later ones in the last
    bit. Here a window is the tail of one block of ``count`` and the head of the next, so that
    only its own values enter.
    """
    finite = np.isfinite(values)
    total = _trailing_sum(np.where(finite, values, 0.0), count)
    number = _trailing_sum(finite.astype(np.float64), count)
    enough = number >= MIN_COVERAGE * count
    return np.divide(total, number, out=np.full(values.size, np.nan), where=enough)


def _trailing_sum(values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    size = values.size
    # One empty block in front, for the windows that begin before the first value.
    blocks = -(-size // count) + 1
    padded = np.zeros(blocks * count)
    padded[count : count + size] = values
    blocked = padded.reshape(blocks, count)
    head = np.cumsum(blocked, axis=1).ravel()
    tail = np.zeros(padded.size + 1)
    tail[:-1] = np.cumsum(blocked[:, ::-1], axis=1)[:, ::-1].ravel()
    end = np.arange(count, count + size)
    first = end - count + 1
    # A window that is exactly one block is its head alone.
    whole = first % count == 0
    return np.where(whole, head[end], tail[first] + head[end])


def _times_of(data: xr.Dataset, driver: Driver) -> str:
    """Return the time dimension that the inputs of ``driver`` live on."""
    missing = [name for name in driver.inputs if name not in data]
    if missing:
        raise DataError(
            f"driver {driver.name!r} needs {', '.join(missing)}, which the joined data do not "
            f"have. They have: {', '.join(sorted(map(str, data.data_vars)))}. "
            "Join again, with the files that provide it."
        )
    return str(data[driver.inputs[0]].dims[0])


def lag_and_window(
    data: xr.Dataset, driver: Driver, lag: int | None, window: int | None
) -> tuple[int, int, int]:
    """Return cadence, lag and window of ``driver`` in minutes.

    Parameters
    ----------
    data : xarray.Dataset
        Joined data.
    driver : Driver
    lag, window : int, optional
        None for the defaults of the driver.

    Returns
    -------
    cadence, lag, window : int
        All 0 where the driver comes with the frames.
    """
    if driver.origin == "frames":
        return 0, 0, 0
    dimension = _times_of(data, driver)
    cadence = int(data[dimension].attrs["cadence_minutes"])
    default_lag, default_window = default_lag_window(driver, cadence)
    return (
        cadence,
        default_lag if lag is None else lag,
        default_window if window is None else window,
    )


def driver_at(data: xr.Dataset, driver: Driver, *, lag: int, window: int) -> xr.DataArray:
    """Return the driver of each site-minute.

    Parameters
    ----------
    data : xarray.Dataset
        Joined data.
    driver : Driver
    lag, window : int
        Minutes; see :func:`lagged`. They do not apply to what comes with the frames (MLT, site).

    Returns
    -------
    xarray.DataArray
        Over ``time``, ``site`` or both; NaN where missing. A coupling function is computed for
        each interval and then averaged; angles are computed from averaged components.

    Raises
    ------
    DataError
        If an input is not in ``data``.
    UsageError
        If the window is not a multiple of the cadence.
    """
    time = data["time"].to_numpy()
    attrs = {"units": driver.units, "long_name": driver.long_name}
    if driver.origin == "frames":
        if len(driver.inputs) > 1:
            raise UsageError(
                f"driver {driver.name!r} comes with the frames and takes one input; "
                f"got {', '.join(driver.inputs)}."
            )
        return xr.DataArray(driver.compute(frames_driver(data, driver))).assign_attrs(attrs)
    dimension = _times_of(data, driver)
    times = data[dimension].to_numpy()
    cadence = int(data[dimension].attrs["cadence_minutes"])

    def at_minutes(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return lagged(values, times, time, cadence=cadence, lag=lag, window=window)

    apart = [name for name in driver.inputs if data[name].dims != (dimension,)]
    if apart:
        raise UsageError(
            f"driver {driver.name!r} mixes inputs of different cadence: {', '.join(apart)} and "
            f"{driver.inputs[0]}. Use inputs that come together."
        )
    inputs = [data[name].to_numpy().astype(np.float64) for name in driver.inputs]
    if driver.average_inputs:
        result = driver.compute(*[at_minutes(values) for values in inputs])
    else:
        result = at_minutes(np.asarray(driver.compute(*inputs), dtype=np.float64))
    return xr.DataArray(result, dims="time", coords={"time": data["time"]}, attrs=attrs)


def frames_driver(data: xr.Dataset, driver: Driver) -> xr.DataArray:
    """Return what a driver that comes with the frames is computed from.

    Parameters
    ----------
    data : xarray.Dataset
        Joined data.
    driver : Driver

    Returns
    -------
    xarray.DataArray
        Over ``time``, ``site`` or both.

    Raises
    ------
    DataError
        If it is not in ``data``.
    """
    name = driver.inputs[0]
    if name in {"month", "season", "year", "hour"}:
        stamp = data["time"].dt
        if name == "hour":
            return stamp.hour + stamp.minute / 60.0
        if name == "season":
            return data["time"].copy(data=months_to_seasons(stamp.month.to_numpy()))
        return stamp.month if name == "month" else stamp.year
    if name not in data and name not in data.coords:
        raise DataError(
            f"driver {driver.name!r} needs {name!r}, which the joined data do not have. "
            "Join again with this version."
        )
    return data[name]
