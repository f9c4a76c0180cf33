"""What moves the weights: Adam, AdamW and LARS by one name and one call."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from auroral_stats.errors import UsageError

__all__ = ["OPTIMISERS", "Lars", "optimiser_state", "restore_optimiser", "trained_by"]

#: Names of the optimisers.
OPTIMISERS = ("adam", "adamw", "lars")


def trained_by(
    name: str, weights: Iterable[Tensor], learning_rate: float, weight_decay: float = 0.0
) -> torch.optim.Optimizer:
    """Return an optimiser of these weights.

    Parameters
    ----------
    name : {"adam", "adamw", "lars"}
        ``adam`` adds the weight decay to the gradient, ``adamw`` takes it from the weights.
    weights : iterable of Tensor
    learning_rate, weight_decay : float

    Returns
    -------
    torch.optim.Optimizer

    Raises
    ------
    UsageError
        If the name is unknown.

    Examples
    --------
    >>> w = torch.nn.Parameter(torch.ones(2, 2))
    >>> type(trained_by("adam", [w], 3e-4)).__name__
    'Adam'
    """
    weights = list(weights)
    if name == "lars":
        return Lars(weights, lr=learning_rate, weight_decay=weight_decay)
    if name not in OPTIMISERS:
        raise UsageError(f"optimiser {name!r} is not known; known are {', '.join(OPTIMISERS)}.")
    make = torch.optim.Adam if name == "adam" else torch.optim.AdamW
    # all weights in one pass over memory, where the device has it
    fused = all(weight.device.type in {"cpu", "cuda"} for weight in weights)
    return make(weights, lr=learning_rate, weight_decay=weight_decay, fused=fused)


class Lars(torch.optim.Optimizer):  # type: ignore[misc]
    r"""Layer-wise adaptive rates (You et al. 2017), as SimCLR uses them for large batches.

    Each matrix moves by a share of its own norm:

    .. math::

        u = g + \lambda w, \qquad
        v \leftarrow \mu v + \eta \frac{\lVert w \rVert}{\lVert u \rVert} u, \qquad
        w \leftarrow w - \mathrm{lr}\, v

    Biases and the weights of normalisation, which have one dimension, take plain momentum without
    decay.

    Parameters
    ----------
    weights : iterable of Tensor
    lr : float
        Chen et al. 2020 take 0.3 x batch / 256.
    weight_decay : float
        lambda.
    momentum : float
        mu.
    trust : float
        eta.
    """

    def __init__(
        self,
        weights: Iterable[Tensor],
        lr: float,
        weight_decay: float = 0.0,
        momentum: float = 0.9,
        trust: float = 1e-3,
    ) -> None:
        defaults = {"lr": lr, "weight_decay": weight_decay, "momentum": momentum, "trust": trust}
        super().__init__(weights, defaults)

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move the weights once."""
        value = None if closure is None else closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                update = weight.grad
                if weight.ndim > 1:
                    update = update.add(weight, alpha=group["weight_decay"])
                    size, change = weight.norm(), update.norm()
                    ratio = group["trust"] * size / change
                    # a weight or a gradient of zero has no scale of its own
                    update = update * torch.where((size > 0) & (change > 0), ratio, 1.0)
                state = self.state[weight]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(weight)
                state["momentum"].mul_(group["momentum"]).add_(update)
                weight.sub_(state["momentum"], alpha=group["lr"])
        return value


def optimiser_state(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return what an optimiser remembers, by number of weight and name.

    Examples
    --------
    >>> w = torch.nn.Parameter(torch.ones(2))
    >>> w.grad = torch.ones(2)
    >>> adam = trained_by("adam", [w], 0.1)
    >>> adam.step()
    >>> sorted(optimiser_state(adam))
    ['0.exp_avg', '0.exp_avg_sq', '0.step']
    """
    return {
        f"{number}.{name}": value
        for number, state in optimiser.state_dict()["state"].items()
        for name, value in state.items()
    }


def restore_optimiser(optimiser: torch.optim.Optimizer, state: dict[str, Tensor]) -> None:
    """Let an optimiser remember what :func:`optimiser_state` gave; its rates stay as they are."""
    weights = [weight for group in optimiser.param_groups for weight in group["params"]]
    found: dict[int, dict[str, Tensor]] = {}
    for key, value in state.items():
        number, name = key.split(".", 1)
        weight = weights[int(number)]
        if value.shape == weight.shape:
            # in the order of memory of the weight, which one pass over both needs
            value = torch.empty_like(weight).copy_(value)  # noqa: PLW2901
        found.setdefault(int(number), {})[name] = value
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": found, "param_groups": groups})
