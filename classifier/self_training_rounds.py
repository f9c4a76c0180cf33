"""What self-training is asked for, and what its rounds say: values and tidy tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auroral_stats.errors import UsageError
from auroral_stats.labels import CLASSES
from classifier.precision_thresholds import ClassThresholds
from classifier.score_intervals import Interval

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "NO_LABEL",
    "FittedTo",
    "Round",
    "SelfTrained",
    "SelfTraining",
    "nights_table",
    "rounds_table",
]

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

#: Stands where a picture has no pseudo-label.
NO_LABEL = -1


class FittedTo(Protocol):
    """A head that was trained: representations to logits."""

    def logits(self, features: ArrayLike) -> Array:
        """Return logits (n, class) of representations (n, feature)."""


@dataclass(frozen=True)
class SelfTraining:
    """How self-training is done.

    Attributes
    ----------
    precision : float
        Wanted share of right ones among the pseudo-labels of each class, in (0, 1).
    rounds : int
        At most.
    folds : int
        Of the labelled station-nights.
    seed : int
        Of the folds and the heads.
    """

    precision: float = 0.95
    rounds: int = 5
    folds: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.precision < 1:
            raise UsageError(f"precision is {self.precision}; expected a number between 0 and 1.")
        if self.rounds < 1 or self.folds < 2 or self.seed < 0:
            raise UsageError(
                f"rounds {self.rounds}, folds {self.folds}, seed {self.seed}: expected 1 or more, "
                "2 or more, and 0 or more."
            )


@dataclass(frozen=True, eq=False)
class Round:
    """One round; round 0 has no pseudo-labels.

    Attributes
    ----------
    number : int
    thresholds : ClassThresholds, optional
        By which pictures were added before this round; None in round 0.
    added, total : ndarray of int64, (class,)
        Pseudo-labels that are new in this round, and all.
    true_precision : ndarray, (class,)
        Share of right ones among the new ones, where the truth is known.
    macro_f1, accuracy : Interval
        Of the held-out nights in this round, with 95 % intervals by station-nights.
    temperature : float
    """

    number: int
    thresholds: ClassThresholds | None
    added: Integers
    total: Integers
    true_precision: Array
    macro_f1: Interval
    accuracy: Interval
    temperature: float


@dataclass(frozen=True, eq=False)
class SelfTrained:
    """What came of self-training.

    Attributes
    ----------
    rounds : tuple of Round
        All that were tried, the one that ended it as well.
    best : int
        Number of the round that is kept.
    ended : str
        Why there was no further round.
    label : ndarray of int64, (m,)
        Pseudo-labels of all rounds; -1 for none. Those to be used are :attr:`kept`.
    round : ndarray of int64, (m,)
        In which each was given; -1 for none.
    probability : ndarray, (m,)
        That it had then; NaN for none.
    head : FittedTo
        Trained on the labelled pictures and the pseudo-labels that are kept.
    temperature : float
        Of its logits, from held-out nights of the labelled pictures.
    """

    rounds: tuple[Round, ...]
    best: int
    ended: str
    label: Integers
    round: Integers
    probability: Array
    head: FittedTo
    temperature: float

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Whether a picture has a pseudo-label that is kept, (m,)."""
        return (self.label != NO_LABEL) & (self.round <= self.best)


def rounds_table(found: SelfTrained, *, simulated: bool) -> pd.DataFrame:
    """Return the history of self-training.

    Parameters
    ----------
    found : SelfTrained
    simulated : bool

    Returns
    -------
    pandas.DataFrame
        A row for each round and class: round, class; added, total (pseudo-labels); threshold (inf:
        none did it); held_precision, held_pictures, held_nights (of the threshold, on nights left
        out of its choice); true_precision (of those added, where the truth is known); macro_f1
        with ci_low and ci_high, accuracy, temperature (of the round, the same for all classes);
        kept, simulated.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for one in found.rounds:
        told = one.thresholds
        for code, name in enumerate(CLASSES):
            rows.append(
                {
                    "round": one.number,
                    "class": name,
                    "added": int(one.added[code]),
                    "total": int(one.total[code]),
                    "threshold": float(told.threshold[code]) if told else np.nan,
                    "held_precision": float(told.precision[code]) if told else np.nan,
                    "held_pictures": int(told.pictures[code]) if told else 0,
                    "held_nights": int(told.nights[code]) if told else 0,
                    "true_precision": float(one.true_precision[code]),
                    "macro_f1": one.macro_f1.value,
                    "ci_low": one.macro_f1.low,
                    "ci_high": one.macro_f1.high,
                    "accuracy": one.accuracy.value,
                    "temperature": one.temperature,
                    "kept": one.number <= found.best,
                    "simulated": simulated,
                }
            )
    return pd.DataFrame(rows)


def nights_table(found: SelfTrained, night: Sequence[str], *, simulated: bool) -> pd.DataFrame:
    """Return from which station-nights pictures were added.

    Parameters
    ----------
    found : SelfTrained
    night : sequence of str, (m,)
        Station-night of each picture without a label.
    simulated : bool

    Returns
    -------
    pandas.DataFrame
        Columns round, class, night, pictures, kept, simulated; a row for each that has any.
    """
    import pandas as pd

    rows = np.flatnonzero(found.label != NO_LABEL)
    table = pd.DataFrame(
        {
            "round": found.round[rows],
            "class": np.array(CLASSES)[found.label[rows]],
            "night": np.asarray(night)[rows],
        }
    )
    counts = table.value_counts(sort=False).rename("pictures").reset_index()
    counts = counts.sort_values(["round", "class", "night"], ignore_index=True)
    return counts.assign(kept=counts["round"] <= found.best, simulated=simulated)
