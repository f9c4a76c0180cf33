"""A folder in the cache for what is on its way, which no other program takes for data.

It lies in the cache, so that a finished file moves into place within one file system. A run that
was killed leaves its folder behind; the next one removes it. Which folders are still in use is told
by a lock that the system releases when its holder ends, however it ends.
"""

from __future__ import annotations

import importlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

__all__ = ["staging_folder"]

_PREFIX = ".auroral_stats_"
_LOCK = "in_use"
_STALE_S = 86_400.0

try:
    _fcntl: Any = importlib.import_module("fcntl")
except ImportError:  # no such locks on this system: age decides
    _fcntl = None


@contextmanager
def staging_folder(cache: Path) -> Iterator[Path]:
    """Give a new folder below ``cache`` that vanishes afterwards, with those of killed runs.

    Parameters
    ----------
    cache : Path
        Made if absent.

    Yields
    ------
    Path

    Raises
    ------
    OSError
        If it cannot be made.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as cache:
    ...     with staging_folder(Path(cache)) as staged:
    ...         print(staged.parent == Path(cache), staged.is_dir())
    ...     print(list(Path(cache).iterdir()))
    True True
    []
    """
    cache.mkdir(parents=True, exist_ok=True)
    for old in cache.glob(f"{_PREFIX}*"):
        if _abandoned(old):
            shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=cache))
    lock = None
    try:
        lock = _lock(folder)
        yield folder
    finally:
        if lock is not None:
            lock.close()
        shutil.rmtree(folder, ignore_errors=True)


def _lock(folder: Path) -> IO[Any] | None:
    """Mark a folder as in use; None where the file system has no locks."""
    if _fcntl is None:
        return None
    # Locked under another name first: nobody may meet the mark without the lock.
    unnamed = folder / f"{_LOCK}_soon"
    file = unnamed.open("w")
    try:
        _fcntl.flock(file, _fcntl.LOCK_EX | _fcntl.LOCK_NB)
    except OSError:
        file.close()
        unnamed.unlink()
        return None
    unnamed.rename(folder / _LOCK)
    return file


def _abandoned(folder: Path) -> bool:
    """Return whether the run that made a folder is over."""
    try:
        if _fcntl is not None and (folder / _LOCK).exists():
            with (folder / _LOCK).open("r+") as file:
                _fcntl.flock(file, _fcntl.LOCK_EX | _fcntl.LOCK_NB)
            return True
        return time.time() - folder.stat().st_mtime > _STALE_S
    except OSError:  # in use, of another user, or gone meanwhile
        return False
