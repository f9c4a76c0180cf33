"""Reference pages made from the package itself: API, command line, drivers, sites, OMNI names.

The pages in ``reference/`` include what is written here into ``reference/generated/`` (tables and
the command line) and ``reference/api/`` (one page a room). Nothing is listed by hand, so a new
driver, option or room appears by itself. A room that is promised but cannot be imported is a
warning, which fails the build.
"""

from __future__ import annotations

import importlib
import inspect
import itertools
import pkgutil
import re
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
from sphinx.application import Sphinx
from sphinx.ext.autodoc.mock import mock
from sphinx.pycode import ModuleAnalyzer
from sphinx.util import logging

import auroral_stats
import classifier

logger = logging.getLogger(__name__)

# Headings for the kinds of drivers.
TITLES = {
    "solar wind": "Solar wind and coupling",
    "index": "Indices",
    "geometry": "Geometry",
    "site": "Site",
    "time": "Calendar",
}

# Modules that the command line reference describes instead.
NOT_API = {"cli", "__main__"}

# Packages whose functions are described, the title of each, and what a reader should know first.
PACKAGES = (
    (
        auroral_stats,
        "Python interface: auroral_stats",
        (
            "A room is imported on first use: ``import auroral_stats as aus`` and then, for example,",
            "``aus.drivers.newell(400.0, 0.0, -5.0)``. Times are UTC throughout, as NumPy datetime64;",
            "missing values are NaN.",
        ),
    ),
    (
        classifier,
        "Python interface: classifier",
        (
            "Rooms are imported by their names, for example ``from classifier import frames``. Times",
            "are UTC, stamped at the start of the exposure. Rooms that need torch, cdflib or AACGM",
            "load them when they are used.",
        ),
    ),
)

# What the documentation can do without: stand-ins are imported where one is not installed.
OPTIONAL = ("torch", "torchvision", "sklearn", "safetensors", "deflate", "isal", "PIL")


def markdown(text: object) -> str:
    """Escape what MyST would read as markup, but leave `code` alone and make --options code."""
    text = re.sub(r"(?<![`\w-])--[a-z][a-z-]*", r"`\g<0>`", str(text))
    pieces = re.split(r"(`[^`]+`)", text)
    escaped = [
        piece if piece.startswith("`") else re.sub(r"([\\*_<>\[\]{}$|#])", r"\\\1", piece)
        for piece in pieces
    ]
    return "".join(escaped)


def list_table(header: Sequence[str], rows: Iterable[Sequence[str]], name: str) -> str:
    """Return a MyST list-table; cells are single-line MyST already."""
    lines = [":::{list-table}", ":header-rows: 1", f":class: {name}", ""]
    for row in (header, *rows):
        for column, cell in enumerate(row):
            lines.append(f"{'* - ' if column == 0 else '  - '}{' '.join(cell.split())}".rstrip())
    return "\n".join([*lines, ":::", ""])


def number(value: float) -> str:
    return f"{value:.6g}".replace("-", "\N{MINUS SIGN}")


def unit(text: str) -> str:
    """Write powers as superscripts; a pure number has no unit."""
    raised = str.maketrans("-0123456789/.", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹ᐟ·")
    text = re.sub(r"\^\(?(-?[\d/]+)\)?", lambda match: match[1].translate(raised), text)
    return markdown(re.sub(r"\bdegrees?\b", "°", text))


# ---- drivers, sites, OMNI ----------------------------------------------------------------------


def edges_in_words(driver: Any) -> str:
    if driver.edges:
        edges = list(driver.edges)
        steps = {round(b - a, 4) for a, b in itertools.pairwise(edges)}
        if len(edges) > 3 and len(steps) == 1:
            return f"{number(edges[0])} to {number(edges[-1])} by {number(steps.pop())}"
        return ", ".join(number(edge) for edge in edges)
    if driver.categories:
        return ", ".join(str(category) for category in driver.categories)
    return "from the data"


def drivers_table() -> str:
    drivers = importlib.import_module("auroral_stats.drivers")
    kinds: dict[str, list[Any]] = {}
    for driver in drivers.DRIVERS.values():
        kinds.setdefault(driver.kind, []).append(driver)
    parts = []
    for kind, members in kinds.items():
        rows = [
            [
                f"`{driver.name}`",
                markdown(driver.long_name) + (f" ({unit(driver.units)})" if driver.units else ""),
                markdown(driver.source),
                edges_in_words(driver) + (", circular" if driver.circular else ""),
            ]
            for driver in members
        ]
        header = ["`--by`", "Quantity", "Definition or source", "Default bins"]
        parts += [f"## {TITLES[kind]}", "", list_table(header, rows, "drivers")]
    return "\n".join(parts)


def sites_table() -> str:
    table = importlib.import_module("auroral_stats.sites").load_sites()

    def text(value: Any) -> str:
        return "" if pd.isna(value) else str(value)

    rows = [
        [
            f"`{code}`",
            markdown(text(row["name"])),
            f"{row['latitude']:.3f}".replace("-", "\N{MINUS SIGN}"),
            f"{row['longitude']:.3f}".replace("-", "\N{MINUS SIGN}"),
            text(row["gmag_network"]),
            " ".join(f"`{value}`" for value in text(row["gmag"]).split()),
            " ".join(f"`{value}`" for value in text(row["gmag_alternate"]).split()),
        ]
        for code, row in table.iterrows()
    ]
    header = [
        "Code",
        "Name",
        "Latitude (°)",
        "Longitude (°)",
        "Magnetometer network",
        "Paired magnetometer",
        "Alternate",
    ]
    return list_table(header, rows, "sites")


def omni_table() -> str:
    registry = importlib.import_module("auroral_stats.omni").OMNI_VARIABLES
    variables = registry.values() if isinstance(registry, Mapping) else registry
    rows = [
        [
            f"`{variable.name}`",
            f"`{variable.cdf_name}`",
            markdown(variable.long_name),
            unit(variable.units) or "1",
            markdown(getattr(variable, "coordinate_system", None) or ""),
            f"{variable.fill:.10g}",
            markdown(", ".join(variable.products)),
        ]
        for variable in variables
    ]
    header = ["Our name", "Name in the CDF", "Quantity", "Unit", "System", "Fill", "Products"]
    return list_table(header, rows, "omni")


# ---- command line ------------------------------------------------------------------------------


def plain(text: str | None) -> str:
    """Help text without rich's style tags and click's rewrap marks."""
    text = inspect.cleandoc(text or "").replace("\b", "")
    return re.sub(r"\[/?(?:bold|dim|italic|cyan|green|red|yellow|i|b)[^\]]*\]", "", text)


def option_row(parameter: Any, context: Any) -> list[str] | None:
    """Return how the option is spelled, its default and its meaning, or None if it is hidden."""
    record = parameter.get_help_record(context)
    if record is None:
        return None
    spelled, meaning = record
    # <a|b> becomes a | b, which can be wrapped, and <int> becomes INT.
    spelled = re.sub(r"<([^>|]+)>", lambda match: match[1].upper(), spelled)
    spelled = re.sub(r"<([^>]+)>", lambda match: match[1].replace("|", " | "), spelled)
    # The record ends with notes such as [default: usable] and [required].
    note = re.search(r"(?:^|\s+)\[((?:default|required)[^\]]*)\]$", plain(meaning))
    meaning = plain(meaning)[: note.start()] if note else plain(meaning)
    notes = note[1] if note else ""
    default = notes.removeprefix("default: ")
    shown = f"`{default}`" if notes.startswith("default: ") else notes
    if getattr(parameter, "multiple", False):
        shown = "; ".join(filter(None, [shown, "may be repeated"]))
    return [f"`{spelled}`", shown, markdown(meaning)]


def command_section(command: Any, path: str, depth: int) -> Iterator[str]:
    context = command.context_class(command, info_name=path)
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"{'#' * depth} {path}\n"
    yield f"```text\n{path} {usage}\n```\n"
    for paragraph in plain(command.help).split("\n\n"):
        yield markdown(paragraph) + "\n"
    # Every command has --help; once is enough.
    rows = [row for p in command.get_params(context) if (row := option_row(p, context))]
    if depth > 2:
        rows = [row for row in rows if "--help" not in row[0]]
    if rows:
        yield list_table(["Option or argument", "Default", "Meaning"], rows, "cli-options")
    for name, child in getattr(command, "commands", {}).items():
        if not child.hidden:
            yield from command_section(child, f"{path} {name}", depth + 1)


def command_line(module: str, program: str) -> str:
    from typer.main import get_command

    command = get_command(importlib.import_module(module).app)
    return "\n".join(command_section(command, program, 2))


# ---- API ---------------------------------------------------------------------------------------


def offered_rooms(package: ModuleType) -> tuple[str, ...]:
    """Rooms that the package hands out as attributes."""
    return getattr(package, "_ROOMS", ())


def api_rooms(package: ModuleType) -> dict[str, ModuleType]:
    """Every public module: those offered as rooms, and those found beside them."""
    found = {m.name for m in pkgutil.iter_modules(package.__path__)}
    names = sorted((found | set(offered_rooms(package))) - NOT_API)
    rooms = {}
    for name in names:
        if name.startswith("_"):
            continue
        try:
            rooms[name] = importlib.import_module(f"{package.__name__}.{name}")
        except (ImportError, AttributeError, SyntaxError) as error:
            logger.warning(
                "%s.%s cannot be documented: %s: %s",
                package.__name__,
                name,
                type(error).__name__,
                error,
                type="reference_pages",
                subtype="room",
            )
    return rooms


def public_names(module: ModuleType) -> list[str]:
    """Return ``__all__``, or else what the module defines and, for constants, documents."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    analyzer = ModuleAnalyzer.for_module(module.__name__)
    analyzer.analyze()
    documented = {name for (scope, name) in analyzer.attr_docs if scope == ""}
    names = [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (name in documented or getattr(value, "__module__", None) == module.__name__)
    ]
    return sorted(names, key=lambda name: analyzer.tagorder.get(name, 0))


def homes(
    package: ModuleType, rooms: Mapping[str, ModuleType]
) -> tuple[dict[str, list[str]], dict[str, dict]]:
    """Return the names that each room documents, and those it leaves to another room.

    A name is documented once: in the room that defines it, or, if the defining module is not
    offered as a room, in the first room that offers it.
    """
    offered = [name for name in offered_rooms(package) if name in rooms]
    beside = [name for name in rooms if name not in offered]
    taken: dict[int, str] = {}
    here: dict[str, list[str]] = {}
    elsewhere: dict[str, dict[str, str]] = {}
    for room in [*offered, *beside]:
        module = rooms[room]
        here[room], elsewhere[room] = [], {}
        for name in public_names(module):
            if not hasattr(module, name):
                logger.warning(
                    "%s.%s.__all__ names %s, which is not there",
                    package.__name__,
                    room,
                    name,
                    type="reference_pages",
                    subtype="room",
                )
                continue
            value = getattr(module, name)
            home = taken.get(id(value))
            defined_in = str(getattr(value, "__module__", "")).removeprefix(f"{package.__name__}.")
            if callable(value) and defined_in in offered:
                home = defined_in
            # Small numbers and short strings are shared by the interpreter: not the same thing.
            if home in {None, room} or (isinstance(value, (str, int, float)) and home != room):
                here[room].append(name)
                taken[id(value)] = room
            else:
                elsewhere[room][name] = home
    return here, elsewhere


def is_alias(module: ModuleType, name: str) -> bool:
    """Whether the name is another name of a type, such as ``Period = tuple[...]``."""
    return isinstance(getattr(module, name), types.GenericAlias)


def alias_entry(module: ModuleType, name: str) -> list[str]:
    """Describe an alias by its own comment; autodoc would describe the type it stands for."""
    analyzer = ModuleAnalyzer.for_module(module.__name__)
    analyzer.analyze()
    comment = analyzer.attr_docs.get(("", name), [])
    value = str(getattr(module, name))
    return [f".. py:data:: {name}", f"   :value: {value}", "", *(f"   {c}" for c in comment), ""]


def room_page(
    room: str, module: ModuleType, names: Sequence[str], elsewhere: Mapping[str, str]
) -> str:
    full = module.__name__
    functions = [n for n in names if inspect.isroutine(getattr(module, n))]
    classes = [n for n in names if inspect.isclass(getattr(module, n)) and not is_alias(module, n)]
    constants = [n for n in names if n not in functions and n not in classes]
    lines = [
        room,
        "=" * len(room),
        "",
        f".. automodule:: {full}",
        "   :no-members:",
        "",
        f".. currentmodule:: {full}",
        "",
    ]
    for home in sorted(set(elsewhere.values())):
        those = ", ".join(f"``{name}``" for name, where in elsewhere.items() if where == home)
        lines += [f"Described in :doc:`{home}`: {those}.", ""]
    listed = [*functions, *classes]
    if listed:
        lines += [".. autosummary::", "   :nosignatures:", "", *(f"   {n}" for n in listed), ""]
    for title, members in (("Functions", functions), ("Classes", classes)):
        if members:
            lines += [title, "-" * len(title), ""]
        for name in members:
            directive = "autofunction" if title == "Functions" else "autoclass"
            lines += [f".. {directive}:: {name}", ""]
    if constants:
        lines += ["Constants", "---------", ""]
        for name in constants:
            value = getattr(module, name)
            if is_alias(module, name):
                lines += alias_entry(module, name)
                continue
            lines.append(f".. autodata:: {name}")
            if len(repr(value)) > 200:
                lines.append("   :no-value:")
            lines.append("")
    return "\n".join(lines)


def first_sentence(module: ModuleType) -> str:
    head = inspect.getdoc(module) or ""
    return " ".join(head.split("\n\n")[0].split())


def api_pages(package: ModuleType, title: str, head: Sequence[str]) -> dict[str, str]:
    rooms = api_rooms(package)
    here, elsewhere = homes(package, rooms)
    pages = {
        room: room_page(room, module, here[room], elsewhere[room]) for room, module in rooms.items()
    }
    lines = [title, "=" * len(title), "", *head, ""]
    offered = [room for room in pages if room in offered_rooms(package)]
    beside = [room for room in pages if room not in offered_rooms(package)]
    kinds = (
        [("Rooms", offered), ("Modules behind them", beside)] if offered else [("Rooms", beside)]
    )
    for heading, members in kinds:
        if not members:
            continue
        lines += [heading, "-" * len(heading), "", ".. list-table::", "   :class: rooms", ""]
        for room in members:
            lines += [f"   * - :doc:`{room}`", f"     - {first_sentence(rooms[room])}"]
        lines += ["", ".. toctree::", "   :hidden:", "", *(f"   {room}" for room in members), ""]
    return {"index": "\n".join(lines), **pages}


# ---- writing -----------------------------------------------------------------------------------


def write_if_changed(path: Path, text: str) -> None:
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def write_pages(app: Sphinx, _config: object) -> None:
    reference = Path(app.srcdir) / "reference"
    generated, api = reference / "generated", reference / "api"
    generated.mkdir(exist_ok=True)
    api.mkdir(exist_ok=True)
    makers = {
        "drivers": drivers_table,
        "sites": sites_table,
        "omni": omni_table,
        "auroral_stats": lambda: command_line("auroral_stats.cli", "auroral_stats"),
        "auroral_classifier": lambda: command_line("classifier.cli", "auroral_classifier"),
    }
    for name, make in makers.items():
        try:
            text = make()
        except (ImportError, AttributeError, SyntaxError) as error:
            logger.warning(
                "reference/generated/%s.md cannot be made: %s: %s",
                name,
                type(error).__name__,
                error,
                type="reference_pages",
                subtype="table",
            )
            text = ""
        write_if_changed(generated / f"{name}.md", text)
    for package, title, head in PACKAGES:
        folder = api / package.__name__
        folder.mkdir(exist_ok=True)
        with mock([name for name in OPTIONAL if find_spec(name) is None]):
            pages = api_pages(package, title, head)
        for name, text in pages.items():
            write_if_changed(folder / f"{name}.rst", text)
        for stale in {path.stem for path in folder.glob("*.rst")} - set(pages):
            (folder / f"{stale}.rst").unlink()


def setup(app: Sphinx) -> dict[str, bool]:
    # Before Sphinx looks for source files, so that new pages are found in the same build.
    app.connect("config-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
