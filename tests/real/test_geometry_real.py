"""Geometry against published values and human labels, where those are at hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from auroral_stats.geometry import magnetic_coordinates, site_geometry
from auroral_stats.sites import load_sites

REAL = Path(__file__).parents[3] / "shared" / "realdata"

pytestmark = pytest.mark.skipif(
    not (REAL / "sites.csv").is_file(), reason=f"no real data in {REAL}: optional, not distributed"
)


@pytest.fixture(scope="module")
def table():
    return pd.read_csv(REAL / "sites.csv", index_col="site").fillna({"gmag_alternate": ""})


@pytest.fixture(scope="module")
def labelled_sky():
    """Sun and Moon for each human label: the Dataset at every minute and site, picked in pairs."""
    labels = pd.read_csv(REAL / "oath_labels.csv").dropna(subset=["site", "time"])
    time = pd.to_datetime(labels["time"], utc=True).dt.tz_localize(None).to_numpy()
    times, row = np.unique(time, return_inverse=True)
    sky = site_geometry(times)
    column = sky.indexes["site"].get_indexer(labels["site"])
    assert (column >= 0).all()
    for name in ("sun_elevation", "moon_elevation"):
        labels[name] = sky[name].to_numpy()[row, column]
    return labels


def test_site_table_is_the_published_one(table):
    sites = load_sites()
    assert set(sites.index) == set(table.index)
    ours = sites.loc[table.index]
    for column in ("latitude", "longitude_east", "gmag_network", "gmag_alternate"):
        assert ours[column].tolist() == table[column].tolist(), column


def test_magnetic_latitude_of_every_site_in_2008_and_2022(table):
    places = table["latitude"].to_numpy(), table["longitude_east"].to_numpy()
    mlat, mlon, _ = magnetic_coordinates(["2008-01-01", "2022-01-01"], *places)
    np.testing.assert_allclose(mlat[0], table["mlat_2008"], atol=0.01)
    np.testing.assert_allclose(mlat[1], table["mlat_2022"], atol=0.01)
    drift = (mlon[0] - table["mlon_2008"] + 180) % 360 - 180
    assert np.abs(drift).max() < 0.08  # the table has one decimal
    moved = pd.Series(mlat[0] - mlat[1], table.index)
    assert moved["gbay"] == pytest.approx(1.38, abs=0.01)


def test_magnetic_midnight_of_every_site(table):
    clock = "2015-03-21T" + table["magnetic_midnight_ut"]
    for code, midnight in clock.items():
        mlt = site_geometry(midnight, code, quantities=["mlt"]).mlt.item()
        assert abs((mlt + 12) % 24 - 12) < 0.02, code  # the table has whole minutes


def test_moon_over_gillam_as_in_the_real_frame():
    sky = site_geometry("2014-03-10T06:02", "gill")
    assert sky.moon_elevation.item() == pytest.approx(28.1, abs=0.06)
    assert sky.moon_azimuth.item() == pytest.approx(259.6, abs=0.06)
    assert sky.sun_elevation.item() == pytest.approx(-37.5, abs=0.06)


def test_the_moon_is_up_when_a_human_says_moon(labelled_sky):
    up = (labelled_sky["moon_elevation"] > 0).groupby(labelled_sky["label"]).mean()
    assert up["moon"] >= 0.95
    assert up["arc"] == pytest.approx(0.07, abs=0.01)


def test_the_sun_is_down_for_every_human_label(labelled_sky):
    assert len(labelled_sky) == 5823
    assert labelled_sky["sun_elevation"].max() < -11.4
    assert labelled_sky["sun_elevation"].max() > -12.5
