"""Magnetometers beside frames: pairing, periods, baselines, and what is said of absent ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from auroral_stats.baselines import BASELINES
from auroral_stats.errors import ArchiveError, DataError, UsageError
from auroral_stats.gmag import load_magnetometer
from auroral_stats.joined import open_joined, save_joined, select_frames
from auroral_stats.mag_join import add_magnetometers, paired_stations
from auroral_stats.simulation.gmag_files import write_gmag

FIRST = np.datetime64("2014-01-10T04:00", "ns")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("OMNI_DATA_DIR", "KP_DATA_DIR", "THM_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "spedas"
    monkeypatch.setenv("SPEDAS_DATA_DIR", str(root))
    return root


def joined_of(sites, *, nights=(0, 2), simulated="false") -> xr.Dataset:
    """Two short nights of frames, all arcs."""
    time = np.concatenate(
        [
            FIRST + np.timedelta64(24 * n, "h") + np.arange(90) * np.timedelta64(60, "s")
            for n in nights
        ]
    )
    frames = np.zeros((time.size, len(sites), 6), np.uint8)
    frames[..., 0] = 20
    per_site = np.zeros((time.size, len(sites)), np.float32)
    names = ("sun_elevation", "moon_elevation", "mlt", "mlat")
    return xr.Dataset(
        {"frames": (("time", "site", "label"), frames)}
        | dict.fromkeys(names, (("time", "site"), per_site))
        | {"moon_illumination": ("time", per_site[:, 0])},
        coords={"time": time, "site": list(sites), "label": list("abcdef")},
        attrs={"simulated": simulated},
    )


def write_station(station, root, *, simulated=False, seed=0, days=25, missing=(), first=-10):
    rng = np.random.default_rng(seed)
    for k in range(first, first + days):
        if k in missing:
            continue
        start = np.datetime64("2014-01-10", "ns") + np.timedelta64(24 * k, "h")
        times = start + np.arange(8640) * np.timedelta64(10, "s")
        field = rng.normal(0, 1, (8640, 3)) + np.array([12_000 + seed, 100, 58_000])
        write_gmag(station, times, field, root, simulated=simulated)


def test_field_baselines_and_pi2_stand_beside_the_frames(cache, tmp_path):
    write_station("gill", cache, seed=1)
    write_station("rank", cache, seed=2)
    lines: list[str] = []
    data = add_magnetometers(joined_of(["gill", "rank"]), offline=True, progress=lines.append)
    assert data.mag.dims == ("mag_time", "site", "component")
    assert data.mag_baseline.dims == ("baseline", "mag_time", "site", "component")
    assert data.pi2.dims == ("mag_time", "site")
    assert {data[name].dtype for name in ("mag", "mag_baseline", "pi2")} == {np.dtype("f4")}
    assert data.component.to_numpy().tolist() == ["H", "D", "Z"]
    assert data.baseline.to_numpy().tolist() == ["running", "day", "median"]
    assert data.mag_station.to_numpy().tolist() == ["gill", "rank"]
    assert data.mag_time.attrs["cadence_minutes"] == 1
    assert (data.mag.units, data.mag_baseline.units, data.pi2.units) == ("nT", "nT", "nT^2")
    assert lines == [
        "Looking for magnetometer files",
        "Reading magnetometer gill (1 of 2)",
        "Reading magnetometer rank (2 of 2)",
    ]

    # Minutes within three hours of any frame, and no others.
    time = data.time.to_numpy().astype("M8[m]")
    near = np.unique(np.concatenate([time + np.timedelta64(k, "m") for k in range(-180, 181)]))
    np.testing.assert_array_equal(data.mag_time.to_numpy(), near.astype("M8[ns]"))

    # Baselines rest on nine days more on either side, in whole days.
    periods = [("2014-01-01", "2014-01-22")]
    whole = load_magnetometer("gill", periods, offline=True)
    rows = np.searchsorted(whole.mag_time.to_numpy(), data.mag_time.to_numpy())
    np.testing.assert_array_equal(data.mag.sel(site="gill"), whole.mag[rows, 0])
    np.testing.assert_array_equal(data.pi2.sel(site="gill"), whole.pi2[rows, 0])
    for name, baseline in BASELINES.items():
        level = baseline.compute(whole.mag_time.to_numpy(), whole.mag[:, 0].to_numpy())
        got = data.mag_baseline.sel(site="gill", baseline=name)
        np.testing.assert_allclose(got, level[rows], rtol=1e-7)
        assert np.abs(got - [12_001, 100, 58_000]).max() < 0.5

    # It is saved, opened and selected as before.
    for name in ("joined.nc", "joined.zarr"):
        again = open_joined(save_joined(data, tmp_path / name))
        xr.testing.assert_equal(again.load(), data)
        assert again.mag_time.attrs["cadence_minutes"] == 1
    assert select_frames(data, sites=["rank"]).mag_station.to_numpy().tolist() == ["rank"]


def test_a_site_without_magnetometer_data_is_nan_and_the_alternate_is_only_offered(cache):
    write_station("gill", cache)
    write_station("ykc", cache, seed=5)
    data = add_magnetometers(joined_of(["gill", "yknf", "kian"]), offline=True)
    assert data.mag_station.to_numpy().tolist() == ["gill", "", ""]
    assert np.isnan(data.mag.sel(site="yknf")).all()
    assert np.isnan(data.mag_baseline.sel(site="kian")).all()
    said = data.attrs["mag_without"]
    assert "yknf: no THEMIS ground magnetometer file" in said
    assert "ykc stands at the same place: --mag-station yknf=ykc" in said
    assert "kian: " in said

    named = add_magnetometers(joined_of(["gill", "yknf"]), stations={"yknf": "ykc"}, offline=True)
    assert named.mag_station.to_numpy().tolist() == ["gill", "ykc"]
    assert float(named.mag.sel(site="yknf", component="H").mean()) == pytest.approx(12_005, abs=0.5)
    assert json.loads(named.attrs["mag_parameters"])["stations"] == {"yknf": "ykc"}
    assert "mag_without" not in named.attrs


def test_no_magnetometer_at_all_is_one_clear_error(cache):
    with pytest.raises(ArchiveError, match=r"no site has magnetometer data\. gill: no THEMIS"):
        add_magnetometers(joined_of(["gill", "rank"]), offline=True)
    # Files that hold nothing near the frames are no data either.
    write_station("gill", cache, days=3, first=-9)
    with pytest.raises(ArchiveError, match="gill: its files hold nothing near the frames"):
        add_magnetometers(joined_of(["gill"]), offline=True)


def test_missing_days_are_noted(cache):
    write_station("gill", cache, missing=(2, 5))
    data = add_magnetometers(joined_of(["gill"]), offline=True)
    assert "gill: 2 of 21 daily files are missing" in data.attrs["mag_notes"]
    late = data.mag_time.to_numpy() > np.datetime64("2014-01-11")
    assert np.isnan(data.mag[late]).all()
    assert np.isfinite(data.mag[~late]).all()


def test_a_station_that_looks_geographic_is_remarked_on(cache):
    for k in range(-9, 13):
        times = np.datetime64("2014-01-10", "ns") + np.timedelta64(24 * k, "h")
        times = times + np.arange(1440) * np.timedelta64(60, "s")
        write_gmag(
            "gill", times, np.tile([12_000.0, 4_000.0, 55_000.0], (1440, 1)), cache, simulated=False
        )
    notes = add_magnetometers(joined_of(["gill"]), offline=True).attrs["mag_notes"]
    assert "gill: the mean horizontal field lies 18 deg off its H axis" in notes


def test_simulated_and_real_are_never_mixed(cache, tmp_path):
    world = tmp_path / "world"
    write_station("gill", world, simulated=True)
    write_station("gill", cache)
    joined = joined_of(["gill"], simulated="true")
    assert add_magnetometers(joined, root=world).attrs["simulated"] == "true"
    with pytest.raises(DataError, match="name no magnetometers of their own"):
        add_magnetometers(joined, offline=True)
    with pytest.raises(DataError, match="simulated and real inputs cannot be mixed"):
        add_magnetometers(joined_of(["gill"]), root=world)
    with pytest.raises(DataError, match="not marked as simulated"):
        add_magnetometers(joined, root=cache)


def test_choices_of_stations_are_checked():
    assert paired_stations(["gill", "xxxx"]) == {"gill": "gill", "xxxx": ""}
    with pytest.raises(UsageError, match="--mag-station rank=ran: rank is not among the sites"):
        paired_stations(["gill"], {"rank": "ran"})
    with pytest.raises(UsageError, match=r"--mag-station gill=\.\./x: expected the code"):
        paired_stations(["gill"], {"gill": "../x"})


def test_sites_may_share_a_magnetometer(cache):
    write_station("gill", cache)
    data = add_magnetometers(joined_of(["gill", "rank"]), stations={"rank": "gill"}, offline=True)
    np.testing.assert_array_equal(data.mag[:, 0], data.mag[:, 1])
    np.testing.assert_array_equal(data.mag_baseline[:, :, 0], data.mag_baseline[:, :, 1])
