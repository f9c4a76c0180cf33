"""Magnetic coordinates (AACGM-v2) and magnetic local time, from aacgmv2.

The magnetic field drifts: Goose Bay went from 60.7 to 59.3 deg of magnetic latitude between 2008
and 2022. Coordinates are therefore those of the month. Magnetic local time is 15 deg of magnetic
longitude an hour from one reference longitude, which aacgmv2 gives on a 30-minute grid; a reference
that moves evenly with UT would err by up to 0.37 h.
"""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from auroral_stats.errors import DataError
from auroral_stats.time_grid import EPOCH, interpolate_on_grid

__all__ = [
    "AACGM_HEIGHT_KM",
    "aacgm_coordinates",
    "aacgm_span",
    "magnetic_midnight",
    "mlt_of_zero_longitude",
]

#: Height at which magnetic coordinates are taken: the usual emission height of auroral forms.
AACGM_HEIGHT_KM = 110.0

_GRID_STEP = np.timedelta64(30, "m")
_HOUR = np.timedelta64(1, "h")
# the C library behind aacgmv2 keeps its date in one place: another thread must not change it between
# setting the date and converting
_ONE_AT_A_TIME = threading.Lock()


def aacgm_span() -> tuple[np.datetime64, np.datetime64]:
    """Return the first time, and the first time after the last, that the installed aacgmv2 covers.

    Raises
    ------
    DataError
        The coefficient files of aacgmv2 are not where it says.

    Examples
    --------
    >>> start, end = aacgm_span()
    >>> bool(start < np.datetime64("2006") and end >= np.datetime64("2025"))
    True
    """
    import aacgmv2

    prefix = Path(aacgmv2.AACGM_v2_DAT_PREFIX)
    years = sorted(path.stem[-4:] for path in prefix.parent.glob(f"{prefix.name}*.asc"))
    if not years:
        raise DataError(f"aacgmv2: there is no coefficient file {prefix}*.asc; install it again")
    return np.datetime64(f"{years[0]}-01-01", "ms"), np.datetime64(f"{years[-1]}-01-01", "ms")


def aacgm_coordinates(
    utc: NDArray[np.datetime64],
    latitude: NDArray[np.float64],
    longitude: NDArray[np.float64],
    height_km: float = AACGM_HEIGHT_KM,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """AACGM-v2 latitude and longitude at a height, for the middle of the month of each time.

    Within half a month they drift by less than 0.01 deg.

    Parameters
    ----------
    utc : numpy.ndarray of datetime64, (time,)
        Times inside :func:`aacgm_span`.
    latitude, longitude : numpy.ndarray, (site,)
        Geodetic latitude and longitude east, deg.
    height_km : float
        Of the places; 110 km by default.

    Returns
    -------
    mlat, mlon : numpy.ndarray of float64, (time, site)
        deg, ``mlon`` in [-180, 180); NaN where AACGM is not defined, near the magnetic equator.

    Examples
    --------
    >>> new_years = np.array(["2008-01-01", "2022-01-01"], dtype="datetime64[D]")
    >>> mlat, _ = aacgm_coordinates(new_years, np.array([53.316]), np.array([299.540]))
    >>> mlat.round(1).tolist()
    [[60.7], [59.3]]
    """
    import aacgmv2

    months, which = np.unique(utc.astype("datetime64[M]"), return_inverse=True)
    mlat, mlon = np.empty((2, months.size, latitude.size))
    for k, month in enumerate(months):
        middle = (month.astype("datetime64[D]") + 14).item()
        with _ONE_AT_A_TIME:
            mlat[k], mlon[k], _ = aacgmv2.convert_latlon_arr(
                latitude, longitude, height_km, middle, method_code="G2A"
            )
    mlon = np.mod(mlon + 180.0, 360.0) - 180.0
    return mlat[which], mlon[which]


def mlt_of_zero_longitude(utc: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """Magnetic local time at AACGM longitude 0; any other place is ``mlon / 15`` hours later.

    Parameters
    ----------
    utc : numpy.ndarray of datetime64, (time,)
        Times inside :func:`aacgm_span`, in any order.

    Returns
    -------
    numpy.ndarray of float64, (time,)
        h; not reduced to [0, 24).

    Examples
    --------
    Magnetic midnight comes to Gillam (333.7 deg in 2015) at about 06:39 UT:

    >>> reference = mlt_of_zero_longitude(np.array(["2015-03-21T06:39"], dtype="datetime64[m]"))
    >>> bool(abs((reference[0] + 333.7 / 15.0 + 12.0) % 24.0 - 12.0) < 0.1)
    True
    """
    # what varies slowly is by how much MLT runs ahead of UT: that is interpolated, as a point on
    # the circle
    cos_sin = interpolate_on_grid(utc, _GRID_STEP, _lead_over_ut)
    lead = np.arctan2(cos_sin[:, 1], cos_sin[:, 0]) * (12.0 / np.pi)
    return _hour_of_day(utc) + lead


def magnetic_midnight(day: np.datetime64, mlon: NDArray[np.float64]) -> NDArray[np.float64]:
    """Universal time of magnetic midnight on a day: when magnetic local time is 0.

    Over the year it moves by about a quarter of an hour each way, as the Sun is ahead of the clock
    or behind it.

    Parameters
    ----------
    day : numpy.datetime64
        A UTC day inside :func:`aacgm_span`.
    mlon : numpy.ndarray, (site,)
        AACGM longitude on that day, deg, from :func:`aacgm_coordinates`.

    Returns
    -------
    numpy.ndarray of float64, (site,)
        h in [0, 24), to the minute; NaN where ``mlon`` is.

    Examples
    --------
    >>> ut = magnetic_midnight(np.datetime64("2015-03-21"), np.array([333.7]))
    >>> bool(abs(ut[0] - 6.65) < 0.1)
    True
    """
    minutes = np.arange(24 * 60)
    reference = mlt_of_zero_longitude(day.astype("datetime64[D]") + minutes.astype("m8[m]"))
    mlon = np.asarray(mlon, dtype=np.float64)
    mlt = reference[:, None] + mlon / 15.0
    from_midnight = np.abs((mlt + 12.0) % 24.0 - 12.0)
    # A place without coordinates has no midnight either.
    nearest = np.where(np.isnan(from_midnight), np.inf, from_midnight).argmin(axis=0)
    hours: NDArray[np.float64] = np.where(np.isfinite(mlon), minutes[nearest] / 60.0, np.nan)
    return hours


def _lead_over_ut(utc: NDArray[np.datetime64]) -> NDArray[np.float64]:
    import aacgmv2

    # the grid reaches two steps beyond the times asked for, and there may leave the coefficients
    start, end = aacgm_span()
    inside = np.clip(utc, start, end - np.timedelta64(1, "s")).astype("datetime64[s]")
    mlt = np.empty(inside.size)
    months, which = np.unique(inside.astype("datetime64[M]"), return_inverse=True)
    for k, month in enumerate(months):
        rows = np.flatnonzero(which == k)
        # convert_mlt keeps whatever coefficients are set within 30 days, and its last answer for
        # the same second: set those of the month, and drop the answer by asking for another second
        middle = (month.astype("datetime64[D]") + 14).astype("datetime64[s]")
        times = [(middle + 1).item(), *inside[rows].tolist()]
        with _ONE_AT_A_TIME:
            aacgmv2.convert_latlon_arr([60.0], [0.0], [AACGM_HEIGHT_KM], middle.item())
            mlt[rows] = aacgmv2.convert_mlt(np.zeros(len(times)), times)[1:]
    angle = (mlt - _hour_of_day(inside)) * (np.pi / 12.0)
    return np.column_stack((np.cos(angle), np.sin(angle)))


def _hour_of_day(utc: NDArray[np.datetime64]) -> NDArray[np.float64]:
    hours: NDArray[np.float64] = ((utc - EPOCH) / _HOUR) % 24.0
    return hours
