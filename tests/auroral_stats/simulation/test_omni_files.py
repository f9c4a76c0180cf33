"""Files we write are read by pyspedas and by us, bit by bit."""

from __future__ import annotations

from pathlib import Path

import cdflib
import numpy as np
import pytest
import xarray as xr

from auroral_stats.archive import find_files
from auroral_stats.errors import UsageError
from auroral_stats.omni import load_omni, omni_variables
from auroral_stats.periods import merge_periods
from auroral_stats.simulation.omni_files import (
    AP_OF_KP_THIRDS,
    write_kp_wdc,
    write_omni_hourly,
    write_omni_hro,
)

CADENCES = {"1min": 1, "5min": 5, "hourly": 60}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import pyspedas

    for name in ("OMNI_DATA_DIR", "KP_DATA_DIR", "THM_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SPEDAS_DATA_DIR", str(tmp_path))
    monkeypatch.setitem(
        pyspedas.projects.omni.config.CONFIG, "local_data_dir", str(tmp_path / "omni")
    )
    return tmp_path


def arbitrary(cadence: str, start: str, end: str, seed: int = 0) -> dict[str, np.ndarray]:
    """Every variable of a cadence, within its range, with one value in ten missing."""
    rng = np.random.default_rng(seed)
    times = np.arange(start, end, np.timedelta64(CADENCES[cadence], "m"), "datetime64[m]")
    data: dict[str, np.ndarray] = {"time": times}
    for v in omni_variables(cadence):
        low, high = max(v.valid_min, v.limits[0]), min(v.valid_max, v.limits[1])
        values = rng.uniform(low, 0.98 * high, times.size).astype(np.float32).astype(float)
        if v.name == "Kp":
            values = rng.integers(0, 28, times.size) / 3
        elif v.cdf_type == "CDF_INT4":
            values = np.rint(values)
        values[rng.random(times.size) < 0.1] = np.nan
        data[v.name] = values
    return data


def write(data, root, cadence, **options):
    if cadence == "hourly":
        return write_omni_hourly(data, root, **options)
    return write_omni_hro(data, root, cadence, **options)


@pytest.mark.parametrize("cadence", ["1min", "5min", "hourly"])
def test_what_is_written_is_read_back(cache, cadence):
    span = ("2014-06-30T18:00", "2014-07-01T06:00")
    data = arbitrary(cadence, *span)
    paths = write(data, cache, cadence, simulated=False)
    assert find_files(
        "hourly" if cadence == "hourly" else f"hro_{cadence}", merge_periods(*span), offline=True
    ).paths == tuple(paths)
    ds = load_omni(*span, cadence=cadence, offline=True)
    assert set(ds.data_vars) == set(data) - {"time"}
    np.testing.assert_array_equal(ds.driver_time, data["time"].astype("datetime64[ns]"))
    for name in ds.data_vars:
        read, given = ds[name].values, data[name]
        if name == "Kp":
            np.testing.assert_array_equal(read, given)
        else:
            np.testing.assert_array_equal(
                read.astype(np.float32), given.astype(np.float32), err_msg=str(name)
            )
    assert "fill_disagreements" not in ds.attrs
    assert all("outside_stated_range" not in ds[name].attrs for name in ds.data_vars)


@pytest.mark.parametrize("cadence", ["1min", "hourly"])
def test_pyspedas_reads_the_same_numbers(cache, cadence):
    import pyspedas

    data = arbitrary(cadence, "2014-06-10", "2014-06-12", seed=1)
    write(data, cache, cadence, simulated=False)
    names = {"Bz": "BZ_GSM", "B": "F" if cadence == "1min" else "ABS_B", "temperature": "T"}
    theirs = pyspedas.projects.omni.data(
        trange=["2014-06-10", "2014-06-12"],
        datatype=cadence,
        notplot=True,
        no_update=True,
        varnames=list(names.values()),
    )
    ours = load_omni("2014-06-10", "2014-06-12", cadence=cadence, offline=True)
    for name, cdf_name in names.items():
        times = theirs[cdf_name]["x"].astype("datetime64[ns]")
        inside = (times >= ours.driver_time.values[0]) & (times <= ours.driver_time.values[-1])
        np.testing.assert_array_equal(times[inside], ours.driver_time)
        read = np.asarray(theirs[cdf_name]["y"])[inside]
        np.testing.assert_array_equal(read.astype(np.float32), ours[name].astype(np.float32))


@pytest.mark.parametrize(
    ("cadence", "records", "source"),
    [
        ("1min", 44_640, "omni_hro_1min"),
        ("5min", 8_928, "omni_hro_5min"),
        ("hourly", 181 * 24, "omni2_h0_mrg1hr"),
    ],
)
def test_layout_is_that_of_the_archive(tmp_path, cadence, records, source):
    times = np.array(["2015-03-17T05:00"], "datetime64[m]")
    path = write({"time": times, "Bz": [-23.1]}, tmp_path, cadence, simulated=False)[0]
    folder, name = {
        "1min": ("hro_1min", "omni_hro_1min_20150301_v01.cdf"),
        "5min": ("hro_5min", "omni_hro_5min_20150301_v01.cdf"),
        "hourly": ("hourly", "omni2_h0_mrg1hr_20150101_v01.cdf"),
    }[cadence]
    assert path == tmp_path / "omni" / folder / "2015" / name
    cdf = cdflib.CDF(path)
    assert cdf.globalattsget()["Logical_source"] == [source]
    assert "simulated" not in cdf.globalattsget()
    assert cdf.varinq("Epoch").Data_Type_Description == "CDF_EPOCH"
    assert cdf.varinq("Epoch").Last_Rec + 1 == records
    first = cdflib.cdfepoch.encode(cdf.varget("Epoch")[0])
    assert first.startswith("2015-01-01T00:00" if cadence == "hourly" else "2015-03-01T00:00")
    assert cdf.varinq("BZ_GSM").Data_Type_Description == "CDF_REAL4"
    attrs = cdf.varattsget("BZ_GSM")
    fill = 999.9 if cadence == "hourly" else 9999.99
    assert np.float32(attrs["FILLVAL"]) == np.float32(fill)
    assert attrs["UNITS"] == "nT"
    assert attrs["DEPEND_0"] == "Epoch"
    assert attrs["VAR_TYPE"] == ("ignore_data" if cadence == "hourly" else "data")
    values = cdf.varget("BZ_GSM")
    assert np.count_nonzero(values != np.float32(fill)) == 1
    integer = "KP" if cadence == "hourly" else "SYM_H"
    assert cdf.varinq(integer).Data_Type_Description == "CDF_INT4"
    assert np.all(cdf.varget(integer) == (99 if cadence == "hourly" else 99999))
    at = int(np.flatnonzero(values != np.float32(fill))[0])
    clock = [int(cdf.varget(name)[at]) for name in ("YR", "Day", "HR")]
    assert clock == [2015, 76, 5]
    assert list(path.parent.glob(".*")) == []


def test_simulated_files_say_so(tmp_path):
    times = np.array(["2015-03-17"], "datetime64[m]")
    path = write_omni_hro({"time": times}, tmp_path, simulated=True, version="v02")[0]
    assert path.name.endswith("_v02.cdf")
    assert cdflib.CDF(path).globalattsget()["simulated"] == ["true"]


def test_dataset_in_and_suffixed_names_out(tmp_path):
    times = np.arange("2015-03-17", "2015-03-18", dtype="datetime64[h]")
    ds = xr.Dataset({"flow_speed": ("driver_time", np.full(24, 512.0))}, {"driver_time": times})
    path = write_omni_hourly(ds, tmp_path, simulated=False, suffix="1800", omit=["Kp"])[0]
    cdf = cdflib.CDF(path)
    assert "V1800" in cdf.cdf_info().zVariables
    assert "KP1800" not in cdf.cdf_info().zVariables
    assert cdflib.cdfepoch.encode(cdf.varget("Epoch")[0]).startswith("2015-01-01T00:30")


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ({"Bz": [1.0]}, "no times"),
        ({"time": ["2014-01-01T00:00:30"]}, "starts of 1min intervals"),
        ({"time": []}, "starts of 1min intervals"),
        ({"time": ["2014-01-01", "2014-01-01"]}, "twice"),
        ({"time": ["2014-01-01"], "Bz": [1.0, 2.0]}, r"shape \(2,\) for 1 times"),
        ({"time": ["2014-01-01"], "bz": [1.0]}, "Nearest: Bz"),
    ],
)
def test_bad_input_writes_nothing(tmp_path, data, complaint):
    with pytest.raises(UsageError, match=complaint):
        write_omni_hro(data, tmp_path, simulated=True)
    assert list(tmp_path.rglob("*")) == []


def test_failure_half_way_leaves_the_old_file(tmp_path, monkeypatch):
    from cdflib import cdfwrite

    times = np.array(["2015-03-17"], "datetime64[m]")
    path = write_omni_hro({"time": times}, tmp_path, "5min", simulated=False)[0]
    before = path.read_bytes()

    def fail(*args, **kwargs):
        raise OSError("no space left")

    monkeypatch.setattr(cdfwrite.CDF, "close", fail)
    with pytest.raises(OSError, match="no space left"):
        write_omni_hro({"time": times, "Bz": [1.0]}, tmp_path, "5min", simulated=False)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_pyspedas_reads_our_kp_files(tmp_path):
    from pyspedas import del_data, get_data
    from pyspedas.projects.noaa.noaa_load_kp import load_kp_to_tplot

    times = np.arange("2009-01-01", "2009-01-08", np.timedelta64(3, "h"), "datetime64[h]")
    thirds = np.arange(56) % 28
    paths = write_kp_wdc(times, thirds / 3, tmp_path, simulated=True)
    assert paths[0].read_text().startswith("# simulated\n090101")
    load_kp_to_tplot(files=[str(path) for path in paths], prefix="written_")
    try:
        stamps, kp = get_data("written_Kp")
        np.testing.assert_allclose(kp, thirds / 3, atol=1e-12)
        np.testing.assert_array_equal(stamps, times.astype("datetime64[s]").astype(float))
        np.testing.assert_array_equal(get_data("written_ap")[1], np.array(AP_OF_KP_THIRDS)[thirds])
    finally:
        del_data("written_*")


def test_kp_writer_refuses_what_is_no_kp(tmp_path):
    times = np.array(["2009-01-01T00:00", "2009-01-01T03:00"], "datetime64[m]")
    with pytest.raises(UsageError, match="no thirds"):
        write_kp_wdc(times, [3.5, 1.0], tmp_path, simulated=True)
    with pytest.raises(UsageError, match="no thirds"):
        write_kp_wdc(times, [28 / 3, 1.0], tmp_path, simulated=True)
    with pytest.raises(UsageError, match="3-h interval"):
        write_kp_wdc(times + np.timedelta64(60, "m"), [1.0, 1.0], tmp_path, simulated=True)
