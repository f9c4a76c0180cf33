"""Probes on Gaussian classes whose best possible accuracy is known."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from auroral_stats.errors import DataError, UsageError
from classifier.calibrate import softmax
from classifier.calibration_error import measure, perfect_band
from classifier.probe import fit_linear, fit_neighbours
from classifier.training_sets import held_out_parts

WAYS = [fit_linear, fit_neighbours]


def gaussians(n, seed, distance=2.0, noise=20):
    """Six classes at equal distances, with features of pure noise beside them."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 6, n)
    h = rng.normal(size=(n, 6 + noise))
    h[:, :6] += distance * np.eye(6)[label]
    return h, label, np.arange(n) // 20


def bayes_accuracy(distance):
    rng = np.random.default_rng(99)
    z = rng.normal(size=(200_000, 6))
    z[:, 0] += distance
    return (z.argmax(1) == 0).mean()


def test_the_linear_probe_comes_within_two_points_of_what_is_possible():
    h, label, group = gaussians(3000, 0)
    test, truth, _ = gaussians(4000, 1)
    accuracy = (fit_linear(h, label, group).logits(test).argmax(1) == truth).mean()
    best = bayes_accuracy(2.0)
    assert best - 0.02 < accuracy < best + 0.015


def test_its_probabilities_are_calibrated_on_new_pictures():
    h, label, group = gaussians(3000, 0)
    test, truth, _ = gaussians(2000, 1)
    probe = fit_linear(h, label, group)
    p = softmax(probe.logits(test), probe.temperature)
    assert measure(p, truth)["ece"] <= perfect_band(p, draws=200).high


def test_too_weak_a_penalty_is_mended_by_the_temperature():
    h, label, group = gaussians(400, 0, noise=150)
    test, truth, _ = gaussians(3000, 1, noise=150)
    probe = fit_linear(h, label, group, c=10.0)
    raw, scaled = (softmax(probe.logits(test), t) for t in (1.0, probe.temperature))
    assert probe.temperature > 1.5
    assert measure(scaled, truth)["ece"] < 0.3 * measure(raw, truth)["ece"]


def test_the_penalty_is_stronger_where_nights_have_marks_of_their_own():
    # the mark of a night tells its class within the night, and nothing about other nights
    rng = np.random.default_rng(3)
    night = np.repeat(np.arange(60), 20)
    label = (night % 6).astype(int)
    marks = rng.normal(size=(60, 80)) * 3
    h = np.column_stack([1.0 * np.eye(6)[label] + rng.normal(size=(1200, 6)), marks[night]])
    by_night = fit_linear(h, label, night)
    blind = fit_linear(h, label, np.arange(1200))
    assert by_night.c < blind.c


def test_the_same_seed_gives_the_same_probe():
    h, label, group = gaussians(300, 0)
    one, two = (fit_linear(h, label, group, seed=4) for _ in range(2))
    assert (one.weight == two.weight).all()
    assert one.temperature == two.temperature


@pytest.mark.parametrize("shift", [1e3, -7.0])
@pytest.mark.parametrize("fit", WAYS)
def test_units_of_the_features_do_not_matter(fit, shift):
    h, label, group = gaussians(400, 0)
    test, _, _ = gaussians(100, 1)
    unit = np.geomspace(1e-3, 1e3, h.shape[1])
    one = fit(h, label, group).logits(test)
    two = fit(h * unit + shift, label, group).logits(test * unit + shift)
    assert (one.argmax(1) == two.argmax(1)).mean() > 0.98


def test_neighbours_by_brute_force():
    h, label, group = gaussians(200, 0)
    test, _, _ = gaussians(50, 1)
    found = fit_neighbours(h, label, group, k=7).logits(test)
    mean, scale = h.mean(0), h.std(0)
    share = np.bincount(label, minlength=6) / 200
    for row, picture in zip(found, (test - mean) / scale, strict=True):
        cosine = [
            picture @ other / np.linalg.norm(picture) / np.linalg.norm(other)
            for other in (h - mean) / scale
        ]
        nearest = sorted(range(200), key=lambda i: -cosine[i])[:7]
        votes = np.bincount(label[nearest], minlength=6)
        assert np.exp(row) == pytest.approx((votes + share) / 8)


@pytest.mark.parametrize("fit", WAYS)
def test_a_class_without_training_pictures_has_probability_zero(fit):
    h, label, group = gaussians(600, 0)
    kept = label != 4
    probe = fit(h[kept], label[kept], group[kept])
    p = softmax(probe.logits(h), probe.temperature)
    assert (p[:, 4] == 0).all()
    assert (p[:, [0, 1, 2, 3, 5]].sum(1) > 0.999).all()


@pytest.mark.parametrize("fit", WAYS)
def test_nights_with_a_class_of_their_own_give_no_temperature(fit):
    h, label, _ = gaussians(120, 0, distance=4.0)
    probe = fit(h, label, label)
    assert probe.temperature == 1
    assert (probe.logits(h).argmax(1) == label).mean() > 0.8


@pytest.mark.parametrize("fit", WAYS)
def test_two_classes_are_told_apart(fit):
    h, label, group = gaussians(600, 0, distance=4.0)
    kept = np.isin(label, (2, 5))
    probe = fit(h[kept], label[kept], group[kept])
    p = softmax(probe.logits(h[kept]), probe.temperature)
    assert (p.argmax(1) == label[kept]).mean() > 0.98


@pytest.mark.parametrize("fit", WAYS)
def test_a_constant_feature_is_harmless(fit):
    h, label, group = gaussians(300, 0)
    wide = np.column_stack([h, np.full(300, 3.0)])
    assert np.isfinite(fit(wide, label, group).logits(wide)).all()


@pytest.mark.parametrize("fit", WAYS)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda h, y, g: (h, np.zeros_like(y), g), r"single class \(arc\)"),
        (lambda h, y, g: (np.where(h > 1, np.nan, h), y, g), "NaN"),
        (lambda h, y, g: (h, y + 3, g), "expected 0 to 5"),
        (lambda h, y, g: (h[:-1], y, g), "one a picture|one station-night a picture"),
    ],
)
def test_what_cannot_be_fitted_is_said_in_one_line(fit, change, words):
    with pytest.raises(DataError, match=words):
        fit(*change(*gaussians(60, 0)))


def test_options_out_of_range_are_refused():
    with pytest.raises(UsageError, match="above 0"):
        fit_linear(*gaussians(60, 0), c=0.0)
    with pytest.raises(UsageError, match="1 or more"):
        fit_neighbours(*gaussians(60, 0), k=0)


def test_parts_never_share_a_station_night():
    _, label, group = gaussians(300, 0)
    parts = held_out_parts(label, group, 3, 0)
    assert sorted(np.concatenate([test for _, test in parts])) == list(range(300))
    for train, test in parts:
        assert not set(group[train]) & set(group[test])
    assert held_out_parts(label[:20], group[:20], 3, 0) == []
