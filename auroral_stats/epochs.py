"""Superposed epochs: what a disturbance or a driver does on average around an onset.

Onsets do not fall at random: they prefer hours, seasons and stations at which the ground is
disturbed anyway. Beside the epoch stands therefore the band of as many random moments of the same
site, magnetic hour and month; what leaves that band belongs to the onset. The interval of the mean
is over nights, since onsets of one night share a storm.
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
from auroral_stats.forms import NO_FORM, forms
from auroral_stats.geometry import site_geometry
from auroral_stats.measures import MEASURES, find_measure, measure_at, require_magnetometer
from auroral_stats.nights import night_of
from auroral_stats.provenance import combine_simulated, describe, is_simulated
from auroral_stats.uncertainty import CONFIDENCE, Replicates, by_cluster, kish, night_levels

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
        lie, and ``random_mean``. Random epochs are drawn for each onset from the minutes of its
        site, magnetic hour and month; for onsets without a site from those of its month and
        hour UT. Each quantity has its ``units`` as a coordinate.

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
    pool = _Pool(data, onsets, {"max_sun_elevation": max_sun_elevation, "moon": moon})
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
            drawn = pool.draw(series_of)
            columns |= _band(series_of, group, lag, drawn, resamples, rng)
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
        onsets_from=onsets.attrs.get("title"),
        onsets_parameters=onsets.attrs.get("parameters"),
        band_strata="site, magnetic hour, month" if sites is not None else "month, hour UT",
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


def _band(
    series: Sequence[EpochSeries],
    group: Minutes,
    lag: Minutes,
    drawn: tuple[Minutes, Minutes, Minutes],
    resamples: int,
    rng: np.random.Generator,
) -> dict[str, Array]:
    """Return between which limits the means of random epochs lie."""
    pool, first, size = drawn
    usable = np.flatnonzero(size)
    means = np.full((resamples, lag.size), np.nan)
    for draw in range(resamples):
        pick = first[usable] + (rng.random(usable.size) * size[usable]).astype(np.int64)
        values = gather(series, group[usable], pool[pick], lag)
        there = np.isfinite(values)
        number = there.sum(axis=0)
        np.divide(
            np.where(there, values, 0.0).sum(axis=0), number, out=means[draw], where=number > 0
        )
    some = np.isfinite(means).all(axis=0)
    tail = 100 * (1 - CONFIDENCE) / 2
    made = {key: np.full(lag.size, np.nan) for key in ("band_low", "band_high", "random_mean")}
    if some.any():
        limits = np.percentile(means[:, some], [tail, 100 - tail], axis=0)
        made["band_low"][some], made["band_high"][some] = limits
        made["random_mean"][some] = means[:, some].mean(axis=0)
    return made


class _Pool:
    """Minutes that random epochs are drawn from, by stratum."""

    def __init__(self, data: xr.Dataset, onsets: pd.DataFrame, options: dict[str, Any]) -> None:
        self.data, self.onsets, self.options = data, onsets, options
        self.time = onsets["time"].to_numpy().astype("datetime64[m]").astype(np.int64)
        self._by_sky: tuple[Minutes, Minutes, Minutes] | None = None

    def draw(self, series: Sequence[EpochSeries]) -> tuple[Minutes, Minutes, Minutes]:
        """Return the minutes of all strata, and where those of each onset begin and how many."""
        if "site" in self.onsets:
            if self._by_sky is None:
                self._by_sky = self._sky()
            return self._by_sky
        one = series[0]
        minute = one.axis.start[np.isfinite(one.values[:-1])]
        if one.axis.cadence > 1:
            # Every minute of an interval, so that random onsets fall anywhere in it as real do.
            minute = (minute[:, None] + np.arange(0, one.axis.cadence, 5)).ravel()
        return _by_stratum(minute, _month_hour(minute), _month_hour(self.time))

    def _sky(self) -> tuple[Minutes, Minutes, Minutes]:
        """Draw from minutes of the same site, magnetic hour and month in which a form was seen."""
        data = self.data
        form = forms(data, **self.options)["form"].to_numpy()
        row, site = np.nonzero(form != NO_FORM)
        minute = data["time"].to_numpy().astype("datetime64[m]").astype(np.int64)[row]
        hour = np.floor(data["mlt"].to_numpy()[row, site]).astype(np.int64) % 24
        held = [str(name) for name in data["site"].to_numpy()]
        names = self.onsets["site"].astype(str)
        own = names.map({name: number for number, name in enumerate(held)}).fillna(-1)
        own_hour = np.floor(_onset_mlt(self.onsets)).astype(np.int64) % 24
        return _by_stratum(
            minute,
            (site.astype(np.int64) * 24 + hour) * 12 + _month(minute),
            (own.to_numpy().astype(np.int64) * 24 + own_hour) * 12 + _month(self.time),
        )


def _onset_mlt(onsets: pd.DataFrame) -> Array:
    """Return the magnetic local time of the site at each onset."""
    if "mlt" in onsets and "label" in onsets:
        return onsets["mlt"].to_numpy().astype(float)
    # The local time in a published list is that of the onset, not that of the camera.
    times, of_onset = np.unique(
        onsets["time"].to_numpy().astype("datetime64[m]"), return_inverse=True
    )
    names = sorted(set(onsets["site"].astype(str)))
    mlt = site_geometry(times, names, quantities=("mlt",))["mlt"].to_numpy()
    column = onsets["site"].astype(str).map({n: k for k, n in enumerate(names)}).to_numpy()
    return np.asarray(mlt[of_onset, column.astype(np.int64)], dtype=float)


def _month(minute: Minutes) -> Minutes:
    month = minute.astype("datetime64[m]").astype("datetime64[M]").astype(np.int64)
    return np.asarray(month % 12)


def _month_hour(minute: Minutes) -> Minutes:
    return np.asarray(_month(minute) * 24 + minute // 60 % 24)


def _by_stratum(
    minute: Minutes, stratum: Minutes, wanted: Minutes
) -> tuple[Minutes, Minutes, Minutes]:
    order = np.argsort(stratum, kind="stable")
    ordered = stratum[order]
    first = np.searchsorted(ordered, wanted, side="left")
    return minute[order], first, np.searchsorted(ordered, wanted, side="right") - first
