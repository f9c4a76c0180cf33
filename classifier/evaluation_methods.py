"""The methods that an evaluation compares: each trains on one fold, and predicts another.

A method takes a :class:`Task` and gives logits of the test pictures with a temperature, which it
finds without them. Those of the papers' tables are declared in :mod:`classifier.baselines`. To add
another, write a function and name it in :data:`METHODS` and
:data:`classifier.evaluation_names.METHOD_NAMES`.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from auroral_stats.errors import DataError
from classifier.baselines import BASELINES
from classifier.evaluation_pictures import Pictures
from classifier.evaluation_plan import EvaluationPlan
from classifier.finetune import new_classifier, unfrozen
from classifier.head_training import fit_head
from classifier.network_training import (
    FittedNetwork,
    NetworkStatus,
    NetworkTraining,
    fit_network,
    nights_apart,
)
from classifier.probe import fit_linear, fit_neighbours
from classifier.stopping import TrainingStopped

__all__ = ["METHODS", "Prediction", "Task", "by_network"]


class Prediction(NamedTuple):
    """Logits (k, class) of the test pictures, and the temperature that calibrates them."""

    logits: NDArray[np.float64]
    temperature: float


@dataclass(frozen=True, eq=False)
class Task:
    """What a method is given.

    Attributes
    ----------
    plan : EvaluationPlan
    images : Tensor of uint8, (n, 1, size, size)
        All pictures, in the size of the encoder.
    pictures : Pictures
        The same in any size.
    label, night : ndarray of int64, (n,)
        Class and station-night. Those of test pictures are not looked at.
    train, test : ndarray of int64
        Indices of pictures.
    encoder : Module, optional
        Pretrained, and left as it is.
    features : ndarray of float32, (n, feature), optional
        Representations by that encoder.
    device : torch.device
    seed : int
    report : callable, optional
        Told the status of a network's training.
    """

    plan: EvaluationPlan
    images: Tensor
    pictures: Pictures
    label: NDArray[np.int64]
    night: NDArray[np.int64]
    train: NDArray[np.int64]
    test: NDArray[np.int64]
    encoder: nn.Module | None
    features: NDArray[np.float32] | None
    device: torch.device
    seed: int
    report: Callable[[NetworkStatus], None] | None = None

    def told(self, part: Callable[[float], None]) -> Task:
        """Return the same task, with the share that is done told to ``part``."""
        return dataclasses.replace(self, report=lambda status: part(status.step / status.steps))

    @property
    def training_set(self) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
        """Representations, labels and station-nights of the training pictures."""
        return self._features[self.train], self.label[self.train], self.night[self.train]

    @property
    def test_features(self) -> NDArray[np.float32]:
        """Representations of the test pictures."""
        return self._features[self.test]

    @property
    def _features(self) -> NDArray[np.float32]:
        if self.features is None:
            raise DataError("this method needs an encoder; none was given or trained.")
        return self.features


def _linear(task: Task) -> Prediction:
    probe = fit_linear(*task.training_set, seed=task.seed)
    return Prediction(probe.logits(task.test_features), probe.temperature)


def _neighbours(task: Task) -> Prediction:
    probe = fit_neighbours(*task.training_set, seed=task.seed)
    return Prediction(probe.logits(task.test_features), probe.temperature)


def _head(task: Task) -> Prediction:
    found = fit_head(*task.training_set, task.plan.head, seed=task.seed)
    return Prediction(found.logits(task.test_features), found.temperature)


def _unfrozen(task: Task) -> Prediction:
    h, label, night = task.training_set
    assert task.encoder is not None
    base = copy.deepcopy(task.encoder)
    rows, _ = nights_apart(label, night, task.seed)
    model = unfrozen(base, h, label, night, rows, task.plan.head, task.seed)
    return by_network(model, task, task.images, task.plan.unfrozen, task.plan.least_steps)


def _supervised(task: Task) -> Prediction:
    model = new_classifier(task.plan.contrastive.architecture, task.seed)
    images = task.pictures.of_size(task.plan.network_size)
    return by_network(model, task, images, task.plan.network, task.plan.least_steps)


def by_network(
    model: nn.Module, task: Task, images: Tensor, training: NetworkTraining, least_steps: int = 0
) -> Prediction:
    """Train all weights of a network on the training pictures of a task, and predict the others.

    Parameters
    ----------
    model : Module
        With its first weights.
    task : Task
    images : Tensor of uint8, (n, 1, s, s)
        All pictures, in the size that the network takes.
    training : NetworkTraining
    least_steps : int
        Epochs are added until there are so many steps.

    Returns
    -------
    Prediction

    Raises
    ------
    DataError
        If the loss became NaN, or there is a single class.
    TrainingStopped
        After Ctrl-C or SIGTERM.
    """
    # few pictures make short epochs, and a network that has hardly moved says nothing about labels
    per_epoch = max(1, task.train.size // training.batch)
    epochs = max(training.epochs, math.ceil(least_steps / per_epoch))
    fitted = fit_network(
        model,
        images[torch.from_numpy(task.train)],
        task.label[task.train],
        task.night[task.train],
        dataclasses.replace(training, epochs=epochs),
        device=task.device,
        seed=task.seed,
        report=task.report,
    )
    _check_end(fitted)
    logits = fitted.logits(images[torch.from_numpy(task.test)], bf16=training.bf16)
    return Prediction(logits, fitted.temperature)


def _check_end(fitted: FittedNetwork) -> None:
    if fitted.ended == "diverged":
        raise DataError(
            "the loss of a network became NaN; lower its learning rate, or do without bf16."
        )
    if fitted.ended == "stopped":
        raise TrainingStopped("the evaluation was stopped.")


#: Methods by name, those of the papers' tables among them.
METHODS: Mapping[str, Callable[[Task], Prediction]] = MappingProxyType(
    {
        "simclr-linear": _linear,
        "simclr-knn": _neighbours,
        "simclr-finetune": _head,
        "simclr-unfrozen": _unfrozen,
        "supervised": _supervised,
        **{name: each.fit for name, each in BASELINES.items()},
    }
)
