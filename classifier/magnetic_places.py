"""AACGM-v2 coordinates of the pixels of a camera, and of other places."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from classifier.skymap import Skymap

__all__ = ["magnetic_places", "magnetic_skymap"]

_Array = NDArray[np.float64]


def magnetic_skymap(skymap: Skymap, time: np.datetime64) -> tuple[_Array, _Array]:
    """AACGM-v2 coordinates of the centres of the pixels, at the height of the skymap.

    Parameters
    ----------
    skymap : Skymap
    time : numpy.datetime64
        UTC; coordinates are those of the month.

    Returns
    -------
    mlat, mlon : numpy.ndarray of float64, (row, column)
        deg, ``mlon`` in [-180, 180); NaN where the skymap has no place.

    Raises
    ------
    UsageError
        A time outside the coefficients of aacgmv2.

    Examples
    --------
    >>> from classifier.skymap import ideal_skymap
    >>> mlat, _ = magnetic_skymap(ideal_skymap("gill"), np.datetime64("2014-03-10"))
    >>> round(float(mlat[127, 127]), 1)
    65.7
    """
    return magnetic_places(skymap.latitude, skymap.longitude, time, height_km=skymap.height_km)


def magnetic_places(
    latitude: ArrayLike, longitude: ArrayLike, time: np.datetime64, *, height_km: float = 110.0
) -> tuple[_Array, _Array]:
    """AACGM-v2 coordinates of places at one time; 65,000 of them take about 0.1 s.

    Parameters
    ----------
    latitude, longitude : array_like
        Geodetic, deg, in any shape.
    time : numpy.datetime64
        UTC; coordinates are those of the month.
    height_km : float
        Of the places.

    Returns
    -------
    mlat, mlon : numpy.ndarray of float64
        deg, ``mlon`` in [-180, 180). NaN where a place is, and where AACGM is not defined, near the
        magnetic equator.

    Raises
    ------
    UsageError
        A time outside the coefficients of aacgmv2.

    Examples
    --------
    >>> mlat, mlon = magnetic_places([56.354, 62.407], [-94.656, -145.158], np.datetime64("2008-01"))
    >>> mlat.round(1).tolist(), mlon.round(1).tolist()
    ([66.1, 63.2], [-26.9, -90.5])
    """
    from auroral_stats.aacgm import aacgm_coordinates, aacgm_span
    from auroral_stats.time_grid import check_span

    lat, lon = np.broadcast_arrays(
        np.asarray(latitude, np.float64), np.asarray(longitude, np.float64)
    )
    when = np.array([time]).astype("datetime64[ms]")
    check_span(when, *aacgm_span(), "aacgmv2 (its coefficient files)")
    mlat, mlon = np.full(lat.shape, np.nan), np.full(lat.shape, np.nan)
    known = np.isfinite(lat) & np.isfinite(lon)
    if known.any():
        mlat[known], mlon[known] = (
            part[0] for part in aacgm_coordinates(when, lat[known], lon[known], height_km)
        )
    return mlat, mlon
