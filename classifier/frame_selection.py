"""Frames of several files and folders, with a list of what could not be used.

For commands that draw or label what there is: a file or record that gives no frame is no error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from auroral_stats.errors import ArchiveError, DataError
from classifier.frames import FrameFile, Frames, find_frames, read_frames

__all__ = ["Skipped", "files_in", "read_usable"]


@dataclass(frozen=True)
class Skipped:
    """Something that could not be used, and why.

    Attributes
    ----------
    what : str
        The file, with the number of the record where it is about one, or the site.
    reason : str
    """

    what: str
    reason: str


def files_in(
    paths: Iterable[str | Path],
    sites: str | Iterable[str] | None = None,
    start: Any = None,
    end: Any = None,
) -> Iterator[FrameFile]:
    """Find the camera files among several files and folders, each file once.

    Parameters
    ----------
    paths : iterable of path
    sites, start, end
        As for :func:`classifier.frame_files.find_frames`.

    Yields
    ------
    FrameFile
        Path by path; in order of time within a folder.

    Raises
    ------
    ArchiveError
        A path does not exist, or a folder may not be listed.
    UsageError
        A site is not known, or a time cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "20140310_0600_gill_themis19_full.pgm.gz")
    ...     file.touch()
    ...     [found.site for found in files_in([file, folder])]
    ['gill']
    """
    seen = set()
    for path in paths:
        for file in find_frames(path, sites, start, end):
            place = file.path.resolve()
            if place not in seen:
                seen.add(place)
                yield file


def read_usable(path: str | Path) -> tuple[Frames, list[Skipped]]:
    """Read the frames of one file; what cannot be read is listed, not raised.

    Parameters
    ----------
    path : path
        As for :func:`classifier.frames.read_frames`.

    Returns
    -------
    frames : Frames
        Without metadata; no frames where the file cannot be read.
    skipped : list of Skipped
        Records, or the file, that gave no frame.

    Examples
    --------
    >>> frames, skipped = read_usable("thg_l1_asf_gako_2011010617_v01.cdf")  # doctest: +SKIP
    >>> frames.images.shape, skipped  # doctest: +SKIP
    ((23, 256, 256), [])
    """
    path = Path(path)
    try:
        frames = read_frames(path, metadata=False)
    except (ArchiveError, DataError) as error:
        nothing = np.empty((0, 256, 256), np.uint16), np.empty(0, "datetime64[us]")
        return Frames(*nothing, (), (), None, simulated=False), [Skipped(path.name, str(error))]
    skipped = [Skipped(f"{path.name}, record {bad.record}", bad.reason) for bad in frames.bad]
    return frames, skipped
