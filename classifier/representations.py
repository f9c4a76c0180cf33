"""Representations h = f(x) of pictures by a frozen encoder, computed once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from auroral_stats.errors import DataError
from classifier.checkpoint_header import Header
from classifier.checkpoint_weights import build_model, load_checkpoint
from classifier.loaded_model import bundled_path
from classifier.model import Classifier, find_device

__all__ = ["LoadedEncoder", "load_encoder", "representations"]


class LoadedEncoder(NamedTuple):
    """An encoder in evaluation mode on the CPU, its header, and the SHA-256 of its file."""

    encoder: nn.Module
    header: Header
    sha256: str


def load_encoder(path: str | Path | None = None) -> LoadedEncoder:
    """Load an encoder.

    Parameters
    ----------
    path : path, optional
        Checkpoint of an encoder, or of a classifier, whose encoder is then taken; the classifier
        that comes with the package if not given.

    Returns
    -------
    LoadedEncoder
        Its header is that of an encoder in either case.

    Raises
    ------
    ArchiveError, DataError
        As :func:`classifier.checkpoint.load_checkpoint`.

    Examples
    --------
    >>> found = load_encoder()
    >>> found.header.kind, found.encoder(torch.rand(1, 1, 64, 64)).shape
    ('encoder', torch.Size([1, 512]))
    """
    found = load_checkpoint(bundled_path() if path is None else path)
    model = build_model(found.header, found.tensors)
    if not isinstance(model, Classifier):
        return LoadedEncoder(model, found.header, found.sha256)
    header = replace(found.header, kind="encoder", classes=(), head=None, temperature=1.0)
    return LoadedEncoder(model.encoder, header, found.sha256)


def representations(
    encoder: nn.Module,
    images: Tensor,
    device: str | torch.device = "auto",
    *,
    batch: int = 256,
    bf16: bool = False,
    progress: Callable[[int], None] | None = None,
) -> NDArray[np.float32]:
    """Return the output of a network for pictures without augmentation.

    Parameters
    ----------
    encoder : Module
        Takes float (n, 1, size, size) in [0, 1]. Afterwards it is in evaluation mode, on the
        device.
    images : Tensor of uint8, (n, 1, size, size)
    device : str or torch.device
    batch : int
        Pictures that go through at once; the last batch is filled up, so that a picture gets the
        same numbers whatever comes with it.
    bf16 : bool
        Whether the network runs in bfloat16; faster, with three digits.
    progress : callable, optional
        Told how many pictures are done.

    Returns
    -------
    ndarray of float32, (n, feature)

    Raises
    ------
    DataError
        If a number is not finite.

    Examples
    --------
    >>> representations(nn.Flatten(), torch.full((3, 1, 2, 2), 51, dtype=torch.uint8), "cpu")[0]
    array([0.2, 0.2, 0.2, 0.2], dtype=float32)
    """
    place = find_device(device)
    encoder.to(place).eval()
    out: list[NDArray[np.float32]] = []
    for first in range(0, len(images), batch):
        part = images[first : first + batch]
        x = part.to(place).float() / 255
        if len(x) < batch < len(images):
            x = torch.cat([x, x.new_zeros(batch - len(x), *x.shape[1:])])
        x = x.contiguous(memory_format=torch.channels_last)
        with torch.inference_mode(), torch.autocast(place.type, torch.bfloat16, enabled=bf16):
            h = encoder(x)
        out.append(h[: len(part)].float().cpu().numpy())
        if progress is not None:
            progress(first + len(part))
    found = np.concatenate(out) if out else np.empty((0, 0), dtype=np.float32)
    if not np.isfinite(found).all():
        raise DataError(
            "representations hold NaN or infinity: the weights of the encoder are damaged, or its "
            "training went wrong. Take an earlier checkpoint."
        )
    return found
