"""The loop: train, log, validate, save, publish packs, sample, stop."""

from __future__ import annotations

import time
from collections.abc import Callable

from combogan import machine
from combogan.errors import CheckpointError, RunError
from combogan.training.best import Best, Validator
from combogan.training.engine import Engine, Losses
from combogan.training.halves import Halves
from combogan.training.journal import Journal
from combogan.training.pretraining import Pretraining
from combogan.training.publishing import Published, Publisher
from combogan.training.run_state import RunState
from combogan.training.schedule import Due


class Trainer:
    """A run in progress. It owns the loop; its parts are composed in `runs`.

    Without a `validator` nothing is validated; without `pretraining` networks start with random weights.
    """

    def __init__(
        self,
        engine: Engine,
        state: RunState,
        journal: Journal,
        validator: Validator | None,
        best: Best,
        publisher: Publisher,
        pretraining: Pretraining | None,
    ) -> None:
        self.engine, self.state, self.journal = engine, state, journal
        self.validator, self.best, self.publisher, self.pretraining = validator, best, publisher, pretraining
        self.course, self.path = engine.schedule.course, journal.folder.path
        self.iteration = 0
        """Iterations done."""
        self.published: Published | None = None
        """The packs that were written last."""

    def restore(self) -> bool:
        """Restore the newest undamaged checkpoint, or what is saved of the start; False where there is neither.

        Nothing is written before `run`. RunError where a checkpoint belongs to other settings, and where packs are all
        that is left; StorageError where a checkpoint must not be read.
        """
        tell = self.journal.report.tell
        checkpoint = self.state.restore(tell)
        if checkpoint is not None:
            self.iteration, self.pretraining = checkpoint.iteration, None
            saved = [one.iteration for one in self.state.checkpoints.complete()]
            self.best.recall(self.journal.folder.log, until=self.iteration, saved=saved)
            if self.best.found is not None and not self.state.has_same_pictures(checkpoint):
                tell("What was the best on other pictures no longer counts; the next validation is the best.")
                self.best.forget()
            return True
        if self.pretraining is not None:
            self.pretraining.restore(tell)
        if not self.progress:
            if self.journal.folder.packs.exists():
                raise RunError(
                    f"{self.path} has packs but no whole checkpoint to go on from, and training from the first "
                    "iteration would replace them; start a new run, or move the folder packs away and go on."
                )
            tell(f"{self.path} has no whole checkpoint; starting from its first iteration.")
        return bool(self.progress)

    @property
    def progress(self) -> str:
        """The progress as text; empty where nothing of it is saved."""
        if self.iteration:
            return f"iteration {self.iteration}"
        return self.pretraining.progress if self.pretraining is not None else ""

    @machine.memory_explained()
    def run(self, stop: Callable[[], bool] = lambda: False) -> bool:
        """Train to the end of the course, or until `stop()`; saves either way. True when the end was reached."""
        machine.keep_freed_memory()
        with self.journal.folder.locked(), self.engine.at_work():
            self.state.refuse_changed()
            with self.journal.open(self.iteration):
                if self.iteration < self.course.iterations:
                    return self._loop(stop)
                self.journal.sample(self.iteration, self.halves())
                self.publish()
                return True

    def _loop(self, stop: Callable[[], bool]) -> bool:
        tell = self.journal.report.tell
        self.engine.draw(self.course.iterations - self.iteration, tell)
        if self.validator is not None:
            self.validator.prepare(tell)
        if self.pretraining is not None and not self.pretraining.run(stop):
            return False
        self.pretraining = None  # and the autoencoder's memory with it
        self.journal.begin()
        for group in self.engine.groups(self.iteration):
            for arrived in self.engine.train(group, stop):
                self._add(arrived)
            with self.journal.untimed():
                due, stopping = self.engine.schedule.due(self.iteration), stop()
                self._pause(due, stopping=stopping)
            if stopping and self.iteration < self.course.iterations:
                return False
        return True

    def _add(self, arrived: list[Losses]) -> None:
        """Take in the losses of iterations that were done at the same time, each in an equal share of that time."""
        self.journal.lap(len(arrived))
        for losses in arrived:
            self.journal.add(losses)
            self.iteration += 1
            self.journal.report.advance(self.iteration, self.course)
            if self.engine.schedule.due(self.iteration).log:
                self.log()

    def _pause(self, due: Due, *, stopping: bool) -> None:
        """Do what is due after a group of meetings."""
        if due.pauses or stopping:
            self.engine.gather()
        if stopping:
            self.log()
        is_best = due.validate and self.validate()
        saves = due.save or stopping or is_best
        if saves:
            self.save()
        if due.sample:
            self.journal.sample(self.iteration, self.halves())
        if saves and (self.publisher.while_training or self.iteration == self.course.iterations):
            self.publish()

    def log(self) -> None:
        """Write the mean losses since the last line. DivergedError when one is no longer a number."""
        means, last = self.journal.mean_losses(), self.iteration - 1
        named = {f"{part} loss of '{name}'": value for name, parts in means.items() for part, value in parts.items()}
        self.state.refuse_infinite(named, self.iteration)
        if means:
            epoch, pictures = self.course.epoch(last), 2 * self.engine.batches.batch
            self.journal.log(self.iteration, means, epoch=epoch, rate=self.engine.rate(last), pictures=pictures)

    def validate(self) -> bool:
        """Measure the halves as they would be published now, and log it. True when they are the best so far."""
        began = time.perf_counter()
        measured = self.measure(self.halves())
        named = {f"{name} of the validation": value for name, value in measured.items()}
        self.state.refuse_infinite(named, self.iteration)
        is_best = self.best.update(self.iteration, measured)
        self.journal.validated(self.iteration, measured, seconds=time.perf_counter() - began, best=is_best)
        return is_best

    def measure(self, halves: Halves) -> dict[str, float]:
        """The measures of those halves on the validation pictures."""
        assert self.validator is not None
        return self.validator.measure(halves)

    def save(self) -> None:
        """Write a checkpoint; errors as in `RunState.save`."""
        self.state.save(self.iteration, stays=self.best.iteration)

    def publish(self) -> None:
        """Write packs of the best halves, or of the last, unless the packs are of those halves already."""
        if self.published is None or self.published.iteration != self.best.to_publish(self.iteration):
            self.published = self.publisher.publish(self._to_publish())

    def halves(self) -> Halves:
        """The halves of all domains as they would be published now."""
        return Halves.now(self.engine.domains, self.iteration)

    def results(self) -> list[str]:
        """Lines that say where the results are and how to use them."""
        if self.published is None:
            return []
        best = self.best.line(published=self.published.iteration, now=self.iteration)
        return [f"look at:   {self.journal.sample_path(self.iteration)}", *best, *self.published.lines]

    def _to_publish(self) -> Halves:
        """The halves to make packs from; where the best are damaged, the current ones."""
        iteration = self.best.to_publish(self.iteration)
        if iteration != self.iteration:
            try:
                return Halves.saved(self.state.checkpoints.at(iteration), self.engine.domains)
            except CheckpointError as error:
                reason = str(error).rstrip(".")
                self.journal.report.tell(f"{reason}; it had the best validation, but packs are of the last weights.")
                self.best.forget()
        return self.halves()
