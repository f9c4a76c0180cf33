"""``auroral_classifier oath``: get the labelled set, check it, and say what it holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auroral_stats.terminal import console, progress

if TYPE_CHECKING:
    from rich.table import Table

    from classifier.oath import Oath
    from classifier.oath_report import FoldSummary


def oath(
    path: Annotated[
        Path | None,
        typer.Option(help="Folder of a set, or its .tgz, .tar or .zip file, which is unpacked."),
    ] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Get the published tarball first, and unpack it.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where downloads and unpacked sets go; default the user's cache folder.",
        ),
    ] = None,
    origins: Annotated[
        Path | None,
        typer.Option(help="Table of stations and times, where the set has none of its own."),
    ] = None,
) -> None:
    """Check an OATH set and show what it holds: classes, nights, pictures and folds.

    The OATH set (Clausen & Nickisch 2018) has 5,824 pictures of the THEMIS all-sky imagers in six
    classes. Without --path, the set in the user's cache folder is taken. A set that was simulated
    (auroral_classifier simulate --oath DIR) is read in the same way.
    """
    from auroral_stats.errors import UsageError
    from classifier._cli.counting import counting
    from classifier.oath import open_oath
    from classifier.oath_download import default_oath_folder
    from classifier.oath_report import check_images, folds_of

    if path is not None and download:
        raise UsageError("--path and --download: give one of the two.")
    folder = default_oath_folder() if out is None else out
    terminal = console()
    if download:
        path = _downloaded(folder)
    elif path is not None and path.is_file():
        path = _unpacked(path, folder)
    elif path is None:
        path = folder
    found = open_oath(path, origins=origins)
    with counting("Checking", "pictures") as report:
        check_images(found, progress=lambda done, total: report(done, total, ""))
    folds = folds_of(found)
    what = "Simulated set, SIMULATED DATA," if found.simulated else "OATH set"
    terminal.print(f"{what} in {found.root}: sound\n", markup=False, soft_wrap=True)
    for table in (_classes(found), _facts(found), _folds(found, folds)):
        terminal.print(table)


def _unpacked(archive: Path, folder: Path) -> Path:
    """Unpack an archive, unless that was done before."""
    from classifier.oath_download import unpack_once

    with progress() as report:
        target, unpacked = unpack_once(archive, folder, progress=report)
    what = "unpacked" if unpacked else "found unpacked"
    console().print(f"{what}: {target}", markup=False, soft_wrap=True)
    return target


def _downloaded(folder: Path) -> Path:
    """Download the tarball, unless that was done before, and say what is known about it."""
    from classifier._cli.counting import counting
    from classifier.oath_download import download_oath

    with counting("Downloading", "MB", 1e6) as report:
        done = download_oath(folder, progress=report)
    terminal = console()
    source = f"from {done.url}" if done.url else "found there"
    terminal.print(f"{done.path}: {done.size:,} bytes, {source}, {done.date}", soft_wrap=True)
    terminal.print(f"SHA-256 {done.sha256}", soft_wrap=True)
    for earlier in done.earlier_sha256:
        terminal.print(
            f"Another file came from there before, SHA-256 {earlier}: it was damaged, or the "
            "published set has changed.",
            soft_wrap=True,
        )
    return _unpacked(done.path, folder)


def _classes(oath: Oath) -> Table:
    from rich.table import Table

    from classifier.oath import PUBLISHED_COUNTS, class_counts
    from classifier.oath_tables import OATH_NAMES

    table = Table(title=f"{_flag(oath)}Pictures of each class", title_justify="left")
    for name in ("code", "class", "in the files"):
        table.add_column(name, justify="right" if name == "code" else "left")
    for name in ("pictures", "share", "published"):
        table.add_column(name, justify="right")
    counts = class_counts(oath.label)
    for code, (name, count) in enumerate(counts.items()):
        share = f"{count / len(oath):.1%}"
        table.add_row(
            str(code), name, OATH_NAMES[code], f"{count:,}", share, f"{PUBLISHED_COUNTS[code]:,}"
        )
    table.add_section()
    table.add_row("", "all", "", f"{len(oath):,}", "", f"{sum(PUBLISHED_COUNTS):,}")
    if oath.truth is not None:
        changed = (oath.truth != oath.label).mean()
        table.caption = f"{changed:.1%} of the labels are wrong on purpose (truth.csv)"
    return table


def _facts(oath: Oath) -> Table:
    from rich.table import Table

    from classifier.oath_images import IMAGE_SHAPE
    from classifier.oath_report import nights_of, pixels_of

    nights, pixels = nights_of(oath), pixels_of(oath)
    table = Table(
        title=f"{_flag(oath)}Where, when, and what", title_justify="left", show_header=False
    )
    table.add_column("")
    table.add_column("")
    if nights.station_nights:
        table.add_row("stations, nights", f"{nights.stations}, {nights.nights}")
        table.add_row(
            "station-nights",
            f"{nights.station_nights}, {nights.single_class:.0%} of them with a single class",
        )
        table.add_row("station-hours", f"{nights.station_hours}")
        table.add_row("first and last night", f"{nights.first}, {nights.last}")
        table.add_row("from one picture to the next", f"{nights.median_step:.0f} s (median)")
    table.add_row("pictures of unknown origin", f"{nights.unknown:,}")
    table.add_row("size", f"{IMAGE_SHAPE[1]} x {IMAGE_SHAPE[0]} pixels, data in green alone")
    table.add_row(
        "sky, of pixels",
        f"{pixels.white:.1%} white, {pixels.black:.1%} black, mean {pixels.mean:.0f}",
    )
    table.add_row("outside the sky", f"{pixels.outside:.2%} of pixels not black")
    table.caption = f"pixels of {pixels.pictures} pictures spread over the set"
    return table


def _folds(oath: Oath, folds: list[FoldSummary]) -> Table:
    from rich.table import Table

    from classifier.oath_report import NEAR_SECONDS

    table = Table(title=f"{_flag(oath)}Folds", title_justify="left")
    table.add_column("folds")
    for name in ("train", "test", "near copies", "fewest of a class"):
        table.add_column(name, justify="right")
    for fold in folds:
        rarest = min(fold.fewest, key=fold.fewest.__getitem__)
        table.add_row(
            f"{fold.folds} {fold.name}",
            f"{fold.train:,}",
            f"{fold.test:,}",
            f"{fold.near:.0%}",
            f"{fold.fewest[rarest]:,} {rarest}",
        )
    table.caption = (
        "near copies: share of the test pictures with a picture of the same station in training "
        f"that was taken within {NEAR_SECONDS:.0f} s"
    )
    return table


def _flag(oath: Oath) -> str:
    return "SIMULATED DATA. " if oath.simulated else ""
