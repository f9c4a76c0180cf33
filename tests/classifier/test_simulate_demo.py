"""Frames for the demo world agree with its labels, one by one, and leave the world as it was."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from auroral_stats.errors import UsageError
from auroral_stats.labels import (
    CLASSES,
    StoreInfo,
    iter_partitions,
    open_labels,
    read_partition,
    write_labels,
)
from classifier import cli, demo_frames
from classifier.demo_frames import simulate_demo_frames
from classifier.demo_minutes import DemoMinute, choose_minutes
from classifier.frame_files import find_frames
from classifier.frames import read_frames
from classifier.pgm import write_pgm
from classifier.sky import moon_is_up

#: Two hours at Gillam with the Moon up, and two without.
LIT, DARK = "2014-03-10T05:00", "2014-03-10T10:00"


def make_world(root: Path, *, simulated: bool = True, moon_at: str = LIT) -> Path:
    """Labels of four hours at three sites, each minute of one class, some with a change."""
    rng = np.random.default_rng(0)
    for site in ("gill", "fsmi", "atha"):
        for start, classes in ((LIT, (3, 4)), (DARK, (0, 1, 2, 5))):
            time = np.datetime64(start, "ms") + np.arange(2400) * np.timedelta64(3, "s")
            label = np.repeat(rng.choice(classes, 120), 20).astype(np.uint8)
            if start == DARK:
                label[7::20] = label[8::20]  # changes that do not last, and so are no choice
                label[510:520] = 2
                label[500:510] = 5
            kept = rng.random(time.size) > 0.01
            kept[500:520] = True
            info = StoreInfo("import:demo", simulated=simulated)
            names = label if moon_at == LIT or start == DARK else np.where(label == 4, 3, label)
            write_labels(root / "labels", site, time[kept], names[kept], info=info)
    (root / "_demo.json").write_text(json.dumps({"simulated": True}))
    return root


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("world"))


def labels_at(world: Path, site: str, time: np.ndarray) -> np.ndarray:
    """What the store says, looked up time by time."""
    found: dict[np.datetime64, int] = {}
    store = open_labels(world / "labels")
    for partition in iter_partitions(store, site):
        rows = read_partition(partition)
        found |= dict(
            zip(rows["time"].astype("M8[ms]").tolist(), rows["label"].tolist(), strict=True)
        )
    return np.array([found[when] for when in time.astype("M8[ms]").tolist()])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_ten_minutes_hold_all_classes(world: Path, seed: int) -> None:
    store = open_labels(world / "labels")
    minutes = choose_minutes(store, seed)
    assert len(minutes) == 10
    assert len({(minute.site, str(minute.start)) for minute in minutes}) == 10
    assert set(np.concatenate([minute.label for minute in minutes])) == set(range(6))
    for minute in minutes:
        np.testing.assert_array_equal(labels_at(world, minute.site, minute.time), minute.label)
        assert (np.diff(minute.time) == np.timedelta64(3, "s")).all()
        assert minute.time[0] == minute.start
        assert (np.diff(minute.label) != 0).sum() <= 1
        if CLASSES.index("moon") in minute.label:
            assert moon_is_up(minute.site, minute.time).all()
    changing = [minute for minute in minutes if len(set(minute.label)) > 1]
    assert len(changing) <= 2
    again = choose_minutes(store, seed)
    assert [m.file for m in again] == [m.file for m in minutes]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_mosaic_and_a_keogram_can_be_had(world: Path, seed: int) -> None:
    minutes = choose_minutes(open_labels(world / "labels"), seed)
    starts = [minute.start for minute in minutes]
    shared = [minute for minute in minutes if starts.count(minute.start) >= 3]
    assert {minute.site for minute in shared} == {"gill", "fsmi", "atha"}
    aurora = {CLASSES.index(name) for name in ("arc", "diffuse", "discrete")}
    for minute in shared:
        assert set(minute.label) <= aurora
        assert not moon_is_up(minute.site, minute.time, above=0.0).any()
    arcs = {(m.site, m.start) for m in minutes if (m.label == CLASSES.index("arc")).all()}
    follows = [key for key in arcs if (key[0], key[1] + np.timedelta64(1, "m")) in arcs]
    assert follows
    assert not moon_is_up(follows[0][0], [follows[0][1]], above=0.0).any()


def test_another_seed_is_another_choice(world: Path) -> None:
    store = open_labels(world / "labels")
    assert [m.file for m in choose_minutes(store, 0)] != [m.file for m in choose_minutes(store, 1)]
    with pytest.raises(UsageError, match="seed"):
        choose_minutes(store, -1)


def test_a_world_without_some_class_is_refused(tmp_path: Path) -> None:
    make_world(tmp_path, moon_at="never")
    with pytest.raises(UsageError, match=r"moon(?s:.*)auroral_stats demo"):
        choose_minutes(open_labels(tmp_path / "labels"))


def few(store: object, seed: int) -> list[DemoMinute]:
    """Two of the chosen minutes: one with a change, and one beside."""
    minutes = choose_minutes(store, seed)  # type: ignore[arg-type]
    changing = next(i for i, minute in enumerate(minutes) if len(set(minute.label)) > 1)
    return sorted((minutes[changing], minutes[changing - 1]), key=lambda m: (m.start, m.site))


def test_the_frames_are_those_of_the_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = make_world(tmp_path / "world")
    monkeypatch.setattr(demo_frames, "choose_minutes", few)
    assert cli.main(["simulate", "--demo", str(world)]) == 0
    assert "SIMULATED DATA: 2 minutes" in capsys.readouterr().out
    files = list(find_frames(world / "frames"))
    assert len(files) == 2
    with (world / "frames" / "_frames.csv").open() as file:
        rows = {Path(row["file"]).name: row for row in csv.DictReader(file)}
    for file in files:
        frames = read_frames(file.path)
        assert frames.simulated
        assert frames.bad == ()
        assert frames.images.shape == (20, 256, 256)
        expected = labels_at(world, file.site, frames.time)
        assert rows[file.path.name]["labels"] == "".join(map(str, expected))
        assert rows[file.path.name]["simulated"] == "true"
        assert file.path.relative_to(world / "frames").parts[3:5] == (
            f"{file.site}_themis19",
            f"ut{str(file.start)[11:13]}",
        )
    # they are used as they are; other frames are not written over
    before = {path: path.stat().st_mtime_ns for path in world.rglob("*.gz")}
    simulate_demo_frames(world, progress=lambda *_: pytest.fail("drawn again"))
    assert before == {path: path.stat().st_mtime_ns for path in world.rglob("*.gz")}
    assert not list(world.glob(".auroral_stats*"))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world with two minutes of frames."""
    world = make_world(tmp_path_factory.mktemp("drawn") / "world")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo_frames, "choose_minutes", few)
        simulate_demo_frames(world)
    return world


@pytest.mark.parametrize("harm", ["emptied", "halved", "last byte lost", "one bit", "removed"])
def test_a_file_that_was_harmed_later_is_made_again(
    drawn: Path, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    monkeypatch.setattr(demo_frames, "choose_minutes", few)
    paths = sorted((drawn / "frames").rglob("*.gz"))
    whole = [path.read_bytes() for path in paths]
    stamps = [path.stat().st_mtime_ns for path in paths]
    content = bytearray(whole[1])
    if harm == "one bit":
        content[len(content) // 2] ^= 1
    else:
        del content[{"emptied": 0, "halved": len(content) // 2}.get(harm, -1) :]
    paths[1].write_bytes(content)
    if harm == "removed":
        paths[1].unlink()
    told: list[tuple[int, int]] = []
    simulate_demo_frames(drawn, progress=lambda *counts: told.append(counts))
    assert [path.read_bytes() for path in paths] == whole
    assert paths[0].stat().st_mtime_ns == stamps[0], "the sound one is left alone"
    assert told == [(0, 1), (1, 1)]
    assert not list(drawn.glob(".auroral_stats*"))
    simulate_demo_frames(drawn, progress=lambda *_: pytest.fail("drawn again"))


def test_frames_that_are_not_of_this_seed_or_not_simulated_stay(
    drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_frames, "choose_minutes", few)
    with pytest.raises(UsageError, match=r"other frames than those of this seed.*remove"):
        simulate_demo_frames(drawn, seed=1)
    path = min((drawn / "frames").rglob("*.gz"))
    simulated, frames = path.read_bytes(), read_frames(path)
    write_pgm(path, frames.images[:3], frames.time[:3], site=str(frames.site), simulated=False)
    taken = path.read_bytes()
    with pytest.raises(UsageError, match=r"does not say that its frames are simulated.*move"):
        simulate_demo_frames(drawn)
    assert path.read_bytes() == taken
    path.write_bytes(simulated)


def test_other_folders_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["simulate", "--demo", str(tmp_path)]) == 2
    assert "auroral_stats demo --out DIR" in capsys.readouterr().err
    make_world(tmp_path / "real", simulated=False)
    with pytest.raises(UsageError, match="not simulated"):
        simulate_demo_frames(tmp_path / "real")


@pytest.mark.slow
def test_the_demo_world_takes_its_frames(tmp_path: Path) -> None:
    from auroral_stats.simulation.demo import build_demo
    from auroral_stats.simulation.demo_plan import DemoPlan

    plan = DemoPlan(sites=("gill", "fsmi"), nights=30, truth_runs=2)
    world = build_demo(tmp_path / "world", plan=plan)
    folder, minutes = simulate_demo_frames(world.root)
    assert len(list(find_frames(folder))) == len(minutes) == 10
    for minute in minutes:
        frames = read_frames(folder / minute.file)
        np.testing.assert_array_equal(labels_at(world.root, minute.site, frames.time), minute.label)
    # the world still takes itself for what was built
    assert build_demo(tmp_path / "world", plan=plan).root == world.root
