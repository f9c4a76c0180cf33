r"""How sure a classifier must be of each class for its predictions to be right often enough.

A confidence of 0.9 may be right in 99 of 100 pictures of the Moon and in 80 of 100 arcs. The
threshold of each class is therefore read from predictions of pictures whose labels are known and
whose station-nights the classifier has not seen.

The lowest threshold that gives the wanted precision on some nights gives less on others: it was
chosen because these nights were kind to it. What a choice is worth is told by nights that took no
part in it. Leaving out each station-night in turn, a threshold is chosen on the others and applied
to the one left out; the precision of what is accepted so, over all nights, must be the wanted one.
If it is not, thresholds are chosen by stricter targets, each of which halves the share of wrong
ones that it allows, until it is, or there is none.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auroral_stats.errors import DataError, UsageError
from classifier.calibrate import check_probabilities

__all__ = ["MIN_NIGHTS", "ClassThresholds", "accepted", "precision_thresholds"]

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

#: What is accepted of the nights left out must come from so many of them.
MIN_NIGHTS = 5

_TARGETS = 4  # the wanted precision, and stricter ones


class ClassThresholds(NamedTuple):
    """The thresholds of the classes, and what they are worth; arrays (class,).

    ``threshold``: infinite where none gives the wanted precision. ``precision``: of predictions
    for nights left out of the choice, NaN without a threshold; ``pictures`` and ``nights``: how
    many of them were accepted, and from how many nights.
    """

    threshold: Array
    precision: Array
    pictures: Integers
    nights: Integers


def precision_thresholds(
    probability: ArrayLike, label: ArrayLike, group: ArrayLike, precision: float = 0.95
) -> ClassThresholds:
    """Return the confidence in each class from which predictions are right often enough.

    Parameters
    ----------
    probability : array_like, (n, class)
        Of pictures of station-nights that the classifier was not trained on.
    label : array_like of int, (n,)
    group : array_like of int, (n,)
        Station-night of each picture.
    precision : float
        Wanted share of right ones among the predictions that reach the threshold, in (0, 1). It is
        counted as if one more were wrong, so that few right ones prove nothing.

    Returns
    -------
    ClassThresholds

    Raises
    ------
    UsageError
        If the precision is not between 0 and 1.
    DataError
        If shapes do not fit.

    Examples
    --------
    >>> sure = np.repeat([0.9, 0.6], 120)
    >>> p = np.column_stack([sure, 1 - sure])
    >>> label = np.repeat([0, 0, 1], [120, 60, 60])  # half of those with 0.6 are wrong
    >>> found = precision_thresholds(p, label, np.arange(240) % 8, 0.95)
    >>> found.threshold.tolist(), found.precision.tolist(), found.nights.tolist()
    ([0.9, inf], [1.0, nan], [8, 0])
    """
    if not 0 < precision < 1:
        raise UsageError(f"precision is {precision}; expected a number between 0 and 1.")
    p = check_probabilities(probability)
    y, g = np.asarray(label).astype(np.int64), np.asarray(group)
    if not y.shape == g.shape == p.shape[:1]:
        raise DataError(
            f"{len(p)} predictions, {y.size} labels, {g.size} station-nights; expected one label "
            "and one station-night a prediction."
        )
    named, sure = p.argmax(axis=1), p.max(axis=1)
    rows = [
        _of_class(sure[mine], y[mine] == code, g[mine], precision)
        for code in range(p.shape[1])
        for mine in [named == code]
    ]
    threshold, held, pictures, nights = (np.array(column) for column in zip(*rows, strict=True))
    return ClassThresholds(
        threshold.astype(np.float64), held.astype(np.float64), pictures.astype(np.int64),
        nights.astype(np.int64),
    )  # fmt: skip


def accepted(probability: ArrayLike, thresholds: ArrayLike) -> NDArray[np.bool_]:
    """Return which predictions reach the threshold of their class, (n,).

    Examples
    --------
    >>> accepted([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]], [0.9, 0.7]).tolist()
    [True, False, True]
    """
    p = check_probabilities(probability)
    return p.max(axis=1) >= np.asarray(thresholds, dtype=np.float64)[p.argmax(axis=1)]


def _of_class(
    sure: Array, right: NDArray[np.bool_], group: NDArray[np.generic], precision: float
) -> tuple[float, float, int, int]:
    """Return threshold, precision on nights left out, and pictures and nights of that."""
    if sure.size:
        order = np.argsort(-sure, kind="stable")
        # nothing tells which of equally sure predictions would be first: they come together
        last = np.append(np.flatnonzero(np.diff(sure[order])), sure.size - 1)
        of_night = group[order, None] == np.unique(group)
        # (threshold, night): predictions that reach it, and those among them that are right
        number = of_night.cumsum(axis=0)[last]
        hits = (of_night & right[order, None]).cumsum(axis=0)[last]
        all_number, all_hits = number.sum(axis=1, keepdims=True), hits.sum(axis=1, keepdims=True)
        for halvings in range(_TARGETS):
            target = 1 - (1 - precision) / 2**halvings
            (chosen,) = _lowest(all_hits, all_number, target)
            without = _lowest(all_hits - hits, all_number - number, target)
            nights = np.flatnonzero(without >= 0)
            accepted_number = number[without[nights], nights]
            accepted_hits = hits[without[nights], nights].sum()
            total, there = int(accepted_number.sum()), int((accepted_number > 0).sum())
            if (
                chosen >= 0
                and there >= MIN_NIGHTS
                and accepted_hits / (total + 1) >= precision
            ):  # fmt: skip
                return float(sure[order][last[chosen]]), float(accepted_hits / total), total, there
    return np.inf, np.nan, 0, 0


def _lowest(hits: Integers, number: Integers, target: float) -> Integers:
    """Return down each column the last row that reaches the target; -1 where none does."""
    # where none is added, it is the night left out that has a prediction, and cannot be known
    reaches = (hits >= target * (number + 1)) & (np.diff(number, axis=0, prepend=0) > 0)
    last = len(reaches) - 1 - reaches[::-1].argmax(axis=0)
    return np.where(reaches.any(axis=0), last, -1)
