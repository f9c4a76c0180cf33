"""Frames of one file, and the records of it that are none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from auroral_stats.brief import Brief

__all__ = ["IMAGE_SHAPE", "BadRecord", "Frames"]

#: Rows and columns of a frame of the THEMIS all-sky imagers.
IMAGE_SHAPE = (256, 256)


@dataclass(frozen=True)
class BadRecord:
    """A record of a file that gave no frame.

    Attributes
    ----------
    record : int
        Its number in the file, from 0. Where a whole part of the file was lost, the number of the
        first record in it.
    reason : str
        What is wrong with it.
    """

    record: int
    reason: str


@dataclass(frozen=True, repr=False)
class Frames(Brief):
    """The sound frames of one file.

    Attributes
    ----------
    images : ndarray of uint16, (frame, row, column)
        Counts, in native byte order, 256 x 256; row 0 is north and column 0 east, as in PGM files.
    time : ndarray of datetime64[us], (frame,)
        Start of the exposure, UTC; strictly increasing.
    metadata : tuple of mapping, one a frame
        What the headers say, key to text. Empty if it was not asked for.
    bad : tuple of BadRecord
        Records that gave no frame.
    site : str or None
        Code of the site in lower case, where the file tells it.
    simulated : bool
        Whether the file says that its frames are simulated.
    """

    images: NDArray[np.uint16]
    time: NDArray[np.datetime64]
    metadata: tuple[Mapping[str, str], ...]
    bad: tuple[BadRecord, ...]
    site: str | None
    simulated: bool
    _UNITS: ClassVar[Mapping[str, str]] = {"images": "counts", "time": "UTC"}
