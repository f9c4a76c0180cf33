"""``auroral_classifier classes``: what a label can say."""

from __future__ import annotations

from auroral_stats.labels import AURORAL, CLASSES, USABLE
from auroral_stats.terminal import console


def classes() -> None:
    """List the six classes with their codes in the label store, in the order of the OATH set.

    Usable frames (arc, diffuse, discrete, clear) make up the denominator of a rate; cloudy and
    moonlit frames say nothing about the aurora.
    """
    from rich.table import Table

    table = Table(title="Classes of a frame, OATH order", title_justify="left")
    table.add_column("code", justify="right")
    table.add_column("class")
    table.add_column("aurora")
    table.add_column("usable")
    for code, name in enumerate(CLASSES):
        table.add_row(
            str(code),
            name,
            "yes" if name in AURORAL else "no",
            "yes" if name in USABLE else "no",
        )
    console().print(table)
