"""Tables of occurrence rates for the terminal: the rates, what they rest on, and what moves them.

Rates are in percent. A rate and its limits have the same decimals, as many as the rate needs: none
from 10 % on, one below, two below 0.1 %. Rates below the gate stand in parentheses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

from auroral_stats.folded_table import Column, FewestParts, FoldedTable
from auroral_stats.provenance import parameters_of

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["bands_shown", "bin_names", "decimals_of", "rate_tables", "rate_text"]

_NO_VALUE = "-"


def rate_tables(result: xr.Dataset) -> Iterator[FoldedTable | FewestParts | Text]:
    """Yield what to print: rates by latitude band and pooled, then what they rest on.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`auroral_stats.occurrence.occurrence`.

    Yields
    ------
    FoldedTable, FewestParts or rich.text.Text
        For :meth:`rich.console.Console.print`, which folds them to its width.
    """
    if "bin2" in result.dims:
        yield from _maps(result)
        return
    alone = result.sizes["label"] == 1
    what = f"rate of {result['label'].item()}" if alone else "rate"
    for band in result["band"].to_numpy() if "band" in result.dims else ():
        title = f"MLAT {band} deg: {what} in % [95 % interval]"
        if str(band) not in bands_shown(result):
            yield Text(f"\nMLAT {band} deg: every rate is below the gate.")
            continue
        part = result.sel(band=band)
        support = _support(part, "band_", alone=alone)
        yield _by_bin(part, title, [*support, *_rates(part, "band_")], "band_")
    pooled = f"All bands pooled (mixes latitudes): {what}"
    if "band" not in result.dims:
        pooled = what[0].upper() + what[1:]
    title = f"{pooled} in % [95 % interval]"
    if alone:
        # One class leaves room for everything in one table.
        columns, caption = _others(result)
        every = [*_support(result, ""), *_rates(result), *columns]
        yield _by_bin(result, title, every, caption=caption)
        return
    yield _by_bin(result, title, [*_support(result, "", alone=False), *_rates(result)])
    yield _by_bin(result, "What the rates rest on", _every_support(result))
    columns, caption = _others(result)
    if columns:
        yield _by_bin(result, "The same otherwise, in %", columns, caption=caption)


def bands_shown(result: xr.Dataset) -> list[str]:
    """Return the latitude bands that have a table: those where some rate passes the gate."""
    if "band" not in result.dims or "bin2" in result.dims:
        return []
    passed = ~result["band_masked"].all(["bin", "label"]).to_numpy()
    return [str(band) for band in result["band"].to_numpy()[passed]]


def decimals_of(percent: float) -> int:
    """Return with how many decimals a rate in percent is written.

    Examples
    --------
    >>> [decimals_of(rate) for rate in (0.0, 0.04, 0.4, 9.94, 9.96, 42.0, 99.5, 100.0)]
    [0, 2, 1, 1, 0, 0, 1, 0]
    """
    if percent in {0.0, 100.0} or 9.95 <= percent <= 99:
        return 0
    return 1 if percent >= 0.095 else 2


def rate_text(rate: float, low: float = np.nan, high: float = np.nan) -> tuple[str, str]:
    """Return a rate in percent, and its limits in brackets with the same decimals.

    Parameters
    ----------
    rate, low, high : float
        As fractions; NaN limits give an empty second text.

    Examples
    --------
    >>> rate_text(0.123, 0.101, 0.15), rate_text(0.004, 0.001, 0.0093), rate_text(0, 0, 0.031)
    (('12', '[10,15]'), ('0.4', '[0.1,0.9]'), ('0.0', '[0.0,3.1]'))
    """
    percent = 100 * rate
    # No event in many frames: the upper limit says how finely zero is known.
    digits = decimals_of(percent if percent > 0 or np.isnan(high) else 100 * high)
    text = f"{percent:.{digits}f}"
    if np.isnan(low) or np.isnan(high):
        return text, ""
    return text, f"[{100 * low:.{digits}f},{100 * high:.{digits}f}]"


def bin_names(result: xr.Dataset, suffix: str = "") -> list[str]:
    """Return the names of the bins for a screen: edges with the digits that tell them apart.

    Parameters
    ----------
    result : xarray.Dataset
    suffix : {"", "2"}
        Of which driver.

    Returns
    -------
    list of str
        One for each bin: ``[a, b)`` with short numbers, ``< a`` and ``>= b`` for what lies
        outside; other names as they are.
    """
    names = [str(name) for name in result[f"bin{suffix}"].to_numpy()]
    lower, upper = (result[f"{end}{suffix}"].to_numpy() for end in ("lower", "upper"))
    edges = np.concatenate([lower, upper])
    edges = np.unique(edges[np.isfinite(edges)])
    number = dict(zip(edges.tolist(), _short_numbers(edges), strict=True))
    for row, name in enumerate(names):
        if name.startswith("["):
            names[row] = f"[{number[lower[row]]}, {number[upper[row]]})"
        elif np.isneginf(lower[row]):
            names[row] = f"< {number[upper[row]]}"
        elif np.isposinf(upper[row]):
            names[row] = f">= {number[lower[row]]}"
    return names


def _short_numbers(edges: NDArray[np.float64]) -> list[str]:
    """Return increasing numbers in few digits that still tell them apart."""
    exact = [f"{edge:.10g}" for edge in edges]
    if all(len(text.lstrip("-")) <= 6 for text in exact):
        return exact
    for digits in range(4, 17):
        short = [f"{float(f'{edge:.{digits}g}'):.10g}" for edge in edges]
        if len(set(short)) == len(short):
            return short
    return exact


def _by_bin(
    result: xr.Dataset,
    title: str,
    columns: Sequence[Column],
    prefix: str = "",
    caption: str = "",
) -> FoldedTable:
    """Return a table of the bins that hold anything; columns are given for all bins."""
    held = result[f"{prefix}nights"].to_numpy() > 0
    filled = np.any([[bool(cell) for cell in column.cells] for column in columns], axis=0)
    rows, names = np.flatnonzero(held & filled).tolist(), bin_names(result)

    def kept(column: Column) -> Column:
        cells = [column.cells[row] for row in rows]
        return Column(column.name, cells, column.group, column.left)

    first = Column(result.attrs["driver"], [names[row] for row in rows], left=True)
    return FoldedTable(title, first, [kept(column) for column in columns], caption)


def _rates(result: xr.Dataset, prefix: str = "") -> list[Column]:
    """Return a column for each class, rates below each other and limits below each other."""
    columns = []
    for label in result["label"].to_numpy():
        part = result.sel(label=label)
        rate, low, high, masked = (
            part[f"{prefix}{name}"].to_numpy() for name in ("rate", "ci_low", "ci_high", "masked")
        )
        texts = [rate_text(*three) for three in zip(rate, low, high, strict=True)]
        first = max((len(text) for text, _ in texts), default=0)
        last = max((len(limits) for _, limits in texts), default=0)
        cells = []
        for (text, limits), value, below in zip(texts, rate, masked, strict=True):
            if np.isnan(value):
                cells.append(_NO_VALUE.rjust(first + 1))
            elif below:
                cells.append(f"({text})".rjust(first + 2))
            else:
                cells.append(f" {text.rjust(first)} {limits.ljust(last)}".rstrip())
        columns.append(Column(str(label), cells, left=True))
    return columns


#: What rates rest on, and its heading.
_SUPPORT = {
    "nights": "nights",
    "winters": "winters",
    "sites": "sites",
    "usable_hours": "hours",
    "exposure": "frames",
    "availability": "usable %",
}


def _support(
    result: xr.Dataset, prefix: str, group: str = "", *, alone: bool = True
) -> list[Column]:
    """Return what the rates rest on; nights only where they share a table with many rates."""
    columns = []
    for variable, name in _SUPPORT.items():
        if f"{prefix}{variable}" not in result or not (alone or variable == "nights"):
            continue
        values = result[f"{prefix}{variable}"]
        if variable == "exposure":
            if parameters_of(result.attrs)["denominator"] == "reverse":
                continue
            values = values.isel(label=0)
        numbers = values.to_numpy().astype(float)
        if variable == "availability":
            cells = [_NO_VALUE if np.isnan(n) else f"{100 * n:.0f}" for n in numbers]
        elif variable == "usable_hours":
            cells = [f"{n:.1f}" if 0 < n < 9.95 else f"{n:.0f}" for n in numbers]
        else:
            cells = [f"{n:.0f}" for n in numbers]
        columns.append(Column(name, cells, group))
    return columns


def _every_support(result: xr.Dataset) -> list[Column]:
    """Return what the rates rest on, in each latitude band and in all."""
    if "band" not in result.dims:
        return _support(result, "")
    columns = []
    for band in bands_shown(result):
        columns += _support(result.sel(band=band), "band_", f"MLAT {band}")
    return [*columns, *_support(result, "", "all bands")]


def _others(result: xr.Dataset) -> tuple[list[Column], str]:
    """Return for each class the rates that stand beside the headline, and what they are."""
    # Heavy, and of no use to the listings.
    from auroral_stats.headline import MIN_WEIGHT

    shown = ~result["masked"] & result["rate"].notnull()
    if not shown.any():
        return [], ""
    chosen = parameters_of(result.attrs)
    found: dict[str, xr.DataArray] = {}
    if chosen["moon"] == "down":
        found["Moon"] = result["rate_moon_any"]
        said = ["Moon: moonlit minutes included"]
    else:
        found["no Moon"] = result["rate_moon_down"]
        said = ["no Moon: Moon down or less than 30 % lit"]
    if "crude_rate" in result:
        found["crude"] = result["crude_rate"]
        said.append("crude: not standardised")
    elif "rate_standardised" in result:
        seen = result["standardised_weight"] >= MIN_WEIGHT
        strata = result["rate_standardised"].attrs.get("strata", "site, mlt").replace(", ", " and ")
        enough = f"{100 * MIN_WEIGHT:.0f} %"
        if (shown & seen).any():
            found["std"] = result["rate_standardised"].where(seen)
            few = "" if (seen | ~shown).all() else f" ({_NO_VALUE}: under {enough} of it seen)"
            said.append(f"std: at one fixed mix of {strata}{few}")
        else:
            said.append(f"not standardised: no bin holds {enough} of the mix of {strata}")
    bounded = chosen["denominator"] != "reverse"
    if bounded:
        said.append(
            "bounds: share of all dark frames if each frame lost to cloud or moonlight lacked, "
            "or was, the class"
        )
    columns = []
    for label in result["label"].to_numpy():
        passed = shown.sel(label=label).to_numpy()
        group = str(label) if result.sizes["label"] > 1 else ""
        for name, values in found.items():
            cells = _beside(values.sel(label=label).to_numpy(), passed)
            columns.append(Column(name, cells, group))
        if bounded:
            low, high = (
                result[f"bound_{end}"].sel(label=label).to_numpy() for end in ("low", "high")
            )
            columns.append(Column("bounds", _bounds(low, high, passed), group))
    if (~shown & (result["nights"] > 0)).any():
        said.append("below the gate: left out")
    return columns, f"{'; '.join(said)}."


def _beside(values: NDArray[np.float64], passed: NDArray[np.bool_]) -> list[str]:
    return [
        "" if not some else _NO_VALUE if np.isnan(value) else rate_text(value)[0]
        for value, some in zip(values, passed, strict=True)
    ]


def _bounds(
    low: NDArray[np.float64], high: NDArray[np.float64], passed: NDArray[np.bool_]
) -> list[str]:
    cells = []
    for lowest, highest, some in zip(100 * low, 100 * high, passed, strict=True):
        digits = decimals_of(highest) if some else 0
        cells.append(f"{lowest:.{digits}f}-{highest:.{digits}f}" if some else "")
    return cells


def _maps(result: xr.Dataset) -> Iterator[FoldedTable | FewestParts | Text]:
    """Yield a map of each class in whole percent, turned where that folds less, and of nights."""
    rows, columns = (
        np.flatnonzero(result["nights"].sum(dim).to_numpy()) for dim in ("bin2", "bin")
    )
    part = result.isel(bin=rows, bin2=columns)
    maps: list[tuple[FoldedTable, FoldedTable]] = []
    for label in part["label"].to_numpy():
        rate, masked = (
            part[name].sel(label=label).transpose("bin", "bin2").to_numpy()
            for name in ("rate", "masked")
        )
        cells = [
            [_map_cell(*cell) for cell in zip(*line, strict=True)]
            for line in zip(rate, masked, strict=True)
        ]
        maps.append(_map(part, f"{label}: rate in %", cells))
    nights = part["nights"].transpose("bin", "bin2").to_numpy()
    cells = [[str(int(n)) if n else _NO_VALUE for n in line] for line in nights]
    maps.append(_map(part, "Nights", cells))
    yield FewestParts(list(zip(*maps, strict=True)))
    yield Text("Intervals, hours, bounds and the other Moon rule: --json or --nc.", style="dim")


def _map_cell(rate: float, masked: bool) -> str:
    if np.isnan(rate):
        return _NO_VALUE
    text = "<1" if 0 < rate < 0.005 else f"{100 * rate:.0f}"
    return f"({text})" if masked else f"{text} "


def _map(
    part: xr.Dataset, title: str, cells: Sequence[Sequence[str]]
) -> tuple[FoldedTable, FoldedTable]:
    """Return a map as it is and turned; the heading of a column is the lower edge of its bin."""
    tables = []
    for down, across, lines in (("", "2", cells), ("2", "", list(zip(*cells, strict=True)))):
        driver, other = part.attrs[f"driver{down}"], part.attrs[f"driver{across}"]
        starts = _starts(part, across)
        edges = " (lower edge)" if starts != bin_names(part, across) else ""
        columns = [
            Column(f"{start} " if cells[0][0].endswith((" ", ")")) else start, column)
            for start, column in zip(starts, zip(*lines, strict=True), strict=True)
        ]
        names = Column(driver, bin_names(part, down), left=True)
        tables.append(
            FoldedTable(f"{title}; rows {driver}, columns {other}{edges}", names, columns)
        )
    return tables[0], tables[1]


def _starts(part: xr.Dataset, suffix: str) -> list[str]:
    """Return the bins by their lower edges: the rest of a bin is in the next heading."""
    return [
        name.removeprefix("[").split(",")[0].replace(" ", "") for name in bin_names(part, suffix)
    ]
