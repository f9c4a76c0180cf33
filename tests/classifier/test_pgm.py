"""Minute files: found record by record, written as real cameras write them, refused for cause."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path

import numpy as np
import pytest

from auroral_stats.errors import ArchiveError, UsageError
from classifier.pgm import (
    believable_size,
    decode_images,
    header_values,
    scan_pgm,
    write_pgm,
)
from classifier.pgm_times import request_times

TIMES = np.array(
    ["2014-03-10T06:00:00.063119", "2014-03-10T06:00:03.042202", "2014-03-10T06:00:06"]
)
IMAGE = 131_072


def pictures(count: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 65536, (count, 256, 256), dtype=np.uint16)


@pytest.fixture(scope="module")
def minute(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("pgm") / "minute.pgm"
    return write_pgm(path, pictures(), TIMES, site="gill", simulated=False).read_bytes()


def starts(data: bytes) -> list[int]:
    """Where records begin, found apart from the parser: nothing else in a sample begins so."""
    found, at = [], data.find(b"P5\n#")
    while at >= 0:
        found.append(at)
        at = data.find(b"P5\n#", at + 1)
    return found


def test_the_layout_is_that_of_real_files(minute: bytes) -> None:
    header = minute[: minute.index(b"65535\n") + 6].decode()
    assert header == (
        'P5\n#"Project unique ID" themis-gbo\n#"Site unique ID" gill\n'
        '#"Imager unique ID" themis19\n#"Pixel depth" 16 bits\n'
        '#"Mode unique ID" full\n#"Mode sequence number" 0\n'
        '#"Image request start" 2014-03-10 06:00:00.063119 UTC\n'
        '#"Image readout start" 2014-03-10 06:00:01.048189 UTC\n'
        '#"Exposure plus initial readout"    985.07 ms\n256 256\n65535\n'
    )
    first = np.frombuffer(minute, ">u2", 65536, len(header)).reshape(256, 256)
    np.testing.assert_array_equal(first, pictures()[0])
    # Whole seconds have their six zeros, too.
    assert b"06:00:06.000000 UTC" in minute
    assert minute.count(b"Site unique ID") == 1
    assert believable_size(len(minute))


def test_what_is_written_is_found(minute: bytes) -> None:
    records, bad = scan_pgm(minute)
    assert bad == []
    assert [record.number for record in records] == [0, 1, 2]
    out = np.empty((3, 256, 256), np.uint16)
    decode_images(minute, records, out)
    np.testing.assert_array_equal(out, pictures())
    time, faults = request_times([record.header for record in records])
    assert faults == {}
    np.testing.assert_array_equal(time, TIMES.astype("M8[us]"))
    decode_images(minute, records[1:], out[:2])
    np.testing.assert_array_equal(out[:2], pictures()[1:])


@pytest.mark.parametrize(
    ("suffix", "unpack"),
    [(".pgm", bytes), (".pgm.gz", gzip.decompress), (".pgm.bz2", bz2.decompress)],
)
def test_the_suffix_says_how_to_compress(tmp_path: Path, minute: bytes, suffix, unpack) -> None:
    paths = [
        write_pgm(tmp_path / f"{k}{suffix}", pictures(), TIMES, site="gill", simulated=False)
        for k in range(2)
    ]
    assert unpack(paths[0].read_bytes()) == minute
    # The same frames give the same file, whenever they are written.
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert len(list(tmp_path.iterdir())) == 2


def test_simulated_frames_say_so(tmp_path: Path) -> None:
    path = write_pgm(
        tmp_path / "a.pgm",
        pictures(1),
        TIMES[:1],
        site="gill",
        camera="themis07",
        simulated=True,
        metadata={"Site name": "Gillam", "Seed": "7"},
    )
    values = header_values(scan_pgm(path.read_bytes())[0][0].header)
    assert values["Simulated"] == "true"
    assert (values["Site name"], values["Seed"], values["Imager unique ID"]) == (
        "Gillam",
        "7",
        "themis07",
    )


BAD_INPUT = {
    "float": (pictures(1).astype(float), TIMES[:1], {}, "float64"),
    "big-endian is fine, other size is not": (
        np.zeros((1, 9, 9), np.uint16),
        TIMES[:1],
        {},
        "9, 9",
    ),
    "one image without its axis": (pictures(1)[0], TIMES[:1], {}, "256, 256"),
    "fewer times": (pictures(2), TIMES[:1], {}, "1 times"),
    "no frames": (pictures(0), TIMES[:0], {}, "at least one"),
    "no time": (pictures(1), np.array(["NaT"], "M8[us]"), {}, "1 of them NaT"),
    "line break": (pictures(1), TIMES[:1], {"a": "b\nc"}, "no empty key"),
    "quotation mark": (pictures(1), TIMES[:1], {'a"': "b"}, "quotation mark"),
    "looks like a line": (pictures(1), TIMES[:1], {"a": 'b #"c" d'}, "no empty key"),
    "not latin-1": (pictures(1), TIMES[:1], {"a": "Ω"}, "cannot stand"),
    "a novel": (pictures(1), TIMES[:1], {"a": "b" * 5000}, "at most"),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_what_does_not_fit_is_refused(tmp_path: Path, case: str) -> None:
    images, time, metadata, message = BAD_INPUT[case]
    with pytest.raises(UsageError, match=message):
        write_pgm(
            tmp_path / "a.pgm.gz", images, time, site="gill", simulated=True, metadata=metadata
        )
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_way_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "a.pgm.gz").mkdir()
    with pytest.raises(ArchiveError, match="cannot be written"):
        write_pgm(tmp_path / "a.pgm.gz", pictures(1), TIMES[:1], site="gill", simulated=True)


def edited(minute: bytes, record: int, old: bytes, new: bytes) -> bytes:
    """Replace text in the header of one record."""
    at = starts(minute)[record]
    end = minute.index(b"65535\n", at) + 6
    assert old in minute[at:end]
    return minute[:at] + minute[at:end].replace(old, new, 1) + minute[end:]


def outcome(data: bytes, *, cut: bool = False) -> tuple[list[int], dict[int, str]]:
    records, bad = scan_pgm(data, cut=cut)
    for record in records:
        # Whatever is found begins right behind a header and is whole.
        assert data[: record.offset].endswith(b"256 256\n65535\n")
        assert record.offset + IMAGE <= len(data)
    return [record.number for record in records], {each.record: each.reason for each in bad}


DAMAGED_HEADERS = [
    (b"256 256", b"256 255", "255 x 256 pixels, not 256 x 256"),
    (b"256 256", b"256  256", "header is damaged"),
    (b"\n65535\n", b"\n65534\n", "largest value is 65534"),
    (b"\n65535\n", b"\n255\n", "largest value is 255"),
    (b"P5\n", b"P6\n", "header is damaged"),
    (b"full\n", b"full", "header is damaged"),
    (b'#"Mode unique', b'"Mode unique', "header is damaged"),
    (b"full", b"f\x00ll", "header is damaged"),
    (b"ms\n", b"ms", "header is damaged"),
    (
        b'#"Image readout start" ',
        b'#"Image request start" 2014-03-10 06:00:01.000000 UTC\n#"Image readout start" ',
        "header is damaged",
    ),
]


@pytest.mark.parametrize(("old", "new", "reason"), DAMAGED_HEADERS)
@pytest.mark.parametrize("record", [0, 1, 2])
def test_a_damaged_header_is_reported(minute: bytes, record: int, old, new, reason) -> None:
    good, bad = outcome(edited(minute, record, old, new))
    assert reason in bad.pop(record)
    assert record not in good
    # The image in front of a header that cannot be recognised is not shown to be whole.
    assert set(bad) <= ({record - 1} if old in {b"P5\n", b'#"Mode unique'} else set())
    assert sorted([*good, *bad, record]) == [0, 1, 2]


def test_an_image_that_lost_or_gained_a_byte_is_reported(minute: bytes) -> None:
    for record, at in enumerate(starts(minute)):
        middle = at + 70_000
        for data in (
            minute[:middle] + minute[middle + 1 :],
            minute[:middle] + b"x" + minute[middle:],
            minute[:middle] + minute[middle + 4000 :],
            minute[:middle] + minute[middle - 5000 :],
        ):
            good, bad = outcome(data)
            assert record in bad
            assert good == [k for k in range(3) if k != record]
            assert set(bad) == {record} or (set(bad) == {2, 3} and record == 2)


def test_a_file_that_was_cut(minute: bytes) -> None:
    second, third = starts(minute)[1:]
    assert outcome(minute[: third + 90_000]) == (
        [0, 1],
        {2: "cut short: 89,780 of 131,072 bytes of its image"},
    )
    assert outcome(minute[: second + 90]) == ([0], {1: "its header is damaged"})
    # Plain files may end at the end of any record.
    assert outcome(minute[:third]) == ([0, 1], {})
    assert outcome(minute[:third], cut=True)[0] == [0]
    assert "cut off" in outcome(minute[:third], cut=True)[1][1]
    # A byte of the next header is not yet a header.
    assert outcome(minute[: third + 3], cut=True)[0] == [0]
    assert outcome(minute[: third + 5], cut=True)[0] == [0, 1]


def test_records_keep_their_numbers_behind_a_gap(minute: bytes) -> None:
    long = minute + minute[starts(minute)[1] :] + minute[starts(minute)[1] :]
    at = starts(long)
    assert outcome(long) == ([0, 1, 2, 3, 4, 5, 6], {})
    gap = long[: at[2]] + bytes(at[5] - at[2]) + long[at[5] :]
    good, bad = outcome(gap)
    assert good == [0, 5, 6]
    assert sorted(bad) == [1, 2, 3, 4]


def test_other_sizes_are_stepped_over(minute: bytes) -> None:
    at = starts(minute)[1]
    other = b'P5\n#"Mode unique ID" full\n512 128\n65535\n' + bytes(2 * 512 * 128)
    thumb = b'P5\n#"Mode unique ID" thumb\n20 20\n255\n' + bytes(400)
    good, bad = outcome(minute[:at] + other + thumb + minute[at:])
    assert good == [0, 3, 4]
    assert bad == {
        1: "its image has 128 x 512 pixels, not 256 x 256",
        2: "its image has 20 x 20 pixels, not 256 x 256",
    }


@pytest.mark.parametrize("data", [b"", b"P5\n", b"P5\n" + bytes(300_000), b"P5\n#" * 5000])
def test_rubbish_gives_no_records(data: bytes) -> None:
    good, bad = outcome(data)
    assert good == []
    assert bool(bad) == bool(data)


STAMP = {
    "Image request start": "2014-03-10 06:00:00.063119 UTC",
    "Image readout start": "2014-03-10 06:00:01.048193 UTC",
    "Exposure plus initial readout": "   985.07 ms",
}


def header(**changed: str) -> bytes:
    """Return a header with stamps, of which some are changed; None leaves a line out."""
    values = STAMP | {key.replace("_", " "): value for key, value in changed.items()}
    lines = "".join(f'#"{key}" {value}\n' for key, value in values.items() if value is not None)
    return f"P5\n{lines}256 256\n65535\n".encode()


@pytest.mark.parametrize(
    ("stamp", "reason"),
    [
        ("", "no time stamp"),
        ("2014-03-10 06:00:00.063119", "no time stamp"),
        ("2014-03-10 06:00:00.06311 UTC", "no time stamp"),
        ("2014-02-31 06:00:00.063119 UTC", "no time stamp"),
        ("2014-03-10 06:00:60.063119 UTC", "no time stamp"),
        ("２014-03-10 06:00:00.063119 UTC", "no time stamp"),
        ("2014-03-10 06:00:00.065119 UTC", "contradict"),
        ("2014-03-10 06:01:00.063119 UTC", "contradict"),
        ("2015-03-10 06:00:00.063119 UTC", "contradict"),
    ],
)
def test_a_time_stamp_that_cannot_be_believed(stamp: str, reason: str) -> None:
    time, faults = request_times([header(), header(Image_request_start=stamp), header()])
    assert list(faults) == [1]
    assert reason in faults[1]
    assert np.isnat(time[1]) == (reason == "no time stamp")
    assert time[0] == np.datetime64("2014-03-10T06:00:00.063119")


def test_stamps_are_not_compared_where_a_file_knows_no_such_relation() -> None:
    other = [header(Exposure_plus_initial_readout=text) for text in ("1.2 s", "70.0 ms", None)]
    time, faults = request_times(other)
    assert faults == {}
    assert list(time) == [np.datetime64("2014-03-10T06:00:00.063119")] * 3
    assert list(request_times([*other, header()])[1]) == [0, 1, 2]
    time, faults = request_times([])
    assert (time.shape, faults) == ((0,), {})


def test_stamps_in_another_order_and_lines_between_them() -> None:
    lines = header().split(b"\n")
    mixed = b"\n".join(
        [lines[0], lines[3], b'#"Mode unique ID" full', lines[1], lines[2], *lines[4:]]
    )
    time, faults = request_times([header(), mixed])
    assert faults == {}
    assert time[0] == time[1]
    # Two stamps of a kind are as good as none.
    twice = b"\n".join([*lines[:3], lines[1], *lines[3:]])
    assert list(request_times([header(), twice])[1]) == [1]


def test_the_last_of_two_values_holds() -> None:
    text = b'P5\n#"A" themis-gbo\n#"B" \n#"A"    THEMIS "x" \n256 256\n65535\n'
    assert header_values(text) == {"A": 'THEMIS "x"', "B": ""}


def test_sizes_of_whole_files() -> None:
    # One record, the twenty of real files, and the most that are expected.
    for records, header in ((1, 1059), (20, 373), (60, 2000)):
        assert believable_size(records * (IMAGE + header))
    rng = np.random.default_rng(5)
    share = np.mean([believable_size(int(n)) for n in rng.integers(0, 2**32, 20_000)])
    assert share < 2e-3
    assert not any(believable_size(n) for n in (0, 100, IMAGE, IMAGE + 50, 3 * IMAGE))
