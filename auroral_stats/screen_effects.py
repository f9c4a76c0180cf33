"""Geoeffectiveness and superposed epochs as a reader sees them in a terminal.

Tables fold at 80 columns and nothing is cut. Estimates below the gate stand in parentheses, without
their limits: what is said in colour is also said in characters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
    "INTERVAL_NOTES",
    "decimals_for",
    "describe_effects",
    "effect_notes",
    "effect_tables",
    "heading",
    "ratio_text",
    "selection",
]

_NO_VALUE = "-"

#: What the interval of a result holds for, by its kind.
INTERVAL_NOTES = {
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


def heading(result: xr.Dataset) -> Iterator[Text]:
    """Yield the title of a result, and whether its data are simulated."""
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
    yield from heading(result)
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
    yield Text(f"{selection(result)}; {chosen['interval']} interval")


def selection(result: xr.Dataset) -> str:
    """Return under which Sun and Moon minutes were taken."""
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
    yield Text(INTERVAL_NOTES[parameters_of(result.attrs)["interval"]], style="dim")
