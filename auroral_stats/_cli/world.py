"""The demo world in place of data of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from auroral_stats.terminal import console, progress_bar

if TYPE_CHECKING:
    from auroral_stats.simulation.demo import DemoWorld


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
