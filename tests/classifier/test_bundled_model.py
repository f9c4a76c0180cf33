"""The classifier that comes with the package: it is small, says what it is, and knows the simulated sky."""

from pathlib import Path

import numpy as np
import pytest

import classifier

pytest.importorskip("torch")

from auroral_stats.labels import CLASSES
from classifier.checkpoint import load_model
from classifier.sky import moon_is_up, simulate_frames

SITES = ("gill", "fsim", "rank", "inuv")


@pytest.fixture(scope="module")
def model():
    return load_model(device="cpu")


def test_it_is_small_and_says_what_it_was_trained_on(model):
    (bundled,) = (Path(classifier.__file__).parent / "data").glob("*.safetensors")
    assert bundled.stat().st_size <= 25_000_000
    header = model.header
    assert header.simulated
    assert header.model_trained_on.startswith("simulated OATH set")
    assert header.classes == CLASSES
    assert header.preprocess == "disc-percentile-v1"
    assert header.temperature > 0


def test_it_knows_skies_that_it_was_not_trained_on(model):
    truth, images = [], []
    for number, site in enumerate(SITES):
        for code, label in enumerate(CLASSES):
            time = np.datetime64("2012-01-05T05:00", "ms") + np.timedelta64(number + 3 * code, "D")
            while label == "moon" and not np.all(moon_is_up(site, time, above=20.0)):
                time += np.timedelta64(7, "h")
                if time.astype("datetime64[h]").astype(int) % 24 in range(13, 24):
                    time += np.timedelta64(12, "h")
            images.append(simulate_frames(site, [time], label, seed=4242 + number).images[0])
            truth.append(code)
    p = model.probabilities(np.stack(images))
    assert p.shape == (len(truth), 6)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-5)
    # chance is 17 %
    assert np.mean(p.argmax(axis=1) == truth) > 0.45
