"""Pair each site-minute with the bin of the driver that came before it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from auroral_stats.bins import Bins, bins_from_categories, bins_from_edges, quantile_bins
from auroral_stats.brief import Brief
from auroral_stats.drivers import Driver, find_driver
from auroral_stats.errors import UsageError
from auroral_stats.lagging import driver_at, frames_driver, lag_and_window
from auroral_stats.minutes import night_of, time_blocks, usable_frames

__all__ = [
    "MOST_NIGHT_ROWS",
    "MOST_ROWS",
    "Pairing",
    "Rows",
    "pair",
]

#: Rows of a table, all drivers together, and its rows times nights: some 2 GB of memory.
MOST_ROWS = 100_000
MOST_NIGHT_ROWS = 10_000_000


@dataclass(frozen=True)
class Pairing:
    """How one driver is paired with the frames: at which lag, over which window, in which bins.

    Attributes
    ----------
    driver : Driver
    bins : Bins
    lag, window : int
        Minutes.
    cadence : int
        Minutes between the values of the driver; 0 where it comes with the frames.
    coverage : float
        Share of the selected usable minutes that have a value; of all selected minutes with
        frames where none is usable.
    """

    driver: Driver
    bins: Bins
    lag: int
    window: int
    cadence: int
    coverage: float = float("nan")


@dataclass(frozen=True, repr=False)
class Rows(Brief):
    """The row of each site-minute along one driver, made for a stretch of time when asked for.

    Attributes
    ----------
    pairing : Pairing
    shared : ndarray of int16, (time or 1, site or 1), or None
        Rows of all stretches, where there are not as many as site-minutes.
    """

    pairing: Pairing
    shared: NDArray[np.int16] | None

    @property
    def needs(self) -> tuple[str, ...]:
        """Variables that a stretch must hold."""
        return () if self.shared is not None else self.pairing.driver.inputs

    def at(self, block: slice, part: xr.Dataset) -> NDArray[np.int16]:
        """Return the rows of one stretch of time.

        Parameters
        ----------
        block : slice
            Where it stands along ``time``.
        part : xarray.Dataset
            Joined data in it, with the variables that :attr:`needs` names.

        Returns
        -------
        ndarray of int16, (time or 1, site or 1)
            1 where the row does not change along an axis.
        """
        if self.shared is not None:
            return self.shared if self.shared.shape[0] == 1 else self.shared[block]
        pairing = self.pairing
        values = driver_at(part, pairing.driver, lag=pairing.lag, window=pairing.window)
        return pairing.bins.index(values.transpose("time", "site").to_numpy())


def _given_bins(driver: Driver, bins: Sequence[float] | int | None) -> Bins | None:
    """Return the bins that do not depend on the values; None for those that do."""
    if isinstance(bins, int):
        if not driver.edges or driver.circular:
            raise UsageError(
                f"--quantiles does not apply to {driver.name}, which is "
                f"{'circular' if driver.circular else 'categorical'}; leave it out or use --bins."
            )
        return None
    if bins is not None:
        if not driver.edges:
            raise UsageError(
                f"--bins does not apply to {driver.name}, which is categorical; leave it out."
            )
        return bins_from_edges(bins, period=driver.period)
    if driver.edges:
        return bins_from_edges(driver.edges, period=driver.period, names=driver.bin_names)
    return bins_from_categories(driver.categories) if driver.categories else None


def _check_size(data: xr.Dataset, names: Sequence[str], rows: Sequence[int]) -> None:
    """Refuse a table that no memory would hold."""
    night = night_of(data["time"].to_numpy())
    nights = np.count_nonzero(night[1:] != night[:-1]) + 1
    size = math.prod(rows)
    if size <= MOST_ROWS and size * nights <= MOST_NIGHT_ROWS:
        return
    most = min(MOST_ROWS, MOST_NIGHT_ROWS // nights)
    raise UsageError(
        f"--by {','.join(names)}: {' x '.join(map(str, rows))} bins make a table of {size:,} rows, "
        f"for each of {nights:,} nights; expected at most {most:,} rows. "
        "Use wider --bins, fewer --quantiles, or one driver."
    )


def _resolved(data: xr.Dataset, driver: Driver) -> bool:
    """Return whether each site-minute has a value of its own, too many to have at hand at once."""
    return driver.origin == "frames" and set(frames_driver(data, driver).dims) == {"time", "site"}


def _found_bins(
    data: xr.Dataset,
    driver: Driver,
    values: xr.DataArray | None,
    quantiles: int | None,
    max_sun_elevation: float | None,
    moon: str,
) -> Bins:
    """Return the bins that depend on the values: quantiles, or the categories that there are.

    ``values`` is None where each site-minute has one of its own.
    """
    if quantiles is None and values is not None:
        return _categories(np.unique(values.to_numpy()))
    needs = () if values is not None else driver.inputs
    if quantiles is not None:
        needs += ("frames", "sun_elevation", "moon_elevation", "moon_illumination")
    found: list[NDArray[np.generic]] = []
    weights = []
    for block, part in time_blocks(data, needs):
        if values is None:
            value = driver_at(part, driver, lag=0, window=0).transpose("time", "site").to_numpy()
        else:
            value = values.to_numpy()[block]
        if quantiles is None:
            found = [np.unique(np.concatenate([*found, value.ravel()]))]
            continue
        weight = usable_frames(part, max_sun_elevation=max_sun_elevation, moon=moon)
        if values is not None:
            weight = weight.sum(axis=1, dtype=np.int32)
        # What has no weight has no say: only usable minutes are kept.
        kept = weight > 0
        found.append(value[kept])
        weights.append(weight[kept])
    if quantiles is None:
        return _categories(found[0])
    return quantile_bins(np.concatenate(found), np.concatenate(weights), quantiles)


def _categories(found: NDArray[np.generic]) -> Bins:
    return bins_from_categories([str(v) if found.dtype.kind in "UOT" else int(v) for v in found])


def pair(
    data: xr.Dataset,
    by: str | Driver | Sequence[str | Driver],
    *,
    bins: Sequence[Sequence[float] | int | None] | None = None,
    lag: int | None = None,
    window: int | None = None,
    max_sun_elevation: float | None = None,
    moon: str = "any",
) -> list[tuple[Pairing, Rows]]:
    """Pair every site-minute with one or two drivers and find its bin.

    Parameters
    ----------
    data : xarray.Dataset
        Joined data.
    by : str, Driver or sequence of them
        One or two drivers.
    bins : sequence, optional
        For each driver its edges, a number of quantiles, or None for the driver's own bins.
    lag, window : int, optional
        Minutes, for the solar-wind drivers in ``by``, or for the indices if there are none;
        None for the defaults.
    max_sun_elevation : float, optional
    moon : {"down", "any"}
        Quantiles share out the usable frames with the Sun at or below ``max_sun_elevation``
        (degrees), without moonlit minutes if the Moon is to be down.

    Returns
    -------
    list of (Pairing, Rows)
        For each driver how it is paired, and what says the row of each site-minute.

    Raises
    ------
    UsageError
        If an option does not fit a driver, or the table would have far too many rows; said
        before anything is computed.
    DataError
        If the joined data lack an input.
    """
    names = [by] if isinstance(by, (str, Driver)) else list(by)
    drivers = [find_driver(item) if isinstance(item, str) else item for item in names]
    specs = list(bins) if bins is not None else [None] * len(drivers)
    if not drivers or len(drivers) > 2:
        raise UsageError(f"--by takes one or two drivers; got {len(drivers)}.")
    if len({driver.name for driver in drivers}) < len(drivers):
        raise UsageError(f"--by {drivers[0].name} is given twice; expected two different drivers.")
    if len(specs) != len(drivers):
        raise UsageError(f"{len(specs)} sets of bins for {len(drivers)} drivers; expected as many.")
    takes_lag = _lagged_kind(drivers)
    if takes_lag is None and (lag or window):
        raise UsageError(
            f"--lag and --window do not apply to {' and '.join(d.name for d in drivers)}, "
            "which belong to the frame itself; leave them out."
        )
    names_of = [driver.name for driver in drivers]
    given = [_given_bins(driver, spec) for driver, spec in zip(drivers, specs, strict=True)]
    expected = [
        len(chosen) if chosen else spec if isinstance(spec, int) else 1
        for chosen, spec in zip(given, specs, strict=True)
    ]
    _check_size(data, names_of, expected)
    made = []
    for driver, spec, own in zip(drivers, specs, given, strict=True):
        options = (lag, window) if driver.kind == takes_lag else (None, None)
        cadence, driver_lag, driver_window = lag_and_window(data, driver, *options)
        values = None
        if not _resolved(data, driver):
            values = driver_at(data, driver, lag=driver_lag, window=driver_window)
        quantiles = spec if isinstance(spec, int) else None
        chosen = own or _found_bins(data, driver, values, quantiles, max_sun_elevation, moon)
        pairing = Pairing(driver, chosen, driver_lag, driver_window, cadence)
        made.append((pairing, Rows(pairing, None if values is None else _shared(values, chosen))))
    _check_size(data, names_of, [len(pairing.bins) for pairing, _ in made])
    return made


def _lagged_kind(drivers: Sequence[Driver]) -> str | None:
    kinds = {driver.kind for driver in drivers}
    return next((kind for kind in ("solar wind", "index") if kind in kinds), None)


def _shared(values: xr.DataArray, bins: Bins) -> NDArray[np.int16]:
    """Return the rows of a driver over ``time`` or ``site``, as (time or 1, site or 1)."""
    index = bins.index(values.to_numpy())
    return index[:, None] if values.dims == ("time",) else index[None, :]
