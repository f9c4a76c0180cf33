"""Bring the files of a period into the cache, for work without a network.

What a join with magnetometers reads beyond the period itself is fetched too: drivers reach back
three days, so that lag and window can be chosen later, and the running baseline of a magnetometer
needs nine days on either side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from auroral_stats.archive import PRODUCTS, ArchiveFiles, Product, find_files
from auroral_stats.brief import Brief
from auroral_stats.downloads import Limits, Progress
from auroral_stats.errors import UsageError
from auroral_stats.indices import bundled_kp
from auroral_stats.omni import product_of
from auroral_stats.omni_variables import Cadence
from auroral_stats.periods import Period, merge_periods
from auroral_stats.sites import check_sites, load_sites
from auroral_stats.spedas import CACHES, server_address

__all__ = ["COLUMNS", "KINDS", "Prefetched", "prefetch"]

#: What can be fetched.
KINDS = ("omni", "gmag", "kp")

#: Headings of :attr:`Prefetched.cells`.
COLUMNS = ("Data", "Files", "Size", "Downloaded", "In the cache before", "Missing", "Folder")

_DAY = np.timedelta64(1, "D")
#: Days before and after a frame that a join keeps of the drivers.
DRIVER_DAYS = (3, 1)
#: Days on either side of a frame that the baseline of a magnetometer needs.
BASELINE_DAYS = 9


@dataclass(frozen=True, repr=False)
class Prefetched(Brief):
    """What the cache now has of one product, or of one magnetometer.

    Attributes
    ----------
    kind : str
        Such as ``OMNI HRO 1-min`` or ``magnetometer gill``.
    files : int
        Files of the period that are in the cache.
    size : int
        Their bytes.
    downloaded : int
        How many of them came just now.
    missing : tuple of str
        Names of files that are not there, ``??`` standing for any version.
    why : tuple of str
        The reasons, each once.
    folder : Path or None
        The cache; None where no files are needed.
    """

    kind: str
    files: int = 0
    size: int = 0
    downloaded: int = 0
    missing: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    folder: Path | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        """One row of a table under :data:`COLUMNS`."""
        missing = "; ".join(self.why)
        if self.missing:
            shown = ", ".join(self.missing[:2]) + (" ..." if len(self.missing) > 2 else "")
            missing = f"{len(self.missing):,} ({shown}){f': {missing}' if missing else ''}"
        return (
            self.kind,
            f"{self.files:,}",
            f"{self.size / 1e6:,.1f} MB",
            f"{self.downloaded:,}",
            f"{self.files - self.downloaded:,}",
            missing,
            str(self.folder or ""),
        )


def prefetch(
    start: Any,
    end: Any,
    *,
    sites: str | Iterable[str] | None = None,
    what: str | Sequence[str] = KINDS,
    omni: str | Sequence[str] = "1min",
    mirrors: Mapping[str, str] | None = None,
    refresh: bool = False,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> list[Prefetched]:
    """Download what the cache lacks of a period, and say what it has.

    Parameters
    ----------
    start, end : datetime-like
        Of the frames, UTC; ``end`` is not included.
    sites : str or iterable of str, optional
        Imager sites whose magnetometers are fetched; by default all that have one.
    what : str or sequence of str
        Of ``omni``, ``gmag`` and ``kp``; a single string may hold several, separated by commas.
    omni : str or sequence of str
        Cadences of OMNI: ``1min``, ``5min``, ``hourly``.
    mirrors : mapping of str to str, optional
        Addresses to download from, by the names in ``what``.
    refresh : bool
        Ask for newer files even where the cache has one.
    limits : Limits, optional
        How many downloads at a time, and how long and hard to try.
    progress : callable, optional
        Called with files done, files in all of the product at hand, and the name at hand.

    Returns
    -------
    list of Prefetched
        One for each product, and for each magnetometer. Files that could not be had are named
        there; that is no error.

    Raises
    ------
    UsageError
        Empty period, unknown site, cadence, kind of data or mirror; before anything is fetched.
    ArchiveError
        If the cache cannot be written.

    Examples
    --------
    >>> for row in prefetch("2014-03-01", "2014-03-08", what="kp"):
    ...     print(row.kind, row.files, row.why)
    GFZ Kp 0 ('comes with the package',)
    """
    ((first, last),) = merge_periods(start, end)
    if first > np.datetime64("now"):
        raise UsageError(f"--start {start}: expected a time that has passed.")
    kinds = _names(what, "what", KINDS)
    unknown = sorted(set(mirrors or {}) - set(KINDS))
    if unknown:
        raise UsageError(f"a mirror is given for {unknown[0]!r}; expected {', '.join(KINDS)}.")
    cadences = _names(omni, "omni", ("1min", "5min", "hourly"))
    drivers = (first - DRIVER_DAYS[0] * _DAY, last + DRIVER_DAYS[1] * _DAY)
    jobs: list[tuple[Product, list[Period], list[str] | None, str]] = []
    rows: list[Prefetched] = []
    if "omni" in kinds:
        jobs += [
            (product_of(cast(Cadence, cadence)), [drivers], None, "omni") for cadence in cadences
        ]
    if "gmag" in kinds:
        codes, rows = _magnetometers(sites)
        around = (first - BASELINE_DAYS * _DAY, last + BASELINE_DAYS * _DAY)
        if codes:
            jobs.append((PRODUCTS["gmag"], [around], codes, "gmag"))
    if "kp" in kinds:
        years = _years_not_bundled(drivers)
        if years:
            jobs.append((PRODUCTS["kp"], years, None, "kp"))
        else:
            rows.append(Prefetched("GFZ Kp", why=("comes with the package",)))
    for product, _, _, kind in jobs:
        server_address(product.mission, (mirrors or {}).get(kind))
    fetched: list[Prefetched] = []
    for product, periods, stations, kind in jobs:
        files = find_files(
            product,
            periods,
            station=stations,
            refresh=refresh,
            required=False,
            mirror=(mirrors or {}).get(kind),
            limits=limits,
            progress=progress,
        )
        fetched += _rows(files, stations)
    return fetched + rows


def _names(given: str | Sequence[str], argument: str, known: Sequence[str]) -> list[str]:
    parts = given.split(",") if isinstance(given, str) else given
    names = list(dict.fromkeys(part.strip().lower() for part in parts if part.strip()))
    wrong = [name for name in names if name not in known]
    if wrong or not names:
        raise UsageError(
            f"--{argument} {wrong[0] if wrong else given}: expected one or more of "
            f"{', '.join(known)}."
        )
    return names


def _magnetometers(sites: str | Iterable[str] | None) -> tuple[list[str], list[Prefetched]]:
    """Return the magnetometers of some sites, and a row for each site that has none."""
    table = load_sites()["gmag"]
    wanted = list(table.index[table != ""]) if sites is None else list(check_sites(sites))
    codes = [str(table[site]) for site in wanted]
    none = ("no magnetometer is known there",)
    return (
        list(dict.fromkeys(code for code in codes if code)),
        [
            Prefetched(f"magnetometer of {site}", why=none)
            for site, code in zip(wanted, codes, strict=True)
            if not code
        ],
    )


def _years_not_bundled(period: Period) -> list[Period]:
    """Return the calendar years of a period that the table of Kp in the package lacks."""
    times, _, _ = bundled_kp()
    bundled = set(np.unique(times.astype("datetime64[Y]")).tolist())
    years = np.arange(
        period[0].astype("datetime64[Y]"),
        (period[1] - np.timedelta64(1, "ns")).astype("datetime64[Y]") + 1,
    )
    missing = [(year, year + 1) for year in years if year.item() not in bundled]
    return list(merge_periods(periods=missing)) if missing else []


def _rows(files: ArchiveFiles, stations: Sequence[str] | None) -> list[Prefetched]:
    """Return a row for a product, or one for each of its stations."""
    if stations is None:
        return [_row(files, files.product.title, "")]
    return [_row(files, f"magnetometer {code}", f"_mag_{code}_") for code in stations]


def _row(files: ArchiveFiles, kind: str, part: str) -> Prefetched:
    """Return what there is of the files that have ``part`` in their names."""
    paths = [path for path in files.paths if part in path.name]
    missing = tuple(name for name in files.missing if part in name)
    why = dict.fromkeys(files.reasons[name] for name in missing if name in files.reasons)
    if missing and files.offline:
        variable = CACHES[files.product.mission].no_download_variable
        why[f"downloads are forbidden by {variable} or the pyspedas preferences"] = None
    return Prefetched(
        kind,
        len(paths),
        sum(path.stat().st_size for path in paths),
        sum(path in files.downloaded for path in paths),
        missing,
        tuple(why),
        files.folder,
    )
