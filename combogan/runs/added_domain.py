"""The training of a domain that is added to others, whose halves are frozen; and its pack."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from combogan.data.catalog import DomainPictures
from combogan.evaluation.validation import directions
from combogan.registry.pack import Pack, write_pack
from combogan.registry.registry import GROWTH_CARD
from combogan.runs.frozen_domains import copy_discriminators, frozen_domain
from combogan.runs.growth_card import Growth
from combogan.runs.prepare import Prepared
from combogan.training import building
from combogan.training.domain import Domain
from combogan.training.engine import Engine
from combogan.training.folder import RunFolder
from combogan.training.halves import Halves
from combogan.training.journal import Journal
from combogan.training.pretraining import start_as_nearest
from combogan.training.publishing import Published, new_pack
from combogan.training.report import Report
from combogan.training.run_state import RunState
from combogan.training.samples import Samples
from combogan.training.schedule import one_of


class AddedDomainParts:
    """The parts of a trainer of one domain that is added to others."""

    def __init__(self, growth: Growth, prepared: Prepared) -> None:
        self._growth, self._path = growth, prepared.path
        self._settings, self._sources = prepared.settings, prepared.sources
        self._old = [name for name in sorted(prepared.sources) if name != growth.name]

    def cards(self) -> dict[str, bytes]:
        """What the domain is added to."""
        return {GROWTH_CARD: self._growth.content(self._path)}

    def domains(self, made_on: torch.device, *, shared_on: torch.device) -> dict[str, Domain]:
        """The added domain with new networks, and the others with the halves of their packs. Raises PackError."""
        name, settings = self._growth.name, self._settings
        found = {name: building.new_domain(name, settings, made_on, added=True)}
        found[name].rest()
        for old in self._old:
            found[old] = frozen_domain(old, Pack.open(self._growth.packs[old]), settings, made_on)
        return found

    def draw(self) -> Callable[[int], tuple[str, str]]:
        """The added domain and another."""
        pairs = [(self._growth.name, old) for old in self._old]
        return partial(one_of, pairs, how=self._settings.schedule.pairs, seed=self._settings.run.seed)

    def directions(self) -> list[tuple[str, str]]:
        """To and from the added domain; a seeded choice where there are many."""
        return directions(list(self._sources), seed=self._settings.run.seed, new=self._growth.name)

    def pretraining(self, engine: Engine, state: RunState, journal: Journal) -> AddedStart:
        """Copies of the run's discriminators and, where all domains began as one, of the nearest domain's halves."""
        as_nearest = self._settings.schedule.autoencode > 0
        return AddedStart(self._growth, engine, journal.report, as_nearest=as_nearest)

    def publisher(self, folder: RunFolder, samples: Samples) -> AddedPublisher:
        """The pack of the added domain."""
        new, images = self._sources[self._growth.name], self._settings.images
        return AddedPublisher(self._growth, new, samples, image_size=images.size, depth=images.depth)


class AddedStart:
    """The start of an added domain: the run's last discriminators and, if `as_nearest`, the nearest domain's halves."""

    progress = ""

    def __init__(self, growth: Growth, engine: Engine, report: Report, *, as_nearest: bool) -> None:
        self._growth, self._engine, self._report, self._as_nearest = growth, engine, report, as_nearest

    def restore(self, tell: Callable[[str], None]) -> None:
        """Does nothing: this start takes seconds and is not saved."""

    def run(self, stop: Callable[[], bool]) -> bool:
        """Copy discriminators and halves. Never stopped: gives True. PackError where an old pack has changed."""
        name, engine = self._growth.name, self._engine
        self._growth.refuse_changed(f"'{name}' was added")
        if self._growth.discriminators is not None:
            # The old halves may be of an earlier checkpoint, the best; later discriminators serve them as well.
            old = {known: domain for known, domain in engine.domains.items() if known != name}
            run = RunFolder.open(Path(self._growth.discriminators))
            copy_discriminators(run, old, self._report.tell, size=engine.batches.size)
        if self._as_nearest:
            nearest = start_as_nearest(engine.domains[name], engine.domains, engine.batches)
            self._report.tell(f"'{name}' starts as '{nearest}', the domain nearest in colour.")
        return True


class AddedPublisher:
    """Writes the pack of an added domain at the end of its training, and checks that old packs are unchanged."""

    while_training = False

    def __init__(
        self, growth: Growth, source: DomainPictures, samples: Samples, *, image_size: int, depth: int
    ) -> None:
        self._growth, self._source, self._samples = growth, source, samples
        self._image_size, self._depth = image_size, depth

    def publish(self, halves: Halves) -> Published:
        """Write the new pack. PackError where an old one has changed."""
        growth = self._growth
        growth.refuse_changed(f"'{growth.name}' was added")
        target, spaces = Path(growth.target), (growth.space, growth.space)
        new = new_pack(self._source, halves, spaces=spaces, image_size=self._image_size, depth=self._depth)
        write_pack(target, new)
        self._samples.translated(halves, [growth.name]).save_preview(target / "preview.png", growth.name)
        growth.refuse_changed(f"'{growth.name}' was added")
        places = [word for path in _registries(growth) for word in ("--registry", str(path))]
        words = ["--from", growth.name, "--to", next(iter(growth.packs)), *places]
        return Published(
            halves.iteration,
            (
                f"pack:      {target}",
                f"unchanged: the {len(growth.packs)} old packs ({', '.join(growth.packs)}), checked to the byte",
                f"translate: combogan translate {shlex.join(words)}",
            ),
        )


def _registries(growth: Growth) -> list[Path]:
    """The packs folders that hold the old packs and the new one."""
    folders = {Path(growth.target): growth.name} | {Path(path): name for name, path in growth.packs.items()}
    found = [path.parents[name.count("/")] for path, name in folders.items()]
    return list(dict.fromkeys(found))
