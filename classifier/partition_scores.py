r"""Scores of a partition of pictures: silhouette, purity, agreement with another partition.

The silhouette of a picture is

.. math::

    s = \frac{b - a}{\max(a, b)}

with a its mean distance from the pictures of its own cluster, and b that from the pictures of the
nearest other cluster (Rousseeuw 1987, doi 10.1016/0377-0427(87)90125-7). Pictures of one
station-night are near copies, so that a night that is a cluster by itself looks well apart; the
silhouette can therefore leave out the pairs of one station-night.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auroral_stats.errors import DataError

__all__ = [
    "adjusted_rand",
    "check_features",
    "contingency",
    "mutual_information",
    "purity",
    "silhouette",
]

Array = NDArray[np.float64]

_SLAB = 512  # pictures whose distances from all others are held at once


def silhouette(features: ArrayLike, cluster: ArrayLike, apart: ArrayLike | None = None) -> Array:
    """Return the silhouette of each picture in a partition.

    Parameters
    ----------
    features : array_like, (n, feature)
    cluster : array_like of int, (n,)
        From 0; classes do as well.
    apart : array_like of int, (n,), optional
        Station-night of each picture: pairs of one station-night are then left out of a and b.

    Returns
    -------
    ndarray, (n,)
        From -1 to 1; 0 for a picture without another one in its cluster, or in other clusters.

    Raises
    ------
    DataError
        If shapes do not fit.

    Examples
    --------
    >>> h = [[0.0], [1.0], [10.0], [11.0]]
    >>> silhouette(h, [0, 0, 1, 1]).round(2).tolist()
    [0.9, 0.89, 0.89, 0.9]
    >>> silhouette(h, [0, 0, 1, 1], apart=[0, 0, 1, 2]).round(2).tolist()  # one cluster, one night
    [0.0, 0.0, 0.89, 0.9]
    """
    h, c = check_features(features), np.asarray(cluster).astype(np.int64)
    g = None if apart is None else np.asarray(apart)
    if c.shape != (len(h),) or (g is not None and g.shape != c.shape) or c.min(initial=0) < 0:
        raise DataError(
            f"{len(h)} pictures, clusters of shape {c.shape}: expected one cluster, from 0 on, and "
            "one station-night a picture."
        )
    member = np.eye(int(c.max(initial=-1)) + 1)[c]
    square = (h**2).sum(1)
    found = np.zeros(len(h))
    for start in range(0, len(h), _SLAB):
        rows = np.arange(start, min(start + _SLAB, len(h)))
        distance = np.sqrt(
            np.maximum(square[rows, None] + square - 2 * h[rows] @ h.T, 0.0),
        )
        counts = np.ones_like(distance) if g is None else (g[rows, None] != g).astype(np.float64)
        counts[np.arange(rows.size), rows] = 0.0
        total, number = (distance * counts) @ member, counts @ member
        mean = np.divide(total, number, out=np.full_like(total, np.inf), where=number > 0)
        own = (np.arange(rows.size), c[rows])
        a = mean[own]
        mean[own] = np.inf
        b = mean.min(axis=1)
        known = np.isfinite(a) & np.isfinite(b) & (np.maximum(a, b) > 0)
        found[rows[known]] = (b[known] - a[known]) / np.maximum(a[known], b[known])
    return found


def purity(cluster: ArrayLike, label: ArrayLike) -> float:
    """Return the share of pictures that have the commonest class of their cluster.

    Parameters
    ----------
    cluster, label : array_like of int, (n,)

    Returns
    -------
    float
        It grows with the number of clusters, up to 1 for as many as pictures.

    Examples
    --------
    >>> purity([0, 0, 0, 1], [2, 2, 5, 5])
    0.75
    """
    table = contingency(cluster, label)
    return float(table.max(axis=1).sum() / table.sum())


def adjusted_rand(one: ArrayLike, other: ArrayLike) -> float:
    """Return the adjusted Rand index: 1 for the same partition, near 0 for unrelated ones.

    Examples
    --------
    >>> adjusted_rand([0, 0, 1, 1], [5, 5, 2, 2])
    1.0
    """
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(np.asarray(one), np.asarray(other)))


def mutual_information(one: ArrayLike, other: ArrayLike) -> float:
    """Return the mutual information of two partitions, over the mean of their entropies.

    Examples
    --------
    >>> round(mutual_information([0, 0, 1, 1], [0, 1, 0, 1]), 6)
    0.0
    """
    from sklearn.metrics import normalized_mutual_info_score

    return float(normalized_mutual_info_score(np.asarray(one), np.asarray(other)))


def contingency(one: ArrayLike, other: ArrayLike) -> NDArray[np.int64]:
    """Return how often each value of one partition meets each of another.

    Parameters
    ----------
    one, other : array_like, (n,)

    Returns
    -------
    ndarray of int64
        Rows and columns in increasing order of the values that occur.

    Examples
    --------
    >>> contingency([0, 0, 3], [5, 2, 2]).tolist()
    [[1, 1], [1, 0]]
    """
    rows, i = np.unique(np.asarray(one), return_inverse=True)
    columns, j = np.unique(np.asarray(other), return_inverse=True)
    found = np.zeros((rows.size, columns.size), dtype=np.int64)
    np.add.at(found, (i, j), 1)
    return found


def check_features(features: ArrayLike) -> Array:
    """Return representations as float64 (n, feature), or refuse what are none."""
    h = np.asarray(features, dtype=np.float64)
    if h.ndim != 2 or not h.size:
        raise DataError(f"features have the shape {h.shape}; expected one row a picture.")
    if not np.isfinite(h).all():
        raise DataError("features hold NaN or infinity; the encoder behind them went wrong.")
    return h
