"""
Classifiers of Table I of Johnson et al. 2021
=============================================

The three methods of the table (ridge regression on Inception features, a ResNet18 fine-tuned from
ImageNet, SimCLR with logistic regression) and a ResNet18 from random weights, with parameters,
accuracy, precision, recall and F1. Each is tested on the official folds, whose test pictures mostly
have a near copy in training, and on whole station-nights, side by side.

What is measured is measured on ``--data``, or on a simulated set that is made if none is named, and
says so then; the numbers of the paper, from the real OATH set, are quoted apart. A simulated set
tells nothing of the accuracy on real pictures. ``--preset cpu`` takes small pictures and few steps,
and compares methods at that cost alone; ``gpu`` has the full recipe and ten runs. A method whose
ImageNet weights are not there keeps its row without numbers, and it is said where to get them.
"""

from auroral_stats.simulation.pages import table
from classifier.comparison_script import compare_methods, comparison_parser, one_message
from classifier.method_comparison import comparison_text

METHODS = ("inception-ridge", "resnet18-imagenet", "resnet18", "simclr-linear")


def main(arguments=None):
    """Make ``oath_table.png``, ``.csv`` and ``.json``."""
    parser = comparison_parser(__doc__, METHODS)
    given = parser.parse_args(arguments)
    with one_message(parser):
        found = compare_methods(given, "oath_table", "johnson-2021")
    flag = "SIMULATED DATA: " if found.table["simulated"].any() else ""
    title = f"{flag}mean and deviation over runs, per cent; preset {given.preset}"
    print(table(title, *comparison_text(found.table)))
    for why in found.lacking.values():
        print(f"not run: {why}")
    for path in found.written:
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
