"""What objects show of themselves at a prompt and in a notebook: never whole arrays."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from html.parser import HTMLParser
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import auroral_stats
from auroral_stats.archive import PRODUCTS, ArchiveFiles
from auroral_stats.brief import Brief, brief_value
from auroral_stats.labels import StoreInfo, open_labels, write_labels

NAT = np.datetime64("NaT", "s")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (np.arange(12.0).reshape(3, 4), "float64 (3, 4)"),
        (np.float32(2.5), "2.5"),
        (np.datetime64("2014-03-10T06:02", "s"), "2014-03-10T06:02:00"),
        (np.array([NAT, "2014-03-10T06:02:03", "2014-03-10"], "M8[s]"), "3 times, 2014-03-10T00:"),
        (np.array([NAT, NAT]), "2 times, none of them known"),
        (np.array([], "M8[s]"), "datetime64[s] (0,)"),
        (pd.DataFrame({"a": [1, 2, 3], "b": 0}), "DataFrame (3, 2)"),
        (xr.Dataset({"a": (("time", "site"), np.zeros((5, 2)))}), "Dataset (time: 5, site: 2)"),
        (xr.DataArray(np.zeros(4), dims="x"), "DataArray (x: 4)"),
        ((), "()"),
        (("gill",), "('gill',)"),
        (["a"] * 7, "7 items"),
        ({"arc": np.zeros(5)}, "{'arc': float64 (5,)}"),
        ({name: name * 9 for name in "abcde"}, "5 items"),
        ("x" * 500, "'xxxx"),
        (None, "None"),
        (3.25, "3.25"),
    ],
)
def test_a_value_in_a_few_words(value, shown):
    found = brief_value(value)
    assert found.startswith(shown)
    assert len(found) <= 74
    assert "\n" not in found


def test_tensors_are_told_like_arrays():
    torch = pytest.importorskip("torch")
    assert brief_value(torch.zeros(8, 1, 64, 64)) == "float32 (8, 1, 64, 64)"


@dataclasses.dataclass(frozen=True, repr=False)
class Sky(Brief):
    """An example with everything in it."""

    site: str
    counts: np.ndarray
    simulated: bool
    note: str | None = None

    _UNITS: ClassVar[dict[str, str]] = {"counts": "nT"}


class Cells(HTMLParser):
    """Collects the cells of a table, and whether every tag is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open, self.cells = [], []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.cells.append(data)


@pytest.mark.parametrize("simulated", [True, False])
def test_a_line_and_a_table(simulated):
    sky = Sky("<gill>", np.zeros((100, 100)), simulated)
    mark = ", SIMULATED DATA" if simulated else ""
    assert repr(sky) == f"Sky(site='<gill>', counts=float64 (100, 100) nT{mark})"
    parser = Cells()
    parser.feed(sky._repr_html_())
    assert parser.open == []
    marked = [" ", "SIMULATED DATA"] if simulated else []
    assert parser.cells == ["Sky", *marked, "site", "'<gill>'", "counts", "float64 (100, 100) nT"]


def test_a_store_tells_what_it_is(tmp_path):
    info = StoreInfo("model", True, model_sha256="1a2b3c4d" * 8, model_trained_on="simulated")
    for year in range(2005, 2020):
        time = np.array([f"{year}-03-10T06:02"], "M8[ms]")
        write_labels(tmp_path / "s", "gill", time, ["arc"], info=info)
    store = open_labels(tmp_path / "s")
    assert repr(store) == (
        f"LabelStore(path={tmp_path / 's'}, source=model, model=1a2b3c4d, sites=('gill',), "
        "partitions=15, 2005-03 to 2019-03, SIMULATED DATA)"
    )
    assert "SIMULATED DATA" in store._repr_html_()
    assert "SIMULATED DATA" in repr(store.info)
    assert "source='model'" in repr(store.info)
    assert "temperature" not in repr(store.info)


def test_files_of_an_archive_are_counted(tmp_path):
    paths = tuple(tmp_path / f"{number}.cdf" for number in range(400))
    found = ArchiveFiles(PRODUCTS["gmag"], tmp_path, paths, ("a",), True)
    assert repr(found) == (
        f"ArchiveFiles(product=THEMIS ground magnetometer, folder={tmp_path}, paths=400 files, "
        "missing=1 file, downloaded=0 files)"
    )


def array_classes():
    """Public dataclasses of the statistics that hold arrays."""
    for module in pkgutil.iter_modules(auroral_stats.__path__):
        if module.name.startswith("_"):
            continue
        room = importlib.import_module(f"auroral_stats.{module.name}")
        for name in getattr(room, "__all__", ()):
            kind = getattr(room, name)
            if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
                continue
            types = [str(field.type) for field in dataclasses.fields(kind)]
            if kind.__module__ == room.__name__ and any(
                "Array" in text and "Callable" not in text for text in types
            ):
                yield kind


def test_no_public_class_dumps_its_arrays():
    found = set(array_classes())
    assert len(found) >= 8
    assert [kind.__name__ for kind in found if not issubclass(kind, Brief)] == []


def test_frames_of_a_camera():
    records = pytest.importorskip("classifier.frame_records")
    time = np.datetime64("2014-03-10T06:02", "us") + np.arange(20) * np.timedelta64(3, "s")
    frames = records.Frames(
        np.zeros((20, 256, 256), np.uint16),
        time,
        ({},) * 20,
        tuple(records.BadRecord(number, "cut short") for number in range(2)),
        "gill",
        True,
    )
    assert repr(frames) == (
        "Frames(images=uint16 (20, 256, 256) counts, time=20 times, 2014-03-10T06:02:00.000000 to "
        "2014-03-10T06:02:57.000000 UTC, metadata=20 items, bad=2 items, site='gill', "
        "SIMULATED DATA)"
    )
