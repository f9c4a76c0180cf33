"""Where Sun and Moon stand, seen from the ground: the IAU routines on a grid, the rest in NumPy.

Geocentric positions come from the routines that astropy itself calls (``erfa``), tabulated every
6 hours where they are needed and interpolated; the rotation of the Earth, the horizon of the site
and the parallax of the Moon follow for each time and site.

UT1 is taken to be UTC. They differ by less than 0.9 s by definition, which is 0.004 deg of hour
angle, and so no table of Earth orientation is ever needed. Refraction is left out, polar motion and
diurnal aberration (0.0001 deg) are neglected.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from auroral_stats.time_grid import EPOCH, interpolate_on_grid

__all__ = ["EPHEMERIS_SPAN", "horizon_components", "illuminated_fraction", "sun_moon_positions"]

#: First and last bound of the times for which Sun and Moon are given: from the start of UTC with
#: leap seconds to the end of the IAU theory of the Earth's orbit.
EPHEMERIS_SPAN = (np.datetime64("1972-01-01", "ms"), np.datetime64("2100-01-01", "ms"))

_GRID_STEP = np.timedelta64(6, "h")  # four-point interpolation of the Moon errs by < 0.0001 deg
_JD_EPOCH = 2440587.5
_AU_KM = 149597870.7
_LIGHT_AU_PER_DAY = 173.144632674


def sun_moon_positions(
    utc: NDArray[np.datetime64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Apparent geocentric positions of Sun and Moon, in axes that turn with the Earth.

    Parameters
    ----------
    utc : numpy.ndarray of datetime64, (time,)
        Times inside :data:`EPHEMERIS_SPAN`, in any order.

    Returns
    -------
    sun, moon : numpy.ndarray of float64, (time, 3)
        km; x towards 0 deg N 0 deg E, z towards the north pole.

    Examples
    --------
    >>> _, moon = sun_moon_positions(np.array(["2014-03-10T06:02"], dtype="datetime64[m]"))
    >>> bool(356_000 < np.linalg.norm(moon) < 407_000)
    True
    """
    import erfa  # type: ignore[import-untyped,unused-ignore]

    angle = erfa.era00(_JD_EPOCH, _days(utc))
    cos, sin = np.cos(angle), np.sin(angle)
    inertial = interpolate_on_grid(utc, _GRID_STEP, _celestial_positions)

    def turned(position: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y, z = position.T
        return np.column_stack((cos * x + sin * y, cos * y - sin * x, z))

    return turned(inertial[:, :3]), turned(inertial[:, 3:])


def horizon_components(
    position: NDArray[np.float64], latitude: NDArray[np.float64], longitude: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """East, north and up components of a body, from a place on the ground.

    The place on the ellipsoid is subtracted first, which makes the parallax: up to 1 deg for the
    Moon.

    Parameters
    ----------
    position : numpy.ndarray, (time, 3)
        Geocentric Earth-fixed position, km, as from :func:`sun_moon_positions`.
    latitude, longitude : numpy.ndarray, (site,)
        Geodetic latitude and longitude east, deg; WGS84, sea level.

    Returns
    -------
    east, north, up : numpy.ndarray of float64, (time, site)
        km.

    Examples
    --------
    A body above the north pole, seen from there and from the equator:

    >>> place = np.array([90.0, 0.0]), np.array([0.0, 0.0])
    >>> _, north, up = horizon_components(np.array([[0.0, 0.0, 6356.752 + 400.0]]), *place)
    >>> up.round().tolist(), north.round().tolist()
    ([[400.0, -6378.0]], [[0.0, 6757.0]])
    """
    import erfa

    lat, lon = np.radians(latitude), np.radians(longitude)
    place = erfa.gd2gc(1, lon, lat, np.zeros_like(lat)) / 1000.0  # 1: WGS84
    east = np.stack([-np.sin(lon), np.cos(lon), np.zeros_like(lat)])
    north = np.stack([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)])
    up = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    e, n, u = (position @ axis - np.sum(place.T * axis, axis=0) for axis in (east, north, up))
    return e, n, u


def illuminated_fraction(
    sun: NDArray[np.float64], moon: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Illuminated fraction of the Moon's disc, ``(1 + cos i) / 2``.

    ``i`` is the phase angle, at the Moon between Earth and Sun (Meeus, *Astronomical Algorithms*,
    chapter 48).

    Parameters
    ----------
    sun, moon : numpy.ndarray, (time, 3)
        Geocentric positions in the same axes and units.

    Returns
    -------
    numpy.ndarray of float64, (time,)
        0 (new) to 1 (full).

    Examples
    --------
    A quarter Moon, whose elongation is a little less than a right angle:

    >>> illuminated_fraction(np.array([[4e5, 1.5e8, 0.0]]), np.array([[4e5, 0.0, 0.0]])).tolist()
    [0.5]
    """
    to_sun = sun - moon
    cosine = -np.sum(moon * to_sun, axis=1)
    cosine /= np.linalg.norm(moon, axis=1) * np.linalg.norm(to_sun, axis=1)
    fraction: NDArray[np.float64] = (1.0 + cosine) / 2.0
    return fraction


def _days(utc: NDArray[np.datetime64]) -> NDArray[np.float64]:
    days: NDArray[np.float64] = (utc - EPOCH) / np.timedelta64(1, "D")
    return days


def _celestial_positions(utc: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """Apparent geocentric Sun and Moon, km, in celestial intermediate axes: (time, 6).

    Earth by epv00, Moon by moon98, precession and nutation by c2i00b.
    """
    import erfa

    days = _days(utc)
    with warnings.catch_warnings():
        # erfa doubts leap seconds years ahead; one more or less moves the Moon by 0.5 arcsec
        warnings.filterwarnings("ignore", message=".*dubious year", category=erfa.ErfaWarning)
        year, month, day, _ = erfa.jd2cal(_JD_EPOCH, days)
        terrestrial = days + (erfa.dat(year, month, day, 0.0) + 32.184) / 86400.0

    heliocentric, barycentric = erfa.epv00(_JD_EPOCH, terrestrial)
    sun = -heliocentric["p"]
    # aberration, 20 arcsec; the Moon shares the Earth's motion and shows its light time instead
    sun += np.linalg.norm(sun, axis=1, keepdims=True) * barycentric["v"] / _LIGHT_AU_PER_DAY
    moon = erfa.moon98(_JD_EPOCH, terrestrial)
    light_days = np.linalg.norm(moon["p"], axis=1, keepdims=True) / _LIGHT_AU_PER_DAY
    apparent = np.stack([sun, moon["p"] - moon["v"] * light_days]) * _AU_KM  # (body, time, 3)

    to_intermediate = erfa.c2i00b(_JD_EPOCH, terrestrial)
    turned: NDArray[np.float64] = np.einsum("tij,btj->tbi", to_intermediate, apparent)
    return turned.reshape(utc.size, 6)
