r"""Compare like with like: effects among the minutes of a class, matched by stratum.

Minutes of a class and of its control differ in more than the class: stations, hours, seasons and
the solar wind. Within a stratum s they share all that the stratum is made of. The average effect
on the minutes of the class (ATT) weighs the strata as the class fills them,

.. math:: RR = \frac{\sum_s n_{1s}\, p_{1s}}{\sum_s n_{1s}\, p_{0s}},

over strata with minutes of both arms: :math:`n_{1s}` minutes of the class, of which the share
:math:`p_{1s}` (and :math:`p_{0s}` of the control) exceeds a threshold. Any mean over minutes can
stand for p. All functions here are pure; arms are numbered 0 (control) and 1 (class).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auroral_stats.brief import Brief
from auroral_stats.intervals import MIN_WINTERS, at_the_edge
from auroral_stats.nights import winter_of
from auroral_stats.uncertainty import (
    MIN_CLUSTERS,
    Replicates,
    by_cluster,
    effective_clusters,
    jackknife_interval,
    kish,
    night_levels,
)

__all__ = [
    "ArmTable",
    "Matched",
    "arm_table",
    "effective_nights",
    "match",
    "matched_rates",
    "risk_ratio",
]

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, repr=False)
class ArmTable(Brief):
    """Minutes and sums of values by night, group, stratum and arm: sparse, one row an entry.

    Attributes
    ----------
    night : ndarray of datetime64[D], (entry,)
    group : ndarray of int64, (entry,)
        Tables that are matched apart: classes, or simulated worlds.
    stratum : ndarray of int64, (entry,)
        Numbered within the group.
    minutes : ndarray, (entry, arm)
    sums : ndarray, (entry, arm, value)
        Minutes that exceed each threshold, or any other sums.
    groups : int
    """

    night: NDArray[np.datetime64]
    group: Integers
    stratum: Integers
    minutes: Array
    sums: Array
    groups: int = 1


def arm_table(
    night: NDArray[np.datetime64],
    stratum: Integers,
    treated: NDArray[np.bool_],
    values: NDArray[np.generic],
) -> ArmTable:
    """Add minutes up by night, stratum and arm.

    Parameters
    ----------
    night : ndarray of datetime64[D], (n,)
    stratum : ndarray of int64, (n,)
        Minutes with -1 are left out.
    treated : ndarray of bool, (n,)
    values : ndarray, (n, value)

    Returns
    -------
    ArmTable
        Of one group.
    """
    keep = stratum >= 0
    day = night[keep].astype("datetime64[D]").astype(np.int64)
    first = int(day.min(initial=0))
    strata = int(stratum.max(initial=-1)) + 1
    entry, key = pd.factorize((day - first) * max(strata, 1) + stratum[keep])
    cell = entry * 2 + treated[keep]
    size = 2 * len(key)
    minutes = np.bincount(cell, minlength=size).reshape(-1, 2).astype(float)
    sums = np.empty((len(key), 2, values.shape[1]))
    for number, column in enumerate(values[keep].T):
        sums[..., number] = np.bincount(cell, column, minlength=size).reshape(-1, 2)
    of_night, of_stratum = np.divmod(np.asarray(key, dtype=np.int64), max(strata, 1))
    return ArmTable(
        (of_night + first).astype("datetime64[D]"),
        np.zeros(len(key), dtype=np.int64),
        of_stratum,
        minutes,
        sums,
    )


@dataclass(frozen=True, repr=False)
class Matched(Brief):
    """The matched arms, without each cluster in turn.

    Attributes
    ----------
    levels : tuple of (Replicates, Replicates)
        Weighted means of control and class, (group, value), for nights and blocks of nights.
    exposure : ndarray, (night, arm, group)
        Minutes in strata with both arms; those of the control carry their weights.
    events : ndarray, (night, arm, group, value)
        The sums that belong to them.
    night : ndarray of datetime64[D], (night,)
    minutes : ndarray, (arm, group)
        Minutes in strata with both arms, without weights.
    all_minutes : ndarray, (arm, group)
        Minutes of all strata.
    strata : ndarray of int64, (group,)
        Number of strata with both arms.
    climatological : bool
        Whether the clusters are winters.
    """

    levels: tuple[tuple[Replicates, Replicates], ...]
    exposure: Array
    events: Array
    night: NDArray[np.datetime64]
    minutes: Array
    all_minutes: Array
    strata: Integers
    climatological: bool = False


def match(table: ArmTable, *, climatological: bool = False) -> Matched:
    """Match the arms of every group by stratum.

    Parameters
    ----------
    table : ArmTable
    climatological : bool
        Whether uncertainty is over winters, for winters like these, or over nights and blocks
        of nights, for the winters observed.

    Returns
    -------
    Matched

    Notes
    -----
    Leaving out a night changes only the strata that it has minutes in: the work is proportional
    to the number of entries. A stratum that loses one arm leaves with both.
    """
    group_stratum = table.group * (int(table.stratum.max(initial=0)) + 1) + table.stratum
    key, stratum = np.unique(group_stratum, return_inverse=True)
    group_of = np.zeros(key.size, dtype=np.int64)
    group_of[stratum] = table.group
    minutes = _sum_rows(stratum, table.minutes, key.size)
    sums = _sum_rows(stratum, table.sums, key.size)
    both: NDArray[np.bool_] = np.all(minutes > 0, axis=1)
    night, number = np.unique(table.night.astype("datetime64[D]"), return_inverse=True)
    weight = np.zeros(minutes.shape)
    weight[both, 1] = 1.0
    weight[both, 0] = minutes[both, 1] / minutes[both, 0]
    entry_weight = weight[stratum]
    # (night, group, arm[, value]) of the matched sample
    cell = number * table.groups + table.group
    size = night.size * table.groups
    shape = (night.size, table.groups, 2)
    exposure = _sum_rows(cell, table.minutes * entry_weight, size).reshape(shape)
    events = _sum_rows(cell, table.sums * entry_weight[..., None], size).reshape(
        *shape, table.sums.shape[2]
    )
    exposure, events = np.moveaxis(exposure, 2, 1), np.moveaxis(events, 2, 1)
    made = []
    for cluster, fewest in _clusters(night, climatological):
        of_night, names = pd.factorize(cluster)
        pair = _without_each(
            table, of_night[number], len(names), stratum, group_of, minutes, sums, both
        )
        grouped = [_sum_rows(of_night, a, len(names)) for a in (events, exposure)]
        made.append(
            tuple(
                replace(
                    rate,
                    df=(
                        # Winters count as whole clusters: t(G - 1), as for any rate.
                        np.broadcast_to(
                            (grouped[1][:, arm] > 0).sum(axis=0)[:, None] - 1.0, rate.value.shape
                        )
                        if climatological
                        else effective_clusters(grouped[0][:, arm], grouped[1][:, arm, :, None]) - 1
                    ),
                    fewest=fewest,
                )
                for arm, rate in enumerate(pair)
            )
        )
    return Matched(
        levels=tuple((pair[0], pair[1]) for pair in made),
        exposure=exposure,
        events=events,
        night=night,
        minutes=_sum_rows(group_of[both], minutes[both], table.groups).T,
        all_minutes=_sum_rows(table.group, table.minutes, table.groups).T,
        strata=np.bincount(group_of[both], minlength=table.groups).astype(np.int64),
        climatological=climatological,
    )


def _clusters(
    night: NDArray[np.datetime64], climatological: bool
) -> Iterator[tuple[Integers, int]]:
    if climatological:
        yield winter_of(night), MIN_CLUSTERS
    else:
        yield from night_levels(night)


def _sum_rows(index: Integers, values: Array, size: int) -> Array:
    """Add up the rows of ``values`` that have the same index."""
    flat = values.reshape(values.shape[0], int(np.prod(values.shape[1:])))
    made = np.empty((size, flat.shape[1]))
    for column in range(flat.shape[1]):
        made[:, column] = np.bincount(index, flat[:, column], minlength=size)
    return made.reshape(size, *values.shape[1:])


def _without_each(
    table: ArmTable,
    cluster: Integers,
    clusters: int,
    stratum: Integers,
    group_of: Integers,
    minutes: Array,
    sums: Array,
    both: NDArray[np.bool_],
) -> tuple[Replicates, Replicates]:
    """Return the means of control and class, and without each cluster in turn."""
    groups, values = table.groups, sums.shape[2]
    entry, of_entry = np.unique(cluster * both.size + stratum, return_inverse=True)
    of_cluster, of_stratum = np.divmod(entry, both.size)
    at = of_cluster * groups + group_of[of_stratum]
    left = minutes[of_stratum] - _sum_rows(of_entry, table.minutes, entry.size)
    left_sums = sums[of_stratum] - _sum_rows(of_entry, table.sums, entry.size)
    before = _top(minutes, sums)
    change = _top(left, left_sums) - before[of_stratum]
    total = _sum_rows(group_of, before, groups)
    without = total + _sum_rows(at, change, clusters * groups).reshape(
        clusters, groups, 1 + 2 * values
    )
    concerned = np.bincount(at, both[of_stratum], minlength=clusters * groups) > 0
    concerned = concerned.reshape(clusters, groups, 1)
    pair = []
    for arm in range(2):
        top = slice(1 + arm * values, 1 + (arm + 1) * values)
        pair.append(
            Replicates(
                value=_divide(total[:, top], total[:, :1]),
                without=_divide(without[..., top], without[..., :1]),
                present=np.broadcast_to(concerned, (clusters, groups, values)),
                df=np.full((groups, values), np.nan),
            )
        )
    return pair[0], pair[1]


def _top(minutes: Array, sums: Array) -> Array:
    """Return n1, n1 p0 and n1 p1 of each stratum side by side, zero where an arm is empty."""
    # Sums of scores leave a trace where everything was taken away; minutes are whole numbers.
    both: NDArray[np.bool_] = np.all(minutes > 0.5, axis=1)
    weight = np.divide(minutes[:, 1], minutes[:, 0], out=np.zeros(both.size), where=both)
    return np.concatenate(
        [
            (minutes[:, 1] * both)[:, None],
            sums[:, 0] * weight[:, None],
            sums[:, 1] * both[:, None],
        ],
        axis=1,
    )


def _divide(top: Array, bottom: Array) -> Array:
    shape = np.broadcast_shapes(top.shape, bottom.shape)
    return np.divide(top, bottom, out=np.full(shape, np.nan), where=bottom > 0.5)


def matched_rates(matched: Matched, arm: int) -> tuple[Array, Array, Array]:
    """Return the matched share of one arm with its interval.

    Parameters
    ----------
    matched : Matched
    arm : {0, 1}
        Control or class.

    Returns
    -------
    rate, low, high : ndarray, (group, value)
        Jackknife on the logit scale; Clopper-Pearson with the effective number of nights where
        the share is 0 or 1.
    """
    levels = [pair[arm] for pair in matched.levels]
    low, high = jackknife_interval(levels)
    events, exposure = matched.events[:, arm], matched.exposure[:, arm, :, None]
    if matched.climatological:
        winter = winter_of(matched.night)
        events, exposure = by_cluster(events, winter), by_cluster(exposure, winter)
    low, high = at_the_edge(low, high, events, np.broadcast_to(exposure, events.shape))
    low, high = _enough(matched, low, high, [arm])
    return levels[0].value, low, high


def risk_ratio(matched: Matched) -> tuple[Array, Array, Array]:
    """Return the matched risk ratio with its interval.

    Parameters
    ----------
    matched : Matched

    Returns
    -------
    ratio, low, high : ndarray, (group, value)
        Jackknife on the log scale, with the smaller degrees of freedom of the two arms. Without
        an event in the class or in the control there is no interval; NaN also where an arm has
        fewer than three nights.
    """
    levels = []
    for control, of_class in matched.levels:
        value = _ratio(of_class.value, control.value)
        few = (matched.exposure > 0).sum(axis=0).min(axis=0) < MIN_CLUSTERS
        without = _ratio(of_class.without, control.without)
        levels.append(
            Replicates(
                value=value,
                without=np.where(few[:, None], np.nan, without),
                present=of_class.present,
                df=np.minimum(of_class.df, control.df),
                fewest=of_class.fewest,
            )
        )
    low, high = _enough(matched, *jackknife_interval(levels, scale="log"), [0, 1])
    there = np.isfinite(low) & np.isfinite(high)
    return levels[0].value, np.where(there, low, np.nan), np.where(there, high, np.nan)


def _ratio(top: Array, bottom: Array) -> Array:
    return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)


def _enough(matched: Matched, low: Array, high: Array, arms: Sequence[int]) -> tuple[Array, Array]:
    """Drop climatological limits of too few winters, of the arm that has fewer."""
    if not matched.climatological:
        return low, high
    seen = by_cluster(matched.exposure, winter_of(matched.night)) > 0
    enough = (seen.sum(axis=0)[list(arms)].min(axis=0) >= MIN_WINTERS)[:, None]
    return np.where(enough, low, np.nan), np.where(enough, high, np.nan)


def effective_nights(matched: Matched) -> Array:
    """Return the effective number of nights (Kish) of the arm that has fewer, (group,)."""
    return kish(matched.exposure).min(axis=0)
