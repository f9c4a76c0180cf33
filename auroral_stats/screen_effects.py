"""Geoeffectiveness and superposed epochs as a reader sees them in a terminal.

Tables fold at 80 columns and nothing is cut. Estimates below the gate stand in parentheses, without
their limits: what is said in colour is also said in characters.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.text import Text

from auroral_stats.effect_tables import masked_reasons
from auroral_stats.folded_table import Column, FoldedTable
from auroral_stats.provenance import is_simulated, parameters_of
from auroral_stats.screen_rates import rate_text

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "describe_effects",
    "describe_epochs",
    "effect_notes",
    "effect_tables",
    "epoch_notes",
    "epoch_tables",
    "ratio_text",
]

_NO_VALUE = "-"
#: Lags that are printed, where the epoch reaches so far.
_LAGS = (0, 5, 10, 20, 30, 60, 90, 120, 180, 360, 720, 1440, 2880)

_INTERVAL_NOTES = {
    "jackknife": "Intervals hold for the winters observed; other winters may differ by more.",
    "climatological": "Intervals are for winters like these, from four winters on.",
}


def ratio_text(ratio: float, low: float = np.nan, high: float = np.nan) -> tuple[str, str]:
    """Return a risk ratio, and its limits in brackets; each number with three digits or so.

    Parameters
    ----------
    ratio, low, high : float
        NaN limits give an empty second text.

    Examples
    --------
    >>> ratio_text(1.7935, 1.2, 2.24), ratio_text(12.16, 0.004, 12678.0), ratio_text(2.5)
    (('1.79', '[1.20,2.24]'), ('12.2', '[<0.01,>999]'), ('2.50', ''))
    """
    if np.isnan(ratio):
        return _NO_VALUE, ""
    if np.isnan(low) or np.isnan(high):
        return _three_digits(ratio), ""
    return _three_digits(ratio), f"[{_three_digits(low)},{_three_digits(high)}]"


def _three_digits(ratio: float) -> str:
    if 0 < ratio < 0.005:
        return "<0.01"
    if ratio >= 999.5:
        return ">999"
    return f"{ratio:.{2 if ratio < 9.995 else 1 if ratio < 99.95 else 0}f}"


def _title(result: xr.Dataset) -> Iterator[Text]:
    title = Text(result.attrs["title"], style="bold")
    if is_simulated(result.attrs):
        title.append("  SIMULATED DATA", style="bold magenta")
    yield title
    if "simul" in result.attrs.get("model_trained_on", "") and not is_simulated(result.attrs):
        yield Text("labels by a model trained on simulated frames", style="bold magenta")


def describe_effects(result: xr.Dataset) -> Iterator[Text]:
    """Yield the lines above the tables: what it is, of what, and how it was matched.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`auroral_stats.geoeffectiveness.geoeffectiveness`.

    Yields
    ------
    rich.text.Text
    """
    attrs, chosen = result.attrs, parameters_of(result.attrs)
    yield from _title(result)
    yield Text(f"{attrs['start']} to {attrs['end']}, sites {attrs['selected_sites']}")
    yield Text(f"labels: {attrs.get('labels_source', 'unknown source')}")
    definition = attrs["measure_source"].split(";")[0]
    baseline = f", {attrs['baseline']} baseline" if "baseline" in attrs else ""
    yield Text(
        f"X: {attrs['measure']} in {attrs['measure_units']}, {definition}, of {attrs['cadence']}"
        f"{baseline}; {attrs['lag']}"
    )
    against = "the other auroral forms" if chosen["control"] == "auroral" else chosen["control"]
    same = f", and {attrs['mediator']} of the same minute" if "mediator" in attrs else ""
    yield Text(
        f"control: {against}; matched by {', '.join(chosen['match'])}{same}; covariates end "
        f"{attrs['covariates_end']}"
    )
    yield Text(f"{_selection(result)}; {chosen['interval']} interval")


def _selection(result: xr.Dataset) -> str:
    chosen = parameters_of(result.attrs)
    sun = chosen["max_sun_elevation"]
    moon = "Moon down" if chosen["moon"] == "down" else "Moon up or down"
    return f"{'any Sun' if sun is None else f'Sun <= {sun:g}'}; {moon}"


def effect_tables(result: xr.Dataset) -> Iterator[FoldedTable]:
    """Yield what to print: ratios, exceedance, differences, what they rest on, balance.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`auroral_stats.geoeffectiveness.geoeffectiveness`.

    Yields
    ------
    FoldedTable
        For :meth:`rich.console.Console.print`, which folds them to its width.
    """
    result = result.transpose("label", "threshold", ...)
    labels = [str(name) for name in result["label"].to_numpy()]
    limits = result["threshold"].to_numpy()
    rows = [f"{label} >= {limit:g}" for label in labels for limit in limits]
    names = Column(f"X in {result.attrs['measure_units']}", rows, left=True)
    counts = [
        Column(heading, [f"{int(n):,}" for n in result[name].to_numpy().ravel()], "events")
        for heading, name in (("class", "events"), ("control", "control_events"))
    ]
    yield FoldedTable(
        "Risk ratio of class to control [95 % interval]",
        names,
        [
            _estimates(result, "risk_ratio", "matched", ratio_text),
            _estimates(result, "crude_risk_ratio", "crude", ratio_text),
            *counts,
        ],
    )
    yield FoldedTable(
        "Minutes that exceed, in % [95 % interval]",
        names,
        [
            _estimates(result, f"{prefix}{arm}exceedance", heading, text_of, group)
            for group, prefix, text_of in (
                ("matched", "", rate_text),
                ("crude", "crude_", lambda rate, *_: rate_text(rate)),
            )
            for heading, arm in (("class", ""), ("control", "control_"))
        ],
    )
    if "baseline" in result.dims:
        by = result["baseline_risk_ratio"].transpose("baseline", "label", "threshold")
        yield FoldedTable(
            "Matched risk ratio by baseline [95 % interval]",
            names,
            [
                _estimates(result.sel(baseline=name), "baseline_risk_ratio", str(name), ratio_text)
                for name in by["baseline"].to_numpy()
            ],
        )
    classes = Column("class", labels, left=True)
    units = result.attrs["measure_units"]
    yield FoldedTable(
        "Whole distribution, matched [95 % interval]",
        classes,
        [
            Column("median", _plain(result["median"]), units),
            Column("control", _plain(result["control_median"]), units),
            Column("difference", _with_limits(result, "median_difference"), units, left=True),
            Column("Cliff's delta", _with_limits(result, "cliffs_delta"), left=True),
        ],
        "Cliff's delta: how much likelier a minute of the class is above one of the control than "
        "below",
    )
    yield FoldedTable(
        "What they rest on",
        classes,
        _support(result),
        "seen: the run was seen to begin; recurs: its class was there 40 to 10 min before, too",
    )
    yield FoldedTable(
        "Balance: standardised mean differences before and after matching",
        Column("covariate", _covariates(result), left=True),
        [
            Column(
                when,
                _smd(result["balance"].sel(label=label, when=when).to_numpy()),
                label,
            )
            for label in labels
            for when in ("before", "after")
        ],
        "after matching, 0.1 or more in size masks the class, if it was matched on",
    )


def _covariates(result: xr.Dataset) -> list[str]:
    """Return the names of the covariates, saying which were not matched on."""
    pairs = zip(result["covariate"].to_numpy(), result["matched"].to_numpy(), strict=True)
    return [str(name) if matched else f"{name} (not matched)" for name, matched in pairs]


def _estimates(
    result: xr.Dataset,
    name: str,
    heading: str,
    text_of: Callable[[float, float, float], tuple[str, str]],
    group: str = "",
) -> Column:
    """Return a column of estimates, with limits where they pass the gate."""
    order = ("label", "threshold")
    parts = [result[f"{name}{end}"].transpose(*order).to_numpy() for end in ("", "_low", "_high")]
    texts = [text_of(*map(float, three)) for three in zip(*(p.ravel() for p in parts), strict=True)]
    masked = result["masked"].transpose(*order).to_numpy().ravel()
    first = max(len(text) for text, _ in texts)
    cells = []
    for (text, limits), below, value in zip(texts, masked, parts[0].ravel(), strict=True):
        if np.isnan(value):
            cells.append(_NO_VALUE.rjust(first + 1))
        elif below:
            cells.append(f"({text})".rjust(first + 2))
        else:
            cells.append(f" {text.rjust(first)} {limits}".rstrip())
    return Column(heading, cells, group, left=True)


def _plain(values: xr.DataArray) -> list[str]:
    return [_NO_VALUE if np.isnan(value) else f"{value:.3g}" for value in values.to_numpy()]


def _with_limits(result: xr.Dataset, name: str) -> list[str]:
    """Return differences with their limits, all with as many decimals as the largest needs."""
    value, low, high = (result[f"{name}{end}"].to_numpy() for end in ("", "_low", "_high"))
    digits = decimals_for(np.concatenate([value, low, high]))
    masked = result["masked"].all("threshold").to_numpy()
    cells = []
    for mean, least, most, below in zip(value, low, high, masked, strict=True):
        if np.isnan(mean):
            cells.append(_NO_VALUE)
        elif below:
            cells.append(f"({mean:.{digits}f})")
        elif np.isnan(least) or np.isnan(most):
            cells.append(f"{mean:.{digits}f}")
        else:
            cells.append(f"{mean:.{digits}f} [{least:.{digits}f},{most:.{digits}f}]")
    return cells


def decimals_for(values: np.ndarray) -> int:
    """Return how many decimals show the largest of some numbers with three digits.

    Examples
    --------
    >>> decimals_for(np.array([0.012, -0.31])), decimals_for(np.array([120.0, np.nan]))
    (3, 0)
    """
    largest = np.abs(values[np.isfinite(values)]).max(initial=0.0)
    return int(np.clip(2 - np.floor(np.log10(largest)), 0, 6)) if largest else 2


def _smd(values: np.ndarray) -> list[str]:
    return [_NO_VALUE if np.isnan(value) else f"{value:.2f}" for value in values]


def _support(result: xr.Dataset) -> list[Column]:
    def column(heading: str, name: str, scale: float = 1.0, group: str = "") -> Column:
        values = scale * result[name].to_numpy()
        cells = [_NO_VALUE if np.isnan(value) else f"{value:,.0f}" for value in values]
        return Column(heading, cells, group)

    return [
        column("all", "minutes", group="class min"),
        column("matched", "matched_minutes", group="class min"),
        column("kept %", "share_retained", 100.0),
        column("matched", "matched_control_minutes", group="control"),
        column("strata", "strata"),
        column("nights", "nights"),
        column("winters", "winters"),
        column("sites", "sites"),
        column("seen", "start_seen", 100.0, "run %"),
        column("recurs", "recurring", 100.0, "run %"),
    ]


def effect_notes(result: xr.Dataset) -> Iterator[Text]:
    """Yield what a reader must know about the numbers above.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`auroral_stats.geoeffectiveness.geoeffectiveness`.

    Yields
    ------
    rich.text.Text
    """
    overlap = result["label"].to_numpy()[result["population"].to_numpy() == "overlap population"]
    if overlap.size:
        yield Text(
            f"Overlap population: {', '.join(map(str, overlap))}. Fewer than 80 % of the class "
            "minutes have a control in their stratum; the matched numbers speak of those alone.",
            style="bold",
        )
    if result["masked"].any():
        hidden, reasons = masked_reasons(result)
        rows = "row is" if hidden == 1 else "rows are"
        yield Text(
            f"{hidden} {rows} below the gate ({'; '.join(reasons)}) and in parentheses: no results."
        )
    for key, value in result.attrs.items():
        if str(key).endswith("_without"):
            yield Text(f"{str(key).removesuffix('_without')}: {value}")
    if "threshold_note" in result.attrs:
        yield Text(f"Thresholds: {result.attrs['threshold_note']}.")
    yield Text(result.attrs["statement"])
    if "mediator" in result.attrs:
        yield Text(
            f"A mediator analysis: {result.attrs['mediator']} of the same minute is part of what "
            "is compared; this is not the association itself.",
            style="bold",
        )
    yield Text(_INTERVAL_NOTES[parameters_of(result.attrs)["interval"]], style="dim")


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
    yield from _title(result)
    nights = int(result["nights"].max())
    yield Text(
        f"{attrs.get('onsets_from', 'Onsets')}: {int(attrs['onsets']):,} onsets, up to "
        f"{nights:,} nights, {attrs['start']} to {attrs['end']}"
    )
    chosen = json.loads(attrs.get("onsets_parameters", "{}"))
    if "hold" in chosen:
        yield Text(
            f"onset: {chosen['label']} for {chosen['hold']} s after {chosen['before']} min of "
            f"other usable forms; {_selection(result)}"
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
    yield Text(_INTERVAL_NOTES["jackknife"], style="dim")
