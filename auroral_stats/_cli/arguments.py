"""Options that several commands share, and how their words are read."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from auroral_stats.errors import ArchiveError, UsageError


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


Start = Annotated[str | None, typer.Option(metavar="TIME", help="First UTC time, inclusive.")]
End = Annotated[str | None, typer.Option(metavar="TIME", help="Last UTC time, exclusive.")]
Sites = Annotated[str | None, typer.Option(metavar="A,B", help="Site codes; default all.")]
MagStation = Annotated[
    list[str] | None,
    typer.Option(
        metavar="SITE=CODE ...", help="Another magnetometer for a site, such as yknf=ykc."
    ),
]
Offline = Annotated[bool, typer.Option("--offline", help="Use only files that are there.")]


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


def existing_store(labels: Path) -> Path:
    """Refuse a label store that is not there, as any other missing file is refused."""
    if not labels.is_dir():
        raise ArchiveError(
            f"{labels}: no such label store (a folder of Parquet files); make one with "
            "'auroral_stats import-labels TABLE --out STORE' or check the name."
        )
    return labels


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
