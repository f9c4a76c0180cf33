"""``auroral_classifier pseudolabel``: labels by hand, and what a classifier is sure of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auroral_stats.terminal import console

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table


def pseudolabel(
    data: Annotated[Path, typer.Argument(help="Folder of an OATH set, or a simulated one.")],
    unlabelled: Annotated[
        Path, typer.Option(metavar="DIR", help="Camera files, or another set (labels unused).")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for tables and checkpoint.")],
    encoder: Annotated[
        Path | None,
        typer.Option(metavar="CKPT", help="Encoder, from pretrain; default: the bundled one."),
    ] = None,
    precision: Annotated[
        float, typer.Option(help="Wanted share of right ones among the pseudo-labels of a class.")
    ] = 0.95,
    rounds: Annotated[int, typer.Option(min=1, help="At most.")] = 5,
    folds: Annotated[int, typer.Option(min=2, help="Of the labelled station-nights.")] = 5,
    head: Annotated[str, typer.Option(help="two-layer, or linear.")] = "two-layer",
    cadence: Annotated[
        float, typer.Option(min=0, help="Seconds at least between camera frames that are taken.")
    ] = 60.0,
    limit: Annotated[int | None, typer.Option(min=1, help="So many camera frames at most.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of folds and heads.")] = 0,
    origins: Annotated[
        Path | None,
        typer.Option(help="Table of stations and times, where the set has none of its own."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Train a classifier on labels by hand and on its own surest predictions.

    Predictions that reach the threshold of their class, found on held-out station-nights, become
    labels of the next round. The rounds end when the F1 of held-out station-nights falls, and the
    best is kept. Written into DIR: classifier.safetensors, which labels frames; pictures.csv, which
    says of each picture who labelled it; rounds.csv and nights.csv, the history; selftraining.json.
    """
    from auroral_stats.whole_file import check_target
    from classifier._cli.counting import counting
    from classifier.oath import open_oath
    from classifier.pseudolabel import pseudolabel as train
    from classifier.pseudolabel import write_pseudolabels
    from classifier.representations import load_encoder
    from classifier.self_training_rounds import Round, SelfTraining
    from classifier.training_images import load_images, open_images

    plan = SelfTraining(precision, rounds, folds, seed)
    check_target(out / "classifier.safetensors")
    size = load_encoder(encoder).header.size
    images = load_images(open_oath(data, origins=origins), size)
    with counting("Reading", "files") as reading:
        others = open_images(unlabelled, size, cadence=cadence, limit=limit, report=reading)
    with counting("Representations", "pictures") as report:
        seen = (0, 0)

        def look(done: int, of: int) -> None:
            nonlocal seen
            seen = done, of
            report(done, of, "")

        def tell(done: Round) -> None:
            said = f"round {done.number}: macro F1 {100 * done.macro_f1.value:.1f} %"
            report(seen[0], seen[1], said)

        made = train(
            images, others, encoder, plan, head=head, device=device, report=tell, progress=look
        )
    written = write_pseudolabels(made, out)
    terminal = console()
    terminal.print(_history(made.rounds, "SIMULATED DATA. " if made.header.simulated else ""))
    added = int(made.found.kept.sum())
    terminal.print(
        f"{made.found.ended}; kept is round {made.found.best}, with {added:,} pseudo-labels",
        markup=False,
        soft_wrap=True,
    )
    terminal.print(f"wrote {len(written)} files in {out}", markup=False, soft_wrap=True)


def _history(rounds: pd.DataFrame, flag: str) -> Table:
    from rich.table import Table

    table = Table(
        title=f"{flag}Rounds of self-training", title_justify="left", padding=(0, 1, 0, 0)
    )
    for name in ("round", "macro F1 %", "nights", *rounds["class"].unique()):
        table.add_column(name, justify="right", no_wrap=True)
    for number, part in rounds.groupby("round"):
        first = part.iloc[0]
        table.add_row(
            f"{number}",
            f"{100 * first['macro_f1']:.1f}",
            f"{100 * first['ci_low']:.0f}-{100 * first['ci_high']:.0f}",
            *(f"{added:,}" for added in part["added"]),
        )
    table.caption = (
        "pseudo-labels added before each round, by class; macro F1 of held-out station-nights with "
        "its 95 % interval"
    )
    table.caption_justify = "left"
    return table
