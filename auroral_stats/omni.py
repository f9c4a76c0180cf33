"""OMNI solar wind and indices: CDF files of the archive into one Dataset on a regular time axis.

Times are the starts of the averages, UTC, as OMNI stamps them; the data are already shifted to the
bow-shock nose, so the time shift that the files list is never added. Whatever a file marks as fill
becomes NaN. The high-resolution product is HRO throughout: HRO2 is another product and is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from auroral_stats import cdf
from auroral_stats.archive import PRODUCTS, ArchiveFiles, Product, file_period, find_files
from auroral_stats.downloads import Progress
from auroral_stats.errors import ArchiveError, DataError, UsageError
from auroral_stats.omni_values import kp_thirds, missing_to_nan
from auroral_stats.omni_variables import OMNI_VARIABLES, Cadence, OmniVariable, omni_variables
from auroral_stats.periods import Period, interval_starts, merge_periods
from auroral_stats.provenance import check_kind, simulated_attr

__all__ = [
    "CADENCE_MINUTES",
    "OMNI_VARIABLES",
    "Cadence",
    "OmniVariable",
    "load_omni",
    "omni_variables",
    "product_of",
]

CADENCE_MINUTES: dict[Cadence, int] = {"1min": 1, "5min": 5, "hourly": 60}
_SUFFIX = "1800"  # services that stamp the middle of the hour add it to each name


def product_of(cadence: Cadence) -> Product:
    """Return the archive product that holds OMNI at a cadence.

    Examples
    --------
    >>> product_of("5min").title
    'OMNI HRO 5-min'
    """
    if cadence not in CADENCE_MINUTES:
        raise UsageError(f"cadence {cadence!r} is unknown; expected 1min, 5min or hourly.")
    return PRODUCTS["hourly" if cadence == "hourly" else f"hro_{cadence}"]


def load_omni(
    start: Any = None,
    end: Any = None,
    *,
    periods: Iterable[tuple[Any, Any]] | None = None,
    cadence: Cadence = "1min",
    variables: Sequence[str] | None = None,
    offline: bool = False,
    refresh: bool = False,
    root: Path | str | None = None,
    mirror: str | None = None,
    on_missing: str = "nan",
    progress: Progress | None = None,
) -> xr.Dataset:
    """Load OMNI for one period, or for many.

    Parameters
    ----------
    start, end : datetime-like, optional
        UTC; ``end`` is not included. Or:
    periods : iterable of (start, end), optional
        Many periods in any order; each file is read once.
    cadence : {"1min", "5min", "hourly"}
        HRO at 1 or 5 min, or hourly OMNI2.
    variables : sequence of str, optional
        Our names, see :data:`OMNI_VARIABLES`; only these are read. Default: all the files have.
    offline : bool
        Use only files in the cache; no connection, no DNS query.
    refresh : bool
        Ask the server for newer files.
    root : path, optional
        A simulated world laid out like ``SPEDAS_DATA_DIR``. Default: the user's pyspedas cache.
    mirror : str, optional
        Another address to download from.
    on_missing : {"nan", "error"}
        What to do where some files are missing; none at all is always an error.
    progress : callable, optional
        Called with files done, files in all, and the name at hand, while downloading.

    Returns
    -------
    xr.Dataset
        Dimension ``driver_time`` (datetime64[ns], UTC, start of the average): every interval that
        overlaps the periods, at full cadence. float64, NaN where missing. Each variable has
        ``units``, ``long_name`` and, where it has one, ``coordinate_system``; the Dataset has
        ``cadence``, ``cadence_minutes``, ``level``, ``simulated``, ``root``, ``files`` and
        ``missing_files``. ``fill_disagreements`` lists files' fills that are not the registry's;
        a variable's ``outside_stated_range`` counts values that were kept although the file's
        VALIDMIN and VALIDMAX exclude them (see :mod:`auroral_stats.omni_variables`).

    Raises
    ------
    UsageError
        Unknown cadence or variable, empty period.
    ArchiveError
        No file at all, or a damaged one.
    DataError
        A file of another product, off the time grid, without a variable asked for (such as GSM
        components), or simulated where real is expected or the reverse.

    Examples
    --------
    >>> ds = load_omni("2015-03-17", "2015-03-18", variables=["Bz"])  # doctest: +SKIP
    >>> ds.Bz.sizes  # doctest: +SKIP
    Frozen({'driver_time': 1440})
    """
    product = product_of(cadence)
    wanted = omni_variables(cadence, variables)
    if on_missing not in {"nan", "error"}:
        raise UsageError(f"on_missing is {on_missing!r}; expected 'nan' or 'error'.")
    spans = merge_periods(start, end, periods)
    files = find_files(
        product,
        spans,
        offline=offline,
        refresh=refresh,
        root=root,
        mirror=mirror,
        progress=progress,
    )
    if files.missing and on_missing == "error":
        raise ArchiveError(
            f"{len(files.missing)} {product.title} files are missing in {files.folder}: "
            f"{', '.join(files.missing)}. Run without --offline to download them."
        )
    minutes = CADENCE_MINUTES[cadence]
    times = interval_starts(spans, minutes)
    loaded = _Loaded(times, minutes, wanted, strict=variables is not None)
    for path in files.paths:
        _add_file(path, product, loaded, simulated=root is not None)
    return _dataset(loaded, files, cadence, root)


@dataclass
class _Loaded:
    """The arrays being filled, file by file."""

    times: NDArray[np.datetime64]
    minutes: int
    variables: tuple[OmniVariable, ...]
    strict: bool
    values: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    outside: dict[str, int] = field(default_factory=dict)
    disagreements: dict[str, None] = field(default_factory=dict)


def _add_file(path: Path, product: Product, loaded: _Loaded, *, simulated: bool) -> None:
    """Put the records of one file where they belong on the time axis."""
    file = cdf.open_cdf(path)
    _check_kind(path, product, cdf.cdf_attributes(file), simulated=simulated)
    names = cdf.cdf_variables(file)
    period = file_period(product, path.name)
    places: dict[str, tuple[NDArray[np.intp], NDArray[np.intp], int]] = {}
    for variable in loaded.variables:
        name = _name_in_file(path, variable, names, strict=loaded.strict)
        if name is None:
            continue
        raw, attributes = cdf.read_variable(file, name)
        clock = str(attributes.get("DEPEND_0", "Epoch"))
        clock = clock if clock in names else "Epoch"
        if clock not in places:
            if clock not in names:
                raise DataError(f"{path} has no variable Epoch: it is no {product.title} file.")
            places[clock] = _places(path, cdf.read_times(file, clock), period, loaded)
        records, places_on_axis, size = places[clock]
        if raw.shape != (size,):
            raise ArchiveError(
                f"{path} is damaged: {name} has shape {raw.shape} for {size} times. "
                "Delete it and run again without --offline to fetch it anew."
            )
        data, outside = missing_to_nan(raw[records], variable, attributes, loaded.disagreements)
        if variable.scale != 1.0:
            data = kp_thirds(path, data)
        if variable.name not in loaded.values:
            loaded.values[variable.name] = np.full(loaded.times.size, np.nan)
        loaded.values[variable.name][places_on_axis] = data
        if outside:
            loaded.outside[variable.name] = loaded.outside.get(variable.name, 0) + outside


def _check_kind(path: Path, product: Product, attrs: dict[str, Any], *, simulated: bool) -> None:
    """Refuse files of another product, and simulated files among real ones or the reverse."""
    source = f"{attrs.get('Logical_source', '')} {attrs.get('Logical_file_id', '')}".lower()
    if "hro2" in source and product.name != "hourly":
        raise DataError(
            f"{path} is HRO2 by its global attributes, and HRO and HRO2 are never mixed. "
            "Delete it and run again without --offline to fetch the HRO file."
        )
    check_kind(path, attrs, simulated=simulated)


def _name_in_file(
    path: Path, variable: OmniVariable, names: Sequence[str], *, strict: bool
) -> str | None:
    """Return what the file calls a variable; None if it lacks one that was not asked for."""
    for name in (variable.cdf_name, variable.cdf_name + _SUFFIX):
        if name in names:
            return name
    if not strict:
        return None
    gse = variable.cdf_name.replace("GSM", "GSE")
    if gse != variable.cdf_name and {gse, gse + _SUFFIX} & set(names):
        raise DataError(
            f"{path} has {gse} but no {variable.cdf_name}: GSE components cannot stand in for "
            f"GSM, which {variable.name} is. Fetch the original file, which has both."
        )
    raise DataError(
        f"{path} has no {variable.cdf_name} ({variable.name}). Delete it and fetch the original "
        "file, or leave the variable out."
    )


def _places(
    path: Path, stamps: NDArray[np.datetime64], period: Period, loaded: _Loaded
) -> tuple[NDArray[np.intp], NDArray[np.intp], int]:
    """Match the times of a file to the time axis.

    Returns the records that are wanted, their places on the axis, and the number of records. A
    file that stamps the middle of its averages is moved back to their starts. Records outside the
    file's own period belong to another file; of a time that comes twice the last record counts.
    """
    step = np.timedelta64(loaded.minutes * 60_000, "ms")
    phase = np.unique((stamps - stamps.astype("datetime64[D]")) % step)
    if phase.size == 1 and phase[0] == step // 2:
        stamps = stamps - step // 2
    elif phase.size != 1 or phase[0] != np.timedelta64(0, "ms"):
        raise DataError(
            f"{path} has times off the {loaded.minutes}-min grid, such as "
            f"{stamps[np.argmax((stamps - stamps.astype('datetime64[D]')) % step)]}. "
            "Delete it and fetch the original file."
        )
    stamps = stamps.astype("datetime64[ns]")
    place = np.searchsorted(loaded.times, stamps)
    inside = (stamps >= period[0]) & (stamps < period[1]) & (place < loaded.times.size)
    inside[inside] = loaded.times[place[inside]] == stamps[inside]
    records = np.flatnonzero(inside)
    return records, place[records], stamps.size


def _dataset(
    loaded: _Loaded, files: ArchiveFiles, cadence: Cadence, root: Path | str | None
) -> xr.Dataset:
    """Assemble the Dataset with its attributes."""
    arrays = {}
    for variable in loaded.variables:
        if variable.name not in loaded.values:
            continue
        attrs: dict[str, Any] = {"units": variable.units, "long_name": variable.long_name}
        if variable.coordinate_system:
            attrs["coordinate_system"] = variable.coordinate_system
        if variable.name in loaded.outside:
            attrs["outside_stated_range"] = loaded.outside[variable.name]
        arrays[variable.name] = ("driver_time", loaded.values[variable.name], attrs)
    time = ("driver_time", loaded.times, {"long_name": "start of the average, UTC"})
    attrs = {
        "cadence": cadence,
        "cadence_minutes": loaded.minutes,
        "level": "omni2" if cadence == "hourly" else "hro",
        "simulated": simulated_attr(root is not None),
        "source": files.product.title,
        "root": str(root if root is not None else files.folder),
        "files": [path.name for path in files.paths],
        "missing_files": list(files.missing),
    }
    if files.problems:
        attrs["missing_reason"] = "; ".join(files.problems)
    if loaded.disagreements:
        attrs["fill_disagreements"] = list(loaded.disagreements)
    return xr.Dataset(arrays, coords={"driver_time": time}, attrs=attrs)
