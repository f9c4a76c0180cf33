r"""The camera: from light to counts, with what it adds of its own.

Counts are

.. math:: c = b(t) + p + g f s + \sqrt{\sigma^2 + \kappa g f s + d} \, z

with background ``b``, fixed pattern ``p``, gain ``g``, vignetting ``f``, light ``s``, read noise
:math:`\sigma`, dark charge ``d`` of hot pixels and ``z`` normal. :math:`\kappa` = 1.72 counts was
measured on consecutive frames of two THEMIS imagers, whose variance grows in proportion to counts
from 20 and 21 counts r.m.s. without light.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier._sky.random_fields import stream
from classifier._sky.styles import Style
from classifier._sky.view import SHAPE, View

__all__ = ["COUNTS_PER_ELECTRON", "SATURATION", "Sensor", "expose", "sensor_of"]

Array = NDArray[np.float32]

#: Variance of counts that each count of light adds.
COUNTS_PER_ELECTRON = 1.72
#: Largest count.
SATURATION = 65535


@dataclass(frozen=True, eq=False)
class Sensor:
    """What is fixed about the pixels of a camera for a night: pattern, response, hot pixels."""

    pattern: Array
    response: Array
    dark: Array


@functools.lru_cache(maxsize=16)
def sensor_of(view: View, style: Style) -> Sensor:
    """Return the sensor of a station's camera for a night."""
    camera = stream(style.site_key, "sensor")
    uneven = camera.lognormal(0.0, 0.12)
    pattern = camera.normal(0.0, 10.0, SHAPE) + camera.normal(0.0, 4.0, SHAPE[1])
    pattern = uneven * (pattern + camera.normal(0.0, 2.5, (SHAPE[0], 1)))
    rows = np.linspace(-0.5, 0.5, SHAPE[0])[:, None]
    pattern += camera.normal(0.0, 12.0) * rows + camera.normal(0.0, 8.0) * rows.T

    dark = np.zeros(SHAPE)
    count = int(camera.poisson(28))
    places = camera.integers(0, SHAPE[0] * SHAPE[1], count)
    # the colder the night, the weaker
    charge = camera.lognormal(4.6, 1.6, count) * stream(style.key, "cold").lognormal(0.0, 0.2)
    dark.ravel()[places] = np.minimum(charge, 7.0e4)
    response = 1.0 + camera.normal(0.0, 0.002, SHAPE)
    fall = np.minimum(view.radius, 1.1) ** 2
    response *= 1.0 - style.vignetting * (0.35 * fall + 0.65 * fall**3)
    return Sensor(*(part.astype(np.float32) for part in (pattern, response, dark)))


def expose(
    light: Array, view: View, style: Style, hours: float, rng: np.random.Generator
) -> NDArray[np.uint16]:
    """Return the frame that a sky gives.

    Parameters
    ----------
    light : numpy.ndarray of float32, SHAPE
        Mean counts of light in the exposure, at usual gain and without vignetting.
    view : View
    style : Style
    hours : float
        Since the beginning of the night, for the drift of the background.
    rng : numpy.random.Generator
        Of the noise of this frame.

    Returns
    -------
    numpy.ndarray of uint16, SHAPE
    """
    sensor = sensor_of(view, style)
    mean = light * sensor.response
    mean *= np.float32(style.gain)
    mean += sensor.dark
    variance = np.float32(COUNTS_PER_ELECTRON) * mean + np.float32(style.read_noise**2)
    counts = rng.standard_normal(SHAPE, dtype=np.float32)
    counts *= np.sqrt(variance)
    counts += mean
    counts += sensor.pattern
    level = style.background + style.drift * hours + rng.normal(0.0, 0.6)
    counts += np.float32(level)
    return np.rint(np.clip(counts, 0.0, SATURATION)).astype(np.uint16)
