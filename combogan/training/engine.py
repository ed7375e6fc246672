"""Trains meetings of two domains, several at the same time where they have no domain in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from itertools import islice

import torch
from torch import Tensor

from combogan import machine
from combogan.data.batches import AHEAD, Batches
from combogan.seeding import numbers
from combogan.settings import Settings
from combogan.training import building
from combogan.training.domain import Domain
from combogan.training.residents import Residents
from combogan.training.schedule import Loaded, Meeting, Schedule, at_once, ramp, rate
from combogan.training.step import step

Losses = dict[str, dict[str, Tensor]]
"""Domain -> part -> value."""
Group = Iterable[Loaded]
"""Meetings that are trained before the trainer looks at anything but their losses."""


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
        self.residents = Residents(domains, device, settings.run.resident)
        self._settings = settings
        self._threads = ThreadPoolExecutor(
            settings.run.pairs_at_once or 1,
            thread_name_prefix="pairs",
            initializer=torch.set_num_threads,  # OpenMP has a thread count for each Python thread
            initargs=(settings.run.threads,),
        )

    def at_work(self) -> AbstractContextManager[None]:
        """Context of training: PyTorch computes with the CPU threads that the run has chosen for a pair."""
        return machine.threads(self._settings.run.threads)

    def rate(self, iteration: int) -> float:
        """The learning rate in an iteration."""
        course, start = self.schedule.course, self._settings.optimizer.rate
        return rate(course.passed(iteration), start=start, decay_from=course.decay_from, epochs=course.epochs)

    def groups(self, start: int) -> Iterator[Group]:
        """The meetings of all iterations from `start` on, in groups; training can pause after each."""
        return at_once(
            self._loaded(start), self._settings.run.pairs_at_once, lambda done: self.schedule.due(done).pauses
        )

    def train(self, group: Group, stop: Callable[[], bool] = lambda: False) -> Iterator[list[Losses]]:
        """Train meetings of disjoint pairs in parallel, with the same bits as one after the other (invariant 2).

        Gives the losses of every iteration, in order, in a list of those that were done at the same time. A meeting
        alone ends after the iteration in which `stop()` becomes true; several go on to their ends.
        """
        group = list(group)
        meetings = [meeting for meeting, _ in group]
        self.residents.bring(_names(meetings))
        following = self.schedule.meetings(meetings[-1].iterations.stop)
        self.residents.bring_ahead(_names(islice(following, len(meetings))))
        if len(group) > 1:
            yield [losses for one in self._threads.map(lambda loaded: list(self.meet(loaded)), group) for losses in one]
            return
        for losses in self.meet(group[0]):
            yield [losses]
            if stop():
                return

    def meet(self, loaded: Loaded) -> Iterator[Losses]:
        """Train a meeting; gives the losses of its iterations."""
        meeting, batches = loaded
        for iteration, (x, y) in zip(meeting.iterations, batches, strict=True):
            yield self.train_on(iteration, meeting.a, meeting.b, x, y)

    def gather(self) -> None:
        """Have all states in `domains`, where validation, samples, checkpoints and packs look at them."""
        self.residents.settle()

    def draw(self, iterations: int, tell: Callable[[str], None]) -> None:
        """Draw the scenes that this process will need, as `Batches.draw`."""
        self.batches.draw(iterations, tell)

    def _loaded(self, start: int) -> Iterator[Loaded]:
        chosen, stop = self._settings, self.schedule.course.iterations
        depth = max(AHEAD, 2 * chosen.schedule.meeting * chosen.run.pairs_at_once)
        with closing(self.batches.ahead(start, stop, self.schedule.pair, depth=depth)) as batches:
            for meeting in self.schedule.meetings(start):
                yield meeting, [(x, y) for _, _, _, x, y in islice(batches, len(meeting.iterations))]

    def train_on(self, iteration: int, a: str, b: str, x: Tensor, y: Tensor) -> Losses:
        """One iteration: set what depends on its number (rate, latent weight, dropout), then take the step."""
        seed, course = self._settings.run.seed, self.schedule.course
        latent = ramp(course.passed(iteration), weight=self._settings.losses.latent, epochs=course.epochs)
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
            aligned=(a, b) in self.batches.aligned,
        )


def _names(meetings: Iterable[Meeting]) -> list[str]:
    """The domains of meetings, each once."""
    return list(dict.fromkeys(name for meeting in meetings for name in (meeting.a, meeting.b)))
