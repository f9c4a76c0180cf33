"""What of the software is installed, in which version, and whether it does its work.

Packages are looked up in their metadata. Neither torch nor anything else that is optional is
imported in this process: whether torch finds a GPU is asked of another Python, which may take its
time, or fail, without harm.
"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet

from auroral_stats._version import __version__
from auroral_stats.findings import Finding, State

__all__ = ["GPU_SECONDS", "attempt", "examine_geometry", "examine_gpu", "examine_software"]

#: How long another program may take to tell of a GPU. The first import of torch reads gigabytes.
GPU_SECONDS = 90.0

#: Optional, and what it is for.
_OPTIONAL = {"torch": "only auroral_classifier needs it"}
_INSTALL_TORCH = "pip install 'auroral_stats[classifier]'"
_ASK_TORCH = """
import json, torch
gpus = [torch.cuda.get_device_name(k) for k in range(torch.cuda.device_count())]
print(json.dumps({"built_for": torch.version.cuda or torch.version.hip, "gpus": gpus,
                  "mps": torch.backends.mps.is_available()}))
"""


def examine_software() -> Iterator[Finding]:
    """Yield Python, the platform and every package that is needed, with its version.

    Yields
    ------
    Finding
        A package that is missing, or older than it must be, is a fault; an optional one that is
        missing is none.
    """
    topic = "Software"
    try:
        needed = str(metadata.metadata("auroral_stats")["Requires-Python"])
    except metadata.PackageNotFoundError:
        text = f"{__version__}, in {Path(__file__).parent}, without what an installation records"
        remedy = "install it: pip install --editable . in the folder with pyproject.toml"
        yield Finding(topic, "auroral_stats", "fault", text, remedy)
        return
    yield Finding(topic, "auroral_stats", "ok", f"{__version__}, in {Path(__file__).parent}")
    version = platform.python_version()
    fits = version in SpecifierSet(needed)
    yield Finding(
        topic,
        "python",
        "ok" if fits else "fault",
        f"{version}, {sys.executable}",
        "" if fits else f"use a Python {needed}",
    )
    yield Finding(topic, "platform", "ok", platform.platform())
    for requirement in _requirements():
        yield _package(requirement, topic)


def _requirements() -> list[Requirement]:
    """Return what the installation asks for, what is needed first."""
    found = []
    for text in metadata.requires("auroral_stats") or ():
        try:
            found.append(Requirement(text))
        except InvalidRequirement:
            continue
    needed = [one for one in found if one.marker is None or one.marker.evaluate({"extra": ""})]
    return needed + [one for one in found if one.name in _OPTIONAL and one not in needed]


def _package(requirement: Requirement, topic: str) -> Finding:
    """Return whether one package is there, and new enough."""
    name, optional = requirement.name, requirement.name in _OPTIONAL
    repair = (
        _INSTALL_TORCH if optional else f"pip install --upgrade '{name}{requirement.specifier}'"
    )
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        if optional:
            return Finding(topic, name, "note", f"not installed; {_OPTIONAL[name]}", repair)
        return Finding(topic, name, "fault", "not installed", repair)
    if not requirement.specifier.contains(version, prereleases=True):
        text = f"{version}; needed is {requirement.specifier}"
        state: State = "note" if optional else "fault"
        return Finding(topic, name, state, text, repair, {"version": version})
    return Finding(topic, name, "ok", version, details={"version": version})


def attempt(topic: str, name: str, look: Callable[[], Finding], remedy: str) -> Finding:
    """Return what ``look`` finds; a fault if it fails, whatever the reason.

    Parameters
    ----------
    topic, name : str
    look : callable
    remedy : str
        What to do if it fails.

    Returns
    -------
    Finding

    Examples
    --------
    >>> attempt("Software", "division", lambda: 1 / 0, "divide by something").text
    'division by zero'
    """
    try:
        return look()
    except Exception as error:  # noqa: BLE001  # a broken library can raise anything
        return Finding(topic, name, "fault", str(error) or type(error).__name__, remedy)


def examine_geometry() -> Iterator[Finding]:
    """Yield whether Sun, Moon and magnetic coordinates can be computed, and until when.

    Yields
    ------
    Finding
    """
    topic = "Geometry, without a network"
    again = "pip install --force-reinstall {}"
    for name, look, package in (
        ("Sun and Moon", _sun_and_moon, "pyerfa"),
        ("magnetic coordinates", _magnetic_coordinates, "aacgmv2"),
    ):
        yield attempt(topic, name, partial(look, topic, name), again.format(package))
    yield _earth_orientation(topic)


def _sun_and_moon(topic: str, name: str) -> Finding:
    """Return whether the Moon is where it can be."""
    import numpy as np

    from auroral_stats.ephemeris import EPHEMERIS_SPAN, sun_moon_positions

    _, moon = sun_moon_positions(np.array(["2014-03-10T06:02"], "M8[ms]"))
    distance = float(np.linalg.norm(moon))
    if not 356_000 < distance < 407_000:
        raise ValueError(f"pyerfa has the Moon at a distance of {distance:,.0f} km")
    years = " to ".join(str(limit.astype("M8[Y]")) for limit in EPHEMERIS_SPAN)
    return Finding(topic, name, "ok", f"pyerfa, {years}; no tables are needed")


def _magnetic_coordinates(topic: str, name: str) -> Finding:
    """Return whether Goose Bay is where it was, and until when there are coefficients."""
    import numpy as np

    from auroral_stats.aacgm import aacgm_coordinates, aacgm_span

    place = np.array([53.316]), np.array([299.540])
    mlat, _ = aacgm_coordinates(np.array(["2008-01-01"], "M8[ms]"), *place)
    if not abs(float(mlat[0, 0]) - 60.70) < 0.1:
        raise ValueError(f"aacgmv2 has Goose Bay at {float(mlat[0, 0]):.2f} deg in 2008, not 60.70")
    start, end = aacgm_span()
    text = f"aacgmv2, coefficients of {start.astype('M8[Y]')} to {end.astype('M8[Y]')}"
    if np.datetime64(datetime.now(UTC).replace(tzinfo=None), "ms") < end:
        return Finding(topic, name, "ok", text)
    remedy = "pip install --upgrade aacgmv2, for frames of this year"
    return Finding(topic, name, "note", text, remedy)


def _earth_orientation(topic: str) -> Finding:
    """Return which tables of Earth orientation came with astropy; none of ours needs them."""
    name = "astropy IERS tables"
    try:
        version = metadata.version("astropy-iers-data")
    except metadata.PackageNotFoundError:
        text = "not installed; auroral_stats needs none, other uses of astropy would fetch them"
        return Finding(topic, name, "note", text, "pip install astropy-iers-data")
    text = f"astropy-iers-data {version}; auroral_stats needs none of them"
    return Finding(topic, name, "ok", text, details={"version": version})


def examine_gpu(seconds: float = GPU_SECONDS) -> Iterator[Finding]:
    """Yield which GPUs the driver and torch see, each asked in a process of its own.

    Parameters
    ----------
    seconds : float
        How long each may take.

    Yields
    ------
    Finding
    """
    topic = "GPU, for auroral_classifier"
    smi = shutil.which("nvidia-smi")
    seen: list[str] = []
    if smi is None:
        yield Finding(topic, "nvidia-smi", "ok", "not there: no NVIDIA driver")
    else:
        query = ["--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
        code, answer = _ask([smi, *query], min(seconds, 20.0))
        if code == 0:
            seen = answer.splitlines()
            yield Finding(topic, "nvidia-smi", "ok", "; ".join(seen) or "no GPU")
        else:
            yield Finding(
                topic, "nvidia-smi", "note", answer, "look at the NVIDIA driver of this machine"
            )
    try:
        metadata.version("torch")
    except metadata.PackageNotFoundError:
        return
    code, answer = _ask([sys.executable, "-c", _ASK_TORCH], seconds)
    if code is None:
        yield Finding(topic, "torch", "note", answer, "ask again when the machine is less busy")
        return
    if code:
        yield Finding(topic, "torch", "fault", f"cannot be imported: {answer}", _INSTALL_TORCH)
        return
    told = json.loads(answer.splitlines()[-1])
    built = f"built for CUDA {told['built_for']}" if told["built_for"] else "built for CPUs alone"
    if told["gpus"]:
        text = f"sees {', '.join(told['gpus'])}; {built}"
        yield Finding(topic, "torch", "ok", text, details=told)
    elif told["mps"]:
        yield Finding(topic, "torch", "ok", "sees an Apple GPU (mps)", details=told)
    elif seen:
        remedy = "install a torch that fits the driver, from https://pytorch.org/get-started"
        yield Finding(topic, "torch", "note", f"sees no GPU; {built}", remedy, told)
    else:
        yield Finding(topic, "torch", "ok", f"sees no GPU; {built}", details=told)


def _ask(command: list[str], seconds: float) -> tuple[int | None, str]:
    """Return the exit code of a program and what it said; None if it took too long."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds, check=False, errors="replace"
        )
    except subprocess.TimeoutExpired:
        return None, f"no answer within {seconds:g} s"
    except OSError as error:
        return 1, str(error)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        return done.returncode, lines[-1] if lines else f"exit status {done.returncode}"
    return 0, done.stdout.strip()
