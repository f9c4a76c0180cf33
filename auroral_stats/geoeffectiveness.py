r"""How disturbed the ground is under an auroral form, compared with like minutes of others.

Under discrete aurora the magnetometer next to the camera swings more than under diffuse aurora;
but discrete aurora also comes with stronger driving, at other hours and other stations. The crude
risk ratio of exceeding a threshold mixes all of that. Beside it stands the matched one: minutes of
the class against minutes of the control at the same station, hour and month, under the same solar
wind before the run of either form began (see :mod:`auroral_stats.matching`). It is an association
all the same: what was not measured was not matched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import xarray as xr

from auroral_stats.covariates import COVARIATES, Covariate, find_covariate, require_inputs
from auroral_stats.drivers import DRIVERS, find_driver
from auroral_stats.effect_estimates import MIN_SHARE, by_baseline, curve_grid, gated, of_label
from auroral_stats.effect_sample import EffectSample, effect_sample, forms_used
from auroral_stats.errors import UsageError
from auroral_stats.forms import MAX_GAP
from auroral_stats.gate import Gate
from auroral_stats.labels import AURORAL, CLASSES, USABLE
from auroral_stats.measures import Measure, find_measure, require_magnetometer
from auroral_stats.provenance import describe, is_simulated
from auroral_stats.strata import require_strata

__all__ = [
    "DEFAULT_MATCH",
    "MIN_QUANTILES",
    "MIN_SHARE",
    "geoeffectiveness",
]

#: What minutes are matched by if nothing else is asked for.
DEFAULT_MATCH = ("site", "mlt", "month", "newell")
#: Fewer quantiles of a driver leave differences within a stratum that pass for an effect.
MIN_QUANTILES = 20

_INTERVALS = ("jackknife", "climatological")
#: How the attributes of the joined data begin that a result keeps.
_CARRIED = ("labels_", "model_", "omni_", "hourly_", "kp_", "mag_")


def geoeffectiveness(
    data: xr.Dataset,
    measure: str = "dBdt",
    *,
    thresholds: Sequence[float] | None = None,
    control: str = "auroral",
    match: Sequence[str] = DEFAULT_MATCH,
    labels: Sequence[str] | None = None,
    baseline: str = "running",
    forward: int = 0,
    max_sun_elevation: float | None = -12.0,
    moon: str = "down",
    quantiles: int = MIN_QUANTILES,
    mediator: str | None = None,
    max_gap: int = MAX_GAP,
    interval: str = "jackknife",
    gate: Gate | None = None,
) -> xr.Dataset:
    """Return how often a disturbance exceeds thresholds under each form and under its control.

    Parameters
    ----------
    data : xarray.Dataset
        Joined labels, geometry, drivers and magnetometers.
    measure : str
        A name in :data:`MEASURES`.
    thresholds : sequence of float, optional
        In units of the measure, increasing; None for its own. X exceeds t where X >= t.
    control : str
        ``auroral``: minutes of the other auroral classes; or the name of one usable class.
        ``clear`` mostly says that the oval is elsewhere.
    match : sequence of str
        Names in :data:`COVARIATES`.
    labels : sequence of str, optional
        Classes to report; None for the auroral ones that are not the control.
    baseline : {"running", "day", "median"}
        Of the magnetometer.
    forward : int
        Minutes; 0 for X at minute m, n for its maximum over m to m + n - 1 (20 is usual).
    max_sun_elevation : float or None
        Only minutes with the Sun at or below it (degrees).
    moon : {"down", "any"}
        ``down``: only minutes with the Moon below the horizon or less than 30 % lit.
    quantiles : int
        Of each continuous covariate, at least 20.
    mediator : str, optional
        An index driver (AE, say) to match on at the minute itself. The result is then a mediator
        analysis: the part of the association that does not go through the index, not the effect.
    max_gap : int
        Minutes without a form that a run may bridge; see :func:`auroral_stats.forms.forms`.
    interval : {"jackknife", "climatological"}
        Over nights and blocks of nights, or over winters (from four on).
    gate : Gate, optional

    Returns
    -------
    xarray.Dataset
        Over (threshold, label): ``exceedance`` and ``control_exceedance`` in the matched sample,
        ``crude_exceedance`` and ``crude_control_exceedance`` in all minutes, ``risk_ratio`` and
        ``crude_risk_ratio``, each with ``_low`` and ``_high`` (95 %); ``events`` and
        ``control_events`` (matched minutes that exceed); ``event_nights`` and
        ``effective_event_nights`` (Kish; of the arm with fewer);
        ``masked`` and ``reason``.

        Over (label): ``median_difference`` and ``cliffs_delta`` of the matched sample with limits;
        ``minutes`` and ``control_minutes`` with a value, ``matched_minutes`` and
        ``matched_control_minutes``; ``share_retained`` of the class minutes, and ``population``,
        "overlap population" where that is below 0.8; ``strata``; ``nights``,
        ``effective_nights``, ``winters``, ``sites``, ``hours`` of the matched class minutes (of
        nights the arm with fewer); ``start_seen``, the share of class minutes whose run began
        under the eyes of the camera; ``recurring``, the share of class minutes whose class was
        also there within [t0 - 40, t0 - 10] min, t0 the start of the run; ``largest_smd`` after
        matching.

        ``balance(when, covariate, label)``: standardised mean difference before and after. The
        coordinate ``matched(covariate)`` says what was matched on; ``dB_before`` and
        ``AE_before``, where at hand, stand there in any case. What was not matched on is in
        neither ``largest_smd`` nor the reasons.
        ``curve(x, label)``, ``control_curve`` and ``crude_control_curve``: exceedance over a fine
        grid of X. ``baseline_risk_ratio(baseline, threshold, label)`` with limits, where the
        measure depends on the baseline.

    Raises
    ------
    UsageError
        If an option is not known, does not fit, or asks to match on a consequence.
    DataError
        If there is no magnetometer, a covariate is missing, or no stratum holds both arms.
    """
    chosen = find_measure(measure)
    wanted = _labels(labels, control)
    covariates = _covariates(match, mediator)
    limits = _thresholds(thresholds, chosen)
    _check_numbers(chosen, forward, quantiles, interval)
    require_magnetometer(data, chosen, baseline)
    require_inputs(data, covariates)
    sample, x = effect_sample(
        data,
        covariates,
        chosen,
        baseline=baseline,
        forward=forward,
        options={"max_sun_elevation": max_sun_elevation, "moon": moon, "max_gap": max_gap},
        quantiles=quantiles,
        wanted=forms_used(wanted, control),
    )
    grid = curve_grid(x)
    parts = [
        of_label(sample, x, name, control, limits, grid, interval == "climatological")
        for name in wanted
    ]
    require_strata(sum(int(part["strata"]) for part in parts), [c.name for c in sample.covariates])
    result = xr.concat(parts, dim="label").assign_coords(label=list(wanted))
    result = result.transpose("threshold", "label", "when", "covariate", "x", ...)
    if chosen.uses_baseline:
        result = result.merge(
            by_baseline(data, chosen, sample, wanted, control, limits, forward, interval),
        )
    result = gated(result, gate or Gate(), pooled=np.unique(sample.minutes.site).size > 1)
    result = _with_shown(result.assign(recurring=("label", _recurring(sample, wanted))))
    result = _with_units(result, chosen)
    result.attrs = describe(
        _title(chosen, control, mediator),
        parameters={
            "measure": chosen.name,
            "thresholds": list(limits),
            "control": control,
            "match": list(match),
            "labels": list(wanted),
            "baseline": baseline if chosen.uses_baseline else None,
            "forward": forward,
            "max_sun_elevation": max_sun_elevation,
            "moon": moon,
            "quantiles": quantiles,
            "mediator": mediator,
            "max_gap": max_gap,
            "interval": interval,
            "gate": asdict(gate or Gate()),
        },
        simulated=is_simulated(data.attrs),
        **{key: value for key, value in data.attrs.items() if key.startswith(_CARRIED)},
        measure=chosen.name,
        measure_label=chosen.label,
        measure_source=chosen.source,
        measure_units=chosen.units,
        cadence="1 min means",
        baseline=baseline if chosen.uses_baseline else None,
        lag=chosen.minutes_read(forward),
        covariates_end="10 min before the run of the form starts",
        threshold_note=chosen.highest_note if limits[-1] > chosen.highest_usual else None,
        mediator=mediator,
        statement=(
            "An association: minutes of a form against minutes of the control that share "
            f"{', '.join(item.name for item in sample.covariates)}. What was not measured was not "
            "matched."
        ),
        start=np.datetime_as_string(data["time"].to_numpy().min(), unit="m") + "Z",
        end=np.datetime_as_string(data["time"].to_numpy().max(), unit="m") + "Z",
        selected_sites=",".join(map(str, data["site"].to_numpy())),
    )
    return result


def _labels(labels: Sequence[str] | None, control: str) -> tuple[str, ...]:
    if control != "auroral" and control not in USABLE:
        raise UsageError(
            f"--control {control!r}: expected 'auroral' or one of {', '.join(USABLE)}."
        )
    if labels is None:
        return tuple(name for name in AURORAL if name != control)
    unknown = [name for name in labels if name not in USABLE]
    if unknown or not labels:
        raise UsageError(
            f"--label {', '.join(unknown) or 'nothing'}: expected any of {', '.join(USABLE)}."
        )
    if len(set(labels)) < len(labels):
        raise UsageError(f"--label {', '.join(labels)}: a class is given twice.")
    if control in labels:
        raise UsageError(
            f"--label {control} is also the control; leave it out or choose another --control."
        )
    return tuple(labels)


def _covariates(match: Sequence[str], mediator: str | None) -> list[Covariate]:
    if not match:
        raise UsageError(
            f"--match nothing: expected one or more of {', '.join(COVARIATES)}. The crude "
            "risk ratio stands beside the matched one in any case."
        )
    if len(set(match)) < len(match):
        raise UsageError(f"--match {', '.join(match)}: a covariate is given twice.")
    covariates = [find_covariate(name) for name in match]
    if mediator is None:
        return covariates
    driver = find_driver(mediator)
    if driver.kind != "index":
        indices = ", ".join(name for name, d in DRIVERS.items() if d.kind == "index")
        raise UsageError(
            f"--mediator {mediator}: expected an index ({indices}), which the aurora of the same "
            f"minute is part of. Match on {mediator} instead."
        )
    units, source = driver.units, f"{driver.source}; at the minute itself"
    return [
        *covariates,
        Covariate(
            f"{driver.name}_now", driver.long_name, units, "continuous", driver, source, True
        ),
    ]


def _thresholds(thresholds: Sequence[float] | None, measure: Measure) -> tuple[float, ...]:
    limits = tuple(float(t) for t in (measure.thresholds if thresholds is None else thresholds))
    if not limits or not all(np.isfinite(limits)) or any(np.diff(limits) <= 0):
        raise UsageError(
            f"--threshold {', '.join(f'{t:g}' for t in limits) or 'nothing'}: expected increasing "
            f"numbers in {measure.units}, such as {', '.join(f'{t:g}' for t in measure.thresholds)}"
            "."
        )
    return limits


def _check_numbers(measure: Measure, forward: int, quantiles: int, interval: str) -> None:
    if interval not in _INTERVALS:
        raise UsageError(
            f"--interval {interval!r}: expected one of {', '.join(_INTERVALS)}. Matched ratios "
            "have no others."
        )
    if quantiles < MIN_QUANTILES:
        raise UsageError(
            f"--quantiles {quantiles}: expected {MIN_QUANTILES} or more. With few, minutes of one "
            "stratum still differ in their driver (3 leave a risk ratio of 1.23 where the truth "
            "is 1)."
        )
    if not 0 <= forward <= 120:
        raise UsageError(f"--forward {forward}: expected 0 to 120 minutes; 20 is usual.")
    if forward and measure.looks_forward:
        raise UsageError(
            f"--forward {forward} with {measure.name}, which looks {measure.looks_forward} min "
            "ahead by itself; leave --forward out."
        )


def _recurring(sample: EffectSample, labels: Sequence[str]) -> list[float]:
    """Return the share of the minutes of each class before whose run the class had been there."""
    of_class = [sample.recurring[sample.form == CLASSES.index(name)] for name in labels]
    return [float(found.mean()) if found.size else float("nan") for found in of_class]


def _with_shown(result: xr.Dataset) -> xr.Dataset:
    """Set the covariates that were not matched on beside those that were."""
    beside = result["shown_balance"].rename(shown="covariate")
    balance = xr.concat([result["balance"], beside], dim="covariate")
    matched = np.arange(balance.sizes["covariate"]) < result.sizes["covariate"]
    rest = result.drop_vars(["balance", "shown_balance", "shown", "covariate"])
    return rest.assign(balance=balance.transpose("when", "covariate", "label")).assign_coords(
        matched=("covariate", matched)
    )


def _title(measure: Measure, control: str, mediator: str | None) -> str:
    against = "other auroral forms" if control == "auroral" else control
    what = f"{measure.long_name} by auroral form, against {against}"
    if mediator is None:
        return f"Geoeffectiveness: {what}"
    return f"Mediator analysis ({mediator} of the same minute held fixed): {what}"


def _with_units(result: xr.Dataset, measure: Measure) -> xr.Dataset:
    for name, variable in result.data_vars.items():
        stem = str(name).removesuffix("_low").removesuffix("_high")
        if stem in {"median", "control_median", "median_difference"}:
            units = measure.units
        elif stem.endswith(("minutes", "events")):
            units = "min"
        elif stem.endswith("nights"):
            units = "nights"
        else:
            units = "h" if stem == "hours" else "1"
        if variable.dtype.kind in "iuf":
            variable.attrs["units"] = units
    for name in ("threshold", "x"):
        result[name].attrs["units"] = measure.units
    return result
