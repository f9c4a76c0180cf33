"""A sheet of pictures with the probabilities that a classifier gives them.

Figures are made without pyplot and without its settings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from auroral_stats.errors import DataError
from auroral_stats.labels import CLASSES
from classifier._page import CLASS_STYLE, DOUBLE, TEXT, TITLE, new_page

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_probabilities"]

_ACROSS = 4  # pictures in a row


def plot_probabilities(
    pictures: Sequence[ArrayLike], names: Sequence[str], probabilities: ArrayLike, title: str
) -> Figure:
    """Draw pictures, each with the probabilities of the classes beside it.

    Parameters
    ----------
    pictures : sequence of array_like, (size, size)
        From black 0 to white 1, as an encoder gets them.
    names : sequence of str
        What stands above each, in one or two lines.
    probabilities : array_like, (n, 6)
        In the order of :data:`auroral_stats.labels.CLASSES`.
    title : str

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        If there are no pictures, or not as many names and rows of probabilities.

    Examples
    --------
    >>> figure = plot_probabilities([np.eye(4)], ["gill"], [[0.1, 0.1, 0.1, 0.5, 0.1, 0.1]], "One")
    >>> len(figure.axes)
    8
    """
    p = np.asarray(probabilities, dtype=float)
    if not pictures or not len(pictures) == len(names) == len(p) or p.shape[1:] != (len(CLASSES),):
        raise DataError(
            f"{len(pictures)} pictures, {len(names)} names and probabilities of shape {p.shape} "
            f"came; expected one name and {len(CLASSES)} probabilities for each of one or more."
        )
    down = -(-len(pictures) // _ACROSS)
    figure, axes = new_page(
        DOUBLE, 10 + 29 * down, down, 2 * _ACROSS, width_ratios=[1, 0.72] * _ACROSS
    )
    colours = [CLASS_STYLE[name][0] for name in CLASSES]
    for ax in axes[2 * len(pictures) :]:
        ax.set_axis_off()
    for number, (picture, name) in enumerate(zip(pictures, names, strict=True)):
        left, right = axes[2 * number : 2 * number + 2]
        left.imshow(np.asarray(picture), cmap="gray", vmin=0, vmax=1)
        left.set_title(name, fontsize=TEXT, loc="left")
        left.set_axis_off()
        bars = right.barh(CLASSES, p[number], color=colours, height=0.75)
        right.bar_label(bars, [f"{value:.2f}" for value in p[number]], fontsize=TEXT, padding=2)
        right.set(xlim=(0, 1.75), xticks=[], box_aspect=1.7)
        right.invert_yaxis()
        right.tick_params(length=0, pad=1)
        right.spines[["bottom"]].set_visible(False)
    figure.suptitle(title, fontsize=TITLE, x=0.01, ha="left")
    return figure
