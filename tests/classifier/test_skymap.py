"""Skymaps: geometry against erfa and spherical limits, files against a small writer of IDL saves."""

import contextlib
import struct
from pathlib import Path

import erfa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auroral_stats.errors import ArchiveError, DataError, UsageError
from classifier.emission_shell import look_direction, shell_coordinates
from classifier.optics import Fisheye, standard_fisheye
from classifier.skymap import (
    choose_skymap,
    find_skymap,
    ideal_skymap,
    magnetic_skymap,
    read_skymap,
)
from classifier.skymap_files import list_skymaps

NAME = "themis_skymap_gako_20110305-+_vXX.sav"
TIME = np.datetime64("2014-03-10T06:00")


# --- geometry ------------------------------------------------------------------------------------


@given(
    st.floats(-85.0, 85.0),
    st.floats(-180.0, 180.0),
    st.floats(0.0, 359.0),
    st.floats(5.0, 89.0),
    st.floats(80.0, 300.0),
)
def test_direction_to_place_and_back(lat, lon, azimuth, elevation, height):
    place = shell_coordinates(lat, lon, azimuth, elevation, height)
    az, el = look_direction(lat, lon, *place, height)
    # constant geodetic height is not quite the ellipsoid with longer axes
    assert abs(el - elevation) < 0.01
    apart = (az - azimuth + 180.0) % 360.0 - 180.0
    assert abs(apart) * np.cos(np.radians(elevation)) < 0.01


def test_places_lie_on_the_line_of_sight_at_the_height():
    """An independent route: erfa makes Cartesian places of what comes out."""
    azimuth, elevation = np.meshgrid(np.arange(0.0, 360.0, 30.0), np.arange(10.0, 90.0, 10.0))
    lat, lon = shell_coordinates(62.4, -145.2, azimuth, elevation, 110.0)
    there = erfa.gd2gc(1, np.radians(lon), np.radians(lat), np.full(lat.shape, 110e3))
    site = erfa.gd2gc(1, np.radians(-145.2), np.radians(62.4), 0.0)
    sight = there - site
    sight /= np.linalg.norm(sight, axis=-1, keepdims=True)
    up = erfa.s2c(np.radians(-145.2), np.radians(62.4))
    assert np.abs(np.degrees(np.arcsin(sight @ up)) - elevation).max() < 0.005


def test_zenith_is_the_site_and_height_moves_places_outwards():
    low, high = (ideal_skymap("gill", height_km=height) for height in (90.0, 150.0))
    best = np.unravel_index(np.nanargmax(low.elevation), low.elevation.shape)
    assert low.latitude[best] == pytest.approx(low.site_latitude, abs=0.02)
    assert low.longitude[best] == pytest.approx(low.site_longitude, abs=0.03)
    north = low.latitude > low.site_latitude + 0.5
    assert (high.latitude[north] > low.latitude[north]).all()


def test_masked_below_the_lowest_elevation_only():
    sky = ideal_skymap("gill", min_elevation=20.0)
    assert np.array_equal(np.isfinite(sky.latitude), np.nan_to_num(sky.elevation, nan=-1) >= 20.0)
    assert np.isfinite(sky.elevation).sum() > np.isfinite(sky.latitude).sum()


def test_corners_surround_their_pixel():
    sky = ideal_skymap("rank")
    around = np.stack(
        [sky.corner_latitude[i : i + 256, j : j + 256] for i in (0, 1) for j in (0, 1)]
    )
    seen = np.isfinite(sky.latitude)
    assert (around.min(axis=0) <= sky.latitude)[seen].all()
    assert (around.max(axis=0) >= sky.latitude)[seen].all()


def test_magnetic_coordinates_against_one_by_one():
    import aacgmv2

    sky = ideal_skymap("gill")
    mlat, mlon = magnetic_skymap(sky, TIME)
    assert np.array_equal(np.isfinite(mlat), np.isfinite(sky.latitude))
    generator = np.random.default_rng(1)
    for row, column in generator.choice(np.argwhere(np.isfinite(mlat)), 20):
        direct = aacgmv2.convert_latlon(
            sky.latitude[row, column], sky.longitude[row, column], 110.0,
            np.datetime64("2014-03-15").item(), method_code="G2A",
        )  # fmt: skip
        assert mlat[row, column] == pytest.approx(direct[0], abs=1e-6)
        assert mlon[row, column] == pytest.approx(direct[1], abs=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"height_km": 10.0}, "50 to 1000 km"),
        ({"height_km": np.nan}, "50 to 1000 km"),
        ({"min_elevation": 95.0}, "0 to 90"),
    ],
)
def test_heights_and_elevations_that_cannot_be(options, message):
    with pytest.raises(UsageError, match=message):
        ideal_skymap("gill", **options)


# --- files ---------------------------------------------------------------------------------------


def _long(*values: int) -> bytes:
    return struct.pack(f">{len(values)}i", *values)


def _padded(content: bytes) -> bytes:
    return content + b"\0" * (-len(content) % 4)


def _string(text: str) -> bytes:
    return _long(len(text)) + _padded(text.encode())


def _array_desc(shape: tuple[int, ...], nbytes: int) -> bytes:
    dims = (*reversed(shape), *[1] * (8 - len(shape)))
    return _long(8, 0, nbytes, int(np.prod(shape)), len(shape), 0, 0, 8, *dims)


def _sav(fields: dict, name: str = "SKYMAP") -> bytes:
    """An IDL save file with one structure of float arrays, float scalars and strings."""
    tags, names, arrays, data = b"", b"", b"", b""
    for key, value in fields.items():
        names += _string(key)
        if isinstance(value, str):
            tags += _long(0, 7, 0)
            data += _long(len(value)) + _string(value) if value else _long(0)
        elif np.ndim(value):
            content = np.asarray(value, dtype=">f4")
            tags += _long(0, 4, 4)
            arrays += _array_desc(content.shape, content.nbytes)
            data += content.tobytes()
        else:
            tags += _long(0, 4, 0)
            data += struct.pack(">f", value)
    struct_desc = _long(9) + _string("") + _long(0, len(fields), 0) + tags + names + arrays
    body = _string(name) + _long(8, 36) + _array_desc((1,), 0) + struct_desc + _long(7) + data
    start = b"SR\x00\x04"
    following = len(start) + 16 + len(body)
    record = struct.pack(">iIIi", 2, following, 0, 0) + body
    return start + record + struct.pack(">iIIi", 6, 0, 0, 0)


def _fields(corners: bool = True) -> dict:
    sky = ideal_skymap("gako", min_elevation=0.0)
    maps = {}
    for height in (90, 110, 150):
        at = ideal_skymap("gako", height_km=height, min_elevation=0.0)
        maps[height] = (
            (at.corner_latitude, at.corner_longitude) if corners else (at.latitude, at.longitude)
        )
    return {
        "SITE_UID": "gako",
        "SITE_MAP_LATITUDE": sky.site_latitude,
        "SITE_MAP_LONGITUDE": sky.site_longitude % 360.0,
        "FULL_ELEVATION": sky.elevation,
        "FULL_AZIMUTH": sky.azimuth,
        "FULL_MAP_ALTITUDE": np.array([90e3, 110e3, 150e3]),
        "FULL_MAP_LATITUDE": np.stack([maps[height][0] for height in maps]),
        "FULL_MAP_LONGITUDE": np.stack([maps[height][1] % 360.0 for height in maps]),
    }


@pytest.fixture(scope="module")
def sav(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("skymaps") / NAME
    path.write_bytes(_sav(_fields()))
    return path


@pytest.mark.parametrize("height", [90.0, 110.0, 150.0, 120.0])
def test_a_skymap_file_gives_what_it_was_made_of(sav, height):
    read, made = read_skymap(sav, height_km=height), ideal_skymap("gako", height_km=height)
    assert (read.site, read.idealised, read.source) == ("gako", False, NAME)
    assert str(read.valid_from) == "2011-03-05T00:00:00"  # from the name: nothing inside says it
    assert read.site_longitude == pytest.approx(-145.158, abs=1e-4)
    for name in ("latitude", "longitude", "corner_latitude", "corner_longitude"):
        one, other = getattr(read, name), getattr(made, name)
        high = np.isfinite(one) & np.isfinite(other)
        if name.startswith("corner"):
            high[1:, 1:] &= np.nan_to_num(made.elevation) > 12.0
            high[0] = high[:, 0] = False
        assert high.sum() > 30_000
        # float32 of the file at the horizon, and the mean of four pixels at 120 km
        assert np.abs(one - other)[high].max() < 0.02, name


def test_maps_at_the_centres_are_taken_as_such(tmp_path):
    path = tmp_path / NAME
    path.write_bytes(_sav(_fields(corners=False)))
    read, made = read_skymap(path), ideal_skymap("gako")
    seen = np.isfinite(read.latitude)
    assert np.abs(read.latitude - made.latitude)[seen].max() < 1e-4
    assert np.isfinite(read.corner_latitude).sum() > 40_000


def _without(key: str) -> bytes:
    return _sav({name: value for name, value in _fields().items() if name != key})


def _changed(**values) -> bytes:
    return _sav(_fields() | values)


def _turned() -> bytes:
    fields = _fields()
    return _sav(fields | {"FULL_AZIMUTH": (fields["FULL_AZIMUTH"] + 180.0) % 360.0})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda: b"", "not an IDL save file"),
        (lambda: b"P5\n256 256\n", "not an IDL save file"),
        (lambda: _sav(_fields())[:100_000], "cut short"),
        (lambda: b"SR\x00\x04" + struct.pack(">iIIi", 2, 4, 0, 0) * 9, "cut short or damaged"),
        (lambda: _sav({"A": 1.0}, name="OTHER"), "no structure named skymap"),
        (lambda: _without("FULL_ELEVATION"), "has no FULL_ELEVATION"),
        (lambda: _without("SITE_UID"), "has no SITE_UID"),
        (lambda: _changed(FULL_AZIMUTH=np.zeros((4, 5))), "FULL_AZIMUTH"),
        (lambda: _changed(FULL_ELEVATION=np.full((256, 256), np.nan)), "FULL_ELEVATION"),
        (lambda: _changed(SITE_MAP_LATITUDE=99.0), "SITE_MAP_LATITUDE"),
        (lambda: _changed(FULL_MAP_LATITUDE=np.zeros((3, 9, 9))), "FULL_MAP_L"),
        (_turned, "do not belong"),
    ],
)
def test_files_that_are_no_skymap(tmp_path, content, message):
    path = tmp_path / NAME
    path.write_bytes(content())
    with pytest.raises(DataError, match=message) as caught:
        read_skymap(path)
    assert str(path) in str(caught.value)


@settings(max_examples=60)
@given(st.integers(0, 399), st.integers(0, 255))
def test_a_changed_byte_is_read_or_refused(tmp_path_factory, where, value):
    """In the headers a byte can do most harm; whatever it does, it is one of our errors or none."""
    content = bytearray(_SMALL)
    content[where % len(content)] = value
    path = tmp_path_factory.mktemp("byte") / NAME
    path.write_bytes(content)
    with contextlib.suppress(DataError, UsageError):
        read_skymap(path)


_SMALL = _sav(
    {
        "SITE_UID": "gako",
        "SITE_MAP_LATITUDE": 62.4,
        "SITE_MAP_LONGITUDE": 214.8,
        "FULL_ELEVATION": np.full((3, 3), 50.0),
        "FULL_AZIMUTH": np.full((3, 3), 50.0),
    }
)


def test_a_file_that_claims_a_million_structures_takes_no_memory(tmp_path):
    content = bytearray(_SMALL)
    where = content.index(b"SKYMAP") + 8 + 20
    assert content[where : where + 4] == b"\0\0\0\1"
    content[where + 1] = 16
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(DataError, match="is damaged at byte 4, or holds many structures"):
        read_skymap(tmp_path / NAME)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ArchiveError, match=NAME[:10]):
        read_skymap(tmp_path / NAME)


# --- which file ----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path) -> Path:
    for name in (
        "gill/themis_skymap_gill_20080101-20081231_v01.sav",
        "gill/themis_skymap_gill_20130101-+_vXX.sav",
        "gill/themis_skymap_gill_20130101-+_v02.sav",
        "gill/themis_skymap_gill_20130101-+_v10.sav",
        "themis_skymap_gako_20110305-+_vXX.sav",
        "themis_skymap_gill_20139901-+_v02.sav",
        "themis_skymap_gill_2013.sav",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


@pytest.mark.parametrize(
    ("site", "day", "expected"),
    [
        ("gill", "2008-01-01", "themis_skymap_gill_20080101-20081231_v01.sav"),
        ("GILL", "2008-12-31T23:59", "themis_skymap_gill_20080101-20081231_v01.sav"),
        ("gill", "2014-03-10T06:00", "themis_skymap_gill_20130101-+_v10.sav"),
        ("gako", "2011-03-05", "themis_skymap_gako_20110305-+_vXX.sav"),
    ],
)
def test_the_latest_valid_skymap(folder, site, day, expected):
    assert find_skymap(folder, site, np.datetime64(day)).name == expected
    assert find_skymap(folder.rglob("*.sav"), site, np.datetime64(day)).name == expected


@pytest.mark.parametrize(
    ("site", "day", "message"),
    [
        ("gill", "2009-01-01", "20080101-20081231"),
        ("gill", "2007-06-01", "none found among"),
        ("rank", "2014-01-01", "rank"),
    ],
)
def test_no_valid_skymap(folder, site, day, message):
    with pytest.raises(UsageError, match=message):
        find_skymap(folder, site, np.datetime64(day))
    with pytest.raises(UsageError, match="no such"):
        list_skymaps(folder / "nowhere")


def test_choosing_a_skymap(sav):
    sky, note = choose_skymap(None, "gill", TIME)
    assert sky.idealised
    assert "idealised optics" in note
    sky, note = choose_skymap(sav.parent, "gako", TIME)
    assert (sky.idealised, note) == (False, f"gako: {NAME}")
    _, note = choose_skymap(sav, "gako", np.datetime64("2011-01-06"))
    assert "after these frames" in note
    with pytest.raises(UsageError, match="frames are of gill"):
        choose_skymap(sav, "gill", TIME)


def test_another_lens_gives_another_map():
    plain, turned = ideal_skymap("gill"), ideal_skymap("gill", Fisheye(top_azimuth=90.0))
    assert plain.latitude[30, 127] > plain.site_latitude + 2.0
    assert turned.longitude[30, 127] > turned.site_longitude + 2.0
    assert ideal_skymap("gako", standard_fisheye("gako")).source == "idealised optics"
