"""Measures at the minutes of the joined magnetometer: what they read, and what they must not."""

import tracemalloc

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from auroral_stats.measures import (
    BASELINES,
    MEASURES,
    measure_at,
)
from auroral_stats.pi2 import pi2_power
from auroral_stats.station_minutes import StationMinutes, forward_maximum

OF_CHANGE = [name for name, measure in MEASURES.items() if not measure.uses_baseline]


def two_days(h, seam=300.0):
    """Return a station whose baselines each jump by ``seam`` at midnight."""
    time = np.datetime64("2014-03-10T12:00", "m") + np.arange(1440)
    level = np.where(time < np.datetime64("2014-03-11"), 10_000.0, 10_000.0 - seam)
    mag = np.zeros((1440, 1, 3), dtype=np.float32)
    mag[:, 0, 0] = h
    base = np.zeros((3, 1440, 1, 3), dtype=np.float32)
    base[..., 0] = level[:, None]
    base[..., 1] = level[:, None] / 10
    return xr.Dataset(
        {
            "mag": (("mag_time", "site", "component"), mag),
            "mag_baseline": (("baseline", "mag_time", "site", "component"), base),
            "pi2": (("mag_time", "site"), np.zeros((1440, 1), np.float32)),
        },
        coords={
            "mag_time": ("mag_time", time.astype("M8[ns]"), {"cadence_minutes": 1}),
            "site": ["gill"],
            "component": ["H", "D", "Z"],
            "baseline": list(BASELINES),
        },
    )


@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize("name", OF_CHANGE)
def test_silent_error_10_a_seam_of_the_baseline_is_no_disturbance(name, baseline):
    quiet = measure_at(two_days(10_000.0), MEASURES[name], 0, baseline=baseline)
    assert np.isfinite(quiet).sum() > 1390
    assert np.nanmax(np.abs(quiet)) == 0.0


@pytest.mark.parametrize("baseline", BASELINES)
def test_a_real_bay_across_midnight_is_there_whatever_the_baseline(baseline):
    h = np.full(1440, 10_000.0)
    h[715:760] -= 250
    found = measure_at(two_days(h), MEASURES["bay"], 0, baseline=baseline)
    assert found[715] == pytest.approx(250.0)
    assert found[600] == 0.0
    # The baseline falls by 300 nT at midnight: less it, H would rise there. It rises at 760.
    rise = measure_at(two_days(h), MEASURES["positive_bay"], 0, baseline=baseline)
    assert np.nanmax(rise[:731]) == 0.0


def test_those_that_need_a_baseline_say_so():
    assert [name for name in MEASURES if name not in OF_CHANGE] == ["dB"]


@pytest.mark.parametrize("name", [name for name in MEASURES if name != "pi2"])
def test_a_measure_reads_the_minutes_that_it_says(name):
    measure, at = MEASURES[name], 100
    rng = np.random.default_rng(2)
    parts = rng.normal(0, 1, (4, 200))

    def value(moved=None, by=0.0):
        made = parts.copy()
        if moved is not None:
            made[:, moved] += by
        return measure.compute(StationMinutes(*made, np.zeros(200)))[at]

    read = [k for k in range(200) if any(value(k, by) != value() for by in (-1e3, 1e3))]
    assert min(read) == at - measure.looks_back
    assert max(read) == at + measure.looks_forward


def test_pi2_reads_the_minutes_that_it_says():
    rng = np.random.default_rng(2)
    h, d = rng.normal(size=(2, 40 * 12))
    for component in (0, 1):
        read = []
        for minute in range(40):
            moved = [h.copy(), d.copy()]
            moved[component][12 * minute + 3] += 1e3
            if not np.isclose(pi2_power(*moved, 5)[25], pi2_power(h, d, 5)[25], rtol=1e-9):
                read.append(minute)
        assert read == list(range(25 - MEASURES["pi2"].looks_back, 26))


@pytest.mark.parametrize(
    ("name", "forward", "text"),
    [
        ("dB", 0, "X at minute m"),
        ("dB", 20, "X is the maximum over m to m + 19 min"),
        ("dBdt", 0, "X at minute m, read from m - 1 to m min"),
        ("dBdt", 20, "X is the maximum over m to m + 19 min, read from m - 1 on"),
        ("bay", 0, "X at minute m, read from m - 10 to m + 29 min"),
        ("pi2", 0, "X at minute m, read from m - 9 to m min"),
    ],
)
def test_what_is_read_is_said(name, forward, text):
    assert MEASURES[name].minutes_read(forward) == text


def windows_maximum(values, minutes):
    """Return the maximum over every window written out, as a reference."""
    padded = np.concatenate([values, np.full(minutes - 1, np.nan)])
    window = np.lib.stride_tricks.sliding_window_view(padded, minutes)
    enough = 10 * np.isfinite(window).sum(axis=1) >= 9 * minutes
    highest = np.where(np.isfinite(window), window, -np.inf).max(axis=1)
    return np.where(enough, highest, np.nan)


@given(
    st.integers(1, 120),
    st.integers(1, 300),
    st.sampled_from([0.0, 0.04, 0.3, 1.0]),
    st.integers(0, 1000),
)
def test_forward_maximum_equals_every_window_written_out(minutes, size, missing, seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=size)
    values[rng.random(size) < missing] = np.nan
    before = values.copy()
    np.testing.assert_array_equal(
        forward_maximum(values, minutes), windows_maximum(values, minutes)
    )
    np.testing.assert_array_equal(values, before)


def test_forward_maximum_needs_no_memory_for_windows():
    values = np.zeros(200_000)
    tracemalloc.start()
    forward_maximum(values, 60)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * values.nbytes
