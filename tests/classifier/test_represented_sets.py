"""Sets with their representations: thinned evenly, marked, and those of frames drawn at once."""

import importlib.util
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")

from auroral_stats.errors import UsageError
from auroral_stats.labels import CLASSES
from classifier.checkpoint import Header, load_checkpoint, save_checkpoint
from classifier.demo_nights import DemoNight, draw_nights
from classifier.demo_representations import represent_nights
from classifier.model import encoder, seeded
from classifier.oath import IMAGE_FOLDER, Oath, station_nights
from classifier.oath_images import write_image
from classifier.oath_writing import (
    write_classifications,
    write_marker,
    write_origins,
    write_split,
)
from classifier.preprocess import preprocess
from classifier.representations import load_encoder, representations
from classifier.represented_sets import represented_set, thinned


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A checkpoint whose pictures are 32 pixels wide."""
    with seeded(0):
        random = encoder("resnet10").eval()
    path = tmp_path_factory.mktemp("model") / "encoder.safetensors"
    return save_checkpoint(path, random, Header("encoder", "resnet10", 32, "nothing", False))


def write_set(root, nights=8, each=18):
    """A set of patches of light whose place is the class, with a night's own brightness."""
    rng = np.random.default_rng(0)
    n = nights * each
    label, night = (np.arange(n) % 6).astype(np.uint8), np.arange(n) // each
    pictures = rng.integers(0, 40, (n, 256, 256)).astype(np.uint8)
    for i, code in enumerate(label):
        row, column = 80 + 40 * (code // 2), 90 + 50 * (code % 2)
        pictures[i, row : row + 36, column : column + 44] += np.uint8(120 + 5 * (night[i] % 8))
        path = root / IMAGE_FOLDER / f"{i + 1:05d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, pictures[i])
    time = np.datetime64("2014-01-01T02:00", "ms") + night * np.timedelta64(1, "D")
    time = time + (np.arange(n) % each) * np.timedelta64(10, "m")
    write_classifications(root, label, np.zeros(n, np.int16))
    write_origins(root, np.array(["gill", "rank"])[night % 2], time)
    write_split(root, n)
    write_marker(root, label, seed=0, frames=n, version="0")
    return root


def make_oath(tmp_path, n=90):
    rng = np.random.default_rng(0)
    order = rng.permutation(n)
    minutes = np.arange(n)[order] * np.timedelta64(20, "m")
    return Oath(
        root=tmp_path, picture=np.arange(1, n + 1), label=(np.arange(n) % 6).astype(np.uint8),
        rotation=np.zeros(n, np.int16), site=np.array(["gill", "rank"])[order % 2],
        time=np.datetime64("2014-01-01T19:00", "ms") + minutes, images=(tmp_path,) * n, split=None,
        simulated=True,
    )  # fmt: skip


def test_thinning_is_even_over_time_and_keeps_all_nights(tmp_path):
    oath = make_oath(tmp_path)
    few = thinned(oath, 30)
    assert len(few) == 30
    assert (np.diff(few.picture) > 0).all()
    for site in ("gill", "rank"):
        steps = np.diff(np.sort(few.time[few.site == site]))
        assert set(steps.astype("m8[m]").astype(int)) == {120}  # every third of those 40 min apart
    every, kept = (set(station_nights(part.site, part.time)[1]) for part in (oath, few))
    assert every == kept
    assert thinned(oath, 90) is oath
    assert len(thinned(oath, 89)) == 45
    with pytest.raises(UsageError, match="limit is 0"):
        thinned(oath, 0)


def test_a_set_of_ones_own_is_read_and_says_what_it_is(tmp_path, small):
    of = represented_set(write_set(tmp_path / "set", 4, 12), small, limit=16, device="cpu")
    assert len(of.oath) == len(of.images) == len(of.features) == of.attrs["pictures"] == 16
    assert (of.oath.picture == of.images.picture).all()
    assert of.images.size == 32
    found = load_encoder(small)
    expected = representations(found.encoder, of.images.images, "cpu")
    assert of.features == pytest.approx(expected, abs=1e-4)
    assert of.attrs["simulated"] == "true"
    assert of.attrs["encoder_sha256"] == load_checkpoint(small).sha256
    assert of.attrs["model_trained_on"] == "nothing"
    assert of.attrs["station_nights"] == np.unique(of.images.night).size


@pytest.mark.slow
def test_without_a_set_one_is_simulated_and_leaves_nothing(tmp_path, small, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    said = []
    of = represented_set(None, small, limit=18, device="cpu", workers=1, progress=said.append)
    assert 15 <= len(of.images) <= 18
    assert of.images.simulated
    assert said[0] == "Simulating 120 pictures"
    assert list(tmp_path.iterdir()) == []


def test_representations_of_frames_that_are_drawn_are_those_of_their_pictures(small):
    time = np.datetime64("2014-03-09T05:00", "ms") + np.arange(40) * np.timedelta64(3, "s")
    nights = [
        DemoNight("gill", "2014-03-08", time, np.full(40, code, np.uint8), np.array(chosen))
        for code, chosen in ((CLASSES.index("arc"), [0, 20]), (CLASSES.index("clear"), [5, 6, 7]))
    ]
    found, told = load_encoder(small), []
    frames, features = represent_nights(
        nights, found, 4, device="cpu", progress=lambda *at: told.append(at)
    )
    assert told == [(1, 2, 2), (2, 2, 5)]
    assert frames["true"].to_list() == [0, 0, 5, 5, 5]
    assert frames["simulated"].all()
    assert frames["time"].to_list() == [*time[[0, 20]], *time[[5, 6, 7]]]
    expected = []
    for _, images in draw_nights(nights, 4):
        ready = (preprocess(images, "disc-percentile-v1", 32) * 255).round().byte()
        expected.append(representations(found.encoder, ready, "cpu"))
    assert features == pytest.approx(np.concatenate(expected), abs=1e-4)
    with pytest.raises(UsageError, match="nights: none came"):
        represent_nights([], found)


@pytest.mark.parametrize(
    ("name", "more", "parts"),
    [
        ("clusters", ["--clusters", "4", "--perplexity", "9"],
         ["_numbers", "_classes", "_pictures", "_map"]),
        ("class_accuracy", [], ["", "_mistakes"]),
    ],
)  # fmt: skip
def test_scripts_write_each_figure_with_its_table(name, more, parts, small, tmp_path, capsys):
    pytest.importorskip("sklearn")
    plt.switch_backend("Agg")
    path = Path(__file__).parents[2] / "analyses" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    data = write_set(tmp_path / "set")
    given = ["--data", str(data), "--model", str(small), "--out", str(tmp_path / "out")]
    module.main([*given, *more])
    assert len(plt.get_fignums()) == len(parts)
    plt.close("all")
    for part in parts:
        stem = tmp_path / "out" / f"{name}{part}"
        assert stem.with_suffix(".png").stat().st_size > 10_000
        table = pd.read_csv(stem.with_suffix(".csv"))
        assert list(table.columns)[-1] == "simulated"
        assert table["simulated"].all()
        about = json.loads(stem.with_suffix(".json").read_text())
        assert about["simulated"] == "true"
        assert about["results"][0]["model_trained_on"] == "nothing"
    printed = capsys.readouterr().out
    assert "k-means" in printed if name == "clusters" else "simclr-knn" in printed
    with pytest.raises(SystemExit) as ended:
        module.main(["--data", str(tmp_path / "absent"), "--out", str(tmp_path)])
    assert ended.value.code == 1
