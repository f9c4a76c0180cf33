"""Find archive files in the user's own pyspedas cache, or download them into it.

pyspedas decides where the cache is, what the files are called and where they come from; this room
asks it and adds what an analysis needs. A file that is there is used without asking any server
(unless it was written before its own period was over); ``offline`` makes no connection and no DNS
query; what is missing is named, with the folder that was searched and the remedy.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from auroral_stats.brief import Brief, brief_value
from auroral_stats.cache_index import local_files
from auroral_stats.cdf import cdf_attributes, check_cdf, open_cdf
from auroral_stats.downloads import Fetched, Limits, Progress, fetch
from auroral_stats.errors import ArchiveError, DataError, UsageError
from auroral_stats.periods import Period
from auroral_stats.provenance import is_simulated
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
    "Limits",
    "Product",
    "cache_folder",
    "describe_missing",
    "file_names",
    "file_period",
    "find_files",
    "nothing_found",
    "of_station",
]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, repr=False)
class ArchiveFiles(Brief):
    """The files of one product for some periods.

    Attributes
    ----------
    product : Product
    folder : Path
        The cache that was searched.
    paths : tuple of Path
        What there is, in order of station and time, one file a span.
    missing : tuple of str
        Names that were looked for in vain, ``??`` standing for any version.
    offline : bool
        Whether downloading was out of the question.
    reasons : dict of str to str
        Why the missing files could not be downloaded, by name; empty offline.
    downloaded : frozenset of Path
        Those of ``paths`` that came from the server just now.
    """

    product: Product
    folder: Path
    paths: tuple[Path, ...]
    missing: tuple[str, ...]
    offline: bool
    reasons: dict[str, str] = field(default_factory=dict)
    downloaded: frozenset[Path] = frozenset()

    def _told(self) -> dict[str, str]:
        """Return what is told of the files: how many there are, not each of them."""
        told = {"product": self.product.title, "folder": str(self.folder)}
        for name in ("paths", "missing", "downloaded"):
            number = len(getattr(self, name))
            told[name] = f"{number:,} file{'s' * (number != 1)}"
        return told | ({"problems": brief_value(self.problems)} if self.problems else {})

    @property
    def problems(self) -> tuple[str, ...]:
        """Why files are missing, each reason once."""
        return tuple(dict.fromkeys(self.reasons.values()))


def _check_cdf(path: Path) -> None:
    """Refuse a CDF that is damaged, or simulated: a cache holds observations."""
    check_cdf(path)
    if is_simulated(cdf_attributes(open_cdf(path))):
        raise DataError("the server sent simulated data; expected observations")


def _check_text(path: Path) -> None:
    """Refuse a text file that is empty, not text, or ends in the middle of a line."""
    content = path.read_bytes()
    if not content.endswith(b"\n") or b"\0" in content or content.lstrip().startswith(b"<"):
        raise ArchiveError(f"{path} is damaged. Delete it and run again without --offline.")


def find_files(
    product: Product | str,
    periods: Sequence[Period],
    *,
    station: str | Iterable[str] | None = None,
    offline: bool = False,
    refresh: bool = False,
    required: bool = True,
    root: Path | str | None = None,
    mirror: str | None = None,
    progress: Progress | None = None,
    limits: Limits | None = None,
) -> ArchiveFiles:
    """Find the files that cover some periods, and download those the cache lacks.

    Parameters
    ----------
    product : Product or str
        Or its key in :data:`PRODUCTS`.
    periods : sequence of (start, end)
        From :func:`auroral_stats.periods.merge_periods`.
    station : str or iterable of str, optional
        Codes, for a product whose files are kept by station (``gmag``).
    offline : bool
        Look only in the cache; make no connection.
    refresh : bool
        Ask the server for newer files even where the cache has one. Without it only a file that
        was written before the end of its own period is asked for again.
    required : bool
        Whether it is an error if there is not one of the files.
    root : path, optional
        A folder laid out like ``SPEDAS_DATA_DIR``, and only that; nothing is downloaded.
    mirror : str, optional
        Address to download from instead of the one pyspedas is configured for; also
        AURORAL_STATS_OMNI_MIRROR, AURORAL_STATS_KP_MIRROR, AURORAL_STATS_THEMIS_MIRROR.
    progress : callable, optional
        Called with files done, files in all, and the name at hand.
    limits : Limits, optional
        How many downloads at a time, and how long and hard to try.

    Returns
    -------
    ArchiveFiles

    Raises
    ------
    ArchiveError
        If there is not one of the files, or the cache cannot be written.
    UsageError
        If the mirror is no web address, or a station is needed and not given.
    """
    kind = _product(product)
    folder = cache_folder(kind.mission, root)
    names = file_names(kind, periods, station)
    local = local_files(folder, names)
    offline = offline or root is not None or not download_allowed(kind.mission)
    fetched = Fetched()
    if not offline:
        outdated = {name: path for name, path in local.items() if refresh or _early(kind, path)}
        wanted = [name for name in names if name not in local or name in outdated]
        if wanted:
            try:
                fetched = fetch(
                    wanted,
                    remote=server_address(kind.mission, mirror),
                    folder=folder,
                    check=_check_cdf if kind.pattern.endswith(".cdf") else _check_text,
                    current=outdated,
                    progress=progress,
                    limits=limits,
                )
            except ArchiveError as error:
                if len(wanted) > len(outdated):
                    raise
                fetched = Fetched(problems=dict.fromkeys(wanted, str(error)))
            local |= fetched.paths
            _warn_of_outdated([name for name in outdated if name in fetched.problems], fetched)
    missing = [name for name in names if name not in local]
    files = ArchiveFiles(
        kind,
        folder,
        tuple(local[name] for name in names if name in local),
        tuple(PurePosixPath(name).name for name in missing),
        offline,
        {
            PurePosixPath(name).name: fetched.problems[name]
            for name in missing
            if name in fetched.problems
        },
        frozenset(fetched.paths[name] for name in fetched.arrived),
    )
    if required and not files.paths:
        raise ArchiveError(nothing_found(files, periods, root))
    return files


def _product(product: Product | str) -> Product:
    if isinstance(product, Product):
        return product
    if product not in PRODUCTS:
        raise UsageError(f"product is {product!r}; expected one of {', '.join(PRODUCTS)}.")
    return PRODUCTS[product]


def _warn_of_outdated(names: Sequence[str], fetched: Fetched) -> None:
    """Say which files are used as they are, once for each reason."""
    for reason in dict.fromkeys(fetched.problems[name] for name in names):
        shown = [PurePosixPath(name).name for name in names if fetched.problems[name] == reason]
        _log.warning("%s used as it is: %s", _listing(shown), reason)


def _early(product: Product, path: Path) -> bool:
    """Return whether a file was written before its own period was over."""
    _, end = file_period(product, path.name)
    return path.stat().st_mtime < float(end.astype("datetime64[s]").astype(np.int64))


def _listing(names: Sequence[str], most: int = 6, between: str = ", ") -> str:
    shown = between.join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _remedy(files: ArchiveFiles, root: Path | str | None) -> str:
    variable = CACHES[files.product.mission].variable
    if root is not None:
        return (
            "Simulated labels read the files of their own world alone: build it anew, or keep the "
            "labels beside them."
        )
    if files.offline:
        return f"Run without --offline to download, or set {variable} to the folder that has them."
    mirror = CACHES[files.product.mission].mirror_variable
    return f"Check the period and the network, set {mirror} to a mirror, or {variable}."


def of_station(files: ArchiveFiles, code: str) -> ArchiveFiles:
    """Return the files of one station among those of several.

    Parameters
    ----------
    files : ArchiveFiles
    code : str

    Returns
    -------
    ArchiveFiles
    """
    part = f"_{code}_"
    return replace(
        files,
        paths=tuple(path for path in files.paths if part in path.name),
        missing=tuple(name for name in files.missing if part in name),
        reasons={name: why for name, why in files.reasons.items() if part in name},
        downloaded=frozenset(path for path in files.downloaded if part in path.name),
    )


def nothing_found(
    files: ArchiveFiles, periods: Sequence[Period], root: Path | str | None = None
) -> str:
    """Return what is to be said if there is not one file: what was looked for, where and why.

    Parameters
    ----------
    files : ArchiveFiles
    periods : sequence of (start, end)
    root : path, optional

    Returns
    -------
    str
    """
    first, last = str(periods[0][0])[:10], str(periods[-1][1])[:10]
    why = f" ({_listing(files.problems, 3, '; ')})" if files.problems else ""
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
