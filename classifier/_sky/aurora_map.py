r"""The map that aurora is painted on, and how a camera sees it.

Aurora is a function of place on a map at 110 km, in km along magnetic east and north of the
station. What is painted at a place glows along the field line through it, from 92 to 210 km, with
a profile of volume emission that peaks near 108 km. The brightness of a pixel is the integral along
its line of sight,

.. math:: B = \int P(h) \, F(x, y + (h - 110) / \tan I) \, ds ,

with inclination :math:`I`, so that rays converge on the magnetic zenith and the layer brightens
towards the horizon (van Rhijn). The integral is a sparse matrix for each view: drawing a frame is
one product.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from classifier._sky.styles import Style
from classifier._sky.view import SHAPE, view_of

__all__ = ["EAST", "MAP_SIZE", "NORTH", "Field", "field_at", "projection", "zenith_angle_at"]

Array = NDArray[np.float32]
Profile = Literal["low", "tall"]

#: Rows and columns of the map. Its spacing grows with distance, as the footprint of a pixel does.
MAP_SIZE = 256
_REACH_KM, _FINE_KM = 1000.0, 110.0
_RADIUS_KM = 6371.2
_LAYER_KM = 110.0
_HORIZON_DEG = 2.0
#: Heights, closer where the emission is, so that layers seen from the side do not part into lines.
_HEIGHTS = np.concatenate([np.arange(92.0, 130.0, 2.5), np.arange(130.0, 215.0, 5.0)])


def _axis() -> Array:
    end = np.arcsinh(_REACH_KM / _FINE_KM)
    return (_FINE_KM * np.sinh(np.linspace(-end, end, MAP_SIZE))).astype(np.float32)


#: Places of the map's columns, km along magnetic east; (MAP_SIZE,).
EAST = _axis()
#: Places of the map's rows, km along magnetic north; (MAP_SIZE,).
NORTH = _axis()


@dataclass(frozen=True)
class Field:
    """The magnetic field at a station: azimuth of magnetic north and inclination, deg."""

    azimuth: float
    inclination: float


@functools.lru_cache(maxsize=64)
def field_at(site: str, year: int) -> Field:
    """Return the direction of the magnetic field at a station.

    Magnetic north is where AACGM latitude grows fastest, and the inclination that of a dipole,
    ``tan I = 2 tan(mlat)``.

    Parameters
    ----------
    site : str
    year : int

    Returns
    -------
    Field

    Examples
    --------
    >>> field = field_at("gill", 2014)
    >>> 5 < field.azimuth < 9, 76 < field.inclination < 79
    (True, True)
    """
    from auroral_stats.geometry import magnetic_coordinates
    from auroral_stats.sites import load_sites

    place = load_sites().loc[site]
    latitude, longitude = float(place["latitude"]), float(place["longitude"])
    step = 1.0
    east_step = step / np.cos(np.radians(latitude))
    mlat, _, _ = magnetic_coordinates(
        np.datetime64(f"{year}-07-01"),
        latitude + step * np.array([0.0, 1.0, -1.0, 0.0, 0.0]),
        longitude + east_step * np.array([0.0, 0.0, 0.0, 1.0, -1.0]),
    )
    here, up, down, right, left = mlat.ravel().astype(np.float64)
    azimuth = float(np.degrees(np.arctan2(right - left, up - down)))
    inclination = float(np.degrees(np.arctan(2.0 * np.tan(np.radians(here)))))
    return Field(azimuth, inclination)


def zenith_angle_at(elevation: Array, height_km: NDArray[np.float64] | float) -> Array:
    """Return the zenith angle of a line of sight where it meets a height, rad."""
    flat = _RADIUS_KM * np.cos(np.radians(elevation)) / (_RADIUS_KM + height_km)
    return np.asarray(np.arcsin(flat))


def projection(site: str, style: Style, year: int, profile: Profile = "low"):  # type: ignore[no-untyped-def]
    """Return the matrix that turns a map into the brightness of each pixel.

    Parameters
    ----------
    site : str
    style : Style
        For the turn and tilt of the camera.
    year : int
        The magnetic field drifts.
    profile : {"low", "tall"}
        ``tall`` glows higher up, as rayed forms do.

    Returns
    -------
    scipy.sparse.csr_array of float32, (pixels, MAP_SIZE**2)
        The brightness overhead of a uniform map of 1 is 1. Extinction is not in it.
    """
    field = field_at(site, year)
    return _projection(site, style, field, profile)


@functools.lru_cache(maxsize=8)
def _projection(site: str, style: Style, field: Field, profile: Profile):  # type: ignore[no-untyped-def]
    from scipy import sparse

    view = view_of(site, style)
    pixels = np.flatnonzero(view.inside & (np.nan_to_num(view.elevation) > _HORIZON_DEG))
    elevation = np.radians(view.elevation.ravel()[pixels].astype(np.float64))
    bearing = np.radians(view.azimuth.ravel()[pixels].astype(np.float64) - field.azimuth)
    weight = _emission(_HEIGHTS, profile) * np.gradient(_HEIGHTS)
    weight /= weight.sum()
    lean = 1.0 / np.tan(np.radians(field.inclination))

    size = MAP_SIZE * MAP_SIZE
    total = sparse.csr_array((SHAPE[0] * SHAPE[1], size), dtype=np.float32)
    for height, share in zip(_HEIGHTS, weight, strict=True):
        if share < 1e-3:
            continue
        zenith = zenith_angle_at(np.degrees(elevation), height)
        ground = (np.pi / 2 - elevation) - zenith  # angle at the centre of the Earth
        distance = (_RADIUS_KM + _LAYER_KM) * ground
        east = distance * np.sin(bearing)
        north = distance * np.cos(bearing) + (height - _LAYER_KM) * lean
        column, row = _index(east), _index(north)
        left, below = np.floor(column).astype(np.int32), np.floor(row).astype(np.int32)
        keep = (left >= 0) & (left < MAP_SIZE - 1) & (below >= 0) & (below < MAP_SIZE - 1)
        right, up = column - left, row - below
        path = share / np.cos(zenith)
        layer = [
            (below * MAP_SIZE + left, path * (1 - up) * (1 - right)),
            (below * MAP_SIZE + left + 1, path * (1 - up) * right),
            ((below + 1) * MAP_SIZE + left, path * up * (1 - right)),
            ((below + 1) * MAP_SIZE + left + 1, path * up * right),
        ]
        for place, value in layer:
            entries = (value[keep].astype(np.float32), (pixels[keep], place[keep]))
            total = total + sparse.coo_array(entries, shape=total.shape).tocsr()
    return total


def _index(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fractional row or column of a place on the map."""
    end = np.arcsinh(_REACH_KM / _FINE_KM)
    return (np.arcsinh(distance / _FINE_KM) / end + 1.0) * (MAP_SIZE - 1) / 2.0


def _emission(height: NDArray[np.float64], profile: Profile) -> NDArray[np.float64]:
    """Volume emission: a Chapman layer, and for tall forms a second one above it."""

    def layer(peak: float, scale: float) -> NDArray[np.float64]:
        z = (height - peak) / scale
        return np.asarray(np.exp(0.5 * (1.0 - z - np.exp(-z))))

    return layer(107.0, 6.0) + (0.28 * layer(138.0, 22.0) if profile == "tall" else 0.0)
