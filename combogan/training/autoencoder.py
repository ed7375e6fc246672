"""The autoencoder that all encoders and decoders can start from.

It is trained on the pictures of all domains. So before the first iteration all halves share a latent space, and a
translation is its source. The training then learns what the domains differ in.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import cast

import torch
from torch import Tensor

from combogan.networks.decoder import Decoder
from combogan.networks.encoder import Encoder
from combogan.training.domain import Domain
from combogan.training.group import NetworkGroup
from combogan.training.losses import Distance
from combogan.training.step import rounding_to

PEAK_RATE = 1e-3
"""Adam's highest learning rate."""
WARM_UP = 0.05
"""Share of the iterations in which the rate rises to its peak; then it falls to zero."""
BETAS = (0.9, 0.99)
"""Adam's decay rates: without a discriminator, training is stable with a longer average of the gradients."""


def autoencode(
    group: NetworkGroup, images: Iterable[Tensor], *, rate: float, distance: Distance, precision: torch.dtype
) -> Tensor:
    """One update of encoder and decoder on each of the images (n, 3, h, w); gives the mean of the losses."""
    encoder, decoder = cast(Encoder, group.networks["encoder"]), cast(Decoder, group.networks["decoder"])
    losses = []
    for image in images:
        with rounding_to(precision, image.device):
            loss = distance(decoder(encoder(image)), image)
        loss.backward()
        group.update(rate)
        losses.append(loss.detach())
    return torch.stack(losses).mean()


def learning_rate(done: float, *, peak_rate: float = PEAK_RATE) -> float:
    """The learning rate after a share of the iterations: a linear rise, a cosine fall (Loshchilov, Hutter 2017)."""
    return peak_rate * min(1.0, (done + 1e-3) / WARM_UP) * (1 + math.cos(math.pi * done)) / 2


def start_from(domain: Domain, encoder: Encoder, decoder: Decoder) -> None:
    """Copy halves into a domain, as its weights and as their averages."""
    assert domain.generator_group is not None
    domain.generator_group.fill({"encoder": encoder, "decoder": decoder})


def nearest(new: str, images: Mapping[str, Iterable[Tensor]]) -> str:
    """The domain other than `new` whose images (n, 3, h, w) are nearest to its in colour.

    The distance is that of the mean and of the deviation of each channel, over all images of a domain.
    """
    colours = {}
    for name, some in images.items():
        pixels = torch.cat([image.transpose(0, 1).flatten(1) for image in some], 1)
        colours[name] = torch.cat(torch.std_mean(pixels, dim=1, correction=0))
    others = sorted(name for name in images if name != new)
    return min(others, key=lambda name: float((colours[new] - colours[name]).square().sum()))
