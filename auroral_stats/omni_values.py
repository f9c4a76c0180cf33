"""Turn the numbers of an OMNI file into values: fills to NaN, published decimals, Kp in thirds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auroral_stats.errors import DataError
from auroral_stats.omni_variables import OmniVariable

__all__ = ["kp_thirds", "missing_to_nan", "published_decimals"]


def _number(value: Any) -> float | None:
    """Return an attribute as a number, or None if it is none."""
    try:
        return float(np.asarray(value, dtype=np.float64).reshape(-1)[0])
    except (ValueError, TypeError, IndexError):
        return None


def missing_to_nan(
    raw: NDArray[Any],
    variable: OmniVariable,
    attributes: dict[str, Any],
    disagreements: dict[str, None],
) -> tuple[NDArray[np.float64], int]:
    """Turn what a file holds into values, with NaN for missing.

    Fills are compared in the file's own precision (9999.99 is 9999.990234375 as float32). A value
    is missing if it equals the file's FILLVAL or the registry's fill, or lies outside both the
    range the file states (VALIDMIN to VALIDMAX) and the limits of the registry.

    Parameters
    ----------
    raw : ndarray
        As read.
    variable : OmniVariable
    attributes : dict
        Of the variable in the file.
    disagreements : dict
        Gets a key for a FILLVAL that is absent or not the registry's.

    Returns
    -------
    values : ndarray of float64
    outside : int
        How many values were kept although the stated range excludes them.

    Examples
    --------
    >>> from auroral_stats.omni_variables import omni_variables
    >>> vz = omni_variables("1min", ["Vz"])[0]
    >>> stated = {"FILLVAL": 99999.9, "VALIDMIN": -100.0, "VALIDMAX": 100.0}
    >>> missing_to_nan(np.array([12.5, 139.0, 99999.9], np.float32), vz, stated, {})
    (array([ 12.5, 139. ,   nan]), 1)
    """
    single = raw.astype(np.float32) if raw.dtype.kind == "f" else raw.astype(np.float64)
    kind = single.dtype.type
    stated_fill = _number(attributes.get("FILLVAL"))
    missing = ~np.isfinite(single) | (single == kind(variable.fill))
    if stated_fill is None:
        disagreements[f"{variable.cdf_name}: no FILLVAL"] = None
    else:
        missing |= single == kind(stated_fill)
        if kind(stated_fill) != kind(variable.fill):
            disagreements[
                f"{variable.cdf_name}: FILLVAL {stated_fill:.7g}, expected {variable.fill:.7g}"
            ] = None
    low, high = _number(attributes.get("VALIDMIN")), _number(attributes.get("VALIDMAX"))
    low = variable.valid_min if low is None else low
    high = variable.valid_max if high is None else high
    beyond = ~missing & ((single < kind(low)) | (single > kind(high)))
    unbelievable = beyond & (
        (single < kind(variable.limits[0])) | (single > kind(variable.limits[1]))
    )
    data = published_decimals(raw, variable.decimals)
    data[missing | unbelievable] = np.nan
    return data, int(np.count_nonzero(beyond & ~unbelievable))


def published_decimals(raw: NDArray[Any], decimals: int) -> NDArray[np.float64]:
    """Widen float32 to the decimal number that was published, where it is one.

    -0.3 comes out of a file as -0.30000001192 and would fall on the wrong side of a bin edge at
    -0.3. The number with the published decimals that has the same float32 is the one meant; any
    other value is kept as it is.

    Parameters
    ----------
    raw : ndarray
    decimals : int
        With which the archive publishes the variable.

    Returns
    -------
    ndarray of float64

    Examples
    --------
    >>> published_decimals(np.array([-0.3, 0.12345], np.float32), 1)
    array([-0.3    ,  0.12345])
    """
    wide = raw.astype(np.float64)
    if raw.dtype != np.float32:
        return wide
    with np.errstate(over="ignore", invalid="ignore"):
        decimal = np.round(wide, decimals)
        return np.where(decimal.astype(np.float32) == raw, decimal, wide)


def kp_thirds(path: Path, tenfold: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Kp in exact thirds from Kp x 10.

    Parameters
    ----------
    path : Path
        Named in the message.
    tenfold : array of float64
        27, 30, 33 for 3-, 3, 3+; NaN where missing.

    Returns
    -------
    ndarray of float64

    Raises
    ------
    DataError
        If a number is no Kp x 10.

    Examples
    --------
    >>> kp_thirds(Path("file.cdf"), np.array([30.0, 33.0])) * 3
    array([ 9., 10.])
    """
    thirds = np.rint(tenfold * 0.3)
    wrong = np.isfinite(tenfold) & (np.abs(tenfold * 0.3 - thirds) > 0.15)
    if wrong.any():
        raise DataError(
            f"{path} has KP = {tenfold[wrong][0]:g}, which is no Kp x 10 (such as 27, 30 or 33). "
            "Delete it and fetch the original file."
        )
    return thirds / 3.0
