"""``auroral_classifier keogram`` and ``mosaic`` on minute files written for the test."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from auroral_stats.errors import DataError, UsageError
from classifier import cli
from classifier.frame_selection import read_usable
from classifier.keogram_files import keogram_of_files
from classifier.mosaic_files import mosaic_of_files
from classifier.pgm import write_pgm
from classifier.skymap import ideal_skymap

START = np.datetime64("2014-03-10T06:00:00.060", "us")


def minute(folder: Path, site: str, number: int, *, simulated: bool = True, frames: int = 20):
    """A minute of frames that brighten with time."""
    generator = np.random.default_rng(number)
    time = START + np.timedelta64(number, "m") + np.arange(frames) * np.timedelta64(3, "s")
    images = generator.integers(2400, 2600, (frames, 256, 256)).astype(np.uint16)
    images += np.arange(frames, dtype=np.uint16)[:, None, None] * 10
    path = folder / f"20140310_06{number:02d}_{site}_themis19_full.pgm.gz"
    return write_pgm(path, images, time, site=site, simulated=simulated)


@pytest.fixture(scope="module")
def frames(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("frames")
    for number in (0, 2):
        minute(folder, "gill", number)
    minute(folder, "rank", 2)
    minute(folder, "fsmi", 5)
    return folder


def test_keogram_writes_figure_and_table(frames, tmp_path, capsys):
    out, table = tmp_path / "k.png", tmp_path / "k.csv"
    arguments = ["keogram", str(frames), "--site", "gill", "--out", str(out), "--csv", str(table)]
    assert cli.main(arguments) == 0
    said = capsys.readouterr().out
    for words in ("SIMULATED DATA", "gill: 40 frames of 2 files", "1 gaps", "idealised optics",
                  f"wrote {out}", f"wrote {table}"):  # fmt: skip
        assert words in said
    assert out.read_bytes()[:4] == b"\x89PNG"

    keogram = keogram_of_files([frames], site="gill").keogram
    with table.open() as lines:
        rows = list(csv.DictReader(lines))
    points = keogram.slit.mlat.size
    assert len(rows) == 40 * points
    assert list(rows[0])[-1] == "simulated"
    assert {row["simulated"] for row in rows} == {"True"}
    assert {row["idealised_optics"] for row in rows} == {"True"}
    last = rows[20 * points + 3]  # first frame of the second file, fourth point
    assert last["time"] == "2014-03-10T06:02:00.060000"
    assert float(last["mlat_deg"]) == pytest.approx(keogram.slit.mlat[3], abs=1e-4)
    assert float(last["counts"]) == keogram.counts[20, 3]


def test_frames_outside_the_times_are_left_out(frames):
    run = keogram_of_files(
        [frames], site="gill", start="2014-03-10T06:00:30", end="2014-03-10T06:02:03.060"
    )
    assert run.keogram.time[0] == START + np.timedelta64(30, "s")
    assert run.keogram.time[-1] == START + np.timedelta64(120, "s")
    assert run.keogram.counts.shape[0] == 11


def test_damaged_records_are_named_and_not_fatal(frames, tmp_path, capsys):
    whole = minute(tmp_path, "gill", 0).read_bytes()
    minute(tmp_path, "gill", 1).write_bytes(whole[: len(whole) // 2])
    (tmp_path / "20140310_0603_gill_themis19_full.pgm").write_bytes(b"")
    out = tmp_path / "k.png"
    assert cli.main(["keogram", str(tmp_path), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "not used" in said
    assert "20140310_0601_gill_themis19_full.pgm.gz, record" in said
    assert "20140310_0603_gill_themis19_full.pgm" in said
    assert out.exists()


def test_mosaic_takes_what_is_near_and_names_the_rest(frames, tmp_path, capsys):
    out = tmp_path / "m.png"
    arguments = ["mosaic", str(frames), "--time", "2014-03-10T06:02:10", "--out", str(out)]
    assert cli.main(arguments) == 0
    said = capsys.readouterr().out
    for words in ("SIMULATED DATA", "gill: frame of 2014-03-10T06:02:09.06", "rank: frame of",
                  "gill: idealised optics", "left out (1)", "fsmi: no frame near",
                  f"wrote {out}"):  # fmt: skip
        assert words in said
    assert out.read_bytes()[:4] == b"\x89PNG"


def test_mosaic_tolerance(frames):
    run = mosaic_of_files([frames], "2014-03-10T06:03:02", tolerance_s=6.0)
    assert [layer.skymap.site for layer in run.layers] == ["gill", "rank"]
    assert run.layers[0].time == START + np.timedelta64(177, "s")
    near = mosaic_of_files([frames], "2014-03-10T06:04:58", tolerance_s=3.0)
    assert [layer.skymap.site for layer in near.layers] == ["fsmi"]
    assert {each.what for each in near.left_out} == {"gill", "rank"}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["keogram", "{frames}", "--out", "k.png"], 2, "one site"),
        (["keogram", "{frames}", "--out", "k.jpg"], 2, "--out"),
        (["keogram", "{frames}/nothing", "--out", "k.png"], 1, "does not exist"),
        (["keogram", "{frames}", "--site", "nowhere", "--out", "k.png"], 2, "unknown site"),
        (
            ["keogram", "{frames}", "--site", "atha", "--out", "k.png"],
            1,
            "there are no camera files",
        ),
        (["keogram", "{frames}", "--site", "gill", "--start", "noon", "--out", "k.png"], 2, "noon"),
        (["keogram", "{frames}", "--site", "gill", "--height", "3", "--out", "k.png"], 2, "height"),
        (
            ["keogram", "{frames}", "--site", "gill", "--skymap", "{frames}", "--out", "k.png"],
            2,
            "skymap of gill",
        ),
        (["mosaic", "{frames}", "--time", "noon", "--out", "m.png"], 2, "noon"),
        (["mosaic", "{frames}", "--time", "2015-01-01", "--out", "m.png"], 1, "no camera file"),
        (
            ["mosaic", "{frames}", "--time", "2014-03-10T06:04", "--out", "m.png"],
            1,
            "no site has a frame",
        ),
        (
            [
                "mosaic",
                "{frames}",
                "--time",
                "2014-03-10T06:02",
                "--tolerance=-1",
                "--out",
                "m.png",
            ],
            2,
            "tolerance",
        ),
    ],
)
def test_mistakes_are_one_message(frames, tmp_path, monkeypatch, capsys, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    assert cli.main([part.format(frames=frames) for part in arguments]) == code
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert not list(tmp_path.iterdir())


def test_simulated_and_real_frames_are_not_mixed(tmp_path, capsys):
    minute(tmp_path, "gill", 0, simulated=True)
    minute(tmp_path, "gill", 1, simulated=False)
    minute(tmp_path, "rank", 1, simulated=True)
    assert cli.main(["keogram", str(tmp_path), "--site", "gill", "--out", str(tmp_path / "k.png")])
    assert "do not mix" in capsys.readouterr().err
    arguments = ["mosaic", str(tmp_path), "--time", "2014-03-10T06:01:00"]
    assert cli.main([*arguments, "--out", str(tmp_path / "m.png")])
    assert "simulated" in capsys.readouterr().err


def test_a_file_given_twice_counts_once(frames):
    file = next(frames.glob("*0600*gill*"))
    assert keogram_of_files([file, file, frames], site="gill").files == 2


def test_unreadable_files_are_skipped(tmp_path):
    frames, skipped = read_usable(tmp_path / "20140310_0600_gill_themis19_full.pgm.gz")
    assert len(frames.time) == 0
    assert "does not exist" in skipped[0].reason


def test_table_and_figure_need_names_of_their_own(frames, tmp_path, capsys):
    out = str(tmp_path / "k.png")
    assert cli.main(["keogram", str(frames), "--site", "gill", "--out", out, "--csv", out]) == 2
    assert "--out has the same name" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_draw_says_why(frames, tmp_path):
    with pytest.raises(DataError, match=r"there are no camera files .* check the paths"):
        keogram_of_files([tmp_path])
    with pytest.raises(DataError, match=r"none of the 20 sound frames of 1 files lies between"):
        keogram_of_files([frames], site="gill", start="2014-03-10T06:00:59", end="2014-03-10T06:01")


def test_times_with_a_zone_are_converted(frames):
    run = keogram_of_files([frames], site="gill", start="2014-03-10T07:02+01:00")
    assert run.keogram.time.size == 20
    assert mosaic_of_files([frames], "2014-03-10T06:02:30Z").layers[0].skymap.site == "gill"


def test_a_keogram_does_not_run_over_a_change_of_skymap(frames, tmp_path, monkeypatch):
    """The choice among real names; only the reading of .sav files is passed over."""
    for days in ("20130101-20140309", "20140310-+"):
        (tmp_path / f"themis_skymap_gill_{days}_v01.sav").touch()
    monkeypatch.setattr(
        "classifier.skymap.read_skymap",
        lambda path, **_: replace(ideal_skymap("gill"), source=path.name, idealised=False),
    )
    early = write_pgm(
        tmp_path / "20140309_2359_gill_themis19_full.pgm.gz",
        np.full((20, 256, 256), 2500, np.uint16),
        np.datetime64("2014-03-09T23:59", "us") + np.arange(20) * np.timedelta64(3, "s"),
        site="gill",
        simulated=True,
    )
    late = frames / "20140310_0600_gill_themis19_full.pgm.gz"
    assert "20140310" in keogram_of_files([late], skymap=tmp_path).skymap_note
    for order in ([early, late], [late, early]):
        with pytest.raises(UsageError, match="draw the times apart with --start and --end"):
            keogram_of_files(order, skymap=tmp_path)
