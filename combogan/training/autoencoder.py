"""The autoencoder that all encoders and decoders can start from, each copy in the colours of its own domain.

It is trained on the pictures of all domains, each channel normalised to mean 0 and deviation 1 over its domain. A
domain's colours are then folded into the first and the last convolution of its copy. So before the first iteration
all halves share a latent space, and a translation is its source in the colours of the target. The training then learns
what else the domains differ in.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from combogan.networks.decoder import Decoder
from combogan.networks.encoder import Encoder
from combogan.training.domain import Domain, NetworkGroup
from combogan.training.losses import Distance
from combogan.training.step import rounding_to

LIMIT = 0.97
"""Values are clamped to +-this: to reach black or white, the decoder's tanh would need infinite inputs."""
FLAT = 0.02
"""The least deviation of a channel, so that an almost constant one is not divided by almost zero."""
RATES = {"chance": 1e-3, "looks-linear": 2e-4}
"""Adam's highest learning rate, by first weights. With looks-linear, a higher one leaves a grid of dots in images."""
WARM_UP = 0.05
"""Share of the iterations in which the rate rises to its peak; then it falls to zero."""
BETAS = (0.9, 0.99)
"""Adam's decay rates: without a discriminator, training is stable with a longer average of the gradients."""


@dataclass(frozen=True)
class Colours:
    """Mean and deviation (3,) of a domain's channels: at an encoder's input, and at a decoder's output before tanh."""

    seen: tuple[Tensor, Tensor]
    painted: tuple[Tensor, Tensor]

    @classmethod
    def of(cls, images: Iterable[Tensor]) -> Colours:
        """Over all pixels of images (n, 3, h, w) in [-1, 1]."""
        seen, painted = _Spread(), _Spread()
        for image in images:
            seen.add(image)
            painted.add(torch.atanh(image.clamp(-LIMIT, LIMIT)))
        return cls(seen.read(), painted.read())

    @classmethod
    def none(cls, device: torch.device) -> Colours:
        """Mean 0 and deviation 1 everywhere, as normalised images have."""
        nothing = torch.zeros(3, device=device), torch.ones(3, device=device)
        return cls(nothing, nothing)

    def distance(self, other: Colours) -> float:
        """Squared distance of two domains in colour, at an encoder's input."""
        return sum(float((mine - its).square().sum()) for mine, its in zip(self.seen, other.seen, strict=True))


def autoencode(
    group: NetworkGroup,
    images: Mapping[str, Tensor],
    colours: Mapping[str, Colours],
    *,
    rate: float,
    distance: Distance,
    precision: torch.dtype,
) -> Tensor:
    """One update of encoder and decoder on each domain's image (n, 3, h, w); gives the mean of the losses."""
    encoder, decoder = cast(Encoder, group.networks["encoder"]), cast(Decoder, group.networks["decoder"])
    losses = []
    for name, image in images.items():
        with rounding_to(precision, image.device):
            latent = encoder(_without_colours(image, colours[name].seen))
            painted = decoder.layers[:-1](latent)
        loss = distance(torch.tanh(_with_colours(painted.to(image.dtype), colours[name].painted)), image)
        loss.backward()
        group.update(rate)
        losses.append(loss.detach())
    return torch.stack(losses).mean()


def learning_rate(done: float, *, peak_rate: float) -> float:
    """The learning rate after a share of the iterations: a linear rise, a cosine fall (Loshchilov, Hutter 2017)."""
    return peak_rate * min(1.0, (done + 1e-3) / WARM_UP) * (1 + math.cos(math.pi * done)) / 2


@torch.no_grad()
def start_from(domain: Domain, encoder: nn.Module, decoder: nn.Module, before: Colours, after: Colours) -> None:
    """Copy into a domain halves that were trained in the colours `before`, changed to work in the colours `after`.

    With E, D the given halves, the domain's encoder is E(before(after^-1(x))) and its decoder after(before^-1(D)).
    """
    assert domain.generator_group is not None
    for networks in (domain.generator_group.networks, domain.generator_group.averages):
        if len(networks):
            networks["encoder"].load_state_dict(encoder.state_dict())
            networks["decoder"].load_state_dict(decoder.state_dict())
            convolutions = [m for m in networks["encoder"].modules() if isinstance(m, nn.Conv2d)]
            _scale_input(convolutions[0], *_between(after.seen, before.seen))
            convolutions = [m for m in networks["decoder"].modules() if isinstance(m, nn.Conv2d)]
            _scale_output(convolutions[-1], *_between(before.painted, after.painted))


def _scale_input(first: nn.Conv2d, scale: Tensor, shift: Tensor) -> None:
    """Change a convolution so that it gives for x what it gave for x * scale + shift."""
    if first.bias is not None:
        first.bias += (first.weight * shift.view(1, 3, 1, 1)).sum((1, 2, 3))
    first.weight *= scale.view(1, 3, 1, 1)


def _scale_output(last: nn.Conv2d, scale: Tensor, shift: Tensor) -> None:
    """Change a convolution so that it gives y * scale + shift where it gave y."""
    assert last.bias is not None
    last.weight *= scale.view(3, 1, 1, 1)
    last.bias.mul_(scale).add_(shift)


def _between(before: tuple[Tensor, Tensor], after: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """The scale and shift of each channel that change its mean and deviation from `before` to `after`."""
    scale = after[1] / before[1]
    return scale, after[0] - before[0] * scale


class _Spread:
    """Mean and deviation of the channels of images that are added one after the other."""

    def __init__(self) -> None:
        self._count, self._sums, self._squares = 0, torch.zeros(()), torch.zeros(())

    def add(self, image: Tensor) -> None:
        pixels = image.double().transpose(0, 1).flatten(1)
        self._count += pixels.shape[1]
        self._sums = self._sums.to(pixels) + pixels.sum(1)
        self._squares = self._squares.to(pixels) + pixels.square().sum(1)

    def read(self) -> tuple[Tensor, Tensor]:
        mean = self._sums / self._count
        deviation = (self._squares / self._count - mean.square()).clamp(min=0).sqrt()
        return mean.float(), deviation.clamp(min=FLAT).float()


def _without_colours(image: Tensor, colours: tuple[Tensor, Tensor]) -> Tensor:
    mean, deviation = (value.view(1, 3, 1, 1) for value in colours)
    return (image - mean) / deviation


def _with_colours(image: Tensor, colours: tuple[Tensor, Tensor]) -> Tensor:
    mean, deviation = (value.view(1, 3, 1, 1) for value in colours)
    return image * deviation + mean
