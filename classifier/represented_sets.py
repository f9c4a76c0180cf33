"""A labelled set with the representations of its pictures: what an analysis of them starts from.

Without a set of one's own, one is simulated for the occasion.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from auroral_stats.errors import UsageError
from auroral_stats.provenance import describe
from classifier.model import fold_batch_norms
from classifier.oath import Oath, open_oath
from classifier.representations import load_encoder, representations
from classifier.training_images import LabelledImages, load_images

__all__ = ["RepresentedSet", "represented_set", "thinned"]

#: Seed of the set that is simulated; the bundled model has not seen it.
SEED = 5


@dataclass(frozen=True, eq=False)
class RepresentedSet:
    """Some pictures of a set, their labels and their representations.

    Attributes
    ----------
    oath : Oath
    images : LabelledImages
        Of the same pictures, in the size of the encoder.
    features : ndarray of float32, (n, feature)
    attrs : dict
        What made it, with numbers of pictures and station-nights: for tables and figures.
    """

    oath: Oath
    images: LabelledImages
    features: NDArray[np.float32]
    attrs: dict[str, Any]


def represented_set(
    data: str | Path | None = None,
    model: str | Path | None = None,
    *,
    limit: int = 900,
    device: str | torch.device = "auto",
    workers: int = 2,
    progress: Callable[[str], None] | None = None,
) -> RepresentedSet:
    """Open or simulate a set, and compute the representations of some of its pictures.

    Parameters
    ----------
    data : path, optional
        Folder of an OATH-shaped set; if not given, one of ``limit`` pictures is simulated.
    model : path, optional
        As :func:`classifier.representations.load_encoder` takes it.
    limit : int
        Pictures at most; of larger sets see :func:`thinned`.
    device : str or torch.device
    workers : int
        Processes that simulate. They start anew: a script must call this below
        ``if __name__ == "__main__":``.
    progress : callable, optional
        Told what is done next.

    Returns
    -------
    RepresentedSet

    Raises
    ------
    ArchiveError, DataError
        If the set or the checkpoint cannot be read.
    UsageError
        If the limit is not positive.
    """
    say = progress or (lambda _: None)
    given = load_encoder(model)
    with tempfile.TemporaryDirectory(prefix="auroral-") as folder:
        if data is None:
            from classifier.oath_plan import FEWEST_FRAMES
            from classifier.oath_simulation import simulate_oath

            frames = max(limit, FEWEST_FRAMES)
            say(f"Simulating {frames:,} pictures")
            oath = simulate_oath(Path(folder, "oath"), frames, SEED, workers=workers)
        else:
            oath = open_oath(data)
        oath = thinned(oath, limit)
        say("Reading pictures")
        images = load_images(oath, given.header.size)
    say("Computing representations")
    features = representations(fold_batch_norms(given.encoder), images.images, device)
    attrs = describe(
        "Representations of labelled pictures",
        parameters={"limit": limit},
        simulated=images.simulated,
        set=f"simulated with seed {SEED}" if data is None else data,
        data_fingerprint=images.fingerprint,
        encoder_sha256=given.sha256,
        model_trained_on=given.header.model_trained_on,
    )
    counts = {"pictures": len(images), "station_nights": int(np.unique(images.night).size)}
    return RepresentedSet(oath, images, features, attrs | counts)


def thinned(oath: Oath, limit: int) -> Oath:
    """Return a set of at most so many pictures, spread evenly over each station-night.

    Parameters
    ----------
    oath : Oath
    limit : int

    Returns
    -------
    Oath
        Every second picture of each station in order of time, or every third, and so on. Near
        copies become fewer, and all nights stay.

    Raises
    ------
    UsageError
        If the limit is not positive.
    """
    if limit < 1:
        raise UsageError(f"limit is {limit}; expected 1 or more pictures.")
    order = np.lexsort((oath.time, oath.site))
    step = -(-len(oath) // limit)
    return oath if step == 1 else oath.take(np.sort(order[::step]))
