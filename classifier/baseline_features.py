"""Plain classifiers of features that stay as they are: histograms of gradients, and of Inception.

Features are computed once for all pictures, as nothing in them is learnt here. Each classifier is
fitted to all training pictures of a fold; its temperature comes from fits to parts of them, each
asked about the station-nights that it was not given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from auroral_stats.errors import UsageError
from auroral_stats.labels import CLASSES
from classifier.baseline_networks import load_baseline
from classifier.calibrate import fit_temperature
from classifier.model import seeded
from classifier.network_training import NetworkTraining
from classifier.representations import representations
from classifier.training_sets import calibration_parts, check_training_set, standardisation

if TYPE_CHECKING:
    from classifier.evaluation_methods import Prediction, Task

__all__ = ["ALPHA", "FITS", "gradient_histograms"]

Array = NDArray[np.float64]
#: Takes features (n, feature), gives logits (n, class).
Logits = Callable[[Array], Array]

#: Penalty of the ridge regression of Clausen and Nickisch 2018.
ALPHA = 0.03

#: Orientations, side of a cell in pixels, side of a block in cells.
_ORIENTATIONS, _CELL, _BLOCK = 9, 8, 2


def gradient_histograms(images: Tensor) -> NDArray[np.float32]:
    """Return histograms of oriented gradients of pictures (Dalal and Triggs 2005).

    Parameters
    ----------
    images : Tensor of uint8, (n, 1, s, s)
        s at least 16.

    Returns
    -------
    ndarray of float32, (n, feature)
        9 orientations in cells of 8 x 8 pixels, scaled in blocks of 2 x 2 cells (L2-Hys); 36 for
        each of the (s / 8 - 1)^2 blocks.

    Raises
    ------
    UsageError
        If the pictures are too small for a block.

    Examples
    --------
    >>> gradient_histograms(torch.zeros(2, 1, 64, 64, dtype=torch.uint8)).shape
    (2, 1764)
    """
    from skimage.feature import hog

    side = int(images.shape[-1])
    if side < _CELL * _BLOCK:
        raise UsageError(f"pictures of {side} pixels came; expected {_CELL * _BLOCK} or more.")
    found = [
        hog(picture, _ORIENTATIONS, (_CELL, _CELL), (_BLOCK, _BLOCK), block_norm="L2-Hys")
        for picture in images[:, 0].numpy() / np.float32(255)
    ]
    return np.stack(found).astype(np.float32)


def _neighbours(task: Task, k: int) -> Prediction:
    def fit(h: Array, label: NDArray[np.int64]) -> Logits:
        return _vote(h, label, k)

    return _calibrated(task, _histograms(task, f"hog-{k}nn"), fit)


def _vote(h: Array, label: NDArray[np.int64], k: int) -> Logits:
    from sklearn.neighbors import NearestNeighbors

    nearest = NearestNeighbors(n_neighbors=min(k, len(h)), algorithm="brute").fit(h)
    # one further neighbour that votes as the training pictures are shared out: no class that was
    # trained has probability 0, and ties go to the commoner class
    share = np.bincount(label, minlength=len(CLASSES)) / label.size

    def logits(features: Array) -> Array:
        index = nearest.kneighbors(features, return_distance=False)
        votes = np.eye(len(CLASSES))[label[index]].sum(1)
        with np.errstate(divide="ignore"):
            return np.log((votes + share) / (index.shape[1] + 1))

    return logits


def _support_vectors(task: Task) -> Prediction:
    from sklearn.svm import LinearSVC

    # in the primal form nothing is drawn at random
    return _calibrated(
        task,
        _histograms(task, "hog-svm"),
        lambda h, label: _decision(LinearSVC(dual=False), h, label),
        most=2,
    )


def _ridge(task: Task) -> Prediction:
    from sklearn.linear_model import RidgeClassifier

    return _calibrated(
        task,
        _inception(task, "inception-ridge"),
        lambda h, label: _decision(RidgeClassifier(alpha=ALPHA), h, label),
    )


def _linear(task: Task) -> Prediction:
    how = task.plan.baselines["inception-linear"].network or NetworkTraining()
    return _calibrated(
        task,
        _inception(task, "inception-linear"),
        lambda h, label: _linear_layer(h, label, how, task.seed),
    )


def _linear_layer(h: Array, label: NDArray[np.int64], how: NetworkTraining, seed: int) -> Logits:
    """Train a linear layer from random weights, with the cross-entropy and Adam."""
    mean, scale = standardisation(h)
    x = torch.from_numpy(((h - mean) / scale).astype(np.float32))
    y = torch.from_numpy(label)
    with seeded(seed):
        layer = nn.Linear(x.shape[1], len(CLASSES))
        optimiser = torch.optim.Adam(layer.parameters(), lr=how.rate)
        steps, step = how.epochs * -(-len(x) // how.batch), 0
        for _ in range(how.epochs):
            for rows in torch.randperm(len(x)).split(how.batch):
                optimiser.param_groups[0]["lr"] = how.rate_at(step, steps)
                loss = F.cross_entropy(layer(x[rows]), y[rows])
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()
                step += 1

    def logits(features: Array) -> Array:
        ready = torch.from_numpy(((features - mean) / scale).astype(np.float32))
        with torch.inference_mode():
            found: Array = layer(ready).double().numpy()
        return found

    return logits


def _decision(model: Any, h: Array, label: NDArray[np.int64]) -> Logits:
    """Fit a classifier of scikit-learn whose decision function has a column for each class."""
    model.fit(h, label)

    def logits(features: Array) -> Array:
        found = model.decision_function(features)
        if found.ndim == 1:
            # of two classes, it tells the second from the first
            found = np.stack([-found, found], axis=1)
        every = np.full((len(found), len(CLASSES)), -np.inf)
        every[:, model.classes_] = found
        return every

    return logits


def _calibrated(
    task: Task,
    features: NDArray[np.float32],
    fit: Callable[[Array, NDArray[np.int64]], Logits],
    most: int | None = None,
) -> Prediction:
    """Fit to the training pictures; the temperature is found on ``most`` parts of them, or on all."""
    from classifier.evaluation_methods import Prediction

    h, y, g = check_training_set(
        features[task.train], task.label[task.train], task.night[task.train]
    )
    temperature = 1.0
    parts = calibration_parts(y, g, task.seed)[:most]
    if parts:
        held = np.concatenate([fit(h[train], y[train])(h[test]) for train, test in parts])
        true = np.concatenate([y[test] for _, test in parts])
        if np.isfinite(held[np.arange(true.size), true]).any():
            temperature = fit_temperature(held, true)
    return Prediction(fit(h, y)(features[task.test].astype(np.float64)), temperature)


def _histograms(task: Task, name: str) -> NDArray[np.float32]:
    size = task.plan.baselines[name].size
    return task.pictures.features(
        f"hog {size}", lambda: gradient_histograms(task.pictures.of_size(size))
    )


def _inception(task: Task, name: str) -> NDArray[np.float32]:
    size = task.plan.baselines[name].size

    def make() -> NDArray[np.float32]:
        network, _ = load_baseline(name, task.plan.weights)
        images = task.pictures.of_size(size)
        return representations(network, images, task.device, batch=64)

    return task.pictures.features(f"inception {size}", make)


#: Classifiers by name.
FITS: Mapping[str, Callable[..., Prediction]] = MappingProxyType(
    {
        "neighbours": _neighbours,
        "svm": _support_vectors,
        "inception-ridge": _ridge,
        "inception-linear": _linear,
    }
)
