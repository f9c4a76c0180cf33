"""The minutes that forms are compared on: their covariates, strata and disturbance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from auroral_stats.brief import Brief
from auroral_stats.covariates import (
    BEFORE_LAG,
    BEFORE_WINDOW,
    COVARIATES,
    Covariate,
    SiteMinutes,
    covariate_codes,
    covariate_values,
    require_inputs,
)
from auroral_stats.errors import DataError
from auroral_stats.forms import NO_FORM, forms, recurring
from auroral_stats.labels import AURORAL, CLASSES
from auroral_stats.measures import Measure, measure_at
from auroral_stats.nights import night_of
from auroral_stats.strata import stratum_numbers

__all__ = ["EffectSample", "arms", "effect_sample", "forms_used", "measure_values"]

Array = NDArray[np.float64]

#: How alike the arms are in these is shown even if they were not matched on.
SHOWN = ("dB_before", "AE_before")


@dataclass(frozen=True, repr=False)
class EffectSample(Brief):
    """Minutes with a form, their covariates and their strata, one row a site-minute.

    Attributes
    ----------
    minutes : SiteMinutes
    form : ndarray of int8, (n,)
        Number of the class.
    start_seen : ndarray of bool, (n,)
        Whether the run of the minute was seen to begin.
    night : ndarray of datetime64[D], (n,)
    covariates : tuple of Covariate
    values : tuple of ndarray, (n,)
        One for each covariate.
    stratum : ndarray of int64, (n,)
        -1 where a covariate is missing.
    shown : tuple of Covariate
        Those of :data:`SHOWN` that are at hand and were not matched on.
    shown_values : tuple of ndarray, (n,)
    recurring : ndarray of bool, (n,)
        Whether the class was there within [t0 - 40, t0 - 10] min, t0 the start of the run.
    """

    minutes: SiteMinutes
    form: NDArray[np.int8]
    start_seen: NDArray[np.bool_]
    night: NDArray[np.datetime64]
    covariates: tuple[Covariate, ...]
    values: tuple[NDArray[np.generic], ...]
    stratum: NDArray[np.int64]
    shown: tuple[Covariate, ...] = ()
    shown_values: tuple[NDArray[np.generic], ...] = ()
    recurring: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))


def forms_used(labels: Sequence[str], control: str) -> list[int]:
    """Return the numbers of the classes that take part, in the order of the classes."""
    names = {*labels, *(AURORAL if control == "auroral" else (control,))}
    return sorted(CLASSES.index(name) for name in names)


def effect_sample(
    data: xr.Dataset,
    covariates: list[Covariate],
    measure: Measure,
    *,
    baseline: str,
    forward: int,
    options: dict[str, Any],
    quantiles: int,
    wanted: list[int],
) -> tuple[EffectSample, Array]:
    """Gather the minutes with a disturbance and one of some forms, their covariates and strata.

    Minutes without X say nothing, so that a site without a magnetometer is no site here: neither
    the edges of quantiles nor the number of sites know of it.

    Parameters
    ----------
    data : xarray.Dataset
        Joined data.
    covariates : list of Covariate
    measure : Measure
    baseline : str
        Of the magnetometer, for X and for covariates made from it.
    forward : int
        Minutes over which the maximum of X is taken; 0 for its value at the minute.
    options : dict
        For :func:`auroral_stats.forms.forms`.
    quantiles : int
        Of each continuous covariate, over all these minutes.
    wanted : list of int
        Numbers of the classes.

    Returns
    -------
    sample : EffectSample
    x : ndarray, (n,)
        The measure, finite.

    Raises
    ------
    DataError
        If there is no such minute.
    """
    found = forms(data, **options)
    form = found["form"].to_numpy()
    # Site after site, so that each station's magnetometer is read once.
    site, time = np.nonzero(np.isin(form, wanted).T)
    if site.size == 0:
        raise DataError(
            "no dark minute shows one of the forms asked for; use --moon any, other labels, or "
            "labels from other nights."
        )
    start = found["run_start"].to_numpy().astype("datetime64[m]")
    x = _values_at(data, measure, SiteMinutes(time, site, start[time, site]), baseline, forward)
    there = np.isfinite(x)
    if not there.any():
        raise DataError(
            f"no minute with a form has a value of {measure.name}: the magnetometers joined to "
            "the sites have no data then. Choose other times or sites, or join again with --mag."
        )
    time, site, x = time[there], site[there], x[there]
    minutes = SiteMinutes(time, site, start[time, site])
    values = [covariate_values(data, item, minutes, baseline=baseline) for item in covariates]
    codes = [
        covariate_codes(item, column, quantiles)
        for item, column in zip(covariates, values, strict=True)
    ]
    shown = _shown(data, covariates, minutes, baseline)
    sample = EffectSample(
        minutes=minutes,
        form=form[time, site],
        start_seen=found["start_seen"].to_numpy()[time, site],
        recurring=_recurring(data, form, start, site, time),
        night=night_of(data["time"].to_numpy()[time]),
        covariates=tuple(covariates),
        values=tuple(values),
        stratum=stratum_numbers(codes),
        shown=tuple(item for item, _ in shown),
        shown_values=tuple(column for _, column in shown),
    )
    return sample, x


def _shown(
    data: xr.Dataset, matched: list[Covariate], minutes: SiteMinutes, baseline: str
) -> list[tuple[Covariate, NDArray[np.generic]]]:
    """Return the covariates of :data:`SHOWN` that can be had and were not matched on."""
    made = []
    for item in (COVARIATES[name] for name in SHOWN):
        if item in matched:
            continue
        try:
            require_inputs(data, [item])
        except DataError:
            continue
        made.append((item, covariate_values(data, item, minutes, baseline=baseline)))
    return [(item, values) for item, values in made if np.isfinite(values.astype(float)).any()]


def _recurring(
    data: xr.Dataset,
    form: NDArray[np.int8],
    start: NDArray[np.datetime64],
    site: NDArray[np.int64],
    time: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Return for each row whether its class was there shortly before its run, too."""
    minutes = data["time"].to_numpy().astype("datetime64[m]")
    result = np.zeros(site.size, dtype=bool)
    for each in np.unique(site):
        # Forms count whether or not the magnetometer has a value then.
        dark = np.flatnonzero(form[:, each] != NO_FORM)
        before = np.zeros(minutes.size, dtype=bool)
        before[dark] = recurring(
            minutes[dark],
            form[dark, each],
            start[dark, each],
            lag=BEFORE_LAG,
            window=BEFORE_WINDOW,
        )
        rows = site == each
        result[rows] = before[time[rows]]
    return result


def measure_values(
    data: xr.Dataset, measure: Measure, sample: EffectSample, baseline: str, forward: int
) -> Array:
    """Return X at every minute of the sample, NaN where there is none."""
    return _values_at(data, measure, sample.minutes, baseline, forward)


def _values_at(
    data: xr.Dataset, measure: Measure, minutes: SiteMinutes, baseline: str, forward: int
) -> Array:
    result = np.full(minutes.time.shape, np.nan)
    mag_time = data["mag_time"].to_numpy().astype("datetime64[m]")
    wanted = data["time"].to_numpy().astype("datetime64[m]")
    at = np.minimum(np.searchsorted(mag_time, wanted), max(mag_time.size - 1, 0))
    there = mag_time[at] == wanted if mag_time.size else np.zeros(wanted.size, dtype=bool)
    for site in np.unique(minutes.site):
        rows = np.flatnonzero(minutes.site == site)
        rows = rows[there[minutes.time[rows]]]
        values = measure_at(data, measure, int(site), baseline=baseline, forward=forward)
        result[rows] = values[at[minutes.time[rows]]]
    return result


def arms(
    sample: EffectSample, x: Array, label: str, control: str
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the rows of both arms that have a value, and which are of the class."""
    number = CLASSES.index(label)
    others = [CLASSES.index(c) for c in (AURORAL if control == "auroral" else (control,))]
    rows = np.flatnonzero(np.isfinite(x) & ((sample.form == number) | np.isin(sample.form, others)))
    return rows, sample.form[rows] == number
