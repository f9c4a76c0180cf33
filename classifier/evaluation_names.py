"""What methods and splits of an evaluation are called."""

from __future__ import annotations

__all__ = ["METHOD_NAMES", "SPLIT_NAMES"]

#: Methods, and what a table calls them. ``simclr``: an encoder that was trained on pictures
#: without labels.
METHOD_NAMES = {
    "simclr-linear": "SimCLR + linear",
    "simclr-knn": "SimCLR + neighbours",
    "simclr-finetune": "SimCLR + head",
    "simclr-unfrozen": "SimCLR, all tuned",
    "supervised": "supervised",
}

#: Splits, from the one that leaks to the hardest.
SPLIT_NAMES = {
    "official": "official folds",
    "grouped": "station-nights",
    "station": "station left out",
}
