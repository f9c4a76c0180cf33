r"""The demo world: labels, solar wind and magnetometers of two winters, with their truth.

Everything that an analysis of real data reads is here in the same formats, under the same names,
in a folder of its own laid out like ``SPEDAS_DATA_DIR``, and every part of it is marked as
simulated. Beside it stands what the analysis should find.

``DIR/labels``
    label store, which names ``DIR/spedas`` as the place of its drivers
``DIR/spedas``
    ``omni/`` (1-min and hourly CDFs), ``themis/`` (magnetometer CDFs), ``geom_indices/`` (Kp)
``DIR/truth_rates.csv``, ``DIR/truth_rr.csv``
    population rates and risk ratios, see :mod:`auroral_stats.simulation.truth`
``DIR/_demo.json``
    seed, version, plan and digest of what was built
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from auroral_stats._version import __version__
from auroral_stats.errors import ArchiveError, AuroralStatsError, UsageError
from auroral_stats.labels import StoreInfo, write_labels
from auroral_stats.simulation.demo_plan import DemoPlan, stream
from auroral_stats.simulation.gmag_files import write_gmag
from auroral_stats.simulation.kp_files import write_kp_wdc
from auroral_stats.simulation.omni_columns import hourly_columns, kp_columns, minute_columns
from auroral_stats.simulation.omni_files import write_omni_hourly, write_omni_hro
from auroral_stats.simulation.season import (
    Season,
    simulate_season,
    site_forms,
    site_labels,
    station_field,
)
from auroral_stats.simulation.solar_wind import gap_mask
from auroral_stats.simulation.truth import truth_tables
from auroral_stats.staging import staging_folder

__all__ = ["DEMO_VARIABLE", "DemoWorld", "build_demo", "default_demo_root"]

#: Environment variable that names the folder of the demo world.
DEMO_VARIABLE = "AURORAL_STATS_DEMO_DIR"

_MARKER = "_demo.json"
_SOURCE = "import:demo"
_README = """Simulated data: two winters of auroral labels, solar wind and magnetometers.

Nothing here was observed. labels/ is a label store; spedas/ has the files of its solar wind,
geomagnetic indices and magnetometers in the layout of SPEDAS_DATA_DIR; truth_rates.csv and
truth_rr.csv have what an analysis of them should find. Made by auroral_stats.
"""


@dataclass(frozen=True)
class DemoWorld:
    """Where the parts of a demo world lie.

    Attributes
    ----------
    root : Path
        Folder of everything.
    labels : Path
        Label store.
    spedas : Path
        Files in the layout of ``SPEDAS_DATA_DIR``.
    truth_rates, truth_rr : Path
        Tables of the truth.
    """

    root: Path
    labels: Path
    spedas: Path
    truth_rates: Path
    truth_rr: Path

    @classmethod
    def at(cls, root: Path) -> DemoWorld:
        """Return the world that lies, or is to lie, at ``root``."""
        return cls(
            root,
            root / "labels",
            root / "spedas",
            root / "truth_rates.csv",
            root / "truth_rr.csv",
        )


def default_demo_root(seed: int = 0) -> Path:
    """Return where the demo world is kept if no folder is named.

    Parameters
    ----------
    seed : int

    Returns
    -------
    Path
        The folder that the environment variable AURORAL_STATS_DEMO_DIR names; else
        ``auroral_stats/demo-VERSION-SEED`` below the user's cache folder (XDG_CACHE_HOME, or that
        of the platform).

    Examples
    --------
    >>> default_demo_root(3).name.startswith("demo-")
    True
    """
    given = os.environ.get(DEMO_VARIABLE)
    if given:
        return Path(given).expanduser().absolute()
    cache = os.environ.get("XDG_CACHE_HOME", "")
    if not Path(cache).is_absolute():
        cache = ""  # as the specification of these folders has it
    if not cache and sys.platform == "win32":
        cache = os.environ.get("LOCALAPPDATA")
    elif not cache and sys.platform == "darwin":
        cache = "~/Library/Caches"
    folder = Path(cache or "~/.cache").expanduser() / "auroral_stats"
    return folder.absolute() / f"demo-{__version__}-{seed}"


def build_demo(
    out: str | Path,
    *,
    seed: int = 0,
    plan: DemoPlan | None = None,
    progress: Callable[[str], None] | None = None,
) -> DemoWorld:
    """Build the demo world, or return the one that is there.

    Parameters
    ----------
    out : path
        Folder to be made. A complete demo world of the same seed, version and plan is used as it
        is; an empty folder is filled.
    seed : int
    plan : DemoPlan, optional
        How large it is to be.
    progress : callable, optional
        Called with a line on what is done next.

    Returns
    -------
    DemoWorld

    Raises
    ------
    UsageError
        If something else is there, or the seed is negative.
    ArchiveError
        If it cannot be written, or what is there was changed since it was built. Whatever fails,
        nothing is left behind.

    Examples
    --------
    >>> world = build_demo("DEMO")  # doctest: +SKIP
    >>> world.labels, world.spedas  # doctest: +SKIP
    (PosixPath('DEMO/labels'), PosixPath('DEMO/spedas'))
    """
    plan = plan or DemoPlan()
    root = Path(out).absolute()
    stream(seed)
    kind = {"seed": seed, "version": __version__, "plan": json.loads(json.dumps(asdict(plan)))}
    if _is_there(root, kind):
        return DemoWorld.at(root)
    if root.is_mount():
        raise UsageError(
            f"{root}: is where a file system is mounted, and a folder that is built elsewhere "
            "cannot take its place; name a folder below it."
        )
    say = progress or (lambda _: None)
    try:
        with staging_folder(root.parent) as folder:
            staged = folder / root.name
            staged.mkdir()
            _build(DemoWorld.at(staged), seed, plan, say)
            marker = {"simulated": True, **kind, "digest": _digest(staged)}
            (staged / _MARKER).write_text(json.dumps(marker, indent=1) + "\n", encoding="utf-8")
            try:
                if root.is_dir():
                    root.rmdir()
                staged.replace(root)
            except OSError:
                # Another program may have built the same world in the meantime.
                if not _is_there(root, kind):
                    raise
    except (OSError, AuroralStatsError) as error:
        cause = _system_error(error)
        if cause is None:
            raise
        full = cause.errno in {errno.ENOSPC, errno.EDQUOT}
        raise ArchiveError(
            f"{root}: the demo world cannot be written ({cause.strerror}); nothing was left behind. "
            f"{'It needs some 200 MB: make room, or c' if full else 'C'}hoose another folder "
            f"(demo --out, or the environment variable {DEMO_VARIABLE})."
        ) from error
    return DemoWorld.at(root)


def _system_error(error: BaseException | None) -> OSError | None:
    """Return the error of the system that is behind an error, if there is one."""
    while error is not None:
        if isinstance(error, OSError) and error.strerror:
            return error
        error = error.__cause__
    return None


def _is_there(root: Path, kind: dict[str, Any]) -> bool:
    """Return whether this world is there; refuse whatever else is."""
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return False
    try:
        found = json.loads((root / _MARKER).read_text(encoding="utf-8"))
        held = {key: found[key] for key in kind}
        digest = found["digest"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(
            f"{root}: exists and is no demo world; choose another folder, or remove it."
        ) from None
    if held != kind:
        raise UsageError(
            f"{root}: holds the demo world of seed {held['seed']} and version {held['version']}"
            f"{'' if held['plan'] == kind['plan'] else ', of another size'}; asked for is seed "
            f"{kind['seed']} and version {kind['version']}. Choose another folder, or remove it."
        )
    if _digest(root) != digest:
        raise ArchiveError(
            f"{root}: the demo world was changed since it was built. Remove the folder; it is "
            "built again in a minute."
        )
    return True


def _digest(root: Path) -> str:
    """Return a digest of the names and contents of all that was built; empty if some is gone."""
    world = DemoWorld.at(root)
    files = [world.truth_rates, world.truth_rr]
    for folder in (world.labels, world.spedas):
        files += sorted(path for path in folder.rglob("*") if path.is_file())
    digest = hashlib.sha256()
    try:
        for path in files:
            digest.update(path.relative_to(root).as_posix().encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    except OSError:
        return ""
    return digest.hexdigest()


def _build(world: DemoWorld, seed: int, plan: DemoPlan, progress: Callable[[str], None]) -> None:
    """Write all parts of the world into an empty folder."""
    failed = threading.Event()

    def go_on(*_: int) -> None:
        if failed.is_set():
            raise CancelledError

    with ThreadPoolExecutor(1) as beside:
        # The truth needs no file, and NumPy lets go of the interpreter: a second core is used.
        truth = beside.submit(truth_tables, plan, seed, progress=go_on)
        try:
            _write_world(world, seed, plan, progress)
            progress("Computing the truth")
            rates, ratios = truth.result()
        except BaseException:
            failed.set()
            raise
    for table, path in ((rates, world.truth_rates), (ratios, world.truth_rr)):
        table.to_csv(path, index=False, float_format="%.6g", lineterminator="\n")
    (world.root / "README.txt").write_text(_README, encoding="utf-8")


def _write_world(
    world: DemoWorld, seed: int, plan: DemoPlan, progress: Callable[[str], None]
) -> None:
    minute, hourly, kp = [], [], []
    for number in range(len(plan.winters)):
        which = f"winter {number + 1} of {len(plan.winters)}"
        progress(f"Simulating the solar wind, {which}")
        season = simulate_season(plan, seed, number)
        rng = stream(seed, number, 1)
        missing = gap_mask(rng, season.calendar.time.size)
        minute.append(minute_columns(rng, season.calendar.time, season.wind, season.jet, missing))
        kp.append(kp_columns(season.calendar.time, season.jet))
        hourly.append(hourly_columns(rng, minute[-1], kp[-1]))
        for site, code in enumerate(plan.sites):
            progress(f"Writing labels and magnetometer of {code}, {which}")
            _write_site(world, plan, season, site)
    progress("Writing solar wind and indices")
    # Without compression, which would put the time of writing into the files.
    write_omni_hro(_joined(minute), world.spedas, simulated=True, compress=0)
    write_omni_hourly(_joined(hourly), world.spedas, simulated=True, compress=0)
    held = _joined(kp)
    write_kp_wdc(held["time"], held["Kp"], world.spedas, simulated=True, ap=held["ap"])


def _write_site(world: DemoWorld, plan: DemoPlan, season: Season, site: int) -> None:
    """Write the labels and the magnetometer of one site in one winter."""
    code = plan.sites[site]
    sequence = site_forms(plan, season, site)
    time, label = site_labels(plan, season, sequence, site)
    info = StoreInfo(_SOURCE, simulated=True, archive="../spedas")
    write_labels(world.labels, code, time, label, info=info)
    for stamps, field in station_field(plan, season, sequence, site):
        write_gmag(code, stamps, field, world.spedas, simulated=True, compress=0)


def _joined(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
