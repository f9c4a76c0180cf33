"""A classifier ready to be used: from frames to calibrated probabilities."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from auroral_stats.errors import DataError, UsageError
from classifier.checkpoint_header import Header
from classifier.checkpoint_weights import build_model, load_checkpoint
from classifier.model import find_device, fold_batch_norms
from classifier.preprocess import preprocess

__all__ = ["LoadedModel", "bundled_path", "load_model"]

#: Where the bundled model lies in the package.
BUNDLED = "data"


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A classifier on a device, from frames to calibrated probabilities.

    Attributes
    ----------
    header : Header
    sha256 : str
        Of the checkpoint file.
    device : torch.device
    model : Module
        In evaluation mode, its batch norms folded into the convolutions.
    batch : int
        Frames that go through at once. All batches are filled up to it, so that a frame gets the
        same probabilities whatever comes with it.
    bf16 : bool
        Whether the network runs in bfloat16.
    """

    header: Header
    sha256: str
    device: torch.device
    model: nn.Module = field(repr=False)
    batch: int
    bf16: bool = False

    @property
    def lanes(self) -> int:
        """Batches at once that make best use of the device: on a CPU one a core."""
        if self.device.type != "cpu":
            return 1
        affinity = getattr(os, "sched_getaffinity", None)
        return len(affinity(0)) if affinity else os.cpu_count() or 1

    def probabilities(self, images: NDArray[np.uint16]) -> NDArray[np.float32]:
        """Return calibrated probabilities, (n, class), of raw frames.

        Parameters
        ----------
        images : ndarray of uint16, (n, 256, 256)
            As :func:`classifier.frames.read_frames` gives them.

        Returns
        -------
        ndarray of float32, (n, 6)
            In the order of :data:`auroral_stats.labels.CLASSES`.

        Raises
        ------
        DataError
            Frames of another shape or type.
        """
        return self._in_batches(
            images,
            lambda part: preprocess(
                part, self.header.preprocess, self.header.size, device=self.device
            ),
        )

    def probabilities_of_prepared(self, pictures: Tensor) -> NDArray[np.float32]:
        """Return calibrated probabilities, (n, class), of pictures made ready before.

        Parameters
        ----------
        pictures : Tensor of uint8 or float, (n, 1, size, size)
            Such as those of :mod:`classifier.training_images`; floating ones from 0 to 1.

        Returns
        -------
        ndarray of float32, (n, 6)

        Raises
        ------
        DataError
            If their size is not that of the model.
        """
        size = self.header.size
        if tuple(pictures.shape[1:]) != (self.header.channels, size, size):
            raise DataError(
                f"pictures: shape {tuple(pictures.shape)} came, the model takes (n, "
                f"{self.header.channels}, {size}, {size}); load them with size={size}."
            )

        def scaled(part: Tensor) -> Tensor:
            moved = part.to(self.device)
            return moved.float() if moved.is_floating_point() else moved.float() / 255

        return self._in_batches(pictures, scaled)

    def _in_batches(self, images: Any, ready: Callable[[Any], Tensor]) -> NDArray[np.float32]:
        out = np.empty((len(images), len(self.header.classes)), np.float32)
        for first in range(0, len(images), self.batch):
            x = ready(images[first : first + self.batch])
            n = len(x)
            if n < self.batch:
                x = torch.cat([x, x.new_zeros(self.batch - n, *x.shape[1:])])
            with (
                torch.inference_mode(),
                torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16),
            ):
                logits = self.model(x)
            scores = logits.float() / self.header.temperature
            out[first : first + n] = scores[:n].softmax(dim=1).cpu().numpy()
        return out


def load_model(
    path: str | Path | None = None,
    device: str | torch.device = "auto",
    *,
    batch: int | None = None,
    bf16: bool = False,
) -> LoadedModel:
    """Load a classifier.

    Parameters
    ----------
    path : path, optional
        Checkpoint of a classifier; the one that comes with the package if not given.
    device : str or torch.device
        As :func:`classifier.model.find_device` takes it.
    batch : int, optional
        Frames that go through at once; 32 on a CPU, 256 elsewhere, if not given.
    bf16 : bool
        Run the network in bfloat16.

    Returns
    -------
    LoadedModel

    Raises
    ------
    UsageError
        If the device is not there, or ``batch`` is no number of frames.
    ArchiveError, DataError
        As :func:`load_checkpoint`; also if no model comes with the package.
    """
    place = find_device(device)
    if batch is not None and batch < 1:
        raise UsageError(f"batch: {batch} came, expected 1 or more.")
    found = load_checkpoint(bundled_path() if path is None else path, kind="classifier")
    # Both halve the time of the network on a CPU, and change no more than its rounding.
    model = fold_batch_norms(build_model(found.header, found.tensors))
    model = model.to(place, memory_format=torch.channels_last)
    size = batch or (32 if place.type == "cpu" else 256)
    return LoadedModel(found.header, found.sha256, place, model, size, bf16)


def bundled_path() -> Path:
    """Return where the checkpoint that comes with the package lies.

    Returns
    -------
    Path

    Raises
    ------
    DataError
        If none came with this installation.

    Examples
    --------
    >>> bundled_path().suffix
    '.safetensors'
    """
    folder = Path(str(resources.files("classifier"))) / BUNDLED
    found = sorted(folder.glob("*.safetensors"))
    if not found:
        raise DataError(
            f"{folder}: no model came with this installation; name one with --model, or make it "
            "with: auroral_classifier pretrain, then auroral_classifier finetune"
        )
    return found[-1]
