"""``auroral_stats doctor``: whether everything is there that the commands need."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from auroral_stats.terminal import console, progress

if TYPE_CHECKING:
    from rich.text import Text

    from auroral_stats.findings import Finding

_STYLES = {"ok": "green", "note": "yellow", "fault": "bold red"}


def doctor(
    json: Annotated[
        bool, typer.Option("--json", help="Print the report as JSON, for machines.")
    ] = False,
) -> None:
    """Say what is installed and what is broken.

    The report tells versions, what the caches hold for work without a network, and whether there
    is a GPU. It can be pasted into a question. Each line is ok, a note or a fault; faults and notes
    come with a remedy. No connection is opened. The exit status is 1 if there is a fault.
    """
    from auroral_stats.doctor import examine, report
    from auroral_stats.findings import worst

    with progress() as say:
        found = examine(say)
    if json:
        import json as notation

        typer.echo(notation.dumps(report(found), indent=1, allow_nan=False))
    else:
        terminal = console()
        for line in _lines(found, terminal.width):
            # Long paths stay in one piece, so that they can be copied.
            terminal.print(line, soft_wrap=True)
    if worst(found) == "fault":
        raise typer.Exit(1)


def _lines(found: list[Finding], width: int) -> Iterator[Text]:
    """Yield the report, topic by topic, and at its end how many faults there are."""
    from rich.text import Text

    for topic, findings in groupby(found, key=lambda finding: finding.topic):
        yield Text(topic, style="bold")
        for finding in findings:
            yield from _wrapped(finding, width)
        yield Text("")
    faults, notes = (sum(f.state == state for f in found) for state in ("fault", "note"))
    counted = (
        f"{faults or 'no'} fault{'s' * (faults != 1)}, {notes or 'no'} note{'s' * (notes != 1)}"
    )
    yield Text(counted, style=_STYLES["fault" if faults else "ok"])


def _wrapped(finding: Finding, width: int) -> Iterator[Text]:
    """Yield the lines of one finding, and of its remedy."""
    from rich.text import Text

    wrapper = textwrap.TextWrapper(width - 8, break_long_words=False, break_on_hyphens=False)
    body = wrapper.wrap(f"{finding.name}: {finding.text}")
    if finding.remedy:
        wrapper.subsequent_indent = "   "
        body += wrapper.wrap(f"-> {finding.remedy}")
    for number, line in enumerate(body):
        text = Text("  ")
        text.append(f"{finding.state if number == 0 else '':<6}", style=_STYLES[finding.state])
        yield text.append(line)
