"""Reading frames: every kind of file, every kind of damage, and never a frame that is wrong."""

from __future__ import annotations

import bz2
import gzip
import itertools
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auroral_stats.errors import ArchiveError, DataError, UsageError
from classifier import frames as room
from classifier.frame_times import time_faults
from classifier.frames import read_frames
from classifier.pgm import write_pgm

NAME = "20140310_0600_gill_themis19_full.pgm.gz"
START = np.datetime64("2014-03-10T06:00:00.063119")
COUNT = 4


def pictures(count: int, seed: int = 0, spread: float = 150.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (3300 + rng.normal(0, spread, (count, 256, 256))).astype(np.uint16)


def stamps(count: int) -> np.ndarray:
    return START + np.arange(count) * np.timedelta64(3_000_017, "us")


def write(path: Path, count: int = COUNT, **options) -> Path:
    options = {"site": "gill", "simulated": False, "compression": 1} | options
    return write_pgm(path, pictures(count), stamps(count), **options)


@pytest.fixture(scope="module")
def minute(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A minute of four records, not compressed."""
    return write(tmp_path_factory.mktemp("minute") / "a.pgm").read_bytes()


@pytest.fixture(scope="module")
def packed(minute: bytes) -> bytes:
    return gzip.compress(minute, 1, mtime=0)


def assert_true_frames(frames, count: int = COUNT) -> list[int]:
    """Every frame must be one of those that were written, in order; return which they are."""
    truth, times = pictures(count), stamps(count)
    found = []
    for image, start in zip(frames.images, frames.time, strict=True):
        index = int(np.argmin(np.abs(times - start)))
        # Header and name hold a time to a millisecond, not to its last digit.
        assert abs(times[index] - start) < np.timedelta64(1001, "us")
        assert np.array_equal(image, truth[index])
        found.append(index)
    assert found == sorted(set(found))
    return found


@pytest.mark.parametrize("suffix", [".pgm", ".pgm.gz", ".pgm.bz2"])
@pytest.mark.parametrize("metadata", [True, False])
def test_every_compression(tmp_path: Path, suffix: str, metadata: bool) -> None:
    path = write(
        tmp_path / f"20140310_0600_gill_themis19_full{suffix}", metadata={"Site name": "G"}
    )
    frames = read_frames(path, metadata=metadata)
    assert_true_frames(frames)
    np.testing.assert_array_equal(frames.time, stamps(COUNT))
    assert frames.images.dtype == np.uint16
    assert frames.images.dtype.isnative
    assert frames.time.dtype == np.dtype("M8[us]")
    assert (frames.bad, frames.site, frames.simulated) == ((), "gill", False)
    if not metadata:
        assert frames.metadata == ()
        return
    # What the first record says of the site holds for all; what it says of itself does not.
    assert [each["Site name"] for each in frames.metadata] == ["G"] * COUNT
    assert [each["Mode sequence number"] for each in frames.metadata] == ["0", "1", "2", "3"]


def test_the_content_says_what_a_file_is(tmp_path: Path, minute: bytes) -> None:
    for content in (minute, gzip.compress(minute, 1), bz2.compress(minute)):
        for name in ("a.pgm", "a.pgm.gz", "a"):
            (tmp_path / name).write_bytes(content)
            frames = read_frames(tmp_path / name)
            assert len(assert_true_frames(frames)) == COUNT
            assert frames.site == "gill"


def test_simulated_frames_say_so(tmp_path: Path) -> None:
    path = write(tmp_path / NAME, simulated=True)
    assert read_frames(path).simulated
    # So does what is left of a damaged one.
    minute = gzip.decompress(path.read_bytes())
    for lost in (b"X" + minute[1:], minute[:90] + minute[100_000:]):
        path.write_bytes(lost)
        frames = read_frames(path)
        assert assert_true_frames(frames) == [1, 2, 3]
        assert (frames.simulated, frames.site) == (True, "gill")


@pytest.mark.parametrize("odd", ["a b", "ä–ф", "new\nline", "100%", "[x]*?", "~", "-rf"])
def test_odd_names(tmp_path: Path, odd: str) -> None:
    folder = tmp_path / odd
    folder.mkdir()
    assert len(assert_true_frames(read_frames(write(folder / NAME)))) == COUNT
    assert len(assert_true_frames(read_frames(str(write(folder / f"{odd}.pgm"))))) == COUNT


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff\xfe.pgm")
    try:
        path = write(tmp_path / name)
    except (ArchiveError, OSError):
        pytest.skip("this file system takes text only")
    assert len(read_frames(path).time) == COUNT


def test_a_buffer_is_used_again(tmp_path: Path) -> None:
    out = np.zeros((6, 256, 256), np.uint16)
    first, second = write(tmp_path / NAME), write(tmp_path / "b.pgm", 2)
    frames = read_frames(first, out)
    assert frames.images.base is out
    assert len(frames.images) == COUNT
    assert_true_frames(frames)
    again = read_frames(second, out)
    assert again.images.base is out
    assert_true_frames(again, 2)
    # Nothing was written beyond the frames.
    np.testing.assert_array_equal(out[2:COUNT], pictures(COUNT)[2:])
    assert not out[COUNT:].any()
    # Without room, there is a new array.
    small = np.zeros((1, 256, 256), np.uint16)
    assert_true_frames(read_frames(first, small))
    assert not small.any()


def test_without_a_buffer_frames_are_independent(tmp_path: Path) -> None:
    path = write(tmp_path / NAME)
    first = read_frames(path)
    other = write_pgm(
        tmp_path / "b.pgm.gz", pictures(3, seed=9), stamps(3), site="gill", simulated=False
    )
    read_frames(other)
    assert_true_frames(first)
    assert first.metadata[0]["Site unique ID"] == "gill"


@pytest.mark.parametrize(
    "out",
    [
        np.zeros((4, 256, 256), np.int16),
        np.zeros((4, 256, 256), ">u2"),
        np.zeros((4, 256, 255), np.uint16),
        np.zeros((256, 256), np.uint16),
        np.zeros((8, 256, 256), np.uint16)[::2],
        np.frombuffer(bytes(131_072), np.uint16).reshape(1, 256, 256),
    ],
)
def test_other_buffers_are_refused(tmp_path: Path, out: np.ndarray) -> None:
    with pytest.raises(UsageError, match="out must be a writeable, contiguous array"):
        read_frames(write(tmp_path / NAME, 1), out)


def test_threads_do_not_share_memory(tmp_path: Path) -> None:
    paths = [
        write_pgm(
            tmp_path / f"{k}.pgm.gz", pictures(2, seed=k), stamps(2), site="gill", simulated=False
        )
        for k in range(4)
    ]
    wrong: list[int] = []

    def work(k: int) -> None:
        for _ in range(10):
            if not np.array_equal(read_frames(paths[k]).images, pictures(2, seed=k)):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_what_cannot_be_opened_is_one_error(tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(ArchiveError, match="does not exist"):
        read_frames(tmp_path / NAME)
    (tmp_path / "a.pgm.gz").mkdir()
    with pytest.raises(ArchiveError, match="is a folder"):
        read_frames(tmp_path / "a.pgm.gz")
    with pytest.raises(ArchiveError, match="cannot be read"):
        read_frames(write(tmp_path / NAME) / "deeper.pgm")
    with pytest.raises(ArchiveError, match="cannot be read"):
        read_frames("with\0zero")
    os.mkfifo(tmp_path / "pipe.pgm")
    with pytest.raises(ArchiveError, match="no regular file"):
        read_frames(tmp_path / "pipe.pgm")
    monkeypatch.setattr(room, "MAX_BYTES", 1000)
    with pytest.raises(DataError, match="at most 1,000 bytes"):
        read_frames(tmp_path / NAME)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
def test_a_file_that_may_not_be_read_is_one_error(tmp_path: Path) -> None:
    path = write(tmp_path / NAME)
    path.chmod(0)
    with pytest.raises(ArchiveError, match="cannot be read"):
        read_frames(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"<html>404</html>", "holds no PGM records and is no CDF"),
        (gzip.compress(b"", mtime=0), "holds no PGM records"),
        (gzip.compress(b"<html>404</html>", mtime=0), "holds no PGM records"),
        (b"P5", "header is damaged"),
        (b"\x1f\x8b", "gzip header is damaged"),
        (b"\xcd\xf3\x00\x01", "CDF is cut short"),
        (b"\xcd\xf3\x00\x01" + bytes(500), "CDF cannot be read"),
        (b"BZh91AY", "bzip2 data are"),
    ],
)
def test_a_file_of_no_frames_has_a_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / NAME).write_bytes(content)
    frames = read_frames(tmp_path / NAME)
    assert frames.images.shape == (0, 256, 256)
    assert (frames.time.shape, frames.metadata, frames.site) == ((0,), (), frames.site)
    assert reason in frames.bad[0].reason
    assert frames.bad[0].record == 0


def test_a_file_cut_in_half_keeps_its_good_records(tmp_path: Path, packed: bytes) -> None:
    path = tmp_path / NAME
    for share in (0.1, 0.3, 0.45, 0.55, 0.7, 0.9, 0.99):
        path.write_bytes(packed[: int(share * len(packed))])
        frames = read_frames(path)
        # Noise compresses evenly, so this many records are complete.
        assert assert_true_frames(frames) == list(range(int(share * COUNT)))
        assert "cut short" in frames.bad[-1].reason
        assert frames.bad[-1].record >= len(frames.time)


def test_a_wrong_checksum_gives_no_frame(tmp_path: Path, packed: bytes) -> None:
    path = tmp_path / NAME
    path.write_bytes(packed[:-8] + bytes(4) + packed[-4:])
    frames = read_frames(path)
    assert len(frames.images) == 0
    assert "CRC-32 mismatch" in frames.bad[0].reason
    path.write_bytes(packed[:-4] + b"\0\0\0\1")
    assert len(assert_true_frames(read_frames(path))) == COUNT


def test_members_in_front_of_damage_are_kept(tmp_path: Path, minute: bytes) -> None:
    middle = minute.index(b"P5\n#", 200_000)
    parts = [gzip.compress(part, 1) for part in (minute[:middle], minute[middle:])]
    path = tmp_path / NAME
    path.write_bytes(b"".join(parts))
    assert len(assert_true_frames(read_frames(path))) == COUNT
    path.write_bytes(parts[0] + parts[1][:-8] + bytes(8))
    frames = read_frames(path)
    assert assert_true_frames(frames) == [0, 1]
    assert frames.bad[0].record == 2


HEADER_EDITS = {
    "no time": (b'"Image request start"', b'"Image request stirt"', "no time stamp"),
    "date": (b'start" 2014', b'start" 2015', "contradict"),
    "minute": (b"06:00:03", b"06:04:03", "contradict"),
    "hour": (b" 06:00:03", b" 07:00:03", "contradict"),
}


@pytest.mark.parametrize("case", HEADER_EDITS)
def test_a_time_stamp_that_contradicts_itself(tmp_path: Path, minute: bytes, case: str) -> None:
    old, new, reason = HEADER_EDITS[case]
    at = minute.index(b"P5\n#", 100_000)
    (tmp_path / NAME).write_bytes(minute[:at] + minute[at:].replace(old, new, 1))
    frames = read_frames(tmp_path / NAME)
    assert assert_true_frames(frames) == [0, 2, 3]
    assert [each.record for each in frames.bad] == [1]
    assert reason in frames.bad[0].reason


def timed(path: Path, seconds: list[float], images: np.ndarray | None = None):
    time = np.datetime64("2014-03-10T06:00", "us") + (np.array(seconds) * 1e6).astype("m8[us]")
    images = pictures(len(seconds)) if images is None else images
    return read_frames(write_pgm(path, images, time, site="gill", simulated=False, compression=1))


def test_times_out_of_order(tmp_path: Path) -> None:
    frames = timed(tmp_path / NAME, [0, 3, 6, 57, 12, 15])
    assert [each.record for each in frames.bad] == [3]
    np.testing.assert_array_equal(frames.images, pictures(6)[[0, 1, 2, 4, 5]])
    # Of two that contradict each other, neither is believed.
    frames = timed(tmp_path / NAME, [0, 3, 57, 9])
    assert [each.record for each in frames.bad] == [2, 3]
    assert "out of order" in frames.bad[0].reason


def test_repeated_records(tmp_path: Path) -> None:
    images = pictures(4)
    images[2] = images[1]
    frames = timed(tmp_path / NAME, [0, 3, 3, 6], images)
    assert [(each.record, "repeats" in each.reason) for each in frames.bad] == [(2, True)]
    np.testing.assert_array_equal(frames.images, images[[0, 1, 3]])
    # Two images cannot have begun at the same time.
    frames = timed(tmp_path / NAME, [0, 3, 3, 6])
    assert [each.record for each in frames.bad] == [1, 2]
    np.testing.assert_array_equal(frames.images, pictures(4)[[0, 3]])


def test_times_that_the_name_rules_out(tmp_path: Path) -> None:
    frames = timed(tmp_path / NAME, [-121, 0, 60, 179, 181])
    assert [each.record for each in frames.bad] == [0, 4]
    assert "not within the minute 2014-03-10T06:00" in frames.bad[0].reason
    assert len(timed(tmp_path / "other.pgm", [-121, 0, 60, 179, 181]).time) == 5


def test_a_file_of_another_site_gives_no_frames(tmp_path: Path) -> None:
    path = write(tmp_path / "20140310_0600_rank_themis12_full.pgm.gz")
    frames = read_frames(path)
    assert len(frames.images) == 0
    assert frames.bad[0].reason == "the file says that its site is 'gill', its name says 'rank'"
    assert read_frames(write(tmp_path / NAME, site="GILL")).site == "gill"


@given(st.lists(st.integers(0, 12), max_size=10))
def test_the_order_of_times_against_all_subsets(seconds: list[int]) -> None:
    """Kept are exactly those that belong to every longest increasing sequence."""
    time = np.datetime64("2014-03-10", "us") + np.array(seconds, "m8[s]")
    subsets = [
        [k for k in range(len(seconds)) if bits >> k & 1] for bits in range(2 ** len(seconds))
    ]
    sequences = [
        set(chosen)
        for chosen in subsets
        if all(seconds[a] < seconds[b] for a, b in itertools.pairwise(chosen))
    ]
    longest = max(map(len, sequences))
    in_all = set.intersection(*[chosen for chosen in sequences if len(chosen) == longest])
    faults = time_faults(time, None, lambda first, second: False)
    assert set(range(len(seconds))) - set(faults) == in_all


MUTATION = st.tuples(
    st.sampled_from(["flip", "delete", "insert", "truncate", "repeat"]),
    st.floats(0, 1, exclude_max=True),
    st.integers(1, 255),
    st.one_of(st.integers(1, 16), st.integers(1, 5000)),
)


def mutated(raw: bytes, mutation: tuple[str, float, int, int]) -> bytes:
    kind, where, change, length = mutation
    at = int(where * len(raw))
    if kind == "flip":
        return raw[:at] + bytes([raw[at] ^ change]) + raw[at + 1 :]
    if kind == "truncate":
        return raw[:at]
    if kind == "delete":
        return raw[:at] + raw[at + length :]
    if kind == "insert":
        return raw[:at] + np.random.default_rng(change).bytes(length) + raw[at:]
    return raw[: at + length] + raw[at:]


def check_compressed(path: Path, packed: bytes, mutation) -> None:
    path.write_bytes(mutated(packed, mutation))
    frames = read_frames(path)
    found = assert_true_frames(frames)
    # Whatever is missing has a reason; what is not missing needs none.
    assert frames.bad or len(found) == COUNT


def in_header(minute: bytes, at: int) -> bool:
    begin = minute.rfind(b"P5\n#", 0, at + 4)
    return at < minute.index(b"65535\n", begin) + 6


def check_inflated(path: Path, minute: bytes, mutation) -> None:
    """Alter the records, then compress: the checksum is right, and only structure can tell.

    A pixel that was altered then is no damage that anything could show, so bytes are flipped in
    headers only.
    """
    kind, where, change, _ = mutation
    if kind == "flip":
        starts = [k for k in range(len(minute)) if minute.startswith(b"P5\n#", k)][:COUNT]
        begin = starts[int(where * COUNT)]
        size = minute.index(b"65535\n", begin) + 6 - begin
        place = begin + int((where * COUNT % 1) * size)
        assert in_header(minute, place)
        altered = minute[:place] + bytes([minute[place] ^ change]) + minute[place + 1 :]
    else:
        altered = mutated(minute, mutation)
    path.write_bytes(gzip.compress(altered, 1))
    frames = read_frames(path)
    found = assert_true_frames(frames)
    assert frames.bad or len(found) == COUNT or kind == "truncate"


@given(MUTATION)
@settings(max_examples=100)
def test_mutated_files(tmp_path_factory, packed: bytes, mutation) -> None:
    check_compressed(tmp_path_factory.getbasetemp() / NAME, packed, mutation)


@given(MUTATION)
@settings(max_examples=60)
def test_mutated_records(tmp_path_factory, minute: bytes, mutation) -> None:
    check_inflated(tmp_path_factory.getbasetemp() / NAME, minute, mutation)


@pytest.mark.slow
@given(MUTATION)
@settings(max_examples=1000)
def test_a_thousand_mutated_files(tmp_path_factory, packed: bytes, mutation) -> None:
    check_compressed(tmp_path_factory.getbasetemp() / NAME, packed, mutation)


@pytest.mark.slow
@given(MUTATION)
@settings(max_examples=1000)
def test_a_thousand_files_of_mutated_records(tmp_path_factory, minute: bytes, mutation) -> None:
    check_inflated(tmp_path_factory.getbasetemp() / NAME, minute, mutation)
