r"""Standard errors for rates of frames that are anything but independent.

Frames seconds apart show nearly the same sky, all stations share one solar wind, and the solar
wind remembers for days. The unit that these functions resample is therefore a cluster of frames,
the night or a block of nine or 27 nights; arrays have clusters along their first axis and any
shape behind it (bins, labels). An exposure that all labels share may have length 1 along their
axis: it is then computed with once. A rate is a ratio of sums over clusters,
:math:`R = \sum E_g / \sum N_g`.

The default, :func:`interval_over_levels`, takes the variance from leaving out one cluster at a
time, works on the logit scale (log for ratios of rates) and uses Student's t with the smallest
effective number of clusters. The coverage study in the documentation says how often it covers a
known truth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from auroral_stats.brief import Brief

__all__ = [
    "BLOCKS",
    "CONFIDENCE",
    "MIN_CLUSTERS",
    "Replicates",
    "block_of",
    "by_cluster",
    "effective_clusters",
    "interval_over_levels",
    "jackknife_interval",
    "jackknife_se",
    "kish",
    "leave_one_out",
    "night_levels",
    "ratio",
]

Array = NDArray[np.float64]
Scale = Literal["logit", "log"]

#: Fewer clusters than this give no interval at all.
MIN_CLUSTERS = 3
#: Blocks that see the memory of the solar wind beyond one night: their length in nights, and the
#: number of them that a rate must rest on before they are used. A block of 27 nights sees streams
#: that return with the rotation of the Sun, which matters in long winters; with fewer than a dozen
#: the winters are short, and blocks of nine do.
BLOCKS = {9: MIN_CLUSTERS, 27: 12}
#: Blocks of nights are given at least this many degrees of freedom, if the nights have them. With
#: fewer, one bin in a hundred has an interval from 0 to 1; the coverage of the others is the same.
MIN_BLOCK_DF = 3.0
#: Of every interval.
CONFIDENCE = 0.95

#: Values of one array that are worked on at a time: they then stay in the cache.
_SLAB = 400_000


@dataclass(frozen=True, repr=False)
class Replicates(Brief):
    """An estimate and what it becomes without each cluster.

    Attributes
    ----------
    value : ndarray, (...)
        The estimate from all clusters.
    without : ndarray, (cluster, ...)
        The estimate without each cluster.
    present : ndarray of bool, (cluster, ...)
        Whether the cluster has anything to do with the estimate.
    df : ndarray, (...)
        Degrees of freedom of Student's t.
    fewest : int
        With fewer clusters present, these replicates are not used.
    """

    value: Array
    without: Array
    present: NDArray[np.bool_]
    df: Array
    fewest: int = MIN_CLUSTERS


def block_of(night: NDArray[np.datetime64], days: int = 9) -> NDArray[np.int64]:
    """Return the number of the block of ``days`` nights that each night belongs to.

    Examples
    --------
    >>> block_of(np.array(["1970-01-01", "1970-01-09", "1970-01-10"], dtype="M8[D]")).tolist()
    [0, 0, 1]
    """
    return night.astype("datetime64[D]").astype(np.int64) // days


def night_levels(night: NDArray[np.datetime64]) -> Iterator[tuple[NDArray[np.int64], int]]:
    """Give the cluster of each night, level by level: itself, then the blocks of :data:`BLOCKS`.

    Parameters
    ----------
    night : ndarray of datetime64, (n,)

    Yields
    ------
    cluster : ndarray of int64, (n,)
    fewest : int
        The number of clusters from which the level is used. Blocks of which there are fewer
        altogether are left out.

    Examples
    --------
    >>> night = np.datetime64("2014-01-01") + np.arange(60)
    >>> [(np.unique(cluster).size, fewest) for cluster, fewest in night_levels(night)]
    [(60, 3), (8, 3)]
    """
    yield night.astype("datetime64[D]").astype(np.int64), MIN_CLUSTERS
    for days, fewest in BLOCKS.items():
        block = block_of(night, days)
        if np.unique(block).size >= fewest:
            yield block, fewest


def by_cluster(values: NDArray[np.generic], cluster: NDArray[Any]) -> Array:
    """Add up the rows of ``values`` that belong to the same cluster.

    Parameters
    ----------
    values : ndarray, (n, ...)
    cluster : ndarray, (n,)
        Which cluster each row belongs to.

    Returns
    -------
    ndarray of float64, (cluster, ...)
        In increasing order of cluster.

    Examples
    --------
    >>> by_cluster(np.array([1, 2, 3]), np.array([0, 1, 0])).tolist()
    [4.0, 2.0]
    """
    if np.any(cluster[1:] < cluster[:-1]):
        order = np.argsort(cluster, kind="stable")
        values, cluster = values[order], cluster[order]
    start = np.flatnonzero(np.concatenate([[True], cluster[1:] != cluster[:-1]])[: cluster.size])
    result = np.empty((start.size, *values.shape[1:]))
    # A loop over clusters is several times faster than reduceat along the first axis.
    for number, (first, end) in enumerate(pairwise([*start.tolist(), cluster.size])):
        np.sum(values[first:end], axis=0, dtype=np.float64, out=result[number, ...])
    return result


def kish(exposure: Array) -> Array:
    r"""Return the effective number of clusters, :math:`(\sum N)^2 / \sum N^2` (Kish 1965).

    Parameters
    ----------
    exposure : ndarray, (cluster, ...)

    Returns
    -------
    ndarray, (...)
        Zero where there is no exposure.

    Examples
    --------
    >>> float(kish(np.array([5.0, 5.0, 5.0, 0.0])))
    3.0
    """
    total = exposure.sum(axis=0)
    squares = np.einsum("g...,g...->...", exposure, exposure)
    return np.divide(total**2, squares, out=np.zeros_like(total, dtype=float), where=squares > 0)


def effective_clusters(events: Array, exposure: Array) -> Array:
    """Return min(G_K, G_c, G_notc): how many clusters really say something about the rate.

    Parameters
    ----------
    events, exposure : ndarray, (cluster, ...)

    Returns
    -------
    ndarray, (...)
        The smallest of the effective number of clusters, the number that contain the class, and
        the number that contain something else.
    """
    with_class = np.count_nonzero(events > 0, axis=0)
    with_other = np.count_nonzero(exposure > events, axis=0)
    return np.minimum(kish(exposure), np.minimum(with_class, with_other))


def ratio(events: Array, exposure: Array) -> Array:
    """Return ``events / exposure``, NaN where there is no exposure.

    Examples
    --------
    >>> ratio(np.array([1.0, 0.0]), np.array([4.0, 0.0])).tolist()
    [0.25, nan]
    """
    shape = np.broadcast_shapes(np.shape(events), np.shape(exposure))
    return np.divide(events, exposure, out=np.full(shape, np.nan), where=exposure > 0)


def leave_one_out(events: Array, exposure: Array) -> Replicates:
    """Return the rate and its value without each cluster.

    Parameters
    ----------
    events, exposure : ndarray, (cluster, ...)
        Frames of the class, and frames that count; of shapes that go together.

    Returns
    -------
    Replicates
    """
    total, frames = events.sum(axis=0), exposure.sum(axis=0)
    return Replicates(
        value=ratio(total, frames),
        without=ratio(total - events, frames - exposure),
        present=exposure > 0,
        df=effective_clusters(events, exposure) - 1,
    )


def jackknife_se(replicates: Replicates) -> Array:
    r"""Return the delete-one-cluster standard error.

    .. math:: s^2 = \frac{G-1}{G} \sum_g (R_{(-g)} - R)^2

    over the G clusters that are present.

    Parameters
    ----------
    replicates : Replicates

    Returns
    -------
    ndarray, (...)
        NaN with fewer than two clusters.
    """
    number = np.count_nonzero(replicates.present, axis=0)
    change = np.where(replicates.present, replicates.without - replicates.value, 0.0)
    factor = np.divide(number - 1, number, out=np.full(np.shape(number), np.nan), where=number > 1)
    return np.asarray(np.sqrt(factor * np.einsum("g...,g...->...", change, change)))


def _on_scale(value: Array, half_width: Array, scale: Scale) -> tuple[Array, Array]:
    """Return the limits that are ``half_width`` (in units of the value) away on ``scale``."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if scale == "log":
            width = half_width / value
            return value * np.exp(-width), value * np.exp(width)
        width = half_width / (value * (1 - value))
        centre = special.logit(value)
        return special.expit(centre - width), special.expit(centre + width)


def jackknife_interval(
    levels: Sequence[Replicates], *, scale: Scale = "logit"
) -> tuple[Array, Array]:
    """Return the interval from the level with the larger standard error.

    Parameters
    ----------
    levels : sequence of Replicates
        The same estimate with clusters of different sizes: nights, then blocks of them.
    scale : {"logit", "log"}
        ``logit`` for rates, ``log`` for ratios of rates.

    Returns
    -------
    low, high : ndarray, (...)
        95 % limits. NaN with fewer than three clusters at the first level, where the estimate is
        undefined without one of the clusters of a level, and where it is undefined, 0 or (for a
        rate) 1: see :func:`rate_interval` for those.
    """
    value = levels[0].value
    half_width = np.full(value.shape, np.nan)
    largest = np.full(value.shape, -np.inf)
    # Fewer than two effective clusters would leave t undefined; one degree of freedom is already
    # an interval that says nothing.
    df = np.maximum(levels[0].df, 1.0)
    undefined = np.zeros(value.shape, dtype=bool)
    for level in levels:
        error = jackknife_se(level)
        df = np.maximum(level.df, np.minimum(df, MIN_BLOCK_DF))
        quantile = special.stdtrit(df, 0.5 + CONFIDENCE / 2)
        enough = np.count_nonzero(level.present, axis=0) >= level.fewest
        # Without one of the clusters there is no estimate: it rests on that one alone, and the
        # error of a finer level must not stand in for one that cannot be known.
        undefined |= enough & ~np.isfinite(error)
        larger = (error > largest) & enough
        half_width = np.where(larger, quantile * error, half_width)
        largest = np.where(larger, error, largest)
    enough = np.count_nonzero(levels[0].present, axis=0) >= MIN_CLUSTERS
    low, high = _on_scale(value, half_width, scale)
    known = enough & ~undefined
    return np.where(known, low, np.nan), np.where(known, high, np.nan)


def interval_over_levels(
    replicate: Callable[..., Sequence[Replicates]],
    arrays: Sequence[Array],
    night: NDArray[np.datetime64],
    *,
    scale: Scale = "logit",
) -> list[tuple[Array, Array]]:
    """Return jackknife intervals over nights and blocks of nights: the default of everything.

    Parameters
    ----------
    replicate : callable
        Takes the arrays, with clusters instead of nights, and returns one or more estimates.
    arrays : sequence of ndarray, (night, ...)
        Frames, of the same number of dimensions and of shapes that go together.
    night : ndarray of datetime64, (night,)
        Each once.
    scale : {"logit", "log"}

    Returns
    -------
    list of (low, high), ndarray (...)
        For each estimate; see :func:`jackknife_interval`.
    """
    levels = [
        (arrays if number == 0 else [by_cluster(a, cluster) for a in arrays], fewest)
        for number, (cluster, fewest) in enumerate(night_levels(night))
    ]
    shape = np.broadcast_shapes(*[a.shape for a in arrays])
    axis = int(np.argmax(shape[1:])) + 1 if len(shape) > 1 else 0
    step = shape[axis] if axis == 0 else max(_SLAB * shape[axis] // max(math.prod(shape), 1), 1)
    slabs = []
    for first in range(0, max(shape[axis], 1), step or 1):
        made = [
            [
                replace(one, fewest=fewest)
                for one in replicate(*[_part(a, axis, first, step) for a in summed])
            ]
            for summed, fewest in levels
        ]
        slabs.append(
            [jackknife_interval(levels, scale=scale) for levels in zip(*made, strict=True)]
        )
    if len(slabs) == 1:
        return slabs[0]
    return [
        (
            np.concatenate([low for low, _ in parts], axis - 1),
            np.concatenate([high for _, high in parts], axis - 1),
        )
        for parts in zip(*slabs, strict=True)
    ]


def _part(values: Array, axis: int, first: int, step: int) -> Array:
    """Return a part along ``axis``, or all where one value stands for every part."""
    if axis == 0 or values.shape[axis] == 1:
        return values
    return values[(slice(None),) * axis + (slice(first, first + step),)]
