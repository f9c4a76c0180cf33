"""Joined data for a command: made from a label store, or opened and cut to what is asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from auroral_stats._cli.arguments import Cadence
from auroral_stats.errors import ArchiveError, UsageError

if TYPE_CHECKING:
    import xarray as xr

    from auroral_stats.drivers import Driver

#: Where the cadence of the drivers from each origin stands in joined data.
_AXES = {"omni": "driver_time", "hourly": "hour_time", "kp": "kp_time"}


def join_store(
    labels: Path,
    omni: Cadence,
    drivers: Sequence[Driver] | None,
    report: Callable[[str], None],
    *,
    sites: Sequence[str] | None = None,
    **options: Any,
) -> xr.Dataset:
    """Join a label store; where only hourly solar wind is there, say that it can be used.

    Parameters
    ----------
    labels : Path
    omni : Cadence
    drivers : sequence of Driver, optional
        All by default.
    report : callable
        Called with what is done next.
    sites : sequence of str, optional
        All in the store by default.
    **options
        For :func:`auroral_stats.join.join`.

    Returns
    -------
    xarray.Dataset
    """
    from auroral_stats.join import join
    from auroral_stats.label_store import check_store
    from auroral_stats.sites import check_sites

    if sites is not None:
        check_sites(sites)
    check_store(labels)
    try:
        return join(
            labels, drivers=drivers, omni=omni.value, sites=sites, progress=report, **options
        )
    except ArchiveError as error:
        remedy = _hourly_remedy(labels, omni, drivers)
        if not remedy:
            raise
        raise ArchiveError(f"{error} {remedy}") from error


def with_magnetometers(
    data: xr.Dataset,
    labels: Path,
    report: Callable[[str], None],
    *,
    stations: Mapping[str, str] | None = None,
    offline: bool = False,
) -> xr.Dataset:
    """Add the magnetometers of the sites; those of simulated labels come from their own world.

    Parameters
    ----------
    data : xarray.Dataset
        Joined from ``labels``.
    labels : Path
    report : callable
        Called with what is done next.
    stations : mapping of site to station, optional
    offline : bool

    Returns
    -------
    xarray.Dataset
    """
    from auroral_stats.labels import open_labels
    from auroral_stats.mag_join import add_magnetometers

    info = open_labels(labels).info
    own = info.simulated and info.archive is not None
    return add_magnetometers(
        data,
        stations=stations,
        offline=offline,
        root=(labels / str(info.archive)).resolve() if own else None,
        progress=report,
    )


def _hourly_remedy(labels: Path, omni: Cadence, drivers: Sequence[Driver] | None) -> str:
    """Return a sentence if there is hourly solar wind and none of the cadence asked for."""
    from auroral_stats.archive import PRODUCTS, cache_folder
    from auroral_stats.labels import open_labels
    from auroral_stats.omni_variables import omni_variables

    if omni is Cadence.hourly:
        return ""
    hourly = {variable.name for variable in omni_variables("hourly")}
    needed = {name for d in drivers or () if d.origin == "omni" for name in d.inputs}
    if needed - hourly:
        return ""
    info = open_labels(labels).info
    if info.simulated and info.archive is None:
        return ""
    folder = cache_folder("omni", labels / str(info.archive) if info.simulated else None)

    def there(product: str) -> bool:
        name = PurePosixPath(PRODUCTS[product].pattern).name
        return any(folder.rglob(re.sub(r"(%[a-zA-Z])+", "*", name)))

    if there(f"hro_{omni.value}") or not there("hourly"):
        return ""
    return f"There is hourly solar wind in {folder}: --omni hourly uses it."


def cadences_of(data: xr.Dataset) -> dict[str, int]:
    """Return the minutes between driver values in joined data, by origin."""
    return {
        origin: int(data[axis].attrs["cadence_minutes"])
        for origin, axis in _AXES.items()
        if axis in data.dims
    }


def cadences_from(omni: Cadence) -> dict[str, int]:
    """Return the minutes between driver values that a join will have, by origin."""
    return {"omni": {"1min": 1, "5min": 5, "hourly": 60}[omni.value], "hourly": 60, "kp": 180}


def check_held(data: xr.Dataset, drivers: Sequence[Driver], path: Path) -> None:
    """Refuse a driver that joined data do not hold.

    Raises
    ------
    UsageError
        As for a driver that the chosen OMNI data set does not have.
    """
    for driver in drivers:
        lacking = [n for n in driver.inputs if driver.origin != "frames" and n not in data]
        if lacking:
            cadence = data.attrs.get("omni_cadence", "unknown")
            raise UsageError(
                f"--by {driver.name}: {path} was joined without {', '.join(lacking)} "
                f"(solar wind: {cadence}). Choose another driver, or join again with the files "
                "or the --omni that has it."
            )
