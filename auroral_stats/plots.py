"""Figures of occurrence rates, lettered and sized for the page of a journal.

Everything drawn is read from the result; nothing is computed here but positions on the page. Each
class keeps its colour and marker in every figure, rates below the gate are grey, and the title
says when data are simulated. Figures are made without pyplot and without its settings, so they
work without a display, in threads, and inside figures of your own (``ax=``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from auroral_stats._figures.page import (
    legend_entries,
    length_of,
    letter,
    name_row,
    new_figure,
    plain,
    room_for,
    set_axis,
    set_map_axes,
    set_rate_limits,
    top_of,
    wrap,
    write_on,
)
from auroral_stats._figures.panels import (
    dials,
    draw_map,
    draw_rate,
    draw_secondary,
    draw_support,
    one_panel,
)
from auroral_stats._figures.reading import (
    axis_of,
    cells_of,
    check_result,
    chosen_bands,
    chosen_labels,
    curve_of,
    drawing_order,
    exposure_unit,
    support_panels,
)
from auroral_stats._figures.style import (
    ALL_BANDS,
    CLASS_STYLE,
    DOUBLE,
    GREY,
    NAME,
    SINGLE,
    SUPPORT_HEIGHT,
    TEXT,
    Panels,
)
from auroral_stats._figures.words import band_name, lower_first, rate_name, title_of
from auroral_stats.errors import UsageError
from auroral_stats.figure_files import check_figure_name, save_figure

__all__ = [
    "ALL_BANDS",
    "CLASS_STYLE",
    "check_figure_name",
    "figure",
    "plot_map",
    "plot_occurrence",
    "save_figure",
]


def figure(result: xr.Dataset) -> Figure:
    """Return the figure that suits a result: rates by one driver, or maps by two.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`auroral_stats.occurrence.occurrence`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    UsageError
        If it is no such result.
    """
    panels = (plot_map if "bin2" in result.dims else plot_occurrence)(result)
    made = next(iter(panels.values())).figure
    assert isinstance(made, Figure)
    return made


def plot_occurrence(
    result: xr.Dataset,
    ax: Axes | None = None,
    *,
    band: str | None = None,
    projection: str | None = None,
    **kwargs: Any,
) -> Panels:
    """Draw rates with their 95 % intervals by one driver.

    Without ``ax``, a figure with a row of panels for each class, a column for each latitude band,
    and below them what the rates rest on. Horizontal bars are the bins at their true widths.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`auroral_stats.occurrence.occurrence`, of one driver.
    ax : matplotlib Axes, optional
        Draw all classes side by side in these Axes, and nothing else.
    band : str, optional
        Only this latitude band, or ``"all"`` for the rate that pools them. By default each band
        that the result holds has its own column (``ax``: the pooled rate).
    projection : {"polar"}, optional
        Draw a driver that comes round again (mlt, hour, clock_angle) as dials: midnight is at the
        bottom and dawn to the right, or northward IMF at the top and +By to the right.
    **kwargs
        For :meth:`matplotlib.axes.Axes.errorbar` of the rates that pass the gate.

    Returns
    -------
    dict
        The Axes of each (class, band), and of ("exposure", band) and ("availability", band).

    Raises
    ------
    UsageError
        If the result has two drivers, or an argument does not fit it.

    Examples
    --------
    >>> panels = plot_occurrence(result)                            # doctest: +SKIP
    >>> save_figure(panels["arc", "62-70"].figure, "Bz.pdf")        # doctest: +SKIP
    """
    check_result(result, 1, projection)
    labels, axis = chosen_labels(result), axis_of(result, whole=False)
    if ax is not None and projection is not None:
        raise UsageError("a dial holds one class, so ax= cannot take them all; leave out ax.")
    if ax is not None:
        return one_panel(result, ax, axis, labels, band or ALL_BANDS, kwargs)
    bands = chosen_bands(result, band)
    if projection == "polar":
        return dials(result, axis, labels, bands, kwargs)
    made = new_figure(DOUBLE if len(bands) > 1 or len(axis.names) > 12 else SINGLE)
    below = support_panels(result, bands)
    heights = [{1: 44.0, 2: 33.0, 3: 25.0}.get(len(labels), 21.0)] * len(labels)
    heights += [SUPPORT_HEIGHT[name] for name in below]
    shape, ratios = (len(heights), len(bands)), {"height_ratios": heights}
    grid = made.subplots(*shape, squeeze=False, sharex=True, sharey="row", gridspec_kw=ratios)
    rows = [*labels, *below]
    panels = {(name, b): grid[row, k] for k, b in enumerate(bands) for row, name in enumerate(rows)}
    for (name, b), panel in panels.items():
        if name in below:
            draw_support(result, panel, axis, name, b)
        else:
            draw_secondary(result, panel, axis, name, b)
            draw_rate(panel, axis, curve_of(result, name, b, axis), name, 0.5, kwargs)
        plain(panel)
    for label in labels:
        curves = {b: curve_of(result, label, b, axis) for b in bands}
        top = top_of(list(curves.values()))
        for b, curve in curves.items():
            set_rate_limits(panels[label, b], axis, curve, top)
    for b, panel in zip(bands, grid[-1], strict=True):
        set_axis(panel, axis, room_for(made, len(bands)))
        if b != ALL_BANDS:
            write_on(panels[labels[0], b].set_title, band_name(b), fontsize=NAME, weight="bold")
    for name in rows:
        text = {
            "exposure": f"{exposure_unit(result, bands[0])},\nnights",
            "availability": "usable\n(%)",
        }
        name_row(panels[name, bands[0]], text.get(name, name), name)
    made.align_ylabels(list(grid[:, 0]))
    handles = legend_entries(result, axis, labels, bands, below)
    names = (axis.label, rate_name(result))
    middle = 1 - 0.5 * sum(heights[: len(labels)]) / sum(heights)
    letter(made, result, [axis], labels, bands, handles, sum(heights) + 8.0, names, middle=middle)
    return panels


def plot_map(
    result: xr.Dataset,
    label: str | Sequence[str] | None = None,
    ax: Axes | None = None,
    *,
    band: str | None = None,
    projection: str | None = None,
    **kwargs: Any,
) -> Panels:
    """Draw rates by two drivers as maps with one scale of colours.

    Cells below the gate are hatched grey, whatever their rate; cells without frames stay white.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`auroral_stats.occurrence.occurrence`, of two drivers.
    label : str or sequence of str, optional
        Classes; all by default. Colours follow the square root of the rate if there are several,
        so that rare classes can be read beside common ones.
    ax : matplotlib Axes, optional
        Draw the first class here (polar Axes for ``projection="polar"``).
    band : str, optional
        As in :func:`plot_occurrence`: by default a row for each latitude band.
    projection : {"polar"}, optional
        Draw a first driver that comes round again as a dial; magnetic latitude then decreases
        outwards from the pole.
    **kwargs
        For :meth:`matplotlib.axes.Axes.pcolormesh`, such as ``vmax`` (percent) or ``cmap``.

    Returns
    -------
    dict
        The Axes of each (class, band).

    Raises
    ------
    UsageError
        If the result has one driver, or an argument does not fit it.

    Examples
    --------
    >>> panels = plot_map(result, "arc", cmap="cividis")            # doctest: +SKIP
    """
    check_result(result, 2, projection)
    if ax is not None and (ax.name == "polar") != (projection == "polar"):
        raise UsageError(
            f"ax has the projection {ax.name!r}, but projection={projection!r} was asked for; "
            "make the Axes with the same projection."
        )
    first, second = drawing_order(result)
    axes = [axis_of(result, first, turn=projection is None), axis_of(result, second)]
    labels = chosen_labels(result, label)
    if ax is None:
        bands = chosen_bands(result, band)
        made = new_figure({1: SINGLE, 2: 120.0}.get(len(labels), DOUBLE), compress=True)
        kind = {"projection": projection} if projection else {}
        grid = made.subplots(
            len(bands), len(labels), squeeze=False, sharex=True, sharey=True, subplot_kw=kind
        )
    else:
        labels, bands = labels[:1], chosen_bands(result, band or ALL_BANDS)
        made, grid = None, np.array([[ax]])
    panels = {(c, b): grid[i, k] for i, b in enumerate(bands) for k, c in enumerate(labels)}
    cells = {key: cells_of(result, *key, axes) for key in panels}
    shown = [rate[~masked & np.isfinite(rate)] for rate, masked in cells.values()]
    highest = max((float(rate.max()) for rate in shown if rate.size), default=0.0)
    limits = kwargs.pop("vmin", 0.0), kwargs.pop("vmax", highest or 100.0)
    scale = PowerNorm(0.5 if len(labels) > 1 else 1.0, *limits)
    options = {"cmap": "viridis", "norm": scale} | kwargs
    for (name, b), panel in panels.items():
        rate, masked = cells[name, b]
        mesh = draw_map(panel, axes, rate, masked, options)
        full = np.isfinite(rate)
        unit = "cells " if len(labels) == 1 else ""
        text = f"{name}: {int((masked & full).sum())} of {int(full.sum())} {unit}hidden"
        write_on(panel.set_title, text, loc="left", color=CLASS_STYLE[name][0])
        set_map_axes(panel, axes, room_for(made, len(labels)) if made else length_of(panel))
        if b != ALL_BANDS and name == labels[0] and made is not None:
            name_row(panel, band_name(b), "")
    bar = grid[0, 0].figure.colorbar(mesh, ax=list(grid.ravel()), shrink=0.9, pad=0.02, aspect=30)
    root = "\nsquare-root colours" if len(labels) > 1 else ""
    write_on(bar.set_label, rate_name(result).replace(" (", "\n(") + root)
    bar.ax.tick_params(labelsize=TEXT)
    if len(labels) > 1 and "norm" not in kwargs:
        bar.set_ticks([t for t in (0, 1, 5, 10, 20, 40, 60, 80, 100) if t <= (scale.vmax or 0)])
    names = (axes[0].label, axes[1].label)
    if projection == "polar":
        names = (f"{axes[0].label}; along the radius: {lower_first(axes[1].label)}", "")
    if made is None:
        write_on(grid[0, 0].set_xlabel, names[0])
        write_on(grid[0, 0].set_ylabel, names[1])
        head = [*wrap(title_of(result), TEXT, length_of(grid[0, 0])), text]
        write_on(grid[0, 0].set_title, "\n".join(head), loc="left", color="black", wrap=True)
        return panels
    handles = [
        Patch(facecolor="0.88", edgecolor=GREY, hatch="/////", label="below the gate: hidden"),
        Patch(facecolor="white", edgecolor=GREY, linewidth=0.5, label="no frames"),
    ]
    each = {1: 62.0, 2: 48.0}.get(len(labels), 38.0 if projection is None else 42.0)
    letter(made, result, axes, labels, bands, handles, each * len(bands) + 4.0, names)
    return panels
