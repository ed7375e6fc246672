"""A domain's halves together with the blocks that all domains of its latent space share."""

from __future__ import annotations

from torch import Tensor, nn

from combogan.networks.decoder import Decoder
from combogan.networks.encoder import Encoder
from combogan.networks.shared import SharedBlocks

__all__ = ["SharedDecoder", "SharedEncoder"]


class SharedEncoder(nn.Module):
    """A domain's encoder and the blocks that it shares: image (n, 3, h, w) -> latent, as `Encoder`."""

    def __init__(self, encoder: Encoder, shared: SharedBlocks, place: int) -> None:
        super().__init__()
        self.encoder, self.shared, self.place = encoder, shared, place
        self.latent = encoder.latent

    def forward(self, image: Tensor) -> Tensor:
        return self.shared(self.encoder(image), self.place)


class SharedDecoder(nn.Module):
    """The blocks that a domain's decoder shares, and the decoder: latent -> image (n, 3, h, w), as `Decoder`."""

    def __init__(self, shared: SharedBlocks, decoder: Decoder, place: int) -> None:
        super().__init__()
        self.shared, self.decoder, self.place = shared, decoder, place
        self.latent = decoder.latent

    def forward(self, latent: Tensor) -> Tensor:
        return self.decoder(self.shared(latent, self.place))
