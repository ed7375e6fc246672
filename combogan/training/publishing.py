"""Packs out of a run: the averaged halves of its domains, under the id of their latent space."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

import combogan
from combogan.data import catalog
from combogan.networks.latent import space_id
from combogan.registry.pack import NewPack, SharedPart, half_hash, publish
from combogan.settings import Settings
from combogan.training.domain import Domain
from combogan.training.samples import save_preview

if TYPE_CHECKING:
    from combogan.training.trainer import Trainer


class PublishedHalf(nn.Module):
    """A domain's encoder or decoder as it is published, with the blocks that all share: what a pack computes."""

    def __init__(self, domain: Domain, part: str) -> None:
        super().__init__()
        learner, self.part, self.place = domain.generator, part, domain.place
        self.own = getattr(domain, part) if learner is None else learner.published(part)
        self.blocks = None if domain.shared is None else domain.shared.generator.published(part)

    def forward(self, x: Tensor) -> Tensor:
        if self.blocks is None:
            return self.own(x)
        return self.blocks(self.own(x), self.place) if self.part == "encoder" else self.own(self.blocks(x, self.place))


def published_halves(domain: Domain) -> tuple[PublishedHalf, PublishedHalf]:
    """Encoder and decoder of a domain as its pack holds them."""
    return PublishedHalf(domain, "encoder"), PublishedHalf(domain, "decoder")


def one_space(settings: Settings) -> bool:
    """Whether all halves of a run share one latent space (invariant 6).

    Two domains that never decode their own latents have two: a -> b and b -> a.
    """
    autoencodes = settings.losses.identity > 0 and settings.losses.identity_kind == "autoencode"
    return len(settings.domains) > 2 or autoencodes


def publish_run(trainer: Trainer) -> list[str]:
    """Write the packs of all domains of a run, and say what a person can do with them. Raises StorageError."""
    settings, domains = trainer.settings, trainer.domains
    halves = {name: published_halves(domain) for name, domain in domains.items()}
    hashes = {name: (half_hash(encoder.own), half_hash(decoder.own)) for name, (encoder, decoder) in halves.items()}
    if one_space(settings):
        both = space_id(digest for pair in hashes.values() for digest in pair)
        spaces = dict.fromkeys(domains, (both, both))
    else:
        a, b = domains
        there, back = space_id((hashes[a][0], hashes[b][1])), space_id((hashes[b][0], hashes[a][1]))
        spaces = {a: (there, back), b: (back, there)}
    packs = [
        NewPack(
            name,
            encoder.own,  # type: ignore[arg-type]
            decoder.own,  # type: ignore[arg-type]
            spaces[name],
            settings.images.size,
            about_pack(trainer.sources[name], domains[name], trainer.iteration),
            domains[name].place,
        )
        for name, (encoder, decoder) in halves.items()
    ]
    first = next(iter(halves.values()))
    space = next(iter(spaces.values()))[0]
    shared = None if first[0].blocks is None else SharedPart(first[0].blocks, first[1].blocks, space)  # type: ignore[arg-type]
    publish(trainer.folder.packs, packs, shared=shared)
    shown = trainer.translations()
    for name in domains:
        save_preview(trainer.folder.packs / name / "preview.png", name, shown)
    return _results(trainer)


def about_pack(source: catalog.Domain, domain: Domain, iteration: int) -> dict[str, Any]:
    """What a pack's card tells people."""
    return {
        "combogan": combogan.__version__,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "iterations": iteration,
        "updates": domain.updates,
        "origin": source.origin,
    }


def _results(trainer: Trainer) -> list[str]:
    path, (a, b, *_) = trainer.folder.path, trainer.domains
    return [
        f"look at:   {path / 'samples' / f'{trainer.iteration:06d}.png'}",
        f"packs:     {path / 'packs'}",
        f"translate: combogan translate --from {a} --to {b} --registry {path}",
    ]
