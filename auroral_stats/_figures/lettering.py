"""Titles and axis labels as they are printed, for any result that says what it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auroral_stats._figures.reading import printed
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
