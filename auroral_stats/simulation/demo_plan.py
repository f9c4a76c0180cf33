r"""What the demo world is to be: winters, sites, cadences, and where and when they are.

The plan and a seed decide everything; each part draws from a stream of its own, so that a change
in one part leaves the others as they were.

Everything here is simulated.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from auroral_stats.errors import UsageError
from auroral_stats.geometry import site_geometry
from auroral_stats.nights import NIGHT_START_HOUR
from auroral_stats.simulation.solar_wind import SolarWindLevel
from auroral_stats.simulation.weather import moonlight

__all__ = ["Calendar", "DemoPlan", "Winter", "calendar_of", "stream"]

Array = NDArray[np.float64]

_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Winter:
    """One run of nights, and what differs from one winter to another.

    Attributes
    ----------
    first_night : str
        Date on which the first night begins (UTC, 19 UT).
    level : SolarWindLevel
    mood : float
        Added to the logit of every aurora, for what the driver does not explain.
    """

    first_night: str
    level: SolarWindLevel
    mood: float


def _winters() -> tuple[Winter, ...]:
    # New and full Moon both fall into each run of forty nights.
    return (
        Winter("2013-11-25", SolarWindLevel(360.0, 4.5, 120.0, 2), -0.1),
        Winter("2014-11-20", SolarWindLevel(390.0, 5.2, 170.0, 3), 0.1),
    )


@dataclass(frozen=True)
class DemoPlan:
    """How large the demo world is.

    Attributes
    ----------
    sites : tuple of str
        Site codes, each with a magnetometer of the same code.
    winters : tuple of Winter
    nights : int
        Consecutive nights in each winter.
    margin_days : int
        Solar wind and magnetometers begin so much before the first night and end so much after
        the last.
    frame_seconds : int
        Cadence of the cameras; divides 60.
    field_seconds : int
        Cadence of the magnetometers; divides 60.
    fast_seconds : float
        Cadence of one station-day, that of the first mass ejection of the last winter at the
        first site; 0 for none.
    max_sun_elevation : float
        The cameras run with the Sun at or below it (degrees).
    truth_runs : int
        Independent realisations of the solar wind from which the truth is computed.
    """

    sites: tuple[str, ...] = ("gill", "fsim", "fsmi", "snkq", "rank", "atha")
    winters: tuple[Winter, ...] = field(default_factory=_winters)
    nights: int = 40
    margin_days: int = 9
    frame_seconds: int = 3
    field_seconds: int = 10
    fast_seconds: float = 0.5
    max_sun_elevation: float = -10.0
    truth_runs: int = 30

    def __post_init__(self) -> None:
        """Refuse a plan that cannot be built."""
        if not self.sites or not self.winters or self.nights < 1 or self.margin_days < 1:
            raise UsageError(
                f"the plan has {len(self.sites)} sites, {len(self.winters)} winters, {self.nights} "
                f"nights and a margin of {self.margin_days} days; expected one or more of each."
            )
        for name in ("frame_seconds", "field_seconds"):
            if getattr(self, name) < 1 or 60 % getattr(self, name):
                raise UsageError(f"{name} is {getattr(self, name)}; expected a divisor of 60.")
        if self.truth_runs < 2:
            raise UsageError(f"truth_runs is {self.truth_runs}; expected 2 or more.")

    @property
    def steps(self) -> int:
        """How many lines of progress the building of the world reports."""
        return len(self.winters) * (1 + len(self.sites)) + 2

    @property
    def frames_per_minute(self) -> int:
        """Frames that a camera takes in a minute."""
        return 60 // self.frame_seconds


@dataclass(frozen=True)
class Calendar:
    """Sun, Moon and magnetic local time over the sites in one winter.

    Attributes
    ----------
    time : ndarray of datetime64[m], (minute,)
        UTC, whole days, margins included.
    run : slice
        The minutes of the nights themselves.
    night : ndarray of int64, (minute,)
        Number of the night, from 19 UT to 19 UT; 0 is the first of the margin.
    sun, moon, mlt, mlat : ndarray, (minute, site)
        Elevations and latitude in degrees, local time in hours.
    illumination : ndarray, (minute,)
        Illuminated fraction of the Moon.
    longitude : ndarray, (site,)
        Degrees east.
    """

    time: NDArray[np.datetime64]
    run: slice
    night: NDArray[np.int64]
    sun: NDArray[np.float32]
    moon: NDArray[np.float32]
    mlt: NDArray[np.float32]
    mlat: NDArray[np.float32]
    illumination: NDArray[np.float32]
    longitude: Array

    def light(self, site: int) -> Array:
        """Return the moonlight over a site, (minute,)."""
        elevation = self.moon[:, site].astype(np.float64)
        return moonlight(elevation, self.illumination.astype(np.float64))


def calendar_of(plan: DemoPlan, winter: Winter) -> Calendar:
    """Return where Sun and Moon stand over the sites of a plan in one winter.

    Parameters
    ----------
    plan : DemoPlan
    winter : Winter

    Returns
    -------
    Calendar

    Examples
    --------
    >>> plan = DemoPlan(sites=("gill",), nights=2, margin_days=1)
    >>> calendar = calendar_of(plan, plan.winters[0])
    >>> str(calendar.time[0]), str(calendar.time[calendar.run][0]), calendar.time.size // 1440
    ('2013-11-24T00:00', '2013-11-25T19:00', 5)
    """
    first = np.datetime64(winter.first_night, "D")
    start, end = (
        first - plan.margin_days * _DAY,
        first + (plan.nights + 1 + plan.margin_days) * _DAY,
    )
    time = np.arange(start, end, np.timedelta64(1, "m"), dtype="datetime64[m]")
    dusk = (plan.margin_days * 24 + NIGHT_START_HOUR) * 60
    sky = site_geometry(
        time,
        plan.sites,
        quantities=("sun_elevation", "moon_elevation", "moon_illumination", "mlat", "mlt"),
    )
    return Calendar(
        time=time,
        run=slice(dusk, dusk + plan.nights * 1440),
        night=(np.arange(time.size) + (24 - NIGHT_START_HOUR) * 60) // 1440,
        sun=sky["sun_elevation"].to_numpy(),
        moon=sky["moon_elevation"].to_numpy(),
        mlt=sky["mlt"].to_numpy(),
        mlat=sky["mlat"].to_numpy(),
        illumination=sky["moon_illumination"].to_numpy(),
        longitude=sky["longitude"].to_numpy(),
    )


def stream(seed: int, *key: int) -> np.random.Generator:
    """Return the random numbers of one part of the world.

    Parameters
    ----------
    seed : int
    *key : int
        Numbers that name the part.

    Returns
    -------
    numpy.random.Generator

    Raises
    ------
    UsageError
        If the seed is negative.
    """
    if seed < 0:
        raise UsageError(f"--seed {seed}: expected 0 or more.")
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
