"""The field on the ground has the chances that are said, whatever else is in it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auroral_stats.labels import USABLE
from auroral_stats.simulation.ground_field import (
    FORM_SCALE,
    REVERSION,
    bay,
    exceedance,
    fluctuation_scale,
    minute_field,
    sampled_field,
    wandering,
)


@pytest.mark.parametrize("shift", [0.0, 2.0, 9.0, 17.0, 18.0, 25.0, 60.0])
def test_exceedance_is_that_of_many_draws(shift):
    rng = np.random.default_rng(0)
    size, threshold, scale = 400_000, 18.0, 7.0
    draw = rng.standard_normal((size, 2)) * scale
    draw *= np.sqrt(3.0 / rng.chisquare(3.0, size))[:, None]
    draw[:, 0] += shift
    observed = (np.hypot(*draw.T) > threshold).mean()
    got = float(exceedance(threshold, np.array(scale), np.array(shift)))
    # Beside the circle, averaging over six directions is exact; on its edge it is a little off.
    limit = 0.004 if shift < 12 or shift > 30 else 0.03
    assert got == pytest.approx(observed, abs=limit)


@given(st.floats(1, 100), st.floats(0.5, 50), st.floats(0, 100))
def test_exceedance_is_a_chance_that_falls_with_the_threshold(threshold, scale, shift):
    low, high = (
        float(exceedance(t, np.array(scale), np.array(shift))) for t in (threshold, 1.5 * threshold)
    )
    assert -1e-12 <= high <= low + 1e-9 <= 1 + 2e-9


def test_the_electrojet_lowers_h_after_midnight_and_raises_it_before():
    hours = np.array([18.0, 19.0, 0.0, 2.0, 4.0])
    same = np.full(5, 400.0), np.zeros(5), hours
    h, d, _ = bay(*same, np.full(5, 67.5)).T
    assert np.all(h[:2] > 20)
    assert np.all(h[2:] < -100)
    assert np.all(np.abs(d) < 0.3 * np.abs(h))
    north = bay(*same, np.full(5, 71.0))[3]
    south = bay(*same, np.full(5, 64.0))[3]
    # north of a westward electrojet the vertical field rises, south of it it falls
    assert north[2] > 20
    assert south[2] < -20
    assert np.all(np.abs(bay(*same, np.full(5, 50.0))) < 1)


def test_the_scale_has_a_factor_for_the_form_and_one_for_the_state():
    scale = fluctuation_scale(np.array([-1.0, 1.0]), np.zeros(2), np.full(2, 66.0))
    ratio = scale / scale[:, [USABLE.index("arc")]]
    expected = np.array([FORM_SCALE[name] for name in USABLE]) / FORM_SCALE["arc"]
    np.testing.assert_allclose(ratio, np.tile(expected, (2, 1)))
    assert scale[1, 0] > 2 * scale[0, 0]
    day = fluctuation_scale(np.zeros(1), np.array([12.0]), np.full(1, 66.0))
    assert day[0, 0] < 0.6 * fluctuation_scale(np.zeros(1), np.zeros(1), np.full(1, 66.0))[0, 0]


@pytest.fixture(scope="module")
def station():
    """Sixty days in one state, forms in stretches of minutes."""
    minutes = 60 * 1440
    rng = np.random.default_rng(0)
    form = np.repeat(rng.integers(0, 4, minutes // 8), 8).astype(np.uint8)
    state = {
        "jet": np.full(minutes, 100.0),
        "drive": np.full(minutes, 0.5),
        "mlt": np.full(minutes, 1.0),
        "mlat": np.full(minutes, 66.5),
    }
    years = np.arange(minutes) / (365.25 * 1440)
    hours = np.arange(minutes) / 60 % 24
    field = minute_field(rng, form=form, years=years, hours=hours, **state)
    return form, state, field


def test_differences_of_minutes_exceed_as_often_as_they_should(station):
    form, state, field = station
    difference = np.hypot(*np.diff(field[:, :2], axis=0).T)
    scale = fluctuation_scale(state["drive"], state["mlt"], state["mlat"])[0]
    back = wandering(np.array((scale**2).mean()))
    shift = np.hypot(*(back * np.random.default_rng(1).standard_normal((2, 2000))))
    for k in range(4):
        mine = difference[form[1:] == k]
        for threshold in (5.0, 18.0, 42.0):
            expected = exceedance(threshold, np.full(2000, scale[k]), shift).mean()
            error = 4 * np.sqrt(expected * (1 - expected) / mine.size)
            assert (mine > threshold).mean() == pytest.approx(expected, abs=error + 0.003)


def test_the_field_stays_where_it_belongs(station):
    _, state, field = station
    scale = fluctuation_scale(state["drive"], state["mlt"], state["mlat"])[0]
    wander = wandering(np.array((scale**2).mean())) / REVERSION
    # from one half of the days to the other, only the daily variation and the trend are left
    assert np.abs(field[:40_000].mean(axis=0) - field[40_000:].mean(axis=0)).max() < 15
    assert 0.6 * wander < field[:, 0].std() < 1.6 * wander
    horizontal, vertical = np.hypot(field[0, 0], field[0, 1]), field[0, 2]
    assert 8_000 < horizontal < 16_000
    assert 50_000 < vertical < 60_000


def test_samples_have_the_means_of_their_minutes(station):
    _, _, field = station
    part = field[:2880]
    for samples in (6, 60):
        made = sampled_field(np.random.default_rng(3), part, np.full(2880, 5.0), samples)
        means = made.reshape(2880, samples, 3).mean(axis=1)
        there = np.isfinite(means).all(axis=1)
        off = np.abs(means - part).max(axis=1) > 1e-6
        assert there.mean() > 0.8
        # spikes, of which two days have less than one
        assert (off & there).sum() <= 3
        inside = made.reshape(2880, samples, 3)[there & ~off]
        assert inside.std(axis=1).mean() > 0.5


def test_magnetometers_have_spikes_and_gaps():
    minutes = 40 * 1440
    made = sampled_field(np.random.default_rng(0), np.zeros((minutes, 3)), np.ones(minutes), 6)
    missing = np.isnan(made).all(axis=1)
    assert 0.0005 < missing.mean() < 0.05
    spikes = np.abs(made[~missing]).max(axis=1) > 100
    assert 1 <= spikes.sum() <= 20
