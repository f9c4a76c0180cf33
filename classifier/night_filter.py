"""Which frames were taken in the dark: the Sun far below the horizon, the Moon down if asked.

Kvammen et al. 2020 rejected images "where the Sun was at an apparent elevation greater than -15
deg, or where the moon was above the horizon". Refraction cannot matter for the Sun there; whether
they counted it for the Moon is not said. Decided here: elevations are geometric, of the centre of
the disc, so that a Moon at exactly 0 deg is down; refraction would raise it by half a degree.

The other rule is the one by which all rates of this project are made: Sun at -12 deg or lower,
whatever the Moon does, since moonlit frames have a class of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auroral_stats.brief import Brief
from auroral_stats.errors import UsageError

__all__ = ["NIGHT_RULES", "DarkFrames", "NightRule", "dark_frames"]


@dataclass(frozen=True)
class NightRule:
    """When a frame counts as dark.

    Attributes
    ----------
    id : str
    sun_highest : float
        The Sun may stand at this elevation or below it, deg.
    moon_highest : float
        Likewise the Moon; 90 if it may stand anywhere.
    source : str
    """

    id: str
    sun_highest: float
    moon_highest: float
    source: str


#: Rules by id; the first is the default.
NIGHT_RULES: Mapping[str, NightRule] = MappingProxyType(
    {
        rule.id: rule
        for rule in (
            NightRule("dark", -12.0, 90.0, "auroral_stats: the denominator of all rates"),
            NightRule("kvammen", -15.0, 0.0, "Kvammen et al. 2020, section 2.1"),
        )
    }
)


@dataclass(frozen=True, eq=False, repr=False)
class DarkFrames(Brief):
    """Which frames a rule keeps, and why the others go.

    Attributes
    ----------
    keep : ndarray of bool, (frame,)
    sun_elevation, moon_elevation : ndarray of float32, (frame,)
        Geometric, deg.
    rule : NightRule
    counts : mapping of str to int
        ``frames``; ``kept``; ``sun``: the Sun too high, whatever the Moon; ``moon``: the Moon too
        high, whatever the Sun; ``both``. Frames less kept are sun and moon less both.
    """

    keep: NDArray[np.bool_]
    sun_elevation: NDArray[np.float32]
    moon_elevation: NDArray[np.float32]
    rule: NightRule
    counts: Mapping[str, int]
    _UNITS: ClassVar[Mapping[str, str]] = {"sun_elevation": "deg", "moon_elevation": "deg"}


def dark_frames(
    site: str | ArrayLike,
    time: ArrayLike,
    rule: str | NightRule = "dark",
) -> DarkFrames:
    """Find the frames that were taken in the dark.

    Parameters
    ----------
    site : str or array_like of str, (frame,)
        Code of the station, or one for each frame.
    time : array_like of datetime, (frame,)
        UTC.
    rule : str or NightRule
        One of :data:`NIGHT_RULES`.

    Returns
    -------
    DarkFrames

    Raises
    ------
    UsageError
        An unknown rule or site; as many sites as there are not times; times that are missing or
        outside the ephemeris (1972 to 2099).

    References
    ----------
    Kvammen, A. et al. (2020), J. Geophys. Res. Space Physics, 125, e2020JA027808.

    Examples
    --------
    The Moon stood over Gillam on 10 March 2014, 28 deg high:

    >>> found = dark_frames("gill", ["2014-03-10T06:02", "2014-03-10T12:00"], "kvammen")
    >>> found.keep.tolist(), dict(found.counts)
    ([False, False], {'frames': 2, 'kept': 0, 'sun': 1, 'moon': 1, 'both': 0})
    >>> dark_frames("gill", ["2014-03-10T06:02", "2014-03-10T12:00"]).keep.tolist()
    [True, False]
    """
    chosen = _find_rule(rule)
    utc = np.atleast_1d(np.asarray(time))
    if utc.ndim != 1:
        raise UsageError(f"time: {utc.ndim} dimensions came, one was expected")
    sun, moon = _elevations(site, utc)
    too_light, moonlit = sun > chosen.sun_highest, moon > chosen.moon_highest
    keep = ~(too_light | moonlit)
    counts = {
        "frames": int(utc.size),
        "kept": int(keep.sum()),
        "sun": int(too_light.sum()),
        "moon": int(moonlit.sum()),
        "both": int((too_light & moonlit).sum()),
    }
    return DarkFrames(keep, sun, moon, chosen, MappingProxyType(counts))


def _elevations(
    site: str | ArrayLike, utc: NDArray[np.generic]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    # astropy and erfa are slow to load, and not needed where labels are trained
    from auroral_stats.geometry import sun_moon_elevation
    from auroral_stats.sites import check_sites, load_sites

    codes = np.char.lower(np.char.strip(np.atleast_1d(np.asarray(site, dtype=np.str_))))
    if codes.ndim != 1 or codes.size not in {1, utc.size}:
        raise UsageError(
            f"site: {codes.size} codes came for {utc.size} times; give one for all, or one each"
        )
    places, which = np.unique(codes, return_inverse=True)
    table = load_sites().loc[list(check_sites(places.tolist()))]
    which = np.broadcast_to(which, utc.shape)
    sun, moon = np.empty(utc.size, np.float32), np.empty(utc.size, np.float32)
    for k, (latitude, longitude) in enumerate(
        zip(table["latitude"], table["longitude"], strict=True)
    ):
        rows = which == k
        sun[rows], moon[rows] = sun_moon_elevation(utc[rows], latitude, longitude)
    return sun, moon


def _find_rule(rule: str | NightRule) -> NightRule:
    if isinstance(rule, NightRule):
        return rule
    try:
        return NIGHT_RULES[rule]
    except (KeyError, TypeError):
        known = ", ".join(NIGHT_RULES)
        raise UsageError(f"rule: {rule!r} is not known; known are {known}.") from None
