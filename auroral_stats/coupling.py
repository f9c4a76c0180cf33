r"""Solar-wind functions that measure how hard the solar wind drives the magnetosphere.

All take scalars, arrays or :class:`xarray.DataArray` (GSM components in nT, speeds in km/s) and
return the same kind. NaN in, NaN out. :math:`B_T = \sqrt{B_y^2 + B_z^2}` is the transverse field
and :math:`\theta = \mathrm{atan2}(B_y, B_z)` the clock angle, 0 for northward field.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from auroral_stats.errors import DataError

__all__ = [
    "EARTH_RADIUS_KM",
    "akasofu_epsilon",
    "clock_angle",
    "cone_angle",
    "kan_lee",
    "milan",
    "newell",
    "transverse_field",
    "vbs",
]

#: Mean Earth radius in km, as in SPEDAS.
EARTH_RADIUS_KM = 6371.2

Field = TypeVar("Field", float, np.ndarray, xr.DataArray)

#: A DataArray that states its units must state one of these.
_UNITS = {"nT": ("nT", "nanotesla"), "km/s": ("km/s", "km s-1", "km s^-1")}


def _check(name: str, value: ArrayLike | xr.DataArray, units: str) -> None:
    """Refuse a velocity component, and a DataArray that says that it is something else."""
    if name == "v" and np.any(np.asarray(value) < 0):
        raise DataError("v is negative; expected the flow speed (km/s), not its component Vx.")
    if not isinstance(value, xr.DataArray):
        return
    given = value.attrs.get("units")
    if given is not None and given not in _UNITS[units]:
        raise DataError(f"{name} is in {given!r}; expected {units}. Convert it first.")
    frame = str(value.attrs.get("coordinate_system", "GSM"))
    if "GSM" not in frame:
        raise DataError(
            f"{name} is in {frame} coordinates; expected GSM. Use the GSM component of the OMNI "
            "file (BY_GSM, BZ_GSM): the clock angle in other frames is another quantity."
        )


def _name(result: Any, units: str, long_name: str) -> Any:
    if isinstance(result, xr.DataArray):
        result.attrs = {"units": units, "long_name": long_name}
    return result


def transverse_field(by: Field, bz: Field) -> Field:
    r"""Return the field perpendicular to the Sun-Earth line, :math:`B_T=\sqrt{B_y^2+B_z^2}`.

    Parameters
    ----------
    by, bz : float, array or DataArray
        GSM components (nT).

    Returns
    -------
    float, array or DataArray
        B_T in nT.

    Raises
    ------
    DataError
        If a DataArray states other units than nT or another frame than GSM.

    Examples
    --------
    >>> float(transverse_field(3.0, -4.0))
    5.0
    """
    _check("by", by, "nT")
    _check("bz", bz, "nT")
    return _name(np.hypot(by, bz), "nT", "transverse IMF")


def clock_angle(by: Field, bz: Field) -> Field:
    r"""Return the IMF clock angle :math:`\theta = \mathrm{atan2}(B_y, B_z)`.

    Parameters
    ----------
    by, bz : float, array or DataArray
        GSM components (nT).

    Returns
    -------
    float, array or DataArray
        Degrees in (-180, 180]: 0 northward, 90 duskward (By > 0), 180 southward.
        NaN where B_T is zero, for the angle is then undefined.

    Raises
    ------
    DataError
        If a DataArray states other units than nT or another frame than GSM.

    Examples
    --------
    >>> float(clock_angle(5.0, 0.0)), float(clock_angle(-5.0, 0.0)), float(clock_angle(0.0, -5.0))
    (90.0, -90.0, 180.0)
    """
    _check("by", by, "nT")
    _check("bz", bz, "nT")
    # By = -0.0 would turn due southward field into -180 degrees; adding 0.0 makes it +0.0.
    angle: Any = np.degrees(np.arctan2(by + 0.0, bz))
    undefined = np.hypot(by, bz) == 0
    if isinstance(angle, xr.DataArray):
        return _name(angle.where(~undefined), "degree", "IMF clock angle")
    without: Any = np.where(undefined, np.nan, angle)[()]
    return without


def cone_angle(bx: Field, by: Field, bz: Field) -> Field:
    r"""Return the angle between the IMF and the Sun-Earth line, :math:`\arccos(B_x/B)`.

    Parameters
    ----------
    bx, by, bz : float, array or DataArray
        GSM components (nT); GSE and GSM share X.

    Returns
    -------
    float, array or DataArray
        Degrees in [0, 180]: 0 sunward, 90 perpendicular. NaN where the field is zero.

    Raises
    ------
    DataError
        If a DataArray states other units than nT or another frame than GSM.

    Examples
    --------
    >>> float(cone_angle(0.0, 0.0, -5.0))
    90.0
    """
    _check("bx", bx, "nT")
    angle: Any = np.degrees(np.arctan2(transverse_field(by, bz), bx))
    undefined = (np.hypot(by, bz) == 0) & (np.asarray(bx) == 0)
    if isinstance(angle, xr.DataArray):
        return _name(angle.where(~undefined), "degree", "IMF cone angle")
    without: Any = np.where(undefined, np.nan, angle)[()]
    return without


def _half_angle_sine(by: Any, bz: Any) -> Any:
    r"""Return :math:`|\sin(\theta/2)|`, computed without the angle: exact for Bz < 0 and By = 0."""
    total = np.hypot(by, bz)
    # sin^2(theta/2) = (1 - cos theta) / 2; no field means no coupling, whatever the angle.
    cosine = bz / (total + (total == 0))
    return np.sqrt(0.5 * (1.0 - cosine))


def newell(v: Field, by: Field, bz: Field) -> Field:
    r"""Return the rate at which magnetic flux opens at the magnetopause (Newell et al. 2007).

    .. math:: \frac{d\Phi}{dt} \propto v^{4/3} B_T^{2/3} |\sin(\theta/2)|^{8/3}

    Parameters
    ----------
    v : float, array or DataArray
        Flow speed (km/s).
    by, bz : float, array or DataArray
        GSM components (nT).

    Returns
    -------
    float, array or DataArray
        In (km/s)^(4/3) nT^(2/3).

    Raises
    ------
    DataError
        If a DataArray states other units or another frame than GSM.

    References
    ----------
    Newell et al. 2007, J. Geophys. Res. 112, A01206, eq. 8, doi:10.1029/2006JA012015.

    Examples
    --------
    >>> round(float(newell(400.0, 0.0, -5.0)), 1)
    8617.7
    """
    _check("v", v, "km/s")
    transverse = transverse_field(by, bz)
    result = v ** (4 / 3) * transverse ** (2 / 3) * _half_angle_sine(by, bz) ** (8 / 3)
    return _name(result, "(km/s)^(4/3) nT^(2/3)", "Newell coupling")


def kan_lee(v: Field, by: Field, bz: Field) -> Field:
    r"""Return the reconnection electric field :math:`v B_T \sin^2(\theta/2)` (Kan and Lee 1979).

    Parameters
    ----------
    v : float, array or DataArray
        Flow speed (km/s).
    by, bz : float, array or DataArray
        GSM components (nT).

    Returns
    -------
    float, array or DataArray
        In mV/m.

    Raises
    ------
    DataError
        If a DataArray states other units or another frame than GSM.

    References
    ----------
    Kan and Lee 1979, Geophys. Res. Lett. 6, 577, doi:10.1029/GL006i007p00577.

    Examples
    --------
    >>> float(kan_lee(400.0, 0.0, -5.0))
    2.0
    """
    _check("v", v, "km/s")
    result = 1e-3 * v * transverse_field(by, bz) * _half_angle_sine(by, bz) ** 2
    return _name(result, "mV/m", "Kan-Lee electric field")


def akasofu_epsilon(v: Field, bx: Field, by: Field, bz: Field) -> Field:
    r"""Return the power of Perreault and Akasofu (1978).

    .. math:: \epsilon = \frac{4\pi}{\mu_0} v B^2 \sin^4(\theta/2)\, l_0^2,\qquad l_0 = 7 R_E

    Parameters
    ----------
    v : float, array or DataArray
        Flow speed (km/s).
    bx, by, bz : float, array or DataArray
        GSM components (nT); B is the total field.

    Returns
    -------
    float, array or DataArray
        In GW.

    Raises
    ------
    DataError
        If a DataArray states other units or another frame than GSM.

    References
    ----------
    Perreault and Akasofu 1978, Geophys. J. R. Astron. Soc. 54, 547,
    doi:10.1111/j.1365-246X.1978.tb05494.x.

    Examples
    --------
    >>> round(float(akasofu_epsilon(400.0, 0.0, 0.0, -5.0)), 1)
    198.9
    """
    _check("v", v, "km/s")
    _check("bx", bx, "nT")
    transverse = transverse_field(by, bz)
    # 4 pi / mu0 = 1e7 (SI); km/s -> m/s is 1e3, nT^2 -> T^2 is 1e-18, W -> GW is 1e-9.
    length = 7 * EARTH_RADIUS_KM * 1e3
    scale = 1e7 * 1e3 * 1e-18 * 1e-9 * length**2
    result = scale * v * (bx**2 + transverse**2) * _half_angle_sine(by, bz) ** 4
    return _name(result, "GW", "Akasofu epsilon")


def vbs(v: Field, bz: Field) -> Field:
    r"""Return the half-wave rectified electric field :math:`v\,\max(-B_z, 0)`.

    Parameters
    ----------
    v : float, array or DataArray
        Flow speed (km/s).
    bz : float, array or DataArray
        GSM component (nT).

    Returns
    -------
    float, array or DataArray
        In mV/m; zero for northward field.

    Raises
    ------
    DataError
        If a DataArray states other units or another frame than GSM.

    References
    ----------
    Burton et al. 1975, J. Geophys. Res. 80, 4204, doi:10.1029/JA080i031p04204.

    Examples
    --------
    >>> float(vbs(400.0, -5.0)), float(vbs(400.0, 5.0))
    (2.0, 0.0)
    """
    _check("v", v, "km/s")
    _check("bz", bz, "nT")
    return _name(1e-3 * v * np.maximum(-bz, 0.0), "mV/m", "half-wave rectified electric field")


def milan(v: Field, by: Field, bz: Field) -> Field:
    r"""Return the dayside reconnection voltage of Milan et al. (2012).

    .. math:: \Phi_D = 3.8 R_E \left(\frac{v}{400\,\mathrm{km/s}}\right)^{1/3}
              v B_T |\sin(\theta/2)|^{9/2}

    Parameters
    ----------
    v : float, array or DataArray
        Flow speed (km/s); the paper uses its X component.
    by, bz : float, array or DataArray
        GSM components (nT).

    Returns
    -------
    float, array or DataArray
        In kV.

    Raises
    ------
    DataError
        If a DataArray states other units or another frame than GSM.

    References
    ----------
    Milan et al. 2012, J. Geophys. Res. 117, A03220, eq. 15, doi:10.1029/2011JA017082.

    Examples
    --------
    >>> round(float(milan(400.0, 0.0, -5.0)), 1)
    48.4
    """
    _check("v", v, "km/s")
    # km/s x nT x km = 1e3 x 1e-9 x 1e3 V = 1e-3 V, and 1e-6 of that in kV.
    scale = 3.8 * EARTH_RADIUS_KM * 1e-6
    result = scale * (v / 400.0) ** (1 / 3) * v * transverse_field(by, bz)
    result = result * _half_angle_sine(by, bz) ** 4.5
    return _name(result, "kV", "Milan reconnection voltage")
