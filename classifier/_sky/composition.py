"""How much of everything is in the sky: drawn for each generation of a scene, from class and Moon.

The rules are those of a human labeller: a frame is called by what dominates it. An arc may have
diffuse glow about it and some cloud at the horizon; a clear sky may have sub-visual aurora; aurora
shines through broken cloud; a moonlit frame is one in which the Moon, or haze that it lights, hides
the rest. Brightness is drawn so widely that no level of counts parts one class from another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auroral_stats.labels import CLASSES
from classifier._sky.generations import generations_at
from classifier._sky.random_fields import stream
from classifier._sky.styles import Style

__all__ = ["Composition", "compose"]

_ARC, _DIFFUSE, _DISCRETE, _CLOUDY, _MOON, _CLEAR = range(len(CLASSES))
_SPAN_SECONDS = 900.0


@dataclass(frozen=True)
class Composition:
    """What a frame is made of.

    Attributes
    ----------
    weights : tuple of float
        Of the six classes, with the second class of an ambiguous scene; their sum is 1.
    arc, diffuse, discrete : float
        Factors on the three kinds of aurora.
    glow : float
        Factor on the diffuse glow about arcs and curtains, which are to outshine it.
    patchy : float
        Factor on the contrast of pulsating patches, which only diffuse aurora has.
    cover : float
        Share of the sky under cloud.
    cloud_depth : float
        Factor on the optical depth of cloud.
    cloud_light : float
        Light of lamps on cloud, as a multiple of the glow of the town.
    haze : float
        Optical depth of haze at the zenith.
    halo : float
        Strength of the halo about the Moon, 0 to 1.
    moonlight : float
        Factor on the light of the Moon. It is full where the Moon dominates; in frames that are
        called by something else it is less, for the shades and trees that let a labeller see.
    """

    weights: tuple[float, ...]
    arc: float
    diffuse: float
    discrete: float
    glow: float
    patchy: float
    cover: float
    cloud_depth: float
    cloud_light: float
    haze: float
    halo: float
    moonlight: float


def compose(
    weights: NDArray[np.float64],
    key: str,
    seconds: float,
    style: Style,
    moon: float,
    mixture: float,
) -> Composition:
    """Return what a frame is made of.

    Parameters
    ----------
    weights : numpy.ndarray, (6,)
        From the labels.
    key : str
        Names the scene.
    seconds : float
        Of the scene.
    style : Style
    moon : float
        Strength of the Moon, 0 where it is down.
    mixture : float
        Chance that a generation has a second class, 0 to 1.
    """
    total: dict[str, float] = {}
    mixed = np.zeros(len(CLASSES))
    for generation in generations_at(seconds, _SPAN_SECONDS, key, "composition"):
        parts, own = _drawn(weights, key, generation.number, style, moon, mixture)
        for name, value in parts.items():
            total[name] = total.get(name, 0.0) + generation.share * float(value)
        mixed += generation.share * own
    return Composition(tuple(float(value) for value in mixed), **total)


def _drawn(
    weights: NDArray[np.float64],
    key: str,
    number: int,
    style: Style,
    moon: float,
    mixture: float,
) -> tuple[dict[str, float], NDArray[np.float64]]:
    rng = stream(key, "composition", number)
    second = int(rng.choice([_ARC, _DIFFUSE, _DISCRETE, _CLOUDY, _CLEAR]))
    strength = float(rng.uniform(0.15, 0.45)) * float(rng.random() < mixture)
    w = (1.0 - strength) * weights
    w[second] += strength

    glow_about = float(rng.uniform(0.05, 0.5)) * float(rng.random() < 0.75)
    arc_about = float(rng.uniform(0.1, 0.6)) * float(rng.random() < 0.3)
    unseen = float(rng.uniform(0.02, 0.14)) * float(rng.random() < 0.45)
    behind = float(rng.uniform(0.1, 0.8)) * float(rng.random() < 0.5)
    behind_kind = int(rng.choice([_ARC, _DIFFUSE, _DIFFUSE, _DISCRETE]))
    faded = float(rng.uniform(0.15, 0.9)) * float(rng.random() < 0.5)
    hidden = w[_CLOUDY] * behind
    # aurora that is named in moonlight is the brighter kind
    outshine = 1.0 + min(2.2 * moon, 1.6) * float(rng.uniform(0.5, 1.0))

    few = float(rng.uniform(0.005, 0.15)) * float(rng.random() < 0.4)
    # the Moon makes few clouds bright enough to be what a frame is called by
    few *= max(0.0, 1.0 - 3.0 * moon)
    cover = 1.0 - 0.24 * float(rng.random()) ** 1.5
    overcast = float(rng.random()) < 0.4
    depth = float(rng.lognormal(0.2, 0.5)) * (2.6 if overcast else 1.0)
    cloud_light = min(float(rng.lognormal(2.5, 0.7)), 28.0)
    moon_cover = float(rng.uniform(0.05, 0.9)) * float(rng.random() < 0.45)
    moon_depth = float(rng.uniform(0.08, 0.9))
    air = float(rng.random())
    moon_haze = float(rng.lognormal(-2.5 if air < 0.35 else -0.9, 0.6))
    if air > 0.85:
        moon_haze = float(rng.uniform(0.8, 2.2))
    halo = float(rng.uniform(0.15, 1.0)) * float(rng.random() < 0.25)
    # a weak Moon is only dominant in a veil
    moon_haze += 0.35 * float(np.clip(0.12 - moon, 0.0, 0.12)) / 0.12
    thin = float(rng.random())
    w_moon, w_cloud = w[_MOON], w[_CLOUDY]
    rest = 1.0 - w_cloud - w_moon
    return {
        "arc": (w[_ARC] + w[_DISCRETE] * arc_about) * outshine
        + hidden * (behind_kind == _ARC)
        + w_moon * faded * (behind_kind == _ARC),
        "diffuse": w[_DIFFUSE] * outshine
        + hidden * (behind_kind == _DIFFUSE)
        + w_moon * faded * (behind_kind == _DIFFUSE)
        + w[_CLEAR] * unseen,
        "discrete": w[_DISCRETE] * outshine + hidden * (behind_kind == _DISCRETE),
        "glow": glow_about * (w[_ARC] + 1.5 * w[_DISCRETE]) * outshine,
        "patchy": min(1.0, 2.2 * w[_DIFFUSE]),
        "cover": rest * few + w_cloud * (1.0 if overcast else cover) + w_moon * moon_cover,
        "cloud_depth": w_cloud * depth + rest * (0.08 + 0.45 * thin) + w_moon * moon_depth,
        "cloud_light": cloud_light * (0.05 + 0.95 * w_cloud),
        "haze": style.haze + w_moon * min(moon_haze, 2.2) + 0.1 * w_cloud,
        "halo": w_moon * halo,
        "moonlight": w_moon + 0.35 * w_cloud + 0.06 * rest,
    }, w
