"""What a matched ratio rests on is what its poorer arm has."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from auroral_stats.covariates import SiteMinutes
from auroral_stats.effect_estimates import of_label
from auroral_stats.effect_sample import EffectSample
from auroral_stats.labels import CLASSES
from auroral_stats.matching import arm_table, match, matched_rates, risk_ratio

ARC, CLEAR = CLASSES.index("arc"), CLASSES.index("clear")


def sample_of(night: np.ndarray, form: np.ndarray) -> EffectSample:
    """All minutes in one stratum."""
    nothing = np.zeros(night.size, dtype=np.int64)
    return EffectSample(
        SiteMinutes(nothing, nothing, night.astype("M8[m]")),
        form.astype(np.int8),
        np.ones(night.size, dtype=bool),
        night,
        (),
        (),
        nothing,
    )


def kish(numbers: list[int]) -> float:
    return sum(numbers) ** 2 / sum(n * n for n in numbers)


@pytest.mark.parametrize("poorer", ["class", "control"])
def test_support_is_that_of_the_poorer_arm(poorer):
    """One arm has 24 nights in three winters, the other 10 in one, with events in four of them."""
    rich = [
        np.datetime64(f"{2010 + w}-12-01") + np.timedelta64(10 * k, "D")
        for w in range(3)
        for k in range(8)
    ]
    poor = [np.datetime64("2010-12-01") + np.timedelta64(3 * k, "D") for k in range(10)]
    night = np.repeat(np.array([*rich, *poor], dtype="M8[D]"), 20)
    is_poor = np.repeat([False] * len(rich) + [True] * len(poor), 20)
    form = np.where(is_poor == (poorer == "class"), ARC, CLEAR)
    x = np.zeros(night.size)
    minute = np.arange(night.size) % 20
    x[~is_poor & (minute < 6)] = 2.0
    events = {0: 12, 1: 2, 4: 1, 9: 1}
    for number, some in events.items():
        x[is_poor & (night == poor[number]) & (minute < some)] = 2.0
    made = of_label(sample_of(night, form), x, "arc", "clear", (1.0,), np.linspace(0, 3, 5), False)
    assert made["nights"].item() == 10
    assert made["winters"].item() == 1
    assert made["effective_nights"].item() == pytest.approx(10)
    assert made["event_nights"].item() == 4
    assert made["effective_event_nights"].item() == pytest.approx(kish(list(events.values())))
    # Nights 0, 3, 12 and 27 days after the first: blocks are counted from 1970.
    days = [int(poor[n].astype("M8[D]").astype(int)) // 9 for n in events]
    assert made["event_blocks"].item() == len(set(days))


def test_the_ratio_has_the_degrees_of_freedom_of_the_poorer_arm():
    """Nights nine days apart: blocks are nights, and one formula gives the limits."""
    rng = np.random.default_rng(3)
    nights = np.datetime64("1970-01-01") + 9 * np.arange(30)
    exposure = np.stack([np.full(30, 40), rng.integers(5, 60, 30)], axis=1)
    events = rng.binomial(exposure, [0.2, 0.4])
    events[6:, 0] = 0  # the control exceeds in six nights alone
    night, treated, over = [], [], []
    for k in range(30):
        for arm in range(2):
            n, e = exposure[k, arm], events[k, arm]
            night += [nights[k]] * n
            treated += [bool(arm)] * n
            over += [1.0] * e + [0.0] * (n - e)
    table = arm_table(
        np.array(night),
        np.zeros(len(night), dtype=np.int64),
        np.array(treated),
        np.array(over)[:, None],
    )
    matched = match(table)
    ratio, low, high = (float(v[0, 0]) for v in risk_ratio(matched))
    rate = events.sum(axis=0) / exposure.sum(axis=0)
    assert ratio == pytest.approx(rate[1] / rate[0])
    left = (events.sum(axis=0) - events) / (exposure.sum(axis=0) - exposure)
    error = np.sqrt(29 / 30 * ((left[:, 1] / left[:, 0] - ratio) ** 2).sum())
    # In the matched sample the control weighs as many minutes as the class.
    df = min(
        min(kish(exposure[:, arm].tolist()), (events[:, arm] > 0).sum()) - 1 for arm in range(2)
    )
    assert df == 5
    width = stats.t.ppf(0.975, df) * error / ratio
    assert (low, high) == pytest.approx((ratio * np.exp(-width), ratio * np.exp(width)))


def two_arms(counts: dict[int, tuple[int, int, int, int]]) -> tuple[np.ndarray, ...]:
    """Return minutes from day -> (class, class over, control, control over)."""
    night, treated, over = [], [], []
    for day, (n1, e1, n0, e0) in counts.items():
        for number, some, arm in ((n1, e1, True), (n0, e0, False)):
            night += [np.datetime64("1970-01-01") + day] * number
            treated += [arm] * number
            over += [1.0] * some + [0.0] * (number - some)
    return np.array(night, "M8[D]"), np.array(treated), np.array(over)[:, None]


def test_events_of_one_block_of_nights_have_no_interval():
    """Without that block the control never exceeds: the error of nights must not stand in."""
    counts = {day: (20, 8, 20, 4 if day < 9 else 0) for day in range(60)}
    night, treated, over = two_arms(counts)
    alone = match(arm_table(night, np.zeros(night.size, dtype=np.int64), treated, over))
    ratio, low, high = risk_ratio(alone)
    assert ratio[0, 0] > 1
    assert np.isnan([low[0, 0], high[0, 0]]).all()
    # The rates themselves have limits: they are zero without it, not undefined.
    assert np.isfinite(matched_rates(alone, 0)[2]).all()
    counts |= dict.fromkeys((20, 31, 45), (20, 8, 20, 4))
    night, treated, over = two_arms(counts)
    several = match(arm_table(night, np.zeros(night.size, dtype=np.int64), treated, over))
    assert np.isfinite(risk_ratio(several)[1]).all()


def test_climatological_limits_count_the_winters_of_each_arm():
    """The class has six winters and the control two: no limits for it or for the ratio."""
    counts = {
        365 * winter + 10 * k: (20, 8, 20 if winter < 2 else 0, 4 if winter < 2 else 0)
        for winter in range(6)
        for k in range(5)
    }
    night, treated, over = two_arms(counts)
    one = match(
        arm_table(night, np.zeros(night.size, dtype=np.int64), treated, over), climatological=True
    )
    assert np.isfinite(matched_rates(one, 1)[1]).all()
    assert np.isnan(matched_rates(one, 0)[1]).all()
    assert np.isnan(risk_ratio(one)[1]).all()
    # Three winters without an event: Clopper-Pearson limits would promise what nobody can.
    night, treated, over = two_arms({day: v for day, v in counts.items() if day < 900})
    few = match(
        arm_table(night, np.zeros(night.size, dtype=np.int64), treated, 0 * over),
        climatological=True,
    )
    assert np.isnan(matched_rates(few, 1)[2]).all()
