"""Write OMNI CDFs as the archive has them.

Same folders, names, variables, types and attributes as the files of
https://spdf.gsfc.nasa.gov/pub/data/omni/omni_cdaweb/, so that pyspedas and everything else that
reads the real ones reads these. Files are whole: a monthly file has every minute of its
month, with fill where nothing was given. A simulated one carries the global attribute
``simulated``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from auroral_stats._version import __version__
from auroral_stats.archive import file_names, file_period
from auroral_stats.errors import UsageError
from auroral_stats.omni import CADENCE_MINUTES, Cadence, OmniVariable, omni_variables, product_of
from auroral_stats.periods import interval_starts, merge_periods
from auroral_stats.simulation.kp_files import AP_OF_KP_THIRDS, write_kp_wdc
from auroral_stats.whole_file import staged_beside

__all__ = ["AP_OF_KP_THIRDS", "write_kp_wdc", "write_omni_hourly", "write_omni_hro"]

Columns = xr.Dataset | Mapping[str, ArrayLike]

_MS_AT_1970 = 62_167_219_200_000
_TYPES = {
    "CDF_INT4": (4, np.int32),
    "CDF_REAL4": (21, np.float32),
    "CDF_EPOCH": (31, np.float64),
}
_INT_FILL = -2_147_483_648


def write_omni_hro(
    data: Columns,
    root: Path | str,
    cadence: Cadence = "1min",
    *,
    simulated: bool,
    version: str = "v01",
    omit: Sequence[str] = (),
    compress: int = 1,
) -> list[Path]:
    """Write HRO CDFs, one a month.

    Parameters
    ----------
    data : Dataset or mapping
        Our names (see :data:`auroral_stats.omni.OMNI_VARIABLES`) to values, with the times (UTC,
        starts of the averages, on the grid of the cadence) as the coordinate ``driver_time`` or
        under the key ``time``. NaN is written as the variable's fill.
    root : path
        A folder laid out like ``SPEDAS_DATA_DIR``; the files go to ``ROOT/omni/hro_1min/YYYY``.
    cadence : {"1min", "5min"}
    simulated : bool
        Whether to mark the files as simulated.
    version : str
        ``v01`` and so on.
    omit : sequence of str
        Our names of variables to leave out of the files altogether.
    compress : int
        GZIP level, 0 for none. Compressed variables carry the time of writing, so only files
        without compression are the same byte by byte when written again.

    Returns
    -------
    list of Path
        What was written, in order of time. Each file appears whole or not at all.

    Raises
    ------
    UsageError
        Unknown variable, times off the grid or twice, or no time at all.
    """
    if cadence not in {"1min", "5min"}:
        raise UsageError(f"HRO cadence is {cadence!r}; expected 1min or 5min.")
    return _write(data, Path(root), cadence, simulated, version, omit, "", compress)


def write_omni_hourly(
    data: Columns,
    root: Path | str,
    *,
    simulated: bool,
    version: str = "v01",
    omit: Sequence[str] = (),
    suffix: str = "",
    compress: int = 1,
) -> list[Path]:
    """Write hourly OMNI2 CDFs, one a half-year.

    Parameters
    ----------
    data : Dataset or mapping
        As for :func:`write_omni_hro`. ``Kp`` in thirds is written as Kp x 10 (3+ as 33).
    root : path
        A folder laid out like ``SPEDAS_DATA_DIR``; the files go to ``ROOT/omni/hourly/YYYY``.
    simulated : bool
        Whether to mark the files as simulated.
    version : str
        ``v01`` and so on.
    omit : sequence of str
        Our names of variables to leave out.
    suffix : {"", "1800"}
        With ``1800``, names get the suffix and times the 30-min shift of services that stamp the
        middle of the hour.
    compress : int
        As in :func:`write_omni_hro`.

    Returns
    -------
    list of Path

    Raises
    ------
    UsageError
        As :func:`write_omni_hro`.
    """
    if suffix not in {"", "1800"}:
        raise UsageError(f"suffix is {suffix!r}; expected '' or '1800'.")
    return _write(data, Path(root), "hourly", simulated, version, omit, suffix, compress)


def _columns(
    data: Columns, cadence: Cadence
) -> tuple[NDArray[np.datetime64], dict[OmniVariable, NDArray[np.float64]]]:
    """Return sorted times and the values by variable."""
    if isinstance(data, xr.Dataset):
        coordinate = "driver_time" if "driver_time" in data.coords else "time"
        given = {str(name): data[name].values for name in data.data_vars}
        given["time"] = data[coordinate].values
    else:
        given = {name: np.asarray(values) for name, values in data.items()}
    if "time" not in given:
        raise UsageError("no times: give them as the coordinate driver_time or the key 'time'.")
    times = np.asarray(given.pop("time"), dtype="datetime64[ns]")
    order = np.argsort(times)
    times = times[order]
    step = np.timedelta64(CADENCE_MINUTES[cadence], "m")
    if times.size == 0 or np.any((times - times.astype("datetime64[D]")) % step):
        raise UsageError(f"times must be one or more starts of {cadence} intervals.")
    if np.any(times[1:] == times[:-1]):
        raise UsageError("times come twice. Give each once.")
    values = {}
    for variable in omni_variables(cadence, tuple(given)):
        column = np.asarray(given[variable.name], dtype=np.float64)
        if column.shape != times.shape:
            raise UsageError(f"{variable.name} has shape {column.shape} for {times.size} times.")
        values[variable] = column[order]
    return times, values


def _write(
    data: Columns,
    root: Path,
    cadence: Cadence,
    simulated: bool,
    version: str,
    omit: Sequence[str],
    suffix: str,
    compress: int,
) -> list[Path]:
    """Write the files that the times of ``data`` fall in."""
    times, values = _columns(data, cadence)
    left_out = set(omni_variables(cadence, tuple(omit))) if omit else set()
    product = product_of(cadence)
    step = np.timedelta64(CADENCE_MINUTES[cadence], "m")
    paths = []
    for pattern in file_names(product, merge_periods(times[0], times[-1] + step)):
        period = file_period(product, pattern)
        mine = (times >= period[0]) & (times < period[1])
        if not mine.any():
            continue
        axis = interval_starts([period], CADENCE_MINUTES[cadence])
        place = (times[mine] - axis[0]) // step
        path = root / "omni" / pattern.replace("_v??", f"_{version}")
        with staged_beside(path) as part:
            file = _new_cdf(part, path.stem, cadence, simulated)
            _write_clock(file, axis, cadence, suffix, compress)
            for variable in omni_variables(cadence):
                if variable in left_out:
                    continue
                column = np.full(axis.size, np.nan)
                if variable in values:
                    column[place] = values[variable][mine]
                _write_variable(file, variable, column, cadence, suffix, compress)
            file.close()
        paths.append(path)
    return paths


def _new_cdf(path: Path, name: str, cadence: Cadence, simulated: bool) -> Any:
    """Open a CDF for writing and give it its global attributes."""
    from cdflib import cdfwrite

    each = {"1min": "1-minute", "5min": "5-minute", "hourly": "hourly"}[cadence]
    source = name.rsplit("_", 2)[0]
    attributes = {
        "TITLE": "Near-Earth Heliosphere Data (OMNI)",
        "Discipline": "Space Physics>Interplanetary Studies",
        "Source_name": f"OMNI (1AU IP Data)>Merged {each} Interplanetary OMNI data",
        "Project": "NSSDC",
        "Descriptor": "IMF, Plasma, Indices, Energetic Proton Flux",
        "Data_type": "H0>Definitive Hourly" if cadence == "hourly" else f"HRO>Definitive {each}",
        "Data_version": name.rsplit("_v", 1)[-1].lstrip("0") or "0",
        "Logical_source": source,
        "Logical_file_id": f"{source}_00000000_{name.rsplit('_', 1)[-1]}",
        "Logical_source_description": (
            f"OMNI Combined, Definitive, {each} IMF and Plasma Data, Time-Shifted to the Nose of "
            "the Earth's Bow Shock, plus Magnetic Indices"
        ),
        "Mission_group": "OMNI (Combined 1AU IP Data; Magnetic and Solar Indices)",
        "Instrument_type": "Plasma and Solar Wind",
        "PI_name": "J.H. King, N. Papatashvilli",
        "PI_affiliation": "ADNET, NASA GSFC",
        "Time_resolution": each,
        "Generated_by": f"auroral_stats {__version__}",
        "Rules_of_use": "Public",
    }
    if simulated:
        attributes |= {"simulated": "true", "PI_name": "none", "PI_affiliation": "none"}
    file = cdfwrite.CDF(path, delete=True)
    file.write_globalattrs({key: {0: value} for key, value in attributes.items()})
    return file


def _put(
    file: Any,
    name: str,
    cdf_type: str,
    values: NDArray[Any],
    attributes: dict[str, Any],
    compress: int,
) -> None:
    number, dtype = _TYPES[cdf_type]
    specification = {
        "Variable": name,
        "Data_Type": number,
        "Num_Elements": 1,
        "Rec_Vary": True,
        "Dim_Sizes": [],
        "Compress": compress,
    }
    numeric = {
        key: [value, cdf_type] if isinstance(value, (int, float)) else value
        for key, value in attributes.items()
        if value != ""
    }
    file.write_var(specification, var_attrs=numeric, var_data=values.astype(dtype))


def _write_clock(
    file: Any, axis: NDArray[np.datetime64], cadence: Cadence, suffix: str, compress: int
) -> None:
    """Write Epoch and the support variables YR, Day, HR and Minute."""
    shift = CADENCE_MINUTES[cadence] * 30_000 if suffix else 0
    milliseconds = axis.astype("datetime64[ms]").astype(np.int64) + _MS_AT_1970 + shift
    _put(
        file,
        "Epoch",
        "CDF_EPOCH",
        milliseconds,
        {
            "FIELDNAM": "Time Line",
            "CATDESC": "Time, beginning of interval" if not suffix else "Time, middle of interval",
            "LABLAXIS": "Epoch",
            "UNITS": "ms",
            "VAR_TYPE": "support_data",
            "FILLVAL": -1.0e31,
            "VALIDMIN": float(milliseconds.min()),
            "VALIDMAX": float(milliseconds.max()),
        },
        compress,
    )
    days, years = axis.astype("datetime64[D]"), axis.astype("datetime64[Y]")
    minutes = (axis - days) // np.timedelta64(1, "m")
    support = {
        "YR": ("Year", years.astype(int) + 1970, 1963, 2020),
        "Day": ("Decimal Day (JAN 1=1)", (days - years).astype(int) + 1, 1, 366),
        "HR": ("Decimal Hour", minutes // 60, 0, 23),
    }
    if cadence != "hourly":
        support["Minute"] = ("Minute", minutes % 60, 0, 59)
    for name, (meaning, values, low, high) in support.items():
        _put(
            file,
            name,
            "CDF_INT4",
            np.asarray(values),
            {
                "FIELDNAM": meaning,
                "CATDESC": meaning,
                "LABLAXIS": name,
                "DEPEND_0": "Epoch",
                "VAR_TYPE": "support_data",
                "FILLVAL": _INT_FILL,
                "VALIDMIN": low,
                "VALIDMAX": high,
            },
            compress,
        )


def _write_variable(
    file: Any,
    variable: OmniVariable,
    column: NDArray[np.float64],
    cadence: Cadence,
    suffix: str,
    compress: int,
) -> None:
    """Write one variable with NaN as its fill."""
    integer = variable.cdf_type == "CDF_INT4"
    stored = column * variable.scale
    stored = np.rint(stored) if integer else stored
    stored = np.where(np.isfinite(stored), stored, variable.fill)
    plain: type[int | float] = int if integer else float
    label = f"{variable.long_name}{f', {variable.coordinate_system}'.rstrip(', ')}"
    _put(
        file,
        variable.cdf_name + suffix,
        variable.cdf_type,
        stored,
        {
            "FIELDNAM": label,
            "CATDESC": f"{label} ({variable.units})" if variable.units else label,
            "LABLAXIS": label,
            "UNITS": _UNITS.get(variable.units, variable.units),
            "DEPEND_0": "Epoch",
            "DISPLAY_TYPE": "time_series",
            # as in the archive, where pyspedas has to be told to load hourly data
            "VAR_TYPE": "ignore_data" if cadence == "hourly" else "data",
            "FILLVAL": plain(variable.fill),
            "VALIDMIN": plain(variable.valid_min),
            "VALIDMAX": plain(variable.valid_max),
            "SCALEMIN": plain(variable.valid_min),
            "SCALEMAX": plain(variable.valid_max),
        },
        compress,
    )


_UNITS = {
    "cm^-3": "n/cc",
    "s": "seconds",
    "R_E": "Re",
    "degree": "Deg",
    "cm^-2 s^-1 sr^-1": "1/(SQcm-ster-s)",
}
