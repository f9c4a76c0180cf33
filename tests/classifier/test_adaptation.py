"""Encoders told of other pictures: the statistics are those asked for, and training goes on."""

from dataclasses import replace

import numpy as np
import pytest

from auroral_stats.errors import DataError, UsageError

torch = pytest.importorskip("torch")

from torch import nn

from classifier.adaptation import pretrained_further, renormalised
from classifier.model import encoder, seeded
from classifier.training_plan import TrainingPlan

SIZE = 32
PLAN = TrainingPlan("resnet10", size=SIZE, epochs=3, batch=16, learning_rate=1e-3)


def pictures(n: int = 32, seed: int = 0) -> "torch.Tensor":
    """Pictures of 4 x 4 grey squares, which views have in common."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randint(0, 256, (n, 1, 4, 4), dtype=torch.uint8, generator=generator)
    return coarse.repeat_interleave(SIZE // 4, 2).repeat_interleave(SIZE // 4, 3)


@pytest.fixture(scope="module")
def trained():
    """A random encoder whose statistics are those of some pictures."""
    with seeded(0):
        found = encoder("resnet10")
    with torch.no_grad():
        for _ in range(20):
            found(pictures(64, seed=5).float() / 255)
    return found.eval()


def state(model: nn.Module) -> dict[str, "torch.Tensor"]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(a: dict[str, "torch.Tensor"], b: dict[str, "torch.Tensor"]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


def test_the_statistics_of_one_layer_are_mixed_as_the_formula_says():
    layer = nn.BatchNorm2d(1)
    layer.running_mean.fill_(0.25)
    layer.running_var.fill_(4.0)
    network = nn.Sequential(layer, nn.Flatten())
    x = pictures().numpy() / 255.0
    for share in (0.0, 0.3, 1.0):
        found = renormalised(network, pictures(), share)[0]
        mean, variance = x.mean(), x.var(ddof=1)
        assert float(found.running_mean) == pytest.approx(0.25 * (1 - share) + share * mean, 1e-5)
        assert float(found.running_var) == pytest.approx(4.0 * (1 - share) + share * variance, 1e-5)
    assert float(layer.running_mean) == 0.25


def test_all_of_the_new_statistics_are_those_of_training_on_the_pictures(trained):
    images = pictures(64, seed=1) // 3
    before = state(trained)
    found = renormalised(trained, images)
    assert same(before, state(trained))
    assert not found.training
    x = images.float() / 255
    given = [(name, tensor) for name, tensor in found.named_parameters()]
    assert same(dict(trained.named_parameters()), dict(given))
    with torch.no_grad():
        h = found(x)
        expected = renormalised(trained, images).train()(x)  # normalised by the batch itself
    # training takes the variance without Bessel's correction
    np.testing.assert_allclose(h, expected, rtol=0.05, atol=0.02)
    assert not torch.allclose(h, trained(x), atol=0.05)


def test_nothing_of_them_changes_nothing(trained):
    assert same(state(trained), state(renormalised(trained, pictures(), 0.0)))


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_shares_that_cannot_be(trained, share):
    with pytest.raises(UsageError, match="share"):
        renormalised(trained, pictures(), share)


def test_statistics_need_pictures_and_layers(trained):
    with pytest.raises(UsageError, match="none came"):
        renormalised(trained, pictures(0))
    with pytest.raises(UsageError, match="no batch normalisation"):
        renormalised(nn.Flatten(), pictures())


def test_training_goes_on_from_the_encoder_and_leaves_it(trained):
    before, plan = state(trained), replace(PLAN, epochs=7)
    found, losses = pretrained_further(trained, pictures(), plan, device="cpu", projection_epochs=6)
    assert same(before, state(trained))
    assert len(losses) == 7
    assert losses[5] < losses[0]  # the projection head alone learns
    assert not found.training
    assert not same(before, state(found))
    again, repeated = pretrained_further(
        trained, pictures(), plan, device="cpu", projection_epochs=6
    )
    assert repeated == losses
    assert same(state(found), state(again))


def test_the_encoder_is_held_fast_while_its_projection_head_learns(trained, monkeypatch):
    seen = []

    def step(model, views, plan, ranks):
        seen.append(
            (model.encoder.training, all(p.requires_grad for p in model.encoder.parameters()))
        )
        return gradients(model, views, plan, ranks)

    from classifier import adaptation

    gradients = adaptation.contrastive_gradients
    monkeypatch.setattr(adaptation, "contrastive_gradients", step)
    found, _ = pretrained_further(trained, pictures(), PLAN, device="cpu")
    assert seen == [(False, False)] * 2 + [(True, True)] * 4
    assert all(p.requires_grad for p in found.parameters())


def test_trainings_that_cannot_be(trained):
    with pytest.raises(UsageError, match="projection_epochs"):
        pretrained_further(trained, pictures(), PLAN, device="cpu", projection_epochs=3)
    with pytest.raises(UsageError, match="batch"):
        pretrained_further(trained, pictures(4), PLAN, device="cpu")
    wild = TrainingPlan("resnet10", size=SIZE, epochs=4, batch=16, learning_rate=1e30)
    with pytest.raises(DataError, match="lower learning rate"):
        pretrained_further(trained, pictures(), wild, device="cpu")
