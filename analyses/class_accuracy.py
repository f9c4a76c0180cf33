"""
Accuracy by class, and mistakes
===============================

Which classes plain classifiers of representations find on nights that they have not seen, as figure
7 of Kvammen et al. (2020), and the surest of their mistakes, as figure 6. ``--predictions`` takes
``predictions.parquet`` of ``auroral_classifier evaluate`` and draws all methods in it (mistakes need
its set, ``--data``). Otherwise logistic regression and neighbours are fitted here, to ``--data`` or a
small set that is **simulated** now, on the encoder of ``--model`` or the bundled one.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd

from auroral_stats.analysis import Analysis
from auroral_stats.errors import AuroralStatsError
from classifier.evaluation_tables import class_scores
from classifier.oath import open_oath
from classifier.oath_folds import grouped_folds
from classifier.prediction_plots import confident_mistakes, plot_class_accuracy, plot_mistakes
from classifier.predictions import prediction_table, read_predictions
from classifier.probe import fit_linear, fit_neighbours
from classifier.represented_sets import represented_set
from classifier.training_images import load_images

METHODS = {"simclr-linear": fit_linear, "simclr-knn": fit_neighbours}


def predict(of):
    """Return out-of-fold predictions on folds of whole station-nights."""
    parts = []
    for fold in grouped_folds(of.oath):
        y, g, h = of.images.label, of.images.night, of.features
        for method, fit in METHODS.items():
            probe = fit(h[fold.train], y[fold.train], g[fold.train])
            told = {"method": method, "split": "grouped", "run": 0}
            logits = probe.logits(h[fold.test])
            parts.append(prediction_table(of.oath, fold, logits, probe.temperature, **told))
    return pd.concat(parts, ignore_index=True)


def main(arguments=None):
    """Make ``class_accuracy`` and ``class_accuracy_mistakes``, each with its table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("=\n\n")[2])
    parser.add_argument("--predictions", type=Path, metavar="PARQUET", help="of an evaluation")
    parser.add_argument("--data", type=Path, metavar="DIR", help="OATH-shaped set")
    parser.add_argument("--model", type=Path, metavar="CHECKPOINT", help="default: bundled")
    parser.add_argument("--pictures", type=int, default=900, metavar="N", help="at most (900)")
    parser.add_argument("--out", type=Path, default=Path("output/analyses"), metavar="DIR")
    parser.add_argument("--figure", choices=["png", "pdf", "svg"], default="png")
    given = parser.parse_args(arguments)
    try:
        if given.predictions is None:
            tell = {"progress": lambda text: print(text, file=sys.stderr)}
            of = represented_set(given.data, given.model, limit=given.pictures, **tell)
            images, predictions, attrs = of.images, predict(of), of.attrs
        else:
            predictions, attrs = read_predictions(given.predictions)
            images = load_images(open_oath(given.data)) if given.data else None
        run = Analysis("class_accuracy", given, None)
        scores = class_scores(predictions)
        scores.attrs.update(attrs)
        run.write(plot_class_accuracy(scores, attrs), scores)
        if images is not None:
            last = predictions[predictions["split"] == predictions["split"].iloc[-1]]
            first = last.iloc[0][["method", "run"]]
            wrong = confident_mistakes(last[(last[first.index] == first).all(axis=1)])
            wrong.attrs.update(attrs)
            run.write(plot_mistakes(images, wrong, attrs), wrong, part="mistakes")
        recall = scores[scores["score"] == "recall"]
        recall = recall.pivot_table("pooled", "class", ["split", "method"])
        print((100 * recall).round(1).to_string())
    except AuroralStatsError as error:
        parser.exit(error.exit_code, f"{parser.prog}: {error}\n")


if __name__ == "__main__":
    main()
