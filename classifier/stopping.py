"""Stopping a training in good order: Ctrl-C and SIGTERM are noted, and heeded between two steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from auroral_stats.errors import AuroralStatsError

__all__ = ["TrainingStopped", "stop_asked_for"]


class TrainingStopped(AuroralStatsError):
    """The training was asked to stop, and can be gone on with; exit code 130, as for Ctrl-C."""

    exit_code = 130


@contextmanager
def stop_asked_for() -> Iterator[Callable[[], bool]]:
    """Give what tells whether Ctrl-C or SIGTERM came; the second Ctrl-C is the usual one."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def note(number: int, _: Any) -> None:
        if asked.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked.set()

    before = {each: signal.signal(each, note) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
