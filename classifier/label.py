"""Camera frames to labels: an archive of files through a model into a label store.

:func:`label_archive` is what ``auroral_classifier label`` does; :func:`label_images` labels frames
that are in memory. The store is that of :mod:`auroral_stats.labels`, and this is the only room that
fills one from frames.

Any number of reading processes and any interruption, the hardest included, lead to the same rows:
:mod:`classifier.ledger` says how.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, is_dataclass, replace
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any, cast

import numpy as np

from auroral_stats.errors import ArchiveError, AuroralStatsError, DataError, UsageError
from auroral_stats.labels import CLASSES, StoreInfo
from classifier import __version__
from classifier.frames import find_frames
from classifier.label_batches import label_chunks, label_images
from classifier.label_identity import ArchiveModel, check_store, noted_info, store_info
from classifier.label_plan import Due, chunks_due, find_due, list_archive
from classifier.label_publishing import BAD_FRAMES_NAME, Published, publish, write_bad_frames
from classifier.ledger import (
    bad_records,
    known_info,
    note_run,
    open_ledger,
    record,
    transaction,
)

__all__ = [
    "ArchiveModel",
    "LabelProgress",
    "LabelSummary",
    "LabellingStopped",
    "label_archive",
    "label_images",
]

#: Frames that the model gets at once, by type of device.
BATCH = {"cpu": 32, "cuda": 512}

#: Arithmetic of the network that can be asked for.
PRECISIONS = ("auto", "fp32", "bf16")


class LabellingStopped(AuroralStatsError):
    """Ctrl-C while labelling; what was done is kept. Exit code 130, as shells have it."""

    exit_code = 130


@dataclass(frozen=True)
class LabelProgress:
    """How far labelling is.

    Attributes
    ----------
    where : str
        What is being worked on, such as ``gill 2014-03``.
    files, files_due : int
        Done in this run, and to be done; 0 as long as files are still being looked for.
    frames, bad : int
        Labelled in this run, and records without a label.
    seconds : float
        Since the first file was opened.
    """

    where: str
    files: int = 0
    files_due: int = 0
    frames: int = 0
    bad: int = 0
    seconds: float = 0.0

    @property
    def frames_per_second(self) -> float:
        """Frames labelled per second so far."""
        return self.frames / max(self.seconds, 1e-9)

    @property
    def seconds_left(self) -> float:
        """How long it will take, if it goes on like this."""
        return self.seconds * (self.files_due - self.files) / max(self.files, 1)


@dataclass(frozen=True)
class LabelSummary:
    """What a run of :func:`label_archive` did.

    Attributes
    ----------
    store : Path
    info : StoreInfo
        What the labels of the store are.
    partitions, complete : int
        Months of a site that were written, and that were complete before.
    files, unreadable : int
        Files that were read, and those among them that could not be.
    frames, repeats : int
        New labels in the store; frames left out because another file had them too.
    counts : dict of str to int
        Frames that the model labelled, by class; repeats among them.
    bad : int
        Records, and files, that gave no label: all that the store knows of.
    changed, lost : tuple of str
        Months that were made again because a file had changed, or they had gone from the store.
    seconds : float
    """

    store: Path
    info: StoreInfo
    partitions: int
    complete: int
    files: int
    unreadable: int
    frames: int
    repeats: int
    counts: dict[str, int]
    bad: int
    changed: tuple[str, ...]
    lost: tuple[str, ...]
    seconds: float


def label_archive(
    archive: str | Path,
    store: str | Path,
    *,
    model: ArchiveModel | str | Path | None = None,
    sites: str | Iterable[str] | None = None,
    start: str | datetime | np.datetime64 | None = None,
    end: str | datetime | np.datetime64 | None = None,
    device: str = "auto",
    precision: str = "auto",
    batch: int | None = None,
    workers: int | None = None,
    resume: bool = False,
    drivers: str | Path | None = None,
    progress: Callable[[LabelProgress], None] | None = None,
) -> LabelSummary:
    """Label the frames of an archive into a label store.

    Parameters
    ----------
    archive : path
        Folder of camera files, or one file; see :func:`classifier.frame_files.find_frames`.
    store : path
        Folder of the store, made if it does not exist.
    model : ArchiveModel or path, optional
        A loaded model or its file. Default: the model that comes with the package.
    sites, start, end : optional
        As for :func:`~classifier.frame_files.find_frames`: files are chosen, and read whole.
    device : str
        ``auto``, ``cpu``, ``cuda``, ...; for a model that is yet to be loaded.
    precision : {"auto", "fp32", "bf16"}
        Arithmetic of the network; for a model that is yet to be loaded. bf16 is up to twice as fast
        where the processor has it, and moves a probability by some hundredths. Default: bf16 on a
        GPU, fp32 on a CPU.
    batch : int, optional
        Frames that the model gets at once. Another number, like another device, may change a
        stored probability by 1/255 and with it a label that was nearly a tie. Default: 32, on a GPU
        512; when a run goes on, what it had.
    workers : int, optional
        Processes that read; 0 for none beside this one. Default: 1 and one more for every eight
        cores, or beside a GPU all cores but two.
    resume : bool
        Go on with a store that has labels: label the files that are missing in it, and months
        anew in which a file has changed. Files that have gone from the archive keep their labels.
    drivers : path, optional
        For simulated frames: the folder of the solar wind of the same simulation, where statistics
        of this store are to find it.
    progress : callable, optional
        Told how far it is.

    Returns
    -------
    LabelSummary

    Raises
    ------
    UsageError
        If the store has labels and ``resume`` is False; if arguments cannot be used, such as a GPU
        that is not there.
    ArchiveError
        If there are no files, or the disk is full.
    DataError
        If the labels would not belong in the store (another model or calibration, simulated frames
        beside real ones), the store is not as labelling left it, the model has other classes, or no
        frame is sound.
    LabellingStopped
        At Ctrl-C.

    Notes
    -----
    Bad records and unreadable files are listed in ``_bad_frames.csv`` in the store and stop
    nothing. A frame that is in several files (a minute and an hourly one, or copies) is labelled
    once. A script must call this below ``if __name__ == "__main__":`` unless ``workers`` is 0.

    Examples
    --------
    >>> label_archive("frames", "labels", sites="gill", start="2014-03")  # doctest: +SKIP
    """
    root, store = Path(archive), Path(store)
    found = find_frames(root, sites, start, end)
    first = next(found, None)
    if first is None:
        chosen = "" if (sites, start, end) == (None, None, None) else " of these sites and times"
        raise ArchiveError(
            f"{archive}: no camera files{chosen}; expected names like "
            "20140310_0600_gill_themis19_full.pgm.gz or thg_l1_asf_gill_2014031006_v01.cdf, in any "
            "folders."
        )
    labeller, place = _loaded(model, device, precision)
    info = store_info(labeller, store, drivers)
    root = root if root.is_dir() else root.parent
    report = progress or (lambda _: None)
    with open_ledger(store) as ledger:
        check_store(ledger, store, info, resume=resume)
        batch = batch or _last_batch(ledger, place) or BATCH["cpu" if place == "cpu" else "cuda"]
        report(LabelProgress("looking for files"))
        list_archive(
            ledger, root, chain([first], found), lambda n: report(LabelProgress(f"{n:,} files"))
        )
        due = find_due(ledger, root, store, batch)
        plan = _Plan(
            root=root,
            store=store,
            info=info,
            due=due,
            batch=batch,
            workers=_workers(place) if workers is None else workers,
            place=place,
        )
        try:
            return _work(ledger, plan, _of_batch(labeller, batch), report)
        finally:
            known = known_info(ledger)
            write_bad_frames(ledger, store, simulated=known.simulated if known else None)


@dataclass(frozen=True)
class _Plan:
    root: Path
    store: Path
    info: StoreInfo
    due: Due
    batch: int
    workers: int
    place: str


def _work(
    ledger: sqlite3.Connection,
    plan: _Plan,
    model: ArchiveModel,
    report: Callable[[LabelProgress], None],
) -> LabelSummary:
    """Label what is due: chunk by chunk into the ledger, month by month into the store."""
    run = note_run(
        ledger,
        software_version=__version__,
        archive=str(plan.root.resolve()),
        device=plan.place,
        batch=plan.batch,
        workers=plan.workers,
    )
    began = time.monotonic()
    store, info = plan.store, known_info(ledger)
    counts = np.zeros(len(CLASSES), np.int64)
    files = unreadable = bad = 0
    done: list[Published] = []
    try:
        for site, month in plan.due.waiting:
            done.append(publish(ledger, store, site, month, _now(info or plan.info), run))
        work = label_chunks(
            chunks_due(ledger),
            plan.root,
            model,
            batch=plan.batch,
            workers=plan.workers,
            pinned=plan.place.startswith("cuda"),
        )
        with closing(work):
            for chunk, labels in work:
                with transaction(ledger):
                    info = noted_info(ledger, store, plan.info, labels)
                    record(ledger, chunk.site, chunk.month, labels, run)
                if chunk.last:
                    now = _now(info or plan.info)
                    done.append(publish(ledger, store, chunk.site, chunk.month, now, run))
                for file in labels:
                    counts += np.bincount(file.rows["p"].argmax(axis=1), minlength=len(CLASSES))
                    unreadable += bool(file.report.error)
                    bad += len(file.report.bad) + bool(file.report.error)
                files += len(labels)
                report(
                    LabelProgress(
                        f"{chunk.site} {chunk.month}",
                        files,
                        plan.due.files,
                        int(counts.sum()),
                        bad,
                        time.monotonic() - began,
                    )
                )
    except KeyboardInterrupt:
        raise LabellingStopped(
            f"stopped; {files:,} of {plan.due.files:,} files are labelled and kept in {store}. The "
            "same command with --resume goes on."
        ) from None
    if info is None:
        raise DataError(
            f"{plan.root}: none of {files:,} files gave a frame; {store / BAD_FRAMES_NAME} says why."
        )
    return LabelSummary(
        store=store,
        info=info,
        partitions=sum(each.written > 0 for each in done),
        complete=plan.due.complete,
        files=files,
        unreadable=unreadable,
        frames=sum(each.written for each in done),
        repeats=sum(each.repeats for each in done),
        counts=dict(zip(CLASSES, counts.tolist(), strict=True)),
        bad=len(bad_records(ledger)),
        changed=plan.due.changed,
        lost=plan.due.lost,
        seconds=time.monotonic() - began,
    )


def _loaded(
    model: ArchiveModel | str | Path | None, device: str, precision: str
) -> tuple[ArchiveModel, str]:
    """Return the model, and on what it works."""
    if precision not in PRECISIONS:
        raise UsageError(f"precision: {precision!r} came; expected one of {', '.join(PRECISIONS)}.")
    if model is None or isinstance(model, str | Path):
        try:
            from classifier.checkpoint import load_model
            from classifier.model import find_device
        except ModuleNotFoundError as error:
            raise UsageError(
                f"labelling needs {error.name}: pip install 'auroral_stats[classifier]'"
            ) from error
        place = find_device(device)
        bf16 = {"auto": place.type == "cuda", "fp32": False, "bf16": True}[precision]
        return load_model(model, place, bf16=bf16), str(place)
    return model, str(getattr(model, "device", "cpu"))


def _of_batch(model: ArchiveModel, batch: int) -> ArchiveModel:
    """Return the model for batches of this size, if it cuts batches itself."""
    anything: Any = model
    if is_dataclass(anything) and hasattr(anything, "batch"):
        return cast("ArchiveModel", replace(cast("Any", anything), batch=batch))
    return model


def _workers(place: str) -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    # A core reads some 2,000 frames a second and more, and labels a sixth of that at most.
    return 1 + cores // 8 if place == "cpu" else max(1, cores - 2)


def _last_batch(ledger: sqlite3.Connection, place: str) -> int | None:
    found = ledger.execute(
        "SELECT batch FROM runs WHERE device = ? ORDER BY run DESC LIMIT 1", (place,)
    ).fetchone()
    return found[0] if found else None


def _now(info: StoreInfo) -> StoreInfo:
    return replace(info, software_version=__version__)
