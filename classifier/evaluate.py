"""Evaluation: methods side by side on splits that leak and splits that do not, in several runs.

The official folds of the OATH set draw pictures at random, so that most test pictures have a near
copy in training, seconds away; what is right there may be memory. Folds of whole station-nights ask
about nights that were never seen, and leaving out a station asks about another camera. Methods are
trained alike on all of them, and stand side by side.

A run trains everything anew. Each method finds its temperature from training pictures alone, on
station-nights that it holds out of them. That is the temperature for new nights: on the official
folds, whose test pictures are easier, probabilities tend to be too modest.
Everything reported follows from the out-of-fold predictions, but for the need of labels, which has
a table of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from auroral_stats.brief import Brief
from auroral_stats.errors import DataError
from auroral_stats.labels import CLASSES
from auroral_stats.provenance import simulated_attr
from classifier import __version__
from classifier.baseline_networks import weights_used
from classifier.baselines import BASELINES
from classifier.evaluation_encoders import Represented, plan_for_encoder, pretrained, represented
from classifier.evaluation_methods import METHODS, Prediction, Task
from classifier.evaluation_names import METHOD_NAMES
from classifier.evaluation_pictures import Pictures
from classifier.evaluation_plan import SPLITS, EvaluationPlan
from classifier.evaluation_stages import Stages, method_cost, pretraining_cost
from classifier.label_efficiency import LABEL_COLUMNS, all_labels, fewer_labels
from classifier.metrics import missing_classes
from classifier.model import find_device
from classifier.oath_folds import Fold
from classifier.predictions import prediction_table
from classifier.stopping import TrainingStopped
from classifier.training_images import LabelledImages, load_images

if TYPE_CHECKING:
    import pandas as pd

    from classifier.checkpoint import Checkpoint
    from classifier.oath import Oath

__all__ = ["Evaluation", "check_folds", "evaluate"]

Folds = dict[str, list[Fold]]


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation(Brief):
    """What an evaluation found.

    Attributes
    ----------
    predictions : pandas.DataFrame
        Out of fold; see :mod:`classifier.predictions`.
    labels : pandas.DataFrame
        Scores by how many pictures were labelled; see :mod:`classifier.label_efficiency`.
    seconds : dict of str to float
        What each method took in all, with ``pictures`` (reading), ``pretraining`` and ``fewer
        labels`` beside them.
    attrs : dict
        What made it.
    """

    predictions: pd.DataFrame
    labels: pd.DataFrame
    seconds: dict[str, float]
    attrs: dict[str, Any]


def evaluate(
    oath: Oath,
    plan: EvaluationPlan,
    out: str | Path,
    *,
    encoder_path: str | Path | None = None,
    device: str | torch.device = "auto",
    report: Callable[[float, float, str], None] | None = None,
) -> Evaluation:
    """Compare methods on an OATH-shaped set.

    Parameters
    ----------
    oath : Oath
        A whole set.
    plan : EvaluationPlan
    out : path
        Folder in which the pretrained encoders are kept, so that an evaluation that was stopped
        goes on with them.
    encoder_path : path, optional
        Checkpoint of an encoder that all runs take, in place of pretraining one a run; runs then
        differ in their heads alone.
    device : str or torch.device
    report : callable, optional
        Told how much of the work is done in per cent, 100, and what is being done.

    Returns
    -------
    Evaluation

    Raises
    ------
    UsageError
        If the device is not there.
    DataError
        If a class is missing, a fold has a single class, or a loss became NaN.
    ArchiveError
        If a picture, the encoder, or weights that a method needs cannot be read.
    TrainingStopped
        After Ctrl-C or SIGTERM.
    """
    place = find_device(device)
    missing = missing_classes(oath.label)
    if missing:
        raise DataError(
            f"{oath.root}: holds no pictures of {', '.join(missing)}; an evaluation needs all six "
            f"classes: {', '.join(CLASSES)}."
        )
    folds = {name: SPLITS[name](oath, plan.seed) for name in plan.splits}
    for name, of in folds.items():
        check_folds(oath.label, of, alone=name == "station")
    given = None
    if encoder_path is not None:
        given, plan = plan_for_encoder(encoder_path, plan)
    # weights that are missing or damaged are told before anything is trained
    weights = weights_used((*plan.methods, *plan.label_methods), plan.weights)
    stages = Stages(_cost(plan, folds, len(oath), given=given is not None), report)
    try:
        with stages.stage("pictures", "reading pictures"):
            images = load_images(oath, plan.contrastive.size)
        predictions, labels = _compared(oath, images, plan, folds, Path(out), given, place, stages)
    except (KeyboardInterrupt, TrainingStopped) as error:
        raise TrainingStopped(
            f"the evaluation was stopped; encoders that were pretrained are kept in {out}, and the "
            "same command goes on with them."
        ) from error
    seconds = {name: round(value, 1) for name, value in stages.seconds.items()}
    attrs = _attrs(oath, images, plan, given, place) | {"weights": weights}
    return Evaluation(predictions, labels, seconds, attrs)


def check_folds(label: NDArray[np.integer[Any]], folds: list[Fold], *, alone: bool = False) -> None:
    """Refuse folds on which nothing can be trained, or whose test pictures tell nothing apart.

    Parameters
    ----------
    label : ndarray of int, (n,)
        Class of each picture.
    folds : list of Fold
    alone : bool
        Whether a single class among the test pictures is to be borne, as for stations that saw
        nothing but cloud; such a fold has an accuracy and no other score.

    Raises
    ------
    DataError
        Naming the fold and the class.

    Examples
    --------
    >>> fold = Fold("station-night 1", np.array([0, 1]), np.array([2, 3]))
    >>> check_folds(np.array([0, 1, 3, 3]), [fold])
    Traceback (most recent call last):
    ...
    auroral_stats.errors.DataError: fold station-night 1: its test pictures hold a single class ...
    """
    for fold in folds:
        for what, rows in (("training", fold.train), ("test", fold.test)):
            there = np.unique(label[rows])
            if there.size < 2 and not (alone and what == "test" and there.size):
                names = ", ".join(CLASSES[code] for code in there) or "no picture"
                raise DataError(
                    f"fold {fold.name}: its {what} pictures hold a single class ({names}); take "
                    "fewer folds, another seed, or a larger set."
                )


def _compared(
    oath: Oath,
    images: LabelledImages,
    plan: EvaluationPlan,
    folds: Folds,
    out: Path,
    given: Checkpoint | None,
    device: torch.device,
    stages: Stages,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    import pandas as pd

    pictures = Pictures(images.images, lambda size: load_images(oath, size).images)
    tables: list[pd.DataFrame] = []
    rows: list[dict[str, Any]] = []
    before: dict[tuple[str, str, int], Prediction] = {}

    def encoder_of(run: int, name: str, chosen: NDArray[np.int64] | None) -> Represented:
        cost = pretraining_cost(plan, len(images) if chosen is None else chosen.size)
        path = out / f"encoder-{name}.safetensors"
        with stages.stage("pretraining", f"run {run + 1}, pretraining", cost) as part:
            return pretrained(images, plan, path, device, run, rows=chosen, part=part)

    for run in range(plan.runs):
        common: Represented | None = None
        if given is not None:
            common = represented(given, images, plan, device)
        elif plan.needs_encoder and plan.pretrain_on == "all":
            common = encoder_of(run, f"run{run + 1}", None)
        for split, number, fold in _each(folds):
            used = common
            if used is None and plan.needs_encoder:
                used = encoder_of(run, f"run{run + 1}-{split}{number + 1}", fold.train)
            task = Task(
                plan, images.images, pictures, images.label, images.night, fold.train, fold.test,
                used.encoder if used else None, used.features if used else None, device,
                seed=1000 * run + number,
            )  # fmt: skip
            for method in plan.methods:
                what = f"run {run + 1}, {fold.name}, {METHOD_NAMES[method]}"
                cost = method_cost(plan, method, fold.train.size)
                with stages.stage(method, what, cost) as part:
                    # where nothing is drawn at random, a second run would find the same
                    found = before.get((method, split, number)) or METHODS[method](task.told(part))
                if method in BASELINES and BASELINES[method].deterministic:
                    before[method, split, number] = found
                tables.append(
                    prediction_table(
                        oath, fold, found.logits, found.temperature,
                        method=method, split=split, run=run,
                    )
                )  # fmt: skip
            if split == _label_split(plan):
                rows += fewer_labels(task, fold, split, run, stages, simulated=oath.simulated)
                rows += all_labels(pd.concat(tables[-len(plan.methods) :]), task, fold, split, run)
    return pd.concat(tables, ignore_index=True), pd.DataFrame(rows, columns=list(LABEL_COLUMNS))


def _each(folds: Folds) -> list[tuple[str, int, Fold]]:
    return [(name, number, fold) for name, of in folds.items() for number, fold in enumerate(of)]


def _label_split(plan: EvaluationPlan) -> str:
    """Return the split on which the need of labels is measured: one that does not leak, if any."""
    return next((name for name in plan.splits if name != "official"), plan.splits[0])


def _cost(plan: EvaluationPlan, folds: Folds, pictures: int, *, given: bool) -> float:
    sizes = [fold.train.size for _, _, fold in _each(folds)]
    total = sum(method_cost(plan, method, n) for method in plan.methods for n in sizes)
    shares = 2 * sum(fraction for fraction in plan.fractions if fraction < 1)
    for fold in folds[_label_split(plan)]:
        n = int(shares * fold.train.size)
        total += sum(method_cost(plan, method, n) for method in plan.label_methods)
    if plan.needs_encoder and not given:
        trained = [pictures] if plan.pretrain_on == "all" else sizes
        total += sum(pretraining_cost(plan, n) for n in trained)
    return total * plan.runs


def _attrs(
    oath: Oath,
    images: LabelledImages,
    plan: EvaluationPlan,
    given: Checkpoint | None,
    device: torch.device,
) -> dict[str, Any]:
    seen = {
        "all": "all pictures of the set, without their labels, the test pictures among them",
        "training": "the training pictures of each fold alone",
    }[plan.pretrain_on]
    return {
        "title": "Classifiers of all-sky pictures",
        "simulated": simulated_attr(oath.simulated),
        "set": str(oath.root),
        "pictures": len(oath),
        "station_nights": int(np.unique(images.night).size),
        "data_fingerprint": images.fingerprint,
        "pretrained_on": given.header.model_trained_on if given else seen,
        "model_trained_on": given.header.model_trained_on if given else images.trained_on,
        "encoder_sha256": given.sha256 if given else "",
        "plan": plan.as_json(),
        "device": device.type if device.type == "cpu" else torch.cuda.get_device_name(device),
        "threads": torch.get_num_threads(),
        "software_version": __version__,
        "torch_version": torch.__version__,
    }
