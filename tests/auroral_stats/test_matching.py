"""Matched risk ratios against pandas and against leaving each night out by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from auroral_stats.distributions import (
    cliffs_delta,
    cliffs_delta_scores,
    linear_interval,
    median_difference,
    weighted_quantile,
)
from auroral_stats.errors import DataError
from auroral_stats.matching import arm_table, effective_nights, match, matched_rates, risk_ratio
from auroral_stats.strata import (
    control_weights,
    quantile_codes,
    require_strata,
    standardised_difference,
    stratum_numbers,
)
from auroral_stats.uncertainty import Replicates


def sample(nights=40, per_night=60, strata=8, seed=0, effect=0.5):
    """Return rows whose class and value both depend on the stratum and on the night."""
    rng = np.random.default_rng(seed)
    night = np.repeat(np.arange(nights), per_night)
    level = rng.integers(0, strata, night.size)
    mood = rng.normal(0, 0.4, nights)[night]
    treated = rng.random(night.size) < 0.15 + 0.6 * level / strata
    value = np.exp(0.2 * level + mood + effect * treated + rng.normal(0, 0.5, night.size))
    day = np.datetime64("2013-12-01") + night
    return day, level.astype(np.int64), treated, value


def slow_ratio(frame, threshold):
    """Return RR, p1 and p0 by the formula, stratum by stratum."""
    top = bottom = total = 0.0
    for _, part in frame.groupby("stratum"):
        one, zero = part[part["treated"]], part[~part["treated"]]
        if one.empty or zero.empty:
            continue
        top += (one["value"] >= threshold).sum()
        bottom += len(one) * (zero["value"] >= threshold).mean()
        total += len(one)
    return (
        top / bottom if bottom else np.nan,
        top / total if total else np.nan,
        bottom / total if total else np.nan,
    )


def as_frame(day, stratum, treated, value):
    return pd.DataFrame({"night": day, "stratum": stratum, "treated": treated, "value": value})


def matched_of(day, stratum, treated, value, threshold, **options):
    table = arm_table(day, stratum, treated, value[:, None] >= np.atleast_1d(threshold))
    return match(table, **options)


def test_ratio_and_every_replicate_equal_the_formula():
    rows = sample(nights=12, per_night=25, strata=20)
    frame = as_frame(*rows)
    made = matched_of(*rows, 2.0)
    np.testing.assert_allclose(risk_ratio(made)[0][0, 0], slow_ratio(frame, 2.0)[0])
    control, of_class = made.levels[0]
    lost = 0
    for number, night in enumerate(np.unique(rows[0])):
        left = frame[frame["night"] != night]
        expected = slow_ratio(left, 2.0)
        np.testing.assert_allclose(of_class.without[number, 0, 0], expected[1], rtol=1e-12)
        np.testing.assert_allclose(control.without[number, 0, 0], expected[2], rtol=1e-12)
        lost += left["stratum"].nunique() < frame["stratum"].nunique()
    assert lost < 12


def test_blocks_leave_out_nine_nights_at_once():
    rows = sample(nights=40)
    frame = as_frame(*rows)
    made = matched_of(*rows, 2.0)
    block = frame["night"].to_numpy().astype("M8[D]").astype(int) // 9
    assert len(made.levels) == 2
    for number, name in enumerate(np.unique(block)):
        expected = slow_ratio(frame[block != name], 2.0)
        np.testing.assert_allclose(made.levels[1][1].without[number, 0, 0], expected[1])


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_a_stratum_with_one_arm_changes_nothing(seed):
    rows = sample(nights=6, per_night=30, strata=6, seed=seed)
    rng = np.random.default_rng(seed)
    extra = 20
    more = (
        np.concatenate([rows[0], rng.choice(rows[0], extra)]),
        np.concatenate([rows[1], np.full(extra, 99)]),
        np.concatenate([rows[2], np.full(extra, bool(seed % 2))]),
        np.concatenate([rows[3], np.full(extra, 50.0)]),
    )
    one, other = (matched_of(*r, 1.5) for r in (rows, more))
    np.testing.assert_allclose(risk_ratio(one), risk_ratio(other), rtol=1e-9)
    assert other.all_minutes.sum() == one.all_minutes.sum() + extra
    np.testing.assert_array_equal(one.minutes, other.minutes)


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_within_one_stratum_matched_is_crude(seed):
    day, _, treated, value = sample(nights=8, seed=seed)
    made = matched_of(day, np.zeros(day.size, dtype=np.int64), treated, value, 2.0)
    crude = (value[treated] >= 2).mean() / (value[~treated] >= 2).mean()
    np.testing.assert_allclose(risk_ratio(made)[0][0, 0], crude)
    np.testing.assert_allclose(made.exposure[:, 0].sum(), made.exposure[:, 1].sum())


def test_a_duplicated_station_does_not_narrow_the_interval():
    rows = sample(nights=40)
    twice = [np.concatenate([column, column]) for column in rows]
    np.testing.assert_allclose(
        risk_ratio(matched_of(*rows, 2.0)), risk_ratio(matched_of(*twice, 2.0)), rtol=1e-9
    )


def test_groups_are_matched_apart():
    tables = [arm_table(*r[:3], r[3][:, None] >= 2.0) for r in (sample(seed=1), sample(seed=2))]
    both = type(tables[0])(
        night=np.concatenate([t.night for t in tables]),
        group=np.repeat([0, 1], [t.night.size for t in tables]),
        stratum=np.concatenate([t.stratum for t in tables]),
        minutes=np.concatenate([t.minutes for t in tables]),
        sums=np.concatenate([t.sums for t in tables]),
        groups=2,
    )
    together = np.array(risk_ratio(match(both)))
    for group, table in enumerate(tables):
        np.testing.assert_allclose(together[:, group], np.array(risk_ratio(match(table)))[:, 0])


def test_matching_takes_out_what_the_stratum_explains():
    held = crude_held = 0
    for seed in range(40):
        day, stratum, treated, value = sample(nights=60, effect=0.0, seed=seed)
        crude = risk_ratio(matched_of(day, stratum * 0, treated, value, 2.0))
        matched = risk_ratio(matched_of(day, stratum, treated, value, 2.0))
        held += matched[1][0, 0] < 1 < matched[2][0, 0]
        crude_held += crude[1][0, 0] < 1 < crude[2][0, 0]
    assert held >= 34
    assert crude_held <= 2


def test_no_events_and_few_nights_have_no_ratio_interval():
    day, stratum, treated, value = sample(nights=30)
    ratio, low, high = risk_ratio(matched_of(day, stratum, treated, value, [1e9, 1.0]))
    assert np.isnan([ratio[0, 0], low[0, 0], high[0, 0]]).all()
    assert low[0, 1] < ratio[0, 1] < high[0, 1]
    # No event in the class alone: the ratio is 0, and the jackknife cannot say how sure that is.
    none = np.where(treated, 0.0, value)
    ratio, low, high = risk_ratio(matched_of(day, stratum, treated, none, 1.0))
    assert ratio[0, 0] == 0
    assert np.isnan([low[0, 0], high[0, 0]]).all()
    rate, low, high = matched_rates(matched_of(day, stratum, treated, none, 1.0), 1)
    assert (rate[0, 0], low[0, 0]) == (0, 0)
    assert 0.05 < high[0, 0] < 0.3
    two = day < day.min() + 2
    _, low, _ = risk_ratio(matched_of(day[two], stratum[two], treated[two], value[two], 1.0))
    assert np.isnan(low).all()


def test_climatological_needs_four_winters():
    day, stratum, treated, value = sample(nights=60)
    spread = day + (np.arange(day.size) % 5) * np.timedelta64(365, "D")
    _, low, high = risk_ratio(matched_of(spread, stratum, treated, value, 1.5, climatological=True))
    assert low[0, 0] < high[0, 0]
    three = day + (np.arange(day.size) % 3) * np.timedelta64(365, "D")
    _, low, _ = risk_ratio(matched_of(three, stratum, treated, value, 1.5, climatological=True))
    assert np.isnan(low).all()


def test_cliffs_delta_equals_all_pairs():
    _, stratum, treated, value = sample(nights=4, per_night=20)
    value = np.round(value, 1)  # with ties
    weight = control_weights(stratum, treated)
    top = bottom = 0.0
    for x, w in zip(value[treated], weight[treated], strict=True):
        for y, v in zip(value[~treated], weight[~treated], strict=True):
            top += w * v * np.sign(x - y)
            bottom += w * v
    scores = cliffs_delta_scores(value, treated, weight)
    day = np.repeat(np.datetime64("2014-01-01") + np.arange(4), 20)
    made = match(arm_table(day, stratum, treated, np.nan_to_num(scores)[:, None]))
    delta, low, high = cliffs_delta(made, 0)
    np.testing.assert_allclose(delta, top / bottom)
    assert low < delta < high


def shift_of(day, stratum, treated, value):
    weight = control_weights(stratum, treated)
    medians = tuple(
        float(weighted_quantile(value[arm], weight[arm], 0.5)) for arm in (~treated, treated)
    )
    scores = np.nan_to_num(cliffs_delta_scores(value, treated, weight))
    columns = np.column_stack([value <= medians[0], value <= medians[1], scores])
    made = match(arm_table(day, stratum, treated, columns))
    return median_difference(made, value, treated, weight, medians, 0), cliffs_delta(made, 2)


def test_median_difference_and_delta_vary_as_their_intervals_say():
    """200 worlds: standard errors behind the intervals against the spread of the estimates."""
    found = np.array([shift_of(*sample(nights=60, per_night=20, seed=s)) for s in range(200)])
    truth = np.mean([shift_of(*sample(nights=600, seed=900 + s)) for s in range(3)], axis=0)[:, 0]
    for kind in range(2):
        value, low, high = found[:, kind].T
        held = np.mean((low <= truth[kind]) & (truth[kind] <= high))
        assert 0.91 <= held <= 0.995
        assert 0.8 < np.median(high - low) / (2 * 2.1 * value.std()) < 1.4


def test_linear_interval_is_the_plain_one():
    rng = np.random.default_rng(0)
    x = rng.normal(-3, 1, 30)
    without = (x.sum() - x) / 29
    level = Replicates(np.array(x.mean()), without, np.ones(30, bool), np.array(29.0))
    low, high = linear_interval([level])
    half = stats.t.ppf(0.975, 29) * x.std(ddof=1) / np.sqrt(30)
    np.testing.assert_allclose([low, high], [x.mean() - half, x.mean() + half], rtol=1e-9)


@given(st.lists(st.floats(-5, 5).map(lambda v: round(v, 2)), min_size=1, max_size=60))
def test_quantile_codes_keep_the_order_and_part_no_equals(values):
    array = np.array([*values, np.nan])
    codes = quantile_codes(array, 20)
    assert codes[-1] == -1
    order = np.argsort(array[:-1], kind="stable")
    assert (np.diff(codes[:-1][order]) >= 0).all()
    for value in set(values):
        assert len(set(codes[:-1][array[:-1] == value])) == 1


def test_quantiles_share_out_the_minutes():
    codes = quantile_codes(np.random.default_rng(0).normal(size=20_000), 20)
    np.testing.assert_allclose(np.bincount(codes), 1000, atol=2)


def test_strata_number_combinations_and_do_not_overflow():
    rng = np.random.default_rng(0)
    columns = [rng.integers(0, 10**9, 50) for _ in range(9)]
    assert np.unique(stratum_numbers(columns)).size == 50
    a, b = rng.integers(-1, 3, 400), rng.integers(0, 4, 400)
    found = stratum_numbers([a, b])
    assert ((found == -1) == (a == -1)).all()
    pairs = pd.Series(list(zip(a, b, strict=True)))[a >= 0]
    assert (pairs.groupby(found[a >= 0]).nunique() == 1).all()
    assert np.unique(found[a >= 0]).size == pairs.nunique()


def test_weights_give_the_control_the_mix_of_the_class():
    _, stratum, treated, _ = sample()
    weight = control_weights(stratum, treated)
    for level in np.unique(stratum):
        here = stratum == level
        np.testing.assert_allclose(weight[here & ~treated].sum(), (here & treated).sum())
    categories = standardised_difference(stratum, treated, np.ones(stratum.size), "category")
    by_level = []
    for level in np.unique(stratum):
        one, zero = (stratum[arm] == level for arm in (treated, ~treated))
        by_level.append((one.mean() - zero.mean()) / np.sqrt((one.var() + zero.var()) / 2))
    np.testing.assert_allclose(categories, max(by_level, key=abs))
    assert abs(categories) > 0.3
    assert standardised_difference(stratum, treated, weight, "category") == 0
    numbers = standardised_difference(stratum, treated, np.ones(stratum.size), "continuous")
    one, zero = stratum[treated], stratum[~treated]
    expected = (one.mean() - zero.mean()) / np.sqrt((one.var() + zero.var()) / 2)
    np.testing.assert_allclose(numbers, expected)


def test_circular_difference_knows_that_midnight_has_two_sides():
    rng = np.random.default_rng(0)
    treated = np.arange(400) % 2 == 0
    unwrapped = np.where(treated, -0.2, 0.2) + rng.uniform(-0.5, 0.5, 400)
    expected, around, plain = (
        standardised_difference(values, treated, np.ones(400), kind)
        for values, kind in (
            (unwrapped, "continuous"),
            (unwrapped % 24, "circular"),
            (unwrapped % 24, "continuous"),
        )
    )
    np.testing.assert_allclose(around, expected, rtol=0.02)
    assert plain > 0 > around


def test_nothing_left_is_one_clear_error():
    with pytest.raises(DataError, match=r"matching on site, newell leaves no stratum .* fewer"):
        require_strata(0, ["site", "newell"])
    require_strata(1, ["site"])


def test_effective_nights_are_those_of_the_poorer_arm():
    day, stratum, treated, value = sample(nights=30)
    few = treated & (day >= day.min() + 3)
    made = matched_of(day[~few], stratum[~few], treated[~few], value[~few], 1.0)
    assert effective_nights(made)[0] <= 3
