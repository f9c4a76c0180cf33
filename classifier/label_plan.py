"""What is to be labelled: the files of an archive, by site and month, less what is done.

A month of a site is one partition of the store and is made from all files that can hold a frame of
it. The clock of a camera may be off by up to two minutes, so files at the edge of a month are read
for both. Files are labelled in chunks, which are cut in the same places whatever is done already:
so a frame meets the same neighbours in its batch, and gets the same label to the last bit, whether
or not the run was interrupted.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

import numpy as np

from auroral_stats.errors import DataError, UsageError
from classifier.frame_files import FrameFile
from classifier.frame_times import TOLERANCE
from classifier.frame_workers import file_fingerprint
from classifier.ledger import transaction

__all__ = [
    "Chunk",
    "Due",
    "PlannedFile",
    "chunks_due",
    "find_due",
    "list_archive",
    "partition_file",
]

_TOLERANCE = int(TOLERANCE / np.timedelta64(1, "m"))


@dataclass(frozen=True)
class PlannedFile:
    """A file that holds frames of a partition.

    Attributes
    ----------
    rank : int
        Where a frame is in several kinds of file, it is taken from that of the lowest rank: 0 for
        minute files, 1 for hourly ones.
    start, minutes : int
        What its name says it holds, minutes of Unix time and length.
    path : str
        Relative to the archive.
    """

    rank: int
    start: int
    minutes: int
    path: str


@dataclass(frozen=True)
class Chunk:
    """Files of one partition that are labelled together.

    Attributes
    ----------
    site, month : str
        The partition.
    files : tuple of PlannedFile
    last : bool
        Whether the partition is complete with it.
    """

    site: str
    month: str
    files: tuple[PlannedFile, ...]
    last: bool


@dataclass(frozen=True)
class Due:
    """How much there is to do.

    Attributes
    ----------
    files : int
        To be labelled; one that lies at the edge of a month counts twice.
    partitions : int
        In which they are.
    waiting : tuple of (site, month)
        Partitions of which all files are labelled, and that are only to be written.
    complete : int
        Partitions that have all that was asked for.
    changed, lost : tuple of str
        Partitions that are labelled again, because a file has changed or the partition is not in
        the store any more.
    """

    files: int
    partitions: int
    waiting: tuple[tuple[str, str], ...]
    complete: int
    changed: tuple[str, ...]
    lost: tuple[str, ...]


def list_archive(
    ledger: sqlite3.Connection,
    root: Path,
    files: Iterable[FrameFile],
    progress: Callable[[int], None] | None = None,
) -> int:
    """Note which files there are, in a temporary table beside the ledger, however many.

    Parameters
    ----------
    ledger : sqlite3.Connection
    root : Path
        What paths are relative to.
    files : iterable of FrameFile
        From :func:`classifier.frame_files.find_frames`.
    progress : callable, optional
        Told now and then how many were found.

    Returns
    -------
    int
        Number of files.
    """
    ledger.execute(
        "CREATE TEMP TABLE plan (month TEXT, site TEXT, rank INTEGER, start INTEGER, "
        "minutes INTEGER, path TEXT, PRIMARY KEY (month, site, rank, start, path)) WITHOUT ROWID"
    )
    found, source = 0, iter(files)
    while some := list(islice(source, 10_000)):
        ledger.executemany(
            "INSERT OR IGNORE INTO temp.plan VALUES (?, ?, ?, ?, ?, ?)",
            [row for file in some for row in _rows(root, file)],
        )
        found += len(some)
        if progress is not None:
            progress(found)
    return found


def _rows(root: Path, file: FrameFile) -> Iterator[tuple[str, str, int, int, int, str]]:
    site, start, end = file.site, file.start, file.end
    if site is None or start is None or end is None:
        site, start, end = _from_content(file.path)
    # Whole numbers and text: there may be millions of files.
    path = str(file.path).removeprefix(str(root)).lstrip("/\\")
    first, last = (int(time.astype("M8[m]").astype(np.int64)) for time in (start, end))
    months = {_month((first - _TOLERANCE) // 1440), _month((last + _TOLERANCE - 1) // 1440)}
    for month in sorted(months):
        yield month, site, int(file.source == "asf"), first, last - first, path


@functools.cache
def _month(day: int) -> str:
    """Return the month of a day of Unix time."""
    return str(np.datetime64(day, "D").astype("M8[M]"))


def _from_content(path: Path) -> tuple[str, np.datetime64, np.datetime64]:
    """Return site, first and last time of a file whose name does not tell them."""
    from classifier.frames import read_frames

    frames = read_frames(path, metadata=False)
    if frames.site is None or not frames.time.size:
        reason = f" ({frames.bad[0].reason})" if frames.bad else ""
        raise UsageError(
            f"{path}: neither its name nor its content gives a site and a time{reason}; name it "
            "like 20140310_0600_gill_themis19_full.pgm.gz."
        )
    return frames.site, frames.time[0].astype("M8[m]"), frames.time[-1].astype("M8[m]") + 1


def find_due(ledger: sqlite3.Connection, root: Path, store: Path, size: int) -> Due:
    """Find out what of the planned files is to be labelled, and note it in chunks.

    Parameters
    ----------
    ledger : sqlite3.Connection
        In which :func:`list_archive` has noted the files.
    root : Path
        The archive.
    store : Path
    size : int
        Minutes of files in a chunk, at least.

    Returns
    -------
    Due

    Raises
    ------
    DataError
        If a partition is not as labelling left it, or has to be made again and files that made it
        are gone from the archive.
    """
    ledger.execute(
        "CREATE TEMP TABLE todo (month TEXT, site TEXT, chunk INTEGER, rank INTEGER, "
        "start INTEGER, minutes INTEGER, path TEXT, "
        "PRIMARY KEY (month, site, chunk, rank, start, path)) WITHOUT ROWID"
    )
    partitions = ledger.execute("SELECT DISTINCT month, site FROM temp.plan").fetchall()
    complete, count = 0, 0
    changed: list[str] = []
    lost: list[str] = []
    waiting: list[tuple[str, str]] = []
    for month, site in partitions:
        chunks, why = _due_chunks(ledger, root, store, site, month, size)
        if why:
            (changed if why == "changed" else lost).append(f"{site} {month}")
        if chunks is None:
            complete += 1
            continue
        if not chunks:
            waiting.append((site, month))
        for number, files in enumerate(chunks):
            count += len(files)
            ledger.executemany(
                "INSERT INTO temp.todo VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(month, site, number, f.rank, f.start, f.minutes, f.path) for f in files],
            )
    partly = len(partitions) - complete - len(waiting)
    return Due(count, partly, tuple(waiting), complete, tuple(changed), tuple(lost))


def _due_chunks(
    ledger: sqlite3.Connection, root: Path, store: Path, site: str, month: str, size: int
) -> tuple[list[list[PlannedFile]] | None, str]:
    """Return the chunks of a partition to be labelled, None if it is complete; and why again."""
    key = (site, month)
    planned = {
        row[3]: PlannedFile(*row)
        for row in ledger.execute(
            "SELECT rank, start, minutes, path FROM temp.plan WHERE site = ? AND month = ?", key
        )
    }
    recorded = {
        row[3]: (PlannedFile(*row[:4]), *row[4:])
        for row in ledger.execute(
            "SELECT rank, start, minutes, path, state, size, mtime_ns, fingerprint FROM files "
            "WHERE site = ? AND month = ?",
            key,
        )
    }
    rows, length, rewrite = ledger.execute(
        "SELECT rows, bytes, rewrite FROM partitions WHERE site = ? AND month = ?", key
    ).fetchone() or (None, None, 0)
    in_store, why = length is not None, ""
    path = partition_file(store, site, month)
    state = {path: about[1] for path, about in recorded.items()}
    altered = {
        path
        for path, (_, kind, *about) in recorded.items()
        if path in planned and kind in {"labelled", "stored"} and _changed(root / path, *about)
    }
    if in_store and not rewrite:
        if any(state[path] == "stored" for path in altered):
            why = "changed"
        elif rows and not path.exists():
            why = "lost"
        rewrite = bool(why)
    # Where rows wait, the program may have been killed just after it wrote the partition.
    if not rewrite and "labelled" not in state.values():
        _check_untouched(path, rows or 0, length or 0)
    if rewrite and (
        gone := [name for name in recorded if name not in planned and not (root / name).exists()]
    ):
        raise DataError(
            f"{site} {month} has to be labelled again, because it was changed or lost, but "
            f"{len(gone)} of the files that made it are gone from {root}; the first is {gone[0]}. "
            "Put them back, or label into another folder."
        )
    if why:
        with transaction(ledger):
            ledger.execute("UPDATE partitions SET rewrite = 1 WHERE site = ? AND month = ?", key)
            ledger.execute(
                "UPDATE files SET state = 'due', rows = NULL WHERE site = ? AND month = ?", key
            )
        state = dict.fromkeys(state, "due")
    known = planned | {path: about[0] for path, about in recorded.items()}
    files = sorted(
        (file for path, file in known.items() if state.get(path) != "stored"),
        key=lambda file: (file.rank, file.start, file.path),
    )
    done = {path for path, kind in state.items() if kind == "labelled"} - altered
    chunks = [
        # What was labelled and then deleted from the archive cannot be labelled again.
        [file for file in chunk if file.path not in done or (root / file.path).exists()]
        for chunk in _cut(files, size)
        if any(file.path not in done for file in chunk)
    ]
    return (chunks if files else None), why


def partition_file(store: Path, site: str, month: str) -> Path:
    """Return where the labels of a site and month lie.

    Parameters
    ----------
    store : Path
    site, month : str

    Returns
    -------
    Path

    Examples
    --------
    >>> partition_file(Path("store"), "gill", "2014-03").as_posix()
    'store/site=gill/year=2014/month=03/labels.parquet'
    """
    year, number = month.split("-")
    return store / f"site={site}" / f"year={year}" / f"month={number}" / "labels.parquet"


def _check_untouched(path: Path, rows: int, length: int) -> None:
    found = path.stat().st_size if path.exists() else 0
    if found != length:
        raise DataError(
            f"{path}: {found:,} bytes, but labelling left {length:,} ({rows:,} labels): something "
            "else has written it. Delete it to have it made again, or label into another folder."
        )


def _changed(path: Path, size: int, mtime_ns: int, fingerprint: str) -> bool:
    """Return whether a file is another than it was; one that cannot be read is not known to be."""
    try:
        about = path.stat()
        if about.st_size != size:
            return True
        return about.st_mtime_ns != mtime_ns and file_fingerprint(path) != fingerprint
    except OSError:
        return False


def _cut(files: list[PlannedFile], size: int) -> Iterator[list[PlannedFile]]:
    chunk: list[PlannedFile] = []
    minutes = 0
    for file in files:
        chunk.append(file)
        minutes += file.minutes
        if minutes >= size:
            yield chunk
            chunk, minutes = [], 0
    if chunk:
        yield chunk


def chunks_due(ledger: sqlite3.Connection) -> Iterator[Chunk]:
    """Give what :func:`find_due` has noted, month by month, and in each site by site.

    Parameters
    ----------
    ledger : sqlite3.Connection

    Yields
    ------
    Chunk
    """
    partitions = ledger.execute("SELECT DISTINCT month, site FROM temp.todo ORDER BY 1, 2")
    for month, site in partitions.fetchall():
        rows = ledger.execute(
            "SELECT chunk, rank, start, minutes, path FROM temp.todo "
            "WHERE month = ? AND site = ? ORDER BY chunk, rank, start, path",
            (month, site),
        ).fetchall()
        for number, group in groupby(rows, key=lambda row: row[0]):
            files = tuple(PlannedFile(*row[1:]) for row in group)
            yield Chunk(site, month, files, last=number == rows[-1][0])
