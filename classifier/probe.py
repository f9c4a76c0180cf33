r"""Classifiers of representations that need no network: logistic regression and neighbours.

How well a plain classifier does on the representations of a frozen encoder says what the encoder
has learnt. Both classifiers here return logits (for neighbours: logarithms of shares), so that one
temperature calibrates either.

Features are standardised by the mean and standard deviation of the training pictures alone. The
strength of the l2 penalty is chosen by the likelihood of held-out station-nights of the training
pictures, never by the test pictures: pictures of one station-night are near copies, so that folds
that parted them would always ask for too weak a penalty.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auroral_stats.brief import Brief
from auroral_stats.errors import UsageError
from auroral_stats.labels import CLASSES
from classifier.calibrate import fit_temperature, negative_log_likelihood, softmax
from classifier.training_sets import calibration_parts, check_training_set, standardisation

__all__ = [
    "PENALTIES",
    "LinearProbe",
    "Neighbours",
    "Probe",
    "fit_linear",
    "fit_neighbours",
]

Array = NDArray[np.float64]

#: Values of C that are tried, from strong to weak penalty (scikit-learn's C, the inverse of it).
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)

_ITERATIONS = 300
_TOLERANCE = 1e-3
_SLAB = 512  # test pictures whose similarities are held at once


@dataclass(frozen=True, eq=False, repr=False)
class LinearProbe(Brief):
    """Multinomial logistic regression.

    Attributes
    ----------
    mean, scale : ndarray, (feature,)
        Of the training pictures.
    weight : ndarray, (class, feature)
    bias : ndarray, (class,)
        Minus infinity for a class without training pictures: it is never predicted.
    c : float
        Inverse of the l2 penalty, as scikit-learn has it.
    temperature : float
        From held-out station-nights of the training pictures; 1 where none was fitted.
    """

    mean: Array
    scale: Array
    weight: Array
    bias: Array
    c: float
    temperature: float = 1.0

    def logits(self, features: ArrayLike) -> Array:
        """Return logits (n, class) of features (n, feature)."""
        h = (np.asarray(features, dtype=np.float64) - self.mean) / self.scale
        return h @ self.weight.T + self.bias


@dataclass(frozen=True, eq=False, repr=False)
class Neighbours(Brief):
    """The share of each class among the most similar training pictures.

    Attributes
    ----------
    reference : ndarray of float32, (n, feature)
        Standardised features of the training pictures, scaled to length 1.
    label : ndarray of int64, (n,)
    mean, scale : ndarray, (feature,)
    share : ndarray, (class,)
        Of the training pictures: the vote of one further neighbour, so that no class that was
        trained has probability 0, and ties go to the commoner class.
    k : int
    temperature : float
    """

    reference: NDArray[np.float32]
    label: NDArray[np.int64]
    mean: Array
    scale: Array
    share: Array
    k: int
    temperature: float = 1.0

    def logits(self, features: ArrayLike) -> Array:
        """Return logarithms of shares (n, class) of features (n, feature)."""
        h = _unit((np.asarray(features, dtype=np.float64) - self.mean) / self.scale)
        votes = np.empty((len(h), self.share.size))
        for start in range(0, len(h), _SLAB):
            similar = h[start : start + _SLAB] @ self.reference.T
            nearest = np.argpartition(-similar, self.k - 1, axis=1)[:, : self.k]
            one_hot = np.eye(self.share.size)[self.label[nearest]]
            votes[start : start + _SLAB] = one_hot.sum(1)
        with np.errstate(divide="ignore"):
            return np.log((votes + self.share) / (self.k + 1))


#: What both have: ``logits(features)`` and ``temperature``.
Probe = LinearProbe | Neighbours


def fit_linear(
    features: ArrayLike,
    label: ArrayLike,
    group: ArrayLike,
    *,
    c: float | None = None,
    seed: int = 0,
) -> LinearProbe:
    r"""Fit l2-regularised logistic regression, its penalty and its temperature.

    Parameters
    ----------
    features : array_like, (n, feature)
        Representations of the training pictures.
    label : array_like of int, (n,)
    group : array_like of int, (n,)
        Station-night of each picture.
    c : float, optional
        Inverse of the penalty; by default the one of :data:`PENALTIES` under which the labels of
        held-out station-nights are most likely at their best temperature.
    seed : int
        Of the parts into which station-nights are dealt.

    Returns
    -------
    LinearProbe
        Fitted to all pictures. Its temperature comes from five fits (three with fewer than ten
        station-nights), each tested on the station-nights that it was not given; with fewer than
        three it is 1.

    Raises
    ------
    DataError
        If there is a single class, a feature is NaN, or shapes do not fit.

    Notes
    -----
    scikit-learn's ``LogisticRegression`` (L-BFGS) minimises
    :math:`\tfrac12 \lVert W \rVert^2 + C \sum_i -\log p_{i y_i}`; the bias is not penalised.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> label = np.arange(300) % 3
    >>> h = np.eye(3)[label] * 4 + rng.normal(size=(300, 3))
    >>> probe = fit_linear(h, label, np.arange(300) // 10)
    >>> float((probe.logits(h).argmax(1) == label).mean()) > 0.95
    True
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    h, y, g = check_training_set(features, label, group)
    choices = PENALTIES if c is None else (c,)
    if min(choices) <= 0:
        raise UsageError(f"c is {c}; expected a number above 0.")
    # the matrices are so small that threads would mostly wait for each other
    with threadpool_limits(1):
        return _fit_linear(h, y, g, choices, seed)


def fit_neighbours(
    features: ArrayLike, label: ArrayLike, group: ArrayLike, *, k: int = 20, seed: int = 0
) -> Neighbours:
    """Keep the training pictures for a vote of the k most similar (cosine of standardised features).

    Parameters
    ----------
    features : array_like, (n, feature)
    label : array_like of int, (n,)
    group : array_like of int, (n,)
        Station-night of each picture.
    k : int
        Reduced to the number of training pictures where these are fewer.
    seed : int

    Returns
    -------
    Neighbours
        Its temperature comes from station-nights held out of the vote.

    Raises
    ------
    DataError
        As :func:`fit_linear`.

    Examples
    --------
    >>> h = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
    >>> found = fit_neighbours(h, [0, 0, 5, 5], [0, 1, 2, 3], k=1)
    >>> found.logits([[0.9, 0.0], [0.0, 0.9]]).argmax(1).tolist()
    [0, 5]
    """
    if k < 1:
        raise UsageError(f"k is {k}; expected 1 or more neighbours.")
    h, y, g = check_training_set(features, label, group)
    parts = calibration_parts(y, g, seed)
    temperature = 1.0
    if parts:
        held = np.concatenate(
            [_vote(h[train], y[train], k).logits(h[test]) for train, test in parts]
        )
        true = np.concatenate([y[test] for _, test in parts])
        if np.isfinite(held[np.arange(true.size), true]).any():
            temperature = fit_temperature(held, true)
    found = _vote(h, y, k)
    return Neighbours(**{**vars(found), "temperature": temperature})


def _fit_linear(
    h: Array, y: NDArray[np.int64], g: NDArray[np.int64], choices: tuple[float, ...], seed: int
) -> LinearProbe:
    mean, scale = standardisation(h)
    parts = calibration_parts(y, g, seed)
    # without nights to hold out, a penalty of medium strength
    best = (np.inf, choices[len(choices) // 2], 1.0)
    if parts:
        held = [_path(h[train], y[train], h[test], choices) for train, test in parts]
        true = np.concatenate([y[test] for _, test in parts])
        for number, choice in enumerate(choices):
            logits = np.concatenate([found[number] for found in held])
            known = np.isfinite(logits[np.arange(true.size), true])
            if not known.any():
                # each class on a night of its own: none was held out that was trained as well
                break
            temperature = fit_temperature(logits, true)
            loss = negative_log_likelihood(softmax(logits[known], temperature), true[known])
            best = min(best, (loss, choice, temperature))
    _, chosen, temperature = best
    weight, bias = _regression((h - mean) / scale, y, chosen)
    return LinearProbe(mean, scale, weight, bias, chosen, temperature)


def _path(train: Array, label: NDArray[np.int64], test: Array, choices: Any) -> list[Array]:
    """Return logits of ``test`` for each penalty, fitted to ``train``."""
    mean, scale = standardisation(train)
    inside, outside = (train - mean) / scale, (test - mean) / scale
    # C is the penalty against a sum over pictures; with fewer of them it would weigh more, and the
    # temperature of the held-out logits would be too low for the fit to all
    more = 1 + len(test) / len(train)
    found = (_regression(inside, label, more * c) for c in choices)
    return [outside @ weight.T + bias for weight, bias in found]


def _regression(h: Array, label: NDArray[np.int64], c: float) -> tuple[Array, Array]:
    """Return weight (class, feature) and bias (class,) of standardised features."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=c, max_iter=_ITERATIONS, tol=_TOLERANCE)
    with warnings.catch_warnings():
        # 300 steps leave the likelihood within rounding of its minimum, whatever the gradient
        warnings.simplefilter("ignore", ConvergenceWarning)
        # in single precision three times as fast, and the same to five digits
        model.fit(h.astype(np.float32), label)
    weight = np.zeros((len(CLASSES), h.shape[1]))
    bias = np.full(len(CLASSES), -np.inf)
    if model.classes_.size == 2:
        # one row of coefficients is the difference of two logits
        weight[model.classes_] = np.concatenate([-model.coef_, model.coef_]) / 2
        bias[model.classes_] = np.concatenate([-model.intercept_, model.intercept_]) / 2
    else:
        weight[model.classes_], bias[model.classes_] = model.coef_, model.intercept_
    return weight, bias


def _vote(h: Array, label: NDArray[np.int64], k: int) -> Neighbours:
    mean, scale = standardisation(h)
    share = np.bincount(label, minlength=len(CLASSES)) / label.size
    return Neighbours(_unit((h - mean) / scale), label, mean, scale, share, k=min(k, label.size))


def _unit(h: Array) -> NDArray[np.float32]:
    length = np.linalg.norm(h, axis=1, keepdims=True)
    return (h / np.maximum(length, 1e-12)).astype(np.float32)
