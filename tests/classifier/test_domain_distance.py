"""Distances between representations against brute force, and against sets with a known gap."""

import numpy as np
import pytest

from auroral_stats.errors import DataError
from classifier.domain_distance import (
    energy_distance,
    energy_ratio,
    nearest_distance,
    nearest_ratio,
    spaced_evenly,
)

RNG = np.random.default_rng(0)
NIGHT = np.repeat(np.arange(30), 8)


def nights(seed: int = 0, shift: float = 0.0, features: int = 5) -> np.ndarray:
    """Representations of 30 station-nights of 8 near copies, (240, feature)."""
    rng = np.random.default_rng(seed)
    centre = 5 + rng.normal(size=(30, features))
    centre[:, 0] += shift
    return centre[NIGHT] + 0.1 * rng.normal(size=(240, features))


def test_nearest_distance_is_that_of_scipy():
    from scipy.spatial.distance import cdist

    h, r = RNG.normal(size=(20, 7)), RNG.normal(size=(50, 7))
    np.testing.assert_allclose(nearest_distance(h, r), cdist(h, r, "cosine").min(1), atol=1e-12)
    assert nearest_distance(3 * r, r).max() < 1e-12  # length does not count


def test_energy_distance_in_one_dimension_is_twice_that_of_the_distribution_functions():
    # Szekely and Rizzo 2013: 2 * integral of (F - G)^2
    a, b = RNG.normal(size=40), RNG.normal(1.0, 2.0, size=70)
    x = np.sort(np.concatenate([a, b]))
    f, g = (np.searchsorted(np.sort(s), x[:-1], side="right") / s.size for s in (a, b))
    expected = 2 * ((f - g) ** 2 * np.diff(x)).sum()
    assert energy_distance(a[:, None], b[:, None]) == pytest.approx(expected, rel=1e-10)
    assert energy_distance(a[:, None], a[:, None]) == pytest.approx(0, abs=1e-12)


def test_scenes_of_the_same_kind_are_as_far_as_nights_are_and_others_are_not():
    train, test, other = nights(0), nights(1), nights(2)
    near = [nearest_ratio(other[n == NIGHT], test, NIGHT, train) for n in range(30)]
    inside = np.mean([ratio.low <= ratio.value <= ratio.high for ratio in near])
    assert inside > 0.7  # 90 % in the mean
    far = nearest_ratio(nights(2, shift=8.0), test, NIGHT, train)
    assert far.value > 2 * far.high
    assert far.low < 1 < far.high


def test_the_energy_of_scenes_is_compared_with_as_many_nights():
    test = nights(1)
    some = np.isin(NIGHT, (0, 7, 19))
    same = energy_ratio(nights(2)[some], NIGHT[some], test, NIGHT)
    assert same.low * 0.5 < same.value < same.high * 1.5
    far = energy_ratio(nights(2, shift=8.0)[some], NIGHT[some], test, NIGHT)
    assert far.value > far.high
    longer = energy_ratio(nights(2, shift=8.0)[some], NIGHT[some], 7 * test, NIGHT)
    assert far == pytest.approx(longer)
    assert far != energy_ratio(nights(2, shift=8.0)[some], NIGHT[some], test, NIGHT, seed=1)


def test_more_scenes_than_nights_are_compared_with_half_of_the_nights():
    many = energy_ratio(nights(2), NIGHT, nights(1)[:32], NIGHT[:32])
    two = energy_ratio(nights(2)[:16], NIGHT[:16], nights(1)[:32], NIGHT[:32])
    assert many[1:] == two[1:]


def test_members_are_evenly_spaced():
    group = np.repeat(["b", "a"], [10, 3])
    assert spaced_evenly(group, 4).tolist() == [10, 11, 12, 0, 3, 6, 9]
    assert spaced_evenly(np.array([], dtype=int), 3).size == 0


def test_what_has_no_distance():
    with pytest.raises(DataError, match="no direction"):
        nearest_distance([[0.0, 0.0]], [[1.0, 0.0]])
    with pytest.raises(DataError, match="NaN"):
        energy_distance([[np.nan]], [[1.0]])
    with pytest.raises(DataError, match="one row a picture"):
        energy_distance([[1.0, 2.0]], [[1.0]])
    with pytest.raises(DataError, match="hold out others"):
        nearest_ratio(nights(1), nights(0), NIGHT, nights(0))
    with pytest.raises(DataError, match="two or more"):
        energy_ratio(nights(0), NIGHT, nights(1), np.zeros(240, dtype=int))
