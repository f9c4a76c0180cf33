"""Keograms: a slit through the images along the magnetic meridian of the zenith, against time.

The slit runs where the AACGM-v2 longitude is that of the zenith, in steps of about one pixel. Each
of its points takes the median of a few pixels across it, so that hot pixels and faint stars do not
draw lines (a star of first magnitude still does). Each row of a keogram therefore keeps the
resolution of the camera: 0.01 deg of latitude at the zenith, 0.15 deg near the horizon.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from auroral_stats.brief import Brief
from auroral_stats.errors import DataError, UsageError
from classifier.skymap import Skymap, magnetic_places, magnetic_skymap

__all__ = ["Keogram", "MeridianSlit", "join_slices", "meridian_slit", "slit_counts"]

_Array = NDArray[np.float64]
_FEWEST_POINTS = 16


@dataclass(frozen=True, repr=False)
class MeridianSlit(Brief):
    """Pixels along the magnetic meridian through the zenith of a site, from south to north.

    Attributes
    ----------
    site : str
    rows, columns : numpy.ndarray of int, (point, across)
        Pixels of each point of the slit.
    mlat : numpy.ndarray of float64, (point,)
        AACGM-v2 latitude, deg, increasing.
    mlat_edges : numpy.ndarray of float64, (point + 1,)
        Bounds of the points.
    elevation : numpy.ndarray of float64, (point,)
        deg, from 0 to 90 on both sides of the zenith.
    zenith_mlat, mlon : float
        AACGM-v2 latitude of the zenith, and longitude of zenith and slit, deg.
    height_km : float
        Assumed height of the emission.
    shape : (int, int)
        Rows and columns of the frames it is for.
    idealised : bool
        Whether the optics were assumed.
    source : str
        Name of the skymap, or what was assumed.
    valid_from : numpy.datetime64
        Of the skymap; NaT where it has no date.
    """

    site: str
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    mlat: _Array
    mlat_edges: _Array
    elevation: _Array
    zenith_mlat: float
    mlon: float
    height_km: float
    shape: tuple[int, int]
    idealised: bool
    source: str
    valid_from: np.datetime64 = np.datetime64("NaT", "D")  # noqa: RUF009
    _UNITS: ClassVar[Mapping[str, str]] = {
        "mlat": "deg",
        "mlat_edges": "deg",
        "elevation": "deg",
        "zenith_mlat": "deg",
        "mlon": "deg",
        "height_km": "km",
    }


@dataclass(frozen=True, repr=False)
class Keogram(Brief):
    """Counts along a slit against time; gaps are there as columns without values.

    Attributes
    ----------
    slit : MeridianSlit
    time : numpy.ndarray of datetime64[us], (frame,)
        Start of the exposure of each frame, UTC, strictly increasing.
    counts : numpy.ndarray of float32, (frame, point)
        Raw counts of the camera; the dark level is not subtracted.
    cadence : numpy.timedelta64
        Median time from frame to frame.
    edges : numpy.ndarray of datetime64[us], (column + 1,)
        Bounds of the columns to draw, strictly increasing.
    frame_of : numpy.ndarray of int, (column,)
        Frame that fills each column, or -1 for a gap.
    simulated : bool
        Whether any of the frames is simulated.
    """

    slit: MeridianSlit
    time: NDArray[np.datetime64]
    counts: NDArray[np.float32]
    cadence: np.timedelta64
    edges: NDArray[np.datetime64]
    frame_of: NDArray[np.intp]
    simulated: bool
    _UNITS: ClassVar[Mapping[str, str]] = {"time": "UTC", "counts": "counts"}

    @property
    def drawn(self) -> NDArray[np.float32]:
        """Counts in the order of a picture, (point, column); NaN in gaps."""
        values = self.counts[self.frame_of].T
        values[:, self.frame_of < 0] = np.nan
        return values


def meridian_slit(skymap: Skymap, time: np.datetime64, *, width: int = 5) -> MeridianSlit:
    """Find the pixels along the magnetic meridian through the zenith.

    Parameters
    ----------
    skymap : Skymap
        Places below its lowest elevation are not used.
    time : numpy.datetime64
        UTC; magnetic coordinates are those of the month.
    width : int
        Pixels across the slit, odd.

    Returns
    -------
    MeridianSlit

    Raises
    ------
    UsageError
        A width that is even or below 1; a time outside the coefficients of aacgmv2.
    DataError
        The skymap does not hold the sky around the zenith.

    Examples
    --------
    >>> from classifier.skymap import ideal_skymap
    >>> slit = meridian_slit(ideal_skymap("gill"), np.datetime64("2014-03-10"))
    >>> round(slit.zenith_mlat, 1), slit.mlat[[0, -1]].round().tolist()
    (65.7, [62.0, 70.0])
    >>> bool(slit.rows[0, 2] > slit.rows[-1, 2])  # south lies at the bottom of a stored frame
    True
    """
    if width < 1 or width % 2 == 0:
        raise UsageError(f"width: {width} pixels came; an odd number from 1 was expected.")
    zenith_mlat, zenith_mlon = (
        float(part)
        for part in magnetic_places(
            skymap.site_latitude, skymap.site_longitude, time, height_km=skymap.height_km
        )
    )
    mlat, mlon = magnetic_skymap(skymap, time)
    if not np.isfinite(zenith_mlat):
        raise DataError(f"{skymap.site}: AACGM is not defined there, near the magnetic equator.")
    across = np.mod(mlon - zenith_mlon + 180.0, 360.0) - 180.0
    across *= np.cos(np.radians(mlat))
    path_mlat, row, column = _meridian_path(mlat, across)
    if path_mlat.size < _FEWEST_POINTS:
        raise DataError(f"{skymap.source}: there are no pixels along the meridian of the zenith.")
    return _slit_on_path(skymap, path_mlat, row, column, (zenith_mlat, zenith_mlon), width)


def slit_counts(images: NDArray[np.uint16], slit: MeridianSlit) -> NDArray[np.float32]:
    """Take the slit out of frames: the median across it at each of its points.

    Parameters
    ----------
    images : numpy.ndarray, (frame, row, column)
        As stored; see :mod:`classifier.optics`.
    slit : MeridianSlit

    Returns
    -------
    numpy.ndarray of float32, (frame, point)

    Raises
    ------
    DataError
        The frames have another size than the skymap.

    Examples
    --------
    >>> from classifier.skymap import ideal_skymap
    >>> slit = meridian_slit(ideal_skymap("gill"), np.datetime64("2014-03-10"))
    >>> frames = np.full((2, 256, 256), 2500, dtype=np.uint16)
    >>> np.unique(slit_counts(frames, slit)).tolist()
    [2500.0]
    """
    if images.ndim != 3 or images.shape[1:] != slit.shape:
        raise DataError(
            f"frames of {images.shape[1:]} pixels came; the skymap of {slit.site} is for"
            f" {slit.shape}."
        )
    return np.median(images[:, slit.rows, slit.columns], axis=2).astype(np.float32)


def join_slices(
    slit: MeridianSlit,
    times: Sequence[NDArray[np.datetime64]],
    slices: Sequence[NDArray[np.float32]],
    *,
    simulated: bool = False,
) -> Keogram:
    """Put slices of several files in order of time; what is missing between them stays empty.

    A frame fills the time from its start to the next frame, but at most 1.5 times the cadence, the
    median time between frames; where the next frame comes later it fills one cadence, and a gap
    follows. Of frames with the same time the first is kept.

    Parameters
    ----------
    slit : MeridianSlit
    times : sequence of numpy.ndarray of datetime64, each (frame,)
        Starts of exposures, UTC.
    slices : sequence of numpy.ndarray, each (frame, point)
        From :func:`slit_counts`.
    simulated : bool
        Whether any of the frames is simulated.

    Returns
    -------
    Keogram

    Raises
    ------
    DataError
        There is no frame.

    Examples
    --------
    >>> from classifier.skymap import ideal_skymap
    >>> slit = meridian_slit(ideal_skymap("gill"), np.datetime64("2014-03-10"))
    >>> seconds = np.array([0, 3, 6, 60, 63])
    >>> time = np.datetime64("2014-03-10T06:00:00") + seconds.astype("m8[s]")
    >>> keogram = join_slices(slit, [time], [np.zeros((5, slit.mlat.size), np.float32)])
    >>> keogram.frame_of.tolist(), (keogram.edges - time[0]).astype("m8[s]").astype(int).tolist()
    ([0, 1, 2, -1, 3, 4], [0, 3, 6, 9, 60, 63, 66])
    """
    if not sum(len(part) for part in times):
        raise DataError(f"{slit.site}: there is no frame for a keogram.")
    time = np.concatenate([np.asarray(part, dtype="datetime64[us]") for part in times])
    time, first = np.unique(time, return_index=True)
    counts = np.concatenate(slices).astype(np.float32)[first]

    cadence = np.median(np.diff(time)) if time.size > 1 else np.timedelta64(3_000_000, "us")
    following = np.append(time[1:], time[-1] + 2 * cadence)
    after_gap = following - time > 1.5 * cadence
    end = np.where(after_gap, time + cadence, following)
    # a frame has one bound where it begins, and one more where it ends if a gap follows
    starts_gap = after_gap[:-1]
    edges = np.sort(np.concatenate([time, end[:-1][starts_gap], end[-1:]]))
    frame_of = np.full(edges.size - 1, -1, dtype=np.intp)
    frame_of[np.searchsorted(edges, time)] = np.arange(time.size)
    return Keogram(slit, time, counts, cadence, edges, frame_of, simulated)


def _meridian_path(mlat: _Array, across: _Array) -> tuple[_Array, _Array, _Array]:
    """Latitude, row and column along the line on which ``across`` is 0, from south to north."""
    import contourpy

    # a line through the grid of pixels meets its edges, where two pixels decide on either value
    tracer = contourpy.contour_generator(z=np.ma.masked_invalid(across), corner_mask=False)
    lines = [line for line in tracer.lines(0.0) if isinstance(line, np.ndarray)]
    if not lines:
        return np.empty(0), np.empty(0), np.empty(0)
    column, row = max(lines, key=len).T
    r0, c0 = np.floor(row).astype(np.intp), np.floor(column).astype(np.intp)
    dr, dc = row - r0, column - c0
    r1, c1 = r0 + (dr > 0.0), c0 + (dc > 0.0)
    along = (1.0 - dr) * ((1.0 - dc) * mlat[r0, c0] + dc * mlat[r0, c1]) + dr * (
        (1.0 - dc) * mlat[r1, c0] + dc * mlat[r1, c1]
    )
    order = np.argsort(along, kind="stable")
    return along[order], row[order], column[order]


def _slit_on_path(
    skymap: Skymap,
    path_mlat: _Array,
    row: _Array,
    column: _Array,
    zenith: tuple[float, float],
    width: int,
) -> MeridianSlit:
    """Points one pixel apart along the path, and the pixels across each."""
    length = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(row), np.diff(column)))])
    count = int(length[-1])
    edges = np.linspace(0.0, length[-1], count + 1)
    middle = 0.5 * (edges[1:] + edges[:-1])

    # across: at right angles to the path, whose direction is taken over a few pixels
    along_row = np.interp(middle + 2.0, length, row) - np.interp(middle - 2.0, length, row)
    along_column = np.interp(middle + 2.0, length, column) - np.interp(middle - 2.0, length, column)
    norm = np.hypot(along_row, along_column)
    offset = np.arange(width) - width // 2
    rows = np.interp(middle, length, row)[:, None] - offset * (along_column / norm)[:, None]
    columns = np.interp(middle, length, column)[:, None] + offset * (along_row / norm)[:, None]
    shape = skymap.elevation.shape
    at_rows = np.clip(np.rint(rows).astype(np.intp), 0, shape[0] - 1)
    at_columns = np.clip(np.rint(columns).astype(np.intp), 0, shape[1] - 1)
    return MeridianSlit(
        site=skymap.site,
        rows=at_rows,
        columns=at_columns,
        mlat=np.interp(middle, length, path_mlat),
        mlat_edges=np.interp(edges, length, path_mlat),
        elevation=skymap.elevation[at_rows[:, width // 2], at_columns[:, width // 2]],
        zenith_mlat=zenith[0],
        mlon=zenith[1],
        height_km=skymap.height_km,
        shape=(shape[0], shape[1]),
        idealised=skymap.idealised,
        source=skymap.source,
        valid_from=skymap.valid_from,
    )
