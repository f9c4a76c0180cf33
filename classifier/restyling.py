"""Pictures as another camera on another night might have taken them: random styles of known extent.

A classifier that was trained on one kind of picture leans on what that kind has in common. Where
it is trained on pictures of many styles, what they have in common is the sky (domain randomisation,
Tobin et al. 2017, arXiv 1703.06907).

The changes are made in the order in which light would meet them: haze adds a glow that is brighter
to one side, the optics lose light towards the horizon, the tone curve bends, focus softens, noise
comes in. Then black and white are set to where they were, as every recipe sets them anew for each
frame; only what this leaves is a style. Contrast changes last, since that step would undo it: it
stands for frames in which the Moon or a lamp has taken the white.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from auroral_stats.errors import UsageError
from classifier.percentiles import percentile_pair_on_device
from classifier.views import Augmentations, draw_views, make_views

__all__ = ["Restyling", "restyle"]

#: Percentiles of the disc that keep their values, as in the recipe of the papers.
_KEPT = (1.0, 99.0)
_BLOCK = 256  # pictures at once


@dataclass(frozen=True)
class Restyling:
    """How far styles may go; amounts are drawn uniformly for each picture, and 0 turns one off.

    Attributes
    ----------
    haze : float
        Largest glow that is added, on the scale from black 0 to white 1; up to all of it is a
        gradient across the picture, in any direction.
    vignetting : float
        Largest share of the light that is lost at the edge of the disc, [0, 1); it grows with the
        square of the distance from the centre.
    gamma : float
        Pixels are raised to a power of exp(-g) to exp(g).
    blur : float
        Largest standard deviation of a Gaussian blur, in sides of the picture.
    noise : float
        Largest standard deviation of noise in a pixel.
    contrast : float
        Distances from the mean of the disc are multiplied by 1 - c to 1 + c, [0, 1).

    Raises
    ------
    UsageError
        If a number cannot be used.

    Examples
    --------
    >>> Restyling().vignetting
    0.5
    """

    haze: float = 0.5
    vignetting: float = 0.5
    gamma: float = 0.5
    blur: float = 0.015
    noise: float = 0.03
    contrast: float = 0.4

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            most = 1.0 if field.name in {"vignetting", "contrast"} else math.inf
            if not 0.0 <= value < most:
                raise UsageError(
                    f"{field.name}: {value} came; expected 0 or more"
                    f"{', and less than 1' if most == 1.0 else ''}."
                )
        _as_views(self)  # which checks the rest


def restyle(
    images: Tensor, generator: torch.Generator, restyling: Restyling | None = None
) -> Tensor:
    """Return pictures in a style of its own each.

    Parameters
    ----------
    images : Tensor of uint8, (n, 1, size, size)
        Made ready by a recipe that crops to a disc, such as those of
        :mod:`classifier.training_images`; on the CPU.
    generator : torch.Generator
        On the CPU. What it has drawn before decides the styles.
    restyling : Restyling, optional

    Returns
    -------
    Tensor of uint8, (n, 1, size, size)
        The 1st and 99th percentile of the disc are those of the pictures before, but for a change
        of contrast. Outside the disc it is 0.

    Examples
    --------
    >>> images = torch.randint(0, 256, (4, 1, 64, 64), dtype=torch.uint8)
    >>> restyle(images, torch.Generator().manual_seed(0)).shape
    torch.Size([4, 1, 64, 64])
    """
    how = Restyling() if restyling is None else restyling
    parts = [_restyled(part, generator, how) for part in images.split(_BLOCK)]
    return torch.cat(parts) if parts else images


def _restyled(images: Tensor, generator: torch.Generator, how: Restyling) -> Tensor:
    n, size = len(images), int(images.shape[-1])
    place = (torch.arange(size) + 0.5) * 2 / size - 1  # -1 to 1
    radius = torch.hypot(place[:, None], place[None, :])
    disc = radius <= 1
    before = images[:, 0].float() / 255
    sky = disc | (before > 0)  # its edge runs through pixels
    amount, share, angle, lost, factor = torch.rand(5, n, 1, 1, generator=generator)

    direction = 2 * math.pi * angle
    slope = (direction.cos() * place[:, None] + direction.sin() * place[None, :]) / 2  # -1/2 to 1/2
    x = before + how.haze * amount * (1 - share / 2 + share * slope)
    x = x * (1 - how.vignetting * lost * radius.clamp(max=1) ** 2)
    changes = _as_views(how)
    drawn = draw_views(n, changes, generator)
    # the views are cut off at white, which haze has moved
    white = x.amax(dim=(1, 2), keepdim=True).clamp(min=1e-6)
    scaled = (torch.where(sky, x, 0.0) / white)[:, None]
    x = make_views(scaled, drawn, changes, size, noise=generator)[:, 0]

    low, high = _levels(x, disc)
    old_low, old_high = _levels(before, disc)
    x = old_low + (x - low) * (old_high - old_low) / (high - low).clamp(min=1e-6)
    x = x.clamp(0, 1)
    mean = x[:, disc].mean(dim=1)[:, None, None]
    x = mean + (x - mean) * (1 + how.contrast * (2 * factor - 1))
    x = torch.where(sky, x, 0.0).clamp(0, 1)
    return (x * 255).round_().to(torch.uint8)[:, None]


def _as_views(how: Restyling) -> Augmentations:
    """Return what :mod:`classifier.views` does of it, on the whole picture, not turned."""
    return Augmentations(
        scale=(1.0, 1.0),
        ratio=(1.0, 1.0),
        flip=0.0,
        gamma=how.gamma,
        blur=how.blur,
        noise=how.noise,
    )


def _levels(x: Tensor, disc: Tensor) -> tuple[Tensor, Tensor]:
    """Return black and white of each picture, (n, 1, 1)."""
    low, high = percentile_pair_on_device(x[:, disc], _KEPT)
    return low.float()[:, None, None], high.float()[:, None, None]
