"""Forms of minutes and their runs, against a slow reading of the same frames."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auroral_stats.errors import DataError, UsageError
from auroral_stats.forms import NO_FORM, forms, recurring, runs
from auroral_stats.labels import CLASSES, USABLE


def slow_form(frames, names):
    """Return the class that most usable frames show, the earlier of equals, or None."""
    best, most = None, 0
    for name in USABLE:
        count = int(frames[names.index(name)])
        if count > most:
            best, most = name, count
    return best


def slow_runs(minutes, form, max_gap):
    start, seen = [], []
    for k, (minute, kind) in enumerate(zip(minutes, form, strict=True)):
        near = k > 0 and (minute - minutes[k - 1]) <= max_gap + 1
        if near and form[k - 1] == kind:
            start.append(start[-1])
            seen.append(seen[-1])
        else:
            start.append(minute)
            seen.append(near)
    return start, seen


@pytest.mark.parametrize("moon", ["down", "any"])
def test_every_form_equals_the_slow_reading(joined_maker, moon):
    data = joined_maker(nights=3, hours=3, seed=5)
    rng = np.random.default_rng(0)
    data["frames"].values[:] = rng.integers(0, 4, data["frames"].shape)
    data["moon_elevation"].values[:] = rng.normal(0, 20, data["moon_elevation"].shape)
    names = [str(name) for name in data["label"].to_numpy()]
    found = forms(data, moon=moon, max_sun_elevation=-25.0)
    lit = (data["moon_elevation"].to_numpy() > 0) & (
        data["moon_illumination"].to_numpy()[:, None] >= 0.3
    )
    used = 0
    for (row, site), number in np.ndenumerate(found["form"].to_numpy()):
        expected = slow_form(data["frames"].to_numpy()[row, site], names)
        if data["sun_elevation"].to_numpy()[row, site] > -25.0:
            expected = None
        if moon == "down" and lit[row, site]:
            expected = None
        assert number == (NO_FORM if expected is None else CLASSES.index(expected))
        used += expected is not None
    assert 100 < used < found["form"].size
    assert np.array_equal(
        np.isnat(found["run_start"].to_numpy()), found["form"].to_numpy() == NO_FORM
    )


def test_the_earlier_class_wins_a_tie_and_cloud_does_not_vote(joined_maker):
    data = joined_maker(nights=1, hours=1, sites=("gill",))
    frames = data["frames"].values
    frames[:] = 0
    names = [str(name) for name in data["label"].to_numpy()]
    frames[0, 0, [names.index("discrete"), names.index("diffuse")]] = 7
    frames[1, 0, names.index("cloudy")] = 15
    frames[1, 0, names.index("clear")] = 1
    frames[2, 0, names.index("cloudy")] = 20
    form = forms(data, max_sun_elevation=None, moon="any")["form"].to_numpy()[:3, 0]
    assert [CLASSES[k] if k >= 0 else None for k in form] == ["diffuse", "clear", None]


@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 2)), min_size=1, max_size=40),
    st.integers(0, 3),
)
def test_runs_equal_the_slow_reading(steps, max_gap):
    minutes = np.cumsum([step for step, _ in steps])
    form = np.array([kind for _, kind in steps])
    start, seen = runs(minutes.astype("datetime64[m]"), form, max_gap=max_gap)
    expected, expected_seen = slow_runs(minutes, form, max_gap)
    assert start.astype(np.int64).tolist() == expected
    assert seen.tolist() == expected_seen


@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 2)), min_size=1, max_size=60),
    st.integers(0, 10),
    st.integers(1, 30),
)
def test_recurring_equals_the_slow_reading(steps, lag, window):
    minutes = np.cumsum([step for step, _ in steps]).astype("datetime64[m]")
    form = np.array([kind for _, kind in steps])
    start, _ = runs(minutes, form)
    found = recurring(minutes, form, start, lag=lag, window=window)
    seen = set(zip(minutes.astype(int).tolist(), form.tolist(), strict=True))
    for k, first in enumerate(start.astype(int).tolist()):
        # A minute lies within if it has begun and ended there.
        looked_at = range(first - lag - window, first - lag)
        assert found[k] == any((minute, form[k]) in seen for minute in looked_at)


def test_sites_do_not_share_runs(joined_maker):
    data = joined_maker(nights=1, hours=1, sites=("gill", "rank"))
    data["frames"].values[:] = 0
    arc = [str(name) for name in data["label"].to_numpy()].index("arc")
    data["frames"].values[10:20, 0, arc] = 20
    data["frames"].values[15:20, 1, arc] = 20
    start = forms(data, max_sun_elevation=None, moon="any")["run_start"].to_numpy()
    time = data["time"].to_numpy()
    assert start[19, 0] == time[10]
    assert start[19, 1] == time[15]


def test_bad_options_are_named(joined):
    with pytest.raises(UsageError, match="--moon 'up': expected 'down' or 'any'"):
        forms(joined, moon="up")
    with pytest.raises(UsageError, match="max_gap -1"):
        forms(joined, max_gap=-1)
    with pytest.raises(DataError, match="Join the labels again"):
        forms(joined.assign_coords(label=list("abcdef")))
