"""The pictures of an OATH-shaped set: 256 x 256 pixels, the data in the green channel."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from auroral_stats.errors import ArchiveError, DataError

__all__ = ["IMAGE_SHAPE", "image_faults", "read_images", "write_image"]

#: Rows and columns of every picture.
IMAGE_SHAPE = (256, 256)


def read_images(paths: Sequence[Path]) -> NDArray[np.uint8]:
    """Read pictures: their green channel, which is the one that holds the data.

    Parameters
    ----------
    paths : sequence of Path, (m,)
        Such as the ``images`` of :class:`classifier.oath.Oath`, or some of them.

    Returns
    -------
    ndarray of uint8, (m, 256, 256)
        Row 0 is the upper edge of the picture.

    Raises
    ------
    ArchiveError
        If a picture is missing or damaged.
    DataError
        If one has another size, or its data are not in green (or grey).

    Examples
    --------
    >>> import tempfile
    >>> picture = np.arange(65536, dtype=np.uint32).reshape(256, 256).astype(np.uint8)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_image(Path(folder) / "00001.png", picture)
    ...     bool((read_images([Path(folder) / "00001.png"])[0] == picture).all())
    True
    """
    out = np.empty((len(paths), *IMAGE_SHAPE), dtype=np.uint8)

    def fill(i: int) -> None:
        try:
            out[i] = _green(paths[i])
        except ArchiveError as error:
            raise ArchiveError(
                f"{error}; see what else is damaged, and what to do, with: auroral_classifier "
                "oath --path DIR"
            ) from error

    with _threads() as pool:
        for _ in pool.map(fill, range(len(paths))):
            pass
    return out


def image_faults(
    paths: Sequence[Path], *, progress: Callable[[int, int], None] | None = None
) -> list[str]:
    """Read pictures to see whether all are sound.

    Parameters
    ----------
    paths : sequence of Path, (m,)
    progress : callable, optional
        Called with pictures done, and in all.

    Returns
    -------
    list of str
        A line for each picture that :func:`read_images` would refuse, in the order of ``paths``.

    Examples
    --------
    >>> image_faults([Path("absent/00001.png")])
    ['absent/00001.png: cannot be read (No such file or directory)']
    """

    def fault(path: Path) -> str:
        try:
            _green(path)
        except (ArchiveError, DataError) as error:
            return str(error)
        return ""

    found = []
    with _threads() as pool:
        for done, line in enumerate(pool.map(fault, paths), 1):
            if line:
                found.append(line)
            if progress is not None:
                progress(done, len(paths))
    return found


def _threads() -> ThreadPoolExecutor:
    # decoding lets go of the interpreter
    return ThreadPoolExecutor(min(8, os.cpu_count() or 1))


def write_image(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write a picture as the published ones are: RGB, with red and blue zero.

    Parameters
    ----------
    path : Path
    picture : ndarray of uint8, (256, 256)

    Raises
    ------
    OSError
        If it cannot be written.
    """
    from PIL import Image

    colours = np.zeros((*picture.shape, 3), dtype=np.uint8)
    colours[..., 1] = picture
    Image.fromarray(colours).save(path, format="PNG", compress_level=1)


def _green(path: Path) -> NDArray[np.uint8]:
    from PIL import Image

    try:
        with Image.open(path) as image:
            bands = image.getbands()
            pixels = np.asarray(image)
    except (OSError, SyntaxError, ValueError) as error:  # Pillow calls a broken chunk bad syntax
        reason = getattr(error, "strerror", None) or "it is no whole PNG file"
        raise ArchiveError(f"{path}: cannot be read ({reason})") from error
    if pixels.shape[:2] != IMAGE_SHAPE or bands[0] not in {"R", "L"} or pixels.dtype != np.uint8:
        raise DataError(
            f"{path}: is {pixels.shape[1]} x {pixels.shape[0]} pixels of {'/'.join(bands)} "
            f"({pixels.dtype}); expected {IMAGE_SHAPE[1]} x {IMAGE_SHAPE[0]} of 8-bit R/G/B."
        )
    if bands[0] == "L":
        return pixels if pixels.ndim == 2 else pixels[..., 0]
    red, green, blue = (pixels[..., band] for band in range(3))
    grey = np.array_equal(red, green) and np.array_equal(blue, green)
    if not grey and (red.any() or blue.any()):
        raise DataError(
            f"{path}: there are data in red or blue; expected a picture with data in green alone, "
            "as the published ones, or a grey one."
        )
    return green
