"""Frames through the model, in batches that do not depend on how the work goes.

Every batch has the same number of frames; the last of a chunk is filled up with dark ones, whose
result is dropped. Libraries choose their arithmetic by the shape of a batch, so a frame that always
meets the same shape, at the same place among the same neighbours, always gets the same numbers.

While the model works on one batch, the next is gathered. Where many processes read, one thread
cannot copy frames as fast as they come, so several share each copy. A model on a CPU works on as
many batches at once as there are cores, each on one of them: cores that share a batch wait for each
other at every layer. So its numbers do not depend on the number of cores either.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from auroral_stats.errors import UsageError
from auroral_stats.labels import quantise_probabilities
from classifier.frame_records import IMAGE_SHAPE
from classifier.frame_workers import FileReport, read_ahead
from classifier.label_plan import Chunk, PlannedFile
from classifier.ledger import ROW, FileLabels

__all__ = ["FrameModel", "label_chunks", "label_images"]

#: Beside the batches with the model: one that waits for it, and one that is being gathered.
_MORE_BUFFERS = 2

#: Threads that copy, at most, and reading processes for each: copying a frame out of the memory of
#: another process takes some 0.1 ms, reading it 0.4.
_COPIERS, _READERS_OF_A_COPIER = 4, 3


class FrameModel(Protocol):
    """What turns frames into probabilities.

    A model that has an attribute ``lanes`` is given so many batches at once, each in a thread in
    which torch uses one core.
    """

    def probabilities(self, images: NDArray[np.uint16], /) -> NDArray[np.float32]:
        """Return calibrated probabilities, (frame, class), of raw frames, (frame, 256, 256)."""


def label_images(
    images: NDArray[np.uint16], model: FrameModel, *, batch: int = 32
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Label frames that are in memory.

    Parameters
    ----------
    images : ndarray of uint16, (frame, 256, 256)
        As :func:`classifier.frames.read_frames` gives them.
    model : FrameModel
        Such as :func:`classifier.checkpoint.load_model` gives.
    batch : int
        Frames at once.

    Returns
    -------
    label : ndarray of uint8, (frame,)
        In the order of :data:`auroral_stats.labels.CLASSES`: the largest of the probabilities as
        they are stored, of equal ones the first.
    probabilities : ndarray of uint8, (frame, class)
        x 255; each row sums to 255.

    Raises
    ------
    UsageError
        If the images are not such, or the batch is not positive.

    Examples
    --------
    >>> class Clouds:
    ...     def probabilities(self, images):
    ...         return np.tile(np.float32([0, 0, 0, 1, 0, 0]), (len(images), 1))
    >>> label_images(np.zeros((3, 256, 256), np.uint16), Clouds())[0]
    array([3, 3, 3], dtype=uint8)
    """
    if images.dtype != np.uint16 or images.ndim != 3 or images.shape[1:] != IMAGE_SHAPE:
        raise UsageError(
            f"images are {images.dtype} of shape {images.shape}; expected uint16 (n, 256, 256)."
        )
    with _batches(model, batch, pinned=False) as batches:
        batches.add(images)
        stored = _joined(batches.finish())
    return stored.argmax(axis=1).astype(np.uint8), stored


@dataclass
class _Labelling:
    """A chunk whose files are read, and whose batches may still be with the model."""

    chunk: Chunk
    files: list[tuple[PlannedFile, FileReport, NDArray[np.int64]]]
    results: list[Future[NDArray[np.uint8]]]

    def is_done(self) -> bool:
        return all(result.done() for result in self.results)

    def labels(self) -> tuple[Chunk, list[FileLabels]]:
        stored = _joined(self.results)
        labels, first = [], 0
        for file, report, time in self.files:
            rows = np.empty(len(time), ROW)
            rows["time"] = time
            rows["p"] = stored[first : first + len(time)]
            first += len(time)
            labels.append(FileLabels(file.path, file.rank, file.start, file.minutes, report, rows))
        return self.chunk, labels


def label_chunks(
    chunks: Iterable[Chunk],
    root: Path,
    model: FrameModel,
    *,
    batch: int,
    workers: int = 0,
    pinned: bool = False,
) -> Generator[tuple[Chunk, list[FileLabels]]]:
    """Label the files of each chunk.

    Parameters
    ----------
    chunks : iterable of Chunk
        Taken some files ahead.
    root : Path
        The archive.
    model : FrameModel
    batch : int
        Frames that the model gets at once, always.
    workers : int
        Processes that read; see :func:`classifier.frame_workers.read_ahead`.
    pinned : bool
        Whether to gather frames in memory from which a GPU copies fast.

    Yields
    ------
    chunk : Chunk
    labels : list of FileLabels
        One a file, with those frames that belong to the month of the chunk.

    Raises
    ------
    DataError
        If the model gives no probabilities, such as NaN.
    """
    coming: deque[tuple[Chunk, PlannedFile, bool]] = deque()

    def paths() -> Iterator[Path]:
        for chunk in chunks:
            for file in chunk.files:
                coming.append((chunk, file, file is chunk.files[-1]))
                yield root / file.path

    copiers = min(_COPIERS, workers // _READERS_OF_A_COPIER)
    with (
        _batches(model, batch, pinned=pinned, copiers=copiers) as batches,
        closing(read_ahead(paths(), workers)) as pieces,
    ):
        under_way: deque[_Labelling] = deque()
        files: list[tuple[PlannedFile, FileReport, NDArray[np.int64]]] = []
        times: list[NDArray[np.int64]] = []
        for piece in pieces:
            chunk, file, last = coming[0]
            inside = piece.time.astype("M8[M]") == np.datetime64(chunk.month, "M")
            whole = bool(inside.all())
            batches.add(piece.images if whole else piece.images[inside])
            times.append(piece.time[inside].astype("M8[ms]").astype(np.int64))
            if piece.report is None:
                continue
            coming.popleft()
            files.append((file, piece.report, np.concatenate(times)))
            times = []
            if last:
                under_way.append(_Labelling(chunk, files, batches.finish()))
                files = []
            while under_way and under_way[0].is_done():
                yield under_way.popleft().labels()
        while under_way:
            yield under_way.popleft().labels()


def _joined(results: list[Future[NDArray[np.uint8]]]) -> NDArray[np.uint8]:
    parts = [result.result() for result in results]
    return np.concatenate(parts) if parts else np.empty((0, ROW["p"].shape[0]), np.uint8)


class _Batches:
    """The batch that is being gathered, and those that the model has."""

    def __init__(
        self,
        model: FrameModel,
        buffers: list[NDArray[np.uint16]],
        pool: ThreadPoolExecutor,
        copying: ThreadPoolExecutor | None,
        copiers: int,
    ) -> None:
        self._model, self._pool = model, pool
        self._copying, self._copiers = copying, copiers
        self._free: SimpleQueue[NDArray[np.uint16]] = SimpleQueue()
        for buffer in buffers[1:]:
            self._free.put(buffer)
        self._buffer, self._filled = buffers[0], 0
        self._results: list[Future[NDArray[np.uint8]]] = []

    def add(self, images: NDArray[np.uint16]) -> None:
        """Copy frames into the batch; the model gets it as soon as it is full."""
        while len(images):
            room = len(self._buffer) - self._filled
            some, images = images[:room], images[room:]
            self._copy(some, self._buffer[self._filled : self._filled + len(some)])
            self._filled += len(some)
            if self._filled == len(self._buffer):
                self._submit()

    def _copy(self, images: NDArray[np.uint16], place: NDArray[np.uint16]) -> None:
        if self._copying is None:
            place[:] = images
            return
        share = -(-len(images) // self._copiers)
        cuts = [slice(first, first + share) for first in range(0, len(images), share)]
        # NumPy lets go of Python's lock while it copies.
        for done in [self._copying.submit(np.copyto, place[cut], images[cut]) for cut in cuts]:
            done.result()

    def finish(self) -> list[Future[NDArray[np.uint8]]]:
        """Close the batch, and return the results to come of all since the last time."""
        if self._filled:
            self._buffer[self._filled :] = 0
            self._submit()
        results, self._results = self._results, []
        return results

    def _submit(self) -> None:
        for result in self._results:
            if result.done():
                result.result()  # do not read a night for a model that fails
        self._results.append(self._pool.submit(self._label, self._buffer, self._filled))
        self._buffer, self._filled = self._free.get(), 0

    def _label(self, buffer: NDArray[np.uint16], count: int) -> NDArray[np.uint8]:
        try:
            return quantise_probabilities(self._model.probabilities(buffer)[:count])
        except RuntimeError as error:
            if "out of memory" not in str(error):
                raise
            raise UsageError(
                f"batch: the device has too little memory for {len(buffer)} frames at once; give a "
                "smaller number."
            ) from error
        finally:
            self._free.put(buffer)


@contextmanager
def _batches(
    model: FrameModel, batch: int, *, pinned: bool, copiers: int = 0
) -> Iterator[_Batches]:
    if batch < 1:
        raise UsageError(f"batch: {batch} came; expected a number of frames.")
    lanes: int = getattr(model, "lanes", 1)
    buffers = [_buffer(batch, pinned=pinned) for _ in range(lanes + _MORE_BUFFERS)]
    copying = ThreadPoolExecutor(copiers, thread_name_prefix="copying") if copiers > 1 else None
    with _lanes(lanes) as pool:
        try:
            yield _Batches(model, buffers, pool, copying, copiers)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            if copying is not None:
                copying.shutdown(wait=True)


@contextmanager
def _lanes(count: int) -> Iterator[ThreadPoolExecutor]:
    """Give threads for the model: one with all cores or the GPU, or several with a core each."""
    if count == 1:
        yield ThreadPoolExecutor(1, thread_name_prefix="labelling")
        return
    import torch

    before = torch.get_num_threads()
    try:
        yield ThreadPoolExecutor(
            count, thread_name_prefix="labelling", initializer=lambda: torch.set_num_threads(1)
        )
    finally:
        # It is set for the thread that calls, but also for all threads that begin later.
        torch.set_num_threads(before)


def _buffer(batch: int, *, pinned: bool) -> NDArray[np.uint16]:
    shape = (batch, *IMAGE_SHAPE)
    if not pinned:
        return np.empty(shape, np.uint16)
    import torch

    memory: Any = torch.empty(shape, dtype=torch.uint16, pin_memory=True)
    array: NDArray[np.uint16] = memory.numpy()
    return array
