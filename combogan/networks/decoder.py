"""The decoder of a domain: latent to image."""

from __future__ import annotations

from torch import Tensor, nn

from combogan.networks.blocks import Reflect, ResidualBlock, norm_and_activation
from combogan.networks.cpu import WideConvolution
from combogan.networks.latent import Latent

# Kernel size, padding and output padding of the transposed convolution that doubles height and width.
UPSAMPLING = {"transposed-4x4": (4, 1, 0), "transposed-3x3": (3, 1, 1)}


class Decoder(nn.Module):
    """Latent (n, 4 * width, h / 4, w / 4) -> image (n, 3, h, w) in [-1, 1].

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
    ) -> None:
        super().__init__()
        self.shape = {"width": width, "blocks": blocks, "activation": activation, "norm": norm, "dropout": dropout}
        self.shape["upsampling"] = upsampling
        self.latent = Latent(channels=4 * width, stride=4)
        bias = norm != "batch"
        kernel, padding, extra = UPSAMPLING[upsampling]
        layers: list[nn.Module] = [
            ResidualBlock(4 * width, activation=activation, norm=norm, dropout=dropout) for _ in range(blocks)
        ]
        for channels in (4 * width, 2 * width):
            layers.append(nn.ConvTranspose2d(channels, channels // 2, kernel, 2, padding, extra, bias=bias))
            layers += norm_and_activation(channels // 2, norm, activation)
        layers += [Reflect(3), WideConvolution(width, 3, 7), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, latent: Tensor) -> Tensor:
        return self.layers(latent)
