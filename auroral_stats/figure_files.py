"""Figures as files: which kinds there are, and writing one whole or not at all.

Importing this room does not load matplotlib, so a command can refuse a name at once.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auroral_stats.errors import UsageError
from auroral_stats.whole_file import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURE_METADATA", "check_figure_name", "save_figure"]

#: Under which name each kind of file keeps what we say of a figure.
FIGURE_METADATA = {
    "png": {"title": "Title", "software": "Software", "description": "Description"},
    "pdf": {"title": "Title", "software": "Creator", "description": "Subject"},
    "svg": {"title": "Title", "software": "Creator", "description": "Description"},
}

_SAVING = threading.Lock()


def check_figure_name(path: Path, option: str = "--plot") -> None:
    """Refuse a name that no figure can have, before anything is drawn.

    Parameters
    ----------
    path : Path
    option : str
        The argument that gave the name, for the message.

    Raises
    ------
    UsageError
        If the name does not end in .png, .pdf or .svg, in capitals or not.

    Examples
    --------
    >>> check_figure_name(Path("Bz.PDF"))
    >>> check_figure_name(Path("Bz.jpg"))
    Traceback (most recent call last):
        ...
    auroral_stats.errors.UsageError: --plot Bz.jpg: expected a name that ends in .png, .pdf or .svg.
    """
    if path.suffix.lower().removeprefix(".") not in FIGURE_METADATA:
        raise UsageError(f"{option} {path}: expected a name that ends in .png, .pdf or .svg.")


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write a figure whole or not at all; the suffix says which kind of file.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What its attribute ``provenance`` holds under ``title``, ``software`` and ``description``
        goes into the metadata of the file.
    path : path
        ``.png`` (300 dots an inch), ``.pdf`` or ``.svg``.

    Returns
    -------
    Path

    Raises
    ------
    UsageError
        If the suffix is another one.
    ArchiveError
        If the file cannot be written; nothing is left behind.

    Examples
    --------
    >>> import tempfile
    >>> from matplotlib.figure import Figure
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_figure(Figure(), Path(folder) / "empty.png").name
    'empty.png'
    """
    import matplotlib as mpl

    path = Path(path)
    check_figure_name(path)
    kind = path.suffix.lower().removeprefix(".")
    known = vars(figure).get("provenance", {})
    metadata = {
        theirs: known[ours] for ours, theirs in FIGURE_METADATA[kind].items() if ours in known
    }
    # Read while the file is written, so they cannot be given to savefig: letters stay letters in
    # PDF, and SVG does not change by itself. The lock keeps threads from restoring each other's.
    settings: Any = {"pdf.fonttype": 42, "svg.hashsalt": "auroral_stats"}
    with _SAVING, mpl.rc_context(settings):
        return write_whole(
            path, lambda f: figure.savefig(f, format=kind, dpi=300, metadata=metadata)
        )
