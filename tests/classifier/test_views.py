import math

import numpy as np
import pytest

from auroral_stats.errors import UsageError

torch = pytest.importorskip("torch")

from torchvision.transforms import InterpolationMode, RandomResizedCrop
from torchvision.transforms.functional import rotate
from torchvision.transforms.v2.functional import resized_crop

from classifier.views import Augmentations, draw_views, make_views

EVERYTHING = Augmentations(
    mirror=0.5, rotation=30.0, brightness=0.3, contrast=0.3, gamma=0.3, blur=0.03, noise=0.05,
    erase=0.3, horizon=0.3,
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def seeded(seed: int = 0) -> "torch.Generator":
    return torch.Generator().manual_seed(seed)


def pictures(n: int, side: int, seed: int = 0) -> "torch.Tensor":
    return torch.randint(0, 256, (n, 1, side, side), dtype=torch.uint8, generator=seeded(seed))


def plain(n: int, **changed: "torch.Tensor"):
    """The numbers of views that are the whole picture, with some of them replaced."""
    drawn = draw_views(n, Augmentations(scale=(1.0, 1.0), ratio=(1.0, 1.0), flip=0.0), seeded())
    return drawn._replace(**changed)


@pytest.mark.parametrize(("side", "size"), [(32, 32), (32, 48), (64, 24), (40, 40)])
def test_crops_are_those_of_torchvision_where_corners_lie_on_pixels(side: int, size: int):
    rng = np.random.default_rng(1)
    n = 24
    height, width = rng.integers(5, side + 1, (2, n))
    top, left = (rng.integers(0, side - extent + 1) for extent in (height, width))
    flip = rng.integers(0, 2, n)
    images = pictures(n, side)
    box = (torch.tensor(v / side, dtype=torch.float32) for v in (top, left, height, width))
    names = ("top", "left", "height", "width")
    drawn = plain(n, **dict(zip(names, box, strict=True)), flip=torch.tensor(flip).float())
    views = make_views(images, drawn, Augmentations(), size)
    for i in range(n):
        corner = int(top[i]), int(left[i]), int(height[i]), int(width[i])
        expected = resized_crop(images[i].float() / 255, *corner, [size, size], antialias=True)
        if flip[i]:
            expected = torch.flip(expected, [-2])
        torch.testing.assert_close(views[i], expected, atol=2e-5, rtol=0)


def test_a_flip_is_over_the_horizontal_axis():
    images = pictures(2, 32)
    drawn = plain(2, flip=torch.tensor([1.0, 0.0]))
    views = make_views(images, drawn, Augmentations(), 32)
    torch.testing.assert_close(views[0], torch.flip(images[0], [-2]) / 255)
    torch.testing.assert_close(views[1], images[1] / 255)
    drawn = plain(2, mirror=torch.tensor([1.0, 0.0]))
    views = make_views(images, drawn, Augmentations(mirror=0.5), 32)
    torch.testing.assert_close(views[0], torch.flip(images[0], [-1]) / 255)


def test_boxes_have_the_distribution_of_torchvision():
    n = 4000
    drawn = draw_views(n, Augmentations(), seeded())
    torch.manual_seed(0)
    blank = torch.zeros(1, 1000, 1000)
    theirs = torch.tensor(
        [RandomResizedCrop.get_params(blank, [0.08, 1.0], [3 / 4, 4 / 3]) for _ in range(n)]
    )
    for column, ours in enumerate((drawn.top, drawn.left, drawn.height, drawn.width)):
        quantiles = torch.tensor([0.05, 0.25, 0.5, 0.75, 0.95])
        # the standard error of these quantiles is below 0.008
        torch.testing.assert_close(
            ours.quantile(quantiles),
            (theirs[:, column] / 1000.0).quantile(quantiles),
            atol=0.03,
            rtol=0,
        )
    assert abs(drawn.flip.mean() - 0.5) < 0.03


def test_a_seed_gives_the_same_views_in_any_split_of_the_batch():
    images = pictures(6, 32)
    drawn = draw_views(6, EVERYTHING, seeded(3))
    assert all(
        torch.equal(a, b) for a, b in zip(drawn, draw_views(6, EVERYTHING, seeded(3)), strict=True)
    )
    quiet = Augmentations(**{**vars(EVERYTHING), "noise": 0.0})
    whole = make_views(images, drawn, quiet, 32)
    index = torch.tensor([4, 1])
    torch.testing.assert_close(
        whole[index], make_views(images[index], drawn.take(index), quiet, 32)
    )
    assert not torch.equal(whole, make_views(images, draw_views(6, quiet, seeded(4)), quiet, 32))


def test_crops_stay_the_same_when_other_changes_are_turned_on():
    alone, among = (draw_views(9, a, seeded(7)) for a in (Augmentations(), EVERYTHING))
    for name in ("top", "left", "height", "width", "flip"):
        assert torch.equal(getattr(alone, name), getattr(among, name))


def test_rotation_turns_about_the_middle_of_the_crop():
    images = pictures(3, 33)
    angle = torch.tensor([0.0, 90.0, 30.0])
    turned = make_views(
        images, plain(3, angle=torch.deg2rad(angle)), Augmentations(rotation=90.0), 33
    )
    torch.testing.assert_close(turned[0], images[0] / 255, atol=1e-4, rtol=0)
    place = torch.arange(33) - 16.0
    sky = torch.hypot(place[:, None], place[None, :]) < 14
    for i in (1, 2):
        expected = rotate(images[i] / 255, float(angle[i]), InterpolationMode.BILINEAR)
        torch.testing.assert_close(turned[i, 0][sky], expected[0][sky], atol=1e-3, rtol=0)


def test_recolouring_follows_its_formula_and_leaves_black_black():
    images = pictures(1, 32)
    images[:, :, :8] = 0
    x = images / 255.0
    on = Augmentations(brightness=0.5, contrast=0.5, gamma=0.5, noise=0.1)
    drawn = plain(
        1,
        gamma=torch.tensor([1.5]),
        brightness=torch.tensor([0.8]),
        contrast=torch.tensor([1.2]),
        noise=torch.tensor([0.0]),
    )
    y = 0.8 * x**1.5
    y = y.mean() + 1.2 * (y - y.mean())
    view = make_views(images, drawn, on, 32, noise=seeded())
    torch.testing.assert_close(view, torch.where(x > 0, y, 0.0).clamp(0, 1), atol=1e-5, rtol=0)
    noisy = make_views(images, drawn._replace(noise=torch.tensor([0.1])), on, 32, noise=seeded())
    assert not torch.equal(noisy, view)
    assert not noisy[:, :, :8].any()


def test_blur_spreads_a_point_as_wide_as_asked():
    images = torch.zeros(1, 1, 65, 65)
    images[0, 0, 32, 32] = 1.0
    drawn = plain(1, blur=torch.tensor([4.0 / 65]))
    view = make_views(images, drawn, Augmentations(blur=0.1), 65)[0, 0]
    place = torch.arange(65) - 32.0
    assert float(view.sum()) == pytest.approx(1.0, abs=1e-3)
    assert float((view.sum(0) * place**2).sum().sqrt()) == pytest.approx(4.0, rel=0.01)


def test_an_erased_box_has_the_share_that_was_drawn():
    images = torch.ones(400, 1, 48, 48)
    on = Augmentations(scale=(1.0, 1.0), ratio=(1.0, 1.0), erase=0.3)
    drawn = draw_views(400, on, seeded(2))
    view = make_views(images, drawn, on, 48)
    rows = drawn.box[:, 1].clamp(max=1) - drawn.box[:, 0].clamp(min=0)
    columns = drawn.box[:, 3].clamp(max=1) - drawn.box[:, 2].clamp(min=0)
    torch.testing.assert_close(
        (view == 0).float().mean(dim=(1, 2, 3)), rows * columns, atol=0.03, rtol=0
    )
    assert 0.1 < float((rows * columns).max()) < 0.301


def test_a_horizon_hides_the_rim_and_never_the_zenith():
    on = Augmentations(scale=(1.0, 1.0), ratio=(1.0, 1.0), flip=0.0, horizon=0.4)
    view = make_views(torch.ones(200, 1, 64, 64), draw_views(200, on, seeded(5)), on, 64)[:, 0]
    place = (torch.arange(64) + 0.5) / 32 - 1
    radius = torch.hypot(place[:, None], place[None, :])
    assert bool((view[:, radius < 0.6] == 1).all())
    assert not view[:, radius > 1].any()
    hidden = 1 - view[:, (radius > 0.6) & (radius < 1)].mean(dim=1)
    assert 0.05 < float(hidden.mean()) < 0.6
    assert float(hidden.std()) > 0.03


def test_views_are_between_black_and_white_and_never_nan():
    images = pictures(64, 40)
    images[0], images[1] = 0, 255
    views = make_views(images, draw_views(64, EVERYTHING, seeded()), EVERYTHING, 32, noise=seeded())
    assert views.shape == (64, 1, 32, 32)
    assert bool((views >= 0).all() and (views <= 1).all())
    assert views.dtype == torch.float32


@pytest.mark.parametrize(
    "wrong",
    [
        {"scale": (0.0, 1.0)}, {"scale": (0.9, 0.1)}, {"scale": (0.5, 1.5)}, {"ratio": (0.0, 1.0)},
        {"flip": 1.5}, {"rotation": -1.0}, {"erase": 1.0}, {"brightness": math.nan},
    ],
)  # fmt: skip
def test_amounts_that_cannot_be_are_refused_by_name(wrong):
    with pytest.raises(UsageError, match=next(iter(wrong))):
        Augmentations(**wrong)


def test_noise_without_a_generator_is_refused():
    on = Augmentations(noise=0.1)
    with pytest.raises(UsageError, match="generator"):
        make_views(pictures(2, 32), draw_views(2, on, seeded()), on, 32)
