"""Representations h = f(x) of pictures by a frozen encoder, computed once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from auroral_stats.errors import DataError
from classifier.model import find_device

__all__ = ["representations"]


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
