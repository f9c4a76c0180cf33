"""What a checkpoint says about its weights, and what of that cannot be."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib import metadata
from pathlib import Path
from typing import Any

from auroral_stats.errors import DataError, UsageError
from auroral_stats.labels import CLASSES
from classifier.model import ARCHITECTURES
from classifier.recipes import DEFAULT_RECIPE, RECIPES

__all__ = ["HEADS", "Header", "header_from_text", "header_to_text"]

#: Kinds of head: one layer, such as a logistic regression, or two.
HEADS = ("linear", "two-layer")

_FORMAT = 1
_VERSIONED = ("auroral_stats", "torch", "torchvision", "numpy")


def _versions() -> dict[str, str]:
    found = {}
    for name in _VERSIONED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


@dataclass(frozen=True)
class Header:
    """What a checkpoint says about its weights.

    Attributes
    ----------
    kind : {"encoder", "classifier"}
    architecture : str
        One of :data:`classifier.model.ARCHITECTURES`.
    size : int
        Side of the pictures that it takes, pixels.
    model_trained_on : str
        Such as ``OATH 1.1``; contains ``simulated`` where the pictures were.
    simulated : bool
        Whether any picture that it learnt from was simulated.
    preprocess : str
        Recipe (:data:`classifier.recipes.RECIPES`) that makes raw frames ready for it.
    channels : int
    classes : tuple of str
        Of a classifier, in the order of its logits; empty for an encoder.
    head : {"linear", "two-layer"}, optional
        Of a classifier.
    temperature : float
        Logits are divided by it before they become probabilities.
    data_fingerprint : str
        SHA-256 of the pictures that it learnt from.
    training : mapping
        Parameters of the training.
    versions : mapping of str to str
        Of the software that trained it.

    Raises
    ------
    UsageError
        If a value cannot be.

    Examples
    --------
    >>> Header("encoder", "resnet18", 64, "OATH 1.1", simulated=False).preprocess
    'disc-percentile-v1'
    """

    kind: str
    architecture: str
    size: int
    model_trained_on: str
    simulated: bool
    preprocess: str = DEFAULT_RECIPE
    channels: int = 1
    classes: tuple[str, ...] = ()
    head: str | None = None
    temperature: float = 1.0
    data_fingerprint: str = ""
    training: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=_versions)

    def __post_init__(self) -> None:
        faults = _faults(self)
        if faults:
            raise UsageError(f"header of a checkpoint: {'; '.join(faults)}.")


def header_to_text(header: Header) -> str:
    """Return a header as the JSON that a checkpoint carries.

    Parameters
    ----------
    header : Header

    Returns
    -------
    str

    Examples
    --------
    >>> header = Header("encoder", "resnet18", 64, "OATH 1.1", simulated=False)
    >>> header_from_text(header_to_text(header), "f.safetensors") == header
    True
    """
    return json.dumps({"format": _FORMAT, **asdict(header)}, allow_nan=False, default=str)


def header_from_text(text: str, path: str | Path) -> Header:
    """Read what :func:`header_to_text` wrote; keys that are not known are passed over.

    Parameters
    ----------
    text : str
    path : path
        What to call the file in messages.

    Returns
    -------
    Header

    Raises
    ------
    DataError
        If it is no such header, or that of a newer version.
    """
    try:
        found = json.loads(text)
        written = found["format"]
        known = {each.name for each in fields(Header)}
        said = {key: value for key, value in found.items() if key in known}
        said["classes"] = tuple(said.get("classes", ()))
        if isinstance(written, int) and written <= _FORMAT:
            return Header(**said)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DataError(
            f"{path}: no sound checkpoint; its header cannot be used ({error}). Copy it again, or "
            "make it anew with auroral_classifier pretrain or finetune."
        ) from error
    raise DataError(
        f"{path}: written by a newer version of auroral_classifier (format {written}, this one "
        f"reads {_FORMAT}); install a newer version."
    )


def _faults(header: Header) -> list[str]:
    """Return what in a header cannot be; types come first, for JSON may hold any."""
    types: dict[str, Any] = {
        "kind": str,
        "architecture": str,
        "model_trained_on": str,
        "preprocess": str,
        "data_fingerprint": str,
        "size": int,
        "channels": int,
        "temperature": (int, float),
        "simulated": bool,
        "classes": tuple,
        "training": Mapping,
        "versions": Mapping,
    }
    wrong = [
        f"{name} is {value!r}"
        for name, kind in types.items()
        # true and false are whole numbers to Python
        if not isinstance(value := getattr(header, name), kind)
        or (isinstance(value, bool) and kind is not bool)
    ]
    if wrong:
        return wrong
    classifier, simulated = header.kind == "classifier", "simul" in header.model_trained_on.lower()
    found = [
        (header.kind in {"encoder", "classifier"}, f"kind {header.kind!r} is not known"),
        (header.architecture in ARCHITECTURES, f"architecture {header.architecture!r} is unknown"),
        (header.preprocess in RECIPES, f"preprocess {header.preprocess!r} is no known recipe"),
        (32 <= header.size <= 512, f"size {header.size} is not from 32 to 512"),
        (1 <= header.channels <= 3, f"channels {header.channels} is not 1 to 3"),
        (0 < header.temperature < math.inf, f"temperature {header.temperature} is not above 0"),
        (
            not classifier or header.classes == CLASSES,
            f"classes are {', '.join(map(str, header.classes))}; expected {', '.join(CLASSES)}",
        ),
        (not classifier or header.head in HEADS, f"head {header.head!r} is not known"),
        (
            classifier or (not header.classes and header.head is None),
            "an encoder has neither classes nor head",
        ),
        (
            simulated or not header.simulated,
            "it learnt from simulated pictures, which model_trained_on does not say",
        ),
    ]
    return [fault for sound, fault in found if not sound]
