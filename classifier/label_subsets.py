r"""Smaller sets of labels, to see how many are needed.

A share of the labels can mean two things, which cost very different work and teach different
amounts. ``pictures``: that share of the pictures of each class, drawn at random from all nights, as
is common in machine learning; one in a hundred still shows every night. ``station-nights``: that
share of the nights, all of their pictures labelled, which is how an observer labels. Half of the
station-nights of the OATH set hold a single class, so that a few nights taken at random would lack
classes; nights are therefore drawn at random until each class that there is has been seen, and the
smallest share is what that takes. What was really labelled is always counted and reported.

Subsets are nested: those of a small share are among those of a larger one with the same seed.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auroral_stats.errors import UsageError

__all__ = ["FRACTIONS", "UNITS", "label_subset"]

Unit = Literal["pictures", "station-nights"]

#: Shares of the labels that are tried.
FRACTIONS = (0.01, 0.05, 0.1, 0.5, 1.0)
UNITS: tuple[Unit, ...] = ("pictures", "station-nights")


def label_subset(
    label: ArrayLike, group: ArrayLike, fraction: float, unit: Unit = "pictures", seed: int = 0
) -> NDArray[np.int64]:
    """Return the pictures that are labelled when only a share is.

    Parameters
    ----------
    label, group : array_like of int, (n,)
        Class and station-night of the training pictures.
    fraction : float
        Above 0, to 1.
    unit : {"pictures", "station-nights"}
    seed : int

    Returns
    -------
    ndarray of int64
        Indices of pictures, increasing. ``pictures``: of each class the share, rounded up, at
        least one. ``station-nights``: whole ones, as many as the share, rounded up, and as many
        as it takes to see each class once.

    Raises
    ------
    UsageError
        If the share or the unit cannot be.

    Examples
    --------
    >>> label = np.repeat([0, 1, 5], 100)
    >>> label_subset(label, label, 0.01).size, label_subset(label, label, 0.5).size
    (3, 150)
    >>> label_subset(label, np.arange(300) // 10, 0.01, "station-nights").size
    30
    """
    if not 0 < fraction <= 1:
        raise UsageError(f"fraction is {fraction}; expected a number above 0, at most 1.")
    if unit not in UNITS:
        raise UsageError(f"unit is {unit!r}; expected one of {', '.join(UNITS)}.")
    y, g = np.asarray(label).astype(np.int64), np.asarray(group)
    rng = np.random.default_rng(seed)
    if unit == "pictures":
        chosen = []
        for code in np.unique(y):
            rows = rng.permutation(np.flatnonzero(y == code))
            chosen.append(rows[: _share(rows.size, fraction)])
        return np.sort(np.concatenate(chosen)) if chosen else np.empty(0, dtype=np.int64)
    order, covering = _covering_first(y, g, rng.permutation(np.unique(g)))
    count = max(_share(order.size, fraction), covering)
    return np.flatnonzero(np.isin(g, order[:count]))


def _covering_first(
    label: NDArray[np.int64], group: NDArray[np.generic], order: NDArray[np.generic]
) -> tuple[NDArray[np.generic], int]:
    """Put the station-nights that show a class for the first time in front, and count them."""
    seen: set[int] = set()
    first: list[np.generic] = []
    rest: list[np.generic] = []
    for night in order:
        new = set(label[group == night].tolist()) - seen
        (first if new else rest).append(night)
        seen |= new
    return np.array(first + rest, dtype=order.dtype), len(first)


def _share(n: int, fraction: float) -> int:
    # 0.1 * 30 is 3.0000000000000004 in floating point, and three is meant
    return max(1, int(np.ceil(round(n * fraction, 9))))
