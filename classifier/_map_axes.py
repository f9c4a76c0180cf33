"""What surrounds a mosaic on its map: graticule, magnetic latitudes, sites."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from classifier.emission_shell import on_sphere
from classifier.mosaic import MapCentre, from_plane, to_plane
from classifier.skymap import Skymap, magnetic_places

__all__ = ["draw_graticule", "draw_magnetic_latitudes", "draw_sites", "map_centre"]

_LINE = "#7a8794"
_MAGNETIC = "#d55e00"
_SITE = "#0072b2"
_CONTOUR_POINTS = 80


def map_centre(skymaps: Sequence[Skymap]) -> MapCentre:
    """Return the middle of the sites."""
    x, y, z = np.mean(
        [
            on_sphere(np.radians(sky.site_latitude), np.radians(sky.site_longitude))
            for sky in skymaps
        ],
        axis=0,
    )
    return MapCentre(
        float(np.degrees(np.arctan2(z, np.hypot(x, y)))), float(np.degrees(np.arctan2(y, x)))
    )


def draw_graticule(ax: Axes, centre: MapCentre, size: float) -> None:
    """Draw geographic meridians and parallels, named where they leave the map."""
    latitude, longitude = _corners_and_rim(ax, centre)
    along = np.mod(longitude - centre.longitude + 180.0, 360.0) - 180.0
    dlat = 5.0 if np.ptp(latitude) > 8.0 else 2.0
    dlon = 5.0 * np.ceil(np.ptp(along) / 8.0 / 5.0)
    for lat in np.arange(np.ceil(latitude.min() / dlat) * dlat, latitude.max(), dlat):
        lon = np.linspace(along.min(), along.max(), 200) + centre.longitude
        _line(ax, *to_plane(centre, lat, lon), _north(lat), size, upright=False)
    west = along.min() + centre.longitude
    for lon in np.arange(np.ceil(west / dlon) * dlon, along.max() + centre.longitude, dlon):
        lat_line = np.linspace(latitude.min(), latitude.max(), 200)
        _line(ax, *to_plane(centre, lat_line, lon), _east(lon), size, upright=True)


def draw_magnetic_latitudes(
    ax: Axes, centre: MapCentre, time: np.datetime64, height_km: float, size: float
) -> None:
    """Draw contours of AACGM-v2 latitude at a height."""
    (west, east), (south, north) = ax.get_xlim(), ax.get_ylim()
    x, y = np.meshgrid(
        np.linspace(west, east, _CONTOUR_POINTS), np.linspace(south, north, _CONTOUR_POINTS)
    )
    mlat, _ = magnetic_places(*from_plane(centre, x, y), time, height_km=height_km)
    step = 2.0 if np.nanmax(mlat) - np.nanmin(mlat) < 16.0 else 5.0
    levels = np.arange(np.ceil(np.nanmin(mlat) / step) * step, np.nanmax(mlat), step)
    if not levels.size:
        return
    lines = ax.contour(
        x, y, mlat, levels=levels, colors=_MAGNETIC, linewidths=0.7, linestyles="dashed"
    )
    for text in ax.clabel(lines, fmt="%.0f° mag", fontsize=size):
        text.set_path_effects([withStroke(linewidth=1.5, foreground="white")])
        at_x, at_y = text.get_position()
        inside = (
            0.06 < (at_x - west) / (east - west) < 0.94
            and 0.03 < (at_y - south) / (north - south) < 0.97
        )
        text.set_visible(inside)


def draw_sites(ax: Axes, centre: MapCentre, skymaps: Sequence[Skymap], size: float) -> None:
    """Mark where the cameras stand."""
    halo = [withStroke(linewidth=2.0, foreground="white")]
    for sky in skymaps:
        x, y = (float(part) for part in to_plane(centre, sky.site_latitude, sky.site_longitude))
        ax.plot(x, y, marker="^", markersize=4.5, color=_SITE, markeredgecolor="white",
                markeredgewidth=0.6, linestyle="none")  # fmt: skip
        ax.annotate(
            sky.site.upper(), (x, y), xytext=(4, 3), textcoords="offset points",
            fontsize=size, fontweight="bold", color=_SITE, path_effects=halo,
        )  # fmt: skip


def _corners_and_rim(
    ax: Axes, centre: MapCentre
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    (west, east), (south, north) = ax.get_xlim(), ax.get_ylim()
    x, y = np.meshgrid(np.linspace(west, east, 30), np.linspace(south, north, 30))
    latitude, longitude = from_plane(centre, x, y)
    known = np.isfinite(latitude)
    return latitude[known], longitude[known]


def _line(
    ax: Axes,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    name: str,
    size: float,
    *,
    upright: bool,
) -> None:
    """One line of the graticule; its name stands outside, at the left or at the bottom."""
    ax.plot(x, y, color=_LINE, linewidth=0.4, scalex=False, scaley=False)
    edge, position = (ax.get_ylim()[0], y) if upright else (ax.get_xlim()[0], x)
    other, bounds = (x, ax.get_xlim()) if upright else (y, ax.get_ylim())
    crossing = np.flatnonzero(np.diff(np.sign(position - edge)))
    if not crossing.size:
        return
    at = crossing[0]
    share = (edge - position[at]) / (position[at + 1] - position[at])
    where = other[at] + share * (other[at + 1] - other[at])
    if not bounds[0] < where < bounds[1]:
        return
    place = (float(where), edge) if upright else (edge, float(where))
    ax.annotate(
        name, place, xytext=(0, -2) if upright else (-2, 0), textcoords="offset points",
        ha="center" if upright else "right", va="top" if upright else "center",
        fontsize=size, color="#4d5864", annotation_clip=False,
    )  # fmt: skip


def _north(latitude: float) -> str:
    return f"{abs(latitude):.0f}°{'N' if latitude >= 0 else 'S'}"


def _east(longitude: float) -> str:
    reduced = (longitude + 180.0) % 360.0 - 180.0
    return f"{abs(reduced):.0f}°{'E' if reduced >= 0 else 'W'}"
