"""Where each pixel of a camera looks on a night, and where a direction falls on the frame."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from classifier._sky.styles import Style

__all__ = ["SHAPE", "View", "full_size", "view_of"]

Array = NDArray[np.float32]

#: Rows and columns of a frame.
SHAPE = (256, 256)
_FIELD = 1.04


@dataclass(frozen=True, eq=False)
class View:
    """The directions of the pixels of a frame, with the turn and tilt of the night.

    Attributes
    ----------
    azimuth, elevation : numpy.ndarray of float32, SHAPE
        deg, azimuth north through east. The field goes on for 1.04 of the radius of the horizon,
        below which a lens still sees sky over low ground; NaN further out.
    inside : numpy.ndarray of bool, SHAPE
        Where there is a direction.
    radius : numpy.ndarray of float32, SHAPE
        Distance from the centre of the image; 1 at the horizon.
    half_axes : tuple of float
        Distance of the horizon from the centre along rows and along columns, pixels.
    centre : tuple of float
        Row and column of the centre.
    """

    site: str
    azimuth: Array
    elevation: Array
    inside: NDArray[np.bool_]
    radius: Array
    half_axes: tuple[float, float]
    centre: tuple[float, float]
    turn: NDArray[np.float64]

    def pixel(
        self, azimuth: ArrayLike, elevation: ArrayLike
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return row and column of directions in the sky, NaN below the camera's horizon."""
        from classifier.optics import pixel_of, standard_fisheye

        seen = _unit_vectors(azimuth, elevation) @ self.turn.T
        row, column = pixel_of(standard_fisheye(self.site), *_angles(seen))
        return np.asarray(row, dtype=np.float64), np.asarray(column, dtype=np.float64)


def view_of(site: str, style: Style) -> View:
    """Return the view of a station's camera on a night.

    Parameters
    ----------
    site : str
    style : Style
        Its turn and tilt are taken.

    Returns
    -------
    View
        Kept in a cache: its arrays are not to be written to.
    """
    return _view(site, style.rotation, style.tilt_north, style.tilt_east)


@functools.lru_cache(maxsize=8)
def _view(site: str, rotation: float, tilt_north: float, tilt_east: float) -> View:
    from classifier.optics import pixel_directions, pixel_of, standard_fisheye

    fisheye = standard_fisheye(site)
    azimuth, elevation = pixel_directions(fisheye, SHAPE)
    turn = _turn(rotation, tilt_north, tilt_east)
    true_azimuth, true_elevation = _angles(_unit_vectors(azimuth, elevation) @ turn)
    row, column = (float(value) for value in pixel_of(fisheye, 0.0, 90.0))
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    high, wide = fisheye.radius, fisheye.radius * fisheye.column_scale
    distance = np.hypot((rows - row) / high, (columns - column) / wide)
    beyond = ~np.isfinite(true_elevation) & (distance < _FIELD)
    # the nearest direction at the horizon, and as much lower as the pixel is further out
    shrink = 0.985 / distance[beyond]
    at_row = np.rint(row + shrink * (rows[beyond] - row)).astype(np.int64)
    at_column = np.rint(column + shrink * (columns[beyond] - column)).astype(np.int64)
    true_azimuth[beyond] = true_azimuth[at_row, at_column]
    lower = 95.0 * (distance[beyond] - distance[at_row, at_column])
    true_elevation[beyond] = true_elevation[at_row, at_column] - lower
    return View(
        site=site,
        azimuth=true_azimuth.astype(np.float32),
        elevation=true_elevation.astype(np.float32),
        inside=np.isfinite(true_elevation),
        radius=distance.astype(np.float32),
        half_axes=(high, wide),
        centre=(row, column),
        turn=turn,
    )


def full_size(half: Array) -> Array:
    """Return twice as many rows and columns, linearly between the given ones.

    Parameters
    ----------
    half : numpy.ndarray of float32, (128, 128)
        A soft picture at every second row and column.

    Returns
    -------
    numpy.ndarray of float32, SHAPE
    """
    rows = np.empty((SHAPE[0], half.shape[1]), dtype=np.float32)
    rows[::2] = half
    rows[1:-1:2] = 0.5 * (half[:-1] + half[1:])
    rows[-1] = half[-1]
    full = np.empty(SHAPE, dtype=np.float32)
    full[:, ::2] = rows
    full[:, 1:-1:2] = 0.5 * (rows[:, :-1] + rows[:, 1:])
    full[:, -1] = rows[:, -1]
    return full


def _unit_vectors(azimuth: ArrayLike, elevation: ArrayLike) -> NDArray[np.float64]:
    """East, north, up; (..., 3)."""
    azimuth, elevation = np.radians(azimuth), np.radians(elevation)
    flat = np.cos(elevation)
    return np.stack([flat * np.sin(azimuth), flat * np.cos(azimuth), np.sin(elevation)], axis=-1)


def _angles(vectors: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    east, north, up = np.moveaxis(vectors, -1, 0)
    azimuth = np.degrees(np.arctan2(east, north)) % 360.0
    return azimuth, np.degrees(np.arctan2(up, np.hypot(east, north)))


def _turn(rotation: float, tilt_north: float, tilt_east: float) -> NDArray[np.float64]:
    """Matrix that takes east, north, up in the sky to those that the camera believes in."""
    spin, north, east = np.radians([rotation, tilt_north, tilt_east])
    about_up = np.array(
        [[np.cos(spin), -np.sin(spin), 0.0], [np.sin(spin), np.cos(spin), 0.0], [0.0, 0.0, 1.0]]
    )
    about_east = np.array(
        [[1.0, 0.0, 0.0], [0.0, np.cos(north), -np.sin(north)], [0.0, np.sin(north), np.cos(north)]]
    )
    about_north = np.array(
        [[np.cos(east), 0.0, -np.sin(east)], [0.0, 1.0, 0.0], [np.sin(east), 0.0, np.cos(east)]]
    )
    return np.asarray(about_north @ about_east @ about_up)
