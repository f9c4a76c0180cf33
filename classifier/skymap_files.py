"""The skymap files of the University of Calgary: IDL save files, one for each term of a camera.

``themis_skymap_<site>_<first day>-<last day or +>_v<version>.sav`` holds the elevation and azimuth
of each pixel, and latitude and longitude at 90, 110 and 150 km.
"""

from __future__ import annotations

import re
import struct
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from auroral_stats.errors import ArchiveError, DataError, UsageError

__all__ = ["SkymapFile", "find_skymap", "list_skymaps", "read_sav"]

_NAME = re.compile(
    r"[a-z]+_skymap_(?P<site>[a-z0-9]+)_(?P<first>\d{8})-(?P<last>\d{8}|\+)_v(?P<version>\w+)\.sav",
    re.IGNORECASE,
)
#: Real files have 3.5 MB; nothing near this size is a skymap of an all-sky camera.
_MAX_BYTES = 64 * 1024**2
_VARIABLE_RECORD, _STRUCTURE = 2, 0x20
_END_RECORD = 6
_REMEDY = "get the file again from the archive of the University of Calgary"


@dataclass(frozen=True)
class SkymapFile:
    """What the name of a skymap file says.

    Attributes
    ----------
    path : Path
    site : str
        Site code, lower case.
    first : numpy.datetime64
        First day for which it holds.
    last : numpy.datetime64 or None
        Last day, or None while no end is set (``+``).
    version : str
    """

    path: Path
    site: str
    first: np.datetime64
    last: np.datetime64 | None
    version: str


def list_skymaps(where: str | Path | Iterable[str | Path]) -> list[SkymapFile]:
    """Find skymap files by their names, in order of site, first day and version.

    Parameters
    ----------
    where : path or iterable of path
        Files, and folders that are searched with all folders below them.

    Returns
    -------
    list of SkymapFile
        Other files are passed over. Version ``XX`` comes before any number.

    Raises
    ------
    UsageError
        A path that does not exist.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "themis_skymap_gill_20130101-20131231_v02.sav").touch()
    ...     [(file.site, str(file.first), str(file.last)) for file in list_skymaps(folder)]
    [('gill', '2013-01-01', '2013-12-31')]
    """
    found = []
    for given in [where] if isinstance(where, str | Path) else where:
        path = Path(given)
        if not path.exists():
            raise UsageError(f"{path}: there is no such skymap file or folder.")
        found += sorted(path.rglob("*.[sS][aA][vV]")) if path.is_dir() else [path]
    files = [file for path in dict.fromkeys(found) if (file := _of_name(path)) is not None]
    return sorted(files, key=lambda file: (file.site, file.first, _version_key(file.version)))


def find_skymap(where: str | Path | Iterable[str | Path], site: str, time: np.datetime64) -> Path:
    """Return the skymap of a site that was valid at a time, going by the names of the files.

    Parameters
    ----------
    where : path or iterable of path
        Files, and folders that are searched with all folders below them.
    site : str
        Site code.
    time : numpy.datetime64
        UTC.

    Returns
    -------
    Path
        Of those that begin on the day or before it and do not end before it, the latest; of equal
        ones the highest version.

    Raises
    ------
    UsageError
        There is none; the message says what there is for the site.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for days in ("20110305-+", "20130901-+"):
    ...         (Path(folder) / f"themis_skymap_gako_{days}_vXX.sav").touch()
    ...     find_skymap(folder, "gako", np.datetime64("2012-01-06T17:00")).name
    'themis_skymap_gako_20110305-+_vXX.sav'
    """
    day = time.astype("datetime64[D]")
    of_site = [file for file in list_skymaps(where) if file.site == site.lower()]
    valid = [
        file for file in of_site if file.first <= day and (file.last is None or day <= file.last)
    ]
    if not valid:
        known = "; ".join(
            f"{file.path.name} ({file.first} to {file.last or 'no set end'})" for file in of_site
        )
        raise UsageError(
            f"skymap of {site} for {day}: none found"
            + (f" among {known}. Name one of these files to use it all the same," if known else ";")
            + " give the folder that holds it, leave the site out with --sites, or leave the skymap"
            " out for idealised optics."
        )
    return valid[-1].path


def read_sav(path: Path) -> Mapping[str, Any]:
    """Read the fields of the structure ``skymap`` in an IDL save file.

    The chain of records is followed first: the reader of SciPy would run in circles through a
    damaged one. Nothing in such a file is ever executed; but one that was made to deceive can still
    keep that reader busy, so take skymaps from the archive.

    Parameters
    ----------
    path : Path

    Returns
    -------
    mapping of str to object
        By the names of the file, upper case.

    Raises
    ------
    ArchiveError
        It cannot be opened.
    DataError
        It is no save file, is damaged, or holds no skymap.

    Examples
    --------
    >>> read_sav(Path("themis_skymap_gill.sav"))["FULL_ELEVATION"].shape  # doctest: +SKIP
    (256, 256)
    """
    from scipy.io import readsav

    try:
        size = path.stat().st_size
        if size > _MAX_BYTES:
            raise DataError(f"{path}: {size / 1e6:.0f} MB are too many for a skymap; {_REMEDY}.")
        content = path.read_bytes()
    except OSError as error:
        raise ArchiveError(f"{path}: cannot be read ({error.strerror or error}).") from None
    _check_records(content, path)
    try:
        with warnings.catch_warnings():
            # it cannot check the lengths of nested structures, and says so for each real file
            warnings.simplefilter("ignore")
            variables = readsav(str(path), python_dict=True)
        record = variables["skymap"][0]
        return {name.upper(): record[name] for name in record.dtype.names}
    except Exception as error:  # readsav raises whatever its parsing meets
        raise DataError(
            f"{path}: is a damaged save file or holds no structure named skymap"
            f" ({type(error).__name__}: {error}); {_REMEDY}."
        ) from error


def _one(content: bytes, place: int) -> bool:
    """Return whether the variable at ``place`` is one structure, or none at all.

    A skymap is one. The reader would build as many as a damaged file claims, which takes all memory.
    """
    length = int.from_bytes(content[place : place + 4])
    description = content[place + 4 + -(-length // 4) * 4 :][:24]
    if len(description) < 24 or not description[7] & _STRUCTURE:
        return True
    return int.from_bytes(description[20:24]) == 1


def _check_records(content: bytes, path: Path) -> None:
    """Follow the record headers (type, place of the next record) up to the end marker."""
    if content[:4] not in (b"SR\x00\x04", b"SR\x00\x06"):
        raise DataError(
            f"{path}: is not an IDL save file (it begins with {content[:4]!r}); a skymap file"
            " named like themis_skymap_gill_20130101-+_vXX.sav was expected."
        )
    place = 4
    while place + 16 <= len(content):
        kind, low, high = struct.unpack_from(">iII", content, place)
        if kind == _END_RECORD:
            return
        following = low + (high << 32)
        if following < place + 16:
            break
        if kind == _VARIABLE_RECORD and content[2:4] == b"\0\4" and not _one(content, place + 16):
            raise DataError(
                f"{path}: is damaged at byte {place}, or holds many structures; {_REMEDY}."
            )
        place = following
    raise DataError(f"{path}: the save file is cut short or damaged at byte {place}; {_REMEDY}.")


def _of_name(path: Path) -> SkymapFile | None:
    match = _NAME.fullmatch(path.name)
    if match is None:
        return None
    try:
        first = _day(match["first"])
        last = None if match["last"] == "+" else _day(match["last"])
    except ValueError:  # a date that no calendar has
        return None
    return SkymapFile(path, match["site"].lower(), first, last, match["version"])


def _day(digits: str) -> np.datetime64:
    return np.datetime64(f"{digits[:4]}-{digits[4:6]}-{digits[6:]}", "D")


def _version_key(version: str) -> tuple[int, str]:
    return (int(version), version) if version.isdigit() else (-1, version)
