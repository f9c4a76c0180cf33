r"""What the ground magnetometers say of a minute: the registry of disturbance measures.

A measure is one frozen declaration; :func:`measure_at` gives its value at one station on the
minutes of the joined magnetometer. All are made from 1-min means, and a rate of change depends on
that cadence: the same hour may have 4 nT/s at 1 s and 1 nT/s at 60 s. It is stated with every
result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from auroral_stats.disturbance import bay_depth, dbdt, horizontal, positive_bay
from auroral_stats.errors import DataError, UsageError
from auroral_stats.registry import find_named
from auroral_stats.station_minutes import StationMinutes, forward_maximum, station_minutes

__all__ = [
    "BASELINES",
    "MEASURES",
    "Measure",
    "find_measure",
    "measure_at",
    "require_magnetometer",
]

Array = NDArray[np.float64]

#: Baselines that the joined data hold.
BASELINES = ("running", "day", "median")


@dataclass(frozen=True)
class Measure:
    """One way to say how disturbed the ground is.

    Attributes
    ----------
    name : str
    long_name, units : str
        For axes and tables.
    compute : callable
        From :class:`StationMinutes` to its value at each minute.
    thresholds : tuple of float
        Default thresholds, in ``units``.
    uses_baseline : bool
        Whether the value depends on the baseline that was removed.
    looks_back, looks_forward : int
        Minutes before and after m that the value at m takes in.
    source : str
        Where definition and thresholds come from.
    highest_usual : float
        Thresholds above it belong to data of another cadence; infinite where there is no such.
    highest_note : str
        What to say of them.
    """

    name: str
    long_name: str
    units: str
    compute: Callable[[StationMinutes], Array]
    thresholds: tuple[float, ...]
    uses_baseline: bool
    looks_back: int = 0
    looks_forward: int = 0
    source: str = ""
    highest_usual: float = float("inf")
    highest_note: str = ""

    @property
    def label(self) -> str:
        """Axis label: the long name with its unit."""
        return f"{self.long_name} ({self.units})"

    def minutes_read(self, forward: int = 0) -> str:
        """Say which minutes the value at minute m takes in.

        Parameters
        ----------
        forward : int
            Minutes over which the maximum is taken, from m on; 0 for the value at m.

        Examples
        --------
        >>> find_measure("bay").minutes_read()
        'X at minute m, read from m - 10 to m + 29 min'
        """
        first = f"m - {self.looks_back}" if self.looks_back else "m"
        if forward:
            most = f"X is the maximum over m to m + {forward - 1} min"
            return f"{most}, read from {first} on" if self.looks_back else most
        if not self.looks_back and not self.looks_forward:
            return "X at minute m"
        last = f"m + {self.looks_forward}" if self.looks_forward else "m"
        return f"X at minute m, read from {first} to {last} min"


def _dbdt(series: StationMinutes) -> Array:
    return np.asarray(dbdt(series.h, series.d, 60.0), dtype=np.float64)


def _horizontal(series: StationMinutes) -> Array:
    return np.asarray(horizontal(series.dh, series.dd), dtype=np.float64)


def _bay(series: StationMinutes) -> Array:
    # From the field itself: the difference of two minutes needs no baseline, and the seams of one
    # (midnight, for that of the day) would pass for bays.
    return -np.asarray(bay_depth(series.h), dtype=np.float64)


def _positive_bay(series: StationMinutes) -> Array:
    return np.asarray(positive_bay(series.h), dtype=np.float64)


def _pi2(series: StationMinutes) -> Array:
    return series.pi2


_DECLARED = (
    Measure(
        "dBdt",
        "|dB_h/dt| of 1-min means",
        "nT/s",
        _dbdt,
        (0.3, 0.7, 1.1, 1.5),
        uses_baseline=False,
        looks_back=1,
        source="sqrt(H'^2 + D'^2); thresholds of Pulkkinen et al. 2013, doi:10.1002/swe.20056",
        highest_usual=2.0,
        highest_note=(
            "a threshold above 2 nT/s is rarely reached by 1-min means, which smooth the peaks; 5 "
            "nT/s belongs to data of 10 s or faster (Weygand et al. 2021)"
        ),
    ),
    Measure(
        "dB",
        "horizontal disturbance",
        "nT",
        _horizontal,
        (50.0, 100.0, 200.0, 300.0),
        uses_baseline=True,
        source="sqrt(dH^2 + dD^2); thresholds are a choice of this package",
    ),
    Measure(
        "bay",
        "depth of the negative bay within 30 min",
        "nT",
        _bay,
        (50.0, 100.0, 200.0, 300.0),
        uses_baseline=False,
        looks_back=10,
        looks_forward=29,
        source=(
            "median H of the 10 min before m less its minimum in the 30 min from m, positive for a "
            "bay; windows and thresholds are a choice of this package"
        ),
    ),
    Measure(
        "positive_bay",
        "height of the positive bay within 30 min",
        "nT",
        _positive_bay,
        (50.0, 100.0, 200.0, 300.0),
        uses_baseline=False,
        looks_back=10,
        looks_forward=29,
        source=(
            "maximum of H in the 30 min from m less its median in the 10 min before; windows and "
            "thresholds are a choice of this package"
        ),
    ),
    Measure(
        "pi2",
        "Pi2 power (40 to 150 s)",
        "nT^2",
        _pi2,
        (0.5, 5.0, 50.0, 500.0),
        uses_baseline=False,
        looks_back=9,
        source=(
            "band power of H and D in the 10 min that end with m; the thresholds are a choice of this package: the power of "
            "sinusoids with amplitudes of 1, 3.2, 10 and 32 nT"
        ),
    ),
)

#: Every measure by name.
MEASURES: dict[str, Measure] = {measure.name: measure for measure in _DECLARED}


def find_measure(name: str) -> Measure:
    """Return the measure ``name``.

    Parameters
    ----------
    name : str
        Case does not matter.

    Returns
    -------
    Measure

    Raises
    ------
    UsageError
        If there is none; the message gives the nearest names and the list.

    Examples
    --------
    >>> find_measure("dbdt").units
    'nT/s'
    """
    return find_named(MEASURES, name, "measure")


def require_magnetometer(data: xr.Dataset, measure: Measure, baseline: str) -> None:
    """Refuse joined data that cannot give a measure.

    Parameters
    ----------
    data : xarray.Dataset
        Joined data.
    measure : Measure
    baseline : str

    Raises
    ------
    UsageError
        If there is no such baseline.
    DataError
        If the joined data have no magnetometer, or not what the measure needs.
    """
    if baseline not in BASELINES:
        raise UsageError(f"--baseline {baseline!r}: expected one of {', '.join(BASELINES)}.")
    needed = ["mag", *(["mag_baseline"] if measure.uses_baseline else [])]
    needed += ["pi2"] if measure.name == "pi2" else []
    lacking = [name for name in needed if name not in data]
    if lacking:
        raise DataError(
            f"measure {measure.name} needs {', '.join(lacking)}, which the joined data do not "
            "have: they have no magnetometer data. Join again with --mag."
        )
    if measure.uses_baseline and baseline not in data["baseline"].to_numpy():
        held = ", ".join(map(str, data["baseline"].to_numpy()))
        raise DataError(
            f"the joined data hold the baselines {held}, not {baseline!r}. Choose one of them, or "
            "join again with --mag."
        )


def measure_at(
    data: xr.Dataset,
    measure: Measure,
    site: int,
    *,
    baseline: str = "running",
    forward: int = 0,
) -> Array:
    """Return a measure at one site on the minutes of the joined magnetometer.

    Parameters
    ----------
    data : xarray.Dataset
        Joined data with a magnetometer.
    measure : Measure
    site : int
        Position along the dimension ``site``.
    baseline : str
        Of :data:`BASELINES`.
    forward : int
        Minutes; 0 for the value at minute m, n for the maximum over m to m + n - 1.

    Returns
    -------
    ndarray, (mag_time,)
        NaN where missing. Gaps in the axis are gaps: no difference and no window reaches across.
    """
    series, at = station_minutes(data, site, baseline)
    values = np.asarray(measure.compute(series), dtype=np.float64)
    if forward:
        values = forward_maximum(values, forward)
    return np.asarray(values[at])
