r"""Magnetic disturbance at one place: horizontal disturbance, dB/dt and bays.

H, D and Z are the magnetic north, magnetic east and downward components in nT; D is a component,
not an angle. All functions take numpy arrays or :class:`xarray.DataArray` with the time axis first
and return the same kind. A missing value is NaN, and what rests on too few values is NaN.

Only :func:`horizontal` needs a baseline. Rates of change and bays are differences over minutes:
take them from the field itself, so that no seam of a baseline can enter them.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from auroral_stats.errors import DataError, UsageError

__all__ = [
    "bay_depth",
    "dbdt",
    "finite_median",
    "horizontal",
    "least_count",
    "positive_bay",
    "rotate_xyz_to_hdz",
]

#: Spellings of the one unit that is understood.
_NANOTESLA = ("nT", "nanotesla", "nano-Tesla", "NT")

Field = TypeVar("Field", np.ndarray, xr.DataArray)
_Times = NDArray[np.datetime64] | None

#: Rows whose windows are held in memory at once.
_CHUNK = 8192


def horizontal(dh: Field, dd: Field) -> Field:
    r"""Return the horizontal disturbance :math:`\Delta B_h = \sqrt{\Delta H^2 + \Delta D^2}`.

    Parameters
    ----------
    dh, dd : array or DataArray
        H and D minus a baseline, nT.

    Returns
    -------
    array or DataArray
        nT; NaN where either is missing.

    Raises
    ------
    DataError
        If a DataArray says that it is in another unit.

    Examples
    --------
    >>> horizontal(np.array([-30.0, np.nan]), np.array([40.0, 1.0])).tolist()
    [50.0, nan]
    """
    result = np.hypot(_numbers("dh", dh), _numbers("dd", dd))
    return _like(dh, result, "nT", "horizontal magnetic disturbance")


def dbdt(h: Field, d: Field, step_seconds: float = 60.0, *, time: _Times = None) -> Field:
    r"""Return the rate of change of the horizontal field, :math:`\sqrt{H'^2 + D'^2}`.

    This is the length of the rate of change, not the rate of change of the length
    :math:`d|B_h|/dt`: a field that only turns changes too. The value at ``m`` is that of ``m``
    minus ``m - 1``. It depends strongly on the cadence (the maximum of one real hour was 4.0, 1.5
    and 0.9 nT/s at 1, 10 and 60 s), so that a figure has to state it; the default is 1-min means.

    Parameters
    ----------
    h, d : array or DataArray
        H and D, nT, time axis first. A baseline is neither needed nor wanted.
    step_seconds : float
        Cadence, s.
    time : array of datetime64, optional
        Times of the axis; by default those of a DataArray's first dimension. Where two successive
        times are not one step apart the result is NaN. Without times the axis is regular.

    Returns
    -------
    array or DataArray
        nT/s; NaN at the first value, beside a missing value, and across a gap.

    Raises
    ------
    UsageError
        If the step is not positive.
    DataError
        If a DataArray says that it is in another unit.

    Examples
    --------
    >>> h, d = np.array([0.0, 36.0, np.nan, 0.0]), np.array([0.0, 48.0, 0.0, 0.0])
    >>> dbdt(h, d, 60).tolist()
    [nan, 1.0, nan, nan]
    """
    if not step_seconds > 0:
        raise UsageError(f"step_seconds is {step_seconds}; expected a positive number of seconds.")
    north, east = _numbers("h", h), _numbers("d", d)
    result = np.full(np.broadcast_shapes(north.shape, east.shape), np.nan)
    result[1:] = np.hypot(np.diff(north, axis=0), np.diff(east, axis=0)) / step_seconds
    times = _times_of(h, time, len(result))
    if times is not None:
        step = np.diff(times) / np.timedelta64(1, "s")
        result[1:][np.abs(step - step_seconds) > 0.01 * step_seconds] = np.nan
    return _like(h, result, "nT/s", "rate of change of the horizontal field")


def bay_depth(
    dh: Field,
    *,
    before: int = 10,
    after: int = 30,
    coverage: float = 0.9,
    time: _Times = None,
) -> Field:
    """Return how far H falls within the next half hour; a negative bay is negative.

    The minimum over the ``after`` minutes that begin at ``m`` (from m to m + 29 for 30), minus the
    median over the ``before`` minutes that end at ``m`` (from m - 10 to m - 1).

    Parameters
    ----------
    dh : array or DataArray
        H, or H minus a baseline, nT; 1-min axis first, ascending.
    before, after : int
        Minutes.
    coverage : float
        Share of the minutes that must be there, in either window.
    time : array of datetime64, optional
        As for :func:`dbdt`; minutes that the axis lacks count as missing.

    Returns
    -------
    array or DataArray
        nT.

    Raises
    ------
    UsageError
        If a window is shorter than a minute or the coverage not in (0, 1].
    DataError
        If a DataArray says that it is in another unit.

    Examples
    --------
    >>> h = np.r_[np.zeros(20), np.linspace(0, -200, 20), np.zeros(40)]
    >>> float(bay_depth(h)[20])
    -200.0
    """
    result = _excursion(dh, before, after, coverage, time, np.fmin)
    return _like(dh, result, "nT", "depth of a negative bay in the following minutes")


def positive_bay(
    dh: Field,
    *,
    before: int = 10,
    after: int = 30,
    coverage: float = 0.9,
    time: _Times = None,
) -> Field:
    """Return how far H rises within the next half hour: :func:`bay_depth` with the maximum.

    Parameters
    ----------
    dh, before, after, coverage, time
        As for :func:`bay_depth`.

    Returns
    -------
    array or DataArray
        nT; positive for a positive bay.

    Raises
    ------
    UsageError, DataError
        As :func:`bay_depth`.

    Examples
    --------
    >>> h = np.r_[np.zeros(20), np.full(20, 80.0), np.zeros(40)]
    >>> float(positive_bay(h)[20])
    80.0
    """
    result = _excursion(dh, before, after, coverage, time, np.fmax)
    return _like(dh, result, "nT", "height of a positive bay in the following minutes")


def rotate_xyz_to_hdz(
    x: Field, y: Field, z: Field, declination: float
) -> tuple[Field, Field, Field]:
    r"""Rotate geographic components into magnetic ones.

    :math:`H = X\cos\delta + Y\sin\delta`, :math:`D = Y\cos\delta - X\sin\delta`; Z is the same.

    Parameters
    ----------
    x, y, z : array or DataArray
        Geographic north, geographic east and down, nT.
    declination : float
        Angle from geographic to magnetic north, degrees, positive to the east; of the place and
        year, for instance from IGRF.

    Returns
    -------
    h, d, z : array or DataArray
        Magnetic north, magnetic east and down, nT.

    Raises
    ------
    UsageError
        If the declination is no angle.
    DataError
        If a DataArray says that it is in another unit.

    Examples
    --------
    >>> h, d, _ = rotate_xyz_to_hdz(np.array([8.0]), np.array([6.0]), np.array([1.0]), 36.8698976)
    >>> round(float(h[0]), 3), round(abs(float(d[0])), 3)
    (10.0, 0.0)
    """
    if not -180.0 <= declination <= 180.0:
        raise UsageError(f"declination is {declination}; expected degrees from -180 to 180.")
    north, east = _numbers("x", x), _numbers("y", y)
    _numbers("z", z)
    cosine, sine = np.cos(np.radians(declination)), np.sin(np.radians(declination))
    h = _like(x, north * cosine + east * sine, "nT", "magnetic north component")
    d = _like(y, east * cosine - north * sine, "nT", "magnetic east component")
    return h, d, z


def finite_median(values: NDArray[np.float64], least: int = 1) -> NDArray[np.float64]:
    """Return the median of the finite values along the last axis; NaN for fewer than ``least``.

    Examples
    --------
    >>> finite_median(np.array([[3.0, np.nan, 1.0], [np.nan, np.nan, 7.0]]), 2).tolist()
    [2.0, nan]
    """
    ordered = np.sort(values, axis=-1)  # NaN goes to the end
    count = np.isfinite(ordered).sum(axis=-1)
    if ordered.shape[-1] == 0:
        return np.full(values.shape[:-1], np.nan)
    low = np.maximum(count - 1, 0)[..., None] // 2
    high = np.minimum(count // 2, ordered.shape[-1] - 1)[..., None]
    middle = np.take_along_axis(ordered, low, -1) + np.take_along_axis(ordered, high, -1)
    return np.where(count >= max(least, 1), 0.5 * middle[..., 0], np.nan)


def _numbers(name: str, value: Any) -> NDArray[np.float64]:
    """Return the numbers of an argument, refusing a unit that is not nT."""
    if isinstance(value, xr.DataArray):
        given = value.attrs.get("units")
        if given is not None and given not in _NANOTESLA:
            raise DataError(f"{name} is in {given!r}; expected nT. Convert it first.")
    return np.asarray(value, dtype=np.float64)


def _like(template: Any, values: NDArray[np.float64], units: str, long_name: str) -> Any:
    if not isinstance(template, xr.DataArray):
        return values
    result = template.copy(data=values)
    result.name = None
    result.attrs = {"units": units, "long_name": long_name}
    return result


def _times_of(value: Any, time: _Times, size: int) -> _Times:
    """Return the times of the first axis, if they are known."""
    if time is None and isinstance(value, xr.DataArray) and value.dims[0] in value.coords:
        time = value.coords[value.dims[0]].to_numpy()
    if time is None or time.dtype.kind != "M":
        return None
    if time.shape != (size,):
        raise UsageError(f"time has shape {time.shape} for {size} values of the first axis.")
    return time


def _excursion(
    dh: Any, before: int, after: int, coverage: float, time: _Times, extreme: np.ufunc
) -> NDArray[np.float64]:
    """Return the extreme of the minutes to come minus the median of those before."""
    if before < 1 or after < 1 or not 0.0 < coverage <= 1.0:
        raise UsageError(
            f"before, after and coverage are {before}, {after} and {coverage}; expected at least "
            "one minute and a share in (0, 1]."
        )
    values = _numbers("dh", dh)
    times = _times_of(dh, time, len(values))
    breaks = (
        np.empty(0, np.intp)
        if times is None
        else np.flatnonzero(np.diff(times) != np.timedelta64(60, "s")) + 1
    )
    result = np.empty_like(values)
    for block in np.split(np.arange(len(values)), breaks):
        for first in range(0, block.size, _CHUNK):
            rows = block[first : first + _CHUNK]
            # Minutes outside the block are unknown; those of the neighbouring chunk are not.
            low, high = max(rows[0] - before, block[0]), min(rows[-1] + after, block[-1] + 1)
            padded = np.full((rows.size + before + after - 1, *values.shape[1:]), np.nan)
            offset = low - (rows[0] - before)
            padded[offset : offset + high - low] = values[low:high]
            result[rows] = _window_difference(padded, rows.size, before, after, coverage, extreme)
    return result


def _window_difference(
    padded: NDArray[np.float64],
    size: int,
    before: int,
    after: int,
    coverage: float,
    extreme: np.ufunc,
) -> NDArray[np.float64]:
    """Do :func:`_excursion` for ``size`` rows, given what lies before and after them."""
    windows = np.lib.stride_tricks.sliding_window_view(padded, before, axis=0)[:size]
    level = finite_median(windows, least_count(coverage, before))
    peak = padded[before : before + size].copy()
    count = np.isfinite(peak).astype(np.int64)
    for k in range(1, after):
        following = padded[before + k : before + k + size]
        extreme(peak, following, out=peak)
        count += np.isfinite(following)
    peak[count < least_count(coverage, after)] = np.nan
    return peak - level


def least_count(coverage: float, size: int) -> int:
    """Return how many of ``size`` values are at least a share of them.

    Examples
    --------
    >>> least_count(0.9, 10)
    9
    """
    # 0.9 * 10 is a little more than 9 in floating point.
    return int(np.ceil(coverage * size - 1e-9))
