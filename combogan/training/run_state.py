"""What a run saves and restores: the states of its domains, and of its start before the first iteration.

RUN/checkpoints/004000/     all domains after 4,000 iterations
RUN/start/003000/           the autoencoder that all domains start from, after 3,000 iterations of its own
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from combogan import storage
from combogan.data.catalog import DomainPictures
from combogan.errors import DivergedError, RunError
from combogan.training.checkpoint import SHARED, Checkpoint, Checkpoints
from combogan.training.domain import Domain, shared_by
from combogan.training.folder import RunFolder

START = "autoencoder"


class RunState:
    """Saves and restores a run's domains. `environment` is what bits depend on besides settings and pictures."""

    def __init__(
        self,
        folder: RunFolder,
        domains: Mapping[str, Domain],
        sources: Mapping[str, DomainPictures],
        environment: Mapping[str, str | int],
        *,
        keep: int,
    ) -> None:
        self._folder, self._domains = folder, domains
        self.checkpoints = Checkpoints(folder.checkpoints, keep=keep)
        self._starts = Checkpoints(folder.start, keep=1)
        # Computed once: it reads every file, and a file that is lost later must not prevent a checkpoint.
        fingerprints = {name: source.fingerprint() for name, source in sources.items()}
        self._record: dict[str, dict[str, Any]] = {"environment": dict(environment), "pictures": fingerprints}
        self._shared = shared_by(domains)
        self._known = self._saved()
        """The iterations on disk, as far as this process knows."""

    def save(self, iteration: int, *, stays: int | None = None) -> None:
        """Write a checkpoint; that of the iteration `stays` is not deleted, however old it is.

        StorageError when it cannot be written, DivergedError when a state is not finite; earlier ones are kept then.
        """
        for name, domain in self._domains.items():
            if not is_finite(domain.state()):
                raise self._diverged(f"the state of '{name}' is no longer finite", iteration)
        states = {name: domain.state for name, domain in self._domains.items()}
        updates = {name: domain.updates for name, domain in self._domains.items()}
        if self._shared is not None:
            states[SHARED] = self._shared.generator_group.state
            updates[SHARED] = self._shared.generator_group.updates
        self.checkpoints.save(iteration, states, updates, self._record, stays=stays)
        storage.remove_folder(self._starts.folder)
        self._known = self._saved()

    def restore(self, tell: Callable[[str], None]) -> Checkpoint | None:
        """Load the newest undamaged checkpoint, one state in memory at a time; None without one.

        `tell` gets a sentence on each damaged one, and on what has changed since it was saved. RunError when it belongs
        to other settings.
        """
        found = self.checkpoints.newest(tell)
        if found is not None:
            self._load(found)
            self._tell_differences(found.record, tell)
        return found

    def save_start(self, done: int, state: Mapping[str, Tensor]) -> None:
        """Write the state of the start after `done` iterations of it. StorageError when it cannot be written."""
        self._starts.save(done, {START: lambda: dict(state)}, {START: done}, self._record)
        self._known = self._saved()

    def restore_start(self, load: Callable[[int, dict[str, Tensor]], None], tell: Callable[[str], None]) -> None:
        """Give `load` the iterations done of the start and its state, where one is saved. `tell` and errors as in
        `restore`."""
        found = self._starts.newest(tell)
        if found is not None:
            with fitting(found):
                load(found.iteration, found.state(START))
            self._tell_differences(found.record, tell)

    def has_same_pictures(self, checkpoint: Checkpoint) -> bool:
        """Whether no picture has changed since it was saved."""
        return bool(checkpoint.record.get("pictures") == self._record["pictures"])

    def refuse_changed(self) -> None:
        """RunError where another process has saved something meanwhile."""
        if self._saved() != self._known:
            raise RunError(f"{self._folder.path} was trained further meanwhile; resume it again.")

    def refuse_infinite(self, values: Mapping[str, float], iteration: int) -> None:
        """DivergedError where one of the named values is no longer a number."""
        for name, value in values.items():
            if not math.isfinite(value):
                raise self._diverged(f"the {name} is {value}", iteration)

    def _load(self, checkpoint: Checkpoint) -> None:
        loads = {name: domain.load for name, domain in self._domains.items()}
        if self._shared is not None:
            loads[SHARED] = self._shared.generator_group.load
        if set(checkpoint.parts) != set(loads):
            raise RunError(
                f"{checkpoint.folder} holds {', '.join(sorted(checkpoint.parts))}, but the run's settings name "
                f"{', '.join(sorted(loads))}; a run goes on with the domains that it began with."
            )
        for name, load in loads.items():
            with fitting(checkpoint):
                load(checkpoint.state(name))

    def _saved(self) -> list[list[int]]:
        """The iterations of all checkpoints on disk, and of those of the start."""
        return [[found.iteration for found in place.complete()] for place in (self.checkpoints, self._starts)]

    def _diverged(self, what: str, iteration: int) -> DivergedError:
        good = self.checkpoints.complete()
        last = f"the last good checkpoint is {good[-1].folder}" if good else "there is no checkpoint yet"
        return DivergedError(
            f"{what} by iteration {iteration}, so training stopped; {last}; a lower optimizer.rate or "
            "losses.r1, or run.precision float32, may help."
        )

    def _tell_differences(self, record: Mapping[str, Any], tell: Callable[[str], None]) -> None:
        """Say what has changed since the checkpoint was saved, so that the same bits are not guaranteed."""
        environment, pictures = (record.get(part, {}) for part in ("environment", "pictures"))
        for name, now in self._record["environment"].items():
            if (was := environment.get(name, now)) != now:
                tell(f"{name} was {was} and is now {now}; results will differ in their last bits.")
        for name, fingerprint in self._record["pictures"].items():
            if pictures.get(name) != fingerprint:
                tell(f"the pictures of '{name}' have changed since; training goes on with the new ones.")


@contextmanager
def fitting(checkpoint: Checkpoint) -> Iterator[None]:
    """Context in which a state that belongs to other networks is a RunError."""
    try:
        yield
    except (KeyError, ValueError, RuntimeError) as error:
        raise RunError(
            f"{checkpoint.folder} does not fit the settings of the run ({str(error).splitlines()[0]}); "
            "[networks] and [discriminator] must stay as they were; a run of an earlier version may need that version."
        ) from None


def is_finite(state: Mapping[str, Tensor]) -> bool:
    """Whether all values of a state are numbers."""
    return all(bool(value.isfinite().all()) for value in state.values())
