"""What a simulated OATH set holds: where, when and in what order its pictures are taken.

The published set was made from hours at one station, out of which pictures at random times were
labelled. Its time structure is what makes its random folds easy, and is followed here:

- about 80 station-nights in about 45 nights of ten winters;
- more than half of them show a single class, in one hour of 28 pictures, two minutes apart;
- the others are one to six hours of about 62 pictures, less than a minute apart, in which runs of
  a class are 14 pictures long on average;
- pictures of ``moon`` have a bright Moon above 10 deg, and so have half of the cloudy nights; in
  1 of 8 other nights it is near the horizon; the Sun is always 12 deg or more below it.

The labels are those of a person who is at times early or late to see a change: about 5 % of the
pictures, all beside a change, have the label of the other side. Fewer pictures than the published
number make fewer and shorter hours, with the steps of time kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from auroral_stats.errors import UsageError
from auroral_stats.labels import CLASSES
from auroral_stats.sites import load_sites
from classifier.oath import PUBLISHED_COUNTS

__all__ = ["AMBIGUOUS_SHARE", "FEWEST_FRAMES", "OathPlan", "plan_oath"]

#: Share of the pictures whose label is not what was drawn.
AMBIGUOUS_SHARE = 0.05
#: With fewer pictures the classes and nights of a set do not fit in.
FEWEST_FRAMES = 120
#: Share of the station-nights with a style that is drawn as for nights for testing.
TEST_STYLE_SHARE = 0.15

ARC, DIFFUSE, DISCRETE, CLOUDY, MOON, CLEAR = range(len(CLASSES))
#: Share of each class that lies in station-nights with no other.
_ALONE = (0.036, 0.05, 0.04, 0.42, 0.60, 0.40)
#: How likely a run is followed by a run of another class, before scarcity: rows from, columns to.
_FOLLOWS = np.array(
    [
        [0.0, 0.6, 1.2, 0.1, 0.0, 0.5],
        [0.5, 0.0, 0.6, 0.2, 0.0, 0.9],
        [0.4, 1.2, 0.0, 0.1, 0.0, 0.4],
        [0.3, 0.3, 0.3, 0.0, 1.0, 0.5],
        [0.0, 0.0, 0.0, 1.0, 0.0, 0.0],
        [1.0, 0.7, 0.5, 0.2, 0.0, 0.0],
    ]
)
_BLOCK, _BLOCK_STEP_S = 28, 125.0
_HOUR, _HOUR_STEP_S = 62, 58.0
_RUN = 14.0
_CADENCE_S = 3
_MOST_HOURS = 6
_LOW_MOON_SHARE = 0.12

#: Stations of the published set; those with most of its pictures first.
_SITES = (
    "inuv", "fsim", "fsmi", "gill", "rank", "snkq", "fykn", "gako", "atha", "pina", "chbg", "whit",
    "kapu", "talo", "tpas", "kian", "pgeo", "mcgr", "snap",
)  # fmt: skip
_OFTEN, _OFTEN_WEIGHT = 5, 3.0
_FIRST_WINTER, _WINTERS = 2006, 10
_NIGHTS = 45


@dataclass(frozen=True, eq=False)
class OathPlan:
    """The pictures of a set, in its order.

    Attributes
    ----------
    site : ndarray of str, (n,)
    time : ndarray of datetime64[ms], (n,)
        UTC, on full 3 s.
    label, truth : ndarray of uint8, (n,)
        The label, and the class that is drawn.
    night : ndarray of int64, (n,)
        Number of the station-night.
    test_style : ndarray of bool, (n,)
        Whether the style of the station-night is drawn as for nights for testing.
    rotation : ndarray of int16, (n,)
        Random angles, 0 to 359 deg, for the column of that name.
    """

    site: NDArray[np.str_]
    time: NDArray[np.datetime64]
    label: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    night: NDArray[np.int64]
    test_style: NDArray[np.bool_]
    rotation: NDArray[np.int16]

    def __len__(self) -> int:
        return self.label.size


#: High and bright; near the horizon, whatever its phase; or below it.
Moon = Literal["bright", "low", "down"]


class _Night(NamedTuple):
    """A station-night to be placed: labels hour by hour, step in s, and where the Moon is."""

    hours: list[NDArray[np.uint8]]
    step: float
    moon: Moon


def plan_oath(frames: int = sum(PUBLISHED_COUNTS), seed: int = 0) -> OathPlan:
    """Plan a set.

    Parameters
    ----------
    frames : int
        How many pictures; the classes have their published shares.
    seed : int

    Returns
    -------
    OathPlan

    Raises
    ------
    UsageError
        If there are too few pictures, or the seed is negative.

    Examples
    --------
    >>> plan = plan_oath(600)
    >>> np.bincount(plan.label).tolist()
    [80, 114, 144, 88, 63, 111]
    """
    if frames < FEWEST_FRAMES:
        raise UsageError(f"frames is {frames}; expected {FEWEST_FRAMES} or more.")
    if seed < 0:
        raise UsageError(f"seed is {seed}; expected 0 or more.")
    rng = np.random.default_rng([seed, frames, 1804])
    counts = _apportioned(frames)
    scale = float(np.sqrt(frames / sum(PUBLISHED_COUNTS)))
    nights = _alone(rng, counts, max(4, round(_BLOCK * scale)))
    nights += _mixed(rng, counts, scale)
    nights = [nights[i] for i in rng.permutation(len(nights))]
    places = _placed(rng, nights)
    test_style = rng.random(len(nights)) < TEST_STYLE_SHARE

    label, truth, time = [], [], []
    for night, (_, start) in zip(nights, places, strict=True):
        for number, labels in enumerate(night.hours):
            label.append(labels)
            truth.append(labels.copy())
            hour = start + np.timedelta64(number, "h")
            time.append(hour.astype("M8[ms]") + _moments(rng, labels.size, night.step))
    _blur(rng, truth, round(AMBIGUOUS_SHARE * frames))
    sizes = [sum(map(len, night.hours)) for night in nights]
    member = np.repeat(np.arange(len(nights)), sizes)
    return OathPlan(
        site=np.array([site for site, _ in places])[member],
        time=np.concatenate(time),
        label=np.concatenate(label),
        truth=np.concatenate(truth),
        night=member,
        test_style=test_style[member],
        rotation=rng.integers(0, 360, frames).astype(np.int16),
    )


def _apportioned(frames: int) -> NDArray[np.int64]:
    """Return how many pictures each class has: largest remainders of the published shares."""
    exact = np.array(PUBLISHED_COUNTS) * frames / sum(PUBLISHED_COUNTS)
    counts = np.floor(exact).astype(np.int64)
    most = np.argsort(counts - exact, kind="stable")[: frames - counts.sum()]
    counts[most] += 1
    return counts


def _alone(rng: np.random.Generator, counts: NDArray[np.int64], block: int) -> list[_Night]:
    """Take the station-nights with a single class out of the counts."""
    nights = []
    for code in range(len(CLASSES)):
        wanted = max(1, round(_ALONE[code] * counts[code] / block))
        for _ in range(min(wanted, int(counts[code]) // (block + 1))):
            counts[code] -= block
            moon: Moon = "low" if rng.random() < _LOW_MOON_SHARE else "down"
            if code == MOON or (code == CLOUDY and rng.random() < 0.5):
                moon = "bright"
            nights.append(_Night([np.full(block, code, np.uint8)], _BLOCK_STEP_S, moon))
    return nights


def _mixed(rng: np.random.Generator, counts: NDArray[np.int64], scale: float) -> list[_Night]:
    """Make station-nights with several classes of all that is left: moonlit ones, then others."""
    hour, run = max(8, round(_HOUR * scale)), max(3.0, _RUN * scale)
    moonlit = np.zeros_like(counts)
    moonlit[MOON] = counts[MOON]
    moonlit[CLOUDY] = min(counts[CLOUDY] // 2, counts[MOON])
    nights = []
    for left, number, lit in ((moonlit, 6, True), (counts - moonlit, 32, False)):
        hours = _cut(rng, _sequence(rng, left, run), hour)
        sizes = np.ones(min(len(hours), max(2, round(number * scale))), dtype=np.int64)
        for _ in range(len(hours) - sizes.size):
            shorter = np.flatnonzero(sizes < _MOST_HOURS)
            sizes[rng.choice(shorter if shorter.size else sizes.size)] += 1
        ends = np.cumsum(sizes)
        for first, end in zip(ends - sizes, ends, strict=True):
            low: Moon = "low" if rng.random() < _LOW_MOON_SHARE else "down"
            nights.append(_Night(hours[first:end], _HOUR_STEP_S, "bright" if lit else low))
    return nights


def _cut(
    rng: np.random.Generator, sequence: NDArray[np.uint8], hour: int
) -> list[NDArray[np.uint8]]:
    """Cut labels into hours of unequal numbers of pictures, with no stump at the end."""
    hours = []
    while sequence.size:
        size = round(hour * rng.uniform(0.75, 1.3))
        size = sequence.size if sequence.size < size + hour // 3 else size
        hours.append(sequence[:size])
        sequence = sequence[size:]
    return hours


def _sequence(
    rng: np.random.Generator, counts: NDArray[np.int64], mean: float
) -> NDArray[np.uint8]:
    """Return labels in runs, with exactly these counts, each class followed by what often does."""
    left = counts.copy()
    runs: list[NDArray[np.uint8]] = []
    last = int(rng.choice(np.flatnonzero(left))) if left.any() else 0
    while left.any():
        weight = (_FOLLOWS[last] + 1e-9) * left  # scarce classes last as long as plentiful ones
        if left[np.arange(left.size) != last].any():
            weight[last] = 0.0
        last = int(rng.choice(left.size, p=weight / weight.sum()))
        size = min(int(left[last]), 1 + int(rng.exponential(mean - 1.0)))
        runs.append(np.full(size, last, dtype=np.uint8))
        left[last] -= size
    return np.concatenate(runs) if runs else np.empty(0, dtype=np.uint8)


def _moments(rng: np.random.Generator, size: int, step: float) -> NDArray[np.timedelta64]:
    """Return random times in an hour on full 3 s, as far apart as ``step`` on average."""
    span = min(3600.0, max(size * step, 2.0 * size * _CADENCE_S))
    slots = int(span) // _CADENCE_S
    first = int(rng.integers(0, 3600 // _CADENCE_S - slots + 1))
    chosen = np.sort(rng.choice(slots, size, replace=False)) + first
    return (1000 * _CADENCE_S * chosen).astype("m8[ms]")


def _blur(rng: np.random.Generator, truth: list[NDArray[np.uint8]], wanted: int) -> None:
    """Let what is drawn change one or two pictures before or after the label does."""
    changes = [
        (labels, int(at))
        for labels in truth
        for at in np.flatnonzero(labels[1:] != labels[:-1]) + 1
    ]
    runs = {
        (id(labels), at): _room(labels, at) for labels, at in changes
    }  # before any of them is moved
    done = 0
    for i in rng.permutation(len(changes)):
        labels, at = changes[i]
        early = bool(rng.random() < 0.5)
        room = runs[id(labels), at][early]
        size = min(int(rng.integers(1, 4)), room, wanted - done)
        if size < 1:
            continue
        if early:
            labels[at - size : at] = labels[at]
        else:
            labels[at : at + size] = labels[at - 1]
        done += size


def _room(labels: NDArray[np.uint8], at: int) -> tuple[int, int]:
    """Return how many pictures after and before a change may take the other side's class."""
    edges = np.flatnonzero(labels[1:] != labels[:-1]) + 1
    edges = np.concatenate([[0], edges, [labels.size]])
    here = int(np.searchsorted(edges, at))
    after, before = edges[here + 1] - at, at - edges[here - 1]
    # half of a run at most, so that the changes on its two sides do not meet
    return int(after) // 2, int(before) // 2


def _placed(rng: np.random.Generator, nights: list[_Night]) -> list[tuple[str, np.datetime64]]:
    """Give each station-night a station and the hour in which it begins."""
    from auroral_stats.geometry import site_geometry

    sites = [code for code in _SITES if code in load_sites().index]
    weight = np.where(np.arange(len(sites)) < _OFTEN, _OFTEN_WEIGHT, 1.0)
    dates = _dates(rng)
    offset = np.arange(19, 19 + 24).astype("m8[h]")
    time = (dates[:, None].astype("M8[h]") + offset).ravel()
    sky = site_geometry(
        time, sites, quantities=("sun_elevation", "moon_elevation", "moon_illumination")
    )
    shape = (dates.size, offset.size, len(sites))
    dark = (sky["sun_elevation"].to_numpy() < -12.5).reshape(shape)
    height = sky["moon_elevation"].to_numpy().reshape(shape)
    bright = (sky["moon_illumination"].to_numpy() > 0.5).reshape(shape[:2])[..., None]
    up = {
        "bright": (height > 10.0) & bright,
        "low": (height > -5.0) & (height < 14.0),
        "down": height < -1.0,
    }

    taken = np.zeros((dates.size, len(sites)), dtype=bool)
    places: dict[int, tuple[str, np.datetime64]] = {}
    # the longest first, for which there are the fewest places
    for number in sorted(range(len(nights)), key=lambda i: -len(nights[i].hours)):
        fits = dark & up[nights[number].moon] & ~taken[:, None, :]
        length = len(nights[number].hours) + 1
        whole = np.lib.stride_tricks.sliding_window_view(fits, length, axis=1).all(axis=-1)
        share = whole * weight
        pick = int(rng.choice(share.size, p=(share / share.sum()).ravel()))
        date, hour, site = np.unravel_index(pick, share.shape)
        taken[date, site] = True
        places[number] = (sites[site], dates[date].astype("M8[h]") + offset[hour])
    return [places[number] for number in range(len(nights))]


def _dates(rng: np.random.Generator) -> NDArray[np.datetime64]:
    """Return nights from 20 October to 10 March, spread over the winters and the Moon's phases."""
    winter = rng.permutation(np.arange(_NIGHTS) % _WINTERS) + _FIRST_WINTER
    first = np.array([f"{year}-10-20" for year in winter], dtype="M8[D]")
    # stratified in the month of the Moon, so that every set has moonlit and moonless nights
    day = (rng.integers(0, 4, _NIGHTS) * 29.53 + rng.permutation(_NIGHTS) * 29.53 / _NIGHTS).round()
    return np.unique(first + day.astype("m8[D]"))
