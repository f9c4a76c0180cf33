"""``auroral_stats demo``: the main job on a simulated sample."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from auroral_stats._cli.arguments import Cadence, named
from auroral_stats._cli.occurrence import occurrence
from auroral_stats._cli.terminal import console, progress


def demo(
    out: Annotated[
        Path,
        typer.Option(parser=named, metavar="DIR", help="Folder for the sample and its results."),
    ] = Path("output/demo"),
) -> None:
    """Try the main job on a small simulated sample, without any data of your own.

    The sample is drawn, not observed: 48 nights, four sites, an hourly solar wind of its own. It
    is kept in DIR and used again next time.
    """
    from auroral_stats.simulation.sample import open_sample

    with progress() as report:
        report("Writing the simulated sample")
        store = open_sample(out / "labels")
    csv, plot = out / "Bz.csv", out / "Bz.png"
    console().print(
        f"$ auroral_stats occurrence --by Bz --labels {store} --omni hourly "
        f"--csv {csv} --plot {plot}\n",
        markup=False,
        soft_wrap=True,
    )
    occurrence(by=["Bz"], labels=store, omni=Cadence.hourly, csv=csv, plot=plot)
