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

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from auroral_stats.errors import UsageError
from auroral_stats.intervals import at_the_edge
from auroral_stats.uncertainty import (
    Replicates,
    block_of,
    effective_clusters,
    jackknife_interval,
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
    return np.unique(key, return_inverse=True)[1]


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
    labels = events.shape[1]
    weights: Array = np.bincount(stratum, exposure * in_range[row], minlength=strata).astype(float)
    weights /= max(weights.sum(), 1.0)
    # One entry for each stratum of each row: the level at which rates are formed.
    group = row * strata + stratum
    frames: Array = np.bincount(group, exposure, minlength=rows * strata).astype(float)
    frames = frames.reshape(rows, strata)
    seen = frames > 0
    weight = (seen * weights).sum(axis=1)
    shape = (rows, labels)
    rate, low, high = (np.full(shape, np.nan) for _ in range(3))
    levels = [
        np.unique(cluster, return_inverse=True)[1]
        for cluster in (night.astype("datetime64[D]").astype(np.int64), block_of(night))
    ]
    nights = int(levels[0].max(initial=-1)) + 1

    def by_night(values: Array) -> Array:
        summed = np.bincount(levels[0] * rows + row, values, minlength=nights * rows)
        return summed.astype(float).reshape(nights, rows)

    exposure_by_night = by_night(exposure)
    for label in range(labels):
        total: Array = np.bincount(group, events[:, label], minlength=rows * strata).astype(float)
        per_stratum = np.divide(
            total.reshape(rows, strata), frames, out=np.zeros(frames.shape), where=seen
        )
        top = (per_stratum * weights).sum(axis=1)
        made = [
            _without_each(
                cluster,
                group,
                events[:, label],
                exposure,
                total,
                frames.ravel(),
                weights,
                top,
                weight,
            )
            for cluster in levels
        ]
        rate[:, label] = made[0].value
        limits = jackknife_interval(made)
        low[:, label], high[:, label] = at_the_edge(
            *limits, by_night(events[:, label]), exposure_by_night
        )
    return rate, low, high, weight


def _without_each(
    cluster: NDArray[np.int64],
    group: NDArray[np.int64],
    events: Array,
    exposure: Array,
    total: Array,
    frames: Array,
    weights: Array,
    top: Array,
    bottom: Array,
) -> Replicates:
    """Return the standardised rate of each row, and without each cluster in turn.

    Only the strata that a cluster contributes to change without it, so the work is proportional
    to the number of (cluster, row, stratum) entries and not to their product.
    """
    rows = top.size
    strata = weights.size
    clusters = int(cluster.max(initial=-1)) + 1
    entry, inverse = np.unique(cluster * (rows * strata) + group, return_inverse=True)
    own_events = np.bincount(inverse, events, minlength=entry.size)
    own_frames = np.bincount(inverse, exposure, minlength=entry.size)
    of_cluster, of_group = np.divmod(entry, rows * strata)
    left = frames[of_group] - own_frames
    before = np.divide(
        total[of_group], frames[of_group], out=np.zeros(entry.size), where=frames[of_group] > 0
    )
    after = np.divide(total[of_group] - own_events, left, out=np.zeros(entry.size), where=left > 0)
    weight = weights[of_group % strata]
    at = of_cluster * rows + of_group // strata
    size = clusters * rows
    change_top = np.bincount(at, weight * (after - before), minlength=size).reshape(clusters, rows)
    gone = (left <= 0) & (frames[of_group] > 0)
    change_bottom = -np.bincount(at, weight * gone, minlength=size).reshape(clusters, rows)
    # A stratum that disappears leaves with its weight; its rate went with `after` = 0.
    new_bottom = bottom + change_bottom
    without = np.divide(
        top + change_top,
        new_bottom,
        out=np.full((clusters, rows), np.nan),
        where=new_bottom > 1e-12,
    )
    by_row: Array = np.bincount(at, own_events, minlength=size).astype(float)
    by_row = by_row.reshape(clusters, rows)
    frames_by_row: Array = np.bincount(at, own_frames, minlength=size).astype(float)
    frames_by_row = frames_by_row.reshape(clusters, rows)
    value = np.divide(top, bottom, out=np.full(rows, np.nan), where=bottom > 0)
    return Replicates(
        value=value,
        without=without,
        present=frames_by_row > 0,
        df=effective_clusters(by_row, frames_by_row) - 1,
    )
