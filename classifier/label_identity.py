"""What all labels of a store have in common: one model, one calibration, real or simulated frames."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from auroral_stats.errors import DataError, UsageError
from auroral_stats.labels import CLASSES, StoreInfo, open_labels
from classifier.label_batches import FrameModel
from classifier.ledger import LEDGER_NAME, FileLabels, known_info, note_info

__all__ = ["ArchiveModel", "check_store", "noted_info", "store_info"]

#: What must be the same; versions of software may differ.
_SAME = ("source", "model_sha256", "preprocess", "temperature", "model_trained_on", "simulated")


class ArchiveModel(FrameModel, Protocol):
    """A model that says what it is, as :func:`classifier.checkpoint.load_model` gives it."""

    @property
    def sha256(self) -> str:
        """Checksum of its file."""

    @property
    def header(self) -> Any:
        """With ``classes``, ``preprocess``, ``temperature`` and ``model_trained_on``."""


def store_info(model: ArchiveModel, store: Path, drivers: str | Path | None) -> StoreInfo:
    """Return what labels of a model are, as if the frames were real.

    Parameters
    ----------
    model : ArchiveModel
    store : Path
    drivers : path, optional
        Folder of the drivers of the same simulation.

    Returns
    -------
    StoreInfo

    Raises
    ------
    DataError
        If the model has other classes.
    """
    header = model.header
    if tuple(header.classes) != CLASSES:
        raise DataError(
            f"the model knows the classes {', '.join(header.classes)}; labels need exactly "
            f"{', '.join(CLASSES)}, in this order. Choose another model."
        )
    return StoreInfo(
        source="model",
        simulated=False,
        model_sha256=model.sha256,
        model_trained_on=header.model_trained_on,
        preprocess=header.preprocess,
        temperature=header.temperature,
        archive=None if drivers is None else os.path.relpath(drivers, store),
    )


def check_store(ledger: sqlite3.Connection, store: Path, info: StoreInfo, *, resume: bool) -> None:
    """Refuse a store in which the labels to come do not belong.

    Parameters
    ----------
    ledger : sqlite3.Connection
    store : Path
    info : StoreInfo
        From :func:`store_info`.
    resume : bool
        Whether the store may have labels.

    Raises
    ------
    DataError
        If it has labels of another model, or some that are not from labelling.
    UsageError
        If it has labels and ``resume`` is False.
    """
    known = known_info(ledger)
    occupied = any(not entry.name.startswith(("_", ".")) for entry in store.iterdir())
    if known is None:
        if occupied or (store / "_store.json").exists():
            raise DataError(
                f"{store}: holds labels, or other files, that no labelling run put there "
                f"({LEDGER_NAME} knows nothing of them). Label into a folder of its own."
            )
        return
    # Whether the frames are simulated is known once one is read.
    _check_same(store, replace(info, simulated=known.simulated), known)
    if occupied:
        _check_same(store, open_labels(store).info, known)
    if not resume:
        raise UsageError(
            f"{store}: holds labels already. --resume labels what is missing in it or has changed; "
            "or choose another folder."
        )


def _check_same(store: Path, new: StoreInfo, known: StoreInfo) -> None:
    if all(getattr(new, name) == getattr(known, name) for name in _SAME):
        return
    raise DataError(
        f"{store}: holds labels of {_described(known)}; these would be of {_described(new)}. Models "
        "are not mixed in one store: label into a folder of its own, or choose that model."
    )


def _described(info: StoreInfo) -> str:
    return (
        f"model {(info.model_sha256 or 'none')[:12]} (trained on {info.model_trained_on}, "
        f"preprocessing {info.preprocess}, temperature {info.temperature})"
    )


def noted_info(
    ledger: sqlite3.Connection, store: Path, info: StoreInfo, labels: Iterable[FileLabels]
) -> StoreInfo | None:
    """Note, with the first frames, whether they are simulated; refuse any that are not like them.

    Parameters
    ----------
    ledger : sqlite3.Connection
        Within a transaction.
    store : Path
    info : StoreInfo
        From :func:`store_info`.
    labels : iterable of FileLabels

    Returns
    -------
    StoreInfo or None
        What all labels of the store are; None if there was no frame yet.

    Raises
    ------
    DataError
        If simulated and real frames would come into one store.
    """
    known = known_info(ledger)
    for file in labels:
        simulated = file.report.simulated
        if not file.report.frames:
            continue
        if known is None:
            known = replace(info, simulated=simulated, archive=info.archive if simulated else None)
            note_info(ledger, known)
        elif known.simulated != simulated:
            kinds = ("real", "simulated")
            raise DataError(
                f"{file.path} holds {kinds[simulated]} frames, but {store} is for labels of "
                f"{kinds[known.simulated]} ones. Label them into a folder of their own."
            )
    return known
