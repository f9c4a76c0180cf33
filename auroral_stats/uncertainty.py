r"""Standard errors for rates of frames that are anything but independent.

Frames seconds apart show nearly the same sky, all stations share one solar wind, and the solar
wind remembers for days. The unit that these functions resample is therefore a cluster of frames,
the night or a block of nine nights; arrays have clusters along their first axis and any shape
behind it (bins, labels). A rate is a ratio of sums over clusters, :math:`R = \sum E_g / \sum N_g`.

The default, :func:`jackknife_interval`, takes the variance from leaving out one cluster at a
time, works on the logit scale (log for ratios of rates) and uses Student's t with the smallest
effective number of clusters. The coverage study in the documentation says how often it covers a
known truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

__all__ = [
    "BLOCK_DAYS",
    "CONFIDENCE",
    "MIN_CLUSTERS",
    "Replicates",
    "block_of",
    "by_cluster",
    "effective_clusters",
    "jackknife_interval",
    "jackknife_se",
    "kish",
    "leave_one_out",
    "ratio",
]

Array = NDArray[np.float64]
Scale = Literal["logit", "log"]

#: Fewer clusters than this give no interval at all.
MIN_CLUSTERS = 3
#: Length of the blocks that see the memory of the solar wind beyond one night.
BLOCK_DAYS = 9
#: Blocks of nights are given at least this many degrees of freedom, if the nights have them. With
#: fewer, one bin in a hundred has an interval from 0 to 1; the coverage of the others is the same.
MIN_BLOCK_DF = 3.0
#: Of every interval.
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Replicates:
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
    """

    value: Array
    without: Array
    present: NDArray[np.bool_]
    df: Array


def block_of(night: NDArray[np.datetime64], days: int = BLOCK_DAYS) -> NDArray[np.int64]:
    """Return the number of the block of ``days`` nights that each night belongs to.

    Examples
    --------
    >>> block_of(np.array(["1970-01-01", "1970-01-09", "1970-01-10"], dtype="M8[D]")).tolist()
    [0, 0, 1]
    """
    return night.astype("datetime64[D]").astype(np.int64) // days


def by_cluster(values: NDArray[np.generic], cluster: NDArray[np.generic]) -> Array:
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
    order = np.argsort(cluster, kind="stable")
    start = np.flatnonzero(np.diff(cluster[order], prepend=cluster[order[:1]] - 1))
    return np.add.reduceat(np.asarray(values, dtype=np.float64)[order], start, axis=0)


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
    squares = (exposure**2).sum(axis=0)
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
    with_class = (events > 0).sum(axis=0)
    with_other = (exposure > events).sum(axis=0)
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
        Frames of the class, and frames that count.

    Returns
    -------
    Replicates
    """
    events, exposure = np.broadcast_arrays(events, exposure)
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
    number = replicates.present.sum(axis=0)
    change = np.where(replicates.present, replicates.without - replicates.value, 0.0)
    factor = np.divide(number - 1, number, out=np.full(number.shape, np.nan), where=number > 1)
    return np.sqrt(factor * (change**2).sum(axis=0))


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
        The same estimate with clusters of different sizes: nights, and blocks of nine nights.
    scale : {"logit", "log"}
        ``logit`` for rates, ``log`` for ratios of rates.

    Returns
    -------
    low, high : ndarray, (...)
        95 % limits. NaN with fewer than three clusters at the first level, and where the
        estimate is undefined, 0 or (for a rate) 1: see :func:`rate_interval` for those.
    """
    value = levels[0].value
    half_width = np.full(value.shape, np.nan)
    largest = np.full(value.shape, -np.inf)
    # Fewer than two effective clusters would leave t undefined; one degree of freedom is already
    # an interval that says nothing.
    df = np.maximum(levels[0].df, 1.0)
    for level in levels:
        error = jackknife_se(level)
        df = np.maximum(level.df, np.minimum(df, MIN_BLOCK_DF))
        quantile = stats.t.ppf(0.5 + CONFIDENCE / 2, df)
        larger = (error > largest) & (level.present.sum(axis=0) >= MIN_CLUSTERS)
        half_width = np.where(larger, quantile * error, half_width)
        largest = np.where(larger, error, largest)
    enough = levels[0].present.sum(axis=0) >= MIN_CLUSTERS
    low, high = _on_scale(value, half_width, scale)
    return np.where(enough, low, np.nan), np.where(enough, high, np.nan)
