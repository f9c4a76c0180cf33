r"""Cohen's kappa and the agreement on single classes, with limits that know of nights.

The share of frames with the same label says little where one class is common: two labellers who
draw their labels by lot agree too. Cohen's kappa (Cohen 1960, doi:10.1177/001316446002000104) is the
share of the agreement beyond chance,

.. math:: \kappa = \frac{p_o - p_e}{1 - p_e}, \qquad p_e = \sum_c p_{c\cdot}\, p_{\cdot c},

with the observed agreement :math:`p_o` and the shares :math:`p_{c\cdot}` and :math:`p_{\cdot c}` of
each class in the two sets. The agreement on one class (Dice 1945, doi:10.2307/1932409; the F1 score,
whichever set is taken for the truth) is

.. math:: F_c = \frac{2 n_{cc}}{n_{c\cdot} + n_{\cdot c}}.

Frames of a night are nearly the same picture, so limits come from leaving out one night, or a block
of nights, at a time: see :mod:`auroral_stats.uncertainty`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auroral_stats.intervals import rate_interval
from auroral_stats.uncertainty import Replicates, effective_clusters, interval_over_levels

__all__ = ["class_agreement", "class_sums", "kappa", "kappa_interval"]

Array = NDArray[np.float64]


def kappa(counts: ArrayLike) -> tuple[Array, Array, Array]:
    """Return the observed agreement, the agreement by chance, and Cohen's kappa.

    Parameters
    ----------
    counts : array_like, (..., class, class)
        Frames by the two labels.

    Returns
    -------
    observed, chance, kappa : ndarray, (...)
        NaN without frames; kappa also where both labels are always of one and the same class.

    Examples
    --------
    Two judges of 200 cases (Cohen 1968, doi:10.1037/h0026256, table 1):

    >>> observed, chance, value = kappa([[88, 14, 18], [10, 40, 10], [2, 6, 12]])
    >>> round(float(observed), 2), round(float(chance), 2), round(float(value), 3)
    (0.7, 0.41, 0.492)
    """
    counts = np.asarray(counts, dtype=float)
    same = np.trace(counts, axis1=-2, axis2=-1)
    return _kappa(same, counts.sum(-1), counts.sum(-2))


def _kappa(same: Array, rows: Array, columns: Array) -> tuple[Array, Array, Array]:
    """Return agreement, chance and kappa from the frames with one label, and those of each class."""
    total = rows.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        observed = np.where(total > 0, same / total, np.nan)
        chance = np.where(total > 0, (rows * columns).sum(axis=-1) / total**2, np.nan)
        beyond = np.where(chance < 1, (observed - chance) / (1 - chance), np.nan)
    return observed, chance, beyond


def class_agreement(counts: ArrayLike) -> Array:
    """Return the agreement on each class, twice the common frames over the frames of both.

    Parameters
    ----------
    counts : array_like, (..., class, class)
        Frames by the two labels.

    Returns
    -------
    ndarray, (..., class)
        NaN for a class that neither gave.

    Examples
    --------
    >>> class_agreement([[40, 10], [0, 50]]).round(3).tolist()
    [0.889, 0.909]
    """
    common, both = class_sums(np.asarray(counts, dtype=float))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(both > 0, common / both, np.nan)


def class_sums(counts: Array) -> tuple[Array, Array]:
    """Return the two terms of :func:`class_agreement`, which add up over nights.

    Parameters
    ----------
    counts : ndarray, (..., class, class)

    Returns
    -------
    common, both : ndarray, (..., class)
        Twice the frames of a class by both labels, and the frames of it by either.
    """
    return 2 * np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(-1) + counts.sum(-2)


def kappa_interval(counts: Array, night: NDArray[np.datetime64]) -> tuple[Array, Array]:
    r"""Return the 95 % interval of kappa from leaving out a night, or a block of nights, at a time.

    Parameters
    ----------
    counts : ndarray, (night, ..., class, class)
        Frames by the two labels.
    night : ndarray of datetime64, (night,)
        Increasing, each once.

    Returns
    -------
    low, high : ndarray, (...)
        On the scale of Fisher's z, :math:`\operatorname{artanh} \kappa`, with Student's t and the
        smallest of the effective number of nights, of those with a frame on which the labels agree
        and of those with one on which they do not. NaN where kappa is undefined, with fewer than
        three nights, and where kappa rests on a single night. If the labels agree on every frame,
        the limits are those that belong to the limits of the observed agreement.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> nights = np.datetime64("2014-01-01") + np.arange(30)
    >>> counts = np.stack([rng.multinomial(60, [0.4, 0.1, 0.1, 0.4]) for _ in nights])
    >>> low, high = kappa_interval(counts.reshape(30, 2, 2), nights)
    >>> bool(low < 0.6 < high)
    True
    """
    counts = np.asarray(counts, dtype=float)
    number, *shape, classes, _ = counts.shape
    flat = counts.reshape(number, -1, classes, classes)
    same = np.trace(flat, axis1=-2, axis2=-1)
    rows, columns = flat.sum(-1), flat.sum(-2)
    # One array a class, so that what is worked on at a time is some of the groups, never a part
    # of the classes.
    arrays = [same, *np.moveaxis(rows, -1, 0), *np.moveaxis(columns, -1, 0)]
    ((low, high),) = interval_over_levels(_kappa_replicates, arrays, night)
    low, high = 2 * low - 1, 2 * high - 1
    total = rows.sum(-1)
    _, chance, value = _kappa(same.sum(0), rows.sum(0), columns.sum(0))
    agreed, _ = rate_interval(same, total, night)
    with np.errstate(invalid="ignore", divide="ignore"):
        edge = np.where(value == 1, (agreed - chance) / (1 - chance), low)
    high = np.where((value == 1) & np.isfinite(edge), 1.0, high)
    return edge.reshape(shape), high.reshape(shape)


def _kappa_replicates(*arrays: Array) -> tuple[Replicates]:
    """Return (1 + kappa) / 2, whose logit is twice the Fisher z of kappa."""
    same, *margins = arrays
    half = len(margins) // 2
    rows, columns = (np.stack(part, axis=-1) for part in (margins[:half], margins[half:]))
    totals = same.sum(0), rows.sum(0), columns.sum(0)
    frames = rows.sum(axis=-1)
    _, _, value = _kappa(*totals)
    _, _, without = _kappa(totals[0] - same, totals[1] - rows, totals[2] - columns)
    df = effective_clusters(same, frames) - 1
    return (Replicates((1 + value) / 2, (1 + without) / 2, frames > 0, df),)
