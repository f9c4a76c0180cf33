"""One station for a night, and the frame that its camera takes at a time."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier._sky.arcs import paint_arcs
from classifier._sky.aurora_map import projection
from classifier._sky.clouds import clouds_at
from classifier._sky.composition import Composition, compose
from classifier._sky.detector import expose
from classifier._sky.diffuse import paint_diffuse
from classifier._sky.discrete import paint_discrete
from classifier._sky.random_fields import stream
from classifier._sky.skylight import (
    CLEAR_AIR,
    Heaven,
    airglow,
    moon_light,
    moon_strength,
    transparency,
    twilight,
)
from classifier._sky.stars import add_points, milky_way, star_points, zodiacal_light
from classifier._sky.styles import Style
from classifier._sky.surroundings import dome_of, surroundings_of, town_glow
from classifier._sky.timeline import Timeline
from classifier._sky.view import SHAPE, View, view_of

__all__ = ["Scene", "draw", "light_of"]

Array = NDArray[np.float32]

_MOON_COUNTS = 4.0e6  # of the full Moon overhead, in the few pixels of its disc
_STARLIGHT = 320.0  # counts of the night sky by which starlight and zodiacal light are told
#: Part of what air takes out of the light of the sky that it sends down from elsewhere.
_SCATTERED = 0.7
#: Part of the light that lens and dome spread over tens of pixels.
_VEIL = 0.07
_CELL = 8
_LAMPS_ON_CLOUD = 3000.0  # counts at most
#: Most of the glow about other aurora, as a part of the brightest of it.
_GLOW_ABOUT = 0.30


@dataclass(frozen=True, eq=False)
class Scene:
    """All that frames of one station and night follow from, apart from time.

    Attributes
    ----------
    site : str
    night : str
        Date of the night.
    seed : int
    style : Style
    timeline : Timeline
    mixture : float
        Chance that a stretch of the scene has a second class.
    """

    site: str
    night: str
    seed: int
    style: Style
    timeline: Timeline
    mixture: float

    @property
    def key(self) -> str:
        """Names the random streams of the scene."""
        return f"{self.seed}/{self.site}/{self.night}"

    @property
    def beginning(self) -> np.datetime64:
        """19 UT, when the night begins; seconds of the scene count from it."""
        return np.datetime64(f"{self.night}T19:00:00", "us")

    def seconds(self, time: NDArray[np.datetime64]) -> NDArray[np.float64]:
        """Return times as seconds of the scene."""
        away = (time - self.beginning) / np.timedelta64(1, "s")
        return np.asarray(away, dtype=np.float64)


def draw(
    scene: Scene, time: np.datetime64, heaven: Heaven
) -> tuple[NDArray[np.uint16], Composition]:
    """Return the frame at a time, and what it is made of.

    Parameters
    ----------
    scene : Scene
    time : numpy.datetime64
        Start of exposure.
    heaven : Heaven
        Sun and Moon at that time.
    """
    seconds = float(scene.seconds(np.asarray(time)))
    made = compose(
        scene.timeline.weights(seconds),
        scene.key,
        seconds,
        scene.style,
        moon_strength(heaven),
        scene.mixture,
    )
    light = light_of(scene, time, heaven, made)
    rng = stream(scene.key, "noise", np.asarray(time, dtype="datetime64[us]").item())
    frame = expose(light, view_of(scene.site, scene.style), scene.style, seconds / 3600.0, rng)
    return frame, made


def light_of(scene: Scene, time: np.datetime64, heaven: Heaven, made: Composition) -> Array:
    """Return the light on each pixel, counts, before the camera adds its own.

    Parameters
    ----------
    scene : Scene
    time : numpy.datetime64
    heaven : Heaven
    made : Composition

    Returns
    -------
    numpy.ndarray of float32, SHAPE
    """
    style, view = scene.style, view_of(scene.site, scene.style)
    seconds = float(scene.seconds(np.asarray(time)))
    aurora = _aurora(scene, made, seconds, int(str(time)[:4]))
    clear_air = transparency(view, CLEAR_AIR + made.haze)
    place = _place(scene.site)
    sky = milky_way(view, time, place)
    sky += zodiacal_light(view, heaven, time, place)
    sky *= np.float32(_STARLIGHT)
    sky += airglow(view, style, seconds)
    sky += aurora
    # air dims what is low, and sends down light of all the sky instead
    elsewhere = np.float32(_SCATTERED) * sky[view.inside].mean()
    sky -= elsewhere
    sky *= clear_air
    sky += elsewhere
    sky += _town_haze(view, style, made)
    share = np.float32(made.moonlight)
    sky += share * moon_light(view, style, heaven, made.haze, made.halo)
    sun = twilight(view, heaven)
    sky += sun

    clouds = clouds_at(view, scene.key, seconds, made.cover, made.cloud_depth)
    if clouds is not None:
        lamps = min(style.town * made.cloud_light, _LAMPS_ON_CLOUD) * (
            0.5 + 0.4 * _lobes(view, style)
        )
        below = lamps + 0.35 * style.airglow
        if moon_strength(heaven) > 0.0:
            below = below + 0.8 * share * moon_light(view, style, heaven, made.haze + 0.7)
        # light of aurora and dusk that the sheet spreads evenly
        below = below + np.float32(0.5 * aurora[view.inside].mean()) + 0.8 * sun
        shade = np.exp(np.float32(0.36) * clouds.relief)
        sky = sky * clouds.passes + (1.0 - clouds.passes) * below * shade

    _add_lights(sky, scene, time, heaven, made, None if clouds is None else clouds.passes)
    return _through_dome(sky, view, style)


def _aurora(scene: Scene, made: Composition, seconds: float, year: int) -> Array:
    low = tall = None
    brightest = 0.0
    if made.arc > 0.004:
        low = np.float32(made.arc) * paint_arcs(scene.key, seconds)
        brightest = float(low.max())
    if made.discrete > 0.004:
        tall = np.float32(made.discrete) * paint_discrete(scene.key, seconds)
        brightest = max(brightest, 0.4 * float(tall.max()))
    if made.diffuse + made.glow > 0.004:
        glow = paint_diffuse(scene.key, seconds, made.patchy)
        # the glow about arcs and curtains never outshines them
        about = min(made.glow, _GLOW_ABOUT * brightest / max(float(glow.max()), 1.0))
        glow *= np.float32(made.diffuse + about)
        low = glow if low is None else low + glow
    total = np.zeros(SHAPE, dtype=np.float32)
    for painted, profile in ((low, "low"), (tall, "tall")):
        if painted is not None:
            matrix = projection(scene.site, scene.style, year, profile)  # type: ignore[arg-type]
            total += (matrix @ painted.ravel()).reshape(SHAPE)
    return total


def _lobes(view: View, style: Style) -> Array:
    return town_glow(view, style) / np.float32(max(style.town, 1e-3))


def _town_haze(view: View, style: Style, made: Composition) -> Array:
    return town_glow(view, style) * np.float32(0.5 + 2.0 * made.haze)


def _add_lights(
    sky: Array,
    scene: Scene,
    time: np.datetime64,
    heaven: Heaven,
    made: Composition,
    cloud_passes: Array | None,
) -> None:
    """Add stars and the Moon's disc, as far as cloud and haze let them through."""
    style, view = scene.style, view_of(scene.site, scene.style)
    row, column, counts = star_points(view, style, time, _place(scene.site))
    counts = counts * np.exp(-1.2 * made.haze)
    strength = moon_strength(heaven)
    if strength > 0.0:
        moon_row, moon_column = view.pixel(heaven.moon_azimuth, heaven.moon_elevation)
        if np.isfinite(moon_row):
            row = np.append(row, moon_row)
            column = np.append(column, moon_column)
            # haze takes the sharp image first
            counts = np.append(
                counts, _MOON_COUNTS * strength * made.moonlight * np.exp(-1.6 * made.haze)
            )
    if cloud_passes is not None:
        near_row = np.clip(np.rint(row), 0, SHAPE[0] - 1).astype(np.int64)
        near_column = np.clip(np.rint(column), 0, SHAPE[1] - 1).astype(np.int64)
        # what is scattered on the way is lost to an image: the straight beam has the full depth
        counts = counts * cloud_passes[near_row, near_column].astype(np.float64) ** 1.5
    bright = counts > 3.0
    add_points(sky, row[bright], column[bright], counts[bright], style.focus)


def _through_dome(sky: Array, view: View, style: Style) -> Array:
    dome, about = dome_of(view, style), surroundings_of(view, style)
    mean = np.float32(np.minimum(sky[view.inside], 8000.0).mean())
    sky *= about.open_sky
    veil = _spread_out(sky) * about.lens
    sky += np.float32(_VEIL) * (veil - sky)
    if style.focus > 1.0:
        from scipy.ndimage import gaussian_filter

        sky = gaussian_filter(sky, np.sqrt(style.focus**2 - 0.6**2), truncate=3.0)
    row, column = view.pixel(about.lamp_azimuth, about.lamp_elevation)
    seen = np.isfinite(row)
    add_points(sky, row[seen], column[seen], about.lamp_counts[seen], max(style.focus, 0.6))
    sky *= dome.passes
    sky += mean * (about.ground + dome.spread * about.open_sky)
    return sky


def _spread_out(sky: Array) -> Array:
    """Return the light as the far wings of the image of a point spread it, some 25 pixels wide."""
    coarse = sky.reshape(SHAPE[0] // _CELL, _CELL, SHAPE[1] // _CELL, _CELL).mean(axis=(1, 3))
    np.minimum(coarse, 20_000.0, out=coarse)
    wide = _wings()
    return np.asarray((wide @ (wide @ coarse).T).T, dtype=np.float32)


@functools.lru_cache(maxsize=1)
def _wings() -> Any:
    """Matrix from cells to pixels; sparse, as products of dense ones depend on the libraries."""
    from scipy import sparse

    middle = (np.arange(SHAPE[0] // _CELL) + 0.5) * _CELL - 0.5
    away = (np.arange(SHAPE[0])[:, None] - middle[None, :]) / 18.0
    made = np.exp(-0.5 * away**2) * (np.abs(away) < 3.0)
    made *= _CELL / (18.0 * np.sqrt(2.0 * np.pi))
    return sparse.csr_array(made.astype(np.float32))


@functools.lru_cache(maxsize=64)
def _place(site: str) -> tuple[float, float]:
    from auroral_stats.sites import load_sites

    places = load_sites()
    latitude, longitude = (float(places[name][site]) for name in ("latitude", "longitude"))
    return latitude, longitude
