"""One line of a report on an installation: what was looked at, and whether it is as it must be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Finding", "State", "worst"]

State = Literal["ok", "note", "fault"]

_ORDER: tuple[State, ...] = ("ok", "note", "fault")


@dataclass(frozen=True)
class Finding:
    """What was found of one thing.

    Attributes
    ----------
    topic : str
        Heading that it belongs under.
    name : str
        What was looked at.
    state : {"ok", "note", "fault"}
        ``note``: works, but a reader may stumble over it. ``fault``: something that is needed is
        broken.
    text : str
        What was found.
    remedy : str
        What to do about it; empty if it is as it must be.
    details : mapping
        The same for machines: numbers, strings, lists.
    """

    topic: str
    name: str
    state: State
    text: str
    remedy: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


def worst(findings: Iterable[Finding]) -> State:
    """Return the worst state of all; ``ok`` for none.

    Examples
    --------
    >>> worst([Finding("Packages", "numpy", "ok", "2.4"), Finding("GPU", "torch", "note", "none")])
    'note'
    """
    return max((finding.state for finding in findings), key=_ORDER.index, default="ok")
