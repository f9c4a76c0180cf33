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
from auroral_stats.labels import CLASSES, USABLE, USABLE_INDEX
from auroral_stats.nights import NightCells, frames_by_night, winter_of
from auroral_stats.uncertainty import (
    MIN_CLUSTERS,
    Replicates,
    by_cluster,
    interval_over_levels,
    kish,
    leave_one_out,
    ratio,
)

__all__ = ["RateOptions", "has_value", "plain_rate", "rates", "wrap"]

Array = NDArray[np.float64]

_NOTHING = np.zeros(())
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
    contrasts : bool
        Whether to make lift and risk ratio too, which take most of the time.
    """

    labels: tuple[str, ...]
    denominator: str = "usable"
    interval: str = "jackknife"
    bootstrap: int = 1000
    seed: int = 0
    contrasts: bool = True


@dataclass(frozen=True)
class _Counts:
    """Frames by night and flattened bin.

    Attributes
    ----------
    night : ndarray of datetime64[D], (night,)
        Increasing.
    events : ndarray, (night, label, bin)
        Bins last: arithmetic with what all labels share then runs along memory.
    exposure : ndarray, (night, 1, bin) or (night, label, 1)
        What ``events`` are divided by.
    usable, dark, lost : ndarray, (night, bin)
        Frames of the usable classes, of all classes, and of those that hide the sky.
    """

    night: NDArray[np.datetime64]
    events: Array
    exposure: Array
    usable: Array
    dark: Array
    lost: Array


def _count(cells: NightCells, options: RateOptions) -> _Counts:
    night, frames = frames_by_night(cells)
    events = np.stack([frames[CLASSES.index(name)] for name in options.labels], axis=1)
    usable, lost = (sum((frames[k] for k in which), _NOTHING) for which in (USABLE_INDEX, _LOST))
    dark = usable + lost
    return _Counts(night, events, _denominator(events, usable, dark, options), usable, dark, lost)


def _denominator(events: Array, usable: Array, dark: Array, options: RateOptions) -> Array:
    """Return what events (..., label, bin) are divided by, of a shape that goes with theirs."""
    if options.denominator == "reverse":
        return np.asarray(events.sum(axis=-1, keepdims=True))
    return (usable if options.denominator == "usable" else dark)[..., None, :]


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
    row, counts = cells.data["bin_index"].to_numpy(), cells.data["counts"].to_numpy()
    rows = int(np.prod(cells.shape))
    frames = np.stack([np.bincount(row, column, minlength=rows) for column in counts.T]).astype(
        float
    )
    events = frames[[CLASSES.index(name) for name in options.labels]]
    denominator = _denominator(
        events, frames[USABLE_INDEX].sum(axis=0), frames.sum(axis=0), options
    )
    return wrap(cells, ratio(events, denominator).T, options.labels)


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
    total, frames = events.sum(axis=0), exposure.sum(axis=0)
    dark, lost = (a.sum(axis=0) for a in (counted.dark, counted.lost))
    by_label = {
        "rate": ratio(total, frames),
        "ci_low": low,
        "ci_high": high,
        "events": total.astype(np.int64),
        "exposure": np.broadcast_to(frames, total.shape).astype(np.int64),
        "event_nights": np.count_nonzero(events > 0, axis=0),
        "bound_low": ratio(total, dark),
        "bound_high": np.minimum(ratio(total + lost, dark), 1.0),
    }
    if options.contrasts:
        by_label |= _contrasts(counted, options, has_value(cells))
    support = _support(cells, counted, options)
    result = xr.Dataset(
        {name: wrap(cells, values.T, options.labels) for name, values in by_label.items()}
        | {name: wrap(cells, values) for name, values in support.items()}
    ).assign_coords(_bin_coordinates(cells))
    if options.denominator != "reverse":
        overall = events.sum(axis=2), exposure.sum(axis=2)
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
    usable, dark = counted.usable, counted.dark
    base = dark if options.denominator == "all" else usable
    row, minutes = data["bin_index"].to_numpy(), data["usable_minutes"].to_numpy()
    seen = minutes > 0
    at_site = np.zeros((usable.shape[1], data.sizes["site"]), dtype=bool)
    at_site[row[seen], data["site_index"].to_numpy()[seen]] = True
    return {
        "nights": (base > 0).sum(axis=0),
        "effective_nights": kish(base),
        "usable_hours": np.bincount(row, minutes, minlength=usable.shape[1]) / 60,
        "winters": (by_cluster(base, winter_of(counted.night)) > 0).sum(axis=0),
        "sites": at_site.sum(axis=1),
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
        exposure = counted.dark[:, None]
    else:
        exposure = counted.usable[:, None]
        events = np.where(np.isin(options.labels, USABLE)[:, None], events, np.nan)
    pair = events, exposure
    whole = [a.sum(axis=2, keepdims=True) for a in pair]
    known = [a[..., present].sum(axis=2, keepdims=True) for a in pair]
    limits = interval_over_levels(_contrast, (*pair, *whole, *known), counted.night, scale="log")
    totals = [a.sum(axis=0, keepdims=True) for a in (*pair, *whole, *known)]
    made: dict[str, NDArray[Any]] = {}
    for name, contrast, (low, high) in zip(
        ("lift", "risk_ratio"), _contrast(*totals), limits, strict=True
    ):
        made |= {name: contrast.value, f"{name}_low": low, f"{name}_high": high}
    for name in ("risk_ratio", "risk_ratio_low", "risk_ratio_high"):
        # Minutes without a driver value are no level of it to compare with the others.
        made[name] = np.where(present, made[name], np.nan)
    return made


def _contrast(
    events: Array, exposure: Array, whole: Array, frames: Array, known: Array, known_frames: Array
) -> tuple[Replicates, Replicates]:
    """Return lift and risk ratio of clusters: all arrays (cluster, ...).

    The rate is compared with that of the ``whole`` in its ``frames``, and with that of all else
    that has a driver value.
    """
    own = leave_one_out(events, exposure)
    others = leave_one_out(known - events, known_frames - exposure)
    return _ratio_of_rates(own, leave_one_out(whole, frames)), _ratio_of_rates(own, others)


def _ratio_of_rates(own: Replicates, base: Replicates) -> Replicates:
    """Return the ratio of two rates and its value without each cluster."""
    value, without = (
        ratio(above, below)
        for above, below in ((own.value, base.value), (own.without, base.without))
    )
    # An estimate that does not exist without one of its clusters, or that rests on one or two of
    # them, has no interval, however many clusters the other rate has.
    few = [np.count_nonzero(one.present, axis=0) < MIN_CLUSTERS for one in (own, base)]
    without[:, np.broadcast_to(few[0] | few[1], without.shape[1:])] = np.nan
    return Replicates(
        value=value,
        without=without,
        present=own.present | base.present,
        df=np.minimum(own.df, base.df),
    )


def _bin_coordinates(cells: NightCells) -> dict[str, Any]:
    coords: dict[str, Any] = {}
    for dim, suffix, pairing in zip(("bin", "bin2"), ("", "2"), cells.pairings, strict=False):
        coords[dim] = list(pairing.bins.labels)
        coords[f"lower{suffix}"] = (dim, np.array(pairing.bins.lower))
        coords[f"upper{suffix}"] = (dim, np.array(pairing.bins.upper))
    return coords
