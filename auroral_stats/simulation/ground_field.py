r"""The magnetic field on the ground below a simulated aurora.

The field is a level with a daily variation and a slow drift, the bay of the electrojet, and
fluctuations. The fluctuations of the horizontal field are made as differences of 1-min means: the
difference of minute m is

.. math:: d_m - \kappa\, f_{m-1}, \qquad d_m \sim t_3\bigl(\sigma(\text{form}_m)\, g_m\bigr)

where :math:`d_m` is isotropic, independent of everything before given its scale, and drawn from a
bivariate t distribution with three degrees of freedom, because real differences have heavy tails;
:math:`\kappa` = 0.06 keeps the sum :math:`f` from wandering off. The scale has a factor
:math:`\sigma` for the form and a factor g for the driver and the place. So the chance that
\|dB/dt\| exceeds a threshold is known for every form in every state.

Everything here is simulated.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from auroral_stats.labels import USABLE
from auroral_stats.simulation.forms_world import oval_latitude
from auroral_stats.simulation.solar_wind import gap_mask
from auroral_stats.simulation.worlds import autoregressive

__all__ = [
    "FORM_SCALE",
    "REVERSION",
    "bay",
    "exceedance",
    "fluctuation_scale",
    "minute_field",
    "sampled_field",
    "wandering",
]

Array = NDArray[np.float64]

#: Scale of the differences of 1-min means under each form, relative to one another.
FORM_SCALE = {"arc": 1.05, "diffuse": 0.9, "discrete": 1.35, "clear": 0.75}
#: Share of the accumulated fluctuation that is given back each minute.
REVERSION = 0.06
_FREEDOM = 3.0
#: Unit of these scales in the middle of the oval, at midnight and in a common state (nT).
_SCALE_NT = 4.5
_DIRECTIONS = np.cos(np.pi * (np.arange(6) + 0.5) / 6)


def bay(jet: Array, drive: Array, mlt: Array, mlat: Array) -> Array:
    """Return the disturbance by the electrojets, (..., 3) in H, D, Z (nT).

    Westward after some 22 MLT (H falls), eastward before; Z changes sign across the electrojet,
    which lies in the middle of the oval.

    Parameters
    ----------
    jet : ndarray
        Strength of the westward electrojet (nT).
    drive, mlt, mlat : ndarray
        As in :func:`auroral_stats.simulation.forms_world.form_chances`.

    Returns
    -------
    ndarray, (..., 3)

    Examples
    --------
    >>> two = np.full(2, 500.0), np.zeros(2), np.array([18.0, 3.0]), np.full(2, 67.0)
    >>> (bay(*two)[:, 0] > 0).tolist()
    [True, False]
    """
    hours = (mlt + 12.0) % 24.0 - 12.0
    away = (mlat - oval_latitude(drive, mlt)) / 3.5
    westward = 1.0 / (1.0 + np.exp(-(hours + 2.0) / 0.7))
    sense = 0.5 - 1.3 * westward
    night = np.exp(-0.5 * ((hours - 1.0) / 5.5) ** 2)
    strength = jet * sense * night * np.exp(-0.5 * away**2)
    return np.asarray(np.stack([strength, -0.2 * strength, -0.8 * away * strength], axis=-1))


def fluctuation_scale(drive: Array, mlt: Array, mlat: Array) -> Array:
    """Return the scale under each usable form, (..., 4) in nT, in the order of ``USABLE``.

    Parameters
    ----------
    drive, mlt, mlat : ndarray
        As in :func:`auroral_stats.simulation.forms_world.form_chances`.

    Returns
    -------
    ndarray, (..., 4)
        Of the difference of one 1-min mean from that before.
    """
    hours = (mlt + 12.0) % 24.0 - 12.0
    away = (mlat - oval_latitude(drive, mlt)) / 5.0
    night = 0.3 + 0.7 * np.exp(-0.5 * (hours / 5.0) ** 2)
    common = _SCALE_NT * np.exp(0.55 * drive - 0.5 * away**2) * night + 0.3
    return np.asarray(common[..., None] * np.array([FORM_SCALE[name] for name in USABLE]))


def wandering(scale_squared: Array) -> Array:
    r"""Return the standard deviation of what is given back in a minute, for each component (nT).

    Parameters
    ----------
    scale_squared : ndarray
        Mean square of the scale over the forms that there may be (nT^2).

    Returns
    -------
    ndarray
        That of :math:`\kappa f` in a steady state.
    """
    variance = scale_squared * _FREEDOM / (_FREEDOM - 2.0)
    return np.asarray(REVERSION * np.sqrt(variance / (1.0 - (1.0 - REVERSION) ** 2)))


def exceedance(threshold: float, scale: Array, shift: Array) -> Array:
    r"""Return the chance that a difference exceeds a threshold.

    For a bivariate t variable :math:`P(r > x) = (1 + x^2 / \nu\sigma^2)^{-\nu/2}`. With a known
    part ``shift`` beside it, the chance is that of leaving a circle that is not centred, and is
    averaged over directions.

    Parameters
    ----------
    threshold : float
        nT in a minute.
    scale : ndarray
        nT.
    shift : ndarray
        Magnitude of the known part of the difference (nT), of the same shape or broadcast.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> float(exceedance(3.0, np.array(1.0), np.array(0.0)).round(4))
    0.125
    """
    total = np.zeros(np.broadcast_shapes(np.shape(scale), np.shape(shift)))
    for cosine in _DIRECTIONS:
        along = shift * cosine
        inside = threshold**2 - shift**2 + along**2
        root = np.sqrt(np.maximum(inside, 0.0))
        near, far = np.maximum(-along - root, 0.0), np.maximum(root - along, 0.0)
        chance = 1.0 - _beyond(near, scale) + _beyond(far, scale)
        total += np.where(inside > 0, chance, 1.0)
    return total / _DIRECTIONS.size


def _beyond(distance: Array, scale: Array) -> Array:
    # (1 + x^2 / 3 s^2)^(-3/2), without a power
    inverse = 1.0 / (1.0 + (distance / scale) ** 2 / _FREEDOM)
    return np.asarray(inverse * np.sqrt(inverse))


def minute_field(
    rng: np.random.Generator,
    *,
    form: NDArray[np.uint8],
    jet: Array,
    drive: Array,
    mlt: Array,
    mlat: Array,
    years: Array,
    hours: Array,
) -> Array:
    """Return 1-min means of H, D and Z at one station.

    Parameters
    ----------
    rng : numpy.random.Generator
    form : ndarray of uint8, (minute,)
        Position in ``USABLE`` of the form that fills most of the minute, seen or not.
    jet, drive, mlt, mlat : ndarray, (minute,)
        As in :func:`bay`.
    years : ndarray, (minute,)
        Since some epoch, for the secular trend.
    hours : ndarray, (minute,)
        Local solar time.

    Returns
    -------
    ndarray, (minute, 3)
        nT. The level is that of a dipole at the latitude of the station.
    """
    minutes = form.size
    scale = fluctuation_scale(drive, mlt, mlat)[np.arange(minutes), form]
    kick = rng.standard_normal((minutes, 3)) * np.sqrt(
        _FREEDOM / rng.chisquare(_FREEDOM, minutes)[:, None]
    )
    kick *= scale[:, None] * np.array([1.0, 1.0, 0.6])
    field = _accumulated(kick) + bay(jet, drive, mlt, mlat) + _quiet(rng, hours)
    latitude = np.radians(np.mean(mlat))
    level = 29_700.0 * np.array([np.cos(latitude), 0.0, 2.0 * np.sin(latitude)])
    return np.asarray(field + level + years[:, None] * np.array([-15.0, 8.0, -55.0]))


def _accumulated(kick: Array) -> Array:
    return np.asarray(signal.lfilter([1.0], [1.0, REVERSION - 1.0], kick, axis=0))


def _quiet(rng: np.random.Generator, hours: Array) -> Array:
    """Return the daily variation of quiet days, a little different every day, and slow drifts."""
    size = 1.0 + 0.2 * autoregressive(rng, (3, hours.size), 1440.0).T
    angle = 2 * np.pi * (hours - 12.0) / 24.0
    daily = np.stack(
        [
            -14.0 * np.cos(angle) - 6.0 * np.cos(2 * angle),
            -18.0 * np.sin(angle) - 7.0 * np.sin(2 * angle),
            -9.0 * np.cos(angle),
        ],
        axis=-1,
    )
    return np.asarray(size * daily + 2.0 * autoregressive(rng, (3, hours.size), 4320.0).T)


def sampled_field(rng: np.random.Generator, means: Array, scale: Array, samples: int) -> Array:
    """Return the field at ``samples`` instants a minute, with exactly the 1-min means given.

    Parameters
    ----------
    rng : numpy.random.Generator
    means : ndarray, (minute, 3)
        nT.
    scale : ndarray, (minute,)
        Scale of the differences of the means (nT), which that within the minute follows.
    samples : int
        Equally spaced, from the start of the minute.

    Returns
    -------
    ndarray, (minute * samples, 3)
        nT. Some spikes and gaps (NaN), as magnetometers have them, break the rule on means.
    """
    minutes = len(means)
    slope = np.gradient(means, axis=0)[:, None, :]
    place = (np.arange(samples) + 0.5) / samples - 0.5
    ripple = autoregressive(rng, (minutes, 3, samples), 12.0 * samples / 60.0).transpose(0, 2, 1)
    ripple -= ripple.mean(axis=1, keepdims=True)
    field = means[:, None, :] + slope * place[:, None] + 0.25 * scale[:, None, None] * ripple
    field = field.reshape(minutes * samples, 3)
    days = minutes / 1440.0
    spikes = rng.integers(minutes * samples, size=rng.poisson(0.15 * days))
    size = rng.uniform(150.0, 1500.0, (spikes.size, 3))
    field[spikes] += rng.choice([-1.0, 1.0], (spikes.size, 3)) * size
    gaps = gap_mask(rng, minutes, per_day=(0.4, 0.02), mean_minutes=(4.0, 240.0))
    field[np.repeat(gaps, samples)] = np.nan
    return field
