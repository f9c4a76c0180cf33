"""Every other classifier of the papers' tables, declared one by one.

Two tables are meant: Table I of Johnson et al. 2021 (A Contrastive Learning Approach to Auroral
Identification and Classification), and Table 2 of Kvammen et al. 2020 (J. Geophys. Res. Space
Physics 125, e2020JA027808). What they say is taken from them, and what they leave open is decided:

- Kvammen et al. train all networks with the cross-entropy and Adam, on pictures of 128 pixels, from
  random weights. Epochs, batches, rates and changes of the pictures are not stated; here there are
  no changes, and :mod:`classifier.baseline_training` has the rest. Their pictures are in colour;
  these have one channel, and so have the first layers.
- Features of HOG (Dalal and Triggs 2005): 9 orientations, cells of 8 x 8 pixels, blocks of 2 x 2
  cells. Kvammen et al. state no settings. Neighbours are nearest in Euclidean distance; the support
  vector machine is linear, one class against the rest, with C = 1.
- Clausen and Nickisch 2018 fit ridge regression to features of an Inception network that was trained
  on ImageNet, with a penalty of 0.03. The 43 million parameters of both tables are those of
  Inception-v4; torchvision has weights of Inception-v3 (22 million without its last layer), which is
  used here. Kvammen et al. describe the same approach as these features with a linear classifier
  that is trained by the cross-entropy and Adam from random weights, which is
  another row here.
- Johnson et al. fine-tune a ResNet18 that was trained on ImageNet, and say no more about it. Here all
  weights follow, after a new last layer, with Adam.

Importing this room does not import torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from auroral_stats.errors import UsageError

if TYPE_CHECKING:
    from torch import nn

    from classifier.evaluation_methods import Prediction, Task

__all__ = ["BASELINES", "Baseline", "find_baseline"]

_TABLE_I = "Johnson et al. 2021, Table I"
_TABLE_2 = "Kvammen et al. 2020, Table 2"


@dataclass(frozen=True)
class Baseline:
    """A classifier of a paper.

    Attributes
    ----------
    name : str
        What ``--methods`` takes.
    short_name : str
        For tables and figures.
    long_name : str
    source, row : str
        Table, and row as it is called there.
    kind : {"features", "from scratch", "fine-tuned"}
        What is trained: a plain classifier of features that stay as they are, or all weights of a
        network, from random numbers or from those of ImageNet.
    size : int
        Side of the pictures in the full recipe, pixels.
    multiply_adds : float
        Of one picture of that size, billions; training takes about three times as many. 0 where it
        is little.
    fit : callable
        Takes a :class:`classifier.evaluation_methods.Task`, gives its predictions.
    build : callable, optional
        Takes the side of the pictures in pixels, and gives the network with random weights, on the
        device that is torch's default.
    weights : str
        Name of the ImageNet weights that it needs, of
        :data:`classifier.imagenet_weights.IMAGENET`; empty if none.
    deterministic : bool
        Whether all runs give the same, as nothing is drawn at random.
    """

    name: str
    short_name: str
    long_name: str
    source: str
    row: str
    kind: Literal["features", "from scratch", "fine-tuned"]
    size: int
    multiply_adds: float
    fit: Callable[[Task], Prediction]
    build: Callable[[int], nn.Module] | None = None
    weights: str = ""
    deterministic: bool = False


def _by_features(task: Task, name: str, **options: Any) -> Prediction:
    from classifier import baseline_features

    return baseline_features.FITS[name](task, **options)


def _by_network(task: Task, name: str) -> Prediction:
    from classifier import baseline_networks

    return baseline_networks.fit_baseline(task, name)


def _network(name: str, size: int) -> nn.Module:
    from classifier import baseline_networks

    return baseline_networks.NETWORKS[name](size)


def _scratch(name: str, short: str, row: str, multiply_adds: float, layers: str) -> Baseline:
    return Baseline(
        name, short, f"{short} from random weights: {layers}", _TABLE_2, row, "from scratch", 128,
        multiply_adds, partial(_by_network, name=name), partial(_network, name),
    )  # fmt: skip


def _hog(name: str, short: str, row: str, long: str, fit: str, **options: Any) -> Baseline:
    return Baseline(
        name, short, f"histograms of oriented gradients, {long}", _TABLE_2, row, "features", 128,
        0.0, partial(_by_features, name=fit, **options), deterministic=True,
    )  # fmt: skip


#: Baselines by name, in the order of the tables.
BASELINES: Mapping[str, Baseline] = MappingProxyType(
    {
        each.name: each
        for each in (
            Baseline(
                "inception-ridge", "Inception + ridge",
                "ridge regression (penalty 0.03) on features of Inception-v3 trained on ImageNet",
                _TABLE_I, "Ridge + Inception (pretrained)", "features", 299, 5.7,
                partial(_by_features, name="inception-ridge"),
                partial(_network, "inception-v3"), "inception-v3", deterministic=True,
            ),
            Baseline(
                "resnet18-imagenet", "ResNet18, ImageNet",
                "ResNet18 trained on ImageNet, all weights fine-tuned",
                _TABLE_I, "ResNet18 (pretrained, supervised)", "fine-tuned", 224, 1.8,
                partial(_by_network, name="resnet18-imagenet"),
                partial(_network, "resnet18-imagenet"), "resnet18",
            ),
            _hog("hog-3nn", "HOG + 3NN", "3NN", "three neighbours", "neighbours", k=3),
            _hog("hog-5nn", "HOG + 5NN", "5NN", "five neighbours", "neighbours", k=5),
            _hog("hog-svm", "HOG + linear SVM", "Linear SVM", "linear support vectors", "svm"),
            Baseline(
                "inception-linear", "Inception + linear",
                "linear layer (cross-entropy, Adam) on features of Inception-v3 trained on ImageNet",
                _TABLE_2, "Clausen and Nickisch (2018)", "features", 299, 5.7,
                partial(_by_features, name="inception-linear"),
                partial(_network, "inception-v3"), "inception-v3",
            ),
            _scratch("vgg16", "VGG-16", "VGG-16", 5.1, "16 layers with batch norms and dropout"),
            _scratch("vgg19", "VGG-19", "VGG-19", 6.5, "19 layers with batch norms and dropout"),
            _scratch("alexnet", "AlexNet", "AlexNet", 0.2, "8 layers with dropout"),
            _scratch("resnet18", "ResNet-18", "ResNet-18", 0.6, "18 layers in residual blocks"),
            _scratch("resnet50", "ResNet-50", "ResNet-50", 1.3, "50 layers in residual blocks"),
        )
    }
)  # fmt: skip


def find_baseline(name: str) -> Baseline:
    """Return a baseline by its name.

    Parameters
    ----------
    name : str

    Returns
    -------
    Baseline

    Raises
    ------
    UsageError
        If there is none of that name.

    Examples
    --------
    >>> find_baseline("hog-3nn").row, find_baseline("vgg16").size
    ('3NN', 128)
    """
    try:
        return BASELINES[name]
    except (KeyError, TypeError):
        known = ", ".join(BASELINES)
        raise UsageError(f"baseline: {name!r} is not known; known are {known}.") from None
