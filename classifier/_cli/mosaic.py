"""``auroral_classifier mosaic``: several sites on one map at one time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def mosaic(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILES...", help="Camera files, or folders of them.")
    ],
    time: Annotated[str, typer.Option(help="UTC, such as 2014-03-10T06:02:00.")],
    out: Annotated[Path, typer.Option(help="Figure: .png, .pdf or .svg.")],
    skymap: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder of skymap files (.sav); without it, idealised optics."
        ),
    ] = None,
    height: Annotated[float, typer.Option(help="Assumed height of the emission, km.")] = 110.0,
    tolerance: Annotated[
        float, typer.Option(help="Frames further from the time are left out, s.")
    ] = 3.0,
    sites: Annotated[
        str | None, typer.Option(help="Only these sites, separated by commas.")
    ] = None,
) -> None:
    """Draw the frames of several sites at one time on one map.

    Each pixel is drawn where its light comes from if it comes from the given height. Where fields
    of view overlap, the site that sees a place higher in the sky draws it. Each site is scaled by
    itself, from its 1st to its 99.5th percentile: brightness compares within a site, not between.
    """
    import numpy as np

    from auroral_stats.figure_files import check_figure_name, save_figure
    from auroral_stats.whole_file import check_target
    from classifier._cli.sky_run import say, say_skipped
    from classifier.frame_plots import plot_mosaic
    from classifier.mosaic_files import mosaic_of_files

    check_figure_name(out, "--out")
    check_target(out)
    run = mosaic_of_files(
        files, time, skymap=skymap, height_km=height, tolerance_s=tolerance, sites=sites
    )
    figure = plot_mosaic(run)[0].get_figure(root=True)
    assert figure is not None
    written = save_figure(figure, out)
    if run.simulated:
        say("SIMULATED DATA")
    for layer in run.layers:
        low, high = layer.counts_range
        say(
            f"{layer.skymap.site}: frame of {np.datetime_as_string(layer.time, unit='ms')} UTC; black to white is {low:.0f} to"
            f" {high:.0f} counts"
        )
    say(*run.skymap_notes)
    say_skipped("left out", run.left_out)
    say_skipped("not used", run.skipped)
    say(f"wrote {written}")
