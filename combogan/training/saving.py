"""What a run in progress puts into its checkpoints, and takes out of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from combogan.data import catalog
from combogan.errors import CheckpointError, DivergedError
from combogan.training.checkpoint import SHARED, Checkpoint, Checkpoints
from combogan.training.domain import Domain


class Saving:
    """The checkpoints of a run, and the domains whose states they hold.

    `environment` is what bits depend on besides settings and pictures; `tell` hears how it differs from what it was.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        domains: Mapping[str, Domain],
        sources: Mapping[str, catalog.Domain],
        environment: Mapping[str, str | int],
        tell: Callable[[str], None],
    ) -> None:
        self.checkpoints, self._domains, self._environment, self._tell = checkpoints, domains, environment, tell
        # Once: every file is read for it, and one that is lost later must not keep a checkpoint from being saved.
        self._fingerprints = {name: _fingerprint(source) for name, source in sources.items()}
        self._shared = next(iter(domains.values())).shared

    def save(self, iteration: int) -> None:
        """Write a checkpoint. StorageError when it cannot be written, DivergedError when it would hold no numbers;
        the ones before stay."""
        for name, domain in self._domains.items():
            if not all(bool(value.isfinite().all()) for value in domain.state().values()):
                raise self.diverged(f"the state of '{name}' is no longer finite", iteration)
        states = {name: domain.state for name, domain in self._domains.items()}
        updates = {name: domain.updates for name, domain in self._domains.items()}
        if self._shared is not None:
            states[SHARED] = self._shared.generator.state
            updates[SHARED] = self._shared.generator.updates
        record = {"environment": self._environment, "pictures": self._fingerprints}
        self.checkpoints.save(iteration, states, updates, record)

    def restore(self, checkpoint: Checkpoint) -> bool:
        """Take up the states of a checkpoint, and tell whether all pictures are as they were when it was saved.

        CheckpointError when they do not fit the settings.
        """
        states = checkpoint.states()
        parts = {name: domain.load for name, domain in self._domains.items()}
        if self._shared is not None:
            parts[SHARED] = self._shared.generator.load
        if set(states) != set(parts):
            raise CheckpointError(
                f"{checkpoint.folder} holds {', '.join(sorted(states))}, but the run's settings name "
                f"{', '.join(sorted(parts))}; a run goes on with the domains that it began with."
            )
        try:
            for name, load in parts.items():
                load(states[name])
        except (KeyError, RuntimeError) as error:
            raise CheckpointError(
                f"{checkpoint.folder} does not fit the settings of the run ({str(error).splitlines()[0]}); "
                "[networks] and [discriminator] must stay as they were."
            ) from None
        self._tell_differences(checkpoint.record)
        return bool(checkpoint.record["pictures"] == self._fingerprints)

    def saved(self) -> list[int]:
        """The iterations of the checkpoints that there are, oldest first."""
        return [checkpoint.iteration for checkpoint in self.checkpoints.complete()]

    def diverged(self, what: str, iteration: int) -> DivergedError:
        """The error for a loss or weight that is no number any more."""
        good = self.checkpoints.complete()
        last = f"the last good checkpoint is {good[-1].folder}" if good else "there is no checkpoint yet"
        return DivergedError(
            f"{what} by iteration {iteration}, so training stopped; {last}; a lower optimizer.rate or "
            "losses.r1, or run.precision float32, may help."
        )

    def _tell_differences(self, record: Mapping[str, Any]) -> None:
        """Say what is not as it was when the checkpoint was saved, so that the same bits cannot be promised."""
        for name, now in self._environment.items():
            if (was := record["environment"].get(name, now)) != now:
                self._tell(f"{name} was {was} and is now {now}; results will differ in their last bits.")
        for name, fingerprint in self._fingerprints.items():
            if record["pictures"].get(name) != fingerprint:
                self._tell(f"the pictures of '{name}' have changed since; training goes on with the new ones.")


def _fingerprint(source: catalog.Domain) -> str:
    """Of all pictures of a domain, and of what is held out of which."""
    sets = [source.train, source.test, *([] if source.validation is None else [source.validation])]
    return "-".join(pictures.fingerprint() for pictures in sets)
