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
            "time": two_sites["time"].to_numpy()[[200, 210]],
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
    # The site that is always clear finds a place in every draw, the other in one night of four,
    # which is drawn twice as often because it takes both.
    assert seen[0] == 300
    assert 90 < seen[1] < 150


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
