"""What the names of camera files say: site, camera, and the minute or hour they hold.

``20140310_0600_gill_themis19_full.pgm.gz`` holds one minute, as the University of Calgary names its
files, and ``thg_l1_asf_gill_2014031006_v01.cdf`` one hour, as the THEMIS mission does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

__all__ = ["SITE", "FrameName", "frame_name"]

#: A site code, as in the label store.
SITE = r"[a-z0-9]{2,8}"

_PGM = re.compile(
    rf"(\d{{8}})_(\d{{4}})_({SITE})_([a-z0-9-]+)_full\.pgm(|\.gz|\.bz2)", re.ASCII | re.IGNORECASE
)
_ASF = re.compile(
    rf"thg_l1_asf_({SITE})_(\d{{8}})(\d{{2}})_v(\d{{2}})\.cdf", re.ASCII | re.IGNORECASE
)

#: Of the same minute, the first of these is read: with a checksum before without.
_PREFERENCE = {".gz": 0, ".bz2": 1, "": 2}


@dataclass(frozen=True)
class FrameName:
    """What the name of a file says.

    Attributes
    ----------
    site : str
        In lower case.
    start : datetime64[m]
        UTC.
    minutes : int
        Length of what the file holds.
    source : str
        The camera, or ``asf`` for hourly CDFs.
    rank : int
        Of files with the same site, start and source, the one with the lowest rank is preferred.
    """

    site: str
    start: np.datetime64
    minutes: int
    source: str
    rank: int

    @property
    def end(self) -> np.datetime64:
        """The end of what the file holds, not included."""
        return self.start + np.timedelta64(self.minutes, "m")


def frame_name(name: str) -> FrameName | None:
    """Return what the name of a file says; None if it is no name of a camera file.

    Parameters
    ----------
    name : str
        Without folders.

    Returns
    -------
    FrameName or None

    Examples
    --------
    >>> found = frame_name("20140310_0605_gill_themis19_full.pgm.gz")
    >>> found.site, str(found.start), found.minutes
    ('gill', '2014-03-10T06:05', 1)
    >>> frame_name("thg_l1_asf_gako_2011010617_v01.cdf").source
    'asf'
    >>> frame_name("notes.txt") is None
    True
    """
    if found := _PGM.fullmatch(name):
        date, clock, site, source, suffix = (part.lower() for part in found.groups())
        minutes, rank = 1, _PREFERENCE[suffix]
    elif found := _ASF.fullmatch(name):
        site, date, hour, version = (part.lower() for part in found.groups())
        clock, source, minutes, rank = f"{hour}00", "asf", 60, -int(version)
    else:
        return None
    try:
        start = np.datetime64(f"{date[:4]}-{date[4:6]}-{date[6:]}T{clock[:2]}:{clock[2:]}", "m")
    except ValueError:
        return None
    return FrameName(site, start, minutes, source, rank)
