"""What is said of each form: exceedance, risk ratios, differences, balance and support."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from auroral_stats.covariates import Covariate
from auroral_stats.distributions import (
    cliffs_delta,
    cliffs_delta_scores,
    exceedance_curve,
    median_difference,
    weighted_quantile,
)
from auroral_stats.effect_sample import EffectSample, arms, measure_values
from auroral_stats.gate import Gate, gate_failures, mask_where
from auroral_stats.matching import (
    Matched,
    arm_table,
    effective_nights,
    match,
    matched_rates,
    risk_ratio,
)
from auroral_stats.measures import BASELINES, Measure
from auroral_stats.nights import winter_of
from auroral_stats.strata import (
    MAX_SMD,
    control_weights,
    standardised_difference,
)
from auroral_stats.uncertainty import MIN_CLUSTERS, block_of, by_cluster, kish

__all__ = ["MIN_SHARE", "by_baseline", "curve_grid", "gated", "of_label"]

Array = NDArray[np.float64]

#: With a smaller share of the class minutes the result speaks for another population.
MIN_SHARE = 0.8
#: Points of the exceedance curves.
_CURVE = 60
_ENDS = ("", "_low", "_high")


def curve_grid(x: Array) -> Array:
    """Return where exceedance curves are drawn: evenly in the logarithm where X allows."""
    finite = x[np.isfinite(x)]
    low, high = np.quantile(finite, [0.02, 0.9995])
    if low > 0 and high > low:
        return np.asarray(np.geomspace(low, high, _CURVE))
    return np.linspace(low, high if high > low else low + 1, _CURVE)


def of_label(
    sample: EffectSample,
    x: Array,
    label: str,
    control: str,
    limits: Sequence[float],
    grid: Array,
    climatological: bool,
) -> xr.Dataset:
    """Return everything that is said of one form.

    Parameters
    ----------
    sample : EffectSample
    x : ndarray, (n,)
        Disturbance of each minute of the sample, NaN where missing.
    label, control : str
        As in :func:`auroral_stats.geoeffectiveness.geoeffectiveness`.
    limits : sequence of float
        Thresholds.
    grid : ndarray
        Where the exceedance curves are given.
    climatological : bool
        Whether uncertainty is over winters.

    Returns
    -------
    xarray.Dataset
        Without the dimension ``label``; NaN where no stratum holds minutes of both arms.
    """
    rows, treated = arms(sample, x, label, control)
    # Medians, curves and scores all sort by value: in order already, that costs next to nothing.
    order = np.argsort(x[rows], kind="stable")
    rows, treated = rows[order], treated[order]
    values, night = x[rows], sample.night[rows]
    stratum = sample.stratum[rows]
    weights = control_weights(stratum, treated)
    medians = (
        float(weighted_quantile(values[~treated], weights[~treated], 0.5)),
        float(weighted_quantile(values[treated], weights[treated], 0.5)),
    )
    exceeds = values[:, None] >= np.array(limits)
    # One more column for each median, and one for the scores of Cliff's delta.
    columns = np.column_stack(
        [
            exceeds,
            values <= medians[0],
            values <= medians[1],
            np.nan_to_num(cliffs_delta_scores(values, treated, weights)),
        ]
    )
    matched = match(arm_table(night, stratum, treated, columns), climatological=climatological)
    crude = match(
        arm_table(night, np.zeros(rows.size, dtype=np.int64), treated, exceeds),
        climatological=climatological,
    )
    made: dict[str, Any] = {}
    thresholds = slice(0, len(limits))
    for name, source, arm in (
        ("exceedance", matched, 1),
        ("control_exceedance", matched, 0),
        ("crude_exceedance", crude, 1),
        ("crude_control_exceedance", crude, 0),
    ):
        made |= _three(name, matched_rates(source, arm), thresholds)
    made |= _three("risk_ratio", risk_ratio(matched), thresholds)
    made |= _three("crude_risk_ratio", risk_ratio(crude), thresholds)
    inside = weights > 0
    for name, of_arm in (("events", treated), ("control_events", ~treated)):
        made[name] = ("threshold", exceeds[inside & of_arm].sum(axis=0))
    per_night = (matched.events[:, :, 0, thresholds] > 0).sum(axis=0)
    made["event_nights"] = ("threshold", per_night.min(axis=0))
    blocks = by_cluster(matched.events[:, :, 0, thresholds], block_of(matched.night)) > 0
    made["event_blocks"] = ("threshold", blocks.sum(axis=0).min(axis=0))
    # A heavy weight can leave all events of the control to one night among many.
    made["effective_event_nights"] = (
        "threshold",
        kish(matched.events[:, :, 0, thresholds]).min(axis=0),
    )
    made["control_median"], made["median"] = (((), value) for value in medians)
    for name, found in (
        (
            "median_difference",
            median_difference(matched, values, treated, weights, medians, len(limits)),
        ),
        ("cliffs_delta", cliffs_delta(matched, len(limits) + 2)),
    ):
        made |= {f"{name}{end}": ((), v) for end, v in zip(_ENDS, found, strict=True)}
    made |= _support(sample, rows, treated, weights, matched)
    made |= _balance(sample, rows, treated, weights)
    for name, of_arm, weight in (
        ("curve", treated & inside, weights),
        ("control_curve", ~treated & inside, weights),
        ("crude_curve", treated, np.ones(rows.size)),
        ("crude_control_curve", ~treated, np.ones(rows.size)),
    ):
        made[name] = ("x", exceedance_curve(values[of_arm], weight[of_arm], grid))
    return xr.Dataset(
        made,
        coords={
            "threshold": list(limits),
            "x": grid,
            "when": ["before", "after"],
            "covariate": [item.name for item in sample.covariates],
        },
    )


def _three(name: str, found: tuple[Array, Array, Array], part: slice) -> dict[str, Any]:
    return {
        f"{name}{end}": ("threshold", values[0, part])
        for end, values in zip(_ENDS, found, strict=True)
    }


def _support(
    sample: EffectSample,
    rows: NDArray[np.int64],
    treated: NDArray[np.bool_],
    weights: Array,
    matched: Matched,
) -> dict[str, Any]:
    """Return what the result of one class rests on."""
    inside = weights > 0
    of_class = rows[inside & treated]
    share = of_class.size / max(int(treated.sum()), 1)
    winters = [
        np.unique(winter_of(sample.night[rows[inside & arm]])).size for arm in (treated, ~treated)
    ]
    numbers: dict[str, Any] = {
        "minutes": int(treated.sum()),
        "control_minutes": int((~treated).sum()),
        "matched_minutes": of_class.size,
        "matched_control_minutes": int((inside & ~treated).sum()),
        "share_retained": share,
        "population": "class" if share >= MIN_SHARE else "overlap population",
        "strata": int(matched.strata[0]),
        "nights": int((matched.exposure[..., 0] > 0).sum(axis=0).min()),
        "effective_nights": float(effective_nights(matched)[0]),
        "winters": min(winters),
        "sites": np.unique(sample.minutes.site[of_class]).size,
        "hours": of_class.size / 60,
        "start_seen": float(sample.start_seen[rows[treated]].mean()) if treated.any() else np.nan,
    }
    return {name: ((), value) for name, value in numbers.items()}


def _balance(
    sample: EffectSample, rows: NDArray[np.int64], treated: NDArray[np.bool_], weights: Array
) -> dict[str, Any]:
    """Return the standardised mean difference of each covariate before and after matching.

    Those that were not matched on are kept apart: they are shown, and decide nothing.
    """

    def differences(
        items: Sequence[Covariate], columns: Sequence[NDArray[np.generic]]
    ) -> NDArray[np.float64]:
        return np.array(
            [
                [
                    standardised_difference(values[rows], treated, weight, item.kind)
                    for item, values in zip(items, columns, strict=True)
                ]
                for weight in (np.ones(rows.size), weights)
            ]
        )

    found = differences(sample.covariates, sample.values)
    largest = np.nanmax(np.abs(found[1])) if np.isfinite(found[1]).any() else np.nan
    return {
        "balance": (("when", "covariate"), found),
        "largest_smd": ((), float(largest)),
        "shown_balance": (("when", "shown"), differences(sample.shown, sample.shown_values)),
        "shown": ("shown", np.array([item.name for item in sample.shown], dtype=str)),
    }


def by_baseline(
    data: xr.Dataset,
    measure: Measure,
    sample: EffectSample,
    labels: Sequence[str],
    control: str,
    limits: Sequence[float],
    forward: int,
    interval: str,
) -> xr.Dataset:
    """Return the matched risk ratio under every baseline that the joined data hold."""
    held = [name for name in BASELINES if name in data["baseline"].to_numpy()]
    shape = (len(held), len(limits), len(labels))
    found = np.full((3, *shape), np.nan)
    for row, name in enumerate(held):
        x = measure_values(data, measure, sample, name, forward)
        for column, label in enumerate(labels):
            rows, treated = arms(sample, x, label, control)
            table = arm_table(
                sample.night[rows],
                sample.stratum[rows],
                treated,
                x[rows, None] >= np.array(limits),
            )
            if table.night.size:
                made = risk_ratio(match(table, climatological=interval == "climatological"))
                found[:, row, :, column] = [values[0] for values in made]
    dims = ("baseline", "threshold", "label")
    return xr.Dataset(
        {
            f"baseline_risk_ratio{end}": (dims, values)
            for end, values in zip(_ENDS, found, strict=True)
        },
        coords={"baseline": held, "threshold": list(limits), "label": list(labels)},
    )


def gated(result: xr.Dataset, gate: Gate, *, pooled: bool) -> xr.Dataset:
    """Add ``masked`` and ``reason``."""
    none = result["risk_ratio"].isnull()
    made = result.assign(
        masked=none, reason=xr.full_like(result["risk_ratio"], "", dtype=object).astype(str)
    )
    matched = result["strata"] > 0
    made = mask_where(made, "no stratum with both arms", ~matched)
    made = mask_where(made, "no event in the control", none & matched)
    failures = gate_failures(
        gate,
        nights=result["nights"],
        effective_nights=result["effective_nights"],
        event_nights=result["event_nights"],
        winters=result["winters"],
        hours=result["hours"],
        sites=result["sites"] if pooled else None,
    )
    # The gate speaks of support; whether the arms are alike is asked after it.
    for name, fails in failures.items():
        made = mask_where(made, name, fails)
    if gate.min_nights:
        few = result["effective_event_nights"] < MIN_CLUSTERS
        made = mask_where(made, f"effective event nights<{MIN_CLUSTERS}", few)
        # One storm can fill many nights: without it there must be an estimate left.
        storm = result["event_blocks"] < MIN_CLUSTERS
        made = mask_where(made, f"nine-night blocks with events<{MIN_CLUSTERS}", storm)
    for name in result["covariate"].to_numpy():
        smd = result["balance"].sel(covariate=name, when="after").drop_vars(["covariate", "when"])
        unlike = matched & ~(abs(smd) < MAX_SMD)
        made = mask_where(made, f"unlike arms: {name} |SMD|>={MAX_SMD:g}", unlike)
    return made.assign(balanced=result["largest_smd"] < MAX_SMD)
