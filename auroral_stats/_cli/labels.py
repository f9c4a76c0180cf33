"""``auroral_stats import-labels`` and ``auroral_stats info``: label stores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from auroral_stats._cli.arguments import named
from auroral_stats._cli.world import demo_labels
from auroral_stats.errors import UsageError
from auroral_stats.terminal import console, progress


def import_labels(
    table: Annotated[
        Path, typer.Argument(parser=named, metavar="TABLE", help="CSV, CSV.gz or Parquet.")
    ],
    out: Annotated[
        Path, typer.Option(parser=named, metavar="STORE", help="Label store to write or add to.")
    ],
    time: Annotated[str, typer.Option(metavar="COL", help="Column of the exposure start, UTC.")],
    site: Annotated[str, typer.Option(metavar="COL", help="Column of the site code.")],
    label: Annotated[str, typer.Option(metavar="COL", help="Column of the class.")],
    probability: Annotated[
        list[str] | None,
        typer.Option(metavar="CLASS=COL ...", help="Columns of probabilities, all six classes."),
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who labelled; default the file's name.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace the store instead of adding to it.")
    ] = False,
) -> None:
    """Import a table of labels into a label store.

    Times without an offset are UTC. Rows that cannot be used are listed in _rejected.csv in
    the store, with the reason.
    """
    from auroral_stats.label_import import import_table

    with progress() as report:
        summary = import_table(
            table,
            out,
            time=time,
            site=site,
            label=label,
            probability=_pairs(probability),
            source=source,
            replace=replace,
            progress=lambda rows: report(f"{rows:,} rows read"),
        )
    lines = [
        f"{table}: {summary.read:,} rows read",
        f"  written    {summary.written:>12,}  to {out}",
        f"  duplicate  {summary.duplicate:>12,}",
        f"  rejected   {sum(summary.rejected.values()):>12,}",
    ]
    lines += [f"    {count:,} {reason}" for reason, count in summary.rejected.items()]
    lines += [f"  note: {note}" for note in summary.notes]
    if summary.rejected_path is not None:
        lines.append(f"  see {summary.rejected_path}")
    terminal = console()
    for line in lines:
        terminal.print(line, markup=False, soft_wrap=True)


def _pairs(words: Sequence[str] | None) -> dict[str, str] | None:
    """Read ``arc=COL`` words."""
    if not words:
        return None
    pairs: dict[str, str] = {}
    for word in words:
        name, sign, column = word.partition("=")
        if not (name and sign and column):
            raise UsageError(f"--probability {word}: expected CLASS=COL, such as arc=p_arc.")
        if name in pairs:
            raise UsageError(f"--probability {word}: the class {name} is given twice.")
        pairs[name] = column
    return pairs


def info(
    store: Annotated[
        Path | None,
        typer.Argument(parser=named, metavar="STORE", help="Label store; default the demo world."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Read every row and list every fault.")
    ] = False,
) -> None:
    """Say what a label store holds."""
    from auroral_stats.label_store import check_store
    from auroral_stats.labels import validate_labels
    from auroral_stats.screen import store_table

    store = demo_labels() if store is None else check_store(store)
    if check:
        with progress() as report:
            report("Checking every partition")
            validate_labels(store)
    with progress() as report:
        report("Counting frames")
        parts = store_table(store)
    terminal = console()
    for part in parts:
        terminal.print(part)
    if check:
        terminal.print("no fault found")
