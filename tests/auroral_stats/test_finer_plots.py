"""Figures of finer forms: drawn from the table, marked as simulated, and whole."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from auroral_stats.errors import UsageError
from auroral_stats.finer_forms import COLUMNS
from auroral_stats.finer_plots import figure, plot_kinds
from auroral_stats.provenance import describe


def make_table(simulated=True):
    rng = np.random.default_rng(0)
    rows = []
    for label, p in (("arc", 0.4), ("diffuse", np.nan), ("discrete", 0.0004)):
        for kind in range(5):
            ratio = float(np.exp(rng.normal(0, 0.3)))
            masked = kind == 4 or label == "diffuse"
            rows.append(
                {
                    "label": label, "kind": kind, "threshold": 0.3, "minutes": 100 - 20 * kind,
                    "nights": 30, "event_nights": 9, "exceedance": 0.1, "control_exceedance": 0.1,
                    "risk_ratio": ratio if kind < 4 else np.nan, "rr_low": ratio / 2,
                    "rr_high": ratio * (2 if kind else 400), "crude_risk_ratio": ratio * 1.1,
                    "kinds_compared": 4, "p_value": p / 3, "p_adjusted": p, "masked": masked,
                    "reason": "nights<20" if masked else "", "simulated": simulated,
                }
            )  # fmt: skip
    table = pd.DataFrame(rows)[list(COLUMNS)]
    table.attrs = describe(
        "finer forms", parameters={"match": ["site", "mlt"]}, simulated=simulated,
        measure_label="|dB_h/dt| of 1-min means (nT/s)", measure_units="nT/s", frames=1500,
    )  # fmt: skip
    return table


def words(drawn):
    drawn.draw_without_rendering()
    return " | ".join(t.get_text() for t in drawn.findobj(Text) if t.get_visible())


def test_it_says_simulated_what_was_matched_and_whether_they_differ():
    drawn = figure(make_table(), kind="cluster")
    said = words(drawn)
    assert "SIMULATED DATA" in drawn.get_suptitle()
    assert "matched by site, mlt; 1500 frames" in said.replace("\n", " ")
    assert "a  arc: p = 0.40" in said
    assert "b  diffuse: not testable" in said
    assert "c  discrete: p = 0.0004" in said
    assert "whether the clusters of a class differ" in said.replace("\n", " ")
    assert "SIMULATED" not in words(figure(make_table(simulated=False)))


def test_it_is_whole_and_no_interval_flattens_the_others():
    drawn = figure(make_table())
    drawn.draw_without_rendering()
    box, (width, height) = drawn.get_tightbbox(), drawn.get_size_inches()
    assert min(box.x0, box.y0) > -0.02
    assert box.x1 < width + 0.02
    assert box.y1 < height + 0.02
    assert width == pytest.approx(178 / 25.4)
    low, high = drawn.axes[0].get_ylim()
    assert high < 20
    assert {ax.get_ylim() for ax in drawn.axes} == {(low, high)}


def test_points_and_bars_are_those_of_the_table():
    table = make_table()
    ax = plot_kinds(table, "discrete")["kinds"]
    part = table[table["label"] == "discrete"]
    matched = [line for line in ax.lines if line.get_marker() == "^"]
    assert np.array([line.get_ydata()[0] for line in matched]) == pytest.approx(
        part["risk_ratio"].to_numpy(), nan_ok=True
    )
    open_ones = [line.get_markerfacecolor() == "white" for line in matched]
    assert open_ones == part["masked"].to_list()
    bars = np.array([c.get_segments()[0][:, 1] for c in ax.collections])
    assert bars == pytest.approx(part[["rr_low", "rr_high"]].to_numpy())
    crude = [line.get_ydata()[0] for line in ax.lines if line.get_marker() == "x"]
    assert crude == pytest.approx(part["crude_risk_ratio"].to_list())
    assert [t.get_text() for t in ax.get_xticklabels()] == [
        f"{k}\n{m}" for k, m in zip(part["kind"], part["minutes"], strict=True)
    ]


def test_other_tables_are_refused():
    with pytest.raises(UsageError, match="this is none"):
        figure(pd.DataFrame({"label": ["arc"]}))
    with pytest.raises(UsageError, match="label clear: this result holds arc, diffuse, discrete"):
        plot_kinds(make_table(), "clear")
