"""The simulated camera, stars, Moon and light of the sky without aurora, against what is known."""

from __future__ import annotations

import numpy as np
import pytest

from auroral_stats.errors import DataError
from classifier._sky.detector import COUNTS_PER_ELECTRON, expose
from classifier._sky.skylight import CLEAR_AIR, heaven_at, sidereal_degrees, transparency
from classifier._sky.stars import Stars, horizontal, milky_way, zodiacal_light
from classifier._sky.stars import _vectors as star_vectors
from classifier._sky.view import SHAPE, view_of
from classifier.optics import pixel_of, standard_fisheye
from classifier.sky import moon_is_up, simulate_frames, station_night_style

# ---- camera ------------------------------------------------------------------------------------


def test_variance_grows_with_counts_as_in_real_cameras(level):
    """Slope 1.72 and 20 and 21 counts of read noise were measured on frames of two stations."""
    view = view_of("gill", level)
    rng = np.random.default_rng(1)
    means, variances = [], []
    for light in (0.0, 300.0, 1000.0, 4000.0, 12000.0):
        sky = np.full(SHAPE, light, dtype=np.float32)
        first, second = (expose(sky, view, level, 0.0, rng).astype(float) for _ in range(2))
        flat = (view.radius < 0.4) & (first < 60_000)
        difference = (first - second)[flat]
        # robust against hot pixels
        spread = np.subtract(*np.percentile(difference, [75, 25])) / 1.349
        variances.append(spread**2 / 2)
        means.append(np.median(first[flat]))
    slope, at_zero = np.polyfit(np.array(means) - means[0], variances, 1)
    assert slope == pytest.approx(COUNTS_PER_ELECTRON, rel=0.06)
    assert at_zero == pytest.approx(level.read_noise**2, rel=0.25)
    assert means[0] == pytest.approx(level.background, abs=15)


def test_dark_corners_hold_the_background_and_hot_pixels_stay_where_they_are(level, spaced):
    images = simulate_frames("gill", spaced(6), "clear", style=level, seed=3).images
    corner = images[:, :20, :20].astype(float)
    assert np.median(corner) == pytest.approx(level.background, abs=90)
    view = view_of("gill", level)
    outside = view.radius > 1.12
    excess = np.where(outside, images - np.median(images[:, outside]), 0.0)
    hot = excess > 400.0
    assert (hot.all(axis=0) == hot.any(axis=0)).mean() > 0.9999
    assert images.max() <= 65535


# ---- stars and Moon ----------------------------------------------------------------------------


def bright_points(image: np.ndarray, above: float) -> np.ndarray:
    """Row, column and light of local maxima, to a fraction of a pixel: (point, 3)."""
    from scipy.ndimage import maximum_filter, median_filter

    relief = image - median_filter(image, 9)
    peak = (relief == maximum_filter(relief, 7)) & (relief > above)
    found = []
    for row, column in np.argwhere(peak[4:-4, 4:-4]) + 4:
        part = np.maximum(relief[row - 2 : row + 3, column - 2 : column + 3], 0.0)
        offsets = np.arange(-2, 3)
        total = part.sum()
        found.append(
            (
                row + (part.sum(axis=1) @ offsets) / total,
                column + (part.sum(axis=0) @ offsets) / total,
                total,
            )
        )
    return np.array(found)


def unit_vectors(points: np.ndarray) -> np.ndarray:
    """East, north, up of points on a frame, found by inverting the lens on a fine grid."""
    azimuth, elevation = np.meshgrid(np.arange(0, 360, 0.25), np.arange(8, 90, 0.25))
    row, column = pixel_of(standard_fisheye("gill"), azimuth, elevation)
    from scipy.spatial import cKDTree

    _, nearest = cKDTree(np.stack([row.ravel(), column.ravel()], axis=1)).query(points[:, :2])
    a, e = np.radians(azimuth.ravel()[nearest]), np.radians(elevation.ravel()[nearest])
    return np.stack([np.cos(e) * np.sin(a), np.cos(e) * np.cos(a), np.sin(e)], axis=1)


def test_stars_turn_about_the_pole_at_the_sidereal_rate(level, dark):
    hours = 0.75
    time = np.array([dark, dark + np.timedelta64(round(hours * 3600), "s")])
    images = simulate_frames("gill", time, "clear", style=level, seed=11).images.astype(float)
    points = [bright_points(image, 90.0) for image in images]
    # hot pixels stay where they are
    away = np.hypot(*(points[0][:, None, k] - points[1][None, :, k] for k in (0, 1)))
    sets = [unit_vectors(p[away.min(axis=1 - k) > 1.0]) for k, p in enumerate(points)]
    latitude = np.radians(56.354)
    pole = np.array([0.0, np.cos(latitude), np.sin(latitude)])
    # angles about the pole, increasing westward as hour angles do
    southward = np.cross(pole, [-1.0, 0.0, 0.0])
    dec, hour = zip(
        *((s @ pole, np.arctan2(-(s @ [1.0, 0.0, 0.0]), s @ southward)) for s in sets), strict=True
    )
    turns = np.arange(-30.0, 30.0, 0.05)
    matched = []
    for turn in turns:
        moved = np.radians(turn) + hour[0][:, None]
        away = np.hypot(
            np.arcsin(dec[1])[None, :] - np.arcsin(dec[0])[:, None],
            np.sqrt(1 - dec[0][:, None] ** 2) * np.sin((hour[1][None, :] - moved) / 2) * 2,
        )
        matched.append(np.sum(np.exp(-((np.degrees(away.min(axis=1)) / 0.6) ** 2))))
    best = turns[np.argmax(matched)]
    assert max(matched) > 12
    assert best == pytest.approx(15.041 * hours, abs=0.25)


def test_the_milky_way_turns_with_the_stars(level):
    """Deneb and the double cluster lie in it; the galactic pole is far from it."""
    view, place = view_of("gill", level), (56.354, -94.656)
    places = {"Deneb": (20.690, 45.28), "cluster": (2.35, 57.1), "pole": (12.857, 27.13)}
    hours, declinations = np.array(list(places.values())).T
    stars = Stars(star_vectors(15.0 * hours, declinations), np.zeros(3))
    for hour in range(0, 24, 3):
        time = np.datetime64("2014-02-27T00:00:00") + np.timedelta64(hour, "h")
        light = milky_way(view, time, place)
        azimuth, elevation = horizontal(stars, sidereal_degrees(time, place[1]), place[0])
        row, column = view.pixel(azimuth, elevation)
        for k, name in enumerate(places):
            if elevation[k] > 15:
                here = light[round(float(row[k])), round(float(column[k]))]
                assert (here > 0.25) if name != "pole" else (here < 0.05)


def test_zodiacal_light_stands_on_the_side_of_the_sun(level):
    time = np.datetime64("2014-02-27T01:45:00")  # the evening: the Sun is 18 deg down in the west
    (heaven,) = heaven_at("gill", np.array([time]))
    assert -20 < heaven.sun_elevation < -15
    view = view_of("gill", level)
    light = zodiacal_light(view, heaven, time, (56.354, -94.656))
    low = np.abs(view.elevation - 20) < 5
    bearing = (view.azimuth[low] - heaven.sun_azimuth + 180) % 360 - 180
    west, east = light[low][np.abs(bearing) < 30], light[low][np.abs(bearing) > 150]
    assert np.median(west) > 0.3
    assert np.median(west) > 8 * np.median(east)


def test_the_moon_stands_at_its_place(level):
    """Elevation 28.1 and azimuth 259.6 deg by astropy; the real frame of that minute shows it."""
    time = np.datetime64("2014-03-10T06:02:00")
    row, column = pixel_of(standard_fisheye("gill"), 259.6, 28.1)
    rows, columns = np.mgrid[:256, :256]
    near = np.hypot(rows - row, columns - column) < 20
    shining = 0
    for seed in range(8):
        image = simulate_frames("gill", time, "moon", style=level, seed=seed).images[0]
        if image[near].max() < 40_000:
            continue  # behind cloud or thick haze
        shining += 1
        disc = near & (image > 0.5 * image[near].max())
        assert np.hypot(rows[disc].mean() - row, columns[disc].mean() - column) < 0.8
    assert shining >= 4


def test_the_moon_is_refused_while_it_is_down(dark):
    assert not moon_is_up("gill", dark)[0]
    with pytest.raises(DataError, match="moon_is_up"):
        simulate_frames("gill", dark, "moon")


def test_daylight_is_refused():
    with pytest.raises(DataError, match="darker time"):
        simulate_frames("gill", np.datetime64("2014-03-10T18:00"), "clear")


def test_heaven_does_not_depend_on_company(spaced):
    time = spaced(50, 7)
    together = heaven_at("rank", time)
    assert [heaven_at("rank", time[k : k + 1])[0] for k in range(0, 50, 7)] == together[::7]


def test_clear_air_dims_the_horizon(level):
    view = view_of("gill", level)
    passes = transparency(view, CLEAR_AIR)
    low, high = np.abs(view.elevation - 10) < 1, np.abs(view.elevation - 80) < 1
    assert np.median(passes[low]) == pytest.approx(np.exp(-CLEAR_AIR * 5.6), rel=0.1)
    assert np.median(passes[high]) > 0.8


def test_dark_skies_are_as_bright_as_real_ones(spaced):
    """Six published pictures of Inuvik: percentile 1 at 70 to 270 counts, median at 230 to 520."""
    sky, noise = [], []
    for seed in range(6):
        for site in ("gill", "rank"):
            made = simulate_frames(site, spaced(2), "clear", seed=seed).images.astype(float)
            style = station_night_style(seed, site, "2014-02-26")
            disc = view_of(site, style).radius < 0.85
            sky.append(np.percentile(made[:, disc], [1, 50, 99]) - style.background)
            noise.append(np.std((made[1] - made[0])[disc]) / np.sqrt(2))
    low, middle, high = np.transpose(sky)
    assert 110 < np.median(low) < 290
    assert 230 < np.median(middle) < 520
    # after the stretch a clear sky is more than noise
    assert np.median(noise / (high - low)) < 0.11
