"""Domains that were trained already, where a domain is added or a bridge is built: frozen halves, old discriminators.

Discriminators are trained further, because a frozen one is soon fooled. What is trained is a copy, which stays in the
folder of the new training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from combogan.registry.pack import Pack
from combogan.settings import Settings
from combogan.training import building
from combogan.training.checkpoint import Checkpoints
from combogan.training.domain import Domain, Shared
from combogan.training.folder import RunFolder
from combogan.training.run_state import fitting


def frozen_domain(
    name: str, pack: Pack, settings: Settings, device: torch.device, *, shared: Shared | None = None
) -> Domain:
    """A domain with the halves of its pack, which has no shared blocks, and a new discriminator, at rest. PackError."""
    halves = pack.load_encoder(device).own, pack.load_decoder(device).own
    domain = building.frozen_domain(name, *halves, settings, device, shared=shared)
    domain.rest()
    return domain


def copy_discriminators(
    run: RunFolder, domains: Mapping[str, Domain], tell: Callable[[str], None], *, size: int
) -> None:
    """Load discriminators, with moments and pools, from a run's last checkpoint; others begin fresh.

    That of a domain that was added to the run is in the last checkpoint of the folder in which it was added. Pools
    begin empty where the run's images are not of `size` pixels a side. RunError where a state is of other networks.
    """
    other_size = run.settings().images.size != size
    last = Checkpoints(run.checkpoints, keep=1).newest(tell)
    for name, domain in domains.items():
        found = last
        if found is None or name not in found.parts:
            found = Checkpoints(RunFolder(run.added / name).checkpoints, keep=1).newest(tell)
        if found is not None and name in found.parts:
            state = dict(found.state(name))
            if other_size:
                state.pop("pool", None)
            with fitting(found):
                domain.load(state)
        else:
            tell(f"{run.path} has no discriminator of '{name}'; beginning with a fresh one.")
