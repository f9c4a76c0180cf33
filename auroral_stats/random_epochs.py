"""Random epochs: what the mean about onsets would be if the onsets meant nothing.

Onsets prefer hours, seasons and stations, and those of one night share its storm. A random epoch
must keep all of that and lose only the onset itself. So the onsets of a night are moved together
into another night of the same month, each to a random minute of its own site and magnetic hour
there (onsets without a site: of its own hour UT). Epochs drawn one by one would mix nights that are
nearly independent, and the band would be too narrow by a factor that grows with the number of
onsets in a night.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from auroral_stats.brief import Brief
from auroral_stats.epoch_series import EpochSeries, gather
from auroral_stats.forms import NO_FORM, forms
from auroral_stats.geometry import site_geometry
from auroral_stats.nights import night_of
from auroral_stats.uncertainty import CONFIDENCE

__all__ = ["EpochPool", "pool_of_index", "pool_of_sites", "random_band"]

Array = NDArray[np.float64]
Minutes = NDArray[np.int64]

#: Share of the draws that must have data at a lag.
_MOST_DRAWS = 0.9


@dataclass(frozen=True, repr=False)
class EpochPool(Brief):
    """The minutes that random epochs start from, and the nights that onsets may be moved to.

    Attributes
    ----------
    minute : ndarray of int64, (n,)
        Minutes since 1970, by stratum and night.
    key : ndarray of int64, (n,)
        ``stratum * nights + night``, increasing.
    nights : int
        Number of nights with minutes.
    stratum, own_night : ndarray of int64, (onset,)
        Stratum of each onset, -1 where the pool has none of it, and number of its night.
    donor, share : ndarray, (m,)
        Nights that the onsets of each night may be moved to, one night after the other, and where
        each ends in [g, g + 1) for night number g: nights that can take more of them are drawn
        more often.
    chance : ndarray, (onset,)
        How likely each onset finds a place in a draw. Its epochs count by the inverse of that, so
        that hours which are often seen do not weigh more than they do among the onsets.
    """

    minute: Minutes
    key: Minutes
    nights: int
    stratum: Minutes
    own_night: Minutes
    donor: Minutes
    share: Array
    chance: Array

    def draw(self, rng: np.random.Generator) -> tuple[Minutes, Minutes]:
        """Move the onsets of every night to another one.

        Parameters
        ----------
        rng : numpy.random.Generator

        Returns
        -------
        onset, minute : ndarray of int64, (k,)
            Which onsets found a place, and where.
        """
        if not self.donor.size:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        groups = int(self.own_night.max()) + 1
        place = np.searchsorted(self.share, np.arange(groups) + rng.random(groups), side="right")
        night = self.donor[np.minimum(place, self.donor.size - 1)][self.own_night]
        wanted = self.stratum * self.nights + night
        first = np.searchsorted(self.key, wanted, side="left")
        size = np.searchsorted(self.key, wanted, side="right") - first
        onset = np.flatnonzero((size > 0) & (self.stratum >= 0))
        pick = first[onset] + (rng.random(onset.size) * size[onset]).astype(np.int64)
        return onset, self.minute[pick]


def _pool(minute: Minutes, stratum: Minutes, onset: Minutes, wanted: Minutes) -> EpochPool:
    """Sort the minutes, and find the nights of the same month that can take onsets of a night."""
    known, code = np.unique(stratum, return_inverse=True)
    night = night_of(minute.astype("datetime64[m]"))
    nights, night_code = np.unique(night, return_inverse=True)
    key = code.astype(np.int64) * max(nights.size, 1) + night_code
    order = np.argsort(key, kind="stable")
    there = np.zeros((known.size, nights.size), dtype=bool)
    there[code, night_code] = True
    at = np.minimum(np.searchsorted(known, wanted), max(known.size - 1, 0))
    own = np.where(known[at] == wanted, at, -1) if known.size else np.full(wanted.size, -1)
    groups, own_night = np.unique(night_of(onset.astype("datetime64[m]")), return_inverse=True)
    donors, shares = [], []
    chance = np.zeros(wanted.size)
    for number, itself in enumerate(groups):
        members = np.flatnonzero((own_night == number) & (own >= 0))
        strata = own[members]
        # A stratum is of one month, so that only nights of that month (and of the one next to it,
        # for a night across its end) hold minutes of it.
        takes = there[strata].sum(axis=0) * (nights != itself)
        able = np.flatnonzero(takes)
        if able.size:
            chance[members] = there[strata][:, able] @ takes[able] / takes.sum()
        donors.append(able)
        total = np.cumsum(takes[able])
        shares.append(number + total / total[-1] if able.size else np.empty(0))
    return EpochPool(
        minute[order],
        key[order],
        max(nights.size, 1),
        own.astype(np.int64),
        own_night.astype(np.int64),
        np.concatenate(donors).astype(np.int64),
        np.concatenate(shares),
        chance,
    )


def pool_of_sites(data: xr.Dataset, onsets: pd.DataFrame, options: dict[str, Any]) -> EpochPool:
    """Return minutes of the same site, magnetic hour and month in which a form was seen.

    Parameters
    ----------
    data : xarray.Dataset
        Joined data.
    onsets : pandas.DataFrame
        With ``time`` and ``site``.
    options : dict
        For :func:`auroral_stats.forms.forms`.

    Returns
    -------
    EpochPool
    """
    form = forms(data, **options)["form"].to_numpy()
    row, site = np.nonzero(form != NO_FORM)
    minute = data["time"].to_numpy().astype("datetime64[m]").astype(np.int64)[row]
    hour = np.floor(data["mlt"].to_numpy()[row, site]).astype(np.int64) % 24
    held = {str(name): number for number, name in enumerate(data["site"].to_numpy())}
    own = onsets["site"].astype(str).map(held).fillna(-1).to_numpy().astype(np.int64)
    own_hour = np.floor(_onset_mlt(onsets)).astype(np.int64) % 24
    time = _minutes(onsets)
    return _pool(
        minute,
        (site.astype(np.int64) * 24 + hour) * 12 + _month(minute),
        time,
        (own * 24 + own_hour) * 12 + _month(time),
    )


def pool_of_index(series: EpochSeries, onsets: pd.DataFrame) -> EpochPool:
    """Return minutes of the same month and hour UT, for onsets that have no site.

    Parameters
    ----------
    series : EpochSeries
        The driver or index.
    onsets : pandas.DataFrame
        With ``time``.

    Returns
    -------
    EpochPool
    """
    minute = series.axis.start[np.isfinite(series.values[:-1])]
    if series.axis.cadence > 1:
        # Every minute of an interval, so that random onsets fall anywhere in it as real do.
        minute = (minute[:, None] + np.arange(0, series.axis.cadence, 5)).ravel()
    time = _minutes(onsets)
    return _pool(minute, _month_hour(minute), time, _month_hour(time))


def random_band(
    series: Sequence[EpochSeries],
    group: Minutes,
    lag: Minutes,
    pool: EpochPool,
    resamples: int,
    rng: np.random.Generator,
) -> dict[str, Array]:
    """Return between which limits the means of random epochs lie.

    Parameters
    ----------
    series : sequence of EpochSeries
    group : ndarray of int64, (onset,)
        Which series each onset reads.
    lag : ndarray of int64, (lag,)
        Minutes.
    pool : EpochPool
    resamples : int
    rng : numpy.random.Generator

    Returns
    -------
    dict of str to ndarray, (lag,)
        ``band_low`` and ``band_high``, between which 95 % of the means lie, and ``random_mean``;
        NaN where more than a tenth of the draws have no data.
    """
    means = np.full((resamples, lag.size), np.nan)
    for draw in range(resamples):
        onset, minute = pool.draw(rng)
        values = gather(series, group[onset], minute, lag)
        weight = np.where(np.isfinite(values), 1.0 / pool.chance[onset, None], 0.0)
        total = (np.nan_to_num(values) * weight).sum(axis=0)
        number = weight.sum(axis=0)
        np.divide(total, number, out=means[draw], where=number > 0)
    # A draw may fall into a gap of the data; it is left out, unless most do.
    some = np.isfinite(means).mean(axis=0) >= _MOST_DRAWS
    tail = 100 * (1 - CONFIDENCE) / 2
    made = {key: np.full(lag.size, np.nan) for key in ("band_low", "band_high", "random_mean")}
    if some.any():
        limits = np.nanpercentile(means[:, some], [tail, 100 - tail], axis=0)
        made["band_low"][some], made["band_high"][some] = limits
        made["random_mean"][some] = np.nanmean(means[:, some], axis=0)
    return made


def _minutes(onsets: pd.DataFrame) -> Minutes:
    return onsets["time"].to_numpy().astype("datetime64[m]").astype(np.int64)


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
