"""Weights of networks that were trained on ImageNet, from files that torchvision publishes.

Nothing is downloaded here, and nothing takes the place of a file that is missing: what needs it
says where to get it and where to put it. Files are read as numbers alone, so that one of unknown
origin can run nothing. torch names its files by the first digits of their SHA-256; whether a file
is the published one is found out from that and told in tables, as weights under that name may be
somebody's own.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from auroral_stats.errors import ArchiveError, DataError, UsageError

__all__ = [
    "IMAGENET",
    "MEAN",
    "SCALE",
    "ImageNetWeights",
    "LoadedWeights",
    "default_weights_folder",
    "load_weights",
    "weights_path",
]

#: Mean and standard deviation of the channels of ImageNet, which networks trained on it expect.
MEAN, SCALE = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

_URL = "https://download.pytorch.org/models/"


@dataclass(frozen=True)
class ImageNetWeights:
    """A file of weights.

    Attributes
    ----------
    name : str
    file : str
        Name of the file, with the first eight digits of its SHA-256.
    megabytes : int
    """

    name: str
    file: str
    megabytes: int

    @property
    def url(self) -> str:
        """Where torchvision publishes it."""
        return _URL + self.file

    @property
    def digits(self) -> str:
        """First digits of the SHA-256 of the published file."""
        return Path(self.file).stem.rpartition("-")[2]


#: Files by name: those that ``torchvision.models`` names IMAGENET1K_V1.
IMAGENET: Mapping[str, ImageNetWeights] = MappingProxyType(
    {
        each.name: each
        for each in (
            ImageNetWeights("inception-v3", "inception_v3_google-0cc3c7bd.pth", 104),
            ImageNetWeights("resnet18", "resnet18-f37072fd.pth", 45),
        )
    }
)


@dataclass(frozen=True, eq=False)
class LoadedWeights:
    """Weights that were read.

    Attributes
    ----------
    path : Path
    tensors : dict of str to Tensor
    sha256 : str
        Of the file.
    published : bool
        Whether that begins with the digits in its name.
    """

    path: Path
    tensors: dict[str, Tensor] = field(repr=False)
    sha256: str
    published: bool

    def __str__(self) -> str:
        said = "as published" if self.published else "NOT the published file"
        return f"{self.path.name}, sha256 {self.sha256[:16]}, {said}"


def default_weights_folder() -> Path:
    """Return where torch keeps the weights that it downloads.

    Returns
    -------
    Path
        ``$TORCH_HOME/hub/checkpoints``; by default below ``~/.cache/torch``.

    Examples
    --------
    >>> default_weights_folder().name
    'checkpoints'
    """
    return Path(torch.hub.get_dir()) / "checkpoints"


def weights_path(name: str, folder: str | Path | None = None) -> Path:
    """Return the file of some weights, if it is there.

    Parameters
    ----------
    name : str
        One of :data:`IMAGENET`.
    folder : path, optional
        :func:`default_weights_folder` if not given.

    Returns
    -------
    Path

    Raises
    ------
    UsageError
        If no weights have this name.
    ArchiveError
        If the file is not there, with the address to get it from.

    Examples
    --------
    >>> weights_path("resnet18", "/nowhere")
    Traceback (most recent call last):
    ...
    auroral_stats.errors.ArchiveError: /nowhere/resnet18-f37072fd.pth: is not there. Get it (45 MB) ...
    """
    if name not in IMAGENET:
        raise UsageError(f"weights {name!r} are not known; known are {', '.join(IMAGENET)}.")
    wanted = IMAGENET[name]
    path = (default_weights_folder() if folder is None else Path(folder)) / wanted.file
    if not path.is_file():
        raise ArchiveError(
            f"{path}: is not there. Get it ({wanted.megabytes} MB) from {wanted.url}, and put it "
            "into that folder, or name the one that holds it with --weights FOLDER; no other "
            "weights are taken in its place."
        )
    return path


def load_weights(name: str, model: nn.Module, folder: str | Path | None = None) -> LoadedWeights:
    """Read weights from their file, and put them into a network of the same layers.

    Parameters
    ----------
    name : str
        One of :data:`IMAGENET`.
    model : Module
        As torchvision builds it, with all its layers.
    folder : path, optional
        :func:`default_weights_folder` if not given.

    Returns
    -------
    LoadedWeights

    Raises
    ------
    ArchiveError
        If the file is not there or cannot be read.
    DataError
        If it is damaged, holds something else than these weights, or a number that is not finite.
    """
    path = weights_path(name, folder)
    try:
        content = path.read_bytes()
        with warnings.catch_warnings():
            # of how a file was pickled; what is in it decides
            warnings.simplefilter("ignore", UserWarning)
            tensors = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except OSError as error:
        raise ArchiveError(f"{path}: cannot be read ({error.strerror or error}).") from error
    # what torch, zipfile and pickle raise for files that are cut short or hold other things
    except (
        RuntimeError, ValueError, KeyError, IndexError, AttributeError, EOFError, TypeError,
        pickle.UnpicklingError, zipfile.BadZipFile, AssertionError,
    ) as error:  # fmt: skip
        raise _unsound(path, name, "it is cut short, altered, or no file of weights") from error
    fault = _fault(tensors, model.state_dict())
    if fault:
        raise _unsound(path, name, fault)
    model.load_state_dict(tensors, strict=False)
    sha256 = hashlib.sha256(content).hexdigest()
    return LoadedWeights(path, dict(tensors), sha256, sha256.startswith(IMAGENET[name].digits))


def _fault(tensors: Any, expected: Mapping[str, Tensor]) -> str:
    """Return what is wrong with weights for a network; empty if nothing is."""
    if not isinstance(tensors, Mapping) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in tensors.items()
    ):
        return "it holds something else than named weights"
    # files of old versions of torch do not count batches, and nothing here needs it
    lacking = [
        key for key in expected if key not in tensors and not key.endswith(".num_batches_tracked")
    ]
    foreign = [key for key in tensors if key not in expected]
    if lacking or foreign:
        return "; ".join(
            f"{what} {keys[0]}" + (f" and {len(keys) - 1} more" if len(keys) > 1 else "")
            for what, keys in (("it lacks", lacking), ("it holds the unknown", foreign))
            if keys
        )
    for key, value in tensors.items():
        if value.shape != expected[key].shape:
            return (
                f"{key} has the shape {tuple(value.shape)}, expected {tuple(expected[key].shape)}"
            )
        if not bool(value.isfinite().all()):
            return f"{key} holds numbers that are not finite"
    return ""


def _unsound(path: Path, name: str, what: str) -> DataError:
    return DataError(
        f"{path}: no sound weights of {name}; {what}. Get the file again from {IMAGENET[name].url}."
    )
