"""Find the camera files below a folder, in order of time, without listing more than is needed.

Folders are those of the archives, or any others:

- ``YYYY/MM/DD/<site>_<camera>/utHH/`` with minute files (University of Calgary);
- ``thg/l1/asi/<site>/YYYY/MM/`` with hourly CDFs (THEMIS mission);
- a flat folder, or any mixture of these.

A folder whose name gives a time is opened when the walk comes to that time, and not at all if it
lies outside of what is asked for; so memory holds about an hour of the archive, however many years
it has.
"""

from __future__ import annotations

import heapq
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from auroral_stats.errors import ArchiveError, UsageError
from auroral_stats.sites import check_sites
from classifier.frame_copies import best_copy
from classifier.frame_names import SITE, frame_name

__all__ = ["FrameFile", "find_frames", "instant"]

_YEAR = re.compile(r"(?:19|20)[0-9]{2}")
_MONTH = re.compile(r"0[1-9]|1[0-2]")
_DAY = re.compile(r"0[1-9]|[12][0-9]|3[01]")
_HOUR = re.compile(r"ut([01][0-9]|2[0-3])")
_CAMERA = re.compile(rf"({SITE})_[a-z]+-?[0-9]+[a-z]?")
_SITE = re.compile(SITE)
_OFFSET = re.compile(r"T.*(?:Z|[+-][0-9]{2}:?[0-9]{2})$")

_EARLIEST, _LATEST = np.datetime64("0001-01-01", "m"), np.datetime64("9999-01-01", "m")


@dataclass(frozen=True)
class FrameFile:
    """A file of frames.

    Attributes
    ----------
    path : Path
    site : str or None
        Code of the site in lower case. None only where a single file of another name was given.
    start, end : datetime64[m] or None
        The minute or hour that its name states, UTC; ``end`` is not included.
    source : str
        The camera, such as ``themis19``; ``asf`` for hourly CDFs.
    """

    path: Path
    site: str | None
    start: np.datetime64 | None
    end: np.datetime64 | None
    source: str


@dataclass(frozen=True)
class _Wanted:
    sites: frozenset[str] | None
    start: np.datetime64
    end: np.datetime64


@dataclass(frozen=True)
class _Folder:
    """A folder, and what the names down to it say."""

    path: str
    level: str = ""  # letters of the dated folders above: Y, M, D, H
    start: np.datetime64 = _EARLIEST
    end: np.datetime64 = _LATEST
    above: frozenset[tuple[int, int]] = field(default=frozenset())


def find_frames(
    root: str | Path,
    sites: str | Iterable[str] | None = None,
    start: Any = None,
    end: Any = None,
) -> Iterator[FrameFile]:
    """Find camera files, in order of time, then site.

    Parameters
    ----------
    root : path
        A folder, at any level of an archive, or a single file.
    sites : str or iterable of str, optional
        Codes, a string separated by commas. Default: all.
    start, end : datetime64, datetime or str, optional
        UTC; files are found whose minute or hour lies within ``[start, end)`` or overlaps it.

    Returns
    -------
    iterator of FrameFile
        Of a minute that is there as ``.pgm.gz``, ``.pgm.bz2`` and ``.pgm``, the first of these; of
        an hour in several versions, the latest; of several copies of one kind, the largest. One that
        was cut short, as by a full disk, is taken only if there is no whole one
        (:func:`classifier.frame_copies.best_copy`). An hourly file and minute files of the same hour
        are different sources, and all are found. Hidden files, and those whose names are not those
        of an archive (such as unfinished downloads), are passed over. A file in a folder of another
        date comes at the time of that folder.

    Raises
    ------
    UsageError
        If a site is not known, a time cannot be read, or ``end`` is not after ``start``.
    ArchiveError
        If ``root`` does not exist; while iterating, if a folder may not be listed.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for minute in (1, 0):
    ...         Path(folder, f"20140310_060{minute}_gill_themis19_full.pgm.gz").touch()
    ...     [str(file.start) for file in find_frames(folder, "gill", start="2014-03-10")]
    ['2014-03-10T06:00', '2014-03-10T06:01']
    """
    wanted = _Wanted(
        None if sites is None else frozenset(check_sites(sites)),
        _EARLIEST if start is None else instant("start", start),
        _LATEST if end is None else instant("end", end),
    )
    if wanted.start >= wanted.end:
        raise UsageError(f"end ({end}) must be after start ({start}).")
    path = Path(root)
    try:
        about = path.stat()
    except (OSError, ValueError) as error:
        raise ArchiveError(
            f"{str(path)!r} does not exist or may not be read. Give a folder or file of camera frames."
        ) from error
    if stat.S_ISDIR(about.st_mode):
        top = replace(_from_root(path), above=frozenset({(about.st_dev, about.st_ino)}))
        return _walk(top, wanted)
    return iter(_single(path, wanted))


def instant(argument: str, value: Any) -> np.datetime64:
    """Return a time as datetime64[us].

    Parameters
    ----------
    argument : str
        What to call it in a message.
    value : datetime64, datetime or str
        UTC; text or a datetime with an offset, or with Z, is converted.

    Returns
    -------
    numpy.datetime64

    Raises
    ------
    UsageError
        If it is no time.

    Examples
    --------
    >>> str(instant("start", "2014-03-10T06:00Z"))
    '2014-03-10T06:00:00.000000'
    """
    try:
        if isinstance(value, str) and _OFFSET.search(value):
            value = datetime.fromisoformat(value)
        if isinstance(value, datetime) and value.tzinfo is not None:
            value = value.astimezone(UTC).replace(tzinfo=None)
        time = np.datetime64(value, "us")
    except (ValueError, TypeError) as error:
        raise UsageError(
            f"{argument} {value!r} is no time; expected UTC such as 2014-03-10T06:00."
        ) from error
    if np.isnat(time):
        raise UsageError(f"{argument} is not a time (NaT).")
    return time


def _single(path: Path, wanted: _Wanted) -> list[FrameFile]:
    name = frame_name(path.name)
    if name is not None:
        found = FrameFile(path, name.site, name.start, name.end, name.source)
        return [found] if _is_wanted(found, wanted) else []
    if wanted != _Wanted(None, _EARLIEST, _LATEST):
        raise UsageError(
            f"{str(path)!r}: its name gives no site and time to select by; leave out sites, start "
            "and end, or name it like 20140310_0600_gill_themis19_full.pgm.gz."
        )
    return [FrameFile(path, None, None, None, "")]


def _is_wanted(file: FrameFile, wanted: _Wanted) -> bool:
    if wanted.sites is not None and file.site not in wanted.sites:
        return False
    return not (file.start is None or file.end is None) and bool(
        file.end > wanted.start and file.start < wanted.end
    )


def _walk(top: _Folder, wanted: _Wanted) -> Iterator[FrameFile]:
    """Open folders and yield files in one order of time.

    All that is known but not yet reached waits in a heap. Whatever lies in a folder is not earlier
    than the folder, so what comes first there is next in time.
    """
    # Key: time, folders before files, site, source, preference, path.
    heap: list[tuple[Any, ...]] = [(top.start, 0, "", "", 0, top.path, top)]
    last: tuple[Any, ...] = ()
    while heap:
        time, is_file, site, source, _, _, item = heapq.heappop(heap)
        if not is_file:
            for entry in _entries(item, wanted):
                heapq.heappush(heap, entry)
        elif (time, site, source) != last:
            last = (time, site, source)
            copies = [item]
            while heap and heap[0][:4] == (time, 1, site, source):
                copies.append(heapq.heappop(heap)[-1])
            if len(copies) > 1:
                best = best_copy(copy.path for copy in copies)
                item = next(copy for copy in copies if copy.path == best)
            yield item


def _entries(folder: _Folder, wanted: _Wanted) -> Iterator[tuple[Any, ...]]:
    """List one folder: what is wanted of it, as entries of the heap."""
    try:
        with os.scandir(folder.path) as listing:
            for entry in listing:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    inner = _inner(folder, entry, wanted)
                    if inner is not None:
                        yield (inner.start, 0, "", "", 0, inner.path, inner)
                elif (name := frame_name(entry.name)) is not None and entry.is_file():
                    file = FrameFile(Path(entry.path), name.site, name.start, name.end, name.source)
                    if _is_wanted(file, wanted):
                        yield (name.start, 1, name.site, name.source, name.rank, entry.path, file)
    except FileNotFoundError:
        return  # removed meanwhile
    except OSError as error:
        raise ArchiveError(
            f"{folder.path!r} cannot be listed ({error.strerror}); make it readable or move it away."
        ) from error


def _inner(folder: _Folder, entry: os.DirEntry[str], wanted: _Wanted) -> _Folder | None:
    """Return a folder in ``folder``; None if nothing in it can be wanted, or it leads in a circle."""
    inner = _narrowed(folder, entry.name)
    if inner.end <= wanted.start or inner.start >= wanted.end:
        return None
    if wanted.sites is not None:
        camera = _CAMERA.fullmatch(entry.name)
        in_asi = folder.path.endswith(f"{os.sep}asi") and _SITE.fullmatch(entry.name)
        site = camera[1] if camera else entry.name if in_asi else None
        if site is not None and site not in wanted.sites:
            return None
    try:
        about = entry.stat()
    except OSError:
        return None  # removed meanwhile
    identity = (about.st_dev, about.st_ino)
    if identity in folder.above:
        return None
    return replace(inner, path=entry.path, above=folder.above | {identity})


def _narrowed(folder: _Folder, name: str) -> _Folder:
    """Return what is known of a folder called ``name`` in ``folder``; names of no date add nothing."""
    if _YEAR.fullmatch(name) and folder.level in {"", "Y"}:
        return _spanning(folder, "Y", np.datetime64(name, "Y"))
    if folder.level == "Y" and _MONTH.fullmatch(name):
        return _spanning(folder, "M", folder.start.astype("M8[Y]").astype("M8[M]") + int(name) - 1)
    if folder.level == "M" and _DAY.fullmatch(name):
        month = folder.start.astype("M8[M]")
        day = month.astype("M8[D]") + int(name) - 1
        # There is no 31 February.
        return _spanning(folder, "D", day) if day.astype("M8[M]") == month else folder
    if folder.level == "D" and (hour := _HOUR.fullmatch(name)):
        return _spanning(folder, "H", folder.start.astype("M8[h]") + int(hour[1]))
    return folder


def _spanning(folder: _Folder, level: str, span: np.datetime64) -> _Folder:
    return replace(folder, level=level, start=span.astype("M8[m]"), end=(span + 1).astype("M8[m]"))


def _from_root(path: Path) -> _Folder:
    """Return what the end of the root's own path says, such as ``2014/03`` or ``2014/03/10``."""
    parts = path.absolute().parts
    for first in range(max(len(parts) - 5, 0), len(parts)):
        folder = _Folder(str(path))
        for part in parts[first:]:
            inner = _narrowed(folder, part)
            if inner is folder and not (folder.level == "D" and _CAMERA.fullmatch(part)):
                break
            folder = inner
        else:
            return folder
    return _Folder(str(path))
