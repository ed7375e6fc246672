"""A domain in training: weights, averages, moments, fake pool and update count, as one unit (invariant 1)."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from combogan.networks.blocks import Dropout, at_least_float32
from combogan.networks.decoder import Decoder
from combogan.networks.discriminator import Discriminator
from combogan.networks.encoder import Encoder
from combogan.networks.latent import Maps
from combogan.networks.shared import Between
from combogan.seeding import tensors
from combogan.training.architecture import Architecture
from combogan.training.group import Copied, NetworkGroup, Networks, below, give_weights


class FakePool:
    """Up to `size` earlier translations into a domain, (channels, h, w) each, which its discriminator sees again
    (Shrivastava et al. 2017)."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.fakes: list[Tensor] = []

    def query(self, fakes: Tensor, chance: np.random.Generator) -> Tensor:
        """New fakes (n, 3, h, w) -> as many for the discriminator: each itself or, half of the time, an earlier one
        that it replaces in the pool.

        Until the pool is full, new fakes are both added and given.
        """
        if not self.size:
            return fakes
        chosen = []
        for fake in fakes:
            if len(self.fakes) < self.size:
                self.fakes.append(fake.clone())
            elif chance.random() > 0.5:
                place = int(chance.integers(self.size))
                fake, self.fakes[place] = self.fakes[place], fake.clone()
            chosen.append(fake)
        return torch.stack(chosen).contiguous(memory_format=torch.channels_last)


class Shared:
    """What all domains of a latent space share, after encoders and before decoders, in a network group of its own.

    They are blocks, or the adapters that lead to another space and back.
    """

    def __init__(self, encoder: Between, decoder: Between, *, betas: tuple[float, float], ema: float) -> None:
        self.encoder, self.decoder = encoder, decoder
        self.generator_group = NetworkGroup({"encoder": encoder, "decoder": decoder}, betas=betas, ema=ema)

    def published(self, saved: Mapping[str, Tensor] | None = None) -> tuple[Between, Between]:
        """Its networks that packs are made from, as `Domain.published`."""
        networks = {"encoder": deepcopy(self.encoder), "decoder": deepcopy(self.decoder)}
        give_weights(networks, self.generator_group.published(saved), self.generator_group.device)
        return networks["encoder"], networks["decoder"]


class Domain:
    """One domain's trainable state, keyed by its name; and its networks, while it has any.

    A frozen domain's encoder and decoder are used but never changed; its discriminator is still trained. `heads`
    belong to the discriminator: they score features of a frozen network that all domains share.
    With shared blocks, `place` is the domain's index among those that share them.

    A domain has the networks that it was made with until it rests; after that, it uses others of its architecture.
    """

    def __init__(
        self,
        name: str,
        encoder: Encoder,
        decoder: Decoder,
        discriminator: Discriminator,
        heads: nn.Module | None = None,
        *,
        betas: tuple[float, float],
        ema: float,
        pool: int,
        frozen: bool = False,
        shared: Shared | None = None,
        place: int = 0,
    ) -> None:
        self.name, self.shared, self.place = name, shared, place
        self.architecture = Architecture.of(encoder, decoder, discriminator, heads, frozen=frozen)
        halves = {"encoder": encoder, "decoder": decoder}
        self._halves = NetworkGroup(halves, betas=betas, ema=ema, frozen=frozen)
        self.generator_group = None if frozen else self._halves
        networks = {"discriminator": discriminator} | ({} if heads is None else {"heads": heads})
        self.discriminator_group = NetworkGroup(networks, betas=betas)
        self.pool = FakePool(pool)
        if frozen:
            self._halves.networks.requires_grad_(False)

    @property
    def encoder(self) -> Encoder:
        """Its encoder, while it has networks."""
        return cast(Encoder, self._halves.networks["encoder"])

    @property
    def decoder(self) -> Decoder:
        """Its decoder, while it has networks."""
        return cast(Decoder, self._halves.networks["decoder"])

    @property
    def discriminator(self) -> Discriminator:
        """Its discriminator, while it has networks."""
        return cast(Discriminator, self.discriminator_group.networks["discriminator"])

    @property
    def heads(self) -> nn.Module | None:
        """The heads of its discriminator, if there are any, while it has networks."""
        return self.discriminator_group.networks["heads"] if self.architecture.heads else None

    def encode(self, image: Tensor) -> Maps:
        """Image (n, 3, h, w), or (n, 1, h, w) of gray -> the maps that the encoder's `latent` describes."""
        maps: Maps = self.encoder(image)
        return maps if self.shared is None else self.shared.encoder(maps, self.place)

    def decode(self, maps: Maps) -> Tensor:
        """Such maps -> image like the encoder's, in [-1, 1], in float32 even where it is computed in bfloat16."""
        return at_least_float32(self.decoder(maps if self.shared is None else self.shared.decoder(maps, self.place)))

    def use(self, networks: tuple[Networks, Networks]) -> None:
        """Use networks of its architecture: their weights become the domain's, and nothing is copied."""
        halves, others = networks
        self._halves.bind(halves)
        self.discriminator_group.bind(others)

    def rest(self) -> tuple[Networks, Networks]:
        """Leave its networks to others; its state stays."""
        return self._halves.release(), self.discriminator_group.release()

    def published(self, saved: Mapping[str, Tensor] | None = None) -> tuple[Encoder, Decoder]:
        """The halves that packs are made from, in a saved state or, without one, as they are now; no shared blocks.

        Those of now are not copies: they change with training.
        """
        weights = self._halves.published(None if saved is None else below(saved, "generator/"))
        return self.architecture.halves(weights, self._halves.device)

    def move(self, copied: Copied) -> None:
        """Replace every tensor of this domain by a copy of it; what it shares stays where it is."""
        self._halves.move(copied)
        self.discriminator_group.move(copied)
        self.pool.fakes = [copied(fake) for fake in self.pool.fakes]

    def reseed(self, seed: int, iteration: int) -> None:
        """Set the random generators of all dropout layers, also in shared blocks, for an iteration."""
        networks: dict[str, nn.Module] = {"encoder": self.encoder, "decoder": self.decoder}
        if self.shared is not None:
            networks |= {"shared encoder": self.shared.encoder, "shared decoder": self.shared.decoder}
        for part, network in networks.items():
            reseed(network, seed, iteration, self.name, part)

    @property
    def is_frozen(self) -> bool:
        """Whether its halves are never changed."""
        return self.generator_group is None

    @property
    def learns_to_return(self) -> bool:
        """Whether anything is trained between an image of this domain and the same image again."""
        return not self.is_frozen or self.shared is not None

    @property
    def updates(self) -> int:
        """How often this domain has been trained."""
        return self.discriminator_group.updates

    def state(self) -> dict[str, Tensor]:
        """Everything that training changes, as named tensors on the domain's device."""
        state = {f"discriminator/{name}": value for name, value in self.discriminator_group.state().items()}
        if self.generator_group is not None:
            state |= {f"generator/{name}": value for name, value in self.generator_group.state().items()}
        if self.pool.fakes:
            state["pool"] = torch.stack(self.pool.fakes)
        return state

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Load a state that `state()` returned. Raises KeyError or RuntimeError when it is of other networks."""
        self.discriminator_group.load(below(state, "discriminator/"))
        if self.generator_group is not None:
            self.generator_group.load(below(state, "generator/"))
        device = self.discriminator_group.device
        self.pool.fakes = [fake.to(device, copy=True) for fake in state["pool"]] if "pool" in state else []


def shared_by(domains: Mapping[str, Domain]) -> Shared | None:
    """What those of the domains share that share anything."""
    return next((domain.shared for domain in domains.values() if domain.shared is not None), None)


def reseed(network: nn.Module, seed: int, *when: int | str) -> None:
    """Give every dropout layer of a network a generator that depends on the seed, on `when`, and on the layer."""
    for place, layer in enumerate(m for m in network.modules() if isinstance(m, Dropout)):
        device = str(next(network.parameters()).device)
        layer.generator = tensors(seed, "dropout", *when, place, device=device)
