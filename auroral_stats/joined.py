"""Joined data as a file: written whole, opened and checked, and cut to what is asked for."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from auroral_stats.errors import ArchiveError, DataError, UsageError
from auroral_stats.labels import utc_instant
from auroral_stats.latitude import MlatRange, mlat_option, select_mlat, site_mlat
from auroral_stats.minutes import BLOCK_MINUTES
from auroral_stats.whole_file import check_target

__all__ = ["check_joined_name", "check_times", "open_joined", "save_joined", "select_frames"]


def check_joined_name(out: Path) -> None:
    """Refuse a name that joined data cannot be written under, before they are made.

    Parameters
    ----------
    out : Path

    Raises
    ------
    UsageError
        If it ends neither in ``.zarr`` nor in ``.nc``.
    ArchiveError
        If it cannot be written: a pipe, a device, or a folder that joined data did not make.
    """
    if out.suffix not in {".zarr", ".nc"}:
        raise UsageError(f"--out {out}: expected a name that ends in .zarr or .nc.")
    reason = ""
    if out.is_dir():
        if not (out / "frames" / ".zarray").is_file():
            reason = "a folder that auroral_stats join did not write"
    elif out.exists() and not out.is_file():
        reason = "neither a file nor a folder"
    else:
        check_target(out)
    if reason:
        raise ArchiveError(f"{out}: cannot be written ({reason}); choose another place with --out.")


def save_joined(data: xr.Dataset, out: str | Path) -> Path:
    """Write joined data as Zarr or netCDF, whole or not at all.

    Parameters
    ----------
    data : xarray.Dataset
        From :func:`auroral_stats.join.join`.
    out : path
        Ending in ``.zarr`` (a folder) or ``.nc``.

    Returns
    -------
    Path

    Raises
    ------
    UsageError
        If the ending is neither.
    ArchiveError
        If it cannot be written there.
    """
    out = Path(out)
    check_joined_name(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as folder:
            staged = Path(folder) / out.name
            if out.suffix == ".zarr":
                # Format 2 knows strings of fixed length; readers of any age open it.
                data.to_zarr(staged, zarr_format=2, consolidated=True, encoding=_chunks(data))
            else:
                data.to_netcdf(staged, encoding=_compressed(data))
            _swap(staged, out, Path(folder) / "before")
    except (OSError, RuntimeError) as error:
        # The netCDF library reports a full disk as a RuntimeError.
        reason = getattr(error, "strerror", None) or error
        raise ArchiveError(
            f"{out}: cannot be written ({reason}); choose another place with --out."
        ) from error
    return out


def _swap(staged: Path, out: Path, before: Path) -> None:
    """Put ``staged`` in the place of ``out``; whatever fails, one of the two is there."""
    if not out.is_dir():
        staged.replace(out)
        return
    out.replace(before)
    try:
        staged.replace(out)
    except OSError:
        before.replace(out)
        raise


def _chunks(data: xr.Dataset, name: str = "chunks") -> dict[str, dict[str, Any]]:
    """Return chunks as long as what is read at a time; all sites of a minute stay together."""
    return {
        str(key): {name: tuple(min(size, BLOCK_MINUTES) or 1 for size in variable.shape)}
        for key, variable in data.variables.items()
        if variable.ndim
    }


def _compressed(data: xr.Dataset) -> dict[str, dict[str, Any]]:
    packed = {"zlib": True, "complevel": 4, "shuffle": True}
    return {
        name: {**chunks, **packed} if data[name].dtype.kind in "iuf" else chunks
        for name, chunks in _chunks(data, "chunksizes").items()
        if data[name].dtype.kind in "iufM"
    }


def open_joined(path: str | Path) -> xr.Dataset:
    """Open what :func:`save_joined` wrote, and check that it is that.

    Parameters
    ----------
    path : path
        ``.zarr`` folder or ``.nc`` file.

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    ArchiveError
        If it is not there or cannot be read.
    DataError
        If it is something else than joined data.
    """
    path = Path(path)
    if not path.exists():
        raise ArchiveError(f"{path}: no such file; make it with auroral_stats join.")
    try:
        if path.suffix == ".zarr":
            data = xr.open_zarr(path, chunks=None)
        else:
            data = xr.open_dataset(path, engine="netcdf4")
    except (OSError, ValueError, KeyError) as error:
        raise ArchiveError(
            f"{path}: cannot be read as joined data ({error}); expected a .zarr folder or .nc "
            "file that auroral_stats join wrote."
        ) from error
    needed = {"frames", "sun_elevation", "moon_elevation", "moon_illumination", "mlt", "mlat"}
    needed |= {"time", "site", "label", "attribute 'simulated'"}
    held = set(map(str, data.variables))
    if "simulated" in data.attrs:
        held.add("attribute 'simulated'")
    lacking = sorted(needed - held)
    lacking += [
        f"attribute 'cadence_minutes' of {name}"
        for name in ("driver_time", "hour_time", "kp_time")
        if name in data.dims and "cadence_minutes" not in data[name].attrs
    ]
    if not lacking and not all(data.sizes[name] for name in ("time", "site", "label")):
        lacking = ["frames at any minute"]
    if lacking:
        raise DataError(
            f"{path}: lacks {', '.join(lacking)}; expected a file that auroral_stats join wrote."
        )
    return data


def select_frames(
    data: xr.Dataset,
    *,
    start: str | np.datetime64 | None = None,
    end: str | np.datetime64 | None = None,
    sites: Sequence[str] | None = None,
    mlat: MlatRange | None = None,
) -> xr.Dataset:
    """Keep some of the frames of joined data; drivers stay as they are.

    Parameters
    ----------
    data : xarray.Dataset
        From :func:`auroral_stats.join.join` or :func:`open_joined`.
    start, end : str or datetime64, optional
        UTC; minutes in [start, end).
    sites : sequence of str, optional
        Site codes.
    mlat : (float or None, float or None), optional
        Only sites with LO <= latitude < HI: mean AACGM latitude over their frames in this time,
        degrees, its absolute value in the south. None for an open end.

    Returns
    -------
    xarray.Dataset
        With the attribute ``selected_mlat`` where ``mlat`` is given.

    Raises
    ------
    UsageError
        If a site is not in the data, or a range is none.
    DataError
        If no minute or no site is left.
    """
    low, high = check_times(start, end)
    if sites is not None:
        there = [str(code) for code in data["site"].to_numpy()]
        wanted = list(dict.fromkeys(code.strip().lower() for code in sites))
        lacking = [code for code in wanted if code not in there]
        if lacking:
            raise UsageError(
                f"--sites {', '.join(lacking)}: not in the joined data, which hold "
                f"{', '.join(there)}. Choose among them, or join again."
            )
        data = data.sel(site=wanted)
    time = data["time"].to_numpy()
    keep = data["frames"].any(["site", "label"]).to_numpy()
    if low is not None:
        keep &= time >= low
    if high is not None:
        keep &= time < high
    if not keep.any():
        raise DataError(
            f"no frame between {start or 'the beginning'} and {end or 'the end'}; the joined data "
            f"reach from {np.datetime_as_string(time[0], unit='m')}Z to "
            f"{np.datetime_as_string(time[-1], unit='m')}Z. Change --start, --end or --sites."
        )
    data = _between(data, keep)
    if mlat is None:
        return data
    data = data.sel(site=select_mlat(site_mlat(data), mlat))
    data = _between(data, data["frames"].any(["site", "label"]).to_numpy())
    return data.assign_attrs(selected_mlat=mlat_option(mlat))


def _between(data: xr.Dataset, keep: NDArray[np.bool_]) -> xr.Dataset:
    """Return the minutes from the first to the last to be kept.

    One slice, for a netCDF file reads scattered minutes hundreds of times slower; those in between
    that have no frame count for nothing.
    """
    first, last = np.flatnonzero(keep)[[0, -1]]
    return data.isel(time=slice(int(first), int(last) + 1))


def check_times(
    start: str | np.datetime64 | None, end: str | np.datetime64 | None
) -> tuple[np.datetime64 | None, np.datetime64 | None]:
    """Read the limits of a selection, before there is anything to select from.

    Parameters
    ----------
    start, end : str or datetime64, optional
        UTC.

    Returns
    -------
    (datetime64[ms] or None, datetime64[ms] or None)

    Raises
    ------
    UsageError
        If one is no time, or ``end`` is not after ``start``.

    Examples
    --------
    >>> check_times("2014-03-10", "2014-03")
    Traceback (most recent call last):
    ...
    auroral_stats.errors.UsageError: end (2014-03) is not after start (2014-03-10); ...
    """
    low = None if start is None else utc_instant(start, "start")
    high = None if end is None else utc_instant(end, "end")
    if low is not None and high is not None and high <= low:
        raise UsageError(f"end ({end}) is not after start ({start}); swap or move them.")
    return low, high
