"""What an evaluation compares: methods, splits, runs, and how each method is trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from auroral_stats.errors import UsageError
from classifier.baseline_training import BRIEF, FULL, BaselineTraining
from classifier.baselines import BASELINES
from classifier.evaluation_names import METHOD_NAMES, OWN_METHODS
from classifier.head_training import HeadTraining
from classifier.label_subsets import FRACTIONS
from classifier.network_training import NetworkTraining
from classifier.oath import Oath
from classifier.oath_folds import Fold, grouped_folds, official_folds, station_folds
from classifier.training_plan import TrainingPlan

__all__ = ["PRESETS", "SPLITS", "EvaluationPlan", "evaluation_plan"]

#: Folds of each split: takes the set and a seed.
SPLITS: Mapping[str, Callable[[Oath, int], list[Fold]]] = MappingProxyType(
    {
        "official": lambda oath, _: official_folds(oath),
        "grouped": lambda oath, seed: grouped_folds(oath, 5, seed=seed),
        "station": lambda oath, _: station_folds(oath),
    }
)


@dataclass(frozen=True)
class EvaluationPlan:
    """An evaluation.

    Attributes
    ----------
    methods, splits : tuple of str
        Of :data:`classifier.evaluation_names.METHOD_NAMES` and :data:`SPLITS`.
    runs : int
        How often all is trained anew, with seeds 0, 1, ... for weights, orders and views. Folds
        stay the same.
    contrastive : TrainingPlan
        How encoders are pretrained, one a run; its ``size`` is that of the pictures. Its seed is
        that of the run.
    pretrain_on : {"all", "training"}
        On all pictures of the set without their labels, as Johnson et al. 2021 do, so that the
        encoder has seen the test pictures; or for each fold anew on its training pictures alone.
    head : HeadTraining
    network : NetworkTraining
        Of the supervised classifier from scratch.
    network_size : int
        Side of its pictures, pixels.
    least_steps : int
        Steps that a network is given at least, however few pictures there are.
    unfrozen : NetworkTraining
        Of all weights of a pretrained encoder.
    baselines : mapping of str to BaselineTraining
        How each of :data:`classifier.baselines.BASELINES` is trained.
    weights : str, optional
        Folder with files of ImageNet weights; torch's own if not given.
    label_methods : tuple of str
        Methods whose need of labels is measured, on the first split of the plan that keeps
        station-nights together.
    fractions : tuple of float
        Shares of the labels for that.
    seed : int
        Of the folds by station-night.

    Raises
    ------
    UsageError
        If a name is unknown, or a number cannot be.

    Examples
    --------
    >>> EvaluationPlan().methods
    ('simclr-linear', 'simclr-knn', 'simclr-finetune', 'supervised')
    """

    methods: tuple[str, ...] = ("simclr-linear", "simclr-knn", "simclr-finetune", "supervised")
    splits: tuple[str, ...] = ("official", "grouped")
    runs: int = 3
    contrastive: TrainingPlan = field(default_factory=TrainingPlan)
    pretrain_on: Literal["all", "training"] = "all"
    head: HeadTraining = field(default_factory=HeadTraining)
    network: NetworkTraining = field(default_factory=NetworkTraining)
    network_size: int = 128
    least_steps: int = 100
    unfrozen: NetworkTraining = field(default_factory=lambda: NetworkTraining(epochs=20, rate=3e-4))
    baselines: Mapping[str, BaselineTraining] = field(default_factory=lambda: FULL)
    weights: str | None = None
    label_methods: tuple[str, ...] = ("simclr-linear", "simclr-finetune")
    fractions: tuple[float, ...] = FRACTIONS
    seed: int = 0

    def __post_init__(self) -> None:
        for what, names, known in (
            ("method", (*self.methods, *self.label_methods), METHOD_NAMES),
            ("split", self.splits, SPLITS),
        ):
            unknown = [name for name in names if name not in known]
            if unknown:
                raise UsageError(
                    f"{what} {unknown[0]!r} is not known; known are {', '.join(known)}."
                )
        if not (self.methods and self.splits and self.runs >= 1):
            raise UsageError("an evaluation needs a method, a split and a run at least.")
        if self.pretrain_on not in {"all", "training"}:
            raise UsageError(f"pretrain_on is {self.pretrain_on!r}; expected 'all' or 'training'.")
        if not 32 <= self.network_size <= self.contrastive.size:
            raise UsageError(
                f"network_size is {self.network_size}; expected 32 to {self.contrastive.size}, the "
                "size of the pictures."
            )
        for name in (*self.methods, *self.label_methods):
            if name in BASELINES and name not in self.baselines:
                raise UsageError(f"baselines does not say how {name} is trained.")

    @property
    def needs_encoder(self) -> bool:
        """Whether any method is built on a pretrained encoder."""
        return any(name.startswith("simclr") for name in (*self.methods, *self.label_methods))

    def as_json(self) -> dict[str, Any]:
        """Return the plan as JSON can hold it, with the baselines that it compares."""
        compared = {*self.methods, *self.label_methods}
        used = {name: each for name, each in self.baselines.items() if name in compared}
        return dataclasses.asdict(dataclasses.replace(self, baselines=used))


#: Plans by name. ``cpu`` compares the methods within half an hour on two cores, with 5,824 pictures
#: and three runs: six epochs of contrastive training with views of 32 pixels of pictures of 64,
#: and two epochs of supervised training with pictures of 32 pixels. Its numbers say how methods
#: and splits compare at that cost, not what any of them can reach. ``gpu`` has the recipe of the
#: paper with pictures of 128 pixels, all methods but those of :data:`classifier.baselines.BASELINES`,
#: which are compared where they are asked for, and a split by station.
PRESETS: Mapping[str, EvaluationPlan] = MappingProxyType(
    {
        "cpu": EvaluationPlan(
            contrastive=TrainingPlan(
                size=64, view_size=32, epochs=6, learning_rate=1e-3, schedule="cosine", warmup=1.0
            ),
            head=HeadTraining(epochs=8),
            network=NetworkTraining(epochs=2, batch=64, rate=1e-3),
            network_size=32,
            label_methods=("simclr-linear",),
            unfrozen=NetworkTraining(epochs=2, rate=3e-4),
            baselines=BRIEF,
        ),
        "gpu": EvaluationPlan(
            methods=OWN_METHODS,
            splits=tuple(SPLITS),
            contrastive=TrainingPlan(size=128, epochs=100, bf16=True, channels_last=True),
            network=NetworkTraining(epochs=30, bf16=True),
            unfrozen=NetworkTraining(epochs=15, rate=3e-4, bf16=True),
            label_methods=("simclr-linear", "simclr-finetune", "supervised"),
        ),
    }
)


def evaluation_plan(name: str, **changed: Any) -> EvaluationPlan:
    """Return a plan by its name, with some of it changed.

    Parameters
    ----------
    name : {"cpu", "gpu"}
    **changed
        Attributes of :class:`EvaluationPlan`; ``None`` leaves one as it is.

    Returns
    -------
    EvaluationPlan

    Raises
    ------
    UsageError
        If the name is unknown, or a value cannot be.

    Examples
    --------
    >>> evaluation_plan("cpu", runs=5, splits=None).runs
    5
    """
    if name not in PRESETS:
        raise UsageError(f"preset {name!r} is not known; known are {', '.join(PRESETS)}.")
    given = {key: value for key, value in changed.items() if value is not None}
    plan = dataclasses.replace(PRESETS[name], **given)
    # a method that is not compared at all is not compared in its need of labels either
    kept = tuple(method for method in plan.label_methods if method in plan.methods)
    return dataclasses.replace(plan, label_methods=kept)
