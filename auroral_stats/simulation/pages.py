"""Tables of simulated results, and the pages of the documentation that hold them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from auroral_stats.errors import DataError
from auroral_stats.whole_file import write_whole

__all__ = ["table", "write_between"]


def table(title: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table; columns after the first to the right.

    Examples
    --------
    >>> print(table("Nights", ["site", "number"], [["gill", 30]]))
    **Nights**
    <BLANKLINE>
    | site | number |
    | --- | --: |
    | gill | 30 |
    """
    lines = [header, ["---"] + ["--:"] * (len(header) - 1), *rows]
    return f"**{title}**\n\n" + "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def write_between(page: Path, markers: tuple[str, str], text: str) -> Path:
    """Put ``text`` between two lines of a page, all or nothing.

    Parameters
    ----------
    page : Path
    markers : (str, str)
        The lines before and after the text.
    text : str

    Returns
    -------
    Path

    Raises
    ------
    DataError
        If the page lacks a marker.
    """
    before, begin, rest = page.read_text(encoding="utf-8").partition(markers[0])
    _, end, after = rest.partition(markers[1])
    if not (begin and end):
        raise DataError(f"{page}: expected the lines {markers[0]!r} and {markers[1]!r}; add them.")
    whole = f"{before}{begin}\n\n{text}\n\n{end}{after}"
    return write_whole(page, lambda file: file.write_text(whole, encoding="utf-8"))
