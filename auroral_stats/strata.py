"""Strata of like minutes, and how alike the arms are in them.

Minutes are compared within strata that share a station, an hour, a month and a quantile of the
driver. Whether that made the arms alike is not taken on trust: the standardised mean difference
of each covariate is reported before and after. All functions here are pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auroral_stats.errors import DataError

__all__ = [
    "MAX_SMD",
    "control_weights",
    "quantile_codes",
    "require_strata",
    "standardised_difference",
    "stratum_numbers",
]

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Kind = Literal["category", "circular", "continuous"]

#: Arms whose covariates differ by more standard deviations than this are not matched.
MAX_SMD = 0.1


def quantile_codes(values: NDArray[np.floating], quantiles: int) -> Integers:
    """Return the number of the quantile of each value.

    Parameters
    ----------
    values : ndarray, (n,)
    quantiles : int
        Classes of equal share. Equal values are never parted, so there may be fewer.

    Returns
    -------
    ndarray of int64, (n,)
        -1 where the value is missing.

    Examples
    --------
    >>> quantile_codes(np.array([4.0, 1.0, np.nan, 2.0, 3.0]), 2).tolist()
    [1, 0, -1, 0, 1]
    """
    finite = np.isfinite(values)
    codes = np.full(values.shape, -1, dtype=np.int64)
    if finite.any():
        inner = np.quantile(values[finite].astype(np.float64), np.arange(1, quantiles) / quantiles)
        codes[finite] = np.searchsorted(np.unique(inner), values[finite], side="right")
    return codes


def stratum_numbers(codes: Sequence[NDArray[np.integer]]) -> Integers:
    """Return one number for each combination of codes.

    Parameters
    ----------
    codes : sequence of ndarray of int, (n,)
        Negative where missing.

    Returns
    -------
    ndarray of int64, (n,)
        Consecutive from 0; -1 where any code is missing.

    Examples
    --------
    >>> stratum_numbers([np.array([0, 0, 7, 0]), np.array([3, 5, 3, -1])]).tolist()
    [0, 1, 2, -1]
    """
    there = np.ones(codes[0].shape, dtype=bool)
    for code in codes:
        there &= code >= 0
    number = np.zeros(int(there.sum()), dtype=np.int64)
    for code in codes:
        here = code[there].astype(np.int64)
        # Numbered anew each time, so that many covariates cannot overflow.
        number = np.unique(number * (here.max(initial=0) + 1) + here, return_inverse=True)[1]
    result = np.full(there.shape, -1, dtype=np.int64)
    result[there] = number
    return result


def control_weights(stratum: Integers, treated: NDArray[np.bool_]) -> Array:
    """Return the weight of each minute that gives the control the mix of the class.

    Parameters
    ----------
    stratum : ndarray of int64, (n,)
        -1 for none.
    treated : ndarray of bool, (n,)
        Whether the minute is of the class.

    Returns
    -------
    ndarray, (n,)
        1 for the class and n1/n0 for the control, 0 outside the strata with both.

    Examples
    --------
    >>> control_weights(np.array([0, 0, 0, 1]), np.array([True, False, False, True])).tolist()
    [1.0, 0.5, 0.5, 0.0]
    """
    there = stratum >= 0
    size = int(stratum.max(initial=-1)) + 1
    class_minutes = np.bincount(stratum[there & treated], minlength=size)
    control_minutes = np.bincount(stratum[there & ~treated], minlength=size)
    both = (class_minutes > 0) & (control_minutes > 0)
    weight = np.divide(class_minutes, control_minutes, out=np.zeros(size), where=both)
    result = np.zeros(stratum.shape)
    result[there] = np.where(treated[there], both[stratum[there]], weight[stratum[there]])
    return result


def require_strata(strata: int, covariates: Sequence[str]) -> None:
    """Refuse a matching that leaves no stratum with minutes of both arms.

    Parameters
    ----------
    strata : int
        Number of strata with both arms.
    covariates : sequence of str
        What was matched on.

    Raises
    ------
    DataError
        Naming the covariates.
    """
    if not strata:
        raise DataError(
            f"matching on {', '.join(covariates)} leaves no stratum with minutes of both the "
            "class and the control. Match on fewer covariates, choose another control, or use "
            "more nights."
        )


def standardised_difference(
    values: NDArray[np.generic],
    treated: NDArray[np.bool_],
    weights: Array,
    kind: Kind,
    *,
    period: float = 24.0,
) -> float:
    r"""Return the standardised mean difference of a covariate between the arms.

    .. math:: SMD = \frac{\bar{x}_1 - \bar{x}_0}{\sqrt{(s_1^2 + s_0^2) / 2}}

    with the means weighted, and the standard deviations those before matching (Stuart 2010,
    Stat. Sci. 25, 1), so that before and after are on one scale.

    Parameters
    ----------
    values : ndarray, (n,)
        Covariate; missing values are left out.
    treated : ndarray of bool, (n,)
    weights : ndarray, (n,)
        Ones before matching, :func:`control_weights` after.
    kind : {"category", "circular", "continuous"}
        For categories the level that differs most counts, for circular values sine or cosine.
    period : float
        Of circular values.

    Returns
    -------
    float
        Of the largest size; NaN where an arm is empty.

    Examples
    --------
    >>> round(standardised_difference(np.array([1.0, 3.0, 2.0, 4.0]),
    ...       np.array([True, True, False, False]), np.ones(4), "continuous"), 3)
    -1.0
    """
    if kind == "category":
        found = _differences_of_levels(values, treated, weights)
    elif kind == "circular":
        angle = 2 * np.pi * values.astype(np.float64) / period
        found = [_difference(part, treated, weights) for part in (np.cos(angle), np.sin(angle))]
    else:
        found = [_difference(values.astype(np.float64), treated, weights)]
    finite = [value for value in found if np.isfinite(value)]
    return max(finite, key=abs) if finite else float("nan")


def _differences_of_levels(
    values: NDArray[np.generic], treated: NDArray[np.bool_], weights: Array
) -> list[float]:
    """Return the difference of every level's share, one count for all of them."""
    codes, levels = pd.factorize(values)
    plain, weighted = [], []
    for arm in (treated, ~treated):
        arm_codes, arm_weights = codes[arm & (codes >= 0)], weights[arm & (codes >= 0)]
        if not arm_weights.sum() > 0:
            return []
        plain.append(np.bincount(arm_codes, minlength=len(levels)) / arm_codes.size)
        sums = np.bincount(arm_codes, arm_weights, minlength=len(levels))
        weighted.append(sums / arm_weights.sum())
    spread = np.sqrt(np.mean([share * (1 - share) for share in plain], axis=0))
    return [
        _in_units_of(float(change), float(unit))
        for change, unit in zip(weighted[0] - weighted[1], spread, strict=True)
    ]


def _difference(values: Array, treated: NDArray[np.bool_], weights: Array) -> float:
    there = np.isfinite(values)
    arms = [there & treated, there & ~treated]
    if not all(weights[arm].sum() > 0 for arm in arms):
        return float("nan")
    means = [np.average(values[arm], weights=weights[arm]) for arm in arms]
    spread = np.sqrt(np.mean([values[arm].var() for arm in arms]))
    return _in_units_of(float(means[0] - means[1]), float(spread), abs(float(means[0])))


def _in_units_of(change: float, spread: float, size: float = 1.0) -> float:
    # Sums of many floats leave a trace where the arms agree.
    if abs(change) <= 1e-9 * (1 + size):
        return 0.0
    return change / spread if spread > 0 else float(np.copysign(np.inf, change))
