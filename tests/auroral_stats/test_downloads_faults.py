"""Downloads from servers that misbehave, onto disks that are full, by runs that are killed.

Each test talks to a real server on this machine. What must come of it is the same everywhere: a
sound file in the cache, or one message that names the file; never half a file, and no staging
folder left behind. Tests that start runs of their own and mount disks are marked slow.
"""

from __future__ import annotations

import email.utils
import http.server
import os
import shutil
import signal
import ssl
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from auroral_stats.archive import Limits, find_files
from auroral_stats.errors import ArchiveError
from auroral_stats.periods import merge_periods
from auroral_stats.staging import staging_folder

DAY = merge_periods("2014-03-10", "2014-03-11")
NAME = "thg_l2_mag_gill_20140310_v01.cdf"
QUICK = Limits(connect_timeout=2.0, read_timeout=0.3, attempts=3, backoff=0.02, patience=2.2)

Fault = Callable[["Handler", bytes], None]


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; what each file's next requests get instead is taken from ``faults``."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        mine = self.server
        with mine.lock:
            mine.requests.append((time.monotonic(), self.path, dict(self.headers)))
            mine.active += 1
            mine.most_active = max(mine.most_active, mine.active)
            fault = mine.next_fault(self.path)
        try:
            if fault is None:
                super().do_GET()
            else:
                fault(self, self.whole_body())
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass
        finally:
            with mine.lock:
                mine.active -= 1

    def whole_body(self) -> bytes:
        """What a sound answer would hold."""
        path = Path(self.translate_path(self.path))
        if path.is_dir():
            links = [f'<a href="{held.name}">{held.name}</a>\n' for held in path.iterdir()]
            return "".join([*links, "<!-- and so on -->\n" * 50]).encode()
        return path.read_bytes() if path.is_file() else b""

    def begin(self, status: int, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    """The remote layout, and what goes wrong with it."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, folder: Path, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), lambda *args: Handler(*args, directory=str(folder)))
        self.folder = folder
        self.lock = threading.Lock()
        self.requests: list[tuple[float, str, dict[str, str]]] = []
        self.faults: dict[str, list[Fault]] = {}
        self.always: dict[str, Fault] = {}
        self.active = self.most_active = 0
        self.release = threading.Event()
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        scheme = "http" if context is None else "https"
        self.address = f"{scheme}://127.0.0.1:{self.server_address[1]}/themis/"
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def next_fault(self, path: str) -> Fault | None:
        for end, faults in self.faults.items():
            if path.endswith(end) and faults:
                return faults.pop(0)
        return next((fault for end, fault in self.always.items() if path.endswith(end)), None)

    def asked(self, end: str = ".cdf") -> list[float]:
        """When files with this end of the name were asked for."""
        return [when for when, path, _ in self.requests if path.endswith(end)]

    def handle_error(self, request: object, client_address: object) -> None:
        """Refused handshakes are expected here."""

    def end(self) -> None:
        self.release.set()
        self.shutdown()
        self.server_close()


# --- what a server can do wrong -----------------------------------------------------------------


def status(code: int, **headers: object) -> Fault:
    return lambda handler, body: handler.begin(code, Content_Length=0, **headers)


def busy_until_date(handler: Handler, body: bytes) -> None:
    # rounded up to whole seconds, as HTTP dates are
    handler.begin(
        503,
        Content_Length=0,
        Retry_After=email.utils.formatdate(np.ceil(time.time()) + 1, usegmt=True),
    )


def cut_half_way(handler: Handler, body: bytes) -> None:
    handler.begin(200, Content_Length=len(body))
    handler.wfile.write(body[: len(body) // 2])
    handler.close_connection = True


def cut_chunked(handler: Handler, body: bytes) -> None:
    handler.begin(200, Transfer_Encoding="chunked")
    half = body[: len(body) // 2]
    handler.wfile.write(b"%x\r\n" % len(half) + half + b"\r\n")
    handler.close_connection = True


def short_with_its_own_length(handler: Handler, body: bytes) -> None:
    handler.begin(200, Content_Length=len(body) // 2)
    handler.wfile.write(body[: len(body) // 2])


def noise(handler: Handler, body: bytes) -> None:
    handler.begin(200, Content_Length=len(body))
    handler.wfile.write(body[:400] + np.random.default_rng(1).bytes(len(body) - 400))


def web_page(handler: Handler, body: bytes) -> None:
    page = b"<!DOCTYPE html><html><body>Please accept the terms of this network.</body></html>"
    handler.begin(200, Content_Length=len(page), Content_Type="text/html")
    handler.wfile.write(page)


def silence(handler: Handler, body: bytes) -> None:
    handler.server.release.wait(20)
    handler.close_connection = True


def stall_half_way(handler: Handler, body: bytes) -> None:
    handler.begin(200, Content_Length=len(body))
    handler.wfile.write(body[: len(body) // 2])
    handler.wfile.flush()
    silence(handler, body)


def trickle(handler: Handler, body: bytes) -> None:
    """One byte every 0.1 s: no read ever times out."""
    handler.begin(200, Content_Length=len(body))
    for byte in body:
        if handler.server.release.wait(0.1):
            break
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()
    handler.close_connection = True


def close_at_once(handler: Handler, body: bytes) -> None:
    handler.close_connection = True


# --- the ground ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def day_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A daily magnetometer CDF of some 110 kB."""
    from cdflib import cdfwrite

    path = tmp_path_factory.mktemp("day") / NAME
    rng = np.random.default_rng(0)
    file = cdfwrite.CDF(path)
    scalar = {"Num_Elements": 1, "Rec_Vary": True, "Dim_Sizes": []}
    seconds = 1_394_409_600.0 + np.arange(0.0, 86_400.0, 10.0)
    file.write_var(scalar | {"Variable": "thg_mag_gill_time", "Data_Type": 45}, {}, seconds)
    file.write_var(
        scalar | {"Variable": "thg_mag_gill", "Data_Type": 44, "Dim_Sizes": [3]},
        {},
        rng.normal(0.0, 50.0, (seconds.size, 3)).astype(np.float32),
    )
    file.close()
    return path


def remote_path(root: Path, day: str = "20140310", station: str = "gill") -> Path:
    name = f"thg_l2_mag_{station}_{day}_v01.cdf"
    return root / "themis" / "thg" / "l2" / "mag" / station / day[:4] / name


@pytest.fixture
def server(tmp_path: Path, day_file: Path) -> Iterator[Server]:
    target = remote_path(tmp_path / "remote")
    target.parent.mkdir(parents=True)
    shutil.copy(day_file, target)
    running = Server(tmp_path / "remote")
    yield running
    running.end()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("THM_DATA_DIR", "THM_NO_DOWNLOAD", "AURORAL_STATS_THEMIS_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "curl_ca_bundle", "requests_ca_bundle"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("SPEDAS_DATA_DIR", str(tmp_path / "spedas"))
    return tmp_path / "spedas"


def find(server: Server, periods=DAY, limits: Limits = QUICK, **options):
    return find_files(
        "gmag", periods, station="gill", mirror=server.address, limits=limits, **options
    )


def in_cache(cache: Path) -> list[str]:
    """Every file and hidden folder below the cache."""
    return sorted(
        path.name for path in cache.rglob("*") if path.is_file() or path.name.startswith(".")
    )


def assert_whole(cache: Path, day_file: Path) -> None:
    assert in_cache(cache) == [NAME]
    assert next(cache.rglob("*.cdf")).read_bytes() == day_file.read_bytes()


# --- faults that pass, and faults that stay ------------------------------------------------------

PASSING: dict[str, Fault] = {
    "ill, 500": status(500),
    "busy, without a time": status(429),
    "busy, with nonsense for a time": status(503, Retry_After="soon"),
    "cut half-way": cut_half_way,
    "cut, length unknown": cut_chunked,
    "short with its own length": short_with_its_own_length,
    "noise": noise,
    "web page": web_page,
    "silent": silence,
    "stalled half-way": stall_half_way,
    "trickle": trickle,
    "closed at once": close_at_once,
}


#: Listings that arrive whole and are none: see test_a_listing_that_is_none.
SEEMLY = {"short with its own length", "noise", "web page"}


@pytest.mark.parametrize(
    ("end", "fault"),
    [
        *((".cdf", fault) for fault in PASSING),
        *(("/2014/", fault) for fault in PASSING if fault not in SEEMLY),
    ],
)
def test_a_fault_that_passes_is_overcome(cache, server, day_file, fault, end):
    server.faults[end] = [PASSING[fault]]
    files = find(server)
    assert [path.name for path in files.paths] == [NAME]
    assert files.missing == files.problems == ()
    assert_whole(cache, day_file)
    # once for the fault, once more, and no oftener
    assert len(server.asked(end)) == 2


REASONS: dict[str, tuple[Fault, str]] = {
    "404": (status(404), "the server has no such file"),
    "403": (status(403), "HTTP 403"),
    "busy, without a time": (status(429), r"HTTP 429 \(too busy\)"),
    "busy for long": (status(503, Retry_After=3600), "asks to wait 3,600 s.*the most is 2 s"),
    "busy for ever": (status(429, Retry_After=1), "HTTP 429.*after [12] s of waiting"),
    "ill, 500": (status(500), "HTTP 500"),
    "cut half-way": (cut_half_way, f"{NAME} arrived cut short, [0-9,]+ of [0-9,]+ bytes"),
    "cut, length unknown": (cut_chunked, f"{NAME} arrived cut short"),
    "short with its own length": (short_with_its_own_length, f"{NAME} arrived damaged"),
    "noise": (noise, f"{NAME} arrived damaged"),
    "web page": (web_page, f"the server sent a web page for {NAME}"),
    "silent": (silence, "sent nothing for 0.3 s"),
    "stalled half-way": (stall_half_way, f"stalled for 0.3 s after .* bytes of {NAME}"),
    "trickle": (trickle, f"stalled: .* bytes of {NAME}"),
    "closed at once": (close_at_once, "closed the connection without an answer"),
}


@pytest.mark.parametrize("fault", REASONS)
def test_a_fault_that_stays_is_one_message(cache, server, fault):
    server.always[".cdf"], reason = REASONS[fault]
    with pytest.raises(ArchiveError, match=reason) as caught:
        find(server)
    message = str(caught.value)
    assert "thg_l2_mag_gill_20140310_v??.cdf" in message
    assert str(cache / "themis") in message
    assert "AURORAL_STATS_THEMIS_MIRROR" in message
    assert "\n" not in message
    assert in_cache(cache) == []
    assert len(server.asked()) <= 4
    # and nothing of it is taken for data afterwards
    with pytest.raises(ArchiveError):
        find(server, offline=True)
    server.always.clear()
    assert len(find(server).paths) == 1


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (web_page, "the server's answer is no list of files"),
        (status(403), "HTTP 403"),
        (silence, "sent nothing for 0.3 s"),
        (close_at_once, "closed the connection"),
    ],
)
def test_a_listing_that_is_none(cache, server, fault, reason):
    server.always["/2014/"] = fault
    with pytest.raises(ArchiveError, match=reason) as caught:
        find(server)
    assert "thg_l2_mag_gill_20140310_v??.cdf" in str(caught.value)
    assert in_cache(cache) == []
    assert server.asked() == []


@pytest.mark.parametrize("fault", ["silent", "noise", "cut half-way", "busy for long", "404"])
def test_a_fault_leaves_an_older_file_as_it_was(cache, server, day_file, caplog, fault):
    local = remote_path(cache)
    local.parent.mkdir(parents=True)
    shutil.copy(day_file, local)
    os.utime(local, (1e9, 1e9))
    server.always[".cdf"] = REASONS[fault][0]
    files = find(server, limits=Limits(read_timeout=0.3, attempts=2, backoff=0.02, patience=1.0))
    assert files.paths == (local,)
    assert f"{NAME} used as it is" in caplog.text.replace("v??", "v01")
    assert local.stat().st_mtime == 1e9
    assert_whole(cache, day_file)


# --- what a busy server asks for ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "fault"),
    [
        (".cdf", status(429, Retry_After=1)),
        (".cdf", busy_until_date),
        ("/2014/", status(503, Retry_After=1)),
    ],
)
def test_the_server_is_left_alone_as_long_as_it_asks(cache, server, day_file, caplog, end, fault):
    server.faults[end] = [fault]
    find(server)
    first, second = server.asked(end)
    assert second - first >= 0.95
    assert "asks to wait" in caplog.text
    assert_whole(cache, day_file)


def test_all_transfers_wait_for_a_busy_server(cache, server, day_file):
    days = [f"201403{day:02d}" for day in range(10, 30)]
    for day in days[1:]:
        shutil.copy(day_file, remote_path(server.folder, day))
    server.faults[f"{days[6]}_v01.cdf"] = [status(503, Retry_After=1)]
    told = []
    files = find(
        server,
        merge_periods("2014-03-10", "2014-03-30"),
        progress=lambda done, total, what: told.append((done, total, what)),
    )
    assert len(files.paths) == 20
    (refused, again) = server.asked(f"{days[6]}_v01.cdf")
    assert again - refused >= 0.95
    # a few were on their way; nobody asks anew while the pause lasts
    assert [when for when in server.asked() if refused + 0.4 < when < refused + 0.9] == []
    assert any("asks to wait 1 s" in what for _, _, what in told)
    assert all(total == 20 for _, total, _ in told)
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)


def test_a_server_that_keeps_failing_is_given_up(cache, server, day_file):
    days = [f"201403{day:02d}" for day in range(10, 30)]
    for day in days[1:]:
        shutil.copy(day_file, remote_path(server.folder, day))
    server.always[".cdf"] = close_at_once
    with pytest.raises(ArchiveError, match="closed the connection"):
        find(server, merge_periods("2014-03-10", "2014-03-30"))
    assert len(server.asked()) <= 3 * (QUICK.parallel + 3)  # of 60


def test_one_bad_file_does_not_stop_the_others(cache, server, day_file):
    days = [f"201403{day:02d}" for day in range(10, 30)]
    for day in days[1:]:
        shutil.copy(day_file, remote_path(server.folder, day))
    for day in (days[3], days[11]):
        server.always[f"{day}_v01.cdf"] = cut_half_way
    files = find(server, merge_periods("2014-03-10", "2014-03-30"))
    assert len(files.paths) == 18
    assert files.missing == tuple(f"thg_l2_mag_gill_{day}_v??.cdf" for day in (days[3], days[11]))
    assert all("cut short" in files.reasons[name] for name in files.missing)
    assert len(files.downloaded) == 18
    assert not any(name.startswith(".") for name in in_cache(cache))


@pytest.mark.parametrize("parallel", [1, 3])
def test_no_more_transfers_at_a_time_than_allowed(cache, server, day_file, parallel):
    days = [f"201403{day:02d}" for day in range(10, 25)]
    for day in days[1:]:
        shutil.copy(day_file, remote_path(server.folder, day))

    def held(handler: Handler, body: bytes) -> None:
        """Answer once as many are waiting as are allowed, or none has come for a while."""
        for _ in range(20):
            if handler.server.most_active >= parallel:
                break
            time.sleep(0.01)
        time.sleep(0.02)
        handler.begin(200, Content_Length=len(body))
        handler.wfile.write(body)

    server.always[".cdf"] = held
    limits = Limits(parallel=parallel, read_timeout=5.0)
    files = find(server, merge_periods("2014-03-10", "2014-03-25"), limits)
    assert len(files.paths) == 15
    assert server.most_active == parallel


def test_an_unchanged_file_is_not_sent_again(cache, server, day_file):
    first = find(server)
    again = find(server, refresh=True)
    assert again.paths == first.paths
    assert again.downloaded == frozenset()
    _, path, headers = server.requests[-1]
    assert path.endswith(NAME)
    assert "If-Modified-Since" in headers
    os.utime(remote_path(server.folder), (time.time() + 60,) * 2)
    assert find(server, refresh=True).downloaded == set(first.paths)


def test_a_mirror_that_is_behind_does_not_take_a_version_back(cache, server, day_file):
    local = remote_path(cache).with_name(NAME.replace("v01", "v02"))
    local.parent.mkdir(parents=True)
    shutil.copy(day_file, local)
    files = find(server, refresh=True)
    assert files.paths == (local,)
    assert server.asked() == []


# --- other runs ---------------------------------------------------------------------------------

RUN = """
    from auroral_stats.archive import Limits, find_files
    from auroral_stats.errors import ArchiveError
    from auroral_stats.periods import merge_periods
    try:
        files = find_files("gmag", merge_periods("2014-03-10", "2014-03-11"), station="gill",
                           mirror={address!r}, limits=Limits(read_timeout={read_timeout!r}))
        print("found", files.paths[0].name)
    except ArchiveError as error:
        print(error)
"""


def start(
    server: Server,
    cache: Path,
    before: str = "",
    command: tuple[str, ...] = (),
    read_timeout: float = 20.0,
) -> subprocess.Popen[str]:
    """Start a run of its own that downloads one file."""
    run = textwrap.dedent(RUN).format(address=server.address, read_timeout=read_timeout)
    code = textwrap.dedent(before) + run
    return subprocess.Popen(
        [*command, sys.executable, "-c", code],
        env=os.environ | {"SPEDAS_DATA_DIR": str(cache)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said_by(run: subprocess.Popen[str]) -> str:
    out, err = run.communicate(timeout=60)
    assert run.returncode == 0, err[-3000:]
    return out.strip()


@pytest.mark.slow
def test_two_runs_may_fetch_the_same_file_at_once(cache, server, day_file):
    both = threading.Barrier(2, timeout=50)

    def together(handler: Handler, body: bytes) -> None:
        both.wait()
        handler.begin(200, Content_Length=len(body))
        for part in range(0, len(body), 20_000):
            handler.wfile.write(body[part : part + 20_000])
            handler.wfile.flush()
            time.sleep(0.01)

    server.always[".cdf"] = together
    runs = [start(server, cache) for _ in range(2)]
    assert [said_by(run) for run in runs] == [f"found {NAME}"] * 2
    assert_whole(cache, day_file)


def test_a_killed_run_leaves_nothing_that_is_trusted(cache, server, day_file, monkeypatch):
    half = threading.Event()

    def stall(handler: Handler, body: bytes) -> None:
        handler.begin(200, Content_Length=len(body))
        handler.wfile.write(body[: len(body) // 2])
        handler.wfile.flush()
        half.set()
        silence(handler, body)

    server.faults[".cdf"] = [stall]
    run = start(server, cache)
    assert half.wait(60)
    deadline = time.monotonic() + 20
    while not any(part.stat().st_size for part in cache.rglob("*.part")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    # while it runs, another run does not take its staging folder for abandoned
    with staging_folder(cache / "themis"):
        assert any(cache.rglob("*.part"))
    run.send_signal(signal.SIGKILL)
    run.communicate()
    assert any(cache.rglob("*.part"))  # it had no chance to tidy up
    with pytest.raises(ArchiveError, match="20140310"):
        find(server, offline=True)
    # pyspedas takes any file of the right name, wherever it lies
    from pyspedas.projects.themis.config import CONFIG
    from pyspedas.projects.themis.load import load

    monkeypatch.setitem(CONFIG, "local_data_dir", str(cache / "themis"))
    theirs = load(
        instrument="gmag",
        stations=["gill"],
        greenland=[False],
        variometer=[0],
        trange=["2014-03-10", "2014-03-11"],
        downloadonly=True,
        no_update=True,
    )
    assert theirs == []
    find(server)
    assert_whole(cache, day_file)


@pytest.mark.slow
def test_a_run_that_is_interrupted_tidies_up(cache, server):
    half = threading.Event()

    def stall(handler: Handler, body: bytes) -> None:
        half.set()
        stall_half_way(handler, body)

    server.always[".cdf"] = stall
    handler = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    run = start(server, cache, handler, read_timeout=2.0)
    assert half.wait(60)
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=30)
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert in_cache(cache) == []
    assert len(server.asked()) == 1


# --- disks --------------------------------------------------------------------------------------

NAMESPACE = ("unshare", "--map-root-user", "--mount")
LISTING = """
    import atexit, os
    from pathlib import Path
    root = Path(os.environ["SPEDAS_DATA_DIR"])
    atexit.register(lambda: print("left:", sorted(
        p.name for p in root.rglob("*") if p.is_file() or p.name.startswith("."))))
"""


def mounted(cache: Path, *steps: str) -> tuple[str, ...]:
    """Return a command that runs another one with a small disk in place of the cache."""
    cache.mkdir(parents=True, exist_ok=True)
    lines = [f"mount -t tmpfs -o size=96k tmpfs '{cache}'", *steps]
    probe = (*NAMESPACE, "sh", "-c", " && ".join([*lines, "true"]))
    if shutil.which("unshare") is None or subprocess.run(probe, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    return (*NAMESPACE, "sh", "-c", " && ".join([*lines, 'exec "$@"']), "sh")


@pytest.mark.slow
def test_a_full_disk_is_one_message(cache, server, day_file):
    assert day_file.stat().st_size > 100_000
    said = said_by(start(server, cache, LISTING, mounted(cache)))
    first, last = said.splitlines()
    assert f"the cache {cache / 'themis'} cannot be written ({NAME}): No space left" in first
    assert "Free space there" in first
    assert last == "left: []"


@pytest.mark.slow
def test_a_limit_on_file_sizes_is_one_message(cache, server):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))\n"
    said = said_by(start(server, cache, limit))
    assert f"cannot be written ({NAME}): File too large" in said
    assert "\n" not in said
    assert in_cache(cache) == []


@pytest.mark.slow
def test_a_cache_that_is_read_only(cache, server, day_file):
    read_only = f"mount -o remount,ro '{cache}'"
    said = said_by(start(server, cache, "", mounted(cache, read_only)))
    assert f"the cache {cache / 'themis'} cannot be written" in said
    assert "Read-only file system" in said
    assert "\n" not in said
    assert server.requests == []


@pytest.mark.slow
def test_a_read_only_cache_is_used_as_it_is(cache, server, day_file, tmp_path):
    """A file that is there, written before its day was over, in a cache that cannot be written."""
    early = tmp_path / NAME
    early.write_bytes(day_file.read_bytes())
    os.utime(early, (1e9, 1e9))
    folder = remote_path(cache).parent
    steps = (
        f"mount -o remount,size=1m '{cache}'",
        f"mkdir -p '{folder}'",
        f"cp -p '{early}' '{folder}'",
        f"mount -o remount,ro '{cache}'",
    )
    said = said_by(start(server, cache, "", mounted(cache, *steps)))
    assert said == f"found {NAME}"


# --- certificates -------------------------------------------------------------------------------


@pytest.fixture
def certificates(tmp_path: Path) -> Callable[[str], tuple[Path, ssl.SSLContext]]:
    """Make a self-signed certificate for a name, and a server's context that shows it."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl command to make a certificate with")

    def make(name: str) -> tuple[Path, ssl.SSLContext]:
        key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
        subprocess.run(
            (
                f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test "
                f"-addext subjectAltName={name} -keyout {key} -out {certificate}"
            ).split(),
            check=True,
            capture_output=True,
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return certificate, context

    return make


@pytest.mark.parametrize(
    ("name", "trusted", "reason"),
    [
        ("IP:127.0.0.1", False, "self.signed certificate"),
        ("DNS:elsewhere.example", True, "IP address mismatch"),
    ],
)
def test_a_wrong_certificate_is_refused(
    cache, server, certificates, monkeypatch, name, trusted, reason
):
    certificate, context = certificates(name)
    if trusted:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    secure = Server(server.folder, context)
    try:
        with pytest.raises(ArchiveError, match=reason) as caught:
            find(secure)
    finally:
        secure.end()
    message = str(caught.value)
    assert "thg_l2_mag_gill_20140310_v??.cdf" in message
    assert message.count("certificate of 127.0.0.1") == 1
    assert "REQUESTS_CA_BUNDLE" in message
    assert secure.requests == []
    assert in_cache(cache) == []


def test_a_right_certificate_is_accepted(cache, server, certificates, monkeypatch, day_file):
    certificate, context = certificates("IP:127.0.0.1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    secure = Server(server.folder, context)
    try:
        find(secure)
        assert_whole(cache, day_file)
        shutil.rmtree(cache)
        # a redirect must not lead out of the secure connection
        secure.always[".cdf"] = lambda handler, body: handler.begin(
            302, Location=server.address + "/".join(handler.path.split("/")[2:]), Content_Length=0
        )
        with pytest.raises(ArchiveError, match="leads from https to http"):
            find(secure)
        assert in_cache(cache) == []
    finally:
        secure.end()
