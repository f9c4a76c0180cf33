"""Rates for each band of magnetic latitude, kept apart where sites lie in several.

Bands are never pooled for a headline: at high latitude "clear" may mean that the oval is
equatorward. A result that pools them says so in its attributes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from auroral_stats.headline import headline_rates
from auroral_stats.nights import NightCells
from auroral_stats.occurrence_options import OccurrenceOptions
from auroral_stats.sites import band

__all__ = ["with_bands", "with_site_latitudes"]

#: Variables that are given for each latitude band.
_BY_BAND = (
    "rate",
    "ci_low",
    "ci_high",
    "events",
    "exposure",
    "nights",
    "usable_hours",
    "availability",
    "masked",
    "reason",
)


def with_bands(
    result: xr.Dataset,
    cells: NightCells,
    options: OccurrenceOptions,
    site_mlat: Mapping[str, float],
) -> xr.Dataset:
    """Add the rates of each latitude band, where the sites lie in more than one.

    Parameters
    ----------
    result : xarray.Dataset
        Rates of all cells.
    cells : NightCells
    options : OccurrenceOptions
        The gate and the strata hold in each band as they do in all.
    site_mlat : mapping of str to float
        Magnetic latitude of each site, degrees.

    Returns
    -------
    xarray.Dataset
        With ``band_rate`` and what belongs to it over (band, bin[, bin2], label), and the
        attributes ``bands`` (those present, from low to high) and, where ``rate`` pools several,
        ``pooled_bands``. Unchanged if a driver tells the sites apart itself.
    """
    if any(pairing.driver.name in {"site", "mlat"} for pairing in cells.pairings):
        return result
    sites = [str(name) for name in cells.data["site"].to_numpy()]
    of_site = np.array([band(site_mlat[name]) for name in sites])
    of_cell = of_site[cells.data["site_index"].to_numpy()]
    order = np.argsort([abs(site_mlat[name]) for name in sites])
    present = list(dict.fromkeys(str(name) for name in of_site[order]))
    present = [name for name in present if (of_cell == name).any()]
    result = result.assign_attrs(bands=", ".join(present))
    if len(present) < 2:
        return result
    parts = [
        headline_rates(cells.where(of_cell == name), options, contrasts=False)[
            list(_BY_BAND)
        ].rename({key: f"band_{key}" for key in _BY_BAND})
        for name in present
    ]
    bands = xr.concat(parts, dim="band", coords="minimal", compat="override").assign_coords(
        band=present
    )
    merged = result.merge(bands, compat="override", join="override")
    return merged.assign_attrs(pooled_bands=", ".join(present))


def with_site_latitudes(
    result: xr.Dataset, cells: NightCells, site_mlat: Mapping[str, float]
) -> xr.Dataset:
    """Add ``mlat`` to the bins of a result by site.

    Parameters
    ----------
    result : xarray.Dataset
    cells : NightCells
    site_mlat : mapping of str to float
        Magnetic latitude of each site, degrees.

    Returns
    -------
    xarray.Dataset
        With the coordinate ``mlat`` over ``bin`` or ``bin2``, whichever holds the sites; NaN for
        `missing`. Unchanged if no driver is ``site``.
    """
    for dim, pairing in zip(("bin", "bin2"), cells.pairings, strict=False):
        if pairing.driver.name == "site":
            latitude = [site_mlat.get(name, np.nan) for name in pairing.bins.labels]
            attrs = {"units": "degree", "long_name": "mean AACGM latitude over the frames"}
            return result.assign_coords(mlat=(dim, latitude, attrs))
    return result
