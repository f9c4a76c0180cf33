"""What a command says while it works and when it is done."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def console(*, stderr: bool = False) -> Console:
    """Return the terminal, or what stands in its place."""
    import os

    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    # A file or a pipe has no width; that of the terminal it was started from is not its own.
    width = None if stream.isatty() or "COLUMNS" in os.environ else 80
    return Console(stderr=stderr, highlight=False, soft_wrap=False, width=width)


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Show what is done: a spinner in a terminal, plain lines elsewhere; all on stderr."""
    terminal = console(stderr=True)
    if not terminal.is_terminal:
        yield lambda line: print(line + " ...", file=sys.stderr, flush=True)  # noqa: T201
        return
    with terminal.status("Starting") as status:
        yield lambda line: status.update(line + " ...")
