"""From the joined Dataset to counts by night and bin: the sufficient statistic of every rate.

Frames minutes apart are nearly the same picture and all stations share one solar wind, so the
night (all stations together, 19 UT to 19 UT) is the unit that uncertainty is computed from. This
room pairs each site-minute with its driver, at the lag and window asked for, and adds its frames
up. Everything after it works on a table of some hundred thousand rows, however many frames
there were.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from auroral_stats.brief import Brief
from auroral_stats.drivers import Driver
from auroral_stats.errors import DataError
from auroral_stats.labels import CLASSES, USABLE, USABLE_INDEX
from auroral_stats.minutes import NIGHT_START_HOUR, moonlit, night_of, time_blocks
from auroral_stats.pairing import Pairing, Rows, pair

__all__ = [
    "NIGHT_START_HOUR",
    "NightCells",
    "frames_by_night",
    "moonlit",
    "night_cells",
    "night_of",
    "night_tensor",
    "require_usable",
    "winter_of",
]


@dataclass(frozen=True, repr=False)
class NightCells(Brief):
    """Frames added up by night, site, MLT hour, bin and moonlight.

    Attributes
    ----------
    data : xarray.Dataset
        ``counts(cell, label)`` in frames, and ``minutes(cell)`` with a frame and
        ``usable_minutes(cell)`` with a usable one; with the coordinates of each cell as integer
        indices: ``night_index``, ``site_index``, ``mlt_hour``,
        ``bin_index`` (one number for all drivers together, first driver slowest) and
        ``moonlit``. ``night``, ``site`` and ``label`` name what the indices point to.
    pairings : tuple of Pairing
        One for each driver.
    """

    data: xr.Dataset
    pairings: tuple[Pairing, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of rows along each driver."""
        return tuple(len(pairing.bins) for pairing in self.pairings)

    def where(self, keep: NDArray[np.bool_]) -> NightCells:
        """Return the cells for which ``keep`` is true."""
        return replace(self, data=self.data.isel(cell=np.flatnonzero(keep)))


def winter_of(night: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Return the winter of each night: the year in which it began (July to June).

    Examples
    --------
    >>> winter_of(np.array(["2014-03-09", "2014-11-02"], dtype="M8[D]")).tolist()
    [2013, 2014]
    """
    months = night.astype("datetime64[M]").astype(np.int64) - 6
    return months // 12 + 1970


def night_cells(
    data: xr.Dataset,
    by: str | Driver | Sequence[str | Driver],
    *,
    bins: Sequence[Sequence[float] | int | None] | None = None,
    lag: int | None = None,
    window: int | None = None,
    max_sun_elevation: float | None = -12.0,
    moon: str = "any",
) -> NightCells:
    """Add the frames up by night, site, MLT hour, driver bin and moonlight.

    Parameters
    ----------
    data : xarray.Dataset
        Joined data: ``frames(time, site, label)``, geometry and unlagged drivers.
    by : str, Driver or sequence of them
        One or two drivers.
    bins : sequence, optional
        For each driver its edges, a number of quantiles, or None for the driver's own bins.
    lag, window : int, optional
        Minutes, for the solar-wind drivers in ``by``, or for the indices if there are none;
        None for the defaults.
    max_sun_elevation : float or None
        Only minutes with the Sun at or below it (degrees); None for all.
    moon : {"down", "any"}
        Which minutes quantiles and coverage are for; the cells hold both kinds.

    Returns
    -------
    NightCells

    Raises
    ------
    UsageError
        If an option does not fit a driver, or the table would have far too many rows.
    DataError
        If the joined data lack something, or no minute is dark enough.
    """
    paired = pair(
        data, by, bins=bins, lag=lag, window=window, max_sun_elevation=max_sun_elevation, moon=moon
    )
    pairings = tuple(pairing for pairing, _ in paired)
    cells = _cells(data, [rows for _, rows in paired], pairings, max_sun_elevation)
    if not cells.sizes["cell"]:
        raise DataError(
            f"no frame with the Sun at or below {max_sun_elevation} degrees; "
            "check the times of the labels, or relax --max-sun-elevation."
        )
    result = NightCells(cells, pairings)
    return replace(result, pairings=tuple(_with_coverage(result, moon)))


#: Names of the parts of the key of a cell, the first the slowest, and the type of each.
_KEY = {
    "site_index": np.int16,
    "night_index": np.int32,
    "mlt_hour": np.int8,
    "bin_index": np.int32,
    "moonlit": np.bool_,
}
#: Variables that every count needs.
_NEEDED = ("frames", "mlt", "moon_elevation", "moon_illumination")


def _cells(
    data: xr.Dataset,
    rows: Sequence[Rows],
    pairings: Sequence[Pairing],
    max_sun_elevation: float | None,
) -> xr.Dataset:
    """Count one stretch of time after the other, so that memory stays that of one stretch."""
    labels = [str(name) for name in data["label"].to_numpy()]
    if sorted(labels) != sorted(CLASSES):
        raise DataError(
            f"the joined data have the labels {', '.join(labels)}; expected "
            f"{', '.join(CLASSES)}. Join the labels again."
        )
    nights, night_index = np.unique(
        night_of(data["time"].to_numpy()).astype(np.int64), return_inverse=True
    )
    shape = [len(pairing.bins) for pairing in pairings]
    sizes = (data.sizes["site"], nights.size, 24, math.prod(shape), 2)
    needs = [*_NEEDED, *(name for one in rows for name in one.needs)]
    if max_sun_elevation is not None:
        needs.append("sun_elevation")
    order = [labels.index(name) for name in CLASSES]
    keys, sums = [np.zeros(0, dtype=np.int64)], [np.zeros((0, len(CLASSES) + 2))]
    for block, part in time_blocks(data, needs):
        row = np.zeros((1, 1), dtype=np.int64)
        for one, pairing in zip(rows, pairings, strict=True):
            row = row * len(pairing.bins) + one.at(block, part)
        row = np.broadcast_to(row, (night_index[block].size, sizes[0]))
        for site in range(sizes[0]):
            at, frames = _dark_frames(part, site, order, max_sun_elevation)
            hour = np.floor(part["mlt"].isel(site=site).to_numpy()[at]).astype(np.int64) % 24
            cell = (
                np.full(at.size, site),
                night_index[block][at],
                hour,
                row[at, site],
                moonlit(part, site)[at].astype(np.int64),
            )
            inverse, unique = pd.factorize(np.ravel_multi_index(cell, sizes))
            usable = np.bitwise_or.reduce(frames[USABLE_INDEX], axis=0) > 0
            columns = [*frames, np.ones(at.size), usable]
            keys.append(unique)
            sums.append(_summed(inverse, columns, unique.size))
    # A night that goes on in the next stretch has cells in both.
    key, inverse = np.unique(np.concatenate(keys), return_inverse=True)
    total = _summed(inverse, np.concatenate(sums).T, key.size).astype(np.int64)
    parts = zip(_KEY.items(), np.unravel_index(key, sizes), strict=True)
    return xr.Dataset(
        {
            "counts": (("cell", "label"), total[:, : len(CLASSES)], {"units": "frames"}),
            "minutes": ("cell", total[:, -2], {"units": "min"}),
            "usable_minutes": ("cell", total[:, -1], {"units": "min"}),
            **{name: ("cell", part.astype(kind)) for (name, kind), part in parts},
        },
        coords={
            "night": nights.astype("datetime64[D]").astype("datetime64[ns]"),
            "site": data["site"].to_numpy(),
            "label": list(CLASSES),
        },
    )


def _dark_frames(
    part: xr.Dataset, site: int, order: Sequence[int], max_sun_elevation: float | None
) -> tuple[NDArray[np.int64], NDArray[np.unsignedinteger]]:
    """Return where one site has frames in the dark, and these frames, (label, minute)."""
    # One contiguous row a class: every pass over them then runs at memory speed.
    frames = np.ascontiguousarray(
        part["frames"].isel(site=site).transpose("label", "time").to_numpy()[list(order)]
    )
    keep = np.bitwise_or.reduce(frames, axis=0) > 0
    if max_sun_elevation is not None:
        keep &= part["sun_elevation"].isel(site=site).to_numpy() <= max_sun_elevation
    at = np.flatnonzero(keep)
    return at, frames[:, at]


def _summed(
    number: NDArray[np.int64], columns: Iterable[NDArray[np.generic]], size: int
) -> NDArray[np.float64]:
    """Add up what has the same number, (number, column); exact up to 2^53, where uint8 wraps."""
    return np.stack([np.bincount(number, column, minlength=size) for column in columns], axis=-1)


def _with_coverage(cells: NightCells, moon: str) -> Iterator[Pairing]:
    """Fill in which share of the usable minutes has a value of each driver."""
    selected = cells.data if moon == "any" else cells.where(~cells.data["moonlit"].to_numpy()).data
    minutes = selected["usable_minutes"].to_numpy()
    if not minutes.any():
        # Rates over all dark frames have a driver all the same.
        minutes = selected["minutes"].to_numpy()
    along = np.unravel_index(selected["bin_index"].to_numpy(), cells.shape)
    total = minutes.sum()
    for pairing, row in zip(cells.pairings, along, strict=True):
        present = minutes[row != pairing.bins.missing].sum()
        yield replace(pairing, coverage=float(present / total) if total else float("nan"))


def require_usable(cells: NightCells, moon: str = "any") -> None:
    """Refuse cells from which no rate among usable frames can be made.

    Parameters
    ----------
    cells : NightCells
    moon : {"down", "any"}
        ``down``: minutes with the Moon down, or hardly lit, are looked at.

    Raises
    ------
    DataError
        If none of the frames shows the sky. Rates of another denominator than the usable frames
        can still be made.
    """
    usable, minutes = (cells.data[name].to_numpy() for name in ("usable_minutes", "minutes"))
    chosen = ~cells.data["moonlit"].to_numpy() if moon == "down" else np.ones(usable.size, bool)
    if not minutes[chosen].sum() or usable[chosen].any():
        return
    others = " Use --moon any, as moonlit minutes have some, or" if usable.any() else " Use"
    raise DataError(
        f"no usable frame ({', '.join(USABLE)}) in any of the {minutes[chosen].sum():,} dark "
        f"site-minutes: all are cloudy or moonlit.{others} --denominator all for rates over all "
        "dark frames, or labels of other times or sites."
    )


def night_tensor(cells: NightCells) -> xr.DataArray:
    """Return the night tensor: frames of each class by night and bin, all sites together.

    Parameters
    ----------
    cells : NightCells
        From :func:`night_cells`; select with :meth:`NightCells.where` before.

    Returns
    -------
    xarray.DataArray
        ``counts(night, bin[, bin2], label)``, int64 frames. Only nights with frames are there.
    """
    night, frames = frames_by_night(cells)
    dims = ["bin", "bin2"][: len(cells.shape)]
    return xr.DataArray(
        np.stack(list(frames), axis=-1, dtype=np.int64, casting="unsafe").reshape(
            night.size, *cells.shape, len(CLASSES)
        ),
        dims=["night", *dims, "label"],
        coords={
            "night": night.astype("datetime64[ns]"),
            "label": list(CLASSES),
            **{
                dim: list(pairing.bins.labels)
                for dim, pairing in zip(dims, cells.pairings, strict=True)
            },
        },
        attrs={"units": "frames"},
    )


def frames_by_night(cells: NightCells) -> tuple[NDArray[np.datetime64], NDArray[np.float64]]:
    """Return the night tensor as plain arrays, classes first and bins flattened.

    Parameters
    ----------
    cells : NightCells

    Returns
    -------
    night : ndarray of datetime64[D], (night,)
        Nights with frames, increasing.
    frames : ndarray of float64, (label, night, bin)
        Whole numbers, in the order of :data:`auroral_stats.labels.CLASSES`.
    """
    data = cells.data
    night = data["night_index"].to_numpy()
    there = np.bincount(night, minlength=data.sizes["night"]) > 0
    present = np.flatnonzero(there)
    rows = int(np.prod(cells.shape))
    flat = (np.cumsum(there) - 1)[night] * rows + data["bin_index"].to_numpy()
    frames = np.empty((len(CLASSES), present.size, rows))
    for label, column in enumerate(data["counts"].to_numpy().T):
        # Weights are summed in float64: exact up to 2^53 frames.
        total = np.bincount(flat, column, minlength=present.size * rows)
        frames[label] = total.reshape(present.size, rows)
    return data["night"].to_numpy()[present].astype("datetime64[D]"), frames
