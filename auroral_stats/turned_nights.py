r"""Kinds of minutes that exceed a threshold unlike one another: a test by turning whole nights.

With x = 1 where the disturbance of a minute exceeds the threshold, p the share of like minutes that
do, and m the ratio of their sums over the minutes of all kinds, the scores of kind j

.. math::

    u_{gj} = \sum_{i \in g, j} (x_i - m\,p_i) - w_j \sum_{i \in g} (x_i - m\,p_i), \qquad
    w_j = \frac{\sum_{i \in j} p_i}{\sum_i p_i}

are summed over the minutes i of night g. If the kinds do not differ, no night's scores favour any,
and turning the signs of whole nights at random gives the distribution of
:math:`U^T S^{+} U` with :math:`U = \sum_g u_g`, :math:`S = \sum_g u_g u_g^T` (a score test by
wild bootstrap, Kline and Santos 2012, doi 10.1515/2156-6674.1006; S is the same for all signs). It
is done by nights and by blocks of nights, and the larger p counts. Frames of a night are anything
but independent, and a test that took them so would call any kind that is common in one stormy night
a different one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from auroral_stats.uncertainty import by_cluster, night_levels

__all__ = ["difference_p_value"]

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

_SLAB = 2000  # turns at a time


def difference_p_value(
    exceeds: NDArray[np.bool_],
    expected: Array,
    kind: Integers,
    night: NDArray[np.datetime64],
    *,
    turns: int = 9999,
    seed: int = 0,
) -> float:
    """Return the p value of no difference between kinds; see above for the test.

    Parameters
    ----------
    exceeds : ndarray of bool, (n,)
    expected : ndarray, (n,)
        Share of like minutes that exceed.
    kind : ndarray of int64, (n,)
    night : ndarray of datetime64[D], (n,)
    turns : int
        Of the signs.
    seed : int

    Returns
    -------
    float
        NaN with fewer than two kinds, or where nothing, or everything that is expected, exceeds.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> night = np.datetime64("2014-01-01") + np.arange(600) // 10
    >>> kind, expected = rng.integers(0, 2, 600), np.full(600, 0.3)
    >>> difference_p_value(rng.random(600) < 0.2 + 0.2 * kind, expected, kind, night) < 0.01
    True
    """
    codes = np.unique(kind, return_inverse=True)[1]
    number = int(codes.max(initial=-1)) + 1
    if number < 2 or not exceeds.any() or not expected.sum() > 0:
        return float("nan")
    share = np.bincount(codes, expected, minlength=number) / expected.sum()
    residual = exceeds - exceeds.sum() / expected.sum() * expected
    rng = np.random.default_rng(seed)
    largest = 0.0
    nights, of_night = np.unique(night.astype("datetime64[D]"), return_inverse=True)
    scores = np.zeros((nights.size, number))
    np.add.at(scores, (of_night, codes), residual)
    scores -= share * scores.sum(axis=1, keepdims=True)
    for cluster, _ in night_levels(nights):
        u = by_cluster(scores, cluster)
        inverse = np.asarray(np.linalg.pinv(u.T @ u, hermitian=True), dtype=np.float64)

        found = _quadratic(u.sum(axis=0, keepdims=True), inverse)[0]
        exceeded = 0
        for start in range(0, turns, _SLAB):
            sign = rng.integers(0, 2, (min(_SLAB, turns - start), len(u))) * 2.0 - 1.0
            # the true signs are one of the turns: equal up to rounding counts
            exceeded += int((_quadratic(sign @ u, inverse) >= found * (1 - 1e-9)).sum())
        largest = max(largest, (1 + exceeded) / (1 + turns))
    return largest


def _quadratic(total: Array, inverse: Array) -> Array:
    return np.asarray(np.einsum("tj,jk,tk->t", total, inverse, total))
