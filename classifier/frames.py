"""Frames of the THEMIS all-sky imagers, from minute files (PGM) and hourly ones (CDF).

What :func:`read_frames` gives can be believed: an image is returned only if its pixels and its time
are covered by what the format offers - the checksum of the compressed data, the place of each
header, two time stamps in each, the name of the file. Everything else is listed with a reason, and
nothing that is wrong with a file is an error, so that one bad minute stops no night.

All images lie as those of PGM files and skymaps do: row 0 north and column 0 east. Images of CDF
files are turned by 180 degrees for that; :mod:`classifier.optics` says how the turn was found, in a
file of the layout before 2024. That files of the later layout need it too is taken for granted.

Two things no reader can see: a pixel altered before the file was compressed or in a file that is
not compressed, and a file that was both altered and cut short.
"""

from __future__ import annotations

import io
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from auroral_stats.errors import ArchiveError, DataError, UsageError
from classifier import pgm
from classifier.asf import CDF_MAGIC, read_asf
from classifier.frame_files import FrameFile, find_frames
from classifier.frame_names import FrameName, frame_name
from classifier.frame_records import IMAGE_SHAPE, BadRecord, Frames
from classifier.frame_times import time_faults
from classifier.inflate import MAX_BYTES, inflate
from classifier.pgm_times import request_times

__all__ = ["BadRecord", "FrameFile", "Frames", "find_frames", "read_frames"]

#: Memory for compressed and for inflated bytes, one of each a thread; minute files have 2.1 and
#: 2.6 MB. Taking new memory for each file takes longer than reading it.
_KEPT = threading.local()
_MOST_KEPT = 1 << 23
_INFLATED = 1 << 22


def read_frames(
    path: str | Path, out: NDArray[np.uint16] | None = None, *, metadata: bool = True
) -> Frames:
    """Read the frames of one file.

    Parameters
    ----------
    path : path
        A minute file of PGM records, compressed with gzip or bzip2 or not at all, or an hourly CDF
        of either layout. What the file is, is told by its content, not by its name. Its name, where
        it is that of an archive, is held against its times and site.
    out : ndarray of uint16, (at least the frames of the file, 256, 256), optional
        Where to put the images, to save the allocation: ``images`` is then a view of its beginning,
        and is overwritten by the next call that is given the same array. If there are more frames
        than fit, a new array is made.
    metadata : bool
        Whether to return what the headers say.

    Returns
    -------
    Frames
        Sound frames, in order of time, and the records that gave none. A file with no sound frame,
        even one of zero bytes, gives no frames and a reason.

    Raises
    ------
    UsageError
        If ``out`` is no such array, or a CDF is given and cdflib is not installed.
    ArchiveError
        If the file does not exist, is a folder or a device, or may not be read.
    DataError
        If it is larger than any minute or hour of frames can be (512 MiB).

    Notes
    -----
    Of a gzip file with a wrong checksum no frame is returned: nothing says which is damaged. Of one
    that was cut short, all records are returned that are followed by the beginning of another.

    A record is not returned if its header is damaged or has no time; if its image is cut short, or
    bytes of it are missing or too many; if it has another size or another largest value; if its
    times contradict each other by more than 1 ms, or the name of the file by more than two minutes;
    or if it repeats another record or is out of order among them
    (:func:`~classifier.frame_times.time_faults`). If header and name give different sites, there
    are no frames.

    Examples
    --------
    >>> frames = read_frames("20140310_0600_gill_themis19_full.pgm.gz")  # doctest: +SKIP
    >>> frames.images.shape, str(frames.time[0])  # doctest: +SKIP
    ((20, 256, 256), '2014-03-10T06:00:00.063119')
    """
    path = Path(path)
    if out is not None and not (
        out.dtype == np.uint16
        and out.dtype.isnative
        and out.shape[1:] == IMAGE_SHAPE
        and out.flags.c_contiguous
        and out.flags.writeable
    ):
        raise UsageError("out must be a writeable, contiguous array of uint16 of (n, 256, 256).")
    name = frame_name(path.name)
    raw = _contents(path)
    if raw is None:
        return _from_cdf(path, name, out, metadata=metadata)
    return _from_pgm(raw, name, out, metadata=metadata)


def _contents(path: Path) -> memoryview | None:
    """Return the bytes of a file, until the next call; None for a CDF, which cdflib opens itself."""
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            kind = "a folder" if stat.S_ISDIR(about.st_mode) else "no regular file"
            raise ArchiveError(f"{str(path)!r} is {kind}; expected a file of frames.")
        if about.st_size > MAX_BYTES:
            raise DataError(
                f"{str(path)!r} has {about.st_size:,} bytes; expected a minute or an hour of "
                f"frames, at most {MAX_BYTES:,} bytes."
            )
        with path.open("rb", buffering=0) as file:
            if file.read(4) in CDF_MAGIC:
                return None
            file.seek(0)
            return _filled(file, about.st_size)
    except FileNotFoundError as error:
        raise ArchiveError(f"{str(path)!r} does not exist. Check the path.") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        if isinstance(error, ArchiveError | DataError):
            raise
        raise ArchiveError(f"{str(path)!r} cannot be read ({reason}).") from error


def _filled(file: io.FileIO, size: int) -> memoryview:
    """Read a file into memory that the next file is read into as well."""
    buffer: bytearray = getattr(_KEPT, "buffer", bytearray())
    if len(buffer) < size:
        buffer = bytearray(size)
        if size <= _MOST_KEPT:
            _KEPT.buffer = buffer
    view, filled = memoryview(buffer)[:size], 0
    while filled < size and (more := file.readinto(view[filled:])):
        filled += more
    return view[:filled]


def _from_pgm(
    raw: memoryview, name: FrameName | None, out: NDArray[np.uint16] | None, *, metadata: bool
) -> Frames:
    inflated = inflate(raw, believable=pgm.believable_size, room=_room_to_inflate())
    data = inflated.data
    records, bad = pgm.scan_pgm(data, cut=inflated.cut) if pgm.is_pgm(data) else ([], [])
    if inflated.fault:
        # Damage in the stream is why a record at its end is incomplete.
        last = max(
            [record.number for record in records] + [each.record for each in bad], default=-1
        )
        bad.append(BadRecord(last + 1, f"{inflated.fault}; nothing behind this is read"))
    elif not records and not bad:
        what = "the file is empty" if not raw else "the file holds no PGM records and is no CDF"
        bad.append(BadRecord(0, what))
    headers = [record.header for record in records]
    time, faults = request_times(headers)

    def image(index: int) -> memoryview:
        start = records[index].offset
        return memoryview(data)[start : start + 2 * IMAGE_SHAPE[0] * IMAGE_SHAPE[1]]

    # The site is named in the first record alone.
    values = [pgm.header_values(header) for header in (headers if metadata else headers[:1])]
    said = values[0] if values else {}
    site, conflict = _site(said.get("Site unique ID"), name)
    kept = _sound(
        [record.number for record in records],
        time,
        faults,
        bad,
        name,
        lambda first, second: image(first) == image(second),
        conflict,
    )
    images = _room(out, len(kept))
    pgm.decode_images(data, [records[index] for index in kept], images)
    # What is said once holds for all.
    common = {key: said[key] for key in said if len(values) < 2 or key not in values[1]}
    return Frames(
        images=images,
        time=time[kept],
        metadata=tuple(common | values[index] for index in kept) if metadata else (),
        bad=tuple(sorted(bad, key=lambda each: each.record)),
        site=site,
        simulated=any(pgm.SIMULATED in header for header in headers),
    )


def _from_cdf(
    path: Path, name: FrameName | None, out: NDArray[np.uint16] | None, *, metadata: bool
) -> Frames:
    records = read_asf(path)
    images, time, bad = records.images[:, ::-1, ::-1], records.time, list(records.bad)
    faults = {
        int(index): "it has no time stamp, or two that contradict each other"
        for index in np.flatnonzero(np.isnat(time))
    }
    site, conflict = _site(records.site, name)
    kept = _sound(
        records.number.tolist(),
        time,
        faults,
        bad,
        name,
        lambda first, second: np.array_equal(images[first], images[second]),
        conflict,
    )
    laid = _room(out, len(kept))
    laid[...] = images if len(kept) == len(images) else images[kept]
    return Frames(
        images=laid,
        time=time[kept],
        metadata=(records.attributes,) * len(kept) if metadata else (),
        bad=tuple(sorted(bad, key=lambda each: each.record)),
        site=site,
        simulated=records.attributes.get("simulated", "").lower() == "true",
    )


def _room_to_inflate() -> NDArray[np.uint8]:
    if not hasattr(_KEPT, "inflated"):
        _KEPT.inflated = np.empty(_INFLATED, np.uint8)
    room: NDArray[np.uint8] = _KEPT.inflated
    return room


def _site(stated: str | None, name: FrameName | None) -> tuple[str | None, str]:
    """Return the site, and what is wrong if header and name of a file contradict each other."""
    stated = stated.strip().lower() if stated else None
    if name is None or stated is None or stated == name.site:
        return stated or (name.site if name else None), ""
    return name.site, f"the file says that its site is {stated!r}, its name says {name.site!r}"


def _sound(
    numbers: list[int],
    time: NDArray[np.datetime64],
    faults: dict[int, str],
    bad: list[BadRecord],
    name: FrameName | None,
    same_image: Callable[[int, int], bool],
    conflict: str,
) -> list[int]:
    """Return the indices of records that can be believed; add the others to ``bad``."""
    if conflict:
        bad.append(BadRecord(0, conflict))
        return []
    believed = time.copy()
    believed[list(faults)] = np.datetime64("NaT")
    faults = faults | time_faults(believed, name, same_image)
    bad += [BadRecord(numbers[index], reason) for index, reason in faults.items()]
    return [index for index in range(len(numbers)) if index not in faults]


def _room(out: NDArray[np.uint16] | None, frames: int) -> NDArray[np.uint16]:
    if out is not None and len(out) >= frames:
        return out[:frames]
    return np.empty((frames, *IMAGE_SHAPE), np.uint16)
