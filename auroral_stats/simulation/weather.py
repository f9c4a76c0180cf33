r"""What hides the sky from a camera: cloud, twilight, moonlight, and a camera that is off.

Cloud lasts for hours and covers neighbouring sites together. Moonlight hides faint aurora first,
so that under the Moon the frames that remain show more discrete aurora than there is. All of this
is independent of the aurora itself.

Everything here is simulated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from auroral_stats.labels import USABLE
from auroral_stats.simulation.worlds import autoregressive
from auroral_stats.sites import load_sites

__all__ = [
    "VEIL",
    "camera_on",
    "clear_sky_chance",
    "cloud",
    "cloud_threshold",
    "moonlight",
    "seen_chance",
    "twilight",
]

Array = NDArray[np.float64]

#: How well moonlight hides each of the usable forms, in their order: the fainter, the better.
VEIL = np.array([{"arc": 1.3, "diffuse": 3.0, "discrete": 0.5, "clear": 2.0}[c] for c in USABLE])
#: Share of overcast minutes where it is not the common one: by the sea, and in the dry north.
_OVERCAST: Mapping[str, float] = {"snkq": 0.55, "rank": 0.36}
_COMMON_OVERCAST = 0.43
_MEMORY_MINUTES = 300.0
_DISTANCE_KM = 600.0
_EARTH_KM = 6371.2


def cloud_threshold(sites: Sequence[str]) -> Array:
    """Return above which value of :func:`cloud` each site is overcast, (site,)."""
    return np.asarray(-special.ndtri([_OVERCAST.get(code, _COMMON_OVERCAST) for code in sites]))


def cloud(rng: np.random.Generator, minutes: int, sites: Sequence[str]) -> NDArray[np.float32]:
    """Simulate cloud: normal with unit variance, a memory of five hours and of 600 km.

    Parameters
    ----------
    rng : numpy.random.Generator
    minutes : int
    sites : sequence of str
        Site codes.

    Returns
    -------
    ndarray of float32, (minute, site)
    """
    table = load_sites().loc[list(sites)]
    latitude, longitude = (
        np.radians(table[name].to_numpy(np.float64)) for name in ("latitude", "longitude")
    )
    cosine = np.sin(latitude)[:, None] * np.sin(latitude) + np.cos(latitude)[:, None] * np.cos(
        latitude
    ) * np.cos(longitude[:, None] - longitude)
    distance = _EARTH_KM * np.arccos(np.clip(cosine, -1.0, 1.0))
    mixing = np.linalg.cholesky(np.exp(-distance / _DISTANCE_KM) + 1e-9 * np.eye(len(table)))
    own = autoregressive(rng, (len(table), minutes), _MEMORY_MINUTES)
    return (mixing @ own).T.astype(np.float32)


def clear_sky_chance(threshold: Array | float, sun_elevation: Array) -> Array:
    """Return the chance that neither cloud nor twilight hides the sky.

    Parameters
    ----------
    threshold : ndarray or float
        From :func:`cloud_threshold`.
    sun_elevation : ndarray
        Degrees; above -12 the sky grows bright, and is taken for overcast more and more.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> clear_sky_chance(0.0, np.array([-20.0, -12.0, -10.0])).round(2).tolist()
    [0.5, 0.5, 0.02]
    """
    return np.asarray(special.ndtr(threshold - twilight(sun_elevation)))


def twilight(sun_elevation: Array) -> Array:
    """Return by how much twilight adds to cloud; 0 with the Sun at -12 degrees or below."""
    return np.asarray(np.clip(sun_elevation + 12.0, 0.0, None))


def moonlight(moon_elevation: Array, illumination: Array) -> Array:
    """Return how strongly the Moon lights the sky: 0 below the horizon, about 1 at most.

    Parameters
    ----------
    moon_elevation : ndarray
        Degrees.
    illumination : ndarray
        Illuminated fraction of the disc, of the same shape.

    Returns
    -------
    ndarray
    """
    height = np.sin(np.radians(np.maximum(moon_elevation, 0.0)))
    return np.asarray(illumination**2 * np.where(moon_elevation > 0, 0.15 + height, 0.0))


def seen_chance(light: Array) -> Array:
    """Return the chance that moonlight leaves each usable form to be seen.

    Parameters
    ----------
    light : ndarray
        From :func:`moonlight`.

    Returns
    -------
    ndarray, (..., 4)
        In the order of ``USABLE``.

    Examples
    --------
    Under a high full Moon most diffuse aurora is lost, and most discrete aurora is not:

    >>> seen_chance(np.array(0.8)).round(2).tolist()
    [0.35, 0.09, 0.67, 0.2]
    """
    return np.asarray(np.exp(-np.asarray(light)[..., None] * VEIL))


def camera_on(rng: np.random.Generator, minutes: int, sites: int) -> NDArray[np.bool_]:
    """Return whether each camera runs, (minute, site).

    Faults of some hours come every two weeks or so, and one camera is away for six days.

    Parameters
    ----------
    rng : numpy.random.Generator
    minutes, sites : int

    Returns
    -------
    ndarray of bool, (minute, site)
    """
    on = np.ones((minutes, sites), dtype=bool)
    for site in range(sites):
        for _ in range(rng.poisson(minutes / (14 * 1440))):
            start = int(rng.integers(minutes))
            on[start : start + 1 + int(rng.exponential(420.0)), site] = False
    start = int(rng.integers(max(minutes - 6 * 1440, 1)))
    if minutes > 12 * 1440:
        on[start : start + 6 * 1440, int(rng.integers(sites))] = False
    return on
