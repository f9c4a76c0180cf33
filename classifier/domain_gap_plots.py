"""A figure of a domain gap: accuracy at home, and distance and labels of pictures of another kind.

Everything drawn is read from the rows of :func:`classifier.domain_gap.gap_rows`. Figures are made
without pyplot and without its settings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auroral_stats.labels import CLASSES, PROBABILITY_COLUMNS
from classifier._page import CLASS_STYLE, DOUBLE, TEXT, TITLE, new_page
from classifier.domain_gap import AT_HOME

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["MOST_GROUPS", "plot_gap"]

#: Groups of other pictures that are drawn.
MOST_GROUPS = 6

_SCENES = "^sDvP*<>hX"
_DARK = "0.1"


def plot_gap(rows: pd.DataFrame, title: str, home: str, other: str) -> Figure:
    """Draw what several classifiers do at home and elsewhere.

    Parameters
    ----------
    rows : pandas.DataFrame
        The fields of :class:`classifier.domain_gap.GapRow`, and ``idea``, the name of the
        classifier.
    title : str
    home, other : str
        What the two kinds of pictures are called, such as ``SIMULATED`` and ``REAL``.

    Returns
    -------
    matplotlib.figure.Figure
        A line for each idea. Lines are 95 % intervals of accuracy; grey are the 5th to 95th
        percentile of the distances of station-nights at home.
    """
    names = list(dict.fromkeys(rows["idea"]))
    by = rows.assign(y=rows["idea"].map(names.index)).set_index("quantity")
    groups = [str(of) for of in dict.fromkeys(by.loc[[PROBABILITY_COLUMNS[0]]]["of"])]
    groups = groups[:MOST_GROUPS]
    figure, (first, second, *others) = new_page(
        DOUBLE, 40 + 5 * len(names), 1, 2 + len(groups), sharey=True,
        width_ratios=[1.4, 1.4] + [0.8] * len(groups),
    )  # fmt: skip
    _accuracies(first, by.loc[["accuracy"]])
    first.set(xlabel=f"accuracy,\n{home}", xlim=(0, 1))
    first.set_yticks(range(len(names)), names)
    first.set_ylim(len(names) - 0.4, -0.6)
    _distances(second, by.loc[["nearest"]])
    second.set(xlabel=f"distance from\n{home} (grey:\nits own nights)", xscale="log")
    for ax, group in zip(others, groups, strict=True):
        left = np.zeros(len(names))
        for name, column in zip(CLASSES, PROBABILITY_COLUMNS, strict=True):
            p = by.loc[[column]]
            value = p[p["of"] == group].sort_values("y")["value"].to_numpy(float)
            ax.barh(range(len(names)), value, left=left, color=CLASS_STYLE[name][0], label=name)
            left += value
        ax.set(xlim=(0, 1), xticks=[0, 1])
        ax.set_xlabel(group.replace(" ", "\n", 1), fontsize=TEXT)
    for ax in (second, *others):
        ax.tick_params(axis="y", length=0)
    others[len(others) // 2].set_title(f"mean probabilities, {other}", fontsize=TEXT)
    entries = [
        entry
        for ax in (first, second, others[0])
        for entry in zip(*ax.get_legend_handles_labels(), strict=True)
    ]
    handles, labels = zip(*entries, strict=True)
    figure.legend(
        handles, labels, loc="outside lower center", ncols=6, fontsize=TEXT, frameon=False,
        handlelength=1,
    )  # fmt: skip
    figure.suptitle(title, fontsize=TITLE, x=0.01, ha="left")
    return figure


def _accuracies(ax: Axes, rows: pd.DataFrame) -> None:
    for number, of in enumerate(dict.fromkeys(rows["of"])):
        part = rows[rows["of"] == of]
        if of == AT_HOME:
            ax.hlines(part["y"], part["low"], part["high"], color=_DARK, lw=1.2)
        style = {"color": _DARK, "ms": 4, "label": of, "ls": ""}
        ax.plot(part["value"], part["y"], marker="ox+1234"[number % 7], **style)


def _distances(ax: Axes, rows: pd.DataFrame) -> None:
    # the range at home is the same for all scenes of an idea
    own = rows.drop_duplicates("y")
    ax.barh(own["y"], own["high"] - own["low"], left=own["low"], color="0.85", height=0.9)
    for number, of in enumerate(dict.fromkeys(rows["of"])):
        part = rows[rows["of"] == of]
        marker = _SCENES[number % len(_SCENES)]
        ax.plot(part["value"], part["y"], marker, ms=4, mfc="none", mec=_DARK, label=of)
