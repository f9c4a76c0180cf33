"""One partition of a label store: the labels of one site and month in one Parquet file.

What a partition must hold, what its metadata say, every fault it can have, and how it is written.
:mod:`auroral_stats.labels` is the public door to the store; it re-exports what others need.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from auroral_stats._version import __version__
from auroral_stats.brief import Brief
from auroral_stats.errors import DataError
from auroral_stats.label_rows import CLASSES, PROBABILITY_COLUMNS, LabelRows, relabel

SCHEMA_VERSION = 1
METADATA_KEY = b"auroral_stats"
#: ``time`` and ``label`` are never null: readers need no null masks for them.
SCHEMA = pa.schema(
    [
        pa.field("time", pa.timestamp("ms", tz="UTC"), nullable=False),
        pa.field("label", pa.uint8(), nullable=False),
        *(pa.field(name, pa.uint8()) for name in PROBABILITY_COLUMNS),
    ]
)


@dataclass(frozen=True, repr=False)
class StoreInfo(Brief):
    """What a label store says about all of its labels.

    Attributes
    ----------
    source : str
        ``"model"``, ``"human"`` or ``"import:<name>"``.
    simulated : bool
        True if the frames behind the labels are simulated.
    classes : tuple of str
        Class of each label number. Stores are written in the order of :data:`CLASSES`; another
        order is read by name.
    schema_version : int
        Version of the store layout.
    model_sha256, model_trained_on, preprocess : str or None
        Which model gave the labels, on what it was trained, and how frames were prepared for it.
    temperature : float or None
        Calibration temperature of the model.
    software_version : str
        Version of the software that wrote the store.
    archive : str or None
        For a simulated store: the path, relative to the store, of the SPEDAS-layout root that
        holds the drivers of the same simulation.
    """

    source: str
    simulated: bool
    classes: tuple[str, ...] = CLASSES
    schema_version: int = SCHEMA_VERSION
    model_sha256: str | None = None
    model_trained_on: str | None = None
    preprocess: str | None = None
    temperature: float | None = None
    software_version: str = __version__
    archive: str | None = None


@dataclass(frozen=True, order=True)
class Partition:
    """One site-month of labels: where it lies and what its folders say it holds."""

    site: str
    year: int
    month: int
    path: Path

    @property
    def span(self) -> tuple[np.datetime64, np.datetime64]:
        """First instant of the month and of the next one, datetime64[ms] in UTC."""
        first = np.datetime64(f"{self.year:04d}-{self.month:02d}", "M")
        return first.astype("M8[ms]"), (first + 1).astype("M8[ms]")


def partition_path(store: Path, site: str, year: int, month: int) -> Path:
    """Return where the labels of a site-month lie.

    Examples
    --------
    >>> partition_path(Path("store"), "gill", 2014, 3).as_posix()
    'store/site=gill/year=2014/month=03/labels.parquet'
    """
    return store / f"site={site}" / f"year={year:04d}" / f"month={month:02d}" / "labels.parquet"


def info_to_json(info: StoreInfo) -> str:
    """Return ``info`` as the JSON that partitions and ``_store.json`` carry.

    Examples
    --------
    >>> info_to_json(StoreInfo("human", False))[:40]
    '{"source": "human", "simulated": false, '
    """
    return json.dumps(asdict(info))


def info_from_json(text: str | bytes, where: str) -> StoreInfo:
    """Read what :func:`info_to_json` wrote.

    Parameters
    ----------
    text : str or bytes
        JSON object; keys that this version does not know are ignored.
    where : str
        What to call the origin of ``text`` in messages.

    Raises
    ------
    DataError
        If the text is not such an object, is of a newer layout, or names other classes than ours.

    Examples
    --------
    >>> info_from_json('{"source": "human", "simulated": false, "schema_version": 1}', "x").source
    'human'
    """
    try:
        found = json.loads(text)
        known = {field.name for field in fields(StoreInfo)}
        info = StoreInfo(**{key: value for key, value in found.items() if key in known})
    except (ValueError, TypeError, AttributeError) as error:
        raise DataError(
            f"{where}: the metadata do not describe a label store ({error}); expected a JSON "
            "object with at least 'source' and 'simulated'. Write the labels again."
        ) from error
    kinds: tuple[Any, Any] = (info.simulated, info.source)  # JSON may hold anything
    if not isinstance(kinds[0], bool) or not isinstance(kinds[1], str):
        raise DataError(
            f"{where}: the metadata say source={info.source!r}, simulated={info.simulated!r}; "
            "expected a string and true or false. Write the labels again."
        )
    if info.schema_version != SCHEMA_VERSION:
        raise DataError(
            f"{where}: layout version {info.schema_version!r}; this software reads version "
            f"{SCHEMA_VERSION}. Install a version of auroral_stats that fits the store."
        )
    classes: Any = info.classes
    if not isinstance(classes, (list, tuple)) or sorted(map(str, classes)) != sorted(CLASSES):
        raise DataError(
            f"{where}: the metadata name the classes {classes!r}; expected exactly "
            f"{', '.join(CLASSES)} in any order. Import the labels again under these names."
        )
    return replace(info, classes=tuple(classes))


def disagreements(info: StoreInfo, other: StoreInfo) -> list[str]:
    """Return what two descriptions of one store say differently, the software version aside.

    Examples
    --------
    >>> disagreements(StoreInfo("human", True), StoreInfo("human", False))
    ['simulated is true, not false']
    """
    if replace(info, software_version=other.software_version) == other:
        return []
    stored = asdict(other)
    return [
        f"{key} is {json.dumps(value)}, not {json.dumps(stored[key])}"
        for key, value in asdict(info).items()
        if key != "software_version" and value != stored[key]
    ]


def schema_faults(schema: pa.Schema) -> list[str]:
    """Return what is wrong with the columns of a partition; their order does not matter."""
    faults = [
        f"column {name!r} is missing; found {', '.join(schema.names)}"
        for name in SCHEMA.names
        if name not in schema.names
    ]
    for name in dict.fromkeys(schema.names):
        if name not in SCHEMA.names:
            what = "an unknown class" if name.startswith("p_") else "unknown"
            faults.append(f"column {name!r} is {what}; expected only {', '.join(SCHEMA.names)}")
        elif schema.names.count(name) > 1:
            faults.append(f"column {name!r} is there {schema.names.count(name)} times")
        elif schema.field(name).type != SCHEMA.field(name).type:
            faults.append(
                f"column {name!r} is {schema.field(name).type}, expected {SCHEMA.field(name).type}"
            )
    return faults


def _increasing(values: np.ndarray) -> bool:
    """Return whether each value is above the one before, block by block to stay in the cache."""
    block = 32_768
    return all(
        np.diff(values[start : start + block + 1]).min() > 0
        for start in range(0, values.size - 1, block)
    )


def row_faults(table: pa.Table, partition: Partition) -> list[str]:
    """Return what is wrong with the rows of ``table``, one line a kind; the schema is sound."""
    faults = []

    def report(bad: np.ndarray, what: str) -> None:
        if bad.any():
            faults.append(f"{what} ({int(bad.sum())} rows, the first is row {int(bad.argmax())})")

    for name in ("time", "label"):
        if name in table.column_names and table[name].null_count:
            report(table[name].is_null().to_numpy(), f"{name} is null")
    if faults:
        return faults
    if "time" in table.column_names and table.num_rows:
        time = table["time"].to_numpy()
        first, end = partition.span
        unsorted = not _increasing(time.view(np.int64))
        if unsorted:
            step = np.diff(time.view(np.int64))
            report(np.append(False, step == 0), "time is there twice")
            report(np.append(False, step < 0), "time is not sorted")
        # The ends of a sorted column say whether all of it lies in the month.
        if unsorted or time[0] < first or time[-1] >= end:
            outside = (time < first) | (time >= end)
            report(outside, f"time is outside {partition.year:04d}-{partition.month:02d}")
    if "label" in table.column_names and table.num_rows:
        label = table["label"].to_numpy()
        if label.max() >= len(CLASSES):
            report(label >= len(CLASSES), f"label is not one of 0..{len(CLASSES) - 1}")
    return faults


def examine_partition(
    partition: Partition, columns: Sequence[str] | None, info: StoreInfo | None
) -> tuple[pa.Table | None, StoreInfo | None, list[str]]:
    """Read ``columns`` of a partition and return them with its metadata and all of its faults.

    The table is None if it cannot be read; ``info`` is what the metadata must agree with.
    """
    where = str(partition.path)
    found: StoreInfo | None = None
    try:
        file = pq.ParquetFile(partition.path)
        faults = [f"{where}: {fault}" for fault in schema_faults(file.schema_arrow)]
        readable = not faults
        try:
            found = partition_info(file, where)
            if info is not None:
                faults += [f"{where}: {fault}" for fault in disagreements(found, info)]
        except DataError as error:
            faults.append(str(error))
        if not readable:
            return None, found, faults
        # One thread: whoever reads many partitions reads them side by side.
        wanted = None if columns is None else list(columns)
        table = file.read(columns=wanted, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        return None, found, [f"{where}: not a readable Parquet file ({error})"]
    return table, found, faults + [f"{where}: {fault}" for fault in row_faults(table, partition)]


def partition_info(file: pq.ParquetFile, where: str) -> StoreInfo:
    """Return what a partition says about itself, or raise DataError."""
    text = (file.schema_arrow.metadata or {}).get(METADATA_KEY)
    if text is None:
        raise DataError(
            f"{where}: the Parquet metadata lack the key {METADATA_KEY.decode()!r}, so that source "
            "and simulated flag are unknown. Write it with write_labels or import-labels."
        )
    return info_from_json(text, where)


def table_rows(table: pa.Table, classes: Sequence[str]) -> LabelRows:
    """Return the columns of a whole, sound partition as arrays, matched by name."""
    p = [table[name].cast(pa.int16()).fill_null(-1).to_numpy() for name in PROBABILITY_COLUMNS]
    return LabelRows(
        table["time"].to_numpy(),
        relabel(table["label"].to_numpy(), classes),
        np.stack(p, axis=1),
    )


def write_partition(path: Path, rows: LabelRows, info: StoreInfo) -> None:
    """Write ``rows`` to ``path``, an empty name in a staging folder, and flush it to disk.

    Time deltas and a run-length coded label take about 1.7 bytes a row, all columns about 6.
    """
    columns: Mapping[str, Any] = {
        "time": pa.array(rows.time, pa.timestamp("ms")).cast(SCHEMA.field("time").type),
        "label": rows.label,
    } | {
        name: pa.array(np.maximum(p, 0).astype(np.uint8), mask=p < 0)
        for name, p in zip(PROBABILITY_COLUMNS, rows.probability.T, strict=True)
    }
    schema = SCHEMA.with_metadata({METADATA_KEY: info_to_json(info).encode()})
    with path.open("wb") as file:
        pq.write_table(
            pa.table(dict(columns), schema=schema),
            file,
            compression="zstd",
            use_dictionary=["label", *PROBABILITY_COLUMNS],
            column_encoding={"time": "DELTA_BINARY_PACKED"},
        )
        file.flush()
        os.fsync(file.fileno())
