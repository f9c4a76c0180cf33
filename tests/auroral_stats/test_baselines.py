"""Baselines and despiking on fields of known content."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auroral_stats.baselines import (
    BASELINES,
    RUNNING_MARGIN_DAYS,
    baseline_sensitivity,
    day_baseline,
    median_baseline,
    running_baseline,
)
from auroral_stats.despiking import despike
from auroral_stats.disturbance import bay_depth, dbdt, horizontal
from auroral_stats.errors import UsageError


def axis(days: int, start: str = "2014-01-01") -> np.ndarray:
    first = np.datetime64(start, "m")
    return np.arange(first, first + np.timedelta64(days, "D"))


def active_field(days: int, seed: int = 0, *, level=(12_000.0, 200.0, 58_000.0)) -> np.ndarray:
    """Quiet noise, and every few nights a storm of some hundred nT for six or sixteen hours."""
    rng = np.random.default_rng(seed)
    field = rng.normal(0, 0.5, (days * 1440, 3)) + level
    for night in range(0, days, 4):
        length = 960 if night % 8 else 360
        first = night * 1440 + 300
        # The storm comes and goes within forty minutes, and is gone before midnight.
        shape = np.interp(np.arange(length + 80), [0, 40, length + 40, length + 80], [0, 1, 1, 0])
        unrest = np.cumsum(rng.normal(0, 6, (length + 80, 3)), axis=0)
        unrest -= np.linspace(0, 1, length + 80)[:, None] * unrest[-1]
        field[first : first + length + 80] += shape[:, None] * [-150, 0, 40] + unrest
    return field


@pytest.mark.parametrize("name", BASELINES)
def test_silent_error_10_baseline_artefacts(name):
    """Offset, one-year trend and midnight give no spike of dB/dt; a 100 nT bay is recovered."""
    days = 365
    time = axis(days)
    quiet = active_field(days)
    trend = np.linspace(0, 1, time.size)[:, None] * [60.0, -80.0, 40.0]
    field = quiet + trend + [500.0, -300.0, 100.0]
    level = BASELINES[name].compute(time, field)
    assert np.isfinite(level).all()

    # The rate of change is that of the field: neither offset nor trend nor baseline enters it.
    rate = dbdt(field[:, 0], field[:, 1], 60, time=time)
    truth = dbdt(quiet[:, 0], quiet[:, 1], 60, time=time)
    assert np.nanmax(np.abs(rate - truth)) < 1e-3
    midnight = np.arange(1440, time.size, 1440)
    assert np.nanmax(rate[midnight]) < 0.1
    if name == "running":
        # This baseline adds no rate of its own even where it is subtracted first.
        own = dbdt(level[:, 0], level[:, 1], 60, time=time)
        assert np.nanmax(own) < 1e-3
        rest = field - level
        np.testing.assert_allclose(dbdt(rest[:, 0], rest[:, 1])[1:], truth[1:], atol=1e-3)
    if name == "day":
        # Subtracted first, it would: the test can fail.
        rest = field - level
        assert np.nanmax(dbdt(rest[:, 0], rest[:, 1])[midnight]) > 0.1

    # A bay of 100 nT over a quiet midnight in the middle of the year.
    with_bay = field.copy()
    start = 182 * 1440 + 1410  # 23:30
    bay = -100 * np.sin(np.linspace(0, np.pi, 61)) ** 2
    with_bay[start : start + 61, 0] += bay
    depth = bay_depth(with_bay[:, 0], time=time)[start : start + 10].min()
    assert depth == pytest.approx(-100, rel=0.05)
    if name == "running":
        rest = with_bay - BASELINES[name].compute(time, with_bay)
        assert rest[start + 30, 0] == pytest.approx(-100, rel=0.05)
        disturbance = horizontal(rest[:, 0], rest[:, 1])
        assert disturbance[start + 30] == pytest.approx(100, rel=0.05)


def test_the_running_baseline_recovers_the_quiet_level_through_storms():
    time = axis(60)
    trend = np.linspace(0, 10, time.size)[:, None] * [1.0, 0.5, 0.0]
    level = running_baseline(time, active_field(60) + trend)
    inner = slice(RUNNING_MARGIN_DAYS * 1440, -RUNNING_MARGIN_DAYS * 1440)
    truth = trend + np.array([12_000.0, 200.0, 58_000.0])
    assert np.abs(level - truth)[inner].max() < 1.0
    # The day's median is drawn away on a day with a long storm, which is why it is not the default.
    stormy = np.full((time.size, 3), 0.0) + truth
    stormy[20 * 1440 : 20 * 1440 + 900, 0] -= 300
    assert np.abs(day_baseline(time, stormy)[20 * 1440, 0] - truth[20 * 1440, 0]) > 290
    assert np.abs(running_baseline(time, stormy) - truth)[inner].max() < 1.0


def test_the_running_baseline_leaves_the_daily_variation():
    time = axis(40)
    hour = (np.arange(time.size) % 1440) / 60
    daily = 30 * np.sin(2 * np.pi * hour / 24)
    field = 12_000 + daily + np.random.default_rng(0).normal(0, 0.5, time.size)
    rest = field - running_baseline(time, field)
    # All of it is still there, about some level within its range.
    assert np.ptp(rest[20 * 1440 : 21 * 1440]) == pytest.approx(60, abs=4)


def test_the_running_baseline_does_not_need_other_days_than_its_window():
    time, field = axis(60), active_field(60)
    middle = 30 * 1440 + 720
    near = slice((30 - RUNNING_MARGIN_DAYS) * 1440, (30 + RUNNING_MARGIN_DAYS + 1) * 1440)
    whole = running_baseline(time, field)[middle]
    np.testing.assert_allclose(
        running_baseline(time[near], field[near])[9 * 1440 + 720], whole, atol=1e-9
    )
    other = field.copy()
    other[: 20 * 1440] += 1000
    other[41 * 1440 :] -= 1000
    np.testing.assert_allclose(running_baseline(time, other)[middle], whole, atol=1e-9)


def test_missing_data_are_neither_used_nor_made():
    time, field = axis(30), active_field(30)
    field[5 * 1440 : 12 * 1440] = np.nan
    for baseline in BASELINES.values():
        level = baseline.compute(time, field)
        assert np.isfinite(level[: 5 * 1440]).all()
        assert np.isfinite(level[12 * 1440 :]).all()
        assert np.abs(level[: 5 * 1440] - [12_000, 200, 58_000]).max() < 200
    assert np.isnan(day_baseline(time, field)[6 * 1440]).all()
    assert np.isnan(running_baseline(axis(3), np.full((3 * 1440, 3), np.nan))).all()
    # Twenty hours are no basis for a quiet level.
    short = np.full(3 * 1440, np.nan)
    short[:1200] = 1.0
    assert np.isnan(running_baseline(axis(3), short)).all()


def test_winters_are_apart():
    time = np.concatenate([axis(30, "2013-01-01"), axis(30, "2014-01-01")])
    field = np.concatenate([np.full(30 * 1440, 100.0), np.full(30 * 1440, 180.0)])
    for name in ("running", "median", "day"):
        level = BASELINES[name].compute(time, field)
        np.testing.assert_allclose(level, field, atol=1e-9)


@pytest.mark.parametrize("name", BASELINES)
def test_times_are_checked(name):
    time = axis(2)
    with pytest.raises(UsageError, match="not ascending"):
        BASELINES[name].compute(time[::-1], np.zeros(time.size))
    with pytest.raises(UsageError, match="shape"):
        BASELINES[name].compute(time[1:], np.zeros(time.size))


def test_the_median_baseline_is_that_of_thm_make_ae():
    time = axis(1)
    field = np.random.default_rng(0).normal(0, 1, 1440) + 9000
    clean = np.median(field)
    field[100:160] = 30_000  # far beyond 1500 nT
    kept = np.delete(field, np.arange(98, 162))
    assert median_baseline(time, field)[0] == np.median(kept)
    assert median_baseline(time, field)[0] == pytest.approx(clean, abs=0.2)


@pytest.mark.parametrize("step", [0.5, 1.0, 10.0, 60.0])
@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 1000), sign=st.sampled_from([-1.0, 1.0]))
def test_despike_takes_out_spikes_of_up_to_two_minutes(step, seed, sign):
    rng = np.random.default_rng(seed)
    size = int(4 * 3600 / step)
    clean = 12_000 + np.cumsum(rng.normal(0, 0.3 * np.sqrt(step), size))
    length = int(rng.integers(1, max(int(120 / step), 1) + 1))
    first = int(rng.integers(10, size - length - 10))
    spiked = clean.copy()
    spiked[first : first + length] += sign * max(80.0, 20 * step)
    got = despike(spiked, step)
    assert np.isnan(got[first : first + length]).all()
    rest = np.ones(size, dtype=bool)
    rest[first : first + length] = False
    np.testing.assert_array_equal(got[rest], clean[rest])


@pytest.mark.parametrize("step", [0.5, 1.0, 10.0, 60.0])
def test_despike_leaves_onsets_pi2_trains_and_offsets(step):
    seconds = np.arange(0, 4 * 3600, step)
    rng = np.random.default_rng(5)
    noise = np.cumsum(rng.normal(0, 0.1 * np.sqrt(step), seconds.size))
    # An onset: H falls 600 nT within two minutes and recovers over an hour.
    since = np.maximum(seconds - 3600, 0)
    onset = -600 * (1 - np.exp(-since / 60)) * np.exp(-since / 3600)
    # Pi2 trains of 60 nT amplitude at all periods of the band.
    for period in (40.0, 75.0, 150.0):
        train = 60 * np.sin(2 * np.pi * seconds / period) * np.exp(-(((seconds - 4000) / 400) ** 2))
        field = 12_000 + noise + onset + train
        assert despike(field, step) is field
    # A change of level that stays is no spike, nor is a pulse of five minutes.
    shifted = 12_000 + noise + np.where(seconds > 5000, 400.0, 0.0)
    np.testing.assert_array_equal(despike(shifted, step), shifted)
    pulse = 12_000 + noise + np.where((seconds > 5000) & (seconds <= 5300), 400.0, 0.0)
    np.testing.assert_array_equal(despike(pulse, step), pulse)


def test_despike_clips_with_two_samples_on_each_side_as_thm_make_ae_does():
    field = np.zeros(100)
    field[50:60] = -1600
    got = despike(field, 60.0)
    assert np.flatnonzero(np.isnan(got)).tolist() == list(range(48, 62))
    field[50:60] = -1400
    assert despike(field, 60.0) is field
    field[50:60] = -1600
    assert despike(field, 60.0, limit=None) is field


def test_despike_treats_components_alone_and_leaves_its_input():
    field = np.zeros((100, 3), dtype=np.float32)
    field[40, 1] = 900
    before = field.copy()
    got = despike(field, 1.0)
    np.testing.assert_array_equal(field, before)
    assert got.dtype == np.float32
    assert np.argwhere(np.isnan(got)).tolist() == [[40, 1]]
    # A missing sample beside the spike hides nothing.
    field[41] = np.nan
    assert np.isnan(despike(field, 1.0)[40, 1])


def test_sensitivity_says_what_the_choice_of_baseline_changes():
    time, field = axis(40), active_field(40)
    table = baseline_sensitivity(time, field, minutes=np.arange(time.size) >= 9 * 1440)
    assert table["baseline"].tolist() == ["running", "day", "median"] * 4
    assert (table.loc[table["baseline"] == "running", "maximum_difference"] == 0).all()
    by = table.set_index(["measure", "baseline"])
    # The seam of the day's median shows in the rates, nowhere else does a rate depend on it.
    assert by.loc[("dbdt", "day"), "maximum_difference"] > 0.1
    assert by.loc[("dbdt", "median"), "maximum_difference"] < 1e-3
    rest = field - running_baseline(time, field)
    expected = np.median(horizontal(rest[:, 0], rest[:, 1])[9 * 1440 :])
    assert by.loc[("horizontal", "running"), "median"] == pytest.approx(expected)
    with pytest.raises(UsageError, match="expected some of running, day, median"):
        baseline_sensitivity(time, field, baselines=["hourly"])
