"""Random epochs keep what onsets of one night share, and lose the onset alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from auroral_stats.epoch_series import EpochSeries, epoch_axis
from auroral_stats.labels import CLASSES
from auroral_stats.nights import night_of
from auroral_stats.random_epochs import pool_of_index, pool_of_sites, random_band

NIGHTS, MINUTES, EACH = 60, 480, 12


def stormy_nights(seed: int) -> tuple[EpochSeries, np.ndarray]:
    """Return an index that is one level for a night, and the minutes that there are."""
    rng = np.random.default_rng(seed)
    first = np.datetime64("2013-12-01T00:00", "m")
    minute = np.concatenate(
        [first + np.timedelta64(1440 * k, "m") + np.arange(MINUTES) for k in range(NIGHTS)]
    )
    values = np.repeat(rng.normal(0, 20, NIGHTS), MINUTES) + rng.normal(0, 1, minute.size)
    return EpochSeries(epoch_axis(minute, 1), np.append(values, np.nan)), minute


def onsets_without_effect(minute: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Return a dozen onsets in each of fifteen nights, at minutes that mean nothing."""
    nights = rng.choice(NIGHTS, 15, replace=False)
    at = (nights[:, None] * MINUTES + rng.integers(0, MINUTES, (15, EACH))).ravel()
    return pd.DataFrame({"time": np.sort(minute[at])})


def test_the_band_holds_onsets_that_mean_nothing():
    """Drawn one by one, epochs would make a band a third as wide, which fails three in four."""
    inside = narrow = 0
    worlds = 60
    for seed in range(worlds):
        rng = np.random.default_rng(1000 + seed)
        series, minute = stormy_nights(seed)
        onsets = onsets_without_effect(minute, rng)
        pool = pool_of_index(series, onsets)
        group = np.zeros(len(onsets), dtype=np.int64)
        band = random_band([series], group, np.array([0]), pool, 200, rng)
        rows = series.axis.rows(onsets["time"].to_numpy().astype("M8[m]").astype(np.int64))
        mean = series.values[rows].mean()
        inside += band["band_low"][0] <= mean <= band["band_high"][0]
        half = 1.96 * np.nanstd(series.values) / np.sqrt(len(onsets))
        narrow += abs(mean - np.nanmean(series.values)) <= half
    assert inside / worlds > 0.85
    assert narrow / worlds < 0.6


def test_onsets_of_a_night_move_together_and_keep_their_stratum():
    series, minute = stormy_nights(0)
    rng = np.random.default_rng(0)
    onsets = onsets_without_effect(minute, rng)
    time = onsets["time"].to_numpy().astype("M8[m]")
    pool = pool_of_index(series, onsets)
    for _ in range(20):
        onset, drawn = pool.draw(rng)
        # Every hour is there in every night: none is lost.
        assert onset.tolist() == list(range(len(onsets)))
        moved = pd.DataFrame({"from": night_of(time), "to": night_of(drawn.astype("M8[m]"))})
        assert (moved.groupby("from")["to"].nunique() == 1).all()
        assert (moved["from"] != moved["to"]).all()
        assert (drawn // 60 % 24 == time.astype(np.int64) // 60 % 24).all()
        month = drawn.astype("M8[m]").astype("M8[M]").astype(int) % 12
        assert (month == time.astype("M8[M]").astype(int) % 12).all()
    places = [pool.draw(rng)[1] for _ in range(200)]
    assert np.unique(night_of(np.concatenate(places).astype("M8[m]"))).size == NIGHTS


@pytest.fixture
def two_sites() -> xr.Dataset:
    """Four nights; the second site is cloudy in the first three."""
    time = np.concatenate(
        [np.datetime64(f"2013-12-0{d}T04:00", "m") + np.arange(60) for d in range(2, 6)]
    )
    frames = np.zeros((time.size, 2, 6), dtype=np.uint8)
    frames[:, 0, CLASSES.index("arc")] = 20
    frames[:180, 1, CLASSES.index("cloudy")] = 20
    frames[180:, 1, CLASSES.index("arc")] = 20
    shape = (time.size, 2)
    return xr.Dataset(
        {
            "frames": (("time", "site", "label"), frames),
            "sun_elevation": (("time", "site"), np.full(shape, -30.0)),
            "moon_elevation": (("time", "site"), np.full(shape, -30.0)),
            "moon_illumination": ("time", np.zeros(time.size)),
            "mlt": (("time", "site"), np.full(shape, 22.5)),
        },
        coords={
            "time": time.astype("M8[ns]"),
            "site": ["gill", "fsmi"],
            "label": list(CLASSES),
        },
    )


def test_minutes_without_a_form_are_no_place_for_an_onset(two_sites):
    onsets = pd.DataFrame(
        {
            "time": two_sites["time"].to_numpy()[[0, 10]],
            "site": ["gill", "fsmi"],
            "mlt": [22.5, 22.5],
            "label": ["arc", "arc"],
        }
    )
    pool = pool_of_sites(two_sites, onsets, {"max_sun_elevation": -12.0, "moon": "down"})
    rng = np.random.default_rng(0)
    seen = {0: 0, 1: 0}
    for _ in range(300):
        onset, minute = pool.draw(rng)
        for number, when in zip(onset, minute, strict=True):
            seen[number] += 1
            if number == 1:
                assert str(when.astype("M8[m]")).startswith("2013-12-05")
    # The site that is always clear finds a place in every draw, the other in one night of the
    # three that are not its own, which is drawn twice as often because it takes both.
    assert seen[0] == 300
    assert 120 < seen[1] < 180
    assert pool.chance.tolist() == [1.0, 0.5]


def test_an_onset_of_another_site_or_hour_finds_no_place(two_sites):
    onsets = pd.DataFrame(
        {
            "time": two_sites["time"].to_numpy()[[0, 1]],
            "site": ["rank", "gill"],
            "mlt": [22.5, 3.5],
            "label": ["arc", "arc"],
        }
    )
    pool = pool_of_sites(two_sites, onsets, {"max_sun_elevation": -12.0, "moon": "down"})
    assert pool.draw(np.random.default_rng(0))[0].size == 0
    series = [EpochSeries(epoch_axis(two_sites["time"].to_numpy(), 1), np.zeros(241))] * 2
    band = random_band(series, np.array([0, 1]), np.array([0]), pool, 40, np.random.default_rng(0))
    assert np.isnan(band["band_low"]).all()


def test_hours_that_are_seldom_seen_keep_their_weight():
    """X depends on the hour alone, and late hours are cloudy in three nights of four."""
    time = np.concatenate(
        [
            np.datetime64("2013-12-01T02:00", "m") + np.timedelta64(1440 * k, "m") + np.arange(120)
            for k in range(28)
        ]
    )
    late = np.arange(time.size) % 120 >= 60
    night = np.arange(time.size) // 120
    frames = np.zeros((time.size, 1, 6), dtype=np.uint8)
    frames[:, 0, CLASSES.index("arc")] = 20
    frames[late & (night % 4 > 0), 0] = 0
    shape = (time.size, 1)
    data = xr.Dataset(
        {
            "frames": (("time", "site", "label"), frames),
            "sun_elevation": (("time", "site"), np.full(shape, -30.0)),
            "moon_elevation": (("time", "site"), np.full(shape, -30.0)),
            "moon_illumination": ("time", np.zeros(time.size)),
            "mlt": (("time", "site"), np.where(late, 23.5, 22.5)[:, None]),
        },
        coords={"time": time.astype("M8[ns]"), "site": ["gill"], "label": list(CLASSES)},
    )
    # One early and one late onset in every night that has both.
    at = np.concatenate([np.arange(0, 28, 4) * 120 + 10, np.arange(0, 28, 4) * 120 + 70])
    onsets = pd.DataFrame(
        {"time": data["time"].to_numpy()[at], "site": "gill", "mlt": data["mlt"].to_numpy()[at, 0]}
    ).assign(label="arc")
    pool = pool_of_sites(data, onsets, {"max_sun_elevation": -12.0, "moon": "down"})
    series = [EpochSeries(epoch_axis(time, 1), np.append(late.astype(float), np.nan))]
    group = np.zeros(len(onsets), dtype=np.int64)
    band = random_band(series, group, np.array([0]), pool, 400, np.random.default_rng(0))
    # Half of the onsets are late; a plain mean over those that found a place would say 0.28.
    assert band["random_mean"][0] == pytest.approx(0.5, abs=0.05)


def test_a_draw_that_falls_into_a_gap_does_not_take_the_band_away():
    series, minute = stormy_nights(0)
    values = series.values.copy()
    values[:MINUTES] = np.nan
    holed = EpochSeries(series.axis, values)
    # Both onsets are of one night, so that every draw reads one night alone.
    onsets = pd.DataFrame({"time": minute[[20 * MINUTES, 20 * MINUTES + 5]]})
    pool = pool_of_index(series, onsets)
    group = np.zeros(2, dtype=np.int64)
    band = random_band([holed], group, np.array([0]), pool, 300, np.random.default_rng(0))
    assert np.isfinite(band["band_low"]).all()
