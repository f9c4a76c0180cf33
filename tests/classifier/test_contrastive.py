import math
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

import torch.distributed as dist
from torch import nn

from classifier.contrastive import accumulate_gradients, nt_xent


def random(*shape: int, seed: int = 0) -> "torch.Tensor":
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def equation_2(z: list[list[float]], i: int, j: int, tau: float) -> float:
    """Loss of a positive pair, transcribed term by term; k runs over all 2N views but i."""

    def sim(x: list[float], y: list[float]) -> float:
        dot = sum(a * b for a, b in zip(x, y, strict=True))
        return dot / (math.hypot(*x) * math.hypot(*y))

    denominator = 0.0
    for k in range(len(z)):
        if k != i:
            denominator += math.exp(sim(z[k], z[i]) / tau)
    return -math.log(math.exp(sim(z[i], z[j]) / tau) / denominator)


def equation_3(first: "torch.Tensor", second: "torch.Tensor", tau: float) -> float:
    """Mean over pairs that stand beside each other, as in the paper: (1, 2), (3, 4) and on."""
    z = torch.stack([first, second], dim=1).flatten(0, 1).tolist()
    n = len(first)
    total = 0.0
    for k in range(1, n + 1):
        a, b = 2 * k - 2, 2 * k - 1
        total += equation_2(z, a, b, tau) + equation_2(z, b, a, tau)
    return total / (2 * n)


@pytest.mark.parametrize("tau", [0.05, 0.5, 3.0])
@pytest.mark.parametrize(("n", "d"), [(2, 3), (7, 16)])
def test_the_loss_is_that_of_equations_2_and_3(n: int, d: int, tau: float):
    first, second = random(n, d, seed=1), random(n, d, seed=2)
    loss = nt_xent(torch.cat([first, second]), tau)
    assert float(loss) == pytest.approx(equation_3(first, second, tau), rel=1e-12)


def test_the_gradient_is_that_of_the_loss():
    z = random(6, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda each: nt_xent(each, 0.3), z)


@pytest.mark.parametrize("tau", [0.1, 0.5])
def test_the_loss_and_its_gradient_are_those_of_lightly(tau: float):
    lightly = pytest.importorskip("lightly.loss", reason="lightly is not installed")
    ours, theirs = (random(64, 32).float().requires_grad_() for _ in range(2))
    loss = nt_xent(ours, tau)
    expected = lightly.NTXentLoss(temperature=tau)(theirs[:32], theirs[32:])
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-6)
    for value in (loss, expected):
        value.backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-7)


def test_the_loss_depends_on_directions_alone_and_not_on_the_order_of_pictures():
    z = random(10, 5)
    scaled = z * torch.rand(10, 1, dtype=torch.float64).add(0.1)
    torch.testing.assert_close(nt_xent(scaled), nt_xent(z))
    order = torch.randperm(5)
    torch.testing.assert_close(nt_xent(z.unflatten(0, (2, 5))[:, order].flatten(0, 1)), nt_xent(z))


def test_under_autocast_similarities_keep_single_precision():
    z = random(64, 32).float()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(nt_xent(z, 0.1), nt_xent(z, 0.1).float())
        within = nt_xent(z, 0.1)
    torch.testing.assert_close(within, nt_xent(z, 0.1), rtol=0, atol=0)


def plain_model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 8)).double()


def gradients(model: nn.Module) -> "torch.Tensor":
    return torch.cat([weight.grad.flatten() for weight in model.parameters()])


@pytest.mark.parametrize("parts", [1, 2, 3, 6])
def test_accumulated_gradients_are_those_of_the_whole_batch(parts: int):
    views = random(2, 12, 1, 8, 8)
    whole, split = plain_model(), plain_model()
    loss = nt_xent(whole(views.flatten(0, 1)), 0.2)
    loss.backward()
    chunks = [part.flatten(0, 1) for part in views.chunk(parts, dim=1)]
    # accumulated shares pass through single precision
    value = accumulate_gradients(split, chunks, lambda z: nt_xent(z, 0.2))
    torch.testing.assert_close(value.double(), loss.detach(), rtol=1e-6, atol=0)
    torch.testing.assert_close(gradients(split), gradients(whole), rtol=1e-4, atol=1e-8)


def test_the_loss_of_parts_is_not_that_of_the_whole():
    # why accumulation has to pass twice
    z = random(2, 12, 8)
    parts = [nt_xent(part.flatten(0, 1)) for part in z.chunk(2, dim=1)]
    assert abs(sum(parts) / 2 - nt_xent(z.flatten(0, 1))) > 0.1


def test_running_statistics_move_once_in_an_accumulated_step():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.LazyLinear(6))
    part = random(8, 1, 6, 6).float()
    model(part)
    expected = nn.Sequential(model[0], nn.BatchNorm2d(4))
    model[1].reset_running_stats()
    expected(part)
    accumulate_gradients(model, [part], nt_xent)
    torch.testing.assert_close(model[1].running_mean, expected[1].running_mean)
    assert model[1].momentum == 0.1


def on_rank(rank: int, folder: str) -> None:
    """What each of two processes does; this file runs itself for that."""
    torch.set_num_threads(1)
    store = dist.FileStore(f"{folder}/store", 2)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=2)
    views = random(2, 12, 1, 8, 8)[:, rank * 6 : (rank + 1) * 6]
    model = nn.parallel.DistributedDataParallel(plain_model())
    loss = nt_xent(model(views.flatten(0, 1)), 0.2, group=dist.group.WORLD)
    loss.backward()
    torch.save((loss.detach(), gradients(model.module)), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_have_the_loss_and_the_gradients_of_one(tmp_path: Path):
    command = [sys.executable, __file__, str(tmp_path)]
    running = [subprocess.Popen([*command, str(rank)]) for rank in range(2)]
    assert [process.wait(120) for process in running] == [0, 0]
    each = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    model = plain_model()
    loss = nt_xent(model(random(2, 12, 1, 8, 8).flatten(0, 1)), 0.2)
    loss.backward()
    torch.testing.assert_close((each[0][0] + each[1][0]) / 2, loss.detach())
    for _, gradient in each:
        torch.testing.assert_close(gradient, gradients(model), rtol=1e-9, atol=1e-12)


if __name__ == "__main__":
    on_rank(int(sys.argv[2]), sys.argv[1])
