"""Discrete aurora: bright rayed curtains that fold, curl, surge and break up.

Curtains are lines in coordinates that are themselves bent: by two random displacements, large and
small, which drift through each other, by vortices that wind the curtain into spirals, and by a
surge, a bulge that travels along the oval and pushes the curtains poleward.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier._sky.aurora_map import EAST, NORTH
from classifier._sky.generations import generations_at
from classifier._sky.random_fields import Wander, sample, smoothstep, stream, texture, wander

__all__ = ["SPAN_SECONDS", "paint_discrete"]

Array = NDArray[np.float32]

#: Length of a generation of discrete aurora.
SPAN_SECONDS = 300.0


@dataclass(frozen=True)
class _Curtain:
    north: float
    slope: float
    bend: Wander
    bend_km: float
    width_km: float
    tail_km: float
    peak: float
    bright: Wander
    contrast: float
    rays: float
    ray_speed: float
    shift: tuple[float, float]
    ends: tuple[float, float]


@dataclass(frozen=True)
class _Spiral:
    east: float
    north: float
    speed: tuple[float, float]
    radius: float
    turns: float


@dataclass(frozen=True)
class _Activity:
    curtains: tuple[_Curtain, ...]
    spirals: tuple[_Spiral, ...]
    large_km: float
    small_km: float
    flow: tuple[float, float]
    drift: float
    surge_km: float
    surge_east: float
    surge_speed: float
    surge_width: float
    glow: float
    veil: float
    veil_km: tuple[float, float]  # widths, equatorward and poleward


@functools.lru_cache(maxsize=32)
def _activity(key: str, number: int) -> _Activity:
    rng = stream(key, "discrete", number)
    strength = float(np.clip(rng.lognormal(6.9, 0.8), 480.0, 18000.0))
    north = float(np.clip(rng.normal(-10.0, 90.0), -220.0, 220.0))
    breakup = rng.random() < 0.3
    curtains = []
    for k in range(int(rng.integers(2, 5)) + 2 * int(breakup)):
        faint = 1.0 if k == 0 else float(rng.uniform(0.15, 0.9))
        # the brightest curtain is in view, or the frame would not be called by it
        near = 0.4 if k == 0 else 1.0
        middle, half = near * rng.normal(0.0, 250.0), rng.uniform(120.0 / near, 900.0)
        curtains.append(
            _Curtain(
                north=north + (float(rng.normal(0.0, 75.0)) if k else 0.0),
                slope=float(rng.normal(0.0, 0.08)),
                bend=wander(rng, 120.0, 1600.0, speed=0.4),
                bend_km=float(rng.uniform(8.0, 45.0)),
                width_km=float(np.exp(rng.normal(1.55, 0.45))),
                tail_km=float(rng.uniform(8.0, 40.0)),
                peak=strength * faint,
                bright=wander(rng, 35.0, 900.0, slope=0.5, speed=1.2, waves=9),
                contrast=float(rng.uniform(0.6, 1.15)),
                rays=float(rng.uniform(0.05, 0.6)),
                ray_speed=float(rng.normal(0.0, 2.2)),
                shift=(float(rng.uniform(0, 512)), float(rng.uniform(0, 512))),
                ends=(float(middle - half - 150.0), float(middle + half + 150.0)),
            )
        )
    spirals = tuple(
        _Spiral(
            east=float(rng.uniform(-280.0, 280.0)),
            north=north + float(rng.normal(0.0, 50.0)),
            speed=(float(rng.normal(-0.2, 0.5)), float(rng.normal(0.0, 0.08))),
            radius=float(rng.uniform(25.0, 110.0)),
            turns=float(rng.choice([-1.0, 1.0]) * rng.uniform(0.8, 4.2)),
        )
        for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.3, 0.35, 0.2, 0.15])))
    )
    return _Activity(
        curtains=tuple(curtains),
        spirals=spirals,
        large_km=float(rng.uniform(15.0, 60.0)) * (1.3 if breakup else 1.0),
        small_km=float(rng.uniform(2.0, 11.0)),
        flow=(float(rng.normal(-0.5, 0.8)), float(rng.normal(0.0, 0.15))),
        drift=float(rng.normal(0.05, 0.2)) + (0.5 if breakup else 0.0),
        surge_km=float(rng.uniform(60.0, 200.0)) if rng.random() < 0.4 else 0.0,
        surge_east=float(rng.uniform(-100.0, 500.0)),
        surge_speed=float(-rng.uniform(0.2, 1.6)),
        surge_width=float(rng.uniform(80.0, 260.0)),
        glow=float(rng.uniform(0.03, 0.12)) * (2.0 if breakup else 1.0),
        veil=float(rng.uniform(0.06, 0.26)),
        veil_km=(float(rng.uniform(80.0, 260.0)), float(rng.uniform(50.0, 180.0))),
    )


def paint_discrete(key: str, seconds: float) -> Array:
    """Return the map of discrete aurora at a time.

    Parameters
    ----------
    key : str
        Names the scene.
    seconds : float
        Of the scene.

    Returns
    -------
    numpy.ndarray of float32, (MAP_SIZE, MAP_SIZE)
        Counts overhead; rows along magnetic north, columns along magnetic east.
    """
    total = np.zeros((NORTH.size, EAST.size), dtype=np.float32)
    for generation in generations_at(seconds, SPAN_SECONDS, key, "discrete", takeover=0.2):
        activity = _activity(key, generation.number)
        total += generation.share * _paint(activity, key, generation.age)
    return total


def _paint(activity: _Activity, key: str, age: float) -> Array:
    east = np.broadcast_to(EAST[None, :], (NORTH.size, EAST.size))
    north = np.broadcast_to(NORTH[:, None], (NORTH.size, EAST.size))
    east, north = _wound(activity, east, north, age)
    east, north = _displaced(activity, key, east, north, age)
    north = north - np.float32(activity.drift * age)
    calm = north
    if activity.surge_km:
        ahead = (east - np.float32(activity.surge_east + activity.surge_speed * age)) / np.float32(
            activity.surge_width
        )
        # steep in front, in the west, and trailing off behind
        bulge = 1.0 / (1.0 + np.exp(np.clip(-6.0 * ahead, -30, 30))) * np.exp(-np.maximum(ahead, 0))
        north = north - np.float32(2.0 * activity.surge_km) * bulge.astype(np.float32)

    total = np.zeros(north.shape, dtype=np.float32)
    fine = texture(0.55, 2.0, 30.0, 1.0, key, "curtain rays")
    for curtain in activity.curtains:
        _add_curtain(total, curtain, activity, fine, east, north, age)
    _add_veil(total, activity, calm)
    return total


def _add_veil(total: Array, activity: _Activity, north: Array) -> None:
    """Add the diffuse light about the curtains, a broad band that follows their large folds."""
    brightest = activity.curtains[0]
    away = north - np.float32(brightest.north)
    away *= np.where(away < 0, *(np.float32(1.0 / km) for km in activity.veil_km))
    total += np.float32(activity.veil * brightest.peak) * np.exp(np.float32(-0.5) * away * away)


def _add_curtain(
    total: Array,
    curtain: _Curtain,
    activity: _Activity,
    fine: Array,
    east: Array,
    north: Array,
    age: float,
) -> None:
    # along the curtain all is a function of the bent east alone: a table serves every place
    table = np.linspace(-1400.0, 1400.0, 1401, dtype=np.float32)
    line = curtain.north + curtain.slope * table + curtain.bend_km * curtain.bend(table, age)
    along = np.exp(np.float32(curtain.contrast) * curtain.bright(table, age)) * curtain.peak
    west, end = curtain.ends
    along *= smoothstep((table - west) / 150.0) * smoothstep((end - table) / 150.0)
    place = np.clip((east + np.float32(1400.0)) / np.float32(2.0), 0, 1399)
    left = place.astype(np.int32)
    part = place - left

    def looked_up(values: Array) -> Array:
        values = values.astype(np.float32)
        return values[left] + part * (values[left + 1] - values[left])

    away = north - looked_up(line)
    near = np.abs(away) < 110.0
    near &= np.abs(east) < 1390.0
    away = away[near]
    height = looked_up(along)[near]
    ray_column = (east[near] - np.float32(curtain.ray_speed * age)) / np.float32(2.6)
    rays = sample(
        fine,
        away / np.float32(22.0) + np.float32(curtain.shift[0] + age / 3.0),
        ray_column + np.float32(curtain.shift[1]),
    )
    width = np.float32(curtain.width_km)
    sheet = np.exp(-0.5 * (away / width) ** 2)
    tail = np.exp(-np.maximum(away, 0.0) / np.float32(curtain.tail_km)) * (away > 0)
    tail = np.where(away > 0, tail, np.exp(-0.5 * (away / (np.float32(0.8) * width)) ** 2))
    light = (0.8 * sheet + 0.2 * tail) * np.maximum(1.0 + np.float32(curtain.rays) * rays, 0.05)
    edge = 1.0 - (away / np.float32(110.0)) ** 2
    light += np.float32(activity.glow) * np.exp(-np.abs(away) / np.float32(45.0)) * edge
    total[near] += light * height


def _wound(activity: _Activity, east: Array, north: Array, age: float) -> tuple[Array, Array]:
    """Turn the map about each spiral, the more the nearer."""
    growth = float(smoothstep(age / 120.0))
    for spiral in activity.spirals:
        dx = east - np.float32(spiral.east + spiral.speed[0] * age)
        dy = north - np.float32(spiral.north + (spiral.speed[1] + activity.drift) * age)
        distance = (dx * dx + dy * dy) / np.float32(spiral.radius**2)
        angle = np.float32(spiral.turns * (0.35 + 0.65 * growth)) * np.exp(-distance)
        cosine, sine = np.cos(angle), np.sin(angle)
        east = east + (cosine - 1.0) * dx - sine * dy
        north = north + sine * dx + (cosine - 1.0) * dy
    return east, north


def _displaced(
    activity: _Activity, key: str, east: Array, north: Array, age: float
) -> tuple[Array, Array]:
    """Bend the map by random displacements that change as two patterns drift through each other."""
    flow_east, flow_north = activity.flow
    large = texture(2.3, 6.0, 70.0, 1.4, key, "folds")
    small = texture(1.9, 4.0, 40.0, 1.2, key, "curls")
    for field, scale, size in ((large, 9.0, activity.large_km), (small, 5.0, activity.small_km)):
        column, row = east / np.float32(scale), north / np.float32(scale)
        shift_east, shift_north = flow_east * age / scale, flow_north * age / scale
        first = sample(field, row - np.float32(shift_north), column - np.float32(shift_east))
        second = sample(
            field,
            row + np.float32(171.3 + age / 40.0),
            column + np.float32(77.7 - 0.4 * shift_east),
        )
        east = np.asarray(east + np.float32(size) * second)
        north = np.asarray(north + np.float32(size * 0.75) * (first + np.float32(0.4) * second))
    return east, north
