"""Training and test pictures of the OATH set: the official folds, and folds without near copies.

The official folds draw pictures at random, so that most test pictures have a near copy, taken
seconds or minutes apart by the same camera, in training. :func:`grouped_folds` keeps the pictures
of a station-night together, and :func:`station_folds` those of a station. Neither takes pictures of
unknown origin, which may be near copies of any.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from auroral_stats.errors import DataError, UsageError
from auroral_stats.labels import CLASSES
from classifier.oath import PUBLISHED_COUNTS, Oath, station_nights

__all__ = [
    "OFFICIAL_SEED",
    "Fold",
    "grouped_folds",
    "official_folds",
    "split_rows",
    "station_folds",
]

#: Seed that Clausen & Nickisch name in their code.
OFFICIAL_SEED = 1804
_OFFICIAL_FOLDS = 5
_TRAINING_SHARE = 0.7
#: How many ways of dealing the groups are tried; the one most even in the classes is taken.
_DEALS = 20


class Fold(NamedTuple):
    """Indices of pictures: ``train`` (m,) and ``test`` (k,), int64; ``name`` for tables."""

    name: str
    train: NDArray[np.int64]
    test: NDArray[np.int64]


def split_rows(n: int) -> NDArray[np.int64]:
    """Return the random orders behind the official folds.

    Parameters
    ----------
    n : int
        Number of pictures.

    Returns
    -------
    ndarray of int64, (5, n)
        The rows of ``train_test_split.csv``: ``numpy.random.seed(1804)``, then
        ``argsort(rand(5, n))``. The global random numbers stay as they are.

    Examples
    --------
    >>> split_rows(5824)[0, :4]
    array([4604,  915,  289, 3526])
    """
    # the legacy generator on purpose: its stream is what the published file was made from
    legacy = np.random.RandomState(OFFICIAL_SEED)
    return np.argsort(legacy.rand(_OFFICIAL_FOLDS, n), axis=1).astype(np.int64)


def official_folds(oath: Oath) -> list[Fold]:
    """Return the five official folds: 70 % of each random order train, the rest tests.

    Parameters
    ----------
    oath : Oath
        A whole set. Where it brings the orders in a file, these are taken, after a comparison with
        :func:`split_rows`.

    Returns
    -------
    list of Fold

    Raises
    ------
    DataError
        If the file of orders is not the published one, or a real set is not whole.
    """
    whole = sum(PUBLISHED_COUNTS)
    if not oath.simulated and len(oath) != whole:
        raise DataError(
            f"{oath.root}: official folds need the whole set of {whole:,} pictures; this has "
            f"{len(oath):,}. Use grouped_folds, or give the whole set."
        )
    rows = split_rows(len(oath))
    if oath.split is not None and not np.array_equal(rows, oath.split):
        raise DataError(
            f"{oath.root}: train_test_split.csv is not what numpy.random.seed({OFFICIAL_SEED}) "
            "gives, as the published one is; remove it, as the seed gives the folds."
        )
    size = round(_TRAINING_SHARE * len(oath))
    return [
        Fold(f"official {i + 1}", row[:size].copy(), row[size:].copy())
        for i, row in enumerate(rows)
    ]


def grouped_folds(
    oath: Oath,
    n: int = 5,
    seed: int = 0,
    *,
    by: Literal["station-night", "night"] = "station-night",
) -> list[Fold]:
    """Return folds that never part the pictures of a group, with the classes as even as can be.

    Parameters
    ----------
    oath : Oath
    n : int
        Number of folds; each group is tested once. Pictures of unknown station or time are in no
        fold, as they may be of any group.
    seed : int
    by : {"station-night", "night"}
        ``night`` also keeps stations together that looked at the same night, and perhaps at the
        same aurora or the same cloud.

    Returns
    -------
    list of Fold
        Of several deals of the groups (scikit-learn's StratifiedGroupKFold, shuffled) the one in
        which the class shares of the folds differ least from those of the whole set.

    Raises
    ------
    UsageError
        If ``by`` is unknown, the seed is negative, or ``n`` is less than 2 or more than there are groups.
    DataError
        If the set does not tell stations and times.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    if by not in {"station-night", "night"}:
        raise UsageError(f"by is {by!r}; expected 'station-night' or 'night'.")
    if seed < 0:
        raise UsageError(f"seed is {seed}; expected 0 or more.")
    _check_origins(oath)
    known = np.flatnonzero((oath.site != "") & ~np.isnat(oath.time))
    site = oath.site[known] if by == "station-night" else np.full(known.size, "all")
    group, names = station_nights(site, oath.time[known])
    if not 2 <= n <= len(names):
        raise UsageError(f"n is {n}; expected 2 to {len(names)}, the number of groups.")
    label = oath.label[known]
    share = np.bincount(label, minlength=len(CLASSES)) / n
    best: tuple[float, list[Fold]] = (np.inf, [])
    for deal in np.random.SeedSequence(seed).generate_state(_DEALS):
        splitter = StratifiedGroupKFold(n, shuffle=True, random_state=int(deal))
        folds = [
            Fold(f"{by} {i + 1}", known[train], known[test])
            for i, (train, test) in enumerate(splitter.split(known, label, group))
        ]
        counts = [np.bincount(oath.label[f.test], minlength=len(CLASSES)) for f in folds]
        # relative to the class, so that the rare ones count as much as the others
        uneven = float((((np.array(counts) - share) / np.maximum(share, 1)) ** 2).sum())
        if uneven < best[0]:
            best = (uneven, folds)
    return best[1]


def station_folds(oath: Oath) -> list[Fold]:
    """Return one fold for each station, tested by a classifier that never saw it.

    Parameters
    ----------
    oath : Oath

    Returns
    -------
    list of Fold
        Named by station. Pictures of unknown station are in none, as they may be of any.

    Raises
    ------
    DataError
        If the set does not tell stations.
    """
    _check_origins(oath)
    return [
        Fold(
            str(site),
            np.flatnonzero((oath.site != site) & (oath.site != "")),
            np.flatnonzero(oath.site == site),
        )
        for site in np.unique(oath.site[oath.site != ""])
    ]


def _check_origins(oath: Oath) -> None:
    if not (oath.site != "").any():
        raise DataError(
            f"{oath.root}: does not tell where its pictures come from; folds by night or station "
            "need images/files_origin.csv of the tarball, or a table with the columns picture, "
            "site and time."
        )
