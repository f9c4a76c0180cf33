r"""Intervals of scores, from leaving out one station-night at a time.

Pictures of one station-night are seconds to minutes apart and are right or wrong together, so the
unit that can be left out honestly is the station-night; an interval from the number of pictures
would be several times too narrow. A score is a function of counts, so leaving out a station-night
is a subtraction.

The variance of the jackknife is taken on the logit scale, and Student's t has one degree of
freedom less than the effective number of station-nights,

.. math::

    G_K = \left(\sum_g n_g\right)^2 / \sum_g n_g^2

(Kish), which falls short of their number when few of them hold most pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auroral_stats.errors import UsageError

__all__ = ["CONFIDENCE", "MIN_GROUPS", "Interval", "jackknife_interval"]

Array = NDArray[np.float64]

CONFIDENCE = 0.95
#: Fewer station-nights than this give no interval.
MIN_GROUPS = 3


class Interval(NamedTuple):
    """A score with its 95 % interval; ``groups`` is the effective number of station-nights."""

    value: float
    low: float
    high: float
    groups: float


def jackknife_interval(confusion: ArrayLike, score: Callable[[Array], ArrayLike]) -> Interval:
    """Return a score and its 95 % interval from station-nights left out in turn.

    Parameters
    ----------
    confusion : array_like, (group, class, class)
        Counts of each station-night, as :func:`classifier.metrics.confusion_by_group` gives them.
        Counts of several runs of the same test pictures may be averaged first.
    score : callable
        Takes matrices (..., class, class) and returns numbers (...) between 0 and 1.

    Returns
    -------
    Interval
        NaN for both ends with fewer than three station-nights, or where leaving one out leaves
        the score without a value; at 0 or 1 exactly, the jackknife knows no spread, and the ends
        are those that the rule of three gives for the effective number of station-nights.

    Raises
    ------
    UsageError
        If the shape is another.

    Examples
    --------
    >>> from classifier.metrics import scores
    >>> counts = np.array([[[9, 1], [2, 8]], [[7, 3], [1, 9]], [[8, 2], [3, 7]], [[9, 1], [1, 9]]])
    >>> found = jackknife_interval(counts, lambda c: scores(c).accuracy)
    >>> [round(float(v), 3) for v in found]
    [0.825, 0.697, 0.906, 4.0]
    """
    c = np.asarray(confusion, dtype=np.float64)
    if c.ndim != 3 or c.shape[1] != c.shape[2]:
        raise UsageError(f"confusion has the shape {c.shape}; expected (group, class, class).")
    c = c[c.sum((1, 2)) > 0]
    total = c.sum(0)
    value = float(np.asarray(score(total)))
    size = c.sum((1, 2))
    effective = float(size.sum() ** 2 / (size**2).sum()) if size.size else 0.0
    nothing = Interval(value, np.nan, np.nan, effective)
    n = len(c)
    if n < MIN_GROUPS or effective <= 1 or np.isnan(value):
        return nothing
    if value in {0.0, 1.0}:
        reach = min(1.0, 3.0 / effective)
        return nothing._replace(low=max(0.0, value - reach), high=min(1.0, value + reach))
    without = np.asarray(score(total - c), dtype=np.float64)
    if np.isnan(without).any():
        return nothing
    # a score of exactly 0 or 1 without one station-night has no logit
    edge = 0.5 / size.sum()
    z = _logit(np.clip(without, edge, 1 - edge))
    error = np.sqrt((n - 1) / n * ((z - z.mean()) ** 2).sum())
    half = _quantile(effective - 1) * error
    centre = _logit(np.array(value))
    low, high = 1 / (1 + np.exp(-(centre - half))), 1 / (1 + np.exp(-(centre + half)))
    return Interval(value, float(low), float(high), effective)


def _logit(p: Array) -> Array:
    return np.log(p) - np.log1p(-p)


def _quantile(df: float) -> float:
    from scipy import special

    return float(special.stdtrit(df, 0.5 + CONFIDENCE / 2))
