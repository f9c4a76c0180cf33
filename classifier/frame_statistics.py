"""Measures of raw frames, by which simulated ones can be held against real ones.

Each measure is one property of camera or sky, and robust against what it is not about: the level
without light, the noise, the fall of light to the horizon, the texture of the sky, the images of
stars, hot pixels, the edge of the field. :mod:`classifier.camera_measures` and
:mod:`classifier.sky_measures` hold them one by one.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from classifier.camera_measures import (
    background_level,
    checked_frames,
    edge_of_field,
    hot_pixels,
    photon_transfer,
    radial_profile,
)
from classifier.recipes import FRAME_DISC, Disc
from classifier.sky_measures import point_sources, sky_spectrum, spectrum_slope

__all__ = ["MEASURES", "measure_frames"]

#: What :func:`measure_frames` gives: units and meaning of each number.
MEASURES: Mapping[str, tuple[str, str]] = {
    "background": ("counts", "median of pixels that see no sky"),
    "background_noise": ("counts", "standard deviation between frames of pixels that see no sky"),
    "background_pattern": ("counts", "standard deviation between pixels that see no sky"),
    "sky_p1": ("counts", "percentile 1 of the disc, above background"),
    "sky_p50": ("counts", "median of the disc, above background"),
    "sky_p99": ("counts", "percentile 99 of the disc, above background"),
    "sky_contrast": ("1", "(p99 - p1) / median of the disc, above background"),
    "gain": ("counts", "counts a photoelectron: growth of variance with the mean"),
    "read_noise": ("counts", "standard deviation at the background, from the same line"),
    "relative_noise": ("1", "standard deviation / (median - background) of the disc"),
    "falloff_70": ("1", "median at 70 deg from the zenith / at the zenith, above background"),
    "spectrum_slope": ("1", "exponent of power against wavenumber, 0.01 to 0.06 cycles a pixel"),
    "stars": ("1", "star-like sources in the disc"),
    "star_width": ("pixels", "median full width at half maximum of those sources"),
    "star_peak": ("counts", "median peak of those sources above the sky"),
    "hot_pixels": ("1", "single pixels far above their neighbours in every frame"),
    "saturated_pixels": ("1", "pixels at 65535 in more than half of the frames"),
    "edge_radius": ("pixels", "median distance of the edge of the field from the centre"),
    "edge_irregularity": ("pixels", "half the range of the middle 68 % of those distances"),
    "edge_width": ("pixels", "median distance over which the edge falls from 80 to 20 %"),
}


def measure_frames(images: ArrayLike, *, disc: Disc = FRAME_DISC) -> dict[str, float]:
    """Return every number of :data:`MEASURES` for frames of one camera.

    Parameters
    ----------
    images : array_like, (frame, 256, 256)
        Consecutive frames, counts; two at least.
    disc : Disc
        Pixels that count as sky.

    Returns
    -------
    dict of str to float
        In the order and units of :data:`MEASURES`; NaN where a measure is not defined.

    Raises
    ------
    DataError
        If there are fewer than two frames, or they are not 256 x 256 pixels.
    """
    frames = checked_frames(images)
    level, noise, pattern = background_level(frames)
    transfer = photon_transfer(frames, disc=disc)
    light = np.percentile(frames[:, disc.mask(frames.shape[1:])], [1, 50, 99]) - level
    ring, counts = radial_profile(frames)
    # 70 deg from the zenith is 7/9 of the way to the horizon, near enough for a ratio
    falloff = (np.interp(98.0, ring, counts) - level) / max(counts[:3].mean() - level, 1.0)
    sources = point_sources(frames, disc=disc)
    star = sources.width > 0
    edge = edge_of_field(frames)
    variance = transfer.gain * light[1] + np.nan_to_num(transfer.read_noise) ** 2
    values = (
        *(level, noise, pattern, *light, (light[2] - light[0]) / max(light[1], 1.0)),
        *(transfer.gain, transfer.read_noise, np.sqrt(max(variance, 0.0)) / max(light[1], 1.0)),
        *(falloff, spectrum_slope(*sky_spectrum(frames, disc=disc)), star.sum()),
        *(_median(sources.width[star]), _median(sources.peak[star]), hot_pixels(frames).sum()),
        ((frames == 65535).mean(axis=0) > 0.5).sum(),
        *(_median(edge.radius), _half_range(edge.radius), _median(edge.width)),
    )
    return {name: float(value) for name, value in zip(MEASURES, values, strict=True)}


def _median(values: NDArray[np.floating]) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else float(np.nan)


def _half_range(values: NDArray[np.floating]) -> float:
    known = values[np.isfinite(values)]
    return float(np.diff(np.percentile(known, [16, 84]))[0] / 2) if known.size else float(np.nan)
