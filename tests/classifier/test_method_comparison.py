"""Methods beside the papers' tables: what is quoted, what is measured, and that they stay apart."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")

from auroral_stats.errors import UsageError
from auroral_stats.labels import CLASSES, PROBABILITY_COLUMNS
from classifier.baselines import BASELINES
from classifier.comparison_plots import plot_comparison
from classifier.evaluate import Evaluation
from classifier.evaluation_names import METHOD_NAMES
from classifier.evaluation_plan import evaluation_plan
from classifier.evaluation_tables import summary
from classifier.finetune import new_classifier
from classifier.method_comparison import (
    COMPARISON_COLUMNS,
    comparison_table,
    comparison_text,
    parameter_count,
    training_words,
    without_weights,
    write_comparison,
)
from classifier.model import encoder
from classifier.predictions import COLUMNS
from classifier.published_scores import PUBLISHED, published_scores

ANALYSES = Path(__file__).parents[2] / "analyses"
PAPERS = Path(__file__).parents[3] / "shared" / "papers"
METHODS = ("simclr-linear", "hog-3nn", "resnet18")


@pytest.fixture(scope="module")
def evaluation():
    """Predictions that are right more often on one kind of folds than on the other."""
    rng = np.random.default_rng(0)
    parts = []
    for method, skill in zip(METHODS, (2.0, 1.0, 1.5), strict=True):
        for split, more in (("official", 1.0), ("grouped", 0.0)):
            for run in range(3):
                label, night = rng.integers(0, 6, 400), np.arange(400) // 20
                z = rng.normal(size=(400, 6)) + (skill + more) * np.eye(6)[label]
                p = np.exp(z)
                parts.append(
                    pd.DataFrame(
                        {
                            "method": method, "split": split, "run": run,
                            "fold": [f"fold {n % 5}" for n in night], "picture": np.arange(400),
                            "site": "gill", "night": [f"2014-01-{n + 1:02d}" for n in night],
                            "true": np.array(CLASSES)[label],
                            "predicted": np.array(CLASSES)[p.argmax(1)],
                            **dict(zip(PROBABILITY_COLUMNS, (p / p.sum(1, keepdims=True)).T, strict=True)),
                            "temperature": 1.0, "simulated": True,
                        }
                    )[list(COLUMNS)]
                )  # fmt: skip
    attrs = {"simulated": "true", "pictures": 400, "station_nights": 20, "plan": {"runs": 3}}
    attrs["weights"] = {
        "resnet18-imagenet": {"file": "a.pth", "sha256": "0" * 64, "published": False}
    }
    return Evaluation(pd.concat(parts, ignore_index=True), pd.DataFrame(), {"hog-3nn": 1.0}, attrs)


@pytest.fixture(scope="module")
def plan():
    return evaluation_plan("cpu", methods=METHODS, label_methods=())


@pytest.fixture(scope="module")
def table(evaluation, plan):
    return comparison_table(evaluation, plan, "kvammen-2020", {"inception-linear": "get it there"})


@pytest.mark.parametrize(
    ("name", "pattern", "columns"),
    [
        ("johnson-2021", "001_*.txt", ("parameters", "accuracy", "macro_precision", "macro_recall", "macro_f1")),
        ("kvammen-2020", "004_*.txt", ("macro_precision", "macro_recall", "macro_f1", "parameters")),
    ],
)  # fmt: skip
def test_published_numbers_are_those_of_the_papers(name, pattern, columns):
    found = sorted(PAPERS.glob(pattern))
    if not found:
        pytest.skip("no text of the papers beside this checkout (../shared/papers)")
    lines = found[0].read_text(encoding="utf-8").splitlines()
    for each in PUBLISHED[name].rows:
        (line,) = (
            x for x in lines
            if x.split(" [12]\t")[0].split("\t")[0] == each.row and x.count("\t") >= 4
        )  # fmt: skip
        text = line.replace("<b>", "").replace("</b>", "").replace("*", "").replace("≈", "")
        cells = text.replace("m\t", "\t").split("\t")[1:]
        if name == "johnson-2021":
            assert float(cells.pop(2)) / 100 == pytest.approx(each.scores["accuracy"][1])
        for column, cell in zip(columns, cells, strict=True):
            value, _, deviation = cell.partition("±")
            if column == "parameters":
                assert float(value) == each.parameters
                continue
            scale = 100 if name == "johnson-2021" else 1
            assert float(value) / scale == pytest.approx(each.scores[column][0])
            if deviation:
                assert float(deviation) == pytest.approx(each.scores[column][1])


def test_published_rows_are_of_methods_that_are_here():
    for name, each in PUBLISHED.items():
        for row in each.rows:
            assert row.method in METHOD_NAMES
            if row.method in BASELINES and row.method != "resnet18":
                assert (BASELINES[row.method].source, BASELINES[row.method].row) == (
                    each.source,
                    row.row,
                )
        assert not published_scores(name)["mean"].isna().any()
    with pytest.raises(UsageError, match="known are johnson-2021, kvammen-2020"):
        published_scores("clausen-2018")


def test_measured_rows_are_those_of_the_summary(evaluation, table):
    assert tuple(table.columns) == COMPARISON_COLUMNS
    expected = summary(evaluation.predictions)
    measured = table[(table.origin == "measured") & table["mean"].notna()]
    assert len(measured) == len(expected) == 3 * 2 * 8
    both = measured.merge(expected, on=["method", "split", "score"], suffixes=("", "_expected"))
    for column in ("mean", "sd", "sd_runs", "pooled", "ci_low", "ci_high", "runs", "folds"):
        assert both[column].tolist() == pytest.approx(both[f"{column}_expected"].tolist())
    assert set(measured.score) >= {"accuracy", "macro_f1", "weighted_precision", "weighted_f1"}


def test_measured_and_published_stay_apart(table):
    measured, published = (table[table.origin == name] for name in ("measured", "published"))
    assert measured.simulated.all()
    assert not published.simulated.any()
    assert set(measured.data) == {"simulated set, 400 pictures"}
    assert set(published.data.str[:20]) == {"Kvammen et al. 2020,"}
    assert (published.split == "").all()
    assert published[["runs", "folds", "pooled", "sd_runs"]].isna().all().all()
    assert table.origin.is_monotonic_increasing


def test_a_method_without_its_weights_keeps_its_row(table):
    row = table[table.method == "inception-linear"].query("origin == 'measured'")
    assert len(row) == 2 * 8
    assert row["mean"].isna().all()
    assert set(row.note) == {"get it there"}
    assert set(row.parameters) == {21_785_568 + 2049 * 6}
    header, rows = comparison_text(table)
    assert [len(each) for each in rows] == [len(header)] * 4
    assert rows[2] == ["Inception + linear", "21.8 M", *["no weights"] * 6]
    assert list(without_weights(["vgg16", "inception-ridge"], "/nowhere")) == ["inception-ridge"]


def test_means_and_deviations_over_runs_are_printed(table, evaluation):
    header, rows = comparison_text(table)
    found = evaluation.predictions.query("method == 'hog-3nn' and split == 'grouped'")
    right = found.assign(right=found.true == found.predicted)
    # folds of equal size: the mean over folds is that of all pictures
    each = 100 * right.groupby("run").right.mean()
    column = header.index("grouped: accuracy")
    assert rows[1][column] == f"{each.mean():.1f} ± {each.std():.1f}"


def test_weights_of_ones_own_are_told(evaluation, plan):
    again = Evaluation(
        evaluation.predictions.replace({"method": {"resnet18": "resnet18-imagenet"}}),
        evaluation.labels, evaluation.seconds, evaluation.attrs,
    )  # fmt: skip
    found = comparison_table(again, plan, "johnson-2021")
    (said,) = set(
        found[(found.method == "resnet18-imagenet") & (found.origin == "measured")].weights
    )
    assert said == "a.pth, sha256 0000000000000000, NOT the published file"


def test_parameters_are_counted(plan):
    def count(model):
        return sum(weight.numel() for weight in model.parameters())

    assert parameter_count("simclr-knn", plan) == count(encoder("resnet18"))
    assert parameter_count("simclr-linear", plan) == count(encoder("resnet18")) + 513 * 6
    for method in ("supervised", "simclr-finetune", "simclr-unfrozen"):
        assert parameter_count(method, plan) == count(new_classifier("resnet18", 0))
    assert parameter_count("hog-5nn", plan) == 0
    # 2 x 2 cells of 9 directions in blocks between 8 x 8 cells
    assert parameter_count("hog-svm", plan) == 6 * (7 * 7 * 36 + 1)
    assert parameter_count("resnet18-imagenet", plan) == 11_689_512 - 994 * 513
    # one cell of 512 features, 4,096 units, and as many again
    assert parameter_count("vgg16", plan) == 134_292_422 - 48 * 512 * 4096
    full = evaluation_plan("gpu", methods=METHODS)
    for each in (row for table in PUBLISHED.values() for row in table.rows):
        ours = parameter_count(each.method, full) / 1e6
        if not each.method.startswith("inception"):
            # fewer classes and channels
            assert each.parameters - 5 < ours < each.parameters + 0.5


def test_the_training_of_each_method_is_told(plan):
    words = {name: training_words(name, plan) for name in METHOD_NAMES}
    assert words["simclr-linear"] == "64 px, 6 epochs without labels"
    assert words["supervised"] == "32 px, 2 epochs"
    assert words["vgg16"].endswith("of the training pictures, 1 epoch")


@pytest.mark.parametrize("published", ["johnson-2021", "kvammen-2020"])
def test_the_figure_says_what_is_simulated_and_what_is_published(
    evaluation, plan, published, tmp_path
):
    found = comparison_table(evaluation, plan, published, {"inception-ridge": "why"})
    figure = plot_comparison(found, evaluation.attrs, published, cost="few steps")
    texts = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert "Measured here, on SIMULATED pictures" in texts
    assert any(text.startswith(f"Published, {PUBLISHED[published].source}") for text in texts)
    assert texts.count("no weights") == 4
    assert "SIMULATED DATA" in figure.get_suptitle()
    assert "few steps" in figure.get_suptitle()
    assert figure.get_figwidth() <= 7.01
    # what is measured is drawn above, and nothing else
    drawn = [line.get_xdata()[0] for line in figure.axes[0].lines if line.get_marker() != "None"]
    shown = found[(found.origin == "measured") & (found.score == "accuracy")]["mean"].dropna()
    drawn = [x for x in drawn if not np.isnan(x)]
    assert sorted(drawn) == pytest.approx(sorted(100 * shown))
    below = [line.get_xdata()[0] for line in figure.axes[7].lines if line.get_marker() == "D"]
    quoted = found[(found.origin == "published") & (found.score == "macro_f1")]["mean"]
    assert below == pytest.approx((100 * quoted).tolist())


def test_the_table_is_written_with_what_made_it(evaluation, table, tmp_path):
    csv, made = write_comparison(evaluation, table, tmp_path, "methods")
    again = pd.read_csv(csv)
    assert again.columns[-1] == "simulated"
    assert again["mean"].to_numpy() == pytest.approx(
        table["mean"].to_numpy(float), rel=1e-5, nan_ok=True
    )
    assert json.loads(made.read_text())["provenance"]["simulated"] == "true"


def script(name):
    spec = importlib.util.spec_from_file_location(name, ANALYSES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_a_script_makes_a_set_if_none_is_named(tmp_path, capsys):
    arguments = [
        "--pictures",
        "240",
        "--methods",
        "hog-3nn,hog-svm,inception-linear",
        "--runs",
        "1",
    ]
    place = ["--weights", str(tmp_path), "--out", str(tmp_path / "out"), "--device", "cpu"]
    script("kvammen_methods").main([*arguments, *place])
    said = capsys.readouterr().out
    assert said.startswith("**SIMULATED DATA")
    assert "no weights" in said
    assert "not run: " in said
    written = sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_file())
    assert written == [f"kvammen_methods.{kind}" for kind in ("csv", "json", "png")]
    found = pd.read_csv(tmp_path / "out" / "kvammen_methods.csv")
    assert set(found[found.origin == "measured"].method) == {
        "hog-3nn",
        "hog-svm",
        "inception-linear",
    }


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--methods", "resnet99"], 2, "method 'resnet99' is not known"),
        (["--methods", "inception-ridge", "--weights", "/nowhere"], 2, "not one method can be run"),
        (["--methods", "hog-3nn", "--data", "/nowhere"], 1, "does not exist"),
    ],
)
def test_mistakes_in_a_script_are_one_message(arguments, code, words, tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        script("oath_table").main([*arguments, "--out", str(tmp_path / "out")])
    assert end.value.code == code
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert words in error
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["oath_table", "kvammen_methods"])
def test_scripts_compare_every_method_of_their_paper(name):
    table = {"oath_table": "johnson-2021", "kvammen_methods": "kvammen-2020"}[name]
    assert set(script(name).METHODS) >= {row.method for row in PUBLISHED[table].rows}
