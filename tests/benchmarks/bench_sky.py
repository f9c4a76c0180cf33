"""Simulated frames a second, by class, and what a new station-night costs before its first frame.

``python tests/benchmarks/bench_sky.py [--frames 60]`` prints a table; one core, one process.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pytest

from classifier.sky import draw_frames, scene_of

START = np.datetime64("2014-02-27T05:00:00", "us")
LABELS = ("arc", "diffuse", "discrete", "cloudy", "clear")


def times(frames: int) -> np.ndarray:
    return START + np.arange(frames) * np.timedelta64(3, "s")


@pytest.mark.parametrize("label", LABELS)
def test_frames_of_a_warm_scene(benchmark, label):
    scene = scene_of("gill", times(10), label)
    draw_frames(scene, times(1))
    images, _ = benchmark(draw_frames, scene, times(10))
    assert images.shape == (10, 256, 256)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=60)
    given = parser.parse_args()
    print(f"{'class':10s} {'first frame, s':>15s} {'frames/s':>10s}")
    for seed, label in enumerate(LABELS):
        scene = scene_of("gill", times(given.frames), label, seed=1000 + seed)
        begin = time.perf_counter()
        draw_frames(scene, times(1))
        first = time.perf_counter() - begin
        begin = time.perf_counter()
        draw_frames(scene, times(given.frames))
        rate = given.frames / (time.perf_counter() - begin)
        print(f"{label:10s} {first:15.2f} {rate:10.1f}")


if __name__ == "__main__":
    main()
