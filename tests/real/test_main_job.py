"""The main job on human labels and real solar wind, through the command line.

The nights of these labels were chosen by label, so that shares of them are no occurrence rates:
what is tested is the arithmetic, cell by cell, against pandas, astropy and aacgmv2 directly.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import aacgmv2
import astropy.units as u
import numpy as np
import pandas as pd
import pytest
from astropy.coordinates import AltAz, EarthLocation, get_body, get_sun
from astropy.time import Time
from astropy.utils import iers

from auroral_stats.cli import main
from auroral_stats.drivers import DRIVERS, akasofu_epsilon, kan_lee, milan, newell, vbs
from auroral_stats.sites import load_sites

OPEN_GATE = ["--min-nights", "1", "--min-hours", "0", "--min-winters", "1", "--min-sites", "1"]
USABLE = ["arc", "diffuse", "discrete", "clear"]


@pytest.fixture(scope="module")
def cache(hourly_cache: Path):
    """The real hourly OMNI2 as the user's SPEDAS folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPEDAS_DATA_DIR", str(hourly_cache))
        for name in ("OMNI_DATA_DIR", "THM_DATA_DIR", "KP_DATA_DIR"):
            patch.delenv(name, raising=False)
        yield hourly_cache


@pytest.fixture(scope="module")
def store(realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The human labels, imported through the command line."""
    out = tmp_path_factory.mktemp("oath") / "labels"
    table = realdata / "oath_labels.csv"
    columns = ["--time", "time", "--site", "site", "--label", "label"]
    assert main(["import-labels", str(table), "--out", str(out), *columns, "--source", "OATH"]) == 0
    return out


@pytest.fixture(scope="module")
def frames(realdata: Path, hourly_table: pd.DataFrame) -> pd.DataFrame:
    """One row a frame with everything that decides its cell, without any code of ours."""
    table = pd.read_csv(realdata / "oath_labels.csv").dropna(subset=["site", "time"])
    table["time"] = pd.to_datetime(table["time"]).dt.tz_localize(None)
    table["minute"] = table["time"].dt.floor("min")
    table["label"] = table["label"].replace("noaurora", "clear")
    places = table[["site", "minute"]].drop_duplicates().reset_index(drop=True)
    where = load_sites()
    with iers.conf.set_temp("auto_download", False), iers.conf.set_temp("auto_max_age", None):
        for site, part in places.groupby("site"):
            at, row = Time(part["minute"].to_numpy("M8[ms]"), scale="utc"), where.loc[site]
            earth = EarthLocation(row["longitude"] * u.deg, row["latitude"] * u.deg)
            frame = AltAz(obstime=at, location=earth)
            moon = get_body("moon", at, earth)
            places.loc[part.index, "sun"] = get_sun(at).transform_to(frame).alt.deg
            places.loc[part.index, "moon"] = moon.transform_to(frame).alt.deg
            apart = get_sun(at).separation(moon, origin_mismatch="ignore").rad
            places.loc[part.index, "lit"] = (1 - np.cos(apart)) / 2
            places.loc[part.index, "mlt"] = [
                aacgmv2.get_aacgm_coord(row["latitude"], row["longitude"], 110.0, t)[2]
                for t in part["minute"].dt.to_pydatetime()
            ]
    table = table.merge(places, on=["site", "minute"])
    hourly = hourly_table.set_index("time")
    before = (table["minute"] - pd.Timedelta("1h")).dt.floor("h")
    table["Bz"] = hourly["Bz"].reindex(before).to_numpy()
    table["AE"] = hourly["AE"].reindex(table["minute"].dt.floor("h")).to_numpy()
    table["Kp"] = hourly["Kp"].reindex(table["minute"].dt.floor("3h")).to_numpy()
    table["night"] = (table["minute"] - pd.Timedelta("19h")).dt.floor("D")
    return table


def row_of(frames: pd.DataFrame, name: str) -> pd.Series:
    """Return the name of the row of each frame, by pandas."""
    if name == "site":
        return frames["site"]
    edges = list(DRIVERS[name].edges)
    labels = list(DRIVERS[name].bin_names) or [
        f"[{a:g}, {b:g})" for a, b in itertools.pairwise(edges)
    ]
    row = pd.cut(frames[name].astype(float), edges, right=False, labels=labels).astype(object)
    row[frames[name] < edges[0]] = "below"
    row[frames[name] >= edges[-1]] = "above"
    return row.where(frames[name].notna(), "missing")


def test_import_reports_the_row_without_site_and_time(store: Path):
    rejected = pd.read_csv(store / "_rejected.csv")
    assert len(rejected) == 1
    assert rejected.iloc[0].astype(str).str.contains("site and time missing").any()


@pytest.mark.parametrize("moon", ["down", "any"])
@pytest.mark.parametrize("name", ["Bz", "Kp", "AE", "mlt", "site"])
def test_every_cell_equals_pandas(name, moon, store, cache, frames, tmp_path):
    out = tmp_path / "rates.csv"
    arguments = [
        "occurrence",
        "--by",
        name,
        "--labels",
        str(store),
        "--omni",
        "hourly",
        "--offline",
    ]
    assert main([*arguments, "--moon", moon, "--csv", str(out), *OPEN_GATE]) == 0
    table = pd.read_csv(out, keep_default_na=False, na_values=[""])
    table = table.set_index(["bin", "label"])
    dark = frames[frames["sun"] <= -12]
    if moon == "down":
        dark = dark[(dark["moon"] <= 0) | (dark["lit"] < 0.3)]
    usable = dark[dark["label"].isin(USABLE)].assign(row=row_of(dark, name))
    exposure = usable.groupby("row").size()
    nights = usable.groupby("row")["night"].nunique()
    events = usable.groupby(["row", "label"]).size()
    seen = 0
    for (row, label), cell in table.iterrows():
        expected = int(events.get((row, label), 0))
        assert cell["events"] == expected
        assert cell["exposure"] == exposure.get(row, 0)
        assert cell["nights"] == nights.get(row, 0)
        if cell["exposure"]:
            assert cell["rate"] == pytest.approx(expected / exposure[row], rel=1e-12)
            seen += 1
    assert table["events"].sum() == len(usable)
    assert seen >= 4 * len(exposure)
    assert not table["simulated"].any()


@pytest.mark.parametrize("name", ["Bz", "Kp"])
def test_default_gate_masks_every_cell(name, store, cache, tmp_path):
    """No Bz or Kp bin of these labels has more than 17 nights."""
    out = tmp_path / "rates.csv"
    arguments = [
        "occurrence",
        "--by",
        name,
        "--labels",
        str(store),
        "--omni",
        "hourly",
        "--offline",
    ]
    assert main([*arguments, "--csv", str(out)]) == 0
    table = pd.read_csv(out)
    assert table["masked"].all()
    assert table["rate"].notna().sum() >= 20
    assert table["nights"].max() <= 17


def test_joined_file_gives_the_same_table(store, cache, tmp_path):
    for out in ("joined.nc", "joined.zarr"):
        joined = tmp_path / out
        arguments = ["--labels", str(store), "--out", str(joined), "--omni", "hourly", "--offline"]
        assert main(["join", *arguments]) == 0
        tables = []
        for source in (["--data", str(joined)], ["--labels", str(store), "--omni", "hourly"]):
            csv = tmp_path / "rates.csv"
            assert (
                main(["occurrence", "--by", "newell", *source, "--offline", "--csv", str(csv)]) == 0
            )
            tables.append(csv.read_text())
        assert tables[0] == tables[1]


def test_a_zone_in_the_environment_changes_nothing(store, cache, tmp_path):
    """pyspedas once shifted OMNI by the local zone; here nothing may."""
    tables = []
    for zone in ("UTC", "America/Edmonton", "Pacific/Auckland"):
        out = tmp_path / "rates.csv"
        command = [sys.executable, "-m", "auroral_stats", "occurrence", "--by", "Bz", "--offline"]
        command += ["--labels", str(store), "--omni", "hourly", "--csv", str(out)]
        environment = {"TZ": zone, "SPEDAS_DATA_DIR": str(cache), "PATH": "/usr/bin:/bin"}
        subprocess.run(command, env=environment, check=True, capture_output=True)
        tables.append(out.read_text())
    assert tables[0] == tables[1] == tables[2]


def test_ranking_of_coupling_functions(hourly_table: pd.DataFrame):
    """Newell et al. (2007) ranked them by their correlation with auroral activity."""
    wind = {n: hourly_table[n].to_numpy(float) for n in ("flow_speed", "Bx", "By", "Bz")}
    v, bx, by, bz = wind.values()
    al = np.abs(hourly_table["AL"].to_numpy(float))
    coupling = {
        "newell": newell(v, by, bz),
        "milan": milan(v, by, bz),
        "vBs": vbs(v, bz),
        "kan_lee": kan_lee(v, by, bz),
        "epsilon": akasofu_epsilon(v, bx, by, bz),
    }
    correlation = {}
    for name, values in coupling.items():
        both = values + np.concatenate([[np.nan], values[:-1]])
        there = np.isfinite(both) & np.isfinite(al)
        correlation[name] = np.corrcoef(both[there], al[there])[0, 1]
    expected = {"newell": 0.786, "milan": 0.762, "vBs": 0.735, "kan_lee": 0.726, "epsilon": 0.570}
    assert list(expected) == sorted(correlation, key=correlation.get, reverse=True)
    for name, value in expected.items():
        assert correlation[name] == pytest.approx(value, abs=0.002)
