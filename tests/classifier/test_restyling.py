"""Styles change what they say and nothing else, and black and white stay where they were."""

import numpy as np
import pytest

from auroral_stats.errors import UsageError

torch = pytest.importorskip("torch")

from classifier.restyling import Restyling, restyle

SIZE = 64
PLACE = (np.arange(SIZE) + 0.5) * 2 / SIZE - 1
RADIUS = np.hypot(PLACE[:, None], PLACE[None, :])
OFF = {"haze": 0.0, "vignetting": 0.0, "gamma": 0.0, "blur": 0.0, "noise": 0.0, "contrast": 0.0}


def seeded(seed: int = 0) -> "torch.Generator":
    return torch.Generator().manual_seed(seed)


def pictures(n: int = 8, seed: int = 0) -> "torch.Tensor":
    """Grey skies with some structure, black outside the disc."""
    rng = np.random.default_rng(seed)
    sky = 90 + 40 * np.sin(6 * PLACE)[:, None] + rng.normal(0, 12, (n, SIZE, SIZE))
    sky = np.where(RADIUS <= 1, sky.clip(1, 255), 0)
    return torch.from_numpy(sky.astype(np.uint8))[:, None]


def changed(**amounts: float) -> np.ndarray:
    return restyle(pictures(), seeded(), Restyling(**OFF | amounts))[:, 0].numpy().astype(float)


def test_nothing_changes_if_nothing_is_asked_for():
    images = pictures()
    assert torch.equal(restyle(images, seeded(), Restyling(**OFF)), images)
    assert len(restyle(images[:0], seeded())) == 0


def test_a_seed_gives_the_same_styles_and_pictures_differ():
    images = pictures(1).expand(300, 1, SIZE, SIZE).contiguous()
    one, again = restyle(images, seeded()), restyle(images, seeded())
    assert torch.equal(one, again)
    assert not torch.equal(one[0], one[1])
    assert not torch.equal(one, restyle(images, seeded(1)))


def test_black_and_white_stay_and_so_does_what_is_outside():
    images = pictures()
    found = restyle(images, seeded(), Restyling(contrast=0.0))
    sky = RADIUS <= 1
    before, after = (
        np.percentile(x[:, 0].numpy()[:, sky], (1, 99), axis=1) for x in (images, found)
    )
    np.testing.assert_allclose(after, before, atol=2.0)
    assert not found[:, 0].numpy()[:, ~sky].any()


def test_vignetting_darkens_the_edge_against_the_middle():
    before, after = pictures()[:, 0].numpy().astype(float), changed(vignetting=0.9)
    edge, middle = (RADIUS > 0.8) & (RADIUS <= 1), RADIUS < 0.4
    ratio = [x[:, edge].mean(1) / x[:, middle].mean(1) for x in (before, after)]
    assert (ratio[1] < ratio[0] + 0.01).all()
    assert (ratio[1] < 0.8 * ratio[0]).any()


def test_haze_is_brighter_to_one_side_in_any_direction():
    added = changed(haze=2.0) - pictures()[:, 0].numpy()
    sky = RADIUS <= 1
    basis = np.stack([np.ones(sky.sum()), *(np.broadcast_to(p, sky.shape)[sky] for p in (
        PLACE[:, None], PLACE[None, :]))], axis=1)  # fmt: skip
    slope = np.linalg.lstsq(basis, added[:, sky].T, rcond=None)[0][1:]
    assert np.hypot(*slope).max() > 15
    assert np.ptp(np.arctan2(*slope)) > 2  # not all to one side


def test_blur_smooths_and_noise_roughens():
    def roughness(x: np.ndarray) -> np.ndarray:
        inner = np.abs(PLACE) < 0.6
        return np.abs(np.diff(x[:, inner][:, :, inner], axis=2)).mean((1, 2))

    before = roughness(pictures()[:, 0].numpy().astype(float))
    # amounts near 0 are drawn, too
    assert (roughness(changed(blur=0.1)) < 0.5 * before).mean() > 0.7
    assert (roughness(changed(noise=0.3)) > 1.2 * before).mean() > 0.6


def test_contrast_moves_pixels_to_or_from_the_mean():
    before, after = pictures()[:, 0].numpy().astype(float), changed(contrast=0.6)
    sky = RADIUS <= 1
    ratio = after[:, sky].std(1) / before[:, sky].std(1)
    assert ((ratio > 0.39) & (ratio < 1.61)).all()
    assert ratio.min() < 0.9
    assert ratio.max() > 1.1
    np.testing.assert_allclose(after[:, sky].mean(1), before[:, sky].mean(1), atol=3.0)


def test_gamma_bends_the_tones_and_keeps_their_order():
    image = np.where(RADIUS <= 1, 20 + 100 * (PLACE[:, None] + 1), 0).astype(np.uint8)
    images = torch.from_numpy(np.tile(image, (6, 1, 1, 1)).reshape(6, 1, SIZE, SIZE))
    found = restyle(images, seeded(), Restyling(**OFF | {"gamma": 1.0}))[:, 0, :, SIZE // 2].numpy()
    assert (np.diff(found.astype(int), axis=1) >= 0).all()
    middle = found[:, SIZE // 2].astype(int) - int(image[SIZE // 2, SIZE // 2])
    assert middle.min() < -10
    assert middle.max() > 10


@pytest.mark.parametrize(
    ("name", "value"), [("haze", -0.1), ("vignetting", 1.0), ("contrast", 1.0), ("blur", 2.0),
                        ("noise", float("nan")), ("gamma", 9.0)],
)  # fmt: skip
def test_amounts_that_cannot_be(name, value):
    with pytest.raises(UsageError, match=name):
        Restyling(**{name: value})
