import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import hypothesis.strategies as st
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings

from auroral_stats.counts import count_frames
from auroral_stats.errors import ArchiveError, DataError, UsageError
from auroral_stats.label_writing import publish, staging
from auroral_stats.labels import (
    AURORAL,
    CLASSES,
    PROBABILITY_COLUMNS,
    USABLE,
    StoreInfo,
    WriteCounts,
    iter_partitions,
    open_labels,
    quantise_probabilities,
    read_partition,
    store_span,
    utc_instant,
    validate_labels,
    write_labels,
)

HUMAN = StoreInfo("human", simulated=False)
MODEL = StoreInfo(
    "model",
    simulated=False,
    model_sha256="ab" * 32,
    model_trained_on="OATH",
    preprocess="disc-p1-p99-v1",
    temperature=1.25,
)
START = np.datetime64("2014-02-27T22:00:00.000", "ms")


def sample(n: int = 500, *, seed: int = 0, step_ms: int = 600_000):
    """Times over the end of February 2014, labels and probabilities that favour them."""
    rng = np.random.default_rng(seed)
    time = START + np.arange(n) * step_ms + rng.integers(0, 1000, n)
    p = rng.dirichlet(np.ones(6), n)
    return time, p.argmax(axis=1).astype(np.uint8), p


def make_store(path: Path, info: StoreInfo = MODEL) -> Path:
    time, label, p = sample()
    site = np.where(np.arange(time.size) % 2, "gill", "fsmi")
    write_labels(path, site, time, label, p, info=info)
    return path


def rows_of(store: Path, **limits) -> pd.DataFrame:
    """Everything in a store, read with our own functions."""
    opened = open_labels(store)
    columns = ("time", "label", *PROBABILITY_COLUMNS)
    parts = [
        pd.DataFrame(read_partition(p, columns, info=opened.info, **limits)).assign(site=p.site)
        for p in iter_partitions(opened, **limits)
    ]
    return pd.concat(parts, ignore_index=True)


def files_of(store: Path) -> dict[str, bytes]:
    return {str(p.relative_to(store)): p.read_bytes() for p in store.rglob("*") if p.is_file()}


def rewrite(path: Path, change, info: dict | None = None) -> None:
    """Write a partition anew as another tool would: changed columns, our metadata by default."""
    table = pq.ParquetFile(path).read()
    metadata = table.schema.metadata
    if info is not None:
        old = json.loads(metadata[b"auroral_stats"])
        metadata = {b"auroral_stats": json.dumps({**old, **info}).encode()}
    pq.write_table(change(table).replace_schema_metadata(metadata), path)


def partition(store: Path, number: int = 0) -> Path:
    return open_labels(store).partitions[number].path


# ---------------------------------------------------------------- classes and quantised values


def test_usable_and_auroral_are_classes_without_what_hides_the_sky():
    assert set(CLASSES) - set(USABLE) == {"cloudy", "moon"}
    assert set(USABLE) - set(AURORAL) == {"clear"}


probabilities = st.lists(
    st.lists(st.floats(0, 1), min_size=6, max_size=6).filter(lambda row: sum(row) > 1e-6),
    min_size=1,
    max_size=20,
).map(lambda rows: np.array(rows) / np.sum(rows, axis=1, keepdims=True))


@given(probabilities)
def test_quantised_probabilities_sum_to_255_stay_close_and_keep_their_order(p):
    q = quantise_probabilities(p)
    assert q.dtype == np.uint8
    assert (q.sum(axis=1, dtype=int) == 255).all()
    assert (np.abs(q / 255 - p) < 1 / 255 + 1e-12).all()
    for exact, stored in zip(p, q.astype(int), strict=True):
        order = np.argsort(exact, kind="stable")
        assert (np.diff(stored[order])[np.diff(exact[order]) > 1e-9] >= 0).all()
        assert stored[exact.argmax()] == stored.max()


@given(probabilities)
def test_quantising_again_changes_nothing(p):
    q = quantise_probabilities(p)
    np.testing.assert_array_equal(quantise_probabilities(q / 255), q)


def test_quantised_by_hand():
    # 255 x (1/3, 1/3, 1/3) = 85 each; 255 x (0.1, 0.9) = 25.5 and 229.5: the first takes the unit.
    third = [1 / 3, 1 / 3, 1 / 3, 0, 0, 0]
    tenth = [0.1, 0.9, 0, 0, 0, 0]
    assert quantise_probabilities([third, tenth]).tolist() == [
        [85, 85, 85, 0, 0, 0],
        [26, 229, 0, 0, 0, 0],
    ]


@pytest.mark.parametrize(
    ("p", "message"),
    [
        ([[0.5] * 6], "do not sum to 1"),
        ([[1.5, -0.5, 0, 0, 0, 0]], "negative"),
        ([[np.nan, 1, 0, 0, 0, 0]], "not finite"),
        ([[0.5, 0.5]], r"shape \(1, 2\), expected \(n, 6\)"),
    ],
)
def test_quantising_refuses_what_is_no_distribution(p, message):
    with pytest.raises(DataError, match=message):
        quantise_probabilities(p)


# ---------------------------------------------------------------- writing and reading back


@st.composite
def labelled_frames(draw):
    n = draw(st.integers(1, 40))
    ms = st.integers(int(START.astype(int)), int(START.astype(int)) + 40 * 86_400_000)
    keys = draw(
        st.lists(
            st.tuples(st.sampled_from(["gill", "fsmi", "rank"]), ms),
            min_size=n,
            max_size=n,
            unique=True,
        )
    )
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(6, 0.4), n)
    label = p.argmax(axis=1)
    p[rng.random(n) < 0.3] = np.nan
    return (
        pd.DataFrame(
            {
                "site": [site for site, _ in keys],
                "time": np.array([t for _, t in keys], "M8[ms]"),
                "label": label.astype(np.uint8),
                **dict(zip(PROBABILITY_COLUMNS, p.T, strict=True)),
            }
        ),
        draw(st.permutations(range(n))),
        draw(st.integers(0, n)),
    )


@settings(deadline=None, max_examples=40)
@given(labelled_frames())
def test_what_is_written_in_any_order_and_in_parts_is_read_back(tmp_path_factory, frames):
    table, order, cut = frames
    store = tmp_path_factory.mktemp("labels") / "store"
    shuffled = table.iloc[list(order)]
    for part in (shuffled[:cut], shuffled[cut:]):
        counts = write_labels(
            store,
            part["site"].to_numpy(),
            part["time"].to_numpy(),
            part["label"].to_numpy(),
            part[list(PROBABILITY_COLUMNS)].to_numpy(),
            info=MODEL,
        )
        assert counts == WriteCounts(len(part), 0, 0)
    validate_labels(store)
    read = rows_of(store)
    expected = table.sort_values(["site", "time"], ignore_index=True)
    for name in ("site", "time", "label"):
        assert read[name].tolist() == expected[name].tolist()
    for name in PROBABILITY_COLUMNS:
        np.testing.assert_allclose(read[name], expected[name], atol=1 / 255)
        np.testing.assert_array_equal(read[name].isna(), expected[name].isna())


def test_the_files_are_what_the_contract_says(tmp_path):
    store = make_store(tmp_path / "store")
    names = sorted(files_of(store))
    assert names == [
        "_store.json",
        *(
            f"site={site}/year=2014/month={month}/labels.parquet"
            for site in ("fsmi", "gill")
            for month in ("02", "03")
        ),
    ]
    file = pq.ParquetFile(partition(store))
    assert {f.name: str(f.type) for f in file.schema_arrow} == {
        "time": "timestamp[ms, tz=UTC]",
        "label": "uint8",
        **dict.fromkeys(PROBABILITY_COLUMNS, "uint8"),
    }
    assert {file.metadata.row_group(0).column(i).compression for i in range(8)} == {"ZSTD"}
    stated = json.loads(file.schema_arrow.metadata[b"auroral_stats"])
    assert stated == json.loads((store / "_store.json").read_text())
    assert stated["classes"] == list(CLASSES)
    assert stated["simulated"] is False
    assert stated["model_trained_on"] == "OATH"
    opened = open_labels(store)
    assert opened.info == MODEL
    assert opened.sites == ("fsmi", "gill")
    assert [(p.site, p.year, p.month) for p in opened.partitions] == [
        ("fsmi", 2014, 2),
        ("fsmi", 2014, 3),
        ("gill", 2014, 2),
        ("gill", 2014, 3),
    ]


def test_a_store_takes_few_bytes_a_row(tmp_path):
    time, label, p = sample(100_000, step_ms=3000)
    write_labels(tmp_path / "store", "gill", time, label, p, info=MODEL)
    size = sum(len(content) for content in files_of(tmp_path / "store").values())
    # Random probabilities are the worst case; those of a real model compress better.
    assert size / time.size < 9


def test_class_names_and_sub_millisecond_times_and_case_are_taken(tmp_path):
    time = np.array(["2014-03-10T06:02:00.000999999", "2014-03-10T06:02:03"], "M8[ns]")
    write_labels(tmp_path, " GILL ", time, ["moon", "arc"], info=HUMAN)
    rows = rows_of(tmp_path)
    assert rows["time"].tolist() == [
        pd.Timestamp("2014-03-10T06:02:00"),
        pd.Timestamp("2014-03-10T06:02:03"),
    ]
    assert rows["label"].tolist() == [4, 0]
    assert rows["site"].unique().tolist() == ["gill"]
    assert rows["p_arc"].isna().all()


def test_an_empty_write_makes_an_empty_store_that_knows_what_it_is(tmp_path):
    write_labels(tmp_path / "s", "gill", np.array([], "M8[ms]"), [], info=MODEL)
    opened = validate_labels(tmp_path / "s")
    assert opened.info == MODEL
    assert opened.partitions == ()
    assert store_span(opened) is None


def test_duplicates_are_kept_once_and_conflicts_follow_the_choice(tmp_path):
    store = make_store(tmp_path / "store")
    time, label, _ = sample()
    before = files_of(store)
    other = (label + 1) % 6

    same = write_labels(store, "gill", time[1::2], label[1::2], info=MODEL)
    assert same == WriteCounts(0, 250, 0)
    with pytest.raises(DataError, match="labels conflict with those in the store"):
        write_labels(store, "gill", time[1::2], other[1::2], info=MODEL)
    kept = write_labels(store, "gill", time[1::2], other[1::2], info=MODEL, on_conflict="keep")
    assert kept == WriteCounts(0, 0, 250)
    assert files_of(store) == before

    replaced = write_labels(
        store, "gill", time[1:9:2], other[1:9:2], info=MODEL, on_conflict="replace"
    )
    assert replaced == WriteCounts(4, 0, 4)
    rows = rows_of(store)
    gill = rows[rows.site == "gill"]
    assert gill["label"].tolist() == [*other[1:9:2], *label[9::2]]
    assert gill["p_arc"].isna().sum() == 4
    validate_labels(store)


def test_a_conflict_in_a_later_month_leaves_the_earlier_month_as_it_was(tmp_path):
    store = make_store(tmp_path / "store")
    before = files_of(store)
    time, label, _ = sample()
    early = START + np.arange(5) * 1000 + 333
    with pytest.raises(DataError, match=r"month=03.*conflict"):
        write_labels(
            store,
            "gill",
            np.append(early, time[-1]),
            np.append(np.zeros(5, int), (label[-1] + 1) % 6),
            info=MODEL,
        )
    assert files_of(store) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"simulated": True}, "simulated is true, not false"),
        ({"source": "human"}, 'source is "human", not "model"'),
        ({"model_sha256": "cd" * 32}, "model_sha256"),
        ({"temperature": 2.0}, r"temperature is 2\.0, not 1\.25"),
        ({"archive": "world"}, 'archive is "world", not null'),
    ],
)
def test_labels_of_another_kind_are_refused(tmp_path, change, message):
    store = make_store(tmp_path / "store")
    before = files_of(store)
    info = StoreInfo(**{**MODEL.__dict__, **change})
    with pytest.raises(DataError, match=message):
        write_labels(store, "gill", [START], [0], info=info)
    assert files_of(store) == before


def test_a_newer_software_version_may_add_to_a_store(tmp_path):
    store = make_store(tmp_path / "store")
    newer = StoreInfo(**{**MODEL.__dict__, "software_version": "99.0"})
    write_labels(store, "gill", [START - 1], [0], info=newer)
    validate_labels(store)


@pytest.mark.parametrize(
    ("site", "time", "label", "p", "error", "message"),
    [
        (
            "gill",
            ["2014-03-10"],
            [0],
            None,
            UsageError,
            "expected a 1-dimensional array of datetime64",
        ),
        ("gill", pd.to_datetime(["2014-03-10"], utc=True), [0], None, UsageError, "with a zone"),
        ("gill", np.array(["NaT"], "M8[ms]"), [0], None, DataError, "NaT"),
        ("gill", np.array(["12014-03-10"], "M8[s]"), [0], None, DataError, r"1970\.\.2199"),
        ("gill", [START], [6], None, DataError, r"label of row 0 is .*6.*expected one of 0 arc"),
        ("gill", [START], [-1], None, DataError, "label of row 0"),
        ("gill", [START], ["steve"], None, DataError, "steve"),
        ("gill", [START], [0.0], None, UsageError, "whole numbers"),
        ("gill", [START], [0, 1], None, UsageError, r"label \(2,\)"),
        ("gi ll", [START], [0], None, DataError, "letters and digits"),
        ("../x", [START], [0], None, DataError, "letters and digits"),
        ("123", [START], [0], None, DataError, "letters and digits"),
        ("gill", [START], [1], [[1, 0, 0, 0, 0, 0.0]], DataError, "highest probability"),
        ("gill", [START], [0], [[1, 1, 0, 0, 0, 0.0]], DataError, "sum to 1"),
        ("gill", [START, START], [0, 1], None, DataError, "given twice, as arc and diffuse"),
    ],
)
def test_rows_that_cannot_be_stored_are_refused_and_leave_nothing(
    tmp_path, site, time, label, p, error, message
):
    store = tmp_path / "new" / "store"
    with pytest.raises(error, match=message):
        write_labels(store, site, time, label, p, info=HUMAN)
    assert list(tmp_path.iterdir()) == []


def test_repeats_in_one_call_count_once(tmp_path):
    assert write_labels(tmp_path, "gill", [START, START], [3, 3], info=HUMAN) == WriteCounts(
        1, 1, 0
    )


def test_repeats_of_a_conflict_replace_it_once(tmp_path):
    write_labels(tmp_path, "gill", [START], [0], info=HUMAN)
    again = [START, START]
    kept = write_labels(tmp_path, "gill", again, [3, 3], info=HUMAN, on_conflict="keep")
    assert kept == WriteCounts(0, 1, 1)
    done = write_labels(tmp_path, "gill", again, [3, 3], info=HUMAN, on_conflict="replace")
    assert done == WriteCounts(1, 1, 1)
    assert rows_of(tmp_path)["label"].tolist() == [3]


def test_a_file_in_the_place_of_a_store_is_one_clear_error(tmp_path):
    (tmp_path / "store").write_text("not a folder")
    with pytest.raises(DataError, match="cannot be written"):
        write_labels(tmp_path / "store", "gill", [START], [0], info=HUMAN)
    assert (tmp_path / "store").read_text() == "not a folder"


def test_a_folder_of_other_things_is_not_made_into_a_store(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(DataError, match="not a label store"):
        write_labels(tmp_path, "gill", [START], [0], info=HUMAN)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


# ---------------------------------------------------------------- all or nothing


def test_publish_undoes_every_move_if_one_fails(tmp_path):
    store = tmp_path / "store"
    old = store / "site=gill" / "year=2014" / "month=03" / "labels.parquet"
    new = store / "site=rank" / "year=2014" / "month=03" / "labels.parquet"
    old.parent.mkdir(parents=True)
    old.write_text("old")

    def move_three_of_which_one_is_absent() -> None:
        with staging(store, "write") as folder:
            (folder / "0").write_text("changed")
            (folder / "1").write_text("new")
            publish([(folder / "0", old), (folder / "1", new), (folder / "2", store / "x")], folder)

    with pytest.raises(DataError, match="it is as it was before"):
        move_three_of_which_one_is_absent()
    assert files_of(store) == {str(old.relative_to(store)): b"old"}
    assert not (store / "site=rank").exists()


def test_readers_never_see_a_staging_folder_and_the_next_writer_clears_what_a_killed_one_left(
    tmp_path,
):
    store = make_store(tmp_path / "store")
    left = store / "_import-0123abcd"
    left.mkdir()
    (left / "gill-00530.records").write_bytes(b"half a row")
    (store / "_ledger").write_text("not ours to remove")
    assert validate_labels(store).info == MODEL
    assert len(pd.read_parquet(store)) == 500
    write_labels(store, "gill", [START - 1], [0], info=MODEL)
    assert not left.exists()
    assert (store / "_ledger").exists()


def test_writers_at_the_same_time_lose_no_row(tmp_path):
    code = (
        "import sys, numpy as np\n"
        "from auroral_stats.labels import StoreInfo, write_labels\n"
        "k = int(sys.argv[2])\n"
        "for i in range(12):\n"
        "    time = np.datetime64('2014-03-10', 'ms') + np.arange(20) * 100 + 2000 * i + k\n"
        "    write_labels(sys.argv[1], 'gill', time, np.zeros(20, int),"
        " info=StoreInfo('human', False))\n"
    )
    store = tmp_path / "store"
    writers = [subprocess.Popen([sys.executable, "-c", code, str(store), str(k)]) for k in range(3)]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0]
    assert len(rows_of(store)) == 3 * 12 * 20
    validate_labels(store)


def test_a_store_that_is_held_can_be_refused_at_once(tmp_path):
    store = make_store(tmp_path / "store")
    held = staging(store, "import", wait=False)
    with staging(store, "write"), pytest.raises(DataError, match="another program is writing"):
        held.__enter__()
    with staging(store, "import", wait=False) as folder:
        assert folder.is_dir()


# ---------------------------------------------------------------- other tools


@pytest.fixture
def store_with_company(tmp_path: Path) -> Path:
    """A store with everything in it that may lie in a store besides labels."""
    store = make_store(tmp_path / "store")
    (store / "_rejected.csv").write_text("row,site\n1,gill\n")
    (store / "_ledger").mkdir()
    (store / "_ledger" / "done.csv").write_text("path,sha256\n")
    (store / "_import-0123abcd").mkdir()
    (store / "_import-0123abcd" / "gill-00530.records").write_bytes(b"rows on their way")
    (store / "_import-0123abcd" / "0.staged").write_bytes(b"half a file")
    return store


def expected_rows() -> pd.DataFrame:
    time, label, p = sample()
    table = pd.DataFrame({"time": time, "label": label})
    table[list(PROBABILITY_COLUMNS)] = quantise_probabilities(p)
    table["site"] = np.where(np.arange(time.size) % 2, "gill", "fsmi")
    return table.sort_values(["site", "time"], ignore_index=True)


def assert_same_rows(table: pd.DataFrame) -> None:
    expected = expected_rows()
    table = table.assign(site=table["site"].astype(str)).sort_values(
        ["site", "time"], ignore_index=True
    )
    time = pd.to_datetime(table["time"], utc=True).dt.tz_localize(None).astype("M8[ms]")
    np.testing.assert_array_equal(time.to_numpy(), expected["time"].to_numpy())
    for name in ("site", "label", *PROBABILITY_COLUMNS):
        assert table[name].tolist() == expected[name].tolist()
    assert (table["year"].astype(int) == 2014).all()
    np.testing.assert_array_equal(table["month"].astype(int), time.dt.month)


def test_pandas_reads_the_store_with_no_code_of_ours(store_with_company):
    assert_same_rows(pd.read_parquet(store_with_company))


def test_duckdb_reads_the_store_with_no_code_of_ours(store_with_company):
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        columns = connection.execute(
            f"SELECT * FROM read_parquet('{store_with_company}/**/*.parquet',"
            " hive_partitioning = true)"
        ).fetchnumpy()
    assert_same_rows(pd.DataFrame(columns))


def test_polars_reads_the_store_with_no_code_of_ours(store_with_company):
    lazy = pl.scan_parquet(f"{store_with_company}/**/*.parquet", hive_partitioning=True)
    assert lazy.collect_schema()["time"] == pl.Datetime("ms", "UTC")
    assert_same_rows(lazy.collect().to_pandas())


# ---------------------------------------------------------------- columns by name


def test_silent_error_9_class_column_permutation(tmp_path):
    """Columns in any order give the identical result; an unknown class column is an error."""
    store = make_store(tmp_path / "store")
    rows, frames = rows_of(store), count_frames(store)
    rng = np.random.default_rng(9)
    for part in open_labels(store).partitions:
        rewrite(part.path, lambda t: t.select(rng.permutation(t.column_names).tolist()))
    validate_labels(store)
    pd.testing.assert_frame_equal(rows_of(store), rows)
    assert count_frames(store).identical(frames)

    rewrite(partition(store), lambda t: t.rename_columns({"p_arc": "p_steve"}))
    for read in (validate_labels, rows_of, count_frames):
        with pytest.raises(DataError, match="'p_steve' is an unknown class") as caught:
            read(store)
        assert "'p_arc' is missing" in str(caught.value)


def test_a_seventh_class_column_is_an_error(tmp_path):
    store = make_store(tmp_path / "store")
    rewrite(partition(store), lambda t: t.append_column("p_steve", t["p_arc"]))
    for read in (validate_labels, rows_of, count_frames):
        with pytest.raises(DataError, match="p_steve"):
            read(store)


def test_label_numbers_in_another_order_of_classes_are_read_by_name(tmp_path):
    store = make_store(tmp_path / "store")
    rows, frames = rows_of(store), count_frames(store)
    order = ("clear", "moon", "cloudy", "arc", "discrete", "diffuse")
    numbers = np.array([order.index(name) for name in CLASSES], np.uint8)

    def renumber(table: pa.Table) -> pa.Table:
        return table.set_column(1, "label", pa.array(numbers[table["label"].to_numpy()]))

    for part in open_labels(store).partitions:
        rewrite(part.path, renumber, {"classes": order})
    # Half-way the store contradicts itself, and nobody counts with it.
    with pytest.raises(DataError, match="classes is"):
        count_frames(store)
    (store / "_store.json").unlink()
    assert validate_labels(store).info.classes == order
    pd.testing.assert_frame_equal(rows_of(store), rows)
    np.testing.assert_array_equal(count_frames(store).frames, frames.frames)
    with pytest.raises(DataError, match="classes"):
        write_labels(store, "gill", [START - 1], [0], info=MODEL)


@pytest.mark.parametrize(
    "classes", [("arc", "diffuse", "discrete", "cloudy", "moon", "steve"), CLASSES[:5], "arc", None]
)
def test_unknown_classes_in_the_metadata_are_an_error(tmp_path, classes):
    store = make_store(tmp_path / "store")
    rewrite(partition(store), lambda t: t, {"classes": classes})
    for read in (validate_labels, rows_of, count_frames):
        with pytest.raises(DataError, match=r"name the classes .* expected exactly arc, diffuse"):
            read(store)


def test_a_store_that_mixes_simulated_and_real_labels_is_refused(tmp_path):
    store = make_store(tmp_path / "store")
    rewrite(partition(store, 2), lambda t: t, {"simulated": True})
    for read in (validate_labels, rows_of, count_frames):
        with pytest.raises(DataError, match="simulated is true, not false"):
            read(store)
    (store / "_store.json").unlink()
    for read in (validate_labels, count_frames):
        with pytest.raises(DataError, match="simulated is true, not false"):
            read(store)


# ---------------------------------------------------------------- faults


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def put(column: str, row: int, value) -> object:
    def change(table: pa.Table) -> pa.Table:
        values = table[column].to_pylist()
        values[row] = value
        return table.set_column(
            table.column_names.index(column), column, pa.array(values, table[column].type)
        )

    return change


def test_every_fault_is_reported_at_once(tmp_path):
    time, label, p = sample(3000, step_ms=86_400_000 // 4)  # two years: 25 months
    store = tmp_path / "store"
    write_labels(store, "gill", time, label, p, info=MODEL)
    paths = [part.path for part in open_labels(store).partitions]
    first = pq.ParquetFile(paths[4]).read()["time"].to_pylist()[0]
    row_time = pq.ParquetFile(paths[6]).read()["time"].to_pylist()

    cut(paths[0])
    paths[1].write_text("not parquet")
    rewrite(paths[2], lambda t: t.drop_columns(["p_moon"]))
    rewrite(paths[3], lambda t: t.append_column("extra", t["label"]))
    rewrite(paths[4], put("time", 1, first))
    rewrite(paths[5], lambda t: t.take(list(range(t.num_rows))[::-1]))
    rewrite(paths[6], put("time", len(row_time) - 1, row_time[-1].replace(year=2031)))
    rewrite(paths[7], put("label", 3, 6))
    likeliest = PROBABILITY_COLUMNS[pq.ParquetFile(paths[8]).read()["label"][5].as_py()]
    rewrite(paths[8], put(likeliest, 5, 255))
    rewrite(paths[9], put("p_clear", 5, None))
    lowest = int(np.argmin(pq.ParquetFile(paths[10]).read()["p_arc"].to_numpy()))
    rewrite(paths[10], put("label", lowest, 0))
    rewrite(paths[11], lambda t: t, {"simulated": True})
    rewrite(paths[12], lambda t: t.set_column(1, "label", t["label"].cast(pa.int64())))
    pq.write_table(pq.ParquetFile(paths[13]).read().replace_schema_metadata(None), paths[13])
    rewrite(paths[14], lambda t: t, {"schema_version": 2})
    rewrite(paths[15], put("time", 2, None))
    rewrite(paths[16], lambda t: t.set_column(0, "time", t["time"].cast(pa.timestamp("ms"))))
    paths[17].rename(paths[17].with_name("other.parquet"))
    (store / "site=RANK").mkdir()
    (store / "site=gill" / "year=2014" / "month=13").mkdir()
    (store / "notes.txt").write_text("x")

    with pytest.raises(DataError) as caught:
        validate_labels(store)
    lines = str(caught.value).splitlines()
    found = {
        number: [line for line in lines if str(paths[number].parent) in line]
        for number in range(25)
    }
    expected = {
        0: "not a readable Parquet file",
        1: "not a readable Parquet file",
        2: "column 'p_moon' is missing",
        3: "column 'extra' is unknown",
        4: "time is there twice (1 rows, the first is row 1)",
        5: "time is not sorted",
        6: "time is outside 2014-08 (1 rows",
        7: "label is not one of 0..5 (1 rows, the first is row 3)",
        8: "probabilities do not sum to 255 (1 rows, the first is row 5)",
        9: "some probabilities are null and others not (1 rows, the first is row 5)",
        10: f"label is not the class with the highest probability (1 rows, the first is row {lowest})",
        11: "simulated is true, not false",
        12: "column 'label' is int64, expected uint8",
        13: "lack the key 'auroral_stats'",
        14: "layout version 2",
        15: "time is null (1 rows, the first is row 2)",
        16: "column 'time' is timestamp[ms], expected timestamp[ms, tz=UTC]",
        17: "only labels.parquet belongs here",
    }
    for number, text in expected.items():
        assert len(found[number]) == 1, (number, found[number])
        assert text in found[number][0], number
    assert not any(found[number] for number in range(18, 25))
    for name in ("site=RANK", "month=13", "notes.txt"):
        assert sum(f"{name}:" in line for line in lines) == 1
    assert lines[0].endswith("21 faults in the label store:")
    assert "--replace" in lines[-1]


@pytest.mark.parametrize(
    "change",
    [
        put("label", 3, 6),
        put("time", 1, None),
        lambda t: t.take([1, 0, *range(2, t.num_rows)]),
        lambda t: t.take([0, 0, *range(1, t.num_rows)]),
    ],
    ids=["label", "null", "unsorted", "repeated"],
)
def test_no_count_comes_from_a_broken_partition(tmp_path, change):
    store = make_store(tmp_path / "store")
    rewrite(partition(store), change)
    with pytest.raises(DataError, match=r"labels\.parquet"):
        count_frames(store)


def test_opening_reads_no_row(tmp_path):
    store = make_store(tmp_path / "store")
    for part in open_labels(store).partitions:
        cut(part.path)
    assert len(open_labels(store).partitions) == 4
    with pytest.raises(DataError, match="4 faults"):
        validate_labels(store)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "do not describe a label store"),
        ("[1]", "do not describe a label store"),
        ('{"source": "human"}', "at least 'source' and 'simulated'"),
        ('{"source": "human", "simulated": "yes"}', "expected a string and true or false"),
    ],
)
def test_a_broken_description_is_one_clear_error(tmp_path, content, message):
    store = make_store(tmp_path / "store")
    (store / "_store.json").write_text(content)
    for read in (open_labels, validate_labels):
        with pytest.raises(DataError, match=message):
            read(store)


def test_what_is_no_store_is_said_so(tmp_path):
    for read in (open_labels, validate_labels):
        with pytest.raises(ArchiveError, match="no such label store"):
            read(tmp_path / "absent")
    (tmp_path / "file").write_text("x")
    with pytest.raises(ArchiveError, match="no such label store"):
        open_labels(tmp_path / "file")
    with pytest.raises(DataError, match="not a label store"):
        open_labels(tmp_path)
    with pytest.raises(DataError, match=r"_store\.json"):
        validate_labels(tmp_path)


# ---------------------------------------------------------------- streaming


@pytest.mark.parametrize("start", [None, "2014-02-28T12:00:00", "2014-03", "2014-03-02T00:00Z"])
@pytest.mark.parametrize("end", [None, "2014-03-01", "2014-03-02T01:23:45.678", "2015"])
@pytest.mark.parametrize("sites", [None, ["GILL"], ["gill", "fsmi"]])
def test_a_range_gives_the_rows_that_a_filter_gives(tmp_path, start, end, sites):
    store = make_store(tmp_path / "store")
    expected = expected_rows()
    wanted = [site.lower() for site in sites or ["gill", "fsmi"]]
    keep = expected["site"].isin(wanted)
    if start:
        keep &= expected["time"] >= pd.Timestamp(start).tz_localize(None)
    if end:
        keep &= expected["time"] < pd.Timestamp(end).tz_localize(None)
    opened = open_labels(store)
    times = [
        (p.site, t)
        for p in iter_partitions(opened, sites, start, end)
        for t in read_partition(p, ["time"], info=opened.info, start=start, end=end)["time"]
    ]
    kept = expected[keep]
    assert times == list(zip(kept["site"], kept["time"].to_numpy(), strict=True))


def test_partitions_outside_the_range_are_not_even_named(tmp_path):
    opened = open_labels(make_store(tmp_path / "store"))
    months = [p.month for p in iter_partitions(opened, ["gill"], end="2014-03-01")]
    assert months == [2]
    with pytest.raises(UsageError, match="no labels of rank; the store holds fsmi, gill"):
        list(iter_partitions(opened, ["rank"]))
    with pytest.raises(UsageError, match="columns are"):
        read_partition(opened.partitions[0], ["p_steve"])


def test_the_span_of_a_store_is_that_of_its_rows(tmp_path):
    time, _, _ = sample()
    assert store_span(open_labels(make_store(tmp_path / "store"))) == (time[0], time[-1])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2014", "2014-01-01"),
        ("2014-03", "2014-03-01"),
        (" 2014-03-10 ", "2014-03-10"),
        ("2014-03-10T06:02:00.250", "2014-03-10T06:02:00.250"),
        ("2014-03-10T06:02:00Z", "2014-03-10T06:02:00"),
        ("2014-03-10T00:02:00-06:00", "2014-03-10T06:02:00"),
        (pd.Timestamp("2014-03-10T00:02:00", tz="America/Winnipeg"), "2014-03-10T05:02:00"),
        (np.datetime64("2014-03-10T06:02:00.123456789"), "2014-03-10T06:02:00.123"),
    ],
)
def test_instants(value, expected):
    assert utc_instant(value) == np.datetime64(expected, "ms")


@pytest.mark.parametrize(
    "value", ["10/03/2014", "2014-13", "2014-03-10 06:02 MST", "NaT", "", "now"]
)
def test_what_is_no_instant_is_refused_by_name(value):
    with pytest.raises(UsageError, match="start is"):
        utc_instant(value, "start")


@pytest.mark.parametrize("zone", ["UTC", "America/Edmonton", "Asia/Kathmandu"])
def test_the_zone_of_the_machine_changes_nothing(tmp_path, zone):
    code = (
        "import sys, numpy as np, hashlib, pathlib\n"
        "from auroral_stats.labels import StoreInfo, write_labels, open_labels, read_partition,"
        " utc_instant, store_span\n"
        "time = np.datetime64('2014-02-28T23:00', 'ms') + np.arange(120) * 60000\n"
        "write_labels(sys.argv[1], 'gill', time, np.arange(120) % 6,"
        " info=StoreInfo('human', False))\n"
        "store = open_labels(sys.argv[1])\n"
        "print([len(read_partition(p)['time']) for p in store.partitions], *store_span(store),"
        " utc_instant('2014-03-10T06:02'), utc_instant('2014-03'))\n"
    )
    environment = {**os.environ, "TZ": zone}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "store")],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == (
        "[60, 60] 2014-02-28T23:00:00.000 2014-03-01T00:59:00.000"
        " 2014-03-10T06:02:00.000 2014-03-01T00:00:00.000"
    )
