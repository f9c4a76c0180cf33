"""Write a file whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from auroral_stats.errors import ArchiveError

__all__ = ["staged_beside", "write_whole"]


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
        with staged_beside(path) as staged:
            write(staged)
    except OSError as error:
        raise ArchiveError(
            f"{path}: cannot be written ({error.strerror or error}); choose another place."
        ) from error
    return path


def _umask() -> int:
    # The only way to read it is to set it.
    mask = os.umask(0)
    os.umask(mask)
    return mask
