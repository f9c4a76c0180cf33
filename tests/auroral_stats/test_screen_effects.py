"""The screen of effects and epochs: whole at 80 columns, with the numbers of the result."""

import io
import re

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from auroral_stats import screen_effects as screen
from auroral_stats import screen_epochs
from auroral_stats.epochs import epochs
from auroral_stats.folded_table import FoldedTable
from auroral_stats.gate import Gate
from auroral_stats.geoeffectiveness import geoeffectiveness
from auroral_stats.onsets import onsets_from_labels
from auroral_stats.screen_effects import ratio_text

LOOSE = Gate(min_nights=6, min_hours=1, min_winters=1, min_sites=1)
RATIOS = "Risk ratio of class to control [95 % interval]"
SHARES = "Minutes that exceed, in % [95 % interval]"
BASELINES = "Matched risk ratio by baseline [95 % interval]"


@pytest.fixture(scope="module")
def data(ground_data) -> xr.Dataset:
    return ground_data


@pytest.fixture(scope="module")
def results(data) -> dict[str, xr.Dataset]:
    few = ("site", "mlt", "newell")
    made = {
        "dB": geoeffectiveness(data, "dB", match=few, gate=LOOSE),
        "clear": geoeffectiveness(data, control="clear", gate=LOOSE),
        "nothing passes": geoeffectiveness(data, labels=("arc",)),
        "mediator": geoeffectiveness(data, match=("site", "newell"), mediator="AE", gate=LOOSE),
        "whole": geoeffectiveness(data, "dB", thresholds=(40.0,), match=("site",), gate=LOOSE),
    }
    assert 0 < int(made["dB"]["masked"].sum()) < made["dB"]["masked"].size
    assert made["nothing passes"]["masked"].all()
    return made


@pytest.fixture(scope="module")
def superposed(data) -> xr.Dataset:
    onsets = onsets_from_labels(data, separation=30)
    return epochs(data, onsets, ("dBdt", "SYM_H"), before=45, after=60, resamples=40)


def printed(*parts, width=80, encoding="utf-8") -> list[str]:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    console = Console(file=file, width=width, highlight=False)
    for part in parts:
        console.print(part)
    return raw.getvalue().decode(encoding).splitlines()


def lines_of(result, **options) -> list[str]:
    parts = (screen.describe_effects, screen.effect_tables, screen.effect_notes)
    return printed(*(piece for part in parts for piece in part(result)), **options)


def text_of(result) -> str:
    return " ".join(" ".join(lines_of(result)).split())


def tables_of(result) -> dict[str, FoldedTable]:
    return {table.title: table for table in screen.effect_tables(result)}


def cells_of(table) -> dict[tuple[str, str, str], str]:
    return {
        (name, column.group, column.name): cell
        for column in table.columns
        for name, cell in zip(table.names.cells, column.cells, strict=True)
    }


KINDS = ("dB", "clear", "nothing passes", "mediator", "whole")


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_wider_than_80_columns_or_folded(results, kind):
    lines = lines_of(results[kind])
    assert max(map(len, lines)) <= 80
    for table in screen.effect_tables(results[kind]):
        # crude and matched stand side by side
        assert table.parts(80) == 1, table.title
    ascii_lines = lines_of(results[kind], encoding="ascii")
    assert len(ascii_lines) == len(lines)


@pytest.mark.parametrize("kind", KINDS)
def test_ratios_are_those_of_the_result(results, kind):
    result = results[kind]
    cells = cells_of(tables_of(result)[RATIOS])
    for threshold in result["threshold"].to_numpy():
        for label in result["label"].to_numpy():
            cell = result.sel(label=label, threshold=threshold)
            row = f"{label} >= {threshold:g}"
            for heading, name in (("matched", "risk_ratio"), ("crude", "crude_risk_ratio")):
                text = cells[row, "", heading].strip()
                value = float(cell[name])
                if np.isnan(value):
                    assert text == "-"
                elif cell["masked"]:
                    assert text == f"({ratio_text(value)[0]})"
                else:
                    parts = [float(cell[f"{name}{end}"]) for end in ("", "_low", "_high")]
                    assert text.split(" ", 1) == list(ratio_text(*parts))
            for heading, name in (("class", "events"), ("control", "control_events")):
                number = cells[row, "events", heading].replace(",", "")
                assert int(number) == int(cell[name])


def test_shares_of_minutes_are_in_percent(results):
    result = results["dB"]
    cells = cells_of(tables_of(result)[SHARES])
    compared = 0
    for (row, group, heading), text in cells.items():
        label, _, threshold = row.split()
        name = f"{'crude_' * (group == 'crude')}{'control_' * (heading == 'control')}exceedance"
        cell = result.sel(label=label, threshold=float(threshold))
        assert text.strip().startswith("(") == bool(cell["masked"])
        numbers = re.findall(r"[\d.]+", text)
        digits = {len(number.partition(".")[2]) for number in numbers}
        assert len(digits) == 1
        wanted = [cell[name]]
        if not cell["masked"] and group == "matched":
            wanted += [cell[f"{name}_low"], cell[f"{name}_high"]]
        np.testing.assert_allclose(
            [float(n) for n in numbers], 100 * np.array(wanted), atol=0.501 * 10.0 ** -digits.pop()
        )
        compared += 1
    assert compared == 4 * result["masked"].size


def test_baselines_stand_beside_each_other_where_they_matter(results):
    result = results["dB"]
    table = tables_of(result)[BASELINES]
    assert [column.name for column in table.columns] == ["running", "day", "median"]
    ratios = cells_of(tables_of(result)[RATIOS])
    for (row, _, heading), text in cells_of(table).items():
        if heading == "running":
            assert text.split() == ratios[row, "", "matched"].split()
    assert BASELINES not in tables_of(results["clear"])


def test_balance_and_support_are_there(results):
    result = results["clear"]
    cells = cells_of(
        tables_of(result)["Balance: standardised mean differences before and after matching"]
    )
    assert len(cells) == 6 * 3 * 2
    for (name, label, when), text in cells.items():
        covariate = name.removesuffix(" (not matched)")
        assert (covariate == name) == result["matched"].sel(covariate=covariate)
        found = float(result["balance"].sel(covariate=covariate, label=label, when=when))
        assert float(text) == pytest.approx(found, abs=0.0051)
    support = cells_of(tables_of(result)["What they rest on"])
    for label in result["label"].to_numpy():
        one = result.sel(label=label)
        assert int(support[label, "class min", "all"].replace(",", "")) == int(one["minutes"])
        kept = int(support[label, "", "kept %"])
        assert kept == pytest.approx(100 * float(one["share_retained"]), abs=0.51)
        assert int(support[label, "", "strata"].replace(",", "")) == int(one["strata"])
        assert int(support[label, "", "nights"]) == int(one["nights"])
    shift = cells_of(tables_of(result)["Whole distribution, matched [95 % interval]"])
    for label in result["label"].to_numpy():
        one = result.sel(label=label)
        for column, group, name in (
            ("difference", "nT/s", "median_difference"),
            ("Cliff's delta", "", "cliffs_delta"),
        ):
            numbers = [float(n) for n in re.findall(r"-?[\d.]+", shift[label, group, column])]
            wanted = [float(one[f"{name}{end}"]) for end in ("", "_low", "_high")]
            np.testing.assert_allclose(numbers, wanted, atol=0.0006)


def test_what_it_is_stands_above_and_what_it_is_not_below(results):
    said = text_of(results["dB"])
    for part in (
        "SIMULATED DATA",
        "X: dB in nT, sqrt(dH^2 + dD^2), of 1 min means, running baseline; X at minute m",
        "control: the other auroral forms; matched by site, mlt, newell",
        "covariates end 10 min before the run of the form starts",
        "Sun <= -12; Moon down; jackknife interval",
        "An association: minutes of a form against minutes of the control",
        "What was not measured was not matched.",
        "Overlap population: arc, diffuse, discrete. Fewer than 80 %",
    ):
        assert part in said
    hidden = int(results["dB"]["masked"].sum())
    assert f"{hidden} rows are below the gate (" in said
    assert "Overlap population" not in text_of(results["whole"])
    assert "below the gate" not in text_of(results["whole"])
    assert "control: clear;" in text_of(results["clear"])
    real = results["dB"].assign_attrs(simulated="false")
    assert "SIMULATED" not in text_of(real)
    learnt = real.assign_attrs(model_trained_on="simulated frames")
    assert "labels by a model trained on simulated frames" in text_of(learnt)
    missing = real.assign_attrs(mag_without="rank: no file")
    assert "mag: rank: no file" in text_of(missing)


def test_a_mediator_analysis_says_so_first_and_last(results):
    lines = lines_of(results["mediator"])
    said = text_of(results["mediator"])
    assert lines[0].startswith("Mediator analysis (AE of the same minute held fixed)")
    assert "matched by site, newell, and AE of the same minute" in said
    assert "A mediator analysis: AE of the same minute is part of what is compared" in said


@given(st.lists(st.floats(1e-4, 1e5), min_size=3, max_size=3))
def test_a_ratio_is_written_with_about_three_digits(numbers):
    low, ratio, high = sorted(numbers)
    text, limits = ratio_text(ratio, low, high)
    assert len(f"{text} {limits}") <= 19
    for word, value in zip([text, *limits.strip("[]").split(",")], (ratio, low, high), strict=True):
        if word.startswith("<"):
            assert value < 0.005
        elif word.startswith(">"):
            assert value >= 999
        else:
            assert abs(float(word) - value) <= max(0.0051, 0.0051 * value)


def test_a_ratio_without_limits_has_none():
    assert ratio_text(np.nan) == ("-", "")
    assert ratio_text(0.0) == ("0.00", "")
    assert ratio_text(1.5, 1.2, np.nan) == ("1.50", "")


def epoch_lines(result) -> list[str]:
    parts = (screen_epochs.describe_epochs, screen_epochs.epoch_tables, screen_epochs.epoch_notes)
    return printed(*(piece for part in parts for piece in part(result)))


def test_epochs_are_whole_at_80_columns(superposed):
    lines = epoch_lines(superposed)
    assert max(map(len, lines)) <= 80
    assert all(table.parts(80) == 1 for table in screen_epochs.epoch_tables(superposed))
    said = " ".join(" ".join(lines).split())
    onsets = int(superposed.attrs["onsets"])
    for part in (
        "Superposed epochs of dBdt, SYM_H SIMULATED DATA",
        f"Onsets of discrete from labels: {onsets:,} onsets",
        "discrete for 60 s after 10 min of other usable forms",
        "less than 30 min after the last are dropped",
        "95 % of the means of 40 sets of random epochs of the same site, magnetic hour, month",
        "What leaves the band is associated with the onset.",
    ):
        assert part in said
    for name in ("dBdt", "SYM_H"):
        one = superposed.sel(of=name)
        beyond = (one["mean"] > one["band_high"]) | (one["mean"] < one["band_low"])
        assert f"{name}: the mean is outside the band at {int(beyond.sum())} of 106 lags" in said


def test_epochs_show_the_numbers_of_the_result(superposed):
    for table, name in zip(screen_epochs.epoch_tables(superposed), ("dBdt", "SYM_H"), strict=True):
        assert table.title == f"{name} in {'nT/s' if name == 'dBdt' else 'nT'}, 1 min data"
        cells = cells_of(table)
        assert table.names.cells[0] == "-45"
        assert table.names.cells[-1] == "+60"
        for lag in table.names.cells:
            one = superposed.sel(of=name, lag=int(lag))
            mean = [float(one[f"mean{end}"]) for end in ("", "_low", "_high")]
            numbers = [float(n) for n in re.findall(r"-?[\d.]+", cells[lag, "", "mean [95 %]"])]
            largest = abs(superposed.sel(of=name)["mean_high"]).max() + abs(mean[1])
            np.testing.assert_allclose(numbers, mean, atol=0.01 * float(largest))
            place = cells[lag, "", "mean is"]
            assert (place == "above") == (mean[0] > float(one["band_high"]))
            assert (place == "below") == (mean[0] < float(one["band_low"]))
            assert int(cells[lag, "", "onsets"]) == int(one["number"])


def test_without_a_band_nothing_is_said_of_it(data):
    made = epochs(data, onsets_from_labels(data), ("SYM_H",), before=5, after=5, resamples=0)
    said = " ".join(epoch_lines(made))
    assert "band" not in said
    assert "median" in said


def test_onsets_that_the_band_cannot_hold_are_counted(superposed):
    alone = " ".join(
        printed(*screen_epochs.epoch_notes(superposed.assign_attrs(onsets_without_place="2")))
    )
    assert "2 onsets are of a site and magnetic hour that no other night of the month has" in alone
    none = " ".join(
        printed(*screen_epochs.epoch_notes(superposed.assign_attrs(onsets_without_place="0")))
    )
    assert "no other night" not in none
