"""Real OMNI: listings and tables of the archive, through CDFs in a cache, and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from auroral_stats.indices import load_hourly_indices, load_kp
from auroral_stats.omni import load_omni
from auroral_stats.simulation.omni_files import write_omni_hro

#: Fill of each column of the listings, as printed.
LISTED_FILLS = {
    "Bx": 9999.99,
    "By": 9999.99,
    "Bz": 9999.99,
    "Vx": 99999.9,
    "Vy": 99999.9,
    "Vz": 99999.9,
    "proton_density": 999.99,
    "temperature": 9999999.0,
    "AE": 99999.0,
    "AL": 99999.0,
    "AU": 99999.0,
    "SYM_H": 99999.0,
}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return use_cache(tmp_path, monkeypatch)


def use_cache(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import pyspedas

    for name in ("OMNI_DATA_DIR", "KP_DATA_DIR", "THM_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SPEDAS_DATA_DIR", str(root))
    monkeypatch.setitem(pyspedas.projects.omni.config.CONFIG, "local_data_dir", str(root / "omni"))
    return root


def read_listing(path: Path, names: list[str]) -> pd.DataFrame:
    """An OMNIWeb listing: year, day of year, hour, minute, then the columns; fills as printed."""
    rows = [
        [float(cell) for cell in line.split()]
        for line in path.read_text().splitlines()
        if line.split()[:1] and line.split()[0].isdigit() and len(line.split()) == 4 + len(names)
    ]
    table = np.array(rows)
    stamps = pd.to_datetime(
        [f"{int(y)} {int(d):03d} {int(h):02d} {int(m):02d}" for y, d, h, m in table[:, :4]],
        format="%Y %j %H %M",
    )
    return pd.DataFrame(table[:, 4:], columns=names, index=stamps)


def listing(realdata: Path, name: str) -> pd.DataFrame:
    folder = realdata / "omni"
    if name.startswith("aether"):
        columns = [n for n in LISTED_FILLS if n != "SYM_H"]
        return read_listing(folder / name, columns)
    if name.startswith("symh"):
        return read_listing(folder / name, ["SYM_H"])
    lines = (folder / name).read_text().split("#START", 1)[1].strip().splitlines()
    table = np.array([[float(cell) for cell in line.split()] for line in lines])
    clock = pd.DataFrame(
        table[:, :5].astype(int), columns=["year", "month", "day", "hour", "minute"]
    )
    columns = ["Bx", "By", "Bz", "Vx", "Vy", "Vz", "proton_density", "temperature"]
    return pd.DataFrame(
        table[:, 7:], columns=columns, index=pd.DatetimeIndex(pd.to_datetime(clock))
    )


@pytest.mark.parametrize(
    "name",
    [
        "aether_omni_20110319.txt",
        "aether_omni_20110622.txt",
        "gitm_imf20100401.dat",
        "symh_omni_min_mar2013.lst",
        "symh_omni_min_case_2013.lst",
        "symh_omni_min_mar2015.lst",
        "symh_omni_min_oct2003.lst",
        "symh_omni_min_nov2003.lst",
    ],
)
def test_real_minutes_come_back_equal_and_fills_as_nan(realdata, cache, name):
    printed = listing(realdata, name)
    assert len(printed) > 4000
    expected = printed.copy()
    for column in printed:
        expected[column] = printed[column].mask(printed[column] == LISTED_FILLS[column])
    # what goes in is the listing itself, fills and all
    write_omni_hro(
        {"time": printed.index.to_numpy("datetime64[ns]")}
        | {column: printed[column].to_numpy() for column in printed},
        cache,
        simulated=False,
    )
    ds = load_omni(
        printed.index[0],
        printed.index[-1] + pd.Timedelta(minutes=1),
        variables=list(printed.columns),
        offline=True,
    )
    back = ds.to_dataframe()[list(printed.columns)]
    pd.testing.assert_frame_equal(
        back.loc[printed.index],
        expected,
        check_names=False,
        check_index_type=False,
        check_freq=False,
        rtol=0,
        atol=0,
    )
    assert back.drop(printed.index).isna().all(axis=None)
    if name.startswith("aether"):
        assert 0.04 < float(back["Bz"].isna().mean()) < 0.34


def test_real_speeds_pass_the_range_that_the_files_state(realdata, cache):
    """|Vz| of June 2011 goes beyond the stated 100 km/s, and is kept."""
    test_real_minutes_come_back_equal_and_fills_as_nan(realdata, cache, "aether_omni_20110622.txt")
    ds = load_omni("2011-06-22", "2011-06-26", variables=["Vz"], offline=True)
    assert float(np.abs(ds.Vz).max()) > 100.0
    assert ds.Vz.attrs["outside_stated_range"] == int((np.abs(ds.Vz) > 100.0).sum())


def test_st_patricks_day_storm_through_the_cache(realdata, cache):
    """SYM-H minimum -234 nT on 2015-03-17, from the listing and from Kyoto's own minutes."""
    kyoto = pd.read_parquet(realdata / "omni" / "sym_asy_1min_subset.parquet")
    kyoto["time"] = kyoto["time"].dt.tz_convert("UTC").dt.tz_localize(None)
    storm = kyoto[(kyoto["time"] >= "2015-03-15") & (kyoto["time"] < "2015-03-22")]
    names = {"SYM_H": "sym_h", "SYM_D": "sym_d", "ASY_H": "asy_h", "ASY_D": "asy_d"}
    write_omni_hro(
        {"time": storm["time"].to_numpy("datetime64[ns]")}
        | {ours: storm[theirs].to_numpy(float) for ours, theirs in names.items()},
        cache,
        simulated=False,
    )
    ds = load_omni("2015-03-17", "2015-03-18", variables=list(names), offline=True)
    assert float(ds.SYM_H.min()) == -234.0
    at = ds.SYM_H.idxmin().values
    assert str(at)[:10] == "2015-03-17"
    symh = listing(realdata, "symh_omni_min_mar2015.lst")["SYM_H"]
    same = ds.SYM_H.to_series()
    np.testing.assert_array_equal(same, symh.loc[same.index])


def test_real_hourly_omni_comes_back_equal_through_pyspedas(
    hourly_table, hourly_cache, monkeypatch
):
    use_cache(hourly_cache, monkeypatch)
    names = [name for name in hourly_table if name != "time"]
    ds = load_omni("2006-01-01", "2019-01-01", cadence="hourly", variables=names, offline=True)
    assert len(ds.attrs["files"]) == 26
    assert ds.attrs["missing_files"] == []
    np.testing.assert_array_equal(ds.driver_time, hourly_table["time"].to_numpy("datetime64[ns]"))
    for name in names:
        np.testing.assert_array_equal(
            ds[name].values.astype(np.float32),
            hourly_table[name].to_numpy(np.float32),
            err_msg=name,
        )
    # pyspedas itself, on the same files
    import pyspedas

    theirs = pyspedas.projects.omni.data(
        trange=["2015-03-16", "2015-03-19"],
        datatype="hourly",
        notplot=True,
        no_update=True,
        varnames=["BZ_GSM", "V", "DST"],
    )
    storm = ds.sel(driver_time=slice("2015-03-17", "2015-03-17T23:00"))
    times = theirs["DST"]["x"].astype("datetime64[ns]")
    inside = np.isin(times, storm.driver_time.values)
    for cdf_name, name in {"BZ_GSM": "Bz", "V": "flow_speed", "DST": "Dst"}.items():
        read = np.asarray(theirs[cdf_name]["y"])[inside].astype(np.float32)
        np.testing.assert_array_equal(read, storm[name].values.astype(np.float32))
    dst = load_hourly_indices("2015-03-17", "2015-03-19", offline=True).Dst
    assert float(dst.min()) == -223.0


def test_bundled_kp_is_the_kp_of_hourly_omni(hourly_table):
    """At every hour of 2006-2018 but for June 2006.

    There the table of hourly OMNI is of another vintage: 50 intervals differ, each by one third.
    """
    kp = load_kp("2006-01-01", "2019-01-01", offline=True)
    times = hourly_table["time"].to_numpy("datetime64[ns]")
    held = np.searchsorted(kp.kp_time.values, times, side="right") - 1
    june_2006 = times.astype("datetime64[M]") == np.datetime64("2006-06")
    for name in ("Kp", "ap"):
        ours, theirs = kp[name].values[held], hourly_table[name].to_numpy(float)
        np.testing.assert_array_equal(ours[~june_2006], theirs[~june_2006])
    thirds = np.rint(3 * (kp.Kp.values[held] - hourly_table["Kp"].to_numpy(float)))[june_2006]
    assert np.abs(thirds).max() == 1
    assert np.count_nonzero(thirds) == 150
