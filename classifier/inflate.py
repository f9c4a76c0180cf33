"""Inflate a compressed file, and say how much of what came out can be trusted.

Gzip files of one sound member, which nearly all are, go through the fastest library that is
installed: libdeflate (package ``deflate``), ISA-L (package ``isal``), else zlib. Every other file goes
through zlib, piece by piece. What comes out does not depend on which library did it.

What is trusted is decided by the checksums, because DEFLATE has no other: one flipped bit alters
what follows and rarely raises an error, and then long after. Hence:

- a gzip member whose CRC-32 is right is kept, even if the length stored behind it is not;
- a member with a wrong CRC-32, or in which inflating fails, is dropped whole: nothing says where in
  it the damage lies;
- a member that ends before its data do, without any error, was cut short (a broken download, a full
  disk): what came out so far is kept, and ``cut`` is set. If the last bytes of the file still read
  as a length that a whole file could have, the file was not cut but damaged, and it is dropped;
- bzip2 has a checksum for each block of 900 kB, so blocks before a damaged one are kept.

What follows damaged data is not looked for. A file that was both altered and cut cannot be told
from one that was only cut, and a file that is not compressed has no checksum at all.
"""

from __future__ import annotations

import bz2
import functools
import importlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import util
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auroral_stats.errors import UsageError
from classifier import libdeflate

__all__ = ["BACKENDS", "MAX_BYTES", "Inflated", "available_backends", "inflate"]

#: Libraries for whole gzip files, the fastest first, and the modules they need.
BACKENDS = {"libdeflate": "deflate", "isal": "isal", "zlib": "zlib"}

#: No more than this comes out of one file: 512 MiB, some three hours of frames.
MAX_BYTES = 1 << 29

#: DEFLATE makes at most 1,032 bytes of one.
_MAX_RATIO = 1032

_GZIP, _BZIP2 = b"\x1f\x8b", b"BZh"
_FHCRC, _FEXTRA, _FNAME, _FCOMMENT, _RESERVED = 2, 4, 8, 16, 0xE0

#: The header of a gzip member is looked for in so many bytes; a longer one takes the slow way.
_LONGEST_HEAD = 1024

_Room = NDArray[np.uint8]
_Whole = Callable[["bytes | memoryview", int, _Room | None], "bytes | memoryview | None"]


@dataclass(frozen=True)
class Inflated:
    """What came out of a file.

    Attributes
    ----------
    data : bytes or memoryview
        The trusted part, from the beginning.
    fault : str
        Why this is not all; empty for a sound file.
    cut : bool
        Whether the data end where the file was cut off. If bytes were lost from its end, but not
        the very last ones, then those have become some kilobytes of rubbish at the end of the data.
    """

    data: bytes | memoryview
    fault: str = ""
    cut: bool = False


def available_backends() -> tuple[str, ...]:
    """Return the names of the libraries that are installed, the fastest first.

    Examples
    --------
    >>> available_backends()[-1]
    'zlib'
    """
    return _available()


@functools.cache
def _available() -> tuple[str, ...]:
    # Looking for a module takes as long as looking through a header.
    return tuple(
        name
        for name, module in BACKENDS.items()
        if (libdeflate.is_available() if name == "libdeflate" else util.find_spec(module))
    )


def inflate(
    raw: bytes | memoryview,
    *,
    backend: str | None = None,
    believable: Callable[[int], bool] | None = None,
    limit: int = MAX_BYTES,
    room: NDArray[np.uint8] | None = None,
) -> Inflated:
    """Inflate gzip or bzip2; anything else is returned as it is.

    Parameters
    ----------
    raw : bytes or memoryview
        All bytes of the file. They may be overwritten afterwards.
    backend : {"libdeflate", "isal", "zlib"}, optional
        Default: the fastest that is installed.
    believable : callable, optional
        Says of a number of bytes whether a whole file could hold so many. It tells files that were
        cut from files that were damaged. Default: whatever DEFLATE allows, which takes one in a few
        of the files that were cut for damaged; know better where you can.
    limit : int
        A file that holds more bytes is not inflated beyond.
    room : ndarray of uint8, optional
        Memory for what comes out, to be used again by the next call. Where the library can and the
        file fits, ``data`` is a view of it; taking new memory for each file costs time.

    Returns
    -------
    Inflated

    Raises
    ------
    UsageError
        If the backend is not known or not installed.

    Examples
    --------
    >>> import gzip
    >>> bytes(inflate(gzip.compress(b"P5 and so on")).data)
    b'P5 and so on'
    >>> inflate(gzip.compress(bytes(1000))[:-9], believable=lambda size: size == 1000).fault
    'the gzip data are cut short'
    """
    whole = _backend(backend)
    if raw[:2] == _GZIP:
        body = _body(bytes(raw[:_LONGEST_HEAD]), 0)
        # What the file states is asked for as memory before anything is inflated.
        if body > 0 and 0 < _stated_size(raw) <= min(limit, _MAX_RATIO * len(raw)):
            data = whole(raw, body, room)
            if data is not None:
                return Inflated(data)
        return _members(
            bytes(raw), believable or (lambda size: size <= _MAX_RATIO * len(raw)), limit
        )
    if raw[:3] == _BZIP2:
        return _blocks(bytes(raw), limit)
    return Inflated(bytes(raw))


def _backend(name: str | None) -> _Whole:
    if name is None:
        name = available_backends()[0]
    if name not in BACKENDS:
        raise UsageError(f"backend {name!r} is not known; expected one of {', '.join(BACKENDS)}.")
    if name not in available_backends():
        raise UsageError(f"backend {name!r} needs a package: pip install {BACKENDS[name]}.")
    return {"libdeflate": _libdeflate, "isal": _isal, "zlib": _nothing}[name]


def _stated_size(raw: bytes | memoryview) -> int:
    return int.from_bytes(raw[-4:], "little")


def _libdeflate(raw: bytes | memoryview, _body: int, room: _Room | None) -> memoryview | None:
    """Return what is in a file of one sound member; None for any other file."""
    size = _stated_size(raw)
    out = np.empty(size, np.uint8) if room is None or room.size < size else room[:size]
    # The member may end before the file does; the length then stated is not its own.
    return out.data if libdeflate.gunzip_member(raw, out) == (len(raw), size) else None


def _isal(raw: bytes | memoryview, body: int, _room: _Room | None) -> bytes | None:
    """Return what is in a file of one sound member; None for any other file."""
    isal_zlib: Any = importlib.import_module("isal.isal_zlib")
    engine = isal_zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data: bytes = engine.decompress(memoryview(raw)[body:])
    except isal_zlib.error:
        return None
    trailer = isal_zlib.crc32(data).to_bytes(4, "little") + _length(data)
    return data if engine.eof and engine.unused_data == trailer else None


def _length(data: bytes) -> bytes:
    return (len(data) & 0xFFFFFFFF).to_bytes(4, "little")


def _nothing(_raw: bytes | memoryview, _body: int, _room: _Room | None) -> None:
    """Leave it to zlib."""


def _members(raw: bytes, believable: Callable[[int], bool], limit: int) -> Inflated:
    """Inflate one gzip member after the other with zlib, as long as they are sound."""
    parts: list[bytes] = []
    start, fault, cut = 0, "", False
    while start < len(raw) and not fault:
        body = _body(raw, start)
        if body < 0:
            # Zeros behind the last member only fill a block of a tape or a disk.
            if raw[start:].strip(b"\0") or not start:
                fault = "the gzip header is damaged" if not start else _unread(raw, start)
            break
        engine = zlib.decompressobj(-zlib.MAX_WBITS)
        room = limit - sum(map(len, parts))
        try:
            data = engine.decompress(memoryview(raw)[body:], max(room, 0) + 1)
        except zlib.error as error:
            fault = f"the gzip data are damaged ({str(error).rpartition(': ')[2]})"
            break
        if len(data) > room:
            fault = f"the file holds more than {limit:,} bytes"
            break
        end = len(raw) - len(engine.unused_data)
        trailer = raw[end : end + 8]
        if not engine.eof or len(trailer) < 8:
            cut = not believable(_stated_size(raw))
            fault = "the gzip data are cut short" if cut else "the gzip data are damaged"
            if cut:
                parts.append(data)
            break
        if zlib.crc32(data).to_bytes(4, "little") != trailer[:4]:
            fault = "the gzip data are damaged (CRC-32 mismatch)"
            break
        parts.append(data)
        start = end + 8
        if _length(data) != trailer[4:]:
            fault = "the gzip data are whole, but the length stored behind them is wrong"
    return Inflated(parts[0] if len(parts) == 1 else b"".join(parts), fault, cut)


def _unread(raw: bytes, start: int) -> str:
    return f"{len(raw) - start:,} bytes behind the gzip data are none"


def _body(raw: bytes, start: int) -> int:
    """Return where the DEFLATE data of the gzip member at ``start`` begin; -1 if it has no header.

    RFC 1952, section 2.3.
    """
    head = raw[start : start + 10]
    if len(head) < 10 or head[:3] != _GZIP + b"\x08" or head[3] & _RESERVED:
        return -1
    flags, at = head[3], start + 10
    if flags & _FEXTRA:
        at += 2 + int.from_bytes(raw[at : at + 2], "little")
    for flag in (_FNAME, _FCOMMENT):
        if flags & flag:
            at = raw.find(b"\0", at) + 1
            if not at:
                return -1
    if flags & _FHCRC:
        check = (zlib.crc32(raw[start:at]) & 0xFFFF).to_bytes(2, "little")
        if raw[at : at + 2] != check:
            return -1
        at += 2
    return at if at <= len(raw) else -1


def _blocks(raw: bytes, limit: int) -> Inflated:
    """Inflate bzip2, stream by stream; each call below gives blocks that passed their checksum."""
    parts: list[bytes] = []
    total, engine, pending = 0, bz2.BZ2Decompressor(), False
    for at in range(0, len(raw), 1 << 14):
        piece = raw[at : at + (1 << 14)]
        while piece:
            try:
                data = engine.decompress(piece, limit - total + 1)
            except OSError:
                return Inflated(b"".join(parts), "the bzip2 data are damaged")
            total += len(data)
            if total > limit:
                return Inflated(b"".join(parts), f"the file holds more than {limit:,} bytes")
            parts.append(data)
            pending, piece = not engine.eof, b""
            if engine.eof:
                piece, engine = engine.unused_data, bz2.BZ2Decompressor()
    if pending:
        return Inflated(b"".join(parts), "the bzip2 data are cut short", cut=True)
    return Inflated(b"".join(parts))
