"""Steady translations: the statistics of instance norms as averages over the frames of a film.

An instance norm takes mean and deviation from the image that it normalises, so what moves into one corner of a film
changes the colours in the other. Averages over time change slowly. The halves of the translator are copied with other
norms, which share their weights; nothing that trains is touched.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from combogan.networks.blocks import InstanceNorm
from combogan.networks.cpu import EPSILON, NormActivation
from combogan.registry.pack import Pack
from combogan.translation.translator import Translator

STEADY = 0.9
"""The share of the average that stays from one frame to the next, by default."""


class SteadyNorm(nn.Module):
    """An instance norm, and the activation of `after`, by averages over time: (1, c, h, w) -> the same.

    The averages begin with the first image: average = keep * average + (1 - keep) * the image's own.
    """

    def __init__(self, keep: float, after: NormActivation | None = None) -> None:
        super().__init__()
        self.keep, self.after = keep, after
        self.statistics: Tensor | None = None
        """(2, c): averages of mean and variance, float32; None before the first image."""

    def forward(self, x: Tensor) -> Tensor:
        now = torch.stack(torch.var_mean(x.float(), (0, 2, 3), correction=0)[::-1])
        old = self.statistics
        self.statistics = now if old is None else self.keep * old + (1 - self.keep) * now
        mean, variance = self.statistics
        y = F.batch_norm(x.float(), mean, variance, eps=EPSILON).to(x.dtype)
        if self.after is None:
            return y
        return F.leaky_relu(y, self.after.slope) if self.after.weight is None else F.prelu(y, self.after.weight)


class SteadyTranslator(Translator):
    """A translator for the frames of one film, one at a time and in their order; it has another's weights.

    `state` continues the averages of a translator that had translated between the same domains.
    """

    def __init__(self, translator: Translator, keep: float, state: Mapping[str, Tensor] | None = None) -> None:
        precision = str(translator.precision).removeprefix("torch.")
        super().__init__(translator.registry, translator.device, precision, wrap=translator.wrap)
        self._exact, self._keep, self._begin = translator, keep, dict(state or {})
        self._norms: dict[str, SteadyNorm] = {}

    def half(self, pack: Pack, name: str) -> nn.Module:
        """An encoder or a decoder with steady norms."""
        key = (pack.folder, name)
        if key not in self._halves:
            network = steadied(self._exact.half(pack, name), self._keep)
            norms = {f"{name}/{pack.domain}/{place}": norm for place, norm in network.named_modules()}
            for place, norm in norms.items():
                if isinstance(norm, SteadyNorm):
                    norm.statistics = self._begin[place].to(self.device) if place in self._begin else None
                    self._norms[place] = norm
            self._halves[key] = network
        return self._halves[key]

    def forget(self) -> None:
        """Begin the averages again: for a cut to another scene."""
        self._begin = {}
        for norm in self._norms.values():
            norm.statistics = None

    def state(self) -> dict[str, Tensor]:
        """The averages, by half, domain and place in the network."""
        return {place: norm.statistics for place, norm in self._norms.items() if norm.statistics is not None}


def steadied(network: nn.Module, keep: float) -> nn.Module:
    """A copy of a network with the same weights, in the same memory, whose instance norms are SteadyNorms."""
    shared = {id(tensor): tensor for tensor in [*network.parameters(), *network.buffers()]}
    copied = copy.deepcopy(network, shared)
    for module in list(copied.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, InstanceNorm | NormActivation):
                setattr(module, name, SteadyNorm(keep, child if isinstance(child, NormActivation) else None))
    return copied
