"""Fetch files with pyspedas, and let only sound ones into the cache.

``pyspedas.download`` knows the servers' layout, versions and conditional requests. Four things it
does are guarded against here: it copies into the cache piece by piece (a reader may meet half a
file), it keeps a text file that arrived cut short, it does not verify TLS certificates unless told
to, and it reports by log records and None. Files therefore arrive in a staging folder inside the
cache, are compared with the length the server stated, are read through, and are moved with one
``os.replace``.
"""

from __future__ import annotations

import fnmatch
import importlib.util
import itertools
import logging
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from auroral_stats.errors import ArchiveError

__all__ = ["Fetched", "Progress", "fetch", "pyspedas_quiet"]

#: Called with the number of files done, the number in all, and the name of the one at hand.
Progress = Callable[[int, int, str], None]

_STAGING_PREFIX = ".auroral_stats_"
_STALE_STAGING_S = 86_400.0


@dataclass(frozen=True)
class Fetched:
    """What came of a download, by the pattern asked for.

    Attributes
    ----------
    paths : dict of str to Path
        Files now in the cache.
    problems : dict of str to str
        Why the others are not.
    """

    paths: dict[str, Path] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


@contextmanager
def pyspedas_quiet() -> Iterator[list[str]]:
    """Collect what pyspedas logs instead of showing it, and leave logging as it was.

    pyspedas writes to the root logger, and on import sets its level, the format of the user's own
    first handler, and ``logging.captureWarnings``. All of that is put back.

    Yields
    ------
    list of str
        The messages of pyspedas, as they come. Records of anyone else pass untouched.
    """
    spec = importlib.util.find_spec("pyspedas")
    folders = tuple(spec.submodule_search_locations or ()) if spec else ()
    said: list[str] = []

    def drop(record: logging.LogRecord) -> bool:
        if folders and record.pathname.startswith(folders):
            said.append(record.getMessage())
            return False
        return True

    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    formats = [(handler, handler.formatter) for handler in handlers]
    # With no handler at all, the first logging.info() would install one for good.
    silence = logging.NullHandler()
    root.addHandler(silence)
    root.addFilter(drop)
    show = warnings.showwarning
    try:
        yield said
    finally:
        if warnings.showwarning is not show:
            logging.captureWarnings(False)
        root.removeFilter(drop)
        for handler in list(root.handlers):
            if handler not in handlers:
                root.removeHandler(handler)
        for handler, formatter in formats:
            handler.setFormatter(formatter)
        root.setLevel(level)


def fetch(
    patterns: Sequence[str],
    *,
    remote: str,
    folder: Path,
    check: Callable[[Path], None],
    current: Mapping[str, Path] | None = None,
    progress: Progress | None = None,
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
        See :data:`Progress`.

    Returns
    -------
    Fetched

    Raises
    ------
    ArchiveError
        If the cache cannot be written.
    """
    job = _Job(remote, folder, _new_staging(folder), check, current or {}, progress, len(patterns))
    fetched = Fetched()
    try:
        for _, group in itertools.groupby(sorted(patterns), key=_parent):
            names = list(group)
            fatal = _fetch_group(names, job, fetched)
            if fatal:  # the rest would fail alike, after long waits
                unasked = set(patterns) - set(fetched.paths) - set(fetched.problems)
                fetched.problems.update(dict.fromkeys(unasked, fatal))
                break
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        shutil.rmtree(job.staging, ignore_errors=True)
    return fetched


@dataclass(frozen=True)
class _Job:
    """One call of :func:`fetch`."""

    remote: str
    folder: Path
    staging: Path
    check: Callable[[Path], None]
    current: Mapping[str, Path]
    progress: Progress | None
    total: int


@dataclass
class _Answers:
    """What was heard while pyspedas ran: the server's answers by file name, and what ended it.

    The folder's index page has the empty name.
    """

    status: dict[str, int] = field(default_factory=dict)
    length: dict[str, int] = field(default_factory=dict)
    fatal: str = ""


def _parent(pattern: str) -> str:
    return str(PurePosixPath(pattern).parent)


def _unwritable(folder: Path, error: OSError) -> ArchiveError:
    if isinstance(error, ArchiveError):
        return error
    return ArchiveError(
        f"the cache {folder} cannot be written: {error}. "
        "Free space there, or set SPEDAS_DATA_DIR to a folder that you can write."
    )


def _new_staging(folder: Path) -> Path:
    """Make a staging folder in the cache, so that the final move stays on one file system."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob(f"{_STAGING_PREFIX}*"):  # of a run that was killed
            if time.time() - old.stat().st_mtime > _STALE_STAGING_S:
                shutil.rmtree(old, ignore_errors=True)
        return Path(tempfile.mkdtemp(prefix=_STAGING_PREFIX, dir=folder))
    except OSError as error:
        raise _unwritable(folder, error) from error


def _fetch_group(names: list[str], job: _Job, fetched: Fetched) -> str:
    """Fetch the files of one folder into ``fetched``; return what makes going on pointless."""
    before: dict[Path, int] = {}
    for name in names:
        if name in job.current:
            # A copy with its time makes the request conditional; the cache is not touched.
            copy = job.staging / _parent(name) / job.current[name].name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(job.current[name], copy)
            before[copy] = copy.stat().st_mtime_ns
    answers = _ask_pyspedas(names, job, len(fetched.paths) + len(fetched.problems))
    for name in names:
        staged = sorted((job.staging / _parent(name)).glob(PurePosixPath(name).name))
        new = [path for path in staged if before.get(path) != path.stat().st_mtime_ns]
        fault = _fault(new[-1], answers, job.check) if new else ""
        if new and not fault:
            target = job.folder / _parent(name) / new[-1].name
            target.parent.mkdir(parents=True, exist_ok=True)
            new[-1].replace(target)
            fetched.paths[name] = target
        elif fault or _unanswered(name, answers):
            fetched.problems[name] = fault or _unanswered(name, answers)
        else:  # the server has nothing newer
            fetched.paths[name] = job.current[name]
    return answers.fatal


def _ask_pyspedas(names: list[str], job: _Job, done: int) -> _Answers:
    """Run ``pyspedas.download`` on the files of one folder, and listen to the answers it gets."""
    import requests

    answers = _Answers()

    def hear(response: Any, *_: Any, **__: Any) -> None:
        name = urlsplit(response.url).path.rsplit("/", 1)[-1]
        answers.status[name] = response.status_code
        stated = response.headers.get("Content-Length", "")
        if stated.isdigit() and "Content-Encoding" not in response.headers:
            answers.length[name] = int(stated)
        if job.progress is not None and name:
            job.progress(done + len(set(answers.status) - {"", name}), job.total, name)

    with warnings.catch_warnings(), pyspedas_quiet():
        warnings.simplefilter("ignore")
        from pyspedas.utilities.download import configure_retry_session, download

        session = configure_retry_session()
        session.hooks["response"].append(hear)
        try:
            download(
                remote_path=job.remote,
                remote_file=names,
                local_path=str(job.staging),
                last_version=True,
                verify=True,
                session=session,
                headers={},
            )
        except requests.exceptions.RequestException as error:
            answers.fatal = f"{job.remote} does not answer as it should: {error}"
        except (ValueError, TypeError, LookupError, AttributeError, NameError) as error:
            answers.fatal = f"pyspedas failed on {job.remote}: {type(error).__name__}: {error}"
        finally:
            session.close()
    if not answers.fatal and not answers.status:
        answers.fatal = f"no connection to {job.remote}"
    return answers


def _fault(arrived: Path, answers: _Answers, check: Callable[[Path], None]) -> str:
    """Return what is wrong with a file that arrived; empty if it is whole and sound."""
    stated, size = answers.length.get(arrived.name), arrived.stat().st_size
    if stated is not None and answers.status.get(arrived.name) == 200 and size != stated:
        return f"{arrived.name} arrived cut short, {size:,} of {stated:,} bytes"
    try:
        check(arrived)
    except ArchiveError:
        return f"{arrived.name} arrived damaged"
    return ""


def _unanswered(name: str, answers: _Answers) -> str:
    """Return why nothing new arrived for a pattern; empty if the server has nothing newer."""
    if answers.fatal:
        return answers.fatal
    mine = fnmatch.filter(answers.status, PurePosixPath(name).name)
    status = answers.status[mine[-1]] if mine else answers.status.get("", 0)
    if mine and status == 304:
        return ""
    if mine and status == 200:
        return "it arrived damaged, twice"
    if status in {200, 404}:
        return "the server has no such file"
    if status:
        return f"the server answered HTTP {status}"
    return "the connection was lost"
