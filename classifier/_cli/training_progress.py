"""How a training goes, on stderr: a bar in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from auroral_stats.terminal import console

if TYPE_CHECKING:
    from classifier.pretrain import Status

#: Seconds between the lines that stand in for a bar where there is no terminal.
_PAUSE_S = 15.0


@contextmanager
def training_progress(title: str) -> Iterator[Callable[[Status], None]]:
    """Show epoch, loss, pictures a second and the time that is left.

    Parameters
    ----------
    title : str

    Yields
    ------
    callable
        Takes the :class:`classifier.pretrain.Status` of a running training.
    """
    terminal = console(stderr=True)
    if not terminal.is_terminal:
        yield _lines(title)
        return
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(20), TextColumn("{task.fields[note]}"))
    with Progress(*columns, console=terminal, transient=True) as bar:
        task = bar.add_task(title, total=None, note="")

        def report(status: Status) -> None:
            bar.update(task, completed=status.step, total=status.steps, note=status_line(status))

        yield report


def status_line(status: Status) -> str:
    """Return a status in words."""
    left = f"{duration(status.seconds_left)} left" if status.step < status.steps else "done"
    return (
        f"epoch {status.epoch}/{status.epochs}, loss {status.loss:.4f}, "
        f"{status.images_per_second:.0f} images/s, {left}"
    )


def duration(seconds: float) -> str:
    """Return a time in words, as coarse as it is long."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min" if minutes > 2 else f"{60 * minutes + rest} s"


def is_first_process() -> bool:
    """Return whether this process speaks, of those that ``torchrun`` started."""
    return os.environ.get("RANK", "0") == "0"


def _lines(title: str) -> Callable[[Status], None]:
    last = 0.0

    def report(status: Status) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < _PAUSE_S and status.step < status.steps:
            return
        last = now
        print(f"{title}: {status_line(status)}", file=sys.stderr, flush=True)  # noqa: T201

    return report
