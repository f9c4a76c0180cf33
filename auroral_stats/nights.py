"""From the joined Dataset to counts by night and bin: the sufficient statistic of every rate.

Frames minutes apart are nearly the same picture and all stations share one solar wind, so the
night (all stations together, 19 UT to 19 UT) is the unit that uncertainty is computed from. This
room pairs each site-minute with its driver, at the lag and window asked for, and adds its frames
up. Everything after it works on a table of some hundred thousand rows, however many frames
there were.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from auroral_stats.drivers import Driver
from auroral_stats.errors import DataError
from auroral_stats.labels import CLASSES
from auroral_stats.pairing import MOONLIT_ILLUMINATION, USABLE_INDEX, Pairing, pair

__all__ = [
    "NIGHT_START_HOUR",
    "NightCells",
    "moonlit",
    "night_cells",
    "night_of",
    "night_tensor",
    "winter_of",
]

#: No site of the array is dark between 18:30 and 19:40 UT, so no night is cut at 19 UT.
NIGHT_START_HOUR = 19


@dataclass(frozen=True)
class NightCells:
    """Frames added up by night, site, MLT hour, bin and moonlight.

    Attributes
    ----------
    data : xarray.Dataset
        ``counts(cell, label)`` in frames and ``usable_minutes(cell)``, with the coordinates of
        each cell as integer indices: ``night_index``, ``site_index``, ``mlt_hour``,
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


def winter_of(night: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Return the winter of each night: the year in which it began (July to June).

    Examples
    --------
    >>> winter_of(np.array(["2014-03-09", "2014-11-02"], dtype="M8[D]")).tolist()
    [2013, 2014]
    """
    months = night.astype("datetime64[M]").astype(np.int64) - 6
    return months // 12 + 1970


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
        If an option does not fit a driver.
    DataError
        If the joined data lack something, or no minute is dark enough.
    """
    paired = pair(
        data, by, bins=bins, lag=lag, window=window, max_sun_elevation=max_sun_elevation, moon=moon
    )
    cells = xr.concat(
        list(
            _cells_by_site(
                data,
                [rows for _, rows in paired],
                [len(pairing.bins) for pairing, _ in paired],
                max_sun_elevation,
            )
        ),
        dim="cell",
        data_vars="minimal",
        coords="minimal",
        compat="override",
        join="override",
    )
    if not cells.sizes["cell"]:
        raise DataError(
            f"no frame with the Sun at or below {max_sun_elevation} degrees; "
            "check the times of the labels, or relax --max-sun-elevation."
        )
    result = NightCells(cells, tuple(pairing for pairing, _ in paired))
    return replace(result, pairings=tuple(_with_coverage(result, moon)))


def _cells_by_site(
    data: xr.Dataset,
    rows: Sequence[NDArray[np.int16]],
    shape: Sequence[int],
    max_sun_elevation: float | None,
) -> Iterator[xr.Dataset]:
    """Yield the cells of one site after the other, so that memory stays that of one site."""
    time = data["time"].to_numpy()
    night_number = night_of(time).astype(np.int64)
    nights, night_index = np.unique(night_number, return_inverse=True)
    coords = {
        "night": nights.astype("datetime64[D]").astype("datetime64[ns]"),
        "site": data["site"].to_numpy(),
        "label": list(CLASSES),
    }
    labels = [str(name) for name in data["label"].to_numpy()]
    if sorted(labels) != sorted(CLASSES):
        raise DataError(
            f"the joined data have the labels {', '.join(labels)}; expected "
            f"{', '.join(CLASSES)}. Join the labels again."
        )
    order = [labels.index(name) for name in CLASSES]
    for site in range(data.sizes["site"]):
        # One contiguous row a class: every pass below then runs at memory speed.
        frames = np.ascontiguousarray(
            data["frames"].isel(site=site).transpose("label", "time").to_numpy()[order]
        )
        keep = np.bitwise_or.reduce(frames, axis=0) > 0
        if max_sun_elevation is not None:
            keep &= data["sun_elevation"].isel(site=site).to_numpy() <= max_sun_elevation
        at = np.flatnonzero(keep)
        frames = frames[:, at]
        row = np.zeros(at.size, dtype=np.int64)
        for index, length in zip(rows, shape, strict=True):
            row = row * length + index[at, site if index.shape[1] > 1 else 0]
        hour = np.floor(data["mlt"].isel(site=site).to_numpy()[at]).astype(np.int64) % 24
        lit = moonlit(data, site)[at]
        size = int(np.prod(shape))
        key = ((night_index[at].astype(np.int64) * 24 + hour) * size + row) * 2 + lit
        inverse, unique = pd.factorize(key)
        counts = np.zeros((unique.size, len(CLASSES)), dtype=np.int64)
        for label, weights in enumerate(frames):
            # Weights are summed in float64: exact up to 2^53 frames, where uint8 would wrap.
            counts[:, label] = np.bincount(inverse, weights, minlength=unique.size)
        usable = np.bitwise_or.reduce(frames[USABLE_INDEX], axis=0) > 0
        minutes = np.bincount(inverse, usable, minlength=unique.size).astype(np.int64)
        rest, moon = np.divmod(np.asarray(unique), 2)
        rest, cell_row = np.divmod(rest, size)
        cell_night, cell_hour = np.divmod(rest, 24)
        yield xr.Dataset(
            {
                "counts": (("cell", "label"), counts, {"units": "frames"}),
                "usable_minutes": ("cell", minutes, {"units": "min"}),
                "night_index": ("cell", cell_night.astype(np.int32)),
                "site_index": ("cell", np.full(unique.size, site, dtype=np.int16)),
                "mlt_hour": ("cell", cell_hour.astype(np.int8), {"units": "h"}),
                "bin_index": ("cell", cell_row.astype(np.int32)),
                "moonlit": ("cell", moon.astype(bool)),
            },
            coords=coords,
        )


def _with_coverage(cells: NightCells, moon: str) -> Iterator[Pairing]:
    """Fill in which share of the usable minutes has a value of each driver."""
    minutes = cells.data["usable_minutes"].to_numpy()
    if moon == "down":
        minutes = minutes * ~cells.data["moonlit"].to_numpy()
    along = np.unravel_index(cells.data["bin_index"].to_numpy(), cells.shape)
    total = minutes.sum()
    for pairing, row in zip(cells.pairings, along, strict=True):
        present = minutes[row != pairing.bins.missing].sum()
        yield replace(pairing, coverage=float(present / total) if total else float("nan"))


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
    data = cells.data
    night = data["night_index"].to_numpy()
    present, index = np.unique(night, return_inverse=True)
    size = int(np.prod(cells.shape))
    flat = index * size + data["bin_index"].to_numpy()
    counts = data["counts"].to_numpy()
    total = np.stack(
        [np.bincount(flat, column, minlength=present.size * size) for column in counts.T], axis=-1
    )
    dims = ["bin", "bin2"][: len(cells.shape)]
    return xr.DataArray(
        total.round().astype(np.int64).reshape(present.size, *cells.shape, len(CLASSES)),
        dims=["night", *dims, "label"],
        coords={
            "night": data["night"].to_numpy()[present],
            "label": list(CLASSES),
            **{
                dim: list(pairing.bins.labels)
                for dim, pairing in zip(dims, cells.pairings, strict=True)
            },
        },
        attrs={"units": "frames"},
    )
