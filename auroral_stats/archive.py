"""Find the files of OMNI and Kp in the user's own pyspedas cache, or download them into it.

pyspedas decides where the cache is, what the files are called and where they come from; this room
asks it and adds what an analysis needs. A file that is there is used without asking any server
(unless it was written before its own period was over); ``offline`` makes no connection and no DNS
query; what is missing is named, with the folder that was searched and the remedy.
"""

from __future__ import annotations

import fnmatch
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from auroral_stats.cdf import check_cdf
from auroral_stats.downloads import Progress, fetch
from auroral_stats.errors import ArchiveError
from auroral_stats.periods import Period
from auroral_stats.spedas import (
    CACHES,
    PRODUCTS,
    Product,
    cache_folder,
    download_allowed,
    file_names,
    file_period,
    server_address,
)

__all__ = [
    "PRODUCTS",
    "ArchiveFiles",
    "Product",
    "cache_folder",
    "describe_missing",
    "file_names",
    "file_period",
    "find_files",
]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ArchiveFiles:
    """The files of one product for some periods.

    Attributes
    ----------
    product : Product
    folder : Path
        The cache that was searched.
    paths : tuple of Path
        What there is, in order of time, one file a span.
    missing : tuple of str
        Names that were looked for in vain, ``??`` standing for any version.
    problems : tuple of str
        Why they could not be downloaded, each reason once; empty offline.
    offline : bool
        Whether downloading was out of the question.
    """

    product: Product
    folder: Path
    paths: tuple[Path, ...]
    missing: tuple[str, ...]
    problems: tuple[str, ...]
    offline: bool


def _local_files(folder: Path, names: Iterable[str]) -> dict[str, Path]:
    """Return the last version of each file that the cache holds.

    The place where pyspedas puts a file is looked at first. Only if something is not there is the
    whole cache listed, once, as pyspedas accepts a file anywhere below it.
    """
    found: dict[str, Path] = {}
    listings: dict[Path, list[str]] = {}
    for name in names:
        place = folder / PurePosixPath(name).parent
        if place not in listings:
            listings[place] = os.listdir(place) if place.is_dir() else []  # noqa: PTH208
        versions = fnmatch.filter(listings[place], PurePosixPath(name).name)
        if versions:
            found[name] = place / max(versions)
    absent = [name for name in names if name not in found]
    if not absent or not folder.is_dir():
        return found
    elsewhere: dict[str, Path] = {}
    for place_name, subfolders, files in os.walk(folder):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        elsewhere.update((file, Path(place_name) / file) for file in files)
    for name in absent:
        versions = fnmatch.filter(elsewhere, PurePosixPath(name).name)
        if versions:
            found[name] = elsewhere[max(versions)]
    return found


def _check_text(path: Path) -> None:
    """Refuse a text file that is empty, not text, or ends in the middle of a line."""
    content = path.read_bytes()
    if not content.endswith(b"\n") or b"\0" in content or content.lstrip().startswith(b"<"):
        raise ArchiveError(f"{path} is damaged. Delete it and run again without --offline.")


def find_files(
    product: Product | str,
    periods: Sequence[Period],
    *,
    offline: bool = False,
    refresh: bool = False,
    root: Path | str | None = None,
    mirror: str | None = None,
    progress: Progress | None = None,
) -> ArchiveFiles:
    """Find the files that cover some periods, and download those the cache lacks.

    Parameters
    ----------
    product : Product or str
        Or its key in :data:`PRODUCTS`.
    periods : sequence of (start, end)
        From :func:`auroral_stats.periods.merge_periods`.
    offline : bool
        Look only in the cache; make no connection.
    refresh : bool
        Ask the server for newer files even where the cache has one. Without it only a file that
        was written before the end of its own period is asked for again.
    root : path, optional
        A folder laid out like ``SPEDAS_DATA_DIR``, and only that; nothing is downloaded.
    mirror : str, optional
        Address to download from instead of the one pyspedas is configured for; also
        AURORAL_STATS_OMNI_MIRROR, AURORAL_STATS_KP_MIRROR.
    progress : callable, optional
        Called with files done, files in all, and the name at hand.

    Returns
    -------
    ArchiveFiles

    Raises
    ------
    ArchiveError
        If there is not one of the files, or the cache cannot be written.
    UsageError
        If the mirror is no web address.
    """
    kind = PRODUCTS[product] if isinstance(product, str) else product
    folder = cache_folder(kind.mission, root)
    names = file_names(kind, periods)
    local = _local_files(folder, names)
    offline = offline or root is not None or not download_allowed(kind.mission)
    problems: dict[str, str] = {}
    if not offline:
        outdated = {name: path for name, path in local.items() if refresh or _early(kind, path)}
        wanted = [name for name in names if name not in local or name in outdated]
        if wanted:
            fetched = fetch(
                wanted,
                remote=server_address(kind.mission, mirror),
                folder=folder,
                check=check_cdf if kind.pattern.endswith(".cdf") else _check_text,
                current=outdated,
                progress=progress,
            )
            local |= fetched.paths
            problems = fetched.problems
            for name in sorted(set(problems) & set(outdated)):
                _log.warning("%s is used as it is: %s", local[name], problems[name])
    missing = tuple(name for name in names if name not in local)
    files = ArchiveFiles(
        kind,
        folder,
        tuple(local[name] for name in names if name in local),
        tuple(PurePosixPath(name).name for name in missing),
        tuple(dict.fromkeys(problems[name] for name in missing if name in problems)),
        offline,
    )
    if not files.paths:
        raise ArchiveError(_nothing_found(files, periods, root))
    return files


def _early(product: Product, path: Path) -> bool:
    """Return whether a file was written before its own period was over."""
    _, end = file_period(product, path.name)
    return path.stat().st_mtime < float(end.astype("datetime64[s]").astype(np.int64))


def _listing(names: Sequence[str], most: int = 6) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _remedy(files: ArchiveFiles, root: Path | str | None) -> str:
    variable = CACHES[files.product.mission].variable
    if root is not None:
        return f"Give a folder that holds {CACHES[files.product.mission].subfolder}/ with them."
    if files.offline:
        return f"Run without --offline to download, or set {variable} to the folder that has them."
    mirror = CACHES[files.product.mission].mirror_variable
    return f"Check the period and the network, set {mirror} to a mirror, or {variable}."


def _nothing_found(files: ArchiveFiles, periods: Sequence[Period], root: Path | str | None) -> str:
    first, last = str(periods[0][0])[:10], str(periods[-1][1])[:10]
    why = f" ({'; '.join(files.problems)})" if files.problems else ""
    return (
        f"no {files.product.title} file from {first} to {last}: looked for "
        f"{_listing(files.missing)} in {files.folder}{why}. {_remedy(files, root)}"
    )


def describe_missing(attrs: Mapping[str, Any]) -> str:
    """Return one sentence on the files a Dataset was made without; empty if there were all.

    Parameters
    ----------
    attrs : mapping
        Attributes of a Dataset from :mod:`auroral_stats.omni` or :mod:`auroral_stats.indices`.

    Returns
    -------
    str

    Examples
    --------
    >>> describe_missing({"files": ["a.cdf"], "missing_files": ["b_v??.cdf"], "root": "/data/omni"})
    '1 of 2 files is missing (b_v??.cdf, looked for in /data/omni): no values there.'
    """
    missing, files = (
        [value] if isinstance(value, str) else [str(name) for name in value]
        for value in (attrs.get("missing_files", ()), attrs.get("files", ()))
    )
    if not missing:
        return ""
    why = f"; {attrs['missing_reason']}" if attrs.get("missing_reason") else ""
    return (
        f"{len(missing)} of {len(missing) + len(files)} files "
        f"{'is' if len(missing) == 1 else 'are'} missing ({_listing(missing)}, looked for in "
        f"{attrs.get('root', 'the cache')}{why}): no values there."
    )
