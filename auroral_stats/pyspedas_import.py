"""Import parts of pyspedas, and leave the user's logging as it was.

pyspedas writes to the root logger; on import it sets that logger's level, the format of the user's
own first handler, and ``logging.captureWarnings``.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from auroral_stats.errors import UsageError

__all__ = ["pyspedas_module", "pyspedas_quiet"]


@contextmanager
def pyspedas_quiet() -> Iterator[list[str]]:
    """Collect what pyspedas logs instead of showing it, and put logging back afterwards.

    Yields
    ------
    list of str
        The messages of pyspedas, as they come. Records of anyone else pass untouched.
    """
    spec = importlib.util.find_spec("pyspedas")
    folders = tuple(spec.submodule_search_locations or ()) if spec else ()
    said: list[str] = []

    def drop(record: logging.LogRecord) -> bool:
        if folders and record.pathname.startswith(folders):
            said.append(record.getMessage())
            return False
        return True

    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    formats = [(handler, handler.formatter) for handler in handlers]
    # With no handler at all, the first logging.info() would install one for good.
    silence = logging.NullHandler()
    root.addHandler(silence)
    root.addFilter(drop)
    show = warnings.showwarning
    try:
        yield said
    finally:
        if warnings.showwarning is not show:
            logging.captureWarnings(False)
        root.removeFilter(drop)
        for handler in list(root.handlers):
            if handler not in handlers:
                root.removeHandler(handler)
        for handler, formatter in formats:
            handler.setFormatter(formatter)
        root.setLevel(level)


def pyspedas_module(name: str) -> Any:
    """Return a module of pyspedas.

    Parameters
    ----------
    name : str
        Full name, such as ``pyspedas.utilities.dailynames``.

    Returns
    -------
    module

    Raises
    ------
    UsageError
        If pyspedas refuses its preferences file or an environment variable.

    Examples
    --------
    >>> pyspedas_module("pyspedas.utilities.dailynames").dailynames(trange=[0.0, 86_400.0])
    ['19700101']
    """
    with warnings.catch_warnings(), pyspedas_quiet():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(name)
        except (ValueError, TypeError) as error:  # how pyspedas refuses its preferences
            raise UsageError(
                f"pyspedas cannot be configured: {error}. Correct its preferences file or the "
                "environment variable it names."
            ) from error
