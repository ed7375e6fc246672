"""Between two latent spaces: the maps of one become maps of the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from combogan.networks.blocks import repeat_border
from combogan.networks.cpu import UnpaddedConvolution
from combogan.networks.latent import Latent, Maps

LEAST_CHANNELS = 16
"""The fewest channels inside a residual block."""
RIDGE = 1e-4
"""Weight of the penalty on large weights in `fit`, as a share of the mean square of the maps."""


class Adapter(nn.Module):
    """Maps as `taken` describes them -> maps as `given` describes them: of the same strides, perhaps other channels.

    Each map has an adapter of its own, which also sees the next coarser map as it was adapted. So what a decoder gets
    of the source image changes too, where it gets any.
    """

    def __init__(self, taken: Latent, given: Latent, *, blocks: int) -> None:
        super().__init__()
        self.shape = {"blocks": blocks}
        self.latent = given
        self.maps = nn.ModuleList()
        coarser: tuple[int, int] | None = None
        for (channels, _), one in zip(taken.maps, given.maps, strict=True):
            self.maps.append(MapAdapter(channels, one, coarser, blocks))
            coarser = one

    def forward(self, maps: Maps, place: int = 0) -> Maps:
        """`place` is not used: an adapter is the same for all domains of a space."""
        adapted: list[Tensor] = []
        for adapter, one in zip(self.maps, maps, strict=True):
            adapted.append(adapter(one, adapted[-1] if adapted else None))
        return tuple(adapted)

    def start(self) -> None:
        """Make it the identity, as far as channels allow."""
        for adapter in self.adapters():
            adapter.start()

    def adapters(self) -> Iterator[MapAdapter]:
        """The adapter of each map."""
        for adapter in self.maps:
            assert isinstance(adapter, MapAdapter)
            yield adapter

    @torch.no_grad()
    def fit(self, examples: Iterable[tuple[Maps, Maps]]) -> None:
        """Fit its 1x1 convolutions by least squares to examples of (maps taken, maps given)."""
        sums: list[tuple[Tensor, Tensor]] = []
        for taken, given in examples:
            for index, (one, other) in enumerate(zip(taken, given, strict=True)):
                x, y = _positions(one), _positions(other)
                x = torch.cat([x, torch.ones_like(x[:, :1])], 1)
                if index == len(sums):
                    sums.append((x.new_zeros(x.shape[1], x.shape[1]), x.new_zeros(x.shape[1], y.shape[1])))
                sums[index][0].addmm_(x.T, x)
                sums[index][1].addmm_(x.T, y)
        for adapter, (squares, products) in zip(self.adapters(), sums, strict=True):
            squares.diagonal().add_(RIDGE * squares.diagonal().mean())
            solution = torch.linalg.solve(squares, products).T
            adapter.set(solution[:, :-1], solution[:, -1])

    @torch.no_grad()
    def match(self, taken: Tensor, given: Tensor) -> None:
        """Where a decoder gets the image: have images (n, 3, h, w) like those `taken` leave it with the mean and the
        deviation, in each channel, of those `given`."""
        if self.latent.maps[-1][1] == 1:
            (one, mean), (other, wanted) = (torch.std_mean(_positions(images), dim=0) for images in (taken, given))
            scale = other / one.clamp_min(1e-3)
            *_, last = self.adapters()
            last.set(scale.diag(), wanted - scale * mean)


class MapAdapter(nn.Module):
    """A map (n, channels, h, w) -> (n, out, h, w): a 1x1 convolution, what the coarser map adds, residual blocks."""

    def __init__(self, channels: int, given: tuple[int, int], coarser: tuple[int, int] | None, blocks: int) -> None:
        super().__init__()
        out, stride = given
        self.first = nn.Conv2d(channels, out, 1)
        self.coarser: nn.Module | None = None
        if coarser is not None:
            scale = coarser[1] // stride
            self.coarser = nn.Sequential(nn.Conv2d(coarser[0], out * scale**2, 1), nn.PixelShuffle(scale))
        self.blocks = nn.Sequential(*(AdapterBlock(out) for _ in range(blocks)))

    def forward(self, x: Tensor, coarser: Tensor | None = None) -> Tensor:
        y: Tensor = self.first(x)
        if self.coarser is not None:
            y = y + self.coarser(coarser)
        return self.blocks(y)

    def start(self) -> None:
        """The convolution becomes the identity, as far as channels allow; all else adds nothing."""
        for name, weight in self.named_parameters():
            if not name.endswith("first.weight"):
                nn.init.zeros_(weight)
        nn.init.dirac_(self.first.weight)

    def set(self, weight: Tensor, bias: Tensor) -> None:
        """Set the convolution to a matrix (out, channels) and a bias (out,)."""
        self.first.weight.copy_(weight[:, :, None, None])
        assert self.first.bias is not None
        self.first.bias.copy_(bias)


class AdapterBlock(nn.Module):
    """x plus two padded 3x3 convolutions of it (He et al. 2016), without norms: (n, channels, h, w) -> the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inside = max(channels, LEAST_CHANNELS)
        self.first = UnpaddedConvolution(channels, inside, 3, bias=False)
        self.second = UnpaddedConvolution(inside, channels, 3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.first(repeat_border(x)))
        return x + self.second(repeat_border(y))


def _positions(one: Tensor) -> Tensor:
    """A map (n, channels, h, w) -> (n * h * w, channels), float64."""
    return one.double().movedim(1, -1).flatten(0, 2)
