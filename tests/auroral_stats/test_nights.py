"""The night tensor against a loop over minutes."""

from collections import Counter

import numpy as np
import pytest

from auroral_stats.drivers import DRIVERS
from auroral_stats.errors import DataError
from auroral_stats.labels import CLASSES
from auroral_stats.nights import night_cells, night_of, night_tensor, winter_of
from auroral_stats.pairing import driver_at


def slow_counts(data, name, edges, lag, window):
    """Add frames up one site-minute at a time."""
    values = driver_at(data, DRIVERS[name], lag=lag, window=window)
    values = values.broadcast_like(data["sun_elevation"]).transpose("time", "site").to_numpy()
    counts, minutes = Counter(), Counter()
    frames = data["frames"].to_numpy().astype(int)
    for t, time in enumerate(data["time"].to_numpy()):
        night = str((time - np.timedelta64(19, "h")).astype("M8[D]"))
        lit = float(data["moon_illumination"][t]) >= 0.3
        for s in range(data.sizes["site"]):
            if float(data["sun_elevation"][t, s]) > -12 or not frames[t, s].any():
                continue
            moonlit = lit and float(data["moon_elevation"][t, s]) > 0
            value = values[t, s]
            row = len(edges) + 1 if np.isnan(value) else sum(value >= edge for edge in edges)
            for k in range(6):
                counts[night, row, moonlit, k] += frames[t, s, k]
            if frames[t, s, [0, 1, 2, 5]].any():
                minutes[row, moonlit] += 1
    return counts, minutes


@pytest.mark.parametrize("name", ["Bz", "moon_elevation"])
def test_equals_a_loop(joined_maker, name):
    data = joined_maker(nights=4, hours=3, seed=4)
    edges = [-2.0, 0.0, 2.0] if name == "Bz" else [-10.0, 0.0, 10.0]
    cells = night_cells(data, name, bins=[edges])
    options = {"Bz": (10, 60), "moon_elevation": (0, 0)}[name]
    counts, minutes = slow_counts(data, name, edges, *options)
    for moonlit in (False, True):
        chosen = cells.where(cells.data["moonlit"].to_numpy() == moonlit)
        tensor = night_tensor(chosen)
        for night in tensor["night"].to_numpy():
            for row in range(len(edges) + 2):
                for k in range(6):
                    key = (str(night.astype("M8[D]")), row, moonlit, k)
                    assert tensor.sel(night=night)[row, k] == counts[key]
        total = sum(v for key, v in counts.items() if key[2] == moonlit)
        assert int(tensor.sum()) == total > 0
        for row in range(len(edges) + 2):
            at = chosen.data["bin_index"].to_numpy() == row
            assert chosen.data["usable_minutes"].to_numpy()[at].sum() == minutes[row, moonlit]


def test_two_drivers_add_up_to_one(joined):
    both = night_tensor(night_cells(joined, ["Bz", "mlt"]))
    alone = night_tensor(night_cells(joined, "Bz"))
    assert both.dims == ("night", "bin", "bin2", "label")
    np.testing.assert_array_equal(both.sum("bin2").to_numpy(), alone.to_numpy())


def test_small_integers_do_not_overflow(joined_maker):
    data = joined_maker(nights=3)
    data["frames"][:] = 0
    data["frames"][..., 0] = 255
    tensor = night_tensor(night_cells(data, "site"))
    assert tensor.dtype == np.int64
    dark = (data["sun_elevation"] <= -12).sum()
    assert int(tensor.sum()) == 255 * int(dark)


def test_silent_error_9_class_column_permutation(joined):
    order = [5, 2, 0, 4, 1, 3]
    shuffled = joined.isel(label=order)
    expected = night_tensor(night_cells(joined, "Bz"))
    result = night_tensor(night_cells(shuffled, "Bz"))
    np.testing.assert_array_equal(result.to_numpy(), expected.to_numpy())
    unknown = joined.assign_coords(label=[*CLASSES[:5], "steve"])
    with pytest.raises(DataError, match="steve"):
        night_cells(unknown, "Bz")


def test_site_order_changes_nothing(joined):
    turned = joined.isel(site=[2, 0, 1])
    np.testing.assert_array_equal(
        night_tensor(night_cells(turned, "Bz")).to_numpy(),
        night_tensor(night_cells(joined, "Bz")).to_numpy(),
    )


def test_night_begins_at_19_ut():
    times = np.array(["2014-03-10T18:59", "2014-03-10T19:00", "2014-03-11T18:59"], dtype="M8[m]")
    assert night_of(times).astype(str).tolist() == ["2014-03-09", "2014-03-10", "2014-03-10"]
    nights = np.array(["2014-06-30", "2014-07-01", "1969-12-31"], dtype="M8[D]")
    assert winter_of(nights).tolist() == [2013, 2014, 1969]


def test_no_dark_minute_is_an_error(joined):
    with pytest.raises(DataError, match="no frame with the Sun at or below -80"):
        night_cells(joined, "Bz", max_sun_elevation=-80.0)
    everything = night_cells(joined, "Bz", max_sun_elevation=None)
    assert int(everything.data["counts"].sum()) == int(joined["frames"].sum(dtype="int64"))


def test_coverage_is_reported(joined_maker):
    data = joined_maker(nights=3)
    half = data["driver_time"].size // 2
    data["Bz"][half:] = np.nan
    (pairing,) = night_cells(data, "Bz").pairings
    assert 0.3 < pairing.coverage < 0.7
