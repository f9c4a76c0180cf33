"""Scores against scikit-learn, by hand, and for classes that are not there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auroral_stats.errors import DataError, UsageError
from classifier.metrics import (
    confusion_by_group,
    confusion_matrix,
    missing_classes,
    scores,
    two_classes,
)
from classifier.score_intervals import jackknife_interval

LABELS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=60)


@given(LABELS)
def test_all_scores_are_those_of_scikit_learn(pairs):
    metrics = pytest.importorskip("sklearn.metrics")
    true, predicted = np.array(pairs).T
    ours = scores(confusion_matrix(true, predicted))
    there = np.unique(true)
    assert ours.accuracy == pytest.approx(metrics.accuracy_score(true, predicted))
    for average in ("macro", "weighted"):
        theirs = metrics.precision_recall_fscore_support(
            true, predicted, labels=there, average=average, zero_division=0
        )
        for name, value in zip(("precision", "recall", "f1"), theirs[:3], strict=True):
            assert getattr(ours, f"{average}_{name}") == pytest.approx(value)
    each = metrics.precision_recall_fscore_support(
        true, predicted, labels=there, average=None, zero_division=0
    )
    for mine, value in zip((ours.precision, ours.recall, ours.f1, ours.support), each, strict=True):
        assert mine[there] == pytest.approx(value)


def test_scores_by_hand():
    # class 0: 3 of 4 found, 1 of 4 named 0 is wrong; class 1: 1 of 2 found, 1 of 2 is wrong
    found = scores([[3, 1], [1, 1]])
    assert found.accuracy == pytest.approx(4 / 6)
    assert found.precision == pytest.approx([3 / 4, 1 / 2])
    assert found.recall == pytest.approx([3 / 4, 1 / 2])
    assert found.macro_f1 == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert found.weighted_f1 == pytest.approx((4 * 3 / 4 + 2 * 1 / 2) / 6)


def test_rows_are_true():
    assert confusion_matrix([0], [1], classes=2).tolist() == [[0, 1], [0, 0]]


def test_a_missing_class_is_nan_and_left_out_of_the_macro_mean():
    counts = confusion_matrix([0, 0, 1, 1], [0, 2, 1, 1])
    found = scores(counts)
    assert np.isnan(found.recall[2:]).all()
    assert np.isnan(found.precision[2:]).all()
    assert np.isnan(found.f1[2:]).all()
    assert found.macro_recall == pytest.approx((0.5 + 1) / 2)
    assert missing_classes([0, 0, 1, 1]) == ("discrete", "cloudy", "moon", "clear")


def test_a_class_that_is_never_named_has_precision_zero():
    found = scores(confusion_matrix([0, 1], [0, 0], classes=2))
    assert found.precision.tolist() == [0.5, 0.0]
    assert found.f1[1] == 0


def test_no_picture_gives_no_score():
    found = scores(np.zeros((2, 2)))
    values = [getattr(found, name) for name in ("accuracy", "macro_f1", "weighted_precision")]
    assert np.isnan(values).all()


@given(LABELS, st.integers(1, 4))
def test_counts_add_over_groups(pairs, groups):
    true, predicted = np.array(pairs).T
    group = np.arange(true.size) % groups
    by_group = confusion_by_group(true, predicted, group, groups)
    assert by_group.shape == (groups, 6, 6)
    assert (by_group.sum(0) == confusion_matrix(true, predicted)).all()
    only = group == 0
    assert (by_group[0] == confusion_matrix(true[only], predicted[only])).all()


@given(LABELS)
def test_two_classes_merge_before_they_count(pairs):
    true, predicted = np.array(pairs).T
    merged = confusion_matrix((true > 2).astype(int), (predicted > 2).astype(int), classes=2)
    assert (two_classes(confusion_matrix(true, predicted)) == merged).all()


@pytest.mark.parametrize(
    ("true", "predicted", "words"),
    [([0, 6], [0, 0], "0 to 5"), ([0, 1], [0], "2, 1"), ([0.5], [0], "whole numbers")],
)
def test_what_is_no_label_is_refused(true, predicted, words):
    with pytest.raises(DataError, match=words):
        confusion_matrix(true, predicted)


def test_what_is_no_confusion_matrix_is_refused():
    with pytest.raises(UsageError, match="shape"):
        scores([1, 2, 3])
    with pytest.raises(UsageError, match="below 0"):
        scores([[1, -1], [0, 1]])


def accuracy(counts):
    return scores(counts).accuracy


def test_the_interval_covers_the_truth_where_station_nights_differ():
    # accuracy of a station-night ~ Beta with mean 0.85; the binomial interval covers half of this
    rng = np.random.default_rng(3)
    covered = naive = 0
    trials = 400
    for _ in range(trials):
        size = rng.integers(20, 120, size=50)
        hits = rng.binomial(size, rng.beta(8.5, 1.5, size=50))
        counts = np.zeros((50, 2, 2))
        counts[:, 0, 0], counts[:, 0, 1] = hits, size - hits
        found = jackknife_interval(counts, accuracy)
        covered += found.low <= 0.85 <= found.high
        p = hits.sum() / size.sum()
        naive += abs(p - 0.85) < 1.96 * np.sqrt(p * (1 - p) / size.sum())
    assert 0.92 <= covered / trials <= 0.98
    assert naive / trials < 0.6


def test_pictures_copied_within_their_station_night_narrow_nothing():
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 9, size=(12, 2, 2))
    once, tenfold = jackknife_interval(counts, accuracy), jackknife_interval(10 * counts, accuracy)
    assert once == pytest.approx(tenfold)


def test_two_station_nights_give_no_interval():
    found = jackknife_interval(np.ones((2, 2, 2)), accuracy)
    assert found.value == 0.5
    assert np.isnan(found.low)
    assert np.isnan(found.high)


def test_all_right_is_not_certain():
    counts = np.zeros((10, 2, 2))
    counts[:, 0, 0] = 50
    assert jackknife_interval(counts, accuracy)[:3] == pytest.approx((1.0, 0.7, 1.0))
