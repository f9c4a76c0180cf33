"""How an encoder is to be trained: every number that could be another, checked and frozen."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from auroral_stats.errors import UsageError
from classifier.model import ARCHITECTURES
from classifier.optimisers import OPTIMISERS
from classifier.views import Augmentations

__all__ = ["PRESETS", "SCHEDULES", "TrainingPlan", "plan_from_json", "preset"]

#: How the learning rate goes on after warming up.
SCHEDULES = ("constant", "cosine")


@dataclass(frozen=True)
class TrainingPlan:
    """A contrastive training; the default is the recipe of Johnson et al. 2021, section III.

    Attributes
    ----------
    architecture : str
        One of :data:`classifier.model.ARCHITECTURES`.
    size : int
        Side of the pictures, pixels. The paper states none.
    view_size : int, optional
        Side of the views; that of the pictures if None. Smaller views train faster.
    epochs : int
    batch : int
        Pictures a step, in all processes together; each gives two views. What is left of an epoch
        after the last whole batch is passed over.
    temperature : float
        tau of the loss.
    optimiser : {"adam", "adamw", "lars"}
    learning_rate, weight_decay : float
    schedule : {"constant", "cosine"}
    warmup : float
        Epochs over which the learning rate rises from 0.
    seed : int
        Of the weights, the order of the pictures and the views.
    bf16 : bool
        Run the network in bfloat16; weights, loss and optimiser stay float32.
    channels_last : bool
        Keep channels last in memory.
    compile : bool
        Compile the network with ``torch.compile``.
    accumulate : int
        Parts into which each batch is split, so that less memory is needed. The loss is still that
        of the whole batch; see :func:`classifier.contrastive.accumulate_gradients`.
    augmentations : Augmentations

    Raises
    ------
    UsageError
        With all that cannot be.

    Examples
    --------
    >>> plan = TrainingPlan()
    >>> plan.architecture, plan.epochs, plan.batch, plan.learning_rate, plan.temperature
    ('resnet18', 100, 128, 0.0003, 0.5)
    """

    architecture: str = "resnet18"
    size: int = 128
    view_size: int | None = None
    epochs: int = 100
    batch: int = 128
    temperature: float = 0.5
    optimiser: str = "adam"
    learning_rate: float = 3e-4
    weight_decay: float = 0.0
    schedule: str = "constant"
    warmup: float = 0.0
    seed: int = 0
    bf16: bool = False
    channels_last: bool = False
    compile: bool = False
    accumulate: int = 1
    augmentations: Augmentations = field(default_factory=Augmentations)

    def __post_init__(self) -> None:
        found = (
            (self.architecture in ARCHITECTURES, "architecture", ", ".join(ARCHITECTURES)),
            (self.optimiser in OPTIMISERS, "optimiser", ", ".join(OPTIMISERS)),
            (self.schedule in SCHEDULES, "schedule", ", ".join(SCHEDULES)),
            (32 <= self.size <= 512, "size", "32 to 512 pixels"),
            (32 <= self.views_of <= 512, "view_size", "32 to 512 pixels"),
            (self.epochs >= 1, "epochs", "1 or more"),
            (self.batch >= 2, "batch", "2 or more, for a picture needs others to differ from"),
            (0 < self.temperature < math.inf, "temperature", "above 0"),
            (0 < self.learning_rate < math.inf, "learning_rate", "above 0"),
            (0 <= self.weight_decay < math.inf, "weight_decay", "0 or more"),
            (0 <= self.warmup < self.epochs, "warmup", "0 or more, and less than all epochs"),
            (0 <= self.seed < 2**31, "seed", "0 to 2147483647"),
            (
                self.accumulate >= 1 and self.batch % self.accumulate == 0,
                "accumulate",
                f"a divisor of the batch, {self.batch}",
            ),
        )
        faults = [
            f"{name} {getattr(self, name)!r} came, expected {expected}"
            for sound, name, expected in found
            if not sound
        ]
        if faults:
            raise UsageError(f"training: {'; '.join(faults)}.")

    @property
    def views_of(self) -> int:
        """Side of the views, pixels."""
        return self.size if self.view_size is None else self.view_size

    def steps_per_epoch(self, pictures: int) -> int:
        """Return the whole batches in an epoch.

        Raises
        ------
        UsageError
            If the pictures do not fill one.
        """
        if pictures < self.batch:
            raise UsageError(
                f"batch: {self.batch} pictures a step, but there are {pictures} in all; take a "
                f"batch of at most {pictures}."
            )
        return pictures // self.batch

    def rate(self, step: int, per_epoch: int) -> float:
        """Return the learning rate of a step, counted from 0.

        Examples
        --------
        >>> plan = TrainingPlan(epochs=4, schedule="cosine", warmup=1.0, learning_rate=1.0)
        >>> [round(plan.rate(step, per_epoch=2), 3) for step in range(8)]
        [0.5, 1.0, 1.0, 0.933, 0.75, 0.5, 0.25, 0.067]
        """
        warm, steps = self.warmup * per_epoch, self.epochs * per_epoch
        if step < warm:
            return self.learning_rate * min(1.0, (step + 1) / warm)
        if self.schedule == "constant":
            return self.learning_rate
        done = (step - warm) / (steps - warm)
        return self.learning_rate * (1 + math.cos(math.pi * done)) / 2

    def as_json(self) -> dict[str, Any]:
        """Return the plan as JSON can hold it."""
        found = dataclasses.asdict(self)
        for name in ("scale", "ratio"):
            found["augmentations"][name] = list(found["augmentations"][name])
        return found


def plan_from_json(found: Mapping[str, Any]) -> TrainingPlan:
    """Return the plan that :meth:`TrainingPlan.as_json` gave.

    Parameters
    ----------
    found : mapping

    Returns
    -------
    TrainingPlan

    Raises
    ------
    TypeError, ValueError, KeyError
        If it is none.

    Examples
    --------
    >>> plan_from_json(TrainingPlan(epochs=3).as_json()) == TrainingPlan(epochs=3)
    True
    """
    changes = dict(found["augmentations"])
    changes |= {name: tuple(changes[name]) for name in ("scale", "ratio")}
    return TrainingPlan(**{**found, "augmentations": Augmentations(**changes)})


#: Plans by name. ``cpu`` is for a laptop, in minutes; ``gpu`` the recipe of the paper for longer,
#: in the number format of tensor cores.
PRESETS: Mapping[str, TrainingPlan] = MappingProxyType(
    {
        "cpu": TrainingPlan(
            size=64, view_size=48, epochs=12, learning_rate=1e-3, schedule="cosine", warmup=0.5
        ),
        "gpu": TrainingPlan(size=128, epochs=300, bf16=True, channels_last=True),
    }
)


def preset(name: str, **changed: Any) -> TrainingPlan:
    """Return a plan by its name, with some of it changed.

    Parameters
    ----------
    name : str
        One of :data:`PRESETS`, or ``paper``.
    **changed
        Attributes of :class:`TrainingPlan`.

    Returns
    -------
    TrainingPlan

    Raises
    ------
    UsageError
        If the name is unknown, or a value cannot be.

    Examples
    --------
    >>> preset("gpu", epochs=100).epochs
    100
    """
    if name not in {"paper", *PRESETS}:
        raise UsageError(f"preset {name!r} is not known; known are paper, {', '.join(PRESETS)}.")
    return dataclasses.replace(PRESETS.get(name, TrainingPlan()), **changed)
