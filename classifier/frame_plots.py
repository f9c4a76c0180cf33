"""Figures of frames: keograms, and mosaics on a map.

Nothing is computed here but positions on the page. Figures are made without pyplot and without its
settings, so they work without a display and inside figures of your own (``ax=``). The title line
says when frames are simulated, and when the optics are idealised.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm, Normalize
from matplotlib.dates import AutoDateLocator, DateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.image import PcolorImage
from matplotlib.path import Path
from numpy.typing import NDArray

from auroral_stats.errors import DataError
from classifier._map_axes import draw_graticule, draw_magnetic_latitudes, draw_sites, map_centre
from classifier.emission_shell import shell_coordinates
from classifier.keogram import Keogram
from classifier.mosaic import PERCENTILES, MapCentre, MosaicLayer, to_plane
from classifier.mosaic_files import MosaicRun

__all__ = ["plot_keogram", "plot_mosaic"]

#: Width of two columns of a journal, inches.
_WIDTH = 7.08
_SMALL, _TITLE = 7.0, 8.0
#: Of a map, inches: its greatest height, and what stands beside it, and above and below.
_MAP_HEIGHT, _MAP_SIDES, _MAP_ENDS = 5.6, 1.2, 0.6
#: Where there are no frames: no shade of grey, so that it is taken for no sky.
_NO_FRAMES = "#cfe0ee"
#: Counts of these percentiles are drawn black and white.
_SHOWN = (1.0, 99.7)
_MARKED_ELEVATIONS = (20.0, 45.0)


def plot_keogram(
    keogram: Keogram,
    ax: Axes | None = None,
    *,
    log: bool = False,
    note: str = "",
    **kwargs: Any,
) -> PcolorImage:
    """Draw a keogram: time to the right, magnetic north up.

    Parameters
    ----------
    keogram : Keogram
    ax : matplotlib Axes, optional
        Where to draw; by default in a figure of two columns' width, with title and colour bar.
    log : bool
        Whether the grey levels follow the logarithm of the counts. Black and white are the 1st and
        99.7th percentile of the counts either way.
    note : str
        Further words for the title.
    **kwargs
        For :meth:`matplotlib.axes.Axes.pcolorfast`, such as ``cmap`` or ``norm``.

    Returns
    -------
    matplotlib.image.PcolorImage
        Its figure is ``image.figure``. Times without frames are pale blue.

    Raises
    ------
    DataError
        All counts are 0, and their logarithm is asked for.

    Examples
    --------
    >>> image = plot_keogram(run.keogram)  # doctest: +SKIP
    >>> save_figure(image.figure, "gill.pdf")  # doctest: +SKIP
    """
    own = ax is None
    if ax is None:
        ax = Figure(figsize=(_WIDTH, 2.9), layout="constrained").add_subplot()
    image = _draw_keogram(ax, keogram, log=log, **kwargs)
    _time_axis(ax, keogram)
    # the minus sign of southern latitudes is that of the axis
    ax.set_ylabel("magnetic latitude (deg)", fontsize=_SMALL)
    ax.tick_params(labelsize=_SMALL, length=2.5)
    ax.axhline(keogram.slit.zenith_mlat, color="#e69f00", linewidth=0.6, linestyle=(0, (6, 4)))
    if own:
        _elevation_axis(ax, keogram)
        bar = ax.figure.colorbar(image, ax=ax, pad=0.01, aspect=30)
        bar.set_label("counts, dark level included", fontsize=_SMALL)
        if log:
            # between two decades powers of ten say little
            bar.ax.yaxis.set_major_formatter("{x:.0f}")
            bar.ax.yaxis.set_minor_formatter("{x:.0f}")
        bar.ax.tick_params(which="both", labelsize=_SMALL, length=2.5)
        ax.set_title(_keogram_title(keogram, note), fontsize=_TITLE, loc="left")
    return image


def plot_mosaic(
    run: MosaicRun, ax: Axes | None = None, *, note: str = "", **kwargs: Any
) -> list[QuadMesh]:
    """Draw a mosaic on an equal-area map with graticule and magnetic latitudes.

    Parameters
    ----------
    run : MosaicRun
        From :func:`classifier.mosaic_files.mosaic_of_files`.
    ax : matplotlib Axes, optional
        Where to draw; by default in a figure of its own with title and colour bar.
    note : str
        Further words for the title.
    **kwargs
        For :meth:`matplotlib.axes.Axes.pcolormesh`, such as ``cmap``.

    Returns
    -------
    list of matplotlib.collections.QuadMesh
        One a site; the figure is ``meshes[0].figure``.

    Examples
    --------
    >>> meshes = plot_mosaic(run)  # doctest: +SKIP
    >>> save_figure(meshes[0].figure, "mosaic.png")  # doctest: +SKIP
    """
    own = ax is None
    if ax is None:
        ax = Figure(layout="constrained").add_subplot()
    layers = run.layers
    centre = map_centre([layer.skymap for layer in layers])
    rims = [_rim(layer, centre) for layer in layers]
    meshes = [
        _draw_layer(ax, layer, centre, rim, kwargs) for layer, rim in zip(layers, rims, strict=True)
    ]
    width, height = _set_bounds(ax, np.concatenate(rims))
    draw_graticule(ax, centre, _SMALL)
    draw_magnetic_latitudes(ax, centre, run.time, layers[0].skymap.height_km, _SMALL)
    draw_sites(ax, centre, [layer.skymap for layer in layers], _SMALL)
    if own:
        scale = min((_WIDTH - _MAP_SIDES) / width, _MAP_HEIGHT / height)
        figure = ax.get_figure(root=True)
        assert figure is not None
        figure.set_size_inches(scale * width + _MAP_SIDES, scale * height + _MAP_ENDS)
        bar = figure.colorbar(meshes[0], ax=ax, pad=0.02, aspect=40)
        low, high = PERCENTILES
        bar.set_label(
            f"brightness, each site between its own {low:g}st and {high:g}th percentile",
            fontsize=_SMALL,
        )
        bar.ax.tick_params(labelsize=_SMALL, length=2.5)
        ax.set_title(_mosaic_title(run, note), fontsize=_TITLE, loc="left")
    return meshes


def _draw_keogram(ax: Axes, keogram: Keogram, *, log: bool, **kwargs: Any) -> PcolorImage:
    drawn = keogram.drawn
    counts = keogram.counts
    if "norm" not in kwargs:
        shown = counts[counts > 0] if log else counts
        if not shown.size:
            raise DataError(f"{keogram.slit.site}: all counts are 0; they have no logarithm.")
        low, high = (float(value) for value in np.percentile(shown, _SHOWN))
        high = high if high > low else low + 1.0
        kwargs["norm"] = LogNorm(low, high, clip=True) if log else Normalize(low, high)
    cmap = kwargs.pop("cmap", None) or "gray"
    coloured = (colormaps[cmap] if isinstance(cmap, str) else cmap).with_extremes(bad=_NO_FRAMES)
    image = ax.pcolorfast(
        date2num(keogram.edges),  # type: ignore[no-untyped-call]
        keogram.slit.mlat_edges,
        np.ma.masked_invalid(drawn),
        cmap=coloured,
        **kwargs,
    )
    assert isinstance(image, PcolorImage)
    return image


def _time_axis(ax: Axes, keogram: Keogram) -> None:
    seconds = float((keogram.edges[-1] - keogram.edges[0]) / np.timedelta64(1, "s"))
    locator = AutoDateLocator(minticks=4, maxticks=9)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    clock = "%H:%M:%S" if seconds < 240 else "%H:%M"
    words = clock if seconds < 86400 else "%m-%d %H:%M"
    ax.xaxis.set_major_formatter(DateFormatter(words))  # type: ignore[no-untyped-call]
    ax.set_xlabel("UTC", fontsize=_SMALL)
    # from a whole second, so that a frame of 06:00:00.06 leaves the mark of 06:00 on the axis
    begin = keogram.edges[0].astype("datetime64[s]").astype("datetime64[us]")
    bounds = np.array([begin, keogram.edges[-1]])
    ax.set_xlim(*date2num(bounds))  # type: ignore[no-untyped-call]


def _elevation_axis(ax: Axes, keogram: Keogram) -> None:
    """Mark elevations on the right, south and north of the zenith."""
    slit = keogram.slit
    ticks, names = [slit.zenith_mlat], ["zenith"]
    for side, name in ((slit.mlat < slit.zenith_mlat, "S"), (slit.mlat > slit.zenith_mlat, "N")):
        if not side.any():
            continue
        order = np.argsort(slit.elevation[side])
        elevation, mlat = slit.elevation[side][order], slit.mlat[side][order]
        for marked in _MARKED_ELEVATIONS:
            if elevation[0] <= marked <= elevation[-1]:
                ticks.append(float(np.interp(marked, elevation, mlat)))
                names.append(f"{marked:.0f}° {name}")
    right = ax.secondary_yaxis("right")
    right.set_yticks(ticks, names)
    right.tick_params(labelsize=_SMALL, length=2.5)
    right.set_ylabel("elevation", fontsize=_SMALL)


def _keogram_title(keogram: Keogram, note: str) -> str:
    slit = keogram.slit
    begin, end = np.datetime_as_string(keogram.edges[[0, -1]], unit="s")
    if begin[:10] == end[:10]:
        end = end[11:]
    cadence = keogram.cadence / np.timedelta64(1, "s")
    first = (
        f"{slit.site.upper()}, {begin.replace('T', ' ')} to {end.replace('T', ' ')} UTC,"
        f" cadence {cadence:.3g} s"
    )
    words = [f"magnetic meridian of the zenith at {slit.height_km:.0f} km"]
    if (keogram.frame_of < 0).any():
        words.append("pale blue: no frames")
    if not slit.idealised:
        words.append(slit.source)
        if keogram.time[0] < slit.valid_from:
            words.append("valid from later than these frames")
    return "\n".join(_marked(first, words, keogram.simulated, slit.idealised, note))


def _mosaic_title(run: MosaicRun, note: str) -> str:
    sites = ", ".join(layer.skymap.site.upper() for layer in run.layers)
    when = str(run.time.astype("datetime64[s]")).replace("T", " ")
    first = f"{sites}, {when} UTC"
    apart = max(abs((layer.time - run.time) / np.timedelta64(1, "s")) for layer in run.layers)
    within = np.ceil(10.0 * apart) / 10.0
    words = [
        f"mapped to {run.layers[0].skymap.height_km:.0f} km",
        f"exposures start within {within:.1f} s",
    ]
    idealised = [layer.skymap.site for layer in run.layers if layer.skymap.idealised]
    title = _marked(first, words, run.simulated, bool(idealised), note)
    skymaps = [layer.skymap.source for layer in run.layers if not layer.skymap.idealised]
    return "\n".join(title + [", ".join(skymaps)] * bool(skymaps))


def _marked(first: str, words: list[str], simulated: bool, idealised: bool, note: str) -> list[str]:
    title = ("SIMULATED DATA: " if simulated else "") + first
    return [title, "; ".join(words + ["idealised optics"] * idealised + [note] * bool(note))]


def _draw_layer(
    ax: Axes,
    layer: MosaicLayer,
    centre: MapCentre,
    rim: NDArray[np.float64],
    kwargs: dict[str, Any],
) -> QuadMesh:
    """Draw the pixels that have four corners, as far as the lowest elevation."""
    x, y = to_plane(centre, layer.skymap.corner_latitude, layer.skymap.corner_longitude)
    known = np.isfinite(x) & np.isfinite(y)
    whole = known[1:, 1:] & known[1:, :-1] & known[:-1, 1:] & known[:-1, :-1]
    mesh = ax.pcolormesh(
        np.where(known, x, 0.0),
        np.where(known, y, 0.0),
        np.ma.masked_where(~(whole & np.isfinite(layer.brightness)), layer.brightness),
        **{"cmap": "gray", "vmin": 0.0, "vmax": 1.0, "rasterized": True, **kwargs},
    )
    mesh.set_clip_path(Path(rim, closed=True), ax.transData)
    # dawn and Moon can be as white as the page
    ax.plot(*rim.T, color="#7a8794", linewidth=0.5)
    return mesh


def _rim(layer: MosaicLayer, centre: MapCentre) -> NDArray[np.float64]:
    """Where the lowest elevation lies on the map: (point, 2)."""
    sky = layer.skymap
    around = np.linspace(0.0, 360.0, 361)
    places = shell_coordinates(
        sky.site_latitude, sky.site_longitude, around, layer.min_elevation, sky.height_km
    )
    return np.column_stack(to_plane(centre, *places))


def _set_bounds(ax: Axes, points: NDArray[np.float64]) -> tuple[float, float]:
    """Show all points with some margin; return width and height in km."""
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.04 * (high - low).max()
    ax.set_xlim(low[0] - margin, high[0] + margin)
    ax.set_ylim(low[1] - margin, high[1] + margin)
    ax.set_aspect("equal")
    ax.set_xticks([])
    ax.set_yticks([])
    width, height = high - low + 2.0 * margin
    return float(width), float(height)
