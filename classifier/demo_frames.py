"""Camera files for the demo world: simulated frames that agree with its labels one by one.

``auroral_stats demo`` builds a world of labels, solar wind and magnetometers. A few minutes of it
get frames here, in the files and folders of the THEMIS all-sky imagers, so that a classifier can be
run on them and its labels held against those of the world, a mosaic drawn of the minute that several
stations have, and a keogram of the arc that one has for two minutes::

    DIR/frames/2014/01/05/gill_themis19/ut06/20140105_0612_gill_themis19_full.pgm.gz
    DIR/frames/_frames.csv
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from auroral_stats.errors import ArchiveError, UsageError
from auroral_stats.labels import CLASSES, LabelStore, open_labels
from auroral_stats.staging import staging_folder
from classifier.demo_minutes import CAMERA, REMEDY, DemoMinute, choose_minutes
from classifier.frames import read_frames
from classifier.pgm import write_pgm

__all__ = ["simulate_demo_frames"]


def simulate_demo_frames(
    world: str | Path, seed: int = 0, *, progress: Callable[[int, int], None] | None = None
) -> tuple[Path, list[DemoMinute]]:
    """Add frames to a demo world, or return those that are there.

    Files that are there are read: one that is missing, cut short or damaged is made again, with the
    same content as before.

    Parameters
    ----------
    world : path
        Folder of the world.
    seed : int
        Which minutes, and what their frames look like.
    progress : callable, optional
        Called with minutes done, and in all that are to be made.

    Returns
    -------
    folder : Path
        ``DIR/frames``.
    minutes : list of DemoMinute
        What is in it, in order of time.

    Raises
    ------
    UsageError
        If the folder is no demo world, the seed is negative, or other frames are there.
    ArchiveError
        If the frames cannot be written, and then nothing is left behind; or if a file that is there
        may not be read.

    Examples
    --------
    >>> folder, minutes = simulate_demo_frames("DEMO")  # doctest: +SKIP
    >>> len(minutes)  # doctest: +SKIP
    10
    """
    root = Path(world).absolute()
    minutes = choose_minutes(_labels_of(root), seed)
    target, table = root / "frames", _table(minutes)
    held = _is_there(target, table)
    wanted = [m for m in minutes if not (held and _is_sound(target / m.file, m))]
    if not wanted:
        return target, minutes
    say = progress or (lambda *_: None)
    try:
        with staging_folder(root) as folder:
            staged = folder / "frames"
            for number, (minute, images) in enumerate(_drawn(minutes, wanted, seed)):
                say(number, len(wanted))
                path = staged / minute.file
                path.parent.mkdir(parents=True, exist_ok=True)
                write_pgm(
                    path, images, minute.time, site=minute.site, camera=CAMERA, simulated=True
                )
            if held:
                for minute in wanted:
                    (target / minute.file).parent.mkdir(parents=True, exist_ok=True)
                    (staged / minute.file).replace(target / minute.file)
            else:
                (staged / "_frames.csv").write_text(table, encoding="utf-8", newline="\n")
                if target.is_dir():
                    target.rmdir()
                staged.replace(target)
    except OSError as error:
        if isinstance(error, ArchiveError):
            raise
        raise ArchiveError(
            f"{target}: the frames cannot be written ({error.strerror or error}); nothing was left "
            "behind. Make room, or take a world in a folder that you can write."
        ) from error
    say(len(wanted), len(wanted))
    return target, minutes


def _drawn(
    minutes: list[DemoMinute], wanted: list[DemoMinute], seed: int
) -> Iterator[tuple[DemoMinute, NDArray[np.uint16]]]:
    """Draw the wanted of the minutes; all those of one station and night are one scene."""
    from classifier.sky import draw_frames, night_of, scene_of

    nights: dict[tuple[str, str], list[DemoMinute]] = {}
    for minute in minutes:
        nights.setdefault((minute.site, str(night_of(minute.time[:1])[0])), []).append(minute)
    for (site, _), together in nights.items():
        lacking = [minute for minute in together if minute in wanted]
        if not lacking:
            continue
        time = np.concatenate([minute.time for minute in together])
        label = np.concatenate([minute.label for minute in together])
        scene = scene_of(site, time, np.array(CLASSES)[label], seed=seed)
        for minute in lacking:
            yield minute, draw_frames(scene, minute.time)[0]


def _labels_of(root: Path) -> LabelStore:
    """Return the labels of a demo world; refuse any other folder."""
    try:
        marker = json.loads((root / "_demo.json").read_text(encoding="utf-8"))
        simulated = marker["simulated"] is True
    except (OSError, ValueError, KeyError, TypeError):
        simulated = False
    if not simulated:
        raise UsageError(f"{root}: is no demo world; {REMEDY}")
    store = open_labels(root / "labels")
    if not store.info.simulated:
        raise UsageError(f"{store.path}: these labels are not simulated; {REMEDY}")
    return store


def _table(minutes: list[DemoMinute]) -> str:
    rows = ["site,minute,classes,labels,file,simulated\n"]
    for minute in minutes:
        order = list(dict.fromkeys(CLASSES[code] for code in minute.label))
        codes = "".join(map(str, minute.label))
        rows.append(
            f"{minute.site},{minute.start}Z,{' '.join(order)},{codes},{minute.file.as_posix()},true\n"
        )
    return "".join(rows)


def _is_there(target: Path, table: str) -> bool:
    """Return whether the frames of this table were put there; refuse others."""
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return False
    try:
        same = (target / "_frames.csv").read_text(encoding="utf-8") == table
    except OSError:
        same = False
    if not same:
        raise UsageError(
            f"{target}: holds other frames than those of this seed; remove that folder first."
        )
    return True


def _is_sound(path: Path, minute: DemoMinute) -> bool:
    """Return whether a file holds all frames of a minute, which its checksum vouches for."""
    if not path.is_file():
        return False
    frames = read_frames(path, metadata=False)
    if frames.time.size and not frames.simulated:
        raise UsageError(
            f"{path}: does not say that its frames are simulated, and so is not written over; move "
            "it to another place."
        )
    return not frames.bad and np.array_equal(frames.time, minute.time)
