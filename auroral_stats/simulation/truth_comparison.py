"""Rates of the demo world beside the rates that it was made with.

Several results can stand side by side, such as the labels of a classifier and the true labels of
the same frames: what differs between those two is the work of the classifier alone, and what differs
between the second and the truth is chance.

Everything here is simulated.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from auroral_stats.errors import DataError
from auroral_stats.provenance import is_simulated
from auroral_stats.tables import CSV_COLUMNS, to_table

__all__ = ["TRUTH", "beside_truth", "truth_held"]

#: What the column ``source`` says of the truth.
TRUTH = "truth"
#: Half of a 95 % interval in standard errors.
_NORMAL = 1.96


def beside_truth(
    results: Mapping[str, xr.Dataset], truth_rates: str | Path, *, band: str = "all"
) -> pd.DataFrame:
    """Return rates of the demo world and their truth as one tidy table.

    Parameters
    ----------
    results : mapping of str to xarray.Dataset
        Results of :func:`auroral_stats.occurrence.occurrence` by Bz with its own bins, lag and
        window, and what each is called.
    truth_rates : path
        ``truth_rates.csv`` of the world.
    band : str
        Latitude band of the truth: that of the stations in the results, ``"all"`` for all stations
        of the world. Other selections have no truth.

    Returns
    -------
    pandas.DataFrame
        ``source``, then the columns of :data:`auroral_stats.tables.CSV_COLUMNS`; a row for each
        bin and class of each result, and the same of source ``"truth"``. There ``ci_low`` and
        ``ci_high`` are 1.96 standard errors of the simulation away, and counts are missing.

    Raises
    ------
    DataError
        If a result is not simulated or is by another driver or other bins, or the table has no
        such band.

    Examples
    --------
    >>> tidy = beside_truth({"labels": result}, world.truth_rates)     # doctest: +SKIP
    """
    found = pd.read_csv(truth_rates)
    truth = found[found["band"] == band]
    if truth.empty:
        raise DataError(
            f"{truth_rates}: has no band {band!r}; expected one of {', '.join(found['band'].unique())}."
        )
    error = _NORMAL * truth["standard_error"]
    low, high = truth["rate"] - error, truth["rate"] + error
    parts = []
    for name, result in results.items():
        if not is_simulated(result.attrs):
            raise DataError(
                f"{name}: these rates are not simulated; the truth of real ones is not known."
            )
        part = to_table(result)
        if any(set(part[key]) != set(truth[key]) for key in ("driver", "bin")):
            raise DataError(
                f"{name}: rates by {result.attrs['driver']} in other bins than those of {truth_rates}; "
                f"expected {', '.join(truth['driver'].unique())} in its own bins."
            )
        parts.append(part.assign(source=name))
    parts.append(truth.assign(source=TRUTH, ci_low=low, ci_high=high, masked=False))
    columns = ["source", *CSV_COLUMNS]
    return pd.concat([part.reindex(columns=columns) for part in parts], ignore_index=True)


def truth_held(tidy: pd.DataFrame) -> pd.DataFrame:
    """Return in how many bins the interval of each result holds the truth.

    Parameters
    ----------
    tidy : pandas.DataFrame
        From :func:`beside_truth`.

    Returns
    -------
    pandas.DataFrame
        A row for each ``source`` and ``label``: ``bins`` with a rate that passes the gate, ``held``
        of them whose interval holds the rate of the truth, and ``largest``, the difference from the
        truth where it is largest (NaN where no bin passes the gate).

    Examples
    --------
    >>> rows = {"bin": "[0, 2)", "label": "arc", "masked": False}
    >>> found = pd.DataFrame([
    ...     rows | {"source": "labels", "rate": 0.3, "ci_low": 0.2, "ci_high": 0.4},
    ...     rows | {"source": "truth", "rate": 0.25, "ci_low": 0.24, "ci_high": 0.26},
    ... ])
    >>> truth_held(found)[["bins", "held", "largest"]].round(2).values.tolist()
    [[1.0, 1.0, 0.05]]
    """
    true = tidy["source"] == TRUTH
    truth = tidy[true].set_index(["bin", "label"])["rate"].rename("truth")
    rows = tidy[~true].join(truth, on=["bin", "label"])
    away = (rows["rate"] - rows["truth"]).where(~rows["masked"].astype(bool))
    inside = rows["ci_low"].le(rows["truth"]) & rows["ci_high"].ge(rows["truth"]) & away.notna()
    made = [
        {
            "source": source,
            "label": label,
            "bins": int(mine.notna().sum()),
            "held": int(inside[mine.index].sum()),
            "largest": max(mine.dropna(), key=abs, default=np.nan),
        }
        for (source, label), mine in away.groupby([rows["source"], rows["label"]], sort=False)
    ]
    return pd.DataFrame(made)
