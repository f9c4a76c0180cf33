"""What the tab key offers, through the environment by which shells ask."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from auroral_stats._cli import completion
from auroral_stats.agreement import GROUPINGS
from auroral_stats.drivers import DRIVERS
from auroral_stats.labels import CLASSES
from auroral_stats.sites import load_sites

PROGRAMS = {"auroral_stats": "auroral_stats", "auroral_classifier": "classifier"}
HEAVY = "pandas xarray pyspedas matplotlib astropy torch"


@pytest.fixture
def asked(monkeypatch, capsys):
    """Return what bash is offered for the last of some words; an empty one follows a space."""

    def ask(words: str, program: str = "auroral_stats") -> list[str]:
        main = importlib.import_module(f"{PROGRAMS[program]}.cli").main
        variables = {
            f"_{program.upper()}_COMPLETE": "complete_bash",
            "COMP_WORDS": f"{program} {words}",
            "COMP_CWORD": str(len(words.split(" "))),
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert main([]) == 0
        said = capsys.readouterr()
        assert said.err == ""
        return said.out.split()

    return ask


def test_lists_are_those_of_the_registries():
    assert tuple(DRIVERS) == completion.DRIVER_NAMES
    assert completion.CLASS_NAMES == CLASSES
    assert completion.GROUPING_NAMES == GROUPINGS


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("occ", ["occurrence"]),
        ("occurrence --by ne", ["newell"]),
        ("occurrence --by bz", []),
        ("occurrence --by Bz,cl", ["Bz,clock_angle"]),
        ("occurrence --by SYM", ["SYM_H", "SYM_D"]),
        ("occurrence --by Bz --label di", ["diffuse", "discrete"]),
        ("occurrence --by Bz --moon d", ["down"]),
        ("geoeffectiveness --label cl", ["cloudy", "clear"]),
        ("agree a b --by se", ["season"]),
        ("agree a b --classes u", ["usable"]),
    ],
)
def test_words_that_are_begun(asked, words, offered):
    assert asked(words) == offered


def test_every_driver_and_site_is_offered(asked):
    assert asked("occurrence --by ") == list(DRIVERS)
    sites = list(load_sites().index)
    for command in ("occurrence --sites ", "fetch --sites ", "agree a b --sites "):
        assert asked(command) == sites
    assert asked("epochs --sites gill,ra") == ["gill,rank"]


def test_sites_of_ones_own(asked, tmp_path, monkeypatch):
    table = tmp_path / "sites.csv"
    table.write_text("site,name,latitude,longitude\nabcd,Somewhere,60.0,20.0\n")
    monkeypatch.setenv("AURORAL_STATS_SITES", str(table))
    assert asked("occurrence --sites abc") == ["abcd"]
    # A table that is broken is told of by the command, and not in the middle of its line.
    table.write_text("nothing")
    assert asked("occurrence --sites abc") == []


def test_the_classifier_completes_too(asked):
    assert asked("keo", "auroral_classifier") == ["keogram"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_tab_key_loads_nothing_heavy(program):
    words = {"auroral_stats": "occurrence --by n", "auroral_classifier": "la"}[program].split()
    code = (
        f"import sys\nfrom {PROGRAMS[program]}.cli import main\nsys.argv = ['']\nmain()\n"
        f"print(*(name for name in {HEAVY!r}.split() if name in sys.modules), file=sys.stderr)"
    )
    variables = {
        f"_{program.upper()}_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join([program, *words]),
        "COMP_CWORD": str(len(words)),
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (
        done.stdout.split()
        == {"auroral_stats": ["newell"], "auroral_classifier": ["label"]}[program]
    )
    assert done.stderr.split() == []


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_once_it_is_installed(tmp_path):
    """The installed script, in a shell that finds the program, offers the driver."""
    script = Path(sys.executable).with_name("auroral_stats")
    if not script.exists():
        pytest.skip("the program is not installed beside this Python")
    # Without this variable the shell is guessed from the processes above, and a test has none.
    environment = os.environ | {
        "HOME": str(tmp_path),
        "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1",
        "PATH": f"{script.parent}{os.pathsep}{os.environ['PATH']}",
    }
    shown = subprocess.run(
        [script, "--show-completion", "bash"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    subprocess.run(
        [script, "--install-completion", "bash"], env=environment, capture_output=True, check=True
    )
    installed = tmp_path / ".bash_completions" / "auroral_stats.sh"
    assert installed.read_text().strip() == shown.strip()
    assert str(installed) in (tmp_path / ".bashrc").read_text()
    ask = (
        f"source {installed}\n"
        "COMP_WORDS=(auroral_stats occurrence --by new); COMP_CWORD=3\n"
        "_auroral_stats_completion auroral_stats\n"
        'echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", ask], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["newell"]
