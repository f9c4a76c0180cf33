"""Results as a reader sees them in a terminal: 80 columns, with or without colour.

What is said in colour is also said in characters, for pipes and for eyes that do not tell the
colours apart: numbers below the gate stand in parentheses.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from rich import box
from rich.table import Table
from rich.text import Text

from auroral_stats.provenance import is_simulated, parameters_of

if TYPE_CHECKING:
    from auroral_stats.drivers import Driver

__all__ = [
    "describe_result",
    "drivers_table",
    "notes_on",
    "rate_tables",
    "sites_table",
    "store_table",
]

#: More columns than this do not fit into a terminal.
_MAX_COLUMNS = 14


def _table(title: str, **options: Any) -> Table:
    return Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, **options
    )


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
        line = f"{attrs[f'driver{suffix}']}: {attrs[f'driver{suffix}_label']}"
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


def _percent(value: float) -> str:
    """Return a rate in percent with two digits that mean something."""
    return f"{100 * value:.0f}" if value == 0 or value >= 0.0995 else f"{100 * value:.1f}"


def _cell(rate: float, low: float, high: float, masked: bool) -> Text:
    if np.isnan(rate):
        return Text("-", style="dim")
    if masked:
        return Text(f"({_percent(rate)})", style="dim")
    if np.isnan(low):
        return Text(_percent(rate))
    return Text(f"{_percent(rate)} [{100 * low:.0f},{100 * high:.0f}]")


def rate_tables(result: xr.Dataset) -> Iterator[Table | Text]:
    """Yield tables of rates in percent, by latitude band where several are pooled.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`auroral_stats.occurrence.occurrence`.

    Yields
    ------
    rich.table.Table or rich.text.Text
    """
    if "bin2" in result.dims:
        yield from _matrices(result)
        return
    if "band" in result.dims:
        for band in result["band"].to_numpy():
            part = result.sel(band=band)
            if part["band_masked"].all():
                yield Text(f"MLAT {band} deg: every rate is below the gate.")
                continue
            yield _rates_by_bin(part, f"MLAT {band} deg: rate in % [95 % interval]", "band_")
        yield _rates_by_bin(result, "All bands pooled (mixes latitudes): % [95 % interval]", "")
    else:
        yield _rates_by_bin(result, "Rate in % [95 % interval]", "")


def _rates_by_bin(result: xr.Dataset, title: str, prefix: str) -> Table:
    table = _table(title, padding=(0, 1, 0, 0))
    table.add_column(result.attrs["driver"], no_wrap=True)
    table.add_column("nights", justify="right", no_wrap=True)
    if not prefix:
        table.add_column("hours", justify="right", no_wrap=True)
    labels = [str(label) for label in result["label"].to_numpy()]
    for label in labels:
        table.add_column(label, justify="right", no_wrap=True)
    columns = {
        name: result[f"{prefix}{name}"].transpose("bin", "label").to_numpy()
        for name in ("rate", "ci_low", "ci_high", "masked")
    }
    exposure = result[f"{prefix}exposure"].sum("label").to_numpy()
    for row, name in enumerate(result["bin"].to_numpy()):
        if not exposure[row]:
            continue
        cells = [
            _cell(
                float(columns["rate"][row, k]),
                float(columns["ci_low"][row, k]),
                float(columns["ci_high"][row, k]),
                bool(columns["masked"][row, k]),
            )
            for k in range(len(labels))
        ]
        support = [str(int(result[f"{prefix}nights"][row]))]
        if not prefix:
            support.append(f"{float(result['usable_hours'][row]):.0f}")
        table.add_row(str(name), *support, *cells)
    return table


def _matrices(result: xr.Dataset) -> Iterator[Table | Text]:
    if "," in result.attrs.get("bands", ""):
        yield Text("All latitude bands pooled: --sites chooses stations of one band.")
    rows = result["exposure"].sum(["bin2", "label"]).to_numpy() > 0
    columns = result["exposure"].sum(["bin", "label"]).to_numpy() > 0
    if columns.sum() > _MAX_COLUMNS:
        yield Text(
            f"{columns.sum()} columns do not fit here; write the table with --csv, --json or --nc, "
            "or the map with --plot."
        )
        return
    for label in result["label"].to_numpy():
        part = result.sel(label=label)
        table = _table(
            f"{label}: rate in %, rows {result.attrs['driver']}, columns {result.attrs['driver2']}",
            padding=(0, 1, 0, 0),
        )
        table.add_column("")
        for name in result["bin2"].to_numpy()[columns]:
            # Only the lower edge: the rest of a bin is in the next heading.
            table.add_column(str(name).removeprefix("[").split(",")[0], justify="right")
        for row in np.flatnonzero(rows):
            cells = [
                _cell(float(part["rate"][row, k]), np.nan, np.nan, bool(part["masked"][row, k]))
                for k in np.flatnonzero(columns)
            ]
            table.add_row(str(result["bin"].to_numpy()[row]), *cells)
        yield table


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
    masked = int(result["masked"].sum())
    if masked:
        counted = result["masked"] & (result["exposure"] > 0)
        reasons = [r for r in np.unique(result["reason"].where(counted, "").to_numpy()) if r]
        names = sorted({part for reason in reasons for part in str(reason).split("; ")})
        yield Text(
            f"{int(counted.sum())} rates in parentheses are below the gate "
            f"({'; '.join(names) or 'no frames'}): not results."
        )
    for key, value in result.attrs.items():
        if key.endswith("_without"):
            yield Text(f"{key.removesuffix('_without')}: {value}")
    yield Text(_INTERVAL_NOTES[parameters_of(result.attrs)["interval"]], style="dim")


def drivers_table() -> Table:
    """Return the registry of drivers.

    Returns
    -------
    rich.table.Table
    """
    from auroral_stats.drivers import DRIVERS, default_lag_window

    table = _table("Drivers: what --by takes", padding=(0, 1, 0, 0))
    table.add_column("name", no_wrap=True, min_width=17)
    table.add_column("what", no_wrap=True, overflow="ellipsis", max_width=32)
    table.add_column("lag, window", no_wrap=True, justify="right", min_width=11)
    table.add_column("bins", no_wrap=True, justify="right", min_width=14)
    for driver in DRIVERS.values():
        lag, window = default_lag_window(driver, 1)
        when = "" if driver.origin == "frames" else f"{lag}, {window} min"
        table.add_row(Text(driver.name, style="bold"), driver.label, when, _bins_in_brief(driver))
    return table


def _bins_in_brief(driver: Driver) -> str:
    if driver.categories:
        return f"{driver.categories[0]} to {driver.categories[-1]}"
    if not driver.edges:
        return "as in the data"
    return f"{driver.edges[0]:g} to {driver.edges[-1]:g}"


def sites_table() -> Table:
    """Return the table of sites.

    Returns
    -------
    rich.table.Table
    """
    from auroral_stats.sites import load_sites

    table = _table("Sites", padding=(0, 1, 0, 0))
    for name in ("code", "name"):
        table.add_column(name, no_wrap=True)
    for name in ("latitude", "longitude"):
        table.add_column(name, justify="right")
    for name in ("magnetometer", "alternate"):
        table.add_column(name)
    for code, site in load_sites().iterrows():
        alternate = site["gmag_alternate"]
        table.add_row(
            str(code),
            str(site["name"]),
            f"{site['latitude']:.3f}",
            f"{site['longitude']:.3f}",
            str(site["gmag"]),
            str(alternate) if isinstance(alternate, str) else "",
        )
    return table


def store_table(path: Path) -> list[Table | Text]:
    """Return what a label store holds: where from, when, how much of each class by site.

    Parameters
    ----------
    path : Path
        Label store.

    Returns
    -------
    list of rich.table.Table or rich.text.Text
    """
    from auroral_stats.counts import count_frames
    from auroral_stats.labels import open_labels

    store = open_labels(path)
    counts = count_frames(store)
    time = counts["time"].to_numpy()
    head = Text(str(path), style="bold")
    if store.info.simulated:
        head.append("  SIMULATED DATA", style="bold magenta")
    lines: list[Table | Text] = [
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
    table = _table(
        f"Frames, {np.datetime_as_string(time[0], unit='m')}Z to "
        f"{np.datetime_as_string(time[-1], unit='m')}Z",
        padding=(0, 1, 0, 0),
    )
    table.add_column("site")
    for label in counts["label"].to_numpy():
        table.add_column(str(label), justify="right")
    table.add_column("all", justify="right", style="bold")
    for site in counts["site"].to_numpy():
        row = frames.sel(site=site).to_numpy()
        table.add_row(str(site), *[f"{n:,}" for n in row], f"{row.sum():,}")
    total = frames.sum("site").to_numpy()
    table.add_row("all", *[f"{n:,}" for n in total], f"{total.sum():,}", style="bold")
    return [*lines, table]
