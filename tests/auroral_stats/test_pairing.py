"""Lag and window: against a slow loop, and against every way of looking ahead."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auroral_stats import minutes
from auroral_stats.drivers import DRIVERS
from auroral_stats.errors import DataError, UsageError
from auroral_stats.lagging import driver_at, lagged
from auroral_stats.minutes import time_blocks
from auroral_stats.pairing import pair


def slow_lagged(values, times, minutes, *, cadence, lag, window):
    """Transcribe the definition, one minute at a time."""
    step = np.timedelta64(1, "m")
    result = []
    for minute in minutes:
        at = minute - lag * step
        if window == 0:
            inside = (times <= at) & (at < times + cadence * step)
            chosen = values[inside]
            result.append(chosen[0] if chosen.size else np.nan)
        else:
            chosen = values[(times > at - window * step) & (times <= at)]
            finite = chosen[np.isfinite(chosen)]
            enough = finite.size >= 0.75 * window / cadence
            result.append(finite.mean() if enough and finite.size else np.nan)
    return np.array(result)


@settings(max_examples=60, deadline=None)
@given(
    cadence=st.sampled_from([1, 5, 60]),
    lag=st.integers(0, 90),
    intervals=st.integers(0, 12),
    gap=st.integers(0, 40),
    missing=st.floats(0, 0.5),
    seed=st.integers(0, 1000),
)
def test_equals_the_definition(cadence, lag, intervals, gap, missing, seed):
    rng = np.random.default_rng(seed)
    slots = np.concatenate([np.arange(30), np.arange(30 + gap, 60 + gap)])
    times = np.datetime64("2014-03-10T00:00", "m") + slots * np.timedelta64(cadence, "m")
    values = rng.normal(size=times.size)
    values[rng.random(times.size) < missing] = np.nan
    minutes = times[0] + rng.integers(-100, 100 * cadence, 40) * np.timedelta64(1, "m")
    options = {"cadence": cadence, "lag": lag, "window": intervals * cadence}
    np.testing.assert_allclose(
        lagged(values, times, minutes, **options),
        slow_lagged(values, times, minutes, **options),
        rtol=1e-12,
    )


@pytest.mark.parametrize(
    ("cadence", "window"), [(1, 0), (1, 60), (5, 0), (5, 60), (60, 0), (60, 120)]
)
def test_silent_error_5_look_ahead(cadence, window):
    rng = np.random.default_rng(5)
    lag = 10
    times = np.datetime64("2014-03-10T00:00", "m") + np.arange(400) * np.timedelta64(cadence, "m")
    values = rng.normal(size=times.size)
    minute = times[200] + np.timedelta64(17, "m")
    later = times > minute - np.timedelta64(lag, "m")
    assert later.any()
    altered = np.where(later, 1e9 * rng.normal(size=times.size), values)
    for disturbed in (altered, np.where(later, np.nan, values)):
        before, after = (
            lagged(v, times, np.array([minute]), cadence=cadence, lag=lag, window=window)
            for v in (values, disturbed)
        )
        assert before == after
        assert np.isfinite(before).all()
    # The interval that contains minute - lag is the last one that may be used, and it is used.
    used = np.flatnonzero(~later)[-1]
    values[used] += 1.0
    assert (
        lagged(values, times, np.array([minute]), cadence=cadence, lag=lag, window=window) != before
    )


def test_silent_error_6_double_shift_and_end_stamps():
    times = np.datetime64("2014-03-10T00:00", "m") + np.arange(300)
    step = (times >= np.datetime64("2014-03-10T02:00")).astype(float)
    at = lagged(step, times, times, cadence=1, lag=10, window=0)
    assert times[np.flatnonzero(at == 1)[0]] == np.datetime64("2014-03-10T02:10")
    # The mean crosses one half when 30 of its 60 minutes are past the step: 02:00 ... 02:29.
    mean = lagged(step, times, times, cadence=1, lag=10, window=60)
    assert times[np.flatnonzero(mean >= 0.5)[0]] == np.datetime64("2014-03-10T02:39")
    assert times[np.flatnonzero(mean == 1.0)[0]] == np.datetime64("2014-03-10T03:09")
    # Five-minute data: the value that starts at 02:00 serves 02:10 ... 02:14.
    coarse = times[::5]
    at = lagged(step[::5], coarse, times, cadence=5, lag=10, window=0)
    assert times[np.flatnonzero(at == 1)[0]] == np.datetime64("2014-03-10T02:10")


def test_windows_keep_exact_values():
    """Neighbours a million times larger must not leak into a window through running sums."""
    times = np.datetime64("2014-03-10T00:00", "m") + np.arange(1000)
    values = np.full(1000, 1e12)
    values[500:560] = 0.0
    mean = lagged(values, times, times[559:560], cadence=1, lag=0, window=60)
    assert mean.tolist() == [0.0]


def test_coverage_of_three_quarters():
    times = np.datetime64("2014-03-10T00:00", "m") + np.arange(60)
    for present, finite in ((45, True), (44, False)):
        values = np.full(60, np.nan)
        values[:present] = 2.0
        mean = lagged(values, times, times[-1:], cadence=1, lag=0, window=60)
        assert np.isfinite(mean).all() == finite


def test_what_cannot_be():
    times = np.datetime64("2014-03-10T00:00", "m") + np.arange(0, 50, 5)
    values = np.zeros(10)
    with pytest.raises(UsageError, match=r"window 7 min is not a multiple .* 5 min"):
        lagged(values, times, times, cadence=5, lag=0, window=7)
    with pytest.raises(UsageError, match="future"):
        lagged(values, times, times, cadence=5, lag=-1, window=0)
    with pytest.raises(DataError, match="increase in steps of 5 min"):
        lagged(values, times[::-1], times, cadence=5, lag=0, window=0)
    assert np.isnan(lagged(values[:0], times[:0], times, cadence=5, lag=0, window=0)).all()


def test_clock_angle_averages_components(joined_maker):
    data = joined_maker(nights=2)
    data["By"][:] = 0.1
    data["Bz"][:] = np.where(np.arange(data.sizes["driver_time"]) % 2, -5.0, -3.0)
    data["By"][::2] = -0.1
    angle = driver_at(data, DRIVERS["clock_angle"], lag=0, window=60).to_numpy()
    # Angles of +-178 would average to 0, northward; the components average to due south.
    assert np.abs(angle).min() > 179


def test_coupling_is_computed_before_it_is_averaged(joined_maker):
    data = joined_maker(nights=2)
    data["Bz"][:] = np.where(np.arange(data.sizes["driver_time"]) % 2, -5.0, 5.0)
    data["flow_speed"][:] = 400.0
    at = driver_at(data, DRIVERS["vBs"], lag=0, window=60).to_numpy()
    assert at == pytest.approx(1.0)


def test_kp_is_held_for_three_hours(joined):
    kp = driver_at(joined, DRIVERS["Kp"], lag=0, window=0).to_numpy()
    start = joined["time"].to_numpy().astype("M8[h]")
    start = start - (start.astype(int) % 3) * np.timedelta64(1, "h")
    expected = joined["Kp"].to_series().reindex(start.astype("M8[ns]")).to_numpy()
    np.testing.assert_array_equal(kp, expected)


def test_lag_belongs_to_the_solar_wind_when_there_is_any(joined):
    (bz, _), (kp, _) = pair(joined, ["Bz", "Kp"], lag=20, window=30)
    assert (bz.lag, bz.window, kp.lag, kp.window) == (20, 30, 0, 0)
    (kp, _), (mlt, _) = pair(joined, ["Kp", "mlt"], lag=180, window=180)
    assert (kp.lag, kp.window, mlt.lag, mlt.window) == (180, 180, 0, 0)
    with pytest.raises(UsageError, match="not a multiple of the driver's cadence of 180"):
        pair(joined, "Kp", window=60)
    with pytest.raises(UsageError, match="belong to the frame itself"):
        pair(joined, "mlt", lag=10)


def test_what_the_data_do_not_have(joined):
    with pytest.raises(DataError, match=r"'AE' needs AE, .* They have: .*Bz"):
        pair(joined, "AE")
    with pytest.raises(UsageError, match="twice"):
        pair(joined, ["Bz", "Bz"])
    with pytest.raises(UsageError, match="one or two"):
        pair(joined, ["Bz", "By", "Kp"])
    with pytest.raises(UsageError, match="does not apply to site"):
        pair(joined, "site", bins=[[0.0, 1.0]])
    with pytest.raises(UsageError, match="does not apply to mlt"):
        pair(joined, "mlt", bins=[4])


def all_rows(data, by, **options):
    """Return the pairing of one driver and the rows of all site-minutes, made in stretches."""
    ((pairing, rows),) = pair(data, by, **options)
    made = [
        np.broadcast_to(rows.at(block, part), (part.sizes["time"], data.sizes["site"]))
        for block, part in time_blocks(data, ["frames", *rows.needs])
    ]
    return pairing, np.concatenate(made)


def test_times_of_the_frame(joined):
    pairing, rows = all_rows(joined, "season")
    assert pairing.bins.labels == ("DJF", "MAM", "JJA", "SON", "missing")
    assert np.unique(rows).tolist() == [0]
    pairing, rows = all_rows(joined, "year")
    assert pairing.bins.labels == ("2013", "missing")
    pairing, rows = all_rows(joined, "hour")
    assert np.unique(rows).tolist() == [3, 4, 5, 6, 7, 8]
    pairing, rows = all_rows(joined, "site")
    assert rows[0].tolist() == [pairing.bins.labels.index(s) for s in joined["site"].to_numpy()]


@pytest.mark.parametrize("by", ["Bz", "mlt", "moon_elevation", "site", "month"])
def test_rows_of_a_stretch_are_those_of_the_whole(joined, monkeypatch, by):
    pairing, whole = all_rows(joined, by)
    values = driver_at(joined, pairing.driver, lag=pairing.lag, window=pairing.window)
    values = values.broadcast_like(joined["mlt"]).transpose("time", "site").to_numpy()
    np.testing.assert_array_equal(whole, pairing.bins.index(values))
    monkeypatch.setattr(minutes, "BLOCK_MINUTES", 777)
    _, parts = all_rows(joined, by)
    np.testing.assert_array_equal(parts, whole)


@pytest.mark.parametrize("by", ["Bz", "sun_elevation", "moon_illumination"])
@pytest.mark.parametrize("moon", ["down", "any"])
def test_quantiles_share_out_usable_frames(joined, monkeypatch, by, moon):
    """Equal shares of the frames of dark minutes, by a sort of every single frame."""
    monkeypatch.setattr(minutes, "BLOCK_MINUTES", 1000)
    ((pairing, _),) = pair(joined, by, bins=[5], max_sun_elevation=-20.0, moon=moon)
    values = driver_at(joined, pairing.driver, lag=pairing.lag, window=pairing.window)
    values = values.broadcast_like(joined["mlt"]).transpose("time", "site").to_numpy()
    frames = joined["frames"].to_numpy()[..., [0, 1, 2, 5]].sum(axis=-1, dtype=np.int64)
    frames = frames * (joined["sun_elevation"].to_numpy() <= -20)
    if moon == "down":
        lit = joined["moon_illumination"].to_numpy()[:, None] >= 0.3
        frames = frames * ~(lit & (joined["moon_elevation"].to_numpy() > 0))
    single = np.sort(np.repeat(values.ravel(), frames.ravel()))
    single = single[np.isfinite(single)]
    inner = pairing.bins.edges[1:-1]
    for k, edge in enumerate(inner, 1):
        below, at_or_below = np.searchsorted(single, [edge], "left"), (single <= edge).sum()
        # As many frames lie below the edge as can, given that equal values stay together.
        assert below[0] - 60 <= k / 5 * single.size <= at_or_below + 60


def test_absurd_tables_are_refused_before_anything_is_computed(joined):
    fine = np.arange(0, 999, 0.1).tolist()
    with pytest.raises(
        UsageError, match=r"--by Bz,By: 9992 x 9992 bins make .* 99,840,064 rows, .* 30 nights"
    ):
        pair(joined.drop_vars(["frames"]), ["Bz", "By"], bins=[fine, fine])
    with pytest.raises(UsageError, match="wider --bins, fewer --quantiles, or one driver"):
        pair(joined, ["Bz", "By"], bins=[1000, 1000])
    years = np.arange("2000-12-01", "2020-12-01", dtype="M8[D]").astype("M8[ns]")
    long = joined.isel(time=0, drop=True).expand_dims(time=years)
    with pytest.raises(UsageError, match=r"for each of 7,305 nights; expected at most 1,368 rows"):
        pair(long, ["Bz", "By"], bins=[np.arange(50.0), np.arange(50.0)])
    ((pairing, _),) = pair(joined, "Bz", bins=[fine])
    assert len(pairing.bins) == 9992
