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
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from classifier._sky.styles import Style
from classifier._sky.view import SHAPE, View, view_of

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

    places = load_sites()
    latitude, longitude = (float(places[name][site]) for name in ("latitude", "longitude"))
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


def zenith_angle_at(
    elevation: NDArray[np.floating[Any]], height_km: NDArray[np.float64] | float
) -> NDArray[Any]:
    """Return the zenith angle of a line of sight where it meets a height, rad."""
    flat = _RADIUS_KM * np.cos(np.radians(elevation)) / (_RADIUS_KM + height_km)
    return np.asarray(np.arcsin(flat))


def projection(site: str, style: Style, year: int, profile: Profile = "low") -> Any:
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
    return _projection(view_of(site, style), field_at(site, year), profile)


@functools.lru_cache(maxsize=4)
def _projection(view: View, field: Field, profile: Profile) -> Any:
    from scipy import sparse

    pixels = np.flatnonzero(view.inside & (np.nan_to_num(view.elevation) > _HORIZON_DEG))
    elevation = np.radians(view.elevation.ravel()[pixels].astype(np.float64))
    bearing = np.radians(view.azimuth.ravel()[pixels].astype(np.float64) - field.azimuth)
    weight = _emission(_HEIGHTS, profile) * np.gradient(_HEIGHTS)
    weight /= weight.sum()
    lean = 1.0 / np.tan(np.radians(field.inclination))

    kept = weight > 1e-3
    heights, weight = _HEIGHTS[kept], weight[kept]
    # every pixel has four places for each height: rows of equal length, then the same places joined
    shape = (pixels.size, heights.size, 4)
    places = np.zeros(shape, dtype=np.int32)
    values = np.zeros(shape, dtype=np.float32)
    for layer, (height, share) in enumerate(zip(heights, weight, strict=True)):
        zenith = zenith_angle_at(np.degrees(elevation), height)
        ground = (np.pi / 2 - elevation) - zenith  # angle at the centre of the Earth
        distance = (_RADIUS_KM + _LAYER_KM) * ground
        column = _index(distance * np.sin(bearing))
        row = _index(distance * np.cos(bearing) + (height - _LAYER_KM) * lean)
        left, below = np.floor(column), np.floor(row)
        on_map = (left >= 0) & (left < MAP_SIZE - 1) & (below >= 0) & (below < MAP_SIZE - 1)
        right, up = column - left, row - below
        path = on_map * share / np.cos(zenith)
        corner = np.where(on_map, below * MAP_SIZE + left, 0).astype(np.int32)
        places[:, layer] = corner[:, None] + np.array([0, 1, MAP_SIZE, MAP_SIZE + 1], np.int32)
        values[:, layer, 0] = path * (1 - up) * (1 - right)
        values[:, layer, 1] = path * (1 - up) * right
        values[:, layer, 2] = path * up * (1 - right)
        values[:, layer, 3] = path * up * right
    length = np.zeros(SHAPE[0] * SHAPE[1] + 1, dtype=np.int32)
    length[pixels + 1] = heights.size * 4
    matrix = sparse.csr_array(
        (values.ravel(), places.ravel(), np.cumsum(length, dtype=np.int32)),
        shape=(SHAPE[0] * SHAPE[1], MAP_SIZE * MAP_SIZE),
    )
    matrix.sum_duplicates()
    return matrix


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
