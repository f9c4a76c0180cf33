"""What a result holds, as it is drawn: bins in order, rates in percent, bands and classes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from auroral_stats._figures.style import ALL_BANDS, MOON, PERIOD, Array, Mask
from auroral_stats.errors import UsageError
from auroral_stats.headline import MIN_WEIGHT
from auroral_stats.provenance import parameters_of


@dataclass(frozen=True)
class BinAxis:
    """The bins of a driver as they are drawn: those with two edges, or categories, in order."""

    driver: str
    rows: NDArray[np.intp]
    lower: Array
    upper: Array
    label: str
    names: tuple[str, ...] = ()
    knee: float | None = None  # linear below, logarithmic above

    @property
    def edges(self) -> Array:
        return np.append(self.lower, self.upper[-1:])

    @property
    def widths(self) -> Array:
        return self.upper - self.lower

    def at(self, fraction: float) -> Array:
        """Return where ``fraction`` of each bin is, as seen on the page."""
        if self.knee is None:
            return self.lower + fraction * self.widths
        low, high = np.arcsinh(self.lower / self.knee), np.arcsinh(self.upper / self.knee)
        return np.asarray(self.knee * np.sinh(low + fraction * (high - low)))


@dataclass(frozen=True)
class Curve:
    """Rates of one class over the drawn bins, in percent."""

    rate: Array
    low: Array
    high: Array
    masked: Mask


def check_result(result: xr.Dataset, drivers: int, projection: str | None) -> None:
    """Refuse what is no result, or has another number of drivers."""
    if "rate" not in result or "bin" not in result.dims or "driver" not in result.attrs:
        raise UsageError(
            "expected a result of auroral_stats.occurrence.occurrence, with rate over bin and "
            f"label; got the variables {', '.join(map(str, result.data_vars)) or 'none'}."
        )
    held = 2 if "bin2" in result.dims else 1
    if held != drivers:
        other = "plot_map" if held == 2 else "plot_occurrence"
        raise UsageError(
            f"this result is by {held} driver{'s' if held == 2 else ''}; draw it with {other}."
        )
    if projection not in {None, "polar"}:
        raise UsageError(f"projection={projection!r}: expected 'polar' or None.")
    driver = result.attrs[f"driver{drawing_order(result)[0]}"]
    if projection == "polar" and driver not in PERIOD:
        raise UsageError(
            "projection='polar' needs a driver that comes round again "
            f"({', '.join(PERIOD)}); got {driver}."
        )


def chosen_labels(result: xr.Dataset, wanted: str | Sequence[str] | None = None) -> list[str]:
    """Return the classes to draw; all that the result holds unless some are asked for."""
    held = [str(name) for name in result["label"].to_numpy()]
    chosen = held if wanted is None else [wanted] if isinstance(wanted, str) else list(wanted)
    unknown = [name for name in chosen if name not in held]
    if unknown or not chosen:
        raise UsageError(
            f"label {', '.join(unknown) or 'nothing'}: this result holds {', '.join(held)}."
        )
    return chosen


def chosen_bands(result: xr.Dataset, wanted: str | None) -> list[str]:
    """Return the latitude bands to draw, or the one word that stands for all together."""
    held = [str(name) for name in result["band"].to_numpy()] if "band" in result.dims else []
    if wanted is None:
        return held or [ALL_BANDS]
    if wanted not in {*held, ALL_BANDS}:
        raise UsageError(f"band {wanted!r}: this result holds {', '.join((*held, ALL_BANDS))}.")
    return [wanted]


def drawing_order(result: xr.Dataset) -> tuple[str, str]:
    """Return the suffixes of the drivers along x and y; By lies along x, as on a clock."""
    swap = (result.attrs["driver"], result.attrs.get("driver2")) == ("Bz", "By")
    return ("2", "") if swap else ("", "2")


def axis_of(
    result: xr.Dataset, suffix: str = "", *, turn: bool = True, whole: bool = True
) -> BinAxis:
    """Return the inner bins of a driver in the order of the axis; midnight is its middle.

    Not as a whole, the axis ends where the frames do: no one has seen Kp 9 in a few quiet nights.
    """
    driver = str(result.attrs[f"driver{suffix}"])
    label = printed(result.attrs[f"driver{suffix}_label"])
    lower, upper = (result[f"{end}{suffix}"].to_numpy().astype(float) for end in ("lower", "upper"))
    rows = np.flatnonzero(np.isfinite(lower) & np.isfinite(upper))
    if not rows.size:
        return _category_axis(result, f"bin{suffix}", driver, label)
    lower, upper = lower[rows], upper[rows]
    if turn and driver == "mlt":
        # Midnight in the middle: the hours before noon are drawn a day later.
        shift = 24.0 * np.floor(((lower + upper) / 2 - 12.0) / 24.0)
        order = np.argsort(lower - shift)
        rows, lower, upper = rows[order], (lower - shift)[order], (upper - shift)[order]
    width, ends = upper - lower, np.abs(np.append(lower, upper))
    knee = 2 * float(ends[ends > 0].min()) if width.max() > 5 * width.min() else None
    if not whole and driver not in PERIOD:
        held = np.flatnonzero(result["nights"].to_numpy()[rows])
        if held.size:
            part = slice(held[0], held[-1] + 1)
            rows, lower, upper = rows[part], lower[part], upper[part]
    return BinAxis(driver, rows, lower, upper, label, knee=knee)


def _category_axis(result: xr.Dataset, dim: str, driver: str, label: str) -> BinAxis:
    """Return categories side by side, sites by magnetic latitude where it is known."""
    names = result[dim].to_numpy().astype(str)
    rows = np.flatnonzero(names != "missing")
    if "mlat" in result and result["mlat"].dims == (dim,):
        mlat = result["mlat"].to_numpy()
        rows = rows[np.argsort(mlat[rows], kind="stable")]
        names = np.array([f"{n} {m:.0f}°" for n, m in zip(names, mlat, strict=True)])
        label = f"{label} and its magnetic latitude"
    place = np.arange(rows.size, dtype=float)
    return BinAxis(driver, rows, place - 0.5, place + 0.5, label, tuple(map(str, names[rows])))


def read(result: xr.Dataset, name: str, band: str, label: str | None = None) -> xr.DataArray:
    """Return a variable of one band and class, without the dimensions that it lacks."""
    part = result[prefix_of(band) + name]
    at = {"band": band} | ({} if label is None else {"label": label})
    return part.sel({dim: value for dim, value in at.items() if dim in part.dims})


def prefix_of(band: str) -> str:
    """Return how the variables of a band begin."""
    return "" if band == ALL_BANDS else "band_"


def curve_of(result: xr.Dataset, label: str, band: str, axis: BinAxis) -> Curve:
    """Return what a panel of one class and band shows."""
    rate, low, high, masked = (
        read(result, name, band, label).to_numpy()[axis.rows]
        for name in ("rate", "ci_low", "ci_high", "masked")
    )
    return Curve(100 * rate, 100 * low, 100 * high, masked.astype(bool))


def inner_rows(result: xr.Dataset, axes: Sequence[BinAxis]) -> dict[str, NDArray[np.intp]]:
    """Return which rows lie on the axes."""
    return {f"bin{s}": axis.rows for s, axis in zip(drawing_order(result), axes, strict=False)}


def cells_of(
    result: xr.Dataset, label: str, band: str, axes: Sequence[BinAxis]
) -> tuple[Array, Mask]:
    """Return rates in percent and whether they are masked, over (y, x)."""
    at = inner_rows(result, axes)
    rate, masked = (
        read(result, name, band, label).isel(at).transpose(*reversed(at)).to_numpy()
        for name in ("rate", "masked")
    )
    return 100 * rate, masked.astype(bool)


def support_panels(result: xr.Dataset, bands: Sequence[str]) -> list[str]:
    """Return the panels that can be drawn below the rates."""
    needs = {"exposure": "nights", "availability": "availability"}
    return [name for name, needed in needs.items() if prefix_of(bands[0]) + needed in result]


def exposure_variable(result: xr.Dataset, band: str) -> str:
    """Return the variable that says how much was seen: hours, or frames where there are none."""
    return "usable_hours" if f"{prefix_of(band)}usable_hours" in result else "exposure"


def exposure_unit(result: xr.Dataset, band: str) -> str:
    """Return what exposure is counted in."""
    return "hours" if exposure_variable(result, band) == "usable_hours" else "frames"


def another_mix(result: xr.Dataset, name: str) -> Mask:
    """Return in which bins a standardised rate speaks for another mix than it claims."""
    if name != "rate_standardised":
        return np.zeros(result.sizes["bin"], dtype=bool)
    return np.asarray(result["standardised_weight"].to_numpy() < MIN_WEIGHT)


def secondary(result: xr.Dataset, *, pooled: bool) -> list[tuple[str, str, dict[str, Any]]]:
    """Return variable, wording and style of the thin lines and marks beside the rates."""
    line: dict[str, Any] = {"linewidth": 0.8}
    dashed = line | {"linestyle": (0, (3, 2))}
    crude = "crude_rate" if "crude_rate" in result else "rate"
    found = [(crude, "all bands (mixes latitudes)", line)] if pooled else []
    if "rate_standardised" in result:
        strata = result["rate_standardised"].attrs.get("strata", "fixed weights")
        which = "all bands, standardised" if pooled else "standardised"
        found.append(("rate_standardised", f"{which} to {strata}", dashed))
    if crude == "crude_rate" and not pooled:
        found = [(crude, "not standardised", dashed)]
    moon = parameters_of(result.attrs).get("moon")
    if moon in MOON and not pooled:
        other = "any" if moon == "down" else "down"
        mark = {"marker": "x", "markersize": 3.0, "markeredgewidth": 0.7, "linestyle": "none"}
        found.append((f"rate_moon_{other}", MOON[other], mark))
    return found


def printed(label: str) -> str:
    """Return an axis label as it is printed: powers raised, one pair of parentheses."""
    raised = re.sub(r"\^\(([^)]*)\)|\^(-?\d+)", lambda m: f"$^{{{m[1] or m[2]}}}$", label)
    raised = raised.replace(") (", ", ").replace("(degree)", "(°)")
    # A word begins with a capital; ap, vBs and the like stay as they are.
    word = re.match(r"[a-z]{3}", raised) is not None
    return raised[0].upper() + raised[1:] if word else raised
