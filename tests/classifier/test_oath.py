"""OATH-shaped folders: read whole, checked throughout, parted into folds that keep their promise."""

from __future__ import annotations

import errno
import io
import re
import shutil
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from auroral_stats.errors import ArchiveError, AuroralStatsError, DataError, UsageError
from auroral_stats.labels import CLASSES
from classifier import cli, oath_folds
from classifier import oath as oath_room
from classifier.oath import (
    CLASSIFICATIONS,
    IMAGE_FOLDER,
    MARKER,
    ORIGINS,
    SPLIT,
    TRUTH,
    Oath,
    class_counts,
    open_oath,
    station_nights,
)
from classifier.oath_folds import Fold, grouped_folds, official_folds, split_rows, station_folds
from classifier.oath_images import read_images, write_image
from classifier.oath_plan import plan_oath
from classifier.oath_report import folds_of, near_copies, nights_of, pixels_of
from classifier.oath_tables import read_classifications, read_origins, read_split
from classifier.oath_writing import (
    write_classifications,
    write_marker,
    write_origins,
    write_split,
    write_truth,
)

N = 120


def build(root: Path) -> Path:
    """A whole set of plain pictures, each of one shade."""
    plan = plan_oath(N, 3)
    (root / IMAGE_FOLDER).mkdir(parents=True)
    shades = np.arange(N, dtype=np.uint8) + 1
    for number, shade in enumerate(shades, 1):
        write_image(root / IMAGE_FOLDER / f"{number:05d}.png", np.full((256, 256), shade))
    write_classifications(root, plan.label, plan.rotation)
    write_origins(root, plan.site, plan.time)
    write_split(root, N)
    weights = np.eye(len(CLASSES), dtype=np.float32)[plan.truth]
    write_truth(root, plan.truth, plan.label, weights, np.full(N, "clean"))
    write_marker(root, plan.label, seed=3)
    return root


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("oath") / "set")


@pytest.fixture
def damaged(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "set"))


def unmark(root: Path) -> None:
    """Take away all that says that a set is simulated."""
    (root / MARKER).unlink()
    (root / TRUTH).unlink()
    edit(root / CLASSIFICATIONS, lambda text: text.replace("SIMULATED DATA", ""))


def edit(path: Path, change: Callable[[str], str]) -> None:
    path.write_text(change(path.read_text()))


def test_a_set_is_read_as_it_was_written(whole: Path) -> None:
    oath, plan = open_oath(whole), plan_oath(N, 3)
    assert oath.picture.tolist() == list(range(1, N + 1))
    np.testing.assert_array_equal(oath.label, plan.label)
    np.testing.assert_array_equal(oath.truth, plan.truth)
    np.testing.assert_array_equal(oath.rotation, plan.rotation)
    # the origin of the first picture is not told, as in the published set
    np.testing.assert_array_equal(oath.site[1:], plan.site[1:])
    np.testing.assert_array_equal(oath.time[1:], plan.time[1:])
    assert oath.site[0] == ""
    assert np.isnat(oath.time[0])
    np.testing.assert_array_equal(oath.split, split_rows(N))
    assert oath.simulated
    assert (oath.aurora == (oath.label <= 2)).all()
    shades = read_images(oath.images)[:, 100, 100]
    assert shades.tolist() == list(range(1, N + 1))
    # what a program for the published files does: it skips 18 lines
    assert (whole / CLASSIFICATIONS).read_text().splitlines()[18].startswith("class2,class6")


def test_the_folder_around_a_set_will_do(whole: Path, tmp_path: Path) -> None:
    root = tmp_path / "around" / "set"
    shutil.copytree(whole, root)
    assert open_oath(root).root == root
    assert open_oath(root.parent).root == root
    assert open_oath(tmp_path).root == root


def test_two_sets_in_a_folder_must_be_told_apart(whole: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        shutil.copytree(whole / "classifications", tmp_path / name / "classifications")
    with pytest.raises(UsageError, match="several sets: a, b"):
        open_oath(tmp_path)


@pytest.mark.parametrize("path", ["absent", "file", "empty"])
def test_no_set_is_told_with_the_remedy(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArchiveError, match="oath --download"):
        open_oath(tmp_path / path)


def test_all_faults_are_told_at_once(damaged: Path) -> None:
    (damaged / IMAGE_FOLDER / "00007.png").unlink()
    (damaged / IMAGE_FOLDER / "00009.png").unlink()
    lines = (damaged / CLASSIFICATIONS).read_text().splitlines()
    two, six, number, name, turn = lines[30].split(",")
    other = "arc" if name == "moon" else "moon"
    lines[30] = f"{two},{six},{number},{other},{turn}"
    two, six, number, name, turn = lines[31].split(",")
    lines[31] = f"{1 - int(two)},{six},{number},{name},{turn}"
    lines[32] = "nonsense"
    lines[33] = lines[34]
    (damaged / CLASSIFICATIONS).write_text("\n".join(lines) + "\n")
    edit(damaged / ORIGINS, lambda text: text.replace("/00002.png", "/two.png"))
    edit(damaged / SPLIT, lambda text: text.replace("1", "2", 1))
    with pytest.raises(DataError) as caught:
        open_oath(damaged)
    message = str(caught.value)
    for part in (
        f"line 31: class6 is {lines[30].split(',')[1]}",
        "line 32: class2 is",
        "line 33: 'nonsense' is no row",
        "has several rows",
        "pictures of ",
        "files_origin.csv: line 19:",
        "train_test_split.csv: its rows are not orders",
        "00007.png, 00009.png",
    ):
        assert part in message
    assert "simulate" in message or "download" in message


def test_counts_must_be_the_published_ones(damaged: Path) -> None:
    unmark(damaged)
    counts = class_counts(plan_oath(N, 3).label)
    with pytest.raises(DataError, match=f"{counts['arc']} pictures of arc, expected 774") as caught:
        open_oath(damaged)
    assert all(f"pictures of {name}, expected" in str(caught.value) for name in CLASSES)


@pytest.mark.parametrize("left", ["truth", "words"])
def test_a_simulated_set_without_its_marker_is_not_taken_for_a_real_one(
    damaged: Path, left: str
) -> None:
    if left == "truth":
        edit(damaged / CLASSIFICATIONS, lambda text: text.replace("SIMULATED DATA", ""))
    else:
        (damaged / TRUTH).unlink()
    (damaged / MARKER).unlink()
    for pictures in ("all", "present", "unchecked"):
        with pytest.raises(DataError, match=r"SIMULATED\.json is missing; remove the folder"):
            open_oath(damaged, pictures=pictures)  # type: ignore[arg-type]


def test_faults_of_a_simulated_set_are_mended_by_simulation(damaged: Path) -> None:
    (damaged / IMAGE_FOLDER / "00007.png").unlink()
    with pytest.raises(DataError, match="simulate --oath DIR") as caught:
        open_oath(damaged)
    assert "tarball" not in str(caught.value)
    unmark(damaged)
    with pytest.raises(DataError, match=f"remove {damaged} and unpack the tarball again"):
        open_oath(damaged)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("0,0,00001,arc,inf", "is no row of class2"),
        ("0,0,00001,arc,40000", "rotAng is 40000; expected -360 to 360"),
        (f"0,0,{10**19},arc,0", f"picNum is {10**19}; expected 1 to 999999999"),
        ("0,0,-4,arc,0", "picNum is -4"),
        (f"0,0,1,{'a' * 140_000},0", r"\.\.\.' is no row of class2"),
        ('0,0,1,"arc,0', "is no row of class2"),
    ],
)
def test_numbers_that_cannot_be_are_faults(tmp_path: Path, row: str, words: str) -> None:
    path = tmp_path / "classifications.csv"
    path.write_text(f"class2,class6,picNum,picType,rotAng\n{row}\n0,0,00002,arc,-360\n")
    table = read_classifications(path)
    assert table.picture.tolist() == [2]
    assert table.rotation.tolist() == [-360]
    assert len(table.faults) == 1
    assert re.search(f"^line 2: .*{words}", table.faults[0])
    assert len(table.faults[0]) < 200


def test_origins_with_values_that_cannot_be_are_faults(tmp_path: Path) -> None:
    path = tmp_path / "origins.csv"
    path.write_text(
        "picture,site,time\n1,gill,0001-01-01T00:00+01:00\n"
        f"2,{'g' * 140_000},2013-01-07T06:01\n3,gill,2013-01-07T06:01\n"
    )
    found = read_origins(path)
    assert list(found.of) == [3]
    assert [fault.split(":")[0] for fault in found.faults] == ["line 2", "line 3"]


@pytest.mark.parametrize("content", ["", "nan,nan\n", "0.5,1\n", "1e300,0\n", "inf,-inf\n", "0\n"])
def test_a_damaged_split_is_a_fault_without_warnings(tmp_path: Path, content: str) -> None:
    path = tmp_path / "train_test_split.csv"
    path.write_text(content)
    rows, faults = read_split(path, 2)
    assert rows is None
    assert faults == ("its rows are not orders of 2 pictures",)


def test_a_truth_without_rows_is_a_fault_without_warnings(damaged: Path) -> None:
    edit(damaged / TRUTH, lambda text: text.splitlines()[0] + "\n")
    with pytest.raises(DataError, match=f"truth.csv: no line for {N} pictures"):
        open_oath(damaged)


def test_folders_that_cannot_be_looked_into_are_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed").mkdir()
    listing = Path.iterdir

    def iterdir(folder: Path) -> Iterator[Path]:
        if folder.name == "closed":  # the superuser can read all folders
            raise PermissionError(errno.EACCES, "Permission denied", str(folder))
        return listing(folder)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    with pytest.raises(ArchiveError, match=r"closed: cannot be looked into \(Permission denied\)"):
        open_oath(tmp_path)


def test_part_of_a_set_can_be_read(damaged: Path) -> None:
    for path in sorted((damaged / IMAGE_FOLDER).iterdir())[10:]:
        path.unlink()
    assert open_oath(damaged, pictures="present").picture.tolist() == list(range(1, 11))
    assert len(open_oath(damaged, pictures="unchecked")) == N
    shutil.rmtree(damaged / IMAGE_FOLDER)
    with pytest.raises(DataError, match="not one picture"):
        open_oath(damaged, pictures="present")
    with pytest.raises(UsageError, match="some"):
        open_oath(damaged, pictures="some")  # type: ignore[arg-type]


def test_columns_are_found_by_name(damaged: Path) -> None:
    before = open_oath(damaged)
    path = damaged / CLASSIFICATIONS
    lines = path.read_text().splitlines()
    turned = [",".join(reversed(line.split(","))) for line in lines[18:]]
    path.write_text("\n".join(["other licence", *turned]) + "\n")
    after = open_oath(damaged)
    np.testing.assert_array_equal(after.label, before.label)
    np.testing.assert_array_equal(after.picture, before.picture)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda lines: lines[:-2], "no line for 2 pictures, such as 00119"),
        (lambda lines: [*lines[:-1], "00120,9,0"], "classes other than 0 to 5"),
        (lambda lines: [*lines, "x"], "cannot be read"),
    ],
)
def test_a_truth_that_does_not_fit_is_a_fault(
    damaged: Path, change: Callable[[list[str]], list[str]], words: str
) -> None:
    edit(damaged / TRUTH, lambda text: "\n".join(change(text.splitlines())) + "\n")
    with pytest.raises(DataError, match=f"truth.csv: {words}"):
        open_oath(damaged)


def test_a_marker_that_says_nothing_is_refused(damaged: Path) -> None:
    (damaged / MARKER).write_text('{"simulated": false}')
    with pytest.raises(DataError, match=MARKER):
        open_oath(damaged)


def test_origins_may_come_from_a_plain_table(damaged: Path, tmp_path: Path) -> None:
    (damaged / ORIGINS).unlink()
    with pytest.raises(DataError, match="does not tell where"):
        grouped_folds(open_oath(damaged))
    table = tmp_path / "origins.csv"
    table.write_text(
        "picture,site,time,label\n1,,,arc\n2,GILL,2013-01-07T06:01:00Z,arc\n"
        "3,gill,2013-01-07T08:01:12.5+02:00,arc\n"
    )
    oath = open_oath(damaged, origins=table)
    assert oath.site[:4].tolist() == ["", "gill", "gill", ""]
    assert oath.time[2] == np.datetime64("2013-01-07T06:01:12.500")
    table.write_text("picture,site,time\nx,gill,never\n")
    with pytest.raises(DataError, match="line 2: 'x,gill,never'"):
        open_oath(damaged, origins=table)
    with pytest.raises(ArchiveError, match="absent"):
        open_oath(damaged, origins=tmp_path / "absent.csv")


@given(st.binary(max_size=300))
def test_no_table_ends_in_a_traceback(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "table.csv"
    path.write_bytes(b"class2,class6,picNum,picType,rotAng\n" + raw)
    read_classifications(path)
    path.write_bytes(raw)
    read_origins(path)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Image.new("RGB", (255, 256)), "255 x 256"),
        (lambda: Image.new("I;16", (256, 256)), "uint16"),
        (lambda: Image.new("RGB", (256, 256), (9, 0, 0)), "data in red or blue"),
        (lambda: Image.new("P", (256, 256)), "of P"),
    ],
)
def test_other_pictures_are_refused(
    tmp_path: Path, make: Callable[[], Image.Image], words: str
) -> None:
    make().save(tmp_path / "a.png")
    with pytest.raises(DataError, match=words):
        read_images([tmp_path / "a.png"])


def test_grey_pictures_are_read_and_broken_ones_are_not(tmp_path: Path) -> None:
    Image.new("L", (256, 256), 7).save(tmp_path / "grey.png")
    assert (read_images([tmp_path / "grey.png"]) == 7).all()
    write_image(tmp_path / "a.png", np.random.default_rng(0).integers(1, 255, (256, 256), np.uint8))
    content = (tmp_path / "a.png").read_bytes()
    for cut in (0, 4, 60, len(content) // 2):
        (tmp_path / "cut.png").write_bytes(content[:cut])
        with pytest.raises(ArchiveError, match=r"cut\.png"):
            read_images([tmp_path / "cut.png"])
    with pytest.raises(ArchiveError, match=r"absent\.png"):
        read_images([tmp_path / "absent.png"])


def test_official_folds_leave_the_global_random_numbers_alone() -> None:
    np.random.seed(5)  # noqa: NPY002
    expected = np.random.random(3)  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    rows = split_rows(5824)
    assert (np.random.random(3) == expected).all()  # noqa: NPY002
    # what the authors' program does
    np.random.seed(1804)  # noqa: NPY002
    np.testing.assert_array_equal(rows, np.argsort(np.random.rand(5, 5824), axis=1))  # noqa: NPY002


def test_official_folds_take_seven_tenths(whole: Path) -> None:
    oath = open_oath(whole)
    for fold, row in zip(official_folds(oath), split_rows(N), strict=True):
        np.testing.assert_array_equal(fold.train, row[:84])
        np.testing.assert_array_equal(fold.test, row[84:])


def test_official_folds_of_a_real_set_need_all_of_it(damaged: Path) -> None:
    unmark(damaged)
    part = open_oath(damaged, pictures="present")
    assert not part.simulated
    with pytest.raises(DataError, match=r"whole set of 5,824 pictures; this has 120\. Use grouped"):
        official_folds(part)


def test_another_split_is_no_official_one(damaged: Path) -> None:
    rows = split_rows(N)[:, ::-1]
    np.savetxt(damaged / SPLIT, rows, delimiter=",")
    with pytest.raises(DataError, match="1804"):
        official_folds(open_oath(damaged))


@pytest.mark.parametrize("by", ["station-night", "night"])
@pytest.mark.parametrize("n", [2, 5])
def test_grouped_folds_part_no_group(whole: Path, by: str, n: int) -> None:
    oath = open_oath(whole)
    folds = grouped_folds(oath, n, seed=1, by=by)  # type: ignore[arg-type]
    assert len(folds) == n
    night = (oath.time - np.timedelta64(19, "h")).astype("M8[D]").astype(str)
    station = oath.site if by == "station-night" else np.full(N, "")
    key = np.strings.add(station, night)
    for fold in folds:
        assert set(key[fold.train]).isdisjoint(key[fold.test])
        assert not near_copies(oath, fold).any()
    together = np.concatenate([fold.test for fold in folds])
    # a picture of unknown origin may be a near copy of any
    assert sorted(together.tolist()) == list(range(1, N))
    assert all(0 not in fold.train for fold in folds)
    again = grouped_folds(oath, n, seed=1, by=by)  # type: ignore[arg-type]
    assert all((a.test == b.test).all() for a, b in zip(folds, again, strict=True))


def test_pictures_of_unknown_origin_are_in_no_grouped_fold(whole: Path) -> None:
    oath = open_oath(whole)
    site, time = oath.site.copy(), oath.time.copy()
    site[7], time[11] = "", np.datetime64("NaT")
    partly = replace(oath, site=site, time=time)
    for fold in grouped_folds(partly, 3):
        held = np.concatenate([fold.train, fold.test])
        assert sorted(held.tolist()) == sorted(set(range(N)) - {0, 7, 11})


def test_grouped_folds_refuse_what_cannot_be(whole: Path) -> None:
    oath = open_oath(whole)
    for arguments in ({"n": 1}, {"n": 999}, {"seed": -1}, {"by": "hour"}):
        with pytest.raises(UsageError):
            grouped_folds(oath, **arguments)  # type: ignore[arg-type]


def test_a_station_that_is_tested_is_never_seen(whole: Path) -> None:
    oath = open_oath(whole)
    folds = station_folds(oath)
    assert [fold.name for fold in folds] == sorted(set(oath.site[1:]))
    for fold in folds:
        assert set(oath.site[fold.test]) == {fold.name}
        assert fold.name not in set(oath.site[fold.train])
        # a picture of unknown station may be of this one
        assert 0 not in fold.train
        assert fold.train.size + fold.test.size == N - 1


def test_nights_change_at_19_ut_and_not_at_midnight() -> None:
    time = np.array(["2014-03-10T18:59:59", "2014-03-10T23:59", "2014-03-11T00:01"], "M8[ms]")
    group, names = station_nights(np.array(["gill"] * 3), time)
    assert names == ("gill 2014-03-09", "gill 2014-03-10")
    assert group.tolist() == [0, 1, 1]


def slow_near(oath: Oath, fold: Fold, seconds: float) -> list[bool]:
    return [
        any(
            oath.site[i] == oath.site[j] != ""
            and abs((oath.time[i] - oath.time[j]) / np.timedelta64(1, "s")) <= seconds
            for j in fold.train
        )
        for i in fold.test
    ]


@pytest.mark.parametrize("seconds", [3.0, 60.0, 600.0])
def test_near_copies_are_those_of_the_plain_search(whole: Path, seconds: float) -> None:
    oath = open_oath(whole)
    for fold in official_folds(oath)[:2]:
        assert near_copies(oath, fold, seconds).tolist() == slow_near(oath, fold, seconds)


def test_the_report_counts_what_is_there(whole: Path) -> None:
    oath, plan = open_oath(whole), plan_oath(N, 3)
    nights = nights_of(oath)
    assert nights.station_nights == plan.night.max() + 1
    assert nights.unknown == 1
    assert nights.stations == np.unique(plan.site).size
    alone = [
        len(set(plan.label[1:][plan.night[1:] == k])) == 1 for k in range(plan.night.max() + 1)
    ]
    assert nights.single_class == pytest.approx(np.mean(alone))
    official, grouped = folds_of(oath)
    assert official.near > 0.3
    assert grouped.near == 0.0
    assert pixels_of(oath, 10).pictures == 10


def test_a_set_can_be_taken_in_part(whole: Path) -> None:
    oath = open_oath(whole)
    part = oath.take(oath.label == 2)
    assert set(part.label) == {2}
    assert part.split is None
    assert part.truth is not None
    assert len(part) == len(part.images) == part.truth.size == (oath.label == 2).sum()


def test_the_command_shows_a_set_at_80_columns(
    whole: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert cli.main(["oath", "--path", str(whole)]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines()[1:])) <= 80
    assert out.count("SIMULATED DATA") == 4
    for words in ("noaurora", "1,400", "station-nights", "near copies", "green alone"):
        assert words in out


def test_the_command_unpacks_a_tarball_once(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "oath_v1.1.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(whole, "oath_v1.1")
    for _ in range(2):
        arguments = ["oath", "--path", str(archive), "--out", str(tmp_path / "out")]
        assert cli.main(arguments) == 0
        assert "sound" in capsys.readouterr().out
    assert (tmp_path / "out" / "oath_v1.1" / "oath_v1.1" / TRUTH).is_file()


def packed(root: Path, archive: Path) -> Path:
    archive.parent.mkdir(exist_ok=True)
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(root, "oath_v1.1")
    return archive


def test_the_remedy_for_a_lost_picture_works(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path(shutil.copytree(whole, tmp_path / "real"))
    unmark(real)
    counts = tuple(class_counts(plan_oath(N, 3).label).values())
    monkeypatch.setattr(oath_room, "PUBLISHED_COUNTS", counts)
    monkeypatch.setattr(oath_folds, "PUBLISHED_COUNTS", counts)
    archive = packed(real, tmp_path / "oath.tgz")
    arguments = ["oath", "--path", str(archive), "--out", str(tmp_path / "out")]
    assert cli.main(arguments) == 0
    target = tmp_path / "out" / "oath"
    assert f"\nunpacked: {target}\n" in f"\n{capsys.readouterr().out}"
    (target / "oath_v1.1" / IMAGE_FOLDER / "00007.png").unlink()
    assert cli.main(arguments) == 1
    shown = capsys.readouterr()
    assert f"found unpacked: {target}\n" in shown.out
    assert f"remove {target} and unpack the tarball again" in shown.err
    shutil.rmtree(target)
    assert cli.main(arguments) == 0


def test_another_archive_of_the_same_name_is_not_taken_for_the_first(
    whole: Path, damaged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = packed(whole, tmp_path / "a" / "oath.tgz")
    (damaged / "note.txt").touch()
    second = packed(damaged, tmp_path / "b" / "oath.tgz")
    out = ["--out", str(tmp_path / "out")]
    assert cli.main(["oath", "--path", str(first), *out]) == 0
    assert cli.main(["oath", "--path", str(second), *out]) == 2
    error = capsys.readouterr().err
    assert str(first) in error
    assert str(second) in error
    # the same bytes elsewhere are the same archive
    (tmp_path / "c").mkdir()
    third = Path(shutil.copy(first, tmp_path / "c" / "oath.tgz"))
    assert cli.main(["oath", "--path", str(third), *out]) == 0
    # of a folder without a record nothing is known
    (tmp_path / "out" / "oath.from.json").unlink()
    assert cli.main(["oath", "--path", str(first), *out]) == 2
    assert "an archive that is not known" in capsys.readouterr().err


def test_a_set_is_sound_if_every_picture_and_the_folds_are(
    damaged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = damaged / IMAGE_FOLDER
    content = (folder / "00002.png").read_bytes()
    (folder / "00002.png").write_bytes(content[: len(content) // 2])
    Image.new("RGB", (256, 256), (9, 0, 0)).save(folder / "00117.png")
    for number in (3, 50):
        Image.new("RGB", (255, 256)).save(folder / f"{number:05d}.png")
    assert cli.main(["oath", "--path", str(damaged)]) == 1
    shown = capsys.readouterr()
    assert "sound" not in shown.out
    lines = [line.split(":")[0] for line in shown.err.splitlines() if line.startswith("  - ")]
    assert lines == [f"  - {IMAGE_FOLDER}/{number:05d}.png" for number in (2, 3, 50, 117)]
    assert "4 faults" in shown.err


def test_a_set_with_other_folds_is_not_called_sound(
    damaged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savetxt(damaged / SPLIT, split_rows(N)[:, ::-1], delimiter=",")
    assert cli.main(["oath", "--path", str(damaged)]) == 1
    shown = capsys.readouterr()
    assert "1804" in shown.err
    assert "sound" not in shown.out


def test_a_file_in_place_of_a_folder_is_one_message(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = packed(whole, tmp_path / "oath.tgz")
    (tmp_path / "file").touch()
    for arguments in (
        ["oath", "--path", str(archive), "--out", str(tmp_path / "file")],
        ["oath", "--download", "--out", str(tmp_path / "file")],
        ["simulate", "--oath", str(tmp_path / "file" / "set")],
    ):
        assert cli.main(arguments) == 2
        assert f"{tmp_path / 'file'}: is a file; name a folder" in capsys.readouterr().err


def test_the_command_says_how_to_get_a_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AURORAL_STATS_OATH_DIR", str(tmp_path / "none"))
    assert cli.main(["oath"]) == 1
    assert "oath --download" in capsys.readouterr().err
    assert cli.main(["oath", "--path", str(tmp_path), "--download"]) == 2


def test_a_hostile_tarball_is_one_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with tarfile.open(tmp_path / "oath.tgz", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("../up.txt"), io.BytesIO())
    assert cli.main(["oath", "--path", str(tmp_path / "oath.tgz"), "--out", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert "leads out of the folder" in error
    assert "Traceback" not in error
    assert issubclass(DataError, AuroralStatsError)
