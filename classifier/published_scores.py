"""Scores that were published for classifiers of auroral pictures, quoted from the papers' tables.

They belong to the pictures of those papers and to nothing else. A score that was measured on other
pictures, above all on simulated ones, cannot be held against them number by number; what can be
compared is the order of the methods, and how far they are apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from auroral_stats.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PUBLISHED", "PublishedRow", "PublishedTable", "published_scores"]

#: Scores of the papers. They do not say how precision, recall and F1 are averaged over classes; the
#: numbers fit a mean over classes, each counted once.
_SCORES = ("accuracy", "macro_precision", "macro_recall", "macro_f1")


@dataclass(frozen=True)
class PublishedRow:
    """One row of a table.

    Attributes
    ----------
    row : str
        As it is called there.
    method : str
        Name of the method here, of :data:`classifier.evaluation_names.METHOD_NAMES`.
    parameters : float
        Millions.
    scores : dict of str to tuple of float
        Mean and standard deviation, of 1; NaN where the table has none.
    note : str
    """

    row: str
    method: str
    parameters: float
    scores: Mapping[str, tuple[float, float]]
    note: str = ""


@dataclass(frozen=True)
class PublishedTable:
    """A table of a paper.

    Attributes
    ----------
    source : str
    data : str
        What it was measured on.
    deviation : str
        What its standard deviations are over.
    rows : tuple of PublishedRow
    """

    source: str
    data: str
    deviation: str
    rows: tuple[PublishedRow, ...] = field(repr=False)


def _row(
    row: str,
    method: str,
    parameters: float,
    means: tuple[float, ...],
    deviations: tuple[float, ...],
    note: str = "",
) -> PublishedRow:
    # Both papers give per cent or hundredths; a column that one of them lacks is NaN.
    pairs = dict(zip(_SCORES, zip(means, deviations, strict=True), strict=True))
    return PublishedRow(row, method, parameters, MappingProxyType(pairs), note)


_NAN = float("nan")

#: Tables by name. ``johnson-2021``: Johnson et al. 2021, A Contrastive Learning Approach to Auroral
#: Identification and Classification. ``kvammen-2020``: Kvammen et al. 2020, J. Geophys. Res. Space
#: Physics 125, e2020JA027808.
PUBLISHED: Mapping[str, PublishedTable] = MappingProxyType(
    {
        "johnson-2021": PublishedTable(
            "Johnson et al. 2021, Table I",
            "OATH set, six classes, official folds",
            "five folds",
            (
                _row(
                    "Ridge + Inception (pretrained)", "inception-ridge", 43,
                    (0.817, 0.830, 0.843, 0.836), (0.001, _NAN, _NAN, _NAN),
                    "precision, recall and F1 from the confusion matrix of one fold",
                ),
                _row(
                    "ResNet18 (pretrained, supervised)", "resnet18-imagenet", 12,
                    (0.847, 0.856, 0.852, 0.853), (0.007, _NAN, _NAN, _NAN),
                ),
                _row(
                    "SimCLR", "simclr-linear", 12,
                    (0.909, 0.916, 0.915, 0.915), (0.007, _NAN, _NAN, _NAN),
                ),
            ),
        ),
        "kvammen-2020": PublishedTable(
            "Kvammen et al. 2020, Table 2",
            "Kiruna colour camera, seven classes, one test set",
            "ten runs",
            (
                _row("3NN", "hog-3nn", 0, (_NAN, 0.84, 0.56, 0.58), (_NAN, 0.0, 0.0, 0.0)),
                _row("5NN", "hog-5nn", 0, (_NAN, 0.66, 0.54, 0.53), (_NAN, 0.0, 0.0, 0.0)),
                _row("Linear SVM", "hog-svm", 0, (_NAN, 0.78, 0.70, 0.72), (_NAN, 0.0, 0.0, 0.0)),
                _row(
                    "Clausen and Nickisch (2018)", "inception-linear", 43,
                    (_NAN, 0.88, 0.87, 0.88), (_NAN, 0.01, 0.01, 0.01),
                ),
                _row("VGG-16", "vgg16", 138, (_NAN, 0.84, 0.80, 0.81), (_NAN, 0.02, 0.03, 0.02)),
                _row("VGG-19", "vgg19", 143, (_NAN, 0.82, 0.78, 0.79), (_NAN, 0.04, 0.03, 0.03)),
                _row("AlexNet", "alexnet", 60, (_NAN, 0.88, 0.88, 0.87), (_NAN, 0.03, 0.03, 0.03)),
                _row("ResNet-18", "resnet18", 11, (_NAN, 0.92, 0.87, 0.89), (_NAN, 0.02, 0.05, 0.04)),
                _row("ResNet-50", "resnet50", 25, (_NAN, 0.92, 0.89, 0.90), (_NAN, 0.03, 0.04, 0.03)),
            ),
        ),
    }
)  # fmt: skip


def published_scores(table: str) -> pd.DataFrame:
    """Return a published table as tidy rows.

    Parameters
    ----------
    table : {"johnson-2021", "kvammen-2020"}

    Returns
    -------
    pandas.DataFrame
        Columns method, row (as printed), parameters, score, mean, sd, note; one number a row.

    Raises
    ------
    UsageError
        If there is no such table.

    Examples
    --------
    >>> found = published_scores("johnson-2021")
    >>> found.loc[found.score == "accuracy", ["method", "mean"]].to_dict("records")[1]
    {'method': 'resnet18-imagenet', 'mean': 0.847}
    """
    import pandas as pd

    if table not in PUBLISHED:
        raise UsageError(f"table {table!r} is not known; known are {', '.join(PUBLISHED)}.")
    rows = [
        {
            "method": each.method,
            "row": each.row,
            "parameters": 1e6 * each.parameters,
            "score": score,
            "mean": mean,
            "sd": sd,
            "note": each.note,
        }
        for each in PUBLISHED[table].rows
        for score, (mean, sd) in each.scores.items()
        if not np.isnan(mean)
    ]
    return pd.DataFrame(rows)
