"""Frames read by several processes: the same as by one, in order, and nothing left behind."""

import multiprocessing
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from auroral_stats.errors import DataError, UsageError
from classifier.frame_workers import SLOT_FRAMES, file_fingerprint, read_ahead
from classifier.frames import read_frames
from classifier.pgm import write_pgm


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[Path]:
    """Eleven files: of 1 to 4 frames, one of more than two slots, an empty one, and one missing."""
    root = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(0)
    paths = []
    for number in range(9):
        count = 2 * SLOT_FRAMES + 5 if number == 4 else 1 + number % 4
        images = np.repeat(rng.integers(0, 65535, (count, 256, 1), np.uint16), 256, axis=2)
        times = np.datetime64(f"2014-03-10T06:0{number}", "us") + np.arange(count) * np.timedelta64(
            1, "s"
        )
        path = root / f"20140310_060{number}_gill_themis19_full.pgm.gz"
        paths.append(write_pgm(path, images, times, site="gill", simulated=True, compression=1))
    (root / "empty.pgm").touch()
    return [*paths[:6], root / "empty.pgm", root / "missing.pgm", *paths[6:]]


def everything(files: list[Path], workers: int) -> list[tuple]:
    """Per file: images, times and report."""
    found, images, times = [], [], []
    for piece in read_ahead(files, workers):
        images.append(piece.images.copy())
        times.append(piece.time)
        if piece.report is not None:
            found.append((np.concatenate(images), np.concatenate(times), piece.report))
            images, times = [], []
    assert not images
    return found


@pytest.mark.parametrize("workers", [0, 1, 2, 5])
def test_frames_are_those_of_the_files_in_their_order(files, workers):
    found = everything(files, workers)
    assert len(found) == len(files)
    for path, (images, times, report) in zip(files, found, strict=True):
        if path.name == "missing.pgm":
            assert "does not exist" in report.error
            assert (len(images), report.size) == (0, -1)
            continue
        expected = read_frames(path)
        assert np.array_equal(images, expected.images)
        assert np.array_equal(times, expected.time)
        assert (report.bad, report.simulated) == (expected.bad, expected.simulated)
        assert (report.size, report.fingerprint) == (path.stat().st_size, file_fingerprint(path))
        assert report.frames == len(images)


def test_memory_is_bounded_for_files_of_any_length(files):
    # The long file has more frames than the slots of one process hold: they are used again.
    pieces = list(read_ahead(files[4:5] * 3, 1))
    assert max(len(piece.images) for piece in pieces) == SLOT_FRAMES
    assert sum(len(piece.time) for piece in pieces) == 3 * (2 * SLOT_FRAMES + 5)


def test_files_are_asked_for_only_a_few_ahead(files):
    asked = 0

    def endless():
        nonlocal asked
        while True:
            asked += 1
            yield files[asked % 4]

    pieces = read_ahead(endless(), 2)
    for _ in range(5):
        next(pieces)
    assert asked <= 5 + 2 * 3
    pieces.close()


def test_no_process_is_left_when_the_reading_is_given_up(files):
    pieces = read_ahead(files, 3)
    next(pieces)
    assert len(multiprocessing.active_children()) >= 3
    pieces.close()
    assert not multiprocessing.active_children()


def test_a_process_that_is_killed_is_one_error(files):
    pieces = read_ahead(files * 20, 1)
    next(pieces)
    (child,) = multiprocessing.active_children()
    os.kill(child.pid, signal.SIGKILL)
    with pytest.raises(DataError, match=r"ended unexpectedly.*fewer workers"):
        list(pieces)
    assert not multiprocessing.active_children()


def test_a_negative_number_of_workers_is_refused(files):
    with pytest.raises(UsageError, match="workers: -1"):
        next(read_ahead(files, -1))


@pytest.mark.parametrize("at", [0, 40_000, 199_999])
def test_a_fingerprint_sees_changes_at_both_ends(tmp_path, at):
    data = bytearray(np.random.default_rng(0).bytes(200_000))
    path = tmp_path / "file"
    path.write_bytes(data)
    before = file_fingerprint(path)
    assert file_fingerprint(path) == before
    data[at] ^= 1
    path.write_bytes(data)
    assert file_fingerprint(path) != before


def test_a_fingerprint_covers_all_of_a_gzip_file_by_its_checksum(tmp_path):
    prints = set()
    for value in range(3):
        images = np.random.default_rng(0).integers(0, 65535, (3, 256, 256), np.uint16)
        images[1, 128, 128] = value  # in the middle of the file
        path = tmp_path / f"{value}.pgm.gz"
        time = np.datetime64("2014-03-10", "us") + np.arange(3) * np.timedelta64(3, "s")
        write_pgm(path, images, time, site="gill", simulated=True, compression=1)
        prints.add(file_fingerprint(path))
    assert len(prints) == 3
