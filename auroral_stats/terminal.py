"""What a command says while it works, when it is done and when it fails."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from auroral_stats.errors import AuroralStatsError

if TYPE_CHECKING:
    import typer
    from rich.console import Console

__all__ = ["aligned", "console", "installed_versions", "progress", "progress_bar", "run"]


def run(app: typer.Typer, arguments: Sequence[str], name: str) -> int:
    """Run a command line and turn what goes wrong into one message and an exit code.

    Parameters
    ----------
    app : typer.Typer
    arguments : sequence of str
        Without the program's name.
    name : str
        The program's name.

    Returns
    -------
    int
        0 for success, 1 for failure, 2 for a mistake in the arguments.
    """
    import typer

    try:
        app(list(arguments), prog_name=name)
    except AuroralStatsError as error:
        typer.echo(f"error: {error}", err=True)
        return error.exit_code
    except (OSError, MemoryError) as error:
        typer.echo(f"error: {str(error) or 'not enough memory'}", err=True)
        return 1
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    return 0


def console(*, stderr: bool = False) -> Console:
    """Return the terminal, or what stands in its place."""
    import os

    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    # A file or a pipe has no width; that of the terminal it was started from is not its own.
    width = None if stream.isatty() or "COLUMNS" in os.environ else 80
    return Console(stderr=stderr, highlight=False, soft_wrap=False, width=width)


def installed_versions(packages: Iterable[str]) -> dict[str, str | None]:
    """Return the versions of packages without importing them.

    Parameters
    ----------
    packages : iterable of str
        Names of distributions.

    Returns
    -------
    dict of str to str or None
        None where one is not installed.

    Examples
    --------
    >>> installed_versions(["no_such_package"])
    {'no_such_package': None}
    """
    from importlib import metadata

    found: dict[str, str | None] = {}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def aligned(rows: Mapping[str, str | None]) -> str:
    r"""Return names and versions, one a line, the versions below each other.

    Parameters
    ----------
    rows : mapping of str to str or None
        None stands for what is not installed.

    Returns
    -------
    str

    Examples
    --------
    >>> print(aligned({"auroral_stats": "0.1.0", "numpy": "2.4.6", "torch": None}))
    auroral_stats  0.1.0
    numpy          2.4.6
    torch          not installed
    """
    width = max(map(len, rows), default=0)
    return "\n".join(f"{name:<{width}}  {text or 'not installed'}" for name, text in rows.items())


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Show what is done: a spinner in a terminal, plain lines elsewhere; all on stderr."""
    terminal = console(stderr=True)
    if not terminal.is_terminal:
        yield lambda line: print(line + " ...", file=sys.stderr, flush=True)  # noqa: T201
        return
    with terminal.status("Starting") as status:
        yield lambda line: status.update(line + " ...")


@contextmanager
def progress_bar(title: str, steps: int) -> Iterator[Callable[[str], None]]:
    """Show how far a longer piece of work is: a bar in a terminal, plain lines elsewhere.

    Nothing is shown until the first step is reported.

    Parameters
    ----------
    title : str
    steps : int
        How many lines will be reported.
    """
    terminal = console(stderr=True)
    if not terminal.is_terminal:
        with progress() as report:
            yield report
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(24), TimeElapsedColumn())
    with Progress(*columns, console=terminal, transient=True) as bar:
        task = bar.add_task(title, total=steps, visible=False)

        def report(line: str) -> None:
            bar.update(task, description=f"{title}: {line}", advance=1, visible=True)

        yield report
