"""The state of an unfinished training, as a safetensors file: enough to go on as if never stopped.

All that is random in a training follows from its seed and the number of the step, so that weights,
optimiser, step and losses are the whole state.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from auroral_stats.errors import DataError, UsageError
from auroral_stats.whole_file import write_whole
from classifier.optimisers import optimiser_state, restore_optimiser
from classifier.tensor_files import damaged, read_tensors, write_tensors
from classifier.training_plan import TrainingPlan, plan_from_json

__all__ = ["Epoch", "Progress", "load_state", "save_state", "state_path", "write_history"]

_KEY = "auroral_classifier_training"


@dataclass(frozen=True)
class Epoch:
    """One row of the history.

    Attributes
    ----------
    epoch : int
        From 1.
    loss : float
        Mean over its steps.
    learning_rate : float
        At its end.
    images_per_second : float
        Pictures, not views.
    seconds : float
    """

    epoch: int
    loss: float
    learning_rate: float
    images_per_second: float
    seconds: float


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Attributes
    ----------
    step : int
        Steps done.
    losses : tuple of float
        Of the steps of the epoch that is under way.
    seconds : float
        Spent on that epoch.
    history : tuple of Epoch
        Epochs done.
    """

    step: int = 0
    losses: tuple[float, ...] = ()
    seconds: float = 0.0
    history: tuple[Epoch, ...] = ()


def state_path(out: Path) -> Path:
    """Return where the state of the training of a checkpoint lies.

    Examples
    --------
    >>> state_path(Path("runs/encoder.safetensors")).name
    'encoder.state.safetensors'
    """
    return out.with_name(f"{out.stem}.state.safetensors")


def save_state(
    path: Path,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    progress: Progress,
    plan: TrainingPlan,
    fingerprint: str,
) -> None:
    """Write the state of a training, whole or not at all.

    Raises
    ------
    ArchiveError
        If it cannot be written; the state that was there stays.
    """
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"optimiser.{name}": value for name, value in optimiser_state(optimiser).items()}
    said = {
        "plan": plan.as_json(),
        "fingerprint": fingerprint,
        "progress": asdict(progress),
        "torch": torch.__version__,
    }
    write_tensors(path, tensors, {_KEY: json.dumps(said)})


def load_state(
    path: Path,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    plan: TrainingPlan,
    fingerprint: str,
) -> Progress:
    """Put a model and an optimiser into a state that was saved.

    Parameters
    ----------
    path : Path
    model, optimiser
        Of the same plan.
    plan : TrainingPlan
        It may ask for more epochs than before where the learning rate does not depend on them.
    fingerprint : str
        Of the pictures.

    Returns
    -------
    Progress

    Raises
    ------
    ArchiveError
        If the file cannot be read.
    DataError
        If it is damaged or no such state.
    UsageError
        If it is that of another plan, or of other pictures.
    """
    tensors, said, _ = read_tensors(path)
    if _KEY not in said:
        raise DataError(f"{path}: holds no state of a training; remove it, or start without it.")
    try:
        found = json.loads(said[_KEY])
        before, progress = plan_from_json(found["plan"]), _progress(found["progress"])
    except (ValueError, TypeError, KeyError) as error:
        raise damaged(path, f"what it says cannot be used ({error})") from error
    _check_same(path, before, plan)
    if found["fingerprint"] != fingerprint:
        raise UsageError(
            f"{path}: the training began with other pictures; give the same ones in the same "
            f"order, or remove {path.name} to begin anew."
        )
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "optimiser": {}}
    try:
        for name, value in tensors.items():
            part, rest = name.split(".", 1)
            parts[part][rest] = value
        model.load_state_dict(parts["model"])
        restore_optimiser(optimiser, parts["optimiser"])
    except (RuntimeError, ValueError, KeyError, IndexError) as error:
        raise damaged(path, "its weights do not fit its plan") from error
    return progress


def write_history(path: Path, history: Sequence[Epoch], *, simulated: bool) -> Path:
    """Write the history as a tidy CSV file, one row an epoch.

    Parameters
    ----------
    path : Path
    history : sequence of Epoch
    simulated : bool
        Whether any picture was; last column of the table.

    Returns
    -------
    Path

    Raises
    ------
    ArchiveError
        If it cannot be written.
    """

    def write(staged: Path) -> None:
        with staged.open("w", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow([*Epoch.__dataclass_fields__, "simulated"])
            for row in history:
                table.writerow(
                    [
                        row.epoch,
                        f"{row.loss:.6g}",
                        f"{row.learning_rate:.6g}",
                        f"{row.images_per_second:.1f}",
                        f"{row.seconds:.2f}",
                        str(simulated).lower(),
                    ]
                )

    return write_whole(path, write)


def _progress(found: dict[str, Any]) -> Progress:
    history = tuple(Epoch(**row) for row in found["history"])
    return Progress(int(found["step"]), tuple(found["losses"]), found["seconds"], history)


def _check_same(path: Path, before: TrainingPlan, plan: TrainingPlan) -> None:
    if plan.schedule == "constant" and before.schedule == "constant":
        before = replace(before, epochs=max(plan.epochs, before.epochs))
    differ = [
        f"{name} {value!r}, now {getattr(plan, name)!r}"
        for name, value in vars(before).items()
        if value != getattr(plan, name)
    ]
    if differ:
        raise UsageError(
            f"{path}: the training began with {'; '.join(differ)}. Go on with the same, or remove "
            f"{path.name} to begin anew."
        )
