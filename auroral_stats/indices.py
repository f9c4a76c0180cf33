"""Geomagnetic indices that the high-resolution OMNI files lack: Kp and ap, hourly Dst and F10.7.

Kp is a number for three hours: it stays on its own 3-hour axis and is held over it, never
interpolated. The definitive values of 2005 to 2024 come with the package (GFZ Potsdam, CC BY 4.0,
Matzka et al. 2021, doi:10.5880/Kp.0001 and doi:10.1029/2020SW002641), so that they need no file;
other years are read from GFZ's yearly files in the pyspedas cache.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from auroral_stats.archive import PRODUCTS, find_files
from auroral_stats.downloads import Progress
from auroral_stats.errors import ArchiveError, DataError
from auroral_stats.omni import load_omni
from auroral_stats.periods import Period, interval_starts, merge_periods
from auroral_stats.provenance import simulated_attr

__all__ = ["KP_CITATION", "load_hourly_indices", "load_kp", "read_kp_wdc"]

KP_CITATION = "GFZ Potsdam, Matzka et al. 2021, doi:10.5880/Kp.0001, CC BY 4.0"

_KP_MINUTES = 180
_INTERVALS_A_DAY = 8
_TABLE = "kp_gfz_2005_2024.npz"
_MISSING = -1


def load_kp(
    start: Any = None,
    end: Any = None,
    *,
    periods: Iterable[tuple[Any, Any]] | None = None,
    offline: bool = False,
    refresh: bool = False,
    root: Path | str | None = None,
    mirror: str | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Load Kp and ap.

    Parameters
    ----------
    start, end : datetime-like, optional
        UTC; ``end`` is not included. Or:
    periods : iterable of (start, end), optional
        Many periods.
    offline : bool
        Make no connection. The years 2005 to 2024 never need one.
    refresh : bool
        Ask the server for newer files (years outside the bundled table).
    root : path, optional
        A simulated world: Kp is read from ``ROOT/geom_indices/Kp_def%Y.wdc`` and nowhere else.
    mirror : str, optional
        Another address to download from.
    progress : callable, optional
        Called with files done, files in all, and the name at hand, while downloading.

    Returns
    -------
    xr.Dataset
        Dimension ``kp_time`` (datetime64[ns], UTC, starts of 3-h intervals): every interval that
        overlaps the periods. ``Kp`` in exact thirds and ``ap`` in nT, float64, NaN where missing.

    Raises
    ------
    UsageError
        Empty period.
    ArchiveError
        No value at all: the years are not bundled and not in the cache.
    DataError
        A file that is no Kp file, or simulated where real is expected or the reverse.

    Examples
    --------
    >>> ds = load_kp("2015-03-17", "2015-03-18", offline=True)
    >>> [round(float(k), 2) for k in ds.Kp]
    [2.0, 4.67, 5.67, 5.33, 7.67, 7.67, 7.33, 7.67]
    """
    spans = merge_periods(start, end, periods)
    times = interval_starts(spans, _KP_MINUTES)
    thirds = np.full(times.size, _MISSING, dtype=np.int64)
    ap = np.full(times.size, np.nan)
    attrs: dict[str, Any] = {
        "cadence_minutes": _KP_MINUTES,
        "source": KP_CITATION,
        "simulated": simulated_attr(root is not None),
        "files": [],
        "missing_files": [],
    }
    outside = np.ones(times.size, dtype=bool)
    if root is None:
        table_times, table_thirds, table_ap = bundled_kp()
        outside = (times < table_times[0]) | (times > table_times[-1])
        place = np.searchsorted(table_times, times[~outside])
        thirds[~outside], ap[~outside] = table_thirds[place], table_ap[place]
        if not outside.all():
            attrs["files"] = [_TABLE]
    else:
        attrs["source"] = "simulated"
    if outside.any():
        years = _years(times[outside])
        try:
            files = find_files(
                PRODUCTS["kp"],
                years,
                offline=offline,
                refresh=refresh,
                root=root,
                mirror=mirror,
                progress=progress,
            )
        except ArchiveError:
            # The bundled table still covers part of what was asked for.
            if outside.all():
                raise
            attrs["missing_files"] = [f"Kp_def{str(a)[:4]}.wdc" for a, _ in years]
        else:
            for path in files.paths:
                stamps, file_thirds, file_ap = read_kp_wdc(path, simulated=root is not None)
                _, here, there = np.intersect1d(
                    times[outside], stamps, assume_unique=True, return_indices=True
                )
                place = np.flatnonzero(outside)[here]
                thirds[place], ap[place] = file_thirds[there], file_ap[there]
            attrs["files"] = [*attrs["files"], *(path.name for path in files.paths)]
            attrs["missing_files"] = list(files.missing)
            attrs["root"] = str(root if root is not None else files.folder)
            if files.problems:
                attrs["missing_reason"] = "; ".join(files.problems)
    kp = np.where(thirds == _MISSING, np.nan, thirds / 3.0)
    return xr.Dataset(
        {
            "Kp": ("kp_time", kp, {"units": "", "long_name": "Kp index"}),
            "ap": ("kp_time", ap, {"units": "nT", "long_name": "ap index"}),
        },
        coords={"kp_time": ("kp_time", times, {"long_name": "start of the 3 h, UTC"})},
        attrs=attrs,
    )


def load_hourly_indices(
    start: Any = None,
    end: Any = None,
    *,
    variables: Sequence[str] = ("Dst", "F10_7", "AE", "AL", "AU", "Kp", "ap"),
    **options: Any,
) -> xr.Dataset:
    """Load hourly indices from OMNI2.

    Parameters
    ----------
    start, end : datetime-like, optional
        UTC; ``end`` is not included.
    variables : sequence of str
        Names of hourly OMNI.
    **options
        As for :func:`auroral_stats.omni.load_omni`: ``periods``, ``offline``, ``root``, ...

    Returns
    -------
    xr.Dataset
        Dimension ``hour_time`` (datetime64[ns], UTC, starts of the hours), float64, NaN where
        missing: Dst, AE, AL, AU and ap in nT, F10_7 in sfu, Kp in exact thirds.

    Raises
    ------
    UsageError, ArchiveError, DataError
        As :func:`auroral_stats.omni.load_omni`.

    Examples
    --------
    >>> load_hourly_indices("2015-03-17", "2015-03-18").Dst.min()  # doctest: +SKIP
    """
    hourly = load_omni(start, end, cadence="hourly", variables=variables, **options)
    return hourly.rename({"driver_time": "hour_time"})


@cache
def bundled_kp() -> tuple[NDArray[np.datetime64], NDArray[np.int64], NDArray[np.float64]]:
    """Return times, Kp in thirds and ap of the table that comes with the package."""
    content = resources.files("auroral_stats").joinpath("data", _TABLE).read_bytes()
    with np.load(io.BytesIO(content), allow_pickle=False) as table:
        first = np.datetime64(str(table["first"]), "ns")
        thirds = table["kp_thirds"].astype(np.int64)
        ap = table["ap"].astype(np.float64)
    step = np.timedelta64(_KP_MINUTES, "m")
    return first + np.arange(thirds.size) * step, thirds, ap


def _years(times: NDArray[np.datetime64]) -> tuple[Period, ...]:
    """Return the whole years that hold some times."""
    years = np.unique(times.astype("datetime64[Y]"))
    return merge_periods(periods=[(year, year + 1) for year in years])


def read_kp_wdc(
    path: Path | str, *, simulated: bool = False
) -> tuple[NDArray[np.datetime64], NDArray[np.int64], NDArray[np.float64]]:
    """Read a yearly file of Kp in the format of the World Data Centres.

    Each line is a day: columns 1-6 year, month, day; 13-28 eight Kp x 10 (27, 30, 33 for 3-, 3,
    3+) of two digits; 32-55 eight ap of three digits. Blanks are missing. Lines that begin with
    ``#`` are comments; ``# simulated`` as the first line marks a simulated file.

    Parameters
    ----------
    path : Path or str
        ``Kp_defYYYY.wdc``.
    simulated : bool
        Whether the file is expected to be simulated.

    Returns
    -------
    times : ndarray of datetime64[ns]
        Starts of the 3-h intervals, UTC.
    thirds : ndarray of int64
        Kp x 3, -1 where missing.
    ap : ndarray of float64
        nT, NaN where missing.

    Raises
    ------
    ArchiveError
        If the file cannot be read.
    DataError
        If a line is not of the format, a day comes twice or is of another year, or the file is
        simulated and should not be, or the reverse.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ArchiveError(
            f"{path} cannot be read as Kp: {error}. Delete it and run again without --offline."
        ) from error
    marked = bool(lines) and lines[0].strip().lower() == "# simulated"
    if marked != simulated:
        raise DataError(
            f"{path} is {'' if marked else 'not '}marked as simulated, and "
            f"{'real' if marked else 'simulated'} data are expected there. Move it away."
        )
    year = path.stem[-4:]
    days: list[np.datetime64] = []
    kp: list[float] = []
    ap: list[float] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            if int(line[0:2]) != int(year[-2:]) or len(line) < 55:
                raise ValueError("another year, or too short")
            days.append(np.datetime64(f"{year}-{int(line[2:4]):02d}-{int(line[4:6]):02d}"))
            kp += [_cell(line, 12 + 2 * i, 2) for i in range(_INTERVALS_A_DAY)]
            ap += [_cell(line, 31 + 3 * i, 3) for i in range(_INTERVALS_A_DAY)]
        except ValueError as error:
            raise DataError(
                f"{path} line {number} is no Kp line of {year}: {line[:60]!r}. "
                "Delete it and run again without --offline to fetch it anew."
            ) from error
    if len(set(days)) != len(days):
        raise DataError(f"{path} has a day twice. Delete it and fetch it anew.")
    tenfold, tariff = np.array(kp, dtype=float), np.array(ap, dtype=float)
    with np.errstate(invalid="ignore"):
        thirds = np.rint(tenfold * 0.3)
        good = (np.abs(tenfold * 0.3 - thirds) < 0.15) & (tenfold >= 0) & (tenfold <= 90)
        tariff[~((tariff >= 0) & (tariff <= 400))] = np.nan
    midnights = np.repeat(np.array(days, dtype="datetime64[ns]"), _INTERVALS_A_DAY)
    within_day = np.tile(np.arange(_INTERVALS_A_DAY), len(days)) * np.timedelta64(_KP_MINUTES, "m")
    starts = np.asarray(midnights + within_day, dtype="datetime64[ns]")
    order = np.argsort(starts)
    whole = np.where(good, thirds, _MISSING).astype(np.int64)
    return starts[order], whole[order], tariff[order]


def _cell(line: str, first: int, width: int) -> float:
    """Return a number of a fixed-width line; NaN for blanks."""
    text = line[first : first + width].strip()
    return float(int(text)) if text else np.nan
