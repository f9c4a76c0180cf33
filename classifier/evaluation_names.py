"""What methods and splits of an evaluation are called."""

from __future__ import annotations

from classifier.baselines import BASELINES

__all__ = ["METHOD_NAMES", "OWN_METHODS", "SPLIT_NAMES"]

_OWN = {
    "simclr-linear": "SimCLR + linear",
    "simclr-knn": "SimCLR + neighbours",
    "simclr-finetune": "SimCLR + head",
    "simclr-unfrozen": "SimCLR, all tuned",
    "supervised": "supervised",
}

#: Methods that are not of :data:`classifier.baselines.BASELINES`.
OWN_METHODS = tuple(_OWN)

#: Methods, and what a table calls them. ``simclr``: an encoder that was trained on pictures
#: without labels.
METHOD_NAMES = _OWN | {name: each.short_name for name, each in BASELINES.items()}

#: Splits, from the one that leaks to the hardest.
SPLIT_NAMES = {
    "official": "official folds",
    "grouped": "station-nights",
    "station": "station left out",
}
