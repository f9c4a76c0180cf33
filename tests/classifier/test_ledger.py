"""The ledger: transactions that are whole, rows that come back as they went in, and its errors."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from auroral_stats.errors import ArchiveError, DataError
from auroral_stats.labels import StoreInfo
from classifier.frame_files import FrameFile
from classifier.frame_records import BadRecord
from classifier.frame_workers import FileReport, file_fingerprint
from classifier.label_plan import chunks_due, find_due, list_archive
from classifier.label_publishing import SAME_EXPOSURE_MS, without_repeats
from classifier.ledger import (
    ROW,
    FileLabels,
    bad_records,
    known_info,
    mark_stored,
    note_info,
    note_run,
    open_ledger,
    partition_rows,
    record,
    transaction,
)


def report(*bad: BadRecord, error: str = "", frames: int = 3) -> FileReport:
    return FileReport(10, 20, "abc", frames, bad, error, "gill", simulated=True)


def labels(path: str, first: int = 0, rank: int = 0, about: FileReport | None = None) -> FileLabels:
    rows = np.zeros(3, ROW)
    rows["time"] = first + 3000 * np.arange(3)
    rows["p"] = (250, 1, 1, 1, 1, 1)
    return FileLabels(path, rank, first, 1, about or report(), rows)


def begin(ledger) -> int:
    return note_run(ledger, software_version="1", archive="/a", device="cpu", batch=32, workers=1)


def test_rows_come_back_in_order_of_preference(tmp_path):
    with open_ledger(tmp_path) as ledger:
        run = begin(ledger)
        with transaction(ledger):
            record(ledger, "gill", "2014-03", [labels("hour.cdf", rank=1)], run)
            record(ledger, "gill", "2014-03", [labels("b", 9000), labels("a")], run)
            record(ledger, "fsmi", "2014-03", [labels("c", 70)], run)
        rows, rank = partition_rows(ledger, "gill", "2014-03")
    assert rows["time"].tolist() == [0, 3000, 6000, 9000, 12000, 15000, 0, 3000, 6000]
    assert rank.tolist() == [0] * 6 + [1] * 3
    assert (rows["p"] == (250, 1, 1, 1, 1, 1)).all()


def test_a_file_that_is_recorded_again_replaces_what_it_gave(tmp_path):
    with open_ledger(tmp_path) as ledger:
        run = begin(ledger)
        first = labels("a", about=report(BadRecord(1, "damaged"), BadRecord(2, "cut")))
        record(ledger, "gill", "2014-03", [first], run)
        record(ledger, "gill", "2014-03", [labels("u", about=report(error="locked"))], run)
        assert bad_records(ledger) == [
            ("a", 1, "damaged"),
            ("a", 2, "cut"),
            ("u", None, "locked"),
        ]
        record(ledger, "gill", "2014-03", [labels("a", 60), labels("u", 90)], run)
        assert bad_records(ledger) == []
        assert partition_rows(ledger, "gill", "2014-03")[0]["time"][[0, 3]].tolist() == [60, 90]


def test_what_is_stored_leaves_the_ledger_but_not_its_files(tmp_path):
    with open_ledger(tmp_path) as ledger:
        run = begin(ledger)
        record(ledger, "gill", "2014-03", [labels("a")], run)
        mark_stored(ledger, "gill", "2014-03", rows=3, size=1234, run=run)
        assert len(partition_rows(ledger, "gill", "2014-03")[0]) == 0
        kept = ledger.execute("SELECT path, state, size, frames, labelled, rows FROM files")
        assert kept.fetchall() == [("a", "stored", 10, 3, 3, None)]


def test_a_transaction_is_whole_or_nothing(tmp_path):
    def stopped_half_way(ledger) -> None:
        with transaction(ledger):
            note_info(ledger, StoreInfo("model", simulated=True))
            record(ledger, "gill", "2014-03", [labels("a")], 1)
            raise KeyboardInterrupt

    with open_ledger(tmp_path) as ledger:
        begin(ledger)
        with pytest.raises(KeyboardInterrupt):
            stopped_half_way(ledger)
        assert known_info(ledger) is None
        assert ledger.execute("SELECT count(*) FROM files").fetchone() == (0,)


def test_what_labels_are_is_remembered(tmp_path):
    info = StoreInfo("model", simulated=True, model_sha256="ab", temperature=1.25, archive="../w")
    with open_ledger(tmp_path) as ledger:
        note_info(ledger, info)
    with open_ledger(tmp_path) as ledger:
        assert known_info(ledger) == info


def test_a_killed_transaction_is_undone(tmp_path):
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from classifier.ledger import open_ledger\n"
        "with open_ledger(Path(sys.argv[1])) as ledger:\n"
        "    ledger.execute('INSERT INTO about VALUES (?, ?)', ('kept', 'x'))\n"
        "    ledger.execute('PRAGMA cache_size = 1')\n"
        "    ledger.execute('BEGIN IMMEDIATE')\n"
        "    for n in range(3000):\n"  # more than the cache holds: pages of the file are written
        "        ledger.execute('INSERT INTO about VALUES (?, ?)', (str(n), 'y' * 500))\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == -9
    assert (tmp_path / "_ledger.sqlite").stat().st_size > 500_000
    with open_ledger(tmp_path) as ledger:
        assert ledger.execute("SELECT key FROM about").fetchall() == [("kept",)]


def test_names_are_those_that_readers_of_the_store_pass_over(tmp_path):
    with open_ledger(tmp_path) as ledger, transaction(ledger):
        begin(ledger)
        names = {path.name for path in tmp_path.iterdir()}
    assert "_ledger.sqlite" in names
    assert all(name.startswith("_") and not name.endswith(".parquet") for name in names)


def test_another_file_of_that_name_is_one_error(tmp_path):
    (tmp_path / "_ledger.sqlite").write_bytes(b"no database at all, but long enough to be one")
    with (
        pytest.raises(DataError, match=r"_ledger\.sqlite.*damaged.*another"),
        open_ledger(tmp_path),
    ):
        pass


def test_a_ledger_of_another_version_is_one_error(tmp_path):
    with open_ledger(tmp_path) as ledger:
        ledger.execute("PRAGMA user_version = 99")
    with pytest.raises(DataError, match="version 99; this software reads"), open_ledger(tmp_path):
        pass


def test_a_folder_that_cannot_be_is_one_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ArchiveError, match="no label store"), open_ledger(tmp_path / "file"):
        pass


def test_a_failing_disk_while_it_is_open_is_one_error(tmp_path):
    with pytest.raises(ArchiveError, match="--resume"), open_ledger(tmp_path):
        raise sqlite3.OperationalError("database or disk is full")


def test_one_labelling_at_a_time(tmp_path):
    with (
        open_ledger(tmp_path),
        pytest.raises(DataError, match="another program"),
        open_ledger(tmp_path),
    ):
        pass
    with open_ledger(tmp_path):
        pass


def minutes(root: Path, count: int, start: str = "2014-03-10T06:00") -> list[FrameFile]:
    first = np.datetime64(start, "m")
    return [
        FrameFile(root / f"{n:03}.pgm", "gill", first + n, first + n + 1, "themis19")
        for n in range(count)
    ]


def test_chunks_are_cut_alike_whatever_is_done(tmp_path):
    root, files = tmp_path / "a", minutes(tmp_path / "a", 10)
    root.mkdir()
    for file in files:
        file.path.write_bytes(b"x")

    def due(store: Path) -> list[list[str]]:
        with open_ledger(store) as ledger:
            list_archive(ledger, root, files)
            find_due(ledger, root, store, 4)
            return [[file.path for file in chunk.files] for chunk in chunks_due(ledger)]

    whole = due(tmp_path / "s")
    assert [len(chunk) for chunk in whole] == [4, 4, 2]
    about = files[0].path.stat()
    print_of = file_fingerprint(files[0].path)
    with open_ledger(tmp_path / "s") as ledger:
        run = begin(ledger)
        seen = FileReport(1, about.st_mtime_ns, print_of, 3, (), "", "gill", simulated=True)
        first = [labels(name, about=seen) for name in whole[0]]
        record(ledger, "gill", "2014-03", first, run)
    assert due(tmp_path / "s") == whole[1:]


def test_a_file_at_the_edge_of_a_month_is_read_for_both(tmp_path):
    files = minutes(tmp_path, 8, "2014-02-28T23:56")
    with open_ledger(tmp_path) as ledger:
        list_archive(ledger, tmp_path, files)
        due = find_due(ledger, tmp_path, tmp_path, 100)
        found = {chunk.month: len(chunk.files) for chunk in chunks_due(ledger)}
    # A clock may be off by two minutes: 23:58 to 00:02 can hold frames of either.
    assert found == {"2014-02": 6, "2014-03": 6}
    assert due.files == 12


times = hnp.arrays(np.int64, st.integers(0, 40), elements=st.integers(0, 20_000))


@given(times, st.lists(st.integers(0, 20_000), max_size=10), st.data())
def test_repeats_are_those_of_a_plain_loop(time, stored, data):
    rank = np.array(data.draw(st.lists(st.integers(0, 2), min_size=len(time), max_size=len(time))))
    rank = rank.astype(np.int64)
    kept: list[tuple[int, int]] = []
    expected = np.zeros(len(time), bool)
    for kind in (0, 1, 2):
        for n in np.flatnonzero(rank == kind):
            others = [abs(time[n] - t) for t in stored]
            others += [abs(time[n] - t) for t, r in kept if r < kind]
            again = any(t == time[n] and r == kind for t, r in kept)
            if not again and all(gap >= SAME_EXPOSURE_MS for gap in others):
                expected[n] = True
                kept.append((int(time[n]), kind))
    found = without_repeats(time, rank, np.array(stored, np.int64))
    assert found.tolist() == expected.tolist()
