"""Which domains meet when, what is due then, and the learning rate and loss weights: functions of the iteration.

Two domains meet for `schedule.meeting` iterations. Meetings are numbered like iterations, from 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from torch import Tensor

from combogan.seeding import numbers

Pairs = Literal["random", "rounds"]


def random_pair(number: int, domains: Sequence[str], *, seed: int) -> tuple[str, str]:
    """Two different domains, every ordered pair equally likely (as published)."""
    first, second = numbers(seed, "pair", number).choice(len(domains), 2, replace=False)
    return domains[first], domains[second]


def round_pair(number: int, domains: Sequence[str], *, seed: int) -> tuple[str, str]:
    """In each round of N // 2 meetings every domain meets one random partner; with an odd N one domain rests."""
    matches = len(domains) // 2
    order = numbers(seed, "round", number // matches).permutation(len(domains))
    place = 2 * (number % matches)
    return domains[order[place]], domains[order[place + 1]]


PAIRS = {"random": random_pair, "rounds": round_pair}


def one_of(pairs: Sequence[tuple[str, str]], number: int, *, how: Pairs, seed: int) -> tuple[str, str]:
    """One of the pairs that an added domain or a bridge is in: drawn at random, or each in turn, in a new order every
    round."""
    if how == "random":
        return pairs[int(numbers(seed, "pair", number).integers(len(pairs)))]
    order = numbers(seed, "round", number // len(pairs)).permutation(len(pairs))
    return pairs[order[number % len(pairs)]]


@dataclass(frozen=True)
class Course:
    """How long a run is, and when its learning rate begins to fall; with `iterations`, epochs may be a fraction."""

    iterations: int
    epoch_length: int
    """Iterations of one epoch: batches of the largest domain."""
    decay_from: float
    """Epoch after which the learning rate falls."""
    in_epochs: bool = True
    """Whether the run was asked for in epochs, and not in iterations."""

    @property
    def epochs(self) -> float:
        """Epochs of the whole run."""
        return self.iterations / self.epoch_length

    def epoch(self, iteration: int) -> int:
        """The epoch that an iteration belongs to, from 0."""
        return iteration // self.epoch_length

    def passed(self, iteration: int) -> float:
        """Epochs that have passed, for the learning rate and the loss weights.

        Whole epochs, as published, or parts of epochs too where the run is counted in iterations: those may end in the
        first epoch of a large domain.
        """
        return self.epoch(iteration) if self.in_epochs else iteration / self.epoch_length


def course(largest: int, *, batch: int, epochs: int, decay_from: int, iterations: int | None, domains: int) -> Course:
    """The course of a run: `epochs` and `decay_from` count per domain; `iterations`, where given, are the total."""
    length = math.ceil(largest / batch)
    total = iterations if iterations is not None else epochs * domains * length
    return Course(total, length, decay_from=total / length * decay_from / epochs, in_epochs=iterations is None)


def rate(epoch: float, *, start: float, decay_from: float, epochs: float) -> float:
    """The learning rate after so many epochs: constant, then falling linearly to zero at the end."""
    if epoch <= decay_from:
        return start
    return start * (epochs - epoch) / (epochs - decay_from)


def ramp(epoch: float, *, weight: float, epochs: float) -> float:
    """A loss weight after so many epochs: rising linearly from zero to `weight` at the end."""
    return weight * epoch / epochs


class Due(NamedTuple):
    """What is to be done after an iteration."""

    log: bool
    validate: bool
    save: bool
    sample: bool

    @property
    def pauses(self) -> bool:
        """Whether training pauses for it: all but the log looks at the domains' states."""
        return self.validate or self.save or self.sample


@dataclass(frozen=True)
class Schedule:
    """The course of a run, which two domains meet in an iteration, and the intervals of everything that is repeated.

    An interval of 0 means never; the last iteration is logged, saved and sampled all the same, and validated unless
    there is no validation.
    """

    course: Course
    draw: Callable[[int], tuple[str, str]]
    """The number of a meeting -> its two domains."""
    meeting_length: int
    """In iterations."""
    log_every: int
    validate_every: int
    save_every: int
    sample_every: int

    def pair(self, iteration: int) -> tuple[str, str]:
        """The two domains of an iteration."""
        return self.draw(iteration // self.meeting_length)

    def meetings(self, start: int) -> Iterator[Meeting]:
        """The meetings of all iterations from `start` on, cut where training pauses."""
        while start < self.course.iterations:
            stop = start + 1
            while stop % self.meeting_length and stop < self.course.iterations and not self.due(stop).pauses:
                stop += 1
            yield Meeting(*self.pair(start), range(start, stop))
            start = stop

    def due(self, done: int) -> Due:
        """What is due after `done` iterations. A validation or a checkpoint is always logged first."""
        last = done == self.course.iterations
        validate = self.validate_every > 0 and (last or falls_due(done, self.validate_every))
        save, sample = (last or falls_due(done, every) for every in (self.save_every, self.sample_every))
        return Due(validate or save or falls_due(done, self.log_every), validate, save, sample)


def falls_due(done: int, every: int) -> bool:
    """Whether something that is done every `every` iterations is due after `done` of them; never if `every` is 0."""
    return every > 0 and done % every == 0


Batch = tuple[Tensor, Tensor]
"""The images x and y (n, 3, h, w) of an iteration."""


@dataclass(frozen=True)
class Meeting:
    """Two domains, and the successive iterations in which they are trained."""

    a: str
    b: str
    iterations: range


Loaded = tuple[Meeting, Iterable[Batch]]
"""A meeting and the images of its iterations."""


def at_once(loaded: Iterable[Loaded], most: int, pauses: Callable[[int], bool]) -> Iterator[list[Loaded]]:
    """Groups of successive meetings that can be trained at the same time (invariant 2), at most `most` in each.

    No domain is twice in a group, and a group ends where training `pauses` after its last iteration.
    """
    group: list[Loaded] = []
    for meeting, batches in loaded:
        if any({meeting.a, meeting.b} & {other.a, other.b} for other, _ in group):
            yield group
            group = []
        group.append((meeting, batches))
        if len(group) == most or pauses(meeting.iterations.stop):
            yield group
            group = []
    if group:
        yield group
