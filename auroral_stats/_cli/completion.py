"""What the shell offers when a word of an option is begun and the tab key is pressed.

A shell runs the program for every press of the key, so nothing heavy is imported here. That is why
the names of the drivers are listed, and not read from their registry, which loads xarray; a test
holds the two together.
"""

from __future__ import annotations

_DRIVERS = """Bx By Bz B B_T clock_angle cone_angle flow_speed proton_density temperature pressure E beta
Mach_num newell kan_lee epsilon vBs milan AE AL AU SYM_H SYM_D ASY_H ASY_D Kp ap Dst F10_7 mlt
mlat site month season year hour sun_elevation moon_elevation moon_illumination"""

#: Names of :data:`auroral_stats.drivers.DRIVERS`, in its order.
DRIVER_NAMES = tuple(_DRIVERS.split())

#: Names of :data:`auroral_stats.labels.CLASSES`.
CLASS_NAMES = ("arc", "diffuse", "discrete", "cloudy", "moon", "clear")

#: Names of :data:`auroral_stats.agreement.GROUPINGS`.
GROUPING_NAMES = ("site", "month", "season", "year", "hour")


def complete_drivers(incomplete: str) -> list[str]:
    """Return the drivers that begin with what is typed.

    Examples
    --------
    >>> complete_drivers("B")[:3], complete_drivers("site,ne")
    (['Bx', 'By', 'Bz'], ['site,newell'])
    """
    return _begun(incomplete, DRIVER_NAMES)


def complete_classes(incomplete: str) -> list[str]:
    """Return the classes that begin with what is typed.

    Examples
    --------
    >>> complete_classes("di")
    ['diffuse', 'discrete']
    """
    return _begun(incomplete, CLASS_NAMES)


def complete_groupings(incomplete: str) -> list[str]:
    """Return what ``agree`` can part frames by.

    Examples
    --------
    >>> complete_groupings("site,mon")
    ['site,month']
    """
    return _begun(incomplete, GROUPING_NAMES)


def complete_sites(incomplete: str) -> list[str]:
    """Return the sites, the user's own among them, whose codes begin with what is typed.

    Examples
    --------
    >>> complete_sites("gill,ran")
    ['gill,rank']
    """
    from auroral_stats.errors import AuroralStatsError
    from auroral_stats.sites import site_names

    try:
        return _begun(incomplete, list(site_names()))
    except AuroralStatsError:
        # A table of sites that cannot be read is a matter for the command, not for the shell.
        return []


def _begun(incomplete: str, names: tuple[str, ...] | list[str]) -> list[str]:
    """Return the names that begin with the word after the last comma; those before it stay."""
    before, comma, word = incomplete.rpartition(",")
    given = before.split(",")
    return [
        f"{before}{comma}{name}" for name in names if name.startswith(word) and name not in given
    ]
