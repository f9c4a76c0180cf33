import numpy as np
import pytest

from auroral_stats.errors import ArchiveError, DataError
from classifier.oath_images import read_images, write_image

Image = pytest.importorskip("PIL.Image")

PICTURE = np.random.default_rng(0).integers(0, 256, (256, 256)).astype(np.uint8)


def colours(red, green, blue):
    return np.stack([np.broadcast_to(np.uint8(c), (256, 256)) for c in (red, green, blue)], axis=-1)


def save(path, pixels):
    Image.fromarray(pixels).save(path)
    return path


def test_what_is_written_is_green_and_comes_back(tmp_path):
    write_image(tmp_path / "00001.png", PICTURE)
    with Image.open(tmp_path / "00001.png") as image:
        red, green, blue = np.moveaxis(np.asarray(image), -1, 0)
    assert not red.any()
    assert not blue.any()
    assert np.array_equal(green, PICTURE)
    assert np.array_equal(read_images([tmp_path / "00001.png"])[0], PICTURE)


@pytest.mark.parametrize(
    "pixels",
    [
        colours(0, PICTURE, 0),
        PICTURE,
        np.stack([PICTURE] * 3, axis=-1),
        np.concatenate([colours(0, PICTURE, 0), np.full((256, 256, 1), 255, np.uint8)], axis=-1),
    ],
    ids=["green", "grey", "grey as RGB", "green with alpha"],
)
def test_pictures_that_hold_the_same_data(tmp_path, pixels):
    assert np.array_equal(read_images([save(tmp_path / "a.png", pixels)])[0], PICTURE)


def test_pictures_come_in_the_order_asked_for(tmp_path):
    paths = [save(tmp_path / f"{k}.png", colours(0, k, 0)) for k in range(20)]
    order = np.random.default_rng(1).permutation(20)
    read = read_images([paths[k] for k in order])
    assert read[:, 100, 100].tolist() == order.tolist()
    assert read_images([]).shape == (0, 256, 256)


def test_other_pictures_are_refused_by_name(tmp_path):
    red = save(tmp_path / "red.png", colours(PICTURE, 0, 0))
    with pytest.raises(DataError, match=r"red\.png: there are data in red or blue"):
        read_images([red])
    photo = save(tmp_path / "photo.png", colours(PICTURE // 2, PICTURE, PICTURE // 3))
    with pytest.raises(DataError, match=r"photo\.png: there are data in red or blue"):
        read_images([photo])
    small = save(tmp_path / "small.png", PICTURE[:128])
    with pytest.raises(DataError, match=r"small\.png: is 256 x 128 pixels"):
        read_images([small])
    deep = save(tmp_path / "deep.png", PICTURE.astype(np.uint16) * 257)
    with pytest.raises(DataError, match=r"deep\.png: .*expected 256 x 256 of 8-bit"):
        read_images([deep])
    with pytest.raises(ArchiveError, match=r"none\.png: cannot be read"):
        read_images([tmp_path / "none.png"])
    cut = save(tmp_path / "cut.png", PICTURE)
    cut.write_bytes(cut.read_bytes()[:30000])
    with pytest.raises(ArchiveError, match=r"cut\.png: cannot be read"):
        read_images([cut])
