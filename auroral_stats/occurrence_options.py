"""What can be chosen about occurrence rates, in one place, and what no data could satisfy.

The same frozen options serve the Python functions, the command line and the attributes of a
result. Whatever can be told from names and numbers alone is checked before any data are read,
for a join may take minutes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from auroral_stats.bins import bins_from_edges, quantile_bins
from auroral_stats.drivers import Driver, default_lag_window, find_driver
from auroral_stats.errors import UsageError
from auroral_stats.gate import Gate
from auroral_stats.intervals import INTERVALS, bootstrap_interval
from auroral_stats.labels import AURORAL, CLASSES, USABLE
from auroral_stats.lagging import lagged
from auroral_stats.pairing import MOST_ROWS
from auroral_stats.rates import RateOptions
from auroral_stats.standardise import STRATA

__all__ = ["DENOMINATORS", "HEADLINE_LABELS", "Moon", "OccurrenceOptions", "check_options"]

Moon = Literal["down", "any"]

#: What ``--denominator`` accepts, and the rate that each makes.
DENOMINATORS = {
    "usable": "N(class, bin) / N(usable, bin): how often the form is seen when the sky can be seen",
    "all": "N(class, bin) / N(dark, bin): includes cloud and moonlight, so it maps the weather too",
    "reverse": "N(class, bin) / N(class): how the frames of a form are shared out among the bins",
}

#: What ``--label`` means if it is not given.
HEADLINE_LABELS = (*AURORAL, "clear")


@dataclass(frozen=True)
class OccurrenceOptions:
    """Everything that can be chosen about occurrence rates, but the drivers.

    Attributes
    ----------
    labels, denominator, bins, lag, window, max_sun_elevation, moon, interval, bootstrap, seed, \
gate, standardise
        As in :func:`auroral_stats.occurrence.occurrence`.
    """

    labels: Sequence[str] = HEADLINE_LABELS
    denominator: str = "usable"
    bins: Sequence[Sequence[float] | int | None] | None = None
    lag: int | None = None
    window: int | None = None
    max_sun_elevation: float | None = -12.0
    moon: Moon = "down"
    interval: str = "jackknife"
    bootstrap: int = 1000
    seed: int = 0
    gate: Gate = field(default_factory=Gate)
    standardise: Sequence[str] = ()

    @property
    def rates(self) -> RateOptions:
        """What a rate is of, and how its interval is made."""
        return RateOptions(
            tuple(self.labels), self.denominator, self.interval, self.bootstrap, self.seed
        )

    def parameters(self) -> dict[str, Any]:
        """Return what a result keeps of the options; None for what did not matter.

        Examples
        --------
        >>> OccurrenceOptions(seed=7).parameters()["seed"] is None
        True
        """
        kept = asdict(self)
        if self.interval != "bootstrap":
            kept |= {"bootstrap": None, "seed": None}
        return kept


def check_options(
    by: Sequence[str | Driver],
    options: OccurrenceOptions,
    cadences: Mapping[str, int] | None = None,
) -> list[Driver]:
    """Refuse what no data could satisfy, before any are read.

    Parameters
    ----------
    by : sequence of str or Driver
    options : OccurrenceOptions
    cadences : mapping of str to int, optional
        Minutes between the values of drivers from each origin (``omni``, ``hourly``, ``kp``), as
        far as known.

    Returns
    -------
    list of Driver

    Raises
    ------
    UsageError
        If a name is not known, a class has no rate with this denominator, or options do not go
        together.

    Examples
    --------
    >>> check_options(["Bz"], OccurrenceOptions(window=90), {"omni": 60})
    Traceback (most recent call last):
    ...
    auroral_stats.errors.UsageError: window 90 min is not a multiple of the driver's cadence ...
    """
    drivers = [find_driver(item) if isinstance(item, str) else item for item in by]
    names = [driver.name for driver in drivers]
    if not 1 <= len(drivers) <= 2:
        raise UsageError(f"--by takes one or two drivers; got {len(drivers)}.")
    if len(set(names)) < len(names):
        raise UsageError(f"--by {names[0]} is given twice; expected two different drivers.")
    _check_names(options)
    _check_standardise(options, names)
    _check_bins(drivers, options.bins)
    _check_lag(drivers, options.lag, options.window, cadences or {})
    return drivers


def _check_names(options: OccurrenceOptions) -> None:
    if options.denominator not in DENOMINATORS:
        raise UsageError(
            f"--denominator {options.denominator!r}: expected one of {', '.join(DENOMINATORS)}."
        )
    if options.interval not in INTERVALS:
        raise UsageError(
            f"--interval {options.interval!r}: expected one of {', '.join(INTERVALS)}."
        )
    if options.interval == "bootstrap":
        # Of no night at all, it refuses what it would refuse of many.
        none = np.empty((0, 1))
        bootstrap_interval(none, none, resamples=options.bootstrap, seed=options.seed)
    if options.moon not in {"down", "any"}:
        raise UsageError(f"--moon {options.moon!r}: expected 'down' or 'any'.")
    sun = options.max_sun_elevation
    if sun is not None and not -90 <= sun <= 90:
        raise UsageError(f"--max-sun-elevation {sun:g}: expected -90 to 90 degrees.")
    labels = options.labels
    unknown = [name for name in labels if name not in CLASSES]
    if unknown or not labels:
        raise UsageError(
            f"--label {', '.join(unknown) or 'nothing'}: expected any of {', '.join(CLASSES)}."
        )
    if len(set(labels)) < len(labels):
        raise UsageError(f"--label {', '.join(labels)}: a class is given twice.")
    lost = [name for name in labels if name not in USABLE]
    if lost and options.denominator == "usable":
        raise UsageError(
            f"--label {', '.join(lost)} is not among the usable classes ({', '.join(USABLE)}), "
            "so it has no rate among them; use --denominator all."
        )


def _check_standardise(options: OccurrenceOptions, names: Sequence[str]) -> None:
    strata = options.standardise
    if not strata:
        return
    unknown = [name for name in strata if name not in STRATA]
    if unknown:
        raise UsageError(
            f"--standardise {','.join(unknown)}: expected one or more of {', '.join(STRATA)}."
        )
    if options.denominator != "usable":
        raise UsageError(
            f"--standardise needs --denominator usable; got {options.denominator}. "
            "Leave one of them out."
        )
    if options.interval != "jackknife":
        raise UsageError(
            "--standardise has jackknife intervals only; got --interval "
            f"{options.interval}. Leave one of them out."
        )
    itself = set(names) & set(strata)
    if itself:
        raise UsageError(
            f"--standardise {', '.join(sorted(itself))} would hold fixed what --by varies; "
            "choose another stratum."
        )


def _check_bins(
    drivers: Sequence[Driver], bins: Sequence[Sequence[float] | int | None] | None
) -> None:
    specs = [None] * len(drivers) if bins is None else list(bins)
    if len(specs) != len(drivers):
        raise UsageError(f"{len(specs)} sets of bins for {len(drivers)} drivers; expected as many.")
    rows = []
    for driver, spec in zip(drivers, specs, strict=True):
        if spec is None:
            continue
        if isinstance(spec, int):
            if not driver.edges or driver.circular:
                raise UsageError(
                    f"--quantiles does not apply to {driver.name}, which is "
                    f"{'circular' if driver.circular else 'categorical'}; "
                    "leave it out or use --bins."
                )
            # Of two numbers, it refuses the count that it would refuse of many.
            quantile_bins([0.0, 1.0], [1.0, 1.0], spec)
            rows.append(spec)
        elif not driver.edges:
            raise UsageError(
                f"--bins does not apply to {driver.name}, which is categorical; leave it out."
            )
        else:
            rows.append(len(bins_from_edges(spec, period=driver.period)))
    if math.prod(rows) > MOST_ROWS:
        raise UsageError(
            f"{' x '.join(map(str, rows))} bins make a table of {math.prod(rows):,} rows; "
            f"expected at most {MOST_ROWS:,}. Use wider --bins, fewer --quantiles, or one driver."
        )


def _check_lag(
    drivers: Sequence[Driver], lag: int | None, window: int | None, cadences: Mapping[str, int]
) -> None:
    """Refuse what :func:`auroral_stats.pairing.pair` would refuse of these lags."""
    kinds = [kind for kind in ("solar wind", "index") if kind in {d.kind for d in drivers}]
    if not kinds:
        if lag or window:
            raise UsageError(
                f"--lag and --window do not apply to {' and '.join(d.name for d in drivers)}, "
                "which belong to the frame itself; leave them out."
            )
        return
    no_values, no_times = np.empty(0), np.empty(0, "M8[m]")
    for driver in drivers:
        if driver.kind != kinds[0]:
            continue
        cadence = cadences.get(driver.origin)
        usual = (0, 0) if cadence is None else default_lag_window(driver, cadence)
        chosen = usual[0] if lag is None else lag
        width = usual[1] if window is None or cadence is None else window
        # Of no value at all, it refuses what it would refuse of many.
        lagged(no_values, no_times, no_times, cadence=cadence or 1, lag=chosen, window=width)
