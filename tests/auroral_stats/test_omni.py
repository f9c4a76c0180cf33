"""OMNI files into arrays: fills, times, units, products, coordinates."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from cdflib import cdfwrite
from hypothesis import given, settings
from hypothesis import strategies as st

from auroral_stats.errors import ArchiveError, DataError, UsageError
from auroral_stats.omni import OMNI_VARIABLES, load_omni, omni_variables
from auroral_stats.omni_values import published_decimals
from auroral_stats.simulation.omni_files import write_omni_hourly, write_omni_hro

#: What stands for missing, as the documentation of OMNI has it, by name in the file.
HRO_FILLS = {
    99.0: ["IMF", "PLS"],
    999.0: ["IMF_PTS", "PLS_PTS", "percent_interp"],
    999999.0: ["Timeshift", "RMS_Timeshift", "Time_btwn_obs"],
    99.99: ["RMS_phase", "Pressure"],
    9999.99: [
        *("F", "BX_GSE", "BY_GSE", "BZ_GSE", "BY_GSM", "BZ_GSM", "RMS_SD_B", "RMS_SD_fld_vec"),
        *("x", "y", "z", "BSN_x", "BSN_y", "BSN_z"),
    ],
    99999.9: ["flow_speed", "Vx", "Vy", "Vz"],
    999.99: ["proton_density", "E", "Beta", "PC_N_INDEX"],
    9999999.0: ["T"],
    999.9: ["Mach_num"],
    99.9: ["Mgs_mach_num"],
    99999.0: ["AE_INDEX", "AL_INDEX", "AU_INDEX", "SYM_D", "SYM_H", "ASY_D", "ASY_H"],
    99999.99: ["PR-FLX_10", "PR-FLX_30", "PR-FLX_60"],
}
HOURLY_FILLS = {
    999.9: [
        *("ABS_B", "F", "BX_GSE", "BY_GSE", "BZ_GSE", "BY_GSM", "BZ_GSM", "N", "Mach_num"),
        "F10_INDEX",
    ],
    9999.0: ["V", "AE"],
    9999999.0: ["T"],
    99.0: ["KP"],
    99999.0: ["DST", "AL_INDEX", "AU_INDEX"],
    999.0: ["AP_INDEX"],
    9.999: ["Ratio"],
    99.99: ["Pressure"],
    999.99: ["E", "Beta"],
}
TYPES = {"CDF_INT4": (4, np.int32), "CDF_REAL4": (21, np.float32)}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("OMNI_DATA_DIR", "KP_DATA_DIR", "THM_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SPEDAS_DATA_DIR", str(tmp_path))
    return tmp_path


def minutes(start: str, end: str, step: int = 1) -> np.ndarray:
    return np.arange(start, end, np.timedelta64(step, "m"), dtype="datetime64[m]")


def epoch(times: np.ndarray) -> np.ndarray:
    """CDF_EPOCH through cdflib, independently of the writer under test."""
    from cdflib import cdfepoch

    parts = [
        [
            int(x)
            for x in str(t.astype("datetime64[ms]"))
            .translate(str.maketrans("-T:.", "    "))
            .split()
        ]
        for t in times
    ]
    return np.array(cdfepoch.compute_epoch(parts), dtype=float)


def raw_cdf(
    path: Path,
    times: np.ndarray,
    columns: Mapping[str, tuple[str, np.ndarray, dict[str, Any]]],
    attributes: Mapping[str, str] | None = None,
) -> Path:
    """A CDF with exactly these columns and attributes, written by cdflib alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    file = cdfwrite.CDF(path)
    file.write_globalattrs({k: {0: v} for k, v in (attributes or {}).items()})

    def put(name: str, kind: int, values: np.ndarray, attrs: dict[str, Any]) -> None:
        spec = {"Variable": name, "Data_Type": kind, "Num_Elements": 1, "Rec_Vary": True}
        file.write_var(spec | {"Dim_Sizes": []}, var_attrs=attrs, var_data=values)

    put("Epoch", 31, epoch(times), {"FIELDNAM": "Time"})
    for name, (kind, values, attrs) in columns.items():
        number, dtype = TYPES[kind]
        typed = {k: [v, kind] if not isinstance(v, str) else v for k, v in attrs.items()}
        put(name, number, values.astype(dtype), {"DEPEND_0": "Epoch"} | typed)
    file.close()
    return path


def march(cache: Path, name: str = "omni_hro_1min_20140301_v01.cdf") -> Path:
    return cache / "omni" / "hro_1min" / "2014" / name


# --- the registry -----------------------------------------------------------------------------


def test_registry_has_every_variable_of_the_archive():
    assert len(omni_variables("1min")) == 42
    assert len(omni_variables("5min")) == 45
    high = {v.cdf_name for v in omni_variables("5min")}
    assert high == {name for names in HRO_FILLS.values() for name in names}
    hourly = {v.cdf_name for v in omni_variables("hourly")}
    assert hourly >= {name for names in HOURLY_FILLS.values() for name in names}
    for cadence in ("1min", "5min", "hourly"):
        variables = omni_variables(cadence)
        assert len({v.name for v in variables}) == len({v.cdf_name for v in variables})
        assert len({v.name for v in variables}) == len(variables)


def test_registry_fills_are_the_documented_ones():
    for cadence, table in (("5min", HRO_FILLS), ("hourly", HOURLY_FILLS)):
        by_name = {v.cdf_name: v for v in omni_variables(cadence)}
        for fill, names in table.items():
            for name in names:
                assert by_name[name].fill == fill, name
    for v in OMNI_VARIABLES:
        assert not v.limits[0] <= v.fill <= v.limits[1], v.name


def test_the_same_quantity_has_the_same_name_and_unit_everywhere():
    units: dict[str, set[str]] = {}
    for v in OMNI_VARIABLES:
        units.setdefault(v.name, set()).add(v.units)
    assert all(len(kinds) == 1 for kinds in units.values()), units
    bx = omni_variables("1min", ["Bx"])[0]
    assert (bx.cdf_name, bx.coordinate_system) == ("BX_GSE", "GSE, GSM")


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(UsageError, match="Nearest: flow_speed"):
        load_omni("2014-03-01", "2014-03-02", variables=["flowspeed"])
    with pytest.raises(UsageError, match="SYM_H comes with 1min and 5min"):
        load_omni("2014-03-01", "2014-03-02", cadence="hourly", variables=["SYM_H"])
    with pytest.raises(UsageError, match="expected 1min, 5min or hourly"):
        load_omni("2014-03-01", "2014-03-02", cadence="2min")
    with pytest.raises(UsageError, match="empty"):
        load_omni("2014-03-02", "2014-03-01")


# --- fills ------------------------------------------------------------------------------------


@pytest.mark.parametrize("cadence", ["1min", "5min", "hourly"])
@pytest.mark.parametrize("attribute", ["right", "wrong", "absent"])
def test_silent_error_4_fill_as_data(cache, cadence, attribute):
    """Every documented fill in every variable comes out as NaN, whatever FILLVAL says."""
    table = HOURLY_FILLS if cadence == "hourly" else HRO_FILLS
    known = {v.cdf_name: v for v in omni_variables(cadence)}
    step = {"1min": 1, "5min": 5, "hourly": 60}[cadence]
    times = minutes("2014-01-01", "2014-01-03", step)
    injected = np.zeros(times.size, dtype=bool)
    injected[[0, 3, times.size // 2, times.size - 1]] = True
    columns = {}
    for fill, names in table.items():
        for name in names:
            if name not in known:
                continue
            v = known[name]
            good = 40.0 if name in {"KP", "F10_INDEX"} else 1.0
            attrs: dict[str, Any] = {"VALIDMIN": v.valid_min, "VALIDMAX": v.valid_max}
            if attribute != "absent":
                attrs["FILLVAL"] = fill if attribute == "right" else -31.0
            columns[name] = (v.cdf_type, np.where(injected, fill, good), attrs)
    folder, name = {
        "1min": ("hro_1min", "omni_hro_1min_20140101_v01.cdf"),
        "5min": ("hro_5min", "omni_hro_5min_20140101_v01.cdf"),
        "hourly": ("hourly", "omni2_h0_mrg1hr_20140101_v01.cdf"),
    }[cadence]
    raw_cdf(cache / "omni" / folder / "2014" / name, times, columns)
    ds = load_omni("2014-01-01", "2014-01-03", cadence=cadence, offline=True)
    assert len(ds.data_vars) == len(columns)
    for variable in ds.data_vars:
        values = ds[variable].values
        assert values.dtype == np.float64
        np.testing.assert_array_equal(np.isnan(values), injected, err_msg=str(variable))
        assert len(np.unique(values[~injected])) == 1
    assert (float(ds.Bz.notnull().mean()) < 1.0) == bool(injected.any())
    disagreements = ds.attrs.get("fill_disagreements", [])
    assert len(disagreements) == (0 if attribute == "right" else len(columns))


def test_the_files_own_fill_is_honoured_where_it_differs(cache):
    """Hourly files state 9999990 for temperature and hold 9999999; services use -1e31."""
    times = minutes("2014-01-01", "2014-01-02", 60)
    t = np.full(24, 50_000.0)
    t[:4] = [9_999_990.0, 9_999_999.0, -1e31, np.nan]
    columns = {
        "T": ("CDF_REAL4", t, {"FILLVAL": 9_999_990.0, "VALIDMIN": 0.0, "VALIDMAX": 9_999_980.0}),
        "BZ_GSM": ("CDF_REAL4", np.where(np.arange(24) < 5, -1e31, -3.3), {"FILLVAL": -1e31}),
    }
    raw_cdf(cache / "omni/hourly/2014/omni2_h0_mrg1hr_20140101_v02.cdf", times, columns)
    ds = load_omni("2014-01-01", "2014-01-02", cadence="hourly", offline=True)
    assert int(ds.temperature.isnull().sum()) == 4
    assert int(ds.Bz.isnull().sum()) == 5
    assert set(ds.attrs["fill_disagreements"]) == {
        "BZ_GSM: FILLVAL -1e+31, expected 999.9",
        "T: FILLVAL 9999990, expected 9999999",
    }


def test_values_beyond_the_stated_range_are_kept_only_if_believable(cache):
    """Real |Vz| passes the 100 km/s that the files state; 1e6 km/s is believed by nobody."""
    times = minutes("2014-03-01", "2014-03-01T00:05")
    stated = {"FILLVAL": 99999.9, "VALIDMIN": -100.0, "VALIDMAX": 100.0}
    vz = np.array([50.0, 139.0, -139.0, 1e6, -1e6])
    raw_cdf(march(cache), times, {"Vz": ("CDF_REAL4", vz, stated)})
    ds = load_omni("2014-03-01", "2014-03-01T00:05", variables=["Vz"], offline=True)
    np.testing.assert_array_equal(ds.Vz, [50.0, 139.0, -139.0, np.nan, np.nan])
    assert ds.Vz.attrs["outside_stated_range"] == 2
    # the edge of a stated range is inside it, in the precision of the file
    edge = {"FILLVAL": 9999.99, "VALIDMIN": -99.9, "VALIDMAX": 99.9}
    raw_cdf(march(cache), times, {"BZ_GSM": ("CDF_REAL4", np.full(5, 99.9), edge)})
    ds = load_omni("2014-03-01", "2014-03-01T00:05", variables=["Bz"], offline=True)
    assert "outside_stated_range" not in ds.Bz.attrs
    assert (ds.Bz == 99.9).all()


@given(tenths=st.integers(-999, 999), hundredths=st.integers(-9990, 9990))
@settings(max_examples=200, deadline=None)
def test_published_decimals_come_back_exactly(tenths, hundredths):
    assert published_decimals(np.array([tenths / 10], np.float32), 1)[0] == tenths / 10
    assert published_decimals(np.array([hundredths / 100], np.float32), 2)[0] == hundredths / 100


@given(st.floats(-1e4, 1e4, width=32))
@settings(deadline=None)
def test_other_values_are_not_rounded(value):
    assert np.float32(published_decimals(np.array([value], np.float32), 1)[0]) == np.float32(value)


# --- times ------------------------------------------------------------------------------------


def test_time_axis_is_regular_and_gaps_stay_gaps(cache):
    """Records that a file lacks are NaN at their own time; nothing moves."""
    times = minutes("2014-03-01", "2014-03-02")
    keep = np.ones(times.size, dtype=bool)
    keep[100:160] = False
    values = np.arange(times.size) % 90.0
    attrs = {"FILLVAL": 9999.99}
    raw_cdf(march(cache), times[keep], {"BZ_GSM": ("CDF_REAL4", values[keep], attrs)})
    ds = load_omni("2014-03-01", "2014-03-03", variables=["Bz"], offline=True)
    assert ds.driver_time.dtype == "datetime64[ns]"
    np.testing.assert_array_equal(
        ds.driver_time, minutes("2014-03-01", "2014-03-03").astype("datetime64[ns]")
    )
    expected = np.full(2880, np.nan)
    expected[:1440] = np.where(keep, values, np.nan)
    np.testing.assert_array_equal(ds.Bz, expected)


def test_time_shift_is_never_added(cache):
    times = minutes("2014-03-01", "2014-03-01T01:00")
    columns = {
        "BZ_GSM": ("CDF_REAL4", np.arange(60.0), {"FILLVAL": 9999.99}),
        "Timeshift": ("CDF_INT4", np.full(60, 3600), {"FILLVAL": 999999}),
    }
    raw_cdf(march(cache), times, columns)
    ds = load_omni("2014-03-01", "2014-03-01T01:00", offline=True)
    np.testing.assert_array_equal(ds.Bz, np.arange(60.0))
    assert (ds.timeshift == 3600).all()


@pytest.mark.parametrize("zone", ["America/Edmonton", "Asia/Kolkata", "Pacific/Auckland"])
def test_time_zone_of_the_machine_changes_nothing(cache, monkeypatch, zone):
    times = minutes("2014-03-01", "2014-05-01")
    data = {"time": times, "Bz": np.arange(times.size) % 17.0}
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert time.timezone != 0
        write_omni_hro(data, cache, simulated=False)
        ds = load_omni("2014-03-31T23:00", "2014-04-01T01:00", variables=["Bz"], offline=True)
        kp_hours = load_omni(
            "2014-03-31T23:59", "2014-04-01", variables=["Bz"], offline=True
        ).driver_time
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()
    first = int((np.datetime64("2014-03-31T23:00") - times[0]).astype(int))
    np.testing.assert_array_equal(ds.Bz, data["Bz"][first : first + 120])
    assert str(ds.driver_time.values[0])[:16] == "2014-03-31T23:00"
    assert kp_hours.size == 1


def test_minutes_are_exact_over_the_whole_era(cache):
    """CDF_EPOCH is a float of milliseconds since year 0; no minute may be off by one."""
    times = np.array(
        ["1999-12-31T23:59", "2000-02-29T00:00", "2016-12-31T23:59", "2038-01-19T03:15"],
        "datetime64[m]",
    )
    from auroral_stats.cdf import epoch_to_datetime

    np.testing.assert_array_equal(epoch_to_datetime(epoch(times)), times)
    with pytest.raises(ValueError, match="1 of 2"):
        epoch_to_datetime(np.array([-1e31, 6.3e13]))


@pytest.mark.parametrize("suffix", ["", "1800"])
def test_hourly_files_of_either_kind_give_the_start_of_the_hour(cache, suffix):
    times = minutes("2014-06-30T20:00", "2014-07-01T04:00", 60)
    data = {"time": times, "Bz": np.arange(8.0), "Kp": np.array([0, 1, 2, 3, 10, 14, 26, 27]) / 3}
    paths = write_omni_hourly(data, cache, simulated=False, suffix=suffix)
    assert [path.name[16:24] for path in paths] == ["20140101", "20140701"]
    ds = load_omni("2014-06-30T20:00", "2014-07-01T04:00", cadence="hourly", offline=True)
    np.testing.assert_array_equal(ds.driver_time, times.astype("datetime64[ns]"))
    np.testing.assert_array_equal(ds.Bz, data["Bz"])
    np.testing.assert_array_equal(ds.Kp, data["Kp"])


def test_kp_times_ten_becomes_exact_thirds_or_an_error(cache):
    times = minutes("2014-01-01", "2014-01-01T04:00", 60)
    path = cache / "omni/hourly/2014/omni2_h0_mrg1hr_20140101_v01.cdf"
    raw_cdf(path, times, {"KP": ("CDF_INT4", np.array([33, 27, 3, 99]), {"FILLVAL": 99})})
    span = {"start": "2014-01-01", "end": "2014-01-01T04:00", "cadence": "hourly", "offline": True}
    np.testing.assert_array_equal(load_omni(**span).Kp, [10 / 3, 8 / 3, 1 / 3, np.nan])
    raw_cdf(path, times, {"KP": ("CDF_INT4", np.array([33, 27, 5, 99]), {"FILLVAL": 99})})
    with pytest.raises(DataError, match="KP = 5, which is no Kp x 10"):
        load_omni(**span)


def test_times_off_the_grid_are_refused(cache):
    times = minutes("2014-03-01", "2014-03-01T00:05").astype("datetime64[s]")
    times[2] += 20
    raw_cdf(march(cache), times, {"BZ_GSM": ("CDF_REAL4", np.zeros(5), {"FILLVAL": 9999.99})})
    with pytest.raises(DataError, match="off the 1-min grid, such as 2014-03-01T00:02:20"):
        load_omni("2014-03-01", "2014-03-02", variables=["Bz"], offline=True)


def test_last_version_wins_and_no_time_comes_twice(cache):
    attrs = {"FILLVAL": 9999.99}
    february = cache / "omni/hro_1min/2014/omni_hro_1min_20140201_v01.cdf"
    # February's file runs two minutes into March; March comes in two versions, with a time twice
    raw_cdf(
        february,
        minutes("2014-02-28T23:00", "2014-03-01T00:02"),
        {"BZ_GSM": ("CDF_REAL4", np.full(62, 1.0), attrs)},
    )
    raw_cdf(
        march(cache),
        minutes("2014-03-01", "2014-03-01T01:00"),
        {"BZ_GSM": ("CDF_REAL4", np.full(60, 2.0), attrs)},
    )
    twice = minutes("2014-03-01", "2014-03-01T00:10")
    twice[5] = twice[4]
    raw_cdf(
        march(cache, "omni_hro_1min_20140301_v02.cdf"),
        twice,
        {"BZ_GSM": ("CDF_REAL4", np.arange(10.0) + 10, attrs)},
    )
    ds = load_omni("2014-02-28T23:00", "2014-03-01T01:00", variables=["Bz"], offline=True)
    assert ds.indexes["driver_time"].is_unique
    assert ds.indexes["driver_time"].is_monotonic_increasing
    np.testing.assert_array_equal(ds.Bz[:60], 1.0)
    np.testing.assert_array_equal(ds.Bz[60:70], [10, 11, 12, 13, 15, np.nan, 16, 17, 18, 19])
    assert np.isnan(ds.Bz[70:]).all()
    assert ds.attrs["files"][-1] == "omni_hro_1min_20140301_v02.cdf"


def test_many_periods_read_each_file_once(cache, monkeypatch):
    from auroral_stats import cdf

    times = minutes("2014-01-01", "2014-03-01", 5)
    values = np.arange(times.size) % 90.0
    write_omni_hro({"time": times, "Bz": values}, cache, "5min", simulated=False)
    days = ("2014-02-20", "2014-02-04", "2014-02-09", "2014-01-20", "2014-01-04", "2014-01-09")
    nights = [(f"{day}T03:02", f"{day}T06:00") for day in days]
    opened = []
    real = cdf.open_cdf
    monkeypatch.setattr(cdf, "open_cdf", lambda path: opened.append(path) or real(path))
    ds = load_omni(periods=nights, cadence="5min", variables=["Bz"], offline=True)
    assert len(opened) == 2
    # the interval that contains 03:02 is that of 03:00; the one of 06:00 is outside
    expected = np.concatenate([minutes(f"{day}T03:00", f"{day}T06:00", 5) for day in sorted(days)])
    np.testing.assert_array_equal(ds.driver_time, expected.astype("datetime64[ns]"))
    np.testing.assert_array_equal(ds.Bz, values[np.searchsorted(times, expected)])


# --- what a file is ---------------------------------------------------------------------------


def test_only_what_is_asked_for_is_read(cache, monkeypatch):
    from auroral_stats import cdf

    times = minutes("2014-03-01", "2014-03-02", 5)
    write_omni_hro({"time": times, "Bz": np.zeros(times.size)}, cache, "5min", simulated=False)
    read = []
    real = cdf.read_variable
    monkeypatch.setattr(
        cdf, "read_variable", lambda file, name: read.append(name) or real(file, name)
    )
    ds = load_omni(
        "2014-03-01", "2014-03-02", cadence="5min", variables=["Bz", "E", "Bz"], offline=True
    )
    assert read == ["BZ_GSM", "E"]
    assert list(ds.data_vars) == ["Bz", "E"]
    assert ds.attrs["cadence"] == "5min"
    assert ds.attrs["cadence_minutes"] == 5
    assert ds.attrs["level"] == "hro"
    assert ds.attrs["simulated"] == "false"
    assert ds.Bz.attrs == {"units": "nT", "long_name": "IMF Bz", "coordinate_system": "GSM"}
    assert ds.attrs["files"] == ["omni_hro_5min_20140301_v01.cdf"]
    assert ds.attrs["missing_files"] == []


def test_gse_only_file_is_refused_when_gsm_is_asked_for(cache):
    times = minutes("2014-03-01", "2014-03-02", 5)
    data = {"time": times, "Bz_gse": np.ones(times.size), "E": np.ones(times.size)}
    write_omni_hro(data, cache, "5min", simulated=False, omit=["By", "Bz"])
    span = {"start": "2014-03-01", "end": "2014-03-02", "cadence": "5min", "offline": True}
    with pytest.raises(DataError, match="has BZ_GSE but no BZ_GSM") as caught:
        load_omni(**span, variables=["Bz"])
    assert "omni_hro_5min_20140301_v01.cdf" in str(caught.value)
    assert (load_omni(**span, variables=["Bz_gse", "E"]).Bz_gse == 1.0).all()
    assert "Bz" not in load_omni(**span)


def test_variable_that_a_file_lacks_is_an_error_if_asked_for(cache):
    times = minutes("2014-03-01", "2014-03-02", 5)
    write_omni_hro({"time": times}, cache, "5min", simulated=False, omit=["AE"])
    with pytest.raises(DataError, match=r"has no AE_INDEX \(AE\)"):
        load_omni("2014-03-01", "2014-03-02", cadence="5min", variables=["AE"], offline=True)


def test_hro2_is_never_mixed_in(cache):
    times = minutes("2014-03-01", "2014-03-01T00:05")
    column = {"BZ_GSM": ("CDF_REAL4", np.zeros(5), {"FILLVAL": 9999.99})}
    # by name it is not even found ...
    raw_cdf(cache / "omni/hro2_1min/2014/omni_hro2_1min_20140301_v01.cdf", times, column)
    with pytest.raises(ArchiveError, match="omni_hro_1min_20140301"):
        load_omni("2014-03-01", "2014-03-02", offline=True)
    # ... and under a false name it is told by its attributes
    raw_cdf(march(cache), times, column, {"Logical_source": "omni_hro2_1min"})
    with pytest.raises(DataError, match="is HRO2"):
        load_omni("2014-03-01", "2014-03-02", offline=True)


def test_simulated_and_real_files_do_not_pass_for_each_other(cache, tmp_path):
    times = minutes("2014-03-01", "2014-03-02", 5)
    data = {"time": times, "Bz": np.zeros(times.size)}
    span = {"start": "2014-03-01", "end": "2014-03-02", "cadence": "5min", "variables": ["Bz"]}
    world = tmp_path / "world"
    write_omni_hro(data, world, "5min", simulated=True)
    ds = load_omni(**span, root=world)
    assert ds.attrs["simulated"] == "true"
    assert ds.attrs["root"] == str(world)
    write_omni_hro(data, cache, "5min", simulated=True)
    with pytest.raises(DataError, match="is simulated and lies in a cache of real data"):
        load_omni(**span, offline=True)
    write_omni_hro(data, world, "5min", simulated=False)
    with pytest.raises(DataError, match="not marked as simulated"):
        load_omni(**span, root=world)
    with pytest.raises(
        ArchiveError, match="Simulated labels read the files of their own world alone"
    ):
        load_omni(**span, root=tmp_path / "elsewhere")


def test_columns_of_unequal_length_are_damage(cache):
    times = minutes("2014-03-01", "2014-03-01T00:05")
    raw_cdf(march(cache), times, {"BZ_GSM": ("CDF_REAL4", np.zeros(4), {"FILLVAL": 9999.99})})
    with pytest.raises(ArchiveError, match=r"BZ_GSM has shape \(4,\) for 5 times"):
        load_omni("2014-03-01", "2014-03-02", variables=["Bz"], offline=True)


def test_result_can_be_written_and_read_back(cache, tmp_path):
    times = minutes("2014-03-01", "2014-03-02", 5)
    write_omni_hro({"time": times, "Bz": np.zeros(times.size)}, cache, "5min", simulated=False)
    ds = load_omni("2014-02-28", "2014-03-02", cadence="5min", variables=["Bz"], offline=True)
    ds.to_netcdf(tmp_path / "omni.nc")
    with xr.open_dataset(tmp_path / "omni.nc") as back:
        xr.testing.assert_equal(back.load(), ds)
