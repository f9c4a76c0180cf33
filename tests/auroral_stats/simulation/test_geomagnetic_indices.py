"""Indices follow the solar wind, later and never earlier."""

from __future__ import annotations

import numpy as np
import pytest

from auroral_stats.simulation.geomagnetic_indices import (
    auroral_indices,
    electrojet,
    kp_of,
    ring_current,
)
from auroral_stats.simulation.kp_files import AP_OF_KP_THIRDS


def test_the_electrojet_answers_within_20_to_40_minutes():
    step = np.where(np.arange(900) < 300, 0.0, 10_000.0)
    answer = np.mean([electrojet(np.random.default_rng(k), step) for k in range(300)], axis=0)
    final = answer[500:].mean()
    half = np.argmax(answer > final / 2) - 300
    assert answer[:315].max() < 0.1 * final
    assert 20 <= half <= 40
    assert 250 < final < 450


def test_the_electrojet_knows_nothing_of_later_coupling():
    rng = np.random.default_rng(0)
    coupling = rng.exponential(4000.0, 600)
    other = coupling.copy()
    other[400:] = 0.0
    one, two = (electrojet(np.random.default_rng(1), c) for c in (coupling, other))
    np.testing.assert_array_equal(one[:415], two[:415])
    assert np.all(one[420:] > two[420:])


def test_ae_is_au_less_al():
    jet = np.random.default_rng(0).exponential(150.0, 5000)
    made = auroral_indices(np.random.default_rng(1), jet)
    np.testing.assert_array_equal(made["AE"], made["AU"] - made["AL"])
    assert all(np.array_equal(v, np.rint(v)) for v in made.values())
    assert np.corrcoef(-made["AL"], jet)[0, 1] > 0.99
    assert 0.3 < made["AU"].mean() / -made["AL"].mean() < 0.7


def test_the_ring_current_obeys_burton():
    """Against the differential equation in steps of a second, without its noise."""
    minutes = 1200
    speed = np.full(minutes, 500.0)
    bz = np.where((np.arange(minutes) > 200) & (np.arange(minutes) < 500), -10.0, 2.0)
    pressure = np.full(minutes, 2.0)
    made = np.mean(
        [ring_current(np.random.default_rng(k), speed, bz, pressure)["SYM_H"] for k in range(200)],
        axis=0,
    )
    reference, current = [], 0.0
    for minute in range(minutes):
        field = max(-bz[minute], 0.0) * speed[minute] * 1e-3
        for _ in range(60):
            current += -1.5e-3 * max(field - 0.5, 0.0) - 3.6e-5 * current
        reference.append(current + 15.8 * np.sqrt(2.0) - 20.0)
    np.testing.assert_allclose(made, reference, atol=1.2)
    assert min(reference) < -80


def test_the_ring_current_rises_with_pressure_alone():
    speed, bz = np.full(100, 400.0), np.full(100, 3.0)
    low, high = (
        ring_current(np.random.default_rng(0), speed, bz, np.full(100, p))["SYM_H"]
        for p in (1.0, 9.0)
    )
    np.testing.assert_allclose(high - low, 2 * 15.8, atol=1)


def test_kp_is_in_thirds_and_grows_with_the_electrojet():
    jet = np.repeat(np.linspace(10, 3000, 400), 180)
    thirds = kp_of(jet) * 3
    np.testing.assert_allclose(thirds, np.rint(thirds))
    assert np.all(np.diff(thirds) >= 0)
    assert thirds[0] <= 3
    assert thirds.max() == pytest.approx(len(AP_OF_KP_THIRDS) - 2, abs=1)
