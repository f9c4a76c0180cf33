"""Superposed epochs: what a disturbance or a driver does on average around an onset.

Onsets do not fall at random: they prefer hours, seasons and stations at which the ground is
disturbed anyway, and those of one night share its storm. Beside the epoch stands therefore the band
of onsets that were moved, night by night, into other nights of the same month; what leaves that
band belongs to the onset. The interval of the mean is over nights too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from auroral_stats.distributions import linear_interval
from auroral_stats.drivers import Driver, find_driver
from auroral_stats.epoch_series import EpochSeries, epoch_axis, gather
from auroral_stats.errors import DataError, UsageError
from auroral_stats.measures import MEASURES, find_measure, measure_at, require_magnetometer
from auroral_stats.nights import night_of
from auroral_stats.provenance import combine_simulated, describe, is_simulated
from auroral_stats.random_epochs import (
    EpochPool,
    pool_of_index,
    pool_of_sites,
    random_band,
)
from auroral_stats.uncertainty import Replicates, by_cluster, kish, night_levels

__all__ = ["epochs"]

Array = NDArray[np.float64]
Minutes = NDArray[np.int64]

#: Longest epoch, in minutes on either side.
_LONGEST = 2880


def epochs(
    data: xr.Dataset,
    onsets: pd.DataFrame,
    of: Sequence[str] = ("dBdt", "SYM_H"),
    *,
    before: int = 120,
    after: int = 120,
    step: int = 1,
    resamples: int = 500,
    seed: int = 0,
    baseline: str = "running",
    max_sun_elevation: float | None = -12.0,
    moon: str = "down",
) -> xr.Dataset:
    """Superpose measures and drivers about onsets.

    Parameters
    ----------
    data : xarray.Dataset
        Joined data.
    onsets : pandas.DataFrame
        With ``time`` (UTC) and, for measures, ``site``; from
        :func:`auroral_stats.onsets.onsets_from_labels` or
        :func:`auroral_stats.onsets.read_onsets`.
    of : sequence of str
        Names in :data:`auroral_stats.measures.MEASURES` (at the site of the onset) or in
        :data:`auroral_stats.drivers.DRIVERS` (solar wind and indices).
    before, after : int
        Minutes.
    step : int
        Minutes between the lags. Data of a longer cadence are held over their interval.
    resamples : int
        Sets of random epochs; 0 for no band.
    seed : int
    baseline : str
        Of the magnetometer, for measures that depend on it.
    max_sun_elevation, moon
        Which minutes with a form the random epochs of a site are drawn from.

    Returns
    -------
    xarray.Dataset
        Over (of, lag), lag in minutes: ``mean`` with ``mean_low`` and ``mean_high`` (95 %, over
        nights and blocks of nights), ``median``, ``number`` of onsets with data, ``nights`` they
        fall in; ``band_low`` and ``band_high``, between which 95 % of the means of random epochs
        lie, and ``random_mean``. For random epochs the onsets of a night are moved together into
        another night of the same month, each to a minute of its own site and magnetic hour; onsets
        without a site to one of its own hour UT (:mod:`auroral_stats.random_epochs`). Each
        quantity has its ``units`` as a coordinate.

    Raises
    ------
    UsageError
        If an option is not known or not possible.
    DataError
        If there is no onset, or none with data.
    """
    _check(onsets, of, before, after, step, resamples)
    if step > 1:
        before, after = before // step * step, after // step * step
    lag = np.arange(-before, after + 1, step)
    time = onsets["time"].to_numpy().astype("datetime64[m]").astype(np.int64)
    sites = onsets["site"].astype(str).to_numpy() if "site" in onsets else None
    rng = np.random.default_rng(seed)
    sky = {"max_sun_elevation": max_sun_elevation, "moon": moon}
    pool: EpochPool | None = None
    without_place = 0
    parts, units, names, cadences = [], [], [], []
    for name in of:
        columns: dict[str, NDArray[Any]] = {}
        if name.lower() in {key.lower() for key in MEASURES}:
            measure = find_measure(name)
            require_magnetometer(data, measure, baseline)
            series_of, group = _by_site(data, measure.name, sites, baseline)
            found_name, unit, cadence = measure.name, measure.units, 1
        else:
            driver = _driver(name)
            series = _of_driver(data, driver)
            series_of, group = [series], np.zeros(time.size, dtype=np.int64)
            found_name, unit, cadence = driver.name, driver.units, series.axis.cadence
        columns |= _epoch(series_of, group, time, lag)
        if not columns["number"].any():
            raise DataError(
                f"no onset has data of {found_name} around it: the onsets are from "
                f"{_span(time)}, and the data are of other times or sites."
            )
        if resamples:
            if sites is None:
                pool = pool_of_index(series_of[0], onsets)
            elif pool is None:
                pool = pool_of_sites(data, onsets, sky)
            columns |= random_band(series_of, group, lag, pool, resamples, rng)
            without_place = max(without_place, int((pool.chance == 0).sum()))
        parts.append(xr.Dataset({key: ("lag", value) for key, value in columns.items()}))
        names.append(found_name)
        units.append(unit)
        cadences.append(cadence)
    result = xr.concat(parts, dim="of").assign_coords(
        of=names, lag=lag, units=("of", units), cadence_minutes=("of", cadences)
    )
    result["lag"].attrs["units"] = "min"
    for key in ("number", "nights"):
        result[key].attrs["units"] = "onsets" if key == "number" else "nights"
    flags = {"the joined data": is_simulated(data.attrs)}
    if "simulated" in onsets.attrs:
        flags["the onsets"] = is_simulated({"simulated": onsets.attrs["simulated"]})
    result.attrs = describe(
        f"Superposed epochs of {', '.join(names)}",
        parameters={
            "of": list(of),
            "before": before,
            "after": after,
            "step": step,
            "resamples": resamples,
            "seed": seed,
            "baseline": baseline,
            "max_sun_elevation": max_sun_elevation,
            "moon": moon,
        },
        simulated=combine_simulated(flags),
        onsets=len(onsets),
        onsets_without_place=without_place,
        onsets_from=onsets.attrs.get("title"),
        onsets_parameters=onsets.attrs.get("parameters"),
        band_strata=(
            "site, magnetic hour, month; night by night"
            if sites is not None
            else "month, hour UT; night by night"
        ),
        statement="What leaves the band is associated with the onset.",
        start=_minute(time.min()),
        end=_minute(time.max()),
    )
    return result


def _minute(number: int | np.int64) -> str:
    return np.datetime_as_string(np.datetime64(int(number), "m"), unit="m") + "Z"


def _span(time: Minutes) -> str:
    return f"{_minute(time.min())} to {_minute(time.max())}"


def _check(
    onsets: pd.DataFrame, of: Sequence[str], before: int, after: int, step: int, resamples: int
) -> None:
    if "time" not in onsets:
        raise UsageError("onsets: expected a table with a column 'time'.")
    if onsets.empty:
        raise DataError("there is no onset; relax hold, before or separation, or use more nights.")
    if not of:
        raise UsageError(f"of: expected measures ({', '.join(MEASURES)}) or drivers, got nothing.")
    if len({name.lower() for name in of}) < len(of):
        raise UsageError(f"of {', '.join(of)}: a name is given twice.")
    if not (0 <= before <= _LONGEST and 0 <= after <= _LONGEST and before + after > 0):
        raise UsageError(
            f"before {before} and after {after} min: expected 0 to {_LONGEST} of each."
        )
    if not 1 <= step <= before + after:
        raise UsageError(f"step {step} min: expected 1 to {before + after}.")
    if resamples < 0 or 0 < resamples < 40:
        raise UsageError(
            f"resamples {resamples}: expected 0 for no band, or 40 and more for its 95 % limits."
        )
    wanted = [name for name in of if name.lower() in {key.lower() for key in MEASURES}]
    if wanted and "site" not in onsets:
        raise UsageError(
            f"{', '.join(wanted)} belongs to a station, and these onsets have no site. Use "
            "drivers and indices (SYM_H, AL, ...), or give the onsets a column 'site'."
        )


def _driver(name: str) -> Driver:
    driver = find_driver(name)
    if driver.kind not in {"solar wind", "index"}:
        raise UsageError(
            f"{name} is no quantity that varies about an onset; expected a driver of the solar "
            f"wind, an index, or one of {', '.join(MEASURES)}."
        )
    if driver.circular:
        raise UsageError(f"{name} is an angle, which has no mean; use its components.")
    return driver


def _of_driver(data: xr.Dataset, driver: Driver) -> EpochSeries:
    lacking = [name for name in driver.inputs if name not in data]
    if lacking:
        raise DataError(
            f"{driver.name} needs {', '.join(lacking)}, which the joined data do not have. "
            "Join again with the files that provide it."
        )
    dimension = str(data[driver.inputs[0]].dims[0])
    inputs = [data[name].to_numpy().astype(np.float64) for name in driver.inputs]
    values = np.asarray(driver.compute(*inputs), dtype=np.float64)
    cadence = int(data[dimension].attrs["cadence_minutes"])
    return EpochSeries(epoch_axis(data[dimension].to_numpy(), cadence), np.append(values, np.nan))


def _by_site(
    data: xr.Dataset, measure: str, sites: NDArray[Any] | None, baseline: str
) -> tuple[list[EpochSeries], Minutes]:
    """Return one series for each site with onsets, and which of them each onset belongs to."""
    held = [str(name) for name in data["site"].to_numpy()]
    assert sites is not None
    codes, names = pd.factorize(sites)
    unknown = [str(name) for name in names if name not in held]
    if unknown:
        raise DataError(
            f"onsets at {', '.join(unknown)}, which the joined data do not have; they have "
            f"{', '.join(held)}. Select the onsets, or join these sites too."
        )
    axis = epoch_axis(data["mag_time"].to_numpy(), 1)
    made = []
    for name in names:
        values = measure_at(data, MEASURES[measure], held.index(str(name)), baseline=baseline)
        made.append(EpochSeries(axis, np.append(values, np.nan)))
    return made, codes.astype(np.int64)


def _epoch(
    series: Sequence[EpochSeries], group: Minutes, time: Minutes, lag: Minutes
) -> dict[str, NDArray[Any]]:
    values = gather(series, group, time, lag)
    there = np.isfinite(values)
    number = there.sum(axis=0)
    night = night_of(time.astype("datetime64[m]"))
    nights, of_night = np.unique(night, return_inverse=True)
    total = by_cluster(np.where(there, values, 0.0), of_night)
    count = by_cluster(there.astype(float), of_night)
    some = number > 0
    mean = np.divide(total.sum(axis=0), number, out=np.full(lag.size, np.nan), where=some)
    levels = []
    for cluster, fewest in night_levels(nights):
        sums, counts = by_cluster(total, cluster), by_cluster(count, cluster)
        left = number - counts
        without = np.divide(
            total.sum(axis=0) - sums, left, out=np.full(sums.shape, np.nan), where=left > 0
        )
        levels.append(Replicates(mean, without, counts > 0, kish(counts) - 1, fewest))
    low, high = linear_interval(levels)
    median = np.full(lag.size, np.nan)
    median[some] = np.nanmedian(values[:, some], axis=0)
    return {
        "mean": mean,
        "mean_low": low,
        "mean_high": high,
        "median": median,
        "number": number,
        "nights": (count > 0).sum(axis=0),
    }
