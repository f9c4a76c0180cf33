"""Labelling of archives: what comes into the store, for any way in which the work is done."""

import csv
import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from time import sleep
from types import SimpleNamespace

import numpy as np
import pytest

from auroral_stats.errors import ArchiveError, DataError, UsageError
from auroral_stats.labels import CLASSES, open_labels, read_partition, validate_labels, write_labels
from classifier.frames import read_frames
from classifier.pgm import write_pgm

torch = pytest.importorskip("torch")

from classifier.label import LabellingStopped, label_archive, label_images
from classifier.preprocess import preprocess

COLUMNS = ("time", "label", *(f"p_{name}" for name in CLASSES))


class TinyModel:
    """A convolution and a linear layer: bits of its results depend on how frames are batched."""

    def __init__(self, seed: int = 0, temperature: float = 1.5) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.kernel = torch.randn(8, 1, 5, 5, generator=generator)
        self.weight = torch.randn(6, 8, generator=generator)
        self.sha256 = f"{seed:064x}"
        self.header = SimpleNamespace(
            classes=CLASSES,
            preprocess="disc-percentile-v1",
            temperature=temperature,
            model_trained_on="nothing",
        )
        self.batches: list[int] = []

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        self.batches.append(len(images))
        ready = preprocess(images, self.header.preprocess, 32)
        features = torch.conv2d(ready, self.kernel).relu().mean((2, 3))
        logits = features @ self.weight.T / self.header.temperature
        return logits.softmax(1).numpy()


def write_minute(
    root: Path, start: str, site: str = "gill", *, frames: int = 4, seed: int = 0, **options
) -> Path:
    """A minute file in the folders of the archive; images differ from frame to frame."""
    first = np.datetime64(start, "us")
    rng = np.random.default_rng([seed, int(first.astype(int)) // 10**6, *site.encode()])
    row, column = np.mgrid[:256, :256] / 256
    waves = rng.uniform(2, 20, (2, frames, 1, 1))
    images = 3000 + 900 * np.sin(waves[0] * row) * np.cos(waves[1] * column)
    times = first + (np.arange(frames) * 3_000_000 + 63_119).astype("m8[us]")
    date, clock = str(first)[:10], str(first)[11:16].replace(":", "")
    folder = root / date.replace("-", "/") / f"{site}_themis19" / f"ut{clock[:2]}"
    suffix = options.pop("suffix", ".gz")
    path = folder / f"{date.replace('-', '')}_{clock}_{site}_themis19_full.pgm{suffix}"
    options = {"simulated": True, "compression": 1} | options
    return write_pgm(path, images.astype(np.uint16), times, site=site, **options)


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    """Two sites over the end of a month, 18 files, 72 frames."""
    root = tmp_path_factory.mktemp("archive")
    for site in ("gill", "fsmi"):
        for start in ("2014-02-28T23:57", "2014-03-01T00:00", "2014-03-10T06:00"):
            for minute in range(3):
                write_minute(root, np.datetime64(start, "m") + minute, site)
    return root


def rows(store: Path) -> dict[str, dict[str, list]]:
    """All rows of a sound store, by partition."""
    found = validate_labels(store)
    return {
        f"{p.site} {p.year}-{p.month:02d}": {
            name: values.tolist()
            for name, values in read_partition(p, COLUMNS, info=found.info).items()
        }
        for p in found.partitions
    }


@pytest.fixture(scope="module")
def expected(archive, tmp_path_factory) -> dict[str, dict[str, list]]:
    store = tmp_path_factory.mktemp("expected")
    label_archive(archive, store, model=TinyModel(), batch=3, workers=0)
    return rows(store)


def test_rows_are_those_of_a_plain_loop_over_the_files(archive, expected):
    found = {}
    for path in sorted(archive.rglob("*.gz")):
        frames = read_frames(path)
        p = TinyModel().probabilities(frames.images)
        for time, each in zip(frames.time.astype("M8[ms]"), p, strict=True):
            found[frames.site, time.item()] = each
    count = 0
    for name, columns in expected.items():
        p = np.stack([columns[f"p_{c}"] for c in CLASSES], axis=1)
        assert np.array_equal(p.argmax(1), columns["label"])
        wanted = np.stack([found[name[:4], time] for time in columns["time"]])
        # 1/255 from rounding to whole 255ths; floats differ a little between sizes of batches.
        assert np.abs(p - wanted).max() < 1 / 255 + 1e-5
        count += len(p)
    assert count == len(found) == 72
    assert len({tuple(row) for row in np.round(wanted, 3)}) > 3  # the frames do differ


def test_store_says_what_its_labels_are(archive, tmp_path):
    model = TinyModel()
    summary = label_archive(archive, tmp_path / "s", model=model, workers=0)
    info = open_labels(tmp_path / "s").info
    assert info == summary.info
    assert (info.source, info.simulated, info.model_trained_on) == ("model", True, "nothing")
    assert (info.model_sha256, info.preprocess) == (model.sha256, "disc-percentile-v1")
    assert info.temperature == 1.5
    assert (summary.files, summary.frames, summary.bad, summary.partitions) == (26, 72, 0, 4)
    assert set(model.batches) == {32}


@pytest.mark.parametrize("workers", [1, 2, 6])
def test_any_number_of_workers_gives_the_same_rows(archive, expected, tmp_path, workers):
    label_archive(archive, tmp_path, model=TinyModel(), batch=3, workers=workers)
    assert rows(tmp_path) == expected


@pytest.mark.parametrize("after", [0, 1, 4, 7, 9])
def test_an_interrupted_run_goes_on_to_the_same_rows(archive, expected, tmp_path, after):
    calls = 0

    def stop(progress):
        nonlocal calls
        calls += progress.files > 0
        if calls > after:
            raise KeyboardInterrupt

    with pytest.raises(LabellingStopped, match="--resume") as stopped:
        label_archive(archive, tmp_path, model=TinyModel(), batch=3, workers=0, progress=stop)
    assert stopped.value.exit_code == 130
    model = TinyModel()
    summary = label_archive(archive, tmp_path, model=model, resume=True, workers=0)
    assert rows(tmp_path) == expected
    assert set(model.batches) <= {3}, "the batch of the first run is kept"
    assert summary.files < 26


def test_partitions_appear_whole(archive, expected, tmp_path):
    seen = []

    def look(progress):
        if (tmp_path / "_store.json").exists():
            seen.append(rows(tmp_path))

    label_archive(archive, tmp_path, model=TinyModel(), batch=3, workers=0, progress=look)
    assert [len(each) for each in seen] == sorted(len(each) for each in seen)
    assert {len(each) for each in seen} >= {1, 2, 3}
    for each in seen:
        assert each.items() <= expected.items()


def test_resume_without_change_reads_nothing(archive, expected, tmp_path):
    label_archive(archive, tmp_path, model=TinyModel(), batch=3, workers=0)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.parquet")}
    model = TinyModel()
    summary = label_archive(archive, tmp_path, model=model, resume=True, workers=0)
    assert (summary.files, summary.frames, summary.complete) == (0, 0, 4)
    assert model.batches == []
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.parquet")} == before


def test_without_resume_a_store_with_labels_is_refused(archive, tmp_path):
    label_archive(archive, tmp_path, model=TinyModel(), workers=0)
    with pytest.raises(UsageError, match="--resume"):
        label_archive(archive, tmp_path, model=TinyModel(), workers=0)


def test_new_files_come_to_a_month_that_was_complete(tmp_path):
    root, store = tmp_path / "a", tmp_path / "s"
    for minute in (0, 2):
        write_minute(root, f"2014-03-10T06:0{minute}")
    label_archive(root, store, model=TinyModel(), workers=0)
    first = rows(store)["gill 2014-03"]
    write_minute(root, "2014-03-10T06:01")
    summary = label_archive(root, store, model=TinyModel(), workers=0, resume=True)
    assert (summary.files, summary.frames) == (1, 4)
    both = rows(store)["gill 2014-03"]
    assert both["time"][:4] + both["time"][8:] == first["time"]
    assert both["p_arc"][:4] + both["p_arc"][8:] == first["p_arc"]


def test_selections_add_up(archive, expected, tmp_path):
    for options in ({"sites": "fsmi"}, {"start": "2014-03-05"}, {"end": "2014-03-01T00:01"}, {}):
        label_archive(archive, tmp_path, model=TinyModel(), resume=True, workers=0, **options)
    found = rows(tmp_path)
    assert {k: v["time"] for k, v in found.items()} == {k: v["time"] for k, v in expected.items()}


def test_a_changed_file_has_its_month_made_again(tmp_path):
    root, store = tmp_path / "a", tmp_path / "s"
    paths = [write_minute(root, f"2014-03-10T06:0{m}") for m in range(3)]
    write_minute(root, "2014-04-10T06:00")
    label_archive(root, store, model=TinyModel(), workers=0)
    kept = rows(store)["gill 2014-04"]
    paths[1].unlink()
    write_minute(root, "2014-03-10T06:01", frames=2, seed=9)
    summary = label_archive(root, store, model=TinyModel(), workers=0, resume=True)
    assert summary.changed == ("gill 2014-03",)
    assert summary.files == 3
    label_archive(root, tmp_path / "fresh", model=TinyModel(), workers=0)
    assert rows(store) == rows(tmp_path / "fresh")
    assert len(rows(store)["gill 2014-03"]["time"]) == 10
    assert rows(store)["gill 2014-04"] == kept
    assert not [p.name for p in store.iterdir() if p.name.startswith(("_rel", "_write"))]


def test_a_file_that_was_only_touched_is_unchanged(tmp_path):
    path = write_minute(tmp_path / "a", "2014-03-10T06:00")
    label_archive(tmp_path / "a", tmp_path / "s", model=TinyModel(), workers=0)
    os.utime(path, ns=(1, 1))
    model = TinyModel()
    label_archive(tmp_path / "a", tmp_path / "s", model=model, workers=0, resume=True)
    assert model.batches == []


def test_labels_outlive_their_files(tmp_path):
    root, store = tmp_path / "a", tmp_path / "s"
    first, second = (write_minute(root, f"2014-03-10T06:0{m}") for m in range(2))
    label_archive(root, store, model=TinyModel(), workers=0)
    before = rows(store)
    first.unlink()
    label_archive(root, store, model=TinyModel(), workers=0, resume=True)
    assert rows(store) == before
    second.unlink()
    write_minute(root, "2014-03-10T06:01", seed=5)
    with pytest.raises(DataError, match=r"gone from .*0600_gill"):
        label_archive(root, store, model=TinyModel(), workers=0, resume=True)
    assert rows(store) == before


def test_a_partition_that_was_deleted_is_made_again(archive, expected, tmp_path):
    label_archive(archive, tmp_path, model=TinyModel(), batch=3, workers=0)
    (tmp_path / "site=gill/year=2014/month=03/labels.parquet").unlink()
    summary = label_archive(archive, tmp_path, model=TinyModel(), workers=0, resume=True)
    assert summary.lost == ("gill 2014-03",)
    assert rows(tmp_path) == expected


def test_a_partition_that_something_else_wrote_is_refused(archive, tmp_path):
    summary = label_archive(archive, tmp_path, model=TinyModel(), workers=0)
    write_labels(tmp_path, "gill", np.array(["2014-03-20"], "M8[ms]"), ["arc"], info=summary.info)
    with pytest.raises(DataError, match="something else has written it"):
        label_archive(archive, tmp_path, model=TinyModel(), workers=0, resume=True)


def test_a_store_of_other_origin_is_refused(archive, expected, tmp_path):
    summary = label_archive(archive, tmp_path / "a", model=TinyModel(), workers=0)
    info = replace(summary.info, source="human", model_sha256=None)
    write_labels(tmp_path / "b", "gill", np.array(["2014-03-20"], "M8[ms]"), ["arc"], info=info)
    with pytest.raises(DataError, match="no labelling run put there"):
        label_archive(archive, tmp_path / "b", model=TinyModel(), workers=0, resume=True)


@pytest.mark.parametrize("other", [TinyModel(seed=1), TinyModel(temperature=2.0)])
def test_models_are_not_mixed(archive, expected, tmp_path, other):
    label_archive(archive, tmp_path, model=TinyModel(), batch=3, workers=0)
    with pytest.raises(DataError, match="not mixed") as refused:
        label_archive(archive, tmp_path, model=other, workers=0, resume=True)
    text = str(refused.value)
    assert TinyModel().sha256[:12] in text
    assert other.sha256[:12] in text
    assert f"temperature {other.header.temperature}" in text
    assert rows(tmp_path) == expected


def test_a_model_of_other_classes_is_refused(archive, tmp_path):
    model = TinyModel()
    model.header.classes = ("aurora", "no aurora")
    with pytest.raises(DataError, match=r"aurora, no aurora.*exactly arc"):
        label_archive(archive, tmp_path / "s", model=model, workers=0)
    assert not (tmp_path / "s").exists()


def test_simulated_and_real_frames_are_not_mixed(tmp_path):
    root = tmp_path / "a"
    write_minute(root, "2014-03-10T06:00")
    write_minute(root, "2014-03-10T06:01", simulated=False)
    with pytest.raises(DataError, match=r"0601_gill.*real frames.*of simulated"):
        label_archive(root, tmp_path / "s", model=TinyModel(), batch=1, workers=0)
    with pytest.raises(DataError, match=r"0601_gill.*real frames.*of simulated"):
        label_archive(root, tmp_path / "s", model=TinyModel(), workers=0, resume=True)


def test_bad_records_and_files_are_listed_and_stop_nothing(tmp_path):
    root, store = tmp_path / "a", tmp_path / "s"
    write_minute(root, "2014-03-10T06:00")
    cut = write_minute(root, "2014-03-10T06:01", suffix="")
    cut.write_bytes(cut.read_bytes()[:-1000])
    wrong = write_minute(root, "2014-03-10T06:02")
    data = bytearray(wrong.read_bytes())
    data[len(data) // 2] ^= 255
    wrong.write_bytes(data)
    write_minute(root, "2014-03-10T06:03").write_bytes(b"")
    locked = write_minute(root, "2014-03-10T06:04")
    os.truncate(locked, 1 << 30)  # a file that is refused unread
    summary = label_archive(root, store, model=TinyModel(), workers=1)
    assert (summary.files, summary.frames, summary.unreadable) == (5, 7, 1)
    with (store / "_bad_frames.csv").open() as file:
        listed = list(csv.DictReader(file))
    assert [Path(row["file"]).name[9:13] for row in listed] == ["0601", "0602", "0603", "0604"]
    assert [row["record"] for row in listed] == ["3", "0", "0", ""]
    assert [
        word
        for row, word in zip(listed, ("cut short", "damaged", "empty", "bytes"), strict=True)
        if word in row["reason"]
    ] == ["cut short", "damaged", "empty", "bytes"]
    assert {row["simulated"] for row in listed} == {"true"}
    assert not any(Path(row["file"]).is_absolute() for row in listed)
    # A file that is mended is labelled, and leaves the list.
    locked.unlink()
    write_minute(root, "2014-03-10T06:04")
    label_archive(root, store, model=TinyModel(), workers=0, resume=True)
    assert len(rows(store)["gill 2014-03"]["time"]) == 11
    assert "0604" not in (store / "_bad_frames.csv").read_text()


def test_an_archive_without_a_sound_frame_is_one_error(tmp_path):
    write_minute(tmp_path / "a", "2014-03-10T06:00").write_bytes(b"P5")
    with pytest.raises(DataError, match=r"none of 1 files.*_bad_frames.csv"):
        label_archive(tmp_path / "a", tmp_path / "s", model=TinyModel(), workers=0)
    assert "header is damaged" in (tmp_path / "s/_bad_frames.csv").read_text()


def test_an_empty_folder_is_one_error_and_makes_no_store(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(ArchiveError, match="no camera files; expected names like"):
        label_archive(tmp_path / "a", tmp_path / "s", model=TinyModel(), workers=0)
    assert not (tmp_path / "s").exists()


def test_a_copy_of_a_minute_adds_nothing(tmp_path):
    root = tmp_path / "a"
    path = write_minute(root, "2014-03-10T06:00")
    write_minute(root, "2014-03-10T06:01")
    label_archive(root, tmp_path / "one", model=TinyModel(), workers=0)
    write_minute(root, "2014-03-10T06:00", suffix="")  # beside the compressed file
    copy = root / "2014/03/12" / path.name  # a file in a folder of another date
    copy.parent.mkdir()
    copy.write_bytes(path.read_bytes())
    summary = label_archive(root, tmp_path / "two", model=TinyModel(), workers=0)
    assert rows(tmp_path / "one") == rows(tmp_path / "two")
    assert (summary.frames, summary.repeats) == (8, 4)


def test_frames_at_the_edge_of_a_month_come_into_the_month_of_their_time(tmp_path):
    images = np.random.default_rng(0).integers(0, 9000, (3, 256, 256), np.uint16)
    times = np.datetime64("2014-02-28T23:59:58", "us") + np.arange(3) * np.timedelta64(3, "s")
    path = tmp_path / "a/20140228_2359_gill_themis19_full.pgm.gz"
    write_pgm(path, images, times, site="gill", simulated=True)
    label_archive(tmp_path / "a", tmp_path / "s", model=TinyModel(), workers=0)
    found = rows(tmp_path / "s")
    assert {name: len(columns["time"]) for name, columns in found.items()} == {
        "gill 2014-02": 1,
        "gill 2014-03": 2,
    }


def test_one_file_is_an_archive_too(tmp_path):
    path = write_minute(tmp_path / "a", "2014-03-10T06:00")
    other = path.rename(tmp_path / "night.pgm.gz")
    label_archive(other, tmp_path / "s", model=TinyModel(), workers=0)
    assert len(rows(tmp_path / "s")["gill 2014-03"]["time"]) == 4


def test_a_simulated_store_leads_to_its_drivers(tmp_path):
    write_minute(tmp_path / "a", "2014-03-10T06:00")
    store = tmp_path / "world/labels"
    label_archive(
        tmp_path / "a", store, model=TinyModel(), workers=0, drivers=tmp_path / "world/spedas"
    )
    assert open_labels(store).info.archive == "../spedas"


def test_a_model_that_fails_stops_at_once(archive, tmp_path):
    class Broken(TinyModel):
        def probabilities(self, images):
            return super().probabilities(images) * np.float32(np.nan)

    model = Broken()
    with pytest.raises(DataError, match="not finite"):
        label_archive(archive, tmp_path, model=model, batch=1, workers=0)
    assert len(model.batches) < 8


def test_a_full_disk_is_one_error_and_resume_goes_on(archive, expected, tmp_path):
    # SQLite itself is told that there is no more room, which it says as it does of a disk.
    label_archive(archive, tmp_path, model=TinyModel(), batch=3, sites="fsmi", workers=0)
    connect = sqlite3.connect

    def small(*args, **options):
        connection = connect(*args, **options)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", small)
        with pytest.raises(ArchiveError, match=r"disk is full.*--resume"):
            label_archive(archive, tmp_path, model=TinyModel(), resume=True, workers=0)
    assert rows(tmp_path).items() < expected.items()
    label_archive(archive, tmp_path, model=TinyModel(), resume=True, workers=0)
    assert rows(tmp_path) == expected


def test_two_programs_do_not_label_into_one_store(archive, tmp_path):
    def again(progress):
        if progress.files:
            label_archive(archive, tmp_path, model=TinyModel(), resume=True, workers=0)

    with pytest.raises(DataError, match="another program is labelling"):
        label_archive(archive, tmp_path, model=TinyModel(), workers=0, progress=again)


def test_images_in_memory_are_labelled_like_files(archive, expected):
    path = min(archive.glob("2014/03/10/gill*/ut06/*"))
    frames = read_frames(path)
    label, p = label_images(frames.images, TinyModel(), batch=3)
    columns = expected["gill 2014-03"]
    stored = np.stack([np.round(np.array(columns[f"p_{c}"]) * 255) for c in CLASSES], axis=1)
    first = columns["time"].index(frames.time[0].astype("M8[ms]").item())
    assert np.abs(stored[first : first + 4] - p).max() <= 1
    assert label.tolist() == p.argmax(1).tolist()


def test_images_of_another_kind_are_refused():
    with pytest.raises(UsageError, match=r"uint8 of shape \(2, 128, 128\)"):
        label_images(np.zeros((2, 128, 128), np.uint8), TinyModel())


def test_readers_do_not_import_torch():
    code = "import sys, classifier.frame_workers, classifier.frames; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    """A classifier that learnt nothing, and says that this was from simulated frames."""
    pytest.importorskip("safetensors")
    from classifier.checkpoint import Header, build_model, save_checkpoint

    torch.manual_seed(0)
    header = Header(
        "classifier",
        "resnet10",
        32,
        "simulated sky",
        simulated=True,
        classes=CLASSES,
        head="two-layer",
        temperature=1.25,
    )
    path = tmp_path_factory.mktemp("model") / "m.safetensors"
    return save_checkpoint(path, build_model(header), header)


def command(capfd, *arguments: str | Path) -> tuple[int, str, str]:
    from classifier.cli import main

    code = main(["label", *map(str, arguments), "--device", "cpu", "--workers", "0"])
    said = capfd.readouterr()
    return code, said.out, said.err


def test_command_line_labels_and_says_what_it_did(tmp_path, checkpoint, capfd):
    from classifier.checkpoint import load_model

    for minute in range(2):
        write_minute(tmp_path / "a", f"2014-03-10T06:0{minute}")
    given = (tmp_path / "a", "--out", tmp_path / "s", "--model", checkpoint)
    code, out, err = command(capfd, *given)
    assert (code, err) == (0, "")
    assert out.startswith("SIMULATED DATA\n")
    assert "8 new labels of 2 files, 1 site-months written" in out
    assert "SIMULATED DATA. Frames" in out
    info = open_labels(tmp_path / "s").info
    assert info.model_sha256 == load_model(checkpoint, "cpu").sha256
    assert (info.temperature, info.model_trained_on) == (1.25, "simulated sky")
    code, out, err = command(capfd, *given)
    assert code == 2
    assert err.startswith("error: ")
    assert "--resume" in err
    assert command(capfd, *given, "--resume")[0] == 0


def test_real_frames_by_a_model_of_simulated_ones_are_flagged(tmp_path, checkpoint, capfd):
    write_minute(tmp_path / "a", "2014-03-10T06:00", simulated=False)
    _, out, _ = command(capfd, tmp_path / "a", "--out", tmp_path / "s", "--model", checkpoint)
    assert out.startswith("Real frames, labelled by a MODEL TRAINED ON SIMULATED FRAMES")


def test_batches_are_those_of_the_loaded_model(archive, checkpoint, tmp_path):
    for batch, workers in ((2, 0), (2, 2)):
        label_archive(
            archive,
            tmp_path / f"{batch}{workers}",
            model=checkpoint,
            device="cpu",
            batch=batch,
            workers=workers,
        )
    assert rows(tmp_path / "20") == rows(tmp_path / "22")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_one_line(archive, checkpoint, tmp_path, capfd):
    from classifier.cli import main

    store = tmp_path / "s"
    given = [str(archive), "--out", str(store), "--model", str(checkpoint), "--device", "cuda"]
    assert main(["label", *given]) == 2
    err = capfd.readouterr().err
    assert err.startswith("error: device 'cuda' cannot be used")
    assert err.count("\n") == 1
    assert not store.exists()


def test_an_empty_folder_and_a_foreign_model_are_one_line(archive, tmp_path, checkpoint, capfd):
    (tmp_path / "a").mkdir()
    given = ("--out", tmp_path / "s", "--model")
    code, _, err = command(capfd, tmp_path / "a", *given, checkpoint)
    assert (code, err.count("\n")) == (1, 1)
    (tmp_path / "m.safetensors").write_bytes(b"no model")
    code, _, err = command(capfd, archive, *given, tmp_path / "m.safetensors")
    assert (code, err.count("\n")) == (1, 1)
    assert not (tmp_path / "s").exists()


def test_bfloat16_changes_probabilities_by_little(archive, tmp_path, checkpoint):
    from classifier.checkpoint import build_model, load_checkpoint, save_checkpoint

    found = load_checkpoint(checkpoint)
    # Sharp enough for differences to show: what never trained is sure of nothing.
    sharp = save_checkpoint(
        tmp_path / "sharp.safetensors",
        build_model(found.header, found.tensors),
        replace(found.header, temperature=0.02),
    )
    stored = []
    for precision in ("fp32", "bf16"):
        store = tmp_path / precision
        label_archive(archive, store, model=sharp, device="cpu", precision=precision, workers=0)
        months = rows(store).values()
        stored.append(np.hstack([[month[name] for name in COLUMNS[2:]] for month in months]))
    assert 0 < np.abs(stored[0] - stored[1]).max() < 0.1


def test_an_unknown_precision_is_refused(archive, tmp_path):
    with pytest.raises(UsageError, match="precision: 'half' came; expected one of auto, fp32, bf1"):
        label_archive(archive, tmp_path / "s", precision="half")
    assert not (tmp_path / "s").exists()


def test_lanes_change_nothing(archive, expected, tmp_path):
    """Batches that go through the model at once come back to their frames, whoever is first."""

    class Lanes(TinyModel):
        lanes = 3

        def probabilities(self, images):
            assert torch.get_num_threads() == 1
            sleep(0.01 * (len(self.batches) % 3))
            return super().probabilities(images)

    before = torch.get_num_threads()
    label_archive(archive, tmp_path, model=Lanes(), batch=3, workers=0)
    assert rows(tmp_path) == expected
    assert torch.get_num_threads() == before
