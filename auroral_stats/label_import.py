"""Import labels that others made: a table of any size and row order becomes a label store.

The table is read once, in chunks. Good rows go to one temporary file for each site and month, so
that memory goes with the largest site-month and not with the table; then each site-month is sorted,
freed of repeats and staged, and in the end everything is moved into place at once. Until then the
store is as it was before, whatever happens.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import replace as with_changes
from pathlib import Path

import numpy as np
import pyarrow as pa

from auroral_stats._version import __version__
from auroral_stats.brief import Brief
from auroral_stats.errors import DataError, UsageError
from auroral_stats.label_partition import Partition, StoreInfo, partition_path, write_partition
from auroral_stats.label_rows import CLASSES, merge_rows
from auroral_stats.label_sorting import resolve, sorted_months, spill
from auroral_stats.label_store import LabelStore
from auroral_stats.label_table import LabelTable, iter_chunks, open_table, require_columns
from auroral_stats.label_values import CLASS_SYNONYMS, Columns, interpret
from auroral_stats.label_writing import (
    existing_store,
    is_occupied,
    load_rows,
    publish,
    require_agreement,
    stage_info,
    staging,
    swapped,
)

__all__ = ["CLASS_SYNONYMS", "ImportSummary", "import_table"]

REJECTED_NAME = "_rejected.csv"
_REJECTED_HEADER = ("row", "site", "time", "label", "reason", "table")
#: More distinct reasons than this are counted together; the file of rejects has them all.
_MOST_REASONS = 30


@dataclass(frozen=True, repr=False)
class ImportSummary(Brief):
    """What came of an import: ``read == written + duplicate + sum(rejected.values())``.

    Attributes
    ----------
    read, written, duplicate : int
        Rows of the table, rows that are new in the store, and rows that were there already (in the
        store or earlier in the table) with the same label.
    rejected : mapping of str to int
        How many rows were refused, by reason.
    labels : mapping of str to int
        How many rows of each class were written.
    sites : tuple of str
        Sites of the good rows.
    start, end : datetime64[ms]
        First and last time of the good rows, UTC.
    rejected_path : Path or None
        CSV file with the refused rows; None if there are none.
    notes : tuple of str
        What was assumed about the table.
    """

    read: int
    written: int
    duplicate: int
    rejected: Mapping[str, int]
    labels: Mapping[str, int]
    sites: tuple[str, ...]
    start: np.datetime64
    end: np.datetime64
    rejected_path: Path | None
    notes: tuple[str, ...]


def import_table(
    table: str | Path,
    out: str | Path,
    *,
    time: str,
    site: str,
    label: str,
    probability: Mapping[str, str] | None = None,
    source: str | None = None,
    replace: bool = False,
    simulated: bool = False,
    chunk_rows: int = 500_000,
    progress: Callable[[int], object] | None = None,
) -> ImportSummary:
    r"""Import a label table into a label store, which is made if it does not exist.

    Times are ISO 8601 text or Parquet timestamps; without an offset they are UTC, with one they
    are converted, and cut to the millisecond. Classes go by the names in :data:`CLASS_SYNONYMS`;
    the numbers 0 to 5 stand for the classes in the order of the OATH set. A row that cannot be a
    label is refused, with the reason, in ``_rejected.csv`` in the store. Rows with the same site,
    time and label count once; rows with the same site and time but different labels are all
    refused; what is in the store already stays.

    Either the whole import takes effect or none of it.

    Parameters
    ----------
    table : path
        ``.csv``, ``.csv.gz`` or ``.parquet``, with one row a frame, in any order.
    out : path
        Label store. A new one, or one whose source and simulated flag are the same.
    time, site, label : str
        Names of the columns.
    probability : mapping of str to str, optional
        Column of the probability (0..1) of each of the six classes.
    source : str, optional
        ``"human"``, or a name of the data set, stored as ``import:<name>``. By default that of the
        store, or for a new store the name of the table.
    replace : bool
        Build the store anew from this table, and put it in the place of the old one at the end.
    simulated : bool
        The labels are of simulated frames.
    chunk_rows : int
        Rows read at a time.
    progress : callable, optional
        Called with the number of rows read so far after each chunk.

    Returns
    -------
    ImportSummary

    Raises
    ------
    UsageError
        If the file, the columns or the options cannot be used.
    DataError
        If the table is damaged or empty, no row of it is good, a time carries the name of a local
        zone, or the store holds labels of another kind.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> text = "when,where,what\n2014-03-10T06:02:00Z,GILL,no aurora\n2014-03-10T06:03:00Z,,arc\n"
    >>> _ = (folder / "mine.csv").write_text(text)
    >>> summary = import_table(
    ...     folder / "mine.csv", folder / "store", time="when", site="where", label="what"
    ... )
    >>> summary.written, summary.rejected, summary.labels["clear"]
    (1, {'site missing': 1}, 1)
    """
    columns = Columns(time, site, label, _all_classes(probability))
    if chunk_rows < 1:
        raise UsageError(f"chunk_rows is {chunk_rows}; expected at least 1.")
    opened = open_table(table)
    wanted = [("time", time), ("site", site), ("label", label)]
    wanted += [(f"the probability of {name}", c) for name, c in (columns.probability or {}).items()]
    require_columns(opened, wanted)
    task = _Task(opened, columns, chunk_rows, progress or (lambda _rows: None))
    target = Path(out)
    if not (replace and target.is_dir() and is_occupied(target)):
        return _import(task, target, _info(opened, source, simulated, existing_store(target)))
    with swapped(target) as aside:
        summary = _import(task, aside, _info(opened, source, simulated, None))
    rejected_path = None if summary.rejected_path is None else target / REJECTED_NAME
    return with_changes(summary, rejected_path=rejected_path)


@dataclass(frozen=True)
class _Task:
    """What is to be imported, and how."""

    table: LabelTable
    columns: Columns
    chunk_rows: int
    progress: Callable[[int], object]


def _import(task: _Task, store: Path, info: StoreInfo) -> ImportSummary:
    """Import into a store that is held for writing; see the top of the module."""
    rejected: Counter[str] = Counter()
    labels = np.zeros(len(CLASSES), np.int64)
    spans: list[tuple[str, np.datetime64, np.datetime64]] = []
    staged: list[tuple[Path, Path]] = []
    duplicate = 0
    with staging(store, "import", wait=False) as folder:
        if (there := existing_store(store)) is not None:
            require_agreement(there, info)
        kept = store / REJECTED_NAME
        with (folder / REJECTED_NAME).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(_REJECTED_HEADER)
            writer.writerows(_rejects_of_other_tables(kept, task.table.path.name))

            def refuse(rows: Iterable[tuple[object, ...]]) -> None:
                for *given, reason in rows:
                    writer.writerow((*given, reason, task.table.path.name))
                    listed = reason in rejected or len(rejected) < _MOST_REASONS
                    rejected[str(reason) if listed else "other reasons"] += 1

            read, notes = _spill_table(task, folder, refuse)
            for number, ((code, year, month), records) in enumerate(sorted_months(folder)):
                target = partition_path(store, code, year, month)
                old = load_rows(Partition(code, year, month, target), info)
                found = resolve(records, old)
                refuse(found.refused(code))
                duplicate += found.duplicate
                if found.accepted.size:
                    spans.append((code, found.accepted.min(), found.accepted.max()))
                if found.new.time.size:
                    labels += np.bincount(found.new.label, minlength=len(CLASSES))
                    staged.append((folder / f"{number}.staged", target))
                    write_partition(staged[-1][0], merge_rows(old, found.new), info)
        if not spans:
            raise _nothing_good(task.table.path, read, rejected)
        if rejected or kept.exists():
            staged.append((folder / REJECTED_NAME, kept))
        publish([*staged, *stage_info(store, folder, info)], folder)
    return ImportSummary(
        read=read,
        written=int(labels.sum()),
        duplicate=duplicate,
        rejected=dict(rejected.most_common()),
        labels=dict(zip(CLASSES, labels.tolist(), strict=True)),
        sites=tuple(sorted({site for site, _, _ in spans})),
        start=min(start for _, start, _ in spans),
        end=max(end for _, _, end in spans),
        rejected_path=kept if rejected else None,
        notes=notes,
    )


def _spill_table(
    task: _Task, folder: Path, refuse: Callable[[Iterable[tuple[object, ...]]], None]
) -> tuple[int, tuple[str, ...]]:
    """Read the table once: good rows to site-months on disk, others refused.

    Returns the number of rows and what was assumed about them.
    """
    path, columns = task.table.path, task.columns
    read = naive = 0
    digits: set[str] = set()
    named = False
    for chunk in iter_chunks(task.table, columns.names, task.chunk_rows):
        found = interpret(chunk.columns, columns, chunk.row, str(path))
        bad = np.flatnonzero(~found.good)
        asked = (columns.site, columns.time, columns.label)
        given = [_as_given(chunk.columns[name], bad) for name in asked]
        refuse(zip(chunk.row[bad].tolist(), *given, found.reason[bad], strict=True))
        refuse((number, "", "", "", why) for number, why in chunk.malformed)
        spill(folder, found.codes, found.site, found.rows, chunk.row, found.good)
        read += chunk.row.size + len(chunk.malformed)
        naive += found.naive
        digits |= found.digits
        named |= found.named
        task.progress(read)
    if not read:
        raise DataError(f"{path}: the table has a header and no rows; nothing to import.")
    listed = ", ".join(f"{number} {name}" for number, name in enumerate(CLASSES))
    if digits and digits <= {"0", "1"} and not named:
        raise DataError(
            f"{path}: the label column {columns.label!r} holds only the numbers "
            f"{' and '.join(sorted(digits))}, which may as well mean yes and no. Numbers are "
            f"read as {listed}; if that is what they are, write the names instead."
        )
    notes = []
    if naive:
        notes.append(f"{naive} times without an offset were taken as UTC")
    if digits:
        notes.append(f"labels that are numbers were read as {listed}")
    return read, tuple(notes)


def _as_given(column: pa.ChunkedArray, rows: np.ndarray) -> list[str]:
    """Return cells as text for the file of rejects, times of typed columns in UTC."""
    cells = column.take(pa.array(rows, pa.int64()))
    if pa.types.is_timestamp(cells.type):
        # Without the zone: Arrow would look for a zone database to print it.
        cells = cells.cast(pa.timestamp(cells.type.unit))
    return cells.cast(pa.string()).fill_null("").to_pylist()


def _rejects_of_other_tables(kept: Path, table: str) -> Iterator[list[str]]:
    """Yield the rejects of earlier imports; a table that is imported again replaces its own."""
    if not kept.exists():
        return
    with kept.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows, None)
        yield from (row for row in rows if row[-1:] != [table])


def _nothing_good(path: Path, read: int, rejected: Mapping[str, int]) -> DataError:
    reasons = "".join(f"\n  - {count} rows: {reason}" for reason, count in rejected.items())
    return DataError(
        f"{path}: none of the {read} rows is a label; nothing was imported. Why:{reasons}\n"
        f"Known classes are {', '.join(CLASSES)} and their synonyms (such as no aurora, clouds, "
        "moonlight); 'auroral_stats sites' lists the sites. Are the right columns named?"
    )


def _all_classes(probability: Mapping[str, str] | None) -> Mapping[str, str] | None:
    """Require a probability column for each class, or for none."""
    if not probability:
        return None
    unknown = [name for name in probability if name not in CLASSES]
    absent = [name for name in CLASSES if name not in probability]
    if unknown or absent:
        raise UsageError(
            f"probability columns are named for {', '.join(probability)}; expected one for each "
            f"of {', '.join(CLASSES)}"
            + (f" (unknown: {', '.join(unknown)})" if unknown else "")
            + (f" (missing: {', '.join(absent)})" if absent else "")
            + ", or none at all."
        )
    return probability


def _info(
    table: LabelTable, source: str | None, simulated: bool, store: LabelStore | None
) -> StoreInfo:
    """Return what the imported labels are, as the store will say it."""
    name = (source or "").strip()
    if name == "model":
        raise UsageError(
            "source is 'model', which is kept for labels that the classifier of this project "
            "wrote; give the name of the data set."
        )
    if not name:
        known = store is not None and store.info.source != "model"
        name = store.info.source if store is not None and known else f"import:{table.name}"
    elif name != "human" and not name.startswith("import:"):
        name = f"import:{name}"
    if store is None:
        return StoreInfo(name, simulated)
    return with_changes(
        store.info,
        source=name,
        simulated=simulated,
        classes=CLASSES,
        software_version=__version__,
    )
