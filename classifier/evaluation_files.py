"""What an evaluation leaves: tidy tables, predictions, figures, and one JSON file with the results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auroral_stats.whole_file import write_whole
from classifier.calibration_tables import calibration, coverages, reliabilities
from classifier.evaluation_names import METHOD_NAMES
from classifier.evaluation_tables import class_scores, confusions, fold_scores, summary
from classifier.predictions import write_predictions

if TYPE_CHECKING:
    import pandas as pd

    from classifier.evaluate import Evaluation

__all__ = ["FIGURES", "evaluation_tables", "write_evaluation"]

#: Figures, and the tables that they are drawn from.
FIGURES = {
    "scores": ("summary",),
    "confusions": ("confusions",),
    "reliability": ("reliability", "calibration"),
    "coverage": ("coverage",),
    "labels": ("labels",),
}

#: Methods that fit side by side on a page.
_ABREAST = 5


def evaluation_tables(evaluation: Evaluation) -> dict[str, pd.DataFrame]:
    """Return all tables of an evaluation, by the name of their file.

    Parameters
    ----------
    evaluation : Evaluation

    Returns
    -------
    dict of str to pandas.DataFrame
        ``summary``, ``folds``, ``classes``, ``confusions``, ``calibration``, ``reliability``,
        ``coverage`` and ``labels``; each ends with the column ``simulated``.
    """
    found = evaluation.predictions
    return {
        "summary": summary(found),
        "folds": fold_scores(found),
        "classes": class_scores(found),
        "confusions": confusions(found),
        "calibration": calibration(found),
        "reliability": reliabilities(found),
        "coverage": coverages(found),
        "labels": evaluation.labels,
    }


def write_evaluation(
    evaluation: Evaluation, tables: dict[str, pd.DataFrame], out: str | Path, kind: str = "png"
) -> list[Path]:
    """Write predictions, tables, figures and ``evaluation.json`` into a folder.

    Parameters
    ----------
    evaluation : Evaluation
    tables : dict of str to pandas.DataFrame
        From :func:`evaluation_tables`.
    out : path
    kind : {"png", "pdf", "svg"}
        Of the figures.

    Returns
    -------
    list of Path
        What was written. A figure of an empty table is left out; one with more than five methods
        side by side goes on in others, ``confusions-2`` and so on.

    Raises
    ------
    ArchiveError
        If a file cannot be written.
    """
    folder = Path(out)
    written = [
        write_predictions(evaluation.predictions, folder / "predictions.parquet", evaluation.attrs)
    ]
    for name, table in tables.items():
        written.append(_write_csv(table, folder / f"{name}.csv"))
    content = {
        "provenance": evaluation.attrs,
        "seconds": evaluation.seconds,
        **{name: _rows(tables[name]) for name in ("summary", "classes", "calibration")},
    }
    text = json.dumps(content, indent=1, default=str, allow_nan=False) + "\n"
    written.append(
        write_whole(
            folder / "evaluation.json", lambda file: file.write_text(text, encoding="utf-8")
        )
    )
    written += _figures(evaluation.attrs, tables, folder, kind)
    return written


def _figures(
    attrs: dict[str, Any], tables: dict[str, pd.DataFrame], folder: Path, kind: str
) -> list[Path]:
    from auroral_stats.figure_files import save_figure
    from classifier import evaluation_plots as plots

    draw: dict[str, Any] = {
        "scores": plots.plot_scores,
        "confusions": plots.plot_confusions,
        "reliability": plots.plot_reliability,
        "coverage": plots.plot_coverage,
        "labels": plots.plot_labels,
    }
    written = []
    for name, drawn_from in FIGURES.items():
        first = tables[drawn_from[0]]
        methods = [method for method in METHOD_NAMES if method in set(first.get("method", ()))]
        # scores stand one below another, however many there are
        step = len(methods) if name == "scores" else _ABREAST
        for page, start in enumerate(range(0, len(methods), step or 1), start=1):
            here = methods[start : start + step]
            parts = (tables[of][tables[of]["method"].isin(here)] for of in drawn_from)
            path = folder / f"{name}{f'-{page}' if page > 1 else ''}.{kind}"
            written.append(save_figure(draw[name](*parts, attrs), path))
    return written


def _write_csv(table: pd.DataFrame, path: Path) -> Path:
    return write_whole(path, lambda file: table.to_csv(file, index=False, float_format="%.6g"))


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as JSON can hold them; what is missing or infinite is null."""
    rows: list[dict[str, Any]] = json.loads(table.to_json(orient="records", double_precision=6))
    return rows
