"""The published OATH tables and pictures, as far as they are at hand, are read for what they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from auroral_stats.geometry import site_geometry
from auroral_stats.labels import CLASSES
from classifier.oath import PUBLISHED_COUNTS, Oath, class_counts, open_oath
from classifier.oath_folds import grouped_folds, official_folds, split_rows, station_folds
from classifier.oath_images import read_images
from classifier.oath_report import folds_of, near_copies, nights_of, pixels_of


@pytest.fixture(scope="module")
def oath(realdata: Path) -> Oath:
    return open_oath(realdata / "oath", origins=realdata / "oath_labels.csv", pictures="unchecked")


def test_the_counts_are_the_published_ones(oath: Oath) -> None:
    assert len(oath) == 5824
    assert tuple(class_counts(oath.label).values()) == PUBLISHED_COUNTS
    assert oath.aurora.sum() == 3276
    assert not oath.simulated


def test_the_published_split_is_what_its_seed_gives(oath: Oath) -> None:
    np.testing.assert_array_equal(oath.split, split_rows(5824))
    folds = official_folds(oath)
    assert [fold.train.size for fold in folds] == [4077] * 5


def test_where_and_when_the_pictures_were_taken(oath: Oath) -> None:
    nights = nights_of(oath)
    assert (nights.station_nights, nights.nights, nights.stations) == (79, 44, 19)
    assert (nights.station_hours, nights.unknown) == (126, 1)
    assert nights.single_class == pytest.approx(43 / 79)
    assert nights.median_step == 42.0
    assert oath.site[0] == ""
    assert (oath.site[1], str(oath.time[1])) == ("inuv", "2013-01-07T06:01:00.000")
    # all on the cadence of the cameras
    assert (oath.time[1:].astype(np.int64) % 3000 == 0).all()


def test_random_folds_leak_and_grouped_ones_do_not(oath: Oath) -> None:
    official, grouped = folds_of(oath)
    assert official.near == pytest.approx(0.75, abs=0.01)
    assert grouped.near == 0.0
    # the classes of a fold by station-night stay within 30 % of an even deal
    for fold in grouped_folds(oath):
        counts = np.bincount(oath.label[fold.test], minlength=6)
        assert (np.abs(counts / (np.array(PUBLISHED_COUNTS) / 5) - 1) < 0.3).all()
    assert not any(near_copies(oath, fold).any() for fold in grouped_folds(oath, by="night"))
    assert len(station_folds(oath)) == 19


def test_moonlit_pictures_have_the_moon_up(oath: Oath) -> None:
    moon = np.full(len(oath), np.nan)
    for site in np.unique(oath.site[1:]):
        mine = oath.site == site
        sky = site_geometry(oath.time[mine], str(site), quantities=("moon_elevation",))
        moon[mine] = sky["moon_elevation"].to_numpy()[:, 0]
    up = {name: (moon[oath.label == code] > 0).mean() for code, name in enumerate(CLASSES)}
    assert up["moon"] == pytest.approx(0.956, abs=0.002)
    assert up["arc"] == pytest.approx(0.075, abs=0.002)


def test_the_pictures_at_hand(realdata: Path) -> None:
    part = open_oath(realdata / "oath", pictures="present")
    assert part.picture.tolist() == [1, 2, 4, 5, 6, 7]
    assert [CLASSES[code] for code in part.label[:3]] == ["discrete", "discrete", "arc"]
    pictures = read_images(part.images)
    assert pictures.shape == (6, 256, 256)
    assert pictures.any(axis=(1, 2)).all()
    pixels = pixels_of(part)
    assert pixels.white == pytest.approx(0.0103, abs=0.0002)
    assert pixels.black == pytest.approx(0.0119, abs=0.0004)
    assert pixels.outside == 0.0
