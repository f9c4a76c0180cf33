"""The minutes that forms are compared on: their covariates, strata and disturbance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from auroral_stats.covariates import (
    Covariate,
    SiteMinutes,
    covariate_codes,
    covariate_values,
)
from auroral_stats.errors import DataError
from auroral_stats.forms import forms
from auroral_stats.labels import AURORAL, CLASSES
from auroral_stats.measures import Measure, measure_at
from auroral_stats.nights import night_of
from auroral_stats.strata import stratum_numbers

__all__ = ["EffectSample", "arms", "effect_sample", "forms_used", "measure_values"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class EffectSample:
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
    """

    minutes: SiteMinutes
    form: NDArray[np.int8]
    start_seen: NDArray[np.bool_]
    night: NDArray[np.datetime64]
    covariates: tuple[Covariate, ...]
    values: tuple[NDArray[np.generic], ...]
    stratum: NDArray[np.int64]


def forms_used(labels: Sequence[str], control: str) -> list[int]:
    """Return the numbers of the classes that take part, in the order of the classes."""
    names = {*labels, *(AURORAL if control == "auroral" else (control,))}
    return sorted(CLASSES.index(name) for name in names)


def effect_sample(
    data: xr.Dataset,
    covariates: list[Covariate],
    *,
    baseline: str,
    options: dict[str, Any],
    quantiles: int,
    wanted: list[int],
) -> EffectSample:
    """Gather the minutes that show one of some forms, with their covariates and strata.

    Parameters
    ----------
    data : xarray.Dataset
        Joined data.
    covariates : list of Covariate
    baseline : str
        Of the magnetometer, for covariates made from it.
    options : dict
        For :func:`auroral_stats.forms.forms`.
    quantiles : int
        Of each continuous covariate, over all these minutes.
    wanted : list of int
        Numbers of the classes.

    Returns
    -------
    EffectSample

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
    start = found["run_start"].to_numpy()[time, site].astype("datetime64[m]")
    minutes = SiteMinutes(time, site, start)
    values = [covariate_values(data, item, minutes, baseline=baseline) for item in covariates]
    codes = [
        covariate_codes(item, column, quantiles)
        for item, column in zip(covariates, values, strict=True)
    ]
    return EffectSample(
        minutes=minutes,
        form=form[time, site],
        start_seen=found["start_seen"].to_numpy()[time, site],
        night=night_of(data["time"].to_numpy()[time]),
        covariates=tuple(covariates),
        values=tuple(values),
        stratum=stratum_numbers(codes),
    )


def measure_values(
    data: xr.Dataset, measure: Measure, sample: EffectSample, baseline: str, forward: int
) -> Array:
    """Return X at every minute of the sample, NaN where there is none."""
    result = np.full(sample.form.shape, np.nan)
    mag_time = data["mag_time"].to_numpy().astype("datetime64[m]")
    wanted = data["time"].to_numpy().astype("datetime64[m]")
    at = np.minimum(np.searchsorted(mag_time, wanted), max(mag_time.size - 1, 0))
    there = mag_time[at] == wanted if mag_time.size else np.zeros(wanted.size, dtype=bool)
    for site in np.unique(sample.minutes.site):
        rows = np.flatnonzero(sample.minutes.site == site)
        rows = rows[there[sample.minutes.time[rows]]]
        values = measure_at(data, measure, int(site), baseline=baseline, forward=forward)
        result[rows] = values[at[sample.minutes.time[rows]]]
    return result


def arms(
    sample: EffectSample, x: Array, label: str, control: str
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the rows of both arms that have a value, and which are of the class."""
    number = CLASSES.index(label)
    others = [CLASSES.index(c) for c in (AURORAL if control == "auroral" else (control,))]
    rows = np.flatnonzero(np.isfinite(x) & ((sample.form == number) | np.isin(sample.form, others)))
    return rows, sample.form[rows] == number
