"""The encoder and what sits on it: f(x), the projection head g(h), and a head that names classes.

Johnson et al. 2021 take ResNet18, initialised at random, as encoder, and
g(h) = W2 max(0, W1 h) without biases as projection head. Their paper leaves two things open, which
are decided here as in SimCLR (Chen et al. 2020): W1 keeps the width of h, and W2 brings it to 128.
Frames have one channel, so the first convolution has one as well.

References
----------
- Johnson et al. 2021, A Contrastive Learning Approach to Auroral Identification and
  Classification, section III-B.
- He et al. 2016, Deep Residual Learning for Image Recognition.
- Chen et al. 2020, A Simple Framework for Contrastive Learning of Visual Representations.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from auroral_stats.errors import UsageError
from auroral_stats.labels import CLASSES

__all__ = [
    "ARCHITECTURES",
    "Classifier",
    "ClassifierHead",
    "ProjectionHead",
    "encoder",
    "feature_count",
    "find_device",
    "fold_batch_norms",
    "seeded",
]

#: Blocks in each of the four stages, and the length of h, by name. All but ``resnet10``, which has
#: half the layers and half the cost of ``resnet18``, are those of He et al. 2016.
ARCHITECTURES: Mapping[str, tuple[tuple[int, int, int, int], int]] = MappingProxyType(
    {
        "resnet10": ((1, 1, 1, 1), 512),
        "resnet18": ((2, 2, 2, 2), 512),
        "resnet34": ((3, 4, 6, 3), 512),
        "resnet50": ((3, 4, 6, 3), 2048),
    }
)

#: Length of z, on which the contrastive loss is taken.
PROJECTED = 128


def feature_count(name: str) -> int:
    """Return the length of the representation of an architecture.

    Parameters
    ----------
    name : str
        One of :data:`ARCHITECTURES`.

    Returns
    -------
    int

    Raises
    ------
    UsageError
        If the name is unknown.

    Examples
    --------
    >>> feature_count("resnet18")
    512
    """
    return _architecture(name)[1]


def encoder(name: str = "resnet18", channels: int = 1) -> nn.Module:
    """Build an encoder f, initialised at random from torch's global random numbers.

    Parameters
    ----------
    name : str
        One of :data:`ARCHITECTURES`.
    channels : int
        Channels of the pictures.

    Returns
    -------
    Module
        Takes float (n, channels, s, s) in [0, 1], s at least 32, and gives h (n, 512), or
        (n, 2048) for ``resnet50``.

    Raises
    ------
    UsageError
        If the name is unknown.

    Examples
    --------
    >>> with seeded(0):
    ...     f = encoder()
    >>> f(torch.rand(2, 1, 64, 64)).shape
    torch.Size([2, 512])
    """
    from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

    blocks, _ = _architecture(name)
    built: nn.Module = ResNet(Bottleneck if name == "resnet50" else BasicBlock, list(blocks))
    built.conv1 = nn.Conv2d(channels, 64, kernel_size=7, stride=2, padding=3, bias=False)
    nn.init.kaiming_normal_(built.conv1.weight, mode="fan_out", nonlinearity="relu")
    built.fc = nn.Identity()
    return built


class ProjectionHead(nn.Sequential):  # type: ignore[misc]
    """The head g(h) = W2 max(0, W1 h), without biases.

    Parameters
    ----------
    features : int
        Length of h, and rows of W1.
    projected : int
        Length of z, rows of W2.

    Examples
    --------
    >>> g = ProjectionHead(512)
    >>> g(torch.rand(2, 512)).shape, [tuple(w.shape) for w in g.parameters()]
    (torch.Size([2, 128]), [(512, 512), (128, 512)])
    """

    def __init__(self, features: int = 512, projected: int = PROJECTED) -> None:
        super().__init__(
            nn.Linear(features, features, bias=False),
            nn.ReLU(),
            nn.Linear(features, projected, bias=False),
        )


class ClassifierHead(nn.Sequential):  # type: ignore[misc]
    """Two layers from a representation to the logits of the classes.

    Parameters
    ----------
    features : int
        Length of h.
    hidden : int
        Units between the layers.
    classes : int
        Number of classes.

    Examples
    --------
    >>> ClassifierHead(512)(torch.rand(2, 512)).shape
    torch.Size([2, 6])
    """

    def __init__(self, features: int = 512, hidden: int = 256, classes: int = len(CLASSES)) -> None:
        super().__init__(nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, classes))


class Classifier(nn.Module):  # type: ignore[misc]
    """An encoder and a head.

    Parameters
    ----------
    encoder : Module
        Gives h (n, features).
    head : Module
        Gives logits (n, classes).

    Examples
    --------
    >>> model = Classifier(encoder("resnet10"), ClassifierHead())
    >>> model(torch.rand(2, 1, 64, 64)).shape
    torch.Size([2, 6])
    """

    def __init__(self, encoder: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, (n, classes), for pictures (n, channels, s, s) in [0, 1]."""
        logits: Tensor = self.head(self.encoder(images))
        return logits


def fold_batch_norms(model: nn.Module) -> nn.Module:
    """Put what batch norms do to trained channels into the convolutions before them.

    Parameters
    ----------
    model : Module
        An encoder, or a classifier with one, in evaluation mode; left as it is.

    Returns
    -------
    Module
        Gives the same numbers to rounding, in a third less time on a CPU. It cannot be trained on.

    Examples
    --------
    >>> model = encoder("resnet10").eval()
    >>> images = torch.rand(2, 1, 64, 64)
    >>> torch.allclose(fold_batch_norms(model)(images), model(images), atol=1e-4)
    True
    """
    folded = copy.deepcopy(model)
    for module in list(folded.modules()):
        # As torchvision's residual networks name them; a shortcut is a convolution and its norm.
        names = {"0": "1"} if isinstance(module, nn.Sequential) else _NORMS
        for convolution, norm in names.items():
            first, second = (getattr(module, name, None) for name in (convolution, norm))
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                setattr(module, convolution, fuse_conv_bn_eval(first, second))
                setattr(module, norm, nn.Identity())
    return folded


_NORMS = {"conv1": "bn1", "conv2": "bn2", "conv3": "bn3"}


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from torch's global random numbers by a seed, and leave them as they were.

    Parameters
    ----------
    seed : int

    Examples
    --------
    >>> before = torch.random.get_rng_state()
    >>> with seeded(5):
    ...     a = torch.rand(2)
    >>> bool((torch.random.get_rng_state() == before).all())
    True
    """
    # Modules are made on the CPU, so that its stream alone counts.
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)
        yield


def find_device(name: str | torch.device = "auto") -> torch.device:
    """Return the device to work on.

    Parameters
    ----------
    name : str or torch.device
        ``auto`` takes a GPU if there is one; ``cpu``, ``cuda``, ``cuda:1``, ``mps`` and so on.

    Returns
    -------
    torch.device

    Raises
    ------
    UsageError
        If the device is unknown or not there.

    Examples
    --------
    >>> find_device("cpu")
    device(type='cpu')
    """
    if str(name) == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"device {str(name)!r} cannot be used ({reason}); take 'cpu', or 'auto' for a GPU "
            "where there is one."
        ) from None
    return device


def _architecture(name: str) -> tuple[tuple[int, int, int, int], int]:
    try:
        return ARCHITECTURES[name]
    except KeyError:
        raise UsageError(
            f"architecture {name!r} is not known; known are {', '.join(ARCHITECTURES)}."
        ) from None
