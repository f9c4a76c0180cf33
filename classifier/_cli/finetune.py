"""``auroral_classifier finetune``: a classifier from an encoder and labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from auroral_stats.terminal import console


def finetune(
    data: Annotated[Path, typer.Argument(help="Folder of an OATH set, or a simulated one.")],
    out: Annotated[Path, typer.Option(metavar="CKPT", help="Checkpoint to write (.safetensors).")],
    encoder: Annotated[
        Path | None, typer.Option(metavar="CKPT", help="Checkpoint of an encoder, from pretrain.")
    ] = None,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Train all weights from random ones instead.")
    ] = False,
    head: Annotated[
        str, typer.Option(help="two-layer, or linear: the logistic regression of the paper.")
    ] = "two-layer",
    unfreeze: Annotated[
        bool, typer.Option("--unfreeze", help="Train the weights of the encoder, too.")
    ] = False,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Of the head, or of all weights where these train.")
    ] = None,
    size: Annotated[
        int, typer.Option(min=32, max=512, help="Side of the pictures, from scratch only.")
    ] = 128,
    seed: Annotated[int, typer.Option(min=0, help="Of weights, order and views.")] = 0,
    half: Annotated[bool, typer.Option("--half", help="Store weights as float16.")] = False,
    bf16: Annotated[
        bool, typer.Option("--bf16", help="Run the network in bfloat16; faster on a GPU.")
    ] = False,
    origins: Annotated[
        Path | None,
        typer.Option(help="Table of stations and times, where the set has none of its own."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Train a classifier on a labelled set, and write it as a checkpoint that labels frames.

    The encoder stays as it is, and a head of two layers is trained on its representations, unless
    --unfreeze is given. Probabilities are calibrated by a temperature from station-nights that were
    held out. How good such a classifier is, says: auroral_classifier evaluate.
    """
    from auroral_stats.errors import UsageError
    from auroral_stats.whole_file import check_target
    from classifier._cli.counting import counting
    from classifier.checkpoint import load_checkpoint
    from classifier.finetune import UNFROZEN_RATE
    from classifier.finetune import finetune as train
    from classifier.head_training import HeadTraining
    from classifier.network_training import NetworkStatus, NetworkTraining
    from classifier.oath import open_oath
    from classifier.training_images import load_images

    if (encoder is None) != from_scratch:
        raise UsageError("give one of --encoder CKPT and --from-scratch.")
    check_target(out)
    if encoder is not None:
        size = load_checkpoint(encoder, kind="encoder").header.size
    whole = unfreeze or from_scratch
    rate = UNFROZEN_RATE if unfreeze else 1e-3
    images = load_images(open_oath(data, origins=origins), size)
    with counting("Training", "steps") as report:

        def tell(status: NetworkStatus) -> None:
            report(status.step, status.steps, "")

        made = train(
            images,
            out,
            encoder,
            head=head,  # type: ignore[arg-type]
            unfreeze=unfreeze,
            head_training=HeadTraining(epochs=epochs) if epochs and not whole else None,
            network_training=NetworkTraining(epochs=epochs or 30, rate=rate, bf16=bf16)
            if whole
            else None,
            device=device,
            seed=seed,
            half=half,
            report=tell,
        )
    header = made.header
    terminal = console()
    flag = "SIMULATED DATA: " if header.simulated else ""
    terminal.print(
        f"{flag}{header.training['method']}, {len(images):,} pictures of {made.station_nights} "
        f"station-nights, temperature {header.temperature:.2f}",
        markup=False,
        soft_wrap=True,
    )
    terminal.print(f"wrote {made.path}", markup=False, soft_wrap=True)
