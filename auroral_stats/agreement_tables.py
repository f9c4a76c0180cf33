"""Agreement of two label stores as a tidy table and as files.

The CSV has one row a group and measure, and for the matrix one row a pair of classes, without
comment lines; JSON and netCDF hold everything, with what was compared and how. Each file is whole or
not there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from auroral_stats.errors import UsageError
from auroral_stats.provenance import is_simulated
from auroral_stats.tables import records, write_netcdf
from auroral_stats.whole_file import write_whole

__all__ = [
    "AGREEMENT_COLUMNS",
    "agreement_table",
    "check_agreement",
    "write_csv",
    "write_json",
    "write_netcdf",
]

#: Columns of the CSV.
AGREEMENT_COLUMNS = (
    "labels_a",
    "labels_b",
    "by",
    "value",
    "measure",
    "label_a",
    "label_b",
    "estimate",
    "ci_low",
    "ci_high",
    "frames",
    "nights",
    "simulated",
)


def check_agreement(result: xr.Dataset) -> None:
    """Refuse what is no result of :func:`auroral_stats.agreement.agreement`.

    Parameters
    ----------
    result : xarray.Dataset

    Raises
    ------
    UsageError
        If it is something else.
    """
    if "kappa" not in result or not {"group", "label_a", "label_b"} <= set(result.dims):
        raise UsageError("expected a result of auroral_stats.agreement.agreement; this is none.")


def agreement_table(result: xr.Dataset) -> pd.DataFrame:
    """Return agreement as one row a group and measure.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`auroral_stats.agreement.agreement`.

    Returns
    -------
    pandas.DataFrame
        Columns :data:`AGREEMENT_COLUMNS`. ``measure`` is ``agreement``, ``chance`` or ``kappa``, of
        ``frames`` in both stores; ``class_agreement`` of one class, with the frames that both
        labels give it; ``share``, a cell of the matrix over the frames of its row, with the
        ``frames`` in it; ``alone_a``, ``alone_b`` or ``left_out``, which have ``frames`` alone.

    Raises
    ------
    UsageError
        If it is no such result.
    """
    check_agreement(result)
    rows = [row for group in range(result.sizes["group"]) for row in _rows(result, group)]
    table = pd.DataFrame(rows)
    for end in ("a", "b"):
        table[f"labels_{end}"] = result.attrs[f"name_{end}"]
    table["simulated"] = is_simulated(result.attrs)
    return table[list(AGREEMENT_COLUMNS)]


def _rows(result: xr.Dataset, group: int) -> Iterator[dict[str, Any]]:
    """Yield the rows of one group."""
    one = result.isel(group=group)
    where = {"by": str(one["by"].item()), "value": str(one["value"].item())}
    nights = int(one["nights"])

    def row(
        measure: str, frames: int, estimate: float, *labels: str, **ends: float
    ) -> dict[str, Any]:
        limits = {f"ci_{end}": ends.get(end, np.nan) for end in ("low", "high")}
        named = dict(zip(("label_a", "label_b"), labels or ("", ""), strict=True))
        found = {"measure": measure, "estimate": estimate, "frames": frames, "nights": nights}
        return where | found | named | limits

    for measure in ("agreement", "chance", "kappa"):
        ends = {
            end: float(one[f"{measure}_{end}"])
            for end in ("low", "high")
            if f"{measure}_{end}" in one
        }
        yield row(measure, int(one["frames"]), float(one[measure]), **ends)
    for name in map(str, result["label"].to_numpy()):
        cell = one.sel(label=name)
        ends = {end: float(cell[f"class_agreement_{end}"]) for end in ("low", "high")}
        both = int(one["counts"].sel(label_a=name, label_b=name))
        yield row("class_agreement", both, float(cell["class_agreement"]), name, name, **ends)
    for a in map(str, result["label_a"].to_numpy()):
        for b in map(str, result["label_b"].to_numpy()):
            pair = {"label_a": a, "label_b": b}
            yield row("share", int(one["counts"].sel(pair)), float(one["share"].sel(pair)), a, b)
    for measure in ("alone_a", "alone_b", "left_out"):
        yield row(measure, int(one[measure]), np.nan)


def write_csv(result: xr.Dataset, path: str | Path) -> Path:
    """Write the columns of :data:`AGREEMENT_COLUMNS`.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`auroral_stats.agreement.agreement`.
    path : path

    Returns
    -------
    Path

    Raises
    ------
    UsageError
        If it is no such result.
    ArchiveError
        If it cannot be written; nothing is left behind.
    """
    table = agreement_table(result)
    return write_whole(path, lambda file: table.to_csv(file, index=False))


def write_json(result: xr.Dataset, path: str | Path) -> Path:
    """Write the rows of the table, and the provenance.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`auroral_stats.agreement.agreement`.
    path : path

    Returns
    -------
    Path

    Raises
    ------
    UsageError
        If it is no such result.
    ArchiveError
        If it cannot be written; nothing is left behind.
    """
    content = {
        "provenance": {key: str(value) for key, value in result.attrs.items()},
        "rows": records(agreement_table(result)),
    }
    text = json.dumps(content, indent=1, allow_nan=False)
    return write_whole(path, lambda file: file.write_text(text + "\n", encoding="utf-8"))
