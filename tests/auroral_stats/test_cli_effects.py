"""``auroral_stats geoeffectiveness`` and ``epochs`` as a user meets them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from auroral_stats._cli.arguments import in_options
from auroral_stats.cli import main
from auroral_stats.effect_tables import EFFECT_COLUMNS, EPOCH_COLUMNS
from auroral_stats.join import join
from auroral_stats.joined import save_joined
from auroral_stats.mag_join import add_magnetometers
from auroral_stats.simulation.demo import DemoWorld

OPEN = ["--min-nights", 6, "--min-hours", 1, "--min-winters", 1, "--min-sites", 1]


@pytest.fixture(scope="module")
def world(ground_world) -> DemoWorld:
    return ground_world


@pytest.fixture(scope="module")
def bare(world, tmp_path_factory) -> Path:
    """A joined file without magnetometers."""
    data = join(world.labels, drivers=["newell", "SYM_H", "AE", "mlt"], offline=True)
    return save_joined(data, tmp_path_factory.mktemp("bare") / "bare.nc")


@pytest.fixture(scope="module")
def joined(world, bare, tmp_path_factory) -> Path:
    with xr.open_dataset(bare) as opened:
        data = add_magnetometers(opened.load(), root=world.spedas, offline=True)
    return save_joined(data, tmp_path_factory.mktemp("joined") / "joined.nc")


def run(*arguments: object) -> int:
    return main([str(a) for a in arguments])


def refusal(capsys, *arguments: object) -> tuple[int, str]:
    status = run(*arguments)
    err = capsys.readouterr().err
    (line,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert "Traceback" not in err
    return status, line.removeprefix("error: ")


# ---- geoeffectiveness --------------------------------------------------------------------------


def test_a_store_gives_everything_that_was_asked_for(world, tmp_path, capsys):
    out = {kind: tmp_path / f"effects.{kind}" for kind in ("csv", "json", "nc", "png")}
    files = ["--csv", out["csv"], "--json", out["json"], "--nc", out["nc"], "--plot", out["png"]]
    select = ["--measure", "db", "--threshold", "40,80", "--match", "site,newell", *OPEN]
    assert run("geoeffectiveness", "--labels", world.labels, "--offline", *select, *files) == 0
    table = pd.read_csv(out["csv"])
    assert tuple(table.columns) == EFFECT_COLUMNS
    assert table["threshold"].unique().tolist() == [40.0, 80.0]
    assert table["simulated"].all()
    content = json.loads(out["json"].read_text())
    with xr.open_dataset(out["nc"]) as result:
        for row, full in zip(table.itertuples(), content["rows"], strict=True):
            cell = result.sel(label=row.label, threshold=row.threshold)
            assert row.risk_ratio == pytest.approx(full["risk_ratio"])
            assert full["risk_ratio"] == cell["risk_ratio"].item()
    assert out["png"].read_bytes()[:4] == b"\x89PNG"
    screen = capsys.readouterr().out
    shown = [line for line in screen.splitlines() if not line.startswith("wrote ")]
    assert max(map(len, shown)) <= 80
    flat = " ".join(screen.split())
    for part in ("SIMULATED DATA", "X: dB in nT", "An association", "kept %", "before after"):
        assert part in flat
    for path in out.values():
        assert f"wrote {path}" in flat


def test_a_joined_file_gives_the_same_as_the_store(world, joined, tmp_path):
    tables = []
    for source in (["--labels", world.labels, "--offline"], ["--data", joined]):
        out = tmp_path / "effects.csv"
        assert run("geoeffectiveness", *source, "--csv", out, *OPEN) == 0
        tables.append(pd.read_csv(out))
    pd.testing.assert_frame_equal(*tables)


def test_selections_and_options_reach_the_result(world, joined, tmp_path):
    out = tmp_path / "effects.nc"
    options = ["--control", "clear", "--label", "arc", "--label", "discrete", "--moon", "any"]
    options += ["--forward", 20, "--max-sun-elevation", "-14", "--sites", "gill,rank"]
    options += ["--start", "2013-11-26", "--end", "2014-11-25", "--quantiles", 25]
    assert run("geoeffectiveness", "--data", joined, *options, *OPEN, "--nc", out) == 0
    with xr.open_dataset(out) as result:
        parameters = json.loads(result.attrs["parameters"])
        assert result["label"].to_numpy().tolist() == ["arc", "discrete"]
        assert result.attrs["selected_sites"] == "gill,rank"
        assert result.attrs["start"] >= "2013-11-26"
        assert result.attrs["end"] < "2014-11-25"
    wanted = {"control": "clear", "moon": "any", "forward": 20, "max_sun_elevation": -14.0}
    wanted |= {"quantiles": 25, "match": ["site", "mlt", "month", "newell"]}
    assert {key: parameters[key] for key in wanted} == wanted
    assert parameters["gate"]["min_nights"] == 6
    by_latitude = tmp_path / "north.nc"
    assert run("geoeffectiveness", "--data", joined, "--mlat", "70:", "--nc", by_latitude) == 0
    with xr.open_dataset(by_latitude) as result:
        assert result.attrs["selected_sites"] == "rank"
    other = tmp_path / "other.nc"
    source = ["--labels", world.labels, "--offline", "--mag-station", "fsim=gill"]
    assert run("geoeffectiveness", *source, *OPEN, "--nc", other) == 0
    with xr.open_dataset(other) as result:
        assert json.loads(result.attrs["mag_parameters"])["stations"] == {"fsim": "gill"}


def test_options_that_cannot_be_used_are_refused_before_anything_is_read(tmp_path, capsys):
    """The source does not exist: only what is refused earlier can be the complaint."""
    nothing = ["--data", tmp_path / "no.nc"]
    for options, said in (
        (["--measure", "dbd"], "unknown measure 'dbd'. Nearest: dBdt, dB."),
        (["--control", "moon"], "--control 'moon': expected 'auroral' or one of arc, diffuse"),
        (["--label", "cloudy"], "--label cloudy: expected any of arc, diffuse, discrete, clear."),
        (["--control", "arc", "--label", "arc"], "--label arc is also the control"),
        (["--match", "site,AE"], "AE of the same minute cannot be matched on"),
        (["--match", ","], "--match is empty"),
        (["--mediator", "Bz"], "--mediator Bz: expected an index"),
        (["--threshold", "a"], "--threshold a: expected numbers"),
        (["--threshold", "1,0.5"], "1, 0.5: expected increasing numbers in nT/s"),
        (["--quantiles", 3], "--quantiles 3: expected 20 or more"),
        (["--forward", 500], "--forward 500: expected 0 to 120 minutes"),
        (["--max-sun-elevation", "x"], "--max-sun-elevation x: expected degrees, or none."),
        (["--labels", tmp_path], "already holds its labels, solar wind and magnetometers; leave "),
        (["--mag-station", "gill=gill"], "leave out --mag-station, or --data."),
        (["--start", "2014", "--end", "2013"], "end (2013) is not after start (2014)"),
        (["--csv", tmp_path / "a", "--nc", tmp_path / "a"], "--csv has the same name"),
        (["--csv", tmp_path / "no.nc"], "--data has the same name"),
        (["--plot", tmp_path / "a.gif"], "expected a name that ends in .png, .pdf or .svg."),
    ):
        status, line = refusal(capsys, "geoeffectiveness", *nothing, *options)
        assert (status, said in line) == (2, True), line
    (tmp_path / "folder.csv").mkdir()
    status, line = refusal(capsys, "geoeffectiveness", *nothing, "--csv", tmp_path / "folder.csv")
    assert (status, "it is a folder" in line) == (1, True)
    assert refusal(capsys, "geoeffectiveness", *nothing)[0] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["folder.csv"]
    assert in_options("x with mediator='AE', y") == "x with --mediator AE, y"
    status, line = refusal(capsys, "geoeffectiveness", *nothing, "--match", "AE")
    assert "ask for a mediator analysis with --mediator AE" in line


def test_a_station_for_no_site_is_refused(world, capsys):
    source = ["--labels", world.labels, "--offline"]
    for word, said in (
        ("gill", "--mag-station gill: expected SITE=CODE"),
        ("gill=,", "--mag-station gill=: expected SITE=CODE"),
        ("gill=a,gill=b", "gill is given twice"),
        ("inuv=gill", "inuv is not among the sites, which are fsim, gill, rank"),
    ):
        status, line = refusal(capsys, "geoeffectiveness", *source, "--mag-station", word)
        assert (status, said in line) == (2, True), line


def test_a_joined_file_without_magnetometers_says_what_to_do(bare, tmp_path, capsys):
    out = tmp_path / "x.csv"
    for command in (["geoeffectiveness"], ["epochs", "--onset", "discrete"]):
        status, line = refusal(capsys, *command, "--data", bare, "--csv", out)
        assert status == 1
        assert "they have no magnetometer data. Join again with --mag." in line
    assert not out.exists()
    # Without a station there is nothing to miss.
    assert run("epochs", "--onset", "arc", "--of", "SYM_H", "--data", bare, "--csv", out) == 0
    assert len(pd.read_csv(out)) == 241


def test_standard_output_can_be_the_table(joined, capfd):
    assert run("geoeffectiveness", "--data", joined, "--csv", "/dev/stdout") == 0
    said = capfd.readouterr()
    assert said.out.splitlines()[0] == ",".join(EFFECT_COLUMNS)
    assert len(said.out.splitlines()) == 1 + 12
    assert "What they rest on" in said.err


# ---- epochs ------------------------------------------------------------------------------------


def test_epochs_of_a_class(world, tmp_path, capsys):
    out = {kind: tmp_path / f"epochs.{kind}" for kind in ("csv", "json", "nc", "png")}
    files = ["--csv", out["csv"], "--json", out["json"], "--nc", out["nc"], "--plot", out["png"]]
    options = ["--onset", "discrete", "--of", "dBdt,SYM_H", "--before", 30, "--after", 60]
    options += ["--resamples", 40, "--seed", 3]
    assert run("epochs", "--labels", world.labels, "--offline", *options, *files) == 0
    table = pd.read_csv(out["csv"])
    assert tuple(table.columns) == EPOCH_COLUMNS
    assert table.groupby("of").size().to_dict() == {"SYM_H": 91, "dBdt": 91}
    assert out["png"].read_bytes()[:4] == b"\x89PNG"
    screen = " ".join(capsys.readouterr().out.split())
    with xr.open_dataset(out["nc"]) as result:
        number = int(result.attrs["onsets"])
        found = json.loads(result.attrs["onsets_parameters"])
        assert json.loads(result.attrs["parameters"])["seed"] == 3
    assert found["separation"] == 30
    assert f"Onsets of discrete from labels: {number} onsets" in screen
    dropped = int(screen.split("dropped: ")[1].split()[0])
    every = tmp_path / "all.json"
    none = ["--separation", 0, "--resamples", 0, "--of", "SYM_H"]
    assert (
        run("epochs", "--labels", world.labels, "--offline", *options, *none, "--json", every) == 0
    )
    assert int(json.loads(every.read_text())["provenance"]["onsets"]) == number + dropped
    assert "SIMULATED DATA" in screen


def onset_list(path: Path, rows: list[str]) -> Path:
    path.write_text("\n".join(["time,site,mlat,mlt", *rows]) + "\n")
    return path


def test_epochs_of_a_list(joined, tmp_path, capsys):
    with xr.open_dataset(joined) as data:
        times = np.datetime_as_string(data["time"].to_numpy()[200::2500], unit="s")
    rows = [f"{time},gill,66.0,23.5" for time in times]
    good = onset_list(tmp_path / "good.csv", rows)
    out = tmp_path / "epochs.csv"
    source = ["epochs", "--data", joined, "--resamples", 0, "--csv", out]
    status, line = refusal(capsys, *source, "--onsets", good)
    assert status == 1
    assert "simulated and real inputs cannot be mixed" in line
    assert not out.exists()
    assert run(*source, "--onsets", good, "--simulated-list") == 0
    assert pd.read_csv(out)["number"].max() == len(rows)
    capsys.readouterr()
    faulty = onset_list(
        tmp_path / "faulty.csv",
        [*rows, "soon,gill,66,1", f"{times[0]},gill,0,0", "2001-01-01T00:00:00,gill,66,1"],
    )
    status, line = refusal(capsys, *source, "--onsets", faulty, "--simulated-list")
    assert status == 1
    assert "'soon' is no time" in line
    assert line.endswith("or use --skip-bad-rows to leave them out.")
    again = ["--onsets", faulty, "--simulated-list", "--skip-bad-rows"]
    assert run(*source, *again) == 0
    screen = " ".join(capsys.readouterr().out.split())
    assert "2 faulty rows of the list" in screen
    assert "1 at other times or sites" in screen
    assert "'soon' is no time" in screen
    old = onset_list(tmp_path / "old.csv", ["2001-01-01T00:00:00,gill,66,1"])
    status, line = refusal(capsys, *source, "--onsets", old, "--simulated-list")
    assert status == 1
    assert line.startswith(f"{old}: none of its 1 onsets is within the time and at the sites")
    status, line = refusal(capsys, *source[:-1], good, "--onsets", good, "--simulated-list")
    assert (status, "--onsets has the same name" in line) == (2, True)


def test_epoch_options_are_refused_before_anything_is_read(tmp_path, capsys):
    nothing = ["epochs", "--data", tmp_path / "no.nc"]
    discrete = ["--onset", "discrete"]
    for options, said in (
        ([], "give either --onset CLASS or --onsets LIST.csv."),
        ([*discrete, "--onsets", "x.csv"], "give either --onset CLASS or --onsets LIST.csv."),
        (["--onset", "moon"], "--onset 'moon': expected one of arc, diffuse, discrete, clear."),
        ([*discrete, "--of", "dBdt,nonsense"], "unknown driver 'nonsense'"),
        ([*discrete, "--of", "dBdt,clock_angle"], "clock_angle is an angle"),
        ([*discrete, "--of", "dBdt,mlt"], "mlt is no quantity that varies about an onset"),
        ([*discrete, "--of", "dBdt,dbdt"], "a name is given twice"),
        ([*discrete, "--of", ","], "--of is empty"),
        ([*discrete, "--before", -1], "expected 0 to 2880"),
        ([*discrete, "--resamples", 3], "expected 0 for no band, or 40 and more"),
        ([*discrete, "--separation", -1], "separation -1 min: expected 0 or more"),
        ([*discrete, "--hold", 0], "hold 0 s"),
        ([*discrete, "--max-sun-elevation", "x"], "--max-sun-elevation x"),
    ):
        status, line = refusal(capsys, *nothing, *options)
        assert (status, said in line) == (2, True), line
    status, line = refusal(capsys, *nothing, "--onsets", tmp_path / "no.csv")
    assert (status, "no.csv: cannot be read" in line) == (1, True)


# ---- help --------------------------------------------------------------------------------------


def test_help_explains_and_stays_light(capsys):
    for command, parts in (
        ("geoeffectiveness", ("within strata", "the result is an association", "without a night")),
        ("epochs", ("the onsets of a night are moved together", "leaving out a night")),
    ):
        assert run(command, "--help") == 0
        flat = " ".join(capsys.readouterr().out.split())
        for part in parts:
            assert part in flat
    code = (
        "import auroral_stats._cli.geoeffectiveness, auroral_stats._cli.epochs, sys\n"
        "heavy = ('pyspedas', 'astropy', 'matplotlib', 'scipy', 'xarray', 'pandas', 'numpy')\n"
        "print(*(m for m in heavy if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
