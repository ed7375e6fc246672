"""The encoders: image to latent and skip maps. A domain's encoder is of the same kind as all decoders it feeds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from combogan.networks.blocks import Reflect, ResidualBlock, norm_and_activation, padded
from combogan.networks.cpu import UnpaddedConvolution, WideConvolution
from combogan.networks.latent import Latent, Maps


class Encoder(nn.Module):
    """Image (n, 3, h, w) in [-1, 1] -> the maps that `latent` describes; h and w are multiples of 4, at least 8."""

    latent: Latent
    shape: dict[str, Any]
    """The arguments of `encoder` that build it again."""


class ResnetEncoder(Encoder):
    """Image (n, 3, h, w) in [-1, 1] -> (latent,), (n, 4 * width, h / 4, w / 4).

    The first half of Johnson et al.'s (2016) transformation network, cut as in Anoosheh et al. 2017.
    """

    def __init__(
        self, *, width: int, blocks: int, activation: str = "relu", norm: str = "instance", dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.shape = {"width": width, "blocks": blocks, "activation": activation, "norm": norm, "dropout": dropout}
        self.latent = Latent(channels=4 * width, stride=4)
        bias = norm != "batch"
        layers: list[nn.Module] = [Reflect(3), WideConvolution(3, width, 7, bias=bias)]
        layers += norm_and_activation(width, norm, activation)
        for channels in (width, 2 * width):
            layers.append(nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1, bias=bias))
            layers += norm_and_activation(2 * channels, norm, activation)
        for _ in range(blocks):
            layers.append(ResidualBlock(4 * width, activation=activation, norm=norm, dropout=dropout))
        self.layers = nn.Sequential(*layers)

    def forward(self, image: Tensor) -> Maps:
        return (self.layers(image),)


class SkipEncoder(Encoder):
    """Image (n, 3, h, w) in [-1, 1] -> (latent, map of stride 2, the image itself).

    Latent (n, 4 * width, h / 4, w / 4) and map (n, 2 * width, h / 2, w / 2). The skip connections (Ronneberger et al.
    2015) carry light, colour and edges past the norms, so that the latent need not hold them.
    """

    def __init__(
        self, *, width: int, blocks: int, activation: str = "relu", norm: str = "instance", dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.shape = {"kind": "skip", "width": width, "blocks": blocks, "activation": activation}
        self.shape |= {"norm": norm, "dropout": dropout}
        self.latent = skip_latent(width)
        bias = norm != "batch"
        self.fine = nn.Sequential(
            *padded(UnpaddedConvolution(12, 2 * width, 3)),
            nn.LeakyReLU(0.2),
            *padded(UnpaddedConvolution(2 * width, 2 * width, 3, bias=bias)),
            *norm_and_activation(2 * width, norm, activation),
        )
        self.coarse = nn.Sequential(
            *padded(nn.Conv2d(2 * width, 4 * width, 3, stride=2, bias=bias)),
            *norm_and_activation(4 * width, norm, activation),
            *(ResidualBlock(4 * width, activation=activation, norm=norm, dropout=dropout) for _ in range(blocks)),
        )

    def forward(self, image: Tensor) -> Maps:
        fine = self.fine(F.pixel_unshuffle(image, 2))
        return self.coarse(fine), fine, image


def skip_latent(width: int) -> Latent:
    """What skip encoders of a width hand over."""
    return Latent(channels=4 * width, stride=4, skips=((2 * width, 2), (3, 1)))


ENCODERS: dict[str, Callable[..., Encoder]] = {"resnet": ResnetEncoder, "skip": SkipEncoder}


def encoder(kind: str = "resnet", **shape: Any) -> Encoder:
    """An encoder of a kind in ENCODERS."""
    return ENCODERS[kind](**shape)
