"""Square frames to another size with an antialiasing triangle filter.

Each output pixel is the mean of the input weighted by a triangle as wide as two output pixels (two
input pixels when enlarging), cut off and normalised at the edges: the filter that Pillow calls
``BILINEAR`` and torch ``bilinear`` with ``antialias=True``. It acts along rows and columns apart.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import scipy.sparse as sp

__all__ = ["resize", "triangle_weights"]


def triangle_weights(length: int, size: int) -> NDArray[np.float64]:
    """Return the weight of each input pixel in each output pixel, along one axis.

    Parameters
    ----------
    length, size : int
        Pixels before and after.

    Returns
    -------
    ndarray of float64, (size, length)
        Each row sums to 1.

    Examples
    --------
    >>> triangle_weights(4, 2).round(3).tolist()
    [[0.429, 0.429, 0.143, 0.0], [0.0, 0.143, 0.429, 0.429]]
    >>> bool((triangle_weights(5, 5) == np.eye(5)).all())
    True
    """
    scale = length / size
    centre = (np.arange(size)[:, None] + 0.5) * scale
    distance = np.abs(np.arange(length) + 0.5 - centre) / max(scale, 1.0)
    weights = np.maximum(1.0 - distance, 0.0)
    # What is left of a triangle's foot by rounding is no weight.
    weights[weights < 1e-12] = 0.0
    total: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return total


def resize(
    frames: NDArray[np.float32], size: int, *, out: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Resize square frames.

    Parameters
    ----------
    frames : ndarray of float32, (n, length, length)
    size : int
        Side of the result, pixels.
    out : ndarray of float32, (n, size, size), optional
        Filled and returned; made if it is not given.

    Returns
    -------
    ndarray of float32, (n, size, size)
        A frame comes out the same bit by bit whatever frames are beside it.

    Examples
    --------
    >>> ramp = np.tile(np.arange(4, dtype=np.float32), (1, 4, 1))
    >>> resize(ramp, 2)[0].astype(float).round(3).tolist()
    [[0.714, 2.286], [0.714, 2.286]]
    """
    length = frames.shape[-1]
    if out is None:
        out = np.empty((len(frames), size, size), dtype=np.float32)
    if size == length:
        out[:] = frames
        return out
    weights = _sparse_weights(length, size)
    for frame, result in zip(frames, out, strict=True):
        rows = weights @ frame
        result[:] = (weights @ np.ascontiguousarray(rows.T)).T
    return out


@functools.lru_cache(maxsize=8)
def _sparse_weights(length: int, size: int) -> sp.csr_array:
    # Four weights of 217 are not zero: a dense product would do fifty times the work.
    from scipy import sparse

    return sparse.csr_array(triangle_weights(length, size).astype(np.float32))
