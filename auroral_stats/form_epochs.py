"""Which auroral forms come before and after an onset.

A form that appears takes the place of others, lasts a while and gives way to others again. About
the onsets of a form this shows all three: what it follows, how long it is there, and what follows
it. About the onsets of a list it shows what the sky does in a substorm.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from auroral_stats.errors import DataError, UsageError
from auroral_stats.forms import NO_FORM, forms
from auroral_stats.intervals import rate_interval
from auroral_stats.labels import CLASSES, USABLE
from auroral_stats.nights import night_of
from auroral_stats.provenance import combine_simulated, describe, is_simulated
from auroral_stats.uncertainty import by_cluster, ratio

__all__ = ["form_epochs"]


def form_epochs(
    data: xr.Dataset,
    onsets: pd.DataFrame,
    *,
    before: int = 60,
    after: int = 120,
    max_sun_elevation: float | None = -12.0,
    moon: str = "down",
) -> xr.Dataset:
    r"""Return how often each form is seen at each minute from the onset.

    At lag :math:`l` the share of form :math:`c` is :math:`\sum_i [f_i(l) = c] / \sum_i [f_i(l)
    \text{ is a form}]` over the onsets :math:`i`, where :math:`f_i(l)` is the form at the site of
    the onset, so many minutes later. Minutes without a usable frame have none and do not count.

    Parameters
    ----------
    data : xarray.Dataset
        Joined data.
    onsets : pandas.DataFrame
        With ``time`` (UTC) and ``site``; from
        :func:`auroral_stats.onsets.onsets_from_labels` or
        :func:`auroral_stats.onsets.read_onsets`.
    before, after : int
        Minutes.
    max_sun_elevation, moon
        Which minutes have a form, as for :func:`auroral_stats.forms.forms`.

    Returns
    -------
    xarray.Dataset
        Over (label, lag), lag in minutes, label the usable classes: ``share`` with ``share_low``
        and ``share_high`` (95 %, over nights and blocks of nights); over (lag): ``number`` of
        onsets with a form then, and ``nights`` they fall in. The four shares add up to 1. About
        the onsets of a form its own share is 1 at lag 0, and 0 just before, by their definition.

    Raises
    ------
    UsageError
        If the onsets have no time or site, or the minutes are none.
    DataError
        If there is no onset, or one is at a site that the data do not have.

    Examples
    --------
    >>> result = form_epochs(data, onsets_from_labels(data, "discrete"))    # doctest: +SKIP
    >>> result["share"].sel(label="diffuse").plot()                         # doctest: +SKIP
    """
    _check(data, onsets, before, after)
    lag = np.arange(-before, after + 1)
    sky: dict[str, Any] = {"max_sun_elevation": max_sun_elevation, "moon": moon}
    found, night = _forms_at(data, onsets, lag, sky)
    nights, of_night = np.unique(night, return_inverse=True)
    exposure = by_cluster((found != NO_FORM).astype(float), of_night)
    events = np.stack(
        [by_cluster((found == CLASSES.index(c)).astype(float), of_night) for c in USABLE], axis=1
    )
    seen = np.broadcast_to(exposure[:, None], events.shape)
    low, high = rate_interval(events, seen, nights)
    over = ("label", "lag")
    result = xr.Dataset(
        {
            "share": (over, ratio(events.sum(axis=0), seen.sum(axis=0)), {"units": "1"}),
            "share_low": (over, low, {"units": "1"}),
            "share_high": (over, high, {"units": "1"}),
            "number": ("lag", (found != NO_FORM).sum(axis=0), {"units": "onsets"}),
            "nights": ("lag", (exposure > 0).sum(axis=0), {"units": "nights"}),
        },
        coords={"label": list(USABLE), "lag": ("lag", lag, {"units": "min"})},
    )
    flags = {"the joined data": is_simulated(data.attrs)}
    if "simulated" in onsets.attrs:
        flags["the onsets"] = is_simulated({"simulated": onsets.attrs["simulated"]})
    first, last = onsets["time"].min(), onsets["time"].max()
    result.attrs = describe(
        "Auroral forms about onsets",
        parameters={"before": before, "after": after, **sky},
        simulated=combine_simulated(flags),
        onsets=len(onsets),
        onsets_from=onsets.attrs.get("title"),
        onsets_parameters=onsets.attrs.get("parameters"),
        **{
            key: value for key, value in data.attrs.items() if key.startswith(("labels_", "model_"))
        },
        start=f"{first:%Y-%m-%dT%H:%M}Z",
        end=f"{last:%Y-%m-%dT%H:%M}Z",
        selected_sites=",".join(sorted(onsets["site"].astype(str).unique())),
    )
    return result


def _check(data: xr.Dataset, onsets: pd.DataFrame, before: int, after: int) -> None:
    lacking = [name for name in ("time", "site") if name not in onsets]
    if lacking:
        raise UsageError(
            f"onsets: expected a table with the columns time and site; it has no "
            f"{' and no '.join(lacking)}. Forms are those of a site."
        )
    if not (0 <= before <= 1440 and 0 <= after <= 1440 and before + after > 0):
        raise UsageError(f"before {before} and after {after} min: expected 0 to 1440 of each.")
    if onsets.empty:
        raise DataError("there is no onset; relax hold, before or separation, or use more nights.")
    held = [str(name) for name in data["site"].to_numpy()]
    unknown = sorted({str(name) for name in onsets["site"]} - set(held))
    if unknown:
        raise DataError(
            f"onsets at {', '.join(unknown)}, which the joined data do not have; they have "
            f"{', '.join(held)}. Select the onsets, or join these sites too."
        )


def _forms_at(
    data: xr.Dataset, onsets: pd.DataFrame, lag: NDArray[np.int64], sky: dict[str, Any]
) -> tuple[NDArray[np.int8], NDArray[np.datetime64]]:
    """Return the form at each onset and lag, NO_FORM for none, and the night of each onset."""
    time = data["time"].to_numpy().astype("datetime64[m]")
    form = forms(data, **sky)["form"].to_numpy()
    onset = onsets["time"].to_numpy().astype("datetime64[m]")
    at = onset[:, None] + lag
    row = np.searchsorted(time, at).clip(max=time.size - 1)
    site = data.indexes["site"].get_indexer(pd.Index(onsets["site"].astype(str)))[:, None]
    found = np.where(time[row] == at, form[row, site], NO_FORM).astype(np.int8)
    return found, night_of(onset)
