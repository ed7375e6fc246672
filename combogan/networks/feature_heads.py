"""Discriminators that see an image through a frozen, pretrained network (Projected GAN, Sauer et al. 2021).

What is frozen is shared by all domains: the network and a random mixing of its maps. A domain has small heads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from combogan.networks.features import STRIDES, features
from combogan.seeding import tensors

NETWORK = "efficientnet-lite0"
"""Another network than the one that `evaluate` scores with."""
HEAD_STRIDES = (4, 8, 16, 32)
"""Strides of the maps that heads see."""
MIXED = (64, 128, 256, 256)
"""Channels of each of these maps after mixing."""
HEAD_WIDTH = 48
KERNELS = (3, 3, 1, 1)
"""Sides of the convolutions of the heads at these strides.

At coarse strides, 3x3 convolutions overfit the pictures of a small folder (benchmarks/landscapes.md).
"""
FeatureMaps = Mapping[int, Tensor]
"""What a frozen network sees in images, (n, channels, h / stride, w / stride), by the stride; with key 1 `details`."""


class FrozenFeatures(nn.Module):
    """What discriminators and losses see in images (n, channels, h, w) in [-1, 1]: nothing here is trained.

    `forward` gives the network's maps in float32 by their stride. Its first convolution, of stride 2, hardly sees the
    finest detail, so `details` of the image itself, which come from no network, are beside them with key 1. `mixed`
    gives what heads see of the network's maps.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        """Raises FeaturesError where the network's weights are not installed."""
        super().__init__()
        self.network = features(NETWORK, device)
        self.mixing = Mixing([self.network.channels[STRIDES.index(stride)] for stride in HEAD_STRIDES]).to(device)

    def forward(self, image: Tensor) -> FeatureMaps:
        # Without autocast: on CPUs, depthwise convolutions in bfloat16 take twice as long on the way back.
        with torch.autocast(image.device.type, enabled=False):
            seen = zip(STRIDES, self.network(image.float()), strict=True)
            return {1: details(image.float()), **dict(seen)}

    def mixed(self, maps: FeatureMaps) -> list[Tensor]:
        """Maps by stride -> one map (n, MIXED[i], h / stride, w / stride) for each stride in HEAD_STRIDES."""
        return self.mixing([maps[stride] for stride in HEAD_STRIDES])


def details(image: Tensor) -> Tensor:
    """Image (n, c, h, w) -> 3x3 patches of what is finer than 3x3 averages, every 2 pixels: (n, 9 * c, h', w')."""
    fine = image[..., 1:-1, 1:-1] - F.avg_pool2d(image, 3, 1)
    rows, columns = ((side - 3) // 2 + 1 for side in fine.shape[2:])
    return F.unfold(fine, 3, stride=2).unflatten(2, (rows, columns))


class Mixing(nn.Module):
    """Fixed random convolutions: 1x1 within each map, then 3x3 from each map into the next finer one.

    Maps (n, channels[i], h / stride, w / stride) for the strides in HEAD_STRIDES -> as many of MIXED[i] channels.
    Random mixing spreads what a discriminator could look at over all channels, so that it cannot concentrate on a few
    (Sauer et al. 2021, section 3.2). It is the same in all runs.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        for place, (given, out) in enumerate(zip(channels, MIXED, strict=True)):
            self.register_buffer(f"within{place}", _random(place, "within", out, given, 1), persistent=False)
            if place + 1 < len(MIXED):
                coarser = _random(place, "from coarser", out, MIXED[place + 1], 3)
                self.register_buffer(f"coarser{place}", coarser, persistent=False)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        mixed = [F.conv2d(x, self.get_buffer(f"within{place}")) for place, x in enumerate(maps)]
        for place in reversed(range(len(mixed) - 1)):
            coarser = F.conv2d(mixed[place + 1], self.get_buffer(f"coarser{place}"), padding=1)
            mixed[place] = (mixed[place] + _enlarged(coarser, mixed[place].shape[2:])) / 2**0.5
        return mixed


class FeatureHeads(nn.Module):
    """Mixed maps -> a map of scores for each, (n, 1, h / stride, w / stride), finest first."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(
                SpectralConvolution(channels, HEAD_WIDTH, kernel, padding=kernel // 2),
                nn.LeakyReLU(0.2),
                SpectralConvolution(HEAD_WIDTH, HEAD_WIDTH, kernel, padding=kernel // 2),
                nn.LeakyReLU(0.2),
                SpectralConvolution(HEAD_WIDTH, 1, 1),
            )
            for channels, kernel in zip(MIXED, KERNELS, strict=True)
        )

    def forward(self, mixed: Sequence[Tensor]) -> list[Tensor]:
        return [head(x) for head, x in zip(self.heads, mixed, strict=True)]


class SpectralConvolution(nn.Conv2d):
    """(n, channels, h, w) -> (n, out, h', w'), by weights over their largest singular value (Miyato et al. 2018).

    The value is estimated by one power iteration per training pass. PyTorch's own draws its first vectors from global
    random state; here the first vector is constant.
    """

    def __init__(self, channels: int, out: int, kernel: int, *, padding: int = 0) -> None:
        super().__init__(channels, out, kernel, padding=padding)
        self.register_buffer("left", torch.full((out,), out**-0.5))

    def forward(self, x: Tensor) -> Tensor:
        matrix, left = self.weight.flatten(1), self.get_buffer("left")
        with torch.autocast(x.device.type, enabled=False):
            with torch.no_grad():
                right = F.normalize(matrix.T @ left, dim=0)
                new = F.normalize(matrix @ right, dim=0)
                if self.training and self.weight.requires_grad:
                    left.copy_(new)
            weight = self.weight / (new @ matrix @ right).clamp(min=1e-12)
        return self._conv_forward(x, weight, self.bias)


def _enlarged(x: Tensor, size: torch.Size) -> Tensor:
    """Bilinear interpolation (n, c, h, w) -> (n, c, *size) as two matrix products.

    On CUDA, PyTorch's own has no deterministic backward.
    """
    rows, columns = (
        F.interpolate(torch.eye(old, device=x.device, dtype=x.dtype)[None], size=new, mode="linear")[0]
        for old, new in zip(x.shape[2:], size, strict=True)
    )
    return rows.T @ (x @ columns)


def _random(place: int, name: str, out: int, channels: int, kernel: int) -> Tensor:
    """Weights (out, channels, kernel, kernel) that keep the scale of their input."""
    drawn = torch.randn(out, channels, kernel, kernel, generator=tensors(0, "mixing", name, place), device="cpu")
    return drawn / (channels * kernel**2) ** 0.5
