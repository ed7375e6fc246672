"""Our code, as benchmarks/speed_measure.py calls it: the step, as the engine calls it, and the translator."""

from __future__ import annotations

from pathlib import Path
from threading import Lock

import torch
from torch import Tensor

from combogan import machine
from combogan.data.pictures import to_picture
from combogan.registry.registry import Registry
from combogan.seeding import numbers
from combogan.settings import Settings
from combogan.training import building
from combogan.training.domain import Domain
from combogan.training.residents import Residents
from combogan.training.step import step
from combogan.translation.translator import Translator


class Training:
    """Domains of a preset with networks of another width, trained a pair at a time."""

    def __init__(
        self, preset: str, *, width: int, size: int, precision: str, domains: int, device: str, grown: bool
    ) -> None:
        """`grown` changes nothing here: a domain has its moments from the beginning."""
        sizes = {"images.size": size, "images.load": size + size // 8}
        settings = Settings.load(preset, {"networks.width": width, "discriminator.width": width, **sizes})
        machine.keep_freed_memory()
        self.device, self.precision = machine.device(device), getattr(torch, precision)
        self.objective, self.rate = building.objective(settings, self.device), settings.optimizer.rate
        self.domains: dict[str, Domain] = {}
        for name in map(str, range(domains)):
            self.domains[name] = building.new_domain(name, settings, self.device)
            self.domains[name].rest()
        machine.return_freed_memory()
        self.residents = Residents(self.domains, self.device)
        self.lock = Lock()

    def prepared(self, image: Tensor) -> Tensor:
        """The image in the memory layout of batches."""
        return image.contiguous(memory_format=torch.channels_last)

    def train(self, iteration: int, pair: tuple[int, int], x: Tensor, y: Tensor) -> None:
        """One iteration on the domains of these numbers."""
        names = [str(number) for number in pair]
        with self.lock:  # pairs at once are of four domains, which all keep their networks
            self.residents.bring(names)
        step(
            *(self.domains[name] for name in names),
            x.to(self.device, non_blocking=True),
            y.to(self.device, non_blocking=True),
            objective=self.objective,
            rate=self.rate,
            precision=self.precision,
            chance=lambda purpose, name: numbers(0, purpose, iteration, name),
        )

    def state_bytes(self) -> int:
        """Bytes of the states of all domains: weights, averages, moments and pools."""
        return sum(value.nbytes for domain in self.domains.values() for value in domain.state().values())

    def weights(self) -> int:
        """How many weights one domain has."""
        self.residents.bring(["0"])
        domain = self.domains["0"]
        networks = (domain.encoder, domain.decoder, domain.discriminator)
        return sum(weight.numel() for network in networks for weight in network.parameters())


class Translating:
    """Packs of the domains a, b, ... in a folder, to translate from the first into all others."""

    def __init__(self, packs: str, *, precision: str, domains: int, device: str) -> None:
        self.translator = Translator(Registry.open(Path(packs)), device, precision)
        self.source, *self.targets = list("abcdefgh"[:domains])

    def translate(self, image: Tensor) -> int:
        """Translate an image into a picture of every other domain; gives their number."""
        fakes = self.translator.translate(self.source, self.targets, image)
        return len([to_picture(fake[0]) for fake in fakes.values()])
