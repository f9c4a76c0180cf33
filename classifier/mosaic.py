"""Several sites on one map at one time, each pixel drawn where its light comes from.

Where the fields of view of two sites overlap, a place is drawn by the site that sees it higher in
the sky: there the assumed height of the emission matters least and the path through haze
is shortest. Brightness is scaled for each site by itself, because the cameras are not calibrated
against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auroral_stats.brief import Brief
from auroral_stats.errors import DataError, UsageError
from classifier.emission_shell import east_west, look_direction, on_sphere, shell_coordinates
from classifier.skymap import Skymap

__all__ = [
    "PERCENTILES",
    "RIM_DEG",
    "SEAM_DEG",
    "MapCentre",
    "MosaicLayer",
    "from_plane",
    "mosaic_layers",
    "nearest_frame",
    "place_at",
    "scaled_brightness",
    "to_plane",
]

#: Percentiles of the counts above the lowest elevation that become 0 and 1.
PERCENTILES = (1.0, 99.5)

#: Pixels so far below the lowest elevation still have brightness, so that those across it can be cut
#: by a smooth line.
RIM_DEG = 1.0

#: A pixel is given up where another site sees its place by more than this higher, so that along a
#: seam the sites overlap by half a pixel and leave no holes.
SEAM_DEG = 0.7

_EARTH_KM = 6371.2
_Array = NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class MosaicLayer(Brief):
    """What one site gives to a mosaic.

    Attributes
    ----------
    skymap : Skymap
    time : numpy.datetime64
        Start of the exposure, UTC.
    brightness : numpy.ndarray of float64, (row, column)
        From 0 to 1 (:func:`scaled_brightness`); NaN where nothing is drawn: more than
        :data:`RIM_DEG` below the lowest elevation, and where another site sees the place higher.
    min_elevation : float
        Lowest elevation, deg; pixels across it are cut there by the figure.
    counts_range : (float, float)
        Counts that became 0 and 1.
    """

    skymap: Skymap
    time: np.datetime64
    brightness: _Array
    min_elevation: float
    counts_range: tuple[float, float]


@dataclass(frozen=True)
class MapCentre:
    """Centre of a Lambert azimuthal equal-area map.

    Attributes
    ----------
    latitude, longitude : float
        deg.
    """

    latitude: float
    longitude: float


def nearest_frame(
    times: NDArray[np.datetime64], wanted: np.datetime64
) -> tuple[int, np.timedelta64]:
    """Return the frame whose exposure starts nearest to a time, and how far off it is.

    Parameters
    ----------
    times : numpy.ndarray of datetime64, (frame,)
    wanted : numpy.datetime64

    Returns
    -------
    index : int
        Of two equally near frames the earlier.
    apart : numpy.timedelta64
        Not negative.

    Raises
    ------
    DataError
        There is no frame.

    Examples
    --------
    >>> times = np.datetime64("2014-03-10T06:00:00") + np.arange(3) * np.timedelta64(3, "s")
    >>> nearest_frame(times, np.datetime64("2014-03-10T06:00:05"))
    (2, np.timedelta64(1,'s'))
    """
    if not len(times):
        raise DataError("there is no frame.")
    apart = np.abs(times - wanted)
    index = int(np.argmin(apart))
    return index, apart[index]


def scaled_brightness(
    image: NDArray[np.uint16], elevation: _Array, min_elevation: float
) -> tuple[_Array, tuple[float, float]]:
    """Scale the counts of one frame to 0 to 1 between two of its own percentiles.

    Parameters
    ----------
    image : numpy.ndarray, (row, column)
    elevation : numpy.ndarray, (row, column)
        deg.
    min_elevation : float
        Pixels below it do not count for the percentiles; more than :data:`RIM_DEG` below it they
        become NaN.

    Returns
    -------
    brightness : numpy.ndarray of float64, (row, column)
        ``(counts - low) / (high - low)``, cut at 0 and 1; 0 where all counts are equal.
    counts_range : (float, float)
        ``low`` and ``high``, the :data:`PERCENTILES` of the counts.

    Examples
    --------
    >>> ramp = np.arange(201, dtype=np.uint16)[None]
    >>> brightness, (low, high) = scaled_brightness(ramp, np.full((1, 201), 45.0), 10.0)
    >>> low, high, float(brightness[0, 100].round(3))
    (2.0, 199.0, 0.497)
    """
    used = elevation >= min_elevation
    drawn = elevation >= min_elevation - RIM_DEG
    counts = np.where(drawn, image, np.nan).astype(np.float64)
    if not used.any():
        return counts, (np.nan, np.nan)
    low, high = (float(value) for value in np.percentile(counts[used], PERCENTILES))
    width = high - low if high > low else 1.0
    return np.clip((counts - low) / width, 0.0, 1.0), (low, high)


def mosaic_layers(
    skymaps: Sequence[Skymap],
    images: Sequence[NDArray[np.uint16]],
    times: Sequence[np.datetime64],
    *,
    min_elevation: float = 10.0,
) -> list[MosaicLayer]:
    """Scale one frame of each site, and leave each place to the site that sees it highest.

    Parameters
    ----------
    skymaps : sequence of Skymap
        One a site, all for the same height.
    images : sequence of numpy.ndarray, each (row, column)
        As stored; see :mod:`classifier.optics`.
    times : sequence of numpy.datetime64
        Starts of the exposures.
    min_elevation : float
        deg.

    Returns
    -------
    list of MosaicLayer
        In the order given.

    Raises
    ------
    DataError
        A frame has another size than its skymap.
    UsageError
        The heights differ, or a site comes twice.

    Examples
    --------
    Each of two sites gives up some places to the other:

    >>> from classifier.skymap import ideal_skymap
    >>> skies = [ideal_skymap("gill"), ideal_skymap("rank")]
    >>> frame = np.zeros((256, 256), dtype=np.uint16)
    >>> now = np.datetime64("2014-03-10T06:00")
    >>> both = mosaic_layers(skies, [frame, frame], [now, now])
    >>> alone = mosaic_layers(skies[:1], [frame], [now])
    >>> bool(np.isfinite(both[0].brightness).sum() < np.isfinite(alone[0].brightness).sum())
    True
    """
    sites = [sky.site for sky in skymaps]
    if len(set(sites)) < len(sites):
        raise UsageError(f"mosaic: a site comes twice among {', '.join(sites)}.")
    if len({sky.height_km for sky in skymaps}) > 1:
        raise UsageError("mosaic: the skymaps are for different heights; give all the same.")
    layers = []
    for sky, image, time in zip(skymaps, images, times, strict=True):
        if image.shape != sky.elevation.shape:
            raise DataError(
                f"{sky.site}: a frame of {image.shape} pixels came; its skymap is for"
                f" {sky.elevation.shape}."
            )
        brightness, counts_range = scaled_brightness(image, sky.elevation, min_elevation)
        others = [other for other in skymaps if other is not sky]
        brightness[_seen_higher(sky, others, min_elevation)] = np.nan
        layers.append(MosaicLayer(sky, time, brightness, min_elevation, counts_range))
    return layers


def place_at(
    layers: Sequence[MosaicLayer], latitude: float, longitude: float
) -> tuple[str, int, int] | None:
    """Return which site and pixel of a mosaic cover a place.

    Parameters
    ----------
    layers : sequence of MosaicLayer
    latitude, longitude : float
        Geodetic, deg.

    Returns
    -------
    (str, int, int) or None
        Site, row and column of the nearest pixel that is drawn, if it is within 0.5 deg.

    Examples
    --------
    >>> place_at([], 60.0, -95.0) is None
    True
    """
    nearest, found = np.cos(np.radians(0.5)), None
    wanted = on_sphere(np.radians(latitude), np.radians(longitude))
    for layer in layers:
        sky = layer.skymap
        there = on_sphere(np.radians(sky.latitude), np.radians(sky.longitude))
        cosine = np.where(
            np.isfinite(layer.brightness), np.tensordot(wanted, there, axes=1), -np.inf
        )
        best = np.unravel_index(np.nanargmax(np.nan_to_num(cosine, nan=-np.inf)), cosine.shape)
        if cosine[best] > nearest:
            nearest, found = cosine[best], (sky.site, int(best[0]), int(best[1]))
    return found


def to_plane(centre: MapCentre, latitude: ArrayLike, longitude: ArrayLike) -> tuple[_Array, _Array]:
    """Project places by the Lambert azimuthal equal-area projection of the sphere.

    Snyder (1987), *Map Projections: A Working Manual*, equations 22-4, 24-2 to 24-4, with a radius
    of 6371.2 km.

    Parameters
    ----------
    centre : MapCentre
    latitude, longitude : array_like
        deg.

    Returns
    -------
    x, y : numpy.ndarray of float64
        km east and north of the centre; NaN at its antipode.

    Examples
    --------
    >>> x, y = to_plane(MapCentre(60.0, -100.0), [60.0, 61.0], [-100.0, -100.0])
    >>> x.round(1).tolist(), y.round(1).tolist()
    ([0.0, 0.0], [0.0, 111.2])
    """
    lat, lat0 = np.radians(np.asarray(latitude, float)), np.radians(centre.latitude)
    lon = np.radians(np.asarray(longitude, float) - centre.longitude)
    cosine = np.sin(lat0) * np.sin(lat) + np.cos(lat0) * np.cos(lat) * np.cos(lon)
    scale = _EARTH_KM * np.sqrt(2.0 / np.where(cosine > -1.0 + 1e-12, 1.0 + cosine, np.nan))
    north = np.cos(lat0) * np.sin(lat) - np.sin(lat0) * np.cos(lat) * np.cos(lon)
    return scale * np.cos(lat) * np.sin(lon), scale * north


def from_plane(centre: MapCentre, x: ArrayLike, y: ArrayLike) -> tuple[_Array, _Array]:
    """Find the place of a point of the map; the inverse of :func:`to_plane`.

    Parameters
    ----------
    centre : MapCentre
    x, y : array_like
        km.

    Returns
    -------
    latitude, longitude : numpy.ndarray of float64
        deg, longitude in [-180, 180); NaN outside the map.

    Examples
    --------
    >>> latitude, longitude = from_plane(MapCentre(60.0, -100.0), 0.0, 111.2)
    >>> round(float(latitude), 2), float(longitude)
    (61.0, -100.0)
    """
    east, north = np.asarray(x, float), np.asarray(y, float)
    rho = np.hypot(east, north)
    half = np.where(rho <= 2.0 * _EARTH_KM, rho / (2.0 * _EARTH_KM), np.nan)
    sin_c, cos_c = 2.0 * half * np.sqrt(1.0 - half**2), 1.0 - 2.0 * half**2
    lat0 = np.radians(centre.latitude)
    # at the centre itself every direction is as good as another
    cos_way = np.where(rho > 0.0, north / np.where(rho > 0.0, rho, 1.0), 0.0)
    latitude = np.degrees(
        np.arcsin(np.clip(cos_c * np.sin(lat0) + cos_way * sin_c * np.cos(lat0), -1.0, 1.0))
    )
    way = np.arctan2(east * sin_c, rho * np.cos(lat0) * cos_c - north * np.sin(lat0) * sin_c)
    return latitude, east_west(np.degrees(way) + centre.longitude)


def _seen_higher(sky: Skymap, others: Sequence[Skymap], min_elevation: float) -> NDArray[np.bool_]:
    """Return the pixels whose place another site sees higher by more than the seam."""
    given_up = np.zeros(sky.elevation.shape, dtype=bool)
    places = shell_coordinates(
        sky.site_latitude, sky.site_longitude, sky.azimuth, sky.elevation, sky.height_km
    )
    for other in others:
        _, there = look_direction(other.site_latitude, other.site_longitude, *places, sky.height_km)
        given_up |= (there > sky.elevation + SEAM_DEG) & (there >= min_elevation)
    return given_up
