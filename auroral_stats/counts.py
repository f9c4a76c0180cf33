"""From a label store to the number of frames of each class, by minute and site.

Drivers are minute data, so that nothing later needs single frames: minute counts are all that the
labels contribute, and counts add.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import xarray as xr

from auroral_stats.errors import DataError, UsageError
from auroral_stats.label_partition import Partition
from auroral_stats.label_rows import CLASSES
from auroral_stats.label_store import (
    Instant,
    LabelStore,
    StorePath,
    iter_partitions,
    open_labels,
    read_partition,
    store_span,
    utc_instant,
)
from auroral_stats.provenance import simulated_attr

__all__ = ["count_frames", "count_minutes"]

#: Rows counted at a time: what is at hand then stays in the cache, which halves the time.
_BLOCK = 32_768


class _PartitionCounts(NamedTuple):
    """Minute counts of one site-month, and a digest of them."""

    site: str
    minute: np.ndarray
    frames: np.ndarray
    digest: bytes


def count_minutes(time: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count the labels of one site by minute and class.

    Parameters
    ----------
    time : ndarray of datetime64[ms], (n,)
        Start of exposure, UTC, sorted. Memory goes with the span: give a month, not a decade.
    label : ndarray of uint8, (n,)
        Class numbers in the order of :data:`~auroral_stats.labels.CLASSES`.

    Returns
    -------
    minute : ndarray of int64, (m,)
        Minutes since 1970-01-01 00:00 UTC that hold a frame, sorted.
    frames : ndarray of uint8, uint16 or uint32, (m, 6)
        Frames of each class, in the smallest of these types that holds the largest count.

    Examples
    --------
    >>> time = np.array(["1970-01-01T00:01", "1970-01-01T00:01:03", "1970-01-01T00:03"], "M8[ms]")
    >>> minute, frames = count_minutes(time, np.array([0, 0, 5], np.uint8))
    >>> minute.tolist(), frames.tolist()
    ([1, 3], [[2, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1]])
    """
    if not time.size:
        return np.empty(0, np.int64), np.empty((0, len(CLASSES)), np.uint8)
    # Sorted time: the ends give the span, and (class, minute) is arithmetic, not a search.
    ms = time.view(np.int64)
    first = int(ms[0]) // 60_000
    frames = np.zeros((len(CLASSES), int(ms[-1]) // 60_000 - first + 1), np.int64)
    for start in range(0, ms.size, _BLOCK):
        key = ms[start : start + _BLOCK] // 60_000
        low = int(key[0])
        span = int(key[-1]) - low + 1
        key -= low
        key += np.multiply(label[start : start + _BLOCK], span, dtype=np.int64)
        block = np.bincount(key, minlength=len(CLASSES) * span).reshape(len(CLASSES), span)
        frames[:, low - first : low - first + span] += block
    present = np.flatnonzero(np.bitwise_or.reduce(frames, axis=0))
    small = frames.astype(np.min_scalar_type(int(frames.max())))
    return present + first, np.take(small, present, axis=1).T


def count_frames(
    store: StorePath | LabelStore,
    *,
    sites: Iterable[str] | None = None,
    start: Instant | None = None,
    end: Instant | None = None,
) -> xr.Dataset:
    """Count frames by minute, site and class.

    Partitions are read one by one (a few at a time on several cores), so that memory goes with the
    number of minutes, not of frames.

    Parameters
    ----------
    store : path or LabelStore
        Label store.
    sites : iterable of str, optional
        Site codes (or one text with commas); all that the store holds by default.
    start, end : time, optional
        Count frames whose exposure starts in [start, end), UTC.

    Returns
    -------
    Dataset
        ``frames(time, site, label)``: number of frames, unsigned integers as small as they fit
        (cast before summing). ``time``: the minutes (their start, UTC) in which any site has a
        frame; ``site``: lower-case codes, sorted; ``label``: class names. Attributes: the
        simulated flag, the source of the labels, the model behind them, and a fingerprint of the
        counts.

    Raises
    ------
    UsageError
        If there is no such store, a site has no labels in it, or ``end`` is not after ``start``.
    DataError
        If no frame lies in the range, or the store cannot be trusted.

    Examples
    --------
    >>> import tempfile
    >>> from auroral_stats.labels import StoreInfo, write_labels
    >>> time = np.array(["2014-03-10T06:02:00", "2014-03-10T06:02:03"], "M8[ms]")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = write_labels(folder, "gill", time, ["arc", "arc"], info=StoreInfo("human", False))
    ...     counts = count_frames(folder)
    >>> int(counts.frames.sel(site="gill", label="arc").item())
    2
    """
    opened = store if isinstance(store, LabelStore) else open_labels(store)
    sites = sites.split(",") if isinstance(sites, str) else sites
    sites = None if sites is None else tuple(sites)
    low = None if start is None else utc_instant(start, "start")
    high = None if end is None else utc_instant(end, "end")
    if low is not None and high is not None and high <= low:
        raise UsageError(f"end ({end}) is not after start ({start}); swap or move them.")
    chosen = list(iter_partitions(opened, sites, low, high))

    def count(partition: Partition) -> _PartitionCounts:
        rows = read_partition(partition, info=opened.info, start=low, end=high)
        minute, frames = count_minutes(rows["time"], rows["label"])
        digest = hashlib.blake2b(f"{partition.site} {frames.dtype}".encode(), digest_size=16)
        digest.update(minute.tobytes())
        digest.update(frames.tobytes())
        return _PartitionCounts(partition.site, minute, frames, digest.digest())

    # Arrow and NumPy leave the interpreter to other threads while they read and count.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
        counted = [part for part in threads.map(count, chosen) if part.minute.size]
    if not counted:
        raise _nothing_error(opened, sites, start, end)
    fingerprint = hashlib.sha256(b"".join(part.digest for part in counted)).hexdigest()[:16]
    return _dataset(counted, opened, fingerprint)


def _dataset(counted: list[_PartitionCounts], store: LabelStore, fingerprint: str) -> xr.Dataset:
    """Fill (time, site, label) from the counts of single site-months."""
    first = min(int(part.minute[0]) for part in counted)
    present = np.zeros(max(int(part.minute[-1]) for part in counted) - first + 1, bool)
    for part in counted:
        present[part.minute - first] = True
    minutes = np.flatnonzero(present) + first
    position = np.cumsum(present, dtype=np.int32)
    position -= 1
    sites = sorted({part.site for part in counted})
    kind = np.result_type(*(part.frames.dtype for part in counted))
    frames = np.zeros((minutes.size, len(sites), len(CLASSES)), kind)
    for part in counted:
        frames[position[part.minute - first], sites.index(part.site)] = part.frames
    info = store.info
    attrs = {
        "simulated": simulated_attr(info.simulated),
        "labels_source": info.source,
        "labels_fingerprint": fingerprint,
        "model_sha256": info.model_sha256,
        "model_trained_on": info.model_trained_on,
        "preprocess": info.preprocess,
        "archive": None if info.archive is None else str((store.path / info.archive).resolve()),
    }
    return xr.Dataset(
        {
            "frames": (
                ("time", "site", "label"),
                frames,
                {"units": "frames", "long_name": "number of frames of a class in a minute"},
            )
        },
        {
            "time": ("time", minutes.astype("M8[m]").astype("M8[ns]"), {"long_name": "UTC"}),
            "site": ("site", np.array(sites)),
            "label": ("label", np.array(CLASSES)),
        },
        {key: value for key, value in attrs.items() if value is not None},
    )


def _nothing_error(
    store: LabelStore, sites: Iterable[str] | None, start: Instant | None, end: Instant | None
) -> DataError:
    """Say what was asked for and what the store covers."""
    span = store_span(store)
    if span is None:
        return DataError(f"{store.path}: the store holds no labels; import or write some first.")
    asked = f"from {start or 'the first'} to {end or 'the last'}" + (
        f" at {', '.join(sites)}" if sites is not None else ""
    )
    return DataError(
        f"{store.path}: no label {asked}; the store covers {', '.join(store.sites)} from "
        f"{span[0]} to {span[1]} UTC. Choose a range or sites within it."
    )
