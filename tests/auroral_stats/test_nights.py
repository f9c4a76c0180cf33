"""The night tensor against a loop over minutes."""

from collections import Counter

import numpy as np
import pytest
import xarray as xr

from auroral_stats import minutes as room
from auroral_stats.drivers import DRIVERS
from auroral_stats.errors import DataError
from auroral_stats.labels import CLASSES
from auroral_stats.lagging import driver_at
from auroral_stats.nights import (
    frames_by_night,
    night_cells,
    night_of,
    night_tensor,
    require_usable,
    winter_of,
)


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


@pytest.mark.parametrize("by", [["Bz", "mlt"], ["moon_elevation", "site"], ["month"]])
def test_stretches_of_time_change_nothing(joined, monkeypatch, by):
    """Nights that go on in the next stretch are put together again."""
    whole = night_cells(joined, by)
    monkeypatch.setattr(room, "BLOCK_MINUTES", 501)
    parts = night_cells(joined, by)
    assert whole.pairings == parts.pairings
    xr.testing.assert_identical(parts.data, whole.data)
    key = [whole.data[name].to_numpy() for name in ("site_index", "night_index", "mlt_hour")]
    key += [whole.data[name].to_numpy() for name in ("bin_index", "moonlit")]
    assert np.unique(np.stack(key), axis=1).shape[1] == whole.data.sizes["cell"]


def test_each_variable_is_read_once(joined, tmp_path, monkeypatch):
    """A lazily opened file, whose chunks hold all sites, is not read again for each of them."""
    joined.to_zarr(tmp_path / "joined.zarr", zarr_format=2)
    lazy = xr.open_zarr(tmp_path / "joined.zarr", chunks=None)
    read = Counter()
    load = xr.Dataset.load

    def counted(data, **options):
        read.update({name: data[name].size for name in data.data_vars})
        return load(data, **options)

    monkeypatch.setattr(xr.Dataset, "load", counted)
    monkeypatch.setattr(room, "BLOCK_MINUTES", 1000)
    cells = night_cells(lazy, ["mlat", "mlt"])
    xr.testing.assert_identical(cells.data, night_cells(joined, ["mlat", "mlt"]).data)
    monkeypatch.undo()
    for name in ("frames", "mlt", "mlat", "sun_elevation", "moon_elevation"):
        # Once from the file, once from memory.
        assert read[name] == 2 * joined[name].size


def test_flat_frames_are_those_of_the_tensor(joined):
    cells = night_cells(joined, ["Bz", "mlt"])
    night, frames = frames_by_night(cells)
    tensor = night_tensor(cells)
    np.testing.assert_array_equal(night.astype("M8[ns]"), tensor["night"])
    np.testing.assert_array_equal(
        np.moveaxis(frames, 0, -1), tensor.to_numpy().reshape(night.size, -1, 6)
    )


def only_lost(data):
    """Return the data with nothing but cloud and moonlight in the pictures."""
    lost = data["frames"].to_numpy().copy()
    lost[..., 3] += lost[..., [0, 1, 2, 5]].sum(axis=-1, dtype=np.uint8)
    lost[..., [0, 1, 2, 5]] = 0
    return data.assign(frames=(data["frames"].dims, lost))


def test_nothing_usable_is_an_error_for_rates_among_usable_frames(joined):
    cells = night_cells(only_lost(joined), "Bz")
    for moon in ("any", "down"):
        with pytest.raises(DataError, match=r"no usable frame .* Use --denominator all"):
            require_usable(cells, moon)
    # Joint rates remain, and the coverage is then of all dark minutes.
    (usual,) = night_cells(joined, "Bz").pairings
    assert cells.pairings[0].coverage == pytest.approx(usual.coverage, abs=0.03)
    assert 0.5 < usual.coverage < 0.9
    require_usable(night_cells(joined, "Bz"), "down")


def test_usable_frames_in_moonlight_alone_are_said_so(joined):
    lit = (joined["moon_elevation"] > 0) & (joined["moon_illumination"] >= 0.3)
    mixed = joined.assign(frames=joined["frames"].where(lit, only_lost(joined)["frames"]))
    mixed["frames"] = mixed["frames"].astype(np.uint8)
    cells = night_cells(mixed, "Bz", moon="down")
    require_usable(cells, "any")
    with pytest.raises(DataError, match=r"Use --moon any, as moonlit minutes have some, or --den"):
        require_usable(cells, "down")
