"""Which files a cache holds, without listing its folders more often than needed.

A file is looked for where pyspedas puts it. Only if something is not there is the whole cache
listed, as pyspedas accepts a file anywhere below it; the listing is kept for as long as no folder
of the cache changes, so that the next station or product does not cost another one.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

__all__ = ["local_files"]

#: A folder that changed less than this long before it was listed may change again unnoticed.
_CLOCK_STEP_NS = 2_000_000_000


@dataclass(frozen=True)
class _Listing:
    """All files below a folder, by name without version, and when each folder had last changed."""

    files: dict[str, Path]
    changed: dict[Path, int]
    made: int

    def holds(self) -> bool:
        """Return whether no folder has changed since."""
        try:
            return all(
                place.stat().st_mtime_ns == stamp and stamp < self.made - _CLOCK_STEP_NS
                for place, stamp in self.changed.items()
            )
        except OSError:
            return False


_listings: dict[Path, _Listing] = {}


def local_files(folder: Path, names: Iterable[str]) -> dict[str, Path]:
    """Return the last version of each file that the cache holds.

    Parameters
    ----------
    folder : Path
        The cache. Need not exist.
    names : iterable of str
        Paths below it, with ``??`` for the version.

    Returns
    -------
    dict of str to Path
        By the names asked for; those that are not there are left out.

    Examples
    --------
    >>> local_files(Path("no/such/cache"), ["Kp_def2015.wdc"])
    {}
    """
    found: dict[str, Path] = {}
    absent: list[str] = []
    places: dict[PurePosixPath, dict[str, Path]] = {}
    for name in names:
        path = PurePosixPath(name)
        if path.parent not in places:
            place = folder / path.parent
            files = os.listdir(place) if place.is_dir() else []  # noqa: PTH208
            places[path.parent] = _last_versions((file, place) for file in files)
        if path.name in places[path.parent]:
            found[name] = places[path.parent][path.name]
        else:
            absent.append(name)
    if absent and folder.is_dir():
        elsewhere = _whole_cache(folder)
        found |= {
            name: elsewhere[last]
            for name in absent
            if (last := PurePosixPath(name).name) in elsewhere
        }
    return found


def _unversioned(name: str) -> str:
    """Return a file name with ``??`` in place of its version."""
    return re.sub(r"_v[^./]{2}(\.\w+)$", r"_v??\1", name)


def _last_versions(files: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    last: dict[str, Path] = {}
    for name, place in files:
        key = _unversioned(name)
        if key not in last or name >= last[key].name:
            last[key] = place / name
    return last


def _whole_cache(folder: Path) -> dict[str, Path]:
    """Return all files below a folder; listed anew only if something changed."""
    kept = _listings.get(folder)
    if kept is not None and kept.holds():
        return kept.files
    made = time.time_ns()
    changed: dict[Path, int] = {}
    files: list[tuple[str, Path]] = []
    for name, subfolders, here in os.walk(folder):
        place = Path(name)
        changed[place] = place.stat().st_mtime_ns
        # Folders with a dot are those of downloads on their way.
        subfolders[:] = [sub for sub in subfolders if not sub.startswith(".")]
        files += [(file, place) for file in here]
    _listings[folder] = _Listing(_last_versions(files), changed, made)
    return _listings[folder].files
