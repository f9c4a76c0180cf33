"""Site-minutes of joined data, one stretch of time after the other.

Joined data may be larger than memory and lie in a file whose chunks hold all sites of some time.
Read site by site, every chunk would be fetched once for each site; read in stretches as long as
a chunk, each is fetched once, and memory stays that of one stretch, however many years there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from auroral_stats.labels import USABLE

__all__ = [
    "BLOCK_MINUTES",
    "MOONLIT_ILLUMINATION",
    "NIGHT_START_HOUR",
    "moonlit",
    "night_of",
    "time_blocks",
    "usable_frames",
]

#: Minutes read at a time, and held by one chunk of a joined file.
BLOCK_MINUTES = 50_000
#: No site of the array is dark between 18:30 and 19:40 UT, so no night is cut at 19 UT.
NIGHT_START_HOUR = 19
#: The Moon is ignored while less of its disc than this is lit.
MOONLIT_ILLUMINATION = 0.3


def time_blocks(data: xr.Dataset, names: Iterable[str]) -> Iterator[tuple[slice, xr.Dataset]]:
    """Load some variables of joined data, a stretch of time after the other.

    Parameters
    ----------
    data : xarray.Dataset
        Joined data, in memory or opened lazily.
    names : iterable of str
        Variables over ``time``; others are not loaded.

    Yields
    ------
    block : slice
        Where the stretch stands along ``time``.
    part : xarray.Dataset
        These variables in it, in memory.

    Examples
    --------
    >>> data = xr.Dataset({"mlt": ("time", np.arange(5.0))})
    >>> [(block, float(part["mlt"].sum())) for block, part in time_blocks(data, ["mlt"])]
    [(slice(0, 5, None), 10.0)]
    """
    chosen = data[list(dict.fromkeys(names))].assign_coords(time=data["time"])
    size = data.sizes["time"]
    for first in range(0, size, BLOCK_MINUTES):
        block = slice(first, min(first + BLOCK_MINUTES, size))
        yield block, chosen.isel(time=block).load()


def night_of(time: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    """Return the night of each time: the date on which it began, at 19 UT.

    Parameters
    ----------
    time : ndarray of datetime64
        UTC.

    Returns
    -------
    ndarray of datetime64[D]

    Examples
    --------
    >>> night_of(np.array(["2014-03-10T06:02", "2014-03-10T19:00"], dtype="M8[m]")).tolist()
    [datetime.date(2014, 3, 9), datetime.date(2014, 3, 10)]
    """
    return (time - np.timedelta64(NIGHT_START_HOUR, "h")).astype("datetime64[D]")


def moonlit(data: xr.Dataset, site: int) -> NDArray[np.bool_]:
    """Return whether the Moon lights the sky of each minute at one site.

    Parameters
    ----------
    data : xarray.Dataset
        Joined data.
    site : int
        Position along the dimension ``site``.

    Returns
    -------
    ndarray of bool, (time,)
        Moon above the horizon and at least 30 % of its disc lit.
    """
    up = data["moon_elevation"].isel(site=site).to_numpy() > 0
    return up & (data["moon_illumination"].to_numpy() >= MOONLIT_ILLUMINATION)


def usable_frames(
    part: xr.Dataset, *, max_sun_elevation: float | None, moon: str
) -> NDArray[np.int32]:
    """Return the usable frames of the selected site-minutes, zero at the others.

    Parameters
    ----------
    part : xarray.Dataset
        Joined data, or a stretch of them.
    max_sun_elevation : float or None
        Only minutes with the Sun at or below it (degrees).
    moon : {"down", "any"}
        ``down``: without moonlit minutes.

    Returns
    -------
    ndarray of int32, (time, site)
    """
    frames = part["frames"].sel(label=list(USABLE)).sum("label", dtype="int32")
    keep = xr.ones_like(frames, dtype=bool)
    if max_sun_elevation is not None:
        keep &= part["sun_elevation"] <= max_sun_elevation
    if moon == "down":
        lit = part["moon_illumination"] >= MOONLIT_ILLUMINATION
        keep &= ~((part["moon_elevation"] > 0) & lit)
    selected: NDArray[np.int32] = frames.where(keep, 0).transpose("time", "site").to_numpy()
    return selected
