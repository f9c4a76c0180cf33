"""Training sets of representations: checked, standardised, and dealt into parts by station-night."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auroral_stats.errors import DataError
from auroral_stats.labels import CLASSES

__all__ = ["calibration_parts", "check_training_set", "held_out_parts", "standardisation"]

Array = NDArray[np.float64]

#: Parts into which station-nights are dealt to find a temperature, and the fewest that will do. What
#: is trained on fewer nights errs more on new ones, so with three parts it came out a tenth too high.
_PARTS, _FEWEST = 5, 3

_CONSTANT = 1e-6  # features that vary less are left as they are


def check_training_set(
    features: ArrayLike, label: ArrayLike, group: ArrayLike
) -> tuple[Array, NDArray[np.int64], NDArray[np.int64]]:
    """Return features, labels and station-nights as arrays, or refuse what cannot be learnt from."""
    h = np.asarray(features, dtype=np.float64)
    y, g = np.asarray(label).astype(np.int64), np.asarray(group).astype(np.int64)
    if h.ndim != 2 or not len(h) == y.size == g.size:
        raise DataError(
            f"features have the shape {h.shape}, with {y.size} labels and {g.size} station-nights; "
            "expected one row, one label and one station-night a picture."
        )
    if not np.isfinite(h).all():
        raise DataError("features hold NaN or infinity; the encoder behind them went wrong.")
    if y.size and not (y.min() >= 0 and y.max() < len(CLASSES)):
        raise DataError(f"label holds {y.min()} to {y.max()}; expected 0 to {len(CLASSES) - 1}.")
    there = np.unique(y)
    if there.size < 2:
        names = ", ".join(CLASSES[code] for code in there) or "none"
        raise DataError(
            f"the training pictures have a single class ({names}); a classifier needs two or more. "
            "Take larger folds, or more labelled station-nights."
        )
    return h, y, g


def held_out_parts(
    label: ArrayLike, group: ArrayLike, parts: int, seed: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Deal station-nights into parts, each held out once, with the classes as even as can be.

    Parameters
    ----------
    label, group : array_like of int, (n,)
    parts : int
    seed : int

    Returns
    -------
    list of (train, test)
        Indices of pictures. A part is left out if what remains has a single class; the list is
        empty with fewer station-nights than parts.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    y, g = np.asarray(label).astype(np.int64), np.asarray(group)
    if np.unique(g).size < parts or np.bincount(y).max() < parts:
        return []
    splitter = StratifiedGroupKFold(parts, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # a class with fewer pictures than parts is said by the caller, if at all
        warnings.simplefilter("ignore", UserWarning)
        dealt = list(splitter.split(y, y, g))
    return [
        (train.astype(np.int64), test.astype(np.int64))
        for train, test in dealt
        if test.size and np.unique(y[train]).size > 1
    ]


def calibration_parts(
    label: ArrayLike, group: ArrayLike, seed: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Deal station-nights into the parts that find a temperature: five, or three where few.

    Parameters
    ----------
    label, group : array_like of int, (n,)
    seed : int

    Returns
    -------
    list of (train, test)
        As :func:`held_out_parts` gives it; empty with fewer than three station-nights.

    Examples
    --------
    >>> night = np.arange(600) // 50
    >>> [np.unique(night[test]).size for _, test in calibration_parts(np.arange(600) % 6, night, 0)]
    [3, 2, 3, 2, 2]
    """
    nights = np.unique(np.asarray(group)).size
    return held_out_parts(label, group, _PARTS if nights >= 2 * _PARTS else _FEWEST, seed)


def standardisation(h: Array) -> tuple[Array, Array]:
    """Return mean and standard deviation of each feature, 1 for those that do not vary."""
    deviation = h.std(0)
    return h.mean(0), np.where(deviation > _CONSTANT, deviation, 1.0)
