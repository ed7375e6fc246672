"""Between two latent spaces: the maps of one become maps of the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from combogan.networks.blocks import repeat_border
from combogan.networks.cpu import UnpaddedConvolution
from combogan.networks.latent import Latent, Maps

RIDGE = 1e-4
"""Weight of the penalty on large weights in `fit`, as a share of the mean square of the maps."""


class Adapter(nn.Module):
    """Maps as `taken` describes them -> maps as `given` describes them: of the same strides, perhaps other channels.

    Each map has an adapter of its own. A map of stride 1 is the source image, which is the same in every space.
    """

    def __init__(self, taken: Latent, given: Latent, *, blocks: int) -> None:
        super().__init__()
        self.shape = {"blocks": blocks}
        self.latent = given
        pairs = zip(taken.maps, given.maps, strict=True)
        self.maps = nn.ModuleDict(
            {
                str(place): MapAdapter(channels, out, blocks)
                for place, ((channels, stride), (out, _)) in enumerate(pairs)
                if stride > 1
            }
        )

    def forward(self, maps: Maps, place: int = 0) -> Maps:
        """`place` is not used: an adapter is the same for all domains of a space."""
        adapted = list(maps)
        for index, adapter in self.adapters():
            adapted[index] = adapter(maps[index])
        return tuple(adapted)

    def adapters(self) -> Iterator[tuple[int, MapAdapter]]:
        """The index of each map that is adapted, and its adapter."""
        for index, adapter in self.maps.items():
            assert isinstance(adapter, MapAdapter)
            yield int(index), adapter

    def start(self) -> None:
        """Make it the identity, as far as channels allow."""
        for _, adapter in self.adapters():
            adapter.start()

    @torch.no_grad()
    def fit(self, examples: Iterable[tuple[Maps, Maps]]) -> None:
        """Fit its 1x1 convolutions by least squares to examples of (maps taken, maps given)."""
        sums: dict[int, tuple[Tensor, Tensor]] = {}
        for taken, given in examples:
            for index, _ in self.adapters():
                x, y = _positions(taken[index]), _positions(given[index])
                x = torch.cat([x, torch.ones_like(x[:, :1])], 1)
                squares, products = sums.get(index, (0.0, 0.0))
                sums[index] = squares + x.T @ x, products + x.T @ y
        for index, adapter in self.adapters():
            squares, products = sums[index]
            squares.diagonal().add_(RIDGE * squares.diagonal().mean())
            solution = torch.linalg.solve(squares, products).T
            adapter.first.weight.copy_(solution[:, :-1, None, None])
            assert adapter.first.bias is not None
            adapter.first.bias.copy_(solution[:, -1])


class MapAdapter(nn.Module):
    """A 1x1 convolution, then residual blocks: (n, channels, h, w) -> (n, out, h, w)."""

    def __init__(self, channels: int, out: int, blocks: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, out, 1)
        self.blocks = nn.Sequential(*(AdapterBlock(out) for _ in range(blocks)))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.blocks(self.first(x))
        return y

    def start(self) -> None:
        """The convolution becomes the identity, as far as channels allow; the blocks add nothing."""
        nn.init.dirac_(self.first.weight)
        for block in self.blocks.modules():
            if isinstance(block, AdapterBlock):
                nn.init.zeros_(block.second.weight)


class AdapterBlock(nn.Module):
    """x plus two padded 3x3 convolutions of it (He et al. 2016), without norms: (n, channels, h, w) -> the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = UnpaddedConvolution(channels, channels, 3, bias=False)
        self.second = UnpaddedConvolution(channels, channels, 3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.first(repeat_border(x)))
        return x + self.second(repeat_border(y))


def _positions(one: Tensor) -> Tensor:
    """A map (n, channels, h, w) -> (n * h * w, channels), float64."""
    return one.double().movedim(1, -1).flatten(0, 2)
