"""Frames of whole nights of the demo world, drawn in memory as its labels say.

:mod:`classifier.demo_frames` writes a few minutes of frames as camera files. Here a frame every so
many minutes of all nights is drawn, handed over night by night, and labelled, so that the labels of
a model can be counted, and the rates made of them held against a known truth, without an archive on
disk.

Everything drawn here is simulated.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from auroral_stats.errors import DataError, UsageError
from auroral_stats.geometry import site_geometry
from auroral_stats.labels import (
    CLASSES,
    PROBABILITY_COLUMNS,
    LabelStore,
    iter_partitions,
    read_partition,
)
from classifier.demo_minutes import REMEDY
from classifier.label_batches import FrameModel, label_images

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DemoNight", "choose_nights", "draw_nights", "label_nights"]

_MOON = CLASSES.index("moon")
#: The Moon's disc must be at least so high where moonlight is drawn (degrees): room for rounding.
_RISEN = 0.01
#: Nights that wait, drawn or being drawn, for each process: 7 MB each at a frame every 15 minutes.
_AHEAD = 3


@dataclass(frozen=True, eq=False)
class DemoNight:
    """One station and night of the demo world, and which of its frames are to be drawn.

    Attributes
    ----------
    site : str
    night : str
        Date on which the night begins, at 19 UT; see :func:`classifier.sky.night_of`.
    all_time : ndarray of datetime64[ms], (label,)
        Start of exposure of every frame of the night, UTC, increasing.
    all_label : ndarray of uint8, (label,)
        What the world says they show, in the order of :data:`auroral_stats.labels.CLASSES`. The sky
        changes when these do, whichever frames are drawn.
    chosen : ndarray of int64, (frame,)
        Positions of the frames to be drawn among them, increasing.
    """

    site: str
    night: str
    all_time: NDArray[np.datetime64]
    all_label: NDArray[np.uint8]
    chosen: NDArray[np.int64]

    @property
    def time(self) -> NDArray[np.datetime64]:
        """Start of exposure of the frames to be drawn, UTC, (frame,)."""
        return self.all_time[self.chosen]

    @property
    def label(self) -> NDArray[np.uint8]:
        """What they show, (frame,)."""
        return self.all_label[self.chosen]


def choose_nights(
    store: LabelStore,
    *,
    every: int = 15,
    sites: Iterable[str] | None = None,
    nights: int | None = None,
) -> list[DemoNight]:
    """Choose a frame every so many minutes of the nights of a demo world.

    Parameters
    ----------
    store : LabelStore
        Labels of a demo world.
    every : int
        Minutes. The first frame of each stretch of so many minutes of UTC is taken; stretches
        without a frame, where the camera was off, have none.
    sites : iterable of str, optional
        Site codes; all by default.
    nights : int, optional
        Keep so many nights, all stations together, spread evenly over those that there are. A night
        is kept whole: fewer nights show the classes as often as many do.

    Returns
    -------
    list of DemoNight
        By site, then time. Frames of class ``moon`` with the Moon on the horizon, which cannot be
        drawn, are left out.

    Raises
    ------
    UsageError
        If the store is not simulated, ``every`` or ``nights`` is not positive, or a site has no
        labels.

    Examples
    --------
    >>> from auroral_stats.labels import open_labels
    >>> found = choose_nights(open_labels("DEMO/labels"), nights=4)  # doctest: +SKIP
    >>> found[0].site, found[0].night, found[0].time.size  # doctest: +SKIP
    ('atha', '2013-11-25', 55)
    """
    if not store.info.simulated:
        raise UsageError(f"{store.path}: these labels are not simulated; {REMEDY}")
    for name, value in {"every": every, "nights": nights}.items():
        if value is not None and value < 1:
            raise UsageError(f"{name} is {value}; expected 1 or more.")
    parts: dict[str, list[dict[str, NDArray[Any]]]] = {}
    for partition in iter_partitions(store, sites):
        rows = read_partition(partition, ("time", "label"), info=store.info)
        parts.setdefault(partition.site, []).append(rows)
    found = []
    for site, months in parts.items():
        time = np.concatenate([rows["time"] for rows in months])
        label = np.concatenate([rows["label"] for rows in months])
        found += _nights_of(site, time, label, every)
    there = sorted({each.night for each in found})
    if nights is not None and nights < len(there):
        middle = (np.arange(nights) + 0.5) * len(there) / nights
        there = [there[i] for i in middle.astype(int)]
    return [each for each in found if each.night in set(there)]


def draw_nights(
    nights: Iterable[DemoNight], seed: int = 0, *, workers: int = 1
) -> Generator[tuple[DemoNight, NDArray[np.uint16]]]:
    """Draw the chosen frames, one station and night after the other.

    Parameters
    ----------
    nights : iterable of DemoNight
    seed : int
        Of the sky, the stations and their nights. Frames follow from it and the labels of their
        night alone: every ``every`` and any ``workers`` give the same frame at the same time.
    workers : int
        Processes that draw, some nights ahead of what is taken; 1 for none beside this one.

    Yields
    ------
    night : DemoNight
        In the order in which they came.
    images : ndarray of uint16, (frame, 256, 256)

    Raises
    ------
    UsageError
        If ``seed`` is negative or ``workers`` is not positive.
    DataError
        If a process ends unexpectedly.

    Notes
    -----
    The processes start anew (``spawn``): a script that calls this with more than one must do so
    below ``if __name__ == "__main__":``. They end with this process, however it ends.

    Examples
    --------
    >>> time = np.datetime64("2014-03-09T05:00", "ms") + np.arange(40) * np.timedelta64(3, "s")
    >>> arc = DemoNight("gill", "2014-03-08", time, np.zeros(40, np.uint8), np.array([0, 20]))
    >>> [images.shape for _, images in draw_nights([arc])]
    [(2, 256, 256)]
    """
    if seed < 0:
        raise UsageError(f"seed is {seed}; expected 0 or more.")
    if workers < 1:
        raise UsageError(f"workers is {workers}; expected 1 or more.")
    if workers == 1:
        for night in nights:
            yield night, _draw(night, seed)
        return
    # A copy of this process could hold locks of threads that it does not have.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _begin) as pool:
        waiting: deque[tuple[DemoNight, Future[NDArray[np.uint16]]]] = deque()
        try:
            for night in nights:
                waiting.append((night, pool.submit(_draw, night, seed)))
                if len(waiting) == _AHEAD * workers:
                    first, images = waiting.popleft()
                    yield first, images.result()
            while waiting:
                first, images = waiting.popleft()
                yield first, images.result()
        except BrokenProcessPool as error:
            raise DataError(
                "a process that draws frames was ended, perhaps for lack of memory; take fewer "
                'workers. A script must call this below if __name__ == "__main__":.'
            ) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def label_nights(
    nights: Sequence[DemoNight],
    model: FrameModel,
    seed: int = 0,
    *,
    workers: int = 1,
    progress: Callable[[int, int, int], None] | None = None,
) -> pd.DataFrame:
    """Draw the chosen frames and label them as they come.

    Parameters
    ----------
    nights : sequence of DemoNight
    model : FrameModel
        Such as :func:`classifier.checkpoint.load_model` gives.
    seed, workers
        As :func:`draw_nights` takes them.
    progress : callable, optional
        Called with nights of a station done, and in all, and frames labelled.

    Returns
    -------
    pandas.DataFrame
        A row for each frame, in order: ``site``; ``time``, UTC; ``true``, what the world says it
        shows, and ``label``, what the model says, in the order of
        :data:`auroral_stats.labels.CLASSES`; ``p_arc`` to ``p_clear``, probabilities x 255;
        ``simulated``. Pictures are held for some nights at a time only.

    Raises
    ------
    UsageError, DataError
        As :func:`draw_nights`; also if there is no night.

    Examples
    --------
    >>> class Clouds:
    ...     def probabilities(self, images):
    ...         return np.tile(np.float32([0, 0, 0, 1, 0, 0]), (len(images), 1))
    >>> time = np.datetime64("2014-03-09T05:00", "ms") + np.arange(40) * np.timedelta64(3, "s")
    >>> arc = DemoNight("gill", "2014-03-08", time, np.zeros(40, np.uint8), np.array([0, 20]))
    >>> label_nights([arc], Clouds())[["true", "label", "p_cloudy"]].to_numpy().tolist()
    [[0, 3, 255], [0, 3, 255]]
    """
    import pandas as pd

    if not nights:
        raise UsageError("nights: none came; choose other sites, or more nights.")
    say = progress or (lambda *_: None)
    parts, frames = [], 0
    for number, (night, images) in enumerate(draw_nights(nights, seed, workers=workers), 1):
        label, p = label_images(images, model)
        rows = {"site": night.site, "time": night.time, "true": night.label, "label": label}
        parts.append(pd.DataFrame(rows | dict(zip(PROBABILITY_COLUMNS, p.T, strict=True))))
        frames += label.size
        say(number, len(nights), frames)
    return pd.concat(parts, ignore_index=True).assign(simulated=True)


def _nights_of(
    site: str, time: NDArray[np.datetime64], label: NDArray[np.uint8], every: int
) -> list[DemoNight]:
    from classifier.sky import night_of

    stretch = time.astype("M8[m]").astype(np.int64) // every
    first = np.flatnonzero(np.diff(stretch, prepend=stretch[:1] - 1))
    name = night_of(time[first])
    begins = np.flatnonzero(np.concatenate([[True], name[1:] != name[:-1]]))
    moon_is_up = _moon_is_up(site, time[first])
    found = []
    for start, end in zip(begins, [*begins[1:], first.size], strict=True):
        row, after = first[start], first[end] if end < first.size else time.size
        can_be_drawn = moon_is_up[start:end] | (label[first[start:end]] != _MOON)
        chosen = (first[start:end] - row)[can_be_drawn]
        if chosen.size:
            found.append(
                DemoNight(site, str(name[start]), time[row:after], label[row:after], chosen)
            )
    return found


def _moon_is_up(site: str, time: NDArray[np.datetime64]) -> NDArray[np.bool_]:
    """Return whether the Moon is up during the whole minute of each time."""
    minute = time.astype("M8[m]")
    up = np.ones(minute.size, dtype=bool)
    for instant in (minute, minute + np.timedelta64(1, "m")):
        sky = site_geometry(instant, site, quantities=("moon_elevation",))
        up &= sky["moon_elevation"].to_numpy()[:, 0] > _RISEN
    return up


def _begin() -> None:
    """Let this process end when the one that started it does, however that ends; not at Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _draw(night: DemoNight, seed: int) -> NDArray[np.uint16]:
    from classifier.sky import draw_frames, scene_of

    names = np.array(CLASSES)[night.all_label]
    scene = scene_of(night.site, night.all_time, names, seed=seed)
    return draw_frames(scene, night.time)[0]
