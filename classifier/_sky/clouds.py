"""Clouds: a sheet that the wind carries, from wisps to an overcast sky.

The sheet lies on a plane at its height and is seen in perspective. It has structure from tens of
metres to tens of km; what is too fine for a pixel near the horizon is left out there. It hides what
is behind it, and shines by lamps below, by the Moon and by twilight.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier._sky.random_fields import Wander, sample, smoothstep, stream, texture, wander
from classifier._sky.view import View, full_size

__all__ = ["CloudDeck", "Clouds", "cloud_deck", "clouds_at"]

Array = NDArray[np.float32]

_EARTH_KM = 6371.2
_STEP = 2  # clouds are soft: every second pixel is enough


@dataclass(frozen=True)
class CloudDeck:
    """One cloud sheet, for a night."""

    height: float  # km
    wind: tuple[float, float]  # km/s east, north
    thickness: float  # optical depth of its thick parts
    sharpness: float
    scale: float  # km a texel of the coarse texture
    stretch: float
    grain: float
    change: Wander


@dataclass(frozen=True, eq=False)
class Clouds:
    """What clouds do in one frame: the part of light from beyond that passes, and their relief."""

    passes: Array
    relief: Array


@functools.lru_cache(maxsize=32)
def cloud_deck(key: str) -> CloudDeck:
    """Return the cloud sheet of a scene."""
    rng = stream(key, "clouds")
    height = float(np.exp(rng.uniform(np.log(1.0), np.log(8.0))))
    speed, towards = rng.gamma(3.0, 0.005), rng.uniform(0.0, 2 * np.pi)
    return CloudDeck(
        height=height,
        wind=(float(speed * np.cos(towards)), float(speed * np.sin(towards))),
        thickness=float(rng.lognormal(1.25, 0.45)),
        sharpness=float(rng.uniform(0.5, 1.3)),
        scale=height * float(rng.uniform(0.05, 0.13)),
        stretch=float(rng.choice([1.0, 1.0, 1.8, 3.5])),
        grain=float(rng.uniform(0.15, 0.5)),
        change=wander(rng, 300.0, 5000.0, slope=0.5, waves=5),
    )


def clouds_at(
    view: View, key: str, seconds: float, cover: float, depth: float = 1.0
) -> Clouds | None:
    """Return the clouds of a frame, or None where there are none.

    Parameters
    ----------
    view : View
    key : str
        Names the scene.
    seconds : float
        Of the scene.
    cover : float
        Share of the sky that is covered, 0 to 1.
    depth : float
        Factor on the optical depth of the sheet.

    Returns
    -------
    Clouds or None
        Arrays of float32, SHAPE.
    """
    if cover <= 0.005:
        return None
    deck = cloud_deck(key)
    east, north, spacing = _plane(view)
    east = np.float32(deck.height) * east - np.float32(deck.wind[0] * seconds)
    north = np.float32(deck.height) * north - np.float32(deck.wind[1] * seconds)
    field = np.zeros(east.shape, dtype=np.float32)
    layers = (
        (texture(2.3, 10.0, 45.0, deck.stretch, key, "deck"), 1.0, 1.0, 14.0),
        (texture(1.8, 3.0, 40.0, deck.stretch, key, "deck mid"), 0.6, 0.34, 4.0),
        (texture(1.5, 2.0, 16.0, 1.0, key, "deck fine"), 0.22, 0.36 * deck.grain, 3.0),
    )
    rest = 0.0
    for pattern, size, strength, shortest in layers:
        scale = deck.scale * size
        visible = smoothstep(2.0 - np.float32(2.0 * deck.height / (shortest * scale)) * spacing)
        drift = 0.004 * seconds / size  # patterns change while they drift
        part = sample(
            pattern, north / np.float32(scale), east / np.float32(scale) + np.float32(drift)
        )
        field += np.float32(strength) * part * visible.astype(np.float32)
        rest += strength**2
    field /= np.float32(np.sqrt(rest))

    # a normal field is above the threshold over the share of the sky that is covered
    from scipy.special import ndtri

    threshold = 0.2 - float(ndtri(np.clip(cover, 0.004, 0.996)))
    # low in the sky gaps hide behind the sides of clouds, and sight lines pass through more of them
    slant = np.float32(1.0) / _plane_sine(view)
    lower = np.float32(0.9 * cover) * np.log(slant)
    threshold -= 0.12 * float(deck.change(np.zeros(1, dtype=np.float32), seconds)[0])
    above = np.float32(deck.sharpness) * (field + lower - np.float32(threshold))
    optical = np.log1p(np.exp(np.minimum(6.0 * above, 30.0))) / np.float32(6.0)
    optical = np.minimum(optical, 4.0) * slant ** np.float32(0.6)
    passes = np.exp(-np.float32(deck.thickness * depth) * optical)
    # a cloud far off is seen from the side, and its base shows little
    relief = np.clip(field, -3, 3) / slant
    return Clouds(full_size(passes), full_size(relief))


@functools.lru_cache(maxsize=8)
def _plane(view: View) -> tuple[Array, Array, Array]:
    """Place on a sheet 1 km up (the Earth being round), and km between pixels along the sight."""
    elevation = np.maximum(np.nan_to_num(view.elevation, nan=0.0), 1.0)[::_STEP, ::_STEP]
    azimuth = np.radians(np.nan_to_num(view.azimuth))[::_STEP, ::_STEP]
    up = np.radians(elevation).astype(np.float64)
    height = 4.0  # the bend of the Earth is taken at a usual height
    ground = np.arccos(np.clip(_EARTH_KM * np.cos(up) / (_EARTH_KM + height), -1, 1)) - up
    distance = _EARTH_KM * ground / height
    spacing = np.radians(90.0 / 126.0) * (1.0 + distance**2)
    return (
        (distance * np.sin(azimuth)).astype(np.float32),
        (distance * np.cos(azimuth)).astype(np.float32),
        spacing.astype(np.float32),
    )


@functools.lru_cache(maxsize=8)
def _plane_sine(view: View) -> Array:
    """Sine of the elevation, 0.12 at least, at every second pixel."""
    elevation = np.radians(np.nan_to_num(view.elevation, nan=0.0)[::_STEP, ::_STEP])
    return np.asarray(np.maximum(np.sin(elevation), np.float32(0.12)), dtype=np.float32)
