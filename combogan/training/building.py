"""Settings -> networks and domains with their first weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import nn

from combogan.data.alignment import alignments
from combogan.data.batches import Batches
from combogan.data.pictures import PictureSet
from combogan.networks.adapter import Adapter
from combogan.networks.blocks import initialise
from combogan.networks.decoder import Decoder, decoder
from combogan.networks.discriminator import IMAGES_SEEN, discriminator
from combogan.networks.encoder import Encoder, encoder, image_channels, unet_shape, unless_colour
from combogan.networks.feature_heads import FeatureHeads, FrozenFeatures
from combogan.networks.latent import Latent
from combogan.networks.shared import SharedBlocks
from combogan.seeding import tensors
from combogan.settings import Settings
from combogan.training.domain import Domain, Shared
from combogan.training.losses import DISTANCES, GAN_LOSSES
from combogan.training.step import Objective

Network = TypeVar("Network", bound=nn.Module)


NAMED = ("width", "activation", "norm", "dropout", "upsampling", "depth", "skips")
"""Settings of [networks] that are arguments of the same name."""


def encoder_shape(settings: Settings) -> dict[str, Any]:
    """The constructor arguments of every encoder."""
    chosen = settings.networks
    style: dict[str, Any] = {"activation": chosen.activation, "norm": chosen.norm, "dropout": chosen.dropout}
    style |= unless_colour(settings.images.channels)
    if chosen.kind == "unet":
        return unet_shape(chosen.width, chosen.depth, int(chosen.skips), **style)
    return {"kind": chosen.kind, "width": chosen.width, "blocks": chosen.encoder_blocks} | style


def decoder_shape(settings: Settings) -> dict[str, Any]:
    """The constructor arguments of every decoder."""
    chosen = settings.networks
    if chosen.kind == "unet":
        return encoder_shape(settings)
    shape = encoder_shape(settings) | {"blocks": chosen.decoder_blocks}
    if chosen.kind == "resnet":
        return shape | {"upsampling": chosen.upsampling}
    return shape | ({"noise": 1} if chosen.noise else {})


def networks_of(encoder: Mapping[str, Any], decoder: Mapping[str, Any]) -> dict[str, Any]:
    """The changes of [networks] and [images] that give encoders and decoders these shapes."""
    found: dict[str, Any] = {"kind": decoder.get("kind", "resnet"), "noise": bool(decoder.get("noise"))}
    found |= {key: decoder[key] for key in NAMED if key in decoder}
    if found["kind"] == "unet":
        found["skips"] = bool(found["skips"])
    else:
        found |= {"encoder_blocks": encoder["blocks"], "decoder_blocks": decoder["blocks"]}
    return {f"networks.{key}": value for key, value in found.items()} | {"images.channels": image_channels(encoder)}


def discriminator_shape(settings: Settings) -> dict[str, Any]:
    """The arguments of `discriminator` for every domain."""
    norm = "batch" if settings.networks.norm == "batch" else "instance"
    shape = settings.discriminator.model_dump() | {"norm": norm} | unless_colour(settings.images.channels)
    if settings.discriminator.kind == "split":
        del shape["sees"]
    return shape


def first_weights(network: Network, settings: Settings, *where: str, device: torch.device) -> Network:
    """The network on its device, with random weights that depend on the run's seed and on `where` it belongs only."""
    initialise(network, tensors(settings.run.seed, "weights", *where))
    return network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def added_encoder_shape(settings: Settings) -> dict[str, Any]:
    """The constructor arguments of an added domain's encoder, which makes up for decoders that learn no more."""
    return encoder_shape(settings) | ({"change": 1} if settings.networks.kind == "skip" else {})


def new_domain(
    name: str,
    settings: Settings,
    device: torch.device,
    *,
    shared: Shared | None = None,
    place: int = 0,
    added: bool = False,
) -> Domain:
    """A domain with first weights in all its networks; `added` to trained ones or not."""
    shape = added_encoder_shape(settings) if added else encoder_shape(settings)
    return Domain(
        name,
        first_weights(encoder(**shape), settings, name, "encoder", device=device),
        first_weights(decoder(**decoder_shape(settings)), settings, name, "decoder", device=device),
        first_weights(discriminator(**discriminator_shape(settings)), settings, name, "discriminator", device=device),
        first_weights(FeatureHeads(), settings, name, "heads", device=device) if settings.losses.heads else None,
        betas=settings.optimizer.betas,
        ema=settings.optimizer.ema,
        pool=settings.optimizer.pool,
        shared=shared,
        place=place,
    )


def frozen_domain(
    name: str,
    encoder: Encoder,
    decoder: Decoder,
    settings: Settings,
    device: torch.device,
    *,
    shared: Shared | None = None,
) -> Domain:
    """A domain whose halves are trained already, with a new discriminator; adapters, if any, are `shared`."""
    new = new_domain(name, settings, device)
    return Domain(
        name,
        encoder.to(device, memory_format=torch.channels_last),  # type: ignore[call-overload]
        decoder.to(device, memory_format=torch.channels_last),  # type: ignore[call-overload]
        new.discriminator,
        new.heads,
        betas=settings.optimizer.betas,
        ema=0.0,
        pool=settings.optimizer.pool,
        frozen=True,
        shared=shared,
    )


def adapters(here: Latent, beyond: Latent, settings: Settings, device: torch.device) -> Shared:
    """The adapters from a latent space to another and back, which change nothing yet: all domains `here` share them."""

    def adapter(taken: Latent, given: Latent, part: str) -> Adapter:
        network = Adapter(taken, given, blocks=ADAPTER_BLOCKS)
        first_weights(network, settings, "adapter", part, device=device)
        network.start()
        return network

    there, back = adapter(here, beyond, "there"), adapter(beyond, here, "back")
    return Shared(there, back, betas=settings.optimizer.betas, ema=settings.optimizer.ema)


ADAPTER_BLOCKS = 2
"""Residual blocks of an adapter, for each map."""


def batches(settings: Settings, pictures: Mapping[str, PictureSet]) -> Batches:
    """The batches of a run on training pictures."""
    images = settings.images
    return Batches(
        pictures,
        size=images.size,
        load=images.load,
        resize=images.resize,
        flip=images.flip,
        batch=settings.schedule.batch,
        seed=settings.run.seed,
        aligned=alignments(pictures) if settings.losses.paired else None,
    )


FLOAT = 4
"""Bytes of a float32."""


def weights(settings: Settings) -> tuple[int, int]:
    """How many weights a domain's halves have, and its discriminators; no memory is allocated for them."""
    with torch.device("meta"):
        halves = [encoder(**encoder_shape(settings)), decoder(**decoder_shape(settings))]
        others = [discriminator(**discriminator_shape(settings)), *([FeatureHeads()] if settings.losses.heads else [])]
    count = [sum(weight.numel() for network in group for weight in network.parameters()) for group in (halves, others)]
    return count[0], count[1]


def state_bytes(settings: Settings) -> int:
    """Bytes of a domain's state with a full pool: weights, two moments and averages."""
    of_halves, of_discriminators = weights(settings)
    copies = 4 if settings.optimizer.ema else 3
    seen = IMAGES_SEEN[settings.discriminator.sees] * settings.images.channels
    pool = settings.optimizer.pool * seen * settings.images.size**2
    return FLOAT * (copies * of_halves + 3 * of_discriminators + pool)


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

    behind = blocks(chosen.shared_encoder_blocks, "encoder")
    before = blocks(chosen.shared_decoder_blocks, "decoder")
    return Shared(behind, before, betas=settings.optimizer.betas, ema=settings.optimizer.ema)


def objective(settings: Settings, device: torch.device | str = "cpu") -> Objective:
    """What the step minimises; `latent` is the weight at the end of its ramp. FeaturesError: no pretrained weights."""
    chosen = settings.losses
    return Objective(
        gan_loss=GAN_LOSSES[chosen.gan],
        distance=DISTANCES[chosen.distance],
        cycle=chosen.cycle,
        identity=chosen.identity * (chosen.cycle if chosen.identity_relative else 1),
        matching=chosen.matching,
        r1=chosen.r1,
        latent=chosen.latent,
        forward=chosen.forward,
        identity_kind=chosen.identity_kind,
        every=chosen.every,
        identity_pool=chosen.identity_pool,
        forward_pool=chosen.forward_pool,
        paired=chosen.paired,
        sees_source=settings.discriminator.sees == "both",
        features=FrozenFeatures(device) if chosen.heads or chosen.style else None,
        heads=chosen.heads,
        style=chosen.style,
    )
