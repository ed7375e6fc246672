"""Settings -> networks and domains with their first weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import nn

from combogan.networks.blocks import initialise
from combogan.networks.decoder import Decoder
from combogan.networks.discriminator import discriminator
from combogan.networks.encoder import Encoder
from combogan.networks.shared import SharedBlocks
from combogan.seeding import tensors
from combogan.settings import Settings
from combogan.training.domain import Domain, Shared
from combogan.training.losses import DISTANCES, GAN_LOSSES
from combogan.training.step import Objective

Network = TypeVar("Network", bound=nn.Module)


def encoder_shape(settings: Settings) -> dict[str, Any]:
    """The constructor arguments of every encoder."""
    chosen = settings.networks
    shape = {"width": chosen.width, "blocks": chosen.encoder_blocks, "activation": chosen.activation}
    return shape | {"norm": chosen.norm, "dropout": chosen.dropout}


def decoder_shape(settings: Settings) -> dict[str, Any]:
    """The constructor arguments of every decoder."""
    shape = encoder_shape(settings) | {"blocks": settings.networks.decoder_blocks}
    return shape | {"upsampling": settings.networks.upsampling}


def networks_of(encoder: Mapping[str, Any], decoder: Mapping[str, Any]) -> dict[str, Any]:
    """The changes of [networks] that give encoders and decoders these shapes."""
    found = {key: decoder[key] for key in ("width", "activation", "norm", "dropout", "upsampling")}
    found |= {"encoder_blocks": encoder["blocks"], "decoder_blocks": decoder["blocks"]}
    return {f"networks.{key}": value for key, value in found.items()}


def discriminator_shape(settings: Settings) -> dict[str, Any]:
    """The arguments of `discriminator` for every domain."""
    norm = "batch" if settings.networks.norm == "batch" else "instance"
    return settings.discriminator.model_dump() | {"norm": norm}


def first_weights(network: Network, settings: Settings, *where: str, device: torch.device) -> Network:
    """The network on its device, with random weights that depend on the run's seed and on `where` it belongs only."""
    initialise(network, tensors(settings.run.seed, "weights", *where))
    return network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def new_domain(
    name: str, settings: Settings, device: torch.device, *, shared: Shared | None = None, place: int = 0
) -> Domain:
    """A domain with first weights in all three networks."""
    return Domain(
        name,
        first_weights(Encoder(**encoder_shape(settings)), settings, name, "encoder", device=device),
        first_weights(Decoder(**decoder_shape(settings)), settings, name, "decoder", device=device),
        first_weights(discriminator(**discriminator_shape(settings)), settings, name, "discriminator", device=device),
        betas=settings.optimizer.betas,
        ema=settings.optimizer.ema,
        pool=settings.optimizer.pool,
        shared=shared,
        place=place,
    )


def shared_blocks(settings: Settings, names: Sequence[str], device: torch.device) -> Shared | None:
    """The blocks that the named domains share, if settings ask for any."""
    chosen = settings.networks
    if not chosen.shared_encoder_blocks and not chosen.shared_decoder_blocks:
        return None

    def blocks(count: int, part: str) -> SharedBlocks:
        network = SharedBlocks(
            channels=4 * chosen.width,
            blocks=count,
            domains=len(names),
            activation=chosen.activation,
            norm=chosen.norm,
            dropout=chosen.dropout,
        )
        return first_weights(network, settings, "shared", part, device=device)

    encoder = blocks(chosen.shared_encoder_blocks, "encoder")
    decoder = blocks(chosen.shared_decoder_blocks, "decoder")
    return Shared(encoder, decoder, betas=settings.optimizer.betas, ema=settings.optimizer.ema)


def objective(settings: Settings) -> Objective:
    """What the step minimises; `latent` is the weight at the end of its ramp."""
    chosen = settings.losses
    return Objective(
        gan_loss=GAN_LOSSES[chosen.gan],
        distance=DISTANCES[chosen.distance],
        cycle=chosen.cycle,
        identity=chosen.identity * (chosen.cycle if chosen.identity_relative else 1),
        r1=chosen.r1,
        latent=chosen.latent,
        forward=chosen.forward,
        identity_kind=chosen.identity_kind,
        identity_pool=chosen.identity_pool,
        forward_pool=chosen.forward_pool,
    )
