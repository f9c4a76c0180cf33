r"""How far probabilities are from the frequencies they promise, and how far chance alone would be.

The expected calibration error (ECE) compares the confidence (the largest of the six probabilities)
with the share of right predictions, in bins of confidence:

.. math::

    \mathrm{ECE} = \sum_b \frac{n_b}{n} \left| \mathrm{acc}_b - \mathrm{conf}_b \right|

It is never 0 for a finite sample: a perfectly calibrated model has an ECE of the order of
:math:`\sqrt{B/n}`. :func:`perfect_band` says what it would be, by drawing labels from the
predicted probabilities themselves (a parametric bootstrap), and an ECE inside that band is no
evidence against calibration.

Pictures of a station-night are right or wrong together, so that a sample is worth less than its
size. The clustered band keeps every probability as it is and lets labels of one station-night be
drawn with one shared random number with a chance that is fitted to the residuals
(:func:`shared_chance`); it is the honest one for frames seconds apart.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auroral_stats.errors import UsageError
from classifier.calibrate import (
    brier_score,
    check_probabilities,
    negative_log_likelihood,
)

__all__ = [
    "BINS",
    "MEASURES",
    "Band",
    "Reliability",
    "bin_edges",
    "calibration_error",
    "classwise_error",
    "measure",
    "perfect_band",
    "reliability",
    "shared_chance",
]

Array = NDArray[np.float64]
Binning = Literal["equal", "adaptive"]

#: As in Guo et al. 2017.
BINS = 15

#: Measures of :func:`measure`, and what a table calls them.
MEASURES = {
    "ece": "ECE, 15 equal bins",
    "adaptive_ece": "ECE, 15 bins of equal numbers",
    "classwise_ece": "ECE, mean over classes",
    "brier": "Brier score",
    "nll": "negative log-likelihood",
}


class Band(NamedTuple):
    """What a perfectly calibrated model of this sample size would show in 95 of 100 cases."""

    low: float
    median: float
    high: float


class Reliability(NamedTuple):
    """Bins of confidence; all (bin,), NaN where a bin is empty.

    ``low`` and ``high`` are the 95 % range of ``accuracy`` under perfect calibration.
    """

    lower: Array
    upper: Array
    pictures: NDArray[np.int64]
    confidence: Array
    accuracy: Array
    low: Array
    high: Array


def bin_edges(confidence: ArrayLike, bins: int = BINS, binning: Binning = "equal") -> Array:
    """Return the edges of bins of confidence.

    Parameters
    ----------
    confidence : array_like, (n,)
    bins : int
    binning : {"equal", "adaptive"}
        Equal widths from 0 to 1, or quantiles of the confidence, which put equal numbers of
        pictures into each bin.

    Returns
    -------
    ndarray, (bin + 1,)

    Examples
    --------
    >>> bin_edges([0.9, 0.8], bins=4).tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    if bins < 1 or binning not in {"equal", "adaptive"}:
        raise UsageError(f"{bins} bins, {binning!r}: expected 1 or more, 'equal' or 'adaptive'.")
    c = np.asarray(confidence, dtype=np.float64)
    if binning == "equal" or not c.size:
        return np.linspace(0, 1, bins + 1)
    edges = np.quantile(c, np.linspace(0, 1, bins + 1))
    edges[0], edges[-1] = 0.0, 1.0
    return edges


def calibration_error(
    confidence: ArrayLike,
    correct: ArrayLike,
    bins: int = BINS,
    binning: Binning = "equal",
) -> float:
    """Return the expected calibration error of predictions.

    Parameters
    ----------
    confidence : array_like, (n,)
        Probability of what was predicted.
    correct : array_like of bool, (n,)
    bins : int
    binning : {"equal", "adaptive"}

    Returns
    -------
    float
        Between 0 and 1; NaN for no picture.

    Examples
    --------
    >>> round(calibration_error([0.9, 0.9, 0.6, 0.6], [1, 1, 1, 0]), 3)
    0.1
    """
    c = np.asarray(confidence, dtype=np.float64)
    which = _bin_of(c, bin_edges(c, bins, binning))
    return _error(which, c, np.asarray(correct, dtype=np.float64), bins)


def classwise_error(probability: ArrayLike, label: ArrayLike, bins: int = BINS) -> Array:
    """Return the calibration error of the probability of each class by itself.

    Parameters
    ----------
    probability : array_like, (n, class)
    label : array_like of int, (n,)
    bins : int
        Of equal width.

    Returns
    -------
    ndarray, (class,)
        Their mean is the classwise ECE (Kull et al. 2019, arXiv 1910.12656).
    """
    p = check_probabilities(probability)
    y = np.asarray(label)
    return np.array(
        [calibration_error(p[:, k], y == k, bins) for k in range(p.shape[1])], dtype=np.float64
    )


def measure(probability: ArrayLike, label: ArrayLike) -> dict[str, float]:
    """Return all measures of :data:`MEASURES`.

    Parameters
    ----------
    probability : array_like, (n, class)
    label : array_like of int, (n,)

    Returns
    -------
    dict of str to float

    Examples
    --------
    >>> {k: round(v, 2) for k, v in measure([[0.8, 0.2]] * 4, [0, 0, 0, 1]).items()}
    {'ece': 0.05, 'adaptive_ece': 0.05, 'classwise_ece': 0.05, 'brier': 0.38, 'nll': 0.57}
    """
    p = check_probabilities(probability)
    y = np.asarray(label)
    confidence, correct = p.max(1, initial=0), p.argmax(1) == y
    return {
        "ece": calibration_error(confidence, correct),
        "adaptive_ece": calibration_error(confidence, correct, binning="adaptive"),
        "classwise_ece": float(classwise_error(p, y).mean()),
        "brier": brier_score(p, y),
        "nll": negative_log_likelihood(p, y),
    }


def shared_chance(probability: ArrayLike, label: ArrayLike, group: ArrayLike) -> float:
    r"""Return how much pictures of a station-night are right or wrong together.

    Parameters
    ----------
    probability : array_like, (n, class)
    label : array_like of int, (n,)
    group : array_like of int, (n,)
        Station-night of each picture.

    Returns
    -------
    float
        From 0, independent, to 1, all decided by one random number.

    Notes
    -----
    Two pictures that are decided by one random number u (right if u < c) have the covariance
    :math:`\min(c_i, c_j) - c_i c_j`. With the residuals :math:`r_i` = right - c,

    .. math::

        \rho = \frac{\sum_g \sum_{i \ne j} r_i r_j}{\sum_g \sum_{i \ne j} \min(c_i, c_j) - c_i c_j}.

    c is not the confidence but the share right among pictures of like confidence (15 bins of equal
    numbers): an error that all nights share is bad calibration and must not widen the band that
    calibration is held against.
    """
    p = check_probabilities(probability)
    right = (p.argmax(1) == np.asarray(label)).astype(np.float64)
    confidence = p.max(1, initial=0)
    which = _bin_of(confidence, bin_edges(confidence, BINS, "adaptive"))
    pictures = np.bincount(which, minlength=BINS)
    share = np.bincount(which, right, minlength=BINS) / np.maximum(pictures, 1)
    fitted = share[which]
    residual = right - fitted
    seen = expected = 0.0
    for rows in _members(group):
        c = np.sort(fitted[rows])
        # the sum of min(c_i, c_j) over ordered pairs, from the sorted values
        smaller = 2 * (c * np.arange(c.size - 1, -1, -1)).sum()
        expected += smaller - (c.sum() ** 2 - (c**2).sum())
        seen += residual[rows].sum() ** 2 - (residual[rows] ** 2).sum()
    return float(np.clip(seen / expected, 0, 1)) if expected > 0 else 0.0


def perfect_band(
    probability: ArrayLike,
    *,
    name: str = "ece",
    group: ArrayLike | None = None,
    chance: float = 0.0,
    draws: int = 1000,
    seed: int = 0,
) -> Band:
    """Return what a measure would be if the probabilities were exactly right.

    Parameters
    ----------
    probability : array_like, (n, class)
    name : str
        One of :data:`MEASURES`.
    group : array_like of int, (n,), optional
        Station-night of each picture, for a band that knows that these go together.
    chance : float
        From :func:`shared_chance`: how often a picture takes the random number of its station-night
        is the square root of this, so that two pictures share it with this chance.
    draws : int
        Sets of labels that are drawn.
    seed : int

    Returns
    -------
    Band
        2.5, 50 and 97.5 % quantiles.

    Raises
    ------
    UsageError
        If the measure is unknown, or ``chance`` is not between 0 and 1.

    Examples
    --------
    >>> p = np.full((600, 2), [0.7, 0.3])
    >>> [round(v, 3) for v in perfect_band(p)]
    [0.0, 0.013, 0.042]
    """
    if name not in MEASURES:
        raise UsageError(f"name is {name!r}; expected one of {', '.join(MEASURES)}.")
    if not 0 <= chance <= 1:
        raise UsageError(f"chance is {chance}; expected 0 to 1.")
    p = check_probabilities(probability)
    if not p.shape[0]:
        return Band(np.nan, np.nan, np.nan)
    rng = np.random.default_rng(seed)
    # the predicted class first, so that u < confidence means right
    order = np.argsort(-p, axis=1, kind="stable")
    ladder = np.take_along_axis(p, order, 1).cumsum(1)
    members = np.zeros(p.shape[0], dtype=np.int64) if group is None else _numbered(group)
    count = int(members.max()) + 1
    values: Array = np.empty(draws)
    binning: Binning = "adaptive" if name == "adaptive_ece" else "equal"
    which = _bin_of(ladder[:, 0], bin_edges(ladder[:, 0], BINS, binning))
    for i in range(draws):
        u: Array = rng.random(len(p))
        if group is not None and chance > 0:
            shared = rng.random(len(p)) < np.sqrt(chance)
            u = np.where(shared, rng.random(count)[members], u)
        if name in {"ece", "adaptive_ece"}:
            right = (u < ladder[:, 0]).astype(np.float64)
            values[i] = _error(which, ladder[:, 0], right, BINS)
            continue
        rung = np.minimum((ladder < u[:, None]).sum(1), p.shape[1] - 1)
        label = order[np.arange(p.shape[0]), rung]
        values[i] = _SLOWER[name](p, label)
    return Band(*(float(v) for v in np.quantile(values, (0.025, 0.5, 0.975))))


_SLOWER = {
    "classwise_ece": lambda p, y: float(classwise_error(p, y).mean()),
    "brier": brier_score,
    "nll": negative_log_likelihood,
}


def reliability(
    confidence: ArrayLike,
    correct: ArrayLike,
    bins: int = BINS,
    binning: Binning = "equal",
    *,
    draws: int = 1000,
    seed: int = 0,
) -> Reliability:
    """Return the bins of a reliability diagram.

    Parameters
    ----------
    confidence : array_like, (n,)
    correct : array_like of bool, (n,)
    bins : int
    binning : {"equal", "adaptive"}
    draws, seed : int
        Of the range under perfect calibration (consistency bars of Bröcker & Smith 2007, doi
        10.1175/WAF993.1, for the confidences at hand).

    Returns
    -------
    Reliability
    """
    c, hit = np.asarray(confidence, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    edges = bin_edges(c, bins, binning)
    which = _bin_of(c, edges)
    n = np.bincount(which, minlength=bins)

    def mean(values: Array) -> Array:
        sums = np.bincount(which, values, minlength=bins)
        return np.divide(sums, n, out=np.full(bins, np.nan), where=n > 0)

    rng = np.random.default_rng(seed)
    drawn = np.array([mean((rng.random(c.size) < c).astype(float)) for _ in range(draws)])
    low, high = np.quantile(drawn, (0.025, 0.975), axis=0)
    return Reliability(edges[:-1], edges[1:], n.astype(np.int64), mean(c), mean(hit), low, high)


def _bin_of(values: Array, edges: Array) -> NDArray[np.int64]:
    """Bins are (lower, upper] as in Guo et al.; 0 lies in the first."""
    return np.clip(np.searchsorted(edges, values, side="left") - 1, 0, edges.size - 2)


def _error(which: NDArray[np.int64], confidence: Array, correct: Array, bins: int) -> float:
    if not confidence.size:
        return float("nan")
    gap = np.abs(np.bincount(which, correct - confidence, minlength=bins))
    return float(gap.sum() / confidence.size)


def _numbered(group: ArrayLike) -> NDArray[np.int64]:
    return np.unique(np.asarray(group), return_inverse=True)[1].astype(np.int64)


def _members(group: ArrayLike) -> list[NDArray[np.int64]]:
    number = _numbered(group)
    order = np.argsort(number, kind="stable")
    return np.split(order, np.cumsum(np.bincount(number))[:-1]) if number.size else []
