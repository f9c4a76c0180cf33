r"""How often each auroral form occurs under which driving.

The rate of class c in driver bin b is a ratio of frames, :math:`R(c|b) = N_{cb} / N_{Ub}`, over
usable dark frames U (arc, diffuse, discrete or clear), so that weather and moonlight do not pass
for a lack of aurora. Beside every rate stand what it rests on (events, exposure, hours, nights,
winters, sites), how much of the sky was usable, an interval by nights, and whether it passes the
gate below which it should not be shown as a result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import xarray as xr

from auroral_stats.drivers import Driver
from auroral_stats.errors import DataError, UsageError
from auroral_stats.intervals import INTERVALS
from auroral_stats.labels import AURORAL, CLASSES, USABLE
from auroral_stats.nights import NightCells, night_cells
from auroral_stats.pairing import USABLE_INDEX
from auroral_stats.provenance import describe, is_simulated
from auroral_stats.rates import RateOptions, has_value, plain_rate, rates, wrap
from auroral_stats.sites import band
from auroral_stats.standardise import standardised_rates, stratum_of

__all__ = [
    "DENOMINATORS",
    "HEADLINE_LABELS",
    "MIN_WEIGHT",
    "Gate",
    "check_options",
    "occurrence",
    "occurrence_of_cells",
]

Moon = Literal["down", "any"]

#: What ``--denominator`` accepts, and the rate that each makes.
DENOMINATORS = {
    "usable": "N(class, bin) / N(usable, bin): how often the form is seen when the sky can be seen",
    "all": "N(class, bin) / N(dark, bin): includes cloud and moonlight, so it maps the weather too",
    "reverse": "N(class, bin) / N(class): how the frames of a form are shared out among the bins",
}

#: A standardised rate whose strata hold less of the weight speaks for another mix: it is masked.
MIN_WEIGHT = 0.8

#: What ``--label`` means if it is not given.
HEADLINE_LABELS = (*AURORAL, "clear")


@dataclass(frozen=True)
class Gate:
    """What a rate must rest on before it is shown as a result.

    Attributes
    ----------
    min_nights : int
        Nights with exposure. Half as many effective nights (Kish) and a quarter as many nights
        with the class are asked for too.
    min_hours : float
        Usable station-hours: distinct usable site-minutes / 60.
    min_winters : int
    min_sites : int
        Applies where several sites are pooled.
    """

    min_nights: int = 20
    min_hours: float = 10.0
    min_winters: int = 2
    min_sites: int = 3


def occurrence(
    data: xr.Dataset,
    by: str | Driver | Sequence[str | Driver],
    *,
    labels: Sequence[str] = HEADLINE_LABELS,
    denominator: str = "usable",
    bins: Sequence[Sequence[float] | int | None] | None = None,
    lag: int | None = None,
    window: int | None = None,
    max_sun_elevation: float | None = -12.0,
    moon: Moon = "down",
    interval: str = "jackknife",
    bootstrap: int = 1000,
    seed: int = 0,
    gate: Gate | None = None,
    standardise: Sequence[str] = (),
) -> xr.Dataset:
    """Return occurrence rates by one or two drivers, with everything a referee asks for.

    Parameters
    ----------
    data : xarray.Dataset
        Joined labels, geometry and drivers, from :func:`auroral_stats.join.join`.
    by : str, Driver or two of them
        Names in :data:`auroral_stats.drivers.DRIVERS`.
    labels : sequence of str
        Classes to report.
    denominator : {"usable", "all", "reverse"}
        See :data:`DENOMINATORS`.
    bins : sequence, optional
        For each driver its edges, a number of quantiles, or None for the driver's own bins.
    lag, window : int, optional
        Minutes; see :func:`auroral_stats.pairing.lagged`. None for the defaults: 10 and 60 for
        the solar wind (60 and 0 for hourly data), 0 and 0 for indices.
    max_sun_elevation : float or None
        Only minutes with the Sun at or below it (degrees).
    moon : {"down", "any"}
        ``down``: only minutes with the Moon below the horizon or less than 30 % lit.
    interval : str
        A name in :data:`auroral_stats.intervals.INTERVALS`.
    bootstrap, seed : int
        Resamples and seed of the bootstrap interval.
    gate : Gate, optional
    standardise : sequence of {"mlt", "site"}
        If given, ``rate`` itself is standardised to fixed weights of these strata; otherwise
        the standardised rate stands beside it.

    Returns
    -------
    xarray.Dataset
        Over (bin[, bin2], label). ``rate``, ``ci_low``, ``ci_high`` (95 %); ``events`` and
        ``exposure`` (frames); ``nights``, ``event_nights``, ``effective_nights``, ``winters``,
        ``sites``, ``usable_hours``; ``availability`` and ``bound_low``, ``bound_high`` (the rate
        over all dark frames if every lost frame lacked, or held, the class); ``lift`` and
        ``risk_ratio`` with intervals; ``rate_moon_down`` and ``rate_moon_any``;
        ``rate_standardised`` with interval and ``standardised_weight``; ``masked`` and
        ``reason``; ``overall_rate(label)`` with interval; and, where sites of several latitude
        bands are pooled, ``band_rate(band, bin, label)`` and what belongs to it.

    Raises
    ------
    UsageError
        If an option is not known or does not fit.
    DataError
        If the joined data lack what a driver needs, or no minute is dark enough.
    """
    cells = night_cells(
        data,
        by,
        bins=bins,
        lag=lag,
        window=window,
        max_sun_elevation=max_sun_elevation,
        moon=moon,
    )
    for pairing in cells.pairings:
        if pairing.coverage == 0:
            raise DataError(
                f"no value of {pairing.driver.name} in any usable minute: it is made from "
                f"{', '.join(pairing.driver.inputs)}, which the files leave missing then. "
                "Choose other times, another --omni or another driver."
            )
    parameters = {
        "labels": list(labels),
        "denominator": denominator,
        "max_sun_elevation": max_sun_elevation,
        "moon": moon,
        "interval": interval,
        "bootstrap": bootstrap if interval == "bootstrap" else None,
        "seed": seed if interval == "bootstrap" else None,
        "gate": asdict(gate or Gate()),
        "standardise": list(standardise),
    }
    result = occurrence_of_cells(
        cells,
        labels=labels,
        denominator=denominator,
        moon=moon,
        interval=interval,
        bootstrap=bootstrap,
        seed=seed,
        gate=gate or Gate(),
        standardise=standardise,
        site_mlat=_site_mlat(data),
    )
    names = " and ".join(pairing.driver.name for pairing in cells.pairings)
    result.attrs |= describe(
        f"Auroral occurrence by {names}",
        parameters=parameters,
        simulated=is_simulated(data.attrs),
        **{key: value for key, value in data.attrs.items() if key.startswith(_CARRIED)},
        start=np.datetime_as_string(data["time"].to_numpy().min(), unit="m") + "Z",
        end=np.datetime_as_string(data["time"].to_numpy().max(), unit="m") + "Z",
        selected_sites=",".join(map(str, data["site"].to_numpy())),
    )
    for suffix, pairing in zip(("", "2"), cells.pairings, strict=False):
        result.attrs |= {
            f"driver{suffix}": pairing.driver.name,
            f"driver{suffix}_label": pairing.driver.label,
            f"driver{suffix}_source": pairing.driver.source,
            f"lag_minutes{suffix}": str(pairing.lag),
            f"window_minutes{suffix}": str(pairing.window),
            f"cadence_minutes{suffix}": str(pairing.cadence),
            f"causal{suffix}": str(pairing.driver.causal).lower(),
            f"coverage{suffix}": f"{pairing.coverage:.4f}",
        }
    return result


#: How the attributes of the joined data begin that a result keeps.
_CARRIED = ("labels_", "model_", "omni_", "hourly_", "kp_")


def _site_mlat(data: xr.Dataset) -> dict[str, float]:
    """Return the mean AACGM latitude of each site over the minutes with frames of its own."""
    mean = {}
    for position, site in enumerate(map(str, data["site"].to_numpy())):
        seen = data["frames"].isel(site=position).any("label").to_numpy()
        # float32 sums of a million latitudes drift by a degree.
        latitude = data["mlat"].isel(site=position).to_numpy()[seen].astype(np.float64)
        mean[site] = float(latitude.mean()) if latitude.size else float("nan")
    return mean


def occurrence_of_cells(
    cells: NightCells,
    *,
    labels: Sequence[str] = HEADLINE_LABELS,
    denominator: str = "usable",
    moon: Moon = "down",
    interval: str = "jackknife",
    bootstrap: int = 1000,
    seed: int = 0,
    gate: Gate | None = None,
    standardise: Sequence[str] = (),
    site_mlat: dict[str, float] | None = None,
) -> xr.Dataset:
    """Return the rates of cells that are already counted; see :func:`occurrence`.

    Parameters
    ----------
    cells : NightCells
    labels, denominator, moon, interval, bootstrap, seed, gate, standardise
        As in :func:`occurrence`.
    site_mlat : dict, optional
        Magnetic latitude of each site (degrees); bands are reported where it is given.

    Returns
    -------
    xarray.Dataset
        As :func:`occurrence`, without attributes.
    """
    check_options(labels, denominator, moon, interval)
    _check_standardise(cells, standardise, denominator, interval)
    gate = gate or Gate()
    options = RateOptions(tuple(labels), denominator, interval, bootstrap, seed)
    dark = cells.where(~cells.data["moonlit"].to_numpy())
    chosen = dark if moon == "down" else cells
    if not chosen.data.sizes["cell"]:
        raise DataError(
            "no dark minute with the Moon down or less than 30 % lit; use --moon any, "
            "or labels from other nights."
        )
    result = _gated(chosen, options, gate)
    result["rate_moon_down"] = plain_rate(dark, options)
    result["rate_moon_any"] = plain_rate(cells, options)
    if denominator == "usable":
        by_place = {p.driver.name for p in cells.pairings} & {"site", "mlt", "mlat"}
        strata = list(standardise) or ([] if by_place else ["site", "mlt"])
        if strata:
            result = _with_standardised(result, chosen, strata, tuple(labels))
    if standardise:
        result = _headline_standardised(result)
    if site_mlat is not None:
        result = _with_bands(result, chosen, options, gate, site_mlat, standardise)
    return result


def _headline_standardised(result: xr.Dataset) -> xr.Dataset:
    """Let the standardised rate be the rate, where the strata seen hold most of the weight."""
    for ours, theirs in (("rate", ""), ("ci_low", "_low"), ("ci_high", "_high")):
        result[f"crude_{ours}"] = result[ours]
        result[ours] = result[f"rate_standardised{theirs}"]
    low = (result["standardised_weight"] < MIN_WEIGHT).broadcast_like(result["masked"])
    low = low.transpose(*result["masked"].dims)
    result["masked"] = result["masked"] | low
    reason = result["reason"].to_numpy().astype(object)
    name = f"weight<{MIN_WEIGHT}"
    joined = np.where(reason == "", name, reason + "; " + name)
    result["reason"] = (
        result["reason"].dims,
        np.where(low.to_numpy(), joined, reason).astype(str),
    )
    return result


def _check_standardise(
    cells: NightCells, standardise: Sequence[str], denominator: str, interval: str
) -> None:
    if not standardise:
        return
    if denominator != "usable":
        raise UsageError(
            f"--standardise needs --denominator usable; got {denominator}. Leave one of them out."
        )
    if interval != "jackknife":
        raise UsageError(
            f"--standardise has jackknife intervals only; got --interval {interval}. "
            "Leave one of them out."
        )
    itself = {pairing.driver.name for pairing in cells.pairings} & set(standardise)
    if itself:
        raise UsageError(
            f"--standardise {', '.join(sorted(itself))} would hold fixed what --by varies; "
            "choose another stratum."
        )


def check_options(labels: Sequence[str], denominator: str, moon: str, interval: str) -> None:
    """Refuse options that no data could satisfy, before any are read.

    Parameters
    ----------
    labels, denominator, moon, interval
        As in :func:`occurrence`.

    Raises
    ------
    UsageError
        If a name is not known, or a class has no rate with this denominator.
    """
    if denominator not in DENOMINATORS:
        raise UsageError(
            f"--denominator {denominator!r}: expected one of {', '.join(DENOMINATORS)}."
        )
    if interval not in INTERVALS:
        raise UsageError(f"--interval {interval!r}: expected one of {', '.join(INTERVALS)}.")
    if moon not in {"down", "any"}:
        raise UsageError(f"--moon {moon!r}: expected 'down' or 'any'.")
    unknown = [name for name in labels if name not in CLASSES]
    if unknown or not labels:
        raise UsageError(
            f"--label {', '.join(unknown) or 'nothing'}: expected any of {', '.join(CLASSES)}."
        )
    if len(set(labels)) < len(labels):
        raise UsageError(f"--label {', '.join(labels)}: a class is given twice.")
    lost = [name for name in labels if name not in USABLE]
    if lost and denominator == "usable":
        raise UsageError(
            f"--label {', '.join(lost)} is not among the usable classes ({', '.join(USABLE)}), "
            "so it has no rate among them; use --denominator all."
        )


def _gated(cells: NightCells, options: RateOptions, gate: Gate) -> xr.Dataset:
    """Return the rates with ``masked`` and ``reason``."""
    result = rates(cells, options)
    result["masked"], result["reason"] = _apply_gate(result, gate, pooled=_pooled(cells))
    return result


def _pooled(cells: NightCells) -> bool:
    """Return whether a row holds frames of several sites."""
    by_site = any(pairing.driver.name == "site" for pairing in cells.pairings)
    return not by_site and np.unique(cells.data["site_index"].to_numpy()).size > 1


def _apply_gate(
    result: xr.Dataset, gate: Gate, *, pooled: bool
) -> tuple[xr.DataArray, xr.DataArray]:
    """Return whether each row fails the gate, and at which of its conditions."""
    conditions = {
        f"nights<{gate.min_nights}": result["nights"] < gate.min_nights,
        f"effective nights<{gate.min_nights // 2}": (
            result["effective_nights"] < gate.min_nights // 2
        ),
        f"event nights<{gate.min_nights // 4}": result["event_nights"] < gate.min_nights // 4,
        f"hours<{gate.min_hours:g}": result["usable_hours"] < gate.min_hours,
        f"winters<{gate.min_winters}": result["winters"] < gate.min_winters,
    }
    if pooled:
        conditions[f"sites<{gate.min_sites}"] = result["sites"] < gate.min_sites
    no_rate = result["rate"].isnull()
    masked = no_rate.copy()
    reason = xr.full_like(result["rate"], "", dtype=object)
    for name, condition in conditions.items():
        fails = condition.broadcast_like(masked).transpose(*masked.dims)
        masked = masked | fails
        before = reason.to_numpy()
        joined = np.where(before == "", name, before + "; " + name)
        reason = reason.copy(data=np.where(fails.to_numpy(), joined, before))
    empty = (no_rate & (reason == "")).to_numpy()
    reason = reason.copy(data=np.where(empty, "no frames", reason.to_numpy()).astype(str))
    return masked, reason


def _with_standardised(
    result: xr.Dataset, cells: NightCells, strata: Sequence[str], labels: tuple[str, ...]
) -> xr.Dataset:
    data = cells.data
    counts = data["counts"].to_numpy().astype(float)
    rate, low, high, weight = standardised_rates(
        counts[:, [CLASSES.index(name) for name in labels]],
        counts[:, USABLE_INDEX].sum(axis=1),
        night=data["night"].to_numpy()[data["night_index"].to_numpy()].astype("datetime64[D]"),
        row=data["bin_index"].to_numpy().astype(np.int64),
        stratum=stratum_of(data, strata),
        rows=int(np.prod(cells.shape)),
        in_range=has_value(cells),
    )
    for name, values in (("", rate), ("_low", low), ("_high", high)):
        result[f"rate_standardised{name}"] = wrap(cells, values, labels)
    result["standardised_weight"] = wrap(cells, weight)
    result["rate_standardised"].attrs["strata"] = ", ".join(strata)
    return result


#: Variables that are given for each latitude band.
_BY_BAND = (
    "rate",
    "ci_low",
    "ci_high",
    "events",
    "exposure",
    "nights",
    "usable_hours",
    "availability",
    "masked",
    "reason",
)


def _with_bands(
    result: xr.Dataset,
    cells: NightCells,
    options: RateOptions,
    gate: Gate,
    site_mlat: dict[str, float],
    standardise: Sequence[str],
) -> xr.Dataset:
    """Add the rates of each latitude band, where the sites lie in more than one."""
    if any(pairing.driver.name in {"site", "mlat"} for pairing in cells.pairings):
        return result
    sites = [str(name) for name in cells.data["site"].to_numpy()]
    of_site = np.array([band(site_mlat[name]) for name in sites])
    of_cell = of_site[cells.data["site_index"].to_numpy()]
    order = np.argsort([site_mlat[name] for name in sites])
    present = list(dict.fromkeys(str(name) for name in of_site[order]))
    present = [name for name in present if (of_cell == name).any()]
    result.attrs["bands"] = ", ".join(present)
    if len(present) < 2:
        return result
    parts = []
    for name in present:
        part = cells.where(of_cell == name)
        gated = _gated(part, options, gate)
        if standardise:
            gated = _with_standardised(gated, part, standardise, options.labels)
            gated = _headline_standardised(gated)
        parts.append(gated[list(_BY_BAND)].rename({key: f"band_{key}" for key in _BY_BAND}))
    bands = xr.concat(parts, dim="band", coords="minimal", compat="override").assign_coords(
        band=present
    )
    return result.merge(bands, compat="override", join="override")
