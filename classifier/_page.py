"""Pages that figures of classifiers share: sizes, lettering, class colours, the title line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from auroral_stats.provenance import is_simulated

__all__ = ["CLASS_STYLE", "DOUBLE", "NAME", "SINGLE", "TEXT", "TITLE", "new_page", "write_title"]

SINGLE, DOUBLE = 86.0, 178.0  # column widths, mm
TEXT, NAME, TITLE = 7.0, 7.5, 8.5  # points

#: Colour (Okabe and Ito) and marker of each class, those of the figures of ``auroral_stats``, whose
#: plots are not imported here.
CLASS_STYLE = {
    "arc": ("#0072B2", "o"),
    "diffuse": ("#D55E00", "s"),
    "discrete": ("#009E73", "^"),
    "cloudy": ("#56B4E9", "v"),
    "moon": ("#E69F00", "P"),
    "clear": ("#CC79A7", "D"),
}


def new_page(
    width: float, height: float, rows: int, columns: int, **kwargs: Any
) -> tuple[Figure, list[Axes]]:
    """Return a figure of so many mm, and its axes row by row; ``kwargs`` are for ``subplots``."""
    figure = Figure(figsize=(width / 25.4, height / 25.4), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **kwargs).ravel().tolist()
    for ax in axes:
        ax.tick_params(labelsize=TEXT, width=0.6, length=2.5, pad=2)
        ax.xaxis.label.set_fontsize(NAME)
        ax.yaxis.label.set_fontsize(NAME)
        for name, spine in ax.spines.items():
            spine.set_linewidth(0.6)
            spine.set_visible(name in {"left", "bottom"})
    return figure, axes


def write_title(figure: Figure, words: str, attrs: Mapping[str, Any], more: str = "") -> None:
    """Write the title, which says when data, or what an encoder learnt from, are simulated."""
    lines = [words]
    if is_simulated(attrs):
        lines[0] += ": SIMULATED DATA"
    elif "simul" in str(attrs.get("model_trained_on", "")).lower():
        lines[0] += ": encoder trained on simulated data"
    plan = attrs.get("plan", {})
    facts = []
    if "pictures" in attrs:
        facts.append(f"{attrs['pictures']:,} pictures of {attrs['station_nights']} station-nights")
    if "runs" in plan:
        facts.append(f"{plan['runs']} run{'s' if plan['runs'] > 1 else ''}")
    facts += [more] if more else []
    lines += [", ".join(facts)] if facts else []
    figure.suptitle("\n".join(lines), fontsize=TITLE, x=0.01, ha="left")
    figure.provenance = {  # type: ignore[attr-defined]
        "title": lines[0],
        "software": f"auroral_classifier {attrs.get('software_version', '')}".strip(),
        "description": ", ".join(facts),
    }
