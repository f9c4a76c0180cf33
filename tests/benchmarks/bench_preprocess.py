"""Frames made ready for the encoder, against a plain loop over frames with NumPy percentiles.

``python tests/benchmarks/bench_preprocess.py [--device cpu|cuda] [--threads 1 2] [--size 128]``
prints a table. The plain loop is the published formula as one would write it: select the disc,
``numpy.percentile`` twice, clip, put back, resize one frame with torch. Both give the same pictures
to 1e-6, which is checked first. Contenders alternate round by round, so that ratios are between
neighbours in time; the loop always has one thread. On a device the time includes moving the counts
there, and ends when the device has finished.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
import pytest

from classifier.recipes import FRAME_DISC

torch = pytest.importorskip("torch")


def make_frames(count: int, seed: int = 0) -> np.ndarray:
    """Skies with gradients, bands, stars and hot pixels, uint16; not meant to look real."""
    rng = np.random.default_rng(seed)
    row, column = np.mgrid[:256, :256] / 256.0
    tilt, phase = rng.uniform(0, 800, (count, 1, 1)), rng.uniform(0, 7, (count, 1, 1))
    frames = 3300 + 2500 * FRAME_DISC.mask((256, 256)) * (1 + 0.4 * np.sin(9 * row + phase))
    frames = rng.poisson(frames + tilt * column).astype(np.uint16)
    frames.reshape(count, -1)[:, rng.integers(0, 65536, 40)] = 65535
    return frames


def plain_loop(frames: np.ndarray, size: int) -> np.ndarray:
    inside = FRAME_DISC.mask((256, 256))
    box = FRAME_DISC.box
    out = np.empty((len(frames), 1, size, size), dtype=np.float32)
    for i, frame in enumerate(frames):
        x = frame[inside].astype(np.float64)
        x = x - np.percentile(x, 1)
        x = np.clip(x / np.percentile(x, 99), 0, 1)
        picture = np.zeros((256, 256), dtype=np.float32)
        picture[inside] = x
        square = torch.from_numpy(picture[box][:, ::-1].copy())[None, None]
        out[i] = torch.nn.functional.interpolate(
            square, size=(size, size), mode="bilinear", antialias=True
        )[0]
    return out


def in_batches(frames: np.ndarray, size: int, batch: int, device: str) -> None:
    from classifier.preprocess import preprocess

    for first in range(0, len(frames), batch):
        preprocess(frames[first : first + batch], size=size, device=device)
    if device == "cuda":
        torch.cuda.synchronize()


@pytest.mark.parametrize("batch", [32, 256])
def test_preprocess_benchmark(benchmark, batch: int) -> None:
    from classifier.preprocess import preprocess

    frames = make_frames(batch)
    ready = benchmark(preprocess, frames)
    np.testing.assert_allclose(ready[:8].numpy(), plain_loop(frames[:8], 128), atol=1e-6)


def test_plain_loop_benchmark(benchmark) -> None:
    frames = make_frames(32)
    ready = benchmark(plain_loop, frames, 128)
    assert ready.min() == 0.0
    assert 0.99 < ready.max() <= 1.0


def rate(work, count: int) -> float:
    start = time.perf_counter()
    work()
    return count / (time.perf_counter() - start)


def main() -> None:
    from classifier.preprocess import preprocess

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--batches", type=int, nargs="+", default=[32, 256])
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    size, device = options.size, options.device
    frames = make_frames(512)
    torch.set_num_threads(1)
    expected = plain_loop(frames[:16], size)
    found = preprocess(frames[:16], size=size, device=device).cpu().numpy()
    print(f"largest difference from the plain loop: {np.abs(found - expected).max():.1e}")
    in_batches(frames, size, max(options.batches), device)

    print("| device, threads | batch | frames/s, median | plain loop, frames/s | ratio (range) |")
    print("|---|---|---|---|---|")
    for threads in options.threads if device == "cpu" else options.threads[:1]:
        for batch in options.batches:
            ours, plain = [], []
            for _ in range(options.rounds):
                torch.set_num_threads(1)
                plain.append(rate(lambda: plain_loop(frames[:64], size), 64))
                torch.set_num_threads(threads)
                work = lambda b=batch: in_batches(frames, size, b, device)
                ours.append(rate(work, len(frames)))
            ratios = [a / b for a, b in zip(ours, plain, strict=True)]
            name = f"cpu, {threads}" if device == "cpu" else device
            print(
                f"| {name} | {batch} | {statistics.median(ours):.0f} |"
                f" {statistics.median(plain):.0f} | {statistics.median(ratios):.1f}"
                f" ({min(ratios):.1f}-{max(ratios):.1f}) |"
            )


if __name__ == "__main__":
    main()
