from pathlib import Path

import numpy as np
import pytest

from auroral_stats.errors import ArchiveError, DataError, UsageError

torch = pytest.importorskip("torch")

from classifier.oath import CLASSIFICATIONS, IMAGE_FOLDER, MARKER, ORIGINS, Oath, open_oath
from classifier.oath_images import write_image
from classifier.pgm import write_pgm
from classifier.preprocess import preprocess
from classifier.training_images import join_images, load_frames, load_images, open_images


def frames(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    slope = np.arange(256)[:, None] * 15 + np.arange(256) * 7
    return (rng.poisson(3300, (n, 256, 256)) + slope).astype(np.uint16)


def as_oath_picture(frame: np.ndarray) -> np.ndarray:
    """What Clausen and Nickisch made of a raw frame: mirrored, cropped, stretched, 8 bits."""
    picture = frame[:, ::-1].astype(float)
    row, column = np.ogrid[:256, :256]
    sky = np.hypot(row - 127, column - 128) <= 108.8
    low, high = np.percentile(picture[sky], [1, 99])
    return (np.clip((picture - low) / (high - low), 0, 1) * sky * 255).astype(np.uint8)


def oath_set(root: Path, images: np.ndarray) -> Oath:
    n = len(images)
    paths = []
    for number in range(1, n + 1):
        paths.append(root / f"{number:05d}.png")
        write_image(paths[-1], as_oath_picture(images[number - 1]))
    time = np.datetime64("2014-03-10T06:00", "ms") + np.arange(n) * np.timedelta64(20, "h")
    return Oath(
        root=root,
        picture=np.arange(1, n + 1),
        label=(np.arange(n) % 6).astype(np.uint8),
        rotation=np.zeros(n, np.int16),
        site=np.array(["gill", "inuv"] * n)[:n],
        time=time,
        images=tuple(paths),
        split=None,
        simulated=True,
    )


def test_pictures_of_a_set_and_the_raw_frames_behind_them_are_alike(tmp_path: Path):
    images = frames(3)
    found = load_images(oath_set(tmp_path, images), size=64)
    raw = preprocess(images, found.recipe, size=64)
    assert found.images.dtype == torch.uint8
    assert found.images.shape == (3, 1, 64, 64)
    # both are cut or rounded to 8 bits once
    assert float((found.images / 255 - raw).abs().max()) < 2.5 / 255
    mirrored = torch.flip(found.images, [-1]) / 255
    assert float((mirrored - raw).abs().max()) > 0.3


def test_labels_nights_and_origin_come_with_the_pictures(tmp_path: Path):
    found = load_images(oath_set(tmp_path, frames(4)), size=32)
    assert found.label.tolist() == [0, 1, 2, 3]
    assert found.picture.tolist() == [1, 2, 3, 4]
    assert [found.night_names[number] for number in found.night] == [
        "gill 2014-03-09", "inuv 2014-03-10", "gill 2014-03-11", "inuv 2014-03-11",
    ]  # fmt: skip
    assert found.simulated
    assert "simulated" in found.trained_on
    some = found.take(np.array([2, 0]))
    assert some.picture.tolist() == [3, 1]
    assert torch.equal(some.images, found.images[[2, 0]])
    assert some.night_names == found.night_names


def test_the_fingerprint_tells_pictures_labels_and_sizes_apart(tmp_path: Path):
    (tmp_path / "a").mkdir()
    oath = oath_set(tmp_path / "a", frames(3))
    prints = {load_images(oath, size=32).fingerprint, load_images(oath, size=48).fingerprint}
    assert load_images(oath, size=32).fingerprint in prints
    object.__setattr__(oath, "label", oath.label[::-1].copy())
    prints.add(load_images(oath, size=32).fingerprint)
    (tmp_path / "b").mkdir()
    prints.add(load_images(oath_set(tmp_path / "b", frames(3, seed=1)), size=32).fingerprint)
    assert len(prints) == 4
    assert all(len(each) == 64 for each in prints)


def minute(root: Path, site: str, time: str, n: int = 4, *, simulated: bool = True) -> Path:
    start = np.datetime64(time, "us")
    stamp = str(start).replace("-", "").replace(":", "").replace("T", "_")[:13]
    path = root / f"{stamp}_{site}_themis19_full.pgm.gz"
    times = start + np.arange(n) * np.timedelta64(15, "s")
    write_pgm(path, frames(n, seed=n), times, site=site, simulated=simulated)
    return path


def test_raw_frames_are_taken_at_their_cadence(tmp_path: Path):
    for at in ("2014-03-10T06:00", "2014-03-10T06:01"):
        minute(tmp_path, "gill", at)
    minute(tmp_path, "inuv", "2014-03-10T06:01")
    found = open_images(tmp_path, 32, cadence=30.0)
    assert found.station.tolist() == ["gill"] * 4 + ["inuv"] * 2
    gill = found.time[found.station == "gill"]
    assert (np.diff(gill) == np.timedelta64(30, "s")).all()
    assert found.simulated
    assert found.trained_on == "simulated frames of gill, inuv, 6 pictures"
    assert len(open_images(tmp_path, 32, cadence=0.0)) == 12
    assert len(open_images(tmp_path, 32, cadence=0.0, limit=5)) == 5
    expected = preprocess(frames(4, seed=4)[::2], size=32)
    assert float((found.images[:2] / 255 - expected).abs().max()) <= 0.5 / 255 + 1e-6


def test_simulated_and_real_frames_are_not_mixed_unawares(tmp_path: Path):
    minute(tmp_path, "gill", "2014-03-10T06:00", simulated=True)
    minute(tmp_path, "gill", "2014-03-10T06:01", simulated=False)
    with pytest.raises(DataError, match="simulated and real inputs cannot be mixed"):
        open_images(tmp_path, 32)
    simulated, real = (load_frames([path], 32) for path in sorted(tmp_path.iterdir()))
    both = join_images([simulated, real])
    assert both.simulated
    assert both.trained_on == (
        "simulated frames of gill, 1 pictures and frames of gill, 1 pictures"
    )
    assert len(both) == 2


def test_damaged_files_are_listed_and_the_rest_is_used(tmp_path: Path):
    minute(tmp_path, "gill", "2014-03-10T06:00")
    (tmp_path / "20140310_0601_gill_themis19_full.pgm.gz").write_bytes(b"nothing of the kind")
    found = open_images(tmp_path, 32)
    assert len(found) == 1
    assert "20140310_0601" in found.bad[0]


def test_a_whole_set_is_opened_by_its_folder(tmp_path: Path):
    folder = tmp_path / IMAGE_FOLDER
    folder.mkdir(parents=True)
    oath_set(folder, frames(2))
    (tmp_path / CLASSIFICATIONS).parent.mkdir(parents=True)
    (tmp_path / CLASSIFICATIONS).write_text(
        "class2,class6,picNum,picType,rotAng\n0,0,1,arc,0\n1,5,2,noaurora,0\n"
    )
    (tmp_path / MARKER).write_text('{"simulated": true, "counts": [1, 0, 0, 0, 0, 1]}')
    oath = open_oath(tmp_path)
    found = open_images(tmp_path, 32)
    assert found.label.tolist() == oath.label.tolist() == [0, 5]
    assert not (tmp_path / ORIGINS).exists()
    assert found.station.tolist() == ["", ""]


def test_places_without_pictures_are_one_clear_line(tmp_path: Path):
    with pytest.raises(ArchiveError, match="holds neither an OATH set nor camera files"):
        open_images(tmp_path)
    with pytest.raises(ArchiveError, match="does not exist"):
        open_images(tmp_path / "nowhere")
    with pytest.raises(DataError, match="not one could be read"):
        load_frames([])
    with pytest.raises(UsageError, match="no kind"):
        join_images([])
    with pytest.raises(UsageError, match="takes raw frames"):
        load_images(oath_set(tmp_path, frames(1)), recipe="disc-percentile-v1")
