"""One clear error for each mistake, before anything is read, with the exit status it deserves.

2: the command is wrong: a value that is malformed, options that do not go together, or a name
that does not exist or is not in the data given. 1: the command is understood, and cannot be
carried out: files missing, damaged or not writable, no data in the selection.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from auroral_stats.cli import main
from auroral_stats.join import join
from auroral_stats.joined import save_joined
from auroral_stats.labels import StoreInfo, write_labels
from auroral_stats.simulation.sample import open_sample


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> Path:
    return open_sample(tmp_path_factory.mktemp("sample") / "labels")


@pytest.fixture(scope="module")
def joined_file(sample, tmp_path_factory) -> Path:
    data = join(sample, omni="hourly", sites=["gill"], start="2014-12-10", end="2014-12-16")
    return save_joined(data, tmp_path_factory.mktemp("joined") / "joined.nc")


def run(*arguments: object) -> int:
    return main([str(a) for a in arguments])


def outcome(capsys, *arguments: object) -> tuple[int, str, bool]:
    """Return the exit status, the error, and whether anything was read before it."""
    status = run(*arguments)
    lines = capsys.readouterr().err.splitlines()
    said = [line for line in lines if not line.endswith(" ...")]
    assert "Traceback" not in "\n".join(said)
    assert len([line for line in said if line.lower().startswith("error: ")]) == 1, said
    return status, "\n".join(said), len(said) < len(lines)


KNOWN_DRIVERS = "Known: Bx, By, Bz, B, B_T, clock_angle, cone_angle, flow_speed, proton_density, "
USUAL_TIME = (
    "expected a UTC time such as 2014-03-10 or 2014-03-10T06:02:00, or one with an offset such "
    "as 2014-03-10T06:02:00-07:00."
)
FROM_NAMES = [
    ("--by bzz", f"unknown driver 'bzz'. Nearest: Bz, B. {KNOWN_DRIVERS}"),
    ("--by=", "--by is empty; 'auroral_stats drivers' lists what it takes."),
    ("--by Bz --by By --by Kp", "--by takes one or two drivers; got 3."),
    ("--by Bz --by bz", "--by Bz is given twice; expected two different drivers."),
    (
        "--by Bz --bins=5:1:1",
        "--bins=5:1:1: HI must be above LO and STEP above zero, for bins increase.",
    ),
    ("--by Bz --bins=1,5,5", "bin edges must increase; 5 is followed by 5 in 1,5,5."),
    (
        "--by Bz --bins=0:1:1e-320",
        (
            "--bins=0:1:1e-320: STEP is too small for LO and HI; expected LO:HI:STEP such as "
            "-10:10:2, or edges such as -20,-5,0,5,20."
        ),
    ),
    (
        "--by mlt --bins=0:48:2",
        (
            "bins from 0 to 48 go round more than once; expected at most 24 from the first edge to "
            "the last."
        ),
    ),
    (
        "--by site --bins=0:1:1",
        "--bins does not apply to site, which is categorical; leave it out.",
    ),
    (
        "--by Bz --by By --bins=0:1:1",
        (
            "--bins is given 1 times for 2 drivers; give it once for each --by (--bins=default keeps "
            "a driver's own)."
        ),
    ),
    (
        "--by Bz --bins=0:1:1 --quantiles 3",
        "--bins and --quantiles exclude each other; leave one of them out.",
    ),
    ("--by Bz --quantiles 1", "--quantiles 1: expected 2 to 1000."),
    (
        "--by mlt --quantiles 3",
        "--quantiles does not apply to mlt, which is circular; leave it out or use --bins.",
    ),
    (
        "--by site --quantiles 3",
        "--quantiles does not apply to site, which is categorical; leave it out or use --bins.",
    ),
    (
        "--by Bz --window 90",
        (
            "window 90 min is not a multiple of the driver's cadence of 60 min; expected 0 or 60, "
            "120, 180, ... min."
        ),
    ),
    (
        "--by Kp --window 60",
        (
            "window 60 min is not a multiple of the driver's cadence of 180 min; expected 0 or 180, "
            "360, 540, ... min."
        ),
    ),
    ("--by Bz --lag -5", "lag -5 min looks into the future; expected 0 or more."),
    (
        "--by Bz --window 6000000000",
        (
            "lag 60 and window 6000000000 min reach back 6000000060 min; joined data hold drivers "
            "for 4320 min before a frame. Use less."
        ),
    ),
    (
        "--by mlt --lag 5",
        "--lag and --window do not apply to mlt, which belong to the frame itself; leave them out.",
    ),
    (
        "--by Bz --label steve",
        "--label steve: expected any of arc, diffuse, discrete, cloudy, moon, clear.",
    ),
    ("--by Bz --label=", "--label is empty; give it a value or leave it out."),
    ("--by Bz --label arc arc", "--label arc, arc: a class is given twice."),
    (
        "--by Bz --label cloudy",
        (
            "--label cloudy is not among the usable classes (arc, diffuse, discrete, clear), so it "
            "has no rate among them; use --denominator all."
        ),
    ),
    ("--by Bz --standardise=", "--standardise is empty; give it a value or leave it out."),
    (
        "--by Bz --standardise weather",
        "--standardise weather: expected one or more of site, mlt.",
    ),
    (
        "--by mlt --standardise mlt,site",
        "--standardise mlt would hold fixed what --by varies; choose another stratum.",
    ),
    (
        "--by Bz --standardise site --interval wilson",
        "--standardise has jackknife intervals only; got --interval wilson. Leave one of them out.",
    ),
    (
        "--by Bz --standardise site --denominator all",
        "--standardise needs --denominator usable; got all. Leave one of them out.",
    ),
    ("--by Bz --interval bootstrap --seed -1", "--seed -1: expected 0 or more."),
    (
        "--by Bz --interval bootstrap --bootstrap 9",
        "--bootstrap 9: expected 100 to 100,000 resamples.",
    ),
    ("--by Bz --max-sun-elevation low", "--max-sun-elevation low: expected degrees, or none."),
    (
        "--by Bz --max-sun-elevation 91",
        "--max-sun-elevation 91: expected -90 to 90 degrees.",
    ),
    (
        "--by Bz --max-sun-elevation nan",
        "--max-sun-elevation nan: expected -90 to 90 degrees.",
    ),
    ("--by Bz --mlat 62", "--mlat 62: expected LO:HI in degrees, such as 62:70, 70: or :62."),
    ("--by Bz --mlat=", "--mlat '': expected LO:HI in degrees, such as 62:70, 70: or :62."),
    (
        "--by Bz --mlat 70:62",
        (
            "--mlat 70:62: expected 0 <= LO < HI <= 90 degrees; the southern hemisphere counts by its "
            "absolute value."
        ),
    ),
    ("--by Bz --start soon", f"start is 'soon'; {USUAL_TIME}"),
    ("--by Bz --end 10/03/2014", f"end is '10/03/2014'; {USUAL_TIME}"),
    (
        "--by Bz --start 2015-01-01 --end 2014-01-01",
        "end (2014-01-01) is not after start (2015-01-01); swap or move them.",
    ),
    (
        "--by Bz --start 2015 --end 2015-01-01",
        "end (2015-01-01) is not after start (2015); swap or move them.",
    ),
    ("--by Bz --sites=", "--sites is empty; 'auroral_stats sites' lists the codes."),
    (
        "--by Bz --csv a.csv --json ./a.csv",
        "--json a.csv: --csv has the same name; give each its own.",
    ),
]


@pytest.mark.parametrize(("words", "message"), FROM_NAMES, ids=[words for words, _ in FROM_NAMES])
@pytest.mark.parametrize("source", ["labels", "data"])
def test_mistakes_in_the_command(
    sample, joined_file, tmp_path, monkeypatch, capsys, source, words, message
):
    """The same error and status from a store and from a joined file, and nothing is read."""
    monkeypatch.chdir(tmp_path)
    given = {
        "labels": ["--labels", sample, "--omni", "hourly"],
        "data": ["--data", joined_file],
    }[source]
    status, said, read = outcome(capsys, "occurrence", *given, *words.split())
    assert status == 2
    if message.startswith("unknown driver"):
        assert said.startswith(f"error: {message}")
    else:
        assert said == f"error: {message}"
    # The file must be opened to know the cadence; frames and drivers stay unread.
    assert not read
    assert list(tmp_path.iterdir()) == []


def test_names_that_the_data_do_not_hold(sample, joined_file, capsys):
    """A site or driver that exists, but not here: a wrong name in the command, on both ways."""
    store = ["--labels", sample, "--omni", "hourly"]
    for words, message in (
        (
            ["--sites", "atha"],
            f"{sample}: no labels of atha; the store holds fsim, fsmi, gill, snkq.",
        ),
        (
            ["--sites", "gil"],
            (
                "unknown site 'gil' (nearest: gill); `auroral_stats sites` lists the known sites, and "
                "a CSV file named by AURORAL_STATS_SITES adds others"
            ),
        ),
    ):
        assert outcome(capsys, "occurrence", "--by", "Bz", *store, *words)[:2] == (
            2,
            f"error: {message}",
        )
    status, said, read = outcome(capsys, "occurrence", "--by", "SYM_H", *store)
    assert (status, read) == (2, False)
    assert said.startswith(
        "error: hourly OMNI has no variable 'SYM_H'. SYM_H comes with 1min and 5min. It has AE, AL"
    )
    held = ["--data", joined_file]
    assert outcome(capsys, "occurrence", "--by", "Bz", *held, "--sites", "fsim") == (
        2,
        (
            "error: --sites fsim: not in the joined data, which hold gill. Choose among them, or join "
            "again."
        ),
        False,
    )
    assert outcome(capsys, "occurrence", "--by", "SYM_H", *held) == (
        2,
        (
            f"error: --by SYM_H: {joined_file} was joined without SYM_H (solar wind: hourly). Choose "
            "another driver, or join again with the files or the --omni that has it."
        ),
        False,
    )


def test_nothing_in_the_selection(sample, joined_file, capsys):
    store, held = ["--labels", sample], ["--data", joined_file]
    assert outcome(capsys, "occurrence", "--by", "mlt", *store, "--start", "2020-01-01")[:2] == (
        1,
        (
            f"error: {sample}: no label from 2020-01-01 to the last; the store covers fsim, fsmi, "
            "gill, snkq from 2013-12-18T00:00:00.000 to 2015-01-02T23:55:00.000 UTC. Choose a range "
            "or sites within it."
        ),
    )
    status, said, _ = outcome(capsys, "occurrence", "--by", "mlt", *held, "--start", "2020-01-01")
    assert status == 1
    assert said.startswith(
        "error: no frame between 2020-01-01 and the end; the joined data reach from 2014-12-1"
    )
    assert said.endswith("Change --start, --end or --sites.")
    assert outcome(capsys, "occurrence", "--by", "mlt", *store, "--mlat", "70:")[:2] == (
        1,
        (
            "error: no site with a mean magnetic latitude in 70:; there are fsim 67.2, fsmi 67.1, "
            "gill 65.7, snkq 65.8 (degrees). Change --mlat."
        ),
    )
    status, said, _ = outcome(capsys, "occurrence", "--by", "mlt", *held, "--mlat", ":60")
    assert status == 1
    assert re.fullmatch(
        r"error: no site with a mean magnetic latitude in :60; there are gill 65\.[67] \(degrees\)\. "
        r"Change --mlat\.",
        said,
    )


def test_files_that_are_not_there_or_not_right(sample, tmp_path, capsys):
    nowhere = tmp_path / "nowhere"
    no_store = (
        1,
        (
            f"error: {nowhere}: no such label store (a folder of Parquet files); make one with "
            "'auroral_stats import-labels TABLE --out STORE' or check the name."
        ),
        False,
    )
    assert outcome(capsys, "occurrence", "--by", "Bz", "--labels", nowhere) == no_store
    assert outcome(capsys, "join", "--labels", nowhere, "--out", tmp_path / "x.nc") == no_store
    assert outcome(capsys, "info", nowhere) == no_store
    data = tmp_path / "x.nc"
    by_data = ["occurrence", "--by", "Bz", "--data", data]
    assert outcome(capsys, *by_data) == (
        1,
        f"error: {data}: no such file; make it with auroral_stats join.",
        False,
    )
    data.write_bytes(b"not a netCDF file")
    status, said, _ = outcome(capsys, *by_data)
    assert status == 1
    assert said.startswith(f"error: {data}: cannot be read as joined data (")
    xr.Dataset({"frames": 1}).to_netcdf(tmp_path / "y.nc")
    status, said, _ = outcome(capsys, "occurrence", "--by", "Bz", "--data", tmp_path / "y.nc")
    assert status == 1
    assert said.startswith(f"error: {tmp_path / 'y.nc'}: lacks attribute 'simulated', label, mlat,")


def test_sources_that_exclude_each_other(sample, tmp_path, capsys):
    data = tmp_path / "x.nc"
    for more in (["--labels", sample], ["--omni", "hourly"]):
        assert outcome(capsys, "occurrence", "--by", "Bz", "--data", data, *more) == (
            2,
            (
                f"error: --data {data} already holds its labels and solar wind; leave out {more[0]}, "
                "or --data."
            ),
            False,
        )


@pytest.mark.parametrize(
    "words",
    [
        ["occurrence", "--by", "Bz", "--labels", "STORE", "--csv", ""],
        ["occurrence", "--by", "Bz", "--labels", "STORE", "--plot", ""],
        ["occurrence", "--by", "Bz", "--labels", ""],
        ["occurrence", "--by", "Bz", "--data", " "],
        ["join", "--labels", "STORE", "--out", ""],
        ["info", ""],
        ["demo", "--out", ""],
    ],
)
def test_a_file_without_a_name(sample, tmp_path, monkeypatch, capsys, words):
    """An empty shell variable is a mistake, not the folder one is in."""
    monkeypatch.chdir(tmp_path)
    status, said, read = outcome(capsys, *[sample if word == "STORE" else word for word in words])
    assert (status, read) == (2, False)
    assert said.endswith("empty; expected the name of a file or folder.")
    assert list(tmp_path.iterdir()) == []


def test_usage_errors_exit_with_two(capsys):
    for arguments, said in (
        (["occurrence"], "Missing option '--by'."),
        (["nonsense"], "No such command 'nonsense'."),
        (["occurrence", "--by", "Bz", "--lag", "x"], "Invalid value for '--lag'"),
        (["occurrence", "--by", "Bz", "--interval", "magic"], "Invalid value for '--interval'"),
        (["import-labels", "x.csv"], "Missing option '--out'."),
    ):
        assert main(arguments) == 2
        error = capsys.readouterr().err
        assert "Traceback" not in error
        assert said in error


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("none", "none lets twilight and day"),
        ("-5", "-5 lets twilight"),
        ("0.5", "0.5 lets twilight"),
    ],
)
def test_bright_sky_is_warned_of(sample, capsys, value, what):
    assert run("occurrence", "--by", "mlt", "--labels", sample, "--max-sun-elevation", value) == 0
    warned = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning")]
    assert warned == [
        (
            f"warning: --max-sun-elevation {what} in; a night then no longer ends before 19 UT in "
            "Alaska, and bright sky is taken for cloud or aurora."
        )
    ]


def test_dark_sky_is_not_warned_of(sample, capsys):
    assert run("occurrence", "--by", "mlt", "--labels", sample, "--max-sun-elevation", "-6") == 0
    assert "warning" not in capsys.readouterr().err


@pytest.mark.parametrize("command", ["occurrence", "join"])
def test_hourly_solar_wind_is_pointed_out(sample, tmp_path, capsys, command):
    """A demo store has hourly solar wind alone, and 1min is the default."""
    words = {
        "occurrence": ["--by", "Bz"],
        "join": ["--out", tmp_path / "x.nc"],
    }[command]
    folder = sample / "_drivers" / "omni"
    remedy = f"There is hourly solar wind in {folder}: --omni hourly uses it."
    for cadence in ([], ["--omni", "5min"]):
        status, said, _ = outcome(capsys, command, "--labels", sample, *words, *cadence)
        assert status == 1
        assert said.startswith("error: no OMNI HRO ")
        assert said.endswith(remedy)
    assert list(tmp_path.iterdir()) == []


def test_hourly_solar_wind_is_not_pointed_out_in_vain(sample, tmp_path, capsys):
    # SYM-H does not come with it ...
    status, said, _ = outcome(capsys, "occurrence", "--by", "SYM_H", "--labels", sample)
    assert status == 1
    assert "--omni hourly" not in said
    # ... and here there is none.
    store = tmp_path / "labels"
    shutil.copytree(sample, store)
    shutil.rmtree(store / "_drivers" / "omni")
    status, said, _ = outcome(capsys, "occurrence", "--by", "Bz", "--labels", store)
    assert status == 1
    assert "--omni hourly" not in said
    # A store that is simulated and names no folder of drivers has none of its own.
    stamp = np.datetime64("2014-03-10T06:00", "ms") + np.arange(9) * np.timedelta64(60_000, "ms")
    alone = tmp_path / "alone"
    write_labels(alone, "gill", stamp, ["arc"] * 9, info=StoreInfo("import:x", simulated=True))
    assert outcome(capsys, "occurrence", "--by", "Bz", "--labels", alone, "--offline")[:2] == (
        1,
        (
            f"error: {alone}: these simulated labels name no solar wind of their own, and real solar "
            "wind cannot be joined to them. Drivers that belong to the frame (mlt, site, month, ...) "
            "remain."
        ),
    )
