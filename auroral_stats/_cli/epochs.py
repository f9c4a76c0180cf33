"""``auroral_stats epochs``: what happens on average around onsets."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auroral_stats._cli.arguments import (
    Baseline,
    BaselineRule,
    Csv,
    Data,
    End,
    Json,
    Labels,
    MagStation,
    MaxSun,
    Mlat,
    Moon,
    MoonRule,
    Nc,
    Offline,
    Omni,
    Plot,
    Sites,
    Start,
    degrees,
    in_options,
    items,
    named,
    refuse_options,
)
from auroral_stats._cli.outputs import Outputs, check_outputs, show, write_effects
from auroral_stats._cli.source import Source
from auroral_stats.errors import DataError, UsageError
from auroral_stats.terminal import progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd
    import xarray as xr

    from auroral_stats.drivers import Driver


class MltUnits(StrEnum):
    """Units of local time in a list."""

    hour = "hour"
    degree = "degree"


class Hemisphere(StrEnum):
    """Which onsets of a list are read."""

    both = "both"
    north = "north"
    south = "south"


def epochs(
    onset: Annotated[
        str | None,
        typer.Option(metavar="CLASS", help="Onsets of this class, from the labels."),
    ] = None,
    onsets: Annotated[
        Path | None,
        typer.Option(parser=named, metavar="LIST.csv", help="Or a list: time, site, mlat, mlt."),
    ] = None,
    of: Annotated[
        str,
        typer.Option(metavar="A,B", help="Measures (dBdt, dB, ...) and drivers (SYM_H, Bz, ...)."),
    ] = "dBdt",
    before: Annotated[int, typer.Option(metavar="MIN", help="Minutes before the onset.")] = 120,
    after: Annotated[int, typer.Option(metavar="MIN", help="Minutes after it.")] = 120,
    step: Annotated[int, typer.Option(metavar="MIN", help="Minutes between lags.")] = 1,
    hold: Annotated[
        int, typer.Option(metavar="SEC", help="How long the class must last, from labels.")
    ] = 60,
    lead: Annotated[
        int, typer.Option(metavar="MIN", help="Usable other classes before it, from labels.")
    ] = 10,
    separation: Annotated[
        int,
        typer.Option(metavar="MIN", help="Drop onsets that follow sooner on the last of a site."),
    ] = 30,
    skip_bad_rows: Annotated[
        bool, typer.Option("--skip-bad-rows", help="Leave faulty rows of the list out.")
    ] = False,
    mlt_units: Annotated[
        MltUnits, typer.Option(help="Of the local time in the list.")
    ] = MltUnits.hour,
    hemisphere: Annotated[
        Hemisphere, typer.Option(help="Which onsets of the list, by its mlat.")
    ] = Hemisphere.both,
    simulated_list: Annotated[
        bool, typer.Option("--simulated-list", help="The list was made from simulated data.")
    ] = False,
    resamples: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Sets of random epochs for the band: the onsets of a night are moved together "
            "into another night of the month, to minutes of their sites and magnetic hours. Where "
            "the mean leaves the band it differs from what such hours are like anyway; 0 for none.",
        ),
    ] = 500,
    seed: Annotated[int, typer.Option(min=0, help="Of the random epochs.")] = 0,
    baseline: BaselineRule = Baseline.running,
    labels: Labels = None,
    data: Data = None,
    omni: Omni = None,
    mag_station: MagStation = None,
    start: Start = None,
    end: End = None,
    sites: Sites = None,
    mlat: Mlat = None,
    max_sun_elevation: MaxSun = "-12",
    moon: MoonRule = Moon.down,
    csv: Csv = None,
    json: Json = None,
    nc: Nc = None,
    plot: Plot = None,
    offline: Offline = False,
) -> None:
    """Superpose the ground and the solar wind around onsets.

    The interval of the mean is 95 %, from leaving out a night, or a block of nights, at a time,
    for onsets of one night share its storm. It holds for the winters observed.
    """
    if (onset is None) == (onsets is None):
        raise UsageError("give either --onset CLASS or --onsets LIST.csv.")
    names = items("--of", of) or []
    select: dict[str, Any] = {"max_sun_elevation": degrees(max_sun_elevation), "moon": moon.value}
    options: dict[str, Any] = {
        "before": before,
        "after": after,
        "step": step,
        "resamples": resamples,
        "seed": seed,
        "baseline": baseline.value,
        **select,
    }
    own: dict[str, Any] = {"hold": hold, "before": lead, "separation": separation, **select}
    table = None
    if onsets is not None:
        from auroral_stats.onsets import read_onsets

        try:
            table = read_onsets(
                onsets,
                skip_bad_rows=skip_bad_rows,
                mlt_units=mlt_units.value,
                hemisphere=hemisphere.value,
                separation=separation,
                simulated=simulated_list,
            )
        except DataError as error:
            raise DataError(in_options(str(error))) from error
    _refuse(onset, own, table, names, options)
    source = Source(labels, data, omni, mag_station, start, end, sites, mlat, offline)
    outputs = Outputs(csv, json, nc, plot)
    check_outputs(outputs, {**source.inputs, "--onsets": onsets})
    drivers = list(_drivers(names))
    from auroral_stats import screen_epochs as screen
    from auroral_stats.epochs import epochs as compute
    from auroral_stats.onsets import onsets_from_labels

    with progress() as report:
        joined = source.joined(drivers, report, mag=len(drivers) < len(names))
        report("Superposing epochs")
        if onset is not None:
            table = onsets_from_labels(joined, onset, **own)
        assert table is not None
        chosen = _selected(table, joined, start, end)
        if chosen.empty and onsets is not None:
            raise DataError(
                f"{onsets}: none of its {len(table):,} onsets is within the time and at the sites "
                "that were selected; use labels of the same time, or another list."
            )
        result = compute(joined, chosen, names, **options)
    written = write_effects(result, outputs)
    show(
        outputs,
        written,
        *screen.describe_epochs(result),
        *_dropped(chosen),
        *screen.epoch_tables(result),
        *screen.epoch_notes(result),
    )


def _refuse(
    onset: str | None,
    own: dict[str, Any],
    table: pd.DataFrame | None,
    names: Sequence[str],
    options: dict[str, Any],
) -> None:
    """Refuse options that cannot be used, each quantity by itself."""
    import numpy as np
    import pandas as pd

    from auroral_stats.epochs import epochs as compute
    from auroral_stats.labels import USABLE
    from auroral_stats.onsets import onsets_from_labels

    if onset is not None:
        if onset not in USABLE:
            raise UsageError(f"--onset {onset!r}: expected one of {', '.join(USABLE)}.")
        refuse_options(partial(onsets_from_labels, label=onset, **own))
    if table is None:
        table = pd.DataFrame({"time": [np.datetime64("2014-03-10", "ns")], "site": ["gill"]})
    for each in [list(names), *([name] for name in names)]:
        refuse_options(partial(compute, onsets=table, of=each, **options))


def _drivers(names: Sequence[str]) -> Iterator[Driver]:
    """Yield those quantities that are drivers; the others are measures."""
    from auroral_stats.drivers import find_driver
    from auroral_stats.measures import MEASURES

    measures = {name.lower() for name in MEASURES}
    for name in names:
        if name.lower() not in measures:
            yield find_driver(name)


def _selected(
    table: pd.DataFrame, joined: xr.Dataset, start: str | None, end: str | None
) -> pd.DataFrame:
    """Keep the onsets of the sites and the time that were selected."""
    import numpy as np

    keep = np.ones(len(table), dtype=bool)
    time = table["time"].to_numpy()
    held = joined["time"].to_numpy()
    low, high = start or held[0], end or held[-1] + np.timedelta64(1, "m")
    keep &= (time >= np.datetime64(low)) & (time < np.datetime64(high))
    if "site" in table:
        keep &= table["site"].isin(list(map(str, joined["site"].to_numpy()))).to_numpy()
    chosen = table[keep].reset_index(drop=True)
    chosen.attrs = {**table.attrs, "outside": int((~keep).sum())}
    return chosen


def _dropped(table: pd.DataFrame) -> Iterator[str]:
    """Yield what was left out, and why."""
    reasons = {
        "dropped_overlaps": "too soon after the one before",
        "bad_rows_dropped": "faulty rows of the list",
        "dropped_hemisphere": "of the other hemisphere",
        "outside": "at other times or sites",
    }
    parts = [
        f"{int(table.attrs[key]):,} {text}"
        for key, text in reasons.items()
        if int(table.attrs.get(key) or 0)
    ]
    if parts:
        yield f"dropped: {'; '.join(parts)}"
    if table.attrs.get("bad_rows"):
        yield f"faulty rows: {table.attrs['bad_rows']}"
