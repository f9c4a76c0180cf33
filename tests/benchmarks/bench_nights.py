"""Fourteen winters at 21 sites to the night tensor, and a thousand resamples from it.

Run as a script for the full size::

    python tests/benchmarks/bench_nights.py

It prints a table; the baseline is the same counting as a pandas groupby over site-minutes. With
``pytest --benchmark-enable`` a small size runs under pytest-benchmark.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time as clock

import numpy as np
import pandas as pd
import xarray as xr

from auroral_stats.drivers import DRIVERS
from auroral_stats.intervals import bootstrap_interval
from auroral_stats.labels import CLASSES, USABLE_INDEX
from auroral_stats.lagging import driver_at
from auroral_stats.nights import night_cells, night_tensor
from auroral_stats.simulation.worlds import autoregressive


def archive(winters: int, nights: int, sites: int, seed: int = 0) -> xr.Dataset:
    """Return joined data of the size of the archive: every dark minute of every night."""
    rng = np.random.default_rng(seed)
    hours = 13
    first = [np.datetime64(f"{2008 + w}-09-01T00:00", "m") for w in range(winters)]
    night_minutes = np.arange(hours * 60) * np.timedelta64(1, "m")
    time = np.concatenate(
        [
            start + np.timedelta64(1440 * n, "m") + night_minutes
            for start in first
            for n in range(nights)
        ]
    )
    driver_time = np.arange(first[0] - np.timedelta64(3, "D"), time[-1] + np.timedelta64(1, "D"))
    frames = np.zeros((time.size, sites, len(CLASSES)), dtype=np.uint8)
    for site in range(sites):
        label = rng.integers(0, len(CLASSES), time.size, dtype=np.uint8)
        seen = rng.random(time.size, dtype=np.float32) < 0.8
        frames[np.flatnonzero(seen), site, label[seen]] = 20
    shape = (time.size, sites)
    angle = np.linspace(0, 2 * np.pi, time.size, dtype=np.float32)[:, None]
    return xr.Dataset(
        {
            "frames": (("time", "site", "label"), frames),
            "sun_elevation": (("time", "site"), np.full(shape, -20, np.float32)),
            "moon_elevation": (("time", "site"), np.sin(400 * angle) * np.ones(shape, np.float32)),
            "moon_illumination": ("time", 0.5 + 0.5 * np.sin(30 * angle[:, 0])),
            "mlt": (
                ("time", "site"),
                np.mod(
                    np.tile(np.arange(hours * 60, dtype=np.float32) / 60, time.size // hours // 60)[
                        :, None
                    ]
                    + np.linspace(-7, 2, sites, dtype=np.float32),
                    24,
                ),
            ),
            "mlat": (("time", "site"), np.full(shape, 66, np.float32)),
            "Bz": ("driver_time", 3 * autoregressive(rng, (driver_time.size,), 120.0)),
        },
        coords={
            "time": time.astype("M8[ns]"),
            "site": [f"s{k:02d}" for k in range(sites)],
            "label": list(CLASSES),
            "driver_time": (
                "driver_time",
                driver_time.astype("M8[ns]"),
                {"cadence_minutes": 1},
            ),
        },
    )


def with_pandas(data: xr.Dataset) -> pd.DataFrame:
    """Count the same by night and bin with pandas, one site after the other."""
    value = driver_at(data, DRIVERS["Bz"], lag=10, window=60).to_numpy()
    night = pd.Series(data["time"].to_numpy() - np.timedelta64(19, "h")).dt.floor("D")
    total = None
    for site in range(data.sizes["site"]):
        table = pd.DataFrame(
            data["frames"].isel(site=site).to_numpy().astype(np.int64), columns=list(CLASSES)
        )
        table["night"] = night
        table["bin"] = pd.cut(value, DRIVERS["Bz"].edges, right=False)
        dark = data["sun_elevation"].isel(site=site).to_numpy() <= -12
        counts = table[dark].groupby(["night", "bin"], observed=True)[list(CLASSES)].sum()
        total = counts if total is None else total.add(counts, fill_value=0)
    return total


def to_tensor(data: xr.Dataset) -> xr.DataArray:
    return night_tensor(night_cells(data, "Bz"))


def resample(tensor: xr.DataArray) -> None:
    frames = tensor.to_numpy().astype(float)
    exposure = frames[..., USABLE_INDEX].sum(axis=-1, keepdims=True)
    bootstrap_interval(frames, exposure, resamples=1000)


def test_night_tensor(benchmark):
    data = archive(2, 20, 3)
    tensor = benchmark(to_tensor, data)
    table = with_pandas(data)
    assert int(tensor.isel(bin=slice(1, -2)).sum()) == int(table.to_numpy().sum())


def test_resamples(benchmark):
    tensor = to_tensor(archive(2, 20, 3))
    benchmark(resample, tensor)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--winters", type=int, default=14)
    parser.add_argument("--nights", type=int, default=200)
    parser.add_argument("--sites", type=int, default=21)
    parser.add_argument("--rounds", type=int, default=3)
    size = parser.parse_args()
    data = archive(size.winters, size.nights, size.sites)
    minutes = data.sizes["time"] * size.sites
    timings: dict[str, list[float]] = {
        "night tensor": [],
        "pandas groupby": [],
        "1000 resamples": [],
    }
    for _ in range(size.rounds):
        start = clock.perf_counter()
        tensor = to_tensor(data)
        timings["night tensor"].append(clock.perf_counter() - start)
        start = clock.perf_counter()
        resample(tensor)
        timings["1000 resamples"].append(clock.perf_counter() - start)
        start = clock.perf_counter()
        with_pandas(data)
        timings["pandas groupby"].append(clock.perf_counter() - start)
    print(
        f"{minutes:,} site-minutes, {tensor.sizes['night']} nights, {size.rounds} paired rounds\n"
    )
    print("| what | median s | min | max |\n|---|---|---|---|")
    for name, values in timings.items():
        print(
            f"| {name} | {statistics.median(values):.2f} | {min(values):.2f} | {max(values):.2f} |"
        )
    ratios = [
        b / a for a, b in zip(timings["night tensor"], timings["pandas groupby"], strict=True)
    ]
    print(f"\npandas / night tensor: {statistics.median(ratios):.1f}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB")


if __name__ == "__main__":
    main()
