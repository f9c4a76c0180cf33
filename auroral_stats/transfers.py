"""Get a file from a server: whole, or with the reason why not.

``pyspedas.download`` is not used. It gets one file after the other with pauses of a second or more
between them, adds five seconds to each wait that a busy server asks for and lets it ask for hours,
cannot get files side by side, and reports by log records and None. Names, folders and servers
remain those of pyspedas (:mod:`auroral_stats.spedas`); the bytes are fetched here with requests:

- the server's TLS certificate is verified, and a redirect from https to http is refused;
- a server that is busy (429, 503 with ``Retry-After``, in seconds or as a date) is left alone by
  all transfers for as long as it asks, while the whole wait stays within :attr:`Limits.patience`;
- a connection that fails, stalls, crawls or breaks off is tried again a few times;
- a server that fails time after time is given up, so that a long list does not wait for each file.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from auroral_stats._version import __version__
from auroral_stats.errors import UsageError

__all__ = ["Answer", "Limits", "NotFetched", "Server", "connected", "get"]

_CHUNK = 1 << 16
_BUSY_OR_ILL = frozenset({408, 429, 500, 502, 503, 504})
#: Attempts to reach a server that cannot be reached at all; no network is the usual cause.
_CONNECTION_ATTEMPTS = 2
#: Files in succession that fail after all attempts before the server is given up.
_FAILURES = 3
#: Shortest pause for a busy server, s: one that says 0 is not to be asked without end.
_SHORTEST_PAUSE = 0.5


@dataclass(frozen=True)
class Limits:
    """How long and how hard to try.

    Attributes
    ----------
    parallel : int
        Transfers at a time.
    connect_timeout, read_timeout : float
        Seconds to wait for a connection, and for the next bytes of an answer.
    attempts : int
        How often a transfer is tried that fails, stalls or breaks off.
    backoff : float
        Seconds before the second attempt; twice as many before each further one.
    patience : float
        Longest time in seconds to wait for a busy server while not one file arrives.
    slowest : float
        Bytes a second below which a transfer counts as stalled, once ``read_timeout`` has passed.
    """

    parallel: int = 4
    connect_timeout: float = 10.0
    read_timeout: float = 20.0
    attempts: int = 4
    backoff: float = 2.0
    patience: float = 120.0
    slowest: float = 500.0

    def __post_init__(self) -> None:
        for name, least in (("parallel", 1), ("attempts", 1), ("backoff", 0), ("patience", 0)):
            if not getattr(self, name) >= least:
                raise UsageError(f"{name} is {getattr(self, name)!r}; expected {least} or more.")
        for name in ("connect_timeout", "read_timeout"):
            if not getattr(self, name) > 0:
                raise UsageError(f"{name} is {getattr(self, name)!r}; expected seconds above 0.")


@dataclass(frozen=True)
class Answer:
    """The server's final word on one address: status, and seconds it asks to wait."""

    status: int
    retry_after: float | None = None


class NotFetched(Exception):
    """No final answer; the text says why."""


class _Broken(Exception):
    """One attempt came to nothing."""

    def __init__(self, reason: str, *, attempts: int | None = None) -> None:
        super().__init__(reason)
        self.attempts = attempts


@dataclass
class Server:
    """One server, as all transfers of a download see it. Times are of ``time.monotonic``."""

    remote: str
    limits: Limits
    tell: Callable[[str], None]
    session: Any
    stop: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    not_before: float = 0.0
    busy_since: float | None = None
    failures: int = 0
    given_up: str = ""


@contextmanager
def connected(remote: str, limits: Limits, tell: Callable[[str], None]) -> Iterator[Server]:
    """Give a server to :func:`get` files from; connections are closed afterwards.

    Parameters
    ----------
    remote : str
        Address of the server's folder, with ``/`` at its end.
    limits : Limits
    tell : callable
        Called, in any thread, with what the user should know of a wait.

    Yields
    ------
    Server
    """
    import requests
    from requests.adapters import HTTPAdapter

    with requests.Session() as session:
        session.headers["User-Agent"] = f"auroral_stats {__version__}"
        # A length that is stated is then the length of the file itself.
        session.headers["Accept-Encoding"] = "identity"
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=0, pool_maxsize=limits.parallel))
        server = Server(remote, limits, tell, session)
        try:
            yield server
        finally:
            server.stop.set()


def get(server: Server, path: str, sink: BinaryIO, *, since: float | None = None) -> Answer:
    """Get one file into ``sink``.

    Parameters
    ----------
    server : Server
        From :func:`connected`.
    path : str
        Below ``server.remote``.
    sink : binary file
        Holds the body, whole, if the status is 200; begun anew at each attempt.
    since : float, optional
        Unix time: get the file only if it changed later (``If-Modified-Since``); else status 304.

    Returns
    -------
    Answer

    Raises
    ------
    NotFetched
        If the server gave no final answer within the limits.
    OSError
        If ``sink`` cannot be written.
    """
    headers = {} if since is None else {"If-Modified-Since": formatdate(since, usegmt=True)}
    failed = 0
    while True:
        _wait_for_turn(server)
        sink.seek(0)
        sink.truncate()
        attempts = server.limits.attempts
        try:
            answer = _attempt(server, path, sink, headers)
        except _Broken as broken:
            reason, attempts = str(broken), min(attempts, broken.attempts or attempts)
        else:
            if answer.status not in _BUSY_OR_ILL:
                with server.lock:
                    server.failures, server.busy_since = 0, None
                return answer
            reason = f"the server answered HTTP {answer.status}"
            if answer.status in {429, 503}:
                reason += " (too busy)"
                if answer.retry_after is not None:
                    _leave_alone(server, answer.retry_after, reason)
                    continue
        failed += 1
        if failed >= attempts:
            _count_failure(server, reason)
            raise NotFetched(reason)
        server.stop.wait(server.limits.backoff * 2 ** (failed - 1))


def _wait_for_turn(server: Server) -> None:
    """Wait until the server may be asked again."""
    while True:
        with server.lock:
            given_up, wait = server.given_up, server.not_before - time.monotonic()
        if given_up or server.stop.is_set():
            raise NotFetched(given_up or "the download was stopped")
        if wait <= 0:
            return
        server.stop.wait(wait)


def _leave_alone(server: Server, asked: float, reason: str) -> None:
    """Let all transfers wait as long as the server asks; give it up if that is too long."""
    patience, wait = server.limits.patience, max(asked, _SHORTEST_PAUSE)
    with server.lock:
        now = time.monotonic()
        server.busy_since = now if server.busy_since is None else server.busy_since
        waited = now - server.busy_since
        if waited + wait > patience:
            server.given_up = server.given_up or (
                f"{reason} and asks to wait {wait:,.0f} s, after {waited:,.0f} s of waiting; "
                f"the most is {patience:,.0f} s, so run again later"
            )
            raise NotFetched(server.given_up)
        longer = now + wait > server.not_before + 0.5
        server.not_before = max(server.not_before, now + wait)
    if longer:
        server.tell(f"{reason} and asks to wait {wait:,.0f} s")


def _count_failure(server: Server, reason: str) -> None:
    with server.lock:
        server.failures += 1
        if server.failures >= _FAILURES and not server.given_up:
            server.given_up = reason


def _attempt(server: Server, path: str, sink: BinaryIO, headers: dict[str, str]) -> Answer:
    """Ask once, and write the body of an answer 200 into ``sink``."""
    from requests.exceptions import RequestException

    limits, address = server.limits, server.remote + path
    try:
        response = server.session.get(
            address,
            headers=headers,
            stream=True,
            timeout=(limits.connect_timeout, limits.read_timeout),
        )
    except RequestException as error:
        raise _explained(error, server) from error
    with response:
        if address.startswith("https://") and not response.url.startswith("https://"):
            raise _Broken(f"{_host(server)} leads from https to http: refused", attempts=1)
        if response.status_code == 200:
            _write_body(response, server, path.rsplit("/", 1)[-1] or path, sink)
        return Answer(response.status_code, _retry_after(response.headers.get("Retry-After")))


def _write_body(response: Any, server: Server, name: str, sink: BinaryIO) -> None:
    from urllib3.exceptions import HTTPError, ReadTimeoutError

    stated = response.headers.get("Content-Length", "")
    whole = int(stated) if stated.isdigit() and "Content-Encoding" not in response.headers else None
    of = "" if whole is None else f" of {whole:,}"
    limits, received, started = server.limits, 0, time.monotonic()
    while True:
        try:
            # read1 gives what is there; read would wait for a full chunk, however slow they come.
            chunk = response.raw.read1(_CHUNK, decode_content=True)
        except ReadTimeoutError as error:
            raise _Broken(
                f"{_host(server)} stalled for {limits.read_timeout:g} s after {received:,}{of} "
                f"bytes of {name}"
            ) from error
        except (HTTPError, OSError) as error:
            raise _Broken(f"{name} arrived cut short, {received:,}{of} bytes") from error
        if not chunk:
            break
        sink.write(chunk)
        received += len(chunk)
        if server.stop.is_set():
            raise NotFetched("the download was stopped")
        elapsed = time.monotonic() - started
        if elapsed > limits.read_timeout and received < limits.slowest * elapsed:
            raise _Broken(
                f"{_host(server)} stalled: {received:,}{of} bytes of {name} in {elapsed:,.0f} s"
            )
    if whole is not None and received != whole:
        raise _Broken(f"{name} arrived cut short, {received:,}{of} bytes")


def _retry_after(value: str | None) -> float | None:
    """Return the seconds that a header asks to wait, given as seconds or as an HTTP date."""
    from urllib3.exceptions import InvalidHeader
    from urllib3.util import Retry

    if value is None:
        return None
    try:
        return float(Retry().parse_retry_after(value))
    except (InvalidHeader, ValueError, OverflowError):
        return None


def _host(server: Server) -> str:
    return urlsplit(server.remote).netloc


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it was raised from, however requests and urllib3 wrapped it."""
    while error is not None:
        yield error
        inner = getattr(error, "reason", None) or next(iter(error.args), None)
        error = inner if isinstance(inner, BaseException) else error.__cause__


def _explained(error: Exception, server: Server) -> _Broken:
    """Return in plain words why there was no answer at all."""
    from requests import exceptions
    from urllib3.exceptions import NameResolutionError, NewConnectionError

    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _Broken(
                f"the certificate of {_host(server)} is not to be trusted "
                f"({cause.verify_message}), so nothing was taken from it; if it is signed by an "
                "authority of your own, name its file in REQUESTS_CA_BUNDLE",
                attempts=1,
            )
    if any(isinstance(cause, NameResolutionError) for cause in causes):
        return _Broken(
            f"no connection to {server.remote}: no such host, or no network",
            attempts=_CONNECTION_ATTEMPTS,
        )
    if isinstance(error, exceptions.ConnectTimeout) or any(
        isinstance(cause, NewConnectionError) for cause in causes
    ):
        return _Broken(f"no connection to {server.remote}", attempts=_CONNECTION_ATTEMPTS)
    if isinstance(error, exceptions.Timeout):
        return _Broken(f"{_host(server)} sent nothing for {server.limits.read_timeout:g} s")
    if isinstance(error, exceptions.SSLError):
        return _Broken(f"no secure connection to {_host(server)}: {causes[-1]}")
    if isinstance(error, exceptions.ConnectionError):
        return _Broken(f"{_host(server)} closed the connection without an answer")
    return _Broken(f"{server.remote} cannot be used: {error}", attempts=1)
