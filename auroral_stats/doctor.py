"""A report on this installation that can be pasted into a question: versions, caches, demo, GPU.

No connection is opened and no host name is looked up.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auroral_stats._version import __version__
from auroral_stats.errors import AuroralStatsError
from auroral_stats.findings import Finding, worst
from auroral_stats.installation import (
    GPU_SECONDS,
    attempt,
    examine_geometry,
    examine_gpu,
    examine_software,
)

if TYPE_CHECKING:
    from auroral_stats.simulation.demo_plan import DemoPlan

__all__ = ["examine", "examine_demo", "examine_sites", "report"]


def examine(
    progress: Callable[[str], None] | None = None, *, gpu_seconds: float = GPU_SECONDS
) -> list[Finding]:
    """Look at everything that a command may need.

    Parameters
    ----------
    progress : callable, optional
        Called with what is looked at next.
    gpu_seconds : float
        How long torch may take to tell of a GPU; 0 to leave GPUs out.

    Returns
    -------
    list of Finding
        Topic by topic. If a package that is needed is missing, what rests on it is not looked at.
    """
    say = progress or (lambda _: None)
    say("Looking at the software")
    found = list(examine_software())
    if worst(found) == "fault":
        return found
    # Only now: these rooms load the packages that were looked for above.
    from auroral_stats.cache_holdings import examine_caches

    with ThreadPoolExecutor(1) as beside:
        # Another process, and slow: it runs while this one looks at the rest.
        gpu = beside.submit(lambda: list(examine_gpu(gpu_seconds) if gpu_seconds else ()))
        found += examine_geometry()
        say("Looking at the caches")
        found += examine_caches()
        found.append(examine_sites())
        say("Looking at the demo world")
        found.append(examine_demo())
        say("Asking for a GPU")
        return [*found, *gpu.result()]


def examine_sites() -> Finding:
    """Return how many sites are known, and whether the user's own table of them can be read."""
    from auroral_stats.sites import SITES_VARIABLE, site_names

    topic, name, own = "Sites and demo world", "sites", os.environ.get(SITES_VARIABLE)

    def look() -> Finding:
        known = site_names()
        where = f", with those of {own}" if own else ""
        return Finding(topic, name, "ok", f"{len(known)}{where}", details={"sites": list(known)})

    return attempt(topic, name, look, f"correct the file, or {SITES_VARIABLE}, which names it")


def examine_demo(root: Path | None = None, plan: DemoPlan | None = None) -> Finding:
    """Return whether the demo world is there, and whole.

    Parameters
    ----------
    root : Path, optional
        Its folder; by default the one that commands without data use.
    plan : DemoPlan, optional
        How large it is to be.

    Returns
    -------
    Finding
        One that is not built yet is no fault: the first command that needs it builds it.
    """
    from auroral_stats.simulation.demo import DEMO_VARIABLE, build_demo, default_demo_root

    topic, name = "Sites and demo world", "demo world"
    folder = default_demo_root() if root is None else root
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        text = f"not built yet; 'auroral_stats demo' builds it in {folder}"
        return Finding(topic, name, "ok", text, details={"folder": str(folder)})
    try:
        world = build_demo(folder, plan=plan)
    except AuroralStatsError as error:
        remedy = f"remove the folder, or name another one in {DEMO_VARIABLE}"
        return Finding(topic, name, "fault", str(error), remedy, {"folder": str(folder)})
    size = sum(path.stat().st_size for path in world.root.rglob("*") if path.is_file())
    text = f"{world.root}, whole, {size / 1e6:,.0f} MB"
    return Finding(topic, name, "ok", text, details={"folder": str(world.root), "bytes": size})


def report(findings: list[Finding]) -> dict[str, Any]:
    """Return the findings as JSON can hold them.

    Parameters
    ----------
    findings : list of Finding

    Returns
    -------
    dict
        ``auroral_stats`` (version), ``created`` (UTC), ``state`` (the worst of all) and
        ``findings``, each with the attributes of :class:`~auroral_stats.findings.Finding`.

    Examples
    --------
    >>> report([Finding("Software", "numpy", "ok", "2.4.6")])["state"]
    'ok'
    """
    return {
        "auroral_stats": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "state": worst(findings),
        "findings": [vars(finding) | {"details": dict(finding.details)} for finding in findings],
    }
