"""Representations laid out in a plane, to be looked at (t-SNE)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auroral_stats.errors import UsageError
from classifier.partition_scores import check_features

__all__ = ["tsne_map"]

Array = NDArray[np.float64]


def tsne_map(features: ArrayLike, *, perplexity: float = 30.0, seed: int = 0) -> Array:
    """Lay representations out in a plane (t-SNE, van der Maaten and Hinton 2008; scikit-learn).

    Parameters
    ----------
    features : array_like, (n, feature)
    perplexity : float
        How many neighbours count, roughly; below n.
    seed : int

    Returns
    -------
    ndarray, (n, 2)
        Neighbours stay neighbours; sizes of islands and distances between them mean nothing.

    Raises
    ------
    UsageError
        If the perplexity cannot be.

    Examples
    --------
    >>> tsne_map(np.random.default_rng(0).normal(size=(40, 5)), perplexity=5).shape
    (40, 2)
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    h = check_features(features)
    if not 1 <= perplexity < len(h):
        raise UsageError(f"perplexity is {perplexity:g}; expected 1 to less than {len(h)}.")
    model = TSNE(2, perplexity=perplexity, init="pca", random_state=seed)
    # one thread: the same map each time, and none that waits for a busy core
    with threadpool_limits(1):
        return np.asarray(model.fit_transform(h.astype(np.float32)), dtype=np.float64)
