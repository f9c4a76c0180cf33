"""Kinds within a class: a difference that is there, none where there is none, and confounding."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

from auroral_stats.covariates import find_covariate
from auroral_stats.effect_sample import effect_sample
from auroral_stats.errors import DataError, UsageError
from auroral_stats.finer_forms import COLUMNS, finer_effects, kinds_of_minutes
from auroral_stats.gate import Gate
from auroral_stats.labels import CLASSES
from auroral_stats.measures import find_measure
from auroral_stats.turned_nights import difference_p_value

OPEN = Gate(min_nights=4, min_hours=0, min_winters=1, min_sites=1)
USUAL = {"measure": "dB", "threshold": 100.0, "match_by": ("site", "mlt", "newell"), "turns": 999}


def make_world(*, nights=45, effect=0.0, by_driver=False, seed=0):
    """Return joined data of two sites, and frames every third minute with their kinds.

    The disturbance is exp(4 + 0.5 z + night + noise + effect of discrete kind 1), z the driver;
    kinds are preferred by station-nights or, ``by_driver``, follow from the driver.
    """
    rng = np.random.default_rng(seed)
    first = [np.datetime64(f"{2012 + w}-12-01T00:00", "m") for w in range(3)]
    days = [f + n * np.timedelta64(1, "D") for f in first for n in range(nights // 3)]
    time = np.concatenate([d + np.arange(180) for d in days])
    dense = np.concatenate([d + np.arange(-120, 240) for d in days])
    night = np.repeat(np.arange(nights), 180)
    steps = rng.normal(size=(nights, 12)).repeat(30, axis=1)  # of half an hour each
    z, at = steps.ravel(), np.searchsorted(dense, time)
    form = rng.integers(0, 3, (nights, 36, 2)).repeat(5, axis=1).reshape(-1, 2)
    # what a run is matched by was there before it began: of half an hour ago
    push = pd.Series(z).shift(30).bfill().to_numpy()[at]
    liking = rng.dirichlet([1.0, 1.0], (nights, 2))[night]
    kind = (rng.random((time.size, 2)) > liking[..., 0]).astype(int)
    if by_driver:
        kind = (push[:, None] + 0.5 * rng.normal(size=kind.shape) > 0).astype(int)
    size = 4 + 0.5 * push[:, None] + rng.normal(0, 0.4, nights)[night][:, None]
    size = size + rng.normal(0, 0.5, kind.shape) + effect * ((form == 2) & (kind == 1))
    mag = np.full((dense.size, 2, 3), 10_000.0)
    mag[at, :, 0] -= np.exp(size)
    frames = 20 * np.eye(6, dtype=np.uint8)[form]
    shape, fraction = kind.shape, ((time - time.astype("M8[D]")) / np.timedelta64(1, "h"))
    data = xr.Dataset(
        {
            "frames": (("time", "site", "label"), frames),
            "sun_elevation": (("time", "site"), np.full(shape, -30.0)),
            "moon_elevation": (("time", "site"), np.full(shape, -10.0)),
            "moon_illumination": ("time", np.zeros(time.size)),
            "mlt": (("time", "site"), np.repeat(fraction.astype(float)[:, None], 2, axis=1)),
            "mlat": (("time", "site"), np.full(shape, 66.0)),
            "Bz": ("driver_time", -3 * np.exp(0.3 * z)),
            "By": ("driver_time", np.zeros(dense.size)),
            "flow_speed": ("driver_time", np.full(dense.size, 450.0)),
            "mag": (("mag_time", "site", "component"), mag),
            "mag_baseline": (
                ("baseline", "mag_time", "site", "component"),
                np.full((3, *mag.shape), 10_000.0),
            ),
        },
        coords={
            "time": time.astype("M8[ns]"), "site": ["gill", "rank"], "label": list(CLASSES),
            "driver_time": ("driver_time", dense.astype("M8[ns]"), {"cadence_minutes": 1}),
            "mag_time": dense.astype("M8[ns]"), "component": ["H", "D", "Z"],
            "baseline": ["running", "day", "median"],
        },
        attrs={"simulated": "true"},
    )  # fmt: skip
    row, site = np.nonzero(np.ones(shape, dtype=bool))
    looked = row % 3 == 0
    table = pd.DataFrame(
        {
            "time": time[row] + np.timedelta64(21, "s"),
            "site": np.array(["gill", "rank"])[site],
            "kind": kind[row, site],
        }
    )[looked]
    return data, table.reset_index(drop=True)


def first_of(result):
    return result.drop_duplicates("label").set_index("label")


def test_a_difference_within_one_class_is_found_there_and_not_in_others():
    data, frames = make_world(effect=0.8)
    result = finer_effects(data, frames, gate=OPEN, **USUAL)
    assert tuple(result.columns) == COLUMNS
    assert result["simulated"].all()
    each = first_of(result)
    assert each.loc["discrete", "p_adjusted"] < 0.05
    assert each.loc[["arc", "diffuse"], "p_adjusted"].min() > 0.05
    rows = result.set_index(["label", "kind"])
    assert rows.loc[("discrete", 1), "rr_low"] > 1.2
    assert rows.loc[("discrete", 0), "rr_high"] < 1
    for label in ("arc", "diffuse"):
        assert rows.loc[(label, 1), "rr_low"] < 1 < rows.loc[(label, 1), "rr_high"]
    assert each.loc["arc", "p_adjusted"] >= each.loc["arc", "p_value"]


def test_kinds_that_the_driver_makes_differ_crudely_and_not_when_matched():
    data, frames = make_world(by_driver=True, seed=1)
    result = finer_effects(data, frames, gate=OPEN, **USUAL)
    one = result[result["kind"] == 1]
    assert (one["crude_risk_ratio"] > 1.5).all()
    assert (one["rr_low"] < 1).all()
    assert (one["rr_high"] > 1).all()
    assert first_of(result)["p_value"].min() > 0.05
    # without matching on it, the driver passes for a difference of the kinds
    blind = finer_effects(data, frames, gate=OPEN, **{**USUAL, "match_by": ("site", "mlt")})
    assert first_of(blind)["p_value"].max() < 0.05


def test_ratios_equal_pandas():
    data, frames = make_world(nights=12, seed=2)
    result = finer_effects(data, frames, gate=OPEN, **USUAL)
    covariates = [find_covariate(name) for name in USUAL["match_by"]]
    sample, x = effect_sample(
        data, covariates, find_measure("dB"), baseline="running", forward=0,
        options={"max_sun_elevation": -12.0, "moon": "down"}, quantiles=20, wanted=[0, 1, 2],
    )  # fmt: skip
    table = pd.DataFrame(
        {
            "time": data["time"].to_numpy()[sample.minutes.time],
            "site": data["site"].to_numpy()[sample.minutes.site],
            "form": np.array(CLASSES)[sample.form], "stratum": sample.stratum, "hit": x >= 100,
        }
    )  # fmt: skip
    looked = frames.assign(time=frames["time"].dt.floor("min").astype("M8[ns]"))
    table = table.merge(looked, how="left", on=["time", "site"])
    for row in result.itertuples():
        mine = table[(table["form"] == row.label) & (table["stratum"] >= 0)]
        top = control = number = 0.0
        for _, part in mine.groupby("stratum"):
            inside, outside = part[part["kind"] == row.kind], part[part["kind"] != row.kind]
            if len(inside) and len(outside):
                number += len(inside)
                top += inside["hit"].sum()
                control += len(inside) * outside["hit"].mean()
        assert row.minutes == number
        assert row.exceedance == pytest.approx(top / number)
        assert row.control_exceedance == pytest.approx(control / number)
        assert row.risk_ratio == pytest.approx(top / control)


@pytest.mark.parametrize(("whole", "naive"), [(False, 0.12), (True, 0.25)])
def test_no_difference_is_found_as_often_as_said_where_nights_differ(whole, naive):
    rejected = {"turned nights": 0, "independent minutes": 0}
    for seed in range(200):
        rng = np.random.default_rng(seed)
        night = np.repeat(np.arange(50), 12)
        chance = rng.beta(1.0, 4.0, 50)[night]
        liking = rng.dirichlet([0.5] * 3, 50)
        kind = (liking.cumsum(1)[night] < rng.random((600, 1))).sum(1).clip(0, 2)
        if whole:
            kind = rng.integers(0, 3, 50)[night]
        hit = rng.random(600) < chance
        day = np.datetime64("2013-12-01") + night
        p = difference_p_value(hit, np.full(600, 0.2), kind, day, turns=199, seed=seed)
        rejected["turned nights"] += p <= 0.05
        counts = np.array([np.bincount(kind[hit == h], minlength=3) for h in (True, False)])
        counts = counts[:, counts.sum(0) > 0]
        rejected["independent minutes"] += stats.chi2_contingency(counts).pvalue <= 0.05
    assert rejected["turned nights"] / 200 < 0.08
    assert rejected["independent minutes"] / 200 > naive


def test_the_p_value_by_all_turns_of_few_nights():
    rng = np.random.default_rng(0)
    night = np.repeat(np.arange(8), 30)
    kind, expected = rng.integers(0, 3, 240), rng.uniform(0.1, 0.5, 240)
    hit = rng.random(240) < expected * (1 + 0.5 * (kind == 2))
    found = difference_p_value(
        hit, expected, kind, np.datetime64("2013-12-01") + night, turns=40_000
    )
    m = hit.sum() / expected.sum()
    u = np.zeros((8, 3))
    for g in range(8):
        for j in range(3):
            share = expected[kind == j].sum() / expected.sum()
            mine = night == g
            u[g, j] = (hit - m * expected)[mine & (kind == j)].sum()
            u[g, j] -= share * (hit - m * expected)[mine].sum()
    inverse = np.linalg.pinv(u.T @ u)
    signs = np.array(np.meshgrid(*[[-1, 1]] * 8)).reshape(8, -1).T
    total = signs @ u
    every = np.einsum("tj,jk,tk->t", total, inverse, total)
    observed = u.sum(0) @ inverse @ u.sum(0)
    assert found == pytest.approx((every >= observed - 1e-9).mean(), abs=0.01)
    # the order of the kinds does not matter
    other = difference_p_value(hit, expected, np.array([5, 0, 9])[kind],
                               np.datetime64("2013-12-01") + night, turns=40_000)  # fmt: skip
    assert other == pytest.approx(found, abs=0.01)


def test_memory_of_nine_nights_counts():
    # kinds and disturbances both last nine nights: nights are no independent witnesses
    small = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        night = np.repeat(np.arange(108), 5)
        first = np.datetime64("1970-01-01") + 9 * 1800
        kind = rng.integers(0, 2, 12)[night // 9]
        hit = rng.random(540) < rng.beta(1.0, 3.0, 12)[night // 9]
        p = difference_p_value(hit, np.full(540, 0.25), kind, first + night, turns=199, seed=seed)
        small += p <= 0.05
    assert small <= 10


def test_a_minute_has_the_commonest_kind_of_its_frames():
    data, _ = make_world(nights=3)
    minute = data["time"].to_numpy()[7]
    rows = [("gill", 2), ("gill", 0), ("gill", 2), ("rank", 4), ("rank", 3), ("none", 5)]
    frames = pd.DataFrame(rows, columns=["site", "kind"])
    frames["time"] = minute + np.arange(6) * np.timedelta64(3, "s")
    frames.loc[6] = ["gill", 1, minute + np.timedelta64(300, "D")]
    sample, _ = effect_sample(
        data, [find_covariate("site")], find_measure("dB"), baseline="running", forward=0,
        options={"max_sun_elevation": -12.0, "moon": "down"}, quantiles=20, wanted=[0, 1, 2],
    )  # fmt: skip
    kind = kinds_of_minutes(data, frames, sample)
    here = sample.minutes.time == 7
    assert kind[here & (sample.minutes.site == 0)].tolist() == [2]
    assert kind[here & (sample.minutes.site == 1)].tolist() == [3]  # of equals the lowest
    assert (kind != -1).sum() == 2


def test_kinds_below_the_gate_keep_their_numbers_and_are_not_compared():
    data, frames = make_world(seed=3)
    night = frames["time"].dt.floor("D")
    frames.loc[night == night.iloc[0], "kind"] = 2  # a kind of one night
    result = finer_effects(data, frames, gate=OPEN, **USUAL)
    rare = result[result["kind"] == 2]
    assert rare["masked"].all()
    assert rare["reason"].str.contains("nights<4").all()
    assert np.isfinite(rare["exceedance"]).all()
    assert (result["kinds_compared"] == 2).all()
    strict = finer_effects(data, frames, **USUAL)  # two sites are fewer than three
    assert strict["masked"].all()
    assert strict["p_value"].isna().all()
    assert strict["p_adjusted"].isna().all()


def test_what_made_it_is_told():
    data, frames = make_world(nights=6)
    result = finer_effects(data, frames, labels=["arc"], gate=OPEN, **USUAL)
    assert set(result["label"]) == {"arc"}
    assert result.attrs["simulated"] == "true"
    assert '"threshold": 100.0' in result.attrs["parameters"]
    assert "site, mlt, newell" in result.attrs["statement"]
    again = finer_effects(data, frames, labels=["arc"], gate=OPEN, **USUAL)
    pd.testing.assert_frame_equal(result, again)


def test_what_cannot_be_is_named():
    data, frames = make_world(nights=3)
    with pytest.raises(DataError, match="frames: no column kind"):
        finer_effects(data, frames.drop(columns="kind"), **USUAL)
    with pytest.raises(DataError, match="kind is float64"):
        finer_effects(data, frames.assign(kind=0.5), **USUAL)
    with pytest.raises(DataError, match="no frame is of a minute"):
        finer_effects(data, frames.assign(site="atha"), **USUAL)
    with pytest.raises(UsageError, match="labels cloudy"):
        finer_effects(data, frames, labels=["cloudy"], **USUAL)
    with pytest.raises(UsageError, match="turns 5"):
        finer_effects(data, frames, **{**USUAL, "turns": 5})
