"""Tensors and what is said of them as safetensors files: written whole, read without executing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from auroral_stats.errors import ArchiveError, DataError
from auroral_stats.whole_file import write_whole

__all__ = ["damaged", "read_tensors", "write_tensors"]

#: A length of the JSON in a safetensors file beyond this is no length.
_LONGEST_JSON = 100_000_000


def write_tensors(path: str | Path, tensors: Mapping[str, Tensor], said: Mapping[str, str]) -> Path:
    """Write tensors and what is said of them as one safetensors file, whole or not at all.

    Parameters
    ----------
    path : path
    tensors : mapping of str to Tensor
    said : mapping of str to str

    Returns
    -------
    Path

    Raises
    ------
    ArchiveError
        If it cannot be written, such as on a full disk; what was there stays.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    # rows of a common memory are no tensors of their own to safetensors
    own = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}

    def write(staged: Path) -> None:
        try:
            save_file(own, staged, metadata=dict(said))
        except SafetensorError as error:
            raise OSError(str(error)) from error

    return write_whole(path, write)


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str], str]:
    """Read a safetensors file.

    Parameters
    ----------
    path : path

    Returns
    -------
    tensors : dict of str to Tensor
    said : dict of str to str
        Its metadata.
    sha256 : str
        Of the whole file.

    Raises
    ------
    ArchiveError
        If there is no such file, or it cannot be read.
    DataError
        If it is damaged or no safetensors file.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ArchiveError(
            f"{path}: cannot be read ({error.strerror}); give a checkpoint that auroral_classifier "
            "pretrain or finetune wrote."
        ) from error
    try:
        tensors = load(content)
        length = int.from_bytes(content[:8], "little")
        said = json.loads(content[8 : 8 + min(length, _LONGEST_JSON)]).get("__metadata__", {})
    # ValueError: text that is no JSON; the others: types of numbers that torch has not
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        foreign = content[:2] in {b"PK", b"\x80\x02"} or len(content) < 8 or content[8:9] != b"{"
        what = "it is no safetensors file" if foreign else "it is cut short or altered"
        raise damaged(path, what) from error
    return tensors, said, hashlib.sha256(content).hexdigest()


def damaged(path: str | Path, what: str) -> DataError:
    """Return the error that says what is wrong with a file of weights."""
    return DataError(
        f"{path}: no sound checkpoint; {what}. Copy it again, or make it anew with "
        "auroral_classifier pretrain or finetune."
    )
