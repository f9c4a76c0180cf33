"""Forms come and go: generations that overlap, each a function of its number.

Time is cut into spans. In each span a new generation of a form appears, made from the number of the
span, and takes over from the one before within a part of it. What is in the sky at a time therefore
follows from the time alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from classifier._sky.random_fields import smoothstep, stream

__all__ = ["Generation", "generations_at"]


@dataclass(frozen=True)
class Generation:
    """One generation of a form at a time: its number, its age in seconds, its share."""

    number: int
    age: float
    share: float


def generations_at(
    seconds: float, span: float, *name: object, takeover: float = 0.15
) -> Iterator[Generation]:
    """Give the one or two generations that are in the sky at a time.

    Parameters
    ----------
    seconds : float
        Since any fixed time.
    span : float
        Length of a generation, s.
    *name
        Of the random stream that says when generations begin.
    takeover : float
        Part of the span in which the new one takes over.

    Yields
    ------
    Generation
        Shares add up to 1. Age counts from when it began to appear.

    Examples
    --------
    >>> [round(one.share, 2) for one in generations_at(1000.0, 300.0, "example")]
    [1.0]
    """
    offset = float(stream("generations", *name).uniform(0.0, span))
    number = int(np.floor((seconds + offset) / span))
    age = seconds + offset - number * span
    share = float(smoothstep(age / (takeover * span)))
    if share > 0.0:
        yield Generation(number, age, share)
    if share < 1.0:
        yield Generation(number - 1, age + span, 1.0 - share)
