"""Magnetometer files: written as in the archive, read back, averaged, and refused for cause."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import cdflib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auroral_stats.cdf import check_cdf
from auroral_stats.errors import ArchiveError, DataError, UsageError
from auroral_stats.gmag import load_magnetometer
from auroral_stats.gmag_cdf import read_gmag
from auroral_stats.gmag_day import day_means
from auroral_stats.pi2 import pi2_power
from auroral_stats.simulation.gmag_files import write_gmag

DAY = np.timedelta64(1, "D")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("OMNI_DATA_DIR", "KP_DATA_DIR", "THM_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SPEDAS_DATA_DIR", str(tmp_path))
    return tmp_path


def stamps(step: float, start: str = "2014-03-10", days: float = 1) -> np.ndarray:
    seconds = np.arange(round(days * 86_400 / step)) * step
    return np.datetime64(start, "ns") + np.rint(seconds * 1e9).astype("m8[ns]")


def field_of(size: int, seed: int = 0) -> np.ndarray:
    """H, D and Z that wander, as float32, which is what files hold."""
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.normal(0, 0.2, (size, 3)), axis=0)
    return (walk + np.array([12_000, 200, 58_000])).astype(np.float32)


def slow_means(times, field, axis, coverage=0.5):
    """Average each minute by itself."""
    step = np.median(np.diff(np.unique(times))) / np.timedelta64(1, "s")
    out = np.full((axis.size, 3), np.nan)
    minute = times.astype("M8[m]")
    for m, start in enumerate(axis.astype("M8[m]")):
        mine = field[minute == start].astype(float)
        for k in range(3):
            good = mine[np.isfinite(mine[:, k]), k]
            if good.size >= coverage * 60 / step - 1e-9 and good.size:
                out[m, k] = good.mean()
    return out


def edit(path: Path, change) -> None:
    """Write a file again with changed variables: ``change(name, specification, attrs, data)``."""
    from cdflib import cdfwrite

    old = cdflib.CDF(path)
    copies = []
    for name in old.cdf_info().zVariables:
        info = old.varinq(name)
        spec = {
            "Variable": name,
            "Data_Type": info.Data_Type,
            "Num_Elements": info.Num_Elements,
            "Rec_Vary": info.Rec_Vary,
            "Dim_Sizes": list(info.Dim_Sizes),
            "Compress": 0,
        }
        attrs = dict(old.varattsget(name))
        data = old.varget(name) if info.Last_Rec >= 0 else None
        result = change(name, spec, attrs, data)
        if result is not None:
            copies.append(result)
    attributes = {
        k: {0: v[0] if isinstance(v, list) else v} for k, v in old.globalattsget().items()
    }
    new = cdfwrite.CDF(path, delete=True)
    new.write_globalattrs(attributes)
    for spec, attrs, data in copies:
        new.write_var(spec, var_attrs=attrs, var_data=data)
    new.close()


def restate(path: Path, station: str, **changed) -> None:
    """Change attributes of the field variable; None takes one away."""

    def change(name, spec, attrs, data):
        if name == f"thg_mag_{station}":
            attrs |= changed
            attrs = {k: v for k, v in attrs.items() if v is not None}
        return spec, attrs, data

    edit(path, change)


@pytest.mark.parametrize("step", [0.5, 10.0])
@pytest.mark.parametrize("compress", [0, 6])
def test_what_is_written_is_read_back(tmp_path, step, compress):
    times, field = stamps(step, days=1.5), field_of(round(1.5 * 86_400 / step))
    field[100:120, 1] = np.nan
    paths = write_gmag("gill", times, field, tmp_path, simulated=True, compress=compress)
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [
        f"themis/thg/l2/mag/gill/2014/thg_l2_mag_gill_201403{day}_v01.cdf" for day in (10, 11)
    ]
    read = [read_gmag(path, "gill") for path in paths]
    for path in paths:
        check_cdf(path)
    np.testing.assert_array_equal(np.concatenate([part[1] for part in read]), field)
    seconds = np.concatenate([part[0] for part in read])
    np.testing.assert_array_equal(np.rint(seconds * 1e3), times.astype("M8[ms]").astype(np.int64))
    assert read[0][2]["simulated"] == "true"
    assert (
        "simulated"
        not in read_gmag(
            write_gmag("gill", times[:10], field[:10], tmp_path / "real", simulated=False)[0],
            "gill",
        )[2]
    )
    assert list(tmp_path.rglob(".*")) == []


def test_stations_of_the_greenland_folder_are_written_there(tmp_path):
    (path,) = write_gmag("naq", stamps(60.0), field_of(1440), tmp_path, simulated=True)
    assert path.relative_to(tmp_path).as_posix() == (
        "themis/thg/greenland_gmag/l2/naq/2014/thg_l2_mag_naq_20140310_v01.cdf"
    )


def test_pyspedas_reads_the_files(tmp_path):
    from pyspedas import cdf_to_tplot, get_data

    times, field = stamps(10.0), field_of(8640)
    (path,) = write_gmag("gill", times, field, tmp_path, simulated=True)
    assert "thg_mag_gill" in cdf_to_tplot([str(path)])
    data = get_data("thg_mag_gill")
    np.testing.assert_array_equal(data.y, field)
    np.testing.assert_allclose(data.times, times.astype(np.int64) / 1e9, atol=1e-3)
    assert get_data("thg_mag_gill", metadata=True)["CDF"]["VATT"]["UNITS"] == "nT"


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    from auroral_stats.simulation import gmag_files

    times, field = stamps(60.0), field_of(1440)
    (path,) = write_gmag("gill", times, field, tmp_path, simulated=True)
    before = path.read_bytes()

    def fail(*_args, **_options):
        raise OSError("no space left")

    monkeypatch.setattr(gmag_files, "_put", fail)
    with pytest.raises(OSError, match="no space"):
        write_gmag("gill", times, field + 1, tmp_path, simulated=True)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    with pytest.raises(UsageError, match=r"expected \(time, 3\)"):
        write_gmag("gill", times, field[:, :2], tmp_path, simulated=True)


@pytest.mark.parametrize("step", [0.5, 1.0, 2.0, 10.0, 60.0])
def test_minutes_are_means_stamped_with_their_start(cache, step):
    times, field = stamps(step), field_of(round(86_400 / step))
    write_gmag("gill", times, field, cache, simulated=False)
    ds = load_magnetometer("gill", [("2014-03-10T06:00", "2014-03-10T07:00")], offline=True)
    expected = slow_means(times, field, ds.mag_time.to_numpy())
    np.testing.assert_allclose(ds.mag[:, 0], expected, rtol=1e-7)
    assert ds.mag.dtype == np.float32
    assert ds.attrs["cadence_seconds"] == [f"gill {step:g}"]
    assert ds.mag.attrs["units"] == "nT"
    assert np.isfinite(ds.pi2).all() == (step <= 10)


@settings(deadline=None, max_examples=20)
@given(
    seed=st.integers(0, 10_000),
    step=st.sampled_from([1.0, 5.0, 8.0, 10.0, 20.0, 60.0]),
    lost=st.floats(0.0, 0.9),
)
def test_means_agree_with_a_slow_average_whatever_is_missing(seed, step, lost):
    rng = np.random.default_rng(seed)
    times = stamps(step, days=2 / 24)
    field = field_of(times.size, seed).astype(float)
    keep = rng.random(times.size) >= lost * (np.arange(times.size) % 600 < 300)
    keep[:2] = True
    times, field = times[keep], field[keep]
    field[rng.random(times.size) < 0.05, 2] = np.nan
    order = rng.permutation(times.size)
    seconds = times.astype(np.int64)[order] / 1e9 - 1394409600.0
    got = day_means(seconds, field[order])
    if got.step_seconds != step:
        return  # so much is missing that the cadence cannot be told
    axis = np.datetime64("2014-03-10", "m") + np.arange(1440)
    expected = slow_means(times, field, axis)
    np.testing.assert_allclose(got.means, expected, rtol=1e-9)


def test_half_of_a_minute_is_enough_and_less_is_not():
    seconds = np.arange(0, 86_400, 10.0)
    field = np.column_stack([seconds % 3600] * 3)
    three, two = np.ones(8640, bool), np.ones(8640, bool)
    three[6:9], two[6:10] = False, False
    assert day_means(seconds[three], field[three]).means[1, 0] == pytest.approx(100.0)
    assert np.isnan(day_means(seconds[two], field[two]).means[1]).all()


def test_duplicates_and_disorder_do_not_count_twice():
    seconds = np.arange(0, 86_400, 10.0)
    field = np.column_stack([seconds % 3600] * 3)
    expected = day_means(seconds, field).means
    order = np.random.default_rng(0).permutation(8640)
    np.testing.assert_allclose(day_means(seconds[order], field[order]).means, expected)
    twice = np.concatenate([seconds, seconds[:600]])
    # Of a time that comes twice the last counts, and other days' samples do not.
    other = np.concatenate([field + 1, field[:600]])
    got = day_means(np.append(twice, [-10.0, 86_400.0]), np.vstack([other, [[9e4] * 3] * 2]))
    np.testing.assert_allclose(got.means[:100], expected[:100])
    np.testing.assert_allclose(got.means[100:], expected[100:] + 1)


def test_a_stamp_a_rounding_error_early_keeps_its_minute():
    seconds = np.arange(0, 86_400, 0.5)
    field = np.column_stack([np.floor(seconds / 60)] * 3)
    early = seconds - np.where(seconds % 60 == 0, 1e-7, 0.0)
    np.testing.assert_array_equal(day_means(early, field).means[:, 0], np.arange(1440))


@pytest.mark.parametrize("fill", [np.nan, -1e31, 99_999.0, 88_888.0, -1e5])
def test_fills_are_nan_whatever_the_file_calls_them(cache, fill):
    field = field_of(8640)
    field[6 * 60 : 6 * 65] = fill
    paths = write_gmag("gill", stamps(10.0), field, cache, simulated=False)
    values = read_gmag(paths[0], "gill")[1]
    assert np.isnan(values[360:390]).all()
    assert np.isfinite(values[:360]).all()
    ds = load_magnetometer("gill", [("2014-03-10", "2014-03-11")], offline=True)
    assert np.isnan(ds.mag[60:65]).all()
    assert np.isfinite(ds.mag[:60]).all()


def test_a_stated_fill_inside_the_range_is_a_fill(tmp_path):
    field = field_of(1440)
    field[7] = 0.0
    (path,) = write_gmag("gill", stamps(60.0), field, tmp_path, simulated=True)
    assert np.isfinite(read_gmag(path, "gill")[1][7]).all()
    restate(path, "gill", FILLVAL=[0.0, "CDF_REAL4"])
    assert np.isnan(read_gmag(path, "gill")[1][7]).all()


def test_spikes_are_taken_out_at_the_cadence_of_the_data(cache):
    field = field_of(172_800)
    clean = slow_means(stamps(0.5), field, np.datetime64("2014-03-10", "m") + np.arange(12))
    field[1210:1215] += 3000
    write_gmag("gill", stamps(0.5), field, cache, simulated=False)
    ds = load_magnetometer("gill", [("2014-03-10", "2014-03-10T00:12")], offline=True)
    np.testing.assert_allclose(ds.mag[:, 0], clean, atol=0.1)
    assert ds.attrs["spikes_removed"] == ["gill 15"]


def test_pi2_power_goes_on_over_midnight(cache):
    step = 5.0
    times = stamps(step, days=2)
    seconds = np.arange(times.size) * step
    field = field_of(times.size).astype(float)
    field[:, 0] += 10 * np.sin(2 * np.pi * seconds / 80)
    write_gmag("gill", times, field, cache, simulated=False)
    ds = load_magnetometer("gill", [("2014-03-10", "2014-03-12")], offline=True)
    single = field.astype(np.float32).astype(float)
    whole = pi2_power(single[:, 0], single[:, 1], step)
    np.testing.assert_allclose(ds.pi2[9:, 0], whole[9:], rtol=1e-5)
    assert np.isnan(ds.pi2[:8]).all()
    # Where the day before is missing there is nothing to look back on.
    (cache / "themis/thg/l2/mag/gill/2014/thg_l2_mag_gill_20140310_v01.cdf").unlink()
    ds = load_magnetometer("gill", [("2014-03-10", "2014-03-12")], offline=True)
    assert np.isnan(ds.pi2[:1448]).all()
    np.testing.assert_allclose(ds.pi2[1449:, 0], whole[1449:], rtol=1e-5)
    assert len(ds.attrs["missing_files"]) == 1


def test_periods_are_kept_apart_and_days_that_are_missing_are_nan(cache):
    for day in ("2014-03-10", "2014-03-12", "2015-01-05"):
        write_gmag("gill", stamps(60.0, day), field_of(1440), cache, simulated=False)
    periods = [("2014-03-10T12:00", "2014-03-12T12:00"), ("2015-01-05", "2015-01-05T01:00")]
    ds = load_magnetometer(["gill"], periods, offline=True)
    assert ds.sizes["mag_time"] == 2880 + 60
    finite = np.isfinite(ds.mag[:, 0, 0].to_numpy())
    day = ds.mag_time.to_numpy().astype("M8[D]")
    assert set(day[finite].astype(str)) == {"2014-03-10", "2014-03-12", "2015-01-05"}
    assert not finite[day == np.datetime64("2014-03-11")].any()
    assert finite[day != np.datetime64("2014-03-11")].all()


def test_a_station_without_files_is_named_and_none_at_all_is_an_error(cache):
    write_gmag("gill", stamps(60.0), field_of(1440), cache, simulated=False)
    period = [("2014-03-10", "2014-03-11")]
    ds = load_magnetometer(["gill", "rank"], period, offline=True)
    assert np.isnan(ds.mag.sel(station="rank")).all()
    assert ds.attrs["without"][0].startswith("rank: no THEMIS ground magnetometer file")
    with pytest.raises(ArchiveError, match="no THEMIS ground magnetometer file"):
        load_magnetometer("rank", period, offline=True)
    with pytest.raises(UsageError, match="no station"):
        load_magnetometer([], period, offline=True)


def test_geographic_components_are_refused_with_a_remedy(cache):
    field = field_of(1440)
    (path,) = write_gmag("ykc", stamps(60.0), field, cache, simulated=False, coordinates="XYZ")
    period = [("2014-03-10", "2014-03-11")]
    with pytest.raises(DataError) as caught:
        load_magnetometer("ykc", period, offline=True)
    message = str(caught.value)
    assert str(path) in message
    assert "station ykc is in geographic coordinates" in message
    assert "declination={'ykc': degrees}" in message
    ds = load_magnetometer("ykc", period, offline=True, declination={"ykc": 18.0})
    x, y = field[:, 0].astype(float), field[:, 1].astype(float)
    turned = x * np.cos(np.radians(18)) + y * np.sin(np.radians(18))
    np.testing.assert_allclose(ds.mag[:, 0, 0], turned, rtol=1e-6)
    # A user who knows better may say so.
    ds = load_magnetometer("ykc", period, offline=True, coordinates={"ykc": "HDZ"})
    np.testing.assert_allclose(ds.mag[:, 0], field)
    with pytest.raises(UsageError, match="expected HDZ or XYZ"):
        load_magnetometer("ykc", period, offline=True, coordinates={"ykc": "GEO"})


def test_hez_of_later_files_is_the_same_as_hdz(tmp_path):
    field = field_of(1440)
    (path,) = write_gmag("gill", stamps(60.0), field, tmp_path, simulated=True, coordinates="HEZ")
    np.testing.assert_array_equal(read_gmag(path, "gill")[1], field)


def test_components_in_another_order_are_put_in_order(tmp_path):
    field = field_of(1440)
    (path,) = write_gmag("gill", stamps(60.0), field, tmp_path, simulated=True)

    def change(name, spec, attrs, data):
        if name == "thg_mag_gill_labl":
            data = np.array(["D (nT)", "H (nT)", "Z (nT)"])
            spec["Num_Elements"] = 6
        return spec, attrs, data

    edit(path, change)
    np.testing.assert_array_equal(read_gmag(path, "gill")[1], field[:, [1, 0, 2]])


def test_a_file_that_contradicts_itself_or_says_nothing_is_refused(tmp_path):
    (path,) = write_gmag("gill", stamps(60.0), field_of(1440), tmp_path, simulated=True)
    restate(path, "gill", COORDINATE_SYSTEM="XYZ")
    with pytest.raises(DataError, match="station gill says HDZ and XYZ of its coordinates"):
        read_gmag(path, "gill")
    restate(path, "gill", COORDINATE_SYSTEM=None, LABL_PTR_1=None)
    with pytest.raises(DataError, match="says nothing of its coordinates"):
        read_gmag(path, "gill")
    restate(path, "gill", LABLAXIS=["H", "D", "Z"][0])
    with pytest.raises(DataError, match=r"coordinates=\{'gill': 'HDZ'\}"):
        read_gmag(path, "gill")
    assert read_gmag(path, "gill", coordinates="HDZ")[1].shape == (1440, 3)


def test_other_units_and_other_stations_are_refused(tmp_path):
    (path,) = write_gmag("gill", stamps(60.0), field_of(1440), tmp_path, simulated=True)
    with pytest.raises(DataError, match="no variable thg_mag_rank"):
        read_gmag(path, "rank")
    restate(path, "gill", UNITS="uT")
    with pytest.raises(DataError, match="thg_mag_gill is in uT; expected nT"):
        read_gmag(path, "gill")


def test_times_come_from_the_epochs_where_there_are_no_seconds(tmp_path):
    times = stamps(60.0)
    (path,) = write_gmag("gill", times, field_of(1440), tmp_path, simulated=True)
    expected = read_gmag(path, "gill")[0]

    def change(name, spec, attrs, data):
        if name == "thg_mag_gill_time":
            return None
        if name == "thg_mag_gill_epoch":
            data = times.astype("M8[ms]").astype(np.int64) + 62_167_219_200_000.0
        return spec, attrs, data

    edit(path, change)
    np.testing.assert_array_equal(read_gmag(path, "gill")[0], expected)
    edit(path, lambda name, *rest: None if name == "thg_mag_gill_epoch" else rest)
    with pytest.raises(DataError, match="no times for thg_mag_gill"):
        read_gmag(path, "gill")


def test_simulated_and_real_files_are_told_apart(cache):
    period = [("2014-03-10", "2014-03-11")]
    write_gmag("gill", stamps(60.0), field_of(1440), cache, simulated=True)
    with pytest.raises(DataError, match="is simulated and lies in a cache of real data"):
        load_magnetometer("gill", period, offline=True)
    assert load_magnetometer("gill", period, root=cache).attrs["simulated"] == "true"
    write_gmag("gill", stamps(60.0), field_of(1440), cache, simulated=False)
    with pytest.raises(DataError, match="not marked as simulated"):
        load_magnetometer("gill", period, root=cache)


def test_a_damaged_file_is_named(cache):
    (path,) = write_gmag("gill", stamps(60.0), field_of(1440), cache, simulated=False)
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(ArchiveError, match="cut short"):
        load_magnetometer("gill", [("2014-03-10", "2014-03-11")], offline=True)


def test_memory_holds_minutes_and_one_day_of_samples(cache):
    for day in range(6):
        start = str(np.datetime64("2014-03-10") + day)
        write_gmag("gill", stamps(1.0, start), field_of(86_400), cache, simulated=False)

    def peak(days: int) -> int:
        end = np.datetime64("2014-03-10") + days
        tracemalloc.start()
        load_magnetometer("gill", [("2014-03-10", end)], offline=True)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(1)
    # Four days of 1 s samples are 7 MB as they are in the files; four days of minutes, 0.1 MB.
    assert peak(6) - peak(2) < 1_000_000
