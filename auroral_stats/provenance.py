"""What made this result: versions, parameters, input fingerprints and the simulated flag.

Every output carries these in its attributes, so that a figure or a table can be traced to the
files and options that made it, and so that simulated data never pass for real.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from auroral_stats._version import __version__
from auroral_stats.errors import DataError

__all__ = [
    "check_kind",
    "combine_simulated",
    "describe",
    "fingerprint",
    "is_simulated",
    "parameters_of",
    "simulated_attr",
]

#: Packages whose version can change a number in a table.
_VERSIONED = ("numpy", "pandas", "xarray", "scipy", "astropy", "aacgmv2", "pyspedas", "cdflib")


def simulated_attr(simulated: bool) -> str:
    """Return the flag as netCDF and CDF attributes can hold it.

    Examples
    --------
    >>> simulated_attr(True)
    'true'
    """
    return "true" if simulated else "false"


def is_simulated(attrs: Mapping[str, Any]) -> bool:
    """Read the simulated flag of ``attrs``; absent means real.

    Parameters
    ----------
    attrs : mapping
        Attributes of a Dataset, a CDF or a label store. The flag may be a bool, a number or a
        string, alone or in a sequence of one (as CDF global attributes are).

    Returns
    -------
    bool

    Raises
    ------
    DataError
        If the flag says neither yes nor no.

    Examples
    --------
    >>> is_simulated({"simulated": "true"}), is_simulated({})
    (True, False)
    """
    flag = attrs.get("simulated", False)
    if isinstance(flag, (list, tuple)):
        flag = flag[0] if flag else False
    text = str(flag).strip().lower()
    if text in {"true", "1", "yes", "simulated"}:
        return True
    if text in {"false", "0", "no", ""}:
        return False
    raise DataError(
        f"the attribute 'simulated' is {flag!r}; expected 'true' or 'false'. "
        "Write the file again with a flag that says which it is."
    )


def combine_simulated(flags: Mapping[str, bool]) -> bool:
    """Return the common flag of several inputs, or refuse to mix simulated with real.

    Parameters
    ----------
    flags : mapping of str to bool
        What each input is called, and whether it is simulated.

    Returns
    -------
    bool
        The flag that all inputs share; False for no input.

    Raises
    ------
    DataError
        If some inputs are simulated and others are not.

    Examples
    --------
    >>> combine_simulated({"labels": True, "OMNI": True})
    True
    >>> combine_simulated({"labels": True, "OMNI": False})
    Traceback (most recent call last):
    ...
    auroral_stats.errors.DataError: simulated and real inputs cannot be mixed: ...
    """
    simulated = sorted(name for name, flag in flags.items() if flag)
    real = sorted(name for name, flag in flags.items() if not flag)
    if simulated and real:
        raise DataError(
            f"simulated and real inputs cannot be mixed: simulated {', '.join(simulated)}, real "
            f"{', '.join(real)}. Use inputs of one kind."
        )
    return bool(simulated)


def check_kind(path: Path, attrs: Mapping[str, Any], *, simulated: bool) -> None:
    """Refuse a simulated file among real ones, or the reverse.

    Parameters
    ----------
    path : Path
    attrs : mapping
        Global attributes of the file.
    simulated : bool
        Which kind is expected.

    Raises
    ------
    DataError
        If it is of the other kind.
    """
    if is_simulated(attrs) and not simulated:
        raise DataError(
            f"{path} is simulated and lies in a cache of real data. Move it away, or let "
            "SPEDAS_DATA_DIR name another folder; simulated labels find their own files."
        )
    if simulated and not is_simulated(attrs):
        raise DataError(
            f"{path} is not marked as simulated and lies in a simulated world. Use the pyspedas "
            "cache for real data."
        )


def fingerprint(parts: Iterable[bytes]) -> str:
    """Return a short digest of some content.

    Parameters
    ----------
    parts : iterable of bytes
        In an order that does not depend on chance; where one ends and the next begins matters.

    Returns
    -------
    str
        16 hexadecimal digits of SHA-256.

    Examples
    --------
    >>> fingerprint([b"Bz", b"12"]) == fingerprint([b"Bz1", b"2"])
    False
    """
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()[:16]


def describe(
    what: str, *, parameters: Mapping[str, Any], simulated: bool, **more: Any
) -> dict[str, str]:
    """Return the attributes that every output of this package carries.

    Parameters
    ----------
    what : str
        One line on what the output is.
    parameters : mapping
        Everything that could have been set otherwise; stored as JSON.
    simulated : bool
        Whether any number rests on simulated data.
    **more
        Further attributes, such as the fingerprints of inputs; None is left out.

    Returns
    -------
    dict of str to str
        ``title``, ``software``, ``versions``, ``created``, ``parameters``, ``simulated`` and
        ``more``. All values are strings, as netCDF, Zarr and JSON can hold them alike.

    Examples
    --------
    >>> describe("rates", parameters={"lag": 10}, simulated=False)["parameters"]
    '{"lag": 10}'
    """
    versions = {"python": platform.python_version()}
    for name in _VERSIONED:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    attrs = {
        "title": what,
        "software": f"auroral_stats {__version__}",
        "versions": json.dumps(versions),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "parameters": json.dumps(parameters, default=str),
        "simulated": simulated_attr(simulated),
    }
    attrs.update({key: str(value) for key, value in more.items() if value is not None})
    return attrs


def parameters_of(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that :func:`describe` stored.

    Parameters
    ----------
    attrs : mapping
        Attributes of an output; empty parameters where it has none.

    Returns
    -------
    dict

    Examples
    --------
    >>> parameters_of(describe("rates", parameters={"lag": 10}, simulated=False))
    {'lag': 10}
    """
    return dict(json.loads(attrs.get("parameters", "{}")))
