"""The OATH set: 5,824 labelled pictures of the THEMIS all-sky imagers, or a simulated set like it.

The set is that of Clausen & Nickisch (2018, doi 10.1029/2018JA025274), version 1.1. A folder of it
holds

``classifications/classifications.csv``
    labels; ``noaurora`` of the files is the class ``clear`` here
``classifications/train_test_split.csv``
    the official folds
``images/cropped_scaled/00001.png`` and on
    256 x 256 pixels, the data in the green channel alone
``images/files_origin.csv``
    station and time, for all pictures but the first

Pictures of one station and night are seconds to minutes apart and look alike, so that the official
random folds have near copies of their test pictures in training;
:mod:`classifier.oath_folds` has both those folds and others that keep station-nights together.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from auroral_stats.brief import Brief
from auroral_stats.errors import ArchiveError, DataError, UsageError
from auroral_stats.labels import CLASSES
from classifier.oath_archive import RECORD_SUFFIX
from classifier.oath_tables import read_classifications, read_origins, read_split, read_truth

__all__ = [
    "CLASSIFICATIONS",
    "IMAGE_FOLDER",
    "MARKER",
    "ORIGINS",
    "PUBLISHED_COUNTS",
    "SPLIT",
    "TRUTH",
    "Oath",
    "class_counts",
    "faults_error",
    "marker_of",
    "open_oath",
    "station_nights",
]

#: Pictures of each class in the published files, in the order of the classes.
PUBLISHED_COUNTS = (774, 1102, 1400, 852, 614, 1082)

CLASSIFICATIONS = "classifications/classifications.csv"
SPLIT = "classifications/train_test_split.csv"
IMAGE_FOLDER = "images/cropped_scaled"
ORIGINS = "images/files_origin.csv"
#: In a set that is simulated, and says so: a JSON object with ``simulated`` and ``counts``.
MARKER = "SIMULATED.json"
#: In a simulated set: what was drawn in each picture.
TRUTH = "classifications/truth.csv"

#: The published table of origins has the two words of this folder the other way round.
_IMAGE_FOLDERS = (IMAGE_FOLDER, "images/scaled_cropped", "images")

#: A night lasts from this hour (UT) to the same of the next day, for all stations: then none of
#: them is dark. The value is that of ``auroral_stats.nights``, which is not imported here.
_NIGHT_START_HOUR = 19

#: What to do about a simulated set with faults.
_SIMULATE_AGAIN = (
    "remove the folder and simulate it again with: auroral_classifier simulate --oath DIR"
)
#: In the text at the head of the tables of a simulated set.
_SIMULATED_WORDS = "SIMULATED DATA"

_LISTED_FAULTS = 12
_DEPTH = 3  # the folder that was named, and two levels of folders in it


@dataclass(frozen=True, eq=False, repr=False)
class Oath(Brief):
    """An OATH-shaped set; the arrays run over its pictures, in the order of its table.

    Attributes
    ----------
    root : Path
    picture : ndarray of int64, (n,)
        Number in the name of the file.
    label : ndarray of uint8, (n,)
        Index into :data:`auroral_stats.labels.CLASSES`.
    rotation : ndarray of int16, (n,)
        Degrees by which Clausen & Nickisch turned the picture; the pictures here are not turned.
    site : ndarray of str, (n,)
        Station code; empty where the set does not tell.
    time : ndarray of datetime64[ms], (n,)
        UTC; NaT where the set does not tell.
    images : tuple of Path, (n,)
    split : ndarray of int64, (5, n), optional
        The official folds as the set has them: rows that each order the pictures at random.
    simulated : bool
    truth : ndarray of uint8, (n,), optional
        Simulated sets only: what was drawn, where the label may be another on purpose.
    """

    root: Path
    picture: NDArray[np.int64]
    label: NDArray[np.uint8]
    rotation: NDArray[np.int16]
    site: NDArray[np.str_]
    time: NDArray[np.datetime64]
    images: tuple[Path, ...]
    split: NDArray[np.int64] | None
    simulated: bool
    truth: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return self.label.size

    @property
    def aurora(self) -> NDArray[np.bool_]:
        """Whether a picture shows aurora, (n,): class2 of the files is 0."""
        return self.label < CLASSES.index("cloudy")

    def take(self, index: NDArray[np.integer[Any]] | NDArray[np.bool_]) -> Oath:
        """Return the set of some pictures alone; the official folds do not fit it any more."""
        where = np.arange(len(self))[index]
        return replace(
            self,
            picture=self.picture[where],
            label=self.label[where],
            rotation=self.rotation[where],
            site=self.site[where],
            time=self.time[where],
            images=tuple(self.images[i] for i in where),
            split=None,
            truth=None if self.truth is None else self.truth[where],
        )


def open_oath(
    path: str | Path,
    *,
    origins: str | Path | None = None,
    pictures: Literal["all", "present", "unchecked"] = "all",
) -> Oath:
    """Open an OATH-shaped folder, and check that it is whole and agrees with itself.

    Parameters
    ----------
    path : path
        The folder, or one around it.
    origins : path, optional
        Table of stations and times, where the folder has none: as published, or a CSV file with
        the columns ``picture``, ``site`` and ``time``.
    pictures : {"all", "present", "unchecked"}
        ``all``: every picture of the table must be there, and the classes must have the counts of
        the published files (for a simulated set, those in its marker). ``present``: the set is
        what is there of it. ``unchecked``: labels alone, with the counts checked and the files of
        the pictures not looked for.

    Returns
    -------
    Oath

    Raises
    ------
    ArchiveError
        If there is no such set, or a file of it cannot be read.
    DataError
        With all faults of its tables and files, and what to do; or if the set is simulated, and
        the marker that says so is missing.

    Examples
    --------
    >>> oath = open_oath("oath_v1.1")  # doctest: +SKIP
    >>> len(oath), class_counts(oath.label)["arc"]  # doctest: +SKIP
    (5824, 774)
    """
    if pictures not in {"all", "present", "unchecked"}:
        raise UsageError(f"pictures is {pictures!r}; expected 'all', 'present' or 'unchecked'.")
    root = _root(Path(path))
    faults: list[str] = []

    def gather(name: Path | str, found: Sequence[str]) -> None:
        faults.extend(f"{name}: {fault}" for fault in found)

    table_path = _first(root, (CLASSIFICATIONS, "classifications.csv"))
    table = read_classifications(table_path)
    gather(table_path.relative_to(root), table.faults)
    marker = marker_of(root)
    if marker is None and _looks_simulated(root, table_path):
        raise DataError(
            f"{root}: its tables say that it is simulated, but {MARKER} is missing; "
            f"{_SIMULATE_AGAIN}"
        )

    if pictures != "present":
        expected = marker["counts"] if marker else PUBLISHED_COUNTS
        counts = np.bincount(table.label, minlength=len(CLASSES))
        gather(
            table_path.relative_to(root),
            [
                f"{found} pictures of {name}, expected {wanted}"
                for name, found, wanted in zip(CLASSES, counts, expected, strict=True)
                if found != wanted
            ],
        )

    site, time = np.full(table.label.size, "", "U8"), np.full(table.label.size, "NaT", "M8[ms]")
    origin_path = _first(root, (ORIGINS, "files_origin.csv")) if origins is None else Path(origins)
    if origins is not None or origin_path.exists():
        table_of_origins = read_origins(origin_path)
        gather(origin_path.name, table_of_origins.faults)
        for i, number in enumerate(table.picture):
            site[i], time[i] = table_of_origins.of.get(int(number), ("", np.datetime64("NaT")))

    folder = _image_folder(root)
    images = tuple(folder / f"{number:05d}.png" for number in table.picture)
    split = truth = None
    split_path, truth_path = _first(root, (SPLIT, "train_test_split.csv")), root / TRUTH
    if split_path.exists():
        split, found = read_split(split_path, table.label.size)
        gather(split_path.relative_to(root), found)
    if marker and truth_path.exists():
        truth, found = read_truth(truth_path, table.picture)
        gather(truth_path.relative_to(root), found)
    oath = Oath(
        root, table.picture, table.label, table.rotation, site, time, images, split,
        simulated=marker is not None, truth=truth,
    )  # fmt: skip
    if pictures != "unchecked":
        there = _listing(folder)
        present = np.array([path.name in there for path in images], dtype=bool)
        if pictures == "all" and not present.all():
            missing = [images[i].name for i in np.flatnonzero(~present)]
            more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
            gather(folder.relative_to(root), [f"without {', '.join(missing[:3])}{more}"])
        if pictures == "present":
            oath = oath.take(present) if not present.all() else oath
            if not present.any():
                gather(folder.relative_to(root), ["not one picture of the table"])
    if faults:
        raise faults_error(root, faults, simulated=marker is not None)
    return oath


def class_counts(label: NDArray[np.uint8]) -> dict[str, int]:
    """Count the pictures of each class.

    Parameters
    ----------
    label : ndarray of uint8, (n,)

    Returns
    -------
    dict of str to int
        In the order of the classes.

    Examples
    --------
    >>> class_counts(np.array([0, 5, 5], dtype=np.uint8))
    {'arc': 1, 'diffuse': 0, 'discrete': 0, 'cloudy': 0, 'moon': 0, 'clear': 2}
    """
    counts = np.bincount(label, minlength=len(CLASSES))
    return {name: int(count) for name, count in zip(CLASSES, counts, strict=True)}


def faults_error(root: Path, faults: Sequence[str], *, simulated: bool) -> DataError:
    """Return the error that lists what is wrong with a set, and says what to do.

    Parameters
    ----------
    root : Path
        Folder of the set.
    faults : sequence of str
    simulated : bool
        A simulated set is simulated again; a real one comes from its tarball.

    Returns
    -------
    DataError

    Examples
    --------
    >>> print(faults_error(Path("set"), ["00007.png: is missing"], simulated=True))
    set: 1 fault in the simulated set:
      - 00007.png: is missing
    To mend it, remove the folder and simulate it again with: auroral_classifier simulate --oath DIR
    """
    shown = "".join(f"\n  - {fault}" for fault in faults[:_LISTED_FAULTS])
    more = f"\n  - and {len(faults) - _LISTED_FAULTS} more" if len(faults) > _LISTED_FAULTS else ""
    # a set lies in the folder that its tarball was unpacked to, or some way down in it
    unpacked = next(
        (x for x in (root, *root.parents) if (x.parent / f"{x.name}{RECORD_SUFFIX}").is_file()),
        root,
    )
    remedy = (
        _SIMULATE_AGAIN
        if simulated
        else f"remove {unpacked} and unpack the tarball again with: auroral_classifier oath --path "
        "FILE, or get it with: auroral_classifier oath --download"
    )
    return DataError(
        f"{root}: {len(faults)} fault{'s' if len(faults) > 1 else ''} in the "
        f"{'simulated' if simulated else 'OATH'} set:{shown}{more}\nTo mend it, {remedy}"
    )


def marker_of(root: Path) -> dict[str, Any] | None:
    """Return what a simulated set says about itself; None for a real one.

    Parameters
    ----------
    root : Path
        Folder of the set.

    Returns
    -------
    dict, optional
        ``simulated`` (True), ``counts`` by class, and what the set was made from.

    Raises
    ------
    DataError
        If the marker cannot be understood.
    """
    path = root / MARKER
    if not path.exists():
        return None
    try:
        marker = json.loads(path.read_text(encoding="utf-8"))
        counts = [int(count) for count in marker["counts"]]
        if marker["simulated"] is not True or len(counts) != len(CLASSES):
            raise ValueError(marker)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: does not say what was simulated; {_SIMULATE_AGAIN}") from error
    return {**marker, "counts": counts}


def station_nights(
    site: NDArray[np.str_], time: NDArray[np.datetime64]
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return the station-night of each picture: one station from 19 UT to 19 UT.

    Parameters
    ----------
    site : ndarray of str, (n,)
        Empty where unknown.
    time : ndarray of datetime64, (n,)
        UTC; NaT where unknown.

    Returns
    -------
    group : ndarray of int64, (n,)
        Index into ``names``. A picture of unknown origin is a group of its own.
    names : tuple of str
        Such as ``gill 2014-03-09``, the date on which the night began; sorted, those of unknown
        origin last.

    Examples
    --------
    >>> time = np.array(["2014-03-10T18:59", "2014-03-10T19:00", "NaT"], "M8[ms]")
    >>> group, names = station_nights(np.array(["gill", "gill", ""]), time)
    >>> [names[number] for number in group]
    ['gill 2014-03-09', 'gill 2014-03-10', 'unknown 3']
    """
    night = (time - np.timedelta64(_NIGHT_START_HOUR, "h")).astype("datetime64[D]")
    unknown = np.isnat(night) | (site == "")
    keys = [
        (True, "unknown", f"{i + 1}") if unknown[i] else (False, str(site[i]), str(night[i]))
        for i in range(site.size)
    ]
    order = {key: number for number, key in enumerate(sorted(set(keys)))}
    group = np.array([order[key] for key in keys], dtype=np.int64)
    return group, tuple(f"{name} {date}" for _, name, date in order)


def _root(path: Path) -> Path:
    """Return the folder of the set, which may lie in the one that was named."""
    tables = (CLASSIFICATIONS, "classifications.csv")
    if not path.is_dir():
        what = "is a file, not a folder" if path.exists() else "does not exist"
        raise ArchiveError(
            f"{path}: {what}; expected the folder of an OATH set. Get it with: auroral_classifier "
            "oath --download, or unpack a tarball with: auroral_classifier oath --path FILE"
        )
    level = [path]
    for depth in range(_DEPTH):
        try:
            if depth:
                level = sorted(x for folder in level for x in folder.iterdir() if x.is_dir())
            found = [folder for folder in level if any((folder / x).is_file() for x in tables)]
        except OSError as error:
            raise ArchiveError(
                f"{error.filename or path}: cannot be looked into ({error.strerror or error}); "
                "make it readable, or name the folder of the set itself."
            ) from error
        if len(found) > 1:
            raise UsageError(
                f"{path}: holds several sets: {', '.join(folder.name for folder in found)}; "
                "name one of them."
            )
        if found:
            return found[0]
    raise ArchiveError(
        f"{path}: holds no OATH set: there is no {CLASSIFICATIONS} in it. Get one "
        "with: auroral_classifier oath --download, or simulate one with: auroral_classifier "
        "simulate --oath DIR"
    )


def _first(root: Path, names: Sequence[str]) -> Path:
    return next((root / name for name in names if (root / name).is_file()), root / names[0])


def _image_folder(root: Path) -> Path:
    """Return the first of the known folders that holds a picture."""
    for name in _IMAGE_FOLDERS:
        if any((root / name).glob("[0-9]*.png")):
            return root / name
    return root / IMAGE_FOLDER


def _listing(folder: Path) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries}
    except OSError:
        return set()


def _looks_simulated(root: Path, table_path: Path) -> bool:
    """Return whether the tables are those of a simulated set."""
    with table_path.open(encoding="utf-8", errors="replace") as file:
        return _SIMULATED_WORDS in file.read(2000) or (root / TRUTH).exists()
