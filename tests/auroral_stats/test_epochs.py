"""Superposed epochs of known pulses, with gaps, and bands that hold what is no onset."""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from auroral_stats.epochs import epochs
from auroral_stats.errors import DataError, UsageError
from auroral_stats.labels import CLASSES
from auroral_stats.measures import MEASURES, measure_at
from auroral_stats.onsets import onsets_from_labels

DAY = np.timedelta64(1, "D")


def make_events(*, nights=60, seed=0, cadence=1, hole=True) -> tuple[xr.Dataset, np.ndarray]:
    """Return two sites over some nights whose H dips, and SYM_H falls, after known minutes.

    Every night has more disturbance toward its end, so that late onsets look disturbed anyway.
    """
    rng = np.random.default_rng(seed)
    first = np.datetime64("2013-12-01T03:00")
    days = first + np.arange(nights) * DAY
    time = np.concatenate([d + np.arange(360) for d in days]).astype("M8[m]")
    dense = np.concatenate([d + np.arange(-180, 540) for d in days]).astype("M8[m]")
    onset = np.array([d + int(rng.integers(150, 300)) for d in days]).astype("M8[m]")
    since = (dense[:, None] - np.repeat(onset, 720).reshape(-1, 1)).astype(int)[:, 0]
    pulse = np.where((since >= 0) & (since < 60), since / 60.0, 0.0)
    clock = np.concatenate([np.arange(-180, 540)] * nights) / 360
    mag = np.zeros((dense.size, 2, 3), dtype=np.float32)
    for site in range(2):
        mag[:, site, 0] = 10_000 - 200 * pulse * (site == 0) - 20 * clock
        mag[:, site, 0] += rng.normal(0, 10, dense.size)
    if hole:
        mag[rng.random(dense.size) < 0.05] = np.nan
    base = np.zeros((1, *mag.shape), dtype=np.float32)
    base[..., 0] = 10_000
    frames = np.zeros((time.size, 2, 6), dtype=np.uint8)
    own = np.repeat(onset, 360)
    on = (time >= own) & (time < own + 30)
    frames[..., CLASSES.index("diffuse")] = 20
    frames[on, 0] = 0
    frames[on, 0, CLASSES.index("discrete")] = 20
    starts = dense[:: max(cadence, 1)] if cadence > 1 else dense
    symh = -30 * pulse + rng.normal(0, 3, dense.size)
    drivers = symh.reshape(-1, cadence).mean(axis=1) if cadence > 1 else symh
    shape = (time.size, 2)
    hour = ((time - time.astype("M8[D]")) / np.timedelta64(1, "h")).astype(float)
    data = xr.Dataset(
        {
            "frames": (("time", "site", "label"), frames),
            "sun_elevation": (("time", "site"), np.full(shape, -30.0, np.float32)),
            "moon_elevation": (("time", "site"), np.full(shape, -10.0, np.float32)),
            "moon_illumination": ("time", np.full(time.size, 0.5, np.float32)),
            "mlt": (("time", "site"), np.repeat((hour % 24)[:, None], 2, axis=1)),
            "mlat": (("time", "site"), np.full(shape, 66.0, np.float32)),
            "SYM_H": ("driver_time", drivers),
            "mag": (("mag_time", "site", "component"), mag),
            "mag_baseline": (("baseline", "mag_time", "site", "component"), base),
        },
        coords={
            "time": time.astype("M8[ns]"),
            "site": ["gill", "fsmi"],
            "label": list(CLASSES),
            "driver_time": starts.astype("M8[ns]"),
            "mag_time": dense.astype("M8[ns]"),
            "component": ["H", "D", "Z"],
            "baseline": ["running"],
        },
        attrs={"simulated": "true"},
    )
    data["driver_time"].attrs["cadence_minutes"] = cadence
    data["mag_time"].attrs["cadence_minutes"] = 1
    return data, onset


@pytest.fixture(scope="module")
def events():
    return make_events()


@pytest.fixture(scope="module")
def superposed(events):
    data, _ = events
    onsets = onsets_from_labels(data)
    return epochs(data, onsets, ("dB", "SYM_H"), before=60, after=90, resamples=200)


def slow_epoch(series, onsets, lags):
    """Return mean, median and number by reindexing a pandas series."""
    rows = np.array(
        [series.reindex(time + pd.to_timedelta(lags, unit="min")).to_numpy() for time in onsets]
    )
    return np.nanmean(rows, axis=0), np.nanmedian(rows, axis=0), np.isfinite(rows).sum(axis=0)


def test_onsets_from_labels_are_the_injected_ones(events):
    data, onset = events
    found = onsets_from_labels(data)
    assert found["time"].to_numpy().astype("M8[m]").tolist() == onset.tolist()
    assert set(found["site"]) == {"gill"}


def test_every_lag_equals_pandas(events, superposed):
    data, onset = events
    lags = superposed["lag"].to_numpy()
    series = {
        "SYM_H": pd.Series(data["SYM_H"].to_numpy(), index=data["driver_time"].to_numpy()),
        "dB": pd.Series(measure_at(data, MEASURES["dB"], 0), index=data["mag_time"].to_numpy()),
    }
    for name, values in series.items():
        mean, median, number = slow_epoch(values, pd.DatetimeIndex(onset), lags)
        one = superposed.sel(of=name)
        np.testing.assert_allclose(one["mean"], mean, rtol=1e-9)
        np.testing.assert_allclose(one["median"], median, rtol=1e-9)
        np.testing.assert_array_equal(one["number"], number)
    assert superposed["number"].sel(of="dB").min() < 60
    assert superposed["units"].to_numpy().tolist() == ["nT", "nT"]


def test_the_pulse_leaves_the_band_and_nothing_else_does(superposed):
    lag = superposed["lag"]
    for name, sign in (("dB", 1), ("SYM_H", -1)):
        one = superposed.sel(of=name)
        limit = one["band_high"] if sign > 0 else one["band_low"]
        beyond = sign * (one["mean"] - limit) > 0
        assert beyond.sel(lag=slice(35, 58)).all()
        assert beyond.sel(lag=slice(-60, -5)).mean() < 0.05
        assert beyond.sel(lag=slice(62, 90)).mean() < 0.05
    # The end of the night is disturbed whatever happens: the band knows.
    late = superposed["random_mean"].sel(of="dB")
    assert late.sel(lag=90) > late.sel(lag=-60)
    low, high = (superposed[f"mean_{end}"].sel(of="SYM_H") for end in ("low", "high"))
    truth = xr.where((lag >= 0) & (lag < 60), -lag / 2, 0)
    assert float(((low <= truth) & (truth <= high)).mean()) > 0.85


def test_the_interval_is_over_nights(events):
    data, onset = events
    onsets = pd.DataFrame({"time": onset.astype("M8[ns]")})
    twice = pd.concat([onsets, onsets], ignore_index=True)
    one, two = (
        epochs(data, o, ("SYM_H",), before=10, after=20, resamples=0) for o in (onsets, twice)
    )
    for name in ("mean", "mean_low", "mean_high"):
        np.testing.assert_allclose(one[name], two[name], rtol=1e-9)
    assert (two["number"] == 2 * one["number"]).all()
    assert (two["nights"] == one["nights"]).all()
    assert "band_low" not in one


def test_a_night_gap_is_no_data(events):
    data, _ = events
    # The last minute of data of the first night, and the day after it.
    end = data["mag_time"].to_numpy()[719]
    onsets = pd.DataFrame({"time": [end], "site": ["gill"]})
    found = epochs(data, onsets, ("dB", "SYM_H"), before=30, after=800, resamples=0)
    number = found["number"]
    assert (number.sel(of="SYM_H", lag=slice(-30, 0)) == 1).all()
    gap = number.sel(lag=slice(1, 720))
    assert (gap == 0).all()
    assert (number.sel(of="SYM_H", lag=slice(721, 800)) == 1).all()
    assert found["mean"].sel(lag=slice(1, 720)).isnull().all()
    # Onsets in the gap itself, nearer to one side or to the other.
    inside = pd.DataFrame({"time": [end + np.timedelta64(300, "m")]})
    found = epochs(data, inside, ("SYM_H",), before=400, after=500, resamples=0)
    there = found["number"].isel(of=0).to_numpy() > 0
    lags = found["lag"].to_numpy()
    np.testing.assert_array_equal(there, (lags <= -300) | (lags >= 421))


def test_hourly_values_are_held_over_their_hour():
    data, onset = make_events(nights=8, cadence=60)
    onsets = pd.DataFrame({"time": onset.astype("M8[ns]")})
    found = epochs(data, onsets, ("SYM_H",), before=60, after=60, resamples=40)
    hourly = pd.Series(data["SYM_H"].to_numpy(), index=data["driver_time"].to_numpy())
    for lag in (-60, -7, 0, 33, 60):
        at = pd.DatetimeIndex(onset) + pd.Timedelta(minutes=lag)
        expected = hourly.reindex(at.floor("h")).mean()
        np.testing.assert_allclose(found["mean"].sel(lag=lag).item(), expected)
    assert found["cadence_minutes"].item() == 60


def test_random_moments_stay_inside_their_band():
    data, _ = make_events(nights=80, seed=1)
    rng = np.random.default_rng(5)
    inside = 0
    for _ in range(8):
        at = np.sort(rng.choice(data["driver_time"].to_numpy(), 60, replace=False))
        found = epochs(data, pd.DataFrame({"time": at}), ("SYM_H",), before=5, after=5, step=5)
        inside += float(
            ((found["mean"] >= found["band_low"]) & (found["mean"] <= found["band_high"])).mean()
        )
    assert inside / 8 > 0.8


def test_seed_and_provenance(events):
    data, _ = events
    onsets = onsets_from_labels(data)
    options = {"of": ("SYM_H",), "before": 5, "after": 5, "resamples": 50}
    one, again, other = (epochs(data, onsets, seed=s, **options) for s in (1, 1, 2))
    xr.testing.assert_equal(one, again)
    assert not one["band_low"].equals(other["band_low"])
    assert one.attrs["simulated"] == "true"
    assert one.attrs["onsets"] == "60"
    assert json.loads(one.attrs["parameters"])["resamples"] == 50
    onsets.attrs["simulated"] = "false"
    with pytest.raises(DataError, match="simulated and real inputs cannot be mixed"):
        epochs(data, onsets, **options)


def test_a_list_with_sites_takes_its_local_time_from_the_site(events):
    data, onset = events
    listed = pd.DataFrame({"time": onset.astype("M8[ns]"), "site": "gill", "mlt": 3.0})
    found = epochs(data, listed, ("dB",), before=5, after=5, resamples=40)
    assert found["number"].max() == 60


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"of": ()}, "got nothing"),
        ({"of": ("SYM_H", "sym_h")}, "a name is given twice"),
        ({"of": ("SYMH",)}, "unknown driver 'SYMH'. Nearest: SYM_H"),
        ({"of": ("mlt",)}, "mlt is no quantity that varies about an onset"),
        ({"of": ("clock_angle",)}, "is an angle"),
        ({"of": ("dB",)}, "belongs to a station, and these onsets have no site"),
        ({"before": -1}, "before -1"),
        ({"step": 0}, "step 0"),
        ({"resamples": 10}, "resamples 10"),
    ],
)
def test_bad_options_are_named(events, options, message):
    data, onset = events
    onsets = pd.DataFrame({"time": onset.astype("M8[ns]")})
    with pytest.raises(UsageError, match=message):
        epochs(data, onsets, **{"of": ("SYM_H",), **options})


def test_what_is_not_there_is_named(events):
    data, onset = events
    onsets = pd.DataFrame({"time": onset.astype("M8[ns]")})
    with pytest.raises(DataError, match="AL needs AL, which the joined data do not have"):
        epochs(data, onsets, ("AL",))
    with pytest.raises(DataError, match="there is no onset"):
        epochs(data, onsets.iloc[:0], ("SYM_H",))
    with pytest.raises(DataError, match=r"no onset has data of SYM_H around it.*2033"):
        epochs(data, onsets + pd.Timedelta(days=7305), ("SYM_H",))
    with pytest.raises(UsageError, match="column 'time'"):
        epochs(data, onsets.rename(columns={"time": "when"}), ("SYM_H",))
    with pytest.raises(DataError, match="onsets at rank, which the joined data do not have"):
        epochs(data, onsets.assign(site="rank"), ("dB",))
    with pytest.raises(DataError, match="Join again with --mag"):
        epochs(data.drop_vars("mag"), onsets.assign(site="gill"), ("dB",))


def test_interval_counts_nights_by_their_onsets():
    """Nights nine days apart, most onsets in one of them: t with the effective number of nights."""
    from scipy import stats

    data, onset = make_events(nights=80, seed=4, hole=False)
    chosen = onset[onset.astype("M8[D]").astype(int) % 9 == 0]
    each = [40, *[2] * (len(chosen) - 1)]
    times = np.concatenate([t + np.arange(n) for t, n in zip(chosen, each, strict=True)])
    found = epochs(
        data,
        pd.DataFrame({"time": times.astype("M8[ns]")}),
        ("SYM_H",),
        before=0,
        after=1,
        resamples=0,
    ).sel(of="SYM_H", lag=0)
    values = data["SYM_H"].to_series()[pd.DatetimeIndex(times)].to_numpy()
    night = np.repeat(np.arange(len(chosen)), each)
    left = np.array([values[night != k].mean() for k in range(len(chosen))])
    error = np.sqrt((len(chosen) - 1) / len(chosen) * ((left - values.mean()) ** 2).sum())
    effective = sum(each) ** 2 / sum(n * n for n in each)
    # Blocks of nights are given at least three degrees of freedom where the nights have them.
    width = stats.t.ppf(0.975, max(effective - 1, 1)) * error
    assert float(found["mean"]) == pytest.approx(values.mean())
    assert float(found["mean_high"]) - values.mean() == pytest.approx(width)
    assert values.mean() - float(found["mean_low"]) == pytest.approx(width)
