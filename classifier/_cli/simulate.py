"""``auroral_classifier simulate``: a labelled set of pictures, or frames for the demo world."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from auroral_stats.terminal import console


def simulate(
    oath: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder to make of a labelled set like the OATH set."),
    ] = None,
    demo: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder of a demo world, which gets ten minutes of frames."
        ),
    ] = None,
    frames: Annotated[
        int | None, typer.Option(help="Pictures of the set; default 5,824, as in the OATH set.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed is another sky.")] = 0,
    workers: Annotated[
        int, typer.Option(min=1, help="Processes that draw; the result is the same.")
    ] = 1,
) -> None:
    """Simulate pictures of the night sky, to try and test classifiers without data of your own.

    --oath makes a set of labelled pictures that is read like the OATH set. --demo adds camera files
    to a world that "auroral_stats demo --out DIR" has built; they agree with its labels. Everything
    made here says that it is simulated.
    """
    from auroral_stats.errors import UsageError

    if (oath is None) == (demo is None):
        raise UsageError(
            "give either --oath DIR or --demo DIR: what is to be simulated, and where."
        )
    if oath is not None:
        _simulate_oath(oath, frames, seed, workers)
    elif demo is not None:
        if frames is not None or workers != 1:
            raise UsageError("--frames and --workers belong to --oath; --demo takes ten minutes.")
        _simulate_demo(demo, seed)


def _simulate_oath(out: Path, frames: int | None, seed: int, workers: int) -> None:
    from classifier._cli.counting import counting
    from classifier.oath import PUBLISHED_COUNTS, class_counts
    from classifier.oath_simulation import simulate_oath

    wanted = sum(PUBLISHED_COUNTS) if frames is None else frames
    with counting("Drawing", "pictures") as report:
        made = simulate_oath(
            out, wanted, seed, workers=workers, progress=lambda done, total: report(done, total, "")
        )
    counts = ", ".join(f"{count:,} {name}" for name, count in class_counts(made.label).items())
    _say(f"SIMULATED DATA: {len(made):,} pictures ({counts}) in {made.root}")
    _say(f"See what it holds with: auroral_classifier oath --path {out}")


def _simulate_demo(world: Path, seed: int) -> None:
    from auroral_stats.labels import CLASSES
    from classifier._cli.counting import counting
    from classifier.demo_frames import simulate_demo_frames

    with counting("Drawing", "minutes") as report:
        folder, minutes = simulate_demo_frames(
            world, seed, progress=lambda done, total: report(done, total, "")
        )
    _say(f"SIMULATED DATA: {len(minutes)} minutes of frames in {folder}")
    for minute in minutes:
        names = " then ".join(dict.fromkeys(CLASSES[code] for code in minute.label))
        _say(f"  {minute.start} UTC {minute.site} {names}")


def _say(line: str) -> None:
    console().print(line, markup=False, soft_wrap=True)
