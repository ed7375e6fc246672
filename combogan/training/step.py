"""One iteration on one pair of domains (Anoosheh et al. 2017, section 3; losses of Zhu et al. 2017).

Letters: image x of domain a, y of b; latents z_x, z_y; translations fake_b, fake_a; the way back rec_a, rec_b.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from combogan.networks.discriminator import PatchDiscriminator, real_and_fake_maps
from combogan.networks.feature_heads import FeatureMaps, FrozenFeatures
from combogan.training.domain import Domain
from combogan.training.group import NetworkGroup
from combogan.training.losses import (
    Distance,
    GanLoss,
    hinge,
    hinge_of_generator,
    matching,
    r1_penalty,
    small,
    style,
)
from combogan.training.schedule import falls_due

R1_EVERY = 4
"""Updates of a discriminator per R1 penalty, which is weighted by this number in return (Karras et al. 2020)."""
STYLE_EVERY = 2
"""The style loss is computed at every second update of the target, with twice the weight."""

OF_TARGET = ("gan", "matching", "heads", "style")
"""The losses that belong to the domain that an image was translated into."""
Chance = Callable[[str, str], np.random.Generator]
"""(purpose, domain) -> the random generator of this iteration."""


@dataclass(frozen=True)
class Objective:
    """What is minimised: how the parts of the loss are measured, and their weights. The weight of `gan` is 1."""

    gan_loss: GanLoss
    distance: Distance
    cycle: float
    identity: float
    latent: float
    forward: float
    matching: float = 0.0
    r1: float = 0.0
    identity_kind: Literal["autoencode", "cyclegan"] = "autoencode"
    every: int = 1
    """Interval of the cycle loss and of the identity loss, in updates of a domain; their weights grow with it."""
    identity_pool: int = 1
    forward_pool: int = 2
    paired: float = 0.0
    sees_source: bool = False
    """Whether discriminators see an image together with the one that it was translated from."""
    features: FrozenFeatures | None = None
    """The frozen network that heads and style need."""
    heads: float = 0.0
    style: float = 0.0

    def total(self, parts: dict[str, Tensor]) -> Tensor:
        """The sum of the parts, each times its weight; cycle, identity and style also times their intervals."""
        weights = {
            "gan": 1.0,
            "matching": self.matching,
            "cycle": self.every * self.cycle,
            "identity": self.every * self.identity,
            "latent": self.latent,
            "forward": self.forward,
            "paired": self.paired,
            "heads": self.heads,
            "style": STYLE_EVERY * self.style,
        }
        return torch.stack([weights[name] * part for name, part in parts.items()]).sum()

    def shown(self, image: Tensor, source: Tensor | None) -> Tensor:
        """What a discriminator is shown of an image (n, channels, h, w): with `sees_source`, its source before it,
        (n, 2 * channels, h, w).

        None is the source of an image without a counterpart: it is seen as gray.
        """
        if not self.sees_source:
            return image
        return torch.cat([torch.zeros_like(image) if source is None else source, image], 1)


def step(
    a: Domain,
    b: Domain,
    x: Tensor,
    y: Tensor,
    *,
    objective: Objective,
    rate: float,
    precision: torch.dtype,
    chance: Chance,
    aligned: bool = False,
) -> dict[str, dict[str, Tensor]]:
    """Train a and b on their images x and y (n, channels, h, w), and nothing else; gives each one's unweighted losses.

    Where x and y are `aligned`, each is what the other should be translated into. `chance` is asked for each domain's
    fake pool and style loss. The losses OF_TARGET and `discriminator` belong to the domain that an image was translated
    into, all others to the domain that it comes from.
    """
    losses: dict[str, dict[str, Tensor]] = {a.name: {}, b.name: {}}
    fakes = {}
    seen, seen_in_fakes = features_of(objective.features, {a.name: x, b.name: y}), {}
    with without_discriminator_gradients(a, b):
        for source, target, image, other in ((a, b, x, y), (b, a, y, x)):
            with rounding_to(precision, x.device):
                fake, parts = there_and_back(source, target, image, other, objective, aligned=aligned)
                maps = objective.features(fake) if objective.features is not None else {}
                parts |= perceived(target, maps, seen[target.name], objective, chance)
            seen_in_fakes[target.name] = {stride: found.detach() for stride, found in maps.items()}
            fakes[target.name] = objective.shown(fake.detach(), image if aligned else None)
            objective.total(parts).backward()
            for name, part in parts.items():
                owner = target if name in OF_TARGET else source
                losses[owner.name][name] = part.detach()
    for group in generator_groups(a, b):
        group.update(rate)

    for domain, image, other in ((b, y, x), (a, x, y)):
        real = objective.shown(image, other if aligned else None)
        fake = domain.pool.query(fakes[domain.name], chance("pool", domain.name))
        with rounding_to(precision, x.device):
            loss = discriminator_loss(domain, real, fake, objective.gan_loss)
            if domain.heads is not None:
                loss = loss + heads_loss(domain, seen[domain.name], seen_in_fakes[domain.name], objective)
        losses[domain.name]["discriminator"] = loss.detach()
        if objective.r1 and falls_due(domain.updates, R1_EVERY):
            loss = loss + objective.r1 / 2 * R1_EVERY * r1_penalty(domain.discriminator, real)
        loss.backward()
        domain.discriminator_group.update(rate)
    return losses


def there_and_back(
    a: Domain, b: Domain, x: Tensor, y: Tensor, objective: Objective, *, aligned: bool = False
) -> tuple[Tensor, dict[str, Tensor]]:
    """a -> b -> a: the translation fake_b, and the parts of the generators' loss in this direction."""
    cycle_is_due = objective.cycle > 0 and falls_due(a.updates + objective.every // 2, objective.every)
    identity_is_due = objective.identity > 0 and falls_due(a.updates, objective.every)
    z_x = a.encode(x)
    fake_b = b.decode(z_x)
    parts = against_discriminator(b, fake_b, y, x if aligned else None, objective)
    if cycle_is_due or objective.latent:
        z_fake = b.encode(fake_b)
    if cycle_is_due:
        rec_a = a.decode(z_fake)
        parts["cycle"] = objective.distance(rec_a, x)
    if objective.paired and aligned:
        parts["paired"] = objective.distance(fake_b, y)
    if identity_is_due and objective.identity_kind == "autoencode" and a.learns_to_return:
        same = a.decode(z_x)
        parts["identity"] = objective.distance(small(same, objective.identity_pool), small(x, objective.identity_pool))
    if identity_is_due and objective.identity_kind == "cyclegan":
        same = b.decode(a.encode(y))
        parts["identity"] = objective.distance(small(same, objective.identity_pool), small(y, objective.identity_pool))
    if objective.latent:
        parts["latent"] = objective.distance(z_fake[0], z_x[0].detach())
    if objective.forward:
        parts["forward"] = objective.distance(small(fake_b, objective.forward_pool), small(x, objective.forward_pool))
    return fake_b, parts


def against_discriminator(
    b: Domain, fake_b: Tensor, y: Tensor, x: Tensor | None, objective: Objective
) -> dict[str, Tensor]:
    """The parts of the loss of a -> b that b's discriminator sees; `x` is the source where it is y's counterpart."""
    shown = objective.shown(fake_b, x)
    if not objective.matching:
        return {"gan": objective.gan_loss(b.discriminator(shown), True)}
    assert isinstance(b.discriminator, PatchDiscriminator)
    scores, found = b.discriminator.scores_and_maps(shown)
    _, wanted = b.discriminator.scores_and_maps(objective.shown(y, x))
    return {"gan": objective.gan_loss(scores, True), "matching": matching(found, wanted)}


def perceived(
    b: Domain, of_fake_b: FeatureMaps, of_y: FeatureMaps, objective: Objective, chance: Chance
) -> dict[str, Tensor]:
    """The parts of the loss of a -> b that the frozen network sees: what it sees in fake_b, and what in y."""
    if objective.features is None:
        return {}
    parts = {}
    if b.heads is not None:
        parts["heads"] = hinge_of_generator(b.heads(objective.features.mixed(of_fake_b)))
    if objective.style and falls_due(b.updates, STYLE_EVERY):
        parts["style"] = style(of_fake_b, of_y, chance("style", b.name))
    return parts


def discriminator_loss(domain: Domain, real: Tensor, fake: Tensor, gan_loss: GanLoss) -> Tensor:
    """The loss of a domain's discriminator on real images and on translations (n, channels, h, w) into it."""
    of_real, of_fake = real_and_fake_maps(domain.discriminator, real, fake)
    return (gan_loss(of_real, True) + gan_loss(of_fake, False)) / 2


def heads_loss(domain: Domain, of_real: FeatureMaps, of_fake: FeatureMaps, objective: Objective) -> Tensor:
    """The loss of a domain's heads on the features of real images, and of as many translations into it.

    The heads see the translations of this iteration, not earlier ones from the pool.
    """
    assert objective.features is not None
    assert domain.heads is not None
    both = {stride: torch.cat([real, of_fake[stride]]) for stride, real in of_real.items()}
    scores = [one.chunk(2) for one in domain.heads(objective.features.mixed(both))]
    return hinge([real for real, _ in scores], True) + hinge([fake for _, fake in scores], False)


@torch.no_grad()
def features_of(network: FrozenFeatures | None, images: dict[str, Tensor]) -> dict[str, FeatureMaps]:
    """Domain -> features of its images (n, channels, h, w), all of one size, in one pass; empty without a network."""
    if network is None:
        return {name: {} for name in images}
    maps = {stride: both.chunk(len(images)) for stride, both in network(torch.cat(list(images.values()))).items()}
    return {name: {stride: parts[place] for stride, parts in maps.items()} for place, name in enumerate(images)}


def generator_groups(a: Domain, b: Domain) -> Iterator[NetworkGroup]:
    """The groups that the generators' loss trains: the halves of both domains, unless frozen, and what they share."""
    shared = a.shared or b.shared
    between = shared.generator_group if shared is not None else None
    yield from (group for group in (a.generator_group, between, b.generator_group) if group is not None)


def rounding_to(precision: torch.dtype, device: torch.device) -> torch.autocast:
    """Context in which convolutions are computed in a precision.

    PyTorch's cache of rounded weights is off. It belongs to the process and not to a thread, so pairs that are trained
    in parallel would empty it for each other, and the order in which gradients are summed would depend on timing.
    """
    return torch.autocast(device.type, precision, enabled=precision != torch.float32, cache_enabled=False)


@contextmanager
def without_discriminator_gradients(*domains: Domain) -> Iterator[None]:
    """Context in which no gradients of the discriminators' weights are computed."""
    for domain in domains:
        domain.discriminator_group.networks.requires_grad_(False)
    try:
        yield
    finally:
        for domain in domains:
            domain.discriminator_group.networks.requires_grad_(True)
