"""Smaller sets of labels: nested, never without a class, whole station-nights."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auroral_stats.errors import UsageError
from classifier.label_subsets import FRACTIONS, UNITS, label_subset


def nights(seed):
    """Station-nights of which half hold a single class, as in the OATH set."""
    rng = np.random.default_rng(seed)
    label, group = [], []
    for night in range(40):
        size = rng.integers(5, 60)
        classes = rng.choice(6, 1 if night % 2 else 3)
        label.append(rng.choice(classes, size))
        group.append(np.full(size, night))
    return np.concatenate(label), np.concatenate(group)


@pytest.mark.parametrize("unit", UNITS)
@given(st.integers(0, 50))
def test_subsets_are_nested_and_hold_every_class(unit, seed):
    label, group = nights(seed)
    before: set[int] = set()
    for fraction in FRACTIONS:
        chosen = label_subset(label, group, fraction, unit, seed)
        assert before <= set(chosen.tolist())
        assert set(label[chosen]) == set(label)
        before = set(chosen.tolist())
    assert len(before) == label.size


def test_pictures_keep_the_shares_of_the_classes():
    label = np.repeat(np.arange(6), [774, 1102, 1400, 852, 614, 1082])
    chosen = label_subset(label, np.arange(label.size), 0.1)
    assert np.bincount(label[chosen]).tolist() == [78, 111, 140, 86, 62, 109]


def test_station_nights_stay_whole():
    label, group = nights(1)
    chosen = label_subset(label, group, 0.5, "station-nights", 1)
    inside = np.isin(group, group[chosen])
    assert np.flatnonzero(inside).tolist() == chosen.tolist()
    assert np.unique(group[chosen]).size == 20


def test_the_seed_decides_which():
    label, group = nights(1)
    sets = [label_subset(label, group, 0.1, "pictures", seed).tolist() for seed in (1, 1, 2)]
    assert sets[0] == sets[1] != sets[2]


def test_what_is_no_share_is_refused():
    with pytest.raises(UsageError, match="above 0"):
        label_subset([0, 1], [0, 1], 0.0)
    with pytest.raises(UsageError, match="pictures, station-nights"):
        label_subset([0, 1], [0, 1], 0.5, "nights")
