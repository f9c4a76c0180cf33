"""Pictures whose class is a patch of light, half of them without labels."""

import json
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

from typer.testing import CliRunner

from auroral_stats.errors import DataError, UsageError
from auroral_stats.labels import CLASSES
from classifier import cli
from classifier.checkpoint import Header, load_checkpoint, load_model, save_checkpoint
from classifier.finetune import finetune
from classifier.model import encoder, seeded
from classifier.pseudolabel import pseudolabel, write_pseudolabels
from classifier.pseudolabel_pictures import HUMAN, PSEUDO, with_pseudolabels
from classifier.representations import load_encoder, representations
from classifier.self_training_rounds import SelfTraining
from classifier.training_images import LabelledImages, TrainingImages

SIZE = 32
PLAN = SelfTraining(precision=0.9, rounds=2, folds=3)


def patches(n, seed, first_night=0, simulated=True):
    """Noise with a bright patch in one of six places; 24 pictures a night."""
    rng = np.random.default_rng(seed)
    label = np.arange(n) % 6
    pixels = rng.integers(0, 60, (n, 1, SIZE, SIZE))
    for i, code in enumerate(label):
        row, column = 10 * (code // 2) + 1, 16 * (code % 2) + 2
        pixels[i, 0, row : row + 9, column : column + 12] += 150
    night = np.arange(n) // 24
    time = np.datetime64("2014-01-01T06:00", "ms") + (first_night + night) * np.timedelta64(1, "D")
    return LabelledImages(
        images=torch.from_numpy(pixels.astype(np.uint8)),
        station=np.full(n, "gill"),
        time=time + (np.arange(n) % 24) * np.timedelta64(1, "m"),
        recipe="disc-percentile-v1",
        trained_on=f"{'simulated ' if simulated else ''}patches {seed}",
        fingerprint=f"f{seed}",
        simulated=simulated,
        label=label.astype(np.int64),
        night=night.astype(np.int64),
        night_names=tuple(f"gill {i}" for i in range(int(night.max()) + 1)),
        picture=np.arange(1, n + 1),
    )


def without_labels(images):
    return TrainingImages(**{f.name: getattr(images, f.name) for f in fields(TrainingImages)})


@pytest.fixture(scope="module")
def encoder_path(tmp_path_factory):
    with seeded(0):
        random = encoder("resnet10")
    # the statistics of normalisation are those of a trained encoder
    with torch.no_grad():
        for _ in range(20):
            random(patches(48, 0).images.float() / 255)
    path = tmp_path_factory.mktemp("encoder") / "encoder.safetensors"
    return save_checkpoint(
        path, random, Header("encoder", "resnet10", SIZE, "other pictures", False)
    )


@pytest.fixture(scope="module")
def made(encoder_path):
    images, unlabelled = patches(288, 1), patches(240, 2, first_night=30)
    with torch.no_grad():
        return (
            images,
            unlabelled,
            pseudolabel(images, unlabelled, encoder_path, PLAN, head="linear", device="cpu"),
        )


def test_every_picture_says_who_labelled_it(made):
    images, unlabelled, found = made
    table = found.pictures
    assert set(table["source"]) == {HUMAN, PSEUDO}
    human, pseudo = (table[table["source"] == source] for source in (HUMAN, PSEUDO))
    assert (human["label"].to_numpy() == np.array(CLASSES)[images.label]).all()
    assert (human["round"] == 0).all()
    assert human["probability"].isna().all()
    assert len(pseudo) == found.found.kept.sum() > 200
    assert (pseudo["round"] >= 1).all()
    assert pseudo["probability"].between(0.2, 1).all()
    assert (pseudo["picture"].to_numpy(int) == unlabelled.picture[found.found.kept]).all()
    truth = np.array(CLASSES)[unlabelled.label[pseudo["picture"].to_numpy(int) - 1]]
    assert (pseudo["label"] == truth).mean() > 0.95
    assert (pseudo["night"] != "").all()
    assert list(table.columns)[-1] == "simulated"


def test_the_files_hold_the_history_and_a_classifier(made, tmp_path):
    _, unlabelled, found = made
    written = write_pseudolabels(found, tmp_path)
    assert [path.name for path in written] == [
        "pictures.csv", "rounds.csv", "nights.csv", "selftraining.json", "classifier.safetensors",
    ]  # fmt: skip
    told = json.loads((tmp_path / "selftraining.json").read_text())
    assert told["provenance"]["plan"] == {
        "precision": 0.9, "rounds": 2, "folds": 3, "seed": 0, "head": "linear",
    }  # fmt: skip
    assert told["provenance"]["simulated"] == "true"
    rounds = pd.read_csv(tmp_path / "rounds.csv")
    assert len(told["rounds"]) == len(rounds) == 6 * len(found.found.rounds)
    nights = pd.read_csv(tmp_path / "nights.csv")
    assert nights["pictures"].sum() == rounds["added"].sum()
    assert set(nights["night"]) <= {f"gill 2014-01-{d}" for d in range(30, 32)} | {
        f"gill 2014-02-{d:02d}" for d in range(1, 20)
    }
    header = load_checkpoint(tmp_path / "classifier.safetensors", kind="classifier").header
    assert header.model_trained_on == (
        "other pictures (encoder) and simulated patches 1 (labels by hand) and "
        f"{found.found.kept.sum()} pseudo-labels of simulated patches 2"
    )
    assert sum(header.training["pseudo_labels"].values()) == found.found.kept.sum()
    # the classifier of the file is the head that was trained, on the encoder that was given
    model = load_model(tmp_path / "classifier.safetensors", "cpu")
    p = model.probabilities_of_prepared(unlabelled.images[:60])
    assert (p.argmax(1) == unlabelled.label[:60]).mean() > 0.95
    h = representations(found.model.encoder, unlabelled.images[:60], "cpu")
    from classifier.calibrate import softmax

    assert p == pytest.approx(
        softmax(found.found.head.logits(h), found.found.temperature), abs=2e-3
    )


def test_labels_of_the_other_set_change_nothing(made, encoder_path):
    images, unlabelled, found = made
    blind = pseudolabel(
        images, without_labels(unlabelled), encoder_path, PLAN, head="linear", device="cpu"
    )
    assert (blind.found.label == found.found.label).all()
    assert found.rounds.query("added > 0")["true_precision"].notna().all()
    assert blind.rounds["true_precision"].isna().all()
    pseudo = blind.pictures[blind.pictures["source"] == PSEUDO]
    assert pseudo["picture"].isna().all()


def test_copies_of_labelled_pictures_and_those_of_unknown_origin_take_no_part(made, encoder_path):
    images, unlabelled, _ = made
    both = replace(
        unlabelled,
        time=np.concatenate([images.time[:24], unlabelled.time[24:]]),
        station=np.where(np.arange(240) >= 230, "", unlabelled.station),
    )
    odd = replace(images, station=np.where(np.arange(288) < 5, "", images.station))
    found = pseudolabel(odd, both, encoder_path, SelfTraining(0.9, 1, 3), head="linear",
                        device="cpu")  # fmt: skip
    assert found.found.label.size == 240 - 19 - 10  # five of the copies are not known as such
    assert (found.pictures["source"] == HUMAN).sum() == 283
    assert "(283 take part)" in found.attrs["labelled"]


def test_both_kinds_together_can_train_all_weights_and_say_so(made, tmp_path):
    images, unlabelled, found = made
    (tmp_path / "pictures.csv").write_text(found.pictures.to_csv(index=False))
    joined = with_pseudolabels(
        images, without_labels(unlabelled), pd.read_csv(tmp_path / "pictures.csv")
    )
    kept = found.found.kept
    assert len(joined) == 288 + kept.sum()
    assert (joined.images[288:] == unlabelled.images[torch.from_numpy(kept)]).all()
    assert (joined.label[288:] == found.found.label[kept]).all()
    assert "pseudo-labels of simulated patches 2" in joined.trained_on
    assert joined.fingerprint != images.fingerprint
    assert len(joined.night_names) == 12 + 10
    some = joined.take(np.arange(0, len(joined), 5))
    from classifier.network_training import NetworkTraining

    quick = NetworkTraining(epochs=1, batch=32, rate=1e-3)
    result = finetune(
        some, tmp_path / "c.safetensors", architecture="resnet10", network_training=quick,
        device="cpu",
    )  # fmt: skip
    assert "pseudo-labels" in result.header.model_trained_on
    with pytest.raises(DataError, match="are not among the pictures without labels"):
        with_pseudolabels(images, patches(24, 3, 900), found.pictures)


def test_real_labels_and_simulated_pictures_make_a_model_that_says_simulated(encoder_path):
    images, unlabelled = patches(288, 1, simulated=False), patches(240, 2, first_night=30)
    found = pseudolabel(images, unlabelled, encoder_path, SelfTraining(0.9, 1, 3), head="linear",
                        device="cpu")  # fmt: skip
    assert found.header.simulated
    flags = found.pictures.groupby("source")["simulated"].unique()
    assert flags[HUMAN].tolist() == [False]
    assert flags[PSEUDO].tolist() == [True]


def test_what_does_not_fit_is_refused(made, encoder_path):
    images, unlabelled, _ = made
    with pytest.raises(UsageError, match="head is 'deep'"):
        pseudolabel(images, unlabelled, encoder_path, head="deep")
    with pytest.raises(DataError, match="show no clear"):
        pseudolabel(images.take(images.label < 5), unlabelled, encoder_path)
    small = replace(unlabelled, images=unlabelled.images[..., ::2, ::2])
    with pytest.raises(UsageError, match="unlabelled pictures are 16 pixels wide"):
        pseudolabel(images, small, encoder_path)


def test_the_encoder_of_a_classifier_will_do(encoder_path, made, tmp_path):
    *_, found = made
    path = save_checkpoint(tmp_path / "c.safetensors", found.model, found.header)
    one, two = load_encoder(encoder_path), load_encoder(path)
    assert two.header.kind == "encoder"
    assert two.header.classes == ()
    x = torch.rand(2, 1, SIZE, SIZE)
    with torch.no_grad():
        assert torch.allclose(one.encoder(x), two.encoder(x))


def test_the_command_names_what_is_missing(tmp_path):
    arguments = ["pseudolabel", "absent", "--unlabelled", "absent", "--out", str(tmp_path)]
    assert cli.main(arguments) == 1
    result = CliRunner().invoke(cli.app, [*arguments, "--precision", "1.5"])
    assert "precision is 1.5; expected a number between 0 and 1" in str(result.exception)
