"""What the cells of a foreign label table mean: sites, times, classes and probabilities.

Every row comes out either as a row of the label store or with the reason why it cannot be one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auroral_stats.errors import DataError, UsageError
from auroral_stats.label_rows import (
    CLASSES,
    EARLIEST,
    LATEST,
    LabelRows,
    quantise_probabilities,
)

#: Names of each class in published tables; case, spaces, ``_``, ``-`` and ``/`` do not matter.
#: The numbers 0 to 5 stand for the classes in the order of the OATH set, that of ``CLASSES``.
CLASS_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "arc": ("arc", "arcs", "auroral arc", "auroral arcs"),
    "diffuse": ("diffuse", "diffuse aurora"),
    "discrete": ("discrete", "discrete aurora"),
    "cloudy": ("cloudy", "cloud", "clouds", "cloudy sky"),
    "moon": ("moon", "moonlight", "moonlit"),
    "clear": ("clear", "clear sky", "no aurora", "clear/no aurora"),
}

TIME_FORMATS = "ISO 8601 such as 2014-03-10T06:02:00Z or 2014-03-10 06:02:00.250 (UTC)"

_MISSING = frozenset({"", "nan", "na", "n/a", "nat", "null", "none"})
_CLOCK = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}(:\d{2}(:\d{2}(\.\d{1,9})?)?)?"
_NAIVE = _CLOCK + "$"
_OFFSET = _CLOCK + r" ?(Z|UTC|GMT|[+-]\d{2}(:?\d{2})?)$"
_ZONE = re.compile(
    r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)? ?(?:[+-]\d{2}:?\d{2})?\s*"
    r"\[?((?!AM\b|PM\b)[A-Z]{2,5}(?:\d[A-Z]{3})?|[A-Z]+(?:/[A-Z_+\-0-9]+)+)\]?$"
)
_NAT = np.iinfo(np.int64).min
#: Rounded published probabilities may miss 1 by this much: six values with two decimals.
_SUM_TOLERANCE = 0.03


@dataclass(frozen=True)
class Columns:
    """Which column of the table holds what; ``probability`` maps class to column."""

    time: str
    site: str
    label: str
    probability: Mapping[str, str] | None = None

    @property
    def names(self) -> list[str]:
        """All columns that are read."""
        return [self.time, self.site, self.label, *(self.probability or {}).values()]


@dataclass(frozen=True)
class Interpreted:
    """The rows of a chunk: site code, values and, where a row is no label, the reason.

    ``site`` (n,) index into ``codes``; ``reason`` (n,) object, "" where ``good``. ``digits`` are
    the class numbers among the good labels, ``named`` says whether there are names too, ``naive``
    how many times had no offset.
    """

    codes: tuple[str, ...]
    site: np.ndarray
    rows: LabelRows
    reason: np.ndarray
    good: np.ndarray
    digits: frozenset[str]
    named: bool
    naive: int


def class_number(name: str) -> int | None:
    """Return the class number of a name in a published table, None if it is not known.

    Examples
    --------
    >>> CLASSES[class_number("Clear/No Aurora")], class_number("3"), class_number("arc?")
    ('clear', 3, None)
    """
    plain = name.strip().lower()
    if re.fullmatch(rf"[0-{len(CLASSES) - 1}](\.0*)?", plain):  # 3.0: a number beside gaps
        return int(plain[0])
    return _CLASS_NUMBERS.get(re.sub(r"[\s_/-]", "", plain))


_CLASS_NUMBERS = {
    re.sub(r"[\s_/-]", "", synonym): CLASSES.index(name)
    for name, synonyms in CLASS_SYNONYMS.items()
    for synonym in synonyms
}


def interpret(table: pa.Table, columns: Columns, row: np.ndarray, where: str) -> Interpreted:
    """Return what the cells of a chunk mean.

    Parameters
    ----------
    table : pyarrow.Table, n rows
        The columns, text or typed.
    columns : Columns
        Which is which.
    row : ndarray of int64, (n,)
        Row numbers for messages.
    where : str
        Name of the table for messages.

    Raises
    ------
    DataError
        If a whole column is of a kind that cannot be used, or a time carries the name of a local
        zone.
    """
    reason = np.full(table.num_rows, "", object)
    good = np.ones(table.num_rows, bool)

    def refuse(bad: np.ndarray, why: str | np.ndarray) -> None:
        """Give rows the first reason that is found; ``why`` is one for all or one for each."""
        hit = bad & good
        reason[hit] = why[hit] if isinstance(why, np.ndarray) else why
        good[hit] = False

    given_sites, site = _coded(table[columns.site], columns.site, "site", where)
    given_names, name = _coded(table[columns.label], columns.label, "label", where)
    time, has_time, naive = _times(table[columns.time], columns.time, row, where)
    codes, site_faults = _site_codes(given_sites)
    has_site = np.array([*(not _is_missing(code) for code in given_sites), False])[site]
    refuse(~has_site & ~has_time, "site and time missing")
    refuse(~has_site, "site missing")
    refuse(~has_time, "time missing")
    refuse(site_faults[site] != "", site_faults[site])
    refuse(np.isnat(time), f"time is not {TIME_FORMATS}")
    refuse((time < EARLIEST) | (time >= LATEST), "time is before 1970 or after 2199")
    numbers = [class_number(text) for text in given_names]
    faults = [
        "label missing" if _is_missing(text) else f"unknown class {text[:40]!r}"
        for text in given_names
    ]
    label = np.array([*(-1 if number is None else number for number in numbers), -1])[name]
    refuse(label < 0, np.array([*faults, "label missing"], object)[name])
    label = np.maximum(label, 0).astype(np.uint8)
    probability = _probabilities(table, columns.probability, label, refuse)
    used = {given_names[index].strip() for index in np.unique(name[good])}
    digits = frozenset(text[0] for text in used if text[0].isdigit())
    rows = LabelRows(time, label, probability)
    return Interpreted(codes, site, rows, reason, good, digits, len(used) > len(digits), naive)


def _is_missing(text: str) -> bool:
    return text.strip().lower() in _MISSING


def _coded(
    column: pa.ChunkedArray, name: str, purpose: str, where: str
) -> tuple[list[str], np.ndarray]:
    """Return the distinct texts of a column, and for each row which it is (-1 for null)."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    if not text and not pa.types.is_null(kind) and not (number and purpose == "label"):
        expected = "text" if purpose == "site" else "text or whole numbers"
        raise DataError(f"{where}: the {purpose} column {name!r} is {kind}, expected {expected}.")
    coded = column.cast(pa.string()).combine_chunks().dictionary_encode()
    return coded.dictionary.to_pylist(), coded.indices.fill_null(-1).to_numpy().astype(np.int64)


def _site_codes(given: list[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """Return codes for the distinct sites of a chunk, and why those that are none are none."""
    from auroral_stats.sites import check_sites

    codes: list[str] = []
    faults: list[str] = []
    for text in given:
        try:
            codes += check_sites([text])
            # A folder site=123 would come back from other readers as a number.
            faults.append("site code has no letter" if codes[-1].isdigit() else "")
        except UsageError as error:
            codes.append("")
            # Looking for near names takes a while: not for a column that holds anything but sites.
            near = str(error).split(";")[0] if len(faults) - faults.count("") < 50 else ""
            faults.append(near or f"unknown site {text[:40]!r}")
    return tuple(codes), np.array([*faults, "site missing"], object)


def _times(
    column: pa.ChunkedArray, name: str, row: np.ndarray, where: str
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return UTC times (datetime64[ms], NaT if unusable), which rows have one, how many are naive.

    Times are cut to the millisecond, towards the past.
    """
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_timestamp(kind):
        has_time = column.is_valid().to_numpy()
        parts = {"s": -1000, "ms": 1, "us": 1000, "ns": 1_000_000}[kind.unit]
        count = column.cast(pa.int64()).fill_null(0).to_numpy()
        ms = count * 1000 if parts < 0 else count // parts
        ms[~has_time] = _NAT
        return ms.view("M8[ms]"), has_time, 0 if kind.tz else int(has_time.sum())
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind)):
        raise DataError(
            f"{where}: the time column {name!r} is {kind}; expected timestamps or text in "
            f"{TIME_FORMATS}. Numbers do not say from when they count, nor in which units, and "
            "dates have no time of day: write timestamps."
        )
    text = column.cast(pa.string()).combine_chunks()
    if (whole := _times_of_one_form(text)) is not None:
        return whole
    text = pc.ascii_upper(pc.utf8_trim_whitespace(text)).fill_null("")
    missing = pa.array([word.upper() for word in _MISSING])
    has_time = ~pc.is_in(text, value_set=missing).to_numpy(zero_copy_only=False)
    naive = pc.match_substring_regex(text, _NAIVE).to_numpy(zero_copy_only=False)
    offset = pc.match_substring_regex(text, _OFFSET).to_numpy(zero_copy_only=False)
    _refuse_local_zones(text, has_time & ~naive & ~offset, row, where)
    ns = np.full(len(text), _NAT)
    ns[naive] = _parsed(text.filter(pa.array(naive)), pa.timestamp("ns"))
    zoned = pc.replace_substring_regex(text.filter(pa.array(offset)), " ?(Z|UTC|GMT)$", "Z")
    zoned = pc.replace_substring_regex(zoned, " ([+-])", r"\1")
    ns[offset] = _parsed(zoned, pa.timestamp("ns", tz="UTC"))
    return _milliseconds(ns), has_time, int(naive.sum())


def _times_of_one_form(text: pa.Array) -> tuple[np.ndarray, np.ndarray, int] | None:
    """Return times if all are there and all naive, or all with an offset: several times faster."""
    shortest = pc.min(pc.binary_length(text)).as_py()
    if text.null_count or shortest is None or shortest < len("2014-03-10T06"):
        return None
    for kind in (pa.timestamp("ns"), pa.timestamp("ns", tz="UTC")):
        try:
            pc.cast(text[:1], kind)  # a cast that fails is slow
            ns = pc.cast(pc.cast(text, kind), pa.int64()).to_numpy()
        except pa.ArrowInvalid:
            continue
        naive = 0 if kind.tz else ns.size
        return _milliseconds(ns), np.ones(ns.size, bool), naive
    return None


def _milliseconds(ns: np.ndarray) -> np.ndarray:
    """Return ns since 1970 as datetime64[ms], cut towards the past."""
    return np.where(ns == _NAT, _NAT, ns // 1_000_000).view("M8[ms]")


def _parsed(text: pa.Array, kind: pa.DataType) -> np.ndarray:
    """Return ISO texts as ns since 1970, the NaT value where there is no such time (30 February).

    The library converts all or nothing, so what fails is halved until the culprit is alone.
    """
    try:
        found: np.ndarray = pc.cast(pc.cast(text, kind), pa.int64()).to_numpy()
    except pa.ArrowInvalid:
        if len(text) == 1:
            return np.array([_NAT])
        half = len(text) // 2
        return np.concatenate([_parsed(text[:half], kind), _parsed(text[half:], kind)])
    return found


def _refuse_local_zones(text: pa.Array, odd: np.ndarray, row: np.ndarray, where: str) -> None:
    for index in np.flatnonzero(odd):
        value = text[int(index)].as_py()
        if match := _ZONE.search(value):
            raise DataError(
                f"{where}: row {row[index]}: the time {value!r} carries the name of a local zone, "
                f"{match[1]}, which does not fix the time (summer time, changing rules). Nothing "
                "was imported. Write all times in UTC, or with an offset such as -07:00."
            )


def _probabilities(
    table: pa.Table,
    columns: Mapping[str, str] | None,
    label: np.ndarray,
    refuse: Callable[[np.ndarray, str], None],
) -> np.ndarray:
    """Return probabilities as they are stored, (n, 6) int16, -1 where the table gives none."""
    stored = np.full((label.size, len(CLASSES)), -1, np.int16)
    if columns is None:
        return stored
    p = np.stack([_numbers(table[columns[name]]) for name in CLASSES], axis=1)
    some = ~np.isnan(p)
    complete = some.all(axis=1)
    refuse(some.any(axis=1) & ~complete, "some probabilities missing or not numbers")
    total = p.sum(axis=1)
    valid = complete & (p >= 0).all(axis=1) & (np.abs(total - 1) <= _SUM_TOLERANCE)
    refuse(complete & ~valid, "probabilities are not in 0..1 or do not sum to 1")
    chosen = p[np.arange(label.size), label]
    refuse(valid & (chosen < p.max(axis=1)), "label is not the most probable class")
    stored[valid] = quantise_probabilities(p[valid] / total[valid, None])
    return stored


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    """Return a column as float64, NaN where it is empty or no number."""
    column = column.combine_chunks()
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = pc.utf8_trim_whitespace(column)
        number = pc.match_substring_regex(column, r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
        column = pc.if_else(number, column, pa.scalar(None, column.type))
    found: np.ndarray = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return found
