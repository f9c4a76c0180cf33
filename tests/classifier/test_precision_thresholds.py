"""Thresholds of confidence: by brute force, and on nights that took no part in their choice."""

import numpy as np
import pytest

from auroral_stats.errors import DataError, UsageError
from classifier.precision_thresholds import MIN_NIGHTS, accepted, precision_thresholds


def predictions(nights, seed, per_night=40, spread=1.0):
    """Two classes; each night makes the classifier more or less wrong than it thinks."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(nights), per_night)
    sure = 0.5 + 0.5 * rng.beta(2, 1.2, group.size)
    kind = rng.normal(0, spread, nights)[group]
    # at the median night, right as often as it is sure
    chance = 1 / (1 + np.exp(-np.log(sure / (1 - sure)) - kind))
    right = rng.random(group.size) < chance
    named = rng.integers(0, 2, group.size)
    p = np.where(np.arange(2) == named[:, None], sure[:, None], 1 - sure[:, None])
    return p, np.where(right, named, 1 - named), group


def in_sample(p, label, precision):
    """The lowest threshold of each class with the wanted precision where it is chosen."""
    found = []
    for code in range(2):
        mine = p.argmax(1) == code
        order = np.argsort(-p[mine].max(1))
        hits = (label[mine] == code)[order].cumsum()
        enough = np.flatnonzero(hits >= precision * (np.arange(hits.size) + 2))
        found.append(p[mine].max(1)[order][enough[-1]] if enough.size else np.inf)
    return np.array(found)


@pytest.mark.parametrize(("nights", "precision"), [(12, 0.9), (40, 0.95)])
def test_they_reach_the_wanted_precision_on_nights_that_were_never_seen(nights, precision):
    reached = {"left out": [0, 0], "in sample": [0, 0]}
    for seed in range(150):
        p, label, group = predictions(nights, seed)
        new_p, new_label, _ = predictions(40, 10_000 + seed)
        for name, limits in (
            ("left out", precision_thresholds(p, label, group, precision).threshold),
            ("in sample", in_sample(p, label, precision)),
        ):
            taken = accepted(new_p, limits)
            reached[name][0] += (new_p.argmax(1) == new_label)[taken].sum()
            reached[name][1] += taken.sum()
    shares = {name: right / number for name, (right, number) in reached.items()}
    assert shares["left out"] > precision - 0.01
    # what a choice is worth where it was made is too good
    assert shares["in sample"] < shares["left out"] - 0.01
    assert reached["left out"][1] > 10_000


def test_left_out_nights_by_brute_force():
    p, label, group = predictions(9, 3, spread=0.6)
    wanted = 0.85
    found = precision_thresholds(p, label, group, wanted)

    def lowest(rows, code, target):
        sure, right = p[rows].max(1), label[rows] == code
        options = [
            t for t in np.unique(sure) if right[sure >= t].sum() >= target * ((sure >= t).sum() + 1)
        ]
        return min(options, default=np.inf)

    for code in range(2):
        mine = p.argmax(1) == code
        for target in (0.85, 0.925, 0.9625, 0.98125):
            taken = np.zeros(group.size, dtype=bool)
            for night in range(9):
                limit = lowest(mine & (group != night), code, target)
                taken |= mine & (group == night) & (p.max(1) >= limit)
            right = (label[taken] == code).sum()
            if np.unique(group[taken]).size >= 5 and right >= wanted * (taken.sum() + 1):
                break
        else:
            assert np.isinf(found.threshold[code])
            continue
        assert found.threshold[code] == lowest(mine, code, target)
        assert found.precision[code] == pytest.approx(right / taken.sum())
        assert found.pictures[code] == taken.sum()
        assert found.nights[code] == np.unique(group[taken]).size


def test_few_right_ones_and_few_nights_prove_nothing():
    p = np.full((18, 2), 0.1)
    p[:, 0] = 0.9
    right = np.zeros(18, int)
    assert np.isinf(precision_thresholds(p, right, np.arange(18), 0.95).threshold).all()
    many = np.repeat(p, 10, axis=0)
    right = np.zeros(180, int)
    limit = precision_thresholds(many, right, np.arange(180) % MIN_NIGHTS, 0.95)
    assert limit.threshold.tolist() == [0.9, np.inf]
    few = precision_thresholds(many, right, np.arange(180) % (MIN_NIGHTS - 1), 0.95)
    assert np.isinf(few.threshold).all()
    assert np.isnan(few.precision).all()


def test_a_night_that_is_wrong_throughout_takes_the_threshold_away():
    p = np.full((200, 2), 0.1)
    p[:, 0] = 0.9
    night = np.arange(200) // 20
    label = (night == 4).astype(int)
    assert np.isinf(precision_thresholds(p, label, night, 0.95).threshold[0])
    # unless it was less sure than all others
    p[night == 4] = [0.7, 0.3]
    assert precision_thresholds(p, label, night, 0.95).threshold[0] == 0.9
    # but not if, without it, nothing would speak against 0.7
    p[night == 7] = [0.7, 0.3]
    assert np.isinf(precision_thresholds(p, label, night, 0.95).threshold[0])


def test_what_cannot_be_is_refused():
    p = np.array([[0.9, 0.1]])
    with pytest.raises(UsageError, match="precision is 1"):
        precision_thresholds(p, [0], [0], 1)
    with pytest.raises(DataError, match="1 predictions, 2 labels"):
        precision_thresholds(p, [0, 1], [0])
