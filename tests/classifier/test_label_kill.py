"""Labelling is killed at any instant, and goes on to the rows of a run that was not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from auroral_stats.labels import CLASSES, read_partition, validate_labels
from classifier.pgm import write_pgm

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

COLUMNS = ("time", "label", *(f"p_{name}" for name in CLASSES))


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """A classifier that learnt nothing: what it says depends on the frame all the same."""
    from classifier.checkpoint import Header, build_model, save_checkpoint

    torch.manual_seed(0)
    header = Header(
        "classifier",
        "resnet10",
        32,
        "nothing",
        simulated=False,
        classes=CLASSES,
        head="two-layer",
        temperature=0.01,
    )
    path = tmp_path_factory.mktemp("model") / "m.safetensors"
    return save_checkpoint(path, build_model(header), header)


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    """Two sites, two months, 48 files with 2 to 4 frames, two of them damaged."""
    root = tmp_path_factory.mktemp("archive")
    rng = np.random.default_rng(0)
    for site in ("gill", "fsmi"):
        for start in ("2014-02-28T23:54", "2014-03-10T06:00"):
            for minute in range(12):
                first = np.datetime64(start, "m") + minute
                frames = int(rng.integers(2, 5))
                scale = rng.uniform(5, 60, (frames, 1, 1))
                wave = np.sin(np.arange(256) / scale) * 800
                images = 3000 + wave + wave.transpose(0, 2, 1)
                stamp = str(first).translate(str.maketrans("T", "_", "-:"))
                path = root / str(first)[:7] / f"{stamp}_{site}_themis19_full.pgm.gz"
                times = first.astype("M8[us]") + (np.arange(frames) * 3_000_000).astype("m8[us]")
                write_pgm(
                    path, images.astype(np.uint16), times, site=site, simulated=True, compression=1
                )
    for path in sorted(root.rglob("*gill*"))[::13]:
        path.write_bytes(path.read_bytes()[:-3000])
    return root


def command(archive: Path, store: Path, model: Path, *more: str) -> list[str]:
    given = [str(archive), "--out", str(store), "--model", str(model), "--device", "cpu"]
    return [sys.executable, "-m", "classifier", "label", *given, "--batch", "2", *more]


def environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1"}


def contents(store: Path) -> tuple[dict[str, dict[str, list]], str]:
    found = validate_labels(store)
    rows = {
        f"{p.site} {p.year}-{p.month:02d}": {
            name: values.tolist()
            for name, values in read_partition(p, COLUMNS, info=found.info).items()
        }
        for p in found.partitions
    }
    return rows, (store / "_bad_frames.csv").read_text()


@pytest.fixture(scope="module")
def uninterrupted(archive, model, tmp_path_factory):
    """What is in the store after a run in peace, and how many seconds that took."""
    store = tmp_path_factory.mktemp("peace")
    start = time.monotonic()
    go_on(archive, model, store)
    return contents(store), time.monotonic() - start


def go_on(archive: Path, model: Path, store: Path, workers: int = 0) -> None:
    from classifier.label import label_archive

    label_archive(archive, store, model=model, device="cpu", batch=2, workers=workers, resume=True)


def kill_and_go_on(archive, model, store, seconds, workers) -> bool:
    """Kill a run some seconds after it began to work, and finish it; return whether it was killed."""
    running = subprocess.Popen(
        command(archive, store, model, "--workers", str(workers), "--resume"),
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not (store / "_ledger.sqlite").exists() and running.poll() is None:
        time.sleep(0.001)
    time.sleep(seconds)
    running.send_signal(signal.SIGKILL)
    killed = running.wait() == -signal.SIGKILL
    go_on(archive, model, store, 3 - workers)
    return killed


def test_killed_twice(archive, model, uninterrupted, tmp_path):
    expected, seconds = uninterrupted
    assert len(expected[0]) == 4
    assert len({p for part in expected[0].values() for p in part["p_clear"]}) > 20
    assert len({line.split(",")[0] for line in expected[1].splitlines()[1:]}) == 2
    for number, share in enumerate((0.3, 0.8)):
        kill_and_go_on(archive, model, tmp_path / str(number), share * seconds, number)
        assert contents(tmp_path / str(number)) == expected


@pytest.mark.slow
def test_killed_at_ten_random_instants(archive, model, uninterrupted, tmp_path):
    expected, seconds = uninterrupted
    rng = np.random.default_rng()
    killed = 0
    for number in range(10):
        store, at = tmp_path / str(number), rng.uniform(0, seconds)
        killed += kill_and_go_on(archive, model, store, at, int(rng.integers(0, 4)))
        assert contents(store) == expected, f"killed after {at:.3f} s"
    assert killed >= 5


def test_readers_do_not_outlive_a_killed_run(archive, model, tmp_path):
    running = subprocess.Popen(
        command(archive, tmp_path / "s", model, "--workers", "2"),
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    readers: set[int] = set()
    try:
        deadline = time.monotonic() + 60
        while len(readers) < 2 and time.monotonic() < deadline and running.poll() is None:
            readers = children(running.pid)
            time.sleep(0.02)
        assert len(readers) >= 2
    finally:
        running.kill()
        running.wait()
    deadline = time.monotonic() + 20
    while any(alive(pid) for pid in readers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in readers if alive(pid)]


def children(pid: int) -> set[int]:
    """Processes that a process has started and that work for it."""
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        pytest.skip("no /proc here")
    return {int(child) for child in listed}


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def test_interrupt_is_one_line_and_goes_on(archive, model, uninterrupted, tmp_path):
    expected, _ = uninterrupted
    running = subprocess.Popen(
        command(archive, tmp_path, model, "--workers", "1"),
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    # As at a terminal, the readers get it too.
    while not (tmp_path / "_store.json").exists() and time.monotonic() < deadline:
        time.sleep(0.002)
    os.killpg(running.pid, signal.SIGINT)
    _, said = running.communicate(timeout=60)
    if running.returncode:  # it may have ended just before
        assert running.returncode == 130, said
        assert said.startswith("error: stopped;")
        assert "--resume" in said
        assert said.count("\n") == 1
    go_on(archive, model, tmp_path)
    assert contents(tmp_path) == expected
