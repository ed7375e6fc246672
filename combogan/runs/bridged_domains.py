"""The domains of two runs while a bridge is built between them: frozen halves, trained discriminators, and the bridge.

Discriminators are trained further, as where a domain is added; what is trained is a copy in the bridge's own folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import torch

import combogan
from combogan.errors import PackError
from combogan.networks.adapter import Adapter
from combogan.networks.latent import Maps
from combogan.registry.bridge import folder_name, write_bridge
from combogan.registry.copies import copy_packs
from combogan.registry.pack import Pack
from combogan.registry.swap import replacing
from combogan.runs.bridge_card import Bridging, End
from combogan.seeding import numbers
from combogan.settings import Settings
from combogan.training import building
from combogan.training.checkpoint import Checkpoints
from combogan.training.domain import Domain, NetworkGroup, shared_by
from combogan.training.engine import Engine
from combogan.training.folder import RunFolder
from combogan.training.halves import Halves, inference
from combogan.training.pretraining import COMPARED
from combogan.training.publishing import Published
from combogan.training.report import Report
from combogan.training.schedule import Pairs


def domains(
    bridging: Bridging, settings: Settings, names: Iterable[str], device: torch.device, adapters_on: torch.device
) -> dict[str, Domain]:
    """The named domains of both runs with frozen halves; those of the first run share the adapters. PackError."""
    packs = {name: Pack.open(path) for end in bridging.ends for name, path in end.packs.items()}
    here, beyond = (end.latent for end in bridging.ends)
    shared = building.adapters(here, beyond, settings, adapters_on)
    found = {}
    for name in names:
        halves = packs[name].load_encoder(device).own, packs[name].load_decoder(device).own
        between = shared if name in bridging.a.packs else None
        found[name] = building.frozen_domain(name, *halves, settings, device, shared=between)
    return found


def pair(pairs: Sequence[tuple[str, str]], number: int, *, how: Pairs, seed: int) -> tuple[str, str]:
    """The pair of a meeting, one domain of each run: drawn at random, or each in turn, in a new order every round."""
    if how == "random":
        return pairs[int(numbers(seed, "pair", number).integers(len(pairs)))]
    order = numbers(seed, "round", number // len(pairs)).permutation(len(pairs))
    return pairs[order[number % len(pairs)]]


class BridgeStart:
    """The start of a bridge: the runs' last discriminators, and adapters that fit what both runs see in pictures."""

    progress = ""

    def __init__(self, bridging: Bridging, engine: Engine, settings: Settings, report: Report) -> None:
        self._bridging, self._engine, self._settings, self._report = bridging, engine, settings, report

    def restore(self, tell: Callable[[str], None]) -> None:
        """Does nothing: this start takes seconds and is not saved."""

    def run(self, stop: Callable[[], bool]) -> bool:
        """Copy discriminators and fit adapters. Never stopped: gives True. PackError where a pack has changed."""
        _refuse_changed(self._bridging)
        for end in self._bridging.ends:
            self._copy_discriminators(end)
        self._fit()
        return True

    def _copy_discriminators(self, end: End) -> None:
        """Load the discriminators of a run, with moments and pools, from its last checkpoint; others begin fresh."""
        folder, tell = RunFolder.open(Path(end.run)), self._report.tell
        then, now = folder.settings(), self._settings
        alike = building.discriminator_shape(then) == building.discriminator_shape(now)
        checkpoint = None
        if alike and bool(then.losses.heads) == bool(now.losses.heads):
            checkpoint = Checkpoints(folder.checkpoints, keep=1).newest(tell)
        for name, domain in self._engine.domains.items():
            if name in end.packs:
                if checkpoint is not None and name in checkpoint.parts:
                    domain.load(checkpoint.state(name))
                else:
                    tell(f"there is no discriminator of '{name}' that fits; beginning with a fresh one.")

    def _fit(self) -> None:
        """Fit both adapters, as weights and as averages, to the maps that encoders of both runs give for an image."""
        group = _adapters(self._engine.domains)
        for networks in (group.networks, group.averages):
            if len(networks):
                cast(Adapter, networks["encoder"]).fit(self._examples(there=True))
                cast(Adapter, networks["decoder"]).fit(self._examples(there=False))

    def _examples(self, *, there: bool) -> Iterator[tuple[Maps, Maps]]:
        """For images of the domains that an adapter leads to: the maps of an encoder of the other run, and their own."""
        engine = self._engine
        count = max(1, COMPARED // engine.batches.batch)
        for a, b in self._bridging.pairs(sorted(engine.domains)):
            source, target = (a, b) if there else (b, a)
            encoders = engine.domains[source].encoder, engine.domains[target].encoder
            for iteration in range(count):
                image = engine.batches.images(target, iteration).to(engine.device)
                with inference(*encoders):
                    taken, given = (encoder(image) for encoder in encoders)
                yield taken, given


class BridgePublisher:
    """Writes a bridge, and beside it copies of the packs that it connects; checks that these are unchanged."""

    while_training = False

    def __init__(self, bridging: Bridging, folder: RunFolder) -> None:
        self._bridging, self._folder = bridging, folder

    def publish(self, halves: Halves) -> Published:
        """Write the bridge. PackError where a pack has changed."""
        bridging, target = self._bridging, self._folder.packs
        _refuse_changed(bridging)
        one = next(name for name in halves.encoders if name in bridging.a.packs)
        other = next(name for name in halves.encoders if name in bridging.b.packs)
        there, back = halves.encoders[one].blocks, halves.decoders[one].blocks
        packs = [Pack.open(path) for end in bridging.ends for path in end.packs.values()]
        about = {
            "combogan": combogan.__version__,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "iterations": halves.iteration,
            "runs": [bridging.a.run, bridging.b.run],
        }
        bridge = Path(folder_name((bridging.a.space, bridging.b.space)))
        with replacing(target) as new:
            copy_packs(packs, new)
            write_bridge(
                new / bridge,
                cast(Adapter, there),
                cast(Adapter, back),
                latents=(halves.encoders[one].latent, halves.encoders[other].latent),
                about=about,
            )
        _refuse_changed(bridging)
        return Published(
            halves.iteration,
            (
                f"bridge:    {target / bridge}",
                f"unchanged: the {len(packs)} packs of {bridging.a.run} and {bridging.b.run}, checked to the byte",
                f"translate: combogan translate --from {one} --to {other} --registry {self._folder.path}",
            ),
        )


def _adapters(domains: Mapping[str, Domain]) -> NetworkGroup:
    shared = shared_by(domains)
    assert shared is not None
    return shared.generator_group


def _refuse_changed(bridging: Bridging) -> None:
    if changed := bridging.changed_files():
        raise PackError(f"{changed[0]} has changed while the bridge was built; something else wrote to it.")
