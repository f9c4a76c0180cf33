"""Simulated frames of an all-sky camera, 256 x 256 counts, for every class of the label store.

The frames look like those of the THEMIS imagers: a fish-eye sky on a background of about 3300
counts, with the noise, stars, Moon, clouds, horizons and domes that real cameras have, and aurora
that is painted at 95 to 200 km and seen in perspective, along magnetic east and west, with rays
that meet in the magnetic zenith. Consecutive times give consecutive pictures of one sky.

**Everything here is simulated**; files and figures made from it say so. The sky is good enough to
develop and test methods, and to show that a learning machine learns. It is no substitute for real
frames when the skill of a classifier is to be stated.

Each station-night has a style of nuisances (focus, gain, dirt, lamps, ...) of its own, and nights for
testing have families of style that nights for training never have: :data:`TEST_FAMILIES`, which make
up :data:`TEST_SHARE` of them. A split grouped by station-night is then a change of domain.

A frame follows from (seed, site, style, label sequence, time) alone, to the last bit on one kind of
machine with the same NumPy and SciPy: it is the same whether its night is drawn whole or in part, in any order, in any
process. The parts are in ``classifier._sky``.

Examples
--------
>>> time = np.datetime64("2014-03-09T05:00:00") + np.arange(4) * np.timedelta64(3, "s")
>>> made = simulate_frames("gill", time, "arc", seed=1)
>>> made.images.shape, made.images.dtype.name, made.label.tolist()
((4, 256, 256), 'uint16', ['arc', 'arc', 'arc', 'arc'])
>>> part = simulate_frames("gill", time[2:], "arc", seed=1)
>>> bool(np.array_equal(part.images, made.images[2:]))
True
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auroral_stats.brief import Brief
from auroral_stats.errors import DataError, UsageError
from auroral_stats.labels import CLASSES
from classifier._sky.scene import Scene, draw
from classifier._sky.skylight import Heaven, heaven_at
from classifier._sky.styles import (
    TEST_FAMILIES,
    TEST_SHARE,
    TRAIN_FAMILIES,
    Split,
    Style,
    station_night_style,
)
from classifier._sky.timeline import timeline_of

__all__ = [
    "BRIGHTEST_SUN",
    "TEST_FAMILIES",
    "TEST_SHARE",
    "TRAIN_FAMILIES",
    "Scene",
    "SimulatedFrames",
    "Style",
    "draw_frames",
    "moon_is_up",
    "night_of",
    "scene_of",
    "simulate_frames",
    "station_night_style",
]

#: Cameras are off with the Sun above this elevation, deg.
BRIGHTEST_SUN = -6.0
_NIGHT_BEGINS = np.timedelta64(19, "h")


@dataclass(frozen=True, eq=False, repr=False)
class SimulatedFrames(Brief):
    """Simulated frames and the truth about them.

    Attributes
    ----------
    images : numpy.ndarray of uint16, (frame, 256, 256)
        Counts; rows and columns as in the PGM files of the cameras.
    time : numpy.ndarray of datetime64[us], (frame,)
        Start of exposure, UTC.
    label : numpy.ndarray of str, (frame,)
        The true class.
    weights : numpy.ndarray of float32, (frame, 6)
        How much of each class is in the frame, in the order of
        :data:`auroral_stats.labels.CLASSES`; the rows add up to 1.
    site : str
    families : tuple of str
        Family of style of each frame.
    simulated : bool
        Always true.
    """

    images: NDArray[np.uint16]
    time: NDArray[np.datetime64]
    label: NDArray[np.str_]
    weights: NDArray[np.float32]
    site: str
    families: tuple[str, ...]
    simulated: bool = True
    _UNITS: ClassVar[Mapping[str, str]] = {"images": "counts", "time": "UTC"}


def night_of(time: ArrayLike) -> NDArray[np.str_]:
    """Return the night of each time: the date on which it begins, at 19 UT.

    No site has the Sun below -10 deg at that hour, so that no dark night is cut.

    Parameters
    ----------
    time : array_like of datetime
        UTC.

    Returns
    -------
    numpy.ndarray of str

    Examples
    --------
    >>> night_of(["2014-03-10T06:02", "2014-03-10T20:00"]).tolist()
    ['2014-03-09', '2014-03-10']
    """
    utc = np.asarray(time, dtype="datetime64[us]")
    return np.asarray((utc - _NIGHT_BEGINS).astype("datetime64[D]").astype(np.str_))


def moon_is_up(site: str, time: ArrayLike, *, above: float = 10.0) -> NDArray[np.bool_]:
    """Return whether the Moon is up, so that frames of class ``moon`` can be asked for.

    Parameters
    ----------
    site : str
    time : array_like of datetime, (time,)
        UTC.
    above : float
        Elevation that counts as up, deg. Below 10 deg the Moon stands where trees are and where
        classifiers crop the frame.

    Returns
    -------
    numpy.ndarray of bool, (time,)

    Examples
    --------
    >>> moon_is_up("gill", ["2014-03-10T06:02", "2014-03-10T12:00"]).tolist()
    [True, False]
    """
    utc = np.atleast_1d(np.asarray(time, dtype="datetime64[us]"))
    heavens = heaven_at(site, utc)
    return np.array([one.moon_elevation > above for one in heavens], dtype=bool)


def scene_of(
    site: str,
    time: ArrayLike,
    label: str | Sequence[str] | NDArray[np.str_],
    *,
    style: Style | None = None,
    seed: int = 0,
    split: Split = "train",
    mixture: float = 0.0,
) -> Scene:
    """Return the scene of a station and night, from which frames can be drawn in any order.

    Parameters
    ----------
    site : str
        Site code.
    time : array_like of datetime, (frame,)
        UTC, increasing, within one night.
    label : str or sequence of str
        One class for all frames, or one for each. Where it changes, the sky changes within some
        12 s (cloud and haze within 80 s), and every frame is dominated by its own class.
    style : Style, optional
        That of the station-night by default.
    seed : int
    split : {"train", "test"}
        Which styles may be drawn; see :func:`station_night_style`.
    mixture : float
        Chance, 0 to 1, that a stretch of the scene has a second class of weight 0.15 to 0.45.

    Returns
    -------
    Scene

    Raises
    ------
    UsageError
        An unknown class or site, times that do not increase or span several nights, as many labels
        as there are not frames, or a ``mixture`` that is no chance.
    """
    from auroral_stats.sites import check_sites

    (site,) = check_sites([site])
    utc, names = _checked(time, label)
    if not 0.0 <= mixture <= 1.0:
        raise UsageError(f"mixture: {mixture!r} came; a chance from 0 to 1 was expected")
    nights = np.unique(night_of(utc))
    if nights.size != 1:
        raise UsageError(
            f"time: frames of {nights.size} nights came ({nights[0]} to {nights[-1]}); a scene is"
            " one night, from 19 UT to 19 UT; simulate_frames takes several"
        )
    night = str(nights[0])
    if style is None:
        style = station_night_style(seed, site, night, split=split)
    code = np.array([CLASSES.index(name) for name in names], dtype=np.int64)
    beginning = np.datetime64(f"{night}T19:00:00", "us")
    seconds = (utc - beginning) / np.timedelta64(1, "s")
    return Scene(site, night, seed, style, timeline_of(seconds, code), mixture)


def draw_frames(scene: Scene, time: ArrayLike) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
    """Return the frames of a scene at given times.

    Parameters
    ----------
    scene : Scene
    time : array_like of datetime, (frame,)
        UTC, in any order.

    Returns
    -------
    images : numpy.ndarray of uint16, (frame, 256, 256)
    weights : numpy.ndarray of float32, (frame, 6)
        How much of each class is in each frame.

    Raises
    ------
    DataError
        The Sun is above -6 deg, where cameras are off; or a frame is to be of class ``moon`` while
        the Moon is down.
    """
    utc = np.atleast_1d(np.asarray(time, dtype="datetime64[us]"))
    heavens = heaven_at(scene.site, utc)
    _check_heavens(scene, utc, heavens)
    images = np.empty((utc.size, 256, 256), dtype=np.uint16)
    weights = np.empty((utc.size, len(CLASSES)), dtype=np.float32)
    for k, (when, heaven) in enumerate(zip(utc, heavens, strict=True)):
        images[k], made = draw(scene, when, heaven)
        weights[k] = made.weights
    return images, weights


def simulate_frames(
    site: str,
    time: ArrayLike,
    label: str | Sequence[str] | NDArray[np.str_],
    *,
    style: Style | None = None,
    seed: int = 0,
    split: Split = "train",
    mixture: float = 0.0,
) -> SimulatedFrames:
    """Simulate frames of one station.

    Parameters
    ----------
    site, time, label, style, seed, split, mixture
        As in :func:`scene_of`; times may span several nights, each of which has a scene (and,
        unless ``style`` is given, a style) of its own.

    Returns
    -------
    SimulatedFrames

    Raises
    ------
    UsageError, DataError
        As in :func:`scene_of` and :func:`draw_frames`.
    """
    utc, names = _checked(time, label)
    images = np.empty((utc.size, 256, 256), dtype=np.uint16)
    weights = np.empty((utc.size, len(CLASSES)), dtype=np.float32)
    families = np.empty(utc.size, dtype=object)
    nights = night_of(utc)
    options = {"style": style, "seed": seed, "split": split, "mixture": mixture}
    for night in np.unique(nights):
        rows = np.flatnonzero(nights == night)
        scene = scene_of(site, utc[rows], names[rows], **options)  # type: ignore[arg-type]
        images[rows], weights[rows] = draw_frames(scene, utc[rows])
        families[rows] = scene.style.family
    return SimulatedFrames(
        images, utc, names, weights, site.strip().lower(), tuple(map(str, families))
    )


def _checked(
    time: ArrayLike, label: str | Sequence[str] | NDArray[np.str_]
) -> tuple[NDArray[np.datetime64], NDArray[np.str_]]:
    try:
        utc = np.atleast_1d(np.asarray(time, dtype="datetime64[us]"))
    except (TypeError, ValueError):
        raise UsageError("time: datetimes (UTC) were expected") from None
    if utc.ndim != 1 or utc.size == 0 or np.isnat(utc).any():
        raise UsageError("time: one or more datetimes (UTC) along one dimension were expected")
    if not (np.diff(utc) > np.timedelta64(0, "us")).all():
        raise UsageError("time: the times must increase; sort them, and keep each once")
    names = np.atleast_1d(np.asarray(label, dtype=np.str_))
    if names.size == 1:
        names = np.repeat(names, utc.size)
    if names.shape != utc.shape:
        raise UsageError(
            f"label: {names.size} labels came for {utc.size} times; give one for all, or one each"
        )
    unknown = sorted(set(names.tolist()) - set(CLASSES))
    if unknown:
        raise UsageError(
            f"label: {', '.join(map(repr, unknown))} not known; classes are {', '.join(CLASSES)}"
        )
    return utc, names


def _check_heavens(scene: Scene, utc: NDArray[np.datetime64], heavens: Sequence[Heaven]) -> None:
    moon = CLASSES.index("moon")
    seconds = scene.seconds(utc)
    for when, at, heaven in zip(utc, seconds, heavens, strict=True):
        if heaven.sun_elevation > BRIGHTEST_SUN:
            raise DataError(
                f"{scene.site} at {when} UTC: the Sun stands at {heaven.sun_elevation:.1f} deg, and"
                f" cameras are off above {BRIGHTEST_SUN:g} deg; choose a darker time"
            )
        if heaven.moon_elevation <= 0.0 and np.argmax(scene.timeline.weights(at)) == moon:
            raise DataError(
                f"{scene.site} at {when} UTC: class 'moon' was asked for while the Moon is down"
                f" ({heaven.moon_elevation:.1f} deg); choose a time at which"
                " classifier.sky.moon_is_up is true, or another class"
            )
