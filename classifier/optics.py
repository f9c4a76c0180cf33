r"""The fish-eye lens of an all-sky camera: which pixel looks where.

The model is that of the published skymaps: an odd polynomial of the zenith angle about the pixel of
the zenith, a ratio of column to row scale (the detector is binned unequally), and the azimuth that
stands at the top of the image,

.. math::

    r(z) &= R\,(c_1 u + c_3 u^3 + c_5 u^5), \qquad u = z / 90^\circ, \quad c_1 + c_3 + c_5 = 1 \\
    \mathrm{row} &= \mathrm{row}_0 - r \cos(A - A_\mathrm{top}) \\
    \mathrm{column} &= \mathrm{column}_0 \mp s\, r \sin(A - A_\mathrm{top})

(minus where east is to the left). Fitted to the elevation and azimuth arrays of the skymap of
Gakona of 5 March 2011 it leaves no residual (0.00003 pixel over 47,000 pixels above 3 deg): those
arrays were made by this formula, with coefficients that the file carries as well.

**How frames are stored.** In the PGM files of stream 0, row 0 is (magnetic) north and column 0 is
east, as one sees the sky lying on the back with the head to the north; the arrays of the ``.sav``
skymaps, as ``scipy.io.readsav`` returns them, are stored the same way. The ASF CDF files are turned
by 180 degrees against both (row 0 south, column 0 west); :func:`classifier.frames.read_frames` turns
them back. This was found from the sky itself:

- Gakona, ASF CDF of 6 January 2011, 17:00 UT, turned by 180 deg, with the skymap of March: Venus,
  Saturn and 31 stars down to magnitude 2.5 lie within 2.5 pixels of their places (for the 23
  clearest the median distance is 1.5 pixels, most of it one common shift of a column); as stored,
  or flipped along one axis only, none of them is found. (That the camera itself was turned by 180
  deg between January and March is not excluded by this file alone; the frames of Gillam and the
  published readers, which lay PGM files on skymaps as stored, speak against it.)
- Gillam, PGM of 10 March 2014, 06:03 UT, as stored: the glare of the Moon (elevation 28 deg,
  azimuth 260 deg) is at row 149, column 214. The standard fish-eye places it at row 143, column
  213, 6 pixels (4 deg) off: the camera is not quite central or not quite level. Flipped top to
  bottom it would be 37 pixels off, left to right 172.

The top of the image is near the magnetic declination of the site: 22.6 deg at Gakona, and the Moon
gives about 0 deg for Gillam.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auroral_stats.errors import UsageError

__all__ = [
    "FRAME_SHAPE",
    "Fisheye",
    "pixel_directions",
    "pixel_of",
    "scaled_fisheye",
    "standard_fisheye",
]

#: Rows and columns of a frame of the THEMIS imagers.
FRAME_SHAPE = (256, 256)

_NEWTON_STEPS = 3  # from a table of 512 intervals these reach the rounding of float64


@dataclass(frozen=True)
class Fisheye:
    """A fish-eye lens on a detector.

    Whole numbers of row and column are the places that the arrays of the published skymaps call
    pixel (row, column).

    Attributes
    ----------
    row, column : float
        Where the zenith falls.
    radius : float
        Rows from the zenith to the horizon (elevation 0).
    radial : tuple of float
        ``(c1, c3, c5)``: distance from the zenith in units of ``radius`` is
        ``c1 u + c3 u**3 + c5 u**5``, with u the zenith angle over 90 deg. They sum to 1, and the
        distance grows all the way to the horizon.
    column_scale : float
        Columns to a row of equal angle.
    top_azimuth : float
        Azimuth that points to row 0, deg from north through east.
    east_left : bool
        Whether east is to the left of north, as the sky is seen from below.

    Raises
    ------
    UsageError
        Numbers that do not make a lens.
    """

    row: float = 127.5
    column: float = 127.5
    radius: float = 126.27313
    radial: tuple[float, float, float] = (1.0633665, -0.0632880, -0.0000785)
    column_scale: float = 0.9651168
    top_azimuth: float = 0.0
    east_left: bool = True

    def __post_init__(self) -> None:
        numbers = (self.row, self.column, self.radius, self.column_scale, self.top_azimuth)
        if not np.all(np.isfinite([*numbers, *self.radial])):
            raise UsageError(f"Fisheye: all its numbers must be finite; {self} came")
        if not (self.radius > 0.0 and self.column_scale > 0.0):
            raise UsageError(
                f"Fisheye: radius and column_scale must be above 0; {self.radius} and"
                f" {self.column_scale} came"
            )
        slope = _radial_slope(self.radial, np.linspace(0.0, 1.0, 101))
        if abs(sum(self.radial) - 1.0) > 1e-6 or np.any(slope <= 0.0):
            raise UsageError(
                f"Fisheye: the radial coefficients {self.radial} must sum to 1 and let the distance"
                " grow from the zenith to the horizon"
            )


def standard_fisheye(site: str | None = None) -> Fisheye:
    """Return the lens to assume where there is no skymap.

    Parameters
    ----------
    site : str, optional
        Site code. For ``"gako"``, whose skymap is known, the lens of that camera in March 2011;
        for any other site, and without one, the same lens centred on the frame with true north at
        the top.

    Returns
    -------
    Fisheye

    Notes
    -----
    This is an idealisation. Real cameras are off centre by a few pixels and turned by up to
    some 25 degrees: at 30 deg elevation the standard lens may miss by some 100 km at 110 km
    height. Use a skymap for anything that is measured.

    Examples
    --------
    >>> lens = standard_fisheye()
    >>> [round(float(value), 1) for value in pixel_of(lens, azimuth=90.0, elevation=45.0)]
    [127.5, 63.7]
    >>> standard_fisheye("gako").top_azimuth
    22.6
    """
    if site is not None and site.lower() == "gako":
        return Fisheye(row=128.6, column=124.15, top_azimuth=22.6)
    return Fisheye()


def pixel_directions(
    fisheye: Fisheye, shape: tuple[int, int] = FRAME_SHAPE
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where each pixel of a stored frame looks.

    Parameters
    ----------
    fisheye : Fisheye
    shape : (int, int), optional
        Rows and columns.

    Returns
    -------
    azimuth, elevation : numpy.ndarray of float64, (row, column)
        deg; azimuth from north through east in [0, 360), NaN below the horizon. At a pixel that is
        the zenith itself the azimuth is that of the top of the image.

    Examples
    --------
    >>> azimuth, elevation = pixel_directions(Fisheye(row=128, column=128))
    >>> float(elevation[128, 128]), bool(np.isnan(elevation[0, 0]))
    (90.0, True)
    >>> azimuth[20, 128].round(), azimuth[128, 20].round()  # the top is north, east is left
    (np.float64(0.0), np.float64(90.0))
    """
    up = fisheye.row - np.arange(shape[0], dtype=np.float64)[:, None]
    left = (fisheye.column - np.arange(shape[1], dtype=np.float64)) / fisheye.column_scale
    distance = np.hypot(up, left) / fisheye.radius
    seen = distance <= 1.0
    elevation = np.full(shape, np.nan)
    elevation[seen] = 90.0 * (1.0 - _zenith_fraction(fisheye.radial, distance[seen]))
    east = left if fisheye.east_left else -left
    azimuth = np.mod(np.degrees(np.arctan2(east, up)) + fisheye.top_azimuth, 360.0)
    azimuth[azimuth >= 360.0] = 0.0  # the remainder of a tiny negative angle
    azimuth[~seen] = np.nan
    return azimuth, elevation


def pixel_of(
    fisheye: Fisheye, azimuth: ArrayLike, elevation: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where a direction falls on a stored frame; the inverse of :func:`pixel_directions`.

    Parameters
    ----------
    fisheye : Fisheye
    azimuth, elevation : array_like
        deg; azimuth from north through east. They are broadcast against each other.

    Returns
    -------
    row, column : numpy.ndarray of float64
        Fractional pixels, NaN below the horizon. They may lie outside the frame.

    Examples
    --------
    >>> row, column = pixel_of(Fisheye(row=128, column=128), [0.0, 180.0], 0.0)
    >>> row.round(2).tolist(), column.round(2).tolist()
    ([1.73, 254.27], [128.0, 128.0])
    """
    turned = np.radians(np.asarray(azimuth, dtype=np.float64) - fisheye.top_azimuth)
    height = np.asarray(elevation, dtype=np.float64)
    height = np.where((height >= 0.0) & (height <= 90.0), height, np.nan)
    u = 1.0 - height / 90.0
    c1, c3, c5 = fisheye.radial
    distance = fisheye.radius * u * (c1 + u**2 * (c3 + u**2 * c5))
    side = 1.0 if fisheye.east_left else -1.0
    row = fisheye.row - distance * np.cos(turned)
    column = fisheye.column - side * fisheye.column_scale * distance * np.sin(turned)
    return row, column


def scaled_fisheye(fisheye: Fisheye, factor: float) -> Fisheye:
    """Return the lens for frames reduced or enlarged by a factor, pixel edges on pixel edges.

    Parameters
    ----------
    fisheye : Fisheye
    factor : float
        Size of the new frame over that of the old.

    Returns
    -------
    Fisheye

    Examples
    --------
    >>> half = scaled_fisheye(Fisheye(row=127.5, column=127.5, radius=126.0), 0.5)
    >>> half.row, half.column, half.radius
    (63.5, 63.5, 63.0)
    """
    return replace(
        fisheye,
        row=(fisheye.row + 0.5) * factor - 0.5,
        column=(fisheye.column + 0.5) * factor - 0.5,
        radius=fisheye.radius * factor,
    )


def _radial_slope(
    radial: tuple[float, float, float], u: NDArray[np.float64]
) -> NDArray[np.float64]:
    c1, c3, c5 = radial
    return c1 + u**2 * (3.0 * c3 + 5.0 * u**2 * c5)


def _zenith_fraction(
    radial: tuple[float, float, float], distance: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Zenith angle over 90 deg at a distance in units of the radius; Newton from a table."""
    c1, c3, c5 = radial
    grid = np.linspace(0.0, 1.0, 513)
    u = np.interp(distance, grid * (c1 + grid**2 * (c3 + grid**2 * c5)), grid)
    for _ in range(_NEWTON_STEPS):
        u -= (u * (c1 + u**2 * (c3 + u**2 * c5)) - distance) / _radial_slope(radial, u)
    return np.clip(u, 0.0, 1.0)
