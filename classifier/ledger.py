"""The ledger of a label store: which files made which labels, and what is not yet in the store.

It is one SQLite file in the folder of the store, ``_ledger.sqlite``. While a month of a site is
being labelled, the rows of each file wait in it; when the month is complete they are written to the
store as one partition and leave the ledger. Each step is one transaction, and what a step did to
the store is done again harmlessly if the program was killed before the ledger said so:

1. the rows of some files come into the ledger;
2. when all files of the month are there, its partition is written whole and renamed;
3. the ledger notes the partition and drops the rows.

So the ledger is never ahead of the store, and after any interruption the store is what it was
before step 2 or what it is after it.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auroral_stats.errors import ArchiveError, DataError
from auroral_stats.labels import CLASSES, StoreInfo
from classifier.frame_workers import FileReport

__all__ = [
    "LEDGER_NAME",
    "ROW",
    "FileLabels",
    "bad_records",
    "known_info",
    "mark_stored",
    "note_info",
    "note_run",
    "open_ledger",
    "partition_rows",
    "record",
    "transaction",
]

LEDGER_NAME = "_ledger.sqlite"
#: Taken while a program labels into the store.
_LOCK_NAME = "_label.lock"
_VERSION = 1

#: What is kept of a frame: start of exposure, ms of Unix time, and probabilities x 255. 14 bytes.
ROW = np.dtype([("time", "<i8"), ("p", "u1", len(CLASSES))])

#: A file is ``due`` (to be labelled again), ``labelled`` (its rows wait here), ``stored`` (they are
#: in the store) or ``unreadable``. A partition has ``bytes`` once it was in the store.
_SCHEMA = """
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE runs (
    run INTEGER PRIMARY KEY, started TEXT NOT NULL, software_version TEXT NOT NULL,
    archive TEXT NOT NULL, device TEXT NOT NULL, batch INTEGER NOT NULL, workers INTEGER NOT NULL
);
CREATE TABLE partitions (
    site TEXT, month TEXT, rows INTEGER, bytes INTEGER, rewrite INTEGER NOT NULL DEFAULT 0,
    run INTEGER REFERENCES runs, PRIMARY KEY (site, month)
) WITHOUT ROWID;
CREATE TABLE files (
    site TEXT, month TEXT, path TEXT, rank INTEGER NOT NULL, start INTEGER NOT NULL,
    minutes INTEGER NOT NULL, state TEXT NOT NULL, size INTEGER, mtime_ns INTEGER,
    fingerprint TEXT, frames INTEGER, bad INTEGER, labelled INTEGER,
    run INTEGER REFERENCES runs, rows BLOB, PRIMARY KEY (site, month, path)
) WITHOUT ROWID;
CREATE TABLE bad (
    path TEXT, record INTEGER, reason TEXT, PRIMARY KEY (path, record, reason)
) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class FileLabels:
    """The labels that one file gave to one partition.

    Attributes
    ----------
    path : str
        Relative to the archive.
    rank, start, minutes : int
        See :class:`classifier.label_plan.PlannedFile`.
    report : FileReport
    rows : ndarray of ROW, (frame,)
        Frames of the month, in order of time.
    """

    path: str
    rank: int
    start: int
    minutes: int
    report: FileReport
    rows: NDArray[Any]


@contextmanager
def open_ledger(store: Path) -> Iterator[sqlite3.Connection]:
    """Open the ledger of a store, or make one; no other program labels into the store meanwhile.

    Parameters
    ----------
    store : Path
        Folder of the store; made if it does not exist.

    Yields
    ------
    sqlite3.Connection
        Without implicit transactions: use :func:`transaction`.

    Raises
    ------
    ArchiveError
        If it cannot be made, read or written, such as on a full disk, then or while it is open.
    DataError
        If another program labels into the store, or the file is no ledger of this version.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, open_ledger(Path(folder)) as ledger:
    ...     known_info(ledger) is None
    True
    """
    path = store / LEDGER_NAME
    try:
        store.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArchiveError(
            f"{store}: no label store can be made there ({error.strerror}); choose another folder."
        ) from error
    with _alone(store):
        try:
            connection = sqlite3.connect(path, isolation_level=None, timeout=10)
            try:
                _prepare(connection, path)
                yield connection
            finally:
                connection.close()
        except sqlite3.DatabaseError as error:
            if "not a database" in str(error) or "malformed" in str(error):
                raise DataError(
                    f"{path}: this is no ledger, or it is damaged ({error}); label into another "
                    "folder."
                ) from error
            raise ArchiveError(
                f"{path}: the ledger cannot be written ({error}). Check that the disk has room and "
                "that you may write there; --resume then goes on."
            ) from error


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    # A rollback journal, unlike a write-ahead log, also works on network file systems; SQLite
    # plays it back after a kill or a power cut.
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("PRAGMA synchronous = FULL")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if not version:
        with transaction(connection):
            for statement in _SCHEMA.split(";")[:-1]:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {_VERSION}")
    elif version != _VERSION:
        raise DataError(
            f"{path}: ledger of version {version}; this software reads version {_VERSION}. Install "
            "the version that made it, or label into another folder."
        )


@contextmanager
def _alone(store: Path) -> Iterator[None]:
    """Hold the store for labelling; the hold goes with the process, however it ends."""
    try:
        import fcntl
    except ImportError:  # Windows has no such lock
        yield
        return
    try:
        handle = os.open(store / _LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise ArchiveError(
            f"{store}: cannot be written ({error.strerror}); choose another folder."
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataError(
                f"{store}: another program is labelling into this store; try again when it is done."
            ) from error
        except OSError:  # some network file systems have no locks
            pass
        yield
    finally:
        os.close(handle)


@contextmanager
def transaction(ledger: sqlite3.Connection) -> Iterator[None]:
    """Do all that is inside or nothing.

    Parameters
    ----------
    ledger : sqlite3.Connection
    """
    ledger.execute("BEGIN IMMEDIATE")
    try:
        yield
        ledger.execute("COMMIT")
    except BaseException:
        # SQLite may have rolled back by itself, as it does on a full disk.
        with suppress(sqlite3.Error):
            ledger.execute("ROLLBACK")
        raise


def note_run(
    ledger: sqlite3.Connection,
    *,
    software_version: str,
    archive: str,
    device: str,
    batch: int,
    workers: int,
) -> int:
    """Note that a run begins.

    Parameters
    ----------
    ledger : sqlite3.Connection
    software_version, archive, device : str
    batch, workers : int

    Returns
    -------
    int
        Its number, to which files and partitions refer.
    """
    started = datetime.now(UTC).isoformat(timespec="seconds")
    cursor = ledger.execute(
        "INSERT INTO runs (started, software_version, archive, device, batch, workers) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (started, software_version, archive, device, batch, workers),
    )
    return int(cursor.lastrowid or 0)


def known_info(ledger: sqlite3.Connection) -> StoreInfo | None:
    """Return what all labels are that the ledger knows; None as long as it knows none.

    Parameters
    ----------
    ledger : sqlite3.Connection

    Returns
    -------
    StoreInfo or None
    """
    found = ledger.execute("SELECT value FROM about WHERE key = 'info'").fetchone()
    if found is None:
        return None
    known = {field.name for field in fields(StoreInfo)}
    values = {key: value for key, value in json.loads(found[0]).items() if key in known}
    return StoreInfo(**values | {"classes": tuple(values["classes"])})


def note_info(ledger: sqlite3.Connection, info: StoreInfo) -> None:
    """Note what all labels of the store are; within a transaction, with the first of them.

    Parameters
    ----------
    ledger : sqlite3.Connection
    info : StoreInfo
    """
    ledger.execute("INSERT INTO about VALUES ('info', ?)", (json.dumps(asdict(info)),))


def record(
    ledger: sqlite3.Connection, site: str, month: str, files: Sequence[FileLabels], run: int
) -> None:
    """Put labels of files into the ledger; within a transaction.

    Parameters
    ----------
    ledger : sqlite3.Connection
    site, month : str
        The partition, such as ``gill`` and ``2014-03``.
    files : sequence of FileLabels
    run : int
        From :func:`note_run`.
    """
    ledger.execute("INSERT OR IGNORE INTO partitions (site, month) VALUES (?, ?)", (site, month))
    for file in files:
        about = file.report
        ledger.execute(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(site, month, file.path, file.rank, file.start, file.minutes),
                "unreadable" if about.error else "labelled",
                *(about.size, about.mtime_ns, about.fingerprint, about.frames, len(about.bad)),
                *(len(file.rows), run, file.rows.tobytes()),
            ),
        )
        ledger.execute("DELETE FROM bad WHERE path = ?", (file.path,))
        ledger.executemany(
            "INSERT OR IGNORE INTO bad VALUES (?, ?, ?)",
            [(file.path, each.record, each.reason) for each in about.bad]
            + ([(file.path, -1, about.error)] if about.error else []),
        )


def partition_rows(
    ledger: sqlite3.Connection, site: str, month: str
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the rows of a partition that wait in the ledger.

    Parameters
    ----------
    ledger : sqlite3.Connection
    site, month : str

    Returns
    -------
    rows : ndarray of ROW, (frame,)
        File by file, those first that are preferred where a frame is in several.
    rank : ndarray of int, (frame,)
        Rank of the kind of file that each came from.
    """
    rows, rank = [np.empty(0, ROW)], [np.empty(0, np.int64)]
    for blob, number in ledger.execute(
        "SELECT rows, rank FROM files WHERE site = ? AND month = ? AND state = 'labelled' "
        "ORDER BY rank, start, path",
        (site, month),
    ):
        rows.append(np.frombuffer(blob, ROW))
        rank.append(np.full(len(rows[-1]), number))
    return np.concatenate(rows), np.concatenate(rank)


def mark_stored(
    ledger: sqlite3.Connection, site: str, month: str, *, rows: int, size: int, run: int
) -> None:
    """Note that a partition is in the store, and drop its rows from the ledger.

    Parameters
    ----------
    ledger : sqlite3.Connection
    site, month : str
    rows, size : int
        Of the partition: labels, and bytes of its file (0 if there are no labels and no file).
    run : int
    """
    with transaction(ledger):
        ledger.execute(
            "UPDATE partitions SET rows = ?, bytes = ?, rewrite = 0, run = ? "
            "WHERE site = ? AND month = ?",
            (rows, size, run, site, month),
        )
        ledger.execute(
            "UPDATE files SET state = 'stored', rows = NULL "
            "WHERE site = ? AND month = ? AND state = 'labelled'",
            (site, month),
        )


def bad_records(ledger: sqlite3.Connection) -> list[tuple[str, int | None, str]]:
    """Return all records that gave no label.

    Parameters
    ----------
    ledger : sqlite3.Connection

    Returns
    -------
    list of (path, record, reason)
        In order of path; the record is None where the whole file could not be read.
    """
    return [
        (path, None if number < 0 else number, reason)
        for path, number, reason in ledger.execute(
            "SELECT path, record, reason FROM bad ORDER BY path, record, reason"
        )
    ]
