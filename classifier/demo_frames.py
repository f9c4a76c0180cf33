"""Camera files for the demo world: simulated frames that agree with its labels one by one.

``auroral_stats demo`` builds a world of labels, solar wind and magnetometers. A few minutes of it
get frames here, in the files and folders of the THEMIS all-sky imagers, so that a classifier can be
run on them and its labels held against those of the world::

    DIR/frames/2014/01/05/gill_themis19/ut06/20140105_0612_gill_themis19_full.pgm.gz
    DIR/frames/_frames.csv
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from auroral_stats.errors import ArchiveError, UsageError
from auroral_stats.labels import CLASSES, LabelStore, iter_partitions, open_labels, read_partition
from auroral_stats.staging import staging_folder
from classifier.pgm import write_pgm

__all__ = ["DemoMinute", "choose_minutes", "simulate_demo_frames"]

#: Station-minutes that get frames.
MINUTES = 10
#: Of these, so many in which the class changes.
_CHANGING = 2
_FRAMES = 20
_CAMERA = "themis19"
_MOON = CLASSES.index("moon")
_REMEDY = "build one with: auroral_stats demo --out DIR"


@dataclass(frozen=True, eq=False)
class DemoMinute:
    """One station-minute of the demo world.

    Attributes
    ----------
    site : str
    time : ndarray of datetime64[ms], (20,)
        Start of each exposure, UTC.
    label : ndarray of uint8, (20,)
        What the world says the frames show.
    """

    site: str
    time: NDArray[np.datetime64]
    label: NDArray[np.uint8]

    @property
    def start(self) -> np.datetime64:
        """The minute, UTC."""
        return np.datetime64(self.time[0], "m")

    @property
    def file(self) -> Path:
        """The file below the folder of frames."""
        date, clock = str(self.start).split("T")
        year, month, day = date.split("-")
        name = f"{year}{month}{day}_{clock.replace(':', '')}_{self.site}_{_CAMERA}_full.pgm.gz"
        return Path(year, month, day, f"{self.site}_{_CAMERA}", f"ut{clock[:2]}", name)


def simulate_demo_frames(
    world: str | Path, seed: int = 0, *, progress: Callable[[int, int], None] | None = None
) -> tuple[Path, list[DemoMinute]]:
    """Add frames to a demo world, or return those that are there.

    Parameters
    ----------
    world : path
        Folder of the world.
    seed : int
        Which minutes, and what their frames look like.
    progress : callable, optional
        Called with minutes done, and in all.

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
        If the frames cannot be written; nothing is left behind then.

    Examples
    --------
    >>> folder, minutes = simulate_demo_frames("DEMO")  # doctest: +SKIP
    >>> len(minutes)  # doctest: +SKIP
    10
    """
    root = Path(world).absolute()
    minutes = choose_minutes(_labels_of(root), seed)
    target, table = root / "frames", _table(minutes)
    if _is_there(target, table, minutes):
        return target, minutes
    say = progress or (lambda *_: None)
    try:
        with staging_folder(root) as folder:
            staged = folder / "frames"
            for number, (minute, images) in enumerate(_drawn(minutes, seed)):
                say(number, len(minutes))
                path = staged / minute.file
                path.parent.mkdir(parents=True, exist_ok=True)
                write_pgm(
                    path, images, minute.time, site=minute.site, camera=_CAMERA, simulated=True
                )
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
    say(len(minutes), len(minutes))
    return target, minutes


def choose_minutes(store: LabelStore, seed: int = 0) -> list[DemoMinute]:
    """Choose station-minutes with all their frames, and all classes among them.

    Parameters
    ----------
    store : LabelStore
        Labels of a demo world.
    seed : int

    Returns
    -------
    list of DemoMinute
        In order of time, then site: one minute of each class, the minutes after two of them, and
        two in which the class changes once.

    Raises
    ------
    UsageError
        If the seed is negative, or the store does not have such minutes.
    """
    if seed < 0:
        raise UsageError(f"seed is {seed}; expected 0 or more.")
    rng = np.random.default_rng([seed, MINUTES])
    steady: list[list[DemoMinute]] = [[] for _ in CLASSES]
    changing: list[DemoMinute] = []
    after: list[DemoMinute] = []
    for partition in iter_partitions(store):
        rows = read_partition(partition, ("time", "label"), info=store.info)
        whole = _whole_minutes(partition.site, rows["time"], rows["label"])
        changes = (whole.label[:, 1:] != whole.label[:, :-1]).sum(axis=1)
        for code in range(len(CLASSES)):
            found = np.flatnonzero((changes == 0) & (whole.label[:, 0] == code))
            # a few of each month are enough to choose from
            for i in rng.permutation(found)[:4]:
                steady[code].append(whole.minute(i))
                if i + 1 < len(whole.label) and changes[i + 1] == 0:
                    after.append(whole.minute(i + 1))
        # some seconds of either class, and no moonlight, which comes and goes with the Moon
        clear_cut = (whole.label[:, :5] == whole.label[:, :1]).all(axis=1)
        clear_cut &= (whole.label[:, -5:] == whole.label[:, -1:]).all(axis=1)
        found = np.flatnonzero((changes == 1) & clear_cut & (whole.label != _MOON).all(axis=1))
        changing += [whole.minute(i) for i in rng.permutation(found)[:4]]

    chosen: dict[tuple[str, np.datetime64], DemoMinute] = {}

    def take(candidates: list[DemoMinute], wanted: int) -> None:
        for i in rng.permutation(len(candidates)):
            minute = candidates[i]
            key = (minute.site, minute.start)
            if wanted and key not in chosen and _can_be_seen(minute):
                chosen[key] = minute
                wanted -= 1

    for candidates in steady:
        take(candidates, 1)
    follows = {(site, start + np.timedelta64(1, "m")) for site, start in chosen}
    take([minute for minute in after if (minute.site, minute.start) in follows], 2)
    take(changing, _CHANGING)
    if len(chosen) < MINUTES:  # a world with few changes: steady minutes then
        take([minute for candidates in steady for minute in candidates], MINUTES - len(chosen))
    seen = np.zeros(len(CLASSES), dtype=bool)
    for minute in chosen.values():
        seen[minute.label] = True
    if len(chosen) < MINUTES or not seen.all():
        raise UsageError(
            f"{store.path}: has not {MINUTES} whole station-minutes with all of "
            f"{', '.join(CLASSES)} among them; {_REMEDY}"
        )
    return [chosen[key] for key in sorted(chosen, key=lambda key: (key[1], key[0]))]


@dataclass(frozen=True, eq=False)
class _Minutes:
    """Whole minutes of one station: ``time`` and ``label``, (minute, 20)."""

    site: str
    time: NDArray[np.datetime64]
    label: NDArray[np.uint8]

    def minute(self, i: int) -> DemoMinute:
        return DemoMinute(self.site, self.time[i], self.label[i])


def _whole_minutes(site: str, time: NDArray[np.datetime64], label: NDArray[np.uint8]) -> _Minutes:
    first = np.flatnonzero(np.diff(time.astype("M8[m]"), prepend=np.datetime64(0, "m")))
    size = np.diff(np.append(first, time.size))
    rows = first[size == _FRAMES][:, None] + np.arange(_FRAMES)
    return _Minutes(site, time[rows], label[rows])


def _can_be_seen(minute: DemoMinute) -> bool:
    """Return whether a minute can be drawn: there is no moonlight without the Moon."""
    from classifier.sky import moon_is_up

    return _MOON not in minute.label or bool(moon_is_up(minute.site, minute.time).all())


def _drawn(minutes: list[DemoMinute], seed: int) -> Iterator[tuple[DemoMinute, NDArray[np.uint16]]]:
    """Draw the minutes; those of one station and night are one scene."""
    from classifier.sky import draw_frames, night_of, scene_of

    nights: dict[tuple[str, str], list[DemoMinute]] = {}
    for minute in minutes:
        nights.setdefault((minute.site, str(night_of(minute.time[:1])[0])), []).append(minute)
    for (site, _), together in nights.items():
        time = np.concatenate([minute.time for minute in together])
        label = np.concatenate([minute.label for minute in together])
        scene = scene_of(site, time, np.array(CLASSES)[label], seed=seed)
        for minute in together:
            yield minute, draw_frames(scene, minute.time)[0]


def _labels_of(root: Path) -> LabelStore:
    """Return the labels of a demo world; refuse any other folder."""
    try:
        marker = json.loads((root / "_demo.json").read_text(encoding="utf-8"))
        simulated = marker["simulated"] is True
    except (OSError, ValueError, KeyError, TypeError):
        simulated = False
    if not simulated:
        raise UsageError(f"{root}: is no demo world; {_REMEDY}")
    store = open_labels(root / "labels")
    if not store.info.simulated:
        raise UsageError(f"{store.path}: these labels are not simulated; {_REMEDY}")
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


def _is_there(target: Path, table: str, minutes: list[DemoMinute]) -> bool:
    """Return whether these frames are there; refuse others."""
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return False
    try:
        same = (target / "_frames.csv").read_text(encoding="utf-8") == table
    except OSError:
        same = False
    if not same or not all((target / minute.file).is_file() for minute in minutes):
        raise UsageError(
            f"{target}: holds other frames than those of this seed; remove that folder first."
        )
    return True
