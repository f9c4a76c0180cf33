"""What clusters of pictures hold: classes, station-nights, and pictures to look at.

A cluster is no form of the aurora if it is one night, or one camera: how many station-nights it
has, how many they amount to if the large ones are weighed as such, and which share the largest
alone has, stand beside its classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auroral_stats.errors import DataError
from auroral_stats.labels import CLASSES
from classifier.clusters import Clusters

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

__all__ = ["cluster_classes", "cluster_nights", "typical_pictures"]

Integers = NDArray[np.int64]


def cluster_classes(
    cluster: ArrayLike, label: ArrayLike, *, simulated: bool = False
) -> pd.DataFrame:
    """Count the classes in each cluster.

    Parameters
    ----------
    cluster, label : array_like of int, (n,)
        Clusters from 0; indices into :data:`auroral_stats.labels.CLASSES`.
    simulated : bool

    Returns
    -------
    pandas.DataFrame
        Columns cluster, class, pictures, share_of_cluster, share_of_class, simulated; all
        combinations. NaN for the share of a class that is not there.

    Examples
    --------
    >>> found = cluster_classes([0, 0, 0, 1], [2, 2, 5, 5])
    >>> found.query("pictures > 0")[["cluster", "class", "pictures"]].to_numpy().tolist()
    [[0, 'discrete', 2], [0, 'clear', 1], [1, 'clear', 1]]
    """
    import pandas as pd

    c, y = _codes(cluster, label)
    counts = np.zeros((int(c.max(initial=-1)) + 1, len(CLASSES)), dtype=np.int64)
    np.add.at(counts, (c, y), 1)
    of_cluster, of_class = (
        np.divide(counts, total, out=np.full(counts.shape, np.nan), where=total > 0)
        for total in (counts.sum(1, keepdims=True), counts.sum(0, keepdims=True))
    )
    return pd.DataFrame(
        {
            "cluster": np.repeat(np.arange(len(counts)), len(CLASSES)),
            "class": list(CLASSES) * len(counts),
            "pictures": counts.ravel(),
            "share_of_cluster": of_cluster.ravel(),
            "share_of_class": of_class.ravel(),
            "simulated": simulated,
        }
    )


def cluster_nights(
    cluster: ArrayLike,
    label: ArrayLike,
    group: ArrayLike,
    names: Sequence[str],
    *,
    simulated: bool = False,
) -> pd.DataFrame:
    """Return what each cluster rests on.

    Parameters
    ----------
    cluster, label : array_like of int, (n,)
    group : array_like of int, (n,)
        Station-night of each picture, index into ``names``.
    names : sequence of str
        Such as ``gill 2014-03-09``.
    simulated : bool

    Returns
    -------
    pandas.DataFrame
        Columns cluster, pictures, commonest (class), purity (its share), station_nights,
        effective_nights (Kish: the square of the sum of their pictures over the sum of squares),
        largest_night, largest_share (of the pictures of the cluster), stations, simulated.

    Examples
    --------
    >>> names = ["gill 2014-03-09", "rank 2014-03-09"]
    >>> found = cluster_nights([0, 0, 0, 0], [2, 2, 5, 2], [0, 0, 0, 1], names)
    >>> found[["commonest", "purity", "station_nights", "largest_share"]].to_numpy().tolist()
    [['discrete', 0.75, 2, 0.75]]
    """
    import pandas as pd

    c, y = _codes(cluster, label)
    g = np.asarray(group).astype(np.int64)
    if g.shape != c.shape or (g.size and not 0 <= g.min() <= g.max() < len(names)):
        raise DataError(f"{g.size} station-nights for {c.size} pictures; expected one a picture.")
    rows = []
    for number in range(int(c.max(initial=-1)) + 1):
        mine = c == number
        nights = np.bincount(g[mine], minlength=len(names))
        classes = np.bincount(y[mine], minlength=len(CLASSES))
        there, size = np.flatnonzero(nights), int(mine.sum())
        rows.append(
            {
                "cluster": number,
                "pictures": size,
                "commonest": CLASSES[int(classes.argmax())] if size else "",
                "purity": classes.max() / size if size else np.nan,
                "station_nights": there.size,
                "effective_nights": size**2 / (nights**2).sum() if size else 0.0,
                "largest_night": names[int(nights.argmax())] if size else "",
                "largest_share": nights.max() / size if size else np.nan,
                "stations": len({names[int(i)].split(" ", 1)[0] for i in there}),
                "simulated": simulated,
            }
        )
    return pd.DataFrame(rows)


def typical_pictures(
    features: ArrayLike,
    clusters: Clusters,
    count: int,
    group: ArrayLike,
    *,
    among: ArrayLike | None = None,
) -> list[Integers]:
    """Return the pictures nearest to each centre, each from another station-night while there are.

    Parameters
    ----------
    features : array_like, (n, feature)
    clusters : Clusters
        Of these pictures.
    count : int
        How many of each cluster.
    group : array_like of int, (n,)
        Station-night: without it, near copies of one picture would fill a row.
    among : array_like of bool, (n,), optional
        Which pictures may be taken, such as those of one class.

    Returns
    -------
    list of ndarray of int64
        For each cluster ``count`` indices, or as many as it has, the nearest first.

    Examples
    --------
    >>> found = Clusters(np.zeros(4, int), np.zeros((1, 1)), 0)
    >>> typical_pictures([[0.1], [0.2], [0.3], [0.9]], found, 3, [7, 7, 7, 8])[0].tolist()
    [0, 3, 1]
    """
    g = np.asarray(group)
    allowed = np.ones(g.size, dtype=bool) if among is None else np.asarray(among, dtype=bool)
    distance = clusters.distances(features)
    chosen = []
    for number in range(len(clusters.centre)):
        rows = np.flatnonzero((clusters.cluster == number) & allowed)
        rows = rows[np.argsort(distance[rows, number], kind="stable")]
        first = np.zeros(rows.size, dtype=bool)
        first[np.unique(g[rows], return_index=True)[1]] = True
        chosen.append(np.concatenate([rows[first], rows[~first]])[:count].astype(np.int64))
    return chosen


def _codes(cluster: ArrayLike, label: ArrayLike) -> tuple[Integers, Integers]:
    c, y = np.asarray(cluster).astype(np.int64), np.asarray(label).astype(np.int64)
    if c.ndim != 1 or c.shape != y.shape:
        raise DataError(f"{c.size} clusters for {y.size} labels; expected one of each a picture.")
    if c.size and not (c.min() >= 0 and 0 <= y.min() <= y.max() < len(CLASSES)):
        raise DataError(
            f"clusters from {c.min()}, labels {y.min()} to {y.max()}; expected clusters from 0 and "
            f"labels 0 to {len(CLASSES) - 1}."
        )
    return c, y
