"""Unpack a tarball or zip file of the OATH set, with nothing outside the folder and no links."""

from __future__ import annotations

import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from auroral_stats.errors import ArchiveError, DataError, UsageError
from auroral_stats.staging import staging_folder

__all__ = ["RECORD_SUFFIX", "SUFFIXES", "unpack"]

#: Files that :func:`unpack` opens.
SUFFIXES = (".tgz", ".tar.gz", ".tar", ".tar.bz2", ".tar.xz", ".zip")

#: Added to the name of an unpacked folder: the file beside it that tells of which archive it is.
RECORD_SUFFIX = ".from.json"

#: Far above the set itself (half a gigabyte): what claims more is no such archive.
_MOST_BYTES = 8 << 30
_MOST_FILES = 100_000
_WINDOWS_FORBIDDEN = '<>:"|?*'


class _Member(NamedTuple):
    """One entry of an archive; ``open`` gives its bytes, and is None for a folder."""

    name: str
    size: int
    fault: str
    open: Callable[[], IO[bytes]] | None


def unpack(
    archive: str | Path, out: str | Path, *, progress: Callable[[str], None] | None = None
) -> Path:
    """Unpack an archive into a new folder, whole or not at all.

    Parameters
    ----------
    archive : path
        One of :data:`SUFFIXES`.
    out : path
        Folder to be made; it may exist if it is empty.
    progress : callable, optional
        Called with a line now and then.

    Returns
    -------
    Path
        ``out``.

    Raises
    ------
    UsageError
        If the file is no such archive, or ``out`` is there and not empty.
    DataError
        If an entry is a link, a device, or lies outside the folder; nothing is written then.
    ArchiveError
        If the archive is missing or damaged, or the folder cannot be written.

    Examples
    --------
    >>> unpack("oath_v1.1_20181026.tgz", "oath")  # doctest: +SKIP
    PosixPath('oath')
    """
    archive, out = Path(archive), Path(out).absolute()
    if not archive.name.lower().endswith(SUFFIXES):
        raise UsageError(f"{archive}: is no archive known here; expected {', '.join(SUFFIXES)}.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out}: is there already; name a folder that is new or empty.")
    say = progress or (lambda _: None)
    try:
        with staging_folder(out.parent) as folder:
            staged = folder / "oath"
            staged.mkdir()
            say(f"Looking through {archive.name}")
            size = _check(archive)
            free = shutil.disk_usage(folder).free
            if size > free:
                raise ArchiveError(
                    f"{out.parent}: {archive.name} needs {size / 1e6:.0f} MB there, and "
                    f"{free / 1e6:.0f} MB are free; make room, or name another folder."
                )
            _write(archive, staged, say)
            if out.is_dir():
                out.rmdir()
            staged.replace(out)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, RuntimeError) as error:
        raise _damaged(archive, str(error)) from error
    except OSError as error:
        if isinstance(error, ArchiveError):
            raise
        if not archive.is_file():
            raise ArchiveError(f"{archive}: is no file; give the tarball of the set.") from error
        if error.errno is None:  # gzip and lzma raise these for damaged content
            raise _damaged(archive, str(error)) from error
        raise ArchiveError(
            f"{out}: {archive.name} cannot be unpacked there ({error.strerror or error}); nothing "
            "was left behind. Make room, or name another folder."
        ) from error
    return out


def _damaged(archive: Path, why: str) -> ArchiveError:
    return ArchiveError(
        f"{archive}: is damaged or cut off ({why}); remove it and get it again, for instance with: "
        "auroral_classifier oath --download"
    )


def _check(archive: Path) -> int:
    """Return the bytes that an archive unpacks to; refuse one that holds what it should not."""
    faults: list[str] = []
    size = files = 0
    for member in _members(archive):
        size, files = size + member.size, files + 1
        if member.fault:
            faults.append(f"{member.name!r} {member.fault}")
        if size > _MOST_BYTES or files > _MOST_FILES:
            faults.append(f"more than {_MOST_FILES} files or {_MOST_BYTES >> 30} GiB")
            break
    if faults:
        shown = "".join(f"\n  - {fault}" for fault in faults[:10])
        more = f"\n  - and {len(faults) - 10} more" if len(faults) > 10 else ""
        raise DataError(
            f"{archive}: this is not the archive of the OATH set, which holds plain files in "
            f"folders; nothing was unpacked:{shown}{more}"
        )
    return size


def _write(archive: Path, folder: Path, say: Callable[[str], None]) -> None:
    for number, member in enumerate(_members(archive)):
        target = folder.joinpath(*PurePosixPath(member.name).parts)
        if member.open is None:
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        # written here, not by the archive's own modes and owners
        with member.open() as source, target.open("wb") as sink:
            shutil.copyfileobj(source, sink)
        if target.stat().st_size != member.size:
            raise EOFError(f"{member.name} is cut off")
        if number % 500 == 0:
            say(f"Unpacking {archive.name}, file {number}")


def _members(archive: Path) -> Iterator[_Member]:
    if archive.name.lower().endswith(".zip"):
        with zipfile.ZipFile(archive) as pack:
            for info in pack.infolist():
                mode = info.external_attr >> 16
                fault = _name_fault(info.filename)
                if not fault and stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFDIR}:
                    fault = "is a link or a device"
                yield _Member(
                    info.filename,
                    info.file_size,
                    fault,
                    None if info.is_dir() else partial(pack.open, info),
                )
        return
    with tarfile.open(archive) as tar:
        for entry in tar:
            fault = _name_fault(entry.name)
            if not fault and not (entry.isreg() or entry.isdir()):
                fault = "is a link or a device"
            if not fault:
                try:
                    tarfile.data_filter(entry, str(archive.parent))
                except tarfile.FilterError as error:
                    fault = f"is refused by Python's data filter ({error})"
            yield _Member(
                entry.name,
                entry.size,
                fault,
                None if entry.isdir() else partial(_tar_file, tar, entry),
            )
        # The checksum stands at the end of the compressed bytes, after what tarfile reads.
        while tar.fileobj.read(1 << 20):  # type: ignore[union-attr,unused-ignore]
            pass


def _tar_file(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    source = tar.extractfile(entry)
    if source is None:
        raise tarfile.ReadError(f"{entry.name} has no content")
    return source


def _name_fault(name: str) -> str:
    """Return why a name could lead out of the folder; empty if it cannot."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        return "leads out of the folder"
    if not path.parts and name not in {".", "./"}:
        return "is no name"
    if any(letter in name for letter in _WINDOWS_FORBIDDEN):
        return "has letters that a file name here may not have"
    return ""
