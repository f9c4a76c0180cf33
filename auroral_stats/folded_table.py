"""Tables of text that fold into as many as the width asks for, so that nothing is cut.

A table too wide for the terminal, or for the 80 columns of a pipe, is written as several below each
other. Each repeats the names of the rows; columns that belong together stay together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby, pairwise

from rich.console import Console, ConsoleOptions
from rich.text import Text

__all__ = ["Column", "FewestParts", "FoldedTable"]


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name : str
        Its heading.
    cells : sequence of str
        One for each row; those in parentheses are written dim.
    group : str
        What stands above columns that stay together; empty for a column by itself.
    left : bool
        Whether the cells begin, and not end, below each other.
    """

    name: str
    cells: Sequence[str]
    group: str = ""
    left: bool = False

    @property
    def width(self) -> int:
        """Width in characters."""
        return max(map(len, (self.name, *self.cells)))

    def pad(self, text: str) -> str:
        """Return a cell as wide as the column."""
        return text.ljust(self.width) if self.left else text.rjust(self.width)


@dataclass(frozen=True)
class FoldedTable:
    r"""A table that rich prints in as many parts as the width asks for.

    Attributes
    ----------
    title : str
    names : Column
        The names of the rows, repeated in every part.
    columns : sequence of Column
    caption : str
        A line below, which may be broken.

    Examples
    --------
    >>> names = Column("Bz", ["< 0", ">= 0"], left=True)
    >>> table = FoldedTable("Rates", names, [Column("arc", ["20", "10"]), Column("clear", ["5", "9"])])
    >>> print(*(line.plain for line in table.lines(80)), sep="\n")
    Rates
    Bz    arc  clear
    ────────────────
    < 0    20      5
    >= 0   10      9
    >>> [table.parts(width) for width in (80, 12)]
    [1, 2]
    """

    title: str
    names: Column
    columns: Sequence[Column]
    caption: str = ""

    def parts(self, width: int) -> int:
        """Return how many tables it takes at a width in characters."""
        return len(self._fold(width)[1])

    def lines(self, width: int, *, rule: str = "─") -> Iterator[Text]:
        """Yield the lines of all parts; a width too small for one column is exceeded."""
        gap, parts = self._fold(width)
        for number, part in enumerate(parts):
            title = self.title if number == 0 else f"{self.title}, continued"
            yield Text(title, style="bold")
            columns = [self.names, *part]
            if any(column.group for column in part):
                yield Text(_groups_line(columns, gap), style="bold")
            heading = (" " * gap).join(column.pad(column.name) for column in columns)
            yield Text(heading.rstrip(), style="bold")
            yield Text(rule * len(heading), style="dim")
            for row in range(len(self.names.cells)):
                yield _row(columns, row, gap)
            if number < len(parts) - 1:
                yield Text("")
        if self.caption:
            yield Text(self.caption, style="dim")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        yield Text("")
        yield from self.lines(options.max_width, rule="-" if options.ascii_only else "─")

    def _fold(self, width: int) -> tuple[int, list[list[Column]]]:
        """Return the gap between columns and the columns of each part."""
        units = _units(self.columns)
        room = width - self.names.width
        found = []
        for gap in (2, 1):
            needs = [sum(gap + column.width for column in unit) for unit in units]
            ends = _balanced(needs, room)
            # Columns stand closer where that makes them fit, or saves a part.
            found.append((max(0, max(needs, default=0) - room), len(ends), gap, ends))
        _, _, gap, ends = min(found, key=lambda fold: fold[:2])
        parts = [list(chain(*units[first:last])) for first, last in pairwise([0, *ends])]
        return gap, parts


@dataclass(frozen=True)
class FewestParts:
    """Of several ways to write the same, the one that takes the fewest parts; the first if equal.

    Attributes
    ----------
    ways : sequence of sequence of FoldedTable
        The tables of each way.
    """

    ways: Sequence[Sequence[FoldedTable]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[FoldedTable]:
        yield from min(
            self.ways, key=lambda way: sum(table.parts(options.max_width) for table in way)
        )


def _balanced(needs: Sequence[int], room: int) -> list[int]:
    """Return where each part ends: as few parts as there can be, of similar width."""
    ends = _filled(needs, room)
    # The least room that takes no more parts.
    low, high = max(needs, default=0), room
    while low < high:
        middle = (low + high) // 2
        tried = _filled(needs, middle)
        if len(tried) > len(ends):
            low = middle + 1
        else:
            ends, high = tried, middle
    return ends


def _filled(needs: Sequence[int], room: int) -> list[int]:
    """Fill one part after the other; what is wider than the room has a part to itself."""
    ends: list[int] = []
    used = 0
    for number, need in enumerate(needs):
        if number and used + need > room:
            ends.append(number)
            used = 0
        used += need
    return [*ends, len(needs)]


def _units(columns: Sequence[Column]) -> list[list[Column]]:
    """Return the columns that stay together; one without a group stays alone."""
    keyed = [(column.group or number, column) for number, column in enumerate(columns)]
    units = [[column for _, column in unit] for _, unit in groupby(keyed, key=lambda pair: pair[0])]
    return [_as_wide_as_its_group(unit) for unit in units]


def _as_wide_as_its_group(unit: list[Column]) -> list[Column]:
    """Widen the first column where all together are narrower than the name above them."""
    first = unit[0]
    # Several columns have a rule beside the name.
    name = len(first.group) + (2 if len(unit) > 1 else 0)
    lacking = name - sum(column.width for column in unit) - len(unit) + 1
    if lacking <= 0:
        return unit
    return [replace(first, name=first.pad(first.name).rjust(first.width + lacking)), *unit[1:]]


def _groups_line(columns: Sequence[Column], gap: int) -> str:
    """Return the line that names the groups, each above the middle of its columns."""
    spaces = " " * gap
    parts = []
    for unit in _units(columns):
        width = len(spaces.join(column.pad("") for column in unit))
        name = f" {unit[0].group} ".center(width, "-") if len(unit) > 1 else unit[0].group
        parts.append(name.rjust(width) if unit[0].group else " " * width)
    return spaces.join(parts).rstrip()


def _row(columns: Sequence[Column], row: int, gap: int) -> Text:
    line = Text()
    for number, column in enumerate(columns):
        text = column.cells[row]
        style = "dim" if number and text.lstrip().startswith("(") else ""
        line.append(" " * gap if number else "").append(column.pad(text), style=style)
    line.rstrip()
    return line
