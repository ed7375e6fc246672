"""First weights with which an encoder and a decoder reproduce their input (looks-linear, Balduzzi et al. 2017).

Each value x is stored in two channels, relu(x) and relu(-x): their difference is x, so that activations lose nothing.
Where height and width are halved, the 2 x 2 values of a square become values of one pixel: an image has 3 per pixel,
then 12, the latent 48. Only norms change the values: each channel's mean and deviation.
"""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor, nn

from combogan.networks.blocks import ResidualBlock
from combogan.networks.decoder import Decoder
from combogan.networks.encoder import Encoder

RANDOM_SHARE = 0.1
"""Factor on the random weights of a channel that stores a value."""


@torch.no_grad()
def look_linear(encoder: Encoder, decoder: Decoder) -> None:
    """Change the random weights of both halves in place; channels that store no value keep theirs.

    The latent must have 96 channels or more, two for each of 3 * 4 * 4 values: networks are at least 24 wide.
    """
    values = 3
    for layer in [*encoder.layers, *decoder.layers]:
        if isinstance(layer, ResidualBlock):
            _copy_values(layer.first.weight, [(value, value, (1, 1)) for value in range(values)])
            _copy_channels(layer.second.weight, 2 * values)
        elif isinstance(layer, nn.ConvTranspose2d):
            values //= 4
            _copy_values(layer.weight.transpose(0, 1), [(to, of, place) for of, to, place in _quarters(values)])
        elif isinstance(layer, nn.Conv2d) and layer.stride == (2, 2):
            _copy_values(layer.weight, _quarters(values))
            values *= 4
        elif isinstance(layer, nn.Conv2d):
            middle = layer.kernel_size[0] // 2, layer.kernel_size[1] // 2
            _copy_values(layer.weight, [(value, value, middle) for value in range(values)])


def _quarters(values: int) -> list[tuple[int, int, tuple[int, int]]]:
    """(value at half the size, value at full size, its place in the kernel) for the 2 x 2 values of all squares."""
    places = list(enumerate(product((1, 2), (1, 2))))
    return [(4 * value + quarter, value, place) for value in range(values) for quarter, place in places]


def _copy_values(weight: Tensor, ways: list[tuple[int, int, tuple[int, int]]]) -> None:
    """Make weights (out, in, h, w) copy values; each of `ways` is (to, from, place in the kernel).

    A value has two channels, in an image (3 channels) only one.
    """
    out, channels = weight.shape[:2]
    signs_to = (1.0,) if out == 3 else (1.0, -1.0)
    signs_of = (1.0,) if channels == 3 else (1.0, -1.0)
    for row in {len(signs_to) * to + place for to, _, _ in ways for place in range(len(signs_to))}:
        weight[row] *= RANDOM_SHARE
    for to, of, (top, left) in ways:
        for (i, one), (j, other) in product(enumerate(signs_to), enumerate(signs_of)):
            weight[len(signs_to) * to + i, len(signs_of) * of + j, top, left] += one * other


def _copy_channels(weight: Tensor, channels: int) -> None:
    """Make weights copy each of the first channels to itself."""
    weight[:channels] *= RANDOM_SHARE
    for channel in range(channels):
        weight[channel, channel, 1, 1] += 1
