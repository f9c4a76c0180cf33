"""Which station-minutes of the demo world get frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from auroral_stats.errors import UsageError
from auroral_stats.labels import CLASSES, LabelStore, iter_partitions, read_partition

__all__ = ["CAMERA", "MINUTES", "REMEDY", "DemoMinute", "choose_minutes"]

#: Station-minutes that get frames.
MINUTES = 10
#: Of these, so many in which the class changes.
_CHANGING = 2
#: Stations that have one of the minutes in common.
_TOGETHER = 3
_FRAMES = 20
#: Camera of the files.
CAMERA = "themis19"
_ARC, _CLEAR, _MOON = (CLASSES.index(name) for name in ("arc", "clear", "moon"))
_AURORA = [CLASSES.index(name) for name in ("arc", "diffuse", "discrete")]
_NONE = 255
#: What to do where there is no demo world.
REMEDY = "build one with: auroral_stats demo --out DIR"


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
        name = f"{year}{month}{day}_{clock.replace(':', '')}_{self.site}_{CAMERA}_full.pgm.gz"
        return Path(year, month, day, f"{self.site}_{CAMERA}", f"ut{clock[:2]}", name)


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
        In order of time, then site. One minute is that of three stations, with aurora over as many
        of them as can be had and the Moon down; two consecutive minutes show an arc at one station;
        the rest are one minute of each class that is not yet there, and two in which the class
        changes once, as far as there is room.

    Raises
    ------
    UsageError
        If the seed is negative, or the store does not have such minutes.
    """
    if seed < 0:
        raise UsageError(f"seed is {seed}; expected 0 or more.")
    rng = np.random.default_rng([seed, MINUTES])
    found = [
        _whole_minutes(partition.site, rows["time"], rows["label"])
        for partition in iter_partitions(store)
        for rows in [read_partition(partition, ("time", "label"), info=store.info)]
    ]
    chosen: dict[tuple[str, np.datetime64], DemoMinute] = {}

    def take(candidates: list[DemoMinute], wanted: int) -> None:
        wanted = min(wanted, MINUTES - len(chosen))
        for i in rng.permutation(len(candidates)):
            minute = candidates[i]
            key = (minute.site, minute.start)
            if wanted > 0 and key not in chosen and _can_be_seen(minute):
                chosen[key] = minute
                wanted -= 1

    take(_shared_minute(found, rng), _TOGETHER)
    take(_following_arc(found, rng), 2)
    steady, changing = _some_minutes(found, rng)
    for code, candidates in enumerate(steady):
        if all(code not in minute.label for minute in chosen.values()):
            take(candidates, 1)
    take(changing, _CHANGING)
    # where the room is not taken: steady minutes
    take([minute for candidates in steady for minute in candidates], MINUTES)
    seen = np.zeros(len(CLASSES), dtype=bool)
    for minute in chosen.values():
        seen[minute.label] = True
    if len(chosen) < MINUTES or not seen.all():
        raise UsageError(
            f"{store.path}: has not {MINUTES} whole station-minutes with all of "
            f"{', '.join(CLASSES)} among them; {REMEDY}"
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

    @property
    def start(self) -> NDArray[np.datetime64]:
        return self.time[:, 0].astype("M8[m]")

    @property
    def steady(self) -> NDArray[np.uint8]:
        """The class of each minute, 255 where it changes; (minute,)."""
        same = (self.label == self.label[:, :1]).all(axis=1)
        return np.where(same, self.label[:, 0], np.uint8(_NONE))


def _whole_minutes(site: str, time: NDArray[np.datetime64], label: NDArray[np.uint8]) -> _Minutes:
    first = np.flatnonzero(np.diff(time.astype("M8[m]"), prepend=np.datetime64(0, "m")))
    size = np.diff(np.append(first, time.size))
    rows = first[size == _FRAMES][:, None] + np.arange(_FRAMES)
    return _Minutes(site, time[rows], label[rows])


def _shared_minute(found: list[_Minutes], rng: np.random.Generator) -> list[DemoMinute]:
    """Return one minute at several stations, with as much aurora as can be had."""
    sites = sorted({part.site for part in found})
    minutes = np.unique(np.concatenate([part.start for part in found]))
    code = np.full((minutes.size, len(sites)), _NONE, dtype=np.uint8)
    for part in found:
        code[np.searchsorted(minutes, part.start), sites.index(part.site)] = part.steady
    aurora = np.isin(code, _AURORA)
    kinds = sum(((code == one).any(axis=1)).astype(np.int64) for one in _AURORA)
    usable = (aurora | (code == _CLEAR)).sum(axis=1)
    worth = 10 * np.minimum(aurora.sum(axis=1), _TOGETHER) + kinds
    worth[usable < min(_TOGETHER, len(sites))] = -1
    shuffled = rng.permutation(minutes.size)
    for row in shuffled[np.argsort(-worth[shuffled], kind="stable")]:
        if worth[row] < 0:
            break
        order = rng.permutation(len(sites))
        order = order[aurora[row, order] | (code[row, order] == _CLEAR)]
        # the first of each class, then more aurora, then clear skies
        first = np.isin(np.arange(order.size), np.unique(code[row, order], return_index=True)[1])
        order = order[np.lexsort((~first, ~aurora[row, order]))][:_TOGETHER]
        if not any(_moonlit(sites[k], minutes[row]) for k in order):
            names = {sites[k] for k in order}
            return [
                part.minute(int(i))
                for part in found
                if part.site in names
                for i in np.flatnonzero(part.start == minutes[row])
            ]
    return []


def _following_arc(found: list[_Minutes], rng: np.random.Generator) -> list[DemoMinute]:
    """Return two consecutive minutes of an arc at one station, with the Moon down."""
    pairs = []
    for part in found:
        arc = part.steady == _ARC
        follows = np.diff(part.start) == np.timedelta64(1, "m")
        pairs += [(part, i) for i in np.flatnonzero(arc[:-1] & arc[1:] & follows)]
    for k in rng.permutation(len(pairs)):
        part, i = pairs[k]
        if not _moonlit(part.site, part.start[i]):
            return [part.minute(int(i)), part.minute(i + 1)]
    return []


def _some_minutes(
    found: list[_Minutes], rng: np.random.Generator
) -> tuple[list[list[DemoMinute]], list[DemoMinute]]:
    """Return some steady minutes of each class, and some in which the class changes once."""
    steady: list[list[DemoMinute]] = [[] for _ in CLASSES]
    changing: list[DemoMinute] = []
    for part in found:
        # a few of each month are enough to choose from
        for code in range(len(CLASSES)):
            rows = np.flatnonzero(part.steady == code)
            steady[code] += [part.minute(int(i)) for i in rng.permutation(rows)[:4]]
        # some seconds of either class, and no moonlight, which comes and goes with the Moon
        once = (part.label[:, 1:] != part.label[:, :-1]).sum(axis=1) == 1
        once &= (part.label[:, :5] == part.label[:, :1]).all(axis=1)
        once &= (part.label[:, -5:] == part.label[:, -1:]).all(axis=1)
        rows = np.flatnonzero(once & (part.label != _MOON).all(axis=1))
        changing += [part.minute(int(i)) for i in rng.permutation(rows)[:4]]
    return steady, changing


def _moonlit(site: str, minute: np.datetime64) -> bool:
    from classifier.sky import moon_is_up

    return bool(moon_is_up(site, minute, above=0.0).any())


def _can_be_seen(minute: DemoMinute) -> bool:
    """Return whether a minute can be drawn: there is no moonlight without the Moon."""
    from classifier.sky import moon_is_up

    return _MOON not in minute.label or bool(moon_is_up(minute.site, minute.time).all())
