"""Removal of spikes from magnetometer data, at whatever cadence they have."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from auroral_stats.errors import UsageError

__all__ = ["MOST_JUMPS", "despike"]

Values = NDArray[Any]

#: A component in which more than this share of the steps are sudden jumps is noise.
MOST_JUMPS = 0.01
#: So many jumps are looked at in any case, so that a short series may have a spike.
_FEW_JUMPS = 100


def despike(
    b: Values,
    step_seconds: float,
    *,
    limit: float | None = 1500.0,
    jump: float = 50.0,
    rate: float = 10.0,
    longest: float = 120.0,
) -> Values:
    """Return ``b`` with spikes as NaN.

    Two rules. A value farther than ``limit`` from the median is taken out with the two samples on
    either side of it, as SPEDAS does in ``thm_make_ae`` (1500 nT). And a spike is a run of at most
    ``longest`` seconds that is entered and left by sudden jumps in opposite directions, between
    which the field is elsewhere and after which it is back: the levels on both sides differ by
    less than a third of its height. A jump is sudden if successive samples differ by more than
    ``jump`` and by more than ``rate`` times the cadence. So the onset of a substorm stays (it does
    not come back within two minutes) and a train of Pi2 stays (it swings, but does not jump).

    Where more than 1 % of the steps of a component (and more than 100 of them) are sudden, it has
    no level to come back to: all of it is taken out. A station that is noise must not stand as
    data, and the time that the search takes is bounded.

    Parameters
    ----------
    b : array
        nT, (time,) or (time, component); regular samples. Each component is treated alone.
    step_seconds : float
        Cadence, s.
    limit : float or None
        nT; None for no limit. Bays beyond 1500 nT are real in great storms.
    jump : float
        nT.
    rate : float
        nT/s.
    longest : float
        s.

    Returns
    -------
    array
        Of the type of ``b``; ``b`` itself if there was nothing to take out.

    Raises
    ------
    UsageError
        If the cadence is not positive.

    Examples
    --------
    >>> despike(np.array([0.0, 1.0, 900.0, 1.0, 0.0, 2.0]), 10).tolist()
    [0.0, 1.0, nan, 1.0, 0.0, 2.0]
    """
    if not step_seconds > 0:
        raise UsageError(f"step_seconds is {step_seconds}; expected a positive number of seconds.")
    if not len(b):
        return b
    sudden = max(jump, rate * step_seconds)
    if _is_smooth(b, sudden, limit):
        return b
    longest_run = max(int(longest / step_seconds), 1)
    columns = b.reshape(len(b), -1)
    cleaned = b
    for k in range(columns.shape[1]):
        bad = _beyond(columns[:, k], limit)
        bad = np.union1d(bad, _spikes(columns[:, k], sudden, longest_run))
        if bad.size:
            cleaned = b.copy() if cleaned is b else cleaned
            cleaned.reshape(len(b), -1)[bad.astype(np.intp), k] = np.nan
    return cleaned


def _is_smooth(b: Values, sudden: float, limit: float | None) -> bool:
    """Return whether nothing is missing, nothing jumps, and the range is within the limit.

    So it is on nearly every day, and it is known from a few passes over contiguous memory.
    """
    if len(b) > 1:
        steps = b[1:] - b[:-1]
        # Not so where something is missing, as NaN compares false.
        if not (steps.min() >= -sudden and steps.max() <= sudden):
            return False
    if limit is None:
        return bool(np.isfinite(b).all())
    # Rows side by side: the extremes of 64 of them at once are found several times as fast.
    side = 64 if len(b) % 64 == 0 else 1
    rows = b.reshape(len(b) // side, -1)
    low = rows.min(axis=0).reshape(side, -1).min(axis=0)
    high = rows.max(axis=0).reshape(side, -1).max(axis=0)
    return bool(np.all(high - low <= limit))


def _beyond(x: Values, limit: float | None) -> NDArray[np.intp]:
    """Return where x is farther than the limit from its median, with two samples on each side."""
    nothing = np.empty(0, dtype=np.intp)
    if limit is None:
        return nothing
    low, high = np.fmin.reduce(x), np.fmax.reduce(x)
    if not high - low > limit:  # then nothing is that far from the median; NaN ends here as well
        return nothing
    middle = float(np.median(x[np.isfinite(x)]))
    far = np.flatnonzero(np.abs(x - middle) > limit)
    near = (far[:, None] + np.arange(-2, 3)).ravel()
    return np.unique(near[(near >= 0) & (near < x.size)])


def _spikes(x: Values, sudden: float, longest_run: int) -> NDArray[np.intp]:
    """Return the samples between two sudden jumps there and back."""
    if not np.any(np.abs(np.diff(x)) > sudden) and not np.isnan(x).any():
        return np.empty(0, dtype=np.intp)
    # A missing sample inside a spike must not hide its edge, so successive means present.
    place = np.flatnonzero(np.isfinite(x))
    x = x[place].astype(np.float64)
    step = np.diff(x)
    edges = np.flatnonzero((np.abs(step) > sudden) & (np.diff(place) <= longest_run))
    if edges.size > max(MOST_JUMPS * x.size, _FEW_JUMPS):
        return place
    found: list[NDArray[np.intp]] = []
    done = -1
    for number, edge in enumerate(edges):
        if edge <= done:
            continue
        for back in edges[number + 1 :]:
            if place[back] - place[edge] > longest_run:
                break
            if step[edge] * step[back] > 0:
                continue
            before = float(np.median(x[max(edge - 4, done + 1) : edge + 1]))
            after = float(np.median(x[back + 1 : back + 6]))
            height = float(np.median(x[edge + 1 : back + 1])) - 0.5 * (before + after)
            if abs(height) > sudden and abs(after - before) < abs(height) / 3.0:
                found.append(place[edge + 1 : back + 1])
                done = int(back)
                break
    return np.concatenate(found) if found else np.empty(0, dtype=np.intp)
