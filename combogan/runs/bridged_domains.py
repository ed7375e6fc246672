"""The training of a bridge between two runs, whose domains have frozen halves; and what it writes."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

import combogan
from combogan.evaluation.validation import across
from combogan.networks.adapter import Adapter
from combogan.networks.latent import Maps
from combogan.registry.bridge import folder_name, write_bridge
from combogan.registry.copies import copy_packs
from combogan.registry.pack import Pack
from combogan.registry.swap import replacing
from combogan.runs.bridge_card import BRIDGING_CARD, Bridging, End
from combogan.runs.frozen_domains import copy_discriminators, frozen_domain
from combogan.runs.prepare import Prepared
from combogan.settings import Settings
from combogan.training import building
from combogan.training.domain import Domain, shared_by
from combogan.training.engine import Engine
from combogan.training.folder import RunFolder
from combogan.training.group import NetworkGroup
from combogan.training.halves import Halves, inference
from combogan.training.journal import Journal
from combogan.training.publishing import Published
from combogan.training.report import Report
from combogan.training.run_state import RunState
from combogan.training.samples import Samples
from combogan.training.schedule import one_of

MEANWHILE = "the bridge was built"
EXAMPLES = 16
"""Images of each domain that adapters are fitted to."""


class BridgeParts:
    """The parts of a trainer of a bridge between two runs."""

    def __init__(self, bridging: Bridging, prepared: Prepared) -> None:
        self._bridging, self._settings, self._sources = bridging, prepared.settings, prepared.sources
        self._pairs = bridging.pairs(sorted(prepared.sources))

    def cards(self) -> dict[str, bytes]:
        """The runs that the bridge connects."""
        return {BRIDGING_CARD: self._bridging.content()}

    def domains(self, made_on: torch.device, *, shared_on: torch.device) -> dict[str, Domain]:
        """Domains of both runs with the halves of their packs; those of the first run share the adapters. PackError."""
        bridging, settings = self._bridging, self._settings
        packs = {name: Pack.open(path) for end in bridging.ends for name, path in end.packs.items()}
        here, beyond = (end.latent for end in bridging.ends)
        adapters = building.adapters(here, beyond, settings, shared_on)
        shared = {name: adapters if name in bridging.a.packs else None for name in self._sources}
        return {
            name: frozen_domain(name, packs[name], settings, made_on, shared=shared[name]) for name in self._sources
        }

    def draw(self) -> Callable[[int], tuple[str, str]]:
        """A domain of each run."""
        return partial(one_of, self._pairs, how=self._settings.schedule.pairs, seed=self._settings.run.seed)

    def directions(self) -> list[tuple[str, str]]:
        """Between the two runs; a seeded choice where there are many."""
        return across(self._pairs, seed=self._settings.run.seed)

    def pretraining(self, engine: Engine, state: RunState, journal: Journal) -> BridgeStart:
        """Copies of the runs' discriminators, and adapters that fit what encoders see."""
        return BridgeStart(self._bridging, engine, self._settings, journal.report)

    def publisher(self, folder: RunFolder, samples: Samples) -> BridgePublisher:
        """The bridge, and copies of the packs that it connects."""
        return BridgePublisher(self._bridging, folder)


class BridgeStart:
    """The start of a bridge: the runs' last discriminators, and adapters that fit what both runs see in pictures."""

    progress = ""

    def __init__(self, bridging: Bridging, engine: Engine, settings: Settings, report: Report) -> None:
        self._bridging, self._engine, self._settings, self._report = bridging, engine, settings, report

    def restore(self, tell: Callable[[str], None]) -> None:
        """Does nothing: this start takes seconds and is not saved."""

    def run(self, stop: Callable[[], bool]) -> bool:
        """Copy discriminators and fit adapters. Never stopped: gives True. PackError where a pack has changed."""
        self._bridging.refuse_changed(MEANWHILE)
        for end in self._bridging.ends:
            self._copy_discriminators(end)
        self._fit()
        return True

    def _copy_discriminators(self, end: End) -> None:
        """Load the discriminators of a run, where they are of the shape that is trained here."""
        folder, tell = RunFolder.open(Path(end.run)), self._report.tell
        then, now = folder.settings(), self._settings
        ours = {name: domain for name, domain in self._engine.domains.items() if name in end.packs}
        alike = building.discriminator_shape(then) == building.discriminator_shape(now)
        if alike and bool(then.losses.heads) == bool(now.losses.heads):
            copy_discriminators(folder, ours, tell, size=now.images.size)
            return
        for name in ours:
            tell(f"the discriminator of '{name}' does not fit those of the other run; beginning with a fresh one.")

    def _fit(self) -> None:
        """Fit both adapters to what encoders of both runs see in the same images; their averages start alike."""
        ours, theirs = (self._images(end) for end in self._bridging.ends)
        group = _adapters(self._engine.domains)
        for part, taken, given in (("encoder", ours, theirs), ("decoder", theirs, ours)):
            adapter = cast(Adapter, group.networks[part])
            adapter.fit(self._examples(taken, given))
            adapter.match(torch.cat([*taken.values()]), torch.cat([*given.values()]))
        group.fill(dict(group.networks.items()))

    def _images(self, end: End) -> dict[str, Tensor]:
        """EXAMPLES images (n, 3, h, w) of each domain of a run."""
        batches, device = self._engine.batches, self._engine.device
        count = max(1, EXAMPLES // batches.batch)
        names = sorted(name for name in self._engine.domains if name in end.packs)
        return {name: torch.cat([batches.images(name, one) for one in range(count)]).to(device) for name in names}

    def _examples(self, taken: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> Iterator[tuple[Maps, Maps]]:
        """What encoders of the run that maps are taken of see in images of the other run, and what these see."""
        for target, images in given.items():
            for source in taken:
                encoders = [self._engine.domains[name].published()[0] for name in (source, target)]
                for image in images.split(self._engine.batches.batch):
                    with inference(*encoders):
                        one, other = (encoder(image) for encoder in encoders)
                    yield one, other


class BridgePublisher:
    """Writes a bridge, and beside it copies of the packs that it connects; checks that these are unchanged."""

    while_training = False

    def __init__(self, bridging: Bridging, folder: RunFolder) -> None:
        self._bridging, self._folder = bridging, folder

    def publish(self, halves: Halves) -> Published:
        """Write the bridge. PackError where a pack has changed."""
        bridging, target = self._bridging, self._folder.packs
        bridging.refuse_changed(MEANWHILE)
        one = next(name for name in halves.encoders if name in bridging.a.packs)
        other = next(name for name in halves.encoders if name in bridging.b.packs)
        there, back = halves.encoders[one].blocks, halves.decoders[one].blocks
        packs = [Pack.open(path) for end in bridging.ends for path in end.packs.values()]
        about = {
            "combogan": combogan.__version__,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "iterations": halves.iteration,
            "runs": [bridging.a.run, bridging.b.run],
        }
        bridge = Path(folder_name((bridging.a.space, bridging.b.space)))
        with replacing(target) as new:
            copy_packs(packs, new)
            write_bridge(
                new / bridge,
                cast(Adapter, there),
                cast(Adapter, back),
                latents=(bridging.a.latent, bridging.b.latent),
                about=about,
            )
        bridging.refuse_changed(MEANWHILE)
        words = ["--from", one, "--to", other, "--registry", str(self._folder.path)]
        return Published(
            halves.iteration,
            (
                f"bridge:    {target / bridge}",
                f"unchanged: the {len(packs)} packs of {bridging.a.run} and {bridging.b.run}, checked to the byte",
                f"translate: combogan translate {shlex.join(words)}",
            ),
        )


def _adapters(domains: Mapping[str, Domain]) -> NetworkGroup:
    shared = shared_by(domains)
    assert shared is not None
    return shared.generator_group
