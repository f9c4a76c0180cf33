"""Finding camera files: every tree, in order, without listing what is not wanted."""

from __future__ import annotations

import bz2
import itertools
import os
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auroral_stats.errors import ArchiveError, UsageError
from classifier import frame_files as room
from classifier.frame_copies import seems_whole
from classifier.frame_files import find_frames, instant
from classifier.frame_names import frame_name
from classifier.frames import find_frames as reexported
from classifier.frames import read_frames
from classifier.pgm import write_pgm


def minute_path(time: np.datetime64, site: str, suffix: str = ".pgm.gz", camera: str = "") -> str:
    """Where the University of Calgary puts a minute."""
    date, clock = str(time.astype("M8[m]")).split("T")
    year, month, day = date.split("-")
    hour, minute = clock.split(":")
    camera = camera or {"gill": "themis19", "rank": "themis12"}.get(site, "themis07")
    return (
        f"{year}/{month}/{day}/{site}_{camera}/ut{hour}/"
        f"{year}{month}{day}_{hour}{minute}_{site}_{camera}_full{suffix}"
    )


def hour_path(time: np.datetime64, site: str, version: int = 1) -> str:
    """Where the THEMIS mission puts an hour."""
    text = str(time.astype("M8[h]"))
    year, month, day, hour = text[:4], text[5:7], text[8:10], text[11:13]
    return (
        f"thg/l1/asi/{site}/{year}/{month}/"
        f"thg_l1_asf_{site}_{year}{month}{day}{hour}_v{version:02d}.cdf"
    )


def touch(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


def minutes(start: str, count: int) -> np.ndarray:
    return np.datetime64(start, "m") + np.arange(count)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two sites, around midnight of a new year, at 23:58 to 00:01 and an hour later."""
    times = [*minutes("2013-12-31T23:58", 4), *minutes("2014-01-01T01:00", 2)]
    for site in ("rank", "gill"):
        touch(tmp_path, *[minute_path(time, site) for time in times])
    return tmp_path


def found(root: Path, *arguments, **options) -> list[tuple[str, str | None]]:
    return [(str(file.start)[5:], file.site) for file in find_frames(root, *arguments, **options)]


def test_order_is_by_time_then_site(tree: Path) -> None:
    expected = [
        (time, site)
        for time in (
            *("12-31T23:58", "12-31T23:59", "01-01T00:00"),
            *("01-01T00:01", "01-01T01:00", "01-01T01:01"),
        )
        for site in ("gill", "rank")
    ]
    assert found(tree) == expected
    assert reexported is find_frames
    first = next(find_frames(tree))
    assert first.path == tree / minute_path(np.datetime64("2013-12-31T23:58"), "gill")
    assert first.source == "themis19"
    assert first.end == first.start + np.timedelta64(1, "m")


def test_selection(tree: Path) -> None:
    assert {site for _, site in found(tree, "gill")} == {"gill"}
    assert len(found(tree, ["GILL", "rank"])) == 12
    assert found(tree, "fsim") == []
    night = found(tree, "gill", start="2013-12-31T23:59", end="2014-01-01T00:01")
    assert [time for time, _ in night] == ["12-31T23:59", "01-01T00:00"]
    # A minute that is touched by the interval is in it.
    night = found(tree, "gill", start="2013-12-31T23:59:30", end="2014-01-01T00:00:00.5")
    assert [time for time, _ in night] == ["12-31T23:59", "01-01T00:00"]
    assert len(found(tree, end=np.datetime64("2014-01-01"))) == 4
    assert len(found(tree, start="2014-01-01")) == 8


@pytest.mark.parametrize(
    "part",
    ["2014", "2014/01", "2014/01/01", "2014/01/01/gill_themis19", "2014/01/01/gill_themis19/ut01"],
)
def test_the_root_may_be_any_level(tree: Path, part: str, monkeypatch) -> None:
    expected = [each for each in found(tree) if each[0].startswith("01-01")]
    if "gill" in part:
        expected = [each for each in expected if each[1] == "gill"]
    if "ut01" in part:
        expected = [each for each in expected if "T01" in each[0]]
    assert found(tree / part) == expected
    later = [each for each in expected if each[0] > "01-01T01:00"]
    assert found(tree / part, start="2014-01-01T01:01") == later
    assert found(tree / part, end="2013-06-01") == []
    monkeypatch.chdir(tree / part)
    assert found(Path()) == expected


def test_folders_that_are_not_wanted_are_not_listed(tree: Path, monkeypatch) -> None:
    listed: list[str] = []
    scandir = os.scandir

    def recorded(path: str):
        listed.append(str(Path(path).relative_to(tree)))
        return scandir(path)

    monkeypatch.setattr(room.os, "scandir", recorded)
    list(find_frames(tree, "gill", start="2014-01-01T01:00", end="2014-01-02"))
    assert listed == [
        ".",
        "2014",
        "2014/01",
        "2014/01/01",
        "2014/01/01/gill_themis19",
        "2014/01/01/gill_themis19/ut01",
    ]
    listed.clear()
    # Nothing of the new year is looked at before the old one is over.
    walk = find_frames(tree)
    for _ in range(4):
        next(walk)
    assert not any(path.startswith("2014/") for path in listed)


def test_hourly_files(tmp_path: Path) -> None:
    hours = np.datetime64("2011-01-31T22", "h") + np.arange(4)
    for site in ("rank", "gako"):
        touch(tmp_path, *[hour_path(hour, site) for hour in hours])
    touch(tmp_path, "thg/l1/asi/gako/2011/01/thg_l1_ast_gako_20110131_v01.cdf")
    expected = [(str(hour)[5:] + ":00", site) for hour in hours for site in ("gako", "rank")]
    for root in ("", "thg", "thg/l1/asi"):
        assert found(tmp_path / root) == expected
        assert found(tmp_path / root, "rank") == [each for each in expected if each[1] == "rank"]
    assert found(tmp_path / "thg/l1/asi/gako") == [each for each in expected if each[1] == "gako"]
    some = found(tmp_path, start="2011-01-31T22:59:59", end="2011-01-31T23:00:00.1")
    assert some == expected[:4]


def test_a_flat_folder_and_a_single_file(tmp_path: Path) -> None:
    times = minutes("2014-03-10T06:00", 3)
    names = [Path(minute_path(time, "gill")).name for time in times]
    touch(tmp_path, *reversed(names), "notes.txt", "odd.pgm.gz")
    assert [time for time, _ in found(tmp_path)] == [str(time)[5:] for time in times]
    assert found(tmp_path / names[1]) == [("03-10T06:01", "gill")]
    assert found(tmp_path / names[1], "rank") == []
    assert found(tmp_path / names[1], end="2014") == []
    (odd,) = find_frames(tmp_path / "odd.pgm.gz")
    assert (odd.path.name, odd.site, odd.start, odd.end) == ("odd.pgm.gz", None, None, None)
    with pytest.raises(UsageError, match="gives no site and time"):
        find_frames(tmp_path / "odd.pgm.gz", "gill")


def test_each_minute_is_found_once(tmp_path: Path) -> None:
    time = np.datetime64("2014-03-10T06:00")
    touch(tmp_path, minute_path(time, "gill", ".pgm"))
    assert [file.path.suffix for file in find_frames(tmp_path)] == [".pgm"]
    touch(tmp_path, minute_path(time, "gill", ".pgm.bz2"))
    assert [file.path.suffix for file in find_frames(tmp_path)] == [".bz2"]
    touch(tmp_path, minute_path(time, "gill", ".pgm.gz"))
    assert [file.path.suffix for file in find_frames(tmp_path)] == [".gz"]
    # A copy elsewhere is the same minute; another camera, or an hourly file, is not.
    touch(tmp_path, "copies/" + Path(minute_path(time, "gill", ".pgm.gz")).name)
    assert len(found(tmp_path)) == 1
    touch(tmp_path, minute_path(time, "gill", camera="themis03"), hour_path(time, "gill"))
    assert [file.source for file in find_frames(tmp_path)] == ["asf", "themis03", "themis19"]
    touch(tmp_path, hour_path(time, "gill", 2))
    assert next(find_frames(tmp_path)).path.name.endswith("_v02.cdf")


def test_an_hourly_file_that_was_cut_hides_no_whole_one(tmp_path: Path) -> None:
    # The head of a CDF: one file, its global descriptor at byte 320, and there the end of the file.
    cdf = bytes.fromhex("cdf30001 0000ffff 00000000 00000138 00000001") + (320).to_bytes(8)
    cdf = cdf.ljust(356, b"\0") + (1000).to_bytes(8)
    hours = [tmp_path / hour_path(np.datetime64("2014-03-10T06:00"), "gill", v) for v in (1, 2)]
    for path, size in zip(hours, (1000, 999), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cdf.ljust(size, b"\0"))
    assert [file.path for file in find_frames(tmp_path)] == hours[:1]
    hours[1].write_bytes(cdf.ljust(1000, b"\0"))
    assert [file.path for file in find_frames(tmp_path)] == hours[1:]


def test_what_is_not_finished_is_passed_over(tmp_path: Path) -> None:
    path = minute_path(np.datetime64("2014-03-10T06:00"), "gill")
    folder, name = os.path.split(path)
    touch(
        tmp_path,
        f"{folder}/.{name}",
        f"{folder}/{name}.part",
        f"{folder}/{name}.tmp",
        f"{folder}/{name}.crdownload",
        f"{folder}/.partial/{name}",
        f".trash/{path}",
        f"{folder}/20140310_2561_gill_themis19_full.pgm.gz",
        f"{folder}/20140231_0600_gill_themis19_full.pgm.gz",
        f"{folder}/２0140310_0600_gill_themis19_full.pgm.gz",
    )
    (tmp_path / folder / name).mkdir()
    assert found(tmp_path) == []


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    path = minute_path(np.datetime64("2014-03-10T06:00"), "gill")
    touch(tmp_path, f"a/{path}")
    (tmp_path / "a/self").symlink_to(tmp_path / "a")
    (tmp_path / "a/up").symlink_to(tmp_path)
    (tmp_path / "b").mkdir()
    (tmp_path / "b/a").symlink_to(tmp_path / "a")
    (tmp_path / "a/b").symlink_to(tmp_path / "b")
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    (tmp_path / "a/20140310_0601_gill_themis19_full.pgm.gz").symlink_to(tmp_path / "nowhere")
    assert found(tmp_path) == [("03-10T06:00", "gill")]
    # A folder may well be a link.
    (tmp_path / "c").mkdir()
    (tmp_path / "c/2014").symlink_to(tmp_path / "a/2014")
    assert found(tmp_path / "c") == [("03-10T06:00", "gill")]


def test_odd_names_of_folders(tmp_path: Path) -> None:
    path = minute_path(np.datetime64("2014-03-10T06:00"), "gill")
    for odd in ("a b", "ä–ф", "new\nline", "2014", "31", "ut99"):
        touch(tmp_path, f"x/{odd}/{odd}/{path}")
    assert found(tmp_path) == [("03-10T06:00", "gill")]
    assert len(found(tmp_path / "x/new\nline")) == 1


def test_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="does not exist"):
        find_frames(tmp_path / "nowhere")
    with pytest.raises(ArchiveError, match="does not exist"):
        find_frames("a\0b")
    with pytest.raises(UsageError, match="unknown site 'gil'"):
        find_frames(tmp_path, "gil")
    with pytest.raises(UsageError, match="start 'monday' is no time"):
        find_frames(tmp_path, start="monday")
    with pytest.raises(UsageError, match="end is not a time"):
        find_frames(tmp_path, end="NaT")
    with pytest.raises(UsageError, match="must be after start"):
        find_frames(tmp_path, start="2014-01-02", end="2014-01-02")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root lists all")
def test_a_folder_that_may_not_be_listed_is_one_error(tree: Path) -> None:
    (tree / "2014").chmod(0)
    try:
        with pytest.raises(ArchiveError, match="cannot be listed"):
            list(find_frames(tree))
    finally:
        (tree / "2014").chmod(0o755)


SITES = ("fsim", "gill", "rank")


@given(
    st.lists(
        st.tuples(
            st.integers(0, 500_000),
            st.sampled_from(SITES),
            st.sampled_from([".pgm", ".pgm.gz", "hour", "flat"]),
        ),
        max_size=15,
    ),
    st.sets(st.sampled_from(SITES), min_size=1),
    st.integers(-10, 500_000),
    st.integers(1, 100_000),
)
@settings(max_examples=60)
def test_any_mixture_against_a_plain_walk(tmp_path_factory, files, sites, first, length) -> None:
    root = tmp_path_factory.mktemp("mixture")
    for minute, site, kind in files:
        time = np.datetime64("2013-11-20T00:00") + minute
        path = hour_path(time, site) if kind == "hour" else minute_path(time, site)
        if kind == "flat":
            path = f"flat/{Path(path).name}"
        elif kind == ".pgm":
            path = minute_path(time, site, ".pgm")
        touch(root, path)
    start = np.datetime64("2013-11-20T00:00") + first
    end = start + length
    expected = {
        (name.start, name.site, name.source)
        for path in root.rglob("*")
        if (name := frame_name(path.name))
        and name.site in sites
        and name.start < end
        and name.end > start
    }
    result = [(f.start, f.site, f.source) for f in find_frames(root, sites, start, end)]
    assert result == sorted(expected)


def test_memory_stays_flat_over_years(tmp_path: Path) -> None:
    """What is held after the second year is held after the tenth."""
    days = np.arange("2006-01-01", "2016-01-01", 7, dtype="M8[D]")
    for day in days:
        touch(tmp_path, *[minute_path(day.astype("M8[m]") + m, "gill") for m in (300, 360, 361)])
    walk, held = find_frames(tmp_path), {}
    tracemalloc.start()
    last = np.datetime64("2000-01-01")
    for count, file in enumerate(walk, start=1):
        assert file.start > last
        last = file.start
        if count % 100 == 0:
            held[count] = tracemalloc.get_traced_memory()[0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 3 * days.size
    assert max(held.values()) < held[300] + 50_000
    assert peak < 500_000


def test_an_empty_copy_does_not_hide_a_whole_one(tmp_path: Path) -> None:
    name = "20140310_0600_gill_themis19_full.pgm"
    (tmp_path / f"{name}.gz").touch()
    assert [file.path.name for file in find_frames(tmp_path)] == [f"{name}.gz"]
    (tmp_path / name).write_bytes(b"P5")
    assert [file.path.name for file in find_frames(tmp_path)] == [name]
    # of two copies of one kind the larger, wherever it lies
    for folder, size in (("a", 10), ("b", 30), ("c", 20)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{name}.gz").write_bytes(bytes(size))
    assert [file.path.parent.name for file in find_frames(tmp_path)] == ["b"]


@pytest.fixture(scope="module")
def copies() -> dict[str, bytes]:
    """One minute of four frames in each kind of file, as good as random."""
    images = np.random.default_rng(5).integers(0, 2**16, (4, 256, 256), np.uint16)
    time = np.datetime64("2014-03-10T06:00:00") + 3 * np.arange(4)
    content = {}
    for suffix in ("", ".gz", ".bz2"):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"copy.pgm{suffix}")
            write_pgm(path, images, time, site="gill", simulated=True, compression=1)
            content[suffix] = path.read_bytes()
    return content


NAME = "20140310_0600_gill_themis19_full.pgm"


@pytest.mark.parametrize(("cut", "whole"), list(itertools.permutations(["", ".gz", ".bz2"], 2)))
def test_a_copy_that_was_cut_short_does_not_hide_a_whole_one(
    tmp_path: Path, copies: dict[str, bytes], cut: str, whole: str
) -> None:
    (tmp_path / f"{NAME}{whole}").write_bytes(copies[whole])
    lengths = np.random.default_rng(0).integers(11, len(copies[cut]), 40)
    for length in (0, 1, 2, 3, 10, *lengths, *range(-12, 0)):
        (tmp_path / f"{NAME}{cut}").write_bytes(copies[cut][:length])
        (file,) = find_frames(tmp_path)
        assert file.path.name == f"{NAME}{whole}", f"cut at {length}"
    assert len(read_frames(file.path).time) == 4
    (tmp_path / f"{NAME}{cut}").write_bytes(b"<html>404 Not Found</html>" * 100_000)
    assert [file.path.name for file in find_frames(tmp_path)] == [f"{NAME}{whole}"]
    # of two whole ones the first kind; of two that are both cut the larger
    for suffix in (cut, whole):
        (tmp_path / f"{NAME}{suffix}").write_bytes(copies[suffix])
    first = min(cut, whole, key=[".gz", ".bz2", ""].index)
    assert [file.path.name for file in find_frames(tmp_path)] == [f"{NAME}{first}"]
    (tmp_path / f"{NAME}{cut}").write_bytes(copies[cut][:300_000])
    (tmp_path / f"{NAME}{whole}").write_bytes(copies[whole][:299_999])
    assert [file.path.name for file in find_frames(tmp_path)] == [f"{NAME}{cut}"]


def test_a_whole_copy_in_another_folder_is_found(tmp_path: Path, copies: dict[str, bytes]) -> None:
    for folder, content in (("a", copies[".gz"][:-1] + bytes(9)), ("b", copies[".gz"])):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{NAME}.gz").write_bytes(content)
    assert [file.path.parent.name for file in find_frames(tmp_path)] == ["b"]


def test_every_whole_bzip2_file_is_known_by_its_end(tmp_path: Path) -> None:
    """The mark of the end may begin at any bit of a byte; so do those of these files."""
    path, begins = tmp_path / "copy.bz2", set()
    for size in range(64):
        content = bz2.compress(np.random.default_rng(size).bytes(size))
        path.write_bytes(content)
        assert seems_whole(path)
        begins.add(f"{int.from_bytes(content):b}".rindex(f"{0x177245385090:048b}"[3:]) % 8)
        path.write_bytes(content[:-1])
        assert not seems_whole(path)
    assert len(begins) == 8


def test_a_file_without_a_rival_is_not_opened(tmp_path: Path, monkeypatch) -> None:
    touch(tmp_path, *[minute_path(time, "gill") for time in minutes("2014-03-10T06:00", 5)])
    touch(tmp_path, minute_path(np.datetime64("2014-03-10T06:03"), "gill", ".pgm"))
    opened: list[str] = []

    def recorded(path: Path, *_: object, **__: object):
        opened.append(path.name[9:13] + path.suffix)
        raise FileNotFoundError

    monkeypatch.setattr(Path, "open", recorded)
    assert len(found(tmp_path)) == 5
    assert opened == ["0603.gz", "0603.pgm"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2014-03-10T06:00Z", "2014-03-10T06:00:00.000000"),
        ("2014-03-10T01:00:30-05:00", "2014-03-10T06:00:30.000000"),
        ("2014-03-10", "2014-03-10T00:00:00.000000"),
    ],
)
def test_times_with_an_offset_are_converted(text: str, told: str) -> None:
    assert str(instant("start", text)) == told
