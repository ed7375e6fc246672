"""The halves that packs are made from: those of all domains, as they are now or as a checkpoint holds them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from combogan.networks.shared import DecoderHalf, EncoderHalf
from combogan.training.checkpoint import SHARED, Checkpoint
from combogan.training.domain import Domain, NetworkGroup, shared_by

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
        halves = {name: domain.published() for name, domain in domains.items()}
        updates = {name: domain.updates for name, domain in domains.items()}
        encoders, decoders = ({name: pair[part] for name, pair in halves.items()} for part in (0, 1))
        return cls(iteration, updates, encoders, decoders)  # type: ignore[arg-type]

    @classmethod
    def saved(cls, checkpoint: Checkpoint, domains: Mapping[str, Domain]) -> Halves:
        """Copies of the halves in a checkpoint of those domains. CheckpointError when it is damaged.

        Nothing else of the checkpoint stays in memory.
        """
        shared = shared_by(domains)
        blocks: dict[str, nn.Module] = {}
        if shared is not None:
            blocks = _copies(shared.generator_group, checkpoint.state(SHARED), "")
        encoders, decoders = {}, {}
        for name, domain in domains.items():
            own: Mapping[str, nn.Module] = {"encoder": domain.encoder, "decoder": domain.decoder}
            if domain.generator_group is not None:  # frozen halves are in no checkpoint
                own = _copies(domain.generator_group, checkpoint.state(name), "generator/")
            between = blocks if domain.shared is not None else {}
            encoders[name] = EncoderHalf(own["encoder"], between.get("encoder"), domain.place)
            decoders[name] = DecoderHalf(own["decoder"], between.get("decoder"), domain.place)
        updates = {name: checkpoint.updates(name) for name in domains}
        return cls(checkpoint.iteration, updates, encoders, decoders)

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


def _copies(group: NetworkGroup, state: Mapping[str, Tensor], prefix: str) -> dict[str, nn.Module]:
    """The networks that a group publishes, with the weights of a state."""
    copies: dict[str, nn.Module] = {}
    for part in ("encoder", "decoder"):
        like = group.published(part)
        start = f"{prefix}{'average' if group.ema else 'weights'}/{part}."
        network = deepcopy(like)
        network.load_state_dict(
            {name.removeprefix(start): value for name, value in state.items() if name.startswith(start)}
        )
        device = next(like.parameters()).device
        network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        copies[part] = network.requires_grad_(False)
    return copies
