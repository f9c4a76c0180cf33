"""Sites chosen by magnetic latitude, and placed by it."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from auroral_stats.errors import DataError, UsageError
from auroral_stats.joined import select_frames
from auroral_stats.labels import CLASSES
from auroral_stats.latitude import mlat_option, parse_mlat, select_mlat, site_mlat
from auroral_stats.occurrence import occurrence
from auroral_stats.sites import BANDS, band

SITES = {"gill": 66.0, "rank": 72.3, "fsmi": 67.3}


def test_latitude_of_a_site_is_not_a_running_float32_sum():
    size = 1_000_000
    big = xr.Dataset(
        {
            "frames": (("time", "site", "label"), np.ones((size, 1, 6), np.uint8)),
            "mlat": (("time", "site"), np.full((size, 1), 61.9, np.float32)),
        },
        coords={"time": np.arange(size), "site": ["gill"], "label": list(CLASSES)},
    )
    assert site_mlat(big)["gill"] == pytest.approx(61.9, abs=1e-4)


def test_latitude_is_that_of_the_minutes_with_frames(joined):
    half = joined.sizes["time"] // 2
    frames = joined["frames"].copy()
    frames[half:, 0] = 0
    frames[:, 1] = 0
    mlat = joined["mlat"].copy()
    mlat[half:, 0] = 80.0
    mean = site_mlat(joined.assign(frames=frames, mlat=mlat))
    assert mean["gill"] == pytest.approx(66.0)
    assert np.isnan(mean["rank"])
    assert mean["fsmi"] == pytest.approx(67.3, abs=1e-5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("62:70", ["gill", "fsmi"]),
        (":67.3", ["gill"]),
        ("67.2:", ["rank", "fsmi"]),
        (" 66 : 67.3 ", ["gill"]),
        ("0:90", ["gill", "rank", "fsmi"]),
    ],
)
def test_sites_in_a_range(text, expected):
    assert select_mlat(SITES, parse_mlat(text)) == expected


def test_the_south_counts_by_its_absolute_value():
    south = {site: -mlat for site, mlat in SITES.items()}
    assert select_mlat(south, (70.0, None)) == ["rank"]


@pytest.mark.parametrize(
    "text", ["62", "", ":", "a:b", "62:70:80", "70:62", "62:62", "-1:3", "80:91", "nan:70"]
)
def test_what_is_no_range(text):
    with pytest.raises(UsageError, match=r"^--mlat .*: expected (LO:HI|0 <= LO < HI <= 90)"):
        parse_mlat(text)


@given(st.floats(40, 85).filter(lambda mlat: mlat not in {62.0, 70.0}))
def test_the_option_for_a_band_selects_the_band(mlat):
    """Apart from a mean of exactly 70 degrees, which belongs to the band below."""
    inside = {
        name
        for name in BANDS
        if (r := parse_mlat(mlat_option(name)))
        and (r[0] is None or r[0] <= mlat)
        and (r[1] is None or mlat < r[1])
    }
    assert inside == {band(mlat)}


def test_selecting_frames_by_latitude(joined):
    part = select_frames(joined, mlat=(62.0, 70.0))
    assert part["site"].to_numpy().tolist() == ["gill", "fsmi"]
    assert part.attrs["selected_mlat"] == "62:70"
    xr.testing.assert_equal(
        part.drop_attrs(), select_frames(joined, sites=["gill", "fsmi"]).drop_attrs()
    )
    result = occurrence(part, "Bz")
    assert result.attrs["selected_mlat"] == "62:70"
    assert result.attrs["selected_sites"] == "gill,fsmi"
    assert "pooled_bands" not in result.attrs
    with pytest.raises(DataError) as caught:
        select_frames(joined, mlat=(40.0, 50.0))
    assert str(caught.value) == (
        "no site with a mean magnetic latitude in 40:50; there are gill 66.0, rank 72.3, "
        "fsmi 67.3 (degrees). Change --mlat."
    )


def test_minutes_without_frames_of_the_chosen_sites_change_nothing(joined):
    """They stay in between, for a file reads one stretch of time and not many scattered minutes."""
    part = select_frames(joined, sites=["rank"])
    seen = part["frames"].any(["site", "label"]).to_numpy()
    assert seen[0]
    assert seen[-1]
    assert not seen.all()
    bare = part.isel(time=np.flatnonzero(seen))
    for by in ("Bz", "mlt", "month"):
        xr.testing.assert_equal(occurrence(part, by), occurrence(bare, by))


def test_latitude_belongs_to_the_selected_time(joined):
    """A site that drifts over an edge counts where it is in the time asked for."""
    later = joined["time"] >= np.datetime64("2013-12-16")
    mlat = joined["mlat"].where(~later, joined["mlat"] + 4.0)
    data = joined.assign(mlat=mlat)
    early = select_frames(data, end="2013-12-16", mlat=(70.0, None))
    assert early["site"].to_numpy().tolist() == ["rank"]
    late = select_frames(data, start="2013-12-16", mlat=(70.0, None))
    assert late["site"].to_numpy().tolist() == ["gill", "rank", "fsmi"]


def test_pooling_is_said_in_the_attributes(joined):
    assert occurrence(joined, "Bz").attrs["pooled_bands"] == "62-70, >70"
    assert occurrence(joined, ["Bz", "Kp"]).attrs["pooled_bands"] == "62-70, >70"
    for by in ("site", "mlat", ["Bz", "site"]):
        assert "pooled_bands" not in occurrence(joined, by).attrs


@pytest.mark.parametrize(
    ("by", "dim"), [("site", "bin"), (["site", "Bz"], "bin"), (["Bz", "site"], "bin2")]
)
def test_results_by_site_carry_their_latitude(joined, by, dim):
    result = occurrence(joined, by)
    assert result["mlat"].dims == (dim,)
    assert result["mlat"].attrs["units"] == "degree"
    at = dict(zip(result[dim].to_numpy().tolist(), result["mlat"].to_numpy(), strict=True))
    assert np.isnan(at.pop("missing"))
    assert at == pytest.approx(SITES, abs=1e-5)
    assert "mlat" not in occurrence(joined, "Bz").variables
