"""Filters of batches of frames that torch has not ready: a turn of one frame, a 3 x 3 median."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

__all__ = ["median_of_nine", "turned"]


def turned(frame: torch.Tensor, angle: float) -> torch.Tensor:
    """Turn one frame anticlockwise about its centre.

    Parameters
    ----------
    frame : Tensor of float, (row, column)
    angle : float
        Deg, 0 to 360. Multiples of 90 are exact (with sides of unequal length, of 180); others
        interpolate linearly, and corners that turn in repeat the edge.

    Returns
    -------
    Tensor, (row, column)
        Of the same shape.

    Examples
    --------
    >>> turned(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 90).tolist()
    [[2.0, 4.0], [1.0, 3.0]]
    """
    quarters, rest = divmod(angle, 90.0)
    if rest == 0.0 and (quarters % 2 == 0 or frame.shape[0] == frame.shape[1]):
        return torch.rot90(frame, int(quarters) % 4)
    rows, columns = frame.shape
    row = torch.arange(rows, device=frame.device, dtype=torch.float32) - (rows - 1) / 2
    column = torch.arange(columns, device=frame.device, dtype=torch.float32) - (columns - 1) / 2
    cos, sin = float(np.cos(np.radians(angle))), float(np.sin(np.radians(angle)))
    # Where in the frame as stored each pixel of the turned one lies, from the centre.
    x = (cos * column[None, :] - sin * row[:, None]) / (columns / 2)
    y = (sin * column[None, :] + cos * row[:, None]) / (rows / 2)
    grid = torch.stack([x, y], dim=-1)[None]
    turned = F.grid_sample(
        frame[None, None], grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    return turned[0, 0]


#: Exchanges that leave the median of nine values in the middle (Paeth 1990, Graphics Gems, 171).
_EXCHANGES = (
    *((1, 2), (4, 5), (7, 8), (0, 1), (3, 4), (6, 7), (1, 2), (4, 5), (7, 8), (0, 3)),
    *((5, 8), (4, 7), (3, 6), (1, 4), (2, 5), (4, 7), (4, 2), (6, 4), (4, 2)),
)


def median_of_nine(frames: torch.Tensor) -> torch.Tensor:
    """Replace each pixel by the median of the 3 x 3 about it; borders repeat the edge.

    Parameters
    ----------
    frames : Tensor of float, (n, row, column)

    Returns
    -------
    Tensor, (n, row, column)

    Examples
    --------
    >>> median_of_nine(torch.tensor([[[1.0, 1.0, 1.0], [1.0, 9.0, 2.0], [1.0, 1.0, 3.0]]]))[0, 1, 1]
    tensor(1.)
    """
    padded = F.pad(frames[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    rows, columns = frames.shape[1:]
    nine = [padded[:, i : i + rows, j : j + columns] for i in range(3) for j in range(3)]
    for a, b in _EXCHANGES:
        nine[a], nine[b] = torch.minimum(nine[a], nine[b]), torch.maximum(nine[a], nine[b])
    return nine[4]
