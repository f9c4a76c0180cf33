r"""A simulated solar wind as OMNI publishes it: rounded, derived, with gaps.

The derived quantities are computed from the published ones, by the formulas that OMNI states, so
that they hold between the columns of the files to the last published digit:

.. math:: P = 2\cdot10^{-6}\,n V^2,\quad E = -10^{-3}\,V B_z,\quad
          \beta = (4.16\cdot10^{-5}\,T + 5.34)\,n / B^2,\quad M_A = V\sqrt n / (20 B)

Everything here is simulated.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from auroral_stats.ephemeris import sun_moon_positions
from auroral_stats.omni_variables import omni_variables
from auroral_stats.simulation.geomagnetic_indices import auroral_indices, kp_of, ring_current
from auroral_stats.simulation.kp_files import AP_OF_KP_THIRDS
from auroral_stats.simulation.solar_wind import SolarWind, gap_mask
from auroral_stats.simulation.worlds import autoregressive

__all__ = ["gsm_to_gse_angle", "hourly_columns", "kp_columns", "minute_columns"]

Array = NDArray[np.float64]
Times = NDArray[np.datetime64]

_FIELD = ("Bx", "By", "Bz", "B", "By_gse", "Bz_gse", "rms_sd_b", "rms_sd_field_vector")
_PLASMA = ("flow_speed", "Vx", "Vy", "Vz", "proton_density", "temperature")
_ELECTROJETS = ("AE", "AL", "AU")
#: Where the axis of the geomagnetic dipole left the north in 2014 (IGRF-12), degrees.
_POLE = (80.3, -72.6)
_OBLIQUITY = np.radians(23.437)


def gsm_to_gse_angle(time: Times) -> Array:
    """Return the angle about the Earth-Sun line from Z of GSE to Z of GSM.

    Parameters
    ----------
    time : ndarray of datetime64, (n,)
        UTC.

    Returns
    -------
    ndarray, (n,)
        Radians, counted so that ``Bz_gse = Bz cos(a) - By sin(a)`` and
        ``By_gse = By cos(a) + Bz sin(a)``. Within a fifth of a degree of the exact angle: the equinox is
        taken to lie in the direction from which the rotation of the Earth is counted.

    References
    ----------
    Hapgood 1992, Planet. Space Sci. 40, 711, doi:10.1016/0032-0633(92)90012-D.

    Examples
    --------
    In December the dipole leans away from the Sun, to one side at 11 UT and to the other at 23 UT:

    >>> angle = gsm_to_gse_angle(np.array(["2014-12-21T11", "2014-12-21T23"], "M8[m]"))
    >>> np.degrees(angle).round(-1).tolist()
    [-10.0, 10.0]
    """
    import erfa

    sun, _ = sun_moon_positions(time)
    sun /= np.linalg.norm(sun, axis=1, keepdims=True)
    days = (time - np.datetime64("1970-01-01")) / np.timedelta64(1, "D")
    turned = erfa.era00(2440587.5, days)
    north = np.column_stack(
        [
            -np.sin(_OBLIQUITY) * np.sin(turned),
            -np.sin(_OBLIQUITY) * np.cos(turned),
            np.full(time.size, np.cos(_OBLIQUITY)),
        ]
    )
    latitude, longitude = np.radians(_POLE)
    dipole = np.array(
        [
            np.cos(latitude) * np.cos(longitude),
            np.cos(latitude) * np.sin(longitude),
            np.sin(latitude),
        ]
    )
    # Y of GSE completes X towards the Sun and Z towards the north of the ecliptic.
    east = np.cross(north, sun)
    return np.asarray(np.arctan2(east @ dipole, np.sum(north * dipole, axis=1)))


def _rounded(columns: dict[str, Array], cadence: str) -> dict[str, Array]:
    """Round to the decimals that are published."""
    decimals = {
        v.name: v.decimals for v in omni_variables("1min" if cadence == "1min" else "hourly")
    }
    return {
        name: values if name == "Kp" else np.round(values, decimals[name])
        for name, values in columns.items()
    }


def _with_derived(columns: dict[str, Array], cadence: str) -> dict[str, Array]:
    """Add what OMNI computes from its own field and plasma."""
    speed, density, field = columns["flow_speed"], columns["proton_density"], columns["B"]
    safe = np.maximum(field, 0.01)
    derived = {
        "pressure": 2e-6 * density * speed**2,
        "E": -1e-3 * speed * columns["Bz"],
        "beta": (4.16e-5 * columns["temperature"] + 5.34) * density / safe**2,
        "Mach_num": speed * np.sqrt(density) / (20.0 * safe),
    }
    # Beyond the range that the files state the archive has fill.
    for name, most in (("beta", 500.0), ("Mach_num", 500.0)):
        derived[name] = np.where(derived[name] < most, derived[name], np.nan)
    return columns | _rounded(derived, cadence)


def minute_columns(
    rng: np.random.Generator,
    time: Times,
    wind: SolarWind,
    jet: Array,
    field_missing: NDArray[np.bool_],
) -> dict[str, Array]:
    """Return the columns of 1-min OMNI, NaN where a spacecraft or an index was silent.

    Parameters
    ----------
    rng : numpy.random.Generator
    time : ndarray of datetime64, (minute,)
        UTC, starts of the averages.
    wind : SolarWind
    jet : ndarray, (minute,)
        From :func:`auroral_stats.simulation.geomagnetic_indices.electrojet` (nT).
    field_missing : ndarray of bool, (minute,)
        Minutes without a magnetic field.

    Returns
    -------
    dict of str to ndarray, (minute,)
        Our names to values, with ``time``. Plasma has gaps of its own, and the electrojet indices
        are absent for two days in the middle and in the last three days of the run.
    """
    angle = gsm_to_gse_angle(time)
    wander = autoregressive(rng, (4, time.size), np.array([180.0, 180.0, 60.0, 1440.0]))
    vy, vz = 30.0 + 14.0 * wander[0], 12.0 * wander[1]
    by, bz = np.round(wind.by, 2), np.round(wind.bz, 2)
    bx, vx = np.round(wind.bx, 2), -np.sqrt(np.maximum(wind.speed**2 - vy**2 - vz**2, 1.0))
    columns = {
        "Bx": bx,
        "By": by,
        "Bz": bz,
        "By_gse": by * np.cos(angle) + bz * np.sin(angle),
        "Bz_gse": bz * np.cos(angle) - by * np.sin(angle),
        "B": np.sqrt(bx**2 + by**2 + bz**2),
        "rms_sd_b": 0.05 + 0.1 * np.abs(wander[2]),
        "rms_sd_field_vector": 0.1 + 0.25 * np.abs(wander[2]),
        "Vx": vx,
        "Vy": vy,
        "Vz": vz,
        "flow_speed": wind.speed,
        "proton_density": wind.density,
        "temperature": wind.temperature,
    }
    columns = _with_derived(_rounded(columns, "1min"), "1min")
    columns |= ring_current(rng, wind.speed, wind.bz, columns["pressure"])
    columns |= auroral_indices(rng, jet)
    columns |= _spacecraft(columns, wander[3])
    plasma_missing = field_missing | gap_mask(
        rng, time.size, per_day=(2.0, 0.12), mean_minutes=(12.0, 400.0)
    )
    for name in (*_FIELD, "E", "beta", "Mach_num", "timeshift", "imf_spacecraft"):
        columns[name] = np.where(field_missing, np.nan, columns[name])
    for name in (*_PLASMA, "pressure", "E", "beta", "Mach_num", "bsn_x", "plasma_spacecraft"):
        columns[name] = np.where(plasma_missing, np.nan, columns[name])
    day = (time - time[0]) // np.timedelta64(1, "D")
    silent = (day // 2 == day[-1] // 4) | (day > day[-1] - 3)
    for name in _ELECTROJETS:
        columns[name] = np.where(silent, np.nan, columns[name])
    return {"time": time, **columns}  # type: ignore[dict-item]


def _spacecraft(columns: dict[str, Array], wander: Array) -> dict[str, Array]:
    """Return what the archive says of where the data come from: Wind, far upstream."""
    size = wander.size
    # Bow-shock nose: scaled with the sixth root of the pressure (Farris and Russell 1994).
    nose = 14.6 * (np.maximum(columns["pressure"], 0.1) / 2.0) ** (-1.0 / 6.0)
    distance = 235.0 + 8.0 * wander
    return {
        "imf_spacecraft": np.full(size, 51.0),
        "plasma_spacecraft": np.full(size, 51.0),
        "timeshift": np.rint((distance - nose) * 6371.2 / columns["flow_speed"]),
        "spacecraft_x": np.round(distance, 2),
        "bsn_x": np.round(nose, 2),
    }


def kp_columns(time: Times, jet: Array) -> dict[str, NDArray[np.generic]]:
    """Return ``time``, ``Kp`` (thirds) and ``ap`` (nT) of each three hours.

    Parameters
    ----------
    time : ndarray of datetime64, (minute,)
        UTC; whole days.
    jet : ndarray, (minute,)
        nT.

    Returns
    -------
    dict of str to ndarray, (3-h interval,)
    """
    kp = kp_of(jet)
    ap = np.array(AP_OF_KP_THIRDS, dtype=np.float64)[np.rint(3 * kp).astype(int)]
    return {"time": time[::180], "Kp": kp, "ap": ap}


def hourly_columns(
    rng: np.random.Generator, minute: dict[str, Array], kp: dict[str, NDArray[np.generic]]
) -> dict[str, Array]:
    """Return the columns of hourly OMNI, from those at one minute.

    Parameters
    ----------
    rng : numpy.random.Generator
    minute : dict
        From :func:`minute_columns`.
    kp : dict
        From :func:`kp_columns`.

    Returns
    -------
    dict of str to ndarray, (hour,)
        An hour with fewer than a quarter of its minutes is missing. ``Dst`` is the mean of SYM-H.
    """
    hours = minute["time"].size // 60
    means = {}
    for name in ("Bx", "By", "Bz", "By_gse", "Bz_gse", "B", *_PLASMA[:1], *_PLASMA[4:]):
        means[name] = _hourly_mean(minute[name])
    for name in (*_ELECTROJETS, "SYM_H"):
        means["Dst" if name == "SYM_H" else name] = _hourly_mean(minute[name])
    flux = 145.0 + 15.0 * np.sin(2 * np.pi * np.arange(hours) / (27 * 24) + rng.uniform(0, 6))
    means["F10_7"] = np.repeat(flux[::24], 24)[:hours]
    means["Kp"], means["ap"] = (np.repeat(kp[name], 3).astype(np.float64) for name in ("Kp", "ap"))
    columns = _with_derived(_rounded(means, "hourly"), "hourly")
    return {"time": minute["time"][::60], **columns}


def _hourly_mean(values: Array) -> Array:
    blocks = values.reshape(-1, 60)
    there = np.isfinite(blocks)
    number = there.sum(axis=1)
    total = np.where(there, blocks, 0.0).sum(axis=1)
    return np.divide(total, number, out=np.full(number.size, np.nan), where=number >= 15)
