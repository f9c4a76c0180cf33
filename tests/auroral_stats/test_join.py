"""Joining: nothing lagged, nothing interpolated, nothing half-written."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from auroral_stats import join as room
from auroral_stats import joined
from auroral_stats.counts import count_frames
from auroral_stats.errors import ArchiveError, DataError, UsageError
from auroral_stats.join import driver_periods, join
from auroral_stats.joined import open_joined, save_joined, select_frames
from auroral_stats.simulation.sample import open_sample


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return open_sample(tmp_path_factory.mktemp("sample") / "labels")


@pytest.fixture(scope="module")
def data(sample):
    return join(sample, omni="hourly")


def test_drivers_are_unlagged_and_on_their_own_cadence(sample, data):
    from auroral_stats.omni import load_omni

    root = sample / "_drivers"
    wind = load_omni("2014-12-12", "2014-12-20", cadence="hourly", variables=["Bz"], root=root)
    part = data["Bz"].sel(driver_time=slice("2014-12-12T00:00", "2014-12-19T23:59"))
    np.testing.assert_array_equal(part, wind["Bz"])
    cadence = {d: data[d].attrs["cadence_minutes"] for d in ("driver_time", "hour_time", "kp_time")}
    assert cadence == {"driver_time": 60, "hour_time": 60, "kp_time": 180}
    for name in ("By", "flow_speed", "AE", "Kp"):
        assert np.isfinite(data[name]).any()


def test_frames_are_those_of_the_store(sample, data):
    xr.testing.assert_equal(
        data["frames"].drop_vars(["latitude", "longitude"], errors="ignore"),
        count_frames(sample)["frames"],
    )


def test_years_between_nights_are_not_read(data):
    time = data["driver_time"].to_numpy()
    assert time.size < 24 * 80
    periods = driver_periods(data["time"].to_numpy())
    assert len(periods) == 2
    step = np.diff(time)
    assert (step == np.timedelta64(1, "h")).sum() == time.size - 2


def test_everything_says_that_it_is_simulated(data):
    assert data.attrs["simulated"] == "true"
    assert data.attrs["omni_files"].startswith("omni2_h0_mrg1hr_20130701_v01.cdf")
    assert "SYM_H" in data.attrs["missing_drivers"]


@pytest.mark.parametrize("name", ["joined.nc", "joined.zarr"])
def test_round_trip(data, tmp_path, name):
    path = save_joined(data, tmp_path / name)
    back = open_joined(path)
    xr.testing.assert_equal(back.load(), data)
    assert back["driver_time"].attrs["cadence_minutes"] == 60
    assert back.attrs["simulated"] == "true"
    assert back["frames"].dtype == data["frames"].dtype
    # Written again, the file is replaced and nothing else is left.
    save_joined(data.isel(time=slice(0, 100)), path)
    assert open_joined(path).sizes["time"] == 100
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["joined.nc", "joined.zarr"])
def test_failure_keeps_the_old_file(data, tmp_path, name, monkeypatch):
    path = save_joined(data.isel(time=slice(0, 100)), tmp_path / name)
    full = OSError(28, "No space left on device")

    def fail(*_args, **_kwargs):
        raise full

    monkeypatch.setattr(xr.Dataset, "to_netcdf", fail)
    monkeypatch.setattr(xr.Dataset, "to_zarr", fail)
    with pytest.raises(ArchiveError, match="No space left on device"):
        save_joined(data, path)
    monkeypatch.undo()
    assert open_joined(path).sizes["time"] == 100
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_what_is_no_joined_file(data, tmp_path):
    with pytest.raises(ArchiveError, match="no such file"):
        open_joined(tmp_path / "nothing.nc")
    (tmp_path / "text.nc").write_text("hello")
    with pytest.raises(ArchiveError, match="cannot be read as joined data"):
        open_joined(tmp_path / "text.nc")
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(ArchiveError, match="cannot be read as joined data"):
        open_joined(tmp_path / "empty.zarr")
    data[["Bz"]].to_netcdf(tmp_path / "other.nc")
    with pytest.raises(DataError, match="lacks frames"):
        open_joined(tmp_path / "other.nc")


def test_selection(data):
    part = select_frames(data, start="2014-12-20", end="2014-12-21", sites=["GILL"])
    assert part["site"].to_numpy().tolist() == ["gill"]
    days = np.unique(part["time"].to_numpy().astype("M8[D]"))
    assert days.astype(str).tolist() == ["2014-12-20"]
    assert part.sizes["driver_time"] == data.sizes["driver_time"]
    with pytest.raises(UsageError, match="--sites atha: not in the joined data"):
        select_frames(data, sites=["atha"])
    with pytest.raises(DataError, match="no frame between 2020-01-01"):
        select_frames(data, start="2020-01-01")


def test_unknown_cadence_and_driver(sample):
    with pytest.raises(UsageError, match="--omni '2min'"):
        join(sample, omni="2min")
    with pytest.raises(UsageError, match="unknown driver 'bxx'"):
        join(sample, drivers=["bxx"])
    with pytest.raises(ArchiveError, match="omni_hro_1min_20131201"):
        join(sample, drivers=["Bz"], omni="1min")


def test_real_and_simulated_drivers_do_not_meet(sample, monkeypatch):
    """Whatever a loader returns, its flag is compared with that of the labels."""
    load = room.load_kp

    def real(*args, **kwargs):
        kp = load(*args, **kwargs)
        return kp.assign_attrs(simulated="false")

    monkeypatch.setattr(room, "load_kp", real)
    with pytest.raises(DataError, match="real Kp"):
        join(sample, drivers=["Kp"])


def test_a_site_named_twice_counts_once(data):
    once = select_frames(data, sites=["gill"])
    xr.testing.assert_identical(select_frames(data, sites=["gill", "GILL", " gill"]), once)


@pytest.mark.parametrize("name", ["joined.nc", "joined.zarr"])
def test_a_folder_that_is_not_ours_is_never_replaced(data, tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / "thesis.txt").write_text("years of work")
    with pytest.raises(ArchiveError, match="a folder that auroral_stats join did not write"):
        save_joined(data.isel(time=slice(0, 10)), tmp_path / name)
    assert (tmp_path / name / "thesis.txt").read_text() == "years of work"
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_data_without_the_flag_are_refused(data, tmp_path):
    bare = data.isel(time=slice(0, 10)).drop_attrs(deep=False)
    bare.to_netcdf(tmp_path / "bare.nc")
    with pytest.raises(DataError, match="lacks attribute 'simulated'"):
        open_joined(tmp_path / "bare.nc")


def test_chunks_hold_all_sites_of_what_is_read_at_a_time(data, tmp_path, monkeypatch):
    monkeypatch.setattr(joined, "BLOCK_MINUTES", 1000)
    stored = open_joined(save_joined(data, tmp_path / "joined.zarr"))
    assert stored["frames"].encoding["chunks"] == (1000, data.sizes["site"], 6)
    stored = open_joined(save_joined(data, tmp_path / "joined.nc"))
    assert stored["mlt"].encoding["chunksizes"] == (1000, data.sizes["site"])
    stored.close()
