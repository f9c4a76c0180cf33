"""``auroral_stats agree``: two sets of labels of the same frames."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auroral_stats._cli.arguments import (
    Csv,
    End,
    Json,
    Nc,
    Plot,
    Sites,
    Start,
    items,
    named,
    site_codes,
)
from auroral_stats._cli.completion import complete_groupings
from auroral_stats._cli.outputs import Outputs, check_outputs, show
from auroral_stats.terminal import progress

if TYPE_CHECKING:
    from collections.abc import Callable

    import xarray as xr


class Classes(StrEnum):
    """Which classes are told apart."""

    six = "six"
    two = "two"
    usable = "usable"


def agree(
    store_a: Annotated[
        Path, typer.Argument(parser=named, metavar="STORE_A", help="Label store, say of people.")
    ],
    store_b: Annotated[
        Path, typer.Argument(parser=named, metavar="STORE_B", help="Another, say of a model.")
    ],
    by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GROUPING",
            help="Some of site,month,season,year,hour, of UTC; default site,month.",
            autocompletion=complete_groupings,
        ),
    ] = None,
    classes: Annotated[
        Classes,
        typer.Option(
            help="two: aurora (arc, diffuse, discrete) or none. usable: arc, diffuse, discrete and "
            "clear, without the frames that either label calls cloudy or moon."
        ),
    ] = Classes.six,
    tolerance: Annotated[
        float,
        typer.Option(
            min=0,
            metavar="SECONDS",
            help="Take the nearest label within so many seconds, each once; 0: equal to the ms.",
        ),
    ] = 0.0,
    start: Start = None,
    end: End = None,
    sites: Sites = None,
    csv: Csv = None,
    json: Json = None,
    nc: Nc = None,
    plot: Plot = None,
) -> None:
    """How far the labels of two stores agree.

    Compared are the frames that both have labelled. Cohen's kappa is the agreement beyond that of
    labels drawn by lot: 0 is chance, 1 is full agreement. Its limits come from leaving out a
    night, or a block of nights, at a time, for frames of one night are nearly the same picture.
    No label is taken for the truth.
    """
    from auroral_stats.agreement import agreement, check_agreement_options
    from auroral_stats.joined import check_times

    names = items("--by", by) or ["site", "month"]
    codes = site_codes(sites)
    check_agreement_options(names, classes.value, tolerance)
    check_times(start, end)
    outputs = Outputs(csv, json, nc, plot)
    check_outputs(outputs, {"STORE_A": store_a, "STORE_B": store_b})
    with progress() as report:
        report("Comparing labels")
        result = agreement(
            store_a,
            store_b,
            by=names,
            classes=classes.value,
            tolerance=tolerance,
            sites=codes,
            start=start,
            end=end,
        )
    from auroral_stats import screen_agreement as screen

    written = _write(result, outputs)
    show(
        outputs,
        written,
        *screen.describe_agreement(result),
        *screen.agreement_tables(result),
        *screen.agreement_notes(result),
    )


def _write(result: xr.Dataset, outputs: Outputs) -> list[Path]:
    """Write the files asked for, before anything is printed that a closed pipe could cut off."""
    from auroral_stats import agreement_tables

    def write_figure(result: xr.Dataset, path: Path) -> Path:
        from auroral_stats.agreement_plots import figure
        from auroral_stats.figure_files import save_figure

        return save_figure(figure(result), path)

    writers: dict[str, Callable[[xr.Dataset, Path], Path]] = {
        "--csv": agreement_tables.write_csv,
        "--json": agreement_tables.write_json,
        "--nc": agreement_tables.write_netcdf,
        "--plot": write_figure,
    }
    return [writers[name](result, path) for name, path in outputs.given.items()]
