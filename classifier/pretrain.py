"""Contrastive training of an encoder: one loop, which can be stopped and gone on with at any step.

Everything random follows from the seed and the number of the step: the order of the pictures in an
epoch, and the views of a step. So a training that was stopped, by Ctrl-C, a scheduler or a power
cut, and goes on has the same losses as one that never was: to the last bit on a CPU with as many
threads, and to rounding on a GPU or with another number of processes.

Beside the checkpoint ``encoder.safetensors`` lie ``encoder.loss.csv``, the history, and until the
training is done ``encoder.state.safetensors``, what is needed to go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from auroral_stats.errors import DataError, UsageError
from auroral_stats.whole_file import check_target
from classifier.checkpoint import Header, load_checkpoint, save_checkpoint
from classifier.contrastive_step import (
    contrastive_gradients,
    contrastive_model,
    near,
    picture_order,
    views_of_step,
)
from classifier.optimisers import trained_by
from classifier.ranks import Ranks, joined_ranks, spread
from classifier.stopping import TrainingStopped, stop_asked_for
from classifier.training_images import TrainingImages
from classifier.training_plan import TrainingPlan
from classifier.training_state import (
    Epoch,
    Progress,
    load_state,
    save_state,
    state_path,
    write_history,
)

__all__ = ["Status", "TrainingStopped", "history_path", "pretrain"]

#: Seconds between two saved states.
SAVE_EVERY = 60.0

#: Steps between two looks at the losses where looking means to wait for the device.
_LOOK_EVERY = 10
#: The largest number of float16.
_LARGEST_WEIGHT = 65504.0


@dataclass(frozen=True)
class Status:
    """What is told of a running training.

    Attributes
    ----------
    epoch, epochs : int
        Under way, counted from 1, and in all.
    step, steps : int
        Done, and in all.
    loss : float
        Mean over the epoch so far.
    images_per_second : float
        Pictures, not views; since the training was begun or gone on with.
    seconds_left : float
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    images_per_second: float
    seconds_left: float


def history_path(out: Path) -> Path:
    """Return where the history of the training of a checkpoint lies."""
    return out.with_name(f"{out.stem}.loss.csv")


def pretrain(
    images: TrainingImages,
    plan: TrainingPlan,
    out: str | Path,
    *,
    device: str | torch.device = "auto",
    resume: bool = False,
    report: Callable[[Status], None] | None = None,
    save_every: float = SAVE_EVERY,
    half: bool = True,
) -> tuple[Epoch, ...]:
    """Train an encoder on pictures without labels, and write its checkpoint.

    Parameters
    ----------
    images : TrainingImages
        Of the size of the plan.
    plan : TrainingPlan
    out : path
        Of the checkpoint. It is written whenever the state is, too, so that there always is a last
        good one.
    device : str or torch.device
    resume : bool
        Go on with an unfinished training of this checkpoint, if there is one.
    report : callable, optional
        Told the status after every step (every ten on a GPU).
    save_every : float
        Seconds between two saved states; there is one more when the training is stopped.
    half : bool
        Store the checkpoint as float16.

    Returns
    -------
    tuple of Epoch
        The history.

    Raises
    ------
    TrainingStopped
        After Ctrl-C or SIGTERM, once the state is saved. A second Ctrl-C stops at once.
    DataError
        If the loss or a weight is no number any more; the checkpoint is the last good one.
    UsageError
        If the pictures are of another size or too few, the device is not there, or there is an
        unfinished training that is not to be gone on with, or one of another plan.
    ArchiveError
        If a file cannot be written.

    Notes
    -----
    Under ``torchrun`` all processes take part: each step has ``plan.batch`` pictures in all, the
    views of all of them are each other's negatives, and batch statistics are common; so N processes
    compute what one would, but for rounding and for pixel noise if there is any.
    """
    out = Path(out)
    if images.size != plan.size:
        raise UsageError(
            f"size: the plan has pictures of {plan.size} pixels, {images.size} came; load them "
            f"with size={plan.size}."
        )
    per_epoch = plan.steps_per_epoch(len(images))
    if resume and not state_path(out).exists() and out.exists():
        done = _finished(out, plan, images.fingerprint)
        if done is not None:
            return done
    with joined_ranks(device) as ranks, stop_asked_for() as stop:
        if plan.batch % (ranks.count * plan.accumulate):
            raise UsageError(
                f"batch: {plan.batch} pictures cannot be shared evenly by {ranks.count} processes "
                f"in {plan.accumulate} parts each; take a multiple of "
                f"{ranks.count * plan.accumulate}."
            )
        if ranks.rank == 0:
            for path in (out, state_path(out), history_path(out)):
                check_target(path)
        if state_path(out).exists() and not resume:
            raise UsageError(
                f"{state_path(out)}: there is an unfinished training of {out.name}; go on with "
                "--resume, or remove the file to begin anew."
            )
        return _train(
            images, plan, out, ranks, stop, per_epoch, report, save_every, half, resume=resume
        )


def _train(
    images: TrainingImages,
    plan: TrainingPlan,
    out: Path,
    ranks: Ranks,
    stop: Callable[[], bool],
    per_epoch: int,
    report: Callable[[Status], None] | None,
    save_every: float,
    half: bool,
    *,
    resume: bool,
) -> tuple[Epoch, ...]:
    device = ranks.device
    core = contrastive_model(plan, device).train()
    model = spread(core, ranks)
    optimiser = trained_by(plan.optimiser, core.parameters(), plan.learning_rate, plan.weight_decay)
    progress = Progress()
    if resume and state_path(out).exists():
        progress = load_state(state_path(out), core, optimiser, plan, images.fingerprint)
    if plan.compile:
        model.compile()
    pictures = near(images.images, device)
    # the losses of an epoch wait on the device until someone looks
    losses = torch.zeros(per_epoch, device=device)
    losses[: len(progress.losses)] = torch.tensor(progress.losses)
    look_every = 1 if device.type == "cpu" else _LOOK_EVERY
    steps, first = plan.epochs * per_epoch, progress.step
    begun = saved = epoch_begun = time.perf_counter()
    epoch_begun -= progress.seconds

    def save(at: Progress) -> None:
        _check_weights(core, at.step, per_epoch, out)
        if ranks.rank != 0:
            return
        finished = at.step == steps
        header = _header(images, plan, at, finished=finished)
        save_checkpoint(out, core.encoder, header, half=half)
        write_history(history_path(out), at.history, simulated=images.simulated)
        if finished:
            state_path(out).unlink(missing_ok=True)
        else:
            save_state(state_path(out), core, optimiser, at, plan, images.fingerprint)

    for step in range(first, steps):
        epoch, within = divmod(step, per_epoch)
        for group in optimiser.param_groups:
            group["lr"] = plan.rate(step, per_epoch)
        if within == 0 or step == first:
            order = picture_order(len(images), plan, epoch)
        index = order[within * plan.batch : (within + 1) * plan.batch]
        views = views_of_step(pictures, index, plan, step, ranks)
        optimiser.zero_grad(set_to_none=True)
        losses[within] = contrastive_gradients(model, views, plan, ranks)
        optimiser.step()

        last = within == per_epoch - 1
        if not (last or (step + 1) % look_every == 0):
            continue
        # from here on the device is waited for
        so_far = tuple(ranks.mean(losses[: within + 1]).tolist())
        _check_losses(so_far, step, per_epoch, out)
        now = time.perf_counter()
        if report is not None and ranks.rank == 0:
            pace = (now - begun) / (step + 1 - first)
            left = (steps - step - 1) * pace
            mean = sum(so_far) / len(so_far)
            report(Status(epoch + 1, plan.epochs, step + 1, steps, mean, plan.batch / pace, left))
        progress = replace(progress, step=step + 1, losses=so_far, seconds=now - epoch_begun)
        if last:
            progress = _next_epoch(progress, plan, epoch, per_epoch)
            epoch_begun = now
        stopping = ranks.any(stop())
        due = ranks.any(now - saved >= save_every)
        if stopping or due or step + 1 == steps:
            save(progress)
            saved = time.perf_counter()
        if stopping and step + 1 < steps:
            raise TrainingStopped(
                f"{out}: stopped in epoch {epoch + 1} of {plan.epochs}, after step {step + 1} of "
                f"{steps}; go on with --resume."
            )
    return progress.history


def _next_epoch(progress: Progress, plan: TrainingPlan, epoch: int, per_epoch: int) -> Progress:
    seconds = progress.seconds
    row = Epoch(
        epoch=epoch + 1,
        loss=sum(progress.losses) / per_epoch,
        learning_rate=plan.rate(progress.step - 1, per_epoch),
        images_per_second=per_epoch * plan.batch / seconds,
        seconds=seconds,
    )
    return replace(progress, losses=(), seconds=0.0, history=(*progress.history, row))


def _check_losses(losses: tuple[float, ...], step: int, per_epoch: int, out: Path) -> None:
    if not all(abs(loss) < float("inf") for loss in losses):
        raise _diverged("the loss", step, per_epoch, out)


def _check_weights(model: nn.Module, step: int, per_epoch: int, out: Path) -> None:
    # beyond this a checkpoint could not hold them; an unsound number is not below it either
    sound = [weight.abs().max() <= _LARGEST_WEIGHT for weight in model.parameters()]
    if not torch.stack(sound).all():
        raise _diverged("a weight", step, per_epoch, out)


def _diverged(what: str, step: int, per_epoch: int, out: Path) -> DataError:
    kept = f"{out} is the last good checkpoint" if out.exists() else "no checkpoint was written"
    return DataError(
        f"{what} has grown beyond all numbers in epoch {step // per_epoch + 1}; {kept}. Train with a "
        "lower learning rate, or without bf16."
    )


def _header(
    images: TrainingImages, plan: TrainingPlan, progress: Progress, *, finished: bool
) -> Header:
    last = progress.history[-1].loss if progress.history else None
    training: dict[str, Any] = {
        "method": "SimCLR",
        **plan.as_json(),
        "epochs_done": len(progress.history),
        "finished": finished,
        "loss": last,
        "history": [[row.epoch, row.loss, row.learning_rate] for row in progress.history],
    }
    return Header(
        kind="encoder",
        architecture=plan.architecture,
        size=plan.size,
        model_trained_on=images.trained_on,
        simulated=images.simulated,
        preprocess=images.recipe,
        data_fingerprint=images.fingerprint,
        training=training,
    )


def _finished(out: Path, plan: TrainingPlan, fingerprint: str) -> tuple[Epoch, ...] | None:
    """Return the history of a checkpoint that this very training made before, if it did."""
    header = load_checkpoint(out).header
    same = header.data_fingerprint == fingerprint and all(
        header.training.get(name) == value for name, value in plan.as_json().items()
    )
    if not (same and header.training.get("finished")):
        return None
    return tuple(
        Epoch(epoch, loss, rate, images_per_second=0.0, seconds=0.0)
        for epoch, loss, rate in header.training["history"]
    )
