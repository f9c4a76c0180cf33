"""The rates of a set of cells as they are headlined: gated, and standardised where asked for.

One call serves the table as a whole and each latitude band alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import xarray as xr

from auroral_stats.gate import mask_rates, mask_where
from auroral_stats.labels import CLASSES, USABLE_INDEX
from auroral_stats.nights import NightCells
from auroral_stats.occurrence_options import OccurrenceOptions
from auroral_stats.rates import has_value, rates, wrap
from auroral_stats.standardise import standardised_rates, stratum_of

__all__ = ["MIN_WEIGHT", "headline_rates", "with_standardised"]

#: A standardised rate whose strata hold less of the weight speaks for another mix: it is masked.
MIN_WEIGHT = 0.8


def headline_rates(
    cells: NightCells, options: OccurrenceOptions, *, contrasts: bool = True
) -> xr.Dataset:
    """Return the rates with ``masked`` and ``reason``, standardised if the options say so.

    Parameters
    ----------
    cells : NightCells
    options : OccurrenceOptions
    contrasts : bool
        Whether lift and risk ratio are wanted too.

    Returns
    -------
    xarray.Dataset
        Of :func:`auroral_stats.rates.rates`. With ``options.standardise``, ``rate`` and its
        interval are the standardised ones, masked where the strata seen hold too little of the
        weight, and ``crude_rate``, ``crude_ci_low`` and ``crude_ci_high`` keep the others.
    """
    chosen = replace(options.rates, contrasts=contrasts)
    result = mask_rates(rates(cells, chosen), options.gate, pooled=_pooled(cells))
    if not options.standardise:
        return result
    result = with_standardised(result, cells, options.standardise, tuple(options.labels))
    for ours, theirs in (("rate", ""), ("ci_low", "_low"), ("ci_high", "_high")):
        result[f"crude_{ours}"] = result[ours]
        result[ours] = result[f"rate_standardised{theirs}"]
    return mask_where(result, f"weight<{MIN_WEIGHT}", result["standardised_weight"] < MIN_WEIGHT)


def _pooled(cells: NightCells) -> bool:
    """Return whether a row holds frames of several sites."""
    by_site = any(pairing.driver.name == "site" for pairing in cells.pairings)
    return not by_site and np.unique(cells.data["site_index"].to_numpy()).size > 1


def with_standardised(
    result: xr.Dataset, cells: NightCells, strata: Sequence[str], labels: tuple[str, ...]
) -> xr.Dataset:
    """Add ``rate_standardised`` with its interval, and ``standardised_weight``.

    Parameters
    ----------
    result : xarray.Dataset
        Rates of the same cells.
    cells : NightCells
    strata : sequence of str
        Names in :data:`auroral_stats.standardise.STRATA`.
    labels : tuple of str

    Returns
    -------
    xarray.Dataset
    """
    data = cells.data
    counts = data["counts"].to_numpy().astype(float)
    rate, low, high, weight = standardised_rates(
        counts[:, [CLASSES.index(name) for name in labels]],
        counts[:, USABLE_INDEX].sum(axis=1),
        night=data["night"].to_numpy()[data["night_index"].to_numpy()].astype("datetime64[D]"),
        row=data["bin_index"].to_numpy().astype(np.int64),
        stratum=stratum_of(data, strata),
        rows=int(np.prod(cells.shape)),
        in_range=has_value(cells),
    )
    result = result.copy()
    for name, values in (("", rate), ("_low", low), ("_high", high)):
        result[f"rate_standardised{name}"] = wrap(cells, values, labels)
    result["standardised_weight"] = wrap(cells, weight)
    result["rate_standardised"].attrs["strata"] = ", ".join(strata)
    return result
