"""A simulated set in the shape of the OATH set, with what was drawn in each picture.

It is planned by :mod:`classifier.oath_plan` and drawn by :mod:`classifier.sky`. Each station-night
has one scene and one style, so that its pictures resemble each other as those of a real camera do.
A picture follows from the plan and the seed alone: the number of processes changes nothing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auroral_stats.errors import ArchiveError, UsageError
from auroral_stats.labels import CLASSES
from auroral_stats.staging import staging_folder
from classifier import __version__
from classifier.oath import IMAGE_FOLDER, PUBLISHED_COUNTS, Oath, marker_of, open_oath
from classifier.oath_images import write_image
from classifier.oath_plan import OathPlan, plan_oath
from classifier.oath_writing import (
    write_classifications,
    write_marker,
    write_origins,
    write_split,
    write_truth,
)
from classifier.percentiles import percentile_pair
from classifier.recipes import FRAME_DISC

__all__ = ["PICTURE_BYTES", "oath_picture", "simulate_oath"]

#: Chance that a stretch of a scene has a second class in it, too weak to be its label.
_MIXTURE = 0.1
#: Pictures that one task draws: many enough to share the work of a scene.
_TASK = 24
#: Room that a picture takes on disk, bytes, roughly.
PICTURE_BYTES = 62_000

_README = """SIMULATED DATA. Nothing here was observed by any camera.

A set of pictures of the night sky in the layout of the Oslo Auroral THEMIS (OATH) data set
(Clausen & Nickisch 2018, https://doi.org/10.1029/2018JA025274), version 1.1:

classifications/classifications.csv    labels, of which about 5 % are wrong on purpose
classifications/truth.csv              what was drawn, and how much of each class
classifications/train_test_split.csv   random folds, as numpy.random.seed(1804) gives them
images/cropped_scaled/NNNNN.png        256 x 256 pixels, data in green alone
images/files_origin.csv                station and time of all pictures but the first
SIMULATED.json                         seed, version and counts

Made by auroral_stats, to develop and test classifiers; their skill on real pictures is to be
stated for real pictures.
"""


@dataclass(frozen=True, eq=False)
class _Task:
    """Pictures of one station-night that are drawn together: all that a process needs to know."""

    folder: Path
    first: int
    site: str
    night_time: NDArray[np.datetime64]
    night_truth: NDArray[np.uint8]
    rows: slice
    seed: int
    test_style: bool


def simulate_oath(
    out: str | Path,
    frames: int = sum(PUBLISHED_COUNTS),
    seed: int = 0,
    *,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Oath:
    """Simulate a set, or return the one that is there.

    Parameters
    ----------
    out : path
        Folder to be made, whole or not at all. A set of the same seed, size and version is used as
        it is; an empty folder is filled.
    frames : int
        How many pictures.
    seed : int
    workers : int
        Processes that draw; the pictures are the same for any number.
    progress : callable, optional
        Called with pictures done, and in all.

    Returns
    -------
    Oath

    Raises
    ------
    UsageError
        If something else is there, or ``frames``, ``seed`` or ``workers`` cannot be used.
    ArchiveError
        If the folder cannot be written or a drawing process ends; nothing is left behind then.

    Examples
    --------
    >>> oath = simulate_oath("OATH")  # doctest: +SKIP
    >>> len(oath), oath.simulated  # doctest: +SKIP
    (5824, True)
    """
    if workers < 1:
        raise UsageError(f"workers is {workers}; expected 1 or more.")
    root = Path(out).absolute()
    above = next(folder for folder in root.parents if folder.exists())
    if not above.is_dir():
        raise UsageError(f"{above}: is a file; name a folder.")
    plan = plan_oath(frames, seed)
    about = {"seed": seed, "frames": frames, "version": __version__}
    if _is_there(root, about):
        return open_oath(root)
    try:
        with staging_folder(root.parent) as folder:
            free = shutil.disk_usage(folder).free
            if frames * PICTURE_BYTES > free:
                raise ArchiveError(
                    f"{root.parent}: {frames} pictures need {frames * PICTURE_BYTES / 1e6:.0f} MB, "
                    f"and {free / 1e6:.0f} MB are free; make room, or name another folder."
                )
            staged = folder / "oath"
            weights, family = _draw_all(plan, staged / IMAGE_FOLDER, seed, workers, progress)
            write_classifications(staged, plan.label, plan.rotation)
            write_origins(staged, plan.site, plan.time)
            write_split(staged, frames)
            write_truth(staged, plan.truth, plan.label, weights, family)
            (staged / "00_README").write_text(_README, encoding="utf-8")
            write_marker(staged, plan.label, **about)
            if root.is_dir():
                root.rmdir()
            staged.replace(root)
    except BrokenProcessPool as error:
        raise ArchiveError(
            f"{root}: a drawing process was ended, perhaps for lack of memory; nothing was left "
            "behind. Take fewer --workers."
        ) from error
    except OSError as error:
        if isinstance(error, ArchiveError):
            raise
        raise ArchiveError(
            f"{root}: the set cannot be written ({error.strerror or error}); nothing was left "
            "behind. Make room, or name another folder."
        ) from error
    return open_oath(root)


def oath_picture(frame: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Stretch a frame as the pictures of the OATH set are.

    Parameters
    ----------
    frame : ndarray of uint16, (256, 256)
        East to the left, as raw frames have it.

    Returns
    -------
    ndarray of uint8, (256, 256)
        East to the right, as those pictures have it. Within the disc
        ``255 clip((x - p_1) / (p_99 - p_1), 0, 1)``, cut to whole numbers, with percentiles of the
        disc; 0 outside.

    Examples
    --------
    >>> frame = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    >>> picture = oath_picture(frame)
    >>> int(picture[0, 0]), int(picture[127, 128]), int(picture[230, 128])
    (0, 127, 255)
    """
    sky = FRAME_DISC.mask(frame.shape)
    low, high = percentile_pair(frame[sky][None], (1.0, 99.0))
    width = max(float(high[0] - low[0]), 1.0)
    stretched = 255.0 * np.clip((frame - float(low[0])) / width, 0.0, 1.0)
    return np.where(sky, stretched, 0.0).astype(np.uint8)[:, ::-1]


def _is_there(root: Path, about: dict[str, Any]) -> bool:
    """Return whether this set is there; refuse whatever else is."""
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        if root.is_mount():
            raise UsageError(f"{root}: a file system is mounted there; name a folder below it.")
        return False
    found = marker_of(root) if root.is_dir() else None
    if found is None:
        raise UsageError(
            f"{root}: is there and is no simulated set; name another folder, or remove it."
        )
    held = {key: found.get(key) for key in about}
    if held != about:
        words = [", ".join(f"{key} {value}" for key, value in x.items()) for x in (held, about)]
        raise UsageError(
            f"{root}: holds the simulated set of {words[0]}; asked for is {words[1]}. Name another "
            "folder, or remove it."
        )
    return True


def _draw_all(
    plan: OathPlan,
    folder: Path,
    seed: int,
    workers: int,
    progress: Callable[[int, int], None] | None,
) -> tuple[NDArray[np.float32], NDArray[np.str_]]:
    """Draw and write all pictures; return the weights of the classes and the families of style."""
    folder.mkdir(parents=True)
    tasks = list(_tasks(plan, folder, seed))
    weights = np.zeros((len(plan), len(CLASSES)), dtype=np.float32)
    family = np.full(len(plan), "", dtype="U16")
    done = 0
    say = progress or (lambda *_: None)
    say(0, len(plan))
    for task, (made, name) in _results(tasks, workers):
        rows = slice(task.first, task.first + len(made))
        weights[rows], family[rows] = made, name
        done += len(made)
        say(done, len(plan))
    return weights, family


def _tasks(plan: OathPlan, folder: Path, seed: int) -> Iterator[_Task]:
    for number in range(int(plan.night.max()) + 1):
        mine = np.flatnonzero(plan.night == number)
        for first in range(0, mine.size, _TASK):
            yield _Task(
                folder=folder,
                first=int(mine[first]),
                site=str(plan.site[mine[0]]),
                night_time=plan.time[mine],
                night_truth=plan.truth[mine],
                rows=slice(first, first + _TASK),
                seed=seed,
                test_style=bool(plan.test_style[mine[0]]),
            )


def _results(
    tasks: list[_Task], workers: int
) -> Iterator[tuple[_Task, tuple[NDArray[np.float32], str]]]:
    """Give the tasks with what came of them, as they are done."""
    workers = min(workers, len(tasks))  # all of them are started at once
    if workers == 1:
        for task in tasks:
            yield task, _draw(task)
        return
    with _single_threaded(), ProcessPoolExecutor(workers, mp_context=_spawning()) as pool:
        try:
            pending: dict[Future[Any], _Task] = {}
            waiting = iter(tasks)
            following: _Task | None
            while True:
                # a few tasks ahead, so that a failure ends the others soon
                while len(pending) < 3 * workers and (following := next(waiting, None)) is not None:
                    pending[pool.submit(_draw, following)] = following
                if not pending:
                    return
                for future in wait(pending, return_when=FIRST_COMPLETED).done:
                    yield pending.pop(future), future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _spawning() -> Any:
    import multiprocessing

    # a copy of this process could hold locks of threads that it does not have
    return multiprocessing.get_context("spawn")


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Let new processes use one thread each: there are enough of them."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _draw(task: _Task) -> tuple[NDArray[np.float32], str]:
    """Draw and write the pictures of a task."""
    from classifier.sky import draw_frames, scene_of

    scene = scene_of(
        task.site,
        task.night_time,
        np.array(CLASSES)[task.night_truth],
        seed=task.seed,
        split="test" if task.test_style else "train",
        mixture=_MIXTURE,
    )
    images, weights = draw_frames(scene, task.night_time[task.rows])
    for number, image in enumerate(images, task.first + 1):
        write_image(task.folder / f"{number:05d}.png", oath_picture(image))
    return weights, scene.style.family
