"""Agreement of two stores: against pandas and scikit-learn on the labels that were written."""

from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib import colors as mpl_colors

from auroral_stats import agreement_plots, agreement_tables
from auroral_stats.agreement import CLASS_SETS, agreement
from auroral_stats.errors import DataError, UsageError
from auroral_stats.kappa import kappa_interval
from auroral_stats.labels import CLASSES, StoreInfo, open_labels, write_labels

metrics = pytest.importorskip("sklearn.metrics")

SITES = ("fsim", "gill", "rank")
MODEL = StoreInfo(
    "model", True, model_sha256="1a2b3c4d5e6f", model_trained_on="a simulated set, seed 0"
)


def labels_of(rng, night, site, frames=60):
    """Return labels of one night, every 5 min from 22 UT on, by two labellers of varying skill."""
    time = np.datetime64(night, "ms") + np.timedelta64(22, "h")
    time = time + np.arange(frames) * np.timedelta64(5, "m") + np.timedelta64(130, "ms")
    sky = rng.choice(len(CLASSES), frames, p=rng.dirichlet(np.full(6, 0.7)))
    given = []
    for skill in (0.9, 0.4 if site == "rank" else 0.85):
        sure = rng.random(frames) < rng.beta(30 * skill, 30 * (1 - skill))
        given.append(np.where(sure, sky, rng.integers(0, 6, frames)))
    table = pd.DataFrame({"time": time, "site": site, "a": given[0], "b": given[1]})
    table["in_a"], table["in_b"] = rng.random((2, frames)) < [[0.9], [0.8]]
    return table


@pytest.fixture(scope="module")
def frames() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    nights = [np.datetime64("2013-12-22") + 2 * k for k in range(12)]
    nights += [np.datetime64("2014-03-01") + k for k in range(4)]
    tables = [labels_of(rng, night, site) for night in nights for site in SITES]
    return pd.concat(tables, ignore_index=True)


@pytest.fixture(scope="module")
def stores(frames, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stores")
    infos = {"a": StoreInfo("human", True), "b": MODEL}
    for name, info in infos.items():
        for site, part in frames[frames[f"in_{name}"]].groupby("site"):
            write_labels(
                folder / name, site, part["time"].to_numpy(), part[name].to_numpy("u1"), info=info
            )
    return folder / "a", folder / "b"


@pytest.fixture(scope="module")
def result(stores) -> xr.Dataset:
    return agreement(*stores, by=["site", "month", "season", "year", "hour"])


def both_of(frames):
    return frames[frames["in_a"] & frames["in_b"]]


PARTS = {
    "all": lambda t: np.full(len(t), ""),
    "site": lambda t: t["site"],
    "month": lambda t: t["time"].dt.month.astype(str),
    "season": lambda t: t["time"].dt.month.map(lambda m: "DJF" if m in {12, 1, 2} else "MAM"),
    "year": lambda t: t["time"].dt.year.astype(str),
    "hour": lambda t: t["time"].dt.hour.astype(str),
}


@pytest.mark.parametrize("by", list(PARTS))
def test_every_group_is_that_of_its_frames(frames, result, by):
    part = result.isel(group=(result["by"] == by).to_numpy())
    whole = frames.assign(value=PARTS[by](frames))
    assert set(part["value"].values) == set(whole["value"])
    for number, value in enumerate(part["value"].values):
        here = whole[whole["value"] == value]
        both, one = both_of(here), part.isel(group=number)
        assert int(one["frames"]) == len(both)
        assert int(one["alone_a"]) == (here["in_a"] & ~here["in_b"]).sum()
        assert int(one["alone_b"]) == (here["in_b"] & ~here["in_a"]).sum()
        counts = metrics.confusion_matrix(both["a"], both["b"], labels=range(6))
        np.testing.assert_array_equal(one["counts"], counts)
        assert float(one["agreement"]) == pytest.approx((both["a"] == both["b"]).mean())
        score = metrics.cohen_kappa_score(both["a"], both["b"], labels=range(6))
        assert float(one["kappa"]) == pytest.approx(score)
        f1 = metrics.f1_score(both["a"], both["b"], average=None, labels=range(6), zero_division=0)
        np.testing.assert_allclose(one["class_agreement"].fillna(0), f1)
        nights = (both["time"] - pd.Timedelta(hours=19)).dt.floor("D").nunique()
        assert int(one["nights"]) == nights
    named = ["all"] if by == "all" else [f"{by} {value}" for value in part["value"].values]
    assert list(part["group"].values) == named


def test_limits_are_those_of_nights(frames, result):
    both = both_of(frames)
    night = (both["time"] - pd.Timedelta(hours=19)).dt.floor("D")
    counts = np.stack(
        [metrics.confusion_matrix(g["a"], g["b"], labels=range(6)) for _, g in both.groupby(night)]
    )
    nights = np.unique(night).astype("M8[D]")
    low, high = kappa_interval(counts, nights)
    assert float(result["kappa_low"][0]) == pytest.approx(float(low))
    assert float(result["kappa_high"][0]) == pytest.approx(float(high))
    for name in ("agreement", "kappa", "class_agreement"):
        value, low, high = (result[f"{name}{end}"].to_numpy() for end in ("", "_low", "_high"))
        known = np.isfinite(low)
        assert known.mean() > 0.5
        assert (low[known] <= value[known]).all()
        assert (value[known] <= high[known]).all()
    # The poorer labels of one site are seen beyond the width of the intervals.
    assert float(result["kappa_high"].sel(group="site rank")) < float(
        result["kappa_low"].sel(group="site gill")
    )


def test_two_classes_and_usable_ones(frames, stores):
    both = both_of(frames)
    two = agreement(*stores, by=[], classes="two")
    aurora = {0, 1, 2}
    score = metrics.cohen_kappa_score(both["a"].isin(aurora), both["b"].isin(aurora))
    assert float(two["kappa"][0]) == pytest.approx(score)
    assert two["label"].values.tolist() == ["aurora", "no aurora"]
    usable = agreement(*stores, by=["site"], classes="usable")
    dim = {3, 4}
    kept = both[~both["a"].isin(dim) & ~both["b"].isin(dim)]
    score = metrics.cohen_kappa_score(kept["a"], kept["b"])
    assert float(usable["kappa"][0]) == pytest.approx(score)
    assert int(usable["left_out"][0]) == len(both) - len(kept)
    assert int(usable["frames"][0]) == len(kept)
    for members in CLASS_SETS.values():
        assert sum(map(len, members.values())) == len(set().union(*members.values()))


def test_swapping_the_stores_transposes(stores, result):
    swapped = agreement(*stores[::-1])
    np.testing.assert_array_equal(swapped["counts"][0], result["counts"][0].T)
    for name in ("kappa", "kappa_low", "agreement_high"):
        assert float(swapped[name][0]) == pytest.approx(float(result[name][0]))
    assert int(swapped["alone_a"][0]) == int(result["alone_b"][0])


def test_shifted_times_need_a_tolerance(frames, stores, result, tmp_path):
    for site, part in frames[frames["in_b"]].groupby("site"):
        time = part["time"].to_numpy() + np.timedelta64(870, "ms")
        write_labels(tmp_path / "late", site, time, part["b"].to_numpy("u1"), info=MODEL)
    with pytest.raises(DataError) as caught:
        agreement(stores[0], tmp_path / "late")
    assert "no frame is in both stores" in str(caught.value)
    assert "--tolerance SECONDS takes the nearest" in str(caught.value)
    shifted = agreement(stores[0], tmp_path / "late", tolerance=1.0)
    xr.testing.assert_equal(shifted["counts"][0], result["counts"][0])
    assert float(shifted["kappa_low"][0]) == float(result["kappa_low"][0])


def test_what_is_compared_is_told(stores, result):
    attrs = result.attrs
    assert (attrs["name_a"], attrs["name_b"]) == ("human", "model 1a2b3c4d")
    assert attrs["simulated"] == "true"
    assert attrs["model_trained_on"] == "a simulated set, seed 0"
    assert attrs["store_a"] == str(stores[0])
    assert json.loads(attrs["parameters"])["classes"] == "six"
    assert len(attrs["labels_fingerprint"]) == 16
    assert agreement(*stores[::-1]).attrs["labels_fingerprint"] != attrs["labels_fingerprint"]


def test_simulated_and_real_are_not_compared(stores, tmp_path):
    time = np.datetime64("2014-03-01T06", "ms") + np.arange(9) * np.timedelta64(1, "D")
    write_labels(tmp_path / "real", "gill", time, ["arc"] * 9, info=StoreInfo("human", False))
    with pytest.raises(DataError, match="simulated and real inputs cannot be mixed"):
        agreement(stores[0], tmp_path / "real")


def test_a_model_of_simulated_frames_is_told_of_on_real_ones(tmp_path):
    time = np.datetime64("2014-03-01T06", "ms") + np.arange(9) * np.timedelta64(1, "D")
    info = StoreInfo("model", False, model_sha256="ff" * 32, model_trained_on="simulated frames")
    write_labels(tmp_path / "a", "gill", time, ["arc"] * 5 + ["moon"] * 4, info=info)
    human = StoreInfo("human", False)
    write_labels(tmp_path / "b", "gill", time, ["arc"] * 4 + ["moon"] * 5, info=human)
    result = agreement(tmp_path / "a", tmp_path / "b")
    assert result.attrs["simulated"] == "false"
    title = agreement_plots.figure(result)._suptitle.get_text()
    assert title == "Agreement of labels: labels by a model trained on simulated data"


def test_mistakes(stores, tmp_path):
    for options, message in (
        ({"by": ["place"]}, "--by place: expected any of site, month, season, year, hour."),
        ({"classes": "ten"}, "--classes ten: expected one of six, two, usable."),
        ({"tolerance": float("nan")}, "--tolerance nan: expected 0 to 600 s"),
        ({"sites": ["fsmi"]}, "no labels of fsmi in either store; they hold fsim, gill, rank."),
    ):
        with pytest.raises(UsageError, match=message):
            agreement(*stores, **options)
    with pytest.raises(UsageError, match="is given twice; expected two stores"):
        agreement(stores[0], stores[0])
    with pytest.raises(UsageError, match=r"expected a result of auroral_stats\.agreement"):
        agreement_tables.agreement_table(xr.Dataset())
    time = np.datetime64("2013-12-22T22:00:00.130", "ms") + np.arange(9) * np.timedelta64(5, "m")
    write_labels(tmp_path / "moon", "gill", time, ["moon"] * 9, info=MODEL)
    with pytest.raises(DataError, match="none has labels that --classes usable compares"):
        agreement(stores[0], tmp_path / "moon", classes="usable")


# ---- tables and figure -------------------------------------------------------------------------


def test_the_table_is_tidy_and_adds_up(result, tmp_path):
    path = agreement_tables.write_csv(result, tmp_path / "agree.csv")
    table = pd.read_csv(path, dtype={"value": str})
    assert tuple(table.columns) == agreement_tables.AGREEMENT_COLUMNS
    assert table.columns[-1] == "simulated"
    assert table["simulated"].all()
    key = ["by", "value", "measure", "label_a", "label_b"]
    assert not table.duplicated(key).any()
    assert len(table) == result.sizes["group"] * (3 + 6 + 36 + 3)
    whole = table[table["by"] == "all"].set_index("measure")
    assert whole.loc["kappa", "estimate"] == pytest.approx(float(result["kappa"][0]))
    assert whole.loc["share", "frames"].sum() == whole.loc["kappa", "frames"]
    rows = whole.loc["share"].groupby("label_a")["estimate"].sum()
    np.testing.assert_allclose(rows, 1)
    assert whole.loc["class_agreement", "frames"].sum() == int(np.trace(result["counts"][0]))
    assert whole.loc["alone_b", "frames"] == int(result["alone_b"][0])


def test_json_and_netcdf_hold_the_provenance(result, tmp_path):
    path = agreement_tables.write_json(result, tmp_path / "agree.json")
    content = json.loads(path.read_text())
    assert content["provenance"]["name_b"] == "model 1a2b3c4d"
    assert content["rows"][2]["measure"] == "kappa"
    assert content["rows"][2]["simulated"] is True
    path = agreement_tables.write_netcdf(result, tmp_path / "agree.nc")
    with xr.open_dataset(path) as again:
        xr.testing.assert_equal(again.load(), result)
        assert again.attrs == result.attrs


def test_the_figure_shows_the_numbers(result):
    made = agreement_plots.figure(result)
    assert made._suptitle.get_text() == "Agreement of labels: SIMULATED DATA"
    assert made.get_figwidth() <= 7.01
    axes = [ax for part in made.subfigs for ax in part.axes]
    matrix, *panels = axes
    texts = [text.get_text() for text in matrix.texts]
    share = 100 * result["share"][0].to_numpy().ravel()
    assert texts[1::2] == [f"{n:,}" for n in result["counts"][0].to_numpy().ravel()]
    assert texts[::2] == [f"{x:.0f}" if x >= 0.5 else "< 1" for x in share]
    # Numbers stand out from their cell.
    (image,) = matrix.images
    for text, value in zip(matrix.texts[::2], share, strict=True):
        cell, ink = (
            mpl_colors.to_rgb(c) for c in (image.cmap(image.norm(value)), text.get_color())
        )
        brightness = [np.dot(c, (0.299, 0.587, 0.114)) for c in (cell, ink)]
        assert abs(np.subtract(*brightness)) > 0.35
    for by, panel in zip(("site", "month", "season", "year", "hour"), panels, strict=True):
        part = result.isel(group=(result["by"] == by).to_numpy())
        names = [label.get_text() for label in panel.get_yticklabels()]
        assert names == part["value"].values.tolist()
        points = [p for line in panel.lines if line.get_marker() == "o" for p in line.get_xdata()]
        np.testing.assert_allclose(sorted(points), np.sort(part["kappa"]))
        (spans,) = (c for c in panel.collections if hasattr(c, "get_segments"))
        low = part["kappa_low"].to_numpy()
        drawn = [segment[0, 0] for segment in spans.get_segments()]
        np.testing.assert_allclose(drawn, low[np.isfinite(low)])


def test_a_grouping_that_is_not_there(result):
    one = result.isel(group=slice(0, 4))
    with pytest.raises(UsageError, match="this result is not by month, but by site"):
        agreement_plots.plot_kappa(one, "month")
    panel = agreement_plots.plot_kappa(one, "site")["site"]
    assert panel.get_xlabel() == "Cohen's kappa"
    assert len(agreement_plots.figure(one.isel(group=[0])).subfigs) == 1


# ---- size --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_memory_is_that_of_a_month(tmp_path):
    """Twelve months take no more than two, one of which is done with when the other is read."""
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        for month in range(12):
            first = (np.datetime64("2014-01", "M") + month).astype("M8[ms]")
            time = first + np.arange(400_000) * np.timedelta64(6, "s")
            label = rng.integers(0, 6, time.size).astype(np.uint8)
            write_labels(
                tmp_path / name, "gill", time, label, info=StoreInfo(f"import:{name}", False)
            )
    peaks = []
    for end in ("2014-03", "2015"):
        tracemalloc.start()
        found = agreement(tmp_path / "a", tmp_path / "b", end=end, tolerance=1.0)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert int(found["frames"][0]) == 12 * 400_000
    assert abs(float(found["kappa"][0])) < 0.002
    assert peaks[1] < 1.1 * peaks[0]
    assert open_labels(tmp_path / "a").partitions[-1].month == 12
