"""The packages as a whole: layers, what may import what, and what an installation contains."""

import ast
import graphlib
import importlib.util
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

import auroral_stats

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "auroral_stats"

# A room imports only from layers above its own, or from its own without going round in a circle.
# Every module of auroral_stats has its place; docs/explanation/design.md has the same table.
LAYERS = {
    0: """_version brief errors findings labels label_partition label_rows label_store label_writing provenance
        registry sites terminal whole_file""",
    1: """aacgm archive baselines cache_index cdf despiking disturbance downloads ephemeris figure_files
        geometry gmag gmag_cdf gmag_day indices label_pairs omni omni_values omni_variables periods pi2 pyspedas_import
        spedas staging time_grid transfers""",
    2: """bins cache_holdings counts coupling drivers installation label_import label_sorting label_table label_values latitude
        mag_join minutes prefetch""",
    3: "agreement_counts join joined lagging nights pairing",
    4: """agreement covariates distributions effect_estimates effect_sample epoch_series epochs finer_forms form_epochs forms gate
        geoeffectiveness headline intervals kappa latitude_bands matching measures null occurrence
        occurrence_options onset_lists onsets random_epochs rates standardise station_minutes strata
        turned_nights uncertainty""",
    5: """_figures agreement_plots agreement_tables driver_plots effect_plots effect_tables finer_plots folded_table plots screen screen_effects
        screen_agreement screen_epochs screen_rates
        simulation tables""",
    6: "_cli analysis cli doctor __main__",
}
LEVEL = {room: level for level, rooms in LAYERS.items() for room in rooms.split()}


def room_of(path: Path) -> str:
    """The room that a file belongs to: its name, or that of the folder it lies in."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def modules(package: Path) -> list[Path]:
    return sorted(package.rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(path: Path) -> set[str]:
    """Dotted names that a file imports anywhere, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; write the full name"
            assert node.module is not None
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def rooms_used(path: Path) -> set[str]:
    """Rooms of auroral_stats that a file imports."""
    parts = [name.split(".") for name in imported(path)]
    known = {room_of(path) for path in modules(PACKAGE)}
    return {p[1] for p in parts if p[0] == "auroral_stats" and len(p) > 1 and p[1] in known}


def test_every_module_has_a_layer():
    found = {room_of(path) for path in modules(PACKAGE)} - {"__init__"}
    assert found - set(LEVEL) == set(), "new module: give it a place in LAYERS"


def test_every_room_that_can_be_asked_for_exists():
    missing = [room for room in auroral_stats._ROOMS if not (PACKAGE / f"{room}.py").is_file()]
    assert missing == []


@pytest.mark.parametrize("path", modules(PACKAGE), ids=name_of)
def test_a_room_imports_only_from_layers_above(path):
    room = room_of(path)
    if room == "__init__":
        # It hands out rooms on demand and must import none by itself.
        assert rooms_used(path) <= {"_version"}
        return
    below = {used for used in rooms_used(path) if LEVEL[used] > LEVEL[room]}
    assert below == set(), f"{path.name} imports from a later layer"


def test_rooms_do_not_import_in_a_circle():
    uses: dict[str, set[str]] = {}
    for path in modules(PACKAGE):
        uses.setdefault(room_of(path), set()).update(rooms_used(path) - {room_of(path)})
    # Raises CycleError, which names the circle.
    assert set(graphlib.TopologicalSorter(uses).static_order()) >= set(uses)


@pytest.mark.parametrize("path", modules(PACKAGE), ids=name_of)
def test_auroral_stats_never_names_torch_or_classifier(path):
    roots = {name.split(".")[0] for name in imported(path)}
    assert not roots & {"torch", "torchvision", "classifier"}


# What the classifier shares with the statistics: the label store, and rooms of layers 0 and 1 that
# know neither drivers nor rates (where a site lies, where the Moon stands, how a file is written,
# how an object shows itself).
SHARED = """aacgm brief ephemeris errors figure_files geometry labels provenance sites staging terminal
    time_grid whole_file"""


@pytest.mark.parametrize("path", modules(ROOT / "classifier"), ids=name_of)
def test_classifier_uses_only_what_is_shared(path):
    assert {LEVEL[room] for room in SHARED.split()} == {0, 1}
    assert rooms_used(path) <= set(SHARED.split())


@pytest.mark.parametrize("name", ["auroral_stats", "classifier"])
def test_packages_do_not_mention_how_the_work_is_organised(name):
    for path in (ROOT / name).rglob("*"):
        if path.suffix in {".py", ".csv", ".txt", ".md"}:
            text = path.read_text(encoding="utf-8")
            for word in ("../shared", "/work/", "realdata", "SCIENCE.md", "DESIGN.md"):
                assert word not in text, f"{path} mentions {word}"


def test_importing_every_room_brings_neither_torch_nor_classifier():
    code = (
        "import auroral_stats, sys\n"
        "for room in auroral_stats._ROOMS: getattr(auroral_stats, room)\n"
        "import auroral_stats.cli\n"
        "print(*(m for m in ('torch', 'torchvision', 'classifier') if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_importing_the_command_line_stays_light():
    code = (
        "import auroral_stats.cli, sys\n"
        "heavy = ('pyspedas', 'astropy', 'aacgmv2', 'matplotlib', 'cdflib', 'scipy', 'xarray')\n"
        "print(*(m for m in heavy if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_version_is_told_once():
    assert metadata.version("auroral_stats") == auroral_stats.__version__


def test_an_unknown_room_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_room"):
        auroral_stats.no_such_room  # noqa: B018
    assert set(auroral_stats._ROOMS) <= set(dir(auroral_stats))


def setuptools_can_build() -> bool:
    if importlib.util.find_spec("setuptools") is None:
        return False
    return int(metadata.version("setuptools").split(".")[0]) >= 77


@pytest.mark.skipif(not setuptools_can_build(), reason="setuptools >= 77 is not installed")
def test_a_wheel_holds_both_packages_and_their_data(tmp_path):
    # Built from a copy, so that no build folder appears in the working tree.
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("auroral_stats", "classifier"):
        shutil.copytree(ROOT / name, source / name, ignore=ignore)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "-w", tmp_path, source], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        path.relative_to(source).as_posix()
        for name in ("auroral_stats", "classifier")
        for path in (source / name).rglob("*")
        if path.is_file()
    }
    assert wanted - held == set()
