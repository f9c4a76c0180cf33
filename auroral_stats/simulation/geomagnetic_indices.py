r"""Geomagnetic indices that follow a simulated solar wind.

The auroral electrojets answer the coupling after some twenty minutes and remember it for half an
hour; the ring current obeys the equation of Burton et al. (1975); Kp follows the electrojets of
its three hours.

Everything here is simulated.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from auroral_stats.simulation.kp_files import AP_OF_KP_THIRDS
from auroral_stats.simulation.worlds import autoregressive

__all__ = ["auroral_indices", "electrojet", "kp_of", "ring_current"]

Array = NDArray[np.float64]

#: Minutes from the bow-shock nose to the first answer of the electrojets, and their memory.
_DELAY = 15
_MEMORY = 25.0
#: Minutes in which the electrojet changes of its own accord.
_ONSET = 8.0
#: Burton et al. 1975, table 2 and eq. 5: decay (1/s), injection (nT/s per mV/m), threshold (mV/m),
#: pressure (nT per square root of nPa) and quiet-day offset (nT).
_DECAY, _INJECTION, _THRESHOLD, _PRESSURE, _QUIET = 3.6e-5, -1.5e-3, 0.5, 15.8, 20.0


def electrojet(rng: np.random.Generator, coupling: Array) -> Array:
    """Return the strength of the westward electrojet.

    A first-order answer to the coupling, with a memory of 25 min after a delay of 15 min, times
    a lognormal factor with a memory of 40 min for what substorms do of their own accord.

    Parameters
    ----------
    rng : numpy.random.Generator
    coupling : ndarray, (minute,)
        Newell coupling, (km/s)^(4/3) nT^(2/3).

    Returns
    -------
    ndarray, (minute,)
        nT, positive: about the depth of AL.

    Examples
    --------
    >>> step = np.where(np.arange(600) < 300, 0.0, 8000.0)
    >>> jet = electrojet(np.random.default_rng(0), step)
    >>> bool(jet[310] < 30 and jet[400] > 100)
    True
    """
    late = np.concatenate([np.full(_DELAY, coupling[0]), coupling[:-_DELAY]])
    keep = np.exp(-1.0 / _MEMORY)
    answer, _ = signal.lfilter([1.0 - keep], [1.0, -keep], late, zi=np.array([keep * late[0]]))
    smooth = np.exp(-1.0 / _ONSET)
    own = signal.lfilter(
        [1.0 - smooth], [1.0, -smooth], autoregressive(rng, (coupling.size,), 40.0)
    )
    own = np.exp(0.45 * own - 0.08)
    return np.asarray(12.0 + 0.035 * answer * own)


def auroral_indices(rng: np.random.Generator, jet: Array) -> dict[str, Array]:
    """Return AE, AL and AU, with AE = AU - AL exactly.

    Parameters
    ----------
    rng : numpy.random.Generator
    jet : ndarray, (minute,)
        From :func:`electrojet` (nT).

    Returns
    -------
    dict of str to ndarray, (minute,)
        Whole nT.
    """
    ripple, own = autoregressive(rng, (2, jet.size), np.array([4.0, 60.0]))
    al = np.rint(-(jet + 4.0 * ripple * np.sqrt(1.0 + jet / 60.0)))
    au = np.rint(10.0 + 0.4 * jet * np.exp(0.25 * own) + 2.0 * ripple)
    return {"AE": au - al, "AL": al, "AU": au}


def ring_current(
    rng: np.random.Generator, speed: Array, bz: Array, pressure: Array
) -> dict[str, Array]:
    r"""Return SYM-H and its kin, by the equation of Burton et al. (1975).

    .. math:: \frac{dD^*}{dt} = -1.5\cdot10^{-3}\,\max(vB_s - 0.5, 0) - 3.6\cdot10^{-5} D^*,
              \qquad \mathrm{SYM\mbox{-}H} = D^* + 15.8\sqrt{P} - 20

    in nT, s, mV/m and nPa.

    Parameters
    ----------
    rng : numpy.random.Generator
    speed, bz, pressure : ndarray, (minute,)
        km/s, nT (GSM), nPa.

    Returns
    -------
    dict of str to ndarray, (minute,)
        ``SYM_H``, ``SYM_D``, ``ASY_H``, ``ASY_D`` in whole nT.

    References
    ----------
    Burton, McPherron and Russell 1975, J. Geophys. Res. 80, 4204, doi:10.1029/JA080i031p04204.
    """
    southward = 1e-3 * speed * np.maximum(-bz, 0.0)
    injection = 60.0 * _INJECTION * np.maximum(southward - _THRESHOLD, 0.0)
    keep = 1.0 - 60.0 * _DECAY
    current = signal.lfilter([1.0], [1.0, -keep], injection)
    ripple = autoregressive(rng, (4, speed.size), np.array([20.0, 60.0, 20.0, 20.0]))
    partial = signal.lfilter([1.0], [1.0, -np.exp(-1.0 / 90.0)], -injection)
    return {
        "SYM_H": np.rint(current + _PRESSURE * np.sqrt(pressure) - _QUIET + 1.5 * ripple[0]),
        "SYM_D": np.rint(0.05 * partial + 2.0 * ripple[1]),
        "ASY_H": np.rint(11.0 + 0.9 * partial + 3.0 * np.abs(ripple[2])),
        "ASY_D": np.rint(9.0 + 0.6 * partial + 3.0 * np.abs(ripple[3])),
    }


def kp_of(jet: Array) -> Array:
    """Return Kp of each three hours, in thirds.

    Parameters
    ----------
    jet : ndarray, (minute,)
        From :func:`electrojet` (nT); whole days.

    Returns
    -------
    ndarray, (3-h interval,)
        The Kp whose ap is nearest to a linear function of the mean of the upper half of ``jet``.

    Examples
    --------
    >>> (kp_of(np.full(1440, 12.0)) * 3).tolist()[:2]
    [1.0, 1.0]
    """
    hours = np.sort(jet.reshape(-1, 180), axis=1)[:, 90:].mean(axis=1)
    ap = np.maximum(0.09 * hours + 0.5, 0.0)
    table = np.array(AP_OF_KP_THIRDS, dtype=np.float64)
    return np.asarray(np.abs(ap[:, None] - table).argmin(axis=1) / 3.0)
