"""The gate: each condition by itself, and none that was not asked for."""

import numpy as np
import pytest
import xarray as xr

from auroral_stats.gate import Gate, gate_failures, mask_where
from auroral_stats.occurrence import occurrence

#: No condition at all: what single conditions are tried against.
NOTHING = {"min_nights": 0, "min_hours": 0.0, "min_winters": 0, "min_sites": 0}
EDGES = [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0]


def test_each_condition_has_its_own_number():
    held = {
        "nights": 21,
        "effective_nights": 10.5,
        "event_nights": 5,
        "hours": 10.0,
        "winters": 2,
        "sites": 3,
    }
    assert not any(gate_failures(Gate(), **held).values())
    words = {
        "nights": "nights<20",
        "effective_nights": "effective nights<10",
        "event_nights": "event nights<5",
        "hours": "hours<10",
        "winters": "winters<2",
        "sites": "sites<3",
    }
    for name, word in words.items():
        just_under = {"nights": 19, "effective_nights": 9.99, "hours": 9.99}
        less = held | {name: just_under.get(name, held[name] - 1)}
        assert [w for w, fails in gate_failures(Gate(), **less).items() if fails] == [word]
    alone = gate_failures(Gate(), **held | {"sites": None, "hours": None})
    assert set(alone) == set(words.values()) - {"hours<10", "sites<3"}


def test_hours_alone(joined):
    free = occurrence(joined, "Bz", bins=[EDGES], labels=["arc"], gate=Gate(**NOTHING))
    hours = free["usable_hours"].to_numpy()
    limit = float(np.median(hours[hours > 0]))
    result = occurrence(
        joined, "Bz", bins=[EDGES], labels=["arc"], gate=Gate(**NOTHING | {"min_hours": limit})
    )
    fails = result["usable_hours"].to_numpy() < limit
    assert 0 < fails.sum() < fails.size
    np.testing.assert_array_equal(result["masked"].to_numpy()[:, 0], fails)
    reason = result["reason"].to_numpy()[:, 0]
    assert set(reason[fails & (hours > 0)]) == {f"hours<{limit:g}"}
    assert set(reason[~fails]) == {""}


def test_sites_alone(joined):
    """Local time is 0.3 h later at each site, so the first hours are seen from one, then two."""
    edges = [20.4, 20.7, 21.0, 22.0]
    options = {"bins": [edges], "labels": ["arc"], "moon": "any"}
    result = occurrence(joined, "mlt", **options, gate=Gate(**NOTHING | {"min_sites": 3}))
    inner = result.isel(bin=slice(0, 3), label=0)
    assert inner["sites"].to_numpy().tolist() == [1, 2, 3]
    assert inner["masked"].to_numpy().tolist() == [True, True, False]
    assert inner["reason"].to_numpy().tolist() == ["sites<3", "sites<3", ""]
    # One site is not pooled, however many the gate asks for.
    alone = occurrence(
        joined.isel(site=[0]), "mlt", **options, gate=Gate(**NOTHING | {"min_sites": 3})
    )
    assert not alone["masked"].to_numpy()[0]


@pytest.mark.parametrize("winters", [1, 2])
def test_winters_alone(joined, winters):
    gate = Gate(**NOTHING | {"min_winters": winters})
    result = occurrence(joined, "Bz", bins=[EDGES], labels=["arc"], gate=gate)
    seen = result["exposure"].to_numpy() > 0
    np.testing.assert_array_equal(result["masked"].to_numpy()[seen], winters == 2)


def test_a_band_is_gated_as_its_sites_are(joined):
    """The user's gate, not the default one, which masks all that one winter can give."""
    gate = Gate(min_nights=10, min_hours=6.0, min_winters=1, min_sites=2)
    result = occurrence(joined, "Bz", bins=[EDGES], gate=gate)
    assert result["band"].to_numpy().tolist() == ["62-70", ">70"]
    for band, sites in (("62-70", ["gill", "fsmi"]), (">70", ["rank"])):
        alone = occurrence(joined.sel(site=sites), "Bz", bins=[EDGES], gate=gate)
        part = result.sel(band=band)
        np.testing.assert_array_equal(part["band_masked"], alone["masked"])
        np.testing.assert_array_equal(part["band_reason"], alone["reason"])
        assert 0 < int(alone["masked"].sum()) < alone["masked"].size


def test_further_masks_add_their_reason():
    rates = xr.Dataset(
        {
            "masked": (("bin", "label"), [[False, True], [False, False]]),
            "reason": (("bin", "label"), [["", "nights<20"], ["", ""]]),
        }
    )
    result = mask_where(rates, "weight<0.8", xr.DataArray([True, False], dims="bin"))
    assert result["masked"].to_numpy().tolist() == [[True, True], [False, False]]
    assert result["reason"].to_numpy().tolist() == [
        ["weight<0.8", "nights<20; weight<0.8"],
        ["", ""],
    ]
    assert rates["masked"].to_numpy().sum() == 1
