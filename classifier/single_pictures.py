"""Single pictures of an OATH-shaped set, with their labels where a table has them.

:mod:`classifier.oath` opens a whole set; here are a few files that may lie anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from auroral_stats.errors import DataError
from auroral_stats.provenance import combine_simulated
from classifier.oath import MARKER
from classifier.oath_images import read_images
from classifier.oath_tables import read_classifications
from classifier.preprocess import preprocess

__all__ = ["UNKNOWN", "SinglePictures", "load_pictures"]

#: Label of a picture that no table names.
UNKNOWN = -1

_LEVELS = 3  # a set has its pictures two folders down, or less


class SinglePictures(NamedTuple):
    """Pictures as an encoder takes them.

    ``images``, (n, 1, size, size), float32 from 0 to 1; ``label``, (n,), index into
    :data:`auroral_stats.labels.CLASSES` or :data:`UNKNOWN`; ``simulated``, whether they lie in a
    set that is.
    """

    images: Tensor
    label: NDArray[np.int64]
    simulated: bool


def load_pictures(
    paths: Sequence[Path], labels: Path | None = None, size: int = 128
) -> SinglePictures:
    """Read single pictures and make them ready.

    Parameters
    ----------
    paths : sequence of Path
        PNG files as the OATH set has them, with the number of the picture as name.
    labels : Path, optional
        ``classifications.csv`` of the set.
    size : int
        Side of the result, pixels.

    Returns
    -------
    SinglePictures

    Raises
    ------
    ArchiveError
        If a file cannot be read.
    DataError
        If a picture is of another size or kind, the table has faults, or simulated and real
        pictures are mixed.

    Examples
    --------
    >>> load_pictures([]).images.shape
    torch.Size([0, 1, 128, 128])
    """
    known: dict[str, int] = {}
    if labels is not None:
        table = read_classifications(Path(labels))
        if table.faults:
            raise DataError(
                f"{labels}: {table.faults[0]} ({len(table.faults)} faults in all); expected the "
                "table of an OATH set. Get it with: auroral_classifier oath --download"
            )
        numbers = (f"{number:05d}" for number in table.picture)
        known = dict(zip(numbers, table.label.tolist(), strict=True))
    flags = {
        str(path): any((folder / MARKER).exists() for folder in path.absolute().parents[:_LEVELS])
        for path in paths
    }
    return SinglePictures(
        images=preprocess(read_images(paths), "oath-png-v1", size),
        label=np.array([known.get(path.stem, UNKNOWN) for path in paths], dtype=np.int64),
        simulated=combine_simulated(flags),
    )
