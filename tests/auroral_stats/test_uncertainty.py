"""The jackknife against a loop, and against what it must not do."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from auroral_stats import uncertainty
from auroral_stats.uncertainty import (
    block_of,
    by_cluster,
    effective_clusters,
    interval_over_levels,
    jackknife_interval,
    jackknife_se,
    kish,
    leave_one_out,
    night_levels,
    ratio,
)


def slow_jackknife(events, exposure):
    """Leave out each night, by loop, for one rate."""
    use = exposure > 0
    events, exposure = events[use], exposure[use]
    number = events.size
    rate = events.sum() / exposure.sum()
    without = [(events.sum() - events[g]) / (exposure.sum() - exposure[g]) for g in range(number)]
    return np.sqrt((number - 1) / number * sum((r - rate) ** 2 for r in without))


@settings(deadline=None)
@given(st.integers(3, 40), st.integers(0, 10_000))
def test_standard_error_equals_a_loop(nights, seed):
    rng = np.random.default_rng(seed)
    exposure = rng.integers(0, 500, nights).astype(float)
    exposure[:3] += 1
    events = np.floor(exposure * rng.random(nights))
    se = jackknife_se(leave_one_out(events, exposure))
    assert se == pytest.approx(slow_jackknife(events, exposure), rel=1e-9, abs=1e-12)


def test_interval_is_logit_and_t():
    rng = np.random.default_rng(0)
    exposure = rng.integers(100, 500, 25).astype(float)
    events = np.floor(exposure * rng.beta(2, 5, 25))
    level = leave_one_out(events, exposure)
    low, high = jackknife_interval([level])
    rate, se = events.sum() / exposure.sum(), slow_jackknife(events, exposure)
    df = min(exposure.sum() ** 2 / (exposure**2).sum(), (events > 0).sum()) - 1
    half = stats.t.ppf(0.975, df) * se / (rate * (1 - rate))
    assert low == pytest.approx(special.expit(special.logit(rate) - half))
    assert high == pytest.approx(special.expit(special.logit(rate) + half))


def test_larger_of_two_levels_wins():
    rng = np.random.default_rng(1)
    block = np.repeat(np.arange(12), 9)
    exposure = np.full(108, 100.0)
    shared = np.floor(100 * np.repeat(rng.beta(2, 3, 12), 9))
    nights = leave_one_out(shared, exposure)
    blocks = leave_one_out(by_cluster(shared, block), by_cluster(exposure, block))
    both = jackknife_interval([nights, blocks])
    assert both == jackknife_interval([blocks])
    assert both[1] - both[0] > 2 * np.diff(np.array(jackknife_interval([nights]))[:, None], axis=0)


def test_silent_error_3_stations_are_not_independent():
    """A second camera that sees the same sky adds frames, not information."""
    rng = np.random.default_rng(2)
    exposure = rng.integers(100, 500, 40).astype(float)
    events = np.floor(exposure * rng.beta(2, 5, 40))
    once = jackknife_interval([leave_one_out(events, exposure)])
    twice = jackknife_interval([leave_one_out(2 * events, 2 * exposure)])
    np.testing.assert_allclose(once, twice)


def test_kish_and_effective_clusters():
    exposure = np.array([[10.0, 10.0], [10.0, 0.0], [10.0, 30.0]])
    np.testing.assert_allclose(kish(exposure), [3.0, 1.6])
    events = np.array([[10.0, 0.0], [0.0, 0.0], [10.0, 30.0]])
    # First column: two nights hold the class and one holds anything else.
    np.testing.assert_allclose(effective_clusters(events, exposure), [1.0, 1.0])
    assert kish(np.zeros((4, 1))) == 0


def test_fewer_than_three_clusters_give_no_interval():
    for nights, defined in ((2, False), (3, True)):
        exposure = np.full(nights, 50.0)
        events = np.arange(nights) + 5.0
        low, high = jackknife_interval([leave_one_out(events, exposure)])
        assert np.isfinite([low, high]).all() == defined


def test_nights_without_exposure_change_nothing():
    rng = np.random.default_rng(4)
    exposure = rng.integers(1, 500, 20).astype(float)
    events = np.floor(exposure * rng.random(20))
    more = [np.concatenate([a, np.zeros(30)]) for a in (events, exposure)]
    np.testing.assert_allclose(
        jackknife_interval([leave_one_out(events, exposure)]),
        jackknife_interval([leave_one_out(*more)]),
    )


def test_clusters_and_blocks():
    cluster = np.array([3, 1, 3, 2])
    np.testing.assert_allclose(by_cluster(np.arange(4), cluster), [1, 3, 2])
    np.testing.assert_allclose(by_cluster(np.ones((4, 2, 3)), cluster).sum(axis=(1, 2)), [6, 6, 12])
    night = np.datetime64("2014-03-01") + np.arange(30)
    _, size = np.unique(block_of(night), return_counts=True)
    assert size.max() == 9


def test_ratio_is_quiet_about_nothing():
    assert np.isnan(ratio(np.array(0.0), np.array(0.0)))


def test_an_exposure_that_labels_share_need_not_be_repeated():
    rng = np.random.default_rng(5)
    exposure = rng.integers(0, 300, (50, 1, 6)).astype(float)
    events = np.floor(exposure * rng.random((50, 3, 6)))
    once, full = (leave_one_out(events, e) for e in (exposure, np.repeat(exposure, 3, axis=1)))
    np.testing.assert_array_equal(jackknife_se(once), jackknife_se(full))
    np.testing.assert_array_equal(jackknife_interval([once]), jackknife_interval([full]))


def test_levels_are_used_from_their_number_of_clusters_on():
    """Half a winter of 27-night blocks is left out; long winters have them."""
    for nights, sizes in ((60, [60, 7]), (12 * 27, [324, 36, 12]), (12 * 27 - 1, [323, 36, 12])):
        night = np.datetime64("1970-01-01") + np.arange(nights)
        assert [np.unique(c).size for c, _ in night_levels(night)] == sizes
    # A rate that rests on fewer blocks than its table has does not use them either.
    rng = np.random.default_rng(6)
    block = np.repeat(np.arange(14), 27)
    exposure = np.where(block[:, None] < [14, 11], 100.0, 0.0)
    events = np.floor(exposure * rng.beta(2, 4, 14)[block, None])
    night = np.datetime64("1970-01-01") + np.arange(block.size)
    ((low, high),) = interval_over_levels(
        lambda *a: (leave_one_out(*a),), (events, exposure), night
    )
    nine = [leave_one_out(*(by_cluster(a, block_of(night)) for a in (events, exposure)))]
    rotation = [leave_one_out(*(by_cluster(a, block) for a in (events, exposure)))]
    by_nine, by_rotation = (jackknife_interval(levels)[1] for levels in (nine, rotation))
    assert high[0] == pytest.approx(by_rotation[0])
    assert high[1] == pytest.approx(by_nine[1])
    assert (by_rotation > by_nine).all()
    assert (low < high).all()


def test_slabs_change_nothing(monkeypatch):
    rng = np.random.default_rng(8)
    exposure = rng.integers(0, 300, (70, 1, 45)).astype(float)
    events = np.floor(exposure * rng.random((70, 2, 45)))
    night = np.datetime64("2013-11-01") + np.arange(70)

    def both(a, n):
        return leave_one_out(a, n), leave_one_out(n - a, n)

    whole = interval_over_levels(both, (events, exposure), night)
    monkeypatch.setattr(uncertainty, "_SLAB", 1000)
    parts = interval_over_levels(both, (events, exposure), night)
    np.testing.assert_array_equal(parts, whole)
    assert np.shape(parts) == (2, 2, 2, 45)


def test_clusters_in_any_order():
    rng = np.random.default_rng(9)
    cluster, values = rng.integers(0, 6, 50), rng.integers(0, 9, (50, 2))
    expected = [values[cluster == k].sum(axis=0) for k in range(6)]
    np.testing.assert_array_equal(by_cluster(values, cluster), expected)
    assert by_cluster(values[:0], cluster[:0]).shape == (0, 2)


def test_what_is_not_present_does_not_count():
    rng = np.random.default_rng(10)
    exposure = rng.integers(1, 300, 20).astype(float)
    level = leave_one_out(np.floor(exposure * rng.random(20)), exposure)
    odd = replace(level, present=np.arange(20) < 12)
    change = (level.without[:12] - level.value) ** 2
    assert jackknife_se(odd) == pytest.approx(np.sqrt(11 / 12 * change.sum()))
