"""How far a long piece of work is, and how long it will take."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from auroral_stats.terminal import console

Report = Callable[[float, "float | None", str], None]

#: Seconds between the lines that stand in for a bar where there is no terminal.
_PAUSE_S = 10.0


@contextmanager
def counting(title: str, unit: str, scale: float = 1.0) -> Iterator[Report]:
    """Show how much is done: a bar in a terminal, a line now and then elsewhere; all on stderr.

    Parameters
    ----------
    title : str
    unit : str
        What is counted, such as ``MB``.
    scale : float
        How many of what is reported make one of them.

    Yields
    ------
    callable
        Takes what is done, how much it will be (None if unknown), and a word on what is going on.
    """
    terminal = console(stderr=True)
    if not terminal.is_terminal:
        yield _lines(title, unit, scale)
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(24),
        TextColumn("{task.fields[count]}"),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=terminal, transient=True) as bar:
        task = bar.add_task(title, total=None, count="", note="")

        def report(done: float, total: float | None, note: str) -> None:
            bar.update(
                task, completed=done, total=total, note=note, count=_count(done, total, unit, scale)
            )

        yield report


def _lines(title: str, unit: str, scale: float) -> Report:
    start = last = time.monotonic()
    first: float | None = None

    def report(done: float, total: float | None, note: str) -> None:
        nonlocal last, first
        now = time.monotonic()
        first = done if first is None else first
        if now - last < _PAUSE_S and not note:
            return
        last = now
        line = f"{title}: {_count(done, total, unit, scale)}"
        if total and done > first:
            line += f", {_duration((now - start) * (total - done) / (done - first))} left"
        print(line + (f" ({note})" if note else ""), file=sys.stderr, flush=True)  # noqa: T201

    return report


def _count(done: float, total: float | None, unit: str, scale: float) -> str:
    of = f" of {total / scale:,.0f}" if total else ""
    return f"{done / scale:,.0f}{of} {unit}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min" if minutes > 2 else f"{60 * minutes + rest} s"
