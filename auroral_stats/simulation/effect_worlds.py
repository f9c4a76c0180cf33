r"""Worlds with a known risk ratio between auroral forms: what matched intervals are tried on.

Each ten-minute stretch of a night shows one of three forms, and the ground is disturbed beyond
one of several thresholds or not. A driver :math:`x` decides both. So does a state :math:`u` that
nobody measures: drawn anew each night, remembered for days, recurring after 27 nights and
belonging to the winter. With loadings :math:`\lambda`,

.. math:: P(\text{form } k) \propto \exp(a_k + b_k x + \lambda_k u), \qquad
          P(X \ge t) = \mathrm{expit}(c_t + d x + e_k + (1 + g_k) u).

Minutes are matched by the quantile of the driver and, if asked for, by part of the night, which
makes the strata many and thin. The truth is the risk ratio of that matching in
the population of the winters observed, by Monte Carlo: what u adds to it is part of the
association, and no interval promises to take it out.

Everything here is simulated.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import interpolate, special

from auroral_stats.errors import UsageError
from auroral_stats.matching import ArmTable
from auroral_stats.simulation.worlds import autoregressive

__all__ = ["EFFECT_SCENARIOS", "EffectScenario", "EffectWorlds", "arm_tables", "effect_worlds"]

Array = NDArray[np.float64]

#: Stretches of one form in a night, and minutes in each.
_STRETCHES = 40
_MINUTES = 12
#: Nights in a rotation of the Sun, and nights after which its streams have changed.
_ROTATION = 27
_COHERENCE = 70.0
#: Quantiles of the driver that minutes are matched by.
_STRATA = 20
_DRAWS = 200_000
_AT_ONCE = 400_000


@dataclass(frozen=True)
class EffectScenario:
    r"""How forms and disturbances depend on the driver and on the unmeasured state.

    Attributes
    ----------
    name : str
    form, form_slope, form_state : tuple of float
        :math:`a_k`, :math:`b_k` and :math:`\lambda_k` of the three forms.
    threshold : tuple of float
        :math:`c_t`: logit of the lowest threshold first.
    slope : float
        :math:`d`.
    effect, effect_state : tuple of float
        :math:`e_k`, and :math:`g_k`, by which the effect of a form changes with the state.
    night, days, rotation, winter : float
        Standard deviation of u from night to night, over some three days, with the 27-day
        rotation, and from winter to winter.
    winter_driver : float
        Change of the driver with one standard deviation of the winter.
    memory : float
        Share of the driver's variance that lasts for days or recurs.
    weather : float
        Share of stretches in which one of the forms is seen.
    """

    name: str
    form: tuple[float, ...]
    form_slope: tuple[float, ...]
    form_state: tuple[float, ...]
    threshold: tuple[float, ...]
    slope: float
    effect: tuple[float, ...]
    effect_state: tuple[float, ...]
    night: float
    days: float
    rotation: float
    winter: float
    winter_driver: float
    memory: float
    weather: float


#: From strong confounding without any effect to a rare form with a strong one.
EFFECT_SCENARIOS = (
    EffectScenario(
        "no effect, confounded",
        form=(0.0, 0.0, 0.0),
        form_slope=(-0.5, 0.0, 0.8),
        form_state=(0.0, 0.0, 0.0),
        threshold=(-0.5, -1.5, -2.5),
        slope=1.0,
        effect=(0.0, 0.0, 0.0),
        effect_state=(0.0, 0.0, 0.0),
        night=0.4,
        days=0.3,
        rotation=0.2,
        winter=0.2,
        winter_driver=0.2,
        memory=0.5,
        weather=0.5,
    ),
    EffectScenario(
        "multi-day memory",
        form=(0.0, 0.3, -0.3),
        form_slope=(-0.4, 0.0, 0.6),
        form_state=(-0.3, 0.0, 0.5),
        threshold=(-0.5, -1.5, -2.5),
        slope=0.8,
        effect=(0.0, -0.3, 1.0),
        effect_state=(-0.3, 0.0, 0.4),
        night=0.4,
        days=0.8,
        rotation=0.3,
        winter=0.3,
        winter_driver=0.2,
        memory=0.7,
        weather=0.4,
    ),
    EffectScenario(
        "27-day recurrence",
        form=(0.0, 0.0, 0.0),
        form_slope=(-0.5, 0.0, 0.7),
        form_state=(-0.3, 0.0, 0.3),
        threshold=(-1.0, -2.0, -3.0),
        slope=0.8,
        effect=(0.0, 0.0, 0.8),
        effect_state=(-0.3, 0.0, 0.4),
        night=0.4,
        days=0.3,
        rotation=0.7,
        winter=0.4,
        winter_driver=0.3,
        memory=0.7,
        weather=0.5,
    ),
    EffectScenario(
        "rare form",
        form=(0.5, 0.5, -1.8),
        form_slope=(-0.3, 0.0, 0.8),
        form_state=(0.0, 0.0, 0.4),
        threshold=(-1.0, -2.0, -3.0),
        slope=0.7,
        effect=(0.0, 0.0, 1.2),
        effect_state=(0.0, 0.0, 0.4),
        night=0.6,
        days=0.4,
        rotation=0.3,
        winter=0.3,
        winter_driver=0.2,
        memory=0.5,
        weather=0.4,
    ),
)


@dataclass(frozen=True)
class EffectWorlds:
    """Many worlds of one scenario and their true risk ratios.

    Attributes
    ----------
    minutes : ndarray of int32, (world, night, stratum, form)
    events : ndarray of int32, (world, night, stratum, form, threshold)
        Minutes in which the disturbance exceeds each threshold.
    truth : ndarray, (world, form, threshold)
        Risk ratio of each form against the other two, matched by stratum, in the population of
        the winters of that world.
    crude_truth : ndarray, (world, form, threshold)
        The same without matching.
    night : ndarray of datetime64[D], (night,)
    """

    minutes: NDArray[np.int32]
    events: NDArray[np.int32]
    truth: Array
    crude_truth: Array
    night: NDArray[np.datetime64]


def _edges(scenario: EffectScenario) -> Array:
    """Return the inner edges of the driver's quantiles in the population."""
    spread = np.hypot(1.0, scenario.winter_driver)
    return np.asarray(spread * special.ndtri(np.arange(1, _STRATA) / _STRATA))


def _chances(scenario: EffectScenario, driver: Array, state: Array) -> tuple[Array, Array]:
    """Return the chance of each form and, for each form, of exceeding each threshold.

    Returns
    -------
    form : ndarray, (..., form)
    exceed : ndarray, (..., form, threshold)
    """
    logit = np.array(scenario.form) + driver[..., None] * np.array(scenario.form_slope)
    form = special.softmax(logit + state[..., None] * np.array(scenario.form_state), axis=-1)
    by_form = (
        scenario.slope * driver[..., None]
        + state[..., None] * (1 + np.array(scenario.effect_state))
        + np.array(scenario.effect)
    )
    exceed = special.expit(by_form[..., None] + np.array(scenario.threshold))
    return form, exceed


@functools.cache
def _population(scenario: EffectScenario) -> interpolate.CubicSpline:
    """Return the share of each stratum and form, and of each event, for any winter effect.

    At any one time driver and state are normal, so that only the sum of the variances matters.
    The chances are smooth in the winter effect: a spline through some of its values will do.
    """
    normal, other = np.random.default_rng(0).standard_normal((2, _DRAWS))
    spread = np.sqrt(scenario.night**2 + scenario.days**2 + scenario.rotation**2)
    node = np.linspace(-4.5, 4.5, 13)
    edges = _edges(scenario)
    made = []
    for effect in node:
        driver = normal + scenario.winter_driver * effect
        form, exceed = _chances(scenario, driver, spread * other + scenario.winter * effect)
        stratum = np.searchsorted(edges, driver, side="right")
        columns = np.concatenate([form, (form[..., None] * exceed).reshape(_DRAWS, -1)], axis=1)
        sums = [np.bincount(stratum, column, minlength=_STRATA) for column in columns.T]
        made.append(np.stack(sums, axis=-1) / _DRAWS)
    return interpolate.CubicSpline(node, np.array(made))


def _truths(scenario: EffectScenario, winters: Array, share: Array) -> tuple[Array, Array]:
    """Return the matched and the crude risk ratio in worlds with these winters.

    winters: (world, winter); share: (winter,) of the nights.
    """
    kinds = len(scenario.form), len(scenario.threshold)
    at = _population(scenario)(winters)
    total = np.einsum("w,dwsc->dsc", share, at)
    minutes = total[..., : kinds[0]]
    events = total[..., kinds[0] :].reshape(*total.shape[:2], *kinds)
    matched, crude = [], []
    for kind in range(kinds[0]):
        others = [k for k in range(kinds[0]) if k != kind]
        n1, e1 = minutes[..., kind, None], events[..., kind, :]
        n0, e0 = minutes[..., others].sum(axis=-1)[..., None], events[..., others, :].sum(axis=-2)
        matched.append(e1.sum(axis=1) / (n1 * e0 / n0).sum(axis=1))
        crude.append(e1.sum(axis=1) / n1.sum(axis=1) / (e0.sum(axis=1) / n0.sum(axis=1)))
    return np.stack(matched, axis=1), np.stack(crude, axis=1)


def _recurrence(rng: np.random.Generator, runs: int, length: int) -> Array:
    """Return unit-variance streams that return with the rotation of the Sun, (run, night)."""
    day = 2 * np.pi * np.arange(length) / _ROTATION
    wave = np.stack([np.cos(day), np.sin(day), np.cos(2 * day), np.sin(2 * day)])
    amplitude = autoregressive(rng, (runs, 4, length), _COHERENCE)
    return np.asarray(np.einsum("k,rkn,kn->rn", np.sqrt([0.7, 0.7, 0.3, 0.3]), amplitude, wave))


def _counts(
    rng: np.random.Generator, scenario: EffectScenario, winter: Array, length: int, parts: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return minutes and events of some runs of consecutive nights, one a world."""
    runs = winter.size
    shape = (runs, length, _STRETCHES)
    slow = np.sqrt(0.5) * autoregressive(rng, (runs, length), 3.0)
    recurs = np.sqrt(0.5) * _recurrence(rng, runs, length)
    driver = np.sqrt(1 - scenario.memory) * autoregressive(rng, shape, 8.0)
    driver += (np.sqrt(scenario.memory) * (slow + recurs))[..., None]
    driver += scenario.winter_driver * winter[:, None, None]
    state = (
        scenario.night * rng.standard_normal((runs, length))
        + scenario.days * autoregressive(rng, (runs, length), 3.0)
        + scenario.rotation * _recurrence(rng, runs, length)
        + scenario.winter * winter[:, None]
    )
    # Only what was seen counts from here on; weather has a memory of two nights.
    clear = special.expit(
        special.logit(scenario.weather) + 1.5 * autoregressive(rng, (runs, length), 2.0)
    )
    night, stretch = np.divmod(
        np.flatnonzero(rng.random(shape, dtype=np.float32) < clear[..., None]), _STRETCHES
    )
    seen = driver.reshape(-1, _STRETCHES)[night, stretch]
    form, exceed = _chances(scenario, seen, state.ravel()[night])
    forms, thresholds = exceed.shape[1:]
    draw = rng.random((2, seen.size))
    shown = np.minimum((draw[0, :, None] > np.cumsum(form, axis=1)).sum(axis=1), forms - 1)
    # One draw for all thresholds: who exceeds the highest exceeds all.
    number = (draw[1, :, None] < exceed[np.arange(seen.size), shown]).sum(axis=1)
    stratum = np.searchsorted(_edges(scenario), seen, side="right")
    stratum = stratum * parts + stretch * parts // _STRETCHES
    strata = _STRATA * parts
    cell = (night * strata + stratum) * forms + shown
    size = runs * length * strata * forms
    minutes = np.bincount(cell, minlength=size) * _MINUTES
    events = np.stack(
        [np.bincount(cell[number > t], minlength=size) * _MINUTES for t in range(thresholds)], -1
    )
    cells = (runs, length, strata, forms)
    return (
        minutes.reshape(cells).astype(np.int32),
        events.reshape(*cells, thresholds).astype(np.int32),
    )


def effect_worlds(
    scenario: EffectScenario,
    *,
    worlds: int = 1000,
    nights: int = 90,
    winters: int = 3,
    parts: int = 1,
    seed: int | Sequence[int] = 0,
) -> EffectWorlds:
    """Simulate many worlds and the risk ratios that their intervals should cover.

    Parameters
    ----------
    scenario : EffectScenario
    worlds : int
        Each has winters of its own.
    nights : int
        In all winters together, in one run of consecutive nights a winter.
    winters : int
    parts : int
        Equal parts of the night that are strata of their own.
    seed : int or sequence of int

    Returns
    -------
    EffectWorlds

    Raises
    ------
    UsageError
        If there are fewer nights than winters.

    Examples
    --------
    >>> made = effect_worlds(EFFECT_SCENARIOS[0], worlds=2, nights=30)
    >>> made.minutes.shape, made.events.shape, made.truth.shape
    ((2, 30, 20, 3), (2, 30, 20, 3, 3), (2, 3, 3))
    """
    if not 1 <= winters <= nights:
        raise UsageError(f"winters={winters}: expected 1 to {nights}, the number of nights.")
    rng = np.random.default_rng(seed)
    lengths = [len(part) for part in np.array_split(np.arange(nights), winters)]
    effects = rng.standard_normal((worlds, winters))
    truth, crude = _truths(scenario, effects, np.array(lengths) / nights)
    step = max(_AT_ONCE // (max(lengths) * _STRETCHES), 1)
    blocks = []
    for first in range(0, worlds, step):
        runs = [
            _counts(rng, scenario, effects[first : first + step, winter], length, parts)
            for winter, length in enumerate(lengths)
        ]
        blocks.append([np.concatenate([run[k] for run in runs], axis=1) for k in (0, 1)])
    night = [np.datetime64(f"{2010 + w}-12-01") + np.arange(n) for w, n in enumerate(lengths)]
    return EffectWorlds(
        minutes=np.concatenate([block[0] for block in blocks]),
        events=np.concatenate([block[1] for block in blocks]),
        truth=truth,
        crude_truth=crude,
        night=np.concatenate(night),
    )


def arm_tables(made: EffectWorlds, form: int, *, matched: bool = True) -> ArmTable:
    """Return the minutes of one form and of the others, a group for each world.

    Parameters
    ----------
    made : EffectWorlds
    form : int
    matched : bool
        Whether the strata are kept apart, or all put in one.

    Returns
    -------
    ArmTable
    """
    others = [k for k in range(made.minutes.shape[-1]) if k != form]
    minutes = np.stack([made.minutes[..., others].sum(axis=-1), made.minutes[..., form]], axis=-1)
    sums = np.stack([made.events[..., others, :].sum(axis=-2), made.events[..., form, :]], axis=-2)
    if not matched:
        minutes, sums = minutes.sum(axis=2, keepdims=True), sums.sum(axis=2, keepdims=True)
    world, night, stratum = np.nonzero(minutes.any(axis=-1))
    return ArmTable(
        night=made.night[night],
        group=world.astype(np.int64),
        stratum=stratum.astype(np.int64),
        minutes=minutes[world, night, stratum].astype(float),
        sums=sums[world, night, stratum].astype(float),
        groups=len(made.minutes),
    )
