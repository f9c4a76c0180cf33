"""One daily CDF of a ground magnetometer: its times, its components and whether they are H, D, Z.

What a file says of itself is checked, not assumed. Some stations were geographic X, Y, Z in some
years, and since 2026 files say HEZ where earlier ones say HDZ and mean the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auroral_stats import cdf
from auroral_stats.disturbance import rotate_xyz_to_hdz
from auroral_stats.errors import ArchiveError, DataError, UsageError

__all__ = ["LARGEST_FIELD", "read_gmag"]

#: No place on the ground has a field above 70,000 nT; fills (99999, 88888, -1e31) are far beyond.
LARGEST_FIELD = 80_000.0

_REMEDY = "Delete it and run again without --offline to fetch it anew."
_MAGNETIC, _GEOGRAPHIC = "HDZ", "XYZ"


def read_gmag(
    path: Path | str, station: str, *, coordinates: str = "", declination: float | None = None
) -> tuple[NDArray[np.float64], NDArray[Any], dict[str, Any]]:
    """Read one daily file.

    Parameters
    ----------
    path : path
    station : str
        Code of the magnetometer.
    coordinates : {"", "HDZ", "XYZ"}
        What the components are, in this order; by default what the file says.
    declination : float, optional
        Degrees, positive to the east, by which geographic components are rotated.

    Returns
    -------
    seconds : array of float64, (time,)
        Since 1970, UTC, as in the file: perhaps out of order, with fills.
    field : array, (time, 3)
        H, D and Z, nT, in the type of the file; fills and impossible values are NaN.
    attributes : dict
        Global attributes of the file.

    Raises
    ------
    UsageError
        If the coordinates given are not known.
    ArchiveError
        If the file is damaged.
    DataError
        If it is of another station, or in other units or coordinates.
    """
    path, station = Path(path), station.lower()
    file = cdf.open_cdf(path)
    name = f"thg_mag_{station}"
    names = cdf.cdf_variables(file)
    if name not in names:
        raise DataError(
            f"{path} has no variable {name}: it is no magnetometer file of station {station}. "
            + _REMEDY
        )
    field, attributes = cdf.read_variable(file, name)
    seconds = _seconds(file, name, attributes, names)
    if field.shape != (seconds.size, 3):
        raise ArchiveError(
            f"{path} is damaged: {name} has shape {field.shape} for {seconds.size} times. {_REMEDY}"
        )
    _check_units(path, name, attributes)
    field = _fills_to_nan(field, attributes.get("FILLVAL"))
    letters = _letters(path, station, file, attributes, names, coordinates)
    wanted = _MAGNETIC if set(letters) == set(_MAGNETIC) else _GEOGRAPHIC
    if letters != wanted:
        field = np.ascontiguousarray(field[:, [letters.index(letter) for letter in wanted]])
    if wanted == _GEOGRAPHIC:
        if declination is None:
            raise DataError(
                f"{path}: station {station} is in geographic coordinates (X, Y, Z); expected "
                "magnetic ones (H, D, Z). Give its declination, by which it is then rotated "
                f"(declination={{{station!r}: degrees}}), or take another magnetometer."
            )
        x, y, z = np.asarray(field, dtype=np.float64).T
        field = np.column_stack(rotate_xyz_to_hdz(x, y, z, declination))
    return seconds, field, cdf.cdf_attributes(file)


def _seconds(
    file: cdf.CdfFile, name: str, attributes: dict[str, Any], names: Sequence[str]
) -> NDArray[np.float64]:
    """Return the times in Unix seconds: those of the file, else from its CDF epochs."""
    for clock in (str(attributes.get("DEPEND_TIME", "")).strip(), f"{name}_time"):
        if clock in names:
            seconds = cdf.read_records(file, clock)
            if seconds.ndim == 1 and seconds.dtype.kind == "f" and seconds.size:
                return seconds.astype(np.float64, copy=False)
    for clock in (str(attributes.get("DEPEND_0", "")).strip(), f"{name}_epoch"):
        # In THEMIS files this one is virtual, with no records of its own.
        if clock in names and len(cdf.read_records(file, clock)):
            return cdf.read_times(file, clock).astype(np.int64) / 1e3
    raise DataError(f"{file.path} has no times for {name} ({name}_time). {_REMEDY}")


def _number(value: Any) -> float:
    try:
        return float(np.ravel(value)[0])
    except (TypeError, ValueError, IndexError):
        return float("nan")


def _check_units(path: Path, name: str, attributes: dict[str, Any]) -> None:
    """Refuse units other than nT; the level-2 product is nT where a file states none."""
    stated = {str(unit).strip() for unit in np.ravel(attributes.get("UNITS", "nT"))} - {""}
    if not {unit.lower() for unit in stated} <= {"nt", "nanotesla", "nano-tesla"}:
        raise DataError(
            f"{path}: {name} is in {', '.join(sorted(stated))}; expected nT. Fetch the level-2 file."
        )


def _fills_to_nan(field: NDArray[Any], fill: Any) -> NDArray[Any]:
    if field.dtype.kind != "f":
        field = field.astype(np.float64)
    value = _number(fill)
    # Comparisons with NaN are false, so that this passes only where all is sound.
    sound = field.size and field.min() > -LARGEST_FIELD and field.max() < LARGEST_FIELD
    if sound and not (abs(value) < LARGEST_FIELD):
        return field
    return np.where((np.abs(field) < LARGEST_FIELD) & (field != value), field, np.nan)


def _letters(
    path: Path,
    station: str,
    file: cdf.CdfFile,
    attributes: dict[str, Any],
    names: Sequence[str],
    given: str,
) -> str:
    """Return the letters of the components in the order of the file, E written as D.

    The attribute that names the system and the labels of the components must not contradict each
    other.
    """
    known = {_MAGNETIC, _GEOGRAPHIC}
    if given:
        if given.upper() not in known:
            raise UsageError(f"coordinates {given!r} of {station}: expected HDZ or XYZ.")
        return given.upper()
    pointer = str(attributes.get("LABL_PTR_1", "")).strip()
    labels = cdf.read_records(file, pointer) if pointer in names else ()
    found = {
        letters
        for letters in (
            _from_system(attributes.get("COORDINATE_SYSTEM")),
            _from_labels(labels),
            _from_labels(attributes.get("LABLAXIS")),
            _from_labels(attributes.get("REPRESENTATION_1")),
        )
        if letters
    }
    if len({frozenset(letters) for letters in found}) != 1:
        said = " and ".join(sorted(found)) or "nothing"
        raise DataError(
            f"{path}: station {station} says {said} of its coordinates; expected H, D, Z. State "
            f"what they are (coordinates={{{station!r}: 'HDZ'}} or 'XYZ')."
        )
    # Labels know the order of the components; the name of the system is the same in any order.
    return _from_labels(labels) or found.pop()


def _from_system(value: Any) -> str:
    """Return HDZ or XYZ from the name of a coordinate system; empty if it is none of them."""
    text = " ".join(str(part) for part in np.ravel(value)).upper() if value is not None else ""
    for name, letters in (("HDZ", "HDZ"), ("HEZ", "HDZ"), ("XYZ", "XYZ"), ("GEOGRAPHIC", "XYZ")):
        if name in text:
            return letters
    return ""


def _from_labels(value: Any) -> str:
    """Return the letters of three labels such as ``Magnetic North - H``; empty if they have none."""
    labels = [str(label).upper() for label in np.ravel(value)] if value is not None else []
    if len(labels) != 3:
        return ""
    letters = ""
    for label in labels:
        # The letter is the last one that stands alone; "(nT)" and "Bx" have none.
        alone = re.findall(r"(?<![A-Z])([HDEXYZ])(?![A-Z])", label)
        letters += alone[-1].replace("E", "D") if alone else "?"
    return letters if set(letters) in ({*_MAGNETIC}, {*_GEOGRAPHIC}) else ""
