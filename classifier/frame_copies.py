"""Which of several copies of one minute or hour is read.

An archive that was filled from several places, or unpacked in part, has minutes as ``.pgm.gz`` and
as ``.pgm``, or twice in two folders. One of them may have been cut short by a full disk or a broken
download, and must not hide a whole one. Reading both would tell for certain, but there may be
millions; so a copy is called whole by what stands at its two ends, some tens of bytes:

- gzip: a length behind the data that a minute file can have. A file that was cut has four bytes of
  its data there, which pass for such a length in fewer than one file of a thousand;
- bzip2: the mark of the end of the data, 80 bits before the end of the file;
- not compressed: the last line of a header, one image before the end of the file;

- CDF: no fewer bytes than its head states.

Damage in the midst of a copy is not seen here, nor is one cut just behind a record, if it is not
compressed.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

from classifier.asf import CDF_MAGIC, shortfall
from classifier.frame_names import frame_name
from classifier.frame_records import IMAGE_SHAPE
from classifier.pgm import believable_size

__all__ = ["best_copy", "seems_whole"]

_GZIP, _BZIP2 = b"\x1f\x8b\x08", b"BZh"
#: Decimals of the square root of pi, with which bzip2 ends; a checksum of 32 bits follows.
_BZIP2_END = 0x177245385090
_BEFORE_IMAGE = b"\n256 256\n65535\n"
_IMAGE_BYTES = 2 * IMAGE_SHAPE[0] * IMAGE_SHAPE[1]


def best_copy(paths: Iterable[Path]) -> Path:
    """Choose among files that hold the same minute, or the same hour.

    Parameters
    ----------
    paths : iterable of Path
        At least one; their names are those of an archive.

    Returns
    -------
    Path
        Of those that seem whole, the one whose kind is preferred
        (:class:`~classifier.frame_names.FrameName`), and of several of that kind the largest. If
        none seems whole, the largest of all.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from classifier.pgm import write_pgm
    >>> name = "20140310_0600_gill_themis19_full.pgm"
    >>> image, time = np.zeros((1, 256, 256), np.uint16), ["2014-03-10T06:00:00"]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = [Path(folder, name), Path(folder, name + ".gz")]
    ...     for path in paths:
    ...         _ = write_pgm(path, image, time, site="gill", simulated=True)
    ...     print(best_copy(paths).suffix)
    ...     _ = paths[1].write_bytes(paths[1].read_bytes()[:-1])
    ...     print(best_copy(paths).suffix)
    .gz
    .pgm
    """
    size = {path: _size(path) for path in paths}
    preferred = sorted(size, key=lambda path: (_rank(path), -size[path], str(path)))
    whole = (path for path in preferred if seems_whole(path))
    return next(whole, None) or max(preferred, key=size.__getitem__)


def seems_whole(path: Path) -> bool:
    """Return whether a file of frames was not cut short, by its ends alone.

    Parameters
    ----------
    path : Path

    Returns
    -------
    bool
        False also for a file that may not be read or holds no frames.

    Examples
    --------
    >>> seems_whole(Path("20140310_0600_gill_themis19_full.pgm.gz"))  # there is no such file
    False
    """
    try:
        with path.open("rb", buffering=0) as file:
            head = file.read(4)
            size = file.seek(0, 2)
            if head in CDF_MAGIC:
                return not shortfall(path)
            if head[:3] == _GZIP:
                return believable_size(int.from_bytes(_at(file, size - 4, 4), "little"))
            if head[:3] == _BZIP2:
                return _ends_bzip2(_at(file, size - 11, 11))
            before = size - _IMAGE_BYTES - len(_BEFORE_IMAGE)
            return _at(file, before, len(_BEFORE_IMAGE)) == _BEFORE_IMAGE
    except OSError:
        return False


def _at(file: io.FileIO, start: int, count: int) -> bytes:
    """Return bytes of a file; none if it is too short to have them."""
    if start < 0:
        return b""
    file.seek(start)
    return file.read(count)


def _ends_bzip2(tail: bytes) -> bool:
    # The mark may begin at any bit: up to seven zero bits fill the last byte.
    bits = int.from_bytes(tail)
    return any((bits >> (32 + unused)) & ((1 << 48) - 1) == _BZIP2_END for unused in range(8))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # removed meanwhile
        return 0


def _rank(path: Path) -> int:
    name = frame_name(path.name)
    return name.rank if name else 0
