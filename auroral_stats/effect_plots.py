"""Figures of geoeffectiveness and superposed epochs, lettered and sized for a journal's page.

Everything drawn is read from the result. Classes have the colours and markers of the figures of
rates, estimates below the gate are grey, and the title says when data are simulated. Figures are
made without pyplot; :func:`auroral_stats.figure_files.save_figure` writes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_lowercase
from typing import Any

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from auroral_stats._figures.effect_words import (
    effect_legend,
    effect_notes,
    effect_subtitle,
    effect_title,
)
from auroral_stats._figures.effects import (
    ROW,
    check_effect,
    draw_balance,
    draw_exceedance,
    draw_forest,
    set_exceedance,
)
from auroral_stats._figures.epoch_panels import (
    check_epoch,
    draw_epoch,
    draw_number,
    epoch_legend,
    epoch_subtitle,
    epoch_title,
    name_quantity,
    notes_on_epochs,
)
from auroral_stats._figures.lettering import marked, math_text
from auroral_stats._figures.page import length_of, letter_around, new_figure, wrap, write_on
from auroral_stats._figures.style import CLASS_STYLE, DOUBLE, NAME, SINGLE, TEXT
from auroral_stats.effect_tables import is_epoch
from auroral_stats.errors import UsageError

__all__ = ["figure", "plot_balance", "plot_epochs", "plot_exceedance", "plot_forest"]


def figure(result: xr.Dataset) -> Figure:
    """Return the figure that suits a result.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`auroral_stats.geoeffectiveness.geoeffectiveness`: ratios with their numbers,
        exceedance curves and balance; or from :func:`auroral_stats.epochs.epochs`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    UsageError
        If it is neither.
    """
    if is_epoch(result):
        made = next(iter(plot_epochs(result).values())).figure
        assert isinstance(made, Figure)
        return made
    return _effects_figure(result)


def _effects_figure(result: xr.Dataset) -> Figure:
    labels = check_effect(result, None)
    made = new_figure(DOUBLE)
    rows = len(labels) * (result.sizes["threshold"] + 1.4) + 1
    heights = [ROW * rows + 8.0, 46.0]
    upper, lower = made.subfigures(2, 1, height_ratios=heights, squeeze=False)[:, 0]
    forest = upper.subplots()
    draw_forest(forest, result, labels, {}, numbers=True)
    _letter_panel(forest, 0, "")
    unit = result.attrs["measure_units"]
    write_on(forest.set_ylabel, f"X ({unit})".replace("nT^2", "nT$^2$"), fontsize=NAME)
    widths = [1.0] * len(labels) + [1.1]
    below = lower.subplots(1, len(labels) + 1, width_ratios=widths)
    for place, (label, ax) in enumerate(zip(labels, below, strict=False)):
        draw_exceedance(ax, result, label, {"linewidth": 1.5})
        set_exceedance(ax, result, labels)
        if place:
            ax.tick_params(labelleft=False)
        _letter_panel(ax, place + 1, label)
    write_on(below[0].set_ylabel, "Share of minutes ≥ X", fontsize=NAME)
    middle = below[(len(labels) - 1) // 2]
    write_on(middle.set_xlabel, math_text(result.attrs["measure_label"]), fontsize=NAME)
    draw_balance(below[-1], result, labels)
    _letter_panel(below[-1], len(labels) + 1, "")
    letter_around(
        made,
        result.attrs,
        title=marked(effect_title(result, labels), result.attrs),
        subtitle=effect_subtitle(result),
        notes=effect_notes(result, labels),
        handles=effect_legend(result, labels),
        height=sum(heights),
    )
    return made


def _letter_panel(ax: Axes, place: int, label: str) -> None:
    """Write the letter of a panel, and in its colour the class that it shows."""
    style: dict[str, Any] = {"fontsize": NAME, "fontweight": "bold", "loc": "left", "pad": 3}
    colour = CLASS_STYLE[label][0] if label else "black"
    ax.set_title(f"{ascii_lowercase[place]}  {label}".strip(), color=colour, **style)


def plot_forest(
    result: xr.Dataset,
    ax: Axes | None = None,
    *,
    label: str | Sequence[str] | None = None,
    numbers: bool = True,
    **kwargs: Any,
) -> dict[str, Axes]:
    """Draw matched and crude risk ratios with their intervals on a logarithmic axis.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`auroral_stats.geoeffectiveness.geoeffectiveness`.
    ax : matplotlib Axes, optional
        Draw here and nothing else; numbers are written to the right of the Axes.
    label : str or sequence of str, optional
        Classes; all by default.
    numbers : bool
        Whether the ratios are written beside.
    **kwargs
        For :meth:`matplotlib.axes.Axes.plot` of the matched ratios.

    Returns
    -------
    dict
        The Axes, under ``"forest"``. Grey and open: below the gate. An arrow ends an interval
        that goes on beyond the axis.

    Raises
    ------
    UsageError
        If it is no such result, or lacks the class.

    Examples
    --------
    >>> panels = plot_forest(result, label="discrete")              # doctest: +SKIP
    >>> save_figure(panels["forest"].figure, "discrete.pdf")        # doctest: +SKIP
    """
    labels = check_effect(result, label)
    made = None if ax is not None else new_figure(DOUBLE)
    panel = ax if made is None else made.subplots()
    assert panel is not None
    draw_forest(panel, result, labels, kwargs, numbers=numbers)
    unit = result.attrs["measure_units"].replace("nT^2", "nT$^2$")
    write_on(panel.set_ylabel, f"X ({unit})", fontsize=NAME)
    if made is None:
        _title_on(panel, marked(effect_title(result, labels), result.attrs))
        return {"forest": panel}
    rows = len(labels) * (result.sizes["threshold"] + 1.4) + 1
    _letter_effects(made, result, labels, ROW * rows + 8.0, slice(-4))
    return {"forest": panel}


def plot_exceedance(
    result: xr.Dataset,
    ax: Axes | None = None,
    *,
    label: str | Sequence[str] | None = None,
    **kwargs: Any,
) -> dict[str, Axes]:
    """Draw which share of the minutes of a class, and of its matched control, reaches X.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`auroral_stats.geoeffectiveness.geoeffectiveness`.
    ax : matplotlib Axes, optional
        Draw all classes here, each control in the colour of its class.
    label : str or sequence of str, optional
        Classes; all by default, a panel each.
    **kwargs
        For :meth:`matplotlib.axes.Axes.plot` of the curves of the classes.

    Returns
    -------
    dict
        The Axes of each class. Marks with bars are the thresholds with their 95 % intervals.

    Raises
    ------
    UsageError
        If it is no such result, or lacks the class.

    Examples
    --------
    >>> panels = plot_exceedance(result, ax, linewidth=2)           # doctest: +SKIP
    """
    labels = check_effect(result, label)
    style = {"linewidth": 1.5} | kwargs
    if ax is not None:
        for name in labels:
            draw_exceedance(ax, result, name, style, own_control=True)
        set_exceedance(ax, result, labels)
        ax.legend(fontsize=TEXT, frameon=False)
        write_on(ax.set_xlabel, math_text(result.attrs["measure_label"]))
        write_on(ax.set_ylabel, "Share of minutes ≥ X")
        _title_on(ax, marked(effect_title(result, labels), result.attrs))
        return dict.fromkeys(labels, ax)
    made = new_figure(SINGLE if len(labels) == 1 else DOUBLE)
    grid = made.subplots(1, len(labels), squeeze=False, sharex=True, sharey=True)[0]
    for place, (name, panel) in enumerate(zip(labels, grid, strict=True)):
        draw_exceedance(panel, result, name, style)
        set_exceedance(panel, result, labels)
        _letter_panel(panel, place, name)
    write_on(grid[0].set_ylabel, "Share of minutes ≥ X", fontsize=NAME)
    axis = math_text(result.attrs["measure_label"])
    _letter_effects(made, result, labels, 62.0, slice(-4, -2), name=axis)
    return dict(zip(labels, grid, strict=True))


def plot_balance(
    result: xr.Dataset, ax: Axes | None = None, *, label: str | Sequence[str] | None = None
) -> dict[str, Axes]:
    """Draw how alike class and control are in each covariate, before and after matching.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`auroral_stats.geoeffectiveness.geoeffectiveness`.
    ax : matplotlib Axes, optional
        Draw here and nothing else.
    label : str or sequence of str, optional
        Classes; all by default.

    Returns
    -------
    dict
        The Axes, under ``"balance"``. The dotted line is the limit after matching, 0.1.

    Raises
    ------
    UsageError
        If it is no such result, or lacks the class.
    """
    labels = check_effect(result, label)
    made = None if ax is not None else new_figure(SINGLE)
    panel = ax if made is None else made.subplots()
    assert panel is not None
    draw_balance(panel, result, labels)
    if made is None:
        _title_on(panel, marked(effect_title(result, labels), result.attrs))
    else:
        height = 12.0 + 9.0 * result.sizes["covariate"]
        _letter_effects(made, result, labels, height, slice(-2, None))
    return {"balance": panel}


def _letter_effects(
    made: Figure,
    result: xr.Dataset,
    labels: Sequence[str],
    height: float,
    entries: slice,
    *,
    name: str = "",
) -> None:
    letter_around(
        made,
        result.attrs,
        title=marked(effect_title(result, labels), result.attrs),
        subtitle=effect_subtitle(result),
        notes=effect_notes(result, labels),
        handles=effect_legend(result, labels)[entries],
        height=height,
        names=(name, "") if name else None,
    )


def plot_epochs(
    result: xr.Dataset,
    ax: Axes | None = None,
    *,
    of: str | Sequence[str] | None = None,
    **kwargs: Any,
) -> dict[str, Axes]:
    """Draw quantities about onsets, with the band of random epochs and the number of onsets.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`auroral_stats.epochs.epochs`.
    ax : matplotlib Axes, optional
        Draw one quantity here, and nothing else.
    of : str or sequence of str, optional
        Quantities; all by default, one above the other.
    **kwargs
        For :meth:`matplotlib.axes.Axes.plot` of the mean.

    Returns
    -------
    dict
        The Axes of each quantity and, without ``ax``, ``"number"``.

    Raises
    ------
    UsageError
        If it is no such result, lacks the quantity, or ``ax`` would hold several.

    Examples
    --------
    >>> panels = plot_epochs(result, of="dBdt")                     # doctest: +SKIP
    """
    names = check_epoch(result, of)
    if ax is not None and len(names) > 1:
        raise UsageError(f"ax= holds one quantity; choose one of {', '.join(names)} with of=.")
    title = marked(epoch_title(result), result.attrs)
    if ax is not None:
        draw_epoch(ax, result, names[0], kwargs)
        name_quantity(ax, result, names[0])
        write_on(ax.set_xlabel, "Time from onset (min)")
        _title_on(ax, title)
        return {names[0]: ax}
    made = new_figure(SINGLE)
    heights = [{1: 48.0, 2: 38.0}.get(len(names), 30.0)] * len(names) + [14.0]
    grid = made.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    for name, panel in zip(names, grid, strict=False):
        draw_epoch(panel, result, name, kwargs)
        name_quantity(panel, result, name)
    draw_number(grid[-1], result, names)
    made.align_ylabels(list(grid))
    letter_around(
        made,
        result.attrs,
        title=title,
        subtitle=epoch_subtitle(result),
        notes=notes_on_epochs(result, names),
        handles=epoch_legend(result, names),
        height=sum(heights) + 4.0,
        names=("Time from onset (min)", ""),
    )
    return dict(zip([*names, "number"], grid, strict=True))


def _title_on(ax: Axes, title: str) -> None:
    """Write the title over given Axes, broken to their length."""
    write_on(ax.set_title, "\n".join(wrap(title, TEXT, length_of(ax))), loc="left", wrap=True)
