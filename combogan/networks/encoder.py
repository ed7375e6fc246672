"""The encoders: image to latent and skip maps. A domain's encoder is of the same kind as all decoders it feeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from combogan.networks.blocks import Reflect, ResidualBlock, ZeroConvolution, norm_and_activation, padded
from combogan.networks.cpu import UnpaddedConvolution, WideConvolution
from combogan.networks.latent import Latent, Maps

COLOUR = 3
"""Channels of an image in colour."""


class Encoder(nn.Module):
    """Image (n, channels, h, w) in [-1, 1], of 3 or 1 channels -> the maps that `latent` describes.

    h and w are multiples of the latent's stride, and at least 8.
    """

    latent: Latent
    shape: dict[str, Any]
    """The arguments of `encoder` that build it again."""


class ResnetEncoder(Encoder):
    """Image (n, channels, h, w) in [-1, 1] -> (latent,), (n, 4 * width, h / 4, w / 4).

    The first half of Johnson et al.'s (2016) transformation network, cut as in Anoosheh et al. 2017.
    """

    def __init__(
        self,
        *,
        width: int,
        blocks: int,
        activation: str = "relu",
        norm: str = "instance",
        dropout: float = 0.0,
        channels: int = COLOUR,
    ) -> None:
        super().__init__()
        self.shape = {"width": width, "blocks": blocks, "activation": activation, "norm": norm, "dropout": dropout}
        self.shape |= unless_colour(channels)
        self.latent = Latent(channels=4 * width, stride=4)
        bias = norm != "batch"
        layers: list[nn.Module] = [Reflect(3), WideConvolution(channels, width, 7, bias=bias)]
        layers += norm_and_activation(width, norm, activation)
        for maps in (width, 2 * width):
            layers.append(nn.Conv2d(maps, 2 * maps, 3, stride=2, padding=1, bias=bias))
            layers += norm_and_activation(2 * maps, norm, activation)
        for _ in range(blocks):
            layers.append(ResidualBlock(4 * width, activation=activation, norm=norm, dropout=dropout))
        self.layers = nn.Sequential(*layers)

    def forward(self, image: Tensor) -> Maps:
        return (self.layers(image),)


class SkipEncoder(Encoder):
    """Image (n, channels, h, w) in [-1, 1] -> (latent, map of stride 2, the image itself).

    Latent (n, 4 * width, h / 4, w / 4) and map (n, 2 * width, h / 2, w / 2). The skip connections (Ronneberger et al.
    2015) carry light, colour and edges past the norms, so that the latent need not hold them.

    With `change`, the image is handed over with a learned change, which is zero at first. Added domains have it: old
    decoders, which learn no more, cannot take a new painter's strokes away, but the encoder of that domain can.
    """

    def __init__(
        self,
        *,
        width: int,
        blocks: int,
        activation: str = "relu",
        norm: str = "instance",
        dropout: float = 0.0,
        change: int = 0,
        channels: int = COLOUR,
    ) -> None:
        super().__init__()
        self.shape = {"kind": "skip", "width": width, "blocks": blocks, "activation": activation}
        self.shape |= {"norm": norm, "dropout": dropout} | unless_colour(channels)
        if change:
            self.shape["change"] = change
        self.latent = skip_latent(width, channels)
        bias = norm != "batch"
        self.fine = nn.Sequential(
            *padded(UnpaddedConvolution(4 * channels, 2 * width, 3)),
            nn.LeakyReLU(0.2),
            *padded(UnpaddedConvolution(2 * width, 2 * width, 3, bias=bias)),
            *norm_and_activation(2 * width, norm, activation),
        )
        self.coarse = nn.Sequential(
            *padded(nn.Conv2d(2 * width, 4 * width, 3, stride=2, bias=bias)),
            *norm_and_activation(4 * width, norm, activation),
            *(ResidualBlock(4 * width, activation=activation, norm=norm, dropout=dropout) for _ in range(blocks)),
        )
        self.change: nn.Module | None = None
        if change:
            self.change = nn.Sequential(*padded(ZeroConvolution(2 * width, 4 * channels, 3)))

    def forward(self, image: Tensor) -> Maps:
        fine = self.fine(F.pixel_unshuffle(image, 2))
        latent = self.coarse(fine)
        if self.change is not None:
            image = torch.add(image, F.pixel_shuffle(self.change(fine), 2).to(image.dtype))
        return latent, fine, image


class UnetEncoder(Encoder):
    """Image (n, channels, h, w) in [-1, 1] -> latent of stride 2^depth and, with `skips`, a map of each stride from 2.

    The first half of the U-Net of Isola et al. 2017 (Ronneberger et al. 2015): 4x4 convolutions of stride 2, with
    width, 2, 4, 8, 8, ... times width channels; h and w are multiples of 2^depth. Without skips it is the encoder of
    Kim et al. 2017. `activation` and `dropout` are the decoder's.
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
        bias = norm != "batch"
        first = nn.Conv2d(channels, width, 4, 2, 1, bias=bias)
        self.levels = nn.ModuleList([nn.Sequential(first, nn.LeakyReLU(0.2))])
        for finer, coarser in pairwise(widths[:-1]):
            convolution = nn.Conv2d(finer, coarser, 4, 2, 1, bias=bias)
            self.levels.append(nn.Sequential(convolution, *norm_and_activation(coarser, norm, "leaky")))
        self.levels.append(nn.Conv2d(widths[-2], widths[-1], 4, 2, 1, bias=bias))

    def forward(self, image: Tensor) -> Maps:
        maps = [image]
        for level in self.levels:
            maps.append(level(maps[-1]))
        _, *skips, latent = maps
        return latent, *(skips[::-1] if self.latent.skips else ())


def unet_channels(width: int, depth: int) -> list[int]:
    """The channels of a U-Net's maps of strides 2, 4, ..., 2^depth."""
    return [width * min(2**level, 8) for level in range(depth)]


def unet_latent(width: int, depth: int, skips: int) -> Latent:
    """What U-Net encoders hand over."""
    *finer, last = unet_channels(width, depth)
    maps = tuple((channels, 2 ** (level + 1)) for level, channels in enumerate(finer))
    return Latent(channels=last, stride=2**depth, skips=maps[::-1] if skips else ())


def unet_shape(
    width: int, depth: int, skips: int, activation: str, norm: str, dropout: float, channels: int = COLOUR
) -> dict[str, Any]:
    """The arguments of `encoder` and `decoder` that build the halves of a U-Net."""
    shape = {"kind": "unet", "width": width, "depth": depth, "skips": skips}
    return shape | {"activation": activation, "norm": norm, "dropout": dropout} | unless_colour(channels)


def skip_latent(width: int, channels: int = COLOUR) -> Latent:
    """What skip encoders of a width hand over, of images of so many channels."""
    return Latent(channels=4 * width, stride=4, skips=((2 * width, 2), (channels, 1)))


def unless_colour(channels: int) -> dict[str, int]:
    """The argument `channels`; shapes of networks for colour leave it out, so that their cards stay as they were."""
    return {} if channels == COLOUR else {"channels": channels}


def image_channels(shape: Mapping[str, Any]) -> int:
    """Channels of the images of an encoder or a decoder of a shape."""
    return int(shape.get("channels", COLOUR))


ENCODERS: dict[str, Callable[..., Encoder]] = {"resnet": ResnetEncoder, "skip": SkipEncoder, "unet": UnetEncoder}


def encoder(kind: str = "resnet", **shape: Any) -> Encoder:
    """An encoder of a kind in ENCODERS."""
    return ENCODERS[kind](**shape)
