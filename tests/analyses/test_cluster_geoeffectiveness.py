"""The script on clusters within a class: on kinds of one's own, and on drawn frames of a small world."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from auroral_stats.forms import forms
from auroral_stats.join import join
from auroral_stats.joined import save_joined
from auroral_stats.labels import CLASSES
from auroral_stats.mag_join import add_magnetometers
from auroral_stats.simulation import demo
from auroral_stats.simulation.demo_plan import DemoPlan

NAME = "cluster_geoeffectiveness"
SMALL = DemoPlan(
    sites=("gill", "fsim", "rank"), nights=6, margin_days=1, frame_seconds=30, fast_seconds=0,
    truth_runs=2,
)  # fmt: skip


@pytest.fixture(autouse=True)
def no_open_figures():
    plt.switch_backend("Agg")
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def script():
    path = Path(__file__).parents[2] / "analyses" / f"{NAME}.py"
    spec = importlib.util.spec_from_file_location(NAME, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> demo.DemoWorld:
    return demo.build_demo(tmp_path_factory.mktemp("world") / "world", plan=SMALL)


@pytest.fixture(scope="module")
def joined(world, tmp_path_factory) -> Path:
    data = join(world.labels, drivers=["newell"], offline=True)
    data = add_magnetometers(data, root=world.spedas, offline=True)
    return save_joined(data, tmp_path_factory.mktemp("joined") / "joined.zarr")


def test_kinds_of_ones_own_are_compared(script, joined, tmp_path, capsys):
    form = forms(xr.open_zarr(joined, chunks=None))["form"]
    time, site = np.nonzero((form >= 0).to_numpy())
    frames = pd.DataFrame(
        {"time": form["time"].to_numpy()[time], "site": form["site"].to_numpy()[site]}
    )
    frames["kind"] = np.random.default_rng(0).integers(0, 2, len(frames))
    frames.to_csv(tmp_path / "frames.csv", index=False)
    given = ["--data", str(joined), "--out", str(tmp_path)]
    script.main([*given, "--frames", str(tmp_path / "frames.csv")])
    table = pd.read_csv(tmp_path / f"{NAME}.csv")
    assert set(table["label"]) == {"arc", "diffuse", "discrete"}
    assert set(table["kind"]) == {0, 1}
    assert table["simulated"].all()
    assert list(table.columns)[-1] == "simulated"
    assert (tmp_path / f"{NAME}.png").stat().st_size > 10_000
    about = json.loads((tmp_path / f"{NAME}.json").read_text())
    assert about["results"][0]["frames"] == str(len(frames))
    assert len(plt.get_fignums()) == 1
    # twelve nights are too few for any rate
    assert "discrete: 0 of 2 clusters compared; too few to be compared" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        script.main(given)
    assert ended.value.code == 2
    assert "--frames is needed" in capsys.readouterr().err


def test_frames_are_drawn_of_dark_minutes_whose_class_they_show(script, world, joined, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setattr(script, "build_demo", lambda _: world)
    data = xr.open_zarr(joined, chunks=None).load()
    frames = script.demo_frames(data, 240, 2)
    assert len(frames) > 10
    assert list(frames.columns) == ["site", "time", "label", "kind", "simulated"]
    assert set(frames["kind"]) == {0, 1}
    form = forms(data)["form"]
    for row in frames.itertuples():
        found = form.sel(site=row.site, time=row.time.floor("min")).item()
        assert CLASSES[found] == row.label in {"arc", "diffuse", "discrete"}
    assert frames["simulated"].all()
