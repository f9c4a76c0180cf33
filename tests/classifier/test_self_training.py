"""Self-training on Gaussian classes: where it helps, where it harms, and that no night leaks."""

from dataclasses import dataclass, field

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from auroral_stats.errors import DataError, UsageError
from auroral_stats.labels import CLASSES
from classifier.metrics import confusion_matrix, scores
from classifier.self_training import HEADS, linear_fit, self_train
from classifier.self_training_rounds import SelfTraining, nights_table, rounds_table

QUICK = SelfTraining(precision=0.9, rounds=3, folds=3)


def gaussians(n, seed, noise, first=0):
    """Six classes at equal distances with features of noise beside them, 20 pictures a night."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 6, n)
    h = rng.normal(size=(n, 6 + noise))
    h[:, :6] += 4 * np.eye(6)[label]
    return h, label, first + np.arange(n) // 20


def macro_f1(head, seed=9, noise=300):
    h, label, _ = gaussians(3000, seed, noise)
    return float(scores(confusion_matrix(label, head.logits(h).argmax(1))).macro_f1)


@pytest.fixture(scope="module")
def helped():
    h, label, night = gaussians(600, 0, 300)
    new, truth, new_night = gaussians(3000, 1, 300, first=1000)
    found = self_train(h, label, night, new, new_night, QUICK, head=linear_fit, truth=truth)
    return h, label, night, new, truth, new_night, found


def test_it_helps_where_labels_are_few_and_classes_are_clusters(helped):
    h, label, night, _, truth, _, found = helped
    before = linear_fit(h, label, night, 0)(h, label)
    assert found.best >= 1
    assert macro_f1(found.head) > macro_f1(before) + 0.02
    values = [one.macro_f1.value for one in found.rounds]
    assert values[found.best] == max(values)
    assert values[found.best] > values[0]
    kept = found.kept
    assert (found.label[kept] == truth[kept]).mean() > QUICK.precision
    assert np.isfinite(found.probability[kept]).all()


def test_the_rounds_add_up(helped):
    *_, truth, new_night, found = helped
    table = rounds_table(found, simulated=True)
    assert list(table.columns)[-1] == "simulated"
    for one in found.rounds:
        mine = table[table["round"] == one.number].set_index("class")
        given = found.round == one.number
        if one.number:
            right = (found.label == truth)[given]
            counts = np.bincount(found.label[given], minlength=6)
            assert mine["added"].to_numpy().tolist() == counts.tolist()
            weighed = (mine["true_precision"] * mine["added"]).sum() / given.sum()
            assert weighed == pytest.approx(right.mean())
            # no class is added without a threshold, and none below it
            for code, name in enumerate(CLASSES):
                rows = given & (found.label == code)
                if rows.any():
                    assert found.probability[rows].min() >= mine.loc[name, "threshold"]
                    assert mine.loc[name, "held_precision"] >= QUICK.precision
                    assert mine.loc[name, "held_nights"] >= 5
        assert (mine["kept"] == (one.number <= found.best)).all()
    totals = table.groupby("round")["total"].sum()
    assert totals.iloc[0] == 0
    assert (totals.diff().iloc[1:].to_numpy() == table.groupby("round")["added"].sum()[1:]).all()
    nights = nights_table(found, [f"gill {n}" for n in new_night], simulated=True)
    assert nights["pictures"].sum() == totals.iloc[-1]
    one = nights.iloc[7]
    rows = (found.round == one["round"]) & (new_night == int(one["night"].split()[1]))
    assert one["pictures"] == (found.label[rows] == CLASSES.index(one["class"])).sum()


def test_the_truth_is_looked_at_by_nobody_but_the_report(helped):
    h, label, night, new, _, new_night, found = helped
    blind = self_train(h, label, night, new, new_night, QUICK, head=linear_fit)
    assert (blind.label == found.label).all()
    assert (blind.round == found.round).all()
    assert [one.macro_f1 for one in blind.rounds] == [one.macro_f1 for one in found.rounds]
    assert np.isnan(blind.rounds[1].true_precision).all()
    assert (blind.head.weight == found.head.weight).all()


def test_confident_errors_are_noticed_on_held_out_nights_and_thrown_away():
    h, label, night = gaussians(600, 0, 60)
    rng = np.random.default_rng(5)
    # diffuse aurora of another camera, which looks like arcs
    new = rng.normal(size=(1500, 66))
    new[:, 0] += 3.2
    new[:, 1] += 1.6
    found = self_train(
        h, label, night, new, 1000 + np.arange(1500) // 20, QUICK, head=linear_fit,
        truth=np.ones(1500, int),
    )  # fmt: skip
    assert found.rounds[1].added[0] > 1000
    assert found.rounds[1].true_precision[0] == 0
    assert found.rounds[1].macro_f1.value < found.rounds[0].macro_f1.value
    assert "fell in round 1" in found.ended
    assert found.best == 0
    assert not found.kept.any()
    before = linear_fit(h, label, night, 0)(h, label)
    assert (found.head.logits(h).argmax(1) == before.logits(h).argmax(1)).all()


@dataclass
class _Spy:
    """A head that knows everything, sees pictures by number and night, and remembers them.

    Features are (class of the labelled pictures, number, night).
    """

    worlds: list = field(default_factory=list)

    def __call__(self, features, label, group, seed):
        seen = {"trained": [], "asked": [], "own": len(self.worlds) % 2}
        self.worlds.append(seen)

        def fit(h, y):
            seen["trained"].append((h.copy(), y.copy()))
            return _Oracle(seen)

        return fit


@dataclass
class _Oracle:
    seen: dict

    def logits(self, features):
        self.seen["asked"].append(features.copy())
        number = features[:, 1]
        # of the pictures without labels, each world has an opinion of its own
        told = np.where(number < 1000, features[:, 0], self.seen["own"]).astype(int)
        return 9.0 * np.eye(6)[told]


def test_no_night_that_is_held_out_comes_into_training_by_any_way():
    label = np.tile(np.repeat([0, 1, 2], 4), 40)[:480]
    night = np.arange(480) // 12
    h = np.column_stack([label, np.arange(480), night]).astype(float)
    # half of the pictures without labels are of nights with labels
    new_night = np.arange(400) // 5
    new = np.column_stack([np.zeros(400), 1000 + np.arange(400), new_night]).astype(float)
    spy = _Spy()
    found = self_train(h, label, night, new, new_night, SelfTraining(rounds=1, folds=4), head=spy)
    *folds, whole = spy.worlds
    assert len(folds) == 4
    held_of_all = []
    for world in folds:
        asked = np.concatenate(world["asked"])
        held = np.unique(asked[asked[:, 1] < 1000, 2])
        held_of_all.append(held)
        for trained, given in world["trained"]:
            assert not np.isin(trained[:, 2], held).any()
            # pseudo-labels are those of this world's own head
            assert (given[trained[:, 1] >= 1000] == world["own"]).all()
        # and there were some, of nights with labels among them
        trained, _ = world["trained"][-1]
        assert (trained[:, 1] >= 1000).sum() == 400 - 5 * held.size
        # the pictures without labels of held-out nights were not even asked about
        assert not np.isin(asked[asked[:, 1] >= 1000, 2], held).any()
    every = np.concatenate(held_of_all)
    assert np.sort(every).tolist() == list(range(40))
    assert len(whole["trained"][-1][0]) == 880
    assert (found.label == whole["own"]).all()


def test_names_of_nights_are_the_same_in_both_sets():
    h, label, night = gaussians(240, 0, 10)
    new, _, new_night = gaussians(200, 1, 10)
    names = np.array([f"gill {n:02d}" for n in range(40)])
    one, two = (
        self_train(h, label, a, new, b, SelfTraining(0.9, 1, 3), head=linear_fit)
        for a, b in ((names[night], names[new_night]), (night + 10, new_night + 10))
    )
    assert (one.label == two.label).all()


@pytest.mark.parametrize("name", list(HEADS))
def test_the_same_seed_gives_the_same(name):
    h, label, night = gaussians(300, 0, 5)
    new, _, new_night = gaussians(200, 1, 5, first=50)
    plan = SelfTraining(0.9, 1, 3, seed=4)
    one, two = (self_train(h, label, night, new, new_night, plan, head=HEADS[name]) for _ in "12")
    assert (one.label == two.label).all()
    assert (one.head.logits(h) == two.head.logits(h)).all()
    assert one.temperature == two.temperature
    assert one.kept.any()


def test_nothing_sure_enough_ends_it_at_once():
    rng = np.random.default_rng(0)
    h, label, night = rng.normal(size=(300, 8)), np.arange(300) % 6, np.arange(300) // 20
    found = self_train(h, label, night, h, night + 100, QUICK, head=linear_fit)
    assert len(found.rounds) == 1
    assert "no prediction was sure enough" in found.ended
    assert not found.kept.any()
    assert nights_table(found, ["x"] * 300, simulated=False).empty


def test_what_cannot_be_done_is_refused():
    h, label, night = gaussians(100, 0, 2)
    with pytest.raises(DataError, match="5 labelled station-nights with 6 classes cannot be dealt"):
        self_train(h, label, night, h, night, SelfTraining(folds=6))
    with pytest.raises(DataError, match="expected 8 features"):
        self_train(h, label, night, h[:, 1:], night)
    with pytest.raises(DataError, match="without labels: features hold NaN"):
        self_train(h, label, night, h * np.nan, night)
    with pytest.raises(DataError, match="truth: 2 values for 100"):
        self_train(h, label, night, h, night, truth=[0, 1])
    with pytest.raises(UsageError, match="precision is 1"):
        SelfTraining(precision=1)
    with pytest.raises(UsageError, match="rounds 0"):
        SelfTraining(rounds=0)
