"""The baselines: what they are, what they compute, and an evaluation with them."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")

from torch.utils.flop_counter import FlopCounterMode
from torchvision import models

from auroral_stats.errors import ArchiveError, UsageError
from auroral_stats.labels import CLASSES
from classifier.baseline_features import ALPHA, gradient_histograms
from classifier.baseline_networks import NETWORKS
from classifier.baseline_training import BRIEF, FULL, BaselineTraining
from classifier.baselines import BASELINES, find_baseline
from classifier.cli import main
from classifier.evaluate import evaluate
from classifier.evaluation_files import evaluation_tables, write_evaluation
from classifier.evaluation_methods import METHODS, Task
from classifier.evaluation_pictures import Pictures
from classifier.evaluation_plan import EvaluationPlan, evaluation_plan
from classifier.imagenet_weights import IMAGENET
from classifier.model import seeded
from classifier.network_training import NetworkTraining
from classifier.oath import IMAGE_FOLDER, open_oath
from classifier.oath_images import write_image
from classifier.oath_writing import (
    write_classifications,
    write_marker,
    write_origins,
    write_split,
)
from classifier.training_plan import TrainingPlan

NIGHTS, SIZE = 18, 6
SCRATCH = [name for name, each in BASELINES.items() if each.kind == "from scratch"]


def brief(**changed):
    """A plan whose trainings take no time."""
    how = NetworkTraining(epochs=1, batch=16, decay=0.0)
    training = {name: BaselineTraining(32, network=how) for name in BASELINES}
    training |= {name: BaselineTraining(64) for name in ("hog-3nn", "hog-5nn", "hog-svm")}
    training |= {name: BaselineTraining(80, None, how) for name in ("inception-linear",)}
    training |= {"inception-ridge": BaselineTraining(80)}
    plan = EvaluationPlan(
        contrastive=TrainingPlan(architecture="resnet10", size=64),
        network_size=32,
        runs=2,
        baselines=training,
        label_methods=(),
    )
    return dataclasses.replace(plan, **changed)


@pytest.fixture(scope="module")
def oath(tmp_path_factory):
    """A simulated set of 18 station-nights; classes are patches of light in places of their own."""
    folder = tmp_path_factory.mktemp("oath")
    rng = np.random.default_rng(0)
    label = np.tile(np.arange(SIZE), NIGHTS).astype(np.uint8)
    (folder / IMAGE_FOLDER).mkdir(parents=True)
    for i, code in enumerate(label):
        picture = rng.integers(0, 60, (256, 256)).astype(np.uint8)
        row, column = 60 + 45 * (code // 2), 70 + 75 * (code % 2)
        picture[row : row + 40, column : column + 50] += 150
        write_image(folder / IMAGE_FOLDER / f"{i + 1:05d}.png", picture)
    night = np.repeat(np.arange(NIGHTS), SIZE)
    time = np.datetime64("2014-01-01T06:00", "ms") + night * np.timedelta64(1, "D")
    write_classifications(folder, label, np.zeros(label.size, dtype=np.int16))
    write_origins(folder, np.array(["gill", "inuv", "fsmi"])[night % 3].astype("U8"), time)
    write_split(folder, label.size)
    write_marker(folder, label)
    return open_oath(folder)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Files under the names of torchvision's, whose numbers are drawn at random."""
    folder = tmp_path_factory.mktemp("weights")
    with seeded(0):
        torch.save(models.resnet18().state_dict(), folder / IMAGENET["resnet18"].file)
        inception = models.inception_v3(init_weights=False, transform_input=True)
    torch.save(inception.state_dict(), folder / IMAGENET["inception-v3"].file)
    return folder


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_every_row_of_the_papers_is_there_once():
    rows = [(each.source, each.row) for each in BASELINES.values()]
    assert len(set(rows)) == len(rows) == 11
    assert set(BASELINES) == set(FULL) == set(BRIEF)
    assert set(BASELINES) < set(METHODS)
    for each in BASELINES.values():
        assert FULL[each.name].size == each.size
        assert (each.build is None) == each.name.startswith("hog")
        assert (FULL[each.name].network is None) == each.deterministic
    with pytest.raises(UsageError, match="'vgg11' is not known; known are inception-ridge"):
        find_baseline("vgg11")


@pytest.mark.parametrize(
    ("name", "model", "first", "features"),
    [
        ("vgg16", models.VGG16_BN_Weights, 64 * 9, 4096),
        ("vgg19", models.VGG19_BN_Weights, 64 * 9, 4096),
        ("alexnet", models.AlexNet_Weights, 64 * 121, 4096),
        ("resnet18", models.ResNet18_Weights, 64 * 49, 512),
        ("resnet50", models.ResNet50_Weights, 64 * 49, 2048),
    ],
)
def test_networks_have_the_layers_of_the_papers(name, model, first, features):
    with torch.device("meta"):
        built = NETWORKS[name](FULL[name].size)
        for size in (FULL[name].size, BRIEF[name].size):
            assert NETWORKS[name](size)(torch.rand(2, 1, size, size)).shape == (2, 6)
    # one channel for three, six classes for a thousand
    whole = model.IMAGENET1K_V1.meta["num_params"]
    count = sum(weight.numel() for weight in built.parameters())
    assert count == whole - 2 * first - 994 * (features + 1)


@pytest.mark.parametrize("name", [name for name, each in BASELINES.items() if each.build])
def test_multiply_adds_are_those_that_torch_counts(name):
    declared = BASELINES[name]
    with torch.device("meta"):
        model, image = (
            declared.build(declared.size).eval(),
            torch.rand(1, 1, declared.size, declared.size),
        )
        with FlopCounterMode(display=False) as counter:
            model(image)
    # torch counts a multiplication and an addition as two
    assert declared.multiply_adds == pytest.approx(counter.get_total_flops() / 2e9, abs=0.06)


def test_first_weights_are_drawn_as_large_as_their_layers_ask_for():
    with seeded(0):
        first = NETWORKS["vgg16"](32).features[0]
    # fan-out: 64 channels of 3 x 3
    assert first.weight.std().item() == pytest.approx(np.sqrt(2 / (64 * 9)), rel=0.1)
    assert not first.bias.any()


@pytest.mark.parametrize(("name", "size", "cells"), [("vgg16", 32, 49), ("alexnet", 64, 36)])
def test_one_cell_of_features_is_not_repeated(name, size, cells):
    """What torchvision computes from a repeated cell is what one cell gives with summed weights."""
    with seeded(0):
        whole, ours = NETWORKS[name](128).eval(), NETWORKS[name](size).eval()
    state = whole.state_dict()
    first = "classifier.0.weight" if name == "vgg16" else "classifier.1.weight"
    state[first] = state[first].unflatten(1, (-1, cells)).sum(2)
    ours.load_state_dict(state)
    images = torch.rand(2, 1, size, size)
    with torch.inference_mode():
        assert torch.allclose(ours(images), whole(images), atol=1e-4)


def test_a_slope_has_all_of_its_gradient_in_one_direction():
    across = torch.arange(64, dtype=torch.uint8).expand(64, 64)[None, None] * 3
    h = gradient_histograms(torch.cat([across, across.mT])).reshape(2, 7, 7, 2, 2, 9)
    inside = h[:, 1:-1, 1:-1]
    # a block of four equal cells has length 1
    assert inside[0, ..., 0] == pytest.approx(0.5)
    assert inside[0, ..., 1:] == pytest.approx(0.0)
    # 90 degrees are in the middle of nine directions of 20 degrees
    assert inside[1, ..., 4] == pytest.approx(0.5)


def test_histograms_do_not_depend_on_brightness():
    rng = np.random.default_rng(0)
    picture = torch.from_numpy(rng.integers(0, 100, (1, 1, 64, 64)).astype(np.uint8))
    assert gradient_histograms(2 * picture) == pytest.approx(gradient_histograms(picture), abs=1e-4)
    assert gradient_histograms(2 * picture + 30).shape == (1, 49 * 36)
    with pytest.raises(UsageError, match="expected 16 or more"):
        gradient_histograms(picture[..., :8, :8])


def task(features, label, train, test, name, **changed):
    """A task whose pictures have these features."""
    plan = brief(methods=(name,), runs=1)
    pictures = Pictures(torch.zeros(len(label), 1, 64, 64, dtype=torch.uint8), lambda size: None)
    kind = "hog" if name.startswith("hog") else "inception"
    pictures.features(f"{kind} {plan.baselines[name].size}", lambda: features)
    night = np.arange(label.size) // 10
    made = Task(
        plan, pictures.of_size(64), pictures, label, night, train, test, None, None,
        torch.device("cpu"), seed=0,
    )  # fmt: skip
    return dataclasses.replace(made, **changed)


@pytest.fixture
def clouds():
    """Features of six classes that overlap, with indices to train and to test on."""
    rng = np.random.default_rng(1)
    label = rng.integers(0, 6, 300)
    h = (1.2 * np.eye(6)[label] + rng.normal(size=(300, 6))) @ rng.normal(size=(6, 8))
    return h.astype(np.float32), label, np.arange(200), np.arange(200, 300)


@pytest.mark.parametrize("k", [3, 5])
def test_neighbours_are_the_nearest_pictures(clouds, k):
    h, label, train, test = clouds
    found = METHODS[f"hog-{k}nn"](task(*clouds, f"hog-{k}nn"))
    predicted = found.logits.argmax(1)
    for row, code in zip(test, predicted, strict=True):
        distance = ((h[train] - h[row]) ** 2).sum(1)
        votes = np.bincount(label[train][np.argsort(distance)[:k]], minlength=6)
        assert votes[code] == votes.max()
    share = np.exp(found.logits)
    assert share.sum(1) == pytest.approx(1.0)
    assert 0.05 <= found.temperature <= 20


def test_ridge_is_the_solution_of_its_equations(clouds):
    h, label, train, test = clouds
    found = METHODS["inception-ridge"](task(*clouds, "inception-ridge"))
    x = h[train].astype(float) - h[train].mean(0)
    y = 2 * np.eye(6)[label[train]] - 1
    weight = np.linalg.solve(x.T @ x + ALPHA * np.eye(8), x.T @ (y - y.mean(0)))
    expected = (h[test] - h[train].mean(0)) @ weight + y.mean(0)
    assert found.logits == pytest.approx(expected, abs=1e-4)
    # a distance of 1 between classes is no logit of 1
    assert found.temperature < 1


def test_support_vectors_part_the_classes_one_against_the_rest(clouds):
    from sklearn.svm import SVC

    h, label, train, test = clouds
    found = METHODS["hog-svm"](task(*clouds, "hog-svm"))
    right = (found.logits.argmax(1) == label[test]).mean()
    # another library's code, one class against another
    other = SVC(kernel="linear").fit(h[train], label[train]).score(h[test], label[test])
    assert right == pytest.approx(other, abs=0.1)
    again = METHODS["hog-svm"](task(*clouds, "hog-svm"))
    assert np.array_equal(again.logits, found.logits)


def test_the_linear_layer_comes_near_logistic_regression(clouds):
    from classifier.probe import fit_linear

    h, label, train, test = clouds
    how = NetworkTraining(epochs=200, batch=50, rate=0.05)
    given = task(*clouds, "inception-linear")
    training = {**given.plan.baselines, "inception-linear": BaselineTraining(80, None, how)}
    plan = dataclasses.replace(given.plan, baselines=training)
    runs = [
        METHODS["inception-linear"](dataclasses.replace(given, plan=plan, seed=seed)).logits
        for seed in (0, 0, 1)
    ]
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])
    probe = fit_linear(h[train], label[train], np.arange(200) // 10, c=100.0)
    same = runs[0].argmax(1) == probe.logits(h[test]).argmax(1)
    assert same.mean() > 0.95


@pytest.mark.parametrize("name", ["hog-3nn", "hog-svm", "inception-ridge"])
def test_a_class_that_was_not_trained_is_not_predicted(clouds, name):
    h, label, train, test = clouds
    given = task(h, label, train[np.isin(label[train], [1, 4])], test, name)
    found = METHODS[name](given)
    assert set(found.logits.argmax(1)) == {1, 4}
    assert np.isneginf(found.logits[:, [0, 2, 3, 5]]).all()


def test_sizes_and_features_are_made_once():
    read, made = [], []
    images = torch.full((2, 1, 64, 64), 9, dtype=torch.uint8)

    def load(size):
        read.append(size)
        return torch.full((2, 1, size, size), 9, dtype=torch.uint8)

    pictures = Pictures(images, load)
    assert pictures.of_size(64) is images
    for size in (32, 100, 32, 100):
        assert pictures.of_size(size).shape == (2, 1, size, size)
    assert read == [100]
    for _ in range(2):
        pictures.features("mean", lambda: made.append(1) or np.ones((2, 1), np.float32))
    assert made == [1]


@pytest.fixture(scope="module")
def done(oath, weights, tmp_path_factory):
    methods = (
        "inception-ridge", "resnet18-imagenet", "hog-3nn", "hog-svm", "inception-linear",
        "resnet18",
    )  # fmt: skip
    plan = brief(methods=methods, weights=str(weights), splits=("grouped",))
    said = []
    out = tmp_path_factory.mktemp("out")
    found = evaluate(oath, plan, out, device="cpu", report=lambda *told: said.append(told))
    return found, plan, said


def test_an_evaluation_with_baselines_has_all_of_their_predictions(oath, done):
    found, plan, said = done
    assert list(dict.fromkeys(found.predictions.method)) == list(plan.methods)
    for _, part in found.predictions.groupby(["method", "run"]):
        # but for the first, which is of unknown origin
        assert sorted(part.picture) == oath.picture[1:].tolist()
    shares = [share for share, *_ in said]
    assert shares == sorted(shares)
    assert any("run 1, station-night 1, HOG + 3NN" in word for *_, word in said)


def test_patches_are_told_apart_by_their_gradients(done):
    found, _, _ = done
    right = (found.predictions.true == found.predictions.predicted).groupby(
        found.predictions.method
    )
    assert right.mean()["hog-svm"] > 0.9


def test_runs_of_what_draws_nothing_are_alike_and_others_are_not(done):
    found, _, _ = done
    columns = ["split", "fold", "picture", "predicted", *(f"p_{name}" for name in CLASSES)]
    for method, part in found.predictions.groupby("method"):
        first, second = (part[part.run == run][columns].reset_index(drop=True) for run in (0, 1))
        assert first.equals(second) == BASELINES[method].deterministic


def test_the_files_of_weights_are_told(done):
    found, plan, _ = done
    told = found.attrs["weights"]
    assert set(told) == {"inception-ridge", "inception-linear", "resnet18-imagenet"}
    assert told["resnet18-imagenet"]["published"] is False
    assert set(found.attrs["plan"]["baselines"]) == set(plan.methods)
    json.dumps(found.attrs["plan"])


def test_many_methods_go_on_another_page(done, tmp_path):
    found, _, _ = done
    written = write_evaluation(found, evaluation_tables(found), tmp_path, "svg")
    names = {path.name for path in written if path.suffix == ".svg"}
    both = {
        f"{name}{page}.svg"
        for name in ("confusions", "reliability", "coverage")
        for page in ("", "-2")
    }
    assert names == {"scores.svg"} | both
    assert "ResNet-18" in (tmp_path / "confusions-2.svg").read_text()
    assert "ResNet-18" not in (tmp_path / "confusions.svg").read_text()


def test_weights_that_are_missing_end_it_before_anything_is_done(oath, tmp_path):
    plan = brief(methods=("hog-svm", "resnet18-imagenet"), weights=str(tmp_path))
    said = []
    with pytest.raises(ArchiveError, match=r"resnet18-f37072fd\.pth: is not there"):
        evaluate(oath, plan, tmp_path / "out", device="cpu", report=lambda *told: said.append(told))
    assert not said
    assert not (tmp_path / "out").exists()


def test_a_network_can_be_given_a_part_of_the_pictures(oath, tmp_path):
    how = NetworkTraining(epochs=2, batch=8, decay=0.0)
    plan = brief(methods=("resnet18",), runs=1, splits=("grouped",))
    steps = []
    for pictures in (None, 36):
        training = {**plan.baselines, "resnet18": BaselineTraining(32, pictures, how)}
        told = []

        def report(status, told=told):
            told.append(status.steps)

        rng = np.random.default_rng(0)
        images = torch.from_numpy(rng.integers(0, 255, (108, 1, 64, 64)).astype(np.uint8))
        label, night = np.tile(np.arange(6), 18), np.repeat(np.arange(18), 6)
        given = Task(
            dataclasses.replace(plan, baselines=training), images, Pictures(images, None), label,
            night, np.arange(72), np.arange(72, 108), None, None, torch.device("cpu"), 0, report,
        )  # fmt: skip
        found = METHODS["resnet18"](given)
        assert found.logits.shape == (36, 6)
        steps.append(told[-1])
    # of 72 and of 36 pictures, a station-night in six finds the temperature
    assert steps == [2 * (60 // 8), 2 * (30 // 8)]


@pytest.mark.parametrize("numbers", [(16, None), (64, 5)])
def test_trainings_that_cannot_be_are_refused(numbers):
    with pytest.raises(UsageError, match="expected 32 pixels or more"):
        BaselineTraining(*numbers)


def test_a_plan_says_how_each_of_its_baselines_is_trained():
    with pytest.raises(UsageError, match="does not say how vgg16 is trained"):
        brief(methods=("vgg16",), baselines={})
    assert evaluation_plan("cpu", methods=("vgg16",)).baselines["vgg16"].pictures is not None
    assert evaluation_plan("gpu", methods=("vgg16",)).baselines["vgg16"].pictures is None


def test_baselines_on_the_command_line(oath, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["evaluate", str(oath.root), "--out", str(out), "--runs", "1", "--device", "cpu"]
    assert main([*arguments, "--methods", "hog-3nn,hog-svm"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in said[:-1]) <= 80
    assert said[0].startswith("SIMULATED DATA. Methods and splits")
    assert sum("HOG + linear SVM" in line for line in said) == 2
    table = pd.read_csv(out / "summary.csv")
    assert set(table.method) == {"hog-3nn", "hog-svm"}
    assert main([*arguments, "--methods", "inception-ridge", "--weights", str(tmp_path)]) == 1
    error = capsys.readouterr().err.splitlines()
    assert len(error) == 1
    assert "https://download.pytorch.org/models/inception_v3_google-0cc3c7bd.pth" in error[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRATCH)
def test_networks_are_trained_in_the_sizes_of_both_recipes(name):
    rng = np.random.default_rng(0)
    label, night = np.tile(np.arange(6), 12), np.repeat(np.arange(12), 6)
    pictures = rng.integers(0, 60, (72, 1, 128, 128)).astype(np.uint8)
    images = torch.from_numpy(pictures)
    for recipe in (BRIEF, FULL):
        how = recipe[name]
        short = dataclasses.replace(how.network, epochs=1, batch=16)
        plan = brief(
            methods=(name,), runs=1,
            baselines={name: BaselineTraining(how.size, how.pictures, short)},
        )  # fmt: skip
        given = Task(
            plan, images, Pictures(images, None), label, night, np.arange(60), np.arange(60, 72),
            None, None, torch.device("cpu"), 0,
        )  # fmt: skip
        assert np.isfinite(METHODS[name](given).logits).all()
