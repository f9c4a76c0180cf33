"""The intervals that ``--interval`` offers, by one name each.

The default is the jackknife of :mod:`auroral_stats.uncertainty`. The others are there because a
reader may expect them, and each says what it assumes; those that take frames as independent are
far too narrow for anything that was filmed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from auroral_stats.errors import UsageError
from auroral_stats.nights import winter_of
from auroral_stats.uncertainty import (
    CONFIDENCE,
    MIN_CLUSTERS,
    Replicates,
    by_cluster,
    interval_over_levels,
    jackknife_interval,
    kish,
    leave_one_out,
    ratio,
)

__all__ = [
    "INTERVALS",
    "MIN_WINTERS",
    "at_the_edge",
    "bootstrap_interval",
    "climatological_interval",
    "clopper_pearson_interval",
    "cluster_robust_interval",
    "false_discovery",
    "jeffreys_interval",
    "rate_interval",
    "wilson_interval",
]

Array = NDArray[np.float64]

#: Fewer winters than this give no climatological interval.
MIN_WINTERS = 4


def clopper_pearson_interval(events: Array, exposure: Array) -> tuple[Array, Array]:
    """Return the exact binomial interval; right only if every frame were independent.

    Parameters
    ----------
    events, exposure : ndarray, (...)
        Need not be whole numbers: effective sizes are allowed.

    Returns
    -------
    low, high : ndarray, (...)

    Examples
    --------
    >>> [round(float(x), 4) for x in clopper_pearson_interval(np.array(0.0), np.array(10.0))]
    [0.0, 0.3085]
    """
    tail = (1 - CONFIDENCE) / 2
    low = np.where(events > 0, stats.beta.ppf(tail, events, exposure - events + 1), 0.0)
    high = np.where(events < exposure, stats.beta.ppf(1 - tail, events + 1, exposure - events), 1.0)
    return _defined(low, high, exposure)


def jeffreys_interval(events: Array, exposure: Array) -> tuple[Array, Array]:
    """Return the Jeffreys interval; right only if every frame were independent.

    Parameters
    ----------
    events, exposure : ndarray, (...)

    Returns
    -------
    low, high : ndarray, (...)
        0 and 1 where the events are none or all, as is customary.
    """
    tail = (1 - CONFIDENCE) / 2
    shape = (events + 0.5, exposure - events + 0.5)
    low = np.where(events > 0, stats.beta.ppf(tail, *shape), 0.0)
    high = np.where(events < exposure, stats.beta.ppf(1 - tail, *shape), 1.0)
    return _defined(low, high, exposure)


def wilson_interval(events: Array, exposure: Array) -> tuple[Array, Array]:
    """Return the Wilson score interval; right only if every frame were independent.

    Parameters
    ----------
    events, exposure : ndarray, (...)

    Returns
    -------
    low, high : ndarray, (...)
    """
    z = stats.norm.ppf(0.5 + CONFIDENCE / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = events / exposure
        spread = 1 + z**2 / exposure
        centre = (rate + z**2 / (2 * exposure)) / spread
        half = z * np.sqrt(rate * (1 - rate) / exposure + z**2 / (4 * exposure**2)) / spread
    return _defined(np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0), exposure)


def _defined(low: Array, high: Array, exposure: Array) -> tuple[Array, Array]:
    there = np.asarray(exposure) > 0
    return np.where(there, low, np.nan), np.where(there, high, np.nan)


def bootstrap_interval(
    events: Array, exposure: Array, *, resamples: int = 1000, seed: int = 0
) -> tuple[Array, Array]:
    """Return the percentile interval of resampled clusters.

    Parameters
    ----------
    events, exposure : ndarray, (cluster, ...)
    resamples : int
    seed : int

    Returns
    -------
    low, high : ndarray, (...)
        Too narrow where few clusters hold the events; offered for comparison.

    Raises
    ------
    UsageError
        If there are fewer than 100 or more than 100,000 resamples, or the seed is negative.
    """
    if not 100 <= resamples <= 100_000:
        raise UsageError(f"--bootstrap {resamples}: expected 100 to 100,000 resamples.")
    if seed < 0:
        raise UsageError(f"--seed {seed}: expected 0 or more.")
    number = events.shape[0]
    shape = np.broadcast_shapes(events.shape[1:], exposure.shape[1:])
    if number < MIN_CLUSTERS:
        nothing = np.full(shape, np.nan)
        return nothing, nothing.copy()
    draws = np.random.default_rng(seed).multinomial(
        number, np.full(number, 1 / number), size=resamples
    )
    weights = draws.astype(np.float64)
    # A resample is a set of weights on clusters: all of them are one matrix product.
    drawn = [
        (weights @ a.reshape(number, -1)).reshape(resamples, *a.shape[1:])
        for a in (events, exposure)
    ]
    rates = ratio(*drawn).reshape(resamples, -1)
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = _nan_percentiles(rates, (tail, 100 - tail))
    enough = (exposure > 0).sum(axis=0) >= MIN_CLUSTERS
    return np.where(enough, low.reshape(shape), np.nan), np.where(
        enough, high.reshape(shape), np.nan
    )


def _nan_percentiles(values: Array, at: tuple[float, float]) -> tuple[Array, Array]:
    """Return percentiles down the columns; columns without any value give NaN, quietly."""
    empty = np.isnan(values).all(axis=0)
    low, high = np.nanpercentile(np.where(empty, 0.0, values), at, axis=0)
    return np.where(empty, np.nan, low), np.where(empty, np.nan, high)


def cluster_robust_interval(events: Array, exposure: Array) -> tuple[Array, Array]:
    r"""Return :math:`R \pm 1.96\,s` with the cluster-robust (sandwich) standard error.

    Parameters
    ----------
    events, exposure : ndarray, (cluster, ...)

    Returns
    -------
    low, high : ndarray, (...)
        May leave [0, 1]; offered for comparison.
    """
    events, exposure = np.broadcast_arrays(events, exposure)
    frames = exposure.sum(axis=0)
    rate = ratio(events.sum(axis=0), frames)
    number = (exposure > 0).sum(axis=0)
    residual = np.where(exposure > 0, events - rate * exposure, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(number / (number - 1) * (residual**2).sum(axis=0)) / frames
    half = stats.norm.ppf(0.5 + CONFIDENCE / 2) * error
    enough = number >= MIN_CLUSTERS
    return np.where(enough, rate - half, np.nan), np.where(enough, rate + half, np.nan)


def climatological_interval(events: Array, exposure: Array) -> tuple[Array, Array]:
    """Return the interval for the rate in winters like these, winters being the clusters.

    Parameters
    ----------
    events, exposure : ndarray, (winter, ...)

    Returns
    -------
    low, high : ndarray, (...)
        Jackknife on the logit scale with t(G - 1); NaN with fewer than four winters. With no
        event, or nothing but events, Clopper-Pearson's for the effective number of winters
        (Kish): winter by winter, the class was there or not, and more cannot be said of others.
    """
    level = leave_one_out(events, exposure)
    winters = level.present.sum(axis=0)
    level = Replicates(level.value, level.without, level.present, winters - 1.0)
    low, high = at_the_edge(*jackknife_interval([level]), events, exposure)
    enough = winters >= MIN_WINTERS
    return np.where(enough, low, np.nan), np.where(enough, high, np.nan)


#: What ``--interval`` accepts, and what each assumes.
INTERVALS = {
    "jackknife": "leave out a night (or 9, or 27) at a time, logit scale, Student t; the default",
    "bootstrap": "percentiles over resampled nights; too narrow for few nights",
    "cluster": "cluster-robust standard error of nights, normal; too narrow for few nights",
    "clopper": "exact binomial; assumes independent frames, far too narrow",
    "wilson": "Wilson score; assumes independent frames, far too narrow",
    "jeffreys": "Jeffreys; assumes independent frames, far too narrow",
    "climatological": "jackknife over winters, t(G-1); for winters like these, from 4 on",
}


def rate_interval(
    events: Array,
    exposure: Array,
    night: NDArray[np.datetime64],
    *,
    method: str = "jackknife",
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[Array, Array]:
    """Return the 95 % interval of the rate ``events.sum(0) / exposure.sum(0)``.

    Parameters
    ----------
    events, exposure : ndarray, (night, ...)
        Frames of the class and frames that count, by night.
    night : ndarray of datetime64, (night,)
        Increasing.
    method : str
        A name in :data:`INTERVALS`.
    resamples, seed : int
        For the bootstrap.

    Returns
    -------
    low, high : ndarray, (...)
        With no event, or nothing but events, the jackknife has no spread to measure: the limits
        are then Clopper-Pearson's for the effective number of nights (climatological: winters).

    Raises
    ------
    UsageError
        If there is no such method.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> events = rng.binomial(100, rng.beta(2, 6, 40)).astype(float)
    >>> night = np.datetime64("2014-01-01") + np.arange(40)
    >>> low, high = rate_interval(events, np.full(40, 100.0), night)
    >>> bool(low < events.sum() / 4000 < high)
    True
    """
    events, exposure = np.asarray(events, dtype=float), np.asarray(exposure, dtype=float)
    if method == "bootstrap":
        return bootstrap_interval(events, exposure, resamples=resamples, seed=seed)
    if method == "cluster":
        return cluster_robust_interval(events, exposure)
    if method == "climatological":
        winter = winter_of(night)
        return climatological_interval(by_cluster(events, winter), by_cluster(exposure, winter))
    frame_methods = {
        "clopper": clopper_pearson_interval,
        "wilson": wilson_interval,
        "jeffreys": jeffreys_interval,
    }
    if method in frame_methods:
        low, high = frame_methods[method](events.sum(axis=0), exposure.sum(axis=0))
        enough = (exposure > 0).sum(axis=0) >= MIN_CLUSTERS
        return np.where(enough, low, np.nan), np.where(enough, high, np.nan)
    if method != "jackknife":
        raise UsageError(f"--interval {method!r}: expected one of {', '.join(INTERVALS)}.")
    ((low, high),) = interval_over_levels(_rate, (events, exposure), night)
    return at_the_edge(low, high, events, exposure)


def _rate(events: Array, exposure: Array) -> tuple[Replicates]:
    return (leave_one_out(events, exposure),)


def at_the_edge(low: Array, high: Array, events: Array, exposure: Array) -> tuple[Array, Array]:
    """Replace limits where there is no event, or nothing but events.

    Parameters
    ----------
    low, high : ndarray, (...)
        Limits that rest on the spread between nights, of which there is none then.
    events, exposure : ndarray, (cluster, ...)
        By night; by winter for limits that rest on winters.

    Returns
    -------
    low, high : ndarray, (...)
        Clopper-Pearson's for the effective number of clusters (Kish), from three clusters on.
    """
    total, frames = events.sum(axis=0), exposure.sum(axis=0)
    edge = (frames > 0) & ((total == 0) | (total == frames))
    edge &= (exposure > 0).sum(axis=0) >= MIN_CLUSTERS
    number = np.broadcast_to(kish(exposure), edge.shape)[edge]
    low, high = np.array(low), np.array(high)
    low[edge], high[edge] = clopper_pearson_interval(np.where(total[edge] > 0, number, 0.0), number)
    return low, high


def false_discovery(p_values: Array) -> Array:
    """Return Benjamini-Hochberg adjusted p values of one declared family; NaN stays NaN.

    Parameters
    ----------
    p_values : ndarray
        Any shape.

    Returns
    -------
    ndarray
        Of the same shape.

    Examples
    --------
    >>> false_discovery(np.array([0.01, 0.04, np.nan])).tolist()
    [0.02, 0.04, nan]
    """
    adjusted = np.full(np.shape(p_values), np.nan)
    there = np.isfinite(p_values)
    if there.any():
        adjusted[there] = stats.false_discovery_control(np.asarray(p_values)[there])
    return adjusted
