"""A classifier from an encoder and labels, written as a checkpoint that labels frames.

By default the encoder stays as it is: its representations are computed once, and a head is trained
on them. With ``unfreeze`` the head that was found so is the start, and all weights follow the labels
(Kumar et al. 2022, arXiv 2202.10054: a random head would spoil the encoder first). Without an
encoder, all weights start at random: the supervised classifier to compare with.

The temperature of the checkpoint comes from station-nights that were held out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from auroral_stats.errors import DataError, UsageError
from auroral_stats.labels import CLASSES
from auroral_stats.whole_file import check_target
from classifier.checkpoint import Checkpoint, Header, build_model, load_checkpoint, save_checkpoint
from classifier.head_training import HeadTraining, fit_head
from classifier.metrics import missing_classes
from classifier.model import Classifier, ClassifierHead, encoder, feature_count, find_device, seeded
from classifier.network_training import (
    FittedNetwork,
    NetworkStatus,
    NetworkTraining,
    fit_network,
    nights_apart,
)
from classifier.probe import LinearProbe, fit_linear
from classifier.representations import representations
from classifier.stopping import TrainingStopped
from classifier.training_images import LabelledImages

__all__ = ["UNFROZEN_RATE", "Finetuned", "finetune", "linear_head", "new_classifier", "unfrozen"]

Head = Literal["two-layer", "linear"]

#: Largest learning rate for the weights of an encoder that was pretrained.
UNFROZEN_RATE = 3e-4


@dataclass(frozen=True)
class Finetuned:
    """What was written.

    Attributes
    ----------
    path : Path
    header : Header
    station_nights : int
        Of the training pictures.
    """

    path: Path
    header: Header
    station_nights: int


def finetune(
    images: LabelledImages,
    out: str | Path,
    encoder_path: str | Path | None = None,
    *,
    head: Head = "two-layer",
    unfreeze: bool = False,
    architecture: str = "resnet18",
    head_training: HeadTraining | None = None,
    network_training: NetworkTraining | None = None,
    device: str | torch.device = "auto",
    seed: int = 0,
    half: bool = False,
    report: Callable[[NetworkStatus], None] | None = None,
) -> Finetuned:
    """Train a classifier on all pictures of a labelled set, and write its checkpoint.

    Parameters
    ----------
    images : LabelledImages
        Of the size of the encoder.
    out : path
    encoder_path : path, optional
        Checkpoint of an encoder; without, all weights are trained from scratch.
    head : {"two-layer", "linear"}
        ``linear`` is the l2-regularised logistic regression of Johnson et al. 2021; on a frozen
        encoder only.
    unfreeze : bool
        Train the weights of the encoder, too, after the head.
    architecture : str
        Of a classifier from scratch.
    head_training : HeadTraining, optional
    network_training : NetworkTraining, optional
        For ``unfreeze`` and from scratch.
    device : str or torch.device
    seed : int
    half : bool
        Store weights as float16.
    report : callable, optional
        Told the status after every step of a training of all weights.

    Returns
    -------
    Finetuned

    Raises
    ------
    UsageError
        If options contradict each other, or sizes differ.
    DataError
        If the set lacks a class, or the loss became NaN; then the checkpoint is that of the last
        good epoch, if there was one.
    TrainingStopped
        After Ctrl-C or SIGTERM; the checkpoint is that of the last whole epoch.
    ArchiveError
        If a file cannot be read or written.
    """
    place = find_device(device)
    check_target(out)
    _check(images, head, unfreeze=unfreeze, scratch=encoder_path is None)
    given = None if encoder_path is None else load_checkpoint(encoder_path, kind="encoder")
    if given is not None and given.header.size != images.size:
        raise UsageError(
            f"{encoder_path}: takes pictures of {given.header.size} pixels, {images.size} came; "
            f"load them with size={given.header.size}."
        )
    nights = int(np.unique(images.night).size)
    header = _header(images, given, architecture, head)
    said: dict[str, Any] = {"seed": seed, "encoder": given.sha256 if given else "", "head": head}
    if given is not None and not unfreeze:
        frozen = build_model(given.header, given.tensors)
        h = representations(frozen, images.images, place)
        top, temperature = _frozen_head(h, images, head, head_training, seed, said)
        model = Classifier(frozen.cpu(), top)
        header = replace(header, temperature=temperature, training=said)
        return Finetuned(save_checkpoint(out, model, header, half=half), header, nights)

    how = network_training or NetworkTraining(rate=UNFROZEN_RATE if given else 1e-3)
    if given is None:
        network = new_classifier(architecture, seed)
    else:
        base = build_model(given.header, given.tensors)
        h = representations(base, images.images, place)
        rows, _ = nights_apart(images.label, images.night, seed)
        network = unfrozen(base, h, images.label, images.night, rows, head_training, seed)
    fitted = fit_network(
        network, images.images, images.label, images.night, how,
        device=place, seed=seed, report=report,
    )  # fmt: skip
    method = "finetuned, all weights" if given else "supervised, from scratch"
    said |= {
        "method": method,
        "network": asdict(how),
        "losses": list(fitted.losses),
        "ended": fitted.ended,
    }
    header = replace(header, temperature=fitted.temperature, training=said)
    path = save_checkpoint(out, fitted.model, header, half=half)
    _say_why_it_ended(fitted, how, path)
    return Finetuned(path, header, nights)


def new_classifier(architecture: str, seed: int) -> Classifier:
    """Return a classifier with random weights.

    Parameters
    ----------
    architecture : str
        One of :data:`classifier.model.ARCHITECTURES`.
    seed : int

    Returns
    -------
    Classifier
    """
    with seeded(seed):
        return Classifier(encoder(architecture), ClassifierHead(feature_count(architecture)))


def unfrozen(
    base: nn.Module,
    features: np.ndarray[Any, Any],
    label: np.ndarray[Any, Any],
    group: np.ndarray[Any, Any],
    rows: np.ndarray[Any, Any],
    training: HeadTraining | None,
    seed: int,
) -> Classifier:
    """Return a pretrained encoder under a head that was trained on it, ready to be trained on.

    Parameters
    ----------
    base : Module
        The encoder; it becomes part of the classifier.
    features : ndarray, (n, feature)
        Its representations.
    label, group : ndarray of int, (n,)
    rows : ndarray of int
        Which pictures the head may see: not those that will find the temperature.
    training : HeadTraining, optional
    seed : int

    Returns
    -------
    Classifier
    """
    top = fit_head(features[rows], label[rows], group[rows], training, seed=seed, calibrate=False)
    return Classifier(base, top.head.train())


def linear_head(probe: LinearProbe) -> nn.Linear:
    """Return logistic regression as a layer that takes representations as the encoder gives them.

    Parameters
    ----------
    probe : LinearProbe

    Returns
    -------
    Linear
    """
    weight = probe.weight / probe.scale
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight))
        layer.bias.copy_(torch.from_numpy(probe.bias - weight @ probe.mean))
    return layer


def _frozen_head(
    features: np.ndarray[Any, Any],
    images: LabelledImages,
    head: Head,
    training: HeadTraining | None,
    seed: int,
    said: dict[str, Any],
) -> tuple[nn.Module, float]:
    if head == "linear":
        probe = fit_linear(features, images.label, images.night, seed=seed)
        said |= {"method": "logistic regression, encoder frozen", "c": probe.c}
        return linear_head(probe), probe.temperature
    how = training or HeadTraining()
    fitted = fit_head(features, images.label, images.night, how, seed=seed)
    said |= {"method": "two-layer head, encoder frozen", "training": asdict(how)}
    return fitted.head, fitted.temperature


def _check(images: LabelledImages, head: str, *, unfreeze: bool, scratch: bool) -> None:
    if head not in {"two-layer", "linear"}:
        raise UsageError(f"head is {head!r}; expected 'two-layer' or 'linear'.")
    if scratch and unfreeze:
        raise UsageError("unfreeze needs an encoder; without one, all weights are trained anyway.")
    if head == "linear" and (scratch or unfreeze):
        raise UsageError("a linear head is fitted to a frozen encoder; take the two-layer head.")
    missing = missing_classes(images.label)
    if missing:
        raise DataError(
            f"the set has no pictures of {', '.join(missing)}; a classifier of frames needs all "
            f"six classes: {', '.join(CLASSES)}."
        )


def _header(
    images: LabelledImages, given: Checkpoint | None, architecture: str, head: Head
) -> Header:
    learnt = images.trained_on
    if given is not None and given.header.data_fingerprint != images.fingerprint:
        learnt = f"{given.header.model_trained_on} (encoder) and {images.trained_on} (labels)"
    return Header(
        kind="classifier",
        architecture=given.header.architecture if given else architecture,
        size=images.size,
        model_trained_on=learnt,
        simulated=images.simulated or (given is not None and given.header.simulated),
        preprocess=images.recipe,
        classes=CLASSES,
        head=head,
        data_fingerprint=images.fingerprint,
    )


def _say_why_it_ended(fitted: FittedNetwork, how: NetworkTraining, path: Path) -> None:
    done = f"after epoch {len(fitted.losses)} of {how.epochs}; {path} is the classifier of then"
    if fitted.ended == "diverged":
        raise DataError(f"the loss became NaN {done}. Train with a lower rate, or without bf16.")
    if fitted.ended == "stopped":
        raise TrainingStopped(f"stopped {done}.")
