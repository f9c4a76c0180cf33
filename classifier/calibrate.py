r"""Temperature scaling, and the losses that say whether it was needed.

A network that says 0.99 and is right in nine cases of ten cannot be used in a soft rate. Dividing
its logits by one number, the temperature T, changes no prediction and mends most of this (Guo et
al. 2017, arXiv 1706.04599):

.. math::

    p_k = \frac{e^{z_k / T}}{\sum_j e^{z_j / T}}

T is fitted on station-nights that neither trained the classifier nor test it; T > 1 says that the
classifier was over-confident. How well calibrated the result is, is measured in
:mod:`classifier.calibration_error`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auroral_stats.errors import DataError, UsageError

__all__ = [
    "TEMPERATURES",
    "brier_score",
    "check_logits",
    "check_probabilities",
    "fit_temperature",
    "negative_log_likelihood",
    "softmax",
]

Array = NDArray[np.float64]

#: The fit ends at these: beyond, probabilities are all alike or all 0 and 1.
TEMPERATURES = (0.05, 20.0)

_STEPS = 60  # halvings of the interval: far below what matters


def softmax(logits: ArrayLike, temperature: float = 1.0) -> Array:
    """Return the probabilities that logits stand for.

    Parameters
    ----------
    logits : array_like, (n, class)
        A class that the classifier does not know may be minus infinity.
    temperature : float

    Returns
    -------
    ndarray of float64, (n, class)

    Raises
    ------
    DataError
        If a logit is NaN, or a row has no finite one.
    UsageError
        If the temperature is not positive.

    Examples
    --------
    >>> softmax([[0.0, np.log(3.0)]]).tolist()
    [[0.25, 0.75]]
    >>> softmax([[0.0, 2 * np.log(3.0)]], temperature=2.0).tolist()
    [[0.25, 0.75]]
    """
    z = check_logits(logits)
    if not (np.isfinite(temperature) and temperature > 0):
        raise UsageError(f"temperature is {temperature}; expected a number above 0.")
    p = np.exp((z - z.max(1, keepdims=True)) / temperature)
    return p / p.sum(1, keepdims=True)


def fit_temperature(logits: ArrayLike, label: ArrayLike) -> float:
    r"""Return the temperature under which the labels are most likely.

    Parameters
    ----------
    logits : array_like, (n, class)
        For pictures of station-nights that did not train the classifier.
    label : array_like of int, (n,)

    Returns
    -------
    float
        At the end of :data:`TEMPERATURES` where the likelihood still grows there, as it does when
        all predictions are right.

    Raises
    ------
    DataError
        If there is no picture, a logit is NaN, or a label is out of range.

    Notes
    -----
    The mean negative log-likelihood is convex in :math:`\beta = 1/T`; its slope

    .. math::

        \frac{1}{n} \sum_i \left(\sum_k p_{ik} z_{ik} - z_{i y_i}\right)

    grows with :math:`\beta`, and its zero is found by bisection. A label that the classifier gives
    no chance at any temperature tells nothing about it and is left out.

    Examples
    --------
    Logits that are twice too large:

    >>> rng = np.random.default_rng(1)
    >>> z = rng.normal(size=(20_000, 6))
    >>> y = (softmax(z).cumsum(1) < rng.random((20_000, 1))).sum(1)
    >>> round(fit_temperature(2 * z, y), 1)
    2.0
    """
    z = check_logits(logits)
    y = _check_labels(label, z.shape)
    known = np.isfinite(z[np.arange(y.size), y])
    if not known.any():
        raise DataError(
            "temperature: no picture to fit it on; expected held-out station-nights with classes "
            "that the classifier knows."
        )
    z, y = z[known], y[known]
    z = z - z.max(1, keepdims=True)
    chosen = z[np.arange(y.size), y]
    finite = np.where(np.isfinite(z), z, 0.0)

    def slope(beta: float) -> float:
        p = np.exp(beta * z)
        return float(((p * finite).sum(1) / p.sum(1) - chosen).mean())

    low, high = (np.log(1 / t) for t in reversed(TEMPERATURES))
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if slope(float(np.exp(middle))) < 0:
            low = middle
        else:
            high = middle
    return float(np.exp(-(low + high) / 2))


def negative_log_likelihood(probability: ArrayLike, label: ArrayLike) -> float:
    """Return the mean of -log of the probability given to the true class, in nats.

    Parameters
    ----------
    probability : array_like, (n, class)
    label : array_like of int, (n,)

    Returns
    -------
    float
        Infinite if a true class was given probability 0; NaN for no picture.

    Examples
    --------
    >>> round(negative_log_likelihood([[0.5, 0.5], [0.1, 0.9]], [0, 1]), 4)
    0.3993
    """
    p = check_probabilities(probability)
    y = _check_labels(label, p.shape)
    if not y.size:
        return float("nan")
    with np.errstate(divide="ignore"):
        return float(-np.log(p[np.arange(y.size), y]).mean())


def brier_score(probability: ArrayLike, label: ArrayLike) -> float:
    r"""Return the Brier score, :math:`\frac{1}{n} \sum_i \sum_k (p_{ik} - [y_i = k])^2`.

    Parameters
    ----------
    probability : array_like, (n, class)
    label : array_like of int, (n,)

    Returns
    -------
    float
        0 at best, 2 at worst (Brier 1950, all classes summed); NaN for no picture.

    Examples
    --------
    >>> brier_score([[1.0, 0.0], [0.5, 0.5]], [0, 1])
    0.25
    """
    p = check_probabilities(probability)
    y = _check_labels(label, p.shape)
    if not y.size:
        return float("nan")
    off = p.copy()
    off[np.arange(y.size), y] -= 1
    return float((off**2).sum(1).mean())


def check_logits(logits: ArrayLike) -> Array:
    """Return logits as float64 (n, class), or refuse what are none."""
    z = np.asarray(logits, dtype=np.float64)
    if z.ndim != 2 or z.shape[1] < 2:
        raise DataError(f"logits have the shape {z.shape}; expected (picture, class).")
    if np.isnan(z).any() or np.isposinf(z).any() or np.isneginf(z).all(1).any():
        raise DataError("logits hold NaN or infinity; the training behind them went wrong.")
    return z


def check_probabilities(probability: ArrayLike) -> Array:
    """Return probabilities as float64 (n, class), or refuse what are none."""
    p = np.asarray(probability, dtype=np.float64)
    if p.ndim != 2 or p.shape[1] < 2:
        raise DataError(f"probabilities have the shape {p.shape}; expected (picture, class).")
    # float32 models sum to 1 within rounding
    if p.size and not ((p >= 0).all() and np.allclose(p.sum(1), 1, atol=1e-4)):
        raise DataError("probabilities are negative, NaN, or do not sum to 1 in each row.")
    return p


def _check_labels(label: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.int64]:
    y = np.asarray(label).astype(np.int64)
    if y.shape != shape[:1]:
        raise DataError(f"label has the shape {y.shape}; expected {shape[:1]}, one a picture.")
    if y.size and not (y.min() >= 0 and y.max() < shape[1]):
        raise DataError(f"label holds {y.min()} to {y.max()}; expected 0 to {shape[1] - 1}.")
    return y
