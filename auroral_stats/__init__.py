"""Occurrence and geoeffectiveness of auroral forms, from all-sky camera labels.

Rooms are imported on first use, so that ``import auroral_stats`` (and ``auroral_stats --help``)
stays fast::

    import auroral_stats as aus
    aus.drivers.newell(400.0, 0.0, -5.0)
"""

import importlib
from types import ModuleType

from auroral_stats._version import __version__

__all__ = ["__version__"]

_ROOMS = (
    "agreement",
    "agreement_plots",
    "agreement_tables",
    "analysis",
    "archive",
    "baselines",
    "bins",
    "counts",
    "coupling",
    "covariates",
    "despiking",
    "disturbance",
    "doctor",
    "driver_plots",
    "drivers",
    "effect_plots",
    "effect_tables",
    "epochs",
    "errors",
    "figure_files",
    "finer_forms",
    "finer_plots",
    "form_epochs",
    "forms",
    "gate",
    "geoeffectiveness",
    "geometry",
    "gmag",
    "indices",
    "intervals",
    "join",
    "joined",
    "kappa",
    "label_import",
    "labels",
    "lagging",
    "mag_join",
    "matching",
    "measures",
    "nights",
    "null",
    "occurrence",
    "omni",
    "omni_variables",
    "onsets",
    "pairing",
    "pi2",
    "plots",
    "prefetch",
    "provenance",
    "rates",
    "sites",
    "standardise",
    "tables",
    "uncertainty",
)


def __getattr__(name: str) -> ModuleType:
    """Import the room ``name`` the first time it is asked for (PEP 562)."""
    if name in _ROOMS:
        return importlib.import_module(f"auroral_stats.{name}")
    raise AttributeError(f"module 'auroral_stats' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_ROOMS])
