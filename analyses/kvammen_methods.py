"""
Classifiers of Kvammen et al. 2020 on six classes
=================================================

Neighbours and support vectors on histograms of oriented gradients, a linear classifier of Inception
features, and VGG, AlexNet and ResNet from random weights: the methods of Table 2 of Kvammen et al.
2020, on the six classes of the OATH set. Each is tested on the official folds, whose test pictures
mostly have a near copy in training, and on whole station-nights, side by side.

The paper had colour pictures of another camera, seven other classes and one test set; its numbers
are quoted apart, and only the order of the methods can be held against what is measured here, on
``--data`` or on a simulated set that is made if none is named. ``--preset cpu`` takes small
pictures and few steps, for the largest networks a part of the pictures, and compares methods at
that cost alone; ``gpu`` has the full recipe and ten runs. A method whose ImageNet weights are not
there keeps its row without numbers, and it is said where to get them.
"""

from auroral_stats.simulation.pages import table
from classifier.baselines import BASELINES
from classifier.comparison_script import compare_methods, comparison_parser, one_message
from classifier.method_comparison import comparison_text

METHODS = [name for name, each in BASELINES.items() if each.source.startswith("Kvammen")]


def main(arguments=None):
    """Make ``kvammen_methods.png``, ``.csv`` and ``.json``."""
    parser = comparison_parser(__doc__, METHODS)
    given = parser.parse_args(arguments)
    with one_message(parser):
        found = compare_methods(given, "kvammen_methods", "kvammen-2020")
    flag = "SIMULATED DATA: " if found.table["simulated"].any() else ""
    title = f"{flag}mean and deviation over runs, per cent; preset {given.preset}"
    print(table(title, *comparison_text(found.table)))
    for why in found.lacking.values():
        print(f"not run: {why}")
    for path in found.written:
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
