"""Random numbers by name, and random functions of place and time made from them.

A random stream is named by what it is for, such as ``stream(seed, "stars")``: parts that draw more
or fewer numbers do not disturb each other. Streams are those of ``numpy.random.PCG64``, whose bits
NumPy keeps from version to version; the methods of its Generator may change in a major version.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["TEXTURE_SIZE", "Wander", "sample", "smoothstep", "stream", "texture", "wander"]

Array = NDArray[np.float32]

#: Rows and columns of a texture, which repeats at its edges.
TEXTURE_SIZE = 512


def stream(*name: object) -> np.random.Generator:
    """Return the random stream of a name.

    Parameters
    ----------
    *name : int, str or other
        Any parts whose text is always the same.

    Returns
    -------
    numpy.random.Generator

    Examples
    --------
    >>> first, again = stream(7, "stars"), stream(7, "stars")
    >>> float(first.random()) == float(again.random()) != float(stream(8, "stars").random())
    True
    """
    text = "\x1f".join(str(part) for part in name)
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))


@functools.lru_cache(maxsize=96)
def texture(slope: float, shortest: float, longest: float, stretch: float, *name: object) -> Array:
    """Return a periodic random texture of zero mean and unit variance.

    Parameters
    ----------
    slope : float
        The amplitude falls with wave number to this power.
    shortest, longest : float
        Wave lengths kept, in texels; the ends are soft.
    stretch : float
        How many times longer structures are along the second axis than along the first.
    *name
        Of the random stream.

    Returns
    -------
    numpy.ndarray of float32, (TEXTURE_SIZE, TEXTURE_SIZE)
        Kept in a cache: not to be written to.

    Examples
    --------
    >>> made = texture(1.5, 2.0, 200.0, 1.0, "example")
    >>> made.shape, round(float(made.std()), 3)
    ((512, 512), 1.0)
    """
    white = stream("texture", *name).standard_normal((TEXTURE_SIZE,) * 2, dtype=np.float32)
    rows = np.fft.fftfreq(TEXTURE_SIZE).astype(np.float32)[:, None]
    columns = np.fft.rfftfreq(TEXTURE_SIZE).astype(np.float32)[None, :]
    wave_number = np.hypot(rows, columns * stretch)
    wave_number[0, 0] = 1.0
    gain = wave_number**-slope
    gain *= np.exp(-((wave_number * shortest) ** 2)) * -np.expm1(-((wave_number * longest) ** 2))
    gain[0, 0] = 0.0
    made = np.fft.irfft2(np.fft.rfft2(white) * gain, s=white.shape).astype(np.float32)
    made /= made.std()
    made.flags.writeable = False
    return made


def sample(field: Array, row: Array, column: Array) -> Array:
    """Return a periodic texture at fractional places, linearly interpolated.

    Parameters
    ----------
    field : numpy.ndarray, (TEXTURE_SIZE, TEXTURE_SIZE)
    row, column : numpy.ndarray of float32
        Places in texels, of any size; broadcast against each other.

    Returns
    -------
    numpy.ndarray of float32

    Examples
    --------
    >>> ramp = np.tile(np.arange(512, dtype=np.float32), (512, 1))
    >>> sample(ramp, np.float32([3.0]), np.float32([10.25])).tolist()
    [10.25]
    """
    below, left = np.floor(row), np.floor(column)
    down, right = row - below, column - left
    mask = TEXTURE_SIZE - 1
    r0, c0 = below.astype(np.int32) & mask, left.astype(np.int32) & mask
    r1, c1 = ((r0 + 1) & mask) * TEXTURE_SIZE, (c0 + 1) & mask
    r0 = r0 * TEXTURE_SIZE
    flat = field.ravel()
    upper = flat.take(r0 + c0)
    upper += right * (flat.take(r0 + c1) - upper)
    lower = flat.take(r1 + c0)
    lower += right * (flat.take(r1 + c1) - lower)
    lower -= upper
    lower *= down
    upper += lower
    return upper


@dataclass(frozen=True)
class Wander:
    """A smooth random function of place and time: some sine waves with drifts of their own."""

    wave_number: NDArray[np.float64]
    drift: NDArray[np.float64]
    phase: NDArray[np.float64]
    amplitude: NDArray[np.float64]

    def __call__(self, place: Array, seconds: float) -> Array:
        """Return the function at places along one axis, at one time."""
        angle = self.wave_number * (-self.drift * seconds) + self.phase
        waves = np.sin(
            np.multiply.outer(place, self.wave_number.astype(np.float32))
            + np.mod(angle, 2 * np.pi).astype(np.float32)
        )
        waves *= self.amplitude.astype(np.float32)
        # a sum, not a product of matrices, whose bits would depend on the linear algebra at hand
        return np.asarray(waves.sum(axis=-1))


def wander(
    rng: np.random.Generator,
    shortest: float,
    longest: float,
    *,
    slope: float = 1.0,
    speed: float = 0.0,
    waves: int = 7,
) -> Wander:
    """Return a smooth random function with unit standard deviation.

    Parameters
    ----------
    rng : numpy.random.Generator
    shortest, longest : float
        Wave lengths, drawn evenly in their logarithm.
    slope : float
        The amplitude grows with wave length to this power.
    speed : float
        Standard deviation of the drift of each wave, wave length units a second.
    waves : int

    Returns
    -------
    Wander

    Examples
    --------
    >>> made = wander(stream("example"), 50.0, 900.0)
    >>> made(np.linspace(0, 100, 3, dtype=np.float32), 0.0).shape
    (3,)
    """
    length = np.exp(rng.uniform(np.log(shortest), np.log(longest), waves))
    amplitude = length**slope * rng.uniform(0.4, 1.0, waves)
    amplitude *= np.sqrt(2.0) / np.sqrt(np.sum(amplitude**2))
    return Wander(
        2 * np.pi / length,
        speed * rng.standard_normal(waves),
        rng.uniform(0, 2 * np.pi, waves),
        amplitude,
    )


def smoothstep(value: NDArray[np.floating[Any]] | float) -> NDArray[Any]:
    """Return 0 below 0, 1 above 1, and a smooth step between.

    Examples
    --------
    >>> smoothstep(np.array([-1.0, 0.5, 2.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    inside = np.clip(value, 0.0, 1.0)
    return np.asarray(inside * inside * (3.0 - 2.0 * inside))
