"""Rates, intervals and contrasts of cells that are already counted.

One call serves the table as a whole and each latitude band alike. Bins are flattened inside, so
that one and two drivers are the same arithmetic; :func:`wrap` gives them their dimensions back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from auroral_stats.intervals import rate_interval
from auroral_stats.labels import CLASSES, USABLE
from auroral_stats.nights import NightCells, night_tensor, winter_of
from auroral_stats.pairing import USABLE_INDEX
from auroral_stats.uncertainty import (
    MIN_CLUSTERS,
    Replicates,
    block_of,
    by_cluster,
    effective_clusters,
    jackknife_interval,
    kish,
    ratio,
)

__all__ = ["RateOptions", "has_value", "plain_rate", "rates", "wrap"]

Array = NDArray[np.float64]

_LOST = [CLASSES.index("cloudy"), CLASSES.index("moon")]

_UNITS = {
    "events": "frames",
    "exposure": "frames",
    "nights": "nights",
    "event_nights": "nights",
    "effective_nights": "nights",
    "usable_hours": "h",
}


@dataclass(frozen=True)
class RateOptions:
    """What a rate is of, and how its interval is made.

    Attributes
    ----------
    labels : tuple of str
        Classes to report.
    denominator : str
        A name in :data:`auroral_stats.occurrence.DENOMINATORS`.
    interval : str
        A name in :data:`auroral_stats.intervals.INTERVALS`.
    bootstrap, seed : int
        For the bootstrap interval.
    """

    labels: tuple[str, ...]
    denominator: str = "usable"
    interval: str = "jackknife"
    bootstrap: int = 1000
    seed: int = 0


@dataclass(frozen=True)
class _Counts:
    """Frames by night and flattened bin."""

    night: NDArray[np.datetime64]
    frames: Array  # (night, bin, class)
    events: Array  # (night, bin, label)
    exposure: Array  # (night, bin, label)


def _count(cells: NightCells, options: RateOptions) -> _Counts:
    tensor = night_tensor(cells)
    night = tensor["night"].to_numpy().astype("datetime64[D]")
    frames = (
        tensor.to_numpy().reshape(night.size, int(np.prod(cells.shape)), len(CLASSES)).astype(float)
    )
    events = frames[..., [CLASSES.index(name) for name in options.labels]]
    if options.denominator == "reverse":
        of = events.sum(axis=1, keepdims=True)
    elif options.denominator == "usable":
        of = frames[..., USABLE_INDEX].sum(axis=-1, keepdims=True)
    else:
        of = frames.sum(axis=-1, keepdims=True)
    return _Counts(night, frames, events, np.broadcast_to(of, events.shape))


def has_value(cells: NightCells) -> NDArray[np.bool_]:
    """Return which flattened rows have a value of every driver.

    Parameters
    ----------
    cells : NightCells

    Returns
    -------
    ndarray of bool, (row,)
    """
    has = np.ones(cells.shape, dtype=bool)
    for row, pairing in zip(np.indices(cells.shape), cells.pairings, strict=True):
        has &= row != pairing.bins.missing
    return has.ravel()


def wrap(cells: NightCells, values: NDArray[Any], labels: tuple[str, ...] = ()) -> xr.DataArray:
    """Give flattened values their bins back.

    Parameters
    ----------
    cells : NightCells
    values : ndarray, (row,) or (row, label)
    labels : tuple of str
        Names along the last axis, if there is one.

    Returns
    -------
    xarray.DataArray
        Over (bin[, bin2][, label]).
    """
    dims = ["bin", "bin2"][: len(cells.shape)]
    if labels:
        return xr.DataArray(
            values.reshape(*cells.shape, len(labels)),
            dims=[*dims, "label"],
            coords={"label": list(labels)},
        )
    return xr.DataArray(values.reshape(cells.shape), dims=dims)


def plain_rate(cells: NightCells, options: RateOptions) -> xr.DataArray:
    """Return the rate alone, over (bin[, bin2], label).

    Parameters
    ----------
    cells : NightCells
    options : RateOptions

    Returns
    -------
    xarray.DataArray
    """
    counted = _count(cells, options)
    rate = ratio(counted.events.sum(axis=0), counted.exposure.sum(axis=0))
    return wrap(cells, rate, options.labels)


def rates(cells: NightCells, options: RateOptions) -> xr.Dataset:
    """Return rates, their intervals, what they rest on, and contrasts.

    Parameters
    ----------
    cells : NightCells
    options : RateOptions

    Returns
    -------
    xarray.Dataset
        The variables that :func:`auroral_stats.occurrence.occurrence` describes, without gate,
        standardised rates and bands.
    """
    counted = _count(cells, options)
    events, exposure, night = counted.events, counted.exposure, counted.night
    low, high = _interval(events, exposure, night, options)
    by_label = {
        "rate": ratio(events.sum(axis=0), exposure.sum(axis=0)),
        "ci_low": low,
        "ci_high": high,
        "events": events.sum(axis=0).astype(np.int64),
        "exposure": exposure.sum(axis=0).astype(np.int64),
        "event_nights": (events > 0).sum(axis=0),
    }
    dark = counted.frames.sum(axis=(0, 2))[:, None]
    lost = counted.frames[..., _LOST].sum(axis=(0, 2))[:, None]
    by_label["bound_low"] = ratio(events.sum(axis=0), dark)
    by_label["bound_high"] = np.minimum(ratio(events.sum(axis=0) + lost, dark), 1.0)
    by_label |= _contrasts(counted, options, has_value(cells))
    support = _support(cells, counted, options)
    result = xr.Dataset(
        {name: wrap(cells, values, options.labels) for name, values in by_label.items()}
        | {name: wrap(cells, values) for name, values in support.items()}
    ).assign_coords(_bin_coordinates(cells))
    if options.denominator != "reverse":
        overall = events.sum(axis=1), exposure.sum(axis=1)
        low, high = _interval(*overall, night, options)
        result["overall_rate"] = ("label", ratio(overall[0].sum(axis=0), overall[1].sum(axis=0)))
        result["overall_low"], result["overall_high"] = ("label", low), ("label", high)
    for name, variable in result.data_vars.items():
        variable.attrs["units"] = _UNITS.get(str(name), "1")
    return result


def _interval(
    events: Array, exposure: Array, night: NDArray[np.datetime64], options: RateOptions
) -> tuple[Array, Array]:
    return rate_interval(
        events,
        exposure,
        night,
        method=options.interval,
        resamples=options.bootstrap,
        seed=options.seed,
    )


def _support(cells: NightCells, counted: _Counts, options: RateOptions) -> dict[str, NDArray[Any]]:
    """Return what the rates of each row rest on."""
    data = cells.data
    dark = counted.frames.sum(axis=-1)
    usable = counted.frames[..., USABLE_INDEX].sum(axis=-1)
    base = dark if options.denominator == "all" else usable
    row, minutes = data["bin_index"].to_numpy(), data["usable_minutes"].to_numpy()
    seen = minutes > 0
    row_sites = np.unique(np.stack([row[seen], data["site_index"].to_numpy()[seen]]), axis=1)
    return {
        "nights": (base > 0).sum(axis=0),
        "effective_nights": kish(base),
        "usable_hours": np.bincount(row, minutes, minlength=usable.shape[1]) / 60,
        "winters": (by_cluster(base, winter_of(counted.night)) > 0).sum(axis=0),
        "sites": np.bincount(row_sites[0], minlength=usable.shape[1]),
        "availability": ratio(usable.sum(axis=0), dark.sum(axis=0)),
    }


def _contrasts(
    counted: _Counts, options: RateOptions, present: NDArray[np.bool_]
) -> dict[str, NDArray[Any]]:
    """Return lift R(c|b)/R(c) and risk ratio R(c|b)/R(c|other bins), with intervals.

    The lift of the reverse rate equals that of the conditional rate, so one serves both.
    """
    events = counted.events
    if options.denominator == "all":
        exposure = counted.frames.sum(axis=-1, keepdims=True)
    else:
        exposure = counted.frames[..., USABLE_INDEX].sum(axis=-1, keepdims=True)
        events = np.where(np.isin(options.labels, USABLE), events, np.nan)
    exposure = np.broadcast_to(exposure, events.shape)
    keep = present[None, :, None]
    others = [(a * keep).sum(axis=1, keepdims=True) - a for a in (events, exposure)]
    against = {
        "lift": [a.sum(axis=1, keepdims=True) for a in (events, exposure)],
        "risk_ratio": others,
    }
    made: dict[str, NDArray[Any]] = {}
    for name, (events0, exposure0) in against.items():
        four = [np.broadcast_to(a, events.shape) for a in (events, exposure, events0, exposure0)]
        levels = [_ratio_of_rates(*four)]
        block = block_of(counted.night)
        levels.append(_ratio_of_rates(*[by_cluster(a, block) for a in four]))
        limits = jackknife_interval(levels, scale="log")
        made[name] = levels[0].value
        made[f"{name}_low"], made[f"{name}_high"] = limits
    for name in ("risk_ratio", "risk_ratio_low", "risk_ratio_high"):
        # Minutes without a driver value are no level of it to compare with the others.
        made[name] = np.where(present[:, None], made[name], np.nan)
    return made


def _ratio_of_rates(events: Array, exposure: Array, events0: Array, exposure0: Array) -> Replicates:
    """Return R1 / R0 and its value without each cluster; all arrays (cluster, ...)."""

    def divide(a: Array, n: Array, b: Array, m: Array) -> Array:
        below = ratio(b, m)
        return np.divide(ratio(a, n), below, out=np.full(a.shape, np.nan), where=below > 0)

    four = (events, exposure, events0, exposure0)
    totals = [a.sum(axis=0) for a in four]
    value = divide(*totals)
    without = divide(*[total - a for total, a in zip(totals, four, strict=True)])
    df = np.minimum(effective_clusters(events, exposure), effective_clusters(events0, exposure0))
    # An estimate that does not exist without one of its clusters, or that rests on one or two of
    # them, has no interval, however many clusters the other rate has.
    few = [(n > 0).sum(axis=0) < MIN_CLUSTERS for n in (exposure, exposure0)]
    return Replicates(
        value=value,
        without=np.where(few[0] | few[1], np.nan, without),
        present=(exposure > 0) | (exposure0 > 0),
        df=df - 1,
    )


def _bin_coordinates(cells: NightCells) -> dict[str, Any]:
    coords: dict[str, Any] = {}
    for dim, suffix, pairing in zip(("bin", "bin2"), ("", "2"), cells.pairings, strict=False):
        coords[dim] = list(pairing.bins.labels)
        coords[f"lower{suffix}"] = (dim, np.array(pairing.bins.lower))
        coords[f"upper{suffix}"] = (dim, np.array(pairing.bins.upper))
    return coords
