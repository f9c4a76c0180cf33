r"""The truth of the demo world: what its estimates should cover.

Rates and risk ratios in the population: the winters, sites and minutes of the demo world are held
fixed, and everything else (solar wind, mood of the nights, weather, the draws of the forms) is
averaged over. The solar wind is simulated again many times; given it, chances stand in for draws,
which takes most of the noise away (Rao-Blackwell), and the mood is integrated by quadrature. Gaps,
pairing and bins are those of the analysis itself.

**Rates** are R(c|b) of the usable classes with the Sun at or below -12 degrees and the Moon down
or less than 30 % lit, by the default bins of the driver, over its default lag and window.

**Risk ratios** are average effects on the minutes of a form: with :math:`a_c` the chance of form c
in state s and :math:`p_c` the chance that the threshold is exceeded under it,

.. math:: RR = \frac{\sum_s a_c\,p_c}{\sum_s a_c\,p_0},\qquad
          p_0 = \frac{\sum_{k} a_k\,p_k}{\sum_k a_k}

over the other auroral forms k, or clear sky. The state is site, local time and driver history.

Everything here is simulated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auroral_stats.bins import Bins, bins_from_edges
from auroral_stats.drivers import DRIVERS, default_lag_window
from auroral_stats.labels import AURORAL, USABLE
from auroral_stats.lagging import lagged
from auroral_stats.minutes import MOONLIT_ILLUMINATION
from auroral_stats.simulation.demo_plan import Calendar, DemoPlan, Winter, calendar_of, stream
from auroral_stats.simulation.forms_world import MOOD, age_in_frames, drive_of, form_chances
from auroral_stats.simulation.geomagnetic_indices import electrojet
from auroral_stats.simulation.ground_field import bay, exceedance, fluctuation_scale, wandering
from auroral_stats.simulation.solar_wind import (
    coupling_per_minute,
    gap_mask,
    simulate_solar_wind,
)
from auroral_stats.simulation.weather import clear_sky_chance, cloud_threshold, seen_chance
from auroral_stats.sites import BANDS, band

__all__ = ["THRESHOLDS", "truth_tables"]

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

#: nT/s, of 1-min means.
THRESHOLDS = (0.3, 0.7, 1.1, 1.5)
_CONTROLS = ("auroral", "clear")
_MAX_SUN = -12.0
#: One selected site-minute in so many is looked at in each realisation.
_STRIDE = 6
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(5)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


@dataclass(frozen=True)
class _Minutes:
    """The selected site-minutes of one winter."""

    calendar: Calendar
    minute: Integers
    site: Integers
    seen: Array  # (n, 4), chance that each usable form can be seen


@dataclass
class _Sums:
    """Sums over the sampled minutes of one realisation."""

    events: Array  # (site, bin, 4)
    over: Array  # (label, control, threshold, 5)


def truth_tables(
    plan: DemoPlan, seed: int, *, progress: Callable[[int, int], None] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return population rates by Bz, and risk ratios of the forms on dB/dt.

    Parameters
    ----------
    plan : DemoPlan
    seed : int
        The streams are apart from those of the world itself.
    progress : callable, optional
        Called with realisations done and in all.

    Returns
    -------
    rates : pandas.DataFrame
        ``band`` (``all`` and each latitude band with a site), ``driver``, ``bin``, ``lower``,
        ``upper``, ``label``, ``rate``, ``standard_error``, ``simulated``.
    ratios : pandas.DataFrame
        ``measure``, ``threshold`` (nT/s), ``label``, ``control``, ``rr``, ``standard_error``,
        ``crude_rr`` (not matched: it mixes the form with the driver), ``simulated``.
    """
    bins = bins_from_edges(DRIVERS["Bz"].edges)
    winters = [_selected(plan, winter) for winter in plan.winters]
    made: list[_Sums] = []
    for run in range(plan.truth_runs):
        parts = [
            _realisation(stream(seed, 9, number, run), plan, winter, minutes, bins)
            for number, (winter, minutes) in enumerate(zip(plan.winters, winters, strict=True))
        ]
        made.append(
            _Sums(
                np.sum([p.events for p in parts], axis=0), np.sum([p.over for p in parts], axis=0)
            )
        )
        if progress is not None:
            progress(run + 1, plan.truth_runs)
    mlat = np.mean([m.calendar.mlat.mean(axis=0, dtype=np.float64) for m in winters], axis=0)
    events = np.stack([sums.events for sums in made])
    over = np.stack([sums.over for sums in made])
    return _rate_table(events, mlat, bins), _ratio_table(over)


def _selected(plan: DemoPlan, winter: Winter) -> _Minutes:
    calendar = calendar_of(plan, winter)
    inside = np.zeros(calendar.time.size, dtype=bool)
    inside[calendar.run] = True
    lit = (calendar.moon > 0) & (calendar.illumination >= MOONLIT_ILLUMINATION)[:, None]
    site, minute = np.nonzero((inside[:, None] & (calendar.sun <= _MAX_SUN) & ~lit).T)
    light = np.stack([calendar.light(k) for k in range(len(plan.sites))], axis=-1)[minute, site]
    clear = clear_sky_chance(
        cloud_threshold(plan.sites)[site], calendar.sun[minute, site].astype(np.float64)
    )
    return _Minutes(calendar, minute, site, seen_chance(light) * clear[:, None])


def _realisation(
    rng: np.random.Generator, plan: DemoPlan, winter: Winter, minutes: _Minutes, bins: Bins
) -> _Sums:
    """Return the sums over one realisation of the solar wind in one winter."""
    calendar = minutes.calendar
    wind = simulate_solar_wind(rng, calendar.time.size, winter.level)
    coupling = coupling_per_minute(wind)
    drive, jet = drive_of(coupling), electrojet(rng, coupling)
    bz = np.where(gap_mask(rng, calendar.time.size), np.nan, np.round(wind.bz, 2))

    pick = np.arange(int(rng.integers(_STRIDE)), minutes.minute.size, _STRIDE)
    at, site, seen = minutes.minute[pick], minutes.site[pick], minutes.seen[pick]
    mlt, mlat = (a[at, site].astype(np.float64) for a in (calendar.mlt, calendar.mlat))
    frame = at * plan.frames_per_minute + rng.integers(plan.frames_per_minute, size=at.size)
    drawn = (frame - age_in_frames(rng, at.size, plan.frames_per_minute)) // plan.frames_per_minute
    ago = (at - drawn) / 60.0
    chances = np.zeros((at.size, len(USABLE)))
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        mood = MOOD * node + winter.mood
        chances += weight * form_chances(drive[drawn], (mlt - ago) % 24.0, mlat, mood)
    usable = chances * seen

    lag, window = default_lag_window(DRIVERS["Bz"], 1)
    paired = lagged(bz, calendar.time, calendar.time[at], cadence=1, lag=lag, window=window)
    cell = site * len(bins) + bins.index(paired)
    shape = (len(plan.sites), len(bins))
    events = [np.bincount(cell, column, minlength=shape[0] * shape[1]) for column in usable.T]
    over = _exceedances(rng, drive, jet, at, mlt, mlat, usable)
    return _Sums(np.stack(events, axis=-1).reshape(*shape, len(USABLE)).astype(np.float64), over)


def _exceedances(
    rng: np.random.Generator,
    drive: Array,
    jet: Array,
    at: Integers,
    mlt: Array,
    mlat: Array,
    usable: Array,
) -> Array:
    """Return what the risk ratios are made of, (label, control, threshold, 5).

    The five are the minutes of the form, what exceeds among them, what would exceed among them
    under the control, and for the crude ratio the minutes of the control and what exceeds there.
    """
    scale = fluctuation_scale(drive[at], mlt, mlat)
    before = bay(jet[at - 1], drive[at - 1], (mlt - 1.0 / 60.0) % 24.0, mlat)
    step = (bay(jet[at], drive[at], mlt, mlat) - before)[:, :2]
    share = usable / usable.sum(axis=1, keepdims=True)
    step -= wandering((share * scale**2).sum(axis=1))[:, None] * rng.standard_normal(step.shape)
    shift = np.hypot(step[:, 0], step[:, 1])
    made = np.empty((len(AURORAL), len(_CONTROLS), len(THRESHOLDS), 5))
    for column, threshold in enumerate(THRESHOLDS):
        chance = exceedance(60.0 * threshold, scale, shift[:, None])
        for row, label in enumerate(AURORAL):
            own = USABLE.index(label)
            for kind, control in enumerate(_CONTROLS):
                others = [
                    USABLE.index(name)
                    for name in (AURORAL if control == "auroral" else ("clear",))
                    if name != label
                ]
                weight = usable[:, own]
                other = usable[:, others].sum(axis=1)
                exceeding = (usable[:, others] * chance[:, others]).sum(axis=1)
                made[row, kind, column] = [
                    weight.sum(),
                    weight @ chance[:, own],
                    weight @ (exceeding / other),
                    other.sum(),
                    exceeding.sum(),
                ]
    return made


def _ratio_with_error(top: Array, bottom: Array) -> tuple[Array, Array]:
    """Return the ratio of sums over realisations and its standard error; (run, ...) each."""
    runs = len(top)
    total = bottom.sum(axis=0)
    value = np.divide(top.sum(axis=0), total, out=np.full(total.shape, np.nan), where=total > 0)
    left = top - value * bottom
    spread = np.sqrt((left**2).sum(axis=0) * runs / (runs - 1))
    return value, np.divide(spread, total, out=np.full(total.shape, np.nan), where=total > 0)


def _rate_table(events: Array, mlat: Array, bins: Bins) -> pd.DataFrame:
    of_site = np.asarray(band(mlat))
    groups = {"all": np.ones(mlat.size, dtype=bool)}
    groups |= {name: of_site == name for name in BANDS if (of_site == name).any()}
    rows = []
    for name, chosen in groups.items():
        inside = events[:, chosen].sum(axis=1)
        usable = np.broadcast_to(inside.sum(axis=-1, keepdims=True), inside.shape)
        rate, error = _ratio_with_error(inside, usable)
        rows += [
            {
                "band": name,
                "driver": "Bz",
                "bin": bins.labels[row],
                "lower": bins.lower[row],
                "upper": bins.upper[row],
                "label": label,
                "rate": rate[row, column],
                "standard_error": error[row, column],
                "simulated": True,
            }
            for row in range(len(bins))
            for column, label in enumerate(USABLE)
        ]
    return pd.DataFrame(rows)


def _ratio_table(over: Array) -> pd.DataFrame:
    value, error = _ratio_with_error(over[..., 1], over[..., 2])
    total = over.sum(axis=0)
    crude = (total[..., 1] / total[..., 0]) / (total[..., 4] / total[..., 3])
    rows = [
        {
            "measure": "dBdt",
            "threshold": threshold,
            "label": label,
            "control": control,
            "rr": value[row, kind, column],
            "standard_error": error[row, kind, column],
            "crude_rr": crude[row, kind, column],
            "simulated": True,
        }
        for column, threshold in enumerate(THRESHOLDS)
        for row, label in enumerate(AURORAL)
        for kind, control in enumerate(_CONTROLS)
    ]
    return pd.DataFrame(rows)
