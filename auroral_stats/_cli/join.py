"""``auroral_stats join``: labels, geometry and drivers in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from auroral_stats._cli.arguments import (
    Cadence,
    End,
    Offline,
    Sites,
    Start,
    named,
    site_codes,
)
from auroral_stats._cli.joining import join_store
from auroral_stats._cli.terminal import console, progress


def join(
    labels: Annotated[Path, typer.Option(parser=named, metavar="STORE", help="Label store.")],
    out: Annotated[Path, typer.Option(parser=named, metavar="FILE", help="FILE.zarr or FILE.nc.")],
    start: Start = None,
    end: End = None,
    sites: Sites = None,
    omni: Annotated[Cadence, typer.Option(help="Cadence of the solar wind.")] = Cadence.one,
    offline: Offline = False,
) -> None:
    """Join labels, geometry and unlagged drivers in one file for many analyses."""
    from auroral_stats.joined import check_joined_name, check_times, save_joined

    codes = site_codes(sites)
    check_times(start, end)
    check_joined_name(out)
    with progress() as report:
        data = join_store(
            labels, omni, None, report, start=start, end=end, sites=codes, offline=offline
        )
        report("Writing")
        path = save_joined(data, out)
    terminal = console()
    terminal.print(
        f"{path}: {data.sizes['time']:,} minutes with frames at {data.sizes['site']} sites",
        markup=False,
    )
    if "missing_drivers" in data.attrs:
        terminal.print(f"without {data.attrs['missing_drivers']}", markup=False, soft_wrap=True)
    for key, value in data.attrs.items():
        if str(key).endswith("_without"):
            terminal.print(f"  {value}", markup=False, soft_wrap=True)
