"""Results as tidy tables and files: CSV for spreadsheets, JSON and netCDF with everything.

Each file is written under a temporary name and moved into place, so that a table is either whole
or not there.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from auroral_stats.provenance import is_simulated
from auroral_stats.whole_file import write_whole

__all__ = ["CSV_COLUMNS", "records", "to_table", "write_csv", "write_json", "write_netcdf"]

_FIRST = ("driver", "bin", "lower", "upper")
_SECOND = ("driver2", "bin2", "lower2", "upper2")
_NUMBERS = (
    "label",
    "rate",
    "ci_low",
    "ci_high",
    "events",
    "exposure",
    "nights",
    "availability",
    "masked",
    "simulated",
)

#: Columns of the CSV for one driver; for two, ``driver2 ... upper2`` follow ``upper``.
CSV_COLUMNS = (*_FIRST, *_NUMBERS)


def to_table(result: xr.Dataset, *, everything: bool = False) -> pd.DataFrame:
    """Return a result as one row for each bin and class.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`auroral_stats.occurrence.occurrence`.
    everything : bool, default False
        Whether to keep all variables, or only the columns of the CSV.

    Returns
    -------
    pandas.DataFrame
        Columns :data:`CSV_COLUMNS`; ``lower`` and ``upper`` are NaN for categories and for
        `missing`. With ``everything``, the further variables follow.
    """
    dims = [dim for dim in ("bin", "bin2") if dim in result.dims]
    order = [*dims, "label"]
    names = [
        str(name) for name, variable in result.data_vars.items() if set(variable.dims) <= {*order}
    ]
    table = result[names].to_dataframe(dim_order=order).reset_index()
    table["driver"] = result.attrs["driver"]
    if "bin2" in dims:
        table["driver2"] = result.attrs["driver2"]
    table["simulated"] = is_simulated(result.attrs)
    columns = [*_FIRST, *(_SECOND if "bin2" in dims else ()), *_NUMBERS]
    table["masked"] = table["masked"].astype(bool)
    rest = [name for name in table.columns if name not in columns] if everything else []
    return table[[*columns, *rest]]


def write_csv(result: xr.Dataset, path: str | Path) -> Path:
    """Write the columns of :data:`CSV_COLUMNS`, without comment lines.

    Parameters
    ----------
    result : xarray.Dataset
    path : path

    Returns
    -------
    Path

    Raises
    ------
    ArchiveError
        If it cannot be written; nothing is left behind.
    """
    table = to_table(result)
    return write_whole(path, lambda file: table.to_csv(file, index=False))


def write_json(result: xr.Dataset, path: str | Path) -> Path:
    """Write all variables row by row, the latitude bands and the provenance.

    Parameters
    ----------
    result : xarray.Dataset
    path : path

    Returns
    -------
    Path

    Raises
    ------
    ArchiveError
        If it cannot be written; nothing is left behind.
    """
    content: dict[str, Any] = {
        "provenance": {key: str(value) for key, value in result.attrs.items()},
        "units": {
            str(name): variable.attrs["units"]
            for name, variable in result.data_vars.items()
            if "units" in variable.attrs
        },
        "rows": records(to_table(result, everything=True)),
    }
    if "band" in result.dims:
        bands = result[[name for name in result.data_vars if "band" in result[name].dims]]
        content["bands"] = records(bands.to_dataframe().reset_index())
    if "overall_rate" in result:
        overall = result[["overall_rate", "overall_low", "overall_high"]]
        content["overall"] = records(overall.to_dataframe().reset_index())
    text = json.dumps(content, indent=1, allow_nan=False)
    return write_whole(path, lambda file: file.write_text(text + "\n", encoding="utf-8"))


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as JSON can hold them: null for what is missing, text for open ends.

    Parameters
    ----------
    table : pandas.DataFrame

    Returns
    -------
    list of dict
    """

    def plain(value: Any) -> Any:
        if isinstance(value, (np.bool_, bool)):
            return bool(value)
        if isinstance(value, np.integer):
            return int(value)
        if isinstance(value, (float, np.floating)):
            if np.isnan(value):
                return None
            return float(value) if np.isfinite(value) else str(float(value))
        return value

    return [
        {str(key): plain(value) for key, value in row.items()} for row in table.to_dict("records")
    ]


def write_netcdf(result: xr.Dataset, path: str | Path) -> Path:
    """Write the result as it is, provenance in the attributes.

    Parameters
    ----------
    result : xarray.Dataset
    path : path

    Returns
    -------
    Path

    Raises
    ------
    ArchiveError
        If it cannot be written; nothing is left behind.
    """
    return write_whole(path, lambda file: _to_netcdf(result, file))


def _to_netcdf(result: xr.Dataset, file: Path) -> None:
    try:
        result.to_netcdf(file, engine="netcdf4")
    except RuntimeError as error:
        # This is how the netCDF library reports a full disk.
        raise OSError(str(error)) from error
