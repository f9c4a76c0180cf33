"""Mosaics: light at a known place must be drawn there, by the site that sees it highest."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auroral_stats.errors import DataError, UsageError
from classifier.emission_shell import look_direction
from classifier.frame_plots import plot_mosaic
from classifier.mosaic import (
    MapCentre,
    from_plane,
    mosaic_layers,
    nearest_frame,
    place_at,
    scaled_brightness,
    to_plane,
)
from classifier.mosaic_files import MosaicRun
from classifier.optics import Fisheye, pixel_of
from classifier.skymap import ideal_skymap

TIME = np.datetime64("2014-03-10T06:02:00", "us")
LENSES = {"gill": Fisheye(), "rank": Fisheye(row=131.0, column=125.0, top_azimuth=12.0)}


def frames_with_light_at(latitude: float, longitude: float):
    """Skymaps and frames of two sites that see one small light at 110 km."""
    skies = [ideal_skymap(site, lens) for site, lens in LENSES.items()]
    rows, columns = np.mgrid[:256, :256]
    frames = []
    for sky, lens in zip(skies, LENSES.values(), strict=True):
        row, column = pixel_of(
            lens, *look_direction(sky.site_latitude, sky.site_longitude, latitude, longitude)
        )
        light = np.exp(-0.5 * ((rows - row) ** 2 + (columns - column) ** 2) / 2.0**2)
        frames.append((2500.0 + 5000.0 * np.nan_to_num(light)).astype(np.uint16))
    return skies, frames


def middle_of_light(brightness: np.ndarray) -> tuple[int, int]:
    """The pixel in the middle of what is white."""
    row, column = np.argwhere(brightness == 1.0).mean(axis=0).round()
    return int(row), int(column)


@pytest.mark.parametrize(
    ("latitude", "longitude", "site"),
    [
        (57.5, -96.0, "gill"),
        (58.9, -94.0, "gill"),
        (60.9, -93.0, "rank"),
        (63.5, -90.0, "rank"),
    ],
)
def test_a_light_is_drawn_at_its_place_by_the_site_that_sees_it_higher(latitude, longitude, site):
    skies, frames = frames_with_light_at(latitude, longitude)
    elevation = {
        sky.site: look_direction(sky.site_latitude, sky.site_longitude, latitude, longitude)[1]
        for sky in skies
    }
    assert max(elevation, key=elevation.get) == site
    layers = mosaic_layers(skies, frames, [TIME, TIME])
    found = place_at(layers, latitude, longitude)
    assert found is not None
    assert found[0] == site
    layer = next(layer for layer in layers if layer.skymap.site == site)
    brightest = middle_of_light(layer.brightness)
    assert np.hypot(brightest[0] - found[1], brightest[1] - found[2]) < 1.5
    assert layer.skymap.latitude[brightest] == pytest.approx(latitude, abs=0.15)
    assert layer.skymap.longitude[brightest] == pytest.approx(longitude, abs=0.3)
    # and its quadrilateral is there on the map
    centre = MapCentre(60.0, -94.0)
    x, y = to_plane(centre, layer.skymap.corner_latitude, layer.skymap.corner_longitude)
    i, j = brightest
    at = np.hypot(*np.subtract(to_plane(centre, latitude, longitude),
                               (x[i : i + 2, j : j + 2].mean(), y[i : i + 2, j : j + 2].mean())))  # fmt: skip
    assert at < 20.0


def test_each_place_is_covered_once_but_for_the_seam():
    skies = [ideal_skymap(site) for site in ("gill", "rank")]
    flat = np.full((256, 256), 3000, dtype=np.uint16)
    layers = mosaic_layers(skies, [flat, flat], [TIME, TIME])
    for layer, other in zip(layers, layers[::-1], strict=True):
        sky = layer.skymap
        _, there = look_direction(
            other.skymap.site_latitude, other.skymap.site_longitude, sky.latitude, sky.longitude
        )
        drawn = np.isfinite(layer.brightness) & np.isfinite(sky.latitude)
        contested = np.isfinite(sky.latitude) & (there >= 10.0)
        assert contested.any()
        # every pixel that sees its place higher is drawn, and none that sees it clearly lower
        assert drawn[contested & (sky.elevation >= there)].all()
        assert not drawn[contested & (there > sky.elevation + 0.7)].any()
        assert drawn[np.isfinite(sky.latitude) & (there < 10.0)].all()


def test_brightness_is_scaled_by_percentiles_above_the_horizon_only():
    generator = np.random.default_rng(3)
    image = generator.integers(2000, 4000, (256, 256)).astype(np.uint16)
    elevation = ideal_skymap("gill").elevation
    image[~(elevation >= 10.0)] = 60000
    brightness, (low, high) = scaled_brightness(image, elevation, 10.0)
    used = elevation >= 10.0
    assert (low, high) == tuple(np.percentile(image[used], (1.0, 99.5)))
    assert np.nanmin(brightness) == 0.0
    assert np.nanmax(brightness) == 1.0
    assert np.isnan(brightness[~(elevation >= 9.0)]).all()
    flat, _ = scaled_brightness(np.full((256, 256), 7, np.uint16), elevation, 10.0)
    assert np.nanmax(flat) == 0.0


def test_frames_and_skymaps_that_do_not_fit():
    sky, low = ideal_skymap("gill"), ideal_skymap("rank", height_km=90.0)
    frame = np.zeros((256, 256), np.uint16)
    with pytest.raises(UsageError, match="heights"):
        mosaic_layers([sky, low], [frame, frame], [TIME, TIME])
    with pytest.raises(UsageError, match="twice"):
        mosaic_layers([sky, sky], [frame, frame], [TIME, TIME])
    with pytest.raises(DataError, match="gill"):
        mosaic_layers([sky], [np.zeros((64, 64), np.uint16)], [TIME])


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=30), st.integers(-100, 10_100))
def test_the_nearest_frame(offsets, wanted):
    times = TIME + np.sort(np.array(offsets)).astype("m8[ms]")
    at = TIME + np.timedelta64(wanted, "ms")
    index, apart = nearest_frame(times, at)
    assert apart == min(abs(time - at) for time in times)
    assert abs(times[index] - at) == apart


# --- map -----------------------------------------------------------------------------------------

places = st.tuples(st.floats(-89.0, 89.0), st.floats(-179.9, 179.9))


@given(places, places)
def test_to_the_map_and_back(centre, place):
    at = MapCentre(*centre)
    x, y = to_plane(at, *place)
    lat, lon = from_plane(at, x, y)
    if np.hypot(x, y) > 2.0 * 6371.2 * 0.999:  # the rim is one point, the antipode
        return
    assert lat == pytest.approx(place[0], abs=1e-5)
    assert abs((lon - place[1] + 180.0) % 360.0 - 180.0) * np.cos(np.radians(lat)) < 1e-5


@given(places, st.floats(-60.0, 60.0))
def test_areas_are_kept(centre, north):
    """The Jacobian of the projection is that of the sphere."""
    at, step = MapCentre(*centre), 1e-4
    lat, lon = north, centre[1] + 40.0
    x, y = to_plane(at, [lat, lat + step, lat], [lon, lon, lon + step])
    area = abs((x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0]))
    expected = 6371.2**2 * np.radians(step) ** 2 * np.cos(np.radians(lat))
    assert area == pytest.approx(expected, rel=1e-3)


# --- figure --------------------------------------------------------------------------------------


@pytest.mark.parametrize("simulated", [True, False])
def test_the_figure_shows_the_light_where_it_is(simulated):
    skies, frames = frames_with_light_at(57.5, -96.0)
    layers = tuple(mosaic_layers(skies, frames, [TIME, TIME + np.timedelta64(1, "s")]))
    run = MosaicRun(layers, TIME, 3.0, ("", ""), (), (), simulated)
    meshes = plot_mosaic(run)
    ax = meshes[0].axes
    title = ax.get_title(loc="left")
    assert ("SIMULATED DATA" in title) == simulated
    for words in ("GILL, RANK", "2014-03-10 06:02:00 UTC", "110 km", "within 1.0 s", "idealised"):
        assert words in title, title
    # the brightest quadrilateral: where is it on the map?
    values = meshes[0].get_array()
    i, j = middle_of_light(values.filled(0.0))
    corner = meshes[0].get_coordinates()[i : i + 2, j : j + 2].reshape(4, 2).mean(axis=0)
    from classifier._map_axes import map_centre

    lat, lon = from_plane(map_centre(skies), *corner)
    assert lat == pytest.approx(57.5, abs=0.15)
    assert lon == pytest.approx(-96.0, abs=0.3)
    written = {text.get_text() for text in ax.texts}
    assert {"GILL", "RANK", "60°N", "70° mag"} <= written
