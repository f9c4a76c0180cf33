"""Minute files of the THEMIS all-sky imagers: PGM records one after the other ("stream0").

A record is a header and 256 x 256 counts, big-endian, 16 bits each::

    P5
    #"Site unique ID" gill                                      site and camera: first record only
    #"Image request start" 2014-03-10 06:00:00.063119 UTC       start of the exposure
    #"Image readout start" 2014-03-10 06:00:01.048193 UTC
    #"Exposure plus initial readout"    985.07 ms
    256 256
    65535

There is no mark behind the counts and no length before them. So a record is taken only if the next
header, or the end of the file, stands exactly where its counts end: a byte lost or added shifts
every pixel behind it, and is seen by nothing else.
"""

from __future__ import annotations

import bz2
import gzip
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auroral_stats.errors import UsageError
from auroral_stats.whole_file import write_whole
from classifier.frame_records import IMAGE_SHAPE, BadRecord

__all__ = [
    "SIMULATED",
    "PgmRecord",
    "believable_size",
    "decode_images",
    "header_values",
    "is_pgm",
    "scan_pgm",
    "write_pgm",
]

#: The line by which each record of a simulated file says so.
SIMULATED = b'\n#"Simulated" true\n'

_PIXELS = IMAGE_SHAPE[0] * IMAGE_SHAPE[1]
_IMAGE_BYTES = 2 * _PIXELS
_MAXVAL = 65535

#: Exposure and first readout, as real cameras report it.
_EXPOSURE_MS = 985.07

#: Bytes of a header: 337 in real files, 1,059 in a first one.
_LONGEST_HEADER = 4096
_USUAL_HEADERS = (100, 2048)

#: A minute at one frame a second; the THEMIS cameras take twenty.
_MOST_RECORDS = 60

_START = b'P5\n#"'
_HEADER = re.compile(
    rb'P5\n(?:#"[^"\x00-\x08\x0a-\x1f\x7f]+"[^\x00-\x08\x0a-\x1f\x7f]*\n)+'
    rb"([0-9]{1,5}) ([0-9]{1,5})\n([0-9]{1,5})\n"
)
#: Searched for as a pattern, because a memoryview has no ``find``.
_NEXT = re.compile(re.escape(_START))
_COMMENT = re.compile(r'\n#"([^"\n]+)"([^\n]*)')


class PgmRecord(NamedTuple):
    """A record with a sound header and the right number of counts.

    Attributes
    ----------
    number : int
        In the file, from 0, counting damaged ones.
    header : bytes
    offset : int
        Of the counts.
    """

    number: int
    header: bytes
    offset: int


def believable_size(size: int) -> bool:
    """Return whether a whole minute file can have so many bytes; one number in a thousand can.

    Parameters
    ----------
    size : int

    Returns
    -------
    bool

    Examples
    --------
    >>> believable_size(2_628_902), believable_size(1_000_000), believable_size(20 * 131_072)
    (True, False, False)
    """
    short, long = _USUAL_HEADERS
    records = size // (_IMAGE_BYTES + short)
    return 0 < records <= _MOST_RECORDS and size <= records * (_IMAGE_BYTES + long)


def is_pgm(data: bytes | memoryview) -> bool:
    """Return whether there is anything in ``data`` that looks like a record.

    Examples
    --------
    >>> is_pgm(b"<html>404 Not Found</html>")
    False
    """
    return data[:2] == b"P5" or _NEXT.search(data) is not None


def scan_pgm(
    data: bytes | memoryview, *, cut: bool = False
) -> tuple[list[PgmRecord], list[BadRecord]]:
    r"""Find the records of a minute file.

    Parameters
    ----------
    data : bytes or memoryview
        The file, inflated.
    cut : bool
        Whether the data end where the file was cut off. A record that ends there too is not taken:
        only what follows would show that its counts are all there.

    Returns
    -------
    records : list of PgmRecord
        Sound records in the order of the file.
    bad : list of BadRecord
        All others. Behind damage, the search goes on at what looks like the next header.

    Examples
    --------
    >>> records, bad = scan_pgm(b"P5\n")
    >>> bad
    [BadRecord(record=0, reason='its header is damaged')]
    """
    records: list[PgmRecord] = []
    bad: list[BadRecord] = []
    number = at = 0
    while at < len(data):
        found = _HEADER.match(data, at, at + _LONGEST_HEADER)
        reason, resume = "its header is damaged", at + 1
        if found:
            header, resume = bytes(found[0]), found.end()
            width, height, maxval = map(int, found.groups())
            end = resume + width * height * (2 if maxval > 255 else 1)
            follows = end == len(data) or _starts(data, end)
            reason = _header_fault(header, height, width, maxval)
            if reason:
                pass
            elif end > len(data):
                reason = f"cut short: {len(data) - resume:,} of {_IMAGE_BYTES:,} bytes of its image"
            elif not follows:
                reason = "no record follows where its image ends: bytes are missing or too many"
            elif cut and end == len(data):
                reason = "the file is cut off where its image ends"
            else:
                records.append(PgmRecord(number, header, resume))
            if follows:
                resume = end
        if reason:
            bad.append(BadRecord(number, reason))
        if resume < len(data) and not _starts(data, resume):
            found_next = _NEXT.search(data, resume)
            resume = found_next.start() if found_next else len(data)
            # Records whose headers are not even recognised keep their numbers.
            lost = round((resume - at) / (_IMAGE_BYTES + len(_START))) - 1
            bad += [BadRecord(number + 1 + k, "its header is damaged") for k in range(lost)]
            number += max(lost, 0)
        at, number = resume, number + 1
    return records, bad


def _starts(data: bytes | memoryview, at: int) -> bool:
    """Return whether a record begins at ``at``."""
    return data[at : at + len(_START)] == _START


def _header_fault(header: bytes, height: int, width: int, maxval: int) -> str:
    """Return what is wrong with a header; empty if nothing is."""
    if (height, width) != IMAGE_SHAPE:
        return f"its image has {height} x {width} pixels, not 256 x 256"
    if maxval != _MAXVAL:
        return f"its largest value is {maxval}, not {_MAXVAL}"
    # A line that lost its end runs into the next one.
    if header.count(b'#"') != header.count(b'\n#"') or header.count(b"Image request start") > 1:
        return "its header is damaged"
    return ""


def decode_images(
    data: bytes | memoryview, records: Sequence[PgmRecord], out: NDArray[np.uint16]
) -> None:
    """Copy the counts of ``records`` into ``out``, in native byte order.

    Parameters
    ----------
    data : bytes or memoryview
        As given to :func:`scan_pgm`.
    records : sequence of PgmRecord
    out : ndarray of uint16, (frame, 256, 256)
        One image a record.
    """
    swapped = out.view(out.dtype.newbyteorder(">")).reshape(len(records), _PIXELS)
    flat = out.reshape(len(records), _PIXELS)
    for row, same, record in zip(flat, swapped, records, strict=True):
        if record.offset % 2:
            # Counts at odd addresses are slow to swap: they are moved first, then swapped in place.
            same.view(np.uint8)[:] = np.frombuffer(data, np.uint8, _IMAGE_BYTES, record.offset)
            row[:] = same
        else:
            row[:] = np.frombuffer(data, ">u2", _PIXELS, record.offset)


def header_values(header: bytes) -> dict[str, str]:
    r"""Return what a header says, key to text; of a key that occurs twice, the last value.

    Parameters
    ----------
    header : bytes

    Returns
    -------
    dict of str to str

    Examples
    --------
    >>> header_values(b'P5\n#"Site name" Gillam\n#"Pixel depth" 16 bits\n256 256\n65535\n')
    {'Site name': 'Gillam', 'Pixel depth': '16 bits'}
    """
    return {key: value.strip() for key, value in _COMMENT.findall(header.decode("latin-1"))}


def write_pgm(
    path: str | Path,
    images: ArrayLike,
    time: ArrayLike,
    *,
    site: str,
    camera: str = "themis19",
    simulated: bool,
    metadata: Mapping[str, str] | None = None,
    compression: int = 6,
) -> Path:
    """Write frames as a minute file, laid out like those of the THEMIS all-sky imagers.

    Parameters
    ----------
    path : path
        Compressed as its name ends: ``.gz``, ``.bz2``, or not at all.
    images : array_like of uint16, (frame, 256, 256)
    time : array_like of datetime64, (frame,)
        Start of exposure, UTC.
    site : str
        Code of the site.
    camera : str
    simulated : bool
        Whether to say, in each record, that the frames are simulated.
    metadata : mapping of str to str, optional
        More lines for the first record.
    compression : int
        1 is fast, 9 is small.

    Returns
    -------
    Path

    Raises
    ------
    UsageError
        If the images, times or lines do not fit the format.
    ArchiveError
        If the file cannot be written; nothing is left behind.

    Examples
    --------
    >>> import tempfile
    >>> from classifier.frames import read_frames
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_pgm(
    ...         folder + "/20140310_0600_gill_themis19_full.pgm.gz",
    ...         np.full((2, 256, 256), 3300, np.uint16),
    ...         ["2014-03-10T06:00:00", "2014-03-10T06:00:03"],
    ...         site="gill",
    ...         simulated=True,
    ...     )
    ...     frames = read_frames(path)
    >>> frames.images.shape, frames.site, frames.simulated
    ((2, 256, 256), 'gill', True)
    """
    path = Path(path)
    counts, times = np.asarray(images), np.atleast_1d(np.asarray(time, "datetime64[us]"))
    if counts.dtype.kind != "u" or counts.dtype.itemsize != 2 or counts.shape[1:] != IMAGE_SHAPE:
        raise UsageError(
            f"images are {counts.dtype} of shape {counts.shape}; expected uint16 (n, 256, 256)."
        )
    if times.shape != counts.shape[:1] or not times.size or np.isnat(times).any():
        raise UsageError(
            f"{times.size} times, {np.isnat(times).sum()} of them NaT, for {len(counts)} images; "
            "expected one for each image, and at least one image."
        )
    first = {
        "Project unique ID": "themis-gbo",
        "Site unique ID": site,
        "Imager unique ID": camera,
        "Pixel depth": "16 bits",
        **(metadata or {}),
    }
    parts: list[bytes] = []
    for number, (image, start) in enumerate(zip(counts, times, strict=True)):
        readout = start + np.timedelta64(round(_EXPOSURE_MS * 1000), "us")
        own = {
            **({"Simulated": "true"} if simulated else {}),
            "Mode unique ID": "full",
            "Mode sequence number": str(number),
            "Image request start": f"{str(start).replace('T', ' ')} UTC",
            "Image readout start": f"{str(readout).replace('T', ' ')} UTC",
            "Exposure plus initial readout": f"   {_EXPOSURE_MS:.2f} ms",
        }
        parts += [_header(own if number else first | own), image.astype(">u2").tobytes()]
    content = b"".join(parts)
    if path.suffix == ".gz":
        content = gzip.compress(content, compression, mtime=0)
    elif path.suffix == ".bz2":
        content = bz2.compress(content, compression)
    return write_whole(path, lambda file: file.write_bytes(content))


def _header(values: Mapping[str, str]) -> bytes:
    if any('"' in key for key in values):
        raise UsageError("a key of a PGM header cannot have a quotation mark.")
    lines = "".join(f'#"{key}" {value}\n' for key, value in values.items())
    try:
        header = f"P5\n{lines}256 256\n{_MAXVAL}\n".encode("latin-1")
    except UnicodeEncodeError as error:
        raise UsageError(f"{error.object[error.start]!r} cannot stand in a PGM header.") from error
    if not _HEADER.fullmatch(header) or header.count(b'#"') != len(values):
        raise UsageError(
            "a key or value cannot stand in a PGM header: no empty key, line break, control "
            'character or #" is possible.'
        )
    if len(header) > _LONGEST_HEADER:
        raise UsageError(f"{len(header):,} bytes of metadata; at most {_LONGEST_HEADER:,} fit.")
    return header
