"""Real camera files, against an independent parse of the same bytes."""

from __future__ import annotations

import bz2
import gzip
import re
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from classifier.frames import find_frames, read_frames
from classifier.inflate import available_backends, inflate
from classifier.pgm import believable_size

IMAGE = 131_072


@pytest.fixture(scope="module")
def folder(realdata: Path) -> Path:
    return realdata / "themis_asi"


@pytest.fixture(scope="module")
def minutes(folder: Path) -> list[Path]:
    return [file.path for file in find_frames(folder, "gill")]


def reference(path: Path) -> tuple[np.ndarray, list[datetime]]:
    """Read line by line with the standard library."""
    images, times = [], []
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        while line := file.readline():
            if line.startswith(b'#"Image request start"'):
                text = line.decode().split('" ')[1].strip()
                times.append(datetime.strptime(text, "%Y-%m-%d %H:%M:%S.%f UTC"))
            elif line == b"65535\n":
                values = np.frombuffer(file.read(IMAGE), ">u2")
                images.append(values.astype(np.uint16).reshape(256, 256))
    return np.stack(images), times


def test_all_files_are_found_in_order(folder: Path) -> None:
    found = [(file.site, str(file.start), file.path.suffix) for file in find_frames(folder)]
    assert found == [
        ("gako", "2011-01-06T17:00", ".cdf"),
        *[("gill", f"2014-03-10T06:0{k}", ".gz" if k < 5 else ".pgm") for k in range(6)],
    ]


def test_all_minutes(minutes: list[Path]) -> None:
    out, total = np.empty((20, 256, 256), np.uint16), 0
    for path in minutes:
        images, times = reference(path)
        for frames in (read_frames(path), read_frames(path, out, metadata=False)):
            np.testing.assert_array_equal(frames.images, images)
            assert frames.time.tolist() == times
            assert (frames.bad, frames.site, frames.simulated) == ((), "gill", False)
        named = datetime.strptime(path.name[:13], "%Y%m%d_%H%M")
        assert all(0 <= (time - named).total_seconds() < 60 for time in times)
        total += len(times)
    assert total == 120


def test_metadata(minutes: list[Path]) -> None:
    metadata = read_frames(minutes[0]).metadata
    assert {each["Site name"] for each in metadata} == {"Gillam"}
    assert {each["Ccd background"] for each in metadata} == {"3300"}
    assert [int(each["Mode sequence number"]) for each in metadata] == list(range(2027380, 2027400))
    assert metadata[19]["Image request start"] == "2014-03-10 06:00:57.006018 UTC"


def test_hot_pixels_are_counts_like_any_others(minutes: list[Path]) -> None:
    images = read_frames(minutes[0]).images
    assert images.max() == 65535
    # The sky is dark but not black, and far from saturated.
    assert 2500 < np.median(images) < 10_000


@pytest.mark.parametrize("backend", available_backends())
def test_all_libraries_inflate_alike(minutes: list[Path], backend: str) -> None:
    raw = minutes[1].read_bytes()
    found = inflate(raw, backend=backend)
    assert found.data == gzip.decompress(raw)
    assert (found.fault, found.cut) == ("", False)
    assert believable_size(len(found.data))


@pytest.mark.parametrize("share", [0.5, 0.031, 0.777])
@pytest.mark.parametrize("kind", ["gz", "bz2", "plain"])
def test_a_file_cut_short_keeps_its_good_records(
    minutes: list[Path], tmp_path: Path, share: float, kind: str
) -> None:
    images, times = reference(minutes[0])
    raw = minutes[0].read_bytes()
    if kind != "gz":
        raw = gzip.decompress(raw)
        raw = bz2.compress(raw) if kind == "bz2" else raw
    path = tmp_path / minutes[0].name
    path.write_bytes(raw[: int(share * len(raw))])
    frames = read_frames(path)
    count = len(frames.images)
    # A block of bzip2 holds seven records, and is lost as a whole.
    assert int(20 * share) - (8 if kind == "bz2" else 1) <= count <= 20 * share
    np.testing.assert_array_equal(frames.images, images[:count])
    assert frames.time.tolist() == times[:count]
    assert any("cut short" in each.reason for each in frames.bad)


def test_a_flipped_bit_never_gives_a_wrong_frame(minutes: list[Path], tmp_path: Path) -> None:
    raw, rng = minutes[2].read_bytes(), np.random.default_rng(4)
    images, path = reference(minutes[2])[0], tmp_path / minutes[2].name
    for _ in range(25):
        altered = bytearray(raw)
        altered[int(rng.integers(60, len(raw)))] ^= 1 << int(rng.integers(8))
        path.write_bytes(altered)
        frames = read_frames(path)
        assert frames.bad
        assert len(frames.images) in {0, 20}
        if len(frames.images):
            np.testing.assert_array_equal(frames.images, images)


def test_the_hour_of_gakona(folder: Path) -> None:
    import cdflib

    path = folder / "thg_l1_asf_gako_2011010617_v01.cdf"
    frames = read_frames(path)
    file = cdflib.CDF(path)
    # stored with south up and west to the left; test_skymap_real.py has the stars that say so
    stored = file.varget("thg_asf_gako")
    np.testing.assert_array_equal(frames.images, stored[:, ::-1, ::-1])
    epoch = cdflib.cdfepoch.to_datetime(file.varget("thg_asf_gako_epoch"))
    np.testing.assert_array_equal(frames.time, epoch.astype("M8[us]"))
    assert frames.images.shape == (23, 256, 256)
    assert str(frames.time[0]) == "2011-01-06T17:00:00.053000"
    assert (frames.bad, frames.site) == ((), "gako")
    assert re.search("THEMIS", frames.metadata[0]["Project"])
    # Dawn: the sky brightens from frame to frame.
    medians = np.median(frames.images, axis=(1, 2))
    assert medians[-1] > medians[0]


def test_other_products_give_no_frames(folder: Path) -> None:
    frames = read_frames(folder / "thg_l1_ast_gako_20110505_v01.cdf")
    assert len(frames.images) == 0
    assert frames.bad[0].reason == "it has 0 variables thg_asf_<site>, not one"
    skymap = read_frames(folder / "themis_skymap_gako_20110305-+_vXX.sav")
    assert skymap.bad[0].reason == "the file holds no PGM records and is no CDF"
