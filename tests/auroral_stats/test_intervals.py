"""Every interval against another implementation or a loop."""

import numpy as np
import pytest
from scipy import stats

from auroral_stats.errors import UsageError
from auroral_stats.intervals import (
    INTERVALS,
    bootstrap_interval,
    climatological_interval,
    clopper_pearson_interval,
    cluster_robust_interval,
    false_discovery,
    jeffreys_interval,
    rate_interval,
    wilson_interval,
)
from auroral_stats.uncertainty import kish


@pytest.fixture
def nights():
    rng = np.random.default_rng(7)
    exposure = rng.integers(50, 900, (80, 3)).astype(float)
    events = np.floor(exposure * rng.beta(2, 6, (80, 1)))
    night = np.concatenate(
        [np.datetime64(f"{year}-12-01") + np.arange(16) for year in range(2010, 2015)]
    )
    return events, exposure, night


@pytest.mark.parametrize(("events", "frames"), [(0, 20), (3, 20), (20, 20), (499, 1000)])
@pytest.mark.parametrize(
    ("ours", "theirs"), [(clopper_pearson_interval, "exact"), (wilson_interval, "wilson")]
)
def test_binomial_intervals_equal_scipy(events, frames, ours, theirs):
    expected = stats.binomtest(events, frames).proportion_ci(0.95, theirs)
    result = ours(np.array(float(events)), np.array(float(frames)))
    np.testing.assert_allclose(result, [expected.low, expected.high], atol=1e-12)


def test_jeffreys_is_the_beta_posterior():
    low, high = jeffreys_interval(np.array(3.0), np.array(20.0))
    np.testing.assert_allclose([low, high], stats.beta(3.5, 17.5).ppf([0.025, 0.975]))


def test_bootstrap_equals_a_loop(nights):
    events, exposure, _ = nights
    low, high = bootstrap_interval(events, exposure, resamples=4000, seed=1)
    rng = np.random.default_rng(99)
    rates = []
    for _ in range(4000):
        pick = rng.integers(0, 80, 80)
        rates.append(events[pick].sum(axis=0) / exposure[pick].sum(axis=0))
    expected = np.percentile(rates, [2.5, 97.5], axis=0)
    np.testing.assert_allclose([low, high], expected, atol=0.004)
    again = bootstrap_interval(events, exposure, resamples=4000, seed=1)
    np.testing.assert_array_equal(again, (low, high))
    with pytest.raises(UsageError, match="100 to 100,000"):
        bootstrap_interval(events, exposure, resamples=5)


def test_cluster_robust_equals_the_sandwich(nights):
    events, exposure, _ = nights
    low, high = cluster_robust_interval(events, exposure)
    frames = exposure.sum(axis=0)
    rate = events.sum(axis=0) / frames
    meat = ((events - rate * exposure) ** 2).sum(axis=0)
    se = np.sqrt(80 / 79 * meat) / frames
    np.testing.assert_allclose(high - low, 2 * 1.959964 * se, rtol=1e-6)


def test_climatological_needs_four_winters(nights):
    events, exposure, night = nights
    low, high = rate_interval(events, exposure, night, method="climatological")
    assert np.isfinite([low, high]).all()
    winters = events.reshape(5, 16, 3).sum(axis=1), exposure.reshape(5, 16, 3).sum(axis=1)
    np.testing.assert_allclose(climatological_interval(*winters), (low, high))
    few = slice(0, 48)
    low, high = rate_interval(events[few], exposure[few], night[few], method="climatological")
    assert np.isnan([low, high]).all()
    # A winter is one cluster although New Year falls in it.
    turned = night + np.timedelta64(25, "D")
    np.testing.assert_allclose(
        rate_interval(events, exposure, turned, method="climatological"),
        rate_interval(events, exposure, night, method="climatological"),
    )


def test_climatological_with_no_event_or_nothing_else(nights):
    """As many trials as winters, if they hold equally much: each had the class or had it not."""
    _, exposure, night = nights
    winters = exposure.reshape(5, 16, 3).sum(axis=1)
    number = winters.sum(axis=0) ** 2 / (winters**2).sum(axis=0)
    assert (number > 4).all()
    for events, tail in ((np.zeros_like(exposure), 0), (exposure, 1)):
        limits = rate_interval(events, exposure, night, method="climatological")
        expected = {0: (0 * number, 1 - 0.025 ** (1 / number)), 1: (0.025 ** (1 / number), 1.0)}
        for ours, theirs in zip(limits, expected[tail], strict=True):
            np.testing.assert_allclose(ours, np.broadcast_to(theirs, 3))
    equal = np.full((4, 1), 300.0)
    _, high = climatological_interval(0 * equal, equal)
    assert high == pytest.approx(stats.binomtest(0, 4).proportion_ci(0.95, "exact").high)
    few = climatological_interval(0 * equal[:3], equal[:3])
    assert np.isnan(few).all()


def test_no_event_and_nothing_but_events(nights):
    _, exposure, night = nights
    number = kish(exposure)
    low, high = rate_interval(np.zeros_like(exposure), exposure, night)
    np.testing.assert_allclose(low, 0.0)
    np.testing.assert_allclose(high, 1 - 0.025 ** (1 / number))
    low, high = rate_interval(exposure, exposure, night)
    np.testing.assert_allclose(high, 1.0)
    np.testing.assert_allclose(low, 0.025 ** (1 / number))


def test_every_name_works_and_holds_the_rate(nights):
    events, exposure, night = nights
    rate = events.sum(axis=0) / exposure.sum(axis=0)
    width = {}
    for method in INTERVALS:
        low, high = rate_interval(events, exposure, night, method=method)
        assert ((low < rate) & (rate < high)).all()
        width[method] = (high - low).mean()
    for frames in ("clopper", "wilson", "jeffreys"):
        assert width[frames] < 0.5 * width["jackknife"]
    with pytest.raises(UsageError, match="expected one of jackknife"):
        rate_interval(events, exposure, night, method="magic")


def test_false_discovery_equals_a_loop():
    p = np.array([[0.01, 0.04], [np.nan, 0.03]])
    adjusted = false_discovery(p)
    flat = np.sort(p[np.isfinite(p)])
    expected = [min(flat[j] * 3 / (j + 1) for j in range(i, 3)) for i in range(3)]
    np.testing.assert_allclose(adjusted[np.isfinite(p)], np.array(expected)[[0, 2, 1]])
    assert np.isnan(adjusted[1, 0])
