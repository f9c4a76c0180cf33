"""A mosaic from camera files: the frame of each site that is nearest to a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auroral_stats.errors import DataError, UsageError
from classifier.frame_files import instant
from classifier.frame_selection import Skipped, files_in, read_usable
from classifier.frames import FrameFile
from classifier.mosaic import MosaicLayer, mosaic_layers, nearest_frame
from classifier.skymap import choose_skymap

__all__ = ["MosaicRun", "mosaic_of_files"]

#: Files so far from the time are looked at, to say which sites have no frame near enough.
_SEARCH = np.timedelta64(10, "m")


@dataclass(frozen=True)
class MosaicRun:
    """A mosaic and what was met on the way.

    Attributes
    ----------
    layers : tuple of MosaicLayer
        One a site, in order of the codes.
    time : numpy.datetime64
        The time asked for, UTC.
    tolerance_s : float
    skymap_notes : tuple of str
        For each layer which skymap, or that the optics are idealised.
    left_out : tuple of Skipped
        Sites without a frame near enough.
    skipped : tuple of Skipped
        Records and files that gave no frame.
    simulated : bool
        Whether the frames are simulated.
    """

    layers: tuple[MosaicLayer, ...]
    time: np.datetime64
    tolerance_s: float
    skymap_notes: tuple[str, ...]
    left_out: tuple[Skipped, ...]
    skipped: tuple[Skipped, ...]
    simulated: bool


@dataclass(frozen=True)
class _Nearest:
    image: NDArray[np.uint16]
    time: np.datetime64
    apart: np.timedelta64
    simulated: bool


def mosaic_of_files(
    paths: Iterable[str | Path],
    time: Any,
    *,
    skymap: str | Path | None = None,
    height_km: float = 110.0,
    tolerance_s: float = 3.0,
    sites: str | Iterable[str] | None = None,
) -> MosaicRun:
    """Make a mosaic of the frames nearest to a time.

    Parameters
    ----------
    paths : iterable of path
        Files, and folders that are searched.
    time : datetime64, datetime or str
        UTC.
    skymap : path, optional
        A folder of skymap files (or one file, for one site); without it the optics are idealised.
    height_km : float
        Assumed height of the emission.
    tolerance_s : float
        Frames whose exposure starts further from ``time`` are left out and reported.
    sites : str or iterable of str, optional
        Only these sites.

    Returns
    -------
    MosaicRun

    Raises
    ------
    UsageError
        A time or tolerance that cannot be used; no valid skymap for a site.
    DataError
        No site has a frame near enough; simulated frames come with real ones.
    ArchiveError
        A path does not exist, or a skymap cannot be read.

    Examples
    --------
    >>> run = mosaic_of_files(["2014/03/10"], "2014-03-10T06:02")  # doctest: +SKIP
    >>> [layer.skymap.site for layer in run.layers]  # doctest: +SKIP
    ['gill', 'rank']
    """
    wanted = instant("time", time)
    if not 0.0 <= tolerance_s <= 600.0:
        raise UsageError(f"tolerance: {tolerance_s:g} s came; expected 0 to 600 s.")
    tolerance = np.timedelta64(round(tolerance_s * 1e6), "us")

    nearest: dict[str, _Nearest] = {}
    kinds: dict[bool, str] = {}
    skipped: list[Skipped] = []
    without: dict[str, FrameFile] = {}
    for file in files_in(paths, sites, wanted - _SEARCH, wanted + _SEARCH):
        if _cannot_hold(file, wanted, tolerance):
            without.setdefault(str(file.site), file)
            continue
        frames, bad = read_usable(file.path)
        skipped += bad
        code = frames.site or file.site
        if code is None or not len(frames.time):
            continue
        index, apart = nearest_frame(frames.time, wanted)
        if code not in nearest or apart < nearest[code].apart:
            nearest[code] = _Nearest(
                frames.images[index].copy(), frames.time[index], apart, frames.simulated
            )

    used = {code: one for code, one in sorted(nearest.items()) if one.apart <= tolerance}
    for code, one in used.items():
        kinds.setdefault(one.simulated, code)
    if len(kinds) > 1:
        raise DataError(
            f"frames of {kinds[True]} are simulated, of {kinds[False]} real: no mosaic."
        )
    left_out = [
        Skipped(code, f"its nearest frame is {one.apart / np.timedelta64(1, 's'):.1f} s away")
        for code, one in sorted(nearest.items())
        if code not in used
    ] + [
        Skipped(code, f"no frame near; there is {file.path.name}")
        for code, file in sorted(without.items())
        if code not in nearest
    ]
    if not used:
        found = "; ".join(f"{each.what}: {each.reason}" for each in left_out + skipped)
        raise DataError(
            f"no site has a frame within {tolerance_s:g} s of {wanted.astype('datetime64[s]')} UTC"
            + (f" ({found})" if found else "; no camera file is within 10 minutes of it")
            + "."
        )
    chosen = [
        choose_skymap(skymap, code, one.time, height_km=height_km) for code, one in used.items()
    ]
    layers = mosaic_layers(
        [sky for sky, _ in chosen],
        [one.image for one in used.values()],
        [one.time for one in used.values()],
    )
    return MosaicRun(
        tuple(layers),
        wanted,
        tolerance_s,
        tuple(note for _, note in chosen),
        tuple(left_out),
        tuple(skipped),
        simulated=True in kinds,
    )


def _cannot_hold(file: FrameFile, wanted: np.datetime64, tolerance: np.timedelta64) -> bool:
    """Whether the name says that no frame of the file can be near enough."""
    if file.start is None or file.end is None:
        return False
    return bool(file.end <= wanted - tolerance or file.start > wanted + tolerance)
