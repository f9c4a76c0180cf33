"""The screen: whole at 80 columns, and the numbers of the result with one rule of digits."""

import io
import re

import aacgmv2
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from auroral_stats import screen
from auroral_stats.bins import bins_from_edges
from auroral_stats.drivers import DRIVERS
from auroral_stats.folded_table import Column, FewestParts, FoldedTable
from auroral_stats.headline import MIN_WEIGHT
from auroral_stats.join import join
from auroral_stats.labels import CLASSES
from auroral_stats.occurrence import Gate, occurrence
from auroral_stats.screen_rates import bin_names, decimals_of, rate_text
from auroral_stats.simulation.sample import open_sample
from auroral_stats.sites import load_sites

OPEN = Gate(0, 0, 0, 0)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return open_sample(tmp_path_factory.mktemp("sample") / "labels")


@pytest.fixture(scope="module")
def sample(store):
    """The simulated sample with its hourly solar wind."""
    wanted = ["Bz", "By", "Kp", "mlt", "clock_angle", "newell", "site"]
    return join(store, drivers=wanted, omni="hourly", offline=True)


@pytest.fixture(scope="module")
def results(sample, joined):
    everything = {"labels": CLASSES, "denominator": "all", "moon": "any"}
    return {
        "Bz": occurrence(sample, "Bz"),
        "Bz, all ours": occurrence(sample, "Bz", gate=OPEN),
        "six classes": occurrence(sample, "Bz", **everything),
        "arc": occurrence(sample, "Bz", labels=["arc"]),
        "reverse": occurrence(sample, "Bz", denominator="reverse"),
        "standardised": occurrence(sample, "Bz", standardise=["mlt", "site"]),
        "quantiles": occurrence(sample, "Bz", bins=[5]),
        "Kp": occurrence(sample, "Kp"),
        "clock_angle": occurrence(sample, "clock_angle"),
        "newell": occurrence(sample, "newell"),
        "site": occurrence(sample, "site"),
        "mlt and Bz": occurrence(sample, ["mlt", "Bz"], gate=Gate(8, 1, 1, 1)),
        "Bz and mlt": occurrence(sample, ["Bz", "mlt"], gate=Gate(8, 1, 1, 1)),
        "newell and mlt": occurrence(sample, ["newell", "mlt"]),
        "bands": occurrence(joined, "Bz", gate=Gate(4, 1, 1, 1)),
        "bands, one class": occurrence(joined, "Bz", labels=["arc"], gate=Gate(4, 1, 1, 1)),
        "nothing passes": occurrence(joined, "Bz", gate=Gate(500, 1, 1, 1)),
    }


KINDS = (
    "Bz",
    "six classes",
    "arc",
    "reverse",
    "standardised",
    "quantiles",
    "Kp",
    "clock_angle",
    "newell",
    "site",
    "mlt and Bz",
    "Bz and mlt",
    "newell and mlt",
    "bands",
    "bands, one class",
    "nothing passes",
)


def printed(*parts, width=80, encoding="utf-8") -> list[str]:
    """Lines as a pipe or a terminal of this width gets them, without colour."""
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    console = Console(file=file, width=width, highlight=False)
    for part in parts:
        console.print(part)
    return raw.getvalue().decode(encoding).splitlines()


def shown(result, width=80) -> list[str]:
    parts = (
        *screen.describe_result(result),
        *screen.rate_tables(result),
        *screen.notes_on(result),
    )
    return printed(*parts, width=width)


def tables_of(result) -> dict[str, FoldedTable]:
    parts = [part for part in screen.rate_tables(result) if isinstance(part, FoldedTable)]
    return {part.title: part for part in parts}


def cells_of(table: FoldedTable) -> dict[tuple[str, str, str], str]:
    """Cells by row, group and heading, without the blanks around them."""
    return {
        (name, column.group, column.name): cell.strip()
        for column in table.columns
        for name, cell in zip(table.names.cells, column.cells, strict=True)
    }


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_cut(results, kind, width):
    """Every cell of every table is on the screen, in its row, and no line is too long."""
    result = results[kind]
    lines = shown(result, width)
    assert max(map(len, lines)) <= width
    assert "…" not in "".join(lines)
    at = 0
    for table in screen.rate_tables(result):
        if isinstance(table, FewestParts):
            continue
        if not isinstance(table, FoldedTable):
            continue
        body = printed(table, width=width)
        assert not any(line.endswith("...") for line in body)
        for row, name in enumerate(table.names.cells):
            mine = [line for line in body if re.match(re.escape(name) + r"(\s|$)", line)]
            assert len(mine) == table.parts(width)
            written = " ".join(line[len(name) :] for line in mine).split()
            expected = " ".join(column.cells[row] for column in table.columns).split()
            assert written == expected
        at = lines.index(table.title, at)


@pytest.mark.parametrize("kind", ["Bz", "six classes", "reverse", "standardised", "quantiles"])
def test_rates_and_limits_are_those_of_the_result(results, kind):
    result = results[kind]
    (table,) = [t for title, t in tables_of(result).items() if title.startswith("Rate in %")]
    cells = cells_of(table)
    names = bin_names(result)
    count = 0
    for row, label in np.ndindex(result.sizes["bin"], result.sizes["label"]):
        part = result.isel(bin=row, label=label)
        if not int(part["nights"]):
            assert names[row] not in table.names.cells
            continue
        text = cells[names[row], "", str(part["label"].item())]
        assert text.startswith("(") == bool(part["masked"])
        numbers = [float(number) for number in re.findall(r"[\d.]+", text)]
        digits = {len(number.partition(".")[2]) for number in re.findall(r"[\d.]+", text)}
        assert len(digits) == 1, text
        expected = [part["rate"]] if part["masked"] else [part[n] for n in LIMITS]
        np.testing.assert_allclose(
            numbers, 100 * np.array(expected, dtype=float), atol=0.501 * 10.0 ** -digits.pop()
        )
        count += 1
    assert count > 20


LIMITS = ("rate", "ci_low", "ci_high")


@pytest.mark.parametrize("kind", ["Bz", "arc", "site"])
def test_what_the_rates_rest_on_is_shown(results, kind):
    result = results[kind]
    alone = result.sizes["label"] == 1
    title = "Rate of arc in % [95 % interval]" if alone else "What the rates rest on"
    cells = cells_of(tables_of(result)[title])
    for row, name in enumerate(bin_names(result)):
        part = result.isel(bin=row, label=0)
        if not int(part["nights"]):
            continue
        for variable, heading in (
            ("nights", "nights"),
            ("winters", "winters"),
            ("sites", "sites"),
            ("exposure", "frames"),
        ):
            assert int(cells[name, "", heading]) == int(part[variable])
        assert float(cells[name, "", "hours"]) == pytest.approx(
            float(part["usable_hours"]), abs=0.51
        )
        assert float(cells[name, "", "usable %"]) == pytest.approx(
            100 * float(part["availability"]), abs=0.51
        )


@pytest.mark.parametrize(
    ("kind", "beside"),
    [
        ("Bz", {"Moon": "rate_moon_any", "std": "rate_standardised"}),
        ("six classes", {"no Moon": "rate_moon_down"}),
        ("standardised", {"Moon": "rate_moon_any", "crude": "crude_rate"}),
        ("site", {"Moon": "rate_moon_any"}),
    ],
)
def test_the_other_rates_and_the_bounds_stand_beside_the_headline(results, kind, beside):
    result = results[kind]
    table = tables_of(result)["The same otherwise, in %"]
    cells = cells_of(table)
    passed = ~result["masked"].all("label").to_numpy()
    names = [name for name, some in zip(bin_names(result), passed, strict=True) if some]
    assert list(table.names.cells) == names
    assert {heading for _, _, heading in cells} == {*beside, "bounds"}
    for (name, label, heading), text in cells.items():
        part = result.isel(bin=bin_names(result).index(name)).sel(label=label)
        if part["masked"]:
            assert text == ""
        elif heading == "bounds":
            low, high = (float(number) for number in text.split("-"))
            assert low == pytest.approx(100 * float(part["bound_low"]), abs=0.51)
            assert high == pytest.approx(100 * float(part["bound_high"]), abs=0.51)
        elif heading == "std" and part["standardised_weight"] < MIN_WEIGHT:
            assert text == "-"
        else:
            assert float(text) == pytest.approx(100 * float(part[beside[heading]]), abs=0.51)
    assert f"{next(iter(beside))}: " in table.caption
    assert "bounds: share of all dark frames" in table.caption


def test_a_standardised_rate_of_another_mix_is_not_shown(results):
    result = results["Bz"].copy()
    weight = np.full(result.sizes["bin"], 0.79)
    result["standardised_weight"] = ("bin", weight)
    table = tables_of(result)["The same otherwise, in %"]
    assert "std" not in {column.name for column in table.columns}
    assert "not standardised: no bin holds 80 % of the mix of site and mlt" in table.caption
    first = int(np.flatnonzero(~result["masked"].all("label"))[0])
    weight[first + 1 :] = 1.0
    table = tables_of(result.assign(standardised_weight=("bin", weight)))[table.title]
    cells = cells_of(table)
    names = bin_names(result)
    assert cells[names[first], "arc", "std"] == "-"
    assert cells[names[first + 1], "arc", "std"] != "-"
    assert "(-: under 80 % of it seen)" in table.caption


def test_one_class_has_one_table(results):
    (table,) = tables_of(results["arc"]).values()
    assert table.parts(80) == 1
    assert {"nights", "usable %", "arc", "Moon", "std", "bounds"} <= {c.name for c in table.columns}


def test_bands_come_before_the_rate_that_mixes_them(results):
    result = results["bands"]
    titles = list(tables_of(result))
    assert titles[:3] == [
        "MLAT 62-70 deg: rate in % [95 % interval]",
        "MLAT >70 deg: rate in % [95 % interval]",
        "All bands pooled (mixes latitudes): rate in % [95 % interval]",
    ]
    cells = cells_of(tables_of(result)["What the rates rest on"])
    for row, name in enumerate(bin_names(result)):
        if int(result["nights"][row]):
            for band in ("62-70", ">70"):
                found = cells[name, f"MLAT {band}", "nights"]
                assert int(found) == int(result["band_nights"].sel(band=band)[row])
            assert int(cells[name, "all bands", "nights"]) == int(result["nights"][row])
    lines = shown(results["nothing passes"])
    assert "MLAT 62-70 deg: every rate is below the gate." in lines
    assert "The same otherwise, in %" not in lines


@pytest.mark.parametrize("kind", KINDS)
def test_rates_in_parentheses_are_counted(results, kind):
    lines = shown(results[kind])
    said = re.search(r"(\d+) rates? in parentheses", " ".join(lines))
    tables = [line for line in lines if not line.startswith("MLAT") and "IMF" not in line]
    body = " ".join(line for line in tables if re.match(r"[\[<>]|missing|\d|[a-z]{4} ", line))
    drawn = re.findall(r"\((?:<1|[\d.]+)\)", body)
    assert (int(said[1]) if said else 0) == len(drawn)


def test_no_word_of_parentheses_where_there_are_none(results):
    lines = shown(results["Bz, all ours"])
    assert "parentheses" not in " ".join(lines)
    assert "below the gate" not in " ".join(lines)
    one = results["Bz, all ours"].copy(deep=True)
    row = int(np.flatnonzero(one["nights"])[0])
    one["masked"][row, 0] = True
    one["reason"][row, 0] = "nights<20"
    assert "1 rate in parentheses is below the gate (nights<20): not results." in shown(one)


def test_a_map_is_turned_where_that_folds_less(results):
    """24 hours across do not fit beside each other in 80 columns; down they do."""
    along, turned = (
        next(part for part in screen.rate_tables(results[kind]) if isinstance(part, FewestParts))
        for kind in ("mlt and Bz", "Bz and mlt")
    )
    upright, sideways = printed(along), printed(turned)
    assert [line.replace("Bz", "") for line in upright] == [
        line.replace("Bz", "") for line in sideways
    ]
    assert upright[1] == "arc: rate in %; rows mlt, columns Bz (lower edge)"
    assert not any("continued" in line for line in upright)
    wide = printed(turned, width=250)
    assert wide[1] == "arc: rate in %; rows Bz, columns mlt (lower edge)"
    narrow = printed(along, width=40)
    assert any("continued" in line for line in narrow)
    assert max(map(len, narrow)) <= 60
    for lines in (upright, wide, narrow):
        numbers = sorted(re.findall(r"\(\d+\)", " ".join(lines)))
        assert numbers == sorted(re.findall(r"\(\d+\)", " ".join(sideways)))


def test_cells_of_a_map_are_those_of_the_result(results):
    result = results["mlt and Bz"]
    (maps,) = [part for part in screen.rate_tables(result) if isinstance(part, FewestParts)]
    rows, columns = (
        np.flatnonzero(result["nights"].sum(dim).to_numpy()) for dim in ("bin2", "bin")
    )
    for table, label in zip(maps.ways[0], result["label"].to_numpy(), strict=False):
        part = result.sel(label=label).isel(bin=rows, bin2=columns)
        written = np.array([[cell.strip() for cell in column.cells] for column in table.columns])
        passed = 0
        for (k, j), text in np.ndenumerate(written):
            rate = 100 * float(part["rate"].isel(bin=j, bin2=k))
            if np.isnan(rate):
                assert text == "-"
                continue
            assert text.startswith("(") == bool(part["masked"].isel(bin=j, bin2=k))
            number = text.strip("()")
            assert 0 < rate < 0.5 if number == "<1" else abs(float(number) - rate) <= 0.5
            passed += text.isdigit()
        assert passed
    nights = maps.ways[0][-1]
    assert nights.title.startswith("Nights; ")
    assert [int(cell) if cell != "-" else 0 for cell in nights.columns[0].cells] == (
        result["nights"].isel(bin=rows, bin2=columns[0]).to_numpy().tolist()
    )


def test_names_of_bins_are_short_and_tell_the_edges(results):
    names = bin_names(results["quantiles"])
    assert max(map(len, names)) <= 16
    assert len(set(names)) == len(names)
    assert bin_names(results["newell"])[:3] == ["< 0", "[0, 500)", "[500, 1000)"]
    assert bin_names(results["newell"])[-2:] == [">= 30000", "missing"]
    assert bin_names(results["clock_angle"])[-2] == "[157.5, 202.5)"
    assert bin_names(results["site"])[0] == "fsim"
    awkward = [-1.23456789, -1.23456788, 0.000123456, 12345.6789]
    edges = occurrence_like(awkward)
    inner = bin_names(edges)[1:-2]
    assert len(set(inner)) == 3
    read = [[float(n) for n in re.findall(r"-?[\d.]+", name)] for name in inner]
    np.testing.assert_allclose([pair[0] for pair in read], awkward[:-1], rtol=1e-3)


def occurrence_like(edges) -> xr.Dataset:
    bins = bins_from_edges(edges)
    return xr.Dataset(
        coords={
            "bin": list(bins.labels),
            "lower": ("bin", list(bins.lower)),
            "upper": ("bin", list(bins.upper)),
        }
    )


def test_kp_bins_are_called_by_their_kp(results):
    """1 holds 1-, 1 and 1+; the edges of the table stay numbers."""
    result = results["Kp"]
    assert result["bin"].to_numpy()[1:-2].tolist() == [str(k) for k in range(10)]
    np.testing.assert_array_equal(result["lower"][1:-2], np.arange(10) - 0.5)
    assert bin_names(result) == ["< -0.5", *map(str, range(10)), ">= 9.5", "missing"]


def test_own_kp_bins_are_called_by_their_edges(sample):
    result = occurrence(sample, "Kp", bins=[[0, 2, 4]])
    assert result["bin"].to_numpy().tolist() == ["below", "[0, 2)", "[2, 4)", "above", "missing"]


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_rate_and_its_limits_have_the_same_decimals(a, b, c):
    low, rate, high = sorted((a, b, c))
    text, limits = rate_text(rate, low, high)
    numbers = [text, *limits.strip("[]").split(",")]
    assert len({len(number.partition(".")[2]) for number in numbers}) == 1
    digits = len(text.partition(".")[2])
    for number, value in zip(numbers, (rate, low, high), strict=True):
        assert abs(float(number) - 100 * value) <= 0.5 * 10.0**-digits + 1e-9
    if rate >= 0.01:
        # From one percent on, never off by more than a twentieth of the rate.
        assert abs(float(text) - 100 * rate) <= 5 * rate + 1e-9
    assert decimals_of(100 * rate) <= 2


ALPHABET = st.text("abcdef0123456789[]", min_size=1, max_size=9)


@given(st.data(), st.integers(30, 120))
@settings(max_examples=80, deadline=None)
def test_a_folded_table_holds_every_cell_once(data, width):
    rows = data.draw(st.integers(1, 4))
    column = st.tuples(ALPHABET, st.lists(ALPHABET, min_size=rows, max_size=rows))
    groups = data.draw(st.lists(st.lists(column, min_size=1, max_size=3), min_size=1, max_size=6))
    columns = [
        Column(name, cells, f"g{k}" if len(group) > 1 else "")
        for k, group in enumerate(groups)
        for name, cells in group
    ]
    names = Column("row", [f"r{k}" for k in range(rows)], left=True)
    table = FoldedTable("Title", names, columns)
    lines = [line.plain for line in table.lines(width)]
    units = [sum(len(max([n, *c], key=len)) + 1 for n, c in group) for group in groups]
    assert max(map(len, lines)) <= max(width, 3 + max(units), len("Title, continued"))
    assert lines[0] == "Title"
    assert [line for line in lines[1:] if line.startswith("Title")] == ["Title, continued"] * (
        table.parts(width) - 1
    )
    for row in range(rows):
        mine = [line.split()[1:] for line in lines if line.split()[:1] == [f"r{row}"]]
        written = [cell for part in mine for cell in part]
        assert written == [cells[row] for group in groups for _, cells in group]
        # What belongs together is not torn apart.
        ends = np.cumsum([len(group) for group in groups])
        assert set(np.cumsum([len(part) for part in mine])) <= set(ends)
    assert table.parts(10_000) == 1


def test_a_terminal_without_lines_gets_hyphens(results):
    (table,) = tables_of(results["arc"]).values()
    lines = printed(table, encoding="ascii")
    assert "-" * 40 in lines[4 - 1] + lines[4]
    assert not re.search("[^ -~]", "".join(lines))


def test_drivers_are_listed_whole():
    table = screen.drivers_table()
    assert table.parts(80) == 1
    lines = printed(table)
    assert max(map(len, lines)) <= 80
    for name, driver in DRIVERS.items():
        (line,) = [line for line in lines if line.startswith(f"{name} ")]
        assert driver.label in line
    (kp,) = [line for line in lines if line.startswith("Kp ")]
    assert kp.endswith("0 to 9")
    assert any(line.startswith("E ") and "motional electric field" in line for line in lines)


def test_sites_are_listed_with_magnetic_latitude_and_midnight():
    table = screen.sites_table()
    lines = printed(table)
    assert max(map(len, lines)) <= 80
    assert "2015-01-01" in " ".join(lines)
    cells = cells_of(table)
    day = pd.Timestamp("2015-01-01")
    for code, site in load_sites().iterrows():
        clock = cells[code, "", "midnight"]
        hour, minute = map(int, clock.split(":"))
        when = day + pd.Timedelta(hours=hour, minutes=minute)
        mlat, _, mlt = aacgmv2.get_aacgm_coord(
            site["latitude"], site["longitude"], 110.0, when.to_pydatetime()
        )
        assert float(cells[code, "", "MLAT"]) == pytest.approx(mlat, abs=0.06)
        assert abs((mlt + 12) % 24 - 12) < 1.5 / 60, (code, clock, mlt)
    assert cells["yknf", "", "other"] == "ykc"


def test_a_store_is_listed_whole(store):
    lines = printed(*screen.store_table(store))
    assert max(map(len, lines)) <= 80
    total = sum(
        int(line.split()[-1].replace(",", ""))
        for line in lines
        if re.match(r"fsim|fsmi|gill|snkq", line)
    )
    (last,) = [line for line in lines if line.startswith("all ")]
    assert int(last.split()[-1].replace(",", "")) == total > 0
