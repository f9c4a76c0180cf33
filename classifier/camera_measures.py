"""What the camera makes of light: level and noise of its frames, hot pixels, the edge of its field.

Functions of counts alone, (frame, row, column), from one camera in one night.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auroral_stats.errors import DataError, UsageError
from classifier.recipes import FRAME_DISC, Disc

__all__ = [
    "Edge",
    "PhotonTransfer",
    "background_level",
    "checked_frames",
    "edge_of_field",
    "hot_pixels",
    "photon_transfer",
    "radial_profile",
    "robust_spread",
]

FRAME_SHAPE = (256, 256)
CENTRE = 127.5
BLIND_RADIUS = 136.0  # pixels from the centre; beyond it no THEMIS camera sees sky
_NORMAL = 1.4826  # standard deviation of a normal variate over its median absolute deviation


@dataclass(frozen=True)
class PhotonTransfer:
    """Noise against light.

    Attributes
    ----------
    mean, variance : ndarray of float64, (bin,)
        Counts and counts squared.
    gain : float
        Slope: counts a photoelectron (if the noise is that of the light alone).
    read_noise : float
        Counts; the standard deviation that the line has at the background. NaN if negative.
    """

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    gain: float
    read_noise: float


@dataclass(frozen=True)
class Edge:
    """The edge of the field of view.

    Attributes
    ----------
    azimuth : ndarray of float64, (direction,)
        Deg in the image, from the upper edge clockwise.
    radius : ndarray of float64, (direction,)
        Where the light has fallen to half, pixels from the centre of the frame; NaN where the
        frame ends first or the sky is hardly brighter than the background.
    width : ndarray of float64, (direction,)
        Distance over which it falls from 80 to 20 %, pixels.
    """

    azimuth: NDArray[np.float64]
    radius: NDArray[np.float64]
    width: NDArray[np.float64]


def background_level(images: ArrayLike) -> tuple[float, float, float]:
    """Level and noise of the pixels that see no sky.

    Parameters
    ----------
    images : array_like, (frame, 256, 256)
        Counts; at least two frames for the noise.

    Returns
    -------
    level, noise, pattern : float
        Counts. The median; the standard deviation from frame to frame, from differences of
        consecutive frames (NaN for one frame); and that of the time medians between pixels.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> dark = rng.normal(3300, 20, (5, 256, 256)).round()
    >>> [round(value) for value in background_level(dark)[:2]]
    [3300, 20]
    """
    frames = checked_frames(images)
    blind = frames[:, distance_from_centre() > BLIND_RADIUS].astype(np.float64)
    medians = np.median(blind, axis=0)
    pattern = robust_spread(medians)
    noise = robust_spread(np.diff(blind, axis=0)) / np.sqrt(2.0) if len(blind) > 1 else np.nan
    return float(np.median(blind)), noise, pattern


def photon_transfer(
    images: ArrayLike, *, disc: Disc = FRAME_DISC, bins: int = 12
) -> PhotonTransfer:
    r"""Variance against mean, from differences of consecutive frames.

    For pairs of frames the variance is half that of their difference; pixels are grouped by their
    mean. A sky that changes smoothly cancels because each difference is taken against its mean
    over 9 x 9 pixels; the variance that this removes (1/81) is put back.

    .. math:: \sigma^2 = g (\bar{x} - b) + \sigma_r^2

    Parameters
    ----------
    images : array_like, (frame, 256, 256)
        At least two frames, counts.
    disc : Disc
        Pixels that count as sky; those that see none are one more group.
    bins : int
        Groups of sky pixels, equally full.

    Returns
    -------
    PhotonTransfer

    Raises
    ------
    DataError
        If there is one frame only.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> light = np.hypot(*(np.mgrid[:256, :256] - 127.5)) < 125
    >>> light = 3000 * light * np.linspace(0.5, 1, 256)
    >>> frames = 3300 + 1.5 * rng.poisson(light / 1.5, (6, 256, 256)) + rng.normal(0, 20, light.shape)
    >>> found = photon_transfer(frames)
    >>> round(found.gain, 1)
    1.5
    """
    from scipy import ndimage

    frames = checked_frames(images).astype(np.float64)
    if len(frames) < 2:
        raise DataError("images: one frame came; noise needs two or more of the same camera")
    change = np.diff(frames, axis=0)
    # One hit or hot pixel must not spread over the 81 pixels whose mean it is in.
    most = 8.0 * robust_spread(change)
    change -= ndimage.uniform_filter(np.clip(change, -most, most), (0, 9, 9))
    change *= 1.0 / np.sqrt(1.0 - 1.0 / 81.0)
    level = ndimage.median_filter(0.5 * (frames[1:] + frames[:-1]), (1, 3, 3))
    level = ndimage.uniform_filter(level, (0, 9, 9))
    sky, blind = disc.mask(FRAME_SHAPE), distance_from_centre() > BLIND_RADIUS

    edges = np.quantile(level[:, sky], np.linspace(0, 1, bins + 1))
    group = np.clip(np.searchsorted(edges, level[:, sky], side="right") - 1, 0, bins - 1)
    values, means = change[:, sky], level[:, sky]
    mean = [float(np.median(level[:, blind]))]
    variance = [robust_spread(change[:, blind]) ** 2 / 2.0]
    for k in range(bins):
        members = group == k
        if members.sum() > 100:
            mean.append(float(means[members].mean()))
            variance.append(robust_spread(values[members]) ** 2 / 2.0)
    x, y = np.array(mean), np.array(variance)
    # The spread of a variance grows as the variance itself: weigh by its inverse.
    slope, at_background = np.polyfit(x - x[0], y, 1, w=1.0 / np.maximum(y, 1.0))
    read = float(np.sqrt(at_background)) if at_background >= 0 else np.nan
    return PhotonTransfer(x, y, float(slope), read)


def radial_profile(
    images: ArrayLike, *, step: float = 4.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Median counts in rings about the centre of the frame.

    Parameters
    ----------
    images : array_like, (frame, 256, 256)
    step : float
        Width of a ring, pixels.

    Returns
    -------
    radius, counts : ndarray of float64, (ring,)
        Middle of each ring, pixels; counts, with the background.

    Examples
    --------
    >>> radius, counts = radial_profile(np.full((1, 256, 256), 3300), step=8)
    >>> radius[:2].tolist(), set(counts.tolist())
    ([4.0, 12.0], {3300.0})
    """
    picture = np.median(checked_frames(images), axis=0)
    ring = (distance_from_centre() / step).astype(np.int64)
    last = int(180.0 / step)
    counts = [np.median(picture[ring == k]) for k in range(last) if (ring == k).any()]
    radius = (np.arange(len(counts), dtype=np.float64) + 0.5) * step
    return radius, np.array(counts, dtype=np.float64)


def edge_of_field(images: ArrayLike, *, directions: int = 72) -> Edge:
    """Find where the light ends, in many directions from the centre of the frame.

    Parameters
    ----------
    images : array_like, (frame, 256, 256)
    directions : int

    Returns
    -------
    Edge

    Examples
    --------
    >>> disc = np.hypot(*(np.mgrid[:256, :256] - 127.5)) < 122
    >>> found = edge_of_field(3300 + 2000 * disc[None])
    >>> round(np.nanmedian(found.radius)), bool(np.nanmedian(found.width) < 1.5)
    (122, True)
    """
    from scipy import ndimage

    frames = checked_frames(images)
    level = background_level(frames)[0]
    # lamps and hot pixels on the horizon are no edge
    light = ndimage.median_filter(np.median(frames, axis=0), 3) - level
    azimuth = np.arange(directions) * 360.0 / directions
    distance = np.arange(100.0, 142.0, 0.25)
    angle = np.radians(azimuth)[:, None]
    row, column = CENTRE - distance * np.cos(angle), CENTRE + distance * np.sin(angle)
    ray = ndimage.map_coordinates(light, [row, column], order=1, cval=np.nan)
    radius, width = np.full(directions, np.nan), np.full(directions, np.nan)
    for k, values in enumerate(ray):
        inner = np.median(values[distance < 112.0])
        if not inner > 100.0:
            continue
        # From outside, the first place as bright as each share of the sky within.
        places = [_outermost(distance, values, share * inner) for share in (0.8, 0.5, 0.2)]
        radius[k], width[k] = places[1], places[2] - places[0]
    return Edge(azimuth, radius, width)


def hot_pixels(images: ArrayLike, *, above: float = 1000.0) -> NDArray[np.bool_]:
    """Find pixels that stand alone above all their neighbours, in the median of the frames.

    Parameters
    ----------
    images : array_like, (frame, 256, 256)
    above : float
        By how much, counts.

    Returns
    -------
    ndarray of bool, (256, 256)

    Examples
    --------
    >>> dark = np.full((3, 256, 256), 3300)
    >>> dark[:, 7, 9] = 65535
    >>> np.argwhere(hot_pixels(dark)).tolist()
    [[7, 9]]
    """
    from scipy import ndimage

    picture = np.median(checked_frames(images), axis=0)
    around = np.ones((3, 3), dtype=bool)
    around[1, 1] = False
    second = ndimage.maximum_filter(picture, footprint=around)
    hot: NDArray[np.bool_] = picture - second > above
    return hot


def checked_frames(images: ArrayLike) -> NDArray[Any]:
    """Return frames as an array, after a look at its shape and type.

    Parameters
    ----------
    images : array_like

    Returns
    -------
    ndarray, (frame, 256, 256)

    Raises
    ------
    DataError
        If the shape is another, or there is no frame.
    UsageError
        If they are no numbers.
    """
    frames = np.asarray(images)
    if frames.ndim != 3 or frames.shape[1:] != FRAME_SHAPE or len(frames) == 0:
        raise DataError(
            f"images: shape {frames.shape} came; (frame, 256, 256) with at least one frame was"
            " expected"
        )
    if frames.dtype.kind not in "uif":
        raise UsageError(f"images: {frames.dtype} came; counts were expected")
    return frames


def distance_from_centre() -> NDArray[np.float64]:
    """Return the distance of each pixel from the centre of the frame, pixels."""
    row, column = np.ogrid[:256, :256]
    distance: NDArray[np.float64] = np.hypot(row - CENTRE, column - CENTRE)
    return distance


def _outermost(
    distance: NDArray[np.float64], values: NDArray[np.float64], threshold: float
) -> float:
    """Return where ``values`` last fall below a threshold, or NaN if the frame ends first."""
    known = np.isfinite(values)
    above = np.flatnonzero(known & (values >= threshold))
    if above.size == 0 or above[-1] + 1 >= values.size or not known[above[-1] + 1]:
        return float(np.nan)
    i = above[-1]
    share = (values[i] - threshold) / (values[i] - values[i + 1])
    return float(distance[i] + share * (distance[i + 1] - distance[i]))


def robust_spread(values: NDArray[np.floating]) -> float:
    """Return a standard deviation that outliers do not carry away.

    Parameters
    ----------
    values : ndarray of float
        NaN is left out.

    Returns
    -------
    float
        That of a normal variate with the same median absolute deviation; NaN of nothing.
    """
    known = values[np.isfinite(values)]
    if known.size == 0:
        return float(np.nan)
    return float(_NORMAL * np.median(np.abs(known - np.median(known))))
