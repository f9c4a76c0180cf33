"""Figures of an evaluation, lettered and sized for the page of a journal.

Everything drawn is read from the tables of :mod:`classifier.evaluation_tables`,
:mod:`classifier.calibration_tables` and :mod:`classifier.label_efficiency`. The title says when
data are simulated. Figures are made without pyplot and without its settings, so they work without
a display and in threads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator

from auroral_stats.labels import CLASSES
from classifier._page import DOUBLE, NAME, SINGLE, TEXT, new_page, write_title
from classifier.baselines import BASELINES
from classifier.evaluation_names import METHOD_NAMES, SPLIT_NAMES

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "METHOD_STYLE",
    "plot_confusions",
    "plot_coverage",
    "plot_labels",
    "plot_reliability",
    "plot_scores",
]

#: Colour (Tol's high-contrast set, which also differs in grey) and marker of each method. Methods of
#: the papers' tables take the same colours again, five by five, with markers of their own.
METHOD_STYLE = {
    "simclr-linear": ("#004488", "o"),
    "simclr-knn": ("#888888", "v"),
    "simclr-finetune": ("#BB5566", "s"),
    "simclr-unfrozen": ("#000000", "P"),
    "supervised": ("#DDAA33", "D"),
}
METHOD_STYLE |= {
    name: (tuple(METHOD_STYLE.values())[number % 5][0], marker)
    for number, (name, marker) in enumerate(zip(BASELINES, "^<>Xp*hd8H.", strict=True))
}

_FEWEST = 5  # pictures of a bin of confidence that is drawn
_UNITS = {"pictures": "random pictures", "station-nights": "whole station-nights"}


def plot_scores(summary: pd.DataFrame, attrs: Mapping[str, Any], score: str = "accuracy") -> Figure:
    """Draw a score of all methods on all splits, with intervals by station-night.

    Parameters
    ----------
    summary : pandas.DataFrame
        From :func:`classifier.evaluation_tables.summary`.
    attrs : mapping
        What made it.
    score : str
        Column ``score`` of the table.

    Returns
    -------
    matplotlib.figure.Figure
    """
    part = summary[summary["score"] == score]
    splits, methods = _there(part, "split", SPLIT_NAMES), _there(part, "method", METHOD_NAMES)
    figure, (ax,) = new_page(SINGLE, 22 + 5.2 * len(methods) * len(splits), 1, 1)
    row = 0.0
    ticks: list[tuple[float, str]] = []
    for split in splits:
        ax.text(
            0.02, row - 0.8, _split_name(split), transform=ax.get_yaxis_transform(),
            fontsize=NAME, fontweight="bold", va="center", clip_on=False,
        )  # fmt: skip
        for method in methods:
            found = part[(part["split"] == split) & (part["method"] == method)]
            if found.empty:
                continue
            colour, marker = METHOD_STYLE[method]
            value, low, high = (100 * found[c].iloc[0] for c in ("pooled", "ci_low", "ci_high"))
            ax.plot([low, high], [row, row], color=colour, lw=1.2, solid_capstyle="butt")
            ax.plot(value, row, marker, color=colour, ms=4.5, mec="white", mew=0.4)
            ax.text(
                1.02, row, f"{value:.1f}", transform=ax.get_yaxis_transform(),
                fontsize=TEXT, va="center", clip_on=False,
            )  # fmt: skip
            ticks.append((row, METHOD_NAMES[method]))
            row += 1
        row += 1.4
    ax.set_yticks([at for at, _ in ticks], [name for _, name in ticks])
    ax.set_ylim(row - 1.7, -1.4)
    ax.set_xlim(right=min(100.0, ax.get_xlim()[1]))
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color="0.9", lw=0.5)
    name = part["score"].iloc[0].replace("_", " ")
    ax.set_xlabel(f"{name} (%) of all test pictures,\n95 % interval by station-nights")
    write_title(figure, "Methods and splits", attrs)
    return figure


def plot_confusions(confusions: pd.DataFrame, attrs: Mapping[str, Any]) -> Figure:
    """Draw the confusion matrices, a column for each method and a row for each split.

    Parameters
    ----------
    confusions : pandas.DataFrame
        From :func:`classifier.evaluation_tables.confusions`.
    attrs : mapping

    Returns
    -------
    matplotlib.figure.Figure
        Rows of a matrix are true classes and sum to 100 %.
    """
    splits, methods = _both(confusions)
    figure, axes = new_page(DOUBLE, 24 + 42 * len(splits), len(splits), len(methods))
    for number, ax in enumerate(axes):
        split, method = splits[number // len(methods)], methods[number % len(methods)]
        part = _of(confusions, method, split)
        share = part.pivot(index="true", columns="predicted", values="share")
        matrix = 100 * share.reindex(index=list(CLASSES), columns=list(CLASSES)).to_numpy(float)
        ax.imshow(matrix, cmap="Blues", vmin=0, vmax=115, aspect="equal")
        for (i, j), value in np.ndenumerate(matrix):
            if np.isnan(value):
                text, colour = "–" if i == j else "", "0.4"
            elif value < 0.5:
                continue
            else:
                text, colour = f"{value:.0f}", "white" if value > 65 else "0.15"
            ax.text(j, i, text, ha="center", va="center", fontsize=TEXT, color=colour)
        ax.set_xticks(range(6), CLASSES if number >= len(axes) - len(methods) else [], rotation=90)
        ax.set_yticks(range(6), CLASSES if number % len(methods) == 0 else [])
        ax.tick_params(length=0)
        _head(ax, method, split, number, methods, "true class")
    figure.supxlabel("predicted class (cells: % of the true class)", fontsize=NAME)
    write_title(figure, "Confusion matrices", attrs)
    return figure


def plot_reliability(
    reliabilities: pd.DataFrame, calibration: pd.DataFrame, attrs: Mapping[str, Any]
) -> Figure:
    """Draw reliability diagrams: how often predictions are right, by how sure they are.

    Parameters
    ----------
    reliabilities, calibration : pandas.DataFrame
        From :mod:`classifier.calibration_tables`.
    attrs : mapping

    Returns
    -------
    matplotlib.figure.Figure
        Grey bars are the 95 % range under perfect calibration; bins with fewer than five pictures
        are not drawn. The ECE stands with the upper end of the band for perfect calibration.
    """
    splits, methods = _both(reliabilities)
    figure, axes = new_page(DOUBLE, 24 + 43 * len(splits), len(splits), len(methods))
    for number, ax in enumerate(axes):
        split, method = splits[number // len(methods)], methods[number % len(methods)]
        part = _of(reliabilities, method, split)
        part = part[part["pictures"] >= _FEWEST]
        ax.plot([0, 1], [0, 1], color="0.6", lw=0.7, zorder=1)
        after = part[part["probabilities"] == "calibrated"]
        ax.vlines(after["confidence"], after["band_low"], after["band_high"], color="0.75", lw=4)
        before = part[part["probabilities"] == "raw"]
        ax.plot(
            before["confidence"], before["accuracy"], "--", color="0.35", lw=0.9, marker="o",
            ms=2.2, mfc="white",
        )  # fmt: skip
        colour = METHOD_STYLE[method][0]
        ax.plot(
            after["confidence"], after["accuracy"], "-", color=colour, lw=1.1, marker="o", ms=2.8
        )
        pictures = after["pictures"].to_numpy(float)
        ax.bar(
            after["lower"], 0.16 * pictures / pictures.max(), align="edge", zorder=0,
            width=(after["upper"] - after["lower"]), color="0.85", lw=0,
        )  # fmt: skip
        ece = _of(calibration, method, split)
        ece = ece[(ece["measure"] == "ece") & (ece["probabilities"] == "calibrated")]
        value, perfect = (float(ece[column].iloc[0]) for column in ("value", "night_high"))
        ax.set(xlim=(0, 1), ylim=(0, 1), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1], aspect="equal")
        if number < len(axes) - len(methods):
            ax.set_xticklabels([])
        if number % len(methods):
            ax.set_yticklabels([])
        _head(ax, method, split, number, methods, "share right")
        title = f"{ax.get_title()}\n" if number < len(methods) else ""
        ax.set_title(f"{title}ECE {value:.3f} (perfect: < {perfect:.3f})", fontsize=TEXT)
    figure.supxlabel(
        "confidence. Grey bars: 95 % range of a perfectly calibrated model; grey area: pictures",
        fontsize=NAME,
    )
    handles = [
        Line2D([], [], ls="--", marker="o", ms=2.2, mfc="white", color="0.35", lw=0.9),
        Line2D([], [], ls="-", marker="o", ms=2.8, color="0.1", lw=1.1),
    ]
    figure.legend(
        handles, ["before temperature", "calibrated"], loc="outside upper right", fontsize=TEXT,
        frameon=False, ncols=2, borderpad=0, handlelength=2,
    )  # fmt: skip
    write_title(figure, "Reliability", attrs)
    return figure


def plot_coverage(coverages: pd.DataFrame, attrs: Mapping[str, Any]) -> Figure:
    """Draw the accuracy that is reached when the least certain pictures are left out.

    Parameters
    ----------
    coverages : pandas.DataFrame
        From :func:`classifier.calibration_tables.coverages`.
    attrs : mapping

    Returns
    -------
    matplotlib.figure.Figure
    """
    splits, methods = _both(coverages)
    figure, axes = new_page(SINGLE if len(splits) < 3 else DOUBLE, 68, 1, len(splits))
    lowest = 100 * float(coverages["accuracy"].min())
    for number, ax in enumerate(axes):
        for method in methods:
            part = _of(coverages, method, splits[number])
            colour, marker = METHOD_STYLE[method]
            ax.plot(
                100 * part["coverage"], 100 * part["accuracy"], color=colour, lw=1.2,
                marker=marker, ms=3.5, markevery=(15, 20), mec="white", mew=0.3,
                label=METHOD_NAMES[method],
            )  # fmt: skip
        ax.set(xlim=(0, 100), ylim=(min(95.0, 5 * np.floor(lowest / 5)), 100.5))
        ax.set_xticks([0, 25, 50, 75, 100])
        ax.grid(color="0.92", lw=0.5)
        ax.set_title(_split_name(splits[number]), fontsize=NAME)
        ax.set_xlabel("surest pictures kept (%)", fontsize=NAME)
        if number:
            ax.set_yticklabels([])
    axes[0].set_ylabel("accuracy (%)", fontsize=NAME)
    _legend(figure, axes[0], columns=2 if len(splits) < 3 else 4)
    write_title(figure, "Coverage and accuracy", attrs)
    return figure


def plot_labels(labels: pd.DataFrame, attrs: Mapping[str, Any], score: str = "accuracy") -> Figure:
    """Draw a score by the number of labelled pictures.

    Parameters
    ----------
    labels : pandas.DataFrame
        From :mod:`classifier.label_efficiency`.
    attrs : mapping
    score : str

    Returns
    -------
    matplotlib.figure.Figure
        Bars are one standard deviation over folds and runs.
    """
    part = labels[labels["score"] == score]
    units = _there(part, "unit", _UNITS)
    methods = _there(part, "method", METHOD_NAMES)
    figure, axes = new_page(SINGLE, 68, 1, len(units))
    for number, ax in enumerate(axes):
        for shift, method in enumerate(methods):
            rows = part[(part["unit"] == units[number]) & (part["method"] == method)]
            each = rows.groupby("fraction")[["labelled", "value"]].agg(["mean", "std"])
            colour, marker = METHOD_STYLE[method]
            # side by side where bars would hide each other
            x = each["labelled", "mean"] * 1.07 ** (shift - (len(methods) - 1) / 2)
            ax.errorbar(
                x, 100 * each["value", "mean"], 100 * each["value", "std"].fillna(0.0),
                color=colour, lw=1.1, elinewidth=0.8, marker=marker, ms=3.8, mec="white", mew=0.3,
                label=METHOD_NAMES[method],
            )  # fmt: skip
        ax.set_xscale("log")
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        ax.grid(color="0.92", lw=0.5)
        ax.set_title(_UNITS[units[number]], fontsize=NAME)
        ax.set_xlabel("labelled pictures", fontsize=NAME)
    sides = np.array([[*ax.get_xlim(), *ax.get_ylim()] for ax in axes])
    for number, ax in enumerate(axes):
        ax.set_xlim(sides[:, 0].min(), sides[:, 1].max())
        ax.set_ylim(max(0.0, sides[:, 2].min()), min(100.0, sides[:, 3].max()))
        if number:
            ax.set_yticklabels([])
    split = str(part["split"].iloc[0])
    words = f"{score.replace('_', ' ')} (%), {_split_name(split)}"
    axes[0].set_ylabel(words, fontsize=NAME)
    _legend(figure, axes[0], columns=2)
    write_title(figure, "Need of labels", attrs)
    return figure


def _head(
    ax: Axes, method: str, split: str, number: int, methods: Sequence[str], name: str
) -> None:
    """Name the method above the first row, and the split beside the first column."""
    if number < len(methods):
        ax.set_title(METHOD_NAMES[method], fontsize=NAME)
    if number % len(methods) == 0:
        ax.set_ylabel(f"{_split_name(split)}\n{name}", fontsize=NAME)


def _legend(figure: Figure, ax: Axes, columns: int) -> None:
    handles, names = ax.get_legend_handles_labels()
    figure.legend(
        handles, names, loc="outside lower center", ncols=min(columns, len(names)),
        fontsize=TEXT, frameon=False, handlelength=2, columnspacing=1.2, borderpad=0.2,
    )  # fmt: skip


def _split_name(split: str) -> str:
    return SPLIT_NAMES.get(split, split)


def _there(table: pd.DataFrame, column: str, known: Mapping[str, Any]) -> list[str]:
    """Return which of the known values occur, in their order."""
    found = set(table[column])
    return [name for name in known if name in found]


def _both(table: pd.DataFrame) -> tuple[list[str], list[str]]:
    return _there(table, "split", SPLIT_NAMES), _there(table, "method", METHOD_NAMES)


def _of(table: pd.DataFrame, method: str, split: str) -> pd.DataFrame:
    return table[(table["method"] == method) & (table["split"] == split)]
