"""Superposed epochs in the terminal: what was superposed, a table of each quantity, and notes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.text import Text

from auroral_stats.folded_table import Column, FoldedTable
from auroral_stats.provenance import parameters_of
from auroral_stats.screen_effects import INTERVAL_NOTES, decimals_for, heading, selection

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["describe_epochs", "epoch_notes", "epoch_tables"]

_NO_VALUE = "-"
#: Lags that are printed, where the epoch reaches so far.
_LAGS = (0, 5, 10, 20, 30, 60, 90, 120, 180, 360, 720, 1440, 2880)


def describe_epochs(result: xr.Dataset) -> Iterator[Text]:
    """Yield the lines above the tables of superposed epochs.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`auroral_stats.epochs.epochs`.

    Yields
    ------
    rich.text.Text
    """
    attrs = result.attrs
    yield from heading(result)
    nights = int(result["nights"].max())
    yield Text(
        f"{attrs.get('onsets_from', 'Onsets')}: {int(attrs['onsets']):,} onsets, up to "
        f"{nights:,} nights, {attrs['start']} to {attrs['end']}"
    )
    chosen = json.loads(attrs.get("onsets_parameters", "{}"))
    if "hold" in chosen:
        yield Text(
            f"onset: {chosen['label']} for {chosen['hold']} s after {chosen['before']} min of "
            f"other usable forms; {selection(result)}"
        )
    if chosen.get("separation"):
        yield Text(f"onsets less than {chosen['separation']} min after the last are dropped")
    if "band_low" in result:
        yield Text(
            f"band: 95 % of the means of {parameters_of(attrs)['resamples']} sets of random epochs "
            f"of the same {attrs['band_strata']}"
        )


def epoch_tables(result: xr.Dataset) -> Iterator[FoldedTable]:
    """Yield a table of each quantity at some lags.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`auroral_stats.epochs.epochs`.

    Yields
    ------
    FoldedTable
    """
    lags = result["lag"].to_numpy()
    wanted = {*_LAGS, *(-lag for lag in _LAGS), int(lags[0]), int(lags[-1])}
    rows = np.flatnonzero(np.isin(lags, list(wanted)))
    for name in result["of"].to_numpy():
        one = result.sel(of=name)
        units = str(one["units"].item())
        cadence = int(one["cadence_minutes"])
        shown = one.isel(lag=rows)
        names = ["mean", "mean_low", "mean_high", "median"]
        names += ["band_low", "band_high"] if "band_low" in one else []
        digits = decimals_for(np.concatenate([shown[n].to_numpy() for n in names]))
        mean, low, high = (shown[n].to_numpy() for n in names[:3])
        columns = [
            Column("mean [95 %]", _ranges(digits, low, high, mean), left=True),
            Column("median", _numbers(digits, shown["median"].to_numpy())),
        ]
        if "band_low" in one:
            band = (shown["band_low"].to_numpy(), shown["band_high"].to_numpy())
            columns += [
                Column("random band", _ranges(digits, *band), left=True),
                Column("mean is", _beside(mean, *band), left=True),
            ]
        columns += [
            Column("onsets", [f"{n:,}" for n in shown["number"].to_numpy()]),
            Column("nights", [f"{n:,}" for n in shown["nights"].to_numpy()]),
        ]
        what = f"{name} in {units}" if units else str(name)
        yield FoldedTable(
            f"{what}, {cadence} min data",
            Column("lag, min", [f"{lag:+d}" if lag else "0" for lag in lags[rows]]),
            columns,
        )


def _numbers(digits: int, values: np.ndarray) -> list[str]:
    return [_NO_VALUE if np.isnan(value) else f"{value:.{digits}f}" for value in values]


def _ranges(
    digits: int, low: np.ndarray, high: np.ndarray, mean: np.ndarray | None = None
) -> list[str]:
    """Return limits in brackets, after a mean if there is one."""
    firsts: Sequence[str] = [""] * low.size if mean is None else _numbers(digits, mean)
    width = max(map(len, firsts), default=0)
    cells = []
    for first, least, most in zip(firsts, low, high, strict=True):
        limits = "" if np.isnan(least) else f"[{least:.{digits}f},{most:.{digits}f}]"
        cells.append(f"{first.rjust(width)} {limits}".rstrip() if width else limits)
    return cells


def _beside(mean: np.ndarray, low: np.ndarray, high: np.ndarray) -> list[str]:
    return [
        "above" if value > most else "below" if value < least else ""
        for value, least, most in zip(mean, low, high, strict=True)
    ]


def epoch_notes(result: xr.Dataset) -> Iterator[Text]:
    """Yield what a reader must know about the epochs above.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`auroral_stats.epochs.epochs`.

    Yields
    ------
    rich.text.Text
    """
    if "band_low" in result:
        for name in result["of"].to_numpy():
            one = result.sel(of=name)
            known = int((one["band_low"].notnull() & one["mean"].notnull()).sum())
            beyond = (one["mean"] > one["band_high"]) | (one["mean"] < one["band_low"])
            yield Text(
                f"{name}: the mean is outside the band at {int(beyond.sum()):,} of {known:,} lags."
            )
        yield Text(
            f"{result.attrs['statement']} Neighbouring lags share their nights: a stretch of lags "
            "outside is one finding, not many."
        )
        alone = int(result.attrs.get("onsets_without_place", 0))
        if alone:
            yield Text(
                f"{alone:,} onset{' is' if alone == 1 else 's are'} of a site and magnetic hour that "
                "no other night of the month has: the band is without "
                f"{'it' if alone == 1 else 'them'}."
            )
    yield Text(INTERVAL_NOTES["jackknife"], style="dim")
