"""Read CDF files, and say plainly when one is damaged.

cdflib follows offsets from record to record, so a file cut short by a broken download may open and
give some of its variables. Here a file is measured against the length its own header states before
anything is read, and any failure inside cdflib becomes one message that names the file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auroral_stats.errors import ArchiveError

__all__ = [
    "CdfFile",
    "cdf_attributes",
    "cdf_variables",
    "check_cdf",
    "epoch_to_datetime",
    "open_cdf",
    "read_records",
    "read_times",
    "read_variable",
]

#: Milliseconds from 0000-01-01 (CDF_EPOCH) to 1970-01-01.
_EPOCH_1970 = 62_167_219_200_000.0
_CDF_EPOCH, _CDF_EPOCH16, _CDF_TT2000 = 31, 32, 33
_REMEDY = "Delete it and run again without --offline to fetch it anew."


@dataclass(frozen=True)
class CdfFile:
    """An open CDF and the path it was opened by (cdflib inflates compressed ones elsewhere)."""

    path: Path
    cdf: Any


def _stated_length(path: Path) -> int | None:
    """Return the number of bytes the header of ``path`` promises, where it says so.

    A CDF of version 3 begins with an 8-byte magic number and the CDF descriptor record, which
    points to the global descriptor record, which holds the end of the file.
    """
    with path.open("rb") as file:
        head = file.read(28)
        if head[:4] != bytes.fromhex("cdf30001") or len(head) < 28:
            return None
        record_type, offset = struct.unpack(">iq", head[16:28])
        if record_type != 1:  # the whole file is compressed: inflating it is the check
            return None
        file.seek(offset + 36)
        end = file.read(8)
    # A pointer beyond the last byte is a cut as well; any length above the real one says so.
    return int(struct.unpack(">q", end)[0]) if len(end) == 8 else offset + 44


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn whatever cdflib raises on a damaged file into one ArchiveError."""
    try:
        yield
    except ArchiveError:
        raise
    except FileNotFoundError as error:
        raise ArchiveError(f"{path} does not exist. Check the path.") from error
    except PermissionError as error:
        raise ArchiveError(f"{path} cannot be read: permission denied.") from error
    except Exception as error:  # a damaged file can make cdflib raise anything
        # cdflib names the file as well, and once is enough.
        reason = str(error).strip().removeprefix(str(path)).strip(" :") or type(error).__name__
        raise ArchiveError(f"{path} cannot be read as a CDF: {reason}. {_REMEDY}") from error


def open_cdf(path: Path | str) -> CdfFile:
    """Open a CDF after comparing its length with what its header states.

    Parameters
    ----------
    path : Path or str

    Returns
    -------
    CdfFile

    Raises
    ------
    ArchiveError
        If there is no such file, or it is no CDF, or it is cut short.

    Examples
    --------
    >>> open_cdf("no_such_file.cdf")
    Traceback (most recent call last):
    ...
    auroral_stats.errors.ArchiveError: no_such_file.cdf does not exist. Check the path.
    """
    import cdflib

    path = Path(path)
    with _explained(path):
        size, stated = path.stat().st_size, _stated_length(path)
        if stated is not None and size < stated:
            raise ArchiveError(
                f"{path} is cut short: {size:,} bytes, where its header states {stated:,}. "
                f"{_REMEDY}"
            )
        return CdfFile(path, cdflib.CDF(path))


def cdf_attributes(file: CdfFile) -> dict[str, Any]:
    """Return the global attributes of an open CDF; one entry alone stands without its list."""
    with _explained(file.path):
        entries = file.cdf.globalattsget()
    return {
        name: value[0] if isinstance(value, list) and len(value) == 1 else value
        for name, value in entries.items()
    }


def cdf_variables(file: CdfFile) -> tuple[str, ...]:
    """Return the names of all variables of an open CDF, in the order of the file."""
    with _explained(file.path):
        info = file.cdf.cdf_info()
        return (*info.rVariables, *info.zVariables)


def read_records(file: CdfFile, name: str) -> NDArray[Any]:
    """Return the records of one variable; its attributes, which take as long, are not read.

    Parameters
    ----------
    file : CdfFile
        From :func:`open_cdf`.
    name : str
        As :func:`cdf_variables` gives it.

    Returns
    -------
    ndarray
        One element a record, in the type of the file, fills included.

    Raises
    ------
    ArchiveError
        If the records cannot be read.
    """
    with _explained(file.path):
        return np.atleast_1d(np.asarray(file.cdf.varget(name)))


def read_variable(file: CdfFile, name: str) -> tuple[NDArray[Any], dict[str, Any]]:
    """Return the records of one variable and its attributes.

    Parameters
    ----------
    file : CdfFile
        From :func:`open_cdf`.
    name : str
        As :func:`cdf_variables` gives it.

    Returns
    -------
    data : ndarray
        One element a record, in the type of the file, fills included.
    attributes : dict
        ``FILLVAL``, ``VALIDMIN``, ``UNITS``, ``DEPEND_0`` and so on.

    Raises
    ------
    ArchiveError
        If the records cannot be read.
    """
    records = read_records(file, name)
    with _explained(file.path):
        return records, dict(file.cdf.varattsget(name))


def read_times(file: CdfFile, name: str) -> NDArray[np.datetime64]:
    """Return a time variable as datetime64[ms], exactly as the file has it.

    Parameters
    ----------
    file : CdfFile
        From :func:`open_cdf`.
    name : str
        A variable of type CDF_EPOCH, CDF_EPOCH16 or CDF_TIME_TT2000.

    Returns
    -------
    ndarray of datetime64[ms]
        UTC. Never depends on the TZ environment variable.

    Raises
    ------
    ArchiveError
        If the variable is no time, cannot be read, or has records without a time.
    """
    import cdflib

    with _explained(file.path):
        kind = file.cdf.varinq(name).Data_Type
        values = np.atleast_1d(file.cdf.varget(name))
        if kind == _CDF_EPOCH:
            return epoch_to_datetime(values)
        if kind in {_CDF_EPOCH16, _CDF_TT2000}:
            times = np.atleast_1d(cdflib.cdfepoch.to_datetime(values))
            return np.asarray(times, "datetime64[ns]").astype("datetime64[ms]")
    raise ArchiveError(
        f"{file.path} has no times in {name!r}: it is of no CDF time type. {_REMEDY}"
    )


def epoch_to_datetime(epoch: NDArray[np.float64]) -> NDArray[np.datetime64]:
    """Convert CDF_EPOCH to datetime64[ms].

    Parameters
    ----------
    epoch : array of float64
        Milliseconds since 0000-01-01T00:00 (proleptic Gregorian), UTC.

    Returns
    -------
    ndarray of datetime64[ms]

    Raises
    ------
    ValueError
        If an epoch is fill or not finite.

    Examples
    --------
    >>> epoch_to_datetime(np.array([63_593_769_600_000.0]))
    array(['2015-03-17T00:00:00.000'], dtype='datetime64[ms]')
    """
    epoch = np.asarray(epoch, dtype=np.float64)
    bad = int(np.count_nonzero(~(epoch > 0)))
    if bad:
        raise ValueError(f"{bad} of {epoch.size} records have no time")
    return np.rint(epoch - _EPOCH_1970).astype(np.int64).astype("datetime64[ms]")


def check_cdf(path: Path | str) -> None:
    """Read every variable of a CDF, so that a damaged one is found before it is used.

    Parameters
    ----------
    path : Path or str

    Raises
    ------
    ArchiveError
        If any variable cannot be read, has fewer records than the file states, or if there is no
        variable at all.
    """
    file = open_cdf(path)
    names = cdf_variables(file)
    if not names:
        raise ArchiveError(f"{path} has no variables. {_REMEDY}")
    for name in names:
        with _explained(file.path):
            expected = file.cdf.varinq(name).Last_Rec + 1
            found = len(np.atleast_1d(file.cdf.varget(name)))
        if expected > 1 and found != expected:
            raise ArchiveError(
                f"{path} is damaged: {name} has {found} of {expected} records. {_REMEDY}"
            )
