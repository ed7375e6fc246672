"""Trains meetings of two domains, several at the same time where they have no domain in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace

import torch
from torch import Tensor

from combogan import machine
from combogan.data.batches import Batches
from combogan.seeding import numbers
from combogan.settings import Settings
from combogan.training import building
from combogan.training.domain import Domain
from combogan.training.schedule import Meeting, Schedule, at_once, ramp, rate
from combogan.training.step import step

Losses = dict[str, dict[str, Tensor]]
"""Domain -> part -> value."""


class Engine:
    """Trains the domains of a run, in threads of this process."""

    def __init__(
        self,
        domains: Mapping[str, Domain],
        batches: Batches,
        schedule: Schedule,
        settings: Settings,
        device: torch.device,
    ) -> None:
        self.domains, self.batches, self.schedule, self.device = domains, batches, schedule, device
        self.precision = machine.precision(settings.run.precision, device)
        self.objective = building.objective(settings, device)
        self._settings = settings
        self._threads = ThreadPoolExecutor(
            settings.run.pairs_at_once or 1,
            thread_name_prefix="pairs",
            initializer=torch.set_num_threads,  # OpenMP has a thread count for each Python thread
            initargs=(settings.run.threads,),
        )

    def threads(self) -> AbstractContextManager[None]:
        """Context in which PyTorch computes with the CPU threads that the run has chosen for a pair."""
        return machine.threads(self._settings.run.threads)

    def rate(self, iteration: int) -> float:
        """The learning rate in an iteration."""
        course, start = self.schedule.course, self._settings.optimizer.rate
        return rate(course.epoch(iteration), start=start, decay_from=course.decay_from, epochs=course.epochs)

    def meetings(self, start: int) -> Iterator[list[Meeting]]:
        """The meetings of all iterations from `start` on, loaded ahead, in groups that are trained at the same time."""
        loaded = self.batches.ahead(start, self.schedule.course.iterations, self.schedule.pair)
        return at_once(loaded, self._settings.run.pairs_at_once, self.schedule.due)

    def train(self, meetings: list[Meeting]) -> Iterable[Losses]:
        """Train on disjoint pairs in parallel, with the same bits as one after the other (invariant 2)."""

        def train_on(meeting: Meeting) -> Losses:
            return self.train_on(*meeting)

        return self._threads.map(train_on, meetings) if len(meetings) > 1 else map(train_on, meetings)

    def train_on(self, iteration: int, a: str, b: str, x: Tensor, y: Tensor) -> Losses:
        """One iteration: set what depends on its number (rate, latent weight, dropout), then take the step."""
        seed, course = self._settings.run.seed, self.schedule.course
        latent = ramp(course.epoch(iteration), weight=self._settings.losses.latent, epochs=course.epochs)
        if self._settings.networks.dropout:
            for name in (a, b):
                self.domains[name].reseed(seed, iteration)
        return step(
            self.domains[a],
            self.domains[b],
            x.to(self.device, non_blocking=True),
            y.to(self.device, non_blocking=True),
            objective=replace(self.objective, latent=latent),
            rate=self.rate(iteration),
            precision=self.precision,
            chance=lambda purpose, name: numbers(seed, purpose, iteration, name),
        )
