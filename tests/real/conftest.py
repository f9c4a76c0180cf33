"""Real data for tests, where this checkout has them beside it; otherwise such tests skip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from auroral_stats.simulation.omni_files import write_omni_hourly

REALDATA = Path(__file__).parents[3] / "shared" / "realdata"

#: Columns of the hourly OMNI2 table, by our names.
HOURLY_COLUMNS = {
    "B": "b_total",
    "Bx": "bx_gse",
    "By_gse": "by_gse",
    "Bz_gse": "bz_gse",
    "By": "by_gsm",
    "Bz": "bz_gsm",
    "temperature": "proton_temperature",
    "proton_density": "proton_density",
    "flow_speed": "flow_speed",
    "alpha_ratio": "alpha_ratio",
    "pressure": "pressure",
    "E": "e_field",
    "beta": "plasma_beta",
    "Mach_num": "alfven_mach",
    "Kp": "kp",
    "ap": "ap",
    "Dst": "dst",
    "AE": "ae",
    "AL": "al",
    "AU": "au",
    "F10_7": "f107",
}


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real data."""
    if not REALDATA.is_dir():
        pytest.skip("no real data beside this checkout (../shared/realdata)")
    return REALDATA


@pytest.fixture(scope="session")
def hourly_table(realdata: Path) -> pd.DataFrame:
    """Hourly OMNI2 2006-2018 by our names; time as naive UTC; Kp in thirds, NaN where missing."""
    table = pd.read_parquet(realdata / "omni" / "omni2_hourly_2006_2018.parquet")
    table["time"] = table["time"].dt.tz_convert("UTC").dt.tz_localize(None)
    table = table.rename(columns={theirs: ours for ours, theirs in HOURLY_COLUMNS.items()})
    # the table holds 2.7 for 3-
    table["Kp"] = np.rint(table["Kp"].astype(float) * 3) / 3
    return table


@pytest.fixture(scope="session")
def hourly_cache(hourly_table: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SPEDAS_DATA_DIR with the real hourly OMNI2 in half-yearly CDFs of the real layout."""
    root = tmp_path_factory.mktemp("spedas_hourly")
    columns = {name: hourly_table[name].to_numpy(float) for name in HOURLY_COLUMNS}
    times = hourly_table["time"].to_numpy("datetime64[ns]")
    write_omni_hourly({"time": times} | columns, root, simulated=False)
    return root
