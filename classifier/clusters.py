"""K-means on representations: how many clusters there are, and whether they hold for other nights.

Johnson et al. (2021) clustered representations by K-means for k from 3 to 15 and took the k with
the largest mean silhouette; the silhouette of the labels' own partition stood beside it. A
partition says little about the sky if other nights would have given another one. Beside how far
those K-means agree that started from other seeds stands therefore how far those agree that saw
disjoint halves of the station-nights, and beside the silhouette one without the pairs of one
station-night, which are near copies.

What the clusters hold is told by :mod:`classifier.cluster_tables`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auroral_stats.errors import UsageError
from classifier.partition_scores import (
    adjusted_rand,
    check_features,
    contingency,
    mutual_information,
    purity,
    silhouette,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "NUMBERS",
    "Clusters",
    "compare_numbers",
    "k_means",
    "night_agreement",
    "seed_agreement",
]

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

#: Numbers of clusters that are tried, those of Johnson et al. 2021.
NUMBERS = tuple(range(3, 16))


@dataclass(frozen=True, eq=False)
class Clusters:
    """A partition by K-means.

    Attributes
    ----------
    cluster : ndarray of int64, (n,)
        Of each picture; 0 is the largest cluster.
    centre : ndarray, (k, feature)
    seed : int
    """

    cluster: Integers
    centre: Array
    seed: int

    def assign(self, features: ArrayLike) -> Integers:
        """Return the cluster with the nearest centre, (m,), of other features (m, feature)."""
        return self.distances(features).argmin(axis=1)

    def distances(self, features: ArrayLike) -> Array:
        """Return distances from the centres, (m, k)."""
        h = np.asarray(features, dtype=np.float64)
        square = (h**2).sum(1)[:, None] + (self.centre**2).sum(1) - 2 * h @ self.centre.T
        return np.sqrt(np.maximum(square, 0.0))


def k_means(features: ArrayLike, k: int, *, seed: int = 0, starts: int = 10) -> Clusters:
    """Cluster pictures by K-means (scikit-learn), on their representations as they come.

    Parameters
    ----------
    features : array_like, (n, feature)
    k : int
        Number of clusters, 2 to n.
    seed : int
        Of the first centres.
    starts : int
        First centres that are tried; the best result is kept.

    Returns
    -------
    Clusters

    Raises
    ------
    UsageError
        If ``k``, ``seed`` or ``starts`` cannot be.
    DataError
        If features are not finite, or of another shape.

    Examples
    --------
    >>> found = k_means([[0.0], [0.1], [0.2], [9.0], [9.1]], 2)
    >>> found.cluster.tolist(), found.centre.round(2).ravel().tolist()
    ([0, 0, 0, 1, 1], [0.1, 9.05])
    """
    h = check_features(features)
    if not 2 <= k <= len(h):
        raise UsageError(f"k is {k}; expected 2 to {len(h)}, the number of pictures.")
    if seed < 0 or starts < 1:
        raise UsageError(f"seed {seed}, starts {starts}: expected 0 or more, and 1 or more.")
    model = _fitted(h, k, seed, starts)
    raw = np.asarray(model.labels_, dtype=np.int64)
    # by size, and of equals by the first picture, so that numbers mean something
    size = np.bincount(raw, minlength=k)
    first = np.full(k, len(h))
    np.minimum.at(first, raw, np.arange(len(h)))
    order = np.lexsort((first, -size))
    rank = np.empty(k, dtype=np.int64)
    rank[order] = np.arange(k)
    return Clusters(rank[raw], np.asarray(model.cluster_centers_, dtype=np.float64)[order], seed)


def seed_agreement(partitions: Iterable[ArrayLike]) -> float:
    """Return the mean adjusted Rand index of all pairs of partitions; NaN for fewer than two."""
    pairs = [adjusted_rand(one, other) for one, other in combinations(partitions, 2)]
    return float(np.mean(pairs)) if pairs else float("nan")


def night_agreement(
    features: ArrayLike,
    group: ArrayLike,
    k: int,
    *,
    seed: int = 0,
    starts: int = 10,
    repeats: int = 5,
) -> float:
    """Return how far K-means agree that saw disjoint halves of the station-nights.

    Parameters
    ----------
    features : array_like, (n, feature)
    group : array_like of int, (n,)
        Station-night of each picture.
    k : int
    seed : int
        Of the halves.
    starts : int
    repeats : int
        How often the nights are halved at random.

    Returns
    -------
    float
        Mean adjusted Rand index of the two assignments of all pictures to the nearest centre. NaN
        where a half has fewer pictures than clusters.

    Notes
    -----
    Stability in the sense of Tibshirani and Walther (2005, doi 10.1198/106186005X59243), with whole
    station-nights as what is drawn: a cluster that is one night, one camera, or one kind of snow on
    a dome is not found in the other half.

    Examples
    --------
    >>> h = np.repeat([[0.0], [5.0], [9.0]], 20, axis=0) + np.linspace(0, 0.1, 60)[:, None]
    >>> night_agreement(h, np.arange(60) % 10, 3)  # all three in each night
    1.0
    """
    h, g = check_features(features), np.asarray(group)
    nights = np.unique(g)
    rng = np.random.default_rng([seed, k])
    found = []
    for _ in range(repeats):
        half = np.isin(g, rng.permutation(nights)[: nights.size // 2])
        if min(half.sum(), (~half).sum()) < k:
            return float("nan")
        one, other = (k_means(h[rows], k, seed=seed, starts=starts) for rows in (half, ~half))
        found.append(adjusted_rand(one.assign(h), other.assign(h)))
    return float(np.mean(found))


def compare_numbers(
    features: ArrayLike,
    label: ArrayLike,
    group: ArrayLike,
    numbers: Iterable[int] = NUMBERS,
    *,
    seed: int = 0,
    starts: int = 10,
    repeats: int = 5,
    simulated: bool = False,
) -> pd.DataFrame:
    """Hold K-means with several numbers of clusters against the partition of the labels.

    Parameters
    ----------
    features : array_like, (n, feature)
    label, group : array_like of int, (n,)
        Class and station-night of each picture.
    numbers : iterable of int
    seed, starts : int
        As :func:`k_means` takes them.
    repeats : int
        Seeds, and halvings of the nights, that are compared.
    simulated : bool

    Returns
    -------
    pandas.DataFrame
        One row for the ``classes`` and one for each ``k-means``. Columns partition, k; silhouette
        (mean), silhouette_apart (without pairs of one station-night); seed_agreement,
        night_agreement (adjusted Rand index); purity, adjusted_rand, mutual_information (with the
        classes); one_night (clusters with more than half of their pictures from one station-night);
        pictures, station_nights, simulated.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> h = rng.normal(size=(120, 3)) + 12 * np.eye(3)[np.arange(120) % 3]
    >>> table = compare_numbers(h, np.arange(120) % 3, np.arange(120) // 10, (2, 3, 4), repeats=2)
    >>> int(table.query("partition == 'k-means'").set_index("k")["silhouette"].idxmax())
    3
    """
    import pandas as pd

    h, y, g = check_features(features), np.asarray(label), np.asarray(group)

    def row(partition: str, c: NDArray[Any], **more: Any) -> dict[str, Any]:
        largest = contingency(c, g)
        found = {
            "partition": partition,
            "k": len(largest),
            "silhouette": float(silhouette(h, c).mean()),
            "silhouette_apart": float(silhouette(h, c, g).mean()),
            "seed_agreement": np.nan,
            "night_agreement": np.nan,
            "purity": purity(c, y),
            "adjusted_rand": adjusted_rand(c, y),
            "mutual_information": mutual_information(c, y),
            "one_night": int((2 * largest.max(axis=1) > largest.sum(axis=1)).sum()),
            "pictures": len(h),
            "station_nights": np.unique(g).size,
        }
        return found | more | {"simulated": simulated}

    rows = [row("classes", np.unique(y, return_inverse=True)[1])]
    for k in numbers:
        made = [k_means(h, k, seed=seed + i, starts=starts) for i in range(repeats)]
        agreements = {
            "seed_agreement": seed_agreement(one.cluster for one in made),
            "night_agreement": night_agreement(
                h, g, k, seed=seed, starts=starts, repeats=repeats
            ),
        }  # fmt: skip
        rows.append(row("k-means", made[0].cluster, **agreements))
    return pd.DataFrame(rows)


def _fitted(h: Array, k: int, seed: int, starts: int) -> Any:
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    # the matrices are so small that threads would mostly wait for each other
    with threadpool_limits(1):
        return KMeans(k, n_init=starts, random_state=seed).fit(h)
