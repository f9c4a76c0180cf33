"""Diffuse aurora: a broad glow, often streaky or in patches, some of which pulsate.

Patches are soft cells of a warped Voronoi pattern that drifts with the plasma. Some are steady; each of
the others brightens and dims within 1 to 3 s, with its own period of 5 to 15 s and its own strength,
and many never go out.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier._sky.aurora_map import EAST, NORTH
from classifier._sky.generations import generations_at
from classifier._sky.random_fields import (
    TEXTURE_SIZE,
    Wander,
    sample,
    smoothstep,
    stream,
    texture,
    wander,
)

__all__ = ["SPAN_SECONDS", "Patches", "paint_diffuse", "patches", "pulsation"]

Array = NDArray[np.float32]

#: Length of a generation of diffuse aurora.
SPAN_SECONDS = 660.0
_KM_PER_TEXEL = 4.0


@dataclass(frozen=True, eq=False)
class Patches:
    """The patches of a scene: which cell each texel belongs to, and how each cell pulsates."""

    cell: NDArray[np.int32]
    mask: Array
    period: NDArray[np.float64]  # s
    phase: NDArray[np.float64]
    rise: NDArray[np.float64]  # parts of the period
    fall: NDArray[np.float64]
    duty: NDArray[np.float64]
    floor: NDArray[np.float64]  # what is left of the light in between; 1 of a steady patch
    strength: Array


@dataclass(frozen=True)
class _Glow:
    north: float
    drift: float
    equatorward_km: float
    poleward_km: float
    edge: Wander
    edge_km: float
    peak: float
    streak: float
    cloudiness: float
    patchiness: float
    flow: tuple[float, float]  # km/s east, north
    shift: tuple[float, float]
    along: Wander


@functools.lru_cache(maxsize=6)
def patches(key: str) -> Patches:
    """Return the patches of a scene.

    Parameters
    ----------
    key : str

    Returns
    -------
    Patches
        Kept in a cache: its arrays are not to be written to.
    """
    from scipy.spatial import cKDTree

    rng = stream(key, "patches")
    count = int(rng.uniform(700, 2200))
    seeds = rng.uniform(0, TEXTURE_SIZE, (count, 2))
    rows, columns = np.mgrid[:TEXTURE_SIZE, :TEXTURE_SIZE].astype(np.float64)
    rows += 5.0 * texture(2.0, 4.0, 60.0, 1.0, key, "patch warp", 0)
    columns += 5.0 * texture(2.0, 4.0, 60.0, 1.0, key, "patch warp", 1)
    places = np.stack([rows, columns], axis=-1).reshape(-1, 2) % TEXTURE_SIZE
    places = np.where(places >= TEXTURE_SIZE, 0.0, places)
    distance, cell = cKDTree(seeds, boxsize=TEXTURE_SIZE).query(places, k=2)
    border = ((distance[:, 1] - distance[:, 0]) / 13.0).reshape((TEXTURE_SIZE,) * 2)
    there = rng.random(count) < rng.uniform(0.35, 0.65)
    strength = np.minimum(rng.lognormal(-0.15, 0.35, count), 1.6) * there
    period = rng.uniform(5.0, 15.0, count)
    floor = rng.uniform(0.05, 0.75, count) * (rng.random(count) < 0.75)
    return Patches(
        cell=cell[:, 0].reshape((TEXTURE_SIZE,) * 2).astype(np.int32),
        mask=smoothstep(border).astype(np.float32),
        period=period,
        phase=rng.uniform(0.0, 1.0, count),
        rise=rng.uniform(1.0, 2.0, count) / period,
        fall=rng.uniform(1.2, 2.8, count) / period,
        duty=rng.uniform(0.1, 0.6, count),
        floor=np.where(rng.random(count) < rng.uniform(0.1, 0.5), 1.0, floor),
        strength=strength.astype(np.float32),
    )


def pulsation(made: Patches, seconds: float) -> Array:
    """Return how bright each patch is at a time.

    Parameters
    ----------
    made : Patches
    seconds : float

    Returns
    -------
    numpy.ndarray of float32, (patch,)
        From ``floor`` times the strength of the patch, between pulses, to some 1.2 of it.
    """
    place = np.mod(seconds / made.period + made.phase, 1.0)
    until = made.rise + made.duty * (1.0 - made.rise - made.fall)
    on = smoothstep(place / made.rise) * smoothstep(1.0 - (place - until) / made.fall)
    # no pulsation is like the one before it
    cycle = np.floor(seconds / made.period + made.phase)
    uneven = 0.75 + 0.5 * np.mod(np.sin(cycle * 12.9898 + made.phase * 78.233) * 43758.5453, 1.0)
    return (made.strength * (made.floor + (1.0 - made.floor) * on * uneven)).astype(np.float32)


@functools.lru_cache(maxsize=32)
def _glows(key: str, number: int) -> tuple[_Glow, ...]:
    rng = stream(key, "diffuse", number)
    peak = max(float(rng.lognormal(5.85, 0.6)), 190.0)
    found = []
    for band in range(1 + int(rng.random() < 0.35)):
        kind = rng.random()
        found.append(
            _Glow(
                north=float(np.clip(rng.normal(-40.0, 120.0), -220.0, 180.0)) - 160.0 * band,
                drift=float(rng.normal(0.0, 0.06)),
                equatorward_km=float(rng.uniform(80.0, 330.0)),
                poleward_km=float(rng.uniform(60.0, 250.0)),
                edge=wander(rng, 120.0, 1500.0, slope=0.8, speed=0.2),
                edge_km=float(rng.uniform(10.0, 45.0)),
                peak=peak * (1.0 if band == 0 else float(rng.uniform(0.3, 0.9))),
                streak=float(rng.uniform(0.05, 0.45)) if kind < 0.5 else 0.08,
                cloudiness=float(rng.uniform(0.12, 0.4)),
                patchiness=float(rng.uniform(0.2, 1.0)) if kind > 0.35 else 0.0,
                flow=(float(rng.normal(0.35, 0.25)), float(rng.normal(0.0, 0.06))),
                shift=(float(rng.uniform(0, 512)), float(rng.uniform(0, 512))),
                along=wander(rng, 300.0, 2500.0, slope=0.6, speed=0.2),
            )
        )
    return tuple(found)


def paint_diffuse(key: str, seconds: float, patchy: float = 1.0) -> Array:
    """Return the map of diffuse aurora at a time.

    Parameters
    ----------
    key : str
        Names the scene.
    seconds : float
        Of the scene.
    patchy : float
        Factor on the contrast of patches; 0 leaves the glow alone.

    Returns
    -------
    numpy.ndarray of float32, (MAP_SIZE, MAP_SIZE)
        Counts overhead; rows along magnetic north, columns along magnetic east.
    """
    total = np.zeros((NORTH.size, EAST.size), dtype=np.float32)
    for generation in generations_at(seconds, SPAN_SECONDS, key, "diffuse", takeover=0.2):
        for glow in _glows(key, generation.number):
            total += generation.share * _paint(glow, key, generation.age, seconds, patchy)
    return total


def _paint(glow: _Glow, key: str, age: float, seconds: float, patchy: float) -> Array:
    centre = glow.north + glow.drift * age + glow.edge_km * glow.edge(EAST, age)
    away = NORTH[:, None] - centre[None, :]
    away /= np.where(away < 0, np.float32(glow.equatorward_km), np.float32(glow.poleward_km))
    band = np.exp(-0.5 * away * away).astype(np.float32)
    along = glow.peak * np.exp(0.25 * glow.along(EAST, age))
    band *= along.astype(np.float32)

    east, north = (np.float32(speed * age) for speed in glow.flow)
    row = ((NORTH - north) / np.float32(_KM_PER_TEXEL) + np.float32(glow.shift[0]))[:, None]
    column = ((EAST - east) / np.float32(_KM_PER_TEXEL) + np.float32(glow.shift[1]))[None, :]
    clouds = sample(texture(1.7, 4.0, 120.0, 1.3, key, "glow"), row, column)
    relief = glow.cloudiness * clouds
    if glow.streak > 0.1:
        relief += glow.streak * sample(
            texture(1.1, 2.5, 60.0, 6.0, key, "streaks"), row, column + np.float32(0.1 * age)
        )
    np.clip(relief, -2.5, 2.0, out=relief)
    made = band * np.exp(relief)
    contrast = np.float32(glow.patchiness * patchy)
    if contrast > 0.01:
        # on average patches add as much as the glow between them lacks
        made *= 1.0 + contrast * (_patch_light(key, row, column, seconds) - np.float32(0.3))
    return made


def _patch_light(key: str, row: Array, column: Array, seconds: float) -> Array:
    """Light of the pulsating patches, whose edges are soft."""
    made = patches(key)
    nearest_row = np.rint(row).astype(np.int32) & (TEXTURE_SIZE - 1)
    nearest_column = np.rint(column).astype(np.int32) & (TEXTURE_SIZE - 1)
    cell = made.cell[nearest_row, nearest_column]
    return pulsation(made, seconds)[cell] * sample(made.mask, row, column)
