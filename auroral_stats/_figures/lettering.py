"""Title, explanation, legend and notes around panels, for any result that says what it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from auroral_stats._figures.page import width_of, wrap
from auroral_stats._figures.reading import printed
from auroral_stats._figures.style import ALERT, LINE, MARGIN, NAME, TEXT, TITLE
from auroral_stats.provenance import is_simulated


def math_text(label: str) -> str:
    r"""Return an axis label as it is printed, with the index of B_h lowered.

    Examples
    --------
    >>> math_text("|dB_h/dt| of 1-min means (nT/s)")
    '|dB$_\\mathrm{h}$/dt| of 1-min means (nT/s)'
    """
    return printed(label).replace("B_h", r"B$_\mathrm{h}$")


def marked(title: str, attrs: Mapping[str, Any]) -> str:
    """Return a title that says whether the data, or what the model learnt from, are simulated.

    Examples
    --------
    >>> marked("Superposed epochs", {"simulated": "true"})
    'Superposed epochs: SIMULATED DATA'
    """
    if is_simulated(attrs):
        return f"{title}: SIMULATED DATA"
    if "simul" in str(attrs.get("model_trained_on", "")).lower():
        return f"{title}: labels by a model trained on simulated data"
    return title


def letter_around(
    figure: Figure,
    attrs: Mapping[str, Any],
    *,
    title: str,
    subtitle: str,
    notes: Sequence[str],
    handles: Sequence[Any],
    height: float,
    name: str = "",
) -> None:
    """Put the lettering around panels that are ``height`` mm high, and size the figure for it.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        From :func:`auroral_stats._figures.page.new_figure`.
    attrs : mapping
        Attributes of the result.
    title, subtitle : str
        Broken to the width.
    notes : sequence of str
        Each begins a line.
    handles : sequence
        For the legend.
    height : float
    name : str
        Of the common x axis.
    """
    width = 72 * float(figure.get_figwidth())
    room = width - 2 * MARGIN
    head = wrap(title, TITLE, room, "bold")
    under = wrap(subtitle, TEXT, room)
    lines = [line for note in notes for line in wrap(note, TEXT, room)]
    widest = max(width_of(handle.get_label(), TEXT) for handle in handles)
    columns = max(1, int(room // (widest + 3.3 * TEXT)))
    legend = MARGIN + len(lines) * TEXT * LINE + -(-len(handles) // columns) * TEXT * 1.4
    below = legend + (2.2 * TEXT if name else 0.6 * TEXT)
    above = MARGIN + len(head) * TITLE * LINE + len(under) * TEXT * LINE + 4
    panels = height * 72 / 25.4
    total = below + panels + above
    figure.set_size_inches(width / 72, total / 72)
    engine = figure.get_layout_engine()
    assert isinstance(engine, ConstrainedLayoutEngine)
    engine.set(rect=(0, below / total, 1, panels / total))
    left = MARGIN / width
    if name:
        figure.supxlabel(name, y=(legend + 4) / total, va="bottom", fontsize=NAME)
    small: dict[str, Any] = {"fontsize": TEXT, "linespacing": LINE, "color": "0.25"}
    large: dict[str, Any] = {"fontsize": TITLE, "linespacing": LINE, "fontweight": "bold"}
    large["color"] = ALERT if "simulated" in title.lower() else "black"
    first, second = 1 - MARGIN / total, 1 - (MARGIN + len(head) * TITLE * LINE) / total
    figure.suptitle("\n".join(head), x=left, y=first, ha="left", va="top", **large)
    figure.text(left, second, "\n".join(under), va="top", gid="subtitle", **small)
    figure.text(left, MARGIN / total, "\n".join(lines), va="bottom", gid="notes", **small)
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(left, legend / total),
        ncols=columns,
        fontsize=TEXT,
        frameon=False,
        borderaxespad=0,
        borderpad=0.1,
        handlelength=1.8,
        handletextpad=0.7,
        columnspacing=0.9,
        labelspacing=0.3,
    )
    vars(figure)["provenance"] = {
        "title": title,
        "software": attrs.get("software", "auroral_stats"),
        "description": f"{subtitle}. Parameters: {attrs.get('parameters', '{}')}",
    }
