"""Nights of the demo world as frames: which are drawn, that they show what the labels say."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import numpy as np
import pandas as pd
import pytest

from auroral_stats.errors import DataError, UsageError
from auroral_stats.labels import (
    CLASSES,
    LabelStore,
    StoreInfo,
    iter_partitions,
    open_labels,
    read_partition,
    write_labels,
)
from classifier.demo_nights import DemoNight, choose_nights, draw_nights, label_nights
from classifier.sky import moon_is_up, night_of, simulate_frames

ARC, MOON = CLASSES.index("arc"), CLASSES.index("moon")
NIGHTS = ["2014-03-29", "2014-03-30", "2014-03-31", "2014-04-01", "2014-04-02"]
#: Begins at one minute past the quarter, so that the first stretch is cut.
FROM, TO = "04:01", "07:00"


def make_store(path: Path, *, simulated: bool = True, only: int | None = None) -> LabelStore:
    """Five nights at two sites around a turn of the month, with half an hour without frames."""
    rng = np.random.default_rng(1)
    for site in ("gill", "fsmi"):
        for night in NIGHTS:
            day = np.datetime64(night) + 1
            time = np.arange(f"{day}T{FROM}", f"{day}T{TO}", np.timedelta64(3, "s"), "M8[ms]")
            off = (time >= np.datetime64(f"{day}T05:00")) & (time < np.datetime64(f"{day}T05:40"))
            label = np.repeat(rng.integers(6, size=time.size // 50 + 1), 50)[: time.size]
            label = label if only is None else np.full(time.size, only)
            kept = ~off & (rng.random(time.size) > 0.1)
            write_labels(
                path,
                site,
                time[kept],
                label[kept].astype(np.uint8),
                info=StoreInfo("import:demo", simulated=simulated),
            )
    return open_labels(path)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> LabelStore:
    return make_store(tmp_path_factory.mktemp("world") / "labels")


def rows_of(store: LabelStore, site: str) -> Iterator[tuple[np.datetime64, int]]:
    for partition in iter_partitions(store, [site]):
        rows = read_partition(partition)
        yield from zip(rows["time"], rows["label"].tolist(), strict=True)


@pytest.mark.parametrize("every", [7, 15])
def test_the_first_frame_of_each_stretch_is_chosen(store: LabelStore, every: int) -> None:
    nights = choose_nights(store, every=every)
    assert [(n.site, n.night) for n in nights] == [(s, n) for s in ("fsmi", "gill") for n in NIGHTS]
    for site in ("gill", "fsmi"):
        first: dict[int, tuple[np.datetime64, int]] = {}
        for time, label in rows_of(store, site):
            first.setdefault(time.astype("M8[m]").astype(int) // every, (time, label))
        wanted = {
            time: label
            for time, label in first.values()
            # what is within 0.01 deg of the horizon does not occur in these few hours
            if label != MOON or moon_is_up(site, [time], above=0.0)[0]
        }
        mine = [night for night in nights if night.site == site]
        found = [t for night in mine for t in night.time.tolist()]
        assert found == [time.item() for time in wanted]
        assert [x for night in mine for x in night.label.tolist()] == list(wanted.values())
        for night in mine:
            assert set(night_of(night.all_time)) == {night.night}
            assert (np.diff(night.chosen) > 0).all()


def test_all_labels_of_a_night_are_kept(store: LabelStore) -> None:
    (night,) = choose_nights(store, every=60, sites=["gill"], nights=1)
    assert night.night == NIGHTS[2]
    mine = [(t, x) for t, x in rows_of(store, "gill") if night_of([t])[0] == night.night]
    assert night.all_time.tolist() == [t.item() for t, _ in mine]
    assert night.all_label.tolist() == [x for _, x in mine]


def test_fewer_nights_are_whole_and_spread(store: LabelStore) -> None:
    every_night = choose_nights(store)
    some = choose_nights(store, nights=2)
    names = sorted({night.night for night in some})
    assert names == [NIGHTS[1], NIGHTS[3]]
    for site in ("gill", "fsmi"):
        for name in names:
            (whole,) = (n for n in every_night if (n.site, n.night) == (site, name))
            (kept,) = (n for n in some if (n.site, n.night) == (site, name))
            np.testing.assert_array_equal(whole.time, kept.time)
    assert len(choose_nights(store, nights=99)) == len(every_night)


def test_moonlight_without_the_moon_is_left_out(tmp_path: Path) -> None:
    # New Moon was on 2014-03-30: only two days later is it still up in these hours.
    nights = choose_nights(make_store(tmp_path / "labels", only=MOON))
    assert {night.night for night in nights} == set(NIGHTS[3:])
    for night in nights:
        assert moon_is_up(night.site, night.time, above=0.0).all()


def test_the_frames_are_those_of_the_simulated_sky(tmp_path: Path) -> None:
    store = make_store(tmp_path / "labels", only=ARC)
    nights = choose_nights(store, every=60, sites=["gill"], nights=2)
    drawn = list(draw_nights(nights, 5))
    assert [night for night, _ in drawn] == nights
    for night, images in drawn:
        # without a change of class, a frame does not know of the labels before and after
        alone = simulate_frames("gill", night.time, "arc", seed=5).images
        np.testing.assert_array_equal(images, alone)
    other = next(draw_nights(nights, 6))[1]
    assert not np.array_equal(other, drawn[0][1])


def test_neither_processes_nor_the_cadence_change_a_frame(store: LabelStore) -> None:
    coarse = choose_nights(store, every=120, sites=["gill"], nights=2)
    fine = choose_nights(store, every=60, sites=["gill"], nights=2)
    alone = list(draw_nights(coarse, 1))
    beside = list(draw_nights(fine, 1, workers=2))
    assert [n for n, _ in beside] == fine
    for (few, some), (many, more) in zip(alone, beside, strict=True):
        shared = np.isin(many.time, few.time)
        assert shared.sum() == few.time.size > 0
        np.testing.assert_array_equal(more[shared], some)


class Brightness:
    """Says ``clear`` of dark pictures and ``moon`` of bright ones."""

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        bright = images.mean(axis=(1, 2)) > 3400
        p = np.zeros((len(images), len(CLASSES)), np.float32)
        p[:, MOON], p[:, CLASSES.index("clear")] = 0.2 + 0.6 * bright, 0.8 - 0.6 * bright
        return p


def test_labels_stand_beside_the_truth(store: LabelStore) -> None:
    nights = choose_nights(store, every=120, sites=["gill"], nights=2)
    told: list[tuple[int, int, int]] = []
    model = Brightness()
    found = label_nights(nights, model, 1, progress=lambda *args: told.append(args))
    drawn = [images for _, images in draw_nights(nights, 1)]
    expected = Brightness().probabilities(np.concatenate(drawn))
    assert found["site"].unique().tolist() == ["gill"]
    assert found["time"].tolist() == [pd.Timestamp(t) for n in nights for t in n.time]
    assert found["true"].tolist() == [x for night in nights for x in night.label]
    np.testing.assert_array_equal(found["label"], expected.argmax(axis=1))
    np.testing.assert_array_equal(found["p_moon"], np.round(255 * expected[:, MOON]))
    assert list(found)[-1] == "simulated"
    assert found["simulated"].all()
    sizes = [len(images) for images in drawn]
    assert told == [(1, 2, sizes[0]), (2, 2, sum(sizes))]
    with pytest.raises(UsageError, match="none came"):
        label_nights([], model)


def test_a_process_that_is_ended_is_one_message(store: LabelStore) -> None:
    nights = choose_nights(store, every=120)

    def deadly() -> Iterator[DemoNight]:
        for number, night in enumerate(nights):
            yield night
            if number == 3:
                for child in multiprocessing.active_children():
                    child.kill()

    with pytest.raises(DataError, match="fewer workers"):
        list(draw_nights(deadly(), workers=2))


_SCRIPT = """
import multiprocessing, sys, time
from auroral_stats.labels import open_labels
from classifier.demo_nights import choose_nights, draw_nights

if __name__ == "__main__":
    nights = choose_nights(open_labels(sys.argv[1]), every=240)
    drawn = draw_nights(nights, workers=2)
    next(drawn)
    print(*(child.pid for child in multiprocessing.active_children()), flush=True)
    time.sleep(300)
"""


def test_processes_do_not_outlive_the_one_that_began_them(
    store: LabelStore, tmp_path: Path
) -> None:
    if not Path("/proc/self/stat").exists():
        pytest.skip("no /proc here")
    script = tmp_path / "script.py"
    script.write_text(_SCRIPT)
    running = subprocess.Popen(
        [sys.executable, str(script), str(store.path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert running.stdout is not None
        drawing = running.stdout.readline().split()
    finally:
        running.kill()
        running.communicate()
    assert len(drawing) == 2
    deadline = monotonic() + 60
    while any(map(is_alive, drawing)) and monotonic() < deadline:
        sleep(0.05)
    assert not [pid for pid in drawing if is_alive(pid)]


def is_alive(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_what_a_process_refuses_is_told(store: LabelStore) -> None:
    (night,) = choose_nights(store, every=120, sites=["gill"], nights=1)
    odd = DemoNight("nowhere", night.night, night.all_time, night.all_label, night.chosen)
    with pytest.raises(UsageError, match="nowhere"):
        list(draw_nights([odd], workers=2))


def test_mistakes_are_refused(store: LabelStore, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"not simulated.*auroral_stats demo"):
        choose_nights(make_store(tmp_path / "labels", simulated=False))
    with pytest.raises(UsageError, match="every is 0"):
        choose_nights(store, every=0)
    with pytest.raises(UsageError, match="nights is 0"):
        choose_nights(store, nights=0)
    with pytest.raises(UsageError, match="atha"):
        choose_nights(store, sites=["atha"])
    with pytest.raises(UsageError, match="seed is -1"):
        list(draw_nights([], -1))
    with pytest.raises(UsageError, match="workers is 0"):
        list(draw_nights([], workers=0))
