r"""How often each auroral form occurs under which driving.

The rate of class c in driver bin b is a ratio of frames, :math:`R(c|b) = N_{cb} / N_{Ub}`, over
usable dark frames U (arc, diffuse, discrete or clear), so that weather and moonlight do not pass
for a lack of aurora. Beside every rate stand what it rests on (events, exposure, hours, nights,
winters, sites), how much of the sky was usable, an interval by nights, and whether it passes the
gate below which it should not be shown as a result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from auroral_stats.drivers import Driver
from auroral_stats.errors import DataError
from auroral_stats.gate import Gate
from auroral_stats.headline import MIN_WEIGHT, headline_rates, with_standardised
from auroral_stats.labels import USABLE_INDEX
from auroral_stats.latitude import site_mlat as latitudes_of
from auroral_stats.latitude_bands import with_bands, with_site_latitudes
from auroral_stats.nights import (
    NIGHT_START_HOUR,
    NightCells,
    night_cells,
    require_usable,
    winter_of,
)
from auroral_stats.occurrence_options import (
    DENOMINATORS,
    HEADLINE_LABELS,
    Moon,
    OccurrenceOptions,
    check_options,
)
from auroral_stats.periods import merge_periods
from auroral_stats.provenance import describe, fingerprint, is_simulated
from auroral_stats.rates import plain_rate

__all__ = [
    "DENOMINATORS",
    "HEADLINE_LABELS",
    "MIN_WEIGHT",
    "Gate",
    "OccurrenceOptions",
    "check_options",
    "occurrence",
    "occurrence_of_cells",
]


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
        Joined labels, geometry and drivers, from :func:`auroral_stats.join.join`; some of the
        sites or of the time from :func:`auroral_stats.joined.select_frames`.
    by : str, Driver or two of them
        Names in :data:`auroral_stats.drivers.DRIVERS`.
    labels : sequence of str
        Classes to report.
    denominator : {"usable", "all", "reverse"}
        See :data:`DENOMINATORS`.
    bins : sequence, optional
        For each driver its edges, a number of quantiles, or None for the driver's own bins.
    lag, window : int, optional
        Minutes; see :func:`auroral_stats.lagging.lagged`. None for the defaults: 10 and 60 for
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
        bands are pooled, ``band_rate(band, bin, label)`` and what belongs to it. By site, the
        coordinate ``mlat`` has the magnetic latitude of each.

        The attributes say what the result was made from and how: options, lag, window, software,
        source and fingerprint of labels and drivers, and how many frames, nights and winters
        there were in all.

    Raises
    ------
    UsageError
        If an option is not known or does not fit.
    DataError
        If the joined data lack what a driver needs, or no minute is dark enough.
    """
    options = OccurrenceOptions(
        labels=labels,
        denominator=denominator,
        bins=bins,
        lag=lag,
        window=window,
        max_sun_elevation=max_sun_elevation,
        moon=moon,
        interval=interval,
        bootstrap=bootstrap,
        seed=seed,
        gate=gate or Gate(),
        standardise=standardise,
    )
    drivers = check_options([by] if isinstance(by, (str, Driver)) else list(by), options)
    cells = night_cells(
        data,
        drivers,
        bins=bins,
        lag=lag,
        window=window,
        max_sun_elevation=max_sun_elevation,
        moon=moon,
    )
    if options.denominator == "usable":
        require_usable(cells, options.moon)
    for pairing in cells.pairings:
        if pairing.coverage == 0:
            raise DataError(
                f"no value of {pairing.driver.name} in any usable minute: it is made from "
                f"{', '.join(pairing.driver.inputs)}, which the files leave missing then. "
                "Choose other times, another --omni or another driver."
            )
    result = occurrence_of_cells(cells, options, site_mlat=latitudes_of(data))
    return result.assign_attrs(_attributes(data, cells, options))


def _attributes(data: xr.Dataset, cells: NightCells, options: OccurrenceOptions) -> dict[str, str]:
    """Return what the result was made from and how."""
    names = " and ".join(pairing.driver.name for pairing in cells.pairings)
    attrs = describe(
        f"Auroral occurrence by {names}",
        parameters=options.parameters(),
        simulated=is_simulated(data.attrs),
        **{key: value for key, value in data.attrs.items() if key.startswith(_CARRIED)},
        drivers_fingerprint=_drivers_fingerprint(data, cells),
        start=np.datetime_as_string(data["time"].to_numpy().min(), unit="m") + "Z",
        end=np.datetime_as_string(data["time"].to_numpy().max(), unit="m") + "Z",
        selected_sites=",".join(map(str, data["site"].to_numpy())),
    )
    for suffix, pairing in zip(("", "2"), cells.pairings, strict=False):
        attrs |= {
            f"driver{suffix}": pairing.driver.name,
            f"driver{suffix}_label": pairing.driver.label,
            f"driver{suffix}_source": pairing.driver.source,
            f"lag_minutes{suffix}": str(pairing.lag),
            f"window_minutes{suffix}": str(pairing.window),
            f"cadence_minutes{suffix}": str(pairing.cadence),
            f"causal{suffix}": str(pairing.driver.causal).lower(),
            f"coverage{suffix}": f"{pairing.coverage:.4f}",
        }
    return attrs


#: How the attributes of the joined data begin that a result keeps.
_CARRIED = ("labels_", "model_", "preprocess", "omni_", "hourly_", "kp_", "selected_mlat")


def _drivers_fingerprint(data: xr.Dataset, cells: NightCells) -> str | None:
    """Return a digest of the driver values of the nights and two days before each.

    None if no driver has a time of its own. Archives replace files under the same name, so names do not say which values were used.
    """
    inputs = {
        name: str(data[name].dims[0])
        for pairing in cells.pairings
        if pairing.cadence
        for name in pairing.driver.inputs
    }
    if not inputs:
        return None
    # A joined file may hold drivers of more nights than the frames selected from it.
    night = cells.data["night"].to_numpy()[np.unique(cells.data["night_index"].to_numpy())]
    begin = night.astype("M8[D]") + np.timedelta64(NIGHT_START_HOUR, "h")
    day = np.timedelta64(24, "h")
    periods = merge_periods(periods=zip(begin - 2 * day, begin + day, strict=True))
    parts = []
    for name, dim in sorted(inputs.items()):
        times, values = data[dim].to_numpy(), data[name].to_numpy()
        for period in periods:
            cut = slice(*np.searchsorted(times, np.array(period)))
            parts += [name.encode(), times[cut].astype("M8[s]").tobytes()]
            parts.append(values[cut].astype(np.float64).tobytes())
    return fingerprint(parts)


def occurrence_of_cells(
    cells: NightCells,
    options: OccurrenceOptions | None = None,
    *,
    site_mlat: Mapping[str, float] | None = None,
) -> xr.Dataset:
    """Return the rates of cells that are already counted; see :func:`occurrence`.

    Parameters
    ----------
    cells : NightCells
    options : OccurrenceOptions, optional
        What is chosen of bins, lag, window and the Sun has no say here: it is in the cells.
    site_mlat : mapping of str to float, optional
        Magnetic latitude of each site (degrees); bands are reported where it is given.

    Returns
    -------
    xarray.Dataset
        As :func:`occurrence`, with those attributes alone that are counts: ``total_frames``,
        ``total_usable_frames``, ``total_nights`` and ``total_winters`` (with a usable frame), and
        ``bands``.
    """
    options = options or OccurrenceOptions()
    check_options([pairing.driver for pairing in cells.pairings], options)
    dark = cells.where(~cells.data["moonlit"].to_numpy())
    chosen = dark if options.moon == "down" else cells
    if not chosen.data.sizes["cell"]:
        raise DataError(
            "no dark minute with the Moon down or less than 30 % lit; use --moon any, "
            "or labels from other nights."
        )
    result = headline_rates(chosen, options)
    result["rate_moon_down"] = plain_rate(dark, options.rates)
    result["rate_moon_any"] = plain_rate(cells, options.rates)
    by_place = {p.driver.name for p in cells.pairings} & {"site", "mlt", "mlat"}
    if options.denominator == "usable" and not options.standardise and not by_place:
        result = with_standardised(result, chosen, ("site", "mlt"), tuple(options.labels))
    if site_mlat is not None:
        result = with_bands(result, chosen, options, site_mlat)
        result = with_site_latitudes(result, cells, site_mlat)
    return result.assign_attrs(_totals(chosen))


def _totals(cells: NightCells) -> dict[str, str]:
    """Return how much there is in all, as attributes."""
    counts = cells.data["counts"].to_numpy().astype(np.int64)
    usable = counts[:, USABLE_INDEX].sum(axis=1)
    seen = np.unique(cells.data["night_index"].to_numpy()[usable > 0])
    nights = cells.data["night"].to_numpy()[seen].astype("datetime64[D]")
    totals = {
        "total_frames": counts.sum(),
        "total_usable_frames": usable.sum(),
        "total_nights": nights.size,
        "total_winters": np.unique(winter_of(nights)).size,
    }
    return {name: str(int(total)) for name, total in totals.items()}
