"""A label store on disk, read: what it holds, its rows, and everything that is wrong with it.

:mod:`auroral_stats.labels` is the public door to the store.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from auroral_stats.brief import Brief, brief_value
from auroral_stats.errors import ArchiveError, DataError, UsageError
from auroral_stats.label_partition import (
    SCHEMA,
    Partition,
    StoreInfo,
    examine_partition,
    info_from_json,
    table_rows,
)
from auroral_stats.label_rows import CLASSES, probability_faults, relabel

StorePath: TypeAlias = str | os.PathLike[str]
Instant: TypeAlias = str | datetime | np.datetime64

INFO_NAME = "_store.json"
# A code of digits alone would come back from other readers as a number.
_FOLDERS = (r"site=([a-z0-9]*[a-z][a-z0-9]*)", r"year=(\d{4})", r"month=(0[1-9]|1[0-2])")


@dataclass(frozen=True, repr=False)
class LabelStore(Brief):
    """An opened store: where it lies, what it says of itself, and its partitions in order."""

    path: Path
    info: StoreInfo
    partitions: tuple[Partition, ...]

    @property
    def sites(self) -> tuple[str, ...]:
        """Codes of the sites that have labels, sorted."""
        return tuple(sorted({partition.site for partition in self.partitions}))

    def _told(self) -> dict[str, str]:
        """Return what is told of the store: not its partitions one by one."""
        months = sorted((p.year, p.month) for p in self.partitions)
        span = " to ".join(f"{y}-{m:02d}" for y, m in dict.fromkeys((*months[:1], *months[-1:])))
        told = {"path": str(self.path), "source": self.info.source}
        if self.info.model_sha256:
            told["model"] = self.info.model_sha256[:8]
        told["sites"] = brief_value(self.sites)
        return told | {"partitions": f"{len(months)}{f', {span}' * bool(months)}"}

    def _is_simulated(self) -> bool:
        return self.info.simulated


def utc_instant(value: Instant, argument: str = "time") -> np.datetime64:
    """Return an instant as datetime64[ms]; without an offset it is UTC.

    Parameters
    ----------
    value : str, datetime or datetime64
        ISO 8601; a year or year-month alone means its first instant.
    argument : str
        What to call it in a message.

    Raises
    ------
    UsageError
        If it is not such a time.

    Examples
    --------
    >>> utc_instant("2014-03"), utc_instant("2014-03-10T06:02+02:00")
    (np.datetime64('2014-03-01T00:00:00.000'), np.datetime64('2014-03-10T04:02:00.000'))
    """
    try:
        if isinstance(value, str) and re.fullmatch(r"\d{4}(-\d{2})?", value.strip()):
            value = f"{value.strip()}-01" if len(value.strip()) == 7 else f"{value.strip()}-01-01"
        if isinstance(value, str):
            value = datetime.fromisoformat(value.strip())
        if isinstance(value, datetime) and value.tzinfo is not None:
            value = value.astimezone(UTC).replace(tzinfo=None)
        instant: np.datetime64 = np.datetime64(value).astype("M8[ms]")
    except ValueError as error:
        raise UsageError(
            f"{argument} is {value!r}; expected a UTC time such as 2014-03-10 or "
            "2014-03-10T06:02:00, or one with an offset such as 2014-03-10T06:02:00-07:00."
        ) from error
    if np.isnat(instant):
        raise UsageError(f"{argument} is not a time (NaT); expected one such as 2014-03-10.")
    return instant


def check_store(store: StorePath) -> Path:
    """Refuse a label store that is not there.

    Parameters
    ----------
    store : path

    Returns
    -------
    Path

    Raises
    ------
    ArchiveError
        If there is no such folder.
    """
    path = Path(store)
    if not path.is_dir():
        raise ArchiveError(
            f"{path}: no such label store (a folder of Parquet files); make one with "
            "'auroral_stats import-labels TABLE --out STORE' or check the name."
        )
    return path


def open_labels(store: StorePath) -> LabelStore:
    """Open a label store without reading a row.

    Parameters
    ----------
    store : path
        Folder that :func:`write_labels` or ``import-labels`` wrote.

    Returns
    -------
    LabelStore

    Raises
    ------
    ArchiveError
        If there is no such folder.
    DataError
        If it is not a label store, or holds files that other readers would take for labels.

    Examples
    --------
    >>> open_labels("STORE").info.source  # doctest: +SKIP
    'human'
    """
    path = check_store(store)
    partitions, faults = list_partitions(path)
    has_info = (path / INFO_NAME).exists()
    if not has_info and not partitions:
        raise DataError(
            f"{path}: not a label store: neither {INFO_NAME} nor folders like "
            "site=gill/year=2014/month=03/ are in it. Point at the store itself, or make one with "
            "'auroral_stats import-labels'."
        )
    if faults:
        raise faults_error(path, faults)
    if has_info:
        info = info_from_json((path / INFO_NAME).read_bytes(), str(path / INFO_NAME))
    else:
        _, found, faults = examine_partition(partitions[0], (), None)
        if found is None:
            raise faults_error(path, faults)
        info = found
    return LabelStore(path, info, tuple(partitions))


def list_partitions(path: Path) -> tuple[list[Partition], list[str]]:
    """Return the partitions under ``path`` by their folder names, and what does not belong."""
    found: list[Partition] = []
    faults: list[str] = []

    def visit(folder: Path, keys: tuple[str, ...]) -> None:
        for entry in sorted(folder.iterdir()):
            name = entry.name
            if name.startswith(("_", ".")):
                continue
            if len(keys) == len(_FOLDERS):
                if name == "labels.parquet" and entry.is_file():
                    found.append(Partition(keys[0], int(keys[1]), int(keys[2]), entry))
                else:
                    faults.append(f"{entry}: only labels.parquet belongs here")
            elif (match := re.fullmatch(_FOLDERS[len(keys)], name)) and entry.is_dir():
                visit(entry, (*keys, match[1]))
            else:
                faults.append(
                    f"{entry}: expected site=<code>/year=YYYY/month=MM/labels.parquet, in lower "
                    "case; whatever is not labels needs a name that begins with '_'"
                )

    visit(path, ())
    return sorted(found), faults


def faults_error(path: Path, faults: Sequence[str]) -> DataError:
    """Return one error that lists every fault of a store."""
    lines = "".join(f"\n  - {fault}" for fault in faults)
    count = f"{len(faults)} fault{'s' if len(faults) > 1 else ''}"
    return DataError(
        f"{path}: {count} in the label store:{lines}\n"
        "Repair or remove these files, or import the labels again with --replace."
    )


def read_partition(
    partition: Partition,
    columns: Sequence[str] = ("time", "label"),
    *,
    info: StoreInfo | None = None,
    start: Instant | None = None,
    end: Instant | None = None,
) -> dict[str, np.ndarray]:
    """Read columns of one site-month, by name, and check what is read.

    Parameters
    ----------
    partition : Partition
        From :func:`open_labels`.
    columns : sequence of str
        Of ``time``, ``label`` and :data:`PROBABILITY_COLUMNS`.
    info : StoreInfo, optional
        What the store says; the partition must say the same.
    start, end : time, optional
        Keep rows in [start, end), UTC.

    Returns
    -------
    dict of str to ndarray, each (n,)
        ``time`` datetime64[ms] (UTC, start of exposure, sorted, unique); ``label`` uint8 in the
        order of :data:`CLASSES`; probabilities float32 in 0..1, NaN where the store has none.

    Raises
    ------
    UsageError
        If ``columns`` names another column.
    DataError
        If the file is unreadable, its columns or metadata are not as they must be, or the rows
        that are read break the contract.

    Examples
    --------
    >>> store = open_labels("STORE")  # doctest: +SKIP
    >>> read_partition(store.partitions[0], ["label"], info=store.info)  # doctest: +SKIP
    {'label': array([0, 4], dtype=uint8)}
    """
    unknown = [name for name in columns if name not in SCHEMA.names]
    if unknown:
        raise UsageError(f"columns are {unknown}; expected some of {', '.join(SCHEMA.names)}")
    trim = start is not None or end is not None
    needed = list(dict.fromkeys([*columns, *(["time"] if trim else [])]))
    table, found, faults = examine_partition(partition, needed, info)
    if faults or table is None or found is None:
        raise faults_error(partition.path, faults)
    rows = slice(None)
    if trim:
        time = table["time"].to_numpy()
        limits = [None if t is None else utc_instant(t) for t in (start, end)]
        rows = slice(*(None if t is None else int(np.searchsorted(time, t)) for t in limits))
    out: dict[str, np.ndarray] = {}
    for name in columns:
        if name == "time":
            out[name] = table[name].to_numpy()[rows]
        elif name == "label":
            out[name] = relabel(table[name].to_numpy()[rows], found.classes)
        else:
            out[name] = table[name].cast(pa.float32()).to_numpy()[rows] / np.float32(255)
    return out


def iter_partitions(
    store: LabelStore,
    sites: Iterable[str] | None = None,
    start: Instant | None = None,
    end: Instant | None = None,
) -> Iterator[Partition]:
    """Yield the partitions that can hold labels of ``sites`` in [start, end), by site and month.

    Parameters
    ----------
    store : LabelStore
        From :func:`open_labels`.
    sites : iterable of str, optional
        Site codes (or one text with commas); all by default.
    start, end : time, optional
        UTC; from the first and to the last label by default. Only folder names are looked at:
        give the same limits to :func:`read_partition` to trim the rows.

    Raises
    ------
    UsageError
        If a site has no labels in the store.

    Examples
    --------
    >>> [p.month for p in iter_partitions(open_labels("STORE"), ["gill"])]  # doctest: +SKIP
    [1, 2, 3]
    """
    asked = sites.split(",") if isinstance(sites, str) else sites
    chosen = set(store.sites) if asked is None else {site.strip().lower() for site in asked}
    absent = sorted(chosen - set(store.sites))
    if absent:
        raise UsageError(
            f"{store.path}: no labels of {', '.join(absent)}; "
            f"the store holds {', '.join(store.sites) or 'no labels at all'}."
        )
    low = None if start is None else utc_instant(start, "start")
    high = None if end is None else utc_instant(end, "end")
    for partition in store.partitions:
        first, after = partition.span
        overlaps = (low is None or low < after) and (high is None or first < high)
        if overlaps and partition.site in chosen:
            yield partition


def store_span(store: LabelStore) -> tuple[np.datetime64, np.datetime64] | None:
    """Return the first and last label time of a store (datetime64[ms], UTC); None if it is empty.

    Only the times of the first and last month are read.
    """
    if not store.partitions:
        return None
    months = sorted({(p.year, p.month) for p in store.partitions})
    times: list[np.datetime64] = []
    for partition in store.partitions:
        if (partition.year, partition.month) in (months[0], months[-1]):
            time = read_partition(partition, ("time",), info=store.info)["time"]
            times.extend(time[[0, -1]] if time.size else ())
    return (min(times), max(times)) if times else None


def validate_labels(store: StorePath) -> LabelStore:
    """Read a whole store and report every fault at once.

    Parameters
    ----------
    store : path
        Folder of the store.

    Returns
    -------
    LabelStore
        If there is no fault.

    Raises
    ------
    UsageError
        If there is no such folder.
    DataError
        Listing every fault: names that do not parse, files that cannot be read, missing, unknown or
        mistyped columns, metadata that are absent or differ between files, times that are unsorted,
        repeated or outside their month, labels out of range, and probabilities that do not sum to
        255 or do not favour the label.
    """
    path = Path(store)
    if not path.is_dir():
        return open_labels(store)
    partitions, faults = list_partitions(path)
    info: StoreInfo | None = None
    if (path / INFO_NAME).exists():
        try:
            info = info_from_json((path / INFO_NAME).read_bytes(), str(path / INFO_NAME))
        except DataError as error:
            faults.append(str(error))
    elif not partitions:
        faults.append(f"neither {INFO_NAME} nor folders like site=gill/ are in it")
    for partition in partitions:
        table, found, wrong = examine_partition(partition, None, info)
        faults += wrong
        info = info or found
        if table is not None and not wrong:
            rows = table_rows(table, found.classes if found else CLASSES)
            faults += [f"{partition.path}: {fault}" for fault in probability_faults(rows)]
    if faults or info is None:
        raise faults_error(path, faults)
    return LabelStore(path, info, tuple(partitions))
