"""The loop: step, report, save, publish packs, stop."""

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

from combogan import machine, storage
from combogan.data import catalog
from combogan.data.batches import Batches
from combogan.data.pictures import save_picture
from combogan.errors import CheckpointError, DivergedError, RunError
from combogan.seeding import numbers
from combogan.settings import Settings
from combogan.training import building
from combogan.training.board import Board
from combogan.training.checkpoint import Checkpoint, Checkpoints
from combogan.training.domain import Domain
from combogan.training.folder import RunFolder
from combogan.training.meetings import Meeting, at_once
from combogan.training.publishing import published_halves
from combogan.training.report import MeanLosses, Report
from combogan.training.samples import Translations, fixed_images, inference, sample_grid, translate_all
from combogan.training.schedule import Course, ramp, rate
from combogan.training.step import step

Losses = dict[str, dict[str, Tensor]]

SHARED = "_shared"
"""The part of a checkpoint that holds what all domains share; no domain can have this name."""


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
        # Once: every file is read for it, and one that is lost later must not keep a checkpoint from being saved.
        self._fingerprints = {n: f"{s.train.fingerprint()}-{s.test.fingerprint()}" for n, s in sources.items()}
        self.iteration = 0
        """Iterations done."""
        self._restored = False
        self._resumed: dict[str, Any] | None = None
        self._found: list[int] = []
        """Iterations of the checkpoints that there were when this run was taken up."""
        self.results: list[str] = []
        """What a person can do with what has been published."""
        self.device = machine.device(settings.run.device)
        self.precision = machine.precision(settings.run.precision, self.device)
        self.checkpoints = Checkpoints(folder.checkpoints, keep=settings.run.keep)
        self.objective = building.objective(settings)
        images, chosen = settings.images, settings.schedule
        self.batches = Batches(
            {name: source.train for name, source in sources.items()},
            size=images.size,
            load=images.load,
            resize=images.resize,
            flip=images.flip,
            batch=chosen.batch,
            seed=settings.run.seed,
        )
        self._workers = ThreadPoolExecutor(
            settings.run.pairs_at_once or 1,
            thread_name_prefix="pairs",
            initializer=torch.set_num_threads,  # OpenMP keeps its count for each thread of Python
            initargs=(settings.run.threads,),
        )
        self._losses = MeanLosses()
        self._logged_at, self._logged_when = 0, time.perf_counter()

    @property
    def shared(self) -> Any:
        """The blocks that the domains share, if any."""
        return next(iter(self.domains.values())).shared

    @machine.memory_explained()
    def run(self, stop: Callable[[], bool] = lambda: False) -> bool:
        """Train to the end of the course, or until `stop()`; saves either way. True when the end was reached."""
        machine.keep_freed_memory()
        with self.folder.locked(), machine.threads(self.settings.run.threads):
            if self._resumed is not None:
                if self._saved() != self._found:
                    raise RunError(f"{self.folder.path} was trained further meanwhile; resume it again.")
                self.folder.cut_log(self.iteration)
                self.folder.write_settings(self.settings)
                self.folder.write_history({"iteration": self.iteration, "event": "resumed", "changed": self._resumed})
            self._board = Board(self.folder.path / "tensorboard", self.iteration)
            try:
                if self.iteration < self.course.iterations:
                    return self._loop(stop)
                self.sample()
                self.results = self.publish(self)
                return True
            finally:
                self._board.close()

    def _loop(self, stop: Callable[[], bool]) -> bool:
        every = self.settings.run
        self.batches.draw(self.course.iterations - self.iteration, self.report.tell)
        if not self._restored and self.begin is not None and not self.begin(self, stop):
            return False
        self._logged_at, self._logged_when = self.iteration, time.perf_counter()
        batches = self.batches.ahead(self.iteration, self.course.iterations, self.pair)
        for meetings in at_once(batches, every.pairs_at_once, self._is_due):
            for losses in self._together(lambda meeting: self.train_on(*meeting), meetings):
                self._losses.add(losses)
                self.iteration += 1
                self.report.advance(self.iteration, self.course)
            trained = time.perf_counter()
            last, stopping = self.iteration == self.course.iterations, stop()
            saves = last or stopping or _due(self.iteration, every.checkpoint_every)
            if saves or _due(self.iteration, every.log_every):
                self.log()
            if saves:
                self.save()
            if last or _due(self.iteration, every.sample_every):
                self.sample()
            if saves:
                self.results = self.publish(self)
            self._logged_when += time.perf_counter() - trained  # a log line times training alone
            if stopping and not last:
                return False
        return True

    def _is_due(self, done: int) -> bool:
        """Whether something is logged, saved or shown after so many iterations."""
        every = self.settings.run
        return any(_due(done, often) for often in (every.log_every, every.checkpoint_every, every.sample_every))

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
        done = self.iteration - self._logged_at
        if not done:
            return
        losses = self._losses.read()
        self._refuse_divergence(losses)
        epoch = self.course.epoch(self.iteration - 1)
        chosen = self.settings.optimizer
        now = time.perf_counter()
        seconds = now - self._logged_when
        line = {
            "iteration": self.iteration,
            "since": self._logged_at,
            "epoch": epoch,
            "rate": rate(epoch, start=chosen.rate, decay_from=self.course.decay_from, epochs=self.course.epochs),
            "seconds": round(seconds, 3),
            "pictures_per_second": round(2 * done * self.settings.schedule.batch / seconds, 2),
            "losses": losses,
        }
        self.folder.write_log(line)
        self._board.logged(line)
        self.report.logged(line)
        self._logged_at, self._logged_when = self.iteration, now

    def save(self) -> None:
        """Write a checkpoint. StorageError when it cannot be written, DivergedError when it would hold no numbers;
        the ones before stay."""
        for name, domain in self.domains.items():
            if not all(bool(value.isfinite().all()) for value in domain.state().values()):
                raise DivergedError(self._diverged(f"the state of '{name}' is no longer finite"))
        states = {name: domain.state for name, domain in self.domains.items()}
        updates = {name: domain.updates for name, domain in self.domains.items()}
        if self.shared is not None:
            states[SHARED] = self.shared.generator.state
            updates[SHARED] = self.shared.generator.updates
        record = {
            "environment": self._environment(),
            "pictures": self._fingerprints,
        }
        self.checkpoints.save(self.iteration, states, updates, record)

    def take_up(self, changes: Mapping[str, Any]) -> None:
        """Go on from the newest whole checkpoint with changed settings, or from the start if there is none.

        Nothing is written before `run`.
        """
        self._found = self._saved()
        checkpoint = self.checkpoints.find(self.report.tell)
        if checkpoint is None:
            self.report.tell(f"{self.folder.path} has no whole checkpoint; starting from its first iteration.")
        else:
            self.restore(checkpoint)
        self._resumed = dict(changes)
        chosen, here = self.settings.run, torch.get_num_threads()
        if (asked := chosen.threads * chosen.pairs_at_once) > here:
            self.report.tell(
                f"The run computes with {asked} threads and there are {here} here; --set run.threads=0 --set "
                "run.pairs_at_once=0 fits it to this machine, and changes last bits."
            )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Take up the states of a checkpoint. CheckpointError when they do not fit the settings."""
        states = checkpoint.states()
        parts = {name: domain.load for name, domain in self.domains.items()}
        if self.shared is not None:
            parts[SHARED] = self.shared.generator.load
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
        self.iteration = checkpoint.iteration
        self._restored = True
        self._tell_differences(checkpoint.record)

    def _environment(self) -> dict[str, str | int]:
        return machine.environment(self.device, self.precision, self.settings.run.threads)

    def _tell_differences(self, record: Mapping[str, Any]) -> None:
        """Say what is not as it was when the checkpoint was saved, so that the same bits cannot be promised."""
        for name, now in self._environment().items():
            if (was := record["environment"].get(name, now)) != now:
                self.report.tell(f"{name} was {was} and is now {now}; results will differ in their last bits.")
        for name, fingerprint in self._fingerprints.items():
            if record["pictures"].get(name) != fingerprint:
                self.report.tell(f"the pictures of '{name}' have changed since; training goes on with the new ones.")

    def translations(self) -> Translations:
        """The fixed test pictures in every domain, through the halves as they would be published now."""
        halves = {name: published_halves(domain) for name, domain in self.domains.items()}
        with inference(*(half for pair in halves.values() for half in pair)):
            return translate_all(
                self._images,
                lambda name, image: halves[name][0](image),
                lambda name, latent: halves[name][1](latent),
                self.composable,
            )

    def sample(self) -> None:
        """Write the sample grid of this iteration."""
        sheet = sample_grid(self.translations())
        path = self.folder.path / "samples" / f"{self.iteration:06d}.png"
        with storage.explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        save_picture(sheet, path)
        self._board.sampled(sheet, self.iteration)

    def _saved(self) -> list[int]:
        return [checkpoint.iteration for checkpoint in self.checkpoints.complete()]

    @cached_property
    def _images(self) -> dict[str, Tensor]:
        pictures = {name: source.test if len(source.test) else source.train for name, source in self.sources.items()}
        return fixed_images(pictures, self.settings.images.size, self.device)

    def _refuse_divergence(self, losses: Mapping[str, Mapping[str, float]]) -> None:
        for domain, parts in losses.items():
            for name, value in parts.items():
                if not math.isfinite(value):
                    raise DivergedError(self._diverged(f"the {name} loss of '{domain}' is {value}"))

    def _diverged(self, what: str) -> str:
        good = self.checkpoints.complete()
        last = f"the last good checkpoint is {good[-1].folder}" if good else "there is no checkpoint yet"
        return (
            f"{what} by iteration {self.iteration}, so training stopped; {last}; a lower optimizer.rate or "
            "run.precision float32 may help."
        )


def _due(iteration: int, every: int) -> bool:
    return every > 0 and iteration % every == 0
