"""``auroral_stats drivers`` and ``auroral_stats sites``: what is known without data."""

from __future__ import annotations

from auroral_stats.terminal import console


def drivers() -> None:
    """List what --by takes, with units, default lags and bins."""
    from auroral_stats.screen import drivers_table

    console().print(drivers_table())


def sites() -> None:
    """List the camera sites and the magnetometers beside them."""
    from auroral_stats.screen import sites_table

    console().print(sites_table())
