"""The auroral form of each site-minute, and the runs of one form.

A minute holds some twenty frames. Its form is the class that most of its usable frames show; a
run is a stretch of minutes of one site with the same form. What happened *before* a form appeared
is what it may be compared by, so every minute knows when its run began.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from auroral_stats.errors import DataError, UsageError
from auroral_stats.labels import CLASSES, USABLE
from auroral_stats.nights import moonlit

__all__ = ["MAX_GAP", "NO_FORM", "forms", "recurring", "runs"]

#: Stands where a minute has no usable frame, or is not dark.
NO_FORM = -1
#: Minutes without a form that a run may bridge.
MAX_GAP = 1

_USABLE_INDEX = np.array([CLASSES.index(name) for name in USABLE], dtype=np.int8)


def runs(
    minutes: NDArray[np.datetime64], form: NDArray[np.integer], *, max_gap: int = MAX_GAP
) -> tuple[NDArray[np.datetime64], NDArray[np.bool_]]:
    """Return when the run of each minute began, and whether its beginning was seen.

    Parameters
    ----------
    minutes : ndarray of datetime64, (n,)
        Minutes with a form at one site, increasing.
    form : ndarray of int, (n,)
        Any numbers that tell the forms apart.
    max_gap : int
        A run ends at a minute of another form, and where more than so many minutes are missing.

    Returns
    -------
    start : ndarray of datetime64[m], (n,)
        First minute of the run.
    seen : ndarray of bool, (n,)
        Whether another form stood just before (with at most ``max_gap`` minutes missing). Where
        it did not, the camera or the sky opened on a form that may be older than its run.

    Examples
    --------
    >>> minutes = np.array(["2014-03-10T06:00", "2014-03-10T06:01", "2014-03-10T06:03",
    ...                     "2014-03-10T06:04"], dtype="M8[m]")
    >>> start, seen = runs(minutes, np.array([0, 0, 0, 1]))
    >>> [str(t)[-5:] for t in start], seen.tolist()
    (['06:00', '06:00', '06:00', '06:04'], [False, False, False, True])
    """
    number = minutes.astype("datetime64[m]").astype(np.int64)
    if number.size == 0:
        return minutes.astype("datetime64[m]"), np.zeros(0, dtype=bool)
    near = np.diff(number) <= max_gap + 1
    new = np.concatenate([[True], ~near | (np.diff(form) != 0)])
    after_other = np.concatenate([[False], near & (np.diff(form) != 0)])
    first = np.flatnonzero(new)
    of_run = np.cumsum(new) - 1
    return number[first][of_run].astype("datetime64[m]"), after_other[first][of_run]


def recurring(
    minutes: NDArray[np.datetime64],
    form: NDArray[np.integer],
    start: NDArray[np.datetime64],
    *,
    lag: int,
    window: int,
) -> NDArray[np.bool_]:
    """Return whether the form of each minute had been there shortly before its run, too.

    Parameters
    ----------
    minutes : ndarray of datetime64, (n,)
        Minutes with a form at one site, increasing.
    form : ndarray of int, (n,)
    start : ndarray of datetime64, (n,)
        First minute of the run of each, t0, from :func:`runs`.
    lag, window : int
        Looked at are the minutes within [t0 - lag - window, t0 - lag].

    Returns
    -------
    ndarray of bool, (n,)

    Examples
    --------
    >>> minutes = np.datetime64("2014-03-10T06:00") + np.arange(4)
    >>> form = np.array([0, 1, 0, 1])
    >>> recurring(minutes, form, runs(minutes, form)[0], lag=0, window=2).tolist()
    [False, False, True, True]
    """
    number, first = (t.astype("datetime64[m]").astype(np.int64) for t in (minutes, start))
    found = np.zeros(number.size, dtype=bool)
    for kind in np.unique(form):
        of_kind = form == kind
        low, high = (
            np.searchsorted(number[of_kind], first[of_kind] - back) for back in (lag + window, lag)
        )
        found[of_kind] = high > low
    return found


def forms(
    data: xr.Dataset,
    *,
    max_sun_elevation: float | None = -12.0,
    moon: str = "down",
    max_gap: int = MAX_GAP,
) -> xr.Dataset:
    """Return the form of every site-minute and the start of its run.

    Parameters
    ----------
    data : xarray.Dataset
        Joined data: ``frames(time, site, label)`` and geometry.
    max_sun_elevation : float or None
        Only minutes with the Sun at or below it (degrees).
    moon : {"down", "any"}
        ``down``: only minutes with the Moon below the horizon or less than 30 % lit.
    max_gap : int
        Minutes without a form that a run may bridge. Cloud, moonlight and a camera that is off
        are all minutes without a form.

    Returns
    -------
    xarray.Dataset
        Over (time, site): ``form``, the number in :data:`auroral_stats.labels.CLASSES` of the
        usable class with most frames, of equals the earlier in that order, and :data:`NO_FORM`
        where there is none; ``run_start``, first minute of its run, UTC, NaT where there is
        none; ``start_seen``, whether another form was seen just before the run.

    Raises
    ------
    UsageError
        If an option is not known.
    DataError
        If the labels of ``data`` are not the six classes.
    """
    if moon not in {"down", "any"}:
        raise UsageError(f"--moon {moon!r}: expected 'down' or 'any'.")
    if max_gap < 0:
        raise UsageError(f"max_gap {max_gap}: expected 0 minutes or more.")
    names = [str(name) for name in data["label"].to_numpy()]
    if sorted(names) != sorted(CLASSES):
        raise DataError(
            f"the joined data have the labels {', '.join(names)}; expected "
            f"{', '.join(CLASSES)}. Join the labels again."
        )
    order = [names.index(name) for name in USABLE]
    time = data["time"].to_numpy().astype("datetime64[m]")
    shape = (data.sizes["time"], data.sizes["site"])
    form = np.full(shape, NO_FORM, dtype=np.int8)
    start = np.full(shape, np.datetime64("NaT", "s"))
    seen = np.zeros(shape, dtype=bool)
    for site in range(shape[1]):
        # One site at a time keeps memory that of one; one row a class runs at memory speed.
        frames = np.ascontiguousarray(
            data["frames"].isel(site=site).transpose("label", "time").to_numpy()[order]
        )
        keep = frames.any(axis=0)
        if max_sun_elevation is not None:
            keep &= data["sun_elevation"].isel(site=site).to_numpy() <= max_sun_elevation
        if moon == "down":
            keep &= ~moonlit(data, site)
        at = np.flatnonzero(keep)
        # argmax takes the first of equals.
        form[at, site] = _USABLE_INDEX[frames[:, at].argmax(axis=0)]
        start[at, site], seen[at, site] = runs(time[at], form[at, site], max_gap=max_gap)
    dims = ("time", "site")
    return xr.Dataset(
        {
            "form": (dims, form, {"flag_meanings": " ".join(CLASSES)}),
            "run_start": (dims, start),
            "start_seen": (dims, seen),
        },
        coords={"time": data["time"], "site": data["site"]},
        attrs={"max_gap_minutes": max_gap},
    )
