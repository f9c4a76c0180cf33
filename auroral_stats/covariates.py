r"""The registry of covariates: what minutes of two forms may be matched by.

A covariate must not be a consequence of what is compared. Whatever is averaged ends before the
run of the form starts: with :math:`t_0` its first minute, over [t0 - 40, t0 - 10] min. An index of
the same minute is part of the disturbance; matching on it takes away, or turns round, what was to
be measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from auroral_stats.brief import Brief
from auroral_stats.drivers import DRIVERS, Driver
from auroral_stats.errors import DataError, UsageError
from auroral_stats.lagging import driver_at, lagged
from auroral_stats.measures import MEASURES, measure_at
from auroral_stats.registry import find_named
from auroral_stats.strata import quantile_codes

__all__ = [
    "BEFORE_LAG",
    "BEFORE_WINDOW",
    "COVARIATES",
    "Covariate",
    "SiteMinutes",
    "covariate_codes",
    "covariate_values",
    "driver_before",
    "find_covariate",
    "require_inputs",
]

Array = NDArray[np.float64]

#: Averages end so many minutes before the run starts, or earlier ...
BEFORE_LAG = 10
#: ... and are over so many minutes: [t0 - 40, t0 - 10].
BEFORE_WINDOW = 30


@dataclass(frozen=True)
class Covariate:
    """One thing that minutes may be matched by.

    Attributes
    ----------
    name : str
    long_name, units : str
    kind : {"category", "circular", "continuous"}
        Categories are matched exactly, circular ones by the hour, continuous ones by quantile.
    driver : Driver or None
        Averaged before the run starts; None for what belongs to the minute itself.
    source : str
    same_minute : bool
        Whether the driver is taken at the minute itself: mediators only.
    """

    name: str
    long_name: str
    units: str
    kind: Literal["category", "circular", "continuous"]
    driver: Driver | None = None
    source: str = ""
    same_minute: bool = False


@dataclass(frozen=True, repr=False)
class SiteMinutes(Brief):
    """Minutes with a form, of all sites one after the other.

    Attributes
    ----------
    time : ndarray of int64, (n,)
        Positions along ``time`` of the joined data.
    site : ndarray of int64, (n,)
        Positions along ``site``.
    run_start : ndarray of datetime64[m], (n,)
        First minute of the run that each minute belongs to.
    """

    time: NDArray[np.int64]
    site: NDArray[np.int64]
    run_start: NDArray[np.datetime64]


_BEFORE = "mean over [t0 - 40, t0 - 10] min, t0 the start of the run"


def _from_driver(driver: Driver) -> Covariate:
    suffix = "_before" if driver.kind == "index" else ""
    return Covariate(
        driver.name + suffix,
        f"{driver.long_name} before the run",
        driver.units,
        "continuous",
        driver,
        f"{driver.source}; {_BEFORE}",
    )


def _declared() -> list[Covariate]:
    own = [
        Covariate("site", "site", "", "category", source="label store"),
        Covariate("mlt", "magnetic local time", "h", "circular", source="AACGM-v2, hours"),
        Covariate("month", "month", "", "category", source="UTC"),
        Covariate("year", "year", "", "category", source="UTC"),
    ]
    drivers = [
        _from_driver(driver)
        for driver in DRIVERS.values()
        if driver.kind in {"solar wind", "index"} and not driver.circular
    ]
    local = Covariate(
        "dB_before",
        "horizontal disturbance of the station before the run",
        "nT",
        "continuous",
        source=f"sqrt(dH^2 + dD^2) of the site's own magnetometer; {_BEFORE}",
    )
    return [*own, *drivers, local]


#: Every covariate by name.
COVARIATES: dict[str, Covariate] = {item.name: item for item in _declared()}


def find_covariate(name: str) -> Covariate:
    """Return the covariate ``name``.

    Parameters
    ----------
    name : str
        In :data:`COVARIATES`, or a driver of the solar wind that was registered later.

    Returns
    -------
    Covariate

    Raises
    ------
    UsageError
        If it is not known, or if it is a consequence of what is compared.

    Examples
    --------
    >>> find_covariate("newell").units
    '(km/s)^(4/3) nT^(2/3)'
    >>> find_covariate("AE")
    Traceback (most recent call last):
    ...
    auroral_stats.errors.UsageError: AE of the same minute cannot be matched on: ...
    """
    if name in COVARIATES:
        return COVARIATES[name]
    driver = DRIVERS.get(name)
    if driver is not None and driver.kind == "solar wind" and not driver.circular:
        return _from_driver(driver)
    if driver is not None and driver.kind == "index":
        raise UsageError(
            f"{name} of the same minute cannot be matched on: it is post-treatment, that is, the "
            "aurora and the disturbance that are compared are part of it (in simulations a true "
            f"RR of 1 then reads 0.78). Match on {name}_before, which ends before the run of the "
            f"form starts; or ask for a mediator analysis with mediator={name!r}, which is "
            "labelled as one."
        )
    if name in MEASURES:
        raise UsageError(
            f"{name} is a measure of the disturbance itself and cannot be matched on: it is "
            "post-treatment (in simulations a true RR of 1 then reads 0.78). Match on dB_before, "
            "which ends before the run of the form starts."
        )
    return find_named(COVARIATES, name, "covariate")


def require_inputs(data: xr.Dataset, covariates: list[Covariate]) -> None:
    """Refuse covariates that the joined data cannot give.

    Parameters
    ----------
    data : xarray.Dataset
        Joined data.
    covariates : list of Covariate

    Raises
    ------
    DataError
        Naming every one, and what it is made from.
    """
    lacking = []
    for item in covariates:
        inputs = item.driver.inputs if item.driver is not None else ()
        inputs = ("mag", "mag_baseline") if item.name == "dB_before" else inputs
        inputs = ("mlt",) if item.name == "mlt" else inputs
        missing = [name for name in inputs if name not in data]
        if missing:
            lacking.append(f"{item.name} (made from {', '.join(missing)})")
    if lacking:
        raise DataError(
            f"the joined data do not have what matching needs: {'; '.join(lacking)}. Join again "
            "with the files that provide it, or leave it out of the covariates."
        )


def driver_before(data: xr.Dataset, driver: Driver, start: NDArray[np.datetime64]) -> Array:
    """Return the mean of a driver before each run.

    Parameters
    ----------
    data : xarray.Dataset
        Joined data.
    driver : Driver
    start : ndarray of datetime64, (n,)
        First minute of each run.

    Returns
    -------
    ndarray, (n,)
        Mean of the last intervals of 30 min together that have ended 10 min before the run
        starts: of 1-min data those within [t0 - 40, t0 - 10]. Of intervals longer than 10 min
        (hourly data, Kp) it is the last one that has ended 10 min before.
    """
    dimension = str(data[driver.inputs[0]].dims[0])
    cadence = int(data[dimension].attrs["cadence_minutes"])
    fits = cadence <= BEFORE_LAG and BEFORE_WINDOW % cadence == 0
    # Times are starts of intervals: one that starts a cadence earlier has ended by t0 - 10.
    lag, window = cadence + BEFORE_LAG, BEFORE_WINDOW if fits else 0
    held = [name for name in driver.inputs if data[name].dims == (dimension,)]
    at = data[held].drop_vars([n for n in data[held].coords if n != dimension])
    at = at.assign_coords(time=("time", start.astype("datetime64[ns]")))
    return driver_at(at, driver, lag=lag, window=window).to_numpy().astype(np.float64)


def _disturbance_before(data: xr.Dataset, minutes: SiteMinutes, baseline: str) -> Array:
    """Return the mean horizontal disturbance of each minute's own station before its run."""
    result = np.full(minutes.time.shape, np.nan)
    times = data["mag_time"].to_numpy().astype("datetime64[m]")
    for site in np.unique(minutes.site):
        rows = np.flatnonzero(minutes.site == site)
        values = measure_at(data, MEASURES["dB"], int(site), baseline=baseline)
        start, of_row = np.unique(minutes.run_start[rows], return_inverse=True)
        before = lagged(values, times, start, cadence=1, lag=1 + BEFORE_LAG, window=BEFORE_WINDOW)
        result[rows] = before[of_row]
    return result


def covariate_values(
    data: xr.Dataset, covariate: Covariate, minutes: SiteMinutes, *, baseline: str = "running"
) -> NDArray[np.generic]:
    """Return a covariate at each minute with a form.

    Parameters
    ----------
    data : xarray.Dataset
        Joined data.
    covariate : Covariate
    minutes : SiteMinutes
    baseline : str
        For ``dB_before``.

    Returns
    -------
    ndarray, (n,)
        NaN where missing; categories are int64.
    """
    if covariate.driver is not None and covariate.same_minute:
        values = driver_at(data, covariate.driver, lag=0, window=0).to_numpy()
        return values[minutes.time].astype(np.float64)
    if covariate.driver is not None:
        start, of_row = np.unique(minutes.run_start, return_inverse=True)
        return np.asarray(driver_before(data, covariate.driver, start)[of_row])
    if covariate.name == "dB_before":
        return _disturbance_before(data, minutes, baseline)
    if covariate.name == "site":
        return minutes.site
    if covariate.name == "mlt":
        return data["mlt"].to_numpy()[minutes.time, minutes.site].astype(np.float64)
    stamp = data["time"].dt
    numbers = stamp.month if covariate.name == "month" else stamp.year
    return numbers.to_numpy().astype(np.int64)[minutes.time]


def covariate_codes(
    covariate: Covariate, values: NDArray[np.generic], quantiles: int
) -> NDArray[np.int64]:
    """Return the number that each value is matched by.

    Parameters
    ----------
    covariate : Covariate
    values : ndarray, (n,)
        From :func:`covariate_values`.
    quantiles : int
        For continuous covariates.

    Returns
    -------
    ndarray of int64, (n,)
        -1 where the value is missing.
    """
    if covariate.kind == "category":
        return values.astype(np.int64)
    numbers = values.astype(np.float64)
    if covariate.kind == "circular":
        hour = np.floor(np.where(np.isfinite(numbers), numbers, 0.0)) % 24
        return np.where(np.isfinite(numbers), hour, -1).astype(np.int64)
    return quantile_codes(numbers, quantiles)
