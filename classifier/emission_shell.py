"""From a direction in the sky to a place on the globe, and back, for light from one height.

Aurora has depth, an image has none: a pixel is given the place where its line of sight meets a
surface at an assumed height above the WGS84 ellipsoid, usually 110 km. As in the published skymaps
the surface is the ellipsoid with both axes longer by that height; between equator and pole it
departs from constant geodetic height by less than the height times 6e-6.

Everything is plain NumPy in float64.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["east_west", "look_direction", "on_sphere", "shell_coordinates"]

#: WGS84: equatorial radius in km, and flattening.
_A_KM = 6378.137
_F = 1.0 / 298.257223563
_B_KM = _A_KM * (1.0 - _F)
_E2 = _F * (2.0 - _F)


def shell_coordinates(
    site_latitude: float,
    site_longitude: float,
    azimuth: ArrayLike,
    elevation: ArrayLike,
    height_km: float = 110.0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Place below the point where a line of sight meets the emission height.

    With the axes scaled so that the shell is a unit sphere, the line from the site o along the unit
    vector d meets it at o + t d with ``t = (-o.d + sqrt((o.d)^2 - d.d (o.o - 1))) / d.d``.

    Parameters
    ----------
    site_latitude, site_longitude : float
        Geodetic latitude and longitude east of the camera, deg, at sea level.
    azimuth, elevation : array_like
        deg; azimuth from north through east. NaN stays NaN.
    height_km : float

    Returns
    -------
    latitude, longitude : numpy.ndarray of float64
        Geodetic latitude, and longitude in [-180, 180), deg.

    Examples
    --------
    At 45 deg elevation to the north, light from 110 km is about 107 km (0.96 deg) away:

    >>> latitude, longitude = shell_coordinates(56.354, -94.656, 0.0, 45.0)
    >>> round(float(latitude), 2), round(float(longitude), 3)
    (57.32, -94.656)
    """
    axes = _axes(site_latitude, site_longitude)
    az, el = np.radians(np.asarray(azimuth)), np.radians(np.asarray(elevation))
    components = (np.cos(el) * np.sin(az), np.cos(el) * np.cos(az), np.sin(el) + 0.0 * az)
    sight = sum(
        part[..., None] * axis for part, axis in zip(components, axes, strict=True)
    ) + np.zeros(3)
    scale = 1.0 / np.array([_A_KM + height_km, _A_KM + height_km, _B_KM + height_km])
    place = _earth_fixed(site_latitude, site_longitude, 0.0)
    d, o = sight * scale, place * scale
    dd, od, oo = np.sum(d * d, axis=-1), d @ o, o @ o
    reach = (-od + np.sqrt(od**2 - dd * (oo - 1.0))) / dd
    return _geodetic(place + reach[..., None] * sight)


def look_direction(
    site_latitude: float,
    site_longitude: float,
    latitude: ArrayLike,
    longitude: ArrayLike,
    height_km: float = 110.0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Direction in which a site sees a point at a height; the inverse of ``shell_coordinates``.

    Parameters
    ----------
    site_latitude, site_longitude : float
        Geodetic latitude and longitude east of the camera, deg, at sea level.
    latitude, longitude : array_like
        Geodetic, deg.
    height_km : float

    Returns
    -------
    azimuth, elevation : numpy.ndarray of float64
        deg; azimuth from north through east in [0, 360). The elevation is negative below the
        horizon.

    Examples
    --------
    >>> azimuth, elevation = look_direction(56.354, -94.656, 55.39, -94.656)
    >>> round(float(azimuth), 3), round(float(elevation), 1)
    (180.0, 45.0)
    """
    there = _earth_fixed(np.asarray(latitude, float), np.asarray(longitude, float), height_km)
    sight = there - _earth_fixed(site_latitude, site_longitude, 0.0)
    east, north, up = (sight @ axis for axis in _axes(site_latitude, site_longitude))
    azimuth = np.mod(np.degrees(np.arctan2(east, north)), 360.0)
    return azimuth, np.degrees(np.arctan2(up, np.hypot(east, north)))


def east_west(longitude: ArrayLike) -> NDArray[np.float64]:
    """Bring longitudes into [-180, 180) deg.

    Examples
    --------
    >>> east_west([214.84, -180.0, 180.0]).round(2).tolist()
    [-145.16, -180.0, -180.0]
    """
    return np.mod(np.asarray(longitude, dtype=np.float64) + 180.0, 360.0) - 180.0


def on_sphere(latitude: NDArray[np.float64], longitude: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return unit vectors (x, y, z) on a new first axis, from angles in radians.

    Examples
    --------
    >>> on_sphere(np.array(0.0), np.array(np.pi / 2.0)).round(3).tolist()
    [0.0, 1.0, 0.0]
    """
    flat = np.cos(latitude)
    return np.stack([flat * np.cos(longitude), flat * np.sin(longitude), np.sin(latitude)])


def _axes(
    latitude: float, longitude: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """East, north and up of a place, in axes fixed to the Earth."""
    lat, lon = np.radians(latitude), np.radians(longitude)
    east = np.array([-np.sin(lon), np.cos(lon), 0.0])
    north = np.array([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)])
    up = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    return east, north, up


def _earth_fixed(
    latitude: float | NDArray[np.float64],
    longitude: float | NDArray[np.float64],
    height_km: float,
) -> NDArray[np.float64]:
    lat, lon = np.radians(latitude), np.radians(longitude)
    normal = _A_KM / np.sqrt(1.0 - _E2 * np.sin(lat) ** 2)
    return np.stack(
        [
            (normal + height_km) * np.cos(lat) * np.cos(lon),
            (normal + height_km) * np.cos(lat) * np.sin(lon),
            (normal * (1.0 - _E2) + height_km) * np.sin(lat),
        ],
        axis=-1,
    )


def _geodetic(
    position: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Geodetic latitude and longitude; Bowring (1976), exact to 1e-9 deg at these heights."""
    x, y, z = np.moveaxis(position, -1, 0)
    flat = np.hypot(x, y)
    parametric = np.arctan2(_A_KM * z, _B_KM * flat)
    latitude = np.arctan2(
        z + _E2 / (1.0 - _E2) * _B_KM * np.sin(parametric) ** 3,
        flat - _E2 * _A_KM * np.cos(parametric) ** 3,
    )
    return np.degrees(latitude), east_west(np.degrees(np.arctan2(y, x)))
