"""What an OATH-shaped set holds, in numbers: classes, nights, near copies, pixels, folds."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auroral_stats.labels import CLASSES
from classifier.oath import Oath, faults_error, station_nights
from classifier.oath_folds import Fold, grouped_folds, official_folds
from classifier.oath_images import image_faults, read_images
from classifier.recipes import OATH_DISC

__all__ = ["FoldSummary", "NightSummary", "PixelSummary", "check_images", "folds_of", "near_copies"]
__all__ += ["nights_of", "pixels_of"]

#: Pictures of one station so close in time are taken for near copies of each other, s.
NEAR_SECONDS = 60.0


@dataclass(frozen=True)
class NightSummary:
    """Where and when the pictures of a set were taken.

    Attributes
    ----------
    stations, nights, station_nights, station_hours : int
    unknown : int
        Pictures without station and time.
    single_class : float
        Share of the station-nights with pictures of one class only.
    median_step : float
        Median of the seconds from a picture to the next of its station and hour.
    first, last : str
        Dates.
    """

    stations: int
    nights: int
    station_nights: int
    station_hours: int
    unknown: int
    single_class: float
    median_step: float
    first: str
    last: str


@dataclass(frozen=True)
class PixelSummary:
    """What some pictures of a set look like; the published ones in brackets.

    Attributes
    ----------
    pictures : int
        How many were read.
    white, black : float
        Shares of the pixels of the sky that are 255 (0.010) and 0 (0.011 to 0.013).
    outside : float
        Share of the pixels outside the sky that are not 0 (0).
    mean : float
        Mean of the sky, 0 to 255.
    """

    pictures: int
    white: float
    black: float
    outside: float
    mean: float


@dataclass(frozen=True)
class FoldSummary:
    """One way of parting a set, over its folds.

    Attributes
    ----------
    name : str
    folds, train, test : int
        Their number, and the mean numbers of pictures.
    near : float
        Share of the test pictures that have a near copy among those of training.
    fewest : dict of str to int
        The fewest test pictures of each class in any fold.
    """

    name: str
    folds: int
    train: int
    test: int
    near: float
    fewest: dict[str, int]


def nights_of(oath: Oath) -> NightSummary:
    """Return where and when the pictures were taken.

    Parameters
    ----------
    oath : Oath

    Returns
    -------
    NightSummary
        Pictures of unknown origin are counted as such, and in nothing else.
    """
    known = oath.take(oath.site != "")
    if not len(known):
        return NightSummary(0, 0, 0, 0, len(oath), np.nan, np.nan, "", "")
    group, names = station_nights(known.site, known.time)
    seen = np.zeros((len(names), len(CLASSES)), dtype=bool)
    seen[group, known.label] = True
    hour = known.time.astype("datetime64[h]").astype(np.int64)
    _, station = np.unique(known.site, return_inverse=True)
    order = np.lexsort((known.time, station))
    same = (np.diff(station[order]) == 0) & (np.diff(hour[order]) == 0)
    steps = np.diff(known.time[order].astype(np.int64))[same] / 1000.0
    days = {name.rsplit(" ", 1)[1] for name in names}
    return NightSummary(
        stations=np.unique(station).size,
        nights=len(days),
        station_nights=len(names),
        station_hours=len(set(zip(station.tolist(), hour.tolist(), strict=True))),
        unknown=len(oath) - len(known),
        single_class=float((seen.sum(axis=1) == 1).mean()),
        median_step=float(np.median(steps)) if steps.size else np.nan,
        first=min(days),
        last=max(days),
    )


def check_images(oath: Oath, *, progress: Callable[[int, int], None] | None = None) -> None:
    """Read every picture, and refuse the set if any is not as it should be.

    Parameters
    ----------
    oath : Oath
    progress : callable, optional
        Called with pictures done, and in all.

    Raises
    ------
    DataError
        With the pictures that are missing, damaged, or of another size or channels.
    """
    faults = image_faults(oath.images, progress=progress)
    if faults:
        inner = [fault.removeprefix(f"{oath.root}{os.sep}") for fault in faults]
        raise faults_error(oath.root, inner, simulated=oath.simulated)


def pixels_of(oath: Oath, most: int = 60) -> PixelSummary:
    """Return what the pictures look like, from some that are spread over the set.

    Parameters
    ----------
    oath : Oath
    most : int
        How many pictures are read at most.

    Returns
    -------
    PixelSummary

    Raises
    ------
    ArchiveError, DataError
        If a picture cannot be read, see :func:`classifier.oath_images.read_images`.
    """
    where = np.unique(np.linspace(0, len(oath) - 1, min(most, len(oath))).round().astype(int))
    pictures = read_images([oath.images[i] for i in where])
    sky = OATH_DISC.mask(pictures.shape[1:])
    inside, outside = pictures[:, sky], pictures[:, ~sky]
    return PixelSummary(
        pictures=len(pictures),
        white=float((inside == 255).mean()),
        black=float((inside == 0).mean()),
        outside=float((outside != 0).mean()),
        mean=float(inside.mean()),
    )


def near_copies(oath: Oath, fold: Fold, seconds: float = NEAR_SECONDS) -> NDArray[np.bool_]:
    """Return which test pictures have one of training close in time at the same station.

    Parameters
    ----------
    oath : Oath
    fold : Fold
    seconds : float
        What counts as close.

    Returns
    -------
    ndarray of bool, (k,)
        In the order of ``fold.test``; False for pictures of unknown origin.
    """
    near = np.zeros(fold.test.size, dtype=bool)
    for site in np.unique(oath.site[oath.site != ""]):
        train = np.sort(oath.time[fold.train[oath.site[fold.train] == site]].astype(np.int64))
        mine = np.flatnonzero(oath.site[fold.test] == site)
        if not train.size or not mine.size:
            continue
        time = oath.time[fold.test[mine]].astype(np.int64)
        after = np.searchsorted(train, time)
        gap = np.minimum(
            np.abs(train[np.maximum(after - 1, 0)] - time),
            np.abs(train[np.minimum(after, train.size - 1)] - time),
        )
        near[mine] = gap <= 1000.0 * seconds
    return near


def folds_of(oath: Oath) -> list[FoldSummary]:
    """Return how the official folds and those by station-night part the set.

    Parameters
    ----------
    oath : Oath
        A whole set.

    Returns
    -------
    list of FoldSummary
        Those by station-night only where the set tells stations and times.

    Raises
    ------
    DataError
        If the set has a file of folds that is not the official one.
    """
    ways = [("official, random", official_folds(oath))]
    if (oath.site != "").any():
        ways.append(("by station-night", grouped_folds(oath)))
    return [_summary(oath, name, folds) for name, folds in ways]


def _summary(oath: Oath, name: str, folds: Sequence[Fold]) -> FoldSummary:
    counts = np.array([np.bincount(oath.label[f.test], minlength=len(CLASSES)) for f in folds])
    return FoldSummary(
        name=name,
        folds=len(folds),
        train=round(np.mean([fold.train.size for fold in folds])),
        test=round(np.mean([fold.test.size for fold in folds])),
        near=float(np.concatenate([near_copies(oath, fold) for fold in folds]).mean()),
        fewest=dict(zip(CLASSES, counts.min(axis=0).tolist(), strict=True)),
    )
