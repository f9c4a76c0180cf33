"""Which kinds of file a figure can be, known without loading matplotlib."""

from __future__ import annotations

from pathlib import Path

from auroral_stats.errors import UsageError

#: Under which name each kind of file keeps what we say of a figure.
FIGURE_METADATA = {
    "png": {"title": "Title", "software": "Software", "description": "Description"},
    "pdf": {"title": "Title", "software": "Creator", "description": "Subject"},
    "svg": {"title": "Title", "software": "Creator", "description": "Description"},
}


def check_figure_name(path: Path) -> None:
    """Refuse a name that no figure can have, before anything is drawn.

    Parameters
    ----------
    path : Path

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
        raise UsageError(f"--plot {path}: expected a name that ends in .png, .pdf or .svg.")
