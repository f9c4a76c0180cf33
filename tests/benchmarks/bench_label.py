"""Labelling an archive, against its parts alone and against a plain Dataset + DataLoader loop.

``python tests/benchmarks/bench_label.py [--device cpu|cuda] [--workers 1] [--files 64]
[--batch 32] [--size 64] [--precision auto|fp32|bf16] [--model CHECKPOINT] [--rounds 3]`` prints a
table. Minute files of 20 frames with photon noise (107 kB a frame compressed, like real ones) are
written to a temporary folder, which is removed.

- ``decode``: the reading processes alone; each image is looked at no further.
- ``model``: raw frames in memory to probabilities, preprocessing included, with as many batches at
  once as the model has lanes.
- ``label``: all of ``label_archive``, ledger and store included.
- ``plain loop``: gzip of the standard library, the stretch as it is published (NumPy percentiles),
  frame by frame in a torch Dataset, a DataLoader with as many workers and batches, the same network
  as torchvision builds it, in float32 or, on a GPU, autocast to bfloat16. ``plain, our rooms``: the
  same loop with our reader and ``probabilities``.

Each is timed from its first result to its last but one (of ``label``, results are chunks of as many
files as a batch has frames), so that start and end of processes, the same few seconds for any
archive, are in none of the rates. Contenders alternate round by round, so that ratios are between neighbours in
time.
"""

from __future__ import annotations

import argparse
import gzip
import os
import re
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auroral_stats.labels import CLASSES
from classifier.frame_workers import read_ahead
from classifier.label import label_archive
from classifier.pgm import write_pgm
from classifier.recipes import FRAME_DISC

# On a machine that is busy otherwise, threads that spin while they wait cost up to ten times.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
torch = pytest.importorskip("torch")

FRAMES = 20
START = np.datetime64("2014-03-10T00:00", "m")


def write_minute(job: tuple[str, int]) -> None:
    """One minute of photon noise on gradients."""
    root, number = job
    rng = np.random.default_rng(number)
    row, column = np.mgrid[:256, :256] / 256.0
    sky = 3000 + 2500 * FRAME_DISC.mask((256, 256)) * (1 + 0.4 * np.sin(9 * row + number) * column)
    noise = rng.normal(0, 70, (FRAMES, 256, 256)).astype(np.float32)
    minute = START + number
    stamp = str(minute).translate(str.maketrans("T", "_", "-:"))
    path = Path(root) / str(minute)[:10].replace("-", "/") / f"ut{str(minute)[11:13]}"
    times = minute.astype("M8[us]") + (np.arange(FRAMES) * 3_000_000 + 60_000).astype("m8[us]")
    write_pgm(
        path / f"{stamp}_gill_themis19_full.pgm.gz",
        (sky + noise).astype(np.uint16),
        times,
        site="gill",
        simulated=True,
    )


def make_archive(root: Path, files: int) -> None:
    jobs = [(str(root), number) for number in range(files)]
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        list(pool.map(write_minute, jobs, chunksize=4))


def make_model(path: Path, size: int, architecture: str = "resnet18") -> Path:
    """A classifier that learnt nothing: it costs what a trained one costs."""
    from classifier.checkpoint import Header, build_model, save_checkpoint

    torch.manual_seed(0)
    header = Header(
        "classifier",
        architecture,
        size,
        "nothing",
        simulated=False,
        classes=CLASSES,
        head="two-layer",
    )
    return save_checkpoint(path, build_model(header), header)


class PlainFrames(torch.utils.data.IterableDataset):
    """Frames of PGM files as one would read them, stretched and resized one by one."""

    def __init__(self, paths: list[Path], size: int, *, ours: bool = False) -> None:
        self.paths, self.size, self.ours = paths, size, ours

    def __iter__(self):
        torch.set_num_threads(1)
        worker = torch.utils.data.get_worker_info()
        share = slice(worker.id, None, worker.num_workers) if worker else slice(None)
        for path in self.paths[share]:
            if self.ours:
                from classifier.frames import read_frames

                yield from torch.from_numpy(read_frames(path).images)
            else:
                yield from self.stretched(gzip.decompress(path.read_bytes()))

    def stretched(self, data: bytes):
        at, inside, box = 0, FRAME_DISC.mask((256, 256)), FRAME_DISC.box
        while at < len(data):
            at = re.compile(rb"\n256 256\n65535\n").search(data, at).end()
            frame = np.frombuffer(data, ">u2", 65_536, at).reshape(256, 256).astype(np.float32)
            at += 131_072
            low, high = np.percentile(frame[inside], (1, 99))
            frame = np.clip((frame - low) / (high - low), 0, 1) * inside
            square = torch.from_numpy(frame[box][:, ::-1].astype(np.float32))[None, None]
            yield torch.nn.functional.interpolate(
                square, size=(self.size, self.size), mode="bilinear", antialias=True
            )[0]


#: Called with the number of frames that are done.
Tick = Callable[[int], None]


def plain_network(model: Any) -> Any:
    """The network of a loaded model as one would build it, with weights that cost the same."""
    from classifier.checkpoint import build_model

    return build_model(model.header).to(model.device)


def plain_loop(
    paths: list[Path], model: Any, workers: int, batch: int, tick: Tick, *, ours: bool
) -> None:
    dataset = PlainFrames(paths, model.header.size, ours=ours)
    loader = torch.utils.data.DataLoader(
        dataset,
        batch_size=batch,
        num_workers=workers,
        pin_memory=model.device.type == "cuda",
        multiprocessing_context="spawn" if workers else None,
    )
    network = plain_network(model)
    done = 0
    for frames in loader:
        done += len(frames)
        if ours:
            model.probabilities(frames.numpy()).argmax(1)
        else:
            with (
                torch.inference_mode(),
                torch.autocast("cuda", torch.bfloat16, enabled=model.device.type == "cuda"),
            ):
                logits = network(frames.to(model.device, non_blocking=True)).float()
            (logits / model.header.temperature).softmax(1).argmax(1).cpu().numpy()
        tick(done)


def decode(paths: list[Path], workers: int, tick: Tick) -> None:
    done = 0
    for piece in read_ahead(paths, workers):
        done += len(piece.images)
        tick(done)


def run_model(frames: np.ndarray, model: Any, times: int, tick: Tick) -> None:
    before = torch.get_num_threads()
    cores = {"initializer": lambda: torch.set_num_threads(1)} if model.lanes > 1 else {}
    with ThreadPoolExecutor(model.lanes, **cores) as pool:
        running = [pool.submit(model.probabilities, frames) for _ in range(times)]
        for number, _ in enumerate(as_completed(running), start=1):
            tick(number * len(frames))
    torch.set_num_threads(before)


def label(root: Path, model: Any, workers: int, batch: int, tick: Tick) -> None:
    with tempfile.TemporaryDirectory() as store:
        label_archive(
            root,
            store,
            model=model,
            workers=workers,
            batch=batch,
            progress=lambda progress: tick(progress.frames) if progress.files else None,
        )


def steady_rate(work: Callable[[Tick], None]) -> float:
    """Frames per second from the first result to the last but one."""
    ticks: list[tuple[float, int]] = []
    work(lambda done: ticks.append((time.perf_counter(), done)))
    (first, before), (last, after) = ticks[0], ticks[-2]
    return (after - before) / (last - first)


@pytest.mark.parametrize("work", ["label", "plain loop"])
def test_label_benchmark(benchmark, tmp_path: Path, work: str) -> None:
    pytest.importorskip("safetensors")
    from classifier.checkpoint import load_model

    for number in range(2):
        write_minute((str(tmp_path / "a"), number))
    model = load_model(make_model(tmp_path / "m.safetensors", 64, "resnet10"), "cpu")
    paths = sorted((tmp_path / "a").rglob("*.gz"))
    done: list[int] = []
    contenders = {
        "label": lambda: label(tmp_path / "a", model, 0, 32, done.append),
        "plain loop": lambda: plain_loop(paths, model, 0, 32, done.append, ours=False),
    }
    benchmark(contenders[work])
    assert done[-1] == 2 * FRAMES


def compare(root: Path, model: Any, options: argparse.Namespace) -> str:
    paths = sorted(root.rglob("*.gz"))
    workers, batch = options.workers, options.batch
    frames = np.random.default_rng(0).integers(2000, 9000, (batch, 256, 256), np.uint16)
    if model.device.type == "cuda":
        pinned = torch.empty(frames.shape, dtype=torch.uint16, pin_memory=True).numpy()
        pinned[:] = frames
        frames = pinned
    work = {
        "decode": lambda tick: decode(paths, workers, tick),
        "model": lambda tick: run_model(frames, model, max(4, len(paths) * FRAMES // batch), tick),
        "label": lambda tick: label(root, model, workers, batch, tick),
        "plain loop": lambda tick: plain_loop(paths, model, workers, batch, tick, ours=False),
        "plain, our rooms": lambda tick: plain_loop(paths, model, workers, batch, tick, ours=True),
    }
    if options.no_plain:
        work = {name: each for name, each in work.items() if not name.startswith("plain")}
    # What is imported and compiled at first use is in none of the rates.
    run_model(frames, model, 2, lambda _: None)
    with tempfile.TemporaryDirectory() as few:
        make_archive(Path(few), 2)
        label(Path(few), model, 0, batch, lambda _: None)
    rates: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(options.rounds):
        for name, each in work.items():
            rates[name].append(steady_rate(each))
    lines = [
        f"{torch.__version__}, {os.cpu_count()} cores, {model.device}"
        + (f" ({torch.cuda.get_device_name()})" if model.device.type == "cuda" else "")
        + f", {model.header.architecture} at {model.header.size} px, bf16 {model.bf16}, "
        f"{workers} workers, batch {batch}, {len(paths) * FRAMES} frames",
        "| work | frames/s, median (range) | label against it: median (range) |",
        "|---|---|---|",
    ]
    for name, found in rates.items():
        ratios = [a / b for a, b in zip(rates["label"], found, strict=True)]
        lines.append(
            f"| {name} | {statistics.median(found):,.0f} ({min(found):,.0f}-{max(found):,.0f}) | "
            f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}) |"
        )
    slower = [min(a, b) for a, b in zip(rates["decode"], rates["model"], strict=True)]
    ratios = [a / b for a, b in zip(rates["label"], slower, strict=True)]
    lines.append(f"label against min(decode, model): {statistics.median(ratios):.2f}")
    return "\n".join(lines)


def main() -> None:
    from classifier.checkpoint import load_model

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, nargs="+", default=[1])
    parser.add_argument("--files", type=int, default=64)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--architecture", default="resnet18")
    parser.add_argument("--model", type=Path, help="in place of one that learnt nothing")
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "bf16"))
    parser.add_argument("--no-plain", action="store_true", help="leave out the plain loops")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to write the files, such as /dev/shm")
    options = parser.parse_args()
    cuda = options.device.startswith("cuda")
    options.batch = options.batch or (512 if cuda else 32)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        root = Path(folder, "frames")
        begin = time.perf_counter()
        make_archive(root, options.files)
        took = time.perf_counter() - begin
        size = sum(path.stat().st_size for path in root.rglob("*.gz")) / 1e3
        frames = options.files * FRAMES
        print(f"{frames} frames of {size / frames:.0f} kB written in {took:.0f} s", flush=True)
        path = options.model or make_model(
            Path(folder, "m.safetensors"), options.size, options.architecture
        )
        bf16 = {"auto": cuda, "fp32": False, "bf16": True}[options.precision]
        model = load_model(path, options.device, bf16=bf16)
        model = replace(model, batch=options.batch)
        for workers in options.workers:
            print(compare(root, model, argparse.Namespace(**vars(options) | {"workers": workers})))


if __name__ == "__main__":
    main()
