"""Bins: every value has exactly one row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auroral_stats.bins import bins_from_categories, bins_from_edges, parse_bins, quantile_bins
from auroral_stats.drivers import DRIVERS
from auroral_stats.errors import UsageError

finite = st.floats(-1e6, 1e6, allow_nan=False)


@given(st.lists(finite, min_size=2, max_size=8, unique=True).map(sorted), st.lists(finite))
def test_rows_agree_with_a_loop(edges, values):
    bins = bins_from_edges(edges)
    for value, row in zip(values, bins.index(values), strict=True):
        assert bins.lower[row] <= value < bins.upper[row]
    assert len(bins.labels) == len(edges) + 2


@given(st.lists(finite, min_size=1))
def test_circular_bins_have_no_outside(values):
    bins = bins_from_edges([-180, -60, 60, 180], period=360)
    wrapped = np.mod(np.array(values) + 180, 360) - 180
    rows = bins.index(values)
    assert (rows != bins.missing).all()
    inside = (wrapped > -179.99) & (np.abs(np.abs(wrapped) - 60) > 0.01) & (wrapped < 179.99)
    expected = np.searchsorted([-60, 60], wrapped, side="right")
    assert (rows[inside] == expected[inside]).all()


def test_circle_closes():
    bins = bins_from_edges(range(25), period=24)
    assert bins.index([24.0, 0.0, 23.999, -0.5]).tolist() == [0, 0, 23, 23]
    assert bins.index(np.float32([24.0])).tolist() == [0]


def test_missing_has_a_row():
    assert bins_from_edges([0, 1]).index([np.nan]).tolist() == [3]
    assert bins_from_categories(["gill"]).index(np.array(["rank", "gill"])).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("text", "edges"),
    [
        ("-10:10:5", (-10, -5, 0, 5, 10)),
        ("0:1:0.1", tuple(k / 10 for k in range(11))),
        ("-20,-5,0,5,20", (-20, -5, 0, 5, 20)),
    ],
)
def test_parse(text, edges):
    assert parse_bins(text) == pytest.approx(edges, abs=0)


@pytest.mark.parametrize(
    "text",
    ["", "a:b:c", "1:2", "1:2:3:4", "5", "0:10:3", "0:10:-1", "10:0:1", "0:inf:1", "0:1:1e-9"],
)
def test_parse_says_what_was_expected(text):
    with pytest.raises(UsageError, match="--bins="):
        parse_bins(text)


def test_edges_must_increase():
    with pytest.raises(UsageError, match="edges must increase; 5 is followed by 5"):
        bins_from_edges([0, 5, 5, 10])
    with pytest.raises(UsageError, match="finite"):
        bins_from_edges([0, np.inf])
    with pytest.raises(UsageError, match="at least two"):
        bins_from_edges([1])


@given(st.integers(2, 10), st.integers(20, 300), st.integers(0, 99))
def test_quantiles_hold_equal_exposure(count, size, seed):
    rng = np.random.default_rng(seed)
    values, weights = rng.normal(size=size), rng.integers(0, 20, size)
    weights[:2] = 1
    bins = quantile_bins(values, weights, count)
    rows = bins.index(values[weights > 0])
    assert rows.min() >= 1
    assert rows.max() <= len(bins) - 3
    held = np.bincount(rows, weights[weights > 0])[1 : len(bins) - 2]
    if len(bins) == count + 3:
        assert np.abs(held - weights.sum() / count).max() <= 2 * weights.max() + 1


def test_quantiles_with_ties_have_fewer_bins():
    bins = quantile_bins([0] * 80 + list(range(1, 21)), [1] * 100, 5)
    assert bins.edges[0] == 0
    assert len(bins.edges) < 6
    with pytest.raises(UsageError, match="at least two different"):
        quantile_bins([1.0, 1.0], [1, 1], 2)


def test_part_of_a_circle_is_wrapped():
    """Midnight-centred local time: 23 h is -1 h, and noon is outside, on whichever side."""
    for edges in ([-6, 0, 6], [18, 24, 30]):
        bins = bins_from_edges(edges, period=24)
        assert [bins.labels[row][:1] for row in bins.index([23.0, 1.0])] == ["[", "["]
        assert bins.index([23.0, 1.0, 12.0, 7.0, 17.9, np.nan]).tolist() == [0, 1, 2, 2, 2, 3]
        assert bins.labels[2:] == ("outside", "missing")
    with pytest.raises(UsageError, match="go round more than once"):
        bins_from_edges([0, 12, 25], period=24)


@given(st.floats(-180, 180))
def test_clock_angle_bins_are_centred_on_the_axes(angle):
    """The nearest of +Bz, +By, -Bz, -By and the directions between them has the angle."""
    driver = DRIVERS["clock_angle"]
    bins = bins_from_edges(driver.edges, period=driver.period)
    assert bins.labels[-1] == "missing"
    assert len(bins) == 9
    row = int(bins.index([angle])[0])
    centre = (bins.lower[row] + bins.upper[row]) / 2
    assert centre % 45 == 0
    away = (angle - centre + 180) % 360 - 180
    assert -22.5 <= away <= 22.5


def test_southward_field_is_in_one_bin_from_either_side():
    driver = DRIVERS["clock_angle"]
    bins = bins_from_edges(driver.edges, period=driver.period)
    rows = bins.index([180.0, -180.0, 179.0, -179.0, 157.5, -157.6, np.float32(180.0)])
    assert {bins.labels[row] for row in rows} == {"[157.5, 202.5)"}
    assert bins.labels[bins.index([-157.5])[0]] == "[-157.5, -112.5)"
    cardinal = [bins.index([angle])[0] for angle in (0.0, 90.0, 180.0, -90.0)]
    assert len(set(cardinal)) == 4


def test_bins_have_names_where_they_are_given():
    kp = DRIVERS["Kp"]
    bins = bins_from_edges(kp.edges, period=kp.period, names=kp.bin_names)
    assert bins.labels == ("below", *map(str, range(10)), "above", "missing")
    thirds = np.array([0, 1, 2, 3, 4, 5, 25, 26, 27]) / 3
    named = [bins.labels[row] for row in bins.index(thirds)]
    assert named == ["0", "0", "1", "1", "1", "2", "8", "9", "9"]
    assert bins.edges == kp.edges
    with pytest.raises(UsageError, match="2 names for 3 bins"):
        bins_from_edges([0, 1, 2, 3], names=["a", "b"])
