import numpy as np
import pytest

from auroral_stats.errors import UsageError
from auroral_stats.geometry import site_geometry
from classifier.night_filter import NIGHT_RULES, NightRule, dark_frames

DAY = np.datetime64("2014-03-10T00:00") + np.arange(0, 24 * 60, 20) * np.timedelta64(1, "m")


def test_the_rule_of_kvammen_is_applied_to_sun_and_moon():
    found = dark_frames("gill", DAY, "kvammen")
    sky = site_geometry(DAY, "gill", quantities=["sun_elevation", "moon_elevation"])
    sun, moon = sky.sun_elevation.to_numpy()[:, 0], sky.moon_elevation.to_numpy()[:, 0]
    assert np.array_equal(found.keep, (sun <= -15) & (moon <= 0))
    assert found.keep.any()
    counts = found.counts
    assert counts["frames"] == DAY.size
    assert counts["kept"] == found.keep.sum()
    assert counts["frames"] - counts["kept"] == counts["sun"] + counts["moon"] - counts["both"]
    assert min(counts.values()) > 0  # this day has all: light, moonlight, both and neither


def test_our_own_rule_lets_the_moon_shine():
    dark, kvammen = dark_frames("gill", DAY), dark_frames("gill", DAY, "kvammen")
    assert dark.rule.id == "dark"
    assert dark.counts["moon"] == 0
    assert (dark.keep | ~kvammen.keep).all()
    between = dark.keep & (dark.sun_elevation > -15)
    assert between.any()
    assert not kvammen.keep[between].any()


def test_every_frame_may_have_a_site_of_its_own():
    sites = np.array(["gill", "INUV ", "tpas"])[np.arange(DAY.size) % 3]
    mixed = dark_frames(sites, DAY, "kvammen")
    for code in ("gill", "inuv", "tpas"):
        rows = np.char.lower(np.char.strip(sites)) == code
        alone = dark_frames(code, DAY[rows], "kvammen")
        assert np.array_equal(mixed.keep[rows], alone.keep)
        assert np.array_equal(mixed.sun_elevation[rows], alone.sun_elevation)


@pytest.mark.parametrize(("sun", "kept"), [(-15.0, True), (-14.999, False)])
def test_the_limit_itself_is_dark(sun, kept):
    limit = float(dark_frames("gill", "2014-03-10T04:00").sun_elevation[0])
    rule = NightRule("shifted", limit - (sun + 15.0), 90.0, "test")
    assert dark_frames("gill", "2014-03-10T04:00", rule).keep.tolist() == [kept]


def test_mistakes_are_explained():
    with pytest.raises(UsageError, match="'dim' is not known; known are dark, kvammen"):
        dark_frames("gill", DAY, "dim")
    with pytest.raises(UsageError, match="unknown site 'gil'"):
        dark_frames("gil", DAY)
    with pytest.raises(UsageError, match="2 codes came for 72 times"):
        dark_frames(["gill", "inuv"], DAY)
    with pytest.raises(UsageError, match="time"):
        dark_frames("gill", np.array(["NaT"], dtype="datetime64[us]"))


def test_no_frames_are_no_trouble():
    none = dark_frames("gill", np.array([], dtype="datetime64[us]"))
    assert none.keep.shape == (0,)
    assert set(none.counts.values()) == {0}
    assert set(NIGHT_RULES) == {"dark", "kvammen"}
