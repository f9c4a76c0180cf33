r"""A solar wind at one minute: sectors, recurrent streams, mass ejections, turbulence, gaps.

Four things make the solar wind hard for statistics, and all four are here: fluctuations from
minutes to days, high-speed streams that return with the Sun's rotation of 27 days, storms that
are few and large, and winters that differ in level. The field is made in GSM.

The numbers are round values of the literature on the solar wind at 1 AU: a mean field of 5 nT
along the Parker spiral with a southward component of some 2.5 nT in either direction, streams of
150 km/s with a compressed front (Richardson 2018, doi:10.1007/s41116-017-0011-z), ejecta with a
shock, a turbulent sheath and a slowly turning rope of 10 to 20 nT (Kilpua et al. 2017,
doi:10.1007/s41116-017-0009-6).

Everything here is simulated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auroral_stats.coupling import newell
from auroral_stats.simulation.worlds import autoregressive

__all__ = [
    "SolarWind",
    "SolarWindLevel",
    "coupling_per_minute",
    "gap_mask",
    "simulate_solar_wind",
]

Array = NDArray[np.float64]

_DAY = 1440
_ROTATION = 27 * _DAY
#: Memory (minutes) of the parts of the fluctuating field, and their share of its variance.
_SCALES = np.array([8.0, 45.0, 240.0, 1440.0])
_SHARES = np.array([0.15, 0.25, 0.35, 0.25])


@dataclass(frozen=True)
class SolarWindLevel:
    """What differs from one winter to another.

    Attributes
    ----------
    speed : float
        Of the slow wind (km/s).
    field : float
        Mean magnitude (nT).
    stream : float
        Median excess speed of the high-speed streams (km/s).
    ejections : int
        Mass ejections that arrive in the run.
    """

    speed: float
    field: float
    stream: float
    ejections: int


@dataclass(frozen=True)
class SolarWind:
    """The solar wind at the bow-shock nose, minute by minute, without gaps.

    Attributes
    ----------
    bx, by, bz : ndarray, (minute,)
        GSM (nT).
    speed : ndarray, (minute,)
        km/s.
    density : ndarray, (minute,)
        Protons, cm^-3.
    temperature : ndarray, (minute,)
        K.
    arrivals : tuple of int
        Minutes at which the shocks of mass ejections arrive.
    """

    bx: Array
    by: Array
    bz: Array
    speed: Array
    density: Array
    temperature: Array
    arrivals: tuple[int, ...]


def simulate_solar_wind(rng: np.random.Generator, minutes: int, level: SolarWindLevel) -> SolarWind:
    """Simulate one run of solar wind.

    Parameters
    ----------
    rng : numpy.random.Generator
    minutes : int
        Length of the run.
    level : SolarWindLevel

    Returns
    -------
    SolarWind

    Examples
    --------
    >>> level = SolarWindLevel(speed=370.0, field=5.0, stream=150.0, ejections=2)
    >>> wind = simulate_solar_wind(np.random.default_rng(1), 20 * 1440, level)
    >>> wind.bz.shape, len(wind.arrivals), bool(250 < np.median(wind.speed) < 600)
    ((28800,), 2, True)
    """
    minute = np.arange(minutes, dtype=np.float64)
    excess, front, fast = _streams(rng, minute, level.stream)
    slow_noise, fast_noise, field_noise, density_noise, heat_noise = autoregressive(
        rng, (5, minutes), np.array([2880.0, 30.0, 720.0, 600.0, 300.0])
    )
    speed = level.speed + excess + 25.0 * slow_noise + 6.0 * fast_noise
    magnitude = level.field * np.exp(0.25 * field_noise) * (1.0 + 1.1 * front)
    density = 5.5 * (380.0 / speed) ** 1.5 * np.exp(0.35 * density_noise) * (1.0 + 2.0 * front)
    temperature = 8e4 * (speed / 400.0) ** 3 * np.exp(0.3 * heat_noise) * (1.0 + front)

    # The sector: towards or away from the Sun, twice each in a rotation.
    phase = rng.uniform(0, 2 * np.pi)
    sector = np.tanh(6.0 * np.sin(4 * np.pi * minute / _ROTATION + phase))
    turbulence = 0.5 * magnitude * (1.0 + 0.5 * fast)
    fluctuation = np.zeros((3, minutes))
    for scale, share in zip(_SCALES, _SHARES, strict=True):
        fluctuation += np.sqrt(share) * autoregressive(rng, (3, minutes), float(scale))
    bx = -0.65 * magnitude * sector + 0.8 * turbulence * fluctuation[0]
    by = 0.65 * magnitude * sector + turbulence * fluctuation[1]
    bz = turbulence * fluctuation[2]
    wind = SolarWind(bx, by, bz, speed, density, temperature, ())
    arrivals = _arrivals(rng, minutes, level.ejections)
    for arrival in arrivals:
        _add_ejection(rng, wind, arrival)
    return SolarWind(
        bx, by, bz, np.maximum(speed, 260.0), np.clip(density, 0.3, 90.0), temperature, arrivals
    )


def _streams(rng: np.random.Generator, minute: Array, stream: float) -> tuple[Array, Array, Array]:
    """Return excess speed (km/s), compression at the fronts and share of fast wind (0 to 1)."""
    excess, front = np.zeros((2, minute.size))
    rotations = int(minute.size // _ROTATION) + 2
    for start in rng.uniform(0, _ROTATION, 2):
        number, within = np.divmod(minute + _ROTATION - start, _ROTATION)
        days = within / _DAY
        # A coronal hole lives for rotations; what it sends changes a little from one to the next.
        size = np.exp(0.3 * rng.standard_normal() + 0.15 * rng.standard_normal(rotations + 1))
        size = size[number.astype(np.int64)]
        rise = 1.0 / (1.0 + np.exp(-(days - 0.7) / 0.12))
        excess += stream * size * rise * np.exp(-np.maximum(days - 1.2, 0.0) / 2.2)
        front += size * np.exp(-0.5 * ((days - 0.45) / 0.28) ** 2)
    return excess, front, np.clip(excess / stream, 0.0, 1.0)


def _arrivals(rng: np.random.Generator, minutes: int, count: int) -> tuple[int, ...]:
    """Return one arrival in each of ``count`` equal parts of the run, so that none lacks storms."""
    part = minutes / max(count, 1)
    return tuple(int((k + rng.uniform(0, 1)) * part) for k in range(count))


def _add_ejection(rng: np.random.Generator, wind: SolarWind, arrival: int) -> None:
    """Add a shock, its sheath and a magnetic rope to ``wind``, in place."""
    strength = rng.uniform(0.5, 1.5)
    sheath = int(rng.uniform(5, 11) * 60)
    rope = int(rng.uniform(14, 26) * 60)
    end = min(arrival + sheath + rope, wind.bz.size)
    since = np.arange(wind.speed.size - arrival) / _DAY
    wind.speed[arrival:] += 170.0 * strength * np.exp(-since / 1.1)

    middle = min(arrival + sheath, wind.bz.size)
    behind = slice(arrival, middle)
    shaken = autoregressive(rng, (3, sheath), np.array([12.0, 12.0, 25.0]))[:, : middle - arrival]
    for component, noise in zip((wind.bx, wind.by, wind.bz), shaken, strict=True):
        component[behind] = 1.3 * component[behind] + 4.5 * strength * noise
    wind.density[behind] *= 2.5
    wind.temperature[behind] *= 2.5

    inside = slice(middle, end)
    along = np.arange(end - middle) / rope
    edge = np.clip(np.minimum(along, 1.0 - along) / 0.08, 0.0, 1.0)
    peak = (5.0 + 9.0 * strength) * (1.0 - 0.25 * along)
    # The field turns through half a circle: south to north, or north to south.
    turn = np.pi * (along - 0.5) * rng.choice([-1.0, 1.0])
    lean = rng.uniform(-0.5, 0.5)
    shape = (0.25 * np.cos(turn), np.cos(turn + lean), np.sin(turn + lean))
    for component, part in zip((wind.bx, wind.by, wind.bz), shape, strict=True):
        component[inside] *= 1.0 - 0.7 * edge
        component[inside] += edge * peak * part
    wind.density[inside] *= 1.0 - 0.4 * edge
    wind.temperature[inside] *= 1.0 - 0.75 * edge


def coupling_per_minute(wind: SolarWind) -> Array:
    """Return the Newell coupling of each minute, (km/s)^(4/3) nT^(2/3).

    Parameters
    ----------
    wind : SolarWind

    Returns
    -------
    ndarray, (minute,)
    """
    return np.asarray(newell(wind.speed, wind.by, wind.bz))


def gap_mask(
    rng: np.random.Generator,
    minutes: int,
    *,
    per_day: Sequence[float] = (3.0, 0.08),
    mean_minutes: Sequence[float] = (7.0, 420.0),
) -> NDArray[np.bool_]:
    """Return which minutes are missing: gaps of minutes, and a few of hours to days.

    Parameters
    ----------
    rng : numpy.random.Generator
    minutes : int
    per_day : sequence of float
        Gaps of each kind in a day.
    mean_minutes : sequence of float
        Their mean length; lengths are exponential.

    Returns
    -------
    ndarray of bool, (minute,)

    Examples
    --------
    >>> missing = gap_mask(np.random.default_rng(0), 30 * 1440)
    >>> bool(0.01 < missing.mean() < 0.2)
    True
    """
    missing = np.zeros(minutes, dtype=bool)
    for rate, mean in zip(per_day, mean_minutes, strict=True):
        for _ in range(rng.poisson(rate * minutes / _DAY)):
            start = int(rng.integers(minutes))
            missing[start : start + 1 + int(rng.exponential(mean))] = True
    return missing
