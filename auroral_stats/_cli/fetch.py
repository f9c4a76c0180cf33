"""``auroral_stats fetch``: bring files into the cache, for work without a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from auroral_stats._cli.arguments import items, site_codes
from auroral_stats._cli.completion import complete_sites
from auroral_stats.errors import UsageError
from auroral_stats.terminal import console, progress

if TYPE_CHECKING:
    from auroral_stats.prefetch import Prefetched


def fetch(
    start: Annotated[str, typer.Option(metavar="TIME", help="First UTC time of the frames.")],
    end: Annotated[str, typer.Option(metavar="TIME", help="Last UTC time, exclusive.")],
    sites: Annotated[
        str | None,
        typer.Option(
            metavar="A,B",
            help="Sites whose magnetometers; default all.",
            autocompletion=complete_sites,
        ),
    ] = None,
    what: Annotated[
        str, typer.Option(metavar="KINDS", help="Some of omni,gmag,kp.")
    ] = "omni,gmag,kp",
    omni: Annotated[
        str, typer.Option(metavar="CADENCES", help="Some of 1min,5min,hourly.")
    ] = "1min",
    mirror: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND=URL ...", help="Download from here, such as omni=https://..."),
    ] = None,
    parallel: Annotated[int, typer.Option(min=1, max=16, help="Downloads at a time.")] = 4,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Ask for newer files even where there are some.")
    ] = False,
) -> None:
    """Fetch solar wind, magnetometers and Kp of a period into the SPEDAS cache.

    Afterwards the other commands work with --offline. Files that the cache has are not fetched
    again. What could not be had is named, and the exit status is then 1.
    """
    from auroral_stats.downloads import Limits
    from auroral_stats.joined import check_times
    from auroral_stats.prefetch import prefetch

    check_times(start, end)
    kinds = items("--what", what) or []
    cadences = items("--omni", omni) or []
    codes = site_codes(sites)
    mirrors = _mirrors(mirror)
    with progress() as report:
        rows = prefetch(
            start,
            end,
            sites=codes,
            what=kinds,
            omni=cadences,
            mirrors=mirrors,
            refresh=refresh,
            limits=Limits(parallel=parallel),
            progress=lambda done, total, name: report(f"{done} of {total}: {name}"),
        )
    _show(rows)
    if any(row.missing for row in rows):
        raise typer.Exit(1)


def _mirrors(given: Sequence[str] | None) -> dict[str, str]:
    """Read ``omni=https://...`` items."""
    mirrors: dict[str, str] = {}
    for item in given or ():
        kind, sign, address = item.partition("=")
        if not (sign and kind and address):
            raise UsageError(
                f"--mirror {item}: expected KIND=URL, such as omni=https://example.org/omni."
            )
        if kind in mirrors:
            raise UsageError(f"--mirror {item}: {kind} is given twice.")
        mirrors[kind] = address
    return mirrors


def _show(rows: Sequence[Prefetched]) -> None:
    """Print what the cache has now, and below it what is missing and where the cache is."""
    from rich.table import Table

    terminal = console()
    table = Table(box=None, padding=(0, 2, 0, 0), title_justify="left")
    table.add_column("data", no_wrap=True)
    for heading in ("files", "size (MB)", "new", "missing"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("note")
    for row in rows:
        counted = bool(row.files or row.missing)
        table.add_row(
            row.kind,
            f"{row.files:,}" if counted else "",
            f"{row.size / 1e6:,.1f}" if counted else "",
            f"{row.downloaded:,}" if counted else "",
            f"{len(row.missing):,}" if counted else "",
            "" if counted else "; ".join(row.why),
        )
    total = sum(row.size for row in rows)
    table.add_row(
        "all",
        f"{sum(row.files for row in rows):,}",
        f"{total / 1e6:,.1f}",
        f"{sum(row.downloaded for row in rows):,}",
        f"{sum(len(row.missing) for row in rows):,}",
        style="bold",
    )
    terminal.print(table)
    for row in rows:
        if row.missing:
            shown = ", ".join(row.missing[:3]) + (", ..." if len(row.missing) > 3 else "")
            why = f": {'; '.join(row.why)}" if row.why else ""
            terminal.print(f"{row.kind}: without {shown}{why}", markup=False, soft_wrap=True)
    for folder in dict.fromkeys(row.folder for row in rows if row.folder is not None):
        terminal.print(f"in {folder}", markup=False, soft_wrap=True)
