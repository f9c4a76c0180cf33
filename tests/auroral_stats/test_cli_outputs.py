"""Files that a command writes: checked before work begins, and never by halves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import xarray as xr

from auroral_stats.cli import main
from auroral_stats.joined import save_joined
from auroral_stats.simulation.sample import open_sample


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> Path:
    return open_sample(tmp_path_factory.mktemp("sample") / "labels")


@pytest.fixture(scope="module")
def two_bands(joined, tmp_path_factory) -> Path:
    """Joined data of three sites: 66.0, 67.3 and 72.3 degrees."""
    return save_joined(joined, tmp_path_factory.mktemp("bands") / "joined.nc")


def run(*arguments: object) -> int:
    return main([str(a) for a in arguments])


def refusal(capsys, *arguments: object) -> tuple[int, str]:
    """Return the exit status and the error; nothing may have been read before it."""
    status = run(*arguments)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    return status, lines[0].removeprefix("error: ")


def test_one_name_for_two_outputs(sample, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    by = ["occurrence", "--by", "mlt", "--labels", sample]
    for first, second in (
        (("--csv", "a"), ("--json", tmp_path / "a")),
        (("--csv", "a"), ("--nc", "folder/../a")),
        (("--json", "folder/a"), ("--nc", "link/a")),
        (("--nc", "a.png"), ("--plot", "a.png")),
        (("--csv", "/dev/null"), ("--json", "/dev/null")),
    ):
        assert refusal(capsys, *by, *first, *second) == (
            2,
            f"{second[0]} {second[1]}: {first[0]} has the same name; give each its own.",
        )
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["folder", "link"]


def test_an_input_is_not_written_over(two_bands, sample, tmp_path, monkeypatch, capsys):
    before = two_bands.read_bytes()
    assert refusal(capsys, "occurrence", "--by", "Bz", "--data", two_bands, "--nc", two_bands) == (
        2,
        f"--nc {two_bands}: --data has the same name; give each its own.",
    )
    (tmp_path / "link.nc").symlink_to(two_bands)
    monkeypatch.chdir(tmp_path)
    for data, nc in (("link.nc", two_bands), (two_bands, "link.nc")):
        assert refusal(capsys, "occurrence", "--by", "Bz", "--data", data, "--nc", nc)[0] == 2
    assert two_bands.read_bytes() == before
    assert refusal(capsys, "occurrence", "--by", "Bz", "--labels", sample, "--csv", sample) == (
        2,
        f"--csv {sample}: --labels has the same name; give each its own.",
    )


def test_outputs_are_checked_before_anything_is_read(sample, tmp_path, capsys):
    (tmp_path / "file").write_text("kept")
    (tmp_path / "folder.png").mkdir()
    by = ["occurrence", "--by", "mlt", "--labels", sample]
    for option, path, reason in (
        ("--csv", tmp_path, "it is a folder"),
        ("--json", tmp_path / "file" / "rates.json", "Not a directory"),
        ("--nc", tmp_path / "file" / "a" / "rates.nc", "Not a directory"),
        ("--plot", tmp_path / "folder.png", "it is a folder"),
    ):
        assert refusal(capsys, *by, option, path) == (
            1,
            f"{path}: cannot be written ({reason}); choose another place.",
        )
    status, said = refusal(capsys, *by, "--plot", tmp_path / "x.gif")
    assert status == 2
    assert "x.gif" in said
    assert all(suffix in said for suffix in (".png", ".pdf", ".svg"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder.png"]
    assert (tmp_path / "file").read_text() == "kept"


def test_join_checks_its_file_before_it_reads(sample, tmp_path, capsys):
    (tmp_path / "folder.nc").mkdir()
    (tmp_path / "file").write_text("kept")
    os.mkfifo(tmp_path / "pipe.nc")
    join = ["join", "--labels", sample, "--out"]
    assert refusal(capsys, *join, tmp_path / "x.txt") == (
        2,
        f"--out {tmp_path / 'x.txt'}: expected a name that ends in .zarr or .nc.",
    )
    for name, reason in (
        ("folder.nc", "a folder that auroral_stats join did not write"),
        ("pipe.nc", "neither a file nor a folder"),
        ("file/x.nc", "Not a directory"),
    ):
        status, said = refusal(capsys, *join, tmp_path / name)
        assert status == 1
        assert said.startswith(f"{tmp_path / name}: cannot be written ({reason}); choose another")
    assert (tmp_path / "pipe.nc").is_fifo()


def test_tables_go_into_pipes(sample, tmp_path):
    """The reader of a pipe gets the whole table, the screen stays on standard output."""
    pipe, file = tmp_path / "pipe", tmp_path / "rates.csv"
    os.mkfifo(pipe)
    with (tmp_path / "copy.csv").open("wb") as copy:
        reader = subprocess.Popen(["cat", pipe], stdout=copy)
        try:
            assert run("occurrence", "--by", "mlt", "--labels", sample, "--csv", pipe) == 0
            assert reader.wait(10) == 0
        finally:
            reader.kill()
    assert run("occurrence", "--by", "mlt", "--labels", sample, "--csv", file) == 0
    assert (tmp_path / "copy.csv").read_bytes() == file.read_bytes()
    assert pipe.is_fifo()


@pytest.mark.parametrize("option", ["--csv", "--json"])
def test_standard_output_holds_the_table_alone(sample, tmp_path, option):
    """``--csv /dev/stdout | program``: what is for people goes to the other stream."""
    command = [sys.executable, "-m", "auroral_stats", "occurrence", "--by", "mlt"]
    command += ["--labels", str(sample), option, "/dev/stdout"]
    piped = subprocess.run(command, capture_output=True, text=True, check=True)
    with (tmp_path / "out").open("w") as out:
        subprocess.run(command, stdout=out, stderr=subprocess.DEVNULL, check=True)
    for text in (piped.stdout, (tmp_path / "out").read_text()):
        if option == "--csv":
            lines = text.splitlines()
            assert lines[0].startswith("driver,bin,lower,upper,label,rate,")
            assert {line.count(",") for line in lines if '"' not in line} == {13}
            assert len(lines) == 1 + 4 * 25
        else:
            assert len(json.loads(text)["rows"]) == 4 * 25
    assert "Auroral occurrence by mlt" in piped.stderr
    assert "wrote /dev/stdout" in piped.stderr


def test_devices_stay_devices(sample, capsys):
    by = ["occurrence", "--by", "mlt", "--labels", sample]
    assert run(*by, "--csv", "/dev/null") == 0
    assert "Auroral occurrence by mlt" in capsys.readouterr().out
    assert run(*by, "--json", "/dev/full") == 1
    assert (
        "error: /dev/full: cannot be written (No space left on device)" in capsys.readouterr().err
    )
    assert Path("/dev/null").is_char_device()


def test_files_are_written_before_the_screen_is(sample, tmp_path):
    out = tmp_path / "rates.csv"
    command = [sys.executable, "-m", "auroral_stats", "occurrence", "--by", "mlt"]
    command += ["--labels", str(sample), "--csv", str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run_:
        assert run_.stdout is not None
        run_.stdout.close()
        run_.wait()
    assert len(out.read_text().splitlines()) == 1 + 4 * 25


# ---- bands of latitude -------------------------------------------------------------------------


def test_pooled_bands_are_said_and_one_option_away(two_bands, tmp_path, capsys):
    csv, nc, js = (tmp_path / f"rates.{suffix}" for suffix in ("csv", "nc", "json"))
    by = ["occurrence", "--by", "Bz", "--data", two_bands]
    line = "Latitude bands 62-70, >70 are pooled in the files; --mlat 62:70 keeps one."
    for files in (["--csv", csv], ["--nc", nc], ["--json", js]):
        assert run(*by, *files) == 0
        assert capsys.readouterr().out.splitlines().count(line) == 1
    with xr.open_dataset(nc) as result:
        assert result.attrs["pooled_bands"] == "62-70, >70"
    assert json.loads(js.read_text())["provenance"]["pooled_bands"] == "62-70, >70"
    # Shown side by side, they need no such line.
    assert run(*by) == 0
    assert "are pooled" not in capsys.readouterr().out
    assert run(*by, "--by", "By", "--bins=-4:4:4", "--bins=-4:4:4") == 0
    here = "Latitude bands 62-70, >70 are pooled here; --mlat 62:70 keeps one."
    assert capsys.readouterr().out.splitlines().count(here) == 1


def test_one_band_by_latitude_is_its_sites(two_bands, tmp_path, capsys):
    tables = []
    for choice in (["--mlat", "62:70"], ["--sites", "gill,fsmi"]):
        out = tmp_path / "rates.csv"
        assert run("occurrence", "--by", "Bz", "--data", two_bands, *choice, "--csv", out) == 0
        tables.append(out.read_text())
        assert "are pooled" not in capsys.readouterr().out
    assert tables[0] == tables[1]
    whole = tmp_path / "whole.csv"
    assert run("occurrence", "--by", "Bz", "--data", two_bands, "--csv", whole) == 0
    kept, pooled = pd.read_csv(tmp_path / "rates.csv"), pd.read_csv(whole)
    assert list(kept.columns) == list(pooled.columns)
    assert kept["events"].sum() == pytest.approx(2 / 3 * pooled["events"].sum(), rel=0.1)


def test_latitude_from_a_store(sample, tmp_path):
    tables = []
    for choice in (["--mlat", "66.5:"], ["--sites", "fsim,fsmi"]):
        out = tmp_path / "rates.json"
        assert run("occurrence", "--by", "mlt", "--labels", sample, *choice, "--json", out) == 0
        content = json.loads(out.read_text())
        assert content["provenance"]["selected_sites"] == "fsim,fsmi"
        tables.append(content["rows"])
    assert tables[0] == tables[1]
    assert content["provenance"].get("selected_mlat") is None


# ---- what a result says of itself --------------------------------------------------------------


def test_provenance_is_the_same_from_a_store_and_from_a_joined_file(sample, tmp_path):
    """A joined file holds more drivers and more time; the values used are the same."""
    joined = tmp_path / "joined.zarr"
    assert run("join", "--labels", sample, "--out", joined, "--omni", "hourly") == 0
    select = ["--start", "2014-12-15", "--end", "2014-12-20T12:00", "--sites", "gill,fsim"]
    said = []
    for source in (["--labels", sample, "--omni", "hourly"], ["--data", joined]):
        out = tmp_path / "rates.nc"
        assert run("occurrence", "--by", "newell", "--by", "Kp", *source, *select, "--nc", out) == 0
        with xr.open_dataset(out) as result:
            said.append(dict(result.attrs))
    assert len(said[0]["drivers_fingerprint"]) == 16
    same = {"drivers_fingerprint", "start", "end", "total_frames", "total_nights", "total_winters"}
    same |= {"simulated", "labels_source", "omni_source", "kp_source", "parameters", "versions"}
    assert {key: said[0][key] for key in same} == {key: said[1][key] for key in same}
    assert said[0]["total_nights"] == "5"
    assert said[0]["total_winters"] == "1"
    assert said[0]["omni_files"].startswith("omni2_h0_mrg1hr_20140701_v01.cdf")
