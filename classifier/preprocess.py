"""Frames to what the encoder takes: cropped, stretched, resized, in batches and on the device.

:data:`classifier.recipes.RECIPES` declares what is done; this room does it. A frame comes out the
same whatever frames are beside it: on a CPU bit by bit, whatever the size of the batch, its order
or the number of threads; between devices to 1e-5, since their resampling rounds its weights.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray

from auroral_stats.errors import DataError, UsageError
from classifier.frame_filters import median_of_nine, turned
from classifier.model import find_device
from classifier.percentiles import percentile_pair, percentile_pair_on_device
from classifier.recipes import DEFAULT_RECIPE, Disc, Recipe, find_recipe
from classifier.resampling import resize

__all__ = ["preprocess"]

_CPU_BLOCK = 16  # frames at once: 3 MiB of float32

_DEVICE_BLOCK = 256
#: A stretch no wider than this is a step: a pixel above the black level is white.
_NARROWEST = 1e-30


def preprocess(
    images: NDArray[Any] | torch.Tensor,
    recipe: str | Recipe = DEFAULT_RECIPE,
    size: int = 128,
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    rotation: ArrayLike | None = None,
) -> torch.Tensor:
    """Make frames ready for the encoder.

    Parameters
    ----------
    images : ndarray or Tensor, (n, row, column)
        Row 0 north and column 0 east, as :func:`classifier.frames.read_frames` gives them; pictures
        of the OATH set as they are. uint16 of either byte order, or uint8 for a recipe that says so; an
        array may be mapped to a file. 256 x 256 pixels, but for ``kvammen-v1`` any size of at least
        256 pixels a side.
    recipe : str or Recipe
        One of :data:`~classifier.recipes.RECIPES`.
    size : int
        Side of the result, pixels, 16 to 512.
    device : str or torch.device
        Where the work is done and the result lies.
    dtype : torch.dtype
        Floating type of the result. The work is done in float32, percentiles in float64.
    rotation : float or array_like, (n,), optional
        For recipes that turn frames: the direction of magnetic north in each frame as stored, deg
        clockwise from its upper edge. The frame is turned back by it about its centre, so that
        magnetic north points up; multiples of 90 deg exactly, others with linear interpolation,
        and corners that turn in repeat the edge. None leaves frames as they are.

    Returns
    -------
    Tensor, (n, 1, size, size)
        0 to 1, never NaN. Outside the disc of the recipe it is 0.

    Raises
    ------
    UsageError
        An unknown recipe or device; a size or dtype that cannot be; a rotation where the recipe
        has none.
    DataError
        Frames of another shape or type than the recipe takes.

    Notes
    -----
    The stretch is x = clip((x - p_1) / (p_99 - p_1), 0, 1) for the counts x of a frame and their
    percentiles, which is the formula of Johnson et al. 2021 since p_99(x - p_1) = p_99(x) - p_1.
    Where both percentiles are one value, as in a frame that is constant, dark or saturated
    throughout, its limit is taken: 1 for pixels above that value and 0 for the rest, so 0
    everywhere if the frame is constant.

    Beside the result the work takes about 10 MiB a thread on a CPU (50 MiB for ``kvammen-v1``) and about 500 MiB on another
    device, however many frames there are. A CPU works with as many threads as
    ``torch.get_num_threads()`` says.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> frames = rng.poisson(4000, (3, 256, 256)).astype(np.uint16)
    >>> ready = preprocess(frames, size=64)
    >>> tuple(ready.shape), ready.dtype, bool(ready.min() >= 0), bool(ready.max() <= 1)
    ((3, 1, 64, 64), torch.float32, True, True)
    """
    recipe = find_recipe(recipe)
    place = find_device(device)
    _check_request(recipe, size, dtype)
    _check_images(images, recipe)
    turn = _check_rotation(rotation, recipe, len(images))

    out = torch.empty((len(images), 1, size, size), dtype=dtype, device=place)
    if place.type != "cpu":
        for block in _blocks(len(images), _DEVICE_BLOCK):
            out[block, 0] = _on_device(images[block], recipe, size, place, turn[block]).to(dtype)
        return out
    blocks = list(_blocks(len(images), _CPU_BLOCK))
    # starting a thread costs as much as the work on some frames
    threads = min(torch.get_num_threads(), len(blocks) // 2)
    if threads <= 1:
        _on_cpu(images, recipe, turn, blocks, out)
        return out
    with ThreadPoolExecutor(threads) as pool:
        shares = [blocks[k::threads] for k in range(threads)]
        for done in [pool.submit(_on_cpu, images, recipe, turn, share, out) for share in shares]:
            done.result()
    return out


def _on_cpu(
    images: NDArray[Any] | torch.Tensor,
    recipe: Recipe,
    turn: NDArray[np.float64],
    blocks: list[slice],
    out: torch.Tensor,
) -> None:
    """Fill some blocks of the result, one after the other."""
    disc = recipe.disc
    for block in blocks:
        counts = _counts(images[block], recipe, turn[block])
        cropped = counts if disc is None else counts[:, *disc.box]
        ready = _scratch("ready", cropped.shape, np.float32)
        ready[:] = cropped
        if disc is not None:
            ready *= _inside(disc, counts.shape[1:])[0]
        if recipe.stretch is None:
            ready /= np.float32(255.0)
        else:
            pixels = counts.reshape(len(counts), -1)
            if disc is not None and recipe.stretch == "disc":
                runs = _runs(disc, counts.shape[1:])
                chosen = _scratch("pixels", (len(counts), runs[-1][1].stop), counts.dtype)
                for run, place in runs:
                    chosen[:, place] = pixels[:, run]
            else:
                chosen = pixels.copy()
            low, high = percentile_pair(chosen, recipe.percentiles)
            width = np.maximum(high - low, _NARROWEST)
            # What is 0 outside the disc stays 0, for no percentile of counts is below it.
            ready -= low.astype(np.float32)[:, None, None]
            ready /= width.astype(np.float32)[:, None, None]
            np.clip(ready, 0.0, 1.0, out=ready)
        direct = out.dtype == torch.float32
        result = out[block, 0].numpy() if direct else np.empty(out[block, 0].shape, np.float32)
        resize(ready, out.shape[-1], out=result[:, :, ::-1] if recipe.mirror else result)
        if not direct:
            out[block, 0] = torch.from_numpy(result).to(out.dtype)


_memory = threading.local()


def _scratch(name: str, shape: tuple[int, ...], dtype: np.dtype[Any] | type) -> NDArray[Any]:
    """Return an array to work in, which the next call on this thread gets again.

    Fresh memory for every few frames would cost more than what is done in it.
    """
    key = (name, shape[1:], np.dtype(dtype))
    arrays: dict[Any, NDArray[Any]] = _memory.__dict__.setdefault("arrays", {})
    if key not in arrays:
        arrays[key] = np.empty((_CPU_BLOCK, *shape[1:]), dtype)
    return arrays[key][: shape[0]]


@functools.lru_cache(maxsize=8)
def _inside(disc: Disc, shape: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Return 1 in the disc and 0 outside for the square around it, and its pixels' flat indices."""
    mask = disc.mask(shape)
    return mask[disc.box].astype(np.float32), np.flatnonzero(mask)


@functools.lru_cache(maxsize=8)
def _runs(disc: Disc, shape: tuple[int, int]) -> list[tuple[slice, slice]]:
    """Return each row's run of pixels in the disc: where it lies in the frame, and in the list.

    Copying runs takes half the time of gathering the same pixels one by one.
    """
    indices = _inside(disc, shape)[1]
    starts = np.flatnonzero(np.diff(indices, prepend=-2) != 1)
    stops = np.append(starts[1:], indices.size)
    return [
        (slice(int(indices[a]), int(indices[b - 1]) + 1), slice(int(a), int(b)))
        for a, b in zip(starts, stops, strict=True)
    ]


def _counts(
    images: NDArray[Any] | torch.Tensor, recipe: Recipe, turn: NDArray[np.float64]
) -> NDArray[Any]:
    """Return frames in native byte order, turned and filtered if the recipe says so."""
    if recipe.median > 1 or recipe.binning > 1 or turn.any():
        filtered: NDArray[Any] = _filtered(_as_float(images, torch.device("cpu")), recipe, turn)
        return np.ascontiguousarray(filtered)
    counts: NDArray[Any] = images.cpu().numpy() if isinstance(images, torch.Tensor) else images
    return np.ascontiguousarray(counts, dtype=counts.dtype.newbyteorder("="))


def _on_device(
    images: NDArray[Any] | torch.Tensor,
    recipe: Recipe,
    size: int,
    device: torch.device,
    turn: NDArray[np.float64],
) -> torch.Tensor:
    counts = _filtered(_as_float(images, device), recipe, turn)
    cropped, pixels = counts, counts.flatten(1)
    if recipe.disc is not None:
        inside, indices = map(torch.from_numpy, _inside(recipe.disc, tuple(counts.shape[1:])))
        cropped = counts[:, *recipe.disc.box] * inside.to(device)
        if recipe.stretch == "disc":
            pixels = pixels[:, indices.to(device)]
    if recipe.stretch is None:
        ready = cropped / 255.0
    else:
        low, high = percentile_pair_on_device(pixels, recipe.percentiles)
        width = (high - low).clamp(min=_NARROWEST)
        ready = cropped - low.to(torch.float32)[:, None, None]
        ready = (ready / width.to(torch.float32)[:, None, None]).clamp_(0.0, 1.0)
    if ready.shape[-1] != size:
        ready = F.interpolate(ready[:, None], size=(size, size), mode="bilinear", antialias=True)[
            :, 0
        ]
    return ready.flip(-1) if recipe.mirror else ready


def _as_float(images: NDArray[Any] | torch.Tensor, device: torch.device) -> torch.Tensor:
    """Bring counts to the device as float32, which holds every 16-bit count exactly."""
    if isinstance(images, torch.Tensor):
        counts = images
    else:
        native = np.ascontiguousarray(images, dtype=images.dtype.newbyteorder("="))
        counts = torch.from_numpy(native if native.flags.writeable else native.copy())
    if counts.dtype == torch.uint16:
        # Few devices do anything with uint16: move the same bits as int16, then undo the sign.
        signed = counts.view(torch.int16).to(device, non_blocking=True).to(torch.int32)
        return (signed & 0xFFFF).to(torch.float32)
    return counts.to(device, non_blocking=True).to(torch.float32)


def _filtered(frames: torch.Tensor, recipe: Recipe, turn: NDArray[np.float64]) -> torch.Tensor:
    """Turn, filter, average and crop, (n, row, column) of float32."""
    if turn.any():
        frames = torch.stack([turned(f, float(a)) for f, a in zip(frames, turn, strict=True)])
    if recipe.median == 3:
        frames = median_of_nine(frames)
    if recipe.binning > 1:
        frames = F.avg_pool2d(frames[:, None], recipe.binning)[:, 0]
    if recipe.centre is not None:
        top, left = ((side - recipe.centre) // 2 for side in frames.shape[1:])
        frames = frames[:, top : top + recipe.centre, left : left + recipe.centre]
    return frames


def _blocks(count: int, length: int) -> Iterator[slice]:
    for first in range(0, count, length):
        yield slice(first, min(first + length, count))


def _check_request(recipe: Recipe, size: int, dtype: torch.dtype) -> None:
    if not 16 <= size <= 512 or size != int(size):
        raise UsageError(f"size: {size} came, a whole number of pixels from 16 to 512 was expected")
    if not dtype.is_floating_point:
        raise UsageError(f"dtype: {dtype} came, a floating type such as float32 was expected")
    if recipe.median not in {1, 3}:
        raise UsageError(
            f"recipe: {recipe.id!r} has a median of width {recipe.median}; 1 and 3 can be done"
        )


def _check_images(images: NDArray[Any] | torch.Tensor, recipe: Recipe) -> None:
    if not isinstance(images, (np.ndarray, torch.Tensor)):
        raise UsageError(
            f"images: {type(images).__name__} came, an array or Tensor (n, row, column) was"
            " expected"
        )
    shape = tuple(images.shape)
    found = images.dtype.name if isinstance(images, np.ndarray) else str(images.dtype)[6:]
    if found != recipe.input_dtype:
        raise DataError(
            f"images: {found} came, recipe {recipe.id!r} takes {recipe.input_dtype}; raw frames are"
            " uint16 and pictures of the OATH set uint8, each with recipes of its own."
        )
    if recipe.shape is not None:
        if shape[1:] != recipe.shape:
            wanted = " x ".join(map(str, recipe.shape))
            raise DataError(
                f"images: shape {shape} came, recipe {recipe.id!r} takes (n, row, column) with"
                f" frames of {wanted} pixels."
            )
    elif len(shape) != 3 or min(shape[1:]) < (recipe.centre or 1) * recipe.binning:
        least = (recipe.centre or 1) * recipe.binning
        raise DataError(
            f"images: shape {shape} came, recipe {recipe.id!r} takes (n, row, column) with frames"
            f" of at least {least} x {least} pixels."
        )


def _check_rotation(rotation: ArrayLike | None, recipe: Recipe, count: int) -> NDArray[np.float64]:
    if rotation is None:
        return np.zeros(count)
    if not recipe.turns:
        raise UsageError(f"rotation: recipe {recipe.id!r} does not turn frames; leave it out")
    angles = np.asarray(rotation, dtype=np.float64)
    if angles.ndim > 1 or angles.shape not in {(), (count,)} or not np.isfinite(angles).all():
        raise UsageError(
            f"rotation: one angle in degrees, or one for each of the {count} frames, was expected"
        )
    return np.broadcast_to(angles % 360.0, (count,))
