"""The demo world in place of data of one's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from auroral_stats._cli.arguments import Cadence
from auroral_stats._cli.joining import join_store, with_magnetometers
from auroral_stats.errors import ArchiveError
from auroral_stats.terminal import console, progress_bar

if TYPE_CHECKING:
    import xarray as xr

    from auroral_stats.simulation.demo import DemoWorld

#: Below the demo world: what analysis scripts read.
_JOINED = "joined.zarr"


def demo_world(out: Path | None = None, seed: int = 0) -> DemoWorld:
    """Return the demo world, built if it is not there yet.

    Parameters
    ----------
    out : Path, optional
        Its folder; by default in the user's cache.
    seed : int

    Returns
    -------
    DemoWorld
    """
    from auroral_stats.simulation.demo import build_demo, default_demo_root
    from auroral_stats.simulation.demo_plan import DemoPlan

    root = default_demo_root(seed) if out is None else out
    with progress_bar("Building the demo world", DemoPlan().steps) as report:
        return build_demo(root, seed=seed, progress=report)


def demo_labels() -> Path:
    """Return the labels of the demo world, and say that they are used and simulated."""
    world = demo_world()
    console(stderr=True).print(
        f"Neither --labels nor --data is given: this is the demo world in {world.root}. "
        "SIMULATED DATA.",
        markup=False,
        soft_wrap=True,
    )
    return world.labels


def demo_joined(report: Callable[[str], None]) -> xr.Dataset:
    """Return the demo world joined with its drivers and magnetometers, which is kept beside it.

    Parameters
    ----------
    report : callable
        Called with what is done next.

    Returns
    -------
    xarray.Dataset
    """
    from auroral_stats.joined import open_joined, save_joined

    labels = demo_labels()
    path = labels.parent / _JOINED
    if _is_current(path):
        return open_joined(path)
    data = join_store(labels, Cadence.one, None, report, offline=True)
    data = with_magnetometers(data, labels, report, offline=True)
    report("Writing")
    try:
        save_joined(data, path)
    except ArchiveError:
        # A world that may only be read is joined each time.
        return data
    return open_joined(path)


def _is_current(path: Path) -> bool:
    """Return whether joined data are there, and no module of this package is newer."""
    marker = path / ".zattrs"
    if not marker.is_file():
        return False
    package = Path(__file__).parents[1]
    newest = max(module.stat().st_mtime for module in package.rglob("*.py"))
    return marker.stat().st_mtime > newest
