import numpy as np
import pytest
from scipy import ndimage

from auroral_stats.errors import DataError, UsageError
from classifier.camera_measures import (
    background_level,
    edge_of_field,
    hot_pixels,
    photon_transfer,
    radial_profile,
)
from classifier.frame_statistics import MEASURES, measure_frames
from classifier.recipes import FRAME_DISC
from classifier.sky_measures import point_sources, sky_spectrum, spectrum_slope

ROW, COLUMN = np.mgrid[:256, :256].astype(float)
DISTANCE = np.hypot(ROW - 127.5, COLUMN - 127.5)


def camera(light, *, frames=8, gain=1.8, read=20.0, background=3300.0, seed=0):
    """What a camera of known gain and read noise makes of light (counts)."""
    rng = np.random.default_rng(seed)
    light = np.broadcast_to(light, (frames, 256, 256))
    counts = background + gain * rng.poisson(light / gain) + rng.normal(0, read, light.shape)
    return np.clip(np.rint(counts), 0, 65535).astype(np.uint16)


@pytest.fixture(scope="module")
def sky():
    """Light in a field of radius 122, falling off to the horizon; 2200 counts at the zenith."""
    field = ndimage.gaussian_filter((DISTANCE < 122).astype(float), 1.0)
    return 2200 * field * (1 - 0.4 * (DISTANCE / 122) ** 2) * (1 + 0.2 * COLUMN / 256)


@pytest.mark.parametrize("gain", [0.8, 1.8, 3.0])
@pytest.mark.parametrize("read", [8.0, 20.0])
def test_gain_and_read_noise_of_a_camera_are_found(sky, gain, read):
    found = photon_transfer(camera(sky, gain=gain, read=read))
    assert found.gain == pytest.approx(gain, rel=0.04)
    assert found.read_noise == pytest.approx(read, rel=0.04)
    assert found.mean[0] == pytest.approx(3300, abs=1)
    assert (np.diff(found.mean) > 0).all()


def test_noise_is_told_from_a_sky_that_changes_and_from_hot_pixels(sky):
    growing = sky * np.linspace(1, 1.5, 8)[:, None, None]
    frames = camera(growing)
    frames.reshape(8, -1)[:, np.random.default_rng(1).integers(0, 65536, 100)] = 65535
    frames[3].flat[::400] = 65535  # hits of cosmic rays in one frame
    found = photon_transfer(frames)
    assert found.gain == pytest.approx(1.8, rel=0.06)
    assert found.read_noise == pytest.approx(20, rel=0.06)


def test_background_is_taken_where_there_is_no_sky(sky):
    frames = camera(sky + 30 * (ROW < 20) * (DISTANCE > 136))
    level, noise, pattern = background_level(frames)
    assert level == pytest.approx(3300, abs=12)
    assert noise == pytest.approx(20, rel=0.05)
    assert pattern > 20 / np.sqrt(8)
    assert np.isnan(background_level(frames[:1])[1])


def test_light_in_rings(sky):
    radius, counts = radial_profile(camera(sky), step=4)
    expected = 3300 + 2200 * (1 - 0.4 * (radius / 122) ** 2) * 1.1
    inner = radius < 110
    np.testing.assert_allclose(counts[inner], expected[inner], atol=25)
    assert counts[radius > 130] == pytest.approx(3300, abs=5)


@pytest.mark.parametrize("slope", [-2.0, -3.0, -4.0])
def test_slope_of_a_spectrum_is_that_of_the_field_drawn(slope):
    rng = np.random.default_rng(2)
    k = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.rfftfreq(256)[None])
    k[0, 0] = np.inf
    drawn = []
    for _ in range(12):
        field = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(256, 256))) * k ** (slope / 2))
        frames = 3300 + (2000 + 300 * field / field.std()) * (DISTANCE < 125)
        drawn.append(spectrum_slope(*sky_spectrum(frames[None])))
    assert np.mean(drawn) == pytest.approx(slope, abs=0.3)


def test_power_of_a_wave_stands_at_its_wavenumber():
    wave = 2000 * (1 + 0.1 * np.cos(2 * np.pi * 20 / 256 * (COLUMN * 0.6 + ROW * 0.8)))
    wavenumber, power = sky_spectrum((3300 + wave * (DISTANCE < 125))[None])
    assert wavenumber[np.argmax(power)] == pytest.approx(20 / 256, abs=1 / 256)
    # twice the light, the same relative power
    brighter = sky_spectrum((3300 + 2 * wave * (DISTANCE < 125))[None])[1]
    np.testing.assert_allclose(brighter, power, rtol=1e-3)


def test_a_spectrum_without_power_has_no_slope():
    assert np.isnan(spectrum_slope([0.01, 0.02, 0.03], [0.0, 0.0, 1.0]))


@pytest.mark.parametrize("width", [1.4, 2.0, 3.0])
def test_stars_are_found_with_their_width(sky, width):
    rng = np.random.default_rng(4)
    sigma = width / 2.3548
    places = [(40 + 11 * i, 70 + 17 * (i % 7)) for i in range(16)]
    light = sky.copy()
    for row, column in places:
        light += 4000 * np.exp(-((ROW - row) ** 2 + (COLUMN - column) ** 2) / 2 / sigma**2)
    frames = camera(light, frames=10)
    hot = rng.integers(100, 150, (5, 2))
    frames[:, hot[:, 0], hot[:, 1]] = 30000
    found = point_sources(frames)
    star = found.width > 0
    pairs = set(zip(found.row[star].tolist(), found.column[star].tolist(), strict=True))
    assert set(places) <= pairs
    assert len(pairs) <= len(places) + 1
    bright = star & (found.peak > 2500)
    assert np.median(found.width[bright]) == pytest.approx(width, abs=0.15)
    alone = set(zip(found.row[~star].tolist(), found.column[~star].tolist(), strict=True))
    assert {tuple(place) for place in hot.tolist()} <= alone
    assert (np.diff(found.peak) <= 0).all()


def test_an_empty_sky_has_no_stars(sky):
    found = point_sources(camera(sky, frames=20))
    assert found.row.size <= 2  # of 37,000 pixels, 6 times the noise of their median


def test_hot_pixels_stand_alone(sky):
    frames = camera(sky)
    frames[:, 30, 30] = frames[:, 128, 60] = 65535
    frames[2, 90, 90] = 65535  # once is not always
    frames[:, 60:62, 60:62] = 30000  # four together are no single pixel
    assert np.argwhere(hot_pixels(frames)).tolist() == [[30, 30], [128, 60]]


@pytest.mark.parametrize(("radius", "blur"), [(118, 0.7), (122, 2.0), (125, 1.0)])
def test_edge_of_the_field(radius, blur):
    field = ndimage.gaussian_filter(np.less(DISTANCE, radius).astype(float), blur)
    found = edge_of_field(camera(2000 * field))
    assert np.nanmedian(found.radius) == pytest.approx(radius, abs=0.6)
    # 80 to 20 % of an edge blurred by a Gaussian is 1.68 of its sigma, and the median adds little
    assert np.nanmedian(found.width) == pytest.approx(1.68 * blur, abs=0.8)


def test_the_edge_shows_a_shifted_field_and_trees():
    shifted = np.hypot(ROW - 127.5, COLUMN - 131.5) < 118
    found = edge_of_field(camera(2000.0 * shifted))
    right, left = (found.radius[np.abs(found.azimuth - a) < 10] for a in (90, 270))
    assert np.nanmedian(right) - np.nanmedian(left) == pytest.approx(8, abs=1)
    angle = np.arctan2(COLUMN - 127.5, 127.5 - ROW)
    trees = np.less(DISTANCE, 120 - 6 * (np.sin(40 * angle) > 0.3))
    rough, smooth = (
        measure_frames(camera(2000.0 * field))["edge_irregularity"]
        for field in (trees, DISTANCE < 120)
    )
    assert smooth < 0.5
    assert rough == pytest.approx(3, abs=0.5)


def test_no_light_has_no_edge():
    found = edge_of_field(camera(np.zeros((256, 256))))
    assert np.isnan(found.radius).all()


def test_all_measures_together(sky):
    frames = camera(sky)
    values = measure_frames(frames)
    assert list(values) == list(MEASURES)
    assert all(isinstance(value, float) for value in values.values())
    inside = sky[FRAME_DISC.mask((256, 256))]
    assert values["background"] == pytest.approx(3300, abs=2)
    assert values["sky_p50"] == pytest.approx(np.median(inside), rel=0.01)
    median = np.median(inside)
    assert values["relative_noise"] == pytest.approx(
        np.sqrt(1.8 * median + 20**2) / median, rel=0.05
    )
    assert values["falloff_70"] == pytest.approx(1 - 0.4 * (98 / 122) ** 2, rel=0.02)
    assert values["hot_pixels"] == values["saturated_pixels"] == 0
    # neither a level nor the order of frames matters to what is above background
    again = measure_frames(frames[::-1] + np.uint16(1000))
    for name in ("sky_p1", "sky_p50", "gain", "spectrum_slope", "edge_radius", "falloff_70"):
        assert again[name] == pytest.approx(values[name], rel=0.01), name


def test_what_is_no_stack_of_frames_is_refused(sky):
    frames = camera(sky, frames=2)
    with pytest.raises(DataError, match=r"shape \(256, 256\) came"):
        measure_frames(frames[0])
    with pytest.raises(DataError, match="at least one frame"):
        background_level(frames[:0])
    with pytest.raises(DataError, match="noise needs two or more"):
        measure_frames(frames[:1])
    with pytest.raises(UsageError, match="counts were expected"):
        background_level(frames.astype(str))
