"""Random views of pictures for contrastive learning: drawn for each picture, made in batches.

Johnson et al. 2021 use two changes alone, and so does the default here: a random resized crop, and
a flip over the horizontal axis, ``torch.flip(x, [-2])``, which keeps east and west. They state no
range for the crop; it is that of torchvision and SimCLR, 8 to 100 % of the area with sides 3:4 to
4:3. Everything else is off unless asked for.

Drawing and making are apart. :func:`draw_views` takes a few dozen random numbers a view from a
generator on the CPU, so that a seed gives the same views on every device; and always as many, so
that crops stay the same when another change is turned on. :func:`make_views` has nothing random in
it but pixel noise. A crop without rotation is one matrix product for the rows and one for the
columns, which takes integer pictures, resizes without aliasing, flips and scales in one go.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from auroral_stats.errors import UsageError

__all__ = ["Augmentations", "ViewNumbers", "draw_views", "make_views"]

_TRIES = 10  # as torchvision: boxes drawn until one fits, then the whole picture
_HARMONICS = 3  # of a random horizon
#: Uniform numbers a view: those of the crop, eight more, four of the erased box, the horizon.
_NUMBERS = 2 * _TRIES + 2 + 8 + 4 + 1 + 2 * _HARMONICS


@dataclass(frozen=True)
class Augmentations:
    """What may change between two views of a picture; the default is that of the paper.

    Amounts are drawn uniformly up to the number given; 0 turns a change off.

    Attributes
    ----------
    scale : tuple of float
        Least and largest share of the area that a crop takes, (0, 1].
    ratio : tuple of float
        Least and largest ratio of the width of a crop to its height; drawn uniformly in its
        logarithm.
    flip : float
        Probability of a flip over the horizontal axis (north to south).
    mirror : float
        Probability of a flip over the vertical axis (east to west), which the paper avoids.
    rotation : float
        Largest angle either way, deg; what turns in from outside is black.
    brightness : float
        Pixels are multiplied by 1 - b to 1 + b.
    contrast : float
        Distances from the mean of the view are multiplied by 1 - c to 1 + c.
    gamma : float
        Pixels are raised to a power of exp(-g) to exp(g).
    blur : float
        Largest standard deviation of a Gaussian blur, in sides of the view; 0.02 is a fiftieth.
    noise : float
        Largest standard deviation of noise, on the scale from black 0 to white 1.
    erase : float
        Largest share of a view that a black box covers, [0, 1).
    horizon : float
        Largest depth of a random horizon of trees and hills, in radii of the sky, [0, 1).

    Raises
    ------
    UsageError
        If a number cannot be used.

    Examples
    --------
    >>> Augmentations().scale, Augmentations(rotation=180.0).rotation
    ((0.08, 1.0), 180.0)
    """

    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    flip: float = 0.5
    mirror: float = 0.0
    rotation: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    gamma: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    erase: float = 0.0
    horizon: float = 0.0

    def __post_init__(self) -> None:
        for name, (low, high), least, most in (
            ("scale", self.scale, 0.0, 1.0),
            ("ratio", self.ratio, 0.0, math.inf),
        ):
            if not least < low <= high <= most or math.isinf(high):
                raise UsageError(
                    f"{name}: {low}, {high} came; expected two numbers above {least:g}, the lesser "
                    f"first{', up to 1' if most == 1.0 else ''}."
                )
        limits = {"rotation": 180.0, "gamma": math.log(10), "noise": math.inf}
        for field in fields(self)[2:]:
            value, most = getattr(self, field.name), limits.get(field.name, 1.0)
            # a box or a horizon that covers all, or a contrast of none, would leave nothing to see
            open_end = field.name in {"brightness", "contrast", "erase", "horizon"}
            if not (0.0 <= value < most or (value == most and not open_end)):
                raise UsageError(
                    f"{field.name}: {value} came; expected 0 to {most:g}"
                    f"{' (not included)' if open_end else ''}."
                )


class ViewNumbers(NamedTuple):
    """What was drawn for each view; every field is float32, (n,) or (n, k).

    Attributes
    ----------
    top, left, height, width : Tensor, (n,)
        The crop, in sides of the picture.
    flip, mirror : Tensor, (n,)
        1 or 0.
    angle : Tensor, (n,)
        Radians.
    brightness, contrast, gamma, blur, noise : Tensor, (n,)
        Factor, factor, power, standard deviation in sides of the view, standard deviation.
    box : Tensor, (n, 4)
        First and last row and column of what is erased, in sides of the view.
    horizon : Tensor, (n, 1 + 2 * harmonics)
        Depth, then amplitudes and phases of its harmonics over azimuth.
    """

    top: Tensor
    left: Tensor
    height: Tensor
    width: Tensor
    flip: Tensor
    mirror: Tensor
    angle: Tensor
    brightness: Tensor
    contrast: Tensor
    gamma: Tensor
    blur: Tensor
    noise: Tensor
    box: Tensor
    horizon: Tensor

    def to(self, device: torch.device | str) -> ViewNumbers:
        """Return the same on a device, moved at once."""
        widths = [1 if each.ndim == 1 else each.shape[1] for each in self]
        columns = [each[:, None] if each.ndim == 1 else each for each in self]
        moved = torch.cat(columns, dim=1).to(device, non_blocking=True).split(widths, dim=1)
        pairs = zip(moved, self, strict=True)
        return ViewNumbers(*(new[:, 0] if old.ndim == 1 else new for new, old in pairs))

    def take(self, index: Tensor | slice) -> ViewNumbers:
        """Return those of some views."""
        return ViewNumbers(*(each[index] for each in self))


def draw_views(n: int, augmentations: Augmentations, generator: torch.Generator) -> ViewNumbers:
    """Draw what makes ``n`` views.

    Parameters
    ----------
    n : int
    augmentations : Augmentations
    generator : torch.Generator
        On the CPU. Its state alone decides, and moves on by the same amount whatever is asked for.

    Returns
    -------
    ViewNumbers
        On the CPU.

    Notes
    -----
    A crop is drawn as torchvision's ``RandomResizedCrop`` draws it: area and ratio until the box
    fits, ten times at most, but with corners that need not lie on pixels.

    Examples
    --------
    >>> drawn = draw_views(1000, Augmentations(), torch.Generator().manual_seed(0))
    >>> area = drawn.height * drawn.width
    >>> bool((area >= 0.0799).all()), bool((drawn.top + drawn.height <= 1).all())
    (True, True)
    """
    a = augmentations
    u = torch.rand(n, _NUMBERS, generator=generator)
    area = _between(*a.scale, u[:, :_TRIES])  # (n, tries)
    low, high = (math.log(r) for r in a.ratio)
    root = torch.exp(_between(low, high, u[:, _TRIES : 2 * _TRIES]) / 2)
    width, height = area.sqrt() * root, area.sqrt() / root
    fits = (width <= 1) & (height <= 1)
    chosen = fits.to(torch.uint8).argmax(dim=1, keepdim=True)  # the first that fits
    none = ~fits.any(dim=1)
    height = height.gather(1, chosen)[:, 0].masked_fill(none, 1.0)
    width = width.gather(1, chosen)[:, 0].masked_fill(none, 1.0)

    rest = u[:, 2 * _TRIES :]
    either_way = 2 * rest - 1
    share, root = a.erase * rest[:, 10], torch.exp(math.log(3) / 2 * either_way[:, 11])
    half = torch.stack([share.sqrt() / root, share.sqrt() * root], dim=1) / 2
    centre = rest[:, 12:14]
    edges = torch.stack([centre - half, centre + half], dim=2).flatten(1)
    return ViewNumbers(
        top=rest[:, 0] * (1 - height),
        left=rest[:, 1] * (1 - width),
        height=height,
        width=width,
        flip=(rest[:, 2] < a.flip).float(),
        mirror=(rest[:, 3] < a.mirror).float(),
        angle=math.radians(a.rotation) * either_way[:, 4],
        brightness=1 + a.brightness * either_way[:, 5],
        contrast=1 + a.contrast * either_way[:, 6],
        gamma=torch.exp(a.gamma * either_way[:, 7]),
        blur=a.blur * rest[:, 8],
        noise=a.noise * rest[:, 9],
        box=edges,
        horizon=torch.cat([a.horizon * rest[:, 14:15], rest[:, 15:]], dim=1),
    )


def make_views(
    images: Tensor,
    drawn: ViewNumbers,
    augmentations: Augmentations,
    size: int,
    *,
    noise: torch.Generator | None = None,
) -> Tensor:
    """Make views of pictures, on the device where the pictures lie.

    Parameters
    ----------
    images : Tensor of uint8, (n, 1, s, s)
        Or floating, from 0 to 1.
    drawn : ViewNumbers
        One of each field a picture, on any device.
    augmentations : Augmentations
        What was drawn from; what is off in it is passed over.
    size : int
        Side of the views, pixels.
    noise : torch.Generator, optional
        Of pixel noise, on the device of the pictures; needed if there is to be noise.

    Returns
    -------
    Tensor of float32, (n, 1, size, size)
        From 0 to 1. What is black, such as the corners outside the sky, stays black under changes
        of brightness, contrast and noise.

    Examples
    --------
    >>> images = torch.randint(0, 256, (4, 1, 64, 64), dtype=torch.uint8)
    >>> drawn = draw_views(4, Augmentations(), torch.Generator().manual_seed(0))
    >>> views = make_views(images, drawn, Augmentations(), size=48)
    >>> views.shape, bool((views >= 0).all() and (views <= 1).all())
    (torch.Size([4, 1, 48, 48]), True)
    """
    a, drawn = augmentations, drawn.to(images.device)
    x = images[:, 0].float()
    if a.horizon:
        x = x * _above_horizon(drawn.horizon, x.shape[-1])
    x = _turned(x, drawn, size) if a.rotation else _cropped(x, drawn, size)
    if images.dtype == torch.uint8:
        x = x / 255
    if a.blur:
        spread = _gaussian(drawn.blur * size, size)
        x = spread @ x @ spread.transpose(1, 2)
    if a.brightness or a.contrast or a.gamma or a.noise:
        x = _recoloured(x, drawn, a, noise)
    if a.erase:
        x = x * ~_in_box(drawn.box, size)
    # rounding may leave 1.0000001
    return x.clamp(0, 1)[:, None]


def _between(low: float, high: float, u: Tensor) -> Tensor:
    return low + (high - low) * u


def _cropped(x: Tensor, drawn: ViewNumbers, size: int) -> Tensor:
    rows = _resampling(drawn.top, drawn.height, drawn.flip, x.shape[1], size)  # (n, size, s)
    columns = _resampling(drawn.left, drawn.width, drawn.mirror, x.shape[2], size)
    return rows @ (x @ columns.transpose(1, 2))


def _resampling(start: Tensor, length: Tensor, flip: Tensor, pixels: int, size: int) -> Tensor:
    """Return the matrices that take a row of pixels to a resized part of it, (n, size, pixels).

    The weights are those of ``torch.nn.functional.interpolate(..., antialias=True)`` on the part
    cut out before: a triangle as wide as a new pixel, or an old one where those are wider.
    """
    start, length = start * pixels, length * pixels  # (n,)
    step = length / size
    place = torch.arange(size, device=start.device) + 0.5
    place = torch.where(flip[:, None] > 0, size - place, place)  # (n, size)
    centre = start[:, None] + place * step[:, None]
    old = torch.arange(pixels, device=start.device) + 0.5
    width = step.clamp(min=1.0)
    weight = 1 - (old - centre[:, :, None]).abs() / width[:, None, None]
    # a pixel cut by the edge of the box belongs to it
    first, last = start.floor()[:, None], (start + length - 1e-4).ceil()[:, None]
    inside = (old > first) & (old < last)  # (n, pixels)
    weight = weight.clamp(min=0) * inside[:, None, :]
    return weight / weight.sum(dim=2, keepdim=True)


def _turned(x: Tensor, drawn: ViewNumbers, size: int) -> Tensor:
    """Crop and turn about the middle of the crop; (x, y) of grids run from -1 to 1."""
    cos, sin = drawn.angle.cos(), drawn.angle.sin()
    across, down = drawn.width * (1 - 2 * drawn.mirror), drawn.height * (1 - 2 * drawn.flip)
    along_x = torch.stack([cos * across, -sin * down, 2 * drawn.left + drawn.width - 1], dim=1)
    along_y = torch.stack([sin * across, cos * down, 2 * drawn.top + drawn.height - 1], dim=1)
    theta = torch.stack([along_x, along_y], dim=1)  # (n, 2, 3)
    grid = F.affine_grid(theta, [len(x), 1, size, size], align_corners=False)
    return F.grid_sample(x[:, None], grid, align_corners=False)[:, 0]


def _gaussian(sigma: Tensor, size: int) -> Tensor:
    """Return matrices that blur a row, (n, size, size)."""
    place = torch.arange(size, device=sigma.device)
    distance = (place - place[:, None]).float()
    weight = torch.exp(-0.5 * (distance / sigma.clamp(min=1e-3)[:, None, None]) ** 2)
    return weight / weight.sum(dim=2, keepdim=True)


def _recoloured(
    x: Tensor, drawn: ViewNumbers, a: Augmentations, generator: torch.Generator | None
) -> Tensor:
    def of(each: Tensor) -> Tensor:
        return each[:, None, None]

    y = x
    if a.gamma:
        # the slope of a root is infinite at 0, which would not matter without gradients
        y = y.clamp(min=0) ** of(drawn.gamma)
    if a.brightness:
        y = y * of(drawn.brightness)
    if a.contrast:
        mean = y.mean(dim=(1, 2), keepdim=True)
        y = mean + (y - mean) * of(drawn.contrast)
    if a.noise:
        if generator is None:
            raise UsageError("noise: pixel noise is asked for; give a generator for it.")
        drawn_noise = torch.randn(y.shape, device=y.device, generator=generator)
        y = y + of(drawn.noise) * drawn_noise
    return torch.where(x > 0, y, 0.0)


def _in_box(box: Tensor, size: int) -> Tensor:
    place = (torch.arange(size, device=box.device) + 0.5) / size
    rows = (place >= box[:, 0:1]) & (place < box[:, 1:2])  # (n, size)
    columns = (place >= box[:, 2:3]) & (place < box[:, 3:4])
    return rows[:, :, None] & columns[:, None, :]


def _above_horizon(horizon: Tensor, pixels: int) -> Tensor:
    """Return what of the sky is higher than a wavy horizon, (n, pixels, pixels)."""
    depth, amplitude, phase = horizon.split([1, _HARMONICS, _HARMONICS], dim=1)
    place = (torch.arange(pixels, device=horizon.device) + 0.5) * 2 / pixels - 1
    radius = torch.hypot(place[:, None], place[None, :])
    azimuth = torch.atan2(place[:, None], place[None, :])
    order = torch.arange(1, _HARMONICS + 1, device=horizon.device)
    angle = order[:, None, None] * azimuth  # (harmonics, pixels, pixels)
    waves = torch.cos(angle[None] + 2 * math.pi * phase[:, :, None, None])
    shape = (amplitude[:, :, None, None] * waves).sum(dim=1) / _HARMONICS  # -1 to 1
    return radius <= 1 - depth[:, :, None] * (1 + shape) / 2
