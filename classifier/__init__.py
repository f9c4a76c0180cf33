"""Learn from all-sky frames without labels, and label the archive."""

from auroral_stats._version import __version__

__all__ = ["__version__"]
