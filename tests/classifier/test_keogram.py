"""Keograms: light put at a known direction must come out at its magnetic latitude and time."""

import aacgmv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auroral_stats.errors import DataError, UsageError
from classifier.emission_shell import look_direction
from classifier.frame_plots import plot_keogram
from classifier.keogram import join_slices, meridian_slit, slit_counts
from classifier.optics import Fisheye, pixel_of
from classifier.skymap import ideal_skymap

TIME = np.datetime64("2014-03-10T06:00:00", "us")
LENSES = {
    "standard": Fisheye(),
    "off centre": Fisheye(row=133.0, column=121.5, top_azimuth=22.6),
    "on its side": Fisheye(top_azimuth=80.0),
    "mirrored": Fisheye(top_azimuth=-15.0, east_left=False),
}


@pytest.fixture(scope="module")
def slit():
    return meridian_slit(ideal_skymap("gill"), TIME)


def spot(row: float, column: float, counts: float = 3000.0) -> np.ndarray:
    """A frame that is dark but for a spot three pixels wide."""
    rows, columns = np.mgrid[:256, :256]
    shape = np.exp(-0.5 * ((rows - row) ** 2 + (columns - column) ** 2) / 3.0**2)
    return (2500.0 + counts * shape).round().astype(np.uint16)


@pytest.mark.parametrize("lens", LENSES.values(), ids=LENSES)
@pytest.mark.parametrize("off", [-3.0, -1.2, 0.4, 2.5])
@pytest.mark.parametrize("height", [110.0, 250.0])
def test_a_spot_comes_out_at_its_magnetic_latitude(lens, off, height):
    """AACGM backwards gives the place; directions and lens give the pixel; neither uses the slit."""
    sky = ideal_skymap("gill", lens, height_km=height)
    mlat0, mlon0, _ = aacgmv2.convert_latlon(
        sky.site_latitude, sky.site_longitude, height, np.datetime64("2014-03-15").item(),
        method_code="G2A",
    )  # fmt: skip
    lat, lon, _ = aacgmv2.convert_latlon(
        mlat0 + off, mlon0, height, np.datetime64("2014-03-15").item(), method_code="A2G"
    )
    azimuth, elevation = look_direction(sky.site_latitude, sky.site_longitude, lat, lon, height)
    frame = spot(*pixel_of(lens, azimuth, elevation))

    made = meridian_slit(sky, TIME)
    counts = slit_counts(frame[None], made)[0]
    brightest = int(np.argmax(counts))
    pitch = np.diff(made.mlat_edges)[brightest]
    # a pixel, and what AACGM loses on the way back and forth
    assert abs(made.mlat[brightest] - (mlat0 + off)) < pitch + 0.02
    assert counts[brightest] > 4500.0


def test_a_spot_beside_the_meridian_is_not_seen(slit):
    middle = slit.mlat.size // 2
    row, column = slit.rows[middle, 2], slit.columns[middle, 2]
    assert slit_counts(spot(row, column)[None], slit).max() > 5000.0
    assert slit_counts(spot(row, column + 30)[None], slit).max() < 2510.0


def test_hot_pixels_leave_no_line(slit):
    frame = np.full((1, 256, 256), 2500, dtype=np.uint16)
    frame[0, slit.rows[::20, 2], slit.columns[::20, 2]] = 65535
    assert slit_counts(frame, slit).max() == 2500.0


def test_the_slit_is_ordered_masked_and_holds_the_zenith(slit):
    assert (np.diff(slit.mlat_edges) > 0.0).all()
    assert (slit.mlat_edges[:-1] < slit.mlat).all()
    assert (slit.mlat < slit.mlat_edges[1:]).all()
    assert slit.mlat_edges[0] < slit.zenith_mlat < slit.mlat_edges[-1]
    assert slit.elevation.min() >= 10.0
    best = np.argmax(slit.elevation)
    assert abs(slit.mlat[best] - slit.zenith_mlat) < 0.03
    # about one pixel from point to point
    steps = np.hypot(np.diff(slit.rows[:, 2]), np.diff(slit.columns[:, 2]))
    assert 0.95 < steps.mean() < 1.1


def test_width_is_across_the_slit(slit):
    assert slit.rows.shape == (slit.mlat.size, 5)
    assert meridian_slit(ideal_skymap("gill"), TIME, width=1).rows.shape[1] == 1
    for width in (0, 2, -1):
        with pytest.raises(UsageError, match="odd number"):
            meridian_slit(ideal_skymap("gill"), TIME, width=width)


def test_places_without_a_meridian():
    with pytest.raises(DataError, match="no pixels along the meridian"):
        meridian_slit(ideal_skymap("gill", min_elevation=89.9), TIME)
    with pytest.raises(UsageError, match="aacgmv2"):
        meridian_slit(ideal_skymap("gill"), np.datetime64("2090-01-01"))


def test_frames_of_another_size(slit):
    with pytest.raises(DataError, match="256"):
        slit_counts(np.zeros((1, 128, 128), np.uint16), slit)


# --- time ----------------------------------------------------------------------------------------


def joined(slit, seconds, chunk: int = 4):
    """Frames whose counts are their seconds, given in chunks."""
    seconds = np.asarray(seconds)
    time = TIME + (seconds * 1e6).round().astype("m8[us]")
    counts = np.repeat(seconds[:, None], slit.mlat.size, axis=1).astype(np.float32)
    parts = range(0, len(seconds), chunk)
    return join_slices(
        slit, [time[i : i + chunk] for i in parts], [counts[i : i + chunk] for i in parts]
    )


@given(
    st.lists(st.integers(0, 400), min_size=3, max_size=60, unique=True),
    st.permutations(range(5)),
)
def test_every_instant_shows_its_own_frame_or_a_gap(slit, steps, order):
    """Brute force: walk along the time axis and ask which frame should be there."""
    seconds = 3.0 * np.sort(np.array(steps))
    shuffled = np.concatenate([seconds[part::5] for part in order])
    keogram = joined(slit, shuffled)
    begin = (keogram.time - TIME) / np.timedelta64(1, "s")
    assert begin.tolist() == seconds.tolist()
    assert (np.diff(keogram.edges) > np.timedelta64(0)).all()
    cadence = keogram.cadence / np.timedelta64(1, "s")
    assert cadence == np.median(np.diff(seconds))

    edges = (keogram.edges - TIME) / np.timedelta64(1, "s")
    drawn = keogram.drawn[0]
    for instant in np.arange(seconds[0], edges[-1], 0.5):
        shown = drawn[np.searchsorted(edges, instant, side="right") - 1]
        last = seconds[seconds <= instant][-1]
        after = seconds[seconds > instant]
        gap = after[0] - last if after.size else np.inf
        length = gap if gap <= 1.5 * cadence else cadence
        if instant - last < length:
            assert shown == last
        else:
            assert np.isnan(shown)


def test_gaps_are_not_smeared(slit):
    keogram = joined(slit, [0, 3, 6, 9, 12, 300, 303, 306])
    edges = (keogram.edges - TIME) / np.timedelta64(1, "s")
    assert edges.tolist() == [0, 3, 6, 9, 12, 15, 300, 303, 306, 309]
    assert np.isnan(keogram.drawn[:, 5]).all()
    assert np.isfinite(np.delete(keogram.drawn, 5, axis=1)).all()


def test_one_frame_and_none(slit):
    keogram = joined(slit, [7.0])
    assert (keogram.edges[1] - keogram.edges[0]) == np.timedelta64(3, "s")
    with pytest.raises(DataError, match="no frame"):
        join_slices(slit, [], [])


def test_of_equal_times_the_first_frame_stays(slit):
    time = np.array([TIME, TIME])
    counts = np.stack([np.full(slit.mlat.size, 1.0), np.full(slit.mlat.size, 2.0)])
    keogram = join_slices(slit, [time], [counts.astype(np.float32)])
    assert keogram.counts.shape[0] == 1
    assert keogram.counts[0, 0] == 1.0


# --- figure --------------------------------------------------------------------------------------


def test_north_is_up_in_the_figure_and_the_title_says_what_it_is(slit):
    import dataclasses

    counts = np.repeat(slit.mlat[None], 8, axis=0).astype(np.float32) * 100.0
    time = TIME + np.array([0, 3, 6, 9, 60, 63, 66, 69]) * np.timedelta64(1, "s")
    keogram = join_slices(slit, [time], [counts], simulated=True)
    image = plot_keogram(keogram)
    ax = image.axes
    low, high = ax.get_ylim()
    assert (low, high) == pytest.approx((slit.mlat_edges[0], slit.mlat_edges[-1]))
    drawn = image.get_array()
    assert drawn[-1, 0] > drawn[0, 0]  # the last row is at the top: higher latitude, more counts
    assert drawn.mask[:, 4].all()
    title = ax.get_title(loc="left")
    for words in (
        "SIMULATED DATA",
        "GILL",
        "2014-03-10 06:00:00 to 06:01:12 UTC",
        "cadence 3 s",
        "idealised optics",
        "no frames",
    ):
        assert words in title, title
    real = dataclasses.replace(keogram, simulated=False)
    assert "SIMULATED" not in plot_keogram(real).axes.get_title(loc="left")


def test_given_axes_are_used_and_nothing_else(slit):
    from matplotlib.figure import Figure

    figure = Figure()
    ax = figure.add_subplot()
    image = plot_keogram(joined(slit, [0.0, 3.0, 6.0]), ax, cmap="viridis", log=True)
    assert image.axes is ax
    assert image.get_cmap().name == "viridis"
    assert figure.axes == [ax]


def test_no_logarithm_of_nothing(slit):
    dark = join_slices(slit, [np.array([TIME])], [np.zeros((1, slit.mlat.size), np.float32)])
    with pytest.raises(DataError, match="logarithm"):
        plot_keogram(dark, log=True)
    plot_keogram(dark)
