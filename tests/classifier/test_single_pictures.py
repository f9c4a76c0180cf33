"""Pictures that lie anywhere, with the labels of a table."""

import numpy as np
import pytest

from auroral_stats.errors import DataError

pytest.importorskip("torch")

from classifier.oath_images import write_image
from classifier.preprocess import preprocess
from classifier.single_pictures import UNKNOWN, load_pictures

TABLE = (
    "licence\nclass2,class6,picNum,picType,rotAng\n0,2,00007,discrete,10\n1,5,00012,noaurora,5\n"
)


@pytest.fixture
def paths(tmp_path):
    rng = np.random.default_rng(0)
    found = [tmp_path / name for name in ("00012.png", "00007.png", "mine.png")]
    for path in found:
        write_image(path, rng.integers(0, 256, (256, 256)).astype(np.uint8))
    return found


def test_pictures_are_made_ready_and_named_by_their_number(paths, tmp_path):
    from PIL import Image

    (tmp_path / "classifications.csv").write_text(TABLE)
    found = load_pictures(paths, tmp_path / "classifications.csv", size=64)
    assert found.label.tolist() == [5, 2, UNKNOWN]
    assert not found.simulated
    green = np.asarray(Image.open(paths[1]))[None, ..., 1]
    np.testing.assert_array_equal(found.images[1], preprocess(green, "oath-png-v1", 64)[0])
    assert load_pictures(paths).label.tolist() == [UNKNOWN] * 3


def test_a_table_with_faults_gives_no_labels(paths, tmp_path):
    (tmp_path / "table.csv").write_text(TABLE.replace("0,2,", "0,1,"))
    with pytest.raises(DataError, match=r"table\.csv: line 3"):
        load_pictures(paths, tmp_path / "table.csv")


def test_simulated_pictures_say_so_and_are_not_mixed_with_real_ones(paths, tmp_path):
    folder = tmp_path / "set" / "images" / "cropped_scaled"
    folder.mkdir(parents=True)
    (tmp_path / "set" / "SIMULATED.json").write_text("{}")
    moved = folder / "00007.png"
    moved.write_bytes(paths[1].read_bytes())
    assert load_pictures([moved]).simulated
    with pytest.raises(DataError, match="cannot be mixed"):
        load_pictures([moved, paths[0]])
