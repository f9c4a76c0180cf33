"""Networks of the papers' tables: built, counted, and trained on one fold.

Those from random weights take pictures of one channel; their weights are drawn as torchvision draws
them. Those that were trained on ImageNet take three channels, and get the picture three times, on
the scale that they know.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from auroral_stats.labels import CLASSES
from classifier.baselines import BASELINES, find_baseline
from classifier.imagenet_weights import MEAN, SCALE, LoadedWeights, load_weights
from classifier.label_subsets import label_subset
from classifier.model import Classifier, encoder, feature_count, seeded
from classifier.network_training import NetworkTraining

if TYPE_CHECKING:
    from classifier.evaluation_methods import Prediction, Task

__all__ = [
    "NETWORKS",
    "ThreeChannels",
    "fit_baseline",
    "load_baseline",
    "weights_used",
]


class ThreeChannels(nn.Module):  # type: ignore[misc]
    """A network that was trained on ImageNet, for pictures of one channel.

    Parameters
    ----------
    network : Module
        Takes (n, 3, s, s) on the scale of ImageNet.

    Examples
    --------
    >>> ThreeChannels(nn.Flatten())(torch.full((1, 1, 1, 1), 0.5)).round(decimals=3)
    tensor([[0.0660, 0.1960, 0.4180]])
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor(SCALE).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return what the network gives for pictures (n, 1, s, s) in [0, 1]."""
        # the buffers stay in single precision, whatever the network runs in
        found: Tensor = self.network((images.float() - self.mean) / self.scale)
        return found


def _vgg(layers: int, size: int) -> nn.Module:
    from torchvision import models

    built = {16: models.vgg16_bn, 19: models.vgg19_bn}[layers](num_classes=len(CLASSES))
    built.features[0] = nn.Conv2d(1, 64, kernel_size=3, padding=1)
    nn.init.kaiming_normal_(built.features[0].weight, mode="fan_out", nonlinearity="relu")
    nn.init.zeros_(built.features[0].bias)
    if size // 32 == 1:
        built.avgpool, built.classifier[0] = nn.AdaptiveAvgPool2d(1), nn.Linear(512, 4096)
        nn.init.normal_(built.classifier[0].weight, 0.0, 0.01)
        nn.init.zeros_(built.classifier[0].bias)
    return built


def _alexnet(size: int) -> nn.Module:
    from torchvision.models import alexnet

    built = alexnet(num_classes=len(CLASSES))
    built.features[0] = nn.Conv2d(1, 64, kernel_size=11, stride=4, padding=2)
    side = (size - 7) // 4 + 1
    for _ in range(3):
        side = (side - 3) // 2 + 1
    if side == 1:
        built.avgpool, built.classifier[1] = nn.AdaptiveAvgPool2d(1), nn.Linear(256, 4096)
    return built


def _residual(name: str, _size: int) -> nn.Module:
    return Classifier(encoder(name), nn.Linear(feature_count(name), len(CLASSES)))


def _resnet18_of_imagenet(_size: int) -> nn.Module:
    from torchvision.models import resnet18

    return ThreeChannels(_last_layer(resnet18()))


def _last_layer(network: nn.Module) -> nn.Module:
    """Give a network a last layer of its own, drawn at random, for our classes."""
    network.fc = nn.Linear(network.fc.in_features, len(CLASSES))
    return network


def _inception(_size: int) -> nn.Module:
    return ThreeChannels(_without_last_layers(_whole_inception()))


def _whole_inception() -> nn.Module:
    from torchvision.models import inception_v3

    return inception_v3(transform_input=True, init_weights=False)


def _without_last_layers(network: nn.Module) -> nn.Module:
    """Let Inception give the 2,048 features before its last layer; the auxiliary one is dropped."""
    network.fc, network.AuxLogits, network.aux_logits = nn.Identity(), None, False
    return network


#: Networks by name, for pictures of so many pixels: those of
#: :data:`classifier.baselines.BASELINES` with six classes, and the features of Inception-v3; all
#: with random weights. Small pictures leave VGG and AlexNet a single cell of features, which
#: torchvision would repeat 49 and 36 times before the first large layer; that adds nothing to what
#: is known and multiplies the rate of that layer, so the layer takes the one cell then.
NETWORKS: Mapping[str, Callable[[int], nn.Module]] = MappingProxyType(
    {
        "vgg16": partial(_vgg, 16),
        "vgg19": partial(_vgg, 19),
        "alexnet": _alexnet,
        "resnet18": partial(_residual, "resnet18"),
        "resnet50": partial(_residual, "resnet50"),
        "resnet18-imagenet": _resnet18_of_imagenet,
        "inception-v3": _inception,
    }
)


def load_baseline(name: str, folder: str | None = None) -> tuple[nn.Module, LoadedWeights]:
    """Build the network of a baseline with the weights of ImageNet.

    Parameters
    ----------
    name : str
        A baseline that needs weights. Its last layer, if it has one of its own, is drawn at random.
    folder : str, optional
        Where the file is; torch's own folder if not given.

    Returns
    -------
    network : Module
        Takes pictures (n, 1, s, s) in [0, 1].
    weights : LoadedWeights

    Raises
    ------
    ArchiveError, DataError
        As :func:`classifier.imagenet_weights.load_weights`.
    """
    from torchvision.models import resnet18

    wanted = find_baseline(name).weights
    if wanted == "inception-v3":
        whole, cut = _whole_inception(), _without_last_layers
    else:
        whole, cut = resnet18(), _last_layer
    found = load_weights(wanted, whole, folder)
    return ThreeChannels(cut(whole)), found


def weights_used(methods: Iterable[str], folder: str | None = None) -> dict[str, dict[str, Any]]:
    """Read the ImageNet weights that methods need, and return which files these are.

    Parameters
    ----------
    methods : iterable of str
        Those that need none are passed over.
    folder : str, optional
        Where the files are; torch's own folder if not given.

    Returns
    -------
    dict of str to dict
        For each method that needs weights ``file``, ``sha256`` and ``published``: whether it is
        the file that torchvision publishes.

    Raises
    ------
    ArchiveError, DataError
        As :func:`classifier.imagenet_weights.load_weights`.

    Examples
    --------
    >>> weights_used(["supervised", "hog-3nn", "vgg16"])
    {}
    """
    needed = {name: BASELINES[name].weights for name in methods if name in BASELINES}
    files: dict[str, dict[str, Any]] = {}
    for name, file in needed.items():
        # two methods may take the same file
        if file and file not in files:
            weights = load_baseline(name, folder)[1]
            files[file] = {
                "file": weights.path.name,
                "sha256": weights.sha256,
                "published": weights.published,
            }
    return {name: files[file] for name, file in needed.items() if file}


def fit_baseline(task: Task, name: str) -> Prediction:
    """Train the network of a baseline on one fold, and predict the other pictures.

    Parameters
    ----------
    task : Task
        Its plan says how: ``baselines`` of :class:`classifier.evaluation_plan.EvaluationPlan`.
    name : str

    Returns
    -------
    Prediction

    Raises
    ------
    ArchiveError, DataError
        If weights are needed and cannot be had, or the loss became NaN.
    TrainingStopped
        After Ctrl-C or SIGTERM.
    """
    from classifier.evaluation_methods import by_network

    how = task.plan.baselines[name]
    with seeded(task.seed):
        if BASELINES[name].weights:
            model, _ = load_baseline(name, task.plan.weights)
        else:
            model = NETWORKS[name](how.size)
    label, night = task.label[task.train], task.night[task.train]
    if how.pictures is not None and how.pictures < task.train.size:
        chosen = label_subset(label, night, how.pictures / task.train.size, seed=task.seed)
        task = dataclasses.replace(task, train=task.train[chosen])
    return by_network(
        model, task, task.pictures.of_size(how.size), how.network or NetworkTraining()
    )
