"""Occurrence rates by several drivers side by side, on one scale for each class.

Drawn like the figures of :mod:`auroral_stats.plots`, with a column for each driver, so that one can
see at a glance which driver goes with more aurora, and by how much.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import xarray as xr

from auroral_stats._figures.lettering import marked
from auroral_stats._figures.page import (
    legend_entries,
    letter_around,
    name_row,
    new_figure,
    plain,
    room_for,
    set_axis,
    set_rate_limits,
    top_of,
    wrap,
    write_on,
)
from auroral_stats._figures.panels import (
    draw_rate,
    draw_secondary,
    draw_support,
    exposure_floor,
)
from auroral_stats._figures.reading import (
    BinAxis,
    axis_of,
    check_result,
    chosen_labels,
    curve_of,
    exposure_unit,
)
from auroral_stats._figures.style import ALL_BANDS, DOUBLE, NAME, Panels
from auroral_stats._figures.words import (
    gate_of,
    hidden_of,
    off_axis,
    rate_name,
    subtitle_of,
)
from auroral_stats.drivers import DRIVERS
from auroral_stats.errors import UsageError
from auroral_stats.provenance import combine_simulated, is_simulated, parameters_of

__all__ = ["plot_drivers"]

#: Height of a row of rates by the number of classes, and of the row of what they rest on, mm.
_ROW, _MOST_ROWS, _SUPPORT = {1: 50.0, 2: 36.0, 3: 28.0}, 22.0, 17.0
#: Height that numbers and names of the axes take, mm.
_AXES = 12.0
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
#: Options that may differ between the columns.
_OWN = {"labels", "bins", "lag", "window", "gate"}


def plot_drivers(results: Sequence[xr.Dataset], title: str = "", **kwargs: Any) -> Panels:
    """Draw rates with their 95 % intervals by several drivers: a row a class, a column a driver.

    Parameters
    ----------
    results : sequence of xarray.Dataset
        From :func:`auroral_stats.occurrence.occurrence`, each by one driver, of the same classes
        and with the same options but for bins, lag, window and gate.
    title : str
        What the drivers have in common, such as "the solar wind"; by default their names.
    **kwargs
        For :meth:`matplotlib.axes.Axes.errorbar` of the rates that pass the gate.

    Returns
    -------
    dict
        The Axes of each (class, driver) and of ("exposure", driver). Bands of latitude that a
        result holds are pooled, and the subtitle says so; select sites before
        (:func:`auroral_stats.joined.select_frames`).

    Raises
    ------
    UsageError
        If there is no result, one is by two drivers, a driver comes twice, or classes or options
        differ.
    DataError
        If some results are simulated and others are not.

    Examples
    --------
    >>> results = [occurrence(data, name) for name in ("Bz", "Kp")]         # doctest: +SKIP
    >>> save_figure(plot_drivers(results)["arc", "Bz"].figure, "both.pdf")  # doctest: +SKIP
    """
    labels = _common_labels(results)
    axes = {str(result.attrs["driver"]): axis_of(result, whole=False) for result in results}
    if len(axes) < len(results):
        raise UsageError(f"{', '.join(axes)}: a driver comes twice; give each of them once.")
    by_driver = dict(zip(axes, results, strict=True))
    made = new_figure(DOUBLE)
    rows = [*labels, "exposure"]
    heights = [_ROW.get(len(labels), _MOST_ROWS)] * len(labels) + [_SUPPORT]
    grid = made.subplots(
        len(rows), len(axes), squeeze=False, sharex="col", sharey="row", height_ratios=heights
    )
    panels = {
        (name, driver): grid[i, k] for i, name in enumerate(rows) for k, driver in enumerate(axes)
    }
    for label in labels:
        curves = {d: curve_of(by_driver[d], label, ALL_BANDS, axis) for d, axis in axes.items()}
        top = top_of(list(curves.values()))
        for driver, axis in axes.items():
            panel = panels[label, driver]
            draw_secondary(by_driver[driver], panel, axis, label, ALL_BANDS)
            draw_rate(panel, axis, curves[driver], label, 0.5, kwargs)
            set_rate_limits(panel, axis, curves[driver], top)
            plain(panel)
    floor = min(exposure_floor(by_driver[d], axis, ALL_BANDS) for d, axis in axes.items())
    for letter, (driver, axis) in zip(_LETTERS, axes.items(), strict=False):
        below = panels["exposure", driver]
        draw_support(by_driver[driver], below, axis, "exposure", ALL_BANDS, floor=floor)
        plain(below)
        room = room_for(made, len(axes))
        set_axis(below, axis, room)
        write_on(below.set_xlabel, "\n".join(wrap(axis.label, NAME, room)), fontsize=NAME)
        head: dict[str, Any] = {"loc": "left", "fontsize": NAME, "fontweight": "bold", "pad": 3}
        panels[labels[0], driver].set_title(letter, **head)
    first = next(iter(axes))
    for name in rows:
        text = f"{exposure_unit(by_driver[first], ALL_BANDS)},\nnights"
        name_row(panels[name, first], text if name == "exposure" else name, name)
    made.align_labels()
    _letter(made, by_driver, axes, labels, title, heights)
    return panels


def _common_labels(results: Sequence[xr.Dataset]) -> list[str]:
    """Return the classes of all results; refuse results that cannot stand side by side."""
    if not results:
        raise UsageError("plot_drivers: expected one result or more, got none.")
    for result in results:
        check_result(result, 1, None)
    kept = [
        {"label": chosen_labels(result)}
        | {key: value for key, value in parameters_of(result.attrs).items() if key not in _OWN}
        for result in results
    ]
    for other in kept[1:]:
        differing = sorted(key for key in kept[0] if other.get(key) != kept[0][key])
        if differing:
            raise UsageError(
                f"the results differ in {', '.join(differing)}; make them with the same options, "
                "so that their rates can be compared."
            )
    combine_simulated({r.attrs["driver"]: is_simulated(r.attrs) for r in results})
    return [str(name) for name in kept[0]["label"]]


def _letter(
    made: Any,
    results: dict[str, xr.Dataset],
    axes: dict[str, BinAxis],
    labels: Sequence[str],
    title: str,
    heights: Sequence[float],
) -> None:
    """Write title, legend and notes around the panels."""
    most = max(results.values(), key=lambda result: int(result["nights"].max()))
    names = [DRIVERS[d].long_name if d in DRIVERS else d for d in axes]
    what = title or f"{', '.join(names[:-1])} and {names[-1]}".removeprefix(" and ")
    handles = {
        str(handle.get_label()): handle
        for driver, result in results.items()
        for handle in legend_entries(result, axes[driver], labels, [ALL_BANDS], ["exposure"])
    }
    letter_around(
        made,
        most.attrs,
        title=marked(f"Occurrence of auroral forms by {what}", most.attrs),
        subtitle=subtitle_of(most, [ALL_BANDS], interval=True),
        notes=_notes(results, axes, labels),
        handles=list(handles.values()),
        height=sum(heights) + _AXES,
        handle_length=1.6,
    )
    _, low, _, high = made.get_layout_engine().get()["rect"]
    middle = low + high * (1 - 0.5 * sum(heights[:-1]) / (sum(heights) + _AXES))
    made.supylabel(rate_name(most), y=middle, fontsize=NAME)


def _notes(
    results: dict[str, xr.Dataset], axes: dict[str, BinAxis], labels: Sequence[str]
) -> list[str]:
    """Return what is not on the axes, which rates are grey, and how columns were paired."""
    notes: list[str] = []
    outside: dict[str, list[str]] = {}
    paired: dict[str, list[str]] = {}
    for letter, (driver, result) in zip(_LETTERS, results.items(), strict=False):
        outside.setdefault(off_axis(result, axes[driver]), []).append(letter)
        if result.attrs.get("cadence_minutes", "0") != "0":
            when = "lag {lag_minutes} min, window {window_minutes} min".format(**result.attrs)
            paired.setdefault(when, []).append(letter)
    if len(paired) > 1:
        notes.append("; ".join(f"{', '.join(who)}) {when}" for when, who in paired.items()) + ".")
    parts = [f"{', '.join(who)}) {what}" for what, who in outside.items() if what]
    if parts:
        notes.append(f"Usable hours not on an axis: {'; '.join(parts)}.")
    gates: dict[str, list[tuple[int, int]]] = {}
    for driver, result in results.items():
        found = hidden_of(result, [axes[driver]], labels, [ALL_BANDS])
        gates.setdefault(gate_of(result), []).append(found)
    for gate, counted in gates.items():
        hidden, full = (sum(numbers) for numbers in zip(*counted, strict=True))
        if hidden:
            notes.append(f"Grey, below the gate ({gate}): {hidden} of {full} rates.")
    return notes
