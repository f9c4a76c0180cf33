"""Rates beside their truth: tables and a figure of known numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from auroral_stats.errors import DataError
from auroral_stats.simulation.truth_comparison import TRUTH, beside_truth, truth_held
from auroral_stats.simulation.truth_plots import plot_beside_truth
from auroral_stats.tables import CSV_COLUMNS

BINS = ["below", "[-2, 0)", "[0, 2)", "above", "missing"]
LOWER = [-np.inf, -2.0, 0.0, 2.0, np.nan]
UPPER = [-2.0, 0.0, 2.0, np.inf, np.nan]
LABELS = ["arc", "diffuse", "discrete", "clear"]
#: Rates of the truth, (bin, label).
RATE = np.array([[0.1, 0.2, 0.3, 0.4]] * 5) + 0.01 * np.arange(5)[:, None]


def result(shift: float, *, driver: str = "Bz", simulated: str = "true") -> xr.Dataset:
    """Rates that are off by ``shift``, with intervals of 0.02 on both sides; the first is masked."""
    masked = np.zeros(RATE.shape, bool)
    masked[0] = True
    variables = {
        "rate": RATE + shift,
        "ci_low": RATE + shift - 0.02,
        "ci_high": RATE + shift + 0.02,
        "events": np.full(RATE.shape, 9),
        "exposure": np.full(RATE.shape, 9),
        "nights": np.full(RATE.shape, 30),
        "availability": np.full(RATE.shape, 0.5),
        "masked": masked,
    }
    return xr.Dataset(
        {name: (("bin", "label"), values) for name, values in variables.items()},
        coords={"bin": BINS, "label": LABELS, "lower": ("bin", LOWER), "upper": ("bin", UPPER)},
        attrs={"driver": driver, "simulated": simulated},
    )


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    rows = [
        {
            "band": band,
            "driver": "Bz",
            "bin": BINS[i],
            "lower": LOWER[i],
            "upper": UPPER[i],
            "label": label,
            "rate": RATE[i, k] + other,
            "standard_error": 0.005,
            "simulated": True,
        }
        for band, other in (("all", 0.0), ("62-70", 0.5))
        for i in range(len(BINS))
        for k, label in enumerate(LABELS)
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "truth_rates.csv", index=False)
    return tmp_path / "truth_rates.csv"


def test_all_stand_in_one_table(truth: Path) -> None:
    tidy = beside_truth({"one": result(0.01), "two": result(-0.05)}, truth)
    assert list(tidy) == ["source", *CSV_COLUMNS]
    assert tidy["simulated"].all()
    assert tidy.groupby("source").size().to_dict() == {"one": 20, "two": 20, TRUTH: 20}
    cell = tidy.set_index(["source", "bin", "label"]).loc
    assert cell["one", "[0, 2)", "diffuse"]["rate"] == pytest.approx(0.23)
    of_truth = cell[TRUTH, "[0, 2)", "diffuse"]
    assert of_truth[["rate", "ci_low", "ci_high"]].tolist() == pytest.approx([0.22, 0.2102, 0.2298])
    assert np.isnan(of_truth["exposure"])
    assert cell["one", "[0, 2)", "diffuse"]["exposure"] == 9
    # a band of latitude has a truth of its own
    band = beside_truth({"one": result(0.0)}, truth, band="62-70")
    assert band[band["source"] == TRUTH]["rate"].min() == pytest.approx(0.6)


def test_intervals_are_held_against_the_truth(truth: Path) -> None:
    wrong = result(0.01)
    wrong["rate"][2, 1] -= 0.09  # of diffuse in [0, 2)
    wrong["ci_high"][2, 1] -= 0.09
    held = truth_held(beside_truth({"near": wrong, "far": result(-0.05)}, truth))
    found = held.set_index(["source", "label"])
    # the bin that does not pass the gate does not count
    assert found.loc["near", "arc"].tolist() == pytest.approx([4, 4, 0.01])
    assert found.loc["near", "diffuse"].tolist() == pytest.approx([4, 3, -0.08])
    assert found.loc["far", "clear"].tolist() == pytest.approx([4, 0, -0.05])
    nothing = result(0.0).assign(masked=lambda made: made["masked"] | True)
    none = truth_held(beside_truth({"none": nothing}, truth)).iloc[0]
    assert (none["bins"], none["held"]) == (0, 0)
    assert np.isnan(none["largest"])


def test_what_has_no_truth_is_refused(truth: Path) -> None:
    with pytest.raises(DataError, match=r"'>70'.*all, 62-70"):
        beside_truth({"one": result(0.0)}, truth, band=">70")
    with pytest.raises(DataError, match="not simulated"):
        beside_truth({"one": result(0.0, simulated="false")}, truth)
    with pytest.raises(DataError, match="rates by Kp"):
        beside_truth({"one": result(0.0, driver="Kp")}, truth)
    with pytest.raises(DataError, match="other bins"):
        beside_truth({"one": result(0.0).isel(bin=[0, 1])}, truth)


def test_the_figure_shows_the_numbers_and_says_simulated(truth: Path) -> None:
    tidy = beside_truth({"one": result(0.01), "two": result(-0.05)}, truth)
    figure = plot_beside_truth(tidy, "of known numbers")
    assert figure.get_suptitle() == "SIMULATED DATA: of known numbers"
    assert figure.get_figwidth() <= 7.01
    panels = figure.axes
    assert [ax.get_title() for ax in panels] == ["arc", "diffuse", "discrete"]
    for k, ax in enumerate(panels):
        points = [bars.lines[0].get_xydata() for bars in ax.containers]
        # of each source what does not pass the gate, then what does
        assert [len(each) for each in points] == [1, 3, 1, 3]
        np.testing.assert_allclose(points[1][:, 1], 100 * RATE[1:4, k] + 1)
        np.testing.assert_allclose(points[3][:, 1], 100 * RATE[1:4, k] - 5)
        np.testing.assert_allclose(points[1][:, 0] + points[3][:, 0], [-2, 2, 6])
        assert (points[1][:, 0] < points[3][:, 0]).all()
        low, high = ax.get_ylim()
        assert low == 0
        assert high > 100 * (RATE[3, 2] + 0.03)
        values, edges, _ = ax.patches[1].get_data()
        np.testing.assert_allclose(values, 100 * RATE[:4, k])
        assert edges.tolist() == [-4, -2, 0, 2, 4]


def test_a_figure_of_what_is_all_below_the_gate(truth: Path) -> None:
    nothing = result(0.0).assign(masked=lambda made: made["masked"] | True)
    tidy = beside_truth({"none": nothing}, truth)
    tidy.loc[tidy["source"] == TRUTH, ["rate", "ci_low", "ci_high"]] = np.nan
    (panel,) = plot_beside_truth(tidy, labels=["clear"]).axes
    assert panel.get_ylim() == (0, 100)
