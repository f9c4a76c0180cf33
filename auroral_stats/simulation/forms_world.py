r"""Which auroral form each site sees: chances that depend on driver, place and hour.

The state of the driver is the logarithm of the Newell coupling, averaged over the minutes from 40
to 10 before; nothing later enters. The oval lies where the driver puts it and every site sees some
four degrees around it. Over it, arcs come before magnetic midnight, diffuse aurora after it, and
discrete aurora when the driving is strong. A night has a mood of its own that the driver does not
explain. The form of the sky is drawn anew at random instants, six minutes apart in the mean, from
the chances at that minute; cloud and moonlight then hide some of it.

Everything here is simulated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from auroral_stats.labels import USABLE
from auroral_stats.simulation.weather import VEIL

__all__ = [
    "DWELL_MINUTES",
    "MOOD",
    "FormSequence",
    "age_in_frames",
    "drive_of",
    "form_chances",
    "form_sequence",
    "minute_forms",
    "moods",
    "oval_latitude",
]

Array = NDArray[np.float64]

#: Mean time between redraws of the form (minutes).
DWELL_MINUTES = 6.0
#: Standard deviation of the mood of a night, in the logit of any aurora against none.
MOOD = 0.5
#: The driver is averaged over the minutes m - 39 to m - 10.
_LAG, _WINDOW = 10, 30
#: Share of a night's mood that all sites have in common.
_COMMON_MOOD = 0.5


def drive_of(coupling: Array) -> Array:
    """Return the state of the driver that the sky of each minute knows of.

    Parameters
    ----------
    coupling : ndarray, (minute,)
        Newell coupling, (km/s)^(4/3) nT^(2/3).

    Returns
    -------
    ndarray, (minute,)
        Logarithm of the mean over the minutes m - 39 to m - 10, in units of a common value; from
        -2.3 without coupling to 2 and more in storms. The first 39 minutes have that of the next.

    Examples
    --------
    >>> drive = drive_of(np.where(np.arange(200) < 100, 0.0, 8000.0))
    >>> drive[[109, 110, 139]].round(2).tolist()
    [-2.3, -1.58, 1.19]
    """
    total = np.concatenate([[0.0], np.cumsum(coupling)])
    mean = (total[_WINDOW:] - total[:-_WINDOW]) / _WINDOW
    late = np.full(coupling.size, mean[0])
    late[_LAG + _WINDOW - 1 :] = mean[: coupling.size - _LAG - _WINDOW + 1]
    return np.asarray(np.log((np.maximum(late, 0.0) + 250.0) / 2500.0))


def oval_latitude(drive: Array, mlt: Array) -> Array:
    """Return the magnetic latitude of the middle of the oval (degrees).

    It moves equatorward with the driver and lies lowest around magnetic midnight.

    Examples
    --------
    >>> oval_latitude(np.array([-1.5, 1.5]), np.array([0.0, 0.0])).tolist()
    [70.0, 64.0]
    """
    hours = (mlt + 12.0) % 24.0 - 12.0
    return np.asarray(67.0 - 2.0 * drive + 0.05 * hours**2)


def form_chances(drive: Array, mlt: Array, mlat: Array, mood: Array | float = 0.0) -> Array:
    """Return the chances of arc, diffuse, discrete and clear, in the order of ``USABLE``.

    Parameters
    ----------
    drive : ndarray
        From :func:`drive_of`.
    mlt : ndarray
        Magnetic local time (h), of the same shape.
    mlat : ndarray
        Magnetic latitude of the site (degrees).
    mood : ndarray or float
        Added to the logit of every aurora.

    Returns
    -------
    ndarray, (..., 4)
        They sum to 1.

    Examples
    --------
    >>> hour = np.array([21.0, 3.0])
    >>> chance = form_chances(np.zeros(2), hour, np.full(2, 66.0))
    >>> bool(chance[0, 0] > chance[1, 0]), bool(chance[1, 1] > chance[0, 1])
    (True, True)
    """
    hours = (mlt + 12.0) % 24.0 - 12.0
    away = mlat - oval_latitude(drive, mlt)
    over = mood - 0.5 * (away / 3.3) ** 2
    score = {
        "arc": -0.65 + 0.15 * drive - 0.1 * hours - 0.02 * hours**2 + over,
        "diffuse": -0.1 + 0.25 * drive + 0.13 * hours - 0.015 * hours**2 + over,
        "discrete": -0.9 + 0.9 * drive - 0.02 * hours**2 + over,
        "clear": np.zeros_like(over),
    }
    return np.asarray(special.softmax(np.stack([score[name] for name in USABLE], axis=-1), axis=-1))


@dataclass(frozen=True)
class FormSequence:
    """The forms over one site, frame by frame.

    Attributes
    ----------
    form : ndarray of uint8, (frame,)
        Position in ``USABLE``: what there is, whether it can be seen or not.
    hidden_above : ndarray of float32, (frame,)
        Moonlight from which on this form is lost.
    """

    form: NDArray[np.uint8]
    hidden_above: NDArray[np.float32]


def form_sequence(rng: np.random.Generator, chances: Array, frames_per_minute: int) -> FormSequence:
    """Draw the forms over one site.

    Parameters
    ----------
    rng : numpy.random.Generator
    chances : ndarray, (minute, 4)
        From :func:`form_chances`.
    frames_per_minute : int

    Returns
    -------
    FormSequence
        The form is drawn anew at random frames, every six minutes in the mean and whatever it is;
        so the form of a frame was drawn from the chances at an age that is geometric.
    """
    frames = len(chances) * frames_per_minute
    anew = rng.random(frames, dtype=np.float32) < 1.0 / (DWELL_MINUTES * frames_per_minute)
    anew[0] = True
    at = np.flatnonzero(anew)
    below = chances[at // frames_per_minute, :3].cumsum(axis=1)
    form = (rng.random(at.size)[:, None] > below).sum(axis=1).astype(np.uint8)
    # An exponential variable makes the chance of being seen that of weather.seen_chance.
    above = (rng.exponential(size=at.size) / VEIL[form]).astype(np.float32)
    lengths = np.diff(at, append=frames)
    return FormSequence(np.repeat(form, lengths), np.repeat(above, lengths))


def age_in_frames(rng: np.random.Generator, size: int, frames_per_minute: int) -> NDArray[np.int64]:
    """Return how many frames ago the form of a frame was drawn.

    Parameters
    ----------
    rng : numpy.random.Generator
    size : int
    frames_per_minute : int

    Returns
    -------
    ndarray of int64, (size,)
        Geometric, as :func:`form_sequence` makes it; 0 for a form that is drawn with the frame.
    """
    return rng.geometric(1.0 / (DWELL_MINUTES * frames_per_minute), size) - 1


def minute_forms(form: NDArray[np.uint8], frames_per_minute: int) -> NDArray[np.uint8]:
    """Return the form that most frames of each minute show; of equals the first in ``USABLE``.

    Examples
    --------
    >>> minute_forms(np.array([2, 2, 1, 3, 1, 1], dtype=np.uint8), 3).tolist()
    [2, 1]
    """
    blocks = form.reshape(-1, frames_per_minute)
    number = np.stack([(blocks == k).sum(axis=1) for k in range(len(USABLE))])
    return number.argmax(axis=0).astype(np.uint8)


def moods(rng: np.random.Generator, nights: int, sites: int) -> Array:
    """Return the mood of each night at each site, (night, site), in units of the logit.

    Half of the variance is common to all sites.
    """
    common = np.sqrt(_COMMON_MOOD) * rng.standard_normal((nights, 1))
    own = np.sqrt(1.0 - _COMMON_MOOD) * rng.standard_normal((nights, sites))
    return np.asarray(MOOD * (common + own))
