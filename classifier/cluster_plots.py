"""Figures of clusters: how many, what they hold, what they look like, and where they lie.

Everything drawn is read from the tables of :mod:`classifier.clusters` and
:mod:`classifier.cluster_tables`, or is a picture. The title says when data are simulated. Figures
are made without pyplot and without its settings, so they work without a display and in threads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from auroral_stats.labels import CLASSES
from classifier._page import CLASS_STYLE, DOUBLE, NAME, TEXT, new_page, write_title

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_clusters", "plot_map", "plot_mosaic", "plot_numbers"]

#: Names, colours (Tol's high-contrast set) and markers of the curves.
_SILHOUETTES = {
    "silhouette": ("all pictures", "#004488", "o"),
    "silhouette_apart": ("other station-nights only", "#BB5566", "s"),
}
_AGREEMENTS = {
    "seed_agreement": ("with other seeds", "#004488", "o"),
    "night_agreement": ("one half of the nights with the other", "#BB5566", "s"),
    "adjusted_rand": ("with the classes", "#DDAA33", "D"),
}
_SIDE, _HIGHEST = 26.0, 225.0  # mm beside a mosaic, and its greatest height
_THUMBNAIL, _AWAY = 40, 34.0  # pixels, points


def plot_numbers(table: pd.DataFrame, attrs: Mapping[str, Any]) -> Figure:
    """Draw silhouette and agreement by the number of clusters, beside those of the classes.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`classifier.clusters.compare_numbers`.
    attrs : mapping
        What made it.

    Returns
    -------
    matplotlib.figure.Figure
    """
    classes = table[table["partition"] == "classes"].iloc[0]
    part = table[table["partition"] == "k-means"]
    figure, axes = new_page(DOUBLE, 66, 1, 2)
    for ax, curves in zip(axes, (_SILHOUETTES, _AGREEMENTS), strict=True):
        for column, (name, colour, marker) in curves.items():
            ax.plot(
                part["k"], part[column], color=colour, marker=marker, ms=4, lw=1.1, mec="white",
                mew=0.3, label=name,
            )  # fmt: skip
            if curves is _SILHOUETTES:
                ax.axhline(classes[column], color=colour, lw=0.9, ls=":")
        if curves is _SILHOUETTES:
            ax.plot([], [], color="0.3", lw=0.9, ls=":", label="of the classes")
        ax.set_xticks(part["k"].to_list())
        ax.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        ax.set_xlabel("number of clusters k")
        ax.grid(color="0.92", lw=0.5)
        ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]))
        ax.legend(fontsize=TEXT, frameon=False, borderpad=0, loc="best", handlelength=1.6)
    axes[0].set_ylabel("mean silhouette")
    # room for the legend above
    axes[1].set_ylim(top=1.42)
    axes[1].set_yticks(np.linspace(0, 1, 6))
    axes[1].set_ylabel("adjusted Rand index")
    best = [part.iloc[int(part[column].to_numpy().argmax())]["k"] for column in _SILHOUETTES]
    words = f"largest silhouette at k = {best[0]}, of other station-nights at k = {best[1]}"
    write_title(figure, "Number of clusters", attrs, words)
    return figure


def plot_clusters(counts: pd.DataFrame, nights: pd.DataFrame, attrs: Mapping[str, Any]) -> Figure:
    """Draw the classes of each cluster as a matrix, with the station-nights behind it.

    Parameters
    ----------
    counts, nights : pandas.DataFrame
        From :func:`classifier.cluster_tables.cluster_classes` and
        :func:`classifier.cluster_tables.cluster_nights`.
    attrs : mapping

    Returns
    -------
    matplotlib.figure.Figure
        Cells are numbers of pictures, shaded by their share of the cluster.
    """
    k = len(nights)
    matrix, share = (
        counts.pivot(index="cluster", columns="class", values=name)[list(CLASSES)].to_numpy(float)
        for name in ("pictures", "share_of_cluster")
    )
    beside = ["pictures", "station-\nnights", "effective\nnights", "largest\nnight (%)"]
    figure, axes = new_page(
        DOUBLE * 0.72, 32 + 5.2 * k, 1, 2, width_ratios=[len(CLASSES), len(beside)]
    )
    axes[0].imshow(share, cmap="Blues", vmin=0, vmax=1.15, aspect="auto")
    for (i, j), value in np.ndenumerate(matrix):
        if value:
            colour = "white" if share[i, j] > 0.65 else "0.15"
            _cell(axes[0], j, i, f"{value:.0f}", colour)
    axes[0].set_ylabel("cluster")
    axes[0].set_yticks(range(k), [str(n) for n in nights["cluster"]])
    axes[0].set_xticks(range(len(CLASSES)), CLASSES)
    axes[1].set(xlim=(-0.5, len(beside) - 0.5), ylim=(k - 0.5, -0.5))
    axes[1].set_xticks(range(len(beside)), beside)
    axes[1].set_yticks([])
    rows: list[Any] = nights.to_dict("records")
    for i, row in enumerate(rows):
        largest = 100 * row["largest_share"]
        texts = (
            f"{row['pictures']:,}", f"{row['station_nights']}", f"{row['effective_nights']:.1f}",
            f"{largest:.0f}",
        )  # fmt: skip
        for j, text in enumerate(texts):
            # half the pictures from one night: no form of the aurora
            alone = largest > 50 and j == 3
            style = {"fontweight": "bold", "color": "#BB5566"} if alone else {}
            _cell(axes[1], j, i, text, **style)
    for ax in axes:
        ax.tick_params(length=0)
        ax.spines[["left", "bottom"]].set_visible(False)
    write_title(figure, "Classes of the clusters", attrs)
    return figure


def plot_mosaic(
    images: ArrayLike,
    rows: Sequence[NDArray[np.integer[Any]]],
    label: ArrayLike,
    attrs: Mapping[str, Any],
    *,
    names: Sequence[str],
    words: str = "Pictures nearest the centres of the clusters",
) -> Figure:
    """Draw rows of pictures, such as those nearest to the centre of each cluster.

    Parameters
    ----------
    images : array_like of uint8, (n, 1, size, size)
        All pictures.
    rows : sequence of ndarray of int
        Which of them stand in each row; empty rows are left out.
    label : array_like of int, (n,)
        Class of each picture, written above it.
    attrs : mapping
    names : sequence of str
        What to write beside each row.
    words : str
        Title.

    Returns
    -------
    matplotlib.figure.Figure
        As figures 4 and 5 of Johnson et al. 2021.
    """
    y, drawn = np.asarray(label), [(n, r) for n, r in zip(names, rows, strict=True) if len(r)]
    columns = max((len(found) for _, found in drawn), default=1)
    side = min((DOUBLE - _SIDE) / columns, _HIGHEST / max(len(drawn), 1) - 3.4)
    figure, axes = new_page(DOUBLE, 13 + (side + 3.4) * len(drawn), len(drawn) or 1, columns)
    for number, ax in enumerate(axes):
        ax.set_axis_off()
        if not drawn:
            continue
        (name, found), column = drawn[number // columns], number % columns
        if column == 0:
            ax.text(
                -0.12, 0.5, name, transform=ax.transAxes, fontsize=TEXT, ha="right", va="center"
            )
        if column < len(found):
            i = int(found[column])
            of_class = CLASSES[int(y[i])]
            ax.imshow(_pixels(images, i), cmap="gray", vmin=0, vmax=255)
            ax.set_title(of_class, fontsize=TEXT, pad=2)
            ax.set_axis_on()
            ax.set(xticks=[], yticks=[])
            for spine in ax.spines.values():
                spine.set(visible=True, color=CLASS_STYLE[of_class][0], linewidth=1.4)
    write_title(figure, words, attrs)
    return figure


def plot_map(
    place: ArrayLike,
    label: ArrayLike,
    attrs: Mapping[str, Any],
    *,
    perplexity: float,
    images: ArrayLike | None = None,
    shown: ArrayLike = (),
    cluster: ArrayLike | None = None,
) -> Figure:
    """Draw a map of pictures by class, with some of the pictures on it.

    Parameters
    ----------
    place : array_like, (n, 2)
        From :func:`classifier.tsne.tsne_map`.
    label : array_like of int, (n,)
    attrs : mapping
    perplexity : float
        Of the map; stated in the title.
    images : array_like of uint8, (n, 1, size, size), optional
    shown : array_like of int
        Which pictures are drawn, framed in the colour of their class.
    cluster : array_like of int, (n,), optional
        Their numbers are written at the medians of their pictures.

    Returns
    -------
    matplotlib.figure.Figure
        As figure 5 of Kvammen et al. 2020. Axes have neither unit nor meaning and no ticks.
    """
    xy, y = np.asarray(place, dtype=np.float64), np.asarray(label)
    figure, (ax,) = new_page(DOUBLE, 135, 1, 1)
    # in one order at random, so that no class lies on top of another
    order = np.random.default_rng(0).permutation(len(xy))
    for code, name in enumerate(CLASSES):
        rows = order[y[order] == code]
        if rows.size:
            colour, marker = CLASS_STYLE[name]
            ax.scatter(
                xy[rows, 0], xy[rows, 1], s=7, c=colour, marker=marker, lw=0, alpha=0.75, label=name,
            )  # fmt: skip
    if images is not None:
        middle = (xy.min(axis=0) + xy.max(axis=0)) / 2
        for i in np.asarray(shown, dtype=np.int64):
            pixels = _pixels(images, int(i))
            step = max(1, pixels.shape[0] // _THUMBNAIL)
            colour = CLASS_STYLE[CLASSES[int(y[i])]][0]
            # beside the picture's place, outwards, where there are fewer others
            away = (xy[i] - middle) / max(float(np.linalg.norm(xy[i] - middle)), 1e-9)
            ax.add_artist(
                AnnotationBbox(
                    OffsetImage(pixels[::step, ::step], cmap="gray", zoom=0.6, clim=(0, 255)),
                    xy[i], xybox=tuple(_AWAY * away), boxcoords="offset points", pad=0,
                    bboxprops={"edgecolor": colour, "lw": 1.4, "boxstyle": "square,pad=0"},
                    arrowprops={"arrowstyle": "-", "lw": 0.7, "color": "0.2"},
                )
            )  # fmt: skip
    if cluster is not None:
        c = np.asarray(cluster)
        for number in np.unique(c):
            x, height = np.median(xy[c == number], axis=0)
            box_style = {"boxstyle": "circle,pad=0.15", "fc": "white", "ec": "0.2", "lw": 0.6}
            ax.text(
                x, height, str(number), fontsize=NAME, ha="center", va="center", bbox=box_style,
                zorder=5,
            )  # fmt: skip
    ax.set(xticks=[], yticks=[])
    ax.spines[["left", "bottom"]].set_visible(False)
    handles, found = ax.get_legend_handles_labels()
    figure.legend(
        handles, found, loc="outside lower center", ncols=len(found), fontsize=TEXT,
        frameon=False, markerscale=2, handletextpad=0.2, columnspacing=1.2, borderpad=0.1,
    )  # fmt: skip
    numbers = ", numbers: clusters" if cluster is not None else ""
    words = f"perplexity {perplexity:g}; distances between islands mean nothing{numbers}"
    write_title(figure, "Map of the representations (t-SNE)", attrs, words)
    return figure


def _pixels(images: ArrayLike, i: int) -> NDArray[np.uint8]:
    """Return one of the pictures, (size, size)."""
    return np.asarray(images[i][0])  # type: ignore[index]


def _cell(ax: Axes, x: float, y: float, text: str, colour: str = "0.15", **style: Any) -> None:
    ax.text(
        x, y, text, **{"ha": "center", "va": "center", "fontsize": TEXT, "color": colour, **style}
    )
