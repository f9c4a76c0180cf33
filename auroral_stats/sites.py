"""The all-sky imager sites: where they stand, and which magnetometer stands beside them.

The table is package data (``data/sites.csv``) and carries the source of each value. Further sites
come from a CSV file of the user's own, given as ``extra=`` or named by the environment variable
``AURORAL_STATS_SITES``. Magnetic latitude is not in the table, because it drifts (by more than a
degree in 14 years at Goose Bay): :mod:`auroral_stats.geometry` computes it for each date.
"""

from __future__ import annotations

import csv
import difflib
import functools
import os
import re
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np

from auroral_stats.errors import DataError, UsageError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

BAND_EDGES: tuple[float, float] = (62.0, 70.0)
"""Magnetic latitudes (deg) that part the three bands; both edges belong to the middle band."""

BANDS: tuple[str, str, str] = ("<62", "62-70", ">70")
"""Bands of magnetic latitude that are never pooled for a driver headline."""

SITES_VARIABLE = "AURORAL_STATS_SITES"
"""Environment variable that names a CSV file of further sites."""

_REQUIRED = ("site", "name", "latitude")
_LONGITUDES = ("longitude_east", "longitude")
_OPTIONAL = (
    "gmag_network",
    "gmag",
    "gmag_alternate",
    "name_source",
    "latitude_source",
    "longitude_source",
    "gmag_network_source",
    "gmag_source",
    "gmag_alternate_source",
    "note",
)
# A code is also a folder name of the label store (site=gill), hence no separators in it.
_CODE = re.compile(r"[a-z0-9]{2,8}")

_Row = Mapping[str, "str | float"]


def load_sites(extra: str | Path | None = None) -> pd.DataFrame:
    """Return the table of sites, indexed by lower-case site code.

    Parameters
    ----------
    extra : path, optional
        CSV file of further sites, UTF-8, with the columns ``site``, ``name``, ``latitude`` (deg
        north) and ``longitude`` or ``longitude_east`` (deg east), and optionally ``gmag_network``,
        ``gmag``, ``gmag_alternate``, the ``*_source`` columns and ``note``. Where no source is
        given, the file itself is named as the source. Without ``extra`` the file named by the
        environment variable ``AURORAL_STATS_SITES`` is used, if that is set. A code that is
        already in the table is refused, so that no run silently moves a site.

    Returns
    -------
    pandas.DataFrame
        A copy, free to change. Columns: ``name``; ``latitude`` (deg north, geodetic);
        ``longitude`` (deg east, in [-180, 180)); ``longitude_east`` (deg east, in [0, 360));
        ``gmag_network``; ``gmag``, the code of the paired ground magnetometer ("" where none is
        known); ``gmag_alternate``, another magnetometer at the same place, which is never
        substituted for ``gmag``; the source of each of these; ``note``.

    Raises
    ------
    UsageError
        The file of further sites does not exist.
    DataError
        A table has faults; all of them are listed.

    Examples
    --------
    >>> sites = load_sites()
    >>> sites.loc["gill", ["name", "latitude", "longitude"]].to_dict()
    {'name': 'Gillam', 'latitude': 56.354, 'longitude': -94.656}
    >>> sites.loc["yknf", ["gmag", "gmag_alternate"]].to_list()
    ['yknf', 'ykc']
    """
    import pandas as pd

    rows = _site_rows(extra)
    return pd.DataFrame.from_dict(
        {code: dict(row) for code, row in rows.items()}, orient="index"
    ).rename_axis("site")


def site_names(extra: str | Path | None = None) -> dict[str, str]:
    """Return the name of each site by its code, without loading pandas.

    Parameters
    ----------
    extra : path, optional
        File of further sites, as in :func:`load_sites`.

    Returns
    -------
    dict of str to str

    Raises
    ------
    UsageError, DataError
        As :func:`load_sites`.

    Examples
    --------
    >>> site_names()["gill"]
    'Gillam'
    """
    return {code: str(row["name"]) for code, row in _site_rows(extra).items()}


def check_sites(codes: str | Iterable[str], extra: str | Path | None = None) -> tuple[str, ...]:
    """Return ``codes`` in lower case, each once, in the order given.

    Parameters
    ----------
    codes : str or iterable of str
        Site codes in any case; a single string may hold several, separated by commas.
    extra : path, optional
        File of further sites, as in :func:`load_sites`.

    Raises
    ------
    UsageError
        A code is not in the table. All unknown codes are named, with the nearest known ones.

    Examples
    --------
    >>> check_sites("GILL, rank")
    ('gill', 'rank')
    >>> check_sites(["gil"])
    Traceback (most recent call last):
        ...
    auroral_stats.errors.UsageError: unknown site 'gil' (nearest: gill); ...
    """
    known = _site_rows(extra)
    asked = codes.split(",") if isinstance(codes, str) else list(codes)
    wanted = list(dict.fromkeys(str(code).strip().lower() for code in asked))
    unknown = [code for code in wanted if code not in known]
    if unknown:
        raise UsageError(
            "; ".join(f"unknown site {code!r}{_nearest(code, known)}" for code in unknown)
            + "; `auroral_stats sites` lists the known sites, and a CSV file named by"
            + f" {SITES_VARIABLE} adds others"
        )
    return tuple(wanted)


@overload
def band(mlat: float) -> str: ...
@overload
def band(mlat: ArrayLike) -> str | NDArray[np.str_]: ...
def band(mlat: ArrayLike) -> str | NDArray[np.str_]:
    """Name the band of magnetic latitude: ``"<62"``, ``"62-70"`` or ``">70"``.

    At high latitude "clear" may mean that the oval is equatorward of the site, so the bands are
    not pooled for a driver headline.

    Parameters
    ----------
    mlat : float or array_like
        AACGM latitude, deg; the southern hemisphere counts by its absolute value.

    Returns
    -------
    str or numpy.ndarray of str
        One of :data:`BANDS` for each value, and ``""`` where ``mlat`` is NaN.

    Examples
    --------
    >>> band(66.1)
    '62-70'
    >>> band([59.3, 62.0, 70.0, 72.3]).tolist()
    ['<62', '62-70', '62-70', '>70']
    """
    degrees = np.abs(np.asarray(mlat, dtype=np.float64))
    low, high = BAND_EDGES
    names = np.select(
        [degrees < low, degrees > high, np.isfinite(degrees)], [*BANDS[::2], BANDS[1]], ""
    )
    return str(names) if names.ndim == 0 else names


def _site_rows(extra: str | Path | None) -> Mapping[str, _Row]:
    """All sites by code: the package's, then those of the user's file."""
    path = extra if extra is not None else os.environ.get(SITES_VARIABLE) or None
    packaged = _packaged_rows()
    if path is None:
        return packaged
    path = Path(path)
    origin = "extra" if extra is not None else f"environment variable {SITES_VARIABLE}"
    try:
        stat = path.stat()
    except OSError:
        raise UsageError(
            f"{origin}: there is no file {str(path)!r}; give a CSV file with the columns"
            f" {', '.join(_REQUIRED)} and longitude"
        ) from None
    return packaged | _extra_rows(path, stat.st_mtime_ns, stat.st_size)


@functools.cache
def _packaged_rows() -> dict[str, _Row]:
    text = resources.files("auroral_stats").joinpath("data/sites.csv").read_text("utf-8")
    return _parse(text, "sites.csv of the package", {})


@functools.lru_cache(maxsize=8)
def _extra_rows(path: Path, mtime_ns: int, size: int) -> dict[str, _Row]:  # noqa: ARG001
    """Sites of one file; modification time and size are only there to key the cache."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as UTF-8 text ({error})") from None
    return _parse(text, str(path), _packaged_rows())


def _parse(text: str, source: str, taken: Mapping[str, _Row]) -> dict[str, _Row]:
    """Rows by code, or one DataError that lists every fault."""
    reader = csv.DictReader(text.splitlines(), restkey="", strict=False)
    columns = [column.strip() for column in reader.fieldnames or []]
    reader.fieldnames = columns
    given = [column for column in _LONGITUDES if column in columns]
    faults = [f"column {name!r} is missing" for name in _REQUIRED if name not in columns]
    if len(given) != 1:
        faults.append(f"exactly one of the columns {_LONGITUDES} is needed, {len(given)} came")
    faults += [
        f"column {name!r} is unknown or given twice"
        for name in dict.fromkeys(columns)
        if name not in (*_REQUIRED, *_LONGITUDES, *_OPTIONAL) or columns.count(name) > 1
    ]
    if faults:
        raise DataError(f"{source}: " + "; ".join(faults))

    rows: dict[str, _Row] = {}
    for record in reader:
        line = f"line {reader.line_num}"
        if "" in record:
            faults.append(f"{line}: more values than columns")
            continue
        cells = {name: (record[name] or "").strip() for name in columns}
        code = cells["site"].lower()
        if not _CODE.fullmatch(code):
            faults.append(f"{line}: site {code!r} is not 2 to 8 letters or digits")
        elif code in taken:
            faults.append(f"{line}: site {code!r} is already in the package; give it another code")
        elif code in rows:
            faults.append(f"{line}: site {code!r} comes twice")
        if not cells["name"]:
            faults.append(f"{line}: the name is empty")
        latitude = _number(cells["latitude"], -90.0, 90.0, f"{line}: latitude", faults)
        east = _number(cells[given[0]], -180.0, 360.0, f"{line}: {given[0]}", faults) % 360.0
        for column in ("gmag", "gmag_alternate"):
            cells[column] = cells.get(column, "").lower()
        sources = {
            f"{quantity}_source": cells.get(f"{quantity}_source") or (source if present else "")
            for quantity, present in (
                ("name", True),
                ("latitude", True),
                ("longitude", True),
                ("gmag_network", bool(cells.get("gmag_network"))),
                ("gmag", bool(cells["gmag"])),
                ("gmag_alternate", bool(cells["gmag_alternate"])),
            )
        }
        rows[code] = {
            "name": cells["name"],
            "latitude": latitude,
            "longitude": round((east + 180.0) % 360.0 - 180.0, 9),
            "longitude_east": east,
            "gmag_network": cells.get("gmag_network", ""),
            "gmag": cells["gmag"],
            "gmag_alternate": cells["gmag_alternate"],
            **sources,
            "note": cells.get("note", ""),
        }
    if not rows and not faults:
        faults.append("there is no site in it")
    if faults:
        raise DataError(f"{source}: " + "; ".join(faults))
    return rows


def _number(text: str, lowest: float, highest: float, what: str, faults: list[str]) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not lowest <= value <= highest:
        faults.append(f"{what} {text!r} is not a number from {lowest:g} to {highest:g} deg")
    return value


def _nearest(code: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(code, list(known), n=3, cutoff=0.5)
    return f" (nearest: {', '.join(near)})" if near else ""
