"""How often intervals hold the truth of simulated worlds, where the gate would report them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auroral_stats import uncertainty
from auroral_stats.gate import Gate, gate_failures
from auroral_stats.intervals import rate_interval
from auroral_stats.nights import winter_of
from auroral_stats.simulation.worlds import Worlds
from auroral_stats.uncertainty import by_cluster, jackknife_se, kish, leave_one_out

__all__ = ["MEASURED", "Coverage", "by_night", "coverage", "reported", "setting"]

Array = NDArray[np.float64]

#: Cells that pass the gate in a smaller share of the worlds are too few to be measured one by one.
MEASURED = 0.3


@dataclass(frozen=True)
class Coverage:
    """How often reported intervals hold the truth.

    Attributes
    ----------
    mean : float
        Over all reported intervals.
    error : float
        Monte Carlo standard error of the mean; worlds are the clusters.
    lowest : float
        Of the cells that are measured; 1 if there is none.
    cells : int
        Number of cells that are measured.
    width : float
        Median width.
    wide : float
        Share that is wider than 0.9.
    held, shown : ndarray of int, (bin,)
        Number of worlds in which the interval holds the truth, and in which it is reported.
    """

    mean: float
    error: float
    lowest: float
    cells: int
    width: float
    wide: float
    held: NDArray[np.int64]
    shown: NDArray[np.int64]


def by_night(worlds: Worlds) -> tuple[Array, Array]:
    """Return events and exposure as (night, world, bin)."""
    events, exposure = (np.moveaxis(a, 1, 0) for a in (worlds.events, worlds.exposure))
    return events.astype(float), exposure.astype(float)


def reported(worlds: Worlds) -> NDArray[np.bool_]:
    """Return which cells the default gate of ``occurrence`` lets through.

    Parameters
    ----------
    worlds : Worlds

    Returns
    -------
    ndarray of bool, (world, bin)
    """
    events, exposure = by_night(worlds)
    failures = gate_failures(
        Gate(),
        nights=(exposure > 0).sum(axis=0),
        effective_nights=kish(exposure),
        event_nights=(events > 0).sum(axis=0),
        winters=(by_cluster(exposure, winter_of(worlds.night)) > 0).sum(axis=0),
        hours=exposure.sum(axis=0) / (20 * 60),  # 20 frames a minute
    )
    return np.logical_not(np.logical_or.reduce(list(failures.values())))


def coverage(
    worlds: Worlds, method: str = "jackknife", truth: Array | None = None, seed: int = 0
) -> Coverage:
    """Measure how often the reported intervals of one method hold the truth.

    Parameters
    ----------
    worlds : Worlds
    method : str
        A name in :data:`auroral_stats.intervals.INTERVALS`.
    truth : ndarray, ([world, ]bin), optional
        What they should hold; the rate in the winters observed by default.
    seed : int
        Of the bootstrap.

    Returns
    -------
    Coverage

    Examples
    --------
    >>> from auroral_stats.simulation.worlds import SCENARIOS, simulate_worlds
    >>> found = coverage(simulate_worlds(SCENARIOS[0], worlds=100, nights=60))
    >>> found.mean > 0.9
    True
    """
    low, high = rate_interval(*by_night(worlds), worlds.night, method=method, seed=seed)
    truth = worlds.truth if truth is None else truth
    shown = reported(worlds) & np.isfinite(high)
    held = shown & (low <= truth) & (truth <= high)
    mean = leave_one_out(held.sum(axis=1).astype(float), shown.sum(axis=1).astype(float))
    often, width = shown.mean(axis=0) >= MEASURED, (high - low)[shown]
    return Coverage(
        mean=float(mean.value),
        error=float(jackknife_se(mean)),
        lowest=float((held.sum(axis=0) / shown.sum(axis=0).clip(1))[often].min(initial=1.0)),
        cells=int(often.sum()),
        width=float(np.median(width)),
        wide=float(np.mean(width > 0.9)),
        held=held.sum(axis=0),
        shown=shown.sum(axis=0),
    )


@contextmanager
def setting(name: str, value: Any) -> Iterator[None]:
    """Give a constant of :mod:`auroral_stats.uncertainty` another value for a while.

    Examples
    --------
    >>> with setting("MIN_BLOCK_DF", 1.0):
    ...     print(uncertainty.MIN_BLOCK_DF)
    1.0
    """
    usual = getattr(uncertainty, name)
    setattr(uncertainty, name, value)
    try:
        yield
    finally:
        setattr(uncertainty, name, usual)
