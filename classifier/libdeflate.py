"""One gzip member through libdeflate's own functions, into memory that is already there.

The Python package ``deflate`` carries the library but offers less of it than is needed here: it
does not say where a member ended, so that bytes behind it go unseen, and it takes new memory for
every file. The functions themselves do neither. They are exported by the compiled module of that
package, and by the system's libdeflate (1.10 or later) where there is one.

Python's lock is free while they work, so threads inflate at once.
"""

from __future__ import annotations

import ctypes
import functools
from ctypes import util as ctypes_util
from importlib import util
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["gunzip_member", "is_available"]

_POINTER, _SIZE = ctypes.c_void_p, ctypes.c_size_t


def is_available() -> bool:
    """Return whether the library was found.

    Examples
    --------
    >>> is_available() in (True, False)
    True
    """
    return _library() is not None


def gunzip_member(raw: bytes | memoryview, out: NDArray[np.uint8]) -> tuple[int, int] | None:
    """Inflate the gzip member at the beginning of ``raw``.

    Parameters
    ----------
    raw : bytes or memoryview
    out : ndarray of uint8, (at least the bytes that come out,)
        Overwritten.

    Returns
    -------
    taken, made : int
        Bytes of the member, and bytes that came out of it. None if ``out`` is too small, or the
        member is not sound: damaged, cut short, or other than its CRC-32 and length say. What is
        in ``out`` is then worth nothing.

    Examples
    --------
    >>> import gzip
    >>> out = np.empty(100, np.uint8)
    >>> taken, made = gunzip_member(gzip.compress(b"P5 and so on"), out)  # doctest: +SKIP
    >>> out[:made].tobytes()  # doctest: +SKIP
    b'P5 and so on'
    """
    library = _library()
    if library is None:
        return None
    source = np.frombuffer(raw, np.uint8)
    taken, made = _SIZE(), _SIZE()
    # Some 10 kB, and not to be shared by threads: made anew in less than a microsecond.
    engine = library.libdeflate_alloc_decompressor()
    if not engine:
        raise MemoryError
    try:
        failed = library.libdeflate_gzip_decompress_ex(
            engine,
            source.ctypes.data,
            source.nbytes,
            out.ctypes.data,
            out.nbytes,
            ctypes.byref(taken),
            ctypes.byref(made),
        )
    finally:
        library.libdeflate_free_decompressor(engine)
    return None if failed else (taken.value, made.value)


@functools.cache
def _library() -> ctypes.CDLL | None:
    """Return the first library that has the functions; None if none has."""
    for path in _candidates():
        try:
            library = ctypes.CDLL(path)
            library.libdeflate_alloc_decompressor.restype = _POINTER
            library.libdeflate_alloc_decompressor.argtypes = ()
            library.libdeflate_free_decompressor.restype = None
            library.libdeflate_free_decompressor.argtypes = (_POINTER,)
            inflating = library.libdeflate_gzip_decompress_ex
        except (OSError, AttributeError):
            continue
        inflating.restype = ctypes.c_int
        sizes = ctypes.POINTER(_SIZE)
        inflating.argtypes = (_POINTER, _POINTER, _SIZE, _POINTER, _SIZE, sizes, sizes)
        return library
    return None


def _candidates() -> list[str]:
    package = util.find_spec("deflate")
    folders = package.submodule_search_locations if package else None
    found = [
        str(path) for folder in folders or () for path in sorted(Path(folder).glob("_deflate*"))
    ]
    # Looking for a library of the system may start a process.
    return [path for path in found if not path.endswith(".pyi")] or [
        path for path in [ctypes_util.find_library("deflate")] if path
    ]
