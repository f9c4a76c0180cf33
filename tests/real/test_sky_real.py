"""The simulated camera against real frames of Gillam and Gakona."""

from __future__ import annotations

import gzip
import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from classifier._sky.detector import expose
from classifier._sky.view import SHAPE, view_of
from classifier.sky import simulate_frames, station_night_style

REALDATA = Path(__file__).parents[3] / "shared" / "realdata"
pytestmark = pytest.mark.skipif(not REALDATA.is_dir(), reason="no real data beside this checkout")


def frames_of(name: str) -> np.ndarray:
    """Frames of one minute of PGM records."""
    content = gzip.decompress((REALDATA / "themis_asi" / name).read_bytes())
    parts = content.split(b"\n65535\n")[1:]
    return np.stack(
        [np.frombuffer(part, ">u2", count=65536).reshape(SHAPE) for part in parts]
    ).astype(float)


def noise_against_counts(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of counts in ten classes of brightness, from consecutive frames."""
    from scipy.ndimage import uniform_filter

    change = np.diff(frames, axis=0)
    change -= uniform_filter(change, (0, 9, 9))
    spread = 1.4826 * np.median(np.abs(change), axis=0) / np.sqrt(2 * (1 - 1 / 81))
    mean = np.median(frames, axis=0)
    edges = np.percentile(mean, np.arange(0, 101, 10))
    groups = [(mean >= low) & (mean <= high) for low, high in itertools.pairwise(edges)]
    return (
        np.array([mean[group].mean() for group in groups]),
        np.array([np.median(spread[group]) ** 2 for group in groups]),
    )


def test_noise_grows_as_in_the_frames_of_gillam():
    real = frames_of("20140310_0602_gill_themis19_full.pgm.gz")
    mean, variance = noise_against_counts(real)
    style = replace(
        station_night_style(0, "gill", "2014-03-09"),
        background=3440.0,
        drift=0.0,
        read_noise=13.5,
        gain=1.0,
        vignetting=0.0,
    )
    view = view_of("gill", style)
    rng = np.random.default_rng(0)
    light = np.maximum(np.median(real, axis=0) - 3440.0, 0.0).astype(np.float32)
    made = np.stack([expose(light, view, style, 0.0, rng) for _ in range(20)]).astype(float)
    made_mean, made_variance = noise_against_counts(made)
    slope, made_slope = np.polyfit(mean, variance, 1)[0], np.polyfit(made_mean, made_variance, 1)[0]
    assert made_slope == pytest.approx(slope, rel=0.08)
    np.testing.assert_allclose(made_variance, variance, rtol=0.25)


def test_the_moonlit_sky_has_the_shape_of_the_real_one():
    """Same minute and site: the Moon, the middle of the sky and the dark corners."""
    real = np.median(frames_of("20140310_0602_gill_themis19_full.pgm.gz"), axis=0)
    rows, columns = np.mgrid[:256, :256]
    middle = np.hypot(rows - 127.5, columns - 127.5) < 90
    corner = np.hypot(rows - 127.5, columns - 127.5) > 150
    aureole = np.hypot(rows - 149, columns - 215) < 12

    def shape(image: np.ndarray) -> np.ndarray:
        dark = np.median(image[corner])
        return np.array([np.median(image[middle]) - dark, np.median(image[aureole]) - dark])

    style = replace(
        station_night_style(0, "gill", "2014-03-09"), rotation=0.0, tilt_north=0.0, tilt_east=0.0
    )
    ratios = []
    for seed in range(8):
        image = simulate_frames(
            "gill", np.datetime64("2014-03-10T06:02:00"), "moon", style=style, seed=seed
        ).images[0]
        ratios.append(shape(image.astype(float)) / shape(real))
    low, high = np.min(ratios, axis=0), np.max(ratios, axis=0)
    # the haze of that night is not known: the real sky lies within what is drawn
    assert (low < 1.0).all()
    assert (high > 0.5).all()
    assert (high < 30.0).all()
