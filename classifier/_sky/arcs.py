"""Quiet arcs: one or some curtains along magnetic east and west, drifting slowly.

An arc has a bright sheet, often of several strands, with one edge sharper than the other, a brightness
that wanders along it, faint rays, and a weak glow beside it. A broad soft band of diffuse light lies
about most arcs, further out on their equatorward side.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier._sky.aurora_map import EAST, NORTH
from classifier._sky.generations import generations_at
from classifier._sky.random_fields import Wander, sample, smoothstep, stream, texture, wander

__all__ = ["SPAN_SECONDS", "arcs", "paint_arcs"]

Array = NDArray[np.float32]

#: Length of a generation of arcs.
SPAN_SECONDS = 540.0


@dataclass(frozen=True)
class _Arc:
    north: float  # km at age 0 and east 0
    drift: float  # km/s
    slope: float
    bend: Wander
    bend_km: float
    equatorward_km: float  # widths of the two edges
    poleward_km: float
    breadth: Wander
    bright: Wander
    contrast: float
    peak: float  # counts overhead
    skirt: float
    glow: float
    glow_km: tuple[float, float]  # widths of the band of glow, equatorward and poleward
    ends: tuple[float, float, float, float]  # km where it fades out in the west and east
    ray_depth: float
    ray_speed: float  # km/s
    texture_shift: tuple[float, float]


@functools.lru_cache(maxsize=32)
def arcs(key: str, number: int) -> tuple[_Arc, ...]:
    """Return the arcs of one generation.

    Parameters
    ----------
    key : str
        Names the scene.
    number : int
        Of the generation.

    Returns
    -------
    tuple
    """
    rng = stream(key, "arcs", number)
    systems = 1 + int(rng.random() < 0.38) + int(rng.random() < 0.16)
    strength = max(float(rng.lognormal(6.25, 0.6)), 260.0)  # counts of the brightest arc
    slope = float(rng.normal(0.0, 0.035))
    shared_bend = wander(rng, 250.0, 2200.0, speed=0.10)
    bend_km = float(rng.uniform(4.0, 26.0))
    drift = float(rng.normal(-0.08, 0.16))
    north = float(np.clip(rng.normal(0.0, 95.0), -230.0, 230.0))
    found: list[_Arc] = []
    for system in range(systems):
        if system:
            north += float(rng.choice([-1.0, 1.0]) * rng.uniform(45.0, 170.0))
        share = 1.0 if system == 0 else float(rng.uniform(0.25, 0.8))
        strands = int(rng.choice([1, 2, 3, 4], p=[0.40, 0.30, 0.20, 0.10]))
        width = float(np.exp(rng.normal(1.95, 0.45)))  # about 7 km
        own_slope = slope + float(rng.normal(0.0, 0.012))
        for strand in range(strands):
            reach = rng.uniform(500.0, 2200.0, 2)
            if rng.random() < 0.75:
                reach += 2500.0
            middle = float(rng.normal(0.0, 120.0))
            sharp, soft = width * rng.uniform(0.5, 0.9), width * rng.uniform(1.0, 2.4)
            first = system == 0 and strand == 0
            found.append(
                _Arc(
                    north=north
                    + (strand * width * float(rng.uniform(1.2, 3.6)) if strand else 0.0),
                    drift=drift + float(rng.normal(0.0, 0.03)),
                    slope=own_slope + float(rng.normal(0.0, 0.010)) * (strand > 0),
                    bend=shared_bend if rng.random() < 0.6 else wander(rng, 150, 1800, speed=0.12),
                    bend_km=bend_km * float(rng.uniform(0.7, 1.3)),
                    equatorward_km=float(sharp if rng.random() < 0.75 else soft),
                    poleward_km=float(soft),
                    breadth=wander(rng, 120.0, 1200.0, slope=0.5, speed=0.3),
                    bright=wander(rng, 60.0, 1600.0, slope=0.55, speed=0.5),
                    contrast=float(rng.uniform(0.25, 0.65)),
                    peak=strength * share * (1.0 if strand == 0 else float(rng.uniform(0.3, 0.95))),
                    skirt=float(rng.uniform(0.04, 0.22)),
                    glow=float(rng.uniform(0.10, 0.38)) if first else 0.0,
                    glow_km=(float(rng.uniform(60.0, 210.0)), float(rng.uniform(35.0, 130.0))),
                    ends=(
                        middle - reach[0] - 400.0,
                        middle - reach[0],
                        middle + reach[1],
                        middle + reach[1] + 400.0,
                    ),
                    ray_depth=float(rng.uniform(0.0, 0.28) if rng.random() < 0.5 else 0.05),
                    ray_speed=float(rng.normal(0.0, 0.9)),
                    texture_shift=(float(rng.uniform(0, 512)), float(rng.uniform(0, 512))),
                )
            )
    return tuple(found)


def paint_arcs(key: str, seconds: float) -> Array:
    """Return the map of quiet arcs at a time.

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
    for generation in generations_at(seconds, SPAN_SECONDS, key, "arcs"):
        for arc in arcs(key, generation.number):
            total += generation.share * _paint(arc, key, generation.age)
    return total


def _paint(arc: _Arc, key: str, age: float) -> Array:
    line = arc.north + arc.drift * age + arc.slope * EAST + arc.bend_km * arc.bend(EAST, age)
    breadth = np.exp(np.float32(0.22) * arc.breadth(EAST, age))
    along = np.exp(arc.contrast * arc.bright(EAST, age)) * arc.peak
    west, from_west, to_east, east = arc.ends
    along *= smoothstep((EAST - west) / (from_west - west))
    along *= smoothstep((east - EAST) / (east - to_east))

    across = NORTH[:, None] - line[None, :]
    # the sheet is never a clean line: its place is ruffled by a few km
    ruffle = texture(1.6, 3.0, 90.0, 1.0, key, "ruffle")
    shift_row, shift_column = arc.texture_shift
    reach = 1.0 / 5.0  # texels a km
    ruffled = np.abs(across) < 90.0
    rows, columns = np.nonzero(ruffled)
    away = across[ruffled]
    east_km = EAST[columns]
    grain = sample(
        ruffle,
        (NORTH[rows] * reach + np.float32(shift_row)).astype(np.float32),
        ((east_km - np.float32(arc.ray_speed * age)) * reach + np.float32(shift_column)).astype(
            np.float32
        ),
    )
    width = np.where(away < 0, np.float32(arc.equatorward_km), np.float32(arc.poleward_km))
    width *= breadth.astype(np.float32)[columns]
    bent = np.asarray((away + np.float32(0.35) * width * grain) / width, dtype=np.float32)
    sheet = np.exp(np.float32(-0.5) * bent * bent)
    if arc.ray_depth > 0.06:
        rays = _ray_pattern(key, arc, age)[columns]
        sheet *= 1.0 + arc.ray_depth * rays
    skirt = np.exp(-np.abs(across[ruffled]) / 30.0)
    made = np.zeros(across.shape, dtype=np.float32)
    # the skirt ends softly where it is cut off
    skirt *= 1.0 - (np.abs(across[ruffled]) / 90.0) ** 2
    made[ruffled] = (sheet * (1.0 + 0.12 * grain) + arc.skirt * skirt) * along.astype(np.float32)[
        columns
    ]
    np.maximum(made, 0.0, out=made)
    if arc.glow > 0.0:
        # the glow knows nothing of the fine structure of the sheet
        spread = np.where(across < 0, *(np.float32(1.0 / km) for km in arc.glow_km))
        spread *= across
        made += np.float32(arc.glow * arc.peak) * np.exp(np.float32(-0.5) * spread * spread)
    return made


def _ray_pattern(key: str, arc: _Arc, age: float) -> Array:
    """Rays along an arc, which change as they drift: a slice through a texture."""
    field = texture(0.7, 2.0, 40.0, 1.0, key, "rays")
    column = (EAST - np.float32(arc.ray_speed * age)) / np.float32(3.0) + np.float32(
        arc.texture_shift[1]
    )
    row = np.full_like(EAST, arc.texture_shift[0] + age / 9.0)
    return np.maximum(sample(field, row, column), -1.6)
