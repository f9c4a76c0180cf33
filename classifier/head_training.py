"""A two-layer head on the representations of a frozen encoder.

Since the encoder stays as it is, its representations are computed once, and training the head
takes seconds. Features are standardised while the head is trained; what that does is folded into
its first layer afterwards, so that the head takes representations as they come.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from auroral_stats.errors import DataError, UsageError
from auroral_stats.labels import CLASSES
from classifier.calibrate import fit_temperature
from classifier.model import ClassifierHead, seeded
from classifier.training_sets import calibration_parts, check_training_set, standardisation

__all__ = ["FittedHead", "HeadTraining", "fit_head"]


@dataclass(frozen=True)
class HeadTraining:
    """How a head is trained: AdamW with a cosine schedule.

    Attributes
    ----------
    epochs : int
    batch : int
    rate : float
        Learning rate at the start.
    decay : float
        Weight decay.
    dropout : float
        Share of the features that is left out at random in training, [0, 1).
    hidden : int
        Units between the two layers.
    """

    epochs: int = 40
    batch: int = 256
    rate: float = 2e-3
    decay: float = 0.05
    dropout: float = 0.3
    hidden: int = 256

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch, self.hidden) < 1:
            raise UsageError("epochs, batch and hidden units: expected 1 or more of each.")
        if not (0 < self.rate < 1 and self.decay >= 0 and 0 <= self.dropout < 1):
            raise UsageError(
                f"rate {self.rate}, decay {self.decay}, dropout {self.dropout}: expected a rate "
                "above 0 and below 1, a decay of 0 or more, a dropout from 0 to below 1."
            )


@dataclass(frozen=True, eq=False)
class FittedHead:
    """A head, and the temperature of its logits.

    Attributes
    ----------
    head : ClassifierHead
        For representations as the encoder gives them; on the CPU, in evaluation mode.
    temperature : float
    """

    head: ClassifierHead
    temperature: float

    def logits(self, features: ArrayLike) -> NDArray[np.float64]:
        """Return logits (n, class) of representations (n, feature)."""
        return _logits(self.head, np.asarray(features, dtype=np.float32))


def fit_head(
    features: ArrayLike,
    label: ArrayLike,
    group: ArrayLike,
    training: HeadTraining | None = None,
    *,
    seed: int = 0,
    calibrate: bool = True,
) -> FittedHead:
    """Train a two-layer head, and find its temperature.

    Parameters
    ----------
    features : array_like, (n, feature)
        Representations of the training pictures.
    label : array_like of int, (n,)
    group : array_like of int, (n,)
        Station-night of each picture.
    training : HeadTraining, optional
    seed : int
        Of the first weights, the order of the pictures and the features left out.
    calibrate : bool
        Whether to find a temperature, which takes four times as long again.

    Returns
    -------
    FittedHead
        Trained on all pictures. Its temperature comes from five further heads (three with fewer
        than ten station-nights), each asked about the station-nights that it was not trained on;
        with fewer than three, or without ``calibrate``, it is 1.

    Raises
    ------
    DataError
        If there is a single class, a feature is not finite, shapes do not fit, or the loss becomes
        NaN.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> label = np.arange(300) % 6
    >>> h = 4 * np.eye(6)[label] + rng.normal(size=(300, 6))
    >>> found = fit_head(h, label, np.arange(300) // 10)
    >>> float((found.logits(h).argmax(1) == label).mean()) > 0.9
    True
    """
    how = HeadTraining() if training is None else training
    h, y, g = check_training_set(features, label, group)
    temperature = 1.0
    parts = calibration_parts(y, g, seed) if calibrate else []
    if parts:
        held = [
            _logits(_train(h[train], y[train], how, seed), h[test].astype(np.float32))
            for train, test in parts
        ]
        true = np.concatenate([y[test] for _, test in parts])
        temperature = fit_temperature(np.concatenate(held), true)
    return FittedHead(_train(h, y, how, seed), temperature)


def _train(
    features: NDArray[np.float64], label: NDArray[np.int64], how: HeadTraining, seed: int
) -> ClassifierHead:
    mean, scale = standardisation(features)
    x = torch.from_numpy(((features - mean) / scale).astype(np.float32))
    y = torch.from_numpy(label)
    with seeded(seed):
        head = ClassifierHead(x.shape[1], how.hidden, len(CLASSES))
        steps = how.epochs * -(-len(x) // how.batch)
        optimiser = torch.optim.AdamW(head.parameters(), lr=how.rate, weight_decay=how.decay)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        for _ in range(how.epochs):
            total = torch.zeros(())
            for rows in torch.randperm(len(x)).split(how.batch):
                loss = F.cross_entropy(head(F.dropout(x[rows], how.dropout)), y[rows])
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()
                schedule.step()
                total += loss.detach()
            if not torch.isfinite(total):
                raise DataError(
                    "the loss of the head became NaN; try a smaller learning rate. Nothing was "
                    "written."
                )
    _without_standardisation(head, mean, scale)
    return head.eval()


def _without_standardisation(
    head: ClassifierHead, mean: NDArray[np.float64], scale: NDArray[np.float64]
) -> None:
    """Make a head that takes (h - mean) / scale into one that takes h."""
    first = head[0]
    assert isinstance(first, nn.Linear)
    with torch.no_grad():
        weight = first.weight.double() / torch.from_numpy(scale)
        first.bias.copy_(first.bias.double() - weight @ torch.from_numpy(mean))
        first.weight.copy_(weight)


def _logits(head: ClassifierHead, features: NDArray[np.float32]) -> NDArray[np.float64]:
    with torch.inference_mode():
        found: Tensor = head(torch.from_numpy(np.ascontiguousarray(features)))
    return found.double().numpy()
