import hashlib
import json
import os
import pickle
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from auroral_stats.errors import ArchiveError, AuroralStatsError, DataError, UsageError
from auroral_stats.labels import CLASSES

torch = pytest.importorskip("torch")

from safetensors.torch import load_file, save_file

from classifier.checkpoint import (
    Header,
    build_model,
    load_checkpoint,
    load_model,
    save_checkpoint,
)
from classifier.preprocess import preprocess

ENCODER = Header("encoder", "resnet10", 32, "OATH set", simulated=False, data_fingerprint="ab")
CLASSIFIER = replace(
    ENCODER,
    kind="classifier",
    classes=CLASSES,
    head="two-layer",
    temperature=2.5,
    model_trained_on="simulated OATH set",
    simulated=True,
    training={"epochs": 3},
)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def encoder_file(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("checkpoints") / "encoder.safetensors"
    return save_checkpoint(path, build_model(ENCODER), ENCODER)


@pytest.fixture(scope="module")
def classifier_file(tmp_path_factory) -> Path:
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("checkpoints") / "classifier.safetensors"
    return save_checkpoint(path, build_model(CLASSIFIER), CLASSIFIER)


@pytest.mark.parametrize("head", ["linear", "two-layer"])
def test_a_checkpoint_comes_back_as_it_was_saved(head: str, tmp_path: Path):
    header = replace(CLASSIFIER, head=head)
    model = build_model(header)
    path = save_checkpoint(tmp_path / "c.safetensors", model, header)
    found = load_checkpoint(path, kind="classifier")
    assert found.header == header
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    x = torch.rand(2, 1, 32, 32)
    assert torch.equal(build_model(found.header, found.tensors)(x), model(x))
    assert [each.name for each in tmp_path.iterdir()] == ["c.safetensors"]


def test_a_head_of_any_width_comes_back(tmp_path: Path):
    from classifier.model import Classifier, ClassifierHead, encoder

    model = Classifier(encoder("resnet10"), ClassifierHead(512, hidden=17)).eval()
    path = save_checkpoint(tmp_path / "c.safetensors", model, CLASSIFIER)
    found = load_checkpoint(path)
    x = torch.rand(1, 1, 32, 32)
    assert torch.equal(build_model(found.header, found.tensors)(x), model(x))


def test_a_resnet18_fits_into_25_mb_as_float16_and_hardly_changes(tmp_path: Path):
    header = replace(CLASSIFIER, architecture="resnet18")
    model = build_model(header)
    path = save_checkpoint(tmp_path / "half.safetensors", model, header, half=True)
    assert path.stat().st_size <= 25_000_000
    found = load_checkpoint(path)
    assert all(
        value.dtype == torch.float32
        for value in found.tensors.values()
        if value.is_floating_point()
    )
    x = torch.rand(4, 1, 32, 32)
    torch.testing.assert_close(
        build_model(found.header, found.tensors)(x), model(x), rtol=0.02, atol=0.01
    )


def test_the_header_is_plain_json_that_others_can_read(classifier_file: Path):
    raw = classifier_file.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    said = json.loads(json.loads(raw[8 : 8 + length])["__metadata__"]["auroral_classifier"])
    assert said["kind"] == "classifier"
    assert said["classes"] == list(CLASSES)
    assert said["temperature"] == 2.5
    assert said["model_trained_on"] == "simulated OATH set"
    assert said["versions"]["torch"] == torch.__version__.split("+")[0]


def mutations(path: Path) -> dict[str, bytes]:
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    cuts = {f"cut at {at}": raw[:at] for at in (0, 1, 7, 8, 9, 200, 8 + length, len(raw) - 1)}
    return {
        **cuts,
        "longer": raw + b"\0",
        "length of the header": (2**62).to_bytes(8, "little") + raw[8:],
        "no JSON": raw[:8] + b"x" * length + raw[8 + length :],
        "text": b"This is not a checkpoint.\n" * 100,
        "zip": b"PK\x03\x04" + raw,
        "an array of JSON": (2).to_bytes(8, "little") + b"[]",
    }


def test_damaged_cut_and_foreign_files_are_one_clear_error(encoder_file: Path, tmp_path: Path):
    for name, content in mutations(encoder_file).items():
        path = tmp_path / "damaged.safetensors"
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            load_checkpoint(path)
        text = str(caught.value)
        assert str(path) in text, name
        assert "\n" not in text, name


def test_changed_bytes_of_the_header_never_give_another_error(encoder_file: Path, tmp_path: Path):
    raw = bytearray(encoder_file.read_bytes())
    length = int.from_bytes(raw[:8], "little")
    rng = np.random.default_rng(0)
    outcomes = set()
    for _ in range(60):
        changed = bytearray(raw)
        for at in rng.integers(0, 8 + length, 3):
            changed[at] = rng.integers(32, 127)
        path = tmp_path / "changed.safetensors"
        path.write_bytes(changed)
        try:
            load_checkpoint(path)
            outcomes.add("sound")
        except AuroralStatsError:
            outcomes.add("refused")
    assert "refused" in outcomes


class Bomb:
    def __reduce__(self):
        return (os.mkdir, (os.environ["BOMB"],))


def test_a_pickle_is_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BOMB", str(tmp_path / "executed"))
    path = tmp_path / "model.pt"
    for write in (
        lambda: path.write_bytes(pickle.dumps(Bomb())),
        lambda: torch.save({"w": Bomb()}, path),
    ):
        write()
        with pytest.raises(DataError, match="no safetensors file"):
            load_checkpoint(path)
        assert not (tmp_path / "executed").exists()
    assert zipfile.is_zipfile(path)


def rewritten(path: Path, source: Path, change) -> Path:
    """Write the checkpoint of ``source`` with its header or tensors changed."""
    raw = source.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    said = json.loads(json.loads(raw[8 : 8 + length])["__metadata__"]["auroral_classifier"])
    tensors = load_file(source)
    change(said, tensors)
    save_file(tensors, path, metadata={"auroral_classifier": json.dumps(said)})
    return path


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda said, _: said.update(architecture="os.system"), "architecture 'os.system'"),
        (lambda said, _: said.update(architecture="resnet18"), "is missing"),
        (lambda said, _: said.update(kind="encoder", classes=[], head=None), "missing|too much"),
        (lambda said, _: said.update(classes=list(CLASSES)[::-1]), "classes are clear"),
        (lambda said, _: said.update(classes=7), "cannot be used"),
        (lambda said, _: said.update(preprocess="mine"), "preprocess 'mine'"),
        (lambda said, _: said.update(temperature=0), "temperature"),
        (lambda said, _: said.update(temperature=float("nan")), "temperature"),
        (lambda said, _: said.update(temperature="2"), "temperature"),
        (lambda said, _: said.update(size=10**9), "size"),
        (lambda said, _: said.update(simulated="false"), "simulated"),
        (lambda said, _: said.update(model_trained_on="OATH"), "does not say"),
        (lambda said, _: said.update(format=99), "newer version"),
        (lambda said, _: said.pop("format"), "cannot be used"),
        (lambda said, _: said.pop("kind"), "cannot be used"),
        (lambda _, tensors: tensors.pop("encoder.conv1.weight"), "conv1.weight is missing"),
        (lambda _, tensors: tensors.update(more=torch.ones(1)), "more is too much"),
        (lambda _, tensors: tensors.update({"head.2.bias": torch.ones(5)}), r"head.2.bias is \(5"),
        (
            lambda _, tensors: tensors.update({"head.2.bias": torch.full((6,), float("nan"))}),
            "not finite",
        ),
    ],
)
def test_a_header_that_cannot_be_is_refused(change, expected, classifier_file, tmp_path: Path):
    path = rewritten(tmp_path / "x.safetensors", classifier_file, change)
    with pytest.raises(DataError, match=expected) as caught:
        load_checkpoint(path)
    assert str(path) in str(caught.value)


def test_keys_that_a_later_version_may_add_are_passed_over(classifier_file: Path, tmp_path: Path):
    path = rewritten(
        tmp_path / "x.safetensors", classifier_file, lambda said, _: said.update(more=[1])
    )
    assert load_checkpoint(path).header == CLASSIFIER


def test_safetensors_of_others_and_the_wrong_kind_are_named_so(encoder_file: Path, tmp_path: Path):
    save_file({"w": torch.ones(2)}, tmp_path / "other.safetensors")
    with pytest.raises(DataError, match="without the header of auroral_classifier"):
        load_checkpoint(tmp_path / "other.safetensors")
    with pytest.raises(DataError, match=r"kind is encoder, expected classifier.*finetune"):
        load_checkpoint(encoder_file, kind="classifier")
    with pytest.raises(ArchiveError, match="cannot be read"):
        load_checkpoint(tmp_path / "nowhere.safetensors")


def test_weights_that_are_not_those_of_the_header_are_not_written(tmp_path: Path):
    path = tmp_path / "c.safetensors"
    with pytest.raises(UsageError, match="is missing"):
        save_checkpoint(path, build_model(ENCODER), CLASSIFIER)
    model = build_model(ENCODER)
    with torch.no_grad():
        model.conv1.weight[0] = 1e6
    with pytest.raises(DataError, match="as float16"):
        save_checkpoint(path, model, ENCODER, half=True)
    with torch.no_grad():
        model.conv1.weight[0] = float("inf")
    with pytest.raises(DataError, match="not finite"):
        save_checkpoint(path, model, ENCODER)
    with pytest.raises(UsageError, match="does not say"):
        replace(ENCODER, simulated=True)
    assert not list(tmp_path.iterdir())


FULL = """
import resource, signal, sys
import torch
from classifier.checkpoint import Header, build_model, save_checkpoint
from auroral_stats.errors import ArchiveError
header = Header("encoder", "resnet10", 32, "x", simulated=False)
path = sys.argv[1]
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
try:
    save_checkpoint(path, build_model(header), header)
except ArchiveError as error:
    print(error)
"""


def test_a_disk_without_room_is_one_clear_error_and_keeps_what_was_there(tmp_path: Path):
    path = tmp_path / "c.safetensors"
    path.write_bytes(b"before")
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"{path}: cannot be written (")
    assert done.stdout.count("\n") == 1
    assert path.read_bytes() == b"before"
    assert [each.name for each in tmp_path.iterdir()] == ["c.safetensors"]


def test_probabilities_are_those_of_the_model_divided_by_the_temperature(classifier_file: Path):
    loaded = load_model(classifier_file, "cpu", batch=4)
    assert loaded.sha256 == hashlib.sha256(classifier_file.read_bytes()).hexdigest()
    frames = np.random.default_rng(0).poisson(4000, (6, 256, 256)).astype(np.uint16)
    frames += (np.arange(256) * 10).astype(np.uint16)
    given = loaded.probabilities(frames)
    found = load_checkpoint(classifier_file)
    with torch.inference_mode():
        logits = build_model(CLASSIFIER, found.tensors)(preprocess(frames, size=32))
    expected = torch.softmax(logits / 2.5, dim=1).numpy()
    assert given.dtype == np.float32
    np.testing.assert_allclose(given, expected, atol=1e-5)
    np.testing.assert_allclose(given.sum(axis=1), 1, atol=1e-5)
    assert loaded.probabilities(frames[:0]).shape == (0, 6)


def test_a_frame_gets_the_same_probabilities_whatever_comes_with_it(classifier_file: Path):
    loaded = load_model(classifier_file, "cpu", batch=4)
    frames = np.random.default_rng(1).integers(2000, 9000, (7, 256, 256)).astype(np.uint16)
    whole = loaded.probabilities(frames)
    for part in (slice(0, 1), slice(3, 5), slice(2, 7)):
        np.testing.assert_array_equal(loaded.probabilities(frames[part]), whole[part])


def test_prepared_pictures_of_another_size_are_refused(classifier_file: Path):
    loaded = load_model(classifier_file, "cpu")
    pictures = torch.randint(0, 256, (3, 1, 32, 32), dtype=torch.uint8)
    given = loaded.probabilities_of_prepared(pictures)
    np.testing.assert_allclose(
        given, loaded.probabilities_of_prepared(pictures.float() / 255), atol=1e-6
    )
    with pytest.raises(DataError, match="size=32"):
        loaded.probabilities_of_prepared(torch.zeros(3, 1, 64, 64))
