"""Diffuse aurora: a broad glow, often streaky or in patches, some of which pulsate.

Patches are cells of a warped Voronoi pattern that drifts with the plasma. Each pulsating cell turns
on and off with its own period of 5 to 15 s and its own strength.
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
    duty: NDArray[np.float64]
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
    border = ((distance[:, 1] - distance[:, 0]) / 9.0).reshape((TEXTURE_SIZE,) * 2)
    pulsating = rng.random(count) < rng.uniform(0.25, 0.6)
    strength = rng.lognormal(0.0, 0.5, count) * pulsating
    return Patches(
        cell=cell[:, 0].reshape((TEXTURE_SIZE,) * 2).astype(np.int32),
        mask=smoothstep(border).astype(np.float32),
        period=rng.uniform(5.0, 15.0, count),
        phase=rng.uniform(0.0, 1.0, count),
        duty=rng.uniform(0.3, 0.6, count),
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
        0 when off, up to the strength of the patch when on.
    """
    place = np.mod(seconds / made.period + made.phase, 1.0)
    rise = 0.12
    on = smoothstep(place / rise) * smoothstep((made.duty + rise - place) / rise)
    # no pulsation is like the one before it
    cycle = np.floor(seconds / made.period + made.phase)
    uneven = 0.75 + 0.5 * np.mod(np.sin(cycle * 12.9898 + made.phase * 78.233) * 43758.5453, 1.0)
    return (made.strength * on * uneven).astype(np.float32)


@functools.lru_cache(maxsize=32)
def _glows(key: str, number: int) -> tuple[_Glow, ...]:
    rng = stream(key, "diffuse", number)
    peak = max(float(rng.lognormal(5.2, 0.65)), 80.0)
    found = []
    for band in range(1 + int(rng.random() < 0.35)):
        kind = rng.random()
        found.append(
            _Glow(
                north=float(rng.normal(-50.0, 130.0)) - 160.0 * band,
                drift=float(rng.normal(0.0, 0.06)),
                equatorward_km=float(rng.uniform(50.0, 320.0)),
                poleward_km=float(rng.uniform(40.0, 240.0)),
                edge=wander(rng, 120.0, 1500.0, slope=0.8, speed=0.2),
                edge_km=float(rng.uniform(10.0, 45.0)),
                peak=peak * (1.0 if band == 0 else float(rng.uniform(0.3, 0.9))),
                streak=float(rng.uniform(0.05, 0.55)) if kind < 0.5 else 0.08,
                cloudiness=float(rng.uniform(0.15, 0.5)),
                patchiness=float(rng.uniform(0.4, 2.2)) if kind > 0.35 else 0.0,
                flow=(float(rng.normal(0.35, 0.25)), float(rng.normal(0.0, 0.06))),
                shift=(float(rng.uniform(0, 512)), float(rng.uniform(0, 512))),
                along=wander(rng, 300.0, 2500.0, slope=0.6, speed=0.2),
            )
        )
    return tuple(found)


def paint_diffuse(key: str, seconds: float) -> Array:
    """Return the map of diffuse aurora at a time.

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
    for generation in generations_at(seconds, SPAN_SECONDS, key, "diffuse", takeover=0.2):
        for glow in _glows(key, generation.number):
            total += generation.share * _paint(glow, key, generation.age, seconds)
    return total


def _paint(glow: _Glow, key: str, age: float, seconds: float) -> Array:
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
    if glow.patchiness > 0.0:
        made *= 0.6 + glow.patchiness * _patch_light(key, row, column, seconds)
    return made


def _patch_light(key: str, row: Array, column: Array, seconds: float) -> Array:
    """Light of the pulsating patches, whose edges are soft."""
    made = patches(key)
    nearest_row = np.rint(row).astype(np.int32) & (TEXTURE_SIZE - 1)
    nearest_column = np.rint(column).astype(np.int32) & (TEXTURE_SIZE - 1)
    cell = made.cell[nearest_row, nearest_column]
    return pulsation(made, seconds)[cell] * sample(made.mask, row, column)
