"""Sun, Moon and magnetic coordinates of every site-minute, at millions a second.

What is slow to compute varies slowly, and is taken from grids of time: Sun and Moon every 6 hours
(:mod:`auroral_stats.ephemeris`), the reference of magnetic local time every 30 minutes and magnetic
coordinates every month (:mod:`auroral_stats.aacgm`). Only the grid cells that hold a requested time
are visited, so 44 nights spread over ten years cost as much as 44 nights in a row.

Times are UTC, whatever the time zone of the machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from auroral_stats.aacgm import (
    AACGM_HEIGHT_KM,
    aacgm_coordinates,
    aacgm_span,
    mlt_of_zero_longitude,
)
from auroral_stats.ephemeris import (
    EPHEMERIS_SPAN,
    horizon_components,
    illuminated_fraction,
    sun_moon_positions,
)
from auroral_stats.errors import UsageError
from auroral_stats.sites import check_sites, load_sites
from auroral_stats.time_grid import check_span, utc_times

__all__ = [
    "QUANTITIES",
    "magnetic_coordinates",
    "moon_illumination",
    "site_geometry",
    "sun_moon_elevation",
]

#: What :func:`site_geometry` gives, with the attributes of each variable.
QUANTITIES: Mapping[str, Mapping[str, str]] = {
    "sun_elevation": {"units": "deg", "long_name": "Sun elevation, geometric"},
    "sun_azimuth": {"units": "deg", "long_name": "Sun azimuth, north through east"},
    "moon_elevation": {"units": "deg", "long_name": "Moon elevation, geometric, topocentric"},
    "moon_azimuth": {"units": "deg", "long_name": "Moon azimuth, north through east"},
    "moon_illumination": {"units": "1", "long_name": "illuminated fraction of the Moon's disc"},
    "mlat": {"units": "deg", "long_name": "AACGM-v2 latitude at 110 km"},
    "mlon": {"units": "deg", "long_name": "AACGM-v2 longitude at 110 km"},
    "mlt": {"units": "h", "long_name": "magnetic local time (AACGM-v2)"},
}

_MAGNETIC = frozenset({"mlat", "mlon", "mlt"})
_BLOCK_CELLS = 1 << 18  # site-minutes computed at once: 2 MiB an array, however long the times


def site_geometry(
    time: ArrayLike,
    sites: str | Iterable[str] | None = None,
    *,
    quantities: Iterable[str] | None = None,
    extra_sites: str | Path | None = None,
) -> xr.Dataset:
    """Sun, Moon and magnetic coordinates over time and site.

    Parameters
    ----------
    time : array_like of datetime, (time,)
        UTC. The order is kept; the times need be neither sorted nor unique.
    sites : str or iterable of str, optional
        Site codes; every known site by default.
    quantities : iterable of str, optional
        Which of :data:`QUANTITIES`; all by default. What is not asked for costs nothing.
    extra_sites : path, optional
        File of further sites, as in :func:`auroral_stats.sites.load_sites`.

    Returns
    -------
    xarray.Dataset
        float32 over (time, site), and ``moon_illumination`` over (time). ``sun_elevation``,
        ``sun_azimuth``, ``moon_elevation``, ``moon_azimuth`` (deg; geometric, that is without
        refraction, topocentric, centre of the disc; azimuth from north through east, [0, 360));
        ``moon_illumination`` (0 to 1); ``mlat``, ``mlon`` (deg, AACGM-v2 at 110 km in the month,
        longitude in [-180, 180)); ``mlt`` (h, [0, 24)). Coordinates ``latitude`` and ``longitude``
        (deg) over site. Magnetic coordinates are NaN where AACGM is not defined, near the magnetic
        equator.

    Raises
    ------
    UsageError
        An unknown site or quantity; times that are not datetimes, are NaT, or lie outside the
        models: 1972 to 2099, and for magnetic coordinates the coefficients of the installed
        aacgmv2 (2.7: until the end of 2029).

    Notes
    -----
    Over 2006-2024 elevations agree with astropy to better than 0.003 deg, azimuths to better than
    0.01 deg, magnetic latitude with aacgmv2 to better than 0.01 deg and MLT to better than 0.002 h.
    The result takes 4 bytes for each site-minute and quantity, the work beside it some tens of MB:
    for many winters ask for the quantities needed, or go by blocks of time.

    Examples
    --------
    The Moon stood over Gillam on 10 March 2014:

    >>> sky = site_geometry(np.datetime64("2014-03-10T06:02"), "gill")
    >>> [round(sky[name].item(), 1) for name in ("moon_elevation", "moon_azimuth")]
    [28.1, 259.6]
    >>> round(sky.sun_elevation.item(), 1), round(sky.mlt.item(), 1)
    (-37.5, 23.3)
    """
    names = _check_quantities(quantities)
    table = load_sites(extra_sites)
    if sites is not None:
        table = table.loc[list(check_sites(sites, extra_sites))]
    latitude = table["latitude"].to_numpy(np.float64)
    longitude = table["longitude"].to_numpy(np.float64)
    utc = np.atleast_1d(utc_times(time))
    if utc.ndim != 1:
        raise UsageError(f"time: {utc.ndim} dimensions came, one was expected")

    results = _geometry(utc, latitude, longitude, names)
    return xr.Dataset(
        {
            name: (("time", "site")[: values.ndim], values, dict(QUANTITIES[name]))
            for name, values in results.items()
        },
        coords={
            "time": ("time", utc.astype("datetime64[ns]"), {"long_name": "time (UTC)"}),
            "site": ("site", table.index.to_numpy(dtype=np.str_), {"long_name": "site code"}),
            "latitude": ("site", latitude, {"units": "deg", "long_name": "geodetic latitude"}),
            "longitude": ("site", longitude, {"units": "deg", "long_name": "longitude east"}),
        },
        attrs={"aacgm_height_km": AACGM_HEIGHT_KM},
    )


def sun_moon_elevation(
    time: ArrayLike, latitude: ArrayLike, longitude: ArrayLike
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Elevation of Sun and Moon above the horizon of places on the ground.

    Parameters
    ----------
    time : array_like of datetime, (time,) or scalar
        UTC.
    latitude, longitude : float or array_like, (site,)
        Geodetic latitude and longitude east, deg; WGS84, sea level.

    Returns
    -------
    sun, moon : numpy.ndarray of float32, time.shape + latitude.shape
        Geometric topocentric elevation of the centre of the disc, deg; no refraction.

    Raises
    ------
    UsageError
        Times as in :func:`site_geometry`; a latitude beyond 90 deg, or a place that is no number.

    Examples
    --------
    >>> sun, moon = sun_moon_elevation(np.datetime64("2014-03-10T06:02"), 56.354, -94.656)
    >>> round(sun.item(), 1), round(moon.item(), 1)
    (-37.5, 28.1)
    """
    sun, moon = _at_places(time, latitude, longitude, ("sun_elevation", "moon_elevation"))
    return sun, moon


def magnetic_coordinates(
    time: ArrayLike, latitude: ArrayLike, longitude: ArrayLike
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """AACGM-v2 latitude and longitude at 110 km, and magnetic local time.

    Parameters
    ----------
    time : array_like of datetime, (time,) or scalar
        UTC.
    latitude, longitude : float or array_like, (site,)
        Geodetic latitude and longitude east, deg.

    Returns
    -------
    mlat, mlon, mlt : numpy.ndarray of float32, time.shape + latitude.shape
        deg, deg in [-180, 180), h in [0, 24). Latitude and longitude are those of the month. NaN
        where AACGM is not defined, near the magnetic equator.

    Raises
    ------
    UsageError
        As in :func:`sun_moon_elevation`.

    Examples
    --------
    >>> mlat, mlon, mlt = magnetic_coordinates("2008-01-01T03:00", 53.316, 299.540)
    >>> round(mlat.item(), 1), round(mlon.item(), 1), round(mlt.item(), 1)
    (60.7, 23.1, 23.6)
    """
    mlat, mlon, mlt = _at_places(time, latitude, longitude, ("mlat", "mlon", "mlt"))
    return mlat, mlon, mlt


def moon_illumination(time: ArrayLike) -> NDArray[np.float32]:
    """Illuminated fraction of the Moon's disc, seen from the centre of the Earth.

    Parameters
    ----------
    time : array_like of datetime
        UTC.

    Returns
    -------
    numpy.ndarray of float32
        0 (new) to 1 (full), in the shape of ``time``.

    Raises
    ------
    UsageError
        Times as in :func:`site_geometry`.

    Examples
    --------
    >>> moon_illumination(["2014-03-01T08:00", "2014-03-16T17:08"]).round(2).tolist()
    [0.0, 1.0]
    """
    utc = utc_times(time)
    nowhere = np.empty(0)
    found = _geometry(utc.ravel(), nowhere, nowhere, ("moon_illumination",))
    return found["moon_illumination"].reshape(utc.shape)


def _check_quantities(quantities: Iterable[str] | None) -> tuple[str, ...]:
    if quantities is None:
        return tuple(QUANTITIES)
    names = (quantities,) if isinstance(quantities, str) else tuple(dict.fromkeys(quantities))
    unknown = [name for name in names if name not in QUANTITIES]
    if unknown:
        raise UsageError(
            f"quantities: {', '.join(map(repr, unknown))} not known; known are"
            f" {', '.join(QUANTITIES)}"
        )
    return names


def _at_places(
    time: ArrayLike, latitude: ArrayLike, longitude: ArrayLike, names: tuple[str, ...]
) -> list[NDArray[np.float32]]:
    lat, lon = np.broadcast_arrays(
        np.asarray(latitude, dtype=np.float64), np.asarray(longitude, dtype=np.float64)
    )
    if not (np.all(np.abs(lat) <= 90.0) and np.all(np.isfinite(lon))):
        raise UsageError(
            "latitude, longitude: a value that is no number, or a latitude beyond 90 deg, came;"
            " geodetic latitude north and longitude east in degrees were expected"
        )
    utc = utc_times(time)
    found = _geometry(utc.ravel(), lat.ravel(), lon.ravel(), names)
    return [found[name].reshape(utc.shape + lat.shape) for name in names]


def _geometry(
    utc: NDArray[np.datetime64],
    latitude: NDArray[np.float64],
    longitude: NDArray[np.float64],
    names: tuple[str, ...],
) -> dict[str, NDArray[np.float32]]:
    """Fill arrays for ``names`` block by block, so that the memory beside them stays bounded."""
    check_span(utc, *EPHEMERIS_SPAN, "the ephemeris of Sun and Moon")
    magnetic = not _MAGNETIC.isdisjoint(names)
    if magnetic:
        check_span(utc, *aacgm_span(), "aacgmv2 (its coefficient files)")

    shape = (utc.size, latitude.size)
    out = {
        name: np.empty(shape[: 1 if name == "moon_illumination" else 2], dtype=np.float32)
        for name in names
    }
    # in order of time each block touches few cells of the grids, whatever order came
    order = np.argsort(utc, kind="stable")
    rows = max(1, _BLOCK_CELLS // max(1, latitude.size))
    for first in range(0, utc.size, rows):
        index = order[first : first + rows]
        block = utc[index].astype("datetime64[ms]")
        if not _MAGNETIC.issuperset(names):
            _fill_sky(out, index, block, latitude, longitude)
        if magnetic:
            mlat, mlon = aacgm_coordinates(block, latitude, longitude)
            if "mlat" in out:
                out["mlat"][index] = mlat
            if "mlon" in out:
                out["mlon"][index] = mlon
            if "mlt" in out:
                mlt = mlt_of_zero_longitude(block)[:, None] + mlon / 15.0
                out["mlt"][index] = _reduced(mlt, 24.0)
    return out


def _fill_sky(
    out: dict[str, NDArray[np.float32]],
    index: NDArray[np.intp],
    utc: NDArray[np.datetime64],
    latitude: NDArray[np.float64],
    longitude: NDArray[np.float64],
) -> None:
    sun, moon = sun_moon_positions(utc)
    if "moon_illumination" in out:
        out["moon_illumination"][index] = illuminated_fraction(sun, moon)
    for body, position in (("sun", sun), ("moon", moon)):
        elevation, azimuth = f"{body}_elevation", f"{body}_azimuth"
        if elevation not in out and azimuth not in out:
            continue
        east, north, up = horizon_components(position, latitude, longitude)
        if elevation in out:
            out[elevation][index] = np.degrees(np.arctan2(up, np.sqrt(east**2 + north**2)))
        if azimuth in out:
            out[azimuth][index] = _reduced(np.degrees(np.arctan2(east, north)), 360.0)


def _reduced(values: NDArray[np.float64], period: float) -> NDArray[np.float32]:
    """Bring values into [0, period) in float32, where rounding could reach ``period`` itself."""
    reduced = np.mod(values, period).astype(np.float32)
    reduced[reduced >= period] = 0.0
    return reduced
