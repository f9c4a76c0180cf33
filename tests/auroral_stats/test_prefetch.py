"""Prefetching: everything that work without a network will read, and what is said of it."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from auroral_stats.archive import Limits, find_files
from auroral_stats.baselines import RUNNING_MARGIN_DAYS
from auroral_stats.errors import ArchiveError, UsageError
from auroral_stats.lagging import LOOK_BACK_MINUTES
from auroral_stats.omni import load_omni
from auroral_stats.periods import merge_periods
from auroral_stats.prefetch import BASELINE_DAYS, COLUMNS, DRIVER_DAYS, prefetch
from auroral_stats.simulation.omni_files import write_omni_hro

QUICK = Limits(connect_timeout=1.0, read_timeout=1.0, attempts=2, backoff=0.02)
VARIABLES = ("SPEDAS_DATA_DIR", "OMNI_DATA_DIR", "KP_DATA_DIR", "THM_DATA_DIR", "OMNI_NO_DOWNLOAD")


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder with listings."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def day_cdf(path: Path) -> None:
    from cdflib import cdfwrite

    path.parent.mkdir(parents=True, exist_ok=True)
    file = cdfwrite.CDF(path)
    file.write_var(
        {"Variable": "t", "Data_Type": 45, "Num_Elements": 1, "Rec_Vary": True, "Dim_Sizes": []},
        {},
        np.arange(0.0, 86_400.0, 600.0),
    )
    file.close()


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two months of OMNI, three weeks of two magnetometers, and a year of Kp."""
    root = tmp_path_factory.mktemp("remote")
    times = np.arange("2014-02-01", "2014-04-01", np.timedelta64(5, "m"), "datetime64[m]")
    write_omni_hro({"time": times, "Bz": np.zeros(times.size)}, root, "5min", simulated=False)
    for station in ("gill", "nrsq"):
        for day in np.arange("2014-02-20", "2014-03-13", dtype="M8[D]"):
            name = f"thg_l2_mag_{station}_{str(day).replace('-', '')}_v01.cdf"
            if name != "thg_l2_mag_gill_20140225_v01.cdf":
                day_cdf(root / "themis" / "thg" / "l2" / "mag" / station / "2014" / name)
    (root / "kp").mkdir()
    line = "250101" + " " * 6 + "20" * 8 + "   " + "  7" * 8 + " " * 7 + "\n"
    (root / "kp" / "Kp_def2025.wdc").write_text(line)
    return root


@pytest.fixture
def mirrors(remote: Path) -> Iterator[dict[str, str]]:
    handler = functools.partial(Quiet, directory=str(remote))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    yield {"omni": f"{address}/omni", "gmag": f"{address}/themis", "kp": f"{address}/kp"}
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SPEDAS_DATA_DIR", str(tmp_path / "spedas"))
    return tmp_path / "spedas"


def test_margins_are_those_that_other_rooms_read():
    assert DRIVER_DAYS[0] * 1440 >= LOOK_BACK_MINUTES
    assert BASELINE_DAYS >= RUNNING_MARGIN_DAYS


def test_everything_is_fetched_once_and_reported(cache, mirrors):
    options = {"sites": "gill,nrsq", "omni": "5min", "mirrors": mirrors, "limits": QUICK}
    told = []
    rows = prefetch("2014-03-01", "2014-03-03", progress=lambda *what: told.append(what), **options)
    omni, gill, nrsq, kp = rows
    # three days before the first of March are in February
    assert (omni.kind, omni.files, omni.downloaded, omni.missing) == ("OMNI HRO 5-min", 2, 2, ())
    # nine days on either side of two days
    assert (gill.kind, gill.files, gill.downloaded) == ("magnetometer gill", 19, 19)
    assert gill.missing == ("thg_l2_mag_gill_20140225_v??.cdf",)
    assert gill.why == ("the server has no such file",)
    assert (nrsq.files, nrsq.missing, nrsq.why) == (20, (), ())
    assert (kp.kind, kp.files, kp.folder) == ("GFZ Kp", 0, None)
    for row in (omni, gill, nrsq):
        part = row.kind.split()[-1] if "magneto" in row.kind else "omni_"
        held = [path for path in cache.rglob("*.cdf") if part in path.name]
        assert row.size == sum(path.stat().st_size for path in held)
        assert row.folder in held[0].parents
    assert told
    again = prefetch("2014-03-01", "2014-03-03", **options)
    assert [row.downloaded for row in again] == [0, 0, 0, 0]
    assert [(row.files, row.size) for row in again] == [(row.files, row.size) for row in rows]
    # and it serves what reads it offline
    span = merge_periods("2014-02-20", "2014-03-12")
    assert len(find_files("gmag", span, station="nrsq", offline=True).paths) == 20
    load_omni("2014-02-26", "2014-03-04", cadence="5min", offline=True, on_missing="error")


def test_rows_are_ready_to_print(mirrors):
    (row,) = prefetch(
        "2014-03-01", "2014-03-03", what="gmag", sites=["gill"], mirrors=mirrors, limits=QUICK
    )
    cells = dict(zip(COLUMNS, row.cells, strict=True))
    assert cells["Data"] == "magnetometer gill"
    assert (cells["Files"], cells["Downloaded"], cells["In the cache before"]) == ("19", "19", "0")
    assert cells["Size"] == f"{row.size / 1e6:.1f} MB"
    assert cells["Missing"] == "1 (thg_l2_mag_gill_20140225_v??.cdf): the server has no such file"


def test_years_of_kp_that_are_not_in_the_package_are_fetched(mirrors):
    (kp,) = prefetch("2024-12-30", "2025-01-02", what=["kp"], mirrors=mirrors, limits=QUICK)
    assert (kp.files, kp.downloaded, kp.missing) == (1, 1, ())
    (kp,) = prefetch("2025-06-01", "2026-02-01", what=["kp"], mirrors=mirrors, limits=QUICK)
    assert (kp.files, kp.downloaded) == (1, 0)
    assert kp.missing == ("Kp_def2026.wdc",)


def test_a_server_that_is_down_does_not_stop_the_others(mirrors):
    down = mirrors | {"omni": "http://127.0.0.1:9/"}
    rows = prefetch(
        "2014-03-01", "2014-03-03", sites="gill", omni="5min", mirrors=down, limits=QUICK
    )
    assert (rows[0].files, len(rows[0].missing)) == (0, 2)
    assert rows[0].why == ("no connection to http://127.0.0.1:9/",)
    assert rows[1].files == 19


def test_forbidden_downloads_are_said(monkeypatch, mirrors):
    monkeypatch.setenv("OMNI_NO_DOWNLOAD", "1")
    (row,) = prefetch("2014-03-01", "2014-03-03", what="omni", mirrors=mirrors)
    assert (row.files, len(row.missing)) == (0, 2)
    assert "OMNI_NO_DOWNLOAD" in row.why[0]


def test_a_site_without_a_magnetometer_is_said(tmp_path, monkeypatch, mirrors):
    sites = tmp_path / "sites.csv"
    sites.write_text("site,name,latitude,longitude\nabcd,Nowhere,60,10\n")
    monkeypatch.setenv("AURORAL_STATS_SITES", str(sites))
    (row,) = prefetch("2014-03-01", "2014-03-03", what="gmag", sites="abcd", mirrors=mirrors)
    assert row.kind == "magnetometer of abcd"
    assert row.why == ("no magnetometer is known there",)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"what": "omni,gmags"}, "--what gmags: expected one or more of omni, gmag, kp"),
        ({"what": ""}, "--what : expected"),
        ({"omni": "10min"}, "--omni 10min: expected one or more of 1min, 5min, hourly"),
        ({"sites": "gil"}, "unknown site 'gil'"),
        ({"mirrors": {"themis": "http://127.0.0.1/"}}, "a mirror is given for 'themis'"),
        ({"mirrors": {"gmag": "/data"}}, "expected an address"),
        ({"end": "2014-02-01"}, "is empty"),
    ],
)
def test_mistakes_are_told_before_anything_is_fetched(cache, mirrors, wrong, reason):
    options = {"start": "2014-03-01", "end": "2014-03-03", "mirrors": mirrors} | wrong
    with pytest.raises(UsageError, match=reason):
        prefetch(options.pop("start"), options.pop("end"), **options)
    assert not cache.exists()


def test_a_cache_that_cannot_be_written_is_an_error(cache, mirrors):
    cache.parent.mkdir(exist_ok=True)
    cache.write_text("a file where the cache should be")
    with pytest.raises(ArchiveError, match="cannot be written"):
        prefetch("2014-03-01", "2014-03-03", what="omni", omni="5min", mirrors=mirrors)


def test_a_server_of_simulated_files_is_refused(cache, tmp_path):
    """A mirror may be pointed at a demo world by mistake: nothing of it comes into the cache."""
    times = np.arange("2014-02-01", "2014-04-01", np.timedelta64(5, "m"), "datetime64[m]")
    write_omni_hro({"time": times}, tmp_path / "world", "5min", simulated=True)
    handler = functools.partial(Quiet, directory=str(tmp_path / "world"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        (omni,) = prefetch(
            "2014-03-05",
            "2014-03-06",
            what="omni",
            omni="5min",
            mirrors={"omni": f"http://127.0.0.1:{server.server_address[1]}/omni"},
            limits=QUICK,
        )
        server.shutdown()
    assert (omni.files, omni.downloaded) == (0, 0)
    assert "the server sent simulated data; expected observations" in omni.why[0]
    assert list(cache.rglob("*.cdf")) == []
