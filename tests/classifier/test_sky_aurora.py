"""Forms of simulated aurora: where they lie, how they are seen, and what pulsates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from classifier._sky.arcs import paint_arcs
from classifier._sky.aurora_map import field_at, projection
from classifier._sky.diffuse import patches, pulsation
from classifier._sky.view import SHAPE, view_of
from classifier.optics import pixel_of, standard_fisheye
from classifier.sky import simulate_frames

# ---- aurora ------------------------------------------------------------------------------------


def test_arcs_lie_along_magnetic_east_and_west(level):
    """At Gakona, whose magnetic north is 21 deg from the geographic; measured on the frames."""
    time = np.datetime64("2011-01-06T09:00:00")
    style = replace(level, key="level", site_key="level")
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


def test_the_layer_brightens_towards_the_horizon_as_van_rhijn_says(level):
    matrix = projection("gill", level, 2014)
    image = (matrix @ np.ones(matrix.shape[1], dtype=np.float32)).reshape(SHAPE)
    view = view_of("gill", level)
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
def test_only_diffuse_aurora_pulsates(label, steady, level, spaced):
    """The largest change within 15 s, against the range of light of the frame, in soft pictures."""
    from scipy.ndimage import gaussian_filter

    disc = view_of("gill", level).radius < 0.85
    changes = []
    for seed in range(10):
        made = simulate_frames("gill", spaced(6), label, style=level, seed=seed).images
        soft = np.stack([gaussian_filter(one.astype(float), 3)[disc] for one in made])
        low, high = np.percentile(soft, [1, 99])
        changes.append(np.ptp(soft, axis=0).max() / (high - low))
    if steady:
        assert max(changes) < 0.5
        assert np.median(changes) < 0.25
    else:
        assert np.sum(np.array(changes) > 0.25) >= 3
