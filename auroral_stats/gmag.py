"""Ground magnetometers: the archive's daily files into 1-min means of H, D and Z.

Files are read one by one and reduced at once, so that memory holds minutes and one day of samples,
however many years are asked for. No baseline is removed: see :mod:`auroral_stats.baselines`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from auroral_stats.archive import ArchiveFiles, file_period, find_files, nothing_found, of_station
from auroral_stats.downloads import Progress
from auroral_stats.errors import ArchiveError, UsageError
from auroral_stats.gmag_cdf import read_gmag
from auroral_stats.gmag_day import day_means
from auroral_stats.periods import interval_starts, merge_periods
from auroral_stats.pi2 import pi2_power
from auroral_stats.provenance import check_kind, simulated_attr

__all__ = ["COMPONENTS", "load_magnetometer"]

COMPONENTS = ("H", "D", "Z")

#: Minutes that a value of Pi2 power reaches back.
_PI2_WINDOW = 10

_ONE_DAY = np.timedelta64(1, "D")


def load_magnetometer(
    stations: str | Sequence[str],
    periods: Iterable[tuple[Any, Any]],
    *,
    offline: bool = False,
    root: Path | str | None = None,
    mirror: str | None = None,
    progress: Progress | None = None,
    coordinates: Mapping[str, str] | None = None,
    declination: Mapping[str, float] | None = None,
    on_missing: str = "error",
    files: ArchiveFiles | None = None,
) -> xr.Dataset:
    """Load 1-min means of magnetometers.

    Parameters
    ----------
    stations : str or sequence of str
        Codes, such as ``gill``.
    periods : iterable of (start, end)
        UTC; the ends are not included.
    offline : bool
        Use only files in the cache; no connection.
    root : path, optional
        A simulated world laid out like ``SPEDAS_DATA_DIR``. Default: the user's pyspedas cache.
    mirror : str, optional
        Another address to download from.
    progress : callable, optional
        Called with files done, files in all, and the name at hand, while downloading.
    coordinates : mapping of station to {"HDZ", "XYZ"}, optional
        What the components are, in place of what the files say.
    declination : mapping of station to float, optional
        Degrees, positive to the east: files in geographic X, Y, Z are rotated by it.
    on_missing : {"error", "nan"}
        What to do if there is not one file of any station; where only some are missing there are
        no values.
    files : ArchiveFiles, optional
        What :func:`auroral_stats.archive.find_files` found for these stations and periods, if it
        was asked before.

    Returns
    -------
    xarray.Dataset
        ``mag(mag_time, station, component)``, float32, nT: H, D and Z, raw level, spikes removed;
        ``pi2(mag_time, station)``, float32, nT^2, from the cadence of the data
        (:func:`~auroral_stats.pi2.pi2_power`; NaN where that is slower than 10 s).
        ``mag_time`` holds the starts of all minutes of the periods, UTC. A minute is NaN if less
        than half of its samples are there. Attributes: ``simulated``, ``root``, ``files``,
        ``missing_files``, ``cadence_seconds`` and ``spikes_removed`` by station, and ``without``,
        why stations have no data.

    Raises
    ------
    UsageError
        No station, an empty period, or coordinates that are not known.
    ArchiveError
        Not one file of any station, or a damaged one.
    DataError
        A file in other units or coordinates, or simulated where real is expected or the reverse.

    Examples
    --------
    >>> ds = load_magnetometer("gill", [("2014-03-10", "2014-03-12")])  # doctest: +SKIP
    >>> dict(ds.mag.sizes)  # doctest: +SKIP
    {'mag_time': 2880, 'station': 1, 'component': 3}
    """
    named = stations.split(",") if isinstance(stations, str) else stations
    codes = list(dict.fromkeys(code.strip().lower() for code in named))
    if not codes or not all(codes):
        raise UsageError("no station: give codes of magnetometers, such as gill.")
    if on_missing not in {"nan", "error"}:
        raise UsageError(f"on_missing is {on_missing!r}; expected 'nan' or 'error'.")
    spans = merge_periods(periods=periods)
    loaded = _Loaded(interval_starts(spans, 1), len(codes))
    if files is None:
        # All at once: a server that does not answer is then waited for once.
        files = find_files(
            "gmag",
            spans,
            station=codes,
            required=False,
            offline=offline,
            root=root,
            mirror=mirror,
            progress=progress,
        )
    for number, code in enumerate(codes):
        own = of_station(files, code)
        if not own.paths:
            loaded.without[code] = nothing_found(own, spans, root)
            continue
        _add_station(
            loaded,
            number,
            code,
            own,
            simulated=root is not None,
            coordinates=(coordinates or {}).get(code, ""),
            declination=(declination or {}).get(code),
        )
    if len(loaded.without) == len(codes) and on_missing == "error":
        raise ArchiveError(" ".join(loaded.without.values()))
    return _dataset(loaded, codes, root)


@dataclass
class _Loaded:
    """The arrays being filled, file by file, and what is to be said of them."""

    time: NDArray[np.datetime64]
    stations: int
    mag: NDArray[np.float32] = field(init=False)
    pi2: NDArray[np.float32] = field(init=False)
    files: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    problems: dict[str, None] = field(default_factory=dict)
    cadences: dict[str, Counter[float]] = field(default_factory=dict)
    removed: Counter[str] = field(default_factory=Counter)
    without: dict[str, str] = field(default_factory=dict)
    folder: Path | None = None

    def __post_init__(self) -> None:
        self.mag = np.full((self.time.size, self.stations, 3), np.nan, dtype=np.float32)
        self.pi2 = np.full((self.time.size, self.stations), np.nan, dtype=np.float32)


def _add_station(
    loaded: _Loaded,
    number: int,
    code: str,
    files: ArchiveFiles,
    *,
    simulated: bool,
    coordinates: str,
    declination: float | None,
) -> None:
    """Read the files of one station, each reduced to minutes before the next is opened."""
    cadences = loaded.cadences[code] = Counter()
    earlier: tuple[np.datetime64, float, NDArray[np.float64]] | None = None
    for path in files.paths:
        seconds, values, attributes = read_gmag(
            path, code, coordinates=coordinates, declination=declination
        )
        check_kind(path, attributes, simulated=simulated)
        day = file_period(files.product, path.name)[0].astype("datetime64[D]")
        result = day_means(seconds - float(day.astype("datetime64[s]").astype(np.int64)), values)
        cadences[round(result.step_seconds, 3)] += 1
        loaded.removed[code] += result.removed
        rows = slice(*np.searchsorted(loaded.time, np.array([day, day + _ONE_DAY], "M8[ns]")))
        minute = (loaded.time[rows] - day) // np.timedelta64(1, "m")
        loaded.mag[rows, number] = result.means[minute]
        if result.fast is None:
            earlier = None
            continue
        per_minute = round(60.0 / result.fast_step)
        reach = (_PI2_WINDOW - 1) * per_minute
        # The last minutes of the day before, if there is one of the same cadence.
        before = np.full((reach, 2), np.nan)
        if earlier is not None and earlier[:2] == (day - _ONE_DAY, result.fast_step):
            before = earlier[2]
        joined = np.concatenate([before, result.fast])
        power = pi2_power(joined[:, 0], joined[:, 1], result.fast_step, window=_PI2_WINDOW)
        loaded.pi2[rows, number] = power[_PI2_WINDOW - 1 :][minute]
        earlier = (day, result.fast_step, result.fast[-reach:])
    loaded.files += [path.name for path in files.paths]
    loaded.missing += files.missing
    loaded.problems |= dict.fromkeys(files.problems)
    loaded.folder = files.folder


def _dataset(loaded: _Loaded, codes: Sequence[str], root: Path | str | None) -> xr.Dataset:
    """Assemble the Dataset with its attributes."""
    attrs: dict[str, Any] = {
        "simulated": simulated_attr(root is not None),
        "source": "THEMIS ground magnetometers, level 2",
        "root": str(root if root is not None else loaded.folder),
        "files": loaded.files,
        "missing_files": loaded.missing,
        "cadence_minutes": 1,
        "cadence_seconds": [
            f"{code} {'/'.join(f'{step:g}' for step, _ in steps.most_common())}"
            for code, steps in loaded.cadences.items()
        ],
        "spikes_removed": [f"{code} {count}" for code, count in loaded.removed.items() if count],
    }
    if loaded.problems:
        attrs["missing_reason"] = "; ".join(loaded.problems)
    if loaded.without:
        attrs["without"] = [f"{code}: {why}" for code, why in loaded.without.items()]
    return xr.Dataset(
        {
            "mag": (
                ("mag_time", "station", "component"),
                loaded.mag,
                {"units": "nT", "long_name": "magnetic field, 1-min mean"},
            ),
            "pi2": (
                ("mag_time", "station"),
                loaded.pi2,
                {"units": "nT^2", "long_name": "variance of H and D from 40 to 150 s"},
            ),
        },
        coords={
            "mag_time": (
                "mag_time",
                loaded.time,
                {"long_name": "start of the minute, UTC", "cadence_minutes": 1},
            ),
            "station": list(codes),
            "component": list(COMPONENTS),
        },
        attrs=attrs,
    )
