"""Packs out of a run: the averaged halves of its domains, under the id of their latent space."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, cast

import combogan
from combogan.data.catalog import DomainPictures
from combogan.networks.latent import space_ids
from combogan.networks.shared import SharedBlocks
from combogan.registry.pack import NewPack, SharedPart, publish
from combogan.registry.weights import half_hash
from combogan.training.folder import RunFolder
from combogan.training.halves import Halves
from combogan.training.samples import Samples


@dataclass(frozen=True)
class Published:
    """The packs that were written, with lines that say where they are and how to use them."""

    iteration: int
    """The iteration of the halves."""
    lines: tuple[str, ...]


class Publisher(Protocol):
    """Writes packs."""

    while_training: bool
    """Whether packs are written with every checkpoint, or only at the end."""

    def publish(self, halves: Halves) -> Published:
        """Write packs of those halves. Raises StorageError and PackError."""


class RunPublisher:
    """Writes the packs of all domains of a run, which replace the earlier ones."""

    while_training = True

    def __init__(
        self,
        folder: RunFolder,
        sources: Mapping[str, DomainPictures],
        samples: Samples,
        *,
        image_size: int,
        depth: int,
        one_space: bool,
    ) -> None:
        self._folder, self._sources, self._samples = folder, sources, samples
        self._image_size, self._depth, self._one_space = image_size, depth, one_space

    def publish(self, halves: Halves) -> Published:
        """Write a pack for each domain, with a preview."""
        hashes = {
            name: (half_hash(halves.encoders[name].own), half_hash(halves.decoders[name].own)) for name in self._sources
        }
        spaces = space_ids(hashes, one_space=self._one_space)
        packs = [
            new_pack(source, halves, spaces=spaces[name], image_size=self._image_size, depth=self._depth)
            for name, source in self._sources.items()
        ]
        first = packs[0].domain
        behind, before = (cast(SharedBlocks | None, half[first].blocks) for half in (halves.encoders, halves.decoders))
        shared = None if behind is None or before is None else SharedPart(behind, before, spaces[first][0])
        folder = self._folder.packs
        publish(folder, packs, shared=shared)
        shown = self._samples.translated(halves, list(self._sources))
        for pack in packs:
            shown.save_preview(folder / pack.domain / "preview.png", pack.domain)
        a, b, *_ = self._sources
        words = ["--from", a, "--to", b, "--registry", str(self._folder.path)]
        translate = f"translate: combogan translate {shlex.join(words)}"
        score = f"score:     combogan evaluate {shlex.quote(str(self._folder.path))}"
        return Published(halves.iteration, (f"packs:     {folder}", translate, score))


def new_pack(
    source: DomainPictures, halves: Halves, *, spaces: tuple[str, str], image_size: int, depth: int
) -> NewPack:
    """The pack of a domain; `spaces` are the ids of the latent spaces of its encoder and decoder."""
    encoder, decoder = halves.encoders[source.name], halves.decoders[source.name]
    about: dict[str, Any] = {
        "combogan": combogan.__version__,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "iterations": halves.iteration,
        "updates": halves.updates[source.name],
        "origin": source.origin,
    }
    return NewPack(source.name, encoder.own, decoder.own, spaces, image_size, about, encoder.place, depth)
