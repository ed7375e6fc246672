"""Packs out of a run: the averaged halves of its domains, under the id of their latent space."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import combogan
from combogan.data import catalog
from combogan.errors import CheckpointError
from combogan.networks.latent import space_id
from combogan.registry.pack import NewPack, SharedPart, half_hash, publish
from combogan.settings import Settings
from combogan.training.halves import Halves
from combogan.training.samples import save_preview

if TYPE_CHECKING:
    from combogan.training.trainer import Trainer


def one_space(settings: Settings) -> bool:
    """Whether all halves of a run share one latent space (invariant 6).

    Two domains that never decode their own latents have two: a -> b and b -> a.
    """
    autoencodes = settings.losses.identity > 0 and settings.losses.identity_kind == "autoencode"
    return len(settings.domains) > 2 or autoencodes


def publish_run(trainer: Trainer) -> list[str]:
    """Write the packs of all domains of a run, if those of the same weights are not there, and say what a person can do
    with them. Raises StorageError."""
    if published_of(trainer) != trainer.published:
        halves = to_publish(trainer)
        _write(trainer, halves)
        trainer.published = halves.iteration
    return _results(trainer)


def published_of(trainer: Trainer) -> int:
    """The iteration whose weights packs are to be made of: that of the best validation, where settings say so."""
    best = trainer.validating.best
    return trainer.iteration if best is None or trainer.settings.run.publish == "last" else best.iteration


def to_publish(trainer: Trainer) -> Halves:
    """The halves that packs are to be made of; where the best are damaged, those of now."""
    iteration = published_of(trainer)
    if iteration != trainer.iteration:
        try:
            return Halves.saved(trainer.checkpoints.at(iteration), trainer.domains)
        except CheckpointError as error:
            trainer.report.tell(
                f"{str(error).rstrip('.')}; it had the best validation, but packs are of the last weights."
            )
            trainer.validating.forget()
            trainer.checkpoints.best = None
    return trainer.halves()


def best_of(trainer: Trainer) -> list[str]:
    """A line on the best validation, if there is one."""
    best = trainer.validating.best
    if best is None:
        return []
    if trainer.published != best.iteration:
        return [f"best:      {best}; packs are of the last iteration"]
    samples = "" if best.iteration == trainer.iteration else ", samples of the last"
    return [f"best:      {best}; packs are of it{samples}"]


def _write(trainer: Trainer, halves: Halves) -> None:
    settings = trainer.settings
    hashes = {
        name: (half_hash(halves.encoders[name].own), half_hash(halves.decoders[name].own)) for name in halves.encoders
    }
    if one_space(settings):
        both = space_id(digest for pair in hashes.values() for digest in pair)
        spaces = dict.fromkeys(hashes, (both, both))
    else:
        a, b = hashes
        there, back = space_id((hashes[a][0], hashes[b][1])), space_id((hashes[b][0], hashes[a][1]))
        spaces = {a: (there, back), b: (back, there)}
    packs = [
        NewPack(
            name,
            halves.encoders[name].own,  # type: ignore[arg-type]
            halves.decoders[name].own,  # type: ignore[arg-type]
            spaces[name],
            settings.images.size,
            about_pack(trainer.sources[name], halves),
            halves.encoders[name].place,
        )
        for name in hashes
    ]
    space = next(iter(spaces.values()))[0]
    shared = None if halves.blocks is None else SharedPart(*halves.blocks, space)
    publish(trainer.folder.packs, packs, shared=shared)
    shown = trainer.translations(halves)
    for name in hashes:
        save_preview(trainer.folder.packs / name / "preview.png", name, shown)


def about_pack(source: catalog.Domain, halves: Halves) -> dict[str, Any]:
    """What a pack's card tells people."""
    return {
        "combogan": combogan.__version__,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "iterations": halves.iteration,
        "updates": halves.updates[source.name],
        "origin": source.origin,
    }


def _results(trainer: Trainer) -> list[str]:
    path, (a, b, *_) = trainer.folder.path, trainer.domains
    return [
        f"look at:   {path / 'samples' / f'{trainer.iteration:06d}.png'}",
        *best_of(trainer),
        f"packs:     {path / 'packs'}",
        f"translate: combogan translate --from {a} --to {b} --registry {path}",
    ]
