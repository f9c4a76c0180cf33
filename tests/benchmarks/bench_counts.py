"""Minute counts of a label store: count_frames against DuckDB and pandas on the same files.

``python tests/benchmarks/bench_counts.py [--rows 50_000_000]`` prints a table. Every measurement is
a process of its own that times the count alone (imports and start excluded) and reports its peak
memory; the contenders alternate round by round, so that ratios are between neighbours in time.
"""

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

from auroral_stats.labels import CLASSES, StoreInfo, quantise_probabilities, write_labels

SITES = ("atha", "chbg", "ekat", "fsim", "fsmi", "fykn", "gako", "gbay", "gill", "inuv", "kapu")
CADENCE_MS = 3000


def make_store(store: Path, rows: int, *, seed: int = 0) -> int:
    """Write ``rows`` seeded labels: winter months at 11 sites, 14 h a night, a frame every 3 s."""
    rng = np.random.default_rng(seed)
    info = StoreInfo("model", simulated=True, model_sha256="0" * 64)
    nightly = np.arange(14 * 3_600_000 // CADENCE_MS) * CADENCE_MS
    # 1,024 softmax outputs for each class, so that probabilities differ from frame to frame.
    kinds = rng.dirichlet(np.full(6, 0.3), (6, 1024))
    best = kinds.argmax(axis=2, keepdims=True)
    own = np.arange(6)[:, None, None]
    value = np.take_along_axis(kinds, best, axis=2)
    np.put_along_axis(kinds, best, kinds[own, np.arange(1024)[:, None], own], axis=2)
    np.put_along_axis(kinds, np.broadcast_to(own, best.shape), value, axis=2)
    stored = quantise_probabilities(kinds.reshape(-1, 6))
    months = np.array(
        [f"{y}-{m:02d}" for y in range(2008, 2022) for m in (1, 2, 3, 11, 12)], "M8[M]"
    )
    left = rows
    for month in months:
        for site in SITES:
            days = np.arange(month.astype("M8[D]"), (month + 1).astype("M8[D]"))
            starts = days.astype("M8[ms]") + np.timedelta64(1, "h")
            times = (starts[:, None] + nightly).ravel()[:left]
            times = times + rng.integers(0, 900, times.size)
            # The sky keeps its class for about two minutes, as it does in the archive.
            label = np.repeat(rng.integers(0, 6, times.size // 40 + 1), 40)[: times.size]
            kind = label * 1024 + rng.integers(0, 1024, times.size)
            write_labels(store, site, times, label, stored[kind], info=info)
            left -= times.size
            if left <= 0:
                return rows
    raise ValueError(f"{rows} rows do not fit; the largest store is {rows - left}")


def ours(store: Path) -> np.ndarray:
    """Count with auroral_stats; return the frames of each class as a check."""
    from auroral_stats.counts import count_frames

    return count_frames(store).frames.to_numpy().sum(axis=(0, 1), dtype=np.int64)


def _duckdb(store: Path, minute: str) -> np.ndarray:
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        table = connection.execute(
            f"SELECT site, {minute} AS minute, label, count(*) AS frames FROM read_parquet("
            f"'{store}/**/*.parquet', hive_partitioning = true) GROUP BY ALL"
        ).fetchnumpy()
    return _totals(table["label"], table["frames"])


def duckdb_date_trunc(store: Path) -> np.ndarray:
    """Count with DuckDB's own way of saying minute."""
    return _duckdb(store, "date_trunc('minute', time)")


def duckdb_integer(store: Path) -> np.ndarray:
    """Count with DuckDB on whole minutes since 1970."""
    return _duckdb(store, "epoch_ms(time) // 60000")


def pandas_groupby(store: Path) -> np.ndarray:
    """Count with pandas: floor, group, size."""
    import pandas as pd

    table = pd.read_parquet(store, columns=["site", "time", "label"])
    size = table.groupby(
        ["site", table["time"].dt.floor("min"), "label"], observed=True, sort=False
    ).size()
    return _totals(size.index.get_level_values("label").to_numpy(), size.to_numpy())


def _totals(label: np.ndarray, frames: np.ndarray) -> np.ndarray:
    return np.bincount(label, weights=frames, minlength=len(CLASSES)).astype(np.int64)


CONTENDERS = {
    "count_frames": ours,
    "DuckDB date_trunc": duckdb_date_trunc,
    "DuckDB integer minutes": duckdb_integer,
    "pandas": pandas_groupby,
}


@pytest.fixture(scope="module")
def small_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("bench") / "store"
    make_store(store, 200_000)
    return store


@pytest.mark.parametrize("name", CONTENDERS)
def test_count_benchmark(benchmark, small_store: Path, name: str) -> None:
    totals = benchmark(CONTENDERS[name], small_store)
    assert totals.sum() == 200_000
    np.testing.assert_array_equal(totals, ours(small_store))


def measure_once(name: str, store: Path) -> None:
    """Count once in this process and print seconds, peak memory in MB and the totals."""
    import duckdb  # noqa: F401
    import pandas  # noqa: F401, ICN001

    import auroral_stats.counts  # noqa: F401

    start, start_cpu = time.perf_counter(), time.process_time()
    totals = CONTENDERS[name](store)
    seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    # Not ru_maxrss, which a process inherits from the one that started it.
    peak = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak": peak, "totals": totals.tolist()}))


def compare(store: Path, rows: int, rounds: int) -> str:
    """Run all contenders in turn, ``rounds`` times, and return a markdown table."""
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
    for _ in range(rounds):
        for name in CONTENDERS:
            command = [sys.executable, __file__, "--once", name, "--store", str(store)]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            runs[name].append(json.loads(output))
    totals = {tuple(run["totals"]) for each in runs.values() for run in each}
    if len(totals) != 1 or sum(totals.pop()) != rows:
        raise ValueError("the contenders do not agree on the counts")
    lines = [
        f"{rows:,} rows, {rounds} alternating rounds",
        "",
        (
            "| contender | median s (spread) | M rows/s | times slower, paired median (spread) | CPU s "
            "| times more CPU | peak MB |"
        ),
        "|---|---|---|---|---|---|---|",
    ]
    for name, each in runs.items():
        seconds, cpu = ([run[key] for run in each] for key in ("seconds", "cpu"))
        pairs = list(zip(each, runs["count_frames"], strict=True))
        slower, costlier = ([a[key] / b[key] for a, b in pairs] for key in ("seconds", "cpu"))
        middle = statistics.median(seconds)
        lines.append(
            f"| {name} | {middle:.2f} ({min(seconds):.2f}-{max(seconds):.2f}) "
            f"| {rows / middle / 1e6:.1f} | {statistics.median(slower):.1f} "
            f"({min(slower):.1f}-{max(slower):.1f}) | {statistics.median(cpu):.2f} "
            f"| {statistics.median(costlier):.1f} ({min(costlier):.1f}-{max(costlier):.1f}) "
            f"| {max(run['peak'] for run in each):.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--store", type=Path, help="use this store, made before with --rows")
    parser.add_argument("--once", choices=CONTENDERS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.once:
        measure_once(given.once, given.store)
        return
    with tempfile.TemporaryDirectory() as folder:
        store = given.store or Path(folder) / "store"
        if not store.exists():
            make_store(store, given.rows)
        print(compare(store, given.rows, given.rounds))


if __name__ == "__main__":
    main()
