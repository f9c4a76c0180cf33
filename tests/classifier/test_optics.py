"""The fish-eye against its formula, its inverse and what a wrong orientation would do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auroral_stats.errors import UsageError
from classifier.optics import (
    Fisheye,
    pixel_directions,
    pixel_of,
    scaled_fisheye,
    standard_fisheye,
)

lenses = st.builds(
    Fisheye,
    row=st.floats(100.0, 156.0),
    column=st.floats(100.0, 156.0),
    radius=st.floats(60.0, 200.0),
    radial=st.floats(0.75, 1.25).map(lambda c1: (c1, 1.0 - c1, 0.0)),
    column_scale=st.floats(0.8, 1.2),
    top_azimuth=st.floats(-400.0, 400.0),
    east_left=st.booleans(),
)


@given(lenses, st.floats(0.0, 359.99), st.floats(0.5, 89.5))
def test_direction_to_pixel_and_back(lens, azimuth, elevation):
    row, column = pixel_of(lens, azimuth, elevation)
    # the same lens moved so that the place is pixel (0, 0)
    moved = Fisheye(
        lens.row - float(row),
        lens.column - float(column),
        lens.radius,
        lens.radial,
        lens.column_scale,
        lens.top_azimuth,
        lens.east_left,
    )
    az, el = pixel_directions(moved, (1, 1))
    assert el[0, 0] == pytest.approx(elevation, abs=1e-6)
    apart = (az[0, 0] - azimuth + 180.0) % 360.0 - 180.0
    assert abs(apart) * np.cos(np.radians(elevation)) < 1e-6


@given(lenses)
def test_every_pixel_comes_back_to_itself(lens):
    azimuth, elevation = pixel_directions(lens)
    row, column = pixel_of(lens, azimuth, elevation)
    seen = np.isfinite(elevation)
    assert np.array_equal(seen, np.isfinite(azimuth))
    rows, columns = np.mgrid[:256, :256]
    assert np.abs(row - rows)[seen].max() < 1e-6
    assert np.abs(column - columns)[seen].max() < 1e-6
    assert azimuth[seen].min() >= 0.0
    assert azimuth[seen].max() < 360.0
    # what is not seen lies beyond the horizon
    distance = np.hypot(rows - lens.row, (columns - lens.column) / lens.column_scale)
    assert (distance[~seen] > lens.radius * (1.0 - 1e-9)).all()


def test_radial_mapping_is_the_polynomial_of_the_published_skymap():
    # 165 z - 3.98 z**3 - 0.002 z**5 detector pixels, of which one row holds 1 / 0.518072
    z = np.radians(np.arange(0.0, 91.0, 10.0))
    expected = 0.518072 * (165.0 * z - 3.98 * z**3 - 0.002 * z**5)
    row, _ = pixel_of(Fisheye(row=0.0, column=0.0), 180.0, 90.0 - np.degrees(z))
    assert np.abs(row - expected).max() < 2e-5


def test_north_is_at_the_top_and_east_left():
    row, column = pixel_of(standard_fisheye(), [0.0, 90.0, 180.0, 270.0], 30.0)
    assert row[0] < row[1] < row[2]
    assert column[1] < column[0] < column[3]


def test_a_lens_turned_right_by_its_declination():
    lens = standard_fisheye("gako")
    row, column = pixel_of(lens, lens.top_azimuth, 30.0)
    assert column == pytest.approx(lens.column)
    assert row < lens.row
    assert pixel_of(lens, 0.0, 30.0)[1] > column  # true north is to the right of magnetic north
    assert standard_fisheye("gill") == standard_fisheye()


def test_below_the_horizon_there_is_no_pixel():
    row, column = pixel_of(Fisheye(), [0.0, 0.0, np.nan], [-0.1, 90.1, 45.0])
    assert np.isnan(row).all()
    assert np.isnan(column).all()


def test_a_reduced_frame_sees_the_same_directions():
    lens = standard_fisheye("gako")
    _, whole = pixel_directions(lens)
    _, half = pixel_directions(scaled_fisheye(lens, 0.5), (128, 128))
    # the middle of four pixels
    mean = whole.reshape(128, 2, 128, 2).mean(axis=(1, 3))
    both = np.isfinite(mean) & np.isfinite(half) & (half < 85.0)
    assert np.abs(mean - half)[both].max() < 0.1


@pytest.mark.parametrize(
    "wrong",
    [
        {"radius": 0.0},
        {"column_scale": -1.0},
        {"row": np.nan},
        {"radial": (0.5, 0.2, 0.2)},
        {"radial": (2.0, -1.0, 0.0)},  # falls before the horizon
    ],
)
def test_numbers_that_make_no_lens(wrong):
    with pytest.raises(UsageError, match="Fisheye"):
        Fisheye(**wrong)
