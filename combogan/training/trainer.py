"""The loop: step, report, validate, save, publish packs, stop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from combogan import machine
from combogan.data import catalog
from combogan.data.batches import Batches
from combogan.errors import RunError
from combogan.seeding import numbers
from combogan.settings import Settings
from combogan.training import building
from combogan.training.checkpoint import Checkpoints
from combogan.training.domain import Domain
from combogan.training.folder import RunFolder
from combogan.training.halves import Halves
from combogan.training.journal import Journal
from combogan.training.meetings import Meeting, at_once
from combogan.training.report import Report
from combogan.training.samples import Translations, fixed_images, sample_grid, translate_all
from combogan.training.saving import Saving
from combogan.training.schedule import Course, ramp, rate
from combogan.training.step import step
from combogan.training.validating import Validating

Losses = dict[str, dict[str, Tensor]]


class Trainer:
    """A run in progress: states in memory, and the folder they are saved in.

    `pair` says which domains meet in an iteration; `publish` writes packs of what has been learned so far; `begin`
    gives the networks their start before the first iteration, and is False when it was stopped.
    """

    def __init__(
        self,
        folder: RunFolder,
        settings: Settings,
        sources: Mapping[str, catalog.Domain],
        domains: Mapping[str, Domain],
        *,
        course: Course,
        pair: Callable[[int], tuple[str, str]],
        publish: Callable[[Trainer], list[str]],
        composable: Callable[[str, str], bool],
        report: Report,
        begin: Callable[[Trainer, Callable[[], bool]], bool] | None = None,
        new: str | None = None,
    ) -> None:
        self.new = new
        """The domain that is being added; None where all are trained."""
        self.folder, self.settings, self.sources, self.domains = folder, settings, dict(sources), dict(domains)
        self.course, self.pair, self.publish, self.composable = course, pair, publish, composable
        self.begin = begin
        self.report = report
        self.iteration = 0
        """Iterations done."""
        self._restored = False
        self._resumed: dict[str, Any] | None = None
        self._found: list[int] = []
        """Iterations of the checkpoints that there were when this run was taken up."""
        self.results: list[str] = []
        """What a person can do with what has been published."""
        self.published: int | None = None
        """The iteration of the weights that were published last."""
        self.device = machine.device(settings.run.device)
        self.precision = machine.precision(settings.run.precision, self.device)
        chosen, together = settings.run, settings.run.threads * (settings.run.pairs_at_once or 1)
        self.checkpoints = Checkpoints(folder.checkpoints, keep=chosen.keep)
        environment = machine.environment(self.device, self.precision, chosen.threads)
        self.saving = Saving(self.checkpoints, self.domains, self.sources, environment, report.tell)
        self.validating = Validating(
            self.sources,
            every=chosen.validate_every,
            size=settings.images.size,
            seed=chosen.seed,
            device=self.device,
            threads=together,
            new=new,
        )
        self.objective = building.objective(settings)
        self.batches = _batches(settings, sources)
        self._workers = ThreadPoolExecutor(
            chosen.pairs_at_once or 1,
            thread_name_prefix="pairs",
            initializer=torch.set_num_threads,  # OpenMP keeps its count for each thread of Python
            initargs=(chosen.threads,),
        )

    @machine.memory_explained()
    def run(self, stop: Callable[[], bool] = lambda: False) -> bool:
        """Train to the end of the course, or until `stop()`; saves either way. True when the end was reached."""
        machine.keep_freed_memory()
        with self.folder.locked(), machine.threads(self.settings.run.threads):
            if self._resumed is not None:
                if self.saving.saved() != self._found:
                    raise RunError(f"{self.folder.path} was trained further meanwhile; resume it again.")
                self.folder.cut_log(self.iteration)
                self.folder.write_settings(self.settings)
                self.folder.write_history({"iteration": self.iteration, "event": "resumed", "changed": self._resumed})
            self._journal = Journal(self.folder, self.report, self.iteration, self.saving.diverged)
            try:
                if self.iteration < self.course.iterations:
                    return self._loop(stop)
                self.sample()
                self.results = self.publish(self)
                return True
            finally:
                self._journal.close()

    def _loop(self, stop: Callable[[], bool]) -> bool:
        every = self.settings.run
        self.batches.draw(self.course.iterations - self.iteration, self.report.tell)
        self.validating.prepare(self.report.tell)
        if not self._restored and self.begin is not None and not self.begin(self, stop):
            return False
        self._journal.begin()
        batches = self.batches.ahead(self.iteration, self.course.iterations, self.pair)
        for meetings in at_once(batches, every.pairs_at_once, self._is_due):
            for losses in self._together(lambda meeting: self.train_on(*meeting), meetings):
                self._journal.add(losses)
                self.iteration += 1
                self.report.advance(self.iteration, self.course)
            with self._journal.untimed():
                last, stopping = self.iteration == self.course.iterations, stop()
                saves = last or stopping or _due(self.iteration, every.checkpoint_every)
                validates = self.validating.is_due(self.iteration, self.course.iterations)
                if saves or validates or _due(self.iteration, every.log_every):
                    self.log()
                if validates and self.validate():
                    saves = True
                if saves:
                    self.save()
                if last or _due(self.iteration, every.sample_every):
                    self.sample()
                if saves:
                    self.results = self.publish(self)
            if stopping and not last:
                return False
        return True

    def _is_due(self, done: int) -> bool:
        """Whether something is logged, validated, saved or shown after so many iterations."""
        every = self.settings.run
        often = (every.log_every, every.validate_every, every.checkpoint_every, every.sample_every)
        return any(_due(done, one) for one in often)

    def _together(self, train: Callable[[Meeting], Losses], meetings: list[Meeting]) -> Iterable[Losses]:
        """Train on disjoint pairs at the same time, which gives the same bits as one after the other (invariant 2)."""
        return self._workers.map(train, meetings) if len(meetings) > 1 else map(train, meetings)

    def train_on(self, iteration: int, a: str, b: str, x: Tensor, y: Tensor) -> Losses:
        """One iteration: everything that depends on when it is, then the step."""
        seed, epoch, chosen = self.settings.run.seed, self.course.epoch(iteration), self.settings.optimizer
        latent = ramp(epoch, weight=self.settings.losses.latent, epochs=self.course.epochs)
        if self.settings.networks.dropout:
            for name in (a, b):
                self.domains[name].reseed(seed, iteration)
        return step(
            self.domains[a],
            self.domains[b],
            x.to(self.device, non_blocking=True),
            y.to(self.device, non_blocking=True),
            objective=replace(self.objective, latent=latent),
            rate=rate(epoch, start=chosen.rate, decay_from=self.course.decay_from, epochs=self.course.epochs),
            precision=self.precision,
            chance=lambda name: numbers(seed, "pool", iteration, name),
        )

    def log(self) -> None:
        """Write the mean losses since the last line. DivergedError when one is no longer a number."""
        epoch, chosen = self.course.epoch(self.iteration - 1), self.settings
        now = rate(epoch, start=chosen.optimizer.rate, decay_from=self.course.decay_from, epochs=self.course.epochs)
        self._journal.log(self.iteration, epoch=epoch, rate=now, pictures=2 * chosen.schedule.batch)

    def validate(self) -> bool:
        """Measure the halves as they would be published now, and write it down. True when they are the best so far."""
        began = time.perf_counter()
        measured = self.validating.measure(self.halves())
        for name, value in measured.items():
            if not math.isfinite(value):
                raise self.saving.diverged(f"the {name} of the validation is {value}", self.iteration)
        best = self.validating.is_best(self.iteration, measured)
        if best:
            self.checkpoints.best = self.iteration
        self._journal.validated(self.iteration, measured, seconds=time.perf_counter() - began, best=best)
        return best

    def save(self) -> None:
        """Write a checkpoint; errors as of `Saving.save`."""
        self.saving.save(self.iteration)

    def take_up(self, changes: Mapping[str, Any]) -> None:
        """Go on from the newest whole checkpoint with changed settings, or from the start if there is none.

        Nothing is written before `run`.
        """
        self._found = self.saving.saved()
        checkpoint = self.checkpoints.find(self.report.tell)
        if checkpoint is None:
            self.report.tell(f"{self.folder.path} has no whole checkpoint; starting from its first iteration.")
        else:
            same = self.saving.restore(checkpoint)
            self.iteration, self._restored = checkpoint.iteration, True
            self.validating.recall(self.folder.log, until=self.iteration, saved=self._found)
            if self.validating.best is not None and not same:  # scores on other pictures cannot be compared
                self.report.tell(
                    "What was the best on other pictures no longer counts; the next validation is the best."
                )
                self.validating.forget()
            if self.validating.best is not None:
                self.checkpoints.best = self.validating.best.iteration
        self._resumed = dict(changes)
        chosen, here = self.settings.run, torch.get_num_threads()
        if (asked := chosen.threads * chosen.pairs_at_once) > here:
            self.report.tell(
                f"The run computes with {asked} threads and there are {here} here; --set run.threads=0 --set "
                "run.pairs_at_once=0 fits it to this machine, and changes last bits."
            )

    def halves(self) -> Halves:
        """The halves of all domains as they would be published now."""
        return Halves.now(self.domains, self.iteration)

    def translations(self, halves: Halves | None = None) -> Translations:
        """The fixed test pictures in every domain, through those halves, or as they would be published now."""
        return translate_all(self._images, (halves or self.halves()).translate, self.composable)

    def sample(self) -> None:
        """Write the sample grid of this iteration."""
        self._journal.sampled(self.iteration, sample_grid(self.translations()))

    @cached_property
    def _images(self) -> dict[str, Tensor]:
        pictures = {name: source.test if len(source.test) else source.train for name, source in self.sources.items()}
        return fixed_images(pictures, self.settings.images.size, self.device)


def _batches(settings: Settings, sources: Mapping[str, catalog.Domain]) -> Batches:
    images = settings.images
    return Batches(
        {name: source.train for name, source in sources.items()},
        size=images.size,
        load=images.load,
        resize=images.resize,
        flip=images.flip,
        batch=settings.schedule.batch,
        seed=settings.run.seed,
    )


def _due(iteration: int, every: int) -> bool:
    return every > 0 and iteration % every == 0
