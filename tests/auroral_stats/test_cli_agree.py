"""``auroral_stats agree`` as a user meets it: the screen, the files, one clear error each."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from auroral_stats.agreement import agreement
from auroral_stats.cli import main
from auroral_stats.labels import (
    CLASSES,
    StoreInfo,
    iter_partitions,
    open_labels,
    read_partition,
    write_labels,
)
from auroral_stats.simulation.sample import open_sample

MODEL = StoreInfo(
    "model", True, model_sha256="1a2b3c4d" * 8, model_trained_on="a simulated set, seed 0"
)


@pytest.fixture(scope="module")
def stores(tmp_path_factory) -> tuple[Path, Path]:
    """The sample, and labels of a model that is right three times in four."""
    folder = tmp_path_factory.mktemp("stores")
    people = open_sample(folder / "people")
    rng = np.random.default_rng(2)
    opened = open_labels(people)
    for partition in iter_partitions(opened, ["fsim", "gill"]):
        rows = read_partition(partition, info=opened.info)
        wrong = rng.random(rows["label"].size) < 0.25
        label = np.where(wrong, rng.integers(0, 6, wrong.size), rows["label"])
        names = [CLASSES[number] for number in label]
        write_labels(folder / "model", partition.site, rows["time"], names, info=MODEL)
    return people, folder / "model"


def run(*arguments: object) -> int:
    return main([str(a) for a in arguments])


def test_the_screen(stores, capsys):
    assert run("agree", *stores) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Agreement of two sets of labels  SIMULATED DATA"
    assert f"A: sample, in {stores[0]}" in "".join(lines)
    assert max(len(line) for line in lines if str(stores[0].parent) not in line) <= 80
    result = agreement(*stores)
    # Both a title and a row for each of what it promises.
    for title in (
        "Frames: rows A, columns B",
        "The same in % of the row",
        "Agreement on each class (F1)",
        "By site",
        "By month",
    ):
        assert title in lines
    at = lines.index("By site")
    shown = {line.split()[0]: line.split() for line in lines[at + 4 : at + 8]}
    for site in ("fsim", "fsmi", "gill", "snkq"):
        one = result.sel(group=f"site {site}")
        assert shown[site][1:3] == [f"{int(one[n]):,}" for n in ("frames", "nights")]
        assert shown[site][-2:] == [f"{int(one[n]):,}" for n in ("alone_a", "alone_b")]
        if int(one["frames"]):
            value, low, high = (float(one[f"kappa{end}"]) for end in ("", "_low", "_high"))
            assert shown[site][5:7] == [f"{value:.2f}", f"[{low:.2f},{high:.2f}]"]
        else:
            assert shown[site][3:5] == ["-", "-"]
    kappa = float(result["kappa"][0])
    said = next(line for line in lines if line.startswith("agreement "))
    assert f"; kappa {kappa:.2f} [" in said
    counts = result["counts"][0].to_numpy()
    arc = next(line for line in lines if line.startswith("arc "))
    assert arc.split()[1:] == [f"{n:,}" for n in (*counts[0], counts[0].sum())]


def test_files(stores, tmp_path, capsys):
    out = {name: tmp_path / f"agree.{name}" for name in ("csv", "json", "nc", "svg")}
    files = ["--csv", out["csv"], "--json", out["json"], "--nc", out["nc"], "--plot", out["svg"]]
    choice = ["--by", "month", "--by", "hour", "--classes", "two", "--sites", "GILL"]
    assert run("agree", *stores, *choice, *files) == 0
    table = pd.read_csv(out["csv"])
    assert set(table["by"]) == {"all", "month", "hour"}
    assert set(table["label_a"].dropna()) == {"aurora", "no aurora"}
    content = json.loads(out["json"].read_text())
    assert len(content["rows"]) == len(table)
    with xr.open_dataset(out["nc"]) as result:
        kappa = table[(table["by"] == "all") & (table["measure"] == "kappa")]["estimate"].item()
        assert kappa == pytest.approx(float(result["kappa"][0]))
    assert "SIMULATED DATA" in out["svg"].read_text()
    assert [f"wrote {path}" for path in out.values()] == capsys.readouterr().out.splitlines()[-4:]


def test_the_csv_alone_on_stdout(stores):
    command = [sys.executable, "-m", "auroral_stats", "agree", *map(str, stores)]
    done = subprocess.run(
        [*command, "--csv", "/dev/stdout", "--by", "month"], capture_output=True, check=True
    )
    lines = done.stdout.decode().splitlines()
    assert lines[0].startswith("labels_a,labels_b,by,value,measure")
    assert all(line.endswith(",True") for line in lines[1:])


def test_mistakes(stores, tmp_path, capsys):
    people, model = stores
    for status, words, message in (
        (2, ["--by", "kp"], "--by kp: expected any of site, month, season, year, hour."),
        (2, ["--by="], "--by is empty; give it a value or leave it out."),
        (2, ["--tolerance", "900"], "--tolerance 900: expected 0 to 600 s; frames further apart"),
        (2, ["--sites", "rank"], "no labels of rank in either store; they hold fsim, fsmi, gill"),
        (2, ["--start", "2014", "--end", "2013"], "not after"),
        (2, ["--csv", people], f"--csv {people}: STORE_A has the same name"),
        (2, ["--plot", "x.gif"], "expected a name that ends in .png, .pdf or .svg."),
        (1, ["--end", "2012"], "no frame is in both stores"),
    ):
        assert run("agree", people, model, *words) == status
        said = capsys.readouterr().err
        (line,) = [line for line in said.splitlines() if line.startswith("error: ")]
        assert message in line
    assert run("agree", people, tmp_path / "none") == 1
    assert "no such label store" in capsys.readouterr().err
    assert run("agree", people, people) == 2
    assert "is given twice" in capsys.readouterr().err
    assert run("agree", people, model, "--tolerance", "-1") == 2
    assert "--tolerance" in capsys.readouterr().err


def test_simulated_and_real(stores, tmp_path, capsys):
    real = tmp_path / "real"
    rows = read_partition(open_labels(stores[0]).partitions[0])
    info = StoreInfo("human", simulated=False)
    write_labels(real, "fsim", rows["time"], [CLASSES[n] for n in rows["label"]], info=info)
    assert run("agree", stores[0], real) == 1
    said = capsys.readouterr().err
    assert "error: simulated and real inputs cannot be mixed" in said
    assert str(real) in said
