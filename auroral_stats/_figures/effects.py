"""Panels of geoeffectiveness: ratios with their numbers, exceedance curves, balance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, LogLocator, NullFormatter

from auroral_stats._figures.page import plain, width_of, write_on
from auroral_stats._figures.style import CLASS_STYLE, DARK, GREY, NAME, TEXT, Array
from auroral_stats.effect_tables import is_effect
from auroral_stats.errors import UsageError
from auroral_stats.screen_effects import ratio_text
from auroral_stats.strata import MAX_SMD

#: Height of a row of ratios, mm.
ROW = 4.6
#: Where matched and crude stand in their row.
_MATCHED, _CRUDE = -0.16, 0.2
#: An interval is drawn no further than this factor beyond the estimates.
_BEYOND = 5.0
CRUDE_COLOUR = "0.45"
_POINT: dict[str, Any] = {"linestyle": "none", "markersize": 4.0}


@dataclass(frozen=True)
class Ratio:
    """One row of the forest: place, matched and crude ratio with limits."""

    label: str
    threshold: float
    place: float
    matched: tuple[float, float, float]
    crude: tuple[float, float, float]
    masked: bool


def check_effect(result: xr.Dataset, labels: str | Sequence[str] | None) -> list[str]:
    """Return the classes to draw; refuse what is no such result, or a class that it lacks."""
    if not is_effect(result):
        raise UsageError(
            "expected a result of auroral_stats.geoeffectiveness.geoeffectiveness; this is none."
        )
    held = [str(name) for name in result["label"].to_numpy()]
    if labels is None:
        return held
    wanted = [labels] if isinstance(labels, str) else list(labels)
    unknown = [name for name in wanted if name not in held]
    if unknown or not wanted:
        raise UsageError(
            f"label {', '.join(unknown) or 'nothing'}: this result holds {', '.join(held)}."
        )
    return wanted


def ratios(result: xr.Dataset, labels: Sequence[str]) -> tuple[list[Ratio], dict[str, float]]:
    """Return the rows of the forest from the top down, and where the heading of each class is."""
    rows, heads, place = [], {}, 0.0
    for label in labels:
        heads[label] = place
        for threshold in result["threshold"].to_numpy():
            place += 1.0
            cell = result.sel(label=label, threshold=threshold)
            matched, crude = (
                (float(cell[name]), float(cell[f"{name}_low"]), float(cell[f"{name}_high"]))
                for name in ("risk_ratio", "crude_risk_ratio")
            )
            rows.append(Ratio(label, float(threshold), place, matched, crude, bool(cell["masked"])))
        place += 1.4
    return rows, heads


def ratio_limits(rows: Sequence[Ratio]) -> tuple[float, float]:
    """Return the limits of the axis: what passes the gate, intervals as far as they are of use."""
    passed = [row for row in rows if not row.masked] or list(rows)
    estimates = np.array([[row.matched[0], row.crude[0]] for row in passed]).ravel()
    estimates = np.append(estimates[np.isfinite(estimates) & (estimates > 0)], 1.0)
    ends = np.array([row.matched[1:] + row.crude[1:] for row in passed]).ravel()
    ends = np.append(ends[np.isfinite(ends) & (ends > 0)], estimates)
    low = max(float(ends.min()), float(estimates.min()) / _BEYOND)
    high = min(float(ends.max()), float(estimates.max()) * _BEYOND)
    return min(low, 0.8) / 1.15, max(high, 1.25) * 1.15


def draw_forest(
    ax: Axes, result: xr.Dataset, labels: Sequence[str], kwargs: dict[str, Any], *, numbers: bool
) -> None:
    """Draw matched and crude ratios; write what each class rests on, and the numbers beside."""
    rows, heads = ratios(result, labels)
    low, high = ratio_limits(rows)
    ax.set_xscale("log")
    ax.set_xlim(low, high)
    ax.set_ylim(rows[-1].place + 0.7, -0.7)
    ax.axvline(1.0, color=DARK, linewidth=0.8, zorder=1)
    for row in rows:
        colour, marker = CLASS_STYLE[row.label]
        crude: dict[str, Any] = {"color": CRUDE_COLOUR, "marker": "x", "markeredgewidth": 0.9}
        style: dict[str, Any] = {"color": colour, "marker": marker, "markeredgewidth": 0.8}
        if row.masked:
            crude["color"] = GREY
            style |= {"color": GREY, "markerfacecolor": "white"}
        _span(ax, row.crude, row.place + _CRUDE, 0.6, crude | {"markersize": 3.4}, "crude")
        wide = 0.7 if row.masked else 1.3
        _span(ax, row.matched, row.place + _MATCHED, wide, style | kwargs, row.label)
    ax.set_yticks([row.place for row in rows], [f"≥ {row.threshold:g}" for row in rows])
    for label, place in heads.items():
        _heading(ax, result, label, place)
    _log_ticks(ax, low, high)
    if numbers:
        _numbers_beside(ax, rows)
    plain(ax)
    ax.grid(visible=False)
    ax.grid(axis="x", linewidth=0.4, color="0.9")
    ax.tick_params(axis="y", length=0, pad=5)
    ax.spines["left"].set_visible(False)
    write_on(ax.set_xlabel, "Risk ratio of class to control", fontsize=NAME)


def _span(
    ax: Axes,
    estimate: tuple[float, float, float],
    place: float,
    width: float,
    style: dict[str, Any],
    label: str,
) -> None:
    """Draw an estimate and its interval; an arrow stands where the interval goes on."""
    value, *limits = estimate
    left, right = ax.get_xlim()
    colour = style["color"]
    if not value > 0:
        return
    low, high = limits if np.isfinite(limits).all() else (value, value)
    ends = np.clip([low, high], left, right)
    ax.plot(ends, [place, place], color=colour, linewidth=width, zorder=2, label="_interval")
    arrow: dict[str, Any] = {"color": colour, "markersize": 3.0, "clip_on": False}
    if low < left:
        ax.plot(left, place, "<", label="_beyond", **arrow)
    if high > right:
        ax.plot(right, place, ">", label="_beyond", **arrow)
    ax.plot(value, place, **(_POINT | {"zorder": 3, "label": f"_{label}"} | style))


def _heading(ax: Axes, result: xr.Dataset, label: str, place: float) -> None:
    """Write the class, and what its matched numbers rest on."""
    one = result.sel(label=label)
    share = 100 * float(one["share_retained"])
    rests = (
        f"{share:.0f} % of {int(one['minutes']):,} min matched, {int(one['strata']):,} strata, "
        f"{int(one['nights'])} nights"
    )
    if str(one["population"].item()) == "overlap population":
        rests += ": overlap population"
    options: dict[str, Any] = {
        "xycoords": ax.get_yaxis_transform(),
        "textcoords": "offset points",
        "va": "center",
        "annotation_clip": False,
    }
    bold: dict[str, Any] = {"color": CLASS_STYLE[label][0], "fontweight": "bold", "fontsize": NAME}
    ax.annotate(label, (0, place), xytext=(2, 0), **bold, **options)
    shift = 2 + width_of(label, NAME, "bold") + 5
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
    small: dict[str, Any] = {"color": "0.25", "fontsize": TEXT, "bbox": box}
    ax.annotate(rests, (0, place), xytext=(shift, 0), **small, **options)


def _log_ticks(ax: Axes, low: float, high: float) -> None:
    """Put round numbers on a logarithmic axis, as many as are legible."""
    decades = np.log10(high / low)
    steps = (1.0, 2.0, 5.0) if decades < 2.6 else (1.0,)
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    ticks = np.multiply.outer(powers, steps).ravel()
    if decades < 1.3:
        ticks = np.unique(np.append(ticks, [0.3, 0.7, 1.5, 3.0]))
    kept = [float(tick) for tick in ticks if low <= tick <= high]
    ax.xaxis.set_major_locator(FixedLocator(kept))
    ax.set_xticks(kept, [f"{tick:g}" for tick in kept])
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.xaxis.set_minor_locator(FixedLocator([]))


def _numbers_beside(ax: Axes, rows: Sequence[Ratio]) -> None:
    """Write matched and crude ratios in columns to the right."""
    columns = []
    for name in ("matched", "crude"):
        texts = []
        for row in rows:
            value, limits = ratio_text(*getattr(row, name))
            texts.append(f"({value})" if row.masked and value != "-" else f"{value} {limits}")
        columns.append((name, [text.strip().replace("-", "–") for text in texts]))
    shift = 8.0
    for name, texts in columns:
        width = max(width_of(text, TEXT) for text in [*texts, name])
        for row, text in zip(rows, texts, strict=True):
            _beside(ax, text, row.place, shift, "0.55" if row.masked else DARK)
        _beside(ax, name, -0.1, shift, DARK, fontweight="bold")
        shift += width + 9.0


def _beside(ax: Axes, text: str, place: float, shift: float, colour: str, **options: Any) -> None:
    ax.annotate(
        text,
        (1, place),
        xytext=(shift, 0),
        xycoords=ax.get_yaxis_transform(),
        textcoords="offset points",
        va="center",
        ha="left",
        fontsize=TEXT,
        color=colour,
        annotation_clip=False,
        **options,
    )


def draw_exceedance(
    ax: Axes, result: xr.Dataset, label: str, kwargs: dict[str, Any], *, own_control: bool = False
) -> None:
    """Draw the share of minutes at or above X, for a class and its matched control.

    With ``own_control`` the control has the colour of the class, for several in the same Axes.
    """
    one = result.sel(label=label)
    x = result["x"].to_numpy()
    colour, marker = CLASS_STYLE[label]
    control = colour if own_control else DARK
    dashed: dict[str, Any] = {"linestyle": (0, (4, 2)), "linewidth": 1.0, "color": control}
    ax.plot(x, _positive(one["control_curve"]), label=f"control of {label}", **dashed)
    ax.plot(x, _positive(one["curve"]), **({"color": colour, "label": label} | kwargs))
    masked = one["masked"].to_numpy().astype(bool)
    for name, tint, mark in (
        ("control_exceedance", control, "_"),
        ("exceedance", colour, marker),
    ):
        value, low, high = (one[f"{name}{end}"].to_numpy() for end in ("", "_low", "_high"))
        there = np.isfinite(value) & (value > 0)
        below: dict[str, Any] = {"color": GREY, "markerfacecolor": "white"}
        passed: dict[str, Any] = {"color": tint}
        for pick, style in ((there & ~masked, passed), (there & masked, below)):
            if not pick.any():
                continue
            spread = np.fmax(np.stack([value - low, high - value]), 0.0)[:, pick]
            some = np.isfinite(spread).all()
            ax.errorbar(
                result["threshold"].to_numpy()[pick],
                value[pick],
                yerr=spread if some else None,
                fmt=mark,
                markersize=3.2,
                elinewidth=0.9,
                label=f"_{name} of {label}",
                zorder=4,
                **style,
            )


def _positive(curve: xr.DataArray) -> Array:
    values: Array = curve.to_numpy().astype(float)
    return np.where(values > 0, values, np.nan)


def set_exceedance(ax: Axes, result: xr.Dataset, labels: Sequence[str]) -> None:
    """Set the axes of exceedance: down to what one minute would be."""
    x = result["x"].to_numpy()
    if (x > 0).all():
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(numticks=4))
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_yscale("log")
    minutes = max(float(result["matched_minutes"].sel(label=list(labels)).max()), 10.0)
    ax.set_ylim(0.7 / minutes, 1.3)
    ax.yaxis.set_major_locator(LogLocator(numticks=6))
    ax.yaxis.minorticks_off()
    limits = result["threshold"].to_numpy()
    ax.set_xlim(max(x[0], 0.08 * limits[0]), max(x[-1], 1.1 * limits[-1]))
    plain(ax)


def draw_balance(ax: Axes, result: xr.Dataset, labels: Sequence[str]) -> None:
    """Draw the size of each covariate's difference before and after matching (Love plot)."""
    pairs = zip(result["covariate"].to_numpy(), result["matched"].to_numpy(), strict=True)
    names = [str(name) if matched else f"{name}\nunmatched" for name, matched in pairs]
    size = abs(result["balance"])
    step = 0.6 / max(len(labels), 1)
    for number, label in enumerate(labels):
        colour, marker = CLASS_STYLE[label]
        place = np.arange(len(names)) + (number - (len(labels) - 1) / 2) * step
        before, after = (
            size.sel(label=label, when=when).to_numpy() for when in ("before", "after")
        )
        ax.hlines(place, after, before, color=colour, linewidth=0.5, alpha=0.6)
        small: dict[str, Any] = _POINT | {"markersize": 3.2, "marker": marker, "color": colour}
        ax.plot(before, place, markerfacecolor="white", label=f"_{label} before", **small)
        ax.plot(after, place, label=f"_{label} after", **small)
    ax.axvline(MAX_SMD, color=DARK, linewidth=0.7, linestyle=":")
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlim(left=-0.02)
    plain(ax)
    ax.grid(visible=False)
    ax.tick_params(axis="y", length=0)
    write_on(ax.set_xlabel, "|standardised mean difference|")
