import os
import subprocess
import sys
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from auroral_stats.counts import count_frames, count_minutes
from auroral_stats.errors import DataError, UsageError
from auroral_stats.labels import CLASSES, StoreInfo, open_labels, write_labels

HUMAN = StoreInfo("human", simulated=False)


def slow_counts(table: pd.DataFrame) -> pd.Series:
    """Frames by minute, site and class, one frame after the other."""
    counts: dict[tuple[pd.Timestamp, str, str], int] = {}
    for row in table.itertuples():
        key = (row.time.floor("min"), row.site, CLASSES[row.label])
        counts[key] = counts.get(key, 0) + 1
    return pd.Series(counts)


@st.composite
def stores(draw):
    """Frames at three sites over the turn of two months, dense and sparse, and a range of time."""
    first = int(np.datetime64("2013-12-31T23:30:00", "ms").astype(int))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    spans = {"gill": 3_600_000, "rank": 60 * 86_400_000, "fsmi": 90_000}
    tables = []
    for site in draw(st.sets(st.sampled_from(sorted(spans)), min_size=1)):
        n = draw(st.integers(1, 300))
        time = np.unique(first + rng.integers(0, spans[site], n)).astype("M8[ms]")
        label = rng.integers(0, 6, time.size).astype(np.uint8)
        tables.append(pd.DataFrame({"site": site, "time": time, "label": label}))
    limits = draw(
        st.tuples(st.none() | st.integers(0, 7_200_000), st.none() | st.integers(0, 7_200_000))
    )
    start, end = (None if ms is None else np.datetime64(first + ms, "ms") for ms in limits)
    return pd.concat(tables, ignore_index=True), start, end


@settings(deadline=None, max_examples=60)
@given(stores())
def test_counts_equal_those_of_a_loop_over_the_frames(tmp_path_factory, drawn):
    table, start, end = drawn
    store = tmp_path_factory.mktemp("counts") / "store"
    columns = (table[name].to_numpy() for name in ("site", "time", "label"))
    write_labels(store, *columns, info=HUMAN)
    keep = table
    if start is not None:
        keep = keep[keep["time"] >= start]
    if end is not None:
        keep = keep[keep["time"] < end]
    if start is not None and end is not None and end <= start:
        with pytest.raises(UsageError, match="is not after start"):
            count_frames(store, start=start, end=end)
        return
    if keep.empty:
        with pytest.raises(DataError, match="the store covers"):
            count_frames(store, start=start, end=end)
        return
    counts = count_frames(store, start=start, end=end)
    expected = slow_counts(keep)
    dense = counts["frames"].to_series()
    found = dense[dense > 0]
    assert found.to_dict() == expected.to_dict()
    assert counts["site"].to_numpy().tolist() == sorted(keep["site"].unique())
    assert counts["label"].to_numpy().tolist() == list(CLASSES)
    minutes = np.unique(keep["time"].dt.floor("min").to_numpy())
    np.testing.assert_array_equal(counts["time"], minutes)
    assert counts["time"].dtype == "M8[ns]"


def count_one_minute(tmp_path: Path, n: int):
    """``n`` arcs within one minute, and one clear frame in the next."""
    time = np.datetime64("2014-03-10T06:02", "ms") + np.arange(n) % 60_000
    time = np.append(time, np.datetime64("2014-03-10T06:03:59.999", "ms"))
    write_labels(tmp_path / "s", "gill", time, np.append(np.zeros(n, int), 5), info=HUMAN)
    return count_frames(tmp_path / "s")["frames"]


@pytest.mark.parametrize(
    ("n", "kind"), [(255, np.uint8), (256, np.uint16), (300, np.uint16), (60_000, np.uint16)]
)
def test_many_frames_in_a_minute_do_not_overflow(tmp_path, n, kind):
    frames = count_one_minute(tmp_path, n)
    assert frames.dtype == kind
    assert frames.sel(site="gill", label="arc").to_numpy().tolist() == [n, 0]
    assert frames.sel(site="gill", label="clear").to_numpy().tolist() == [0, 1]


def test_more_than_65535_frames_in_a_minute_do_not_overflow():
    time = np.sort(np.arange(70_000, dtype=np.int64) * 6 // 7).astype("M8[ms]")
    minute, frames = count_minutes(time, np.full(70_000, 4, np.uint8))
    assert minute.tolist() == [0]
    assert frames.tolist() == [[0, 0, 0, 0, 70_000, 0]]
    assert frames.dtype == np.uint32


def test_a_wide_count_at_one_site_is_not_cut_by_small_counts_at_another(tmp_path):
    time = np.datetime64("2014-03-10T06:02", "ms") + np.arange(1000)
    write_labels(tmp_path, "gill", time, np.zeros(1000, int), info=HUMAN)
    write_labels(tmp_path, "rank", time[:1], [2], info=HUMAN)
    frames = count_frames(tmp_path)["frames"]
    assert frames.sel(site="gill", label="arc").item() == 1000
    assert frames.sel(site="rank", label="discrete").item() == 1


def test_minutes_are_those_of_the_start_of_exposure(tmp_path):
    text = ["06:01:59.999", "06:02:00.000", "06:02:59.999", "06:03:00.000"]
    time = np.array([f"2014-03-10T{t}" for t in text], "M8[ms]")
    write_labels(tmp_path, "gill", time, [0, 1, 2, 3], info=HUMAN)
    frames = count_frames(tmp_path)["frames"].isel(site=0)
    assert [str(t)[11:16] for t in frames["time"].to_numpy()] == ["06:01", "06:02", "06:03"]
    assert frames.to_numpy().tolist() == [
        [1, 0, 0, 0, 0, 0],
        [0, 1, 1, 0, 0, 0],
        [0, 0, 0, 1, 0, 0],
    ]


def test_no_frame_gives_no_minute():
    minute, frames = count_minutes(np.array([], "M8[ms]"), np.array([], np.uint8))
    assert minute.shape == (0,)
    assert frames.shape == (0, 6)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    time = np.datetime64("2014-03-10T06:00", "ms") + np.arange(600) * 3000
    write_labels(tmp_path / "s", "gill", time, np.arange(600) % 6, info=HUMAN)
    write_labels(tmp_path / "s", "rank", time + 30 * 86_400_000, np.arange(600) % 6, info=HUMAN)
    return tmp_path / "s"


def test_sites_and_times_choose(store):
    assert count_frames(store, sites=["RANK"])["site"].to_numpy().tolist() == ["rank"]
    assert count_frames(store, sites="rank, gill")["site"].size == 2
    assert count_frames(store, end="2014-04")["site"].to_numpy().tolist() == ["gill"]
    part = count_frames(open_labels(store), start="2014-03-10T06:10", end="2014-03-10T06:12:30")
    assert part.sizes["time"] == 3
    assert part["frames"].sum(dtype=int).item() == 50
    assert count_frames(store, sites=(s for s in ["gill"]))["frames"].sum(dtype=int) == 600


def test_the_dataset_says_what_it_is(tmp_path, store):
    counts = count_frames(store)
    assert counts["frames"].dims == ("time", "site", "label")
    assert counts["frames"].attrs["units"] == "frames"
    assert counts.attrs["simulated"] == "false"
    assert counts.attrs["labels_source"] == "human"
    assert "archive" not in counts.attrs
    assert "model_trained_on" not in counts.attrs

    made = StoreInfo(
        "model",
        simulated=True,
        model_trained_on="simulation",
        model_sha256="12",
        archive="../world",
    )
    write_labels(
        tmp_path / "demo" / "labels", "gill", [np.datetime64("2014-03-10", "ms")], [0], info=made
    )
    attrs = count_frames(tmp_path / "demo" / "labels").attrs
    assert attrs["simulated"] == "true"
    assert attrs["model_trained_on"] == "simulation"
    assert attrs["archive"] == str((tmp_path / "demo" / "world").resolve())


def test_the_fingerprint_follows_what_was_counted(tmp_path, store):
    whole = count_frames(store).attrs["labels_fingerprint"]
    assert count_frames(store).attrs["labels_fingerprint"] == whole
    moved = store.rename(tmp_path / "moved")
    assert count_frames(moved).attrs["labels_fingerprint"] == whole
    assert count_frames(moved, sites=["gill"]).attrs["labels_fingerprint"] != whole
    time = np.datetime64("2014-03-10T06:00", "ms") + np.arange(600) * 3000
    for change in ({"time": time[:1] + 60_000, "label": [0]}, {"time": time[:1], "label": [5]}):
        write_labels(moved, "gill", **change, info=HUMAN, on_conflict="replace")
        again = count_frames(moved).attrs["labels_fingerprint"]
        assert again != whole
        whole = again


def test_an_empty_range_says_what_the_store_covers(store):
    with pytest.raises(DataError) as caught:
        count_frames(store, start="2015", end="2016")
    message = str(caught.value)
    assert "no label from 2015 to 2016" in message
    assert "gill, rank from 2014-03-10T06:00:00.000 to 2014-04-09T06:29:57.000 UTC" in message
    # Within a month that the store has, too.
    with pytest.raises(DataError, match="no label from 2014-03-20 to the last at gill; the store"):
        count_frames(store, start="2014-03-20", sites=["gill"])


def test_a_store_without_labels_is_said_so(tmp_path):
    write_labels(tmp_path / "s", "gill", np.array([], "M8[ms]"), [], info=HUMAN)
    with pytest.raises(DataError, match="holds no labels"):
        count_frames(tmp_path / "s")


def test_wrong_choices_are_named(store):
    with pytest.raises(UsageError, match="no labels of atha; the store holds gill, rank"):
        count_frames(store, sites=["atha"])
    with pytest.raises(UsageError, match=r"end \(2014-03\) is not after start \(2014-04\)"):
        count_frames(store, start="2014-04", end="2014-03")
    with pytest.raises(UsageError, match="start is 'yesterday'"):
        count_frames(store, start="yesterday")


def test_a_broken_partition_among_good_ones_is_an_error(store):
    path = open_labels(store).partitions[1].path
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(DataError, match=r"site=rank.*not a readable Parquet file"):
        count_frames(store)
    assert count_frames(store, sites=["gill"])["frames"].sum(dtype=int) == 600


def test_the_zone_of_the_machine_changes_nothing(store):
    code = (
        "import sys; from auroral_stats.counts import count_frames\n"
        "c = count_frames(sys.argv[1], start='2014-03-10T06:10')\n"
        "print(c.time.values[0], c.sizes['time'], c.attrs['labels_fingerprint'])\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code, str(store)],
            env={**os.environ, "TZ": zone},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for zone in ("UTC", "America/Edmonton")
    }
    assert len(outputs) == 1
    assert outputs.pop().startswith("2014-03-10T06:10:00.000000000 50 ")
