"""What stays the same at a station for a night, and has nothing to do with the aurora.

A classifier that learns the focus of a camera or the lamps on its horizon recognises the night
instead of the sky. Each station-night therefore has a style, drawn from families. Most families
occur in nights for training and for testing; the families of :data:`TEST_FAMILIES` occur in nights
for testing alone, where they make up :data:`TEST_SHARE` of the nights: a split grouped by
station-night is then a change of domain, as it is between real winters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from auroral_stats.errors import UsageError
from classifier._sky.random_fields import stream

__all__ = ["TEST_FAMILIES", "TEST_SHARE", "TRAIN_FAMILIES", "Split", "Style", "station_night_style"]

Split = Literal["train", "test"]

#: Families of styles that occur in every night, with their shares among nights for training.
TRAIN_FAMILIES = {"clean": 0.44, "frost": 0.14, "snow": 0.12, "haze": 0.14, "dirt": 0.16}
#: Families that occur in nights for testing alone, with their shares among those nights.
TEST_FAMILIES = {"soft focus": 0.35, "shifted": 0.35, "town": 0.30}
#: Share of the nights for testing that have a family of :data:`TEST_FAMILIES`.
TEST_SHARE = 0.5


@dataclass(frozen=True)
class Style:
    """The nuisances of one station-night.

    Attributes
    ----------
    family : str
        The family that it was drawn from.
    key : str
        Names the random streams of the night.
    site_key : str
        Names the random streams of the station, which nights have in common.
    gain : float
        Counts for each detected electron times the transmission of the optics; 1 is usual.
    background : float
        Counts without light.
    drift : float
        Change of the background in counts an hour.
    read_noise : float
        Standard deviation of a count without light.
    focus : float
        Standard deviation of the image of a star, pixels.
    vignetting : float
        Share of the light that is lost at the horizon.
    rotation : float
        Turn of the camera against its survey, deg.
    tilt_north, tilt_east : float
        Lean of its axis, deg.
    town : float
        Brightness of the lamps about the station, counts of sky glow at their azimuth.
    haze : float
        Optical depth of haze at the zenith.
    frost, snow, dirt : float
        Share of the dome that is frosted over, covered by snow, dirty; 0 to 1.
    stars : float
        Brightness of stars against the usual.
    airglow : float
        Brightness of the night sky without the Milky Way at the zenith, counts.
    """

    family: str
    key: str
    site_key: str
    gain: float
    background: float
    drift: float
    read_noise: float
    focus: float
    vignetting: float
    rotation: float
    tilt_north: float
    tilt_east: float
    town: float
    haze: float
    frost: float
    snow: float
    dirt: float
    stars: float
    airglow: float


def station_night_style(seed: int, site: str, night: str, *, split: Split = "train") -> Style:
    """Return the style of a station-night.

    Parameters
    ----------
    seed : int
    site : str
        Site code.
    night : str
        Date of the night, such as ``"2014-03-09"``; see :func:`classifier.sky.night_of`.
    split : {"train", "test"}
        Nights for testing have families of style that nights for training never have.

    Returns
    -------
    Style
        Background near 3300 counts at most stations, which have a level of their own.

    Raises
    ------
    UsageError
        ``split`` is neither.

    Examples
    --------
    >>> style = station_night_style(1, "gill", "2014-03-09")
    >>> style == station_night_style(1, "gill", "2014-03-09")
    True
    >>> style.family in TRAIN_FAMILIES
    True
    """
    if split not in ("train", "test"):
        raise UsageError(f"split: {split!r} came; 'train' or 'test' was expected")
    station = stream("station", seed, site)
    level = float(np.clip(station.normal(3300.0, 130.0), 2900.0, 3650.0))
    lamps = float(station.lognormal(5.2, 0.9))
    shade = float(station.uniform(0.10, 0.42))
    gain = float(station.lognormal(0.0, 0.10))
    noise = float(station.uniform(18.4, 20.8))
    keen = float(station.lognormal(0.0, 0.25))

    night_rng = stream("station-night", seed, site, night, split)
    families = TRAIN_FAMILIES
    if split == "test" and night_rng.random() < TEST_SHARE:
        families = TEST_FAMILIES
    family = str(night_rng.choice(list(families), p=list(families.values())))
    usual = night_rng.uniform
    return Style(
        family=family,
        key=f"{seed}/{site}/{night}/{split}",
        site_key=f"{seed}/{site}",
        gain=gain * float(night_rng.lognormal(0.0, 0.06)),
        background=level + float(night_rng.normal(0.0, 25.0)),
        drift=float(night_rng.normal(0.0, 4.0)),
        read_noise=noise,
        focus=float(usual(1.3, 2.2)) if family == "soft focus" else float(usual(0.50, 0.72)),
        vignetting=shade + float(usual(-0.03, 0.03)),
        rotation=float(usual(20, 60) * night_rng.choice([-1, 1]))
        if family == "shifted"
        else float(night_rng.normal(0.0, 1.2)),
        tilt_north=float(night_rng.normal(0.0, 3.0 if family == "shifted" else 0.5)),
        tilt_east=float(night_rng.normal(0.0, 3.0 if family == "shifted" else 0.5)),
        town=lamps * float(night_rng.lognormal(0.0, 0.3)) + (900.0 if family == "town" else 0.0),
        haze=float(usual(0.15, 0.5)) if family == "haze" else float(night_rng.exponential(0.03)),
        frost=float(usual(0.25, 0.8)) if family == "frost" else 0.0,
        snow=float(usual(0.08, 0.30)) if family == "snow" else 0.0,
        dirt=float(usual(0.4, 1.0)) if family == "dirt" else float(usual(0.0, 0.25)),
        stars=keen * float(night_rng.lognormal(0.0, 0.15)),
        airglow=float(night_rng.lognormal(5.4, 0.28)),
    )
