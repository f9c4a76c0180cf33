"""The start of exposure in the headers of minute files, which is held there twice over."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["request_times"]

_CLOCK = rb"([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}) UTC\n"
_STAMP_LINES = (
    rb'#"Image request start" ' + _CLOCK,
    rb'#"Image readout start" ' + _CLOCK,
    rb'#"Exposure plus initial readout" +([0-9]{1,6}(?:\.[0-9]{1,3})?) ms\n',
)
_LINES = [re.compile(b"\n" + line) for line in _STAMP_LINES]
#: The three lines as they follow each other in real headers.
_STAMPS = re.compile(b"\n" + b"".join(_STAMP_LINES))

#: Start, readout and exposure time of a record contradict each other beyond this.
_AGREEMENT = np.timedelta64(1000, "us")


def request_times(
    headers: Sequence[bytes],
) -> tuple[NDArray[np.datetime64], dict[int, str]]:
    r"""Return the start of exposure that each header gives.

    Each header holds it twice over: the request comes as long before the readout as "Exposure plus
    initial readout" says. Where any header of a file shows this, to 1 ms, those that do not are
    refused.

    Parameters
    ----------
    headers : sequence of bytes

    Returns
    -------
    time : ndarray of datetime64[us], (header,)
        UTC; NaT where a header has none.
    faults : dict of int to str
        Why the time of a header is missing or cannot be trusted, by its index.

    Examples
    --------
    >>> header = b'P5\n#"Image request start" 2014-03-10 06:00:00.063119 UTC\n256 256\n65535\n'
    >>> request_times([header])[0]
    array(['2014-03-10T06:00:00.063119'], dtype='datetime64[us]')
    """
    stamps = _STAMPS.findall(b"".join(headers))
    if len(stamps) != len(headers):
        # A header lacks a line, or has another order.
        stamps = [
            tuple(each[0] if len(each := line.findall(header)) == 1 else b"" for line in _LINES)
            for header in headers
        ]
    request, readout, spans = zip(*stamps, strict=True) if stamps else ((), (), ())
    time = _clock(request)
    missing = np.flatnonzero(np.isnat(time)).tolist()
    faults = dict.fromkeys(missing, "it has no time stamp (Image request start)")
    span = np.array([round(float(each) * 1000) if each else -1 for each in spans], "m8[us]")
    difference = np.abs(_clock(readout) - time - span)
    # Comparisons with NaT are false.
    agrees = (difference <= _AGREEMENT) & (span > np.timedelta64(0))
    if agrees.any():
        for index in np.flatnonzero(~agrees).tolist():
            faults.setdefault(index, "its time stamps contradict each other")
    return time, faults


def _clock(stamps: Sequence[bytes]) -> NDArray[np.datetime64]:
    text = [each.decode() or "NaT" for each in stamps]
    try:
        return np.array(text, "datetime64[us]")
    except ValueError:
        return np.array([_or_nat(each) for each in text], "datetime64[us]")


def _or_nat(text: str) -> np.datetime64:
    try:
        return np.datetime64(text, "us")
    except ValueError:  # such as 31 February
        return np.datetime64("NaT", "us")
