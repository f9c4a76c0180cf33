import csv
import gzip
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings

from auroral_stats.errors import DataError, UsageError
from auroral_stats.label_import import CLASS_SYNONYMS, ImportSummary, import_table
from auroral_stats.label_values import class_number
from auroral_stats.label_writing import staging
from auroral_stats.labels import (
    CLASSES,
    PROBABILITY_COLUMNS,
    StoreInfo,
    iter_partitions,
    open_labels,
    quantise_probabilities,
    read_partition,
    validate_labels,
    write_labels,
)

COLUMNS = {"time": "when", "site": "where", "label": "what"}
PROBABILITY = {name: f"prob_{name}" for name in CLASSES}


def write_csv(path: Path, rows, header=("where", "when", "what")) -> Path:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def run(table: Path, store: Path, **options) -> ImportSummary:
    """Import, and check what must hold of every import."""
    summary = import_table(table, store, **{**COLUMNS, **options})
    assert summary.read == summary.written + summary.duplicate + sum(summary.rejected.values())
    assert sum(summary.labels.values()) == summary.written
    assert (summary.rejected_path is not None) == bool(summary.rejected)
    validate_labels(store)
    assert [p.name for p in store.iterdir() if p.name.startswith("_import")] == []
    return summary


def rows_of(store: Path, columns=("time", "label")) -> list[tuple]:
    opened = open_labels(store)
    return [
        (part.site, *row)
        for part in iter_partitions(opened)
        for row in zip(*read_partition(part, columns, info=opened.info).values(), strict=True)
    ]


def named(store: Path) -> list[tuple[str, str, str]]:
    """Rows as text: site, time, class."""
    return [(site, str(time), CLASSES[label]) for site, time, label in rows_of(store)]


def rejects(store: Path) -> list[dict[str, str]]:
    with (store / "_rejected.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# ---------------------------------------------------------------- kinds of tables


ROWS = [
    ("gill", "2014-03-10T06:02:00Z", "arc"),
    ("gill", "2014-03-10T06:02:03Z", "no aurora"),
    ("RANK", "2014-04-01T00:00:00.250Z", "cloudy"),
]
STORED = [
    ("gill", "2014-03-10T06:02:00.000", "arc"),
    ("gill", "2014-03-10T06:02:03.000", "clear"),
    ("rank", "2014-04-01T00:00:00.250", "cloudy"),
]


def as_parquet(path: Path) -> Path:
    site, time, label = zip(*ROWS, strict=True)
    pq.write_table(pa.table({"where": site, "when": time, "what": label}), path)
    return path


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet", "T.CSV"])
def test_every_kind_of_table_gives_the_same_store(tmp_path, name):
    path = tmp_path / name
    made = as_parquet(path) if name.endswith("parquet") else write_csv(path, ROWS)
    summary = run(made, tmp_path / "store")
    assert named(tmp_path / "store") == STORED
    assert (summary.read, summary.written, summary.duplicate) == (3, 3, 0)
    assert summary.rejected == {}
    assert summary.labels == {**dict.fromkeys(CLASSES, 0), "arc": 1, "clear": 1, "cloudy": 1}
    assert summary.sites == ("gill", "rank")
    assert str(summary.start) == "2014-03-10T06:02:00.000"
    assert str(summary.end) == "2014-04-01T00:00:00.250"
    assert summary.notes == ()
    assert open_labels(tmp_path / "store").info == StoreInfo(
        "import:t" if name[0] == "t" else "import:T", simulated=False
    )


def test_columns_go_by_name_whatever_else_the_table_holds(tmp_path):
    rows = [("x", label, 1.5, time, site) for site, time, label in ROWS]
    table = write_csv(tmp_path / "t.csv", rows, ("note", "what", "rotAng", "when", "where"))
    run(table, tmp_path / "store")
    assert named(tmp_path / "store") == STORED


def test_text_that_only_csv_can_hold(tmp_path):
    lines = [
        "\ufeffwhere,when,what,note",
        'gill,2014-03-10T06:02:00Z,arc,"two\nlines, quoted"',
        "",
        'gill," 2014-03-10T06:02:03Z ","clear/no aurora",""',
        'rank,2014-04-01T00:00:00.25Z,cloudy,"says ""yes"""',
    ]
    (tmp_path / "t.csv").write_bytes("\r\n".join(lines).encode())
    run(tmp_path / "t.csv", tmp_path / "store", chunk_rows=1)
    assert named(tmp_path / "store") == STORED


def test_parquet_times_in_any_unit_and_zone_are_instants(tmp_path):
    local = pd.to_datetime(["2014-03-10T00:02:00.250", "2014-07-01T06:00:00.000"]).tz_localize(
        "America/Edmonton"
    )
    for kind in ("s", "ms", "us", "ns"):
        table = pa.table(
            {
                "where": pa.array(["gill", "gill"]).dictionary_encode(),
                "when": pa.array(local.tz_convert("UTC").tz_localize(None)).cast(
                    pa.timestamp(kind), safe=False
                ),
                "aware": pa.array(local).cast(pa.timestamp(kind, "America/Edmonton"), safe=False),
                "what": pa.array(["arc", "moon"], pa.large_string()),
            }
        )
        pq.write_table(table, tmp_path / "t.parquet")
        expected = "2014-03-10T06:02:00.000" if kind == "s" else "2014-03-10T06:02:00.250"
        for column, notes in (("when", 1), ("aware", 0)):
            store = tmp_path / f"{kind}-{column}"
            summary = run(tmp_path / "t.parquet", store, time=column)
            assert named(store) == [
                ("gill", expected, "arc"),
                ("gill", "2014-07-01T12:00:00.000", "moon"),
            ]
            assert len(summary.notes) == notes


def test_nothing_is_assumed_about_the_order_of_rows(tmp_path):
    rng = random.Random(4)
    rows = [
        (site, f"2014-{month:02d}-{day:02d}T06:{minute:02d}:00Z", rng.choice(CLASSES))
        for site in ("gill", "rank", "fsmi")
        for month in (1, 2, 3)
        for day in range(1, 20)
        for minute in range(0, 60, 7)
    ]
    run(write_csv(tmp_path / "sorted.csv", sorted(rows)), tmp_path / "sorted")
    rng.shuffle(rows)
    run(write_csv(tmp_path / "shuffled.csv", rows), tmp_path / "shuffled", chunk_rows=13)
    expected = sorted((site, time[:-1] + ".000", label) for site, time, label in rows)
    assert named(tmp_path / "sorted") == expected
    assert named(tmp_path / "shuffled") == expected


# ---------------------------------------------------------------- classes


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("noaurora", "clear"),
        ("No Aurora", "clear"),
        ("no_aurora", "clear"),
        ("clear/no aurora", "clear"),
        ("Clear / No-Aurora", "clear"),
        ("clear sky", "clear"),
        ("CLOUDS", "cloudy"),
        ("cloud", "cloudy"),
        ("moonlight", "moon"),
        ("diffuse_aurora", "diffuse"),
        ("Discrete Aurora", "discrete"),
        (" arcs ", "arc"),
        ("0", "arc"),
        ("4.0", "moon"),
        ("5", "clear"),
    ],
)
def test_published_names_of_classes(name, expected):
    assert CLASSES[class_number(name)] == expected


@pytest.mark.parametrize(
    "name", ["steve", "arc?", "aurora", "6", "-1", "2.5", "arc 1", "", "1e0", "archaeology"]
)
def test_what_is_no_class_is_not_guessed(name):
    assert class_number(name) is None


def test_no_synonym_stands_for_two_classes():
    found = [name for names in CLASS_SYNONYMS.values() for name in names]
    assert len(found) == len(set(found))
    for name, synonyms in CLASS_SYNONYMS.items():
        assert {CLASSES[class_number(s)] for s in (*synonyms, name)} == {name}


def test_numbers_are_oath_classes_and_the_summary_says_so(tmp_path):
    rows = [("gill", f"2014-03-10T06:0{k}:00Z", k) for k in range(6)]
    summary = run(write_csv(tmp_path / "t.csv", rows), tmp_path / "csv")
    assert [label for _, _, label in named(tmp_path / "csv")] == list(CLASSES)
    assert summary.notes == (
        "labels that are numbers were read as 0 arc, 1 diffuse, 2 discrete, 3 cloudy, 4 moon, 5 clear",
    )
    site, time, label = zip(*rows, strict=True)
    for kind in (pa.int64(), pa.uint8(), pa.float64()):
        table = pa.table({"where": site, "when": time, "what": pa.array(label).cast(kind)})
        pq.write_table(table, tmp_path / "t.parquet")
        run(tmp_path / "t.parquet", tmp_path / str(kind))
        assert rows_of(tmp_path / str(kind)) == rows_of(tmp_path / "csv")


def test_a_column_of_zeros_and_ones_is_not_taken_for_arc_and_diffuse(tmp_path):
    rows = [("gill", f"2014-03-10T06:0{k}:00Z", k % 2) for k in range(6)]
    with pytest.raises(
        DataError, match="only the numbers 0 and 1, which may as well mean yes and no"
    ):
        run(write_csv(tmp_path / "t.csv", rows), tmp_path / "store")
    assert not (tmp_path / "store").exists()


# ---------------------------------------------------------------- times


def test_mixed_forms_of_time_in_one_column(tmp_path):
    same = "2014-03-10T06:02:00.000"
    forms = {
        "2014-03-10T06:02:00Z": same,
        "2014-03-10 06:02": same,
        "2014-03-10T00:02:00-06:00": same,
        "2014-03-10 11:47:00 +0545": same,
        "2014-03-10T06:02:00+00": same,
        " 2014-03-10 06:02:00 UTC ": same,
        "2014-03-10t06:02:00z": same,
        "2014-03-10 06:02:00.1": "2014-03-10T06:02:00.100",
        "2014-03-10T06:02:00.123456789": "2014-03-10T06:02:00.123",
        "2014-03-09T23:59:59.9999-06:00": "2014-03-10T05:59:59.999",
    }
    codes = ["atha", "chbg", "ekat", "fsim", "fsmi", "fykn", "gako", "gbay", "gill", "inuv"]
    rows = [(code, form, "arc") for code, form in zip(codes, forms, strict=True)]
    # Each alone in its chunk, where all have one form, and all together, where they do not.
    for chunk_rows in (1, 100):
        store = tmp_path / str(chunk_rows)
        summary = run(write_csv(tmp_path / "t.csv", rows), store, chunk_rows=chunk_rows)
        assert [time for _, time, _ in named(store)] == list(forms.values())
        assert summary.notes == ("3 times without an offset were taken as UTC",)


BAD_TIMES = [
    "03/10/2014 06:02",
    "10.03.2014 06:02:00",
    "2014-03-10",
    "2014-02-30T06:02:00",
    "2014-13-01T06:02:00Z",
    "2014-03-10T24:30:00Z",
    "2014-03-10T06:02:60Z",
    "1394431320",
    "20140310T060200Z",
    "2014-03-10T06:02:00+25:00",
    "2014-03-10 06:02 PM",
    "June",
]


@pytest.mark.parametrize("together", [True, False])
def test_what_is_no_such_time_is_refused_row_by_row(tmp_path, together):
    good = ("gill", "2014-03-10T06:02:00Z", "arc")
    rows = [good, *(("gill", time, "moon") for time in BAD_TIMES)]
    store = tmp_path / "store"
    summary = run(write_csv(tmp_path / "t.csv", rows), store, chunk_rows=100 if together else 1)
    (reason,) = summary.rejected
    assert reason.startswith("time is not ISO 8601 such as")
    assert summary.rejected[reason] == len(BAD_TIMES)
    assert [(r["row"], r["time"]) for r in rejects(store)] == [
        (str(number), time) for number, time in enumerate(BAD_TIMES, 2)
    ]


def test_times_far_from_any_camera_are_refused(tmp_path):
    rows = [
        ("gill", "2014-03-10T06:02:00Z", "arc"),
        ("gill", "1969-12-31T23:59:59.999Z", "arc"),
        ("gill", "2200-01-01T00:00:00Z", "arc"),
    ]
    summary = run(write_csv(tmp_path / "t.csv", rows), tmp_path / "store")
    assert summary.rejected == {"time is before 1970 or after 2199": 2}


@pytest.mark.parametrize(
    ("value", "zone"),
    [
        ("2014-03-10 06:02:00 MST", "MST"),
        ("2014-03-10T06:02:00 America/Edmonton", "AMERICA/EDMONTON"),
        ("2014-03-10T06:02-07:00[America/Edmonton]", "AMERICA/EDMONTON"),
        ("03/10/2014 6:02 MDT", "MDT"),
        ("2014-03-10T06:02:00EST5EDT", "EST5EDT"),
    ],
)
def test_a_local_zone_anywhere_refuses_the_table(tmp_path, value, zone):
    rows = [("gill", f"2014-03-10T05:{k:02d}:00Z", "arc") for k in range(20)]
    rows.append(("gill", value, "arc"))
    store = tmp_path / "store"
    with pytest.raises(DataError) as caught:
        run(write_csv(tmp_path / "t.csv", rows), store, chunk_rows=5)
    message = str(caught.value)
    assert (
        f"row 21: the time '{value.upper()}' carries the name of a local zone, {zone}," in message
    )
    assert "Write all times in UTC, or with an offset such as -07:00" in message
    assert not store.exists()


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1394431320]),
        pa.array([1394431320.5]),
        pa.array([16139], pa.date32()),
        pa.array([21720], pa.time32("s")),
        pa.array([True]),
    ],
    ids=lambda column: str(column.type),
)
def test_typed_columns_that_fix_no_instant_are_refused(tmp_path, column):
    pq.write_table(
        pa.table({"where": ["gill"], "when": column, "what": ["arc"]}), tmp_path / "t.parquet"
    )
    with pytest.raises(DataError, match=r"the time column 'when' is \w+.*expected timestamps"):
        run(tmp_path / "t.parquet", tmp_path / "store")
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("name", "column", "expected"),
    [
        ("where", pa.array([7]), "the site column 'where' is int64, expected text"),
        (
            "what",
            pa.array([True]),
            "the label column 'what' is bool, expected text or whole numbers",
        ),
        ("what", pa.array([["arc"]]), "the label column 'what' is list"),
    ],
)
def test_other_typed_columns_that_cannot_be_meant(tmp_path, name, column, expected):
    columns = {
        "where": pa.array(["gill"]),
        "when": pa.array(["2014-03-10T06:02:00Z"]),
        "what": pa.array(["arc"]),
    }
    pq.write_table(pa.table({**columns, name: column}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=expected):
        run(tmp_path / "t.parquet", tmp_path / "store")


def test_the_zone_of_the_machine_changes_nothing(tmp_path):
    rows = [("gill", "2014-03-10T06:02:00", "arc"), ("gill", "2014-03-10T06:02:00-07:00", "moon")]
    pq.write_table(
        pa.table(
            {
                "where": ["gill"],
                "when": pa.array([np.datetime64("2014-03-10T07:00", "ms")]),
                "what": ["clear"],
            }
        ),
        tmp_path / "t.parquet",
    )
    write_csv(tmp_path / "t.csv", [*rows, ("gill", "x", "arc")])
    code = (
        "import sys; from auroral_stats.label_import import import_table\n"
        "for name in ('t.csv', 't.parquet'):\n"
        "    import_table(sys.argv[1] + '/' + name, sys.argv[2], source='t',"
        " time='when', site='where', label='what')\n"
    )
    stores = []
    for zone in ("UTC", "America/Edmonton"):
        store = tmp_path / zone.replace("/", "-")
        environment = {**os.environ, "TZ": zone}
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path), str(store)], env=environment, check=True
        )
        stores.append(named(store))
        assert [r["time"] for r in rejects(store)] == ["x"]
    assert stores[0] == stores[1]
    assert [time[11:16] for _, time, _ in stores[0]] == ["06:02", "07:00", "13:02"]


# ---------------------------------------------------------------- rejected rows


def test_rows_that_are_no_label_are_listed_with_their_number_and_reason(tmp_path):
    t = "2014-03-10T06:02:0{}Z".format
    rows = [
        ("", "", "discrete"),
        ("gill", t(1), "arc"),
        ("", t(2), "arc"),
        ("gill", "NaN", "arc"),
        ("gil", t(3), "arc"),
        ("gill", t(4), "steve"),
        ("gill", t(5), ""),
        ("gill", "soon", "steve"),
        ("somewhere", t(6), "arc"),
        ("GILL ", t(7), "clear"),
    ]
    store = tmp_path / "store"
    summary = run(write_csv(tmp_path / "t.csv", rows), store)
    assert [(r["row"], r["site"], r["time"], r["label"], r["table"]) for r in rejects(store)] == [
        (str(number), *rows[number - 1], "t.csv") for number in (1, 3, 4, 5, 6, 7, 8, 9)
    ]
    reasons = {int(r["row"]): r["reason"] for r in rejects(store)}
    assert reasons[1] == "site and time missing"
    assert reasons[3] == "site missing"
    assert reasons[4] == "time missing"
    assert reasons[5] == "unknown site 'gil' (nearest: gill)"
    assert reasons[6] == "unknown class 'steve'"
    assert reasons[7] == "label missing"
    assert reasons[8].startswith("time is not ISO 8601")
    assert reasons[9].startswith("unknown site 'somewhere'")
    assert summary.rejected == dict.fromkeys(reasons.values(), 1)
    assert summary.rejected_path == store / "_rejected.csv"
    assert [label for _, _, label in named(store)] == ["arc", "clear"]


def test_null_cells_of_parquet_are_missing(tmp_path):
    table = {
        "where": pa.array(["gill", None, "gill", "gill", None]),
        "when": pa.array([np.datetime64("2014-03-10T06:02", "ms")] * 3 + [None, None]),
        "what": pa.array(["arc", "arc", None, "arc", "arc"]),
    }
    pq.write_table(pa.table(table), tmp_path / "t.parquet")
    summary = run(tmp_path / "t.parquet", tmp_path / "store")
    assert summary.written == 1
    assert summary.rejected == dict.fromkeys(
        ("site missing", "label missing", "time missing", "site and time missing"), 1
    )
    assert [(r["row"], r["site"], r["time"], r["label"]) for r in rejects(tmp_path / "store")] == [
        ("2", "", "2014-03-10 06:02:00.000", "arc"),
        ("3", "gill", "2014-03-10 06:02:00.000", ""),
        ("4", "gill", "", "arc"),
        ("5", "", "", "arc"),
    ]


@pytest.mark.parametrize("chunk_rows", [1, 2, 100])
def test_lines_with_too_few_or_too_many_fields_are_rejected_and_the_numbers_stay_right(
    tmp_path, chunk_rows
):
    lines = [
        "where,when,what",
        "gill,2014-03-10T06:02:00Z",
        "gill,2014-03-10T06:02:01Z,arc",
        "gill,2014-03-10T06:02:02Z,arc,much,more",
        "gill,2014-03-10T06:02:03Z,steve",
        "gill,2014-03-10T06:02:04Z,arc",
        "gill",
    ]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    summary = run(tmp_path / "t.csv", tmp_path / "store", chunk_rows=chunk_rows)
    assert (summary.read, summary.written) == (6, 2)
    found = {int(r["row"]): r["reason"] for r in rejects(tmp_path / "store")}
    assert found == {
        1: "2 fields, but the header has 3",
        3: "5 fields, but the header has 3",
        4: "unknown class 'steve'",
        6: "1 fields, but the header has 3",
    }


def test_row_numbers_are_right_far_into_a_large_table(tmp_path):
    lines = ["where,when,what,note"]
    bad = {}
    for number in range(1, 400_001):
        time = np.datetime64("2014-01-01", "s") + number
        if number % 77_777 == 0:
            lines.append("gill,short")
            bad[number] = "2 fields, but the header has 4"
        elif number % 50_001 == 0:
            lines.append(f"gill,{time}Z,steve,{'x' * 20}")
            bad[number] = "unknown class 'steve'"
        else:
            lines.append(f"gill,{time}Z,arc,{'x' * 20}")
    text = "\n".join(lines)
    assert len(text) > 1 << 24, "the table must be longer than one block of the reader"
    (tmp_path / "t.csv").write_text(text)
    seen: list[int] = []
    summary = run(tmp_path / "t.csv", tmp_path / "store", progress=seen.append, chunk_rows=100_000)
    assert {int(r["row"]): r["reason"] for r in rejects(tmp_path / "store")} == bad
    assert summary.written == 400_000 - len(bad)
    assert seen == sorted(seen)
    assert seen[-1] == summary.read == 400_000
    assert len(seen) >= 4


def test_no_row_good_is_one_error_and_no_store(tmp_path):
    rows = [("gill", f"2014-03-10T06:02:0{k}Z", "steve") for k in range(5)]
    rows.append(("gill", "2014-03-10T06:03:00Z", ""))
    with pytest.raises(DataError) as caught:
        run(write_csv(tmp_path / "t.csv", rows), tmp_path / "new" / "store")
    message = str(caught.value)
    assert "none of the 6 rows is a label; nothing was imported" in message
    assert "5 rows: unknown class 'steve'" in message
    assert "1 rows: label missing" in message
    assert "arc, diffuse, discrete, cloudy, moon, clear" in message
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]


def test_a_column_that_is_no_label_at_all_does_not_flood_the_summary(tmp_path):
    rows = [("gill", f"2014-03-10T06:{k // 60:02d}:{k % 60:02d}Z", f"frame{k}") for k in range(300)]
    rows.append(("gill", "2014-03-10T07:00:00Z", "arc"))
    summary = run(write_csv(tmp_path / "t.csv", rows), tmp_path / "store")
    assert len(summary.rejected) == 31
    assert summary.rejected["other reasons"] == 270
    assert len({r["reason"] for r in rejects(tmp_path / "store")}) == 300


# ---------------------------------------------------------------- repeats and conflicts


def test_repeats_count_once_and_conflicts_are_all_refused(tmp_path):
    t = "2014-03-10T06:02:0{}Z".format
    rows = [
        ("gill", t(1), "arc"),
        ("gill", t(2), "arc"),
        ("GILL", t(1), "arcs"),
        ("gill", t(2), "moon"),
        ("rank", t(2), "moon"),
        ("gill", t(2), "arc"),
        ("gill", "2014-03-10T00:02:03-06:00", "clear"),
        ("gill", t(3), "no aurora"),
    ]
    for name, chunk_rows in (("a", 1), ("b", 100)):
        store = tmp_path / name
        summary = run(write_csv(tmp_path / "t.csv", rows), store, chunk_rows=chunk_rows)
        assert named(store) == [
            ("gill", "2014-03-10T06:02:01.000", "arc"),
            ("gill", "2014-03-10T06:02:03.000", "clear"),
            ("rank", "2014-03-10T06:02:02.000", "moon"),
        ]
        assert (summary.read, summary.written, summary.duplicate) == (8, 3, 2)
        assert summary.rejected == {"the table has different labels for this site and time": 3}
        assert [(r["row"], r["site"], r["time"], r["label"]) for r in rejects(store)] == [
            ("2", "gill", "2014-03-10T06:02:02.000Z", "arc"),
            ("4", "gill", "2014-03-10T06:02:02.000Z", "moon"),
            ("6", "gill", "2014-03-10T06:02:02.000Z", "arc"),
        ]


def test_importing_twice_changes_nothing(tmp_path):
    table = write_csv(tmp_path / "t.csv", [*ROWS, ("", "", "arc")])
    store = tmp_path / "store"
    run(table, store)
    before = files_of(store)
    summary = run(table, store)
    assert (summary.written, summary.duplicate) == (0, 3)
    assert files_of(store) == before


def test_what_is_in_the_store_stays(tmp_path):
    store = tmp_path / "store"
    run(write_csv(tmp_path / "one.csv", [*ROWS, ("", "", "arc")]), store, source="oath")
    more = [
        ("gill", "2014-03-10T06:02:00Z", "moon"),
        ("gill", "2014-03-10T06:02:00Z", "moon"),
        ("gill", "2014-03-10T06:02:01Z", "moon"),
        ("rank", "2014-04-01T00:00:00.250Z", "cloudy"),
        ("atha", "2014-04-01T00:00:00.250Z", "cloudy"),
    ]
    # Without a name the table joins the source that is there.
    summary = run(write_csv(tmp_path / "two.csv", more), store)
    assert (summary.written, summary.duplicate) == (2, 1)
    assert summary.rejected == {"the store has another label for this site and time": 2}
    assert set(STORED) < set(named(store))
    assert len(named(store)) == 5
    assert open_labels(store).info.source == "import:oath"
    # The file of rejects keeps those of the first table, and replaces its own when repeated.
    for _ in range(2):
        assert [(r["table"], r["row"]) for r in rejects(store)] == [
            ("one.csv", "4"),
            ("two.csv", "1"),
            ("two.csv", "2"),
        ]
        run(tmp_path / "two.csv", store)


@st.composite
def tables(draw):
    rows = st.tuples(
        st.sampled_from(["gill", "GILL", "rank", "nowhere", ""]),
        st.sampled_from(
            [
                "2014-03-10T06:02:00Z",
                "2014-03-10 06:02:00",
                "2014-03-10T06:02:01Z",
                "2014-04-01T00:00:00Z",
                "?",
            ]
        ),
        st.sampled_from(["arc", "arcs", "moon", "clear", "no aurora", "steve"]),
        st.sampled_from([None, 0, 1]),
    )
    table = draw(st.lists(rows, min_size=1, max_size=25))
    table.append(("fsmi", "2014-03-10T06:02:00Z", "arc", 1))
    return table, draw(st.permutations(table)), draw(st.integers(1, 30))


@settings(deadline=None, max_examples=40)
@given(tables())
def test_the_order_of_rows_and_the_size_of_chunks_do_not_matter(tmp_path_factory, drawn):
    table, shuffled, chunk_rows = drawn
    folder = tmp_path_factory.mktemp("order")
    kinds = np.full((2, 6, 6), 0.1)
    for kind, favour in enumerate((0.4, 0.5)):
        np.fill_diagonal(kinds[kind], favour)
    kinds /= kinds.sum(axis=2, keepdims=True)
    outcomes = []
    for name, rows in (("a", table), ("b", shuffled)):
        lines = []
        for site, time, label, kind in rows:
            number = class_number(label)
            p = [""] * 6 if kind is None else kinds[kind][number or 0].tolist()
            lines.append((site, time, label, *p))
        path = write_csv(
            folder / f"{name}.csv", lines, ("where", "when", "what", *PROBABILITY.values())
        )
        summary = run(
            path,
            folder / name,
            probability=PROBABILITY,
            source="x",
            chunk_rows=chunk_rows if name == "b" else 1000,
        )
        rows_with_p = rows_of(folder / name, ("time", "label", *PROBABILITY_COLUMNS))
        outcomes.append(
            (
                repr(rows_with_p),
                {k: v for k, v in files_of(folder / name).items() if k.endswith("parquet")},
                sorted(summary.rejected.items()),
                (
                    summary.read,
                    summary.written,
                    summary.duplicate,
                    summary.sites,
                    summary.start,
                    summary.end,
                ),
            )
        )
    assert outcomes[0] == outcomes[1]


# ---------------------------------------------------------------- probabilities


def test_probabilities_go_by_the_class_they_are_named_for(tmp_path):
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.ones(6), 50)
    rows = [
        ("gill", f"2014-03-10T06:02:{k:02d}Z", CLASSES[p[k].argmax()], *p[k][::-1])
        for k in range(50)
    ]
    header = ("where", "when", "what", *(PROBABILITY[name] for name in CLASSES[::-1]))
    run(write_csv(tmp_path / "t.csv", rows, header), tmp_path / "csv", probability=PROBABILITY)
    pq.write_table(
        pa.table(dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))),
        tmp_path / "t.parquet",
    )
    run(tmp_path / "t.parquet", tmp_path / "parquet", probability=PROBABILITY)
    for store in ("csv", "parquet"):
        found = np.array([row[1:] for row in rows_of(tmp_path / store, PROBABILITY_COLUMNS)])
        np.testing.assert_array_equal(np.rint(found * 255), quantise_probabilities(p))


def test_probabilities_that_cannot_be_are_rejected_and_missing_ones_are_not(tmp_path):
    t = "2014-03-10T06:02:0{}Z".format
    rows = [
        ("gill", t(0), "arc", 0.34, 0.33, 0.34, 0, 0, 0),  # rounded: the sum is 1.01
        ("gill", t(1), "arc", "", "", "", "", "", ""),
        ("gill", t(2), "arc", 0.5, 0.5, "", 0, 0, 0),
        ("gill", t(3), "arc", 50, 10, 10, 10, 10, 10),
        ("gill", t(4), "arc", 1.2, -0.2, 0, 0, 0, 0),
        ("gill", t(5), "moon", 0.9, 0.1, 0, 0, 0, 0),
        ("gill", t(6), "arc", "high", 0.1, 0, 0, 0, 0),
        ("gill", t(7), "arc", "nan", "nan", "nan", "nan", "nan", "nan"),
        ("gill", t(8), "arc", "1e0", "0.", " 0 ", "0", "0", ".0"),
    ]
    header = ("where", "when", "what", *PROBABILITY.values())
    summary = run(
        write_csv(tmp_path / "t.csv", rows, header), tmp_path / "store", probability=PROBABILITY
    )
    assert summary.written == 4
    assert {r["row"]: r["reason"] for r in rejects(tmp_path / "store")} == {
        "3": "some probabilities missing or not numbers",
        "4": "probabilities are not in 0..1 or do not sum to 1",
        "5": "probabilities are not in 0..1 or do not sum to 1",
        "6": "label is not the most probable class",
        "7": "some probabilities missing or not numbers",
    }
    first = rows_of(tmp_path / "store", PROBABILITY_COLUMNS)
    assert np.rint(np.array(first[0][1:]) * 255).sum() == 255
    assert np.isnan(first[1][1:]).all()
    assert np.isnan(first[2][1:]).all()
    assert first[3][1] == 1.0


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"arc": "what"}, "missing: diffuse, discrete, cloudy, moon, clear"),
        ({**PROBABILITY, "steve": "what"}, "unknown: steve"),
    ],
)
def test_probabilities_are_named_for_all_classes_or_none(tmp_path, names, message):
    with pytest.raises(UsageError, match=message):
        run(write_csv(tmp_path / "t.csv", ROWS), tmp_path / "store", probability=names)


# ---------------------------------------------------------------- files that cannot be read


def damaged_gzip(path: Path) -> None:
    path.write_bytes(
        gzip.compress(b"where,when,what\n" + b"gill,2014-03-10T06:02:00Z,arc\n" * 50_000)[:-20]
    )


def truncated_parquet(path: Path) -> None:
    as_parquet(path)
    path.write_bytes(path.read_bytes()[:-10])


def damaged_parquet(path: Path) -> None:
    as_parquet(path)
    content = bytearray(path.read_bytes())
    content[4:60] = b"\xff" * 56
    path.write_bytes(content)


BAD_FILES = [
    ("t.csv", lambda p: p.mkdir(), UsageError, "not a file"),
    ("t.csv", lambda p: None, UsageError, "no such file"),
    ("t.xlsx", lambda p: p.write_text("x"), UsageError, "ends in .csv, .csv.gz or .parquet"),
    ("t.csv", lambda p: p.write_text(""), DataError, "the file is empty"),
    ("t.csv", lambda p: p.write_text("\n\n"), DataError, "the file is empty"),
    ("t.parquet", lambda p: p.write_text(""), DataError, "the file is empty"),
    ("t.csv.gz", lambda p: p.write_text(""), DataError, "the file is empty"),
    ("t.csv.gz", lambda p: p.write_bytes(gzip.compress(b"")), DataError, "the file is empty"),
    ("t.csv", lambda p: p.write_text("where,when,what\n"), DataError, "a header and no rows"),
    ("t.csv.gz", lambda p: write_csv(p, []), DataError, "a header and no rows"),
    ("t.csv.gz", damaged_gzip, DataError, "the compressed file is cut short or damaged"),
    ("t.csv.gz", lambda p: p.write_text("where,when\n"), DataError, "content is text, not gzip"),
    ("t.csv", as_parquet, DataError, "content is Parquet, not text"),
    ("t.parquet", lambda p: p.write_text("where,when\n"), DataError, "is text, not Parquet"),
    ("t.parquet", truncated_parquet, DataError, "not a readable parquet file"),
    ("t.parquet", damaged_parquet, DataError, "not a readable parquet file"),
    ("t.csv", lambda p: p.write_bytes(b"where,when,what,caf\xe9\n"), DataError, "not UTF-8"),
    (
        "t.csv",
        lambda p: p.write_bytes(b"where,when,what\ngill,2014-03-10T06:02:00Z,caf\xe9\n"),
        DataError,
        "not UTF-8",
    ),
    ("t.csv", lambda p: p.write_text("where,when,what\n", encoding="utf-16"), DataError, "UTF-8"),
]


@pytest.mark.parametrize(("name", "make", "error", "message"), BAD_FILES)
def test_a_file_that_is_no_table_is_one_clear_error_and_leaves_nothing(
    tmp_path, name, make, error, message
):
    path = tmp_path / name
    make(path)
    with pytest.raises(error, match=message) as caught:
        run(path, tmp_path / "store")
    assert str(path) in str(caught.value)
    assert not (tmp_path / "store").exists()


def test_a_damaged_file_leaves_an_existing_store_as_it_was(tmp_path):
    store = tmp_path / "store"
    run(write_csv(tmp_path / "good.csv", [*ROWS, ("", "", "arc")]), store)
    before = files_of(store)
    damaged_gzip(tmp_path / "bad.csv.gz")
    for replace in (False, True):
        with pytest.raises(DataError, match="cut short"):
            run(tmp_path / "bad.csv.gz", store, replace=replace)
        assert files_of(store) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.csv.gz", "good.csv", "store"]


def test_unknown_columns_are_named_with_the_nearest_and_all_that_exist(tmp_path):
    table = write_csv(tmp_path / "t.csv", ROWS)
    with pytest.raises(UsageError) as caught:
        import_table(table, tmp_path / "store", time="When", site="where", label="kind")
    message = str(caught.value)
    assert "there is no column 'When' for time (nearest: 'when')" in message
    assert "there is no column 'kind' for label" in message
    assert "The columns are: where, when, what." in message
    twice = write_csv(tmp_path / "u.csv", [], ("where", "when", "what", "when"))
    with pytest.raises(UsageError, match="the column 'when' for time is there more than once"):
        run(twice, tmp_path / "store")
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("replace", [False, True])
def test_an_import_that_is_interrupted_leaves_the_store_as_it_was(tmp_path, replace):
    store = tmp_path / "store"
    run(write_csv(tmp_path / "one.csv", ROWS), store)
    before = files_of(store)
    rows = [("gill", f"2014-05-10T06:02:{k:02d}Z", "arc") for k in range(60)]

    def interrupt(read: int) -> None:
        if read > 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(
            write_csv(tmp_path / "two.csv", rows),
            store,
            chunk_rows=10,
            progress=interrupt,
            replace=replace,
        )
    assert files_of(store) == before
    with pytest.raises(KeyboardInterrupt):
        run(
            tmp_path / "two.csv",
            tmp_path / "new",
            chunk_rows=10,
            progress=interrupt,
            replace=replace,
        )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.csv", "store", "two.csv"]


@pytest.mark.parametrize("replace", [False, True])
def test_an_import_that_is_killed_can_be_repeated(tmp_path, replace):
    rows = [("gill", f"2014-05-10T06:02:{k:02d}Z", "arc") for k in range(60)]
    table = write_csv(tmp_path / "t.csv", rows)
    code = (
        "import os, signal, sys; from auroral_stats.label_import import import_table\n"
        "import_table(sys.argv[1], sys.argv[2], time='when', site='where', label='what',"
        " chunk_rows=10, progress=lambda read: os.kill(os.getpid(), signal.SIGKILL))\n"
    )
    for name in ("new", "old"):
        store = tmp_path / name
        if name == "old":
            run(write_csv(tmp_path / "t.csv", ROWS), store)
            write_csv(tmp_path / "t.csv", rows)
        done = subprocess.run([sys.executable, "-c", code, str(table), str(store)], check=False)
        assert done.returncode == -signal.SIGKILL
        assert any(p.name.startswith("_import-") for p in store.iterdir())
        if name == "old":
            assert named(store) == STORED
        run(table, store, replace=replace)
        assert len(named(store)) == 60 + (3 if name == "old" and not replace else 0)


def test_no_reader_is_disturbed_while_an_import_runs(tmp_path):
    store = tmp_path / "store"
    run(write_csv(tmp_path / "one.csv", ROWS), store)
    rows = [("gill", f"2014-05-10T06:02:{k:02d}Z", "arc") for k in range(60)]
    seen = []

    def look(_read: int) -> None:
        seen.append((named(store), len(pd.read_parquet(store))))

    run(write_csv(tmp_path / "two.csv", rows), store, chunk_rows=10, progress=look, source="one")
    assert seen == [(STORED, 3)] * 6
    assert len(named(store)) == 63


# ---------------------------------------------------------------- stores of another kind, replace


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": "other"}, 'source is "import:other", not "import:oath"'),
        ({"source": "human"}, 'source is "human"'),
        ({"simulated": True}, "simulated is true, not false"),
    ],
)
def test_a_store_of_another_kind_is_refused_unless_replaced(tmp_path, options, message):
    store = tmp_path / "store"
    table = write_csv(tmp_path / "t.csv", ROWS)
    run(table, store, source="oath")
    before = files_of(store)
    with pytest.raises(DataError, match=message):
        run(table, store, **options)
    assert files_of(store) == before
    run(table, store, replace=True, **options)
    assert named(store) == STORED


def test_nothing_is_imported_into_a_store_of_a_model(tmp_path):
    store = tmp_path / "store"
    info = StoreInfo("model", simulated=False, model_sha256="12")
    write_labels(store, "gill", [np.datetime64("2014-03-10", "ms")], [0], info=info)
    with pytest.raises(DataError, match="of their own"):
        run(write_csv(tmp_path / "t.csv", ROWS), store)
    with pytest.raises(UsageError, match="give the name of the data set"):
        run(tmp_path / "t.csv", tmp_path / "new", source="model")


def test_replace_builds_the_store_anew(tmp_path):
    store = tmp_path / "store"
    run(write_csv(tmp_path / "one.csv", [*ROWS, ("", "", "arc")]), store, source="one")
    (store / "_ledger").write_text("of the old store")
    summary = run(
        write_csv(
            tmp_path / "two.csv", [("atha", "2015-01-01T06:00:00Z", "moon"), ("", "", "moon")]
        ),
        store,
        replace=True,
    )
    assert named(store) == [("atha", "2015-01-01T06:00:00.000", "moon")]
    assert open_labels(store).info.source == "import:two"
    assert summary.rejected_path == store / "_rejected.csv"
    assert [r["table"] for r in rejects(store)] == ["two.csv"]
    assert sorted(p.name for p in store.iterdir()) == ["_rejected.csv", "_store.json", "site=atha"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.csv", "store", "two.csv"]


def test_replace_repairs_a_store_with_a_broken_partition(tmp_path):
    store = tmp_path / "store"
    table = write_csv(tmp_path / "t.csv", ROWS)
    run(table, store)
    open_labels(store).partitions[0].path.write_bytes(b"broken")
    with pytest.raises(DataError, match="not a readable Parquet file"):
        run(table, store)
    run(table, store, replace=True)
    assert named(store) == STORED


def test_replace_makes_a_new_store_and_follows_a_link(tmp_path):
    table = write_csv(tmp_path / "t.csv", ROWS)
    run(table, tmp_path / "disk" / "store", replace=True)
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "store")
    run(table, tmp_path / "link", replace=True)
    assert (tmp_path / "link").is_symlink()
    assert named(tmp_path / "disk" / "store") == STORED


def test_replace_never_removes_a_folder_that_is_no_store(tmp_path):
    table = write_csv(tmp_path / "t.csv", ROWS)
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match="not only a label store"):
        run(table, home, replace=True)
    run(table, tmp_path / "store")
    (tmp_path / "store" / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match=r"thesis\.tex"):
        run(table, tmp_path / "store", replace=True)
    assert (home / "thesis.tex").exists()
    assert (tmp_path / "store" / "thesis.tex").exists()


def test_an_import_does_not_wait_for_another_writer(tmp_path):
    store = tmp_path / "store"
    table = write_csv(tmp_path / "t.csv", ROWS)
    run(table, store)
    for replace in (False, True):
        with staging(store, "write"), pytest.raises(DataError, match="another program is writing"):
            run(table, store, replace=replace)


def test_chunks_have_at_least_one_row(tmp_path):
    with pytest.raises(UsageError, match="chunk_rows is 0"):
        run(write_csv(tmp_path / "t.csv", ROWS), tmp_path / "store", chunk_rows=0)


# ---------------------------------------------------------------- size


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_memory_does_not_go_with_the_size_of_the_table(tmp_path):
    """Six times the rows, in random order over 20 site-months, take hardly more memory."""
    code = (
        "import re, sys\n"
        "from auroral_stats.label_import import import_table\n"
        "s = import_table(sys.argv[1], sys.argv[2], time='when', site='where', label='what')\n"
        "status = open('/proc/self/status').read()\n"
        "print(s.read, int(re.search(r'VmHWM:\\s+(\\d+)', status)[1]) / 1024)\n"
    )
    rng = np.random.default_rng(0)
    peaks = {}
    for rows in (500_000, 3_000_000):
        time = np.datetime64("2014-01-01", "ms") + rng.integers(0, 120 * 86_400_000, rows)
        site = np.array(["gill", "rank", "fsmi", "atha", "inuv"])[rng.integers(0, 5, rows)]
        table = pd.DataFrame({"where": site, "when": np.datetime_as_string(time), "what": "arc"})
        path = tmp_path / f"{rows}.csv"
        table.to_csv(path, index=False)
        done = subprocess.run(
            [sys.executable, "-c", code, str(path), str(tmp_path / f"store{rows}")],
            capture_output=True,
            text=True,
            check=True,
        )
        read, peak = done.stdout.split()
        assert int(read) == rows
        peaks[rows] = float(peak)
        path.unlink()
    assert peaks[3_000_000] < peaks[500_000] + 250
