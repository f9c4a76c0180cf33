"""Tables of an evaluation, all from the out-of-fold predictions.

Every table is tidy, one number a row, and ends with the column ``simulated``. Scores of a fold are
averaged over folds and runs, as papers do, and their standard deviation is over all of these.
Beside them stands the score of all test pictures pooled, with a 95 % interval that leaves out one
station-night at a time: it says how much another choice of nights would have changed the score,
which the spread over folds and seeds does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auroral_stats.labels import CLASSES
from classifier.metrics import SCORES, confusion_by_group, missing_classes, scores, two_classes
from classifier.predictions import class_codes, station_night_codes
from classifier.score_intervals import jackknife_interval

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SUMMARY_SCORES", "class_scores", "confusions", "fold_scores", "summary"]

#: Scores of a table, and what it calls them.
SUMMARY_SCORES = {**SCORES, "two_class_accuracy": "accuracy, aurora or not"}


def fold_scores(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the scores of each fold of each run.

    Parameters
    ----------
    predictions : pandas.DataFrame
        From :mod:`classifier.predictions`.

    Returns
    -------
    pandas.DataFrame
        Columns method, split, run, fold, score, value, pictures, missing (classes that the fold
        does not hold, which are left out of its macro scores), simulated. Where a fold holds a
        single class, all scores but the accuracies are NaN.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    keys = ["method", "split", "run", "fold"]
    for key, part in predictions.groupby(keys, sort=False):
        counts = _counts(part).sum(0)
        there = (counts.sum(1) > 0).sum()
        missing = missing_classes(class_codes(part["true"]))
        for name in SUMMARY_SCORES:
            single = there < 2 and "accuracy" not in name
            value = np.nan if single else float(np.asarray(_score(name)(counts)))
            rows.append(
                dict(zip(keys, key, strict=True))
                | {"score": name, "value": value, "pictures": len(part)}
                | {"missing": ", ".join(missing), "simulated": bool(part["simulated"].iloc[0])}
            )
    return pd.DataFrame(rows)


def summary(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return each score of each method on each split.

    Parameters
    ----------
    predictions : pandas.DataFrame

    Returns
    -------
    pandas.DataFrame
        Columns method, split, score; ``mean`` and ``sd`` over all folds of all runs; ``folds``
        (how many), ``runs``, ``sd_runs`` (standard deviation over runs of the mean over folds);
        ``pooled`` (of all test pictures), ``ci_low``, ``ci_high`` (95 %, station-nights left out
        in turn), ``station_nights`` (their effective number), simulated.
    """
    import pandas as pd

    each = fold_scores(predictions)
    rows = []
    for method, split, part in _parts(predictions):
        runs = part["run"].nunique()
        # the runs predict the same pictures: they are averaged, not counted as more of them
        counts = _counts(part) / runs
        for name in SUMMARY_SCORES:
            of = each[(each.method == method) & (each.split == split) & (each.score == name)]
            found = jackknife_interval(counts, _score(name))
            rows.append(
                {
                    "method": method,
                    "split": split,
                    "score": name,
                    "mean": of["value"].mean(),
                    "sd": of["value"].std(),
                    "folds": int(of["value"].notna().sum()),
                    "runs": runs,
                    "sd_runs": of.groupby("run")["value"].mean().std(),
                    "pooled": found.value,
                    "ci_low": found.low,
                    "ci_high": found.high,
                    "station_nights": found.groups,
                    "simulated": bool(part["simulated"].iloc[0]),
                }
            )
    return pd.DataFrame(rows)


def class_scores(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return precision, recall and F1 of each class, pooled over folds and averaged over runs.

    Parameters
    ----------
    predictions : pandas.DataFrame

    Returns
    -------
    pandas.DataFrame
        Columns method, split, class, score, pooled, ci_low, ci_high, support (test pictures of
        the class in a run), simulated. NaN for a class that the test pictures do not hold.
    """
    import pandas as pd

    rows = []
    for method, split, part in _parts(predictions):
        counts = _counts(part) / part["run"].nunique()
        for code, label in enumerate(CLASSES):
            for name in ("precision", "recall", "f1"):
                found = jackknife_interval(counts, _class_score(name, code))
                rows.append(
                    {
                        "method": method,
                        "split": split,
                        "class": label,
                        "score": name,
                        "pooled": found.value,
                        "ci_low": found.low,
                        "ci_high": found.high,
                        "support": float(counts[:, code].sum()),
                        "simulated": bool(part["simulated"].iloc[0]),
                    }
                )
    return pd.DataFrame(rows)


def confusions(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the confusion matrices, pooled over folds.

    Parameters
    ----------
    predictions : pandas.DataFrame

    Returns
    -------
    pandas.DataFrame
        Columns method, split, true, predicted, pictures (mean over runs), share (of the true
        class), simulated.
    """
    import pandas as pd

    rows = []
    for method, split, part in _parts(predictions):
        counts = _counts(part).sum(0) / part["run"].nunique()
        total = counts.sum(1)
        for i, true in enumerate(CLASSES):
            for j, predicted in enumerate(CLASSES):
                rows.append(
                    {
                        "method": method,
                        "split": split,
                        "true": true,
                        "predicted": predicted,
                        "pictures": float(counts[i, j]),
                        "share": float(counts[i, j] / total[i]) if total[i] else np.nan,
                        "simulated": bool(part["simulated"].iloc[0]),
                    }
                )
    return pd.DataFrame(rows)


def _parts(predictions: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    for (method, split), part in predictions.groupby(["method", "split"], sort=False):
        yield str(method), str(split), part


def _counts(part: pd.DataFrame) -> NDArray[np.int64]:
    """Return the counts of each station-night, (group, class, class)."""
    return confusion_by_group(
        class_codes(part["true"]), class_codes(part["predicted"]), station_night_codes(part)
    )


def _score(name: str) -> Callable[[ArrayLike], ArrayLike]:
    if name == "two_class_accuracy":
        return lambda counts: scores(two_classes(counts)).accuracy
    return lambda counts: getattr(scores(counts), name)


def _class_score(name: str, code: int) -> Callable[[ArrayLike], ArrayLike]:
    return lambda counts: getattr(scores(counts), name)[..., code]
