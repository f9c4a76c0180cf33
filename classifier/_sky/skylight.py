"""Light of the sky without aurora: airglow, twilight, the Moon, and what haze makes of them."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier._sky.aurora_map import zenith_angle_at
from classifier._sky.random_fields import sample, stream, texture
from classifier._sky.styles import Style
from classifier._sky.view import View, full_size

__all__ = [
    "Heaven",
    "airglow",
    "heaven_at",
    "moon_light",
    "moon_strength",
    "sidereal_degrees",
    "transparency",
    "twilight",
]

Array = NDArray[np.float32]

#: Optical depth of clear air at the zenith, about 550 nm.
CLEAR_AIR = 0.18


@dataclass(frozen=True)
class Heaven:
    """Where Sun and Moon stand at a time (deg), and the lit fraction of the Moon."""

    sun_elevation: float
    sun_azimuth: float
    moon_elevation: float
    moon_azimuth: float
    moon_illumination: float


def heaven_at(site: str, time: NDArray[np.datetime64]) -> list[Heaven]:
    """Return Sun and Moon at each time.

    They are computed at whole minutes, one at a time, and interpolated: what is found for a time
    does not depend on which others are asked for, not even in its last bit.

    Parameters
    ----------
    site : str
    time : numpy.ndarray of datetime64, (time,)

    Returns
    -------
    list of Heaven
    """
    found = []
    for instant in time.astype("datetime64[us]").astype(np.int64).tolist():
        minute, rest = divmod(instant, 60_000_000)
        before, after = _heaven_of_minute(site, minute), _heaven_of_minute(site, minute + 1)
        part = rest / 60e6
        values = []
        for name in Heaven.__dataclass_fields__:
            first, change = getattr(before, name), getattr(after, name) - getattr(before, name)
            if name.endswith("azimuth"):
                change = (change + 180.0) % 360.0 - 180.0
            values.append(first + part * change)
        found.append(Heaven(*values))
    return found


@functools.lru_cache(maxsize=4096)
def _heaven_of_minute(site: str, minute: int) -> Heaven:
    from auroral_stats.geometry import site_geometry

    names = tuple(Heaven.__dataclass_fields__)
    found = site_geometry(np.datetime64(minute, "m"), site, quantities=names)
    return Heaven(*(float(found[name].item()) for name in names))


def sidereal_degrees(time: np.datetime64, longitude: float) -> float:
    """Return local mean sidereal time, deg.

    ``280.46061837 + 360.98564736629 d`` with ``d`` days since J2000.0 (Meeus, *Astronomical
    Algorithms*, equation 12.4), UT1 taken for UTC.

    Examples
    --------
    >>> round(sidereal_degrees(np.datetime64("1987-04-10T19:21:00"), 0.0), 3)
    128.738
    """
    days = (time - np.datetime64("2000-01-01T12:00:00")) / np.timedelta64(1, "D")
    return float((280.46061837 + 360.98564736629 * days + longitude) % 360.0)


def transparency(view: View, depth: float) -> Array:
    """Return what part of light from beyond the air passes, for an optical depth at the zenith.

    The air mass is that of Kasten and Young (1989), Applied Optics 28, 4735.
    """
    return np.exp(-np.float32(depth) * _air_mass(view))


def airglow(view: View, style: Style, seconds: float) -> Array:
    """Return the brightness of the night sky without Moon and lamps, counts, above the air.

    Airglow at 92 km brightens towards the horizon (van Rhijn), faint starlight does not. The layer
    is uneven: brighter on one side, mottled, and crossed by trains of gravity waves that travel.

    Parameters
    ----------
    view : View
    style : Style
    seconds : float
        Of the scene.
    """
    layer, east, north = _airglow_layer(view)
    rng = stream(style.key, "airglow")
    towards = rng.uniform(0.0, 2.0 * np.pi)
    slope = rng.uniform(0.1, 0.8) / 400.0
    reach = np.float32(slope * np.cos(towards)) * north + np.float32(slope * np.sin(towards)) * east
    uneven = np.float32(1.0) + np.tanh(reach)
    drift = rng.normal(0.0, 0.03, 2) * seconds  # km
    mottle = texture(2.3, 12.0, 180.0, 1.0, style.key, "airglow")
    places = ((north - np.float32(drift[0])) / 5.0, (east - np.float32(drift[1])) / 5.0)
    mottled = sample(mottle, *places)
    uneven += np.float32(min(rng.lognormal(-1.7, 0.5), 0.40)) * mottled
    for _ in range(int(rng.integers(0, 3))):
        angle, length = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(25.0, 90.0)
        speed, depth = rng.uniform(0.02, 0.07), rng.uniform(0.02, 0.08)
        place = np.float32(np.cos(angle)) * north + np.float32(np.sin(angle)) * east
        place += np.float32(0.12 * length) * mottled
        phase = np.float32(2.0 * np.pi * np.mod(speed * seconds / length, 1.0))
        # far away the waves crowd into each other
        seen = np.exp(-((layer / np.float32(0.06 * length)) ** 2))
        uneven += np.float32(depth) * seen * np.sin(place * np.float32(2 * np.pi / length) - phase)
    share = np.float32(rng.uniform(0.25, 0.6))
    made = share * layer * np.maximum(uneven, 0.2) + (np.float32(1.0) - share)
    made *= np.float32(style.airglow)
    made += _far_aurora(view, style)
    return full_size(made)


@functools.lru_cache(maxsize=16)
def _far_aurora(view: View, style: Style) -> Array:
    """Glow of aurora beyond the horizon, which stands low on one side on most nights; half size."""
    rng = stream(style.key, "far aurora")
    # poleward of the station three times in four
    towards = rng.normal(0.0, 35.0) + 180.0 * (rng.random() < 0.25)
    counts = min(rng.lognormal(6.1, 0.65), 1500.0) * (rng.random() < 0.85)
    breadth, height = rng.uniform(35.0, 90.0), rng.uniform(9.0, 26.0)
    away = (np.nan_to_num(view.azimuth)[::2, ::2] - towards + 180.0) % 360.0 - 180.0
    made = counts * np.exp(-0.5 * (away / breadth) ** 2) * np.exp(-_raised(view)[::2, ::2] / height)
    return np.asarray(made, dtype=np.float32)


@functools.lru_cache(maxsize=8)
def _airglow_layer(view: View) -> tuple[Array, Array, Array]:
    """Path through a layer at 92 km against that overhead, and its place, km, at half size."""
    elevation = _raised(view)[::2, ::2].astype(np.float64)
    bearing = np.radians(np.nan_to_num(view.azimuth)[::2, ::2].astype(np.float64))
    zenith = zenith_angle_at(elevation, 92.0)
    distance = (np.pi / 2 - np.radians(elevation) - zenith) * (6371.2 + 92.0)
    parts = (1.0 / np.cos(zenith), distance * np.sin(bearing), distance * np.cos(bearing))
    path, east, north = (part.astype(np.float32) for part in parts)
    return path, east, north


def twilight(view: View, heaven: Heaven) -> Array | float:
    """Return the light of the Sun below the horizon, counts; 0 with the Sun below -18 deg."""
    depth = heaven.sun_elevation + 18.0
    if depth <= 0.0:
        return 0.0
    zenith = 6.0 * (10.0 ** (depth / 4.6) - 1.0)
    elevation, azimuth = _raised(view), view.azimuth
    away = np.abs((azimuth - heaven.sun_azimuth + 180.0) % 360.0 - 180.0)
    bow = np.exp(-((away / 62.0) ** 2)) * np.exp(-elevation / 7.5)
    belt = np.exp(-elevation / 22.0) * (0.6 + 0.4 * np.cos(np.radians(away)))
    lower = np.clip(elevation / 2.5, 0.25, 1.0)  # air dims the very horizon
    made = zenith * (1.0 + 2.6 * belt + 26.0 * bow) * lower
    return np.nan_to_num(made).astype(np.float32)


def moon_strength(heaven: Heaven) -> float:
    """Return how much light the Moon sends down: 1 for the full Moon overhead, 0 when it is down.

    The phase law is that of Krisciunas and Schaefer (1991), PASP 103, 1033, equation 20.
    """
    if heaven.moon_elevation <= 0.0:
        return 0.0
    phase = np.degrees(np.arccos(np.clip(2.0 * heaven.moon_illumination - 1.0, -1.0, 1.0)))
    magnitude = 0.026 * phase + 4e-9 * phase**4
    mass = 1.0 / (np.sin(np.radians(heaven.moon_elevation)) + 0.05)
    return float(10.0 ** (-0.4 * magnitude) * np.exp(-CLEAR_AIR * (mass - 1.0)))


def moon_light(
    view: View, style: Style, heaven: Heaven, haze: float, halo: float = 0.0
) -> Array | float:
    """Return moonlight scattered by air, haze and optics, counts, without the Moon itself.

    Parameters
    ----------
    view : View
    style : Style
    heaven : Heaven
    haze : float
        Optical depth of haze or thin cloud at the zenith.
    halo : float
        Strength of the ring that ice crystals make at 22 deg, 0 to 1.

    Returns
    -------
    numpy.ndarray of float32, or 0.0 where the Moon is down
    """
    strength = moon_strength(heaven)
    if strength <= 0.0:
        return 0.0
    away = _distance(view, heaven.moon_azimuth, heaven.moon_elevation)
    angle = np.degrees(away)
    mass = _air_mass(view)
    rayleigh = 1.06 + np.cos(away) ** 2
    rng = stream(style.key, "aerosol")
    coarse, murk = rng.lognormal(0.0, 0.3), rng.lognormal(-0.5, 0.5)
    about = min(rng.lognormal(2.0, 0.6), 20.0)
    aerosol = 9.0 * np.exp(-angle / np.float32(13.0 * coarse)) + 60.0 * np.exp(-angle / 3.2)
    thickness = 1.0 - np.exp(-np.float32(0.10 + haze) * mass)
    veil = 1.0 - np.exp(-np.float32(haze) * mass)
    # haze sends light forward and, where it is thick, all about
    forward = 7.0 * np.exp(-angle / np.float32(24.0 * coarse)) + np.float32(about)
    forward += 26.0 * np.exp(-angle / np.float32(7.0 * coarse))
    dimmed = np.exp(-0.8 * haze * (mass - 1.0))
    made = 5000.0 * thickness * rayleigh * 0.45 + np.float32(260.0 * murk) * aerosol * (
        0.25 + thickness
    )
    made += 7500.0 * veil * forward * dimmed
    if halo > 0.0:
        # sharp within, fading outwards
        beyond = angle - np.float32(21.8)
        ring = np.exp(-((beyond / np.where(beyond < 0, np.float32(1.1), np.float32(4.5))) ** 2))
        made += np.float32(1700.0 * halo) * ring * dimmed
    row, column = view.pixel(heaven.moon_azimuth, max(heaven.moon_elevation, 0.0))
    made = strength * made
    if np.isfinite(row):
        made += strength * np.exp(-1.5 * haze) * _glare(view, style, float(row), float(column))
    return np.nan_to_num(made).astype(np.float32)


def _glare(view: View, style: Style, row: float, column: float) -> Array:
    """Light that lens and dome scatter, and their reflections on the other side of the centre."""
    rows, columns = np.ogrid[: view.radius.shape[0], : view.radius.shape[1]]
    near = (rows - row) ** 2 + (columns - column) ** 2
    dirty = 1.0 + 1.5 * style.frost + 0.6 * style.dirt
    wings = dirty * float(stream(style.key, "glare").lognormal(11.7, 0.7))
    made = wings / (near + 4.0)
    rng = stream(style.site_key, "ghosts")
    centre_row, centre_column = view.centre
    for _ in range(2):
        reach, size = -rng.uniform(0.35, 1.05), rng.uniform(4.0, 15.0)
        at_row = centre_row + reach * (row - centre_row)
        at_column = centre_column + reach * (column - centre_column)
        distance = np.hypot(rows - at_row, columns - at_column)
        ring = 1.0 / (1.0 + np.exp((distance - size) / 0.9)) * (0.5 + 0.5 * distance / size)
        made = made + rng.uniform(30.0, 170.0) * ring
    return np.asarray(made, dtype=np.float32)


@functools.lru_cache(maxsize=8)
def _air_mass(view: View) -> Array:
    elevation = _raised(view)
    mass = 1.0 / (np.sin(np.radians(elevation)) + 0.50572 * (elevation + 6.07995) ** -1.6364)
    return np.asarray(mass, dtype=np.float32)


@functools.lru_cache(maxsize=8)
def _raised(view: View) -> Array:
    """Elevation, with the horizon for what lies below it."""
    return np.maximum(np.nan_to_num(view.elevation, nan=0.0), 0.0)


def _distance(view: View, azimuth: float, elevation: float) -> Array:
    """Angle between each pixel and a direction, rad."""
    up = np.radians(_raised(view))
    there = np.radians(elevation)
    bearing = np.cos(np.radians(np.nan_to_num(view.azimuth) - np.float32(azimuth)))
    cosine = (
        np.sin(up) * np.float32(np.sin(there)) + np.cos(up) * np.float32(np.cos(there)) * bearing
    )
    return np.asarray(np.arccos(np.clip(cosine, -1.0, 1.0)), dtype=np.float32)
