"""``auroral_classifier``: parse, call, print, save.

Each command is a room of its own in ``_cli``. Everything heavy is imported inside the commands,
so that ``--help`` answers at once.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

import classifier
from auroral_stats.terminal import aligned, installed_versions, run
from classifier._cli.classes import classes
from classifier._cli.evaluate import evaluate
from classifier._cli.finetune import finetune
from classifier._cli.keogram import keogram
from classifier._cli.label import label
from classifier._cli.mosaic import mosaic
from classifier._cli.oath import oath
from classifier._cli.pretrain import pretrain
from classifier._cli.pseudolabel import pseudolabel
from classifier._cli.simulate import simulate

__all__ = ["app", "main", "torch_versions"]

#: What brings torch and torchvision.
INSTALL_TORCH = "pip install 'auroral_stats[classifier]'"

#: Packages that the core installation does without.
OPTIONAL = frozenset({"torch", "torchvision", "sklearn", "skimage", "safetensors", "PIL"})

app = typer.Typer(
    name="auroral_classifier",
    help="Labels for all-sky camera frames, in the store that auroral_stats reads.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

#: The commands, in the order of ``--help``.
COMMANDS = (
    classes, oath, simulate, keogram, mosaic, pretrain, finetune, pseudolabel, evaluate, label,
)  # fmt: skip
for command in COMMANDS:
    app.command(command.__name__.replace("_", "-"))(command)


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
    return installed_versions(("torch", "torchvision"))


def print_version(wanted: bool) -> None:
    """Print the versions and end the program, if ``wanted``."""
    if not wanted:
        return
    versions = torch_versions()
    told = {"auroral_classifier": classifier.__version__, "python": platform.python_version()}
    typer.echo(aligned(told | versions))
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the entry point of the console script.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; ``sys.argv`` by default.

    Returns
    -------
    int
        0 for success, 1 for failure, 2 for a mistake in the arguments.
    """
    given = sys.argv[1:] if arguments is None else arguments
    try:
        return run(app, given, "auroral_classifier")
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in OPTIONAL:
            raise
        typer.echo(f"error: {package} is not installed; get it with: {INSTALL_TORCH}", err=True)
        return 1
