"""A keogram from camera files, one file in memory at a time, and its table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from auroral_stats.errors import DataError, UsageError
from auroral_stats.whole_file import write_whole
from classifier.frame_files import instant
from classifier.frame_selection import Skipped, files_in, read_usable
from classifier.keogram import Keogram, MeridianSlit, join_slices, meridian_slit, slit_counts
from classifier.skymap import choose_skymap
from classifier.skymap_files import find_skymap

__all__ = ["KeogramRun", "keogram_of_files", "write_keogram_csv"]


@dataclass(frozen=True)
class KeogramRun:
    """A keogram and what was met on the way.

    Attributes
    ----------
    keogram : Keogram
    skymap_note : str
        Which skymap, or that the optics are idealised.
    files : int
        Files that were read.
    skipped : tuple of Skipped
        Records and files that gave no frame.
    """

    keogram: Keogram
    skymap_note: str
    files: int
    skipped: tuple[Skipped, ...]


def keogram_of_files(
    paths: Iterable[str | Path],
    *,
    skymap: str | Path | None = None,
    height_km: float = 110.0,
    site: str | None = None,
    start: Any = None,
    end: Any = None,
) -> KeogramRun:
    """Make the keogram of one site from camera files.

    Parameters
    ----------
    paths : iterable of path
        Files, and folders that are searched.
    skymap : path, optional
        A skymap file, or a folder of them; without it the optics are idealised.
    height_km : float
        Assumed height of the emission.
    site : str, optional
        Which site, where the folders hold several.
    start, end : datetime64, datetime or str, optional
        UTC; frames with ``start <= time < end``.

    Returns
    -------
    KeogramRun

    Raises
    ------
    UsageError
        Files of several sites; an argument that cannot be used.
    DataError
        There is no sound frame; simulated frames come with real ones.
    ArchiveError
        A path does not exist, or the skymap cannot be read.

    Examples
    --------
    >>> run = keogram_of_files(["2014/03/10"], site="gill")  # doctest: +SKIP
    >>> run.keogram.counts.shape  # doctest: +SKIP
    (1200, 227)
    """
    slit: MeridianSlit | None = None
    note, count, outside = "", 0, 0
    first, last = _bound("start", start), _bound("end", end)
    times, slices = [], []
    skipped: list[Skipped] = []
    kinds: dict[bool, str] = {}
    for file in files_in(paths, site, start, end):
        frames, bad = read_usable(file.path)
        skipped += bad
        count += 1
        wanted = np.ones(len(frames.time), dtype=bool)
        if first is not None:
            wanted &= frames.time >= first
        if last is not None:
            wanted &= frames.time < last
        outside += int((~wanted).sum())
        if not wanted.any():
            continue
        code = frames.site or file.site
        if code is None:
            raise DataError(f"{file.path}: neither the file nor its name says of which site it is.")
        kinds.setdefault(frames.simulated, file.path.name)
        if len(kinds) > 1:
            raise DataError(f"{kinds[True]} is simulated, {kinds[False]} is real; do not mix them.")
        if slit is None:
            chosen, note = choose_skymap(skymap, code, frames.time[wanted][0], height_km=height_km)
            slit = meridian_slit(chosen, frames.time[wanted][0])
        elif code != slit.site:
            raise UsageError(
                f"a keogram shows one site; there are frames of {slit.site} and of {code}. Name"
                " one with --site."
            )
        if skymap is not None and Path(skymap).is_dir():
            valid = find_skymap(skymap, code, frames.time[wanted][-1]).name
            if valid != slit.source:
                raise UsageError(
                    f"{file.path.name}: {valid} is the skymap of its time, {slit.source} that of"
                    " the files before; draw the times apart with --start and --end, or name one"
                    " file with --skymap."
                )
        times.append(frames.time[wanted])
        slices.append(slit_counts(frames.images[wanted], slit))
    if slit is None:
        raise DataError(_nothing(count, outside, skipped))
    keogram = join_slices(slit, times, slices, simulated=True in kinds)
    return KeogramRun(keogram, note, count, tuple(skipped))


def write_keogram_csv(keogram: Keogram, path: str | Path) -> Path:
    """Write one row for each frame and point of the slit.

    Parameters
    ----------
    keogram : Keogram
    path : path

    Returns
    -------
    Path

    Raises
    ------
    ArchiveError
        If the file cannot be written.

    Examples
    --------
    >>> write_keogram_csv(run.keogram, "gill.csv")  # doctest: +SKIP
    """
    import pandas as pd

    slit = keogram.slit
    frames, points = keogram.counts.shape
    table = pd.DataFrame(
        {
            "time": np.repeat(np.datetime_as_string(keogram.time, unit="us"), points),
            "site": slit.site,
            "mlat_deg": np.tile(slit.mlat.round(4), frames),
            "elevation_deg": np.tile(slit.elevation.round(2), frames),
            "counts": keogram.counts.ravel(),
            "height_km": slit.height_km,
            "skymap": slit.source,
            "idealised_optics": slit.idealised,
            "simulated": keogram.simulated,
        }
    )
    return write_whole(path, lambda file: table.to_csv(file, index=False, lineterminator="\n"))


def _nothing(count: int, outside: int, skipped: Sequence[Skipped]) -> str:
    """Return why there is nothing to draw."""
    if not count:
        return (
            "there are no camera files (such as 20140310_0600_gill_themis19_full.pgm.gz) in what was"
            " given, of the site and time asked for; check the paths, --site, --start and --end."
        )
    if outside:
        return (
            f"none of the {outside} sound frames of {count} files lies between --start and --end;"
            " widen them."
        )
    why = f" ({skipped[0].what}: {skipped[0].reason})" if skipped else ""
    return f"there is no sound frame in the {count} camera files found{why}."


def _bound(name: str, value: Any) -> np.datetime64 | None:
    return None if value is None else instant(name, value)
