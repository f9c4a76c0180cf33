"""Figures of finer forms within a class, lettered and sized for the page of a journal.

Everything drawn is read from the table of :func:`auroral_stats.finer_forms.finer_effects`. Figures
are made without pyplot; :func:`auroral_stats.figure_files.save_figure` writes them.
"""

from __future__ import annotations

from string import ascii_lowercase
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from auroral_stats._figures.effects import CRUDE_COLOUR, Ratio, ratio_limits
from auroral_stats._figures.lettering import marked, math_text
from auroral_stats._figures.page import letter_around, new_figure, plain, write_on
from auroral_stats._figures.style import CLASS_STYLE, DARK, DOUBLE, GREY, NAME
from auroral_stats.errors import UsageError
from auroral_stats.finer_forms import COLUMNS
from auroral_stats.provenance import parameters_of

__all__ = ["figure", "plot_kinds"]

#: Height of the panels, mm.
_HEIGHT = 52.0
_TICKS = np.array([0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20])


def figure(table: pd.DataFrame, *, kind: str = "kind") -> Figure:
    """Return the ratios of the kinds of each class, with the test of whether they differ.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`auroral_stats.finer_forms.finer_effects`.
    kind : str
        What a kind is called, such as ``cluster``.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each class: matched ratios with 95 % intervals, crude ones beside; grey and open
        what fails the gate; below each kind its minutes; the p value adjusted over the classes.

    Raises
    ------
    UsageError
        If it is no such table.

    Examples
    --------
    >>> figure(finer_effects(data, frames), kind="cluster")         # doctest: +SKIP
    """
    _check(table)
    made = new_figure(DOUBLE)
    labels = list(dict.fromkeys(table["label"]))
    panels = made.subplots(1, len(labels), squeeze=False, sharey=True)[0]
    limits = ratio_limits([_ratio(row) for _, row in table.iterrows()])
    for letter, label, ax in zip(ascii_lowercase, labels, panels, strict=False):
        plot_kinds(table, label, ax)
        ax.set_ylim(*limits)
        p = table.loc[table["label"] == label, "p_adjusted"].iloc[0]
        said = "not testable" if np.isnan(p) else f"p = {p:.2f}" if p >= 0.01 else f"p = {p:.1g}"
        style: dict[str, Any] = {"color": CLASS_STYLE[label][0], "fontweight": "bold"}
        ax.set_title(f"{letter}  {label}: {said}", loc="left", fontsize=NAME, pad=3, **style)
        write_on(ax.set_xlabel, f"{kind}, minutes below", fontsize=NAME)
    write_on(panels[0].set_ylabel, "risk ratio to the rest of the class", fontsize=NAME)
    attrs = {str(key): value for key, value in table.attrs.items()}
    matched = ", ".join(parameters_of(attrs).get("match", []))
    unit, limit = attrs.get("measure_units", ""), table["threshold"].iloc[0]
    name = str(attrs.get("measure_label", "X")).removesuffix(f" ({unit})")
    letter_around(
        made,
        attrs,
        title=marked("Finer forms within a class", attrs),
        subtitle=(
            f"{math_text(name)} ≥ {limit:g} {unit}; matched by {matched}; "
            f"{attrs.get('frames', '?')} frames"
        ),
        notes=[f"p: whether the {kind}s of a class differ at all, adjusted over the classes"],
        handles=_legend(table),
        height=_HEIGHT,
    )  # fmt: skip
    return made


def plot_kinds(table: pd.DataFrame, label: str, ax: Axes | None = None) -> dict[str, Axes]:
    """Draw the ratios of the kinds of one class.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`auroral_stats.finer_forms.finer_effects`.
    label : str
    ax : matplotlib Axes, optional
        Draw here and nothing else.

    Returns
    -------
    dict
        The Axes, under ``"kinds"``.

    Raises
    ------
    UsageError
        If it is no such table, or has no such class.
    """
    _check(table)
    part = table[table["label"] == label]
    if part.empty:
        held = ", ".join(dict.fromkeys(table["label"]))
        raise UsageError(f"label {label}: this result holds {held}.")
    panel = new_figure(DOUBLE / 3).subplots() if ax is None else ax
    colour, marker = CLASS_STYLE[label]
    panel.axhline(1.0, color=DARK, linewidth=0.8, zorder=1)
    for place, (_, row) in enumerate(part.iterrows()):
        ratio = _ratio(row)
        style: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 4.0}
        if ratio.masked:
            style |= {"color": GREY, "markerfacecolor": "white"}
        value, low, high = ratio.matched
        panel.vlines(place - 0.12, low, high, color=style["color"], linewidth=1.3)
        panel.plot(place - 0.12, value, **style)
        panel.plot(place + 0.2, ratio.crude[0], "x", color=CRUDE_COLOUR, markersize=3.4)
    names = [
        f"{kind}\n{minutes}" for kind, minutes in zip(part["kind"], part["minutes"], strict=True)
    ]
    panel.set_yscale("log")
    panel.yaxis.set_major_locator(FixedLocator(_TICKS.tolist()))
    panel.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    panel.yaxis.set_minor_locator(NullLocator())
    panel.set_xlim(-0.6, len(part) - 0.4)
    plain(panel)
    panel.set_xticks(range(len(part)), names)
    return {"kinds": panel}


def _ratio(row: pd.Series[Any]) -> Ratio:
    matched = (float(row["risk_ratio"]), float(row["rr_low"]), float(row["rr_high"]))
    crude = (float(row["crude_risk_ratio"]), np.nan, np.nan)
    return Ratio(str(row["label"]), 0.0, 0.0, matched, crude, bool(row["masked"]))


def _legend(table: pd.DataFrame) -> list[Any]:
    common: dict[str, Any] = {"marker": "o", "markersize": 4.0, "linewidth": 1.3}
    found = [Line2D([], [], color=DARK, label="matched, 95 % interval", **common)]
    if table["masked"].any():
        style = common | {"markerfacecolor": "white"}
        found.append(Line2D([], [], color=GREY, label="below the gate", **style))
    crude: dict[str, Any] = {"marker": "x", "markersize": 3.4, "linestyle": "none"}
    return [*found, Line2D([], [], color=CRUDE_COLOUR, label="crude", **crude)]


def _check(table: pd.DataFrame) -> None:
    if not set(COLUMNS) <= set(table.columns) or table.empty:
        raise UsageError(
            "expected the table of auroral_stats.finer_forms.finer_effects; this is none."
        )
