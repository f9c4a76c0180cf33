"""Fetch one large file over HTTP, resumed where it broke off.

The server is asked for the rest of a file with ``Range``, and with ``If-Range`` for the whole of it
should it have another one by now. Where the server gives nothing to tell one file from another (no
``ETag`` and no date), or sends no parts of files, a download that failed has to begin again: then
nothing of it is kept. A server that is busy is waited for as long as it asks (``Retry-After``); a
connection that fails, stalls or breaks off is tried again a few times.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from auroral_stats.errors import ArchiveError
from auroral_stats.whole_file import write_whole

__all__ = ["Patience", "Progress", "fetch", "forget"]

#: A connection that breaks off loses at most so many bytes.
_CHUNK = 1 << 14
_BUSY = {429, 500, 502, 503, 504}

#: Called with bytes that are here, bytes in all (None where the server does not tell), and a word
#: on what is going on.
Progress = Callable[[int, "int | None", str], None]


@dataclass(frozen=True)
class Patience:
    """How long and how often to try.

    Attributes
    ----------
    connect_timeout, read_timeout : float
        Seconds without an answer, and without a byte, after which a connection is given up.
    attempts : int
        Failures in a row, with not one byte between them, after which the download is.
    backoff : float
        Seconds before the second attempt, doubled for each further one.
    longest_wait : float
        Seconds: a server that asks for more (``Retry-After``) is not waited for.
    """

    connect_timeout: float = 20.0
    read_timeout: float = 60.0
    attempts: int = 5
    backoff: float = 2.0
    longest_wait: float = 300.0


class _Again(Exception):
    """An attempt that failed in a way that the next may not; ``wait`` is what the server asks."""

    def __init__(self, why: str, wait: float | None = None) -> None:
        super().__init__(why)
        self.wait = wait


def fetch(
    url: str,
    part: Path,
    *,
    progress: Progress | None = None,
    patience: Patience | None = None,
    remedy: str = "",
) -> None:
    """Fetch a file into ``part``, going on from what is there of it.

    Parameters
    ----------
    url : str
    part : Path
        Where the bytes go; ``part`` with ``.json`` added keeps what tells one file of the server
        from another, until :func:`forget`.
    progress : callable, optional
        See :data:`Progress`.
    patience : Patience, optional
    remedy : str
        What the user can do if it fails, for the message.

    Raises
    ------
    ArchiveError
        If the server does not have the file or does not answer, another run is at it, or there is
        no room for it. What had arrived stays, if another run can go on from it; if none can,
        ``part`` is empty.
    OSError
        If ``part`` cannot be written; what had arrived stays likewise.
    """
    say = progress or (lambda *_: None)
    # Without a buffer: what a full disk has refused is not written later, when the file is closed.
    with part.open("ab", buffering=0) as sink, _alone(sink, part):
        validator = _Validator(_state_path(part))
        try:
            _fetch(url, sink, validator, say, patience or Patience(), remedy)
        except BaseException:
            if not validator.value:
                _restart(sink)
            raise


def forget(part: Path) -> None:
    """Remove what :func:`fetch` keeps beside a file that is whole."""
    _state_path(part).unlink(missing_ok=True)


def _state_path(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _fetch(
    url: str,
    sink: IO[bytes],
    validator: _Validator,
    say: Progress,
    patience: Patience,
    remedy: str,
) -> None:
    """Append to ``sink`` until the file is whole."""
    import requests

    from classifier import __version__

    failures, furthest = 0, sink.tell()
    with requests.Session() as session:
        session.headers["User-Agent"] = f"auroral_stats {__version__}"
        # so that a length that is stated is that of the file, and a range one of its own bytes
        session.headers["Accept-Encoding"] = "identity"
        while True:
            try:
                _attempt(session, url, sink, validator, say, patience, remedy)
            except _Again as again:
                failures = 1 if sink.tell() > furthest else failures + 1
                furthest = max(furthest, sink.tell())
                wait = patience.backoff * 2 ** (failures - 1) if again.wait is None else again.wait
                if failures >= patience.attempts or wait > patience.longest_wait:
                    asked = f"; it asks to come back in {wait:.0f} s" if again.wait else ""
                    raise ArchiveError(
                        f"{url}: {again}{asked}. {_arrived(sink, validator)}Start again "
                        f"later{remedy and ', or '}{remedy}"
                    ) from again
                say(sink.tell(), validator.total, f"{again}; next attempt in {wait:.0f} s")
                time.sleep(wait)
            else:
                return


def _attempt(
    session: Any,
    url: str,
    sink: IO[bytes],
    validator: _Validator,
    say: Progress,
    patience: Patience,
    remedy: str,
) -> None:
    """Ask once, for what is not there yet."""
    from requests.exceptions import RequestException

    have = sink.tell()
    if have and not validator.value:  # whose bytes these are is not known
        have = _restart(sink)
    headers = {"Range": f"bytes={have}-", "If-Range": validator.value} if have else {}
    try:
        timeout = (patience.connect_timeout, patience.read_timeout)
        with session.get(url, headers=headers, stream=True, timeout=timeout) as answer:
            if answer.status_code in _BUSY:
                wait = _retry_after(answer.headers.get("Retry-After"))
                raise _Again(f"the server answers HTTP {answer.status_code}", wait)
            if answer.status_code == 416:
                if have in {validator.total, _content_range(answer.headers)[1]}:
                    return
                _restart(sink)
                raise _Again("the server has another file than before")
            if answer.status_code not in {200, 206}:
                raise ArchiveError(f"{url}: the server answers HTTP {answer.status_code}; {remedy}")
            if answer.status_code == 206:
                start, total = _content_range(answer.headers)
                if start != have or (validator.total is not None and total != validator.total):
                    _restart(sink)
                    raise _Again("the server sends another part than the one asked for")
            else:
                have = _restart(sink)
                stated = answer.headers.get("Content-Length", "")
                total = int(stated) if stated.isdigit() else None
                validator.set(answer.headers, total)
            _check_room(Path(sink.name), (total or 0) - have)
            for chunk in answer.iter_content(_CHUNK):
                _append(sink, chunk)
                say(sink.tell(), total, "")
    except RequestException as error:
        raise _Again(_words(error)) from error
    if total is not None and sink.tell() != total:
        if sink.tell() > total:
            _restart(sink)
        raise _Again(f"the connection broke off at {sink.tell()} of {total} bytes")
    os.fsync(sink.fileno())


class _Validator:
    """What tells one file of the server from another, kept beside the bytes that arrived."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.value = ""
        self.total: int | None = None
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            value, total = str(kept["validator"]), kept["total"]
            self.value, self.total = value, None if total is None else int(total)
        except (OSError, ValueError, KeyError, TypeError):
            pass  # then the bytes that are there are of no use

    def set(self, headers: Any, total: int | None) -> None:
        """Keep what an answer says; a weak tag does not promise the same bytes."""
        tag = headers.get("ETag", "")
        self.value = tag if tag.startswith('"') else headers.get("Last-Modified", "")
        if headers.get("Accept-Ranges", "").strip().lower() == "none":
            self.value = ""  # the rest of the file cannot be asked for
        self.total = total
        content = json.dumps({"validator": self.value, "total": total})
        write_whole(self.path, lambda path: path.write_text(content, encoding="utf-8"))


@contextmanager
def _alone(sink: IO[bytes], part: Path) -> Iterator[None]:
    """Refuse a second run that would write into the same file."""
    try:
        import fcntl
    except ImportError:  # no such locks on this system
        yield
        return
    try:
        fcntl.flock(sink, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ArchiveError(
            f"{part}: another run is downloading it; wait for that, or name another folder."
        ) from error
    except OSError:  # a file system without locks
        pass
    yield


def _restart(sink: IO[bytes]) -> int:
    sink.truncate(0)
    sink.seek(0)
    return 0


def _append(sink: IO[bytes], chunk: bytes) -> None:
    """Write all of a chunk: a file without a buffer may take less at once."""
    rest = memoryview(chunk)
    while rest:
        rest = rest[sink.write(rest) :]


def _arrived(sink: IO[bytes], validator: _Validator) -> str:
    if not sink.tell():
        return ""
    if validator.value:
        return f"{sink.tell() / 1e6:.1f} MB have arrived and are kept. "
    return (
        f"{sink.tell() / 1e6:.1f} MB had arrived and are not kept, because with this server no "
        "download can be resumed. "
    )


def _content_range(headers: Mapping[str, str]) -> tuple[int, int | None]:
    """Return first byte and total of ``bytes 10-99/100``; (-1, None) if it says neither."""
    text = headers.get("Content-Range", "")
    span, _, total = text.removeprefix("bytes ").partition("/")
    start = span.partition("-")[0]
    return (int(start) if start.isdigit() else -1), (int(total) if total.isdigit() else None)


def _retry_after(text: str | None) -> float | None:
    """Return the seconds that a server asks for, given as such or as a date."""
    from email.utils import parsedate_to_datetime

    if text is None:
        return None
    if text.strip().isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None


def _words(error: BaseException) -> str:
    from requests import exceptions

    if isinstance(error, exceptions.Timeout):
        return "the server does not answer"
    if isinstance(error, exceptions.ChunkedEncodingError):
        return "the connection broke off"
    if isinstance(error, exceptions.ConnectionError):
        return "no connection to the server"
    return str(error) or type(error).__name__


def _check_room(part: Path, wanted: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if wanted > free:
        raise ArchiveError(
            f"{part.parent}: {wanted / 1e6:.0f} MB are to come and {free / 1e6:.0f} MB are free; "
            "make room, or name another folder."
        )
