"""The tables of the OATH set: what a picture shows, where it comes from, and the split.

Each reader gives the rows that it understands and a list of all that is wrong with the others, so
that :func:`classifier.oath.open_oath` can report every fault of a folder at once.
"""

from __future__ import annotations

import csv
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from auroral_stats.errors import ArchiveError
from auroral_stats.labels import CLASSES

__all__ = [
    "MONTHS",
    "OATH_NAMES",
    "Classifications",
    "Origins",
    "read_classifications",
    "read_origins",
    "read_split",
    "read_truth",
]

#: What the files of the set call our classes, in the order of their codes.
OATH_NAMES = ("arc", "diffuse", "discrete", "cloudy", "moon", "noaurora")

#: Codes from here on show no aurora: class2 is 1.
_FIRST_WITHOUT_AURORA = CLASSES.index("cloudy")
_COLUMNS = ("class2", "class6", "picNum", "picType", "rotAng")
#: Above every number of a picture; larger ones are damage.
_MOST_PICTURE = 10**9
_LONGEST_QUOTE = 80
#: Month names of the files are English, whatever the locale here.
MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"


class Classifications(NamedTuple):
    """Rows of ``classifications.csv``, in the order of the file, and what is wrong with others.

    ``picture`` (n,) int64, the number in the name of the file; ``label`` (n,) uint8, index into
    :data:`auroral_stats.labels.CLASSES`; ``rotation`` (n,) int16, degrees, the angle by which the
    authors turned the picture; ``faults``, one line each.
    """

    picture: NDArray[np.int64]
    label: NDArray[np.uint8]
    rotation: NDArray[np.int16]
    faults: tuple[str, ...]


class Origins(NamedTuple):
    """Where pictures come from: ``site`` and ``time`` (UTC) by number of the picture."""

    of: dict[int, tuple[str, np.datetime64]]
    faults: tuple[str, ...]


def read_classifications(path: Path) -> Classifications:
    r"""Read the labels of the OATH set.

    Parameters
    ----------
    path : Path
        ``classifications.csv``: lines of licence text, then the columns class2, class6, picNum,
        picType and rotAng, which are found by name.

    Returns
    -------
    Classifications

    Raises
    ------
    ArchiveError
        If the file cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = Path(folder) / "classifications.csv"
    ...     _ = table.write_text(
    ...         "licence\nclass2,class6,picNum,picType,rotAng\n"
    ...         "0,2,00001,discrete,334\n1,5,00002,moon,029\n"
    ...     )
    ...     read_classifications(table)  # doctest: +NORMALIZE_WHITESPACE +ELLIPSIS
    Classifications(picture=array([1]), label=array([2], dtype=uint8),
        rotation=array([334], dtype=int16),
        faults=('line 4: class6 is 5 (noaurora), but picType is moon',))
    """
    lines = _lines(path)
    header = next(
        (
            i
            for i, line in enumerate(lines)
            if set(_COLUMNS) <= {x.strip() for x in line.split(",")}
        ),
        None,
    )
    rows: list[tuple[int, int, int]] = []
    faults: list[str] = []
    if header is None:
        faults.append(f"no line names the columns {', '.join(_COLUMNS)}")
    else:
        names = [name.strip() for name in lines[header].split(",")]
        where = [names.index(name) for name in _COLUMNS]
        for number, line in enumerate(lines[header + 1 :], header + 2):
            if not line.strip():
                continue
            try:
                cells = next(csv.reader([line]))
                two, six, picture, kind, angle = (cells[i].strip() for i in where)
                row = (int(picture), int(six), round(float(angle)))
                aurora = int(two)
            except (ValueError, IndexError, OverflowError, csv.Error):
                faults.append(f"line {number}: {_short(line)} is no row of {','.join(names)}")
                continue
            fault = _row_fault(row, aurora, kind)
            if fault:
                faults.append(f"line {number}: {fault}")
            else:
                rows.append(row)
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    numbers, times = np.unique(table[:, 0], return_counts=True)
    faults += [f"picture {number:05d} has several rows" for number in numbers[times > 1]]
    return Classifications(
        table[:, 0], table[:, 1].astype(np.uint8), table[:, 2].astype(np.int16), tuple(faults)
    )


def _short(line: str) -> str:
    """Return a line as a message can hold it."""
    line = line.strip()
    return repr(line if len(line) <= _LONGEST_QUOTE else line[:_LONGEST_QUOTE] + "...")


def _row_fault(row: tuple[int, int, int], two: int, kind: str) -> str:
    """Return what in a row cannot be, or how its labels contradict each other; empty if sound."""
    picture, six, angle = row
    if not 0 < picture < _MOST_PICTURE:
        return f"picNum is {picture}; expected 1 to {_MOST_PICTURE - 1}"
    if not -360 <= angle <= 360:
        return f"rotAng is {angle}; expected -360 to 360"
    if not 0 <= six < len(OATH_NAMES):
        return f"class6 is {six}; expected 0 to {len(OATH_NAMES) - 1}"
    if kind != OATH_NAMES[six]:
        return f"class6 is {six} ({OATH_NAMES[six]}), but picType is {kind}"
    if two != int(six >= _FIRST_WITHOUT_AURORA):
        return f"class2 is {two}, but class6 is {six} ({OATH_NAMES[six]})"
    return ""


def read_origins(path: Path) -> Origins:
    r"""Read station and time of the pictures.

    Parameters
    ----------
    path : Path
        ``files_origin.csv`` as published (licence text, then lines such as ``inuv 07/Jan/2013
        06:01:00.0,images/scaled_cropped/00002.png``), or a CSV file with the columns ``picture``,
        ``site`` and ``time`` (ISO 8601, UTC).

    Returns
    -------
    Origins
        Pictures without station and time are left out.

    Raises
    ------
    ArchiveError
        If the file cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = Path(folder) / "files_origin.csv"
    ...     _ = table.write_text("inuv 07/Jan/2013 06:01:00.0,images/scaled_cropped/00002.png\n")
    ...     read_origins(table).of
    {2: ('inuv', np.datetime64('2013-01-07T06:01:00.000'))}
    """
    lines = _lines(path)
    found: dict[int, tuple[str, np.datetime64]] = {}
    faults: list[str] = []
    titles = [name.strip().lower() for name in lines[0].split(",")] if lines else []
    plain = {"picture", "site", "time"} <= set(titles)
    for number, line in enumerate(lines[plain:], 1 + plain):
        if not plain and not line.rstrip().endswith(".png"):
            continue  # licence text
        try:
            entry = _plain_origin(line, titles) if plain else _published_origin(line)
        except (ValueError, KeyError, IndexError, OverflowError, csv.Error):
            faults.append(f"line {number}: {_short(line)} gives no picture, station and time")
            continue
        if entry is None:
            continue
        picture, site, time = entry
        if picture in found:
            faults.append(f"line {number}: picture {picture:05d} has a line already")
        found[picture] = (site, time)
    if not found and not faults:
        faults.append("no line gives a picture, its station and its time")
    return Origins(found, tuple(faults))


def _published_origin(line: str) -> tuple[int, str, np.datetime64]:
    """Return what ``SITE DD/Mon/YYYY HH:MM:SS.S,FOLDER/NNNNN.png`` says."""
    origin, picture = line.strip().rsplit(",", 1)
    site, date, clock = origin.split()
    day, month, year = date.split("/")
    stamp = f"{int(year):04d}-{MONTHS.index(month) // 3 + 1:02d}-{int(day):02d}T{clock}"
    return int(Path(picture).stem), site.lower(), _utc(stamp)


def _plain_origin(line: str, titles: list[str]) -> tuple[int, str, np.datetime64] | None:
    """Return what a row with named columns says; None where station or time are empty."""
    cells = next(csv.reader([line]), [])
    if not cells:
        return None
    picture, site, time = (
        cells[titles.index(name)].strip() for name in ("picture", "site", "time")
    )
    if not site or not time:
        return None
    return int(picture), site.lower(), _utc(time)


def _utc(text: str) -> np.datetime64:
    stamp = datetime.fromisoformat(text)
    if stamp.tzinfo is not None:
        stamp = stamp.astimezone(UTC).replace(tzinfo=None)
    return np.datetime64(stamp, "ms")


def read_split(path: Path, n: int) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """Read the official folds of a set.

    Parameters
    ----------
    path : Path
        ``train_test_split.csv``: rows that each order the pictures at random, as numbers.
    n : int
        How many pictures there are.

    Returns
    -------
    rows : ndarray of int64, (rows, n), optional
        None if there are faults.
    faults : tuple of str
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an empty file: told below
            rows = np.loadtxt(path, delimiter=",", ndmin=2)
    except (OSError, ValueError) as error:
        return None, (f"cannot be read as numbers ({error})",)
    if not rows.size or rows.shape[1] != n or not (np.sort(rows, axis=1) == np.arange(n)).all():
        return None, (f"its rows are not orders of {n} pictures",)
    return rows.astype(np.int64), ()


def read_truth(
    path: Path, picture: NDArray[np.int64]
) -> tuple[NDArray[np.uint8] | None, tuple[str, ...]]:
    """Read what was drawn in the pictures of a simulated set.

    Parameters
    ----------
    path : Path
        ``truth.csv``, with the number of the picture and its class in the first two columns.
    picture : ndarray of int64, (n,)
        Numbers of the pictures.

    Returns
    -------
    truth : ndarray of uint8, (n,), optional
        In the order of ``picture``; None if there are faults.
    faults : tuple of str
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a table without rows: told below
            rows = np.loadtxt(
                path, delimiter=",", skiprows=1, usecols=(0, 1), ndmin=2, dtype=np.int64
            )
    except (OSError, ValueError, OverflowError) as error:
        return None, (f"cannot be read ({error})",)
    rows = rows.reshape(-1, 2)
    truth = dict(zip(rows[:, 0].tolist(), rows[:, 1].tolist(), strict=True))
    missing = [number for number in picture.tolist() if number not in truth]
    if missing:
        return None, (f"no line for {len(missing)} pictures, such as {missing[0]:05d}",)
    if not set(truth.values()) <= set(range(len(OATH_NAMES))):
        return None, (f"classes other than 0 to {len(OATH_NAMES) - 1}",)
    return np.array([truth[number] for number in picture.tolist()], dtype=np.uint8), ()


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise ArchiveError(
            f"{path}: cannot be read ({error.strerror or error}); give the folder of the OATH set, "
            "or get it with: auroral_classifier oath --download"
        ) from error
