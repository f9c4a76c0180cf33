"""Label tables that others made: CSV, CSV.gz or Parquet, read by column name in chunks.

Nothing is interpreted here: text stays text, typed Parquet columns keep their type, and rows that
do not have as many fields as the header are told apart. What the cells mean is the matter of
:mod:`auroral_stats.label_values`.
"""

from __future__ import annotations

import csv
import difflib
import gzip
import io
import itertools
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from auroral_stats.errors import AuroralStatsError, DataError, UsageError

_CSV_BLOCK_BYTES = 16 << 20


@dataclass(frozen=True)
class LabelTable:
    """A table found readable: its file, kind (``"csv"``, ``"csv.gz"``, ``"parquet"``), columns."""

    path: Path
    kind: str
    columns: tuple[str, ...]

    @property
    def name(self) -> str:
        """File name without its suffix."""
        return self.path.name[: -len(self.kind) - 1] or self.path.name


@dataclass(frozen=True)
class TableChunk:
    """Some rows of a table.

    Attributes
    ----------
    columns : pyarrow.Table
        The columns asked for.
    row : ndarray of int64, (n,)
        Number of each row in the table; the first row after the header is 1.
    malformed : list of (int, str)
        Rows of a CSV file that could not be split into columns: number, and what is wrong.
    """

    columns: pa.Table
    row: np.ndarray
    malformed: list[tuple[int, str]] = field(default_factory=list)


def open_table(path: str | Path) -> LabelTable:
    """Find out what kind of table a file is, and which columns it has.

    Parameters
    ----------
    path : path
        Must end in ``.csv``, ``.csv.gz`` or ``.parquet`` (in any case).

    Raises
    ------
    UsageError
        If there is no such file or its name ends otherwise.
    DataError
        If the file is empty, damaged, not UTF-8, or not what its name says.
    """
    path = Path(path)
    kinds = [
        kind for kind in ("csv", "csv.gz", "parquet") if path.name.lower().endswith(f".{kind}")
    ]
    if not path.exists():
        raise UsageError(f"{path}: no such file; give a label table (.csv, .csv.gz or .parquet).")
    if not path.is_file():
        raise UsageError(f"{path}: not a file; give a label table (.csv, .csv.gz or .parquet).")
    if not kinds:
        raise UsageError(
            f"{path}: cannot tell what kind of table this is; expected a name that ends in .csv, "
            ".csv.gz or .parquet."
        )
    kind = kinds[-1]
    with _readable(path, kind):
        if path.stat().st_size == 0:
            raise DataError(f"{path}: the file is empty; expected a header and rows.")
        with path.open("rb") as file:
            start = file.read(4)
        actual = "gzip" if start[:2] == b"\x1f\x8b" else "Parquet" if start == b"PAR1" else "text"
        expected = {"csv": "text", "csv.gz": "gzip", "parquet": "Parquet"}[kind]
        if actual != expected:
            raise DataError(
                f"{path}: the name ends in .{kind}, but the content is {actual}, not {expected}; "
                "give the file the suffix of what it is, or fetch it again."
            )
        if kind == "parquet":
            return LabelTable(path, kind, tuple(pq.ParquetFile(path).schema_arrow.names))
        return LabelTable(path, kind, _csv_header(path, kind))


def require_columns(table: LabelTable, wanted: Iterable[tuple[str, str]]) -> None:
    """Refuse columns that the table does not have, or has twice.

    Parameters
    ----------
    table : LabelTable
        From :func:`open_table`.
    wanted : iterable of (str, str)
        What each column is for (as the user would say it) and its name.

    Raises
    ------
    UsageError
        Naming every such column, the nearest name, and the columns that exist.

    Examples
    --------
    >>> require_columns(LabelTable(Path("t.csv"), "csv", ("when", "what")), [("time", "When")])
    Traceback (most recent call last):
    ...
    auroral_stats.errors.UsageError: t.csv: there is no column 'When' for time (nearest: 'when')...
    """
    faults = []
    for purpose, name in wanted:
        near = difflib.get_close_matches(name, table.columns, n=1, cutoff=0.5)
        if name not in table.columns:
            hint = f" (nearest: {near[0]!r})" if near else ""
            faults.append(f"there is no column {name!r} for {purpose}{hint}")
        elif table.columns.count(name) > 1:
            faults.append(f"the column {name!r} for {purpose} is there more than once")
    if faults:
        listed = ", ".join(table.columns)
        raise UsageError(f"{table.path}: {'; '.join(faults)}. The columns are: {listed}.")


def iter_chunks(table: LabelTable, columns: Iterable[str], chunk_rows: int) -> Iterator[TableChunk]:
    """Yield the rows of a table in their order, at most ``chunk_rows`` at a time.

    Memory goes with the chunk (for Parquet, at least with a row group's columns), not the table.

    Raises
    ------
    DataError
        If the file turns out to be damaged, cut or not UTF-8.
    """
    names = list(dict.fromkeys(columns))
    with _readable(table.path, table.kind):
        if table.kind == "parquet":
            first = 1
            file = pq.ParquetFile(table.path, pre_buffer=False)
            for batch in file.iter_batches(chunk_rows, columns=names, use_threads=False):
                rows = np.arange(first, first + batch.num_rows)
                first += batch.num_rows
                yield TableChunk(pa.Table.from_batches([batch]), rows)
        else:
            yield from _csv_chunks(table, names, chunk_rows)


def _csv_chunks(table: LabelTable, names: list[str], chunk_rows: int) -> Iterator[TableChunk]:
    malformed: list[tuple[int, str]] = []
    before: list[int] = []  # for each malformed row, how many good rows come before it

    def note(row: Any) -> str:
        number = row.number - 1
        before.append(number - 1 - len(before))
        malformed.append(
            (number, f"{row.actual_columns} fields, but the header has {row.expected_columns}")
        )
        return "skip"

    with pa.input_stream(
        str(table.path), compression="gzip" if table.kind == "csv.gz" else None
    ) as file:
        reader = pacsv.open_csv(
            file,
            # Row numbers are only known when one thread reads.
            pacsv.ReadOptions(use_threads=False, block_size=_CSV_BLOCK_BYTES),
            pacsv.ParseOptions(invalid_row_handler=note, newlines_in_values=True),
            pacsv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=names,
                strings_can_be_null=False,
            ),
        )
        good = 0
        for batch in reader:
            for offset in range(0, batch.num_rows, chunk_rows):
                part = batch.slice(offset, chunk_rows)
                index = np.arange(good, good + part.num_rows)
                good += part.num_rows
                rows = index + 1 + np.searchsorted(before, index, side="right")
                found, malformed[:] = list(malformed), []
                yield TableChunk(pa.Table.from_batches([part]), rows, found)
        if malformed:
            empty = pa.table({name: pa.array([], pa.string()) for name in names})
            yield TableChunk(empty, np.empty(0, np.int64), malformed)


def _csv_header(path: Path, kind: str) -> tuple[str, ...]:
    with gzip.open(path, "rb") if kind == "csv.gz" else path.open("rb") as file:
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        header = next((row for row in csv.reader(itertools.islice(text, 1000)) if row), [])
    if not header:
        raise DataError(f"{path}: the file is empty; expected a header and rows.")
    return tuple(header)


@contextmanager
def _readable(path: Path, kind: str) -> Iterator[None]:
    """Say in one message what is wrong with the file, whichever library found it."""
    try:
        yield
    except AuroralStatsError:
        raise
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{path}: the compressed file is cut short or damaged ({error}); fetch it again."
        ) from error
    except UnicodeDecodeError as error:
        raise _not_utf8(path, error) from error
    except (pa.ArrowException, OSError, csv.Error) as error:
        if "UTF8" in str(error):
            raise _not_utf8(path, error) from error
        what = f"not a readable {kind} file"
        if kind == "csv.gz":
            what = "the compressed file is cut short or damaged"
        raise DataError(f"{path}: {what} ({error}); fetch or write it again.") from error


def _not_utf8(path: Path, error: Exception) -> DataError:
    return DataError(
        f"{path}: the text is not UTF-8 ({error}); convert it first, for example with "
        "'iconv -f latin1 -t utf-8'."
    )
