"""The whole of an evaluation on a small set whose classes are patches of light."""

import dataclasses
import json
import signal

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")

from auroral_stats.errors import DataError, UsageError
from auroral_stats.labels import CLASSES
from classifier.checkpoint import Header, load_checkpoint, save_checkpoint
from classifier.cli import main
from classifier.evaluate import check_folds, evaluate
from classifier.evaluation_encoders import resized
from classifier.evaluation_files import evaluation_tables, write_evaluation
from classifier.evaluation_methods import METHODS
from classifier.evaluation_names import METHOD_NAMES, SPLIT_NAMES
from classifier.evaluation_plan import PRESETS, SPLITS, EvaluationPlan, evaluation_plan
from classifier.head_training import HeadTraining
from classifier.model import encoder, seeded
from classifier.network_training import NetworkTraining
from classifier.oath import IMAGE_FOLDER, open_oath
from classifier.oath_folds import Fold
from classifier.oath_images import write_image
from classifier.oath_writing import (
    write_classifications,
    write_marker,
    write_origins,
    write_split,
)
from classifier.predictions import read_predictions
from classifier.stopping import TrainingStopped
from classifier.training_plan import TrainingPlan

NIGHTS, SIZE = 18, 6

PLAN = EvaluationPlan(
    methods=("simclr-linear", "simclr-knn", "simclr-finetune"),
    runs=2,
    contrastive=TrainingPlan(architecture="resnet10", size=32, epochs=1, batch=36),
    head=HeadTraining(epochs=5, batch=64),
    network=NetworkTraining(epochs=1, batch=36),
    network_size=32,
    least_steps=2,
    label_methods=("simclr-linear",),
    fractions=(0.2, 1.0),
)


@pytest.fixture(scope="module")
def oath(tmp_path_factory):
    """A simulated set of 18 station-nights, each with all six classes, on disk."""
    folder = tmp_path_factory.mktemp("oath")
    rng = np.random.default_rng(0)
    n = NIGHTS * SIZE
    label = np.tile(np.arange(SIZE), NIGHTS).astype(np.uint8)
    (folder / IMAGE_FOLDER).mkdir(parents=True)
    for i, code in enumerate(label):
        picture = rng.integers(0, 60, (256, 256)).astype(np.uint8)
        row, column = 60 + 45 * (code // 2), 70 + 75 * (code % 2)
        picture[row : row + 40, column : column + 50] += 150
        write_image(folder / IMAGE_FOLDER / f"{i + 1:05d}.png", picture)
    night = np.repeat(np.arange(NIGHTS), SIZE)
    time = np.datetime64("2014-01-01T06:00", "ms") + night * np.timedelta64(1, "D")
    site = np.array(["gill", "inuv", "fsmi"])[night % 3].astype("U8")
    write_classifications(folder, label, np.zeros(n, dtype=np.int16))
    write_origins(folder, site, time)
    write_split(folder, n)
    write_marker(folder, label)
    return open_oath(folder)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def done(oath, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    said = []
    found = evaluate(oath, PLAN, out, device="cpu", report=lambda *told: said.append(told))
    return found, out, said


def test_every_method_predicts_every_picture_of_every_fold(oath, done):
    found, _, _ = done
    table = found.predictions
    assert set(table.method) == set(PLAN.methods)
    grouped = table[(table.split == "grouped") & (table.method == "simclr-linear")]
    for _, run in grouped.groupby("run"):
        # but for the first, which is of unknown origin
        assert sorted(run.picture) == oath.picture[1:].tolist()
    official = table[
        (table.split == "official") & (table.run == 0) & (table.method == "simclr-knn")
    ]
    assert official.groupby("fold").size().tolist() == [32] * 5
    assert (table.true == np.array(CLASSES)[oath.label[table.picture - 1]]).all()


def test_frozen_methods_learn_the_patches(done):
    found, _, _ = done
    table = found.predictions
    right = (table.true == table.predicted).groupby(table.method).mean()
    assert right["simclr-linear"] > 0.9
    assert right["simclr-knn"] > 0.7
    assert right["simclr-finetune"] > 0.7


def test_runs_have_encoders_of_their_own_that_are_kept(done):
    _, out, _ = done
    names = sorted(path.name for path in out.glob("*.safetensors"))
    assert names == ["encoder-run1.safetensors", "encoder-run2.safetensors"]
    seeds = [load_checkpoint(out / name).header.training["seed"] for name in names]
    assert seeds == [0, 1]


def test_progress_ends_with_all_done(done):
    _, _, said = done
    shares = [share for share, _, _ in said]
    assert shares == sorted(shares)
    assert 90 < shares[-1] <= 100
    assert any("run 2, station-night 3, SimCLR + head" in word for *_, word in said)


def test_an_evaluation_that_is_repeated_gives_the_same(oath, done, tmp_path):
    found, _, _ = done
    plan = dataclasses.replace(PLAN, methods=("simclr-finetune",), label_methods=(), runs=1)
    again = evaluate(oath, plan, tmp_path, device="cpu").predictions
    before = found.predictions
    before = before[(before.method == "simclr-finetune") & (before.run == 0)]
    pd.testing.assert_frame_equal(again, before.reset_index(drop=True))


def test_fewer_labels_are_counted(done):
    found, _, _ = done
    labels = found.labels
    assert len(labels) == 2 * 5 * 2 * 2 * 2  # runs, folds, units, fractions, scores
    everything = labels[labels.fraction == 1]
    assert everything.station_nights.between(14, 16).all()
    few = labels[(labels.fraction == 0.2) & (labels.unit == "pictures")]
    assert few.labelled.between(15, 18).all()
    nights = labels[(labels.fraction == 0.2) & (labels.unit == "station-nights")]
    short = 6 * nights.station_nights - nights.labelled
    assert set(short) <= {0, 1, 5}  # one night lacks its first picture, which is a night of its own
    assert nights.station_nights.between(3, 4).all()


def test_everything_is_written_and_says_that_it_is_simulated(done, tmp_path):
    found, _, _ = done
    tables = evaluation_tables(found)
    written = write_evaluation(found, tables, tmp_path, "svg")
    assert {path.suffix for path in written} == {".csv", ".json", ".parquet", ".svg"}
    assert len(written) == 15
    for path in written:
        if path.suffix == ".csv":
            table = pd.read_csv(path)
            assert table.columns[-1] == "simulated"
            assert table.simulated.all()
        if path.suffix == ".svg":
            assert "SIMULATED DATA" in path.read_text()
    content = json.loads((tmp_path / "evaluation.json").read_text())
    assert content["provenance"]["simulated"] == "true"
    assert content["provenance"]["plan"]["runs"] == 2
    assert set(content["seconds"]) > {"pretraining", "simclr-knn"}
    again, attrs = read_predictions(tmp_path / "predictions.parquet")
    assert len(again) == len(found.predictions)
    assert attrs["station_nights"] == NIGHTS + 1  # the first picture is of unknown origin


def test_an_encoder_that_is_given_is_not_trained(oath, tmp_path):
    path = tmp_path / "encoder.safetensors"
    with seeded(0):
        random = encoder("resnet10")
    header = Header("encoder", "resnet10", 48, "nothing", simulated=False)
    save_checkpoint(path, random, header)
    plan = dataclasses.replace(PLAN, methods=("simclr-knn",), label_methods=(), runs=1)
    out = tmp_path / "out"
    found = evaluate(oath, plan, out, encoder_path=path, device="cpu")
    assert not out.exists()
    assert found.attrs["plan"]["contrastive"]["size"] == 48
    assert found.attrs["pretrained_on"] == "nothing"
    assert "pretraining" not in found.seconds


def test_encoders_of_folds_see_their_training_pictures_alone(oath, tmp_path):
    plan = dataclasses.replace(
        PLAN, methods=("simclr-knn",), label_methods=(), runs=1, splits=("grouped",),
        pretrain_on="training",
    )  # fmt: skip
    evaluate(oath, plan, tmp_path, device="cpu")
    found = [load_checkpoint(path).header for path in sorted(tmp_path.glob("*.safetensors"))]
    assert len({header.data_fingerprint for header in found}) == 5


def test_ctrl_c_is_one_line_and_keeps_encoders(oath, tmp_path):
    def report(share, total, what):
        if "supervised" in what:
            signal.raise_signal(signal.SIGINT)

    plan = dataclasses.replace(PLAN, methods=("simclr-knn", "supervised"))
    with pytest.raises(TrainingStopped, match="encoders that were pretrained are kept"):
        evaluate(oath, plan, tmp_path, device="cpu", report=report)
    assert (tmp_path / "encoder-run1.safetensors").exists()


def test_networks_are_trained_for_each_fold(oath, tmp_path):
    plan = dataclasses.replace(
        PLAN, methods=("supervised", "simclr-unfrozen"), label_methods=(), runs=1,
        splits=("station",), unfrozen=dataclasses.replace(PLAN.network, rate=1e-4), least_steps=4,
    )  # fmt: skip
    found = evaluate(oath, plan, tmp_path, device="cpu").predictions
    assert found.groupby(["method", "fold"]).size().tolist() == [36, 35, 36] * 2
    assert set(found.fold) == {"gill", "inuv", "fsmi"}
    assert (found[["p_arc", "p_clear"]] > 0).all().all()
    # an encoder in training does not leak from one fold into the next
    whole = found[found.method == "simclr-unfrozen"]
    alone = dataclasses.replace(plan, methods=("simclr-unfrozen",))
    again = evaluate(oath, alone, tmp_path, device="cpu").predictions
    pd.testing.assert_frame_equal(again, whole.reset_index(drop=True))


def test_a_missing_class_is_one_line(oath, tmp_path):
    with pytest.raises(DataError, match="holds no pictures of moon"):
        evaluate(oath.take(oath.label != 4), PLAN, tmp_path, device="cpu")


def test_a_fold_with_a_single_class_is_one_line():
    label = np.array([0, 1, 3, 3, 3])
    fold = Fold("kian", np.array([0, 1]), np.array([2, 3]))
    with pytest.raises(DataError, match=r"fold kian: its test .* single class \(cloudy\)"):
        check_folds(label, [fold])
    check_folds(label, [fold], alone=True)
    turned = Fold("talo", fold.test, fold.train)
    with pytest.raises(DataError, match="fold talo: its training"):
        check_folds(label, [turned], alone=True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"methods": ("resnet",)}, "method 'resnet' is not known"),
        ({"splits": ("random",)}, "split 'random' is not known"),
        ({"runs": 0}, "a run at least"),
        ({"pretrain_on": "test"}, "expected 'all' or 'training'"),
        ({"network_size": 500}, "expected 32 to 32"),
    ],
)
def test_plans_that_cannot_be_are_refused(change, words):
    with pytest.raises(UsageError, match=words):
        dataclasses.replace(PLAN, **change)


def test_methods_splits_and_names_belong_together():
    assert set(METHODS) == set(METHOD_NAMES)
    assert set(SPLITS) == set(SPLIT_NAMES)
    for plan in PRESETS.values():
        assert plan.runs >= 3
        assert {"simclr-linear", "simclr-finetune", "supervised"} <= set(plan.methods)
        assert {"official", "grouped"} <= set(plan.splits)
    assert evaluation_plan("gpu", methods=("supervised",)).label_methods == ("supervised",)


def test_pictures_are_made_smaller_without_aliasing():
    stripes = torch.zeros(1, 1, 64, 64, dtype=torch.uint8)
    stripes[..., ::2] = 200
    small = resized(stripes, 32)
    assert ((small[..., 2:-2].int() - 100).abs() <= 3).all()


@pytest.fixture(scope="module")
def encoder_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("encoder") / "encoder.safetensors"
    with seeded(0):
        random = encoder("resnet10")
    header = Header("encoder", "resnet10", 32, "simulated sky", simulated=True)
    return save_checkpoint(path, random, header)


def test_finetune_on_the_command_line(oath, encoder_path, tmp_path, capsys):
    out = tmp_path / "model.safetensors"
    arguments = ["finetune", str(oath.root), "--encoder", str(encoder_path), "--out", str(out)]
    assert main([*arguments, "--epochs", "5", "--device", "cpu"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(
        "SIMULATED DATA: two-layer head, encoder frozen, 108 pictures of 19 station-nights"
    )
    assert said[1] == f"wrote {out}"
    header = load_checkpoint(out, kind="classifier").header
    assert header.training["training"]["epochs"] == 5


def test_evaluate_on_the_command_line_fits_80_columns(oath, encoder_path, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["evaluate", str(oath.root), "--encoder", str(encoder_path), "--out", str(out)]
    assert main([*arguments, "--methods", "simclr-knn", "--runs", "1", "--device", "cpu"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in said[:-1]) <= 80
    assert said[0].startswith("SIMULATED DATA. Methods and splits")
    rows = [line for line in said if "SimCLR + neighbours" in line]
    assert len(rows) == 2
    mean = pd.read_csv(out / "summary.csv").query("split == 'official' and score == 'accuracy'")
    assert f"{100 * mean['mean'].item():.1f} ±" in rows[0]
    # no method of these has its need of labels measured
    assert not (out / "labels.png").exists()
    assert (out / "confusions.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["evaluate", "/nowhere", "--out", "x", "--preset", "tpu"], 2, "preset 'tpu'"),
        (["evaluate", "/nowhere", "--out", "x", "--figures", "jpg"], 2, "ends in .png"),
        (["evaluate", "/nowhere", "--out", "x"], 1, "does not exist"),
        (["finetune", "/nowhere", "--out", "x.safetensors"], 2, "--from-scratch"),
        (["finetune", "/nowhere", "--out", "x.safetensors", "--from-scratch"], 1, "does not exist"),
    ],
)
def test_mistakes_on_the_command_line_are_one_line(
    arguments, code, words, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == code
    error = capsys.readouterr().err
    assert words in error
    assert len(error.splitlines()) == 1
    assert not list(tmp_path.iterdir())
