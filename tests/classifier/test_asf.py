"""Hourly CDFs in both layouts, written with cdflib, read back, and damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from auroral_stats.errors import UsageError
from classifier.asf import CDF_MAGIC, read_asf
from classifier.frames import read_frames

EPOCH_1970 = 62_167_219_200_000.0
NAME = "thg_l1_asf_gill_2024031006_v01.cdf"
UINT2, REAL8, EPOCH = 12, 45, 31


def pictures(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (3000 + rng.poisson(200, (count, 256, 256))).astype(np.uint16)


def stamps(count: int) -> np.ndarray:
    """Starts of exposure, to the millisecond, some tens of ms behind the 3-s raster."""
    ms = np.arange(count) * 3000 + np.random.default_rng(1).integers(10, 60, count)
    return np.datetime64("2024-03-10T06:00", "us") + ms.astype("m8[ms]")


def seconds(time: np.ndarray) -> np.ndarray:
    return time.astype("M8[us]").astype(np.int64) / 1e6


def write(path: Path, variables: dict, attributes: dict | None = None, compress: int = 6) -> Path:
    from cdflib import cdfwrite

    file = cdfwrite.CDF(path, delete=True)
    file.write_globalattrs({k: {0: v} for k, v in (attributes or {"Project": "THEMIS"}).items()})
    for name, (kind, shape, data) in variables.items():
        spec = {
            "Variable": name,
            "Data_Type": kind,
            "Num_Elements": 1,
            "Rec_Vary": True,
            "Dim_Sizes": list(shape),
            "Compress": compress,
        }
        file.write_var(spec, var_data=data)
    file.close()
    return path


# The archive stores images turned by 180 degrees; they come back with north in row 0.
def legacy(path: Path, images, time, *, raster=None, epoch=None, attributes=None, **kw) -> Path:
    """Write one image a record, its exact start as an epoch, and the 3-s raster."""
    exact = seconds(time) * 1e3 + EPOCH_1970 if epoch is None else epoch
    coarse = np.rint(seconds(time)) if raster is None else raster
    variables = {
        "thg_asf_gill": (UINT2, (256, 256), images[:, ::-1, ::-1]),
        "thg_asf_gill_epoch": (EPOCH, (), exact),
        "thg_asf_gill_time": (REAL8, (), coarse),
    }
    return write(path, {k: v for k, v in variables.items() if len(v[2])}, attributes, **kw)


def recent(path: Path, images, time, **kw) -> Path:
    """Write all images as one record, and epochs that mean nothing."""
    count = len(images)
    cube = np.ascontiguousarray(np.moveaxis(images[:, ::-1, ::-1], 0, 2))[np.newaxis]
    return write(
        path,
        {
            "thg_asf_gill": (UINT2, (256, 256, count), cube),
            "thg_asf_gill_epoch": (EPOCH, (), np.full(count, 1.0)),
            "thg_asf_gill_time": (REAL8, (), seconds(time)),
        },
        **kw,
    )


@pytest.mark.parametrize("compress", [0, 6])
@pytest.mark.parametrize("layout", [legacy, recent])
def test_both_layouts_give_the_same_frames(tmp_path: Path, layout, compress: int) -> None:
    images, time = pictures(4), stamps(4)
    path = layout(tmp_path / NAME, images, time, compress=compress)
    with path.open("rb") as file:
        assert file.read(4) in CDF_MAGIC
    frames = read_frames(path)
    np.testing.assert_array_equal(frames.images, images)
    np.testing.assert_array_equal(frames.time, time)
    assert frames.images.dtype == np.uint16
    assert frames.images.flags.c_contiguous
    assert (frames.site, frames.bad, frames.simulated) == ("gill", (), False)
    assert [each["Project"] for each in frames.metadata] == ["THEMIS"] * 4
    assert read_frames(path, metadata=False).metadata == ()


@pytest.mark.parametrize("layout", [legacy, recent])
def test_images_go_where_they_are_wanted(tmp_path: Path, layout) -> None:
    path = layout(tmp_path / NAME, pictures(3), stamps(3))
    out = np.zeros((5, 256, 256), np.uint16)
    frames = read_frames(path, out)
    assert frames.images.base is out
    np.testing.assert_array_equal(out[:3], pictures(3))
    assert not out[3:].any()
    assert read_frames(path, out[:2]).images.base is not out


def test_one_image_and_256_images(tmp_path: Path) -> None:
    """Counts at which a layout could be taken for the other."""
    for layout in (legacy, recent):
        frames = read_frames(layout(tmp_path / NAME, pictures(1), stamps(1)))
        np.testing.assert_array_equal(frames.images, pictures(1))
    images = np.repeat(pictures(2), 128, axis=0)
    frames = read_frames(recent(tmp_path / NAME, images, stamps(256), compress=1))
    np.testing.assert_array_equal(frames.images, images)


def test_microseconds_of_unix_seconds(tmp_path: Path) -> None:
    time = np.datetime64("2024-03-10T06:00", "us") + np.array([1, 3_000_063, 6_123_457], "m8[us]")
    frames = read_frames(recent(tmp_path / NAME, pictures(3), time))
    assert np.abs(frames.time - time).max() <= np.timedelta64(1, "us")


def test_simulated_files_say_so(tmp_path: Path) -> None:
    path = legacy(tmp_path / NAME, pictures(1), stamps(1), attributes={"simulated": "true"})
    assert read_frames(path).simulated


def test_the_raster_stands_in_for_epochs_that_are_not_there(tmp_path: Path) -> None:
    time = stamps(3)
    frames = read_frames(legacy(tmp_path / NAME, pictures(3), time, epoch=np.empty(0)))
    np.testing.assert_array_equal(
        frames.time, np.datetime64("2024-03-10T06:00") + 3 * np.arange(3).astype("m8[s]")
    )
    frames = read_frames(legacy(tmp_path / NAME, pictures(3), time, raster=np.empty(0)))
    np.testing.assert_array_equal(frames.time, time)


def test_a_time_that_is_fill_or_contradicted_loses_its_frame(tmp_path: Path) -> None:
    time = stamps(5)
    exact = seconds(time) * 1e3 + EPOCH_1970
    exact[1] = -1e31
    exact[3] += 3000
    frames = read_frames(legacy(tmp_path / NAME, pictures(5), time, epoch=exact))
    np.testing.assert_array_equal(frames.images, pictures(5)[[0, 2, 4]])
    np.testing.assert_array_equal(frames.time, time[[0, 2, 4]])
    assert [each.record for each in frames.bad] == [1, 3]
    assert all("time stamp" in each.reason for each in frames.bad)
    late = seconds(time)
    late[2] = np.nan
    late[4] = 1e300
    path = write(
        tmp_path / NAME,
        {
            "thg_asf_gill": (UINT2, (256, 256), pictures(5)),
            "thg_asf_gill_time": (REAL8, (), late),
        },
    )
    assert [each.record for each in read_frames(path).bad] == [2, 4]


def test_images_that_are_fill_are_no_frames(tmp_path: Path) -> None:
    images = pictures(4)
    images[1], images[2] = 65535, 0
    # A hot pixel in the corner is no fill.
    images[3, 0, 0] = 65535
    for layout in (legacy, recent):
        frames = read_frames(layout(tmp_path / NAME, images, stamps(4)))
        np.testing.assert_array_equal(frames.images, images[[0, 3]])
        np.testing.assert_array_equal(frames.time, stamps(4)[[0, 3]])
        assert [(each.record, each.reason) for each in frames.bad] == [
            (1, "all its pixels are 65535: no image"),
            (2, "all its pixels are 0: no image"),
        ]


WRONG = {
    "no images": (
        {"thg_asf_gill_time": (REAL8, (), seconds(stamps(2)))},
        "it has 0 variables thg_asf_<site>",
    ),
    "two sites": (
        {
            "thg_asf_gill": (UINT2, (256, 256), pictures(1)),
            "thg_asf_rank": (UINT2, (256, 256), pictures(1)),
        },
        "it has 2 variables",
    ),
    "thumbnails": (
        {"thg_asf_gill": (UINT2, (32, 32), np.ones((2, 32, 32), np.uint16))},
        "(32, 32)",
    ),
    "other counts": ({"thg_asf_gill": (REAL8, (256, 256), pictures(2).astype(float))}, "float64"),
    "fewer times": (
        {
            "thg_asf_gill": (UINT2, (256, 256), pictures(3)),
            "thg_asf_gill_time": (REAL8, (), seconds(stamps(2))),
        },
        "it has 3 images, but 2 times",
    ),
    "no times": (
        {"thg_asf_gill": (UINT2, (256, 256), pictures(3))},
        "it has 3 images, but 0 times",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_other_files_give_no_frames_and_a_reason(tmp_path: Path, case: str) -> None:
    variables, reason = WRONG[case]
    frames = read_frames(write(tmp_path / NAME, variables))
    assert frames.images.shape == (0, 256, 256)
    assert frames.time.shape == (0,)
    assert reason in frames.bad[0].reason


def test_a_damaged_image_is_lost_alone(tmp_path: Path) -> None:
    images, time = pictures(4), stamps(4)
    path = legacy(tmp_path / NAME, images, time)
    raw = bytearray(path.read_bytes())
    # The second gzip member of an image's size.
    at = [k for k in range(len(raw)) if raw[k : k + 3] == b"\x1f\x8b\x08"][1]
    raw[at + 5000] ^= 4
    path.write_bytes(raw)
    frames = read_frames(path)
    kept = [k for k in range(4) if k not in {each.record for each in frames.bad}]
    assert 0 < len(kept) < 4
    np.testing.assert_array_equal(frames.images, images[kept])
    np.testing.assert_array_equal(frames.time, time[kept])
    assert "cannot be read" in frames.bad[0].reason


@pytest.mark.parametrize("layout", [legacy, recent])
@pytest.mark.parametrize("share", [0.0001, 0.01, 0.3, 0.9, 0.999])
def test_a_file_that_was_cut_says_so(tmp_path: Path, layout, share: float) -> None:
    path = layout(tmp_path / NAME, pictures(3), stamps(3))
    raw = path.read_bytes()
    path.write_bytes(raw[: max(int(share * len(raw)), 4)])
    frames = read_frames(path)
    assert frames.bad
    for image, time in zip(frames.images, frames.time, strict=True):
        index = int(np.flatnonzero(stamps(3) == time)[0])
        np.testing.assert_array_equal(image, pictures(3)[index])
    if not frames.images.size and share >= 0.01:
        assert "cut short" in frames.bad[0].reason


def test_altered_files_never_give_a_wrong_frame(tmp_path: Path) -> None:
    images, time = pictures(3), stamps(3)
    path = legacy(tmp_path / NAME, images, time)
    raw, rng = path.read_bytes(), np.random.default_rng(3)
    whole = 0
    for _ in range(100):
        altered = bytearray(raw)
        altered[int(rng.integers(4, len(raw)))] ^= 1 << int(rng.integers(8))
        path.write_bytes(altered)
        frames = read_frames(path)
        whole += len(frames.images) == 3
        for image, start in zip(frames.images, frames.time, strict=True):
            index = int(np.argmin(np.abs(time - start)))
            assert abs(time[index] - start) <= np.timedelta64(1, "s")
            np.testing.assert_array_equal(image, images[index])
    assert whole < 50


def test_without_cdflib_the_message_says_what_to_install(tmp_path: Path, monkeypatch) -> None:
    import sys

    path = legacy(tmp_path / NAME, pictures(1), stamps(1))
    monkeypatch.setitem(sys.modules, "cdflib", None)
    with pytest.raises(UsageError, match="pip install cdflib"):
        read_asf(path)
