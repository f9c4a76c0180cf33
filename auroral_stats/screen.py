"""Results as a reader sees them in a terminal: 80 columns or more, with or without colour.

What is said in colour is also said in characters, for pipes and for eyes that do not tell the
colours apart: numbers below the gate stand in parentheses. Nothing is cut: a table that is too
wide is folded into several.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.text import Text

from auroral_stats.folded_table import Column, FoldedTable
from auroral_stats.provenance import is_simulated, parameters_of
from auroral_stats.screen_rates import bands_shown, rate_tables

if TYPE_CHECKING:
    import xarray as xr

    from auroral_stats.drivers import Driver

__all__ = [
    "SITES_DAY",
    "describe_result",
    "drivers_table",
    "notes_on",
    "rate_tables",
    "sites_table",
    "store_table",
]


def describe_result(result: xr.Dataset) -> Iterator[Text]:
    """Yield the lines above a table of rates: what it is, and from what.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`auroral_stats.occurrence.occurrence`.

    Yields
    ------
    rich.text.Text
    """
    attrs = result.attrs
    title = Text(attrs["title"], style="bold")
    if is_simulated(attrs):
        title.append("  SIMULATED DATA", style="bold magenta")
    yield title
    yield Text(f"{attrs['start']} to {attrs['end']}, sites {attrs['selected_sites']}")
    yield Text(f"labels: {attrs.get('labels_source', 'unknown source')}")
    if "simul" in attrs.get("model_trained_on", "") and not is_simulated(attrs):
        yield Text("labels by a model trained on simulated frames", style="bold magenta")
    for suffix in ("", "2"):
        if f"driver{suffix}" not in attrs:
            continue
        name = attrs[f"driver{suffix}_label"].replace(") (", ", ")
        line = attrs[f"driver{suffix}"]
        line += f": {name}" if name != line else ""
        if attrs[f"cadence_minutes{suffix}"] != "0":
            line += (
                f", lag {attrs[f'lag_minutes{suffix}']} min, "
                f"window {attrs[f'window_minutes{suffix}']} min; "
                f"present for {100 * float(attrs[f'coverage{suffix}']):.0f} % of usable minutes"
            )
        yield Text(line)
    yield Text(_what_is_shown(result))


_OF = {
    "usable": "of the frames that could show aurora",
    "all": "of all dark frames",
    "reverse": "of the frames of the class",
}
_INTERVAL_NOTES = {
    "jackknife": "Intervals hold for the winters observed; other winters may differ by more.",
    "bootstrap": "Intervals of resampled nights are too narrow where few nights hold the events.",
    "cluster": "Cluster-robust intervals are too narrow where few nights hold the events.",
    "climatological": "Intervals are for winters like these, from four winters on.",
} | dict.fromkeys(
    ("clopper", "wilson", "jeffreys"),
    "Intervals take frames as independent, which they are not: far too narrow.",
)


def _what_is_shown(result: xr.Dataset) -> str:
    """Return one line on what the rates are of."""
    chosen = parameters_of(result.attrs)
    sun = chosen["max_sun_elevation"]
    parts = [
        f"% {_OF[chosen['denominator']]}",
        "any Sun" if sun is None else f"Sun <= {sun:g}",
        "Moon down" if chosen["moon"] == "down" else "Moon up or down",
        f"{chosen['interval']} interval",
    ]
    if chosen["standardise"]:
        parts.append(f"standardised to {', '.join(chosen['standardise'])}")
    return "; ".join(parts)


def notes_on(result: xr.Dataset) -> Iterator[Text]:
    """Yield what a reader must know about the rates above.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`auroral_stats.occurrence.occurrence`.

    Yields
    ------
    rich.text.Text
    """
    shown = [result[["rate", "masked", "reason", "nights"]]]
    for band in bands_shown(result):
        part = result.sel(band=band)
        names = {f"band_{name}": name for name in shown[0].data_vars}
        shown.append(part[list(names)].drop_vars("band").rename(names))
    hidden, reasons = 0, set()
    for part in shown:
        below = (part["masked"] & part["rate"].notnull() & (part["nights"] > 0)).to_numpy()
        hidden += int(below.sum())
        for reason in np.unique(part["reason"].to_numpy()[below]):
            reasons.update(str(reason).split("; "))
    if hidden:
        yield Text(
            f"{hidden} rate{' in parentheses is' if hidden == 1 else 's in parentheses are'} "
            f"below the gate ({'; '.join(sorted(reasons))}): not results."
        )
    for key, value in result.attrs.items():
        if key.endswith("_without"):
            yield Text(f"{key.removesuffix('_without')}: {value}")
    yield Text(_INTERVAL_NOTES[parameters_of(result.attrs)["interval"]], style="dim")


def drivers_table() -> FoldedTable:
    """Return the registry of drivers.

    Returns
    -------
    FoldedTable
    """
    from auroral_stats.drivers import DRIVERS, default_lag_window

    what, lags, bins = [], [], []
    for driver in DRIVERS.values():
        lag, window = default_lag_window(driver, 1)
        what.append(driver.label)
        lags.append("" if driver.origin == "frames" else f"{lag}, {window}")
        bins.append(_bins_in_brief(driver))
    return FoldedTable(
        "Drivers: what --by takes",
        Column("name", list(DRIVERS), left=True),
        [
            Column("what", what, left=True),
            Column("lag", lags),
            Column("bins", bins, left=True),
        ],
        "lag: default lag and averaging window, minutes (hourly solar wind: 60, 0)",
    )


def _bins_in_brief(driver: Driver) -> str:
    named = driver.categories or driver.bin_names
    if named:
        return f"{named[0]} to {named[-1]}"
    if not driver.edges:
        return "from the data"
    if driver.circular:
        return f"{len(driver.edges) - 1} all round"
    return f"{driver.edges[0]:g} to {driver.edges[-1]:g}"


#: Magnetic coordinates drift, so a table of them holds for a day: one in the middle of the years
#: that the THEMIS imagers have seen, when the Sun is within minutes of the clock.
SITES_DAY = np.datetime64("2015-01-01")


def sites_table() -> FoldedTable:
    """Return the table of sites, with magnetic latitude and midnight on :data:`SITES_DAY`.

    Returns
    -------
    FoldedTable
    """
    from auroral_stats.aacgm import AACGM_HEIGHT_KM, aacgm_coordinates, magnetic_midnight
    from auroral_stats.sites import load_sites

    sites = load_sites()
    latitude, longitude = (sites[name].to_numpy() for name in ("latitude", "longitude"))
    mlat, mlon = aacgm_coordinates(np.array([SITES_DAY]), latitude, longitude)
    midnight = magnetic_midnight(SITES_DAY, mlon[0])
    return FoldedTable(
        "Sites",
        Column("code", list(map(str, sites.index)), left=True),
        [
            Column("name", sites["name"].tolist(), left=True),
            Column("latitude", [f"{value:.3f}" for value in latitude]),
            Column("longitude", [f"{value:.3f}" for value in longitude]),
            Column("MLAT", ["-" if np.isnan(value) else f"{value:.1f}" for value in mlat[0]]),
            Column("midnight", [_clock(value) for value in midnight]),
            Column("magnetometer", sites["gmag"].tolist(), left=True),
            Column("other", sites["gmag_alternate"].tolist(), left=True),
        ],
        f"latitude, longitude: geodetic, degrees; MLAT: AACGM-v2 at {AACGM_HEIGHT_KM:g} km, and "
        f"midnight: UT of magnetic midnight, both on {SITES_DAY} (they drift)",
    )


def _clock(hours: float) -> str:
    """Return hours as hh:mm."""
    if np.isnan(hours):
        return "-"
    minutes = round(60 * hours)
    return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"


def store_table(path: Path) -> list[FoldedTable | Text]:
    """Return what a label store holds: where from, when, how much of each class by site.

    Parameters
    ----------
    path : Path
        Label store.

    Returns
    -------
    list of FoldedTable or rich.text.Text
    """
    from auroral_stats.counts import count_frames
    from auroral_stats.labels import open_labels

    store = open_labels(path)
    counts = count_frames(store)
    time = counts["time"].to_numpy()
    head = Text(str(path), style="bold")
    if store.info.simulated:
        head.append("  SIMULATED DATA", style="bold magenta")
    lines: list[FoldedTable | Text] = [
        head,
        Text(
            f"source {store.info.source}, schema {store.info.schema_version}, "
            f"{len(store.partitions)} partitions"
        ),
    ]
    if store.info.model_sha256:
        lines.append(
            Text(
                f"model {store.info.model_sha256[:12]}, trained on "
                f"{store.info.model_trained_on or 'unknown data'}"
            )
        )
    frames = counts["frames"].sum("time", dtype="int64")
    sites = [*map(str, counts["site"].to_numpy()), "all"]
    columns = []
    for label in counts["label"].to_numpy():
        numbers = frames.sel(label=label).to_numpy()
        columns.append(Column(str(label), [f"{n:,}" for n in (*numbers, numbers.sum())]))
    numbers = frames.sum("label").to_numpy()
    columns.append(Column("all", [f"{n:,}" for n in (*numbers, numbers.sum())]))
    span = " to ".join(f"{np.datetime_as_string(t, unit='m')}Z" for t in (time[0], time[-1]))
    return [*lines, FoldedTable(f"Frames, {span}", Column("site", sites, left=True), columns)]
