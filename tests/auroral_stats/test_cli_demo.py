"""The commands on the demo world: built once, used where no data are named, marked as simulated."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from auroral_stats.cli import main
from auroral_stats.simulation import demo
from auroral_stats.simulation.demo_plan import DemoPlan

#: Three nights at two sites in one winter: large enough for every part to be there.
SMALL = DemoPlan(
    sites=("gill", "rank"), winters=DemoPlan().winters[:1], nights=3, frame_seconds=30, truth_runs=2
)
OPEN = ["--min-nights", "0", "--min-hours", "0", "--min-winters", "0", "--min-sites", "0"]


def run(*words: object) -> int:
    return main([str(word) for word in words])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> demo.DemoWorld:
    return demo.build_demo(tmp_path_factory.mktemp("demo") / "world", plan=SMALL)


@pytest.fixture
def ours(world, monkeypatch) -> demo.DemoWorld:
    """The small world in the place of the demo world."""
    monkeypatch.setenv(demo.DEMO_VARIABLE, str(world.root))
    monkeypatch.setattr(demo, "DemoPlan", lambda: SMALL)
    return world


def test_commands_without_data_use_the_demo_world(ours, tmp_path, capsys):
    named, unnamed = tmp_path / "named.csv", tmp_path / "unnamed.csv"
    assert run("occurrence", "--by", "Bz", "--csv", unnamed) == 0
    shown = capsys.readouterr()
    assert (
        f"Neither --labels nor --data is given: this is the demo world in {ours.root}. "
        "SIMULATED DATA." in shown.err
    )
    assert "Auroral occurrence by Bz  SIMULATED DATA" in shown.out
    assert run("occurrence", "--by", "Bz", "--labels", ours.labels, "--csv", named) == 0
    assert "Neither" not in capsys.readouterr().err
    assert named.read_text() == unnamed.read_text()
    assert pd.read_csv(named)["simulated"].all()
    assert run("info") == 0
    assert "SIMULATED DATA" in capsys.readouterr().out


def test_demo_builds_shows_and_keeps_its_world(ours, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("demo") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"Demo world in {ours.root}"
    csv, plot = Path("output/demo/Bz.csv"), Path("output/demo/Bz.png")
    command = f"occurrence --by Bz --labels {ours.labels} --csv {csv} --plot {plot}"
    assert lines[1] == f"$ auroral_stats {command}"
    assert lines[-1] == f"the truth: {ours.truth_rates}, {ours.truth_rr}"
    assert plot.read_bytes().startswith(b"\x89PNG")
    table = csv.read_text()
    csv.unlink()
    assert run(*command.split()) == 0
    assert csv.read_text() == table


def test_demo_in_a_folder_of_its_own(world, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(demo, "DemoPlan", lambda: SMALL)
    root = tmp_path / "mine"
    shutil.copytree(world.root, root)
    before = sorted((path, path.stat().st_mtime_ns) for path in root.rglob("*.cdf"))
    assert run("demo", "--out", root) == 0
    assert (root / "Bz.csv").is_file()
    assert (root / "Bz.png").is_file()
    assert sorted((path, path.stat().st_mtime_ns) for path in root.rglob("*.cdf")) == before
    capsys.readouterr()
    # Another seed is another world, and this one is not overwritten.
    assert run("demo", "--out", root, "--seed", 1) == 2
    assert f"error: {root}: holds the demo world of seed 0" in capsys.readouterr().err
    occupied = tmp_path / "occupied"
    occupied.mkdir()
    (occupied / "thesis.tex").write_text("x")
    assert run("demo", "--out", occupied) == 2
    assert "exists and is no demo world" in capsys.readouterr().err
    assert [path.name for path in occupied.iterdir()] == ["thesis.tex"]


def test_join_with_magnetometers_holds_them(ours, tmp_path, capsys):
    out = tmp_path / "joined.nc"
    assert run("join", "--mag", "--out", out) == 0
    with xr.open_dataset(out) as data:
        assert set(data["mag"].dims) == {"mag_time", "site", "component"}
        assert data["mag_station"].to_numpy().tolist() == ["gill", "rank"]
        assert np.isfinite(data["mag"].to_numpy()).mean() > 0.9
        assert data.attrs["simulated"] == "true"
    without = tmp_path / "without.nc"
    assert run("join", "--out", without) == 0
    with xr.open_dataset(without) as data:
        assert "mag" not in data
    capsys.readouterr()
    assert run("join", "--out", out, "--mag-station", "gill") == 2
    assert "error: --mag-station gill: expected SITE=CODE, such as yknf=ykc." in (
        capsys.readouterr().err
    )
    assert run("join", "--out", out, "--mag-station", "atha=atha") == 2
    assert "atha is not among the sites, which are gill, rank" in capsys.readouterr().err


def test_rates_of_the_demo_files_are_those_of_the_night_tensor(ours, tmp_path):
    """The command on files and the kernel on arrays: the same counts, cell by cell."""
    from auroral_stats.join import join
    from auroral_stats.labels import USABLE_INDEX
    from auroral_stats.nights import night_cells, night_tensor

    out = tmp_path / "rates.json"
    assert run("occurrence", "--by", "Bz", "--json", out, *OPEN) == 0
    rows = pd.DataFrame(json.loads(out.read_text())["rows"]).set_index(["bin", "label"])
    cells = night_cells(join(ours.labels), "Bz", moon="down")
    tensor = night_tensor(cells.where(~cells.data["moonlit"].to_numpy()))
    assert tensor.sum() > 0
    for name in tensor["bin"].to_numpy():
        part = tensor.sel(bin=name)
        usable = int(part.isel(label=USABLE_INDEX).sum())
        for label in ("arc", "diffuse", "discrete", "clear"):
            row = rows.loc[(name, label)]
            assert row["events"] == int(part.sel(label=label).sum())
            assert row["exposure"] == usable


def test_fetch_says_what_is_there(tmp_path, monkeypatch, capsys):
    # Years of Kp that are bundled need no server and no file.
    assert run("fetch", "--start", "2014-03-01", "--end", "2014-03-02", "--what", "kp") == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split() == ["GFZ", "Kp", "comes", "with", "the", "package"] for line in lines)
    # Where downloads are forbidden everything is missing, and the status says so.
    monkeypatch.setenv("OMNI_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("OMNI_NO_DOWNLOAD", "1")
    words = ["fetch", "--start", "2014-03-10", "--end", "2014-03-12", "--what", "omni"]
    assert run(*words) == 1
    shown = capsys.readouterr().out
    assert "OMNI HRO 1-min: without omni_hro_1min_20140301_v??.cdf" in shown
    assert "OMNI_NO_DOWNLOAD" in shown
    assert f"in {tmp_path}" in shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--what", "moon"], "--what moon: expected one or more of omni, gmag, kp"),
        (["--what", ""], "--what is empty"),
        (["--omni", "2min"], "--omni 2min: expected one or more of 1min, 5min, hourly"),
        (["--sites", "xyz", "--what", "gmag"], "xyz"),
        (["--mirror", "omni"], "--mirror omni: expected KIND=URL"),
        (["--mirror", "omni=ftp://x"], "expected an address that begins with http"),
        (["--mirror", "dst=http://x"], "a mirror is given for 'dst'; expected omni, gmag, kp"),
        (["--end", "2014-02-01"], "end (2014-02-01) is not after start (2014-03-01)"),
        (["--start", "2200-01-01", "--end", "2200-02-01"], "expected a time that has passed"),
    ],
)
def test_fetch_refuses_what_it_cannot_read(words, message, capsys):
    assert run("fetch", "--start", "2014-03-01", "--end", "2014-03-02", *words) == 2
    assert message in capsys.readouterr().err
