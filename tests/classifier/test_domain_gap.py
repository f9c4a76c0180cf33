"""The scripts on pictures of another kind: what they write is what the model says, and they say so.

Simulated frames stand in for real ones; the scripts then say that they are simulated.
"""

import importlib.util
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from auroral_stats.errors import DataError, UsageError
from auroral_stats.labels import CLASSES, PROBABILITY_COLUMNS

torch = pytest.importorskip("torch")

from classifier.checkpoint import Header, load_model, save_checkpoint
from classifier.domain_gap import AT_HOME, GapRow, gap_rows, gap_tables, other_pictures, seen
from classifier.domain_gap_plots import plot_gap
from classifier.head_training import fit_head
from classifier.model import Classifier, ClassifierHead, encoder, seeded
from classifier.oath import open_oath
from classifier.oath_images import write_image
from classifier.oath_simulation import oath_picture, simulate_oath
from classifier.pgm import write_pgm
from classifier.probability_plots import plot_probabilities
from classifier.single_pictures import SinglePictures
from classifier.sky import simulate_frames
from classifier.training_images import LabelledImages, load_images

ANALYSES = Path(__file__).parents[2] / "analyses"
TABLE = "class2,class6,picNum,picType,rotAng\n0,0,00003,arc,0\n"


def script(name: str):
    spec = importlib.util.spec_from_file_location(name, ANALYSES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small model of random weights, two minutes of frames, a picture and its label."""
    root = tmp_path_factory.mktemp("gap")
    with seeded(0):
        model = Classifier(encoder("resnet10"), ClassifierHead(512))
    header = Header(
        "classifier", "resnet10", 32, "simulated test set", simulated=True, classes=CLASSES,
        head="two-layer", temperature=1.5,
    )  # fmt: skip
    save_checkpoint(root / "model.safetensors", model.eval(), header)
    for minute, label in (("05:00", "arc"), ("05:01", "cloudy")):
        time = np.datetime64(f"2014-02-27T{minute}") + np.arange(3) * np.timedelta64(3, "s")
        images = simulate_frames("gill", time, label, seed=1).images
        name = f"20140227_{minute.replace(':', '')}_gill_themis19_full.pgm.gz"
        write_pgm(root / name, images, time, site="gill", simulated=True)
    pictures = root / "set" / "images" / "cropped_scaled"
    pictures.mkdir(parents=True)
    write_image(pictures / "00003.png", oath_picture(images[0]))
    (root / "set" / "SIMULATED.json").write_text("{}")
    (root / "classifications.csv").write_text(TABLE)
    return root


def asked(folder: Path, **changed):
    found = {
        "frames": sorted(folder.glob("*.pgm.gz")),
        "pictures": sorted(folder.rglob("0*.png")),
        "labels": folder / "classifications.csv",
        "model": folder / "model.safetensors",
        "out": folder / "out",
    }
    return SimpleNamespace(**found | changed)


def test_the_table_of_pictures_holds_what_the_model_says(folder, capsys):
    given = asked(folder)
    script("bundled_on_real").main(given)
    table = pd.read_csv(given.out / "bundled_on_real.csv", parse_dates=["time"])
    assert list(table["file"].value_counts()) == [3, 3, 1]
    assert list(table.columns)[-1] == "simulated"
    assert table["simulated"].all()
    model = load_model(given.model, "cpu")
    assert (table["model_sha256"] == model.sha256).all()
    assert set(table["model_trained_on"]) == {"simulated test set"}
    from classifier.frames import read_frames

    frames = read_frames(given.frames[1])
    p = table.loc[3:5, list(PROBABILITY_COLUMNS)].to_numpy()
    np.testing.assert_allclose(p, model.probabilities(frames.images), atol=1e-4)
    assert table["label"].tolist()[3:6] == [CLASSES[k] for k in p.argmax(1)]
    assert table["time"][3] == pd.Timestamp("2014-02-27 05:01:00")
    assert table["true"].fillna("").tolist() == [""] * 6 + ["arc"]
    # dark, and the Moon of two days before new far below the horizon
    assert table["sun_elevation"][:6].max() < -20
    assert table["sun_elevation"].isna().tolist() == [False] * 6 + [True]
    assert (
        "trained on simulated pictures alone: what it says of SIMULATED" in capsys.readouterr().out
    )


def test_the_figure_of_pictures_says_which_model_and_what_it_learnt_from(folder, monkeypatch):
    module, kept = script("bundled_on_real"), []
    monkeypatch.setattr(module, "save_figure", lambda figure, path: kept.append(figure) or path)
    module.main(asked(folder))
    (figure,) = kept
    title = figure.get_suptitle()
    assert load_model(folder / "model.safetensors", "cpu").sha256[:12] in title
    assert "simulated pictures alone" in title
    assert figure.get_size_inches()[0] <= 7.2
    names = [ax.get_title(loc="left") for ax in figure.axes[:6:2]]
    assert names[0].startswith("gill 2014-02-27 05:00\nSun -")
    assert names[2] == "00003.png\nlabelled arc"
    bars = [bar.get_width() for bar in figure.axes[1].patches]
    assert sum(bars) == pytest.approx(1, abs=1e-4)


def patches(n: int, seed: int, first_night: int = 0, shift: int = 0) -> LabelledImages:
    """Noise with a bright patch in one of six places; 12 station-nights with all classes."""
    rng = np.random.default_rng(seed)
    label = np.arange(n) % 6
    pixels = rng.integers(0, 60, (n, 1, 32, 32))
    for i, code in enumerate(label):
        row, column = 10 * (code // 2) + 1, 16 * (code % 2) + 2
        pixels[i, 0, row : row + 9, column : column + 12] += 150
    night = first_night + np.arange(n) * 12 // n
    return LabelledImages(
        images=torch.from_numpy(np.roll(pixels, shift, axis=2).astype(np.uint8)),
        station=np.full(n, "gill"),
        time=np.datetime64("2014-01-01T06:00", "ms") + night * np.timedelta64(1, "D"),
        recipe="disc-percentile-v1",
        trained_on="simulated patches",
        fingerprint=str(seed),
        simulated=True,
        label=label.astype(np.int64),
        night=night.astype(np.int64),
        night_names=tuple(f"gill {i}" for i in range(12)),
        picture=np.arange(1, n + 1),
    )


@pytest.fixture(scope="module")
def measured():
    """Rows of a classifier of patches: others of its kind, and others that lie elsewhere."""
    with seeded(0):
        network = encoder("resnet10").eval()
    train, held = patches(144, 0), patches(144, 1, first_night=20)
    h = seen(network, train.images)
    heads = [fit_head(h, train.label, train.night, seed=seed) for seed in (0, 1)]
    found = {}
    for name, shift in (("like", 0), ("unlike", 5)):
        other = patches(36, 2, shift=shift)
        single = SinglePictures(other.images.float() / 255, other.label, simulated=True)
        both = other_pictures(patches(12, 3, first_night=40, shift=shift), single)
        parts = {"first": np.arange(144) < 72, "none": np.zeros(144, dtype=bool)}
        found[name] = list(gap_rows(network, heads, h, held, both, parts=parts))
    return found


def value(rows: list[GapRow], quantity: str, of: str) -> float:
    return next(row.value for row in rows if (row.quantity, row.of) == (quantity, of))


def test_a_classifier_is_at_home_with_pictures_like_its_own(measured):
    like, unlike = measured["like"], measured["unlike"]
    assert value(like, "accuracy", AT_HOME) == value(unlike, "accuracy", AT_HOME) > 0.9
    home = next(row for row in like if row.of == AT_HOME)
    assert home.low <= home.value <= home.high
    assert "none" not in {row.of for row in like}
    assert value(like, "right", "36 labelled") > 32
    assert value(unlike, "right", "36 labelled") < value(like, "right", "36 labelled")
    assert 0.3 < value(like, "nearest", "pictures") < 3
    assert value(unlike, "nearest", "pictures") > value(like, "nearest", "pictures")
    assert value(unlike, "energy", "all") > value(like, "energy", "all")


def test_groups_are_told_of_with_probabilities_that_sum_to_one(measured):
    rows = measured["like"]
    groups = dict.fromkeys(row.of for row in rows if row.quantity in PROBABILITY_COLUMNS)
    assert list(groups)[-6:] == [f"labelled {name}" for name in CLASSES]
    assert next(iter(groups)) == "gill 2014-02-10"
    for group in groups:
        p = [value(rows, column, group) for column in PROBABILITY_COLUMNS]
        assert sum(p) == pytest.approx(1)
    assert value(rows, "p_moon", "labelled moon") > 0.6


def test_tables_and_figure_are_those_of_the_rows(measured):
    rows = pd.DataFrame([{"idea": k, **row._asdict()} for k, v in measured.items() for row in v])
    told, called = gap_tables(rows)
    assert told["idea"].tolist() == called["idea"].tolist() == ["like", "unlike"]
    home = next(row for row in measured["like"] if row.of == AT_HOME)
    expected = f"{home.value:.2f} [{home.low:.2f}, {home.high:.2f}]"
    assert told[f"accuracy, {AT_HOME}"][0] == expected
    assert (
        called["labelled moon"][0]
        == f"moon {value(measured['like'], 'p_moon', 'labelled moon'):.2f}"
    )
    figure = plot_gap(rows, "A title", "SIMULATED", "REAL")
    figure.draw_without_rendering()
    assert figure.get_size_inches()[0] <= 7.2
    first, second, *others = figure.axes
    assert "SIMULATED" in first.get_xlabel()
    assert "SIMULATED" in second.get_xlabel()
    assert any("REAL" in ax.get_title() for ax in others)
    assert len(others) == 6
    drawn = [line.get_xdata()[0] for line in second.lines]
    assert drawn == pytest.approx([r.value for r in measured["like"] if r.quantity == "nearest"])
    for k, bar in enumerate(others[0].containers):
        column = PROBABILITY_COLUMNS[k]
        assert bar[0].get_width() == pytest.approx(
            value(measured["like"], column, "gill 2014-02-10")
        )


def test_simulated_and_real_pictures_do_not_mix():
    some = SinglePictures(torch.zeros(1, 1, 32, 32), np.array([0]), simulated=False)
    with pytest.raises(DataError, match="cannot be mixed"):
        other_pictures(patches(12, 0), some)


def test_a_sheet_needs_a_name_and_six_probabilities_for_each_picture():
    with pytest.raises(DataError, match="one name and 6 probabilities"):
        plot_probabilities([np.eye(4)], ["a", "b"], np.full((1, 6), 1 / 6), "title")
    with pytest.raises(DataError, match="0 pictures"):
        plot_probabilities([], [], np.empty((0, 6)), "title")


def test_nothing_to_look_at_is_an_error_with_a_remedy(folder):
    given = asked(folder, frames=[], pictures=[], out=folder / "none")
    with pytest.raises(UsageError, match="name files with --frames or --pictures"):
        script("bundled_on_real").main(given)
    assert not given.out.exists()


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    root = tmp_path_factory.mktemp("sets")
    simulate_oath(root / "train", 120, seed=3)
    simulate_oath(root / "test", 120, seed=4)
    return root


def asked_gap(folder: Path, sets: Path, **changed):
    quick = {"cadence": 0.0, "few": 60, "passes": 1, "epochs": 2, "heads": 2, "seed": 0}
    told = {"train": sets / "train", "test": sets / "test", "write": None}
    return asked(folder, **told | quick | changed)


@pytest.mark.slow
def test_the_ideas_are_tried_and_told(folder, sets, capsys):
    page = folder / "page.md"
    page.write_text("before\n% domain_gap.py: begin\n% domain_gap.py: end\nafter\n")
    given = asked_gap(folder, sets, write=page)
    script("domain_gap").main(given)
    rows = pd.read_csv(given.out / "domain_gap.csv")
    assert rows["simulated"].all()
    assert list(rows.columns)[-1] == "simulated"
    assert (given.out / "domain_gap.png").stat().st_size > 10_000
    ideas = pd.unique(rows["idea"])
    assert len(ideas) == 9
    by = rows.set_index(["idea", "quantity", "of"])["value"]
    for idea in ideas:
        assert 0 <= by[idea, "accuracy", "held-out nights"] <= 1
        for name in ("gill 2014-02-27", "labelled arc"):
            p = [by[idea, column, name] for column in PROBABILITY_COLUMNS]
            assert sum(p) == pytest.approx(1, abs=1e-3)
        assert by[idea, "right", "1 labelled"] in {0.0, 0.5, 1.0}
    # the head changes nothing of how far apart representations lie
    distance = [by[idea, "energy", "all"] for idea in ideas]
    assert distance[0] == distance[1] == distance[4]
    assert len(set(distance)) == 5
    # as the model itself has it, up to the 8 bits of the pictures
    frames = script("bundled_on_real")
    frames.main(asked(folder))
    told = pd.read_csv(given.out / "bundled_on_real.csv").iloc[:6]
    mean = told[list(PROBABILITY_COLUMNS)].mean().to_numpy()
    found = [by["as it is", column, "gill 2014-02-27"] for column in PROBABILITY_COLUMNS]
    np.testing.assert_allclose(found, mean, atol=0.02)
    text = page.read_text()
    assert text.startswith("before")
    assert "SIMULATED stand-in pictures before model" in text
    assert "1 labelled pictures, too few" in text
    assert text.count("| as it is |") == 2
    assert "too few for an accuracy" in capsys.readouterr().out


@pytest.mark.slow
def test_a_set_that_a_model_has_learnt_from_is_no_test(folder, sets):
    module = script("domain_gap")
    header = load_model(folder / "model.safetensors", "cpu").header
    with pytest.raises(UsageError, match="learnt from it"):
        module.simulated_sets(asked_gap(folder, sets, test=sets / "train"), header)
    mine = replace(header, data_fingerprint=load_images(open_oath(sets / "test"), 32).fingerprint)
    with pytest.raises(UsageError, match="learnt from it"):
        module.simulated_sets(asked_gap(folder, sets), mine)


@pytest.mark.slow
def test_new_heads_see_no_style_that_is_kept_for_test_nights(folder, sets):
    header = load_model(folder / "model.safetensors", "cpu").header
    given = asked_gap(folder, sets, few=1000)
    train, test, kept = script("domain_gap").simulated_sets(given, header)
    found = [
        pd.read_csv(sets / name / "classifications" / "truth.csv")["style"].isin(
            ["soft focus", "shifted", "town"]
        )
        for name in ("train", "test")
    ]
    assert train.picture.tolist() == (np.flatnonzero(~found[0]) + 1).tolist()
    assert kept.tolist() == found[1].tolist()
    assert len(test) == 120
