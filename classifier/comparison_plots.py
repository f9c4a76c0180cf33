"""The figure of methods beside a paper's table: measured above, published below, clearly apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from auroral_stats.provenance import is_simulated
from classifier._page import DOUBLE, NAME, TEXT, new_page, write_title
from classifier.evaluation_names import SPLIT_NAMES
from classifier.published_scores import PUBLISHED

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SPLIT_STYLE", "plot_comparison"]

#: Colour (Tol's high-contrast set) and marker of each split.
SPLIT_STYLE = {
    "official": ("#004488", "o"),
    "grouped": ("#BB5566", "s"),
    "station": ("#000000", "^"),
}

_SCORES = {
    "accuracy": "accuracy",
    "macro_precision": "precision",
    "macro_recall": "recall",
    "macro_f1": "F1",
}
_ROW = 5.6  # mm a method
_PUBLISHED = "0.35"


def plot_comparison(
    comparison: pd.DataFrame, attrs: Mapping[str, Any], table: str, *, cost: str = ""
) -> Figure:
    """Draw accuracy, precision, recall and F1 of methods on both kinds of folds, and the published.

    Parameters
    ----------
    comparison : pandas.DataFrame
        From :func:`classifier.method_comparison.comparison_table`.
    attrs : mapping
        What made it.
    table : {"johnson-2021", "kvammen-2020"}
    cost : str
        What is said of the trainings, in the second line of the title.

    Returns
    -------
    matplotlib.figure.Figure
        Points are means over folds and runs; thin bars one standard deviation over folds and runs,
        thick ones over runs alone.
    """
    measured = comparison[comparison["origin"] == "measured"]
    quoted = comparison[comparison["origin"] == "published"]
    heights = [part["method"].nunique() for part in (measured, quoted)]
    figure, axes = new_page(
        DOUBLE, 34 + _ROW * sum(heights), 2, len(_SCORES),
        gridspec_kw={"height_ratios": [n + 0.6 for n in heights]},
    )  # fmt: skip
    above, below = axes[: len(_SCORES)], axes[len(_SCORES) :]
    shown = comparison[comparison["score"].isin(_SCORES)]
    lowest = 25.0 * np.floor(4 * float((shown["mean"] - shown["sd"].fillna(0.0)).min()))
    for number, score in enumerate(_SCORES):
        _measured(above[number], measured, score)
        _published(below[number], quoted, score)
        below[number].set_xlabel(f"{_SCORES[score]} (%)", fontsize=NAME)
        for ax, part in ((above[number], measured), (below[number], quoted)):
            _rows(ax, part, lowest, named=number == 0)
    kind = "SIMULATED pictures" if is_simulated(attrs) else "the set given"
    _heading(above[0], f"Measured here, on {kind}")
    paper = PUBLISHED[table]
    _heading(below[0], f"Published, {paper.source}: {paper.data}")
    _legend(figure, measured, paper.deviation)
    write_title(figure, f"Methods of {paper.source}", attrs, cost)
    return figure


def _measured(ax: Axes, part: pd.DataFrame, score: str) -> None:
    splits = [name for name in SPLIT_STYLE if name in set(part["split"])]
    shifts = np.linspace(-0.18, 0.18, len(splits)) if len(splits) > 1 else np.zeros(1)
    for row, (_, of) in enumerate(part.groupby("method", sort=False)):
        for split, shift in zip(splits, shifts, strict=True):
            found = of[(of["split"] == split) & (of["score"] == score)]
            mean, sd, sd_runs = (100 * float(found[n].iloc[0]) for n in ("mean", "sd", "sd_runs"))
            colour, marker = SPLIT_STYLE[split]
            y = row + shift
            for width, spread in ((0.8, sd), (2.6, sd_runs)):
                ax.plot(
                    [mean - spread, mean + spread], [y, y], color=colour, lw=width,
                    solid_capstyle="butt",
                )  # fmt: skip
            ax.plot(mean, y, marker, color=colour, ms=3.8, mec="white", mew=0.4)
        if of["mean"].isna().all():
            ax.text(
                0.5, row, "no weights", fontsize=TEXT, color="0.45", ha="center", va="center",
                transform=ax.get_yaxis_transform(),
            )  # fmt: skip


def _published(ax: Axes, part: pd.DataFrame, score: str) -> None:
    if score not in set(part["score"]):
        ax.text(
            0.5, 0.5, "not given", fontsize=TEXT, color="0.45", ha="center", va="center",
            transform=ax.transAxes,
        )  # fmt: skip
    for row, (_, of) in enumerate(part.groupby("method", sort=False)):
        for mean, sd in 100 * of.loc[of["score"] == score, ["mean", "sd"]].to_numpy(float):
            ax.plot([mean - sd, mean + sd], [row, row], color=_PUBLISHED, lw=0.8)
            ax.plot(mean, row, "D", color="white", ms=3.6, mec=_PUBLISHED, mew=0.9)


def _rows(ax: Axes, part: pd.DataFrame, lowest: float, *, named: bool) -> None:
    each = part.drop_duplicates("method")
    names = [
        f"{name} ({_millions(count)})"
        for name, count in zip(each["name"], each["parameters"], strict=True)
    ]
    ax.set_yticks(range(len(names)), names if named else [])
    ax.set_ylim(len(names) - 0.5, -0.6)
    ax.set_xlim(max(0.0, lowest), 100)
    ax.set_xticks(np.arange(max(0.0, lowest), 101, 25))
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color="0.9", lw=0.5)


def _millions(count: float) -> str:
    return "none" if count == 0 else "0.01 M" if count < 2e4 else f"{count / 1e6:.0f} M"


def _heading(ax: Axes, words: str) -> None:
    # the title keeps the place; the words, which reach over the other panels, take part in no layout
    ax.set_title(" ", fontsize=NAME)
    ax.annotate(
        words, (0.01, 1.0), (0, 4), xycoords=("figure fraction", "axes fraction"),
        textcoords="offset points",
        fontsize=NAME, fontweight="bold", annotation_clip=False,
    ).set_in_layout(False)  # fmt: skip


def _legend(figure: Figure, part: pd.DataFrame, deviation: str) -> None:
    splits = [name for name in SPLIT_STYLE if name in set(part["split"])]
    handles = [
        Line2D([], [], color=SPLIT_STYLE[name][0], marker=SPLIT_STYLE[name][1], ms=3.8, lw=0.8)
        for name in splits
    ]
    handles.append(
        Line2D([], [], color=_PUBLISHED, marker="D", ms=3.6, mfc="white", mew=0.9, lw=0.8)
    )
    names = [SPLIT_NAMES[name] for name in splits]
    names.append(f"published, sd over {deviation}")
    figure.legend(
        handles, names, loc="outside lower center", ncols=len(names), fontsize=TEXT,
        frameon=False, borderpad=0.2, columnspacing=1.4,
        title="bars: sd over folds and runs (thin), over runs (thick); in brackets: parameters; "
        "precision, recall, F1: means over classes",
        title_fontsize=TEXT,
    )  # fmt: skip
