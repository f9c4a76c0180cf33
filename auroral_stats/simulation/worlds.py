r"""Worlds of night tensors with a known truth: what intervals are tried on.

A world is what the archive looks like to the statistics: counts of frames by night and driver
bin. The driver varies within hours, over days and with the 27-day rotation of the Sun; the
chance of a class depends on the driver, on the night, on a state that lasts for days, on a
recurrence of its own and on the winter; weather hides some nights. Sky and class change every
ten minutes, and all frames in between are alike.

With driver :math:`x` and winter effect :math:`w`, the chance of the class in a stretch is

.. math:: p = \mathrm{expit}(\beta_0 + \beta_1 x + \sigma_n n + \sigma_d d + \sigma_r r
          + \sigma_w w),

with independent :math:`n` (white, by night), :math:`d` (first order, three nights), :math:`r`
(recurring after 27 nights, with streams that come and go) and :math:`w` (by winter), each normal
with unit variance. The truth is the population rate in
the winters observed: the mean of :math:`p` over everything but :math:`w`, given the bin.

Everything here is simulated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import interpolate, signal, special

from auroral_stats.errors import UsageError

__all__ = ["SCENARIOS", "Scenario", "Worlds", "autoregressive", "simulate_worlds"]

Array = NDArray[np.float64]

#: Ten-minute stretches of one class in a night, and frames in each.
_STRETCHES = 60
_FRAMES = 200
#: Nights in a rotation of the Sun, seen from the Earth.
_ROTATION = 27
#: Driver bins: standard deviations of the driver.
_EDGES = np.array([-1.5, -0.75, -0.25, 0.25, 0.75, 1.5])
_BINS = _EDGES.size + 1
#: Stretches from which the truth is computed, and that are simulated at once.
_DRAWS = 400_000
_AT_ONCE = 1_000_000


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
        Median over the nights of the share of usable stretches.
    evening : float
        Logit of the class at the start of the night less that at its end.
    drift : float
        Driver at the end of the night less that at its start: later hours then fill the upper
        bins, and a rate that is not standardised mixes driver and hour.
    coherence : float
        Nights after which the recurrence has lost its phase (e-folding). The correlation of the
        daily Kp of 2005 to 2024 falls by a third from one rotation to the next.
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
    evening: float = 0.0
    drift: float = 0.0
    coherence: float = 70.0


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
    events, exposure : ndarray of int64, (world, night, bin[, hour])
        Frames of the class, and usable frames; ``hour`` only if more than one was asked for.
    truth : ndarray, (world, bin[, hour])
        Population rate in the winters of that world.
    other_truth : ndarray, (world, bin[, hour])
        Population rate in one winter that was not observed: what no interval here promises.
    climate : ndarray, (bin[, hour])
        Population rate over all winters that there could be: what the climatological interval
        is for.
    share : ndarray, (bin[, hour])
        Share of the usable frames in the population, the same in every winter; sums to 1.
    night : ndarray of datetime64[D], (night,)
        Runs of consecutive nights, one a winter.
    """

    events: NDArray[np.int64]
    exposure: NDArray[np.int64]
    truth: Array
    other_truth: Array
    climate: Array
    share: Array
    night: NDArray[np.datetime64]


def _nights(lengths: Sequence[int]) -> NDArray[np.datetime64]:
    return np.concatenate(
        [
            np.datetime64(f"{2010 + winter}-12-01") + np.arange(length)
            for winter, length in enumerate(lengths)
        ]
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


def _rotation(rng: np.random.Generator, runs: int, length: int, coherence: float) -> Array:
    """Return unit-variance recurrence, (run, night): one and two streams in a rotation.

    Amplitude and phase of both change over ``coherence`` nights, as streams come and go.
    """
    day = 2 * np.pi * np.arange(length) / _ROTATION
    wave = np.stack([np.cos(day), np.sin(day), np.cos(2 * day), np.sin(2 * day)])
    amplitude = autoregressive(rng, (runs, 4, length), coherence)
    return np.einsum("k,rkn,kn->rn", np.sqrt([0.7, 0.7, 0.3, 0.3]), amplitude, wave)


def _counts(
    rng: np.random.Generator, scenario: Scenario, winter: Array, length: int, hours: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return events and exposure, (run, night, bin, hour), for runs of ``length`` nights.

    ``winter`` holds the winter effect of each run.
    """
    runs = winter.size
    slow = np.sqrt(0.5) * autoregressive(rng, (runs, length), 3.0)
    recur = np.sqrt(0.5) * _rotation(rng, runs, length, scenario.coherence)
    driver = autoregressive(rng, (runs, length, _STRETCHES), 12.0)
    driver *= np.sqrt(1 - scenario.memory)
    driver += (np.sqrt(scenario.memory) * (slow + recur))[..., None]
    # The state that the driver does not explain has a memory and a rotation of its own.
    state = (
        scenario.night * rng.standard_normal((runs, length))
        + scenario.days * autoregressive(rng, (runs, length), 3.0)
        + scenario.rotation * _rotation(rng, runs, length, scenario.coherence)
        + scenario.winter * winter[:, None]
    )
    clear = special.expit(
        special.logit(scenario.weather) + 2.0 * autoregressive(rng, (runs, length), 2.0)
    )
    # Only what was seen counts from here on.
    night, stretch = np.divmod(
        np.flatnonzero(rng.random(driver.shape, dtype=np.float32) < clear[..., None]), _STRETCHES
    )
    when = (stretch + 0.5) / _STRETCHES - 0.5
    seen = driver.reshape(-1, _STRETCHES)[night, stretch] + scenario.drift * when
    logit = scenario.base + scenario.slope * seen - scenario.evening * when + state.ravel()[night]
    has_class = rng.random(seen.size, dtype=np.float32) < special.expit(logit)
    cell = (night * _BINS + _bin(seen)) * hours + stretch * hours // _STRETCHES
    shape = (runs, length, _BINS, hours)
    size = int(np.prod(shape))
    exposure = np.bincount(cell, minlength=size).reshape(shape)
    events = np.bincount(cell[has_class], minlength=size).reshape(shape)
    return events * _FRAMES, exposure * _FRAMES


def _bin(driver: Array) -> NDArray[np.int64]:
    number = np.zeros(driver.shape, dtype=np.int64)
    for edge in _EDGES:
        number += driver >= edge
    return number


def _population(
    rng: np.random.Generator, scenario: Scenario, hours: int
) -> tuple[Callable[[Array], Array], Array]:
    """Return the rate as a function of the winter effect, and the share of the frames.

    Every stretch is of a night of its own, so that all are independent: they tell more than as
    many that follow one another. At any one time all that varies is normal, so that only the
    sum of the variances matters.

    Returns
    -------
    rate : callable
        Winter effects of any shape (...) to rates (..., bin, hour).
    share : ndarray, (bin, hour)
    """
    normal, state = rng.standard_normal((2, _DRAWS))
    stretch = np.arange(_DRAWS) % _STRETCHES
    when = (stretch + 0.5) / _STRETCHES - 0.5
    driver = normal + scenario.drift * when
    spread = np.hypot(np.hypot(scenario.night, scenario.days), scenario.rotation)
    logit = scenario.base + scenario.slope * driver - scenario.evening * when + spread * state
    cell = _bin(driver) * hours + stretch * hours // _STRETCHES
    logit = logit[np.argsort(cell, kind="stable")]
    draws = np.bincount(cell, minlength=_BINS * hours)
    start = np.cumsum(draws) - draws
    # The chance is smooth in the winter effect: a spline through some of its values will do.
    node = np.linspace(-6, 6, 25)
    total = [np.add.reduceat(special.expit(logit + scenario.winter * w), start) for w in node]
    rate = (np.array(total) / draws).reshape(-1, _BINS, hours)
    return interpolate.CubicSpline(node, rate), (draws / _DRAWS).reshape(_BINS, hours)


def simulate_worlds(
    scenario: Scenario,
    *,
    worlds: int = 1000,
    nights: int = 90,
    winters: int = 3,
    hours: int = 1,
    seed: int | Sequence[int] = 0,
) -> Worlds:
    """Simulate many worlds and the truth that their intervals should cover.

    Parameters
    ----------
    scenario : Scenario
    worlds : int
        Each has winters of its own.
    nights : int
        In all winters together, in one run of consecutive nights a winter.
    winters : int
    hours : int
        Equal parts of the night that are counted apart.
    seed : int or sequence of int

    Returns
    -------
    Worlds

    Raises
    ------
    UsageError
        If there are fewer nights than winters, or more hours than stretches in a night.

    Examples
    --------
    >>> made = simulate_worlds(SCENARIOS[0], worlds=2, nights=30)
    >>> made.events.shape, bool((made.events <= made.exposure).all())
    ((2, 30, 7), True)
    >>> bool((made.truth[:, -1] > made.truth[:, 0]).all())
    True
    """
    if not 1 <= winters <= nights:
        raise UsageError(f"winters={winters}: expected 1 to {nights}, the number of nights.")
    if not 1 <= hours <= _STRETCHES:
        raise UsageError(f"hours={hours}: expected 1 to {_STRETCHES} parts of the night.")
    rng = np.random.default_rng(seed)
    lengths = [len(run) for run in np.array_split(np.arange(nights), winters)]
    # The last winter of each world is not observed.
    effects = rng.standard_normal((worlds, winters + 1))
    rate_in, share = _population(rng, scenario, hours)
    # The truth weighs the winters as the observed nights do.
    truth = np.einsum("w,dwbh->dbh", np.array(lengths) / nights, rate_in(effects[:, :-1]))
    # The climate is the mean over a normal winter effect, by Gauss-Hermite quadrature.
    node, weight = np.polynomial.hermite_e.hermegauss(9)
    climate = np.einsum("n,nbh->bh", weight / weight.sum(), rate_in(node))
    blocks = list(_blocks(rng, scenario, effects[:, :-1], lengths, hours))
    events, exposure = (np.concatenate([block[k] for block in blocks]) for k in (0, 1))
    hour = slice(None) if hours > 1 else 0
    return Worlds(
        events=events[..., hour],
        exposure=exposure[..., hour],
        truth=truth[..., hour],
        other_truth=rate_in(effects[:, -1])[..., hour],
        climate=climate[..., hour],
        share=share[..., hour],
        night=_nights(lengths),
    )


def _blocks(
    rng: np.random.Generator, scenario: Scenario, effects: Array, lengths: list[int], hours: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield events and exposure of some worlds at a time, so that memory stays small."""
    step = max(_AT_ONCE // (max(lengths) * _STRETCHES), 1)
    for first in range(0, len(effects), step):
        some = effects[first : first + step]
        parts = [
            _counts(rng, scenario, some[:, winter], length, hours)
            for winter, length in enumerate(lengths)
        ]
        yield (
            np.concatenate([part[0] for part in parts], axis=1),
            np.concatenate([part[1] for part in parts], axis=1),
        )
