"""What the caches of solar wind, indices and magnetometers hold, and whether they can be used.

Nothing is fetched and no file is opened: names alone say which product a file is of, and when.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePosixPath

import numpy as np

from auroral_stats.errors import UsageError
from auroral_stats.findings import Finding, State
from auroral_stats.indices import bundled_kp
from auroral_stats.spedas import (
    CACHES,
    PRODUCTS,
    Cache,
    Mission,
    Product,
    cache_folder,
    download_allowed,
)

__all__ = ["Holding", "examine_caches", "holdings", "stretches"]

_TOPIC = "Caches of solar wind, magnetometers and indices"
#: With less than this, a month of magnetometers may not fit.
_LITTLE_SPACE = 2e9


@dataclass(frozen=True)
class Holding:
    """Files of one product in a cache.

    Attributes
    ----------
    product : Product
    files : int
        Each once, whatever its versions.
    size : int
        Bytes.
    months : tuple of datetime64[M]
        Months that the files lie in, increasing.
    stations : tuple of str
        Codes, for a product that has stations.
    empty : int
        Files without a byte, which no command can read.
    """

    product: Product
    files: int
    size: int
    months: tuple[np.datetime64, ...]
    stations: tuple[str, ...]
    empty: int


def holdings(folder: Path, mission: Mission) -> list[Holding]:
    """Return what a cache holds of each product of a mission.

    Parameters
    ----------
    folder : Path
        The cache; need not exist.
    mission : {"omni", "kp", "themis"}

    Returns
    -------
    list of Holding
        In the order of :data:`auroral_stats.archive.PRODUCTS`; also those without a file.

    Examples
    --------
    >>> [holding.files for holding in holdings(Path("no/such/cache"), "omni")]
    [0, 0, 0]
    """
    products = [product for product in PRODUCTS.values() if product.mission == mission]
    patterns = [(product, _pattern(product)) for product in products]
    found: dict[str, dict[str, tuple[re.Match[str], int]]] = {p.name: {} for p in products}
    for name, subfolders, files in os.walk(folder):
        # Folders with a dot are those of downloads on their way.
        subfolders[:] = [sub for sub in subfolders if not sub.startswith(".")]
        # The last version of a file comes last, and stays.
        for file in sorted(files):
            for product, pattern in patterns:
                if match := pattern.fullmatch(file):
                    size = (Path(name) / file).stat().st_size
                    found[product.name][re.sub(r"_v..(?=\.)", "", file)] = (match, size)
    return [_holding(product, found[product.name].values()) for product in products]


def _pattern(product: Product) -> re.Pattern[str]:
    """Return what the file names of a product look like."""
    text = re.escape(PurePosixPath(product.pattern).name).replace(re.escape("??"), "..")
    for code, digits in (("%Y", r"(?P<year>\d{4})"), ("%m", r"(?P<month>\d{2})"), ("%d", r"\d{2}")):
        text = text.replace(re.escape(code), digits).replace(code, digits)
    return re.compile(text.replace(re.escape("{station}"), "(?P<station>[a-z0-9]{2,8})"))


def _holding(product: Product, files: Iterable[tuple[re.Match[str], int]]) -> Holding:
    files = list(files)
    length = {"day": 1, "month": 1, "half-year": 6, "year": 12}[product.span]
    months = set()
    for match, _ in files:
        first = np.datetime64(f"{match['year']}-{match.groupdict().get('month') or '01'}", "M")
        months |= {first + step for step in range(length)}
    stations = {match["station"] for match, _ in files} if product.by_station else set()
    return Holding(
        product,
        len(files),
        sum(size for _, size in files),
        tuple(sorted(months)),
        tuple(sorted(stations)),
        sum(size == 0 for _, size in files),
    )


def stretches(months: Sequence[np.datetime64], most: int = 4) -> str:
    """Return months as few words: unbroken runs of them.

    Parameters
    ----------
    months : sequence of datetime64[M]
        Increasing.
    most : int
        With more runs than this, only the first and last month and the number of runs are told.

    Returns
    -------
    str

    Examples
    --------
    >>> stretches(np.array(["2013-12", "2014-01", "2014-12"], "M8[M]"))
    '2013-12 to 2014-01, 2014-12'
    """
    numbered = enumerate(np.asarray(months, "M8[M]").astype(np.int64).tolist())
    runs = [[month for _, month in run] for _, run in groupby(numbered, lambda at: at[1] - at[0])]

    def words(first: int, last: int) -> str:
        a, b = (str(np.datetime64(month, "M")) for month in (first, last))
        return a if a == b else f"{a} to {b}"

    if len(runs) > most:
        return f"{words(runs[0][0], runs[-1][-1])}, in {len(runs)} stretches"
    return ", ".join(words(run[0], run[-1]) for run in runs)


def examine_caches() -> Iterator[Finding]:
    """Yield where each cache is, whether it can be used, and what it holds.

    Yields
    ------
    Finding
    """
    for mission, cache in CACHES.items():
        try:
            folder = cache_folder(mission)
            allowed = download_allowed(mission)
        except UsageError as error:
            yield Finding(_TOPIC, mission, "fault", str(error), "correct the configuration")
            continue
        held = holdings(folder, mission)
        yield _folder_finding(mission, cache, folder, held, allowed)
        for holding in held:
            yield _product_finding(holding, allowed)
    times, _, _ = bundled_kp()
    years = times.astype("M8[Y]")
    yield Finding(
        _TOPIC,
        "Kp and ap",
        "ok",
        f"{years[0]} to {years[-1]} come with the package",
        details={"first_year": str(years[0]), "last_year": str(years[-1])},
    )


def _folder_finding(
    mission: Mission, cache: Cache, folder: Path, held: Sequence[Holding], allowed: bool
) -> Finding:
    """Return whether files can be read from a cache and written to it."""
    chosen = next(
        (name for name in (cache.variable, "SPEDAS_DATA_DIR") if os.environ.get(name)), None
    )
    state, text, remedy = _access(folder, any(holding.files for holding in held))
    parts = [f"{folder}, set by {chosen or 'pyspedas'}", text]
    if chosen is None and folder.parent == Path.cwd():
        # The default of pyspedas: below wherever the program is started.
        parts[0] += ", below the working directory"
        if state == "ok":
            state = "note"
            remedy = f"set SPEDAS_DATA_DIR, or {cache.variable}, to a folder that stays"
    if not allowed:
        parts.append("downloads are forbidden by the configuration of pyspedas")
    if mirror := os.environ.get(cache.mirror_variable):
        parts.append(f"mirror {mirror}")
    details = {"folder": str(folder), "set_by": chosen or "pyspedas", "download": allowed}
    return Finding(_TOPIC, f"{mission} folder", state, "; ".join(parts), remedy, details)


def _access(folder: Path, holds: bool) -> tuple[State, str, str]:
    """Return what can be done in a folder, and the remedy."""
    elsewhere = "choose another folder with SPEDAS_DATA_DIR"
    if not folder.exists():
        above = next(parent for parent in folder.parents if parent.exists())
        if above.is_dir() and os.access(above, os.W_OK | os.X_OK):
            return "ok", "not there yet; the first download makes it", ""
        return "fault", f"is not there and cannot be made in {above}", elsewhere
    if not folder.is_dir():
        return "fault", "is no folder", f"move it away, or {elsewhere}"
    if not os.access(folder, os.R_OK | os.X_OK):
        return "fault", "cannot be read", f"ask for the permission, or {elsewhere}"
    if not os.access(folder, os.W_OK):
        if holds:
            return "note", "read only: its files are used, and none can be added", elsewhere
        return "fault", "read only and without a file", elsewhere
    free = shutil.disk_usage(folder).free
    if free < _LITTLE_SPACE:
        return "note", f"writable, {free / 1e9:.1f} GB free", "make room before a download"
    return "ok", f"writable, {free / 1e9:,.0f} GB free", ""


def _product_finding(holding: Holding, allowed: bool) -> Finding:
    """Return what a cache holds of one product."""
    product = holding.product
    details = {
        "files": holding.files,
        "bytes": holding.size,
        "months": [str(month) for month in holding.months],
        "stations": list(holding.stations),
    }
    if not holding.files:
        if allowed:
            text = "no file; fetched when it is needed"
            return Finding(_TOPIC, product.title, "ok", text, details=details)
        text, remedy = "no file, and downloads are forbidden", "allow them, or copy files there"
        return Finding(_TOPIC, product.title, "note", text, remedy, details)
    text = f"{holding.files:,} file{'s' * (holding.files != 1)}, {_size(holding.size)}: "
    text += stretches(holding.months)
    if holding.stations:
        shown = ", ".join(holding.stations[:6]) + (", ..." if len(holding.stations) > 6 else "")
        text += f"; {len(holding.stations)} stations ({shown})"
    if holding.empty:
        text += f"; {holding.empty} of them empty"
        remedy = "delete the empty files and fetch them again: auroral_stats fetch"
        return Finding(_TOPIC, product.title, "fault", text, remedy, details)
    return Finding(_TOPIC, product.title, "ok", text, details=details)


def _size(number: int) -> str:
    """Return bytes in the unit that suits them."""
    return f"{number / 1e6:,.1f} MB" if number >= 100_000 else f"{number / 1e3:,.1f} kB"
