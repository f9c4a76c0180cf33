"""What the sky shows: its texture and its stars, measured in raw frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from classifier.camera_measures import background_level, checked_frames
from classifier.recipes import FRAME_DISC, Disc

__all__ = ["PointSources", "point_sources", "sky_spectrum", "spectrum_slope"]

_SHAPE = (256, 256)
_NORMAL = 1.4826  # standard deviation of a normal variate over its median absolute deviation


@dataclass(frozen=True)
class PointSources:
    """Sources no larger than the image of a star.

    Attributes
    ----------
    row, column : ndarray of int64, (source,)
    peak : ndarray of float64, (source,)
        Counts above the median of the surroundings.
    width : ndarray of float64, (source,)
        Full width at half maximum, pixels, of the Gaussian with the same ratio of the peak to its
        four neighbours; 0 where these are no brighter than the surroundings.
    """

    row: NDArray[np.int64]
    column: NDArray[np.int64]
    peak: NDArray[np.float64]
    width: NDArray[np.float64]


def sky_spectrum(
    images: ArrayLike, *, disc: Disc = FRAME_DISC
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Isotropic power spectrum of the sky, relative to its mean light.

    A plane is taken off, and a taper that falls to nothing at the edge of the disc is laid on.
    Stars and hot pixels are taken out by a 3 x 3 median; frames are spectra of their own, averaged.

    Parameters
    ----------
    images : array_like, (frame, 256, 256)
        Counts.
    disc : Disc

    Returns
    -------
    wavenumber, power : ndarray of float64, (ring,)
        Cycles a pixel; power of (counts - background) / mean, pixels squared.

    Examples
    --------
    >>> wavenumber, power = sky_spectrum(3300 + np.random.default_rng(0).poisson(900, (1, 256, 256)))
    >>> wavenumber.size == power.size, bool((power > 0).all())
    (True, True)
    """
    from scipy import ndimage

    frames = checked_frames(images)
    level = background_level(frames)[0]
    inside = disc.mask(_SHAPE)
    row, column = np.mgrid[:256, :256].astype(np.float64)
    distance = np.hypot(row - disc.row, column - disc.column) / disc.radius
    taper = np.where(inside, np.cos(np.pi / 2 * np.minimum(distance, 1.0)) ** 2, 0.0)
    plane = np.stack([np.ones(inside.sum()), row[inside], column[inside]], axis=1)
    total = np.zeros((256, 129))
    for frame in frames:
        light = ndimage.median_filter(frame.astype(np.float64), 3) - level
        fit, *_ = np.linalg.lstsq(plane, light[inside], rcond=None)
        rest = np.zeros(_SHAPE)
        rest[inside] = (light[inside] - plane @ fit) / max(light[inside].mean(), 1.0)
        total += np.abs(np.fft.rfft2(rest * taper)) ** 2
    total /= len(frames) * (taper**2).sum()
    k = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.rfftfreq(256)[None, :])
    ring = np.rint(k * 256).astype(np.int64)
    rings = np.arange(1, 128)
    power = ndimage.mean(total, ring, rings)
    return rings.astype(np.float64) / 256.0, np.asarray(power, dtype=np.float64)


def spectrum_slope(
    wavenumber: ArrayLike, power: ArrayLike, *, between: tuple[float, float] = (0.01, 0.06)
) -> float:
    """Exponent of power against wavenumber.

    Parameters
    ----------
    wavenumber, power : array_like, (ring,)
        As from :func:`sky_spectrum`.
    between : tuple of float
        Smallest and largest wavenumber that count, cycles a pixel.

    Returns
    -------
    float
        NaN if fewer than three rings have power.

    Examples
    --------
    >>> k = np.arange(1, 128) / 256
    >>> round(spectrum_slope(k, 5 * k**-2.5), 3)
    -2.5
    """
    k, p = np.asarray(wavenumber, np.float64), np.asarray(power, np.float64)
    used = (k >= between[0]) & (k <= between[1]) & (p > 0)
    if used.sum() < 3:
        return float(np.nan)
    # Rings hold pixels in proportion to their radius, and are as certain.
    slope = np.polyfit(np.log(k[used]), np.log(p[used]), 1, w=np.sqrt(k[used]))[0]
    return float(slope)


def point_sources(
    images: ArrayLike, *, disc: Disc = FRAME_DISC, above: float = 6.0
) -> PointSources:
    """Find sources no larger than the image of a star in the median of the frames.

    A source is the highest of its 5 x 5 pixels and stands ``above`` times the local noise over the
    median of 9 x 9. One pixel alone (width 0) is a hot pixel rather than a star.

    Parameters
    ----------
    images : array_like, (frame, 256, 256)
        Frames of a minute or so: stars move a pixel in two minutes.
    disc : Disc
    above : float
        Standard deviations.

    Returns
    -------
    PointSources
        Brightest first.

    Examples
    --------
    >>> sky = np.random.default_rng(0).poisson(4000, (1, 256, 256)).astype(float)
    >>> row, column = np.mgrid[:256, :256]
    >>> sky += 3000 * np.exp(-((row - 90) ** 2 + (column - 140) ** 2) / 2)
    >>> sky[0, 120, 120] += 9000
    >>> found = point_sources(sky)
    >>> found.row.tolist(), found.column.tolist(), found.width.round(1).tolist()
    ([120, 90], [120, 140], [0.0, 2.3])
    """
    from scipy import ndimage

    picture = np.median(checked_frames(images), axis=0)
    rest = picture - ndimage.median_filter(picture, 9)
    noise = _NORMAL * ndimage.median_filter(np.abs(rest), 15)
    highest = rest == ndimage.maximum_filter(rest, 5)
    found = highest & (rest > above * np.maximum(noise, 1.0)) & disc.mask(_SHAPE)
    row, column = np.nonzero(found)
    peak = rest[row, column]
    beside = sum(rest[row + i, column + j] for i, j in ((0, 1), (1, 0), (0, -1), (-1, 0)))
    # What the noise may give to the mean of four neighbours does not make a star.
    ratio = np.where(beside > 2 * above * noise[row, column] / 3, beside / 4.0 / peak, 0.0)
    # exp(-1 / (2 s^2)) is the neighbour of a Gaussian, and 2.355 s its width
    width = np.zeros(ratio.shape)
    blurred = (ratio > 0.02) & (ratio < 1.0)
    width[blurred] = 2.3548 / np.sqrt(-2.0 * np.log(ratio[blurred]))
    order = np.argsort(-peak, kind="stable")
    return PointSources(row[order], column[order], peak[order], width[order])
