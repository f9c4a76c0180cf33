"""Pictures to learn from, in memory: those of an OATH-shaped set, or raw frames without labels.

All are made ready for the encoder by a recipe, resized, and kept with 8 bits, as the pictures of the
OATH set are: 5,824 of them take 95 MB at 128 x 128 pixels. The recipes bring pictures of the set
and raw frames to one orientation, north up and east to the right.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from auroral_stats.brief import Brief
from auroral_stats.errors import ArchiveError, DataError, UsageError
from auroral_stats.provenance import combine_simulated
from classifier.oath import Oath, open_oath, station_nights
from classifier.preprocess import preprocess
from classifier.recipes import DEFAULT_RECIPE, find_recipe

__all__ = [
    "LabelledImages",
    "TrainingImages",
    "join_images",
    "load_frames",
    "load_images",
    "open_images",
]

#: The recipe of pictures that were stretched before.
PICTURE_RECIPE = "oath-png-v1"

_BLOCK = 512  # pictures read at once, 33 MB


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class TrainingImages(Brief):
    """Pictures without labels; what the contrastive loss needs.

    Attributes
    ----------
    images : Tensor of uint8, (n, 1, size, size)
        On the CPU.
    station : ndarray of str, (n,)
        Empty where unknown.
    time : ndarray of datetime64[ms], (n,)
        UTC; NaT where unknown.
    recipe : str
        Recipe that makes raw frames look like these.
    trained_on : str
        What a model says that learnt from them.
    fingerprint : str
        SHA-256 of the pictures, their recipe and size, and their labels if they have any.
    simulated : bool
        Whether any of them is.
    bad : tuple of str
        Frames and files that could not be read, and why.
    """

    images: Tensor
    station: NDArray[np.str_]
    time: NDArray[np.datetime64]
    recipe: str
    trained_on: str
    fingerprint: str
    simulated: bool
    bad: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> int:
        """Side of the pictures, pixels."""
        return int(self.images.shape[-1])


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class LabelledImages(TrainingImages):
    """Pictures of an OATH-shaped set with their labels.

    Attributes
    ----------
    label : ndarray of int64, (n,)
        Index into :data:`auroral_stats.labels.CLASSES`.
    night : ndarray of int64, (n,)
        Station-night, index into ``night_names``; see :func:`classifier.oath.station_nights`.
    night_names : tuple of str
    picture : ndarray of int64, (n,)
        Number in the name of the file.
    """

    label: NDArray[np.int64]
    night: NDArray[np.int64]
    night_names: tuple[str, ...]
    picture: NDArray[np.int64]

    def take(self, index: NDArray[Any]) -> LabelledImages:
        """Return some of the pictures, (m,) indices or (n,) booleans; the fingerprint is of all."""
        where = np.arange(len(self))[index]
        names = ("station", "time", "label", "night", "picture")
        some = {name: getattr(self, name)[where] for name in names}
        return replace(self, images=self.images[torch.from_numpy(where)], **some)


def load_images(
    oath: Oath,
    size: int = 128,
    recipe: str = PICTURE_RECIPE,
    *,
    report: Callable[[float, float | None, str], None] | None = None,
) -> LabelledImages:
    """Read the pictures of an OATH-shaped set, make them ready, and keep their labels beside them.

    Parameters
    ----------
    oath : Oath
        As :func:`classifier.oath.open_oath` gives it.
    size : int
        Side of the result, pixels.
    recipe : str
        One that takes 8-bit pictures.
    report : callable, optional
        Told how many pictures are read, how many there are, and an empty word.

    Returns
    -------
    LabelledImages

    Raises
    ------
    ArchiveError, DataError
        If a picture is missing, damaged, or of another size or kind.

    Examples
    --------
    >>> found = load_images(open_oath("oath_v1.1"), size=64)  # doctest: +SKIP
    >>> found.images.shape  # doctest: +SKIP
    torch.Size([5824, 1, 64, 64])
    """
    from classifier.oath_images import read_images

    if find_recipe(recipe).input_dtype != "uint8":
        raise UsageError(
            f"recipe {recipe!r} takes raw frames; for pictures of an OATH set take "
            f"{PICTURE_RECIPE!r}."
        )
    images = torch.empty((len(oath), 1, size, size), dtype=torch.uint8)
    for first in range(0, len(oath), _BLOCK):
        block = slice(first, first + _BLOCK)
        images[block] = _eight_bits(preprocess(read_images(oath.images[block]), recipe, size))
        if report is not None:
            report(min(first + _BLOCK, len(oath)), len(oath), "")
    night, names = station_nights(oath.site, oath.time)
    label = oath.label.astype(np.int64)
    kind = "simulated OATH set" if oath.simulated else "OATH set"
    return LabelledImages(
        images=images,
        station=oath.site,
        time=oath.time.astype("M8[ms]"),
        # the pictures are what this makes of raw frames, cut to 8 bits
        recipe=DEFAULT_RECIPE,
        trained_on=f"{kind}, {len(oath)} pictures",
        fingerprint=_fingerprint(images, recipe, label),
        simulated=oath.simulated,
        label=label,
        night=night,
        night_names=names,
        picture=oath.picture,
    )


def load_frames(
    files: Iterable[Any],
    size: int = 128,
    recipe: str = DEFAULT_RECIPE,
    *,
    cadence: float = 60.0,
    limit: int | None = None,
    report: Callable[[float, float | None, str], None] | None = None,
) -> TrainingImages:
    """Read raw frames, make them ready, and keep them with 8 bits.

    Parameters
    ----------
    files : iterable of FrameFile or path
        Such as :func:`classifier.frame_files.find_frames` gives them, in order of time.
    size : int
        Side of the result, pixels.
    recipe : str
        One that takes raw frames.
    cadence : float
        Seconds at least between two frames of a station. Frames seconds apart are nearly one
        picture, and the contrastive loss would push them apart; 0 takes all.
    limit : int, optional
        Stop after so many frames.
    report : callable, optional
        Told how many files are read, None, and an empty word.

    Returns
    -------
    TrainingImages

    Raises
    ------
    DataError
        If there is not one frame, or simulated and real ones are mixed.
    ArchiveError
        If a file cannot be opened.
    """
    from classifier.frames import read_frames

    if find_recipe(recipe).input_dtype != "uint16":
        raise UsageError(f"recipe {recipe!r} takes pictures; for raw frames {DEFAULT_RECIPE!r}.")
    if not cadence >= 0:
        raise UsageError(f"cadence: {cadence} came, expected seconds, 0 or more.")
    parts: list[Tensor] = []
    stations: list[str] = []
    times: list[NDArray[np.datetime64]] = []
    bad: list[str] = []
    flags: dict[str, bool] = {}
    last: dict[str, np.datetime64] = {}
    step = np.timedelta64(round(cadence * 1e6), "us")
    for number, each in enumerate(files, start=1):
        path = Path(getattr(each, "path", each))
        frames = read_frames(path, metadata=False)
        bad += [f"{path.name}: record {fault.record}: {fault.reason}" for fault in frames.bad]
        if not len(frames.time):
            continue
        flags.setdefault(f"{'simulated' if frames.simulated else 'real'} {path}", frames.simulated)
        site = frames.site or ""
        chosen = _spaced(frames.time, last.get(site), step)
        if limit is not None:
            chosen = chosen[: limit - len(stations)]
        if len(chosen):
            last[site] = frames.time[chosen[-1]]
            parts.append(_eight_bits(preprocess(frames.images[chosen], recipe, size)))
            times.append(frames.time[chosen].astype("M8[ms]"))
            stations += [site] * len(chosen)
        if report is not None:
            report(number, None, "")
        if limit is not None and len(stations) >= limit:
            break
    if not parts:
        why = f" (the first fault: {bad[0]})" if bad else ""
        raise DataError(f"frames: not one could be read{why}; give a folder of camera files.")
    simulated = _common_flag(flags)
    images = torch.cat(parts)
    kind = "simulated frames" if simulated else "frames"
    sites = ", ".join(sorted(set(stations) - {""})) or "an unknown site"
    return TrainingImages(
        images=images,
        station=np.array(stations),
        time=np.concatenate(times),
        recipe=recipe,
        trained_on=f"{kind} of {sites}, {len(images)} pictures",
        fingerprint=_fingerprint(images, recipe),
        simulated=simulated,
        bad=tuple(bad),
    )


def open_images(
    path: str | Path,
    size: int = 128,
    *,
    cadence: float = 60.0,
    limit: int | None = None,
    report: Callable[[float, float | None, str], None] | None = None,
) -> TrainingImages:
    """Load what a folder holds: an OATH-shaped set, or camera files at any level of an archive.

    Parameters
    ----------
    path : path
    size : int
        Side of the result, pixels.
    cadence, limit
        Of raw frames, as :func:`load_frames` takes them.
    report : callable, optional
        As the two loaders call it.

    Returns
    -------
    TrainingImages
        :class:`LabelledImages` for a set. A set that is there in part gives what is there.

    Raises
    ------
    ArchiveError
        If there is no such folder, or it holds neither.
    DataError
        As the loaders.
    """
    from classifier.frame_files import find_frames

    if not Path(path).exists():
        raise ArchiveError(
            f"{path}: does not exist; give the folder of an OATH set, or of camera files."
        )
    try:
        oath = open_oath(path, pictures="present")
    except ArchiveError as error:
        files = find_frames(path)
        first = next(files, None)
        if first is None:
            raise ArchiveError(
                f"{path}: holds neither an OATH set nor camera files. Get the set with: "
                "auroral_classifier oath --download, or simulate one with: auroral_classifier "
                "simulate --oath DIR"
            ) from error
        every = (file for part in ([first], files) for file in part)
        return load_frames(every, size, cadence=cadence, limit=limit, report=report)
    return load_images(oath, size, report=report)


def join_images(parts: Sequence[TrainingImages]) -> TrainingImages:
    """Put pictures from several places together, to learn from without labels.

    Parameters
    ----------
    parts : sequence of TrainingImages
        Of one size and recipe. Simulated and real ones may be mixed: what learns from them says so.

    Returns
    -------
    TrainingImages

    Raises
    ------
    UsageError
        If there are none, or sizes or recipes differ.
    """
    if not parts or len({(part.size, part.recipe) for part in parts}) != 1:
        found = sorted({f"{part.size} x {part.size}, {part.recipe}" for part in parts})
        raise UsageError(
            f"pictures of {'; '.join(found) or 'no kind'} came; expected some of one size and "
            "recipe."
        )
    if len(parts) == 1:
        return parts[0]
    prints = hashlib.sha256(" ".join(part.fingerprint for part in parts).encode())
    return TrainingImages(
        images=torch.cat([part.images for part in parts]),
        station=np.concatenate([part.station for part in parts]),
        time=np.concatenate([part.time for part in parts]),
        recipe=parts[0].recipe,
        trained_on=" and ".join(part.trained_on for part in parts),
        fingerprint=prints.hexdigest(),
        simulated=any(part.simulated for part in parts),
        bad=tuple(fault for part in parts for fault in part.bad),
    )


def _eight_bits(ready: Tensor) -> Tensor:
    return (ready * 255).round_().to(torch.uint8)


def _spaced(
    time: NDArray[np.datetime64], last: np.datetime64 | None, step: np.timedelta64
) -> NDArray[np.intp]:
    """Return the indices of frames that are at least a step after the one taken before."""
    chosen = []
    for i, instant in enumerate(time):
        if last is None or instant - last >= step:
            chosen.append(i)
            last = instant
    return np.array(chosen, dtype=np.intp)


def _common_flag(flags: dict[str, bool]) -> bool:
    # one file of each kind is enough to say what is mixed
    each = {simulated: path for path, simulated in reversed(flags.items())}
    return combine_simulated({path: simulated for simulated, path in each.items()})


def _fingerprint(images: Tensor, recipe: str, label: NDArray[np.int64] | None = None) -> str:
    digest = hashlib.sha256(f"{recipe} {tuple(images.shape)}".encode())
    digest.update(images.numpy())
    if label is not None:
        digest.update(label.tobytes())
    return digest.hexdigest()
