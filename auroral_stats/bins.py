"""Bins of a driver: edges or categories, with rows for what falls outside and what is missing.

Every value has a row, so that the rows of a table add up to the whole: values below the first and
at or above the last edge have their own rows (`below`, `above`), and so have minutes without a
value (`missing`). Bins are closed on the left, [a, b), as NumPy's are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auroral_stats.errors import UsageError

__all__ = ["Bins", "bins_from_categories", "bins_from_edges", "parse_bins", "quantile_bins"]

#: Rows are numbered in 16 bits, and no table needs more.
_MOST_BINS = 10_000


@dataclass(frozen=True)
class Bins:
    """Rows of a table along one driver.

    Attributes
    ----------
    labels : tuple of str
        Name of each row, out-of-range and missing rows included; `missing` is the last.
    lower, upper : tuple of float
        Edges of each row; NaN for categories and for `missing`, infinite where a row is open.
    edges : tuple of float
        Increasing edges of the inner rows; empty for categories.
    categories : tuple
        Values of a categorical driver; empty for edges.
    period : float
        Period of a direction or time of day, 0 for a plain number. If the edges go once round,
        no row is out of range; otherwise what lies between the ends is `outside`.
    """

    labels: tuple[str, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    edges: tuple[float, ...] = ()
    categories: tuple[str | float, ...] = ()
    period: float = 0.0

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def missing(self) -> int:
        """Index of the row for minutes without a value."""
        return len(self.labels) - 1

    def index(self, values: ArrayLike) -> NDArray[np.int16]:
        """Return the row of each value.

        Parameters
        ----------
        values : array
            Any shape; NaN goes to `missing`. Categories are compared for equality.

        Returns
        -------
        ndarray of int16
            Of the same shape, in ``range(len(self))``.

        Examples
        --------
        >>> bins = bins_from_edges([-5.0, 0.0, 5.0])
        >>> bins.labels
        ('below', '[-5, 0)', '[0, 5)', 'above', 'missing')
        >>> bins.index([-5.0, 0.0, 5.0, -9.0, float("nan")]).tolist()
        [1, 2, 3, 0, 4]
        """
        values = np.asarray(values)
        if self.categories:
            rows = np.full(values.shape, self.missing, dtype=np.int16)
            for row, category in enumerate(self.categories):
                rows[values == category] = row
            return rows
        values = values.astype(float, copy=False)
        edges = np.asarray(self.edges)
        if self.period:
            # Wrap to [first, first + period): 180 degrees is -180, 24 h is 0 h.
            end = edges[0] + self.period
            values = np.where(
                (values >= edges[0]) & (values < end),
                values,
                edges[0] + np.mod(values - edges[0], self.period),
            )
            values = np.where(values >= end, edges[0], values)
        # side="right": a value equal to an edge belongs to the row above it.
        rows = np.searchsorted(edges, values, side="right").astype(np.int16)
        if self.period:
            rows -= 1
        rows[np.isnan(values)] = self.missing
        return rows


def _number(value: float) -> str:
    return f"{value:.10g}"


def bins_from_edges(
    edges: Sequence[float], *, period: float = 0.0, names: Sequence[str] = ()
) -> Bins:
    """Return half-open bins between increasing ``edges``.

    Parameters
    ----------
    edges : sequence of float
        At least two, finite, strictly increasing.
    period : float, default 0
        Period of a circular quantity (360 degrees, 24 h), whose values are wrapped to begin at
        the first edge.
    names : sequence of str, optional
        What the bins between the edges are called; by default ``[a, b)``.

    Returns
    -------
    Bins

    Raises
    ------
    UsageError
        If the edges do not increase, are too few or too many, or go round more than once; or if
        there are not as many names as bins.

    Examples
    --------
    >>> bins_from_edges([0, 12, 24], period=24).labels
    ('[0, 12)', '[12, 24)', 'missing')
    >>> midnight = bins_from_edges([-6, 0, 6], period=24)
    >>> [midnight.labels[row] for row in midnight.index([23.0, 1.0, 12.0])]
    ['[-6, 0)', '[0, 6)', 'outside']
    >>> kp = bins_from_edges([-0.5, 0.5, 1.5], names=["0", "1"])
    >>> [kp.labels[row] for row in kp.index([0.0, 2 / 3, 4 / 3])]
    ['0', '1', '1']
    """
    array = np.asarray(edges, dtype=float)
    if array.ndim != 1 or array.size < 2:
        raise UsageError(f"bins need at least two edges; got {list(edges)!r}.")
    if not np.isfinite(array).all():
        raise UsageError(
            f"bin edges must be finite numbers; got {list(edges)!r}. "
            "Values outside have rows of their own, so no infinite edge is needed."
        )
    wrong = np.flatnonzero(np.diff(array) <= 0)
    if wrong.size:
        at = int(wrong[0])
        raise UsageError(
            f"bin edges must increase; {_number(array[at])} is followed by "
            f"{_number(array[at + 1])} in {','.join(map(_number, array))}."
        )
    if array.size - 1 > _MOST_BINS:
        raise UsageError(f"{array.size - 1} bins are too many; expected at most {_MOST_BINS}.")
    span = float(array[-1] - array[0])
    if period and span > period * (1 + 1e-9):
        raise UsageError(
            f"bins from {_number(array[0])} to {_number(array[-1])} go round more than once; "
            f"expected at most {_number(period)} from the first edge to the last."
        )
    if names and len(names) != array.size - 1:
        raise UsageError(f"{len(names)} names for {array.size - 1} bins; expected as many.")
    inner = list(names) or [f"[{_number(a)}, {_number(b)})" for a, b in pairwise(array)]
    lower, upper = list(array[:-1]), list(array[1:])
    if period and np.isclose(span, period):
        pass
    elif period:
        inner = [*inner, "outside"]
        lower, upper = [*lower, array[-1]], [*upper, array[0] + period]
    else:
        inner = ["below", *inner, "above"]
        lower = [-np.inf, *lower, array[-1]]
        upper = [array[0], *upper, np.inf]
    return Bins(
        labels=(*inner, "missing"),
        lower=(*map(float, lower), np.nan),
        upper=(*map(float, upper), np.nan),
        edges=tuple(map(float, array)),
        period=period,
    )


def bins_from_categories(categories: Sequence[str | float]) -> Bins:
    """Return one row for each category, and `missing`.

    Parameters
    ----------
    categories : sequence of str or float

    Returns
    -------
    Bins

    Examples
    --------
    >>> bins_from_categories(["gill", "rank"]).labels
    ('gill', 'rank', 'missing')
    """
    names = tuple(c if isinstance(c, str) else _number(c) for c in categories)
    empty = (np.nan,) * (len(names) + 1)
    return Bins(labels=(*names, "missing"), lower=empty, upper=empty, categories=tuple(categories))


def parse_bins(text: str) -> tuple[float, ...]:
    """Read edges as the command line gives them: ``LO:HI:STEP`` or ``e0,e1,...``.

    Parameters
    ----------
    text : str
        For example ``-10:10:2`` (both ends are edges) or ``-20,-5,0,5,20``.

    Returns
    -------
    tuple of float

    Raises
    ------
    UsageError
        If it is neither, or the step does not lead from LO to HI.

    Examples
    --------
    >>> parse_bins("-4:4:2")
    (-4.0, -2.0, 0.0, 2.0, 4.0)
    >>> parse_bins("-20,0,20")
    (-20.0, 0.0, 20.0)
    """
    expected = "expected LO:HI:STEP such as -10:10:2, or edges such as -20,-5,0,5,20"
    try:
        numbers = [float(part) for part in text.replace(":", ",").split(",")]
    except ValueError:
        raise UsageError(f"--bins={text}: not numbers; {expected}.") from None
    if not np.isfinite(numbers).all():
        raise UsageError(f"--bins={text}: edges must be finite; {expected}.")
    if ":" not in text:
        if len(numbers) < 2:
            raise UsageError(f"--bins={text}: one edge makes no bin; {expected}.")
        return tuple(numbers)
    if "," in text or len(numbers) != 3:
        raise UsageError(f"--bins={text}: {expected}.")
    low, high, step = numbers
    if not np.isfinite((high - low) / step if step else np.nan):
        raise UsageError(f"--bins={text}: STEP is too small for LO and HI; {expected}.")
    if step <= 0 or high <= low:
        raise UsageError(
            f"--bins={text}: HI must be above LO and STEP above zero, for bins increase."
        )
    count = (high - low) / step
    if abs(count - round(count)) > 1e-6:
        raise UsageError(
            f"--bins={text}: steps of {_number(step)} from {_number(low)} do not end at "
            f"{_number(high)}; change STEP or HI, or give the edges one by one."
        )
    if round(count) > 10_000:
        raise UsageError(f"--bins={text}: {round(count)} bins are too many; at most 10000.")
    # Decimal steps accumulate error; rounding to the printed digits keeps 0.3 equal to 0.3.
    return tuple(float(_number(low + step * k)) for k in range(round(count) + 1))


def quantile_bins(values: ArrayLike, weights: ArrayLike, count: int) -> Bins:
    """Return ``count`` bins that hold equal exposure.

    Parameters
    ----------
    values : array
        Driver values; NaN is left out.
    weights : array
        Exposure of each value (usable frames), of the same shape.
    count : int
        Number of bins, at least 2.

    Returns
    -------
    Bins
        Fewer than ``count`` where many values are equal (the calm half of vBs, say).

    Raises
    ------
    UsageError
        If ``count`` is below 2, or fewer than two different values are there.

    Examples
    --------
    >>> quantile_bins([0.0, 1.0, 2.0, 3.0], [1, 1, 1, 1], 2).labels[1:-2]
    ('[0, 2)', '[2, 3.000000003)')
    """
    if not 2 <= count <= 1000:
        raise UsageError(f"--quantiles {count}: expected 2 to 1000.")
    flat = np.asarray(values, dtype=float).ravel()
    weight = np.asarray(weights, dtype=float).ravel()
    keep = np.isfinite(flat) & (weight > 0)
    flat, weight = flat[keep], weight[keep]
    if flat.size == 0 or flat.min() == flat.max():
        raise UsageError(
            "--quantiles needs at least two different driver values in the selected minutes; "
            "use --bins, or another driver or time range."
        )
    order = np.argsort(flat, kind="stable")
    flat, weight = flat[order], weight[order]
    share = (np.cumsum(weight) - weight) / weight.sum()
    inner = flat[np.minimum(np.searchsorted(share, np.arange(1, count) / count), flat.size - 1)]
    # The last bin is open on the right, so its edge lies just above the largest value.
    top = flat[-1] + max(abs(flat[-1]) * 1e-9, 1e-12)
    return bins_from_edges(np.unique(np.concatenate([[flat[0]], inner, [top]])).tolist())
