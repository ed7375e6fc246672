"""A domain in training: networks, averages, moments, fake pool and update count, as one unit (invariant 1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor, nn

from combogan.networks.blocks import Dropout, at_least_float32
from combogan.networks.decoder import Decoder
from combogan.networks.encoder import Encoder
from combogan.networks.latent import Maps
from combogan.networks.shared import Between, DecoderHalf, EncoderHalf
from combogan.seeding import tensors

MOMENTS = ("exp_avg", "exp_avg_sq")
Copied = Callable[[Tensor], Tensor]
"""A tensor -> its copy, perhaps on another device."""


class NetworkGroup:
    """Networks that are updated together: their weights, Adam's moments, averaged copies and the count of updates.

    With ema = 0 there are no averaged copies.
    """

    def __init__(self, networks: Mapping[str, nn.Module], *, betas: tuple[float, float], ema: float = 0.0) -> None:
        self.networks = nn.ModuleDict(dict(networks))
        self.ema = ema
        self.updates = 0
        self.averages = deepcopy(self.networks).requires_grad_(False) if ema else nn.ModuleDict()
        self._weights: list[Tensor] = list(self.networks.parameters())
        self._averaged: list[Tensor] = list(self.averages.parameters())
        self._adam = torch.optim.Adam(self._weights, betas=betas, fused=True)

    def update(self, rate: float) -> None:
        """One step of Adam; then gradients are cleared, and averages updated, with a warm-up of their decay."""
        self._adam.param_groups[0]["lr"] = rate
        self._adam.step()
        self._adam.zero_grad()
        self.updates += 1
        if self.ema:
            decay = min(self.ema, (1 + self.updates) / (10 + self.updates))
            torch._foreach_lerp_(self._averaged, self._weights, 1 - decay)
            for average, buffer in zip(self.averages.buffers(), self.networks.buffers(), strict=True):
                average.copy_(buffer)

    def move(self, copied: Copied) -> None:
        """Replace the data of every tensor by a copy of it."""
        for network in (self.networks, self.averages):
            move(network, copied)
        for moments in self._adam.state.values():
            for tensor in moments.values():
                tensor.data = copied(tensor.data)

    def published(self, name: str) -> nn.Module:
        """The network that a pack is made from: the averaged copy where there is one."""
        return (self.averages if self.ema else self.networks)[name]

    def state(self) -> dict[str, Tensor]:
        """All of it as named tensors: weights/..., average/..., exp_avg/..., exp_avg_sq/..., updates."""
        state = {f"weights/{name}": value for name, value in self.networks.state_dict().items()}
        state |= {f"average/{name}": value for name, value in self.averages.state_dict().items()}
        for name, weight in self.networks.named_parameters():
            for moment in MOMENTS:
                value = self._adam.state[weight].get(moment)
                state[f"{moment}/{name}"] = torch.zeros_like(weight) if value is None else value
        state["updates"] = torch.tensor(self.updates)
        return {name: value.detach() for name, value in state.items()}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Load a state that `state()` returned. Raises KeyError or RuntimeError when it is of other networks."""
        self.networks.load_state_dict(_below(state, "weights/"))
        self.averages.load_state_dict(_below(state, "average/"))
        self.updates = int(state["updates"])
        for name, weight in self.networks.named_parameters():
            self._adam.state[weight] = {
                moment: torch.empty_like(weight).copy_(state[f"{moment}/{name}"]) for moment in MOMENTS
            }
            self._adam.state[weight]["step"] = torch.tensor(float(self.updates), device=weight.device)


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


class Domain:
    """One domain's trainable state, keyed by its name.

    A frozen domain's encoder and decoder are used but never changed; its discriminator is still trained. `heads`
    belong to the discriminator: they score features of a frozen network that all domains share.
    With shared blocks, `place` is the domain's index among those that share them.
    """

    def __init__(
        self,
        name: str,
        encoder: Encoder,
        decoder: Decoder,
        discriminator: nn.Module,
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
        self.encoder, self.decoder, self.discriminator, self.heads = encoder, decoder, discriminator, heads
        self._encoder_half = EncoderHalf(encoder, shared.encoder if shared else None, place)
        self._decoder_half = DecoderHalf(decoder, shared.decoder if shared else None, place)
        halves = {"encoder": encoder, "decoder": decoder}
        self.generator_group = None if frozen else NetworkGroup(halves, betas=betas, ema=ema)
        networks = {"discriminator": discriminator} | ({} if heads is None else {"heads": heads})
        self.discriminator_group = NetworkGroup(networks, betas=betas)
        self.pool = FakePool(pool)
        if frozen:
            encoder.requires_grad_(False)
            decoder.requires_grad_(False)

    def encode(self, image: Tensor) -> Maps:
        """Image (n, 3, h, w) -> latent (n, channels, h / 4, w / 4), and skip maps."""
        return self._encoder_half(image)

    def decode(self, maps: Maps) -> Tensor:
        """Latent and skip maps -> image (n, 3, h, w) in [-1, 1], in float32 even where it is computed in bfloat16."""
        return at_least_float32(self._decoder_half(maps))

    def published(self) -> tuple[EncoderHalf, DecoderHalf]:
        """The halves that packs are made from: averaged copies where there are any."""
        encoder, decoder = (
            getattr(self, part) if self.generator_group is None else self.generator_group.published(part)
            for part in ("encoder", "decoder")
        )
        if self.shared is None:
            return EncoderHalf(encoder), DecoderHalf(decoder)
        behind, before = (self.shared.generator_group.published(part) for part in ("encoder", "decoder"))
        return EncoderHalf(encoder, behind, self.place), DecoderHalf(decoder, before, self.place)

    def move(self, copied: Copied) -> None:
        """Replace the data of every tensor of this domain by a copy of it; what it shares stays where it is."""
        self.discriminator_group.move(copied)
        if self.generator_group is not None:
            self.generator_group.move(copied)
        else:
            move(self.encoder, copied)
            move(self.decoder, copied)
        self.pool.fakes = [copied(fake) for fake in self.pool.fakes]

    def reseed(self, seed: int, iteration: int) -> None:
        """Set the random generators of all dropout layers, also in shared blocks, for an iteration."""
        networks: dict[str, nn.Module] = {"encoder": self.encoder, "decoder": self.decoder}
        if self.shared is not None:
            networks |= {"shared encoder": self.shared.encoder, "shared decoder": self.shared.decoder}
        for part, network in networks.items():
            reseed(network, seed, iteration, self.name, part)

    @property
    def learns_to_return(self) -> bool:
        """Whether anything is trained between an image of this domain and the same image again."""
        return self.generator_group is not None or self.shared is not None

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
        self.discriminator_group.load(_below(state, "discriminator/"))
        if self.generator_group is not None:
            self.generator_group.load(_below(state, "generator/"))
        device = next(self.discriminator.parameters()).device
        self.pool.fakes = [fake.to(device, copy=True) for fake in state["pool"]] if "pool" in state else []


def shared_by(domains: Mapping[str, Domain]) -> Shared | None:
    """What those of the domains share that share anything."""
    return next((domain.shared for domain in domains.values() if domain.shared is not None), None)


def move(network: nn.Module, copied: Copied) -> None:
    """Replace the data of every weight and buffer of a network by a copy of it."""
    for tensor in (*network.parameters(), *network.buffers()):
        tensor.data = copied(tensor.data)


def reseed(network: nn.Module, seed: int, *when: int | str) -> None:
    """Give every dropout layer of a network a generator that depends on the seed, on `when`, and on the layer."""
    for place, layer in enumerate(m for m in network.modules() if isinstance(m, Dropout)):
        device = str(next(network.parameters()).device)
        layer.generator = tensors(seed, "dropout", *when, place, device=device)


def _below(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
