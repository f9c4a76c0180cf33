"""``auroral_stats doctor``: what it finds, sound and broken, and that it stays off the network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from auroral_stats import installation
from auroral_stats._cli.doctor import _lines
from auroral_stats.cache_holdings import examine_caches, holdings
from auroral_stats.doctor import examine_demo, examine_sites, report
from auroral_stats.findings import Finding, worst
from auroral_stats.installation import examine_geometry, examine_gpu, examine_software
from auroral_stats.simulation.demo import build_demo
from auroral_stats.simulation.demo_plan import DemoPlan

VARIABLES = (
    "SPEDAS_DATA_DIR",
    "OMNI_DATA_DIR",
    "THM_DATA_DIR",
    "KP_DATA_DIR",
    "OMNI_NO_DOWNLOAD",
    "THM_NO_DOWNLOAD",
    "AURORAL_STATS_OMNI_MIRROR",
)


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """A SPEDAS folder with a few names in it, which is all that is looked at."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "spedas"
    for name, size in {
        "omni/hro_1min/2013/omni_hro_1min_20131201_v01.cdf": 3_000_000,
        "omni/hro_1min/2014/omni_hro_1min_20140101_v01.cdf": 3_000_000,
        "omni/hro_1min/2014/omni_hro_1min_20140301_v01.cdf": 2_000_000,
        "omni/hro_1min/2014/omni_hro_1min_20140301_v02.cdf": 2_500_000,
        "omni/hro_1min/2014/omni_hro_1min_20140301_v02.cdf.txt": 5,
        "omni/.staging/omni_hro_1min_20140401_v01.cdf": 9,
        "omni/hourly/2014/omni2_h0_mrg1hr_20140701_v01.cdf": 800_000,
        "themis/thg/l2/mag/gill/2014/thg_l2_mag_gill_20140310_v01.cdf": 100,
        "themis/thg/l2/mag/rank/2014/thg_l2_mag_rank_20140310_v02.cdf": 100,
        "themis/thg/greenland_gmag/l2/amk/2015/thg_l2_mag_amk_20150310_v01.cdf": 100,
        "geom_indices/Kp_def2025.wdc": 30_000,
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
    monkeypatch.setenv("SPEDAS_DATA_DIR", str(root))
    return root


def by_name(findings) -> dict[str, Finding]:
    found = list(findings)
    assert len({finding.name for finding in found}) == len(found)
    return {finding.name: finding for finding in found}


def test_what_a_cache_holds(cache):
    minute, five, hourly = holdings(cache / "omni", "omni")
    # Two versions of a month are one file, the last; what is on its way is none.
    assert (minute.files, minute.empty) == (3, 0)
    assert minute.size == 8_500_000
    assert [str(month) for month in minute.months] == ["2013-12", "2014-01", "2014-03"]
    assert (five.files, five.months) == (0, ())
    assert [str(month) for month in hourly.months] == [f"2014-{k:02d}" for k in range(7, 13)]
    (gmag,) = holdings(cache / "themis", "themis")
    assert gmag.stations == ("amk", "gill", "rank")
    assert [str(month) for month in gmag.months] == ["2014-03", "2015-03"]


def test_a_sound_cache_is_told_of(cache):
    found = by_name(examine_caches())
    assert worst(found.values()) == "ok"
    assert found["omni folder"].text.startswith(f"{cache / 'omni'}, set by SPEDAS_DATA_DIR; writ")
    assert found["OMNI HRO 1-min"].text == "3 files, 8.5 MB: 2013-12 to 2014-01, 2014-03"
    assert found["OMNI HRO 5-min"].text == "no file; fetched when it is needed"
    assert found["THEMIS ground magnetometer"].text.endswith("; 3 stations (amk, gill, rank)")
    assert found["GFZ Kp"].text == "1 file, 30.0 kB: 2025-01 to 2025-12"
    assert found["Kp and ap"].text == "2005 to 2024 come with the package"


def test_what_can_be_wrong_with_a_cache(cache, monkeypatch, tmp_path):
    (cache / "omni/hro_1min/2014/omni_hro_1min_20140501_v01.cdf").touch()
    shutil.rmtree(cache / "themis")
    (cache / "themis").write_text("a file")
    monkeypatch.setenv("KP_DATA_DIR", str(tmp_path / "new" / "kp"))
    monkeypatch.setenv("OMNI_NO_DOWNLOAD", "1")
    monkeypatch.setenv("AURORAL_STATS_OMNI_MIRROR", "https://mirror.example.org/omni")
    found = by_name(examine_caches())
    assert found["OMNI HRO 1-min"].state == "fault"
    assert "1 of them empty" in found["OMNI HRO 1-min"].text
    assert "auroral_stats fetch" in found["OMNI HRO 1-min"].remedy
    assert found["OMNI HRO 5-min"].state == "note"
    assert "downloads are forbidden" in found["omni folder"].text
    assert "mirror https://mirror.example.org/omni" in found["omni folder"].text
    assert found["themis folder"].state == "fault"
    assert "is no folder" in found["themis folder"].text
    assert found["kp folder"].state == "ok"
    assert "not there yet; the first download makes it" in found["kp folder"].text
    assert all(finding.remedy for finding in found.values() if finding.state != "ok")


def test_an_address_in_the_place_of_a_folder(cache, monkeypatch):
    monkeypatch.setenv("OMNI_DATA_DIR", "s3://bucket/omni")
    found = by_name(examine_caches())
    assert found["omni"].state == "fault"
    assert "s3://bucket/omni, which is no local folder" in found["omni"].text


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folders_that_only_may_be_read(cache):
    for name in ("omni", "geom_indices"):
        (cache / name).chmod(0o555)
    found = by_name(examine_caches())
    assert found["omni folder"].state == "note"
    assert "read only: its files are used" in found["omni folder"].text


def test_the_default_of_pyspedas_changes_with_the_working_directory(tmp_path):
    """Asked of a new process, for pyspedas reads its environment once."""
    code = (
        "from auroral_stats.cache_holdings import examine_caches\n"
        "found = next(examine_caches())\n"
        "print(found.state, found.details['folder'], found.text, found.remedy, sep='\\n')"
    )
    environment = {key: text for key, text in os.environ.items() if key not in VARIABLES}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    state, folder, text, remedy = done.stdout.splitlines()
    if folder != str(tmp_path / "omni_data"):
        pytest.skip("pyspedas has preferences of its own on this machine")
    assert state == "note"
    assert "below the working directory" in text
    assert "set SPEDAS_DATA_DIR" in remedy


# ---- software ----------------------------------------------------------------------------------


def test_this_installation_is_sound():
    found = by_name([*examine_software(), *examine_geometry()])
    assert worst(found.values()) != "fault"
    for name in ("python", "numpy", "xarray", "pandas", "pyspedas", "cdflib", "astropy", "scipy"):
        assert found[name].state == "ok"
    assert found["torch"].state in {"ok", "note"}
    assert found["Sun and Moon"].text.startswith("pyerfa, 1972 to 2100")
    assert found["magnetic coordinates"].text.startswith("aacgmv2, coefficients of 1590 to ")


def test_packages_that_are_missing_or_old():
    absent = installation._package(Requirement("no_such_package>=2"), "Software")
    assert (absent.state, absent.text) == ("fault", "not installed")
    assert absent.remedy == "pip install --upgrade 'no_such_package>=2'"
    old = installation._package(Requirement("numpy>=999"), "Software")
    assert old.state == "fault"
    assert old.text.endswith("; needed is >=999")


def python_path(folder: Path, content: str) -> None:
    """Put a torch of our own before the installed one."""
    (folder / "torch").mkdir(parents=True)
    (folder / "torch" / "__init__.py").write_text(content)


FAKE_TORCH = """
class cuda:
    device_count = staticmethod(lambda: COUNT)
    get_device_name = staticmethod(lambda k: f"Example GPU {k}")
class version:
    cuda, hip = "12.9", None
class backends:
    class mps:
        is_available = staticmethod(lambda: False)
"""

needs_torch = pytest.mark.skipif(
    installation._package(Requirement("torch"), "Software").text.startswith("not installed"),
    reason="torch is not installed, so that it is not asked",
)


@needs_torch
@pytest.mark.parametrize(
    ("content", "state", "text"),
    [
        (FAKE_TORCH.replace("COUNT", "2"), "ok", "sees Example GPU 0, Example GPU 1; built for"),
        (FAKE_TORCH.replace("COUNT", "0"), "note", "sees no GPU; built for CUDA 12.9"),
        ("raise ImportError('libcudart.so is missing')", "fault", "libcudart.so is missing"),
        ("import time; time.sleep(60)", "note", "no answer within 3 s"),
    ],
)
def test_gpus(tmp_path, monkeypatch, content, state, text):
    """A driver that sees a GPU, and a torch that does, does not, is broken or takes for ever."""
    python_path(tmp_path / "path", content)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "path"))
    smi = tmp_path / "bin" / "nvidia-smi"
    smi.parent.mkdir()
    smi.write_text("#!/bin/sh\necho 'Example GPU, 81559 MiB, 570.1'\n")
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", f"{smi.parent}{os.pathsep}{os.environ['PATH']}")
    found = by_name(examine_gpu(3.0))
    assert found["nvidia-smi"].text == "Example GPU, 81559 MiB, 570.1"
    assert found["torch"].state == state
    assert text in found["torch"].text
    assert bool(found["torch"].remedy) == (state != "ok")


def test_a_driver_that_is_broken(tmp_path, monkeypatch):
    smi = tmp_path / "nvidia-smi"
    smi.write_text("#!/bin/sh\necho 'Failed to initialize NVML' >&2\nexit 9\n")
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    found = by_name(examine_gpu(0.05))
    assert (found["nvidia-smi"].state, found["nvidia-smi"].text) in {
        ("note", "Failed to initialize NVML"),
        ("note", "no answer within 0.05 s"),
    }


# ---- sites and demo world ----------------------------------------------------------------------


def test_sites(monkeypatch, tmp_path):
    monkeypatch.delenv("AURORAL_STATS_SITES", raising=False)
    assert examine_sites().state == "ok"
    table = tmp_path / "sites.csv"
    table.write_text("site,name\n")
    monkeypatch.setenv("AURORAL_STATS_SITES", str(table))
    found = examine_sites()
    assert found.state == "fault"
    assert "column 'latitude' is missing" in found.text
    assert "AURORAL_STATS_SITES" in found.remedy


def test_demo_world(tmp_path):
    missing = examine_demo(tmp_path / "demo")
    assert missing.state == "ok"
    assert missing.text == f"not built yet; 'auroral_stats demo' builds it in {tmp_path / 'demo'}"
    assert not (tmp_path / "demo").exists()
    small = {"nights": 1, "margin_days": 1, "frame_seconds": 60, "field_seconds": 60}
    plan = DemoPlan(sites=("gill",), fast_seconds=0, truth_runs=2, **small)
    build_demo(tmp_path / "small", plan=plan)
    assert examine_demo(tmp_path / "small", plan).text.startswith(f"{tmp_path / 'small'}, whole, ")
    other = examine_demo(tmp_path / "small")
    assert other.state == "fault"
    assert "of another size" in other.text
    (tmp_path / "small" / "truth_rr.csv").write_text("changed")
    changed = examine_demo(tmp_path / "small", plan)
    assert changed.state == "fault"
    assert "was changed since it was built" in changed.text
    (tmp_path / "thing").mkdir()
    (tmp_path / "thing" / "file").touch()
    assert examine_demo(tmp_path / "thing").state == "fault"


# ---- the command -------------------------------------------------------------------------------


def doctor(cache: Path, tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command without a network; torch is a small one, so that it answers at once."""
    if not (tmp_path / "path").exists():
        python_path(tmp_path / "path", FAKE_TORCH.replace("COUNT", "0"))
    code = (
        "import socket, sys\n"
        "def refuse(*a, **k): raise AssertionError('network')\n"
        "socket.socket.connect = socket.socket.connect_ex = refuse\n"
        "socket.getaddrinfo = socket.gethostbyname = socket.create_connection = refuse\n"
        "from auroral_stats.cli import main\n"
        "status = main(sys.argv[1:])\n"
        "assert 'torch' not in sys.modules\n"
        "sys.exit(status)"
    )
    environment = {
        "SPEDAS_DATA_DIR": str(cache),
        "AURORAL_STATS_DEMO_DIR": str(tmp_path / "demo"),
        "PYTHONPATH": str(tmp_path / "path"),
    }
    return subprocess.run(
        [sys.executable, "-c", code, "doctor", *words],
        env=os.environ | environment,
        check=False,
        capture_output=True,
        text=True,
    )


def test_the_report(cache, tmp_path):
    done = doctor(cache, tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert all(len(line) <= 80 or str(tmp_path) in line for line in lines)
    findings = [line for line in lines if line[2:8].strip() in {"ok", "note", "fault"}]
    assert any(line.startswith("  ok    numpy: ") for line in findings)
    assert any("OMNI HRO 1-min: 3 files" in line for line in findings)
    assert lines[-1].startswith("no faults, ")
    # What it looks at is told while it looks, and not in what is pasted.
    assert "Looking at the caches ..." in done.stderr


def test_a_fault_ends_in_status_1(cache, tmp_path):
    shutil.rmtree(cache / "omni")
    (cache / "omni").write_text("a file")
    done = doctor(cache, tmp_path, "--json")
    assert done.returncode == 1, done.stderr
    content = json.loads(done.stdout)
    assert content["state"] == "fault"
    (fault,) = [found for found in content["findings"] if found["state"] == "fault"]
    assert fault["name"] == "omni folder"
    assert fault["remedy"].startswith("move it away")
    gmag = next(f for f in content["findings"] if f["name"] == "THEMIS ground magnetometer")
    assert gmag["details"]["stations"] == ["amk", "gill", "rank"]
    found = [Finding(**finding) for finding in content["findings"]]
    said = [line.plain for line in _lines(found, 80)]
    assert any(line.startswith("  fault omni folder:") for line in said)
    assert any(line.startswith("        -> move it away") for line in said)
    assert said[-1].startswith("1 fault, ")


def test_the_worst_of_all():
    found = [Finding("a", "b", state, "") for state in ("note", "ok", "fault")]
    assert worst(found) == "fault"
    assert worst(found[:2]) == "note"
    assert report([])["state"] == "ok"
