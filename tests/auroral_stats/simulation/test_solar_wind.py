"""The simulated solar wind varies as the real one does, on every scale that matters."""

from __future__ import annotations

import numpy as np
import pytest

from auroral_stats.simulation.solar_wind import (
    SolarWindLevel,
    coupling_per_minute,
    gap_mask,
    simulate_solar_wind,
)

LEVEL = SolarWindLevel(speed=370.0, field=5.0, stream=150.0, ejections=2)
DAY = 1440


@pytest.fixture(scope="module")
def winds():
    return [simulate_solar_wind(np.random.default_rng(k), 58 * DAY, LEVEL) for k in range(12)]


def test_the_same_seed_gives_the_same_wind(winds):
    again = simulate_solar_wind(np.random.default_rng(3), 58 * DAY, LEVEL)
    np.testing.assert_array_equal(again.bz, winds[3].bz)
    np.testing.assert_array_equal(again.temperature, winds[3].temperature)
    assert again.arrivals == winds[3].arrivals


def test_common_values_are_those_at_one_astronomical_unit(winds):
    magnitude = np.concatenate([np.sqrt(w.bx**2 + w.by**2 + w.bz**2) for w in winds])
    speed, density = (np.concatenate([getattr(w, n) for w in winds]) for n in ("speed", "density"))
    bz = np.concatenate([w.bz for w in winds])
    assert 4 < np.median(magnitude) < 7
    assert 380 < np.median(speed) < 450
    assert speed.min() >= 260
    assert 3 < np.median(density) < 7
    assert abs(bz.mean()) < 0.5
    assert 2.5 < bz.std() < 4.5


def test_streams_return_after_a_rotation(winds):
    """Speed correlates with itself 27 days later, and less so 20 or 34 days later."""

    def correlation(days):
        late = [(w.speed[: -days * DAY], w.speed[days * DAY :]) for w in winds]
        early, later = (np.concatenate(part) for part in zip(*late, strict=True))
        return np.corrcoef(early, later)[0, 1]

    # Ejections and noise are no part of it; real speed has 0.5 (2006 to 2018).
    assert correlation(27) > 0.3
    assert correlation(27) > max(correlation(20), correlation(34)) + 0.3


def test_a_night_is_far_from_all_that_varies(winds):
    """Means of a day differ by more than noise of some hours would leave, for days on end."""
    daily = np.stack([np.abs(w.bz).reshape(-1, DAY).mean(axis=1) for w in winds])
    assert daily.std() > 0.5
    # autocorrelation over the 58 days of each run, biased towards 0 by the removal of its mean
    speed = np.stack([w.speed.reshape(-1, DAY).mean(axis=1) for w in winds])
    speed -= speed.mean(axis=1, keepdims=True)
    assert (speed[:, 2:] * speed[:, :-2]).mean() > 0.3 * speed.var()


def test_winters_differ_in_level():
    quiet, active = (
        coupling_per_minute(simulate_solar_wind(np.random.default_rng(5), 58 * DAY, level)).mean()
        for level in (SolarWindLevel(350.0, 4.0, 100.0, 1), SolarWindLevel(400.0, 5.5, 180.0, 3))
    )
    assert active > 1.3 * quiet


def test_mass_ejections_bring_a_shock_a_sheath_and_a_rope(winds):
    southward, peaks = 0, []
    for wind in winds:
        assert len(wind.arrivals) == LEVEL.ejections
        assert all(k * 29 * DAY <= t <= (k + 1) * 29 * DAY for k, t in enumerate(wind.arrivals))
        for arrival in wind.arrivals:
            if not 60 <= arrival < 56 * DAY:
                continue
            jump = wind.speed[arrival + 5] - wind.speed[arrival - 5]
            assert jump > 50
            storm = slice(arrival, arrival + int(1.6 * DAY))
            peaks.append(np.hypot(wind.by, wind.bz)[storm].max())
            southward += wind.bz[storm].min() < -8
    assert len(peaks) > 15
    assert np.median(peaks) > 12
    assert southward > 0.8 * len(peaks)


def test_coupling_needs_southward_field(winds):
    coupling = coupling_per_minute(winds[0])
    assert coupling.min() >= 0
    assert coupling[winds[0].bz < -3].mean() > 3 * coupling[winds[0].bz > 3].mean()


def test_gaps_are_short_and_many_or_long_and_few():
    missing = gap_mask(np.random.default_rng(0), 4000 * DAY)
    edge = np.diff(missing.astype(np.int8), prepend=0, append=0)
    length = np.flatnonzero(edge < 0) - np.flatnonzero(edge > 0)
    # 3 a day of 7.5 min and 0.08 a day of 7 h in the mean, some of them overlapping
    expected = 1 - np.exp(-(3 * 7.6 + 0.08 * 420.5) / DAY)
    assert missing.mean() == pytest.approx(expected, rel=0.1)
    assert np.median(length) < 10
    assert (length > 180).sum() > 100
    assert not gap_mask(np.random.default_rng(0), DAY, per_day=(0.0,), mean_minutes=(5.0,)).any()
