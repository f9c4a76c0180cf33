"""Times as callers give them, and interpolation on a grid of times."""

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from auroral_stats.errors import UsageError
from auroral_stats.time_grid import EPOCH, check_span, interpolate_on_grid, utc_times

WINNIPEG = ZoneInfo("America/Winnipeg")
INSTANT = np.datetime64("2014-03-10T06:02:00", "ms")


@pytest.mark.parametrize(
    "given_time",
    [
        INSTANT,
        INSTANT.astype("datetime64[ns]"),
        dt.datetime(2014, 3, 10, 6, 2),
        dt.datetime(2014, 3, 10, 1, 2, tzinfo=WINNIPEG),
        pd.Timestamp("2014-03-10T06:02"),
        [pd.Timestamp("2014-03-10T01:02", tz=WINNIPEG)],
        [dt.datetime(2014, 3, 10, 1, 2, tzinfo=WINNIPEG)],
        pd.DatetimeIndex(["2014-03-10T01:02"], tz=WINNIPEG),
        pd.Series(pd.DatetimeIndex(["2014-03-10T01:02"], tz=WINNIPEG)),
        xr.DataArray(np.array([INSTANT], dtype="datetime64[ns]"), dims="time"),
        "2014-03-10T06:02",
        ["2014-03-10T01:02-05:00"],
        pd.Series(["2014-03-10T06:02Z"]),
    ],
)
def test_every_kind_of_time_is_the_same_instant(given_time):
    found = utc_times(given_time)
    assert found.dtype.kind == "M"
    assert found.ravel()[0] == INSTANT


def test_resolution_and_shape_are_kept():
    times = np.array([[INSTANT, INSTANT + 1]], dtype="datetime64[ns]") + np.timedelta64(7, "ns")
    np.testing.assert_array_equal(utc_times(times), times)
    assert utc_times(times).dtype == times.dtype
    assert utc_times([]).shape == (0,)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([INSTANT, np.datetime64("NaT")], r"1 of 2 values are NaT.*position 1"),
        ([None, dt.datetime(2014, 1, 1)], r"1 of 2 values are NaT.*position 0"),
        ([1.5e9], "float64.*ISO 8601"),
        ([True], "bool"),
        ([dt.datetime(2014, 1, 1), 3], "numbers came among"),
        (["10 March"], "not readable as datetimes"),
        ([object()], "not readable as datetimes"),
    ],
)
def test_what_is_no_time_is_refused_in_one_line(bad, message):
    with pytest.raises(UsageError, match=message) as error:
        utc_times(bad)
    assert "\n" not in str(error.value)


def test_span_is_closed_at_the_start_and_open_at_the_end():
    start, end = np.datetime64("2008-01-01"), np.datetime64("2009-01-01")
    check_span(np.array([start, end - 1]), start, end, "the model")
    with pytest.raises(UsageError, match="2008-01-01 to 2009-01-01 came, but the model covers"):
        check_span(np.array([start, end]), start, end, "the model")


@given(
    coefficients=st.lists(st.floats(-10, 10), min_size=4, max_size=4),
    minutes=st.lists(st.integers(-100_000, 100_000), min_size=1, max_size=30),
    step=st.sampled_from([1, 7, 30, 360]),
)
def test_interpolation_is_exact_for_cubics_in_any_order(coefficients, minutes, step):
    def cubic(utc):
        x = (utc - EPOCH) / np.timedelta64(100_000, "m")
        return np.column_stack([np.polyval(coefficients, x), x])

    times = EPOCH + np.array(minutes) * np.timedelta64(1, "m")
    found = interpolate_on_grid(times, np.timedelta64(step, "m"), cubic)
    np.testing.assert_allclose(found, cubic(times), rtol=0, atol=1e-11)


def test_interpolation_error_is_within_its_stated_bound():
    hour = np.timedelta64(1, "h")
    times = EPOCH + np.arange(0, 1000) * np.timedelta64(37, "s")

    def sine(utc):
        return np.sin((utc - EPOCH) / hour)[:, None]

    error = np.abs(interpolate_on_grid(times, hour, sine) - sine(times)).max()
    assert 1e-3 < error < 9 / 384


def test_only_cells_with_times_are_tabulated():
    asked = []

    def count(utc):
        asked.extend(utc.tolist())
        return np.zeros((utc.size, 1))

    nights = EPOCH + np.array([0, 400, 3000]) * np.timedelta64(1, "D")
    interpolate_on_grid(nights, np.timedelta64(1, "h"), count)
    assert len(asked) == 3 * 4


def test_a_span_that_begins_before_nanoseconds_do_holds_modern_times():
    start, end = np.datetime64("1590-01-01", "ms"), np.datetime64("2030-01-01", "ms")
    check_span(np.array(["2014-03-10T06:02"], dtype="datetime64[ns]"), start, end, "the model")
    with pytest.raises(UsageError, match="until before 2030-01-01"):
        check_span(np.array(["2031-03-10"], dtype="datetime64[ns]"), start, end, "the model")
