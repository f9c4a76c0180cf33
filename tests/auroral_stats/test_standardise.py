"""Standardised rates and their limits, one cluster left out at a time."""

import numpy as np
import pytest

from auroral_stats.errors import UsageError
from auroral_stats.standardise import standardised_rates, stratum_of


def sample(nights, size, seed):
    """Return cells at random; in each stratum some nights are all there is."""
    rng = np.random.default_rng(seed)
    number = np.sort(rng.integers(0, nights, size))
    night = np.datetime64("2012-11-20") + number
    row = rng.choice(4, size, p=[0.3, 0.3, 0.2, 0.2])
    # Some nights have no driver value at all, and some cells nothing usable.
    row[number % 7 == 5] = 3
    stratum = rng.choice(5, size, p=[0.4, 0.3, 0.2, 0.08, 0.02])
    exposure = np.where(rng.random(size) < 0.1, 0, rng.integers(1, 50, size)).astype(float)
    chance = rng.beta(2, 4, nights)[number] * (0.4 + 0.15 * stratum)
    return night, row, stratum, np.floor(exposure * np.clip(chance, 0, 1)), exposure


@pytest.mark.parametrize(("nights", "size"), [(30, 400), (700, 2000)])
def test_rates_and_limits_equal_a_loop(slow_limits, nights, size):
    night, row, stratum, events, exposure = sample(nights, size, nights)
    in_range = np.array([True, True, True, False])
    rate, low, high, weight = standardised_rates(
        events[:, None],
        exposure,
        night=night,
        row=row,
        stratum=stratum,
        rows=4,
        in_range=in_range,
    )
    # The weights are of the frames with a driver value: those of the last row do not count.
    known = row < 3
    share = [exposure[known & (stratum == s)].sum() / exposure[known].sum() for s in range(5)]
    for r in range(4):

        def standardised(keep, r=r):
            top = bottom = 0.0
            for s in range(5):
                at = keep & (row == r) & (stratum == s)
                if exposure[at].sum():
                    top += share[s] * events[at].sum() / exposure[at].sum()
                    bottom += share[s]
            return top / bottom

        own = row == r
        assert rate[r, 0] == pytest.approx(standardised(own), rel=1e-12)
        limits = slow_limits(night, [(events * own, exposure * own)], standardised)
        np.testing.assert_allclose([low[r, 0], high[r, 0]], limits, rtol=1e-9)
        seen = [s for s in range(5) if exposure[own & (stratum == s)].sum()]
        assert weight[r] == pytest.approx(sum(share[s] for s in seen))


def test_no_event_has_the_limits_of_the_effective_nights():
    night, row, stratum, events, exposure = sample(40, 300, 1)
    rate, low, high, _ = standardised_rates(
        np.stack([events * 0, exposure], axis=-1),
        exposure,
        night=night,
        row=row,
        stratum=stratum,
        rows=4,
        in_range=np.ones(4, dtype=bool),
    )
    np.testing.assert_allclose(rate, [[0, 1]] * 4, atol=1e-12)
    for r in range(4):
        by_night = [exposure[(row == r) & (night == n)].sum() for n in np.unique(night)]
        number = sum(by_night) ** 2 / sum(n * n for n in by_night)
        assert high[r, 0] == pytest.approx(1 - 0.025 ** (1 / number))
        assert low[r, 1] == pytest.approx(0.025 ** (1 / number))


def test_a_row_without_frames_has_no_rate():
    night, row, stratum, events, exposure = sample(20, 100, 2)
    rate, low, _, weight = standardised_rates(
        events[:, None],
        exposure,
        night=night,
        row=row,
        stratum=stratum,
        rows=6,
        in_range=np.ones(6, dtype=bool),
    )
    assert np.isnan(rate[4:]).all()
    assert np.isnan(low[4:]).all()
    assert weight[4:].tolist() == [0.0, 0.0]
    nothing = standardised_rates(
        events[:0, None],
        exposure[:0],
        night=night[:0],
        row=row[:0],
        stratum=stratum[:0],
        rows=2,
        in_range=np.ones(2, dtype=bool),
    )
    assert np.isnan(nothing[0]).all()


def test_strata_are_numbered(cells_maker):
    cells, _ = cells_maker()
    number = stratum_of(cells.data, ["site", "mlt"])
    pairs = list(
        zip(cells.data["site_index"].to_numpy(), cells.data["mlt_hour"].to_numpy(), strict=True)
    )
    assert len(set(zip(pairs, number, strict=True))) == len(set(pairs)) == number.max() + 1
    with pytest.raises(UsageError, match="--standardise moon: expected one or more of site, mlt"):
        stratum_of(cells.data, ["moon"])
