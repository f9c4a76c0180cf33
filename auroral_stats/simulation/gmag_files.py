"""Write magnetometer CDFs as the THEMIS archive has them.

Same folders, names, variables, types and attributes as the daily files under
``themis/thg/l2/mag/``, so that pyspedas and everything else that reads the real ones reads these.
Times are Unix seconds in ``thg_mag_SITE_time``; ``thg_mag_SITE_epoch`` is virtual, without records
of its own. A simulated file carries the global attribute ``simulated``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auroral_stats._version import __version__
from auroral_stats.archive import PRODUCTS, file_names, file_period
from auroral_stats.errors import UsageError
from auroral_stats.periods import merge_periods
from auroral_stats.whole_file import staged_beside

__all__ = ["write_gmag"]

_MS_AT_1970 = 62_167_219_200_000.0
_TYPES = {
    "CDF_INT4": (4, np.int32),
    "CDF_REAL4": (21, np.float32),
    "CDF_EPOCH": (31, np.float64),
    "CDF_DOUBLE": (45, np.float64),
    "CDF_CHAR": (51, None),
}
_LABELS = {
    "HDZ": ("Magnetic North - H", "Magnetic East - D", "Vertical Down - Z"),
    "HEZ": ("Magnetic North - H", "Magnetic East - E", "Vertical Down - Z"),
    "XYZ": ("Geographic North - X", "Geographic East - Y", "Vertical Down - Z"),
}


def write_gmag(
    station: str,
    times: ArrayLike,
    hdz: ArrayLike,
    root: Path | str,
    *,
    simulated: bool,
    version: str = "v01",
    coordinates: str = "HDZ",
    compress: int = 0,
) -> list[Path]:
    """Write daily CDFs of one magnetometer.

    Parameters
    ----------
    station : str
        Code, such as ``gill``.
    times : array of datetime64
        UTC, of any cadence, in any order; each UT day becomes a file.
    hdz : array, (time, 3)
        H, D and Z, nT. NaN stands for missing, in the file too.
    root : path
        A folder laid out like ``SPEDAS_DATA_DIR``.
    simulated : bool
        Whether to mark the files as simulated.
    version : str
        ``v01`` and so on.
    coordinates : {"HDZ", "HEZ", "XYZ"}
        What the files say that the components are. Files of 2026 and later say HEZ where earlier
        ones say HDZ, and mean the same.
    compress : int
        GZIP level, 0 for none. The real files are compressed; a simulated world is faster without.

    Returns
    -------
    list of Path
        What was written, in order of time. Each file appears whole or not at all.

    Raises
    ------
    UsageError
        If there is no time, the shapes do not fit, or the coordinates are unknown.
    OSError
        If a file cannot be written.
    """
    stamps = np.asarray(times, dtype="datetime64[ns]")
    field = np.asarray(hdz, dtype=np.float32)
    if stamps.size == 0 or field.shape != (stamps.size, 3):
        raise UsageError(
            f"hdz has shape {field.shape} for {stamps.size} times; expected (time, 3) and a time."
        )
    if coordinates not in _LABELS:
        raise UsageError(f"coordinates is {coordinates!r}; expected one of {', '.join(_LABELS)}.")
    station, day = station.lower(), stamps.astype("datetime64[D]")
    if np.any(np.diff(stamps) < np.timedelta64(0, "ns")):
        order = np.argsort(stamps, kind="stable")
        stamps, field = stamps[order], field[order]
    one_day = np.timedelta64(1, "D")
    product, paths = PRODUCTS["gmag"], []
    periods = merge_periods(periods=[(each, each + one_day) for each in np.unique(day)])
    for pattern in file_names(product, periods, station):
        first, last = np.searchsorted(stamps, np.array(file_period(product, pattern)))
        path = Path(root) / "themis" / pattern.replace("_v??", f"_{version}")
        seconds = stamps[first:last].astype(np.int64) / 1e9
        with staged_beside(path) as part:
            _write_day(
                part,
                path.stem,
                station,
                seconds,
                field[first:last],
                simulated,
                coordinates,
                compress,
            )
        paths.append(path)
    return paths


def _write_day(
    part: Path,
    stem: str,
    station: str,
    seconds: NDArray[np.float64],
    field: NDArray[np.float32],
    simulated: bool,
    coordinates: str,
    compress: int,
) -> None:
    from cdflib import cdfwrite

    name = f"thg_mag_{station}"
    file = cdfwrite.CDF(part, delete=True)
    attributes = _global_attributes(stem, station, seconds, simulated)
    file.write_globalattrs({key: {0: value} for key, value in attributes.items()})
    times = {"VAR_TYPE": "support_data", "FILLVAL": [float("nan"), "CDF_DOUBLE"]}
    _put(
        file,
        f"{name}_time",
        "CDF_DOUBLE",
        seconds,
        times
        | {
            "CATDESC": f"{name}_time, UTC, in seconds since 01-Jan-1970 00:00:00",
            "FIELDNAM": f"{name}_time",
            "LABLAXIS": "UT",
            "UNITS": "sec",
        },
        compress=compress,
    )
    epoch = {"VAR_TYPE": "support_data", "UNITS": "ms", "FILLVAL": [-1e31, "CDF_EPOCH"]}
    _put(
        file,
        f"{name}_epoch0",
        "CDF_EPOCH",
        np.array(_MS_AT_1970),
        epoch | {"CATDESC": f"{name}_epoch0", "FIELDNAM": f"{name}_epoch0", "LABLAXIS": "UT"},
        varies=False,
    )
    _put(
        file,
        f"{name}_epoch",
        "CDF_EPOCH",
        None,
        epoch
        | {
            "CATDESC": f"{name}_epoch, virtual",
            "FIELDNAM": f"{name}_epoch",
            "LABLAXIS": "UT",
            "VIRTUAL": "true",
            "FUNCT": "comp_themis_epoch",
            "COMPONENT_0": f"{name}_epoch0",
            "COMPONENT_1": f"{name}_time",
        },
    )
    support = {"VAR_TYPE": "metadata"}
    _put(
        file,
        f"{name}_labl",
        "CDF_CHAR",
        np.array(_LABELS[coordinates]),
        support | {"CATDESC": f"{name}_labl", "FIELDNAM": f"{name}_labl"},
        varies=False,
    )
    _put(
        file,
        f"{name}_compno",
        "CDF_INT4",
        np.arange(1, 4),
        support | {"CATDESC": f"{name}_compno", "FIELDNAM": f"{name}_compno"},
        varies=False,
    )
    _put(
        file,
        name,
        "CDF_REAL4",
        field,
        {
            "CATDESC": f"{station.upper()}, ground-based vector magnetic field, {coordinates}",
            "FIELDNAM": f"Magnetic field, {station.upper()}",
            "VAR_TYPE": "data",
            "UNITS": "nT",
            "COORDINATE_SYSTEM": coordinates,
            "DISPLAY_TYPE": "time_series",
            "DEPEND_0": f"{name}_epoch",
            "DEPEND_TIME": f"{name}_time",
            "DEPEND_EPOCH0": f"{name}_epoch0",
            "DEPEND_1": f"{name}_compno",
            "LABL_PTR_1": f"{name}_labl",
            "FILLVAL": [float("nan"), "CDF_REAL4"],
            "VALIDMIN": [-1e5, "CDF_REAL4"],
            "VALIDMAX": [1e5, "CDF_REAL4"],
        },
        compress=compress,
    )
    file.close()


def _global_attributes(
    stem: str, station: str, seconds: NDArray[np.float64], simulated: bool
) -> dict[str, str]:
    step = float(np.median(np.diff(seconds))) if seconds.size > 1 else 0.0
    attributes = {
        "Project": "THEMIS",
        "Source_name": "THG_L2>THEMIS Ground Based Observatory",
        "Discipline": "Space Physics>Magnetospheric Science",
        "Data_type": "MAG",
        "Descriptor": f"{station.upper()}>{station.upper()}",
        "Data_version": stem.rsplit("_v", 1)[-1].lstrip("0") or "0",
        "Instrument_type": "Ground-Based Magnetometers, Riometers, Sounders",
        "Mission_group": "THEMIS",
        "Logical_source": f"thg_l2_mag_{station}",
        "Logical_file_id": stem,
        "Logical_source_description": (
            f"Ground-based vector magnetic field at {station.upper()}, {step:g} sec time resolution"
        ),
        "Time_resolution": f"{step:g}s",
        "Generated_by": f"auroral_stats {__version__}",
    }
    if simulated:
        attributes |= {"simulated": "true", "PI_name": "none", "PI_affiliation": "none"}
    return attributes


def _put(
    file: Any,
    name: str,
    cdf_type: str,
    values: NDArray[Any] | None,
    attributes: dict[str, Any],
    *,
    varies: bool = True,
    compress: int = 0,
) -> None:
    number, dtype = _TYPES[cdf_type]
    elements = (
        max(len(text) for text in values) if cdf_type == "CDF_CHAR" and values is not None else 1
    )
    ndim = 0 if values is None else values.ndim - int(varies)
    specification = {
        "Variable": name,
        "Data_Type": number,
        "Num_Elements": elements,
        "Rec_Vary": varies,
        "Dim_Sizes": [3] if ndim else [],
        "Compress": compress,
    }
    data = None if values is None else values if dtype is None else values.astype(dtype)
    file.write_var(specification, var_attrs=attributes, var_data=data)
