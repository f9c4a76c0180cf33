"""Pictures without labels, labelled by a classifier where it is sure, and learnt from.

:func:`pseudolabel` computes the representations of labelled and other pictures once, has
:mod:`classifier.self_training` go through its rounds, and returns a classifier and tables that say
of each picture who labelled it. Labels by hand and pseudo-labels are in one table with the column
``source``, and never without it.

Pictures of unknown station or time take no part: they may be near copies of any.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from auroral_stats.errors import DataError, UsageError
from auroral_stats.labels import CLASSES
from auroral_stats.provenance import simulated_attr
from auroral_stats.whole_file import write_whole
from classifier import __version__
from classifier.checkpoint_header import Header
from classifier.checkpoint_weights import save_checkpoint
from classifier.finetune import linear_head
from classifier.head_training import FittedHead
from classifier.metrics import missing_classes
from classifier.model import Classifier, fold_batch_norms
from classifier.probe import LinearProbe
from classifier.pseudolabel_pictures import (
    learnt_from,
    night_names,
    picture_keys,
    pictures_table,
)
from classifier.representations import LoadedEncoder, load_encoder, representations
from classifier.self_training import HEADS, self_train
from classifier.self_training_rounds import (
    Round,
    SelfTrained,
    SelfTraining,
    nights_table,
    rounds_table,
)
from classifier.training_images import LabelledImages, TrainingImages

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Pseudolabelled", "pseudolabel", "write_pseudolabels"]


@dataclass(frozen=True, eq=False)
class Pseudolabelled:
    """What came of it.

    Attributes
    ----------
    found : SelfTrained
        Over the pictures without labels that took part.
    pictures : pandas.DataFrame
        What the classifier learnt from: source, site, time, picture (number in an OATH-shaped set,
        else missing), night, label, round (0 for labels by hand), probability, simulated.
    rounds, nights : pandas.DataFrame
        See :mod:`classifier.self_training_rounds`.
    model : Module
    header : Header
        Of the checkpoint of the classifier.
    attrs : dict
        What made it.
    """

    found: SelfTrained
    pictures: pd.DataFrame
    rounds: pd.DataFrame
    nights: pd.DataFrame
    model: nn.Module
    header: Header
    attrs: dict[str, Any]


def pseudolabel(
    images: LabelledImages,
    unlabelled: TrainingImages,
    encoder_path: str | Path | None = None,
    plan: SelfTraining | None = None,
    *,
    head: str = "two-layer",
    device: str | torch.device = "auto",
    report: Callable[[Round], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Pseudolabelled:
    """Label pictures by a classifier where it is sure, and train it on them as well.

    Parameters
    ----------
    images : LabelledImages
        Of all six classes, and of the size of the encoder.
    unlabelled : TrainingImages
        Of the same size. Those that are among ``images`` take no part. If they are
        :class:`~classifier.training_images.LabelledImages`, their labels serve to measure the
        precision of the pseudo-labels, and for nothing else.
    encoder_path : path, optional
        As :func:`classifier.representations.load_encoder` takes it; the encoder stays as it is.
    plan : SelfTraining, optional
    head : {"two-layer", "linear"}
    device : str or torch.device
    report : callable, optional
        Told each round when it is done.
    progress : callable, optional
        Told how many pictures the encoder has seen, and of how many.

    Returns
    -------
    Pseudolabelled

    Raises
    ------
    UsageError
        If the head is not known, or pictures are of another size than the encoder takes.
    DataError
        If a class is missing, or there are too few station-nights for the folds.
    ArchiveError
        If the encoder cannot be read.
    """
    how = plan or SelfTraining()
    if head not in HEADS:
        raise UsageError(f"head is {head!r}; expected one of {', '.join(HEADS)}.")
    given = load_encoder(encoder_path)
    _check(images, unlabelled, given)
    keys, new_keys = picture_keys(images), picture_keys(unlabelled)
    rows = np.flatnonzero(keys != "")
    new = np.flatnonzero((new_keys != "") & ~np.isin(new_keys, keys))
    mine, theirs = night_names(images)[rows], night_names(unlabelled)[new]
    encoder, say = fold_batch_norms(given.encoder), progress or (lambda *_: None)

    def represented(part: TrainingImages, chosen: NDArray[np.int64], before: int) -> Any:
        def tell(done: int) -> None:
            say(before + done, rows.size + new.size)

        pictures = part.images[torch.from_numpy(chosen)]
        return representations(encoder, pictures, device, progress=tell)

    h, h_new = represented(images, rows, 0), represented(unlabelled, new, rows.size)
    truth = unlabelled.label[new] if isinstance(unlabelled, LabelledImages) else None
    found = self_train(
        h, images.label[rows], mine, h_new.reshape(len(new), h.shape[1]), theirs, how,
        head=HEADS[head], truth=truth, report=report,
    )  # fmt: skip
    simulated = images.simulated or unlabelled.simulated
    header = _header(images, unlabelled, given, found, head, how)
    return Pseudolabelled(
        found,
        pictures_table(images, rows, mine, unlabelled, new, theirs, found),
        rounds_table(found, simulated=simulated),
        nights_table(found, theirs.tolist(), simulated=simulated),
        Classifier(given.encoder, _layers(found)).eval(),
        header,
        {
            "title": "Self-training",
            "simulated": simulated_attr(simulated),
            "labelled": f"{images.trained_on} ({len(rows):,} take part)",
            "unlabelled": f"{unlabelled.trained_on} ({len(new):,} take part)",
            "encoder_sha256": given.sha256,
            "model_trained_on": header.model_trained_on,
            "plan": {**asdict(how), "head": head},
            "kept_round": found.best,
            "ended": found.ended,
            "software_version": __version__,
            "torch_version": torch.__version__,
        },
    )


def write_pseudolabels(made: Pseudolabelled, out: str | Path) -> list[Path]:
    """Write the tables, the history and the checkpoint of the classifier into a folder.

    Parameters
    ----------
    made : Pseudolabelled
    out : path

    Returns
    -------
    list of Path
        ``pictures.csv``, ``rounds.csv``, ``nights.csv``, ``selftraining.json`` (all but the
        pictures, and what made it), ``classifier.safetensors``.

    Raises
    ------
    ArchiveError
        If a file cannot be written.
    """
    folder = Path(out)
    tables = {"pictures": made.pictures, "rounds": made.rounds, "nights": made.nights}
    written = [_write_csv(table, folder / f"{name}.csv") for name, table in tables.items()]
    rows = {
        name: json.loads(tables[name].to_json(orient="records")) for name in ("rounds", "nights")
    }
    text = json.dumps({"provenance": made.attrs, **rows}, indent=1, allow_nan=False) + "\n"
    written.append(
        write_whole(
            folder / "selftraining.json", lambda file: file.write_text(text, encoding="utf-8")
        )
    )
    path = folder / "classifier.safetensors"
    return [*written, save_checkpoint(path, made.model, made.header)]


def _check(images: LabelledImages, unlabelled: TrainingImages, given: LoadedEncoder) -> None:
    for what, part in (("labelled", images), ("unlabelled", unlabelled)):
        if part.size != given.header.size:
            raise UsageError(
                f"{what} pictures are {part.size} pixels wide; the encoder takes "
                f"{given.header.size}. Load them with that size."
            )
    missing = missing_classes(images.label)
    if missing:
        raise DataError(
            f"the labelled pictures show no {', '.join(missing)}; a classifier of frames needs all "
            f"six classes: {', '.join(CLASSES)}."
        )


def _layers(found: SelfTrained) -> nn.Module:
    if isinstance(found.head, LinearProbe):
        return linear_head(found.head)
    assert isinstance(found.head, FittedHead)
    return found.head.head


def _header(
    images: LabelledImages,
    unlabelled: TrainingImages,
    given: LoadedEncoder,
    found: SelfTrained,
    head: str,
    how: SelfTraining,
) -> Header:
    number = int(found.kept.sum())
    learnt = learnt_from(images, unlabelled, number)
    if given.header.data_fingerprint != images.fingerprint:
        learnt = f"{given.header.model_trained_on} (encoder) and {learnt}"
    counts = np.bincount(found.label[found.kept], minlength=len(CLASSES)).tolist()
    return replace(
        given.header,
        kind="classifier",
        model_trained_on=learnt,
        simulated=given.header.simulated
        or images.simulated
        or (unlabelled.simulated and number > 0),
        preprocess=images.recipe,
        classes=CLASSES,
        head=head,
        temperature=found.temperature,
        data_fingerprint=images.fingerprint,
        training={
            "method": f"self-training, {head} head, encoder frozen",
            "encoder": given.sha256,
            **asdict(how),
            "kept_round": found.best,
            "pseudo_labels": dict(zip(CLASSES, counts, strict=True)),
        },
    )


def _write_csv(table: pd.DataFrame, path: Path) -> Path:
    return write_whole(path, lambda file: table.to_csv(file, index=False, float_format="%.6g"))
