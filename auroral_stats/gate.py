"""The gate: what a rate must rest on before it is shown as a result.

A row that fails keeps every number; it is masked, and the conditions that it fails are named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

__all__ = ["Gate", "gate_failures", "mask_rates", "mask_where"]


@dataclass(frozen=True)
class Gate:
    """What a rate must rest on before it is shown as a result.

    Attributes
    ----------
    min_nights : int
        Nights with exposure. Half as many effective nights (Kish) and a quarter as many nights
        with the class are asked for too.
    min_hours : float
        Usable station-hours: distinct usable site-minutes / 60.
    min_winters : int
    min_sites : int
        Applies where several sites are pooled.
    """

    min_nights: int = 20
    min_hours: float = 10.0
    min_winters: int = 2
    min_sites: int = 3


def gate_failures(
    gate: Gate,
    *,
    nights: Any,
    effective_nights: Any,
    event_nights: Any,
    winters: Any,
    hours: Any = None,
    sites: Any = None,
) -> dict[str, Any]:
    """Return where each condition of the gate fails.

    Parameters
    ----------
    gate : Gate
    nights, effective_nights, event_nights, winters : array
        What the rates rest on; see :class:`Gate`.
    hours, sites : array, optional
        The same; None where the condition does not apply.

    Returns
    -------
    dict of str to array of bool
        The condition that fails, in words, and where it does.

    Examples
    --------
    >>> few = gate_failures(Gate(), nights=30, effective_nights=9.5, event_nights=5, winters=2)
    >>> [name for name, fails in few.items() if fails]
    ['effective nights<10']
    """
    failures = {
        f"nights<{gate.min_nights}": nights < gate.min_nights,
        f"effective nights<{gate.min_nights // 2}": effective_nights < gate.min_nights // 2,
        f"event nights<{gate.min_nights // 4}": event_nights < gate.min_nights // 4,
    }
    if hours is not None:
        failures[f"hours<{gate.min_hours:g}"] = hours < gate.min_hours
    failures[f"winters<{gate.min_winters}"] = winters < gate.min_winters
    if sites is not None:
        failures[f"sites<{gate.min_sites}"] = sites < gate.min_sites
    return failures


def mask_rates(result: xr.Dataset, gate: Gate, *, pooled: bool) -> xr.Dataset:
    """Add ``masked`` and ``reason`` to rates.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`auroral_stats.rates.rates`.
    gate : Gate
    pooled : bool
        Whether a row holds frames of several sites.

    Returns
    -------
    xarray.Dataset
        ``masked``: whether a rate fails the gate or does not exist; ``reason``: the conditions
        that it fails, separated by ``"; "``.
    """
    empty = result["rate"].isnull()
    made = result.assign(
        masked=empty, reason=xr.full_like(result["rate"], "", dtype=object).astype(str)
    )
    made["masked"].attrs, made["reason"].attrs = {}, {}
    failures = gate_failures(
        gate,
        nights=result["nights"],
        effective_nights=result["effective_nights"],
        event_nights=result["event_nights"],
        winters=result["winters"],
        hours=result["usable_hours"],
        sites=result["sites"] if pooled else None,
    )
    for name, fails in failures.items():
        made = mask_where(made, name, fails)
    return mask_where(made, "no frames", empty & (made["reason"] == ""))


def mask_where(result: xr.Dataset, name: str, fails: xr.DataArray) -> xr.Dataset:
    """Mask further rates, and name the condition that they fail.

    Parameters
    ----------
    result : xarray.Dataset
        With ``masked`` and ``reason``.
    name : str
        The condition in words.
    fails : xarray.DataArray of bool
        Over some of the dimensions of ``masked``.

    Returns
    -------
    xarray.Dataset
    """
    dims = result["masked"].dims
    where = fails.broadcast_like(result["masked"]).transpose(*dims).to_numpy()
    before = result["reason"].to_numpy().astype(object)
    joined = np.where(before == "", name, before + "; " + name)
    return result.assign(
        masked=(dims, result["masked"].to_numpy() | where),
        reason=(dims, np.where(where, joined, before).astype(str)),
    )
