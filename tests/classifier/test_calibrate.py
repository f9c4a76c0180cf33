"""Temperature, calibration errors and bands where the truth is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auroral_stats.errors import DataError, UsageError
from classifier.calibrate import (
    TEMPERATURES,
    brier_score,
    fit_temperature,
    negative_log_likelihood,
    softmax,
)
from classifier.calibration_error import (
    calibration_error,
    classwise_error,
    measure,
    perfect_band,
    reliability,
    shared_chance,
)
from classifier.selective import accuracy_at, coverage_accuracy


def drawn(probability, rng):
    """Labels that have exactly these probabilities."""
    u = rng.random((len(probability), 1))
    return np.minimum((probability.cumsum(1) < u).sum(1), probability.shape[1] - 1)


@pytest.mark.parametrize("true", [0.5, 1.0, 3.0])
def test_the_temperature_of_overconfident_logits_is_found(true):
    rng = np.random.default_rng(2)
    z = rng.normal(size=(20_000, 6)) * 1.5
    label = drawn(softmax(z), rng)
    assert fit_temperature(true * z, label) == pytest.approx(true, rel=0.04)


def test_the_temperature_minimises_the_likelihood_on_a_grid():
    rng = np.random.default_rng(5)
    z = rng.normal(size=(300, 6)) * 3
    label = drawn(softmax(z / 2), rng)
    grid = np.geomspace(0.3, 8, 2000)
    losses = [negative_log_likelihood(softmax(z, t), label) for t in grid]
    assert fit_temperature(z, label) == pytest.approx(grid[int(np.argmin(losses))], rel=3e-3)


def test_a_flawless_classifier_ends_at_the_lowest_temperature():
    assert fit_temperature([[5.0, 0.0], [0.0, 5.0]], [0, 1]) == pytest.approx(TEMPERATURES[0])


def test_a_class_that_is_not_known_does_not_upset_the_fit():
    rng = np.random.default_rng(8)
    z = rng.normal(size=(4000, 3))
    label = drawn(softmax(z), rng)
    wide = np.column_stack([2 * z, np.full(4000, -np.inf)])
    assert fit_temperature(wide, label) == pytest.approx(fit_temperature(2 * z, label))
    assert softmax(wide)[:, 3].max() == 0


def test_nothing_to_fit_on_is_said():
    with pytest.raises(DataError, match="no picture"):
        fit_temperature(np.zeros((0, 6)), [])
    with pytest.raises(DataError, match="NaN or infinity"):
        fit_temperature([[0.0, np.nan]], [0])
    with pytest.raises(UsageError, match="above 0"):
        softmax([[0.0, 1.0]], 0.0)


@given(st.floats(0.1, 10), st.integers(0, 100))
def test_a_temperature_never_changes_what_is_predicted(temperature, seed):
    z = np.random.default_rng(seed).normal(size=(20, 6))
    assert (softmax(z, temperature).argmax(1) == z.argmax(1)).all()


def brute_force_ece(confidence, correct, bins=15):
    total = 0.0
    for b in range(bins):
        low, high = b / bins, (b + 1) / bins
        inside = [i for i, c in enumerate(confidence) if low < c <= high or (b == 0 and c == 0)]
        if inside:
            acc = sum(correct[i] for i in inside) / len(inside)
            conf = sum(confidence[i] for i in inside) / len(inside)
            total += len(inside) / len(confidence) * abs(acc - conf)
    return total


@given(st.lists(st.tuples(st.integers(0, 97), st.booleans()), min_size=1, max_size=50))
def test_the_ece_is_that_of_its_definition(pairs):
    # 97 is prime to 15, so that no confidence lies on an edge by rounding
    confidence, correct = [c / 97 for c, _ in pairs], [bool(y) for _, y in pairs]
    assert calibration_error(confidence, correct) == pytest.approx(
        brute_force_ece(confidence, correct)
    )


def test_brier_and_likelihood_are_those_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(1)
    p = softmax(rng.normal(size=(200, 6)))
    label = rng.integers(0, 6, 200)
    assert negative_log_likelihood(p, label) == pytest.approx(
        metrics.log_loss(label, p, labels=range(6))
    )
    # both classes of a binary score, the first squared and summed
    binary = np.column_stack([p[:, 0], 1 - p[:, 0]])
    ours = brier_score(binary, (label != 0).astype(int))
    assert ours == pytest.approx(2 * metrics.brier_score_loss(label == 0, p[:, 0]))


def test_adaptive_bins_hold_equal_numbers():
    rng = np.random.default_rng(1)
    confidence = rng.beta(8, 1, 1500)
    found = reliability(confidence, rng.random(1500) < confidence, binning="adaptive", draws=50)
    assert found.pictures.min() == found.pictures.max() == 100


def test_many_equal_confidences_fall_into_one_bin():
    assert calibration_error([1.0] * 9 + [0.5], [1] * 10, binning="adaptive") == pytest.approx(0.05)


@pytest.mark.parametrize(("name", "trials"), [("ece", 300), ("brier", 150), ("classwise_ece", 120)])
def test_a_perfect_model_is_inside_its_band_nineteen_times_in_twenty(name, trials):
    rng = np.random.default_rng(11)
    inside = 0
    for trial in range(trials):
        p = softmax(rng.normal(size=(300, 6)) * 2)
        found = measure(p, drawn(p, rng))[name]
        band = perfect_band(p, name=name, draws=60 if name == "classwise_ece" else 150, seed=trial)
        inside += band.low <= found <= band.high
    assert 0.86 <= inside / trials <= 0.995


def test_an_overconfident_model_is_outside_its_band():
    rng = np.random.default_rng(4)
    z = rng.normal(size=(1500, 6))
    label = drawn(softmax(z), rng)
    p = softmax(z, 0.4)
    assert measure(p, label)["ece"] > perfect_band(p, draws=200).high


def clustered(rng, nights, size, chance):
    """Calibrated predictions of which those of a night are decided together, at times."""
    p = softmax(rng.normal(size=(nights * size, 6)) * 2)
    night = np.repeat(np.arange(nights), size)
    shared = rng.random(night.size) < np.sqrt(chance)
    u = np.where(shared, rng.random(nights)[night], rng.random(night.size))
    correct = u < p.max(1)
    label = np.where(correct, p.argmax(1), np.argsort(p, 1)[:, -2])
    return p, label, night


def test_the_chance_that_pictures_go_together_is_recovered():
    rng = np.random.default_rng(6)
    found = [shared_chance(*clustered(rng, 60, 25, 0.3)) for _ in range(40)]
    assert np.mean(found) == pytest.approx(0.3, abs=0.05)
    independent = [shared_chance(*clustered(rng, 60, 25, 0.0)) for _ in range(40)]
    assert np.mean(independent) < 0.03


def test_the_chance_is_that_of_all_pairs():
    rng = np.random.default_rng(9)
    p, label, night = clustered(rng, 5, 30, 0.5)
    right = (p.argmax(1) == label).astype(float)
    c = np.empty(150)
    for rows in np.array_split(np.argsort(p.max(1)), 15):
        c[rows] = right[rows].mean()
    seen = expected = 0.0
    for i in range(150):
        for j in range(150):
            if i != j and night[i] == night[j]:
                seen += (right[i] - c[i]) * (right[j] - c[j])
                expected += min(c[i], c[j]) - c[i] * c[j]
    assert shared_chance(p, label, night) == pytest.approx(np.clip(seen / expected, 0, 1))


def test_bad_calibration_is_no_sign_of_clusters():
    rng = np.random.default_rng(10)
    z = rng.normal(size=(3000, 6))
    label = drawn(softmax(z), rng)
    night = np.repeat(np.arange(60), 50)
    overconfident = softmax(z, 0.3)
    assert shared_chance(overconfident, label, night) < 0.01


def test_the_clustered_band_holds_clustered_samples_that_the_plain_one_rejects():
    rng = np.random.default_rng(12)
    plain = wide = 0
    for trial in range(60):
        p, label, night = clustered(rng, 20, 60, 0.4)
        ece = measure(p, label)["ece"]
        plain += ece <= perfect_band(p, draws=100, seed=trial).high
        chance = shared_chance(p, label, night)
        band = perfect_band(p, group=night, chance=chance, draws=100, seed=trial)
        wide += ece <= band.high
    assert plain < 30
    assert wide > 50


def test_reliability_bins_give_back_the_ece_and_know_empty_bins():
    rng = np.random.default_rng(2)
    confidence = rng.uniform(0.4, 1.0, 500)
    correct = rng.random(500) < confidence**2
    found = reliability(confidence, correct, draws=50)
    assert np.isnan(found.accuracy[:5]).all()
    assert np.isnan(found.low[:5]).all()
    used = found.pictures > 0
    gap = np.abs(found.accuracy - found.confidence)[used] * found.pictures[used]
    assert gap.sum() / 500 == pytest.approx(calibration_error(confidence, correct))
    assert (found.low[used] <= found.high[used]).all()


def test_classwise_error_sees_a_bias_that_confidence_hides():
    # always right about being unsure, but class 1 and 2 are exchanged in half of the cases
    p = np.tile([0.0, 0.7, 0.3], (100, 1))
    label = np.array([1] * 70 + [0] * 30)
    assert calibration_error(p.max(1), label == 1) == pytest.approx(0)
    assert classwise_error(p, label) == pytest.approx([0.3, 0.0, 0.3])


def test_coverage_and_accuracy_by_brute_force():
    rng = np.random.default_rng(3)
    confidence = rng.integers(50, 101, 300) / 100
    correct = rng.random(300) < confidence
    curve = coverage_accuracy(confidence, correct)
    for coverage, accuracy, threshold in zip(*curve[:3], strict=True):
        kept = confidence >= threshold
        assert coverage == pytest.approx(kept.mean())
        assert accuracy == pytest.approx(correct[kept].mean())
    assert accuracy_at(curve, 1.0) == pytest.approx(correct.mean())


def test_an_oracle_has_the_least_area():
    correct = np.array([1] * 8 + [0] * 2)
    best = coverage_accuracy(correct.astype(float) - np.arange(10) * 1e-3, correct)
    worst = coverage_accuracy(-correct.astype(float) - np.arange(10) * 1e-3, correct)
    assert best.risk_area == pytest.approx((1 / 9 + 2 / 10) / 10)
    assert worst.risk_area > best.risk_area
    with pytest.raises(DataError, match="not empty"):
        coverage_accuracy([], [])
