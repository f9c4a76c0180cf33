"""How an object shows itself at a prompt and in a notebook: what it holds, never all of it.

A dataclass that holds arrays derives from :class:`Brief` and is made with ``repr=False``. An array
is then told by its type and shape, times by their number and span, and simulated data are marked.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sized
from dataclasses import fields, is_dataclass
from typing import Any, ClassVar

__all__ = ["Brief", "brief_value"]

#: Longest text of a single value; what is longer is cut, or only counted.
_LONGEST = 70
_MARK = "SIMULATED DATA"


def brief_value(value: Any) -> str:
    """Return a value in a few words.

    Parameters
    ----------
    value : any

    Returns
    -------
    str
        Arrays and tensors by type and shape, times by number and span, long collections by their
        number of items; others as they show themselves, if that is short.

    Examples
    --------
    >>> import numpy as np
    >>> brief_value(np.zeros((20, 256, 256), np.uint16))
    'uint16 (20, 256, 256)'
    >>> brief_value(np.array(["2014-03-10T06:02:00", "2014-03-10T06:02:03"], "M8[ms]"))
    '2 times, 2014-03-10T06:02:00.000 to 2014-03-10T06:02:03.000'
    >>> brief_value(tuple(range(500))), brief_value(("gill", "rank"))
    ('500 items', "('gill', 'rank')")
    """
    shape, kind = getattr(value, "shape", None), getattr(value, "dtype", None)
    if getattr(value, "sizes", None) is not None and isinstance(value.sizes, Mapping):
        along = ", ".join(f"{name}: {size}" for name, size in value.sizes.items())
        return f"{type(value).__name__} ({along})"
    if shape is not None and kind is None:
        return f"{type(value).__name__} {tuple(shape)}"
    if shape is not None:
        return _array(value) if shape else str(value)
    if isinstance(value, (str, bytes)):
        text = repr(value)
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 4]}...{text[0]}"
    if isinstance(value, (tuple, list, set, frozenset, dict)):
        if len(value) > 6:
            return f"{len(value):,} items"
        if isinstance(value, dict):
            text = ", ".join(f"{key!r}: {brief_value(item)}" for key, item in value.items())
            text = f"{{{text}}}"
        else:
            text = ", ".join(map(brief_value, value))
            ends = "[]" if isinstance(value, list) else "()" if isinstance(value, tuple) else "{}"
            text = f"{ends[0]}{text}{',' * (isinstance(value, tuple) and len(value) == 1)}{ends[1]}"
        return text if len(text) <= _LONGEST else f"{len(value)} item{'s' * (len(value) != 1)}"
    text = repr(value)
    if len(text) <= _LONGEST and "\n" not in text:
        return text
    counted = f" of {len(value):,} items" if isinstance(value, Sized) else ""
    return f"{type(value).__name__}{'(...)' if is_dataclass(value) else ''}{counted}"


def _array(value: Any) -> str:
    """Return an array or tensor by type and shape, times by their span."""
    kind = str(value.dtype).removeprefix("torch.")
    if not kind.startswith("datetime64") or len(value.shape) > 1 or not value.size:
        return f"{kind} {tuple(value.shape)}"
    known = value[value == value]  # noqa: PLR0124  # NaT is not equal to itself
    if not known.size:
        return f"{value.size:,} times, none of them known"
    number = f"{value.size:,} time{'s' * (value.size != 1)}"
    first, last = known.min(), known.max()
    return f"{number}, {first}" + (f" to {last}" if last != first else "")


class Brief:
    """A dataclass that shows what it holds in a line, and in a notebook as a small table.

    Attributes
    ----------
    _UNITS : mapping of str to str
        Units of fields, told after their values.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> @dataclass(frozen=True, repr=False)
    ... class Series(Brief):
    ...     values: np.ndarray
    ...     simulated: bool
    ...     _UNITS = {"values": "nT"}
    >>> Series(np.zeros(1440), True)
    Series(values=float64 (1440,) nT, SIMULATED DATA)
    """

    _UNITS: ClassVar[Mapping[str, str]] = {}

    def _told(self) -> dict[str, str]:
        """Return what is told of each field; what is None is left out."""
        told = {}
        for field in fields(self):  # type: ignore[arg-type]  # what derives from this is one
            value = getattr(self, field.name)
            if field.repr and field.name != "simulated" and value is not None:
                unit = self._UNITS.get(field.name)
                told[field.name] = brief_value(value) + (f" {unit}" if unit else "")
        return told

    def _is_simulated(self) -> bool:
        """Return whether what is shown is simulated."""
        return getattr(self, "simulated", False) is True

    def __repr__(self) -> str:
        parts = [f"{name}={text}" for name, text in self._told().items()]
        return f"{type(self).__name__}({', '.join([*parts, *[_MARK] * self._is_simulated()])})"

    def _repr_html_(self) -> str:
        """Return the table that a notebook shows."""
        mark = f' <b style="color: #A50026">{_MARK}</b>' if self._is_simulated() else ""
        rows = "".join(
            f'<tr><th style="text-align: left">{html.escape(name.replace("_", " "))}</th>'
            f'<td style="text-align: left">{html.escape(text)}</td></tr>'
            for name, text in self._told().items()
        )
        return f"<div><b>{type(self).__name__}</b>{mark}<table>{rows}</table></div>"
