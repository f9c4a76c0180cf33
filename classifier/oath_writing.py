"""Write the tables of an OATH-shaped set, in the layout of the published files.

As there, 18 lines of text stand before the rows of the two tables of pictures, the origin of
picture 1 is left out, and the folds are written as floating-point numbers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.oath import CLASSIFICATIONS, MARKER, ORIGINS, SPLIT, TRUTH
from classifier.oath_folds import split_rows
from classifier.oath_tables import MONTHS, OATH_NAMES

__all__ = ["write_classifications", "write_marker", "write_origins", "write_split", "write_truth"]

_RULE = "-" * 79
_HEADER_LINES = 18
_TEXT = """SIMULATED DATA. Nothing here was observed by any camera.

This table has the layout of the Oslo Auroral THEMIS (OATH) data set of
Clausen, L. B. N., & Nickisch, H. (2018), Journal of Geophysical Research:
Space Physics, 123, 5640-5647, https://doi.org/10.1029/2018JA025274
so that the same programs read both. It was made by auroral_stats.
"""


def _header() -> str:
    lines = [_RULE, *_TEXT.splitlines()]
    lines += [""] * (_HEADER_LINES - 1 - len(lines)) + [_RULE]
    return "\n".join(lines) + "\n"


def write_classifications(
    root: Path, label: NDArray[np.uint8], rotation: NDArray[np.int16]
) -> None:
    """Write the labels of pictures 1 to n.

    Parameters
    ----------
    root : Path
        Folder of the set.
    label : ndarray of uint8, (n,)
        Index into :data:`auroral_stats.labels.CLASSES`.
    rotation : ndarray of int16, (n,)
        Degrees.
    """
    rows = "".join(
        f"{int(code >= OATH_NAMES.index('cloudy'))},{code},{number:05d},{OATH_NAMES[code]},{turn:03d}\n"
        for number, (code, turn) in enumerate(zip(label, rotation, strict=True), 1)
    )
    _write(root / CLASSIFICATIONS, _header() + "class2,class6,picNum,picType,rotAng\n" + rows)


def write_origins(root: Path, site: NDArray[np.str_], time: NDArray[np.datetime64]) -> None:
    """Write station and time of all pictures but the first.

    Parameters
    ----------
    root : Path
    site : ndarray of str, (n,)
    time : ndarray of datetime64[ms], (n,)
        UTC.
    """
    rows = []
    for number, (code, when) in enumerate(zip(site, time.astype("M8[ms]"), strict=True), 1):
        date, clock = str(when).split("T")
        year, month, day = date.split("-")
        name = MONTHS[3 * int(month) - 3 : 3 * int(month)]
        rows.append(
            f"{code} {day}/{name}/{year} {clock[:-2]},images/scaled_cropped/{number:05d}.png\n"
        )
    _write(root / ORIGINS, _header() + "".join(rows[1:]))


def write_split(root: Path, n: int) -> None:
    """Write the official folds for ``n`` pictures.

    Parameters
    ----------
    root : Path
    n : int
    """
    path = root / SPLIT
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, split_rows(n), delimiter=",")


def write_truth(
    root: Path,
    truth: NDArray[np.uint8],
    label: NDArray[np.uint8],
    weights: NDArray[np.float32],
    family: NDArray[np.str_],
) -> None:
    """Write what was drawn in pictures 1 to n.

    Parameters
    ----------
    root : Path
    truth, label : ndarray of uint8, (n,)
        Classes.
    weights : ndarray of float32, (n, 6)
        How much of each class is in the picture.
    family : ndarray of str, (n,)
        Family of the style of its station-night.
    """
    columns = ["picNum", "class6_drawn", "class6", *(f"w_{name}" for name in OATH_NAMES)]
    rows = "".join(
        f"{number:05d},{truth[number - 1]},{label[number - 1]},"
        + ",".join(f"{weight:.3f}" for weight in weights[number - 1])
        + f",{family[number - 1]},true\n"
        for number in range(1, truth.size + 1)
    )
    _write(root / TRUTH, ",".join([*columns, "style", "simulated"]) + "\n" + rows)


def write_marker(root: Path, label: NDArray[np.uint8], **about: Any) -> None:
    """Write what says that a set is simulated: last of all, as it also says that it is whole.

    Parameters
    ----------
    root : Path
    label : ndarray of uint8, (n,)
    **about
        What it was made from.
    """
    counts = np.bincount(label, minlength=len(OATH_NAMES)).tolist()
    marker: Mapping[str, Any] = {"simulated": True, **about, "counts": counts}
    _write(root / MARKER, json.dumps(marker, indent=1) + "\n")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
