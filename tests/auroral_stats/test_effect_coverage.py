"""How often matched intervals hold a known risk ratio, in worlds that remember."""

import numpy as np
import pytest

from auroral_stats.errors import UsageError
from auroral_stats.gate import Gate, gate_failures
from auroral_stats.matching import effective_nights, match, risk_ratio
from auroral_stats.simulation.effect_worlds import (
    EFFECT_SCENARIOS,
    arm_tables,
    effect_worlds,
)
from auroral_stats.strata import control_weights

#: A cell is measured by itself if it passes the gate in at least this share of the worlds.
MEASURED = 0.3


def reported(matched):
    """Return what the default gate lets through, (world, threshold)."""
    nights = (matched.exposure > 0).sum(axis=0).min(axis=0)[:, None]
    failures = gate_failures(
        Gate(),
        nights=nights,
        effective_nights=effective_nights(matched)[:, None],
        event_nights=(matched.events > 0).sum(axis=0).min(axis=0),
        winters=np.full(nights.shape, 3),
        hours=matched.minutes[1][:, None] / 60,
    )
    return ~np.any(np.broadcast_arrays(*failures.values()), axis=0)


def coverage(made):
    """Return held and shown of each cell, (form, threshold), and how often crude ratios hold."""
    held, shown, crude = (np.zeros(made.truth.shape[1:]) for _ in range(3))
    for form in range(made.truth.shape[1]):
        matched = match(arm_tables(made, form))
        _, low, high = risk_ratio(matched)
        there = reported(matched)
        # Whatever passes the gate has an interval.
        assert np.isfinite(low[there]).all()
        truth = made.truth[:, form]
        held[form] = ((low <= truth) & (truth <= high) & there).sum(axis=0)
        shown[form] = there.sum(axis=0)
        _, low, high = risk_ratio(match(arm_tables(made, form, matched=False)))
        crude[form] = ((low <= truth) & (truth <= high) & there).sum(axis=0)
    return held, shown, crude


def test_effect_worlds_have_the_truth_they_state():
    """Many nights of few winters: the estimate itself must come to the stated risk ratio."""
    for number, scenario in enumerate(EFFECT_SCENARIOS):
        made = effect_worlds(scenario, worlds=30, nights=150, seed=(7, number))
        for form in range(3):
            ratio = risk_ratio(match(arm_tables(made, form)))[0]
            off = np.log(ratio / made.truth[:, form])
            error = off.std(axis=0) / np.sqrt(len(off))
            assert (np.abs(off.mean(axis=0)) < 4 * error + 0.01).all(), (scenario.name, form)
    assert (made.events <= made.minutes[..., None]).all()
    assert (np.diff(made.events, axis=-1) <= 0).all()


def test_worlds_without_effect_have_crude_ratios():
    made = effect_worlds(EFFECT_SCENARIOS[0], worlds=20, nights=60, seed=1)
    np.testing.assert_allclose(made.truth, 1, atol=0.04)
    assert (made.crude_truth[:, 2] > 1.4).all()


def test_the_table_of_a_world_is_the_world():
    made = effect_worlds(EFFECT_SCENARIOS[1], worlds=3, nights=30, parts=4, seed=2)
    assert made.minutes.shape[2] == 80
    table = arm_tables(made, 2)
    assert table.minutes[:, 1].sum() == made.minutes[..., 2].sum()
    assert table.sums[:, 0].sum() == made.events[..., :2, :].sum()
    matched = match(table)
    for world in range(3):
        minutes = made.minutes[world].sum(axis=0)
        both = (minutes[:, 2] > 0) & (minutes[:, :2].sum(axis=1) > 0)
        assert matched.strata[world] == both.sum()
        assert matched.minutes[1, world] == minutes[both, 2].sum()
    rows = np.repeat(table.stratum[table.group == 0], 2)
    arm = np.tile([False, True], rows.size // 2)
    assert control_weights(rows, arm).any()


def test_more_winters_than_nights_are_refused():
    with pytest.raises(UsageError, match="winters=5: expected 1 to 4"):
        effect_worlds(EFFECT_SCENARIOS[0], nights=4, winters=5)


def test_matched_intervals_cover_in_few_worlds():
    held, shown, crude = coverage(effect_worlds(EFFECT_SCENARIOS[1], worlds=150, seed=3))
    assert 0.92 < held.sum() / shown.sum() < 0.99
    assert crude[2].sum() / shown[2].sum() < held[2].sum() / shown[2].sum() - 0.4


@pytest.mark.slow
def test_silent_error_2_matched_intervals():
    """1,000 worlds of each kind: the matched interval covers, the crude one does not."""
    means, rare = [], np.zeros(2)
    for nights in (45, 90, 150):
        for number, scenario in enumerate(EFFECT_SCENARIOS):
            made = effect_worlds(scenario, worlds=1000, nights=nights, seed=(0, nights, number))
            held, shown, crude = coverage(made)
            measured = shown >= 1000 * MEASURED
            assert (held[measured] / shown[measured]).min() >= 0.92, (scenario.name, nights)
            means.append(np.mean(held[measured] / shown[measured]))
            rare += held[~measured].sum(), shown[~measured].sum()
            assert measured.sum() >= 6
            if number == 0:
                assert crude[2].sum() / shown[2].sum() < 0.5
    assert 0.94 < np.mean(means) < 0.97
    assert rare[1] < 200 or rare[0] / rare[1] >= 0.92


@pytest.mark.slow
@pytest.mark.parametrize("nights", [45, 90])
def test_matched_intervals_cover_with_many_thin_strata(nights):
    """160 strata, many with few minutes: conservative, and never short."""
    for number, scenario in enumerate(EFFECT_SCENARIOS):
        made = effect_worlds(scenario, worlds=150, nights=nights, parts=8, seed=(1, nights, number))
        held, shown, _ = coverage(made)
        measured = shown >= 150 * MEASURED
        assert 0.94 < np.mean(held[measured] / shown[measured]) <= 1
        assert (held[measured] / shown[measured]).min() >= 0.90
