"""The encoder of a domain: image to latent."""

from __future__ import annotations

from torch import Tensor, nn

from combogan.networks.blocks import Reflect, ResidualBlock, norm_and_activation
from combogan.networks.cpu import WideConvolution
from combogan.networks.latent import Latent


class Encoder(nn.Module):
    """Image (n, 3, h, w) in [-1, 1] -> latent (n, 4 * width, h / 4, w / 4); h and w are multiples of 4, at least 8.

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

    def forward(self, image: Tensor) -> Tensor:
        return self.layers(image)
