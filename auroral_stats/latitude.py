"""Magnetic latitude of sites, and the choice of sites by it.

At high latitude "clear" may mean that the oval is equatorward of the site, so sites of different
bands of latitude do not belong in one rate. A site is placed by its mean latitude over the minutes
in which it has frames; the southern hemisphere counts by its absolute value.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from auroral_stats.errors import DataError, UsageError
from auroral_stats.minutes import time_blocks
from auroral_stats.sites import BAND_EDGES, BANDS

__all__ = ["MlatRange", "mlat_option", "parse_mlat", "select_mlat", "site_mlat"]

#: Degrees, LO <= latitude < HI; None where it is open.
MlatRange = tuple[float | None, float | None]


def parse_mlat(text: str) -> MlatRange:
    """Read a range of latitude as the command line gives it: ``LO:HI``.

    Parameters
    ----------
    text : str
        For example ``62:70``, ``70:`` or ``:62``.

    Returns
    -------
    (float or None, float or None)

    Raises
    ------
    UsageError
        If it is not a range from 0 to 90 degrees.

    Examples
    --------
    >>> parse_mlat("62:70"), parse_mlat("70:")
    ((62.0, 70.0), (70.0, None))
    """
    parts = [part.strip() for part in text.split(":")]
    try:
        ends = [float(part) if part else None for part in parts]
    except ValueError:
        ends = []
    if len(ends) != 2 or ends == [None, None]:
        given = text.strip() or "''"
        raise UsageError(f"--mlat {given}: expected LO:HI in degrees, such as 62:70, 70: or :62.")
    low, high = ends
    check_mlat((low, high))
    return low, high


def check_mlat(mlat: MlatRange) -> None:
    """Refuse a range that no latitude can lie in.

    Raises
    ------
    UsageError
        If an end is not from 0 to 90, or the first is not below the second.
    """
    low, high = 0.0 if mlat[0] is None else mlat[0], 90.0 if mlat[1] is None else mlat[1]
    if not 0 <= low < high <= 90:
        raise UsageError(
            f"--mlat {mlat_option(mlat)}: expected 0 <= LO < HI <= 90 degrees; the southern "
            "hemisphere counts by its absolute value."
        )


def mlat_option(mlat: MlatRange | str) -> str:
    """Return what ``--mlat`` takes for a range or for one of :data:`auroral_stats.sites.BANDS`.

    Examples
    --------
    >>> mlat_option((None, 66.5)), mlat_option("<62"), mlat_option("62-70"), mlat_option(">70")
    (':66.5', ':62', '62:70', '70:')
    """
    if isinstance(mlat, str):
        place = BANDS.index(mlat)
        ends = (None, *BAND_EDGES, None)
        mlat = ends[place], ends[place + 1]
    return ":".join("" if end is None else f"{end:g}" for end in mlat)


def site_mlat(data: xr.Dataset) -> dict[str, float]:
    """Return the mean AACGM latitude of each site over the minutes with frames of its own.

    Parameters
    ----------
    data : xarray.Dataset
        Joined data.

    Returns
    -------
    dict of str to float
        Degrees; NaN for a site without frames.
    """
    total, minutes = np.zeros(data.sizes["site"]), np.zeros(data.sizes["site"])
    for _, part in time_blocks(data, ["frames", "mlat"]):
        seen = part["frames"].any("label").transpose("time", "site").to_numpy()
        mlat = part["mlat"].transpose("time", "site").to_numpy()
        # float32 sums of a million latitudes drift by a degree.
        total += np.where(seen, mlat, 0).sum(axis=0, dtype=np.float64)
        minutes += seen.sum(axis=0)
    mean = np.divide(total, minutes, out=np.full(total.size, np.nan), where=minutes > 0)
    return dict(zip(map(str, data["site"].to_numpy()), mean.tolist(), strict=True))


def select_mlat(latitudes: Mapping[str, float], mlat: MlatRange) -> list[str]:
    """Return the sites in a range of latitude.

    Parameters
    ----------
    latitudes : mapping of str to float
        From :func:`site_mlat`.
    mlat : (float or None, float or None)
        LO <= latitude < HI, degrees.

    Returns
    -------
    list of str
        In the order given.

    Raises
    ------
    UsageError
        If it is no range.
    DataError
        If no site lies in it; the message has the latitude of each.

    Examples
    --------
    >>> select_mlat({"gill": 66.2, "rank": 72.4}, (70.0, None))
    ['rank']
    """
    check_mlat(mlat)
    low, high = -np.inf if mlat[0] is None else mlat[0], np.inf if mlat[1] is None else mlat[1]
    chosen = [site for site, latitude in latitudes.items() if low <= abs(latitude) < high]
    if not chosen:
        there = ", ".join(f"{site} {latitude:.1f}" for site, latitude in latitudes.items())
        raise DataError(
            f"no site with a mean magnetic latitude in {mlat_option(mlat)}; there are {there} "
            "(degrees). Change --mlat."
        )
    return chosen
