"""What differs between trainings: of all domains of a run, of one that is added to others, and of a bridge."""

from __future__ import annotations

from typing import Protocol

import torch

from combogan.training.domain import Domain
from combogan.training.engine import Engine
from combogan.training.folder import RunFolder
from combogan.training.journal import Journal
from combogan.training.pretraining import Pretraining
from combogan.training.publishing import Publisher
from combogan.training.run_state import RunState
from combogan.training.samples import Samples


class Composition(Protocol):
    """The parts of a trainer that depend on what is trained."""

    def cards(self) -> dict[str, bytes]:
        """Files beside the settings in a new run's folder, by name: what says that it is no run of its own."""

    def domains(self, first: torch.device, device: torch.device) -> dict[str, Domain]:
        """All domains by name, at rest, made on `first`; what is in every pair is on `device`. Raises PackError."""

    def pair(self, number: int) -> tuple[str, str]:
        """The domains of a meeting."""

    def directions(self) -> list[tuple[str, str]]:
        """The directions to validate: (from, to)."""

    def pretraining(self, engine: Engine, state: RunState, journal: Journal) -> Pretraining | None:
        """What comes before the first iteration, if anything does."""

    def publisher(self, folder: RunFolder, samples: Samples) -> Publisher:
        """What writes the packs."""
