"""Find an entry of a registry by name, or say which names come near."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TypeVar

from auroral_stats.errors import UsageError

__all__ = ["find_named"]

T = TypeVar("T")


def find_named(registry: Mapping[str, T], name: str, kind: str) -> T:
    """Return the entry ``name``.

    Parameters
    ----------
    registry : mapping of str to any
    name : str
        Upper and lower case are told apart only where two names differ by nothing else.
    kind : str
        What the entries are, for the message.

    Returns
    -------
    any

    Raises
    ------
    UsageError
        If there is none; the message gives the nearest names and the list.

    Examples
    --------
    >>> find_named({"Bz": 1, "By": 2}, "bz", "driver")
    1
    >>> find_named({"Bz": 1, "flow_speed": 2}, "flow", "driver")
    Traceback (most recent call last):
    ...
    auroral_stats.errors.UsageError: unknown driver 'flow'. Nearest: flow_speed. Known: Bz, ...
    """
    if name in registry:
        return registry[name]
    folded = {key.lower(): key for key in registry}
    if name.lower() in folded:
        return registry[folded[name.lower()]]
    near = difflib.get_close_matches(name.lower(), folded, n=3, cutoff=0.5)
    hint = f"Nearest: {', '.join(folded[n] for n in near)}. " if near else ""
    raise UsageError(f"unknown {kind} {name!r}. {hint}Known: {', '.join(registry)}.")
