"""Worlds have the memory that they claim, and their truth is the truth."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy import special, stats

from auroral_stats.errors import UsageError
from auroral_stats.indices import load_kp
from auroral_stats.nights import winter_of
from auroral_stats.simulation import worlds as module
from auroral_stats.simulation.worlds import SCENARIOS, autoregressive, simulate_worlds
from auroral_stats.uncertainty import jackknife_se, leave_one_out, ratio

QUIET = replace(
    SCENARIOS[0], slope=0.0, night=0.0, days=0.0, rotation=0.0, winter=0.0, weather=0.95
)


@pytest.fixture
def rough_truth(monkeypatch):
    """Save time where the truth is not what is looked at."""
    monkeypatch.setattr(module, "_DRAWS", 10_000)


def nightly(made):
    """Return the rate of each night, all bins together, (world, night)."""
    return ratio(made.events.sum(axis=-1), made.exposure.sum(axis=-1))


def correlation(values, lag):
    """Return the correlation of values ``lag`` apart along the last axis, over all worlds."""
    pairs = values[:, :-lag].ravel(), values[:, lag:].ravel()
    there = np.isfinite(pairs[0]) & np.isfinite(pairs[1])
    return np.corrcoef(pairs[0][there], pairs[1][there])[0, 1]


@pytest.mark.parametrize("steps", [0.5, 3.0, 12.0])
def test_autoregressive_memory_and_variance(steps):
    made = autoregressive(np.random.default_rng(1), (20_000, 24), steps)
    # Stationary from the first step on.
    np.testing.assert_allclose(made.var(axis=0), 1.0, atol=0.05)
    for lag in (1, 3, 9):
        assert correlation(made, lag) == pytest.approx(np.exp(-lag / steps), abs=0.02)


def test_autoregressive_takes_a_memory_for_each_row():
    made = autoregressive(np.random.default_rng(2), (2, 500, 100), np.array([1.0, 20.0]))
    assert made.shape == (2, 500, 100)
    assert correlation(made[0], 1) == pytest.approx(np.exp(-1.0), abs=0.03)
    assert correlation(made[1], 1) == pytest.approx(np.exp(-0.05), abs=0.03)


def test_rotation_recurs_after_27_nights():
    made = module._rotation(np.random.default_rng(3), 5000, 81, 70.0)
    np.testing.assert_allclose(made.mean(axis=0), 0.0, atol=0.06)
    np.testing.assert_allclose(made.var(axis=0), 1.0, atol=0.08)
    for lag in (5, 9, 13, 27, 54):
        turn = 2 * np.pi * lag / 27
        expected = np.exp(-lag / 70) * (0.7 * np.cos(turn) + 0.3 * np.cos(2 * turn))
        assert correlation(made, lag) == pytest.approx(expected, abs=0.04)
    # A recurrence that keeps its phase is the same in every rotation.
    made = module._rotation(np.random.default_rng(3), 50, 81, 1e9)
    np.testing.assert_allclose(made[:, 27:], made[:, :-27], atol=0.01)


def test_recurrence_fades_as_that_of_kp():
    """From one rotation to the next, as Kp does after its trend over a year is taken away."""
    kp = load_kp("2005-01-01", "2025-01-01", offline=True)["Kp"].to_series().resample("1D").mean()
    anomaly = (kp - kp.rolling(365, center=True, min_periods=180).mean()).to_numpy()[None]
    once, twice = correlation(anomaly, 27), correlation(anomaly, 54)
    assert once > 0.25
    assert twice / once == pytest.approx(np.exp(-27 / SCENARIOS[0].coherence), abs=0.07)
    # Half a rotation and three nights beyond a night's memory are no recurrence.
    assert abs(correlation(anomaly, 13)) < 0.1 * once + 0.02


def test_each_nuisance_has_its_own_memory_in_the_counts(rough_truth):
    def memory(lag, **strength):
        scenario = replace(QUIET, **strength)
        made = simulate_worlds(scenario, worlds=200, nights=81, winters=1, seed=4)
        return correlation(nightly(made), lag)

    assert memory(1, night=1.0) == pytest.approx(0.0, abs=0.04)
    assert 0.6 < memory(1, days=1.0) < np.exp(-1 / 3) + 0.03
    assert memory(27, days=1.0) == pytest.approx(0.0, abs=0.06)
    assert 0.55 < memory(27, rotation=1.0) < np.exp(-27 / 70) + 0.05
    assert memory(27, rotation=1.0, coherence=1e6) > 0.85
    assert memory(9, rotation=1.0) < -0.3
    # Winters differ, so nights of one winter are alike whatever lies between them.
    assert memory(40, winter=1.0) > 0.85
    assert memory(1) == pytest.approx(0.0, abs=0.04)


@pytest.mark.parametrize(("share", "low", "high"), [(0.0, -0.05, 0.05), (1.0, 0.4, 0.6)])
def test_driver_recurs_by_its_memory(share, low, high, rough_truth):
    """Half of the slow variance recurs after 27 nights, half of it fades in three."""
    scenario = replace(QUIET, memory=share, coherence=1e6)
    made = simulate_worlds(scenario, worlds=300, nights=81, winters=1, seed=5)
    centre = np.array([-2, -1, -0.5, 0, 0.5, 1, 2])
    mean = ratio((made.exposure * centre).sum(axis=-1), made.exposure.sum(axis=-1))
    assert low < correlation(mean, 27) < high


def by_quadrature(scenario, winter_variance):
    """Return rate and share of each bin by integration, without a random number.

    The driver is standard normal, and what it leaves open normal with the sum of the variances.
    """
    variance = (
        scenario.night**2
        + scenario.days**2
        + scenario.rotation**2
        + winter_variance * scenario.winter**2
    )
    state = np.linspace(-8, 8, 801)
    weight = stats.norm.pdf(state) / stats.norm.pdf(state).sum()
    rate, share = [], []
    for low, high in pairwise([-8, -1.5, -0.75, -0.25, 0.25, 0.75, 1.5, 8]):
        x, step = np.linspace(low, high, 400, endpoint=False, retstep=True)
        x = x + step / 2
        density = stats.norm.pdf(x)
        logit = scenario.base + scenario.slope * x
        chance = special.expit(logit[:, None] + np.sqrt(variance) * state) @ weight
        rate.append((density * chance).sum() / density.sum())
        share.append(density.sum() * step)
    return np.array(rate), np.array(share)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_truth_equals_an_integral(scenario):
    made = simulate_worlds(scenario, worlds=2, nights=30, seed=6)
    rate, share = by_quadrature(scenario, 1.0)
    np.testing.assert_allclose(made.climate, rate, atol=0.005)
    np.testing.assert_allclose(made.share, share, atol=0.003)
    assert made.share.sum() == pytest.approx(1.0)
    average = simulate_worlds(replace(scenario, winter=0.0), worlds=2, nights=30, seed=6)
    rate, _ = by_quadrature(scenario, 0.0)
    for truth in (average.climate, *average.truth, *average.other_truth):
        np.testing.assert_allclose(truth, rate, atol=0.005)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_truth_equals_a_long_simulation(scenario):
    """Tens of thousands of nights, through the code that makes the nights of a world."""
    made = simulate_worlds(scenario, worlds=1500, nights=60, seed=7)
    events, exposure = made.events.sum(axis=1), made.exposure.sum(axis=1)
    expected = (exposure * made.truth).sum(axis=0) / exposure.sum(axis=0)
    level = leave_one_out(events.astype(float), exposure.astype(float))
    error = jackknife_se(level)
    assert (np.abs(level.value - expected) < 3.5 * error + 0.002).all()
    assert (error < 0.01).all()
    seen = exposure.sum(axis=0) / exposure.sum()
    np.testing.assert_allclose(seen, made.share, atol=0.01)


def test_truth_follows_the_winters_of_each_world():
    scenario = replace(QUIET, winter=1.0, night=0.3)
    made = simulate_worlds(scenario, worlds=300, nights=90, winters=3, seed=8)
    seen = ratio(made.events.sum(axis=1), made.exposure.sum(axis=1))[:, 3]
    assert np.corrcoef(seen, made.truth[:, 3])[0, 1] > 0.9
    # High winters are not pulled towards the mean, as they would be if the truth were not theirs.
    high = made.truth[:, 3] > np.median(made.truth[:, 3])
    for half in (high, ~high):
        assert (seen - made.truth[:, 3])[half].mean() == pytest.approx(0.0, abs=0.01)
    # The winter that was not observed has nothing to do with those that were.
    assert abs(np.corrcoef(made.truth[:, 3], made.other_truth[:, 3])[0, 1]) < 0.2
    # One winter varies more than the mean of three.
    spread = special.logit(made.other_truth[:, 3]).var() / special.logit(made.truth[:, 3]).var()
    assert 2 < spread < 4.5


def test_uneven_winters_are_weighed_by_their_nights():
    scenario = replace(QUIET, winter=3.0, weather=0.999999)
    made = simulate_worlds(scenario, worlds=400, nights=7, winters=5, seed=9)
    assert np.bincount(winter_of(made.night) - 2010).tolist() == [2, 2, 1, 1, 1]
    seen = made.events.sum(axis=(1, 2)) / made.exposure.sum(axis=(1, 2))
    # 420 stretches of a chance near 0 or 1 leave 1.7 %; equal weights would leave 5.8 %.
    error = seen - made.truth.mean(axis=1)
    assert np.sqrt((error**2).mean()) < 0.022
    assert error.mean() == pytest.approx(0.0, abs=0.004)


def test_counts_nights_and_weather(rough_truth):
    made = simulate_worlds(SCENARIOS[3], worlds=400, nights=50, winters=3, seed=10)
    for counts in (made.events, made.exposure):
        assert counts.shape == (400, 50, 7)
        assert (counts % 200 == 0).all()
    assert (made.events <= made.exposure).all()
    assert made.exposure.sum(axis=-1).max() <= 60 * 200
    usable = made.exposure.sum(axis=-1) / (60 * 200)
    assert np.median(usable) == pytest.approx(SCENARIOS[3].weather, abs=0.03)
    assert usable.std() > 0.2
    step = np.diff(made.night).astype(int)
    assert (step == 1).sum() == 47
    assert (step > 200).sum() == 2


def test_seeds(rough_truth):
    def make(seed):
        return simulate_worlds(SCENARIOS[1], worlds=3, nights=20, seed=seed)

    for seed in (1, (1, 2)):
        once, again = make(seed), make(seed)
        np.testing.assert_array_equal(once.events, again.events)
        np.testing.assert_array_equal(once.truth, again.truth)
    assert (make((1, 2)).events != make((1, 3)).events).any()
    made = make(1)
    assert (made.events[0] != made.events[1]).any()
    assert (made.truth[0] != made.truth[1]).any()


def test_blocks_of_worlds_are_different_worlds(rough_truth, monkeypatch):
    monkeypatch.setattr(module, "_AT_ONCE", 60 * 10)
    made = simulate_worlds(SCENARIOS[0], worlds=7, nights=20, winters=2, seed=11)
    assert made.events.shape == (7, 20, 7)
    assert len({world.tobytes() for world in made.events}) == 7


def test_hours_are_counted_apart():
    scenario = replace(SCENARIOS[0], evening=2.0, drift=1.5)
    made = simulate_worlds(scenario, worlds=200, nights=60, hours=4, seed=12)
    assert made.events.shape == (200, 60, 7, 4)
    assert made.truth.shape == (200, 7, 4)
    # The class fades through the night while the driver rises.
    assert (np.diff(made.truth, axis=-1) < 0).all()
    assert (np.diff(made.share[-1]) > 0).all()
    assert (np.diff(made.share[0]) < 0).all()
    events, exposure = (a.sum(axis=(0, 1)) for a in (made.events, made.exposure))
    np.testing.assert_allclose(events / exposure, made.truth.mean(axis=0), atol=0.03)
    np.testing.assert_allclose(exposure / exposure.sum(), made.share, atol=0.01)
    pooled = simulate_worlds(scenario, worlds=2, nights=30, seed=13)
    expected = (made.climate * made.share).sum(axis=-1) / made.share.sum(axis=-1)
    np.testing.assert_allclose(pooled.climate, expected, atol=0.006)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"nights": 2, "winters": 3}, "winters=3: expected 1 to 2"),
        ({"winters": 0}, "winters=0"),
        ({"hours": 0}, "hours=0: expected 1 to 60"),
        ({"hours": 61}, "hours=61"),
    ],
)
def test_what_cannot_be_simulated(given, message):
    with pytest.raises(UsageError, match=message):
        simulate_worlds(SCENARIOS[0], worlds=1, **given)
