r"""Could the driver of another year have given the same table? The circular-shift null.

Labels and drivers both have memory, seasons and a solar cycle, so that two unrelated series of
them correlate. The null keeps all of that and breaks only the pairing: the drivers are moved by
whole years and a few days, the table is counted again, and the largest studentised deviation

.. math:: T = \max_b |R(c|b) - R(c)| / s(R(c|b))

over the bins that pass the gate is compared with that of the true pairing. The maximum over bins
makes one test of a whole row of a table; p values of several classes are adjusted together
(Benjamini-Hochberg).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from auroral_stats.drivers import Driver
from auroral_stats.errors import DataError, UsageError
from auroral_stats.gate import Gate, gate_failures
from auroral_stats.intervals import false_discovery
from auroral_stats.labels import CLASSES, USABLE, USABLE_INDEX
from auroral_stats.lagging import driver_at
from auroral_stats.minutes import MOONLIT_ILLUMINATION, night_of, time_blocks
from auroral_stats.nights import winter_of
from auroral_stats.occurrence_options import HEADLINE_LABELS
from auroral_stats.pairing import pair
from auroral_stats.uncertainty import (
    by_cluster,
    jackknife_se,
    kish,
    leave_one_out,
    night_levels,
)

__all__ = ["MIN_SHIFTS", "circular_shift_null", "shift_days"]

#: Fewer distinct shifts than this test nothing at the 0.5 % level of care asked for.
MIN_SHIFTS = 199
#: Days around whole years; shifts stay in season.
_SEASON = 30
#: The Sun turns in 27 days, and the solar wind recurs with it.
_ROTATION, _AROUND_ROTATION = 27, 3


def shift_days(years: int) -> NDArray[np.int64]:
    """Return the shifts that make a null: whole years and up to 30 days, either way.

    The record is a circle of ``years`` times 365 days: what is moved over its end comes back at its
    beginning, moved the other way round by the rest of the circle. Shifts of which either part is
    near a multiple of 27 days are left out, for the solar wind recurs with the rotation of the Sun
    and such a pairing would not be broken.

    Parameters
    ----------
    years : int
        Length of the driver record.

    Returns
    -------
    ndarray of int64
        Days, increasing; all distinct on the circle, and none shorter than 335 days either way.

    Examples
    --------
    >>> shifts = shift_days(14)
    >>> len(shifts), int(shifts.min())
    (387, 335)
    """
    turns = 365 * np.arange(1, years)
    shifts = (turns[:, None] + np.arange(-_SEASON, _SEASON + 1)).ravel()
    keep = np.ones(shifts.size, dtype=bool)
    for part in (shifts, 365 * years - shifts):
        phase = np.abs((part + _ROTATION // 2) % _ROTATION - _ROTATION // 2)
        keep &= phase > _AROUND_ROTATION
    return shifts[keep]


def circular_shift_null(
    data: xr.Dataset,
    by: str | Driver,
    *,
    labels: Sequence[str] = HEADLINE_LABELS,
    bins: Sequence[float] | int | None = None,
    lag: int | None = None,
    window: int | None = None,
    max_sun_elevation: float | None = -12.0,
    moon: str = "down",
    gate: Gate | None = None,
    shifts: int = 999,
    seed: int = 0,
) -> xr.Dataset:
    """Test whether a class depends on a driver, against drivers of other years.

    Parameters
    ----------
    data : xarray.Dataset
        Joined data whose drivers cover several years without long gaps.
    by : str or Driver
        A driver of the solar wind or an index.
    labels : sequence of str
        Usable classes.
    bins, lag, window, max_sun_elevation, moon, gate
        As in :func:`auroral_stats.occurrence.occurrence`. Of the gate, nights, effective nights,
        nights with the class and winters are asked for anew at each shift.
    shifts : int
        Number of shifts to draw from those there are.
    seed : int

    Returns
    -------
    xarray.Dataset
        ``statistic(label)``, ``null(shift, label)``, ``p_value(label)`` and
        ``p_adjusted(label)``; NaN where no bin passes the gate.

    Raises
    ------
    UsageError
        If the driver comes with the frames, or a label is not usable.
    DataError
        If the record allows fewer than 199 distinct shifts: then nothing is testable.
    """
    unknown = [name for name in labels if name not in USABLE]
    if unknown:
        raise UsageError(f"labels {', '.join(unknown)}: expected any of {', '.join(USABLE)}.")
    ((pairing, _),) = pair(
        data,
        by,
        bins=[bins],
        lag=lag,
        window=window,
        max_sun_elevation=max_sun_elevation,
        moon=moon,
    )
    if pairing.cadence == 0:
        raise UsageError(
            f"{pairing.driver.name} comes with the frame and cannot be moved against it; "
            "expected a driver of the solar wind or an index."
        )
    dense = np.arange(*_span(data, pairing.driver), np.timedelta64(1, "m"))
    minutes = xr.Dataset({n: data[n] for n in pairing.driver.inputs}).assign_coords(time=dense)
    values = driver_at(minutes, pairing.driver, lag=pairing.lag, window=pairing.window)
    row = pairing.bins.index(values.to_numpy())
    years = dense.size // 1440 // 365
    possible = shift_days(years)
    if possible.size < MIN_SHIFTS:
        raise DataError(
            f"not testable: the drivers cover {dense.size // 1440} days, which allow "
            f"{possible.size} distinct shifts; expected at least {MIN_SHIFTS}. "
            "Join labels of more years."
        )
    chosen = np.sort(
        np.random.default_rng(seed).choice(possible, min(shifts, possible.size), replace=False)
    )
    time, frames = _frames_by_minute(data, max_sun_elevation, moon)
    at = ((time - dense[0]) // np.timedelta64(1, "m")).astype(np.int64)
    # What lies after the last whole year has no place on the circle.
    within = at < 1440 * 365 * years
    time, frames, at = time[within], frames[within], at[within]
    count = _Counter(time, frames, labels, len(pairing.bins), gate or Gate())
    statistic = count.largest(row[at])
    null = np.stack(
        [count.largest(row[(at + 1440 * days) % (1440 * 365 * years)]) for days in chosen]
    )
    exceeded = (null >= statistic).sum(axis=0)
    known = np.isfinite(null).sum(axis=0)
    p_value = np.where(np.isfinite(statistic), (1 + exceeded) / (1 + known), np.nan)
    return xr.Dataset(
        {
            "statistic": ("label", statistic),
            "null": (("shift", "label"), null),
            "p_value": ("label", p_value),
            "p_adjusted": ("label", false_discovery(p_value)),
        },
        coords={"label": list(labels), "shift": ("shift", chosen, {"units": "day"})},
        attrs={"driver": pairing.driver.name, "distinct_shifts": int(possible.size)},
    )


def _span(data: xr.Dataset, driver: Driver) -> tuple[np.datetime64, np.datetime64]:
    """Return the whole days that the driver record and the frames cover."""
    times = data[str(data[driver.inputs[0]].dims[0])].to_numpy()
    start = times[0].astype("datetime64[D]")
    end = max(times[-1], data["time"].to_numpy()[-1]).astype("datetime64[D]") + 1
    return start.astype("datetime64[m]"), end.astype("datetime64[m]")


def _frames_by_minute(
    data: xr.Dataset, max_sun_elevation: float | None, moon: str
) -> tuple[NDArray[np.datetime64], NDArray[np.int64]]:
    """Return the selected frames of all sites together: the driver is the same for all."""
    total = np.zeros((data.sizes["time"], len(CLASSES)), dtype=np.int64)
    names = ["frames", "sun_elevation", "moon_elevation", "moon_illumination"]
    for block, part in time_blocks(data, names):
        keep = xr.ones_like(part["sun_elevation"], dtype=bool)
        if max_sun_elevation is not None:
            keep &= part["sun_elevation"] <= max_sun_elevation
        if moon == "down":
            lit = part["moon_illumination"] >= MOONLIT_ILLUMINATION
            keep &= ~((part["moon_elevation"] > 0) & lit)
        frames = part["frames"].sel(label=list(CLASSES)).where(keep, 0)
        total[block] = frames.sum("site", dtype="int64").transpose("time", "label").to_numpy()
    there = total.any(axis=1)
    return data["time"].to_numpy()[there], total[there]


class _Counter:
    """What does not change from shift to shift, kept once."""

    def __init__(
        self,
        time: NDArray[np.datetime64],
        frames: NDArray[np.int64],
        labels: Sequence[str],
        rows: int,
        gate: Gate,
    ) -> None:
        self.night, self.index = np.unique(night_of(time), return_inverse=True)
        self.columns = [frames[:, CLASSES.index(name)].astype(float) for name in labels]
        self.usable = frames[:, USABLE_INDEX].sum(axis=1).astype(float)
        self.blocks = list(night_levels(self.night))[1:]
        self.rows, self.gate = rows, gate

    def largest(self, row: NDArray[np.int16]) -> NDArray[np.float64]:
        """Return the largest studentised deviation of each label."""
        shape = (self.night.size, self.rows)
        flat = self.index * self.rows + row
        size = shape[0] * shape[1]
        counts = np.stack(
            [np.bincount(flat, c, minlength=size) for c in (self.usable, *self.columns)], axis=-1
        )
        # The last row is `missing`, which is no level of the driver.
        frames: NDArray[np.float64] = counts.astype(float).reshape(*shape, -1)[:, :-1]
        exposure, events = frames[..., :1], frames[..., 1:]
        nights = leave_one_out(events, exposure)
        error = jackknife_se(nights)
        for cluster, fewest in self.blocks:
            blocks = leave_one_out(by_cluster(events, cluster), by_cluster(exposure, cluster))
            enough = blocks.present.sum(axis=0) >= fewest
            error = np.fmax(error, np.where(enough, jackknife_se(blocks), np.nan))
        overall = events.sum(axis=(0, 1)) / exposure.sum()
        with np.errstate(divide="ignore", invalid="ignore"):
            deviation = np.abs(nights.value - overall) / error
        passes = self._passes(events, exposure) & np.isfinite(deviation)
        largest = np.where(passes, deviation, -np.inf).max(axis=0)
        return np.where(np.isfinite(largest), largest, np.nan)

    def _passes(
        self, events: NDArray[np.float64], exposure: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        failures = gate_failures(
            self.gate,
            nights=(exposure > 0).sum(axis=0),
            effective_nights=kish(exposure),
            event_nights=(events > 0).sum(axis=0),
            winters=(by_cluster(exposure, winter_of(self.night)) > 0).sum(axis=0),
        )
        fails = np.zeros(events.shape[1:], dtype=bool)
        for where in failures.values():
            fails |= where
        return ~fails
