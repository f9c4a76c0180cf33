r"""How far the representations of some pictures lie from those of others.

The size of such a distance means nothing by itself, so :func:`nearest_ratio` and
:func:`energy_ratio` hold it against what it is between station-nights of one kind: the unit is the
station-night, since pictures of one are near copies. A small ratio is not yet a good encoder: one
that tells nothing apart has none but small ones.

References
----------
- Székely and Rizzo 2013, Energy statistics, J. Stat. Plan. Inference 143, 1249.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auroral_stats.errors import DataError

__all__ = [
    "DistanceRatio",
    "energy_distance",
    "energy_ratio",
    "nearest_distance",
    "nearest_ratio",
    "spaced_evenly",
]

Array = NDArray[np.float64]

#: Percentiles of the distances of station-nights of one kind that are given with a ratio.
_RANGE = (5.0, 95.0)


class DistanceRatio(NamedTuple):
    """A distance in units of the median of those of station-nights of one kind.

    ``low`` and ``high`` are the 5th and 95th percentile of the latter, in the same unit: a
    ``value`` between them is no farther away than some of those nights.
    """

    value: float
    low: float
    high: float


def nearest_distance(features: ArrayLike, reference: ArrayLike) -> Array:
    r"""Return how far each picture lies from its nearest neighbour in a reference.

    Parameters
    ----------
    features : array_like, (n, feature)
        Representations, as :func:`classifier.representations.representations` gives them.
    reference : array_like, (m, feature)
        Of other pictures; not of the same station-night, whose pictures are near copies.

    Returns
    -------
    ndarray, (n,)
        Cosine distances :math:`1 - \max_j h_i \cdot r_j / (|h_i| |r_j|)`, 0 to 2.

    Raises
    ------
    DataError
        If shapes do not fit, there is no reference, or a representation is 0 or not finite.

    Examples
    --------
    >>> nearest_distance([[2.0, 0.0], [-1.0, 0.0]], [[1.0, 0.0], [0.0, 3.0]]).tolist()
    [0.0, 1.0]
    """
    h, r = _checked(features, reference)
    cosine = _directions(h) @ _directions(r).T
    # rounding may give 1.0000000000000002
    return np.maximum(1 - cosine.max(axis=1), 0.0)


def energy_distance(features: ArrayLike, reference: ArrayLike) -> float:
    r"""Return the energy distance of two sets of pictures.

    Parameters
    ----------
    features : array_like, (n, feature)
    reference : array_like, (m, feature)

    Returns
    -------
    float
        :math:`2\,\overline{|h_i - r_j|} - \overline{|h_i - h_k|} - \overline{|r_j - r_l|}` with
        means over all pairs; 0 or more, and 0 for equal sets alone.

    Raises
    ------
    DataError
        If shapes do not fit, a set is empty, or a representation is not finite.

    Examples
    --------
    >>> energy_distance([[0.0], [0.0]], [[3.0], [3.0]])
    6.0
    """
    from scipy.spatial.distance import cdist

    h, r = _checked(features, reference)
    between = cdist(h, r).mean()
    return max(float(2 * between - cdist(h, h).mean() - cdist(r, r).mean()), 0.0)


def nearest_ratio(
    features: ArrayLike, held: ArrayLike, night: ArrayLike, reference: ArrayLike
) -> DistanceRatio:
    """Compare pictures of one scene with station-nights of the kind of a reference.

    Parameters
    ----------
    features : array_like, (n, feature)
        Representations of pictures of another kind.
    held : array_like, (k, feature)
        Of the kind of the reference, from other station-nights than those of the reference.
    night : array_like of int, (k,)
        Their station-nights.
    reference : array_like, (m, feature)

    Returns
    -------
    DistanceRatio
        Of medians over a scene, or a station-night, of :func:`nearest_distance`.

    Raises
    ------
    DataError
        As :func:`nearest_distance`, or if all held pictures are in the reference.

    Examples
    --------
    >>> held = [[1.0, 0.1], [1.0, 0.2], [1.0, 0.3]]
    >>> found = nearest_ratio([[1.0, 0.4]], held, [0, 1, 2], [[1.0, 0.0]])
    >>> round(found.value, 2), found.low < 1 < found.high
    (3.68, True)
    """
    g = np.asarray(night)
    near = nearest_distance(held, reference)
    usual = np.array([np.median(near[g == each]) for each in np.unique(g)])
    return _ratio(float(np.median(nearest_distance(features, reference))), usual)


def energy_ratio(
    features: ArrayLike,
    scene: ArrayLike,
    held: ArrayLike,
    night: ArrayLike,
    *,
    each: int = 6,
    draws: int = 200,
    seed: int = 0,
) -> DistanceRatio:
    """Compare scenes of one kind with as many station-nights of another.

    Parameters
    ----------
    features : array_like, (n, feature)
        Representations; only their directions count.
    scene : array_like, (n,)
        Which of them are near copies of each other.
    held : array_like, (k, feature)
        Of the other kind.
    night : array_like of int, (k,)
    each : int
        Pictures of a scene or station-night that take part, evenly spaced.
    draws : int
        How often as many station-nights as there are scenes, but at most half of them, are drawn and
        compared with the rest.
    seed : int

    Returns
    -------
    DistanceRatio
        Of :func:`energy_distance`.

    Raises
    ------
    DataError
        As :func:`energy_distance`; or if there is one station-night alone.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> night = np.repeat(np.arange(20), 4)
    >>> held = 9 + rng.normal(size=(80, 3))
    >>> found = energy_ratio([[9.0, -9.0, 9.0]], [0], held, night)
    >>> found.value > 10 * found.high
    True
    """
    h, r = _checked(features, held)
    s, g = np.asarray(scene), np.asarray(night)
    number, nights = np.unique(s).size, np.unique(g)
    if nights.size < 2:
        raise DataError("one station-night came; expected two or more, to compare them.")
    thin = spaced_evenly(g, each)
    h, r, g = _directions(h[spaced_evenly(s, each)]), _directions(r[thin]), g[thin]
    rng = np.random.default_rng(seed)
    drawn = (
        np.isin(g, rng.choice(nights, min(number, nights.size // 2), replace=False))
        for _ in range(draws)
    )
    usual = np.array([energy_distance(r[some], r[~some]) for some in drawn])
    return _ratio(energy_distance(h, r), usual)


def spaced_evenly(group: ArrayLike, most: int) -> NDArray[np.intp]:
    """Return indices of up to so many members of each group, evenly spaced in their order.

    Parameters
    ----------
    group : array_like, (n,)
    most : int

    Returns
    -------
    ndarray of int
        Group by group.

    Examples
    --------
    >>> spaced_evenly(["a", "a", "a", "b", "a", "a"], 2).tolist()
    [0, 5, 3]
    """
    g = np.asarray(group)
    members = [np.flatnonzero(g == name) for name in np.unique(g)]
    places = [np.unique(np.linspace(0, m.size - 1, most).astype(int)) for m in members]
    chosen = [m[place] for m, place in zip(members, places, strict=True)]
    return np.concatenate(chosen) if chosen else np.empty(0, dtype=np.intp)


def _ratio(value: float, usual: Array) -> DistanceRatio:
    median = float(np.median(usual))
    if median <= 0:
        raise DataError("the pictures held out are in the reference; hold out others.")
    low, high = np.percentile(usual, _RANGE) / median
    return DistanceRatio(value / median, float(low), float(high))


def _directions(features: Array) -> Array:
    length = np.linalg.norm(features, axis=1)
    if not length.all():
        raise DataError(
            "a representation is 0 throughout and has no direction; the encoder went wrong."
        )
    return features / length[:, None]


def _checked(features: ArrayLike, reference: ArrayLike) -> tuple[Array, Array]:
    h, r = (np.asarray(each, dtype=np.float64) for each in (features, reference))
    if h.ndim != 2 or r.ndim != 2 or h.shape[1] != r.shape[1] or not (len(h) and len(r)):
        raise DataError(
            f"representations of shape {h.shape} and {r.shape} came; expected one row a picture, "
            "one picture or more, and as many features in both."
        )
    if not (np.isfinite(h).all() and np.isfinite(r).all()):
        raise DataError("representations hold NaN or infinity; the encoder went wrong.")
    return h, r
