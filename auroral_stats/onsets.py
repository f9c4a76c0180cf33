"""Onsets: from the labels themselves, or from a published list.

An onset is a moment that epochs are laid over. From labels it is the minute in which a form
appears after others had been seen for a while. From a list it is what its authors say, and lists
have faults: placeholders, columns out of place, local time in degrees. They are told all at once,
with their lines, and nothing is dropped without being asked for.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from auroral_stats.errors import UsageError
from auroral_stats.forms import MAX_GAP, NO_FORM, forms
from auroral_stats.labels import CLASSES, USABLE
from auroral_stats.onset_lists import check_separation, drop_overlaps, read_onsets
from auroral_stats.provenance import describe, is_simulated

__all__ = [
    "PHASE_BEFORE",
    "PHASE_HOLD",
    "SEPARATION",
    "drop_overlaps",
    "onsets_from_labels",
    "read_onsets",
]

#: A form must be held for so many seconds ...
PHASE_HOLD = 60
#: ... after so many minutes of usable other forms.
PHASE_BEFORE = 10
#: Onsets that follow sooner on the last one kept, in minutes, are within its epoch.
SEPARATION = 30


def onsets_from_labels(
    data: xr.Dataset,
    label: str = "discrete",
    *,
    hold: int = PHASE_HOLD,
    before: int = PHASE_BEFORE,
    separation: int = SEPARATION,
    max_sun_elevation: float | None = -12.0,
    moon: str = "down",
) -> pd.DataFrame:
    r"""Return the minutes in which a form appears.

    Minute m of a site is an onset of the class if

    - each of the ``before`` minutes m - before ... m - 1 has a form, and none of them is the
      class (10 min of other usable classes, without a gap);
    - m and the :math:`\lceil hold/60 \rceil` minutes after it all have the class as their form.
      Counts by minute do not tell seconds: the class fills most of m and most of the last of
      these minutes, so that it lasted for ``hold`` seconds between them, or longer.

    Parameters
    ----------
    data : xarray.Dataset
        Joined data.
    label : str
        A usable class.
    hold : int
        Seconds.
    before : int
        Minutes.
    separation : int
        Onsets less than so many minutes after the last one kept at the same site overlap with
        it, and are dropped; 0 keeps all.
    max_sun_elevation, moon
        As for :func:`auroral_stats.forms.forms`.

    Returns
    -------
    pandas.DataFrame
        ``time`` (UTC, start of minute m), ``site``, ``label``, ``mlt`` (h), ``mlat`` (degree);
        sorted by time. How many were dropped is in ``attrs``.

    Raises
    ------
    UsageError
        If an option is not known or not possible.
    """
    if label not in USABLE:
        raise UsageError(f"--label {label!r}: expected one of {', '.join(USABLE)}.")
    if hold < 1 or before < 1:
        raise UsageError(
            f"hold {hold} s and before {before} min: expected 1 or more of each; 60 s and 10 min "
            "are usual."
        )
    check_separation(separation)
    number = CLASSES.index(label)
    found = forms(data, max_sun_elevation=max_sun_elevation, moon=moon, max_gap=MAX_GAP)
    time = data["time"].to_numpy().astype("datetime64[m]")
    form = found["form"].to_numpy()
    after = -(-hold // 60) + 1
    parts = []
    for site, name in enumerate(map(str, data["site"].to_numpy())):
        at = _appearances(time, form[:, site], number, before, after)
        parts.append(
            pd.DataFrame(
                {
                    "time": time[at].astype("datetime64[ns]"),
                    "site": name,
                    "label": label,
                    "mlt": data["mlt"].to_numpy()[at, site].astype(float),
                    "mlat": data["mlat"].to_numpy()[at, site].astype(float),
                }
            )
        )
    onsets = pd.concat(parts, ignore_index=True)
    onsets = onsets.sort_values(["time", "site"], kind="stable", ignore_index=True)
    everything = len(onsets)
    onsets = drop_overlaps(onsets, separation)
    onsets.attrs |= describe(
        f"Onsets of {label} from labels",
        parameters={
            "label": label,
            "hold": hold,
            "before": before,
            "separation": separation,
            "max_sun_elevation": max_sun_elevation,
            "moon": moon,
        },
        simulated=is_simulated(data.attrs),
        onsets=len(onsets),
        dropped_overlaps=everything - len(onsets),
        **{key: value for key, value in data.attrs.items() if key.startswith("labels_")},
    )
    return onsets


def _appearances(
    time: NDArray[np.datetime64], form: NDArray[np.integer], number: int, before: int, after: int
) -> NDArray[np.int64]:
    """Return where the class appears: ``after`` minutes of it, after ``before`` of others."""
    size = before + after
    if time.size < size:
        return np.zeros(0, dtype=np.int64)
    other = (form != NO_FORM) & (form != number)
    of_class = form == number

    def unbroken(what: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
        """Return whether ``length`` rows from each are all so."""
        count = np.concatenate([[0], np.cumsum(what)])
        return np.asarray(count[length:] - count[:-length] == length)

    starts = time.size - size + 1
    fits = unbroken(other, before)[:starts] & unbroken(of_class, after)[before : before + starts]
    # As many rows as minutes: nothing is missing in between.
    spans = time[size - 1 :] - time[:starts] == np.timedelta64(size - 1, "m")
    return np.flatnonzero(fits & spans) + before
