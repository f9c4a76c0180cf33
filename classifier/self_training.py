r"""Self-training: the surest predictions for pictures without labels become labels to learn from.

A head is trained on the labelled pictures and asked about those without labels. Predictions that
reach the threshold of their class become pseudo-labels, the head is trained on both, and asked
again. Each class has the threshold from which predictions have the wanted precision on held-out
station-nights (:mod:`classifier.precision_thresholds`).

Whether this helped is measured on whole station-nights of the labelled pictures. For that, each
fold of station-nights goes through all rounds by itself: neither the labels of its held-out nights,
nor pseudo-labels of pictures of these nights, nor pseudo-labels that a head gave that had seen
those labels are ever in its training. What folds know of each other is one temperature and six
thresholds, which each takes from the held-out nights of the *other* folds. The rounds end when the
macro F1 of the held-out nights falls, when nothing is added any more, or after a number of rounds;
the round with the best F1 is kept.

A pseudo-label stays as it is once it is given. Mistakes that are made with confidence are learnt
like truths, and held-out nights tell of them only as far as they resemble the pictures without
labels: of other cameras or other skies the precision may be lower than wanted.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auroral_stats.errors import DataError
from auroral_stats.labels import CLASSES
from classifier.calibrate import fit_temperature, softmax
from classifier.head_training import fit_head
from classifier.metrics import confusion_by_group, scores
from classifier.precision_thresholds import ClassThresholds, accepted, precision_thresholds
from classifier.probe import fit_linear
from classifier.score_intervals import jackknife_interval
from classifier.self_training_rounds import NO_LABEL, FittedTo, Round, SelfTrained, SelfTraining
from classifier.training_sets import check_training_set, held_out_parts

__all__ = ["HEADS", "Fit", "Plan", "linear_fit", "self_train", "two_layer_fit"]

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

#: Trains a head on features and labels.
Fit = Callable[[Array, Integers], FittedTo]
#: Looks at the labelled pictures (features, labels, station-nights; a seed), and says how heads
#: are to be trained in all rounds.
Plan = Callable[[Array, Integers, Integers, int], Fit]


def linear_fit(features: Array, label: Integers, group: Integers, seed: int) -> Fit:
    """Return how logistic regressions are fitted, their penalty chosen on labelled pictures alone.

    Parameters
    ----------
    features : ndarray, (n, feature)
    label, group : ndarray of int64, (n,)
    seed : int

    Returns
    -------
    callable
        The penalty keeps its weight against one picture, however many there are.
    """
    c = fit_linear(features, label, group, seed=seed).c * len(features)

    def fit(h: Array, y: Integers) -> FittedTo:
        # as of one station-night: no temperature is looked for, since it comes from elsewhere
        return fit_linear(h, y, np.zeros(len(h)), c=c / len(h), seed=seed)

    return fit


def two_layer_fit(features: Array, label: Integers, group: Integers, seed: int) -> Fit:  # noqa: ARG001
    """Return how heads of two layers are trained: as :func:`classifier.head_training.fit_head`."""
    return lambda h, y: fit_head(h, y, np.zeros(len(h)), seed=seed, calibrate=False)


#: Heads by name.
HEADS: dict[str, Plan] = {"two-layer": two_layer_fit, "linear": linear_fit}


def self_train(
    features: ArrayLike,
    label: ArrayLike,
    night: ArrayLike,
    unlabelled: ArrayLike,
    unlabelled_night: ArrayLike,
    plan: SelfTraining | None = None,
    *,
    head: Plan = two_layer_fit,
    truth: ArrayLike | None = None,
    report: Callable[[Round], None] | None = None,
) -> SelfTrained:
    """Train a head on labelled pictures and on its own surest predictions.

    Parameters
    ----------
    features : array_like, (n, feature)
        Representations of the labelled pictures.
    label : array_like of int, (n,)
    night : array_like, (n,)
        Station-night of each, by a name or number that is that of ``unlabelled_night`` as well.
    unlabelled : array_like, (m, feature)
        Representations of the pictures without labels.
    unlabelled_night : array_like, (m,)
    plan : SelfTraining, optional
    head : callable
        One of :data:`HEADS`.
    truth : array_like of int, (m,), optional
        Labels of the pictures without labels, where they are known after all: to measure the
        precision of the pseudo-labels, and for nothing else. -1 where it is not known.
    report : callable, optional
        Told each round when it is done.

    Returns
    -------
    SelfTrained

    Raises
    ------
    DataError
        If shapes do not fit, features are not finite, or the labelled pictures are of too few
        station-nights or classes for the folds.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(400) % 4
    >>> h = 5 * np.eye(8)[y] + rng.normal(size=(400, 8))
    >>> night = np.arange(400) // 10
    >>> found = self_train(h[:200], y[:200], night[:200], h[200:], night[200:],
    ...                    SelfTraining(rounds=1, folds=4), head=linear_fit, truth=y[200:])
    >>> first = found.rounds[1]
    >>> bool(first.added.sum() > 150), bool(np.nanmin(first.true_precision) > 0.95)
    (True, True)
    """
    how = plan or SelfTraining()
    g, g_new = np.asarray(night), np.asarray(unlabelled_night)
    codes = np.unique(np.concatenate([g.astype(str), g_new.astype(str)]), return_inverse=True)[1]
    h, y, group = check_training_set(features, label, codes[: g.size])
    h_new, group_new = np.asarray(unlabelled, dtype=np.float64), codes[g.size :]
    known = np.full(len(h_new), NO_LABEL) if truth is None else np.asarray(truth).astype(np.int64)
    _check_unlabelled(h, h_new, group_new, known)
    parts = held_out_parts(y, group, how.folds, how.seed)
    if len(parts) < how.folds:
        raise DataError(
            f"{np.unique(group).size} labelled station-nights with {np.unique(y).size} classes "
            f"cannot be dealt into {how.folds} folds that each leave two classes to learn from; "
            "take fewer folds, or label more station-nights."
        )
    everything = np.arange(len(h))
    worlds = [
        _World(h, y, group, h_new, group_new, train, held, head, how.seed)
        for train, held in [*parts, (everything, everything[:0])]
    ]
    rows = np.concatenate([world.held for world in worlds])
    fold = np.repeat(np.arange(len(worlds)), [world.held.size for world in worlds])
    true, night_of = y[rows], group[rows]
    whole = worlds[-1]
    rounds: list[Round] = []
    gave: ClassThresholds | None = None
    best, ended, kept_head = 0, "", None
    while not ended:
        number = len(rounds)
        for world in worlds:
            world.train()
        logits = np.concatenate([world.held_logits() for world in worlds])
        rounds.append(_round(number, gave, whole, known, logits, true, night_of))
        if report is not None:
            report(rounds[-1])
        if rounds[-1].macro_f1.value < rounds[best].macro_f1.value:
            ended = f"the macro F1 of the held-out nights fell in round {number}"
            break
        best, kept_head = number, whole.head
        if number == how.rounds:
            ended = f"round {number} was the last that was asked for"
            break
        for i, world in enumerate(worlds):
            others = fold != i  # the last world, of everything, holds nothing out
            t = fit_temperature(logits[others], true[others])
            p = softmax(logits[others], t)
            gave = precision_thresholds(p, true[others], night_of[others], how.precision)
            world.add(t, gave.threshold, number + 1)
        if not (whole.round == number + 1).any():
            ended = f"no prediction was sure enough to be added after round {number}"
    assert kept_head is not None
    return SelfTrained(
        tuple(rounds), best, ended, whole.label, whole.round, whole.probability, kept_head,
        rounds[best].temperature,
    )  # fmt: skip


class _World:
    """One fold, or everything: its own labels, pseudo-labels and head."""

    def __init__(
        self, h: Array, y: Integers, group: Integers, h_new: Array, group_new: Integers,
        train: Integers, held: Integers, head: Plan, seed: int,
    ) -> None:  # fmt: skip
        self.h, self.y, self.h_new, self.held = h[train], y[train], h_new, held
        self.h_held = h[held]
        # near copies of the held-out pictures are not for this world
        self.free = ~np.isin(group_new, group[held])
        self.label = np.full(len(h_new), NO_LABEL, dtype=np.int64)
        self.round = np.full(len(h_new), NO_LABEL, dtype=np.int64)
        self.probability = np.full(len(h_new), np.nan)
        self.fit = head(self.h, self.y, group[train], seed)

    def train(self) -> None:
        taken = self.label != NO_LABEL
        h = np.concatenate([self.h, self.h_new[taken]])
        self.head: FittedTo = self.fit(h, np.concatenate([self.y, self.label[taken]]))

    def held_logits(self) -> Array:
        if not self.held.size:
            return np.empty((0, len(CLASSES)))
        return self.head.logits(self.h_held)

    def add(self, temperature: float, thresholds: Array, number: int) -> None:
        rows = np.flatnonzero(self.free & (self.label == NO_LABEL))
        if not rows.size:
            return
        p = softmax(self.head.logits(self.h_new[rows]), temperature)
        sure = accepted(p, thresholds)
        self.label[rows[sure]] = p[sure].argmax(axis=1)
        self.probability[rows[sure]] = p[sure].max(axis=1)
        self.round[rows[sure]] = number


def _round(
    number: int,
    gave: ClassThresholds | None,
    whole: _World,
    known: Integers,
    logits: Array,
    true: Integers,
    group: Integers,
) -> Round:
    new, classes = whole.round == number, len(CLASSES)
    right = np.full(classes, np.nan)
    for code in range(classes):
        mine = new & (whole.label == code) & (known != NO_LABEL)
        if number and mine.any():
            right[code] = (known[mine] == code).mean()
    codes = np.unique(group, return_inverse=True)[1]
    counts = confusion_by_group(true, logits.argmax(axis=1), codes)

    def total(rows: NDArray[np.bool_]) -> Integers:
        return np.bincount(whole.label[rows], minlength=classes).astype(np.int64)

    return Round(
        number, gave,
        added=total(new & (number > 0)),
        total=total(whole.label != NO_LABEL),
        true_precision=right,
        macro_f1=jackknife_interval(counts, lambda c: scores(c).macro_f1),
        accuracy=jackknife_interval(counts, lambda c: scores(c).accuracy),
        temperature=fit_temperature(logits, true),
    )  # fmt: skip


def _check_unlabelled(h: Array, h_new: Array, group_new: Integers, known: Integers) -> None:
    if h_new.ndim != 2 or h_new.shape[1] != h.shape[1] or len(h_new) != group_new.size:
        raise DataError(
            f"pictures without labels: features of shape {h_new.shape} with {group_new.size} "
            f"station-nights; expected {h.shape[1]} features and one station-night a picture."
        )
    if not np.isfinite(h_new).all():
        raise DataError("pictures without labels: features hold NaN or infinity.")
    if known.size != len(h_new) or (known.size and not -1 <= known.min() <= known.max() < 6):
        raise DataError(
            f"truth: {known.size} values for {len(h_new)} pictures without labels; expected one "
            "a picture, from -1 (not known) to 5."
        )
