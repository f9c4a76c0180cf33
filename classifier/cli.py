"""``auroral_classifier``: what is installed, and the classes that a label can name."""

from __future__ import annotations

from importlib import metadata, util
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

import classifier
from auroral_stats.labels import AURORAL, CLASSES, USABLE

__all__ = ["app", "main", "torch_versions"]

#: What brings torch and torchvision.
INSTALL_TORCH = "pip install 'auroral_stats[classifier]'"

app = typer.Typer(
    name="auroral_classifier",
    help="Labels for all-sky camera frames, in the store that auroral_stats reads.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def torch_versions() -> dict[str, str | None]:
    """Return the installed versions of torch and torchvision without importing them.

    Returns
    -------
    dict of str to str or None
        One entry a package, ``torch`` first; None where it is not installed.

    Examples
    --------
    >>> list(torch_versions())
    ['torch', 'torchvision']
    """
    return {
        name: metadata.version(name) if util.find_spec(name) else None
        for name in ("torch", "torchvision")
    }


def print_version(wanted: bool) -> None:
    """Print the versions and end the program, if ``wanted``."""
    if not wanted:
        return
    typer.echo(f"auroral_classifier {classifier.__version__}")
    versions = torch_versions()
    for name, version in versions.items():
        typer.echo(f"{name} {version or 'not installed'}")
    if None in versions.values():
        typer.echo(f"Training and labelling need both: {INSTALL_TORCH}")
    raise typer.Exit


@app.callback()
def auroral_classifier(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=print_version,
            is_eager=True,
            help="Print the versions of this program, torch and torchvision, and stop.",
        ),
    ] = False,
) -> None:
    """Labels for all-sky camera frames, in the store that auroral_stats reads."""


@app.command()
def classes() -> None:
    """List the six classes with their codes in the label store, in the order of the OATH set.

    Usable frames (arc, diffuse, discrete, clear) make up the denominator of a rate; cloudy and
    moonlit frames say nothing about the aurora.
    """
    table = Table(title="Classes of a frame, OATH order", title_justify="left")
    table.add_column("code", justify="right")
    table.add_column("class")
    table.add_column("aurora")
    table.add_column("usable")
    for code, name in enumerate(CLASSES):
        table.add_row(
            str(code),
            name,
            "yes" if name in AURORAL else "no",
            "yes" if name in USABLE else "no",
        )
    Console().print(table)


def main() -> None:
    """Run the command line; the entry point of the console script."""
    app()
