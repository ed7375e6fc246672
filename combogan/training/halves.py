"""The halves that packs are made of: those of all domains as they are now, or as a checkpoint holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor, nn

from combogan.training.checkpoint import SHARED, Checkpoint
from combogan.training.domain import Domain, Learner
from combogan.training.samples import inference

if TYPE_CHECKING:
    from combogan.networks.shared import SharedBlocks

Network = TypeVar("Network", bound=nn.Module)
PARTS = ("encoder", "decoder")


class PublishedHalf(nn.Module):
    """A domain's encoder or decoder as it is published, with the blocks that all share: what a pack computes."""

    def __init__(self, part: str, own: nn.Module, blocks: nn.Module | None, place: int) -> None:
        super().__init__()
        self.part, self.own, self.blocks, self.place = part, own, blocks, place

    def forward(self, x: Tensor) -> Tensor:
        if self.blocks is None:
            return self.own(x)
        return self.blocks(self.own(x), self.place) if self.part == "encoder" else self.own(self.blocks(x, self.place))


@dataclass(frozen=True)
class Halves:
    """The published halves of all domains of a run, at one iteration."""

    iteration: int
    updates: Mapping[str, int]
    """How often each domain had been trained."""
    encoders: Mapping[str, PublishedHalf]
    decoders: Mapping[str, PublishedHalf]

    @classmethod
    def now(cls, domains: Mapping[str, Domain], iteration: int) -> Halves:
        """As training has them; they go on changing with it."""
        updates = {name: domain.updates for name, domain in domains.items()}
        encoders, decoders = ({n: _half(domain, part) for n, domain in domains.items()} for part in PARTS)
        return cls(iteration, updates, encoders, decoders)

    @classmethod
    def saved(cls, checkpoint: Checkpoint, domains: Mapping[str, Domain]) -> Halves:
        """As a checkpoint of those domains holds them, in networks of their own. CheckpointError when it is damaged.

        Nothing else of the checkpoint stays in memory.
        """
        shared = next(iter(domains.values())).shared
        common: dict[str, nn.Module] = {}
        if shared is not None:
            state = checkpoint.state(SHARED)
            common = {part: _copy(shared.generator, state, "", part) for part in PARTS}
        halves: dict[str, dict[str, PublishedHalf]] = {part: {} for part in PARTS}
        for name, domain in domains.items():
            state = checkpoint.state(name)
            for part in PARTS:
                own = getattr(domain, part)  # of a frozen domain, which no checkpoint holds
                if domain.generator is not None:
                    own = _copy(domain.generator, state, "generator/", part)
                halves[part][name] = PublishedHalf(part, own, common.get(part), domain.place)
        updates = {name: checkpoint.updates(name) for name in domains}
        return cls(checkpoint.iteration, updates, halves["encoder"], halves["decoder"])

    @property
    def blocks(self) -> tuple[SharedBlocks, SharedBlocks] | None:
        """The blocks that the domains share, behind encoders and before decoders; None where they share none."""
        first = next(iter(self.encoders))
        pair = self.encoders[first].blocks, self.decoders[first].blocks
        return None if pair[0] is None else pair  # type: ignore[return-value]

    def translate(self, source: str, targets: Sequence[str], images: Tensor) -> dict[str, Tensor]:
        """Images (n, 3, h, w) in every target, encoded once, with no trace in what trains."""
        with inference(self.encoders[source], *(self.decoders[target] for target in targets)):
            latent = self.encoders[source](images)
            return {target: self.decoders[target](latent) for target in targets}


def _half(domain: Domain, part: str) -> PublishedHalf:
    own = getattr(domain, part) if domain.generator is None else domain.generator.published(part)
    blocks = None if domain.shared is None else domain.shared.generator.published(part)
    return PublishedHalf(part, own, blocks, domain.place)


def _copy(learner: Learner, state: Mapping[str, Tensor], prefix: str, part: str) -> nn.Module:
    """A network such as a learner publishes, with the weights of a state."""
    like = learner.published(part)
    prefix = f"{prefix}{'average' if learner.ema else 'weights'}/{part}."
    with torch.random.fork_rng(devices=[]):  # building draws weights, which must not move anybody's chance
        network: nn.Module = type(like)(**like.shape)  # type: ignore[arg-type]
    network.load_state_dict(
        {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    )
    device = next(like.parameters()).device
    return network.to(device, memory_format=torch.channels_last).requires_grad_(False)  # type: ignore[call-overload]
