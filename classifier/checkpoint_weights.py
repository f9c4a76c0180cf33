"""Writing a checkpoint, reading it, and building its model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from auroral_stats.brief import Brief
from auroral_stats.errors import DataError, UsageError
from classifier.checkpoint_header import Header, header_from_text, header_to_text
from classifier.model import Classifier, ClassifierHead, encoder, feature_count
from classifier.tensor_files import damaged, read_tensors, write_tensors

__all__ = ["Checkpoint", "build_model", "load_checkpoint", "save_checkpoint"]

_HEADER_KEY = "auroral_classifier"


@dataclass(frozen=True, eq=False, repr=False)
class Checkpoint(Brief):
    """A checkpoint that was read.

    Attributes
    ----------
    header : Header
    tensors : dict of str to Tensor
        On the CPU; floating ones are float32.
    sha256 : str
        Of the whole file, 64 hexadecimal digits.
    """

    header: Header
    tensors: dict[str, Tensor]
    sha256: str


def save_checkpoint(
    path: str | Path,
    model: nn.Module | Mapping[str, Tensor],
    header: Header,
    *,
    half: bool = False,
) -> Path:
    """Write a checkpoint, whole or not at all.

    Parameters
    ----------
    path : path
        By custom with the suffix ``.safetensors``.
    model : Module or mapping of str to Tensor
        What :func:`build_model` would build for this header, or its state.
    header : Header
    half : bool
        Whether weights are stored as float16.

    Returns
    -------
    Path

    Raises
    ------
    UsageError
        If the weights are not those of such a model.
    DataError
        If a weight is not finite, or too large for float16.
    ArchiveError
        If it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> header = Header("encoder", "resnet10", 64, "nothing", simulated=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save_checkpoint(Path(folder) / "f.safetensors", encoder("resnet10"), header)
    ...     load_checkpoint(path).header == header
    True
    """
    state = model.state_dict() if isinstance(model, nn.Module) else model
    tensors = {name: tensor.detach().cpu() for name, tensor in state.items()}
    mismatch = _mismatch(header, tensors)
    if mismatch:
        raise UsageError(f"{path}: the weights are not those of the header: {mismatch}.")
    stored = {
        name: tensor.half() if half and tensor.ndim > 1 else tensor
        for name, tensor in tensors.items()
    }
    unsound = [name for name, tensor in stored.items() if not tensor.isfinite().all()]
    if unsound:
        why = "as float16 " if all(tensors[name].isfinite().all() for name in unsound) else ""
        raise DataError(
            f"{path}: not written; {why}{unsound[0]} and {len(unsound) - 1} more of the weights "
            "are not finite. Train with a lower learning rate, or store as float32."
        )
    return write_tensors(path, stored, {_HEADER_KEY: header_to_text(header)})


def load_checkpoint(path: str | Path, *, kind: str | None = None) -> Checkpoint:
    """Read a checkpoint, and check that it holds what it says.

    Parameters
    ----------
    path : path
    kind : {"encoder", "classifier"}, optional
        What is needed; either if not given.

    Returns
    -------
    Checkpoint

    Raises
    ------
    ArchiveError
        If there is no such file, or it cannot be read.
    DataError
        If it is damaged, cut short, no checkpoint of this program, or of the other kind.
    """
    tensors, said, sha256 = read_tensors(path)
    if _HEADER_KEY not in said:
        raise DataError(
            f"{path}: safetensors without the header of auroral_classifier; expected a checkpoint "
            "that auroral_classifier pretrain or finetune wrote."
        )
    header = header_from_text(said[_HEADER_KEY], path)
    mismatch = _mismatch(header, tensors)
    if mismatch:
        raise damaged(path, f"its weights are not those of its header: {mismatch}")
    unsound = [name for name, tensor in tensors.items() if not tensor.isfinite().all()]
    if unsound:
        raise damaged(path, f"{unsound[0]} has values that are not finite")
    if kind is not None and header.kind != kind:
        command = "finetune" if kind == "classifier" else "pretrain"
        raise DataError(
            f"{path}: its kind is {header.kind}, expected {kind}; make such a checkpoint with: "
            f"auroral_classifier {command}"
        )
    widened = {
        name: tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in tensors.items()
    }
    return Checkpoint(header, widened, sha256)


def build_model(header: Header, tensors: Mapping[str, Tensor] | None = None) -> nn.Module:
    """Build the model of a checkpoint, ready to be applied.

    Parameters
    ----------
    header : Header
    tensors : mapping of str to Tensor, optional
        Its weights, as :func:`load_checkpoint` gives them; without, they are drawn at random.

    Returns
    -------
    Module
        An encoder, or a :class:`~classifier.model.Classifier`, in evaluation mode. For
        preprocessed pictures (n, channels, size, size).

    Examples
    --------
    >>> from auroral_stats.labels import CLASSES
    >>> header = Header("classifier", "resnet10", 64, "x", False, classes=CLASSES, head="linear")
    >>> build_model(header)(torch.rand(3, 1, 64, 64)).shape
    torch.Size([3, 6])
    """
    if tensors is None:
        return _skeleton(header, _HIDDEN).eval()
    # nothing is drawn that the weights would replace
    with torch.device("meta"):
        model = _skeleton(header, _hidden(tensors))
    model.load_state_dict(dict(tensors), assign=True)
    return model.eval()


#: Units of a two-layer head, where no weights say how many.
_HIDDEN = 256


def _hidden(tensors: Mapping[str, Tensor]) -> int:
    first = tensors.get("head.0.weight")
    return _HIDDEN if first is None or first.ndim != 2 else len(first)


def _skeleton(header: Header, hidden: int) -> nn.Module:
    model = encoder(header.architecture, header.channels)
    if header.kind == "encoder":
        return model
    features, classes = feature_count(header.architecture), len(header.classes)
    if header.head == "linear":
        return Classifier(model, nn.Linear(features, classes))
    return Classifier(model, ClassifierHead(features, hidden, classes))


def _mismatch(header: Header, tensors: Mapping[str, Tensor]) -> str:
    """Return how tensors differ from those that a model of this header has; empty if they do not."""
    with torch.device("meta"):
        expected = _skeleton(header, _hidden(tensors)).state_dict()
    missing = sorted(expected.keys() - tensors.keys())
    if missing:
        return f"{missing[0]} is missing, with {len(missing) - 1} more"
    surplus = sorted(tensors.keys() - expected.keys())
    if surplus:
        return f"{surplus[0]} is too much, with {len(surplus) - 1} more"
    for name, tensor in expected.items():
        found = tensors[name]
        if found.shape != tensor.shape or found.is_floating_point() != tensor.is_floating_point():
            return (
                f"{name} is {tuple(found.shape)} of {found.dtype}, expected {tuple(tensor.shape)} "
                f"of {tensor.dtype}"
            )
    return ""
