"""``auroral_classifier evaluate``: methods side by side, on splits that leak and that do not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auroral_stats.terminal import console

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table


def evaluate(
    data: Annotated[Path, typer.Argument(help="Folder of an OATH set, or a simulated one.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for tables and figures.")],
    preset: Annotated[
        str,
        typer.Option(
            help="cpu: half an hour on two cores, with small pictures and short trainings; gpu: "
            "the recipe of Johnson et al. 2021, all methods and splits."
        ),
    ] = "cpu",
    encoder: Annotated[
        Path | None,
        typer.Option(help="Checkpoint of an encoder, in place of pretraining one in each run."),
    ] = None,
    methods: Annotated[
        str | None,
        typer.Option(
            help="Comma-separated: simclr-linear, simclr-knn, simclr-finetune, simclr-unfrozen, "
            "supervised; and of other papers inception-ridge, resnet18-imagenet, hog-3nn, hog-5nn, "
            "hog-svm, inception-linear, vgg16, vgg19, alexnet, resnet18, resnet50."
        ),
    ] = None,
    splits: Annotated[
        str | None, typer.Option(help="Comma-separated: official, grouped, station.")
    ] = None,
    runs: Annotated[
        int | None, typer.Option(min=1, help="How often all is trained anew; default 3.")
    ] = None,
    pretrain_on: Annotated[
        str | None,
        typer.Option(
            help="all: pictures of the whole set without labels, as in the paper; training: those "
            "of each fold alone, with an encoder for each."
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of the folds by station-night; default 0.")
    ] = None,
    origins: Annotated[
        Path | None,
        typer.Option(help="Table of stations and times, where the set has none of its own."),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Files of ImageNet weights, for the methods that need them; else torch's folder.",
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    figures: Annotated[str, typer.Option(help="png, pdf or svg.")] = "png",
) -> None:
    """Train and test classifiers on the official folds and on whole station-nights, side by side.

    The official folds draw pictures at random, so most test pictures have a near copy in training;
    folds of whole station-nights do not. Written into DIR: tidy tables (CSV), evaluation.json,
    figures, and predictions.parquet with the out-of-fold predictions of every picture.
    """
    from auroral_stats.figure_files import check_figure_name
    from auroral_stats.whole_file import check_target
    from classifier._cli.counting import counting
    from classifier.evaluate import evaluate as run_evaluation
    from classifier.evaluation_files import evaluation_tables, write_evaluation
    from classifier.evaluation_plan import evaluation_plan
    from classifier.oath import open_oath

    plan = evaluation_plan(
        preset,
        methods=_names(methods),
        splits=_names(splits),
        runs=runs,
        pretrain_on=pretrain_on,
        seed=seed,
        weights=None if weights is None else str(weights),
    )
    check_figure_name(Path(f"scores.{figures}"), "--figures")
    check_target(out / "evaluation.json")
    oath = open_oath(data, origins=origins)
    with counting("Evaluating", "%") as report:
        found = run_evaluation(oath, plan, out, encoder_path=encoder, device=device, report=report)
    tables = evaluation_tables(found)
    written = write_evaluation(found, tables, out, figures)
    terminal = console()
    flag = "SIMULATED DATA. " if oath.simulated else ""
    terminal.print(_scores(tables["summary"], tables["calibration"], flag))
    took = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in found.seconds.items())
    terminal.print(f"Time: {took}", markup=False)
    terminal.print(f"wrote {len(written)} files in {out}", markup=False, soft_wrap=True)


def _names(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def _scores(summary: pd.DataFrame, calibration: pd.DataFrame, flag: str) -> Table:
    from rich.table import Table

    from classifier.evaluation_names import METHOD_NAMES, SPLIT_NAMES

    table = Table(title=f"{flag}Methods and splits", title_justify="left", padding=(0, 1, 0, 0))
    table.add_column("method", no_wrap=True)
    for name in ("accuracy %", "nights", "macro F1 %", "2 classes", "ECE", "ideal"):
        table.add_column(name, justify="right", no_wrap=True)
    for split in SPLIT_NAMES:
        if split in set(summary["split"]):
            table.add_row(f"[bold]{SPLIT_NAMES[split]}[/bold]")
        for method in METHOD_NAMES:
            part = summary[(summary["split"] == split) & (summary["method"] == method)]
            if part.empty:
                continue
            each: Any = part.set_index("score")
            accuracy = each.loc["accuracy"]
            ece: Any = calibration[
                (calibration["split"] == split)
                & (calibration["method"] == method)
                & (calibration["measure"] == "ece")
                & (calibration["probabilities"] == "calibrated")
            ].iloc[0]
            table.add_row(
                METHOD_NAMES[method],
                _mean(accuracy),
                f"{100 * accuracy['ci_low']:.0f}-{100 * accuracy['ci_high']:.0f}",
                _mean(each.loc["macro_f1"]),
                f"{100 * each.loc['two_class_accuracy', 'mean']:.1f}",
                f"{ece['value']:.3f}",
                f"{ece['night_high']:.3f}",
            )
        table.add_section()
    runs, folds = int(summary["runs"].iloc[0]), int(summary["folds"].max())
    table.caption = (
        f"mean ± sd over up to {folds} folds of {runs} runs; nights: 95 % interval of the pooled "
        "accuracy, by station-nights left out; ideal: the ECE that a perfectly calibrated "
        "classifier stays below in 97.5 % of samples like this"
    )
    table.caption_justify = "left"
    return table


def _mean(row: Any) -> str:
    return f"{100 * row['mean']:.1f} ± {100 * row['sd']:.1f}"
