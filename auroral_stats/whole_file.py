"""Write a file whole or not at all."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from auroral_stats.errors import ArchiveError

__all__ = ["check_target", "is_own_output", "staged_beside", "write_whole"]


@contextmanager
def staged_beside(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``, which takes its place only if all goes well.

    Parameters
    ----------
    path : Path
        What is to be written; missing folders above it are made.

    Yields
    ------
    Path
        An empty file with the same suffix, for readers and writers that go by it.

    Raises
    ------
    OSError
        If it cannot be made or moved.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with staged_beside(Path(folder) / "table.txt") as staged:
    ...         _ = staged.write_text("whole")
    ...     print((Path(folder) / "table.txt").read_text())
    whole
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    staged = Path(name)
    try:
        yield staged
        # mkstemp makes private files; the result should be as readable as any other file.
        staged.chmod(0o666 & ~_umask())
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)


def write_whole(path: str | Path, write: Callable[[Path], Any]) -> Path:
    """Let ``write`` fill a temporary file, then move it into place.

    Parameters
    ----------
    path : path
        A link stays a link: what it points to is replaced. A pipe or a device is not replaced:
        the finished content is sent into it.
    write : callable
        Called with the path of the temporary file.

    Returns
    -------
    Path

    Raises
    ------
    ArchiveError
        If the file cannot be written; nothing is left behind, and what was there stays.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_whole(Path(folder) / "a.txt", lambda file: file.write_text("x")).name
    'a.txt'
    """
    path = Path(path)
    try:
        if _is_stream(path):
            _send(path, write)
        else:
            with staged_beside(Path(os.path.realpath(path))) as staged:
                write(staged)
    except OSError as error:
        raise _refusal(path, error.strerror or str(error)) from error
    return path


def check_target(path: str | Path) -> None:
    """Refuse a path that :func:`write_whole` could not write, before there is anything to write.

    Parameters
    ----------
    path : path

    Raises
    ------
    ArchiveError
        If it is a folder, lies below something that is none, or may not be written.

    Examples
    --------
    >>> check_target("/dev/null/rates.csv")
    Traceback (most recent call last):
    ...
    auroral_stats.errors.ArchiveError: /dev/null/rates.csv: cannot be written (Not a directory); ...
    """
    path = Path(path)
    try:
        reason = _obstacle(path)
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        raise _refusal(path, reason)


def _obstacle(path: Path) -> str:
    """Return why ``path`` cannot be written; empty if nothing is known to be in the way."""
    if path.is_dir():
        return "it is a folder"
    needed = path
    if not _is_stream(path):
        # A file is moved into place, so its folder is what must be writable.
        needed = next(p for p in Path(os.path.realpath(path)).parents if os.path.lexists(p))
        if not needed.is_dir():
            return "Not a directory"
    return "" if os.access(needed, os.W_OK) else "Permission denied"


def is_own_output(path: str | Path) -> bool:
    """Return whether writing to ``path`` means writing to the standard output of this program.

    Parameters
    ----------
    path : path
        Such as ``/dev/stdout``, or the file that a shell sends the output to.

    Returns
    -------
    bool
    """
    return _own_descriptor(Path(path)) == 1


def _refusal(path: Path, reason: str) -> ArchiveError:
    return ArchiveError(f"{path}: cannot be written ({reason}); choose another place.")


def _own_descriptor(path: Path) -> int | None:
    """Return which open output of this program ``path`` is: 1, 2 or None."""
    if os.path.realpath(path) == os.devnull:
        return None
    for descriptor in (1, 2):
        try:
            if os.path.samestat(path.stat(), os.fstat(descriptor)):
                return descriptor
        except OSError:
            continue
    return None


def _is_stream(path: Path) -> bool:
    """Return whether what is written to ``path`` flows on: a pipe, a device, our own output."""
    if not path.exists() or path.is_dir():
        return False
    return not path.is_file() or _own_descriptor(path) is not None


def _send(path: Path, write: Callable[[Path], Any]) -> None:
    """Fill a temporary file, then send it; what cannot be made whole is not sent at all."""
    with tempfile.TemporaryDirectory(prefix="auroral_stats-") as folder:
        staged = Path(folder) / f"content{path.suffix}"
        staged.touch()
        write(staged)
        own = _own_descriptor(path)
        if own is None:
            stream: IO[bytes] = path.open("wb")
        else:
            # Opened anew, a file would be cut off and written over by what is printed later.
            (sys.stdout, sys.stderr)[own - 1].flush()
            stream = os.fdopen(os.dup(own), "wb")
        with staged.open("rb") as content, stream:
            shutil.copyfileobj(content, stream)


def _umask() -> int:
    # The only way to read it is to set it.
    mask = os.umask(0)
    os.umask(mask)
    return mask
