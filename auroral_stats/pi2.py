"""Power of the Pi2 pulsations that accompany onsets, minute by minute."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auroral_stats.disturbance import least_count
from auroral_stats.errors import UsageError

__all__ = ["PI2_BAND_SECONDS", "pi2_power"]

#: Periods of Pi2 pulsations, from the classification of Jacobs et al. (1964).
PI2_BAND_SECONDS = (40.0, 150.0)


def pi2_power(
    h: NDArray[Any],
    d: NDArray[Any],
    step_seconds: float,
    *,
    window: int = 10,
    coverage: float = 0.9,
) -> NDArray[np.float64]:
    r"""Return the variance of H and D in the Pi2 band, 40 to 150 s, for each minute.

    For minute ``m`` the samples of the ``window`` minutes that end with ``m`` are freed of their
    straight line, weighted with a Hann window, and the one-sided periodogram is integrated from
    1/150 to 1/40 Hz, for H and for D (Parseval: a wave of amplitude A well inside the band gives
    :math:`A^2/2`). Nothing later than minute ``m`` is used,
    which a band-pass filter run both ways would do; the price is that a pulsation reaches full
    power only when it is in the middle of the window, about five minutes after it began.

    Parameters
    ----------
    h, d : array
        nT, (time,) or (time, ...); regular samples, the first at the start of a minute.
    step_seconds : float
        Cadence, a whole fraction of a minute, at most 10 s (the band ends at 40 s).
    window : int
        Minutes.
    coverage : float
        Share of the samples of a window that must be there; the others are interpolated.

    Returns
    -------
    array of float64
        nT^2, one value a minute.

    Raises
    ------
    UsageError
        If the cadence is too slow, no whole fraction of a minute, or the samples no whole minutes.

    Examples
    --------
    >>> seconds = np.arange(0, 1800, 5.0)
    >>> wave = 50_000 + 10 * np.sin(2 * np.pi * seconds / 75)
    >>> power = pi2_power(wave, 0 * wave, 5)
    >>> round(float(power[-1]), 1), bool(np.isnan(power[8]))
    (50.0, True)
    """
    per_minute = _samples_a_minute(step_seconds)
    if h.shape != d.shape or h.shape[0] % per_minute:
        raise UsageError(
            f"h and d have shapes {h.shape} and {d.shape}; expected equal ones, and whole minutes "
            f"of {per_minute} samples."
        )
    if window * 60 < 2 * PI2_BAND_SECONDS[1]:
        raise UsageError(f"window is {window} min; expected at least 5, two waves of 150 s.")
    minutes, size = h.shape[0] // per_minute, window * per_minute
    result = np.full((minutes, *h.shape[1:]), np.nan)
    if minutes < window:
        return result
    weights = _pi2_weights(size, step_seconds)
    flat = result.reshape(minutes, -1)
    for component in (h, d):
        columns = np.asarray(component, dtype=np.float64).reshape(h.shape[0], -1)
        for k in range(columns.shape[1]):
            power = _band_power(columns[:, k], per_minute, weights, coverage)
            so_far = 0.0 if component is h else flat[window - 1 :, k]
            flat[window - 1 :, k] = so_far + power
    return result


def _samples_a_minute(step_seconds: float) -> int:
    per_minute = round(60.0 / step_seconds) if step_seconds > 0 else 0
    if step_seconds > 10.0 or per_minute < 1 or abs(per_minute * step_seconds - 60.0) > 1e-6:
        raise UsageError(
            f"step_seconds is {step_seconds}; Pi2 power needs a whole fraction of a minute of at "
            "most 10 s."
        )
    return per_minute


@functools.lru_cache(maxsize=8)
def _pi2_weights(size: int, step_seconds: float) -> NDArray[np.float64]:
    """Return a matrix (size, 2 k): the sum of squares of ``x @ weights`` is the band's variance.

    It takes the straight line out of x, applies the Hann window and projects on the cosine and the
    sine of the k Fourier frequencies inside the band.
    """
    position = np.arange(size)
    frequency = np.arange(size // 2)
    short, long = (size * step_seconds / period for period in PI2_BAND_SECONDS)
    # A Fourier frequency stands for half a step on either side; what is inside the band counts.
    share = np.minimum(frequency + 0.5, short) - np.maximum(frequency - 0.5, long)
    inside = np.flatnonzero(share > 0)
    taper = np.sin(np.pi * (position + 0.5) / size) ** 2
    wave = np.exp(-2j * np.pi * np.outer(position, inside) / size) * taper[:, None]
    line, _ = np.linalg.qr(np.column_stack([np.ones(size), position - position.mean()]))
    wave -= line @ (line.T @ wave)
    wave *= np.sqrt(share[inside] * 2.0 / (size * np.sum(taper**2)))
    weights = np.concatenate([wave.real, wave.imag], axis=1)
    weights.setflags(write=False)
    return weights


def _band_power(
    x: NDArray[np.float64], per_minute: int, weights: NDArray[np.float64], coverage: float
) -> NDArray[np.float64]:
    """Return the power of each full window of a regular series, one window a minute."""
    size = weights.shape[0]
    there = np.isfinite(x)
    whole = bool(there.all())
    if not whole:
        if not there.any():
            return np.full((x.size - size) // per_minute + 1, np.nan)
        place = np.arange(x.size)
        x = np.interp(place, place[there], x[there])
    # The level of the field is taken off first, as it is a thousand times what is looked for.
    windows = np.lib.stride_tricks.sliding_window_view(x - x[0], size)[::per_minute]
    power = np.empty(len(windows))
    # Products so small that BLAS wakes no threads for them, which would take longer than the work.
    rows = max(250_000 // weights.size, 1)
    for first in range(0, len(windows), rows):
        part = slice(first, first + rows)
        power[part] = np.square(windows[part] @ weights).sum(axis=1)
    if not whole:
        count = np.lib.stride_tricks.sliding_window_view(there, size)[::per_minute].sum(axis=1)
        power[count < least_count(coverage, size)] = np.nan
    return power
