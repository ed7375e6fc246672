"""The projected discriminator: heads that learn on mixed features of a frozen network (Sauer et al. 2021).

Everything but the heads is fixed, the same for every domain and run, and in memory once.
"""

from __future__ import annotations

import math
from itertools import pairwise
from threading import Lock

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from combogan.networks.features import Features, FrozenConvolution, features
from combogan.seeding import tensors

CHANNELS = (64, 128, 256, 256)
"""Channels of the mixed maps at strides 4, 8, 16 and 32."""
POWER_ITERATIONS = 15
"""Power iterations on first weights, as in PyTorch's own spectral norm."""

_made: dict[tuple[str, torch.device], Projection] = {}
_making = Lock()


class Projection(nn.Module):
    """Image (n, 3, h, w) in [-1, 1] -> a list of maps (n, CHANNELS[i], ceil(h / s), ceil(w / s)), s = 4, 8, 16, 32.

    Cross-channel mixing: a 1x1 convolution of each map of features. Cross-scale mixing, from coarse to fine: a 3x3
    convolution of the coarser mixed map, twice as large, is added, and the sum is divided by the square root of 2. The
    convolutions are drawn once from `generator` (He et al. 2015, without the gain of a ReLU, for none follows) and
    never trained.
    """

    def __init__(self, network: Features, generator: torch.Generator) -> None:
        super().__init__()
        self.network = network
        seen = network.channels[-len(CHANNELS) :]
        self.across_channels = nn.ModuleList(
            _random_convolution(channels, wanted, 1, generator) for channels, wanted in zip(seen, CHANNELS, strict=True)
        )
        self.across_scales = nn.ModuleList(
            _random_convolution(coarse, fine, 3, generator) for fine, coarse in pairwise(CHANNELS)
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        maps = self.network(image)[-len(CHANNELS) :]
        maps = [convolution(x) for convolution, x in zip(self.across_channels, maps, strict=True)]
        for level in reversed(range(len(maps) - 1)):
            maps[level] = fused(maps[level], self.across_scales[level](maps[level + 1]))
        return maps


def projection(name: str, device: torch.device | str = "cpu") -> Projection:
    """The projection through a network of `features` on a device: the same object for every caller in this process.

    Raises FeaturesError.
    """
    network = features(name, device)
    place = network.stem.weight.device
    with _making:
        if (name, place) not in _made:
            made = Projection(network, tensors(0, "projection", name)).eval()
            _made[name, place] = made.to(place, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return _made[name, place]


class SpectralConvolution(nn.Conv2d):
    """A padded k x k convolution (n, c, h, w) -> (n, o, h, w) whose weight, as a matrix (o, k * k * c), is divided by
    its largest singular value (Miyato et al. 2018).

    Each forward in training makes one power iteration on the buffer `left`, the left singular vector. It belongs to
    the state and to no other convolution. First weights are a function of `generator`, on the CPU.
    """

    def __init__(self, channels: int, out: int, kernel: int, generator: torch.Generator) -> None:
        super().__init__(channels, out, kernel, padding=kernel // 2)
        self.left: Tensor
        self.register_buffer("left", torch.randn(out, generator=generator))
        nn.init.kaiming_uniform_(self.weight, math.sqrt(5), generator=generator)
        nn.init.zeros_(self.bias)  # type: ignore[arg-type]
        for _ in range(POWER_ITERATIONS):
            self._iterate()

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            right = self._iterate() if self.training else self._right()
            weight = self.weight / torch.dot(self.left.clone(), self._matrix() @ right)
        return self._conv_forward(x, weight, self.bias)

    @torch.no_grad()
    def _iterate(self) -> Tensor:
        """One power iteration: changes the left singular vector, gives the right one."""
        right = self._right()
        self.left.copy_(F.normalize(self._matrix() @ right, dim=0))
        return right

    @torch.no_grad()
    def _right(self) -> Tensor:
        return F.normalize(self.left @ self._matrix(), dim=0)

    def _matrix(self) -> Tensor:
        """The weight as a matrix (o, k * k * c): no copy of a weight in the channels_last memory format."""
        return self.weight.permute(0, 2, 3, 1).flatten(1)


class Heads(nn.Module):
    """What a domain trains on a projection: its maps -> a list of maps of scores (n, 1, h / s, w / s), one per map.

    Each head sees a map through two 3x3 convolutions and scores it by a 1x1 one, all spectrally normalised. Their first
    weights are a function of `generator`, on the CPU.
    """

    def __init__(self, *, width: int = 48, generator: torch.Generator) -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            nn.Sequential(
                SpectralConvolution(channels, width, 3, generator),
                nn.LeakyReLU(0.2),
                SpectralConvolution(width, width, 3, generator),
                nn.LeakyReLU(0.2),
                SpectralConvolution(width, 1, 1, generator),
            )
            for channels in CHANNELS
        )

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        return [head(x) for head, x in zip(self.levels, maps, strict=True)]


def fused(fine: Tensor, coarse: Tensor) -> Tensor:
    """Map (n, c, h, w) and one of half its size, rounded up, -> their sum over the square root of 2."""
    with torch.autocast(fine.device.type, enabled=False):
        height, width = fine.shape[2:]
        return (fine + doubled(coarse)[..., :height, :width]) * math.sqrt(0.5)


def doubled(x: Tensor) -> Tensor:
    """Map (n, c, h, w) -> (n, c, 2h, 2w), bilinear.

    On CUDA by slices, because PyTorch's own has no deterministic backward there.
    """
    if not x.is_cuda:
        return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
    for axis in (2, 3):
        size = x.shape[axis]
        before = torch.cat([x.narrow(axis, 0, 1), x.narrow(axis, 0, size - 1)], axis)
        after = torch.cat([x.narrow(axis, 1, size - 1), x.narrow(axis, size - 1, 1)], axis)
        pair = torch.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], axis + 1)
        x = pair.flatten(axis, axis + 1)
    return x


def _random_convolution(channels: int, out: int, kernel: int, generator: torch.Generator) -> FrozenConvolution:
    weight = torch.empty(out, channels, kernel, kernel)
    return FrozenConvolution(nn.init.kaiming_normal_(weight, nonlinearity="linear", generator=generator))
