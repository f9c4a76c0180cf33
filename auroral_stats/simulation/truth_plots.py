"""A figure of rates of the demo world beside the rates that it was made with.

Everything drawn is simulated, and the title says so.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from auroral_stats._figures.style import CLASS_STYLE, DOUBLE, GREY, TEXT, TITLE
from auroral_stats._version import __version__
from auroral_stats.drivers import find_driver
from auroral_stats.labels import AURORAL
from auroral_stats.simulation.truth_comparison import TRUTH

__all__ = ["plot_beside_truth"]
_NUMBERS = ["rate", "ci_low", "ci_high"]
#: How far the points of a bin stand apart, as a share of its width.
_APART = 0.4


def plot_beside_truth(
    tidy: pd.DataFrame, title: str = "rates and the truth", *, labels: Sequence[str] = AURORAL
) -> Figure:
    """Draw rates by one driver and their truth, a panel for each class.

    Parameters
    ----------
    tidy : pandas.DataFrame
        From :func:`auroral_stats.simulation.truth_comparison.beside_truth`. Of several sources, the
        points of the last are filled.
    title : str
        What comes after "SIMULATED DATA".
    labels : sequence of str
        Classes.

    Returns
    -------
    matplotlib.figure.Figure
        Points are rates with their 95 % intervals, grey where they do not pass the gate; steps are
        the truth, in a band of its 95 % limits. Bins without an end are drawn as wide as their
        neighbours; what is missing or outside has no place.

    Examples
    --------
    >>> from auroral_stats.figure_files import save_figure
    >>> save_figure(plot_beside_truth(tidy), "rates.png")               # doctest: +SKIP
    """
    sources = [name for name in tidy["source"].unique() if name != TRUTH]
    placed = _placed(tidy)
    figure = Figure(figsize=(DOUBLE / 25.4, 2.9), layout="constrained")
    panels = figure.subplots(1, len(labels), squeeze=False, sharey=True)[0]
    for ax, label in zip(panels, labels, strict=True):
        mine = placed[placed["label"] == label]
        _draw_truth(ax, mine[mine["source"] == TRUTH])
        for number, source in enumerate(sources):
            shift = _APART * ((number + 0.5) / len(sources) - 0.5)
            points = mine[mine["source"] == source]
            _draw_points(ax, points, label, shift, filled=number == len(sources) - 1)
        ax.set_title(label, fontsize=TITLE, color=CLASS_STYLE[label][0])
        ax.tick_params(labelsize=TEXT)
        ax.spines[["top", "right"]].set_visible(False)
        ax.set_xlabel(find_driver(str(tidy["driver"].iloc[0])).label, fontsize=TITLE)
    panels[0].set_ylim(0, _top(placed[placed["label"].isin(labels)]))
    panels[0].set_ylabel("rate among usable frames (%)", fontsize=TITLE)
    _legend(figure, sources)
    head = f"SIMULATED DATA: {title}"
    figure.suptitle(head, fontsize=TITLE, x=0.01, ha="left")
    vars(figure)["provenance"] = {"title": head, "software": f"auroral_stats {__version__}"}
    return figure


def _placed(tidy: pd.DataFrame) -> pd.DataFrame:
    """Return the bins that have a place on the axis, with finite ends and rates in per cent."""
    rows = tidy[tidy["lower"].notna() & tidy["upper"].notna()].copy()
    ends = np.unique(rows[["lower", "upper"]].to_numpy())
    ends = ends[np.isfinite(ends)]
    rows["lower"] = rows["lower"].clip(lower=2 * ends[0] - ends[1])
    rows["upper"] = rows["upper"].clip(upper=2 * ends[-1] - ends[-2])
    rows[_NUMBERS] *= 100
    return rows.sort_values("lower")


def _top(rows: pd.DataFrame) -> float:
    """Return where the axis ends; intervals of what does not pass the gate may leave the page."""
    passing = rows[~rows["masked"].astype(bool)]
    if not (passing["source"] != TRUTH).any():
        return 100.0
    return min(1.05 * float(np.nanmax(passing[["rate", "ci_high"]].to_numpy())), 100.0)


def _draw_truth(ax: Axes, truth: pd.DataFrame) -> None:
    edges = np.append(truth["lower"], truth["upper"].iloc[-1:])
    ax.stairs(truth["ci_high"], edges, baseline=truth["ci_low"], fill=True, color="0.8")
    ax.stairs(truth["rate"], edges, baseline=None, color="black", linewidth=1)


def _draw_points(ax: Axes, rows: pd.DataFrame, label: str, shift: float, *, filled: bool) -> None:
    colour, marker = CLASS_STYLE[label]
    middle = 0.5 * (rows["lower"] + rows["upper"]) + shift * (rows["upper"] - rows["lower"])
    bars = np.abs(rows[["ci_low", "ci_high"]].to_numpy().T - rows["rate"].to_numpy())
    for masked in (True, False):
        at = (rows["masked"].astype(bool) == masked).to_numpy()
        ax.errorbar(
            middle[at],
            rows["rate"][at],
            bars[:, at],
            fmt=marker,
            color=GREY if masked else colour,
            markersize=3.5,
            markerfacecolor=None if filled else "white",
            elinewidth=1,
        )


def _legend(figure: Figure, sources: Sequence[str]) -> None:
    handles: list[Artist] = [Line2D([], [], color="black", label=TRUTH)]
    for source in sources:
        face = "black" if source == sources[-1] else "white"
        handles.append(
            Line2D([], [], color="black", marker="o", markersize=3.5, mfc=face, label=source)
        )
    handles.append(Line2D([], [], color=GREY, marker="o", markersize=3.5, label="below the gate"))
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(handles),
        fontsize=TEXT,
        frameon=False,
    )
