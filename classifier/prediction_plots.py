"""Figures of predictions: how often each class is found, and pictures that were taken for another.

All is read from the out-of-fold predictions of :mod:`classifier.predictions`, or from
:func:`classifier.evaluation_tables.class_scores` of them. The title says when data are simulated.
Figures are made without pyplot and without its settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from auroral_stats.errors import DataError, UsageError
from auroral_stats.labels import CLASSES
from classifier._page import CLASS_STYLE, DOUBLE, SINGLE, TEXT, new_page, write_title
from classifier.evaluation_names import METHOD_NAMES, SPLIT_NAMES
from classifier.evaluation_plots import METHOD_STYLE
from classifier.predictions import probabilities

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from classifier.training_images import LabelledImages

__all__ = ["confident_mistakes", "plot_class_accuracy", "plot_mistakes"]

_ACROSS = 4  # mistakes in a row


def plot_class_accuracy(
    scores: pd.DataFrame, attrs: Mapping[str, Any], split: str | None = None
) -> Figure:
    """Draw the share of each class that each method finds, with intervals by station-nights.

    Parameters
    ----------
    scores : pandas.DataFrame
        From :func:`classifier.evaluation_tables.class_scores`.
    attrs : mapping
        What made them.
    split : str, optional
        Where there are several; by default one that does not leak, if there is one.

    Returns
    -------
    matplotlib.figure.Figure
        The recall of each class, as figure 7 of Kvammen et al. 2020.

    Raises
    ------
    UsageError
        If there is no such split.
    """
    there = list(dict.fromkeys(scores["split"]))
    chosen = split or next((name for name in there if name != "official"), there[0])
    if chosen not in there:
        raise UsageError(f"split is {chosen!r}; expected one of {', '.join(there)}.")
    part = scores[(scores["score"] == "recall") & (scores["split"] == chosen)]
    methods = [name for name in METHOD_NAMES if name in set(part["method"])]
    figure, (ax,) = new_page(SINGLE, 70, 1, 1)
    for number, method in enumerate(methods):
        rows = part[part["method"] == method].set_index("class").reindex(list(CLASSES))
        value, low, high = (100 * rows[c].to_numpy(float) for c in ("pooled", "ci_low", "ci_high"))
        x = np.arange(len(CLASSES)) + 0.8 * ((number + 0.5) / len(methods) - 0.5)
        colour, marker = METHOD_STYLE[method]
        ax.vlines(x, low, high, color=colour, lw=1.2)
        ax.plot(x, value, ls="", color=colour, marker=marker, ms=4.5, mec="white", mew=0.4,
                label=METHOD_NAMES[method])  # fmt: skip
    for edge in np.arange(len(CLASSES) - 1) + 0.5:
        ax.axvline(edge, color="0.9", lw=0.5)
    support = part[part["method"] == methods[0]].set_index("class")["support"]
    names = [f"{name}\n({support[name]:.0f})" for name in CLASSES]
    ax.set_xticks(range(len(CLASSES)), names)
    ax.tick_params(axis="x", length=0)
    ax.set(xlim=(-0.5, len(CLASSES) - 0.5), ylim=(min(50.0, ax.get_ylim()[0]), 100.5))
    ax.grid(axis="y", color="0.92", lw=0.5)
    ax.set_ylabel("share of the class found (%)")
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=2, fontsize=TEXT, frameon=False,
        columnspacing=1.2, borderpad=0.2, handletextpad=0.2,
    )  # fmt: skip
    write_title(figure, "Accuracy by class", attrs, f"split: {SPLIT_NAMES.get(chosen, chosen)}")
    return figure


def confident_mistakes(predictions: pd.DataFrame, count: int = 8) -> pd.DataFrame:
    """Return pictures that were taken for another class, the surest first.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Of one method, split and run; see :mod:`classifier.predictions`.
    count : int

    Returns
    -------
    pandas.DataFrame
        Rows of ``predictions``: first one of each kind of mistake and each station-night, then
        others, so that near copies do not fill the list.

    Raises
    ------
    DataError
        If a picture is predicted more than once.
    """
    if predictions["picture"].duplicated().any():
        raise DataError(
            "predictions hold a picture more than once; choose one method, split and run of them."
        )
    wrong = predictions[predictions["true"] != predictions["predicted"]]
    sure = probabilities(wrong).max(axis=1) if len(wrong) else np.empty(0)
    wrong = wrong.iloc[np.argsort(-sure, kind="stable")]
    columns = (wrong[name] for name in ("true", "predicted", "site", "night"))
    keys = [((t, p), (s, n)) for t, p, s, n in zip(*columns, strict=True)]
    kinds: set[tuple[str, str]] = set()
    nights: set[tuple[str, str]] = set()
    order: list[int] = []
    for new_kinds in (True, False):
        for row, (kind, night) in enumerate(keys):
            if night not in nights and not (new_kinds and kind in kinds):
                order.append(row)
                kinds.add(kind)
                nights.add(night)
    taken = set(order)
    rest = [row for row in range(len(keys)) if row not in taken]
    return wrong.iloc[[*order, *rest][:count]]


def plot_mistakes(
    images: LabelledImages, mistakes: pd.DataFrame, attrs: Mapping[str, Any]
) -> Figure:
    """Draw pictures that were taken for another class, with their probabilities.

    Parameters
    ----------
    images : LabelledImages
        That hold these pictures.
    mistakes : pandas.DataFrame
        From :func:`confident_mistakes`.
    attrs : mapping

    Returns
    -------
    matplotlib.figure.Figure
        As figure 6 of Kvammen et al. 2020. The name of the label is bold.

    Raises
    ------
    DataError
        If a picture is not among the images.
    """
    where = {int(number): i for i, number in enumerate(images.picture)}
    lacking = [number for number in mistakes["picture"] if int(number) not in where]
    if lacking:
        raise DataError(f"picture {lacking[0]} is not among the images; load the same set.")
    down = max(1, -(-len(mistakes) // _ACROSS))
    figure, axes = new_page(
        DOUBLE, 13 + 27.5 * down, down, 2 * _ACROSS, width_ratios=[1, 0.72] * _ACROSS
    )
    for ax in axes:
        ax.set_axis_off()
    p = probabilities(mistakes)
    columns = (mistakes[name] for name in ("picture", "true", "predicted", "site", "night"))
    for number, (picture, true, predicted, site, night) in enumerate(zip(*columns, strict=True)):
        left, right = axes[2 * number], axes[2 * number + 1]
        pixels = images.images[where[int(picture)]][0].numpy()
        left.imshow(pixels, cmap="gray", vmin=0, vmax=255)
        left.set_title(f"{true} → {predicted}\n{site} {night}", fontsize=TEXT, loc="left")
        _bars(right, p[number], true)
    names = [METHOD_NAMES.get(name, name) for name in dict.fromkeys(mistakes["method"])]
    words = "Mistakes (label → prediction), the surest first"
    write_title(figure, words, attrs, ", ".join(names))
    return figure


def _bars(ax: Axes, p: np.ndarray[Any, Any], true: str) -> None:
    """Draw the probabilities of the classes as bars."""
    ax.set_axis_on()
    bars = ax.barh(CLASSES, p, color=[CLASS_STYLE[name][0] for name in CLASSES], height=0.75)
    ax.bar_label(bars, [f"{value:.2f}" for value in p], fontsize=TEXT, padding=2)
    ax.set(xlim=(0, 1.75), xticks=[], box_aspect=1.7)
    ax.invert_yaxis()
    ax.tick_params(length=0, pad=1)
    ax.get_yticklabels()[CLASSES.index(true)].set_fontweight("bold")
    ax.spines[["bottom"]].set_visible(False)
