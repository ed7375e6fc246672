"""Before the first iteration: halves start as copies of one autoencoder, or of the domain nearest to an added one."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from combogan.data.batches import Batches
from combogan.errors import DivergedError
from combogan.evaluation.run_log import lines
from combogan.networks.decoder import Decoder
from combogan.networks.encoder import Encoder
from combogan.networks.looks_linear import look_linear
from combogan.settings import Settings
from combogan.training import building
from combogan.training.autoencoder import BETAS, RATES, Colours, autoencode, learning_rate, start_from
from combogan.training.domain import Domain, NetworkGroup, reseed
from combogan.training.engine import Engine
from combogan.training.journal import Journal
from combogan.training.run_state import RunState, is_finite
from combogan.training.schedule import falls_due

COLOUR_IMAGES = 256
"""Images that a domain's colours are measured on."""
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
        self._group.load(state)
        self._done = self._last_saved = done

    def run(self, stop: Callable[[], bool]) -> bool:
        """Train the autoencoder, and copy it into every domain."""
        engine, settings, began = self._engine, self._settings, time.perf_counter()
        colours = {name: colours_of(engine.batches, name, engine.device) for name in engine.domains}
        peak, every = RATES[settings.schedule.autoencode_from], settings.run.checkpoint_every
        for iteration, a, b, x, y in engine.batches.ahead(self._done, self._total, engine.schedule.pair):
            if stop():
                self._save()
                return False
            if settings.networks.dropout:
                for part, network in self._group.networks.items():
                    reseed(network, settings.run.seed, "autoencoder", iteration, part)
            loss = autoencode(
                self._group,
                {a: x.to(engine.device), b: y.to(engine.device)},
                colours,
                rate=learning_rate(iteration / self._total, peak_rate=peak),
                distance=engine.objective.distance,
                precision=engine.precision,
            )
            self._done = iteration + 1
            self._losses = [*self._losses[1 - LAST :], loss]
            if falls_due(self._done, settings.run.log_every) and not loss.isfinite():
                raise self._diverged()
            if self._done == self._total or falls_due(self._done, every):
                self._save()
            self._journal.report.began(self._done, self._total)
        for name, domain in engine.domains.items():
            encoder, decoder = (self._group.networks[part] for part in ("encoder", "decoder"))
            start_from(domain, encoder, decoder, Colours.none(engine.device), colours[name])
        if not any(line.get("event") == "autoencoded" for line in lines(self._journal.folder.history)):
            self._note(time.perf_counter() - began)
        return True

    @cached_property
    def _group(self) -> NetworkGroup:
        settings, device = self._settings, self._engine.device
        encoder, decoder = Encoder(**building.encoder_shape(settings)), Decoder(**building.decoder_shape(settings))
        for part, network in (("encoder", encoder), ("decoder", decoder)):
            building.first_weights(network, settings, "autoencoder", part, device=device)
        if settings.schedule.autoencode_from == "looks-linear":
            look_linear(encoder, decoder)
        return NetworkGroup({"encoder": encoder, "decoder": decoder}, betas=BETAS)

    def _save(self) -> None:
        if self._done > self._last_saved:
            state = self._group.state() | {"losses": torch.stack(self._losses)}
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


def colours_of(batches: Batches, name: str, device: torch.device) -> Colours:
    """The colours of a domain, measured on the images of its first iterations."""
    count = max(1, COLOUR_IMAGES // batches.batch)
    return Colours.of(batches.images(name, iteration).to(device) for iteration in range(count))


def start_as_nearest(new: Domain, domains: Mapping[str, Domain], batches: Batches, device: torch.device) -> str:
    """Start an added domain's halves as copies of the old domain nearest in colour; gives the old domain's name."""
    colours = {name: colours_of(batches, name, device) for name in domains}
    old = sorted(name for name in domains if name != new.name)
    nearest = min(old, key=lambda name: colours[new.name].distance(colours[name]))
    like = domains[nearest]
    start_from(new, like.encoder, like.decoder, colours[nearest], colours[new.name])
    return nearest
