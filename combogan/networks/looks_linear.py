"""First weights with which an encoder and a decoder give back what they are shown (looks-linear, Balduzzi et al. 2017).

Of every value x one channel carries relu(x) and another relu(-x), whose difference is x again; so rectifiers lose
nothing. Where height and width are halved, the four values under a place become channels of their own, 3 at first, then
12 and 48 in the latent, each twice. Only norms change what is passed on: each channel's mean and deviation.
"""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor, nn

from combogan.networks.blocks import ResidualBlock
from combogan.networks.decoder import Decoder
from combogan.networks.encoder import Encoder

CHANCE = 0.1
"""What is left of the chance in the weights behind a channel that carries a value."""


@torch.no_grad()
def look_linear(encoder: Encoder, decoder: Decoder) -> None:
    """Set the weights of halves that were drawn by chance; the channels that are not needed stay as drawn.

    The latent must have 96 channels or more, 3 * 4 * 4 values twice: networks are 24 wide at least.
    """
    values = 3
    for layer in [*encoder.layers, *decoder.layers]:
        if isinstance(layer, ResidualBlock):
            _carry(layer.first.weight, [(value, value, (1, 1)) for value in range(values)])
            _keep(layer.second.weight, 2 * values)
        elif isinstance(layer, nn.ConvTranspose2d):
            values //= 4
            _carry(layer.weight.transpose(0, 1), [(to, of, place) for of, to, place in _quarters(values)])
        elif isinstance(layer, nn.Conv2d) and layer.stride == (2, 2):
            _carry(layer.weight, _quarters(values))
            values *= 4
        elif isinstance(layer, nn.Conv2d):
            middle = layer.kernel_size[0] // 2, layer.kernel_size[1] // 2
            _carry(layer.weight, [(value, value, middle) for value in range(values)])


def _quarters(values: int) -> list[tuple[int, int, tuple[int, int]]]:
    """(value of a quarter, value of the whole, where under the kernel the quarter lies) for all quarters."""
    places = list(enumerate(product((1, 2), (1, 2))))
    return [(4 * value + quarter, value, place) for value in range(values) for quarter, place in places]


def _carry(weight: Tensor, ways: list[tuple[int, int, tuple[int, int]]]) -> None:
    """Lead values to values through weights (out, in, h, w): (to, from, place in the kernel) each.

    Values are two channels each, but for the three of an image.
    """
    out, channels = weight.shape[:2]
    signs_to = (1.0,) if out == 3 else (1.0, -1.0)
    signs_of = (1.0,) if channels == 3 else (1.0, -1.0)
    for row in {len(signs_to) * to + place for to, _, _ in ways for place in range(len(signs_to))}:
        weight[row] *= CHANCE
    for to, of, (top, left) in ways:
        for (i, one), (j, other) in product(enumerate(signs_to), enumerate(signs_of)):
            weight[len(signs_to) * to + i, len(signs_of) * of + j, top, left] += one * other


def _keep(weight: Tensor, channels: int) -> None:
    """Lead each of the first channels to itself."""
    weight[:channels] *= CHANCE
    for channel in range(channels):
        weight[channel, channel, 1, 1] += 1
