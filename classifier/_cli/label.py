"""``auroral_classifier label``: an archive of frames through a model into a label store."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auroral_stats.terminal import console

if TYPE_CHECKING:
    from rich.table import Table

    from classifier.label import LabelProgress, LabelSummary

#: Seconds between the lines that stand in for a bar where there is no terminal.
_PAUSE_S = 10.0


def label(
    archive: Annotated[
        Path, typer.Argument(metavar="ARCHIVE", help="Folder of camera files, or one file.")
    ],
    out: Annotated[Path, typer.Option(metavar="STORE", help="Folder of the label store.")],
    model: Annotated[
        Path | None,
        typer.Option(help="Checkpoint of a classifier; default the one of this package."),
    ] = None,
    sites: Annotated[
        str | None, typer.Option(metavar="A,B", help="Site codes; default all.")
    ] = None,
    start: Annotated[
        str | None, typer.Option(metavar="TIME", help="First UTC time, inclusive.")
    ] = None,
    end: Annotated[
        str | None, typer.Option(metavar="TIME", help="Last UTC time, exclusive.")
    ] = None,
    device: Annotated[
        str, typer.Option(help="auto, cpu or cuda; auto takes a GPU if there is one.")
    ] = "auto",
    precision: Annotated[
        str,
        typer.Option(
            help="fp32, bf16 (faster where the processor has it) or auto: bf16 on a GPU, fp32 on a CPU."
        ),
    ] = "auto",
    batch: Annotated[
        int | None,
        typer.Option(min=1, help="Frames at once; default 32, on a GPU 512."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Processes that read; default 1 for up to 7 cores, beside a GPU all but two.",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on with a store: label what is missing in it or has changed."
        ),
    ] = False,
    drivers: Annotated[
        Path | None,
        typer.Option(
            metavar="ROOT",
            help="For simulated frames: folder of the solar wind of the same simulation.",
        ),
    ] = None,
) -> None:
    """Label camera frames: six calibrated probabilities a frame, for auroral_stats to count.

    Files are those of the THEMIS all-sky imagers (minute files, hourly CDFs). A month of a site
    appears in the store when all its files are labelled. A run that was stopped, in whatever way,
    goes on with --resume and ends with the same labels. Records that give no label are listed in
    _bad_frames.csv in the store.
    """
    from classifier.label import label_archive

    with _shown() as report:
        summary = label_archive(
            archive,
            out,
            model=model,
            sites=sites,
            start=start,
            end=end,
            device=device,
            precision=precision,
            batch=batch,
            workers=workers,
            resume=resume,
            drivers=drivers,
            progress=report,
        )
    terminal = console()
    for line in _lines(summary):
        terminal.print(line, markup=False, soft_wrap=True)
    if summary.frames:
        terminal.print(_classes(summary))


def _lines(summary: LabelSummary) -> Iterator[str]:
    info = summary.info
    trained_on_simulated = "simul" in (info.model_trained_on or "").lower()
    if info.simulated:
        yield "SIMULATED DATA"
    elif trained_on_simulated:
        yield "Real frames, labelled by a MODEL TRAINED ON SIMULATED FRAMES: trust no rate of these."
    rate = sum(summary.counts.values()) / max(summary.seconds, 1e-9)
    yield (
        f"{summary.store}: {summary.frames:,} new labels of {summary.files:,} files, "
        f"{summary.partitions:,} site-months written, {summary.complete:,} were complete"
        + (f"; {rate:,.0f} frames/s" if summary.frames else "")
    )
    yield (
        f"model {(info.model_sha256 or '')[:12]}, trained on {info.model_trained_on}; preprocessing "
        f"{info.preprocess}; temperature {info.temperature:.3g}"
    )
    if summary.changed:
        yield f"labelled again, because files have changed: {', '.join(summary.changed)}"
    if summary.lost:
        yield f"labelled again, because they were gone from the store: {', '.join(summary.lost)}"
    if summary.repeats:
        yield f"{summary.repeats:,} frames are in several files, and were labelled once"
    if summary.bad:
        yield (
            f"{summary.bad:,} records or files gave no label: {summary.store / '_bad_frames.csv'} "
            "says why"
        )


def _classes(summary: LabelSummary) -> Table:
    from rich.table import Table

    table = Table(title="Frames labelled in this run", title_justify="left")
    if summary.info.simulated:
        table.title = "SIMULATED DATA. Frames labelled in this run"
    elif "simul" in (summary.info.model_trained_on or "").lower():
        table.title = "Labels by a model trained on simulated frames"
    table.add_column("class")
    table.add_column("frames", justify="right")
    table.add_column("share", justify="right")
    total = max(sum(summary.counts.values()), 1)
    for name, count in summary.counts.items():
        table.add_row(name, f"{count:,}", f"{count / total:.1%}")
    return table


@contextmanager
def _shown() -> Iterator[Callable[[LabelProgress], None]]:
    """Show how far it is: a bar in a terminal, a line now and then elsewhere; all on stderr."""
    terminal = console(stderr=True)
    if not terminal.is_terminal:
        last: float | None = None

        def line(progress: LabelProgress) -> None:
            nonlocal last
            now = time.monotonic()
            last = now if last is None else last
            if now - last >= _PAUSE_S:
                last = now
                print(_text(progress), file=sys.stderr, flush=True)  # noqa: T201

        yield line
        return
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (BarColumn(24), TextColumn("{task.description}"))
    with Progress(*columns, console=terminal, transient=True) as bar:
        task = bar.add_task("looking for files", total=None)

        def report(progress: LabelProgress) -> None:
            bar.update(
                task,
                description=_text(progress),
                completed=progress.files,
                total=progress.files_due or None,
            )

        yield report


def _text(progress: LabelProgress) -> str:
    if not progress.files_due:
        return progress.where
    minutes, seconds = divmod(round(progress.seconds_left), 60)
    hours, minutes = divmod(minutes, 60)
    left = f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
    bad = f", {progress.bad:,} bad" if progress.bad else ""
    return (
        f"{progress.where}: {progress.files:,} of {progress.files_due:,} files, "
        f"{progress.frames:,} frames{bad}, {progress.frames_per_second:,.0f} frames/s, {left} left"
    )
