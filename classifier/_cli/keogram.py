"""``auroral_classifier keogram``: the magnetic meridian of one site against time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def keogram(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILES...", help="Camera files, or folders of them.")
    ],
    out: Annotated[Path, typer.Option(help="Figure: .png, .pdf or .svg.")],
    skymap: Annotated[
        Path | None,
        typer.Option(help="Skymap file (.sav), or a folder of them; without it, idealised optics."),
    ] = None,
    height: Annotated[float, typer.Option(help="Assumed height of the emission, km.")] = 110.0,
    csv: Annotated[Path | None, typer.Option(help="Table of the counts.")] = None,
    site: Annotated[str | None, typer.Option(help="Site code, if there are several.")] = None,
    start: Annotated[str | None, typer.Option(help="First time, UTC.")] = None,
    end: Annotated[str | None, typer.Option(help="End, UTC, not included.")] = None,
    log: Annotated[bool, typer.Option("--log", help="Logarithmic grey levels.")] = False,
) -> None:
    """Draw a keogram: counts along the magnetic meridian through the zenith, against time.

    Latitude is AACGM-v2 for light from the given height. Below 10 deg elevation nothing is drawn;
    times without frames stay empty.
    """
    import numpy as np

    from auroral_stats.errors import UsageError
    from auroral_stats.figure_files import check_figure_name, save_figure
    from auroral_stats.whole_file import check_target
    from classifier._cli.sky_run import say, say_skipped
    from classifier.frame_plots import plot_keogram
    from classifier.keogram_files import keogram_of_files, write_keogram_csv

    check_figure_name(out, "--out")
    if csv is not None and csv.resolve() == out.resolve():
        raise UsageError(f"--csv {csv}: --out has the same name; give each its own.")
    for target in (out, csv):
        if target is not None:
            check_target(target)
    run = keogram_of_files(files, skymap=skymap, height_km=height, site=site, start=start, end=end)
    made = run.keogram
    figure = plot_keogram(made, log=log).get_figure(root=True)
    assert figure is not None
    written = [save_figure(figure, out)]
    if csv is not None:
        written.append(write_keogram_csv(made, csv))

    if made.simulated:
        say("SIMULATED DATA")
    gaps = int((made.frame_of < 0).sum())
    first, last = np.datetime_as_string(made.time[[0, -1]], unit="ms")
    say(
        f"{made.slit.site}: {made.time.size} frames of {run.files} files,"
        f" {first} to {last} UTC, {gaps} gaps",
        run.skymap_note,
    )
    say_skipped("not used", run.skipped)
    say(*(f"wrote {path}" for path in written))
