"""The registry of drivers: what ``--by`` accepts, and what its axis, unit and bins are.

A driver is one frozen declaration. The command line, its help, axis labels and the tables in the
documentation are made from :data:`DRIVERS`; a new driver is one more entry. The coupling
functions themselves live in :mod:`auroral_stats.coupling` and are offered here too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from auroral_stats.coupling import (
    akasofu_epsilon,
    clock_angle,
    cone_angle,
    kan_lee,
    milan,
    newell,
    transverse_field,
    vbs,
)
from auroral_stats.errors import UsageError
from auroral_stats.registry import find_named

__all__ = [
    "DRIVERS",
    "Driver",
    "akasofu_epsilon",
    "clock_angle",
    "cone_angle",
    "default_lag_window",
    "find_driver",
    "kan_lee",
    "milan",
    "newell",
    "register_driver",
    "transverse_field",
    "vbs",
]

Kind = Literal["solar wind", "index", "geometry", "time", "site"]
Origin = Literal["omni", "hourly", "kp", "frames"]


def _itself(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class Driver:
    """One thing that occurrence can be binned by.

    Attributes
    ----------
    name : str
        What ``--by`` takes and what the variable is called.
    long_name, units : str
        For axes and tables; units are empty for a pure number.
    kind : str
        ``solar wind``, ``index``, ``geometry``, ``time`` or ``site``; decides the default lag.
    origin : str
        Where the inputs come from: the chosen OMNI cadence, hourly OMNI, Kp, or the frames
        themselves.
    inputs : tuple of str
        Names of the variables that ``compute`` takes.
    compute : callable
        Pure function of the inputs.
    edges : tuple of float
        Default bin edges, [a, b); empty for categories.
    bin_names : tuple of str
        What the default bins are called, where edges would puzzle a reader (Kp); empty for
        ``[a, b)``. Bins of other edges are named by these edges.
    categories : tuple
        Values of a categorical driver; empty for edges, or where the data decide.
    circular : bool
        Whether the last edge is the first again.
    average_inputs : bool
        Whether a window averages the inputs before ``compute`` (angles) and not its result.
    source : str
        Where the definition comes from.
    """

    name: str
    long_name: str
    units: str
    kind: Kind
    origin: Origin
    inputs: tuple[str, ...]
    edges: tuple[float, ...] = ()
    compute: Callable[..., Any] = _itself
    categories: tuple[str | float, ...] = ()
    circular: bool = False
    average_inputs: bool = False
    source: str = "OMNI"
    bin_names: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Axis label: the long name with its unit."""
        return f"{self.long_name} ({self.units})" if self.units else self.long_name

    @property
    def period(self) -> float:
        """Period of a circular driver in its units, 0 for others."""
        return self.edges[-1] - self.edges[0] if self.circular else 0.0

    @property
    def causal(self) -> bool:
        """Whether the driver precedes the aurora by construction, as the solar wind does."""
        return self.kind == "solar wind"


def default_lag_window(driver: Driver, cadence_minutes: int) -> tuple[int, int]:
    """Return the default lag and averaging window in minutes.

    Parameters
    ----------
    driver : Driver
    cadence_minutes : int
        Of the data the driver is taken from.

    Returns
    -------
    lag, window : int
        Solar wind and coupling: 10 and 60 (60 and 0 for hourly data); all else: 0 and 0.

    Examples
    --------
    >>> default_lag_window(DRIVERS["Bz"], 1), default_lag_window(DRIVERS["Kp"], 180)
    ((10, 60), (0, 0))
    """
    if driver.kind != "solar wind":
        return 0, 0
    return (60, 0) if cadence_minutes >= 60 else (10, 60)


_FIELD = tuple(float(e) for e in range(-10, 11, 2))
_SPEED = tuple(float(e) for e in range(250, 801, 50))
_OMNI_DERIVED = "OMNI, from the shifted plasma and field averages"


def _omni(name: str, long_name: str, units: str, edges: tuple[float, ...], **more: Any) -> Driver:
    return Driver(name, long_name, units, "solar wind", "omni", (name,), edges, **more)


def _coupling(
    name: str,
    long_name: str,
    units: str,
    edges: tuple[float, ...],
    compute: Callable[..., Any],
    inputs: tuple[str, ...],
    source: str,
) -> Driver:
    return Driver(
        name, long_name, units, "solar wind", "omni", inputs, edges, compute, source=source
    )


def _index(name: str, long_name: str, edges: tuple[float, ...], **more: Any) -> Driver:
    options = {"units": "nT", "origin": "omni", "source": "WDC Kyoto, through OMNI"} | more
    return Driver(
        name=name, long_name=long_name, kind="index", inputs=(name,), edges=edges, **options
    )


def _frames(
    name: str, long_name: str, units: str, kind: Kind, edges: tuple[float, ...] = (), **more: Any
) -> Driver:
    options = {"source": "computed for each site and minute"} | more
    return Driver(name, long_name, units, kind, "frames", (name,), edges, **options)


_DECLARED = (
    _omni("Bx", "IMF Bx", "nT", _FIELD),
    _omni("By", "IMF By (GSM)", "nT", _FIELD),
    _omni("Bz", "IMF Bz (GSM)", "nT", _FIELD),
    _omni("B", "IMF magnitude", "nT", (0, 2, 4, 6, 8, 10, 15, 20, 30)),
    _coupling(
        "B_T",
        "transverse IMF",
        "nT",
        (0, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20),
        transverse_field,
        ("By", "Bz"),
        "sqrt(By^2 + Bz^2), GSM",
    ),
    Driver(
        "clock_angle",
        "IMF clock angle",
        "degree",
        "solar wind",
        "omni",
        ("By", "Bz"),
        # Eight bins of 45 degrees, as of convection maps, each centred on +-Bz, +-By or halfway:
        # purely southward IMF is the middle of one bin and not the edge of two.
        tuple(45.0 * k - 22.5 for k in range(-3, 6)),
        clock_angle,
        circular=True,
        average_inputs=True,
        source="atan2(By, Bz), GSM: 0 is northward, 90 along +By, 180 southward; By and Bz are "
        "averaged, not the angle; bins centred on the axes and halfway",
    ),
    Driver(
        "cone_angle",
        "IMF cone angle",
        "degree",
        "solar wind",
        "omni",
        ("Bx", "By", "Bz"),
        (0, 20, 40, 60, 80, 100, 120, 140, 160, 180),
        cone_angle,
        average_inputs=True,
        source="arccos(Bx / B); the components are averaged, not the angle",
    ),
    _omni("flow_speed", "solar wind speed", "km/s", _SPEED),
    _omni(
        "proton_density", "proton density", "cm^-3", (0, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50)
    ),
    _omni(
        "temperature", "proton temperature", "K", (0, 1e4, 2e4, 4e4, 7e4, 1e5, 1.5e5, 2e5, 3e5, 5e5)
    ),
    _omni(
        "pressure",
        "flow pressure",
        "nPa",
        (0, 0.5, 1, 1.5, 2, 2.5, 3, 4, 6, 10, 20),
        source=_OMNI_DERIVED,
    ),
    _omni(
        "E",
        "motional electric field -V Bz",
        "mV/m",
        tuple(float(e) for e in range(-5, 6)),
        source=_OMNI_DERIVED,
    ),
    _omni("beta", "plasma beta", "", (0, 0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 20), source=_OMNI_DERIVED),
    _omni(
        "Mach_num", "Alfven Mach number", "", (0, 4, 6, 8, 10, 12, 15, 20, 30), source=_OMNI_DERIVED
    ),
    _coupling(
        "newell",
        "Newell coupling",
        "(km/s)^(4/3) nT^(2/3)",
        (0, 500, 1000, 2000, 3000, 4000, 6000, 8000, 10000, 15000, 20000, 30000),
        newell,
        ("flow_speed", "By", "Bz"),
        "Newell et al. 2007, doi:10.1029/2006JA012015",
    ),
    _coupling(
        "kan_lee",
        "Kan-Lee electric field",
        "mV/m",
        (0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 10),
        kan_lee,
        ("flow_speed", "By", "Bz"),
        "Kan and Lee 1979, doi:10.1029/GL006i007p00577",
    ),
    _coupling(
        "epsilon",
        "Akasofu epsilon",
        "GW",
        (0, 5, 10, 20, 40, 70, 100, 200, 400, 1000, 2000),
        akasofu_epsilon,
        ("flow_speed", "Bx", "By", "Bz"),
        "Perreault and Akasofu 1978, doi:10.1111/j.1365-246X.1978.tb05494.x",
    ),
    _coupling(
        "vBs",
        "half-wave rectified vBs",
        "mV/m",
        (0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 10),
        vbs,
        ("flow_speed", "Bz"),
        "Burton et al. 1975, doi:10.1029/JA080i031p04204",
    ),
    _coupling(
        "milan",
        "Milan reconnection voltage",
        "kV",
        (0, 2, 5, 10, 15, 20, 30, 40, 50, 75, 100, 150),
        milan,
        ("flow_speed", "By", "Bz"),
        "Milan et al. 2012, doi:10.1029/2011JA017082",
    ),
    _index("AE", "AE index", (0, 25, 50, 100, 150, 200, 300, 400, 600, 800, 1200, 2000)),
    _index(
        "AL", "AL index", (-2000, -1200, -800, -600, -400, -300, -200, -150, -100, -50, -25, 0, 50)
    ),
    _index("AU", "AU index", (-50, 0, 25, 50, 75, 100, 150, 200, 300, 400, 600)),
    _index("SYM_H", "SYM-H index", (-250, -150, -100, -70, -50, -40, -30, -20, -10, 0, 10, 20, 40)),
    _index("SYM_D", "SYM-D index", (-40, -20, -10, -5, 0, 5, 10, 20, 40)),
    _index("ASY_H", "ASY-H index", (0, 10, 20, 30, 40, 60, 80, 120, 200)),
    _index("ASY_D", "ASY-D index", (0, 10, 20, 30, 40, 60, 80, 120, 200)),
    _index(
        "Kp",
        "Kp index",
        tuple(k - 0.5 for k in range(11)),
        units="",
        origin="kp",
        source="GFZ Potsdam, Matzka et al. 2021, doi:10.5880/Kp.0001; held over its 3 h; bin 1 "
        "holds 1-, 1 and 1+",
        bin_names=tuple(str(k) for k in range(10)),
    ),
    _index(
        "ap",
        "ap index",
        (0, 3, 6, 10, 15, 22, 32, 48, 80, 132, 207, 401),
        origin="kp",
        source="GFZ Potsdam, Matzka et al. 2021, doi:10.5880/Kp.0001; held over its 3 h",
    ),
    _index(
        "Dst",
        "Dst index",
        (-250, -150, -100, -70, -50, -40, -30, -20, -10, 0, 10, 20, 40),
        origin="hourly",
        source="WDC Kyoto, through hourly OMNI",
    ),
    _index(
        "F10_7",
        "F10.7 solar radio flux",
        (60, 70, 80, 100, 120, 150, 200, 300),
        units="sfu",
        origin="hourly",
        source="through hourly OMNI",
    ),
    _frames(
        "mlt",
        "magnetic local time",
        "h",
        "geometry",
        tuple(float(h) for h in range(25)),
        circular=True,
        source="AACGM-v2 at 110 km",
    ),
    _frames(
        "mlat",
        "magnetic latitude",
        "degree",
        "geometry",
        (56, 58, 60, 62, 64, 66, 68, 70, 72, 74, 76, 78, 80),
        source="AACGM-v2 at 110 km, at the date",
    ),
    _frames("site", "site", "", "site", source="label store"),
    _frames("month", "month", "", "time", categories=tuple(range(1, 13)), source="UTC"),
    _frames(
        "season",
        "season",
        "",
        "time",
        categories=("DJF", "MAM", "JJA", "SON"),
        source="whole UTC months (MAM is March to May); no season is centred on an equinox or "
        "solstice, which fall on about 20 March, 21 June, 22 September and 21 December",
    ),
    _frames("year", "year", "", "time", source="UTC"),
    _frames(
        "hour",
        "universal time",
        "h",
        "time",
        tuple(float(h) for h in range(25)),
        circular=True,
        source="UTC",
    ),
    _frames(
        "sun_elevation",
        "Sun elevation",
        "degree",
        "geometry",
        (-60, -50, -40, -30, -24, -18, -15, -12, -6, 0),
    ),
    _frames(
        "moon_elevation", "Moon elevation", "degree", "geometry", (-60, -40, -20, 0, 10, 20, 40, 60)
    ),
    _frames(
        "moon_illumination",
        "Moon illumination",
        "",
        "geometry",
        (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
    ),
)

#: Every driver by name, in the order of ``auroral_stats drivers``.
DRIVERS: dict[str, Driver] = {driver.name: driver for driver in _DECLARED}


def register_driver(driver: Driver) -> None:
    """Add a driver of your own to :data:`DRIVERS`.

    Parameters
    ----------
    driver : Driver
        Its inputs are variables of the joined Dataset.

    Raises
    ------
    UsageError
        If the name is taken.

    Examples
    --------
    >>> own = Driver("vB", "v times B", "mV/m", "solar wind", "omni", ("flow_speed", "B"),
    ...              (0, 2, 4, 8), compute=lambda v, b: 1e-3 * v * b, source="own")
    >>> register_driver(own)
    >>> find_driver("vB").label
    'v times B (mV/m)'
    >>> del DRIVERS["vB"]
    """
    if driver.name in DRIVERS:
        raise UsageError(f"a driver {driver.name!r} exists already; choose another name.")
    DRIVERS[driver.name] = driver


def find_driver(name: str) -> Driver:
    """Return the driver ``name``.

    Parameters
    ----------
    name : str
        As listed by ``auroral_stats drivers``; upper and lower case are told apart only where
        two drivers differ by nothing else.

    Returns
    -------
    Driver

    Raises
    ------
    UsageError
        If there is none; the message gives the nearest names and the list.

    Examples
    --------
    >>> find_driver("bz").name
    'Bz'
    """
    return find_named(DRIVERS, name, "driver")


def months_to_seasons(month: np.ndarray) -> np.ndarray:
    """Return the meteorological season of each month (1-12).

    Examples
    --------
    >>> months_to_seasons(np.array([12, 3, 7])).tolist()
    ['DJF', 'MAM', 'JJA']
    """
    return np.array(["DJF", "MAM", "JJA", "SON"])[np.asarray(month) % 12 // 3]
