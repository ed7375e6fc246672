"""The training of all domains of a run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch

from combogan.evaluation.validation import directions
from combogan.runs.prepare import Prepared
from combogan.training import building
from combogan.training.domain import Domain
from combogan.training.engine import Engine
from combogan.training.folder import RunFolder
from combogan.training.journal import Journal
from combogan.training.pretraining import AutoencoderStart
from combogan.training.publishing import RunPublisher
from combogan.training.run_state import RunState
from combogan.training.samples import Samples
from combogan.training.schedule import PAIRS


class AllDomainsParts:
    """The parts of a trainer of all domains of a run."""

    def __init__(self, prepared: Prepared) -> None:
        self._settings, self._sources, self._one_space = prepared.settings, prepared.sources, prepared.one_space
        self._names = sorted(prepared.sources)

    def cards(self) -> dict[str, bytes]:
        """No cards."""
        return {}

    def domains(self, made_on: torch.device, *, shared_on: torch.device) -> dict[str, Domain]:
        """New networks for each domain; blocks that all of them have are on the other device."""
        shared = building.shared_blocks(self._settings, self._names, shared_on)
        made = {}
        for name in self._sources:
            place = self._names.index(name)
            made[name] = building.new_domain(name, self._settings, made_on, shared=shared, place=place)
            made[name].rest()
        return made

    def draw(self) -> Callable[[int], tuple[str, str]]:
        """Two of all domains."""
        settings = self._settings
        return partial(PAIRS[settings.schedule.pairs], domains=self._names, seed=settings.run.seed)

    def directions(self) -> list[tuple[str, str]]:
        """Between all domains; a seeded choice where there are many."""
        return directions(list(self._sources), seed=self._settings.run.seed)

    def pretraining(self, engine: Engine, state: RunState, journal: Journal) -> AutoencoderStart | None:
        """One autoencoder of all pictures, where the settings ask for it."""
        autoencodes = self._settings.schedule.autoencode > 0
        return AutoencoderStart(engine, self._settings, state, journal) if autoencodes else None

    def publisher(self, folder: RunFolder, samples: Samples) -> RunPublisher:
        """Packs of all domains."""
        images = self._settings.images
        return RunPublisher(
            folder,
            self._sources,
            samples,
            image_size=images.size,
            depth=images.depth,
            one_space=self._one_space,
        )
