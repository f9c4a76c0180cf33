"""How the baselines are trained: the full recipe, and a brief one for two cores.

The papers state the loss and the optimiser alone (see :mod:`classifier.baselines`), so the rest is
decided here: Adam (no weight decay), pictures as they are, a rate of 1e-3 for residual networks and
1e-4 for those with large layers before the classes, 3e-4 to go on from ImageNet. The rates rise and
fall as for all networks here. The brief recipe has rates that do the most in few steps, and batch
norms that forget the sooner the fewer steps there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from auroral_stats.errors import UsageError
from classifier.network_training import NetworkTraining
from classifier.views import Augmentations

__all__ = ["BRIEF", "FULL", "BaselineTraining"]

#: Pictures as they are.
_AS_THEY_ARE = Augmentations(scale=(1.0, 1.0), ratio=(1.0, 1.0), flip=0.0)


@dataclass(frozen=True)
class BaselineTraining:
    """How one baseline is trained.

    Attributes
    ----------
    size : int
        Side of the pictures, pixels.
    pictures : int, optional
        At most so many of the training pictures of a fold, drawn at random, each class by its share.
    network : NetworkTraining, optional
        Of all weights, or of the last layer where the features stay as they are. None for what is
        not trained by steps.
    """

    size: int
    pictures: int | None = None
    network: NetworkTraining | None = None

    def __post_init__(self) -> None:
        if self.size < 32 or (self.pictures is not None and self.pictures < 12):
            raise UsageError(
                f"size {self.size}, pictures {self.pictures}: expected 32 pixels or more, and 12 "
                "pictures or more."
            )


def _steps(
    size: int, epochs: int, batch: int, rate: float, pictures: int | None = None
) -> BaselineTraining:
    how = NetworkTraining(
        epochs=epochs, batch=batch, rate=rate, decay=0.0, bf16=True, augmentations=_AS_THEY_ARE
    )
    return BaselineTraining(size, pictures, how)


#: The full recipe, for a GPU: pictures of the size that the papers took, or that the weights of
#: ImageNet are for.
FULL: Mapping[str, BaselineTraining] = MappingProxyType(
    {
        "inception-ridge": BaselineTraining(299),
        "resnet18-imagenet": _steps(224, 20, 64, 3e-4),
        "hog-3nn": BaselineTraining(128),
        "hog-5nn": BaselineTraining(128),
        "hog-svm": BaselineTraining(128),
        "inception-linear": _steps(299, 30, 64, 1e-3),
        "vgg16": _steps(128, 40, 64, 1e-4),
        "vgg19": _steps(128, 40, 64, 1e-4),
        "alexnet": _steps(128, 40, 64, 1e-4),
        "resnet18": _steps(128, 30, 64, 1e-3),
        "resnet50": _steps(128, 30, 64, 1e-3),
    }
)

#: A brief recipe, for three runs on two cores within half an hour: small pictures, few steps, and a
#: part of the pictures for the largest networks. It compares methods at that cost and no more.
BRIEF: Mapping[str, BaselineTraining] = MappingProxyType(
    {
        "inception-ridge": BaselineTraining(128),
        "resnet18-imagenet": _steps(64, 1, 64, 3e-4),
        "hog-3nn": BaselineTraining(64),
        "hog-5nn": BaselineTraining(64),
        "hog-svm": BaselineTraining(64),
        "inception-linear": _steps(128, 10, 64, 1e-3),
        "vgg16": _steps(32, 1, 32, 3e-4, 1850),
        "vgg19": _steps(32, 1, 32, 3e-4, 1850),
        "alexnet": _steps(64, 1, 32, 1e-3),
        "resnet18": _steps(32, 1, 64, 1e-3),
        "resnet50": _steps(32, 1, 64, 1e-3),
    }
)
