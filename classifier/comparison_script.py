"""What the scripts that compare methods with a paper's table share: arguments, and the work."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from auroral_stats.errors import AuroralStatsError, UsageError
from auroral_stats.figure_files import save_figure
from classifier.comparison_plots import plot_comparison
from classifier.evaluate import evaluate
from classifier.evaluation_plan import PRESETS, evaluation_plan
from classifier.method_comparison import comparison_table, without_weights, write_comparison
from classifier.oath import Oath, open_oath
from classifier.oath_simulation import simulate_oath

if TYPE_CHECKING:
    import pandas as pd

    from classifier.evaluate import Evaluation

__all__ = ["COSTS", "Comparison", "compare_methods", "comparison_parser", "one_message"]

#: Runs of each preset, and what a figure says of it.
COSTS = {
    "cpu": (
        3,
        "cpu preset:\nsmall pictures and few steps; compares methods at that cost and no more",
    ),
    "gpu": (10, "full recipe"),
}

_PICTURES = 5824


class Comparison(NamedTuple):
    """What was measured, with the tidy table, the methods that lack weights, and files written."""

    evaluation: Evaluation
    table: pd.DataFrame
    lacking: dict[str, str]
    written: list[Path]


def comparison_parser(doc: str | None, methods: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser of a script.

    Parameters
    ----------
    doc : str or None
        What the script does, its docstring; the line under its title is left out.
    methods : sequence of str
        Those that it compares if no others are asked for.

    Returns
    -------
    argparse.ArgumentParser

    Examples
    --------
    >>> comparison_parser(__doc__, ["hog-3nn", "vgg16"]).parse_args([]).methods
    ['hog-3nn', 'vgg16']
    """
    kept = [line for line in (doc or "").strip().splitlines() if not line or set(line) - {"="}]
    parser = argparse.ArgumentParser(
        description="\n".join(kept), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", type=Path, metavar="DIR", help="OATH set, or a simulated one; else made in --out")
    add("--preset", choices=list(PRESETS), default="cpu", help="cost of the trainings (cpu)")
    add("--runs", type=int, metavar="N", help="trainings anew; 3 of preset cpu, 10 of gpu")
    add(
        "--methods", default=",".join(methods), metavar="A,B", help="(%(default)s)",
        type=lambda text: [part.strip() for part in text.split(",") if part.strip()],
    )  # fmt: skip
    add("--weights", metavar="FOLDER", help="files of ImageNet weights; else torch's own folder")
    add("--pictures", type=int, default=_PICTURES, help="of a simulated set (%(default)s)")
    add("--device", default="auto", help="auto, cpu or cuda")
    add("--out", type=Path, default=Path("output/analyses"), metavar="DIR", help="(%(default)s)")
    add("--figure", choices=["png", "pdf", "svg"], default="png", help="kind of figure (png)")
    return parser


@contextmanager
def one_message(parser: argparse.ArgumentParser) -> Iterator[None]:
    """End a script with one message, and the exit code of the error, if something goes wrong.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Its name stands before the message.

    Raises
    ------
    SystemExit
    """
    try:
        yield
    except AuroralStatsError as error:
        parser.exit(error.exit_code, f"error: {error}\n")


def compare_methods(given: argparse.Namespace, name: str, table: str) -> Comparison:
    """Evaluate methods, and write them beside a paper's table: ``NAME.csv``, ``.json``, a figure.

    Parameters
    ----------
    given : argparse.Namespace
        From :func:`comparison_parser`.
    name : str
        Of the files.
    table : {"johnson-2021", "kvammen-2020"}

    Returns
    -------
    Comparison

    Raises
    ------
    UsageError
        If an argument cannot be used, or all methods lack their weights.
    ArchiveError, DataError, TrainingStopped
        As :func:`classifier.evaluate.evaluate`.
    """
    from classifier._cli.counting import counting

    runs, cost = COSTS[given.preset]
    plan = evaluation_plan(
        given.preset,
        methods=tuple(given.methods),
        splits=("official", "grouped"),
        runs=runs if given.runs is None else given.runs,
        weights=given.weights,
        label_methods=(),
    )
    lacking = without_weights(plan.methods, plan.weights)
    runnable = tuple(method for method in plan.methods if method not in lacking)
    if not runnable:
        raise UsageError("\n".join(["not one method can be run.", *lacking.values()]))
    plan = evaluation_plan(given.preset, **{**vars(plan), "methods": runnable})
    oath = _opened(given)
    with counting("Evaluating", "%") as report:
        found = evaluate(oath, plan, given.out / name, device=given.device, report=report)
    tidy = comparison_table(found, plan, table, lacking)
    written = write_comparison(found, tidy, given.out, name)
    figure = plot_comparison(tidy, found.attrs, table, cost=cost)
    written.append(save_figure(figure, given.out / f"{name}.{given.figure}"))
    return Comparison(found, tidy, lacking, written)


def _opened(given: argparse.Namespace) -> Oath:
    if given.data is not None:
        return open_oath(given.data)
    from classifier._cli.counting import counting

    folder = given.out / f"simulated-{given.pictures}"
    with counting("Drawing", "pictures") as report:
        return simulate_oath(
            folder, given.pictures, workers=2, progress=lambda done, total: report(done, total, "")
        )
