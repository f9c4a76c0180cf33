"""What scripts share: arguments, data from wherever they are, and results that say what they are."""

import json
import os
import subprocess
import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from auroral_stats.analysis import PAGE, analysis, analysis_parser
from auroral_stats.errors import DataError
from auroral_stats.joined import save_joined
from auroral_stats.occurrence import occurrence
from auroral_stats.plots import plot_occurrence
from auroral_stats.provenance import describe
from auroral_stats.simulation import demo
from auroral_stats.simulation.demo_plan import DemoPlan
from auroral_stats.spedas import cache_folder
from auroral_stats.tables import to_table

#: Two nights at two sites in one winter.
SMALL = DemoPlan(
    sites=("gill", "rank"),
    winters=DemoPlan().winters[:1],
    nights=2,
    margin_days=1,
    frame_seconds=60,
    field_seconds=60,
    fast_seconds=0,
    truth_runs=2,
)


@pytest.fixture(autouse=True)
def no_open_figures():
    plt.switch_backend("Agg")
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def saved(joined, tmp_path_factory):
    return save_joined(joined, tmp_path_factory.mktemp("analysis") / "joined.zarr")


def run_with(*arguments, doc=None, **options):
    return analysis("trial", analysis_parser(doc, **options), [str(word) for word in arguments])


def table_of(simulated):
    table = pd.DataFrame({"a": [1, 2], "simulated": simulated, "b": [3.0, np.nan]})
    table.attrs = describe("A table", parameters={"n": 2}, simulated=simulated)
    return table


def test_the_docstring_is_the_help():
    text = analysis_parser("Title\n=====\n\nWhat it does, in 95 % of cases.").format_help()
    assert "Title\n\nWhat it does, in 95 % of cases." in text
    assert "==" not in text
    assert analysis_parser(None).parse_args([]).mlat == "all"
    assert analysis_parser("", mlat="62:70").parse_args([]).mlat == "62:70"


def test_joined_data_are_opened_and_selected(saved, joined):
    with run_with("--data", saved, "--sites", "gill", "--start", "2013-12-03") as run:
        data = run.joined(["Bz"])
    assert data["site"].values.tolist() == ["gill"]
    assert data["time"].values[0] >= np.datetime64("2013-12-03")
    with run_with("--data", saved, mlat="62:70") as run:
        assert run.joined()["site"].values.tolist() == ["gill", "fsmi"]
    with run_with("--data", saved, "--mlat", "all", mlat="62:70") as run:
        assert run.joined().sizes["site"] == joined.sizes["site"]


def test_mistakes_are_one_message_and_a_code(saved, tmp_path, capsys):
    for words, code, message in (
        (["--data", tmp_path / "none.zarr"], 1, "no such file"),
        (["--labels", tmp_path / "none"], 1, "no such label store"),
        (["--data", saved, "--labels", tmp_path], 2, "already holds its labels"),
        (["--data", saved, "--mlat", "85:88"], 1, "no site with a mean magnetic latitude"),
        (["--mlat", "north"], 2, "expected LO:HI"),
        (["--spedas", tmp_path], 2, "goes with --labels"),
        (["--spedas", tmp_path / "none", "--labels", tmp_path], 2, "no such folder"),
    ):
        with pytest.raises(SystemExit) as ended, run_with(*words) as run:
            run.joined()
        assert ended.value.code == code
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert line.startswith("error: ")
        assert message in line
    with pytest.raises(SystemExit) as ended, run_with("--omni", "2min") as run:
        pass
    assert ended.value.code == 2


def test_other_errors_keep_their_traceback(saved):
    with pytest.raises(ZeroDivisionError), run_with("--data", saved):
        raise ZeroDivisionError


def test_a_folder_of_drivers_wins_over_the_environment(tmp_path, monkeypatch):
    for name in ("SPEDAS_DATA_DIR", "OMNI_DATA_DIR", "THM_DATA_DIR", "KP_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "other"))
    with run_with("--labels", tmp_path, "--spedas", tmp_path):
        assert cache_folder("omni") == tmp_path / "omni"
        assert cache_folder("themis") == tmp_path / "themis"


def test_the_demo_world_is_joined_once(tmp_path_factory, monkeypatch, capsys):
    root = tmp_path_factory.mktemp("demo") / "world"
    monkeypatch.setenv(demo.DEMO_VARIABLE, str(root))
    monkeypatch.setattr(demo, "DemoPlan", lambda: SMALL)
    marker = root / "joined.zarr" / ".zattrs"
    with run_with() as run:
        first = run.joined(["Bz"], mag=True).load()
    assert "this is the demo world" in capsys.readouterr().err
    assert {"Bz", "Kp", "AE", "mag", "pi2"} <= set(first)
    made = marker.stat().st_mtime_ns
    with run_with("--sites", "rank") as run:
        second = run.joined()
    assert second.sizes["site"] == 1
    np.testing.assert_array_equal(second["frames"], first["frames"].sel(site=["rank"]))
    assert marker.stat().st_mtime_ns == made
    # It is made anew if the package has changed since.
    os.utime(marker, (1e9, 1e9))
    with run_with() as run:
        run.joined()
    assert marker.stat().st_mtime_ns > made
    # The world is still whole to those who check it.
    assert demo.build_demo(root, plan=SMALL).labels.is_dir()


def test_results_are_written_with_what_they_are(saved, joined, tmp_path, capsys):
    with run_with("--data", saved, "--out", tmp_path / "out", "--figure", "pdf") as run:
        results = [occurrence(run.joined(), name) for name in ("Kp", "mlt")]
        panels = plot_occurrence(results[0], band="all")
        run.write(panels["arc", "all"].figure, *results, part="rates")
    table = pd.read_csv(tmp_path / "out" / "trial_rates.csv")
    expected = pd.concat([to_table(result) for result in results])
    assert table.columns.tolist() == expected.columns.tolist()
    np.testing.assert_array_equal(table["events"], expected["events"])
    assert table.columns[-1] == "simulated"
    assert table["simulated"].all()
    about = json.loads((tmp_path / "out" / "trial_rates.json").read_text())
    assert about["simulated"] == "true"
    assert [one["driver"] for one in about["results"]] == ["Kp", "mlt"]
    assert (tmp_path / "out" / "trial_rates.pdf").read_bytes().startswith(b"%PDF")
    assert capsys.readouterr().out.count("wrote ") == 3
    # The figure was made without pyplot, and is now open there.
    assert [plt.figure(number) for number in plt.get_fignums()] == [panels["arc", "all"].figure]


@pytest.mark.parametrize("simulated", [True, False])
def test_a_figure_of_ones_own_is_lettered_and_marked(tmp_path, simulated):
    with run_with("--out", tmp_path) as run:
        assert mpl.rcParams["font.size"] == PAGE["font.size"]
        figure, axes = plt.subplots(1, 2, figsize=(7, 2))
        for ax in axes:
            ax.plot([0, 1], [1, 0], label="a line")
        table = table_of(simulated)
        table.attrs |= {"start": "2014-01-01T00:00Z", "end": "2014-02-01T00:00Z"}
        run.write(figure, table, title="Lines", about="two of them", notes="Both fall.")
        assert len(plt.get_fignums()) == 1
    assert mpl.rcParams["font.size"] != PAGE["font.size"]
    assert figure.get_suptitle() == "Lines" + ": SIMULATED DATA" * simulated
    said = [text.get_text() for text in figure.texts]
    assert "2014-01-01 to 2014-02-01; two of them" in said
    assert "Both fall." in said
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a line"]
    written = pd.read_csv(tmp_path / "trial.csv")
    assert written.columns.tolist() == ["a", "b", "simulated"]
    assert written["simulated"].tolist() == [simulated] * 2
    with Image.open(tmp_path / "trial.png") as image:
        assert image.size[0] == 2100
        assert image.info["Title"] == ("Lines: SIMULATED DATA" if simulated else "Lines")


def test_no_figure_of_simulated_data_goes_unmarked(tmp_path):
    figure = Figure()
    with run_with("--out", tmp_path) as run:
        run.write(figure, table_of(True))
    assert [text.get_text() for text in figure.texts] == ["SIMULATED DATA"]
    with Image.open(tmp_path / "trial.png") as image:
        assert image.info["Title"] == "A table"
        assert image.info["Description"].startswith("simulated: True")


def test_simulated_and_real_results_are_not_mixed(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended, run_with("--out", tmp_path / "out") as run:
        run.write(Figure(), table_of(True), table_of(False))
    assert ended.value.code == DataError.exit_code
    assert "simulated and real inputs cannot be mixed" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_importing_it_loads_nothing_heavy():
    code = (
        "import auroral_stats.analysis, sys\n"
        "print(*(m for m in ('matplotlib', 'xarray', 'pyspedas', 'torch') if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
