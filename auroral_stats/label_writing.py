"""Writing to a label store: all at once or not at all, one writer at a time.

:mod:`auroral_stats.labels` is the public door to the store.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from auroral_stats.errors import AuroralStatsError, DataError, UsageError
from auroral_stats.label_partition import (
    Partition,
    StoreInfo,
    disagreements,
    examine_partition,
    info_to_json,
    partition_path,
    table_rows,
    write_partition,
)
from auroral_stats.label_rows import (
    CLASSES,
    CONFLICT,
    NEW,
    SAME,
    LabelRows,
    match_rows,
    merge_rows,
    site_months,
)
from auroral_stats.label_store import (
    INFO_NAME,
    LabelStore,
    StorePath,
    faults_error,
    list_partitions,
    open_labels,
)


@dataclass(frozen=True)
class WriteCounts:
    """Rows that :func:`write_labels` wrote, found there already, and found with another label."""

    written: int
    duplicate: int
    conflicting: int


def write_labels(
    store: StorePath,
    site: str | Sequence[str] | np.ndarray,
    time: ArrayLike,
    label: ArrayLike,
    probabilities: ArrayLike | None = None,
    *,
    info: StoreInfo,
    on_conflict: Literal["error", "keep", "replace"] = "error",
) -> WriteCounts:
    """Add labels to a store, which is made if it does not exist.

    The rows are merged into the partitions they belong to. Either all partitions change or none;
    each is replaced by one atomic rename, so that a reader sees the old or the new file. Only one
    writer works at a time.

    Parameters
    ----------
    store : path
        Folder of the store.
    site : str or sequence of str, (n,)
        Site code of each row, or of all rows.
    time : array_like of datetime64, (n,)
        Start of exposure, UTC, in any order; cut to the millisecond.
    label : array_like, (n,)
        Class names, or numbers in the order of :data:`CLASSES`.
    probabilities : array_like, (n, 6), optional
        Of each class in the order of :data:`CLASSES`: floats in 0..1, a row of NaN where there are
        none, or uint8 from :func:`quantise_probabilities`. The label must be the most probable.
    info : StoreInfo
        What the labels are; must agree with what is in the store.
    on_conflict : {"error", "keep", "replace"}
        What to do with a row whose site and time are in the store with another label.

    Returns
    -------
    WriteCounts

    Raises
    ------
    UsageError
        If arguments do not fit together.
    DataError
        If values cannot be stored, ``info`` disagrees with the store, two rows for the same site
        and time have different labels, or a label conflicts and ``on_conflict`` is ``"error"``.

    Examples
    --------
    >>> import tempfile
    >>> time = np.array(["2014-03-10T06:02:00", "2014-03-10T06:02:03"], "M8[ms]")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_labels(folder, "gill", time, ["arc", "moon"], info=StoreInfo("human", False))
    WriteCounts(written=2, duplicate=0, conflicting=0)
    """
    if info.classes != CLASSES:
        raise UsageError(f"info.classes is {info.classes}; labels are written as {CLASSES}")
    path = Path(store)
    groups = site_months(site, time, label, probabilities)
    written = duplicate = conflicting = 0
    with staging(path, "write") as folder:
        if (there := existing_store(path)) is not None:
            require_agreement(there, info)
        staged = []
        for number, ((code, year, month), rows) in enumerate(groups):
            target = partition_path(path, code, year, month)
            old = load_rows(Partition(code, year, month, target), info)
            status = match_rows(old, rows)
            conflicts = status == CONFLICT
            if conflicts.any() and on_conflict == "error":
                raise _conflict_error(target, old, rows.take(conflicts))
            taken = status == NEW
            if on_conflict == "replace":
                taken |= conflicts
                old = old.take(~np.isin(old.time, rows.time[conflicts]))
            written += int(taken.sum())
            duplicate += int((status == SAME).sum())
            conflicting += int(conflicts.sum())
            if taken.any():
                staged.append((folder / str(number), target))
                write_partition(folder / str(number), merge_rows(old, rows.take(taken)), info)
        staged += stage_info(path, folder, info)
        publish(staged, folder)
    return WriteCounts(written, duplicate, conflicting)


def load_rows(partition: Partition, info: StoreInfo) -> LabelRows:
    """Return all rows of a partition, none if it does not exist yet."""
    if not partition.path.exists():
        return LabelRows(
            np.empty(0, "M8[ms]"), np.empty(0, np.uint8), np.empty((0, len(CLASSES)), np.int16)
        )
    table, found, faults = examine_partition(partition, None, info)
    if faults or table is None or found is None:
        raise faults_error(partition.path, faults)
    return table_rows(table, found.classes)


def is_occupied(path: Path) -> bool:
    """Return whether a folder holds a store, or anything that could not be part of one."""
    return path.exists() and ((path / INFO_NAME).exists() or list_partitions(path) != ([], []))


def existing_store(path: Path) -> LabelStore | None:
    """Return the store at ``path``, or None if nothing is there yet (staging folders aside)."""
    return open_labels(path) if is_occupied(path) else None


def require_agreement(store: LabelStore, info: StoreInfo) -> None:
    """Refuse labels that are not of the kind that the store holds."""
    if faults := disagreements(info, store.info):
        raise DataError(
            f"{store.path}: the new labels do not belong in this store: {'; '.join(faults)}. "
            "Write them to a store of their own."
        )


def stage_info(path: Path, folder: Path, info: StoreInfo) -> list[tuple[Path, Path]]:
    """Stage the description of a store that has none yet."""
    if (path / INFO_NAME).exists():
        return []
    (folder / INFO_NAME).write_text(info_to_json(info) + "\n", encoding="utf-8")
    return [(folder / INFO_NAME, path / INFO_NAME)]


def _conflict_error(target: Path, old: LabelRows, rows: LabelRows) -> DataError:
    there = CLASSES[old.label[np.searchsorted(old.time, rows.time[0])]]
    return DataError(
        f"{target}: {rows.time.size} labels conflict with those in the store; the first is "
        f"{rows.time[0]}: {there} there, {CLASSES[rows.label[0]]} now. "
        'Choose on_conflict="keep" or on_conflict="replace", or write to a store of its own.'
    )


@contextmanager
def staging(store: Path, purpose: str, *, wait: bool = True) -> Iterator[Path]:
    """Hold the store for writing and give a folder in it for files that are not yet part of it.

    The folder begins with ``_``, so that no reader looks into it, and is removed in any case; a
    store folder that this call made is removed again if nothing came into it. One writer at a
    time: the hold is an advisory lock on the folder, where the file system offers it.

    Parameters
    ----------
    store : Path
        Folder of the store; made if it does not exist.
    purpose : str
        First part of the name of the staging folder.
    wait : bool
        Wait for another writer to finish, rather than refuse.

    Raises
    ------
    DataError
        If another writer holds the store and ``wait`` is False, or it cannot be written.
    """
    made = [folder for folder in (store, *store.parents) if not folder.exists()]
    folder = store / f"_{purpose}-{secrets.token_hex(4)}"
    try:
        store.mkdir(parents=True, exist_ok=True)
        with _held(store, wait) as alone:
            # Only a writer that was killed can have left these.
            for left in store.glob("_*-????????") if alone else ():
                if re.fullmatch(r"_(write|import|replace)-[0-9a-f]{8}", left.name):
                    shutil.rmtree(left, ignore_errors=True)
            try:
                folder.mkdir()
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    except AuroralStatsError:
        raise
    except OSError as error:
        raise DataError(
            f"{store}: the label store cannot be written ({error}); it is as it was before. "
            "Check that this is a folder, that you may write to it and that the disk has room."
        ) from error
    finally:
        for empty in made:
            if empty.is_dir() and not any(empty.iterdir()):
                empty.rmdir()


@contextmanager
def _held(store: Path, wait: bool) -> Iterator[bool]:
    """Lock the folder of a store for writing, and say whether that was possible.

    The lock goes with the process, however it ends.
    """
    try:
        import fcntl
    except ImportError:  # Windows has no such lock
        yield False
        return
    handle = os.open(store, os.O_RDONLY)
    alone = True
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise DataError(
                f"{store}: another program is writing to this label store; try again when it is "
                "done."
            ) from error
        except OSError:  # some network file systems cannot lock a folder
            alone = False
        yield alone
    finally:
        os.close(handle)


@contextmanager
def swapped(target: Path) -> Iterator[Path]:
    """Give a place beside a store for its successor, and put that in its place at the end."""
    partitions, faults = list_partitions(target)
    if faults or not (partitions or (target / INFO_NAME).exists()):
        listed = "".join(f"\n  - {fault}" for fault in faults[:10])
        raise UsageError(
            f"{target}: not replaced, because it is not only a label store:{listed}\n"
            "Remove what does not belong there, or choose another folder."
        )
    place = target.resolve()
    token = secrets.token_hex(4)
    aside = place.with_name(f"_{place.name}-{token}")
    old = place.with_name(f"_{place.name}-{token}-old")
    with staging(place, "replace", wait=False):
        try:
            yield aside
            place.rename(old)
            try:
                aside.rename(place)
            except BaseException:
                old.rename(place)
                raise
            shutil.rmtree(old, ignore_errors=True)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def publish(staged: Sequence[tuple[Path, Path]], folder: Path) -> None:
    """Move staged files to their places; if one move fails, undo all.

    Parameters
    ----------
    staged : sequence of (Path, Path)
        Where each file lies now and where it belongs; each is moved by one atomic rename.
    folder : Path
        Staging folder, which takes what the files replace until all are in place.
    """
    done: list[tuple[Path, Path | None]] = []
    try:
        for number, (source, target) in enumerate(staged):
            kept = folder / f"replaced-{number}" if target.exists() else None
            if kept is not None:
                # A second name for the old file: readers see the old or the new, never neither.
                _link_or_copy(target, kept)
            done.append((target, kept))
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)
    except BaseException:
        for target, kept in reversed(done):
            if kept is not None:
                kept.replace(target)
            else:
                target.unlink(missing_ok=True)
                _remove_empty(target.parent)
        raise


def _link_or_copy(source: Path, copy: Path) -> None:
    try:
        os.link(source, copy)
    except OSError:  # file systems without hard links
        shutil.copy2(source, copy)


def _remove_empty(folder: Path) -> None:
    """Remove the folders of a partition that came to nothing."""
    while "=" in folder.name and not (folder.is_dir() and any(folder.iterdir())):
        if folder.is_dir():
            folder.rmdir()
        folder = folder.parent
