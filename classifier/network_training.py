"""All weights of a classifier trained on labels: from scratch, or from a pretrained encoder.

One loop, and nothing in it but what is drawn from the seed: the order of the pictures, and their
views. Views are those of :mod:`classifier.views`, milder than for contrastive training, since a
crop of a twelfth of the sky rarely shows what its label says.

One station-night in six is held out of the training; its pictures find the temperature. They have
no part in how long the training goes on, which is fixed before.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from auroral_stats.errors import DataError, UsageError
from auroral_stats.labels import CLASSES
from classifier.calibrate import fit_temperature
from classifier.contrastive_step import near
from classifier.model import find_device
from classifier.optimisers import trained_by
from classifier.representations import representations
from classifier.stopping import stop_asked_for
from classifier.training_sets import held_out_parts
from classifier.views import Augmentations, draw_views, make_views

__all__ = ["FittedNetwork", "NetworkStatus", "NetworkTraining", "fit_network", "nights_apart"]

#: One station-night in so many finds the temperature.
HELD_OUT = 6

_LOOK_EVERY = 10  # steps

#: A pause in the numbers of seeds, so that epochs and steps of two seeds never share one.
_STREAM = 1_000_003


@dataclass(frozen=True)
class NetworkTraining:
    """How all weights are trained: AdamW, a short rise of the rate, then a cosine to 0.

    Attributes
    ----------
    epochs : int
    batch : int
    rate : float
        Largest learning rate.
    decay : float
        Weight decay.
    warmup : float
        Share of the steps in which the rate rises, [0, 1).
    bf16 : bool
        Run the network in bfloat16.
    augmentations : Augmentations
    """

    epochs: int = 30
    batch: int = 128
    rate: float = 1e-3
    decay: float = 0.05
    warmup: float = 0.1
    bf16: bool = False
    augmentations: Augmentations = field(default_factory=lambda: Augmentations(scale=(0.4, 1.0)))

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch < 2:
            raise UsageError(
                f"epochs {self.epochs}, batch {self.batch}: expected 1 epoch or more, and 2 "
                "pictures a batch or more."
            )
        if not (0 < self.rate < math.inf and self.decay >= 0 and 0 <= self.warmup < 1):
            raise UsageError(
                f"rate {self.rate}, decay {self.decay}, warmup {self.warmup}: expected a rate "
                "above 0, a decay of 0 or more, a warmup from 0 to below 1."
            )

    def rate_at(self, step: int, steps: int) -> float:
        """Return the learning rate of a step, counted from 0.

        Examples
        --------
        >>> how = NetworkTraining(rate=1.0, warmup=0.2)
        >>> [round(how.rate_at(step, 10), 2) for step in range(0, 10, 2)]
        [0.5, 1.0, 0.85, 0.5, 0.15]
        """
        rise = self.warmup * steps
        if step < rise:
            return self.rate * min(1.0, (step + 1) / rise)
        return self.rate * (1 + math.cos(math.pi * (step - rise) / (steps - rise))) / 2


@dataclass(frozen=True)
class NetworkStatus:
    """How far a training is: ``epoch`` under way from 1, its mean ``loss``, steps done and in all."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float


@dataclass(frozen=True, eq=False)
class FittedNetwork:
    """A trained classifier.

    Attributes
    ----------
    model : Module
        On the device, in evaluation mode. If the training was stopped, or its loss became NaN,
        with the weights of the last whole epoch.
    temperature : float
        From held-out station-nights; 1 with fewer than six of them.
    losses : tuple of float
        Mean of each whole epoch.
    ended : {"", "stopped", "diverged"}
        Why it ended before its last epoch.
    """

    model: nn.Module
    temperature: float
    losses: tuple[float, ...]
    ended: str = ""

    def logits(self, images: Tensor, **options: Any) -> NDArray[np.float64]:
        """Return logits (n, class) of pictures; options as for ``representations``."""
        device = next(self.model.parameters()).device
        return representations(self.model, images, device, **options).astype(np.float64)


def fit_network(
    model: nn.Module,
    images: Tensor,
    label: ArrayLike,
    group: ArrayLike,
    training: NetworkTraining | None = None,
    *,
    device: str | torch.device = "auto",
    seed: int = 0,
    report: Callable[[NetworkStatus], None] | None = None,
) -> FittedNetwork:
    """Train all weights of a classifier, and find its temperature.

    Parameters
    ----------
    model : Module
        Takes float (n, 1, s, s) in [0, 1], gives logits (n, class). It is trained in place.
    images : Tensor of uint8, (n, 1, s, s)
    label, group : array_like of int, (n,)
        Class and station-night of each picture.
    training : NetworkTraining, optional
    device : str or torch.device
    seed : int
        Of the order, the views and the nights held out; the first weights are the caller's.
    report : callable, optional
        Told the status after every step.

    Returns
    -------
    FittedNetwork
        After Ctrl-C or SIGTERM, or if the loss became NaN, as ``ended`` says, it has the weights
        of the last whole epoch.

    Raises
    ------
    DataError
        If there is a single class, or fewer than two pictures; if the loss became NaN before one
        epoch was done.
    KeyboardInterrupt
        If the training was stopped before one epoch was done.
    """
    how = NetworkTraining() if training is None else training
    place = find_device(device)
    y, g = np.asarray(label).astype(np.int64), np.asarray(group)
    train, held = nights_apart(y, g, seed)
    there = np.unique(y[train])
    if there.size < 2:
        names = ", ".join(CLASSES[code] for code in there) or "none"
        raise DataError(
            f"the training pictures have a single class ({names}); a classifier needs two or more. "
            "Take larger folds, or more labelled station-nights."
        )
    model.to(place, memory_format=torch.channels_last)
    losses, ended = _train(
        model, images[torch.from_numpy(train)], y[train], how, place, seed, report
    )
    model.eval()
    temperature = 1.0
    if held.size:
        logits = representations(model, images[torch.from_numpy(held)], place, bf16=how.bf16)
        temperature = fit_temperature(logits, y[held])
    return FittedNetwork(model, temperature, losses, ended)


def nights_apart(
    label: ArrayLike, group: ArrayLike, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pictures to train on, and those of the station-nights that find the temperature.

    Parameters
    ----------
    label, group : array_like of int, (n,)
    seed : int

    Returns
    -------
    train, held : ndarray of int64
        Indices. Nothing is held out with fewer than six station-nights, or if that would take
        away a class.
    """
    y, g = np.asarray(label).astype(np.int64), np.asarray(group)
    for train, held in held_out_parts(y, g, HELD_OUT, seed):
        if np.unique(y[train]).size == np.unique(y).size:
            return train, held
    return np.arange(y.size), np.empty(0, dtype=np.int64)


def _train(
    model: nn.Module,
    images: Tensor,
    label: NDArray[np.int64],
    how: NetworkTraining,
    device: torch.device,
    seed: int,
    report: Callable[[NetworkStatus], None] | None,
) -> tuple[tuple[float, ...], str]:
    pictures, truth = near(images, device), torch.from_numpy(label).to(device)
    size, n = int(images.shape[-1]), len(images)
    # a batch of one has no statistics
    per_epoch = max(1, n // how.batch)
    steps = how.epochs * per_epoch
    optimiser = trained_by("adamw", model.parameters(), how.rate, how.decay)
    losses: list[float] = []
    good = _copy(model)
    with stop_asked_for() as stop:
        for epoch in range(how.epochs):
            model.train()
            total = torch.zeros((), device=device)
            order = torch.randperm(n, generator=_generator(seed, 2 * epoch))
            for within in range(per_epoch):
                step = epoch * per_epoch + within
                for part in optimiser.param_groups:
                    part["lr"] = how.rate_at(step, steps)
                index = order[within * how.batch : (within + 1) * how.batch]
                drawn = draw_views(len(index), how.augmentations, _generator(seed, 2 * step + 1))
                chosen = pictures[index.to(pictures.device)].to(device, non_blocking=True)
                x = make_views(chosen, drawn, how.augmentations, size)
                x = x.contiguous(memory_format=torch.channels_last)
                with torch.autocast(device.type, torch.bfloat16, enabled=how.bf16):
                    logits = model(x)
                loss = F.cross_entropy(logits.float(), truth[index.to(device)])
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()
                total += loss.detach()
                # looking at the loss means to wait for a GPU
                if report is not None and (device.type == "cpu" or within % _LOOK_EVERY == 0):
                    mean = float(total) / (within + 1)
                    report(NetworkStatus(epoch + 1, how.epochs, step + 1, steps, mean))
                if stop():
                    break
            mean = float(total) / per_epoch
            diverged = not math.isfinite(mean) or not _finite(model)
            if stop() or diverged:
                return _last_good(model, good, losses, diverged=diverged)
            losses.append(mean)
            good = _copy(model)
    return tuple(losses), ""


def _last_good(
    model: nn.Module, good: dict[str, Tensor], losses: list[float], *, diverged: bool
) -> tuple[tuple[float, ...], str]:
    """Put a model back to the end of its last whole epoch, if there was one."""
    if not losses and diverged:
        raise DataError(
            "the loss became NaN in the first epoch; nothing was kept. Train with a lower learning "
            "rate, or without bf16."
        )
    if not losses:
        raise KeyboardInterrupt
    model.load_state_dict(good)
    return tuple(losses), "diverged" if diverged else "stopped"


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def _finite(model: nn.Module) -> bool:
    return all(bool(value.isfinite().all()) for value in model.state_dict().values())


def _generator(seed: int, number: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed * _STREAM + number)
