"""The command line: parse, call, print, save.

Each command is a room of its own in ``_cli``. Everything heavy is imported inside the commands,
so that ``--help`` answers at once.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from auroral_stats._cli.agree import agree
from auroral_stats._cli.demo import demo
from auroral_stats._cli.doctor import doctor
from auroral_stats._cli.epochs import epochs
from auroral_stats._cli.fetch import fetch
from auroral_stats._cli.geoeffectiveness import geoeffectiveness
from auroral_stats._cli.join import join
from auroral_stats._cli.labels import import_labels, info
from auroral_stats._cli.listings import drivers, sites
from auroral_stats._cli.occurrence import occurrence
from auroral_stats._version import __version__
from auroral_stats.terminal import aligned, installed_versions, run

__all__ = ["app", "main"]

app = typer.Typer(
    name="auroral_stats",
    help="Occurrence and geoeffectiveness of auroral forms, from all-sky camera labels.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

#: The commands, in the order of ``--help``.
for command in (
    import_labels,
    fetch,
    join,
    occurrence,
    geoeffectiveness,
    epochs,
    agree,
    drivers,
    sites,
    info,
    demo,
    doctor,
):
    app.command(command.__name__.replace("_", "-"))(command)

#: Options that take several words, by command. In import-labels --label names one column, and a
#: word after it is the table.
_SEVERAL = {
    "occurrence": {"--label"},
    "geoeffectiveness": {"--label", "--threshold", "--mag-station"},
    "epochs": {"--mag-station"},
    "import-labels": {"--probability"},
    "fetch": {"--mirror"},
    "join": {"--mag-station"},
}


#: Whose versions ``--version`` tells beside its own: what can change a number, or a figure.
_DEPENDENCIES = (
    "numpy",
    "pandas",
    "xarray",
    "scipy",
    "matplotlib",
    "astropy",
    "aacgmv2",
    "pyspedas",
    "cdflib",
    "pyarrow",
)


def _version(value: bool) -> None:
    if value:
        told = {"auroral_stats": __version__, "python": platform.python_version()}
        typer.echo(aligned(told | installed_versions(_DEPENDENCIES)))
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_version,
            is_eager=True,
            help="Show this version and those of the main dependencies.",
        ),
    ] = False,
) -> None:
    """Occurrence and geoeffectiveness of auroral forms, from all-sky camera labels."""


def _spread(arguments: Sequence[str], options: set[str]) -> list[str]:
    """Let one ``--label`` or ``--probability`` take several values, as in ``--label arc clear``."""
    spread: list[str] = []
    option = None
    fresh = False
    for argument in arguments:
        if argument in options:
            option, fresh = argument, True
        elif argument.startswith("-"):
            option = None
        elif option and not fresh and _belongs(option, argument):
            spread.append(option)
        else:
            fresh = False
        spread.append(argument)
    return spread


def _belongs(option: str, argument: str) -> bool:
    """Return whether a further word is another value of ``option`` and no argument of its own."""
    return option in {"--label", "--threshold"} or "=" in argument


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; ``sys.argv`` by default.

    Returns
    -------
    int
        0 for success, 1 for failure, 2 for a mistake in the arguments.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    given = _spread(given, _SEVERAL.get(given[0] if given else "", set()))
    return run(app, given, "auroral_stats")
