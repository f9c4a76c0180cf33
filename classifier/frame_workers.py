"""Read frames with several processes, in order and in bounded memory.

Inflating holds Python's lock, so threads would wait for each other; processes do not. Each has some
slots of shared memory that it fills in turn and that are used again once their frames are taken;
what goes through pipes is times and reasons, never an image. Files are dealt out in turn and taken
in the same turn, so that frames come in the order of the files whatever the processes do.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auroral_stats.errors import ArchiveError, AuroralStatsError, DataError, UsageError
from classifier.frame_records import IMAGE_SHAPE, BadRecord

__all__ = ["FileReport", "Piece", "file_fingerprint", "read_ahead"]

#: Frames that a slot holds: a minute at the usual cadence of 3 s, and then some. 4 MiB.
SLOT_FRAMES = 32
#: Slots of each process, and files that it is told of beforehand.
SLOTS, AHEAD = 3, 3

#: Of each end of a file, bytes that its fingerprint covers.
_END = 1 << 16


@dataclass(frozen=True)
class FileReport:
    """What there is to say about a file once it is read.

    Attributes
    ----------
    size : int
        Bytes, before it was read; -1 if not even that is known.
    mtime_ns : int
        When it was last changed, nanoseconds of Unix time; -1 if unknown.
    fingerprint : str
        :func:`file_fingerprint`; empty if the file could not be read.
    frames : int
        Sound frames.
    bad : tuple of BadRecord
        Records that gave none.
    error : str
        Why the file could not be read at all; empty if it could.
    site : str or None
    simulated : bool
    """

    size: int
    mtime_ns: int
    fingerprint: str
    frames: int
    bad: tuple[BadRecord, ...]
    error: str
    site: str | None
    simulated: bool


@dataclass(frozen=True)
class Piece:
    """Some frames of one file, in order of time.

    Attributes
    ----------
    images : ndarray of uint16, (frame, 256, 256)
        A view of memory that is used again as soon as the next piece is asked for.
    time : ndarray of datetime64[us], (frame,)
    report : FileReport or None
        With the last piece of each file, which may be without frames.
    """

    images: NDArray[np.uint16]
    time: NDArray[np.datetime64]
    report: FileReport | None


def file_fingerprint(path: str | Path) -> str:
    """Return a fingerprint of a file that costs next to nothing.

    It covers the first and the last 64 KiB; the length is to be compared beside it. In a gzip file
    the last bytes are a checksum of all that is in it, and so is this. Of other files, a change in
    the middle alone is not seen.

    Parameters
    ----------
    path : path

    Returns
    -------
    str
        32 hexadecimal digits.

    Raises
    ------
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.pgm")
    ...     _ = path.write_bytes(b"P5")
    ...     file_fingerprint(path)
    '1c5e95f69bb22aef7c11683dbf81f2ba'
    """
    with Path(path).open("rb", buffering=0) as file:
        digest = hashlib.sha256(file.read(_END))
        size = file.seek(0, os.SEEK_END)
        if size > _END:
            file.seek(max(size - _END, _END))
            digest.update(file.read(_END))
    return digest.hexdigest()[:32]


def read_ahead(paths: Iterable[str | Path], workers: int = 0) -> Generator[Piece]:
    """Read the frames of many files, one file after the other, while those to come are being read.

    Parameters
    ----------
    paths : iterable of path
        Taken as they are needed, some files ahead.
    workers : int
        Processes that read. 0: this one reads, and nothing is read ahead.

    Yields
    ------
    Piece
        At least one a file. The same, in the same order, for any number of workers but for where a
        file is cut into pieces.

    Raises
    ------
    UsageError
        If ``workers`` is negative, or a CDF is to be read and cdflib is not installed.
    DataError
        If a process ends unexpectedly.

    Notes
    -----
    The processes start anew (``spawn``), as is safe beside the threads of torch and CUDA. As with
    everything that does so, a script that calls this must do so below
    ``if __name__ == "__main__":``. They end with this process, however it ends, and leave nothing
    behind: their memory has no name.

    Examples
    --------
    >>> next(read_ahead(["not_there.pgm.gz"])).report.error
    "'not_there.pgm.gz' does not exist. Check the path."
    """
    if workers < 0:
        raise UsageError(f"workers: {workers} came; expected 0 or a number of processes.")
    if workers == 0:
        slot = np.empty((SLOT_FRAMES, *IMAGE_SHAPE), np.uint16)
        for path in paths:
            yield Piece(*_read(os.fspath(path), slot))
        return
    with _processes(workers) as (slots, readers):
        source = iter(paths)
        taken = [0] * workers
        waiting: deque[str] = deque()

        def tell(reader: Any) -> None:
            for path in islice(source, 1):
                waiting.append(os.fspath(path))
                reader.send(waiting[-1])

        try:
            for reader in readers * AHEAD:
                tell(reader)
            for number in count():
                if not waiting:
                    return
                which = number % workers
                while True:
                    frames, time, report = _answer(readers[which])
                    yield Piece(slots[which, taken[which] % SLOTS, :frames], time, report)
                    if frames:
                        taken[which] += 1
                        readers[which].send(None)
                    if report is not None:
                        break
                waiting.popleft()
                tell(readers[which])
        except (EOFError, ConnectionError) as error:
            raise DataError(
                f"{waiting[0]}: the process that was to read this file ended unexpectedly. There "
                "may be too little memory for so many: try fewer workers. A script must call this "
                'below if __name__ == "__main__":.'
            ) from error


def _answer(reader: Any) -> tuple[int, NDArray[np.datetime64], FileReport | None]:
    answer = reader.recv()
    if isinstance(answer, BaseException):
        raise answer
    frames, time, report = answer
    return frames, time, report


@contextmanager
def _processes(workers: int) -> Iterator[tuple[NDArray[np.uint16], list[Any]]]:
    """Start the readers; give their slots, (worker, slot, frame, row, column), and their pipes."""
    context = multiprocessing.get_context("spawn")
    shape = (workers, SLOTS, SLOT_FRAMES, *IMAGE_SHAPE)
    pipes: list[Any] = []
    processes: list[Any] = []
    try:
        memory = context.RawArray("H", int(np.prod(shape)))
    except OSError as error:
        size = np.prod(shape) * 2 / 2**20
        raise ArchiveError(
            f"{size:.0f} MiB of shared memory cannot be had ({error.strerror}); free some of "
            "/dev/shm or of the temporary folder, or use fewer workers."
        ) from error
    try:
        with _interrupts_ignored():
            for which in range(workers):
                ours, theirs = context.Pipe()
                pipes.append(ours)
                process = context.Process(
                    target=_serve, args=(memory, shape, which, theirs), daemon=True
                )
                process.start()
                processes.append(process)
                theirs.close()
        yield np.frombuffer(memory, np.uint16).reshape(shape), pipes
    finally:
        for pipe in pipes:
            pipe.close()
        for process in processes:
            process.join(timeout=5)
            if process.is_alive():
                process.terminate()
                process.join()
            process.close()


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Let processes that start now never see Ctrl-C: this one will tell them to stop."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _serve(memory: Any, shape: tuple[int, ...], which: int, pipe: Any) -> None:
    """Read files until the pipe is closed: the life of one process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    slots = np.frombuffer(memory, np.uint16).reshape(shape)[which]
    files: deque[str] = deque()
    filled = emptied = 0

    def next_slot(*, for_a_file: bool) -> NDArray[np.uint16]:
        """Listen until there is an empty slot, and a file to put into it."""
        nonlocal emptied
        while filled - emptied == len(slots) or (for_a_file and not files):
            message = pipe.recv()
            if message is None:
                emptied += 1
            else:
                files.append(message)
        slot: NDArray[np.uint16] = slots[filled % len(slots)]
        return slot

    try:
        while True:
            slot = next_slot(for_a_file=True)
            images, time, report = _read(files.popleft(), slot)
            for first in range(0, max(len(images), 1), SLOT_FRAMES):
                part = images[first : first + SLOT_FRAMES]
                slot = next_slot(for_a_file=False)
                if not np.shares_memory(part, slot):
                    slot[: len(part)] = part
                last = first + SLOT_FRAMES >= len(images)
                pipe.send((len(part), time[first : first + SLOT_FRAMES], report if last else None))
                filled += bool(len(part))
    except (EOFError, ConnectionError):
        return  # nobody wants more
    except AuroralStatsError as error:
        pipe.send(error)
    except MemoryError:
        pipe.send(DataError("There is too little memory to read the frames: use fewer workers."))


def _read(
    path: str, slot: NDArray[np.uint16]
) -> tuple[NDArray[np.uint16], NDArray[np.datetime64], FileReport]:
    """Read one file, into ``slot`` if its frames fit; what is wrong with it is no error."""
    from classifier.frames import read_frames

    size = mtime_ns = -1
    try:
        # Before it is read: a file that changes meanwhile is then seen to have changed.
        about = Path(path).stat()
        size, mtime_ns = about.st_size, about.st_mtime_ns
        frames = read_frames(path, slot, metadata=False)
        report = FileReport(
            size,
            mtime_ns,
            file_fingerprint(path),
            len(frames.time),
            frames.bad,
            "",
            frames.site,
            frames.simulated,
        )
        return frames.images, frames.time, report
    except (UsageError, MemoryError):
        raise
    except FileNotFoundError:
        error = f"{path!r} does not exist. Check the path."
    except (ArchiveError, DataError) as refusal:
        error = str(refusal)
    except Exception as refusal:  # noqa: BLE001 a library may raise anything; one file stops no night
        error = f"{path!r} cannot be read ({type(refusal).__name__}: {refusal})."
    report = FileReport(size, mtime_ns, "", 0, (), error, None, False)
    return slot[:0], np.empty(0, "M8[us]"), report
