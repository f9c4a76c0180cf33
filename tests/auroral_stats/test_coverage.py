"""How often intervals hold a known truth, through the study that the documentation publishes."""

import importlib.util
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from auroral_stats import uncertainty
from auroral_stats.bins import bins_from_edges
from auroral_stats.drivers import DRIVERS
from auroral_stats.errors import DataError
from auroral_stats.intervals import rate_interval
from auroral_stats.labels import CLASSES
from auroral_stats.nights import NightCells
from auroral_stats.occurrence import OccurrenceOptions, occurrence_of_cells
from auroral_stats.pairing import Pairing
from auroral_stats.simulation import worlds as simulation
from auroral_stats.simulation.coverage import MEASURED, by_night, coverage, reported, setting
from auroral_stats.simulation.pages import write_between
from auroral_stats.simulation.worlds import SCENARIOS, simulate_worlds

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "analyses" / "coverage_study.py"
PAGE = ROOT / "docs" / "explanation" / "coverage.md"

#: The bins of a world, and a value of the driver in each.
EDGES = (-1.5, -0.75, -0.25, 0.25, 0.75, 1.5)
INSIDE = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0)


@pytest.fixture(scope="module")
def study():
    spec = importlib.util.spec_from_file_location("coverage_study", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lower_bound(held, shown, confidence):
    """Return the Clopper-Pearson lower limit of coverage measured ``held`` times of ``shown``."""
    return stats.beta.ppf(1 - confidence, held, shown - held + 1)


def worlds_of(scenario, nights, worlds, seed):
    return simulate_worlds(
        SCENARIOS[scenario], worlds=worlds, nights=nights, seed=(seed, nights, scenario)
    )


@pytest.mark.parametrize(("scenario", "nights"), [(1, 45), (3, 90)])
def test_silent_error_2_iid_intervals_in_few_worlds(study, scenario, nights):
    made = worlds_of(scenario, nights, 300, 1)
    default = coverage(made)
    assert 0.93 < default.mean < 0.985
    assert default.lowest > 0.90
    assert default.error < 0.011
    assert coverage(made, "clopper").mean < 0.15
    assert coverage(made, "bootstrap").mean < default.mean - 0.04


@pytest.mark.slow
def test_silent_error_2_iid_intervals(study):
    """1,000 worlds of each kind: the default covers the truth, frames as independent do not."""
    found, doubtful, rare = {}, [], np.zeros(2)
    for nights in (45, 90, 150):
        for scenario in range(len(SCENARIOS)):
            made = worlds_of(scenario, nights, 1000, 0)
            row = {
                method: coverage(made, method, seed=nights)
                for method in ("jackknife", "bootstrap", "cluster", "clopper", "jeffreys")
            }
            default = row["jackknife"]
            # Every cell that the gate lets through has an interval.
            np.testing.assert_array_equal(default.shown, reported(made).sum(axis=0))
            for cell, (held, shown) in enumerate(zip(default.held, default.shown, strict=True)):
                if shown < 1000 * MEASURED:
                    rare += held, shown
                elif lower_bound(held, shown, 0.99) < 0.92:
                    doubtful.append((nights, scenario, cell))
            found[nights, scenario] = row
    mean = {method: np.mean([row[method].mean for row in found.values()]) for method in row}
    error = np.sqrt(sum(row["jackknife"].error ** 2 for row in found.values())) / len(found)
    assert error < 0.0015
    assert 0.94 + 3 * error < mean["jackknife"] < 0.97 - 3 * error
    assert min(row["jackknife"].lowest for row in found.values()) >= 0.92
    # 74 of 84 cells are reported often enough to be measured one by one; the rest together.
    assert sum(row["jackknife"].cells for row in found.values()) >= 70
    assert rare[1] > 300
    assert rare[0] / rare[1] >= 0.92
    # Frames are not independent, and nights are too few and too alike for the bootstrap.
    for method, limit in (("clopper", 0.12), ("jeffreys", 0.12), ("bootstrap", 0.92)):
        assert max(row[method].mean for row in found.values()) < limit
    assert mean["cluster"] < 0.88
    assert mean["bootstrap"] < 0.88
    # 1,000 worlds cannot tell 91.9 % from 92.5 %: what they leave in doubt is measured again.
    assert 0 < len(doubtful) < 15
    for nights, scenario in sorted({cell[:2] for cell in doubtful}):
        held, shown = np.zeros((2, 7))
        for seed in (100, 101):
            again = coverage(worlds_of(scenario, nights, 6000, seed))
            held, shown = held + again.held, shown + again.shown
        for cell in [cell for *row, cell in doubtful if row == [nights, scenario]]:
            assert lower_bound(held[cell], shown[cell], 0.99) > 0.92, (nights, scenario, cell)


def long_winters(scenario, winters, length, worlds, seed):
    return simulate_worlds(
        SCENARIOS[scenario],
        worlds=worlds,
        nights=winters * length,
        winters=winters,
        seed=(seed, winters, length, scenario),
    )


def test_blocks_of_27_nights_see_recurrence_in_long_winters():
    made = long_winters(2, 4, 150, 300, 8)
    default = coverage(made)
    with setting("BLOCKS", {9: 3}):
        without = coverage(made)
    assert 0.94 < default.mean < 0.98
    assert default.lowest > 0.90
    assert default.mean > without.mean + 0.005
    assert default.width > 1.03 * without.width
    # They can only widen an interval, and short winters do not have enough of them.
    short = worlds_of(2, 150, 50, 8)
    found = rate_interval(*by_night(short), short.night)
    with setting("BLOCKS", {9: 3}):
        np.testing.assert_array_equal(rate_interval(*by_night(short), short.night), found)


@pytest.mark.slow
@pytest.mark.parametrize("scenario", range(len(SCENARIOS)))
@pytest.mark.parametrize(("winters", "length"), [(3, 120), (4, 150), (6, 150)])
def test_silent_error_2_long_winters(scenario, winters, length):
    """Every cell is measured here: 3,000 worlds tell 92 % from 93.3 %."""
    found = coverage(long_winters(scenario, winters, length, 3000, 9))
    assert found.cells == 7
    assert 0.94 < found.mean < 0.98
    for held, shown in zip(found.held, found.shown, strict=True):
        assert lower_bound(held, shown, 0.99) > 0.92


@pytest.mark.slow
@pytest.mark.parametrize(("winters", "length"), [(4, 60), (6, 25), (6, 60)])
def test_climatological_interval_is_for_all_winters(study, winters, length):
    found = {"jackknife": [], "climatological": []}
    for number, scenario in enumerate(SCENARIOS):
        made = simulate_worlds(
            scenario, worlds=500, nights=winters * length, winters=winters, seed=(2, length, number)
        )
        for method, rows in found.items():
            targets = (made.truth, made.climate, made.other_truth)
            rows.append([coverage(made, method, truth) for truth in targets])
    observed, climate, another = (
        {m: np.mean([row[k].mean for row in rows]) for m, rows in found.items()} for k in range(3)
    )
    assert 0.94 < observed["jackknife"] < 0.975
    assert 0.93 < climate["climatological"] < 0.975
    assert min(row[1].lowest for row in found["climatological"]) > 0.90
    # Neither promises to hold what one more winter will bring.
    assert another["jackknife"] < another["climatological"] < 0.90
    # The better these winters are known, the less their interval says of all.
    if length == 60:
        assert climate["jackknife"] < 0.925
        assert another["jackknife"] < 0.75


def test_climatological_interval_needs_four_winters(study):
    made = worlds_of(0, 90, 20, 3)
    assert coverage(made).shown.sum() > 100
    low, high = rate_interval(*by_night(made), made.night, method="climatological")
    assert np.isnan([low, high]).all()


def cells_of(events, exposure, night):
    """Return one world, (night, bin, hour), as the cells that ``occurrence`` works on."""
    bins = bins_from_edges(EDGES)
    at_night, at_bin, hour = np.nonzero(exposure)
    counts = np.zeros((at_night.size, len(CLASSES)), dtype=np.int64)
    counts[:, CLASSES.index("arc")] = events[at_night, at_bin, hour]
    counts[:, CLASSES.index("clear")] = (exposure - events)[at_night, at_bin, hour]
    data = xr.Dataset(
        {
            "counts": (("cell", "label"), counts),
            "minutes": ("cell", exposure[at_night, at_bin, hour] // 20),
            "usable_minutes": ("cell", exposure[at_night, at_bin, hour] // 20),
            "night_index": ("cell", at_night.astype(np.int32)),
            "site_index": ("cell", np.zeros(at_night.size, dtype=np.int16)),
            "mlt_hour": ("cell", hour.astype(np.int8)),
            "bin_index": ("cell", bins.index(INSIDE)[at_bin].astype(np.int32)),
            "moonlit": ("cell", np.zeros(at_night.size, dtype=bool)),
        },
        coords={"night": night.astype("M8[ns]"), "site": ["gill"], "label": list(CLASSES)},
    )
    return NightCells(data, (Pairing(DRIVERS["Bz"], bins, lag=10, window=60, cadence=1),))


def rates_of(events, exposure, night):
    """Return what ``occurrence`` says of one world, over the bins of the world."""
    options = OccurrenceOptions(labels=("arc",))
    result = occurrence_of_cells(cells_of(events, exposure, night), options)
    return result.isel(bin=bins_from_edges(EDGES).index(INSIDE), label=0)


@pytest.mark.parametrize("nights", [45, 90])
def test_study_measures_what_occurrence_reports(study, nights):
    made = worlds_of(3, nights, 4, 4)
    low, high = rate_interval(*by_night(made), made.night)
    shown = reported(made)
    assert shown.any()
    assert not shown.all()
    for world in range(4):
        rates = rates_of(made.events[world, ..., None], made.exposure[world, ..., None], made.night)
        np.testing.assert_allclose(rates["ci_low"], low[world], rtol=1e-12)
        np.testing.assert_allclose(rates["ci_high"], high[world], rtol=1e-12)
        np.testing.assert_array_equal(~rates["masked"], shown[world])


def contrast_truths(truth, share, exposure):
    """Return the true rate, risk ratio, lift and standardised rate of one world by bin.

    truth, share: (bin, hour); exposure: (night, bin, hour) of the world, for it decides which
    hours count and how much.
    """
    by_bin, weight = (truth * share).sum(axis=1), share.sum(axis=1)
    rate = by_bin / weight
    others = (by_bin.sum() - by_bin) / (weight.sum() - weight)
    mix = exposure.sum(axis=(0, 1)) * (exposure.sum(axis=0) > 0)
    with np.errstate(invalid="ignore"):
        standardised = (mix * truth).sum(axis=1) / mix.sum(axis=1)
    return {
        "rate": rate,
        "risk_ratio": rate / others,
        "lift": rate / by_bin.sum() * weight.sum(),
        "rate_standardised": standardised,
    }


def coverage_of_contrasts(scenario, nights, worlds, seed):
    """Return the share of reported intervals that hold the truth, of each quantity.

    The class fades through the night while the driver rises, so that a pooled rate mixes the two:
    "pooled" is how often its interval holds the standardised rate.
    """
    confounded = replace(SCENARIOS[scenario], evening=3.0, drift=1.5)
    made = simulate_worlds(confounded, worlds=worlds, nights=nights, hours=5, seed=seed)
    counted = {}
    for world in range(worlds):
        exposure = made.exposure[world]
        rates = rates_of(made.events[world], exposure, made.night)
        shown = ~rates["masked"].to_numpy()
        truths = contrast_truths(made.truth[world], made.share, exposure)
        for name, truth in {**truths, "pooled": truths["rate_standardised"]}.items():
            stem = "ci" if name in {"rate", "pooled"} else name
            low, high = rates[f"{stem}_low"].to_numpy(), rates[f"{stem}_high"].to_numpy()
            held = (low <= truth) & (truth <= high)
            count = counted.setdefault(name, np.zeros(2))
            count += held[shown].sum(), shown.sum()
    return {name: held / shown for name, (held, shown) in counted.items()}


@pytest.mark.slow
@pytest.mark.parametrize(("scenario", "nights"), [(1, 150), (2, 90), (3, 45)])
def test_contrasts_and_standardised_rates_cover(scenario, nights):
    """150 worlds through ``occurrence``: the mean over bins is known to some 1 %."""
    found = coverage_of_contrasts(scenario, nights, 150, (5, nights, scenario))
    pooled = found.pop("pooled")
    assert set(found) == {"rate", "risk_ratio", "lift", "rate_standardised"}
    for share in found.values():
        assert 0.93 < share < 0.985
    # The pooled rate is no estimate of the standardised one.
    assert pooled < found["rate_standardised"] - 0.01


def test_contrasts_and_standardised_rates_cover_in_few_worlds():
    found = coverage_of_contrasts(0, 60, 12, 6)
    del found["pooled"]
    for share in found.values():
        assert share > 0.85


def tables_on(page, study):
    begin, end = study.MARKERS
    return page.split(begin)[1].split(end)[0].strip()


def without_numbers(text):
    return re.sub(r"\d[\d,]*(\.\d+)?", "#", text)


def test_page_holds_what_the_script_writes(study, monkeypatch):
    """Its format; the numbers are those of the run that the page names."""
    monkeypatch.setattr(simulation, "_DRAWS", 5_000)
    usual = uncertainty.MIN_BLOCK_DF
    made = study.tables(3, 0)
    assert usual == uncertainty.MIN_BLOCK_DF
    published = tables_on(PAGE.read_text(), study)
    assert without_numbers(published) == without_numbers(made)
    assert published.startswith("SIMULATED: 1,000 worlds in each row, seed 0.")


def test_write_replaces_what_is_between_the_markers(study, tmp_path):
    page = tmp_path / "page.md"
    begin, end = study.MARKERS
    page.write_text(f"before\n\n{begin}\n\nold\n\n{end}\n\nafter\n")
    write_between(page, study.MARKERS, "new")
    assert page.read_text() == f"before\n\n{begin}\n\nnew\n\n{end}\n\nafter\n"
    page.write_text("no markers\n")
    with pytest.raises(DataError, match=r"page\.md: expected the lines '% coverage_study"):
        write_between(page, study.MARKERS, "new")
    assert page.read_text() == "no markers\n"
    assert [path.name for path in tmp_path.iterdir()] == ["page.md"]
