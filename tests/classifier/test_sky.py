"""The simulated sky: one scene in whatever order, styles, classes and mistakes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auroral_stats.errors import UsageError
from auroral_stats.labels import CLASSES
from classifier._sky.timeline import timeline_of
from classifier._sky.view import view_of
from classifier.sky import (
    TEST_FAMILIES,
    TEST_SHARE,
    TRAIN_FAMILIES,
    draw_frames,
    night_of,
    scene_of,
    simulate_frames,
    station_night_style,
)

# ---- one scene in whatever order ----------------------------------------------------------------


def test_a_frame_is_the_same_drawn_alone_or_in_company(level, spaced):
    label = ["arc"] * 5 + ["discrete"] * 6 + ["diffuse"] * 4 + ["cloudy"] * 5
    scene = scene_of("gill", spaced(20), label, style=level, seed=2)
    whole, weights = draw_frames(scene, spaced(20))
    for row in (13, 4, 5, 0, 19):
        image, weight = draw_frames(scene, spaced(20)[row])
        np.testing.assert_array_equal(image[0], whole[row])
        np.testing.assert_array_equal(weight[0], weights[row])
    assert [CLASSES[k] for k in weights.argmax(axis=1)] == label


def test_another_process_draws_the_same_bits(spaced):
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


def test_consecutive_frames_show_one_sky_that_moves(level, spaced):
    made = simulate_frames("gill", spaced(40, 3), "discrete", style=level, seed=8).images
    from scipy.ndimage import gaussian_filter

    soft = np.stack([gaussian_filter(image.astype(float), 3)[60:196, 60:196] for image in made])
    flat = soft.reshape(len(soft), -1)
    alike = np.corrcoef(flat)
    assert np.median(np.diag(alike, 1)) > 0.97
    assert alike[0, -1] < alike[0, 1]


@pytest.mark.parametrize("label", ["arc", "diffuse", "discrete", "cloudy"])
def test_every_seed_has_a_sky_of_its_own(label, level, dark):
    from scipy.ndimage import gaussian_filter

    skies = [
        gaussian_filter(
            simulate_frames("gill", dark, label, style=level, seed=seed).images[0].astype(float), 3
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


def test_a_second_class_is_told_in_the_truth(level, spaced):
    made = simulate_frames("gill", spaced(2), "arc", style=level, seed=1, mixture=1.0)
    weights = made.weights[0]
    assert weights.sum() == pytest.approx(1.0, abs=1e-6)
    assert weights.argmax() == CLASSES.index("arc")
    plain = simulate_frames("gill", spaced(2), "arc", style=level, seed=1)
    assert plain.weights[0, 0] == 1.0
    assert made.simulated


# ---- styles ------------------------------------------------------------------------------------


def test_a_style_is_held_for_a_station_night(spaced, dark):
    one = simulate_frames("gill", spaced(2), ["arc", "clear"], seed=4)
    two = simulate_frames("gill", dark + np.timedelta64(4, "h"), "clear", seed=4)
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


def test_no_level_of_counts_parts_clear_from_diffuse_and_yet_they_differ(dark):
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
            simulate_frames("gill", dark, label, style=style, seed=100 + k).images[0][disc]
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

TIMES = np.datetime64("2014-02-27T05:00:00") + np.arange(3)


@pytest.mark.parametrize(
    ("time", "label", "message"),
    [
        (TIMES[:2], "aurora", "classes are arc"),
        (TIMES, ["arc", "arc"], "2 labels came for 3 times"),
        (TIMES[::-1], "arc", "must increase"),
        ([], "arc", "one or more datetimes"),
        ("noon", "arc", "datetimes"),
    ],
)
def test_mistakes_are_named(time, label, message):
    with pytest.raises(UsageError, match=message):
        simulate_frames("gill", time, label)


def test_a_scene_is_one_night_and_a_mixture_a_chance(spaced, dark):
    with pytest.raises(UsageError, match="2 nights"):
        scene_of("gill", spaced(2, 86_400), "arc")
    with pytest.raises(UsageError, match="0 to 1"):
        scene_of("gill", dark, "arc", mixture=2.0)
    with pytest.raises(UsageError, match="unknown site"):
        simulate_frames("nowhere", dark, "arc")
