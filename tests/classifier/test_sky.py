"""The simulated sky against what is known of cameras, stars, the Moon and aurora."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auroral_stats.errors import DataError, UsageError
from auroral_stats.labels import CLASSES
from classifier._sky.arcs import paint_arcs
from classifier._sky.aurora_map import field_at, projection
from classifier._sky.detector import COUNTS_PER_ELECTRON, expose
from classifier._sky.diffuse import patches, pulsation
from classifier._sky.skylight import CLEAR_AIR, heaven_at, sidereal_degrees, transparency
from classifier._sky.stars import Stars, horizontal, milky_way, zodiacal_light
from classifier._sky.stars import _vectors as star_vectors
from classifier._sky.timeline import timeline_of
from classifier._sky.view import SHAPE, view_of
from classifier.optics import pixel_of, standard_fisheye
from classifier.sky import (
    TEST_FAMILIES,
    TEST_SHARE,
    TRAIN_FAMILIES,
    draw_frames,
    moon_is_up,
    night_of,
    scene_of,
    simulate_frames,
    station_night_style,
)

SECOND = np.timedelta64(1, "s")
DARK = np.datetime64("2014-02-27T05:00:00")  # no Moon at Gillam
LEVEL = replace(
    station_night_style(0, "gill", "2014-02-26"),
    family="clean",
    rotation=0.0,
    tilt_north=0.0,
    tilt_east=0.0,
    snow=0.0,
    frost=0.0,
    dirt=0.0,
    haze=0.0,
    focus=0.6,
    stars=1.0,
    town=10.0,
    airglow=100.0,
)


def spaced(count: int, step: int = 3, start: np.datetime64 = DARK) -> np.ndarray:
    return start + np.arange(count) * step * SECOND


# ---- camera ------------------------------------------------------------------------------------


def test_variance_grows_with_counts_as_in_real_cameras():
    """Slope 1.72 and 20 and 21 counts of read noise were measured on frames of two stations."""
    view = view_of("gill", LEVEL)
    rng = np.random.default_rng(1)
    means, variances = [], []
    for light in (0.0, 300.0, 1000.0, 4000.0, 12000.0):
        sky = np.full(SHAPE, light, dtype=np.float32)
        first, second = (expose(sky, view, LEVEL, 0.0, rng).astype(float) for _ in range(2))
        flat = (view.radius < 0.4) & (first < 60_000)
        difference = (first - second)[flat]
        # robust against hot pixels
        spread = np.subtract(*np.percentile(difference, [75, 25])) / 1.349
        variances.append(spread**2 / 2)
        means.append(np.median(first[flat]))
    slope, at_zero = np.polyfit(np.array(means) - means[0], variances, 1)
    assert slope == pytest.approx(COUNTS_PER_ELECTRON, rel=0.06)
    assert at_zero == pytest.approx(LEVEL.read_noise**2, rel=0.25)
    assert means[0] == pytest.approx(LEVEL.background, abs=15)


def test_dark_corners_hold_the_background_and_hot_pixels_stay_where_they_are():
    images = simulate_frames("gill", spaced(6), "clear", style=LEVEL, seed=3).images
    corner = images[:, :20, :20].astype(float)
    assert np.median(corner) == pytest.approx(LEVEL.background, abs=90)
    view = view_of("gill", LEVEL)
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


def test_stars_turn_about_the_pole_at_the_sidereal_rate():
    hours = 0.75
    time = np.array([DARK, DARK + np.timedelta64(round(hours * 3600), "s")])
    images = simulate_frames("gill", time, "clear", style=LEVEL, seed=11).images.astype(float)
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


def test_the_milky_way_turns_with_the_stars():
    """Deneb and the double cluster lie in it; the galactic pole is far from it."""
    view, place = view_of("gill", LEVEL), (56.354, -94.656)
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


def test_zodiacal_light_stands_on_the_side_of_the_sun():
    time = np.datetime64("2014-02-27T01:45:00")  # the evening: the Sun is 18 deg down in the west
    (heaven,) = heaven_at("gill", np.array([time]))
    assert -20 < heaven.sun_elevation < -15
    view = view_of("gill", LEVEL)
    light = zodiacal_light(view, heaven, time, (56.354, -94.656))
    low = np.abs(view.elevation - 20) < 5
    bearing = (view.azimuth[low] - heaven.sun_azimuth + 180) % 360 - 180
    west, east = light[low][np.abs(bearing) < 30], light[low][np.abs(bearing) > 150]
    assert np.median(west) > 0.3
    assert np.median(west) > 8 * np.median(east)


def test_the_moon_stands_at_its_place():
    """Elevation 28.1 and azimuth 259.6 deg by astropy; the real frame of that minute shows it."""
    time = np.datetime64("2014-03-10T06:02:00")
    row, column = pixel_of(standard_fisheye("gill"), 259.6, 28.1)
    rows, columns = np.mgrid[:256, :256]
    near = np.hypot(rows - row, columns - column) < 20
    shining = 0
    for seed in range(8):
        image = simulate_frames("gill", time, "moon", style=LEVEL, seed=seed).images[0]
        if image[near].max() < 40_000:
            continue  # behind cloud or thick haze
        shining += 1
        disc = near & (image > 0.5 * image[near].max())
        assert np.hypot(rows[disc].mean() - row, columns[disc].mean() - column) < 0.8
    assert shining >= 4


def test_the_moon_is_refused_while_it_is_down():
    assert not moon_is_up("gill", DARK)[0]
    with pytest.raises(DataError, match="moon_is_up"):
        simulate_frames("gill", DARK, "moon")


def test_daylight_is_refused():
    with pytest.raises(DataError, match="darker time"):
        simulate_frames("gill", np.datetime64("2014-03-10T18:00"), "clear")


def test_heaven_does_not_depend_on_company():
    time = spaced(50, 7)
    together = heaven_at("rank", time)
    assert [heaven_at("rank", time[k : k + 1])[0] for k in range(0, 50, 7)] == together[::7]


# ---- aurora ------------------------------------------------------------------------------------


def test_arcs_lie_along_magnetic_east_and_west():
    """At Gakona, whose magnetic north is 21 deg from the geographic; measured on the frames."""
    time = np.datetime64("2011-01-06T09:00:00")
    style = replace(LEVEL, key="level", site_key="level")
    field = field_at("gako", 2011)
    assert field.azimuth == pytest.approx(21.3, abs=1.0)
    matrix = projection("gako", style, 2011)
    east, north = np.meshgrid(np.arange(-170, 171, 4.0), np.arange(-170, 171, 4.0))
    distance, bearing = np.hypot(east, north), np.degrees(np.arctan2(east, north))
    elevation = np.degrees(np.arctan2(110.0, distance)) - 0.5 * np.degrees(distance / 6371.0)
    row, column = pixel_of(standard_fisheye("gako"), bearing + field.azimuth, elevation)
    from scipy.ndimage import gaussian_filter, map_coordinates

    angles, weights = [], []
    for seed in range(24):
        image = (matrix @ paint_arcs(f"test {seed}", 1000.0).ravel()).reshape(SHAPE)
        overhead = map_coordinates(gaussian_filter(image, 1.0), [row, column], order=1)
        slope_north, slope_east = np.gradient(overhead)
        tensor = np.array(
            [
                [(slope_east**2).sum(), (slope_east * slope_north).sum()],
                [(slope_east * slope_north).sum(), (slope_north**2).sum()],
            ]
        )
        values, vectors = np.linalg.eigh(tensor)
        if values[1] < 1e3:
            continue
        along = vectors[:, 0]
        angles.append((np.degrees(np.arctan2(along[1], along[0])) + 90.0) % 180.0 - 90.0)
        weights.append(1.0 - values[0] / values[1])
    assert len(angles) >= 15
    assert abs(np.median(angles)) < 3.0
    assert np.percentile(np.abs(angles), 80) < 12.0
    assert np.median(weights) > 0.6
    assert time.dtype == np.dtype("M8[s]")


def test_the_layer_brightens_towards_the_horizon_as_van_rhijn_says():
    matrix = projection("gill", LEVEL, 2014)
    image = (matrix @ np.ones(matrix.shape[1], dtype=np.float32)).reshape(SHAPE)
    view = view_of("gill", LEVEL)
    for elevation in (90.0, 60.0, 40.0, 25.0):
        here = np.abs(view.elevation - elevation) < 0.6
        flat = 6371.2 * np.cos(np.radians(elevation)) / (6371.2 + 112.0)
        assert np.median(image[here]) == pytest.approx(1 / np.sqrt(1 - flat**2), rel=0.04)


def test_patches_pulsate_with_periods_of_5_to_15_s():
    made = patches("test")
    seconds = np.arange(0.0, 600.0, 0.5)
    series = np.stack([pulsation(made, now) for now in seconds], axis=1)
    active = (made.strength > 0.2) & (made.floor < 0.9)
    assert 0.15 < active.mean() < 0.7
    power = np.abs(np.fft.rfft(series[active] - series[active].mean(axis=1, keepdims=True))) ** 2
    frequency = np.fft.rfftfreq(seconds.size, 0.5)
    strongest = 1.0 / frequency[1 + power[:, 1:].argmax(axis=1)]
    assert np.mean((strongest > 4.7) & (strongest < 15.5)) > 0.95
    np.testing.assert_allclose(np.median(strongest / made.period[active]), 1.0, atol=0.03)


def test_patches_brighten_and_dim_smoothly_and_many_never_go_out():
    made = patches("test")
    seconds = np.arange(0.0, 60.0, 0.1)
    series = np.stack([pulsation(made, now) for now in seconds], axis=1)
    light = series[made.strength > 0.2] / made.strength[made.strength > 0.2, None]
    # a rise from nothing takes 1 s at least
    assert np.abs(np.diff(light, axis=1)).max() < 0.2
    lowest = light.min(axis=1)
    assert 0.4 < (lowest > 0.1).mean() < 0.95
    assert (lowest < 0.01).any()
    # each in its own time: their sum hardly varies
    assert np.ptp(series.sum(axis=0)) < 0.1 * series.sum(axis=0).mean()


@pytest.mark.parametrize(("label", "steady"), [("arc", True), ("diffuse", False)])
def test_only_diffuse_aurora_pulsates(label, steady):
    """The largest change within 15 s, against the range of light of the frame, in soft pictures."""
    from scipy.ndimage import gaussian_filter

    disc = view_of("gill", LEVEL).radius < 0.85
    changes = []
    for seed in range(10):
        made = simulate_frames("gill", spaced(6), label, style=LEVEL, seed=seed).images
        soft = np.stack([gaussian_filter(one.astype(float), 3)[disc] for one in made])
        low, high = np.percentile(soft, [1, 99])
        changes.append(np.ptp(soft, axis=0).max() / (high - low))
    if steady:
        assert max(changes) < 0.5
        assert np.median(changes) < 0.25
    else:
        assert np.sum(np.array(changes) > 0.25) >= 3


def test_clear_air_dims_the_horizon():
    view = view_of("gill", LEVEL)
    passes = transparency(view, CLEAR_AIR)
    low, high = np.abs(view.elevation - 10) < 1, np.abs(view.elevation - 80) < 1
    assert np.median(passes[low]) == pytest.approx(np.exp(-CLEAR_AIR * 5.6), rel=0.1)
    assert np.median(passes[high]) > 0.8


# ---- one scene in whatever order ----------------------------------------------------------------


def test_a_frame_is_the_same_drawn_alone_or_in_company():
    label = ["arc"] * 5 + ["discrete"] * 6 + ["diffuse"] * 4 + ["cloudy"] * 5
    scene = scene_of("gill", spaced(20), label, style=LEVEL, seed=2)
    whole, weights = draw_frames(scene, spaced(20))
    for row in (13, 4, 5, 0, 19):
        image, weight = draw_frames(scene, spaced(20)[row])
        np.testing.assert_array_equal(image[0], whole[row])
        np.testing.assert_array_equal(weight[0], weights[row])
    assert [CLASSES[k] for k in weights.argmax(axis=1)] == label


def test_another_process_draws_the_same_bits():
    code = (
        "import numpy as np, hashlib; from classifier.sky import simulate_frames;"
        "t = np.datetime64('2014-02-27T05:00:09');"
        "print(hashlib.sha256(simulate_frames('gill', t, 'diffuse', seed=9).images).hexdigest())"
    )
    import hashlib

    there = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()
    here = simulate_frames("gill", spaced(4), "diffuse", seed=9).images[3:]
    assert hashlib.sha256(np.ascontiguousarray(here)).hexdigest() == there


def test_consecutive_frames_show_one_sky_that_moves():
    made = simulate_frames("gill", spaced(40, 3), "discrete", style=LEVEL, seed=8).images
    from scipy.ndimage import gaussian_filter

    soft = np.stack([gaussian_filter(image.astype(float), 3)[60:196, 60:196] for image in made])
    flat = soft.reshape(len(soft), -1)
    alike = np.corrcoef(flat)
    assert np.median(np.diag(alike, 1)) > 0.97
    assert alike[0, -1] < alike[0, 1]


@pytest.mark.parametrize("label", ["arc", "diffuse", "discrete", "cloudy"])
def test_every_seed_has_a_sky_of_its_own(label):
    from scipy.ndimage import gaussian_filter

    skies = [
        gaussian_filter(
            simulate_frames("gill", DARK, label, style=LEVEL, seed=seed).images[0].astype(float), 3
        )[50:206, 50:206].ravel()
        for seed in range(6)
    ]
    alike = np.corrcoef(skies)[np.triu_indices(6, 1)]
    assert np.median(alike) < 0.75
    assert alike.max() < 0.985


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(1, 12), st.sampled_from([3.0, 3.0, 90.0])),
        min_size=1,
        max_size=12,
    )
)
def test_every_frame_is_dominated_by_its_own_class(runs):
    code = np.concatenate([np.full(count, name) for name, count, _ in runs])
    step = np.concatenate([np.r_[gap, np.full(count - 1, 3.0)] for _, count, gap in runs])
    seconds = np.cumsum(step)
    line = timeline_of(seconds, code)
    for at, name in zip(seconds, code, strict=True):
        weights = line.weights(at)
        assert weights.sum() == pytest.approx(1.0)
        assert weights.argmax() == name
        assert weights[name] > 0.5


def test_a_second_class_is_told_in_the_truth():
    made = simulate_frames("gill", spaced(2), "arc", style=LEVEL, seed=1, mixture=1.0)
    weights = made.weights[0]
    assert weights.sum() == pytest.approx(1.0, abs=1e-6)
    assert weights.argmax() == CLASSES.index("arc")
    plain = simulate_frames("gill", spaced(2), "arc", style=LEVEL, seed=1)
    assert plain.weights[0, 0] == 1.0
    assert made.simulated


# ---- styles ------------------------------------------------------------------------------------


def test_a_style_is_held_for_a_station_night():
    one = simulate_frames("gill", spaced(2), ["arc", "clear"], seed=4)
    two = simulate_frames("gill", DARK + np.timedelta64(4, "h"), "clear", seed=4)
    assert set(one.families) == set(two.families)
    style = station_night_style(4, "gill", "2014-02-26")
    assert scene_of("gill", spaced(2), "arc", seed=4).style == style
    assert style != station_night_style(4, "gill", "2014-02-27")
    assert style != station_night_style(4, "rank", "2014-02-26")
    assert style.site_key == station_night_style(4, "gill", "2014-02-27").site_key


def test_families_for_testing_never_occur_in_training():
    nights = [str(np.datetime64("2010-01-01") + k) for k in range(400)]
    drawn = {
        split: [
            station_night_style(k % 5, "gill", night, split=split).family
            for k, night in enumerate(nights)
        ]
        for split in ("train", "test")
    }
    assert set(drawn["train"]) == set(TRAIN_FAMILIES)
    assert set(drawn["test"]) == set(TRAIN_FAMILIES) | set(TEST_FAMILIES)
    new = np.mean([name in TEST_FAMILIES for name in drawn["test"]])
    assert new == pytest.approx(TEST_SHARE, abs=0.1)
    with pytest.raises(UsageError, match="'train' or 'test'"):
        station_night_style(0, "gill", nights[0], split="validation")  # type: ignore[arg-type]


def test_nights_begin_at_19_ut():
    assert night_of(["2014-03-10T18:59:59", "2014-03-10T19:00"]).tolist() == [
        "2014-03-09",
        "2014-03-10",
    ]


# ---- classes -----------------------------------------------------------------------------------


def test_dark_skies_are_as_bright_as_real_ones():
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


def test_no_level_of_counts_parts_clear_from_diffuse_and_yet_they_differ():
    styles = [
        replace(
            station_night_style(seed, "gill", "2014-02-26"),
            rotation=0.0,
            tilt_north=0.0,
            tilt_east=0.0,
        )
        for seed in range(16)
    ]
    disc = view_of("gill", styles[0]).radius < 0.85
    made = {
        label: [
            simulate_frames("gill", DARK, label, style=style, seed=100 + k).images[0][disc]
            for k, style in enumerate(styles)
        ]
        for label in ("clear", "diffuse")
    }
    mean = {label: np.array([np.median(one) for one in images]) for label, images in made.items()}
    best = 0.0
    for level in np.concatenate(list(mean.values())):
        best = max(best, 0.5 * (np.mean(mean["diffuse"] > level) + np.mean(mean["clear"] <= level)))
    assert 0.5 < best < 0.95
    # relief against noise tells more than the level does
    contrast = {
        label: np.median([np.subtract(*np.percentile(one, [95, 50])) for one in images])
        for label, images in made.items()
    }
    assert contrast["diffuse"] > 1.3 * contrast["clear"]


# ---- mistakes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("time", "label", "message"),
    [
        (spaced(2), "aurora", "classes are arc"),
        (spaced(3), ["arc", "arc"], "2 labels came for 3 times"),
        (spaced(3)[::-1], "arc", "must increase"),
        ([], "arc", "one or more datetimes"),
        ("noon", "arc", "datetimes"),
    ],
)
def test_mistakes_are_named(time, label, message):
    with pytest.raises(UsageError, match=message):
        simulate_frames("gill", time, label)


def test_a_scene_is_one_night_and_a_mixture_a_chance():
    with pytest.raises(UsageError, match="2 nights"):
        scene_of("gill", spaced(2, 86_400), "arc")
    with pytest.raises(UsageError, match="0 to 1"):
        scene_of("gill", DARK, "arc", mixture=2.0)
    with pytest.raises(UsageError, match="unknown site"):
        simulate_frames("nowhere", DARK, "arc")
