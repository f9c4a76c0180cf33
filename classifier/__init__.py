"""Labels for all-sky camera frames, written to the label store that ``auroral_stats`` reads.

Importing the package does not import torch; the rooms that need it import it when they are used.
The only room of ``auroral_stats`` used here is ``labels``: the store is the whole contract.
"""

from importlib import metadata

__all__ = ["__version__"]

#: Version of the installed distribution that holds both packages.
__version__ = metadata.version("auroral_stats")
