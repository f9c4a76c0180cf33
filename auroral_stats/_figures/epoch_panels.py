"""Panels of superposed epochs: mean, median and random band, and how many onsets there are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from auroral_stats._figures.lettering import math_text
from auroral_stats._figures.page import plain, write_on
from auroral_stats._figures.style import CLASS_STYLE, DARK, GREY, MOON, NAME
from auroral_stats._figures.words import with_minus
from auroral_stats.drivers import DRIVERS
from auroral_stats.effect_tables import is_epoch
from auroral_stats.errors import UsageError
from auroral_stats.measures import MEASURES
from auroral_stats.provenance import parameters_of

_BAND = "0.86"
#: Lines of the numbers of onsets, by quantity.
_DASHES: tuple[Any, ...] = ("-", (0, (4, 2)), (0, (1, 1)), (0, (5, 1, 1, 1)))


def check_epoch(result: xr.Dataset, of: str | Sequence[str] | None) -> list[str]:
    """Return the quantities to draw; refuse what is no such result, or lacks one."""
    if not is_epoch(result):
        raise UsageError("expected a result of auroral_stats.epochs.epochs; this is none.")
    held = [str(name) for name in result["of"].to_numpy()]
    if of is None:
        return held
    wanted = [of] if isinstance(of, str) else list(of)
    unknown = [name for name in wanted if name not in held]
    if unknown or not wanted:
        raise UsageError(
            f"of {', '.join(unknown) or 'nothing'}: this result holds {', '.join(held)}."
        )
    return wanted


def colour_of(result: xr.Dataset) -> str:
    """Return the colour of the class whose onsets they are, or that of the first class."""
    label = onset_parameters(result).get("label")
    return CLASS_STYLE.get(str(label), CLASS_STYLE["arc"])[0]


def onset_parameters(result: xr.Dataset) -> dict[str, Any]:
    """Return how the onsets were found."""
    return dict(json.loads(result.attrs.get("onsets_parameters", "{}")))


def quantity_label(name: str, units: str) -> str:
    """Return the axis label of a measure or driver."""
    known: dict[str, Any] = {**DRIVERS, **MEASURES}
    long_name = known[name].long_name if name in known else name
    return math_text(f"{long_name} ({units})" if units else long_name)


def draw_epoch(ax: Axes, result: xr.Dataset, name: str, kwargs: dict[str, Any]) -> None:
    """Draw one quantity about the onset."""
    one = result.sel(of=name)
    lag = result["lag"].to_numpy()
    colour = colour_of(result)
    if "band_low" in one:
        low, high = one["band_low"].to_numpy(), one["band_high"].to_numpy()
        ax.fill_between(lag, low, high, color=_BAND, linewidth=0, label="_band", zorder=1)
        random = one["random_mean"].to_numpy()
        ax.plot(lag, random, color=GREY, linewidth=0.8, label="_random mean", zorder=1.5)
    low, high = one["mean_low"].to_numpy(), one["mean_high"].to_numpy()
    ax.fill_between(lag, low, high, color=colour, alpha=0.25, linewidth=0, label="_interval")
    median = one["median"].to_numpy()
    ax.plot(lag, median, color=DARK, linewidth=0.9, linestyle=(0, (3, 2)), label="_median")
    style: dict[str, Any] = {"color": colour, "linewidth": 1.4, "label": name, "zorder": 3}
    style |= kwargs
    ax.plot(lag, one["mean"].to_numpy(), **style)
    ax.axvline(0, color=DARK, linewidth=0.6, linestyle=":")
    ax.set_xlim(lag[0], lag[-1])
    ax.yaxis.set_major_locator(MaxNLocator(5))
    plain(ax)


def draw_number(ax: Axes, result: xr.Dataset, names: Sequence[str]) -> None:
    """Draw how many onsets have data at each lag."""
    lag = result["lag"].to_numpy()
    top = 0
    for place, name in enumerate(names):
        number = result["number"].sel(of=name).to_numpy()
        style: dict[str, Any] = {"linestyle": _DASHES[place % len(_DASHES)], "color": DARK}
        ax.plot(lag, number, label=name, linewidth=0.9, **style)
        top = max(top, int(number.max()))
    ax.axvline(0, color=DARK, linewidth=0.6, linestyle=":")
    ax.set_xlim(lag[0], lag[-1])
    ax.set_ylim(0, 1.15 * max(top, 1))
    ax.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    ax.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 1.5, 2, 3, 6, 10]))
    plain(ax)
    write_on(ax.set_ylabel, "onsets")


def epoch_legend(result: xr.Dataset, names: Sequence[str]) -> list[Any]:
    """Return the legend entries of the figure."""
    colour = colour_of(result)
    found: list[Any] = [
        Line2D([], [], color=colour, linewidth=1.4, label="mean"),
        Patch(facecolor=colour, alpha=0.25, label="its 95 % interval"),
        Line2D([], [], color=DARK, linewidth=0.9, linestyle=(0, (3, 2)), label="median"),
    ]
    if "band_low" in result:
        found.append(Line2D([], [], color=GREY, linewidth=0.8, label="random epochs"))
        found.append(Patch(facecolor=_BAND, label="95 % of their means"))
    if len(names) > 1 and differing_numbers(result, names):
        for place, name in enumerate(names):
            style = {"linestyle": _DASHES[place % len(_DASHES)], "color": DARK}
            found.append(Line2D([], [], linewidth=0.9, label=f"{name}: onsets", **style))
    return found


def differing_numbers(result: xr.Dataset, names: Sequence[str]) -> bool:
    """Return whether the quantities have data for visibly different numbers of onsets."""
    number = result["number"].sel(of=list(names))
    spread = number.max("of") - number.min("of")
    return bool(spread.max() > 0.02 * number.max())


def epoch_title(result: xr.Dataset) -> str:
    """Return the first line: epochs about what."""
    onsets = result.attrs.get("onsets_from", "onsets")
    return f"Superposed epochs about {onsets[0].lower()}{onsets[1:]}"


def epoch_subtitle(result: xr.Dataset) -> str:
    """Return which onsets, how chosen, and with which interval."""
    attrs, chosen, found = result.attrs, parameters_of(result.attrs), onset_parameters(result)
    onsets, nights = int(attrs["onsets"]), int(result["nights"].max())
    span = f"{attrs['start'][:10]} to {attrs['end'][:10]}"
    parts = [f"{onsets:,} onsets in {nights:,} nights, {span}"]
    if "hold" in found:
        parts.append(
            f"onset: {found['label']} for {found['hold']} s after {found['before']} min of other "
            "usable forms"
        )
    if found.get("separation"):
        parts.append(f"at least {found['separation']} min apart")
    if found.get("label"):
        parts.append(MOON[chosen["moon"]])
        if chosen["max_sun_elevation"] is not None:
            parts.append(f"Sun at or below {with_minus(chosen['max_sun_elevation'])}°")
    if "band_low" in result:
        parts.append(f"random epochs of the same {attrs['band_strata']}")
    parts.append("intervals: 95 % jackknife by nights, within the winters observed")
    return "; ".join(parts)


def name_quantity(ax: Axes, result: xr.Dataset, name: str) -> None:
    """Write what is on the y axis."""
    units = str(result["units"].sel(of=name).item())
    write_on(ax.set_ylabel, quantity_label(name, units).replace(" (", "\n("), fontsize=NAME)


def notes_on_epochs(result: xr.Dataset, names: Sequence[str]) -> list[str]:
    """Return what must be known beside the panels."""
    cadence = sorted({int(result["cadence_minutes"].sel(of=name)) for name in names})
    notes = [f"Data of {' and '.join(map(str, cadence))} min."]
    if "band_low" in result:
        notes.append(result.attrs["statement"])
    return [" ".join(notes)]
