"""The simulated OATH set: built like the published one in time, whole or not at all, repeatable."""

from __future__ import annotations

import csv
import errno
import hashlib
import json
import os
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from auroral_stats.errors import ArchiveError, UsageError
from auroral_stats.geometry import site_geometry
from auroral_stats.labels import CLASSES
from classifier import cli, oath_simulation
from classifier.oath import MARKER, PUBLISHED_COUNTS, TRUTH, class_counts, open_oath, station_nights
from classifier.oath_images import read_images
from classifier.oath_plan import AMBIGUOUS_SHARE, FEWEST_FRAMES, OathPlan, plan_oath
from classifier.oath_simulation import oath_picture, simulate_oath

MOON = CLASSES.index("moon")


@pytest.fixture(scope="module", params=[0, 1, 7])
def full(request: pytest.FixtureRequest) -> OathPlan:
    return plan_oath(seed=request.param)


def hours_of(plan: OathPlan) -> list[np.ndarray]:
    """Rows of each station-hour, in order."""
    hour = plan.time.astype("M8[h]").astype(int)
    cut = np.flatnonzero((np.diff(plan.night) != 0) | (np.diff(hour) != 0)) + 1
    return np.split(np.arange(len(plan)), cut)


def test_the_classes_have_the_published_counts(full: OathPlan) -> None:
    assert tuple(class_counts(full.label).values()) == PUBLISHED_COUNTS


def test_nights_are_as_many_and_as_uniform_as_in_the_published_set(full: OathPlan) -> None:
    group, names = station_nights(full.site, full.time)
    assert 79 <= len(names) <= 95
    # each station-night of the plan is one of the calendar
    assert len(set(zip(full.night.tolist(), group.tolist(), strict=True))) == len(names)
    seen = np.zeros((len(names), len(CLASSES)), dtype=bool)
    seen[group, full.label] = True
    single = (seen.sum(axis=1) == 1).mean()
    assert 0.45 <= single <= 0.62
    assert 30 <= len({name.split()[1] for name in names}) <= 45
    assert np.unique(full.site).size >= 15


def test_neighbours_are_as_close_in_time_as_in_the_published_set(full: OathPlan) -> None:
    steps = np.concatenate([np.diff(full.time[rows]).astype(int) for rows in hours_of(full)]) / 1000
    assert steps.min() >= 3
    assert (full.time.astype("M8[ms]").astype(np.int64) % 3000 == 0).all()
    # the published set: 3, 15, 42, 105, 277 s
    found = np.percentile(steps, [0, 25, 50, 75, 95])
    np.testing.assert_allclose(found, [3, 15, 42, 105, 277], rtol=0.35)
    runs = []
    for rows in hours_of(full):
        edges = np.flatnonzero(np.diff(full.label[rows])) + 1
        if edges.size:
            runs += np.diff([0, *edges, rows.size]).tolist()
    assert 11 <= np.mean(runs) <= 18  # the published set: 14


def test_the_sky_is_dark_and_the_moon_is_up_when_it_should_be(full: OathPlan) -> None:
    sun, moon = np.empty(len(full)), np.empty(len(full))
    for site in np.unique(full.site):
        rows = full.site == site
        sky = site_geometry(
            full.time[rows], str(site), quantities=("sun_elevation", "moon_elevation")
        )
        sun[rows] = sky["sun_elevation"].to_numpy()[:, 0]
        moon[rows] = sky["moon_elevation"].to_numpy()[:, 0]
    assert sun.max() < -12
    for labels in (full.label, full.truth):
        assert moon[labels == MOON].min() > 5
    up = [(moon[full.label == code] > 0).mean() for code in range(len(CLASSES))]
    assert max(up[:3] + up[5:]) < 0.35
    assert 0.3 < up[CLASSES.index("cloudy")] < 0.8


def test_doubtful_labels_lie_at_changes_of_the_class(full: OathPlan) -> None:
    wrong = full.truth != full.label
    assert wrong.mean() == pytest.approx(AMBIGUOUS_SHARE, abs=0.003)
    for rows in hours_of(full):
        label, truth = full.label[rows], full.truth[rows]
        for i in np.flatnonzero(label != truth):
            beside = label[max(0, i - 3) : i + 4]
            assert truth[i] in beside
        # no run is lost: every class that is named is also drawn
        assert set(truth) == set(label)


@pytest.mark.parametrize("frames", [FEWEST_FRAMES, 250, 1000])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_small_plans_keep_classes_nights_and_steps(frames: int, seed: int) -> None:
    plan = plan_oath(frames, seed)
    assert len(plan) == frames
    counts = np.bincount(plan.label, minlength=6)
    np.testing.assert_allclose(counts, np.array(PUBLISHED_COUNTS) * frames / 5824, atol=1)
    # so that every class can be trained and tested by station-night
    assert min(np.unique(plan.night[plan.label == code]).size for code in range(6)) >= 2
    steps = np.concatenate([np.diff(plan.time[rows]).astype(int) for rows in hours_of(plan)]) / 1000
    assert 30 <= np.median(steps) <= 70
    assert (np.bincount(plan.night) < 0.35 * frames).all()


def test_a_plan_follows_from_its_seed() -> None:
    one, same, other = plan_oath(200, 4), plan_oath(200, 4), plan_oath(200, 5)
    for field in fields(OathPlan):
        assert (getattr(one, field.name) == getattr(same, field.name)).all()
    assert (one.time != other.time).any()


def test_plans_that_cannot_be() -> None:
    for frames, seed in ((FEWEST_FRAMES - 1, 0), (200, -1)):
        with pytest.raises(UsageError, match="expected"):
            plan_oath(frames, seed)


def test_a_picture_is_stretched_as_the_published_ones_are() -> None:
    rng = np.random.default_rng(0)
    frame = rng.gamma(5.0, 400.0, (256, 256)).astype(np.uint16)
    before = frame.copy()
    picture = oath_picture(frame)
    np.testing.assert_array_equal(frame, before)
    # what a model sees of the frame and of the picture is the same, but for the 8 bits
    pytest.importorskip("torch")
    from classifier.preprocess import preprocess

    seen = preprocess(frame[None], "disc-percentile-v1", 64)[0, 0]
    np.testing.assert_allclose(preprocess(picture[None], "oath-png-v1", 64)[0, 0], seen, atol=0.005)
    row, column = np.mgrid[:256, :256]
    sky = np.hypot(row - 127, column - 128) <= 0.85 * 128
    # the published ones have east to the right, raw frames to the left
    mirrored = frame[:, ::-1]
    low, high = np.percentile(mirrored[sky], [1, 99])
    expected = np.clip((mirrored - low) / (high - low), 0, 1) * 255
    assert (picture[~sky] == 0).all()
    # cut, not rounded
    assert np.abs(picture[sky] - np.floor(expected[sky])).max() <= 1
    assert ((picture == 255) & sky).sum() / sky.sum() == pytest.approx(0.010, abs=0.001)
    assert not oath_picture(np.full((256, 256), 3300, np.uint16)).any()


def tiny(frames: int, seed: int) -> OathPlan:
    """Two station-nights out of a small plan: one of a class alone, one with a doubtful label."""
    plan = plan_oath(FEWEST_FRAMES, seed)
    doubtful = np.bincount(plan.night, plan.truth != plan.label)
    sizes = np.bincount(plan.night)
    chosen = [np.argmin(sizes), np.argmin(np.where(doubtful > 0, sizes, 999))]
    rows = np.flatnonzero(np.isin(plan.night, chosen))
    part = {field.name: getattr(plan, field.name)[rows] for field in fields(OathPlan)}
    part["night"] = np.unique(part["night"], return_inverse=True)[1]
    return OathPlan(**part)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    """Sets of few pictures, for which there would be no room for all classes; how many."""
    monkeypatch.setattr(oath_simulation, "plan_oath", tiny)
    return len(tiny(0, 0))


def digest(root: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        total.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return total.hexdigest()


def test_a_set_is_built_whole_and_repeatable(
    small: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[tuple[int, int]] = []
    oath = simulate_oath(tmp_path / "a", small, 0, progress=lambda *a: said.append(a))
    assert len(oath) == small
    assert oath.simulated
    assert said[0] == (0, small)
    assert said[-1] == (small, small)
    pictures = read_images(oath.images)
    assert len({picture.tobytes() for picture in pictures}) == small
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    # the same again, by the command and several processes
    arguments = ["simulate", "--oath", str(tmp_path / "b"), "--frames", str(small)]
    assert cli.main([*arguments, "--workers", "2"]) == 0
    assert "SIMULATED DATA" in capsys.readouterr().out
    assert digest(tmp_path / "a") == digest(tmp_path / "b")

    marker = json.loads((tmp_path / "a" / MARKER).read_text())
    assert marker["simulated"] is True
    assert marker["counts"] == np.bincount(oath.label, minlength=6).tolist()
    assert "SIMULATED" in (tmp_path / "a" / "00_README").read_text()
    with (tmp_path / "a" / TRUTH).open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[-1] == "simulated"
    weights = np.array([[float(row[f"w_{n}"]) for n in (*CLASSES[:5], "noaurora")] for row in rows])
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=0.004)
    # what is drawn is what most of the picture shows
    assert (weights.argmax(axis=1) == oath.truth).all()
    assert (oath.truth != oath.label).any()

    # it is used as it is, and nothing else is written over
    simulate_oath(tmp_path / "a", small, 0, progress=lambda *_: pytest.fail("again"))
    with pytest.raises(UsageError, match=r"seed 0.*asked for is seed 1"):
        simulate_oath(tmp_path / "a", small, 1)


def test_what_is_there_is_not_written_over(small: int, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(UsageError, match="is no simulated set"):
        simulate_oath(tmp_path, small)
    with pytest.raises(UsageError, match="is no simulated set"):
        simulate_oath(tmp_path / "mine.txt", small)
    with pytest.raises(UsageError, match="workers"):
        simulate_oath(tmp_path / "b", small, workers=0)


def test_a_full_disk_leaves_nothing_behind(
    small: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(oath_simulation, "write_image", full)
    with pytest.raises(ArchiveError, match=r"No space left.*nothing was left behind"):
        simulate_oath(tmp_path / "a", small)
    assert list(tmp_path.iterdir()) == []


class Ending:
    """In place of the drawing: whoever unpickles it ends."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return os._exit, (1,)


def test_a_process_that_ends_is_one_message_and_leaves_nothing(
    small: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oath_simulation, "_draw", Ending())
    with pytest.raises(ArchiveError, match=r"process was ended.*Take fewer --workers"):
        simulate_oath(tmp_path / "a", small, workers=2)
    assert list(tmp_path.iterdir()) == []


def test_no_more_processes_are_started_than_there_is_work_for(
    small: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def pool(workers: int, **_: object) -> None:
        asked.append(workers)
        raise OSError(errno.EAGAIN, "not to be started")

    monkeypatch.setattr(oath_simulation, "ProcessPoolExecutor", pool)
    with pytest.raises(ArchiveError, match="not to be started"):
        simulate_oath(tmp_path / "a", small, workers=5000)
    assert len(asked) == 1
    assert 2 <= asked[0] <= small


def test_more_than_the_disk_holds_is_not_begun(
    small: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oath_simulation, "PICTURE_BYTES", 1 << 50)
    with pytest.raises(ArchiveError, match="make room"):
        simulate_oath(tmp_path / "a", small)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--oath", "A", "--demo", "B"],
        ["--demo", "B", "--frames", "200"],
        ["--oath", "A", "--frames", "5"],
        ["--oath", "A", "--seed", "-1"],
        ["--oath", "A", "--workers", "0"],
    ],
)
def test_commands_that_cannot_be(arguments: list[str], tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["simulate", *arguments]) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_set_of_all_classes_is_the_same_for_any_number_of_processes(tmp_path: Path) -> None:
    oath = simulate_oath(tmp_path / "a", FEWEST_FRAMES, 2)
    simulate_oath(tmp_path / "b", FEWEST_FRAMES, 2, workers=3)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    assert set(oath.label) == set(range(6))
    # seen from afar, classes differ more than pictures of a class: mean and spread of the sky
    pictures = read_images(oath.images).reshape(len(oath), -1).astype(float)
    spread = [pictures[oath.truth == code].mean(axis=1).mean() for code in range(6)]
    assert np.ptp(spread) > 20
    assert open_oath(tmp_path / "a").truth is not None
