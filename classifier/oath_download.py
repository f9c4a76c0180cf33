"""Download the tarball of the OATH set: resumed where it broke off, with its checksum kept.

The bytes arrive in ``NAME.part`` and the file takes its name when all are there. A run that is
stopped leaves ``NAME.part`` and goes on from it next time, if the server still has the same file
(its ``ETag`` or date is asked for with ``If-Range``); with a server that tells neither it begins
again. Beside the file, ``NAME.json`` keeps address, size, SHA-256 and date. The authors publish no
checksum: what came can only be compared with what came before, and its content with the published
counts (:func:`classifier.oath.open_oath`).
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from auroral_stats.errors import ArchiveError, UsageError
from auroral_stats.whole_file import write_whole
from classifier.oath_archive import RECORD_SUFFIX, SUFFIXES, unpack
from classifier.resumed_transfer import Patience, Progress, fetch, forget

__all__ = [
    "OATH_URL",
    "Download",
    "default_oath_folder",
    "download_oath",
    "unpack_once",
    "unpacked_folder",
]

#: Where Clausen & Nickisch (2018) published the set; http is all that the server had then.
OATH_URL = "http://tid.uio.no/plasma/oath/oath_v1.1_20181026.tgz"

#: Environment variable that names the folder of the set.
FOLDER_VARIABLE = "AURORAL_STATS_OATH_DIR"

_REMEDY = (
    "get the tarball in another way, and give it with: auroral_classifier oath --path FILE; or "
    "simulate a set with: auroral_classifier simulate --oath DIR"
)


@dataclass(frozen=True)
class Download:
    """What is known about the tarball.

    Attributes
    ----------
    path : Path
    url : str
        Where it came from; empty if it was there before.
    size : int
        Bytes.
    sha256 : str
    date : str
        When it came (UTC).
    earlier_sha256 : tuple of str
        Checksums of other files that came from there before: the published file has changed, or
        one of them was damaged.
    """

    path: Path
    url: str
    size: int
    sha256: str
    date: str
    earlier_sha256: tuple[str, ...] = ()


def default_oath_folder() -> Path:
    """Return where the set is kept if no folder is named.

    Returns
    -------
    Path
        The folder that the environment variable AURORAL_STATS_OATH_DIR names; else
        ``auroral_stats/oath`` below the user's cache folder.

    Examples
    --------
    >>> default_oath_folder().is_absolute()
    True
    """
    given = os.environ.get(FOLDER_VARIABLE)
    if given:
        return Path(given).expanduser().absolute()
    cache = os.environ.get("XDG_CACHE_HOME", "")
    if not Path(cache).is_absolute():
        cache = ""  # as the specification of these folders has it
    if not cache and sys.platform == "win32":
        cache = os.environ.get("LOCALAPPDATA", "")
    elif not cache and sys.platform == "darwin":
        cache = "~/Library/Caches"
    return Path(cache or "~/.cache").expanduser().absolute() / "auroral_stats" / "oath"


def unpacked_folder(archive: Path, folder: Path) -> Path:
    """Return where an archive is unpacked to.

    Parameters
    ----------
    archive, folder : Path

    Returns
    -------
    Path

    Examples
    --------
    >>> unpacked_folder(Path("oath_v1.1_20181026.tgz"), Path("cache")).as_posix()
    'cache/oath_v1.1_20181026'
    """
    name = archive.name
    suffix = next((end for end in SUFFIXES if name.lower().endswith(end)), "")
    return folder / (name[: -len(suffix)] if suffix else f"{name}_unpacked")


def unpack_once(
    archive: Path, folder: Path, *, progress: Callable[[str], None] | None = None
) -> tuple[Path, bool]:
    """Unpack an archive to its place in a folder, unless it is there unpacked.

    Size and SHA-256 of the archive are kept beside what was unpacked, so that another archive of
    the same name is not taken for it.

    Parameters
    ----------
    archive, folder : Path
    progress : callable, optional
        Called with a line now and then.

    Returns
    -------
    target : Path
        See :func:`unpacked_folder`.
    unpacked : bool
        False if it was there.

    Raises
    ------
    UsageError
        If what is there came from another archive, or nothing tells from which; or as
        :func:`classifier.oath_archive.unpack`.
    ArchiveError, DataError
        As :func:`classifier.oath_archive.unpack`.

    Examples
    --------
    >>> unpack_once(Path("oath_v1.1_20181026.tgz"), Path("cache"))  # doctest: +SKIP
    (PosixPath('cache/oath_v1.1_20181026'), True)
    """
    target = unpacked_folder(archive, folder)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file; name a folder.")
    record = target.with_name(target.name + RECORD_SUFFIX)
    try:
        about: dict[str, str | int] = {
            "archive": str(archive.absolute()),
            "size": archive.stat().st_size,
            "sha256": _sha256(archive),
        }
        held = target.is_dir() and any(target.iterdir())
    except OSError as error:
        raise ArchiveError(
            f"{error.filename or archive}: cannot be read ({error.strerror or error}); make it "
            "readable, or give another tarball."
        ) from error
    if held:
        _check_unpacked_from(record, about, target)
        return target, False
    unpack(archive, target, progress=progress)
    content = json.dumps(about, indent=1) + "\n"
    write_whole(record, lambda path: path.write_text(content, encoding="utf-8"))
    return target, True


def _check_unpacked_from(record: Path, about: dict[str, str | int], target: Path) -> None:
    """Refuse what is unpacked if it came from another archive than this."""
    try:
        kept = json.loads(record.read_text(encoding="utf-8"))
        source, same = kept["archive"], all(kept[key] == about[key] for key in ("size", "sha256"))
    except (OSError, ValueError, KeyError, TypeError):
        source, same = "an archive that is not known", False
    if not same:
        raise UsageError(
            f"{target}: was unpacked from {source}, which is not the same as {about['archive']}; "
            "remove it to unpack this one, or name another folder with --out."
        )


def download_oath(
    folder: str | Path | None = None,
    *,
    url: str = OATH_URL,
    progress: Progress | None = None,
    patience: Patience | None = None,
) -> Download:
    """Download the tarball, or return the one that is there.

    Parameters
    ----------
    folder : path, optional
        Where it goes; :func:`default_oath_folder` by default.
    url : str
        Another address, such as a mirror.
    progress : callable, optional
        Called with bytes here, bytes in all or None, and what is going on.
    patience : Patience, optional

    Returns
    -------
    Download

    Raises
    ------
    UsageError
        If ``folder`` is a file.
    ArchiveError
        If the server does not have it or does not answer, the disk is full, or the file that is
        there is not the one whose checksum was kept. What had arrived stays, to go on from, unless
        the server gives nothing by which that could be done.

    Examples
    --------
    >>> download_oath().size  # doctest: +SKIP
    """
    folder = default_oath_folder() if folder is None else Path(folder)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file; name a folder.")
    target = folder / url.rsplit("/", 1)[-1]
    part = target.with_name(target.name + ".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        kept = _kept(target)
        if target.exists():
            return _present(target, kept)
        fetch(url, part, progress=progress, patience=patience, remedy=_REMEDY)
        _check_content(part, url)
        sha256 = _sha256(part)
        part.replace(target)
        forget(part)
    except OSError as error:
        if isinstance(error, ArchiveError):
            raise
        advice = "Name another folder, or"
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            held = part.exists() and part.stat().st_size > 0
            arrived = "has arrived is" if held else "had arrived is not"
            advice = f"What {arrived} kept: make room and"
        raise ArchiveError(
            f"{folder}: the tarball cannot be written ({error.strerror or error}). {advice} start "
            "again."
        ) from error
    earlier = tuple(
        x for x in ((*kept.earlier_sha256, kept.sha256) if kept else ()) if x and x != sha256
    )
    return _keep(Download(target, url, target.stat().st_size, sha256, _now(), earlier))


def _check_content(part: Path, url: str) -> None:
    """Refuse what is no compressed file, such as a page of an error that calls itself a success."""
    with part.open("rb") as file:
        start = file.read(2)
    if start != b"\x1f\x8b":
        part.unlink()
        forget(part)
        raise ArchiveError(f"{url}: what the server sends is no tarball; {_REMEDY}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _record_path(target: Path) -> Path:
    return target.with_name(target.name + ".json")


def _kept(target: Path) -> Download | None:
    try:
        kept = json.loads(_record_path(target).read_text(encoding="utf-8"))
        return Download(
            target,
            str(kept["url"]),
            int(kept["size"]),
            str(kept["sha256"]),
            str(kept["date"]),
            tuple(map(str, kept["earlier_sha256"])),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _present(target: Path, kept: Download | None) -> Download:
    """Return what is known about a file that is there, after a comparison with what was kept."""
    size, sha256 = target.stat().st_size, _sha256(target)
    if kept is None:
        return _keep(Download(target, "", size, sha256, _now()))
    if (size, sha256) != (kept.size, kept.sha256):
        raise ArchiveError(
            f"{target}: is not the file that came on {kept.date} ({kept.size} bytes, SHA-256 "
            f"{kept.sha256}); it has {size} bytes and SHA-256 {sha256}. Remove it to download it "
            f"again, or remove {_record_path(target).name} to take it as it is."
        )
    return replace(kept, path=target)


def _keep(download: Download) -> Download:
    content = json.dumps({**asdict(download), "path": download.path.name}, indent=1) + "\n"
    write_whole(
        _record_path(download.path), lambda path: path.write_text(content, encoding="utf-8")
    )
    return download


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
