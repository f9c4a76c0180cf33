"""How matched samples differ as a whole: medians, Cliff's delta and exceedance curves.

A risk ratio depends on its threshold. The difference of the medians and Cliff's delta do not;
their intervals leave out nights and blocks of nights as all others do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from auroral_stats.matching import Matched
from auroral_stats.uncertainty import Replicates, jackknife_interval

__all__ = [
    "cliffs_delta",
    "cliffs_delta_scores",
    "exceedance_curve",
    "linear_interval",
    "median_difference",
    "weighted_quantile",
]

Array = NDArray[np.float64]


def linear_interval(levels: Sequence[Replicates]) -> tuple[Array, Array]:
    """Return the jackknife interval of an estimate that needs no other scale.

    Parameters
    ----------
    levels : sequence of Replicates
        As for :func:`auroral_stats.uncertainty.jackknife_interval`.

    Returns
    -------
    low, high : ndarray, (...)
    """
    value = levels[0].value
    change = [np.where(level.present, level.without - value, 0.0) for level in levels]
    size = np.max([np.abs(c).max(axis=0, initial=0.0) for c in change], axis=0)
    size = np.where(size > 0, size, 1.0)
    # On the log scale and about 1, an interval is one about 0 on the linear scale.
    one = [
        replace(level, value=np.ones(value.shape), without=1.0 + c / size)
        for level, c in zip(levels, change, strict=True)
    ]
    high = np.log(jackknife_interval(one, scale="log")[1]) * size
    return value - high, value + high


def weighted_quantile(values: Array, weights: Array, share: float | Array) -> Array:
    """Return where a share of the weight lies at or below.

    Parameters
    ----------
    values, weights : ndarray, (n,)
    share : float or ndarray
        0 to 1.

    Returns
    -------
    ndarray
        The smallest value whose cumulative weight reaches the share; NaN without weight.

    Examples
    --------
    >>> float(weighted_quantile(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 8.0]), 0.5))
    2.0
    """
    keep = weights > 0
    if not keep.any():
        return np.full(np.shape(share), np.nan)
    order = np.argsort(values[keep], kind="stable")
    ordered, cumulative = values[keep][order], np.cumsum(weights[keep][order])
    # Rounding of the sum must not move a median that a value reaches exactly.
    wanted = np.asarray(share) * cumulative[-1] * (1 - 1e-12)
    at = np.searchsorted(cumulative, wanted)
    return np.asarray(ordered[np.minimum(at, ordered.size - 1)])


def cliffs_delta_scores(
    values: Array, treated: NDArray[np.bool_], weights: Array
) -> NDArray[np.float64]:
    r"""Return for each minute the share of the other arm that lies below it.

    Equal values count half. The mean over the class is :math:`U = P(X_1 > X_0) + P(X_1 = X_0)/2`,
    that over the control :math:`1 - U`, and Cliff's delta is :math:`2U - 1`.

    Parameters
    ----------
    values : ndarray, (n,)
    treated : ndarray of bool, (n,)
    weights : ndarray, (n,)
        :func:`control_weights`.

    Returns
    -------
    ndarray, (n,)

    Examples
    --------
    >>> cliffs_delta_scores(np.array([2.0, 1.0, 2.0]), np.array([True, False, False]),
    ...                     np.array([1.0, 0.5, 0.5])).tolist()
    [0.75, 0.0, 0.5]
    """
    scores = np.full(values.shape, np.nan)
    for arm in (treated, ~treated):
        others = ~arm & (weights > 0)
        order = np.argsort(values[others], kind="stable")
        ordered = values[others][order]
        below = np.concatenate([[0.0], np.cumsum(weights[others][order])])
        if below[-1] > 0:
            first = below[np.searchsorted(ordered, values[arm], side="left")]
            last = below[np.searchsorted(ordered, values[arm], side="right")]
            scores[arm] = (first + last) / (2 * below[-1])
    return scores


def median_difference(
    matched: Matched,
    values: Array,
    treated: NDArray[np.bool_],
    weights: Array,
    medians: tuple[float, float],
    column: int,
) -> tuple[float, float, float]:
    """Return the median of the class less that of the control, with its interval.

    Leaving out a night moves the share below a median, which moves the median by the inverse of
    the density there. The density is taken over the interval of that share (Woodruff 1952), so
    that no bandwidth is chosen.

    Parameters
    ----------
    matched : Matched
        Of one group, with the values at ``column`` and ``column + 1``: whether a minute lies at or
        below the median of the control, and of the class.
    values, treated, weights : ndarray, (n,)
        The minutes themselves; see :func:`auroral_stats.strata.control_weights`.
    medians : (float, float)
        Of control and class.
    column : int

    Returns
    -------
    difference, low, high : float
    """
    changes = []
    for arm in (0, 1):
        of_arm = treated if arm else ~treated
        at = column + arm
        limits = [
            float(x[0, at]) for x in jackknife_interval([pair[arm] for pair in matched.levels])
        ]
        ends = [float(weighted_quantile(values[of_arm], weights[of_arm], x)) for x in limits]
        wide = limits[1] - limits[0]
        slope = (ends[1] - ends[0]) / wide if wide > 0 else np.nan
        changes.append(
            [-(p[arm].without[:, 0, at] - p[arm].value[0, at]) * slope for p in matched.levels]
        )
    difference = medians[1] - medians[0]
    levels = [
        Replicates(
            value=np.array(difference),
            without=difference + of_class - control,
            present=pair[1].present[:, 0, column],
            df=np.minimum(pair[0].df[0, column], pair[1].df[0, column + 1]),
            fewest=pair[1].fewest,
        )
        for pair, control, of_class in zip(matched.levels, *changes, strict=True)
    ]
    low, high = linear_interval(levels)
    return difference, float(low), float(high)


def cliffs_delta(matched: Matched, column: int) -> tuple[float, float, float]:
    """Return Cliff's delta of the matched sample, 2U - 1, with the interval of U as a share.

    Without a night both arms change; their changes are added, which leaves out only the product
    of the two.

    Parameters
    ----------
    matched : Matched
        Of one group, with :func:`cliffs_delta_scores` at ``column``.
    column : int

    Returns
    -------
    delta, low, high : float
        -1 to 1; positive where the class is the more disturbed.
    """
    levels = []
    for control, of_class in matched.levels:
        change = (of_class.without - of_class.value) - (control.without - control.value)
        value = of_class.value[0, column]
        levels.append(
            Replicates(
                value=value,
                without=value + change[:, 0, column],
                present=of_class.present[:, 0, column],
                df=np.minimum(of_class.df, control.df)[0, column],
                fewest=of_class.fewest,
            )
        )
    low, high = jackknife_interval(levels)
    return 2 * float(levels[0].value) - 1, 2 * float(low) - 1, 2 * float(high) - 1


def exceedance_curve(values: Array, weights: Array, grid: Array) -> Array:
    """Return the weighted share of values at or above each point of a grid.

    Parameters
    ----------
    values, weights : ndarray, (n,)
    grid : ndarray, (x,)

    Returns
    -------
    ndarray, (x,)
        NaN without weight.

    Examples
    --------
    >>> exceedance_curve(np.array([1.0, 2.0]), np.array([1.0, 3.0]), np.array([1.0, 2.0])).tolist()
    [1.0, 0.75]
    """
    order = np.argsort(values, kind="stable")
    below = np.concatenate([[0.0], np.cumsum(weights[order])])
    if below[-1] <= 0:
        return np.full(grid.size, np.nan)
    return np.asarray(1 - below[np.searchsorted(values[order], grid, side="left")] / below[-1])
