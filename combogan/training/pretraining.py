"""Before the first iteration: halves start as copies of one autoencoder, or of the domain nearest to an added one."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from combogan.data.batches import Batches
from combogan.errors import DivergedError
from combogan.evaluation.run_log import lines
from combogan.networks.decoder import Decoder, decoder
from combogan.networks.encoder import Encoder, encoder
from combogan.settings import Settings
from combogan.training import building
from combogan.training.autoencoder import BETAS, autoencode, learning_rate, nearest, start_from
from combogan.training.domain import Domain, reseed
from combogan.training.engine import Engine
from combogan.training.group import NetworkGroup
from combogan.training.journal import Journal
from combogan.training.run_state import RunState, is_finite
from combogan.training.schedule import falls_due

COMPARED = 64
"""Images of each domain that the nearest one is found by."""
LAST = 50
"""The last iterations, whose mean loss is written to the history."""


class Pretraining(Protocol):
    """Gives networks their start, before the first iteration."""

    @property
    def progress(self) -> str:
        """The progress as text; empty where nothing of it is saved."""

    def restore(self, tell: Callable[[str], None]) -> None:
        """Restore what was saved of it, if anything was."""

    def run(self, stop: Callable[[], bool]) -> bool:
        """Carry it out, or the rest of it. False when `stop()` ended it before it was done."""


class AutoencoderStart:
    """Starts every domain's halves as one autoencoder of all their pictures.

    An iteration is a function of settings, pictures and its number, and the state is saved as often as checkpoints are:
    a start that was stopped goes on with the same bits.
    """

    def __init__(self, engine: Engine, settings: Settings, state: RunState, journal: Journal) -> None:
        self._engine, self._settings, self._state, self._journal = engine, settings, state, journal
        self._total = settings.schedule.autoencode
        self._done = self._last_saved = 0
        self._losses: list[Tensor] = []
        self._seconds = 0.0
        """Time that it took before this process."""
        self._began = time.perf_counter()

    @property
    def progress(self) -> str:
        """How many iterations of it are done."""
        return f"{self._done:,} of {self._total:,} iterations of autoencoding" if self._done else ""

    def restore(self, tell: Callable[[str], None]) -> None:
        """Restore the state that was saved last, if there is one."""
        self._state.restore_start(self._load, tell)

    def _load(self, done: int, state: dict[str, Tensor]) -> None:
        if done > self._total:
            raise ValueError(f"{done} iterations of {self._total}")
        self._losses = list(state.pop("losses").to(self._engine.device))
        self._seconds = float(state.pop("seconds", torch.zeros(())))
        self._group.load(state)
        self._done = self._last_saved = done

    def run(self, stop: Callable[[], bool]) -> bool:
        """Train the autoencoder, and copy it into every domain."""
        engine, settings = self._engine, self._settings
        self._began = time.perf_counter() - self._seconds
        every = settings.run.checkpoint_every
        for iteration, _, _, x, y in engine.batches.ahead(self._done, self._total, engine.schedule.pair):
            if stop():
                self._save()
                return False
            if settings.networks.dropout:
                for part, network in self._group.networks.items():
                    reseed(network, settings.run.seed, "autoencoder", iteration, part)
            loss = autoencode(
                self._group,
                [x.to(engine.device), y.to(engine.device)],
                rate=learning_rate(iteration / self._total),
                distance=engine.objective.distance,
                precision=engine.precision,
            )
            self._done = iteration + 1
            self._losses = [*self._losses[1 - LAST :], loss]
            log = falls_due(self._done, settings.run.log_every)
            if log and not loss.isfinite():
                raise self._diverged()
            if self._done == self._total or falls_due(self._done, every):
                self._save()
            self._journal.report.began(self._done, self._total, log=log or self._done == self._total)
        halves = cast(tuple[Encoder, Decoder], (self._group.networks["encoder"], self._group.networks["decoder"]))
        for domain in engine.domains.values():
            start_from(domain, *halves)
        if not any(line.get("event") == "autoencoded" for line in lines(self._journal.folder.history)):
            self._note(time.perf_counter() - self._began)
        return True

    @cached_property
    def _group(self) -> NetworkGroup:
        settings, device = self._settings, self._engine.device
        halves: dict[str, nn.Module] = {
            "encoder": encoder(**building.encoder_shape(settings)),
            "decoder": decoder(**building.decoder_shape(settings)),
        }
        for part, network in halves.items():
            building.first_weights(network, settings, "autoencoder", part, device=device)
        return NetworkGroup(halves, betas=BETAS)

    def _save(self) -> None:
        if self._done > self._last_saved:
            seconds = torch.tensor(time.perf_counter() - self._began, dtype=torch.float64)
            state = self._group.state() | {"losses": torch.stack(self._losses), "seconds": seconds}
            if not is_finite(state):
                raise self._diverged()
            self._state.save_start(self._done, state)
            self._last_saved = self._done

    def _diverged(self) -> DivergedError:
        return DivergedError(
            f"the autoencoder is no longer finite after {self._done} iterations (its loss is "
            f"{self._losses[-1].item():.4g}), so training stopped; try --set run.precision=float32, or "
            "--set schedule.autoencode=0, which starts from chance."
        )

    def _note(self, seconds: float) -> None:
        mean = sum(loss.item() for loss in self._losses) / len(self._losses)
        self._journal.note("autoencoded", 0, iterations=self._total, loss=round(mean, 5), seconds=round(seconds, 1))


def start_as_nearest(new: Domain, domains: Mapping[str, Domain], batches: Batches) -> str:
    """Start an added domain's halves as copies of the old domain nearest in colour; gives the old domain's name."""
    count = max(1, COMPARED // batches.batch)
    images = {name: map(partial(batches.images, name), range(count)) for name in domains}  # a domain at a time
    like = domains[nearest(new.name, images)]
    start_from(new, *like.published())
    return like.name
