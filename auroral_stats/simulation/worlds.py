"""Worlds of night tensors with a known truth: what intervals are tried on.

A world is what the archive looks like to the statistics: counts of frames by night and driver
bin. The driver varies within hours, over days and with the 27-day rotation of the Sun; the
chance of a class depends on the driver, on the night, on a state that lasts for days and on the
winter; weather hides some nights. Classes last for ten minutes. The truth is the population rate
in the winters observed: the ratio of expected frames, from very many nights of the same winters.

Everything here is simulated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import signal, special

__all__ = ["SCENARIOS", "Scenario", "Worlds", "autoregressive", "simulate_worlds"]

#: Ten-minute stretches of one class in a night, and frames in each.
_STRETCHES = 60
_FRAMES = 200
#: Driver bins: standard deviations of the driver.
_EDGES = np.array([-1.5, -0.75, -0.25, 0.25, 0.75, 1.5])


@dataclass(frozen=True)
class Scenario:
    """How strongly the nuisances vary, in units of the logit of the class.

    Attributes
    ----------
    name : str
    base : float
        Logit of the class for a mean driver.
    slope : float
        Change of the logit with one standard deviation of the driver.
    night, days, rotation, winter : float
        Standard deviation of the logit from night to night, over some three days, with the
        27-day rotation, and from winter to winter.
    memory : float
        Share of the driver's variance that lasts for days or recurs after 27; the rest lasts
        for hours.
    weather : float
        Mean share of usable stretches.
    """

    name: str
    base: float
    slope: float
    night: float
    days: float
    rotation: float
    winter: float
    memory: float
    weather: float


#: Four worlds: from well-behaved to hard.
SCENARIOS = (
    Scenario("common class", -0.4, 0.5, 0.5, 0.3, 0.2, 0.2, 0.5, 0.6),
    Scenario("multi-day memory", -1.0, 0.6, 0.6, 0.7, 0.3, 0.3, 0.7, 0.5),
    Scenario("27-day recurrence", -1.0, 0.8, 0.5, 0.3, 0.7, 0.4, 0.7, 0.5),
    Scenario("rare class", -2.4, 0.8, 0.8, 0.4, 0.3, 0.4, 0.5, 0.4),
)


@dataclass(frozen=True)
class Worlds:
    """Many worlds of one scenario, their nights and the truth.

    Attributes
    ----------
    events, exposure : ndarray of int64, (world, night, bin)
        Frames of the class, and usable frames.
    truth : ndarray, (world, bin)
        Population rate in the winters of that world.
    other_truth : ndarray, (world, bin)
        Population rate in as many winters of another draw: what a night interval does not
        promise to cover.
    night : ndarray of datetime64[D], (night,)
        Runs of consecutive nights, one a winter.
    """

    events: NDArray[np.int64]
    exposure: NDArray[np.int64]
    truth: NDArray[np.float64]
    other_truth: NDArray[np.float64]
    night: NDArray[np.datetime64]


def _nights(count: int, winters: int) -> NDArray[np.datetime64]:
    runs = np.array_split(np.arange(count), winters)
    start = [np.datetime64(f"{2010 + k}-12-01") for k in range(winters)]
    return np.concatenate(
        [first + np.arange(len(run)) for first, run in zip(start, runs, strict=True)]
    )


def autoregressive(
    rng: np.random.Generator, shape: tuple[int, ...], steps: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """Return unit-variance first-order processes along the last axis.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : tuple of int
    steps : float or ndarray
        Memory in steps (e-folding); an array has one value for each first index.

    Returns
    -------
    ndarray, shape
    """
    if isinstance(steps, np.ndarray):
        return np.stack([autoregressive(rng, shape[1:], float(step)) for step in steps])
    keep = np.exp(-1 / steps)
    noise = rng.standard_normal(shape) * np.sqrt(1 - keep**2)
    noise[..., 0] /= np.sqrt(1 - keep**2)
    return np.asarray(signal.lfilter([1.0], [1.0, -keep], noise, axis=-1))


def _rotation(rng: np.random.Generator, runs: int, length: int) -> NDArray[np.float64]:
    """Return unit-variance recurrence after 27 nights; each run has a phase of its own."""
    phase = rng.uniform(0, 2 * np.pi, (runs, 1))
    harmonic = rng.uniform(0, 2 * np.pi, (runs, 1))
    day = 2 * np.pi * np.arange(length) / 27.0
    return np.sin(day + phase) * 1.2 + np.sin(2 * day + harmonic) * np.sqrt(2 - 1.44)


def _counts(
    rng: np.random.Generator, scenario: Scenario, winter: NDArray[np.float64], length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return events and exposure, (run, night, bin), for runs of ``length`` nights."""
    runs = winter.size
    slow = np.sqrt(0.5) * autoregressive(rng, (runs, length), 3.0)
    recur = np.sqrt(0.5) * _rotation(rng, runs, length)
    fast = autoregressive(rng, (runs, length, _STRETCHES), 12.0)
    driver = (
        np.sqrt(scenario.memory) * (slow + recur)[..., None] + np.sqrt(1 - scenario.memory) * fast
    )
    # The state that the driver does not explain has a memory and a rotation of its own.
    state = (
        scenario.night * rng.standard_normal((runs, length))
        + scenario.days * autoregressive(rng, (runs, length), 3.0)
        + scenario.rotation * _rotation(rng, runs, length)
        + scenario.winter * winter[:, None]
    )
    chance = special.expit(scenario.base + scenario.slope * driver + state[..., None])
    has_class = rng.random(driver.shape, dtype=np.float32) < chance
    clear = special.expit(
        special.logit(scenario.weather) + 2.0 * autoregressive(rng, (runs, length), 2.0)
    )
    usable = rng.random(driver.shape, dtype=np.float32) < clear[..., None]
    cell = np.searchsorted(_EDGES, driver)
    size = _EDGES.size + 1
    flat = (np.arange(runs * length).reshape(runs, length, 1) * size + cell)[usable]
    shape = (runs, length, size)
    exposure = np.bincount(flat, minlength=runs * length * size).reshape(shape)
    events = np.bincount(flat[has_class[usable]], minlength=runs * length * size).reshape(shape)
    return events * _FRAMES, exposure * _FRAMES


def simulate_worlds(
    scenario: Scenario,
    *,
    worlds: int = 1000,
    nights: int = 90,
    winters: int = 3,
    seed: int = 0,
    truth_nights: int = 40_000,
    winter_draws: int = 20,
) -> Worlds:
    """Simulate many worlds and the truth that their intervals should cover.

    Parameters
    ----------
    scenario : Scenario
    worlds : int
    nights : int
        In all winters together, in one run of consecutive nights a winter.
    winters : int
    seed : int
    truth_nights : int
        Nights from which the truth of each winter is computed.
    winter_draws : int
        Different sets of winters; worlds share them in turn, for the truth of each set is a
        Monte Carlo computation of its own.

    Returns
    -------
    Worlds

    Examples
    --------
    >>> made = simulate_worlds(SCENARIOS[0], worlds=2, nights=30, truth_nights=200, winter_draws=2)
    >>> made.events.shape, bool((made.events <= made.exposure).all())
    ((2, 30, 7), True)
    """
    rng = np.random.default_rng(seed)
    effects = rng.standard_normal((winter_draws, winters))
    lengths = [len(run) for run in np.array_split(np.arange(nights), winters)]
    # The truth weighs the winters as the observed nights do.
    share = np.array(lengths) / nights
    truth = np.empty((winter_draws, _EDGES.size + 1))
    for draw in range(winter_draws):
        runs = max(truth_nights // 90, 1)
        total = np.zeros((2, _EDGES.size + 1))
        for effect, weight in zip(effects[draw], share, strict=True):
            events, exposure = _counts(rng, scenario, np.full(runs, effect), 90)
            total += weight * np.stack([events.sum((0, 1)), exposure.sum((0, 1))])
        truth[draw] = total[0] / total[1]
    draw_of = np.arange(worlds) % winter_draws
    parts = [
        _counts(rng, scenario, effects[draw_of, winter], length)
        for winter, length in enumerate(lengths)
    ]
    return Worlds(
        events=np.concatenate([part[0] for part in parts], axis=1),
        exposure=np.concatenate([part[1] for part in parts], axis=1),
        truth=truth[draw_of],
        other_truth=truth[(draw_of + 1) % winter_draws],
        night=_nights(nights, winters),
    )
