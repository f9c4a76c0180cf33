"""What hides the sky does so as often as it is said to, and hides the faint first."""

from __future__ import annotations

import numpy as np
import pytest

from auroral_stats.labels import USABLE
from auroral_stats.simulation.weather import (
    VEIL,
    camera_on,
    clear_sky_chance,
    cloud,
    cloud_threshold,
    moonlight,
    seen_chance,
)

SITES = ("gill", "fsim", "fsmi", "snkq", "rank")


@pytest.fixture(scope="module")
def clouds():
    return cloud(np.random.default_rng(0), 800_000, SITES)


def test_cloud_covers_the_share_it_should(clouds):
    overcast = (clouds > cloud_threshold(SITES)).mean(axis=0)
    clear = clear_sky_chance(cloud_threshold(SITES), np.full(len(SITES), -30.0))
    np.testing.assert_allclose(overcast, 1 - clear, atol=0.04)
    assert overcast[SITES.index("snkq")] > overcast[SITES.index("rank")] + 0.1


def test_cloud_lasts_for_hours_and_is_shared_by_neighbours(clouds):
    assert np.corrcoef(clouds[:-60, 0], clouds[60:, 0])[0, 1] > 0.7
    assert np.corrcoef(clouds[:-1440, 0], clouds[1440:, 0])[0, 1] < 0.15
    between = np.corrcoef(clouds.T)
    west = between[SITES.index("fsim"), SITES.index("fsmi")]
    across = between[SITES.index("fsim"), SITES.index("snkq")]
    assert west > across + 0.2
    assert west > 0.3


def test_twilight_hides_more_and_more_above_minus_twelve():
    sun = np.array([-40.0, -12.0, -11.0, -10.0])
    chance = clear_sky_chance(0.0, sun)
    assert chance[0] == chance[1] == 0.5
    assert chance[1] > chance[2] > chance[3]


def test_moonlight_needs_a_moon_that_is_up_and_lit():
    light = moonlight(np.array([-1.0, 0.0, 5.0, 50.0, 50.0]), np.array([1.0, 1.0, 1.0, 1.0, 0.2]))
    assert light[0] == light[1] == 0
    assert light[3] > light[2] > light[4] > 0
    assert np.all(seen_chance(light[4]) > 0.85)


def test_moonlight_hides_the_faint_first():
    seen = dict(zip(USABLE, seen_chance(np.array(0.7)), strict=True))
    assert seen["discrete"] > seen["arc"] > seen["clear"] > seen["diffuse"]
    np.testing.assert_array_equal(seen_chance(np.zeros(3)), 1.0)
    draw = np.random.default_rng(0).exponential(size=(200_000, 1)) / VEIL
    np.testing.assert_allclose((draw >= 0.7).mean(axis=0), seen_chance(np.array(0.7)), atol=0.005)


def test_cameras_fail_now_and_then():
    on = camera_on(np.random.default_rng(0), 60 * 1440, 6)
    assert 0.85 < on.mean() < 0.99
    off = np.flatnonzero(~on.all(axis=1))
    assert off.size > 6 * 1440
    assert camera_on(np.random.default_rng(0), 60, 2).shape == (60, 2)
