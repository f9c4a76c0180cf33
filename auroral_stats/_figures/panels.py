"""What is drawn inside the panels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, MaxNLocator, MultipleLocator

from auroral_stats._figures.page import (
    length_of,
    letter,
    name_row,
    new_figure,
    plain,
    set_axis,
    set_dial,
    set_rate_limits,
    top_of,
    wrap,
    write_on,
)
from auroral_stats._figures.reading import (
    BinAxis,
    Curve,
    another_mix,
    chosen_bands,
    curve_of,
    exposure_variable,
    prefix_of,
    read,
    secondary,
)
from auroral_stats._figures.style import (
    ALL_BANDS,
    CLASS_STYLE,
    DARK,
    DOUBLE,
    GREY,
    PERIOD,
    SINGLE,
    TEXT,
    Array,
    Mask,
    Panels,
)
from auroral_stats._figures.words import band_name, lower_first, rate_name, title_of


def draw_rate(
    ax: Axes, axis: BinAxis, curve: Curve, label: str, fraction: float, kwargs: dict[str, Any]
) -> None:
    """Draw points at ``fraction`` of their bins, with intervals; grey and open below the gate."""
    colour, marker = CLASS_STYLE[label]
    point: dict[str, Any] = {"fmt": marker, "markersize": 3.6, "elinewidth": 1.1}
    passed = point | {"color": colour, "label": label, "zorder": 4} | kwargs
    below = point | {"color": GREY, "label": f"_{label} below gate", "zorder": 3}
    below |= {"markersize": 3.2, "elinewidth": 0.6, "markeredgewidth": 0.7}
    below |= {"markerfacecolor": "white"}
    there = np.isfinite(curve.rate)
    # Rounding may leave a limit a hair on the wrong side of its rate.
    spread = np.fmax(np.stack([curve.rate - curve.low, curve.high - curve.rate]), 0.0)
    spread[:, np.isnan(curve.low)] = np.nan
    for pick, style in ((there & curve.masked, below), (there & ~curve.masked, passed)):
        at, rate = axis.at(fraction)[pick], curve.rate[pick]
        if not axis.names:
            widths = (axis.lower[pick], axis.upper[pick])
            ax.hlines(rate, *widths, colors=style["color"], linewidth=0.6, zorder=style["zorder"])
        # Without any interval there is nothing to span, which matplotlib warns of.
        some = np.isfinite(spread[:, pick]).any()
        ax.errorbar(at, rate, yerr=spread[:, pick] if some else None, **style)


def draw_secondary(result: xr.Dataset, ax: Axes, axis: BinAxis, label: str, band: str) -> None:
    """Draw what stands beside the rate: other weights, the other Moon rule, all bands."""
    pooled = band != ALL_BANDS
    colour = GREY if pooled else CLASS_STYLE[label][0]
    hidden = read(result, "masked", ALL_BANDS, label).to_numpy()[axis.rows].astype(bool)
    for name, text, style in secondary(result, pooled=pooled):
        values = 100 * read(result, name, ALL_BANDS, label).to_numpy()[axis.rows]
        values = np.where(hidden | another_mix(result, name)[axis.rows], np.nan, values)
        options = {"color": colour, "label": f"_{text}"} | style
        if "marker" in style:
            ax.plot(axis.at(0.75), values, zorder=3.5, **options)
        else:
            ax.stairs(values, axis.edges, baseline=None, zorder=2, **options)


def draw_support(
    result: xr.Dataset,
    ax: Axes,
    axis: BinAxis,
    what: str,
    band: str,
    *,
    floor: float | None = None,
) -> None:
    """Draw what the rates rest on: exposure and nights, or availability."""

    def along(name: str) -> Array:
        part = read(result, name, band)
        part = part.isel(label=0) if "label" in part.dims else part
        values: Array = part.to_numpy()[axis.rows].astype(float)
        return np.where(values > 0, values, np.nan)

    thin: dict[str, Any] = {"baseline": None, "color": DARK, "linewidth": 0.9}
    if what == "availability":
        ax.stairs(100 * along("availability"), axis.edges, label="_availability", **thin)
        ax.set_ylim(0, 110)
        ax.yaxis.set_major_locator(MultipleLocator(50))
        return
    seen, nights = along(exposure_variable(result, band)), along("nights")
    ax.set_yscale("log")
    floor = exposure_floor(result, axis, band) if floor is None else floor
    ax.stairs(
        np.fmax(seen, floor), axis.edges, baseline=floor, fill=True, color="0.82", label="_exposure"
    )
    ax.stairs(nights, axis.edges, label="_nights", **thin)
    ax.yaxis.set_major_locator(LogLocator(numticks=4))
    ax.yaxis.set_major_formatter(
        lambda value, _: f"{value:g}" if value < 1e4 else f"$10^{{{np.log10(value):.0f}}}$"
    )
    ax.yaxis.minorticks_off()


def exposure_floor(result: xr.Dataset, axis: BinAxis, band: str) -> float:
    """Return where the logarithmic axis of exposure begins.

    Half a unit is nothing on it; less was seen where labels are a few frames.
    """
    name = prefix_of(band) + exposure_variable(result, band)
    every = result[name].isel(bin=axis.rows).to_numpy()
    return max(0.5 * float(every[every > 0].min(initial=1.0)), 0.05)


def draw_wedges(ax: Axes, axis: BinAxis, curve: Curve, label: str, kwargs: dict[str, Any]) -> None:
    """Draw rates as wedges of a dial."""
    turn = 2 * np.pi / PERIOD[axis.driver]
    there = np.isfinite(curve.rate)
    spread = np.fmax(np.stack([curve.rate - curve.low, curve.high - curve.rate]), 0.0)
    spread[:, np.isnan(curve.low)] = np.nan
    below: dict[str, Any] = {"facecolor": "0.93", "edgecolor": GREY}
    passed: dict[str, Any] = {"facecolor": CLASS_STYLE[label][0], "edgecolor": "white"}
    thin: dict[str, Any] = {"fmt": "none", "ecolor": GREY, "elinewidth": 0.6}
    for pick, wedge, bar in (
        (there & curve.masked, below | {"label": f"_{label} below gate"}, thin),
        (
            there & ~curve.masked,
            passed | {"label": label},
            thin | {"ecolor": DARK, "elinewidth": 0.9} | kwargs,
        ),
    ):
        low, rate, width = turn * axis.lower[pick], curve.rate[pick], turn * axis.widths[pick]
        ax.bar(low, rate, width=width, align="edge", linewidth=0.5, alpha=0.75, **wedge)
        some = np.isfinite(spread[:, pick]).all(axis=0)
        if some.any():
            ends = spread[:, pick][:, some]
            ax.errorbar((low + width / 2)[some], rate[some], yerr=ends, **bar)


def draw_map(
    ax: Axes, axes: Sequence[BinAxis], rate: Array, masked: Mask, options: dict[str, Any]
) -> QuadMesh:
    """Draw one map; cells below the gate are hatched grey."""
    x, y = (axis.edges for axis in axes)
    if ax.name == "polar":
        x = x * 2 * np.pi / PERIOD[axes[0].driver]
        y = 90.0 - y if axes[1].driver == "mlat" else y
    ax.grid(visible=False)
    hidden = masked & np.isfinite(rate)
    grey = np.ma.masked_array(np.ones(rate.shape), ~hidden)
    style: dict[str, Any] = {"hatch": "/////", "edgecolor": GREY, "linewidth": 0.0}
    ax.pcolor(x, y, grey, cmap=ListedColormap(["0.88"]), label="_below gate", **style)
    return ax.pcolormesh(x, y, np.ma.masked_invalid(np.where(masked, np.nan, rate)), **options)


def one_panel(
    result: xr.Dataset,
    ax: Axes,
    axis: BinAxis,
    labels: Sequence[str],
    band: str,
    kwargs: dict[str, Any],
) -> Panels:
    """Draw all classes beside each other in given Axes."""
    chosen_bands(result, band)
    curves = [curve_of(result, label, band, axis) for label in labels]
    top = top_of(curves)
    for place, (label, curve) in enumerate(zip(labels, curves, strict=True)):
        draw_rate(ax, axis, curve, label, 0.15 + 0.7 * (place + 0.5) / len(labels), kwargs)
        set_rate_limits(ax, axis, curve, top)
    set_axis(ax, axis, length_of(ax))
    write_on(ax.set_xlabel, axis.label)
    write_on(ax.set_ylabel, rate_name(result))
    which = [band_name(band)] if "band" in result.dims else []
    head = [*wrap(title_of(result), TEXT, length_of(ax)), *which]
    write_on(ax.set_title, "\n".join(head), loc="left", wrap=True)
    # Room for the legend above the rates.
    ax.set_ylim(-0.05 * top, 1.3 * top)
    ax.legend(fontsize=TEXT, frameon=False, loc="upper center", ncols=2)
    plain(ax)
    return {(label, band): ax for label in labels}


def dials(
    result: xr.Dataset,
    axis: BinAxis,
    labels: Sequence[str],
    bands: Sequence[str],
    kwargs: dict[str, Any],
) -> Panels:
    """Draw a dial for each class and band."""
    made = new_figure({1: SINGLE, 2: 120.0}.get(len(labels), DOUBLE))
    kind = {"projection": "polar"}
    grid = made.subplots(len(bands), len(labels), squeeze=False, subplot_kw=kind)
    panels = {(c, b): grid[i, k] for i, b in enumerate(bands) for k, c in enumerate(labels)}
    for label in labels:
        curves = {b: curve_of(result, label, b, axis) for b in bands}
        top = top_of(list(curves.values()))
        for b, curve in curves.items():
            panel = panels[label, b]
            draw_wedges(panel, axis, curve, label, kwargs)
            set_dial(panel, axis.driver)
            panel.set_ylim(0.0, top)
            ticks = np.asarray(MaxNLocator(3, steps=[1, 2, 2.5, 5, 10]).tick_values(0.0, top))
            panel.set_yticks(ticks[(ticks > 0) & (ticks < 0.8 * top)])
            if b == bands[0]:
                write_on(panel.set_title, label, color=CLASS_STYLE[label][0], weight="bold", pad=8)
            if b != ALL_BANDS and label == labels[0]:
                name_row(panel, band_name(b), "")
                panel.yaxis.labelpad = 18
    handles = [
        Patch(color=DARK, alpha=0.75, label="rate (wedge) and 95 % interval (bar)"),
        Patch(facecolor="0.93", edgecolor=GREY, label="below the gate"),
    ]
    names = (f"{axis.label}; along the radius: {lower_first(rate_name(result))}", "")
    each = {1: 76.0, 2: 58.0}.get(len(labels), 44.0)
    letter(made, result, [axis], labels, bands, handles, each * len(bands) + 4.0, names)
    return panels
