"""The command line as a user meets it: real files, exit codes, one clear error each."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from auroral_stats._version import __version__
from auroral_stats.cli import app, main
from auroral_stats.drivers import DRIVERS
from auroral_stats.labels import StoreInfo, write_labels
from auroral_stats.simulation.omni_files import write_omni_hro
from auroral_stats.simulation.sample import open_sample
from auroral_stats.sites import load_sites

COLUMNS = ["--time", "time", "--site", "site", "--label", "label"]


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> Path:
    return open_sample(tmp_path_factory.mktemp("sample") / "labels")


@pytest.fixture(scope="module")
def real_labels(tmp_path_factory) -> Path:
    """Labels that are not marked simulated: two nights at GILL, and a cache that covers one."""
    store = tmp_path_factory.mktemp("store") / "labels"
    rng = np.random.default_rng(0)
    times = np.concatenate(
        [
            np.datetime64(night, "ms") + np.arange(600) * np.timedelta64(60_000, "ms")
            for night in ("2014-02-27T02:00", "2014-03-10T02:00")
        ]
    )
    label = rng.choice(["arc", "diffuse", "clear", "cloudy"], times.size)
    write_labels(store, "gill", times, label, info=StoreInfo("human", simulated=False))
    return store


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A SPEDAS folder with the HRO file of March 2014 only."""
    root = tmp_path_factory.mktemp("spedas")
    times = np.arange("2014-03-01", "2014-04-01", dtype="M8[m]").astype("M8[ns]")
    wave = np.sin(np.arange(times.size) / 500.0)
    write_omni_hro(
        {"time": times, "Bz": np.round(5 * wave, 2), "By": np.round(3 * wave, 2)},
        root,
        simulated=False,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPEDAS_DATA_DIR", str(root))
        for name in ("OMNI_DATA_DIR", "THM_DATA_DIR", "KP_DATA_DIR"):
            patch.delenv(name, raising=False)
        yield root


def run(*arguments: object) -> int:
    return main([str(a) for a in arguments])


def run_table(tmp_path: Path, *arguments: object) -> pd.DataFrame:
    out = tmp_path / "table.csv"
    assert run("occurrence", *arguments, "--csv", out) == 0
    return pd.read_csv(out)


def error_of(capsys) -> str:
    """Return the one line of error; no traceback, no second complaint."""
    lines = [line for line in capsys.readouterr().err.splitlines() if not line.endswith(" ...")]
    assert len([line for line in lines if line.startswith("error: ")]) == 1, lines
    assert "Traceback" not in "\n".join(lines)
    return "\n".join(lines)


# ---- the main job ------------------------------------------------------------------------------


def test_occurrence_writes_all_it_promises(sample, tmp_path, capsys):
    out = {name: tmp_path / f"rates.{name}" for name in ("csv", "json", "nc", "png")}
    arguments = ["--by", "Bz", "--labels", sample, "--omni", "hourly"]
    files = ["--csv", out["csv"], "--json", out["json"], "--nc", out["nc"], "--plot", out["png"]]
    assert run("occurrence", *arguments, *files) == 0
    table = pd.read_csv(out["csv"])
    assert table["simulated"].all()
    content = json.loads(out["json"].read_text())
    with xr.open_dataset(out["nc"]) as result:
        for row, full in zip(table.itertuples(), content["rows"], strict=True):
            cell = result.sel(bin=row.bin, label=row.label)
            assert row.events == full["events"] == int(cell["events"])
    assert out["png"].read_bytes()[:4] == b"\x89PNG"
    screen = capsys.readouterr().out
    assert "SIMULATED DATA" in screen
    assert "lag 60 min, window 0 min" in screen
    lines = [line for line in screen.splitlines() if not line.startswith("wrote ")]
    assert max(map(len, lines)) <= 80
    # South of zero there is more aurora, as it was drawn.
    clear = table[(table["label"] == "clear") & ~table["masked"]]["rate"]
    assert clear.is_monotonic_increasing
    assert len(clear) >= 4


def test_label_takes_words_commas_and_repeats(sample, tmp_path):
    tables = []
    for words in (
        ["--label", "arc", "discrete"],
        ["--label", "arc,discrete"],
        ["--label", "arc", "--label", "discrete"],
    ):
        out = tmp_path / "rates.csv"
        assert run("occurrence", "--by", "Kp", *words, "--labels", sample, "--csv", out) == 0
        tables.append(out.read_text())
    assert tables[0] == tables[1] == tables[2]
    assert set(pd.read_csv(out)["label"]) == {"arc", "discrete"}


def test_map_of_two_drivers(sample, tmp_path, capsys):
    out = tmp_path / "map.csv"
    bins = ["--bins=-10:10:5", "--bins=default"]
    arguments = ["--by", "By", "--by", "Bz", "--labels", sample, "--omni", "hourly", *bins]
    assert run("occurrence", *arguments, "--label", "arc", "--csv", out) == 0
    table = pd.read_csv(out)
    assert list(table.columns[:8]) == [
        "driver",
        "bin",
        "lower",
        "upper",
        "driver2",
        "bin2",
        "lower2",
        "upper2",
    ]
    lines = capsys.readouterr().out.splitlines()
    assert any(re.match(r"arc: rate in %.* rows By, columns Bz", line) for line in lines)
    shown = next(line for line in lines if line.startswith("[0, 5)")).removeprefix("[0, 5)").split()
    held = table[(table["bin"] == "[0, 5)") & (table["exposure"] > 0)]
    assert [word for word in shown[: shown.index("-")] if "(" not in word] == [
        f"{100 * rate:.0f}" for rate in held[~held["masked"]]["rate"]
    ]
    one = tmp_path / "one.csv"
    arguments = ["--by", "By", "--labels", sample, "--omni", "hourly", bins[0], "--label", "arc"]
    assert run("occurrence", *arguments, "--csv", one) == 0
    np.testing.assert_array_equal(
        table.groupby("bin", sort=False)["events"].sum(), pd.read_csv(one)["events"]
    )


def test_quantiles_and_none(sample, tmp_path):
    out = tmp_path / "q.csv"
    arguments = ["--by", "newell", "--labels", sample, "--omni", "hourly", "--quantiles", "4"]
    assert run("occurrence", *arguments, "--max-sun-elevation", "none", "--csv", out) == 0
    table = pd.read_csv(out)
    exposure = table[(table["label"] == "arc") & table["bin"].str.startswith("[")]["exposure"]
    assert len(exposure) == 4
    assert exposure.max() / exposure.min() < 1.3


def test_selection_and_joined_file_agree(sample, tmp_path):
    joined = tmp_path / "joined.zarr"
    assert run("join", "--labels", sample, "--out", joined, "--omni", "hourly") == 0
    again = tmp_path / "joined.zarr"
    assert run("join", "--labels", sample, "--out", again, "--omni", "hourly") == 0
    assert [p.name for p in tmp_path.iterdir()] == ["joined.zarr"]
    select = ["--sites", "gill,FSIM", "--start", "2014-12-01", "--end", "2014-12-24T06:00"]
    texts = []
    for source in (["--data", joined], ["--labels", sample, "--omni", "hourly"]):
        out = tmp_path / "rates.csv"
        assert run("occurrence", "--by", "Bz", *source, *select, "--csv", out) == 0
        texts.append(out.read_text())
    assert texts[0] == texts[1]


def test_import_info_and_listing(tmp_path, capsys):
    table = tmp_path / "mine.csv"
    table.write_text(
        "label,when,station\narc,2014-03-10T06:00:00,GILL\nnoaurora,2014-03-10T06:00:03Z,gill\n"
        "steve,2014-03-10T06:00:06,gill\narc,2014-03-10T06:00:00,gill\n"
    )
    store = tmp_path / "store"
    columns = ["--time", "when", "--site", "station", "--label", "label", "--source", "me"]
    assert run("import-labels", table, "--out", store, *columns) == 0
    screen = capsys.readouterr().out
    lines = screen.splitlines()
    assert lines[0] == f"{table}: 4 rows read"
    assert lines[1:4] == [
        f"  written               2  to {store}",
        "  duplicate             1",
        "  rejected              1",
    ]
    assert lines[4].startswith("    1 ")
    assert lines[-1] == f"  see {store / '_rejected.csv'}"
    rejected = pd.read_csv(store / "_rejected.csv").iloc[0].astype(str)
    assert rejected.str.contains("steve").any()
    assert run("info", store, "--check") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "".join(lines).startswith(str(store))
    assert any(line.startswith("source import:me, schema ") for line in lines)
    assert lines[-1] == "no fault found"
    counts = next(line for line in lines if line.split()[:1] == ["gill"]).split()
    assert counts == ["gill", "1", "0", "0", "0", "0", "1", "2"]


def test_listings_hold_every_driver_and_site(capsys):
    for command, names in (("drivers", list(DRIVERS)), ("sites", list(load_sites().index))):
        assert run(command) == 0
        lines = capsys.readouterr().out.splitlines()
        assert max(map(len, lines)) <= 80
        first = [line.split()[0] for line in lines if line.split()]
        assert [word for word in first if word in names] == names


def test_help_is_fast_and_explains():
    # The promise is half a second; what makes it true is that nothing heavy is imported.
    code = (
        "import sys, contextlib, io\nfrom auroral_stats.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()): main(['occurrence', '--help'])\n"
        "heavy = {'numpy', 'pandas', 'xarray', 'pyspedas', 'matplotlib', 'astropy', 'torch'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == "[]"
    command = [sys.executable, "-m", "auroral_stats", "occurrence", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    text = " ".join(done.stdout.split())
    for words in (
        (
            "usable: share of the frames in which aurora could be seen (arc, diffuse, discrete, "
            "clear), so weather and moonlight do not count as absence."
        ),
        (
            "95 % limits from leaving out a night, or a block of nights, at a time, for frames of one night "
            "are nearly the same picture."
        ),
        "--mlat LO:HI Only sites of this magnetic latitude, LO <= MLAT < HI: 62:70, 70:, :62.",
        "[default: jackknife]",
    ):
        assert words in text


# ---- solar wind that is missing, damaged or not what it seems ----------------------------------


def test_missing_files_are_named(real_labels, cache, tmp_path, capsys):
    """February is not in the cache: its minutes are in the row `missing`, and it is said."""
    out = tmp_path / "rates.csv"
    assert run("occurrence", "--by", "Bz", "--labels", real_labels, "--offline", "--csv", out) == 0
    screen = " ".join(capsys.readouterr().out.split())
    assert (
        "omni: 1 of 2 files is missing (omni_hro_1min_20140201_v??.cdf, looked for in "
        f"{cache / 'omni'}): no values there."
    ) in screen
    table = pd.read_csv(out)
    missing = table[table["bin"] == "missing"]["exposure"].iloc[0]
    # All of the night in February, which the Moon does not light.
    february = run_table(tmp_path, "--by", "mlt", "--labels", real_labels, "--end", "2014-02-28")
    assert missing == february[february["label"] == "arc"]["exposure"].sum() > 100
    assert missing < table[table["label"] == "arc"]["exposure"].sum()
    only_february = ["--labels", real_labels, "--offline", "--end", "2014-02-28"]
    assert run("occurrence", "--by", "Bz", *only_february) == 1
    assert error_of(capsys) == (
        "error: no OMNI HRO 1-min file from 2014-02-24 to 2014-02-28: looked for "
        f"omni_hro_1min_20140201_v??.cdf in {cache / 'omni'}. Run without --offline to download, "
        "or set OMNI_DATA_DIR to the folder that has them."
    )


def test_driver_without_coverage(real_labels, cache, tmp_path, capsys):
    """The speed is nowhere in these files: a table of nothing but `missing` would mislead."""
    arguments = ["--labels", real_labels, "--offline", "--start", "2014-03-01"]
    assert run("occurrence", "--by", "newell", *arguments) == 1
    assert error_of(capsys) == (
        "error: no value of newell in any usable minute: it is made from flow_speed, By, Bz, "
        "which the files leave missing then. Choose other times, another --omni or another driver."
    )


def test_damaged_and_gse_only_files(real_labels, cache, tmp_path, capsys, monkeypatch):
    path = next(cache.rglob("omni_hro_1min_20140301_v01.cdf"))
    broken = tmp_path / "spedas" / path.relative_to(cache)
    broken.parent.mkdir(parents=True)
    whole = path.read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    monkeypatch.setenv("SPEDAS_DATA_DIR", str(tmp_path / "spedas"))
    arguments = ["--labels", real_labels, "--offline", "--start", "2014-03-01"]
    assert run("occurrence", "--by", "Bz", *arguments) == 1
    assert error_of(capsys) == (
        f"error: {broken} is cut short: {len(whole) // 2:,} bytes, where its header states "
        f"{len(whole):,}. Delete it and run again without --offline to fetch it anew."
    )
    times = np.arange("2014-03-01", "2014-04-01", dtype="M8[m]").astype("M8[ns]")
    write_omni_hro(
        {"time": times, "Bz_gse": np.ones(times.size), "By_gse": np.ones(times.size)},
        tmp_path / "spedas",
        simulated=False,
        omit=("By", "Bz"),
    )
    assert run("occurrence", "--by", "Bz", *arguments) == 1
    assert error_of(capsys) == (
        f"error: {broken} has BZ_GSE but no BZ_GSM: GSE components cannot stand in for GSM, which "
        "Bz is. Fetch the original file, which has both."
    )


def test_simulated_and_real_never_mix(sample, real_labels, cache, tmp_path, capsys, monkeypatch):
    """A simulated CDF in the user's cache, and simulated labels without drivers of their own."""
    times = np.arange("2014-03-01", "2014-04-01", dtype="M8[m]").astype("M8[ns]")
    write_omni_hro({"time": times, "Bz": np.ones(times.size)}, tmp_path / "spedas", simulated=True)
    monkeypatch.setenv("SPEDAS_DATA_DIR", str(tmp_path / "spedas"))
    arguments = ["--labels", real_labels, "--offline", "--start", "2014-03-01"]
    assert run("occurrence", "--by", "Bz", *arguments) == 1
    file = next((tmp_path / "spedas").rglob("*.cdf"))
    assert error_of(capsys) == (
        f"error: {file} is simulated and lies in a cache of real data. Move it away, or let "
        "SPEDAS_DATA_DIR name another folder; simulated labels find their own files."
    )
    store = tmp_path / "alone"
    stamp = np.datetime64("2014-03-10T06:00", "ms") + np.arange(9) * np.timedelta64(60_000, "ms")
    write_labels(store, "gill", stamp, ["arc"] * 9, info=StoreInfo("import:x", simulated=True))
    assert run("occurrence", "--by", "Bz", "--labels", store, "--offline") == 1
    assert error_of(capsys) == (
        f"error: {store}: these simulated labels name no solar wind of their own, and real solar "
        "wind cannot be joined to them. Drivers that belong to the frame (mlt, site, month, ...) "
        "remain."
    )
    assert run("occurrence", "--by", "site", "--labels", store, "--moon", "any") == 0


def test_mixed_simulated_stores(sample, real_labels, tmp_path, capsys):
    """Partitions of both kinds in one folder are refused, whatever the command."""
    import shutil

    mixed = tmp_path / "mixed"
    shutil.copytree(real_labels, mixed)
    shutil.copytree(sample / "site=fsim", mixed / "site=fsim")
    first = mixed / "site=fsim" / "year=2013" / "month=12" / "labels.parquet"
    for command in (["occurrence", "--by", "mlt", "--labels", mixed], ["info", mixed]):
        assert run(*command) == 1
        said = error_of(capsys)
        assert said.startswith(f"error: {first}: 3 faults in the label store:")
        assert f"  - {first}: simulated is true, not false" in said.splitlines()


def test_offline_makes_no_connection(real_labels, cache, tmp_path):
    """Neither a connection nor a DNS query, even where files are missing."""
    code = (
        "import socket, sys\n"
        "def refuse(*a, **k): raise AssertionError('network')\n"
        "socket.socket.connect = socket.socket.connect_ex = refuse\n"
        "socket.getaddrinfo = socket.gethostbyname = socket.create_connection = refuse\n"
        "from auroral_stats.cli import main\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    arguments = ["occurrence", "--by", "Bz", "--labels", str(real_labels), "--offline"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"SPEDAS_DATA_DIR": str(cache)},
    )
    assert done.returncode == 0, done.stderr
    assert "IMF Bz" in done.stdout


def test_table_may_stand_last(tmp_path):
    table = tmp_path / "mine.csv"
    table.write_text("time,site,label\n2014-03-10T06:00:00,gill,arc\n")
    assert run("import-labels", "--out", tmp_path / "store", *COLUMNS, table) == 0


def test_commands_are_those_promised():
    assert [command.name for command in app.registered_commands] == [
        "import-labels",
        "fetch",
        "join",
        "occurrence",
        "geoeffectiveness",
        "epochs",
        "agree",
        "drivers",
        "sites",
        "info",
        "demo",
        "doctor",
    ]


def test_version_tells_those_of_the_dependencies(capsys):
    assert main(["--version"]) == 0
    lines = capsys.readouterr().out.splitlines()
    told = dict(line.split() for line in lines)
    assert list(told)[:3] == ["auroral_stats", "python", "numpy"]
    assert told["auroral_stats"] == __version__
    assert told["python"] == platform.python_version()
    for name in ("numpy", "xarray", "pandas", "pyspedas", "cdflib", "astropy", "scipy"):
        assert told[name] == metadata.version(name)
    # The versions stand below each other.
    assert len({line.rindex(" ") for line in lines}) == 1


def test_the_gate_of_the_command_line_is_the_gate(sample, tmp_path):
    """Each of its options masks by itself, and none of them if all are open."""
    by = ["--by", "Kp", "--labels", sample, "--label", "arc"]
    limits = {"nights": 1000, "hours": 1000, "winters": 3, "sites": 5}
    for tightened in (None, *limits):
        gate = [
            word
            for name, limit in limits.items()
            for word in (f"--min-{name}", limit if name == tightened else 0)
        ]
        table = run_table(tmp_path, *by, *gate)
        seen = table["exposure"] > 0
        assert seen.sum() == 4
        assert set(table["masked"][seen]) == {tightened is not None}


def test_screen_says_what_the_rates_are_of(sample, capsys):
    arguments = ["occurrence", "--by", "Kp", "--labels", sample]
    assert run(*arguments) == 0
    screen = " ".join(capsys.readouterr().out.split())
    assert "could show aurora; Sun <= -12; Moon down; jackknife interval" in screen
    assert "hold for the winters observed" in screen
    assert run(*arguments, "--denominator", "all", "--moon", "any", "--interval", "wilson") == 0
    screen = " ".join(capsys.readouterr().out.split())
    assert "of all dark frames; Sun <= -12; Moon up or down; wilson interval" in screen
    assert "hold for the winters observed" not in screen
