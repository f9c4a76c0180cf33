"""Geoeffectiveness and superposed epochs as tidy tables and files.

The CSV has one row a threshold and class, or a quantity and lag, and no comment lines; JSON and
netCDF hold everything. Each file is whole or not there.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from auroral_stats.errors import UsageError
from auroral_stats.provenance import is_simulated, parameters_of
from auroral_stats.tables import records, write_netcdf
from auroral_stats.whole_file import write_whole

__all__ = [
    "EFFECT_COLUMNS",
    "EPOCH_COLUMNS",
    "effect_table",
    "epoch_table",
    "is_effect",
    "is_epoch",
    "masked_reasons",
    "write_csv",
    "write_json",
    "write_netcdf",
]

#: Columns of the CSV of geoeffectiveness. What belongs to a class stands in each of its rows.
EFFECT_COLUMNS = (
    "measure",
    "threshold",
    "units",
    "label",
    "control",
    "mediator",
    "exceedance",
    "ci_low",
    "ci_high",
    "control_exceedance",
    "crude_exceedance",
    "crude_control_exceedance",
    "risk_ratio",
    "rr_low",
    "rr_high",
    "crude_risk_ratio",
    "crude_rr_low",
    "crude_rr_high",
    "events",
    "control_events",
    "minutes",
    "matched_minutes",
    "matched_control_minutes",
    "nights",
    "share_retained",
    "strata",
    "largest_smd",
    "median_difference",
    "median_difference_low",
    "median_difference_high",
    "cliffs_delta",
    "cliffs_delta_low",
    "cliffs_delta_high",
    "masked",
    "reason",
    "simulated",
)

#: Columns of the CSV of superposed epochs.
EPOCH_COLUMNS = (
    "of",
    "units",
    "lag",
    "mean",
    "ci_low",
    "ci_high",
    "median",
    "band_low",
    "band_high",
    "random_mean",
    "number",
    "nights",
    "simulated",
)

#: Names in the CSV, by those in the result.
_SHORT = {
    "exceedance_low": "ci_low",
    "exceedance_high": "ci_high",
    "risk_ratio_low": "rr_low",
    "risk_ratio_high": "rr_high",
    "crude_risk_ratio_low": "crude_rr_low",
    "crude_risk_ratio_high": "crude_rr_high",
}


def is_effect(result: xr.Dataset) -> bool:
    """Return whether a result is from :func:`auroral_stats.geoeffectiveness.geoeffectiveness`."""
    return "risk_ratio" in result and "threshold" in result.dims and "measure" in result.attrs


def is_epoch(result: xr.Dataset) -> bool:
    """Return whether a result is from :func:`auroral_stats.epochs.epochs`."""
    return "mean" in result and {"of", "lag"} <= set(result.dims)


def masked_reasons(result: xr.Dataset) -> tuple[int, list[str]]:
    """Return how many rows of geoeffectiveness are masked, and the conditions that they fail.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`auroral_stats.geoeffectiveness.geoeffectiveness`.

    Returns
    -------
    rows : int
    reasons : list of str
    """
    masked = result["masked"].to_numpy().astype(bool)
    texts = result["reason"].to_numpy()[masked]
    found = {part for text in texts for part in str(text).split("; ") if part}
    return int(masked.sum()), sorted(found)


def effect_table(result: xr.Dataset, *, everything: bool = False) -> pd.DataFrame:
    """Return geoeffectiveness as one row for each class and threshold.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`auroral_stats.geoeffectiveness.geoeffectiveness`.
    everything : bool, default False
        Whether to keep all variables over class and threshold under their own names, or only
        the columns of the CSV.

    Returns
    -------
    pandas.DataFrame
        Columns :data:`EFFECT_COLUMNS`. Exceedances are shares of minutes, ``ci_low`` and
        ``ci_high`` belong to the matched one; differences of medians are in ``units``; the
        matched minutes that exceed are ``events`` and ``control_events``; ``mediator`` is empty
        unless it is a mediator analysis. Masked rows keep every number.
    """
    table = _rows(result, ("label", "threshold"))
    table["measure"] = result.attrs["measure"]
    table["units"] = result.attrs["measure_units"]
    table["control"] = parameters_of(result.attrs)["control"]
    table["mediator"] = result.attrs.get("mediator", "")
    table["simulated"] = is_simulated(result.attrs)
    table["masked"] = table["masked"].astype(bool)
    if everything:
        first = ["measure", "threshold", "units", "label", "control", "mediator"]
        last = ["masked", "reason", "simulated"]
        return table[[*first, *table.columns.difference([*first, *last], sort=False), *last]]
    return table.rename(columns=_SHORT)[list(EFFECT_COLUMNS)]


def epoch_table(result: xr.Dataset) -> pd.DataFrame:
    """Return superposed epochs as one row for each quantity and lag.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`auroral_stats.epochs.epochs`.

    Returns
    -------
    pandas.DataFrame
        Columns :data:`EPOCH_COLUMNS`: ``lag`` in minutes, ``ci_low`` and ``ci_high`` of the mean,
        ``band_low`` and ``band_high`` of the means of random epochs (missing without a band),
        ``number`` of onsets with data.
    """
    table = _rows(result, ("of", "lag"))
    table["units"] = result["units"].sel(of=table["of"].to_numpy()).to_numpy()
    table["simulated"] = is_simulated(result.attrs)
    table = table.rename(columns={"mean_low": "ci_low", "mean_high": "ci_high"})
    return table.reindex(columns=list(EPOCH_COLUMNS))


def _rows(result: xr.Dataset, order: tuple[str, str]) -> pd.DataFrame:
    """Return the variables over two dimensions, or one of them, row by row."""
    names = [str(name) for name, part in result.data_vars.items() if set(part.dims) <= {*order}]
    held = result[names].reset_coords(drop=True)
    return held.to_dataframe(dim_order=list(order)).reset_index()


def write_csv(result: xr.Dataset, path: str | Path) -> Path:
    """Write the columns of :data:`EFFECT_COLUMNS` or :data:`EPOCH_COLUMNS`.

    Parameters
    ----------
    result : xarray.Dataset
        Geoeffectiveness or superposed epochs.
    path : path

    Returns
    -------
    Path

    Raises
    ------
    UsageError
        If it is neither of the two.
    ArchiveError
        If it cannot be written; nothing is left behind.
    """
    _check(result)
    table = effect_table(result) if is_effect(result) else epoch_table(result)
    return write_whole(path, lambda file: table.to_csv(file, index=False))


def write_json(result: xr.Dataset, path: str | Path) -> Path:
    """Write everything: rows as in the CSV and more, balance, curves, baselines, provenance.

    Parameters
    ----------
    result : xarray.Dataset
        Geoeffectiveness or superposed epochs.
    path : path

    Returns
    -------
    Path

    Raises
    ------
    UsageError
        If it is neither of the two.
    ArchiveError
        If it cannot be written; nothing is left behind.
    """
    _check(result)
    content: dict[str, Any] = {
        "provenance": {key: str(value) for key, value in result.attrs.items()},
        "units": {
            str(name): part.attrs["units"]
            for name, part in result.variables.items()
            if "units" in part.attrs
        },
    }
    if is_epoch(result):
        content["rows"] = records(epoch_table(result))
    else:
        content["rows"] = records(effect_table(result, everything=True))
        for name, dims in (
            ("balance", ("label", "covariate", "when")),
            ("curves", ("label", "x")),
            ("baselines", ("baseline", "label", "threshold")),
        ):
            held = [str(n) for n, part in result.data_vars.items() if set(part.dims) == {*dims}]
            if held:
                part = result[held].to_dataframe(dim_order=list(dims)).reset_index()
                content[name] = records(part)
    text = json.dumps(content, indent=1, allow_nan=False)
    return write_whole(path, lambda file: file.write_text(text + "\n", encoding="utf-8"))


def _check(result: xr.Dataset) -> None:
    if not (is_effect(result) or is_epoch(result)):
        raise UsageError(
            "this is neither geoeffectiveness nor superposed epochs; for rates use "
            "auroral_stats.tables."
        )
