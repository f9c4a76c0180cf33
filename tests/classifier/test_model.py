import pytest

from auroral_stats.errors import UsageError

torch = pytest.importorskip("torch")

from torchvision.models import resnet18

from classifier.model import (
    ARCHITECTURES,
    Classifier,
    ClassifierHead,
    ProjectionHead,
    encoder,
    feature_count,
    find_device,
    fold_batch_norms,
    seeded,
)


def test_resnet18_is_that_of_torchvision_but_for_its_ends():
    ours, theirs = encoder("resnet18"), resnet18().state_dict()
    state = ours.state_dict()
    assert state["conv1.weight"].shape == (64, 1, 7, 7)
    assert theirs.keys() - state.keys() == {"fc.weight", "fc.bias"}
    same = [name for name in state if name != "conv1.weight"]
    assert all(state[name].shape == theirs[name].shape for name in same)
    # grey pictures in all three channels of the published one give the same representation
    colour = resnet18()
    colour.fc = torch.nn.Identity()
    colour.load_state_dict(
        {**state, "conv1.weight": state["conv1.weight"].expand(-1, 3, -1, -1) / 3}
    )
    x = torch.rand(2, 1, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(
            ours.eval()(x), colour.eval()(x.expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("size", [32, 64])
def test_encoders_give_representations_of_the_stated_length(name: str, size: int):
    with torch.device("meta"):
        made = encoder(name).eval()
        assert made(torch.empty(3, 1, size, size)).shape == (3, feature_count(name))


def test_the_projection_head_is_two_matrices_and_a_rectifier():
    head = ProjectionHead(8, 3).double()
    h = torch.randn(5, 8, dtype=torch.float64)
    w1, w2 = head.parameters()
    torch.testing.assert_close(head(h), (w2 @ torch.clamp(w1 @ h.T, min=0)).T)


def test_a_classifier_is_its_head_on_its_encoder():
    model = Classifier(encoder("resnet10"), ClassifierHead()).eval()
    x = torch.rand(2, 1, 32, 32)
    assert torch.equal(model(x), model.head(model.encoder(x)))
    assert model(x).shape == (2, 6)


def test_a_seed_gives_the_same_weights_and_leaves_the_random_numbers_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    states = []
    for seed in (1, 1, 2):
        with seeded(seed):
            states.append(encoder("resnet10").state_dict()["conv1.weight"])
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_unknown_names_are_refused_with_those_that_are_known():
    with pytest.raises(UsageError, match=r"vgg.*resnet18"):
        encoder("vgg")
    with pytest.raises(UsageError, match="'nosuch' cannot be used"):
        find_device("nosuch")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_one_clear_line():
    with pytest.raises(UsageError, match=r"'cuda' cannot be used.*take 'cpu'") as caught:
        find_device("cuda")
    assert "\n" not in str(caught.value)
    assert find_device("auto") == torch.device("cpu")


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_folding_leaves_no_batch_norm_and_the_same_numbers(name: str):
    with seeded(3):
        model = Classifier(encoder(name), ClassifierHead(feature_count(name)))
        # statistics and scales as training leaves them: none is 0 or 1
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                torch.nn.init.uniform_(module.weight, 0.3, 1.5)
                torch.nn.init.normal_(module.bias, std=0.3)
                module.running_mean.normal_(std=0.5)
                module.running_var.uniform_(0.5, 2)
        x = torch.rand(3, 1, 64, 64, dtype=torch.float64)
    model = model.double().eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    folded = fold_batch_norms(model)
    assert not any(isinstance(each, torch.nn.BatchNorm2d) for each in folded.modules())
    with torch.inference_mode():
        torch.testing.assert_close(folded(x), model(x), rtol=1e-9, atol=1e-9)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
