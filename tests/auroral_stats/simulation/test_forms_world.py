"""Forms are drawn from chances that depend on what they should, and on nothing later."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auroral_stats.labels import USABLE
from auroral_stats.simulation.forms_world import (
    DWELL_MINUTES,
    MOOD,
    age_in_frames,
    drive_of,
    form_chances,
    form_sequence,
    minute_forms,
    moods,
    oval_latitude,
)

ARC, DIFFUSE, DISCRETE, CLEAR = (USABLE.index(n) for n in ("arc", "diffuse", "discrete", "clear"))
HOURS = np.arange(17.0, 31.0, 0.5) % 24


def test_the_driver_is_that_of_ten_to_forty_minutes_before():
    coupling = np.random.default_rng(0).exponential(4000.0, 300)
    drive = drive_of(coupling)
    for minute in (39, 40, 123, 299):
        mean = np.mean([coupling[k] for k in range(minute - 39, minute - 9)])
        assert drive[minute] == pytest.approx(np.log((mean + 250) / 2500))
    np.testing.assert_array_equal(drive[:39], drive[39])
    other = coupling.copy()
    other[191:] = 0.0
    np.testing.assert_array_equal(drive_of(other)[:201], drive[:201])
    assert np.all(drive_of(other)[201:231] < drive[201:231])


@given(st.floats(-2.3, 2.5), st.floats(0, 24), st.floats(55, 80), st.floats(-2, 2))
def test_chances_are_chances(drive, mlt, mlat, mood):
    chance = form_chances(np.array([drive]), np.array([mlt]), np.array([mlat]), mood)
    assert chance.shape == (1, 4)
    assert np.all(chance > 0)
    assert chance.sum() == pytest.approx(1)


def at(drive, mlat=66.0, mlt=HOURS, mood=0.0):
    return form_chances(np.full(mlt.shape, drive), mlt, np.full(mlt.shape, mlat), mood)


def test_arcs_come_before_midnight_and_diffuse_aurora_after_it():
    chance = at(0.0)
    assert 20 <= HOURS[chance[:, ARC].argmax()] <= 22
    assert 1 <= HOURS[chance[:, DIFFUSE].argmax()] <= 6


def test_driving_brings_discrete_aurora_and_less_clear_sky_in_the_auroral_zone():
    quiet, active = at(-1.0).mean(axis=0), at(1.0).mean(axis=0)
    assert active[DISCRETE] > 2.5 * quiet[DISCRETE]
    assert active[CLEAR] < 0.8 * quiet[CLEAR]


def test_the_oval_moves_so_that_high_sites_lose_what_low_sites_gain():
    hours = np.array([23.0, 0.0, 1.0])
    assert np.all(oval_latitude(np.ones(3), hours) < oval_latitude(np.zeros(3), hours) - 1)
    aurora = {
        (drive, mlat): 1 - at(drive, mlat, hours)[:, CLEAR].mean()
        for drive in (-1.0, 1.5)
        for mlat in (61.8, 71.9)
    }
    assert aurora[1.5, 71.9] < aurora[-1.0, 71.9]
    assert aurora[1.5, 61.8] > 2 * aurora[-1.0, 61.8]


def test_a_mood_favours_all_aurora_alike():
    good, plain = at(0.0, mood=0.7), at(0.0)
    odds = (good[:, :3] / good[:, 3:]) / (plain[:, :3] / plain[:, 3:])
    np.testing.assert_allclose(odds, np.exp(0.7))
    drawn = moods(np.random.default_rng(0), 4000, 3)
    assert drawn.std() == pytest.approx(MOOD, rel=0.05)
    assert np.corrcoef(drawn.T)[0, 1] == pytest.approx(0.5, abs=0.05)


def test_forms_have_the_chances_that_they_are_drawn_from():
    chance = np.tile([0.2, 0.3, 0.1, 0.4], (60_000, 1))
    made = form_sequence(np.random.default_rng(0), chance, 4)
    share = np.bincount(made.form, minlength=4) / made.form.size
    # 10,000 draws: a standard deviation of 0.005 and some, for lengths differ
    np.testing.assert_allclose(share, chance[0], atol=0.02)
    changes = np.count_nonzero(np.diff(made.hidden_above))
    assert 60_000 / changes == pytest.approx(DWELL_MINUTES, rel=0.05)
    # what is redrawn may be the same form: so a form lasts longer than a draw does
    length = made.form.size / 4 / (1 + np.count_nonzero(np.diff(made.form)))
    assert length == pytest.approx(DWELL_MINUTES / (1 - (chance[0] ** 2).sum()), rel=0.05)


def test_forms_forget_an_old_driver_at_the_rate_of_the_draws():
    """Chances that change from one sure form to another show the age of what is there."""
    each, minutes, worlds = 5, 40, 4000
    chance = np.zeros((2 * minutes, 4))
    chance[:minutes, ARC] = chance[minutes:, CLEAR] = 1.0
    rng = np.random.default_rng(1)
    old = np.mean(
        [form_sequence(rng, chance, each).form[minutes * each :] == ARC for _ in range(worlds)],
        axis=0,
    )
    draw = 1 / (DWELL_MINUTES * each)
    expected = (1 - draw) ** (1 + np.arange(minutes * each))
    np.testing.assert_allclose(old, expected, atol=0.04)
    age = age_in_frames(rng, 200_000, each)
    assert age.min() == 0
    for frames in (1, 20, 60):
        assert np.mean(age >= frames) == pytest.approx((1 - draw) ** frames, abs=0.005)


def test_the_form_of_a_minute_is_that_of_most_of_its_frames():
    form = np.random.default_rng(0).integers(0, 4, 7 * 500).astype(np.uint8)
    blocks = form.reshape(-1, 7).tolist()
    slow = [max(range(4), key=lambda k, b=block: (b.count(k), -k)) for block in blocks]
    assert minute_forms(form, 7).tolist() == slow
