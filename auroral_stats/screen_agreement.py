"""Agreement of two label stores as a reader sees it in a terminal, in 80 columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from rich.text import Text

from auroral_stats.folded_table import Column, FoldedTable
from auroral_stats.provenance import parameters_of
from auroral_stats.screen_effects import INTERVAL_NOTES, heading
from auroral_stats.screen_rates import rate_text

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["agreement_notes", "agreement_tables", "describe_agreement", "kappa_text"]

_NO_VALUE = "-"


def kappa_text(value: float, low: float = np.nan, high: float = np.nan) -> tuple[str, str]:
    """Return kappa, and its limits in brackets.

    Parameters
    ----------
    value, low, high : float
        NaN limits give an empty second text.

    Examples
    --------
    >>> kappa_text(0.5121, 0.4645, 0.5568), kappa_text(-0.02), kappa_text(float("nan"))
    (('0.51', '[0.46,0.56]'), ('-0.02', ''), ('-', ''))
    """
    if np.isnan(value):
        return _NO_VALUE, ""
    limits = "" if np.isnan(low) or np.isnan(high) else f"[{low:.2f},{high:.2f}]"
    return f"{value:.2f}", limits


def _percent(value: float, low: float = np.nan, high: float = np.nan) -> tuple[str, str]:
    return (_NO_VALUE, "") if np.isnan(value) else rate_text(value, low, high)


def describe_agreement(result: xr.Dataset) -> Iterator[Text]:
    """Yield the lines above the tables: what was compared, and how far it agrees.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`auroral_stats.agreement.agreement`.

    Yields
    ------
    rich.text.Text
    """
    attrs, chosen = result.attrs, parameters_of(result.attrs)
    yield from heading(result)
    for end in ("a", "b"):
        trained = attrs.get(f"model_trained_on_{end}")
        said = f", trained on {trained}" if trained else ""
        yield Text(f"{end.upper()}: {attrs[f'name_{end}']}{said}, in {attrs[f'store_{end}']}")
    every = result.isel(group=0)
    seconds = chosen["tolerance"]
    within = f"nearest within {seconds:g} s" if seconds else "equal to the ms"
    nights = int(every["nights"])
    yield Text(
        f"{int(every['frames']):,} frames compared, {within}; {nights} night{'s' * (nights != 1)}, "
        f"{attrs['first_night']} to {attrs['last_night']}"
    )
    others = {"in A alone": "alone_a", "in B alone": "alone_b"}
    if chosen["classes"] == "usable":
        others["left out, cloudy or moon by either"] = "left_out"
    yield Text("not compared: " + "; ".join(f"{int(every[n]):,} {t}" for t, n in others.items()))
    rate = " ".join(_percent(*_with_limits(every, "agreement")))
    chance, _ = _percent(float(every["chance"]))
    value = " ".join(kappa_text(*_with_limits(every, "kappa")))
    yield Text(
        f"agreement {rate.strip()} %, by chance {chance} %; kappa {value.strip()}", style="bold"
    )


def _with_limits(one: xr.Dataset, name: str) -> tuple[float, float, float]:
    return float(one[name]), float(one[f"{name}_low"]), float(one[f"{name}_high"])


def agreement_tables(result: xr.Dataset) -> Iterator[FoldedTable]:
    """Yield what to print: the matrix in frames and in shares, the classes, and each grouping.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`auroral_stats.agreement.agreement`.

    Yields
    ------
    FoldedTable
        For :meth:`rich.console.Console.print`, which folds them to its width.
    """
    every = result.isel(group=0)
    counts = every["counts"].to_numpy()
    classes = [str(name) for name in result["label"].to_numpy()]
    names, totals = [*classes, "all"], counts.sum(axis=0)
    columns = [
        Column(name, [f"{n:,}" for n in (*counts[:, place], totals[place])], "B")
        for place, name in enumerate(classes)
    ]
    columns.append(Column("all", [f"{n:,}" for n in (*counts.sum(axis=1), counts.sum())]))
    yield FoldedTable("Frames: rows A, columns B", Column("A", names, left=True), columns)
    share = every["share"].to_numpy()
    of_all = totals / counts.sum()
    columns = [
        Column(name, [_percent(x)[0] for x in (*share[:, place], of_all[place])], "B")
        for place, name in enumerate(classes)
    ]
    yield FoldedTable("The same in % of the row", Column("A", names, left=True), columns)
    limits = [_percent(*_with_limits(every.sel(label=name), "class_agreement")) for name in classes]
    yield FoldedTable(
        "Agreement on each class (F1)",
        Column("class", classes, left=True),
        [
            Column("%", [text for text, _ in limits], "agreement"),
            Column("95 %", [text for _, text in limits], "agreement", left=True),
            Column("A", [f"{n:,}" for n in counts.sum(axis=1)], "frames"),
            Column("B", [f"{n:,}" for n in totals], "frames"),
        ],
    )
    for by in dict.fromkeys(map(str, result["by"].to_numpy()[1:])):
        yield _groups(result.isel(group=result["by"].to_numpy() == by), by)


def _groups(part: xr.Dataset, by: str) -> FoldedTable:
    """Return the table of one grouping."""
    ones = [part.isel(group=number) for number in range(part.sizes["group"])]
    rates = [_percent(*_with_limits(one, "agreement")) for one in ones]
    values = [kappa_text(*_with_limits(one, "kappa")) for one in ones]

    def numbers(name: str) -> list[str]:
        return [f"{int(n):,}" for n in part[name].to_numpy()]

    return FoldedTable(
        f"By {by}",
        Column(by, [str(value) for value in part["value"].to_numpy()], left=True),
        [
            Column("frames", numbers("frames")),
            Column("nights", numbers("nights")),
            Column("%", [text for text, _ in rates], "agreement"),
            Column("95 %", [text for _, text in rates], "agreement", left=True),
            Column("kappa", [text for text, _ in values], "beyond chance"),
            Column("95 %", [text for _, text in values], "beyond chance", left=True),
            Column("A", numbers("alone_a"), "alone in"),
            Column("B", numbers("alone_b"), "alone in"),
        ],
    )


def agreement_notes(result: xr.Dataset) -> Iterator[Text]:
    """Yield what a reader must know about the numbers above.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`auroral_stats.agreement.agreement`.

    Yields
    ------
    rich.text.Text
    """
    without = (result["kappa"].notnull() & result["kappa_low"].isnull()).to_numpy()
    if without.any():
        yield Text(
            "No limits: fewer than three nights, or all of the agreement or of the disagreement "
            "beyond chance rests on one."
        )
    if result["kappa"].isnull().any():
        yield Text("No kappa: no frames, or both labels are of one and the same class throughout.")
    yield Text(INTERVAL_NOTES["jackknife"], style="dim")
