"""What a domain's networks are built from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from combogan.networks.decoder import Decoder, decoder
from combogan.networks.discriminator import Discriminator, discriminator
from combogan.networks.encoder import Encoder, encoder
from combogan.networks.feature_heads import FeatureHeads
from combogan.training.group import Networks, give_weights


@dataclass(frozen=True)
class Architecture:
    """The arguments that a domain's networks are built with; domains with equal ones can use the same networks."""

    encoder: Mapping[str, Any]
    decoder: Mapping[str, Any]
    discriminator: Mapping[str, Any]
    heads: bool
    frozen: bool
    """Whether encoder and decoder are used but never changed."""

    @classmethod
    def of(
        cls, encoder: Encoder, decoder: Decoder, discriminator: Discriminator, heads: nn.Module | None, *, frozen: bool
    ) -> Architecture:
        """The architecture of these networks."""
        return cls(encoder.shape, decoder.shape, discriminator.shape, heads is not None, frozen)

    def networks(self, device: torch.device) -> tuple[Networks, Networks]:
        """New networks, to be bound to a state: the halves, and the discriminator with heads if there are any."""
        halves = Networks({name: half.to(device) for name, half in self._halves().items()})
        with torch.random.fork_rng(devices=[]):  # building draws from the global random state
            others: dict[str, nn.Module] = {"discriminator": discriminator(**self.discriminator).to(device)}
            if self.heads:
                others["heads"] = FeatureHeads().to(device)
        if self.frozen:
            halves.eval().requires_grad_(False)
        return halves, Networks(others)

    def halves(self, weights: Mapping[str, Tensor], device: torch.device) -> tuple[Encoder, Decoder]:
        """An encoder and a decoder on a device, with weights as `give_weights` takes them."""
        made = self._halves()
        give_weights(made, weights, device)
        return made["encoder"], made["decoder"]

    def _halves(self) -> dict[str, Any]:
        with torch.random.fork_rng(devices=[]):
            return {"encoder": encoder(**self.encoder), "decoder": decoder(**self.decoder)}
