"""Despiking of what is no field at all; spikes proper are in test_baselines.py."""

import numpy as np
import pytest

from auroral_stats.despiking import MOST_JUMPS, despike
from auroral_stats.gmag_day import day_means


def day_of(step, seed=0):
    rng = np.random.default_rng(seed)
    size = int(86_400 / step)
    return 12_000 + np.cumsum(rng.normal(0, 0.1 * np.sqrt(step), (size, 3)), axis=0)


@pytest.mark.parametrize("step", [0.5, 1.0, 5.0])
def test_a_component_of_noise_is_taken_out_whole_and_the_others_stay(step):
    field = day_of(step)
    noisy = field.copy()
    noisy[:, 1] += np.random.default_rng(1).normal(0, 200, len(field))
    got = despike(noisy, step, limit=5000.0)
    assert np.isnan(got[:, 1]).all()
    np.testing.assert_array_equal(got[:, [0, 2]], field[:, [0, 2]])


def test_values_of_noise_are_counted_and_make_no_means():
    field = day_of(1.0)
    field[:, 0] += np.random.default_rng(1).normal(0, 200, len(field))
    seconds = np.arange(86_400.0)
    day = day_means(seconds, field)
    assert day.removed == 86_400
    assert np.isnan(day.means[:, 0]).all()
    assert np.isfinite(day.means[:, 1:]).all()


def test_many_spikes_on_a_real_level_are_still_spikes():
    field = day_of(1.0)[:, 0]
    at = np.arange(100, 86_000, 220)
    assert 2 * at.size < MOST_JUMPS * field.size
    spiked = field.copy()
    spiked[at] += 300
    got = despike(spiked, 1.0)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(got)), at)
