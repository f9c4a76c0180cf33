"""Figures of the agreement of two label stores, lettered and sized for the page of a journal.

Everything drawn is read from the result; nothing is computed here but positions on the page. Figures
are made without pyplot; :func:`auroral_stats.figure_files.save_figure` writes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_lowercase
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from auroral_stats._figures.lettering import marked
from auroral_stats._figures.page import letter_around, new_figure, plain, width_of, write_on
from auroral_stats._figures.style import DARK, DOUBLE, GREY, NAME, TEXT
from auroral_stats.agreement_tables import check_agreement
from auroral_stats.errors import UsageError
from auroral_stats.provenance import parameters_of
from auroral_stats.screen_agreement import kappa_text

__all__ = ["figure", "plot_kappa", "plot_matrix"]

#: Height of a row of the panels of kappa, mm, and what a panel needs beside its rows.
_ROW, _FRAME = 4.2, 9.0
#: An interval is drawn no further than this beyond the least and the largest kappa.
_BEYOND = 0.3
#: Least height of the panels, mm.
_MATRIX = 78.0


def figure(result: xr.Dataset) -> Figure:
    """Return the matrix of both labels, and beside it kappa by each grouping.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`auroral_stats.agreement.agreement`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    UsageError
        If it is no such result.
    """
    check_agreement(result)
    made = new_figure(DOUBLE)
    groupings = _groupings(result)
    rows = [_ROW * int((result["by"] == by).sum()) + _FRAME for by in groupings]
    height = max(_MATRIX, sum(rows))
    if groupings:
        left, right = made.subfigures(1, 2, squeeze=False, width_ratios=(1.12, 1.0))[0]
        panels = right.subplots(len(rows), 1, squeeze=False, height_ratios=rows)[:, 0]
    else:
        left, panels = made.subfigures(1, 1), []
    matrix = left.subplots()
    plot_matrix(result, matrix)
    matrix.set_anchor("N")
    matrix.set_title("a", loc="left", fontsize=NAME, fontweight="bold", pad=3)
    for place, (by, ax) in enumerate(zip(groupings, panels, strict=True)):
        ax.set_xlim(*_kappa_limits(result))
        plot_kappa(result, by, ax)
        title = f"{ascii_lowercase[place + 1]}  by {by}"
        ax.set_title(title, loc="left", fontsize=NAME, fontweight="bold", pad=3)
        if place < len(panels) - 1:
            ax.set_xlabel("")
    letter_around(
        made,
        result.attrs,
        title=marked("Agreement of labels", result.attrs),
        subtitle=_subtitle(result),
        notes=_notes(result),
        handles=_legend(result),
        height=height,
    )
    return made


def plot_matrix(result: xr.Dataset, ax: Axes | None = None, **kwargs: Any) -> dict[str, Axes]:
    """Draw the matrix of both labels: shares of the rows in percent, and frames below.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`auroral_stats.agreement.agreement`.
    ax : matplotlib Axes, optional
        Draw here and nothing else.
    **kwargs
        For :meth:`matplotlib.axes.Axes.imshow`, such as ``cmap``.

    Returns
    -------
    dict
        The Axes, under ``"matrix"``.

    Raises
    ------
    UsageError
        If it is no such result.

    Examples
    --------
    >>> panels = plot_matrix(result)                                # doctest: +SKIP
    """
    check_agreement(result)
    panel = new_figure(DOUBLE / 2).subplots() if ax is None else ax
    every = result.isel(group=0)
    share, counts = 100 * every["share"].to_numpy(), every["counts"].to_numpy()
    names = [str(name) for name in result["label"].to_numpy()]
    # One hue from light to dark, whose darkest fifth is left out so that numbers stay legible.
    style: dict[str, Any] = {
        "cmap": "Blues",
        "vmin": 0.0,
        "vmax": 120.0,
        "aspect": "equal",
    } | kwargs
    drawn = panel.imshow(np.nan_to_num(share), **style)
    for (row, column), value in np.ndenumerate(share):
        red, green, blue, _ = drawn.cmap(drawn.norm(np.nan_to_num(value)))
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.55
        colour = "white" if dark else "0.1"
        text = "–" if np.isnan(value) else f"{value:.0f}" if value >= 0.5 or not value else "< 1"
        common: dict[str, Any] = {"ha": "center", "color": colour}
        panel.text(column, row - 0.02, text, va="bottom", fontsize=NAME + 1, **common)
        panel.text(
            column, row + 0.06, f"{counts[row, column]:,}", va="top", fontsize=TEXT, **common
        )
    panel.set_xticks(range(len(names)), names, fontsize=TEXT)
    panel.set_yticks(range(len(names)), names, fontsize=TEXT)
    panel.set_xticks(np.arange(len(names) - 1) + 0.5, minor=True)
    panel.set_yticks(np.arange(len(names) - 1) + 0.5, minor=True)
    panel.grid(which="minor", color="white", linewidth=0.8)
    panel.tick_params(which="both", length=0)
    panel.spines[:].set_visible(False)
    write_on(panel.set_xlabel, f"B: {result.attrs['name_b']}", fontsize=NAME)
    write_on(panel.set_ylabel, f"A: {result.attrs['name_a']}", fontsize=NAME)
    return {"matrix": panel}


def plot_kappa(
    result: xr.Dataset, by: str, ax: Axes | None = None, **kwargs: Any
) -> dict[str, Axes]:
    """Draw kappa of each group with its 95 % interval, across that of all frames.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`auroral_stats.agreement.agreement`.
    by : str
        Which grouping of the result, such as ``"site"``.
    ax : matplotlib Axes, optional
        Draw here and nothing else, within the limits of its x axis; the numbers are written to the
        right of the Axes.
    **kwargs
        For :meth:`matplotlib.axes.Axes.plot` of the points.

    Returns
    -------
    dict
        The Axes, under ``by``. Open points have no interval; an arrow ends one that goes on beyond
        the axis.

    Raises
    ------
    UsageError
        If it is no such result, or was not made by this grouping.

    Examples
    --------
    >>> panels = plot_kappa(result, "month")                        # doctest: +SKIP
    """
    check_agreement(result)
    if by not in _groupings(result):
        raise UsageError(
            f"this result is not by {by}, but by {', '.join(_groupings(result)) or 'nothing'}; "
            "name it in by= of agreement()."
        )
    panel = new_figure(DOUBLE / 2).subplots() if ax is None else ax
    part = result.isel(group=(result["by"] == by).to_numpy())
    value, low, high = (part[f"kappa{end}"].to_numpy() for end in ("", "_low", "_high"))
    place = np.arange(value.size)
    every = result.isel(group=0)
    if np.isfinite(every["kappa_low"]):
        limits = float(every["kappa_low"]), float(every["kappa_high"])
        panel.axvspan(*limits, color="0.92", linewidth=0, zorder=0)
    panel.axvline(float(every["kappa"]), color=GREY, linewidth=0.9, zorder=1)
    known = np.isfinite(low)
    if ax is None:
        panel.set_xlim(*_kappa_limits(part))
    left, right = panel.get_xlim()
    beyond: dict[str, Any] = {"color": DARK, "markersize": 3.0, "linestyle": "none", "zorder": 3}
    for marker, edge, rows in (("<", left, low < left), (">", right, high > right)):
        if rows.any():
            panel.plot(np.full(rows.sum(), edge), place[rows], marker, clip_on=False, **beyond)
    panel.hlines(place[known], low[known], high[known], color=DARK, linewidth=1.3, zorder=2)
    style: dict[str, Any] = {"color": DARK, "marker": "o", "markersize": 4.0, "linestyle": "none"}
    panel.plot(value[known], place[known], **(style | {"zorder": 3} | kwargs))
    if not known.all():
        panel.plot(value[~known], place[~known], markerfacecolor="white", zorder=3, **style)
    panel.set_ylim(value.size - 0.4, -0.6)
    panel.set_yticks(place, [str(name) for name in part["value"].to_numpy()], fontsize=TEXT)
    plain(panel)
    panel.grid(visible=False)
    panel.grid(axis="x", linewidth=0.4, color="0.9")
    panel.tick_params(axis="y", length=0)
    panel.spines["left"].set_visible(False)
    panel.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10], min_n_ticks=3))
    _write_beside(panel, part)
    write_on(panel.set_xlabel, "Cohen's kappa", fontsize=NAME)
    return {by: panel}


def _write_beside(ax: Axes, part: xr.Dataset) -> None:
    """Write kappa with its limits, and the number of nights, to the right of each group."""
    ends = [part[f"kappa{end}"].to_numpy() for end in ("", "_low", "_high")]
    texts = [" ".join(kappa_text(*one)).strip() for one in zip(*ends, strict=True)]
    columns = {
        "": [text.replace("-", "−").replace(",", ", ") for text in texts],
        "nights": [f"{int(nights):,}" for nights in part["nights"].to_numpy()],
    }
    style: dict[str, Any] = {
        "textcoords": "offset points",
        "fontsize": TEXT,
        "annotation_clip": False,
    }
    shift = 6.0
    for heading, cells in columns.items():
        wide = max(width_of(text, TEXT) for text in [*cells, heading])
        side: dict[str, Any] = {"ha": "right" if heading else "left"}
        x = shift + wide if heading else shift
        for row, text in enumerate(cells):
            place: dict[str, Any] = {"xycoords": ax.get_yaxis_transform(), "va": "center"}
            ax.annotate(text, (1, row), xytext=(x, 0), color=DARK, **side, **place, **style)
        place = {"xycoords": "axes fraction", "va": "bottom"}
        ax.annotate(heading, (1, 1), xytext=(x, 3), color="0.35", **side, **place, **style)
        shift += wide + 10.0


def _groupings(result: xr.Dataset) -> list[str]:
    """Return what the result is parted by."""
    return list(dict.fromkeys(map(str, result["by"].to_numpy()[1:])))


def _kappa_limits(result: xr.Dataset) -> tuple[float, float]:
    """Return the limits of the axis: every kappa, and intervals as far as they are of use."""
    value, low, high = (result[f"kappa{end}"].to_numpy() for end in ("", "_low", "_high"))
    value, ends = value[np.isfinite(value)], np.concatenate([value, low, high])
    ends = ends[np.isfinite(ends)]
    if not value.size:
        return 0.0, 1.0
    first = max(float(ends.min()), float(value.min()) - _BEYOND)
    last = min(float(ends.max()), float(value.max()) + _BEYOND)
    room = 0.04 * max(last - first, 0.2)
    return first - room, last + room


def _subtitle(result: xr.Dataset) -> str:
    """Return what was compared and how."""
    attrs, chosen = result.attrs, parameters_of(result.attrs)
    every = result.isel(group=0)
    agreed = " ".join(kappa_text(*(float(every[f"kappa{end}"]) for end in ("", "_low", "_high"))))
    seconds = chosen["tolerance"]
    within = f"nearest within {seconds:g} s" if seconds else "same time to the ms"
    parts = [
        f"A: {attrs['name_a']}, B: {attrs['name_b']}",
        f"{int(every['frames']):,} frames in both ({within})",
        f"{int(every['nights'])} nights, {attrs['first_night']} to {attrs['last_night']}",
        f"agreement {100 * float(every['agreement']):.1f} %",
        f"by chance {100 * float(every['chance']):.1f} %",
        f"kappa {agreed.strip().replace(',', ', ')}",
    ]
    return "; ".join(parts)


def _notes(result: xr.Dataset) -> list[str]:
    """Return what must be known beside the panels."""
    every = result.isel(group=0)
    notes = [
        "Cells: % of the frames of the row, and below it frames.",
        "Intervals: 95 % jackknife by nights, within the winters observed.",
        f"In A alone: {int(every['alone_a']):,} frames; in B alone: {int(every['alone_b']):,}.",
    ]
    if parameters_of(result.attrs)["classes"] == "usable":
        left = int(every["left_out"])
        notes.append(f"Left out, cloudy or moon by either label: {left:,} frames.")
    return notes


def _legend(result: xr.Dataset) -> Sequence[Any]:
    """Return the entries of the legend."""
    if not _groupings(result):
        return [Patch(color="#6AAED6", label="share of the frames of the row")]
    point: dict[str, Any] = {"color": DARK, "marker": "o", "markersize": 4.0}
    handles: list[Any] = [
        Line2D([], [], label="group, 95 % interval", linewidth=1.3, **point),
        Line2D([], [], label="all frames", color=GREY, linewidth=0.9),
        Patch(color="0.92", label="its 95 % interval"),
    ]
    if (result["kappa"].notnull() & result["kappa_low"].isnull()).any():
        open_point = point | {"markerfacecolor": "white", "linestyle": "none"}
        handles.append(Line2D([], [], label="too few nights for an interval", **open_point))
    return handles
