"""Figures of occurrence rates, lettered and sized for the page of a journal.

Everything drawn is read from the result; nothing is computed here but positions on the page. Each
class keeps its colour and marker in every figure, rates below the gate are grey, and the title
says when data are simulated. Figures are made without pyplot and without its settings, so they
work without a display, in threads, and inside figures of your own (``ax=``).
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.colors import ListedColormap, PowerNorm
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.textpath import text_to_path
from matplotlib.ticker import LogLocator, MaxNLocator, MultipleLocator
from numpy.typing import NDArray

from auroral_stats.drivers import DRIVERS
from auroral_stats.errors import UsageError
from auroral_stats.provenance import is_simulated
from auroral_stats.whole_file import write_whole

__all__ = ["ALL_BANDS", "CLASS_STYLE", "figure", "plot_map", "plot_occurrence", "save_figure"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Panels = dict[tuple[str, str], Axes]

#: Colour (Okabe and Ito, told apart by colour-blind readers) and marker of each class.
CLASS_STYLE = {
    "arc": ("#0072B2", "o"),
    "diffuse": ("#D55E00", "s"),
    "discrete": ("#009E73", "^"),
    "cloudy": ("#56B4E9", "v"),
    "moon": ("#E69F00", "P"),
    "clear": ("#CC79A7", "D"),
}

#: What ``band`` takes for the rate that pools all latitude bands.
ALL_BANDS = "all"

_SINGLE, _DOUBLE = 86.0, 178.0  # column widths, mm
_TEXT, _NAME, _TITLE = 7.0, 7.5, 8.5  # points; nothing is smaller than _TEXT
_LINE = 1.3  # line spacing
_MARGIN = 5.0  # points
_GREY, _DARK, _ALERT = "0.6", "0.2", "#A50026"
#: Drivers that come round again, and after how much.
_PERIOD = {"mlt": 24.0, "hour": 24.0, "clock_angle": 360.0}

_RATE_OF = {
    "usable": "Occurrence rate (% of usable frames)",
    "all": "Occurrence rate (% of dark frames)",
    "reverse": "Share of the frames of the class (%)",
}
_INTERVAL_OF = {
    "jackknife": "95 % jackknife by nights, within the winters observed",
    "bootstrap": "95 % bootstrap of nights, within the winters observed",
    "cluster": "95 % cluster-robust by nights, within the winters observed",
    "clopper": "95 % Clopper-Pearson, as if frames were independent",
    "wilson": "95 % Wilson, as if frames were independent",
    "jeffreys": "95 % Jeffreys, as if frames were independent",
    "climatological": "95 % jackknife by winters, for winters like these",
}
_MOON = {"down": "Moon down or < 30 % lit", "any": "moonlit minutes included"}


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
    _check(result, 1, projection)
    labels, axis = _labels(result), _axis(result)
    if ax is not None and projection is not None:
        raise UsageError("a dial holds one class, so ax= cannot take them all; leave out ax.")
    if ax is not None:
        return _one_panel(result, ax, axis, labels, band or ALL_BANDS, kwargs)
    bands = _bands(result, band)
    if projection == "polar":
        return _dials(result, axis, labels, bands, kwargs)
    made = _new_figure(_DOUBLE if len(bands) > 1 or len(axis.names) > 12 else _SINGLE)
    below = _supports(result, bands)
    heights = [{1: 44.0, 2: 33.0, 3: 25.0}.get(len(labels), 21.0)] * len(labels)
    heights += [_SUPPORT_HEIGHT[name] for name in below]
    shape, ratios = (len(heights), len(bands)), {"height_ratios": heights}
    grid = made.subplots(*shape, squeeze=False, sharex=True, sharey="row", gridspec_kw=ratios)
    rows = [*labels, *below]
    panels = {(name, b): grid[row, k] for k, b in enumerate(bands) for row, name in enumerate(rows)}
    for (name, b), panel in panels.items():
        if name in below:
            _draw_support(result, panel, axis, name, b)
        else:
            _draw_secondary(result, panel, axis, name, b)
            _draw_rate(panel, axis, _curve(result, name, b, axis), name, 0.5, kwargs)
        _plain(panel)
    for label in labels:
        curves = {b: _curve(result, label, b, axis) for b in bands}
        top = _top(list(curves.values()))
        for b, curve in curves.items():
            _set_rate_limits(panels[label, b], axis, curve, top)
    for b, panel in zip(bands, grid[-1], strict=True):
        _set_axis(panel, axis, _room(made, len(bands)))
        if b != ALL_BANDS:
            _write_on(panels[labels[0], b].set_title, _band_name(b), fontsize=_NAME, weight="bold")
    for name in rows:
        text = {"exposure": f"{_unit(result, bands[0])},\nnights", "availability": "usable\n(%)"}
        _name_row(panels[name, bands[0]], text.get(name, name), name)
    made.align_ylabels(list(grid[:, 0]))
    handles = _legend(result, axis, labels, bands, below)
    names = (axis.label, _rate_name(result))
    middle = 1 - 0.5 * sum(heights[: len(labels)]) / sum(heights)
    _letter(made, result, [axis], labels, bands, handles, sum(heights) + 8.0, names, middle=middle)
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
    _check(result, 2, projection)
    if ax is not None and (ax.name == "polar") != (projection == "polar"):
        raise UsageError(
            f"ax has the projection {ax.name!r}, but projection={projection!r} was asked for; "
            "make the Axes with the same projection."
        )
    first, second = _order(result)
    axes = [_axis(result, first, turn=projection is None), _axis(result, second)]
    labels = _labels(result, label)
    if ax is None:
        bands = _bands(result, band)
        made = _new_figure({1: _SINGLE, 2: 120.0}.get(len(labels), _DOUBLE), compress=True)
        kind = {"projection": projection} if projection else {}
        grid = made.subplots(
            len(bands), len(labels), squeeze=False, sharex=True, sharey=True, subplot_kw=kind
        )
    else:
        labels, bands = labels[:1], _bands(result, band or ALL_BANDS)
        made, grid = None, np.array([[ax]])
    panels = {(c, b): grid[i, k] for i, b in enumerate(bands) for k, c in enumerate(labels)}
    cells = {key: _cells(result, *key, axes) for key in panels}
    shown = [rate[~masked & np.isfinite(rate)] for rate, masked in cells.values()]
    highest = max((float(rate.max()) for rate in shown if rate.size), default=0.0)
    limits = kwargs.pop("vmin", 0.0), kwargs.pop("vmax", highest or 100.0)
    scale = PowerNorm(0.5 if len(labels) > 1 else 1.0, *limits)
    options = {"cmap": "viridis", "norm": scale} | kwargs
    for (name, b), panel in panels.items():
        rate, masked = cells[name, b]
        mesh = _draw_map(panel, axes, rate, masked, options)
        full = np.isfinite(rate)
        unit = "cells " if len(labels) == 1 else ""
        text = f"{name}: {int((masked & full).sum())} of {int(full.sum())} {unit}hidden"
        _write_on(panel.set_title, text, loc="left", color=CLASS_STYLE[name][0])
        _set_map_axes(panel, axes, _room(made, len(labels)) if made else _length(panel))
        if b != ALL_BANDS and name == labels[0] and made is not None:
            _name_row(panel, _band_name(b), "")
    bar = grid[0, 0].figure.colorbar(mesh, ax=list(grid.ravel()), shrink=0.9, pad=0.02, aspect=30)
    root = "\nsquare-root colours" if len(labels) > 1 else ""
    _write_on(bar.set_label, _rate_name(result).replace(" (", "\n(") + root)
    bar.ax.tick_params(labelsize=_TEXT)
    if len(labels) > 1 and "norm" not in kwargs:
        bar.set_ticks([t for t in (0, 1, 5, 10, 20, 40, 60, 80, 100) if t <= (scale.vmax or 0)])
    names = (axes[0].label, axes[1].label)
    if projection == "polar":
        names = (f"{axes[0].label}; along the radius: {_lower(axes[1].label)}", "")
    if made is None:
        _write_on(grid[0, 0].set_xlabel, names[0])
        _write_on(grid[0, 0].set_ylabel, names[1])
        head = [*_wrap(_title(result), _TEXT, _length(grid[0, 0])), text]
        _write_on(grid[0, 0].set_title, "\n".join(head), loc="left", color="black", wrap=True)
        return panels
    handles = [
        Patch(facecolor="0.88", edgecolor=_GREY, hatch="/////", label="below the gate: hidden"),
        Patch(facecolor="white", edgecolor=_GREY, linewidth=0.5, label="no frames"),
    ]
    each = {1: 62.0, 2: 48.0}.get(len(labels), 38.0 if projection is None else 42.0)
    _letter(made, result, axes, labels, bands, handles, each * len(bands) + 4.0, names)
    return panels


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write a figure whole or not at all; the suffix says which kind of file.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : path
        ``.png`` (300 dots an inch), ``.pdf`` or ``.svg``. The file says which figure it is, by
        which software and with which parameters, in its own metadata.

    Returns
    -------
    Path

    Raises
    ------
    UsageError
        If the suffix is another one.
    ArchiveError
        If the file cannot be written; nothing is left behind.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_figure(Figure(), Path(folder) / "empty.png").name
    'empty.png'
    """
    path = Path(path)
    kind = path.suffix.lower().removeprefix(".")
    if kind not in _METADATA:
        raise UsageError(
            f"{path}: a figure is written as {', '.join('.' + name for name in _METADATA)}; "
            f"got {path.suffix or 'no suffix'}. Choose one of these suffixes."
        )
    known = vars(figure).get("provenance", {})
    metadata = {theirs: known[ours] for ours, theirs in _METADATA[kind].items() if ours in known}
    # Read while the file is written, so they cannot be given to savefig: letters stay letters in
    # PDF, and SVG does not change by itself. The lock keeps threads from restoring each other's.
    settings: Any = {"pdf.fonttype": 42, "svg.hashsalt": "auroral_stats"}
    with _SAVING, mpl.rc_context(settings):
        return write_whole(
            path, lambda f: figure.savefig(f, format=kind, dpi=300, metadata=metadata)
        )


_SAVING = threading.Lock()

#: Under which name each kind of file keeps what we say of a figure.
_METADATA = {
    "png": {"title": "Title", "software": "Software", "description": "Description"},
    "pdf": {"title": "Title", "software": "Creator", "description": "Subject"},
    "svg": {"title": "Title", "software": "Creator", "description": "Description"},
}


# ---- what the result holds ---------------------------------------------------------------------


@dataclass(frozen=True)
class _Axis:
    """The bins of a driver as they are drawn: those with two edges, or categories, in order."""

    driver: str
    rows: NDArray[np.intp]
    lower: Array
    upper: Array
    label: str
    names: tuple[str, ...] = ()
    knee: float | None = None  # linear below, logarithmic above

    @property
    def edges(self) -> Array:
        return np.append(self.lower, self.upper[-1:])

    @property
    def widths(self) -> Array:
        return self.upper - self.lower

    def at(self, fraction: float) -> Array:
        """Return where ``fraction`` of each bin is, as seen on the page."""
        if self.knee is None:
            return self.lower + fraction * self.widths
        low, high = np.arcsinh(self.lower / self.knee), np.arcsinh(self.upper / self.knee)
        return np.asarray(self.knee * np.sinh(low + fraction * (high - low)))


@dataclass(frozen=True)
class _Curve:
    """Rates of one class over the drawn bins, in percent."""

    rate: Array
    low: Array
    high: Array
    masked: Mask


def _check(result: xr.Dataset, drivers: int, projection: str | None) -> None:
    """Refuse what is no result, or has another number of drivers."""
    if "rate" not in result or "bin" not in result.dims or "driver" not in result.attrs:
        raise UsageError(
            "expected a result of auroral_stats.occurrence.occurrence, with rate over bin and "
            f"label; got the variables {', '.join(map(str, result.data_vars)) or 'none'}."
        )
    held = 2 if "bin2" in result.dims else 1
    if held != drivers:
        other = "plot_map" if held == 2 else "plot_occurrence"
        raise UsageError(
            f"this result is by {held} driver{'s' if held == 2 else ''}; draw it with {other}."
        )
    if projection not in {None, "polar"}:
        raise UsageError(f"projection={projection!r}: expected 'polar' or None.")
    driver = result.attrs[f"driver{_order(result)[0]}"]
    if projection == "polar" and driver not in _PERIOD:
        raise UsageError(
            "projection='polar' needs a driver that comes round again "
            f"({', '.join(_PERIOD)}); got {driver}."
        )


def _labels(result: xr.Dataset, wanted: str | Sequence[str] | None = None) -> list[str]:
    """Return the classes to draw; all that the result holds unless some are asked for."""
    held = [str(name) for name in result["label"].to_numpy()]
    chosen = held if wanted is None else [wanted] if isinstance(wanted, str) else list(wanted)
    unknown = [name for name in chosen if name not in held]
    if unknown or not chosen:
        raise UsageError(
            f"label {', '.join(unknown) or 'nothing'}: this result holds {', '.join(held)}."
        )
    return chosen


def _bands(result: xr.Dataset, wanted: str | None) -> list[str]:
    """Return the latitude bands to draw, or the one word that stands for all together."""
    held = [str(name) for name in result["band"].to_numpy()] if "band" in result.dims else []
    if wanted is None:
        return held or [ALL_BANDS]
    if wanted not in {*held, ALL_BANDS}:
        raise UsageError(f"band {wanted!r}: this result holds {', '.join((*held, ALL_BANDS))}.")
    return [wanted]


def _order(result: xr.Dataset) -> tuple[str, str]:
    """Return the suffixes of the drivers along x and y; By lies along x, as on a clock."""
    swap = (result.attrs["driver"], result.attrs.get("driver2")) == ("Bz", "By")
    return ("2", "") if swap else ("", "2")


def _axis(result: xr.Dataset, suffix: str = "", *, turn: bool = True) -> _Axis:
    """Return the inner bins of a driver in the order of the axis; midnight is its middle."""
    driver = str(result.attrs[f"driver{suffix}"])
    label = _printed(result.attrs[f"driver{suffix}_label"])
    lower, upper = (result[f"{end}{suffix}"].to_numpy().astype(float) for end in ("lower", "upper"))
    rows = np.flatnonzero(np.isfinite(lower) & np.isfinite(upper))
    if not rows.size:
        return _category_axis(result, f"bin{suffix}", driver, label)
    lower, upper = lower[rows], upper[rows]
    if turn and driver == "mlt":
        # Midnight in the middle: the hours before noon are drawn a day later.
        shift = 24.0 * np.floor(((lower + upper) / 2 - 12.0) / 24.0)
        order = np.argsort(lower - shift)
        rows, lower, upper = rows[order], (lower - shift)[order], (upper - shift)[order]
    width, ends = upper - lower, np.abs(np.append(lower, upper))
    knee = 2 * float(ends[ends > 0].min()) if width.max() > 5 * width.min() else None
    return _Axis(driver, rows, lower, upper, label, knee=knee)


def _category_axis(result: xr.Dataset, dim: str, driver: str, label: str) -> _Axis:
    """Return categories side by side, sites by magnetic latitude where it is known."""
    names = result[dim].to_numpy().astype(str)
    rows = np.flatnonzero(names != "missing")
    if "mlat" in result and result["mlat"].dims == (dim,):
        mlat = result["mlat"].to_numpy()
        rows = rows[np.argsort(mlat[rows], kind="stable")]
        names = np.array([f"{n} {m:.0f}°" for n, m in zip(names, mlat, strict=True)])
        label = f"{label} and its magnetic latitude"
    place = np.arange(rows.size, dtype=float)
    return _Axis(driver, rows, place - 0.5, place + 0.5, label, tuple(map(str, names[rows])))


def _read(result: xr.Dataset, name: str, band: str, label: str | None = None) -> xr.DataArray:
    """Return a variable of one band and class, without the dimensions that it lacks."""
    part = result[_prefix(band) + name]
    at = {"band": band} | ({} if label is None else {"label": label})
    return part.sel({dim: value for dim, value in at.items() if dim in part.dims})


def _prefix(band: str) -> str:
    """Return how the variables of a band begin."""
    return "" if band == ALL_BANDS else "band_"


def _curve(result: xr.Dataset, label: str, band: str, axis: _Axis) -> _Curve:
    """Return what a panel of one class and band shows."""
    rate, low, high, masked = (
        _read(result, name, band, label).to_numpy()[axis.rows]
        for name in ("rate", "ci_low", "ci_high", "masked")
    )
    return _Curve(100 * rate, 100 * low, 100 * high, masked.astype(bool))


def _inner(result: xr.Dataset, axes: Sequence[_Axis]) -> dict[str, NDArray[np.intp]]:
    """Return which rows lie on the axes."""
    return {f"bin{s}": axis.rows for s, axis in zip(_order(result), axes, strict=False)}


def _cells(result: xr.Dataset, label: str, band: str, axes: Sequence[_Axis]) -> tuple[Array, Mask]:
    """Return rates in percent and whether they are masked, over (y, x)."""
    at = _inner(result, axes)
    rate, masked = (
        _read(result, name, band, label).isel(at).transpose(*reversed(at)).to_numpy()
        for name in ("rate", "masked")
    )
    return 100 * rate, masked.astype(bool)


def _supports(result: xr.Dataset, bands: Sequence[str]) -> list[str]:
    """Return the panels that can be drawn below the rates."""
    needs = {"exposure": "nights", "availability": "availability"}
    return [name for name, needed in needs.items() if _prefix(bands[0]) + needed in result]


def _exposure(result: xr.Dataset, band: str) -> str:
    """Return the variable that says how much was seen: hours, or frames where there are none."""
    return "usable_hours" if f"{_prefix(band)}usable_hours" in result else "exposure"


def _unit(result: xr.Dataset, band: str) -> str:
    """Return what exposure is counted in."""
    return "hours" if _exposure(result, band) == "usable_hours" else "frames"


def _secondary(result: xr.Dataset, *, pooled: bool) -> list[tuple[str, str, dict[str, Any]]]:
    """Return variable, wording and style of the thin lines and marks beside the rates."""
    line: dict[str, Any] = {"linewidth": 0.8}
    dashed = line | {"linestyle": (0, (3, 2))}
    crude = "crude_rate" if "crude_rate" in result else "rate"
    found = [(crude, "all bands (mixes latitudes)", line)] if pooled else []
    if "rate_standardised" in result:
        strata = result["rate_standardised"].attrs.get("strata", "fixed weights")
        which = "all bands, standardised" if pooled else "standardised"
        found.append(("rate_standardised", f"{which} to {strata}", dashed))
    if crude == "crude_rate" and not pooled:
        found = [(crude, "not standardised", dashed)]
    moon = _parameters(result).get("moon")
    if moon in _MOON and not pooled:
        other = "any" if moon == "down" else "down"
        mark = {"marker": "x", "markersize": 3.0, "markeredgewidth": 0.7, "linestyle": "none"}
        found.append((f"rate_moon_{other}", _MOON[other], mark))
    return found


# ---- words -------------------------------------------------------------------------------------


def _parameters(result: xr.Dataset) -> dict[str, Any]:
    """Return the options that the result was made with."""
    return dict(json.loads(result.attrs.get("parameters", "{}")))


def _printed(label: str) -> str:
    """Return an axis label as it is printed: powers raised, one pair of parentheses."""
    raised = re.sub(r"\^\(([^)]*)\)|\^(-?\d+)", lambda m: f"$^{{{m[1] or m[2]}}}$", label)
    raised = raised.replace(") (", ", ").replace("(degree)", "(°)")
    # A word begins with a capital; ap, vBs and the like stay as they are.
    word = re.match(r"[a-z]{3}", raised) is not None
    return raised[0].upper() + raised[1:] if word else raised


def _lower(text: str) -> str:
    """Return text for the middle of a sentence; names keep their capitals."""
    return text[0].lower() + text[1:] if text[1:2].islower() else text


def _minus(number: float) -> str:
    """Return a number with a minus sign, not a hyphen."""
    return f"{number:g}".replace("-", "−")


def _rate_name(result: xr.Dataset) -> str:
    """Return what the rate is a share of, for an axis."""
    return _RATE_OF[_parameters(result).get("denominator", "usable")]


def _band_name(band: str) -> str:
    """Return a latitude band in words."""
    if band == ALL_BANDS:
        return "all bands (mixes latitudes)"
    spaced = band.replace("<", "< ").replace(">", "> ").replace("-", "–")
    return f"MLAT {spaced}°"


def _title(result: xr.Dataset) -> str:
    """Return the first line: what it is, and whether it is simulated."""
    drivers = [result.attrs[key] for key in ("driver", "driver2") if key in result.attrs]
    names = [DRIVERS[name].long_name if name in DRIVERS else name for name in drivers]
    title = f"Occurrence of auroral forms by {' and '.join(names)}"
    if is_simulated(result.attrs):
        return f"{title}: SIMULATED DATA"
    if "simul" in result.attrs.get("model_trained_on", "").lower():
        return f"{title}: labels by a model trained on simulated data"
    return title


def _subtitle(result: xr.Dataset, bands: Sequence[str], *, interval: bool) -> str:
    """Return the second line: which data, paired and selected how, with which interval."""
    attrs, parameters = result.attrs, _parameters(result)
    parts = []
    if "start" in attrs:
        sites = attrs["selected_sites"].split(",")
        where = f"{len(sites)} sites" if len(sites) > 1 else f"site {sites[0]}"
        parts.append(f"{attrs['start'][:10]} to {attrs['end'][:10]}, {where}")
    if attrs.get("labels_source"):
        parts.append(f"labels: {attrs['labels_source'].removeprefix('import:')}")
    if "band" in result.dims and bands[0] == ALL_BANDS:
        parts.append(_band_name(ALL_BANDS))
    elif attrs.get("bands") and "," not in attrs["bands"]:
        parts.append(_band_name(attrs["bands"]))
    paired: dict[str, list[str]] = {}
    for suffix in ("", "2"):
        if attrs.get(f"cadence_minutes{suffix}", "0") != "0":
            lag, window = attrs[f"lag_minutes{suffix}"], attrs[f"window_minutes{suffix}"]
            when = f"lag {lag} min, window {window} min"
            paired.setdefault(when, []).append(attrs[f"driver{suffix}"])
    alone = len(paired) < 2
    parts += [when if alone else f"{' '.join(who)}: {when}" for when, who in paired.items()]
    if parameters.get("moon") in _MOON:
        parts.append(_MOON[parameters["moon"]])
    if parameters.get("max_sun_elevation") is not None:
        parts.append(f"Sun at or below {_minus(parameters['max_sun_elevation'])}°")
    each = "cell" if "bin2" in result.dims else "bin"
    parts.append(f"up to {int(result['nights'].max())} nights a {each}")
    if parameters.get("standardise"):
        parts.append(f"rates standardised to {', '.join(parameters['standardise'])}")
    if interval and "interval" in parameters:
        kind = parameters["interval"]
        parts.append(f"intervals: {_INTERVAL_OF.get(kind, f'95 % {kind}')}")
    return "; ".join(parts)


def _notes(
    result: xr.Dataset, axes: Sequence[_Axis], labels: Sequence[str], bands: Sequence[str]
) -> list[str]:
    """Return what is not on the axes, and why some of it is grey."""
    inner = _inner(result, axes)
    hours = result["usable_hours"]
    total = float(hours.sum()) or 1.0
    notes = []
    if len(axes) == 1:
        outside = [
            f"{_outside(result, row)}: {100 * float(hours[row]) / total:.1f} %"
            for row in range(hours.size)
            if row not in axes[0].rows and hours[row] > 0
        ]
        if outside:
            notes.append(f"Usable hours not on the axis: {', '.join(outside)}.")
    else:
        share = 100 * max(0.0, 1 - float(hours.isel(inner).sum()) / total)
        notes.append(f"Outside the axes or without a driver value: {share:.1f} % of usable hours.")
    hidden = full = 0
    for band in bands:
        there, masked = (
            _read(result, name, band).isel(inner).sel(label=list(labels))
            for name in ("rate", "masked")
        )
        full += int(there.notnull().sum())
        hidden += int((masked.astype(bool) & there.notnull()).sum())
    if hidden:
        gate = _parameters(result).get("gate", {})
        units = {"min_nights": "nights", "min_hours": "h", "min_winters": "winters"}
        units["min_sites"] = "sites where pooled"
        limits = ", ".join(f"{gate[key]:g} {unit}" for key, unit in units.items() if key in gate)
        what = "cells" if len(axes) == 2 else "rates"
        notes.append(f"Grey, below the gate ({limits}): {hidden} of {full} {what}.")
    return notes


def _outside(result: xr.Dataset, row: int) -> str:
    """Return a row that has no place on the axis, in words."""
    name = str(result["bin"].to_numpy()[row])
    if name == "below":
        return f"below {_minus(float(result['upper'][row]))}"
    if name == "above":
        return f"from {_minus(float(result['lower'][row]))} up"
    return "without a value"


# ---- drawing -----------------------------------------------------------------------------------


def _draw_rate(
    ax: Axes, axis: _Axis, curve: _Curve, label: str, fraction: float, kwargs: dict[str, Any]
) -> None:
    """Draw points at ``fraction`` of their bins, with intervals; grey and open below the gate."""
    colour, marker = CLASS_STYLE[label]
    point: dict[str, Any] = {"fmt": marker, "markersize": 3.6, "elinewidth": 1.1}
    passed = point | {"color": colour, "label": label, "zorder": 4} | kwargs
    below = point | {"color": _GREY, "label": f"_{label} below gate", "zorder": 3}
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
        ax.errorbar(at, rate, yerr=spread[:, pick], **style)


def _draw_secondary(result: xr.Dataset, ax: Axes, axis: _Axis, label: str, band: str) -> None:
    """Draw what stands beside the rate: other weights, the other Moon rule, all bands."""
    pooled = band != ALL_BANDS
    colour = _GREY if pooled else CLASS_STYLE[label][0]
    hidden = _read(result, "masked", ALL_BANDS, label).to_numpy()[axis.rows].astype(bool)
    for name, text, style in _secondary(result, pooled=pooled):
        values = 100 * _read(result, name, ALL_BANDS, label).to_numpy()[axis.rows]
        values = np.where(hidden, np.nan, values)
        options = {"color": colour, "label": f"_{text}"} | style
        if "marker" in style:
            ax.plot(axis.at(0.75), values, zorder=3.5, **options)
        else:
            ax.stairs(values, axis.edges, baseline=None, zorder=2, **options)


_SUPPORT_HEIGHT = {"exposure": 15.0, "availability": 9.0}


def _draw_support(result: xr.Dataset, ax: Axes, axis: _Axis, what: str, band: str) -> None:
    """Draw what the rates rest on: exposure and nights, or availability."""

    def along(name: str) -> Array:
        part = _read(result, name, band)
        part = part.isel(label=0) if "label" in part.dims else part
        values: Array = part.to_numpy()[axis.rows].astype(float)
        return np.where(values > 0, values, np.nan)

    thin: dict[str, Any] = {"baseline": None, "color": _DARK, "linewidth": 0.9}
    if what == "availability":
        ax.stairs(100 * along("availability"), axis.edges, label="_availability", **thin)
        ax.set_ylim(0, 110)
        ax.yaxis.set_major_locator(MultipleLocator(50))
        return
    seen, nights = along(_exposure(result, band)), along("nights")
    ax.set_yscale("log")
    # Half a unit is nothing on a logarithmic axis.
    ax.stairs(seen, axis.edges, baseline=0.5, fill=True, color="0.82", label="_exposure")
    ax.stairs(nights, axis.edges, label="_nights", **thin)
    ax.yaxis.set_major_locator(LogLocator(numticks=4))
    ax.yaxis.set_major_formatter(
        lambda value, _: f"{value:g}" if value < 1e4 else f"$10^{{{np.log10(value):.0f}}}$"
    )
    ax.yaxis.minorticks_off()


def _draw_wedges(ax: Axes, axis: _Axis, curve: _Curve, label: str, kwargs: dict[str, Any]) -> None:
    """Draw rates as wedges of a dial."""
    turn = 2 * np.pi / _PERIOD[axis.driver]
    there = np.isfinite(curve.rate)
    spread = np.fmax(np.stack([curve.rate - curve.low, curve.high - curve.rate]), 0.0)
    spread[:, np.isnan(curve.low)] = np.nan
    below: dict[str, Any] = {"facecolor": "0.93", "edgecolor": _GREY}
    passed: dict[str, Any] = {"facecolor": CLASS_STYLE[label][0], "edgecolor": "white"}
    thin: dict[str, Any] = {"fmt": "none", "ecolor": _GREY, "elinewidth": 0.6}
    for pick, wedge, bar in (
        (there & curve.masked, below | {"label": f"_{label} below gate"}, thin),
        (
            there & ~curve.masked,
            passed | {"label": label},
            thin | {"ecolor": _DARK, "elinewidth": 0.9} | kwargs,
        ),
    ):
        low, rate, width = turn * axis.lower[pick], curve.rate[pick], turn * axis.widths[pick]
        ax.bar(low, rate, width=width, align="edge", linewidth=0.5, alpha=0.75, **wedge)
        ax.errorbar(low + width / 2, rate, yerr=spread[:, pick], **bar)


def _draw_map(
    ax: Axes, axes: Sequence[_Axis], rate: Array, masked: Mask, options: dict[str, Any]
) -> QuadMesh:
    """Draw one map; cells below the gate are hatched grey."""
    x, y = (axis.edges for axis in axes)
    if ax.name == "polar":
        x = x * 2 * np.pi / _PERIOD[axes[0].driver]
        y = 90.0 - y if axes[1].driver == "mlat" else y
    ax.grid(visible=False)
    hidden = masked & np.isfinite(rate)
    grey = np.ma.masked_array(np.ones(rate.shape), ~hidden)
    style: dict[str, Any] = {"hatch": "/////", "edgecolor": _GREY, "linewidth": 0.0}
    ax.pcolor(x, y, grey, cmap=ListedColormap(["0.88"]), label="_below gate", **style)
    return ax.pcolormesh(x, y, np.ma.masked_invalid(np.where(masked, np.nan, rate)), **options)


def _one_panel(
    result: xr.Dataset,
    ax: Axes,
    axis: _Axis,
    labels: Sequence[str],
    band: str,
    kwargs: dict[str, Any],
) -> Panels:
    """Draw all classes beside each other in given Axes."""
    _bands(result, band)
    curves = [_curve(result, label, band, axis) for label in labels]
    top = _top(curves)
    for place, (label, curve) in enumerate(zip(labels, curves, strict=True)):
        _draw_rate(ax, axis, curve, label, 0.15 + 0.7 * (place + 0.5) / len(labels), kwargs)
        _set_rate_limits(ax, axis, curve, top)
    _set_axis(ax, axis, _length(ax))
    _write_on(ax.set_xlabel, axis.label)
    _write_on(ax.set_ylabel, _rate_name(result))
    which = [_band_name(band)] if "band" in result.dims else []
    head = [*_wrap(_title(result), _TEXT, _length(ax)), *which]
    _write_on(ax.set_title, "\n".join(head), loc="left", wrap=True)
    # Room for the legend above the rates.
    ax.set_ylim(-0.05 * top, 1.3 * top)
    ax.legend(fontsize=_TEXT, frameon=False, loc="upper center", ncols=2)
    _plain(ax)
    return {(label, band): ax for label in labels}


def _dials(
    result: xr.Dataset,
    axis: _Axis,
    labels: Sequence[str],
    bands: Sequence[str],
    kwargs: dict[str, Any],
) -> Panels:
    """Draw a dial for each class and band."""
    made = _new_figure({1: _SINGLE, 2: 120.0}.get(len(labels), _DOUBLE))
    kind = {"projection": "polar"}
    grid = made.subplots(len(bands), len(labels), squeeze=False, subplot_kw=kind)
    panels = {(c, b): grid[i, k] for i, b in enumerate(bands) for k, c in enumerate(labels)}
    for label in labels:
        curves = {b: _curve(result, label, b, axis) for b in bands}
        top = _top(list(curves.values()))
        for b, curve in curves.items():
            panel = panels[label, b]
            _draw_wedges(panel, axis, curve, label, kwargs)
            _set_dial(panel, axis.driver)
            panel.set_ylim(0.0, top)
            ticks = np.asarray(MaxNLocator(3, steps=[1, 2, 2.5, 5, 10]).tick_values(0.0, top))
            panel.set_yticks(ticks[(ticks > 0) & (ticks < 0.8 * top)])
            if b == bands[0]:
                _write_on(panel.set_title, label, color=CLASS_STYLE[label][0], weight="bold", pad=8)
            if b != ALL_BANDS and label == labels[0]:
                _name_row(panel, _band_name(b), "")
                panel.yaxis.labelpad = 18
    handles = [
        Patch(color=_DARK, alpha=0.75, label="rate (wedge) and 95 % interval (bar)"),
        Patch(facecolor="0.93", edgecolor=_GREY, label="below the gate"),
    ]
    names = (f"{axis.label}; along the radius: {_lower(_rate_name(result))}", "")
    each = {1: 76.0, 2: 58.0}.get(len(labels), 44.0)
    _letter(made, result, [axis], labels, bands, handles, each * len(bands) + 4.0, names)
    return panels


# ---- axes and page -----------------------------------------------------------------------------


def _top(curves: Sequence[_Curve]) -> float:
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


def _set_rate_limits(ax: Axes, axis: _Axis, curve: _Curve, top: float) -> None:
    """Set the scale; rates beyond it are written at its top."""
    ax.set_ylim(-0.05 * top, top)
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10], min_n_ticks=3))
    for row in np.flatnonzero(np.nan_to_num(curve.rate) > top):
        text, at = f"{curve.rate[row]:.0f}↑", axis.at(0.5)[row]
        ax.text(at, top, text, color="0.4", fontsize=_TEXT, ha="center", va="top")


def _set_axis(ax: Axes, axis: _Axis, room: float, which: str = "x") -> None:
    """Set scale, limits and ticks; ``room`` is the length in points."""
    line = ax.xaxis if which == "x" else ax.yaxis
    if axis.knee is not None:
        set_scale = ax.set_xscale if which == "x" else ax.set_yscale
        set_scale("asinh", linear_width=axis.knee)
    ax.set(**{f"{which}lim": (axis.lower.min(), axis.upper.max())})
    many = room > 150
    if axis.names:
        crowded = which == "x" and sum(len(n) + 1.5 for n in axis.names) * 0.6 * _TEXT > room
        line.set_ticks(axis.at(0.5), axis.names, rotation=90 if crowded else 0)
        line.set_tick_params(length=0)
    elif axis.knee is not None:
        ticks = _apart(axis, room)
        line.set_ticks(ticks, [_minus(tick) for tick in ticks])
        line.set_ticks([], minor=True)
    elif axis.driver in _PERIOD:
        line.set_major_locator(MultipleLocator(_PERIOD[axis.driver] / (8 if many else 4)))
        if _PERIOD[axis.driver] == 24.0:
            line.set_major_formatter(lambda value, _: f"{value % 24:g}")
    else:
        steps = [1, 2, 5, 10]
        line.set_major_locator(
            MaxNLocator(6 if many else 5, steps=steps, integer=axis.driver == "Kp")
        )


def _apart(axis: _Axis, room: float) -> list[float]:
    """Return edges whose labels do not touch."""
    place = np.arcsinh(axis.edges / (axis.knee or 1.0))
    place = (place - place[0]) / (place[-1] - place[0]) * room
    kept: list[float] = []
    end = -np.inf
    for edge, at in zip(axis.edges, place, strict=True):
        half = 0.5 * _width(_minus(edge) + " ", _TEXT)
        if at - half >= end:
            kept.append(float(edge))
            end = at + half
    return kept


def _set_dial(ax: Axes, driver: str) -> None:
    """Turn polar Axes as this driver is drawn: midnight at the bottom, or northward at the top."""
    names = ["0 h", "6", "12", "18"]
    if driver == "clock_angle":
        ax.set(theta_zero_location="N", theta_direction=-1)
        names = ["+Bz", "+By", "−Bz", "−By"]
    else:
        ax.set(theta_zero_location="S", rlabel_position=165)
    ax.set_xticks(np.radians([0, 90, 180, 270]), names)
    ax.tick_params(labelsize=_TEXT, pad=0)
    ax.grid(linewidth=0.4, color="0.8")
    ax.spines["polar"].set_linewidth(0.6)
    # Circles and their numbers stay legible across wedges and cells.
    ax.set_axisbelow("line")


def _set_map_axes(ax: Axes, axes: Sequence[_Axis], room: float) -> None:
    """Set both axes of a map; IMF components have equal scales."""
    if ax.name == "polar":
        _set_dial(ax, axes[0].driver)
        if axes[1].driver == "mlat":
            ax.set_ylim(0, 96 - axes[1].lower.min())
            ax.set_yticks([30, 20, 10], ["60°", "70°", "80°"])
        return
    _set_axis(ax, axes[0], room)
    _set_axis(ax, axes[1], room, which="y")
    ax.tick_params(labelsize=_TEXT, width=0.6, length=2.5)
    ax.spines[:].set_linewidth(0.6)
    if {axis.driver for axis in axes} <= {"Bx", "By", "Bz"}:
        ax.set_aspect("equal")
        for line in (ax.axhline, ax.axvline):
            line(0, color="0.3", linewidth=0.5, linestyle=":")


def _plain(ax: Axes) -> None:
    """Reduce Axes to the two axes and light lines across."""
    ax.tick_params(labelsize=_TEXT, width=0.6, length=2.5)
    ax.spines[:].set_linewidth(0.6)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", linewidth=0.4, color="0.9")
    ax.set_axisbelow(True)


def _write_on(write: Any, text: str, **options: Any) -> None:
    """Call a setter of text in the common size."""
    write(text, **({"fontsize": _TEXT} | options))


def _name_row(ax: Axes, text: str, label: str) -> None:
    """Write beside a row what it shows: a class in its colour, a band, or what is counted."""
    style = {"color": CLASS_STYLE[label][0]} if label in CLASS_STYLE else {}
    bold = {} if label in _SUPPORT_HEIGHT else {"fontsize": _NAME, "fontweight": "bold"}
    _write_on(ax.set_ylabel, text, **style, **bold)


def _legend(
    result: xr.Dataset,
    axis: _Axis,
    labels: Sequence[str],
    bands: Sequence[str],
    below: Sequence[str],
) -> list[Any]:
    """Return legend entries for what the panels hold, in neutral colours."""
    curves = [_curve(result, label, band, axis) for label in labels for band in bands]
    there = [(np.isfinite(curve.rate), curve.masked) for curve in curves]
    handles: list[Any] = []
    for text, colour, face, some in (
        ("rate, 95 % interval", _DARK, _DARK, any((t & ~m).any() for t, m in there)),
        ("below the gate", _GREY, "white", any((t & m).any() for t, m in there)),
    ):
        point = Line2D([], [], color=colour, marker="o", markersize=3.6, linestyle="none")
        point.set_markerfacecolor(face)
        bar = LineCollection([], colors=[colour], linewidths=[1.0])
        entry = ErrorbarContainer((point, (), (bar,)), has_yerr=True, label=text)
        handles += [entry] if some else []
    pooled = bands[0] != ALL_BANDS
    drawn = ~result["masked"].isel(bin=axis.rows).to_numpy().astype(bool)
    for _, text, style in _secondary(result, pooled=pooled) if drawn.any() else ():
        handles.append(Line2D([], [], color=_GREY if pooled else _DARK, label=text, **style))
    if "exposure" in below:
        handles.append(Patch(color="0.82", label=f"usable {_unit(result, bands[0])}"))
        handles.append(Line2D([], [], color=_DARK, linewidth=0.9, label="nights"))
    return handles


def _new_figure(width: float, *, compress: bool = False) -> Figure:
    """Return an empty figure of a column's width in mm."""
    engine = ConstrainedLayoutEngine(h_pad=0.03, w_pad=0.03, hspace=0.02, compress=compress)
    return Figure(figsize=(width / 25.4, 4.0), layout=engine)


def _length(ax: Axes) -> float:
    """Return the length of given Axes in points."""
    return float(ax.bbox.width / ax.figure.dpi * 72)


def _room(figure: Figure, columns: int) -> float:
    """Return the length of a panel in points, less what its labels take."""
    return (72 * float(figure.get_figwidth()) - 45) / columns - 12


def _width(text: str, size: float, weight: str = "normal") -> float:
    """Return the length of a line in points."""
    font = FontProperties(size=size, weight=weight)
    return float(text_to_path.get_text_width_height_descent(text, font, False)[0])


#: What stays on one line.
_TOGETHER = ("SIMULATED DATA", "< 30 % lit", " %", " min", " h,", " nights", " sites")


def _wrap(text: str, size: float, room: float, weight: str = "normal") -> list[str]:
    """Break text into lines that are at most ``room`` points long."""
    for kept in _TOGETHER:
        text = text.replace(kept, kept.replace(" ", "\xa0"))
    lines: list[str] = []
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and _width(longer, size, weight) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return [line.replace("\xa0", " ") for line in lines]


def _letter(
    figure: Figure,
    result: xr.Dataset,
    axes: Sequence[_Axis],
    labels: Sequence[str],
    bands: Sequence[str],
    handles: Sequence[Any],
    height: float,
    names: tuple[str, str],
    *,
    middle: float = 0.5,
) -> None:
    """Put title, axis names, legend and notes around panels that are ``height`` mm high."""
    width = 72 * float(figure.get_figwidth())
    room = width - 2 * _MARGIN
    title = _title(result)
    subtitle = _subtitle(result, bands, interval=len(axes) == 1)
    head = _wrap(title, _TITLE, room, "bold")
    under = _wrap(subtitle, _TEXT, room)
    notes = [
        line for note in _notes(result, axes, labels, bands) for line in _wrap(note, _TEXT, room)
    ]
    widest = max(_width(handle.get_label(), _TEXT) for handle in handles)
    columns = max(1, int(room // (widest + 3.3 * _TEXT)))
    # From the bottom upwards, in points.
    legend = _MARGIN + len(notes) * _TEXT * _LINE + -(-len(handles) // columns) * _TEXT * 1.4
    below = legend + 2.2 * _TEXT
    above = _MARGIN + len(head) * _TITLE * _LINE + len(under) * _TEXT * _LINE + 4
    panels = height * 72 / 25.4
    total = below + panels + above
    figure.set_size_inches(width / 72, total / 72)
    left, side = _MARGIN / width, (1.8 * _TEXT / width if names[1] else 0.0)
    engine = figure.get_layout_engine()
    assert isinstance(engine, ConstrainedLayoutEngine)
    engine.set(rect=(side, below / total, 1 - side, panels / total))
    named: dict[str, Any] = {"fontsize": _NAME}
    figure.supxlabel(names[0], x=0.5 + side, y=(legend + 4) / total, va="bottom", **named)
    figure.supylabel(names[1], x=3 / width, y=(below + panels * middle) / total, ha="left", **named)
    small: dict[str, Any] = {"fontsize": _TEXT, "linespacing": _LINE, "color": "0.25"}
    large: dict[str, Any] = {"fontsize": _TITLE, "linespacing": _LINE, "fontweight": "bold"}
    large["color"] = _ALERT if "simulated" in title.lower() else "black"
    first, second = 1 - _MARGIN / total, 1 - (_MARGIN + len(head) * _TITLE * _LINE) / total
    figure.suptitle("\n".join(head), x=left, y=first, ha="left", va="top", **large)
    figure.text(left, second, "\n".join(under), va="top", gid="subtitle", **small)
    figure.text(left, _MARGIN / total, "\n".join(notes), va="bottom", gid="notes", **small)
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(left, legend / total),
        ncols=columns,
        fontsize=_TEXT,
        frameon=False,
        borderaxespad=0,
        borderpad=0.1,
        handlelength=1.6,
        handletextpad=0.7,
        columnspacing=0.9,
        labelspacing=0.3,
    )
    vars(figure)["provenance"] = {
        "title": title,
        "software": result.attrs.get("software", "auroral_stats"),
        "description": f"{subtitle}. Parameters: {result.attrs.get('parameters', '{}')}",
    }
