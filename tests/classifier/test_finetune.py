"""Heads and whole networks on patches of light whose place is the class."""

import signal
import threading

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from auroral_stats.errors import DataError, UsageError
from classifier.checkpoint import Header, load_checkpoint, load_model, save_checkpoint
from classifier.finetune import finetune, linear_head, new_classifier
from classifier.head_training import HeadTraining, fit_head
from classifier.model import encoder, seeded
from classifier.network_training import NetworkTraining, fit_network, nights_apart
from classifier.probe import fit_linear
from classifier.representations import representations
from classifier.stopping import TrainingStopped
from classifier.training_images import LabelledImages
from classifier.views import Augmentations

SIZE = 32
MILD = Augmentations(scale=(0.9, 1.0), flip=0.0)
QUICK = NetworkTraining(epochs=2, batch=32, rate=2e-3, augmentations=MILD)


def patches(n=144, seed=0):
    """Noise with a bright patch in one of six places; 12 station-nights, each with all classes."""
    rng = np.random.default_rng(seed)
    label = np.arange(n) % 6
    pixels = rng.integers(0, 60, (n, 1, SIZE, SIZE))
    for i, code in enumerate(label):
        row, column = 10 * (code // 2) + 1, 16 * (code % 2) + 2
        pixels[i, 0, row : row + 9, column : column + 12] += 150
    night = np.arange(n) * 12 // n
    return LabelledImages(
        images=torch.from_numpy(pixels.astype(np.uint8)),
        station=np.full(n, "gill"),
        time=np.datetime64("2014-01-01T06:00", "ms") + night * np.timedelta64(1, "D"),
        recipe="disc-percentile-v1",
        trained_on="simulated patches",
        fingerprint="abc",
        simulated=True,
        label=label.astype(np.int64),
        night=night.astype(np.int64),
        night_names=tuple(f"gill {i}" for i in range(12)),
        picture=np.arange(1, n + 1),
    )


@pytest.fixture(scope="module")
def images():
    return patches()


@pytest.fixture(scope="module")
def encoder_path(tmp_path_factory):
    with seeded(0):
        random = encoder("resnet10")
    # the statistics of normalisation are those of a trained encoder
    with torch.no_grad():
        for _ in range(30):
            random(patches().images[:48].float() / 255)
    path = tmp_path_factory.mktemp("encoder") / "encoder.safetensors"
    header = Header("encoder", "resnet10", SIZE, "simulated sky", simulated=True)
    return save_checkpoint(path, random, header)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def gaussians(n, seed):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 6, n)
    return 2.0 * np.eye(12)[label] + rng.normal(size=(n, 12)), label, np.arange(n) // 20


def test_a_head_comes_near_the_best_possible_and_is_calibrated():
    from classifier.calibrate import softmax
    from classifier.calibration_error import measure, perfect_band

    h, label, group = gaussians(2000, 0)
    test, truth, _ = gaussians(2000, 1)
    found = fit_head(h, label, group, HeadTraining(epochs=15))
    p = softmax(found.logits(test), found.temperature)
    # the best possible is 0.757
    assert 0.72 < (p.argmax(1) == truth).mean() < 0.78
    assert measure(p, truth)["ece"] < 1.3 * perfect_band(p, draws=200).high


def test_a_head_depends_on_its_seed_alone():
    h, label, group = gaussians(200, 0)
    torch.manual_seed(1)
    one = fit_head(h, label, group, HeadTraining(epochs=3), seed=5)
    torch.manual_seed(2)
    before = torch.random.get_rng_state()
    two = fit_head(h, label, group, HeadTraining(epochs=3), seed=5)
    assert (torch.random.get_rng_state() == before).all()
    three = fit_head(h, label, group, HeadTraining(epochs=3), seed=6)
    assert (one.logits(h) == two.logits(h)).all()
    assert (one.logits(h) != three.logits(h)).any()


def test_a_head_takes_representations_of_any_scale():
    h, label, group = gaussians(300, 0)
    unit = np.geomspace(1e-2, 1e2, 12)
    how = HeadTraining(epochs=5)
    one = fit_head(h, label, group, how).logits(h)
    two = fit_head(h * unit + 30, label, group, how).logits(h * unit + 30)
    assert one == pytest.approx(two, abs=2e-2)


def test_the_linear_layer_is_the_probe():
    h, label, group = gaussians(300, 0)
    probe = fit_linear(h * 7 + 3, label, group)
    with torch.inference_mode():
        layer = linear_head(probe)(torch.from_numpy((h * 7 + 3).astype(np.float32)))
    assert layer.numpy() == pytest.approx(probe.logits(h * 7 + 3), abs=1e-4)


def test_representations_do_not_depend_on_the_batch(images):
    with seeded(0):
        network = encoder("resnet10")
    whole = representations(network, images.images, "cpu", batch=48)
    part = representations(network, images.images[:50], "cpu", batch=48)
    assert whole.shape == (144, 512)
    assert (whole[:50] == part).all()


def test_a_damaged_encoder_is_named(images):
    with seeded(0):
        network = encoder("resnet10")
    network.conv1.weight.data[0] = float("nan")
    with pytest.raises(DataError, match="representations hold NaN"):
        representations(network, images.images[:4], "cpu")


def test_a_network_learns_from_scratch_and_the_seed_decides(images):
    runs = []
    for _ in range(2):
        model = new_classifier("resnet10", 3)
        found = fit_network(
            model, images.images, images.label, images.night, QUICK, device="cpu", seed=3
        )
        runs.append(found)
    assert runs[0].losses == runs[1].losses
    assert runs[0].losses[-1] < runs[0].losses[0] < np.log(6) * 1.3
    assert runs[0].temperature == runs[1].temperature
    assert runs[0].ended == ""
    logits = [found.logits(images.images) for found in runs]
    assert (logits[0] == logits[1]).all()


def test_nights_that_find_the_temperature_do_not_train(images):
    train, held = nights_apart(images.label, images.night, 0)
    assert held.size == images.label.size // 6
    assert not set(images.night[train]) & set(images.night[held])
    # a class that one night alone shows stays in training
    label = np.where(images.night == 4, 5, images.label % 5)
    for seed in range(5):
        train, held = nights_apart(label, images.night, seed)
        assert 5 in label[train]
    assert nights_apart([0, 1, 2], [0, 0, 0], 0)[1].size == 0


def test_a_loss_that_is_nan_in_the_first_epoch_is_said(images):
    model = new_classifier("resnet10", 0)
    how = NetworkTraining(epochs=2, batch=32, rate=1e18, augmentations=MILD)
    with pytest.raises(DataError, match="loss became NaN in the first epoch"):
        fit_network(model, images.images, images.label, images.night, how, device="cpu")


def spoil(model):
    model.encoder.conv1.weight.data[0] = float("nan")


def test_a_later_nan_leaves_the_last_good_epoch(images):
    model = new_classifier("resnet10", 0)

    def report(status):
        if status.epoch == 2:
            spoil(model)

    found = fit_network(
        model, images.images, images.label, images.night, QUICK, device="cpu", report=report
    )
    assert found.ended == "diverged"
    assert len(found.losses) == 1
    assert np.isfinite(found.logits(images.images[:8])).all()


def test_ctrl_c_keeps_the_last_whole_epoch_in_the_checkpoint(images, tmp_path):
    assert threading.current_thread() is threading.main_thread()

    def report(status):
        if status.epoch == 2:
            signal.raise_signal(signal.SIGINT)

    out = tmp_path / "model.safetensors"
    with pytest.raises(TrainingStopped, match=r"after epoch 1 of 2; .*model\.safetensors"):
        finetune(
            images, out, architecture="resnet10", network_training=QUICK, device="cpu",
            report=report,
        )  # fmt: skip
    found = load_checkpoint(out, kind="classifier")
    assert found.header.training["ended"] == "stopped"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("head", ["two-layer", "linear"])
def test_the_checkpoint_of_a_frozen_encoder_classifies(images, encoder_path, tmp_path, head):
    out = tmp_path / "model.safetensors"
    made = finetune(images, out, encoder_path, head=head, device="cpu", seed=1)
    model = load_model(out, "cpu")
    p = model.probabilities_of_prepared(images.images)
    assert (p.argmax(1) == images.label).mean() > 0.9
    header = model.header
    assert (header.kind, header.head, header.size) == ("classifier", head, SIZE)
    assert header.temperature == made.header.temperature != 1.0
    assert header.simulated
    assert header.model_trained_on == "simulated sky (encoder) and simulated patches (labels)"
    before, after = load_checkpoint(encoder_path).tensors, load_checkpoint(out).tensors
    assert (before["conv1.weight"] == after["encoder.conv1.weight"]).all()


def test_unfreezing_changes_the_encoder(images, encoder_path, tmp_path):
    out = tmp_path / "model.safetensors"
    how = NetworkTraining(epochs=1, batch=64, rate=1e-4, augmentations=MILD)
    finetune(images, out, encoder_path, unfreeze=True, network_training=how, device="cpu")
    found = load_checkpoint(out, kind="classifier")
    assert found.header.training["method"] == "finetuned, all weights"
    before = load_checkpoint(encoder_path).tensors["conv1.weight"]
    change = (found.tensors["encoder.conv1.weight"] - before).abs().max()
    assert 0 < change < 0.01
    p = load_model(out, "cpu").probabilities_of_prepared(images.images)
    assert (p.argmax(1) == images.label).mean() > 0.9


def without_moon(images):
    return images.take(images.label != 4)


@pytest.mark.parametrize(
    ("change", "options", "error", "words"),
    [
        (without_moon, {}, DataError, "no pictures of moon"),
        (None, {"head": "three"}, UsageError, "expected 'two-layer' or 'linear'"),
        (None, {"head": "linear", "unfreeze": True}, UsageError, "frozen encoder"),
        (None, {"encoder_path": None, "unfreeze": True}, UsageError, "needs an encoder"),
        (None, {"device": "cuda:99"}, UsageError, "cannot be used"),
    ],
)
def test_mistakes_are_one_line(images, encoder_path, tmp_path, change, options, error, words):
    given = {"encoder_path": encoder_path, "device": "cpu"} | options
    with pytest.raises(error, match=words):
        finetune(change(images) if change else images, tmp_path / "m.safetensors", **given)
    assert not list(tmp_path.iterdir())


def test_an_encoder_of_another_size_is_refused(images, tmp_path):
    path = tmp_path / "encoder.safetensors"
    header = Header("encoder", "resnet10", 64, "nothing", simulated=False)
    save_checkpoint(path, encoder("resnet10"), header)
    with pytest.raises(UsageError, match="64 pixels, 32 came"):
        finetune(images, tmp_path / "m.safetensors", path, device="cpu")
