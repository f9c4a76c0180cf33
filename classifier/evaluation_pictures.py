"""The pictures of an evaluation in every size that its methods ask for, and their features."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from classifier.evaluation_encoders import resized

__all__ = ["Pictures"]


class Pictures:
    """The pictures of a set; each size and each kind of features is made once and kept.

    Parameters
    ----------
    images : Tensor of uint8, (n, 1, s, s)
        Smaller sizes are made from these.
    load : callable
        Takes a larger size, and reads the pictures anew, (n, 1, size, size).

    Examples
    --------
    >>> import torch
    >>> found = Pictures(torch.zeros(3, 1, 64, 64, dtype=torch.uint8), lambda size: None)
    >>> found.of_size(32).shape
    torch.Size([3, 1, 32, 32])
    """

    def __init__(self, images: Tensor, load: Callable[[int], Tensor]) -> None:
        self._load = load
        self._largest = int(images.shape[-1])
        self._sizes: dict[int, Tensor] = {self._largest: images}
        self._features: dict[str, NDArray[np.float32]] = {}

    def of_size(self, size: int) -> Tensor:
        """Return the pictures with sides of so many pixels, (n, 1, size, size) uint8."""
        if size not in self._sizes:
            self._sizes[size] = (
                resized(self._sizes[self._largest], size)
                if size < self._largest
                else self._load(size)
            )
        return self._sizes[size]

    def features(self, key: str, make: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
        """Return the features of this name, (n, feature); ``make`` is called the first time."""
        if key not in self._features:
            self._features[key] = make()
        return self._features[key]
