"""An encoder brought nearer to pictures of another kind, without their labels.

Two ways are here. :func:`renormalised` changes the statistics of batch normalisation alone, in
seconds: each layer is told mean and variance of the new pictures (AdaBN), or a mixture of them and
those that it had, as befits few pictures. :func:`pretrained_further` trains all weights for some
more epochs of contrastive learning, on pictures that may be of both kinds.

Neither knows what the pictures show. If the new ones are of one scene, or of one class, what
is taken for their style is that scene: an encoder that is told so of a cloudy night may call a
clear one strange. Whether labels become better has to be measured on labelled pictures.

References
----------
- Li et al. 2017, Revisiting Batch Normalization For Practical Domain Adaptation, arXiv 1603.04779.
- Schneider et al. 2020, Improving robustness against common corruptions by covariate shift
  adaptation, arXiv 2006.16971 (the mixture).
"""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn

from auroral_stats.errors import DataError, UsageError
from classifier.contrastive_step import (
    contrastive_gradients,
    contrastive_model,
    near,
    picture_order,
    views_of_step,
)
from classifier.model import find_device
from classifier.optimisers import trained_by
from classifier.ranks import Ranks
from classifier.training_plan import TrainingPlan

__all__ = ["pretrained_further", "renormalised"]


def renormalised(encoder: nn.Module, images: Tensor, share: float = 1.0) -> nn.Module:
    r"""Return an encoder whose batch normalisation knows other pictures.

    Parameters
    ----------
    encoder : Module
        Stays as it is.
    images : Tensor of uint8, (n, 1, size, size)
        Of the new kind. They go through at once, with some 5 MB each at 128 pixels, so a few
        hundred will do; near copies count as often as they are there.
    share : float
        Weight :math:`w` of the new statistics, [0, 1]:

        .. math::

            \mu = (1 - w)\,\mu_\mathrm{old} + w\,\mu_\mathrm{new},\quad
            \sigma^2 = (1 - w)\,\sigma^2_\mathrm{old} + w\,\sigma^2_\mathrm{new},

        layer by layer, where a layer sees what the layers before it now give.

    Returns
    -------
    Module
        In evaluation mode.

    Raises
    ------
    UsageError
        If the share is another, there are no pictures, or nothing in the encoder is normalised so.

    Examples
    --------
    >>> from classifier.model import encoder
    >>> f, images = encoder("resnet10"), torch.randint(0, 256, (8, 1, 48, 48), dtype=torch.uint8)
    >>> g = renormalised(f, images)
    >>> bool(f.bn1.running_mean.any()), bool(g.bn1.running_mean.any())
    (False, True)
    """
    if not 0 <= share <= 1:
        raise UsageError(f"share: {share} came, expected 0 to 1.")
    if not len(images):
        raise UsageError("images: none came; statistics need one picture or more.")
    adapted = copy.deepcopy(encoder).eval()
    layers = [layer for layer in adapted.modules() if isinstance(layer, nn.BatchNorm2d)]
    if not layers:
        raise UsageError("encoder: it has no batch normalisation, so there is nothing to change.")

    def mix(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        variance, mean = torch.var_mean(inputs[0], dim=(0, 2, 3))
        layer.running_mean.lerp_(mean, share)
        layer.running_var.lerp_(variance, share)

    hooks = [layer.register_forward_pre_hook(mix) for layer in layers]
    device = next(adapted.parameters()).device
    with torch.no_grad():
        adapted(images.to(device).float() / 255)
    for hook in hooks:
        hook.remove()
    return adapted


def pretrained_further(
    encoder: nn.Module,
    images: Tensor,
    plan: TrainingPlan,
    *,
    device: str | torch.device = "auto",
    projection_epochs: int = 1,
) -> tuple[nn.Module, tuple[float, ...]]:
    """Go on with the contrastive training of an encoder, on other pictures.

    Parameters
    ----------
    encoder : Module
        Of the architecture of the plan; it stays as it is.
    images : Tensor of uint8, (n, 1, size, size)
    plan : TrainingPlan
        Its seed decides order and views.
    device : str or torch.device
    projection_epochs : int
        First epochs in which the encoder is held fast. Its projection head was not kept, and the
        gradients of one that is new would spoil it (as a new head of classes would).

    Returns
    -------
    encoder : Module
        On the device, in evaluation mode.
    losses : tuple of float
        Mean of each epoch.

    Raises
    ------
    UsageError
        If the pictures do not fill a batch, or ``projection_epochs`` leaves no epoch.
    DataError
        If the loss grows beyond all numbers.

    Examples
    --------
    >>> from classifier.model import encoder
    >>> plan = TrainingPlan("resnet10", size=32, epochs=2, batch=4)
    >>> images = torch.randint(0, 256, (8, 1, 32, 32), dtype=torch.uint8)
    >>> f, losses = pretrained_further(encoder("resnet10"), images, plan, device="cpu")
    >>> len(losses), f.training
    (2, False)
    """
    if not 0 <= projection_epochs < plan.epochs:
        raise UsageError(
            f"projection_epochs: {projection_epochs} came, expected 0 or more and fewer than the "
            f"{plan.epochs} epochs of the plan."
        )
    per_epoch = plan.steps_per_epoch(len(images))
    place = find_device(device)
    ranks = Ranks(0, 1, place)
    model: Any = contrastive_model(plan, place).train()
    model.encoder.load_state_dict(encoder.state_dict())
    optimiser = trained_by(
        plan.optimiser, model.parameters(), plan.learning_rate, plan.weight_decay
    )
    pictures = near(images, place)
    losses = []
    for epoch in range(plan.epochs):
        free = epoch >= projection_epochs
        model.encoder.requires_grad_(free).train(free)
        order = picture_order(len(images), plan, epoch)
        total = 0.0
        for within in range(per_epoch):
            step = epoch * per_epoch + within
            for group in optimiser.param_groups:
                group["lr"] = plan.rate(step, per_epoch)
            index = order[within * plan.batch : (within + 1) * plan.batch]
            views = views_of_step(pictures, index, plan, step, ranks)
            optimiser.zero_grad(set_to_none=True)
            total += float(contrastive_gradients(model, views, plan, ranks))
            optimiser.step()
        losses.append(total / per_epoch)
        if not math.isfinite(total):
            raise DataError(
                f"the loss has grown beyond all numbers in epoch {epoch + 1}; train with a lower "
                "learning rate, or without bf16."
            )
    return model.encoder.requires_grad_(True).eval(), tuple(losses)
