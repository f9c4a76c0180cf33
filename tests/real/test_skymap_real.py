"""The real skymap of Gakona, and the real sky above Gakona and Gillam on their frames."""

from pathlib import Path

import erfa
import numpy as np
import pytest

from auroral_stats.geometry import site_geometry
from classifier.frame_selection import read_usable
from classifier.keogram_files import keogram_of_files
from classifier.mosaic_files import mosaic_of_files
from classifier.optics import pixel_directions, pixel_of, standard_fisheye
from classifier.skymap import Skymap, ideal_skymap, read_skymap

#: Right ascension and declination (J2000, deg) of bright stars that stood high above Gakona.
STARS = {
    "Arcturus": (213.9153, 19.1824),
    "Vega": (279.2347, 38.7837),
    "Capella": (79.1723, 45.9980),
    "Deneb": (310.3580, 45.2803),
    "Regulus": (152.0930, 11.9672),
    "Dubhe": (165.9320, 61.7510),
    "Alkaid": (206.8852, 49.3133),
    "Kochab": (222.6764, 74.1555),
    "Mizar": (200.9814, 54.9254),
    "Polaris": (37.9546, 89.2641),
}


@pytest.fixture(scope="module")
def themis(realdata) -> Path:
    return realdata / "themis_asi"


@pytest.fixture(scope="module")
def gako(themis) -> Skymap:
    return read_skymap(next(themis.glob("themis_skymap_gako_*.sav")))


def star_direction(ra: float, dec: float, time: np.datetime64, lat: float, lon: float):
    """Azimuth and geometric elevation of a star, by the IAU routines."""
    days = (time - np.datetime64("1970-01-01")) / np.timedelta64(1, "D")
    local = erfa.c2i06a(2440587.5, days) @ erfa.s2c(np.radians(ra), np.radians(dec))
    right_ascension, declination = erfa.c2s(local)
    hour_angle = erfa.era00(2440587.5, days) + np.radians(lon) - right_ascension
    azimuth, elevation = erfa.hd2ae(hour_angle, declination, np.radians(lat))
    return np.degrees(azimuth), np.degrees(elevation)


def test_the_file_says_what_it_is(gako):
    assert (gako.site, str(gako.valid_from)) == ("gako", "2011-03-05T08:00:00")
    assert gako.site_longitude == pytest.approx(-145.16, abs=0.001)
    assert gako.elevation.shape == (256, 256)
    assert gako.corner_latitude.shape == (257, 257)
    assert not gako.idealised


def test_the_fisheye_is_that_of_the_skymap(gako):
    azimuth, elevation = pixel_directions(standard_fisheye("gako"))
    seen = np.isfinite(gako.elevation)
    assert np.abs(elevation - gako.elevation)[seen].max() < 1e-4
    apart = (azimuth - gako.azimuth + 180.0) % 360.0 - 180.0
    assert np.abs(apart * np.cos(np.radians(elevation)))[seen].max() < 1e-4


@pytest.mark.parametrize("height", [90.0, 110.0, 150.0])
def test_the_maps_follow_from_the_directions(themis, height):
    """The file's own places of the corners, against those computed for its lens."""
    path = next(themis.glob("themis_skymap_gako_*.sav"))
    read, made = read_skymap(path, height_km=height), ideal_skymap("gako", height_km=height)
    for one, other in (
        ((read.corner_latitude, read.corner_longitude), (made.corner_latitude, made.corner_longitude)),
        ((read.latitude, read.longitude), (made.latitude, made.longitude)),
    ):  # fmt: skip
        north = 111.2 * (one[0] - other[0])
        east = 111.2 * np.cos(np.radians(62.4)) * (one[1] - other[1])
        apart = np.hypot(north, east)
        # the file rounds the place of the site to 0.01 deg: 0.35 km
        assert np.nanmedian(apart) < 0.36
        assert np.nanmax(apart) < 0.45


def brightest_near(image: np.ndarray, row: float, column: float, reach: int = 3):
    i, j = round(float(row)), round(float(column))
    box = image[i - reach : i + reach + 1, j - reach : j + reach + 1]
    at = np.unravel_index(np.argmax(box), box.shape)
    return box.max() - np.median(box), np.hypot(i - reach + at[0] - row, j - reach + at[1] - column)


def stars_found(image: np.ndarray, time: np.datetime64) -> int:
    found = 0
    for ra, dec in STARS.values():
        azimuth, elevation = star_direction(ra, dec, time, 62.407, -145.158)
        row, column = pixel_of(standard_fisheye("gako"), azimuth, elevation)
        excess, apart = brightest_near(image, row, column)
        found += bool(excess > 300.0 and apart < 2.6)
    return found


def test_stars_stand_where_the_skymap_says(themis):
    frames, skipped = read_usable(next(themis.glob("thg_l1_asf_gako_*.cdf")))
    assert not skipped
    image = np.median(frames.images, axis=0)
    time = frames.time[len(frames.time) // 2]
    assert stars_found(image, time) == len(STARS)
    # turned or mirrored they are not there
    for other in (image[::-1, ::-1], image[::-1], image[:, ::-1]):
        assert stars_found(other, time) <= 2


def test_the_moon_above_gillam(themis):
    frames, _ = read_usable(themis / "20140310_0602_gill_themis19_full.pgm.gz")
    glare = np.median(frames.images, axis=0)
    smooth = sum(np.roll(glare, (i, j), (0, 1)) for i in range(-3, 4) for j in range(-3, 4))
    _, elevation = pixel_directions(standard_fisheye())
    smooth[~(elevation > 10.0)] = 0.0
    brightest = np.unravel_index(np.argmax(smooth), smooth.shape)
    sky = site_geometry(frames.time[:1], "gill")
    row, column = pixel_of(
        standard_fisheye(), float(sky.moon_azimuth[0, 0]), float(sky.moon_elevation[0, 0])
    )
    assert np.hypot(brightest[0] - row, brightest[1] - column) < 8.0


def test_a_keogram_of_six_real_minutes(themis):
    run = keogram_of_files(sorted(themis.glob("*_gill_*.pgm*")))
    keogram = run.keogram
    assert keogram.counts.shape[0] == 120
    assert not run.skipped
    assert not keogram.simulated
    assert (keogram.frame_of >= 0).all()
    assert keogram.cadence == np.timedelta64(3, "s") or abs(
        keogram.cadence - np.timedelta64(3_000_000, "us")
    ) < np.timedelta64(100_000, "us")
    assert keogram.slit.zenith_mlat == pytest.approx(65.7, abs=0.1)


def test_a_keogram_with_the_real_skymap(themis):
    run = keogram_of_files(
        [next(themis.glob("thg_l1_asf_gako_*.cdf"))],
        skymap=next(themis.glob("themis_skymap_gako_*.sav")),
    )
    assert "after these frames" in run.skymap_note
    slit = run.keogram.slit
    assert not slit.idealised
    assert slit.zenith_mlat == pytest.approx(63.2, abs=0.1)
    # dawn comes up in the south-east: at equal elevation the south is brighter
    counts = np.median(run.keogram.counts, axis=0)
    low = (slit.elevation > 15.0) & (slit.elevation < 30.0)
    south, north = low & (slit.mlat < slit.zenith_mlat), low & (slit.mlat > slit.zenith_mlat)
    assert np.median(counts[south]) > np.median(counts[north]) + 100.0


def test_a_mosaic_of_real_frames(themis):
    run = mosaic_of_files([themis], "2014-03-10T06:02:00")
    assert [layer.skymap.site for layer in run.layers] == ["gill"]
    assert not run.simulated
    assert run.layers[0].counts_range[0] > 2000.0
