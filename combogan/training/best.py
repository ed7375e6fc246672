"""The validations of a run, and which of them is the best so far."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from combogan import machine
from combogan.evaluation.run_log import validations
from combogan.evaluation.validation import Validation, best_iteration, described, goodness
from combogan.training.halves import Halves

Tell = Callable[[str], object]


@dataclass(frozen=True)
class Validated:
    """What was measured after an iteration."""

    iteration: int
    measured: Mapping[str, float]

    def __str__(self) -> str:
        return f"validation of iteration {self.iteration:,} ({described(self.measured)})"


class Best:
    """The best validation so far: its checkpoint is kept, and packs are made from it unless `publishes_last`."""

    def __init__(self, *, publishes_last: bool = False) -> None:
        self._publishes_last = publishes_last
        self.found: Validated | None = None

    @property
    def iteration(self) -> int | None:
        """The iteration whose checkpoint is kept; None without validations."""
        return None if self.found is None else self.found.iteration

    def to_publish(self, iteration: int) -> int:
        """The iteration whose weights packs are made from, after `iteration` iterations."""
        return iteration if self.found is None or self._publishes_last else self.found.iteration

    def update(self, iteration: int, measured: Mapping[str, float]) -> bool:
        """Add a validation. True where it is at least as good as the best so far, which it then replaces."""
        if self.found is not None and goodness(measured) < goodness(self.found.measured):
            return False
        self.found = Validated(iteration, measured)
        return True

    def recall(self, log: Path, *, until: int, saved: Collection[int]) -> None:
        """Restore the best from the log, of the iterations up to `until` that still have a checkpoint (`saved`)."""
        known = {done: measured for done, measured in validations(log).items() if done <= until and done in saved}
        found = best_iteration(known)
        self.found = None if found is None else Validated(found, known[found])

    def forget(self) -> None:
        """Drop the best: its checkpoint is damaged, or pictures have changed. The next validation is the best then."""
        self.found = None

    def line(self, *, published: int | None, now: int) -> list[str]:
        """A line about the best, if there is one; `published` is the iteration of the packs, `now` that of the run."""
        if self.found is None:
            return []
        if published != self.found.iteration:
            return [f"best:      {self.found}; packs are of the last iteration"]
        samples = "" if self.found.iteration == now else ", samples of the last"
        return [f"best:      {self.found}; packs are of it{samples}"]


class Validator:
    """Measures halves on the validation pictures; it changes no training state and makes no random draws.

    `make` reads the pictures, and trains the classifier where one is needed.
    """

    def __init__(self, make: Callable[[Tell], Validation], threads: int) -> None:
        self._make, self._threads = make, threads
        self._validation: Validation | None = None

    def prepare(self, tell: Tell) -> None:
        """Read the pictures before the first iteration, so that an error here does not cost an hour of training."""
        with machine.threads(self._threads):
            self._validation = self._validation or self._make(tell)

    def measure(self, halves: Halves) -> dict[str, float]:
        """The measures of those halves, after `prepare`; the same halves give the same numbers."""
        assert self._validation is not None
        with machine.threads(self._threads):
            return self._validation(halves.translate)
