"""Reading minute files: frames a second, against bare libdeflate and against pyUCalgarySRS.

``python tests/benchmarks/bench_frames.py [--rounds 15] [--simulated]`` prints a table. It reads the
real minute files beside this checkout, or else simulated ones of noise that compresses as well.
Contenders take turns on one core, round by round, so that ratios are between neighbours in time;
CPU time is what a busy machine disturbs least. pyUCalgarySRS is compared where it is installed
(``pip install pyucalgarysrs``). The last rows compare two processes with one, over the same files.
"""

from __future__ import annotations

import argparse
import gzip
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib import util
from pathlib import Path

import numpy as np
import pytest

from classifier.frames import read_frames
from classifier.pgm import write_pgm

REAL = Path(__file__).parents[3] / "shared" / "realdata" / "themis_asi"
OUT = np.empty((20, 256, 256), np.uint16)


def simulated_minutes(folder: Path, minutes: int) -> list[Path]:
    """Write minutes of noise that shrinks to 81 per cent, as real frames do."""
    rng = np.random.default_rng(0)
    paths = []
    for minute in range(minutes):
        images = (3500 + rng.normal(0, 1100, (20, 256, 256))).clip(0, 65535).astype(np.uint16)
        start = np.datetime64("2014-03-10T06:00", "us") + np.timedelta64(minute, "m")
        paths.append(
            write_pgm(
                folder / f"20140310_06{minute:02d}_gill_themis19_full.pgm.gz",
                images,
                start + np.arange(20) * np.timedelta64(3, "s"),
                site="gill",
                simulated=True,
            )
        )
    return paths


def with_buffer(path: Path, _raw: bytes) -> int:
    return len(read_frames(path, OUT).images)


def without_metadata(path: Path, _raw: bytes) -> int:
    return len(read_frames(path, OUT, metadata=False).images)


def new_arrays(path: Path, _raw: bytes) -> int:
    return len(read_frames(path).images)


def libdeflate_from_file(path: Path, _raw: bytes) -> int:
    import deflate

    return len(deflate.gzip_decompress(path.read_bytes())) // 131_072


def libdeflate_from_memory(_path: Path, raw: bytes) -> int:
    import deflate

    return len(deflate.gzip_decompress(raw)) // 131_072


def libdeflate_and_copy(path: Path, _raw: bytes) -> int:
    import deflate

    data = np.frombuffer(deflate.gzip_decompress(path.read_bytes()), np.uint8)
    return len(data.copy()) // 131_072


def standard_library(path: Path, _raw: bytes) -> int:
    return len(gzip.decompress(path.read_bytes())) // 131_072


def pyucalgarysrs(path: Path, _raw: bytes) -> int:
    from pyucalgarysrs.data.read._themis import read

    return read([str(path)], no_metadata=True, quiet=True)[0].shape[2]


CONTENDERS: dict[str, Callable[[Path, bytes], int]] = {
    "read_frames, buffer": with_buffer,
    "read_frames, buffer, no metadata": without_metadata,
    "read_frames, new arrays": new_arrays,
    "libdeflate inflates the file": libdeflate_from_file,
    "libdeflate inflates bytes at hand": libdeflate_from_memory,
    "libdeflate inflates the file, and a copy": libdeflate_and_copy,
    "gzip of the standard library": standard_library,
    "pyUCalgarySRS, no metadata": pyucalgarysrs,
}
NEEDS = {
    "libdeflate inflates the file": "deflate",
    "libdeflate inflates bytes at hand": "deflate",
    "libdeflate inflates the file, and a copy": "deflate",
    "pyUCalgarySRS, no metadata": "pyucalgarysrs",
}


def missing(name: str) -> str:
    """Return the package that a contender lacks; empty if it lacks none."""
    package = NEEDS.get(name, "")
    return package if package and util.find_spec(package) is None else ""


@pytest.fixture(scope="module")
def minute(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulated_minutes(tmp_path_factory.mktemp("bench_frames"), 1)[0]


@pytest.mark.parametrize("name", CONTENDERS)
def test_frames_benchmark(benchmark, minute: Path, name: str) -> None:
    if package := missing(name):
        pytest.skip(f"{package} is not installed")
    assert benchmark(CONTENDERS[name], minute, minute.read_bytes()) == 20


def take_turns(paths: list[Path], rounds: int) -> dict[str, list[tuple[float, float, int]]]:
    """Return wall seconds, CPU seconds and frames of each round, by contender."""
    names = [name for name in CONTENDERS if not missing(name)]
    contents = {path: path.read_bytes() for path in paths}
    for name in names:
        CONTENDERS[name](paths[0], contents[paths[0]])
    runs: dict[str, list[tuple[float, float, int]]] = {name: [] for name in names}
    for number in range(rounds):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            wall, cpu, frames = time.perf_counter(), time.process_time(), 0
            for path in paths:
                frames += CONTENDERS[name](path, contents[path])
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            runs[name].append((wall, cpu, frames))
    return runs


def table(runs: dict[str, list[tuple[float, float, int]]]) -> list[str]:
    """Return medians; of ratios, which are of neighbours in time, the 10th to 90th percentile."""
    ours = runs["read_frames, buffer"]
    lines = [
        "| work on one core | frames/s | by CPU time | time against the first row | by CPU time |",
        "|---|---|---|---|---|",
    ]
    for name, each in runs.items():
        speed = [statistics.median(run[2] / run[k] for run in each) for k in (0, 1)]
        pairs = [
            np.percentile([b[k] / a[k] for a, b in zip(ours, each, strict=True)], [50, 10, 90])
            for k in (0, 1)
        ]
        ratios = " | ".join(f"{m:.2f} ({low:.2f}-{high:.2f})" for m, low, high in pairs)
        lines.append(f"| {name} | {speed[0]:.0f} | {speed[1]:.0f} | {ratios} |")
    return lines


def read_all(paths: list[Path], times: int) -> int:
    return sum(with_buffer(path, b"") for _ in range(times) for path in paths)


def two_processes(paths: list[Path], rounds: int, times: int = 6) -> list[str]:
    """Read the files ``times`` over in one process, and half of that in each of two."""
    speeds: dict[int, list[float]] = {1: [], 2: []}
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(read_all, [paths] * 4, [1] * 4))
        for _ in range(rounds):
            for workers in (1, 2):
                start = time.perf_counter()
                share = [times // workers] * workers
                frames = sum(pool.map(read_all, [paths] * workers, share))
                speeds[workers].append(frames / (time.perf_counter() - start))
    ratios = [b / a for a, b in zip(speeds[1], speeds[2], strict=True)]
    low, middle, high = np.percentile(ratios, [10, 50, 90])
    return [
        "| processes | frames/s | against one: median (10th to 90th percentile) |",
        "|---|---|---|",
        f"| 1 | {statistics.median(speeds[1]):.0f} | 1 |",
        f"| 2 | {statistics.median(speeds[2]):.0f} | {middle:.2f} ({low:.2f}-{high:.2f}) |",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--simulated", action="store_true", help="even where there are real files")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = [] if options.simulated else sorted(REAL.glob("*.pgm.gz"))
        kind = "real" if paths else "simulated"
        paths = paths or simulated_minutes(Path(folder), 5)
        inflated = sum(len(gzip.decompress(path.read_bytes())) for path in paths)
        share = sum(path.stat().st_size for path in paths) / inflated
        print(
            f"{len(paths)} {kind} minutes, compressed to {share:.0%}, {options.rounds} rounds; "
            f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
        )
        cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
        for name in CONTENDERS:
            if package := missing(name):
                print(f"Not compared: {name} (pip install {package})")
        if cores:
            os.sched_setaffinity(0, {max(cores)})
        lines = table(take_turns(paths, options.rounds))
        if cores:
            os.sched_setaffinity(0, cores)
        print("\n".join([*lines, "", *two_processes(paths, options.rounds)]))


if __name__ == "__main__":
    main()
