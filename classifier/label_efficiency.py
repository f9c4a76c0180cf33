"""How many labels a method needs: scores on one test fold with ever fewer of the training labels."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from auroral_stats.errors import DataError
from classifier.evaluation_methods import METHODS, Prediction, Task
from classifier.evaluation_names import METHOD_NAMES
from classifier.evaluation_stages import Stages, method_cost
from classifier.evaluation_tables import fold_scores
from classifier.label_subsets import UNITS, label_subset
from classifier.metrics import confusion_matrix, scores

if TYPE_CHECKING:
    import pandas as pd

    from classifier.oath_folds import Fold

__all__ = ["LABEL_COLUMNS", "LABEL_SCORES", "all_labels", "fewer_labels"]

#: One row a score. ``unit`` says what the fraction is of (see :mod:`classifier.label_subsets`);
#: ``labelled`` and ``station_nights`` count what was labelled.
LABEL_COLUMNS = (
    "method",
    "split",
    "unit",
    "fraction",
    "run",
    "fold",
    "labelled",
    "station_nights",
    "score",
    "value",
    "simulated",
)
LABEL_SCORES = ("accuracy", "macro_f1")


def fewer_labels(
    task: Task, fold: Fold, split: str, run: int, stages: Stages, *, simulated: bool
) -> list[dict[str, Any]]:
    """Train the methods of a plan on shares of the training labels of a fold.

    Parameters
    ----------
    task : Task
        Of the whole fold.
    fold : Fold
    split : str
    run : int
        Its number is the seed of the choice of labels.
    stages : Stages
    simulated : bool

    Returns
    -------
    list of dict
        Rows of :data:`LABEL_COLUMNS`, without those of all labels (:func:`all_labels`). A share
        that holds a single class gives NaN.
    """
    rows: list[dict[str, Any]] = []
    label, night = task.label[task.train], task.night[task.train]
    for method in task.plan.label_methods:
        for unit in UNITS:
            for fraction in sorted(task.plan.fractions):
                if fraction == 1:
                    continue
                chosen = label_subset(label, night, fraction, unit, seed=task.seed)
                some = dataclasses.replace(task, train=task.train[chosen])
                what = f"run {run + 1}, {fold.name}, {METHOD_NAMES[method]}, {fraction:.0%} {unit}"
                cost = method_cost(task.plan, method, chosen.size)
                with stages.stage("fewer labels", what, cost):
                    found = _scored(some, method)
                rows += [
                    {
                        "method": method,
                        "split": split,
                        "unit": unit,
                        "fraction": fraction,
                        "run": run,
                        "fold": fold.name,
                        "labelled": int(chosen.size),
                        "station_nights": int(np.unique(night[chosen]).size),
                        "score": name,
                        "value": value,
                        "simulated": simulated,
                    }
                    for name, value in found.items()
                ]
    return rows


def all_labels(
    predictions: pd.DataFrame, task: Task, fold: Fold, split: str, run: int
) -> list[dict[str, Any]]:
    """Return the rows of all labels, from the predictions that were made with them.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Those of this fold and run at least.
    task : Task
    fold : Fold
    split : str
    run : int

    Returns
    -------
    list of dict
        Rows of :data:`LABEL_COLUMNS`, once for each unit.
    """
    here = (
        (predictions["split"] == split)
        & (predictions["run"] == run)
        & (predictions["fold"] == fold.name)
        & predictions["method"].isin(task.plan.label_methods)
    )
    each = fold_scores(predictions[here]) if here.any() else None
    rows: list[dict[str, Any]] = []
    for row in [] if each is None else each.to_dict("records"):
        if row["score"] not in LABEL_SCORES:
            continue
        rows += [
            {
                "method": row["method"],
                "split": split,
                "unit": unit,
                "fraction": 1.0,
                "run": run,
                "fold": fold.name,
                "labelled": int(task.train.size),
                "station_nights": int(np.unique(task.night[task.train]).size),
                "score": row["score"],
                "value": row["value"],
                "simulated": row["simulated"],
            }
            for unit in UNITS
        ]
    return rows


def _scored(task: Task, method: str) -> dict[str, float]:
    if np.unique(task.label[task.train]).size < 2:
        return dict.fromkeys(LABEL_SCORES, float("nan"))
    try:
        found: Prediction = METHODS[method](task)
    except DataError as error:
        # held-out nights can leave a single class where there are only a few pictures
        if "single class" not in str(error):
            raise
        return dict.fromkeys(LABEL_SCORES, float("nan"))
    s = scores(confusion_matrix(task.label[task.test], found.logits.argmax(1)))
    return {name: float(getattr(s, name)) for name in LABEL_SCORES}
