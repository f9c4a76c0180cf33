"""Kappa and class agreement against scikit-learn, published examples and a loop over nights."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from auroral_stats.kappa import class_agreement, kappa, kappa_interval

metrics = pytest.importorskip("sklearn.metrics")

#: Cohen 1968, table 1: 200 cases, personality disorder, neurosis, psychosis.
COHEN = np.array([[88, 14, 18], [10, 40, 10], [2, 6, 12]])
#: Fleiss, Cohen and Everitt 1969, table 1, in cases of 200.
FLEISS = np.array([[106, 10, 4], [22, 28, 10], [2, 12, 6]])


def two_lists(counts):
    """Return one label a frame for each of the two, as a matrix has them."""
    a, b = np.indices(counts.shape)
    return np.repeat(a.ravel(), counts.ravel()), np.repeat(b.ravel(), counts.ravel())


@pytest.mark.parametrize(("counts", "published"), [(COHEN, 0.492), (FLEISS, 0.429)])
def test_published_examples(counts, published):
    observed, chance, value = kappa(counts)
    assert observed == 0.70
    assert chance == pytest.approx({0.492: 0.41, 0.429: 0.475}[published])
    assert round(float(value), 3) == published
    # Neither of the two is the truth: it is the same the other way round.
    assert kappa(counts.T)[2] == pytest.approx(float(value), abs=1e-15)


def test_scikit_learn_finds_the_same():
    rng = np.random.default_rng(3)
    counts = rng.integers(1, 90, (5, 6, 6))
    _, _, values = kappa(counts)
    for matrix, value, classes in zip(counts, values, class_agreement(counts), strict=True):
        a, b = two_lists(matrix)
        assert value == pytest.approx(metrics.cohen_kappa_score(a, b), abs=1e-14)
        np.testing.assert_allclose(classes, metrics.f1_score(a, b, average=None), rtol=1e-13)


def test_where_there_is_nothing_to_say():
    nothing, one_class, never = np.zeros((2, 2)), np.diag([7, 0]), np.array([[0, 3], [4, 0]])
    observed, chance, value = kappa(np.stack([nothing, one_class, never]))
    np.testing.assert_array_equal(observed, [np.nan, 1, 0])
    np.testing.assert_allclose(chance, [np.nan, 1, 24 / 49])
    np.testing.assert_allclose(value, [np.nan, np.nan, -24 / 25])
    np.testing.assert_array_equal(class_agreement(one_class), [1, np.nan])


def nights_of(number, first="2014-01-01"):
    return np.datetime64(first, "D") + np.arange(number)


def drawn_world(rng, nights, frames=80):
    """Return counts of two classes: how common each is and how sure the labels are varies."""
    share, sure = rng.beta(2, 3, nights), rng.beta(8, 2, nights)
    truth = rng.binomial(frames, share)
    right = [rng.binomial(number, sure) for number in (truth, frames - truth)]
    counts = np.stack([right[0], truth - right[0], frames - truth - right[1], right[1]], axis=-1)
    return counts.reshape(nights, 2, 2).astype(float)


@pytest.mark.parametrize("nights", [5, 12, 40])
def test_interval_is_that_of_leaving_out_one_night_at_a_time(nights):
    """Transcribed as a loop with scikit-learn's kappa, blocks of nine nights included."""
    night = nights_of(nights)
    counts = drawn_world(np.random.default_rng(nights), nights)
    value = metrics.cohen_kappa_score(*two_lists(counts.sum(0).astype(int)))
    errors = []
    degrees = None
    for length in (1, 9):
        block = night.astype(int) // length
        groups = np.unique(block)
        if groups.size < 3:
            continue
        without = np.array(
            [
                metrics.cohen_kappa_score(*two_lists(counts[block != g].sum(0).astype(int)))
                for g in groups
            ]
        )
        same = np.array([np.trace(counts[block == g].sum(0)) for g in groups])
        frames = np.array([counts[block == g].sum() for g in groups])
        df = min(frames.sum() ** 2 / (frames**2).sum(), (same > 0).sum(), (frames > same).sum())
        degrees = max(df - 1, 1) if degrees is None else max(df - 1, min(degrees, 3))
        error = np.sqrt((groups.size - 1) / groups.size * ((without - value) ** 2).sum())
        errors.append((error, stats.t.ppf(0.975, degrees)))
    error, quantile = max(errors)
    half = quantile * error / (1 - value**2)
    expected = np.tanh(np.arctanh(value) + np.array([-half, half]))
    np.testing.assert_allclose(kappa_interval(counts, night), expected, rtol=1e-9)


def test_groups_and_classes_keep_apart():
    """Several groups at once, in as many classes, have the limits of each alone."""
    rng = np.random.default_rng(8)
    counts = rng.integers(0, 40, (30, 7, 4, 4)).astype(float)
    night = nights_of(30)
    low, high = kappa_interval(counts, night)
    for group in range(7):
        alone = kappa_interval(counts[:, group], night)
        np.testing.assert_allclose([low[group], high[group]], alone, rtol=1e-12)


def test_full_agreement_and_too_few_nights():
    full = np.zeros((20, 2, 2))
    full[:, 0, 0], full[:, 1, 1] = 30, 10
    low, high = kappa_interval(full, nights_of(20))
    # As many nights without a disagreement: the rule of three and a half.
    agreed = 0.025 ** (1 / 20)
    chance = 0.75**2 + 0.25**2
    assert low == pytest.approx((agreed - chance) / (1 - chance))
    assert high == 1
    for nights in (1, 2):
        assert np.isnan(kappa_interval(full[:nights], nights_of(nights))).all()
    # One night holds the second class altogether: without it there is no kappa.
    single = np.zeros((20, 2, 2))
    single[:, 0, 0], single[3] = 30, [[5, 2], [1, 9]]
    assert kappa(single.sum(0))[2] > 0.5
    assert np.isnan(kappa_interval(single, nights_of(20))).all()
    assert np.isnan(kappa_interval(np.zeros((4, 2, 2)), nights_of(4))).all()


def test_frames_of_a_night_are_not_independent():
    """Ten times the frames of the same nights say hardly more; ten times the nights do."""
    rng = np.random.default_rng(4)
    few = drawn_world(rng, 30)
    width = np.subtract(*kappa_interval(few, nights_of(30))[::-1])
    again = np.subtract(*kappa_interval(10 * few, nights_of(30))[::-1])
    more = np.subtract(*kappa_interval(drawn_world(rng, 300), nights_of(300))[::-1])
    assert again == pytest.approx(width)
    assert more < 0.5 * width


def covered(nights, worlds, seed):
    """Return in which share of drawn worlds the interval holds the kappa of all nights."""
    rng = np.random.default_rng(seed)
    truth = kappa(drawn_world(np.random.default_rng(99), 200_000).sum(0))[2]
    held = []
    for _ in range(worlds):
        low, high = kappa_interval(drawn_world(rng, nights), nights_of(nights))
        held.append(low <= truth <= high)
    return np.mean(held)


def test_the_interval_holds_the_truth_in_few_worlds():
    assert 0.90 < covered(40, 300, 1) < 0.99


@pytest.mark.slow
@pytest.mark.parametrize("nights", [12, 45, 150])
def test_the_interval_holds_the_truth(nights):
    assert 0.93 < covered(nights, 3000, 2) < 0.98
