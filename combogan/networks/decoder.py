"""The decoders: latent and skip maps to image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from combogan.networks.blocks import (
    ACTIVATIONS,
    Dropout,
    NearestUpsampling,
    Reflect,
    ResidualBlock,
    norm_and_activation,
    padded,
)
from combogan.networks.cpu import UnpaddedConvolution, WideConvolution
from combogan.networks.encoder import COLOUR, skip_latent, unet_channels, unet_latent, unet_shape, unless_colour
from combogan.networks.latent import Latent, Maps
from combogan.networks.noise import Noise

# Kernel size, padding and output padding of the transposed convolution that doubles height and width.
UPSAMPLING = {"transposed-4x4": (4, 1, 0), "transposed-3x3": (3, 1, 1)}


class Decoder(nn.Module):
    """The maps that `latent` describes -> image (n, channels, h, w) in [-1, 1], of 3 or 1 channels."""

    latent: Latent
    shape: dict[str, Any]
    """The arguments of `decoder` that build it again."""


class ResnetDecoder(Decoder):
    """(latent,), (n, 4 * width, h / 4, w / 4) -> image (n, channels, h, w) in [-1, 1].

    The second half of Johnson et al.'s (2016) transformation network, cut as in Anoosheh et al. 2017.
    """

    def __init__(
        self,
        *,
        width: int,
        blocks: int,
        activation: str = "relu",
        norm: str = "instance",
        dropout: float = 0.0,
        upsampling: str = "transposed-4x4",
        channels: int = COLOUR,
    ) -> None:
        super().__init__()
        self.shape = {"width": width, "blocks": blocks, "activation": activation, "norm": norm, "dropout": dropout}
        self.shape |= {"upsampling": upsampling} | unless_colour(channels)
        self.latent = Latent(channels=4 * width, stride=4)
        bias = norm != "batch"
        kernel, padding, extra = UPSAMPLING[upsampling]
        layers: list[nn.Module] = [
            ResidualBlock(4 * width, activation=activation, norm=norm, dropout=dropout) for _ in range(blocks)
        ]
        for maps in (4 * width, 2 * width):
            layers.append(nn.ConvTranspose2d(maps, maps // 2, kernel, 2, padding, extra, bias=bias))
            layers += norm_and_activation(maps // 2, norm, activation)
        layers += [Reflect(3), WideConvolution(width, channels, 7), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, maps: Maps) -> Tensor:
        return self.layers(maps[0])


class SkipDecoder(Decoder):
    """(latent, map of stride 2, source image), as SkipEncoder gives them -> image (n, channels, h, w) in [-1, 1].

    No norm follows the last upsampling, so the source's light and colours can pass. Each upsampling repeats pixels
    before it convolves them, which leaves no grid of dots (Odena et al. 2016). Repeated pixels have no finest detail:
    that of the source joins them before the last activation, which lets it through in some places only. With `noise`,
    all maps get noise to make texture of.
    """

    def __init__(
        self,
        *,
        width: int,
        blocks: int,
        activation: str = "relu",
        norm: str = "instance",
        dropout: float = 0.0,
        noise: int = 0,
        channels: int = COLOUR,
    ) -> None:
        super().__init__()
        self.shape = {"kind": "skip", "width": width, "blocks": blocks, "activation": activation}
        self.shape |= {"norm": norm, "dropout": dropout} | unless_colour(channels)
        if noise:
            self.shape["noise"] = noise
        self.latent = skip_latent(width, channels)
        style: dict[str, Any] = {"activation": activation, "norm": norm, "dropout": dropout}
        self.blocks = nn.Sequential(*(ResidualBlock(4 * width, **style) for _ in range(blocks)))
        self.coarse_noise, self.fine_noise, self.finest_noise = (
            Noise(stride * width, stride=stride) if noise else nn.Identity() for stride in (4, 2, 1)
        )
        self.up = NearestUpsampling(4 * width, 2 * width)
        self.fine = nn.Sequential(*padded(UnpaddedConvolution(2 * width, 2 * width, 3, bias=False)))
        self.merged = nn.Sequential(
            *norm_and_activation(2 * width, norm, activation),
            ResidualBlock(2 * width, **style),
            NearestUpsampling(2 * width, width),
        )
        self.details = nn.Sequential(*padded(UnpaddedConvolution(channels, width, 3, bias=False)))
        self.activation = nn.LeakyReLU(0.2)
        self.last = nn.Sequential(Reflect(2), WideConvolution(width + channels, channels, 5), nn.Tanh())

    def forward(self, maps: Maps) -> Tensor:
        latent, fine, source = maps
        y = self.up(self.blocks(self.coarse_noise(latent)))
        y = self.merged(self.fine_noise(y + self.fine(fine)))  # one convolution of both maps, concatenated
        source = source.to(y.dtype)
        y = torch.add(y, self.details(source))  # not by +, which would keep the whole map where it is computed in tiles
        y = self.activation(self.finest_noise(y))
        return self.last(torch.cat([y, source], 1))


class UnetDecoder(Decoder):
    """Latent and, with `skips`, the finer maps, as UnetEncoder gives them -> image (n, channels, h, w) in [-1, 1].

    Transposed 4x4 convolutions of stride 2; a finer map is concatenated before the next one. Dropout is where it is
    published: after the coarsest maps of 8 * width channels but the first.
    """

    def __init__(
        self,
        *,
        width: int,
        depth: int,
        skips: int = 1,
        activation: str = "relu",
        norm: str = "instance",
        dropout: float = 0.0,
        channels: int = COLOUR,
    ) -> None:
        super().__init__()
        self.shape = unet_shape(width, depth, skips, activation, norm, dropout, channels)
        self.latent = unet_latent(width, depth, skips)
        widths = unet_channels(width, depth)
        bias, times = norm != "batch", 2 if skips else 1
        self.activation = ACTIVATIONS[activation]()
        self.levels = nn.ModuleList()
        for level in range(depth - 1, 0, -1):
            given = widths[level] * (1 if level == depth - 1 else times)
            out = widths[level - 1]
            layers = [nn.ConvTranspose2d(given, out, 4, 2, 1, bias=bias), *norm_and_activation(out, norm, activation)]
            if dropout and UNET_PLAIN <= level < depth - 1:
                layers.append(Dropout(dropout))
            self.levels.append(nn.Sequential(*layers))
        self.last = nn.ConvTranspose2d(times * width, channels, 4, 2, 1)

    def forward(self, maps: Maps) -> Tensor:
        latent, *skips = maps
        y = self.activation(latent)
        for place, level in enumerate(self.levels):
            y = level(y)
            if skips:
                y = torch.cat([self.activation(skips[place].to(y.dtype)), y], 1)
        return torch.tanh(self.last(y))


UNET_PLAIN = 4
"""Levels of a U-Net's decoder, from the finest, that never have dropout."""

DECODERS: dict[str, Callable[..., Decoder]] = {"resnet": ResnetDecoder, "skip": SkipDecoder, "unet": UnetDecoder}


def decoder(kind: str = "resnet", **shape: Any) -> Decoder:
    """A decoder of a kind in DECODERS."""
    return DECODERS[kind](**shape)
