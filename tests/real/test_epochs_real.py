"""Superposed epochs of real indices about published onsets, against pandas and the literature.

The lists and indices were not made for each other: these tests judge whether reading, superposing
and bands give what is known of substorms, not how large a substorm is.
"""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from auroral_stats.epochs import epochs
from auroral_stats.errors import DataError
from auroral_stats.onsets import read_onsets

LISTS = "substorm_lists"


@pytest.fixture(scope="module")
def newell_gjerloev(realdata):
    """Onsets of 2006 to 2018 in the north, not less than two hours apart."""
    onsets = read_onsets(realdata / LISTS / "Newell_Gjerloev2011.csv", separation=120)
    return onsets[onsets["time"].dt.year.between(2006, 2017)].reset_index(drop=True)


@pytest.fixture(scope="module")
def symh(realdata):
    table = pd.read_parquet(realdata / "omni" / "sym_asy_1min_subset.parquet")
    times = table["time"].dt.tz_convert("UTC").dt.tz_localize(None)
    return pd.Series(table["sym_h"].to_numpy(float), index=times)


def as_joined(series, name, dimension, cadence):
    """Return a series as joined data hold it."""
    data = xr.Dataset(
        {name: (dimension, series.to_numpy())},
        coords={dimension: series.index.to_numpy().astype("M8[ns]")},
    )
    data[dimension].attrs["cadence_minutes"] = cadence
    return data


def test_symh_falls_after_onset(symh, newell_gjerloev):
    onsets = newell_gjerloev[newell_gjerloev["time"].dt.year == 2010]
    found = epochs(
        as_joined(symh, "SYM_H", "driver_time", 1),
        onsets,
        ("SYM_H",),
        before=120,
        after=240,
        step=5,
        resamples=200,
    ).isel(of=0)
    # The same by pandas, one lag at a time.
    for lag in (-120, -30, 0, 35, 240):
        at = onsets["time"].dt.floor("min") + pd.Timedelta(minutes=lag)
        values = symh.reindex(at)
        np.testing.assert_allclose(found["mean"].sel(lag=lag), values.mean())
        np.testing.assert_allclose(found["median"].sel(lag=lag), values.median())
        assert found["number"].sel(lag=lag) == values.notna().sum()
    assert found["number"].min() > 600
    mean = found["mean"]
    # A substorm lowers SYM-H by some nT; the lowest value comes after the onset.
    fall = mean.sel(lag=slice(-60, -30)).mean() - mean.min()
    assert 1.0 < fall < 12.0
    assert 10 < mean.idxmin("lag") <= 240
    # Onsets come in disturbed times: SYM-H is below that of random moments of the same hours.
    assert (mean < found["band_low"]).all()
    assert (found["mean_low"] < mean).all()
    assert (mean < found["mean_high"]).all()


def test_al_has_its_minimum_within_an_hour_and_recovers(hourly_table, newell_gjerloev):
    al = pd.Series(hourly_table["AL"].to_numpy(float), index=hourly_table["time"])
    found = epochs(
        as_joined(al, "AL", "hour_time", 60),
        newell_gjerloev,
        ("AL",),
        before=240,
        after=360,
        step=10,
        resamples=60,
    ).isel(of=0)
    for lag in (-240, 0, 40, 360):
        at = (newell_gjerloev["time"] + pd.Timedelta(minutes=lag)).dt.floor("h")
        np.testing.assert_allclose(found["mean"].sel(lag=lag), al.reindex(at).mean())
    mean = found["mean"]
    assert found["number"].min() > 9_000
    # Hourly means smear the bay by half an hour; its bottom is within the first hour.
    assert 0 <= mean.idxmin("lag") <= 60
    assert mean.sel(lag=-120) - mean.min() > 50
    assert mean.min() < found["band_low"].sel(lag=mean.idxmin("lag"))
    # Half of it is gone within three hours, and it goes on to recover.
    depth = mean.sel(lag=-120) - mean.min()
    assert mean.sel(lag=180) > mean.min() + 0.5 * depth
    assert mean.sel(lag=360) > mean.sel(lag=120)


def test_frey_onsets_lie_where_the_paper_says(realdata):
    everything = read_onsets(realdata / LISTS / "Frey_2004_2006.csv")
    assert len(everything) == 4191
    assert (everything["mlat"] < 0).sum() == 1430
    north = read_onsets(realdata / LISTS / "Frey_2004_2006.csv", hemisphere="north")
    assert north.attrs["dropped_hemisphere"] == "1430"
    # Local time has its median across midnight.
    across = np.median((north["mlt"] + 12) % 24) + 12
    assert across == pytest.approx(22.96, abs=0.005)
    assert north["mlat"].median() == pytest.approx(66.3, abs=0.05)


def test_liou_is_in_degrees_with_four_rows_out_of_place(realdata):
    path = realdata / LISTS / "Lio_2010.csv"
    with pytest.raises(DataError, match=r"mlt_units='degree'. 4 faulty rows: line 2081: MLAT"):
        read_onsets(path)
    onsets = read_onsets(path, mlt_units="degree", skip_bad_rows=True)
    assert len(onsets) == 2535
    across = np.median((onsets["mlt"] + 12) % 24) + 12
    assert 22 < across < 23


def test_ohtani_has_18_placeholders(realdata):
    path = realdata / LISTS / "Ohtani_Gjerloev2020.csv"
    with pytest.raises(DataError, match=r"18 faulty rows: line 2: a placeholder.*and 6 more"):
        read_onsets(path)
    onsets = read_onsets(path, skip_bad_rows=True)
    assert (len(onsets), onsets.attrs["bad_rows_dropped"]) == (44_120, "18")


def test_a_fifth_of_newell_gjerloev_follows_within_half_an_hour(realdata):
    path = realdata / LISTS / "Newell_Gjerloev2011.csv"
    onsets = read_onsets(path)
    soon = onsets["time"].diff() < pd.Timedelta("30min")
    assert soon.mean() == pytest.approx(0.196, abs=0.001)
    apart = read_onsets(path, separation=30)
    assert (apart["time"].diff().dropna() >= pd.Timedelta("30min")).all()
    assert len(apart) + int(apart.attrs["dropped_overlaps"]) == len(onsets)


def test_other_lists_are_read_or_refused(realdata):
    assert len(read_onsets(realdata / LISTS / "sson_20190103-22-53-substorms.csv")) == 36_238
    for name in ("sophie_75.txt", "sson_substorms_2000_2005.txt", "README.txt"):
        with pytest.raises(DataError, match="no column of times"):
            read_onsets(realdata / LISTS / name)
