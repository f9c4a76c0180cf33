"""What figures of geoeffectiveness say: legend, title, explanation and notes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import xarray as xr
from matplotlib.lines import Line2D

from auroral_stats._figures.effects import CRUDE_COLOUR
from auroral_stats._figures.lettering import math_text
from auroral_stats._figures.style import DARK, GREY, MOON
from auroral_stats._figures.words import with_minus
from auroral_stats.effect_tables import masked_reasons
from auroral_stats.provenance import parameters_of

_INTERVAL_OF = {
    "jackknife": "95 % jackknife by nights, within the winters observed",
    "climatological": "95 % jackknife by winters, for winters like these",
}


def effect_legend(result: xr.Dataset, labels: Sequence[str]) -> list[Any]:
    """Return legend entries for the whole figure, in neutral colours."""
    part = result.sel(label=list(labels))
    masked = part["masked"] & part["risk_ratio"].notnull()

    def entry(text: str, **style: Any) -> Line2D:
        common: dict[str, Any] = {"color": DARK, "markersize": 4.0}
        return Line2D([], [], label=text, **(common | style))

    found = [entry("matched, 95 % interval", marker="o", linewidth=1.3)]
    if bool(masked.any()):
        found.append(
            entry("below the gate", marker="o", color=GREY, markerfacecolor="white", linewidth=1.3)
        )
    open_circle: dict[str, Any] = {"marker": "o", "markerfacecolor": "white", "linestyle": "none"}
    return [
        *found,
        entry("crude, 95 % interval", marker="x", color=CRUDE_COLOUR, linewidth=0.6),
        entry("class", linewidth=1.5),
        entry("matched control", linestyle=(0, (4, 2)), linewidth=1.0),
        entry("balance before matching", **open_circle),
        entry("balance after", marker="o", linestyle="none"),
    ]


def effect_title(result: xr.Dataset, labels: Sequence[str]) -> str:
    """Return the first line, which says where the result is that of an overlap population."""
    title = math_text(result.attrs["title"])
    overlap = overlap_labels(result, labels)
    if not overlap:
        return title
    which = "" if len(overlap) == len(labels) else f" of {', '.join(overlap)}"
    return f"{title}; overlap population{which}"


def overlap_labels(result: xr.Dataset, labels: Sequence[str]) -> list[str]:
    """Return the classes of which less than 80 % of the minutes could be matched."""
    found = result["population"].sel(label=list(labels)).to_numpy()
    return [label for label, name in zip(labels, found, strict=True) if name != "class"]


def effect_subtitle(result: xr.Dataset) -> str:
    """Return what was compared, by what matched, and how measured."""
    attrs, chosen = result.attrs, parameters_of(result.attrs)
    sites = attrs["selected_sites"].split(",")
    where = f"{len(sites)} sites" if len(sites) > 1 else f"site {sites[0]}"
    parts = [f"{attrs['start'][:10]} to {attrs['end'][:10]}, {where}"]
    if attrs.get("labels_source"):
        parts.append(f"labels: {attrs['labels_source'].removeprefix('import:')}")
    against = "other auroral forms" if chosen["control"] == "auroral" else chosen["control"]
    parts.append(f"control: {against}")
    same = f", and {attrs['mediator']} of the same minute" if "mediator" in attrs else ""
    parts.append(
        f"matched by {', '.join(chosen['match'])}{same} (averages end {attrs['covariates_end']})"
    )
    parts.append(f"{attrs['lag']}, of {attrs['cadence']}")
    if "baseline" in attrs:
        parts.append(f"{attrs['baseline']} baseline")
    parts.append(MOON[chosen["moon"]])
    if chosen["max_sun_elevation"] is not None:
        parts.append(f"Sun at or below {with_minus(chosen['max_sun_elevation'])}°")
    parts.append(f"intervals: {_INTERVAL_OF[chosen['interval']]}")
    return "; ".join(parts)


def effect_notes(result: xr.Dataset, labels: Sequence[str]) -> list[str]:
    """Return what must be known beside the panels."""
    notes = []
    if overlap_labels(result, labels):
        notes.append(
            "Overlap population: fewer than 80 % of the class minutes have a control in their "
            "stratum, and the matched numbers speak of those alone."
        )
    if "mediator" in result.attrs:
        notes.append(
            f"A mediator analysis: {result.attrs['mediator']} of the same minute is part of what "
            "is compared; this is not the association itself."
        )
    part = result.sel(label=list(labels))
    hidden, reasons = masked_reasons(part)
    if hidden:
        rows = part["masked"].size
        notes.append(f"Grey, below the gate ({'; '.join(reasons)}): {hidden} of {rows} rows.")
    return [*notes, result.attrs["statement"]]
