"""Where on the globe each pixel of a camera looks, from a skymap file or from idealised optics.

A :class:`Skymap` holds directions, and the places at which they meet an assumed emission height
(:mod:`classifier.emission_shell`), in the order in which frames are stored
(:mod:`classifier.optics`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from auroral_stats.brief import Brief
from auroral_stats.errors import DataError, UsageError
from classifier.emission_shell import east_west, on_sphere, shell_coordinates
from classifier.magnetic_places import magnetic_places, magnetic_skymap
from classifier.optics import Fisheye, pixel_directions, standard_fisheye
from classifier.skymap_files import SkymapFile, find_skymap, list_skymaps, read_sav

__all__ = [
    "MIN_ELEVATION",
    "Skymap",
    "choose_skymap",
    "find_skymap",
    "ideal_skymap",
    "magnetic_places",
    "magnetic_skymap",
    "read_skymap",
]

#: Elevation in degrees below which pixels have no place: there a pixel spans tens of km, and
#: trees and haze stand in front.
MIN_ELEVATION = 10.0

_Array = NDArray[np.float64]
_MAP_TOLERANCE_KM = 2.0


@dataclass(frozen=True, repr=False)
class Skymap(Brief):
    """Directions and places of the pixels of one camera.

    Attributes
    ----------
    site : str
        Site code.
    site_latitude, site_longitude : float
        Geodetic, deg; longitude in [-180, 180).
    valid_from : numpy.datetime64
        Since when the camera stood so, UTC; NaT for idealised optics.
    height_km : float
        Assumed height of the emission.
    azimuth, elevation : numpy.ndarray of float64, (row, column)
        deg, at the centres of pixels; azimuth from north through east; NaN below the horizon.
    latitude, longitude : numpy.ndarray of float64, (row, column)
        Geodetic place at ``height_km`` of the centres, deg, longitude in [-180, 180); NaN below
        the lowest elevation asked for.
    corner_latitude, corner_longitude : numpy.ndarray of float64, (row + 1, column + 1)
        The same for the corners: pixel (i, j) lies between corners (i, j) and (i + 1, j + 1).
        NaN where they are not known.
    idealised : bool
        Whether this is an assumed lens and not the calibration of the camera.
    source : str
        Name of the file, or what was assumed.
    """

    site: str
    site_latitude: float
    site_longitude: float
    valid_from: np.datetime64
    height_km: float
    azimuth: _Array
    elevation: _Array
    latitude: _Array
    longitude: _Array
    corner_latitude: _Array
    corner_longitude: _Array
    idealised: bool
    source: str
    _UNITS: ClassVar[Mapping[str, str]] = {
        "site_latitude": "deg",
        "site_longitude": "deg",
        "height_km": "km",
        "azimuth": "deg",
        "elevation": "deg",
        "latitude": "deg",
        "longitude": "deg",
        "corner_latitude": "deg",
        "corner_longitude": "deg",
    }


def ideal_skymap(
    site: str,
    fisheye: Fisheye | None = None,
    *,
    height_km: float = 110.0,
    min_elevation: float = MIN_ELEVATION,
    shape: tuple[int, int] = (256, 256),
) -> Skymap:
    """Compute the skymap that a site would have with a given lens.

    Parameters
    ----------
    site : str
        Code of a known site (:func:`auroral_stats.sites.load_sites`).
    fisheye : Fisheye, optional
        Default: :func:`classifier.optics.standard_fisheye` of the site.
    height_km : float
        Assumed height of the emission.
    min_elevation : float
        Pixels below it (deg) have no place.
    shape : (int, int)
        Rows and columns of the frames.

    Returns
    -------
    Skymap

    Raises
    ------
    UsageError
        An unknown site, or a height or elevation that cannot be.

    Notes
    -----
    With the lens of the camera at Gakona this reproduces its published skymap at 90, 110 and 150 km
    within 0.37 km above 10 deg elevation; 0.35 km of that is the place of the site, which the file
    rounds to 0.01 deg. The standard lens at another site is only as good as the camera is level,
    central and turned to the north.

    Examples
    --------
    >>> sky = ideal_skymap("gill")
    >>> sky.latitude.shape, sky.corner_latitude.shape, sky.idealised
    ((256, 256), (257, 257), True)
    >>> bool(abs(sky.latitude[127, 127] - 56.354) < 0.02)
    True
    """
    from auroral_stats.sites import check_sites, load_sites

    (code,) = check_sites(site)
    table = load_sites()
    place = (float(table["latitude"][code]), float(table["longitude"][code]))
    lens = standard_fisheye(code) if fisheye is None else fisheye
    azimuth, elevation = pixel_directions(lens, shape)
    corners = pixel_directions(
        replace(lens, row=lens.row + 0.5, column=lens.column + 0.5), (shape[0] + 1, shape[1] + 1)
    )
    return _skymap(
        code,
        place,
        np.datetime64("NaT", "s"),
        (azimuth, elevation),
        corners,
        height_km,
        min_elevation,
        idealised=True,
        source="idealised optics",
    )


def read_skymap(
    path: str | Path, *, height_km: float = 110.0, min_elevation: float = MIN_ELEVATION
) -> Skymap:
    """Read a ``.sav`` skymap of the University of Calgary.

    Parameters
    ----------
    path : path
    height_km : float
        Assumed height of the emission. Any height will do: places follow from the directions in
        the file. Corners are taken from the file where it has a map for the height.
    min_elevation : float
        Pixels below it (deg) have no place.

    Returns
    -------
    Skymap
        Arrays lie as frames are stored (:mod:`classifier.optics`).

    Raises
    ------
    ArchiveError
        The file cannot be read.
    DataError
        It is no skymap, is damaged, lacks what is needed, or contradicts itself.
    UsageError
        A height or elevation that cannot be.

    Examples
    --------
    >>> sky = read_skymap("themis_skymap_gako_20110305-+_vXX.sav")  # doctest: +SKIP
    >>> sky.site, str(sky.valid_from)  # doctest: +SKIP
    ('gako', '2011-03-05T08:00:00')
    """
    path = Path(path)
    fields = read_sav(path)
    try:
        site = _text(fields["SITE_UID"]).lower()
        place = (float(fields["SITE_MAP_LATITUDE"]), float(east_west(fields["SITE_MAP_LONGITUDE"])))
        azimuth, elevation = (_array(fields[f"FULL_{name}"]) for name in ("AZIMUTH", "ELEVATION"))
        maps = _maps_at(fields, height_km)
    except KeyError as error:
        raise DataError(f"{path}: has no {error.args[0]}, which a skymap has.") from None
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: a field does not hold what a skymap holds ({error}).") from None

    faults = []
    if azimuth.ndim != 2 or azimuth.shape != elevation.shape or min(azimuth.shape) < 2:
        faults.append(f"FULL_AZIMUTH {azimuth.shape} and FULL_ELEVATION {elevation.shape}")
    if not (abs(place[0]) <= 90.0 and np.isfinite(place[1])):
        faults.append(f"SITE_MAP_LATITUDE {place[0]}, SITE_MAP_LONGITUDE {place[1]}")
    seen = np.isfinite(azimuth) & np.isfinite(elevation) if not faults else np.zeros(1, bool)
    if not faults and not (np.any(seen) and np.all(np.abs(elevation[seen]) <= 90.0)):
        faults.append("FULL_ELEVATION outside -90 to 90 deg")
    if faults:
        raise DataError(f"{path}: does not hold what a skymap holds: {'; '.join(faults)}.")

    visible = seen & (elevation >= 0.0)
    directions = np.where(visible, azimuth % 360.0, np.nan), np.where(visible, elevation, np.nan)
    sky = _skymap(
        site,
        place,
        _valid_from(fields, path),
        directions,
        _corner_directions(*directions),
        height_km,
        min_elevation,
        idealised=False,
        source=path.name,
    )
    return _with_maps(sky, maps, path)


def choose_skymap(
    where: str | Path | None,
    site: str,
    time: np.datetime64,
    *,
    height_km: float = 110.0,
    min_elevation: float = MIN_ELEVATION,
) -> tuple[Skymap, str]:
    """Take the skymap file named, the one of a folder that was valid, or idealised optics.

    Parameters
    ----------
    where : path or None
        A skymap file, which is used whatever its dates are; a folder of them; or None for
        :func:`ideal_skymap`.
    site : str
        Site code.
    time : numpy.datetime64
        UTC.
    height_km, min_elevation : float
        As for :func:`read_skymap`.

    Returns
    -------
    skymap : Skymap
    note : str
        What the user should know: which one it is, and whether it is younger than the frames.

    Raises
    ------
    UsageError
        The file is for another site, or the folder has none for site and time.
    ArchiveError, DataError
        As for :func:`read_skymap`.

    Examples
    --------
    >>> choose_skymap(None, "gill", np.datetime64("2014-03-10"))[1]
    'gill: idealised optics; no skymap was given, so places may be off by 100 km at 25 deg elevation, 200 km at 10'
    """
    if where is None:
        sky = ideal_skymap(site, height_km=height_km, min_elevation=min_elevation)
        return sky, (
            f"{sky.site}: idealised optics; no skymap was given, so places may be off by 100 km at"
            " 25 deg elevation, 200 km at 10"
        )
    if not Path(where).exists():
        raise UsageError(f"{where}: there is no such skymap file or folder; check --skymap.")
    path = find_skymap(where, site, time) if Path(where).is_dir() else Path(where)
    sky = read_skymap(path, height_km=height_km, min_elevation=min_elevation)
    if sky.site != site.lower():
        raise UsageError(f"{path}: is a skymap of {sky.site}; the frames are of {site}.")
    younger = not np.isnat(sky.valid_from) and time < sky.valid_from
    since = f", valid from {str(sky.valid_from)[:10]}, after these frames" if younger else ""
    return sky, f"{sky.site}: {path.name}{since}"


def _skymap(
    site: str,
    place: tuple[float, float],
    valid_from: np.datetime64,
    centres: tuple[_Array, _Array],
    corners: tuple[_Array, _Array],
    height_km: float,
    min_elevation: float,
    *,
    idealised: bool,
    source: str,
) -> Skymap:
    if not 50.0 <= height_km <= 1000.0:
        raise UsageError(f"height: {height_km:g} km came; auroral light has 50 to 1000 km.")
    if not 0.0 <= min_elevation < 90.0:
        raise UsageError(f"min_elevation: {min_elevation:g} deg came; 0 to 90 were expected.")
    azimuth, elevation = centres
    high = np.where(elevation >= min_elevation, elevation, np.nan)
    return Skymap(
        site,
        *place,
        valid_from,
        float(height_km),
        azimuth,
        elevation,
        *shell_coordinates(*place, azimuth, high, height_km),
        *shell_coordinates(*place, *corners, height_km),
        idealised=idealised,
        source=source,
    )


def _corner_directions(azimuth: _Array, elevation: _Array) -> tuple[_Array, _Array]:
    """Directions of the corners: the mean of the four pixels around; NaN at the rim."""
    vector = on_sphere(np.radians(elevation), np.radians(azimuth))
    padded = np.pad(vector, ((0, 0), (1, 1), (1, 1)), constant_values=np.nan)
    x, y, z = padded[:, 1:, 1:] + padded[:, :-1, 1:] + padded[:, 1:, :-1] + padded[:, :-1, :-1]
    return np.degrees(np.arctan2(y, x)) % 360.0, np.degrees(np.arctan2(z, np.hypot(x, y)))


def _maps_at(fields: Mapping[str, Any], height_km: float) -> tuple[_Array, _Array] | None:
    """Latitude and longitude maps of the file at this height, if it has them."""
    heights = np.atleast_1d(_array(fields.get("FULL_MAP_ALTITUDE", []))) / 1000.0
    at = np.flatnonzero(np.abs(heights - height_km) < 0.05)
    if not at.size:
        return None
    latitude, longitude = (_array(fields[f"FULL_MAP_{x}"]) for x in ("LATITUDE", "LONGITUDE"))
    if latitude.ndim != 3 or latitude.shape != longitude.shape or len(latitude) != len(heights):
        raise ValueError(
            f"FULL_MAP_LATITUDE {latitude.shape}, FULL_MAP_LONGITUDE"
            f" {longitude.shape} for {len(heights)} heights"
        )
    return latitude[at[0]], east_west(longitude[at[0]])


def _with_maps(sky: Skymap, maps: tuple[_Array, _Array] | None, path: Path) -> Skymap:
    """Put in the maps of the file: corners in the new style, centres in the old one."""
    if maps is None:
        return sky
    shape = maps[0].shape
    if shape == sky.corner_latitude.shape:
        computed = sky.corner_latitude, sky.corner_longitude
        used = replace(sky, corner_latitude=maps[0], corner_longitude=maps[1])
    elif shape == sky.latitude.shape:
        computed = sky.latitude, sky.longitude
        masked = [np.where(np.isfinite(sky.latitude), part, np.nan) for part in maps]
        used = replace(sky, latitude=masked[0], longitude=masked[1])
    else:
        raise DataError(
            f"{path}: FULL_MAP_LATITUDE has maps of {shape}, which are neither the"
            f" {sky.latitude.shape} pixels nor their corners."
        )
    north = 111.2 * (maps[0] - computed[0])
    east = 111.2 * east_west(maps[1] - computed[1]) * np.cos(np.radians(sky.site_latitude))
    apart = np.hypot(north, east)
    if not np.isfinite(apart).any() or np.nanmedian(apart) > _MAP_TOLERANCE_KM:
        raise DataError(
            f"{path}: its maps at {sky.height_km:g} km do not belong to its azimuths and elevations"
            f" (median distance {np.nanmedian(apart):.0f} km); {sky.site} cannot be mapped with it."
        )
    return used


def _valid_from(fields: Mapping[str, Any], path: Path) -> np.datetime64:
    """Start of validity from inside the file, to the hour, or else from its name."""
    try:
        text = _text(fields["GENERATION_INFO"][0]["VALID_INTERVAL_START"])
        return np.datetime64(f"{text[:4]}-{text[4:6]}-{text[6:8]}T{text[8:10] or '00'}", "s")
    except (KeyError, IndexError, TypeError, ValueError):
        named: list[SkymapFile] = list_skymaps(path)
        return named[0].first.astype("datetime64[s]") if named else np.datetime64("NaT", "s")


def _array(values: Any) -> _Array:
    return np.asarray(values, dtype=np.float64)


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
