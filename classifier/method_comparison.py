"""Methods beside the papers' tables: what was measured here, and what was published, kept apart.

Table I of Johnson et al. 2021 and Table 2 of Kvammen et al. 2020 are the two that this is for. What
is measured here is measured on the set given, on its official folds and on folds of whole
station-nights, with trainings of the preset. A method that needs weights of ImageNet that are not
there keeps its row, without numbers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from auroral_stats.errors import ArchiveError
from auroral_stats.labels import CLASSES
from auroral_stats.whole_file import write_whole
from classifier.baselines import BASELINES
from classifier.evaluation_names import METHOD_NAMES
from classifier.evaluation_plan import EvaluationPlan
from classifier.evaluation_tables import SUMMARY_SCORES, summary
from classifier.finetune import new_classifier
from classifier.imagenet_weights import weights_path
from classifier.model import encoder, feature_count
from classifier.published_scores import PUBLISHED, published_scores

if TYPE_CHECKING:
    import pandas as pd

    from classifier.evaluate import Evaluation

__all__ = [
    "COMPARISON_COLUMNS",
    "comparison_table",
    "comparison_text",
    "parameter_count",
    "training_words",
    "without_weights",
    "write_comparison",
]

#: ``origin``: ``measured`` or ``published``. ``mean`` and ``sd`` are over folds and runs, ``sd_runs``
#: over runs of the mean over folds; ``pooled`` with ``ci_low`` and ``ci_high`` is of all test
#: pictures, with a 95 % interval by station-nights. ``training`` says how, ``weights`` which file.
COMPARISON_COLUMNS = (
    "origin",
    "method",
    "name",
    "parameters",
    "split",
    "score",
    "mean",
    "sd",
    "sd_runs",
    "folds",
    "runs",
    "pooled",
    "ci_low",
    "ci_high",
    "training",
    "weights",
    "data",
    "note",
    "simulated",
)


def without_weights(methods: Sequence[str], folder: str | None = None) -> dict[str, str]:
    """Return the methods whose ImageNet weights are not there, and how to get these.

    Parameters
    ----------
    methods : sequence of str
    folder : str, optional
        Where the files are; torch's own folder if not given.

    Returns
    -------
    dict of str to str

    Examples
    --------
    >>> list(without_weights(["hog-svm", "resnet18-imagenet"], "/nowhere"))
    ['resnet18-imagenet']
    """
    found = {}
    for name in methods:
        if name in BASELINES and BASELINES[name].weights:
            try:
                weights_path(BASELINES[name].weights, folder)
            except ArchiveError as error:
                found[name] = str(error)
    return found


def parameter_count(method: str, plan: EvaluationPlan) -> int:
    """Count the numbers that a method holds after its training.

    Parameters
    ----------
    method : str
        One of :data:`classifier.evaluation_names.METHOD_NAMES`.
    plan : EvaluationPlan

    Returns
    -------
    int
        Encoder and head; of a plain classifier of features, the network that gives these and the
        coefficients. Neighbours have none: they keep the training pictures.

    Examples
    --------
    >>> from classifier.evaluation_plan import evaluation_plan
    >>> plan = evaluation_plan("cpu")
    >>> [parameter_count(name, plan) for name in ("hog-3nn", "hog-svm", "resnet50")]
    [0, 10590, 23514054]
    """
    # nothing is computed on this device: networks have shapes there and no numbers
    with torch.device("meta"):
        if method not in BASELINES:
            return _own_count(method, plan)
        declared = BASELINES[method]
        size = plan.baselines[method].size
        network = 0 if declared.build is None else _count(declared.build(size))
    if declared.kind != "features" or method in {"hog-3nn", "hog-5nn"}:
        return network
    cells = size // 8
    features = 2048 if declared.weights else 36 * (cells - 1) ** 2
    return network + (features + 1) * len(CLASSES)


def _own_count(method: str, plan: EvaluationPlan) -> int:
    name = plan.contrastive.architecture
    if method in {"simclr-linear", "simclr-knn"}:
        head = (feature_count(name) + 1) * len(CLASSES)
        return _count(encoder(name)) + (head if method == "simclr-linear" else 0)
    return _count(new_classifier(name, 0))


def _count(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def training_words(method: str, plan: EvaluationPlan) -> str:
    """Say in a few words how a method is trained.

    Parameters
    ----------
    method : str
    plan : EvaluationPlan

    Returns
    -------
    str

    Examples
    --------
    >>> from classifier.evaluation_plan import evaluation_plan
    >>> training_words("hog-svm", evaluation_plan("cpu"))
    '64 px'
    >>> training_words("resnet50", evaluation_plan("gpu"))
    '128 px, 30 epochs'
    """
    if method in BASELINES:
        how = plan.baselines[method]
        words = [f"{how.size} px"]
        if how.pictures is not None:
            words.append(f"{how.pictures:,} of the training pictures")
        network = how.network
    elif method == "supervised":
        words, network = [f"{plan.network_size} px"], plan.network
    else:
        epochs = plan.contrastive.epochs
        words = [f"{plan.contrastive.size} px", f"{epochs} epochs without labels"]
        network = plan.unfrozen if method == "simclr-unfrozen" else None
    if network is not None:
        words.append(f"{network.epochs} epoch{'s' if network.epochs > 1 else ''}")
    return ", ".join(words)


def comparison_table(
    evaluation: Evaluation,
    plan: EvaluationPlan,
    table: str,
    lacking: dict[str, str] | None = None,
) -> pd.DataFrame:
    """Put scores that were measured and scores that were published into one tidy table.

    Parameters
    ----------
    evaluation : Evaluation
    plan : EvaluationPlan
        Of that evaluation.
    table : {"johnson-2021", "kvammen-2020"}
    lacking : dict of str to str, optional
        Methods that were not run, and why.

    Returns
    -------
    pandas.DataFrame
        Columns :data:`COMPARISON_COLUMNS`; what is not known is NaN. Those that were published
        come last, and are never simulated.
    """
    import pandas as pd

    measured = summary(evaluation.predictions)
    simulated = bool(evaluation.predictions["simulated"].iloc[0])
    missing = [
        {"method": method, "split": split, "score": score, "note": why}
        for method, why in (lacking or {}).items()
        for split in plan.splits
        for score in SUMMARY_SCORES
    ]
    measured = pd.concat([measured, pd.DataFrame(missing)] if missing else [measured])
    of_method = {name: _about(name, plan, evaluation.attrs) for name in set(measured["method"])}
    about = pd.DataFrame([of_method[name] for name in measured["method"]], index=measured.index)
    given = "simulated set" if simulated else "set given"
    measured = pd.concat([measured, about], axis=1).assign(
        origin="measured",
        data=f"{given}, {evaluation.attrs['pictures']:,} pictures",
        simulated=simulated,
    )
    quoted = published_scores(table).assign(origin="published", simulated=False)
    quoted["name"] = quoted.pop("row")
    quoted["data"] = f"{PUBLISHED[table].source}: {PUBLISHED[table].data}"
    wide = [part.reindex(columns=list(COMPARISON_COLUMNS)) for part in (measured, quoted)]
    found = pd.concat(wide, ignore_index=True)
    order = {name: number for number, name in enumerate(METHOD_NAMES)}
    text = ["split", "training", "weights", "note"]
    found[text] = found[text].fillna("")
    return found.sort_values(
        ["origin", "method"],
        key=lambda column: column.map(order) if column.name == "method" else column,
        kind="stable",
        ignore_index=True,
    )


def _about(method: str, plan: EvaluationPlan, attrs: dict[str, Any]) -> dict[str, Any]:
    file = attrs.get("weights", {}).get(method)
    said = ""
    if file is not None:
        known = "as published" if file["published"] else "NOT the published file"
        said = f"{file['file']}, sha256 {file['sha256'][:16]}, {known}"
    return {
        "name": METHOD_NAMES[method],
        "parameters": parameter_count(method, plan),
        "training": training_words(method, plan),
        "weights": said,
    }


def comparison_text(table: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Return a header and rows of text: a row a method, with means and deviations over runs in %.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`comparison_table`.

    Returns
    -------
    header : list of str
    rows : list of list of str
    """
    measured = table[table["origin"] == "measured"]
    splits = list(dict.fromkeys(measured["split"]))
    names = {"accuracy": "accuracy", "macro_f1": "macro F1", "weighted_f1": "weighted F1"}
    header = ["method", "parameters"]
    header += [f"{split}: {name}" for split in splits for name in names.values()]
    rows = []
    for _, part in measured.groupby("method", sort=False):
        each = part.set_index(["split", "score"])
        cells = [
            _spread(each["mean"][split, name], each["sd_runs"][split, name])
            for split in splits
            for name in names
        ]
        count = part["parameters"].iloc[0]
        said = f"{count:,.0f}" if count < 1e5 else f"{count / 1e6:.1f} M"
        rows.append([part["name"].iloc[0], said, *cells])
    return header, rows


def _spread(mean: float, deviation: float) -> str:
    if np.isnan(mean):
        return "no weights"
    return f"{100 * mean:.1f}" + ("" if np.isnan(deviation) else f" ± {100 * deviation:.1f}")


def write_comparison(
    evaluation: Evaluation, table: pd.DataFrame, folder: str | Path, name: str
) -> list[Path]:
    """Write the table as ``NAME.csv``, and what made it as ``NAME.json``.

    Parameters
    ----------
    evaluation : Evaluation
    table : pandas.DataFrame
    folder : path
    name : str

    Returns
    -------
    list of Path

    Raises
    ------
    ArchiveError
        If a file cannot be written.
    """
    stem = Path(folder) / name
    said = {"provenance": evaluation.attrs, "seconds": evaluation.seconds}
    text = json.dumps(said, indent=1, default=str) + "\n"
    return [
        write_whole(
            stem.with_suffix(".csv"),
            lambda file: table.to_csv(file, index=False, float_format="%.6g"),
        ),
        write_whole(
            stem.with_suffix(".json"), lambda file: file.write_text(text, encoding="utf-8")
        ),
    ]
