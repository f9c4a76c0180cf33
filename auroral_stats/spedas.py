"""What pyspedas calls the files of the archive, where it keeps them and where it gets them.

Names come from pyspedas' own functions and folders and servers from its own configuration; only
the environment is read again at each call, since pyspedas reads it once, when it is imported.

``pyspedas.projects.themis.gmag`` is never called: to learn which stations are in the Greenland
folder it asks a web service, even when told to use local files only. The stations of that folder
are listed here instead.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np

from auroral_stats.errors import UsageError
from auroral_stats.periods import Period
from auroral_stats.pyspedas_import import pyspedas_module

__all__ = [
    "CACHES",
    "GREENLAND_FOLDER",
    "PRODUCTS",
    "Cache",
    "Mission",
    "Product",
    "cache_folder",
    "download_allowed",
    "file_names",
    "file_period",
    "server_address",
    "station_codes",
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
        Path below the cache as pyspedas spells it: strftime codes, ``??`` for the version,
        ``{station}`` and ``{folder}`` where files are kept by station.
    span : str
        What one file covers.
    """

    name: str
    title: str
    mission: Mission
    pattern: str
    span: Literal["day", "month", "half-year", "year"]

    @property
    def by_station(self) -> bool:
        """Whether each station has files of its own."""
        return "{station}" in self.pattern


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
        Product(
            "gmag",
            "THEMIS ground magnetometer",
            "themis",
            "thg/{folder}/{station}/%Y/thg_l2_mag_{station}_%Y%m%d_v??.cdf",
            "day",
        ),
    )
}

_GREENLAND = """amk and atu bfe bjn dmh dnb dob don fhb gdh ghb hop hov jan jck kar kuv lyr nal naq
nor nrd roe rvk sco skt sol sor stf sum svs tab tdc thl tro umq upn"""

#: Magnetometers that the archive keeps under ``thg/greenland_gmag``: those of DTU Space and of the
#: Tromso Geophysical Observatory, in Greenland or not. As in SPEDAS, thm_load_greenland_gmag.pro
#: (r22560, 2017-01-10). NRSQ, the THEMIS magnetometer in Greenland, is not among them.
GREENLAND_FOLDER: frozenset[str] = frozenset(_GREENLAND.split())


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
        folder = str(pyspedas_module(cache.config).CONFIG["local_data_dir"])
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
        address = str(pyspedas_module(cache.config).CONFIG[cache.remote_key])
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
    return not pyspedas_module(cache.config).CONFIG.get("no_download", False)


def station_codes(product: Product, station: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return station codes in lower case, each once; none for a product that has no stations.

    Parameters
    ----------
    product : Product
    station : str or iterable of str, optional
        Codes as the archive has them, such as ``gill``.

    Returns
    -------
    tuple of str

    Raises
    ------
    UsageError
        If a station is needed and not given, given and not needed, or no code.

    Examples
    --------
    >>> station_codes(PRODUCTS["gmag"], ["GILL", "amk"])
    ('gill', 'amk')
    """
    if not product.by_station:
        if station is not None:
            raise UsageError(f"station is {station!r}, but {product.title} has no stations.")
        return ()
    given = [station] if isinstance(station, str) else list(station or ())
    codes = tuple(dict.fromkeys(str(code).strip().lower() for code in given))
    wrong = [code for code in codes if not re.fullmatch(r"[a-z0-9]{2,8}", code)]
    if wrong or not codes:
        raise UsageError(
            f"station is {wrong[0] if wrong else station!r}; expected the code of a "
            f"{product.title}, 2 to 8 letters and digits, such as gill."
        )
    return codes


def file_names(
    product: Product, periods: Sequence[Period], station: str | Iterable[str] | None = None
) -> tuple[str, ...]:
    """Return what pyspedas calls the files that cover some periods.

    Parameters
    ----------
    product : Product
    periods : sequence of (start, end)
        From :func:`merge_periods`.
    station : str or iterable of str, optional
        Codes, for a product whose files are kept by station.

    Returns
    -------
    tuple of str
        Paths below the cache with ``??`` for the version, in order of station and time.

    Raises
    ------
    UsageError
        As :func:`station_codes`.

    Examples
    --------
    >>> from auroral_stats.periods import merge_periods
    >>> file_names(PRODUCTS["gmag"], merge_periods("2014-03-10", "2014-03-11"), "gill")
    ('thg/l2/mag/gill/2014/thg_l2_mag_gill_20140310_v??.cdf',)
    """
    naming = pyspedas_module("pyspedas.utilities.dailynames")
    codes = station_codes(product, station)
    patterns = [
        product.pattern.format(
            station=code, folder="greenland_gmag/l2" if code in GREENLAND_FOLDER else "l2/mag"
        )
        for code in codes
    ] or [product.pattern]
    names: list[str] = []
    for pattern in patterns:
        found: list[str] = []
        for start, end in periods:
            last = end - np.timedelta64(1, "ns")
            if product.span == "half-year":
                # yearlynames takes whole dates and includes the last one
                trange = [str(start)[:10], str(last)[:10]]
                found += naming.yearlynames(trange, file_format=pattern, resolution="half-year")
            else:
                seconds = [t.astype("datetime64[s]").astype(float) for t in (start, last)]
                found += naming.dailynames(
                    file_format=pattern, trange=[seconds[0], seconds[1] + 1.0]
                )
        names += sorted(dict.fromkeys(found), key=lambda name: PurePosixPath(name).name)
    return tuple(names)


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
    found = re.search(r"(\d{4})(\d{2})?(\d{2})?(?:_v..)?\.\w+$", name)
    if found is None:
        raise ValueError(f"{name} has no date in its name")
    if product.span == "day":
        day = np.datetime64(f"{found[1]}-{found[2]}-{found[3]}", "D")
        return day.astype("datetime64[ns]"), (day + 1).astype("datetime64[ns]")
    months = {"month": 1, "half-year": 6, "year": 12}[product.span]
    start = np.datetime64(f"{found[1]}-{found[2] or '01'}", "M")
    end = start + np.timedelta64(months, "M")
    return start.astype("datetime64[ns]"), end.astype("datetime64[ns]")
