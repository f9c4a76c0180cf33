"""The encoders of an evaluation: pretrained for it, or given, with their representations."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from auroral_stats.brief import Brief
from classifier.checkpoint import Checkpoint, build_model, load_checkpoint
from classifier.evaluation_plan import EvaluationPlan
from classifier.pretrain import pretrain
from classifier.representations import representations
from classifier.training_images import LabelledImages

__all__ = ["Represented", "plan_for_encoder", "pretrained", "represented", "resized"]


@dataclass(frozen=True, eq=False, repr=False)
class Represented(Brief):
    """An encoder on its device, and its representations of all pictures, (n, feature)."""

    encoder: nn.Module
    features: NDArray[np.float32]


def pretrained(
    images: LabelledImages,
    plan: EvaluationPlan,
    path: Path,
    device: torch.device,
    run: int,
    *,
    rows: NDArray[np.int64] | None = None,
    part: Callable[[float], None] | None = None,
) -> Represented:
    """Pretrain an encoder, or take the one that this evaluation pretrained before.

    Parameters
    ----------
    images : LabelledImages
        Their labels are not looked at.
    plan : EvaluationPlan
    path : Path
        Where the encoder is kept.
    device : torch.device
    run : int
        Its seed.
    rows : ndarray of int64, optional
        Pictures to train on; all if not given.
    part : callable, optional
        Told the share of the training that is done.

    Returns
    -------
    Represented

    Raises
    ------
    TrainingStopped
        After Ctrl-C or SIGTERM; the next call goes on.
    DataError
        If the loss became NaN.
    """
    seen = images if rows is None else _some(images, rows)
    pretrain(
        seen,
        dataclasses.replace(plan.contrastive, seed=run),
        path,
        device=device,
        resume=True,
        report=None if part is None else lambda status: part(status.step / status.steps),
        half=False,
    )
    found = load_checkpoint(path, kind="encoder")
    return represented(found, images, plan, device)


def represented(
    found: Checkpoint, images: LabelledImages, plan: EvaluationPlan, device: torch.device
) -> Represented:
    """Build the encoder of a checkpoint, and compute its representations of all pictures."""
    encoder = build_model(found.header, found.tensors)
    features = representations(encoder, images.images, device, bf16=plan.contrastive.bf16)
    return Represented(encoder, features)


def plan_for_encoder(path: str | Path, plan: EvaluationPlan) -> tuple[Checkpoint, EvaluationPlan]:
    """Read an encoder, and return the plan with pictures of its size.

    Parameters
    ----------
    path : path
    plan : EvaluationPlan

    Returns
    -------
    checkpoint : Checkpoint
    plan : EvaluationPlan

    Raises
    ------
    ArchiveError, DataError
        If it cannot be read, or is no encoder.
    """
    found = load_checkpoint(path, kind="encoder")
    header = found.header
    contrastive = dataclasses.replace(
        plan.contrastive, size=header.size, view_size=None, architecture=header.architecture
    )
    network_size = min(plan.network_size, header.size)
    return found, dataclasses.replace(plan, contrastive=contrastive, network_size=network_size)


def resized(images: Tensor, size: int) -> Tensor:
    """Return pictures of another size, without aliasing.

    Parameters
    ----------
    images : Tensor of uint8, (n, 1, s, s)
    size : int

    Returns
    -------
    Tensor of uint8, (n, 1, size, size)

    Examples
    --------
    >>> resized(torch.full((2, 1, 64, 64), 7, dtype=torch.uint8), 32).unique()
    tensor([7], dtype=torch.uint8)
    """
    if images.shape[-1] == size:
        return images
    parts = [
        F.interpolate(part.float(), size=(size, size), mode="bilinear", antialias=True)
        for part in images.split(512)
    ]
    return torch.cat([part.round_().clamp_(0, 255).to(torch.uint8) for part in parts])


def _some(images: LabelledImages, rows: NDArray[np.int64]) -> LabelledImages:
    """Return some pictures under a fingerprint of their own, so that no encoder is mixed up."""
    digest = hashlib.sha256(images.fingerprint.encode() + rows.tobytes()).hexdigest()
    return dataclasses.replace(images.take(rows), fingerprint=digest)
