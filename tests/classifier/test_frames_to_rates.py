"""The script that goes from drawn frames to rates: its numbers, counted again by other means."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("torch")

from auroral_stats.geometry import site_geometry
from auroral_stats.labels import CLASSES, USABLE, iter_partitions, open_labels, read_partition
from auroral_stats.omni import load_omni
from auroral_stats.simulation.demo import DEMO_VARIABLE, DemoWorld
from classifier.checkpoint import load_model
from classifier.demo_nights import choose_nights, draw_nights

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "analyses" / "frames_to_rates.py"
EDGES = np.arange(-10.0, 11.0, 2.0)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DemoWorld, str]:
    """What the script makes of a frame an hour in three nights, and what it prints."""
    folder = tmp_path_factory.mktemp("frames_to_rates")
    world = DemoWorld.at(folder / "world")
    command = [sys.executable, SCRIPT, "--every", "60", "--nights", "3", "--out", folder / "out"]
    done = subprocess.run(
        [*map(str, command), "--seed", "3"],
        capture_output=True,
        text=True,
        env={**os.environ, DEMO_VARIABLE: str(world.root)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "station-nights, " in done.stderr
    return folder / "out", world, done.stdout


def frames_of(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "frames_to_rates_labels.csv", parse_dates=["time"])


def bz_before(world: DemoWorld, minute: np.ndarray) -> np.ndarray:
    """The mean of Bz in the hour that ended ten minutes before, minute by minute."""
    day = np.timedelta64(1, "D")
    found = []
    for one in minute:
        omni = load_omni(
            periods=[(one - day, one + day)],
            cadence="1min",
            variables=["Bz"],
            offline=True,
            root=world.spedas,
        )["Bz"]
        ago = (one - omni["driver_time"].to_numpy()) / np.timedelta64(1, "m")
        window = omni.to_numpy()[(ago >= 10) & (ago < 70)]
        there = np.isfinite(window)
        found.append(window[there].mean() if there.sum() >= 45 else np.nan)
    return np.array(found)


def bin_of(bz: float) -> str:
    if np.isnan(bz):
        return "missing"
    low = EDGES[bz >= EDGES]
    high = EDGES[bz < EDGES]
    if not (low.size and high.size):
        return "above" if low.size else "below"
    return f"[{low[-1]:g}, {high[0]:g})"


def test_the_rates_are_those_of_the_labels(made: tuple[Path, DemoWorld, str]) -> None:
    out, world, _ = made
    frames = frames_of(out)
    minute = frames["time"].to_numpy().astype("M8[m]")
    names = ("sun_elevation", "moon_elevation", "moon_illumination")
    sky = pd.DataFrame(
        {
            name: float(np.squeeze(found[name].to_numpy()))
            for name in names
            for found in [site_geometry(np.array([when]), site, quantities=names)]
        }
        for when, site in zip(minute, frames["site"], strict=True)
    )
    moonlit = (sky["moon_elevation"] > 0) & (sky["moon_illumination"] >= 0.3)
    kept = frames[(sky["sun_elevation"] <= -12) & ~moonlit].copy()
    when, where = np.unique(kept["time"].to_numpy().astype("M8[m]"), return_inverse=True)
    kept["bin"] = np.array([bin_of(bz) for bz in bz_before(world, when)])[where]
    tidy = pd.read_csv(out / "frames_to_rates.csv").set_index(["source", "bin", "label"])
    assert kept["bin"].nunique() >= 3
    for source, column in {"true labels": "true", "classifier": "label"}.items():
        counts = pd.crosstab(kept["bin"], kept[column])
        for (name, label), row in tidy.loc[source].iterrows():
            mine = counts.reindex(index=[name], columns=list(CLASSES), fill_value=0).iloc[0]
            exposure = mine[list(USABLE)].sum()
            assert (row["events"], row["exposure"]) == (mine[label], exposure)
            if exposure:
                assert row["rate"] == pytest.approx(mine[label] / exposure)


def test_the_true_labels_are_those_of_the_world(made: tuple[Path, DemoWorld, str]) -> None:
    out, world, _ = made
    frames = frames_of(out)
    assert frames["simulated"].all()
    store = open_labels(world.labels)
    held = 0
    for partition in iter_partitions(store):
        rows = read_partition(partition, ("time", "label"), info=store.info)
        known = pd.Series(np.array(CLASSES)[rows["label"]], pd.DatetimeIndex(rows["time"]))
        mine = frames[(frames["site"] == partition.site) & frames["time"].isin(known.index)]
        assert mine["true"].tolist() == known[mine["time"]].tolist()
        held += len(mine)
    assert held == len(frames)
    # whole nights: the frames of all hours that the store has in them
    nights = choose_nights(store, every=60, nights=3)
    assert len(frames) == sum(night.time.size for night in nights)


def test_the_labels_are_those_of_the_model(made: tuple[Path, DemoWorld, str]) -> None:
    out, world, _ = made
    frames = frames_of(out)
    columns = [f"p_{name}" for name in CLASSES]
    assert (frames[columns].sum(axis=1) == 255).all()
    assert (np.array(CLASSES)[frames[columns].to_numpy().argmax(axis=1)] == frames["label"]).all()
    night = choose_nights(open_labels(world.labels), every=60, nights=3)[-1]
    ((_, images),) = draw_nights([night], 3)
    mine = frames[(frames["site"] == night.site) & frames["time"].isin(night.time)]
    p = load_model(device="cpu").probabilities(images)
    np.testing.assert_allclose(mine[columns].to_numpy() / 255, p, atol=1.5 / 255)


def test_it_says_what_it_is(made: tuple[Path, DemoWorld, str]) -> None:
    out, world, printed = made
    assert printed.startswith("**SIMULATED DATA")
    assert (out / "frames_to_rates.png").stat().st_size > 10_000
    about = json.loads((out / "frames_to_rates.json").read_text())
    assert about["options"] == {
        "every": 60,
        "stations": None,
        "nights": 3,
        "workers": 2,
        "seed": 3,
        "out": str(out),
    }
    assert about["classifier"]["model_sha256"] == load_model(device="cpu").sha256
    assert about["classifier"]["simulated"] == about["true labels"]["simulated"] == "true"
    tidy = pd.read_csv(out / "frames_to_rates.csv")
    assert list(tidy)[-1] == "simulated"
    assert tidy["simulated"].all()
    truth = pd.read_csv(world.truth_rates).query("band == 'all'")
    mine = tidy[tidy["source"] == "truth"]
    np.testing.assert_allclose(mine["rate"], truth["rate"])
    # recall and overall rate of a class, from the frames
    frames = frames_of(out)
    arcs = frames[frames["true"] == "arc"]
    row = next(line for line in printed.splitlines() if line.startswith("| arc "))
    assert float(row.split("|")[2]) == pytest.approx(
        100 * (arcs["label"] == "arc").mean(), abs=0.06
    )
