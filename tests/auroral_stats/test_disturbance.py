"""Disturbance measures against slow transcriptions, golden values and known waves."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from auroral_stats.disturbance import (
    bay_depth,
    dbdt,
    finite_median,
    horizontal,
    positive_bay,
    rotate_xyz_to_hdz,
)
from auroral_stats.errors import DataError, UsageError
from auroral_stats.pi2 import pi2_power

MINUTE = np.timedelta64(1, "m")


def minutes(size: int, start: str = "2014-03-10") -> np.ndarray:
    return np.datetime64(start, "ns") + np.arange(size) * MINUTE


def labelled(values, units="nT", time=None):
    values = np.asarray(values, dtype=float)
    coords = {} if time is None else {"mag_time": time}
    return xr.DataArray(values, dims="mag_time", coords=coords, attrs={"units": units})


def test_horizontal_is_the_length_of_two_components():
    assert horizontal(np.array([3.0]), np.array([-4.0])).tolist() == [5.0]


def test_units_are_checked_and_stated():
    assert horizontal(labelled([3.0]), labelled([4.0])).attrs["units"] == "nT"
    assert dbdt(labelled([0, 60]), labelled([0, 0])).attrs["units"] == "nT/s"
    with pytest.raises(DataError, match="dd is in 'T'; expected nT"):
        horizontal(labelled([3.0]), labelled([4e-9], "T"))
    with pytest.raises(DataError, match="expected nT"):
        bay_depth(labelled(np.zeros(60), "uT"))


def test_dbdt_of_a_turning_field_is_not_the_change_of_its_length():
    # A field of 100 nT that turns through 90 degrees in a minute: d|B|/dt would be zero.
    h, d = np.array([100.0, 0.0]), np.array([0.0, 100.0])
    assert dbdt(h, d, 60)[1] == pytest.approx(100 * np.sqrt(2) / 60)


@pytest.mark.parametrize("step", [0.5, 1.0, 10.0, 60.0])
def test_dbdt_is_given_in_nanotesla_per_second_at_any_cadence(step):
    time = np.datetime64("2014-03-10", "ns") + (np.arange(50) * step * 1e9).astype("m8[ns]")
    slope = dbdt(2.0 * np.arange(50) * step, np.zeros(50), step, time=time)
    np.testing.assert_allclose(slope[1:], 2.0)
    assert np.isnan(slope[0])


def test_dbdt_never_crosses_a_gap_of_the_axis_or_a_missing_value():
    time = minutes(10)
    time[5:] += 7 * MINUTE
    h = np.arange(10.0)
    h[8] = np.nan
    got = dbdt(labelled(h, time=time), labelled(np.zeros(10), time=time))
    assert np.flatnonzero(np.isnan(got.to_numpy())).tolist() == [0, 5, 8, 9]
    # The same numbers on an axis that is taken to be regular.
    assert np.flatnonzero(np.isnan(dbdt(h, np.zeros(10)))).tolist() == [0, 8, 9]


def test_dbdt_works_on_many_sites_at_once():
    rng = np.random.default_rng(0)
    h, d = rng.normal(size=(2, 40, 3))
    together = dbdt(h, d, 60)
    for k in range(3):
        np.testing.assert_array_equal(together[:, k], dbdt(h[:, k], d[:, k], 60))


def slow_bay(dh, before, after, coverage, pick):
    """Transcribe the definition for each minute of a regular axis."""
    out = np.full(len(dh), np.nan)
    for t in range(len(dh)):
        lead = [v for v in dh[max(t - before, 0) : t] if np.isfinite(v)]
        tail = [v for v in dh[t : t + after] if np.isfinite(v)]
        if len(lead) >= coverage * before - 1e-9 and len(tail) >= coverage * after - 1e-9:
            out[t] = pick(tail) - np.median(lead)
    return out


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    size=st.integers(1, 150),
    before=st.integers(1, 15),
    after=st.integers(1, 40),
    coverage=st.sampled_from([0.5, 0.9, 1.0]),
    missing=st.sampled_from([0.0, 0.05, 0.5]),
)
def test_bays_agree_with_the_definition(seed, size, before, after, coverage, missing):
    rng = np.random.default_rng(seed)
    dh = np.cumsum(rng.normal(size=size))
    dh[rng.random(size) < missing] = np.nan
    for measure, pick in ((bay_depth, min), (positive_bay, max)):
        got = measure(dh, before=before, after=after, coverage=coverage)
        expected = slow_bay(dh, before, after, coverage, pick)
        np.testing.assert_allclose(got, expected, atol=1e-12)


def test_bays_do_not_look_across_a_gap_of_the_axis():
    dh = np.r_[np.zeros(60), np.full(60, -500.0)]
    time = np.concatenate([minutes(60), minutes(60, "2014-03-11")])
    regular, gapped = bay_depth(dh), bay_depth(dh, time=time)
    assert regular[55] == -500.0
    # Three of the thirty minutes to come may be missing, and one of the ten before.
    assert np.isnan(gapped[34:69]).all()
    assert gapped[33] == 0.0
    assert gapped[69] == 0.0


def test_bays_are_the_same_in_chunks(monkeypatch):
    from auroral_stats import disturbance

    dh = np.cumsum(np.random.default_rng(1).normal(size=(500, 2)), axis=0)
    whole = bay_depth(dh)
    monkeypatch.setattr(disturbance, "_CHUNK", 37)
    np.testing.assert_array_equal(bay_depth(dh), whole)


def test_a_bay_has_its_sign():
    h = np.r_[np.zeros(30), -300 * np.sin(np.linspace(0, np.pi, 60)), np.zeros(30)]
    assert np.nanmin(bay_depth(h)) < -250
    assert np.nanmax(positive_bay(-h)) > 250


@pytest.mark.parametrize("period", [50.0, 60.0, 75.0, 100.0])
@pytest.mark.parametrize("step", [1.0, 5.0, 10.0])
def test_pi2_power_of_a_wave_is_half_its_squared_amplitude(period, step):
    seconds = np.arange(0, 3600, step)
    h = 12_000 + 8 * np.sin(2 * np.pi * seconds / period)
    d = 300 + 6 * np.cos(2 * np.pi * seconds / period)
    assert pi2_power(h, d, step)[-1] == pytest.approx((64 + 36) / 2, rel=0.03)


@pytest.mark.parametrize("period", [20.0, 300.0, 600.0])
def test_pi2_power_leaves_other_periods_out(period):
    seconds = np.arange(0, 3600, 5.0)
    wave = 10 * np.sin(2 * np.pi * seconds / period)
    assert np.nanmax(pi2_power(wave, 0 * wave, 5)) < 0.02 * 50


def test_pi2_power_agrees_with_a_periodogram():
    rng = np.random.default_rng(3)
    h, d = np.cumsum(rng.normal(size=(2, 12 * 30)), axis=1)
    expected = 0.0
    for x in (h, d):
        taper = np.sin(np.pi * (np.arange(120) + 0.5) / 120) ** 2
        frequency, density = signal.periodogram(
            x[-120:], fs=0.2, window=taper, detrend="linear", scaling="density"
        )
        band = (frequency >= 1 / 150 - 1e-9) & (frequency <= 1 / 40 + 1e-9)
        expected += np.trapezoid(density[band], frequency[band])
    # scipy tapers after detrending, as here.
    assert pi2_power(h, d, 5)[-1] == pytest.approx(expected, rel=1e-9)


@given(st.integers(10, 39), st.integers(0, 100))
@settings(deadline=None, max_examples=25)
def test_pi2_power_uses_nothing_later_than_its_minute(minute, seed):
    rng = np.random.default_rng(seed)
    h, d = rng.normal(size=(2, 12 * 40))
    changed = h.copy()
    changed[(minute + 1) * 12 :] += 1e4
    before, after = pi2_power(h, d, 5), pi2_power(changed, d, 5)
    np.testing.assert_allclose(before[: minute + 1], after[: minute + 1], rtol=1e-9)


def test_pi2_power_needs_nine_tenths_of_its_window():
    seconds = np.arange(0, 3600, 5.0)
    h = 10 * np.sin(2 * np.pi * seconds / 75)
    few, many = h.copy(), h.copy()
    few[300:311], many[300:313] = np.nan, np.nan
    assert pi2_power(few, h, 5)[30] > 60
    power = pi2_power(many, h, 5)
    assert np.isnan(power[30])
    assert np.isfinite(power[[20, 45]]).all()
    assert np.isnan(pi2_power(np.full(720, np.nan), h, 5)).all()


@pytest.mark.parametrize("step", [0.0, 7.0, 20.0, 60.0])
def test_pi2_power_refuses_a_cadence_it_cannot_use(step):
    with pytest.raises(UsageError, match="whole fraction of a minute of at most 10 s"):
        pi2_power(np.zeros(600), np.zeros(600), step)


def test_rotation_keeps_the_horizontal_length_and_finds_magnetic_north():
    x, y, z = np.array([[15_000.0, 14_000.0], [5_000.0, 5_100.0], [55_000.0, 55_001.0]])
    declination = np.degrees(np.arctan2(y[0], x[0]))
    h, d, down = rotate_xyz_to_hdz(x, y, z, float(declination))
    np.testing.assert_allclose(np.hypot(h, d), np.hypot(x, y))
    assert d[0] == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_array_equal(down, z)
    # dB/dt does not know the difference.
    np.testing.assert_allclose(dbdt(h, d)[1:], dbdt(x, y)[1:])


@given(
    st.lists(
        st.one_of(st.just(float("nan")), st.floats(-1e6, 1e6)),
        max_size=12,
    ),
    st.integers(1, 6),
)
def test_finite_median_agrees_with_numpy(values, least):
    finite = [v for v in values if np.isfinite(v)]
    got = float(finite_median(np.array([values]).reshape(1, -1), least)[0])
    if len(finite) < least:
        assert np.isnan(got)
    else:
        assert got == pytest.approx(np.median(finite))
