"""Preprocessing against the published pictures of the OATH set and real frames."""

import numpy as np
import pytest
from scipy import ndimage

from classifier.frame_selection import read_usable
from classifier.frame_statistics import measure_frames
from classifier.oath_images import read_images
from classifier.optics import pixel_of, standard_fisheye
from classifier.recipes import OATH_DISC, RECIPES

torch = pytest.importorskip("torch")

from classifier.preprocess import preprocess

#: Azimuth and elevation (deg) over Inuvik on 7 January 2013, 06:05:57 UT, by astropy.
OBJECTS = {
    "Jupiter": (178.9, 42.4),
    "Capella": (153.9, 66.4),
    "Aldebaran": (174.5, 38.0),
    "Betelgeuse": (152.8, 26.9),
    "Procyon": (126.1, 18.5),
    "Pollux": (115.7, 39.6),
    "Castor": (116.6, 44.0),
    "Vega": (331.8, 20.3),
    "Mirfak": (206.3, 70.4),
    "Polaris": (359.3, 69.0),
}


@pytest.fixture(scope="module")
def pictures(realdata):
    """The published pictures at hand, uint8."""
    return read_images(sorted((realdata / "oath" / "images").glob("*.png")))


@pytest.fixture(scope="module")
def raw(realdata):
    """The first frames of two real files, north up."""
    names = ("20140310_0600_gill_themis19_full.pgm.gz", "thg_l1_asf_gako_2011010617_v01.cdf")
    pytest.importorskip("cdflib")
    return {name: read_usable(realdata / "themis_asi" / name)[0].images[:20] for name in names}


def test_the_sky_of_the_published_pictures_is_our_disc(pictures):
    assert len(pictures) == 6
    inside = OATH_DISC.mask((256, 256))
    assert not pictures[:, ~inside].any()
    seen = pictures.any(axis=0)
    row, column = np.nonzero(seen)
    assert (row.min(), row.max(), column.min(), column.max()) == (19, 235, 20, 236)
    # The farthest pixel with data and the nearest outside leave room for 0.85 x 128 = 108.8 alone.
    distance = np.hypot(*(np.indices(seen.shape) - np.array([127, 128])[:, None, None]))
    assert 108.78 < distance[seen].max() <= 108.8 < distance[~inside].min() < 108.82
    # No other centre within two pixels makes a circle that is so well filled.
    fits = {}
    for centre in np.ndindex(5, 5):
        at = np.hypot(*(np.indices(seen.shape) - np.add(centre, [125, 126])[:, None, None]))
        fits[centre] = (~seen & (at <= at[seen].max())).sum()
    assert min(fits, key=fits.get) == (2, 2)


def test_shares_of_black_and_white_tell_where_the_percentiles_were_taken(pictures, raw):
    inside = OATH_DISC.mask((256, 256))
    published = [(p[inside] == v).mean() for p in pictures for v in (0, 255)]
    assert 0.010 < min(published) <= max(published) < 0.0131
    white = np.array(published[1::2])
    assert (white > 0.01).all()
    assert (white < 0.0106).all()
    for frames in raw.values():
        levels = torch.floor(255 * preprocess(frames, "disc-percentile-v1", 217))[:, 0].numpy()
        sky = levels[:, inside[OATH_DISC.box]]
        assert ((sky == 255).mean(axis=1) > 0.0099).all()
        assert ((sky == 255).mean(axis=1) < 0.0106).all()
        assert ((sky == 0).mean(axis=1) > 0.0100).all()
        assert ((sky == 0).mean(axis=1) < 0.0180).all()
        whole = torch.floor(255 * preprocess(frames, "frame-percentile-v1", 217))[:, 0].numpy()
        whole = whole[:, inside[OATH_DISC.box]]
        assert ((whole == 0).mean(axis=1) < 0.001).all()
        assert (np.abs((whole == 255).mean(axis=1) - 0.0103) > 0.003).all()


def test_published_pictures_have_east_to_the_right(pictures):
    picture = pictures[2].astype(float)  # 00004, Inuvik, 06:05:57 UT
    rest = picture - ndimage.median_filter(picture, 7)
    peaks = np.argwhere((rest == ndimage.maximum_filter(rest, 5)) & (rest > 70))
    azimuth, elevation = np.array(list(OBJECTS.values())).T
    found = {}
    for mirrored in (True, False):
        for turn in range(0, 360, 2):
            row, column = pixel_of(standard_fisheye(), (azimuth + turn) % 360, elevation)
            column = 255 - column if mirrored else column
            miss = np.hypot(row[:, None] - peaks[:, 0], column[:, None] - peaks[:, 1]).min(axis=1)
            found[mirrored, turn] = (miss < 3.5).sum()
    best = max(found, key=found.get)
    assert best == (True, 328)  # the upper edge looks to azimuth 32 deg
    assert found[best] == len(OBJECTS)
    assert max(n for (mirrored, _), n in found.items() if not mirrored) <= 4


def test_pictures_keep_their_brightness(pictures):
    ready = preprocess(pictures, "oath-png-v1", 217)[:, 0].numpy()
    np.testing.assert_allclose(ready, pictures[:, *OATH_DISC.box] / 255, atol=1e-7)
    small = preprocess(pictures, "oath-png-v1", 64)[:, 0].numpy()
    np.testing.assert_allclose(small.mean(axis=(1, 2)), ready.mean(axis=(1, 2)), rtol=0.01)


@pytest.mark.parametrize("recipe", [r for r in RECIPES if r != "oath-png-v1"])
def test_real_frames_are_the_same_in_any_batch(raw, recipe):
    frames = np.concatenate(list(raw.values()))
    together = preprocess(frames, recipe, 128)
    assert torch.isfinite(together).all()
    singly = torch.cat([preprocess(frame[None], recipe, 128) for frame in frames])
    assert torch.equal(singly, together)


def test_measures_of_two_real_cameras(raw):
    for frames in raw.values():
        values = measure_frames(frames)
        assert 2000 < values["background"] < 4000
        assert 18 < values["background_noise"] < 23
        assert 1.6 < values["gain"] < 2.0
        assert values["read_noise"] == pytest.approx(values["background_noise"], rel=0.1)
        assert 121 < values["edge_radius"] < 127
        assert 1 <= values["saturated_pixels"] <= 5
        assert -4.5 < values["spectrum_slope"] < -3
    gako = values  # twilight but clear
    assert gako["stars"] > 40
    assert 1.2 < gako["star_width"] < 1.8
