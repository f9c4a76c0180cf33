"""The OATH tarball from servers that misbehave, and archives that hold what they should not.

Each test of a download talks to a real server on this machine.
"""

from __future__ import annotations

import contextlib
import email.utils
import errno
import gzip
import hashlib
import http.server
import io
import json
import re
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from auroral_stats.errors import ArchiveError, DataError, UsageError
from classifier import resumed_transfer
from classifier.oath_archive import unpack
from classifier.oath_download import OATH_URL, default_oath_folder, download_oath
from classifier.resumed_transfer import Patience

QUICK = Patience(connect_timeout=2, read_timeout=0.5, attempts=4, backoff=0.01, longest_wait=3)
BODY = gzip.compress(np.random.default_rng(0).bytes(900_000), compresslevel=1)
SHA256 = hashlib.sha256(BODY).hexdigest()

Fault = Callable[["Handler"], None]


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.body = BODY
        self.etag = '"first"'
        self.modified = ""
        self.ranges = ""
        self.faults: list[Fault | None] = []
        self.seen: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/plasma/oath/oath_v1.1_20181026.tgz"


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves one file, ranges included; the next requests get ``faults`` instead."""

    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *args: object) -> None: ...

    def do_GET(self) -> None:
        self.server.seen.append(dict(self.headers))
        fault = self.server.faults.pop(0) if self.server.faults else None
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            (fault or Handler.whole)(self)

    def whole(self, stop: int | None = None) -> None:
        """Answer as asked; with ``stop``, break off before that byte of the file."""
        server = self.server
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(wanted[1]) if wanted else 0
        fresh = self.headers.get("If-Range") != (server.etag or server.modified)
        if wanted and not fresh:
            if start >= len(server.body):
                self.answer(416, b"", {"Content-Range": f"bytes */{len(server.body)}"})
                return
            status, span = 206, f"bytes {start}-{len(server.body) - 1}/{len(server.body)}"
        else:
            start, status, span = 0, 200, ""
        body = server.body[start:]
        extra = {"Content-Range": span} if span else {}
        self.answer(status, body, extra, send=body if stop is None else server.body[start:stop])

    def answer(
        self, status: int, body: bytes, extra: dict[str, str], send: bytes | None = None
    ) -> None:
        self.send_response(status)
        headers = {"Content-Length": str(len(body)), **extra}
        headers |= {"Accept-Ranges": self.server.ranges} if self.server.ranges else {}
        headers |= {"ETag": self.server.etag} if self.server.etag else {}
        headers |= {"Last-Modified": self.server.modified} if self.server.modified else {}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body if send is None else send)
        if send is not None and len(send) < len(body):
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(2)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def breaks_off(at: int) -> Fault:
    return lambda handler: handler.whole(stop=at)


def busy(retry_after: str) -> Fault:
    return lambda handler: handler.answer(429, b"slow down", {"Retry-After": retry_after})


def stalls(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(BODY)))
    handler.end_headers()
    handler.wfile.write(BODY[:1000])
    handler.wfile.flush()
    time.sleep(1.0)
    handler.close_connection = True


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


TARBALL = "oath_v1.1_20181026.tgz"


def test_a_sound_server_gives_the_file_and_its_record(server: Server, tmp_path: Path) -> None:
    shown: list[tuple[int, int | None, str]] = []
    done = download_oath(tmp_path, url=server.url, progress=lambda *a: shown.append(a))
    assert done.path.read_bytes() == BODY
    assert (done.size, done.sha256, done.url) == (len(BODY), SHA256, server.url)
    assert names(tmp_path) == {TARBALL, TARBALL + ".json"}
    record = json.loads((tmp_path / f"{TARBALL}.json").read_text())
    assert record["sha256"] == SHA256
    assert record["size"] == len(BODY)
    assert record["url"] == server.url
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record["date"])
    assert shown[-1][:2] == (len(BODY), len(BODY))
    assert server.seen[0]["User-Agent"].startswith("auroral_stats ")
    assert server.seen[0]["Accept-Encoding"] == "identity"
    # what is there is not asked for again
    assert download_oath(tmp_path, url=server.url) == done
    assert len(server.seen) == 1


def test_broken_connections_are_resumed_where_they_broke(server: Server, tmp_path: Path) -> None:
    server.faults = [breaks_off(n * 2**14) for n in (20, 21, 40)]
    done = download_oath(tmp_path, url=server.url, patience=QUICK)
    assert done.sha256 == SHA256
    asked = [headers.get("Range") for headers in server.seen]
    assert asked == [None, *(f"bytes={n * 2**14}-" for n in (20, 21, 40))]
    assert {h["If-Range"] for h in server.seen[1:]} == {'"first"'}


def test_a_later_run_goes_on_from_what_is_there(server: Server, tmp_path: Path) -> None:
    server.faults = [breaks_off(25 * 2**14)] * 20
    with pytest.raises(ArchiveError, match=r"0\.4 MB have arrived and are kept"):
        download_oath(tmp_path, url=server.url, patience=QUICK)
    assert names(tmp_path) == {f"{TARBALL}.part", f"{TARBALL}.part.json"}
    server.faults, server.seen = [], []
    assert download_oath(tmp_path, url=server.url, patience=QUICK).sha256 == SHA256
    assert server.seen[0]["Range"] == f"bytes={25 * 2**14}-"
    assert names(tmp_path) == {TARBALL, TARBALL + ".json"}


def test_half_of_one_file_never_meets_half_of_another(server: Server, tmp_path: Path) -> None:
    server.faults = [breaks_off(25 * 2**14)] * 20
    with pytest.raises(ArchiveError):
        download_oath(tmp_path, url=server.url, patience=QUICK)
    server.faults = []
    server.body, server.etag = gzip.compress(BODY[::-1]), '"second"'
    assert download_oath(tmp_path, url=server.url, patience=QUICK).path.read_bytes() == server.body


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_the_date_stands_in_for_a_strong_tag(server: Server, tmp_path: Path, etag: str) -> None:
    server.etag = etag
    server.modified = email.utils.formatdate(1540512000, usegmt=True)
    server.faults = [breaks_off(300_000)]
    if etag:  # a server may not answer a range to a weak tag: it must not be asked with one
        server.faults.append(lambda h: (setattr(h.server, "etag", ""), h.whole())[1])
    assert download_oath(tmp_path, url=server.url, patience=QUICK).sha256 == SHA256
    assert server.seen[1]["If-Range"] == server.modified


def test_without_tag_and_date_it_begins_again(server: Server, tmp_path: Path) -> None:
    server.etag = ""
    server.faults = [breaks_off(300_000)]
    assert download_oath(tmp_path, url=server.url, patience=QUICK).sha256 == SHA256
    assert "Range" not in server.seen[1]


@pytest.mark.parametrize("ranges", ["", "none"])
def test_what_no_run_can_go_on_from_is_not_said_to_be_kept(
    server: Server, tmp_path: Path, ranges: str
) -> None:
    """Neither tag nor date, or a server that says that it sends no parts."""
    server.etag, server.ranges = ('"first"', ranges) if ranges else ("", "")
    server.faults = [breaks_off(25 * 2**14)] * 20
    with pytest.raises(ArchiveError, match=r"0\.4 MB had arrived and are not kept") as told:
        download_oath(tmp_path, url=server.url, patience=QUICK)
    assert "and are kept" not in str(told.value)
    assert (tmp_path / f"{TARBALL}.part").stat().st_size == 0
    server.faults, server.seen = [], []
    assert download_oath(tmp_path, url=server.url, patience=QUICK).sha256 == SHA256
    assert "Range" not in server.seen[0]


def test_a_server_without_ranges_is_read_from_the_start(server: Server, tmp_path: Path) -> None:
    server.faults = [breaks_off(300_000), lambda h: h.answer(200, BODY, {})]
    assert download_oath(tmp_path, url=server.url, patience=QUICK).path.read_bytes() == BODY


def test_a_wrong_part_is_not_appended(server: Server, tmp_path: Path) -> None:
    def wrong(handler: Handler) -> None:
        handler.answer(206, BODY[:10], {"Content-Range": f"bytes 0-9/{len(BODY)}"})

    server.faults = [breaks_off(300_000), wrong]
    assert download_oath(tmp_path, url=server.url, patience=QUICK).path.read_bytes() == BODY


def test_all_bytes_there_but_the_run_was_killed(server: Server, tmp_path: Path) -> None:
    (tmp_path / f"{TARBALL}.part").write_bytes(BODY)
    state = {"validator": '"first"', "total": len(BODY)}
    (tmp_path / f"{TARBALL}.part.json").write_text(json.dumps(state))
    assert download_oath(tmp_path, url=server.url, patience=QUICK).sha256 == SHA256
    assert server.seen[0]["Range"] == f"bytes={len(BODY)}-"


@pytest.mark.parametrize("as_date", [False, True])
def test_a_busy_server_is_waited_for_as_long_as_it_asks(
    server: Server, tmp_path: Path, as_date: bool
) -> None:
    # dates have whole seconds: 2 s ahead is at least 1 s
    asked = email.utils.formatdate(time.time() + 2, usegmt=True) if as_date else "1"
    server.faults = [busy(asked)]
    start = time.monotonic()
    assert download_oath(tmp_path, url=server.url, patience=QUICK).sha256 == SHA256
    assert 0.95 < time.monotonic() - start < 3


def test_a_server_that_asks_for_an_hour_is_not_waited_for(server: Server, tmp_path: Path) -> None:
    server.faults = [busy("3600")]
    with pytest.raises(ArchiveError, match=r"429; it asks to come back in 3600 s.*--path FILE"):
        download_oath(tmp_path, url=server.url, patience=QUICK)


def test_a_stalled_connection_is_given_up(server: Server, tmp_path: Path) -> None:
    server.faults = [stalls]
    assert download_oath(tmp_path, url=server.url, patience=QUICK).sha256 == SHA256


def test_a_length_that_is_never_reached_is_an_error(server: Server, tmp_path: Path) -> None:
    def short(handler: Handler) -> None:
        handler.etag = ""
        handler.answer(200, bytes(len(BODY) + 5), {}, send=BODY)

    server.etag = ""
    server.faults = [short] * 20
    with pytest.raises(ArchiveError, match="broke off"):
        download_oath(tmp_path, url=server.url, patience=QUICK)
    assert TARBALL not in names(tmp_path)


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_refusal_is_told_once_with_the_remedy(
    server: Server, tmp_path: Path, status: int
) -> None:
    server.faults = [lambda h: h.answer(status, b"no", {})] * 9
    with pytest.raises(ArchiveError, match=rf"{server.url}.*HTTP {status}.*simulate --oath"):
        download_oath(tmp_path, url=server.url, patience=QUICK)
    assert len(server.seen) == 1


def test_a_web_page_is_no_tarball(server: Server, tmp_path: Path) -> None:
    server.body = b"<html>moved</html>"
    with pytest.raises(ArchiveError, match="no tarball"):
        download_oath(tmp_path, url=server.url, patience=QUICK)
    assert names(tmp_path) == set()


def test_no_server_at_all(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="no connection to the server"):
        download_oath(tmp_path, url="http://127.0.0.1:9/oath.tgz", patience=QUICK)


def test_a_later_different_checksum_is_reported(server: Server, tmp_path: Path) -> None:
    first = download_oath(tmp_path, url=server.url)
    assert first.earlier_sha256 == ()
    first.path.unlink()
    server.body, server.etag = gzip.compress(b"another"), '"second"'
    assert download_oath(tmp_path, url=server.url).earlier_sha256 == (SHA256,)


def test_a_changed_file_is_not_taken_for_the_one_that_came(server: Server, tmp_path: Path) -> None:
    done = download_oath(tmp_path, url=server.url)
    done.path.write_bytes(BODY[:-1])
    with pytest.raises(ArchiveError, match=f"is not the file that came on .*{SHA256}"):
        download_oath(tmp_path, url=server.url)


def test_a_file_of_the_users_own_gets_a_record(tmp_path: Path) -> None:
    (tmp_path / TARBALL).write_bytes(BODY)
    known = download_oath(tmp_path, url=f"http://127.0.0.1:9/{TARBALL}")
    assert (known.sha256, known.url) == (SHA256, "")


def test_two_runs_do_not_write_into_one_file(server: Server, tmp_path: Path) -> None:
    with (
        (tmp_path / f"{TARBALL}.part").open("ab") as sink,
        resumed_transfer._alone(sink, tmp_path),
        pytest.raises(ArchiveError, match="another run"),
    ):
        download_oath(tmp_path, url=server.url)


@pytest.mark.parametrize(
    ("etag", "told", "held"),
    [
        ('"first"', "What has arrived is kept: make room and start again", len(BODY)),
        ("", "What had arrived is not kept: make room and start again", 0),
    ],
)
def test_a_full_disk_keeps_what_a_later_run_can_go_on_from(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, etag: str, told: str, held: int
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    server.etag = etag
    monkeypatch.setattr(resumed_transfer.os, "fsync", full)
    with pytest.raises(ArchiveError, match=rf"No space left on device.*{told}"):
        download_oath(tmp_path, url=server.url)
    assert names(tmp_path) == {f"{TARBALL}.part", f"{TARBALL}.part.json"}
    assert (tmp_path / f"{TARBALL}.part").stat().st_size == held


def test_more_than_the_disk_holds_is_not_begun(server: Server, tmp_path: Path) -> None:
    server.faults = [lambda h: h.answer(200, b"", {"Content-Length": str(1 << 50)})]
    with pytest.raises(ArchiveError, match="are free; make room"):
        download_oath(tmp_path, url=server.url)


def test_where_the_set_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("AURORAL_STATS_OATH_DIR", raising=False)
    assert default_oath_folder() == tmp_path / "auroral_stats" / "oath"
    monkeypatch.setenv("AURORAL_STATS_OATH_DIR", str(tmp_path / "mine"))
    assert default_oath_folder() == tmp_path / "mine"
    assert OATH_URL.endswith(TARBALL)


def tarball(path: Path, *entries: tuple[tarfile.TarInfo, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as tar:
        for info, content in entries:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def plain(name: str, **values: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    for key, value in values.items():
        setattr(info, key, value)
    return info


@pytest.mark.parametrize("suffix", [".tgz", ".tar", ".zip"])
def test_archives_are_unpacked_whole(tmp_path: Path, suffix: str) -> None:
    archive = tmp_path / f"oath{suffix}"
    files = {"oath/a/one.csv": b"1", "oath/b.png": b"22", "oath/empty.txt": b""}
    if suffix == ".zip":
        with zipfile.ZipFile(archive, "w") as pack:
            for name, content in files.items():
                pack.writestr(name, content)
    else:
        entries = [(plain(name), content) for name, content in files.items()]
        tarball(archive, (plain("oath", type=tarfile.DIRTYPE), b""), *entries,
                mode="w" if suffix == ".tar" else "w:gz")  # fmt: skip
    out = unpack(archive, tmp_path / "out")
    found = {p.relative_to(out).as_posix(): p.read_bytes() for p in out.rglob("*") if p.is_file()}
    assert found == files
    assert names(tmp_path) == {archive.name, "out"}


@pytest.mark.parametrize(
    "bad",
    [
        plain("../outside.txt"),
        plain("/etc/outside.txt"),
        plain("oath/../../outside.txt"),
        plain("oath\\..\\outside.txt"),
        plain("oath/link", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        plain("oath/link", type=tarfile.LNKTYPE, linkname="oath/one.csv"),
        plain("oath/pipe", type=tarfile.FIFOTYPE),
        plain("C:/outside.txt"),
    ],
    ids=lambda info: f"{info.name}-{info.type!r}",
)
def test_what_leads_out_of_the_folder_is_refused(tmp_path: Path, bad: tarfile.TarInfo) -> None:
    place = tmp_path / "place"
    place.mkdir()
    archive = tarball(place / "oath.tgz", (plain("oath/one.csv"), b"1"), (bad, b""))
    with pytest.raises(DataError, match=re.escape(repr(bad.name))):
        unpack(archive, place / "out")
    assert names(place) == {"oath.tgz"}
    assert names(tmp_path) == {"place"}


def test_links_in_zip_files_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("oath/link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "oath.zip", "w") as pack:
        pack.writestr(link, "/etc/passwd")
        pack.writestr("../up.txt", "x")
    with pytest.raises(DataError, match=r"link or a device(?s:.*)leads out"):
        unpack(tmp_path / "oath.zip", tmp_path / "out")


@pytest.mark.parametrize("cut", [2, 300, -9])
def test_a_damaged_tarball_leaves_nothing(tmp_path: Path, cut: int) -> None:
    whole = tarball(tmp_path / "oath.tgz", (plain("oath/one.csv"), BODY[:200_000])).read_bytes()
    (tmp_path / "oath.tgz").write_bytes(whole[:cut])
    with pytest.raises(ArchiveError, match="damaged or cut off"):
        unpack(tmp_path / "oath.tgz", tmp_path / "out")
    assert names(tmp_path) == {"oath.tgz"}


def test_flipped_bits_are_noticed(tmp_path: Path) -> None:
    archive = tarball(tmp_path / "oath.tgz", (plain("oath/one.csv"), BODY[:200_000]))
    content = bytearray(archive.read_bytes())
    content[100_000] ^= 1
    archive.write_bytes(content)
    with pytest.raises(ArchiveError, match="damaged"):
        unpack(archive, tmp_path / "out")


def test_folders_with_content_and_other_files_are_refused(tmp_path: Path) -> None:
    archive = tarball(tmp_path / "oath.tgz", (plain("a"), b"1"))
    with pytest.raises(UsageError, match="new or empty"):
        unpack(archive, tmp_path)
    with pytest.raises(UsageError, match="no archive"):
        unpack(tmp_path / "oath.rar", tmp_path / "out")
    with pytest.raises(ArchiveError, match="is no file"):
        unpack(tmp_path / "absent.tgz", tmp_path / "out")
