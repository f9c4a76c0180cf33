"""Hourly CDFs of the THEMIS all-sky imagers (``thg_l1_asf_<site>_YYYYMMDDHH_v01.cdf``).

Two layouts are in the archive:

- until 2023, ``thg_asf_<site>`` holds one image a record, and ``thg_asf_<site>_epoch`` the start of
  its exposure to the millisecond (``_time`` holds the same rounded to the 3-s raster);
- since 2024, one record holds all images, (row, column, image), and ``thg_asf_<site>_time`` the
  start of exposure in Unix seconds; ``_epoch`` is then of no use and is not read.

Images are compressed one by one in files of the first layout, each with its CRC-32, so a damaged
one is lost alone. In the second a damaged byte loses the hour. The times stand near the end of a
file: one that was cut short has images, but no times for them, and gives no frames.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from auroral_stats.brief import Brief
from auroral_stats.errors import UsageError
from classifier.frame_names import SITE
from classifier.frame_records import IMAGE_SHAPE, BadRecord

__all__ = ["CDF_MAGIC", "AsfRecords", "read_asf", "shortfall"]

#: First four bytes of CDF version 3, 2.6 and 2.5.
CDF_MAGIC = (b"\xcd\xf3\x00\x01", b"\xcd\xf2\x60\x02", b"\x00\x00\xff\xff")

#: Milliseconds from 0000-01-01 (CDF_EPOCH) to 1970-01-01.
_EPOCH_1970 = 62_167_219_200_000.0

#: An hour has 1,200 images; a damaged header may claim any number.
_MOST_IMAGES = 20_000

#: Start of exposure and 3-s raster differ by some 50 ms.
_RASTER = np.timedelta64(1_000_000, "us")

_IMAGES = re.compile(rf"thg_asf_({SITE})", re.ASCII)
_FIRST, _LAST = np.datetime64("1990-01-01", "us"), np.datetime64("2100-01-01", "us")


@dataclass(frozen=True, repr=False)
class AsfRecords(Brief):
    """What an hourly file holds.

    Attributes
    ----------
    images : ndarray of uint16, (record, row, column)
        Those that could be read, as stored: turned by 180 degrees against PGM files.
    number : ndarray of int, (record,)
        Their numbers in the file.
    time : ndarray of datetime64[us], (record,)
        Start of exposure, UTC; NaT where there is none.
    bad : tuple of BadRecord
    site : str or None
    attributes : dict of str to str
        Global attributes of the file; lines of one are joined by a blank.
    """

    images: NDArray[np.uint16]
    number: NDArray[np.int64]
    time: NDArray[np.datetime64]
    bad: tuple[BadRecord, ...]
    site: str | None
    attributes: dict[str, str]
    _UNITS: ClassVar[Mapping[str, str]] = {"images": "counts", "time": "UTC"}


def read_asf(path: Path) -> AsfRecords:
    """Read an hourly file, as far as it can be read.

    Parameters
    ----------
    path : Path

    Returns
    -------
    AsfRecords
        Without images, and with a reason, where the file is damaged beyond reading.

    Raises
    ------
    UsageError
        If cdflib is not installed.

    Examples
    --------
    >>> read_asf(Path("thg_l1_asf_gako_2011010617_v01.cdf")).images.shape  # doctest: +SKIP
    (23, 256, 256)
    """
    try:
        import cdflib
    except ImportError as error:
        raise UsageError(f"{path}: reading CDF files needs cdflib: pip install cdflib.") from error
    site, attributes, short = None, {}, shortfall(path)
    try:
        file = cdflib.CDF(path)
        attributes = {
            key: " ".join(str(line) for line in np.ravel(value))
            for key, value in file.globalattsget().items()
        }
        info = file.cdf_info()
        found = [
            match
            for name in (*info.zVariables, *info.rVariables)
            if (match := _IMAGES.fullmatch(name))
        ]
        if len(found) != 1:
            why = f"it has {len(found)} variables thg_asf_<site>, not one"
            return _nothing(short or why, attributes)
        name, site = found[0][0], found[0][1]
        images, number, bad, wide = _images(file, name)
        time = _times(file, name, wide=wide)
    except Exception as error:  # noqa: BLE001 - a damaged file can make cdflib raise anything
        why = str(error).strip() or type(error).__name__
        return _nothing(short or f"the CDF cannot be read ({why})", attributes, site)
    known = number.size + len({record.record for record in bad})
    if time.size != known:
        why = f"it has {known} images, but {time.size} times"
        return _nothing(short or why, attributes, site)
    if short:
        bad.append(BadRecord(known, short))
    return AsfRecords(images, number, time[number], tuple(bad), site, attributes)


def _nothing(reason: str, attributes: dict[str, str], site: str | None = None) -> AsfRecords:
    return AsfRecords(
        np.empty((0, *IMAGE_SHAPE), np.uint16),
        np.empty(0, np.int64),
        np.empty(0, "datetime64[us]"),
        (BadRecord(0, reason),),
        site,
        attributes,
    )


def shortfall(path: Path) -> str:
    r"""Say by how much a CDF is shorter than it states, from three short reads.

    Parameters
    ----------
    path : Path

    Returns
    -------
    str
        Empty if it is not shorter, or does not say.

    Raises
    ------
    OSError
        If it cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.cdf")
    ...     _ = path.write_bytes(CDF_MAGIC[0] + bytes(11) + b"\1" + bytes(4))
    ...     shortfall(path)
    'the CDF is cut short, to 20 bytes'
    """
    with path.open("rb") as file:
        head = file.read(28)
        size = file.seek(0, 2)
        if head[:4] != CDF_MAGIC[0] or (len(head) == 28 and int.from_bytes(head[16:20]) != 1):
            return ""
        # The descriptor record points to the global one, which holds the end of the file.
        file.seek(min(int.from_bytes(head[20:28]) + 36, size))
        end = file.read(8)
    stated = int.from_bytes(end)
    if len(end) < 8:
        return f"the CDF is cut short, to {size:,} bytes"
    return "" if size >= stated else f"the CDF is cut short: {size:,} of {stated:,} bytes"


def _images(
    file: Any, name: str
) -> tuple[NDArray[np.uint16], NDArray[np.int64], list[BadRecord], bool]:
    """Return the images that can be read, their numbers, all others, and whether it is one record."""
    about = file.varinq(name)
    shape, records = tuple(about.Dim_Sizes), about.Last_Rec + 1
    wide = len(shape) == 3
    count = shape[2] * records if wide else records
    if shape[:2] != IMAGE_SHAPE or not 0 < count <= _MOST_IMAGES or (wide and records != 1):
        raise ValueError(f"{name} has {records} records of shape {shape}")
    bad: list[BadRecord] = []
    if wide:
        # (row, column, image) as stored; a frame is to lie in one piece.
        images = np.moveaxis(_counts(file.varget(name)).reshape(shape), 2, 0)
        number = np.arange(count)
    else:
        images, number, bad = _one_by_one(file, name, count)
    # A record that was never written reads as fill or as zeros.
    corner = images[:, 0, 0]
    for index in np.flatnonzero((corner == 0) | (corner == 65535)):
        if (images[index] == corner[index]).all():
            bad.append(
                BadRecord(int(number[index]), f"all its pixels are {corner[index]}: no image")
            )
    lost = {record.record for record in bad}
    kept = np.array([int(n) not in lost for n in number], dtype=bool)
    if not kept.all():
        images, number = images[kept], number[kept]
    return images, number, bad, wide


def _one_by_one(
    file: Any, name: str, count: int
) -> tuple[NDArray[np.uint16], NDArray[np.int64], list[BadRecord]]:
    """Read images of one record each: at once if all are sound, else each by itself."""
    try:
        return _counts(file.varget(name)).reshape(count, *IMAGE_SHAPE), np.arange(count), []
    except Exception:
        parts: dict[int, NDArray[np.uint16]] = {}
        bad = []
        for record in range(count):
            try:
                one = _counts(file.varget(name, startrec=record, endrec=record))
                parts[record] = one.reshape(IMAGE_SHAPE)
            except Exception as error:  # noqa: BLE001 - as above
                bad.append(BadRecord(record, f"its image cannot be read ({error})"))
        if not parts:
            raise
        return np.stack(list(parts.values())), np.array(list(parts)), bad


def _counts(values: Any) -> NDArray[np.uint16]:
    counts = np.asarray(values)
    if counts.dtype.kind != "u" or counts.dtype.itemsize != 2:
        raise ValueError(f"its counts are {counts.dtype}, not 16-bit without sign")
    return counts.astype(np.uint16, copy=False)


def _times(file: Any, name: str, *, wide: bool) -> NDArray[np.datetime64]:
    """Return the start of exposure of all images; NaT where it is missing or contradicted."""
    raster = _read(file, f"{name}_time", lambda seconds: seconds * 1e6)
    if wide:
        return raster
    exact = _read(file, f"{name}_epoch", lambda epoch: (epoch - _EPOCH_1970) * 1e3)
    if not exact.size or not raster.size:
        return exact if exact.size else raster
    if exact.size != raster.size:
        raise ValueError(f"{name} has {exact.size} epochs, but {raster.size} times")
    exact[np.abs(exact - raster) > _RASTER] = np.datetime64("NaT")
    return exact


def _read(
    file: Any, name: str, microseconds: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> NDArray[np.datetime64]:
    """Return a variable of times; empty if it is not there, NaT outside 1990 to 2099."""
    info = file.cdf_info()
    if name not in (*info.zVariables, *info.rVariables) or file.varinq(name).Last_Rec < 0:
        return np.empty(0, "datetime64[us]")
    values = microseconds(np.ravel(file.varget(name)).astype(np.float64))
    # Fills (-1e31, NaN) are far outside what can be converted.
    values = np.where(np.abs(values) < 1e17, values, np.nan)
    time = np.full(values.size, np.datetime64("NaT"), "datetime64[us]")
    there = np.isfinite(values)
    time[there] = np.rint(values[there]).astype(np.int64).astype("datetime64[us]")
    time[~((time >= _FIRST) & (time < _LAST))] = np.datetime64("NaT")
    return time
