r"""The contrastive loss: normalised temperature-scaled cross-entropy over a batch of pairs.

For views i and j of one picture, among the 2N views of N pictures (equation 2 of Johnson et al.
2021),

.. math::

    \ell(i, j) = -\log \frac{\exp(\mathrm{sim}(z_i, z_j) / \tau)}
                            {\sum_{k \ne i} \exp(\mathrm{sim}(z_i, z_k) / \tau)}, \qquad
    \mathrm{sim}(x, y) = \frac{x^T y}{\lVert x \rVert \lVert y \rVert}

and the loss is the mean over all 2N views (equation 3). Two things go beyond the paper, and neither
changes the loss: pictures may be spread over processes, and a batch may be larger than what fits
into memory at once.

References
----------
- Johnson et al. 2021, A Contrastive Learning Approach to Auroral Identification and
  Classification, section III-B.
- Gao et al. 2021, Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup
  (:func:`accumulate_gradients`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["accumulate_gradients", "gather", "nt_xent"]


def nt_xent(z: Tensor, temperature: float = 0.5, *, group: Any = None) -> Tensor:
    """Return the contrastive loss of a batch.

    Parameters
    ----------
    z : Tensor, (2n, d)
        Projected views: rows i and i + n are the two views of picture i.
    temperature : float
        tau.
    group : torch.distributed.ProcessGroup, optional
        Where the pictures are spread over processes, each with as many: the views of all of them
        are the negatives. What comes back is the mean over the views of this process; the mean of
        that over the processes is the loss of the whole, and the gradients that
        ``DistributedDataParallel`` averages are those of the whole. ``dist.group.WORLD`` for all.

    Returns
    -------
    Tensor
        Scalar, float32 (float64 for float64).

    Notes
    -----
    Similarities are computed in float32 under autocast, too: in bfloat16 they would be rounded to
    some 0.004.

    Examples
    --------
    Two pictures whose views agree, each at right angles to the other: -log(e^2 / (e^2 + 2)).

    >>> z = torch.tensor([[1.0, 0.0], [0.0, 1.0], [3.0, 0.0], [0.0, 0.1]])
    >>> round(float(nt_xent(z)), 6)
    0.239545
    """
    with torch.autocast(z.device.type, enabled=False):
        unit = F.normalize(z if z.dtype == torch.float64 else z.float(), dim=1)  # (2n, d)
        everyone = unit if group is None else gather(unit, group)  # (2n * ranks, d)
        first = 0 if group is None else dist.get_rank(group) * len(unit)
        similarity = unit @ everyone.T / temperature  # (2n, 2n * ranks)
        # exp(-inf) = 0: a view is no negative of itself
        similarity.diagonal(offset=first).fill_(float("-inf"))
        # column of the other view of the same picture, (2n,)
        partner = torch.arange(len(unit), device=z.device).roll(len(unit) // 2) + first
        return F.cross_entropy(similarity, partner)


def gather(z: Tensor, group: Any) -> Tensor:
    """Return the rows of all processes, in order of rank, with gradients to all of them.

    Parameters
    ----------
    z : Tensor, (m, d)
        As many rows in every process.
    group : torch.distributed.ProcessGroup

    Returns
    -------
    Tensor, (m * ranks, d)
    """
    rows: Tensor = _Gather.apply(z, group)
    return rows


class _Gather(torch.autograd.Function):  # type: ignore[misc]
    """``all_gather`` whose gradient is the sum of what all processes say about one's own rows."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, group: Any) -> Tensor:
        ctx.group, ctx.rows = group, len(z)
        parts = [torch.empty_like(z) for _ in range(dist.get_world_size(group))]
        dist.all_gather(parts, z.contiguous(), group=group)
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total, group=ctx.group)
        first = dist.get_rank(ctx.group) * ctx.rows
        return total[first : first + ctx.rows], None


def accumulate_gradients(
    model: nn.Module,
    parts: Sequence[Tensor],
    loss: Callable[[Tensor], Tensor],
    *,
    last: Callable[[], Any] | None = None,
) -> Tensor:
    """Add to the gradients of a loss over a whole batch, with a part of it in memory at a time.

    Contrastive losses do not add up over parts of a batch: the negatives of a view are all others.
    So all parts go through the model once without gradients, the loss of the whole is
    differentiated by z, and each part goes through again to carry its share of that back (Gao et
    al. 2021). That costs one more pass forward. Batch normalisation sees one part at a time, as it
    does wherever gradients are accumulated; its running statistics move once.

    Parameters
    ----------
    model : Module
        Gives z (m, d) for views (m, 1, s, s).
    parts : sequence of Tensor
        The views, each (2m, 1, s, s): rows i and i + m are two views of one picture.
    loss : callable
        Takes z of all parts, (2n, d), rows i and i + n from one picture.
    last : callable, optional
        Called before the last part is carried back, such as to let gradients be exchanged.

    Returns
    -------
    Tensor
        The loss, detached.

    Examples
    --------
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    >>> views = torch.rand(2, 8, 1, 2, 2)
    >>> parts = [views[:, :4].flatten(0, 1), views[:, 4:].flatten(0, 1)]
    >>> whole = nt_xent(model(views.flatten(0, 1)))
    >>> bool(torch.isclose(accumulate_gradients(model, parts, nt_xent), whole))
    True
    """
    with torch.no_grad(), _running_statistics_held(model):
        projected = [model(part) for part in parts]
    # (2m, d) of each part to (2, n, d) of all
    z = torch.cat([each.unflatten(0, (2, -1)) for each in projected], dim=1)
    z = z.flatten(0, 1).float().requires_grad_()
    value = loss(z)
    value.backward()
    shares = z.grad.unflatten(0, (2, -1)).split([len(part) // 2 for part in parts], dim=1)
    for number, (part, share) in enumerate(zip(parts, shares, strict=True), start=1):
        if number == len(parts) and last is not None:
            last()
        again = model(part)
        again.backward(share.flatten(0, 1).to(again.dtype))
    return value.detach()


@contextmanager
def _running_statistics_held(model: nn.Module) -> Iterator[None]:
    norms = [
        module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)
    ]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
