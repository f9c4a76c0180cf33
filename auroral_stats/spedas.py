"""What pyspedas calls the files of OMNI and Kp, where it keeps them and where it gets them.

Names come from pyspedas' own functions and folders and servers from its own configuration; only
the environment is read again at each call, since pyspedas reads it once, when it is imported.
"""

from __future__ import annotations

import importlib
import os
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np

from auroral_stats.downloads import pyspedas_quiet
from auroral_stats.errors import UsageError
from auroral_stats.periods import Period

__all__ = [
    "CACHES",
    "PRODUCTS",
    "Cache",
    "Mission",
    "Product",
    "cache_folder",
    "download_allowed",
    "file_names",
    "file_period",
    "server_address",
]

Mission = Literal["omni", "kp", "themis"]


@dataclass(frozen=True)
class Product:
    """One kind of file in the archive.

    Attributes
    ----------
    name : str
        Key in :data:`PRODUCTS`.
    title : str
        What messages call it.
    mission : str
        Which cache and which pyspedas configuration it belongs to.
    pattern : str
        Path below the cache as pyspedas spells it: strftime codes, ``??`` for the version.
    span : str
        What one file covers.
    """

    name: str
    title: str
    mission: Mission
    pattern: str
    span: Literal["month", "half-year", "year"]


PRODUCTS: dict[str, Product] = {
    product.name: product
    for product in (
        Product(
            "hro_1min",
            "OMNI HRO 1-min",
            "omni",
            "hro_1min/%Y/omni_hro_1min_%Y%m01_v??.cdf",
            "month",
        ),
        Product(
            "hro_5min",
            "OMNI HRO 5-min",
            "omni",
            "hro_5min/%Y/omni_hro_5min_%Y%m01_v??.cdf",
            "month",
        ),
        Product(
            "hourly",
            "hourly OMNI2",
            "omni",
            "hourly/%Y/omni2_h0_mrg1hr_%Y%m01_v??.cdf",
            "half-year",
        ),
        Product("kp", "GFZ Kp", "kp", "Kp_def%Y.wdc", "year"),
    )
}


@dataclass(frozen=True)
class Cache:
    """Where pyspedas keeps and gets the files of one mission."""

    subfolder: str
    variable: str
    config: str
    remote_key: str
    mirror_variable: str
    no_download_variable: str = ""


CACHES: dict[Mission, Cache] = {
    "omni": Cache(
        "omni",
        "OMNI_DATA_DIR",
        "pyspedas.projects.omni.config",
        "remote_data_dir",
        "AURORAL_STATS_OMNI_MIRROR",
        "OMNI_NO_DOWNLOAD",
    ),
    "kp": Cache(
        "geom_indices",
        "KP_DATA_DIR",
        "pyspedas.projects.noaa.config",
        "gfz_remote_data_dir",
        "AURORAL_STATS_KP_MIRROR",
    ),
    "themis": Cache(
        "themis",
        "THM_DATA_DIR",
        "pyspedas.projects.themis.config",
        "remote_data_dir",
        "AURORAL_STATS_THEMIS_MIRROR",
        "THM_NO_DOWNLOAD",
    ),
}


def _module(name: str) -> Any:
    """Import a part of pyspedas without its effects on logging."""
    with warnings.catch_warnings(), pyspedas_quiet():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(name)
        except (ValueError, TypeError) as error:  # how pyspedas refuses its preferences
            raise UsageError(
                f"pyspedas cannot be configured: {error}. Correct its preferences file or the "
                "environment variable it names."
            ) from error


def cache_folder(mission: Mission, root: Path | str | None = None) -> Path:
    """Return the folder in which the files of a mission are kept.

    Parameters
    ----------
    mission : {"omni", "kp", "themis"}
    root : path, optional
        A folder laid out like ``SPEDAS_DATA_DIR``. Without it the folder is what pyspedas is
        configured to use: its own environment variable (OMNI_DATA_DIR, KP_DATA_DIR, THM_DATA_DIR),
        else SPEDAS_DATA_DIR, else the pyspedas preferences, else the pyspedas default. The
        environment is read now, not when pyspedas was imported.

    Returns
    -------
    Path
        Absolute; need not exist.

    Raises
    ------
    UsageError
        If pyspedas is configured to keep data behind an address that is no local folder.

    Examples
    --------
    >>> cache_folder("omni", "/data/world").as_posix()
    '/data/world/omni'
    """
    cache = CACHES[mission]
    if root is not None:
        return (Path(root) / cache.subfolder).absolute()
    own, common = os.environ.get(cache.variable), os.environ.get("SPEDAS_DATA_DIR")
    if own:
        folder = own
    elif common:
        folder = f"{common}{os.sep}{cache.subfolder}"
    else:
        folder = str(_module(cache.config).CONFIG["local_data_dir"])
    if "://" in folder:
        raise UsageError(
            f"pyspedas keeps {mission} data at {folder}, which is no local folder. "
            f"Set {cache.variable} to a folder on this machine."
        )
    return Path(folder).absolute()


def server_address(mission: Mission, mirror: str | None) -> str:
    """Return the server's folder: argument, environment, then what pyspedas is configured for."""
    cache = CACHES[mission]
    address = mirror or os.environ.get(cache.mirror_variable)
    if not address:
        address = str(_module(cache.config).CONFIG[cache.remote_key])
    if not address.startswith(("http://", "https://")):
        raise UsageError(
            f"the {mission} server is given as {address!r}; expected an address that begins with "
            f"http:// or https://. Correct the mirror, {cache.mirror_variable} or the pyspedas "
            "preferences."
        )
    return address.rstrip("/") + "/"


def download_allowed(mission: Mission) -> bool:
    """Return whether pyspedas is allowed to download for a mission."""
    cache = CACHES[mission]
    value = os.environ.get(cache.no_download_variable, "") if cache.no_download_variable else ""
    if value:
        return value.strip().lower() not in {"true", "1", "yes"}
    return not _module(cache.config).CONFIG.get("no_download", False)


def file_names(product: Product, periods: Sequence[Period]) -> tuple[str, ...]:
    """Return what pyspedas calls the files that cover some periods.

    Parameters
    ----------
    product : Product
    periods : sequence of (start, end)
        From :func:`merge_periods`.

    Returns
    -------
    tuple of str
        Paths below the cache with ``??`` for the version, in order of time.
    """
    naming = _module("pyspedas.utilities.dailynames")
    names: list[str] = []
    for start, end in periods:
        last = end - np.timedelta64(1, "ns")
        if product.span == "half-year":
            # yearlynames takes whole dates and includes the last one
            trange = [str(start)[:10], str(last)[:10]]
            names += naming.yearlynames(trange, file_format=product.pattern, resolution="half-year")
        else:
            seconds = [t.astype("datetime64[s]").astype(float) for t in (start, last)]
            names += naming.dailynames(
                file_format=product.pattern, trange=[seconds[0], seconds[1] + 1.0]
            )
    return tuple(sorted(dict.fromkeys(names), key=lambda name: PurePosixPath(name).name))


def file_period(product: Product, name: str) -> Period:
    """Return the period that a file covers, from its name.

    Parameters
    ----------
    product : Product
    name : str
        File name or pattern.

    Returns
    -------
    (start, end) : datetime64[ns]

    Examples
    --------
    >>> start, end = file_period(PRODUCTS["hourly"], "omni2_h0_mrg1hr_20150701_v01.cdf")
    >>> str(start)[:10], str(end)[:10]
    ('2015-07-01', '2016-01-01')
    """
    found = re.search(r"(\d{4})(\d{2})?(?:\d{2})?(?:_v..)?\.\w+$", name)
    if found is None:
        raise ValueError(f"{name} has no date in its name")
    months = {"month": 1, "half-year": 6, "year": 12}[product.span]
    start = np.datetime64(f"{found[1]}-{found[2] or '01'}", "M")
    end = start + np.timedelta64(months, "M")
    return start.astype("datetime64[ns]"), end.astype("datetime64[ns]")
