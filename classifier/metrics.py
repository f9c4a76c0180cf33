r"""Scores of predicted classes, all from counts: accuracy, precision, recall, F1, two classes.

Everything here starts from a confusion matrix, rows true and columns predicted, since counts add:
those of folds, of runs or of station-nights are summed, and a score is computed at the end. All
functions take any number of dimensions before the last two, so that a thousand resamples cost one
call.

A class that a test set does not hold has no recall and no F1: its values are NaN, never 0, and it
is left out of the macro means. A class that is there but is never predicted has precision 0 (as
scikit-learn has it with ``zero_division=0``), so that a classifier gains nothing by silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auroral_stats.brief import Brief
from auroral_stats.errors import DataError, UsageError
from auroral_stats.labels import AURORAL, CLASSES

__all__ = [
    "SCORES",
    "TWO_CLASSES",
    "Scores",
    "confusion_by_group",
    "confusion_matrix",
    "missing_classes",
    "scores",
    "two_classes",
]

Array = NDArray[np.float64]

#: Names of the two classes of the OATH set (class2): aurora is arc, diffuse and discrete.
TWO_CLASSES = ("aurora", "no aurora")

#: Single numbers of :class:`Scores`, and what a table calls them.
SCORES = {
    "accuracy": "accuracy",
    "macro_precision": "precision, macro",
    "macro_recall": "recall, macro",
    "macro_f1": "F1, macro",
    "weighted_precision": "precision, weighted",
    "weighted_recall": "recall, weighted",
    "weighted_f1": "F1, weighted",
}


@dataclass(frozen=True, repr=False)
class Scores(Brief):
    """Scores of one confusion matrix, or of many at once.

    Attributes
    ----------
    accuracy : ndarray, (...)
        Share of predictions that are right.
    precision, recall, f1 : ndarray, (..., class)
        NaN for classes that are not among the true ones.
    support : ndarray, (..., class)
        True members of each class.
    macro_precision, macro_recall, macro_f1 : ndarray, (...)
        Mean over the classes that are there, each counted once.
    weighted_precision, weighted_recall, weighted_f1 : ndarray, (...)
        Mean weighted by support. The weighted recall is the accuracy.
    """

    accuracy: Array
    precision: Array
    recall: Array
    f1: Array
    support: Array
    macro_precision: Array
    macro_recall: Array
    macro_f1: Array
    weighted_precision: Array
    weighted_recall: Array
    weighted_f1: Array


def confusion_matrix(
    true: ArrayLike, predicted: ArrayLike, classes: int = len(CLASSES)
) -> NDArray[np.int64]:
    """Count how often each class was taken for each.

    Parameters
    ----------
    true, predicted : array_like of int, (n,)
        Codes from 0 to ``classes`` - 1.
    classes : int

    Returns
    -------
    ndarray of int64, (class, class)
        Row true, column predicted.

    Raises
    ------
    DataError
        If the two differ in length, or a code is out of range.

    Examples
    --------
    >>> confusion_matrix([0, 0, 1, 2], [0, 1, 1, 1], classes=3)
    array([[1, 1, 0],
           [0, 1, 0],
           [0, 1, 0]])
    """
    one = np.zeros(np.size(np.asarray(true)), dtype=np.int64)
    return confusion_by_group(true, predicted, one, 1, classes)[0]


def confusion_by_group(
    true: ArrayLike,
    predicted: ArrayLike,
    group: ArrayLike,
    groups: int | None = None,
    classes: int = len(CLASSES),
) -> NDArray[np.int64]:
    """Count as :func:`confusion_matrix` does, for each station-night or other group by itself.

    Parameters
    ----------
    true, predicted : array_like of int, (n,)
    group : array_like of int, (n,)
        From 0.
    groups : int, optional
        How many there are; by default up to the largest that occurs.
    classes : int

    Returns
    -------
    ndarray of int64, (group, class, class)
        Its sum over groups is the confusion matrix.

    Raises
    ------
    DataError
        If lengths differ, or a code is out of range.

    Examples
    --------
    >>> confusion_by_group([0, 1], [0, 0], [0, 1], classes=2).tolist()
    [[[1, 0], [0, 0]], [[0, 0], [1, 0]]]
    """
    t, p, g = (
        _codes(name, v) for name, v in zip(_ARGUMENTS, (true, predicted, group), strict=True)
    )
    if not t.size == p.size == g.size:
        raise DataError(
            f"true, predicted and group have {t.size}, {p.size} and {g.size} values; expected "
            "one of each for every picture."
        )
    size = groups if groups is not None else int(g.max(initial=-1)) + 1
    for name, values, limit in zip(_ARGUMENTS, (t, p, g), (classes, classes, size), strict=True):
        if values.size and not (values.min() >= 0 and values.max() < limit):
            raise DataError(
                f"{name} holds {values.min()} to {values.max()}; expected codes from 0 to {limit - 1}."
            )
    flat = np.bincount((g * classes + t) * classes + p, minlength=size * classes * classes)
    return flat.reshape(size, classes, classes).astype(np.int64)


_ARGUMENTS = ("true", "predicted", "group")


def _codes(name: str, values: ArrayLike) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and not np.issubdtype(array.dtype, np.integer)):
        raise DataError(
            f"{name} is {array.dtype} of shape {array.shape}; expected a row of whole numbers."
        )
    return array.astype(np.int64)


def scores(confusion: ArrayLike) -> Scores:
    r"""Compute all scores of a confusion matrix.

    Parameters
    ----------
    confusion : array_like, (..., class, class)
        Row true, column predicted; counts, or weighted counts.

    Returns
    -------
    Scores

    Raises
    ------
    UsageError
        If the matrix is not square, or a count is negative or not finite.

    Notes
    -----
    With the confusion matrix :math:`C_{ij}`,

    .. math::

        P_j = C_{jj} / \sum_i C_{ij},\quad R_i = C_{ii} / \sum_j C_{ij},\quad
        F_i = 2 C_{ii} / (\sum_j C_{ij} + \sum_j C_{ji}).

    Examples
    --------
    >>> s = scores([[8, 2], [1, 9]])
    >>> float(s.accuracy), s.recall.tolist(), s.precision.round(3).tolist()
    (0.85, [0.8, 0.9], [0.889, 0.818])
    """
    c = np.asarray(confusion, dtype=np.float64)
    if c.ndim < 2 or c.shape[-1] != c.shape[-2]:
        raise UsageError(f"confusion has the shape {c.shape}; expected (..., class, class).")
    if not (np.isfinite(c).all() and (c >= 0).all()):
        raise UsageError("confusion holds values below 0 or not finite; expected counts.")
    hits = np.diagonal(c, axis1=-2, axis2=-1)
    support, named = c.sum(-1), c.sum(-2)
    there = support > 0
    missing = np.where(there, 0.0, np.nan)
    precision = _ratio(hits, named, empty=0.0) + missing
    recall = _ratio(hits, support)
    f1 = _ratio(2 * hits, support + named) + missing
    total = support.sum(-1)
    share = _ratio(support, total[..., None])

    def macro(values: Array) -> Array:
        return _ratio(np.where(there, values, 0.0).sum(-1), there.sum(-1))

    def weighted(values: Array) -> Array:
        # an empty matrix stays NaN: its shares are
        return (np.where(there | np.isnan(share), values, 0.0) * share).sum(-1)

    return Scores(
        accuracy=_ratio(hits.sum(-1), total),
        precision=precision, recall=recall, f1=f1, support=support,
        macro_precision=macro(precision), macro_recall=macro(recall), macro_f1=macro(f1),
        weighted_precision=weighted(precision), weighted_recall=weighted(recall),
        weighted_f1=weighted(f1),
    )  # fmt: skip


def two_classes(confusion: ArrayLike) -> NDArray[Any]:
    """Merge six classes into the two of the OATH set: aurora, and no aurora.

    A frame of an arc that is taken for diffuse aurora is then right.

    Parameters
    ----------
    confusion : array_like, (..., 6, 6)

    Returns
    -------
    ndarray, (..., 2, 2)
        In the order of :data:`TWO_CLASSES`.

    Examples
    --------
    >>> two_classes(np.ones((6, 6), dtype=int)).tolist()
    [[9, 9], [9, 9]]
    """
    c = np.asarray(confusion)
    if c.shape[-2:] != (len(CLASSES), len(CLASSES)):
        raise UsageError(f"confusion has the shape {c.shape}; expected (..., 6, 6).")
    n = len(AURORAL)  # the auroral classes come first
    rows = np.stack([c[..., :n, :].sum(-2), c[..., n:, :].sum(-2)], axis=-2)
    return np.stack([rows[..., :n].sum(-1), rows[..., n:].sum(-1)], axis=-1)


def missing_classes(label: ArrayLike, classes: Sequence[str] = CLASSES) -> tuple[str, ...]:
    """Return which classes do not occur.

    Parameters
    ----------
    label : array_like of int, (n,)
    classes : sequence of str

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> missing_classes([0, 1, 2, 3, 3])
    ('moon', 'clear')
    """
    there = set(np.unique(np.asarray(label)).tolist())
    return tuple(name for code, name in enumerate(classes) if code not in there)


def _ratio(numerator: ArrayLike, denominator: ArrayLike, empty: float = np.nan) -> Array:
    n, d = np.broadcast_arrays(np.asarray(numerator, float), np.asarray(denominator, float))
    return np.divide(n, d, out=np.full(n.shape, empty), where=d > 0)
