"""Options that several commands share, and how their words are read."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auroral_stats._cli.completion import complete_sites
from auroral_stats.errors import DataError, UsageError

if TYPE_CHECKING:
    import xarray as xr


class Cadence(StrEnum):
    """OMNI data sets."""

    one = "1min"
    five = "5min"
    hourly = "hourly"


def named(value: str | Path) -> Path:
    """Return a path; a name without a letter is a mistake, such as an empty shell variable."""
    if not str(value).strip():
        raise typer.BadParameter("empty; expected the name of a file or folder.")
    return Path(value)


class Moon(StrEnum):
    """Whether moonlit minutes count."""

    down = "down"
    any = "any"


class Baseline(StrEnum):
    """What is taken as the quiet level of a magnetometer."""

    running = "running"
    day = "day"
    median = "median"


Start = Annotated[str | None, typer.Option(metavar="TIME", help="First UTC time, inclusive.")]
End = Annotated[str | None, typer.Option(metavar="TIME", help="Last UTC time, exclusive.")]
Sites = Annotated[
    str | None,
    typer.Option(metavar="A,B", help="Site codes; default all.", autocompletion=complete_sites),
]
MagStation = Annotated[
    list[str] | None,
    typer.Option(
        metavar="SITE=CODE ...", help="Another magnetometer for a site, such as yknf=ykc."
    ),
]
Offline = Annotated[bool, typer.Option("--offline", help="Use only files that are there.")]
Labels = Annotated[
    Path | None,
    typer.Option(parser=named, metavar="STORE", help="Label store; default the demo world."),
]
Data = Annotated[
    Path | None,
    typer.Option(parser=named, metavar="JOINED", help="File from auroral_stats join --mag."),
]
Omni = Annotated[Cadence | None, typer.Option(help="Cadence of the solar wind; default 1min.")]
Mlat = Annotated[
    str | None,
    typer.Option(
        metavar="LO:HI",
        help="Only sites of this magnetic latitude, LO <= MLAT < HI: 62:70, 70:, :62.",
    ),
]
MaxSun = Annotated[str, typer.Option(metavar="DEG|none", help="Sun at or below this.")]
MoonRule = Annotated[Moon, typer.Option(help="down: Moon below the horizon or less than 30 % lit.")]
BaselineRule = Annotated[
    Baseline,
    typer.Option(help="Quiet level: running (17 days), day (its median), median (of all)."),
]
Csv = Annotated[Path | None, typer.Option(parser=named, metavar="F", help="Write the table.")]
Json = Annotated[Path | None, typer.Option(parser=named, metavar="F", help="Write everything.")]
Nc = Annotated[Path | None, typer.Option(parser=named, metavar="F", help="Write everything.")]
Plot = Annotated[
    Path | None, typer.Option(parser=named, metavar="F", help="Figure: png, pdf, svg.")
]


def items(
    option: str,
    values: str | Sequence[str] | None,
    remedy: str = "give it a value or leave it out",
) -> list[str] | None:
    """Return the words of an option, separated by commas or given in turn.

    Parameters
    ----------
    option : str
        Its name, for the message.
    values : str or sequence of str, optional
    remedy : str
        What to do if there is none.

    Returns
    -------
    list of str, or None where the option is not given

    Raises
    ------
    UsageError
        If it is given without a word.
    """
    if values is None:
        return None
    parts = [values] if isinstance(values, str) else values
    words = [word.strip() for part in parts for word in part.split(",") if word.strip()]
    if not words:
        raise UsageError(f"{option} is empty; {remedy}.")
    return words


def site_codes(text: str | None) -> list[str] | None:
    """Return site codes in lower case."""
    codes = items("--sites", text, "'auroral_stats sites' lists the codes")
    return None if codes is None else [code.lower() for code in codes]


def mag_stations(given: Sequence[str] | None) -> dict[str, str]:
    """Read the ``SITE=CODE`` items of ``--mag-station``."""
    chosen: dict[str, str] = {}
    for item in items("--mag-station", given) or ():
        site, sign, code = (part.strip().lower() for part in item.partition("="))
        if not (site and sign and code):
            raise UsageError(f"--mag-station {item}: expected SITE=CODE, such as yknf=ykc.")
        if site in chosen:
            raise UsageError(f"--mag-station {item}: {site} is given twice.")
        chosen[site] = code
    return chosen


def degrees(text: str) -> float | None:
    """Read the highest elevation of the Sun; None for any."""
    if text.strip().lower() == "none":
        return None
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"--max-sun-elevation {text}: expected degrees, or none.") from None


def refuse_options(compute: Callable[[xr.Dataset], Any]) -> None:
    """Refuse options that cannot be used, before anything is read.

    Options are checked before data: of an empty Dataset, good ones say that it lacks something.
    """
    import xarray as xr

    nothing: dict[str, Any] = {"label": [], "site": []}
    try:
        compute(xr.Dataset(coords=nothing))
    except DataError:
        return
    except UsageError as error:
        raise UsageError(in_options(str(error))) from error


#: Arguments that messages name as Python does, and that are options here.
_ARGUMENTS = re.compile(r"\b(hemisphere|mediator|mlt_units|skip_bad_rows)='?(\w+)'?")


def in_options(text: str) -> str:
    """Return a message with options in the place of arguments.

    Examples
    --------
    >>> in_options("use mlt_units='degree', or skip_bad_rows=True to leave them out")
    'use --mlt-units degree, or --skip-bad-rows to leave them out'
    """

    def option(found: re.Match[str]) -> str:
        name = f"--{found[1].replace('_', '-')}"
        return name if found[2] == "True" else f"{name} {found[2]}"

    return _ARGUMENTS.sub(option, text)
