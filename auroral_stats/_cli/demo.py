"""``auroral_stats demo``: the main job on a simulated world."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from auroral_stats._cli.arguments import named
from auroral_stats._cli.occurrence import occurrence
from auroral_stats._cli.world import demo_world
from auroral_stats.terminal import console

#: Where table and figure go if no folder is named.
_RESULTS = Path("output/demo")


def demo(
    out: Annotated[
        Path | None,
        typer.Option(
            parser=named,
            metavar="DIR",
            help="Folder for the world and its results; default the user's cache and output/demo.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed is another world.")] = 0,
) -> None:
    """Try the main job on a simulated world, without any data of your own.

    The world has two winters of labels at six sites, solar wind, indices and magnetometers, in
    the files and formats of real data. It is built once, in less than a minute, and it is what
    the other commands use if they are given neither --labels nor --data. What an analysis of it
    should find is in truth_rates.csv and truth_rr.csv beside it.
    """
    world = demo_world(out, seed)
    results = _RESULTS if out is None else out
    csv, plot = results / "Bz.csv", results / "Bz.png"
    terminal = console()
    terminal.print(f"Demo world in {world.root}", markup=False, soft_wrap=True)
    terminal.print(
        f"$ auroral_stats occurrence --by Bz --labels {world.labels} --csv {csv} --plot {plot}\n",
        markup=False,
        soft_wrap=True,
    )
    occurrence(by=["Bz"], labels=world.labels, csv=csv, plot=plot)
    terminal.print(
        f"the truth: {world.truth_rates}, {world.truth_rr}", markup=False, soft_wrap=True
    )
