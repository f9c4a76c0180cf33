"""ImageNet weights from files: read as numbers alone, and refused in one line otherwise."""

import dataclasses
import hashlib
import os
import pickle
from types import MappingProxyType

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torchvision.models import Inception_V3_Weights, ResNet18_Weights, inception_v3, resnet18

from auroral_stats.errors import ArchiveError, DataError, UsageError
from classifier import imagenet_weights
from classifier.baseline_networks import load_baseline, weights_used
from classifier.imagenet_weights import (
    IMAGENET,
    default_weights_folder,
    load_weights,
    weights_path,
)
from classifier.model import seeded

NAME = IMAGENET["resnet18"].file


@pytest.fixture(scope="module")
def state():
    """The weights of a ResNet18, drawn at random, with batch norms that do something."""
    with seeded(3):
        model = resnet18()
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 2.0)
    return model.state_dict()


@pytest.fixture(scope="module")
def folder(state, tmp_path_factory):
    made = tmp_path_factory.mktemp("weights")
    torch.save(state, made / NAME)
    return made


def three_channels(images):
    """Pictures as torchvision says that its networks take them."""
    mean, scale = (
        ResNet18_Weights.DEFAULT.transforms().mean,
        ResNet18_Weights.DEFAULT.transforms().std,
    )
    x = images.expand(-1, 3, -1, -1)
    return (x - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(scale).view(3, 1, 1)


def test_files_and_addresses_are_those_of_torchvision():
    published = {
        "resnet18": ResNet18_Weights.IMAGENET1K_V1,
        "inception-v3": Inception_V3_Weights.IMAGENET1K_V1,
    }
    assert set(IMAGENET) == set(published)
    for name, weights in published.items():
        assert IMAGENET[name].url == weights.url
        assert IMAGENET[name].megabytes == pytest.approx(weights.meta["_file_size"], abs=1)


def test_a_network_with_the_weights_gives_what_torchvision_gives(state, folder):
    model, weights = load_baseline("resnet18-imagenet", str(folder))
    whole = resnet18()
    whole.load_state_dict(state)
    whole.fc = torch.nn.Identity()
    images = torch.rand(2, 1, 64, 64)
    with torch.inference_mode():
        features = whole.eval()(three_channels(images))
        expected = features @ model.network.fc.weight.T + model.network.fc.bias
        found = model.eval()(images)
    assert found.shape == (2, 6)
    assert torch.allclose(found, expected, atol=1e-5)
    assert weights.path == folder / NAME
    assert weights.sha256 == hashlib.sha256((folder / NAME).read_bytes()).hexdigest()


def test_the_features_of_inception_are_what_its_last_layer_takes(tmp_path):
    with seeded(1):
        whole = inception_v3(init_weights=False, transform_input=True).eval()
    torch.save(whole.state_dict(), tmp_path / IMAGENET["inception-v3"].file)
    for name in ("inception-ridge", "inception-linear"):
        model, _ = load_baseline(name, str(tmp_path))
    seen = []
    whole.fc.register_forward_hook(lambda _module, taken, _given: seen.append(taken[0]))
    images = torch.rand(2, 1, 80, 80)
    with torch.inference_mode():
        whole(three_channels(images))
        found = model.eval()(images)
    assert found.shape == (2, 2048)
    assert torch.allclose(found, seen[0], atol=1e-5)


def test_weights_of_ones_own_do_not_pass_for_the_published(folder, tmp_path, monkeypatch):
    used = weights_used(["hog-3nn", "resnet18-imagenet"], str(folder))
    assert list(used) == ["resnet18-imagenet"]
    assert used["resnet18-imagenet"]["published"] is False
    # the same file under the name that its content asks for
    digits = used["resnet18-imagenet"]["sha256"][:8]
    own = dataclasses.replace(IMAGENET["resnet18"], file=f"resnet18-{digits}.pth")
    os.link(folder / NAME, tmp_path / own.file)
    changed = MappingProxyType({**IMAGENET, "resnet18": own})
    monkeypatch.setattr(imagenet_weights, "IMAGENET", changed)
    assert (
        weights_used(["resnet18-imagenet"], str(tmp_path))["resnet18-imagenet"]["published"] is True
    )


def test_files_of_old_versions_of_torch_do_not_count_batches(state, tmp_path):
    old = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    torch.save(old, tmp_path / NAME, _use_new_zipfile_serialization=False)
    model = resnet18()
    load_weights("resnet18", model, tmp_path)
    assert torch.equal(model.conv1.weight, state["conv1.weight"])


def test_a_missing_file_says_where_to_get_it_and_where_to_put_it(tmp_path, monkeypatch):
    with pytest.raises(ArchiveError, match="is not there") as error:
        load_baseline("resnet18-imagenet", str(tmp_path))
    said = str(error.value)
    assert str(tmp_path / NAME) in said
    assert ResNet18_Weights.IMAGENET1K_V1.url in said
    assert "--weights" in said
    # without a folder, it is where torch itself keeps what it downloads
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert default_weights_folder() == tmp_path / "hub" / "checkpoints"
    with pytest.raises(ArchiveError, match="hub/checkpoints/inception"):
        weights_path("inception-v3")
    with pytest.raises(UsageError, match="known are inception-v3, resnet18"):
        weights_path("resnet19")


class Intruder:
    """What must not run: unpickled, it makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def shortened(state, path):
    torch.save(state, path)
    path.write_bytes(path.read_bytes()[:-5000])


def altered(state, path):
    torch.save(state, path)
    content = bytearray(path.read_bytes())
    content[:200] = bytes(200)
    path.write_bytes(content)


BAD = {
    "cut short": (shortened, "cut short"),
    "head overwritten": (altered, "cut short, altered"),
    "empty": (lambda _, path: path.write_bytes(b""), "no file of weights"),
    "text": (lambda _, path: path.write_text("<html>404</html>"), "no file of weights"),
    "a whole module": (lambda _, path: torch.save(resnet18(), path), "no file of weights"),
    "an array": (lambda _, path: path.write_bytes(pickle.dumps(np.arange(3))), "no file of"),
    "a tensor": (lambda _, path: torch.save(torch.ones(3), path), "else than named weights"),
    "a list in it": (lambda s, path: torch.save({**s, "more": [1]}, path), "else than named"),
    "another network": (
        lambda s, path: torch.save({f"encoder.{key}": value for key, value in s.items()}, path),
        r"lacks conv1.weight and \d+ more; it holds the unknown encoder.conv1.weight",
    ),
    "one channel": (
        lambda s, path: torch.save({**s, "conv1.weight": torch.ones(64, 1, 7, 7)}, path),
        r"conv1.weight has the shape \(64, 1, 7, 7\), expected \(64, 3, 7, 7\)",
    ),
    "not a number": (
        lambda s, path: torch.save({**s, "fc.bias": torch.full((1000,), np.nan)}, path),
        "fc.bias holds numbers that are not finite",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_files_are_refused_in_one_line(what, state, tmp_path):
    write, words = BAD[what]
    write(state, tmp_path / NAME)
    with pytest.raises(DataError, match=words) as error:
        load_weights("resnet18", resnet18(), tmp_path)
    assert len(str(error.value).splitlines()) == 1
    assert str(error.value).startswith(str(tmp_path / NAME))
    assert IMAGENET["resnet18"].url in str(error.value)


def test_nothing_in_a_file_is_run(tmp_path):
    for number, new in enumerate((True, False)):
        trace = tmp_path / f"trace{number}"
        torch.save(
            {"conv1.weight": Intruder(trace)}, tmp_path / NAME, _use_new_zipfile_serialization=new
        )
        with pytest.raises(DataError, match="no file of weights"):
            load_weights("resnet18", resnet18(), tmp_path)
        assert not trace.exists()
