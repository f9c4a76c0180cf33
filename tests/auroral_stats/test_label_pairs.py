"""Labels of one frame in two stores: the same time, or the nearest, each used once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auroral_stats.errors import UsageError
from auroral_stats.label_pairs import match_times, paired_labels
from auroral_stats.labels import StoreInfo, open_labels, write_labels


def at(milliseconds):
    return np.asarray(sorted(milliseconds), np.int64).view("M8[ms]")


def by_force(a, b, limit):
    """All pairs, the closest first; of two as close, the one whose second time is the later."""
    pairs = sorted(
        (abs(y - x), y < x, i, j)
        for i, x in enumerate(a.astype(int))
        for j, y in enumerate(b.astype(int))
        if abs(y - x) <= limit
    )
    first, second = {}, set()
    for _, _, i, j in pairs:
        if i not in first and j not in second:
            first[i] = j
            second.add(j)
    return sorted(first.items())


# Few distinct times, so that ties and chains of neighbours are common.
times = st.sets(st.integers(0, 60), max_size=25).map(at)


@given(times, times, st.integers(0, 12))
def test_the_closest_pairs_come_first(a, b, limit):
    found = match_times(a, b, limit / 1000)
    assert [tuple(map(int, pair)) for pair in zip(*found, strict=True)] == by_force(a, b, limit)


def test_half_a_cadence_apart():
    """Every frame lies as close to two as to one; all are paired, and in one go."""
    a = at(range(0, 300_000, 2000))
    first, second = match_times(a, a + np.timedelta64(1, "s"), 1.0)
    np.testing.assert_array_equal(first, np.arange(a.size))
    np.testing.assert_array_equal(second, first)


def test_tolerance_is_inclusive_and_to_the_millisecond():
    a, b = at([0]), at([417])
    assert match_times(a, b)[0].size == 0
    assert match_times(a, b, 0.416)[0].size == 0
    assert match_times(a, b, 0.417)[0].size == 1


def write(path, site, time, label, source="import:x"):
    write_labels(path, site, time, label, info=StoreInfo(source, False))


@pytest.fixture
def month_end(tmp_path):
    """Frames on both sides of New Year, at another time of the second in the second store."""
    time = np.datetime64("2013-12-31T23:59:51", "ms") + np.arange(6) * np.timedelta64(3, "s")
    write(tmp_path / "a", "gill", time, ["arc", "arc", "clear", "moon", "moon", "arc"])
    late = time + np.timedelta64(1200, "ms")
    write(tmp_path / "b", "gill", late, ["arc", "clear", "clear", "moon", "arc", "arc"])
    # The last before New Year in b lies behind the last of the month in a.
    early = np.array(["2013-12-31T23:59:59.900", "2014-01-01T00:00:05"], "M8[ms]")
    write(tmp_path / "c", "gill", early, ["cloudy", "clear"])
    write(tmp_path / "c", "rank", early[:1], ["arc"])
    return tmp_path


def together(*arguments, **options):
    parts = [part for part in paired_labels(*arguments, **options) if part.time.size]
    return [np.concatenate([getattr(p, name) for p in parts]) for name in ("label_a", "label_b")]


def test_pairs_across_the_end_of_a_month(month_end):
    a, b, c = (open_labels(month_end / name) for name in "abc")
    assert [p.month for p in a.partitions] == [12, 1]
    one, other = together(a, b, tolerance=1.5)
    assert one.tolist() == [0, 0, 5, 4, 4, 0]
    assert other.tolist() == [0, 5, 5, 4, 0, 0]
    # 23:59:59.900 in December goes with 00:00:00 in January, which is nearer than 23:59:57.
    found = list(paired_labels(a, c, tolerance=3.0, sites=["gill"]))
    assert [t for part in found for t in part.time.tolist()] == [
        np.datetime64("2014-01-01T00:00:00.000").item(),
        np.datetime64("2014-01-01T00:00:06.000").item(),
    ]
    alone = np.concatenate([part.alone_a for part in found])
    assert alone.size == 4
    assert sum(part.alone_b.size for part in found) == 0


def test_every_label_is_in_a_pair_or_alone(month_end):
    a, _, c = (open_labels(month_end / name) for name in "abc")
    for tolerance in (0.0, 0.05, 1.0, 600.0):
        parts = list(paired_labels(a, c, tolerance=tolerance))
        pairs = sum(part.time.size for part in parts)
        assert sum(part.alone_a.size for part in parts) == 6 - pairs
        assert sum(part.alone_b.size for part in parts) == 3 - pairs
        assert {part.site for part in parts} == {"gill", "rank"}


def test_selection_and_mistakes(month_end):
    a, b, _ = (open_labels(month_end / name) for name in "abc")
    one, _ = together(a, b, tolerance=2, start="2014", end="2014-01-01T00:00:04")
    assert one.tolist() == [4]
    for options, message in (
        ({"sites": ["fsim"]}, "no labels of fsim in either store; they hold gill."),
        ({"tolerance": 601}, "--tolerance 601: expected 0 to 600 s"),
        ({"tolerance": -1}, "--tolerance -1: expected 0 to 600 s"),
        ({"start": "2014", "end": "2014"}, r"end \(2014\) is not after start"),
    ):
        with pytest.raises(UsageError, match=message):
            list(paired_labels(a, b, **options))
