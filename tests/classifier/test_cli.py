"""The command line of the classifier, and what importing the package may bring along."""

import importlib
import subprocess
import sys
from importlib import metadata

import pytest
from typer.testing import CliRunner

import classifier
from auroral_stats.labels import AURORAL, CLASSES, USABLE
from classifier import cli

# What the label store stands on, beside modules of its own (auroral_stats.label_...).
BENEATH_LABELS = {
    "auroral_stats",
    "auroral_stats._version",
    "auroral_stats.brief",
    "auroral_stats.errors",
    "auroral_stats.labels",
    "auroral_stats.provenance",
    "auroral_stats.terminal",
}

# Imported by the commands that need them, not by `--help`.
HEAVY = {
    "torch",
    "torchvision",
    "pyspedas",
    "astropy",
    "aacgmv2",
    "matplotlib",
    "xarray",
    "cdflib",
    "PIL",
    "scipy",
    "sklearn",
}


def run(*args: str) -> str:
    result = CliRunner().invoke(cli.app, list(args))
    assert result.exit_code == 0, result.output
    return result.output


def modules_after(statement: str) -> set[str]:
    """Names in sys.modules of a fresh interpreter that ran `statement`."""
    code = f"{statement}\nimport sys\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_version_is_that_of_the_distribution():
    assert classifier.__version__ == metadata.version("auroral_stats")
    assert run("--version").split()[:2] == ["auroral_classifier", classifier.__version__]


def test_version_tells_torch_or_how_to_get_it():
    lines = run("--version").splitlines()
    versions = cli.torch_versions()
    told = dict(line.split(maxsplit=1) for line in lines[:4])
    assert list(told) == ["auroral_classifier", "python", "torch", "torchvision"]
    for name, version in versions.items():
        assert told[name] == (version or "not installed")
    # The versions stand below each other.
    assert {line[:20].rstrip() for line in lines[:4]} == set(told)
    assert (cli.INSTALL_TORCH in lines[-1]) == (None in versions.values())


@pytest.mark.parametrize(
    ("versions", "hint"),
    [
        ({"torch": "2.13.0", "torchvision": "0.28.0"}, False),
        ({"torch": "2.13.0", "torchvision": None}, True),
        ({"torch": None, "torchvision": None}, True),
    ],
)
def test_version_with_and_without_torch(monkeypatch, versions, hint):
    monkeypatch.setattr(cli, "torch_versions", lambda: versions)
    output = run("--version")
    for name, version in versions.items():
        assert f"{name:<20}{version or 'not installed'}\n" in output
    assert (cli.INSTALL_TORCH in output) == hint


def test_classes_lists_code_aurora_and_usable_in_store_order():
    words = [line.replace("│", " ").split() for line in run("classes").splitlines()]
    rows = [row for row in words if row and row[0].isdigit()]
    assert rows == [
        [str(code), name, "yes" if name in AURORAL else "no", "yes" if name in USABLE else "no"]
        for code, name in enumerate(CLASSES)
    ]
    assert [row[1] for row in rows] == ["arc", "diffuse", "discrete", "cloudy", "moon", "clear"]


def test_unknown_command_is_a_usage_error():
    result = CliRunner().invoke(cli.app, ["clases"])
    assert result.exit_code == 2
    assert "clases" in result.output


def test_module_and_console_script_are_the_same_program():
    done = subprocess.run(
        [sys.executable, "-m", "classifier", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == run("--version")
    script = {entry.name: entry.value for entry in metadata.entry_points(group="console_scripts")}
    assert script["auroral_classifier"] == "classifier.cli:main"


def test_importing_classifier_brings_no_torch_and_no_statistics():
    loaded = modules_after("import classifier")
    assert not loaded & HEAVY
    assert not {name for name in loaded if name.startswith("auroral_stats")}


def test_the_command_line_uses_the_label_store_and_nothing_else_of_the_statistics():
    loaded = modules_after("import classifier.cli")
    assert not loaded & HEAVY
    ours = {name for name in loaded if name.split(".")[0] == "auroral_stats"}
    assert "auroral_stats.labels" in ours
    assert {name for name in ours if not name.startswith("auroral_stats.label_")} <= BENEATH_LABELS


@pytest.mark.parametrize("missing", ["torch", "sklearn", "PIL"])
def test_a_package_that_is_missing_is_one_message(monkeypatch, capsys, missing):
    def command() -> None:
        importlib.import_module(f"{missing}.of_course_not")

    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.setattr(cli, "run", lambda *_: command())
    assert cli.main(["oath"]) == 1
    assert capsys.readouterr().err == (
        f"error: {missing} is not installed; get it with: {cli.INSTALL_TORCH}\n"
    )


def test_a_module_of_our_own_that_is_missing_is_a_fault(monkeypatch):
    monkeypatch.setattr(cli, "run", lambda *_: importlib.import_module("classifier.no_such_room"))
    with pytest.raises(ModuleNotFoundError, match="no_such_room"):
        cli.main(["oath"])
