"""Join labels, geometry and drivers in one Dataset, without lag.

The Dataset is what every statistic starts from. Frames stand on a sparse ``time`` (the minutes
that have any), drivers on dense axes of their own cadence, so that lag and window can be chosen
at use and one joined file serves every choice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from auroral_stats.archive import describe_missing
from auroral_stats.counts import count_frames
from auroral_stats.drivers import DRIVERS, Driver, find_driver
from auroral_stats.errors import ArchiveError, UsageError
from auroral_stats.geometry import site_geometry
from auroral_stats.indices import load_hourly_indices, load_kp
from auroral_stats.labels import open_labels
from auroral_stats.lagging import LOOK_BACK_MINUTES
from auroral_stats.omni import load_omni
from auroral_stats.omni_variables import Cadence, omni_variables
from auroral_stats.provenance import combine_simulated, describe, is_simulated

__all__ = [
    "OMNI_CADENCES",
    "driver_periods",
    "join",
]

#: What ``--omni`` accepts.
OMNI_CADENCES = ("1min", "5min", "hourly")

#: Drivers are kept from this long before the first frame of a run of nights ...
_BEFORE = np.timedelta64(LOOK_BACK_MINUTES, "m")
#: ... to this long after its last, for lags, windows and epochs chosen later.
_AFTER = np.timedelta64(1, "D")

Progress = Callable[[str], None]


def _silent(_: str) -> None:
    """Report nothing."""


def join(
    labels: str | Path,
    *,
    drivers: Sequence[str | Driver] | None = None,
    start: str | np.datetime64 | None = None,
    end: str | np.datetime64 | None = None,
    sites: Sequence[str] | None = None,
    omni: str = "1min",
    offline: bool = False,
    progress: Progress = _silent,
) -> xr.Dataset:
    """Join a label store with geometry and unlagged drivers.

    Parameters
    ----------
    labels : path
        Label store.
    drivers : sequence of str or Driver, optional
        What to load; None for all that can be had (what is missing altogether is then left out
        and named in the attribute ``missing_drivers``).
    start, end : str or datetime64, optional
        UTC; frames in [start, end).
    sites : sequence of str, optional
        Site codes; None for all in the store.
    omni : {"1min", "5min", "hourly"}
        Cadence of the solar wind and of the indices that come with it.
    offline : bool
        Use only files that are there; make no connection.
    progress : callable, optional
        Called with a line on what is done next.

    Returns
    -------
    xarray.Dataset
        ``frames(time, site, label)``; ``sun_elevation``, ``moon_elevation``, ``mlt``, ``mlat``
        over (time, site) and ``moon_illumination(time)``; drivers under their names over
        ``driver_time`` (OMNI), ``hour_time`` (hourly indices) and ``kp_time``, UTC starts of
        intervals, with the attribute ``cadence_minutes`` on each of these coordinates.

    Raises
    ------
    UsageError
        If an argument is not known.
    DataError
        If there is no frame in range, or simulated and real inputs meet.
    ArchiveError
        If files of a requested driver are missing altogether.
    """
    if omni not in OMNI_CADENCES:
        raise UsageError(f"--omni {omni!r}: expected one of {', '.join(OMNI_CADENCES)}.")
    wanted = [find_driver(d) if isinstance(d, str) else d for d in drivers or DRIVERS.values()]
    progress("Counting frames")
    store = open_labels(labels)
    frames = count_frames(store, sites=sites, start=start, end=end)
    time = frames["time"].to_numpy()
    progress("Computing Sun, Moon and magnetic local time")
    geometry = site_geometry(
        time,
        [str(code) for code in frames["site"].to_numpy()],
        quantities=("sun_elevation", "moon_elevation", "moon_illumination", "mlat", "mlt"),
    )
    simulated = is_simulated(frames.attrs)
    root = _own_root(Path(store.path), store.info.archive) if simulated else None
    parts = [frames, geometry]
    flags = {"the labels": simulated}
    attrs: dict[str, Any] = {}
    missing: list[str] = []
    cadences: dict[str, int] = {}
    for origin in ("omni", "hourly", "kp"):
        names = sorted({n for d in wanted if d.origin == origin for n in d.inputs})
        if origin == "omni" and drivers is None:
            held = {variable.name for variable in omni_variables(cast("Cadence", omni))}
            missing += sorted(set(names) - held)
            names = sorted(set(names) & held)
        if not names:
            continue
        try:
            if simulated and root is None:
                raise ArchiveError(
                    f"{labels}: these simulated labels name no solar wind of their own, and real "
                    "solar wind cannot be joined to them. Drivers that belong to the frame "
                    "(mlt, site, month, ...) remain."
                )
            progress(f"Reading {_TITLES[origin]}")
            part = _load(origin, names, driver_periods(time), omni, offline, root)
        except ArchiveError as error:
            if drivers is not None or origin == "omni":
                raise
            missing += names
            attrs[f"{origin}_without"] = str(error)
            continue
        flags[_TITLES[origin]] = is_simulated(part.attrs)
        cadences[str(part[names[0]].dims[0])] = int(part.attrs["cadence_minutes"])
        attrs |= {
            f"{origin}_level": part.attrs.get("level"),
            f"{origin}_source": part.attrs.get("source"),
            f"{origin}_files": ", ".join(part.attrs["files"]),
            f"{origin}_without": describe_missing(part.attrs) or None,
        }
        parts.append(part)
    combine_simulated(flags)
    joined = xr.merge(parts, join="exact", compat="no_conflicts", combine_attrs="drop")
    for dimension, cadence in cadences.items():
        joined[dimension].attrs["cadence_minutes"] = cadence
    joined.attrs = describe(
        "Auroral labels joined with unlagged drivers",
        parameters={"omni": omni, "start": start, "end": end, "sites": sites},
        simulated=simulated,
        **{k: v for k, v in frames.attrs.items() if k != "simulated"},
        **attrs,
        omni_cadence=omni,
        missing_drivers=", ".join(missing) or None,
    )
    return joined


_TITLES = {"omni": "OMNI", "hourly": "hourly OMNI", "kp": "Kp"}


def _own_root(store: Path, archive: str | None) -> Path | None:
    return None if archive is None else (store / archive).resolve()


def driver_periods(
    time: NDArray[np.datetime64],
) -> list[tuple[np.datetime64, np.datetime64]]:
    """Return the stretches of time for which drivers are needed.

    Parameters
    ----------
    time : ndarray of datetime64
        Minutes with frames, increasing.

    Returns
    -------
    list of (start, end)
        From three days before to one day after each run of frames; runs closer than that are
        one. Human labels are a few nights in ten years, and the years between are not read.

    Examples
    --------
    >>> time = np.array(["2014-03-10T06:00", "2014-03-10T06:01"], dtype="M8[m]")
    >>> [str(t) for t in driver_periods(time)[0]]
    ['2014-03-07T06:00', '2014-03-11T06:02']
    """
    breaks = np.flatnonzero(np.diff(time) > _BEFORE + _AFTER)
    first = time[np.concatenate([[0], breaks + 1])] - _BEFORE
    last = time[np.concatenate([breaks, [time.size - 1]])] + np.timedelta64(1, "m") + _AFTER
    return list(zip(first, last, strict=True))


def _load(
    origin: str,
    names: Sequence[str],
    periods: list[tuple[np.datetime64, np.datetime64]],
    omni: str,
    offline: bool,
    root: Path | None,
) -> xr.Dataset:
    options: dict[str, Any] = {"offline": offline, "root": root}
    if origin == "omni":
        part = load_omni(periods=periods, cadence=cast("Cadence", omni), variables=names, **options)
    elif origin == "hourly":
        part = load_hourly_indices(periods=periods, variables=names, **options)
    else:
        part = load_kp(periods[0][0], periods[-1][1], **options)[list(names)]
    return part
