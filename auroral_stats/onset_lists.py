"""Published lists of onsets, and what can be wrong with them.

Lists have placeholders, columns out of place and local time in degrees. Faults are told all at
once, with their lines; nothing is dropped or converted without being asked for.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from auroral_stats.errors import ArchiveError, DataError, UsageError
from auroral_stats.provenance import describe, fingerprint

__all__ = ["COLUMN_NAMES", "check_separation", "drop_overlaps", "read_onsets"]

#: Column names that are understood, whatever their case.
COLUMN_NAMES: dict[str, tuple[str, ...]] = {
    "time": ("time", "date_utc", "datetime", "date_time", "utc", "onset", "onset_time", "date"),
    "site": ("site", "station", "iaga", "station_code"),
    "mlat": ("mlat", "maglat", "magnetic_latitude"),
    "mlt": ("mlt", "magnetic_local_time"),
    "glat": ("glat", "latitude", "lat"),
    "glon": ("glon", "longitude", "lon"),
}

#: Limits of each number; local time in hours, 24 standing for 0.
_LIMITS = {
    "mlat": (-90.0, 90.0),
    "mlt": (0.0, 24.0),
    "glat": (-90.0, 90.0),
    "glon": (-180.0, 360.0),
}
#: So many faulty lines are named; the rest are counted.
_NAMED = 12
#: A column of which more than this share exceeds 24 is not in hours.
_DEGREES_SHARE = 0.5


def check_separation(separation: int) -> None:
    """Refuse a separation that is none.

    Raises
    ------
    UsageError
        If it is negative.
    """
    if separation < 0:
        raise UsageError(f"separation {separation} min: expected 0 or more.")


def drop_overlaps(onsets: pd.DataFrame, separation: int) -> pd.DataFrame:
    """Drop onsets that follow too soon on the last one kept.

    Parameters
    ----------
    onsets : pandas.DataFrame
        With ``time``, increasing; where there is a ``site``, each site stands for itself.
    separation : int
        Minutes: an onset is kept if it is at least so long after the last one kept.

    Returns
    -------
    pandas.DataFrame

    Examples
    --------
    >>> times = pd.to_datetime(["2010-01-01T00:00", "2010-01-01T00:20", "2010-01-01T00:40"])
    >>> drop_overlaps(pd.DataFrame({"time": times}), 30)["time"].dt.minute.tolist()
    [0, 40]
    """
    check_separation(separation)
    if not separation or onsets.empty:
        return onsets
    apart = np.timedelta64(separation, "m")
    keep = np.zeros(len(onsets), dtype=bool)
    group = pd.factorize(onsets["site"])[0] if "site" in onsets else np.zeros(len(onsets), int)
    times = onsets["time"].to_numpy()
    for site in np.unique(group):
        last = None
        for row in np.flatnonzero(group == site):
            if last is None or times[row] - last >= apart:
                keep[row], last = True, times[row]
    return onsets[keep].reset_index(drop=True)


def read_onsets(
    path: str | Path,
    *,
    skip_bad_rows: bool = False,
    mlt_units: str = "hour",
    hemisphere: str = "both",
    separation: int = 0,
    simulated: bool = False,
) -> pd.DataFrame:
    """Read a list of onsets from a CSV file with a header line.

    Parameters
    ----------
    path : path
        Columns ``time`` and, optionally, ``site``, ``mlat``, ``mlt``, ``glat`` and ``glon``, under
        any of the names in :data:`COLUMN_NAMES`; others are ignored. Times without a zone are
        UTC. Lines that begin with ``#`` are comments.
    skip_bad_rows : bool
        Whether to drop faulty rows and say so in ``attrs``, instead of refusing the file.
    mlt_units : {"hour", "degree"}
        Degrees are divided by 15.
    hemisphere : {"both", "north", "south"}
        By the sign of ``mlat``; onsets whose ``mlat`` is not given are in neither, and are
        dropped and counted.
    separation : int
        Onsets less than so many minutes after the last one kept are dropped; 0 for none.
    simulated : bool
        Whether the list was made from simulated data.

    Returns
    -------
    pandas.DataFrame
        ``time`` (datetime64, UTC) and those of ``site``, ``mlt`` (h, 0 to 24), ``mlat``, ``glat``
        and ``glon`` (degree) that the file has; sorted by time. ``attrs`` say what was dropped:
        ``bad_rows``, ``bad_rows_dropped``, ``dropped_hemisphere`` (of which
        ``dropped_without_mlat``), ``dropped_overlaps``.

    Raises
    ------
    UsageError
        If an option is not known.
    ArchiveError
        If the file cannot be read.
    DataError
        If it is no such list; or, all at once, for rows with a time that is none, numbers out
        of range (as in columns out of place), placeholders (all coordinates zero) and repeats.
    """
    if mlt_units not in {"hour", "degree"}:
        raise UsageError(f"mlt_units {mlt_units!r}: expected 'hour' or 'degree'.")
    if hemisphere not in {"both", "north", "south"}:
        raise UsageError(f"hemisphere {hemisphere!r}: expected 'both', 'north' or 'south'.")
    check_separation(separation)
    path = Path(path)
    text, lines, long = _rows(path)
    columns = _columns(path, list(text.columns))
    onsets = pd.DataFrame(index=text.index)
    onsets["time"] = (
        pd.to_datetime(text[columns["time"]], format="ISO8601", utc=True, errors="coerce")
        .dt.tz_localize(None)
        .astype("datetime64[ns]")
    )
    for name in ("mlt", "mlat", "glat", "glon"):
        if name in columns:
            onsets[name] = pd.to_numeric(text[columns[name]], errors="coerce").astype(float)
    if "site" in columns:
        onsets["site"] = text[columns["site"]].str.strip().str.lower()
    general = []
    if "mlt" in onsets and mlt_units == "hour" and (onsets["mlt"] > 24).mean() > _DEGREES_SHARE:
        exceed = int((onsets["mlt"] > 24).sum())
        general.append(
            f"{exceed} of {len(onsets)} values of {columns['mlt']} exceed 24: local time "
            "in degrees; use mlt_units='degree'"
        )
        mlt_units = "degree"
    if "mlt" in onsets and mlt_units == "degree":
        onsets["mlt"] /= 15
    faults = _faults(onsets, text, columns, long)
    if general or (faults and not skip_bad_rows):
        raise DataError(_message(path, general, faults, lines, skip_bad_rows))
    bad = np.zeros(len(onsets), dtype=bool)
    bad[list(faults)] = True
    kept = onsets[~bad]
    if "mlt" in kept:
        kept = kept.assign(mlt=kept["mlt"] % 24)
    everything, without_mlat = len(kept), 0
    if hemisphere != "both":
        if "mlat" not in kept:
            raise DataError(
                f"{path}: hemisphere {hemisphere!r} needs a column of magnetic latitude "
                f"({', '.join(COLUMN_NAMES['mlat'])}). Add it, or use hemisphere='both'."
            )
        # NaN compares false, so that a row without latitude must be asked for by name.
        known = kept["mlat"].notna()
        without_mlat = int((~known).sum())
        kept = kept[known & ((kept["mlat"] < 0) == (hemisphere == "south"))]
    kept = kept.sort_values("time", kind="stable", ignore_index=True)
    other = everything - len(kept)
    apart = drop_overlaps(kept, separation)
    if apart.empty:
        raise DataError(f"{path}: no onset is left. Check the file, or relax the options.")
    named = [f"line {lines[row]}: {fault}" for row, fault in list(faults.items())[:_NAMED]]
    apart.attrs |= describe(
        f"Onsets of {path.name}",
        parameters={
            "path": str(path),
            "skip_bad_rows": skip_bad_rows,
            "mlt_units": mlt_units,
            "hemisphere": hemisphere,
            "separation": separation,
        },
        simulated=simulated,
        fingerprint=fingerprint([path.read_bytes()]),
        onsets=len(apart),
        bad_rows="; ".join(named) or None,
        bad_rows_dropped=len(faults),
        dropped_hemisphere=other,
        dropped_without_mlat=without_mlat,
        dropped_overlaps=len(kept) - len(apart),
    )
    return apart


def _rows(path: Path) -> tuple[pd.DataFrame, list[int], set[int]]:
    """Return the cells of the file as text, the line of each row, and which rows are too long."""
    try:
        content = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ArchiveError(
            f"{path}: cannot be read ({reason}); expected a CSV file of onsets."
        ) from error
    numbered = [
        (number, line)
        for number, line in enumerate(content.splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if len(numbered) < 2:
        raise DataError(f"{path}: expected a header line and at least one onset.")
    cells = list(csv.reader(line for _, line in numbered))
    header = [name.strip() for name in cells[0]]
    width = len(header)
    body = [[*row, *[""] * (width - len(row))][:width] for row in cells[1:]]
    table = pd.DataFrame(body, columns=header, dtype=str)
    long = {number for number, row in enumerate(cells[1:]) if len(row) > width}
    return table, [number for number, _ in numbered[1:]], long


def _columns(path: Path, names: Sequence[str]) -> dict[str, str]:
    """Return which column of the file stands for what."""
    folded: dict[str, str] = {}
    for name in names:
        folded.setdefault(name.strip().lower().replace(" ", "_"), name)
    found = {}
    for ours, theirs in COLUMN_NAMES.items():
        for name in theirs:
            if name in folded:
                found[ours] = folded[name]
                break
    if "time" not in found:
        raise DataError(
            f"{path}: no column of times; expected a comma-separated file whose header names one "
            f"of {', '.join(COLUMN_NAMES['time'])}, and optionally site, mlat and mlt. It has "
            f"{', '.join(names)[:200]}."
        )
    return found


def _faults(
    onsets: pd.DataFrame, text: pd.DataFrame, columns: dict[str, str], long: set[int]
) -> dict[int, str]:
    """Return what is wrong with each faulty row."""
    found: dict[int, list[str]] = {row: ["more values than columns"] for row in long}
    for row in np.flatnonzero(onsets["time"].isna()):
        value = text[columns["time"]].iloc[row]
        found.setdefault(int(row), []).append(f"{value!r} is no time")
    coordinates = [name for name in _LIMITS if name in onsets]
    for name in coordinates:
        low, high = _LIMITS[name]
        values = onsets[name]
        # An empty cell is a coordinate that is not known; anything else must be a number.
        blank = text[columns[name]].str.strip() == ""
        outside = ~((values >= low) & (values <= high)) & ~blank
        for row in np.flatnonzero(outside):
            given = text[columns[name]].iloc[row].strip()
            found.setdefault(int(row), []).append(
                f"{columns[name]} {given} is outside {low:g} to {high:g}"
                + (" h" if name == "mlt" else " degrees")
            )
    if len(coordinates) >= 2:
        for row in np.flatnonzero((onsets[coordinates] == 0).all(axis=1)):
            found.setdefault(int(row), []).append("a placeholder, all coordinates are 0")
    keys = ["time", *(["site"] if "site" in onsets else []), *coordinates]
    for row in np.flatnonzero(onsets.duplicated(keys) & onsets["time"].notna()):
        found.setdefault(int(row), []).append("the same as an earlier row")
    return {row: ", ".join(found[row]) for row in sorted(found)}


def _message(
    path: Path,
    general: list[str],
    faults: dict[int, str],
    lines: list[int],
    skip_bad_rows: bool,
) -> str:
    parts = list(general)
    if faults and not skip_bad_rows:
        named = [f"line {lines[row]}: {fault}" for row, fault in list(faults.items())[:_NAMED]]
        more = len(faults) - len(named)
        parts.append(
            f"{len(faults)} faulty row{'s' if len(faults) > 1 else ''}: {'; '.join(named)}"
            + (f"; and {more} more" if more else "")
            + ". Mend them, or use skip_bad_rows=True to leave them out"
        )
    return f"{path}: {'. '.join(parts)}."
