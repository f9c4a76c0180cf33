"""What the commands that draw frames say about what they could not use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from auroral_stats.terminal import console

if TYPE_CHECKING:
    from classifier.frame_selection import Skipped

_SHOWN = 20


def say(*lines: str) -> None:
    """Print lines as they are."""
    terminal = console()
    for line in lines:
        terminal.print(line, markup=False, soft_wrap=True)


def say_skipped(title: str, skipped: Sequence[Skipped]) -> None:
    """Print what was not used, with reasons; the first of many."""
    if not skipped:
        return
    say(f"{title} ({len(skipped)}):")
    say(*(f"  {each.what}: {each.reason}" for each in skipped[:_SHOWN]))
    if len(skipped) > _SHOWN:
        say(f"  and {len(skipped) - _SHOWN} more")
