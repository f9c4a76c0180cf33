"""Add ground magnetometers to joined data: 1-min field, its baselines and Pi2 power beside frames.

Each site has the magnetometer that the table of sites gives it, or the one that the caller names.
Another station is never taken silently: where there are no data the site stays NaN, and the
attribute ``mag_without`` says why and what could be done.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from auroral_stats.archive import find_files, of_station
from auroral_stats.baselines import BASELINES, RUNNING_MARGIN_DAYS
from auroral_stats.disturbance import finite_median
from auroral_stats.errors import ArchiveError, DataError, UsageError
from auroral_stats.gmag import COMPONENTS, load_magnetometer
from auroral_stats.periods import Period, interval_starts, merge_periods
from auroral_stats.pi2 import PI2_BAND_SECONDS
from auroral_stats.provenance import combine_simulated, is_simulated
from auroral_stats.sites import load_sites

__all__ = ["add_magnetometers", "paired_stations"]

_MINUTE = np.timedelta64(1, "m")
_LOAD_MARGIN = np.timedelta64(RUNNING_MARGIN_DAYS, "D")

#: Degrees between the mean horizontal field and the H axis beyond which a station is remarked on.
_ODD_ANGLE = 10.0


def _silent(_: str) -> None:
    """Report nothing."""


def add_magnetometers(
    joined: xr.Dataset,
    *,
    stations: Mapping[str, str] | None = None,
    offline: bool = False,
    root: Path | str | None = None,
    progress: Callable[[str], None] = _silent,
    margin_hours: int = 3,
    mirror: str | None = None,
    coordinates: Mapping[str, str] | None = None,
    declination: Mapping[str, float] | None = None,
) -> xr.Dataset:
    """Return joined data with the magnetometers of its sites.

    Parameters
    ----------
    joined : xarray.Dataset
        From :func:`auroral_stats.join.join`.
    stations : mapping of site to station, optional
        Magnetometers to take in place of those of the table of sites, ``{"yknf": "ykc"}``.
    offline : bool
        Use only files that are there; make no connection.
    root : path, optional
        The simulated world that simulated labels belong to, laid out like ``SPEDAS_DATA_DIR``.
    progress : callable, optional
        Called with a line on what is done next.
    margin_hours : int
        Minutes are kept from this long before to this long after each minute with frames.
    mirror : str, optional
        Another address to download from.
    coordinates : mapping of station to {"HDZ", "XYZ"}, optional
    declination : mapping of station to float, optional
        See :func:`auroral_stats.gmag.load_magnetometer`.

    Returns
    -------
    xarray.Dataset
        ``joined`` and, all float32, ``mag(mag_time, site, component)``, 1-min means of H, D and Z
        (nT), raw level; ``mag_baseline(baseline, mag_time, site, component)``, the levels to
        subtract, see :data:`auroral_stats.baselines.BASELINES`; ``pi2(mag_time, site)`` (nT^2);
        and the coordinate ``mag_station(site)``, empty where there are no data. ``mag_time``
        holds starts of minutes, UTC, and has the attribute ``cadence_minutes``. Baselines are
        made from nine days more of data on either side. Attributes, all strings: ``mag_without``
        (sites without data, and why), ``mag_notes``, ``mag_files``, ``mag_parameters``.

    Raises
    ------
    UsageError
        If ``stations`` names a site that is not in the data, or no code.
    ArchiveError
        If no site has any magnetometer data, or a file is damaged.
    DataError
        If simulated and real data meet, or a file is in other units or coordinates.
    """
    if margin_hours < 0:
        raise UsageError(f"margin_hours is {margin_hours}; expected 0 or more.")
    simulated = is_simulated(joined.attrs)
    if simulated and root is None:
        raise DataError(
            "these simulated labels name no magnetometers of their own, and real ones cannot be "
            "joined to them. Leave magnetometers out."
        )
    sites = [str(code) for code in joined["site"].to_numpy()]
    paired = paired_stations(sites, stations)
    spans = _frame_periods(joined["time"].to_numpy(), np.timedelta64(margin_hours, "h"))
    time = interval_starts(spans, 1)
    days = [_whole_days(start - _LOAD_MARGIN, end + _LOAD_MARGIN) for start, end in spans]
    notes = _Notes(sites, paired)
    shape = (time.size, len(sites), len(COMPONENTS))
    mag = np.full(shape, np.nan, dtype=np.float32)
    level = np.full((len(BASELINES), *shape), np.nan, dtype=np.float32)
    pi2 = np.full(shape[:2], np.nan, dtype=np.float32)
    wanted = sorted(set(paired.values()) - {""}, key=list(paired.values()).index)
    if not wanted:
        raise ArchiveError(f"no site has magnetometer data. {notes.lacking()}")
    progress("Looking for magnetometer files")
    files = find_files(
        "gmag",
        merge_periods(periods=days),
        station=wanted,
        required=False,
        offline=offline,
        root=root,
        mirror=mirror,
        progress=lambda done, total, name: progress(f"Fetching {name} ({done} of {total})"),
    )
    for number, station in enumerate(wanted):
        progress(f"Reading magnetometer {station} ({number + 1} of {len(wanted)})")
        part = load_magnetometer(
            station,
            days,
            root=root,
            coordinates=coordinates,
            declination=declination,
            on_missing="nan",
            files=of_station(files, station),
        )
        combine_simulated({"the labels": simulated, "the magnetometers": is_simulated(part.attrs)})
        columns = [k for k, site in enumerate(sites) if paired[site] == station]
        rows = np.searchsorted(part["mag_time"].to_numpy(), time)
        field = part["mag"].to_numpy()[:, 0]
        if not notes.take(station, part, field[rows]):
            continue
        mag[:, columns] = field[rows][:, None]
        pi2[:, columns] = part["pi2"].to_numpy()[rows]
        for k, baseline in enumerate(BASELINES.values()):
            removed = baseline.compute(part["mag_time"].to_numpy(), field)
            level[k][:, columns] = removed[rows][:, None]
    if len(notes.without) == len(sites):
        raise ArchiveError(f"no site has magnetometer data. {notes.lacking()}")
    parameters = {
        "stations": dict(stations or {}),
        "margin_hours": margin_hours,
        "coordinates": dict(coordinates or {}),
        "declination": dict(declination or {}),
    }
    return _with_magnetometers(joined, time, mag, level, pi2, notes, parameters)


def paired_stations(
    sites: list[str] | tuple[str, ...], stations: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the magnetometer of each site, empty where none is known.

    Parameters
    ----------
    sites : sequence of str
        Site codes.
    stations : mapping of site to station, optional
        Choices of the caller, which go before the table of sites.

    Returns
    -------
    dict of str to str

    Raises
    ------
    UsageError
        If a choice is for another site, or is no code.

    Examples
    --------
    >>> paired_stations(["gill", "yknf"], {"yknf": "ykc"})
    {'gill': 'gill', 'yknf': 'ykc'}
    """
    chosen = {site.lower(): str(code).strip().lower() for site, code in (stations or {}).items()}
    strange = sorted(set(chosen) - set(sites))
    if strange:
        raise UsageError(
            f"--mag-station {strange[0]}={chosen[strange[0]]}: {strange[0]} is not among the "
            f"sites, which are {', '.join(sites)}."
        )
    for site, code in chosen.items():
        if not re.fullmatch(r"[a-z0-9]{2,8}", code):
            raise UsageError(
                f"--mag-station {site}={code}: expected the code of a magnetometer, such as gill."
            )
    table = load_sites()
    return {
        site: chosen.get(site) or (str(table.at[site, "gmag"]) if site in table.index else "")
        for site in sites
    }


class _Notes:
    """What is to be said of the sites: which have no data, and what is odd about the others."""

    def __init__(self, sites: list[str], paired: Mapping[str, str]) -> None:
        self.paired = dict(paired)
        self.without = {
            site: "no magnetometer is known here; name one with --mag-station"
            for site in sites
            if not paired[site]
        }
        self.odd = [text for site, code in paired.items() if (text := _elsewhere(site, code))]
        self.files: list[str] = []

    def take(self, station: str, part: xr.Dataset, field: NDArray[np.float32]) -> bool:
        """Note what a station brought; return whether it brought anything."""
        files, missing = part.attrs["files"], part.attrs["missing_files"]
        if not np.isfinite(field).any():
            reason = "its files hold nothing near the frames"
            if not files:
                reason = part.attrs["without"][0].removeprefix(f"{station}: ")
            for site, code in self.paired.items():
                if code == station:
                    self.without[site] = f"{reason.rstrip('.')}{_alternate(site, station)}"
            return False
        self.files.append(f"{station}: {len(files)} files, {files[0]} to {files[-1]}")
        if missing:
            self.odd.append(
                f"{station}: {len(missing)} of {len(missing) + len(files)} daily files are missing"
            )
        for text in part.attrs["spikes_removed"]:
            code, count = text.split()
            self.odd.append(f"{code}: {count} values taken out as spikes")
        h, d = (float(value) for value in finite_median(field[:, :2].T.astype(np.float64)))
        angle = float(np.degrees(np.arctan2(d, h)))
        if np.hypot(h, d) > 1000.0 and abs(angle) > _ODD_ANGLE:
            self.odd.append(
                f"{station}: the mean horizontal field lies {angle:.0f} deg off its H axis, as it "
                "would in geographic coordinates; dB/dt is the same in both, bays are not"
            )
        return True

    def lacking(self) -> str:
        """Return one line on the sites without data."""
        return "; ".join(f"{site}: {why}" for site, why in self.without.items())

    def stations(self) -> list[str]:
        """Return the magnetometer of each site; empty where it has no data."""
        return ["" if site in self.without else code for site, code in self.paired.items()]


def _alternate(site: str, station: str) -> str:
    """Return an offer of the other magnetometer at the same place, if there is one."""
    table = load_sites()
    other = str(table.at[site, "gmag_alternate"]) if site in table.index else ""
    if not other or other == station:
        return ""
    return f" ({other} stands at the same place: --mag-station {site}={other})"


def _elsewhere(site: str, station: str) -> str:
    """Return a remark where the caller names a station that the table of sites does not."""
    table = load_sites()
    known = site in table.index
    if not station or (known and station in set(table.loc[site, ["gmag", "gmag_alternate"]])):
        return ""
    if not known or station not in table.index:
        return f"{site}: magnetometer {station} was named; how far away it stands is not known here"
    here, there = (
        np.radians(table.loc[code, ["latitude", "longitude"]].to_numpy(dtype=np.float64))
        for code in (site, station)
    )
    half = np.sin((there - here) / 2) ** 2
    km = 2 * 6371.2 * np.arcsin(np.sqrt(half[0] + np.cos(here[0]) * np.cos(there[0]) * half[1]))
    return f"{site}: magnetometer {station} was named, which stands {km:.0f} km away"


def _frame_periods(time: NDArray[np.datetime64], margin: np.timedelta64) -> tuple[Period, ...]:
    """Return the periods within the margin of any frame."""
    breaks = np.flatnonzero(np.diff(time) > 2 * margin + _MINUTE)
    first = time[np.concatenate([[0], breaks + 1])] - margin
    last = time[np.concatenate([breaks, [time.size - 1]])] + _MINUTE + margin
    return merge_periods(periods=zip(first, last, strict=True))


def _whole_days(start: np.datetime64, end: np.datetime64) -> Period:
    """Widen a period to whole UT days, so that medians of days are of whole days."""
    day = np.timedelta64(1, "D")
    return start.astype("M8[D]"), (end - np.timedelta64(1, "ns")).astype("M8[D]") + day


def _with_magnetometers(
    joined: xr.Dataset,
    time: NDArray[np.datetime64],
    mag: NDArray[np.float32],
    level: NDArray[np.float32],
    pi2: NDArray[np.float32],
    notes: _Notes,
    parameters: dict[str, Any],
) -> xr.Dataset:
    short, long = PI2_BAND_SECONDS
    dims = ("mag_time", "site", "component")
    described = {"units": "nT", "long_name": "magnetic field, 1-min mean, raw level"}
    removed = {"units": "nT", "long_name": "baseline of the magnetic field"}
    power = {"units": "nT^2", "long_name": f"variance of H and D from {short:g} to {long:g} s"}
    data = joined.assign(
        mag=(dims, mag, described),
        mag_baseline=(("baseline", *dims), level, removed),
        pi2=(dims[:2], pi2, power),
    ).assign_coords(
        mag_time=(
            "mag_time",
            time,
            {"long_name": "start of the minute, UTC", "cadence_minutes": 1},
        ),
        component=list(COMPONENTS),
        baseline=list(BASELINES),
        mag_station=("site", notes.stations()),
    )
    said = {
        "mag_source": "THEMIS ground magnetometers, level 2",
        "mag_files": "; ".join(notes.files),
        "mag_without": notes.lacking(),
        "mag_notes": "; ".join(notes.odd),
        "mag_baselines": "; ".join(f"{b.name}: {b.long_name}" for b in BASELINES.values()),
        "mag_parameters": json.dumps(parameters),
    }
    return data.assign_attrs({name: text for name, text in said.items() if text})
