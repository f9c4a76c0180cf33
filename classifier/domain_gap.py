"""What a change of domain costs, in numbers: a classifier on pictures like its own, and on others.

Pictures of one kind that were held out tell how well the classifier does at home. Pictures of the
other kind mostly have no labels: of those, :func:`gap_rows` says what they are called, how far
their representations lie, and of the few that have labels, how many are right. Far and strange
labels are signs of a gap; a small distance is no proof that there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from auroral_stats.errors import DataError
from auroral_stats.labels import CLASSES, PROBABILITY_COLUMNS
from classifier.domain_distance import energy_ratio, nearest_ratio
from classifier.head_training import FittedHead
from classifier.metrics import confusion_by_group, scores
from classifier.model import fold_batch_norms
from classifier.representations import representations
from classifier.score_intervals import jackknife_interval
from classifier.single_pictures import UNKNOWN, SinglePictures
from classifier.training_images import LabelledImages, TrainingImages

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["AT_HOME", "GapRow", "OtherPictures", "gap_rows", "gap_tables", "other_pictures", "seen"]

#: What rows call the held-out pictures of the kind that the classifier learnt from.
AT_HOME = "held-out nights"

_BATCH = 64


class OtherPictures(NamedTuple):
    """Pictures of another kind than those that a classifier learnt from.

    ``images``, (n, 1, size, size), uint8; ``label``, (n,), or
    :data:`~classifier.single_pictures.UNKNOWN`; ``scene``, (n,), which of them are near copies;
    ``group``, (n,), which of them are told of together: a scene, or all of one label.
    """

    images: Tensor
    label: NDArray[np.int64]
    scene: NDArray[np.str_]
    group: NDArray[np.str_]


class GapRow(NamedTuple):
    """A number, of what, and how far it reaches; see :func:`gap_rows`."""

    quantity: str
    of: str
    value: float
    low: float = np.nan
    high: float = np.nan


def other_pictures(frames: TrainingImages, pictures: SinglePictures) -> OtherPictures:
    """Put frames and single pictures together.

    Parameters
    ----------
    frames : TrainingImages
        A scene is a UTC day of a site.
    pictures : SinglePictures
        Taken for one scene, since nothing says when they were taken.

    Returns
    -------
    OtherPictures

    Raises
    ------
    DataError
        If simulated and real ones are mixed.
    """
    if len(pictures.label) and pictures.simulated != frames.simulated:
        raise DataError("simulated and real pictures cannot be mixed; give some of one kind.")
    days = frames.time.astype("M8[D]")
    scene = [f"{site} {day}" for site, day in zip(frames.station, days, strict=True)]
    named = [f"labelled {CLASSES[k]}" if k >= 0 else "without label" for k in pictures.label]
    return OtherPictures(
        images=torch.cat([frames.images, (pictures.images * 255).round().to(torch.uint8)]),
        label=np.concatenate([np.full(len(scene), UNKNOWN), pictures.label]),
        scene=np.array([*scene, *["pictures"] * len(named)]),
        group=np.array([*scene, *named]),
    )


def seen(encoder: nn.Module, images: Tensor) -> NDArray[np.float32]:
    """Return representations on a CPU in the quickest way, (n, feature).

    Parameters
    ----------
    encoder : Module
        Stays as it is.
    images : Tensor of uint8, (n, 1, size, size)

    Returns
    -------
    ndarray of float32, (n, feature)
    """
    fast = fold_batch_norms(encoder).to(memory_format=torch.channels_last)
    return representations(fast, images, "cpu", batch=_BATCH)


def gap_rows(
    encoder: nn.Module,
    heads: Sequence[FittedHead],
    reference: ArrayLike,
    held: LabelledImages,
    other: OtherPictures,
    *,
    parts: dict[str, NDArray[np.bool_]] | None = None,
    seed: int = 0,
) -> Iterator[GapRow]:
    """Measure a classifier at home and elsewhere.

    Parameters
    ----------
    encoder : Module
    heads : sequence of FittedHead
        One or more, alike but for their seed.
    reference : array_like, (n, feature)
        Representations of pictures that the heads learnt from.
    held : LabelledImages
        Of the same kind, from other station-nights.
    other : OtherPictures
    parts : dict of str to ndarray of bool, optional
        Parts of ``held`` whose accuracy is told as well.
    seed : int
        Of the station-nights that are drawn for comparison.

    Yields
    ------
    GapRow
        ``accuracy`` of :data:`AT_HOME`, mean of the heads with its 95 % interval by station-nights,
        and of each part; ``right``, how many of the other pictures that have labels are right, with
        the least and the most of any head; ``energy`` of all scenes and ``nearest`` of each, as
        :func:`~classifier.domain_distance.energy_ratio` and
        :func:`~classifier.domain_distance.nearest_ratio` give them; and for each group the mean
        probability of each class, under the name of its column.
    """
    g, r = (seen(encoder, images) for images in (held.images, other.images))
    p, q = (np.stack([_probabilities(head, h) for head in heads]) for h in (g, r))
    found = [confusion_by_group(held.label, each.argmax(1), held.night) for each in p]
    accuracy = jackknife_interval(np.mean(found, axis=0), lambda c: scores(c).accuracy)
    yield GapRow("accuracy", AT_HOME, accuracy.value, accuracy.low, accuracy.high)
    for name, part in (parts or {}).items():
        if part.any():
            yield GapRow("accuracy", name, float((p.argmax(2) == held.label)[:, part].mean()))
    known = other.label != UNKNOWN
    if known.any():
        right = (q.argmax(2) == other.label)[:, known].sum(axis=1)
        of = f"{known.sum()} labelled"
        yield GapRow("right", of, float(right.mean()), float(right.min()), float(right.max()))
    yield GapRow("energy", "all", *energy_ratio(r, other.scene, g, held.night, seed=seed))
    for name in dict.fromkeys(other.scene.tolist()):
        yield GapRow(
            "nearest", name, *nearest_ratio(r[other.scene == name], g, held.night, reference)
        )
    for name in dict.fromkeys(other.group.tolist()):
        mean = q[:, other.group == name].mean(axis=(0, 1))
        for column, value in zip(PROBABILITY_COLUMNS, mean, strict=True):
            yield GapRow(column, name, float(value))


def gap_tables(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return rows of several classifiers as two tables to be read.

    Parameters
    ----------
    rows : pandas.DataFrame
        The fields of :class:`GapRow`, and ``idea``, the name of the classifier.

    Returns
    -------
    scores, called : pandas.DataFrame
        A row an idea: numbers with their reach, and the most probable class of each group.
    """
    named = rows["quantity"].isin(PROBABILITY_COLUMNS)
    value, low, high = (rows[name].map("{:.2f}".format) for name in ("value", "low", "high"))
    reach = (" [" + low + ", " + high + "]").where(rows["low"].notna(), "")
    of = rows["quantity"] + ", " + rows["of"]
    told = rows.assign(of=of, text=value + reach)[~named]
    told = told.pivot(index="idea", columns="of", values="text")
    p = rows[named].pivot(index=["idea", "of"], columns="quantity", values="value")
    most = p.idxmax(axis=1).astype(str).str.replace("p_", "", regex=False)
    called = (most + " " + p.max(axis=1).map("{:.2f}".format)).unstack()
    ideas = list(dict.fromkeys(rows["idea"]))
    return (
        told.loc[ideas, list(dict.fromkeys(of[~named]))].reset_index(),
        called.loc[ideas, list(dict.fromkeys(rows["of"][named]))].reset_index(),
    )


def _probabilities(head: FittedHead, features: NDArray[np.float32]) -> NDArray[np.float64]:
    logits = head.logits(features) / head.temperature
    weight = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weight / weight.sum(axis=1, keepdims=True)
