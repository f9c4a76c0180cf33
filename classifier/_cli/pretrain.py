"""``auroral_classifier pretrain``: an encoder from pictures without labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auroral_stats.terminal import console

if TYPE_CHECKING:
    from classifier.training_images import TrainingImages

_PLAN = "The plan of the training"
_SPEED = "How it is computed"
_VIEWS = "What may change between two views of a picture (0: off)"


def pretrain(
    data: Annotated[
        list[Path],
        typer.Argument(
            metavar="DATA...",
            help="Folders: OATH-shaped sets, or camera files; labels are not used.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="CKPT",
            help="Checkpoint to write, such as encoder.safetensors; the history of the loss goes "
            "beside it.",
        ),
    ],
    preset: Annotated[
        str,
        typer.Option(
            help="paper: the recipe of Johnson et al. 2021. cpu: smaller and shorter, minutes on "
            "two cores. gpu: the recipe for longer, in bfloat16. The options below change it.",
        ),
    ] = "cpu",
    epochs: Annotated[int | None, typer.Option(rich_help_panel=_PLAN)] = None,
    batch: Annotated[
        int | None, typer.Option(help="Pictures a step.", rich_help_panel=_PLAN)
    ] = None,
    size: Annotated[
        int | None, typer.Option(help="Side of the pictures, pixels.", rich_help_panel=_PLAN)
    ] = None,
    view_size: Annotated[
        int | None,
        typer.Option(help="Side of the views, if it is another.", rich_help_panel=_PLAN),
    ] = None,
    architecture: Annotated[
        str | None, typer.Option(help="resnet10, 18, 34 or 50.", rich_help_panel=_PLAN)
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="tau of the loss.", rich_help_panel=_PLAN)
    ] = None,
    optimiser: Annotated[
        str | None, typer.Option(help="adam, adamw or lars.", rich_help_panel=_PLAN)
    ] = None,
    learning_rate: Annotated[float | None, typer.Option(rich_help_panel=_PLAN)] = None,
    weight_decay: Annotated[float | None, typer.Option(rich_help_panel=_PLAN)] = None,
    schedule: Annotated[
        str | None, typer.Option(help="constant or cosine.", rich_help_panel=_PLAN)
    ] = None,
    warmup: Annotated[
        float | None,
        typer.Option(help="Epochs in which the rate rises.", rich_help_panel=_PLAN),
    ] = None,
    seed: Annotated[int, typer.Option(rich_help_panel=_PLAN)] = 0,
    cadence: Annotated[
        float,
        typer.Option(
            help="Of camera files: seconds at least between two frames of a station.",
            rich_help_panel=_PLAN,
        ),
    ] = 60.0,
    limit: Annotated[
        int | None,
        typer.Option(help="Of camera files: so many frames.", rich_help_panel=_PLAN),
    ] = None,
    crop: Annotated[
        float | None,
        typer.Option(help="Least share of the area that a crop takes.", rich_help_panel=_VIEWS),
    ] = None,
    rotation: Annotated[
        float | None, typer.Option(help="Largest angle, deg.", rich_help_panel=_VIEWS)
    ] = None,
    brightness: Annotated[float | None, typer.Option(rich_help_panel=_VIEWS)] = None,
    contrast: Annotated[float | None, typer.Option(rich_help_panel=_VIEWS)] = None,
    gamma: Annotated[
        float | None,
        typer.Option(help="Largest logarithm of the power.", rich_help_panel=_VIEWS),
    ] = None,
    blur: Annotated[
        float | None,
        typer.Option(help="Largest sigma, in sides of the view.", rich_help_panel=_VIEWS),
    ] = None,
    noise: Annotated[
        float | None,
        typer.Option(help="Largest sigma, on the scale 0 to 1.", rich_help_panel=_VIEWS),
    ] = None,
    erase: Annotated[
        float | None, typer.Option(help="Largest share erased.", rich_help_panel=_VIEWS)
    ] = None,
    horizon: Annotated[
        float | None,
        typer.Option(
            help="Largest depth of a random horizon, in radii of the sky.", rich_help_panel=_VIEWS
        ),
    ] = None,
    device: Annotated[
        str, typer.Option(help="auto, cpu, cuda or cuda:1.", rich_help_panel=_SPEED)
    ] = "auto",
    bf16: Annotated[
        bool | None, typer.Option(help="The network in bfloat16.", rich_help_panel=_SPEED)
    ] = None,
    channels_last: Annotated[bool | None, typer.Option(rich_help_panel=_SPEED)] = None,
    compile: Annotated[
        bool | None, typer.Option(help="torch.compile.", rich_help_panel=_SPEED)
    ] = None,
    accumulate: Annotated[
        int | None,
        typer.Option(
            help="Parts of a batch that are in memory one at a time.", rich_help_panel=_SPEED
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with an unfinished training of this checkpoint; begin if there is none.",
        ),
    ] = False,
) -> None:
    """Train an encoder on pictures without labels (SimCLR, Johnson et al. 2021).

    Two random views of each picture are to have similar representations, and those of different
    pictures different ones. Ctrl-C stops in good order, and --resume goes on. Several GPUs:
    torchrun --nproc-per-node N -m classifier pretrain ...
    """
    from dataclasses import replace

    from auroral_stats.whole_file import check_target
    from classifier._cli.training_progress import is_first_process, training_progress
    from classifier.model import find_device
    from classifier.pretrain import history_path
    from classifier.pretrain import pretrain as train
    from classifier.training_plan import preset as plan_called

    check_target(out)
    find_device(device)
    plan = plan_called(
        preset,
        seed=seed,
        **_given(
            epochs=epochs, batch=batch, size=size, view_size=view_size, architecture=architecture,
            temperature=temperature, optimiser=optimiser, learning_rate=learning_rate,
            weight_decay=weight_decay, schedule=schedule, warmup=warmup, bf16=bf16,
            channels_last=channels_last, compile=compile, accumulate=accumulate,
        ),
    )  # fmt: skip
    views = _given(
        rotation=rotation, brightness=brightness, contrast=contrast, gamma=gamma, blur=blur,
        noise=noise, erase=erase, horizon=horizon,
        scale=None if crop is None else (crop, 1.0),
    )  # fmt: skip
    plan = replace(plan, augmentations=replace(plan.augmentations, **views))
    images = _images(data, plan.size, cadence, limit)
    speaks, terminal = is_first_process(), console()
    if speaks:
        about = f"{images.trained_on}; {plan.architecture}, {plan.epochs} epochs"
        terminal.print(f"Learning from {about}", markup=False, soft_wrap=True)
    with training_progress("Training") as report:
        history = train(images, plan, out, device=device, resume=resume, report=report)
    if speaks:
        loss = f"loss {history[-1].loss:.4f} after epoch {history[-1].epoch}"
        terminal.print(
            f"{loss}\nwrote {out}\nwrote {history_path(out)}", markup=False, soft_wrap=True
        )


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _images(data: list[Path], size: int, cadence: float, limit: int | None) -> TrainingImages:
    """Load the pictures, and say which frames could not be read."""
    from classifier._cli.counting import counting
    from classifier.training_images import join_images, open_images

    with counting("Reading", "pictures or files") as report:
        images = join_images(
            [open_images(path, size, cadence=cadence, limit=limit, report=report) for path in data]
        )
    if images.bad:
        terminal = console(stderr=True)
        more = f", and {len(images.bad) - 3} more" if len(images.bad) > 3 else ""
        terminal.print(f"passed over: {'; '.join(images.bad[:3])}{more}", markup=False)
    return images
