"""Kp and ap from the package and from GFZ's files; hourly indices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from auroral_stats.archive import describe_missing
from auroral_stats.errors import ArchiveError, DataError, UsageError
from auroral_stats.indices import load_hourly_indices, load_kp, read_kp_wdc
from auroral_stats.simulation.omni_files import (
    AP_OF_KP_THIRDS,
    write_kp_wdc,
    write_omni_hourly,
)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("OMNI_DATA_DIR", "KP_DATA_DIR", "THM_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SPEDAS_DATA_DIR", str(tmp_path))
    return tmp_path


def three_hours(start: str, end: str) -> np.ndarray:
    return np.arange(start, end, np.timedelta64(3, "h"), dtype="datetime64[h]")


def day(stamp: str, kp: str, ap: str) -> str:
    """A line of a WDC file, 62 columns."""
    return f"{stamp}259012{kp}{'':3}{ap}{'':7}"


def test_bundled_table_covers_its_years_in_exact_thirds(cache):
    kp = load_kp("2005-01-01", "2025-01-01", offline=True)
    assert kp.sizes["kp_time"] == 7305 * 8
    np.testing.assert_array_equal(
        kp.kp_time, three_hours("2005-01-01", "2025-01-01").astype("datetime64[ns]")
    )
    thirds = kp.Kp.values * 3
    np.testing.assert_array_equal(thirds, np.rint(thirds))
    assert kp.Kp.notnull().all()
    assert float(kp.Kp.max()) == 9.0
    np.testing.assert_array_equal(kp.ap, np.array(AP_OF_KP_THIRDS)[thirds.astype(int)])
    assert kp.attrs["cadence_minutes"] == 180
    assert kp.attrs["simulated"] == "false"
    assert "10.5880/Kp.0001" in kp.attrs["source"]
    assert kp.ap.attrs["units"] == "nT"


def test_storms_of_the_textbooks(cache):
    """St Patrick's Day 2015 reached Kp 8-, May 2024 Kp 9."""
    assert float(load_kp("2015-03-17", "2015-03-18").Kp.max()) == 23 / 3
    gannon = load_kp("2024-05-10T12:00", "2024-05-11T12:00").Kp
    np.testing.assert_allclose(
        gannon, [11 / 3, 23 / 3, 26 / 3, 26 / 3, 9, 25 / 3, 25 / 3, 9], rtol=0, atol=1e-12
    )


def test_interval_that_holds_the_start_is_included(cache):
    kp = load_kp("2015-03-17T01:10", "2015-03-17T06:01")
    assert [str(t)[11:16] for t in kp.kp_time.values] == ["00:00", "03:00", "06:00"]
    many = load_kp(periods=[("2015-03-17", "2015-03-18"), ("2008-01-01", "2008-01-02")])
    assert many.sizes["kp_time"] == 16
    assert many.indexes["kp_time"].is_monotonic_increasing
    with pytest.raises(UsageError):
        load_kp("2015-03-17", "2015-03-17")


def test_later_years_come_from_gfz_files_in_the_cache(cache):
    times = three_hours("2025-01-01", "2025-01-03")
    kp = np.arange(16) / 3
    kp[5] = np.nan
    path = write_kp_wdc(times, kp, cache, simulated=False)[0]
    assert path == cache / "geom_indices" / "Kp_def2025.wdc"
    ds = load_kp("2024-12-31", "2025-01-04", offline=True)
    assert ds.sizes["kp_time"] == 32
    assert ds.Kp[:8].notnull().all()
    np.testing.assert_array_equal(ds.Kp[8:24], kp)
    assert np.isnan(ds.ap[13])
    assert float(ds.ap[12]) == 5.0
    assert np.isnan(ds.Kp[24:]).all()
    assert ds.attrs["files"] == ["kp_gfz_2005_2024.npz", "Kp_def2025.wdc"]


def test_kp_that_cannot_be_had(cache):
    part = load_kp("2024-12-31", "2025-01-02", offline=True)
    assert int(part.Kp.notnull().sum()) == 8
    assert part.attrs["missing_files"] == ["Kp_def2025.wdc"]
    assert "Kp_def2025.wdc" in describe_missing(part.attrs)
    with pytest.raises(ArchiveError) as caught:
        load_kp("2031-01-01", "2031-01-02", offline=True)
    assert "Kp_def2031.wdc" in str(caught.value)
    assert "KP_DATA_DIR" in str(caught.value)


def test_wdc_lines_are_read_by_column_and_blanks_are_missing(tmp_path):
    path = tmp_path / "Kp_def2009.wdc"
    lines = [
        "# a comment of the archive",
        day(" 9 1 2", " 0 3 71013172023", "  0  2  3  4  5  6  7  9"),
        day(" 9 1 1", "2730  3790  5099", " 12 15    22 27    48   "),
    ]
    path.write_text("\n".join(lines) + "\n")
    times, thirds, ap = read_kp_wdc(path)
    assert str(times[0])[:10] == "2009-01-01"
    np.testing.assert_array_equal(np.diff(times), np.timedelta64(3, "h"))
    np.testing.assert_array_equal(thirds, [8, 9, -1, 11, 27, -1, 15, -1, 0, 1, 2, 3, 4, 5, 6, 7])
    np.testing.assert_array_equal(ap[:8], [12, 15, np.nan, 22, 27, np.nan, 48, np.nan])
    np.testing.assert_array_equal(ap[8:], AP_OF_KP_THIRDS[:8])


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (day("100101", "00" * 8, "  0" * 8), "line 1 is no Kp line of 2009"),
        (day("090101", "xy" * 8, "  0" * 8), "line 1 is no Kp line of 2009"),
        (day("091301", "00" * 8, "  0" * 8), "line 1 is no Kp line of 2009"),
        ("0901012590", "line 1 is no Kp line of 2009"),
        ("\n".join([day("090101", "00" * 8, "  0" * 8)] * 2), "has a day twice"),
        ("# simulated", "is marked as simulated"),
    ],
)
def test_wdc_faults_are_one_message(tmp_path, line, complaint):
    path = tmp_path / "Kp_def2009.wdc"
    path.write_text(line + "\n")
    with pytest.raises(DataError, match=complaint) as caught:
        read_kp_wdc(path)
    assert str(path) in str(caught.value)


def test_simulated_kp_comes_from_its_own_root_only(cache, tmp_path):
    times = three_hours("2012-01-01", "2012-01-02")
    world = tmp_path / "world"
    write_kp_wdc(times, np.full(8, 5.0), world, simulated=True)
    ds = load_kp("2012-01-01", "2012-01-02", root=world)
    assert (ds.Kp == 5.0).all()
    assert ds.attrs["simulated"] == "true"
    assert not (load_kp("2012-01-01", "2012-01-02").Kp == 5.0).all()
    write_kp_wdc(times, np.full(8, 5.0), world, simulated=False)
    with pytest.raises(DataError, match="not marked as simulated"):
        load_kp("2012-01-01", "2012-01-02", root=world)
    with pytest.raises(
        ArchiveError, match="Simulated labels read the files of their own world alone"
    ):
        load_kp("2012-01-01", "2012-01-02", root=tmp_path / "nowhere")


def test_hourly_indices_have_their_own_axis(cache):
    hours = np.arange("2014-06-30", "2014-07-02", dtype="datetime64[h]")
    dst = -np.arange(48.0)
    write_omni_hourly(
        {"time": hours, "Dst": dst, "F10_7": np.full(48, 151.3), "AE": np.full(48, np.nan)},
        cache,
        simulated=False,
    )
    ds = load_hourly_indices("2014-06-30", "2014-07-02", offline=True)
    assert list(ds.Dst.dims) == ["hour_time"]
    np.testing.assert_array_equal(ds.hour_time, hours.astype("datetime64[ns]"))
    np.testing.assert_array_equal(ds.Dst, dst)
    assert (ds.F10_7 == 151.3).all()
    assert ds.F10_7.attrs["units"] == "sfu"
    assert ds.AE.isnull().all()
    only = load_hourly_indices("2014-06-30", "2014-07-01", variables=["Dst"], offline=True)
    assert list(only.data_vars) == ["Dst"]
