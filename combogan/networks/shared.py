"""Blocks that all domains of a latent space share, told which domain they work for."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from combogan.networks.blocks import ResidualBlock


class SharedBlocks(nn.Module):
    """Latent (n, channels, h, w) of a domain -> latent of the same shape, through blocks that all domains share.

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

    def forward(self, latent: Tensor, place: int) -> Tensor:
        context = self.get_buffer("contexts")[place]
        for block in self.blocks:
            latent = block(latent, context)
        return latent
