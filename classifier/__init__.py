"""Labels for all-sky camera frames, written to the label store that ``auroral_stats`` reads.

Importing the package does not import torch; the rooms that need it import it when they are used.
Of ``auroral_stats`` only the label store is used, which is the whole contract, and what lies beneath
both packages: sites, positions of Sun and Moon, magnetic coordinates, and writing files whole.
"""

from importlib import metadata

__all__ = ["__version__"]

#: Version of the installed distribution that holds both packages.
__version__ = metadata.version("auroral_stats")
