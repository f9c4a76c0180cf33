"""The command line as a user meets it: real files, exit codes, one clear error each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from auroral_stats.cli import main
from auroral_stats.labels import StoreInfo, write_labels
from auroral_stats.simulation.omni_files import write_omni_hro
from auroral_stats.simulation.sample import SAMPLE_FILES, open_sample, simulate_sample

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


def error_of(capsys) -> str:
    """Return the one line of error; no traceback, no second complaint."""
    lines = [line for line in capsys.readouterr().err.splitlines() if not line.endswith(" ...")]
    assert len([line for line in lines if line.startswith("error: ")]) == 1, lines
    assert "Traceback" not in "\n".join(lines)
    return "\n".join(lines)


# ---- the main job ------------------------------------------------------------------------------


def test_sample_is_what_the_generator_makes():
    from importlib import resources

    folder = resources.files("auroral_stats") / "data"
    for name, drawn in zip(SAMPLE_FILES, simulate_sample(), strict=True):
        with resources.as_file(folder / name) as path:
            committed = pd.read_csv(path, parse_dates=["time"])
        pd.testing.assert_frame_equal(committed, drawn, check_dtype=False, check_exact=False)


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
    assert "arc: rate in %, rows By, columns Bz" in capsys.readouterr().out
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
    for words in ("4 rows read", "written               2", "duplicate             1"):
        assert words in screen
    assert "steve" in screen + (store / "_rejected.csv").read_text()
    assert run("info", store, "--check") == 0
    screen = capsys.readouterr().out
    assert "source import:me" in screen
    assert "no fault found" in screen
    for command, words in (("drivers", ["newell", "km/s"]), ("sites", ["gill", "Gillam"])):
        assert run(command) == 0
        screen = capsys.readouterr().out
        assert all(word in screen for word in words)
        assert max(map(len, screen.splitlines())) <= 80


def test_demo_runs_and_keeps_its_sample(tmp_path, capsys):
    assert run("demo", "--out", tmp_path / "demo") == 0
    screen = capsys.readouterr().out
    assert "SIMULATED DATA" in screen
    assert (tmp_path / "demo" / "Bz.png").exists()
    assert run("demo", "--out", tmp_path / "demo") == 0


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
    for words in ("share of the frames in which aurora could be seen", "leaving out a night"):
        assert words in text


# ---- one clear error each ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--by", "bzz"], 2, ["unknown driver 'bzz'", "Nearest: Bz", "Known: Bx, By"]),
        (["--by", "Bz", "--bins=5:1:1"], 2, ["--bins=5:1:1", "HI must be above LO"]),
        (["--by", "Bz", "--bins=1,5,5"], 2, ["edges must increase; 5 is followed by 5"]),
        (["--by", "Bz", "--window", "90"], 2, ["window 90 min is not a multiple", "60 min"]),
        (["--by", "Bz", "--lag", "-5"], 2, ["future"]),
        (["--by", "Bz", "--window", "6000000000"], 2, ["4320 min before a frame"]),
        (["--by", "Kp", "--window", "60"], 2, ["window 60 min is not a multiple", "180 min"]),
        (["--by", "mlt", "--lag", "5"], 2, ["belong to the frame itself"]),
        (["--by", "Bz", "--label", "steve"], 2, ["--label steve", "arc, diffuse"]),
        (["--by", "Bz", "--label", "cloudy"], 2, ["use --denominator all"]),
        (["--by", "Bz", "--bins=0:1:1", "--quantiles", "3"], 2, ["exclude each other"]),
        (["--by", "Bz", "--by", "By", "--bins=0:1:1"], 2, ["once for each --by"]),
        (["--by", "Bz", "--sites", "gil"], 2, ["gil"]),
        (["--by", "Bz", "--start", "2020-01-01"], 1, ["2020-01-01"]),
        (["--by", "Bz", "--start", "2015-01-01", "--end", "2014-01-01"], 2, ["end"]),
        (["--by", "Bz", "--max-sun-elevation", "low"], 2, ["--max-sun-elevation low"]),
        (["--by", "SYM_H"], 2, ["hourly OMNI has no variable 'SYM_H'"]),
        (["--by", ""], 2, ["--by is empty"]),
        (["--by", "Bz", "--sites", ""], 2, ["--sites is empty"]),
        (["--by", "Bz", "--plot", "x.gif"], 2, ["x.gif", ".png, .pdf or .svg"]),
        (["--by", "Bz", "--interval", "bootstrap", "--seed", "-1"], 2, ["--seed -1"]),
        (["--by", "Bz", "--bins=0:1:1e-320"], 2, ["STEP is too small"]),
        (["--by", "mlt", "--bins=0:48:2"], 2, ["go round more than once"]),
    ],
)
def test_mistakes_get_one_clear_error(sample, capsys, arguments, status, words):
    assert run("occurrence", "--labels", sample, "--omni", "hourly", *arguments) == status
    message = error_of(capsys)
    for word in words:
        assert word in message


def test_sources_that_exclude_each_other(sample, tmp_path, capsys):
    assert run("occurrence", "--by", "Bz") == 2
    assert "give --labels STORE, or --data FILE" in error_of(capsys)
    for more in (["--labels", sample], ["--omni", "hourly"]):
        assert run("occurrence", "--by", "Bz", "--data", tmp_path / "x.nc", *more) == 2
        assert f"leave out {more[0]}" in error_of(capsys)
    assert run("occurrence", "--by", "Bz", "--data", tmp_path / "x.nc") == 1
    assert "x.nc: no such file" in error_of(capsys)
    (tmp_path / "x.nc").write_bytes(b"not a netCDF file")
    assert run("occurrence", "--by", "Bz", "--data", tmp_path / "x.nc") == 1
    assert "cannot be read as joined data" in error_of(capsys)
    assert run("occurrence", "--by", "Bz", "--labels", tmp_path / "nowhere") == 2
    assert "nowhere" in error_of(capsys)


def test_output_that_cannot_be_written(sample, tmp_path, capsys):
    (tmp_path / "file").write_text("kept")
    out = tmp_path / "file" / "rates.csv"
    assert run("occurrence", "--by", "mlt", "--labels", sample, "--csv", out) == 1
    assert "rates.csv: cannot be written" in error_of(capsys)
    assert (tmp_path / "file").read_text() == "kept"
    assert run("join", "--labels", sample, "--out", tmp_path / "joined.txt") == 2
    assert "ends in .zarr or .nc" in error_of(capsys)


def test_missing_files_are_named(real_labels, cache, tmp_path, capsys):
    """February is not in the cache: its minutes are in the row `missing`, and it is said."""
    out = tmp_path / "rates.csv"
    assert run("occurrence", "--by", "Bz", "--labels", real_labels, "--offline", "--csv", out) == 0
    screen = " ".join(capsys.readouterr().out.split())
    assert "omni_hro_1min_20140201_v??.cdf" in screen
    table = pd.read_csv(out)
    missing = table[table["bin"] == "missing"]["exposure"].iloc[0]
    assert 0 < missing < table[table["label"] == "arc"]["exposure"].sum()
    assert (
        run("occurrence", "--by", "Bz", "--labels", real_labels, "--offline", "--end", "2014-02-28")
        == 1
    )
    message = error_of(capsys)
    assert "omni_hro_1min_20140201_v??.cdf" in message
    assert str(cache) in message
    assert "--offline" in message


def test_driver_without_coverage(real_labels, cache, tmp_path, capsys):
    """The speed is nowhere in these files: a table of nothing but `missing` would mislead."""
    arguments = ["--labels", real_labels, "--offline", "--start", "2014-03-01"]
    assert run("occurrence", "--by", "newell", *arguments) == 1
    assert "no value of newell" in error_of(capsys)


def test_damaged_and_gse_only_files(real_labels, cache, tmp_path, capsys, monkeypatch):
    path = next(cache.rglob("omni_hro_1min_20140301_v01.cdf"))
    broken = tmp_path / "spedas" / path.relative_to(cache)
    broken.parent.mkdir(parents=True)
    whole = path.read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    monkeypatch.setenv("SPEDAS_DATA_DIR", str(tmp_path / "spedas"))
    arguments = ["--labels", real_labels, "--offline", "--start", "2014-03-01"]
    assert run("occurrence", "--by", "Bz", *arguments) == 1
    assert "omni_hro_1min_20140301_v01.cdf" in error_of(capsys)
    times = np.arange("2014-03-01", "2014-04-01", dtype="M8[m]").astype("M8[ns]")
    write_omni_hro(
        {"time": times, "Bz_gse": np.ones(times.size), "By_gse": np.ones(times.size)},
        tmp_path / "spedas",
        simulated=False,
        omit=("By", "Bz"),
    )
    assert run("occurrence", "--by", "Bz", *arguments) == 1
    message = error_of(capsys)
    assert "GSM" in message
    assert "GSE" in message


def test_simulated_and_real_never_mix(sample, real_labels, cache, tmp_path, capsys, monkeypatch):
    """A simulated CDF in the user's cache, and simulated labels without drivers of their own."""
    times = np.arange("2014-03-01", "2014-04-01", dtype="M8[m]").astype("M8[ns]")
    write_omni_hro({"time": times, "Bz": np.ones(times.size)}, tmp_path / "spedas", simulated=True)
    monkeypatch.setenv("SPEDAS_DATA_DIR", str(tmp_path / "spedas"))
    arguments = ["--labels", real_labels, "--offline", "--start", "2014-03-01"]
    assert run("occurrence", "--by", "Bz", *arguments) == 1
    assert "simulated" in error_of(capsys)
    store = tmp_path / "alone"
    stamp = np.datetime64("2014-03-10T06:00", "ms") + np.arange(9) * np.timedelta64(60_000, "ms")
    write_labels(store, "gill", stamp, ["arc"] * 9, info=StoreInfo("import:x", simulated=True))
    assert run("occurrence", "--by", "Bz", "--labels", store, "--offline") == 1
    assert "no solar wind of their own" in error_of(capsys)
    assert run("occurrence", "--by", "site", "--labels", store, "--moon", "any") == 0


def test_mixed_simulated_stores(sample, real_labels, tmp_path, capsys):
    """Partitions of both kinds in one folder are refused, whatever the command."""
    import shutil

    mixed = tmp_path / "mixed"
    shutil.copytree(real_labels, mixed)
    shutil.copytree(sample / "site=fsim", mixed / "site=fsim")
    assert run("occurrence", "--by", "mlt", "--labels", mixed) == 1
    assert "simulated" in error_of(capsys)


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


def test_usage_errors_exit_with_two(capsys):
    for arguments in (
        ["occurrence"],
        ["nonsense"],
        ["occurrence", "--by", "Bz", "--lag", "x"],
        ["occurrence", "--by", "Bz", "--interval", "magic"],
    ):
        assert main(arguments) == 2
        assert "Traceback" not in capsys.readouterr().err
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("auroral_stats ")


def test_table_may_stand_last(tmp_path):
    table = tmp_path / "mine.csv"
    table.write_text("time,site,label\n2014-03-10T06:00:00,gill,arc\n")
    assert run("import-labels", "--out", tmp_path / "store", *COLUMNS, table) == 0


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


def test_files_are_written_before_the_screen_is(sample, tmp_path):
    out = tmp_path / "rates.csv"
    command = [sys.executable, "-m", "auroral_stats", "occurrence", "--by", "mlt"]
    command += ["--labels", str(sample), "--csv", str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run_:
        assert run_.stdout is not None
        run_.stdout.close()
        run_.wait()
    assert len(out.read_text().splitlines()) > 90
