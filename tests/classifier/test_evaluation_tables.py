"""Out-of-fold predictions, and the tables that follow from them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from auroral_stats.errors import ArchiveError, DataError
from auroral_stats.labels import CLASSES, PROBABILITY_COLUMNS
from classifier.calibrate import softmax
from classifier.calibration_tables import calibration, coverages, reliabilities
from classifier.evaluation_tables import class_scores, confusions, fold_scores, summary
from classifier.oath import Oath
from classifier.oath_folds import Fold, grouped_folds
from classifier.predictions import (
    COLUMNS,
    prediction_table,
    probabilities,
    read_predictions,
    write_predictions,
)


def small_oath(nights=24, size=20, seed=0):
    rng = np.random.default_rng(seed)
    n = nights * size
    night = np.repeat(np.arange(nights), size)
    time = np.datetime64("2014-01-01T06:00", "ms") + night * np.timedelta64(1, "D")
    time = time + np.tile(np.arange(size), nights) * np.timedelta64(6, "s")
    site = np.where(night % 2, "gill", "inuv").astype("U8")
    site[0], time[0] = "", np.datetime64("NaT")
    return Oath(
        Path("simulated"), np.arange(1, n + 1), rng.integers(0, 6, n).astype(np.uint8),
        np.zeros(n, dtype=np.int16), site, time, (), None, simulated=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def predicted():
    """Two methods, one well calibrated and one over-confident, in three runs of five folds."""
    oath = small_oath()
    rng = np.random.default_rng(1)
    folds = grouped_folds(oath)
    tables = []
    for method, temperature in (("good", 1.0), ("sharp", 0.3)):
        for run in range(3):
            for fold in folds:
                z = rng.normal(size=(fold.test.size, 6)) + 2.5 * np.eye(6)[oath.label[fold.test]]
                # Gaussian classes: 2.5 z are the true logits
                tables.append(
                    prediction_table(
                        oath, fold, 2.5 * z, temperature, method=method, split="grouped", run=run
                    )
                )
    return oath, folds, pd.concat(tables, ignore_index=True)


def test_each_picture_is_predicted_once_a_run(predicted):
    oath, _, table = predicted
    assert tuple(table.columns) == COLUMNS
    once = table[(table.method == "good") & (table.run == 0)]
    assert sorted(once.picture) == oath.picture[1:].tolist()  # the first is of unknown origin
    names = np.array(CLASSES)[oath.label[once.picture - 1]]
    assert (once.true == names).all()
    assert table.simulated.all()
    first = Fold("first", np.arange(1, 9), np.array([0]))
    alone = prediction_table(oath, first, np.zeros((1, 6)), 1.0, method="m", split="s", run=0)
    assert (alone.site[0], alone.night[0]) == ("unknown", "1")
    assert once[once.picture == 2].iloc[0].night == "2013-12-31"


def test_probabilities_before_the_temperature_come_back(predicted):
    oath, folds, _ = predicted
    rng = np.random.default_rng(2)
    z = rng.normal(size=(folds[0].test.size, 6)) * 5
    table = prediction_table(oath, folds[0], z, 2.5, method="m", split="s", run=0)
    assert probabilities(table) == pytest.approx(softmax(z, 2.5))
    assert probabilities(table, raw=True) == pytest.approx(softmax(z))


def test_a_saved_table_comes_back_with_what_made_it(predicted, tmp_path):
    _, _, table = predicted
    path = write_predictions(table, tmp_path / "predictions.parquet", {"simulated": "true", "n": 3})
    again, attrs = read_predictions(path)
    pd.testing.assert_frame_equal(again, table, check_dtype=False)
    assert attrs == {"simulated": "true", "n": 3}
    polars = pytest.importorskip("polars")
    assert polars.read_parquet(path).filter(polars.col("method") == "good").height == len(table) / 2


def test_what_holds_no_predictions_is_refused(tmp_path):
    with pytest.raises(ArchiveError, match="no such file"):
        read_predictions(tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("text")
    with pytest.raises(DataError, match="holds no predictions"):
        read_predictions(tmp_path / "text.parquet")
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(DataError, match="holds no predictions"):
        read_predictions(tmp_path / "other.parquet")


def test_logits_of_another_fold_are_refused(predicted):
    oath, folds, _ = predicted
    with pytest.raises(DataError, match="shape"):
        prediction_table(oath, folds[0], np.zeros((3, 6)), 1.0, method="m", split="s", run=0)


def test_scores_of_a_fold_by_hand(predicted):
    _, _, table = predicted
    each = fold_scores(table)
    assert len(each) == 2 * 3 * 5 * 8
    part = table[(table.method == "good") & (table.run == 1) & (table.fold == table.fold.iloc[0])]
    row = each[
        (each.method == "good")
        & (each.run == 1)
        & (each.fold == table.fold.iloc[0])
        & (each.score == "accuracy")
    ]
    assert row.value.item() == pytest.approx((part.true == part.predicted).mean())
    assert row.pictures.item() == len(part)


def test_the_summary_has_mean_spread_and_interval(predicted):
    _, _, table = predicted
    found = summary(table)
    each = fold_scores(table)
    row = found[(found.method == "good") & (found.score == "macro_f1")].iloc[0]
    values = each[(each.method == "good") & (each.score == "macro_f1")]
    assert row["mean"] == pytest.approx(values.value.mean())
    assert row.sd == pytest.approx(values.value.std())
    assert row.sd_runs == pytest.approx(values.groupby("run").value.mean().std())
    assert (row.folds, row.runs) == (15, 3)
    assert row.ci_low < row.pooled < row.ci_high
    assert list(found.columns)[-1] == "simulated"
    # sharpening changes no prediction but those by chance of the draw
    accuracy = found[found.score == "accuracy"].set_index("method")
    assert accuracy.loc["good", "pooled"] == pytest.approx(
        accuracy.loc["sharp", "pooled"], abs=0.05
    )


def test_runs_do_not_count_as_more_pictures(predicted):
    _, _, table = predicted
    one = table[table.run == 0]
    copies = pd.concat([one.assign(run=run) for run in range(4)])
    columns = ["pooled", "ci_low", "ci_high", "station_nights"]
    pd.testing.assert_frame_equal(summary(one)[columns], summary(copies)[columns])


def test_a_fold_with_a_single_class_has_accuracies_alone():
    oath = small_oath()
    rows = np.flatnonzero(oath.label == 3)
    fold = Fold("kian", np.arange(3), rows)
    z = np.random.default_rng(0).normal(size=(rows.size, 6))
    table = prediction_table(oath, fold, z, 1.0, method="m", split="station", run=0)
    found = fold_scores(table).set_index("score")
    assert found.loc[["accuracy", "two_class_accuracy"], "value"].notna().all()
    assert found.loc[["macro_f1", "macro_recall", "weighted_precision"], "value"].isna().all()
    assert found.missing.iloc[0] == "arc, diffuse, discrete, moon, clear"


def test_rows_of_a_confusion_matrix_sum_to_one(predicted):
    oath, _, table = predicted
    found = confusions(table)
    part = found[found.method == "good"]
    assert part.groupby("true").share.sum().to_numpy() == pytest.approx(1)
    assert part.pictures.sum() == pytest.approx(len(oath) - 1)


def test_scores_of_a_class_that_is_not_there_are_nan(predicted):
    _, _, table = predicted
    found = class_scores(table[table.true != "moon"])
    moon = found[found["class"] == "moon"]
    assert moon.pooled.isna().all()
    assert (moon.support == 0).all()
    assert found[found["class"] != "moon"].pooled.notna().all()


def test_calibration_tells_the_sharp_from_the_good(predicted):
    _, _, table = predicted
    found = calibration(table, draws=100)
    ece = found[(found.measure == "ece") & (found.probabilities == "calibrated")].set_index(
        "method"
    )
    assert ece.loc["good", "value"] < ece.loc["good", "band_high"]
    assert ece.loc["sharp", "value"] > ece.loc["sharp", "night_high"]
    assert (ece["night_high"] >= ece["band_high"] * 0.9).all()
    # the sharp one was only said to need a temperature below 1: raw, the two are alike
    raw = found[(found.measure == "ece") & (found.probabilities == "raw")].set_index("method")
    assert raw.loc["sharp", "value"] == pytest.approx(raw.loc["good", "value"], abs=0.02)
    assert raw["band_low"].isna().all()


def test_reliability_and_coverage_agree_with_the_predictions(predicted):
    oath, _, table = predicted
    bins = reliabilities(table)
    part = bins[(bins.method == "sharp") & (bins.probabilities == "calibrated")]
    assert part.pictures.sum() == pytest.approx(len(oath) - 1)
    gap = (part.pictures * (part.confidence - part.accuracy)).sum() / (len(oath) - 1)
    sharp = table[table.method == "sharp"]
    p = sharp[list(PROBABILITY_COLUMNS)].max(axis=1)
    assert gap == pytest.approx(p.mean() - (sharp.true == sharp.predicted).mean())
    curve = coverages(table)
    last = curve[(curve.method == "sharp") & (curve.coverage == 1)].iloc[0]
    assert last.accuracy == pytest.approx((sharp.true == sharp.predicted).mean())
    first = curve[(curve.method == "sharp") & (curve.coverage == 0.3)].iloc[0]
    assert first.accuracy > last.accuracy
