r"""Accuracy against coverage: what is gained by leaving out the frames that the model doubts.

Frames are accepted in the order of their confidence. The curve says which share of the frames can
be kept at which accuracy, and which threshold of confidence does that.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auroral_stats.errors import DataError

__all__ = ["CoverageAccuracy", "accuracy_at", "coverage_accuracy"]

Array = NDArray[np.float64]


class CoverageAccuracy(NamedTuple):
    """The curve; arrays (m,), from the most confident frames alone to all of them.

    ``threshold``: frames with at least this confidence are kept. ``risk_area``: mean share of
    wrong frames over all coverages (AURC, Geifman & El-Yaniv 2017, arXiv 1705.08500); 0 at best.
    """

    coverage: Array
    accuracy: Array
    threshold: Array
    risk_area: float


def coverage_accuracy(confidence: ArrayLike, correct: ArrayLike) -> CoverageAccuracy:
    """Return the accuracy of the most confident share of the frames, for every share.

    Parameters
    ----------
    confidence : array_like, (n,)
    correct : array_like of bool, (n,)

    Returns
    -------
    CoverageAccuracy
        One point for each distinct confidence: frames of equal confidence are accepted together,
        since nothing tells which would be first.

    Raises
    ------
    DataError
        If lengths differ, there is no frame, or a confidence is NaN.

    Examples
    --------
    >>> curve = coverage_accuracy([0.9, 0.9, 0.6, 0.5], [1, 1, 1, 0])
    >>> curve.coverage.tolist(), curve.accuracy.tolist()
    ([0.5, 0.75, 1.0], [1.0, 1.0, 0.75])
    """
    c, hit = np.asarray(confidence, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    if c.shape != hit.shape or c.ndim != 1 or not c.size or np.isnan(c).any():
        raise DataError(
            f"confidence and correct have the shapes {c.shape} and {hit.shape}; expected two rows "
            "of one length, not empty and without NaN."
        )
    order = np.argsort(-c, kind="stable")
    c, hits = c[order], hit[order].cumsum()
    last = np.append(np.flatnonzero(np.diff(c)), c.size - 1)
    kept = last + 1
    accuracy = hits[last] / kept
    step = np.diff(kept, prepend=0) / c.size
    return CoverageAccuracy(kept / c.size, accuracy, c[last], float(((1 - accuracy) * step).sum()))


def accuracy_at(curve: CoverageAccuracy, coverage: float) -> float:
    """Return the accuracy when at least this share of the frames is kept.

    Examples
    --------
    >>> accuracy_at(coverage_accuracy([0.9, 0.8, 0.6, 0.5], [1, 1, 1, 0]), 0.6)
    1.0
    """
    at = int(np.searchsorted(curve.coverage, coverage - 1e-12))
    return float(curve.accuracy[min(at, curve.accuracy.size - 1)])
