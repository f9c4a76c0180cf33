"""What an evaluation is doing, how far it is, and what each part of it took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from classifier.baselines import BASELINES
from classifier.evaluation_plan import EvaluationPlan

__all__ = ["Stages", "method_cost", "pretraining_cost"]

#: Pixels of training that cost as much as a method on representations costs for one picture.
_PIXELS = {
    "simclr-linear": 360.0,
    "simclr-knn": 60.0,
    "simclr-finetune": 700.0,
    "inception-ridge": 200.0,
    "inception-linear": 2000.0,
    "hog-3nn": 200.0,
    "hog-5nn": 200.0,
    "hog-svm": 3000.0,
}


class Stages:
    """Tells how much is done, and adds up the time that each kind of work took.

    Parameters
    ----------
    total : float
        Cost of all stages.
    report : callable, optional
        Told the share that is done in per cent, 100, and what is being done, when that changes.

    Attributes
    ----------
    seconds : dict of str to float
        By kind of work.
    """

    def __init__(
        self, total: float, report: Callable[[float, float, str], None] | None = None
    ) -> None:
        self.total, self.report = total, report
        self.seconds: dict[str, float] = {}
        self._done = 0.0

    @contextmanager
    def stage(
        self, kind: str, what: str = "", cost: float = 0.0
    ) -> Iterator[Callable[[float], None]]:
        """Do a part of the work.

        Parameters
        ----------
        kind : str
            Where its time is added.
        what : str
            What is said.
        cost : float
            Its part of the total.

        Yields
        ------
        callable
            Takes the share of this part that is done, 0 to 1.
        """
        before, begun = self._done, time.perf_counter()

        def part(share: float) -> None:
            self._tell(before + share * cost)

        self._tell(before, what)
        try:
            yield part
        finally:
            self._done = before + cost
            self.seconds[kind] = self.seconds.get(kind, 0.0) + time.perf_counter() - begun

    def _tell(self, done: float, what: str = "") -> None:
        if self.report is not None:
            share = min(done / self.total, 1.0) if self.total else 0.0
            self.report(100 * share, 100.0, what)


def pretraining_cost(plan: EvaluationPlan, pictures: int) -> float:
    """Return what pretraining an encoder costs, in pixels trained on."""
    return 2.0 * pictures * plan.contrastive.epochs * plan.contrastive.views_of**2


def method_cost(plan: EvaluationPlan, method: str, pictures: int) -> float:
    """Return what training a method on so many pictures costs, in pixels trained on.

    Examples
    --------
    >>> from classifier.evaluation_plan import evaluation_plan
    >>> plan = evaluation_plan("cpu")
    >>> method_cost(plan, "supervised", 4000) > method_cost(plan, "simclr-linear", 4000)
    True
    """
    if method == "supervised":
        return float(pictures * plan.network.epochs * plan.network_size**2)
    if method == "simclr-unfrozen":
        return float(pictures * plan.unfrozen.epochs * plan.contrastive.size**2)
    if method not in _PIXELS:
        return _network_cost(plan, method, pictures)
    return pictures * _PIXELS[method]


def _network_cost(plan: EvaluationPlan, method: str, pictures: int) -> float:
    how, declared = plan.baselines[method], BASELINES[method]
    trained = pictures if how.pictures is None else min(pictures, how.pictures)
    # what a pixel costs, against the ResNet18 that the others are counted in
    dearer = (declared.multiply_adds / declared.size**2) / (0.6 / 128**2)
    epochs = how.network.epochs if how.network else 1
    return trained * epochs * how.size**2 * dearer
