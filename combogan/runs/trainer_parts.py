"""What differs between trainings: of all domains of a run, of one that is added to others, and of a bridge."""

from __future__ import annotations

from collections.abc import Callable
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


class TrainerParts(Protocol):
    """The parts of a trainer that depend on what is trained."""

    def cards(self) -> dict[str, bytes]:
        """Files to write beside the settings of a new training, by name; none for a run of its own."""

    def domains(self, made_on: torch.device, *, shared_on: torch.device) -> dict[str, Domain]:
        """All domains by name, at rest, and on another device what is in every pair. Raises PackError."""

    def draw(self) -> Callable[[int], tuple[str, str]]:
        """The function from the number of a meeting to its two domains; workers get it, so it holds no pictures."""

    def directions(self) -> list[tuple[str, str]]:
        """The directions to validate: (from, to)."""

    def pretraining(self, engine: Engine, state: RunState, journal: Journal) -> Pretraining | None:
        """What comes before the first iteration, if anything does."""

    def publisher(self, folder: RunFolder, samples: Samples) -> Publisher:
        """What writes the packs."""
