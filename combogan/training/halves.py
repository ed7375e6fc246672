"""The halves that packs are made from: those of all domains, as they are now or as a checkpoint holds them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from combogan.networks.shared import DecoderHalf, EncoderHalf
from combogan.training.checkpoint import SHARED, Checkpoint
from combogan.training.domain import Domain, shared_by

Half = TypeVar("Half", EncoderHalf, DecoderHalf)


@dataclass(frozen=True)
class Halves:
    """The published halves of all domains of a run, at one iteration."""

    iteration: int
    updates: Mapping[str, int]
    """How often each domain had been trained."""
    encoders: Mapping[str, EncoderHalf]
    decoders: Mapping[str, DecoderHalf]

    @classmethod
    def now(cls, domains: Mapping[str, Domain], iteration: int) -> Halves:
        """The halves in training, not copies: they change with it."""
        return cls._of(domains, iteration, {name: domain.updates for name, domain in domains.items()}, lambda _: None)

    @classmethod
    def saved(cls, checkpoint: Checkpoint, domains: Mapping[str, Domain]) -> Halves:
        """The halves in a checkpoint of those domains. CheckpointError when it is damaged.

        Nothing else of the checkpoint stays in memory.
        """
        updates = {name: checkpoint.updates(name) for name in domains}
        return cls._of(domains, checkpoint.iteration, updates, checkpoint.state)

    @classmethod
    def _of(
        cls,
        domains: Mapping[str, Domain],
        iteration: int,
        updates: Mapping[str, int],
        state: Callable[[str], Mapping[str, Tensor] | None],
    ) -> Halves:
        """The halves in the states of the domains and of what they share, by name; None is the state of now."""
        encoders, decoders, shared = {}, {}, shared_by(domains)
        between = None if shared is None else shared.published(state(SHARED))
        for name, domain in domains.items():
            own = domain.published(None if domain.is_frozen else state(name))  # frozen halves are in no checkpoint
            behind, before = (None, None) if between is None or domain.shared is None else between
            encoders[name] = EncoderHalf(own[0], behind, domain.place)
            decoders[name] = DecoderHalf(own[1], before, domain.place)
        return cls(iteration, updates, encoders, decoders)

    def translate(self, source: str, targets: Sequence[str], images: Tensor) -> dict[str, Tensor]:
        """Images (n, 3, h, w) -> their translation into every target, encoded once; no training state changes."""
        encoder = _at(images.device, self.encoders[source])
        translations = {}
        with inference(encoder):
            latent = encoder(images)
        for target in targets:
            decoder = _at(images.device, self.decoders[target])
            with inference(decoder):
                translations[target] = decoder(latent)
        return translations


@contextmanager
def inference(*networks: nn.Module) -> Iterator[None]:
    """Context for inference: no gradients, no dropout; after it, networks are in the same mode as before."""
    # Module by module, because a frozen half stays in evaluation mode when its parent is in training mode.
    training = [module for network in networks for module in network.modules() if module.training]
    for network in networks:
        network.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for module in training:
            module.training = True


def _at(device: torch.device, half: Half) -> Half:
    """A half on a device: itself, or a copy where it waits in host memory (`run.resident`)."""
    return half if next(half.parameters()).device == device else deepcopy(half).to(device)
