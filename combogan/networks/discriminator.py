"""The discriminators: a score for every patch of an image, high where it looks real."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from combogan.networks.blocks import ACTIVATIONS, at_least_float32, norm_and_activation
from combogan.networks.cpu import SmallMapConvolution
from combogan.networks.encoder import COLOUR, unless_colour

IMAGES_SEEN = {"image": 1, "both": 2}
"""Images that a discriminator sees together."""
LUMINANCE = (0.299, 0.587, 0.114)
BLUR_SIZE, BLUR_SIGMA = 5, 3.0


class Discriminator(nn.Module):
    """Image (n, channels, h, w) -> a list of maps of scores, from fine to coarse."""

    shape: dict[str, Any]
    """The arguments of `discriminator` that build it again."""


class PatchDiscriminator(Discriminator):
    """Image (n, channels, h, w) -> one map of scores in a list, (n, 1, h', w'), one per patch.

    h' and w' are about h / 2^layers and w / 2^layers, and a few more or fewer with the padding.
    Isola et al. 2017, as in CycleGAN (padding 1) and the release of ComboGAN (padding 2). If it `sees` both, the image
    that was translated and its translation are given together, (n, 2 * channels, h, w).
    """

    def __init__(
        self,
        *,
        width: int,
        layers: int,
        activation: str = "leaky",
        norm: str = "instance",
        padding: int = 2,
        sees: str = "image",
        channels: int = COLOUR,
    ) -> None:
        super().__init__()
        self.shape = {"kind": "patch", "width": width, "layers": layers, "activation": activation, "norm": norm}
        self.shape |= {"padding": padding, "sees": sees} | unless_colour(channels)
        bias = norm == "instance"
        first = SmallMapConvolution(IMAGES_SEEN[sees] * channels, width, 4, stride=2, padding=padding)
        body: list[nn.Module] = [first, ACTIVATIONS[activation]()]
        maps = width
        for layer in range(1, layers + 1):
            wider = width * min(2**layer, 8)
            stride = 2 if layer < layers else 1
            body.append(SmallMapConvolution(maps, wider, 4, stride=stride, padding=padding, bias=bias))
            body += norm_and_activation(wider, norm, activation)
            maps = wider
        body.append(SmallMapConvolution(maps, 1, 4, padding=padding))
        self.layers = nn.Sequential(*body)

    def forward(self, image: Tensor) -> list[Tensor]:
        return self.scores_and_maps(image)[0]

    def scores_and_maps(self, image: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """The scores, and what each layer between the first and the last finds: `layers` maps, after the norm."""
        maps = [self.layers[:2](image)]
        for start in range(2, len(self.layers) - 1, 3):
            maps.append(self.layers[start : start + 3](maps[-1]))
        return [self.layers[-1](maps[-1])], maps[1:]


class DeepDiscriminator(nn.Module):
    """Image (n, channels, h, w) -> a list of maps of scores (n, h', w'), one after every layer but the first.

    Each middle layer has one channel more than it passes on: that channel is its map of scores.
    """

    def __init__(self, channels: int, *, width: int, layers: int, activation: str, norm: str, padding: int = 2) -> None:
        super().__init__()
        bias = norm == "instance"
        self.stem = nn.Sequential(
            SmallMapConvolution(channels, width, 4, stride=2, padding=padding), ACTIVATIONS[activation]()
        )
        self.middle = nn.ModuleList()
        channels = width
        for layer in range(1, layers):
            wider = width * min(2**layer, 8)
            convolution = SmallMapConvolution(channels, wider + 1, 4, stride=2, padding=padding, bias=bias)
            self.middle.append(nn.Sequential(convolution, *norm_and_activation(wider + 1, norm, activation)))
            channels = wider
        wider = width * min(2**layers, 8)
        self.head = nn.Sequential(
            SmallMapConvolution(channels, wider, 4, padding=padding, bias=bias),
            *norm_and_activation(wider, norm, activation),
            SmallMapConvolution(wider, 1, 4, padding=padding),
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        scores = []
        x = self.stem(image)
        for layer in self.middle:
            x = layer(x)
            scores.append(x[:, -1])
            x = x[:, :-1]
        return [*scores, self.head(x)[:, 0]]


class SplitDiscriminator(Discriminator):
    """Image (n, channels, h, w) -> a list of maps (n, 2h', w'), from fine to coarse: luminance's scores above colour's.

    One network sees only luminance, the other only blurred colour (last published ComboGAN).
    """

    def __init__(
        self,
        *,
        width: int,
        layers: int,
        activation: str = "prelu",
        norm: str = "instance",
        padding: int = 2,
        channels: int = COLOUR,
    ) -> None:
        super().__init__()
        shape: dict[str, Any] = {"width": width, "layers": layers, "activation": activation, "norm": norm}
        shape |= {"padding": padding}
        self.shape = {"kind": "split"} | shape | unless_colour(channels)
        self.luminance = DeepDiscriminator(1, **shape)
        self.colour = DeepDiscriminator(channels, **shape)
        blur = _gaussian(BLUR_SIZE, BLUR_SIGMA).expand(channels, 1, -1, -1).clone()
        grey = torch.tensor(LUMINANCE if channels == COLOUR else (1.0,)).view(1, -1, 1, 1)
        self.register_buffer("grey", grey, persistent=False)
        self.register_buffer("blur", blur, persistent=False)

    def forward(self, image: Tensor) -> list[Tensor]:
        image = at_least_float32(image)
        luminance = (image * self.get_buffer("grey")).sum(1, keepdim=True)
        colour = F.conv2d(image, self.get_buffer("blur"), padding=BLUR_SIZE // 2, groups=image.shape[1])
        pairs = zip(self.luminance(luminance), self.colour(colour), strict=True)
        return [torch.cat(pair, 1) for pair in pairs]


def _gaussian(size: int, sigma: float) -> Tensor:
    """A (size, size) Gaussian kernel, mirrored at its borders: SciPy's filter applied to a single bright pixel."""
    reach = 4 * int(sigma + 0.5)
    line = torch.arange(-reach, reach + 1, dtype=torch.float64, device="cpu")
    weights = torch.exp(-(line**2) / (2 * sigma**2))
    weights /= weights.sum()
    # A weight that falls outside the kernel is added to the pixel that mirrors it.
    centre, kernel = size // 2, torch.zeros(size, dtype=torch.float64, device="cpu")
    for offset, weight in zip(line.int().tolist(), weights.tolist(), strict=True):
        place = (centre + offset) % (2 * size)
        kernel[place if place < size else 2 * size - 1 - place] += weight
    return torch.outer(kernel, kernel).float()


def real_and_fake_maps(network: nn.Module, real: Tensor, fake: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Real and fake images (n, channels, h, w) -> their maps, in one pass unless a norm would mix the images."""
    if any(isinstance(module, nn.BatchNorm2d) for module in network.modules()):
        return network(real), network(fake)
    maps = [both.split([len(real), len(fake)]) for both in network(torch.cat([real, fake]))]
    return [of_real for of_real, _ in maps], [of_fake for _, of_fake in maps]


DISCRIMINATORS: dict[str, Callable[..., Discriminator]] = {"patch": PatchDiscriminator, "split": SplitDiscriminator}


def discriminator(kind: str, **shape: Any) -> Discriminator:
    """A discriminator of a kind in DISCRIMINATORS; all give a list of maps of scores, from fine to coarse."""
    return DISCRIMINATORS[kind](**shape)
