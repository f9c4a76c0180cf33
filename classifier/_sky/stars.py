"""Stars and the Milky Way: the brightest real stars, and others as many as the sky has.

A catalogue is not bundled. The bright stars below are real (J2000, rounded to what a camera of
0.7 deg a pixel can tell); fainter ones are drawn once, with the numbers of the real sky,
``log10 N(<m) = 0.75 + 0.50 m``. They turn with sidereal time.
The Milky Way is a band that cameras see on dark nights, and may be taken for aurora; so is the cone of
zodiacal light that stands on the ecliptic after dusk and before dawn.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier._sky.random_fields import stream
from classifier._sky.skylight import CLEAR_AIR, Heaven, sidereal_degrees
from classifier._sky.styles import Style
from classifier._sky.view import View, full_size

__all__ = [
    "FAINTEST",
    "Stars",
    "add_points",
    "catalogue",
    "horizontal",
    "milky_way",
    "star_points",
    "zodiacal_light",
]

Array = NDArray[np.float32]

#: Magnitude of the faintest star that is drawn; a camera sees to about 4.7 on a dark night.
FAINTEST = 5.8
_COUNTS_OF_VEGA = 6300.0  # counts in all, in 1 s, outside the air

# right ascension (h), declination (deg), visual magnitude
_BRIGHT = (
    (6.752, -16.72, -1.46),  # Sirius
    (14.261, 19.18, -0.05),  # Arcturus
    (18.616, 38.78, 0.03),  # Vega
    (5.278, 46.00, 0.08),  # Capella
    (5.242, -8.20, 0.13),  # Rigel
    (7.655, 5.22, 0.34),  # Procyon
    (5.919, 7.41, 0.50),  # Betelgeuse
    (19.846, 8.87, 0.77),  # Altair
    (4.599, 16.51, 0.85),  # Aldebaran
    (13.420, -11.16, 0.98),  # Spica
    (16.490, -26.43, 1.06),  # Antares
    (7.755, 28.03, 1.14),  # Pollux
    (22.961, -29.62, 1.16),  # Fomalhaut
    (20.690, 45.28, 1.25),  # Deneb
    (10.140, 11.97, 1.36),  # Regulus
    (7.577, 31.89, 1.58),  # Castor
    (5.419, 6.35, 1.64),  # Bellatrix
    (5.438, 28.61, 1.65),  # Elnath
    (5.604, -1.20, 1.69),  # Alnilam
    (5.679, -1.94, 1.74),  # Alnitak
    (12.900, 55.96, 1.77),  # Alioth
    (11.062, 61.75, 1.79),  # Dubhe
    (3.405, 49.86, 1.79),  # Mirfak
    (13.792, 49.31, 1.86),  # Alkaid
    (5.992, 44.95, 1.90),  # Menkalinan
    (6.629, 16.40, 1.93),  # Alhena
    (2.530, 89.26, 1.98),  # Polaris
    (2.120, 23.46, 2.00),  # Hamal
    (13.399, 54.93, 2.04),  # Mizar
    (0.140, 29.09, 2.06),  # Alpheratz
    (1.162, 35.62, 2.06),  # Mirach
    (14.845, 74.16, 2.08),  # Kochab
    (3.136, 40.96, 2.12),  # Algol
    (11.818, 14.57, 2.13),  # Denebola
    (20.370, 40.26, 2.20),  # Sadr
    (0.945, 60.72, 2.20),  # gamma Cassiopeiae
    (15.578, 26.71, 2.23),  # Alphecca
    (0.675, 56.54, 2.23),  # Schedar
    (5.533, -0.30, 2.23),  # Mintaka
    (17.943, 51.49, 2.23),  # Eltanin
    (0.153, 59.15, 2.27),  # Caph
    (11.031, 56.38, 2.37),  # Merak
    (11.897, 53.69, 2.44),  # Phecda
    (21.310, 62.59, 2.51),  # Alderamin
    (23.063, 28.08, 2.42),  # Scheat
    (23.079, 15.21, 2.49),  # Markab
)
_REAL_TO = 2.1  # fainter stars are drawn; nearly all northern ones to here are in the list


@dataclass(frozen=True, eq=False)
class Stars:
    """Unit vectors (star, 3) towards the equator, its pole being the third axis; magnitudes."""

    direction: NDArray[np.float64]
    magnitude: NDArray[np.float64]


@functools.lru_cache(maxsize=1)
def catalogue() -> Stars:
    """Return all stars, the brightest first.

    Examples
    --------
    >>> stars = catalogue()
    >>> float(stars.magnitude[0]), bool(stars.magnitude[-1] <= FAINTEST)
    (-1.46, True)
    """
    bright = np.array(_BRIGHT)
    rng = stream("catalogue of stars", 2)
    count = round(10.0 ** (0.75 + 0.50 * FAINTEST))
    magnitude = 2.0 * (np.log10(rng.uniform(0.0, 1.0, count) * count) - 0.75)
    direction = rng.standard_normal((count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    # stars crowd towards the Milky Way, whose north pole is at 12.857 h, 27.13 deg
    latitude = direction @ _galactic_axes()[2]
    crowded = rng.random(count) < 0.25 * np.abs(latitude)
    direction[crowded] *= np.array([1.0, 1.0, -1.0])
    keep = (magnitude > _REAL_TO) & (magnitude <= FAINTEST)
    direction = np.concatenate([_vectors(bright[:, 0] * 15.0, bright[:, 1]), direction[keep]])
    magnitude = np.concatenate([bright[:, 2], magnitude[keep]])
    order = np.argsort(magnitude, kind="stable")
    return Stars(direction[order], magnitude[order])


def horizontal(
    stars: Stars, sidereal: float, latitude: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return azimuth (north through east) and elevation of stars, deg.

    Parameters
    ----------
    stars : Stars
    sidereal : float
        Local sidereal time, deg.
    latitude : float
        deg.

    Examples
    --------
    Polaris stands near the pole, whatever the time:

    >>> polaris = catalogue().magnitude == 1.98
    >>> azimuth, elevation = horizontal(catalogue(), 123.0, 56.4)
    >>> bool(abs(elevation[polaris][0] - 56.4) < 0.8)
    True
    """
    turn, lean = np.radians(sidereal), np.radians(latitude)
    x, y, z = stars.direction.T
    towards = x * np.cos(turn) + y * np.sin(turn)  # in the meridian
    east = -x * np.sin(turn) + y * np.cos(turn)
    north = z * np.cos(lean) - towards * np.sin(lean)
    up = z * np.sin(lean) + towards * np.cos(lean)
    return np.degrees(np.arctan2(east, north)) % 360.0, np.degrees(np.arcsin(np.clip(up, -1, 1)))


def star_points(
    view: View, style: Style, time: np.datetime64, place: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return row, column and counts of the stars above the horizon, in clear air.

    Parameters
    ----------
    view : View
    style : Style
    time : numpy.datetime64
    place : tuple of float
        Latitude and longitude of the station, deg.
    """
    stars = catalogue()
    azimuth, elevation = horizontal(stars, sidereal_degrees(time, place[1]), place[0])
    up = elevation > 2.0
    mass = 1.0 / (np.sin(np.radians(elevation[up])) + 0.02)
    counts = _COUNTS_OF_VEGA * style.stars * 10.0 ** (-0.4 * stars.magnitude[up])
    row, column = view.pixel(azimuth[up], elevation[up])
    # air trembles: the light of a star in 1 s differs by some percent from frame to frame
    shimmer = stream("shimmer", style.key, time).normal(1.0, 0.04, row.size)
    counts = counts * np.exp(-CLEAR_AIR * mass) * np.clip(shimmer, 0.5, 1.5)
    seen = np.isfinite(row)
    return row[seen], column[seen], counts[seen]


def milky_way(view: View, time: np.datetime64, place: tuple[float, float]) -> Array:
    """Return the light of the Milky Way against that of the night sky at the zenith.

    Parameters
    ----------
    view : View
    time : numpy.datetime64
    place : tuple of float
        Latitude and longitude of the station, deg.

    Returns
    -------
    numpy.ndarray of float32
        About 0.7 in Cygnus, 0.3 towards the anticentre, little far from the band.
    """
    towards = _horizon_axes(time, place) @ _galactic_axes().T  # columns: centre, longitude 90, pole
    east, north, up = _horizontal_vectors(view)
    centre, side, pole = (
        east * np.float32(a) + north * np.float32(b) + up * np.float32(c) for a, b, c in towards.T
    )
    breadth = np.float32(0.15) + np.float32(0.05) * centre
    cloudy = 1.0 + np.float32(0.25) * np.sin(7.0 * side + 3.0 * centre + 20.0 * pole)
    away = np.abs(pole)
    made = np.exp(-((away / breadth) ** np.float32(1.5))) * cloudy
    made += np.float32(0.35) * np.exp(-away / np.float32(0.30))
    made *= np.float32(0.36) + np.float32(0.20) * centre + np.float32(0.10) * side
    return np.asarray(made, dtype=np.float32)


def zodiacal_light(
    view: View, heaven: Heaven, time: np.datetime64, place: tuple[float, float]
) -> Array:
    """Return sunlight scattered by dust in the ecliptic against the night sky at the zenith.

    A fit by eye to the table of Leinert et al. (1998), Astron. Astrophys. Suppl. 127, 1: it falls
    with elongation to the power -2.2, and within some 25 deg of the ecliptic.

    Parameters
    ----------
    view : View
    heaven : Heaven
    time : numpy.datetime64
    place : tuple of float
        Latitude and longitude of the station, deg.

    Returns
    -------
    numpy.ndarray of float32, SHAPE
        At 60 deg from the Sun about 0.5.
    """
    axes = _horizon_axes(time, place)
    pole = axes @ np.array([0.0, -0.39777, 0.91749])  # of the ecliptic, J2000
    azimuth, elevation = np.radians([heaven.sun_azimuth, heaven.sun_elevation])
    sun = np.array(
        [
            np.sin(azimuth) * np.cos(elevation),
            np.cos(azimuth) * np.cos(elevation),
            np.sin(elevation),
        ]
    )
    east, north, up = (part[::2, ::2] for part in _horizontal_vectors(view))
    off, along = (
        east * np.float32(a) + north * np.float32(b) + up * np.float32(c) for a, b, c in (pole, sun)
    )
    elongation = np.arccos(np.clip(along, -0.9999, 0.9999))
    made = (elongation / np.float32(np.pi / 2)) ** np.float32(-2.2)
    made *= np.float32(0.2) * np.exp(
        -np.abs(off) / (np.float32(0.14) + np.float32(0.2) * elongation)
    )
    return full_size(np.minimum(made, np.float32(2.0)))


def add_points(
    image: Array,
    row: NDArray[np.float64],
    column: NDArray[np.float64],
    counts: NDArray[np.float64],
    focus: float,
) -> None:
    """Add points of light to an image, each spread over pixels by the focus, in place.

    Parameters
    ----------
    image : numpy.ndarray of float32, (row, column)
    row, column : numpy.ndarray, (point,)
        Places; whole numbers are centres of pixels.
    counts : numpy.ndarray, (point,)
        Light of each point in all.
    focus : float
        Standard deviation of the spread, pixels; the light falls on whole pixels.
    """
    from scipy.special import erf

    reach = max(2, int(np.ceil(3.0 * focus)))
    offsets = np.arange(-reach, reach + 1)
    near_row, near_column = np.rint(row).astype(np.int64), np.rint(column).astype(np.int64)

    def shares(away: NDArray[np.float64]) -> NDArray[np.float64]:
        edges = np.append(offsets, offsets[-1] + 1)[None, :] - 0.5 - away[:, None]
        return np.diff(0.5 * erf(edges / (np.sqrt(2.0) * focus)), axis=1)

    down, across = shares(row - near_row), shares(column - near_column)
    light = counts[:, None, None] * down[:, :, None] * across[:, None, :]
    rows = np.broadcast_to((near_row[:, None] + offsets)[:, :, None], light.shape)
    columns = np.broadcast_to((near_column[:, None] + offsets)[:, None, :], light.shape)
    inside = (rows >= 0) & (rows < image.shape[0]) & (columns >= 0) & (columns < image.shape[1])
    flat = rows[inside] * image.shape[1] + columns[inside]
    added = np.bincount(flat, weights=light[inside], minlength=image.size)
    image += added.reshape(image.shape).astype(np.float32)


def _horizon_axes(time: np.datetime64, place: tuple[float, float]) -> NDArray[np.float64]:
    """Return east, north and up in equatorial axes, as rows."""
    turn, lean = np.radians([sidereal_degrees(time, place[1]), place[0]])
    return np.array(
        [
            [-np.sin(turn), np.cos(turn), 0.0],
            [-np.sin(lean) * np.cos(turn), -np.sin(lean) * np.sin(turn), np.cos(lean)],
            [np.cos(lean) * np.cos(turn), np.cos(lean) * np.sin(turn), np.sin(lean)],
        ]
    )


@functools.lru_cache(maxsize=1)
def _galactic_axes() -> NDArray[np.float64]:
    """Return the galactic centre, longitude 90 deg and north pole in equatorial axes (J2000)."""
    centre, pole = _vectors(np.array([266.405, 192.859]), np.array([-28.936, 27.128]))
    return np.stack([centre, np.cross(pole, centre), pole])


@functools.lru_cache(maxsize=8)
def _horizontal_vectors(view: View) -> tuple[Array, Array, Array]:
    azimuth, elevation = np.radians(np.nan_to_num(view.azimuth)), np.radians(view.elevation)
    flat, up = np.nan_to_num(np.cos(elevation)), np.nan_to_num(np.sin(elevation))
    return flat * np.sin(azimuth), flat * np.cos(azimuth), up


def _vectors(
    right_ascension: NDArray[np.float64], declination: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the unit vectors, (star, 3), of places in deg."""
    along, up = np.radians(right_ascension), np.radians(declination)
    return np.stack([np.cos(up) * np.cos(along), np.cos(up) * np.sin(along), np.sin(up)], axis=-1)
