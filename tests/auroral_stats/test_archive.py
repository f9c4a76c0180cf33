"""The pyspedas boundary: where files are looked for, how they arrive, what happens offline."""

from __future__ import annotations

import functools
import http.server
import logging
import os
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from auroral_stats.archive import (
    PRODUCTS,
    Limits,
    cache_folder,
    describe_missing,
    file_names,
    file_period,
    find_files,
)
from auroral_stats.cdf import check_cdf, open_cdf, read_variable
from auroral_stats.errors import ArchiveError, UsageError
from auroral_stats.omni import load_omni
from auroral_stats.periods import interval_starts, merge_periods
from auroral_stats.pyspedas_import import pyspedas_quiet
from auroral_stats.simulation.omni_files import write_omni_hourly, write_omni_hro
from auroral_stats.spedas import GREENLAND_FOLDER

MARCH = merge_periods("2014-03-01", "2014-04-01")
DIRECTORIES = ("SPEDAS_DATA_DIR", "OMNI_DATA_DIR", "KP_DATA_DIR", "THM_DATA_DIR")
QUICK = Limits(connect_timeout=2.0, read_timeout=2.0, attempts=2, backoff=0.02)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty SPEDAS_DATA_DIR of the user."""
    others = ("OMNI_NO_DOWNLOAD", "THM_NO_DOWNLOAD", "AURORAL_STATS_OMNI_MIRROR")
    for name in (*DIRECTORIES, *others, "AURORAL_STATS_THEMIS_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SPEDAS_DATA_DIR", str(tmp_path / "spedas"))
    return tmp_path / "spedas"


@pytest.fixture(scope="module")
def month_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One month of 5-min HRO (the smallest real monthly file), written once."""
    times = np.arange("2014-03-01", "2014-04-01", np.timedelta64(5, "m"), "datetime64[m]")
    bz = np.round(np.sin(np.arange(times.size) / 50.0) * 8.0, 2)
    root = tmp_path_factory.mktemp("month")
    return write_omni_hro({"time": times, "Bz": bz}, root, "5min", simulated=False)[0]


@pytest.fixture(scope="module")
def hourly_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three half-years of hourly OMNI2 below a SPEDAS root."""
    hours = np.arange("2014-01-01", "2015-07-01", np.timedelta64(1, "h"), "datetime64[h]")
    root = tmp_path_factory.mktemp("hourly")
    write_omni_hourly({"time": hours, "Bz": np.zeros(hours.size)}, root, simulated=False)
    return root


@pytest.fixture(scope="module")
def day_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small daily magnetometer CDF, with a variable that has no records, as real ones have."""
    from cdflib import cdfwrite

    path = tmp_path_factory.mktemp("day") / "thg_l2_mag_gill_20140310_v01.cdf"
    file = cdfwrite.CDF(path)
    scalar = {"Num_Elements": 1, "Rec_Vary": True, "Dim_Sizes": []}
    seconds = 1_394_409_600.0 + np.arange(0.0, 86_400.0, 600.0)
    field = np.arange(seconds.size * 3, dtype=np.float32).reshape(-1, 3)
    file.write_var(scalar | {"Variable": "thg_mag_gill_epoch", "Data_Type": 31}, {}, None)
    file.write_var(scalar | {"Variable": "thg_mag_gill_time", "Data_Type": 45}, {}, seconds)
    file.write_var(
        scalar | {"Variable": "thg_mag_gill", "Data_Type": 44, "Dim_Sizes": [3]}, {}, field
    )
    file.close()
    return path


def put_days(day_file: Path, folder: Path, days: list[str], station: str = "gill") -> list[Path]:
    kind = "greenland_gmag/l2" if station in GREENLAND_FOLDER else "l2/mag"
    paths = []
    for day in days:
        name = f"thg_l2_mag_{station}_{day}_v01.cdf"
        path = folder / "thg" / kind / station / day[:4] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(day_file, path)
        paths.append(path)
    return paths


def put(month_file: Path, folder: Path, name: str = "omni_hro_5min_20140301_v01.cdf") -> Path:
    target = folder / "hro_5min" / "2014" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(month_file, target)
    return target


def run_python(code: str, *, command: tuple[str, ...] = (), **environment: str) -> str:
    """Run code in a fresh interpreter with only these data folders, and return what it printed."""
    clean = {k: v for k, v in os.environ.items() if k not in DIRECTORIES}
    done = subprocess.run(
        [*command, sys.executable, "-c", textwrap.dedent(code)],
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


# --- folders and names ------------------------------------------------------------------------


def test_folder_follows_the_environment_at_call_time(cache, monkeypatch):
    assert cache_folder("omni") == cache / "omni"
    assert cache_folder("kp") == cache / "geom_indices"
    assert cache_folder("themis") == cache / "themis"
    for mission, variable in (
        ("omni", "OMNI_DATA_DIR"),
        ("kp", "KP_DATA_DIR"),
        ("themis", "THM_DATA_DIR"),
    ):
        monkeypatch.setenv(variable, str(cache / "own"))
        assert cache_folder(mission) == cache / "own"
    assert cache_folder("omni", root=cache / "world") == cache / "world" / "omni"
    monkeypatch.setenv("OMNI_DATA_DIR", "s3://bucket/omni")
    with pytest.raises(UsageError, match="Set OMNI_DATA_DIR"):
        cache_folder("omni")


def test_pyspedas_preferences_and_defaults_are_honoured(tmp_path):
    preferences = tmp_path / "preferences.toml"
    preferences.write_text(
        '[projects.omni]\nlocal_data_dir = "/from/preferences"\n'
        'remote_data_dir = "https://mirror.example/omni"\n'
    )
    out = run_python(
        """
        from auroral_stats.spedas import cache_folder, server_address
        print(cache_folder("omni")); print(server_address("omni", None))
        print(cache_folder("kp").name); print(server_address("kp", None))
        print(server_address("omni", "http://other.example/x/"))
        """,
        PYSPEDAS_CONFIG_FILE=str(preferences),
    ).split()
    assert out[:2] == ["/from/preferences", "https://mirror.example/omni/"]
    assert out[2] == "geom_indices"
    assert out[3].startswith("https://datapub.gfz")
    assert out[4] == "http://other.example/x/"


def test_broken_preferences_are_one_message(tmp_path):
    preferences = tmp_path / "preferences.toml"
    preferences.write_text("[projects.omni]\nno_such_key = 1\n")
    out = run_python(
        """
        from auroral_stats.errors import UsageError
        from auroral_stats.spedas import cache_folder
        try:
            cache_folder("omni")
        except UsageError as error:
            print(error)
        """,
        PYSPEDAS_CONFIG_FILE=str(preferences),
    )
    assert "no_such_key" in out
    assert "Correct its preferences file" in out


@pytest.mark.parametrize(
    ("kind", "start", "end", "count"),
    [
        ("hro_5min", "2014-03-10", "2014-03-12", 1),
        ("hourly", "2014-06-30", "2014-07-02", 2),
        ("hourly", "2014-02-01", "2015-06-30", 3),
    ],
)
def test_pyspedas_finds_the_same_files(
    cache, month_file, hourly_files, monkeypatch, kind, start, end, count
):
    import pyspedas

    put(month_file, cache / "omni")
    shutil.copytree(hourly_files / "omni" / "hourly", cache / "omni" / "hourly")
    monkeypatch.setitem(pyspedas.projects.omni.config.CONFIG, "local_data_dir", str(cache / "omni"))
    theirs = pyspedas.projects.omni.data(
        trange=[start, end],
        datatype=kind.removeprefix("hro_"),
        downloadonly=True,
        no_update=True,
    )
    ours = find_files(kind, merge_periods(start, end), offline=True).paths
    assert [str(path) for path in ours] == theirs
    assert len(ours) == count


def load_gmag_with_pyspedas(stations: list[str], trange: list[str], **options) -> list[str]:
    """Return the files pyspedas uses, without its question to a web service."""
    from pyspedas.projects.themis.load import load

    with pyspedas_quiet():
        return load(
            instrument="gmag",
            stations=stations,
            greenland=[station in GREENLAND_FOLDER for station in stations],
            variometer=[0] * len(stations),
            trange=trange,
            downloadonly=True,
            **options,
        )


def test_pyspedas_finds_the_same_magnetometer_files(cache, day_file, monkeypatch):
    from pyspedas.projects.themis.config import CONFIG

    for station in ("gill", "amk"):
        put_days(day_file, cache / "themis", ["20131231", "20140101", "20140103"], station)
    (cache / "themis" / "thg_l2_mag_gill_20140102_v01.cdf").write_bytes(day_file.read_bytes())
    monkeypatch.setitem(CONFIG, "local_data_dir", str(cache / "themis"))
    span = ["2013-12-31", "2014-01-04"]
    theirs = load_gmag_with_pyspedas(["amk", "gill"], span, no_update=True)
    ours = find_files("gmag", merge_periods(*span), station=["amk", "gill"], offline=True)
    assert sorted(str(path) for path in ours.paths) == theirs
    assert len(ours.paths) == 7
    assert ours.missing == ("thg_l2_mag_amk_20140102_v??.cdf",)


def test_pyspedas_puts_magnetometer_files_in_the_same_place(
    cache, server, day_file, monkeypatch, tmp_path
):
    from pyspedas.projects.themis.config import CONFIG

    days = ["20140310", "20140311"]
    for station in ("gill", "amk"):
        put_days(day_file, server.folder / "omni_cdaweb", days, station)
    span = ["2014-03-10", "2014-03-12"]
    monkeypatch.setitem(CONFIG, "local_data_dir", str(tmp_path / "theirs"))
    monkeypatch.setitem(CONFIG, "remote_data_dir", server.address + "/")
    theirs = load_gmag_with_pyspedas(["gill", "amk"], span)
    ours = find_files(
        "gmag", merge_periods(*span), station=["gill", "amk"], mirror=server.address, limits=QUICK
    )
    assert [path.relative_to(cache / "themis") for path in sorted(ours.paths)] == [
        Path(path).relative_to(tmp_path / "theirs") for path in theirs
    ]
    assert len(theirs) == 4


@pytest.mark.parametrize("station", [None, "", "../gill", "gi ll", ["gill", "g/x"], []])
def test_a_station_that_is_no_code_is_refused(station):
    with pytest.raises(UsageError, match="expected the code"):
        find_files("gmag", MARCH, station=station, offline=True)


def test_stations_and_products_are_checked():
    with pytest.raises(UsageError, match="has no stations"):
        find_files("hro_5min", MARCH, station="gill", offline=True)
    with pytest.raises(UsageError, match="expected one of hro_1min"):
        find_files("hro", MARCH, offline=True)
    for wrong in ({"parallel": 0}, {"read_timeout": 0.0}, {"patience": float("nan")}):
        with pytest.raises(UsageError, match=next(iter(wrong))):
            Limits(**wrong)


@pytest.mark.parametrize(
    ("kind", "start", "end", "expected"),
    [
        ("gmag", "2014-03-31T23:59", "2014-04-01", ["20140331"]),
        ("gmag", "2014-03-31T23:59", "2014-04-01T00:01", ["20140331", "20140401"]),
        ("hro_1min", "2014-03-31T23:59", "2014-04-01", ["20140301"]),
        ("hro_1min", "2014-03-31T23:59", "2014-04-01T00:01", ["20140301", "20140401"]),
        ("hro_1min", "2013-12-31", "2014-02-01", ["20131201", "20140101"]),
        ("hourly", "2014-06-30T23:00", "2014-07-01", ["20140101"]),
        ("hourly", "2014-06-30T23:00", "2014-07-01T01:00", ["20140101", "20140701"]),
        ("hourly", "2012-09-01", "2014-03-01", ["20120701", "20130101", "20130701", "20140101"]),
    ],
)
def test_file_names_of_a_period(kind, start, end, expected):
    product = PRODUCTS[kind]
    names = file_names(product, merge_periods(start, end), "gill" if kind == "gmag" else None)
    assert [name[-16:-8] for name in names] == expected
    for name in names:
        first, last = file_period(product, name)
        assert first < np.datetime64(end)
        assert last > np.datetime64(start)


def test_periods_are_merged_and_checked():
    merged = merge_periods(
        periods=[
            ("2014-01-05", "2014-01-07"),
            ("2014-01-01", "2014-01-02"),
            ("2014-01-06", "2014-01-08"),
        ]
    )
    assert [(str(a)[:10], str(b)[:10]) for a, b in merged] == [
        ("2014-01-01", "2014-01-02"),
        ("2014-01-05", "2014-01-08"),
    ]
    # an hour that two periods touch is one hour
    starts = interval_starts(
        merge_periods(
            periods=[
                ("2014-01-01T00:10", "2014-01-01T00:20"),
                ("2014-01-01T00:30", "2014-01-01T01:10"),
            ]
        ),
        60,
    )
    assert [str(t)[11:13] for t in starts] == ["00", "01"]
    offset = merge_periods("2014-01-01T00:00-07:00", "2014-01-02T00:00-07:00")
    assert str(offset[0][0])[:16] == "2014-01-01T07:00"
    for bad in (("2014-01-02", "2014-01-01"), ("2014-01-01", "2014-01-01")):
        with pytest.raises(UsageError, match="empty"):
            merge_periods(*bad)
    with pytest.raises(UsageError, match="expected a UTC date"):
        merge_periods("yesterday-ish", "2014-01-01")
    with pytest.raises(UsageError, match="no period"):
        merge_periods(periods=[])


# --- the cache --------------------------------------------------------------------------------


def test_last_version_wins_wherever_it_lies(cache, month_file):
    put(month_file, cache / "omni")
    second = put(month_file, cache / "omni", "omni_hro_5min_20140301_v02.cdf")
    assert find_files("hro_5min", MARCH, offline=True).paths == (second,)
    flat = cache / "omni" / "omni_hro_5min_20140401_v01.cdf"  # pyspedas accepts a flat folder too
    shutil.copy(month_file, flat)
    april = merge_periods("2014-04-02", "2014-04-03")
    assert find_files("hro_5min", april, offline=True).paths == (flat,)


def test_missing_files_are_named_with_folder_and_remedy(cache):
    with pytest.raises(ArchiveError) as caught:
        find_files("hro_1min", merge_periods("2014-03-01", "2014-05-01"), offline=True)
    message = str(caught.value)
    assert "omni_hro_1min_20140301_v??.cdf, omni_hro_1min_20140401_v??.cdf" in message
    assert str(cache / "omni") in message
    assert "--offline" in message
    assert "OMNI_DATA_DIR" in message
    with pytest.raises(ArchiveError, match="and 114 more"):
        find_files("hro_1min", merge_periods("2010-01-01", "2020-01-01"), offline=True)


def test_partly_missing_is_listed_and_described(cache, month_file):
    put(month_file, cache / "omni")
    span = ("2014-02-27", "2014-03-02")
    dataset = load_omni(*span, cadence="5min", variables=["Bz"], offline=True)
    assert dataset.attrs["missing_files"] == ["omni_hro_5min_20140201_v??.cdf"]
    assert dataset.attrs["files"] == ["omni_hro_5min_20140301_v01.cdf"]
    assert dataset.sizes["driver_time"] == 3 * 288
    assert np.isnan(dataset.Bz[: 2 * 288]).all()
    assert np.isfinite(dataset.Bz[2 * 288 :]).all()
    said = describe_missing(dataset.attrs)
    assert "1 of 2 files is missing" in said
    assert "omni_hro_5min_20140201_v??.cdf" in said
    assert str(cache / "omni") in said
    assert describe_missing(dataset.attrs | {"missing_files": []}) == ""
    with pytest.raises(ArchiveError, match="20140201"):
        load_omni(*span, cadence="5min", variables=["Bz"], offline=True, on_missing="error")


def test_cache_is_listed_once_until_it_changes(cache, month_file, day_file, monkeypatch):
    month = put(month_file, cache / "omni")
    walks = []
    walk = os.walk
    monkeypatch.setattr(os, "walk", lambda top: walks.append(top) or walk(top))
    find_files("hro_5min", MARCH, offline=True)
    assert walks == []
    decade = merge_periods("2010-01-01", "2016-01-01")
    long_ago = time.time() - 3600
    for place in (cache / "omni", *(path for path in cache.rglob("*") if path.is_dir())):
        os.utime(place, (long_ago, long_ago))
    for _ in range(3):
        assert find_files("hro_5min", decade, offline=True).paths == (month,)
    assert walks == [cache / "omni"]
    # whatever comes or goes, anywhere, is seen
    flat = cache / "omni" / "elsewhere" / "omni_hro_5min_20130101_v01.cdf"
    flat.parent.mkdir()
    shutil.copy(month_file, flat)
    assert find_files("hro_5min", decade, offline=True).paths == (flat, month)
    flat.unlink()
    assert find_files("hro_5min", decade, offline=True).paths == (month,)


def test_many_station_days_cost_one_listing(cache, day_file, monkeypatch):
    """700 station-days, one in ten missing: seven folders and one walk, not 700."""
    days = [
        str(day).replace("-", "") for day in np.arange("2014-01-01", "2014-04-11", dtype="M8[D]")
    ]
    stations = ["gill", "rank", "fsmi", "amk", "kuuj", "atha", "inuv"]
    for station in stations:
        held = [day for number, day in enumerate(days) if number % 10]
        for path in put_days(day_file, cache / "themis", held[:1], station):
            for day in held[1:]:
                os.link(path, path.with_name(path.name.replace(held[0], day)))
    listed, walks = [], []
    listdir, walk = os.listdir, os.walk
    monkeypatch.setattr(os, "listdir", lambda place: listed.append(place) or listdir(place))
    monkeypatch.setattr(os, "walk", lambda top: walks.append(top) or walk(top))
    span = merge_periods("2014-01-01", "2014-04-11")
    files = find_files("gmag", span, station=stations, offline=True)
    assert (len(files.paths), len(files.missing)) == (630, 70)
    assert len(listed) == 7
    assert len(walks) == 1
    assert [path.name.split("_")[3] for path in files.paths] == sorted(
        (s for s in stations for _ in range(90)), key=stations.index
    )


@pytest.mark.parametrize("damage", ["half", "empty", "page", "one byte", "noise"])
def test_damaged_file_is_one_message(cache, month_file, damage):
    target = put(month_file, cache / "omni")
    whole = target.read_bytes()
    rng = np.random.default_rng(1)
    target.write_bytes(
        {
            "half": whole[: len(whole) // 2],
            "empty": b"",
            "page": b"<html>Service unavailable</html>",
            "one byte": whole[:-1],
            "noise": whole[:64] + rng.bytes(len(whole) - 64),
        }[damage]
    )
    with pytest.raises(ArchiveError) as caught:
        load_omni("2014-03-01", "2014-03-02", cadence="5min", offline=True)
    message = str(caught.value)
    assert str(target) in message
    assert "Delete it" in message
    assert "\n" not in message
    with pytest.raises(ArchiveError):
        check_cdf(target)


def test_whole_file_passes_the_check_compressed_or_not(tmp_path, month_file):
    from cdflib import cdfwrite

    check_cdf(month_file)
    path = tmp_path / "packed.cdf"
    packed = cdfwrite.CDF(path, {"Compressed": 6})
    packed.write_var(
        {"Variable": "x", "Data_Type": 4, "Num_Elements": 1, "Rec_Vary": True, "Dim_Sizes": []},
        {},
        np.arange(5000, dtype=np.int32),
    )
    packed.close()
    check_cdf(path)
    assert read_variable(open_cdf(path), "x")[0].sum() == 4999 * 2500
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ArchiveError, match=r"packed\.cdf"):
        check_cdf(path)


# --- offline ----------------------------------------------------------------------------------

OFFLINE = """
    import logging, socket, warnings

    def forbidden(*args, **kwargs):
        raise AssertionError(f"network used: {args}")

    for name in ("connect", "connect_ex", "sendto"):
        setattr(socket.socket, name, forbidden)
    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "create_connection"):
        setattr(socket, name, forbidden)

    show = warnings.showwarning
    logging.basicConfig(level=logging.ERROR, format="mine %(message)s")
    root = logging.getLogger()
    handler, form = root.handlers[0], root.handlers[0].formatter

    from auroral_stats.archive import find_files
    from auroral_stats.errors import ArchiveError
    from auroral_stats.indices import load_kp
    from auroral_stats.omni import load_omni
    from auroral_stats.periods import merge_periods

    days = merge_periods("2014-03-10", "2014-03-12")
    gmag = find_files("gmag", days, station=["gill", "amk"], offline=True)
    print(len(gmag.paths), len(gmag.missing))

    ds = load_omni("2014-02-20", "2014-03-02", cadence="5min", variables=["Bz"], offline=True)
    print(int(ds.Bz.notnull().sum()), load_kp("2015-03-17", "2015-03-18", offline=True).Kp.size)
    for load in (lambda: load_omni("2019-01-01", "2019-01-02", offline=True),
                 lambda: load_omni("2019-01-01", "2019-01-02", cadence="hourly", offline=True),
                 lambda: find_files("gmag", days, station="nrsq", offline=True),
                 lambda: load_kp("2031-01-01", "2031-01-02", offline=True)):
        try:
            load()
        except ArchiveError:
            print("refused")
    print(root.level == logging.ERROR, root.handlers == [handler], handler.formatter is form,
          warnings.showwarning is show)
"""


def test_offline_makes_no_connection_and_no_dns_query(tmp_path, month_file, day_file):
    """Every way out raises, in a namespace without network where one can be made.

    Importing pyspedas for the first time must not touch the user's logging either.
    """
    command: tuple[str, ...] = ("unshare", "--map-root-user", "--net")
    if (
        shutil.which("unshare") is None
        or subprocess.run([*command, "true"], check=False).returncode
    ):
        command = ()
    put(month_file, tmp_path / "omni")
    for station in ("gill", "amk"):
        put_days(day_file, tmp_path / "themis", ["20140310"], station)
    out = run_python(OFFLINE, command=command, SPEDAS_DATA_DIR=str(tmp_path)).split()
    assert out[:8] == ["2", "2", "288", "8", *["refused"] * 4]
    assert out[8:] == ["True"] * 4


def test_no_download_setting_of_pyspedas_is_offline(cache, monkeypatch):
    monkeypatch.setenv("OMNI_NO_DOWNLOAD", "true")
    monkeypatch.setenv("AURORAL_STATS_OMNI_MIRROR", "http://127.0.0.1:9/")
    with pytest.raises(ArchiveError, match="Run without --offline"):
        find_files("hro_1min", MARCH)
    monkeypatch.setenv("THM_NO_DOWNLOAD", "1")
    monkeypatch.setenv("AURORAL_STATS_THEMIS_MIRROR", "http://127.0.0.1:9/")
    with pytest.raises(ArchiveError, match=r"Run without --offline.*THM_DATA_DIR"):
        find_files("gmag", MARCH, station="gill")


# --- downloads from a server on this machine --------------------------------------------------


class Archive(http.server.SimpleHTTPRequestHandler):
    """Serves a folder with index pages, remembers requests, and cuts bodies short on demand."""

    requests: list[tuple[str, str | None]]
    cut: str = ""

    def do_GET(self) -> None:
        self.requests.append((self.path, self.headers.get("If-Modified-Since")))
        if self.cut and self.path.endswith(self.cut):
            body = Path(self.translate_path(self.path)).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
            return
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Server:
    """A running server: its folder, its address and the requests it got."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.handler = type("Handler", (Archive,), {"requests": [], "cut": ""})
        handler = functools.partial(self.handler, directory=str(folder))
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.address = f"http://127.0.0.1:{self.http.server_address[1]}/omni_cdaweb"
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def requests(self) -> list[tuple[str, str | None]]:
        return self.handler.requests


@pytest.fixture
def server(tmp_path, month_file, monkeypatch) -> Iterator[Server]:
    """The remote layout on a server of our own, and pyspedas without its pauses."""
    import pyspedas.utilities.download as module

    monkeypatch.setattr(module, "sleep", lambda seconds: None)
    (tmp_path / "remote").mkdir()
    running = Server(tmp_path / "remote")
    put(month_file, running.folder / "omni_cdaweb")
    yield running
    running.http.shutdown()
    running.http.server_close()


def leftovers(cache: Path) -> list[str]:
    return [path.name for path in cache.rglob(".*")]


def test_download_lands_in_the_cache_and_is_not_asked_for_again(cache, server):
    told = []
    files = find_files(
        "hro_5min", MARCH, mirror=server.address, progress=lambda *args: told.append(args)
    )
    expected = cache / "omni" / "hro_5min" / "2014" / "omni_hro_5min_20140301_v01.cdf"
    assert files.paths == (expected,)
    assert files.missing == files.problems == ()
    assert expected.read_bytes() == next(server.folder.rglob("*.cdf")).read_bytes()
    assert leftovers(cache) == []
    assert told == [(0, 1, "hro_5min/2014/"), (0, 1, expected.name)]
    assert files.downloaded == {expected}
    asked = len(server.requests)
    assert asked == 2  # the index and the file
    again = find_files("hro_5min", MARCH, mirror=server.address)
    assert again.downloaded == frozenset()
    assert len(server.requests) == asked


def test_mirror_from_the_environment_and_load(cache, server, monkeypatch):
    monkeypatch.setenv("AURORAL_STATS_OMNI_MIRROR", server.address + "/")
    dataset = load_omni("2014-03-10", "2014-03-11", cadence="5min", variables=["Bz"])
    assert dataset.sizes["driver_time"] == 288
    assert np.isfinite(dataset.Bz).all()
    with pytest.raises(UsageError, match="expected an address"):
        find_files("hro_5min", merge_periods("2015-03-01", "2015-03-02"), mirror="/some/folder")


def test_refresh_takes_a_newer_version_and_keeps_an_equal_one(cache, server, month_file):
    first = find_files("hro_5min", MARCH, mirror=server.address).paths[0]
    stamp = first.stat().st_mtime_ns
    server.requests.clear()
    again = find_files("hro_5min", MARCH, mirror=server.address, refresh=True)
    assert again.paths == (first,)
    assert first.stat().st_mtime_ns == stamp
    assert server.requests[-1][1] is not None  # asked only whether it is newer
    put(month_file, server.folder / "omni_cdaweb", "omni_hro_5min_20140301_v02.cdf")
    newer = find_files("hro_5min", MARCH, mirror=server.address, refresh=True)
    assert [path.name for path in newer.paths] == ["omni_hro_5min_20140301_v02.cdf"]
    assert leftovers(cache) == []


def test_file_written_before_its_month_was_over_is_asked_for_again(cache, server, month_file):
    local = put(month_file, cache / "omni")
    within_march = np.datetime64("2014-03-15", "s").astype(int)
    os.utime(local, (within_march, within_march))
    find_files("hro_5min", MARCH, offline=True)
    assert server.requests == []
    find_files("hro_5min", MARCH, mirror=server.address)
    assert len(server.requests) == 2
    assert local.stat().st_mtime > within_march
    find_files("hro_5min", MARCH, mirror=server.address)
    assert len(server.requests) == 2


def test_outdated_file_is_used_when_the_server_does_not_answer(cache, month_file, server, caplog):
    local = put(month_file, cache / "omni")
    os.utime(local, (0, 0))
    server.http.shutdown()
    server.http.server_close()
    with caplog.at_level(logging.WARNING):
        files = find_files("hro_5min", MARCH, mirror=server.address, limits=QUICK)
    assert files.paths == (local,)
    assert files.missing == ()
    assert "used as it is: no connection to" in caplog.text


def test_truncated_body_never_becomes_a_cache_file(cache, server):
    server.handler.cut = ".cdf"
    with pytest.raises(ArchiveError, match=r"20140301_v01\.cdf arrived cut short"):
        find_files("hro_5min", MARCH, mirror=server.address, limits=QUICK)
    assert list(cache.rglob("*.cdf")) == []
    assert leftovers(cache) == []


def test_truncated_text_never_becomes_a_cache_file(cache, server):
    """There is no header in a text file that would tell its length."""
    line = "250101" + " " * 6 + "20" * 8 + "   " + "  7" * 8 + " " * 7 + "\n"
    remote = server.folder / "omni_cdaweb" / "Kp_def2025.wdc"
    remote.write_text(line * 200)
    server.handler.cut = ".wdc"
    year = merge_periods("2025-01-01", "2026-01-01")
    with pytest.raises(ArchiveError, match="cut short"):
        find_files("kp", year, mirror=server.address, limits=QUICK)
    assert list(cache.rglob("*.wdc")) == []
    server.handler.cut = ""
    assert find_files("kp", year, mirror=server.address).paths[0].read_text() == line * 200


def test_damaged_file_on_the_server_does_not_replace_a_sound_one(cache, server, month_file):
    local = put(month_file, cache / "omni")
    sound = local.read_bytes()
    os.utime(local, (0, 0))
    remote = next(server.folder.rglob("*.cdf"))
    remote.write_bytes(sound[: len(sound) // 2])
    files = find_files("hro_5min", MARCH, mirror=server.address)
    assert files.paths == (local,)
    assert local.read_bytes() == sound
    assert leftovers(cache) == []


def test_partial_success_keeps_what_came(cache, server):
    span = merge_periods("2014-03-01", "2014-05-01")
    files = find_files("hro_5min", span, mirror=server.address)
    assert [path.name for path in files.paths] == ["omni_hro_5min_20140301_v01.cdf"]
    assert files.missing == ("omni_hro_5min_20140401_v??.cdf",)
    assert files.problems == ("the server has no such file",)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://127.0.0.1:9/omni/", "no connection to http://127.0.0.1:9/omni/"),
        ("{server}/no/such/folder/", "the server has no such file"),
    ],
)
def test_server_trouble_is_one_message(cache, server, address, reason):
    mirror = address.replace("{server}", server.address)
    with pytest.raises(ArchiveError) as caught:
        find_files("hro_5min", MARCH, mirror=mirror, limits=QUICK)
    message = str(caught.value)
    assert reason in message
    assert "omni_hro_5min_20140301_v??.cdf" in message
    assert "AURORAL_STATS_OMNI_MIRROR" in message
    assert leftovers(cache) == []


def test_unwritable_cache_is_one_message(cache, server):
    cache.parent.mkdir(exist_ok=True)
    cache.write_text("a file where the cache should be")
    with pytest.raises(ArchiveError, match="cannot be written"):
        find_files("hro_5min", MARCH, mirror=server.address)


def test_staging_of_a_killed_run_is_cleared(cache, server):
    old, recent = (cache / "omni" / f".auroral_stats_{name}" for name in ("old", "recent"))
    for folder in (old, recent):
        folder.mkdir(parents=True)
    long_ago = time.time() - 3 * 86_400
    os.utime(old, (long_ago, long_ago))
    find_files("hro_5min", MARCH, mirror=server.address)
    assert not old.exists()
    assert recent.exists()


def test_logging_and_configuration_are_left_alone(cache, server):
    from pyspedas.projects.omni.config import CONFIG

    before = dict(CONFIG)
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    find_files("hro_5min", MARCH, mirror=server.address)
    assert before == CONFIG
    assert (root.level, root.handlers) == (level, handlers)
    assert root.filters == []


def test_quiet_drops_only_what_pyspedas_says(caplog):
    import pyspedas.utilities.download as module

    with caplog.at_level(logging.INFO), pyspedas_quiet() as said:
        module.download(remote_path=["no", "string"])  # logs an error and returns
        logging.getLogger("theirs").info("kept")
        logging.getLogger().info("kept too")
    assert "kept" in caplog.text
    assert "kept too" in caplog.text
    assert said
    assert not set(said) & set(caplog.messages)
