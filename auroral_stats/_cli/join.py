"""``auroral_stats join``: labels, geometry and drivers in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from auroral_stats._cli.arguments import (
    Cadence,
    End,
    MagStation,
    Offline,
    Sites,
    Start,
    mag_stations,
    named,
    site_codes,
)
from auroral_stats._cli.joining import join_store, with_magnetometers
from auroral_stats._cli.world import demo_labels
from auroral_stats.terminal import console, progress


def join(
    out: Annotated[Path, typer.Option(parser=named, metavar="FILE", help="FILE.zarr or FILE.nc.")],
    labels: Annotated[
        Path | None,
        typer.Option(parser=named, metavar="STORE", help="Label store; default the demo world."),
    ] = None,
    start: Start = None,
    end: End = None,
    sites: Sites = None,
    omni: Annotated[Cadence, typer.Option(help="Cadence of the solar wind.")] = Cadence.one,
    mag: Annotated[
        bool, typer.Option("--mag", help="With the ground magnetometers of the sites.")
    ] = False,
    mag_station: MagStation = None,
    offline: Offline = False,
) -> None:
    """Join labels, geometry and unlagged drivers in one file for many analyses.

    With --mag the 1-min field of the magnetometer beside each camera, its baselines and its Pi2
    power are in the file too: geoeffectiveness and epochs need them.
    """
    from auroral_stats.joined import check_joined_name, check_times, save_joined
    from auroral_stats.provenance import is_simulated

    codes = site_codes(sites)
    stations = mag_stations(mag_station)
    check_times(start, end)
    check_joined_name(out)
    if labels is None:
        labels = demo_labels()
    with progress() as report:
        data = join_store(
            labels, omni, None, report, start=start, end=end, sites=codes, offline=offline
        )
        if mag or stations:
            data = with_magnetometers(data, labels, report, stations=stations, offline=offline)
        report("Writing")
        path = save_joined(data, out)
    terminal = console()
    count = data.sizes["site"]
    flag = "  SIMULATED DATA" if is_simulated(data.attrs) else ""
    terminal.print(
        f"{path}: {data.sizes['time']:,} minutes with frames at {count} "
        f"site{'' if count == 1 else 's'}{', with magnetometers' if 'mag' in data else ''}{flag}",
        markup=False,
        soft_wrap=True,
    )
    if "missing_drivers" in data.attrs:
        terminal.print(f"without {data.attrs['missing_drivers']}", markup=False, soft_wrap=True)
    for key, value in data.attrs.items():
        if str(key).endswith("_without") or key == "mag_notes":
            for line in str(value).split("; "):
                terminal.print(f"  {line}", markup=False, soft_wrap=True)
