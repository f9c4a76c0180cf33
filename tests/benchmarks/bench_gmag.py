"""Magnetometer files to 1-min measures, against the bare cdflib read of the same files.

``python tests/benchmarks/bench_gmag.py [--days 24] [--rounds 7] [--compress 6]`` prints a table.
Station-days of 2 Hz are written to a temporary folder, which is removed. Every measurement is a
process of its own that times the work alone (imports and start excluded); the contenders alternate
round by round, so that ratios are between neighbours in time. Bytes are those of the samples (20 a
sample: a time and three components), whatever their compression. The winter of 21 stations is
extrapolated and labelled so.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from auroral_stats.simulation.gmag_files import write_gmag

START = np.datetime64("2014-01-01", "D")
BYTES_A_DAY = 172_800 * 20
#: Two hundred nights of 21 stations.
WINTER_STATION_DAYS = 21 * 200


def make_files(root: Path, days: int, *, compress: int, step: float = 0.5, seed: int = 0) -> None:
    """Write ``days`` days of one station: a red spectrum, 0.01 nT resolution, as at the GBOs."""
    rng = np.random.default_rng(seed)
    size = round(86_400 / step)
    level = np.array([12_000.0, 200.0, 58_000.0])
    for day in range(days):
        stamps = (START + day).astype("M8[ns]") + np.rint(np.arange(size) * step * 1e9).astype(
            "m8[ns]"
        )
        field = np.cumsum(rng.normal(0, 0.1, (size, 3)), axis=0)
        field -= np.linspace(0, 1, size)[:, None] * field[-1]
        write_gmag(
            "gill",
            stamps,
            np.round(field + level, 2),
            root,
            simulated=True,
            compress=compress,
        )


def measures(root: Path, days: int) -> float:
    """Read, average, find baselines and measure: all that the joined data and a study need."""
    from auroral_stats.baselines import BASELINES
    from auroral_stats.disturbance import bay_depth, dbdt, horizontal
    from auroral_stats.gmag import load_magnetometer

    data = load_magnetometer("gill", [(START, START + days)], root=root)
    times, field = data["mag_time"].to_numpy(), data["mag"].to_numpy()[:, 0].astype(float)
    rest = field - BASELINES["running"].compute(times, field)
    horizontal(rest[:, 0], rest[:, 1])
    bay_depth(field[:, 0], time=times)
    dbdt(field[:, 0], field[:, 1], time=times)
    return float(np.nansum(field[:, 0]))


def minutes_alone(root: Path, days: int) -> float:
    """Read, check, despike and average, with Pi2 power."""
    from auroral_stats.gmag import load_magnetometer

    data = load_magnetometer("gill", [(START, START + days)], root=root)
    return float(np.nansum(data["mag"].to_numpy()[:, 0, 0].astype(float)))


def bare_read(root: Path, days: int) -> float:
    """Read times and field with cdflib, and do nothing with them but one sum."""
    import cdflib

    total = 0.0
    for path in sorted(root.rglob("*.cdf"))[:days]:
        file = cdflib.CDF(path)
        seconds, field = file.varget("thg_mag_gill_time"), file.varget("thg_mag_gill")
        total += float(field[:, 0].sum(dtype=np.float64)) / (seconds.size / 1440)
    return total


CONTENDERS = {
    "1-min measures": measures,
    "1-min means and Pi2": minutes_alone,
    "bare cdflib read": bare_read,
}


@pytest.fixture(scope="module")
def two_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bench_gmag")
    make_files(root, 2, compress=1, step=1.0)
    return root


@pytest.mark.parametrize("name", CONTENDERS)
def test_gmag_benchmark(benchmark, two_days: Path, name: str) -> None:
    total = benchmark(CONTENDERS[name], two_days, 2)
    # All add up the same field: means of minutes against samples.
    assert total == pytest.approx(bare_read(two_days, 2), rel=1e-6)


def measure_once(name: str, root: Path, days: int) -> None:
    """Work once in this process and print seconds, CPU seconds, peak memory in MB and the sum."""
    import cdflib  # noqa: F401
    import scipy.interpolate  # noqa: F401

    import auroral_stats.gmag  # noqa: F401
    from auroral_stats.archive import find_files
    from auroral_stats.periods import merge_periods

    # pyspedas is imported by the first look-up, which takes two seconds once.
    find_files("gmag", merge_periods(START, START + 1), station="gill", root=root)
    CONTENDERS[name](root, 1)
    start, start_cpu = time.perf_counter(), time.process_time()
    total = CONTENDERS[name](root, days)
    seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    # Not ru_maxrss, which a process inherits from the one that started it.
    peak = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak": peak, "total": total}))


def compare(root: Path, days: int, rounds: int) -> str:
    """Run all contenders in turn, ``rounds`` times, and return a markdown table."""
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
    for _ in range(rounds):
        for name in CONTENDERS:
            command = [sys.executable, __file__, "--once", name, "--root", str(root)]
            command += ["--days", str(days)]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            runs[name].append(json.loads(output))
    bare = [run["seconds"] for run in runs["bare cdflib read"]]
    lines = [
        "| work | s, median | MB/s | against the bare read: median (range) | by CPU time | RSS, MB |",
        "|---|---|---|---|---|---|",
    ]
    for name, each in runs.items():
        seconds = [run["seconds"] for run in each]
        ratios = [b / s for b, s in zip(bare, seconds, strict=True)]
        by_cpu = statistics.median(
            b["cpu"] / s["cpu"] for b, s in zip(runs["bare cdflib read"], each, strict=True)
        )
        median = statistics.median(seconds)
        lines.append(
            f"| {name} | {median:.3f} | {days * BYTES_A_DAY / 1e6 / median:.0f} | "
            f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}) | {by_cpu:.2f} | "
            f"{max(run['peak'] for run in each):.0f} |"
        )
    work = statistics.median(run["seconds"] for run in runs["1-min measures"])
    minutes = work / days * WINTER_STATION_DAYS / 60
    winter = f"a winter of 21 stations ({WINTER_STATION_DAYS} station-days), {minutes:.1f} min"
    lines += ["", f"Extrapolated, not measured: {winter} on one core."]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--compress", type=int, default=6, help="GZIP level of the files, 0 none")
    parser.add_argument("--once", help=argparse.SUPPRESS)
    parser.add_argument("--root", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once:
        measure_once(options.once, options.root, options.days)
        return
    with tempfile.TemporaryDirectory() as folder:
        make_files(Path(folder), options.days, compress=options.compress)
        size = sum(path.stat().st_size for path in Path(folder).rglob("*.cdf")) / 1e6
        print(
            f"{options.days} station-days of 2 Hz, {size:.0f} MB on disk, {options.rounds} rounds"
        )
        print(compare(Path(folder), options.days, options.rounds))


if __name__ == "__main__":
    main()
