"""Make auroral_stats/data/kp_gfz_2005_2024.npz from a space weather listing.

    python .ci/build_kp_table.py SW-All.txt

The listing is CelesTrak's SW-All.txt (https://celestrak.org/SpaceData/). Only the Kp and ap of GFZ
are kept, from the observed part, 2005 to 2024; see auroral_stats/data/README.md for the licence.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

FIRST, LAST = np.datetime64("2005-01-01"), np.datetime64("2024-12-31")
TARGET = Path(__file__).parents[1] / "auroral_stats" / "data" / "kp_gfz_2005_2024.npz"


def read_listing(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return days, Kp in thirds (day, 8) and ap (day, 8) of the observed part of a listing."""
    text = path.read_text(encoding="ascii")
    observed = text.split("BEGIN OBSERVED", 1)[1].split("END OBSERVED", 1)[0]
    days, kp, ap = [], [], []
    for line in observed.strip().splitlines():
        day = np.datetime64(f"{line[0:4]}-{int(line[5:7]):02d}-{int(line[8:10]):02d}")
        if not FIRST <= day <= LAST:
            continue
        days.append(day)
        # FORMAT(I4,I3,I3,I5,I3,8I3,I4,8I4,...): Kp x 10 from column 19, ap from column 47
        kp.append([int(line[18 + 3 * i : 21 + 3 * i]) for i in range(8)])
        ap.append([int(line[46 + 4 * i : 50 + 4 * i]) for i in range(8)])
    tenfold = np.array(kp)
    thirds = np.rint(tenfold * 0.3).astype(int)
    if np.abs(tenfold * 0.3 - thirds).max() > 0.15:
        raise SystemExit("some Kp is not written as 3, 7, 10, 13, ...")
    return np.array(days), thirds, np.array(ap)


def main(listing: Path) -> None:
    """Read, check and write."""
    days, thirds, ap = read_listing(listing)
    expected = np.arange(FIRST, LAST + 1)
    if not np.array_equal(days, expected):
        raise SystemExit(f"{listing} lacks {np.setdiff1d(expected, days)[:5]} or has days twice")
    if thirds.min() < 0 or thirds.max() > 27 or ap.min() < 0 or ap.max() > 400:
        raise SystemExit(f"{listing} has values out of range")
    ap_of_kp = [np.unique(ap[thirds == k]) for k in range(28)]
    if any(values.size > 1 for values in ap_of_kp):
        raise SystemExit(f"{listing} gives several ap for one Kp: {ap_of_kp}")
    np.savez_compressed(
        TARGET,
        first=np.array(str(FIRST)),
        kp_thirds=thirds.astype(np.uint8).ravel(),
        ap=ap.astype(np.uint16).ravel(),
    )
    sys.stdout.write(
        f"{TARGET.name}: {thirds.size} intervals of 3 h from {days[0]} to {days[-1]}, "
        f"{TARGET.stat().st_size / 1e3:.0f} kB; ap follows from Kp throughout\n"
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
