"""The numbers of the published programs, and our networks with the same weights."""

import json
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from combogan.published.checkpoint import read_combogan
from combogan.runs.from_published import settings_of, take_over
from combogan.training import building
from combogan.training.domain import Domain, Shared

FIXTURES = Path(__file__).parent / "fixtures"
COMBOGAN = ["plain", "all_losses", "shared", "vanilla", "release"]
TRAINED = [name for name in COMBOGAN if name != "plain"]
CYCLEGAN = ["cyclegan", "cyclegan_dropout6"]
THINNED = 23


class Published:
    """One set of numbers; fixtures/README.md says what they are."""

    def __init__(self, name: str) -> None:
        self.folder = FIXTURES / name
        self.numbers = np.load(self.folder / "expected.npz")

    @cached_property
    def card(self):
        return json.loads((self.folder / "expected.json").read_text())

    @cached_property
    def exact(self):
        return np.load(self.folder / "exact.npz")

    @property
    def count(self) -> int:
        return len(self.numbers["images"])

    def image(self, name: str, dtype=torch.float32) -> torch.Tensor:
        return torch.from_numpy(self.numbers[name]).to(dtype)

    def apart(self, found: torch.Tensor, name: str) -> float:
        """Largest difference between what we found and what is expected."""
        return float(np.abs(thin(found) - self.numbers[name]).max())


def thin(found: torch.Tensor, every: int = THINNED) -> np.ndarray:
    return found.detach().numpy().ravel()[::every]


def domains_of(published: Published, names: list[str], dtype: torch.dtype):
    """Domains with the weights of the checkpoint, ready to be trained, and their settings."""
    original = read_combogan(published.folder, names)
    settings, device = settings_of(original), torch.device("cpu")
    chosen, domains = settings.optimizer, {}
    shared = building.shared_blocks(settings, names, device)
    if shared is not None:
        shared = Shared(shared.encoder.to(dtype), shared.decoder.to(dtype), betas=chosen.betas, ema=chosen.ema)
    for place, name in enumerate(names):
        made = building.new_domain(name, settings, device)
        networks = (network.to(dtype) for network in (made.encoder, made.decoder, made.discriminator))
        about = {"betas": chosen.betas, "ema": chosen.ema, "pool": chosen.pool}
        domains[name] = Domain(name, *networks, **about, shared=shared, place=place)
    take_over(domains, original)
    return domains, settings


def group_of(domains, names: list[str], network: str):
    """The group of networks, and the network in it, of a published name such as encoder_0 or shared_decoder."""
    kind, number = network.rsplit("_", 1)
    if kind == "shared":
        return next(iter(domains.values())).shared.generator_group, number
    domain = domains[names[int(number)]]
    return (domain.discriminator_group if kind == "discriminator" else domain.generator_group), kind
