"""Blocks that all domains of a latent space share, and a domain's halves together with them."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from combogan.networks.adapter import Adapter
from combogan.networks.blocks import ResidualBlock
from combogan.networks.decoder import Decoder
from combogan.networks.encoder import Encoder
from combogan.networks.latent import Maps


class SharedBlocks(nn.Module):
    """Maps of a domain -> the same with another latent (n, channels, h, w), through blocks that all domains share.

    The domain is given by its place among `domains`, as constant maps that are 1 for it and -1 for the others
    (the published code's "shared center module").
    """

    def __init__(
        self, *, channels: int, blocks: int, domains: int, activation: str, norm: str, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.shape = {"channels": channels, "blocks": blocks, "domains": domains, "activation": activation}
        self.shape |= {"norm": norm, "dropout": dropout}
        self.blocks = nn.ModuleList(
            ResidualBlock(channels, activation=activation, norm=norm, dropout=dropout, context=domains)
            for _ in range(blocks)
        )
        self.register_buffer("contexts", 2 * torch.eye(domains) - 1, persistent=False)

    def forward(self, maps: Maps, place: int) -> Maps:
        latent, *skips = maps
        context = self.get_buffer("contexts")[place]
        for block in self.blocks:
            latent = block(latent, context)
        return latent, *skips


Between = SharedBlocks | Adapter
"""What can stand after encoders and before decoders: maps and the domain's place -> maps."""


class EncoderHalf(nn.Module):
    """A domain's encoder and, after it, what stands there, if anything: image (n, 3, h, w) -> latent and skip maps."""

    def __init__(self, own: nn.Module, blocks: nn.Module | None = None, place: int = 0) -> None:
        super().__init__()
        self.own, self.blocks, self.place = cast(Encoder, own), cast(Between | None, blocks), place
        self.latent = self.own.latent

    def forward(self, image: Tensor) -> Maps:
        maps: Maps = self.own(image)
        return maps if self.blocks is None else self.blocks(maps, self.place)


class DecoderHalf(nn.Module):
    """What stands before a decoder, if anything, and the decoder: latent and skip maps -> image (n, 3, h, w)."""

    def __init__(self, own: nn.Module, blocks: nn.Module | None = None, place: int = 0) -> None:
        super().__init__()
        self.own, self.blocks, self.place = cast(Decoder, own), cast(Between | None, blocks), place
        self.latent = self.own.latent

    def forward(self, maps: Maps) -> Tensor:
        return self.own(maps if self.blocks is None else self.blocks(maps, self.place))
