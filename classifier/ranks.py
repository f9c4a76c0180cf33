"""Training in several processes: who takes part, and what they must agree on.

``torchrun --nproc-per-node N -m classifier pretrain ...`` starts N processes and tells each its
place by environment variables. Without it there is one process, and nothing here does anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from auroral_stats.errors import UsageError
from classifier.model import find_device

__all__ = ["Ranks", "joined_ranks", "spread"]


@dataclass(frozen=True)
class Ranks:
    """The place of this process among those that train together.

    Attributes
    ----------
    rank, count : int
    device : torch.device
    group : torch.distributed.ProcessGroup, optional
        None for a process of its own.
    """

    rank: int
    count: int
    device: torch.device
    group: Any = None

    def any(self, flag: bool) -> bool:
        """Return whether any process says so; all must ask."""
        if self.group is None:
            return flag
        flags = torch.tensor([float(flag)], device=self.device)
        dist.all_reduce(flags, group=self.group)
        return bool(flags.item() > 0)

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean over the processes; all must ask."""
        if self.group is None:
            return values
        total = values.to(self.device, copy=True)
        dist.all_reduce(total, group=self.group)
        return total / self.count


@contextmanager
def joined_ranks(device: str | torch.device = "auto") -> Iterator[Ranks]:
    """Join the other processes if ``torchrun`` started some, and leave them at the end.

    Parameters
    ----------
    device : str or torch.device
        As :func:`classifier.model.find_device` takes it; each process of a machine with GPUs takes
        its own.

    Yields
    ------
    Ranks

    Raises
    ------
    UsageError
        If the device is not there, or there are more processes than GPUs.

    Examples
    --------
    >>> with joined_ranks("cpu") as ranks:
    ...     ranks.rank, ranks.count
    (0, 1)
    """
    place = find_device(device)
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Ranks(0, 1, place)
        return
    if place.type == "cuda":
        local = int(os.environ.get("LOCAL_RANK", "0"))
        if local >= torch.cuda.device_count():
            raise UsageError(
                f"torchrun: process {local} of this machine finds {torch.cuda.device_count()} "
                "GPUs; start one process a GPU (--nproc-per-node)."
            )
        place = torch.device("cuda", local)
        torch.cuda.set_device(place)
    dist.init_process_group("nccl" if place.type == "cuda" else "gloo")
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size(), place, dist.group.WORLD)
    finally:
        dist.destroy_process_group()


def spread(model: nn.Module, ranks: Ranks) -> nn.Module:
    """Let a model be trained by all processes as one: gradients and batch statistics are common.

    Parameters
    ----------
    model : Module
        On the device of the process, with equal weights in all of them.
    ranks : Ranks

    Returns
    -------
    Module
        The model itself for a process of its own.
    """
    if ranks.group is None:
        return model
    if ranks.device.type == "cuda":
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model, ranks.group)
    else:
        _synchronise_batch_norm(model, ranks)
    ids = [ranks.device] if ranks.device.type == "cuda" else None
    # running statistics are equal already, for they come from the batch of all
    return nn.parallel.DistributedDataParallel(
        model, device_ids=ids, process_group=ranks.group, broadcast_buffers=False
    )


def _synchronise_batch_norm(model: nn.Module, ranks: Ranks) -> None:
    """Replace batch normalisation by one over all processes; torch has it for GPUs alone."""
    for name, child in model.named_children():
        if isinstance(child, nn.BatchNorm2d):
            common = _CommonBatchNorm(child.num_features, child.eps, child.momentum)
            common.load_state_dict(child.state_dict())
            common.ranks = ranks
            setattr(model, name, common)
        else:
            _synchronise_batch_norm(child, ranks)


class _CommonBatchNorm(nn.BatchNorm2d):  # type: ignore[misc]
    ranks: Ranks

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        x = x.float()
        # the processes have as many pictures each, so that their means have equal weight
        mean = _Mean.apply(x.mean(dim=(0, 2, 3)), self.ranks)
        centred = x - mean[:, None, None]
        variance = _Mean.apply(centred.square().mean(dim=(0, 2, 3)), self.ranks)
        with torch.no_grad():
            n = x.numel() / x.shape[1] * self.ranks.count
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * n / (n - 1), self.momentum)
            self.num_batches_tracked += 1
        scale = self.weight * (variance + self.eps).rsqrt()
        return centred * scale[:, None, None] + self.bias[:, None, None]


class _Mean(torch.autograd.Function):  # type: ignore[misc]
    """The mean over processes; its gradient is the mean of theirs."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, ranks: Ranks) -> Tensor:
        ctx.ranks = ranks
        return ranks.mean(values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return ctx.ranks.mean(gradients[0]), None
