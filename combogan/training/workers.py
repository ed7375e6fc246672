"""Trains meetings in other processes, by Ray: states go in, states and losses come out.

A meeting is a stateless task (invariant 2): where a worker dies, Ray runs its meeting again on another one, with the
same bits. Networks and opened pictures that a worker keeps between meetings change no result.
"""

from __future__ import annotations

import uuid
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from combogan import machine
from combogan.data.alignment import Alignment
from combogan.data.batches import Batches
from combogan.data.pictures import PictureSet
from combogan.errors import PictureError
from combogan.networks.decoder import Decoder
from combogan.networks.encoder import Encoder
from combogan.settings import Settings
from combogan.training import building
from combogan.training.cluster import Cluster
from combogan.training.domain import Domain
from combogan.training.engine import Engine, Group, Losses
from combogan.training.schedule import Batch, Loaded, Meeting, Schedule

IN_FLIGHT = 3
"""Iterations handed out at a time, per worker: enough that no worker waits for this process."""
LINEAGE = 32
"""Meetings of a domain after which its state is stored anew, so that a lost state is computed again from there."""

State = dict[str, Any]
"""A domain's state as NumPy arrays, which workers on a machine read without copies."""


@dataclass(frozen=True)
class Recipe:
    """What a worker builds its networks and opens its pictures from; the same for all meetings of a run."""

    settings: Settings
    schedule: Schedule
    pictures: Mapping[str, PictureSet]
    """Empty where workers do not see the same files; batches travel with their meetings then."""
    aligned: Mapping[tuple[str, str], Alignment]
    """The pairs of domains whose pictures pair up."""
    frozen: Mapping[str, tuple[Encoder, Decoder]]
    """The encoders and decoders of frozen domains."""


class Workers(Engine):
    """Trains the domains of a run in the processes of a cluster, to the same bits as in this one.

    `domains` are those of this process; they hold the states after `gather`.
    """

    def __init__(
        self,
        domains: Mapping[str, Domain],
        batches: Batches,
        schedule: Schedule,
        settings: Settings,
        device: torch.device,
        cluster: Cluster,
    ) -> None:
        super().__init__(domains, batches, schedule, settings, device)
        self._cluster, self._sends_pictures = cluster, not _see_the_same(cluster, batches.pictures)
        recipe = Recipe(
            settings,
            schedule,
            {} if self._sends_pictures else batches.pictures,
            batches.aligned,
            {name: _apart(*one.published()) for name, one in domains.items() if one.is_frozen},
        )
        with cluster.explained():
            self._recipe = (uuid.uuid4().hex, [cluster.ray.put(recipe)])  # in a list, so that tasks do not load it
        self._meet = cluster.task(meet, returns=3)
        self._states: dict[str, Any] = {}
        self._meetings: dict[str, int] = {}

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Context of training; after it the cluster is left, and stopped where it was started for this run."""
        with super().at_work():
            try:
                yield
            finally:
                self._cluster.close()

    def groups(self, start: int) -> Iterator[Group]:
        """All meetings up to each pause of the training, one after the other."""
        planned = ((meeting, list[Batch]()) for meeting in self.schedule.meetings(start))
        loaded = self._loaded(start) if self._sends_pictures else planned
        for first in loaded:
            yield self._until_pause(first, loaded)

    def train(self, group: Group, stop: Callable[[], bool] = lambda: False) -> Iterator[list[Losses]]:
        """Hand out meetings in order; each is trained as soon as the states of its two domains are there.

        Gives the losses of every iteration, in order, in lists of those that have arrived. After `stop()` no further
        meeting is handed out. WorkersError where the workers of a meeting died too often.
        """
        waiting: deque[Any] = deque()
        for loaded in group:
            with self._cluster.explained():
                waiting.append(self._hand_out(*loaded))
            if len(waiting) >= self._most_in_flight:
                yield self._arrived(waiting)
            if stop():
                break
        while waiting:
            yield self._arrived(waiting)

    def gather(self) -> None:
        """Load the states of all domains that were trained since the last time."""
        with self._cluster.explained():
            for name, state in self._states.items():
                self.domains[name].load(tensors(self._cluster.ray.get(state)))
        self._states.clear()
        self._meetings.clear()

    def draw(self, iterations: int, tell: Callable[[str], None]) -> None:
        """Draw the scenes that this process will need: none where workers draw them."""
        if self._sends_pictures:
            super().draw(iterations, tell)

    @property
    def _most_in_flight(self) -> int:
        """Meetings that are handed out at a time: enough that no worker waits, and few where `stop` must wait for all.

        No more than there are workers in a cluster that has room for more, so that the rest stays free.
        """
        ahead = max(1, IN_FLIGHT // self.schedule.meeting_length)
        return self._cluster.workers * (1 if self._cluster.room > self._cluster.workers else ahead)

    def _until_pause(self, first: Loaded, rest: Iterator[Loaded]) -> Iterator[Loaded]:
        for loaded in chain([first], rest):
            yield loaded
            if self.schedule.due(loaded[0].iterations.stop).pauses:
                return

    def _hand_out(self, meeting: Meeting, batches: Iterable[Batch]) -> Any:
        """Submit a meeting; gives Ray's reference to its losses."""
        pair = (meeting.a, meeting.b)
        states = [self._state(name) for name in pair]
        *states, losses = self._meet.remote(self._recipe, meeting, batches, *states)
        self._states.update(zip(pair, states, strict=True))
        return losses

    def _arrived(self, waiting: deque[Any]) -> list[Losses]:
        """Wait for the oldest meeting; gives its losses, and those of all that have ended by then, in order."""
        ray, arrived = self._cluster.ray, []
        with self._cluster.explained():
            arrived += ray.get(waiting.popleft())
            while waiting and ray.wait([waiting[0]], timeout=0)[0]:
                arrived += ray.get(waiting.popleft())
        return arrived

    def _state(self, name: str) -> Any:
        """Ray's reference to a domain's state before its next meeting."""
        ray, met = self._cluster.ray, self._meetings.get(name, 0)
        if name not in self._states:
            self._states[name] = ray.put(arrays(self.domains[name].state()))
        elif met % LINEAGE == 0:
            self._states[name] = ray.put(ray.get(self._states[name]))
        self._meetings[name] = met + 1
        return self._states[name]


class Worker(Engine):
    """The engine of a worker: it holds the states of any two domains, those of one meeting after the other."""

    def __init__(self, recipe: Recipe) -> None:
        settings = recipe.settings
        device = machine.device(torch.device(settings.run.device).type)  # Ray chooses which GPU
        batches = building.batches(settings, recipe.pictures)
        batches.aligned = recipe.aligned
        super().__init__({}, batches, recipe.schedule, settings, device)
        self._frozen = {
            name: building.frozen_domain(name, *halves, settings, device) for name, halves in recipe.frozen.items()
        }
        added = bool(self._frozen)  # then one of the two is frozen
        self._places = [building.new_domain("", settings, device, added=added) for _ in range(2 - added)]

    def check_out(self, states: Mapping[str, State]) -> None:
        """Load the states of two domains."""
        places = iter(self._places)
        self.domains = {name: self._frozen.get(name) or next(places) for name in states}
        for name, domain in self.domains.items():
            domain.name = name
            domain.load(tensors(states[name]))

    def images(self, meeting: Meeting) -> Iterator[Batch]:
        """The images of a meeting's iterations, loaded ahead."""
        ahead = self.batches.ahead(meeting.iterations.start, meeting.iterations.stop, lambda _: (meeting.a, meeting.b))
        return ((x, y) for *_, x, y in ahead)


_workers: dict[str, Worker] = {}
"""The engine of the run that this process works for, by the key of its recipe."""


def meet(
    recipe: tuple[str, list[Any]], meeting: Meeting, batches: list[Batch], a: State, b: State
) -> tuple[State, State, list[Losses]]:
    """What a worker does: train a meeting from the states of a and b; gives the states after it, and the losses."""
    key, (reference,) = recipe
    if key not in _workers:
        import ray  # a worker has it; the driver may not

        machine.keep_freed_memory()
        _workers.clear()
        _workers[key] = Worker(ray.get(reference))
    worker = _workers[key]
    worker.check_out({meeting.a: a, meeting.b: b})
    with worker.at_work():
        losses = [cpu(one) for one in worker.meet((meeting, batches or worker.images(meeting)))]
    return arrays(worker.domains[meeting.a].state()), arrays(worker.domains[meeting.b].state()), losses


def cpu(losses: Losses) -> Losses:
    """Losses in host memory."""
    return {name: {part: value.cpu() for part, value in parts.items()} for name, parts in losses.items()}


def arrays(state: Mapping[str, Tensor]) -> State:
    """A state as contiguous NumPy arrays, in host memory."""
    return {name: value.cpu().contiguous().numpy() for name, value in state.items()}


def tensors(state: State) -> dict[str, Tensor]:
    """A state as tensors that share memory with its arrays, which are read-only."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that they are read-only
        return {name: torch.from_numpy(value) for name, value in state.items()}


def _apart(encoder: Encoder, decoder: Decoder) -> tuple[Encoder, Decoder]:
    """Halves whose tensors have memory of their own, so that each is sent without what lies beside it."""
    for half in (encoder, decoder):
        for one in (*half.parameters(), *half.buffers()):
            one.data = one.data.clone()
    return encoder, decoder


def _see_the_same(cluster: Cluster, pictures: Mapping[str, PictureSet]) -> bool:
    """Whether every machine finds the same pictures where this process does."""
    here = {name: one.fingerprint() for name, one in pictures.items()}
    return all(found == here for found in cluster.on_every_machine(_fingerprints, dict(pictures)).values())


def _fingerprints(pictures: Mapping[str, PictureSet]) -> dict[str, str]:
    """Name -> fingerprint; empty where a picture is missing."""
    try:
        return {name: one.fingerprint() for name, one in pictures.items()}
    except PictureError:
        return {}
