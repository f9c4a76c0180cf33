"""One step of contrastive training: which pictures, their views, the loss and its gradients.

All of it follows from the plan, the number of the step and the weights.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from classifier.contrastive import accumulate_gradients, nt_xent
from classifier.model import ProjectionHead, encoder, feature_count, seeded
from classifier.ranks import Ranks
from classifier.training_plan import TrainingPlan
from classifier.views import draw_views, make_views

__all__ = [
    "contrastive_gradients",
    "contrastive_model",
    "near",
    "picture_order",
    "views_of_step",
]

#: A pause in the numbers of seeds, so that epochs and steps of two seeds never share one.
_STREAM = 1_000_003


def contrastive_model(plan: TrainingPlan, device: torch.device | str = "cpu") -> nn.Module:
    """Return z = g(f(x)), drawn by the seed of the plan: what is trained.

    Parameters
    ----------
    plan : TrainingPlan
    device : torch.device or str

    Returns
    -------
    Module
        With ``encoder`` and ``projection``. Takes views (n, 1, s, s), gives z (n, 128).

    Examples
    --------
    >>> model = contrastive_model(TrainingPlan(architecture="resnet10"))
    >>> model(torch.rand(4, 1, 48, 48)).shape
    torch.Size([4, 128])
    """
    with seeded(plan.seed):
        model = _Contrastive(
            encoder(plan.architecture),
            ProjectionHead(feature_count(plan.architecture)),
            bf16=plan.bf16,
        )
    model = model.to(device)
    return model.to(memory_format=torch.channels_last) if plan.channels_last else model


class _Contrastive(nn.Module):  # type: ignore[misc]
    def __init__(self, encoder: nn.Module, projection: nn.Module, *, bf16: bool) -> None:
        super().__init__()
        self.encoder, self.projection, self.bf16 = encoder, projection, bf16

    def forward(self, views: Tensor) -> Tensor:
        with torch.autocast(views.device.type, torch.bfloat16, enabled=self.bf16):
            z: Tensor = self.projection(self.encoder(views))
            return z


def picture_order(n: int, plan: TrainingPlan, epoch: int) -> Tensor:
    """Return the order of the pictures in an epoch, (n,)."""
    generator = torch.Generator().manual_seed(plan.seed * _STREAM + 2 * epoch)
    return torch.randperm(n, generator=generator)


def views_of_step(
    pictures: Tensor, index: Tensor, plan: TrainingPlan, step: int, ranks: Ranks
) -> Tensor:
    """Return the views of the pictures of this process in a step, (2, m, 1, s, s)."""
    n = len(index)
    generator = torch.Generator().manual_seed(plan.seed * _STREAM + 2 * step + 1)
    # drawn for all processes, so that their number does not change the views
    drawn = draw_views(2 * n, plan.augmentations, generator)
    own = torch.arange(ranks.rank * (n // ranks.count), (ranks.rank + 1) * (n // ranks.count))
    chosen = pictures[index[own].to(pictures.device)].to(ranks.device, non_blocking=True)
    noise = None
    if plan.augmentations.noise:
        noise = torch.Generator(ranks.device)
        noise.manual_seed(((plan.seed * _STREAM + step) * _STREAM + ranks.rank) % 2**63)
    views = make_views(
        torch.cat([chosen, chosen]),
        drawn.take(torch.cat([own, own + n])),
        plan.augmentations,
        plan.views_of,
        noise=noise,
    )
    return views.unflatten(0, (2, -1))


def contrastive_gradients(
    model: nn.Module, views: Tensor, plan: TrainingPlan, ranks: Ranks
) -> Tensor:
    """Add the gradients of the loss of these views, and return the loss."""

    def loss(z: Tensor) -> Tensor:
        return nt_xent(z, plan.temperature, group=ranks.group)

    memory = torch.channels_last if plan.channels_last else torch.contiguous_format
    parts = [
        part.flatten(0, 1).contiguous(memory_format=memory)
        for part in views.chunk(plan.accumulate, dim=1)
    ]
    if len(parts) == 1:
        value = loss(model(parts[0]))
        value.backward()
        return value.detach()
    if ranks.group is None:
        return accumulate_gradients(model, parts, loss)
    # gradients are exchanged with the last part alone
    model.require_backward_grad_sync = False

    def exchange() -> None:
        model.require_backward_grad_sync = True

    return accumulate_gradients(model, parts, loss, last=exchange)


def near(pictures: Tensor, device: torch.device) -> Tensor:
    """Return pictures on the device if they leave room enough there, else where they are."""
    if device.type == "cuda" and pictures.nbytes > 0.3 * torch.cuda.mem_get_info(device)[0]:
        return pictures.pin_memory()
    return pictures.to(device)
