"""What figures say: titles, axis names and notes, read from the result."""

from __future__ import annotations

from collections.abc import Sequence

import xarray as xr

from auroral_stats._figures.reading import BinAxis, inner_rows, read
from auroral_stats._figures.style import ALL_BANDS, MOON
from auroral_stats.drivers import DRIVERS
from auroral_stats.provenance import is_simulated, parameters_of

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


def lower_first(text: str) -> str:
    """Return text for the middle of a sentence; names keep their capitals."""
    return text[0].lower() + text[1:] if text[1:2].islower() else text


def with_minus(number: float) -> str:
    """Return a number with a minus sign, not a hyphen."""
    return f"{number:g}".replace("-", "−")


def rate_name(result: xr.Dataset) -> str:
    """Return what the rate is a share of, for an axis."""
    return _RATE_OF[parameters_of(result.attrs).get("denominator", "usable")]


def band_name(band: str) -> str:
    """Return a latitude band in words."""
    if band == ALL_BANDS:
        return "all bands (mixes latitudes)"
    spaced = band.replace("<", "< ").replace(">", "> ").replace("-", "–")
    return f"MLAT {spaced}°"


def title_of(result: xr.Dataset) -> str:
    """Return the first line: what it is, and whether it is simulated."""
    drivers = [result.attrs[key] for key in ("driver", "driver2") if key in result.attrs]
    names = [DRIVERS[name].long_name if name in DRIVERS else name for name in drivers]
    title = f"Occurrence of auroral forms by {' and '.join(names)}"
    if is_simulated(result.attrs):
        return f"{title}: SIMULATED DATA"
    if "simul" in result.attrs.get("model_trained_on", "").lower():
        return f"{title}: labels by a model trained on simulated data"
    return title


def subtitle_of(result: xr.Dataset, bands: Sequence[str], *, interval: bool) -> str:
    """Return the second line: which data, paired and selected how, with which interval."""
    attrs, parameters = result.attrs, parameters_of(result.attrs)
    parts = []
    if "start" in attrs:
        sites = attrs["selected_sites"].split(",")
        where = f"{len(sites)} sites" if len(sites) > 1 else f"site {sites[0]}"
        parts.append(f"{attrs['start'][:10]} to {attrs['end'][:10]}, {where}")
    if attrs.get("labels_source"):
        parts.append(f"labels: {attrs['labels_source'].removeprefix('import:')}")
    if "band" in result.dims and bands[0] == ALL_BANDS:
        parts.append(band_name(ALL_BANDS))
    elif attrs.get("bands") and "," not in attrs["bands"]:
        parts.append(band_name(attrs["bands"]))
    paired: dict[str, list[str]] = {}
    for suffix in ("", "2"):
        if attrs.get(f"cadence_minutes{suffix}", "0") != "0":
            lag, window = attrs[f"lag_minutes{suffix}"], attrs[f"window_minutes{suffix}"]
            when = f"lag {lag} min, window {window} min"
            paired.setdefault(when, []).append(attrs[f"driver{suffix}"])
    alone = len(paired) < 2
    parts += [when if alone else f"{' '.join(who)}: {when}" for when, who in paired.items()]
    if parameters.get("moon") in MOON:
        parts.append(MOON[parameters["moon"]])
    if parameters.get("max_sun_elevation") is not None:
        parts.append(f"Sun at or below {with_minus(parameters['max_sun_elevation'])}°")
    each = "cell" if "bin2" in result.dims else "bin"
    parts.append(f"up to {int(result['nights'].max())} nights a {each}")
    if parameters.get("standardise"):
        parts.append(f"rates standardised to {', '.join(parameters['standardise'])}")
    if interval and "interval" in parameters:
        kind = parameters["interval"]
        parts.append(f"intervals: {_INTERVAL_OF.get(kind, f'95 % {kind}')}")
    return "; ".join(parts)


def notes_of(
    result: xr.Dataset, axes: Sequence[BinAxis], labels: Sequence[str], bands: Sequence[str]
) -> list[str]:
    """Return what is not on the axes, and why some of it is grey."""
    notes = []
    if len(axes) == 1:
        outside = off_axis(result, axes[0])
        if outside:
            notes.append(f"Usable hours not on the axis: {outside}.")
    else:
        hours = result["usable_hours"]
        inner = float(hours.isel(inner_rows(result, axes)).sum())
        share = 100 * max(0.0, 1 - inner / (float(hours.sum()) or 1.0))
        notes.append(f"Outside the axes or without a driver value: {share:.1f} % of usable hours.")
    hidden, full = hidden_of(result, axes, labels, bands)
    if hidden:
        what = "cells" if len(axes) == 2 else "rates"
        notes.append(f"Grey, below the gate ({gate_of(result)}): {hidden} of {full} {what}.")
    return notes


def off_axis(result: xr.Dataset, axis: BinAxis) -> str:
    """Return which share of the usable hours has no place on the axis; empty if none has."""
    hours = result["usable_hours"]
    total = float(hours.sum()) or 1.0
    return ", ".join(
        f"{_outside(result, row)}: {100 * float(hours[row]) / total:.1f} %"
        for row in range(hours.size)
        if row not in axis.rows and hours[row] > 0
    )


def hidden_of(
    result: xr.Dataset, axes: Sequence[BinAxis], labels: Sequence[str], bands: Sequence[str]
) -> tuple[int, int]:
    """Return how many of the rates that are drawn are below the gate, and how many there are."""
    inner = inner_rows(result, axes)
    hidden = full = 0
    for band in bands:
        there, masked = (
            read(result, name, band).isel(inner).sel(label=list(labels))
            for name in ("rate", "masked")
        )
        full += int(there.notnull().sum())
        hidden += int((masked.astype(bool) & there.notnull()).sum())
    return hidden, full


def gate_of(result: xr.Dataset) -> str:
    """Return the limits of the gate in words."""
    gate = parameters_of(result.attrs).get("gate", {})
    units = {"min_nights": "night", "min_hours": "h", "min_winters": "winter"}
    units["min_sites"] = "site"
    limits = ", ".join(
        f"{gate[key]:g} {unit}{'s' * (unit != 'h' and gate[key] != 1)}"
        for key, unit in units.items()
        if key in gate
    )
    return limits + " where pooled" * ("min_sites" in gate)


def _outside(result: xr.Dataset, row: int) -> str:
    """Return a row that has no place on the axis, in words."""
    name = str(result["bin"].to_numpy()[row])
    if name == "below":
        return f"below {with_minus(float(result['upper'][row]))}"
    if name == "above":
        return f"from {with_minus(float(result['lower'][row]))} up"
    return "without a value"
