"""Write Kp and ap as GFZ has them: one line a day, one file a year."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from auroral_stats.errors import UsageError
from auroral_stats.whole_file import staged_beside

__all__ = ["AP_OF_KP_THIRDS", "write_kp_wdc"]

#: ap (nT) of Kp = 0, 0+, 1-, ... 9 (GFZ).
# fmt: off
AP_OF_KP_THIRDS = (
    0, 2, 3, 4, 5, 6, 7, 9, 12, 15, 18, 22, 27, 32, 39, 48, 56, 67, 80, 94, 111, 132, 154, 179,
    207, 236, 300, 400,
)
# fmt: on


def write_kp_wdc(
    time: ArrayLike,
    kp: ArrayLike,
    root: Path | str,
    *,
    simulated: bool,
    ap: ArrayLike | None = None,
) -> list[Path]:
    """Write Kp and ap as GFZ's yearly files, ``ROOT/geom_indices/Kp_defYYYY.wdc``.

    Parameters
    ----------
    time : array of datetime64
        Starts of the 3-h intervals, UTC.
    kp : array of float
        Kp in thirds; NaN is written as blanks.
    root : path
        A folder laid out like ``SPEDAS_DATA_DIR``.
    simulated : bool
        Whether the first line is ``# simulated``.
    ap : array of float, optional
        nT. Default: the ap that belongs to each Kp.

    Returns
    -------
    list of Path

    Raises
    ------
    UsageError
        Times off the 3-h grid, or a Kp that is not in thirds from 0 to 9.
    """
    times = np.asarray(time, dtype="datetime64[ns]")
    thirds = np.asarray(kp, dtype=float) * 3.0
    whole = np.rint(thirds)
    given = np.isfinite(thirds)
    if np.any(np.abs(thirds - whole)[given] > 1e-6) or np.any(~np.isin(whole[given], range(28))):
        raise UsageError("kp has values that are no thirds from 0 to 9.")
    code = np.where(given, whole, 0).astype(int)
    tariff = np.array(AP_OF_KP_THIRDS, dtype=float)[code] if ap is None else np.asarray(ap, float)
    tariff = np.where(given, tariff, np.nan)
    days = times.astype("datetime64[D]")
    slot = (times - days) // np.timedelta64(3, "h")
    if np.any(days + slot * np.timedelta64(3, "h") != times):
        raise UsageError("kp has times that do not begin a 3-h interval (00, 03, ... 21 UTC).")
    paths = []
    for year in np.unique(days.astype("datetime64[Y]")):
        lines = ["# simulated"] if simulated else []
        for day in np.unique(days[days.astype("datetime64[Y]") == year]):
            mine = days == day
            kp_cells, ap_cells = ["  "] * 8, ["   "] * 8
            for place, third, value in zip(slot[mine], code[mine], tariff[mine], strict=True):
                if np.isfinite(value):
                    kp_cells[int(place)] = f"{round(third * 10 / 3):2d}"
                    ap_cells[int(place)] = f"{int(value):3d}"
            stamp = str(day).replace("-", "")[2:]
            # Bartels rotation, sums, Cp and C9 are left blank; columns as GFZ has them
            lines.append(f"{stamp}{'':6}{''.join(kp_cells)}{'':3}{''.join(ap_cells)}{'':7}")
        path = Path(root) / "geom_indices" / f"Kp_def{year}.wdc"
        with staged_beside(path) as part:
            part.write_text("\n".join(lines) + "\n", encoding="ascii")
        paths.append(path)
    return paths
