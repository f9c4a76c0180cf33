"""Forms about onsets: against sums by hand, and what cannot be used."""

import numpy as np
import pandas as pd
import pytest

from auroral_stats.errors import DataError, UsageError
from auroral_stats.form_epochs import form_epochs
from auroral_stats.intervals import rate_interval
from auroral_stats.labels import CLASSES, USABLE
from auroral_stats.onsets import onsets_from_labels


@pytest.fixture
def night(joined_maker):
    """Ten nights at two sites: diffuse, then ten minutes of an arc from minute 100, then clear."""
    data = joined_maker(nights=10, hours=4, sites=("gill", "rank"))
    minute = np.arange(data.sizes["time"]) % 240
    form = np.select([minute < 100, minute < 110], ["diffuse", "arc"], "clear")
    frames = (form[:, None] == np.array(CLASSES)) * np.uint8(20)
    data["frames"] = ("time", "site", "label"), np.repeat(frames[:, None], 2, axis=1)
    data["sun_elevation"][:] = -20
    data["moon_elevation"][:] = -10
    return data


def test_the_shares_are_those_of_the_minutes(night):
    onsets = onsets_from_labels(night, "arc")
    assert len(onsets) == 20
    # Cloud hides one minute before the onsets of three nights at one site.
    hidden = onsets.query("site == 'rank'")["time"].to_numpy()[:3] - np.timedelta64(5, "m")
    night["frames"].loc[{"time": hidden, "site": "rank"}] = 0
    night["frames"].loc[{"time": hidden, "site": "rank", "label": "cloudy"}] = 20
    result = form_epochs(night, onsets, before=20, after=30)
    assert result["label"].values.tolist() == list(USABLE)
    share = result["share"]
    np.testing.assert_allclose(share.sum("label"), 1)
    for label, first, last in (("diffuse", -20, -1), ("arc", 0, 9), ("clear", 10, 30)):
        there = (result["lag"] >= first) & (result["lag"] <= last)
        np.testing.assert_array_equal(share.sel(label=label), there)
    number = xr_values(result, "number")
    assert number[-5] == 17
    assert set(np.delete(list(number.values()), 15)) == {20}
    assert set(xr_values(result, "nights").values()) == {10}


def xr_values(result, name):
    return dict(zip(result["lag"].values.tolist(), result[name].values.tolist(), strict=True))


def test_intervals_are_over_nights(night):
    """The interval of a share is that of a rate with the counts of each night."""
    onsets = onsets_from_labels(night, "arc")
    moved = onsets.assign(time=onsets["time"] + pd.to_timedelta(np.arange(20) % 7, "min"))
    result = form_epochs(night, moved, before=0, after=20)
    later = np.arange(20) % 7
    late = (later[:, None] + np.arange(21) >= 10).astype(float)
    nights = pd.factorize(moved["time"].dt.date)[0]
    events = np.stack([late[nights == k].sum(axis=0) for k in range(10)])
    frames = np.stack([np.full(21, (nights == k).sum(), float) for k in range(10)])
    dates = np.array(sorted(set(moved["time"].dt.date)), dtype="M8[D]") - 1
    low, high = rate_interval(events, frames, dates)
    clear = result.sel(label="clear")
    np.testing.assert_allclose(clear["share"], events.sum(axis=0) / 20)
    np.testing.assert_allclose(clear["share_low"], low)
    np.testing.assert_allclose(clear["share_high"], high)
    between = (clear["share"] > 0) & (clear["share"] < 1)
    assert between.sum() == 6
    assert (clear["share_low"] < clear["share"]).where(between, True).all()


def test_an_onset_outside_the_data_has_no_form(night):
    time = [night["time"].values[150], np.datetime64("2001-01-01")]
    result = form_epochs(night, pd.DataFrame({"time": time, "site": "gill"}), before=0, after=5)
    assert set(xr_values(result, "number").values()) == {1}
    assert (result["share"].sel(label="clear") == 1).all()


def test_it_says_what_it_was_made_from(night):
    result = form_epochs(night, onsets_from_labels(night, "arc"), before=5, after=5, moon="any")
    assert result.attrs["simulated"] == "true"
    assert result.attrs["onsets"] == "20"
    assert '"moon": "any"' in result.attrs["parameters"]
    assert result.attrs["selected_sites"] == "gill,rank"


def test_what_cannot_be_used_is_refused(night):
    onsets = onsets_from_labels(night, "arc")
    with pytest.raises(UsageError, match="no site"):
        form_epochs(night, onsets.drop(columns="site"))
    with pytest.raises(UsageError, match="before -1"):
        form_epochs(night, onsets, before=-1)
    with pytest.raises(DataError, match="there is no onset"):
        form_epochs(night, onsets[:0])
    with pytest.raises(DataError, match="onsets at fsim, which"):
        form_epochs(night, onsets.assign(site="fsim"))
    onsets.attrs["simulated"] = "false"
    with pytest.raises(DataError, match="simulated and real"):
        form_epochs(night, onsets)
