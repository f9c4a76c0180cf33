"""What stands around and on the dome: trees, houses, lamps, the rim, dirt, frost and snow."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier._sky.random_fields import sample, smoothstep, stream, texture
from classifier._sky.styles import Style
from classifier._sky.view import SHAPE, View

__all__ = ["Dome", "Surroundings", "dome_of", "surroundings_of", "town_glow"]

Array = NDArray[np.float32]

_STEPS = 1440  # of azimuth about the horizon


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What hides the sky near the horizon, and the lamps there.

    Attributes
    ----------
    open_sky : numpy.ndarray of float32, SHAPE
        Part of the sky's light that arrives; 0 behind trees and outside the lens.
    ground : numpy.ndarray of float32, SHAPE
        Part of the mean light of the sky that is scattered into each pixel by ground, rim and lens.
    lens : numpy.ndarray of float32, SHAPE
        1 within the image of the lens, little outside.
    lamp_azimuth, lamp_elevation, lamp_counts : numpy.ndarray, (lamp,)
    """

    open_sky: Array
    ground: Array
    lens: Array
    lamp_azimuth: NDArray[np.float64]
    lamp_elevation: NDArray[np.float64]
    lamp_counts: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Dome:
    """What the dome does: part of light that passes straight, and part that is spread out."""

    passes: Array
    spread: Array


@functools.lru_cache(maxsize=16)
def surroundings_of(view: View, style: Style) -> Surroundings:
    """Return the surroundings of a camera: the station's own, changed a little by the night."""
    station = stream(style.site_key, "horizon")
    night = stream(style.key, "horizon")
    height = _skyline(station)
    height = height + 0.12 * night.standard_normal(_STEPS)
    place = np.nan_to_num(view.azimuth) * np.float32(_STEPS / 360.0)
    at = np.rint(place).astype(np.int32) % _STEPS
    elevation = np.nan_to_num(view.elevation, nan=-90.0)
    soft = station.uniform(0.45, 0.95)  # deg
    clear = 1.0 / (1.0 + np.exp(-np.clip((elevation - height[at]) / soft, -30, 30)))
    # the lens or its mount may end above the horizon
    lens = station.uniform(0.995, 1.03)
    off_row, off_column = station.normal(0.0, 0.014, 2)
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    from_centre = np.hypot(
        (rows - view.centre[0]) / view.half_axes[0] - off_row,
        (columns - view.centre[1]) / view.half_axes[1] - off_column,
    )
    within = 1.0 / (1.0 + np.exp(np.clip((from_centre - lens) / 0.007, -30, 30)))
    clear = clear * within
    ground = 0.008 + 0.030 * np.exp(-np.maximum(from_centre - lens, 0.0) / 0.09)
    ground = ground * (1.0 - 0.9 * clear)
    # the rim of the mount catches light on one side
    angle = np.degrees(np.arctan2(rows - view.centre[0], columns - view.centre[1]))
    for _ in range(int(station.integers(0, 3))):
        middle, length = station.uniform(0, 360), station.uniform(15, 55)
        away = np.abs((angle - middle + 180.0) % 360.0 - 180.0)
        where = lens + station.uniform(0.018, 0.05)
        ring = np.exp(-0.5 * ((from_centre - where) / 0.008) ** 2)
        ground = ground + station.uniform(0.08, 0.45) * ring * smoothstep((length - away) / 8.0)

    count = int(station.integers(0, 7)) + (4 if style.family == "town" else 0)
    azimuth = station.uniform(0, 360, count)
    lit = night.random(count) < 0.8
    return Surroundings(
        open_sky=clear.astype(np.float32),
        ground=ground.astype(np.float32),
        lens=(0.06 + 0.94 * within).astype(np.float32),
        lamp_azimuth=azimuth[lit],
        lamp_elevation=90.0 * max(1.0 - lens, 0.0) + station.uniform(0.2, 3.0, count)[lit],
        lamp_counts=np.minimum(station.lognormal(8.6, 1.5, count), 4.0e5)[lit],
    )


def town_glow(view: View, style: Style) -> Array:
    """Return the glow of lamps in clear air: low, and stronger where the town is; counts."""
    return _town_shape(view, style.site_key) * np.float32(style.town)


@functools.lru_cache(maxsize=16)
def _town_shape(view: View, site_key: str) -> Array:
    station = stream(site_key, "town")
    elevation = np.maximum(np.nan_to_num(view.elevation, nan=0.0), 0.0)
    made = 0.35 * np.exp(-elevation / 25.0)
    for k in range(3):
        towards, breadth = station.uniform(0, 360), station.uniform(18.0, 60.0)
        away = np.abs((np.nan_to_num(view.azimuth) - towards + 180.0) % 360.0 - 180.0)
        lobe = np.exp(-0.5 * (away / breadth) ** 2) * np.exp(-elevation / station.uniform(6, 24))
        made = made + station.uniform(1.5, 6.0) * lobe / (1.0 + k)
    return made.astype(np.float32)


@functools.lru_cache(maxsize=16)
def dome_of(view: View, style: Style) -> Dome:
    """Return dirt, frost and snow on the dome for a night."""
    rng = stream(style.key, "dome")
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float32)
    passes = np.ones(SHAPE, dtype=np.float32)
    spread = np.full(SHAPE, 0.01, dtype=np.float32)
    for _ in range(int(rng.poisson(3 + 30 * style.dirt))):
        row, column = rng.uniform(5, 250, 2)
        size, depth = rng.lognormal(0.0, 0.6) * 0.8, rng.uniform(0.1, 0.8)
        stretched = np.hypot(rows - row, (columns - column) * rng.uniform(0.6, 1.6))
        passes *= 1.0 - np.float32(depth) * np.exp(-((stretched / np.float32(size)) ** 2))
    passes *= 1.0 - np.float32(0.05 + 0.07 * style.dirt) * smoothstep(
        0.5 + 0.5 * sample(texture(1.8, 20.0, 300.0, 1.0, style.key, "smear"), rows, columns)
    ).astype(np.float32)
    if style.frost:
        crystals = sample(texture(1.9, 14.0, 220.0, 1.0, style.key, "frost"), rows, columns)
        covered = smoothstep(0.5 + 0.3 * (crystals + np.float32(2.4 * style.frost - 1.2)))
        passes *= 1.0 - 0.45 * covered.astype(np.float32)
        spread += 0.10 * covered.astype(np.float32)
    if style.snow:
        lumps = sample(texture(2.2, 40.0, 300.0, 1.0, style.key, "snow"), rows, columns)
        side = rng.uniform(0, 2 * np.pi)
        slope = (
            (rows - view.centre[0]) * np.sin(side) + (columns - view.centre[1]) * np.cos(side)
        ) / view.half_axes[0]
        edge = slope - np.float32(1.0 - 2.2 * style.snow) + 0.12 * lumps
        covered = smoothstep(edge / 0.30 + 0.5).astype(np.float32)
        passes *= 1.0 - 0.86 * covered
        spread += 0.22 * covered * (1.0 + 0.1 * lumps)
    return Dome(passes, spread)


def _skyline(rng: np.random.Generator) -> NDArray[np.float64]:
    """Elevation of the skyline about the horizon, deg: hills, woods, single trees, houses, masts."""
    azimuth = np.linspace(0.0, 360.0, _STEPS, endpoint=False)
    waves = np.arange(1, 9)
    hills = np.sum(
        rng.normal(0.0, 0.5, 8)[:, None]
        / waves[:, None]
        * np.cos(np.radians(waves[:, None] * azimuth + rng.uniform(0, 360, (8, 1)))),
        axis=0,
    )
    height = 1.5 * hills - 1.3
    for _ in range(int(rng.integers(2, 5))):
        middle, half = rng.uniform(0, 360), rng.uniform(10, 32)
        away = np.abs((azimuth - middle + 180.0) % 360.0 - 180.0)
        wood = rng.uniform(2.5, 6.0) * smoothstep((half - away) / 6.0)
        tops = np.repeat(rng.gamma(2.0, 0.5, _STEPS // 3), 3)[:_STEPS]
        spires = np.tile([0.35, 1.0, 0.35], _STEPS // 3)
        height = height + wood * (0.6 + 0.5 * tops * spires)
    for _ in range(int(rng.integers(1, 5))):
        start, width = int(rng.integers(_STEPS)), int(rng.integers(10, 60))
        at = np.arange(start, start + width) % _STEPS
        height[at] = np.maximum(height[at], rng.uniform(2.0, 7.0))
    for _ in range(int(rng.integers(0, 4))):
        start = int(rng.integers(_STEPS))
        at = np.arange(start, start + int(rng.integers(1, 3))) % _STEPS
        height[at] = np.maximum(height[at], rng.uniform(4.0, 11.0))
    return np.maximum(height, -2.0)
