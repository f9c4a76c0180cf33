"""Representations of frames of the demo world, drawn night by night and not kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from auroral_stats.errors import UsageError
from classifier.demo_nights import DemoNight, draw_nights
from classifier.model import fold_batch_norms
from classifier.preprocess import preprocess
from classifier.representations import LoadedEncoder, representations

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["represent_nights"]


def represent_nights(
    nights: Sequence[DemoNight],
    encoder: LoadedEncoder,
    seed: int = 0,
    *,
    workers: int = 1,
    device: str | torch.device = "auto",
    progress: Callable[[int, int, int], None] | None = None,
) -> tuple[pd.DataFrame, NDArray[np.float32]]:
    """Draw the chosen frames and compute their representations as they come.

    Parameters
    ----------
    nights : sequence of DemoNight
    encoder : LoadedEncoder
        From :func:`classifier.representations.load_encoder`.
    seed, workers
        As :func:`classifier.demo_nights.draw_nights` takes them.
    device : str or torch.device
    progress : callable, optional
        Called with nights of a station done, and in all, and frames drawn.

    Returns
    -------
    frames : pandas.DataFrame
        A row for each frame, in order: ``site``; ``time``, UTC; ``true``, what the world says it
        shows, in the order of :data:`auroral_stats.labels.CLASSES`; ``simulated``.
    features : ndarray of float32, (frame, feature)

    Raises
    ------
    UsageError, DataError
        As :func:`classifier.demo_nights.draw_nights`; also if there is no night.
    """
    import pandas as pd

    if not nights:
        raise UsageError("nights: none came; choose other sites, or more nights.")
    network = fold_batch_norms(encoder.encoder)
    say = progress or (lambda *_: None)
    rows, features, frames = [], [], 0
    for number, (night, images) in enumerate(draw_nights(nights, seed, workers=workers), 1):
        ready = preprocess(images, encoder.header.preprocess, encoder.header.size)
        pictures = (ready * 255).round_().to(torch.uint8)
        features.append(representations(network, pictures, device, batch=len(pictures)))
        rows.append(pd.DataFrame({"site": night.site, "time": night.time, "true": night.label}))
        frames += len(images)
        say(number, len(nights), frames)
    return pd.concat(rows, ignore_index=True).assign(simulated=True), np.concatenate(features)
