r"""Rates for one fixed mix of stations and magnetic local times.

Storms bring other stations and other hours under the oval than quiet times do, and clouds decide
which of them are seen. A pooled rate changes with that mix even where no single station's does.
Standardising holds the mix fixed (direct standardisation): with weights :math:`w_s`, the share of
all usable frames in stratum s,

.. math:: R^*(c|b) = \frac{\sum_s w_s N_{cbs}/N_{bs}}{\sum_s w_s},

both sums over the strata that were seen in bin b. The share of the weight that they hold is
reported beside the rate; where it is small, the rate speaks for few stations and hours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from auroral_stats.errors import UsageError
from auroral_stats.intervals import at_the_edge
from auroral_stats.uncertainty import (
    Replicates,
    effective_clusters,
    jackknife_interval,
    night_levels,
    ratio,
)

__all__ = ["STRATA", "standardised_rates", "stratum_of"]

Array = NDArray[np.float64]

#: What ``--standardise`` accepts: the cell coordinate behind each name and its number of values.
STRATA = {"site": "site_index", "mlt": "mlt_hour"}


def stratum_of(cells: xr.Dataset, strata: Sequence[str]) -> NDArray[np.int64]:
    """Return the number of the stratum of each cell.

    Parameters
    ----------
    cells : xarray.Dataset
        The ``data`` of a :class:`auroral_stats.nights.NightCells`.
    strata : sequence of str
        Names in :data:`STRATA`.

    Returns
    -------
    ndarray of int64, (cell,)
        Consecutive from 0.

    Raises
    ------
    UsageError
        If a name is not known.
    """
    unknown = [name for name in strata if name not in STRATA]
    if unknown or not strata:
        raise UsageError(
            f"--standardise {','.join(unknown) or 'nothing'}: expected one or more of "
            f"{', '.join(STRATA)}."
        )
    key = np.zeros(cells.sizes["cell"], dtype=np.int64)
    for name in strata:
        values = cells[STRATA[name]].to_numpy().astype(np.int64)
        key = key * (values.max(initial=0) + 1) + values
    there = np.bincount(key) > 0
    return (np.cumsum(there) - 1)[key]


def standardised_rates(
    events: Array,
    exposure: Array,
    *,
    night: NDArray[np.datetime64],
    row: NDArray[np.int64],
    stratum: NDArray[np.int64],
    rows: int,
    in_range: NDArray[np.bool_],
) -> tuple[Array, Array, Array, Array]:
    """Return standardised rates of every row with their jackknife intervals.

    Parameters
    ----------
    events : ndarray, (cell, label)
    exposure : ndarray, (cell,)
        Frames.
    night : ndarray of datetime64[D], (cell,)
    row, stratum : ndarray of int, (cell,)
        Which row of the table and which stratum each cell belongs to.
    rows : int
        Number of rows.
    in_range : ndarray of bool, (rows,)
        Rows whose exposure makes the weights: those with a driver value.

    Returns
    -------
    rate, low, high : ndarray, (rows, label)
    weight : ndarray, (rows,)
        Share of the weights that the strata seen in a row hold.
    """
    strata = int(stratum.max(initial=-1)) + 1
    weights: Array = np.bincount(stratum, exposure * in_range[row], minlength=strata).astype(float)
    weights /= max(weights.sum(), 1.0)
    levels = [
        (_entries(cluster, row * strata + stratum, events, exposure, (rows, strata)), fewest)
        for cluster, fewest in night_levels(night)
    ]
    nights = levels[0][0]
    nightly = nights.by_cluster(nights.exposure)
    rate, low, high = (np.full((rows, events.shape[1]), np.nan) for _ in range(3))
    for label in range(events.shape[1]):
        made = [
            replace(_without_each(entries, label, weights), fewest=fewest)
            for entries, fewest in levels
        ]
        rate[:, label] = made[0].value
        low[:, label], high[:, label] = at_the_edge(
            *jackknife_interval(made), nights.by_cluster(nights.events[:, label]), nightly
        )
    weight = ((nights.by_group(nights.exposure) > 0) * weights).sum(axis=1)
    return rate, low, high, weight


@dataclass(frozen=True)
class _Entries:
    """Frames of one cluster in one stratum of one row, where there are any.

    Attributes
    ----------
    group : ndarray of int64, (entry,)
        row * strata + stratum.
    pair : ndarray of int64, (entry,)
        Which pair of row and cluster it belongs to.
    place, row : ndarray of int64, (pair,)
        Where the pair stands in arrays (cluster, row). Each row numbers the clusters that it has
        from 0, so that the arrays are no longer than the row with most of them.
    events : ndarray, (entry, label)
    exposure : ndarray, (entry,)
    shape : (int, int)
        Numbers of rows and strata.
    """

    group: NDArray[np.int64]
    pair: NDArray[np.int64]
    place: NDArray[np.int64]
    row: NDArray[np.int64]
    events: Array
    exposure: Array
    shape: tuple[int, int]

    def by_group(self, values: Array) -> Array:
        """Add entries up, (row, stratum)."""
        size = self.shape[0] * self.shape[1]
        summed: Array = np.bincount(self.group, values, minlength=size).astype(float)
        return summed.reshape(self.shape)

    def by_cluster(self, values: Array) -> Array:
        """Add entries up, (cluster, row)."""
        summed = np.zeros((int(self.place.max(initial=-1)) + 1, self.shape[0]))
        summed[self.place, self.row] = np.bincount(self.pair, values, minlength=self.row.size)
        return summed


def _entries(
    cluster: NDArray[np.int64],
    group: NDArray[np.int64],
    events: Array,
    exposure: Array,
    shape: tuple[int, int],
) -> _Entries:
    """Add cells up to entries, which are sorted by row, cluster and stratum."""
    rows, strata = shape
    seen = exposure > 0
    events, exposure = events[seen], exposure[seen]
    number, cluster = np.unique(cluster[seen], return_inverse=True)
    row, stratum = np.divmod(group[seen], strata)
    key = (row * number.size + cluster) * strata + stratum
    key, inverse = np.unique(key, return_inverse=True)
    pair_key, stratum = np.divmod(key, strata)
    first = np.flatnonzero(np.concatenate([[True], pair_key[1:] != pair_key[:-1]])[: key.size])
    row_of_pair = pair_key[first] // max(number.size, 1)
    begin = np.searchsorted(row_of_pair, np.arange(rows))
    return _Entries(
        group=pair_key // max(number.size, 1) * strata + stratum,
        pair=np.repeat(np.arange(first.size), np.diff(first, append=key.size)),
        place=np.arange(first.size) - begin[row_of_pair],
        row=row_of_pair,
        events=np.stack(
            [np.bincount(inverse, column, minlength=key.size) for column in events.T], axis=-1
        ),
        exposure=np.bincount(inverse, exposure, minlength=key.size).astype(float),
        shape=shape,
    )


def _without_each(entries: _Entries, label: int, weights: Array) -> Replicates:
    """Return the standardised rate of each row, and without each cluster in turn.

    Only the strata that a cluster contributes to change without it, so the work is proportional
    to the number of entries and not to the product of clusters, rows and strata.
    """
    own_events, own_frames = entries.events[:, label], entries.exposure
    total, frames = entries.by_group(own_events), entries.by_group(own_frames)
    seen = frames > 0
    rate = np.divide(total, frames, out=np.zeros(frames.shape), where=seen)
    top, bottom = (rate * weights).sum(axis=1), (seen * weights).sum(axis=1)
    at = np.divmod(entries.group, weights.size)
    left = frames[at] - own_frames
    gone = left <= 0
    after = np.divide(total[at] - own_events, left, out=np.zeros(left.size), where=~gone)
    weight = weights[at[1]]
    # A stratum that disappears leaves with its weight; its rate went with `after` = 0.
    new_top = top + entries.by_cluster(weight * (after - rate[at]))
    new_bottom = bottom - entries.by_cluster(weight * gone)
    events_by_row, frames_by_row = (entries.by_cluster(a) for a in (own_events, own_frames))
    return Replicates(
        value=ratio(top, bottom),
        without=ratio(new_top, np.where(new_bottom > 1e-12, new_bottom, 0.0)),
        present=frames_by_row > 0,
        df=effective_clusters(events_by_row, frames_by_row) - 1,
    )
