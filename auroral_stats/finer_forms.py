"""Finer forms within a class, and whether they go with different disturbances of the ground.

A class may hold several kinds of aurora: clusters of pictures, say, or a class that an observer
split. Whether the split matters on the ground is asked within the class, so that what the class
does by itself says nothing. Each kind has a matched risk ratio: its minutes against all other
minutes of the same class at the same station, hour and month and under the same driver before the
run of the class began (see :mod:`auroral_stats.matching`).

Whether the kinds of a class differ at all is one test for each class, by turning the signs of whole
nights (:mod:`auroral_stats.turned_nights`); p values of the classes are adjusted together
(Benjamini-Hochberg).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from auroral_stats.covariates import find_covariate, require_inputs
from auroral_stats.effect_sample import EffectSample, effect_sample
from auroral_stats.errors import DataError, UsageError
from auroral_stats.forms import MAX_GAP
from auroral_stats.gate import Gate, gate_failures
from auroral_stats.geoeffectiveness import DEFAULT_MATCH, MIN_QUANTILES
from auroral_stats.intervals import false_discovery
from auroral_stats.labels import AURORAL, CLASSES, USABLE
from auroral_stats.matching import ArmTable, arm_table, effective_nights, match, risk_ratio
from auroral_stats.measures import find_measure, require_magnetometer
from auroral_stats.nights import winter_of
from auroral_stats.provenance import describe, is_simulated
from auroral_stats.turned_nights import difference_p_value

__all__ = ["COLUMNS", "DEFAULT_GATE", "finer_effects", "kinds_of_minutes"]

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

#: What the ratio of a kind must rest on: nights as for any rate, but no hours, since its minutes
#: are those of the frames that were looked at, perhaps one in fifteen.
DEFAULT_GATE = Gate(min_hours=0.0)

#: Columns of the table.
COLUMNS = (
    "label", "kind", "threshold", "minutes", "nights", "event_nights", "exceedance",
    "control_exceedance", "risk_ratio", "rr_low", "rr_high", "crude_risk_ratio", "kinds_compared",
    "p_value", "p_adjusted", "masked", "reason", "simulated",
)  # fmt: skip

_NONE = -1


def finer_effects(
    data: xr.Dataset,
    frames: pd.DataFrame,
    measure: str = "dBdt",
    *,
    threshold: float | None = None,
    labels: Sequence[str] = AURORAL,
    match_by: Sequence[str] = DEFAULT_MATCH,
    baseline: str = "running",
    max_sun_elevation: float | None = -12.0,
    moon: str = "down",
    quantiles: int = MIN_QUANTILES,
    gate: Gate = DEFAULT_GATE,
    turns: int = 9999,
    seed: int = 0,
) -> pd.DataFrame:
    """Return how often the ground is disturbed under each kind of a class, and whether they differ.

    Parameters
    ----------
    data : xarray.Dataset
        Joined labels, geometry, drivers and magnetometers.
    frames : pandas.DataFrame
        Columns ``time`` (UTC), ``site`` and ``kind`` (whole numbers from 0), a row a frame; frames
        of a minute that is of no class, or not in ``data``, say nothing.
    measure : str
        A name in :data:`auroral_stats.measures.MEASURES`.
    threshold : float, optional
        In units of the measure; None for the lowest of its own.
    labels : sequence of str
        Usable classes.
    match_by : sequence of str
        Names in :data:`auroral_stats.covariates.COVARIATES`.
    baseline, max_sun_elevation, moon, quantiles
        As in :func:`auroral_stats.geoeffectiveness.geoeffectiveness`.
    gate : Gate
        Kinds that fail it keep their numbers, are masked, and take no part in the test.
    turns : int
        Of the signs, for the p values.
    seed : int

    Returns
    -------
    pandas.DataFrame
        A row for each class and kind: label, kind, threshold; minutes (of frames, in strata with
        other minutes of the class), nights, event_nights; exceedance and control_exceedance
        (matched), risk_ratio with rr_low and rr_high (95 %), crude_risk_ratio; kinds_compared,
        p_value and p_adjusted (of the class, the same in all its rows; NaN with fewer than two
        kinds to compare); masked, reason, simulated. ``attrs`` say what made it.

    Raises
    ------
    UsageError
        If an option is not known.
    DataError
        If columns or the magnetometer are missing, or no frame is of a minute with a class.
    """
    chosen = find_measure(measure)
    limit = chosen.thresholds[0] if threshold is None else float(threshold)
    unknown = [name for name in labels if name not in USABLE]
    if unknown or not labels:
        raise UsageError(
            f"labels {', '.join(unknown) or 'none'}: expected any of {', '.join(USABLE)}."
        )
    if turns < 99 or seed < 0:
        raise UsageError(f"turns {turns}, seed {seed}: expected 99 or more, and 0 or more.")
    covariates = [find_covariate(name) for name in match_by]
    require_magnetometer(data, chosen, baseline)
    require_inputs(data, covariates)
    sample, x = effect_sample(
        data, covariates, chosen, baseline=baseline, forward=0,
        options={"max_sun_elevation": max_sun_elevation, "moon": moon, "max_gap": MAX_GAP},
        quantiles=quantiles, wanted=sorted(CLASSES.index(name) for name in labels),
    )  # fmt: skip
    kind = kinds_of_minutes(data, frames, sample)
    if not (kind != _NONE).any():
        raise DataError(
            "no frame is of a minute that has a class and a disturbance; expected frames of the "
            "sites and nights of the joined data."
        )
    tables = [
        _of_class(sample, x >= limit, kind, name, gate, turns, seed)
        for name in labels
        if ((sample.form == CLASSES.index(name)) & (kind != _NONE)).any()
    ]
    simulated = is_simulated(data.attrs)
    made = pd.concat(tables, ignore_index=True)
    each = made.groupby("label", sort=False)["p_value"].first()
    adjusted = dict(zip(each.index, false_discovery(each.to_numpy(float)), strict=True))
    made = made.assign(
        threshold=limit, p_adjusted=made["label"].map(adjusted), simulated=simulated
    )[list(COLUMNS)]
    about = describe(
        f"{chosen.long_name} under finer forms within a class",
        parameters={
            "measure": chosen.name, "threshold": limit, "labels": list(labels),
            "match": list(match_by), "baseline": baseline if chosen.uses_baseline else None,
            "max_sun_elevation": max_sun_elevation, "moon": moon, "quantiles": quantiles,
            "gate": asdict(gate), "turns": turns, "seed": seed,
        },
        simulated=simulated,
        measure_label=chosen.label,
        measure_units=chosen.units,
        frames=len(frames),
        statement="Minutes of a kind against all other minutes of its class that share "
        f"{', '.join(match_by)}. An association: what was not measured was not matched.",
    )  # fmt: skip
    made.attrs.update(about)
    return made


def kinds_of_minutes(data: xr.Dataset, frames: pd.DataFrame, sample: EffectSample) -> Integers:
    """Return the kind of each minute of a sample: the commonest among its frames.

    Parameters
    ----------
    data : xarray.Dataset
    frames : pandas.DataFrame
        As in :func:`finer_effects`.
    sample : EffectSample
        Of these data.

    Returns
    -------
    ndarray of int64, (n,)
        -1 where there is no frame; of equally common kinds the lowest.

    Raises
    ------
    DataError
        If a column is missing, or kinds are no whole numbers from 0.
    """
    lacking = [name for name in ("time", "site", "kind") if name not in frames]
    if lacking:
        raise DataError(
            f"frames: no column {', '.join(lacking)}; expected time, site and kind, a row a frame."
        )
    kind = frames["kind"].to_numpy()
    if kind.dtype.kind not in "iu" or (kind.size and kind.min() < 0):
        raise DataError(f"frames: kind is {kind.dtype}; expected whole numbers from 0.")
    minutes = data["time"].to_numpy().astype("datetime64[m]")
    sites = {str(code): number for number, code in enumerate(data["site"].to_numpy())}
    site = frames["site"].map(lambda code: sites.get(str(code), _NONE)).to_numpy(np.int64)
    time = pd.to_datetime(frames["time"]).to_numpy("datetime64[m]")
    at = np.minimum(np.searchsorted(minutes, time), max(minutes.size - 1, 0))
    there = (site >= 0) & (minutes[at] == time)
    key, counts = np.unique(
        np.stack([at[there] * len(sites) + site[there], kind[there].astype(np.int64)]),
        axis=1, return_counts=True,
    )  # fmt: skip
    # the commonest last, and of equals the lowest, so that it is what stays
    order = np.lexsort((-key[1], counts))
    of_minute = dict(zip(key[0][order].tolist(), key[1][order].tolist(), strict=True))
    rows = sample.minutes.time * len(sites) + sample.minutes.site
    return np.array([of_minute.get(row, _NONE) for row in rows.tolist()], dtype=np.int64)


def _of_class(
    sample: EffectSample,
    exceeds: NDArray[np.bool_],
    kind: Integers,
    label: str,
    gate: Gate,
    turns: int,
    seed: int,
) -> pd.DataFrame:
    """Return the rows of one class."""
    rows = np.flatnonzero((sample.form == CLASSES.index(label)) & (sample.stratum >= 0))
    hit, mine, night = exceeds[rows], kind[rows], sample.night[rows]
    stratum = np.unique(sample.stratum[rows], return_inverse=True)[1]
    kinds = np.unique(mine[mine != _NONE])
    if not kinds.size:
        return pd.DataFrame()
    table = _stacked([arm_table(night, stratum, mine == one, hit[:, None]) for one in kinds])
    matched = match(table)
    ratio, low, high = (values[:, 0] for values in risk_ratio(matched))
    rates = matched.levels[0]
    pooled = np.unique(sample.minutes.site).size > 1
    made: list[dict[str, Any]] = []
    for number, one in enumerate(kinds):
        here = mine == one
        per_night = (matched.events[:, :, number, 0] > 0).sum(axis=0)
        numbers = {
            "nights": int((matched.exposure[:, :, number] > 0).sum(axis=0).min()),
            "effective_nights": float(effective_nights(matched)[number]),
            "event_nights": int(per_night.min()),
            "winters": np.unique(winter_of(night[here])).size,
            "sites": np.unique(sample.minutes.site[rows[here]]).size if pooled else None,
        }
        failures = [name for name, fails in gate_failures(gate, **numbers).items() if fails]
        crude = _mean(hit[here]) / _mean(hit[~here]) if hit[~here].any() else np.nan
        made.append(
            {
                "label": label,
                "kind": int(one),
                "minutes": int(matched.minutes[1, number]),
                "nights": numbers["nights"],
                "event_nights": numbers["event_nights"],
                "exceedance": float(rates[1].value[number, 0]),
                "control_exceedance": float(rates[0].value[number, 0]),
                "risk_ratio": float(ratio[number]),
                "rr_low": float(low[number]),
                "rr_high": float(high[number]),
                "crude_risk_ratio": crude,
                "masked": bool(failures) or not np.isfinite(ratio[number]),
                "reason": "; ".join(failures),
            }
        )
    compared = [row["kind"] for row in made if not row["masked"]]
    total = np.bincount(stratum)
    expected = (np.bincount(stratum, hit) / total)[stratum]
    # a minute alone in its stratum would only be compared with itself
    use = np.isin(mine, compared) & (total[stratum] > 1)
    p = difference_p_value(hit[use], expected[use], mine[use], night[use], turns=turns, seed=seed)
    return pd.DataFrame(made).assign(kinds_compared=len(compared), p_value=p)


def _stacked(tables: Sequence[ArmTable]) -> ArmTable:
    """Put tables of one group each into one of several groups."""
    return ArmTable(
        np.concatenate([one.night for one in tables]),
        np.repeat(np.arange(len(tables)), [one.night.size for one in tables]),
        np.concatenate([one.stratum for one in tables]),
        np.concatenate([one.minutes for one in tables]),
        np.concatenate([one.sums for one in tables]),
        groups=len(tables),
    )


def _mean(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if values.size else float("nan")
