"""Figures of an evaluation: what is drawn is what the tables say, and simulated data say so."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from auroral_stats.labels import CLASSES, PROBABILITY_COLUMNS
from classifier.baselines import BASELINES
from classifier.calibration_tables import calibration, coverages, reliabilities
from classifier.evaluation_names import METHOD_NAMES
from classifier.evaluation_plots import (
    METHOD_STYLE,
    plot_confusions,
    plot_coverage,
    plot_labels,
    plot_reliability,
    plot_scores,
)
from classifier.evaluation_tables import confusions, summary
from classifier.predictions import COLUMNS

ATTRS = {"simulated": "true", "pictures": 600, "station_nights": 20, "plan": {"runs": 2}}


@pytest.fixture(scope="module")
def tables():
    rng = np.random.default_rng(0)
    parts = []
    for method, skill in (("simclr-linear", 3.0), ("supervised", 1.5)):
        for split in ("official", "grouped"):
            for run in range(2):
                label = rng.integers(0, 6, 600)
                z = rng.normal(size=(600, 6)) + skill * np.eye(6)[label]
                p = np.exp(z * skill)
                p /= p.sum(1, keepdims=True)
                night = np.arange(600) // 30
                parts.append(
                    pd.DataFrame(
                        {
                            "method": method, "split": split, "run": run,
                            "fold": [f"fold {n % 5}" for n in night], "picture": np.arange(600),
                            "site": "gill", "night": [f"2014-01-{n + 1:02d}" for n in night],
                            "true": np.array(CLASSES)[label],
                            "predicted": np.array(CLASSES)[p.argmax(1)],
                            **dict(zip(PROBABILITY_COLUMNS, p.T, strict=True)),
                            "temperature": 1.3, "simulated": True,
                        }
                    )[list(COLUMNS)]
                )  # fmt: skip
    found = pd.concat(parts, ignore_index=True)
    labels = pd.DataFrame(
        [
            {
                "method": "simclr-linear", "split": "grouped", "unit": unit, "fraction": fraction,
                "run": run, "fold": "fold 1", "labelled": int(500 * fraction), "station_nights": 9,
                "score": "accuracy", "value": 0.5 + 0.3 * fraction + 0.02 * run, "simulated": True,
            }
            for unit in ("pictures", "station-nights")
            for fraction in (0.05, 0.5, 1.0)
            for run in range(2)
        ]
    )  # fmt: skip
    return {
        "summary": summary(found),
        "confusions": confusions(found),
        "reliabilities": reliabilities(found),
        "calibration": calibration(found, draws=50),
        "coverages": coverages(found),
        "labels": labels,
    }


@pytest.fixture(scope="module")
def figures(tables):
    return drawn(tables, ATTRS)


def drawn(tables, attrs):
    return {
        "scores": plot_scores(tables["summary"], attrs),
        "confusions": plot_confusions(tables["confusions"], attrs),
        "reliability": plot_reliability(tables["reliabilities"], tables["calibration"], attrs),
        "coverage": plot_coverage(tables["coverages"], attrs),
        "labels": plot_labels(tables["labels"], attrs),
    }


def texts(figure):
    figure.draw_without_rendering()
    return [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]


def test_all_figures_say_simulated_and_fit_a_column(figures):
    for name, figure in figures.items():
        assert "SIMULATED DATA" in figure.get_suptitle()
        assert "600 pictures of 20 station-nights, 2 runs" in figure.get_suptitle()
        width = figure.get_size_inches()[0] * 25.4
        assert width == pytest.approx(178 if name in {"confusions", "reliability"} else 86)
        assert min(t.get_fontsize() for t in texts(figure)) >= 7


def test_words_stay_on_the_page_and_apart(figures):
    for name, figure in figures.items():
        figure.draw_without_rendering()
        drawn_box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
        assert drawn_box.x0 >= -0.02, name
        assert drawn_box.y0 >= -0.02, name
        assert drawn_box.x1 <= width + 0.02, name
        assert drawn_box.y1 <= height + 0.02, name
        boxes = [ax.get_tightbbox() for ax in figure.axes]
        boxes += [legend.get_window_extent() for legend in figure.legends]
        for i, one in enumerate(boxes):
            for other in boxes[i + 1 :]:
                across = min(one.x1, other.x1) - max(one.x0, other.x0)
                down = min(one.y1, other.y1) - max(one.y0, other.y0)
                assert min(across, down) < 1, name


def test_real_data_do_not_say_simulated_but_name_such_an_encoder(tables):
    real = {**ATTRS, "simulated": "false"}
    for figure in drawn(tables, real).values():
        assert "imulated" not in figure.get_suptitle()
    for figure in drawn(tables, real | {"model_trained_on": "simulated sky"}).values():
        assert "encoder trained on simulated data" in figure.get_suptitle()


def test_scores_are_those_of_the_table(tables, figures):
    (ax,) = figures["scores"].axes
    found = tables["summary"].query("score == 'accuracy'")
    points = sorted(
        float(line.get_xdata()[0]) for line in ax.lines if len(np.atleast_1d(line.get_xdata())) == 1
    )
    assert points == pytest.approx(sorted(100 * found.pooled))
    bars = {
        tuple(line.get_xdata()) for line in ax.lines if len(np.atleast_1d(line.get_xdata())) == 2
    }
    assert len(bars) == 4
    for low, high in zip(found.ci_low, found.ci_high, strict=True):
        assert any(bar == pytest.approx((100 * low, 100 * high)) for bar in bars)


def test_a_confusion_matrix_has_true_rows(tables, figures):
    ax = figures["confusions"].axes[0]
    shown = ax.images[0].get_array()
    part = tables["confusions"].query("method == 'simclr-linear' and split == 'official'")
    row = part[part.true == "moon"].set_index("predicted").share.reindex(list(CLASSES))
    assert np.asarray(shown)[CLASSES.index("moon")] == pytest.approx(100 * row.to_numpy())
    assert [t.get_text() for t in ax.get_yticklabels()] == list(CLASSES)
    assert ax.get_title() == METHOD_NAMES["simclr-linear"]


def test_a_class_that_is_not_there_is_no_zero(tables):
    table = tables["confusions"].copy()
    table.loc[table.true == "moon", "share"] = np.nan
    ax = plot_confusions(table, ATTRS).axes[0]
    row = [t.get_text() for t in ax.texts if t.get_position()[1] == CLASSES.index("moon")]
    assert row == ["", "", "", "", "–", ""]


def test_reliability_shows_the_bins_and_the_ece(tables, figures):
    ax = figures["reliability"].axes[1]
    part = tables["reliabilities"].query("method == 'supervised' and split == 'official'")
    after = part[(part.probabilities == "calibrated") & (part.pictures >= 5)]
    assert any(
        len(line.get_xdata()) == len(after)
        and np.allclose(line.get_xdata(), after.confidence)
        and np.allclose(line.get_ydata(), after.accuracy)
        for line in ax.lines
    )
    ece = tables["calibration"].query(
        "method == 'supervised' and split == 'official' and measure == 'ece'"
        " and probabilities == 'calibrated'"
    )
    assert f"ECE {ece.value.item():.3f}" in ax.get_title()


def test_label_curves_have_means_and_deviations(tables, figures):
    ax = figures["labels"].axes[0]
    (container,) = ax.containers
    line = container.lines[0]
    assert line.get_xdata() == pytest.approx([25, 250, 500])
    assert line.get_ydata() == pytest.approx([52.5, 66.0, 81.0])
    assert figures["labels"].axes[0].get_xlim() == figures["labels"].axes[1].get_xlim()


def test_methods_can_be_told_apart():
    assert set(METHOD_STYLE) == set(METHOD_NAMES)
    assert len(set(METHOD_STYLE.values())) == len(METHOD_NAMES)
    assert len({marker for _, marker in METHOD_STYLE.values()}) == len(METHOD_NAMES)
    # Those of one figure by default also in grey; baselines of the papers share their colours.
    first = [METHOD_STYLE[name][0] for name in METHOD_NAMES if name not in BASELINES]
    grey = {
        round(np.dot(mpl.colors.to_rgb(colour), (0.2126, 0.7152, 0.0722)), 2) for colour in first
    }
    assert len(grey) == len(first) == 5
