"""Download files into the cache, and let only sound ones in.

Files arrive in a staging folder inside the cache, under names that no other program looks for, are
read through, and are moved into place with one ``os.replace``. A reader of the cache, or a run that
is killed, never meets half a file. Which version of a file a server has is read from its listing of
the folder, as pyspedas does; each listing is read once.
"""

from __future__ import annotations

import io
import logging
import os
import queue
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from auroral_stats.errors import ArchiveError, DataError
from auroral_stats.pyspedas_import import pyspedas_module
from auroral_stats.staging import staging_folder
from auroral_stats.transfers import Limits, NotFetched, Server, connected, get

__all__ = ["Fetched", "Limits", "Progress", "fetch"]

#: Called with the number of files done, the number in all, and the name of the one at hand (or
#: the folder that is being listed, or why there is a wait). Always in the thread of the caller.
Progress = Callable[[int, int, str], None]

_log = logging.getLogger(__name__)
_POLL_S = 0.1
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Fetched:
    """What came of a download, by the pattern asked for.

    Attributes
    ----------
    paths : dict of str to Path
        Files now in the cache.
    arrived : dict of str to int
        Bytes of those that came from the server; the others were there and are up to date.
    problems : dict of str to str
        Why the rest are not there.
    """

    paths: dict[str, Path] = field(default_factory=dict)
    arrived: dict[str, int] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


def fetch(
    patterns: Sequence[str],
    *,
    remote: str,
    folder: Path,
    check: Callable[[Path], None],
    current: Mapping[str, Path] | None = None,
    progress: Progress | None = None,
    limits: Limits | None = None,
) -> Fetched:
    """Download files into the cache, whole and read through, or not at all.

    Parameters
    ----------
    patterns : sequence of str
        Paths relative to ``remote`` and ``folder``, with ``?`` for digits of the version; of
        several versions the last is taken.
    remote : str
        Address of the server's folder, with ``/`` at its end.
    folder : Path
        The cache. Made if absent.
    check : callable
        Reads a file and raises ArchiveError if it is damaged.
    current : mapping of str to Path, optional
        Files already in the cache that may be out of date: the server is asked for a newer one,
        and they stay if it has none or does not answer.
    progress : callable, optional
        See :data:`Progress`. Without it, waits that a server asks for are logged as warnings.
    limits : Limits, optional
        How many transfers at a time, and how long and hard to try.

    Returns
    -------
    Fetched

    Raises
    ------
    ArchiveError
        If the cache cannot be written.
    """
    patterns = list(dict.fromkeys(patterns))
    limits = limits or Limits()
    said: queue.SimpleQueue[tuple[str, bool]] = queue.SimpleQueue()
    fetched = Fetched()

    def pass_on() -> None:
        """Tell the caller what the transfers have said, in the caller's own thread."""
        while not said.empty():
            text, is_wait = said.get()
            if progress is not None:
                progress(len(fetched.paths) + len(fetched.problems), len(patterns), text)
            elif is_wait:
                _log.warning("%s: %s", remote, text)

    try:
        with (
            staging_folder(folder) as staging,
            connected(remote, limits, lambda text: said.put((text, True))) as server,
        ):
            links = pyspedas_module("pyspedas.utilities.download").LinkParser
            job = _Job(server, folder, staging, check, current or {}, said, links)
            versions: dict[str, str] = {name: name for name in patterns if "?" not in name}
            by_folder: dict[str, list[str]] = {}
            for name in patterns:
                if "?" in name:
                    by_folder.setdefault(str(PurePosixPath(name).parent), []).append(name)

            def listed(parent: str, found: _Listing) -> None:
                for name in by_folder[parent]:
                    version = found.last_version(name)
                    if version:
                        versions[name] = version
                    else:
                        fetched.problems[name] = found.problem or "the server has no such file"

            def done(name: str, outcome: _Outcome) -> None:
                if outcome.path is None:
                    fetched.problems[name] = outcome.problem
                else:
                    fetched.paths[name] = outcome.path
                    if outcome.size is not None:
                        fetched.arrived[name] = outcome.size

            _in_parallel(job, _list_folder, list(by_folder), listed, pass_on)
            wanted = [(name, versions[name]) for name in patterns if name in versions]
            _in_parallel(job, _get_file, wanted, lambda item, o: done(item[0], o), pass_on)
    except ArchiveError:
        raise
    except OSError as error:
        raise _unwritable(folder, error) from error
    return fetched


@dataclass(frozen=True)
class _Job:
    """One call of :func:`fetch`."""

    server: Server
    folder: Path
    staging: Path
    check: Callable[[Path], None]
    current: Mapping[str, Path]
    said: queue.SimpleQueue[tuple[str, bool]]
    link_parser: Any


@dataclass(frozen=True)
class _Listing:
    """Names in a folder of the server, by the name with ``??`` for the version."""

    names: dict[str, str] = field(default_factory=dict)
    problem: str = ""

    def last_version(self, pattern: str) -> str:
        """Return the path of the last version of a file; empty if there is none."""
        name = self.names.get(PurePosixPath(pattern).name, "")
        return str(PurePosixPath(pattern).with_name(name)) if name else ""


@dataclass(frozen=True)
class _Outcome:
    """A file now in the cache (``size`` if it came just now), or why it is not."""

    path: Path | None = None
    size: int | None = None
    problem: str = ""


def _in_parallel(
    job: _Job,
    work: Callable[[_Job, _Item], _Result],
    items: Sequence[_Item],
    take: Callable[[_Item, _Result], None],
    pass_on: Callable[[], None],
) -> None:
    """Do ``work`` on all items, a few at a time; results are taken in the caller's thread."""
    with ThreadPoolExecutor(job.server.limits.parallel) as pool:
        pending: dict[Future[_Result], _Item] = {pool.submit(work, job, i): i for i in items}
        try:
            while pending:
                finished, _ = wait(pending, timeout=_POLL_S, return_when=FIRST_COMPLETED)
                pass_on()
                for future in finished:
                    take(pending.pop(future), future.result())
            pass_on()
        except BaseException:  # a full disk, or the user's Ctrl-C: end the others too
            job.server.stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _list_folder(job: _Job, parent: str) -> _Listing:
    """Read which versions of files a folder of the server holds."""
    job.said.put((f"{parent}/", False))
    page = io.BytesIO()
    try:
        answer = get(job.server, f"{parent}/", page)
    except NotFetched as error:
        return _Listing(problem=str(error))
    if answer.status != 200:
        return _Listing(problem=_status_problem(answer.status))
    parser = job.link_parser()
    parser.feed(page.getvalue().decode("utf-8", errors="replace"))
    links = getattr(parser, "links", [])  # absent where there is no link
    names: dict[str, str] = {}
    for link in links:
        found = re.fullmatch(r"([\w.-]+_v)\d\d(\.\w+)", link)
        if found:
            pattern = f"{found[1]}??{found[2]}"
            names[pattern] = max(link, names.get(pattern, ""))
    return _Listing(names, "" if links else "the server's answer is no list of files")


def _get_file(job: _Job, wanted: tuple[str, str]) -> _Outcome:
    """Get one file, check it, and move it into the cache."""
    pattern, path = wanted
    name = PurePosixPath(path).name
    local = job.current.get(pattern)
    if local is not None and local.name > name:  # a mirror that is behind
        return _Outcome(local)
    since = local.stat().st_mtime if local is not None and local.name == name else None
    job.said.put((name, False))
    staged = job.staging / f"{name}.part"
    try:
        fault = ""
        for _ in range(2):  # what arrived damaged is asked for once more
            with staged.open("wb") as sink:
                answer = get(job.server, path, sink, since=since)
                sink.flush()
                os.fsync(sink.fileno())
            if answer.status == 304 and local is not None and since is not None:
                return _Outcome(local)
            if answer.status != 200:
                return _Outcome(problem=_status_problem(answer.status))
            fault = _fault(staged, name, job.check)
            if not fault:
                size = staged.stat().st_size
                target = job.folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                staged.replace(target)
                return _Outcome(target, size)
        return _Outcome(problem=fault)
    except NotFetched as error:
        return _Outcome(problem=str(error))
    except OSError as error:
        raise _unwritable(job.folder, error, name) from error
    finally:
        staged.unlink(missing_ok=True)


def _status_problem(status: int) -> str:
    return "the server has no such file" if status == 404 else f"the server answered HTTP {status}"


def _fault(staged: Path, name: str, check: Callable[[Path], None]) -> str:
    """Return what is wrong with a file that arrived; empty if it is sound."""
    try:
        check(staged)
    except DataError as error:
        return f"{name}: {error}"
    except ArchiveError:
        with staged.open("rb") as file:
            page = file.read(512).lstrip().startswith(b"<")
        return f"the server sent a web page for {name}" if page else f"{name} arrived damaged"
    return ""


def _unwritable(folder: Path, error: OSError, name: str = "") -> ArchiveError:
    return ArchiveError(
        f"the cache {folder} cannot be written{f' ({name})' if name else ''}: "
        f"{error.strerror or error}. Free space there, or set SPEDAS_DATA_DIR to a folder that "
        "you can write."
    )
