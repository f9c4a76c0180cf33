"""Figures of predictions, on a table whose mistakes are known."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")

from auroral_stats.errors import DataError, UsageError
from auroral_stats.labels import CLASSES, PROBABILITY_COLUMNS
from classifier.evaluation_tables import class_scores
from classifier.prediction_plots import confident_mistakes, plot_class_accuracy, plot_mistakes
from classifier.predictions import COLUMNS, probabilities

ATTRS = {"simulated": "true", "pictures": 240, "station_nights": 12}


def predictions(method="simclr-linear", split="grouped", skill=2.0, seed=0):
    rng = np.random.default_rng(seed)
    label = np.arange(240) % 6
    z = rng.normal(size=(240, 6)) + skill * np.eye(6)[label]
    p = np.exp(1.5 * z)
    p /= p.sum(1, keepdims=True)
    table = {
        "method": method, "split": split, "run": 0, "fold": "1", "picture": np.arange(1, 241),
        "site": "gill", "night": [f"2014-01-{n // 20 + 1:02d}" for n in range(240)],
        "true": np.array(CLASSES)[label], "predicted": np.array(CLASSES)[p.argmax(1)],
        **dict(zip(PROBABILITY_COLUMNS, p.T, strict=True)), "temperature": 1.0, "simulated": True,
    }  # fmt: skip
    return pd.DataFrame(table)[list(COLUMNS)]


@pytest.fixture(scope="module")
def both():
    parts = [
        predictions(), predictions("simclr-knn", skill=1.0, seed=1),
        predictions(split="official", skill=5.0, seed=2),
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def test_the_surest_mistakes_come_first_one_of_a_kind_and_a_night():
    table = predictions()
    chosen = confident_mistakes(table, 6)
    assert (chosen["true"] != chosen["predicted"]).all()
    assert not chosen.duplicated(["true", "predicted"]).any()
    assert not chosen.duplicated(["site", "night"]).any()
    sure = probabilities(chosen).max(1)
    wrong = table[table["true"] != table["predicted"]]
    assert sure[0] == probabilities(wrong).max()
    assert len(confident_mistakes(table, 10_000)) == len(wrong)


def test_copies_of_a_mistake_fill_up_only_what_is_left():
    table = predictions().iloc[:8].copy()
    p = np.full((8, 6), 0.02)
    p[:, 1] = [0.9, 0.89, 0.88, 0.87, 0.86, 0.85, 0.84, 0.83]
    table[list(PROBABILITY_COLUMNS)] = p / p.sum(1, keepdims=True)
    table["true"], table["predicted"] = "arc", "diffuse"
    table.loc[5, "true"] = "clear"
    table["night"] = ["a", "a", "a", "b", "b", "b", "c", "c"]
    # of a kind and a night of its own, then of a night of its own, then the rest
    assert confident_mistakes(table, 5)["picture"].to_list() == [1, 6, 7, 2, 3]


def test_no_mistake_is_no_figure_of_one():
    table = predictions(skill=50)
    assert confident_mistakes(table).empty
    images = SimpleNamespace(picture=np.arange(1, 3), images=torch.zeros(2, 1, 8, 8).byte())
    assert "Mistakes" in plot_mistakes(images, confident_mistakes(table), ATTRS).get_suptitle()


def test_a_table_of_several_runs_is_refused(both):
    with pytest.raises(DataError, match="more than once"):
        confident_mistakes(both)


def test_points_are_the_recalls_of_a_split_that_does_not_leak(both):
    scores = class_scores(both)
    figure = plot_class_accuracy(scores, ATTRS)
    assert "SIMULATED DATA" in figure.get_suptitle()
    assert "split: station-nights" in figure.get_suptitle()
    (ax,) = figure.axes
    points = {
        line.get_label(): line.get_ydata() for line in ax.lines if line.get_marker() != "None"
    }
    assert len(points) == 2
    expected = scores.query("method == 'simclr-knn' and split == 'grouped' and score == 'recall'")
    knn = predictions("simclr-knn", skill=1.0, seed=1)
    by_hand = [100 * (knn.predicted == c)[knn.true == c].mean() for c in CLASSES]
    assert expected["pooled"].to_numpy() * 100 == pytest.approx(by_hand)
    assert any(values == pytest.approx(by_hand) for values in points.values())
    bars = [tuple(np.sort(s[:, 1])) for c in ax.collections for s in c.get_segments()]
    for low, high in zip(expected.ci_low, expected.ci_high, strict=True):
        assert any(bar == pytest.approx((100 * low, 100 * high)) for bar in bars)
    assert [t.get_text() for t in ax.get_xticklabels()] == [f"{c}\n(40)" for c in CLASSES]
    assert "official folds" in plot_class_accuracy(scores, ATTRS, "official").get_suptitle()
    with pytest.raises(UsageError, match="expected one of grouped, official"):
        plot_class_accuracy(scores, ATTRS, "station")


def test_a_mistake_is_drawn_with_its_picture_and_probabilities():
    table = predictions()
    chosen = confident_mistakes(table, 5)
    rng = np.random.default_rng(0)
    pixels = torch.from_numpy(rng.integers(0, 255, (240, 1, 8, 8)).astype(np.uint8))
    order = rng.permutation(240)
    images = SimpleNamespace(picture=order + 1, images=pixels[torch.from_numpy(order)])
    figure = plot_mistakes(images, chosen, ATTRS)
    for number, (_, row) in enumerate(chosen.iterrows()):
        left, right = figure.axes[2 * number : 2 * number + 2]
        assert (np.asarray(left.images[0].get_array()) == pixels[row.picture - 1, 0].numpy()).all()
        assert left.get_title(loc="left").startswith(f"{row.true} → {row.predicted}\ngill 2014")
        widths = [bar.get_width() for bar in right.patches]
        assert widths == pytest.approx(row[list(PROBABILITY_COLUMNS)].to_list())
        bold = [t.get_text() for t in right.get_yticklabels() if t.get_fontweight() == "bold"]
        assert bold == [row.true]
    assert not any(ax.axison for ax in figure.axes[10:])
    assert "SimCLR + linear" in figure.get_suptitle()
    lacking = SimpleNamespace(picture=order[:2] + 1, images=pixels[:2])
    with pytest.raises(DataError, match="is not among the images"):
        plot_mistakes(lacking, chosen, ATTRS)
