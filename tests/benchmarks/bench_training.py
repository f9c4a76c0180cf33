"""A step of contrastive training, against the bare network and against lightly's way to the same.

``python tests/benchmarks/bench_training.py [--device cuda] [--size 128] [--bf16] [--channels-last]``
prints a table. All contenders train the same network by the same optimiser on as many views of the
same size and precision:

bare encoder
    forward and backward on views that are ready, and nothing else
our step
    ``classifier.contrastive_step``: choose pictures, make views, network, loss, optimiser
lightly
    its ``SimCLRTransform`` with the same two changes (crop and flip over the horizontal axis) in a
    ``DataLoader`` over pictures in memory, its ``NTXentLoss``, the same optimiser

They alternate round by round, so that ratios are between neighbours in time. On a GPU every
measurement waits for the device at its end. Pictures are random: the speed does not depend on them.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from classifier.contrastive_step import (
    contrastive_gradients,
    contrastive_model,
    near,
    picture_order,
    views_of_step,
)
from classifier.optimisers import trained_by
from classifier.ranks import Ranks
from classifier.training_plan import TrainingPlan

Work = Callable[[], None]


def some_pictures(n: int, size: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, 1, size, size), dtype=torch.uint8, generator=generator)


def bare_encoder(plan: TrainingPlan, device: torch.device, pictures: torch.Tensor) -> Work:
    encoder = contrastive_model(plan, device).train().encoder
    if plan.compile:
        encoder.compile()
    views = pictures[: plan.batch].repeat(2, 1, 1, 1)[..., : plan.views_of, : plan.views_of]
    memory = torch.channels_last if plan.channels_last else torch.contiguous_format
    views = (views.to(device).float() / 255).contiguous(memory_format=memory)

    def work() -> None:
        encoder.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=plan.bf16):
            h = encoder(views)
        h.float().square().mean().backward()

    return work


def our_step(plan: TrainingPlan, device: torch.device, pictures: torch.Tensor) -> Work:
    model = contrastive_model(plan, device).train()
    if plan.compile:
        model.compile()
    optimiser = trained_by(plan.optimiser, model.parameters(), plan.learning_rate)
    held, ranks, step = near(pictures, device), Ranks(0, 1, device), 0

    def work() -> None:
        nonlocal step
        index = picture_order(len(pictures), plan, step)[: plan.batch]
        views = views_of_step(held, index, plan, step, ranks)
        optimiser.zero_grad(set_to_none=True)
        contrastive_gradients(model, views, plan, ranks)
        optimiser.step()
        step += 1

    return work


def lightly_step(
    plan: TrainingPlan, device: torch.device, pictures: torch.Tensor, workers: int
) -> Work:
    os.environ["LIGHTLY_DID_VERSION_CHECK"] = "True"
    from lightly.loss import NTXentLoss
    from lightly.transforms import SimCLRTransform
    from PIL import Image

    transform = SimCLRTransform(
        input_size=plan.views_of, cj_prob=0.0, random_gray_scale=0.0, gaussian_blur=0.0,
        hf_prob=0.0, vf_prob=0.5, min_scale=0.08, normalize=None,
    )  # fmt: skip
    images = [Image.fromarray(picture[0].numpy()) for picture in pictures]

    class Pictures(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return len(images)

        def __getitem__(self, number: int) -> list[torch.Tensor]:
            return transform(images[number])

    loader = torch.utils.data.DataLoader(
        Pictures(), plan.batch, shuffle=True, drop_last=True, num_workers=workers,
        pin_memory=device.type == "cuda", persistent_workers=workers > 0,
    )  # fmt: skip

    def endless() -> Iterator[list[torch.Tensor]]:
        while True:
            yield from loader

    model = contrastive_model(plan, device).train()
    if plan.compile:
        model.compile()
    optimiser = trained_by(plan.optimiser, model.parameters(), plan.learning_rate)
    criterion, batches = NTXentLoss(temperature=plan.temperature), endless()
    memory = torch.channels_last if plan.channels_last else torch.contiguous_format

    def work() -> None:
        first, second = next(batches)
        views = torch.cat([first, second]).to(device, non_blocking=True)
        optimiser.zero_grad(set_to_none=True)
        z = model(views.contiguous(memory_format=memory)).float()
        criterion(z[: plan.batch], z[plan.batch :]).backward()
        optimiser.step()

    return work


SMALL = TrainingPlan(architecture="resnet10", size=32, batch=16)


@pytest.mark.parametrize("name", ["bare encoder", "our step"])
def test_training_benchmark(benchmark, name: str) -> None:
    device = torch.device("cpu")
    make = {"bare encoder": bare_encoder, "our step": our_step}[name]
    work = make(SMALL, device, some_pictures(64, SMALL.size))
    assert benchmark(work) is None


def test_views_cost_little_beside_the_network() -> None:
    # by CPU time, which other programs on the machine hardly change; the step is 1.1 to 1.2 at
    # this size, where the network is smallest beside all else
    device, plan = torch.device("cpu"), replace(SMALL, architecture="resnet18", batch=32)
    pictures = some_pictures(64, plan.size)
    ratios = []
    contenders = [make(plan, device, pictures) for make in (bare_encoder, our_step)]
    for _ in range(3):
        bare, ours = (measured(work, device, 1)[1] for work in contenders)
        ratios.append(ours / bare)
    assert min(ratios) < 1.6


def measured(work: Work, device: torch.device, steps: int) -> tuple[float, float]:
    """Return the seconds and CPU seconds of a step."""
    start, start_cpu = time.perf_counter(), time.process_time()
    for _ in range(steps):
        work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return (time.perf_counter() - start) / steps, (time.process_time() - start_cpu) / steps


def compare(
    plan: TrainingPlan, device: torch.device, *, rounds: int, steps: int, workers: int, number: int
) -> str:
    pictures = some_pictures(number, plan.size)
    contenders = {
        "bare encoder": bare_encoder(plan, device, pictures),
        "our step": our_step(plan, device, pictures),
    }
    try:
        contenders["lightly"] = lightly_step(plan, device, pictures, workers)
    except ImportError:
        print("lightly is not installed: left out")
    for work in contenders.values():
        measured(work, device, 3 if device.type == "cuda" else 1)
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, work in contenders.items():
            runs[name].append(measured(work, device, steps))
    bare = np.array(runs["bare encoder"])
    lines = ["| work | ms a step | pictures/s | against bare: wall (range) | by CPU time |"]
    lines += ["|---|---|---|---|---|"]
    for name, each in runs.items():
        ratio = np.array(each) / bare
        seconds = statistics.median(wall for wall, _ in each)
        lines.append(
            f"| {name} | {1e3 * seconds:.1f} | {plan.batch / seconds:.0f} | "
            f"{np.median(ratio[:, 0]):.3f} ({ratio[:, 0].min():.3f}-{ratio[:, 0].max():.3f}) | "
            f"{np.median(ratio[:, 1]):.3f} |"
        )
    if "lightly" in runs:
        gain = np.array(runs["lightly"]) / np.array(runs["our step"])
        lines.append(
            f"\nlightly / our step: {np.median(gain[:, 0]):.2f} by wall time, "
            f"{np.median(gain[:, 1]):.2f} by CPU time of the main process; {workers} workers"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--architecture", default="resnet18")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--pictures", type=int, default=1024)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--workers", type=int, default=0, help="of lightly's DataLoader")
    parser.add_argument("--threads", type=int, help="of torch on the CPU")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, help="a round; 1, or 30 on a GPU")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    plan = TrainingPlan(
        architecture=options.architecture, size=options.size, batch=options.batch,
        bf16=options.bf16, channels_last=options.channels_last, compile=options.compile,
    )  # fmt: skip
    what = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(
        f"{what}, torch {torch.__version__}, {torch.get_num_threads()} threads; "
        f"{plan.architecture}, {plan.size} px, batch {plan.batch}, "
        f"{'bf16' if plan.bf16 else 'float32'}"
        f"{', channels last' if plan.channels_last else ''}{', compiled' if plan.compile else ''}"
    )
    steps = options.steps or (30 if device.type == "cuda" else 1)
    print(
        compare(
            plan, device, rounds=options.rounds, steps=steps, workers=options.workers,
            number=options.pictures,
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
