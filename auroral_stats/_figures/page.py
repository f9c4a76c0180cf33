"""Axes and the lettering of the page around them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.textpath import text_to_path
from matplotlib.ticker import MaxNLocator, MultipleLocator

from auroral_stats._figures.reading import (
    BinAxis,
    Curve,
    another_mix,
    curve_of,
    exposure_unit,
    secondary,
)
from auroral_stats._figures.style import (
    ALERT,
    ALL_BANDS,
    CLASS_STYLE,
    DARK,
    GREY,
    LINE,
    MARGIN,
    NAME,
    PERIOD,
    SUPPORT_HEIGHT,
    TEXT,
    TITLE,
)
from auroral_stats._figures.words import notes_of, subtitle_of, title_of, with_minus


def top_of(curves: Sequence[Curve]) -> float:
    """Return the top of a row of panels, in percent.

    What passes the gate decides: a few nights at the end of an axis can have any rate, and would
    flatten all others.
    """
    there = [np.isfinite(curve.rate) for curve in curves]
    passed = [np.fmax(c.high, c.rate)[t & ~c.masked] for c, t in zip(curves, there, strict=True)]
    every = [c.rate[t] for c, t in zip(curves, there, strict=True)]
    top, highest = (float(np.concatenate(found).max(initial=0.0)) for found in (passed, every))
    top = max(top, min(highest, 1.4 * top)) if top else highest
    return min(1.1 * top, 105.0) or 1.0


def set_rate_limits(ax: Axes, axis: BinAxis, curve: Curve, top: float) -> None:
    """Set the scale; rates beyond it are written at its top."""
    ax.set_ylim(-0.05 * top, top)
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10], min_n_ticks=3))
    for row in np.flatnonzero(np.nan_to_num(curve.rate) > top):
        text, at = f"{curve.rate[row]:.0f}↑", axis.at(0.5)[row]
        ax.text(at, top, text, color="0.4", fontsize=TEXT, ha="center", va="top")


def set_axis(ax: Axes, axis: BinAxis, room: float, which: str = "x") -> None:
    """Set scale, limits and ticks; ``room`` is the length in points."""
    line = ax.xaxis if which == "x" else ax.yaxis
    if axis.knee is not None:
        set_scale = ax.set_xscale if which == "x" else ax.set_yscale
        set_scale("asinh", linear_width=axis.knee)
    ax.set(**{f"{which}lim": (axis.lower.min(), axis.upper.max())})
    many = room > 150
    if axis.names:
        crowded = which == "x" and sum(len(n) + 1.5 for n in axis.names) * 0.6 * TEXT > room
        line.set_ticks(axis.at(0.5), axis.names, rotation=90 if crowded else 0)
        line.set_tick_params(length=0)
    elif axis.knee is not None:
        ticks = _apart(axis, room)
        line.set_ticks(ticks, [with_minus(tick) for tick in ticks])
        line.set_ticks([], minor=True)
    elif axis.driver in PERIOD:
        line.set_major_locator(MultipleLocator(PERIOD[axis.driver] / (8 if many else 4)))
        if PERIOD[axis.driver] == 24.0:
            line.set_major_formatter(lambda value, _: f"{value % 24:g}")
    else:
        steps = [1, 2, 5, 10]
        line.set_major_locator(
            MaxNLocator(6 if many else 5, steps=steps, integer=axis.driver == "Kp")
        )


def _apart(axis: BinAxis, room: float) -> list[float]:
    """Return edges whose labels do not touch."""
    place = np.arcsinh(axis.edges / (axis.knee or 1.0))
    place = (place - place[0]) / (place[-1] - place[0]) * room
    kept: list[float] = []
    end = -np.inf
    for edge, at in zip(axis.edges, place, strict=True):
        half = 0.5 * width_of(with_minus(edge) + " ", TEXT)
        if at - half >= end:
            kept.append(float(edge))
            end = at + half
    return kept


def set_dial(ax: Axes, driver: str) -> None:
    """Turn polar Axes as this driver is drawn: midnight at the bottom, or northward at the top."""
    names = ["0 h", "6", "12", "18"]
    if driver == "clock_angle":
        ax.set(theta_zero_location="N", theta_direction=-1)
        names = ["+Bz", "+By", "−Bz", "−By"]
    else:
        ax.set(theta_zero_location="S", rlabel_position=165)
    ax.set_xticks(np.radians([0, 90, 180, 270]), names)
    ax.tick_params(labelsize=TEXT, pad=0)
    ax.grid(linewidth=0.4, color="0.8")
    ax.spines["polar"].set_linewidth(0.6)
    # Circles and their numbers stay legible across wedges and cells.
    ax.set_axisbelow("line")


def set_map_axes(ax: Axes, axes: Sequence[BinAxis], room: float) -> None:
    """Set both axes of a map; IMF components have equal scales."""
    if ax.name == "polar":
        set_dial(ax, axes[0].driver)
        if axes[1].driver == "mlat":
            ax.set_ylim(0, 96 - axes[1].lower.min())
            ax.set_yticks([30, 20, 10], ["60°", "70°", "80°"])
        return
    set_axis(ax, axes[0], room)
    set_axis(ax, axes[1], room, which="y")
    ax.tick_params(labelsize=TEXT, width=0.6, length=2.5)
    ax.spines[:].set_linewidth(0.6)
    if {axis.driver for axis in axes} <= {"Bx", "By", "Bz"}:
        ax.set_aspect("equal")
        for line in (ax.axhline, ax.axvline):
            line(0, color="0.3", linewidth=0.5, linestyle=":")


def plain(ax: Axes) -> None:
    """Reduce Axes to the two axes and light lines across."""
    ax.tick_params(labelsize=TEXT, width=0.6, length=2.5)
    ax.spines[:].set_linewidth(0.6)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", linewidth=0.4, color="0.9")
    ax.set_axisbelow(True)


def write_on(write: Any, text: str, **options: Any) -> None:
    """Call a setter of text in the common size."""
    write(text, **({"fontsize": TEXT} | options))


def name_row(ax: Axes, text: str, label: str) -> None:
    """Write beside a row what it shows: a class in its colour, a band, or what is counted."""
    style = {"color": CLASS_STYLE[label][0]} if label in CLASS_STYLE else {}
    bold = {} if label in SUPPORT_HEIGHT else {"fontsize": NAME, "fontweight": "bold"}
    write_on(ax.set_ylabel, text, **style, **bold)


def legend_entries(
    result: xr.Dataset,
    axis: BinAxis,
    labels: Sequence[str],
    bands: Sequence[str],
    below: Sequence[str],
) -> list[Any]:
    """Return legend entries for what the panels hold, in neutral colours."""
    curves = [curve_of(result, label, band, axis) for label in labels for band in bands]
    there = [(np.isfinite(curve.rate), curve.masked) for curve in curves]
    handles: list[Any] = []
    for text, colour, face, some in (
        ("rate, 95 % interval", DARK, DARK, any((t & ~m).any() for t, m in there)),
        ("below the gate", GREY, "white", any((t & m).any() for t, m in there)),
    ):
        point = Line2D([], [], color=colour, marker="o", markersize=3.6, linestyle="none")
        point.set_markerfacecolor(face)
        bar = LineCollection([], colors=[colour], linewidths=[1.0])
        entry = ErrorbarContainer((point, (), (bar,)), has_yerr=True, label=text)
        handles += [entry] if some else []
    pooled = bands[0] != ALL_BANDS
    drawn = (~result["masked"].astype(bool)).any("label").to_numpy()
    for name, text, style in secondary(result, pooled=pooled):
        if (drawn & ~another_mix(result, name))[axis.rows].any():
            handles.append(Line2D([], [], color=GREY if pooled else DARK, label=text, **style))
    if "exposure" in below:
        handles.append(Patch(color="0.82", label=f"usable {exposure_unit(result, bands[0])}"))
        handles.append(Line2D([], [], color=DARK, linewidth=0.9, label="nights"))
    return handles


def new_figure(width: float, *, compress: bool = False) -> Figure:
    """Return an empty figure of a column's width in mm."""
    engine = ConstrainedLayoutEngine(h_pad=0.03, w_pad=0.03, hspace=0.02, compress=compress)
    return Figure(figsize=(width / 25.4, 4.0), layout=engine)


def length_of(ax: Axes) -> float:
    """Return the length of given Axes in points."""
    return float(ax.bbox.width / ax.figure.dpi * 72)


def room_for(figure: Figure, columns: int) -> float:
    """Return the length of a panel in points, less what its labels take."""
    return (72 * float(figure.get_figwidth()) - 45) / columns - 12


def width_of(text: str, size: float, weight: str = "normal") -> float:
    """Return the length of a line in points."""
    font = FontProperties(size=size, weight=weight)
    return float(text_to_path.get_text_width_height_descent(text, font, False)[0])


#: What stays on one line.
_TOGETHER = ("SIMULATED DATA", "< 30 % lit", " %", " min", " h,", " nights", " sites")


def wrap(text: str, size: float, room: float, weight: str = "normal") -> list[str]:
    """Break text into lines that are at most ``room`` points long."""
    for kept in _TOGETHER:
        text = text.replace(kept, kept.replace(" ", "\xa0"))
    lines: list[str] = []
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and width_of(longer, size, weight) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return [line.replace("\xa0", " ") for line in lines]


def letter(
    figure: Figure,
    result: xr.Dataset,
    axes: Sequence[BinAxis],
    labels: Sequence[str],
    bands: Sequence[str],
    handles: Sequence[Any],
    height: float,
    names: tuple[str, str],
    *,
    middle: float = 0.5,
) -> None:
    """Put title, axis names, legend and notes around panels that are ``height`` mm high."""
    letter_around(
        figure,
        result.attrs,
        title=title_of(result),
        subtitle=subtitle_of(result, bands, interval=len(axes) == 1),
        notes=notes_of(result, axes, labels, bands),
        handles=handles,
        height=height,
        names=names,
        middle=middle,
        handle_length=1.6,
    )


def letter_around(
    figure: Figure,
    attrs: Mapping[Any, Any],
    *,
    title: str,
    subtitle: str,
    notes: Iterable[str],
    handles: Sequence[Any],
    height: float,
    names: tuple[str, str] | None = None,
    middle: float = 0.5,
    handle_length: float = 1.8,
) -> None:
    """Put the lettering around panels that are ``height`` mm high, and size the figure for it.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        From :func:`new_figure`.
    attrs : mapping
        Attributes of the result.
    title, subtitle : str
        Broken to the width.
    notes : iterable of str
        Each begins a line.
    handles : sequence
        For the legend; none for no legend.
    height : float
    names : (str, str), optional
        Of the common x and y axes.
    middle : float
        Where the name of the y axis stands, as a share of the height of the panels.
    handle_length : float
        Of the legend, in font sizes.
    """
    width = 72 * float(figure.get_figwidth())
    room = width - 2 * MARGIN
    head = wrap(title, TITLE, room, "bold")
    under = wrap(subtitle, TEXT, room)
    lines = [line for note in notes for line in wrap(note, TEXT, room)]
    widest = max((width_of(handle.get_label(), TEXT) for handle in handles), default=0.0)
    columns = max(1, int(room // (widest + 3.3 * TEXT)))
    # From the bottom upwards, in points.
    legend = MARGIN + len(lines) * TEXT * LINE + -(-len(handles) // columns) * TEXT * 1.4
    below = legend + (2.2 * TEXT if names else 0.6 * TEXT)
    above = MARGIN + len(head) * TITLE * LINE + len(under) * TEXT * LINE + 4
    panels = height * 72 / 25.4
    total = below + panels + above
    figure.set_size_inches(width / 72, total / 72)
    left, side = MARGIN / width, (1.8 * TEXT / width if names and names[1] else 0.0)
    engine = figure.get_layout_engine()
    assert isinstance(engine, ConstrainedLayoutEngine)
    engine.set(rect=(side, below / total, 1 - side, panels / total))
    if names:
        named: dict[str, Any] = {"fontsize": NAME}
        across, up = 0.5 + side, (below + panels * middle) / total
        figure.supxlabel(names[0], x=across, y=(legend + 4) / total, va="bottom", **named)
        figure.supylabel(names[1], x=3 / width, y=up, ha="left", **named)
    small: dict[str, Any] = {"fontsize": TEXT, "linespacing": LINE, "color": "0.25"}
    large: dict[str, Any] = {"fontsize": TITLE, "linespacing": LINE, "fontweight": "bold"}
    large["color"] = ALERT if "simulated" in title.lower() else "black"
    first, second = 1 - MARGIN / total, 1 - (MARGIN + len(head) * TITLE * LINE) / total
    figure.suptitle("\n".join(head), x=left, y=first, ha="left", va="top", **large)
    figure.text(left, second, "\n".join(under), va="top", gid="subtitle", **small)
    figure.text(left, MARGIN / total, "\n".join(lines), va="bottom", gid="notes", **small)
    if handles:
        figure.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(left, legend / total),
            ncols=columns,
            fontsize=TEXT,
            frameon=False,
            borderaxespad=0,
            borderpad=0.1,
            handlelength=handle_length,
            handletextpad=0.7,
            columnspacing=0.9,
            labelspacing=0.3,
        )
    vars(figure)["provenance"] = {
        "title": title,
        "software": attrs.get("software", "auroral_stats"),
        "description": f"{subtitle}. Parameters: {attrs.get('parameters', '{}')}",
    }
