"""Validation of a run while it trains: when it is due, what was measured, and which is the best so far."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from combogan import machine
from combogan.data import catalog
from combogan.data.holding import hold_out, too_few
from combogan.data.reopening import Tell
from combogan.evaluation.log import validations
from combogan.evaluation.validation import Validation, best, described, directions, goodness
from combogan.settings import Settings
from combogan.training.halves import Halves


@dataclass(frozen=True)
class Best:
    """The best validation so far, whose checkpoint is kept."""

    iteration: int
    measured: Mapping[str, float]

    def __str__(self) -> str:
        return f"validation of iteration {self.iteration:,} ({described(self.measured)})"


class Validating:
    """The validations of a run: on the pictures that its domains hold out, every so many iterations; 0 makes none.

    It changes nothing that trains, and draws nothing by chance.
    """

    def __init__(
        self,
        sources: Mapping[str, catalog.Domain],
        *,
        every: int,
        size: int,
        seed: int,
        device: torch.device,
        threads: int,
        new: str | None = None,
    ) -> None:
        self.every = every
        self.best: Best | None = None
        self._sources, self._size, self._device, self._threads = sources, size, device, threads
        self._directions = directions(list(sources), seed=seed, new=new)
        self._validation: Validation | None = None

    def is_due(self, done: int, iterations: int) -> bool:
        """Whether to validate after so many iterations of so many: at the end too."""
        return self.every > 0 and (done % self.every == 0 or done == iterations)

    def prepare(self, tell: Tell) -> None:
        """Read the pictures, and train the classifier where one is needed; errors as of reading.

        Before the first iteration: what goes wrong here should not cost an hour of training.
        """
        if self.every and self._validation is None:
            with machine.threads(self._threads):
                validation = Validation(self._sources, self._directions, self._size, device=self._device, tell=tell)
            self._validation = validation

    def measure(self, halves: Halves) -> dict[str, float]:
        """The measures of those halves, after `prepare`: the same halves give the same."""
        assert self._validation is not None
        with machine.threads(self._threads):
            return self._validation(halves.translate)

    def is_best(self, iteration: int, measured: Mapping[str, float]) -> bool:
        """Whether it is at least as good as the best so far, which it then replaces."""
        if self.best is not None and goodness(measured) < goodness(self.best.measured):
            return False
        self.best = Best(iteration, measured)
        return True

    def recall(self, log: Path, *, until: int, saved: Collection[int]) -> None:
        """Know the best again, of what was logged by an iteration and still has a checkpoint."""
        known = {now: found for now, found in validations(log).items() if now <= until and now in saved}
        found = best(known)
        self.best = None if found is None else Best(found, known[found])

    def forget(self) -> None:
        """Know of no best, since its checkpoint is damaged: the next validation is the best."""
        self.best = None


def spared(
    settings: Settings, sources: Mapping[str, catalog.Domain], tell: Tell
) -> tuple[Settings, dict[str, catalog.Domain]]:
    """Settings and domains, with pictures held out for validation where it is asked for; where a domain has too few,
    the settings no longer ask for it, and `tell` hears why."""
    if not settings.run.validate_every:
        return settings, dict(sources)
    if few := too_few(sources):
        counts = ", ".join(f"'{name}' has {len(sources[name].train)}" for name in few)
        tell(f"Training without validation, and publishing the last weights: {counts} training pictures, too few.")
        return settings.changed({"run.validate_every": 0}), dict(sources)
    return settings, hold_out(sources, settings.run.seed)
